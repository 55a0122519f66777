//! Agents that are killed.
