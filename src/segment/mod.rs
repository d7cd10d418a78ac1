//! Segments: what a recording looks like on disk, how it is cut, written, sealed and read back.
//!
//! A segment file is fragmented MP4 that explains itself: an identity box in front, one part per second or GOP, each with its own
//! wall time, and a seal with a digest at the end. [`writer`] decides and codes without touching a disk, [`disk`] writes and syncs
//! on a thread per storage root, [`reader`] lists what a file holds up to its last whole part, [`adopt`] mends what a kill left, [`verify`] doubts what lies there.
//! `design.md` beside this file tells the shape of a file, what a crash loses and in which order things happen.

pub mod adopt;
pub mod disk;
pub mod identity;
pub mod init;
pub mod name;
pub mod part;
pub mod placement;
pub mod reader;
pub mod root;
pub mod roots;
pub mod seal;
pub mod verify;
pub mod writer;
