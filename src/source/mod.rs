//! Where media comes from.
