//! Tickets as help desks export them.
