-- For which deployment an agent pulled. The license beside it is one that opened what was pulled, so that older servers read the
-- line as that license's.
ALTER TABLE registry_events ADD COLUMN deployment_id $UUID;
CREATE INDEX registry_events_deployment ON registry_events (deployment_id, at) WHERE deployment_id IS NOT NULL;
