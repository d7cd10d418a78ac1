//! One file against itself: its bytes against its digest, its end against what the end must be, its path against its identity.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Problem, ProblemKind};
use crate::catalogue::SegmentRow;
use crate::hall::CameraId;
use crate::media::boxes::{put, put_full, u32be};
use crate::segment::identity::{Identity, SEAL_UUID, Seal};
use crate::segment::reader::{self, SegmentIndex};
use crate::segment::{name, seal};
use crate::time::WallTime;

/// Bytes read at once.
const BLOCK: usize = 1 << 20;
/// The seal box and what follows it are far shorter than this.
const LONGEST_TAIL: u64 = 4096;
/// Random access tables of ours are far shorter than this.
const LONGEST_MFRA: u64 = 1 << 20;
/// The end told by the seal counts capture times, the end told by the parts counts decode times: they differ by jitter.
const MOST_JITTER_MICROS: i64 = 2_000_000;

/// What stands at the end of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Tail {
    /// Nothing: the file was left open, or is being recorded.
    Open,
    /// The remains of a seal that cannot be read.
    Damaged(String),
    /// A seal.
    Sealed {
        /// What it says.
        seal: Seal,
        /// SHA-256 of the bytes before it, computed anew.
        digest: String,
        /// What is wrong with the bytes that no digest covers.
        fault: Option<String>,
    },
}

/// What was found in one file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Examined {
    /// Storage root.
    pub root: PathBuf,
    /// Path below the root.
    pub relative: PathBuf,
    /// Length in bytes.
    pub length: u64,
    /// What the file says of itself; why it cannot be read otherwise.
    pub identity: Result<Identity, String>,
    /// Number of whole parts that can be listed.
    pub parts: usize,
    /// Its end.
    pub tail: Tail,
}

impl Examined {
    /// The file in full.
    pub fn path(&self) -> String {
        self.root.join(&self.relative).display().to_string()
    }

    /// True when a kill left the head of a file and not one picture.
    pub fn is_empty(&self) -> bool {
        self.identity.is_ok() && self.parts == 0 && self.tail == Tail::Open
    }

    /// True when the path is not the one the identity asks for.
    pub fn is_renamed(&self) -> bool {
        self.identity.as_ref().is_ok_and(|identity| !fits(&self.relative, identity))
    }

    /// What is wrong with this file alone. `open_expected`: no seal is no problem. `row` is the catalogue's word on the file.
    pub fn judge(&self, open_expected: bool, row: Option<&SegmentRow>) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut tell = |kind, detail: String| problems.push(Problem::new(self.path(), kind, detail));
        match (&self.identity, &self.tail) {
            (_, Tail::Sealed { seal, digest, .. }) if &seal.digest != digest => {
                let vouched = row.is_some_and(|r| r.digest.as_ref() == Some(digest));
                let whose = if vouched { "; the catalogue has the digest of these bytes: the seal was changed" } else { "" };
                tell(ProblemKind::DigestMismatch, format!("sealed as {}, the bytes give {digest}{whose}", seal.digest));
            }
            (Err(reason), _) => tell(ProblemKind::Unreadable, reason.clone()),
            (Ok(_), Tail::Open) if open_expected => {}
            (Ok(_), Tail::Open) => {
                tell(ProblemKind::SealMissing, format!("{} whole parts in {} bytes, no seal", self.parts, self.length));
            }
            (Ok(_), Tail::Damaged(reason)) => tell(ProblemKind::TailDamaged, reason.clone()),
            (Ok(_), Tail::Sealed { fault: Some(fault), .. }) => tell(ProblemKind::TailDamaged, fault.clone()),
            (Ok(_), Tail::Sealed { fault: None, .. }) => {}
        }
        if let (Ok(identity), true) = (&self.identity, self.is_renamed()) {
            let place = name::relative(&CameraId::new(&identity.camera), identity.from, 0);
            let detail = format!("it is {} of {}: its place is {}", identity.camera, identity.from, place.display());
            tell(ProblemKind::Renamed, detail);
        }
        problems
    }
}

