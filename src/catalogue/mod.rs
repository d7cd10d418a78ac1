//! The catalogue: an index of what was recorded, what is missing and why.
//!
//! It can be thrown away: every recording fact stands in the segment files too. [`records`] are the rows, [`keys`] their
//! order-preserving keys, [`timeline`] turns rows into spans and gaps, [`store`] is the only place that knows sled,
//! [`rebuild`] makes the rows of segments again from the files.

mod keys;
mod ledger;
pub mod rebuild;
mod records;
pub mod restored;
mod roots;
mod segments;
pub mod share;
pub mod store;
pub mod timeline;

use std::sync::Arc;

use chrono::NaiveDate;

pub use records::{GapCause, LedgerEvent, LedgerRow, SegmentRow};
pub use roots::KnownRoots;
pub use store::{Store, StoreError, Table};

use crate::calendar::midnight;
use crate::hall::CameraId;
use crate::time::{Span, WallTime};
use segments::Segments;

/// Table of ledger rows.
const LEDGER: &str = "ledger";
/// Table of what retention removed: spans by camera and start.
const REMOVED: &str = "removed";

/// Longest removed span and a little: a day and what its last segment reaches beyond it.
const REMOVED_REACH_MICROS: i64 = 26 * 3600 * 1_000_000;

/// Later than any recording, and still a time that can be written as a date: 9999-01-01.
const LATEST: WallTime = WallTime::from_micros(253_370_764_800_000_000);

/// The recording facts of one recorder. Cheap to clone.
#[derive(Clone)]
pub struct Catalogue {
    store: Arc<Store>,
    segments: Segments,
    ledger: Table,
    removed: Table,
}

/// A Beijing date on which segments of a camera begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordedDate {
    /// The date.
    pub date: NaiveDate,
    /// When its first segment begins.
    pub first: WallTime,
    /// When its last segment begins.
    pub last: WallTime,
}

/// The segments of a camera that begin on one Beijing date.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DayRows {
    /// Those that can be read, oldest first.
    pub rows: Vec<SegmentRow>,
    /// Number of those that cannot.
    pub unreadable: usize,
}

impl Catalogue {
    /// Opens the catalogue in `store`.
    ///
    /// # Errors
    /// [`StoreError`] when a table cannot be opened.
    pub fn open(store: Arc<Store>) -> Result<Self, StoreError> {
        Ok(Self { segments: Segments::open(&store)?, ledger: store.table(LEDGER)?, removed: store.table(REMOVED)?, store })
    }

    /// The store beneath, for tables that are not recording facts (users, sessions, audit).
    pub fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// Writes a segment's row; a row of the same camera and start is replaced. Call it once the bytes it speaks of are synced.
    ///
    /// # Errors
    /// [`StoreError`] when the row cannot be written.
    pub fn put_segment(&self, row: &SegmentRow) -> Result<(), StoreError> {
        self.segments.put(row)
    }

    /// The segment of `camera` that begins at `from`.
    ///
    /// # Errors
    /// [`StoreError`] when the table cannot be read or the row is not readable.
    pub fn segment_at(&self, camera: &CameraId, from: WallTime) -> Result<Option<SegmentRow>, StoreError> {
        self.segments.at_key(&keys::camera_time(camera, from))
    }

    /// Every segment of `camera` that shares an instant with `span`, oldest first.
    ///
    /// # Errors
    /// [`StoreError`] when the table cannot be read; an unreadable row is skipped with a warning.
    pub fn segments(&self, camera: &CameraId, span: Span) -> Result<Vec<SegmentRow>, StoreError> {
        // A segment that began before the span may reach into it: segments are at most an hour long.
        let rows = self.segments.begun(camera, span.from.plus_micros(-3600 * 1_000_000), span.to, usize::MAX)?;
        Ok(rows.into_iter().filter(|r| r.to > span.from && r.from < span.to).collect())
    }

    /// Segments of `camera` that begin in `span`, oldest first, at most `most` rows read: ask again from the last one's start on.
    ///
    /// # Errors
    /// [`StoreError`] when the table cannot be read; an unreadable row is skipped with a warning.
    pub fn segments_begun(&self, camera: &CameraId, span: Span, most: usize) -> Result<Vec<SegmentRow>, StoreError> {
        self.segments.begun(camera, span.from, span.to, most)
    }

