//! The samples of a segment file: which bytes are which picture or frame of sound, and when each is due.
//!
//! One positioned read takes in the front of a part (`prft`, `moof`, the head of `mdat`); media is not read. A file that is still
//! being recorded is read up to its last whole part.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use bytes::Bytes;

use crate::segment::identity::{IDENTITY_UUID, Identity};
use crate::segment::init::{AUDIO_TRACK, VIDEO_TRACK};
use crate::segment::part::from_ntp;
use crate::time::WallTime;

/// Bytes taken in at once: the front of a usual part fits.
const WINDOW: usize = 4096;
/// The head of a file (`ftyp`, identity, `moov`) is shorter than this.
const LONGEST_HEAD: usize = 1 << 20;
/// No `moof` of ours comes near this; a larger claim is damage.
const LONGEST_MOOF: u64 = 16 << 20;
/// `sample_is_non_sync_sample` (ISO/IEC 14496-12 section 8.8.3.1).
const NON_SYNC: u32 = 0x0001_0000;

/// One picture or frame of sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Length in ticks of its track.
    pub duration: u32,
    /// Number of bytes.
    pub size: u32,
    /// Presentation time minus decode time, in ticks.
    pub composition: i32,
    /// True when it decodes alone.
    pub sync: bool,
}

/// The samples of one track in one part: their bytes follow each other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartTrack {
    /// Decode time of the first sample in ticks since the run began.
    pub decode_time: u64,
    /// Offset of the first sample's bytes in the file.
    pub offset: u64,
    /// The samples in order of decoding.
    pub samples: Vec<Sample>,
}

impl PartTrack {
    /// Ticks of all samples.
    pub fn duration(&self) -> u64 {
        self.samples.iter().map(|s| u64::from(s.duration)).sum()
    }

    /// Bytes of all samples.
    pub fn bytes(&self) -> u64 {
        self.samples.iter().map(|s| u64::from(s.size)).sum()
    }
}

/// One part of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Capture time of its first picture.
    pub from: WallTime,
    /// Its pictures.
    pub video: PartTrack,
    /// Its sound.
    pub audio: PartTrack,
}

/// How a track is coded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackFormat {
    /// Ticks in one second.
    pub timescale: u32,
    /// The whole sample entry box.
    pub entry: Bytes,
}

impl TrackFormat {
    /// The sample entry's type, such as `avc1`.
    pub fn coding(&self) -> &[u8] {
        self.entry.get(4..8).unwrap_or_default()
    }
}

/// What the parts of a file have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Format {
    /// The pictures.
    pub video: TrackFormat,
    /// The sound.
    pub audio: Option<TrackFormat>,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
}

/// What a segment file holds. The file itself is not kept open: a day's export has more of them than a process may hold.
#[derive(Clone, Debug)]
pub struct Source {
    /// Its path.
    pub path: PathBuf,
    /// What it says of itself.
    pub identity: Identity,
    /// How its tracks are coded.
    pub format: Format,
    /// Its whole parts, in order.
    pub parts: Vec<Part>,
}

/// Why a file's samples cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum SampleError {
    /// The file cannot be read.
    #[error("read {path}: {source} (see whether the disk is mounted and the file may be read)")]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file is damaged, or none of ours.
    #[error("{path} at byte {at}: {reason} (`jiancha verify` tells more; restore the file from the backup copy)")]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// Where in the file.
        at: u64,
        /// What was found.
        reason: &'static str,
    },
}

