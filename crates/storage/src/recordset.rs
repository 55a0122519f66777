//! Many rows as one parameter of a statement, so that its text is the same however many there are.

use sea_orm::DbBackend;

/// What a column of such rows holds, whose members of JSON bear the same names.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    /// An id, as 32 hexadecimal digits.
    Uuid,
    /// A whole number.
    Number,
    /// A text.
    Text,
}

/// What stands after `FROM` for the rows that the first parameter holds, a JSON array of objects. They are called `new`.
pub(crate) fn recordset(backend: DbBackend, columns: &[(&str, Kind)]) -> String {
    let columns = columns.iter().map(|(name, kind)| match (backend, kind) {
        (DbBackend::Postgres, Kind::Uuid) => format!("{name} uuid"),
        (DbBackend::Postgres, Kind::Number) => format!("{name} bigint"),
        (DbBackend::Postgres, Kind::Text) => format!("{name} text"),
        (_, Kind::Uuid) => format!("unhex(value ->> '{name}') AS {name}"),
        (_, Kind::Number | Kind::Text) => format!("value ->> '{name}' AS {name}"),
    });
    let columns = columns.collect::<Vec<_>>().join(", ");
    match backend {
        DbBackend::Postgres => format!("json_to_recordset($1::json) AS new ({columns})"),
        _ => format!("(SELECT {columns} FROM json_each($1)) AS new"),
    }
}
