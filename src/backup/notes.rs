//! The notes of a camera-day (`manifest.json`, `removed.json`, `restored.json` and their signatures), which are copied too and stay
//! for ever.

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use chrono::NaiveDate;

use super::copy::Item;
use crate::segment::verify::camera_folders;
use crate::time::WallTime;

/// A note that changed this lately may still be written to.
const SETTLED: Duration = Duration::from_secs(60);
/// Notes are tiny; what is larger is none.
const LARGEST: u64 = 64 << 20;

/// The notes under `roots` of the days in `from..before`, oldest day first. Days that are not over change their notes still.
pub(super) fn find(roots: &[PathBuf], from: NaiveDate, before: NaiveDate, now: SystemTime) -> VecDeque<Item> {
    let mut found = Vec::new();
    for root in roots {
        // A root that is gone is told by others; its notes are found when it is back.
        for camera in camera_folders(root).unwrap_or_default() {
            for (date, folder) in days(&root.join(&camera), from, before) {
                for file in files(&folder) {
                    let relative = format!("{camera}/{date}/{file}");
                    if is_settled(&folder.join(&file), now) {
                        found.push((date, relative, root.clone()));
                    }
                }
            }
        }
    }
    found.sort();
    let item = |(_, path, root)| Item { root, path, sealed: None, from: WallTime::from(now), bytes: 0 };
    found.into_iter().map(item).collect()
}

fn days(camera: &Path, from: NaiveDate, before: NaiveDate) -> Vec<(NaiveDate, PathBuf)> {
    let Ok(entries) = fs::read_dir(camera) else { return Vec::new() };
    let folders = entries.filter_map(|e| e.ok().map(|e| e.path()));
    folders
        .filter_map(|path| Some((path.file_name()?.to_str()?.parse().ok()?, path)))
        .filter(|(date, _)| (from..before).contains(date))
        .collect()
}

fn files(day: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(day) else { return Vec::new() };
    let names = entries.filter_map(|e| e.ok()?.file_name().into_string().ok());
    names.filter(|n| is_note(n)).collect()
}

/// True for the name of a note.
pub(super) fn is_note(name: &str) -> bool {
    !name.starts_with('.') && (name.ends_with(".json") || name.ends_with(".json.sig"))
}

fn is_settled(file: &Path, now: SystemTime) -> bool {
    fs::metadata(file).is_ok_and(|meta| {
        let old = meta.modified().is_ok_and(|t| now.duration_since(t).is_ok_and(|age| age >= SETTLED));
        meta.is_file() && meta.len() <= LARGEST && old
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_of_days_that_are_over_are_found_and_nothing_else() {
        let root = tempfile::tempdir().unwrap();
        for file in [
            "C1/2026-11-21/manifest.json",
            "C1/2026-11-21/manifest.json.sig",
            "C1/2026-11-21/.restored.json.new",
            "C1/2026-11-21/14/145000.mp4",
            "C1/2026-11-22/manifest.json",
            "C1/2026-11-01/manifest.json",
            ".jiancha/2026-11-21/manifest.json",
        ] {
            let path = root.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "{}").unwrap();
        }
        let date = |d: &str| d.parse().unwrap();
        let later = SystemTime::now() + Duration::from_secs(61);
        let names = |now| {
            let found = find(&[root.path().to_owned()], date("2026-11-02"), date("2026-11-22"), now);
            found.into_iter().map(|i| i.path).collect::<Vec<_>>()
        };
        assert_eq!(names(later), ["C1/2026-11-21/manifest.json", "C1/2026-11-21/manifest.json.sig"]);
        assert_eq!(names(SystemTime::now()), [""; 0], "just written");
    }
}
