//! What the catalogue knows of the second copy: one row per object, one per camera-day, and the target it belongs to.
//!
//! Rows are found by the object's name, which is the path of the recording: names sort by camera, day and time.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::identity::TargetIdentity;
use super::plan;
use super::state::{BackupState, DayTally};
use crate::catalogue::{Catalogue, SegmentRow, StoreError, Table};
use crate::hall::CameraId;
use crate::time::WallTime;

/// Table of copies.
const COPIES: &str = "backup";
/// Table of tallies per camera-day.
const DAYS: &str = "backup-days";
/// Table of what there is one of: target, state, the wish to be woken.
const ABOUT: &str = "backup-about";

/// One object on the target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopyRow {
    /// Its name.
    pub object: String,
    /// Id of the target it lies on.
    pub target: String,
    /// What it is a copy of: the digest in a segment's seal, or that of a note's bytes.
    pub content: String,
    /// SHA-256 of the whole object, in hexadecimal.
    pub digest: String,
    /// Length in bytes.
    pub bytes: u64,
    /// When it was written.
    pub copied_at: WallTime,
    /// When it was last read back from the target and found to be what was written; `None` before the first time.
    pub proven_at: Option<WallTime>,
}

/// Whether a segment's second copy is proven.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "proof")]
pub enum Proof {
    /// The copy was read back from the target that is in use and is what was sealed.
    Proven {
        /// When it was last read back.
        at: WallTime,
        /// Its name on the target.
        object: String,
    },
    /// It does not count yet.
    NotYet {
        /// Why.
        why: NotYet,
    },
}

/// Why a copy does not count yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NotYet {
    /// The segment is not sealed.
    Open,
    /// It was not copied.
    NotCopied,
    /// It was copied and not yet read back, or what was read back was not the same.
    NotRead,
}

/// The backup tables of a catalogue. Cheap to clone.
#[derive(Clone)]
pub struct Copies {
    copies: Table,
    days: Table,
    about: Table,
}

impl crate::retention::Proof for Copies {
    fn proven(&self, row: &SegmentRow) -> crate::retention::ProofState {
        use crate::retention::ProofState;
        match self.proof_of(row) {
            Ok(Proof::Proven { .. }) => ProofState::Proven,
            Ok(Proof::NotYet { .. }) => ProofState::NotProven,
            Err(e) => {
                tracing::error!("{e}; the copy of {} counts as not proven", row.path);
                ProofState::NotProven
            }
        }
    }
}

impl Copies {
    /// Opens the tables.
    ///
    /// # Errors
    /// [`StoreError`] when one cannot be opened.
    pub fn open(catalogue: &Catalogue) -> Result<Self, StoreError> {
        let store = catalogue.store();
        Ok(Self { copies: store.table(COPIES)?, days: store.table(DAYS)?, about: store.table(ABOUT)? })
    }

    /// Whether the copy of `row` counts: on the target in use, of these very bytes, read back.
    ///
    /// # Errors
    /// [`StoreError`] when a table cannot be read: then nothing is proven.
    pub fn proof_of(&self, row: &SegmentRow) -> Result<Proof, StoreError> {
        let not = |why| Ok(Proof::NotYet { why });
        let Some(content) = &row.digest else { return not(NotYet::Open) };
        let Some(target) = self.target()? else { return not(NotYet::NotCopied) };
        match self.find(&target.id, &row.path, content)? {
            Some(CopyRow { proven_at: Some(at), object, .. }) => Ok(Proof::Proven { at, object }),
            Some(_) => not(NotYet::NotRead),
            None => not(NotYet::NotCopied),
        }
    }

    /// The copy of `content` at `path`, under its own name or that of another version.
    ///
    /// # Errors
    /// [`StoreError`] when the table cannot be read.
    pub fn find(&self, target: &str, path: &str, content: &str) -> Result<Option<CopyRow>, StoreError> {
        for name in [path.to_owned(), plan::other_name(path, content)] {
            match self.get(&name)? {
                Some(row) if row.target == target && row.content == content => return Ok(Some(row)),
                _ => {}
            }
        }
        Ok(None)
    }

    /// The row of an object. One that is not readable is as good as none: the object is looked at again.
    ///
    /// # Errors
    /// [`StoreError`] when the store refuses.
    pub fn get(&self, object: &str) -> Result<Option<CopyRow>, StoreError> {
        match self.copies.get_json(object.as_bytes()) {
            Err(StoreError::Row { .. }) => Ok(None),
            other => other,
        }
    }

