//! The office (留存管理): gathers the facts a plan needs and answers what commands ask, in a running recorder or without one.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::clock::{Behind, Presence, Witness};
use super::hold::{ActiveHolds, Hold, HoldError, HoldId, Holds, Noted, Wish};
use super::journal::Journal;
use super::plan::{DayPlan, Detail, Facts, Planner, Proof, RootSpace};
use crate::calendar::Calendar;
use crate::catalogue::{Catalogue, KnownRoots, RecordedDate, StoreError};
use crate::hall::{CameraId, FreeTarget, Hall, RetentionSettings, StorageRoot};
use crate::time::{Span, WallTime};

/// Most camera-days in one page of a plan.
const PAGE_DAYS: usize = 500;
/// Most files in one page of a plan, one camera-day aside.
const PAGE_FILES: usize = 10_000;

/// Last date a clock is taken at its word: later ones cannot be reckoned with.
const LAST_NOW: WallTime = WallTime::from_micros(253_370_764_800_000_000);

/// Why retention cannot be told or done.
#[derive(Debug, thiserror::Error)]
pub enum OfficeError {
    /// The catalogue refuses.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Holds cannot be read, placed or released.
    #[error(transparent)]
    Hold(#[from] HoldError),
}

/// What is asked of the office.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "retention", rename_all = "kebab-case")]
pub enum Ask {
    /// A page of the plan.
    Plan(PlanAsk),
    /// Every hold.
    Holds,
    /// Place a hold.
    Hold(Wish),
    /// Release a hold.
    Release {
        /// Which.
        id: HoldId,
        /// Who asks.
        person: String,
        /// Why.
        reason: String,
    },
}

/// Which page of which plan.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct PlanAsk {
    /// Only this camera is told; the others count all the same.
    #[serde(default)]
    pub camera: Option<CameraId>,
    /// As it will be then; now by default.
    #[serde(default)]
    pub at: Option<WallTime>,
    /// How much is told.
    #[serde(default)]
    pub detail: Detail,
    /// Where the page before ended.
    #[serde(default)]
    pub next: Option<NextPage>,
}

/// Where the next page begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextPage {
    after: (NaiveDate, CameraId),
    planner: Planner,
    now: WallTime,
}

/// A page of the plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanPage {
    /// The time the plan is for.
    pub now: WallTime,
    /// Storage roots that are there.
    pub roots: Vec<RootSpace>,
    /// Camera-days, oldest first.
    pub days: Vec<DayPlan>,
    /// `None` behind the last page.
    pub next: Option<NextPage>,
}

/// What the office answers.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Told {
    /// To [`Ask::Plan`].
    Plan(PlanPage),
    /// To [`Ask::Holds`].
    Holds {
        /// Every hold in the order they were placed.
        holds: Vec<Hold>,
        /// Why there may be more.
        doubt: Option<String>,
    },
    /// To [`Ask::Hold`] and [`Ask::Release`].
    Noted {
        /// The hold as it stands.
        #[serde(flatten)]
        noted: Noted,
        /// What it would keep but was removed before it was placed, by camera.
        #[serde(default)]
        removed_before: Vec<(CameraId, Span)>,
    },
}

/// The retention of one recorder.
pub struct Office {
    catalogue: Catalogue,
    journal: Journal,
    holds: Holds,
    settings: RetentionSettings,
    roots: Vec<StorageRoot>,
    known: KnownRoots,
    cameras: Vec<CameraId>,
    calendar: RwLock<Arc<Calendar>>,
    proof: Arc<dyn Proof>,
}

impl Office {
    /// Opens the office of `hall` on its catalogue. `proof` tells which copies are proven.
    ///
    /// # Errors
    /// [`OfficeError`] when a table cannot be opened.
    pub fn open(hall: &Hall, catalogue: Catalogue, calendar: Calendar, proof: Arc<dyn Proof>) -> Result<Self, OfficeError> {
        let roots: Vec<PathBuf> = hall.storage.iter().map(|r| r.path.clone()).collect();
        Ok(Self {
            journal: Journal::open(catalogue.store())?,
            holds: Holds::open(&catalogue, &roots)?,
            known: KnownRoots::open(&catalogue)?,
            catalogue,
            settings: hall.retention.clone(),
            roots: hall.storage.clone(),
            cameras: hall.cameras.iter().map(|c| c.id.clone()).collect(),
            calendar: RwLock::new(Arc::new(calendar)),
            proof,
        })
    }

