//! The front of an exported file: `ftyp`, a box that says what it is, `moov`, and the head of `mdat` (ISO/IEC 14496-12). Pure.

use serde::{Deserialize, Serialize};

use super::plan::{Chunk, Movie, Track};
use super::samples::Sample;
use crate::media::VIDEO_TIMESCALE;
use crate::media::boxes::{put, put_full, u16be, u32be, u64be};
use crate::time::{MICROS_PER_SECOND, WallTime};

/// User type of the box that says where an exported file comes from: letters anyone with a hex viewer can read.
pub const EXPORT_UUID: &[u8; 16] = b"jiancha exported";
/// Seconds from the epoch of MP4 times (1904) to 1970.
const MP4_EPOCH_SECONDS: i64 = 2_082_844_800;

/// What an exported file says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Label {
    /// Name of the hall.
    pub hall: String,
    /// Administrative division.
    pub division: String,
    /// Camera.
    pub camera: String,
    /// Windows the camera looks at.
    pub windows: Vec<String>,
    /// Capture time of the first picture shown.
    pub from: WallTime,
    /// Capture time at which the last picture ends.
    pub to: WallTime,
}

/// Everything in front of the media.
pub fn front(movie: &Movie, label: &Label) -> Vec<u8> {
    let mut out = Vec::with_capacity(4096 + 16 * movie.video.samples.len());
    put(&mut out, b"ftyp", |out| out.extend_from_slice(b"isom\0\0\x02\0isomiso2iso4mp41"));
    put(&mut out, b"uuid", |out| {
        out.extend_from_slice(EXPORT_UUID);
        // Plain texts: coding cannot fail.
        out.extend_from_slice(&serde_json::to_vec(label).unwrap_or_default());
    });
    let media = movie.media_bytes();
    // 16 bytes of head for media past 4 GiB (section 4.2), 8 otherwise.
    let head: u64 = if media + 8 > u64::from(u32::MAX) { 16 } else { 8 };
    let before = out.len() as u64;
    // Offsets are of one width in the whole file, so its size does not depend on their values.
    let mut moov = put_moov(movie, 0, true);
    let narrow = before + moov.len() as u64 + head + media <= u64::from(u32::MAX);
    if narrow {
        moov = put_moov(movie, 0, false);
    }
    let base = before + moov.len() as u64 + head;
    out.append(&mut put_moov(movie, base, !narrow));
    if head == 16 {
        u32be(&mut out, 1);
        out.extend_from_slice(b"mdat");
        u64be(&mut out, media + 16);
    } else {
        u32be(&mut out, u32::try_from(media + 8).unwrap_or(u32::MAX));
        out.extend_from_slice(b"mdat");
    }
    out
}

fn put_moov(movie: &Movie, base: u64, wide: bool) -> Vec<u8> {
    let created = mp4_time(movie.from());
    let mut tracks = vec![Described::new(movie, &movie.video, true)];
    tracks.extend(movie.audio.as_ref().map(|audio| Described::new(movie, audio, false)));
    let longest = tracks.iter().map(Described::shown).max().unwrap_or(0);
    let mut out = Vec::new();
    put(&mut out, b"moov", |out| {
        put_full(out, b"mvhd", 1, 0, |out| {
            u64be(out, created);
            u64be(out, created);
            u32be(out, VIDEO_TIMESCALE);
            u64be(out, longest);
            u32be(out, 0x0001_0000);
            u16be(out, 0x0100);
            out.extend_from_slice(&[0; 10]);
            matrix(out);
            out.extend_from_slice(&[0; 24]);
            u32be(out, u32::try_from(tracks.len()).unwrap_or(0) + 1);
        });
        for (number, track) in (1..).zip(&tracks) {
            track.put(out, number, created, base, wide);
        }
    });
    out
}

fn mp4_time(t: WallTime) -> u64 {
    u64::try_from(t.as_micros().div_euclid(MICROS_PER_SECOND) + MP4_EPOCH_SECONDS).unwrap_or(0)
}

/// The unity transformation matrix.
fn matrix(out: &mut Vec<u8>) {
    for n in [0x0001_0000, 0, 0, 0, 0x0001_0000, 0, 0, 0, 0x4000_0000] {
        u32be(out, n);
    }
}

/// One line of an edit list: length in movie ticks, start in the media in its ticks (−1: nothing is shown).
type Edit = (u64, i64);

/// A track with its place on the movie's time axis.
struct Described<'a> {
    track: &'a Track,
    /// Size in pixels; `None` for sound.
    size: Option<(u32, u32)>,
    edits: Vec<Edit>,
}

impl<'a> Described<'a> {
    fn new(movie: &Movie, track: &'a Track, video: bool) -> Self {
        let size = video.then_some((movie.width, movie.height));
        Self { track, size, edits: edits(track, movie.start_90k) }
    }

    /// Length of what is shown, in movie ticks.
    fn shown(&self) -> u64 {
        self.edits.iter().map(|e| e.0).sum()
    }

