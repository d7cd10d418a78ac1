//! The disk's edge: one thread per storage root writes parts, syncs them on the sync interval and tells what is durable.
//!
//! Each part is one `write`; the folder is synced when a file is made. What waits for a slow disk is bounded in bytes; a camera whose
//! part finds no room has its run ended with cause `disk`, and the others are not touched. A catalogue row is written only after
//! the bytes it speaks of are synced. A root with a disk of its own is synced as a whole, with one call for all its cameras.

use std::collections::HashMap;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::adopt::{Adopted, adopt};
use super::identity::Identity;
use super::name;
use super::root::{self, OpenRoot};
use super::writer::WriteCommand;
use crate::catalogue::{Catalogue, SegmentRow};
use crate::hall::CameraId;
use crate::time::{ClockMark, WallTime};

/// Most bytes that may wait for one storage root: about three seconds of 32 cameras at 50 Mbit/s in all, times four.
const MOST_WAITING_BYTES: u64 = 96 * 1024 * 1024;
/// Cameras seal on the same line of the grid: their files are synced together, this long after the first.
const SEAL_SYNC_PAUSE: Duration = Duration::from_millis(300);
/// From this many files on, a root with a disk of its own is synced as a whole.
const SYNC_AS_A_WHOLE: usize = 3;

/// A disk that has been busy with one call for this long is not waited for at the end.
const LONGEST_WAIT_AT_END: Duration = Duration::from_secs(8);

/// What the disk tells of a camera's run.
#[derive(Clone, Debug)]
pub enum DiskNews {
    /// A part was handed to the kernel: safe from a process kill.
    Written {
        /// Whose.
        camera: CameraId,
        /// Capture time up to which it reaches.
        to: WallTime,
    },
    /// Everything up to here was synced: safe from a power cut.
    Durable {
        /// Whose.
        camera: CameraId,
        /// Capture time up to which it reaches.
        to: WallTime,
    },
    /// Writing failed; the run's file is closed as it is.
    Failed {
        /// Whose.
        camera: CameraId,
        /// The storage root.
        root: PathBuf,
        /// What kind of trouble the root is in.
        fault: Fault,
        /// What was attempted, where, and what the system said.
        reason: String,
    },
}

/// What kind of trouble a root is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// No space is left.
    Full,
    /// It is mounted read-only.
    ReadOnly,
    /// Its disk is not there.
    Gone,
    /// It takes what it is given too slowly.
    Slow,
    /// The system reports an error of another kind.
    Failing,
}

impl Fault {
    /// The word used in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::ReadOnly => "read-only",
            Self::Gone => "gone",
            Self::Slow => "slow",
            Self::Failing => "failing",
        }
    }

    /// What an error of the system says of the root.
    pub fn of(e: &std::io::Error) -> Self {
        match e.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Self::Full,
            std::io::ErrorKind::ReadOnlyFilesystem => Self::ReadOnly,
            std::io::ErrorKind::NotFound => Self::Gone,
            _ => Self::Failing,
        }
    }
}

/// Where news goes. Called on the disk's thread: must not block.
pub type OnNews = Arc<dyn Fn(DiskNews) + Send + Sync>;

enum Order {
    Write { camera: CameraId, run: String, command: Box<WriteCommand> },
    Abandon { run: String },
    Sync(Sender<()>),
    Do(Box<dyn FnOnce() + Send>, Sender<()>),
    Stop,
}

/// The writer of one storage root.
pub struct Disk {
    orders: Sender<Order>,
    shared: Arc<Shared>,
    root: PathBuf,
    thread: Option<std::thread::JoinHandle<()>>,
}

/// What the worker and its callers share.
struct Shared {
    waiting: AtomicU64,
    syncs: AtomicU64,
    /// When the operation in hand began, in milliseconds since `origin` plus one; 0 when none is.
    busy: AtomicU64,
    origin: Instant,
    runs: Mutex<Runs>,
}

