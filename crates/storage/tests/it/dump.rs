//! A database as SQL: its tables, indexes and constraints, and its rows.

use sqlx::{AssertSqlSafe, PgConnection, SqliteConnection};

/// Tables with their columns in order, checks and unique keys.
const TABLES: &str = "
    SELECT format(E'CREATE TABLE %s (\\n    %s\\n);', c.relname, string_agg(line, E',\\n    ' ORDER BY place, line))
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace AND n.nspname = 'public'
    CROSS JOIN LATERAL (
        SELECT a.attnum::int AS place, a.attname || ' ' || format_type(a.atttypid, a.atttypmod)
            || CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END
            || COALESCE(' DEFAULT ' || pg_get_expr(d.adbin, d.adrelid), '') AS line
        FROM pg_attribute AS a LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        UNION ALL
        SELECT 10000, format('CONSTRAINT %s %s', k.conname, pg_get_constraintdef(k.oid))
        FROM pg_constraint AS k WHERE k.conrelid = c.oid AND k.contype IN ('p', 'u', 'c')
    ) AS lines
    WHERE c.relkind = 'r' GROUP BY c.relname ORDER BY c.relname";

const INDEXES: &str = "
    SELECT replace(i.indexdef, ' ON public.', ' ON ') || ';' FROM pg_indexes AS i
    WHERE i.schemaname = 'public' AND NOT EXISTS (SELECT 1 FROM pg_constraint AS k WHERE k.conname = i.indexname)
    ORDER BY i.tablename, i.indexname";

const REFERENCES: &str = "
    SELECT format('ALTER TABLE %s ADD CONSTRAINT %s %s;', k.conrelid::regclass, k.conname, pg_get_constraintdef(k.oid))
    FROM pg_constraint AS k JOIN pg_namespace AS n ON n.oid = k.connamespace AND n.nspname = 'public'
    WHERE k.contype = 'f' ORDER BY k.conrelid::regclass::text, k.conname";

async fn texts(connection: &mut PgConnection, query: String) -> Vec<String> {
    sqlx::query_scalar(AssertSqlSafe(query)).fetch_all(connection).await.unwrap()
}

/// The tables, indexes and constraints of a PostgreSQL database.
pub async fn postgres_schema(connection: &mut PgConnection) -> String {
    let mut statements = Vec::new();
    for query in [TABLES, INDEXES, REFERENCES] {
        statements.extend(texts(connection, query.to_owned()).await);
    }
    statements.join("\n") + "\n"
}

/// All of a PostgreSQL database. Rows come before what they refer to is looked after, so that their order is free.
pub async fn postgres(connection: &mut PgConnection) -> String {
    let mut statements = texts(connection, TABLES.to_owned()).await;
    let columns = "SELECT format('SELECT format(''INSERT INTO %s (%s) VALUES (%%s);'', concat_ws('', '', %s)) FROM %s ORDER BY 1',
            table_name, string_agg(column_name, ', ' ORDER BY ordinal_position),
            string_agg(format('quote_nullable(%s)', column_name), ', ' ORDER BY ordinal_position), table_name)
        FROM information_schema.columns WHERE table_schema = 'public' GROUP BY table_name ORDER BY table_name";
    for rows in texts(connection, columns.to_owned()).await {
        statements.extend(texts(connection, rows).await);
    }
    for query in [INDEXES, REFERENCES] {
        statements.extend(texts(connection, query.to_owned()).await);
    }
    statements.join("\n") + "\n"
}

/// The tables and indexes of a SQLite database, each as the statement that would make it, without comments.
pub async fn sqlite_schema(connection: &mut SqliteConnection) -> String {
    let made = "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'
        ORDER BY type DESC, tbl_name, name";
    let made: Vec<String> = sqlx::query_scalar(made).fetch_all(connection).await.unwrap();
    made.iter().map(|statement| normal(statement) + "\n").collect()
}

/// With one blank between words, no quotes, and each column on a line of its own.
fn normal(statement: &str) -> String {
    let code = statement.lines().filter_map(|line| line.split("--").next());
    let words: Vec<_> = code.flat_map(str::split_whitespace).collect();
    let words = words.join(" ").replace('"', "");
    if words.starts_with("CREATE INDEX") || words.starts_with("CREATE UNIQUE INDEX") {
        return words + ";";
    }
    let (head, rest) = words.split_once('(').unwrap();
    let (mut depth, mut lines, mut line) = (1, Vec::new(), String::new());
    for c in rest.chars() {
        depth += i32::from(c == '(') - i32::from(c == ')');
        if depth == 0 || (depth == 1 && c == ',') {
            lines.push(format!("    {}", line.trim()));
            line.clear();
        } else {
            line.push(c);
        }
    }
    format!("{head}(\n{}\n);", lines.join(",\n"))
}
