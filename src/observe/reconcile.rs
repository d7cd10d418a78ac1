//! The reconciler: desired against measured, every second. Pure: it believes only the age of the newest part on disk.

use std::time::Duration;

use super::meter::Facts;
use super::state::{Bilingual, CameraState, RecordingState};
use super::{camera_clock, clocks, words};
use crate::catalogue::GapCause;
use crate::hall::{Camera, Hall, StampMode};
use crate::stamp::camera_osd::Verdict;
use crate::time::WallTime;

/// A camera that is connected and sends no picture for this long has stalled, whatever the session will make of it.
const LONGEST_SILENCE: Duration = Duration::from_secs(2);

/// How old the newest part may be before a camera counts as not recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Newest part handed to the kernel.
    pub written: Duration,
    /// Newest part synced.
    pub durable: Duration,
    /// Nothing is due this long after the recorder's start.
    pub start: Duration,
}

impl Limits {
    /// The limits that follow from a hall's settings.
    pub fn of(hall: &Hall) -> Self {
        let part = Duration::from_millis(u64::from(hall.recording.part_ms));
        let sync = Duration::from_secs(u64::from(hall.recording.sync_seconds));
        Self {
            // A GOP may be longer than a part, and stamping lags.
            written: part + Duration::from_secs(4),
            durable: part + sync + Duration::from_secs(5),
            start: Duration::from_secs(15),
        }
    }
}

/// What the reconciler remembers of a camera from one second to the next.
#[derive(Clone, Copy, Debug)]
pub struct Before {
    /// State of the last second.
    pub state: RecordingState,
    /// Since when.
    pub since: WallTime,
}

/// Times at which a judgement is made.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// Wall time.
    pub wall: WallTime,
    /// Monotonic time.
    pub monotonic: Duration,
    /// When the recorder started, on the wall clock.
    pub started: WallTime,
}

/// Judges one camera.
pub fn judge(
    hall: &Hall,
    camera: &Camera,
    facts: &Facts,
    limits: Limits,
    moment: Moment,
    before: Option<Before>,
) -> CameraState {
    let age = |t: Option<WallTime>| t.map(|t| moment.wall.micros_since(t));
    // A part from the future tells nothing: the clock was set back since.
    let fresh = |t: Option<WallTime>, limit: Duration| age(t).is_some_and(|a| a.abs() <= micros(limit));
    let recording = fresh(facts.written_to, limits.written) && fresh(facts.durable_to, limits.durable);
    let trouble = trouble(hall, camera, facts);
    let young = moment.wall.micros_since(moment.started) <= micros(limits.start);
    let state = match (recording, &trouble) {
        (true, None) => RecordingState::Recording,
        (true, Some(_)) => RecordingState::Degraded,
        (false, _) if facts.durable_to.is_none() && facts.last_end.is_none() && young => RecordingState::Starting,
        (false, _) => RecordingState::NotRecording,
    };
    let (cause, words, detail) = match state {
        RecordingState::Recording | RecordingState::Starting => (None, None, None),
        RecordingState::Degraded => {
            let (cause, text, detail) = trouble.unwrap_or((None, words::unknown(), None));
            (cause, Some(text), detail)
        }
        RecordingState::NotRecording => {
            let end = facts.last_end.as_ref().or(facts.refused.as_ref());
            let cause = end.map_or_else(|| in_session_cause(facts, moment.monotonic), |e| e.cause);
            (Some(cause), Some(words::cause(cause)), end.map(|e| e.detail.clone()))
        }
    };
    let (cause_text, action) = words.map_or((None, None), |w| (Some(w.what), Some(w.remedy)));
    let since = before.filter(|b| b.state == state).map_or(moment.wall, |b| b.since);
    CameraState {
        id: camera.id.clone(),
        kind: camera.kind,
        desired: true,
        state,
        since,
        newest_part: facts.durable_to.or(facts.written_to),
        age_ms: age(facts.durable_to).map(|a| a / 1000),
        cause,
        cause_text,
        action,
        detail,
        stamp_mode: camera.stamp,
        stamped: (facts.stamped || own_stamp_proven(facts)) && facts.in_session,
        stamping: (camera.stamp == StampMode::Reencode && facts.in_session).then(|| facts.stamp.clone()),
        wall_picture: facts.wall_picture,
        camera_clock: facts.camera_osd.clone(),
        video: facts.video(moment.monotonic),
        audio: facts.audio(moment.monotonic),
        time_source: facts.time_source.filter(|_| facts.in_session),
        clock_skew_ms: facts.camera_clock.skew_micros.map(|micros| micros / 1000),
        clock: clocks::of_camera(&facts.camera_clock),
        connections: facts.connections,
    }
}

