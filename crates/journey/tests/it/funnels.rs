//! Funnels against every possible chain of touchpoints.
