//! The control socket: how `jiancha` commands ask a running recorder, which alone has the catalogue open.
//!
//! A Unix socket in the catalogue's folder, open to the recorder's own user (mode 0600). One JSON line asks, one answers.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixListener;

use crate::catalogue::timeline::Timeline;
use crate::catalogue::{Catalogue, SegmentRow};
use crate::hall::CameraId;
use crate::observe::camera_clock;
use crate::retention;
use crate::retention::capacity::measured;
use crate::stamp::camera_osd::CameraClocks;
use crate::time::{Clock, Span};
use crate::viewer::audit::{Audit, Note};

/// Longest question.
const LONGEST_QUESTION: u64 = 16 * 1024;

/// Most segments in one answer: one line of JSON well below a megabyte.
pub const PAGE: usize = 1000;

/// What can be asked.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "kebab-case")]
pub enum Question {
    /// The timeline of a camera.
    Timeline {
        /// Which camera.
        camera: CameraId,
        /// Over which span.
        span: Span,
    },
    /// Every camera that has segments in the catalogue.
    Cameras,
    /// The segments of a camera that begin in a span, oldest first, at most [`PAGE`] of them.
    Segments {
        /// Which camera.
        camera: CameraId,
        /// Over which span.
        span: Span,
    },
    /// Plans and holds.
    Retention(retention::Ask),
    /// What the cameras wrote on their newest days.
    Rates(measured::Ask),
    /// Something about the second copy.
    Backup(crate::backup::ask::Ask),
    /// Cameras' own clocks and labels.
    CameraClock(camera_clock::Ask),
    /// What is known of the hall's coverage, or an attestation.
    Coverage(crate::coverage::Ask),
    /// Footage is about to be exported: to be written into the audit log first.
    Export {
        /// What leaves.
        export: crate::export::Announcement,
        /// The account that asked, such as `local uid 1000`.
        from: String,
    },
}

/// What is answered.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// To [`Question::Timeline`].
    Timeline(Timeline),
    /// To [`Question::Cameras`].
    Cameras(Vec<CameraId>),
    /// To [`Question::Segments`].
    Segments(Vec<SegmentRow>),
    /// To [`Question::Retention`].
    Retention(retention::Told),
    /// To [`Question::Rates`].
    Rates(Vec<measured::CameraMeasured>),
    /// To [`Question::Backup`].
    Backup(crate::backup::ask::Told),
    /// To [`Question::CameraClock`].
    CameraClock(camera_clock::Told),
    /// To [`Question::Coverage`].
    Coverage(crate::coverage::Told),
    /// To [`Question::Export`]: it stands in the audit log.
    Noted,
    /// The question could not be answered.
    Refused(String),
}

/// Where the socket of a catalogue lies.
pub fn socket_path(catalogue: &Path) -> PathBuf {
    catalogue.join("control.sock")
}

/// Asks the recorder that has `catalogue` open; `None` when no recorder listens there.
///
/// # Errors
/// A sentence when the recorder listens but does not answer.
pub fn ask(catalogue: &Path, question: &Question) -> Result<Option<Answer>, String> {
    let path = socket_path(catalogue);
    let Ok(mut stream) = UnixStream::connect(&path) else { return Ok(None) };
    let fail = |e: std::io::Error| format!("ask the running recorder through {}: {e}", path.display());
    stream.set_read_timeout(Some(Duration::from_secs(30))).map_err(fail)?;
    let mut line = serde_json::to_vec(question).map_err(|e| e.to_string())?;
    line.push(b'\n');
    stream.write_all(&line).map_err(fail)?;
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer).map_err(fail)?;
    serde_json::from_str(&answer).map(Some).map_err(|e| format!("the running recorder's answer is not readable: {e}"))
}

/// Asks the recorder for every segment of `camera` that begins in `span`, page by page; `None` when no recorder listens.
///
/// # Errors
/// A sentence when the recorder does not answer or refuses.
pub fn ask_segments(catalogue: &Path, camera: &CameraId, mut span: Span) -> Result<Option<Vec<SegmentRow>>, String> {
    let mut rows = Vec::new();
    loop {
        let page = match ask(catalogue, &Question::Segments { camera: camera.clone(), span })? {
            None => return Ok(None),
            Some(Answer::Segments(page)) => page,
            Some(Answer::Refused(reason)) => return Err(reason),
            Some(_) => return Err("the running recorder answered another question than the one asked".to_owned()),
        };
        let Some(last) = page.last() else { return Ok(Some(rows)) };
        span.from = last.from.plus_micros(1);
        rows.extend(page);
    }
}

