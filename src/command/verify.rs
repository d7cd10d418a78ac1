//! `jiancha verify`: every recorded file against its digest, its run's chain, the catalogue and the signed manifests of its day.

mod pace;
mod progress;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use chrono::NaiveDate;

use serde::Serialize;

use self::pace::Pace;
pub(super) use self::pace::mega;
use self::progress::{CameraDone, Progress};
use super::{ConfigArg, Outcome, complain, load_hall, print_json};
use crate::catalogue::{Catalogue, SegmentRow, Store};
use crate::daemon::control::{Answer, Question, ask, ask_segments};
use crate::evidence::judge::{self as days, Circumstances, Days};
use crate::evidence::{Keyring, PublicHalf, manifest};
use crate::hall::{CameraId, Hall};
use crate::segment::adopt::files_of;
use crate::segment::verify::file::{Examined, begun, examine};
use crate::segment::verify::{Problem, ProblemKind, camera_folders, chain};
use crate::time::{Clock as _, MICROS_PER_SECOND, Span, SystemClock, WallTime};

/// A file that grew so lately is still being written: while one run is drained, the next one's file is newer.
const STILL_WRITTEN: Duration = Duration::from_secs(60);

/// A seal is synced together with those of the other cameras, and only then told to the catalogue: its row follows within this time.
const ROW_FOLLOWS: Duration = Duration::from_millis(1500);

/// Later than any recording, and still a time that RFC 3339 can write: 9999-01-01.
const LATEST: WallTime = WallTime::from_micros(253_370_764_800_000_000);

/// Arguments of `jiancha verify`.
#[derive(clap::Args)]
#[command(after_help = "Exit code 0: nothing found; 1: problems; 2: it could not be done. The recorder may run meanwhile.\n\
Example, one day of one camera at no more than 40 MB/s:\n  \
jiancha verify --camera C3 --from 2026-11-22T00:00:00+08:00 --to 2026-11-23T00:00:00+08:00 --rate-limit 40\n\
Example, everything, in as many sittings as it takes:\n  \
jiancha verify --resume")]
pub struct VerifyArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// Only this camera.
    #[arg(long, value_name = "ID")]
    camera: Option<String>,
    /// Only files that reach past this time.
    #[arg(long, value_name = "TIME")]
    from: Option<WallTime>,
    /// Only files that begin before this time.
    #[arg(long, value_name = "TIME")]
    to: Option<WallTime>,
    /// Read no faster than this many megabytes a second.
    #[arg(long, value_name = "MB/s", value_parser = rate)]
    rate_limit: Option<f64>,
    /// Go on where an interrupted `verify --resume` stopped; begins anew when there is none. What is done is kept beside the catalogue.
    #[arg(long)]
    resume: bool,
    /// Keep what is done in this file instead; goes on from it when it is there.
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// A public key (PEM) that manifests may be signed with, besides those beside the recorder's own. May be given several times.
    #[arg(long, value_name = "FILE")]
    key: Vec<PathBuf>,
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
}

fn rate(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|r: &f64| r.is_finite() && *r > 0.0)
        .ok_or_else(|| "expected a number above zero, such as 40".into())
}

#[derive(Serialize)]
struct Printed {
    segments: u64,
    bytes: u64,
    /// Files a kill left before their first picture: no recording, no problem.
    empty: u64,
    /// Segments of an interrupted verify that were not read again.
    resumed: u64,
    /// Signed manifests that hold, by the id of the key that signed them.
    manifests: BTreeMap<String, u64>,
    seconds: f64,
    problems: Vec<Problem>,
}

/// Verifies. Exit code 0 without problems, 1 with problems, 2 when it cannot be done.
pub fn run(args: &VerifyArgs) -> Outcome {
    let Some(hall) = load_hall(&args.config, crate::hall::load_without_secrets) else { return Outcome::Failed };
    match Verify::new(&hall, args).and_then(Verify::work) {
        Ok(printed) => {
            let outcome = if printed.problems.is_empty() { Outcome::Good } else { Outcome::Findings };
            if args.json {
                print_json(&printed)
            } else {
                print_table(&printed)
            }
            outcome
        }
        Err(e) => complain(&e),
    }
}

struct Verify<'a> {
    hall: &'a Hall,
    /// Storage roots that are there.
    roots: Vec<&'a Path>,
    /// What was asked for.
    asked: Span,
    /// Files and rows that begin in here are looked at.
    span: Span,
    only: Option<CameraId>,
    ring: Keyring,
    pace: Pace,
    progress: Progress,
    told: Printed,
}

