//! One file: copied, read back from the target, and only then entered as proven.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::BackupError;
use super::plan::{self, Pace};
use super::records::{Copies, CopyRow};
use super::source::{Source, Whole};
use super::target::{Fault, Stop, Target, TargetError, stop_reading};
use crate::catalogue::SegmentRow;
use crate::hall::{BackupSettings, QuietHours};
use crate::segment::seal::hex;
use crate::time::{Clock, WallTime};

/// A file that should have a copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Storage root.
    pub root: PathBuf,
    /// Path below it.
    pub path: String,
    /// Digest in the seal; `None` for a note of a day.
    pub sealed: Option<String>,
    /// Capture time of the first picture; when the note was found.
    pub from: WallTime,
    /// Its length as the catalogue knows it.
    pub bytes: u64,
}

impl Item {
    /// The item of a sealed segment; `None` while it is open.
    pub fn of(row: &SegmentRow) -> Option<Self> {
        let sealed = Some(row.digest.clone()?);
        Some(Self { root: PathBuf::from(&row.root), path: row.path.clone(), sealed, from: row.from, bytes: row.bytes })
    }

    fn file(&self) -> PathBuf {
        self.root.join(&self.path)
    }

    fn open<'a>(&self, gate: super::source::Gate<'a>) -> io::Result<Source<'a>> {
        match &self.sealed {
            Some(digest) => Source::segment(&self.file(), digest, gate),
            None => Source::note(&self.file(), gate),
        }
    }
}

/// How an item came to be proven.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Done {
    /// It was proven before.
    Was(CopyRow),
    /// The copy stood on the target; reading it back proved it.
    Found(CopyRow),
    /// It was copied and proven.
    Copied(CopyRow),
}

impl Done {
    /// The proven copy.
    pub fn row(&self) -> &CopyRow {
        match self {
            Self::Was(row) | Self::Found(row) | Self::Copied(row) => row,
        }
    }
}

/// Holds the bytes that go to and come from the target to the rate and the hours that are allowed.
pub struct Traffic {
    clock: Arc<dyn Clock>,
    stop: Stop,
    up: Option<Pace>,
    down: Option<Pace>,
    quiet: Vec<QuietHours>,
    on_bytes: Option<Box<dyn FnMut(u64) + Send>>,
}

impl Traffic {
    /// Traffic as `settings` allow it; each direction has the bandwidth to itself.
    pub fn new(settings: &BackupSettings, clock: Arc<dyn Clock>, stop: Stop) -> Self {
        let pace = settings.bandwidth_mbit.map(Pace::new);
        Self { clock, stop, up: pace, down: pace, quiet: settings.quiet_hours.clone(), on_bytes: None }
    }

    /// Another rate than that of hall.toml, in megabits a second.
    pub fn limit(&mut self, mbit: u32) {
        (self.up, self.down) = (Some(Pace::new(mbit)), Some(Pace::new(mbit)));
    }

    /// Pays no heed to quiet hours: somebody asked for the work by hand.
    pub fn ignore_quiet_hours(&mut self) {
        self.quiet.clear();
    }

    /// Tells every byte, for a progress bar.
    pub fn on_bytes(&mut self, told: impl FnMut(u64) + Send + 'static) {
        self.on_bytes = Some(Box::new(told));
    }

    /// Until when nothing may be copied.
    pub fn quiet_until(&self, now: WallTime) -> Option<WallTime> {
        plan::quiet_until(&self.quiet, now)
    }

    fn pass(&mut self, bytes: u64, upward: bool) -> io::Result<()> {
        if let Some(told) = &mut self.on_bytes {
            told(bytes);
        }
        let pace = if upward { &mut self.up } else { &mut self.down };
        let wait = pace.as_mut().map(|p| p.take(self.clock.monotonic(), bytes)).unwrap_or_default();
        if self.stop.wait(wait) {
            return Err(stop_reading(Fault::Stopped, "asked to stop"));
        }
        match self.quiet_until(self.clock.wall()) {
            Some(until) => Err(stop_reading(Fault::Quiet, format!("nothing is copied until {until}"))),
            None => Ok(()),
        }
    }

    /// Lets `bytes` go to the target.
    ///
    /// # Errors
    /// One that carries [`Fault::Stopped`] or [`Fault::Quiet`].
    pub fn upward(&mut self, bytes: u64) -> io::Result<()> {
        self.pass(bytes, true)
    }

    /// Lets `bytes` come from the target.
    ///
    /// # Errors
    /// As [`Traffic::upward`].
    pub fn downward(&mut self, bytes: u64) -> io::Result<()> {
        self.pass(bytes, false)
    }
}

/// Digest and length of an object, read from the target's medium.
///
/// # Errors
/// [`TargetError`] of the target, or that the traffic had to end.
pub fn read_back(target: &dyn Target, object: &str, traffic: &mut Traffic) -> Result<Whole, TargetError> {
    let mut hasher = Sha256::new();
    let mut bytes = 0;
    target.read(object, &mut |block| {
        hasher.update(block);
        bytes += block.len() as u64;
        let passed = traffic.downward(block.len() as u64);
        passed.map_err(|e| super::target::source_error(&target.name(), object, &e))
    })?;
    Ok(Whole { digest: hex(&hasher.finalize()), bytes })
}

