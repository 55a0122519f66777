//! The names of a registry's keys that are alive are unique.

pub(super) const STATEMENTS: &[&str] = &[
    // The name, for as long as no other key may have it. An index can't know when a key runs out: whoever wants the name
    // takes it from the dead.
    "ALTER TABLE registry_keys ADD COLUMN living_name TEXT",
    // Of several that have one name already the latest has it; the others go on as they are.
    "UPDATE registry_keys SET living_name = name WHERE revoked_at IS NULL AND NOT EXISTS (
        SELECT 1 FROM registry_keys AS later
        WHERE later.registry_id = registry_keys.registry_id AND later.name = registry_keys.name
        AND later.revoked_at IS NULL AND later.id > registry_keys.id
    )",
    "CREATE UNIQUE INDEX registry_keys_living_name ON registry_keys (registry_id, living_name)
        WHERE living_name IS NOT NULL",
];
