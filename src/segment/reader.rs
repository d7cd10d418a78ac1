//! Reads a segment file, sealed or still growing: identity, initialisation range and the table of parts.
//!
//! Only box heads and `moof` payloads are read; media is skipped. A file cut short is read up to its last whole part.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::identity::{FORM_VERSION, IDENTITY_UUID, Identity, SEAL_UUID, Seal};
use super::init::VIDEO_TRACK;
use super::part::from_ntp;
use crate::time::WallTime;

/// No head, `moof` or `mfra` of ours comes near this; a larger claim is damage.
const LARGEST_BOX_IN_MEMORY: u64 = 16 * 1024 * 1024;
/// The end of a usual file with its random access table and seal.
const USUAL_MFRA: u64 = 4096;

/// One part (`prft`, `moof` and `mdat`) of a segment file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartEntry {
    /// Bytes of the file that hold it.
    pub bytes: Range<u64>,
    /// Capture time of its first picture.
    pub from: WallTime,
    /// Decode time of its first picture in 1/90000 s since the run began.
    pub start_90k: u64,
    /// Length of its pictures in 1/90000 s.
    pub duration_90k: u64,
    /// Number of pictures.
    pub pictures: u32,
    /// True when its first picture decodes alone.
    pub random_access: bool,
}

impl PartEntry {
    /// Capture time at which its last picture ends.
    pub fn to(&self) -> WallTime {
        self.from.plus_micros(i64::try_from(self.duration_90k * 100 / 9).unwrap_or(0))
    }
}

/// What a segment file holds, up to its last whole part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentIndex {
    /// What the file says of itself.
    pub identity: Identity,
    /// Bytes of the initialisation segment (from the start of the file through `moov`).
    pub init: Range<u64>,
    /// Every whole part, in order.
    pub parts: Vec<PartEntry>,
    /// The seal, when the file is complete.
    pub seal: Option<Seal>,
    /// Offset after the last whole part.
    pub whole_bytes: u64,
}

/// Why a file cannot be read as a segment.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file cannot be read.
    #[error("read {path}: {source}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file is not a segment of ours, or its front is damaged.
    #[error("{path} at byte {at}: {reason}")]
    NotASegment {
        /// Which file.
        path: PathBuf,
        /// Where in the file.
        at: u64,
        /// What was found.
        reason: String,
    },
}

/// Reads the table of parts of the file at `path`. A file cut short is no error: what is whole is told.
///
/// # Errors
/// [`ReadError`] when the file cannot be read or does not begin as a segment.
pub fn index(path: &Path) -> Result<SegmentIndex, ReadError> {
    let io = |source| ReadError::Io { path: path.to_owned(), source };
    let mut file = File::open(path).map_err(io)?;
    let length = file.metadata().map_err(io)?.len();
    let mut walk = Walk { file: &mut file, at: 0, length };
    let (identity, init_end) = read_head(&mut walk, path)?;
    walk.at = init_end;
    let mut index = SegmentIndex { identity, init: 0..init_end, parts: Vec::new(), seal: None, whole_bytes: init_end };
    read_parts(&mut walk, &mut index).map_err(io)?;
    Ok(index)
}

/// What the open `file` says of itself; only its head is read. `path` is for the complaint.
///
/// # Errors
/// [`ReadError`] when the file cannot be read or does not begin as a segment.
pub fn identity(file: &mut File, path: &Path) -> Result<Identity, ReadError> {
    let length = file.metadata().map_err(|source| ReadError::Io { path: path.to_owned(), source })?.len();
    read_head(&mut Walk { file, at: 0, length }, path).map(|(identity, _)| identity)
}

/// Reads what the file at `path` says of itself, and nothing behind its head.
///
/// # Errors
/// [`ReadError`] when the file cannot be read or does not begin as a segment.
pub fn identity_at(path: &Path) -> Result<Identity, ReadError> {
    let mut file = File::open(path).map_err(|source| ReadError::Io { path: path.to_owned(), source })?;
    identity(&mut file, path)
}

/// What a complete file says of itself at both ends; `None` when it does not end in a seal. Nothing between is read: two places
/// of the disk, however long the file, and damage in its middle does not hide that it was sealed.
///
/// # Errors
/// [`ReadError`] when the file cannot be read, or ends in a seal and does not begin as a segment.
pub fn sealed(path: &Path) -> Result<Option<(Identity, Seal)>, ReadError> {
    let io = |source| ReadError::Io { path: path.to_owned(), source };
    let mut file = File::open(path).map_err(io)?;
    let length = file.metadata().map_err(io)?.len();
    let Some(seal) = read_seal(&mut file, length).map_err(io)? else { return Ok(None) };
    let (identity, _) = read_head(&mut Walk { file: &mut file, at: 0, length }, path)?;
    Ok(Some((identity, seal)))
}

