//! What the recorder as a whole does about its storage roots: claims them at the start, mends those that come back, and tells.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::resume;
use super::start::StartError;
use crate::catalogue::{Catalogue, LedgerEvent, LedgerRow, StoreError};
use crate::hall::{CameraId, Hall};
use crate::observe::words;
use crate::segment::disk::Fault;
use crate::segment::root::{self, RootTrouble};
use crate::segment::roots::{CameraPlan, OnRoots, RootSettings};
use crate::time::{Clock, WallTime};

pub use crate::catalogue::KnownRoots;

/// Rates are taken from at most this many of a camera's newest segments.
const SEGMENTS_FOR_RATE: usize = 60;

/// Refuses a hall whose storage is not there before anything is written: the catalogue lies below a root by default. At a first use
/// that root gets its identity before its catalogue.
///
/// # Errors
/// [`StartError`] when a root's folder or disk is missing although the catalogue lies in it, or it cannot be written.
pub fn check_present(hall: &Hall, now: WallTime) -> Result<(), StartError> {
    let catalogue = &hall.recording.catalogue;
    let Some(storage) = hall.storage.iter().find(|s| catalogue.starts_with(&s.path)) else { return Ok(()) };
    let path = &storage.path;
    match root::look_mounted(path, storage.mounted).map_err(StartError::Root)? {
        (_, Some(_)) => Ok(()),
        // Without an identity this is a first use, or the place where a disk was: another root that was used before tells.
        (_, None) if catalogue.exists() => Ok(()),
        (root, None) => {
            let used = |path: &Path| root::look(path).is_ok_and(|(_, identity)| identity.is_some());
            let others_used = hall.storage.iter().any(|s| &s.path != path && used(&s.path));
            if !storage.mounted && others_used && is_empty(path) {
                return Err(StartError::Root(RootTrouble::NotMounted { path: path.clone() }));
            }
            root.claim(now).map(|_| ()).map_err(StartError::Root)
        }
    }
}

/// The roots of `hall` with the ids they must carry. A root used for the first time gets its identity here.
///
/// # Errors
/// [`StartError`] when a root that was never used is not there, or none of them can be used.
pub fn claim(hall: &Hall, catalogue: &Catalogue, now: WallTime) -> Result<Vec<RootSettings>, StartError> {
    let known = KnownRoots::open(catalogue)?;
    let mut roots = Vec::with_capacity(hall.storage.len());
    let mut troubles: Vec<RootTrouble> = Vec::new();
    for storage in &hall.storage {
        let path = &storage.path;
        let id = match known.id(path)? {
            Some(id) => id,
            None if was_recorded_to(hall, catalogue, path)? && is_empty(path) => {
                // The catalogue is older than identities, or was made again: an empty folder is no disk of ours.
                return Err(StartError::Root(RootTrouble::NotMounted { path: path.clone() }));
            }
            None => {
                let claimed = root::look_mounted(path, storage.mounted).and_then(|(root, _)| root.claim(now));
                let identity = claimed.map_err(StartError::Root)?;
                known.set(path, &identity.root)?;
                tracing::info!(root = %path.display(), id = identity.root, "a storage root is used for the first time");
                identity.root
            }
        };
        match root::open_mounted(path, &id, storage.mounted).and_then(|root| try_out(&root)) {
            Ok(()) => {}
            Err(trouble) => {
                tracing::error!("存储目录不可用，录像改存其它目录。{trouble}");
                troubles.push(trouble);
            }
        }
        roots.push(RootSettings { path: path.clone(), id, mounted: storage.mounted, reserve_bytes: storage.reserve_bytes() });
    }
    match troubles.len() == roots.len() {
        true => Err(troubles.into_iter().next().map_or_else(|| StartError::NoRoot, StartError::Root)),
        false => Ok(roots),
    }
}

fn try_out(root: &root::OpenRoot) -> Result<(), RootTrouble> {
    match root.try_out() {
        // A full root is not refused at the start: what lies on it is still shown and kept.
        Err(e) if Fault::of(&e) != Fault::Full => {
            Err(RootTrouble::Io { doing: "write to", path: root.path().to_owned(), source: e })
        }
        _ => Ok(()),
    }
}

