//! Collects what is measured of one camera: what arrives, what reaches the disk, how the last session ended.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::stamp_alarms::StampStanding;
use super::state::{AudioMeasured, VideoMeasured};
use crate::catalogue::GapCause;
use crate::media::{AccessUnit, StreamFormat, TimeSource};
use crate::source::anchor::camera_clock::CameraClock;
use crate::source::{Measured, SessionEnd};
use crate::stamp::camera_osd::CameraOsdState;
use crate::stamp::placement::Fit;
use crate::time::WallTime;

/// Rates are taken over this many whole seconds.
const RATE_SECONDS: usize = 5;

/// The measurements of one camera. Shared between its session, the disk's thread and the reconciler.
#[derive(Debug, Default)]
pub struct Meter(Mutex<Facts>);

/// A copy of everything measured, for the reconciler.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Sessions begun since the recorder started.
    pub connections: u64,
    /// True while a session delivers.
    pub in_session: bool,
    /// Why the last session ended, until the next delivers.
    pub last_end: Option<SessionEnd>,
    /// Why nothing of the session is recorded although it delivers.
    pub refused: Option<SessionEnd>,
    /// What the session carries, as received.
    pub format: Option<StreamFormat>,
    /// Codec of the sound as the camera sends it.
    pub audio_codec: Option<String>,
    /// Loudness of the last second in dB below full scale.
    pub audio_level_dbfs: Option<f64>,
    /// What the camera's last reports said of its clock; outlives the session, until reports of another say more.
    pub camera_clock: CameraClock,
    /// How capture times are found.
    pub time_source: Option<TimeSource>,
    /// True when the pictures being recorded carry the recorder's stamp.
    pub stamped: bool,
    /// Why the stamp is missing: the cause and the circumstances in words.
    pub stamp_trouble: Option<(GapCause, String)>,
    /// Which encoder stamps, and what is wrong with it.
    pub stamp: StampStanding,
    /// True while a small picture is made or fetched for the wall.
    pub wall_picture: bool,
    /// How much of the recorder's stamp has room in the picture.
    pub stamp_fit: Option<Fit>,
    /// What the camera draws into its own picture, where that is to be proven.
    pub camera_osd: Option<CameraOsdState>,
    /// A stream of the camera is not recorded.
    pub unrecorded: Option<String>,
    /// Capture time up to which parts were handed to the kernel.
    pub written_to: Option<WallTime>,
    /// Capture time up to which parts are safe from a power cut.
    pub durable_to: Option<WallTime>,
    /// Packets lost on the way since the recorder started.
    pub packets_lost: u64,
    /// Monotonic time at which the newest picture arrived.
    pub last_picture: Option<Duration>,
    pub(super) rates: Rates,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Rates {
    /// Pictures, picture bytes and sound bytes of each second of monotonic time, oldest first.
    seconds: VecDeque<(u64, [u64; 3])>,
}

impl Rates {
    fn add(&mut self, now: Duration, counts: [u64; 3]) {
        let second = now.as_secs();
        match self.seconds.back_mut() {
            Some((last, sums)) if *last == second => {
                for (sum, n) in sums.iter_mut().zip(counts) {
                    *sum += n;
                }
            }
            _ => self.seconds.push_back((second, counts)),
        }
        while self.seconds.len() > RATE_SECONDS + 1 {
            self.seconds.pop_front();
        }
    }

    /// Per second, over the whole seconds that ended before `now`.
    #[expect(clippy::cast_precision_loss, reason = "bytes of five seconds")]
    fn per_second(&self, now: Duration) -> [f64; 3] {
        let current = now.as_secs();
        let from = current.saturating_sub(RATE_SECONDS as u64);
        let mut sums = [0u64; 3];
        let whole = self.seconds.iter().filter(|(s, _)| (from..current).contains(s));
        for (_, counts) in whole.clone() {
            for (sum, n) in sums.iter_mut().zip(counts) {
                *sum += n;
            }
        }
        // A session younger than the window is measured over its own age.
        let span = whole.map(|(s, _)| current - s).max().unwrap_or(1).max(1);
        sums.map(|s| s as f64 / span as f64)
    }
}

impl Meter {
    fn lock(&self) -> MutexGuard<'_, Facts> {
        // Plain assignments: nothing in here panics half-way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A copy of everything measured.
    pub fn facts(&self) -> Facts {
        self.lock().clone()
    }

    /// A session delivers this format.
    pub fn delivers(&self, format: &StreamFormat) {
        let mut facts = self.lock();
        if !facts.in_session {
            facts.connections += 1;
        }
        facts.in_session = true;
        facts.last_end = None;
        facts.format = Some(format.clone());
        if let Some(audio) = &format.audio {
            let origin = audio.origin.clone().unwrap_or_else(|| audio.codec.to_string());
            facts.audio_codec = Some(origin);
        }
    }

