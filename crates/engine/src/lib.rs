//! The use-cases: load, decide, write, record the event, commit.