/// The seal, found from the end of the file.
fn read_seal(file: &mut File, length: u64) -> std::io::Result<Option<Seal>> {
    let window = length.min(USUAL_MFRA);
    let mut tail = read_at(file, length - window, window)?;
    // The last box, 16 bytes long: size, `mfro`, version, size of mfra.
    let Some([0, 0, 0, 16, b'm', b'f', b'r', b'o', 0, 0, 0, 0, s0, s1, s2, s3]) = tail.last_chunk::<16>() else {
        return Ok(None);
    };
    let size = u64::from(u32::from_be_bytes([*s0, *s1, *s2, *s3]));
    if size > length.min(LARGEST_BOX_IN_MEMORY) {
        return Ok(None);
    }
    let start = length - size;
    if size > window {
        tail = read_at(file, start, size)?;
    }
    let Some(mfra) = usize::try_from(size).ok().and_then(|size| tail.get(tail.len().checked_sub(size)?..)) else {
        return Ok(None);
    };
    let [s0, s1, s2, s3] = u32::try_from(size).unwrap_or(0).to_be_bytes();
    let Some(payload) = mfra.strip_prefix(&[s0, s1, s2, s3, b'm', b'f', b'r', b'a']) else { return Ok(None) };
    // The seal tells where it stands: a table that was put elsewhere is none.
    let before: usize = children(payload).take_while(|(kind, _)| *kind != b"uuid").map(|(_, body)| 8 + body.len()).sum();
    Ok(parse_seal(payload).filter(|seal| seal.bytes == start + 8 + before as u64))
}

fn read_at(file: &mut File, at: u64, bytes: u64) -> std::io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(at))?;
    let mut out = Vec::with_capacity(usize::try_from(bytes).unwrap_or(0));
    file.take(bytes).read_to_end(&mut out)?;
    Ok(out)
}

/// Reads the boxes up to `moov`: the identity, and where the first part begins.
fn read_head(walk: &mut Walk<'_>, path: &Path) -> Result<(Identity, u64), ReadError> {
    let io = |source| ReadError::Io { path: path.to_owned(), source };
    let not = |at, reason: &str| ReadError::NotASegment { path: path.to_owned(), at, reason: reason.to_owned() };
    let mut identity = None;
    let init_end = loop {
        let at = walk.at;
        let Some(head) = walk.next().map_err(io)? else {
            return Err(not(at, "the head ends before its moov box"));
        };
        match &head.kind {
            b"uuid" => {
                let payload = walk.payload(&head).map_err(io)?;
                if let Some(json) = payload.strip_prefix(IDENTITY_UUID.as_slice()) {
                    let found: Identity =
                        serde_json::from_slice(json).map_err(|e| not(at, &format!("the identity box is not readable: {e}")))?;
                    if found.version > FORM_VERSION {
                        let reason = format!("form version {} is newer than this program's {FORM_VERSION}", found.version);
                        return Err(not(at, &reason));
                    }
                    identity = Some(found);
                }
            }
            b"moov" => break head.end(),
            b"ftyp" | b"free" => {}
            kind => return Err(not(at, &format!("box `{}` in the head", kind.escape_ascii()))),
        }
        walk.at = head.end();
    };
    let identity = identity.ok_or_else(|| not(0, "no identity box: not written by this recorder"))?;
    Ok((identity, init_end))
}

/// Reads parts and the seal; stops without complaint where the file ends or stops making sense.
fn read_parts(walk: &mut Walk<'_>, index: &mut SegmentIndex) -> std::io::Result<()> {
    let mut wall = None;
    let mut moof: Option<MoofFacts> = None;
    let mut part_start = walk.at;
    while let Some(head) = walk.next()? {
        match &head.kind {
            b"prft" => {
                part_start = head.start;
                wall = walk.payload(&head)?.get(8..16).and_then(|b| b.try_into().ok()).map(|b| from_ntp(u64::from_be_bytes(b)));
            }
            b"moof" => moof = MoofFacts::parse(&walk.payload(&head)?),
            b"mdat" => {
                let (Some(facts), Some(from)) = (moof.take(), wall.take()) else { return Ok(()) };
                index.parts.push(PartEntry {
                    bytes: part_start..head.end(),
                    from,
                    start_90k: facts.decode_time,
                    duration_90k: facts.duration,
                    pictures: facts.samples,
                    random_access: facts.random_access,
                });
                index.whole_bytes = head.end();
            }
            b"mfra" => {
                index.seal = parse_seal(&walk.payload(&head)?);
                return Ok(());
            }
            _ => return Ok(()),
        }
        walk.at = head.end();
    }
    Ok(())
}