/// The catalogue's word on one camera.
struct Known {
    /// `None` without a catalogue.
    rows: Option<Vec<SegmentRow>>,
    running: bool,
}

impl<'a> Verify<'a> {
    fn new(hall: &'a Hall, args: &VerifyArgs) -> Result<Self, String> {
        let asked = Span::new(args.from.unwrap_or(WallTime::from_micros(0)), args.to.unwrap_or(LATEST));
        if asked.is_empty() {
            return Err(format!("--from {} is not before --to {}", asked.from, asked.to));
        }
        // A segment reaches as far as its length and one key frame distance into what follows; paths tell whole seconds.
        let reach = (i64::from(hall.recording.segment_seconds) + 60) * MICROS_PER_SECOND;
        let from = if args.from.is_some() { asked.from.plus_micros(-reach).floor_second() } else { asked.from };
        let told = Printed {
            segments: 0,
            bytes: 0,
            empty: 0,
            resumed: 0,
            manifests: BTreeMap::new(),
            seconds: 0.0,
            problems: Vec::new(),
        };
        let only = args.camera.as_deref().map(CameraId::new);
        let mut ring = Keyring::beside(&hall.evidence.key).map_err(|e| e.to_string())?;
        for key in &args.key {
            ring.add(PublicHalf::read(key).map_err(|e| e.to_string())?);
        }
        let state = match (&args.state, args.resume) {
            (Some(file), _) => Some(file.clone()),
            (None, true) if hall.recording.catalogue.is_dir() => Some(hall.recording.catalogue.join("verify-state.jsonl")),
            (None, true) => {
                return Err(format!(
                    "no catalogue folder at {} to keep what is done: name a file with --state",
                    hall.recording.catalogue.display()
                ));
            }
            (None, false) => None,
        };
        let progress = match state {
            Some(file) => Progress::open(&file, &progress::Header::new(hall, asked, only.as_ref()))?,
            None => Progress::none(),
        };
        let pace = Pace::new(args.rate_limit);
        Ok(Self { hall, roots: Vec::new(), asked, span: Span::new(from, asked.to), only, ring, pace, progress, told })
    }

    fn work(mut self) -> Result<Printed, String> {
        let began = Instant::now();
        for root in &self.hall.storage {
            match camera_folders(&root.path) {
                Ok(_) => self.roots.push(&root.path),
                Err(e) => self.tell(Problem::new(root.path.display().to_string(), ProblemKind::Unreadable, e.to_string())),
            }
        }
        let cameras = self.cameras()?;
        for camera in &cameras {
            if self.progress.done(camera).is_none() {
                for (_, path) in self.files(camera)? {
                    self.pace.expect(std::fs::metadata(path).map_or(0, |m| m.len()));
                }
            }
        }
        for camera in &cameras {
            let done = match self.progress.done(camera) {
                Some(done) => {
                    self.told.resumed += done.segments;
                    done
                }
                None => {
                    let done = self.camera(camera)?;
                    self.progress.finish(camera, &done)?;
                    done
                }
            };
            self.told.segments += done.segments;
            self.told.bytes += done.bytes;
            self.told.empty += done.empty;
            self.told.problems.extend(done.problems);
            for (key, n) in done.manifests {
                *self.told.manifests.entry(key).or_default() += n;
            }
        }
        if self.told.segments > 0 && !self.hall.recording.catalogue.exists() {
            let folder = self.hall.recording.catalogue.display().to_string();
            self.tell(Problem::new(folder, ProblemKind::CatalogueMissing, "there is no catalogue at all"));
        }
        self.progress.clear()?;
        self.pace.clear();
        self.told.seconds = began.elapsed().as_secs_f64();
        Ok(self.told)
    }

    fn tell(&mut self, problem: Problem) {
        self.told.problems.push(problem);
    }

    /// Cameras of hall.toml, of the folders and of the catalogue.
    fn cameras(&self) -> Result<Vec<CameraId>, String> {
        let mut names: BTreeSet<String> = self.hall.cameras.iter().map(|c| c.id.to_string()).collect();
        for root in &self.roots {
            names.extend(camera_folders(root).map_err(|e| format!("list {}: {e}", root.display()))?);
        }
        let folder = &self.hall.recording.catalogue;
        match ask(folder, &Question::Cameras)? {
            Some(Answer::Cameras(known)) => names.extend(known.iter().map(ToString::to_string)),
            Some(Answer::Refused(reason)) => return Err(reason),
            Some(_) => return Err("the running recorder answered another question than the one asked".to_owned()),
            None if folder.exists() => {
                names.extend(open(folder)?.cameras().map_err(|e| e.to_string())?.iter().map(ToString::to_string));
            }
            None => {}
        }
        if let Some(only) = &self.only {
            if !names.contains(only.as_str()) {
                let known: Vec<_> = names.into_iter().collect();
                return Err(format!(
                    "no camera {only} in hall.toml, the storage roots or the catalogue (known: {})",
                    known.join(", ")
                ));
            }
            return Ok(vec![only.clone()]);
        }
        Ok(names.into_iter().map(CameraId::new).collect())
    }

