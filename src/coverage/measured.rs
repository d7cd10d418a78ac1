//! What is known of a hall: the input of the rules as plain data.
//!
//! Every measurement carries its value, when it was taken, by what, and over which time. `None` is "not measured" (未测), which is
//! never taken for good. Nothing in here comes from hall.toml.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::attest::Attestation;
use crate::catalogue::share::Share;
use crate::hall::{CameraId, EquipmentId};
use crate::observe::state::Bilingual;
use crate::time::{Span, WallTime};

/// A measurement (测量值).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reading<T> {
    /// What was measured.
    pub value: T,
    /// When it was taken.
    pub at: WallTime,
    /// By what.
    pub source: Source,
    /// The time it speaks of, where it is more than an instant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over: Option<Span>,
    /// SHA-256 of a still that shows it, where one was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<String>,
}

impl<T> Reading<T> {
    /// A measurement of an instant.
    pub fn new(value: T, at: WallTime, source: Source) -> Self {
        Self { value, at, source, over: None, evidence: None }
    }

    /// A measurement over a time.
    pub fn over(value: T, span: Span, source: Source) -> Self {
        Self { value, at: span.to, source, over: Some(span), evidence: None }
    }

    /// The same of another value.
    pub fn map<U>(&self, value: impl FnOnce(&T) -> U) -> Reading<U> {
        let (at, source, over) = (self.at, self.source, self.over);
        Reading { value: value(&self.value), at, source, over, evidence: self.evidence.clone() }
    }
}

/// By what something was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// The stream as the recorder receives it.
    Stream,
    /// The recorder's own state.
    Recorder,
    /// The catalogue of recordings.
    Catalogue,
    /// The books of the second copy.
    Backup,
    /// A key frame that was decoded and looked at.
    PictureTest,
    /// A connection or an echo that was tried.
    Probe,
    /// A command to the device and what the picture did.
    Command,
    /// The kernel's clock.
    Kernel,
}

impl Source {
    /// In both languages.
    pub fn words(self) -> Bilingual {
        let (zh, en) = match self {
            Self::Stream => ("收到的码流", "received stream"),
            Self::Recorder => ("录像机状态", "state of the recorder"),
            Self::Catalogue => ("录像目录库", "catalogue of recordings"),
            Self::Backup => ("备份记录", "books of the second copy"),
            Self::PictureTest => ("画面检测", "picture test"),
            Self::Probe => ("网络探测", "network probe"),
            Self::Command => ("控制命令", "control command"),
            Self::Kernel => ("系统时钟", "kernel clock"),
        };
        super::both(zh, en)
    }
}

/// Everything known of a hall.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// Since when the recorder runs; `None` when none answers.
    pub recorder: Option<Reading<WallTime>>,
    /// The server's clock.
    pub clock: Option<Reading<ClockMeasured>>,
    /// Whether the superior takes what is uploaded.
    pub upstream: Option<Reading<bool>>,
    /// Every camera of which anything is known.
    pub cameras: BTreeMap<CameraId, CameraMeasured>,
    /// Whether items of the inventory were reached.
    pub equipment: BTreeMap<EquipmentId, Reading<bool>>,
    /// What persons have vouched for, the newest of each camera and matter.
    pub attested: Vec<Attestation>,
}

/// The server's own clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockMeasured {
    /// True when the kernel's error bound is within the limit.
    pub synchronised: bool,
    /// The kernel's bound on the clock error in milliseconds.
    pub max_error_ms: i64,
}

/// Width and height in pixels, cropping applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Size {
    /// Width.
    pub width: u32,
    /// Height.
    pub height: u32,
}