/// True when `relative` is a name the recorder may have given to the file of this identity.
fn fits(relative: &Path, identity: &Identity) -> bool {
    let asked = name::relative(&CameraId::new(&identity.camera), identity.from, 0);
    let (Some(stem), Some(asked_stem)) = (stem(relative), stem(&asked)) else { return false };
    // When the clock was set back, `-2`, `-3` … follow the time.
    let suffix_fits = |s: &str| s.is_empty() || s.strip_prefix('-').is_some_and(|n| n.parse::<u32>().is_ok_and(|n| n >= 2));
    relative.parent() == asked.parent()
        && relative.extension() == asked.extension()
        && stem.strip_prefix(asked_stem).is_some_and(suffix_fits)
}

fn stem(path: &Path) -> Option<&str> {
    path.file_stem().and_then(|s| s.to_str())
}

/// The second a file's path tells, in Beijing time; `None` for a path that is not of our form.
pub fn begun(relative: &Path) -> Option<WallTime> {
    let hour = relative.parent()?;
    let date: chrono::NaiveDate = hour.parent()?.file_name()?.to_str()?.parse().ok()?;
    let digits = stem(relative)?.get(..6)?;
    let two = |at: usize| digits.get(at..at + 2).and_then(|d| d.parse().ok());
    WallTime::from_beijing(date, two(0)?, two(2)?, two(4)?)
}

/// Reads all of a file; `on_block` is told the bytes of each block read. `None` when the file is no longer there.
pub fn examine(root: &Path, relative: &Path, on_block: &mut dyn FnMut(u64)) -> Option<Examined> {
    let path = root.join(relative);
    let index = reader::index(&path);
    if let Err(reader::ReadError::Io { source, .. }) = &index
        && source.kind() == std::io::ErrorKind::NotFound
    {
        return None;
    }
    let read = read_tail(&path, index.as_ref().ok(), on_block);
    let (length, tail, identity) = match (read, &index) {
        (Ok((length, tail)), Ok(index)) => (length, tail, Ok(index.identity.clone())),
        (Ok((length, tail)), Err(e)) => (length, tail, Err(e.to_string())),
        (Err(e), _) => (0, Tail::Open, Err(format!("read {}: {e}", path.display()))),
    };
    let parts = index.as_ref().map_or(0, |i| i.parts.len());
    Some(Examined { root: root.to_owned(), relative: relative.to_owned(), length, identity, parts, tail })
}

/// Finds the seal, hashes what stands before it and looks at what follows.
fn read_tail(path: &Path, index: Option<&SegmentIndex>, on_block: &mut dyn FnMut(u64)) -> std::io::Result<(u64, Tail)> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    let mfra = match index {
        Some(index) if is_mfra(&mut file, index.whole_bytes, length)? => Some(index.whole_bytes),
        _ => None,
    };
    // Where the boxes cannot be walked any more, the seal is looked for at the end.
    let start = mfra.unwrap_or(length.saturating_sub(LONGEST_TAIL));
    let window = read_at(&mut file, start, (length - start).min(LONGEST_MFRA))?;
    let Some((offset, found)) = find_seal(&window) else {
        return Ok((length, seal_remains(mfra, &window)));
    };
    let at = start + offset as u64;
    let digest = hash(&mut file, at, on_block)?;
    // The seal's own end is read again in full: bytes put behind it count as well.
    let rest = read_at(&mut file, at, (length - at).min(LONGEST_MFRA))?;
    let fault = tail_fault(&rest, at, length, &found, index);
    Ok((length, Tail::Sealed { seal: found, digest, fault }))
}

fn is_mfra(file: &mut File, at: u64, length: u64) -> std::io::Result<bool> {
    Ok(at + 8 <= length && read_at(file, at + 4, 4)? == b"mfra")
}

fn read_at(file: &mut File, at: u64, bytes: u64) -> std::io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(at))?;
    let mut out = Vec::new();
    file.take(bytes).read_to_end(&mut out)?;
    Ok(out)
}

