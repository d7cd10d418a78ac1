//! The rows of the catalogue.

use serde::{Deserialize, Serialize};

use crate::hall::CameraId;
use crate::time::{ClockMark, Span, WallTime};

/// One segment file: what it holds and where it lies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentRow {
    /// Whose recording.
    pub camera: CameraId,
    /// Capture time of the first picture.
    pub from: WallTime,
    /// Capture time at which the last picture ends; grows while the segment is open.
    pub to: WallTime,
    /// The run it belongs to: one unbroken session of a camera.
    pub run: String,
    /// Number of the segment within its run, from 0.
    pub number: u32,
    /// Storage root.
    pub root: String,
    /// Path below the root.
    pub path: String,
    /// Bytes written so far.
    pub bytes: u64,
    /// True when the pictures carry the recorder's stamp.
    pub stamped: bool,
    /// RFC 6381 codecs of the tracks, such as `avc1.640028,flac`.
    pub codecs: String,
    /// Width of the picture in pixels.
    pub width: u32,
    /// Height of the picture in pixels.
    pub height: u32,
    /// SHA-256 of the file before its seal, in hexadecimal; `None` while it is open.
    pub digest: Option<String>,
    /// True when the file was lost and came back from the backup copy (由备份恢复).
    #[serde(default)]
    pub restored: bool,
    /// How the server's clock was kept when it was begun; `None` for files of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock: Option<ClockMark>,
}

impl SegmentRow {
    /// What the segment covers.
    pub fn span(&self) -> Span {
        Span::new(self.from, self.to)
    }
}

/// Why nothing, or less than wanted, is recorded (缺录原因).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GapCause {
    /// Nobody answers at the camera's address.
    CameraUnreachable,
    /// The camera ended the session.
    CameraClosed,
    /// The connection stands but nothing, or too little, comes.
    CameraStalled,
    /// The camera refuses user name or password.
    Authentication,
    /// The camera answers, but its stream cannot be recorded.
    UnsupportedStream,
    /// The stream's format changed and a new run began.
    FormatChanged,
    /// The disk refuses or lags.
    Disk,
    /// The machine cannot keep up.
    Overload,
    /// The stamper died; recording goes on, or is starting again.
    StampFailed,
    /// The recorder was not running.
    RecorderRestart,
    /// The recorder was stopped by its operator.
    RecorderStopped,
    /// The clock was set.
    ClockStep,
    /// Recording was switched off.
    Operator,
    /// No cause was noted.
    Unknown,
}

impl GapCause {
    /// The word used in JSON and tables.
    pub fn word(self) -> &'static str {
        match self {
            GapCause::CameraUnreachable => "camera-unreachable",
            GapCause::CameraClosed => "camera-closed",
            GapCause::CameraStalled => "camera-stalled",
            GapCause::Authentication => "authentication",
            GapCause::UnsupportedStream => "unsupported-stream",
            GapCause::FormatChanged => "format-changed",
            GapCause::Disk => "disk",
            GapCause::Overload => "overload",
            GapCause::StampFailed => "stamp-failed",
            GapCause::RecorderRestart => "recorder-restart",
            GapCause::RecorderStopped => "recorder-stopped",
            GapCause::ClockStep => "clock-step",
            GapCause::Operator => "operator",
            GapCause::Unknown => "unknown",
        }
    }
}

/// What happened to a camera's recording at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "event")]
pub enum LedgerEvent {
    /// A run began: the first picture of it is on its way to disk.
    Started,
    /// The camera's next file went to another storage root; recording went on.
    Moved {
        /// The root before.
        from: String,
        /// The root now.
        to: String,
    },
    /// The way in which the picture is stamped changed; recording went on.
    Stamp {
        /// Name of the encoder that stamps; `none` when pictures pass through without the stamp.
        by: String,
        /// What is given up because the machine cannot keep up, such as `wall` or `half-rate`.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        given_up: Vec<String>,
    },
    /// Recording stopped, or could not start, for this cause.
    Stopped {
        /// Why.
        cause: GapCause,
    },
}

impl LedgerEvent {
    /// True for events that begin or end recording.
    pub fn is_about_recording(&self) -> bool {
        !matches!(self, Self::Moved { .. } | Self::Stamp { .. })
    }
}

/// One row of the gap ledger (缺录台账).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerRow {
    /// Whose recording.
    pub camera: CameraId,
    /// When.
    pub at: WallTime,
    /// What happened.
    #[serde(flatten)]
    pub event: LedgerEvent,
    /// The circumstances in words, for the person who reads the ledger.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}