/// Runs that have a file here.
#[derive(Default)]
struct Runs {
    open: HashMap<String, CameraId>,
    /// Runs whose file failed, and what the system said.
    failed: HashMap<String, String>,
}

/// Why a part is not taken.
#[derive(Debug, thiserror::Error)]
pub enum DiskError {
    /// No room for another part: the disk lags.
    #[error(
        "disk under {root} lags: {waiting} bytes wait to be written (limit {MOST_WAITING_BYTES}); check the disk's health and load"
    )]
    Lagging {
        /// Storage root.
        root: String,
        /// Bytes that wait.
        waiting: u64,
    },
    /// The run's file could not be written; the run must end.
    #[error("{0}")]
    Failed(String),
    /// No storage root takes the camera's recording.
    #[error("{0}")]
    NoRoot(String),
}

impl Disk {
    /// Starts the writer of the root of this `id` at `root`.
    ///
    /// # Errors
    /// The system's error when no thread can be made.
    pub fn start(root: PathBuf, id: String, sync_every: Duration, catalogue: Catalogue, news: OnNews) -> std::io::Result<Self> {
        let (orders, inbox) = channel();
        let shared = Arc::new(Shared {
            waiting: AtomicU64::new(0),
            syncs: AtomicU64::new(0),
            busy: AtomicU64::new(0),
            origin: Instant::now(),
            runs: Mutex::default(),
        });
        let worker = Worker {
            root: root.clone(),
            id,
            handle: None,
            open: HashMap::new(),
            sealed: Vec::new(),
            catalogue,
            news,
            shared: shared.clone(),
        };
        let thread = std::thread::Builder::new()
            .name(format!("disk {}", root.display()))
            .spawn(move || worker.work(&inbox, sync_every))?;
        Ok(Self { orders, shared, root, thread: Some(thread) })
    }

    /// The storage root.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Calls that made the disk sync, since the start.
    pub fn syncs(&self) -> u64 {
        self.shared.syncs.load(Ordering::Relaxed)
    }

    /// How long the operation in hand has been under way; zero when none is.
    pub fn busy_for(&self) -> Duration {
        match self.shared.busy.load(Ordering::Relaxed) {
            0 => Duration::ZERO,
            began => self.shared.origin.elapsed().saturating_sub(Duration::from_millis(began - 1)),
        }
    }

    /// Hands over a write of the run `run`. Never blocks.
    ///
    /// # Errors
    /// [`DiskError`] when too much waits already or the run's file has failed; the command is not taken.
    pub fn write(&self, camera: &CameraId, run: &str, command: WriteCommand) -> Result<(), DiskError> {
        let mut runs = self.shared.runs();
        if let Some(reason) = runs.failed.get(run) {
            return Err(DiskError::Failed(reason.clone()));
        }
        let bytes = command_bytes(&command);
        let waiting = self.shared.waiting.load(Ordering::Relaxed);
        // A seal is small and ends the matter: it always has room.
        let seals = matches!(command, WriteCommand::Seal { .. });
        if waiting + bytes > MOST_WAITING_BYTES && !seals {
            return Err(DiskError::Lagging { root: self.root.display().to_string(), waiting });
        }
        if seals {
            runs.open.remove(run);
        } else if matches!(command, WriteCommand::Create { .. }) {
            runs.open.insert(run.to_owned(), camera.clone());
        }
        self.shared.waiting.fetch_add(bytes, Ordering::Relaxed);
        // The worker lives as long as we do.
        let _ = self.orders.send(Order::Write { camera: camera.clone(), run: run.to_owned(), command: Box::new(command) });
        Ok(())
    }

    /// Gives up every run that has a file open here: nothing more is taken of them, and what is written is closed and sealed as far
    /// as the disk lets us.
    pub fn give_up(&self, reason: &str) {
        let mut runs = self.shared.runs();
        for (run, _) in std::mem::take(&mut runs.open) {
            runs.failed.insert(run.clone(), reason.to_owned());
            let _ = self.orders.send(Order::Abandon { run });
        }
    }

