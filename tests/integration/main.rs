//! End-to-end tests: the real program over real processes. One file a theme.
//!
//! `cargo test` passes on a machine that has nothing but Rust, git, sh and bash. What needs more
//! says so and is skipped there; with `GRPKILL_TEST_ALL=1`, as CI sets it, it is required.

mod harness;
mod members;
mod pty;

mod compat;
mod completions;
mod examples;
mod faults;
mod helpers;
mod inherited;
mod init;
mod input;
mod install;
mod job;
mod lingering;
mod manual;
mod options;
mod privileged;
mod quiet;
mod readme;
mod report;
mod signals;
mod smoke;
mod stalled;
mod starved;
mod storm;
mod terminal;
mod time_up;
