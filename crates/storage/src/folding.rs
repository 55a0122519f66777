//! What texts are compared by, kept next to them. Whoever writes a row folds it; what a program has written that does not
//! know how, an older one beside this one or before it, is folded here.

use std::collections::BTreeSet;

use keyward_domain::Email;
use keyward_domain::text::{Needle, fold};
use sea_orm::sea_query::{Expr, ExprTrait as _, LikeExpr, SimpleExpr};
use sea_orm::{ColumnTrait, ConnectionTrait as _, DbBackend, DbErr, QueryResult, Statement, Value};
use uuid::Uuid;

use crate::connection::Connection;
use crate::store::MIGRATION_LOCK;
use crate::{Result, StorageError, Store, Technical, Unique};

/// How many rows are folded in one transaction.
const ROWS: u64 = 500;

/// A table whose rows are searched: its name, its columns of text, and the one that is an address.
struct Searched {
    table: &'static str,
    texts: &'static [&'static str],
    email: Option<&'static str>,
}

const SEARCHED: [Searched; 4] = [
    Searched { table: "customers", texts: &["name", "email"], email: Some("email") },
    Searched { table: "licenses", texts: &["name"], email: None },
    Searched { table: "products", texts: &["name"], email: None },
    Searched { table: "applications", texts: &["name"], email: None },
];

/// As the indexes have it.
const UNFOLDED: &str = "folded_version IS NULL OR folded_version <> version";
const UNFOLDED_MEMBERS: &str = "email_key IS NULL";

/// What is searched of a row: its texts, each on a line of its own. An address is found as it was typed, and as it is mailed to.
pub(crate) fn search_text(texts: &[&str], email: Option<&Email>) -> String {
    let mut lines: Vec<String> = texts.iter().map(|text| fold(text)).collect();
    if let Some(email) = email {
        let key = email.key();
        if !lines.iter().any(|line| line == key.as_str()) {
            lines.push(key.as_str().to_owned());
        }
    }
    lines.join("\n")
}

/// Whether a column of folded text contains a text.
pub(crate) fn contains<C: ColumnTrait>(column: C, text: &str) -> SimpleExpr {
    let Some(needle) = Needle::new(text) else { return Expr::value(1).eq(0) };
    let mut pattern = String::from("%");
    for c in needle.as_str().chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    Expr::col(column.as_column_ref()).like(LikeExpr::new(pattern).escape('\\'))
}

impl Store {
    /// Folds what was written without; whether there was anything. Of several servers, one does it at a time.
    pub async fn fold_texts(&self) -> Result<bool> {
        let tx = self.read().await?;
        let (backend, mut found) = (tx.inner.get_database_backend(), false);
        for query in unfolded() {
            found = found || tx.inner.query_one_raw(Statement::from_string(backend, query)).await?.is_some();
        }
        drop(tx);
        if found {
            for searched in &SEARCHED {
                while self.fold_some(Some(searched)).await? {}
            }
            while self.fold_some(None).await? {}
        }
        Ok(found)
    }

    /// Folds some rows of a table, or of the members; whether there may be more.
    async fn fold_some(&self, searched: Option<&Searched>) -> Result<bool> {
        let tx = self.write().await?;
        if tx.inner.get_database_backend() == DbBackend::Postgres {
            tx.inner.execute_unprepared("SET LOCAL lock_timeout = 0").await?;
            let lock = format!("SELECT pg_advisory_xact_lock({MIGRATION_LOCK})");
            tx.inner.execute_unprepared(&lock).await?;
        }
        let done = match searched {
            Some(searched) => fold_rows(&tx.inner, searched).await,
            None => fold_members(&tx.inner).await,
        };
        match done {
            Ok(rows) => {
                tx.commit_unrecorded(Technical::Migration).await?;
                Ok(rows == ROWS)
            }
            // Someone has just taken the address: next time it is seen.
            Err(error) => match StorageError::from(error) {
                StorageError::Unique(Unique::MemberEmail) => Ok(true),
                other => Err(other),
            },
        }
    }
}

/// One of each table that is to be folded, if there is any.
pub(crate) fn unfolded() -> impl Iterator<Item = String> {
    let tables = SEARCHED.iter().map(|searched| (searched.table, UNFOLDED));
    let tables = tables.chain([("members", UNFOLDED_MEMBERS)]);
    tables.map(|(table, which)| format!("SELECT id FROM {table} WHERE {which} LIMIT 1"))
}

