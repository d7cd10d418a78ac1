//! All storage roots together: which takes a camera's next file, how each is, and what happens when one fails or comes back.
//!
//! A thread per root looks at it every second: is the disk that is meant there, is it writable, is there room, does the work in hand
//! get done. A root in trouble has its open runs given up at once, so that its cameras go on elsewhere from their next key frame; one
//! that is merely full is left at the next segment. A root that comes back is mended and taken again by itself.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::disk::{Disk, DiskError, DiskNews, Fault, OnNews};
use super::placement::{self, RootFacts};
use super::root::{self, Room};
use super::writer::WriteCommand;
use crate::catalogue::Catalogue;
use crate::hall::CameraId;

/// How often a root is looked at.
pub const LOOK_EVERY: Duration = Duration::from_secs(1);
/// One write or sync that takes longer than this: the root is slow. A healthy disk needs milliseconds.
const SLOW_AFTER: Duration = Duration::from_secs(8);
/// A root in trouble is tried again after it looked well this many times.
const LOOKS_BEFORE_TRYING: u32 = 5;
/// A root that said it is full though there is room (quota, inodes) is left alone for this many looks.
const LOOKS_WHILE_FULL: u32 = 60;
/// Expected of a camera nothing is known of: 4 Mbit/s, in bytes per second.
const USUAL_RATE: u64 = 500_000;
/// Rates are averaged over about this many seconds.
const RATE_SECONDS: f64 = 60.0;

/// A root to be used.
#[derive(Clone, Debug)]
pub struct RootSettings {
    /// Where it lies.
    pub path: PathBuf,
    /// The id it must carry.
    pub id: String,
    /// It must be a mount point.
    pub mounted: bool,
    /// Below this many free bytes nothing new is begun there.
    pub reserve_bytes: u64,
}

/// A camera that will record.
#[derive(Clone, Debug)]
pub struct CameraPlan {
    /// Which.
    pub id: CameraId,
    /// It looks at a service window.
    pub window: bool,
    /// Bytes per second its newest recordings had; `None` when there are none.
    pub rate: Option<u64>,
}

/// How a root is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RootHealth {
    /// What is wrong with it; `None` when it takes files.
    pub fault: Option<Fault>,
    /// What is wrong in words, with the remedy.
    pub reason: Option<String>,
    /// Since when, by the monotonic clock of the roots.
    pub since: Duration,
    /// Its space at the last look.
    pub room: Room,
}

/// One root, for those who show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RootState {
    /// Where it lies.
    pub path: PathBuf,
    /// How it is.
    pub health: RootHealth,
    /// Reserve in bytes.
    pub reserve_bytes: u64,
    /// Cameras that write there, by id.
    pub cameras: Vec<CameraId>,
    /// What they write, in bytes per second.
    pub rate: u64,
    /// Sync calls since the start.
    pub syncs: u64,
}

/// What those who started the roots are told. Called on the roots' own threads: must not block for long.
pub trait OnRoots: Send + Sync {
    /// A root got into trouble, or out of it.
    fn changed(&self, root: &Path, fault: Option<Fault>, reason: &str);
    /// A root that was away is there again, and nothing is written to it yet: mend what was left open.
    fn came_back(&self, root: &Path);
    /// A camera's next file goes to another root than the one before.
    fn moved(&self, camera: &CameraId, from: &Path, to: &Path, why: &str);
    /// Cameras that look at no window stop because space is kept for the windows (`false`), or may go on (`true`).
    fn others_may_record(&self, may: bool);
}

/// How the roots are used.
#[derive(Clone, Copy, Debug)]
pub struct RootsSettings {
    /// How often a root is synced.
    pub sync_every: Duration,
    /// Space for this many seconds of the windows' cameras is kept for them.
    pub windows_last_seconds: u64,
    /// How often a root is looked at; [`LOOK_EVERY`] outside of tests.
    pub look_every: Duration,
}

/// The storage roots of a recorder.
pub struct Roots {
    inner: Arc<Inner>,
    watchers: Vec<JoinHandle<()>>,
}

struct Inner {
    disks: Vec<Disk>,
    settings: Vec<RootSettings>,
    windows_last_seconds: u64,
    look_every: Duration,
    state: Arc<Mutex<State>>,
    told: Arc<dyn OnRoots>,
    origin: Instant,
    stop: (Mutex<bool>, Condvar),
}

