//! Evidence (证据): the recorder's signing key and the signed notes beside the footage.

use std::path::Path;

/// Writes signed notes (`manifest.json`, `removed.json`) beside the footage they speak of.
pub trait NoteWriter: Send + Sync {
    /// Writes `json` as `folder/name` and its signature as `folder/name.sig`; both are on disk, synced, when this returns.
    ///
    /// # Errors
    /// The system's error; a note that stood there before still stands then.
    fn write(&self, folder: &Path, name: &str, json: &[u8]) -> std::io::Result<()>;
}
