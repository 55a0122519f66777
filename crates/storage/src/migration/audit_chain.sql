-- The chain of an organization's events: their numbers and hashes, what things were called, and what opens the commitments to
-- that. Older servers know none of it: what they write, and what was there before, is not in the chain.
ALTER TABLE audit_events ADD COLUMN seq BIGINT;
ALTER TABLE audit_events ADD COLUMN hash $BYTES;
ALTER TABLE audit_events ADD COLUMN salt $BYTES;
-- In place of the salt once someone was forgotten: the salts and commitments of the single values.
ALTER TABLE audit_events ADD COLUMN salts_left TEXT;
ALTER TABLE audit_events ADD COLUMN maker_id $UUID;
ALTER TABLE audit_events ADD COLUMN address TEXT;
ALTER TABLE audit_events ADD COLUMN names TEXT;
-- What is searched, folded.
ALTER TABLE audit_events ADD COLUMN search TEXT;
CREATE UNIQUE INDEX audit_events_chain ON audit_events (organization_id, seq);
CREATE INDEX audit_events_actor ON audit_events (organization_id, actor_id, sequence);
CREATE INDEX audit_events_action ON audit_events (organization_id, action, sequence);
CREATE INDEX audit_events_time ON audit_events (organization_id, at, sequence);
CREATE INDEX audit_events_target ON audit_events (organization_id, target, sequence);

-- The end of the chain, up to where it was signed and when, and where what is kept begins.
ALTER TABLE organizations ADD COLUMN audit_seq BIGINT NOT NULL DEFAULT 0;
ALTER TABLE organizations ADD COLUMN audit_hash $BYTES NOT NULL DEFAULT $EMPTY;
ALTER TABLE organizations ADD COLUMN audit_signed_seq BIGINT NOT NULL DEFAULT 0;
ALTER TABLE organizations ADD COLUMN audit_signed_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE organizations ADD COLUMN audit_cut_seq BIGINT NOT NULL DEFAULT 0;

-- What was signed: that the chain ends so, at this number.
CREATE TABLE audit_checkpoints (
    organization_id $UUID NOT NULL REFERENCES organizations (id),
    seq BIGINT NOT NULL,
    hash $BYTES NOT NULL,
    at BIGINT NOT NULL,
    token TEXT NOT NULL,
    PRIMARY KEY (organization_id, seq)
);
CREATE INDEX audit_checkpoints_at ON audit_checkpoints (at);

-- What happened on a day that has no event of its own, until the day is over and an event tells the sums.
CREATE TABLE audit_counts (
    organization_id $UUID NOT NULL REFERENCES organizations (id),
    day BIGINT NOT NULL,
    what TEXT NOT NULL,
    count BIGINT NOT NULL,
    PRIMARY KEY (organization_id, day, what)
);
CREATE INDEX audit_counts_day ON audit_counts (day);
