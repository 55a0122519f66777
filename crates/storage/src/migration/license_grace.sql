-- When a license ends by its contract, where that is before it is valid no longer: between the two it is in its grace.
ALTER TABLE revisions ADD COLUMN ends_at BIGINT CHECK (ends_at > not_before AND ends_at < expires_at);
CREATE INDEX revisions_grace ON revisions (organization_id, ends_at, expires_at) WHERE state = 'current' AND ends_at IS NOT NULL;
-- The licenses in order of their end, those without one last.
CREATE INDEX revisions_order ON revisions (organization_id, COALESCE(expires_at, 9223372036854775807), license_id) WHERE state = 'current';
