//! One run of one camera: from received units to files and live viewers, with or without the stamp.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use super::wall::WallMaker;
use crate::catalogue::GapCause;
use crate::hall::{CameraId, StampSettings};
use crate::live::LiveChannel;
use crate::media::{AccessUnit, AudioUnit, StreamFormat, VideoFormat, VideoUnit};
use crate::observe::meter::Meter;
use crate::segment::roots::Roots;
use crate::segment::writer::{ClockReader, CutSettings, SegmentWriter, Subject, WriteCommand};
use crate::source::SessionEnd;
use crate::stamp::camera_osd::CameraClock;
use crate::stamp::encoders::EncoderDescription;
use crate::stamp::placement::Fit;
use crate::stamp::reencode::Reencoder;
use crate::stamp::{StampError, Stamped};
use crate::time::WallTime;

/// The stamper may lag behind the camera by this much before the next random access point is recorded without it. Its queue holds
/// several times as much, so that no picture is lost on the way there.
const LONGEST_STAMP_LAG_MICROS: i64 = 2_500_000;
/// Sound kept while the stamper has not given its first picture: half a minute of 20 ms frames.
const MOST_EARLY_SOUND: usize = 1500;

/// A stamper that has not emptied itself after this long is given up; what came out is kept.
const LONGEST_DRAIN: Duration = Duration::from_secs(40);

/// What every run of a camera shares.
#[derive(Clone)]
pub struct RunSettings {
    /// Which camera.
    pub camera: CameraId,
    /// Goes into every file.
    pub subject: Subject,
    /// Where to cut.
    pub cut: CutSettings,
    /// The two lines of the label.
    pub label: [String; 2],
    /// How the stamp is made.
    pub stamp: StampSettings,
    /// Where files go.
    pub roots: Arc<Roots>,
    /// Where viewers look.
    pub live: Arc<LiveChannel>,
    /// Where measurements go.
    pub meter: Arc<Meter>,
    /// Tells how the server's clock is kept; `None` for a replay.
    pub clock: Option<ClockReader>,
    /// Small pictures for the wall, made from what is decoded for the stamp; `None` when the hall wants none.
    pub wall: Option<Arc<WallMaker>>,
    /// Proves the clock the camera draws itself; `None` for other cameras.
    pub camera_clock: Option<Arc<CameraClock>>,
}

/// A run that takes units.
pub struct Run {
    stamper: Option<Reencoder>,
    tail: Arc<Tail>,
    /// Capture time of the newest picture taken.
    newest_in: Option<WallTime>,
}

/// The part of a run behind the stamper: fed from the session's task and from the stamper's thread.
struct Tail {
    settings: RunSettings,
    run: String,
    audio: Option<crate::media::AudioFormat>,
    inner: Mutex<TailInner>,
    /// Told when the stamper has given its last.
    empty: Condvar,
}

struct TailInner {
    writer: Option<SegmentWriter>,
    format: Option<StreamFormat>,
    early_sound: Vec<AudioUnit>,
    /// Why the run cannot go on, once that is known.
    broken: Option<SessionEnd>,
    /// False once a newer run speaks for the camera.
    live: bool,
    commands: Vec<WriteCommand>,
    /// True once the stamper has given its last.
    drained: bool,
    /// Capture time of the newest picture written; before the first, of the first picture taken.
    newest_out: Option<WallTime>,
}

/// Why a run cannot go on.
#[derive(Debug)]
pub enum RunError {
    /// The storage root of the run refuses; a new run may find another.
    Disk(String),
    /// The stamper lags or died; recording should go on without it from the next random access point.
    Stamp(GapCause, String),
}

