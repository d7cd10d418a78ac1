//! Copies that are due go; never because the recording went.

use chrono::NaiveDate;

use super::BackupError;
use super::notes::is_note;
use super::plan;
use super::records::Copies;
use super::tally::date;
use super::target::Target;
use crate::calendar::Calendar;
use crate::catalogue::Catalogue;
use crate::hall::CameraId;
use crate::time::{MICROS_PER_SECOND, Span, WallTime};

/// Rows read at once.
const PAGE: usize = 200;

/// Whether a hold lies on any part of a camera-day.
pub type Held = Box<dyn Fn(&CameraId, NaiveDate) -> bool + Send>;

/// What decides which copies go.
pub(super) struct Rule<'a> {
    pub(super) catalogue: &'a Catalogue,
    pub(super) copies: &'a Copies,
    pub(super) calendar: &'a Calendar,
    pub(super) working_days: u16,
    pub(super) held: &'a (dyn Fn(&CameraId, NaiveDate) -> bool + Send),
}

impl Rule<'_> {
    /// The camera-days whose copies may go, oldest first within each camera.
    pub(super) fn due(&self, now: WallTime) -> Result<Vec<(CameraId, NaiveDate)>, BackupError> {
        let mut found = Vec::new();
        let mut at: Option<(CameraId, NaiveDate)> = None;
        while let Some((camera, day)) = self.copies.next_day(at.as_ref().map(|(c, d)| (c, *d)))? {
            let due = plan::copy_due(self.calendar, day, self.working_days);
            // The cheap questions first: most days are young.
            if due.may_go_from <= now
                && self.has_segment(&camera, day)?
                && plan::may_go(&due, now, (self.held)(&camera, day), self.recording_is_there(&camera, day)?)
            {
                found.push((camera.clone(), day));
            }
            at = Some((camera, day));
        }
        Ok(found)
    }

    /// True when a copy of a recording stands there, not notes alone.
    fn has_segment(&self, camera: &CameraId, day: NaiveDate) -> Result<bool, BackupError> {
        let prefix = format!("{camera}/{day}/");
        Ok(self.copies.below(&prefix, "", 1)?.iter().any(|row| !is_note_object(&row.object)))
    }

    fn recording_is_there(&self, camera: &CameraId, day: NaiveDate) -> Result<bool, BackupError> {
        let Some(start) = WallTime::from_beijing(day, 0, 0, 0) else { return Ok(true) };
        let span = Span::new(start, start.plus_micros(25 * 3600 * MICROS_PER_SECOND));
        let first = self.catalogue.segments_begun(camera, span, 1)?;
        Ok(first.first().is_some_and(|row| date(row.from) == day))
    }

    /// Deletes the copies of a camera-day, its notes left; tells how many.
    pub(super) fn delete(&self, target: &dyn Target, camera: &CameraId, day: NaiveDate) -> Result<u64, BackupError> {
        let prefix = format!("{camera}/{day}/");
        let mut after = String::new();
        let mut deleted = 0;
        loop {
            let page = self.copies.below(&prefix, &after, PAGE)?;
            let Some(last) = page.last() else { return Ok(deleted) };
            after.clone_from(&last.object);
            for row in page.iter().filter(|row| !is_note_object(&row.object)) {
                target.delete(&row.object)?;
                self.copies.remove(&row.object)?;
                deleted += 1;
            }
        }
    }
}

fn is_note_object(object: &str) -> bool {
    plan::original_path(object).rsplit('/').next().is_some_and(is_note)
}
