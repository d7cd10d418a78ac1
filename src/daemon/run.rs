//! One run of one camera: from received units to files and live viewers, with or without the stamp.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::held::Held;
use super::wall::WallMaker;
use crate::catalogue::GapCause;
use crate::hall::{CameraId, GiveUp, StampSettings};
use crate::live::LiveChannel;
use crate::media::{AccessUnit, AudioUnit, StreamFormat, VideoFormat};
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

/// So many pictures under way are no lag: the stamper waits for five to learn the frame rate, the decoder brings others into order.
const PICTURES_IN_WORK: usize = 8;
/// A stamper that gives nothing for this long although pictures wait has died, whatever it says.
const LONGEST_STANDSTILL: Duration = Duration::from_secs(4);
/// Sound kept while the stamper has not given its first picture: half a minute of 20 ms frames.
const MOST_EARLY_SOUND: usize = 1500;

/// A stamper that has not emptied itself after this long is given up; what it still holds is recorded without the stamp.
const LONGEST_DRAIN: Duration = Duration::from_secs(40);
/// A full stamper is asked again after this long.
const ASK_AGAIN: Duration = Duration::from_millis(20);

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
    stamper: Option<Stamper>,
    tail: Arc<Tail>,
    /// What the camera sends.
    input: StreamFormat,
}

/// The stamper of a run, and what it was given.
struct Stamper {
    reencoder: Reencoder,
    held: Held,
    /// Capture time of the newest picture taken.
    newest_in: Option<WallTime>,
    /// The last picture that had come out, and the monotonic time at which that was first seen.
    stands_since: (Option<i64>, Duration),
}

