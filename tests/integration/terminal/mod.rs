//! The terminal: real shells on a real pseudo-terminal, with keys typed by the test.

mod members;
mod pty;
mod reader;
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
