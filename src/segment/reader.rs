//! Reads a segment file, sealed or still growing: identity, initialisation range and the table of parts.

use std::ops::Range;
use std::path::Path;

use super::identity::{Identity, Seal};
use crate::time::WallTime;

/// One part (`prft`, `moof` and `mdat`) of a segment file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartEntry {
    /// Bytes of the file that hold it.
    pub bytes: Range<u64>,
    /// Capture time of its first picture.
    pub from: WallTime,
    /// Decode time of its first picture in 1/90000 s since the run began.
    pub start_90k: u64,
    /// Length of its pictures in 1/90000 s.
    pub duration_90k: u64,
    /// Number of pictures.
    pub pictures: u32,
    /// True when its first picture decodes alone.
    pub random_access: bool,
}

/// What a segment file holds, up to its last whole part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentIndex {
    /// What the file says of itself.
    pub identity: Identity,
    /// Bytes of the initialisation segment (from the start of the file through `moov`).
    pub init: Range<u64>,
    /// Every whole part, in order.
    pub parts: Vec<PartEntry>,
    /// The seal, when the file is complete.
    pub seal: Option<Seal>,
    /// Offset after the last whole part.
    pub whole_bytes: u64,
}

/// Why a file cannot be read as a segment.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file cannot be read.
    #[error("read {path}: {source}")]
    Io {
        /// Which file.
        path: std::path::PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file is not a segment of ours, or its front is damaged.
    #[error("{path} at byte {at}: {reason}")]
    NotASegment {
        /// Which file.
        path: std::path::PathBuf,
        /// Where in the file.
        at: u64,
        /// What was found.
        reason: String,
    },
}

/// Reads the table of parts of the file at `path`. A file cut short is no error: what is whole is told.
///
/// # Errors
/// [`ReadError`] when the file cannot be read or does not begin as a segment.
pub fn index(path: &Path) -> Result<SegmentIndex, ReadError> {
    let _ = path;
    todo!("written next, by the owner of segment/")
}
