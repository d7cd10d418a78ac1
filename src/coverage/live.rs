//! What takes longer than a second to measure: pictures per second over a minute, and for how much of the opening hours a pickup
//! was silent. Fed with the recorder's state once a second; pure.

use std::collections::{BTreeMap, VecDeque};

use super::measured::{CameraMeasured, ClockMeasured, Measured, Protocol, Reading, Size, Source, StampSeen};
use crate::catalogue::GapCause;
use crate::hall::{CameraId, StampMode};
use crate::observe::state::{CameraState, HallState, RecordingState};
use crate::time::{MICROS_PER_SECOND, Span, WallTime};

/// Seconds over which pictures are counted.
const RATE_SECONDS: usize = 60;
/// Seconds of opening hours gathered in one bucket of sound.
const BUCKET_SECONDS: u32 = 300;
/// Buckets kept: 24 opening hours.
const MOST_BUCKETS: usize = 288;
/// Least seconds of opening hours after which something is said of the sound.
const LEAST_HEARD_SECONDS: u32 = 10;

/// What is gathered of every camera over time.
#[derive(Debug, Default)]
pub struct Tally {
    cameras: BTreeMap<CameraId, CameraTally>,
    last: Option<WallTime>,
}

#[derive(Debug, Default)]
struct CameraTally {
    rates: VecDeque<f64>,
    sound: VecDeque<Bucket>,
}

/// Seconds of sound.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    from: WallTime,
    to: WallTime,
    seconds: u32,
    silent: u32,
}

impl Tally {
    /// Takes the state of one second. `open` tells whether a camera's zones are open; sound below `silent_below_db` dB under full
    /// scale is silent. A state that was taken before is passed over.
    pub fn take(&mut self, state: &HallState, silent_below_db: u32, open: impl Fn(&CameraId) -> bool) {
        if self.last == Some(state.at) {
            return;
        }
        // A clock that was set back: what was gathered before cannot be put in order with what comes.
        if self.last.is_some_and(|last| state.at < last) {
            self.cameras.clear();
        }
        self.last = Some(state.at);
        for camera in &state.cameras {
            let tally = self.cameras.entry(camera.id.clone()).or_default();
            match &camera.video {
                Some(video) => {
                    tally.rates.push_back(video.frames_per_second);
                    if tally.rates.len() > RATE_SECONDS {
                        tally.rates.pop_front();
                    }
                }
                None => tally.rates.clear(),
            }
            if let Some(level) = camera.audio.as_ref().and_then(|a| a.level_dbfs).filter(|_| open(&camera.id)) {
                tally.hear(state.at, level <= -f64::from(silent_below_db));
            }
        }
    }

    /// What is measured at this moment: the state with what was gathered.
    pub fn measured(&self, state: &HallState) -> Measured {
        let at = state.at;
        let clock = ClockMeasured { synchronised: state.clock.synchronised, max_error_ms: state.clock.max_error_ms };
        let cameras = state.cameras.iter().map(|c| (c.id.clone(), self.camera(c, at))).collect();
        Measured {
            recorder: Some(Reading::new(state.started, at, Source::Recorder)),
            clock: Some(Reading::new(clock, at, Source::Kernel)),
            cameras,
            ..Measured::default()
        }
    }

    fn camera(&self, state: &CameraState, at: WallTime) -> CameraMeasured {
        let tally = self.cameras.get(&state.id);
        let recording = match state.state {
            RecordingState::Starting => None,
            RecordingState::Recording | RecordingState::Degraded => Some(true),
            RecordingState::NotRecording => Some(false),
        };
        let reachable = match (&state.video, state.cause) {
            (Some(_), _) => Some(true),
            (None, Some(GapCause::CameraUnreachable)) => Some(false),
            _ => None,
        };
        let here = |value| Reading::new(value, at, Source::Recorder);
        let mut measured = CameraMeasured {
            recording: recording.map(here),
            reachable: reachable.map(here),
            clock_skew_ms: state.clock_skew_ms.map(|ms| Reading::new(ms, at, Source::Stream)),
            ..CameraMeasured::default()
        };
        let Some(video) = &state.video else { return measured };
        let stream = Source::Stream;
        measured.protocol = Some(Reading::new(Protocol::Rtsp, at, stream));
        measured.size = Some(Reading::new(Size { width: video.width, height: video.height }, at, stream));
        measured.video_codec = Some(Reading::new(video.codec.clone(), at, stream));
        measured.bitrate_kbps = Some(Reading::new(video.bitrate_kbps, at, stream));
        measured.frames_per_second = tally
            .and_then(|t| t.rate())
            .map(|(rate, seconds)| Reading::over(rate, Span::new(at.plus_micros(-seconds * MICROS_PER_SECOND), at), stream));
        measured.audio_present = Some(Reading::new(state.audio.is_some(), at, stream));
        let level = state.audio.as_ref().and_then(|a| a.level_dbfs);
        measured.audio_level_dbfs = level.map(|level| Reading::new(level, at, stream));
        measured.silent_share = tally.and_then(CameraTally::silence);
        // What the camera draws is not proven by its being asked for.
        measured.stamp = (state.stamp_mode == StampMode::Reencode)
            .then(|| Reading::new(if state.stamped { StampSeen::Recorder } else { StampSeen::Missing }, at, Source::Recorder));
        measured
    }
}