/// True when the camera's own clock text is proven to tell the time.
pub fn own_stamp_proven(facts: &Facts) -> bool {
    facts.camera_osd.as_ref().is_some_and(|state| state.clock.verdict == Verdict::Right)
}

/// Why nothing reaches the disk while a session stands.
fn in_session_cause(facts: &Facts, now: Duration) -> GapCause {
    let silent = facts.last_picture.is_none_or(|t| now.saturating_sub(t) > LONGEST_SILENCE);
    if facts.in_session && silent { GapCause::CameraStalled } else { GapCause::Unknown }
}

/// What is missing although pictures reach the disk.
fn trouble(hall: &Hall, camera: &Camera, facts: &Facts) -> Option<(Option<GapCause>, words::Told, Option<String>)> {
    if camera.stamp == StampMode::Reencode && !facts.stamped && facts.in_session {
        let (cause, detail) = facts.stamp_trouble.clone().unzip();
        let told = if cause == Some(GapCause::Overload) { words::cause(GapCause::Overload) } else { words::unstamped() };
        return Some((cause, told, detail));
    }
    if facts.in_session
        && let Some((told, _)) = facts.camera_osd.as_ref().and_then(camera_clock::trouble)
    {
        return Some((None, told, None));
    }
    let sound_wanted = hall.windows.iter().any(|w| hall.sound_camera(w).is_some_and(|c| c.id == camera.id));
    let sound_there = facts.format.as_ref().is_some_and(|f| f.audio.is_some());
    (sound_wanted && facts.in_session && !sound_there).then(|| (None, words::no_sound(), facts.unrecorded.clone()))
}

/// What must be said in the log when a camera's state changed; `None` when it did not.
pub fn change(before: Option<Before>, now: &CameraState) -> Option<Bilingual> {
    if before.is_some_and(|b| b.state == now.state) || (before.is_none() && now.state == RecordingState::Starting) {
        return None;
    }
    let (zh, en) = match now.state {
        RecordingState::Starting => ("启动中", "starting"),
        RecordingState::Recording => ("正常录像", "recording"),
        RecordingState::Degraded => ("在录，但不完整", "recording, but incomplete"),
        RecordingState::NotRecording => ("未在录像", "NOT RECORDING"),
    };
    let told =
        |text: &Option<Bilingual>, pick: fn(&Bilingual) -> &str| text.as_ref().map(|t| pick(t).to_owned()).unwrap_or_default();
    Some(Bilingual {
        zh: format!("{zh} {} {}", told(&now.cause_text, |t| &t.zh), told(&now.action, |t| &t.zh)).trim_end().to_owned(),
        en: format!("{en} {} {}", told(&now.cause_text, |t| &t.en), told(&now.action, |t| &t.en)).trim_end().to_owned(),
    })
}