    /// The files of a camera in all roots that begin in the span, oldest first. A path that tells no time always counts.
    fn files(&self, camera: &CameraId) -> Result<Vec<(PathBuf, PathBuf)>, String> {
        let mut files = Vec::new();
        for root in &self.roots {
            let list = files_of(root, camera.as_str())
                .map_err(|e| format!("list recordings of {camera} in {}: {e}", root.display()))?;
            for path in list {
                let relative = path.strip_prefix(root).unwrap_or(&path);
                let begun = begun(relative);
                if begun.is_none_or(|t| self.span.contains(t)) {
                    files.push((begun, relative.to_owned(), (*root).to_owned(), path));
                }
            }
        }
        files.sort();
        Ok(files.into_iter().map(|(_, _, root, path)| (root, path)).collect())
    }

    fn known(&self, camera: &CameraId) -> Result<Known, String> {
        let folder = &self.hall.recording.catalogue;
        let inside = |rows: Vec<SegmentRow>| rows.into_iter().filter(|r| self.span.contains(r.from.floor_second())).collect();
        if let Some(rows) = ask_segments(folder, camera, self.span)? {
            return Ok(Known { rows: Some(inside(rows)), running: true });
        }
        if !folder.exists() {
            return Ok(Known { rows: None, running: false });
        }
        // Closed again at once: a recorder that starts meanwhile finds its catalogue free.
        let rows = open(folder)?.segments_begun(camera, self.span, usize::MAX).map_err(|e| e.to_string())?;
        Ok(Known { rows: Some(inside(rows)), running: false })
    }

    fn camera(&mut self, camera: &CameraId) -> Result<CameraDone, String> {
        let known = self.known(camera)?;
        let listed = self.files(camera)?;
        let newest = listed.len().saturating_sub(1);
        let (mut files, mut open_expected) = (Vec::new(), Vec::new());
        let mut done = CameraDone::default();
        for (n, (root, path)) in listed.iter().enumerate() {
            let growing = known.running && (n == newest || is_young(path));
            if let Some(file) = self.examine(camera, root, path)? {
                done.segments += 1;
                done.bytes += file.length;
                files.push(file);
                open_expected.push(growing);
            }
        }
        let days = days::read(&self.roots, camera, &self.ring);
        for told in days.values().flat_map(|d| &d.manifests).filter_map(|f| f.told.as_ref().ok()) {
            *done.manifests.entry(told.key.clone()).or_default() += 1;
        }
        let rows = known.rows.as_deref().unwrap_or_default();
        self.judge_files(&files, &open_expected, rows, &mut done);
        done.problems.extend(chain::judge(&files, &days::bridges(&days), self.asked.from.as_micros() > 0));
        let circumstances = Circumstances {
            now: SystemClock::new().wall(),
            running: known.running,
            asked: self.asked,
            all_roots: self.roots.len() == self.hall.storage.len(),
        };
        let of_days = days::judge(&days, &files, circumstances);
        let gone = gone_days(&days, &of_days);
        done.problems.extend(of_days);
        let mut disagreements = known.rows.as_ref().map_or(Vec::new(), |rows| self.compare(&files, rows, &gone));
        // The recorder went on while the files were read: what was so then may be told by now.
        for pause in [Duration::ZERO, ROW_FOLLOWS] {
            if known.running && !disagreements.is_empty() {
                std::thread::sleep(pause);
                disagreements = self.compare(&files, &self.known(camera)?.rows.unwrap_or_default(), &gone);
            }
        }
        done.problems.extend(disagreements);
        Ok(done)
    }

    /// Reads a file, unless an interrupted verify has read it as it still is.
    fn examine(&mut self, camera: &CameraId, root: &Path, path: &Path) -> Result<Option<Examined>, String> {
        let relative = path.strip_prefix(root).unwrap_or(path);
        if let Some(file) = self.progress.examined(root, relative, path) {
            self.told.resumed += 1;
            self.pace.skip(file.length);
            return Ok(Some(file));
        }
        self.pace.at(camera);
        let pace = &mut self.pace;
        let file = examine(root, relative, &mut |bytes| pace.read(bytes));
        if let Some(file) = &file {
            self.progress.note(file, path)?;
        }
        Ok(file)
    }

