//! What we tell the user, as text; pure functions of what has happened.
#![forbid(unsafe_code)]

pub mod text;