    /// Takes a new calendar: a notice was published.
    pub fn set_calendar(&self, calendar: Calendar) {
        *self.calendar.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(calendar);
    }

    /// The recording facts.
    pub fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    /// The journal of removals.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// The holds.
    pub fn holds(&self) -> &Holds {
        &self.holds
    }

    /// Who proves copies.
    pub fn proof(&self) -> &dyn Proof {
        &*self.proof
    }

    /// The storage roots that are there, measured now.
    pub fn spaces(&self) -> Vec<RootSpace> {
        let there = self.roots.iter().filter(|root| self.is_there(&root.path));
        there.filter_map(|root| space(root, self.settings.free_target)).collect()
    }

    /// Whether the storage root at `path` is there: only then is a file that is not found gone.
    pub fn is_there(&self, path: &Path) -> bool {
        let mounted = self.roots.iter().any(|root| root.mounted && root.path == path);
        super::root_is_there(path, &self.known) && crate::segment::root::look_mounted(path, mounted).is_ok()
    }

    /// Adds the seconds that really passed to the date's; a date on which the clock was set counts no waking time until then.
    ///
    /// # Errors
    /// [`OfficeError`] when a table cannot be read or written.
    pub fn note_awake(&self, now: WallTime, seconds: u64, stepped: bool) -> Result<(), OfficeError> {
        let now = reckonable(now);
        if seconds > 0 && !stepped {
            self.journal.awake(now.beijing().date_naive(), seconds)?;
        }
        let dates = self.dates()?;
        let Some(newest) = dates.values().flatten().map(|d| d.last).max() else { return Ok(()) };
        let standing = self.journal.behind()?;
        let behind = Behind::of(standing, newest, now)
            .map(|b| Behind { awake_seconds: b.awake_seconds.saturating_add(if stepped { 0 } else { seconds }), ..b });
        if behind != standing {
            self.journal.set_behind(behind)?;
        }
        Ok(())
    }

    fn dates(&self) -> Result<BTreeMap<CameraId, Vec<RecordedDate>>, StoreError> {
        self.catalogue.cameras()?.into_iter().map(|c| self.catalogue.dates(&c).map(|dates| (c, dates))).collect()
    }

    /// Every camera-day behind `after`, oldest first.
    ///
    /// # Errors
    /// [`StoreError`] when the table cannot be read.
    pub fn camera_days(&self, after: Option<&(NaiveDate, CameraId)>) -> Result<Vec<(NaiveDate, CameraId)>, StoreError> {
        let dates = self.dates()?.into_iter();
        let mut days: Vec<_> =
            dates.flat_map(|(camera, dates)| dates.into_iter().map(move |d| (d.date, camera.clone()))).collect();
        days.retain(|day| after.is_none_or(|after| day > after));
        days.sort();
        Ok(days)
    }

    /// Everything a plan needs. With `at`, a time ahead, the recorder is taken to be there until then.
    ///
    /// # Errors
    /// [`OfficeError`] when a table cannot be read.
    pub fn facts(&self, now: WallTime, at: Option<WallTime>) -> Result<Facts, OfficeError> {
        let now = reckonable(now);
        let then = at.map_or(now, reckonable);
        let foreseen = (then > now).then(|| now.beijing().date_naive());
        let calendar = self.calendar.read().unwrap_or_else(PoisonError::into_inner).clone();
        let dates = self.dates()?;
        let mut presence = Presence::default();
        dates.values().flatten().for_each(|day| presence.recorded(*day));
        self.journal.tell(&mut presence)?;
        let newest_row = dates.values().flatten().map(|d| d.last).max();
        let behind = newest_row.and_then(|newest| Behind::of(self.journal.behind().ok().flatten(), newest, then));
        // A date from the future is no newest day: the last one that is not counts.
        let today = then.beijing().date_naive();
        let last = |dates: &[RecordedDate]| dates.iter().map(|d| d.date).filter(|d| *d <= today).max();
        let newest: BTreeMap<_, _> =
            dates.iter().filter(|(c, _)| self.cameras.contains(c)).filter_map(|(c, d)| Some((c.clone(), last(d)?))).collect();
        let newest_of_all = dates.values().filter_map(|d| last(d)).max();
        let facts = Facts {
            witness: Witness::of(&calendar, &presence, today, foreseen),
            calendar,
            settings: self.settings.clone(),
            now: then,
            doubt: behind.and_then(Behind::doubt),
            holds: ActiveHolds::default(),
            holds_unknown: true,
            newest,
            newest_of_all,
            roots: self.spaces(),
        };
        Ok(self.with_holds_of_now(&facts))
    }

