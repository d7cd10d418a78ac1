//! One camera's task: session after session, run after run, until the recorder stops.

use std::sync::Arc;
use std::time::Duration;

use rand::Rng;
use tokio::sync::watch;

use super::run::{Leftover, Run, RunError, RunSettings, apart, name};
use super::stampers::Stampers;
use super::stamping::{HARD_LAG_MICROS, Stamping, Way};
use crate::catalogue::{Catalogue, GapCause, LedgerEvent, LedgerRow};
use crate::hall::{Camera, StampMode};
use crate::media::{AccessUnit, StreamFormat};
use crate::observe::stamp_alarms::{DeadEncoder, StampStanding};
use crate::source::reconnect::Reconnect;
use crate::source::rtsp::{SessionSettings, session};
use crate::source::{SessionEnd, SourceEvent};
use crate::time::{Clock, WallTime};

/// A stamper that lags and has given nothing for this long is not slow but dead.
const STANDS_STILL: Duration = Duration::from_secs(2);

/// Everything a camera's task needs.
pub struct CameraTask {
    /// The camera.
    pub camera: Camera,
    /// What its runs share.
    pub settings: RunSettings,
    /// How sessions behave.
    pub session: SessionSettings,
    /// The encoders of this machine; `None` when no camera is stamped here.
    pub stampers: Option<Arc<Stampers>>,
    /// Where the ledger is.
    pub catalogue: Catalogue,
    /// Counts how often the wall clock was set.
    pub clock_steps: watch::Receiver<ClockSteps>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// The settings of the wall clock since the recorder started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClockSteps {
    /// How many.
    pub count: u64,
    /// The last one in microseconds; negative when the clock was set back.
    pub last_micros: i64,
}

/// What stands in the ledger as the camera's last word.
#[derive(PartialEq, Eq)]
enum LastWord {
    Nothing,
    Started,
    Stopped(GapCause),
}

struct State<'a> {
    task: &'a CameraTask,
    run: Option<Run>,
    format: Option<StreamFormat>,
    /// A new run begins at the next random access point.
    renew: bool,
    /// The rules of stamping, when this camera is stamped here.
    stamping: Option<Stamping>,
    /// Which way the run in hand goes.
    way: Way,
    /// Why the stamp is missing, when it is.
    stamp_trouble: Option<(GapCause, String)>,
    /// Name of the newest run, and how many have had it.
    named: (String, u32),
    /// What the ledger says of the stamp.
    stamp_word: Option<LedgerEvent>,
    last_word: LastWord,
    finishing: Vec<tokio::task::JoinHandle<()>>,
}

impl CameraTask {
    /// Records until `stop` becomes true; then everything in hand is written and sealed.
    pub async fn record(self, mut stop: watch::Receiver<bool>) {
        let mut state = State {
            task: &self,
            run: None,
            format: None,
            renew: false,
            stamping: self
                .stampers
                .as_ref()
                .filter(|_| self.camera.stamp == StampMode::Reencode)
                .map(|stampers| stampers.rules(&self.camera.id)),
            way: Way::PassThrough,
            stamp_trouble: None,
            named: (String::new(), 0),
            stamp_word: None,
            last_word: LastWord::Nothing,
            finishing: Vec::new(),
        };
        let mut reconnect = Reconnect::default();
        let mut steps = self.clock_steps.clone();
        loop {
            let mut delivered = false;
            let end = {
                let mut sink = |event: SourceEvent| {
                    delivered |= matches!(event, SourceEvent::Unit(_));
                    state.take(event)
                };
                tokio::select! {
                    end = session(&self.camera, &self.session, &*self.clock, &mut sink) => Some(end),
                    step = stepped(&mut steps) => Some(step),
                    () = stopped(&mut stop) => None,
                }
            };
            state.end_run();
            let Some(end) = end else { break };
            if let Some(stampers) = &self.stampers {
                stampers.fleet().gone(self.camera.id.as_str());
            }
            tracing::warn!(camera = %self.camera.id, cause = end.cause.word(), detail = %end.detail, "session ended");
            self.settings.meter.ended(end.clone());
            state.note_stopped(&end);
            if delivered {
                reconnect.worked();
            }
            if end.cause == GapCause::ClockStep {
                // Nothing is wrong with the camera: the next session finds the new time at once.
                self.settings.meter.clock_stepped();
                continue;
            }
            let pause = reconnect.pause(rand::rng().random());
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = stopped(&mut stop) => break,
            }
        }
        let detail = "the recorder was stopped".to_owned();
        state.note_stopped(&SessionEnd { cause: GapCause::RecorderStopped, detail });
        for finishing in state.finishing {
            let _ = finishing.await;
        }
    }
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    // A dropped sender means the recorder is gone: the same as stop.
    let _ = stop.wait_for(|s| *s).await;
}

