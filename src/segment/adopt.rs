//! Mends what a kill or a power cut left: an open file is cut after its last whole part and sealed, so that it plays like any other.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::identity::{Identity, Seal};
use super::part::PART_HEAD;
use super::reader::{self, ReadError};
use super::seal::{SealFacts, seal};
use crate::time::WallTime;

/// What became of one file that was found open.
#[derive(Debug)]
pub enum Adopted {
    /// It was sealed before; nothing was done.
    WasSealed(Identity, Seal),
    /// It was cut after its last whole part and sealed.
    Sealed {
        /// What the file says of itself.
        identity: Identity,
        /// Its new seal.
        seal: Seal,
        /// Bytes of the unfinished part that were cut off.
        cut_bytes: u64,
    },
    /// It holds no whole part; it was left as it is.
    Empty(Identity),
}

/// Mends the file at `path`. A file that ends in a seal is complete whatever lies before it: nothing of it is ever cut.
///
/// # Errors
/// [`ReadError`] when it is no segment of ours, is damaged in its middle, or cannot be read or written; the file is then left alone.
pub fn adopt(path: &Path) -> Result<Adopted, ReadError> {
    if let Some((identity, seal)) = reader::sealed(path)? {
        return Ok(Adopted::WasSealed(identity, seal));
    }
    let index = reader::index(path)?;
    if let Some(seal) = index.seal {
        return Ok(Adopted::WasSealed(index.identity, seal));
    }
    let Some(last) = index.parts.last() else { return Ok(Adopted::Empty(index.identity)) };
    let io = |source| ReadError::Io { path: path.to_owned(), source };
    if let Some(at) = later_part(path, index.whole_bytes).map_err(io)? {
        let reason = format!(
            "the boxes end here, but another part begins at byte {at}: damaged in its middle, and nothing is cut off \
             (check the disk; keep the file, or restore it from the backup copy)"
        );
        return Err(ReadError::NotASegment { path: path.to_owned(), at: index.whole_bytes, reason });
    }
    let to: WallTime = last.to();
    let random_access: Vec<(u64, u64)> = index
        .parts
        .iter()
        .filter(|p| p.random_access)
        // The producer reference time in front of each moof is 32 bytes long.
        .map(|p| (p.start_90k, p.bytes.start + 32))
        .collect();
    let mut hasher = Sha256::new();
    let mut file = File::open(path).map_err(io)?.take(index.whole_bytes);
    let mut buffer = vec![0; 1 << 20];
    loop {
        let n = file.read(&mut buffer).map_err(io)?;
        if n == 0 {
            break;
        }
        hasher.update(&buffer[..n]);
    }
    let length = std::fs::metadata(path).map_err(io)?.len();
    let facts = SealFacts {
        random_access: &random_access,
        bytes: index.whole_bytes,
        to,
        pictures: index.parts.iter().map(|p| p.pictures).sum(),
        parts: u32::try_from(index.parts.len()).unwrap_or(u32::MAX),
        times: None,
    };
    let (bytes, seal) = seal(hasher, &facts);
    let mut file = OpenOptions::new().append(true).open(path).map_err(io)?;
    file.set_len(index.whole_bytes).map_err(io)?;
    file.write_all(&bytes).map_err(io)?;
    file.sync_all().map_err(io)?;
    Ok(Adopted::Sealed { identity: index.identity, seal, cut_bytes: length - index.whole_bytes })
}

/// Where a part begins behind the unfinished one at `from`, if any does: a kill leaves one unfinished part and nothing after it.
fn later_part(path: &Path, from: u64) -> std::io::Result<Option<u64>> {
    let mut file = File::open(path)?;
    // The unfinished part itself begins at `from`.
    file.seek(SeekFrom::Start(from + 1))?;
    let (mut at, mut window, mut block) = (from + 1, Vec::new(), vec![0; 1 << 20]);
    loop {
        let n = file.read(&mut block)?;
        if n == 0 {
            return Ok(None);
        }
        window.extend_from_slice(&block[..n]);
        if let Some(found) = window.windows(PART_HEAD.len()).position(|w| w == PART_HEAD) {
            return Ok(Some(at + found as u64));
        }
        let done = window.len().saturating_sub(PART_HEAD.len() - 1);
        window.drain(..done);
        at += done as u64;
    }
}

/// The segment files of one camera under a storage root, oldest first by name; names that are not ours are left out.
///
/// # Errors
/// The system's error when a folder cannot be listed.
pub fn files_of(root: &Path, camera: &str) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for day in sorted(&root.join(camera))? {
        for hour in sorted(&day)? {
            files.extend(sorted(&hour)?.into_iter().filter(|f| f.extension().is_some_and(|e| e == "mp4")));
        }
    }
    Ok(files)
}

/// Entries of a folder by name; nothing for a folder that does not exist or is no folder.
fn sorted(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(e) if matches!(e.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => return Ok(Vec::new()),
        Err(e) => return Err(e),
    };
    let mut paths: Vec<PathBuf> = entries.map(|e| e.map(|e| e.path())).collect::<Result<_, _>>()?;
    paths.sort();
    Ok(paths)
}

/// The files of one camera in its newest two hour folders: those a kill can have left open.
///
/// # Errors
/// The system's error when a folder cannot be listed.
pub fn recent_files(root: &Path, camera: &str) -> std::io::Result<Vec<PathBuf>> {
    let mut hours = Vec::new();
    for day in sorted(&root.join(camera))?.into_iter().rev().take(2) {
        // Signed notes lie beside the hours and sort after them.
        hours.extend(sorted(&day)?.into_iter().filter(|hour| is_hour(hour)).rev().take(2));
    }
    hours.sort();
    let mut files = Vec::new();
    for hour in hours.iter().rev().take(2).rev() {
        files.extend(sorted(hour)?.into_iter().filter(|f| f.extension().is_some_and(|e| e == "mp4")));
    }
    Ok(files)
}

/// True for the folder of an hour: two digits.
fn is_hour(path: &Path) -> bool {
    path.file_name().and_then(|n| n.to_str()).is_some_and(|n| n.len() == 2 && n.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_beside_the_hours_do_not_hide_the_newest_files() {
        let dir = tempfile::tempdir().unwrap();
        let day = dir.path().join("C1/2024-11-18");
        for hour in ["08", "09", "10"] {
            std::fs::create_dir_all(day.join(hour)).unwrap();
            std::fs::write(day.join(hour).join(format!("{hour}0000.mp4")), b"x").unwrap();
        }
        for note in ["manifest.json", "manifest.json.sig", "restored.json", "restored.json.sig"] {
            std::fs::write(day.join(note), b"{}").unwrap();
        }
        let files = recent_files(dir.path(), "C1").unwrap();
        assert_eq!(files, [day.join("09/090000.mp4"), day.join("10/100000.mp4")]);
    }
}