    /// How many segments of `camera` begin in `span`.
    ///
    /// # Errors
    /// [`StoreError`] when the table cannot be read.
    pub fn count_segments_begun(&self, camera: &CameraId, span: Span) -> Result<u64, StoreError> {
        self.segments.count(camera, span.from, span.to)
    }

    /// Every camera that has a segment here, by id.
    ///
    /// # Errors
    /// [`StoreError`] when the table cannot be read.
    pub fn cameras(&self) -> Result<Vec<CameraId>, StoreError> {
        let mut cameras = Vec::new();
        let mut from = Vec::new();
        while let Some(key) = self.segments.key_from(&from)? {
            let Some(id) = key.split(|b| *b == 0).next() else { break };
            cameras.push(CameraId::new(String::from_utf8_lossy(id)));
            // Ids end with a zero byte in keys: the next camera's keys stand from byte one on.
            from = [id, &[1]].concat();
        }
        Ok(cameras)
    }

    /// The newest segment of `camera`.
    ///
    /// # Errors
    /// [`StoreError`] when the table cannot be read.
    pub fn newest_segment(&self, camera: &CameraId) -> Result<Option<SegmentRow>, StoreError> {
        self.segments.last(camera)
    }

    /// The oldest segment of `camera`.
    ///
    /// # Errors
    /// [`StoreError`] when the table cannot be read.
    pub fn oldest_segment(&self, camera: &CameraId) -> Result<Option<SegmentRow>, StoreError> {
        self.segments.first(camera)
    }

    /// Appends a row to the gap ledger.
    ///
    /// # Errors
    /// [`StoreError`] when the row cannot be written.
    pub fn note(&self, row: &LedgerRow) -> Result<(), StoreError> {
        ledger::append(&self.ledger, row)
    }

    /// Ledger rows of `camera` inside `span`, oldest first.
    ///
    /// # Errors
    /// [`StoreError`] when the table cannot be read.
    pub fn ledger(&self, camera: &CameraId, span: Span) -> Result<Vec<LedgerRow>, StoreError> {
        self.ledger.range_json(&keys::camera_time(camera, span.from), &keys::camera_time(camera, span.to))
    }

    /// What was recorded of `camera` in `span` and what is missing, with causes.
    ///
    /// `now` bounds what can be expected: the future is neither recorded nor missing.
    ///
    /// # Errors
    /// [`StoreError`] when a table cannot be read.
    pub fn timeline(&self, camera: &CameraId, span: Span, now: WallTime) -> Result<timeline::Timeline, StoreError> {
        let segments = self.segments(camera, span)?;
        // The cause of a gap that reaches back before the span was noted when the gap began.
        let newest = self.newest_end_before(camera, span.from)?;
        let since = Span::new(newest.unwrap_or(span.from).plus_micros(-10_000_000), span.to);
        let mut ledger = self.ledger(camera, since)?;
        if newest.is_none() {
            // A camera that never gave a picture: what was noted of it last still stands, and makes all of the span a gap.
            let (prefix, end) = (keys::camera_prefix(camera), keys::camera_time(camera, since.from));
            let noted: Option<LedgerRow> = self.ledger.last_json_before(&prefix, &end)?;
            ledger.splice(0..0, noted);
        }
        ledger.retain(|row| row.event.is_about_recording());
        let removed = self.removed(camera, span)?;
        Ok(timeline::timeline_with_removed(camera, span, now, &segments, &removed, &ledger))
    }

    /// The end of the last segment that began before `t`, removed since or not.
    fn newest_end_before(&self, camera: &CameraId, t: WallTime) -> Result<Option<WallTime>, StoreError> {
        let (prefix, end) = (keys::camera_prefix(camera), keys::camera_time(camera, t));
        let row = self.segments.last_before(camera, t)?;
        let removed: Option<Span> = self.removed.last_json_before(&prefix, &end)?;
        Ok(row.map(|r| r.to).max(removed.map(|r| r.to)))
    }

