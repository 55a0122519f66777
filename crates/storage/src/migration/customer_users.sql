-- The users of customers. Until now a customer was one address, which becomes the first of them, and an admin.
CREATE TABLE customer_users (
    id $UUID PRIMARY KEY,
    organization_id $UUID NOT NULL REFERENCES organizations (id),
    customer_id $UUID NOT NULL REFERENCES customers (id),
    email TEXT NOT NULL,
    -- By which addresses are compared.
    email_key TEXT NOT NULL,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    -- As members' are.
    password TEXT,
    authenticator $BYTES,
    last_step BIGINT NOT NULL DEFAULT 0,
    recovery TEXT NOT NULL DEFAULT '[]',
    -- Null of who was invited and has not accepted.
    joined_at BIGINT,
    signed_in_at BIGINT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    version BIGINT NOT NULL
);
CREATE UNIQUE INDEX customer_users_email_key ON customer_users (customer_id, email_key);
CREATE INDEX customer_users_sign_in ON customer_users (email_key);
CREATE INDEX customer_users_list ON customer_users (organization_id, customer_id, id);
CREATE INDEX customer_users_all ON customer_users (organization_id, id);
CREATE INDEX customer_users_invited ON customer_users (updated_at) WHERE joined_at IS NULL;

-- By which address the user is known who stands for the contact address. Older servers neither set nor follow it.
ALTER TABLE customers ADD COLUMN contact_key TEXT;

-- Older servers know the customer alone, who is the holder and the target.
ALTER TABLE sessions ADD COLUMN customer_user_id $UUID;
CREATE INDEX sessions_customer_user ON sessions (customer_user_id) WHERE customer_user_id IS NOT NULL;
ALTER TABLE links ADD COLUMN customer_user_id $UUID;
CREATE INDEX links_customer_user ON links (customer_user_id) WHERE customer_user_id IS NOT NULL;

-- Those whose data was erased have no address any more.
INSERT INTO customer_users
    (id, organization_id, customer_id, email, email_key, name, role, joined_at, created_at, updated_at, version)
    SELECT $ID_LIKE(id), organization_id, id, email, email_key, name, 'admin', created_at, created_at, created_at, 1
    FROM customers WHERE deleted_at IS NULL AND email_key NOT LIKE '%@erased.invalid';
UPDATE customers SET contact_key = email_key WHERE deleted_at IS NULL;
UPDATE sessions SET customer_user_id = (SELECT id FROM customer_users WHERE customer_users.customer_id = sessions.holder_id)
    WHERE holder = 'customer';
UPDATE links SET customer_user_id = (SELECT id FROM customer_users WHERE customer_users.customer_id = links.target)
    WHERE purpose = 'customer_sign_in';
