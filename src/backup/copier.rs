//! The copier: decides what is next, keeps going when the target does not, and tells how things stand. It runs on a thread of its
//! own and holds at most one block or part in memory: recording never waits for it.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use chrono::Days;

use super::BackupError;
use super::copy::{Done, Item, Mover, Traffic, on_one_disk};
use super::expire::{Held, Rule};
use super::identity::{TargetIdentity, establish};
use super::notes;
use super::plan::pause_after;
use super::records::Copies;
use super::state::{BackupState, MOST_REFUSALS, Refusal, Trouble};
use super::tally::{Tally, date};
use super::target::{Fault, Stop, Target, TargetError, connect};
use crate::calendar::Calendar;
use crate::catalogue::Catalogue;
use crate::hall::{BackupSettings, BackupTarget, DeleteCopies, Hall};
use crate::time::{Clock, WallTime};

/// Rows counted in one step.
const ROWS_A_STEP: usize = 5_000;
/// How often everything is counted and looked for again: rows that were put behind the marks are found then.
const COUNT_AGAIN: Duration = Duration::from_secs(24 * 3600);
/// How often the notes of the last days, and copies that are due, are looked for.
const LOOK_AGAIN: Duration = Duration::from_secs(600);
/// How often the state is written to the catalogue.
const TELL: Duration = Duration::from_secs(5);
/// Pause when there is nothing to do.
const IDLE: Duration = Duration::from_secs(1);
/// Days whose notes are looked at every time.
const RECENT_DAYS: u64 = 4;

/// What one step did.
#[derive(Debug)]
pub enum StepReport {
    /// A file was copied, or found on the target, and proven.
    Proven {
        /// Its path.
        path: String,
        /// Bytes copied; zero when it stood there.
        bytes: u64,
    },
    /// A recording is not what was sealed, or cannot be read: it was not copied.
    Refused {
        /// Its path.
        path: String,
        /// Why.
        detail: String,
    },
    /// Rows were counted; there is more to do.
    Counting,
    /// Copies that were due were deleted.
    Expired(u64),
    /// Everything sealed has a proven copy, or is told as refused.
    Idle,
    /// Quiet hours.
    Quiet(WallTime),
    /// The target failed before, and is tried again after this time.
    Waiting(Duration),
    /// The target failed.
    Failed(TargetError),
    /// It was asked to stop.
    Stopped,
}

/// Copies what is sealed and proves it.
pub struct Copier {
    hall: Hall,
    settings: BackupSettings,
    catalogue: Catalogue,
    copies: Copies,
    target: Box<dyn Target>,
    identity: Option<TargetIdentity>,
    anew: bool,
    traffic: Traffic,
    clock: Arc<dyn Clock>,
    calendar: Calendar,
    held: Option<Held>,
    stop: Stop,
    tally: Tally,
    notes: VecDeque<Item>,
    refused: BTreeMap<String, Refusal>,
    failures: u32,
    retry_at: Duration,
    count_at: Duration,
    look_at: Duration,
    told_at: Option<Duration>,
    was_idle: bool,
    calls: u64,
    shared: Arc<Mutex<BackupState>>,
}

impl Copier {
    /// The copier of a hall. Nothing is sent yet.
    ///
    /// # Errors
    /// [`BackupError::NotConfigured`] without `[backup]`; [`BackupError`] when tables, calendar or client cannot be had.
    pub fn new(hall: &Hall, catalogue: Catalogue, clock: Arc<dyn Clock>, stop: Stop) -> Result<Self, BackupError> {
        let settings = hall.backup.clone().ok_or(BackupError::NotConfigured)?;
        let target = connect(&settings, &stop)?;
        let copies = Copies::open(&catalogue)?;
        let calls = copies.calls()?;
        let now = clock.monotonic();
        let state = BackupState { target: target.name(), at: clock.wall(), counting: true, ..BackupState::default() };
        Ok(Self {
            traffic: Traffic::new(&settings, clock.clone(), stop.clone()),
            tally: Tally::new(hall),
            hall: hall.clone(),
            settings,
            catalogue,
            copies,
            target,
            identity: None,
            anew: false,
            clock,
            calendar: Calendar::published()?,
            held: None,
            stop,
            notes: VecDeque::new(),
            refused: BTreeMap::new(),
            failures: 0,
            retry_at: now,
            count_at: now,
            look_at: now,
            told_at: None,
            was_idle: false,
            calls,
            shared: Arc::new(Mutex::new(state)),
        })
    }

    /// Asks `held` whether a hold lies on a camera-day. Without it no copy is ever deleted.
    #[must_use]
    pub fn with_holds(mut self, held: Held) -> Self {
        self.held = Some(held);
        self
    }

