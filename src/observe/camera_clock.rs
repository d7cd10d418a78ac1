//! What people ask about cameras' own clocks and labels, and the attestations (确认记录) kept of the labels.
//!
//! An attestation stands in the catalogue's table `camera-labels` and as a picture beside it, `labels/<camera>.png` in the catalogue's
//! folder, so that anybody can see what was attested.

use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::state::Bilingual;
use super::words;
use crate::catalogue::{Store, StoreError, Table};
use crate::hall::CameraId;
use crate::stamp::camera_osd::{CameraClocks, CameraOsdState, LabelReference, LabelVerdict, Luma, Verdict};
use crate::time::WallTime;

/// Table of attestations by camera.
const TABLE: &str = "camera-labels";
/// Longest wait for pictures of a label: below the patience of a command that asks.
const LONGEST_WAIT: Duration = Duration::from_secs(25);
/// Longest name of a person, in characters.
const LONGEST_PERSON: usize = 100;

/// Somebody has seen a camera's label and found it right.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attestation {
    /// Which camera.
    pub camera: CameraId,
    /// Who.
    pub person: String,
    /// When.
    pub at: WallTime,
    /// The picture of it.
    pub picture: PathBuf,
    /// What later pictures are compared with.
    pub reference: LabelReference,
}

/// A question.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ask {
    /// How every camera's clock and label stand.
    Status,
    /// The label is right as it is now.
    Attest {
        /// Which camera.
        camera: CameraId,
        /// Who says so.
        person: String,
    },
}

/// An answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Told {
    /// To [`Ask::Status`].
    Status(Vec<Row>),
    /// To [`Ask::Attest`].
    Attested(Box<Attestation>),
}

/// One camera of a status.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Row {
    /// Which camera.
    pub camera: CameraId,
    /// What its picture showed.
    #[serde(flatten)]
    pub state: CameraOsdState,
    /// Who attested its label.
    pub attested_by: Option<String>,
    /// When.
    pub attested_at: Option<WallTime>,
}