    fn put(&self, out: &mut Vec<u8>, number: u32, created: u64, base: u64, wide: bool) {
        put(out, b"trak", |out| {
            put_full(out, b"tkhd", 1, 3, |out| {
                u64be(out, created);
                u64be(out, created);
                u32be(out, number);
                u32be(out, 0);
                u64be(out, self.shown());
                out.extend_from_slice(&[0; 12]);
                u16be(out, if self.size.is_some() { 0 } else { 0x0100 });
                u16be(out, 0);
                matrix(out);
                let (width, height) = self.size.unwrap_or((0, 0));
                u32be(out, width << 16);
                u32be(out, height << 16);
            });
            put(out, b"edts", |out| {
                put_full(out, b"elst", 1, 0, |out| {
                    u32be(out, len(self.edits.len()));
                    for (duration, media_time) in &self.edits {
                        u64be(out, *duration);
                        u64be(out, media_time.cast_unsigned());
                        u32be(out, 0x0001_0000);
                    }
                });
            });
            put(out, b"mdia", |out| {
                put_full(out, b"mdhd", 1, 0, |out| {
                    u64be(out, created);
                    u64be(out, created);
                    u32be(out, self.track.timescale);
                    u64be(out, self.track.duration());
                    u16be(out, 0x55c4);
                    u16be(out, 0);
                });
                put_full(out, b"hdlr", 0, 0, |out| {
                    u32be(out, 0);
                    out.extend_from_slice(if self.size.is_some() { b"vide" } else { b"soun" });
                    out.extend_from_slice(&[0; 12]);
                    out.push(0);
                });
                put(out, b"minf", |out| {
                    if self.size.is_some() {
                        put_full(out, b"vmhd", 0, 1, |out| u64be(out, 0));
                    } else {
                        put_full(out, b"smhd", 0, 0, |out| u32be(out, 0));
                    }
                    put(out, b"dinf", |out| {
                        put_full(out, b"dref", 0, 0, |out| {
                            u32be(out, 1);
                            put_full(out, b"url ", 0, 1, |_| {});
                        });
                    });
                    put(out, b"stbl", |out| sample_tables(out, self.track, self.size.is_some(), base, wide));
                });
            });
        });
    }
}

/// Where a track is shown: from the movie's start on, after a pause when its media begins later.
fn edits(track: &Track, start_90k: u64) -> Vec<Edit> {
    let scale = u64::from(track.timescale.max(1));
    let to_media = |ticks: u64| muldiv(ticks, scale, u64::from(VIDEO_TIMESCALE));
    let to_movie = |ticks: u64| muldiv(ticks, u64::from(VIDEO_TIMESCALE), scale);
    let start = to_media(start_90k);
    let end = track.begins + track.duration();
    let mut edits = Vec::with_capacity(2);
    if track.begins > start {
        edits.push((to_movie(track.begins - start), -1));
    }
    let media_time = start.saturating_sub(track.begins).min(track.duration());
    edits.push((to_movie(end.saturating_sub(start.max(track.begins))), i64::try_from(media_time).unwrap_or(0)));
    edits
}

fn muldiv(n: u64, by: u64, over: u64) -> u64 {
    u64::try_from(u128::from(n) * u128::from(by) / u128::from(over.max(1))).unwrap_or(u64::MAX)
}

/// `stsd`, `stts`, `ctts`, `stss`, `stsc`, `stsz` and the chunk offsets.
fn sample_tables(out: &mut Vec<u8>, track: &Track, video: bool, base: u64, wide: bool) {
    put_full(out, b"stsd", 0, 0, |out| {
        u32be(out, len(track.entries.len()));
        track.entries.iter().for_each(|entry| out.extend_from_slice(entry));
    });
    runs(out, b"stts", 0, &track.samples, |s| s.duration);
    if track.samples.iter().any(|s| s.composition != 0) {
        // Version 1: offsets may be below zero.
        runs(out, b"ctts", 1, &track.samples, |s| s.composition.cast_unsigned());
    }
    if video && track.samples.iter().any(|s| !s.sync) {
        let sync: Vec<u32> = (1u32..).zip(&track.samples).filter(|(_, s)| s.sync).map(|(n, _)| n).collect();
        put_full(out, b"stss", 0, 0, |out| {
            u32be(out, len(sync.len()));
            sync.iter().for_each(|n| u32be(out, *n));
        });
    }
    chunks(out, &track.chunks);
    put_full(out, b"stsz", 0, 0, |out| {
        u32be(out, 0);
        u32be(out, len(track.samples.len()));
        track.samples.iter().for_each(|s| u32be(out, s.size));
    });
    if wide {
        put_full(out, b"co64", 0, 0, |out| {
            u32be(out, len(track.chunks.len()));
            track.chunks.iter().for_each(|c| u64be(out, base + c.offset));
        });
    } else {
        put_full(out, b"stco", 0, 0, |out| {
            u32be(out, len(track.chunks.len()));
            track.chunks.iter().for_each(|c| u32be(out, u32::try_from(base + c.offset).unwrap_or(u32::MAX)));
        });
    }
}

/// A table of runs: how many samples in a row have the same value.
fn runs(out: &mut Vec<u8>, kind: &[u8; 4], version: u8, samples: &[Sample], value: impl Fn(&Sample) -> u32) {
    put_full(out, kind, version, 0, |out| {
        let count_at = out.len();
        u32be(out, 0);
        let mut n = 0;
        for run in samples.chunk_by(|a, b| value(a) == value(b)) {
            u32be(out, len(run.len()));
            u32be(out, run.first().map_or(0, &value));
            n += 1;
        }
        out[count_at..count_at + 4].copy_from_slice(&len(n).to_be_bytes());
    });
}

/// `stsc`: a line where the number of samples in a chunk, or their sample entry, changes.
fn chunks(out: &mut Vec<u8>, chunks: &[Chunk]) {
    put_full(out, b"stsc", 0, 0, |out| {
        let count_at = out.len();
        u32be(out, 0);
        let (mut first, mut n) = (1, 0);
        for run in chunks.chunk_by(|a, b| (a.samples, a.entry) == (b.samples, b.entry)) {
            let Some(chunk) = run.first() else { continue };
            u32be(out, first);
            u32be(out, chunk.samples);
            u32be(out, chunk.entry + 1);
            first += len(run.len());
            n += 1;
        }
        out[count_at..count_at + 4].copy_from_slice(&len(n).to_be_bytes());
    });
}

/// Counts in a file of less than 2³² samples.
fn len(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