/// What a stamper did not bring out.
pub struct Leftover {
    /// From a random access point that leads up to it.
    pub units: Vec<AccessUnit>,
    /// The last picture that did come out, in 1/90000 s.
    pub out_90k: Option<i64>,
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
    /// Presentation time of the newest picture written, or of what came out before this run.
    out_90k: Option<i64>,
    /// True once nothing more is taken from the stamper.
    left: bool,
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
    /// Pictures up to `skip_to_90k` came out of another stamper: they are decoded to lead up to those that follow, and left out.
    ///
    /// # Errors
    /// [`StampError`] when the stamper cannot be started.
    pub fn start(
        settings: RunSettings,
        name: String,
        input: &StreamFormat,
        encoder: Option<&EncoderDescription>,
        skip_to_90k: Option<i64>,
    ) -> Result<Self, StampError> {
        let tail = Arc::new(Tail {
            audio: input.audio.clone(),
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
                out_90k: skip_to_90k,
                left: false,
            }),
            empty: Condvar::new(),
            settings,
        });
        let input = input.clone();
        let Some(encoder) = encoder else {
            tail.begin(input.video.clone(), false);
            if let Some(wall) = &tail.settings.wall {
                wall.nothing_decoded();
            }
            return Ok(Self { stamper: None, tail, input });
        };
        let behind = tail.clone();
        let settings = &tail.settings;
        // A key frame on every line of the segments' grid, so that files are cut there.
        let grid = settings.cut.segment_seconds;
        let sink = move |stamped| behind.take_stamped(stamped);
        let reencoder = Reencoder::start_on_grid(&input.video, &settings.label, &settings.stamp, encoder, grid, sink)?;
        if let Some(pts_90k) = skip_to_90k {
            reencoder.skip_to(pts_90k);
        }
        if let Some(wall) = &settings.wall {
            reencoder.attach_wall(wall.setup());
        }
        let stamper =
            Stamper { reencoder, held: Held::default(), newest_in: None, stands_since: (skip_to_90k, Duration::ZERO) };
        Ok(Self { stamper: Some(stamper), tail, input })
    }

    /// How much of the stamp has room in this run's pictures; `None` without a stamp.
    pub fn fit(&self) -> Option<Fit> {
        self.stamper.as_ref().map(|stamper| stamper.reencoder.fit())
    }

    /// True when this run's pictures carry the stamp.
    pub fn stamps(&self) -> bool {
        self.stamper.is_some()
    }

    /// Takes one unit at monotonic time `now`; never waits.
    ///
    /// # Errors
    /// [`RunError`] when the run cannot take it. What a stamper did not bring out, this unit included, is in [`leave`](Self::leave).
    pub fn push(&mut self, unit: AccessUnit, now: Duration) -> Result<(), RunError> {
        let Some(stamper) = &mut self.stamper else {
            self.tail.take(unit);
            return self.tail.broken().map_or(Ok(()), Err);
        };
        stamper.hold(&unit, &self.tail, now);
        if let AccessUnit::Audio(_) = &unit {
            self.tail.take(unit);
        }
        if let Some(end) = self.tail.broken() {
            return Err(end);
        }
        stamper.feed()?;
        stamper.check(&self.tail, now)
    }

    /// Waits for room in the stamper, then takes the unit: for replay, where nothing may depend on how fast the machine is.
    ///
    /// # Errors
    /// [`RunError`] when the run cannot take it.
    pub fn push_waiting(&mut self, unit: AccessUnit) -> Result<(), RunError> {
        match (&self.stamper, unit) {
            (Some(stamper), AccessUnit::Video(video)) => {
                stamper.reencoder.push_blocking(video).map_err(|e| RunError::Stamp(GapCause::StampFailed, e.to_string()))?;
            }
            (_, unit) => self.tail.take(unit),
        }
        self.tail.broken().map_or(Ok(()), Err)
    }

    /// By how much the stamper is behind the camera, in microseconds of capture time. 0 for pictures that are just in work.
    pub fn lag_micros(&self) -> i64 {
        let Some(stamper) = &self.stamper else { return 0 };
        let (newest_out, out_90k) = {
            let inner = self.tail.lock();
            (inner.newest_out, inner.out_90k)
        };
        let (Some(newest_in), Some(newest_out)) = (stamper.newest_in, newest_out) else { return 0 };
        if stamper.held.n_missing(out_90k) <= PICTURES_IN_WORK { 0 } else { newest_in.micros_since(newest_out) }
    }

    /// For how long the stamper has given nothing although pictures wait.
    pub fn stands_still(&self, now: Duration) -> Duration {
        let Some(stamper) = &self.stamper else { return Duration::ZERO };
        let moved = stamper.stands_since.0 != self.tail.lock().out_90k;
        if moved { Duration::ZERO } else { now.saturating_sub(stamper.stands_since.1) }
    }

    /// Gives up, or takes back, what makes the stamper slow: the wall pictures, every second picture. The stamp itself is given up by
    /// another run.
    pub fn relieve(&self, given_up: &[GiveUp]) {
        if let Some(stamper) = &self.stamper {
            stamper.reencoder.set_wall_pictures(!given_up.contains(&GiveUp::Wall));
            stamper.reencoder.set_half_rate(given_up.contains(&GiveUp::HalfRate));
        }
    }

    /// Takes nothing more from the stamper; gives what it did not bring out. The run can only be finished then.
    pub fn leave(&mut self) -> Leftover {
        let out_90k = self.tail.leave();
        let units = self.stamper.as_mut().map(|stamper| {
            stamper.held.trim(out_90k);
            stamper.held.take()
        });
        Leftover { units: units.unwrap_or_default(), out_90k }
    }

    /// A newer run speaks for the camera: what still comes out of this one goes to its files only.
    pub fn step_aside(&self) {
        if let Some(stamper) = &self.stamper {
            stamper.reencoder.end_wall_pictures();
        }
        self.tail.lock().live = false;
    }

    /// Ends the run: everything in hand is stamped, written and sealed. What the stamper does not bring out is recorded without the
    /// stamp, in a run of its own. Blocks until the stamper is empty.
    pub fn finish(mut self) {
        let mut rest = None;
        if let Some(stamper) = self.stamper.take() {
            let Stamper { reencoder, mut held, .. } = stamper;
            if self.tail.lock().left {
                // Waits for the picture in work: nothing is written behind our back.
                drop(reencoder);
            } else if let Err(reason) = drain(reencoder, &mut held, &self.tail) {
                let out_90k = self.tail.leave();
                tracing::error!(
                    run = self.tail.run,
                    reason,
                    "the stamper does not empty itself; what it holds is recorded without the stamp"
                );
                held.trim(out_90k);
                rest = (held.n_missing(out_90k) > 0).then(|| held.take());
            }
        }
        self.tail.finish();
        if let Some(units) = rest {
            self.record_plainly(units);
        }
    }

    /// Records what a stamper left over, as it came.
    fn record_plainly(&self, units: Vec<AccessUnit>) {
        let name = format!("{}-rest", self.tail.run);
        let Ok(mut run) = Run::start(self.tail.settings.clone(), name, &self.input, None, None) else { return };
        // What is seen live has gone on long since.
        run.step_aside();
        for unit in apart(units) {
            if let Err(e) = run.push(unit, Duration::ZERO) {
                tracing::error!(run = run.tail.run, "what the stamper held is lost: {e:?}");
                return;
            }
        }
        run.finish();
    }
}

/// The units with the first a microsecond later: a file is known by camera and start, and the run that was left may have begun at the
/// very same picture.
pub fn apart(mut units: Vec<AccessUnit>) -> Vec<AccessUnit> {
    if let Some(AccessUnit::Video(first)) = units.first_mut() {
        first.capture = first.capture.plus_micros(1);
    }
    units
}