/// Writes `item` to the target under `name`; tells what was written. It counts only once it was read back.
///
/// # Errors
/// [`TargetError`]; with [`Fault::Source`] when the recording is not what was sealed. Nothing was written then.
pub fn upload(target: &dyn Target, item: &Item, name: &str, traffic: &mut Traffic) -> Result<Whole, TargetError> {
    let mut gate = |bytes| traffic.upward(bytes);
    let opened = item.open(&mut gate);
    let mut source = opened.map_err(|e| super::target::source_error(&target.name(), &item.path, &e))?;
    target.put(name, &mut source)?;
    Ok(source.whole())
}

/// The error when an object is not what was written.
pub(super) fn not_as_written(target: &dyn Target, name: &str, written: &Whole) -> TargetError {
    TargetError {
        target: target.name(),
        object: name.to_owned(),
        fault: Fault::NotAsWritten,
        detail: format!("written: {} bytes with digest {}", written.bytes, written.digest),
    }
}

/// Copies single items to one target.
pub struct Mover<'a> {
    /// Where to.
    pub target: &'a dyn Target,
    /// Id of the target.
    pub id: &'a str,
    /// What is known.
    pub copies: &'a Copies,
    /// How fast and when.
    pub traffic: &'a mut Traffic,
    /// For the rows.
    pub clock: &'a dyn Clock,
}

impl Mover<'_> {
    fn fail(&self, item: &Item, e: &io::Error) -> TargetError {
        super::target::source_error(&self.target.name(), &item.path, e)
    }

    /// Brings `item` to the target unless it is there, and proves it. An object that stands is never overwritten, except one of
    /// ours that was not proven: what differs goes under another name.
    ///
    /// # Errors
    /// [`BackupError::Target`] with [`Fault::Source`] when the recording is not what was sealed, and with the target's own faults;
    /// nothing counts as proven then.
    pub fn bring(&mut self, item: &Item) -> Result<Done, BackupError> {
        let content = match &item.sealed {
            Some(digest) => digest.clone(),
            None => self.hash(item)?.digest,
        };
        if let Some(row) = self.copies.find(self.id, &item.path, &content)? {
            if row.proven_at.is_some() {
                return Ok(Done::Was(row));
            }
            // Copied and never read back: a kill came between, or what was read back was not the same.
            match self.prove(row.clone()) {
                Ok(Some(row)) => return Ok(Done::Found(row)),
                Ok(None) => {}
                Err(BackupError::Target(e)) if e.fault == Fault::Missing => {}
                Err(e) => return Err(e),
            }
            return self.put(item, &content, row.object);
        }
        let mut name = item.path.clone();
        if self.copies.get(&name)?.is_some_and(|row| row.target == self.id) {
            name = plan::other_name(&item.path, &content);
        } else if self.target.head(&name)?.is_some() {
            // The catalogue knows nothing of it: it was lost, or a kill came between copy and row.
            if let Some(row) = self.adopt(item, &content, &name)? {
                return Ok(Done::Found(row));
            }
            name = plan::other_name(&item.path, &content);
        }
        if name != item.path
            && self.target.head(&name)?.is_some()
            && let Some(row) = self.adopt(item, &content, &name)?
        {
            return Ok(Done::Found(row));
        }
        self.put(item, &content, name)
    }

    fn hash(&mut self, item: &Item) -> Result<Whole, TargetError> {
        let hashed = item.open(&mut |_| Ok(())).and_then(Source::hash);
        hashed.map_err(|e| self.fail(item, &e))
    }

    /// The row of an object that stands already, when it is the very same.
    fn adopt(&mut self, item: &Item, content: &str, name: &str) -> Result<Option<CopyRow>, BackupError> {
        let there = read_back(self.target, name, self.traffic)?;
        if self.hash(item)? != there {
            return Ok(None);
        }
        let now = self.clock.wall();
        let row = self.row(name, content, &there, now, Some(now));
        self.copies.put(&row)?;
        Ok(Some(row))
    }

    fn row(&self, object: &str, content: &str, whole: &Whole, copied_at: WallTime, proven_at: Option<WallTime>) -> CopyRow {
        CopyRow {
            object: object.to_owned(),
            target: self.id.to_owned(),
            content: content.to_owned(),
            digest: whole.digest.clone(),
            bytes: whole.bytes,
            copied_at,
            proven_at,
        }
    }

    fn put(&mut self, item: &Item, content: &str, name: String) -> Result<Done, BackupError> {
        let whole = upload(self.target, item, &name, self.traffic)?;
        let row = self.row(&name, content, &whole, self.clock.wall(), None);
        self.copies.put(&row)?;
        match self.prove(row)? {
            Some(row) => Ok(Done::Copied(row)),
            None => Err(not_as_written(self.target, &name, &whole).into()),
        }
    }

    /// Reads a copy back; `None` when it is not what the row says.
    ///
    /// # Errors
    /// The target's, or the catalogue's.
    pub fn prove(&mut self, row: CopyRow) -> Result<Option<CopyRow>, BackupError> {
        let there = read_back(self.target, &row.object, self.traffic)?;
        if there.digest != row.digest || there.bytes != row.bytes {
            return Ok(None);
        }
        let row = CopyRow { proven_at: Some(self.clock.wall()), ..row };
        self.copies.put(&row)?;
        Ok(Some(row))
    }
}

/// True when two folders lie on one disk: a copy there dies with the original.
pub fn on_one_disk(a: &Path, b: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    match (std::fs::metadata(a), std::fs::metadata(b)) {
        (Ok(a), Ok(b)) => a.dev() == b.dev(),
        _ => false,
    }
}
