//! Restore (恢复): recordings that are gone come back from the copy, proven by their digests, under their own names and marked.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use chrono::NaiveDate;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::BackupError;
use super::ask::{Ask, Books};
use super::copy::Traffic;
use super::notes::is_note;
use super::plan;
use super::records::CopyRow;
use super::source::{Source, Whole};
use super::target::{Listed, Target, TargetError, source_error};
use crate::catalogue::{SegmentRow, restored};
use crate::hall::CameraId;
use crate::segment::seal::hex;
use crate::segment::verify::file::begun;
use crate::segment::{disk, name, reader};
use crate::time::{Clock, MICROS_PER_SECOND, Span, WallTime};

/// Room that is left on a storage root for what is being recorded.
const SPARE_BYTES: u64 = 64 << 20;

/// What to restore.
#[derive(Clone, Debug)]
pub struct Wish {
    /// Whose recordings.
    pub camera: CameraId,
    /// Files that reach into this span.
    pub span: Span,
    /// Longest segment, in seconds.
    pub segment_seconds: u32,
    /// Also what was removed under the retention rule.
    pub include_removed: bool,
    /// Where to, for a camera that has no folder anywhere.
    pub root: Option<PathBuf>,
    /// Tell only.
    pub dry_run: bool,
}

/// One file that came back, or would.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Back {
    /// The file in full.
    pub file: String,
    /// The object it came from.
    pub object: String,
    /// Its length in bytes.
    pub bytes: u64,
}

/// A file that did not come back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// The object.
    pub object: String,
    /// Why.
    pub reason: String,
}

/// What a restore did, or would do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Restored {
    /// Files that came back.
    pub restored: Vec<Back>,
    /// Files that are there: nothing to do.
    pub present: u64,
    /// Files left out because they were removed under the retention rule.
    pub removed: u64,
    /// Bytes that came back.
    pub bytes: u64,
    /// Files that did not come back.
    pub failed: Vec<Failure>,
}

/// Restores to the storage roots of a hall.
pub struct Restore<'a> {
    /// Where from.
    pub target: &'a dyn Target,
    /// What is known.
    pub books: &'a dyn Books,
    /// Storage roots.
    pub roots: &'a [PathBuf],
    /// How fast.
    pub traffic: &'a mut Traffic,
    /// For the mark.
    pub clock: &'a dyn Clock,
}

