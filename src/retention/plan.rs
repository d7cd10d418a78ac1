//! The plan (清理计划): for every camera-day and storage root whether it stays or goes, and why; for every file too.
//!
//! Pure. Time, calendar, holds, disks and proof of backup come in; rows are asked for only where the answer depends on them, so that
//! millions of rows inside their floor cost nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::clock::{ClockDoubt, Witness};
use super::hold::ActiveHolds;
use super::reason::{Decision, Reason};
use crate::calendar::{Calendar, midnight};
use crate::catalogue::{DayRows, SegmentRow};
use crate::hall::{CameraId, DeleteWhen, RetentionSettings};
use crate::time::{Span, WallTime};

/// What is known of a segment's second copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProofState {
    /// No backup is configured: none is asked for.
    NoBackup,
    /// The copy was read back and has the digest.
    Proven,
    /// There is no copy yet, or none that was proven.
    NotProven,
}

/// Tells whether a segment's second copy is proven.
pub trait Proof: Send + Sync {
    /// The state of `row`'s copy. In doubt it is not proven.
    fn proven(&self, row: &SegmentRow) -> ProofState;
}

/// For a hall without a backup.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoBackup;

impl Proof for NoBackup {
    fn proven(&self, _row: &SegmentRow) -> ProofState {
        ProofState::NoBackup
    }
}

/// A storage root that is there, as measured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RootSpace {
    /// Its path as rows name it.
    pub root: String,
    /// The file system it lies on: what is freed on one root is free on the others of the same.
    pub device: u64,
    /// Size in bytes.
    pub total: u64,
    /// Free bytes.
    pub free: u64,
    /// Bytes that shall be free.
    pub target: u64,
}

/// What a plan is made from, except the rows.
#[derive(Clone)]
pub struct Facts {
    /// Working days.
    pub calendar: Arc<Calendar>,
    /// What the site asks for.
    pub settings: RetentionSettings,
    /// Now.
    pub now: WallTime,
    /// Working days that are complete and attended.
    pub witness: Witness,
    /// Why the clock is not believed, if it is not.
    pub doubt: Option<ClockDoubt>,
    /// Holds that keep something.
    pub holds: ActiveHolds,
    /// True when there may be holds that are not known.
    pub holds_unknown: bool,
    /// Newest date of each camera of the hall.
    pub newest: BTreeMap<CameraId, NaiveDate>,
    /// Newest date of all.
    pub newest_of_all: Option<NaiveDate>,
    /// Storage roots that are there.
    pub roots: Vec<RootSpace>,
}

/// What is planned for one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilePlan {
    /// Path below the storage root.
    pub file: String,
    /// Capture time of its first picture.
    pub from: WallTime,
    /// Its size.
    pub bytes: u64,
    /// Stay or go.
    pub decision: Decision,
    /// Why, as a word: its day's reason, its own trouble, or `day-kept` where its day stays for another file's sake.
    pub reason: String,
}

/// What is planned for one camera-day on one storage root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayPlan {
    /// Whose recording.
    pub camera: CameraId,
    /// The Beijing date on which its segments begin.
    pub date: NaiveDate,
    /// The storage root; `None` where no row was read, which the answer did not need.
    pub root: Option<String>,
    /// First instant at which it may go by the calendar.
    pub may_go_from: WallTime,
    /// False when a year without a notice made that conservative.
    pub certain: bool,
    /// Stay or go.
    pub decision: Decision,
    /// Why.
    pub reason: Reason,
    /// Number of segments; `None` where no row was read.
    pub segments: Option<usize>,
    /// Their bytes; `None` where no row was read.
    pub bytes: Option<u64>,
    /// Every file, where they were asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<FilePlan>,
}

/// How a camera-day stands before a row was read.
enum Standing {
    /// It stays whatever its rows say.
    Stays(Reason),
    /// Its floor is over; `Some` when it has been there for as long as the site allows.
    MayGo { until: Option<NaiveDate> },
}

impl Facts {
    /// Today in Beijing.
    pub fn today(&self) -> NaiveDate {
        self.now.beijing().date_naive()
    }

    fn standing(&self, camera: &CameraId, date: NaiveDate) -> Standing {
        let due = self.calendar.due(date, self.settings.working_days);
        if self.now < due.may_go_from || self.today() <= date {
            return Standing::Stays(Reason::InsideFloor { may_go_from: due.may_go_from, certain: due.certain });
        }
        if let Some(doubt) = self.doubt {
            return Standing::Stays(Reason::ClockSuspicious { doubt });
        }
        let (attended, needed) = (self.witness.later_than(date), self.settings.working_days);
        if attended < usize::from(needed) {
            return Standing::Stays(Reason::NotWitnessed { attended, needed });
        }
        if self.holds_unknown {
            return Standing::Stays(Reason::HoldsUnknown);
        }
        if self.newest.get(camera) == Some(&date) || self.newest_of_all == Some(date) {
            return Standing::Stays(Reason::NewestDay);
        }
        let holds = self.holds.keeping(camera, day_span(date));
        if !holds.is_empty() {
            return Standing::Stays(Reason::Held { holds });
        }
        let last = self.settings.at_most_days.and_then(|days| date.checked_add_days(chrono::Days::new(u64::from(days))));
        Standing::MayGo { until: last.filter(|last| *last < self.today()) }
    }

