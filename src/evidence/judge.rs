//! Files, manifests and removals of one camera against each other. [`read`] touches the disk, all judgement is pure.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use chrono::NaiveDate;

use super::Keyring;
use super::due::{dates_in, digest, numbers};
use super::manifest::{self, Manifest, REMOVED, Reference, RunOfDay};
use super::note;
use crate::hall::CameraId;
use crate::segment::verify::chain::Bridge;
use crate::segment::verify::file::{Examined, Tail};
use crate::segment::verify::{Problem, ProblemKind};
use crate::time::{MICROS_PER_SECOND, Span, WallTime};

/// A running recorder has written a day's manifest this long after its end.
const WRITTEN_BY_MICROS: i64 = 2 * 3600 * MICROS_PER_SECOND;

/// A manifest as found in one folder.
#[derive(Clone, Debug)]
pub struct Found {
    /// Which manifest of the day, from 1.
    pub n: u32,
    /// Its file in full.
    pub path: PathBuf,
    /// What it says; why it does not count otherwise.
    pub told: Result<Told, String>,
}

/// What a manifest whose signature holds says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The manifest.
    pub manifest: Manifest,
    /// SHA-256 of its bytes.
    pub digest: String,
    /// Id of the key that signed it.
    pub key: String,
}

/// The notes of one camera's day, from all storage roots.
#[derive(Clone, Debug, Default)]
pub struct Day {
    /// The day's folders.
    pub folders: Vec<PathBuf>,
    /// Manifests.
    pub manifests: Vec<Found>,
    /// Notes of removal: their files, and why one does not count.
    pub removals: Vec<(PathBuf, Result<(), String>)>,
}

impl Day {
    /// The newest manifest that counts; of copies the first root's.
    pub fn newest(&self) -> Option<(&Found, &Told)> {
        self.manifests.iter().filter_map(|f| Some((f, f.told.as_ref().ok()?))).min_by_key(|(f, _)| std::cmp::Reverse(f.n))
    }

    /// True when retention removed the day and signed for it.
    pub fn is_removed(&self) -> bool {
        self.removals.iter().any(|(_, counts)| counts.is_ok())
    }
}

/// The days of one camera that have a folder.
pub type Days = BTreeMap<NaiveDate, Day>;

/// Reads the notes of `camera` under `roots`.
pub fn read(roots: &[&Path], camera: &CameraId, ring: &Keyring) -> Days {
    let mut days = Days::new();
    for root in roots {
        let folder = root.join(camera.as_str());
        for date in dates_in(&folder) {
            let folder = folder.join(date.to_string());
            let day = days.entry(date).or_default();
            for n in numbers(&folder) {
                let name = manifest::name(n);
                day.manifests.push(Found { n, path: folder.join(&name), told: told(&folder, &name, camera, date, ring) });
            }
            match note::read(&folder, REMOVED, ring) {
                Ok(None) => {}
                Ok(Some(signed)) => day.removals.push((folder.join(REMOVED), speaks_of(&signed.bytes, camera, date))),
                Err(e) => day.removals.push((folder.join(REMOVED), Err(e.to_string()))),
            }
            day.folders.push(folder);
        }
    }
    days
}

fn told(folder: &Path, name: &str, camera: &CameraId, date: NaiveDate, ring: &Keyring) -> Result<Told, String> {
    let signed = note::read(folder, name, ring).map_err(|e| e.to_string())?;
    let signed = signed.ok_or_else(|| "it is gone".to_owned())?;
    let manifest = Manifest::read(&signed.bytes, camera, date)?;
    Ok(Told { manifest, digest: digest(&signed.bytes), key: signed.key })
}

/// A removal must speak of the day it lies with.
fn speaks_of(bytes: &[u8], camera: &CameraId, date: NaiveDate) -> Result<(), String> {
    #[derive(serde::Deserialize)]
    struct Removal {
        camera: CameraId,
        date: NaiveDate,
    }
    let told: Removal = serde_json::from_slice(bytes).map_err(|e| format!("not a note of removal: {e}"))?;
    if (&told.camera, told.date) == (camera, date) {
        return Ok(());
    }
    Err(format!("it tells that {} of {} was removed", told.camera, told.date))
}