/// Offset of the seal's box in `window`, and the seal.
fn find_seal(window: &[u8]) -> Option<(usize, Seal)> {
    let mark = [b"uuid".as_slice(), SEAL_UUID].concat();
    let kind = window.windows(mark.len()).position(|w| w == mark)?;
    let json = window.get(kind + mark.len()..)?;
    let found = serde_json::Deserializer::from_slice(json).into_iter::<Seal>().next()?.ok()?;
    Some((kind.checked_sub(4)?, found))
}

/// Without a readable seal: was there one?
fn seal_remains(mfra: Option<u64>, window: &[u8]) -> Tail {
    // The last box of a sealed file is 16 bytes long: size, `mfro`, version, size of mfra.
    let mfro = window.len().checked_sub(16).and_then(|at| window.get(at + 4..at + 8)) == Some(b"mfro".as_slice());
    let whole_mfra = window.first_chunk::<4>().is_some_and(|s| u32::from_be_bytes(*s) as usize <= window.len());
    match mfra {
        Some(at) if mfro || whole_mfra => Tail::Damaged(format!("the seal in the mfra box at byte {at} is not readable")),
        None if mfro => Tail::Damaged("the file ends like a sealed one, but its seal is not readable".to_owned()),
        _ => Tail::Open,
    }
}

/// SHA-256 of the first `bytes` bytes.
fn hash(file: &mut File, bytes: u64, on_block: &mut dyn FnMut(u64)) -> std::io::Result<String> {
    file.seek(SeekFrom::Start(0))?;
    let mut hasher = Sha256::new();
    let mut block = vec![0; BLOCK];
    let mut left = file.take(bytes);
    loop {
        let n = left.read(&mut block)?;
        if n == 0 {
            return Ok(seal::hex(&hasher.finalize()));
        }
        hasher.update(&block[..n]);
        on_block(n as u64);
    }
}

/// What is wrong with the bytes from the seal's box on (`rest`, at byte `at` of `length`), and with what the seal says.
fn tail_fault(rest: &[u8], at: u64, length: u64, found: &Seal, index: Option<&SegmentIndex>) -> Option<String> {
    if found.bytes != at {
        return Some(format!("the seal stands at byte {at} and says {}", found.bytes));
    }
    let index = index?;
    let pictures: u32 = index.parts.iter().map(|p| p.pictures).sum();
    let parts = u32::try_from(index.parts.len()).unwrap_or(u32::MAX);
    if (found.pictures, found.parts) != (pictures, parts) {
        return Some(format!(
            "the seal says {} pictures in {} parts, the file has {pictures} in {parts}",
            found.pictures, found.parts
        ));
    }
    let to = index.parts.last()?.to();
    if found.to.micros_since(to).abs() > MOST_JITTER_MICROS {
        return Some(format!("the seal says the last picture ends at {}, the parts say {to}", found.to));
    }
    let expected = end(found, at - index.whole_bytes);
    if let Some(n) = expected.iter().zip(rest).position(|(a, b)| a != b) {
        return Some(format!("byte {} is not what it must be", at + n as u64));
    }
    (at + expected.len() as u64 != length)
        .then(|| format!("the file must end at byte {}, it has {length}", at + expected.len() as u64))
}

/// The bytes that must follow `before` bytes of `mfra`: the seal's box and `mfro`.
fn end(found: &Seal, before: u64) -> Vec<u8> {
    let mut out = Vec::new();
    put(&mut out, b"uuid", |out| {
        out.extend_from_slice(SEAL_UUID);
        out.extend_from_slice(&found.to_json());
    });
    let size = before + out.len() as u64 + 16;
    put_full(&mut out, b"mfro", 0, 0, |out| u32be(out, u32::try_from(size).unwrap_or(u32::MAX)));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_tells_its_second_and_a_foreign_one_nothing() {
        let t = |s| WallTime::parse_rfc3339(s).ok();
        assert_eq!(begun(Path::new("C3/2026-11-22/00/000509.mp4")), t("2026-11-22T00:05:09+08:00"));
        assert_eq!(begun(Path::new("C3/2026-11-22/00/000509-2.mp4")), t("2026-11-22T00:05:09+08:00"));
        assert_eq!(begun(Path::new("C3/old/00/clip.mp4")), None);
    }
}