impl std::fmt::Display for Size {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

/// Everything known of one camera.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CameraMeasured {
    /// Whether its newest part on disk is fresh.
    pub recording: Option<Reading<bool>>,
    /// Whether it was reached over the network.
    pub reachable: Option<Reading<bool>>,
    /// What it is proven to speak.
    pub protocol: Option<Reading<Protocol>>,
    /// Picture size as received.
    pub size: Option<Reading<Size>>,
    /// Pictures per second over a minute.
    pub frames_per_second: Option<Reading<f64>>,
    /// Codec of the picture as received, such as `H.265`.
    pub video_codec: Option<Reading<String>>,
    /// Received bit rate in kbit/s.
    pub bitrate_kbps: Option<Reading<f64>>,
    /// Time between key frames in milliseconds.
    pub key_frame_interval_ms: Option<Reading<u32>>,
    /// Whether sound arrives.
    pub audio_present: Option<Reading<bool>>,
    /// Loudness of the last second in dB below full scale.
    pub audio_level_dbfs: Option<Reading<f64>>,
    /// Part of the opening hours in which the sound was silent, 0 to 1.
    pub silent_share: Option<Reading<f64>>,
    /// Part of the opening hours in which the sound was clipped, 0 to 1.
    pub clipped_share: Option<Reading<f64>>,
    /// What is wrong with the picture; an empty list: nothing.
    pub picture: Option<Reading<Vec<Condition>>>,
    /// Camera clock minus ours in milliseconds.
    pub clock_skew_ms: Option<Reading<i64>>,
    /// Whether the picture carries the stamp.
    pub stamp: Option<Reading<StampSeen>>,
    /// Recorded part of the expected time.
    pub recorded: Option<Reading<Share>>,
    /// How far footage reaches back.
    pub kept: Option<Reading<Keeping>>,
    /// How well the second copy is proven.
    pub backup: Option<Reading<BackupProof>>,
    /// Whether a PTZ command moved the picture.
    pub ptz_moves: Option<Reading<bool>>,
}

/// What a camera is proven to speak (R1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// RTSP.
    Rtsp,
    /// GB/T 28181.
    Gb28181,
}

/// What can be wrong with a picture (画面异常).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Condition {
    /// Black.
    Black,
    /// Frozen.
    Frozen,
    /// Covered.
    Covered,
    /// Moved away from the attested view.
    Moved,
    /// Blurred.
    Blurred,
    /// Colour cast.
    ColourCast,
    /// Too dark.
    TooDark,
    /// Too bright.
    TooBright,
}

impl Condition {
    /// In both languages.
    pub fn words(self) -> Bilingual {
        let (zh, en) = match self {
            Self::Black => ("黑屏", "black"),
            Self::Frozen => ("画面冻结", "frozen"),
            Self::Covered => ("镜头遮挡", "covered"),
            Self::Moved => ("视角偏移", "moved away from the attested view"),
            Self::Blurred => ("画面模糊", "blurred"),
            Self::ColourCast => ("偏色", "colour cast"),
            Self::TooDark => ("过暗", "too dark"),
            Self::TooBright => ("过亮", "too bright"),
        };
        super::both(zh, en)
    }
}

/// What was seen of the stamp (R8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StampSeen {
    /// The recorder draws it into what is recorded.
    Recorder,
    /// The camera draws it, and it was read in a decoded picture.
    Camera,
    /// It is not there.
    Missing,
}

/// How far footage reaches back (R7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keeping {
    /// Start of the oldest footage held.
    pub oldest: WallTime,
    /// Complete working days after its day.
    pub working_days: u32,
    /// Start of the oldest footage that was ever recorded, removed since or not.
    pub first: WallTime,
    /// Complete working days after that day.
    pub working_days_since_first: u32,
}

/// How well the second copy of a camera's footage is proven (R7).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupProof {
    /// The target as people know it.
    pub target: String,
    /// Days with sealed segments.
    pub days: u32,
    /// Of these, days of which every sealed segment was read back from the copy.
    pub days_proven: u32,
    /// Oldest day before yesterday that is not proven.
    pub oldest_unproven: Option<chrono::NaiveDate>,
    /// When a copy of the camera was last read back.
    pub last_proof: Option<WallTime>,
    /// True when the copy lies on a disk that also takes recordings.
    pub same_disk: bool,
}

impl Measured {
    /// What is known of a camera, if anything.
    pub fn camera(&self, id: &CameraId) -> Option<&CameraMeasured> {
        self.cameras.get(id)
    }
}
