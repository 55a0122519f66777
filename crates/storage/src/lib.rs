//! The only room with SQL: SQLite and PostgreSQL behind one unit of work.