struct State {
    roots: Vec<RootHealth>,
    /// When the watcher of each root last came round.
    looked: Vec<Instant>,
    /// Not before this is a root in trouble tried again.
    rests_until: Vec<Instant>,
    look_every: Duration,
    homes: HashMap<CameraId, usize>,
    /// Where each camera's newest file lies.
    latest: HashMap<CameraId, usize>,
    /// Where the open file of each run lies.
    runs: HashMap<String, usize>,
    plans: HashMap<CameraId, Rate>,
    others: bool,
}

struct Rate {
    window: bool,
    rate: f64,
    /// Seconds over which it was measured, at most [`RATE_SECONDS`]; 0 while it is only expected.
    seen: f64,
    written: u64,
    counted: u64,
}

impl State {
    fn facts(&self, settings: &[RootSettings]) -> Vec<RootFacts> {
        self.roots
            .iter()
            .zip(settings)
            .map(|(root, settings)| RootFacts {
                usable: root.fault.is_none(),
                free_bytes: root.room.free_bytes.saturating_sub(settings.reserve_bytes),
            })
            .collect()
    }

    fn loads(&self) -> Vec<u64> {
        let mut loads = vec![0u64; self.roots.len()];
        for (camera, root) in &self.latest {
            loads[*root] += self.plans.get(camera).map_or(0, Rate::bytes_per_second);
        }
        loads
    }
}