    /// Takes whatever target is there now as the one in use: everything is copied to it anew.
    #[must_use]
    pub fn with_new_target(mut self) -> Self {
        self.anew = true;
        self
    }

    /// How fast and when; for commands that were started by hand.
    pub fn traffic(&mut self) -> &mut Traffic {
        &mut self.traffic
    }

    /// The state, for as long as the copier lives.
    pub fn shared(&self) -> Arc<Mutex<BackupState>> {
        self.shared.clone()
    }

    /// The state now.
    pub fn state(&self) -> BackupState {
        lock(&self.shared).clone()
    }

    /// Works until asked to stop. Blocks: give it a thread, see [`Copier::spawn`].
    pub fn run(mut self) {
        while !self.stop.is_stopped() {
            let report = self.step(self.clock.wall());
            if let Some(pause) = self.pause_after(&report) {
                self.stop.wait(pause);
            }
        }
        self.tell(self.clock.wall(), true);
    }

    /// How long to wait after a step, if at all. Somebody who wakes the copier is heard within a second.
    pub fn pause_after(&self, report: &StepReport) -> Option<Duration> {
        match report {
            StepReport::Idle | StepReport::Quiet(_) | StepReport::Failed(_) => Some(IDLE),
            StepReport::Waiting(pause) => Some(IDLE.min(*pause)),
            _ => None,
        }
    }

    /// Runs on a thread of its own.
    ///
    /// # Errors
    /// The system's error when no thread can be made.
    pub fn spawn(mut self) -> std::io::Result<Running> {
        // Whoever asks from now on learns that a copier is there.
        self.tell_now();
        let (stop, state) = (self.stop.clone(), self.shared());
        let thread = std::thread::Builder::new().name("backup".into()).spawn(move || self.run())?;
        Ok(Running { stop, state, thread: Some(thread) })
    }

    /// Does the next thing: at most one file is copied.
    pub fn step(&mut self, now: WallTime) -> StepReport {
        let report = match self.work(now) {
            Ok(report) => report,
            Err(BackupError::Target(e)) => self.failed(now, e),
            Err(e) => {
                let about =
                    TargetError { target: self.target.name(), object: "-".into(), fault: Fault::Broken, detail: e.to_string() };
                self.failed(now, about)
            }
        };
        let idle = matches!(report, StepReport::Idle | StepReport::Quiet(_));
        // Whoever waits for the end of the work hears of it at once.
        self.tell(now, idle && !self.was_idle || matches!(report, StepReport::Failed(_)));
        self.was_idle = idle;
        report
    }

    fn work(&mut self, now: WallTime) -> Result<StepReport, BackupError> {
        let monotonic = self.clock.monotonic();
        let calls = self.copies.calls()?;
        if calls != self.calls || monotonic >= self.count_at {
            self.calls = calls;
            self.was_idle = false;
            self.count_at = monotonic + COUNT_AGAIN;
            (self.look_at, self.retry_at) = (monotonic, monotonic);
            self.tally.again();
            self.refused.clear();
            self.notes = self.find_notes(now, true);
        }
        let was_counting = self.tally.is_counting();
        let all = self.tally.count(&self.catalogue, &self.copies, now, ROWS_A_STEP)?;
        if was_counting && all {
            self.tally.forget_gone(&self.copies)?;
        }
        let next = self.tally.next(&self.catalogue, &self.copies, now)?;
        if let Some(until) = self.traffic.quiet_until(now) {
            return Ok(StepReport::Quiet(until));
        }
        if monotonic < self.retry_at {
            return Ok(StepReport::Waiting(self.retry_at - monotonic));
        }
        if self.establish(now)? {
            // What is proven depends on the target: everything is counted again.
            return Ok(StepReport::Counting);
        }
        if let Some((camera, item)) = next {
            let content = item.sealed.clone().unwrap_or_default();
            let id = self.identity.as_ref().map(|i| i.id.clone()).unwrap_or_default();
            let was_copied = self.copies.find(&id, &item.path, &content)?.is_some();
            let brought = self.bring(&item);
            match &brought {
                Ok(done) => {
                    self.tally.moved(&camera, &item, was_copied, done.row().proven_at);
                    self.tally.done(&camera);
                }
                Err(BackupError::Target(e)) if e.fault == Fault::Source => {
                    self.tally.done(&camera);
                }
                Err(_) if !was_copied && self.copies.find(&id, &item.path, &content)?.is_some() => {
                    self.tally.moved(&camera, &item, false, None);
                }
                Err(_) => {}
            }
            return self.report(item, brought);
        }
        if !all {
            return Ok(StepReport::Counting);
        }
        self.aside(now, monotonic)
    }

