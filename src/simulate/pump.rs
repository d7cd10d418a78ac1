//! The heart of a simulated camera: one thread per camera that somebody watches hands each unit over at its capture time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app::AppSrc;
use tokio::sync::watch;
use tracing::{debug, warn};

use super::cameras::CameraSpec;
use super::clip::CameraMedia;
use super::fault::{Condition, Connection, Picture};
use super::osd::Painter;
use super::schedule::Lane;
use crate::time::WallTime;

/// Longest wait for the pipeline to run.
const START_TIMEOUT: Duration = Duration::from_secs(10);
/// Looks at the stop flag and the condition at least this often.
const LONGEST_NAP: Duration = Duration::from_millis(50);
/// When the wall clock and the schedule are further apart than this, the clock was stepped or the machine slept: start over.
const STEP_MICROS: i64 = 2_000_000;

/// What a pump needs.
pub struct Pump {
    /// The camera.
    pub spec: &'static CameraSpec,
    /// What it sends.
    pub media: Arc<CameraMedia>,
    /// What is wrong with it.
    pub condition: watch::Receiver<Condition>,
    /// Takes the pictures.
    pub video: AppSrc,
    /// Draws the pictures of a camera with a clock of its own; the others come from the media.
    pub painter: Option<Painter>,
    /// Takes the sound.
    pub audio: Option<AppSrc>,
    /// One is set when the pump must end: its pipeline's or the server's.
    pub stop: [Arc<AtomicBool>; 2],
}

/// One of the two rows of units.
struct Row {
    lane: Lane,
    next: i64,
}

impl Row {
    fn new(lane: Lane, now: WallTime) -> Self {
        Self { lane, next: lane.first_from(now) }
    }

    fn due(&self) -> WallTime {
        self.lane.capture(self.next)
    }
}

impl Pump {
    /// Runs until told to stop or until the pipeline takes no more.
    pub fn run(mut self) {
        if !self.wait_until_playing() {
            return;
        }
        let start = now();
        let mut video = Row::new(self.spec.rate.video_lane(), start);
        let mut audio = self
            .media
            .sound
            .as_ref()
            .filter(|_| self.audio.is_some())
            .map(|sound| Row::new(self.spec.rate.audio_lane(sound.coding().unit_micros()), start));
        let mut shown = self.condition.borrow().picture;
        while !self.stopped() {
            let sound_first = audio.as_ref().is_some_and(|a| a.due() < video.due());
            let row = match &mut audio {
                Some(audio) if sound_first => audio,
                _ => &mut video,
            };
            let (due, now) = (row.due(), now());
            let ahead = due.micros_since(now);
            if ahead.abs() > STEP_MICROS {
                warn!(camera = self.spec.id, micros = ahead, "the wall clock was stepped: the camera follows it");
                row.next = row.lane.first_from(now);
                continue;
            }
            if ahead > 0 {
                std::thread::sleep(Duration::from_micros(ahead.unsigned_abs()).min(LONGEST_NAP));
                continue;
            }
            let (index, condition) = (row.lane.index(row.next), *self.condition.borrow());
            row.next += 1;
            if condition.connection == Connection::Stall {
                continue;
            }
            let given = if sound_first {
                self.give_sound(index, due, &condition)
            } else {
                // Clips share the grid of random access points, so any may follow any other there.
                if index.is_multiple_of(self.spec.rate.gop_frames() as usize) {
                    shown = condition.picture;
                }
                self.give_picture(index, due, shown, &condition)
            };
            if let Err(flow) = given {
                debug!(camera = self.spec.id, ?flow, "nobody watches any more");
                return;
            }
        }
    }

    fn give_picture(
        &mut self,
        index: usize,
        due: WallTime,
        shown: Picture,
        condition: &Condition,
    ) -> Result<(), gst::FlowError> {
        if let Some(painter) = &mut self.painter {
            let number = u32::try_from(index).unwrap_or_default();
            let drawn = gst::Buffer::from_slice(painter.draw(number, due, condition));
            return give(&self.video, &drawn, due, self.spec.rate.frame_micros(), gst::BufferFlags::empty());
        }
        let Some((unit, random_access)) = self.media.clip(shown).unit(index) else { return Ok(()) };
        let flags = if random_access { gst::BufferFlags::empty() } else { gst::BufferFlags::DELTA_UNIT };
        give(&self.video, unit, due, self.spec.rate.frame_micros(), flags)
    }

    fn give_sound(&self, index: usize, due: WallTime, condition: &Condition) -> Result<(), gst::FlowError> {
        let (Some(sink), Some(sound)) = (&self.audio, &self.media.sound) else { return Ok(()) };
        match sound.unit(index, condition.muted) {
            Some(unit) => give(sink, unit, due, sound.coding().unit_micros(), gst::BufferFlags::empty()),
            None => Ok(()),
        }
    }

    fn stopped(&self) -> bool {
        self.stop.iter().any(|stop| stop.load(Ordering::Relaxed))
    }

    /// A live source has its base time from the moment it plays.
    fn wait_until_playing(&self) -> bool {
        let started = std::time::Instant::now();
        while self.video.current_state() != gst::State::Playing {
            if self.stopped() || started.elapsed() > START_TIMEOUT {
                return false;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        true
    }
}

/// Hands a shallow copy over, timed so that the pipeline, which runs on the wall clock, sees the capture time.
fn give(
    sink: &AppSrc,
    unit: &gst::Buffer,
    due: WallTime,
    length_micros: i64,
    flags: gst::BufferFlags,
) -> Result<(), gst::FlowError> {
    let base = sink.base_time().unwrap_or_default();
    let captured = gst::ClockTime::from_useconds(due.as_micros().unsigned_abs());
    let Some(pts) = captured.checked_sub(base) else { return Ok(()) };
    let mut buffer = unit.copy();
    if let Some(buffer) = buffer.get_mut() {
        buffer.set_pts(pts);
        buffer.set_dts(pts);
        buffer.set_duration(gst::ClockTime::from_useconds(length_micros.unsigned_abs()));
        buffer.set_flags(flags);
    }
    sink.push_buffer(buffer).map(|_| ())
}

fn now() -> WallTime {
    SystemTime::now().into()
}
