//! The OpenAPI document, and the forms of answers whose types belong to other modules.
//!
//! The forms below only describe; a test holds each against the JSON of the real type.

// Nothing reads the fields of a form: the document is made from their names and types.
#![allow(dead_code)]

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, SecurityScheme};
use utoipa::{Modify, OpenApi, ToSchema};

use super::reply::ErrorBody;
use super::sessions::COOKIE;

/// The document without its routes, which the router adds.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "监察 Jiancha",
        description = "Recorder and monitor for the video electronic supervision (视频电子监察) of service halls. \
                       Times are RFC 3339 with offset, in Beijing time. Every answer carries `x-request-id`. \
                       Requests that change something need the header `X-Jiancha: 1`.",
    ),
    tags(
        (name = "session", description = "Signing in and out (登录)"),
        (name = "hall", description = "The hall (大厅)"),
        (name = "state", description = "What is measured (状态)"),
        (name = "recordings", description = "Timeline and playback (回放)"),
        (name = "media", description = "Playlists and segment files under a signed address (媒体)"),
        (name = "live", description = "Live view (实时监看)"),
    ),
    components(schemas(ErrorBody)),
    security(("session" = [])),
    modifiers(&SessionCookie)
)]
pub(super) struct Document;

struct SessionCookie;

impl Modify for SessionCookie {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let cookie = SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new(COOKIE)));
        document.components.get_or_insert_default().add_security_scheme("session", cookie);
    }
}

/// The document as it is sent, made once.
pub(super) struct Described(pub String);

/// This document.
#[utoipa::path(
    get, path = "/api/v1/openapi.json", tag = "state",
    responses(
        (status = 200, description = "OpenAPI 3.1", body = Object),
        (status = 401, description = "`not-signed-in`", body = ErrorBody),
    )
)]
pub(super) async fn openapi(State(described): State<Arc<Described>>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], described.0.clone()).into_response()
}

/// Whether a camera stands still.
#[derive(ToSchema)]
#[schema(as = CameraKind, rename_all = "lowercase")]
pub(super) enum CameraKindForm {
    Fixed,
    Ptz,
}

/// How the stamp gets into the picture.
#[derive(ToSchema)]
#[schema(as = StampMode, rename_all = "lowercase")]
pub(super) enum StampModeForm {
    Reencode,
    Camera,
    None,
}

/// Why nothing, or less than wanted, is recorded (缺录原因).
#[derive(ToSchema)]
#[schema(as = GapCause, rename_all = "kebab-case")]
pub(super) enum GapCauseForm {
    CameraUnreachable,
    CameraClosed,
    CameraStalled,
    Authentication,
    UnsupportedStream,
    FormatChanged,
    Disk,
    Overload,
    StampFailed,
    RecorderRestart,
    RecorderStopped,
    ClockStep,
    Operator,
    Unknown,
}

/// A recorded span.
#[derive(ToSchema)]
#[schema(as = RecordedSpan)]
pub(super) struct RecordedSpanForm {
    camera: String,
    #[schema(format = DateTime)]
    from: String,
    #[schema(format = DateTime)]
    to: String,
    /// True when the pictures carry the recorder's stamp.
    stamped: bool,
    /// True when it was lost and came back from the backup copy; left out otherwise.
    #[schema(required = false)]
    restored: bool,
    /// `disciplined` or `undisciplined`: how the server's clock was kept; left out where that is not known.
    #[schema(required = false)]
    clock: String,
}

/// A gap (缺录).
#[derive(ToSchema)]
#[schema(as = Gap)]
pub(super) struct GapForm {
    camera: String,
    #[schema(format = DateTime)]
    from: String,
    #[schema(format = DateTime)]
    to: String,
    #[schema(inline)]
    cause: GapCauseForm,
    /// The circumstances in words.
    #[schema(required = false)]
    detail: String,
}

/// Time whose recording retention has removed (到期已删).
#[derive(ToSchema)]
#[schema(as = RemovedSpan)]
pub(super) struct RemovedSpanForm {
    #[schema(format = DateTime)]
    from: String,
    #[schema(format = DateTime)]
    to: String,
}

/// A sentence in both languages.
#[derive(ToSchema)]
#[schema(as = Bilingual)]
pub(super) struct BilingualForm {
    zh: String,
    en: String,
}

/// Whether a camera is being recorded, by measurement.
#[derive(ToSchema)]
#[schema(as = RecordingState, rename_all = "kebab-case")]
pub(super) enum RecordingStateForm {
    Starting,
    Recording,
    Degraded,
    NotRecording,
}

