//! Writes the manifests that are due: of every past day all of whose segments are sealed, on every storage root that holds some of them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use chrono::NaiveDate;
use serde::Serialize;

use super::manifest::{self, Front, Manifest, NotYet, REMOVED, Reference};
use super::{KeyError, Keyring, NoteWriter, Signer, note};
use crate::catalogue::{Catalogue, SegmentRow, StoreError};
use crate::hall::{CameraId, Hall};
use crate::segment::reader;
use crate::segment::seal::hex;
use crate::time::{Span, WallTime};

/// A day is summed up this long after its end: its last segment reaches past midnight and must be sealed.
pub const SETTLED_MICROS: i64 = 5 * 60 * 1_000_000;

/// What was written, and what could not be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Manifests written, in full; on each root one.
    pub written: Vec<PathBuf>,
    /// Days that still wait for something.
    pub waiting: Vec<Waiting>,
    /// What could not be written, and why.
    pub failed: Vec<String>,
}

/// A day without a manifest that is not due yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Waiting {
    /// Whose.
    pub camera: CameraId,
    /// Which day.
    pub date: NaiveDate,
    /// What it waits for.
    pub reason: String,
}

/// Why nothing can be written at all.
#[derive(Debug, thiserror::Error)]
pub enum DueError {
    /// The catalogue refuses.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The public keys cannot be read.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// Writes the manifests due at `now`. Call it at the start and then hourly; it blocks, and costs little when nothing is due.
///
/// A day whose manifest covers all its segments is left alone; when segments came late (restored, adopted), the next number is
/// written (`manifest-2.json`) and the earlier manifest stays. Days that retention removed are left alone.
///
/// # Errors
/// [`DueError`] when catalogue or keys cannot be read. What fails on one root or day is in the report, and the others are written.
pub fn write_due(catalogue: &Catalogue, signer: &Signer, hall: &Hall, now: WallTime) -> Result<Report, DueError> {
    let ring = {
        let mut ring = Keyring::from(signer.public().clone());
        Keyring::beside(&hall.evidence.key)?.into_keys().into_iter().for_each(|key| ring.add(key));
        ring
    };
    let mut cameras: BTreeSet<CameraId> = hall.cameras.iter().map(|c| c.id.clone()).collect();
    cameras.extend(catalogue.cameras()?);
    let mut duty = Duty { catalogue, signer, hall, ring, now, report: Report::default() };
    for camera in &cameras {
        duty.camera(camera)?;
    }
    Ok(duty.report)
}

struct Duty<'a> {
    catalogue: &'a Catalogue,
    signer: &'a Signer,
    hall: &'a Hall,
    ring: Keyring,
    now: WallTime,
    report: Report,
}

/// A manifest that stands on a disk.
struct Standing {
    n: u32,
    bytes: Vec<u8>,
    signature: Vec<u8>,
    manifest: Manifest,
}

