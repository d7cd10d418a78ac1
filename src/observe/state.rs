//! The state of every camera as the API shows it.

use serde::Serialize;

use super::alarms::Alarm;
use super::stamp_alarms::StampStanding;
use crate::catalogue::GapCause;
use crate::hall::{CameraId, CameraKind, StampMode};
use crate::media::TimeSource;
use crate::stamp::camera_osd::CameraOsdState;
use crate::time::{Leap, WallTime};

/// Whether a camera is being recorded, by measurement: the age of its newest part on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RecordingState {
    /// The recorder has just started and nothing is due yet.
    Starting,
    /// Newest part on disk is fresh, and the picture carries the stamp.
    Recording,
    /// Recording, but something is missing: no stamp, or no sound where sound is expected.
    Degraded,
    /// The newest part is older than it may be.
    NotRecording,
}

/// A sentence in both languages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Bilingual {
    /// Chinese.
    pub zh: String,
    /// English.
    pub en: String,
}

/// One camera, desired and measured.
#[derive(Clone, Debug, Serialize)]
pub struct CameraState {
    /// Which camera.
    pub id: CameraId,
    /// Fixed or PTZ.
    pub kind: CameraKind,
    /// True when it should be recorded at this moment.
    pub desired: bool,
    /// What is measured.
    pub state: RecordingState,
    /// Since when it has been in this state.
    pub since: WallTime,
    /// End of the newest part on disk.
    pub newest_part: Option<WallTime>,
    /// Age of that part in milliseconds.
    pub age_ms: Option<i64>,
    /// Why it is not fully recording.
    pub cause: Option<GapCause>,
    /// The cause in words: what is wrong.
    pub cause_text: Option<Bilingual>,
    /// What to do about it.
    pub action: Option<Bilingual>,
    /// The last error in full, for the person who mends it.
    pub detail: Option<String>,
    /// How the stamp gets into the picture.
    pub stamp_mode: StampMode,
    /// True when the pictures being recorded carry the recorder's stamp, or the camera's own that is proven to tell the time.
    pub stamped: bool,
    /// Which encoder stamps, what is given up because the machine cannot keep up, and encoders that died.
    pub stamping: Option<StampStanding>,
    /// True while a small picture is made or fetched for the wall (电视墙小画面): only while somebody looks.
    pub wall_picture: bool,
    /// What the camera's own clock text and label were found to say; only for cameras that draw their own stamp.
    pub camera_clock: Option<CameraOsdState>,
    /// The received picture, measured.
    pub video: Option<VideoMeasured>,
    /// The received sound, measured.
    pub audio: Option<AudioMeasured>,
    /// How capture times are found.
    pub time_source: Option<TimeSource>,
    /// Camera clock minus ours in milliseconds, from sender reports.
    pub clock_skew_ms: Option<i64>,
    /// How the camera's clock is judged; `None` before its first report.
    pub clock: Option<CameraClockState>,
    /// Connections made since the recorder started.
    pub connections: u64,
}

/// A camera's clock as its sender reports show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CameraClockState {
    /// `good`, `off`, `time-zone`, `unset`, `stepping` or `drifting`.
    pub verdict: &'static str,
    /// Hours by which its zone is wrong, for `time-zone`.
    pub hours: Option<i64>,
    /// What it gains against ours in parts per million, where known.
    pub drift_ppm: Option<i64>,
    /// The judgement in a few words.
    pub text: Bilingual,
}

/// The received picture as measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct VideoMeasured {
    /// Codec as received, such as `H.265`.
    pub codec: String,
    /// Width in pixels after cropping.
    pub width: u32,
    /// Height in pixels after cropping.
    pub height: u32,
    /// Pictures per second over the last seconds.
    pub frames_per_second: f64,
    /// Received bit rate in kbit/s over the last seconds.
    pub bitrate_kbps: f64,
}

/// The received sound as measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AudioMeasured {
    /// Codec as received, such as `G.711 A-law`.
    pub codec: String,
    /// Samples per second.
    pub sample_rate: u32,
    /// Received bit rate in kbit/s over the last seconds.
    pub bitrate_kbps: f64,
    /// Loudness of the last second in dB below full scale, where it is decoded (G.711).
    pub level_dbfs: Option<f64>,
}

/// The disk under a storage root.
#[derive(Clone, Debug, Serialize)]
pub struct StorageState {
    /// Path of the root.
    pub path: String,
    /// Bytes free for the recorder.
    pub free_bytes: u64,
    /// Size of the file system in bytes.
    pub total_bytes: u64,
    /// True when it takes recordings.
    pub writable: bool,
    /// What kind of trouble it is in, such as `full` or `gone`.
    pub fault: Option<String>,
    /// What is wrong, with place and remedy, if anything.
    pub detail: Option<String>,
    /// Below this many free bytes nothing new is begun here.
    pub reserve_bytes: u64,
    /// Cameras whose newest file lies here, by id.
    pub cameras: Vec<CameraId>,
    /// What they write, in bytes per second.
    pub bytes_per_second: u64,
    /// Sync calls since the recorder started.
    pub syncs: u64,
    /// Beijing date on which it is full although everything that may go has gone; `None` when it carries the floor.
    pub full_on: Option<String>,
}

/// The server's own clock discipline.
#[derive(Clone, Debug, Serialize)]
pub struct ClockState {
    /// True when the clock is corrected by a time server and its error is within the limit.
    pub synchronised: bool,
    /// The bound on the clock's error in milliseconds.
    pub max_error_ms: i64,
    /// The limit of hall.toml in milliseconds.
    pub limit_ms: i64,
    /// Who says so: `kernel`, or chrony with the server it follows.
    pub source: String,
    /// A leap second under way or announced: `insert`, `delete` or `smear`.
    pub leap: Option<Leap>,
}

/// Everything measured, at one moment.
#[derive(Clone, Debug, Serialize)]
pub struct HallState {
    /// When this was measured.
    pub at: WallTime,
    /// When the recorder started.
    pub started: WallTime,
    /// Cameras that should be recording.
    pub should_record: usize,
    /// Cameras whose newest part is fresh.
    pub recording: usize,
    /// Start of the oldest footage held.
    pub oldest_footage: Option<WallTime>,
    /// Every camera, in the order of hall.toml.
    pub cameras: Vec<CameraState>,
    /// Every storage root, in the order of hall.toml.
    pub storage: Vec<StorageState>,
    /// The server's clock.
    pub clock: ClockState,
    /// What a person must act on, the gravest first.
    pub alarms: Vec<Alarm>,
}
