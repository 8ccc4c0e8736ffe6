//! The terminal: real shells on a real pseudo-terminal, with keys typed by the test.

mod reader;
mod session;
mod shell;

mod nested;
mod parent;
mod pipelines;
mod progress;
mod rivals;
mod scripts;
mod shells;
mod stops;
mod without;
