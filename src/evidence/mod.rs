//! Evidence (证据): the recorder's signing key and the signed notes beside the footage.
//!
//! [`key`] holds the recorder's Ed25519 key and the public keys older notes were signed with, [`note`] writes and reads signed notes,
//! [`manifest`] is the signed summary of a camera's day, [`due`] writes the manifests that are due, [`judge`] holds files, manifests and
//! removals of a camera against each other. `design.md` beside this file tells what is signed, by whom and against what it helps.

pub mod due;
pub mod judge;
pub mod key;
pub mod manifest;
pub mod note;

use std::path::Path;

pub use key::{KeyError, Keyring, PublicHalf, Signer};

/// Writes signed notes (`manifest.json`, `removed.json`) beside the footage they speak of.
pub trait NoteWriter: Send + Sync {
    /// Writes `json` as `folder/name` and its signature as `folder/name.sig`; both are on disk, synced, when this returns.
    ///
    /// # Errors
    /// The system's error; a note that stood there before still stands then.
    fn write(&self, folder: &Path, name: &str, json: &[u8]) -> std::io::Result<()>;
}
