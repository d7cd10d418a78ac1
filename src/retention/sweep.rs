//! The sweeper (清理): carries a plan out, camera-day by camera-day, with a journal.
//!
//! For each camera-day and root that goes: the journal notes it, `removed.json` is written and signed beside the day, everything is
//! asked again, then file after file is removed unless a hold came meanwhile; at last the rows go and the journal notes the end.
//! Trouble with one day is told and does not stop the others.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::clock::ClockWatch;
use super::folder::{DayFolder, Gone};
use super::hold::Kept;
use super::journal::{Removal, RemovalEnd};
use super::note::{REMOVED_NOTE, RemovedNote};
use super::office::{Office, OfficeError};
use super::plan::{Detail, Facts, Planner, in_place};
use super::reason::Decision;
use crate::catalogue::{SegmentRow, StoreError};
use crate::evidence::NoteWriter;
use crate::hall::CameraId;
use crate::time::{Span, WallTime};

/// Segments this close are one removed span.
const SPAN_SLACK_MICROS: i64 = 500_000;

/// A camera-day that a sweep did something about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Swept {
    /// Whose recording.
    pub camera: CameraId,
    /// Which date.
    pub date: NaiveDate,
    /// On which storage root.
    pub root: String,
    /// Files removed by this sweep.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// What went wrong or why the rest stayed; `None` when the day is gone.
    pub trouble: Option<String>,
}

/// What a sweep did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SweepReport {
    /// Camera-days removed, or in trouble.
    pub days: Vec<Swept>,
    /// Files removed.
    pub files: u64,
    /// Bytes freed.
    pub bytes: u64,
    /// True when the limit of work was reached: sweep again soon.
    pub more: bool,
}

