//! The edge: gathers what is known of a hall, in a running recorder or from the catalogue alone, and answers what commands ask.

use std::sync::{Arc, Mutex, PoisonError};

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::attest::{Attestation, Attestations};
use super::live::Tally;
use super::measured::{BackupProof, Keeping, Measured, Reading, Source};
use crate::backup::records::Copies;
use crate::backup::state::BackupState;
use crate::calendar::expected::{Subject, expected};
use crate::calendar::{Calendar, midnight};
use crate::catalogue::share::{known, share};
use crate::catalogue::{Catalogue, StoreError};
use crate::hall::{CameraId, Hall};
use crate::observe::state::HallState;
use crate::time::{Clock, Span, WallTime};

/// Between two looks at the calendar for the opening hours of the day.
const HOURS_EVERY_MICROS: i64 = 600 * 1_000_000;

/// Why it cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum OfficeError {
    /// The catalogue refuses.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no calendar to count working days by.
    #[error("{0}")]
    Calendar(String),
}

/// What is asked.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "coverage", rename_all = "kebab-case")]
pub enum Ask {
    /// Everything known.
    Measured,
    /// A person vouches for something.
    Attest(Attestation),
}

/// What is answered.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Told {
    /// To [`Ask::Measured`].
    Measured(Box<Measured>),
    /// To [`Ask::Attest`]: it is entered.
    Attested,
}

/// What a running recorder knows besides its catalogue.
#[derive(Clone)]
struct Live {
    state: watch::Receiver<Arc<HallState>>,
    tally: Arc<Mutex<Tally>>,
}

/// Gathers what is known of one hall. Cheap to clone.
#[derive(Clone)]
pub struct Office {
    hall: Arc<Hall>,
    catalogue: Catalogue,
    live: Option<Live>,
}

impl Office {
    /// On the catalogue alone.
    pub fn of_catalogue(hall: Arc<Hall>, catalogue: Catalogue) -> Self {
        Self { hall, catalogue, live: None }
    }

    /// In a running recorder. [`Self::listen`] must run beside it.
    pub fn of_recorder(hall: Arc<Hall>, catalogue: Catalogue, state: watch::Receiver<Arc<HallState>>) -> Self {
        Self { hall, catalogue, live: Some(Live { state, tally: Arc::default() }) }
    }

    /// Gathers what takes longer than a second to measure, until the recorder's state comes no more.
    pub async fn listen(self, clock: Arc<dyn Clock>) {
        let Some(mut live) = self.live.clone() else { return };
        let silent_below_db = self.hall.coverage.silent_below_db;
        let mut hours = OpenHours::default();
        while live.state.changed().await.is_ok() {
            let state = live.state.borrow_and_update().clone();
            hours.renew(&self.hall, clock.wall());
            let mut tally = live.tally.lock().unwrap_or_else(PoisonError::into_inner);
            tally.take(&state, silent_below_db, |camera| hours.is_open(camera, state.at));
        }
    }

    /// Answers a question.
    ///
    /// # Errors
    /// [`OfficeError`] when the catalogue or the calendar refuses.
    pub fn answer(&self, ask: Ask, now: WallTime) -> Result<Told, OfficeError> {
        match ask {
            Ask::Measured => self.measured(now).map(Box::new).map(Told::Measured),
            Ask::Attest(attestation) => {
                Attestations::open(&self.catalogue)?.put(&attestation)?;
                self.catalogue.flush()?;
                Ok(Told::Attested)
            }
        }
    }

    /// Everything known at `now`.
    ///
    /// # Errors
    /// [`OfficeError`] when the catalogue or the calendar refuses.
    pub fn measured(&self, now: WallTime) -> Result<Measured, OfficeError> {
        let mut measured = match &self.live {
            Some(live) => {
                let state = live.state.borrow().clone();
                live.tally.lock().unwrap_or_else(PoisonError::into_inner).measured(&state)
            }
            None => Measured::default(),
        };
        let source = crate::calendar::Source::of(&self.hall.calendar);
        let (calendar, _) = source.load_what_is_good().map_err(|e| OfficeError::Calendar(e.to_string()))?;
        let backup = Copies::open(&self.catalogue).and_then(|copies| copies.state())?;
        for camera in &self.hall.cameras {
            let entry = measured.cameras.entry(camera.id.clone()).or_default();
            entry.recorded = self.recorded(&camera.id, &calendar, now)?;
            entry.kept = self.kept(&camera.id, &calendar, now)?;
            entry.backup = backup.as_ref().and_then(|state| proof(state, &camera.id, now));
        }
        measured.attested = Attestations::open(&self.catalogue)?.newest()?;
        Ok(measured)
    }

    /// Recorded part of the expected time over the last days.
    fn recorded(
        &self,
        camera: &CameraId,
        calendar: &Calendar,
        now: WallTime,
    ) -> Result<Option<Reading<crate::catalogue::share::Share>>, StoreError> {
        let days = i64::from(self.hall.coverage.recorded_days);
        let span = Span::new(now.plus_micros(-days * 86_400 * 1_000_000), now);
        let timeline = self.catalogue.timeline(camera, span, now)?;
        let Some(known) = known(&timeline) else { return Ok(None) };
        let open = expected(&self.hall, Subject::Camera(camera), calendar, known);
        Ok(Some(Reading::over(share(&timeline, &open), known, Source::Catalogue)))
    }

