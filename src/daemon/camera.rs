//! One camera's task: session after session, run after run, until the recorder stops.

use std::sync::Arc;
use std::time::Duration;

use rand::Rng;
use tokio::sync::watch;

use super::run::{Run, RunError, RunSettings, name};
use crate::catalogue::{Catalogue, GapCause, LedgerEvent, LedgerRow};
use crate::hall::{Camera, StampMode};
use crate::media::{AccessUnit, StreamFormat};
use crate::source::reconnect::Reconnect;
use crate::source::rtsp::{SessionSettings, session};
use crate::source::{SessionEnd, SourceEvent};
use crate::stamp::encoders::EncoderDescription;
use crate::time::Clock;

/// Stamping is tried again after this long; each failure in a row doubles it up to the longest.
const STAMP_PAUSE: Duration = Duration::from_secs(30);
const LONGEST_STAMP_PAUSE: Duration = Duration::from_secs(600);

/// Everything a camera's task needs.
pub struct CameraTask {
    /// The camera.
    pub camera: Camera,
    /// What its runs share.
    pub settings: RunSettings,
    /// How sessions behave.
    pub session: SessionSettings,
    /// The encoder that works on this machine; `None` when none does.
    pub encoder: Option<EncoderDescription>,
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
    /// Stamping rests until this monotonic time.
    stamp_rests_until: Duration,
    stamp_failures: u32,
    /// Why stamping rests.
    stamp_trouble: Option<(GapCause, String)>,
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
            stamp_rests_until: Duration::ZERO,
            stamp_failures: 0,
            stamp_trouble: None,
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
        let random_access = matches!(&unit, AccessUnit::Video(v) if v.random_access);
        if random_access {
            self.offer_key_frame(&unit, now);
            let lags = self.run.as_ref().is_some_and(Run::lags);
            if lags {
                self.rest_stamping(GapCause::Overload, "the stamper lags behind the camera");
            }
            let returns = self.wants_stamp() && now >= self.stamp_rests_until && self.run.as_ref().is_some_and(|r| !r.stamps());
            match self.task.settings.roots.takes(&self.task.camera.id) {
                Ok(()) if self.renew || lags || returns || self.run.is_none() => self.begin_run(&unit),
                Ok(()) => {}
                Err(reason) => self.refused(reason),
            }
        }
        let Some(run) = &mut self.run else { return Ok(()) };
        match run.push(unit) {
            Ok(()) => Ok(()),
            Err(RunError::Disk(reason)) => {
                // The session stands: at the next random access point another root takes the camera, if there is one.
                self.refused(reason);
                Ok(())
            }
            Err(RunError::Stamp(cause, detail)) => {
                // What the stamper holds is written; recording goes on without it from the next random access point.
                self.rest_stamping(cause, &detail);
                self.note_stopped(&SessionEnd { cause, detail });
                self.end_run();
                self.renew = true;
                Ok(())
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

    fn wants_stamp(&self) -> bool {
        self.task.camera.stamp == StampMode::Reencode && self.task.encoder.is_some()
    }

    fn rest_stamping(&mut self, cause: GapCause, detail: &str) {
        let pause = STAMP_PAUSE.saturating_mul(1 << self.stamp_failures.min(8)).min(LONGEST_STAMP_PAUSE);
        self.stamp_failures = self.stamp_failures.saturating_add(1);
        self.stamp_trouble = Some((cause, detail.to_owned()));
        self.stamp_rests_until = self.task.clock.monotonic() + pause;
        let camera = &self.task.camera.id;
        tracing::error!(%camera, cause = cause.word(), detail, pause_s = pause.as_secs(), "recording goes on without the stamp");
    }

    fn begin_run(&mut self, first: &AccessUnit) {
        self.end_run();
        self.renew = false;
        let Some(format) = self.format.clone() else { return };
        let task = self.task;
        let stamping = self.wants_stamp() && task.clock.monotonic() >= self.stamp_rests_until;
        let run_name = name(&task.camera.id, first.capture());
        let encoder = task.encoder.as_ref().filter(|_| stamping);
        let started = Run::start(task.settings.clone(), run_name.clone(), &format, encoder).or_else(|e| {
            self.rest_stamping(GapCause::StampFailed, &e.to_string());
            Run::start(task.settings.clone(), run_name.clone(), &format, None)
        });
        match started {
            Ok(run) => {
                let none_works = || (GapCause::StampFailed, "no encoder on this machine works".to_owned());
                let trouble = (!run.stamps()).then(|| self.stamp_trouble.clone().unwrap_or_else(none_works));
                task.settings.meter.refused(None);
                task.settings.meter.stamping(run.stamps(), trouble);
                task.settings.meter.stamp_fits(run.fit());
                tracing::info!(camera = %task.camera.id, run = run_name, stamped = run.stamps(), video = ?format.video, audio = ?format.audio, "run begins");
                self.run = Some(run);
                self.note(LastWord::Started, LedgerEvent::Started, String::new());
            }
            // Without an encoder nothing can fail.
            Err(e) => tracing::error!(camera = %task.camera.id, "{e}"),
        }
    }

    /// Ends the run in hand. Draining the stamper takes time and happens beside whatever comes next.
    fn end_run(&mut self) {
        self.finishing.retain(|f| !f.is_finished());
        if let Some(run) = self.run.take() {
            run.step_aside();
            self.finishing.push(tokio::task::spawn_blocking(move || run.finish()));
        }
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
        let row = LedgerRow { camera: self.task.camera.id.clone(), at: self.task.clock.wall(), event, detail };
        if let Err(e) = self.task.catalogue.note(&row) {
            tracing::error!(camera = %row.camera, "{e}; the gap's cause is only in this log");
        }
    }
}
