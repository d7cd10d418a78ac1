//! The note that stays beside a day that was removed: `<root>/<camera>/<date>/removed.json`.

use std::path::{Path, PathBuf};

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::catalogue::{Catalogue, StoreError};
use crate::hall::CameraId;
use crate::segment::verify::camera_folders;
use crate::time::{Span, WallTime};

/// Name of the note.
pub const REMOVED_NOTE: &str = "removed.json";

/// The note beside a day that was removed (到期删除说明).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemovedNote {
    /// Whose recording.
    pub camera: CameraId,
    /// The Beijing date on which the segments began.
    pub date: NaiveDate,
    /// When it was removed.
    pub at: WallTime,
    /// The rule that let it go, as a word.
    pub rule: String,
    /// The rule in Chinese.
    pub zh: String,
    /// The rule in English.
    pub en: String,
    /// Later working days that had to be complete.
    pub working_days: u16,
    /// Files removed.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// What they covered.
    pub spans: Vec<Span>,
    /// Why the rest of the day stayed, where some did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<String>,
    /// Notes of earlier removals of the same day, whose footage came back from a backup meanwhile.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<serde_json::Value>,
}

/// Tells a catalogue that was made anew what retention removed before, from the notes under `roots`. Gives the number of spans.
/// Notes that cannot be read are told in the log.
///
/// # Errors
/// [`StoreError`] when the catalogue refuses.
pub fn recall(catalogue: &Catalogue, roots: &[PathBuf]) -> Result<u64, StoreError> {
    let mut spans = 0;
    for root in roots {
        for camera in camera_folders(root).unwrap_or_default() {
            let days = std::fs::read_dir(root.join(&camera)).into_iter().flatten().flatten();
            for path in days.map(|day| day.path().join(REMOVED_NOTE)).filter(|path| path.is_file()) {
                match read(&path) {
                    // A note that was put elsewhere tells nothing of this camera.
                    Ok(note) if note.camera.as_str() == camera => {
                        let all = note.all_spans();
                        catalogue.note_removed(&note.camera, &all)?;
                        spans += all.len() as u64;
                    }
                    Ok(note) => tracing::warn!("{} is about camera {}; passed over", path.display(), note.camera),
                    Err(e) => tracing::warn!("{}: {e}; passed over", path.display()),
                }
            }
        }
    }
    Ok(spans)
}

fn read(path: &Path) -> std::io::Result<RemovedNote> {
    serde_json::from_slice(&std::fs::read(path)?).map_err(Into::into)
}

impl RemovedNote {
    /// What this removal and the earlier ones of the same day covered.
    fn all_spans(&self) -> Vec<Span> {
        let earlier = self.earlier.iter().filter_map(|e| serde_json::from_value::<RemovedNote>(e.clone()).ok());
        earlier.flat_map(|e| e.spans).chain(self.spans.iter().copied()).collect()
    }
}