    /// Enters a row.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be written.
    pub fn put(&self, row: &CopyRow) -> Result<(), StoreError> {
        self.copies.put_json(row.object.as_bytes(), row)
    }

    /// Takes a row out.
    ///
    /// # Errors
    /// [`StoreError`] when the store refuses.
    pub fn remove(&self, object: &str) -> Result<(), StoreError> {
        self.copies.remove(object.as_bytes()).map(|_| ())
    }

    /// At most `most` rows whose names begin with `prefix` and come after `after`, in order.
    ///
    /// # Errors
    /// [`StoreError`] when the table cannot be read.
    pub fn below(&self, prefix: &str, after: &str, most: usize) -> Result<Vec<CopyRow>, StoreError> {
        let start = if after >= prefix { [after.as_bytes(), &[0]].concat() } else { prefix.as_bytes().to_vec() };
        let end = [prefix.as_bytes(), &[0xff]].concat();
        self.copies.range_json_at_most(&start, &end, most)
    }

    /// The first camera-day with a copy after `after`, by camera and date.
    ///
    /// # Errors
    /// [`StoreError`] when the table cannot be read.
    pub fn next_day(&self, after: Option<(&CameraId, NaiveDate)>) -> Result<Option<(CameraId, NaiveDate)>, StoreError> {
        let mut from = after.map_or(Vec::new(), |(camera, date)| past(&format!("{camera}/{date}/")));
        while let Some(key) = self.copies.key_from(&from)? {
            let name = String::from_utf8_lossy(&key).into_owned();
            if let Some((camera, date)) = plan::camera_day(&name) {
                return Ok(Some((CameraId::new(camera), date)));
            }
            from = [key.as_slice(), &[0]].concat();
        }
        Ok(None)
    }

    /// The target the copies lie on.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read.
    pub fn target(&self) -> Result<Option<TargetIdentity>, StoreError> {
        self.about.get_json(b"target")
    }

    /// Remembers the target.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be written.
    pub fn put_target(&self, target: &TargetIdentity) -> Result<(), StoreError> {
        self.about.put_json(b"target", target)
    }

    /// The state as the copier told it last, with its tallies; `None` when none ever ran.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read.
    pub fn state(&self) -> Result<Option<BackupState>, StoreError> {
        let Some(mut state): Option<BackupState> = self.about.get_json(b"state")? else { return Ok(None) };
        state.days = self.days.prefix_json(b"")?;
        Ok(Some(state))
    }

    /// Tells the state; its tallies are told apart.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be written.
    pub fn put_state(&self, state: &BackupState) -> Result<(), StoreError> {
        self.about.put_json(b"state", &BackupState { days: Vec::new(), ..state.clone() })
    }

    /// Tells one camera-day.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be written.
    pub fn put_day(&self, day: &DayTally) -> Result<(), StoreError> {
        self.days.put_json(format!("{}/{}", day.camera, day.date).as_bytes(), day)
    }

    /// Forgets a camera-day.
    ///
    /// # Errors
    /// [`StoreError`] when the store refuses.
    pub fn remove_day(&self, day: &DayTally) -> Result<(), StoreError> {
        self.days.remove(format!("{}/{}", day.camera, day.date).as_bytes()).map(|_| ())
    }

    /// Every camera-day told.
    ///
    /// # Errors
    /// [`StoreError`] when the table cannot be read.
    pub fn days(&self) -> Result<Vec<DayTally>, StoreError> {
        self.days.prefix_json(b"")
    }

    /// Asks a copier that waits to look at once; tells the call's number.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be written.
    pub fn wake(&self) -> Result<u64, StoreError> {
        let call = self.calls()? + 1;
        self.about.put_json(b"wake", &call)?;
        Ok(call)
    }

    /// How often [`Copies::wake`] was called.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read.
    pub fn calls(&self) -> Result<u64, StoreError> {
        Ok(self.about.get_json(b"wake")?.unwrap_or(0))
    }
}

