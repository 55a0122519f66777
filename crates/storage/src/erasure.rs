//! Takes a person out of what is kept: of their own row, and of what logs tell.

use std::collections::BTreeMap;

use keyward_domain::{CustomerUserRef, Email, Name, OrganizationScope, RecordedEvent};
use sea_orm::{ConnectionTrait as _, DbBackend, EntityTrait as _, Statement, Value};
use serde_json::Value as Json;
use uuid::Uuid;

use crate::Result;
use crate::audit::{self, Told};
use crate::connection::Connection;
use crate::convert::Table;
use crate::folding::search_text;

const OUTBOX: Table = Table("outbox");

/// How many lines are looked at in one go.
const MOST_LINES: u64 = 500;

/// Who is taken out, and what stands in their place.
#[derive(Debug, Clone)]
pub struct Person {
    /// By which rows name them; `None` of someone who is gone.
    pub id: Option<Uuid>,
    /// Their name.
    pub name: Option<Name>,
    /// Their address.
    pub email: Email,
    /// What is said instead of the name.
    pub pseudonym: Name,
    /// And instead of the address.
    pub pseudonymous_email: Email,
}

impl Person {
    /// The same text without the person. Values that are the name go, and the address wherever it stands.
    fn leave(&self, value: &mut Json) {
        match value {
            Json::String(text) => {
                if self.name.as_ref().is_some_and(|name| name.as_str() == text) {
                    *text = self.pseudonym.to_string();
                } else {
                    replace(text, self.email.as_str(), self.pseudonymous_email.as_str());
                }
            }
            Json::Array(values) => values.iter_mut().for_each(|value| self.leave(value)),
            Json::Object(values) => values.values_mut().for_each(|value| self.leave(value)),
            Json::Null | Json::Bool(_) | Json::Number(_) => {}
        }
    }

    /// The same event without the person: what it tells of them, and from where they came.
    fn leave_event(&self, event: &mut RecordedEvent) {
        event.event.detail.values_mut().for_each(|value| self.leave(value));
        let names = &mut event.names;
        for name in [&mut names.actor, &mut names.maker, &mut names.target].into_iter().flatten() {
            let mut value = Json::String(std::mem::take(name));
            self.leave(&mut value);
            *name = value.as_str().unwrap_or_default().to_owned();
        }
        let (_, actor) = event.event.actor.parts();
        let maker = event.maker.map(|maker| maker.uuid());
        // An event that tells of nobody has no such id.
        if self.id.is_some() && event.event.target == self.id {
            // What they were called before.
            event.event.detail.remove("changes");
            event.names.target = Some(self.pseudonym.to_string());
            if let Some(name) = event.event.detail.get_mut("name") {
                *name = self.pseudonym.as_str().into();
            }
            if let Some(email) = event.event.detail.get_mut("email") {
                *email = self.pseudonymous_email.as_str().into();
            }
        }
        if self.id.is_some() && (actor == self.id || maker == self.id) {
            event.event.address = None;
            if actor == self.id {
                event.event.detail.remove("address");
            }
            // The name they had then, which may have been another.
            let own = if actor == self.id { &mut event.names.actor } else { &mut event.names.maker };
            *own = Some(self.pseudonym.to_string());
        }
    }
}

/// Replaces an address in whatever case it was typed.
fn replace(text: &mut String, address: &str, by: &str) {
    let (lower, address) = (text.to_ascii_lowercase(), address.to_ascii_lowercase());
    for (at, _) in lower.rmatch_indices(&address) {
        text.replace_range(at..at + address.len(), by);
    }
}

/// People of one organization, to be taken out.
pub struct Erasure<'a> {
    pub(crate) tx: &'a Connection,
    pub(crate) scope: OrganizationScope,
}

