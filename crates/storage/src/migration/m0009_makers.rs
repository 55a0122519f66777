//! Who made each management token. A token acts for its maker, so a wrong one must not lend it more than it had:
//!
//! - with the scope `operator`, it descends from the operator's command line and is the operator's;
//! - created by a member, as the audit log says, it is that member's, removed or not;
//! - created by no one, it came with its organization and is that of the first owner, who was added by no one either;
//! - created with another token, it has that token's maker;
//! - what is left is nobody's, and ends until an owner takes it over.

pub(super) const STATEMENTS: &[&str] = &[
    "ALTER TABLE management_tokens ADD COLUMN maker TEXT NOT NULL DEFAULT 'unknown'
        CHECK (maker IN ('member', 'operator', 'unknown'))",
    // Stays when the member goes.
    "ALTER TABLE management_tokens ADD COLUMN maker_id $UUID",
    "ALTER TABLE management_tokens ADD COLUMN maker_name TEXT",
    "UPDATE management_tokens SET maker = 'operator' WHERE ' ' || scopes || ' ' LIKE '% operator %'",
    "UPDATE management_tokens SET maker = 'member', maker_id = (
            SELECT event.actor_id FROM audit_events AS event
            WHERE event.action = 'token.created' AND event.actor = 'member' AND event.target = management_tokens.id)
        WHERE maker = 'unknown' AND EXISTS (
            SELECT 1 FROM audit_events AS event
            WHERE event.action = 'token.created' AND event.actor = 'member' AND event.target = management_tokens.id)",
    "UPDATE management_tokens SET maker = 'member', maker_id = (
            SELECT member.id FROM members AS member
            WHERE member.organization_id = management_tokens.organization_id AND NOT EXISTS (
                SELECT 1 FROM audit_events AS event
                WHERE event.action = 'member.created' AND event.target = member.id)
            ORDER BY member.id LIMIT 1)
        WHERE maker = 'unknown' AND NOT EXISTS (
            SELECT 1 FROM audit_events AS event
            WHERE event.action = 'token.created' AND event.target = management_tokens.id)",
    // The first owner was removed.
    "UPDATE management_tokens SET maker = 'unknown' WHERE maker = 'member' AND maker_id IS NULL",
    "WITH RECURSIVE made (id, maker, maker_id) AS (
            SELECT id, maker, maker_id FROM management_tokens WHERE maker <> 'unknown'
            UNION
            SELECT event.target, made.maker, made.maker_id FROM made JOIN audit_events AS event
                ON event.action = 'token.created' AND event.actor = 'token' AND event.actor_id = made.id)
        UPDATE management_tokens SET
            maker = (SELECT made.maker FROM made WHERE made.id = management_tokens.id),
            maker_id = (SELECT made.maker_id FROM made WHERE made.id = management_tokens.id)
        WHERE maker = 'unknown' AND id IN (SELECT made.id FROM made)",
    "UPDATE management_tokens SET maker_name = COALESCE(
            (SELECT member.name FROM members AS member WHERE member.id = management_tokens.maker_id), 'Removed member')
        WHERE maker = 'member'",
    // What concerns owners has become a scope of its own. Whoever could do it and may do it keeps it.
    "UPDATE management_tokens SET scopes = scopes || ' owners:write'
        WHERE ' ' || scopes || ' ' LIKE '% members:write %' AND ' ' || scopes || ' ' LIKE '% organizations:write %'
            AND (maker = 'operator' OR maker_id IN (SELECT member.id FROM members AS member WHERE member.role = 'owner'))",
];