fn was_recorded_to(hall: &Hall, catalogue: &Catalogue, path: &Path) -> Result<bool, StoreError> {
    for camera in &hall.cameras {
        if catalogue.newest_segment(&camera.id)?.is_some_and(|row| Path::new(&row.root) == path) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn is_empty(path: &Path) -> bool {
    crate::segment::verify::camera_folders(path).is_ok_and(|folders| folders.is_empty())
}

/// Every camera with the rate its newest segments had.
///
/// # Errors
/// [`StoreError`] when the catalogue cannot be read.
pub fn camera_plans(hall: &Hall, catalogue: &Catalogue) -> Result<Vec<CameraPlan>, StoreError> {
    let plan = |camera: &crate::hall::Camera| {
        Ok(CameraPlan {
            window: hall.windows_of(&camera.id).next().is_some() || is_heard(hall, &camera.id),
            rate: recent_rate(catalogue, &camera.id)?,
            id: camera.id.clone(),
        })
    };
    hall.cameras.iter().map(plan).collect()
}

/// A camera that carries a window's sound is as important as the one that sees it.
fn is_heard(hall: &Hall, camera: &CameraId) -> bool {
    hall.windows.iter().any(|w| hall.sound_camera(w).is_some_and(|c| &c.id == camera))
}

fn recent_rate(catalogue: &Catalogue, camera: &CameraId) -> Result<Option<u64>, StoreError> {
    let Some(newest) = catalogue.newest_segment(camera)? else { return Ok(None) };
    let since = crate::time::Span::new(newest.from.plus_micros(-3_600_000_000), newest.to.plus_micros(1));
    let rows = catalogue.segments_begun(camera, since, SEGMENTS_FOR_RATE)?;
    let bytes: u64 = rows.iter().map(|r| r.bytes).sum();
    let micros: i64 = rows.iter().map(|r| r.to.micros_since(r.from)).sum();
    Ok(u64::try_from(micros / 1_000_000).ok().filter(|seconds| *seconds > 0).map(|seconds| bytes / seconds))
}

/// Tells the log and the ledger what the roots report.
pub struct StorageDesk {
    /// The hall.
    pub hall: Arc<Hall>,
    /// Where the ledger is.
    pub catalogue: Catalogue,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// False while cameras that look at no window stand back.
    pub others: Arc<AtomicBool>,
}

impl OnRoots for StorageDesk {
    fn changed(&self, root: &Path, fault: Option<Fault>, reason: &str) {
        let root = root.display();
        match fault {
            Some(fault) => tracing::error!(%root, reason, "存储：{}", words::fault(fault).what.zh),
            None => tracing::info!(%root, "存储目录恢复可用。the storage root is usable again"),
        }
    }

    fn came_back(&self, root: &Path) {
        let mended = resume::mend_root(root, self.hall.cameras.iter().map(|c| &c.id), &self.catalogue);
        tracing::info!(root = %root.display(), mended, "the storage root is there again; files left open were mended");
    }

    fn moved(&self, camera: &CameraId, from: &Path, to: &Path, why: &str) {
        tracing::warn!(%camera, from = %from.display(), to = %to.display(), why, "recording moved to another storage root");
        let event = LedgerEvent::Moved { from: from.display().to_string(), to: to.display().to_string() };
        let row = LedgerRow { camera: camera.clone(), at: self.clock.wall(), event, detail: why.to_owned() };
        if let Err(e) = self.catalogue.note(&row) {
            tracing::error!(%camera, "{e}; the move is only in this log");
        }
    }

    fn others_may_record(&self, may: bool) {
        self.others.store(may, Ordering::Relaxed);
        if may {
            tracing::info!("空间恢复，非窗口摄像机恢复录像。there is space again: cameras that look at no window record again");
        } else {
            tracing::error!(
                "存储空间即将用尽：非窗口摄像机停止录像，剩余空间留给窗口。space runs out: cameras that look at no window stop, the rest is for the windows"
            );
        }
    }
}