/// What stands in place of files that retention removed: the chain goes on over them.
pub fn bridges(days: &Days) -> Vec<Bridge> {
    let removed = days.values().filter(|day| day.is_removed()).filter_map(Day::newest);
    let runs = removed.flat_map(|(found, told)| told.manifest.runs.iter().map(|run| (found.path.display().to_string(), run)));
    runs.map(|(file, run)| Bridge {
        file,
        run: run.run.clone(),
        first: run.first,
        last: run.last,
        previous: run.previous.clone(),
        head: run.head.clone(),
    })
    .collect()
}

/// What the judgement depends on besides notes and files.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances {
    /// The present.
    pub now: WallTime,
    /// True while a recorder runs: it writes the manifests that are due.
    pub running: bool,
    /// What was asked for: only days that lie wholly inside can be found incomplete.
    pub asked: Span,
    /// True when every storage root of hall.toml is there.
    pub all_roots: bool,
}

/// Judges the days of one camera. `files` are all of the camera's files that begin in the span asked for.
pub fn judge(days: &Days, files: &[Examined], circumstances: Circumstances) -> Vec<Problem> {
    let mut by_date: BTreeMap<NaiveDate, Vec<&Examined>> = BTreeMap::new();
    for file in files {
        let date = file.relative.components().nth(1).and_then(|c| c.as_os_str().to_str()?.parse().ok());
        if let Some(date) = date {
            by_date.entry(date).or_default().push(file);
        }
    }
    let whole = |date: NaiveDate| {
        manifest::day(date).is_some_and(|day| circumstances.asked.from <= day.from && day.to <= circumstances.asked.to)
    };
    let newest_summed_up = days.iter().rev().find(|(_, day)| day.newest().is_some()).map(|(date, _)| *date);
    let mut problems = Vec::new();
    let mut dates: BTreeSet<NaiveDate> = days.keys().copied().collect();
    dates.extend(by_date.keys());
    for date in dates.into_iter().filter(|date| whole(*date)) {
        let nothing = Day::default();
        let day = days.get(&date).unwrap_or(&nothing);
        let files = by_date.get(&date).map_or(&[][..], Vec::as_slice);
        judge_notes(day, &mut problems);
        if let Some((found, told)) = day.newest() {
            follow(days, found, &told.manifest, circumstances, &mut problems);
            if files.is_empty() && day.is_removed() {
                continue;
            }
            if files.is_empty() && circumstances.all_roots {
                let detail = format!(
                    "{} segments in {} bytes are gone and no removal is signed for",
                    told.manifest.segments, told.manifest.bytes
                );
                problems.push(Problem::new(place(day, found), ProblemKind::DayMissing, detail));
                continue;
            }
            judge_files(found, &told.manifest, files, circumstances.all_roots && !day.is_removed(), &mut problems);
        } else if !day.is_removed() && files.iter().any(|f| matches!(f.tail, Tail::Sealed { .. })) {
            let later = newest_summed_up.is_some_and(|newest| newest > date);
            let late = manifest::day(date).is_some_and(|d| circumstances.now.micros_since(d.to) > WRITTEN_BY_MICROS);
            if day.manifests.is_empty() && late && (later || circumstances.running) {
                let folder = day.folders.first().map_or_else(|| date.to_string(), |f| f.display().to_string());
                let detail = if later { "later days have theirs" } else { "the recorder runs and should have written it" };
                problems.push(Problem::new(folder, ProblemKind::ManifestMissing, format!("{} files, {detail}", files.len())));
            }
        }
    }
    problems
}

fn place(day: &Day, found: &Found) -> String {
    let folder = found.path.parent().or(day.folders.first().map(PathBuf::as_path));
    folder.map(|f| f.display().to_string()).unwrap_or_default()
}

/// Notes that do not count, and copies that differ.
fn judge_notes(day: &Day, problems: &mut Vec<Problem>) {
    let mut first: BTreeMap<u32, &Told> = BTreeMap::new();
    for found in &day.manifests {
        match &found.told {
            Err(reason) => problems.push(Problem::new(found.path.display().to_string(), ProblemKind::ManifestInvalid, reason)),
            Ok(told) => {
                let standard = first.entry(found.n).or_insert(told);
                if standard.digest != told.digest {
                    let detail = "the manifest of the same number on another storage root tells something else";
                    problems.push(Problem::new(found.path.display().to_string(), ProblemKind::ManifestMismatch, detail));
                }
            }
        }
    }
    for (path, counts) in &day.removals {
        if let Err(reason) = counts {
            problems.push(Problem::new(path.display().to_string(), ProblemKind::ManifestInvalid, reason));
        }
    }
}