/// Finds the seal inside an `mfra` payload.
fn parse_seal(mfra: &[u8]) -> Option<Seal> {
    children(mfra).find(|(kind, _)| *kind == b"uuid").and_then(|(_, payload)| {
        let json = payload.strip_prefix(SEAL_UUID.as_slice())?;
        serde_json::from_slice(json).ok()
    })
}

struct Head {
    kind: [u8; 4],
    start: u64,
    size: u64,
}

impl Head {
    fn end(&self) -> u64 {
        self.start + self.size
    }
}

/// Steps through the boxes of a file.
struct Walk<'a> {
    file: &'a mut File,
    at: u64,
    length: u64,
}

impl Walk<'_> {
    /// The box at the current place, when all of it is there.
    fn next(&mut self) -> std::io::Result<Option<Head>> {
        if self.at + 8 > self.length {
            return Ok(None);
        }
        self.file.seek(SeekFrom::Start(self.at))?;
        let mut raw = [0; 8];
        self.file.read_exact(&mut raw)?;
        let [s0, s1, s2, s3, kind @ ..] = raw;
        let size = u64::from(u32::from_be_bytes([s0, s1, s2, s3]));
        let head = Head { kind, start: self.at, size };
        let in_memory = &head.kind != b"mdat";
        if size < 8 || head.end() > self.length || (in_memory && size > LARGEST_BOX_IN_MEMORY) {
            return Ok(None);
        }
        Ok(Some(head))
    }

    /// The payload of a box.
    fn payload(&mut self, head: &Head) -> std::io::Result<Vec<u8>> {
        self.file.seek(SeekFrom::Start(head.start + 8))?;
        let mut payload = vec![0; usize::try_from(head.size - 8).unwrap_or(0)];
        self.file.read_exact(&mut payload)?;
        Ok(payload)
    }
}

/// The boxes inside a payload.
fn children(payload: &[u8]) -> impl Iterator<Item = (&[u8; 4], &[u8])> {
    let mut rest = payload;
    std::iter::from_fn(move || {
        let (size, tail) = rest.split_first_chunk::<4>()?;
        let (kind, _) = tail.split_first_chunk::<4>()?;
        let size = usize::try_from(u32::from_be_bytes(*size)).ok()?;
        let body = rest.get(8..size)?;
        rest = &rest[size..];
        Some((kind, body))
    })
}

/// What a `moof` says of its pictures.
struct MoofFacts {
    decode_time: u64,
    duration: u64,
    samples: u32,
    random_access: bool,
}

impl MoofFacts {
    fn parse(moof: &[u8]) -> Option<Self> {
        children(moof).filter(|(kind, _)| *kind == b"traf").find_map(|(_, traf)| Self::parse_traf(traf))
    }

    /// The video track's run; `None` for another track's.
    fn parse_traf(traf: &[u8]) -> Option<Self> {
        let find = |wanted: &[u8; 4]| children(traf).find(|(kind, _)| *kind == wanted).map(|(_, body)| body);
        let tfhd = find(b"tfhd")?;
        if read_u32(tfhd, 4)? != VIDEO_TRACK {
            return None;
        }
        let decode_time = u64::from_be_bytes(find(b"tfdt")?.get(4..12)?.try_into().ok()?);
        let trun = find(b"trun")?;
        let flags = read_u32(trun, 0)? & 0x00ff_ffff;
        let samples = read_u32(trun, 4)?;
        // Our parts tell offset, then duration, size and flags of each picture, with or without a composition offset.
        let stride = match flags {
            0x701 => 12,
            0xf01 => 16,
            _ => return None,
        };
        let table = trun.get(12..12 + stride * usize::try_from(samples).ok()?)?;
        let duration = table.chunks_exact(stride).filter_map(|row| read_u32(row, 0)).map(u64::from).sum();
        let random_access = read_u32(table, 8)? & 0x0001_0000 == 0;
        Some(Self { decode_time, duration, samples, random_access })
    }
}

fn read_u32(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.try_into().ok().map(u32::from_be_bytes)
}