/// Reads the table of samples of the segment at `path`.
///
/// # Errors
/// [`SampleError`] when it cannot be read or its front is damaged. Behind the last whole part nothing is complained about.
pub fn read(path: &Path) -> Result<Source, SampleError> {
    let io = |source| SampleError::Io { path: path.to_owned(), source };
    let file = File::open(path).map_err(io)?;
    let length = file.metadata().map_err(io)?.len();
    let mut reader = Reader { file: &file, length, window: Vec::new(), at: 0 };
    let damaged = |at, reason| SampleError::Damaged { path: path.to_owned(), at, reason };
    let mut head = Head::default();
    let mut at = 0;
    loop {
        let (kind, size) = reader.head(at).map_err(io)?.ok_or_else(|| damaged(at, "the head ends before its moov box"))?;
        if size > LONGEST_HEAD as u64 || at + size > length {
            return Err(damaged(at, "a box of the head is cut short"));
        }
        // Checked against LONGEST_HEAD.
        let payload = reader.bytes(at + 8, usize::try_from(size - 8).unwrap_or(0)).map_err(io)?;
        match &kind {
            b"uuid" => head.identity(payload),
            b"moov" => head.moov(payload),
            b"ftyp" | b"free" => {}
            _ => return Err(damaged(at, "a box in the head that no segment has")),
        }
        at += size;
        if &kind == b"moov" {
            break;
        }
    }
    let identity = head.identity.ok_or_else(|| damaged(0, "no readable identity box: not written by this recorder"))?;
    let video = head.video.ok_or_else(|| damaged(0, "no picture track in the moov box"))?;
    let format = Format { video, audio: head.audio, width: identity.width, height: identity.height };
    let mut parts = Vec::new();
    while let Some((part, end)) = reader.part(at).map_err(io)? {
        parts.push(part);
        at = end;
    }
    Ok(Source { path: path.to_owned(), identity, format, parts })
}

/// Positioned reads through one window.
struct Reader<'a> {
    file: &'a File,
    length: u64,
    window: Vec<u8>,
    /// Where in the file the window begins.
    at: u64,
}

impl Reader<'_> {
    /// `n` bytes at `at`; fewer where the file ends.
    fn bytes(&mut self, at: u64, n: usize) -> std::io::Result<&[u8]> {
        let n = usize::try_from(self.length.saturating_sub(at)).unwrap_or(usize::MAX).min(n);
        let inside = at >= self.at && at + n as u64 <= self.at + self.window.len() as u64;
        if !inside {
            let left = usize::try_from(self.length.saturating_sub(at)).unwrap_or(usize::MAX);
            self.window.resize(n.max(WINDOW).min(left), 0);
            self.at = at;
            self.file.read_exact_at(&mut self.window, at)?;
        }
        let start = usize::try_from(at - self.at).unwrap_or(usize::MAX);
        Ok(self.window.get(start..start + n).unwrap_or_default())
    }

    /// Type and size of the box at `at`; `None` where the file ends or stops making sense.
    fn head(&mut self, at: u64) -> std::io::Result<Option<([u8; 4], u64)>> {
        let Some(raw) = self.bytes(at, 8)?.first_chunk::<8>() else { return Ok(None) };
        let [s0, s1, s2, s3, kind @ ..] = *raw;
        let size = u64::from(u32::from_be_bytes([s0, s1, s2, s3]));
        Ok((size >= 8).then_some((kind, size)))
    }

    /// The whole part at `at`, and where it ends.
    fn part(&mut self, at: u64) -> std::io::Result<Option<(Part, u64)>> {
        let Some((kind, size)) = self.head(at)? else { return Ok(None) };
        if &kind != b"prft" || size > 64 {
            return Ok(None);
        }
        let ntp = self.bytes(at + 16, 8)?.first_chunk::<8>().map(|b| u64::from_be_bytes(*b));
        let moof_at = at + size;
        let Some((kind, moof_size)) = self.head(moof_at)? else { return Ok(None) };
        if &kind != b"moof" || moof_size > LONGEST_MOOF {
            return Ok(None);
        }
        let mdat_at = moof_at + moof_size;
        let moof = self.bytes(moof_at + 8, usize::try_from(moof_size - 8).unwrap_or(0))?;
        let tracks = tracks(moof, moof_at);
        let Some((kind, mdat_size)) = self.head(mdat_at)? else { return Ok(None) };
        let end = mdat_at + mdat_size;
        if &kind != b"mdat" || end > self.length {
            return Ok(None);
        }
        let (Some(ntp), Some((video, audio))) = (ntp, tracks) else { return Ok(None) };
        // Every sample must lie inside the part's media.
        let inside = |t: &PartTrack| t.samples.is_empty() || (t.offset >= mdat_at + 8 && t.offset + t.bytes() <= end);
        if video.samples.is_empty() || !inside(&video) || !inside(&audio) {
            return Ok(None);
        }
        Ok(Some((Part { from: from_ntp(ntp), video, audio }, end)))
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

fn child<'a>(payload: &'a [u8], wanted: &[u8; 4]) -> Option<&'a [u8]> {
    children(payload).find(|(kind, _)| *kind == wanted).map(|(_, body)| body)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.try_into().ok().map(u32::from_be_bytes)
}