/// Empties a stamper, also of what it had no room for. A sentence when it does not empty itself.
fn drain(reencoder: Reencoder, held: &mut Held, tail: &Tail) -> Result<(), String> {
    let until = Instant::now() + LONGEST_DRAIN;
    while let Some(unit) = held.next() {
        if let AccessUnit::Video(video) = unit {
            match reencoder.push(video.clone()) {
                Err(StampError::Lagging { .. }) if Instant::now() < until => {
                    std::thread::sleep(ASK_AGAIN);
                    continue;
                }
                Ok(()) | Err(StampError::BadUnit { .. }) => {}
                Err(e) => return Err(e.to_string()),
            }
        }
        held.taken();
    }
    reencoder.finish();
    tail.wait_until_drained(until)
}

impl Stamper {
    /// Keeps a unit until it has come out.
    fn hold(&mut self, unit: &AccessUnit, tail: &Tail, now: Duration) {
        let out_90k = {
            let mut inner = tail.lock();
            if let AccessUnit::Video(video) = unit {
                self.newest_in = Some(video.capture);
                inner.newest_out.get_or_insert(video.capture);
            }
            inner.out_90k
        };
        self.held.push(unit.clone());
        self.held.trim(out_90k);
        if self.stands_since.0 != out_90k || self.held.n_missing(out_90k) <= PICTURES_IN_WORK {
            self.stands_since = (out_90k, now);
        }
    }

    /// Gives the stamper what it has room for.
    fn feed(&mut self) -> Result<(), RunError> {
        while let Some(unit) = self.held.next() {
            if let AccessUnit::Video(video) = unit {
                match self.reencoder.push(video.clone()) {
                    Ok(()) => {}
                    // It is kept and asked again; how long this may go on is judged by the lag.
                    Err(StampError::Lagging { .. }) => return Ok(()),
                    Err(e @ StampError::BadUnit { .. }) => tracing::warn!("a damaged picture is left out: {e}"),
                    Err(e) => return Err(RunError::Stamp(GapCause::StampFailed, e.to_string())),
                }
            }
            self.held.taken();
        }
        Ok(())
    }

    fn check(&self, tail: &Tail, now: Duration) -> Result<(), RunError> {
        let stands = now.saturating_sub(self.stands_since.1);
        if stands > LONGEST_STANDSTILL && self.stands_since.0 == tail.lock().out_90k {
            let detail = format!("the encoder has given nothing for {} s", stands.as_secs());
            return Err(RunError::Stamp(GapCause::StampFailed, detail));
        }
        if self.held.is_full() {
            let detail = "more waits for the stamper than can be kept".to_owned();
            return Err(RunError::Stamp(GapCause::Overload, detail));
        }
        Ok(())
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
                let mut inner = self.lock();
                // A run that cannot go on writes nothing more: what is missing is recorded by another.
                if inner.left || inner.broken.is_some() {
                    return;
                }
                inner.newest_out = Some(unit.capture);
                inner.out_90k = Some(unit.pts_90k);
                self.take_into(&mut inner, AccessUnit::Video(unit));
            }
            Stamped::Failed(reason) => {
                self.break_with(GapCause::StampFailed, reason);
                self.drained();
            }
            Stamped::Finished => self.drained(),
        }
    }

    /// Takes nothing more from the stamper; gives the presentation time of the last picture that came out.
    fn leave(&self) -> Option<i64> {
        let mut inner = self.lock();
        inner.left = true;
        inner.out_90k
    }

    fn drained(&self) {
        self.lock().drained = true;
        self.empty.notify_all();
    }

    /// Waits until the stamper has given its last; a sentence when it died, or did not by `until`.
    fn wait_until_drained(&self, until: Instant) -> Result<(), String> {
        let limit = until.saturating_duration_since(Instant::now());
        let waited = self.empty.wait_timeout_while(self.lock(), limit, |inner| !inner.drained);
        let (inner, _) = waited.unwrap_or_else(PoisonError::into_inner);
        match &inner.broken {
            Some(end) if end.cause == GapCause::StampFailed => Err(end.detail.clone()),
            _ if !inner.drained => Err(format!("it is not empty after {} s", LONGEST_DRAIN.as_secs())),
            _ => Ok(()),
        }
    }

    fn break_with(&self, cause: GapCause, detail: String) {
        self.lock().broken.get_or_insert(SessionEnd { cause, detail });
    }

    fn take(&self, unit: AccessUnit) {
        self.take_into(&mut self.lock(), unit);
    }

    fn take_into(&self, inner: &mut TailInner, unit: AccessUnit) {
        if inner.live && inner.writer.is_some() {
            // A camera that draws the stamp itself: whoever looks is shown another one until its own is proven.
            if let (Some(clock), AccessUnit::Video(video)) = (&self.settings.camera_clock, &unit)
                && video.random_access
            {
                self.settings.live.set_stamped(clock.proof().load(std::sync::atomic::Ordering::Relaxed));
            }
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
        self.carry_out(inner, &mut commands);
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