/// Why a sweep cannot be done at all.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// The facts cannot be gathered.
    #[error(transparent)]
    Office(#[from] OfficeError),
    /// The catalogue refuses.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why one camera-day was left.
enum DayError {
    Trouble(String),
    /// A test cuts the sweep here, as a kill would.
    #[cfg(test)]
    Cut,
}

impl<E: std::error::Error> From<E> for DayError {
    fn from(e: E) -> Self {
        Self::Trouble(e.to_string())
    }
}

/// What a note tells of a removal.
struct Figures {
    files: u64,
    bytes: u64,
    /// Of the rows that are there.
    spans: Vec<Span>,
    left_bytes: u64,
}

impl Figures {
    /// A removal as it was planned, with the rows that are there now.
    fn of(removal: &Removal, rows: &[SegmentRow]) -> Self {
        let left_bytes = rows.iter().map(|r| r.bytes).fold(0, u64::saturating_add);
        let spans = rows.iter().map(SegmentRow::span).collect();
        Self { files: removal.files, bytes: removal.bytes, spans, left_bytes }
    }
}

/// Carries plans out.
pub struct Sweeper {
    office: Arc<Office>,
    notes: Arc<dyn NoteWriter>,
    watch: Mutex<ClockWatch>,
    /// Steps left until the cut.
    #[cfg(test)]
    pub(super) cut_after: std::sync::atomic::AtomicUsize,
}

impl Sweeper {
    /// A sweeper of `office` whose notes are written by `notes`.
    pub fn new(office: Arc<Office>, notes: Arc<dyn NoteWriter>) -> Self {
        Self {
            office,
            notes,
            watch: Mutex::default(),
            #[cfg(test)]
            cut_after: std::sync::atomic::AtomicUsize::new(usize::MAX),
        }
    }

    /// Removes what may go, at most `most_files` files, oldest first; finishes what an earlier sweep began. `monotonic` is the time
    /// of the same clock as `now`: a wall clock that leaves it was set. Blocks on the disk; call it on a thread that may.
    ///
    /// # Errors
    /// [`SweepError`] when nothing can be done. Trouble with one day is in the report.
    pub fn sweep(&self, now: WallTime, monotonic: Duration, most_files: u64) -> Result<SweepReport, SweepError> {
        let (passed, stepped) = self.watch.lock().unwrap_or_else(PoisonError::into_inner).look(now, monotonic);
        self.office.note_awake(now, passed, stepped.is_some())?;
        if let Err(e) = self.office.holds().spread() {
            tracing::error!("{e}");
        }
        let mut facts = self.office.facts(now, None)?;
        facts.doubt = stepped.or(facts.doubt);
        let mut report = SweepReport::default();
        for removal in self.office.journal().unfinished()? {
            if report.files >= most_files {
                report.more = true;
                return Ok(report);
            }
            if !self.take_away(&facts, &removal, true, most_files, &mut report) {
                return Ok(report);
            }
        }
        let mut planner = Planner::new(&facts, Detail::Decisions);
        for (date, camera) in self.office.camera_days(None)? {
            let rows = || self.office.catalogue().day(&camera, date);
            for plan in planner.day(&facts, self.office.proof(), &camera, date, rows)? {
                let (Decision::Go, Some(root)) = (plan.decision, plan.root) else { continue };
                if report.files >= most_files {
                    report.more = true;
                    return Ok(report);
                }
                if report.days.iter().any(|d| (&d.camera, d.date, &d.root) == (&camera, date, &root)) {
                    // It was taken up again above and is in trouble.
                    continue;
                }
                let removal = Removal {
                    camera: camera.clone(),
                    date,
                    root,
                    begun: now,
                    reason: plan.reason,
                    files: plan.segments.unwrap_or(0) as u64,
                    bytes: plan.bytes.unwrap_or(0),
                    end: None,
                };
                if !self.take_away(&facts, &removal, false, most_files, &mut report) {
                    return Ok(report);
                }
            }
        }
        Ok(report)
    }

    /// Removes one camera-day from one root; false when a test cut it.
    fn take_away(&self, facts: &Facts, removal: &Removal, resumed: bool, most_files: u64, report: &mut SweepReport) -> bool {
        let mut swept = Swept {
            camera: removal.camera.clone(),
            date: removal.date,
            root: removal.root.clone(),
            files: 0,
            bytes: 0,
            trouble: None,
        };
        let room = most_files.saturating_sub(report.files);
        let ended = self.remove_day(facts, removal, resumed, room, &mut swept);
        report.files += swept.files;
        report.bytes += swept.bytes;
        let going_on = match ended {
            Ok(finished) => {
                report.more |= !finished;
                true
            }
            Err(DayError::Trouble(trouble)) => {
                tracing::error!(camera = %swept.camera, date = %swept.date, root = swept.root, "retention: {trouble}");
                swept.trouble = Some(trouble);
                true
            }
            #[cfg(test)]
            Err(DayError::Cut) => false,
        };
        report.days.push(swept);
        going_on
    }

    /// The steps of one removal; false when the limit of work was reached before the end.
    fn remove_day(
        &self,
        facts: &Facts,
        removal: &Removal,
        resumed: bool,
        room: u64,
        swept: &mut Swept,
    ) -> Result<bool, DayError> {
        let office = &self.office;
        let (camera, date, root) = (&removal.camera, removal.date, Path::new(&removal.root));
        if !office.is_there(root) {
            return Err(DayError::Trouble(format!("storage root {} is not there: see `jiancha storage list`", root.display())));
        }
        let rows = self.rows(removal)?;
        if rows.is_empty() {
            self.end(removal, facts, None)?;
            return Ok(true);
        }
        self.step()?;
        office.journal().begin(removal)?;
        self.step()?;
        let open = match DayFolder::open(root, camera.as_str(), &date.to_string()) {
            Ok(open) => Some(open),
            // The whole folder was removed by someone: only rows are left.
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => None,
            Err(e) => return Err(DayError::Trouble(format!("open the folder of {camera} {date} on {}: {e}", root.display()))),
        };
        // A removal that was begun long ago may have lost its right since, and a hold may have come this very moment.
        let mut stopped = self.forbidden(facts, removal)?;
        if stopped.is_none() && open.is_some() {
            self.note(removal, facts, &Figures::of(removal, &rows), None)?;
            self.step()?;
            stopped = self.forbidden(facts, removal)?;
        }
        let (mut gone, mut kept, mut limited) = (Vec::new(), Vec::new(), false);
        for row in &rows {
            if stopped.is_none() && swept.files >= room {
                limited = true;
                break;
            }
            let removed = match (&open, &stopped) {
                (None, None) => Ok(Gone::Before),
                // What an earlier sweep removed before it was killed is accounted for.
                (_, Some(_)) if resumed && in_place(row, camera, date) => was_gone(root, row),
                (_, Some(_)) => continue,
                (Some(open), None) => match office.holds().unless_held(camera, row.span(), || open.remove(row)) {
                    Ok(removed) => removed,
                    Err(kept) => {
                        stopped = Some(match kept {
                            Kept::By(hold) => format!("hold {hold} was placed meanwhile"),
                            Kept::Perhaps => "the list of holds cannot be read".to_owned(),
                        });
                        continue;
                    }
                },
            };
            match removed {
                Ok(Gone::Removed) => {
                    swept.files += 1;
                    swept.bytes += row.bytes;
                    gone.push(row);
                    self.step()?;
                }
                Ok(Gone::Before) => gone.push(row),
                Ok(Gone::Other(why)) => kept.push(format!("{}: {why}", row.path)),
                Err(e) => kept.push(format!("{}: {e}", row.path)),
            }
        }
        if let Some(open) = &open {
            open.tidy()?;
        }
        self.step()?;
        // The files are gone for good; only now may the catalogue forget them.
        office.catalogue().note_removed(camera, &Span::join(gone.iter().map(|r| r.span()).collect(), SPAN_SLACK_MICROS))?;
        for row in gone {
            office.catalogue().remove_segment(row)?;
        }
        office.catalogue().flush()?;
        self.step()?;
        if limited {
            return Ok(false);
        }
        if stopped.is_none() && !kept.is_empty() {
            // It stays begun: the next sweep tries again, and says so again.
            let more = kept.len() - 1;
            return Err(DayError::Trouble(format!("{} files are not removed: {}", more + 1, kept.swap_remove(0))));
        }
        self.end(removal, facts, stopped.clone())?;
        stopped.map_or(Ok(true), |why| Err(DayError::Trouble(why)))
    }

    /// The rows of the camera-day on the root, as they are now.
    fn rows(&self, removal: &Removal) -> Result<Vec<SegmentRow>, StoreError> {
        let mut rows = self.office.catalogue().day(&removal.camera, removal.date)?.rows;
        rows.retain(|r| r.root == removal.root);
        Ok(rows)
    }

    /// Why the removal may not go on, asked anew of holds and rows.
    fn forbidden(&self, facts: &Facts, removal: &Removal) -> Result<Option<String>, StoreError> {
        let facts = self.office.with_holds_of_now(facts);
        let day = self.office.catalogue().day(&removal.camera, removal.date)?;
        let allowed = facts.may_go(&removal.camera, removal.date, &removal.root, &day, self.office.proof());
        Ok(allowed.err().map(|reason| reason.told().en))
    }

    fn end(&self, removal: &Removal, facts: &Facts, stopped: Option<String>) -> Result<(), DayError> {
        // What the rows still tell did not go.
        let left = self.rows(removal)?;
        let figures = Figures::of(removal, &left);
        let (files, bytes) =
            (removal.files.saturating_sub(left.len() as u64), removal.bytes.saturating_sub(figures.left_bytes));
        if stopped.is_some() {
            self.note(removal, facts, &Figures { files, bytes, ..figures }, stopped.as_deref())?;
        }
        let end = RemovalEnd { at: facts.now, files, bytes, stopped };
        self.office.journal().end(&Removal { end: Some(end), ..removal.clone() })?;
        self.step()
    }

    /// Writes the note beside the day. A note of the same removal is written anew, that of an earlier one goes into it.
    fn note(&self, removal: &Removal, facts: &Facts, figures: &Figures, stopped: Option<&str>) -> Result<(), DayError> {
        let folder = Path::new(&removal.root).join(removal.camera.as_str()).join(removal.date.to_string());
        let mut earlier = Vec::new();
        let mut spans = figures.spans.clone();
        let standing = std::fs::read(folder.join(REMOVED_NOTE)).unwrap_or_default();
        match serde_json::from_slice::<RemovedNote>(&standing) {
            // Taken up again: the rows of what has gone may be gone too.
            Ok(note) if note.at == removal.begun => {
                spans.extend(note.spans);
                earlier = note.earlier;
            }
            Ok(mut note) => {
                earlier = std::mem::take(&mut note.earlier);
                earlier.push(serde_json::to_value(&note)?);
            }
            Err(_) if standing.is_empty() => {}
            Err(_) => earlier.push(serde_json::Value::String(String::from_utf8_lossy(&standing).into_owned())),
        }
        let mut spans = Span::join(spans, SPAN_SLACK_MICROS);
        if stopped.is_some() {
            let left = Span::join(figures.spans.clone(), 0);
            spans = spans.into_iter().flat_map(|s| s.subtract(&left)).collect();
        }
        let words = removal.reason.told();
        let note = RemovedNote {
            camera: removal.camera.clone(),
            date: removal.date,
            at: removal.begun,
            rule: removal.reason.word().to_owned(),
            zh: words.zh,
            en: words.en,
            working_days: facts.settings.working_days,
            files: figures.files,
            bytes: figures.bytes,
            spans,
            stopped: stopped.map(str::to_owned),
            earlier,
        };
        let json = serde_json::to_vec_pretty(&note)?;
        if json == standing {
            return Ok(());
        }
        let fail = |e| DayError::Trouble(format!("write {}/{REMOVED_NOTE}: {e}; nothing more was removed", folder.display()));
        self.notes.write(&folder, REMOVED_NOTE, &json).map_err(fail)
    }

    #[cfg(not(test))]
    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "tests cut a sweep here")]
    fn step(&self) -> Result<(), DayError> {
        Ok(())
    }

    #[cfg(test)]
    fn step(&self) -> Result<(), DayError> {
        use std::sync::atomic::Ordering;
        match self.cut_after.load(Ordering::SeqCst) {
            0 => Err(DayError::Cut),
            left => {
                self.cut_after.store(left - 1, Ordering::SeqCst);
                Ok(())
            }
        }
    }
}

/// Whether the file of a row that is not to be removed (any more) is gone already.
fn was_gone(root: &Path, row: &SegmentRow) -> std::io::Result<Gone> {
    match std::fs::symlink_metadata(root.join(&row.path)) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(Gone::Before),
        Err(e) => Err(e),
        Ok(_) => Ok(Gone::Other("it stays".to_owned())),
    }
}

/// Writes notes without a signature: the sweep's own tests need no key.
#[cfg(test)]
#[derive(Clone, Copy, Debug, Default)]
struct UnsignedNotes;

#[cfg(test)]
impl NoteWriter for UnsignedNotes {
    fn write(&self, folder: &Path, name: &str, json: &[u8]) -> std::io::Result<()> {
        use std::io::Write as _;
        let new = folder.join(format!(".{name}.new"));
        let mut file = std::fs::File::create(&new)?;
        file.write_all(json)?;
        file.sync_all()?;
        std::fs::rename(&new, folder.join(name))?;
        std::fs::File::open(folder)?.sync_all()
    }
}

#[cfg(test)]
#[path = "sweep_tests.rs"]
mod tests;