#[derive(Default)]
struct Head {
    identity: Option<Identity>,
    video: Option<TrackFormat>,
    audio: Option<TrackFormat>,
}

impl Head {
    fn identity(&mut self, payload: &[u8]) {
        if let Some(json) = payload.strip_prefix(IDENTITY_UUID.as_slice()) {
            self.identity = serde_json::from_slice(json).ok();
        }
    }

    fn moov(&mut self, payload: &[u8]) {
        for (_, trak) in children(payload).filter(|(kind, _)| *kind == b"trak") {
            let format = || {
                let mdia = child(trak, b"mdia")?;
                let kind: [u8; 4] = child(mdia, b"hdlr")?.get(8..12)?.try_into().ok()?;
                // Version 0: times of 32 bits, then the timescale.
                let timescale = u32_at(child(mdia, b"mdhd")?, 12).filter(|t| *t > 0)?;
                let stsd = child(child(child(mdia, b"minf")?, b"stbl")?, b"stsd")?;
                let size = usize::try_from(u32_at(stsd, 8)?).ok()?;
                let entry = Bytes::copy_from_slice(stsd.get(8..8 + size.max(8))?);
                Some((kind, TrackFormat { timescale, entry }))
            };
            match format() {
                Some((kind, format)) if &kind == b"vide" => self.video = Some(format),
                Some((kind, format)) if &kind == b"soun" => self.audio = Some(format),
                _ => {}
            }
        }
    }
}

/// Pictures and sound of a `moof` that begins at `moof_at`; `None` when its tables make no sense.
fn tracks(moof: &[u8], moof_at: u64) -> Option<(PartTrack, PartTrack)> {
    let (mut video, mut audio) = (PartTrack::default(), PartTrack::default());
    for (_, traf) in children(moof).filter(|(kind, _)| *kind == b"traf") {
        match u32_at(child(traf, b"tfhd")?, 4)? {
            VIDEO_TRACK => video = track(traf, moof_at)?,
            AUDIO_TRACK => audio = track(traf, moof_at)?,
            _ => return None,
        }
    }
    Some((video, audio))
}

fn track(traf: &[u8], moof_at: u64) -> Option<PartTrack> {
    let decode_time = u64::from_be_bytes(child(traf, b"tfdt")?.get(4..12)?.try_into().ok()?);
    let trun = child(traf, b"trun")?;
    let flags = u32_at(trun, 0)? & 0x00ff_ffff;
    // Our parts tell the offset, duration and size of each sample, and for pictures flags and maybe composition offsets.
    if flags & 0x301 != 0x301 || flags & !0xf01 != 0 {
        return None;
    }
    let (has_flags, has_composition) = (flags & 0x400 != 0, flags & 0x800 != 0);
    let stride = 8 + 4 * usize::from(has_flags) + 4 * usize::from(has_composition);
    let count = usize::try_from(u32_at(trun, 4)?).ok()?;
    let offset = moof_at + u64::from(u32_at(trun, 8)?);
    let table = trun.get(12..12_usize.checked_add(count.checked_mul(stride)?)?)?;
    let samples = table.chunks_exact(stride).filter_map(|row| {
        Some(Sample {
            duration: u32_at(row, 0)?,
            size: u32_at(row, 4)?,
            sync: !has_flags || u32_at(row, 8)? & NON_SYNC == 0,
            composition: if has_composition { u32_at(row, stride - 4)?.cast_signed() } else { 0 },
        })
    });
    Some(PartTrack { decode_time, offset, samples: samples.collect() })
}
