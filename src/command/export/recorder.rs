//! What an export asks of the recorder, running or not: rows, gaps, and a line in the audit log.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::catalogue::timeline::{Gap, Timeline};
use crate::catalogue::{Catalogue, SegmentRow, Store};
use crate::daemon::control::{Answer, Question, ask, ask_segments};
use crate::export::Announcement;
use crate::hall::CameraId;
use crate::time::{Clock as _, MICROS_PER_SECOND, Span, SystemClock};
use crate::viewer::audit::{Audit, Note};

/// A segment is at most an hour and one key frame distance long.
const LONGEST_SEGMENT_MICROS: i64 = 3720 * MICROS_PER_SECOND;

const OTHER_QUESTION: &str = "the running recorder answered another question than the one asked (is it of another version?)";

/// The recorder whose footage is exported.
pub(in crate::command) enum Recorder {
    /// It runs: asked through its control socket.
    Running(PathBuf),
    /// It does not: its catalogue is opened.
    Stopped(Catalogue),
}

impl Recorder {
    pub(in crate::command) fn find(folder: &Path) -> Result<Self, String> {
        if ask(folder, &Question::Cameras)?.is_some() {
            return Ok(Self::Running(folder.to_owned()));
        }
        if !folder.exists() {
            return Err(format!(
                "no catalogue at {}: the recorder has not run with this hall.toml yet; if its files are there, run `jiancha rebuild`",
                folder.display()
            ));
        }
        let catalogue = Store::open(folder).and_then(|store| Catalogue::open(Arc::new(store)));
        catalogue.map(Self::Stopped).map_err(|e| e.to_string())
    }

    /// The segments that may share an instant with `span`, oldest first.
    pub(in crate::command) fn segments(&self, camera: &CameraId, span: Span) -> Result<Vec<SegmentRow>, String> {
        let reach = Span::new(span.from.plus_micros(-LONGEST_SEGMENT_MICROS), span.to);
        match self {
            Self::Running(folder) => ask_segments(folder, camera, reach)?.ok_or_else(stopped),
            Self::Stopped(catalogue) => catalogue.segments_begun(camera, reach, usize::MAX).map_err(|e| e.to_string()),
        }
    }

    /// The gaps the ledger knows in `span`.
    pub(in crate::command) fn gaps(&self, camera: &CameraId, span: Span) -> Result<Vec<Gap>, String> {
        self.timeline(camera, span).map(|t| t.gaps)
    }

    /// What was recorded in `span`, and what is missing.
    pub(in crate::command) fn timeline(&self, camera: &CameraId, span: Span) -> Result<Timeline, String> {
        match self {
            Self::Running(folder) => match ask(folder, &Question::Timeline { camera: camera.clone(), span })? {
                Some(Answer::Timeline(timeline)) => Ok(timeline),
                Some(Answer::Refused(reason)) => Err(reason),
                Some(_) => Err(OTHER_QUESTION.to_owned()),
                None => Err(stopped()),
            },
            Self::Stopped(catalogue) => catalogue.timeline(camera, span, SystemClock::new().wall()).map_err(|e| e.to_string()),
        }
    }

    /// Writes the export into the audit log. When it cannot be written, nothing may be exported.
    pub(in crate::command) fn announce(&self, export: &Announcement) -> Result<(), String> {
        let from = format!("local uid {}", uid());
        let refused = |reason: String| format!("the export cannot be written into the audit log, so it is not made: {reason}");
        match self {
            Self::Running(folder) => match ask(folder, &Question::Export { export: export.clone(), from }).map_err(refused)? {
                Some(Answer::Noted) => Ok(()),
                Some(Answer::Refused(reason)) => Err(refused(reason)),
                Some(_) => Err(refused(OTHER_QUESTION.to_owned())),
                None => Err(refused(stopped())),
            },
            Self::Stopped(catalogue) => {
                let note = Note::exported(SystemClock::new().wall(), &from, export);
                let noted = Audit::open(catalogue.store()).and_then(|audit| audit.append(note));
                noted.and_then(|()| catalogue.flush()).map_err(|e| refused(e.to_string()))
            }
        }
    }
}

fn stopped() -> String {
    "the recorder stopped meanwhile: try again".to_owned()
}

/// The number of the account that runs this process.
fn uid() -> String {
    std::fs::metadata("/proc/self").map_or_else(|_| "unknown".to_owned(), |m| m.uid().to_string())
}

/// The name of that account.
pub(in crate::command) fn account() -> String {
    ["SUDO_USER", "LOGNAME", "USER"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|v| !v.trim().is_empty()))
        .unwrap_or_else(|| format!("uid {}", uid()))
}