    /// What is done when every segment has its copy: notes, and copies that are due.
    fn aside(&mut self, now: WallTime, monotonic: Duration) -> Result<StepReport, BackupError> {
        if monotonic >= self.look_at {
            self.look_at = monotonic + LOOK_AGAIN;
            if self.notes.is_empty() {
                self.notes = self.find_notes(now, false);
            }
            let deleted = self.expire(now)?;
            if deleted > 0 {
                return Ok(StepReport::Expired(deleted));
            }
        }
        while let Some(item) = self.notes.pop_front() {
            match self.bring(&item) {
                Ok(Done::Was(_)) => {}
                Err(BackupError::Target(e)) if e.fault != Fault::Source => {
                    self.notes.push_front(item);
                    return Err(e.into());
                }
                other => return self.report(item, other),
            }
        }
        self.succeeded();
        Ok(StepReport::Idle)
    }

    fn find_notes(&self, now: WallTime, all: bool) -> VecDeque<Item> {
        let roots: Vec<PathBuf> = self.hall.storage.iter().map(|r| r.path.clone()).collect();
        let today = date(now);
        let recent = today.checked_sub_days(Days::new(RECENT_DAYS)).unwrap_or(today);
        notes::find(&roots, if all { chrono::NaiveDate::MIN } else { recent }, today, SystemTime::now())
    }

    /// Makes sure of the target; true when it is another one than before.
    fn establish(&mut self, now: WallTime) -> Result<bool, BackupError> {
        // The disk may go at any time: a folder's identity is looked at before every file. A bucket does not go away like that.
        let known = self.identity.is_some() && self.failures == 0;
        if known && !matches!(self.settings.target, BackupTarget::Directory(_)) {
            return Ok(false);
        }
        self.identity = None;
        let before = self.copies.target()?;
        let identity = establish(&*self.target, &self.copies, &self.hall, now, self.anew)?;
        self.anew = false;
        let changed = before.is_none_or(|before| before.id != identity.id);
        self.identity = Some(identity);
        if changed {
            self.tally.again();
        }
        if let BackupTarget::Directory(path) = &self.settings.target {
            lock(&self.shared).same_disk = self.hall.storage.iter().any(|root| on_one_disk(path, &root.path));
        }
        Ok(changed)
    }

    fn bring(&mut self, item: &Item) -> Result<Done, BackupError> {
        let id = self.identity.as_ref().map(|i| i.id.clone()).unwrap_or_default();
        let clock = self.clock.clone();
        Mover { target: &*self.target, id: &id, copies: &self.copies, traffic: &mut self.traffic, clock: &*clock }.bring(item)
    }

    fn report(&mut self, item: Item, brought: Result<Done, BackupError>) -> Result<StepReport, BackupError> {
        match brought {
            Ok(done) => {
                self.succeeded();
                lock(&self.shared).last_proof = done.row().proven_at;
                let bytes = if let Done::Copied(row) = &done { row.bytes } else { 0 };
                Ok(StepReport::Proven { path: item.path, bytes })
            }
            Err(BackupError::Target(e)) if e.fault == Fault::Source => {
                let file = item.root.join(&item.path).display().to_string();
                tracing::error!("backup: {file} was not copied: {}", e.detail);
                if self.refused.len() < MOST_REFUSALS {
                    let refusal = Refusal { file, from: item.from, detail: e.detail.clone() };
                    self.refused.insert(item.path.clone(), refusal);
                }
                Ok(StepReport::Refused { path: item.path, detail: e.detail })
            }
            Err(e) => Err(e),
        }
    }

    /// Deletes copies that are due; tells how many.
    ///
    /// # Errors
    /// The target's or the catalogue's; what was deleted until then is gone from the table too.
    pub fn expire(&mut self, now: WallTime) -> Result<u64, BackupError> {
        let (Some(held), DeleteCopies::WhenDue) = (&self.held, self.settings.delete) else { return Ok(0) };
        let rule = Rule {
            catalogue: &self.catalogue,
            copies: &self.copies,
            calendar: &self.calendar,
            working_days: self.settings.working_days,
            held: &**held,
        };
        let mut all = 0;
        for (camera, day) in rule.due(now)? {
            if self.stop.is_stopped() {
                break;
            }
            let deleted = rule.delete(&*self.target, &camera, day)?;
            tracing::info!(
                "backup: deleted {deleted} copies of {camera} {day}: more than {} working days old, recording gone, no hold",
                self.settings.working_days
            );
            all += deleted;
        }
        Ok(all)
    }