/// Listens beside `catalogue`; a socket left by a killed recorder is replaced (the catalogue's lock says that none is running).
///
/// # Errors
/// The system's error when the socket cannot be made.
pub fn listen(catalogue: &Path) -> std::io::Result<UnixListener> {
    use std::os::unix::fs::PermissionsExt as _;
    let path = socket_path(catalogue);
    match std::fs::remove_file(&path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let listener = UnixListener::bind(&path)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// What questions are answered from.
#[derive(Clone)]
pub struct Desk {
    /// The recording facts.
    pub catalogue: Catalogue,
    /// Plans and holds.
    pub retention: Option<Arc<retention::Office>>,
    /// What is known of coverage.
    pub coverage: Option<crate::coverage::Office>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// The cameras that draw their own stamp.
    pub camera_clocks: Arc<CameraClocks>,
}

/// Answers questions about recordings for as long as the task lives.
pub async fn serve(listener: UnixListener, catalogue: Catalogue, clock: Arc<dyn Clock>) {
    serve_desk(listener, Desk { catalogue, retention: None, coverage: None, clock, camera_clocks: Arc::default() }).await;
}

/// Answers questions for as long as the task lives.
pub async fn serve_desk(listener: UnixListener, desk: Desk) {
    while let Ok((mut stream, _)) = listener.accept().await {
        let desk = desk.clone();
        tokio::spawn(async move {
            let (read, mut write) = stream.split();
            let mut line = String::new();
            if tokio::io::BufReader::new(read.take(LONGEST_QUESTION)).read_line(&mut line).await.is_err() {
                return;
            }
            let answer = tokio::task::spawn_blocking(move || answer(&line, &desk)).await;
            let answer = answer.unwrap_or_else(|e| Answer::Refused(e.to_string()));
            let mut text = serde_json::to_vec(&answer).unwrap_or_default();
            text.push(b'\n');
            let _ = write.write_all(&text).await;
        });
    }
}

fn answer(line: &str, desk: &Desk) -> Answer {
    let catalogue = &desk.catalogue;
    let answer = match serde_json::from_str(line) {
        Ok(Question::Timeline { camera, span }) => catalogue.timeline(&camera, span, desk.clock.wall()).map(Answer::Timeline),
        Ok(Question::Cameras) => catalogue.cameras().map(Answer::Cameras),
        Ok(Question::Segments { camera, span }) => catalogue.segments_begun(&camera, span, PAGE).map(Answer::Segments),
        Ok(Question::Retention(ask)) => {
            return match &desk.retention {
                Some(office) => {
                    office.answer(ask, desk.clock.wall()).map_or_else(|e| Answer::Refused(e.to_string()), Answer::Retention)
                }
                None => Answer::Refused("this recorder has no retention at work".to_owned()),
            };
        }
        Ok(Question::Rates(asked)) => measured::measure(catalogue, asked).map(Answer::Rates),
        Ok(Question::Backup(ask)) => {
            return crate::backup::ask::answer(ask, catalogue).map_or_else(|e| Answer::Refused(e.to_string()), Answer::Backup);
        }
        Ok(Question::CameraClock(ask)) => {
            let told = camera_clock::answer(ask, &desk.camera_clocks, catalogue.store(), desk.clock.wall());
            return told.map_or_else(|e| Answer::Refused(e.to_string()), Answer::CameraClock);
        }
        Ok(Question::Coverage(ask)) => {
            return match &desk.coverage {
                Some(office) => {
                    office.answer(ask, desk.clock.wall()).map_or_else(|e| Answer::Refused(e.to_string()), Answer::Coverage)
                }
                None => Answer::Refused("this recorder does not gather what a check needs".to_owned()),
            };
        }
        Ok(Question::Export { export, from }) => {
            let note = Note::exported(desk.clock.wall(), &from, &export);
            Audit::open(catalogue.store()).and_then(|audit| audit.append(note)).map(|()| Answer::Noted)
        }
        Err(e) => return Answer::Refused(format!("not a question this recorder knows: {e}")),
    };
    answer.unwrap_or_else(|e| Answer::Refused(e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Store;
    use crate::time::{SteppedClock, WallTime};

    #[test]
    fn rates_are_asked_for_and_told_over_the_socket() {
        let folder = tempfile::tempdir().expect("a folder");
        let catalogue = Catalogue::open(Arc::new(Store::open(folder.path()).expect("a store"))).expect("a catalogue");
        let from: WallTime = "2026-11-20T09:00:00+08:00".parse().expect("a time");
        let row = serde_json::json!({
            "camera": "C1", "from": from, "to": from.plus_micros(3_600_000_000), "run": "r", "number": 0, "root": "/r", "path": "p",
            "bytes": 900_000_000, "stamped": true, "codecs": "avc1.640028", "width": 1920, "height": 1080, "digest": null,
        });
        catalogue.put_segment(&serde_json::from_value(row).expect("a row")).expect("put");
        let line = serde_json::to_string(&Question::Rates(measured::Ask { days: 3 })).expect("a line");
        let clock = Arc::new(SteppedClock::new(from));
        let desk = Desk { catalogue, retention: None, coverage: None, clock, camera_clocks: Arc::default() };
        let answered = serde_json::to_string(&answer(&line, &desk)).expect("a line");
        let Answer::Rates(told) = serde_json::from_str(&answered).expect("an answer") else { panic!("{answered}") };
        assert_eq!((told.len(), told[0].bytes_per_second()), (1, Some(250_000)));
    }
}
