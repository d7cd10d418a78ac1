//! Where exported files go, and what they are called.

use std::path::{Path, PathBuf};

/// Where exported files go.
pub(super) struct Places {
    /// The folder they go to.
    pub(super) folder: PathBuf,
    /// Stem and extension of the name given; `None` when a folder was.
    name: Option<(String, String)>,
    several: bool,
    out: PathBuf,
}

impl Places {
    /// Reads `--out`. A folder for films is made when it is missing, and so is nothing else.
    pub(super) fn new(out: &Path, evidence: bool, several: bool) -> Result<Self, String> {
        if evidence {
            if out.symlink_metadata().is_ok() {
                return Err(format!("{} exists already: an evidence package needs a new folder", out.display()));
            }
            return Ok(Self { folder: out.to_owned(), name: None, several, out: out.to_owned() });
        }
        let is_file_name = !out.is_dir() && (!several || out.extension().is_some());
        if is_file_name {
            let stem = out.file_stem().map(|s| s.to_string_lossy().into_owned());
            let stem = stem.ok_or_else(|| format!("--out {} names no file", out.display()))?;
            let extension = out.extension().map_or(String::new(), |e| format!(".{}", e.to_string_lossy()));
            let folder = out.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned();
            return Ok(Self { folder, name: Some((stem, extension)), several, out: out.to_owned() });
        }
        std::fs::create_dir_all(out).map_err(|e| format!("make the folder {}: {e}", out.display()))?;
        Ok(Self { folder: out.to_owned(), name: None, several, out: out.to_owned() })
    }

    /// The name of the `n`th film, from 1, of the window or camera `id`, which is called `called` where no name was given.
    pub(super) fn name(&self, called: &str, id: &str, n: usize) -> String {
        match &self.name {
            None => film(called, n),
            Some((stem, extension)) => {
                let id = if self.several { format!("-{id}") } else { String::new() };
                let part = if n > 1 { format!("-part{n}") } else { String::new() };
                format!("{stem}{id}{part}{extension}")
            }
        }
    }

    /// Where copies lie that are only needed while exporting: on the disk that takes the export.
    pub(super) fn scratch(&self) -> PathBuf {
        let name = self.out.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let name = format!(".{name}.{}.burning", std::process::id());
        if self.folder.is_dir() { self.folder.join(name) } else { self.out.with_file_name(name) }
    }

    /// Where a package grows until it is whole: beside its place.
    pub(super) fn aside(&self) -> PathBuf {
        let name = self.out.file_name().unwrap_or_default().to_string_lossy().into_owned();
        self.out.with_file_name(format!(".{name}.{}.part", std::process::id()))
    }
}

/// The name of a film in a folder: `window-03.mp4`, and `window-03-part2.mp4` where the coding changed.
pub(super) fn film(called: &str, n: usize) -> String {
    if n > 1 { format!("{called}-part{n}.mp4") } else { format!("{called}.mp4") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_window_gets_the_name_given_and_several_their_own() {
        let name = |out: &str, several, n| Places::new(Path::new(out), false, several).map(|p| p.name("window-03", "03", n));
        assert_eq!(name("/x/case.mp4", false, 1), Ok("case.mp4".into()));
        assert_eq!(name("/x/case", false, 2), Ok("case-part2".into()));
        assert_eq!(name("/x/case.mp4", true, 1), Ok("case-03.mp4".into()));
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("case");
        assert_eq!(name(&folder.display().to_string(), true, 1), Ok("window-03.mp4".into()));
        assert!(folder.is_dir());
        assert_eq!(name(&dir.path().display().to_string(), false, 2), Ok("window-03-part2.mp4".into()));
    }

    #[test]
    fn a_package_needs_a_new_folder() {
        let dir = tempfile::tempdir().unwrap();
        assert!(Places::new(dir.path(), true, false).is_err());
        let places = Places::new(&dir.path().join("case"), true, false).unwrap();
        assert_eq!(places.aside().parent(), Some(dir.path()));
    }
}