fn micros(d: Duration) -> i64 {
    i64::try_from(d.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::SessionEnd;

    const HALL: &str = r#"
        [hall]
        name = "重庆街道便民服务中心"
        division = "长春市朝阳区"
        [[zone]]
        id = "Z1"
        type = "综合受理区"
        [[camera]]
        id = "C1"
        kind = "fixed"
        zone = "Z1"
        url = "rtsp://192.0.2.1/a"
        [[window]]
        id = "01"
        zone = "Z1"
        camera = "C1"
        pickup = "C1"
        [[storage]]
        path = "/srv/jiancha/a"
    "#;
    const NOW: i64 = 1_795_330_200_000_000;

    fn judge_facts(facts: &Facts, age_of_recorder: i64) -> CameraState {
        let (hall, _) = crate::hall::parse(HALL, std::path::Path::new("/")).unwrap();
        let wall = WallTime::from_micros(NOW);
        let moment =
            Moment { wall, monotonic: Duration::from_secs(100), started: wall.plus_micros(-age_of_recorder * 1_000_000) };
        judge(&hall, &hall.cameras[0], facts, Limits::of(&hall), moment, None)
    }

    fn at(seconds_ago: i64) -> Option<WallTime> {
        Some(WallTime::from_micros(NOW - seconds_ago * 1_000_000))
    }

    #[test]
    fn a_session_that_claims_to_deliver_is_not_believed_without_parts_on_disk() {
        let facts = Facts { in_session: true, stamped: true, ..Facts::default() };
        assert_eq!(judge_facts(&facts, 5).state, RecordingState::Starting);
        assert_eq!(judge_facts(&facts, 20).state, RecordingState::NotRecording);
        let stale = Facts { written_to: at(6), durable_to: at(6), ..facts };
        assert_eq!(judge_facts(&stale, 20).state, RecordingState::NotRecording);
    }

    #[test]
    fn a_session_that_has_gone_silent_is_told_before_it_is_given_up() {
        let facts = Facts { in_session: true, stamped: true, written_to: at(6), durable_to: at(6), ..Facts::default() };
        assert_eq!(judge_facts(&facts, 60).cause, Some(GapCause::CameraStalled));
        let arriving = Facts { last_picture: Some(Duration::from_secs(99)), ..facts };
        assert_eq!(judge_facts(&arriving, 60).cause, Some(GapCause::Unknown));
    }

    #[test]
    fn parts_that_are_written_but_not_synced_do_not_count() {
        let facts = Facts { in_session: true, stamped: true, written_to: at(1), durable_to: at(12), ..Facts::default() };
        assert_eq!(judge_facts(&facts, 60).state, RecordingState::NotRecording);
    }

    #[test]
    fn a_camera_that_refuses_the_password_is_told_with_cause_and_remedy() {
        let end = SessionEnd { cause: GapCause::Authentication, detail: "describe rtsp://192.0.2.1/a: 401".into() };
        let state = judge_facts(&Facts { last_end: Some(end), ..Facts::default() }, 3);
        assert_eq!((state.state, state.cause), (RecordingState::NotRecording, Some(GapCause::Authentication)));
        assert!(state.action.unwrap().zh.contains("密码"));
        assert_eq!(state.detail.as_deref(), Some("describe rtsp://192.0.2.1/a: 401"));
    }

    #[test]
    fn a_part_from_the_future_is_not_taken_for_a_fresh_one() {
        let facts = Facts { in_session: true, stamped: true, written_to: at(-3600), durable_to: at(-3600), ..Facts::default() };
        assert_eq!(judge_facts(&facts, 60).state, RecordingState::NotRecording);
    }

    #[test]
    fn a_disk_that_takes_nothing_is_told_while_the_camera_delivers() {
        let end = SessionEnd { cause: GapCause::Disk, detail: "/srv/a is full".into() };
        let facts = Facts { in_session: true, stamped: true, refused: Some(end), ..Facts::default() };
        let state = judge_facts(&facts, 60);
        assert_eq!((state.state, state.cause), (RecordingState::NotRecording, Some(GapCause::Disk)));
        assert_eq!(state.detail.as_deref(), Some("/srv/a is full"));
    }

    #[test]
    fn recording_without_the_stamp_or_without_sound_is_degraded() {
        let facts = Facts { in_session: true, stamped: false, written_to: at(1), durable_to: at(2), ..Facts::default() };
        assert_eq!(judge_facts(&facts, 60).state, RecordingState::Degraded);
        let silent = Facts { stamped: true, ..facts };
        let state = judge_facts(&silent, 60);
        assert_eq!(state.state, RecordingState::Degraded);
        assert!(state.cause_text.unwrap().zh.contains("声音"));
    }
}
