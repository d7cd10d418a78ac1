//! Turns access units into the bytes of segments: pure, so that cutting, numbering and sealing are tested without a disk.
//!
//! A part is closed at a random access point or after [`CutSettings::part_90k`]; a segment at the first random access point past
//! a line of the grid of Beijing time. Digests are chained: each identity names the digest of the run's segment before it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::identity::{FORM_VERSION, Identity, Seal, TimeTally};
use super::init::{codecs, init_segment};
use super::part::{put_part, to_90k};
use super::seal::{RandomAccess, SealFacts, seal};
use crate::media::{AccessUnit, AudioUnit, StreamFormat, VideoUnit};
use crate::time::{MICROS_PER_SECOND, RecordedClock, WallTime};

/// Sound waiting for a picture is bounded; without pictures the oldest goes (counted by the caller through `dropped_audio`).
const MOST_WAITING_SOUND: usize = 4096;
/// Length given to a last picture whose successor never came: one at 25 pictures a second.
const LAST_PICTURE_90K: i64 = 3600;

/// Where to cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CutSettings {
    /// Grid of segment starts in seconds of Beijing time.
    pub segment_seconds: u32,
    /// Longest part in 1/90000 s.
    pub part_90k: i64,
}

/// Whose pictures these are: goes into every identity.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subject {
    /// Camera id.
    pub camera: String,
    /// Windows the camera looks at.
    pub windows: Vec<String>,
    /// Zone type.
    pub zone: String,
    /// Hall.
    pub hall: String,
    /// Administrative division.
    pub division: String,
    /// The two lines of the label, as the stamp shows them.
    pub label: Option<[String; 2]>,
}

/// Tells how the server's clock is kept at this moment.
pub type ClockReader = Arc<dyn Fn() -> RecordedClock + Send + Sync>;

/// What is to be done on disk, in order.
#[expect(clippy::large_enum_variant, reason = "a camera's file is created once a minute; few commands wait at a time")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WriteCommand {
    /// Make a file and write its head.
    Create {
        /// What the file says of itself.
        identity: Identity,
        /// The first bytes.
        head: Bytes,
    },
    /// Append one part to the open file.
    Part {
        /// The bytes.
        bytes: Bytes,
        /// Capture time at which its last picture ends.
        to: WallTime,
        /// Number of pictures.
        pictures: u32,
    },
    /// Append the seal and close the open file.
    Seal {
        /// The bytes.
        bytes: Bytes,
        /// What the seal says.
        seal: Seal,
    },
}

/// One run of one camera on its way to files.
pub struct SegmentWriter {
    cut: CutSettings,
    subject: Subject,
    format: StreamFormat,
    stamped: bool,
    /// Asked at each new segment: the camera's own stamp is proven at this moment.
    proof: Option<Arc<AtomicBool>>,
    run: String,
    clock: Option<ClockReader>,
    number: u32,
    previous: Option<String>,
    open: Option<OpenSegment>,
    video: Vec<VideoUnit>,
    audio: VecDeque<AudioUnit>,
    sequence: u32,
    dropped_audio: u64,
}

struct OpenSegment {
    grid: i64,
    hasher: Sha256,
    bytes: u64,
    random_access: Vec<RandomAccess>,
    pictures: u32,
    parts: u32,
    to: WallTime,
    times: TimeTally,
}

impl SegmentWriter {
    /// A writer for the run `run` of `subject`.
    pub fn new(cut: CutSettings, subject: Subject, format: StreamFormat, stamped: bool, run: String) -> Self {
        Self {
            cut,
            subject,
            format,
            stamped,
            proof: None,
            run,
            clock: None,
            number: 0,
            previous: None,
            open: None,
            video: Vec::new(),
            audio: VecDeque::new(),
            sequence: 0,
            dropped_audio: 0,
        }
    }

    /// The same, writing into each segment how the server's clock is kept when it is begun.
    #[must_use]
    pub fn with_clock(self, clock: Option<ClockReader>) -> Self {
        Self { clock, ..self }
    }

    /// The pictures carry a stamp while `proof` is true: what it says when a segment begins goes into that segment's identity.
    #[must_use]
    pub fn stamped_while(mut self, proof: Option<Arc<AtomicBool>>) -> Self {
        self.proof = proof;
        self
    }

    /// Frames of sound thrown away because no picture came to carry them.
    pub fn dropped_audio(&self) -> u64 {
        self.dropped_audio
    }

    /// Takes one unit; what must be written because of it is appended to `out`. Pictures before the first random access point
    /// and sound before the first picture are not kept.
    pub fn push(&mut self, unit: AccessUnit, out: &mut Vec<WriteCommand>) {
        match unit {
            AccessUnit::Audio(audio) => {
                if self.audio.len() >= MOST_WAITING_SOUND {
                    self.audio.pop_front();
                    self.dropped_audio += 1;
                }
                self.audio.push_back(audio);
            }
            AccessUnit::Video(video) => self.push_video(video, out),
        }
    }

    fn push_video(&mut self, unit: VideoUnit, out: &mut Vec<WriteCommand>) {
        if self.open.is_none() && !unit.random_access {
            return;
        }
        if let Some(first) = self.video.first() {
            let in_order = self.video.iter().all(|u| u.pts_90k < unit.pts_90k);
            let long_enough = unit.pts_90k - first.pts_90k >= self.cut.part_90k;
            if unit.random_access || (long_enough && in_order) {
                self.close_part(unit.pts_90k, out);
            }
        }
        let grid = unit.capture.as_micros().div_euclid(i64::from(self.cut.segment_seconds) * MICROS_PER_SECOND);
        if unit.random_access && self.open.as_ref().is_some_and(|o| o.grid != grid) {
            self.seal(out);
        }
        if self.open.is_none() {
            self.create(&unit, grid, out);
        }
        if let Some(open) = &mut self.open {
            open.times.count(unit.time_source, unit.capture, unit.other_capture);
        }
        self.video.push(unit);
    }