    /// One unit arrived at monotonic time `now`.
    pub fn unit(&self, unit: &AccessUnit, now: Duration) {
        let mut facts = self.lock();
        let bytes = unit.len_bytes() as u64;
        match unit {
            AccessUnit::Video(v) => {
                facts.time_source = Some(v.time_source);
                facts.last_picture = Some(now);
                facts.rates.add(now, [1, bytes, 0]);
            }
            AccessUnit::Audio(_) => facts.rates.add(now, [0, 0, bytes]),
        }
    }

    /// The session told something about itself.
    pub fn measured(&self, measured: Measured) {
        let mut facts = self.lock();
        match measured {
            Measured::AudioCodec(codec) => facts.audio_codec = Some(codec),
            Measured::AudioLevel(level) => facts.audio_level_dbfs = Some(level),
            Measured::CameraClock(clock) => facts.camera_clock = clock,
            Measured::Loss(n) => facts.packets_lost += n,
            Measured::Unrecorded(what) => facts.unrecorded = Some(what),
        }
    }

    /// The session ended.
    pub fn ended(&self, end: SessionEnd) {
        let mut facts = self.lock();
        facts.in_session = false;
        facts.last_end = Some(end);
        facts.audio_level_dbfs = None;
        facts.unrecorded = None;
        facts.stamp_fit = None;
        facts.rates = Rates::default();
    }

    /// Whether the pictures being recorded carry the recorder's stamp, and why not.
    pub fn stamping(&self, stamped: bool, trouble: Option<(GapCause, String)>) {
        let mut facts = self.lock();
        facts.stamped = stamped;
        facts.stamp_trouble = trouble;
    }

    /// Which encoder stamps, what is given up and what died.
    pub fn stamp_standing(&self, standing: StampStanding) {
        self.lock().stamp = standing;
    }

    /// Whether a small picture is being made or fetched for the wall.
    pub fn wall_picture(&self, runs: bool) {
        self.lock().wall_picture = runs;
    }

    /// How much of the recorder's stamp has room in the pictures being recorded.
    pub fn stamp_fits(&self, fit: Option<Fit>) {
        self.lock().stamp_fit = fit;
    }

    /// A key frame was looked at for the camera's own clock and label.
    pub fn camera_osd(&self, state: &CameraOsdState) {
        self.lock().camera_osd = Some(state.clone());
    }

    /// Nothing of the session is recorded, for this cause; `None` once a run begins.
    pub fn refused(&self, end: Option<SessionEnd>) {
        self.lock().refused = end;
    }

    /// The wall clock was set: ages of what was written before cannot be told by it any more.
    pub fn clock_stepped(&self) {
        let mut facts = self.lock();
        (facts.written_to, facts.durable_to) = (None, None);
    }

    /// A part that reaches `to` was handed to the kernel.
    pub fn written(&self, to: WallTime) {
        let mut facts = self.lock();
        facts.written_to = facts.written_to.max(Some(to));
    }

    /// Everything up to `to` is synced.
    pub fn durable(&self, to: WallTime) {
        let mut facts = self.lock();
        facts.durable_to = facts.durable_to.max(Some(to));
    }
}

impl Facts {
    /// The received picture, while a session delivers.
    pub fn video(&self, now: Duration) -> Option<VideoMeasured> {
        let format = self.format.as_ref().filter(|_| self.in_session)?;
        let [pictures, bytes, _] = self.rates.per_second(now);
        Some(VideoMeasured {
            codec: format.video.codec.to_string(),
            width: format.video.width,
            height: format.video.height,
            frames_per_second: round(pictures),
            bitrate_kbps: round(bytes * 8.0 / 1000.0),
        })
    }

    /// The received sound, while a session delivers.
    pub fn audio(&self, now: Duration) -> Option<AudioMeasured> {
        let format = self.format.as_ref().filter(|_| self.in_session)?.audio.as_ref()?;
        let [_, _, bytes] = self.rates.per_second(now);
        Some(AudioMeasured {
            codec: self.audio_codec.clone().unwrap_or_else(|| format.codec.to_string()),
            sample_rate: format.sample_rate,
            bitrate_kbps: round(bytes * 8.0 / 1000.0),
            level_dbfs: self.audio_level_dbfs.map(round),
        })
    }
}

fn round(x: f64) -> f64 {
    (x * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_those_of_the_last_whole_seconds() {
        let mut rates = Rates::default();
        for n in 0..75u64 {
            rates.add(Duration::from_millis(100_000 + n * 40), [1, 1000, 10]);
        }
        // Three whole seconds at 25 pictures a second; the fourth has just begun.
        assert_eq!(rates.per_second(Duration::from_millis(103_000)), [25.0, 25_000.0, 250.0]);
        // Two seconds of silence later the rate has fallen, and after the window it is nought.
        assert_eq!(rates.per_second(Duration::from_secs(105))[0], 15.0);
        assert_eq!(rates.per_second(Duration::from_secs(120))[0], 0.0);
    }
}
