//! The place as its owner speaks of it: a service hall (政务服务大厅) with its zones, windows, cameras and pickups.
//!
//! [`load`](fn@load) turns `hall.toml` into a [`Hall`]; every complaint about the file is collected and told at once.

mod backup;
mod calendar;
mod camera_osd;
mod checks;
mod clocks;
mod complaint;
mod coverage;
mod equipment;
mod evidence;
mod hours;
mod load;
mod place;
pub(crate) mod reader;
mod retention;
mod secret;
mod sections;
mod stamp_layout;
mod stamp_overload;
pub(crate) mod suggest;
mod wall;

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use backup::{BackupSettings, BackupTarget, DeleteCopies, QuietHours, S3Settings};
pub use calendar::CalendarSettings;
pub use camera_osd::{CameraClockSettings, CameraOsd, PictureArea};
pub use clocks::ClockLimits;
pub use complaint::{Complaint, ComplaintKind, Complaints, Severity, Words};
pub use coverage::CoverageSettings;
pub use equipment::{Equipment, EquipmentKind, Reach};
pub use evidence::EvidenceSettings;
pub use hours::{DayPart, OpeningHours};
pub use load::{load, load_for_backup, load_without_secrets, parse, parse_with};
pub use retention::{DeleteWhen, FreeTarget, RetentionSettings, StopClass};
pub use secret::{Machine, SecretFile, Surroundings};
pub(crate) use sections::{entries, single};
pub use stamp_layout::{Corner, LabelTemplate, LabelText, StampLayout};
pub use stamp_overload::{GiveUp, StampWork};
pub use wall::WallSettings;

/// Declares a newtype for an id that is written in hall.toml and shown to people.
macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Wraps an id already checked by the hall.toml reader or read back from our own records.
            pub fn new(id: impl Into<String>) -> Self {
                Self(id.into())
            }
            /// The id as written.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_id! {
    /// Names a camera: letters, digits, `-` and `_`, so that it can be a folder name.
    CameraId
}
text_id! {
    /// Names a service window (窗口), such as `03`.
    WindowId
}
text_id! {
    /// Names a function zone (功能分区).
    ZoneId
}
text_id! {
    /// Names an audio pickup (拾音器).
    PickupId
}
text_id! {
    /// Names an item of the equipment inventory (设备清单).
    EquipmentId
}

/// A service hall (政务服务大厅) and everything that watches over it.
#[derive(Clone, Debug)]
pub struct Hall {
    /// Name of the hall, such as `重庆街道便民服务中心`.
    pub name: String,
    /// Administrative division (行政区划), stamped bottom right.
    pub division: String,
    /// Rule profile, such as `changchun-2022/township-centre`.
    pub profile: Option<String>,
    /// Whether the hall is joined to the e-government extranet (电子政务外网, R9). True by default.
    pub extranet: bool,
    /// Function zones in the order of the file.
    pub zones: Vec<Zone>,
    /// Cameras in the order of the file.
    pub cameras: Vec<Camera>,
    /// Pickups that are devices of their own.
    pub pickups: Vec<Pickup>,
    /// Service windows in the order of the file.
    pub windows: Vec<ServiceWindow>,
    /// Storage roots in the order of the file; never empty.
    pub storage: Vec<StorageRoot>,
    /// How recording is cut and synced.
    pub recording: RecordingSettings,
    /// How the stamp is made.
    pub stamp: StampSettings,
    /// Small pictures for the wall.
    pub wall: WallSettings,
    /// The viewer's address.
    pub viewer: ViewerSettings,
    /// How cameras' own clock texts are proven.
    pub camera_clock: CameraClockSettings,
    /// Where the site's own calendar files lie.
    pub calendar: CalendarSettings,
    /// When the hall is open; `None` where it says nothing: recording is expected around the clock.
    pub hours: Option<OpeningHours>,
    /// How long footage stays.
    pub retention: RetentionSettings,
    /// The second copy; `None` when hall.toml asks for none.
    pub backup: Option<BackupSettings>,
    /// The signing key.
    pub evidence: EvidenceSettings,
    /// How wrong clocks may be.
    pub time: ClockLimits,
    /// Where in the file the texts of the labels are written.
    pub label_texts: Vec<LabelText>,
    /// How coverage is checked.
    pub coverage: CoverageSettings,
    /// Equipment besides cameras and pickups (R9, R10), in the order of the file.
    pub equipment: Vec<Equipment>,
    /// Where the hall was read from; relative paths in the file start here.
    pub base_dir: PathBuf,
}