impl Restore<'_> {
    /// Brings back what is gone. `planned` is told the bytes of all of it before the first one is fetched.
    ///
    /// # Errors
    /// [`BackupError`] when the target or the books cannot be read at all; a single file that fails is told in the answer.
    pub fn run(&mut self, wish: &Wish, planned: &mut dyn FnMut(u64)) -> Result<Restored, BackupError> {
        let mut told = Restored::default();
        let known: BTreeMap<String, CopyRow> =
            self.books.copies(&format!("{}/", wish.camera))?.into_iter().map(|row| (row.object.clone(), row)).collect();
        let rows: BTreeMap<String, SegmentRow> =
            self.books.segments(&wish.camera, reaching(wish))?.into_iter().map(|row| (row.path.clone(), row)).collect();
        let mut wanted = Vec::new();
        for date in dates(wish.span, wish.segment_seconds) {
            let listed = self.target.list(&format!("{}/{date}", wish.camera))?;
            let gone = !wish.include_removed && self.was_removed(&wish.camera, date, &listed);
            self.notes(wish, &listed, &known, &mut told)?;
            for (path, object) in newest(&listed, &known, |path| path.ends_with(".mp4")) {
                let inside = begun(Path::new(&path)).is_some_and(|t| reaching(wish).contains(t));
                if !inside {
                    continue;
                }
                if self.roots.iter().any(|root| root.join(&path).exists()) {
                    told.present += 1;
                } else if gone {
                    told.removed += 1;
                } else {
                    wanted.push((path, object));
                }
            }
        }
        planned(wanted.iter().map(|(_, o)| o.bytes).sum());
        for (path, object) in wanted {
            match self.one(wish, &path, &object, known.get(&object.name), rows.get(&path)) {
                Ok(back) => {
                    told.bytes += back.bytes;
                    told.restored.push(back);
                }
                Err(BackupError::Target(e)) if e.fault.is_passing() => return Err(e.into()),
                Err(e) => told.failed.push(Failure { object: object.name, reason: e.to_string() }),
            }
        }
        Ok(told)
    }

    /// True when retention removed the day, as its note tells here or on the target.
    fn was_removed(&self, camera: &CameraId, date: NaiveDate, listed: &[Listed]) -> bool {
        let note = format!("{camera}/{date}/removed.json");
        listed.iter().any(|o| plan::original_path(&o.name) == note) || self.roots.iter().any(|root| root.join(&note).exists())
    }

    /// Brings back the notes of a day that are gone.
    fn notes(
        &mut self,
        wish: &Wish,
        listed: &[Listed],
        known: &BTreeMap<String, CopyRow>,
        told: &mut Restored,
    ) -> Result<(), BackupError> {
        let wanted = |path: &str| path.rsplit('/').next().is_some_and(|n| is_note(n) && n != restored::NAME);
        for (path, object) in newest(listed, known, wanted) {
            if wish.dry_run || self.roots.iter().any(|root| root.join(&path).exists()) {
                continue;
            }
            let root = self.root_for(wish, &path, object.bytes, None)?;
            let fetched = fetch(self.target, &object.name, &root.join(&path), self.traffic)?;
            match known.get(&object.name) {
                Some(row) if row.digest != fetched.whole.digest => {
                    let reason = format!("recorded as {}, the copy gives {}", row.digest, fetched.whole.digest);
                    told.failed.push(Failure { object: object.name, reason });
                }
                _ => fetched.keep(&root.join(&path), None)?,
            }
        }
        Ok(())
    }

    fn one(
        &mut self,
        wish: &Wish,
        path: &str,
        object: &Listed,
        known: Option<&CopyRow>,
        row: Option<&SegmentRow>,
    ) -> Result<Back, BackupError> {
        let root = self.root_for(wish, path, object.bytes, row)?;
        let file = root.join(path);
        let back = Back { file: file.display().to_string(), object: object.name.clone(), bytes: object.bytes };
        if wish.dry_run {
            return Ok(back);
        }
        let fetched = fetch(self.target, &object.name, &file, self.traffic)?;
        let row = fetched.judge(&root, path, known)?;
        fetched.come_back(&root, &row, None, self.target, self.clock.wall())?;
        self.books.ask(Ask::Restored { row: Box::new(row) })?;
        Ok(back)
    }

    /// The storage root a file goes back to: its own, else where its camera's recordings lie.
    fn root_for(&self, wish: &Wish, path: &str, bytes: u64, row: Option<&SegmentRow>) -> Result<PathBuf, BackupError> {
        let there = |below: &Path| self.roots.iter().find(|root| root.join(below).is_dir());
        let day = restored::day_folder(Path::new(path)).unwrap_or_default();
        let own = row.and_then(|row| there(Path::new("")).and(self.roots.iter().find(|r| r.to_string_lossy() == row.root)));
        let camera = Path::new(wish.camera.as_str());
        // A disk that is not mounted leaves a folder without recordings: it must not be filled.
        let own = own.filter(|root| root.join(camera).is_dir());
        let root = own.or_else(|| there(&day)).or_else(|| there(camera)).or(wish.root.as_ref());
        let Some(root) = root else {
            return Err(BackupError::Other(format!(
                "no storage root has a folder of camera {}: mount its disk, or name a root with --root",
                wish.camera
            )));
        };
        let free =
            fs2::available_space(root).map_err(|source| BackupError::Io { what: "look at", path: root.clone(), source })?;
        if free < bytes + SPARE_BYTES {
            return Err(BackupError::Other(format!(
                "{} has {free} bytes left, {bytes} are needed and {SPARE_BYTES} kept free: give it more room",
                root.display()
            )));
        }
        Ok(root.clone())
    }
}

