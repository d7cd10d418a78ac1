//! The disk's edge: one thread per storage root writes parts, syncs them on the sync interval and tells what is durable.
//!
//! Each part is one `write`; the folder is synced when a file is made. What waits for a slow disk is bounded in bytes; a camera whose
//! part finds no room has its run ended with cause `disk`, and the others are not touched. A catalogue row is written only after
//! the bytes it speaks of are synced.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::identity::Identity;
use super::name;
use super::writer::WriteCommand;
use crate::catalogue::{Catalogue, SegmentRow};
use crate::hall::CameraId;
use crate::time::WallTime;

/// Most bytes that may wait for one storage root: about three seconds of 32 cameras at 50 Mbit/s in all, times four.
const MOST_WAITING_BYTES: u64 = 96 * 1024 * 1024;

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
        /// What was attempted, where, and what the system said.
        reason: String,
    },
}

/// Where news goes. Called on the disk's thread: must not block.
pub type OnNews = Arc<dyn Fn(DiskNews) + Send + Sync>;

enum Order {
    Write { camera: CameraId, run: String, command: Box<WriteCommand> },
    Sync(Sender<()>),
    Stop,
}

/// The writer of one storage root.
pub struct Disk {
    orders: Sender<Order>,
    waiting: Arc<AtomicU64>,
    failed: Failed,
    root: PathBuf,
    thread: Option<std::thread::JoinHandle<()>>,
}

/// Runs whose file failed, by camera: the run and what the system said.
type Failed = Arc<Mutex<HashMap<CameraId, (String, String)>>>;

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
}

impl Disk {
    /// Starts the writer of `root`.
    ///
    /// # Errors
    /// The system's error when no thread can be made.
    pub fn start(root: PathBuf, sync_every: Duration, catalogue: Catalogue, news: OnNews) -> std::io::Result<Self> {
        let (orders, inbox) = channel();
        let waiting = Arc::new(AtomicU64::new(0));
        let failed = Failed::default();
        let worker = Worker {
            root: root.clone(),
            open: HashMap::new(),
            catalogue,
            news,
            waiting: waiting.clone(),
            failed: failed.clone(),
        };
        let thread = std::thread::Builder::new()
            .name(format!("disk {}", root.display()))
            .spawn(move || worker.work(&inbox, sync_every))?;
        Ok(Self { orders, waiting, failed, root, thread: Some(thread) })
    }