/// How capture times are found.
#[derive(ToSchema)]
#[schema(as = TimeSource, rename_all = "kebab-case")]
pub(super) enum TimeSourceForm {
    SenderReport,
    Arrival,
    Replay,
}

/// One camera, desired and measured.
#[derive(ToSchema)]
#[schema(as = CameraState)]
pub(super) struct CameraStateForm {
    id: String,
    #[schema(inline)]
    kind: CameraKindForm,
    /// True when it should be recorded at this moment.
    desired: bool,
    #[schema(inline)]
    state: RecordingStateForm,
    #[schema(format = DateTime)]
    since: String,
    /// End of the newest part on disk.
    #[schema(format = DateTime)]
    newest_part: Option<String>,
    /// Age of that part in milliseconds.
    age_ms: Option<i64>,
    #[schema(inline)]
    cause: Option<GapCauseForm>,
    #[schema(inline)]
    cause_text: Option<BilingualForm>,
    #[schema(inline)]
    action: Option<BilingualForm>,
    detail: Option<String>,
    #[schema(inline)]
    stamp_mode: StampModeForm,
    stamped: bool,
    /// True while a small picture is made or fetched for the wall (电视墙小画面): only while somebody looks.
    wall_picture: bool,
    /// Only for cameras that draw their own stamp.
    #[schema(inline)]
    camera_clock: Option<OwnClockForm>,
    #[schema(inline)]
    stamping: Option<StampStandingForm>,
    #[schema(inline)]
    video: Option<VideoMeasuredForm>,
    #[schema(inline)]
    audio: Option<AudioMeasuredForm>,
    #[schema(inline)]
    time_source: Option<TimeSourceForm>,
    /// Camera clock minus ours in milliseconds.
    clock_skew_ms: Option<i64>,
    #[schema(inline)]
    clock: Option<CameraClockForm>,
    connections: u64,
}

/// What the clock and the label that a camera draws itself were found to show.
#[derive(ToSchema)]
#[schema(as = OwnClock)]
pub(super) struct OwnClockForm {
    /// `unknown`, `right`, `wrong`, `frozen`, `missing` or `unreadable`.
    verdict: String,
    #[schema(format = DateTime)]
    since: Option<String>,
    /// The text read last, such as `2026-11-22 14:50:03`.
    text: Option<String>,
    /// Whole seconds by which it was ahead; negative when behind.
    difference_seconds: Option<i64>,
    #[schema(format = DateTime)]
    read_at: Option<String>,
    #[schema(format = DateTime)]
    looked_at: Option<String>,
    /// Where it stands, in pixels: x, y, width, height.
    place: Option<BTreeMap<String, usize>>,
    /// `not-attested`, `same`, `changed` or `missing`.
    label: String,
    trouble: Option<String>,
    looks: u64,
    /// Processor time of the last look in microseconds.
    cost_micros: u64,
}

/// How the recorder stamps the camera's pictures at this moment.
#[derive(ToSchema)]
#[schema(as = StampStanding)]
pub(super) struct StampStandingForm {
    /// The encoder that stamps; absent while pictures pass through without the stamp.
    encoder: Option<String>,
    /// What is given up because the machine cannot keep up: `wall`, `half-rate`, `stamp`.
    given_up: Vec<String>,
    /// Encoders that died and are not well again.
    #[schema(inline)]
    dead: Vec<DeadEncoderForm>,
}

/// An encoder that died at work.
#[derive(ToSchema)]
#[schema(as = DeadEncoder)]
pub(super) struct DeadEncoderForm {
    encoder: String,
    reason: String,
}

/// The received picture as measured.
#[derive(ToSchema)]
#[schema(as = VideoMeasured)]
pub(super) struct VideoMeasuredForm {
    codec: String,
    width: u32,
    height: u32,
    frames_per_second: f64,
    bitrate_kbps: f64,
}

/// The received sound as measured.
#[derive(ToSchema)]
#[schema(as = AudioMeasured)]
pub(super) struct AudioMeasuredForm {
    codec: String,
    sample_rate: u32,
    bitrate_kbps: f64,
    /// Loudness of the last second in dB below full scale.
    level_dbfs: Option<f64>,
}