/// Begins of the files that reach into the wish.
fn reaching(wish: &Wish) -> Span {
    let reach = (i64::from(wish.segment_seconds) + 60) * MICROS_PER_SECOND;
    Span::new(wish.span.from.plus_micros(-reach).floor_second(), wish.span.to)
}

/// The Beijing dates on which such files begin.
fn dates(span: Span, segment_seconds: u32) -> BTreeSet<NaiveDate> {
    let reach = (i64::from(segment_seconds) + 60) * MICROS_PER_SECOND;
    let first = span.from.plus_micros(-reach).beijing().date_naive();
    let last = span.to.plus_micros(-1).beijing().date_naive();
    first.iter_days().take_while(|d| *d <= last).collect()
}

/// For each path the object to take: of several versions the one copied last, else the one under the path's own name.
fn newest<'a>(
    listed: &'a [Listed],
    known: &BTreeMap<String, CopyRow>,
    wanted: impl Fn(&str) -> bool,
) -> BTreeMap<String, Listed> {
    let mut chosen: BTreeMap<String, &'a Listed> = BTreeMap::new();
    let rank = |object: &Listed, path: &str| (known.get(&object.name).map(|row| row.copied_at), object.name == path);
    for object in listed {
        let path = plan::original_path(&object.name);
        if !wanted(&path) {
            continue;
        }
        match chosen.get(&path) {
            Some(other) if rank(other, &path) >= rank(object, &path) => {}
            _ => {
                chosen.insert(path, object);
            }
        }
    }
    chosen.into_iter().map(|(path, object)| (path, object.clone())).collect()
}

/// A copy that was fetched beside its place and not yet judged. It goes away again unless kept.
pub(super) struct Fetched {
    waiting: PathBuf,
    /// What came.
    pub(super) whole: Whole,
}

/// Fetches `object` to a name beside `file`.
pub(super) fn fetch(target: &dyn Target, object: &str, file: &Path, traffic: &mut Traffic) -> Result<Fetched, BackupError> {
    let io = |path: &Path, source| BackupError::Io { what: "write", path: path.to_owned(), source };
    let (Some(folder), Some(own)) = (file.parent(), file.file_name()) else {
        return Err(BackupError::Other(format!("{} is no file's name", file.display())));
    };
    fs::create_dir_all(folder).map_err(|e| io(folder, e))?;
    let waiting = folder.join(format!(".{}.restore", own.to_string_lossy()));
    let mut fetched = Fetched { waiting, whole: Whole { digest: String::new(), bytes: 0 } };
    let mut out = File::create(&fetched.waiting).map_err(|e| io(&fetched.waiting, e))?;
    let mut hasher = Sha256::new();
    let mut failed: Option<io::Error> = None;
    let read = target.read(object, &mut |block| {
        traffic.downward(block.len() as u64).map_err(|e| source_error(&target.name(), object, &e))?;
        hasher.update(block);
        fetched.whole.bytes += block.len() as u64;
        out.write_all(block).map_err(|e| {
            let told = TargetError { detail: e.to_string(), ..source_error(&target.name(), object, &e) };
            failed = Some(e);
            told
        })
    });
    if let Some(e) = failed {
        return Err(io(&fetched.waiting, e));
    }
    read?;
    out.sync_all().map_err(|e| io(&fetched.waiting, e))?;
    fetched.whole.digest = hex(&hasher.finalize());
    Ok(fetched)
}

impl Fetched {
    /// The row of what was fetched, when it is a sealed segment that belongs at `path` and is what was copied.
    pub(super) fn judge(&self, root: &Path, path: &str, known: Option<&CopyRow>) -> Result<SegmentRow, BackupError> {
        let refuse = |reason: String| Err(BackupError::Other(format!("the copy of {path} is damaged: {reason}")));
        if let Some(row) = known
            && row.digest != self.whole.digest
        {
            return refuse(format!("recorded as {}, its bytes give {}", row.digest, self.whole.digest));
        }
        let index = match reader::index(&self.waiting) {
            Ok(index) => index,
            Err(e) => return refuse(e.to_string()),
        };
        let Some(seal) = index.seal else { return refuse("it has no seal".into()) };
        if let Err(e) = Source::segment(&self.waiting, &seal.digest, &mut |_| Ok(())).and_then(Source::hash) {
            return refuse(e.to_string());
        }
        let camera = CameraId::new(&index.identity.camera);
        let place = name::relative(&camera, index.identity.from, 0);
        let stem = place.with_extension("").to_string_lossy().into_owned();
        if !path.starts_with(&stem) {
            return refuse(format!("it is {camera} of {}: its place is {}", index.identity.from, place.display()));
        }
        let mut row = disk::row(&camera, &index.identity, root, Path::new(path));
        row.to = seal.to;
        row.bytes = self.whole.bytes;
        row.digest = Some(seal.digest);
        row.restored = true;
        Ok(row)
    }