    fn succeeded(&mut self) {
        self.failures = 0;
        if lock(&self.shared).trouble.take().is_some() {
            tracing::info!("backup: {} takes copies again", self.target.name());
        }
    }

    fn failed(&mut self, now: WallTime, e: TargetError) -> StepReport {
        match e.fault {
            Fault::Stopped => return StepReport::Stopped,
            Fault::Quiet => {
                let until = self.traffic.quiet_until(now).unwrap_or(now);
                return StepReport::Quiet(until);
            }
            _ => {}
        }
        self.failures = self.failures.saturating_add(1);
        self.retry_at = self.clock.monotonic() + pause_after(self.failures);
        let mut state = lock(&self.shared);
        let since = state.trouble.as_ref().filter(|t| t.fault == e.fault).map_or(now, |t| t.since);
        if state.trouble.as_ref().is_none_or(|t| t.fault != e.fault) {
            tracing::error!("backup: {e}");
        }
        state.trouble = Some(Trouble {
            fault: e.fault,
            since,
            attempts: self.failures,
            object: e.object.clone(),
            detail: e.detail.clone(),
        });
        drop(state);
        StepReport::Failed(e)
    }

    /// Brings the shared state up to date.
    fn measure(&self, now: WallTime) {
        let (mut segments, mut bytes) = (0, 0);
        for day in self.tally.days() {
            segments += day.segments.saturating_sub(day.proven);
            bytes += day.bytes.saturating_sub(day.proven_bytes);
        }
        let refused: Vec<Refusal> = self.refused.values().cloned().collect();
        let mut state = lock(&self.shared);
        state.at = now;
        state.counting = self.tally.is_counting();
        (state.segments_behind, state.bytes_behind) = (segments, bytes);
        state.oldest_unproven = self.tally.oldest().into_iter().chain(refused.iter().map(|r| r.from)).min();
        state.last_proof = state.last_proof.max(self.tally.days().filter_map(|d| d.last_proof).max());
        state.quiet_until = self.traffic.quiet_until(now);
        state.refused = refused;
        state.heard = self.calls;
    }

    /// Tells the state: to those who share it at once, to the catalogue now and then.
    fn tell(&mut self, now: WallTime, at_once: bool) {
        self.measure(now);
        let due = self.told_at.is_none_or(|t| self.clock.monotonic().saturating_sub(t) >= TELL);
        if !due && !at_once {
            return;
        }
        let told = BackupState { days: Vec::new(), ..self.state() };
        self.told_at = Some(self.clock.monotonic());
        if let Err(e) = self.tally.tell(&self.copies).and_then(|()| self.copies.put_state(&told)) {
            tracing::warn!("backup: its state could not be written: {e}");
        }
        let days = self.tally.days().cloned().collect();
        lock(&self.shared).days = days;
    }

    /// Counts the whole catalogue and tells the state, without touching the target or writing anything.
    ///
    /// # Errors
    /// [`BackupError::Store`] when the catalogue cannot be read.
    pub fn counted(mut self) -> Result<BackupState, BackupError> {
        let now = self.clock.wall();
        while !self.tally.count(&self.catalogue, &self.copies, now, ROWS_A_STEP)? {}
        self.tally.next(&self.catalogue, &self.copies, now)?;
        self.measure(now);
        let mut state = self.state();
        state.days = self.tally.days().cloned().collect();
        Ok(state)
    }

    /// Writes the state to the catalogue whatever the time.
    pub fn tell_now(&mut self) {
        self.tell(self.clock.wall(), true);
    }
}

/// A copier on its thread.
pub struct Running {
    stop: Stop,
    state: Arc<Mutex<BackupState>>,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    /// The state now.
    pub fn state(&self) -> BackupState {
        lock(&self.state).clone()
    }

    /// The state, shared.
    pub fn shared(&self) -> Arc<Mutex<BackupState>> {
        self.state.clone()
    }

    /// Asks it to stop and waits for at most `patience`: a network share that does not answer may hold a thread for minutes, and
    /// nothing is lost when the process ends in the middle. True when it has ended.
    pub fn stop(mut self, patience: Duration) -> bool {
        self.stop.stop();
        let Some(thread) = self.thread.take() else { return true };
        let steps = patience.as_millis() / 20;
        for _ in 0..=steps {
            if thread.is_finished() {
                return thread.join().is_ok();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        false
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.stop();
    }
}

fn lock(state: &Mutex<BackupState>) -> MutexGuard<'_, BackupState> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