    /// Why a day whose floor is over stays all the same on `root`, by its rows; `None` when nothing speaks against it.
    fn trouble(
        &self,
        camera: &CameraId,
        date: NaiveDate,
        root: &str,
        rows: &[&SegmentRow],
        proof: &dyn Proof,
    ) -> Option<Reason> {
        if self.space_of(root).is_none() {
            return Some(Reason::RootAbsent);
        }
        let holds: BTreeSet<_> = rows.iter().flat_map(|r| self.holds.keeping(camera, r.span())).collect();
        if !holds.is_empty() {
            return Some(Reason::Held { holds: holds.into_iter().collect() });
        }
        let count = |is: &dyn Fn(&SegmentRow) -> bool| rows.iter().filter(|r| is(r)).count();
        match count(&|r| !in_place(r, camera, date)) {
            0 => {}
            files => return Some(Reason::OutOfPlace { files }),
        }
        match count(&|r| r.digest.is_none()) {
            0 => {}
            files => return Some(Reason::NotSealed { files }),
        }
        match count(&|r| proof.proven(r) == ProofState::NotProven) {
            0 => None,
            files => Some(Reason::BackupNotProven { files }),
        }
    }

    /// The trouble of one file, for the list.
    fn file_trouble(&self, row: &SegmentRow, camera: &CameraId, date: NaiveDate, proof: &dyn Proof) -> Option<&'static str> {
        if !in_place(row, camera, date) {
            Some("out-of-place")
        } else if row.digest.is_none() {
            Some("not-sealed")
        } else if proof.proven(row) == ProofState::NotProven {
            Some("backup-not-proven")
        } else {
            None
        }
    }

    fn space_of(&self, root: &str) -> Option<&RootSpace> {
        self.roots.iter().find(|r| r.root == root)
    }

    /// Whether everything but the need for space lets `rows`, all of one camera-day on `root`, go: asked again right before they
    /// do.
    ///
    /// # Errors
    /// The reason why they stay.
    pub fn may_go(
        &self,
        camera: &CameraId,
        date: NaiveDate,
        root: &str,
        day: &DayRows,
        proof: &dyn Proof,
    ) -> Result<(), Reason> {
        if let Standing::Stays(reason) = self.standing(camera, date) {
            return Err(reason);
        }
        if day.unreadable > 0 {
            return Err(Reason::RowsUnreadable { rows: day.unreadable });
        }
        let rows: Vec<&SegmentRow> = day.rows.iter().filter(|r| r.root == root).collect();
        self.trouble(camera, date, root, &rows, proof).map_or(Ok(()), Err)
    }
}

/// How much a plan tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Detail {
    /// Rows are read only where the decision needs them.
    #[default]
    Decisions,
    /// Rows of every day are read: sizes for all.
    Sizes,
    /// And every file with its reason.
    Files,
}

/// Goes through camera-days, oldest first, and keeps account of the space that is still needed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Planner {
    /// Bytes still needed, by the file system's number as text: JSON keys are texts.
    needed: BTreeMap<String, u64>,
    detail: Detail,
}

impl Planner {
    /// A planner at the start.
    pub fn new(facts: &Facts, detail: Detail) -> Self {
        let mut needed = BTreeMap::new();
        for root in &facts.roots {
            let lacks = root.target.saturating_sub(root.free);
            let most: &mut u64 = needed.entry(root.device.to_string()).or_default();
            *most = lacks.max(*most);
        }
        Self { needed, detail }
    }

