//! Backup (备份): a second copy of every sealed segment on another disk or an S3-compatible store, proven by its digest (R7).
//!
//! [`plan`] is the arithmetic, [`target`] the place ([`directory`] or [`s3`]), [`copy`] moves one file and proves it, [`copier`]
//! decides what is next and keeps going, [`records`] is what the catalogue knows of it, [`state`] what people see. [`verify`] doubts
//! both sides, [`restore`] fills gaps from the copy. `design.md` beside this file tells in which order things happen and why.

pub mod ask;
pub mod copier;
pub mod copy;
pub mod directory;
mod expire;
pub mod identity;
mod notes;
pub mod plan;
pub mod records;
pub mod restore;
pub mod s3;
pub mod source;
pub mod state;
mod tally;
pub mod target;
pub mod verify;

use crate::catalogue::StoreError;

/// Why the backup cannot work at all.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// hall.toml asks for no backup.
    #[error("hall.toml has no [backup]: write directory = \"…\" or [backup.s3] (see config/hall.toml)")]
    NotConfigured,
    /// The target refuses.
    #[error(transparent)]
    Target(#[from] target::TargetError),
    /// The catalogue refuses.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The built-in calendar cannot be read.
    #[error("{0}")]
    Calendar(#[from] crate::calendar::CalendarError),
    /// A file of the recorder cannot be read or written.
    #[error("{what} {path}: {source}")]
    Io {
        /// What was attempted.
        what: &'static str,
        /// The file or folder.
        path: std::path::PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// Something else, in a sentence.
    #[error("{0}")]
    Other(String),
}
