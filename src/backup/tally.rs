//! Walks the catalogue: counts every sealed segment of every camera-day once, and finds those without a proven copy.
//!
//! Two marks per camera move through its rows, oldest first: up to `counted` the tallies are right, up to `sought` every row
//! without a proven copy was handed out. In normal operation both stand at the newest row.

use std::collections::{BTreeMap, VecDeque};

use chrono::NaiveDate;

use super::copy::Item;
use super::records::{Copies, NotYet, Proof};
use super::state::DayTally;
use crate::catalogue::{Catalogue, SegmentRow, StoreError};
use crate::hall::{CameraId, Hall, WindowId};
use crate::time::{MICROS_PER_SECOND, Span, WallTime};

/// Rows read at once.
const PAGE: usize = 500;
/// Items that wait, per camera.
const MOST_WAITING: usize = 100;
/// A segment this old that is not sealed will not be sealed by a running recorder.
const OPEN_MICROS: i64 = 2 * 3600 * MICROS_PER_SECOND;
/// Later than any recording.
const LATEST: WallTime = WallTime::from_micros(253_370_764_800_000_000);

#[derive(Default)]
struct Follow {
    counted: WallTime,
    sought: WallTime,
    waiting: VecDeque<Item>,
}

/// Tallies and what waits.
pub(super) struct Tally {
    windows: BTreeMap<CameraId, Vec<WindowId>>,
    cameras: BTreeMap<CameraId, Follow>,
    days: BTreeMap<(CameraId, NaiveDate), DayTally>,
    changed: std::collections::BTreeSet<(CameraId, NaiveDate)>,
    /// True when the last count reached every camera's newest row.
    complete: bool,
}

/// The Beijing date of a segment.
pub(super) fn date(from: WallTime) -> NaiveDate {
    from.beijing().date_naive()
}

impl Tally {
    pub(super) fn new(hall: &Hall) -> Self {
        let windows =
            hall.cameras.iter().map(|c| (c.id.clone(), hall.windows_of(&c.id).map(|w| w.id.clone()).collect())).collect();
        Self { windows, cameras: BTreeMap::new(), days: BTreeMap::new(), changed: Default::default(), complete: false }
    }

    /// Starts over.
    pub(super) fn again(&mut self) {
        self.cameras.clear();
        self.days.clear();
        self.changed.clear();
        self.complete = false;
    }

    /// Counts on, at most about `most` rows; true when every camera's newest row was reached.
    pub(super) fn count(
        &mut self,
        catalogue: &Catalogue,
        copies: &Copies,
        now: WallTime,
        most: usize,
    ) -> Result<bool, StoreError> {
        let mut left = most;
        let mut all = true;
        for camera in catalogue.cameras()? {
            loop {
                if left == 0 {
                    self.complete = false;
                    return Ok(false);
                }
                let at = self.cameras.entry(camera.clone()).or_default().counted;
                let rows = catalogue.segments_begun(&camera, Span::new(at, LATEST), PAGE)?;
                let read = rows.len();
                left = left.saturating_sub(read.max(1));
                let stands = self.take(&camera, rows, copies, now)?;
                if read < PAGE || stands {
                    break;
                }
            }
            all &= left > 0;
        }
        self.complete |= all;
        Ok(all)
    }

    /// Counts rows; true when an open segment keeps the mark from moving on.
    fn take(&mut self, camera: &CameraId, rows: Vec<SegmentRow>, copies: &Copies, now: WallTime) -> Result<bool, StoreError> {
        for row in rows {
            if row.digest.is_none() {
                if now.micros_since(row.to) < OPEN_MICROS {
                    return Ok(true);
                }
            } else {
                let proof = copies.proof_of(&row)?;
                let day = self.day(camera, date(row.from));
                day.segments += 1;
                day.bytes += row.bytes;
                match proof {
                    Proof::Proven { at, .. } => {
                        day.copied += 1;
                        day.proven += 1;
                        day.proven_bytes += row.bytes;
                        day.last_proof = day.last_proof.max(Some(at));
                    }
                    Proof::NotYet { why: NotYet::NotRead } => day.copied += 1,
                    Proof::NotYet { .. } => {}
                }
            }
            if let Some(follow) = self.cameras.get_mut(camera) {
                follow.counted = row.from.plus_micros(1);
            }
        }
        Ok(false)
    }