    /// How far footage reaches back.
    fn kept(&self, camera: &CameraId, calendar: &Calendar, now: WallTime) -> Result<Option<Reading<Keeping>>, StoreError> {
        let Some(oldest) = self.catalogue.oldest_segment(camera)? else { return Ok(None) };
        let removed = self.catalogue.removed(camera, Span::new(WallTime::from_micros(0), now))?;
        let first = removed.iter().map(|span| span.from).min().map_or(oldest.from, |removed| removed.min(oldest.from));
        let days = |from: WallTime| working_days_after(calendar, from.beijing().date_naive(), now);
        let keeping =
            Keeping { oldest: oldest.from, working_days: days(oldest.from), first, working_days_since_first: days(first) };
        Ok(Some(Reading::new(keeping, now, Source::Catalogue)))
    }
}

/// Complete working days behind `day`, as retention counts them.
pub fn working_days_after(calendar: &Calendar, day: NaiveDate, now: WallTime) -> u32 {
    let complete = |day: &NaiveDate| day.succ_opt().is_some_and(|next| midnight(next) <= now);
    let days = day.iter_days().skip(1).take_while(complete).filter(|day| calendar.counts(*day)).count();
    u32::try_from(days).unwrap_or(u32::MAX)
}

/// How well the copies of a camera are proven; `None` while they are still being counted.
fn proof(state: &BackupState, camera: &CameraId, now: WallTime) -> Option<Reading<BackupProof>> {
    if state.counting {
        return None;
    }
    let yesterday = now.beijing().date_naive().pred_opt()?;
    let days: Vec<_> = state.days.iter().filter(|day| &day.camera == camera && day.segments > 0).collect();
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let proof = BackupProof {
        target: state.target.clone(),
        days: count(days.len()),
        days_proven: count(days.iter().filter(|day| day.is_complete()).count()),
        oldest_unproven: days.iter().filter(|day| !day.is_complete() && day.date < yesterday).map(|day| day.date).min(),
        last_proof: days.iter().filter_map(|day| day.last_proof).max(),
        same_disk: state.same_disk,
    };
    Some(Reading::new(proof, state.at, Source::Backup))
}

/// When each camera's zones are open, for some minutes around now.
#[derive(Default)]
struct OpenHours {
    looked: Option<WallTime>,
    open: std::collections::HashMap<CameraId, Vec<Span>>,
}

impl OpenHours {
    fn renew(&mut self, hall: &Hall, now: WallTime) {
        if self.looked.is_some_and(|at| (0..HOURS_EVERY_MICROS).contains(&now.micros_since(at))) {
            return;
        }
        self.looked = Some(now);
        let Ok((calendar, _)) = crate::calendar::Source::of(&hall.calendar).load_what_is_good() else { return };
        let ahead = Span::new(now.plus_micros(-60_000_000), now.plus_micros(2 * HOURS_EVERY_MICROS));
        let hours = |id: &CameraId| expected(hall, Subject::Camera(id), &calendar, ahead);
        self.open = hall.cameras.iter().map(|c| (c.id.clone(), hours(&c.id))).collect();
    }

    fn is_open(&self, camera: &CameraId, at: WallTime) -> bool {
        self.open.get(camera).is_some_and(|spans| spans.iter().any(|span| span.contains(at)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backup::state::DayTally;

    fn at(text: &str) -> WallTime {
        text.parse().expect("a time")
    }

    /// 2026: National Day 10-01 to 10-07 off, Saturday 10-10 worked (国办发明电〔2025〕7号).
    #[test]
    fn working_days_are_counted_once_they_are_complete() {
        let calendar = Calendar::published().expect("the calendar");
        let count = |day: &str, now: &str| working_days_after(&calendar, day.parse().expect("a date"), at(now));
        assert_eq!(count("2026-09-30", "2026-10-09T23:59:59+08:00"), 1);
        assert_eq!(count("2026-09-30", "2026-10-10T00:00:00+08:00"), 2);
        assert_eq!(count("2026-09-30", "2026-10-11T00:00:00+08:00"), 3);
        assert_eq!(count("2026-09-30", "2026-09-30T12:00:00+08:00"), 0);
    }

    #[test]
    fn a_day_before_yesterday_without_a_proven_copy_is_behind() {
        let tally = |date: &str, segments, proven| DayTally {
            camera: CameraId::new("C3"),
            windows: Vec::new(),
            date: date.parse().expect("a date"),
            segments,
            bytes: 0,
            copied: proven,
            proven,
            proven_bytes: 0,
            last_proof: Some(at("2026-11-21T01:00:00+08:00")),
        };
        let now = at("2026-11-22T10:00:00+08:00");
        let mut state = BackupState { target: "/mnt/b".into(), at: now, ..BackupState::default() };
        state.days = vec![tally("2026-11-20", 60, 60), tally("2026-11-21", 60, 10), tally("2026-11-22", 9, 0)];
        let told = proof(&state, &CameraId::new("C3"), now).expect("a proof").value;
        assert_eq!((told.days, told.days_proven, told.oldest_unproven), (3, 1, None));
        state.days[0].proven = 59;
        let told = proof(&state, &CameraId::new("C3"), now).expect("a proof").value;
        assert_eq!(told.oldest_unproven, Some("2026-11-20".parse().expect("a date")));
        state.counting = true;
        assert_eq!(proof(&state, &CameraId::new("C3"), now), None);
    }
}
