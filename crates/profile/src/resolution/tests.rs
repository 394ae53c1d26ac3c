//! What the rules of resolution say on small histories, and their laws on random ones.
