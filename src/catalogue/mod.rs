//! The catalogue: an index of what was recorded, what is missing and why.
//!
//! It can be thrown away: every recording fact stands in the segment files too. [`records`] are the rows, [`keys`] their
//! order-preserving keys, [`timeline`] turns rows into spans and gaps, [`store`] is the only place that knows sled,
//! [`rebuild`] makes the rows of segments again from the files.

mod keys;
mod ledger;
pub mod rebuild;
mod records;
pub mod store;
pub mod timeline;

use std::sync::Arc;

pub use records::{GapCause, LedgerEvent, LedgerRow, SegmentRow};
pub use store::{Store, StoreError, Table};

use crate::hall::CameraId;
use crate::time::{Span, WallTime};

/// Table of segment rows.
const SEGMENTS: &str = "segments";
/// Table of ledger rows.
const LEDGER: &str = "ledger";

/// The recording facts of one recorder. Cheap to clone.
#[derive(Clone)]
pub struct Catalogue {
    store: Arc<Store>,
    segments: Table,
    ledger: Table,
}

impl Catalogue {
    /// Opens the catalogue in `store`.
    ///
    /// # Errors
    /// [`StoreError`] when a table cannot be opened.
    pub fn open(store: Arc<Store>) -> Result<Self, StoreError> {
        Ok(Self { segments: store.table(SEGMENTS)?, ledger: store.table(LEDGER)?, store })
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
        self.segments.put_json(&keys::camera_time(&row.camera, row.from), row)
    }

    /// Every segment of `camera` that shares an instant with `span`, oldest first.
    ///
    /// # Errors
    /// [`StoreError`] when the table cannot be read; an unreadable row is skipped with a warning.
    pub fn segments(&self, camera: &CameraId, span: Span) -> Result<Vec<SegmentRow>, StoreError> {
        // A segment that began before the span may reach into it: segments are at most an hour long.
        let start = keys::camera_time(camera, span.from.plus_micros(-3600 * 1_000_000));
        let end = keys::camera_time(camera, span.to);
        let rows = self.segments.range_json::<SegmentRow>(&start, &end)?;
        Ok(rows.into_iter().filter(|r| r.to > span.from && r.from < span.to).collect())
    }

    /// Segments of `camera` that begin in `span`, oldest first, at most `most` rows read: ask again from the last one's start on.
    ///
    /// # Errors
    /// [`StoreError`] when the table cannot be read; an unreadable row is skipped with a warning.
    pub fn segments_begun(&self, camera: &CameraId, span: Span, most: usize) -> Result<Vec<SegmentRow>, StoreError> {
        self.segments.range_json_at_most(&keys::camera_time(camera, span.from), &keys::camera_time(camera, span.to), most)
    }

    /// How many segments of `camera` begin in `span`.
    ///
    /// # Errors
    /// [`StoreError`] when the table cannot be read.
    pub fn count_segments_begun(&self, camera: &CameraId, span: Span) -> Result<u64, StoreError> {
        self.segments.count(&keys::camera_time(camera, span.from), &keys::camera_time(camera, span.to))
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
        self.segments.last_json(&keys::camera_prefix(camera))
    }

    /// The oldest segment of `camera`.
    ///
    /// # Errors
    /// [`StoreError`] when the table cannot be read.
    pub fn oldest_segment(&self, camera: &CameraId) -> Result<Option<SegmentRow>, StoreError> {
        self.segments.first_json(&keys::camera_prefix(camera))
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
        let since =
            Span::new(self.newest_end_before(camera, span.from)?.unwrap_or(span.from).plus_micros(-10_000_000), span.to);
        let ledger = self.ledger(camera, since)?;
        Ok(timeline::timeline(camera, span, now, &segments, &ledger))
    }

    /// The end of the last segment that began before `t`.
    fn newest_end_before(&self, camera: &CameraId, t: WallTime) -> Result<Option<WallTime>, StoreError> {
        let row: Option<SegmentRow> =
            self.segments.last_json_before(&keys::camera_prefix(camera), &keys::camera_time(camera, t))?;
        Ok(row.map(|r| r.to))
    }

    /// Makes everything written so far durable.
    ///
    /// # Errors
    /// [`StoreError`] when the disk refuses.
    pub fn flush(&self) -> Result<(), StoreError> {
        self.store.flush()
    }
}