/// A function zone (功能分区).
#[derive(Clone, Debug)]
pub struct Zone {
    /// Id used inside the file.
    pub id: ZoneId,
    /// Type of zone, such as `综合受理区`; stamped.
    pub zone_type: String,
    /// Name shown to people where it differs from the type.
    pub name: Option<String>,
    /// True for a self-service area open around the clock.
    pub all_day: bool,
    /// When this zone is open, where it differs from the hall.
    pub hours: Option<OpeningHours>,
    /// Types of zones merged into this one for want of space (合并设置).
    pub also: Vec<String>,
    /// Cameras that see this zone besides those whose `zone` it is: a PTZ camera through its presets.
    pub seen_by: Vec<CameraId>,
    /// Open to the public (公共服务区域), so that R6 asks for a PTZ camera. True by default.
    pub public: bool,
}

impl Zone {
    /// True when the zone is of this type, or one of this type was merged into it.
    pub fn is_also(&self, zone_type: &str) -> bool {
        self.zone_type == zone_type || self.also.iter().any(|also| also == zone_type)
    }
}

/// A service window (窗口).
#[derive(Clone, Debug)]
pub struct ServiceWindow {
    /// Number of the window, such as `03`.
    pub id: WindowId,
    /// Name shown to people, such as `跨省通办`.
    pub name: Option<String>,
    /// The zone it stands in.
    pub zone: ZoneId,
    /// Its fixed camera.
    pub camera: CameraId,
    /// Where its sound comes from.
    pub pickup: SoundSource,
    /// The window on the other side of the counter, which may share camera and pickup (面对面).
    pub faces: Option<WindowId>,
    /// What is done at it, such as `综合窗口` and `帮办代办`; empty where the file does not say.
    pub kinds: Vec<String>,
}

/// What a window is that serves any matter (综合窗口, 无差别受理).
pub const COMPREHENSIVE: &str = "综合窗口";

impl ServiceWindow {
    /// True for a comprehensive window (综合窗口): one that says so, or says nothing of what is done at it.
    pub fn is_comprehensive(&self) -> bool {
        self.kinds.is_empty() || self.kinds.iter().any(|kind| kind == COMPREHENSIVE)
    }

    /// True when it is of this kind by `kinds`, or by its name where it has none.
    pub fn is_kind(&self, kind: &str) -> bool {
        let named = || self.name.as_deref().is_some_and(|name| name.contains(kind));
        self.kinds.iter().any(|k| k == kind) || self.kinds.is_empty() && (kind == COMPREHENSIVE || named())
    }
}

/// Where a window's sound comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SoundSource {
    /// The microphone of a camera.
    Camera(CameraId),
    /// A pickup that is a device of its own.
    Pickup(PickupId),
}

/// Whether a camera stands still.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CameraKind {
    /// Fixed camera (定点).
    Fixed,
    /// Moving PTZ camera (动点).
    Ptz,
}

/// How the stamp gets into a camera's picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StampMode {
    /// Decode, draw, encode again (the default).
    Reencode,
    /// The camera draws it; video passes through untouched.
    Camera,
    /// Nobody draws it into the recording (不叠加): video passes through untouched, and the stamp is drawn wherever the picture is
    /// seen: live, playback, still, export.
    None,
}

/// Which transport carries a camera's media.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum RtspTransport {
    /// Interleaved in the RTSP connection: the default, since UDP loses key frames.
    #[default]
    Tcp,
    /// Datagrams.
    Udp,
}

/// A camera.
#[derive(Clone, Debug)]
pub struct Camera {
    /// Id: also the name of its folder under every storage root.
    pub id: CameraId,
    /// Name shown to people.
    pub name: Option<String>,
    /// Fixed or PTZ.
    pub kind: CameraKind,
    /// The zone it looks at.
    pub zone: ZoneId,
    /// RTSP address without credentials.
    pub url: url::Url,
    /// RTSP address of its own small picture for the wall (第二码流), with the same credentials; used where it passes through.
    pub wall_url: Option<url::Url>,
    /// What to answer when the camera asks who we are.
    pub credentials: Option<Credentials>,
    /// How the stamp gets into the picture.
    pub stamp: StampMode,
    /// How media travels.
    pub transport: RtspTransport,
    /// A label of its own; that of `[stamp]` where it has none.
    pub label: Option<LabelTemplate>,
    /// Where the camera draws its own clock and label.
    pub osd: CameraOsd,
}

/// A pickup (拾音器) that is a device of its own.
#[derive(Clone, Debug)]
pub struct Pickup {
    /// Id used by windows.
    pub id: PickupId,
    /// Name shown to people.
    pub name: Option<String>,
    /// The camera whose audio input it is wired to.
    pub camera: CameraId,
}