    /// Ends the run: what is still in hand is written and the segment sealed.
    pub fn finish(mut self, out: &mut Vec<WriteCommand>) {
        if !self.video.is_empty() {
            let end = self.video.iter().map(|u| u.pts_90k).max().unwrap_or(0) + self.usual_duration();
            self.close_part(end, out);
        }
        if self.open.is_some() {
            self.seal(out);
        }
    }

    fn usual_duration(&self) -> i64 {
        match self.video.as_slice() {
            [.., before, last] => (last.pts_90k - before.pts_90k).abs().clamp(1, i64::from(crate::media::VIDEO_TIMESCALE)),
            _ => LAST_PICTURE_90K,
        }
    }

    fn create(&mut self, first: &VideoUnit, grid: i64, out: &mut Vec<WriteCommand>) {
        let identity = Identity {
            version: FORM_VERSION,
            camera: self.subject.camera.clone(),
            windows: self.subject.windows.clone(),
            zone: self.subject.zone.clone(),
            hall: self.subject.hall.clone(),
            division: self.subject.division.clone(),
            label: self.subject.label.clone(),
            run: self.run.clone(),
            number: self.number,
            from: first.capture,
            stamped: self.stamped || self.proof.as_ref().is_some_and(|proof| proof.load(Ordering::Relaxed)),
            codecs: codecs(&self.format),
            width: self.format.video.width,
            height: self.format.video.height,
            audio_origin: self.format.audio.as_ref().and_then(|a| a.origin.clone()),
            clock: self.clock.as_ref().map(|read| read()),
            previous: self.previous.clone(),
        };
        let head = init_segment(&self.format, Some(&identity));
        let mut hasher = Sha256::new();
        hasher.update(&head);
        self.open = Some(OpenSegment {
            grid,
            hasher,
            bytes: head.len() as u64,
            random_access: Vec::new(),
            pictures: 0,
            parts: 0,
            to: first.capture,
            times: TimeTally::default(),
        });
        out.push(WriteCommand::Create { identity, head });
    }

    fn close_part(&mut self, end_90k: i64, out: &mut Vec<WriteCommand>) {
        let video = std::mem::take(&mut self.video);
        let audio = self.take_audio(&video, end_90k);
        let (Some(open), Some(last)) = (&mut self.open, video.iter().max_by_key(|u| u.pts_90k)) else { return };
        self.sequence = self.sequence.wrapping_add(1);
        let payload: usize = video.iter().map(|u| u.data.len()).chain(audio.iter().map(|a| a.data.len())).sum();
        let mut bytes = Vec::with_capacity(payload + 256 + 20 * (video.len() + audio.len()));
        put_part(&mut bytes, self.sequence, &video, end_90k, &audio, true);
        if let Some(first) = video.first().filter(|u| u.random_access) {
            // The moof stands behind the producer reference time.
            let moof = open.bytes + u64::from(u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]));
            open.random_access.push((first.pts_90k.max(0).cast_unsigned(), moof));
        }
        let last_ticks = end_90k - last.pts_90k;
        let to = last.capture.plus_micros(last_ticks * 100 / 9);
        let pictures = u32::try_from(video.len()).unwrap_or(u32::MAX);
        open.hasher.update(&bytes);
        open.bytes += bytes.len() as u64;
        open.pictures += pictures;
        open.parts += 1;
        open.to = to;
        out.push(WriteCommand::Part { bytes: bytes.into(), to, pictures });
    }

    /// The waiting sound that begins before `end_90k`. At the start of a run, sound before the first picture is left out.
    fn take_audio(&mut self, video: &[VideoUnit], end_90k: i64) -> Vec<AudioUnit> {
        let Some(format) = &self.format.audio else {
            self.audio.clear();
            return Vec::new();
        };
        let rate = i64::from(format.sample_rate.max(1));
        let to_ticks = |samples: i64| to_90k(samples * MICROS_PER_SECOND / rate);
        let first_of_run = self.sequence == 0;
        let start = video.iter().map(|u| u.pts_90k).min().unwrap_or(0);
        let mut taken = Vec::new();
        while self.audio.front().is_some_and(|a| to_ticks(a.pts_samples) < end_90k) {
            let Some(unit) = self.audio.pop_front() else { break };
            let before = to_ticks(unit.pts_samples) < start;
            if unit.pts_samples < 0 || (first_of_run && before) {
                continue;
            }
            taken.push(unit);
        }
        taken
    }

    fn seal(&mut self, out: &mut Vec<WriteCommand>) {
        let Some(open) = self.open.take() else { return };
        let facts = SealFacts {
            random_access: &open.random_access,
            bytes: open.bytes,
            to: open.to,
            pictures: open.pictures,
            parts: open.parts,
            times: Some(open.times),
        };
        let (bytes, seal) = seal(open.hasher, &facts);
        self.previous = Some(seal.digest.clone());
        self.number += 1;
        out.push(WriteCommand::Seal { bytes: bytes.into(), seal });
    }
}
