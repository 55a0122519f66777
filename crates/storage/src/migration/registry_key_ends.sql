-- The end of which endpoints were told, and the shortest time before it, in days, for which they were: another end is told of anew.
ALTER TABLE registry_keys ADD COLUMN webhooks_notified_end BIGINT;
ALTER TABLE registry_keys ADD COLUMN webhooks_notified_days BIGINT;