async fn some(tx: &Connection, columns: &str, table: &str, which: &str) -> Result<Vec<QueryResult>, DbErr> {
    let query = format!("SELECT {columns} FROM {table} WHERE {which} ORDER BY id LIMIT {ROWS}");
    tx.query_all_raw(Statement::from_string(tx.get_database_backend(), query)).await
}

async fn fold_rows(tx: &Connection, searched: &Searched) -> Result<u64, DbErr> {
    let columns = format!("id, version, {}", searched.texts.join(", "));
    let rows = some(tx, &columns, searched.table, UNFOLDED).await?;
    let mut folded = Vec::new();
    for row in &rows {
        let texts: Vec<String> =
            searched.texts.iter().map(|column| row.try_get("", column)).collect::<Result<_, DbErr>>()?;
        let email = searched.email.map(|column| row.try_get::<String>("", column)).transpose()?;
        let email = email.map(Email::kept);
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let mut values: Vec<Value> = vec![
            row.try_get::<Uuid>("", "id")?.into(),
            row.try_get::<i64>("", "version")?.into(),
            search_text(&texts, email.as_ref()).into(),
        ];
        values.extend(email.map(|email| Value::from(email.key().as_str())));
        folded.push(values);
    }
    let key = if searched.email.is_some() { ", email_key = folded.column4" } else { "" };
    // What was changed since it was read is folded next time.
    let set = format!(
        "UPDATE {table} SET search = folded.column3, folded_version = folded.column2{key} FROM ($ROWS) AS folded \
         WHERE {table}.id = folded.column1 AND {table}.version = folded.column2",
        table = searched.table,
    );
    update(tx, &set, folded).await?;
    Ok(rows.len() as u64)
}

/// Of members of one organization with the same address, the oldest has it to itself.
async fn fold_members(tx: &Connection) -> Result<u64, DbErr> {
    let rows = some(tx, "id, organization_id, email", "members", UNFOLDED_MEMBERS).await?;
    let mut members = Vec::new();
    for row in &rows {
        let email = Email::kept(row.try_get::<String>("", "email")?);
        let organization: Uuid = row.try_get("", "organization_id")?;
        members.push((row.try_get::<Uuid>("", "id")?, organization, email.key().as_str().to_owned()));
    }
    let mut taken = BTreeSet::new();
    let backend = tx.get_database_backend();
    for (_, organization, key) in &members {
        let values: [Value; 2] = [(*organization).into(), key.as_str().into()];
        let query = "SELECT 1 FROM members WHERE organization_id = $1 AND email_key = $2 AND NOT email_twin";
        let other = Statement::from_sql_and_values(backend, query, values);
        if tx.query_one_raw(other).await?.is_some() {
            taken.insert((*organization, key.clone()));
        }
    }
    let mut folded: Vec<Vec<Value>> = Vec::new();
    for (id, organization, key) in members {
        let twin = !taken.insert((organization, key.clone()));
        folded.push(vec![id.into(), key.into(), twin.into()]);
    }
    let set = "UPDATE members SET email_key = folded.column2, email_twin = folded.column3 FROM ($ROWS) AS folded \
               WHERE members.id = folded.column1";
    update(tx, set, folded).await?;
    Ok(rows.len() as u64)
}

/// Runs an update with the values of many rows at once.
async fn update(tx: &Connection, statement: &str, rows: Vec<Vec<Value>>) -> Result<(), DbErr> {
    if rows.is_empty() {
        return Ok(());
    }
    let mut number = 0;
    let places = rows.iter().map(|row| {
        let row: Vec<String> = row
            .iter()
            .map(|_| {
                number += 1;
                format!("${number}")
            })
            .collect();
        format!("({})", row.join(", "))
    });
    let values = format!("VALUES {}", places.collect::<Vec<_>>().join(", "));
    let statement = statement.replace("$ROWS", &values);
    let statement = Statement::from_sql_and_values(
        tx.get_database_backend(),
        statement,
        rows.into_iter().flatten().collect::<Vec<_>>(),
    );
    tx.execute_raw(statement).await.map(drop)
}