    fn day(&mut self, camera: &CameraId, date: NaiveDate) -> &mut DayTally {
        let key = (camera.clone(), date);
        self.changed.insert(key.clone());
        let windows = self.windows.get(camera).cloned().unwrap_or_default();
        self.days.entry(key).or_insert_with(|| DayTally {
            camera: camera.clone(),
            windows,
            date,
            segments: 0,
            bytes: 0,
            copied: 0,
            proven: 0,
            proven_bytes: 0,
            last_proof: None,
        })
    }

    /// The oldest segment of all cameras that waits for its copy.
    pub(super) fn next(
        &mut self,
        catalogue: &Catalogue,
        copies: &Copies,
        now: WallTime,
    ) -> Result<Option<(CameraId, Item)>, StoreError> {
        for camera in catalogue.cameras()? {
            self.seek(&camera, catalogue, copies, now)?;
        }
        let oldest = self.cameras.iter().filter_map(|(camera, f)| f.waiting.front().map(|item| (item.from, camera))).min();
        let Some((_, camera)) = oldest else { return Ok(None) };
        let camera = camera.clone();
        let item = self.cameras.get(&camera).and_then(|f| f.waiting.front().cloned());
        Ok(item.map(|item| (camera, item)))
    }

    /// Fills what waits of one camera.
    fn seek(&mut self, camera: &CameraId, catalogue: &Catalogue, copies: &Copies, now: WallTime) -> Result<(), StoreError> {
        let follow = self.cameras.entry(camera.clone()).or_default();
        if !follow.waiting.is_empty() {
            return Ok(());
        }
        loop {
            let rows = catalogue.segments_begun(camera, Span::new(follow.sought, LATEST), PAGE)?;
            let read = rows.len();
            for row in rows {
                match Item::of(&row) {
                    None if now.micros_since(row.to) < OPEN_MICROS => return Ok(()),
                    None => {}
                    Some(item) => {
                        let proven = matches!(copies.proof_of(&row)?, Proof::Proven { .. });
                        follow.waiting.extend((!proven).then_some(item));
                    }
                }
                follow.sought = row.from.plus_micros(1);
                if follow.waiting.len() >= MOST_WAITING {
                    return Ok(());
                }
            }
            if read < PAGE {
                return Ok(());
            }
        }
    }

    /// The item handed out last of `camera` is done with.
    pub(super) fn done(&mut self, camera: &CameraId) -> Option<Item> {
        self.cameras.get_mut(camera).and_then(|f| f.waiting.pop_front())
    }

    /// A segment's copy was written, and proven unless `at` is missing.
    pub(super) fn moved(&mut self, camera: &CameraId, item: &Item, was_copied: bool, at: Option<WallTime>) {
        // Rows behind the mark are counted with their proof when the count gets there.
        if self.cameras.get(camera).is_none_or(|f| item.from >= f.counted) {
            return;
        }
        let day = self.day(camera, date(item.from));
        day.copied += u64::from(!was_copied);
        if at.is_some() {
            day.proven += 1;
            day.proven_bytes += item.bytes;
            day.last_proof = day.last_proof.max(at);
        }
    }

    /// Start of the oldest segment that waits.
    pub(super) fn oldest(&self) -> Option<WallTime> {
        self.cameras.values().filter_map(|f| f.waiting.front().map(|item| item.from)).min()
    }

    /// True while the count has not reached every newest row once.
    pub(super) fn is_counting(&self) -> bool {
        !self.complete
    }

    /// Every camera-day.
    pub(super) fn days(&self) -> impl Iterator<Item = &DayTally> {
        self.days.values()
    }

    /// Writes what changed; after a complete count, days that are gone go from the table too.
    pub(super) fn tell(&mut self, copies: &Copies) -> Result<(), StoreError> {
        for key in std::mem::take(&mut self.changed) {
            if let Some(day) = self.days.get(&key) {
                copies.put_day(day)?;
            }
        }
        Ok(())
    }

    /// Takes days out of the table that no longer have a recording.
    pub(super) fn forget_gone(&self, copies: &Copies) -> Result<(), StoreError> {
        for day in copies.days()? {
            if !self.days.contains_key(&(day.camera.clone(), day.date)) {
                copies.remove_day(&day)?;
            }
        }
        Ok(())
    }
}
