//! The table of segments made again from the files alone. The ledger and the other tables stay as they are.
//!
//! Rows are put first and left-over rows taken out last: a rebuild that is cut off leaves no recording unknown that was known.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::{Catalogue, SegmentRow, StoreError, keys, restored};
use crate::hall::CameraId;
use crate::segment::adopt::{Adopted, adopt, files_of};
use crate::segment::identity::{Identity, Seal};
use crate::segment::reader::{self, ReadError};
use crate::segment::verify::camera_folders;
use crate::segment::{disk, name};
use crate::time::WallTime;

/// How to rebuild.
#[derive(Clone, Copy, Debug, Default)]
pub struct How {
    /// Change nothing, neither files nor catalogue: tell only.
    pub dry_run: bool,
    /// Take out the rows of storage roots that hold no segment at all, too.
    pub forget_empty_roots: bool,
}

/// A file that got no row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LeftAlone {
    /// The file in full.
    pub file: String,
    /// Why.
    pub reason: String,
}

/// What a rebuild did, or would do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Rebuilt {
    /// Segment files seen.
    pub segments: u64,
    /// Files that were open and are sealed now.
    pub mended: u64,
    /// Rows that were not there.
    pub added: u64,
    /// Rows that told something else.
    pub changed: u64,
    /// Rows that stood as they are.
    pub same: u64,
    /// Rows whose file is gone, taken out.
    pub removed: u64,
    /// Rows kept although their file is not there: their storage root is not configured, or shows no segment at all.
    pub kept: u64,
    /// Files that got no row, and why.
    pub left_alone: Vec<LeftAlone>,
}

/// Why the catalogue cannot be rebuilt.
#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    /// A storage root cannot be listed; its rows would be lost.
    #[error(
        "list {path}: {source} (mount the disk, or take the root out of hall.toml; nothing was taken out of the catalogue)"
    )]
    Root {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The catalogue refuses.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes the rows of all segments under `roots` again. `on_file` is told of each file seen. Without a catalogue, which only a dry
/// run may do, every row counts as added. Nobody may be recording meanwhile.
///
/// # Errors
/// [`RebuildError`]; rows put until then are right.
pub fn rebuild(
    catalogue: Option<&Catalogue>,
    roots: &[PathBuf],
    how: How,
    on_file: &mut dyn FnMut(),
) -> Result<Rebuilt, RebuildError> {
    let mut run =
        Rebuild { catalogue, how, told: Rebuilt::default(), seen: HashMap::new(), full_roots: HashSet::new(), came_back: None };
    for root in roots {
        let fail = |source| RebuildError::Root { path: root.clone(), source };
        for camera in camera_folders(root).map_err(fail)? {
            for file in files_of(root, &camera).map_err(fail)? {
                run.take(root, &file)?;
                on_file();
            }
        }
    }
    run.sweep()?;
    if let (Some(catalogue), false) = (catalogue, how.dry_run) {
        catalogue.flush()?;
    }
    Ok(run.told)
}

struct Rebuild<'a> {
    catalogue: Option<&'a Catalogue>,
    how: How,
    told: Rebuilt,
    /// Camera and start, in microseconds, of the rows that stand for a file: three million take some 40 MB.
    seen: HashMap<CameraId, HashSet<i64>>,
    /// Roots under which a segment was found.
    full_roots: HashSet<String>,
    /// The camera-day read last, and its files that came back from the backup.
    came_back: Option<(PathBuf, HashSet<String>)>,
}