/// Waits until the wall clock is set. Times of one session hang together: a new one begins, and recorded times stay as they are.
async fn stepped(steps: &mut watch::Receiver<ClockSteps>) -> SessionEnd {
    if steps.changed().await.is_err() {
        // Nobody watches the clock any more: the recorder is ending.
        std::future::pending::<()>().await;
    }
    let micros = steps.borrow_and_update().last_micros;
    let (whole, milli) = (micros / 1_000_000, (micros / 1000 % 1000).abs());
    let detail = format!("the server's clock was set by {}{}.{milli:03} s", if micros < 0 { "-" } else { "+" }, whole.abs());
    SessionEnd { cause: GapCause::ClockStep, detail }
}

impl State<'_> {
    fn take(&mut self, event: SourceEvent) -> Result<(), SessionEnd> {
        let task = self.task;
        match event {
            SourceEvent::Measured(measured) => task.settings.meter.measured(measured),
            SourceEvent::Format(format) => {
                if let Some(old) = self.format.replace(format.clone()).filter(|_| self.run.is_some()) {
                    let detail = format!("{:?} became {:?}", old.video, format.video);
                    tracing::warn!(camera = %task.camera.id, %detail, "the camera changed its format");
                    self.note_stopped(&SessionEnd { cause: GapCause::FormatChanged, detail });
                }
                task.settings.meter.delivers(&format);
                self.renew = true;
            }
            SourceEvent::Unit(unit) => return self.unit(unit),
        }
        Ok(())
    }

    fn unit(&mut self, unit: AccessUnit) -> Result<(), SessionEnd> {
        let now = self.task.clock.monotonic();
        self.task.settings.meter.unit(&unit, now);
        if matches!(&unit, AccessUnit::Video(v) if v.random_access) {
            self.offer_key_frame(&unit, now);
            let turns = self.turns(now);
            match self.task.settings.roots.takes(&self.task.camera.id) {
                Ok(()) if self.renew || turns || self.run.is_none() => self.begin_run(unit.capture()),
                Ok(()) => {}
                Err(reason) => self.refused(reason),
            }
        }
        let Some(run) = &mut self.run else { return Ok(()) };
        if let (Some(stamping), AccessUnit::Video(_), Way::Stamped(_)) = (&mut self.stamping, &unit, self.way)
            && stamping.load.between(now, run.lag_micros())
        {
            run.relieve(stamping.load.given_up());
            self.tell_stamping("the stamper's lag");
        }
        let Some(run) = &mut self.run else { return Ok(()) };
        match run.push(unit, now) {
            Ok(()) => {}
            // The session stands: at the next random access point another root takes the camera, if there is one.
            Err(RunError::Disk(reason)) => self.refused(reason),
            Err(RunError::Stamp(cause, detail)) => self.take_over(cause, detail),
        }
        Ok(())
    }

    /// At a random access point: true when a new run must begin because the pictures go another way from here.
    fn turns(&mut self, now: Duration) -> bool {
        let (Some(stampers), Some(run)) = (self.task.stampers.clone(), &self.run) else { return false };
        let lag = run.lag_micros();
        if let (Way::Stamped(_), true) = (self.way, lag > HARD_LAG_MICROS && run.stands_still(now) > STANDS_STILL) {
            self.take_over(GapCause::StampFailed, "the encoder gives nothing any more".to_owned());
        }
        let lag = self.run.as_ref().map_or(0, Run::lag_micros);
        let Some(stamping) = &mut self.stamping else { return false };
        stamping.ladder.learn(&stampers.known());
        let Some(way) = stamping.at_random_access(now, self.way, lag, &mut stampers.fleet()) else {
            self.tell_stamping("");
            return false;
        };
        if way == Way::PassThrough && stamping.load.unstamped() {
            self.without_stamp(GapCause::Overload, &format!("the stamper lags {:.1} s behind the camera", seconds(lag)));
        }
        true
    }

    /// The run's stamper died, or holds more than can be kept: another takes over what it held, so that no picture is lost.
    fn take_over(&mut self, cause: GapCause, detail: String) {
        let (now, task) = (self.task.clock.monotonic(), self.task);
        let (mut trouble, mut waiting) = ((cause, detail), Vec::new());
        // Each round lets one encoder rest; the last way, without a stamper, takes everything.
        loop {
            let (Some(mut run), Some(stampers)) = (self.run.take(), &task.stampers) else { return };
            let Leftover { mut units, out_90k } = run.leave();
            self.retire(run);
            let Some(stamping) = &mut self.stamping else { return };
            units.append(&mut waiting);
            let (cause, detail) = &trouble;
            let way = match (cause, self.way) {
                (GapCause::StampFailed, Way::Stamped(encoder)) => stamping.died(encoder, now, detail),
                _ => stamping.overrun(now, &mut stampers.fleet()),
            };
            tracing::error!(camera = %task.camera.id, cause = cause.word(), detail, units = units.len(), "the stamper is left; what it held is taken over");
            let (cause, detail) = trouble.clone();
            self.without_stamp(cause, &detail);
            let missing =
                |unit: &&AccessUnit| matches!(unit, AccessUnit::Video(v) if out_90k.is_none_or(|out| v.pts_90k > out));
            let Some(first) = units.iter().find(missing).or(units.first()).map(AccessUnit::capture) else {
                // Nothing was under way: the next random access point begins the next run.
                self.renew = true;
                return;
            };
            self.start_run(first, way, out_90k);
            if self.way == Way::PassThrough {
                units = apart(units);
            }
            let mut units = units.into_iter();
            let failed = match &mut self.run {
                Some(run) => units.find_map(|unit| run.push(unit, now).err()),
                None => return,
            };
            match failed {
                None => return,
                Some(RunError::Disk(reason)) => return self.refused(reason),
                Some(RunError::Stamp(cause, detail)) => (trouble, waiting) = ((cause, detail), units.collect()),
            }
        }
    }

    /// Hands a key frame to where the camera's own clock is proven. Never waits.
    fn offer_key_frame(&self, unit: &AccessUnit, now: Duration) {
        if let (Some(clock), Some(format), AccessUnit::Video(video)) = (&self.task.settings.camera_clock, &self.format, unit) {
            clock.offer(&format.video, video, now);
        }
    }

    /// No storage root takes the camera's recording, or not the one it had.
    fn refused(&mut self, reason: String) {
        self.end_run();
        self.renew = true;
        let end = SessionEnd { cause: GapCause::Disk, detail: reason };
        self.note_stopped(&end);
        self.task.settings.meter.refused(Some(end));
    }

    /// Why pictures may be without the stamp from here.
    fn without_stamp(&mut self, cause: GapCause, detail: &str) {
        self.stamp_trouble = Some((cause, detail.to_owned()));
    }

    /// Begins the run whose first picture was taken at `capture`, a random access point.
    fn begin_run(&mut self, capture: WallTime) {
        self.end_run();
        self.renew = false;
        let now = self.task.clock.monotonic();
        let way = self.stamping.as_ref().map_or(Way::PassThrough, |stamping| stamping.way(now));
        self.start_run(capture, way, None);
    }

    /// Starts a run that goes `way`, or the next one where its encoder does not start.
    fn start_run(&mut self, capture: WallTime, mut way: Way, skip_to_90k: Option<i64>) {
        let Some(format) = self.format.clone() else { return };
        let (task, now) = (self.task, self.task.clock.monotonic());
        let run_name = self.name(capture);
        let run = loop {
            let encoder = match (way, &task.stampers) {
                (Way::Stamped(encoder), Some(stampers)) => stampers.description(encoder),
                _ => None,
            };
            let skip_to_90k = skip_to_90k.filter(|_| encoder.is_some());
            match (Run::start(task.settings.clone(), run_name.clone(), &format, encoder, skip_to_90k), way) {
                (Ok(run), _) => break run,
                (Err(e), Way::Stamped(encoder)) => {
                    tracing::error!(camera = %task.camera.id, "{e}");
                    self.without_stamp(GapCause::StampFailed, &e.to_string());
                    let next = self.stamping.as_mut().map(|stamping| stamping.died(encoder, now, &e.to_string()));
                    // What does not start now will not start a moment later.
                    way = next.filter(|next| *next != way).unwrap_or(Way::PassThrough);
                }
                // Without an encoder nothing can fail.
                (Err(e), Way::PassThrough) => return tracing::error!(camera = %task.camera.id, "{e}"),
            }
        };
        self.way = way;
        if let Some(stamping) = &mut self.stamping {
            stamping.ladder.began(encoder_of(way), now);
            run.relieve(stamping.load.given_up());
        }
        let none_works = || (GapCause::StampFailed, "no encoder on this machine works".to_owned());
        let trouble = (!run.stamps()).then(|| self.stamp_trouble.clone().unwrap_or_else(none_works));
        task.settings.meter.refused(None);
        task.settings.meter.stamping(run.stamps(), trouble);
        task.settings.meter.stamp_fits(run.fit());
        tracing::info!(camera = %task.camera.id, run = run_name, stamped = run.stamps(), video = ?format.video, audio = ?format.audio, "run begins");
        self.run = Some(run);
        self.note(LastWord::Started, LedgerEvent::Started, String::new());
        let why = self.stamp_trouble.as_ref().map(|(_, detail)| detail.clone()).unwrap_or_default();
        self.tell_stamping(&why);
        if encoder_of(way).is_some() {
            self.stamp_trouble = None;
        }
    }

    /// A name no other run of this camera has.
    fn name(&mut self, capture: WallTime) -> String {
        let name = name(&self.task.camera.id, capture);
        if self.named.0 != name {
            self.named = (name.clone(), 1);
            return name;
        }
        self.named.1 += 1;
        format!("{name}-{}", self.named.1)
    }

    /// Tells the state how the camera is stamped, and the ledger when that changed.
    fn tell_stamping(&mut self, why: &str) {
        let Some(stamping) = &self.stamping else { return };
        let encoder = encoder_of(self.way).and_then(|encoder| stamping.ladder.name(encoder)).map(str::to_owned);
        let given_up: Vec<&'static str> = stamping.load.given_up().iter().map(|step| step.word()).collect();
        let dead = |(encoder, reason): (&str, &str)| DeadEncoder { encoder: encoder.to_owned(), reason: reason.to_owned() };
        let standing = StampStanding {
            encoder: encoder.clone(),
            given_up: given_up.clone(),
            dead: stamping.ladder.deaths().map(dead).collect(),
        };
        self.task.settings.meter.stamp_standing(standing);
        let by = encoder.unwrap_or_else(|| "none".to_owned());
        let word = LedgerEvent::Stamp { by, given_up: given_up.into_iter().map(str::to_owned).collect() };
        // How it is stamped at first needs no word.
        let changed = self.stamp_word.replace(word.clone()).is_some_and(|before| before != word);
        if changed {
            tracing::warn!(camera = %self.task.camera.id, stamp = ?word, why, "the stamp is made another way");
            self.write(LedgerRow {
                camera: self.task.camera.id.clone(),
                at: self.task.clock.wall(),
                event: word,
                detail: why.to_owned(),
            });
        }
    }

    /// Ends the run in hand. Draining the stamper takes time and happens beside whatever comes next.
    fn end_run(&mut self) {
        if let Some(run) = self.run.take() {
            self.retire(run);
        }
    }

    fn retire(&mut self, run: Run) {
        self.finishing.retain(|f| !f.is_finished());
        run.step_aside();
        self.finishing.push(tokio::task::spawn_blocking(move || run.finish()));
    }

    fn note_stopped(&mut self, end: &SessionEnd) {
        self.note(LastWord::Stopped(end.cause), LedgerEvent::Stopped { cause: end.cause }, end.detail.clone());
    }

    /// Writes to the ledger unless it would only repeat its last word: a camera that is away for a week is two rows.
    fn note(&mut self, word: LastWord, event: LedgerEvent, detail: String) {
        if self.last_word == word {
            return;
        }
        self.last_word = word;
        self.write(LedgerRow { camera: self.task.camera.id.clone(), at: self.task.clock.wall(), event, detail });
    }

    fn write(&self, row: LedgerRow) {
        if let Err(e) = self.task.catalogue.note(&row) {
            tracing::error!(camera = %row.camera, "{e}; the gap's cause is only in this log");
        }
    }
}

fn encoder_of(way: Way) -> Option<usize> {
    match way {
        Way::Stamped(encoder) => Some(encoder),
        Way::PassThrough => None,
    }
}

#[expect(clippy::cast_precision_loss, reason = "a few seconds, to be read by people")]
fn seconds(micros: i64) -> f64 {
    micros as f64 / 1e6
}