    /// The storage root.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Hands over a write of the run `run`. Never blocks.
    ///
    /// # Errors
    /// [`DiskError`] when too much waits already or the run's file has failed; the command is not taken.
    pub fn write(&self, camera: &CameraId, run: &str, command: WriteCommand) -> Result<(), DiskError> {
        if let Some((_, reason)) = lock(&self.failed).get(camera).filter(|(failed, _)| failed == run) {
            return Err(DiskError::Failed(reason.clone()));
        }
        let bytes = command_bytes(&command);
        let waiting = self.waiting.load(Ordering::Relaxed);
        // A seal is small and ends the matter: it always has room.
        if waiting + bytes > MOST_WAITING_BYTES && !matches!(command, WriteCommand::Seal { .. }) {
            return Err(DiskError::Lagging { root: self.root.display().to_string(), waiting });
        }
        self.waiting.fetch_add(bytes, Ordering::Relaxed);
        // The worker lives as long as we do.
        let _ = self.orders.send(Order::Write { camera: camera.clone(), run: run.to_owned(), command: Box::new(command) });
        Ok(())
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
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn lock(failed: &Failed) -> MutexGuard<'_, HashMap<CameraId, (String, String)>> {
    failed.lock().unwrap_or_else(PoisonError::into_inner)
}

fn command_bytes(command: &WriteCommand) -> u64 {
    match command {
        WriteCommand::Create { head, .. } => head.len() as u64,
        WriteCommand::Part { bytes, .. } | WriteCommand::Seal { bytes, .. } => bytes.len() as u64,
    }
}

struct OpenFile {
    file: File,
    row: SegmentRow,
    /// Reaches this far when synced.
    written_to: WallTime,
    dirty: bool,
}

struct Worker {
    root: PathBuf,
    /// By run: while one run of a camera is drained, the next may have begun.
    open: HashMap<String, OpenFile>,
    catalogue: Catalogue,
    news: OnNews,
    waiting: Arc<AtomicU64>,
    failed: Failed,
}

impl Worker {
    fn work(mut self, inbox: &Receiver<Order>, sync_every: Duration) {
        let mut next_sync = Instant::now() + sync_every;
        loop {
            match inbox.recv_timeout(next_sync.saturating_duration_since(Instant::now())) {
                Ok(Order::Write { camera, run, command }) => {
                    self.waiting.fetch_sub(command_bytes(&command), Ordering::Relaxed);
                    if let Err(reason) = self.carry_out(&camera, &run, *command) {
                        self.open.remove(&run);
                        self.fail(camera, run, reason);
                    }
                }
                Ok(Order::Sync(done)) => {
                    self.sync_all();
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

    fn fail(&self, camera: CameraId, run: String, reason: String) {
        lock(&self.failed).insert(camera.clone(), (run, reason.clone()));
        (self.news)(DiskNews::Failed { camera, reason });
    }

    fn carry_out(&mut self, camera: &CameraId, run: &str, command: WriteCommand) -> Result<(), String> {
        match command {
            WriteCommand::Create { identity, head } => {
                let (file, relative) = self.create(camera, &identity)?;
                let mut open = OpenFile {
                    file,
                    row: row(camera, &identity, &self.root, &relative),
                    written_to: identity.from,
                    dirty: true,
                };
                append(&mut open, &head, &self.root)?;
                self.open.insert(run.to_owned(), open);
            }
            WriteCommand::Part { bytes, to, .. } => {
                // A part without a file belongs to a run whose file failed: that was told already.
                let Some(open) = self.open.get_mut(run) else { return Ok(()) };
                append(open, &bytes, &self.root)?;
                open.written_to = to;
                (self.news)(DiskNews::Written { camera: camera.clone(), to });
            }
            WriteCommand::Seal { bytes, seal } => {
                let Some(mut open) = self.open.remove(run) else { return Ok(()) };
                append(&mut open, &bytes, &self.root)?;
                open.row.digest = Some(seal.digest);
                self.sync(camera, &mut open)?;
            }
        }
        Ok(())
    }

    /// Makes the file. An existing one is never written over: the next free name is taken.
    fn create(&self, camera: &CameraId, identity: &Identity) -> Result<(File, PathBuf), String> {
        let mut attempt = 0;
        loop {
            let relative = name::relative(camera, identity.from, attempt);
            let path = self.root.join(&relative);
            let folder = path.parent().unwrap_or(&self.root);
            let fail = |what: &str, e: &std::io::Error| format!("{what} {}: {e}", path.display());
            if !folder.exists() {
                std::fs::create_dir_all(folder).map_err(|e| fail("make the folder of", &e))?;
                for ancestor in folder.ancestors().take_while(|a| a.starts_with(&self.root)) {
                    sync_folder(ancestor).map_err(|e| fail("sync the folder of", &e))?;
                }
            }
            match OpenOptions::new().create_new(true).append(true).open(&path) {
                Ok(file) => {
                    sync_folder(folder).map_err(|e| fail("sync the folder of", &e))?;
                    return Ok((file, relative));
                }
                Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists && attempt < 100 => attempt += 1,
                Err(e) => return Err(fail("make", &e)),
            }
        }
    }

    fn sync_all(&mut self) {
        let runs: Vec<String> = self.open.iter().filter(|(_, o)| o.dirty).map(|(run, _)| run.clone()).collect();
        for run in runs {
            let Some(mut open) = self.open.remove(&run) else { continue };
            let camera = open.row.camera.clone();
            match self.sync(&camera, &mut open) {
                Ok(()) => {
                    self.open.insert(run, open);
                }
                Err(reason) => self.fail(camera, run, reason),
            }
        }
    }

    /// Syncs one file, then writes its row and tells.
    fn sync(&self, camera: &CameraId, open: &mut OpenFile) -> Result<(), String> {
        open.file.sync_data().map_err(|e| format!("sync {}/{}: {e}", open.row.root, open.row.path))?;
        open.dirty = false;
        open.row.to = open.written_to;
        if open.row.to > open.row.from {
            // The index can be made again from the files: a failing catalogue does not stop recording.
            if let Err(e) = self.catalogue.put_segment(&open.row) {
                tracing::error!(%camera, "{e}; the recording itself is safe, `jiancha doctor` tells more");
            }
            (self.news)(DiskNews::Durable { camera: camera.clone(), to: open.written_to });
        }
        Ok(())
    }
}

/// Appends with one `write`; a short write is finished, an error names file and sizes.
fn append(open: &mut OpenFile, bytes: &[u8], root: &Path) -> Result<(), String> {
    open.file.write_all(bytes).map_err(|e| {
        format!("write {} bytes to {}/{}: {e} (free space on this disk or mend it)", bytes.len(), root.display(), open.row.path)
    })?;
    open.row.bytes += bytes.len() as u64;
    open.dirty = true;
    Ok(())
}

fn sync_folder(folder: &Path) -> std::io::Result<()> {
    File::open(folder)?.sync_all()
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
    }
}