impl Rate {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate in bytes per second, never negative")]
    fn bytes_per_second(&self) -> u64 {
        self.rate as u64
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Roots {
    /// Starts the writers and watchers of `roots`, in the order of hall.toml.
    ///
    /// # Errors
    /// The root and the system's error when no thread can be made.
    pub fn start(
        roots: Vec<RootSettings>,
        cameras: &[CameraPlan],
        how: RootsSettings,
        catalogue: &Catalogue,
        news: OnNews,
        told: Arc<dyn OnRoots>,
    ) -> Result<Self, (PathBuf, std::io::Error)> {
        let origin = Instant::now();
        let health = roots.iter().map(first_look).collect::<Vec<_>>();
        let plans = cameras.iter().map(|c| {
            let known = c.rate.is_some();
            #[expect(clippy::cast_precision_loss, reason = "a rate")]
            let rate = c.rate.unwrap_or(USUAL_RATE) as f64;
            let rate = Rate { window: c.window, rate, seen: if known { RATE_SECONDS } else { 0.0 }, written: 0, counted: 0 };
            (c.id.clone(), rate)
        });
        let state = Arc::new(Mutex::new(State {
            looked: vec![origin; roots.len()],
            rests_until: vec![origin; roots.len()],
            look_every: how.look_every,
            roots: health,
            homes: HashMap::new(),
            latest: HashMap::new(),
            runs: HashMap::new(),
            plans: plans.collect(),
            others: true,
        }));
        let mut disks = Vec::with_capacity(roots.len());
        for (n, root) in roots.iter().enumerate() {
            let (state, news, told) = (state.clone(), news.clone(), told.clone());
            let news: OnNews = Arc::new(move |item| {
                if let DiskNews::Failed { root, fault, reason, .. } = &item {
                    let changed = report(&mut lock(&state), n, *fault, reason, origin);
                    if changed {
                        told.changed(root, Some(*fault), reason);
                    }
                }
                news(item);
            });
            let disk = Disk::start(root.path.clone(), root.id.clone(), how.sync_every, catalogue.clone(), news);
            disks.push(disk.map_err(|e| (root.path.clone(), e))?);
        }
        let RootsSettings { windows_last_seconds, look_every, .. } = how;
        let stop = (Mutex::new(false), Condvar::new());
        let inner = Arc::new(Inner { disks, settings: roots, windows_last_seconds, look_every, state, told, origin, stop });
        inner.settle();
        let mut watchers = Vec::new();
        for n in 0..inner.settings.len() {
            let watching = inner.clone();
            let name = format!("root {}", inner.settings[n].path.display());
            let thread = std::thread::Builder::new().name(name).spawn(move || watching.watch(n));
            watchers.push(thread.map_err(|e| (inner.settings[n].path.clone(), e))?);
        }
        Ok(Self { inner, watchers })
    }

    /// Hands over a write of the run `run`. Never blocks. A new file goes to the root that takes the camera now.
    ///
    /// # Errors
    /// [`DiskError`]: the run must end; whether another can begin, [`Roots::takes`] tells.
    pub fn write(&self, camera: &CameraId, run: &str, command: WriteCommand) -> Result<(), DiskError> {
        let mut moved = None;
        let n = {
            let mut state = lock(&self.inner.state);
            let bytes = match &command {
                WriteCommand::Create { head, .. } => head.len(),
                WriteCommand::Part { bytes, .. } | WriteCommand::Seal { bytes, .. } => bytes.len(),
            };
            if let Some(rate) = state.plans.get_mut(camera) {
                rate.written += bytes as u64;
            }
            if matches!(command, WriteCommand::Create { .. }) {
                let n = self.inner.place(&state, camera).map_err(DiskError::NoRoot)?;
                moved = state.latest.insert(camera.clone(), n).filter(|before| *before != n).map(|before| {
                    let why = state.roots[before].reason.clone();
                    (before, why.unwrap_or_else(|| "its own root is there again".to_owned()))
                });
                state.runs.insert(run.to_owned(), n);
            }
            let Some(n) = state.runs.get(run).copied() else {
                return Err(DiskError::Failed("the run has no file open".to_owned()));
            };
            if matches!(command, WriteCommand::Seal { .. }) {
                state.runs.remove(run);
            }
            n
        };
        if let Some((before, why)) = moved {
            let path = |n: usize| self.inner.settings[n].path.as_path();
            self.inner.told.moved(camera, path(before), path(n), &why);
        }
        let written = self.inner.disks[n].write(camera, run, command);
        if let Err(e) = &written {
            lock(&self.inner.state).runs.remove(run);
            if matches!(e, DiskError::Lagging { .. }) {
                self.inner.trouble(n, Fault::Slow, &e.to_string());
            }
        }
        written
    }

    /// Whether a run of `camera` can begin now.
    ///
    /// # Errors
    /// Why not, in words with the remedy.
    pub fn takes(&self, camera: &CameraId) -> Result<(), String> {
        let state = lock(&self.inner.state);
        if !state.others && state.plans.get(camera).is_some_and(|p| !p.window) {
            return Err(format!(
                "no footage may be deleted yet, and the space left is kept for the windows' cameras ({:.1} h); add a disk: `jiancha plan` tells how much",
                std::time::Duration::from_secs(self.inner.windows_last_seconds).as_secs_f64() / 3600.0
            ));
        }
        self.inner.place(&state, camera).map(|_| ())
    }

    /// How every root is, in the order of hall.toml.
    pub fn states(&self) -> Vec<RootState> {
        let state = lock(&self.inner.state);
        let loads = state.loads();
        let mut states = Vec::with_capacity(loads.len());
        for (n, settings) in self.inner.settings.iter().enumerate() {
            let mut cameras: Vec<CameraId> =
                state.latest.iter().filter(|(_, root)| **root == n).map(|(camera, _)| camera.clone()).collect();
            cameras.sort();
            states.push(RootState {
                path: settings.path.clone(),
                health: state.roots[n].clone(),
                reserve_bytes: settings.reserve_bytes,
                cameras,
                rate: loads[n],
                syncs: self.inner.disks[n].syncs(),
            });
        }
        states
    }

    /// What `camera` writes, in bytes per second.
    pub fn rate(&self, camera: &CameraId) -> u64 {
        lock(&self.inner.state).plans.get(camera).map_or(0, Rate::bytes_per_second)
    }

    /// The monotonic clock of [`RootHealth::since`].
    pub fn monotonic(&self) -> Duration {
        self.inner.origin.elapsed()
    }

    /// Waits until everything handed over so far is synced and in the catalogue.
    pub fn sync(&self) {
        for disk in &self.inner.disks {
            // A disk that hangs would hold up the stop of all others.
            if disk.busy_for() < SLOW_AFTER {
                disk.sync();
            }
        }
    }
}

impl Drop for Roots {
    fn drop(&mut self) {
        *lock(&self.inner.stop.0) = true;
        self.inner.stop.1.notify_all();
        for watcher in self.watchers.drain(..) {
            let _ = watcher.join();
        }
    }
}

/// A root before anything was written to it.
fn first_look(root: &RootSettings) -> RootHealth {
    let looked = look(root);
    let room = looked.as_ref().copied().unwrap_or_default();
    let fault = match looked {
        Err((fault, reason)) => Some((fault, reason)),
        Ok(room) if placement::is_full(room.free_bytes, root.reserve_bytes, false) => Some((Fault::Full, full(root, room))),
        Ok(_) => None,
    };
    let (fault, reason) = fault.unzip();
    RootHealth { fault, reason, since: Duration::ZERO, room }
}

fn full(root: &RootSettings, room: Room) -> String {
    let mb = |bytes: u64| bytes / 1_000_000;
    format!(
        "{} is full: {} MB free, {} MB are kept in reserve (add a disk or another [[storage]]; footage inside the floor is never deleted)",
        root.path.display(),
        mb(room.free_bytes),
        mb(root.reserve_bytes)
    )
}

/// Is the root meant there, writable, and how much room has it?
fn look(settings: &RootSettings) -> Result<Room, (Fault, String)> {
    let opened = root::open_mounted(&settings.path, &settings.id, settings.mounted)
        .map_err(|e| (if e.is_gone() { Fault::Gone } else { Fault::Failing }, e.to_string()))?;
    let room = opened.room().map_err(|e| (Fault::of(&e), format!("look at {}: {e}", settings.path.display())))?;
    if room.read_only {
        let reason = format!(
            "{} is mounted read-only (remount it read-write; a disk that turns read-only by itself is failing: see `dmesg`)",
            settings.path.display()
        );
        return Err((Fault::ReadOnly, reason));
    }
    Ok(room)
}

/// Writes a small file and takes it away again.
fn try_out(settings: &RootSettings) -> Result<(), (Fault, String)> {
    let opened =
        root::open_mounted(&settings.path, &settings.id, settings.mounted).map_err(|e| (Fault::Gone, e.to_string()))?;
    opened.try_out().map_err(|e| (Fault::of(&e), format!("write to {}: {e}", settings.path.display())))
}

/// Notes a root's trouble; true when it is news.
fn report(state: &mut State, n: usize, fault: Fault, reason: &str, origin: Instant) -> bool {
    let looks = if fault == Fault::Full { LOOKS_WHILE_FULL } else { LOOKS_BEFORE_TRYING };
    state.rests_until[n] = Instant::now() + state.look_every * looks;
    let root = &mut state.roots[n];
    let news = root.fault != Some(fault);
    if news {
        root.since = origin.elapsed();
    }
    root.fault = Some(fault);
    root.reason = Some(reason.to_owned());
    news
}

impl Inner {
    /// The root that takes a new file of `camera`: its home, or the one that is full last.
    fn place(&self, state: &State, camera: &CameraId) -> Result<usize, String> {
        let facts = state.facts(&self.settings);
        if let Some(home) = state.homes.get(camera).filter(|n| facts[**n].usable) {
            return Ok(*home);
        }
        let rate = state.plans.get(camera).map_or(0, Rate::bytes_per_second);
        // Stay where the newest file lies, when that is possible: wandering about helps nobody.
        if let Some(latest) = state.latest.get(camera).filter(|n| facts[**n].usable) {
            return Ok(*latest);
        }
        placement::choose(&facts, &state.loads(), rate).ok_or_else(|| {
            let reasons: Vec<&str> = state.roots.iter().filter_map(|r| r.reason.as_deref()).collect();
            format!("no storage root takes recordings: {}", reasons.join("; "))
        })
    }

    /// Gives every camera its home.
    fn settle(&self) {
        let mut state = lock(&self.state);
        let mut cameras: Vec<(CameraId, u64)> =
            state.plans.iter().map(|(id, rate)| (id.clone(), rate.bytes_per_second())).collect();
        cameras.sort();
        let rates: Vec<u64> = cameras.iter().map(|(_, rate)| *rate).collect();
        // A root that is away keeps its share: its cameras come home when it does.
        let facts: Vec<RootFacts> = state
            .facts(&self.settings)
            .into_iter()
            .map(|facts| RootFacts { usable: true, free_bytes: facts.free_bytes.max(1) })
            .collect();
        let homes = placement::spread(&facts, &rates);
        state.homes = cameras.into_iter().zip(homes).filter_map(|((id, _), home)| Some((id, home?))).collect();
    }

    fn trouble(&self, n: usize, fault: Fault, reason: &str) {
        let news = report(&mut lock(&self.state), n, fault, reason, self.origin);
        if fault != Fault::Full {
            self.disks[n].give_up(reason);
        }
        if news {
            self.told.changed(&self.settings[n].path, Some(fault), reason);
        }
    }

    fn watch(&self, n: usize) {
        let mut counted = Instant::now();
        loop {
            let stopped = lock(&self.stop.0);
            let (stopped, _) = self
                .stop
                .1
                .wait_timeout_while(stopped, self.look_every, |stopped| !*stopped)
                .unwrap_or_else(PoisonError::into_inner);
            if *stopped {
                return;
            }
            drop(stopped);
            self.look_at(n);
            lock(&self.state).looked[n] = Instant::now();
            if n == 0 {
                self.count(counted.elapsed());
                counted = Instant::now();
                self.keep_space_for_windows();
            }
            self.look_at_the_watchers(n);
        }
    }

    fn look_at(&self, n: usize) {
        let settings = &self.settings[n];
        let busy = self.disks[n].busy_for();
        let (was, rests) = {
            let state = lock(&self.state);
            (state.roots[n].fault, Instant::now() < state.rests_until[n])
        };
        let looked = look(settings);
        match looked {
            Err((fault, reason)) => self.trouble(n, fault, &reason),
            Ok(room) => {
                lock(&self.state).roots[n].room = room;
                if busy > SLOW_AFTER {
                    let reason = format!(
                        "{} is slow: one write has taken {} s (check the disk's health and load)",
                        settings.path.display(),
                        busy.as_secs()
                    );
                    self.trouble(n, Fault::Slow, &reason);
                } else if placement::is_full(room.free_bytes, settings.reserve_bytes, was == Some(Fault::Full)) {
                    self.trouble(n, Fault::Full, &full(settings, room));
                    // Full by the numbers: it is taken back by the numbers, without a rest.
                    lock(&self.state).rests_until[n] = Instant::now();
                } else if was.is_some() && !rests {
                    self.take_back(n);
                }
            }
        }
    }

    /// A root that looks well again is tried, mended and taken back.
    fn take_back(&self, n: usize) {
        let settings = &self.settings[n];
        if let Err((fault, reason)) = try_out(settings) {
            self.trouble(n, fault, &reason);
            return;
        }
        if lock(&self.state).roots[n].fault != Some(Fault::Full) {
            // On the disk's own thread, behind everything it still had in hand: no file is mended twice at once.
            let (told, path) = (self.told.clone(), settings.path.clone());
            self.disks[n].perform(move || told.came_back(&path));
        }
        {
            let mut state = lock(&self.state);
            let root = &mut state.roots[n];
            (root.fault, root.reason, root.since) = (None, None, self.origin.elapsed());
        }
        self.told.changed(&settings.path, None, "");
    }

    /// A watcher that does not come round hangs in a call to its disk: the others tell for it.
    fn look_at_the_watchers(&self, n: usize) {
        let hanging: Vec<usize> = {
            let state = lock(&self.state);
            (0..state.looked.len())
                .filter(|m| *m != n && state.looked[*m].elapsed() > SLOW_AFTER && state.roots[*m].fault.is_none())
                .collect()
        };
        for m in hanging {
            let reason =
                format!("{} does not answer (check the disk, or the network it lies on)", self.settings[m].path.display());
            self.trouble(m, Fault::Slow, &reason);
        }
    }

    /// Takes the cameras' rates from what they wrote since the last count.
    fn count(&self, over: Duration) {
        let seconds = over.as_secs_f64().max(0.1);
        for rate in lock(&self.state).plans.values_mut() {
            let bytes = rate.written - rate.counted;
            rate.counted = rate.written;
            #[expect(clippy::cast_precision_loss, reason = "bytes of a second")]
            let now = bytes as f64 / seconds;
            // A camera that is away keeps its rate: it will want its space when it comes back.
            if bytes > 0 {
                rate.seen = (rate.seen + seconds).min(RATE_SECONDS);
                rate.rate += (now - rate.rate) * (seconds / rate.seen).min(1.0);
            }
        }
    }

    fn keep_space_for_windows(&self) {
        let told = {
            let mut state = lock(&self.state);
            let free = state.facts(&self.settings).iter().filter(|f| f.usable).map(|f| f.free_bytes).sum();
            // What is only expected stops nobody: it is measured within seconds.
            let windows = state.plans.values().filter(|p| p.window && p.seen > 0.0).map(Rate::bytes_per_second).sum();
            let total = state.roots.iter().filter(|r| r.fault.is_none()).map(|r| r.room.total_bytes).sum();
            let may = placement::others_may_record(free, total, windows, self.windows_last_seconds, state.others);
            let told = (may != state.others).then_some(may);
            state.others = may;
            told
        };
        if let Some(may) = told {
            self.told.others_may_record(may);
        }
    }
}

#[cfg(test)]
#[path = "roots_tests.rs"]
mod tests;