/// The earlier day's manifest that this one names must be there.
fn follow(days: &Days, found: &Found, manifest: &Manifest, circumstances: Circumstances, problems: &mut Vec<Problem>) {
    let Some(Reference { date, name, digest }) = &manifest.follows else { return };
    let standing = days.get(date).into_iter().flat_map(|day| &day.manifests).any(|f| {
        // One that does not hold any more is told with its own day.
        f.told.as_ref().map_or(f.path.ends_with(name), |told| &told.digest == digest)
    });
    if !standing && circumstances.all_roots {
        let camera_folder = found.path.parent().and_then(Path::parent).unwrap_or(Path::new(""));
        let gone = camera_folder.join(date.to_string()).join(name);
        let detail = format!("{} names it as the one before (SHA-256 {digest}), and it is gone", found.path.display());
        problems.push(Problem::new(gone.display().to_string(), ProblemKind::DayMissing, detail));
    }
}

/// The day's files against its manifest. `complete`: every file that the manifest tells of should be there.
fn judge_files(found: &Found, manifest: &Manifest, files: &[&Examined], complete: bool, problems: &mut Vec<Problem>) {
    let path = found.path.display().to_string();
    let mut there: HashMap<&str, BTreeMap<u32, Vec<&Examined>>> = HashMap::new();
    for file in files {
        let Ok(identity) = &file.identity else { continue };
        if file.is_renamed() || file.is_empty() {
            // Told as such.
            continue;
        }
        let known = manifest.run(&identity.run).filter(|r| (r.first..=r.last).contains(&identity.number));
        if known.is_none() {
            let detail = format!("{path} knows no number {} of run {} on this day", identity.number, identity.run);
            problems.push(Problem::new(file.path(), ProblemKind::ManifestMismatch, detail));
            continue;
        }
        there.entry(&identity.run).or_default().entry(identity.number).or_default().push(file);
    }
    for run in &manifest.runs {
        let nothing = BTreeMap::new();
        let numbers = there.get(run.run.as_str()).unwrap_or(&nothing);
        judge_ends(&path, run, numbers, problems);
        let missing = u64::from(run.count).saturating_sub(numbers.len() as u64);
        if complete && missing > 0 {
            let absent: Vec<u32> = (run.first..=run.last).filter(|n| !numbers.contains_key(n)).collect();
            let detail =
                format!("run {}: {missing} of {} segments are not there: number {}", run.run, run.count, ranges(&absent));
            problems.push(Problem::new(&path, ProblemKind::ManifestMismatch, detail));
        }
    }
}

/// The first and the last file of a run's day: their place in the chain.
fn judge_ends(path: &str, run: &RunOfDay, numbers: &BTreeMap<u32, Vec<&Examined>>, problems: &mut Vec<Problem>) {
    for file in numbers.get(&run.first).into_iter().flatten() {
        let named = file.identity.as_ref().ok().and_then(|i| i.previous.as_ref());
        if named != run.previous.as_ref() {
            let none = || "none".to_owned();
            let detail = format!(
                "{path} says that it follows {}, the file says {}",
                run.previous.clone().unwrap_or_else(none),
                named.cloned().unwrap_or_else(none)
            );
            problems.push(Problem::new(file.path(), ProblemKind::ManifestMismatch, detail));
        }
    }
    for file in numbers.get(&run.last).into_iter().flatten() {
        if let Tail::Sealed { seal, digest, .. } = &file.tail
            && ![&seal.digest, digest].contains(&&run.head)
        {
            let detail = format!("{path} ends run {} with the digest {}, the file has {}", run.run, run.head, seal.digest);
            problems.push(Problem::new(file.path(), ProblemKind::ManifestMismatch, detail));
        }
    }
}

/// Numbers in order as ranges: `3, 7 to 9`.
fn ranges(numbers: &[u32]) -> String {
    let mut told: Vec<String> = Vec::new();
    for group in numbers.chunk_by(|a, b| a + 1 == *b) {
        match group {
            [only] => told.push(only.to_string()),
            [first, .., last] => told.push(format!("{first} to {last}")),
            [] => {}
        }
    }
    told.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_told_as_ranges() {
        assert_eq!(ranges(&[3, 7, 8, 9, 11]), "3, 7 to 9, 11");
        assert_eq!(ranges(&[]), "");
    }
}