/// The disk under a storage root.
#[derive(ToSchema)]
#[schema(as = StorageState)]
pub(super) struct StorageStateForm {
    path: String,
    free_bytes: u64,
    total_bytes: u64,
    writable: bool,
    /// `full`, `read-only`, `gone`, `slow` or `failing`.
    fault: Option<String>,
    detail: Option<String>,
    reserve_bytes: u64,
    cameras: Vec<String>,
    bytes_per_second: u64,
    syncs: u64,
    /// Beijing date, such as `2026-12-03`.
    full_on: Option<String>,
}

/// What a person must act on.
#[derive(ToSchema)]
#[schema(as = Alarm)]
pub(super) struct AlarmForm {
    code: String,
    subject: String,
    /// `warning` or `critical`.
    severity: String,
    #[schema(format = DateTime)]
    since: String,
    #[schema(inline)]
    text: BilingualForm,
    #[schema(inline)]
    action: BilingualForm,
}

/// The server's own clock discipline.
#[derive(ToSchema)]
#[schema(as = ClockState)]
pub(super) struct ClockStateForm {
    synchronised: bool,
    max_error_ms: i64,
    /// The limit of hall.toml.
    limit_ms: i64,
    /// Who says so: `kernel`, or chrony with the server it follows.
    source: String,
    /// `insert`, `delete` or `smear`.
    leap: Option<String>,
}

/// A camera's clock as its sender reports show it.
#[derive(ToSchema)]
#[schema(as = CameraClockState)]
pub(super) struct CameraClockForm {
    /// `good`, `off`, `time-zone`, `unset`, `stepping` or `drifting`.
    verdict: String,
    /// Hours by which its zone is wrong.
    hours: Option<i64>,
    /// What it gains against the server's, in parts per million.
    drift_ppm: Option<i64>,
    #[schema(inline)]
    text: BilingualForm,
}

/// Everything measured, at one moment.
#[derive(ToSchema)]
#[schema(as = HallState)]
pub(super) struct HallStateForm {
    #[schema(format = DateTime)]
    at: String,
    #[schema(format = DateTime)]
    started: String,
    should_record: u64,
    recording: u64,
    #[schema(format = DateTime)]
    oldest_footage: Option<String>,
    #[schema(inline)]
    cameras: Vec<CameraStateForm>,
    #[schema(inline)]
    storage: Vec<StorageStateForm>,
    #[schema(inline)]
    clock: ClockStateForm,
    #[schema(inline)]
    alarms: Vec<AlarmForm>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::GapCause;
    use crate::catalogue::timeline::{ClockWord, Gap, RecordedSpan};
    use crate::hall::{CameraId, CameraKind, StampMode};
    use crate::media::TimeSource;
    use crate::observe::state as real;
    use crate::source::anchor::camera_clock::{CameraClock, ClockVerdict};
    use crate::time::WallTime;
    use serde::Serialize;
    use serde_json::Value;
    use utoipa::PartialSchema;

    /// The property names of a form, and those of the real type's JSON.
    fn both<F: PartialSchema>(real: &impl Serialize) -> (Vec<String>, Vec<String>) {
        let form = serde_json::to_value(F::schema()).unwrap();
        let mut described: Vec<String> = form["properties"].as_object().unwrap().keys().cloned().collect();
        let Value::Object(object) = serde_json::to_value(real).unwrap() else { panic!("not an object") };
        let mut told: Vec<String> = object.keys().cloned().collect();
        described.sort();
        told.sort();
        (described, told)
    }

    fn assert_same<F: PartialSchema>(real: &impl Serialize) {
        let (described, told) = both::<F>(real);
        assert_eq!(described, told);
    }

