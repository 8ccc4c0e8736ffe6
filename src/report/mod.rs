//! What we tell the user, as text and as JSON; pure functions of what has happened.
#![forbid(unsafe_code)]

pub mod json;
pub mod processes;
pub mod progress;
pub mod text;
mod waits;
pub mod words;