impl Run {
    /// Starts the run `name` for what a session delivers. With an encoder the pictures are stamped, without they pass through.
    ///
    /// # Errors
    /// [`StampError`] when the stamper cannot be started.
    pub fn start(
        settings: RunSettings,
        name: String,
        format: &StreamFormat,
        encoder: Option<&EncoderDescription>,
    ) -> Result<Self, StampError> {
        let tail = Arc::new(Tail {
            audio: format.audio.clone(),
            run: name,
            inner: Mutex::new(TailInner {
                writer: None,
                format: None,
                early_sound: Vec::new(),
                broken: None,
                live: true,
                commands: Vec::new(),
                drained: false,
                newest_out: None,
            }),
            empty: Condvar::new(),
            settings,
        });
        let Some(encoder) = encoder else {
            tail.begin(format.video.clone(), false);
            if let Some(wall) = &tail.settings.wall {
                wall.nothing_decoded();
            }
            return Ok(Self { stamper: None, tail, newest_in: None });
        };
        let behind = tail.clone();
        let settings = &tail.settings;
        // A key frame on every line of the segments' grid, so that files are cut there.
        let grid = settings.cut.segment_seconds;
        let sink = move |stamped| behind.take_stamped(stamped);
        let stamper = Reencoder::start_on_grid(&format.video, &settings.label, &settings.stamp, encoder, grid, sink)?;
        if let Some(wall) = &settings.wall {
            stamper.attach_wall(wall.setup());
        }
        Ok(Self { stamper: Some(stamper), tail, newest_in: None })
    }

    /// How much of the stamp has room in this run's pictures; `None` without a stamp.
    pub fn fit(&self) -> Option<Fit> {
        self.stamper.as_ref().map(Reencoder::fit)
    }

    /// True when this run's pictures carry the stamp.
    pub fn stamps(&self) -> bool {
        self.stamper.is_some()
    }

    /// Takes one unit; never waits.
    ///
    /// # Errors
    /// [`RunError`] when the run cannot take it.
    pub fn push(&mut self, unit: AccessUnit) -> Result<(), RunError> {
        self.push_by(unit, Reencoder::push)
    }

    /// Waits for room in the stamper, then takes the unit: for replay, where nothing may depend on how fast the machine is.
    ///
    /// # Errors
    /// [`RunError`] when the run cannot take it.
    pub fn push_waiting(&mut self, unit: AccessUnit) -> Result<(), RunError> {
        self.push_by(unit, Reencoder::push_blocking)
    }

    fn push_by(&mut self, unit: AccessUnit, give: fn(&Reencoder, VideoUnit) -> Result<(), StampError>) -> Result<(), RunError> {
        if let Some(end) = self.tail.broken() {
            return Err(end);
        }
        match (&self.stamper, unit) {
            (Some(stamper), AccessUnit::Video(video)) => {
                self.newest_in = Some(video.capture);
                self.tail.lock().newest_out.get_or_insert(video.capture);
                give(stamper, video).map_err(|e| RunError::Stamp(cause_of(&e), e.to_string()))
            }
            (_, unit) => {
                self.tail.take(unit);
                Ok(())
            }
        }
    }

    /// True when the stamper has fallen so far behind that the next random access point should be recorded without it.
    pub fn lags(&self) -> bool {
        let (Some(newest_in), Some(newest_out)) = (self.newest_in, self.tail.lock().newest_out) else { return false };
        self.stamper.is_some() && newest_in.micros_since(newest_out) > LONGEST_STAMP_LAG_MICROS
    }

    /// A newer run speaks for the camera: what still comes out of this one goes to its files only.
    pub fn step_aside(&self) {
        if let Some(stamper) = &self.stamper {
            stamper.end_wall_pictures();
        }
        self.tail.lock().live = false;
    }

    /// Ends the run: everything in hand is stamped, written and sealed. Blocks until the stamper is empty.
    pub fn finish(self) {
        if let Some(stamper) = self.stamper {
            stamper.finish();
            self.tail.wait_until_drained();
        }
        self.tail.finish();
    }
}

fn cause_of(e: &StampError) -> GapCause {
    match e {
        StampError::Lagging { .. } => GapCause::Overload,
        _ => GapCause::StampFailed,
    }
}

