//! The field cases.
