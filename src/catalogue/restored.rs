//! `<camera>/<date>/restored.json`: which files of a camera-day came back from the backup copy (由备份恢复), and when.
//!
//! It lies beside the files, so the mark outlives the catalogue: [`super::rebuild`] reads it.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::time::WallTime;

/// Name of the note in the folder of a camera-day.
pub const NAME: &str = "restored.json";

/// What the note tells.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestoredNote {
    /// Files in the order in which they came back.
    pub files: Vec<RestoredFile>,
}

/// One file that came back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestoredFile {
    /// Path below the storage root.
    pub path: String,
    /// Capture time of its first picture.
    pub from: WallTime,
    /// Capture time at which its last picture ends.
    pub to: WallTime,
    /// Length in bytes.
    pub bytes: u64,
    /// SHA-256 of the whole file, in hexadecimal.
    pub digest: String,
    /// When it came back.
    pub restored_at: WallTime,
    /// Where it came from.
    pub source: String,
}

/// The folder of the camera-day that `relative` (`<camera>/<date>/…`) lies in; `None` for a path of another form.
pub fn day_folder(relative: &Path) -> Option<PathBuf> {
    let mut parts = relative.components();
    let (camera, date) = (parts.next()?, parts.next()?);
    parts.next()?;
    Some(Path::new(camera.as_os_str()).join(date.as_os_str()))
}

/// Reads the note of the camera-day `relative` lies in; empty when there is none.
///
/// # Errors
/// The system's error, or that the note is not readable.
pub fn read(root: &Path, relative: &Path) -> io::Result<RestoredNote> {
    let Some(day) = day_folder(relative) else { return Ok(RestoredNote::default()) };
    match fs::read(root.join(day).join(NAME)) {
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e)),
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(RestoredNote::default()),
        Err(e) => Err(e),
    }
}

/// Adds `file` to the note of its camera-day, replacing what it said of the same path. The note is replaced as a whole and synced.
///
/// # Errors
/// The system's error; the old note then stands.
pub fn add(root: &Path, file: RestoredFile) -> io::Result<()> {
    let relative = PathBuf::from(&file.path);
    let Some(day) = day_folder(&relative) else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{} lies in no camera-day", file.path)));
    };
    let mut note = read(root, &relative)?;
    note.files.retain(|f| f.path != file.path);
    note.files.push(file);
    let folder = root.join(day);
    let waiting = folder.join(".restored.json.new");
    let mut out = File::create(&waiting)?;
    serde_json::to_writer_pretty(&mut out, &note)?;
    out.write_all(b"\n")?;
    out.sync_all()?;
    fs::rename(&waiting, folder.join(NAME))?;
    File::open(&folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, digest: &str) -> RestoredFile {
        let t = WallTime::from_micros(1_795_330_200_000_000);
        RestoredFile {
            path: path.into(),
            from: t,
            to: t,
            bytes: 3,
            digest: digest.into(),
            restored_at: t,
            source: "/mnt/backup".into(),
        }
    }

    #[test]
    fn what_came_back_is_told_once_and_read_again() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("C1/2026-11-22")).unwrap();
        let path = "C1/2026-11-22/14/145000.mp4";
        assert_eq!(read(root.path(), Path::new(path)).unwrap(), RestoredNote::default());
        add(root.path(), file(path, "aa")).unwrap();
        add(root.path(), file("C1/2026-11-22/14/145100.mp4", "bb")).unwrap();
        add(root.path(), file(path, "cc")).unwrap();
        let told: Vec<(String, String)> =
            read(root.path(), Path::new(path)).unwrap().files.into_iter().map(|f| (f.path, f.digest)).collect();
        assert_eq!(told, [("C1/2026-11-22/14/145100.mp4".into(), "bb".into()), (path.into(), "cc".into())]);
        assert!(add(root.path(), file("stray.mp4", "dd")).is_err());
    }
}