impl Tail {
    fn lock(&self) -> std::sync::MutexGuard<'_, TailInner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn broken(&self) -> Option<RunError> {
        let end = self.lock().broken.clone()?;
        Some(match end.cause {
            GapCause::StampFailed => RunError::Stamp(end.cause, end.detail),
            _ => RunError::Disk(end.detail),
        })
    }

    /// Opens the writer: `video` is what will be stored.
    fn begin(&self, video: VideoFormat, stamped: bool) {
        let format = StreamFormat { video, audio: self.audio.clone() };
        let settings = &self.settings;
        let mut inner = self.lock();
        if inner.live {
            settings.live.publish_format(&format, stamped);
        }
        let mut writer = SegmentWriter::new(settings.cut, settings.subject.clone(), format.clone(), stamped, self.run.clone())
            .with_clock(settings.clock.clone())
            .stamped_while(settings.camera_clock.as_ref().map(|clock| clock.proof()));
        let mut commands = std::mem::take(&mut inner.commands);
        for unit in std::mem::take(&mut inner.early_sound) {
            writer.push(AccessUnit::Audio(unit), &mut commands);
        }
        inner.commands = commands;
        inner.writer = Some(writer);
        inner.format = Some(format);
    }

    fn take_stamped(&self, stamped: Stamped) {
        match stamped {
            // A format that changes inside a run cannot be written into its files: the run ends and another begins.
            Stamped::Format(video) if self.lock().format.is_none() => self.begin(video, true),
            Stamped::Format(video) => {
                if self.lock().format.as_ref().is_some_and(|f| f.video != video) {
                    self.break_with(GapCause::StampFailed, format!("the encoder changed its format to {video:?}"));
                }
            }
            Stamped::Unit(unit) => {
                self.lock().newest_out = Some(unit.capture);
                self.take(AccessUnit::Video(unit));
            }
            Stamped::Failed(reason) => {
                self.break_with(GapCause::StampFailed, reason);
                self.drained();
            }
            Stamped::Finished => self.drained(),
        }
    }

    fn drained(&self) {
        self.lock().drained = true;
        self.empty.notify_all();
    }

    fn wait_until_drained(&self) {
        let waited = self.empty.wait_timeout_while(self.lock(), LONGEST_DRAIN, |inner| !inner.drained);
        let (inner, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if !inner.drained {
            tracing::error!(run = self.run, "the stamper does not empty itself; what it still holds is lost");
        }
    }

    fn break_with(&self, cause: GapCause, detail: String) {
        self.lock().broken.get_or_insert(SessionEnd { cause, detail });
    }

    fn take(&self, unit: AccessUnit) {
        let mut inner = self.lock();
        if inner.live && inner.writer.is_some() {
            self.settings.live.publish(&unit);
        }
        let mut commands = std::mem::take(&mut inner.commands);
        if let Some(writer) = &mut inner.writer {
            writer.push(unit, &mut commands);
        } else if let AccessUnit::Audio(unit) = unit
            && inner.early_sound.len() < MOST_EARLY_SOUND
        {
            inner.early_sound.push(unit);
        }
        self.carry_out(&mut inner, &mut commands);
        inner.commands = commands;
    }

    fn carry_out(&self, inner: &mut TailInner, commands: &mut Vec<WriteCommand>) {
        for command in commands.drain(..) {
            if inner.broken.as_ref().is_some_and(|b| b.cause == GapCause::Disk) {
                continue;
            }
            if let Err(e) = self.settings.roots.write(&self.settings.camera, &self.run, command) {
                inner.broken.get_or_insert(SessionEnd { cause: GapCause::Disk, detail: e.to_string() });
            }
        }
    }

    fn finish(&self) {
        let mut inner = self.lock();
        let Some(writer) = inner.writer.take() else { return };
        let mut commands = std::mem::take(&mut inner.commands);
        writer.finish(&mut commands);
        self.carry_out(&mut inner, &mut commands);
    }
}

/// Name of a run of `camera` that begins at `start`: unique on one recorder unless its clock is set back to the very millisecond.
pub fn name(camera: &CameraId, start: WallTime) -> String {
    format!("{camera}-{}", start.beijing().format("%Y%m%dT%H%M%S%.3f"))
}