    /// The same facts with the holds as they are at this moment.
    pub fn with_holds_of_now(&self, facts: &Facts) -> Facts {
        let holds = ActiveHolds::of(self.holds.list());
        Facts { holds, holds_unknown: self.holds.doubt().is_some(), ..facts.clone() }
    }

    /// Answers.
    ///
    /// # Errors
    /// [`OfficeError`] with the remedy.
    pub fn answer(&self, ask: Ask, now: WallTime) -> Result<Told, OfficeError> {
        match ask {
            Ask::Plan(ask) => self.page(&ask, now).map(Told::Plan),
            Ask::Holds => Ok(Told::Holds { holds: self.holds.list(), doubt: self.holds.doubt() }),
            Ask::Hold(wish) => {
                let noted = self.holds.add(wish, now)?;
                let span = Span::new(noted.hold.from, noted.hold.to.unwrap_or(now).min(now));
                let mut removed_before = Vec::new();
                for camera in &noted.hold.cameras {
                    let removed = self.catalogue.removed(camera, span)?.into_iter().filter_map(|r| r.intersect(span));
                    removed_before.extend(removed.map(|s| (camera.clone(), s)));
                }
                Ok(Told::Noted { noted, removed_before })
            }
            Ask::Release { id, person, reason } => {
                let noted = self.holds.release(&id, &person, &reason, now)?;
                Ok(Told::Noted { noted, removed_before: Vec::new() })
            }
        }
    }

    fn page(&self, ask: &PlanAsk, now: WallTime) -> Result<PlanPage, OfficeError> {
        // Every page is of the same moment.
        let now = ask.next.as_ref().map_or(now, |next| next.now);
        let facts = self.facts(now, ask.at)?;
        let mut planner = match &ask.next {
            Some(next) => next.planner.clone(),
            None => Planner::new(&facts, ask.detail),
        };
        let mut page = PlanPage { now: facts.now, roots: facts.roots.clone(), days: Vec::new(), next: None };
        let mut files = 0;
        for (date, camera) in self.camera_days(ask.next.as_ref().map(|n| &n.after))? {
            let rows = || self.catalogue.day(&camera, date);
            let plans = planner.day(&facts, self.proof(), &camera, date, rows)?;
            if ask.camera.as_ref().is_none_or(|only| only == &camera) {
                files += plans.iter().map(|p| p.files.len()).sum::<usize>();
                page.days.extend(plans);
            }
            if page.days.len() >= PAGE_DAYS || files >= PAGE_FILES {
                page.next = Some(NextPage { after: (date, camera), planner, now });
                break;
            }
        }
        Ok(page)
    }
}

/// A time that can be reckoned with: a clock beyond all measure is held at its ends.
fn reckonable(now: WallTime) -> WallTime {
    now.clamp(WallTime::from_micros(0), LAST_NOW)
}

fn space(root: &StorageRoot, target: FreeTarget) -> Option<RootSpace> {
    let stats = fs2::statvfs(&root.path).ok()?;
    let total = stats.total_space();
    Some(RootSpace {
        root: root.path.to_string_lossy().into_owned(),
        device: std::fs::metadata(&root.path).ok()?.dev(),
        total,
        free: stats.available_space(),
        target: target.bytes(total, root.reserve_bytes()),
    })
}