/// User name and password for a camera.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// User name.
    pub username: String,
    /// Password; never printed.
    pub password: Secret,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:***", self.username)
    }
}

/// A text that prints as `***`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    pub fn new(secret: impl Into<String>) -> Self {
        Self(secret.into())
    }
    /// The secret itself, for the one place that must send it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A folder on a disk that takes recordings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorageRoot {
    /// Absolute path.
    pub path: PathBuf,
    /// Free space in MiB below which nothing new is begun here; 1024 by default.
    pub reserve_mb: u32,
    /// The path is the mount point of a disk (挂载点): it is used only while something is mounted there. False by default.
    pub mounted: bool,
}

impl StorageRoot {
    /// Free space below which nothing new is begun here, when the file does not say.
    pub const RESERVE_MB: u32 = 1024;

    /// Free space in bytes below which nothing new is begun here.
    pub fn reserve_bytes(&self) -> u64 {
        u64::from(self.reserve_mb) << 20
    }
}

/// `[recording]`: how recording is cut and synced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordingSettings {
    /// Length of a segment in seconds; segments are cut on this grid of Beijing time. 60 by default.
    pub segment_seconds: u32,
    /// Longest part in milliseconds: what a process kill can cost. 1000 by default, at most 2000.
    pub part_ms: u32,
    /// Seconds between two `fdatasync` of an open file: what a power cut can cost. 5 by default.
    pub sync_seconds: u32,
    /// Seconds without a byte from a camera before the connection is given up. 6 by default.
    pub silence_seconds: u32,
    /// Folder of the catalogue; `.jiancha` under the first storage root by default.
    pub catalogue: PathBuf,
}

/// `[stamp]`: how the stamp is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StampSettings {
    /// Name of the description in `pipelines/` without `stamp-` and `.launch`; `auto` takes the best that works here.
    pub encoder: String,
    /// Folder with pipeline descriptions of the site's own; the built-in ones are used where it has none.
    pub pipelines: Option<PathBuf>,
    /// Font file; found among the system's Noto CJK fonts by default.
    pub font: Option<PathBuf>,
    /// Bit rate of the stamped stream in kbit/s for 1080p; other sizes scale with their area. 3000 by default.
    pub bitrate_kbps: u32,
    /// How the stamped picture is coded and how overload is met.
    pub work: StampWork,
    /// What the stamp says and where it stands.
    pub layout: StampLayout,
}

impl Default for StampSettings {
    fn default() -> Self {
        Self {
            encoder: "auto".to_owned(),
            pipelines: None,
            font: None,
            bitrate_kbps: 3000,
            layout: StampLayout::default(),
            work: StampWork::default(),
        }
    }
}

/// `[viewer]`: the web viewer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ViewerSettings {
    /// Address and port to listen on.
    pub listen: std::net::SocketAddr,
}

impl Hall {
    /// The camera of this id.
    pub fn camera(&self, id: &CameraId) -> Option<&Camera> {
        self.cameras.iter().find(|c| &c.id == id)
    }

    /// The zone of this id.
    pub fn zone(&self, id: &ZoneId) -> Option<&Zone> {
        self.zones.iter().find(|z| &z.id == id)
    }

    /// The window of this id.
    pub fn window(&self, id: &WindowId) -> Option<&ServiceWindow> {
        self.windows.iter().find(|w| &w.id == id)
    }

    /// The cameras that see a zone: those whose `zone` it is and those its `seen_by` names, in the order of the file.
    pub fn cameras_of_zone<'a>(&'a self, zone: &'a Zone) -> impl Iterator<Item = &'a Camera> {
        self.cameras.iter().filter(move |c| c.zone == zone.id || zone.seen_by.contains(&c.id))
    }

    /// The windows a camera looks at, in the order of the file.
    pub fn windows_of<'a>(&'a self, camera: &'a CameraId) -> impl Iterator<Item = &'a ServiceWindow> {
        self.windows.iter().filter(move |w| &w.camera == camera)
    }

    /// The camera whose stream carries a window's sound.
    pub fn sound_camera(&self, window: &ServiceWindow) -> Option<&Camera> {
        match &window.pickup {
            SoundSource::Camera(id) => self.camera(id),
            SoundSource::Pickup(id) => self.pickups.iter().find(|p| &p.id == id).and_then(|p| self.camera(&p.camera)),
        }
    }

    /// The two lines of a camera's label (R8), as its `label` or that of `[stamp]` says; by default division and hall, and zone,
    /// windows and `云台` for a PTZ camera.
    pub fn label_lines(&self, camera: &Camera) -> [String; 2] {
        camera.label.as_ref().unwrap_or(&self.stamp.layout.label).lines(self, camera)
    }
}