    /// Marks it in the note of its day and gives it its name. The note comes first: a kill in between leaves no file that came
    /// back unmarked.
    pub(super) fn come_back(
        &self,
        root: &Path,
        row: &SegmentRow,
        aside: Option<&Path>,
        target: &dyn Target,
        now: WallTime,
    ) -> Result<(), BackupError> {
        let note = restored::RestoredFile {
            path: row.path.clone(),
            from: row.from,
            to: row.to,
            bytes: self.whole.bytes,
            digest: self.whole.digest.clone(),
            restored_at: now,
            source: target.name(),
        };
        restored::add(root, note).map_err(|source| BackupError::Io {
            what: "write the note of",
            path: root.join(&row.path),
            source,
        })?;
        self.keep(&root.join(&row.path), aside)
    }

    /// Gives it its name. What stands there is given the name `aside`; without one, nothing may stand there.
    pub(super) fn keep(&self, file: &Path, aside: Option<&Path>) -> Result<(), BackupError> {
        let io = |what, source| BackupError::Io { what, path: file.to_owned(), source };
        match aside {
            Some(aside) => fs::rename(file, aside).map_err(|e| io("set aside", e))?,
            None if file.exists() => return Err(io("replace", io::Error::from(io::ErrorKind::AlreadyExists))),
            None => {}
        }
        fs::rename(&self.waiting, file).map_err(|e| io("name", e))?;
        let mut folder = file.parent();
        // The folders above may be new, too: camera, day and hour.
        for _ in 0..4 {
            let Some(here) = folder else { break };
            File::open(here).and_then(|f| f.sync_all()).map_err(|e| io("sync the folder of", e))?;
            folder = here.parent();
        }
        Ok(())
    }
}

impl Drop for Fetched {
    fn drop(&mut self) {
        // Gone already when it was kept.
        let _ = fs::remove_file(&self.waiting);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_asks_for_the_files_that_reach_into_it() {
        let at = |t| WallTime::parse_rfc3339(t).unwrap();
        let days = |from, to| dates(Span::new(at(from), at(to)), 60).iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(days("2026-11-22T09:00:00+08:00", "2026-11-22T10:00:00+08:00"), ["2026-11-22"]);
        assert_eq!(days("2026-11-22T00:00:30+08:00", "2026-11-23T00:00:00+08:00"), ["2026-11-21", "2026-11-22"]);
    }

    #[test]
    fn of_several_versions_the_one_copied_last_is_taken() {
        let object = |name: &str| Listed { name: name.into(), bytes: 1 };
        let listed = [object("C1/2026-11-22/manifest.json"), object("C1/2026-11-22/manifest@01234567.json")];
        let take =
            |known: &BTreeMap<String, CopyRow>| newest(&listed, known, |_| true)["C1/2026-11-22/manifest.json"].name.clone();
        assert_eq!(take(&BTreeMap::new()), "C1/2026-11-22/manifest.json");
        let row = |object: &str, second| CopyRow {
            object: object.into(),
            target: String::new(),
            content: String::new(),
            digest: String::new(),
            bytes: 1,
            copied_at: WallTime::from_micros(second),
            proven_at: None,
        };
        let known = listed.iter().zip([5, 9]).map(|(o, t)| (o.name.clone(), row(&o.name, t))).collect();
        assert_eq!(take(&known), "C1/2026-11-22/manifest@01234567.json");
    }
}
