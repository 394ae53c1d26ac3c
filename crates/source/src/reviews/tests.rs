//! Reviews as sites export them.
