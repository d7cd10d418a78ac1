//! Where the calendar comes from: the notices built into the program and a site's override folder.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::patch::{Parsed, Patch};
use super::{Calendar, CalendarError, Year};
use crate::hall::CalendarSettings;

/// Longest calendar file, in bytes; a year takes about one thousand.
const LONGEST_FILE: u64 = 64 * 1024;

/// The built-in notices and a site's override folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    folder: Option<PathBuf>,
    /// The folder is named in hall.toml: it is wrong when it is not there.
    required: bool,
}

/// What tells that the override folder changed: each file with its time of change and length.
pub(super) type Fingerprint = BTreeMap<PathBuf, (Option<SystemTime>, u64)>;

impl Source {
    /// The notices built into the program alone.
    pub fn built_in() -> Self {
        Self { folder: None, required: false }
    }

    /// The built-in notices and the override folder of `[calendar]`.
    pub fn of(settings: &CalendarSettings) -> Self {
        Self { folder: Some(settings.overrides.clone()), required: settings.named }
    }

    /// Reads the calendar. Files of the override folder end in `.toml`; they are read in order of their names.
    ///
    /// # Errors
    /// The first file that cannot be used; no part of the folder is used then.
    pub fn load(&self) -> Result<Calendar, CalendarError> {
        let mut years = Vec::new();
        let mut patches = Vec::new();
        for path in self.files()? {
            match read(&path)? {
                Parsed::Year(year) => years.push((shown(&path), year)),
                Parsed::Patch(patch) => patches.push(patch),
            }
        }
        Calendar::assemble(years, patches, &BTreeSet::new())
    }

    /// Reads the calendar where there is no earlier one to stay with: files that cannot be used are left out and complained of,
    /// and the years they are about count as unpublished, so that no day off they held makes footage go too early.
    ///
    /// # Errors
    /// None in a program whose tests passed: they read the built-in files.
    pub fn load_what_is_good(&self) -> Result<(Calendar, Vec<CalendarError>), CalendarError> {
        let mut complaints = Vec::new();
        let mut withdrawn = BTreeSet::new();
        let mut years: Vec<(String, Year)> = Vec::new();
        let mut patches: Vec<Patch> = Vec::new();
        let files = self.files().unwrap_or_else(|e| {
            // What the folder holds cannot be told.
            withdrawn.extend(every_built_in());
            complaints.push(e);
            Vec::new()
        });
        for path in files {
            match read(&path) {
                Ok(Parsed::Year(year)) => years.push((shown(&path), year)),
                Ok(Parsed::Patch(patch)) => patches.push(patch),
                Err(e) => {
                    withdrawn.extend(years_of(&path));
                    complaints.push(e);
                }
            }
        }
        loop {
            let error = match Calendar::assemble(years.clone(), patches.clone(), &withdrawn) {
                Ok(calendar) => return Ok((calendar, complaints)),
                Err(error) => error,
            };
            let before = years.len() + patches.len();
            withdrawn.extend(years.iter().filter(|(file, _)| file == error.file()).map(|(_, year)| year.year));
            withdrawn.extend(patches.iter().filter(|p| p.file == error.file()).map(|p| p.year));
            years.retain(|(file, _)| file != error.file());
            patches.retain(|p| p.file != error.file());
            if years.len() + patches.len() == before {
                return Err(error);
            }
            complaints.push(error);
        }
    }

    /// What the override folder looks like; compared, it tells when to load again. Empty when it cannot be read.
    pub(super) fn fingerprint(&self) -> Fingerprint {
        let files = self.files().unwrap_or_default();
        let meta = |path: &PathBuf| std::fs::metadata(path).map(|m| (m.modified().ok(), m.len())).unwrap_or((None, 0));
        files.into_iter().map(|path| (path.clone(), meta(&path))).collect()
    }

    fn files(&self) -> Result<Vec<PathBuf>, CalendarError> {
        let Some(folder) = &self.folder else { return Ok(Vec::new()) };
        let unreadable = |e: std::io::Error| CalendarError::Unreadable { file: shown(folder), reason: e.to_string() };
        let entries = match std::fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound && !self.required => return Ok(Vec::new()),
            Err(e) => return Err(unreadable(e)),
        };
        let mut files = Vec::new();
        for entry in entries {
            let path = entry.map_err(unreadable)?.path();
            let hidden = path.file_name().is_none_or(|name| name.to_string_lossy().starts_with('.'));
            if !hidden && path.extension().is_some_and(|ext| ext == "toml") {
                files.push(path);
            }
        }
        files.sort();
        Ok(files)
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

fn read(path: &Path) -> Result<Parsed, CalendarError> {
    let unreadable = |reason: String| CalendarError::Unreadable { file: shown(path), reason };
    let length = std::fs::metadata(path).map_err(|e| unreadable(e.to_string()))?.len();
    if length > LONGEST_FILE {
        return Err(unreadable(format!("{length} bytes, at most {LONGEST_FILE} are read")));
    }
    let text = std::fs::read_to_string(path).map_err(|e| unreadable(e.to_string()))?;
    Parsed::from_toml(&shown(path), &text)
}

fn every_built_in() -> Vec<i32> {
    super::BUILT_IN.iter().flatten().map(|year| year.year).collect()
}

/// The years a file that cannot be used may be about: by its name and its `year` line; every year when neither tells.
fn years_of(path: &Path) -> Vec<i32> {
    let text = std::fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let number = |text: &str| {
        let digits: Vec<&str> = text.split(|c: char| !c.is_ascii_digit()).filter(|run| run.len() == 4).collect();
        digits.first().and_then(|run| run.parse::<i32>().ok())
    };
    let by_name = path.file_stem().and_then(|stem| number(&stem.to_string_lossy()));
    let by_line = text.lines().find(|line| line.trim_start().starts_with("year")).and_then(number);
    let years: Vec<i32> = by_name.into_iter().chain(by_line).collect();
    if years.is_empty() { every_built_in() } else { years }
}
