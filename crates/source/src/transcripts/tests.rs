//! Conversations as tools export them.