    /// Every Beijing date on which segments of `camera` begin, oldest first. Seeks keys, reads no row; keys that tell no time of
    /// this age are passed over.
    ///
    /// # Errors
    /// [`StoreError`] when the table cannot be read.
    pub fn dates(&self, camera: &CameraId) -> Result<Vec<RecordedDate>, StoreError> {
        let mut dates = Vec::new();
        let (mut from, end) = (keys::camera_time(camera, WallTime::from_micros(0)), keys::camera_time(camera, LATEST));
        while let Some(key) = self.segments.key_from(&from)?.filter(|key| *key < end) {
            let Some(first) = keys::time_of(camera, &key) else {
                from = [key.as_slice(), &[0]].concat();
                continue;
            };
            let date = first.beijing().date_naive();
            from = keys::camera_time(camera, midnight(date.succ_opt().unwrap_or(NaiveDate::MAX)));
            let last = self.segments.key_before(&from)?.and_then(|key| keys::time_of(camera, &key)).unwrap_or(first);
            dates.push(RecordedDate { date, first, last });
        }
        Ok(dates)
    }

    /// The segments of `camera` that begin on `date`, with the number of rows that cannot be read.
    ///
    /// # Errors
    /// [`StoreError`] when the table cannot be read.
    pub fn day(&self, camera: &CameraId, date: NaiveDate) -> Result<DayRows, StoreError> {
        let (from, to) = (midnight(date), midnight(date.succ_opt().unwrap_or(NaiveDate::MAX)));
        let (rows, unreadable) = self.segments.begun_counted(camera, from, to)?;
        Ok(DayRows { rows, unreadable })
    }

    /// Takes out the row of a segment whose file is gone.
    ///
    /// # Errors
    /// [`StoreError`] when the row cannot be taken out.
    pub fn remove_segment(&self, row: &SegmentRow) -> Result<bool, StoreError> {
        self.segments.remove(&keys::camera_time(&row.camera, row.from))
    }

    /// Notes that retention removed what was recorded of `camera` in `spans`, none of them longer than a day.
    ///
    /// # Errors
    /// [`StoreError`] when a row cannot be written.
    pub fn note_removed(&self, camera: &CameraId, spans: &[Span]) -> Result<(), StoreError> {
        for span in spans {
            let key = keys::camera_time(camera, span.from);
            let standing = self.removed.get_json::<Span>(&key).ok().flatten();
            let to = standing.map_or(span.to, |s| s.to.max(span.to));
            self.removed.put_json(&key, &Span::new(span.from, to))?;
        }
        Ok(())
    }

    /// What retention removed of `camera` and that shares an instant with `span`, oldest first; what touches is one.
    ///
    /// # Errors
    /// [`StoreError`] when the table cannot be read.
    pub fn removed(&self, camera: &CameraId, span: Span) -> Result<Vec<Span>, StoreError> {
        let start = keys::camera_time(camera, span.from.plus_micros(-REMOVED_REACH_MICROS));
        let rows = self.removed.range_json::<Span>(&start, &keys::camera_time(camera, span.to))?;
        let inside = rows.into_iter().filter(|r| r.intersect(span).is_some()).collect();
        Ok(Span::join(inside, timeline::SHORTEST_GAP_MICROS))
    }

    /// Puts a row that cannot be read.
    #[cfg(test)]
    pub(crate) fn put_garbage(&self, camera: &CameraId, from: WallTime) {
        self.segments.put_garbage(&keys::camera_time(camera, from));
    }

    /// Makes everything written so far durable.
    ///
    /// # Errors
    /// [`StoreError`] when the disk refuses.
    pub fn flush(&self) -> Result<(), StoreError> {
        self.store.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_camera_that_never_gave_a_picture_is_missing_on_every_later_day() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path()).expect("a store");
        let catalogue = Catalogue::open(Arc::new(store)).expect("a catalogue");
        let at = |second: i64| WallTime::from_micros(second * 1_000_000);
        let camera = CameraId::new("C1");
        let stopped = LedgerEvent::Stopped { cause: GapCause::CameraUnreachable };
        let row = LedgerRow { camera: camera.clone(), at: at(1000), event: stopped, detail: String::new() };
        catalogue.note(&row).expect("noted");
        let gaps =
            |from: i64, to: i64| catalogue.timeline(&camera, Span::new(at(from), at(to)), at(500_000)).expect("told").gaps;
        let later = gaps(100_000, 200_000);
        assert_eq!(later.len(), 1);
        assert_eq!((later[0].from, later[0].to, later[0].cause), (at(100_000), at(200_000), GapCause::CameraUnreachable));
        // Before it was first asked for, nothing is missing.
        assert_eq!(gaps(0, 900), []);
        assert_eq!(gaps(0, 2000)[0].from, at(1000));
    }
}