    fn words<F: PartialSchema>() -> Vec<String> {
        let form = serde_json::to_value(F::schema()).unwrap();
        form["enum"].as_array().unwrap().iter().map(|w| w.as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn every_form_describes_the_type_it_stands_for() {
        let t = WallTime::from_micros(0);
        let clock = || real::ClockState {
            synchronised: true,
            max_error_ms: 0,
            limit_ms: 1000,
            source: "kernel".into(),
            leap: Some(crate::time::Leap::Insert),
        };
        let camera = real::CameraState {
            id: CameraId::new("C3"),
            kind: CameraKind::Fixed,
            desired: true,
            state: real::RecordingState::Recording,
            since: t,
            newest_part: None,
            age_ms: None,
            cause: None,
            cause_text: None,
            action: None,
            detail: None,
            stamp_mode: StampMode::Reencode,
            stamped: true,
            stamping: None,
            wall_picture: false,
            camera_clock: None,
            video: None,
            audio: None,
            time_source: None,
            clock_skew_ms: None,
            clock: None,
            connections: 1,
        };
        assert_same::<CameraStateForm>(&camera);
        let storage = real::StorageState {
            path: "/r".into(),
            free_bytes: 1,
            total_bytes: 2,
            writable: true,
            fault: None,
            detail: None,
            reserve_bytes: 1,
            cameras: vec![],
            bytes_per_second: 1,
            syncs: 1,
            full_on: None,
        };
        let mut board = crate::observe::alarms::Board::default();
        let told = crate::observe::words::fault(crate::segment::disk::Fault::Full);
        board.raise("storage-full", "/r", crate::observe::alarms::Severity::Critical, t, told);
        assert_same::<AlarmForm>(&board.settle(&[])[0]);
        assert_same::<StorageStateForm>(&storage);
        assert_same::<ClockStateForm>(&clock());
        assert_same::<OwnClockForm>(&crate::stamp::camera_osd::CameraOsdState::default());
        assert_same::<BilingualForm>(&real::Bilingual { zh: "".into(), en: "".into() });
        let dead = crate::observe::stamp_alarms::DeadEncoder { encoder: "vaapi".into(), reason: "gone".into() };
        assert_same::<DeadEncoderForm>(&dead);
        assert_same::<StampStandingForm>(&crate::observe::stamp_alarms::StampStanding::default());
        assert_same::<VideoMeasuredForm>(&real::VideoMeasured {
            codec: "H.265".into(),
            width: 1,
            height: 1,
            frames_per_second: 25.0,
            bitrate_kbps: 1.0,
        });
        assert_same::<AudioMeasuredForm>(&real::AudioMeasured {
            codec: "AAC".into(),
            sample_rate: 1,
            bitrate_kbps: 1.0,
            level_dbfs: None,
        });
        assert_same::<HallStateForm>(&real::HallState {
            at: t,
            started: t,
            should_record: 1,
            recording: 1,
            oldest_footage: None,
            cameras: vec![],
            storage: vec![],
            clock: clock(),
            alarms: vec![],
        });
        let camera = CameraId::new("C3");
        assert_same::<RecordedSpanForm>(&RecordedSpan {
            camera: camera.clone(),
            from: t,
            to: t,
            stamped: true,
            restored: true,
            clock: Some(ClockWord::Disciplined),
        });
        let clock = CameraClock { verdict: ClockVerdict::TimeZone { hours: 8 }, skew_micros: Some(1), drift_ppm: Some(1) };
        assert_same::<CameraClockForm>(&crate::observe::clocks::of_camera(&clock).unwrap());
        assert_same::<RemovedSpanForm>(&crate::time::Span::new(t, t));
        assert_same::<GapForm>(&Gap { camera, from: t, to: t, cause: GapCause::Disk, detail: "full".into() });
    }

    #[test]
    fn every_word_of_a_form_is_a_word_of_the_type() {
        let json = |v: Value| v.as_str().unwrap().to_owned();
        let word = |v: &dyn erased::Word| json(v.word());
        assert_eq!(words::<CameraKindForm>(), [word(&CameraKind::Fixed), word(&CameraKind::Ptz)]);
        let modes = [&StampMode::Reencode, &StampMode::Camera, &StampMode::None].map(|m| word(m));
        assert_eq!(words::<StampModeForm>(), modes);
        use real::RecordingState as R;
        let states = [&R::Starting, &R::Recording, &R::Degraded, &R::NotRecording].map(|s| word(s));
        assert_eq!(words::<RecordingStateForm>(), states);
        let sources = [&TimeSource::SenderReport, &TimeSource::Arrival, &TimeSource::Replay].map(|s| word(s));
        assert_eq!(words::<TimeSourceForm>(), sources);
        use GapCause as G;
        let causes = [
            G::CameraUnreachable,
            G::CameraClosed,
            G::CameraStalled,
            G::Authentication,
            G::UnsupportedStream,
            G::FormatChanged,
            G::Disk,
            G::Overload,
            G::StampFailed,
            G::RecorderRestart,
            G::RecorderStopped,
            G::ClockStep,
            G::Operator,
            G::Unknown,
        ];
        assert_eq!(words::<GapCauseForm>(), causes.map(|c| c.word().to_owned()));
    }

    /// Serialises without naming the type.
    mod erased {
        pub trait Word {
            fn word(&self) -> serde_json::Value;
        }
        impl<T: serde::Serialize> Word for T {
            fn word(&self) -> serde_json::Value {
                serde_json::to_value(self).unwrap()
            }
        }
    }
}
