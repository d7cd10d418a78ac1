//! Segments: what a recording looks like on disk, how it is cut, written, sealed and read back.

pub mod identity;
pub mod name;
pub mod reader;