    /// Does `work` on the disk's thread, after everything handed over so far, and waits for it: nothing is written meanwhile.
    pub fn perform(&self, work: impl FnOnce() + Send + 'static) {
        let (done, wait) = channel();
        if self.orders.send(Order::Do(Box::new(work), done)).is_ok() {
            let _ = wait.recv();
        }
    }

    /// Waits until everything handed over so far is synced and in the catalogue.
    pub fn sync(&self) {
        let (done, wait) = channel();
        if self.orders.send(Order::Sync(done)).is_ok() {
            let _ = wait.recv();
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = self.orders.send(Order::Stop);
        // A disk that hangs must not keep the recorder from ending: what was synced before is safe.
        if let Some(thread) = self.thread.take().filter(|_| self.busy_for() < LONGEST_WAIT_AT_END) {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn runs(&self) -> MutexGuard<'_, Runs> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does `work`, visible to those who watch how long it takes.
    fn watched<T>(&self, work: impl FnOnce() -> T) -> T {
        let now = u64::try_from(self.origin.elapsed().as_millis()).unwrap_or(u64::MAX - 1);
        self.busy.store(now + 1, Ordering::Relaxed);
        let done = work();
        self.busy.store(0, Ordering::Relaxed);
        done
    }
}

fn command_bytes(command: &WriteCommand) -> u64 {
    match command {
        WriteCommand::Create { head, .. } => head.len() as u64,
        WriteCommand::Part { bytes, .. } | WriteCommand::Seal { bytes, .. } => bytes.len() as u64,
    }
}

struct OpenFile {
    file: File,
    /// The folder it was made below.
    under: Arc<OpenRoot>,
    row: SegmentRow,
    /// Reaches this far when synced.
    written_to: WallTime,
    dirty: bool,
}

struct Worker {
    root: PathBuf,
    /// The id the root must carry.
    id: String,
    /// The root as it was when the newest file was made.
    handle: Option<Arc<OpenRoot>>,
    /// By run: while one run of a camera is drained, the next may have begun.
    open: HashMap<String, OpenFile>,
    /// Sealed and not synced yet, with their runs.
    sealed: Vec<(String, OpenFile)>,
    catalogue: Catalogue,
    news: OnNews,
    shared: Arc<Shared>,
}

/// What failed, and how.
struct Failure {
    fault: Fault,
    reason: String,
}

impl Failure {
    fn io(doing: &str, what: &str, e: &std::io::Error) -> Self {
        let remedy = match Fault::of(e) {
            Fault::Full => " (free space on this disk, or add another [[storage]])",
            Fault::ReadOnly => " (remount it read-write; a disk that turns read-only by itself is failing)",
            _ => " (check the disk's cable and health)",
        };
        Self { fault: Fault::of(e), reason: format!("{doing} {what}: {e}{remedy}") }
    }
}

impl Worker {
    fn work(mut self, inbox: &Receiver<Order>, sync_every: Duration) {
        let mut next_sync = Instant::now() + sync_every;
        loop {
            match inbox.recv_timeout(next_sync.saturating_duration_since(Instant::now())) {
                Ok(Order::Write { camera, run, command }) => {
                    self.shared.waiting.fetch_sub(command_bytes(&command), Ordering::Relaxed);
                    let shared = self.shared.clone();
                    if let Err(failure) = shared.watched(|| self.carry_out(&camera, &run, *command)) {
                        self.fail(camera, &run, failure);
                        self.abandon(&run);
                    }
                    if !self.sealed.is_empty() {
                        next_sync = next_sync.min(Instant::now() + SEAL_SYNC_PAUSE);
                    }
                }
                Ok(Order::Abandon { run }) => self.abandon(&run),
                Ok(Order::Sync(done)) => {
                    self.sync_all();
                    let _ = done.send(());
                }
                Ok(Order::Do(work, done)) => {
                    work();
                    let _ = done.send(());
                }
                Err(RecvTimeoutError::Timeout) => {}
                Ok(Order::Stop) | Err(RecvTimeoutError::Disconnected) => break,
            }
            if Instant::now() >= next_sync {
                self.sync_all();
                next_sync = Instant::now() + sync_every;
            }
        }
        self.sync_all();
    }

    fn fail(&self, camera: CameraId, run: &str, failure: Failure) {
        let mut runs = self.shared.runs();
        runs.open.remove(run);
        runs.failed.insert(run.to_owned(), failure.reason.clone());
        drop(runs);
        let Failure { fault, reason } = failure;
        (self.news)(DiskNews::Failed { camera, root: self.root.clone(), fault, reason });
    }

    /// Closes the file of a run that ended in trouble: what is whole of it is sealed and entered, where the disk allows it.
    fn abandon(&mut self, run: &str) {
        let Some(mut open) = self.open.remove(run) else { return };
        drop(open.file);
        let path = self.root.join(&open.row.path);
        let shared = self.shared.clone();
        match shared.watched(|| adopt(&path)) {
            Ok(Adopted::Sealed { seal, .. } | Adopted::WasSealed(_, seal)) => {
                open.row.to = seal.to;
                open.row.bytes = std::fs::metadata(&path).map_or(seal.bytes, |m| m.len());
                open.row.digest = Some(seal.digest);
                self.enter(&open.row);
            }
            Ok(Adopted::Empty(_)) => {}
            Err(e) => tracing::warn!("{e}; it is mended when the root comes back or the recorder starts"),
        }
    }

    fn carry_out(&mut self, camera: &CameraId, run: &str, command: WriteCommand) -> Result<(), Failure> {
        match command {
            WriteCommand::Create { identity, head } => {
                let (file, under, relative) = self.create(camera, &identity)?;
                let mut open = OpenFile {
                    file,
                    under,
                    row: row(camera, &identity, &self.root, &relative),
                    written_to: identity.from,
                    dirty: true,
                };
                let written = append(&mut open, &head, &self.root);
                self.open.insert(run.to_owned(), open);
                written?;
            }
            WriteCommand::Part { bytes, to, .. } => {
                // A part without a file belongs to a run whose file failed: that was told already.
                let Some(open) = self.open.get_mut(run) else { return Ok(()) };
                append(open, &bytes, &self.root)?;
                open.written_to = to;
                (self.news)(DiskNews::Written { camera: camera.clone(), to });
            }
            WriteCommand::Seal { bytes, seal } => {
                let Some(open) = self.open.get_mut(run) else { return Ok(()) };
                append(open, &bytes, &self.root)?;
                open.row.digest = Some(seal.digest);
                self.sealed.extend(self.open.remove_entry(run));
            }
        }
        Ok(())
    }

    /// Makes the file below the root that carries our id. An existing file is never written over: the next free name is taken.
    fn create(&mut self, camera: &CameraId, identity: &Identity) -> Result<(File, Arc<OpenRoot>, PathBuf), Failure> {
        let opened = root::open(&self.root, &self.id)
            .map_err(|e| Failure { fault: if e.is_gone() { Fault::Gone } else { Fault::Failing }, reason: e.to_string() })?;
        // The same folder as before keeps its handle, so that all its files are synced together.
        let under = match &self.handle {
            Some(handle) if handle.is_same(&opened) => handle.clone(),
            _ => Arc::new(opened),
        };
        self.handle = Some(under.clone());
        let mut attempt = 0;
        loop {
            let relative = name::relative(camera, identity.from, attempt);
            match under.create(&relative) {
                Ok(file) => return Ok((file, under, relative)),
                Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists && attempt < 100 => attempt += 1,
                Err(e) => return Err(Failure::io("make", &self.root.join(&relative).display().to_string(), &e)),
            }
        }
    }

    /// Syncs everything that has grown, then writes the rows and tells.
    fn sync_all(&mut self) {
        let dirty: Vec<String> = self.open.iter().filter(|(_, o)| o.dirty).map(|(run, _)| run.clone()).collect();
        let mut files: Vec<(String, OpenFile)> = std::mem::take(&mut self.sealed);
        files.extend(dirty.into_iter().filter_map(|run| self.open.remove_entry(&run)));
        if files.is_empty() {
            return;
        }
        let shared = self.shared.clone();
        let together = shared.watched(|| self.sync_as_a_whole(&files));
        for (run, mut open) in files {
            let synced = if together { Ok(()) } else { shared.watched(|| self.sync_file(&open)) };
            match synced {
                Ok(()) => self.told_durable(&mut open),
                Err(failure) => {
                    self.fail(open.row.camera.clone(), &run, failure);
                    continue;
                }
            }
            // A sealed file is closed by being dropped here.
            if open.row.digest.is_none() {
                self.open.insert(run, open);
            }
        }
    }

    /// One call for all files, where that does not sync other people's disks: true when it was made and succeeded.
    fn sync_as_a_whole(&self, files: &[(String, OpenFile)]) -> bool {
        let Some(handle) = self.handle.as_ref().filter(|h| files.len() >= SYNC_AS_A_WHOLE && h.has_disk_of_its_own()) else {
            return false;
        };
        if !files.iter().all(|(_, open)| Arc::ptr_eq(&open.under, handle)) {
            return false;
        }
        self.shared.syncs.fetch_add(1, Ordering::Relaxed);
        // Which file an error belongs to is found by syncing each.
        handle.sync_all().is_ok()
    }

    fn sync_file(&self, open: &OpenFile) -> Result<(), Failure> {
        self.shared.syncs.fetch_add(1, Ordering::Relaxed);
        open.file.sync_data().map_err(|e| Failure::io("sync", &format!("{}/{}", open.row.root, open.row.path), &e))
    }

    fn told_durable(&self, open: &mut OpenFile) {
        open.dirty = false;
        open.row.to = open.written_to;
        if open.row.to > open.row.from {
            self.enter(&open.row);
            (self.news)(DiskNews::Durable { camera: open.row.camera.clone(), to: open.written_to });
        }
    }

    fn enter(&self, row: &SegmentRow) {
        // The index can be made again from the files: a failing catalogue does not stop recording.
        if let Err(e) = self.catalogue.put_segment(row) {
            tracing::error!(camera = %row.camera, "{e}; the recording itself is safe, `jiancha doctor` tells more");
        }
    }
}

/// Appends with one `write`; a short write is finished, an error names file and sizes.
fn append(open: &mut OpenFile, bytes: &[u8], root: &Path) -> Result<(), Failure> {
    open.file.write_all(bytes).map_err(|e| {
        let doing = format!("write {} bytes to", bytes.len());
        Failure::io(&doing, &root.join(&open.row.path).display().to_string(), &e)
    })?;
    open.row.bytes += bytes.len() as u64;
    open.dirty = true;
    Ok(())
}

/// The catalogue row of a file, from what the file says of itself.
pub fn row(camera: &CameraId, identity: &Identity, root: &Path, relative: &Path) -> SegmentRow {
    SegmentRow {
        camera: camera.clone(),
        from: identity.from,
        to: identity.from,
        run: identity.run.clone(),
        number: identity.number,
        root: root.to_string_lossy().into_owned(),
        path: relative.to_string_lossy().into_owned(),
        bytes: 0,
        stamped: identity.stamped,
        codecs: identity.codecs.clone(),
        width: identity.width,
        height: identity.height,
        digest: None,
        restored: false,
        clock: identity.clock.as_ref().map(ClockMark::from),
    }
}