/// Why a question about a camera's clock cannot be answered.
#[derive(Debug, thiserror::Error)]
pub enum CameraClockError {
    /// No such camera, or its stamp is not its own.
    #[error("camera {0} does not draw its own stamp (hall.toml has no `stamp = \"camera\"` for it)")]
    NotItsOwn(CameraId),
    /// Whoever attests has a name.
    #[error("--person must name who attests, in at most {LONGEST_PERSON} characters")]
    Person,
    /// There is no picture to attest.
    #[error("attest the label of {camera}: {reason}")]
    Attest {
        /// Which camera.
        camera: CameraId,
        /// What is wrong.
        reason: String,
    },
    /// The picture cannot be kept.
    #[error("keep the attested picture {}: {source}", path.display())]
    Picture {
        /// Where.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The catalogue does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The attestations of a catalogue.
pub struct Attestations {
    table: Table,
    folder: PathBuf,
}

impl Attestations {
    /// Those in `store`.
    ///
    /// # Errors
    /// [`StoreError`] when the table cannot be opened.
    pub fn open(store: &Store) -> Result<Self, StoreError> {
        Ok(Self { table: store.table(TABLE)?, folder: store.path().join("labels") })
    }

    /// The standing attestation of a camera's label.
    ///
    /// # Errors
    /// [`StoreError`] when the table cannot be read.
    pub fn of(&self, camera: &CameraId) -> Result<Option<Attestation>, StoreError> {
        self.table.get_json(camera.as_str().as_bytes())
    }

    fn keep(&self, attestation: &Attestation, picture: &[u8]) -> Result<(), CameraClockError> {
        let path = &attestation.picture;
        let failed = |source| CameraClockError::Picture { path: path.clone(), source };
        std::fs::create_dir_all(&self.folder).map_err(failed)?;
        std::fs::write(path, picture).map_err(failed)?;
        Ok(self.table.put_json(attestation.camera.as_str().as_bytes(), attestation)?)
    }
}

/// A grey picture as PNG.
///
/// # Errors
/// A sentence when it cannot be coded.
pub fn png(picture: &Luma) -> Result<Vec<u8>, String> {
    let (width, height) = (picture.width() as u32, picture.height() as u32);
    let grey =
        image::GrayImage::from_raw(width, height, picture.pixels().to_vec()).ok_or("its size does not fit its pixels")?;
    let mut bytes = Cursor::new(Vec::new());
    grey.write_to(&mut bytes, image::ImageFormat::Png).map_err(|e| e.to_string())?;
    Ok(bytes.into_inner())
}

/// Gives every camera the label that was attested for it. What cannot be read is told in the log: that label counts as not attested.
pub fn load_references(clocks: &CameraClocks, store: &Store) {
    for (camera, clock) in clocks {
        match Attestations::open(store).and_then(|a| a.of(camera)) {
            Ok(attestation) => clock.set_reference(attestation.map(|a| a.reference)),
            Err(e) => tracing::error!(%camera, "{e}; attest its label anew with `jiancha camera-clock attest`"),
        }
    }
}

/// Answers a question; an attestation waits for pictures, up to half a minute.
///
/// # Errors
/// [`CameraClockError`].
pub fn answer(ask: Ask, clocks: &CameraClocks, store: &Store, now: WallTime) -> Result<Told, CameraClockError> {
    let attestations = Attestations::open(store)?;
    match ask {
        Ask::Status => {
            let mut rows = Vec::new();
            for (camera, clock) in clocks {
                let attested = attestations.of(camera)?;
                let (attested_by, attested_at) = attested.map(|a| (a.person, a.at)).unzip();
                rows.push(Row { camera: camera.clone(), state: clock.state(), attested_by, attested_at });
            }
            rows.sort_by(|a, b| a.camera.cmp(&b.camera));
            Ok(Told::Status(rows))
        }
        Ask::Attest { camera, person } => {
            let clock = clocks.get(&camera).ok_or_else(|| CameraClockError::NotItsOwn(camera.clone()))?;
            let person = person.trim().to_owned();
            if person.is_empty() || person.chars().count() > LONGEST_PERSON {
                return Err(CameraClockError::Person);
            }
            let refused = |reason| CameraClockError::Attest { camera: camera.clone(), reason };
            let (reference, picture) = clock.attest(LONGEST_WAIT).map_err(refused)?;
            let bytes = png(&picture).map_err(refused)?;
            let path = attestations.folder.join(format!("{camera}.png"));
            let attestation = Attestation { camera: camera.clone(), person, at: now, picture: path, reference };
            attestations.keep(&attestation, &bytes)?;
            clock.set_reference(Some(attestation.reference.clone()));
            tracing::info!(%camera, person = attestation.person, "摄像机标签已确认。the camera's label was attested");
            Ok(Told::Attested(Box::new(attestation)))
        }
    }
}

/// Where the picture of an attestation lies.
pub fn picture_path(catalogue: &Path, camera: &CameraId) -> PathBuf {
    catalogue.join("labels").join(format!("{camera}.png"))
}

/// What is wrong with a camera's own stamp, if anything, and how much it matters: true when what is recorded tells a wrong time or
/// none.
pub fn trouble(state: &CameraOsdState) -> Option<(words::Told, bool)> {
    let clock = &state.clock;
    let text = clock.text.as_deref().unwrap_or("—");
    let found = match clock.verdict {
        Verdict::Wrong => {
            let seconds = clock.difference_seconds.unwrap_or(0);
            Some((words::camera_clock_wrong(text, seconds), true))
        }
        Verdict::Frozen => Some((words::camera_clock_frozen(text), true)),
        Verdict::Missing => Some((words::camera_clock_missing(), true)),
        Verdict::Unreadable => Some((words::camera_clock_unreadable(), false)),
        Verdict::Right | Verdict::Unknown => None,
    };
    found.or(match state.label {
        LabelVerdict::Changed => Some((words::camera_label_changed(), false)),
        LabelVerdict::Missing => Some((words::camera_label_missing(), false)),
        LabelVerdict::Same | LabelVerdict::NotAttested => None,
    })
}

/// The verdict on a clock in a few words.
pub fn verdict_words(verdict: Verdict) -> Bilingual {
    let (zh, en) = match verdict {
        Verdict::Unknown => ("尚未核对", "not proven yet"),
        Verdict::Right => ("正确", "right"),
        Verdict::Wrong => ("不准", "wrong"),
        Verdict::Frozen => ("停走", "frozen"),
        Verdict::Missing => ("没有", "missing"),
        Verdict::Unreadable => ("读不出", "unreadable"),
    };
    Bilingual { zh: zh.into(), en: en.into() }
}

/// The verdict on a label in a few words.
pub fn label_words(verdict: LabelVerdict) -> Bilingual {
    let (zh, en) = match verdict {
        LabelVerdict::NotAttested => ("未确认", "not attested"),
        LabelVerdict::Same => ("与确认时一致", "as attested"),
        LabelVerdict::Changed => ("已改变", "changed"),
        LabelVerdict::Missing => ("消失", "missing"),
    };
    Bilingual { zh: zh.into(), en: en.into() }
}