impl Rebuild<'_> {
    fn take(&mut self, root: &Path, file: &Path) -> Result<(), StoreError> {
        self.told.segments += 1;
        self.full_roots.insert(root.to_string_lossy().into_owned());
        let relative = file.strip_prefix(root).unwrap_or(file);
        match self.read(root, relative, file) {
            Ok(Some(mut row)) => {
                row.restored = self.is_restored(root, relative);
                self.enter(&row, file)
            }
            Ok(None) => {
                self.leave(file, "it holds no whole part: what a kill left before the first picture; it may be deleted");
                Ok(())
            }
            Err(e) => {
                self.leave(file, &e.to_string());
                Ok(())
            }
        }
    }

    /// What the note beside the file says; a note that cannot be read says nothing.
    fn is_restored(&mut self, root: &Path, relative: &Path) -> bool {
        let Some(day) = restored::day_folder(relative).map(|day| root.join(day)) else { return false };
        if self.came_back.as_ref().is_none_or(|(known, _)| *known != day) {
            let note = restored::read(root, relative).unwrap_or_else(|e| {
                tracing::warn!("read {}: {e}; its files are not marked as restored", day.join(restored::NAME).display());
                restored::RestoredNote::default()
            });
            self.came_back = Some((day, note.files.into_iter().map(|f| f.path).collect()));
        }
        self.came_back.as_ref().is_some_and(|(_, files)| files.contains(relative.to_string_lossy().as_ref()))
    }

    fn leave(&mut self, file: &Path, reason: &str) {
        self.told.left_alone.push(LeftAlone { file: file.display().to_string(), reason: reason.to_owned() });
    }

    /// The row of a file, sealed on the way when it was open; `None` when it holds no picture.
    fn read(&mut self, root: &Path, relative: &Path, file: &Path) -> Result<Option<SegmentRow>, ReadError> {
        let row = |identity: &Identity| disk::row(&CameraId::new(&identity.camera), identity, root, relative);
        let sealed = |identity: &Identity, seal: Seal| {
            let mut row = row(identity);
            (row.to, row.bytes, row.digest) = (seal.to, length(file)?, Some(seal.digest));
            Ok::<_, ReadError>(row)
        };
        if self.how.dry_run {
            return match reader::sealed(file)? {
                Some((identity, seal)) => Ok(Some(sealed(&identity, seal)?)),
                None => self.would_be(file, row),
            };
        }
        let (identity, seal) = match adopt(file)? {
            Adopted::Empty(_) => return Ok(None),
            Adopted::WasSealed(identity, seal) => (identity, seal),
            Adopted::Sealed { identity, seal, .. } => {
                self.told.mended += 1;
                (identity, seal)
            }
        };
        Ok(Some(sealed(&identity, seal)?))
    }

    /// The row of a file without a seal at its end, as it would be sealed.
    fn would_be(&mut self, file: &Path, row: impl Fn(&Identity) -> SegmentRow) -> Result<Option<SegmentRow>, ReadError> {
        let index = reader::index(file)?;
        let Some(last) = index.parts.last() else { return Ok(None) };
        let mut row = row(&index.identity);
        row.to = index.seal.as_ref().map_or(last.to(), |s| s.to);
        row.bytes = length(file)?;
        self.told.mended += u64::from(index.seal.is_none());
        row.digest = index.seal.map(|s| s.digest);
        Ok(Some(row))
    }

    fn enter(&mut self, row: &SegmentRow, file: &Path) -> Result<(), StoreError> {
        let key = keys::camera_time(&row.camera, row.from);
        let in_place = name::relative(&row.camera, row.from, 0) == Path::new(&row.path);
        if !self.seen.entry(row.camera.clone()).or_default().insert(row.from.as_micros()) && !in_place {
            self.leave(file, "another file tells the same camera and start; `jiancha verify` tells which is out of place");
            return Ok(());
        }
        let standing = match self.catalogue {
            // A row that cannot be read is as good as another row.
            Some(catalogue) => catalogue.segments.at_key(&key),
            None => Ok(None),
        };
        match standing {
            Ok(Some(standing)) if &standing == row => {
                self.told.same += 1;
                return Ok(());
            }
            Ok(None) => self.told.added += 1,
            Ok(Some(_)) | Err(StoreError::Row { .. }) => self.told.changed += 1,
            Err(e) => return Err(e),
        }
        match self.catalogue {
            Some(catalogue) if !self.how.dry_run => catalogue.put_segment(row),
            _ => Ok(()),
        }
    }

    /// Takes out the rows that stand for no file.
    fn sweep(&mut self) -> Result<(), StoreError> {
        let Some(catalogue) = self.catalogue else { return Ok(()) };
        let mut from = Vec::new();
        while let Some(key) = catalogue.segments.key_from(&from)? {
            from = [key.as_slice(), &[0]].concat();
            let stands = |(camera, from): (CameraId, WallTime)| {
                self.seen.get(&camera).is_some_and(|starts| starts.contains(&from.as_micros()))
            };
            if keys::parse_camera_time(&key).is_some_and(stands) {
                continue;
            }
            let root = match catalogue.segments.at_key(&key) {
                Ok(row) => row.map(|r| r.root),
                Err(StoreError::Row { .. }) => None,
                Err(e) => return Err(e),
            };
            // A disk that is not mounted leaves an empty folder: that is no reason to forget what lies on it.
            if root.is_some_and(|root| !self.how.forget_empty_roots && !self.full_roots.contains(&root)) {
                self.told.kept += 1;
                continue;
            }
            self.told.removed += 1;
            if !self.how.dry_run {
                catalogue.segments.remove(&key)?;
            }
        }
        Ok(())
    }
}

fn length(file: &Path) -> Result<u64, ReadError> {
    std::fs::metadata(file).map(|m| m.len()).map_err(|source| ReadError::Io { path: file.to_owned(), source })
}