impl Erasure<'_> {
    /// Takes a person out of the next lines of the audit log that tell of them, after the line of this number. Gives the number
    /// of the last one; `None` if there are no more.
    pub async fn leave_log(&self, person: &Person, after: i64) -> Result<Option<i64>> {
        let backend = self.tx.get_database_backend();
        let find = match backend {
            DbBackend::Postgres => "strpos",
            _ => "instr",
        };
        let sql = format!(
            "SELECT * FROM audit_events WHERE organization_id = $1 AND sequence > $2
                AND (target = $3 OR actor_id = $3 OR maker_id = $3
                    OR {find}(lower(detail), $4) > 0 OR {find}(detail, $5) > 0
                    OR {find}(lower(names), $4) > 0 OR {find}(names, $5) > 0)
                ORDER BY sequence LIMIT {MOST_LINES}"
        );
        let email = person.email.as_str().to_ascii_lowercase();
        // As JSON writes it.
        let name = Json::String(person.name.as_ref().map_or(email.clone(), ToString::to_string)).to_string();
        let values: [Value; 5] = [
            self.scope.id().uuid().into(),
            after.into(),
            person.id.unwrap_or_default().into(),
            email.into(),
            name.into(),
        ];
        let found = Statement::from_sql_and_values(backend, sql, values);
        let mut last = None;
        for row in audit::row::Entity::find().from_raw_sql(found).all(self.tx).await? {
            let (id, sequence) = (row.id, row.sequence);
            last = Some(sequence);
            let mut event = audit::read(row)?;
            if !event.forget(|event| person.leave_event(event)) {
                continue;
            }
            self.write_told(id, Told::of(&event)?).await?;
        }
        Ok(last)
    }

    /// Takes a person out of the next messages in the outbox that tell of them, after the one with this id, and out of what
    /// endpoints have answered to them. Gives the id of the last one; `None` if there are no more.
    pub async fn leave_outbox(&self, person: &Person, after: Uuid) -> Result<Option<Uuid>> {
        let backend = self.tx.get_database_backend();
        let find = match backend {
            DbBackend::Postgres => "strpos",
            _ => "instr",
        };
        let sql = format!(
            "SELECT id, payload FROM outbox WHERE organization_id = $1 AND id > $2
                AND ({find}(payload, $3) > 0 OR {find}(lower(payload), $4) > 0 OR {find}(payload, $5) > 0)
                ORDER BY id LIMIT {MOST_LINES}"
        );
        let email = person.email.as_str().to_ascii_lowercase();
        let name = Json::String(person.name.as_ref().map_or(email.clone(), ToString::to_string)).to_string();
        let id = person.id.map_or(email.clone(), |id| id.to_string());
        let values: [Value; 5] =
            [self.scope.id().uuid().into(), after.into(), id.clone().into(), email.into(), name.into()];
        let found = self.tx.query_all_raw(Statement::from_sql_and_values(backend, sql, values)).await?;
        let mut last = None;
        for row in found {
            let (message, payload): (Uuid, String) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
            last = Some(message);
            let mut left: Json = OUTBOX.take("payload", serde_json::from_str(&payload))?;
            person.leave(&mut left);
            if left["data"]["id"] == id.as_str()
                && let Some(detail) = left["detail"].as_object_mut()
            {
                // What they were called before.
                detail.remove("changes");
            }
            if left["actor"]["id"] == id.as_str()
                && let Some(detail) = left["detail"].as_object_mut()
            {
                // From where they signed in.
                detail.remove("address");
            }
            self.write("UPDATE outbox SET payload = $2 WHERE id = $1", message, left.to_string()).await?;
            let answers = "UPDATE webhook_attempts SET response = $2 WHERE response <> $2
                AND delivery_id IN (SELECT id FROM webhook_deliveries WHERE message_id = $1)";
            self.write(answers, message, String::new()).await?;
        }
        Ok(last)
    }

    /// Writes what an event tells without the person. All else of its row stays.
    async fn write_told(&self, id: Uuid, told: Told) -> Result<()> {
        let values: [Value; 7] = [
            id.into(),
            told.detail.into(),
            told.salt.into(),
            told.salts_left.into(),
            told.address.into(),
            told.names.into(),
            told.search.into(),
        ];
        let sql = "UPDATE audit_events SET detail = $2, salt = $3, salts_left = $4, address = $5, names = $6, search = $7
            WHERE id = $1";
        let backend = self.tx.get_database_backend();
        self.tx.execute_raw(Statement::from_sql_and_values(backend, sql, values)).await?;
        Ok(())
    }

    /// The customers with this address, the deleted ones too: id and name of each.
    pub async fn customers(&self, email: &Email) -> Result<Vec<(Uuid, Name)>> {
        let backend = self.tx.get_database_backend();
        let sql = "SELECT id, name FROM customers
            WHERE organization_id = $1 AND (email_key = $2 OR lower(email) = $3) ORDER BY id";
        let (key, lower) = (email.key().as_str().to_owned(), email.as_str().to_ascii_lowercase());
        let values: [Value; 3] = [self.scope.id().uuid().into(), key.into(), lower.into()];
        let found = self.tx.query_all_raw(Statement::from_sql_and_values(backend, sql, values)).await?;
        found
            .into_iter()
            .map(|row| Ok((row.try_get_by_index(0)?, Table::name(&row.try_get_by_index::<String>(1)?))))
            .collect()
    }

    /// The users of customers with this address: each with its name.
    pub async fn customer_users(&self, email: &Email) -> Result<Vec<(CustomerUserRef, Name)>> {
        let backend = self.tx.get_database_backend();
        let sql = "SELECT customer_id, id, name FROM customer_users
            WHERE organization_id = $1 AND email_key = $2 ORDER BY id";
        let values: [Value; 2] = [self.scope.id().uuid().into(), email.key().as_str().to_owned().into()];
        let found = self.tx.query_all_raw(Statement::from_sql_and_values(backend, sql, values)).await?;
        let read = |row: sea_orm::QueryResult| {
            let of = CustomerUserRef {
                customer: row.try_get_by_index::<Uuid>(0)?.into(),
                user: row.try_get_by_index::<Uuid>(1)?.into(),
            };
            Ok((of, Table::name(&row.try_get_by_index::<String>(2)?)))
        };
        found.into_iter().map(read).collect()
    }

    /// The people with this address of whom the log alone still knows, by events about such a noun: id and name of each.
    pub async fn former(&self, noun: &str, email: &Email) -> Result<Vec<(Uuid, Name)>> {
        let backend = self.tx.get_database_backend();
        let find = match backend {
            DbBackend::Postgres => "strpos",
            _ => "instr",
        };
        let sql = format!(
            "SELECT * FROM audit_events WHERE organization_id = $1 AND action LIKE $3 AND target IS NOT NULL
                AND {find}(lower(detail), $2) > 0 ORDER BY sequence"
        );
        let values: [Value; 3] = [
            self.scope.id().uuid().into(),
            email.as_str().to_ascii_lowercase().into(),
            format!("{noun}.%").into(),
        ];
        let found = Statement::from_sql_and_values(backend, sql, values);
        let mut people = BTreeMap::new();
        for row in audit::row::Entity::find().from_raw_sql(found).all(self.tx).await? {
            let event = audit::read(row)?;
            let theirs = event.detail.get("email").and_then(Json::as_str);
            let theirs = theirs.is_some_and(|theirs| theirs.eq_ignore_ascii_case(email.as_str()));
            if let (Some(id), true) = (event.target, theirs) {
                let name = event.names.target.as_deref().unwrap_or(email.as_str());
                people.entry(id).or_insert_with(|| Table::name(name));
            }
        }
        Ok(people.into_iter().collect())
    }

    /// Takes a customer's name, address and notes out of their row, and out of what the row is found by.
    pub async fn leave_customer(&self, person: &Person) -> Result<()> {
        let (name, email) = (person.pseudonym.as_str(), &person.pseudonymous_email);
        let values: [Value; 6] = [
            self.scope.id().uuid().into(),
            person.id.unwrap_or_default().into(),
            name.into(),
            email.as_str().into(),
            email.key().as_str().into(),
            search_text(&[name, email.as_str()], Some(email)).into(),
        ];
        let sql = "UPDATE customers SET name = $3, email = $4, email_key = $5, contact_key = $5, search = $6, notes = NULL,
            version = version + 1 WHERE organization_id = $1 AND id = $2";
        let backend = self.tx.get_database_backend();
        self.tx.execute_raw(Statement::from_sql_and_values(backend, sql, values)).await?;
        Ok(())
    }

    /// Takes a person's name out of the management tokens that they have made.
    pub async fn leave_tokens(&self, person: &Person) -> Result<()> {
        let sql = "UPDATE management_tokens SET maker_name = $3
            WHERE organization_id = $1 AND maker_id = $2 AND maker_name IS NOT NULL AND $4 <> ''";
        self.with_pseudonyms(sql, person).await
    }

    /// Removes mails to a person that are on their way.
    pub async fn remove_mails(&self, person: &Person) -> Result<()> {
        let backend = self.tx.get_database_backend();
        let values: [Value; 2] =
            [self.scope.id().uuid().into(), person.email.as_str().to_ascii_lowercase().into()];
        let sql = "DELETE FROM mails WHERE organization_id = $1 AND lower(recipient) = $2";
        self.tx.execute_raw(Statement::from_sql_and_values(backend, sql, values)).await?;
        Ok(())
    }

    async fn with_pseudonyms(&self, sql: &str, person: &Person) -> Result<()> {
        let values: [Value; 4] = [
            self.scope.id().uuid().into(),
            person.id.unwrap_or_default().into(),
            person.pseudonym.to_string().into(),
            person.pseudonymous_email.to_string().into(),
        ];
        let backend = self.tx.get_database_backend();
        self.tx.execute_raw(Statement::from_sql_and_values(backend, sql, values)).await?;
        Ok(())
    }

    async fn write(&self, sql: &str, id: Uuid, text: String) -> Result<()> {
        let values: [Value; 2] = [id.into(), text.into()];
        let backend = self.tx.get_database_backend();
        self.tx.execute_raw(Statement::from_sql_and_values(backend, sql, values)).await?;
        Ok(())
    }
}