    /// Each file alone.
    fn judge_files(&self, files: &[Examined], open_expected: &[bool], rows: &[SegmentRow], done: &mut CameraDone) {
        let rows = chain::by_path(rows);
        let last = chain::followed(files);
        for (file, open_expected) in files.iter().zip(open_expected) {
            let row = row_of(&rows, file);
            let followed = file.identity.as_ref().is_ok_and(|i| last.get(&i.run).is_some_and(|n| *n > i.number));
            let empty = file.is_empty() && row.is_none() && !followed;
            done.empty += u64::from(empty && !open_expected);
            done.problems.extend(file.judge(*open_expected || empty, row));
        }
    }

    /// Sound files against rows, rows against files. Rows of the days `gone` are told of with their day.
    fn compare(&self, files: &[Examined], rows: &[SegmentRow], gone: &BTreeSet<NaiveDate>) -> Vec<Problem> {
        let by_path = chain::by_path(rows);
        let sound = files.iter().filter(|f| f.judge(true, None).is_empty());
        let mut problems: Vec<Problem> = sound.filter_map(|f| chain::compare(f, row_of(&by_path, f))).collect();
        let there: HashSet<String> = files.iter().map(Examined::path).collect();
        // What lies on a root that is not there was told with the root.
        let missing_root =
            |root: &str| self.hall.storage.iter().any(|r| r.path == Path::new(root) && !self.roots.contains(&r.path.as_path()));
        for row in rows.iter().filter(|row| !gone.contains(&manifest::date_of(row.from))) {
            let path = Path::new(&row.root).join(&row.path);
            if !there.contains(&path.display().to_string()) && !missing_root(&row.root) && !path.exists() {
                let detail = format!("recorded from {} to {}, number {} of run {}", row.from, row.to, row.number, row.run);
                problems.push(Problem::new(path.display().to_string(), ProblemKind::FileMissing, detail));
            }
        }
        problems
    }
}

/// Days whose files are gone as a whole: removed, or told of as missing.
fn gone_days(days: &Days, problems: &[Problem]) -> BTreeSet<NaiveDate> {
    let missing: HashSet<&str> =
        problems.iter().filter(|p| p.kind == ProblemKind::DayMissing).map(|p| p.file.as_str()).collect();
    let gone = |day: &days::Day| day.is_removed() || day.folders.iter().any(|f| missing.contains(f.to_string_lossy().as_ref()));
    days.iter().filter(|(_, day)| gone(day)).map(|(date, _)| *date).collect()
}

fn row_of<'r>(rows: &std::collections::HashMap<(&str, &str), &'r SegmentRow>, file: &Examined) -> Option<&'r SegmentRow> {
    rows.get(&(file.root.to_string_lossy().as_ref(), file.relative.to_string_lossy().as_ref())).copied()
}

fn open(folder: &Path) -> Result<Catalogue, String> {
    Store::open(folder).and_then(|store| Catalogue::open(Arc::new(store))).map_err(|e| e.to_string())
}

fn is_young(path: &Path) -> bool {
    let modified = std::fs::metadata(path).and_then(|m| m.modified());
    modified.is_ok_and(|t| SystemTime::now().duration_since(t).map_or(true, |age| age < STILL_WRITTEN))
}

/// Writes to standard output; a pipe that closes early ends it quietly.
fn print_table(printed: &Printed) {
    let mut out = std::io::stdout().lock();
    let mut print = || -> std::io::Result<()> {
        for p in &printed.problems {
            writeln!(out, "{}  {}", p.kind.word(), p.file)?;
            writeln!(out, "    {} {}", p.what.zh, p.what.en)?;
            writeln!(out, "    {}", p.detail)?;
            writeln!(out, "    → {} {}", p.remedy.zh, p.remedy.en)?;
        }
        for (key, n) in &printed.manifests {
            writeln!(out, "{n} 份日清单由密钥 {key} 签署 manifests signed by key {key}")?;
        }
        writeln!(
            out,
            "{} 段录像 segments, {:.1} MB, {} 个问题 problems, {:.1} s",
            printed.segments,
            mega(printed.bytes),
            printed.problems.len(),
            printed.seconds
        )
    };
    let _ = print();
}