impl CameraTally {
    fn hear(&mut self, at: WallTime, silent: bool) {
        let fresh = Bucket { from: at, to: at, seconds: 0, silent: 0 };
        match self.sound.back() {
            Some(last) if last.seconds < BUCKET_SECONDS => {}
            _ => self.sound.push_back(fresh),
        }
        if let Some(bucket) = self.sound.back_mut() {
            bucket.to = at;
            bucket.seconds += 1;
            bucket.silent += u32::from(silent);
        }
        if self.sound.len() > MOST_BUCKETS {
            self.sound.pop_front();
        }
    }

    /// Mean pictures per second, and over how many seconds.
    fn rate(&self) -> Option<(f64, i64)> {
        if self.rates.is_empty() {
            return None;
        }
        let n = u32::try_from(self.rates.len()).unwrap_or(u32::MAX);
        let mean = self.rates.iter().sum::<f64>() / f64::from(n);
        Some(((mean * 10.0).round() / 10.0, i64::from(n)))
    }

    fn silence(&self) -> Option<Reading<f64>> {
        let (seconds, silent) = self.sound.iter().fold((0, 0), |sum, b| (sum.0 + b.seconds, sum.1 + b.silent));
        let (first, last) = (self.sound.front()?, self.sound.back()?);
        let share = f64::from(silent) / f64::from(seconds.max(1));
        (seconds >= LEAST_HEARD_SECONDS)
            .then(|| Reading::over(share, Span::new(first.from, last.to.plus_micros(MICROS_PER_SECOND)), Source::Stream))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hall::CameraKind;
    use crate::observe::state::{AudioMeasured, ClockState, VideoMeasured};

    fn state(second: i64, fps: f64, level: Option<f64>) -> HallState {
        let at = WallTime::from_micros((1_800_000_000 + second) * MICROS_PER_SECOND);
        let camera = CameraState {
            id: CameraId::new("C1"),
            kind: CameraKind::Fixed,
            desired: true,
            state: RecordingState::Recording,
            since: at,
            newest_part: Some(at),
            age_ms: Some(0),
            cause: None,
            cause_text: None,
            action: None,
            detail: None,
            stamp_mode: StampMode::Reencode,
            stamped: true,
            stamping: None,
            wall_picture: false,
            camera_clock: None,
            video: Some(VideoMeasured {
                codec: "H.264".into(),
                width: 1280,
                height: 720,
                frames_per_second: fps,
                bitrate_kbps: 2000.0,
            }),
            audio: Some(AudioMeasured {
                codec: "G.711 A-law".into(),
                sample_rate: 8000,
                bitrate_kbps: 64.0,
                level_dbfs: level,
            }),
            time_source: None,
            clock_skew_ms: None,
            clock: None,
            connections: 1,
        };
        HallState {
            at,
            started: at,
            should_record: 1,
            recording: 1,
            oldest_footage: None,
            cameras: vec![camera],
            storage: Vec::new(),
            clock: ClockState { synchronised: true, max_error_ms: 3, limit_ms: 1000, source: "kernel".into(), leap: None },
            alarms: Vec::new(),
        }
    }

    #[test]
    fn silence_is_counted_in_opening_hours_only_and_said_once_enough_was_heard() {
        let mut tally = Tally::default();
        let camera = |tally: &Tally, second| tally.measured(&state(second, 25.0, None)).cameras[&CameraId::new("C1")].clone();
        for second in 0..9 {
            tally.take(&state(second, 25.0, Some(-96.0)), 66, |_| true);
        }
        assert_eq!(camera(&tally, 9).silent_share, None);
        tally.take(&state(9, 25.0, Some(-30.0)), 66, |_| true);
        // The same state again, and one outside opening hours, change nothing.
        tally.take(&state(9, 25.0, Some(-30.0)), 66, |_| true);
        tally.take(&state(10, 25.0, Some(-30.0)), 66, |_| false);
        let silent = camera(&tally, 11).silent_share.expect("heard");
        assert_eq!((silent.value, silent.over.map(Span::micros)), (0.9, Some(10_000_000)));
    }

    #[test]
    fn pictures_are_counted_over_the_last_minute() {
        let mut tally = Tally::default();
        for second in 0..70 {
            tally.take(&state(second, if second < 40 { 25.0 } else { 12.5 }, None), 66, |_| true);
        }
        let measured = tally.measured(&state(70, 12.5, None));
        let camera = &measured.cameras[&CameraId::new("C1")];
        // 30 of the last 60 seconds at 25, 30 at 12.5.
        let rate = camera.frames_per_second.as_ref().expect("a rate");
        assert_eq!((rate.value, rate.over.map(Span::micros)), (18.8, Some(60_000_000)));
        assert_eq!(camera.size.as_ref().map(|s| s.value.to_string()), Some("1280x720".to_owned()));
        assert_eq!(camera.silent_share, None);
    }
}