impl Duty<'_> {
    fn folder(root: &Path, camera: &CameraId, date: NaiveDate) -> PathBuf {
        root.join(camera.as_str()).join(date.to_string())
    }

    /// The folders of a camera's day that are there.
    fn folders(&self, camera: &CameraId, date: NaiveDate) -> Vec<PathBuf> {
        let folders = self.hall.storage.iter().map(|root| Self::folder(&root.path, camera, date));
        folders.filter(|folder| folder.is_dir()).collect()
    }

    fn camera(&mut self, camera: &CameraId) -> Result<(), StoreError> {
        let Some(oldest) = self.catalogue.oldest_segment(camera)? else { return Ok(()) };
        let mut date = manifest::date_of(oldest.from);
        while let Some(day) = manifest::day(date).filter(|day| day.to.plus_micros(SETTLED_MICROS) <= self.now) {
            self.day(camera, date, day)?;
            let Some(next) = date.succ_opt() else { break };
            date = next;
        }
        Ok(())
    }

    fn day(&mut self, camera: &CameraId, date: NaiveDate, day: Span) -> Result<(), StoreError> {
        let segments = self.catalogue.count_segments_begun(camera, day)?;
        if segments == 0 {
            return Ok(());
        }
        let folders = self.folders(camera, date);
        if folders.iter().any(|f| f.join(REMOVED).exists()) {
            return Ok(());
        }
        let (newest, taken) = self.standing(&folders, camera, date);
        match newest {
            Some(newest) if newest.manifest.segments >= segments => self.copy(&folders, &newest),
            newest => self.write(camera, date, day, &folders, newest.as_ref(), taken)?,
        }
        Ok(())
    }

    /// The newest sound manifest of a day, and the highest number that any file there has.
    fn standing(&self, folders: &[PathBuf], camera: &CameraId, date: NaiveDate) -> (Option<Standing>, u32) {
        let mut newest: Option<Standing> = None;
        let mut taken = 0;
        for folder in folders {
            for n in numbers(folder) {
                taken = taken.max(n);
                if newest.as_ref().is_some_and(|s| s.n >= n) {
                    continue;
                }
                // One that does not hold is told by `verify`; the day gets a sound one of the next number.
                let Ok(Some(signed)) = note::read(folder, &manifest::name(n), &self.ring) else { continue };
                let Ok(manifest) = Manifest::read(&signed.bytes, camera, date) else { continue };
                newest = Some(Standing { n, bytes: signed.bytes, signature: signed.signature, manifest });
            }
        }
        (newest, taken)
    }

    /// Puts the newest manifest into the folders that lack it: a root that was away, or took files late.
    fn copy(&mut self, folders: &[PathBuf], newest: &Standing) {
        let name = manifest::name(newest.n);
        for folder in folders.iter().filter(|f| !f.join(&name).exists()) {
            match note::write_pair(folder, &name, &newest.bytes, &newest.signature) {
                Ok(()) => self.report.written.push(folder.join(&name)),
                Err(e) => self.report.failed.push(format!("copy {}: {e}", folder.join(&name).display())),
            }
        }
    }

    fn write(
        &mut self,
        camera: &CameraId,
        date: NaiveDate,
        day: Span,
        folders: &[PathBuf],
        newest: Option<&Standing>,
        taken: u32,
    ) -> Result<(), StoreError> {
        let rows = self.catalogue.segments_begun(camera, day, usize::MAX)?;
        let gaps = self.catalogue.timeline(camera, day, self.now)?.gaps;
        let front = Front {
            hall: &self.hall.name,
            division: &self.hall.division,
            camera,
            date,
            written: self.now,
            key: self.signer.public().id(),
            follows: self.newest_before(camera, date),
            supersedes: newest.map(|s| Reference { date, name: manifest::name(s.n), digest: digest(&s.bytes) }),
        };
        let mut previous = |row: &SegmentRow| self.previous(row);
        let manifest = match Manifest::of(front, &rows, &mut previous, gaps) {
            Ok(manifest) => manifest,
            Err(NotYet::Nothing) => return Ok(()),
            Err(reason @ NotYet::Open(_)) => {
                self.report.waiting.push(Waiting { camera: camera.clone(), date, reason: reason.to_string() });
                return Ok(());
            }
        };
        if folders.is_empty() {
            let reason = "no storage root that is there has a folder of this day".to_owned();
            self.report.waiting.push(Waiting { camera: camera.clone(), date, reason });
            return Ok(());
        }
        let (name, json) = (manifest::name(taken + 1), manifest.to_json());
        for folder in folders {
            match self.signer.write(folder, &name, &json) {
                Ok(()) => self.report.written.push(folder.join(&name)),
                Err(e) => self.report.failed.push(format!("write {}: {e}", folder.join(&name).display())),
            }
        }
        Ok(())
    }

    /// The digest a segment names as its predecessor's: by its own word, else by the catalogue's.
    fn previous(&self, row: &SegmentRow) -> Option<String> {
        if row.number == 0 {
            return None;
        }
        match reader::identity_at(&Path::new(&row.root).join(&row.path)) {
            Ok(identity) => identity.previous,
            Err(_) => {
                let before = Span::new(row.from.plus_micros(-2 * 3_600_000_000), row.from);
                let rows = self.catalogue.segments_begun(&row.camera, before, usize::MAX).ok()?;
                rows.into_iter().find(|r| r.run == row.run && r.number + 1 == row.number)?.digest
            }
        }
    }

    /// The newest manifest of an earlier day, on any root.
    fn newest_before(&self, camera: &CameraId, date: NaiveDate) -> Option<Reference> {
        let mut dates: BTreeSet<NaiveDate> = BTreeSet::new();
        for root in &self.hall.storage {
            dates.extend(dates_in(&root.path.join(camera.as_str())).into_iter().filter(|d| *d < date));
        }
        dates.into_iter().rev().find_map(|date| {
            let (newest, _) = self.standing(&self.folders(camera, date), camera, date);
            newest.map(|s| Reference { date, name: manifest::name(s.n), digest: digest(&s.bytes) })
        })
    }
}

/// SHA-256 in hexadecimal.
pub(super) fn digest(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    hex(&sha2::Sha256::digest(bytes))
}

/// Numbers of the manifests in a folder, in order; nothing for a folder that cannot be listed.
pub(super) fn numbers(folder: &Path) -> BTreeSet<u32> {
    let names = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.file_name());
    names.filter_map(|name| manifest::number(name.to_str()?)).collect()
}

/// The dates that have a folder under a camera's; nothing for a folder that cannot be listed.
pub(super) fn dates_in(folder: &Path) -> BTreeSet<NaiveDate> {
    let names = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.file_name());
    names.filter_map(|name| name.to_str()?.parse().ok()).collect()
}