/// The first key behind all that begin with `prefix`.
fn past(prefix: &str) -> Vec<u8> {
    [prefix.as_bytes(), &[0xff]].concat()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::catalogue::Store;

    fn copies() -> (tempfile::TempDir, Copies) {
        let dir = tempfile::tempdir().unwrap();
        let catalogue = Catalogue::open(Arc::new(Store::open(dir.path()).unwrap())).unwrap();
        let copies = Copies::open(&catalogue).unwrap();
        (dir, copies)
    }

    fn copy(object: &str, content: &str) -> CopyRow {
        let t = WallTime::from_micros(1_795_330_200_000_000);
        CopyRow {
            object: object.into(),
            target: "T1".into(),
            content: content.into(),
            digest: "whole".into(),
            bytes: 9,
            copied_at: t,
            proven_at: None,
        }
    }

    fn segment(digest: Option<&str>) -> SegmentRow {
        let t = WallTime::from_micros(1_795_330_200_000_000);
        SegmentRow {
            camera: CameraId::new("C1"),
            from: t,
            to: t.plus_micros(60_000_000),
            run: "r".into(),
            number: 0,
            root: "/a".into(),
            path: "C1/2026-11-22/14/145000.mp4".into(),
            bytes: 9,
            stamped: true,
            codecs: "avc1.640028".into(),
            width: 1920,
            height: 1080,
            digest: digest.map(str::to_owned),
            restored: false,
            clock: None,
        }
    }

    fn why(copies: &Copies, row: &SegmentRow) -> Option<NotYet> {
        match copies.proof_of(row).unwrap() {
            Proof::NotYet { why } => Some(why),
            Proof::Proven { .. } => None,
        }
    }

    #[test]
    fn a_recording_is_proven_only_when_these_bytes_were_read_back_from_this_target() {
        let (_dir, copies) = copies();
        let row = segment(Some("aaaaaaaa11"));
        let mut copy = copy(&row.path, "aaaaaaaa11");
        copy.proven_at = Some(copy.copied_at);
        copies.put(&copy).unwrap();
        assert_eq!(why(&copies, &row), Some(NotYet::NotCopied), "no target is known");
        let target = |id: &str| TargetIdentity { id: id.into(), ..TargetIdentity::default() };
        copies.put_target(&target("T1")).unwrap();
        assert_eq!(why(&copies, &row), None);
        assert_eq!(why(&copies, &segment(None)), Some(NotYet::Open));
        assert_eq!(why(&copies, &segment(Some("bbbbbbbb22"))), Some(NotYet::NotCopied), "other bytes at the same place");
        copies.put(&CopyRow { proven_at: None, ..copy.clone() }).unwrap();
        assert_eq!(why(&copies, &row), Some(NotYet::NotRead));
        copies.put(&copy).unwrap();
        copies.put_target(&target("T2")).unwrap();
        assert_eq!(why(&copies, &row), Some(NotYet::NotCopied), "it lies on a disk no longer in use");
    }

    #[test]
    fn another_version_is_found_under_its_own_name() {
        let (_dir, copies) = copies();
        let row = segment(Some("bbbbbbbb22"));
        copies.put(&copy(&row.path, "aaaaaaaa11")).unwrap();
        copies.put(&copy("C1/2026-11-22/14/145000@bbbbbbbb.mp4", "bbbbbbbb22")).unwrap();
        let found = copies.find("T1", &row.path, "bbbbbbbb22").unwrap().unwrap();
        assert_eq!(found.object, "C1/2026-11-22/14/145000@bbbbbbbb.mp4");
    }

    #[test]
    fn days_and_pages_are_walked_in_order() {
        let (_dir, copies) = copies();
        for object in [
            "C1/2026-11-22/14/145000.mp4",
            "C1/2026-11-22/14/145100.mp4",
            "C1/2026-11-22/manifest.json",
            "C1/2026-11-23/09/090000.mp4",
            "C10/2026-11-22/09/090000.mp4",
        ] {
            copies.put(&copy(object, "x")).unwrap();
        }
        let mut days = Vec::new();
        let mut at = None;
        while let Some((camera, date)) = copies.next_day(at.as_ref().map(|(c, d)| (c, *d))).unwrap() {
            days.push(format!("{camera}/{date}"));
            at = Some((camera, date));
        }
        assert_eq!(days, ["C1/2026-11-22", "C1/2026-11-23", "C10/2026-11-22"]);
        let page = |after: &str| {
            let rows = copies.below("C1/2026-11-22/", after, 2).unwrap();
            rows.into_iter().map(|r| r.object).collect::<Vec<_>>()
        };
        assert_eq!(page(""), ["C1/2026-11-22/14/145000.mp4", "C1/2026-11-22/14/145100.mp4"]);
        assert_eq!(page("C1/2026-11-22/14/145100.mp4"), ["C1/2026-11-22/manifest.json"]);
        assert_eq!(page("C1/2026-11-22/manifest.json"), [""; 0]);
    }
}