    /// Plans one camera-day. Camera-days must come oldest first. `rows` is called when the answer depends on them.
    ///
    /// # Errors
    /// What `rows` says.
    pub fn day<E>(
        &mut self,
        facts: &Facts,
        proof: &dyn Proof,
        camera: &CameraId,
        date: NaiveDate,
        rows: impl FnOnce() -> Result<DayRows, E>,
    ) -> Result<Vec<DayPlan>, E> {
        let due = facts.calendar.due(date, facts.settings.working_days);
        let plan = |root, reason: Reason, segments, bytes, files| DayPlan {
            camera: camera.clone(),
            date,
            root,
            may_go_from: due.may_go_from,
            certain: due.certain,
            decision: reason.decision(),
            reason,
            segments,
            bytes,
            files,
        };
        let standing = facts.standing(camera, date);
        let depends = match &standing {
            Standing::Stays(_) => false,
            Standing::MayGo { until } => {
                until.is_some() || facts.settings.delete == DeleteWhen::WhenDue || self.needed.values().any(|n| *n > 0)
            }
        };
        if !depends && self.detail == Detail::Decisions {
            let reason = match standing {
                Standing::Stays(reason) => reason,
                Standing::MayGo { .. } => Reason::SpaceNotNeeded,
            };
            return Ok(vec![plan(None, reason, None, None, Vec::new())]);
        }
        let day = rows()?;
        let mut by_root: BTreeMap<&str, Vec<&SegmentRow>> = BTreeMap::new();
        for row in &day.rows {
            by_root.entry(&row.root).or_default().push(row);
        }
        let mut plans = Vec::with_capacity(by_root.len());
        for (root, rows) in &by_root {
            let bytes = rows.iter().map(|r| r.bytes).fold(0, u64::saturating_add);
            let reason = match &standing {
                Standing::Stays(reason) => reason.clone(),
                Standing::MayGo { .. } if day.unreadable > 0 => Reason::RowsUnreadable { rows: day.unreadable },
                Standing::MayGo { until } => match facts.trouble(camera, date, root, rows, proof) {
                    Some(reason) => reason,
                    None => self.need(facts, root, *until, bytes),
                },
            };
            let files =
                if self.detail == Detail::Files { files(facts, &reason, camera, date, rows, proof) } else { Vec::new() };
            plans.push(plan(Some((*root).to_owned()), reason, Some(rows.len()), Some(bytes), files));
        }
        if plans.is_empty() {
            let reason = match standing {
                Standing::MayGo { .. } => Reason::RowsUnreadable { rows: day.unreadable },
                Standing::Stays(reason) => reason,
            };
            plans.push(plan(None, reason, Some(0), Some(0), Vec::new()));
        }
        Ok(plans)
    }

    /// Why what may go does go, or not yet. What goes counts towards the space that is needed, whatever its reason.
    fn need(&mut self, facts: &Facts, root: &str, until: Option<NaiveDate>, bytes: u64) -> Reason {
        let needed = facts.space_of(root).and_then(|space| self.needed.get_mut(&space.device.to_string()));
        let reason = match (until, facts.settings.delete, &needed) {
            (Some(until), _, _) => Reason::UpperBound { until },
            (None, DeleteWhen::WhenDue, _) => Reason::Due,
            (None, DeleteWhen::WhenNeeded, Some(needed)) if **needed > 0 => Reason::SpaceNeeded,
            _ => return Reason::SpaceNotNeeded,
        };
        if let Some(needed) = needed {
            *needed = needed.saturating_sub(bytes);
        }
        reason
    }
}

fn files(
    facts: &Facts,
    reason: &Reason,
    camera: &CameraId,
    date: NaiveDate,
    rows: &[&SegmentRow],
    proof: &dyn Proof,
) -> Vec<FilePlan> {
    // Of a day that stays for some files' sake, the others say that they stay with it.
    let by_file = matches!(reason, Reason::OutOfPlace { .. } | Reason::NotSealed { .. } | Reason::BackupNotProven { .. });
    let told = |row: &SegmentRow| FilePlan {
        file: row.path.clone(),
        from: row.from,
        bytes: row.bytes,
        decision: reason.decision(),
        reason: match by_file {
            true => facts.file_trouble(row, camera, date, proof).unwrap_or("day-kept"),
            false => reason.word(),
        }
        .to_owned(),
    };
    rows.iter().map(|row| told(row)).collect()
}

/// All of a Beijing date.
pub fn day_span(date: NaiveDate) -> Span {
    Span::new(midnight(date), midnight(date.succ_opt().unwrap_or(NaiveDate::MAX)))
}

/// Whether a row tells a place that a recording of `camera` on `date` has: `<camera>/<date>/<HH>/<name>.mp4`, and nothing else.
pub fn in_place(row: &SegmentRow, camera: &CameraId, date: NaiveDate) -> bool {
    let mut parts = row.path.split('/');
    let (Some(folder), Some(day), Some(hour), Some(name), None) =
        (parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    &row.camera == camera
        && folder == camera.as_str()
        && !folder.is_empty()
        && !folder.starts_with('.')
        && day == date.to_string()
        && day_span(date).contains(row.from)
        && hour.len() == 2
        && hour.bytes().all(|b| b.is_ascii_digit())
        && name.strip_suffix(".mp4").is_some_and(|stem| !stem.is_empty() && stem.chars().all(plain))
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
