//! The field cases: the troubles that the program was made for, with the real programs that had
//! them. Each has a negative control that shows the trouble.

#[path = "../integration/harness.rs"]
#[allow(dead_code, reason = "the end-to-end tests use the rest")]
mod harness;
mod peer;
mod snapshot;

mod crawler;
mod maintenance;
mod mirror;
mod prefork;
mod silent_peer;
