//! What an export holds: which samples of which files, on which time axis. Pure; works on tables, not on files.
//!
//! Parts that touch make a stretch; stretches are put one behind the other, gaps between them closed up. Where coding changes so
//! that one track cannot carry it (H.264 to H.265, AAC to FLAC), a further movie begins.

use bytes::Bytes;

use super::samples::{Format, Part, PartTrack, Sample, TrackFormat};
use crate::media::VIDEO_TIMESCALE;
use crate::time::{Span, WallTime};

/// Ticks of the video timescale in a second.
const TICKS: i64 = VIDEO_TIMESCALE as i64;
/// Timescale of a sound track whose rates have no small common multiple.
const FALLBACK_TIMESCALE: u32 = 90_000;
/// Largest timescale that is taken for the sake of exact times.
const LARGEST_TIMESCALE: u64 = 10_000_000;

/// The tables of one file.
#[derive(Clone, Copy, Debug)]
pub struct Table<'a> {
    /// The run it belongs to.
    pub run: &'a str,
    /// How its tracks are coded.
    pub format: &'a Format,
    /// Its whole parts, in order.
    pub parts: &'a [Part],
}

/// Bytes to be copied, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// Which file of the tables given.
    pub source: usize,
    /// Offset in that file.
    pub offset: u64,
    /// Number of bytes.
    pub len: u64,
}

/// Samples of one track that follow each other in the movie's media.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Offset from the first byte of media.
    pub offset: u64,
    /// Number of samples.
    pub samples: u32,
    /// Which sample entry explains them, from 0.
    pub entry: u32,
}

/// One track of a movie.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Track {
    /// Ticks in one second.
    pub timescale: u32,
    /// Sample entries, in order of first use.
    pub entries: Vec<Bytes>,
    /// Chunks in order.
    pub chunks: Vec<Chunk>,
    /// Samples in order of decoding.
    pub samples: Vec<Sample>,
    /// Where the first sample stands on the movie's time axis, in ticks.
    pub begins: u64,
}

impl Track {
    /// Ticks of all samples.
    pub fn duration(&self) -> u64 {
        self.samples.iter().map(|s| u64::from(s.duration)).sum()
    }

    /// The number of `entry`, put at the end when it is new.
    fn entry(&mut self, entry: &Bytes) -> u32 {
        let at = self.entries.iter().position(|e| e == entry).unwrap_or_else(|| {
            self.entries.push(entry.clone());
            self.entries.len() - 1
        });
        u32::try_from(at).unwrap_or(u32::MAX)
    }
}

/// Footage without a break inside a movie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// Capture times from its first picture to the end of its last.
    pub span: Span,
    /// Where it begins on the movie's time axis, in 1/90000 s.
    pub at_90k: u64,
}

/// One MP4 file to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Movie {
    /// Width of the first pictures in pixels.
    pub width: u32,
    /// Height of the first pictures in pixels.
    pub height: u32,
    /// The pictures.
    pub video: Track,
    /// The sound; `None` when there is none.
    pub audio: Option<Track>,
    /// What to copy, in order.
    pub ranges: Vec<Range>,
    /// The stretches, in order.
    pub stretches: Vec<Stretch>,
    /// Where players start, in 1/90000 s of the movie's time axis: pictures before it are only there to be decoded from.
    pub start_90k: u64,
}

impl Movie {
    /// Bytes of media.
    pub fn media_bytes(&self) -> u64 {
        self.ranges.iter().map(|r| r.len).sum()
    }

    /// Capture time of the first picture that is shown.
    pub fn from(&self) -> WallTime {
        let first = self.stretches.first().map_or(WallTime::from_micros(0), |s| s.span.from);
        first.plus_micros(to_micros(self.start_90k))
    }

    /// Capture time at which the last picture ends.
    pub fn to(&self) -> WallTime {
        self.stretches.last().map_or(WallTime::from_micros(0), |s| s.span.to)
    }

    /// What is shown, in order of time.
    pub fn shown(&self) -> Vec<Span> {
        let mut spans: Vec<Span> = self.stretches.iter().map(|s| s.span).collect();
        if let Some(first) = spans.first_mut() {
            first.from = self.from();
        }
        spans
    }
}

fn to_micros(ticks: u64) -> i64 {
    i64::try_from(ticks / 9 * 100 + ticks % 9 * 100 / 9).unwrap_or(i64::MAX)
}

fn to_ticks(micros: i64) -> u64 {
    u64::try_from(micros.max(0)).unwrap_or(0) * 9 / 100
}

/// A part and the file it lies in.
#[derive(Clone, Copy)]
struct Placed<'a> {
    source: usize,
    table: &'a Table<'a>,
    part: &'a Part,
}

impl Placed<'_> {
    fn to(&self) -> WallTime {
        self.part.from.plus_micros(to_micros(self.part.video.duration()))
    }

    fn is_random_access(&self) -> bool {
        self.part.video.samples.first().is_some_and(|s| s.sync)
    }

    fn followed_by(&self, next: &Placed<'_>) -> bool {
        self.table.run == next.table.run
            && self.table.format == next.table.format
            && self.part.video.decode_time + self.part.video.duration() == next.part.video.decode_time
    }
}

/// Plans the export of `asked` from `tables`, given in order of time. Gives nothing when nothing was recorded.
///
/// Each movie begins at the random access point at or before the span (or where recording began), and ends with the last picture that
/// begins before its end.
pub fn plan(tables: &[Table<'_>], asked: Span) -> Vec<Movie> {
    let all: Vec<Placed<'_>> = tables
        .iter()
        .enumerate()
        .flat_map(|(source, table)| table.parts.iter().map(move |part| Placed { source, table, part }))
        .collect();
    let mut movies: Vec<Builder> = Vec::new();
    for stretch in all.chunk_by(Placed::followed_by) {
        let Some(parts) = choose(stretch, asked) else { continue };
        let Some(first) = parts.first() else { continue };
        let fits = movies.last().is_some_and(|m| m.fits(first.table.format));
        if !fits {
            movies.push(Builder::new(first.table.format));
        }
        if let Some(movie) = movies.last_mut() {
            movie.take(parts, asked);
        }
    }
    movies.into_iter().filter_map(|m| m.finish(tables, asked)).collect()
}

/// The parts of a stretch that the span needs: from the random access point at or before it.
fn choose<'a, 'b>(stretch: &'b [Placed<'a>], asked: Span) -> Option<&'b [Placed<'a>]> {
    let end = stretch.iter().rposition(|p| p.part.from < asked.to)? + 1;
    let reaching = stretch[..end].last()?.to() > asked.from;
    let before = stretch[..end].iter().rposition(|p| p.is_random_access() && p.part.from <= asked.from);
    let begin = before.or_else(|| stretch[..end].iter().position(Placed::is_random_access))?;
    reaching.then(|| &stretch[begin..end])
}

/// A movie being put together.
struct Builder {
    video_coding: Vec<u8>,
    audio_format: Option<TrackFormat>,
    width: u32,
    height: u32,
    video: Track,
    video_ticks: u64,
    /// Entry, part's samples and their start in 1/90000 s of the movie and source ticks: placed when the timescale is known.
    sounds: Vec<Sounds>,
    ranges: Vec<Range>,
    stretches: Vec<Stretch>,
    media: u64,
}

/// The sound of one part on its way into the movie.
struct Sounds {
    format: TrackFormat,
    /// Offset in the movie's media.
    offset: u64,
    samples: Vec<Sample>,
    /// Decode time of the first sample in source ticks.
    decode_time: u64,
    /// Movie time minus source time of the stretch, in 1/90000 s.
    shift_90k: i64,
}

impl Builder {
    fn new(format: &Format) -> Self {
        Self {
            video_coding: format.video.coding().to_vec(),
            audio_format: None,
            width: format.width,
            height: format.height,
            video: Track { timescale: VIDEO_TIMESCALE, ..Track::default() },
            video_ticks: 0,
            sounds: Vec::new(),
            ranges: Vec::new(),
            stretches: Vec::new(),
            media: 0,
        }
    }

    /// True when one track can carry this format too.
    fn fits(&self, format: &Format) -> bool {
        let same_sound = |a: &TrackFormat, b: &TrackFormat| a.coding() == b.coding() && channels(a) == channels(b);
        format.video.coding() == self.video_coding
            && match (&self.audio_format, &format.audio) {
                (Some(a), Some(b)) => same_sound(a, b),
                _ => true,
            }
    }

    fn take(&mut self, parts: &[Placed<'_>], asked: Span) {
        let Some(first) = parts.first() else { return };
        let source_start = first.part.video.decode_time;
        let shift_90k = self.video_ticks.cast_signed() - source_start.cast_signed();
        let at_90k = self.video_ticks;
        if self.audio_format.is_none() {
            self.audio_format.clone_from(&first.table.format.audio);
        }
        let mut to = first.part.from;
        for placed in parts {
            let part = placed.part;
            let kept = kept_pictures(part, asked.to);
            let entry = self.video.entry(&placed.table.format.video.entry);
            let samples = &part.video.samples[..kept];
            let bytes: u64 = samples.iter().map(|s| u64::from(s.size)).sum();
            let ticks: u64 = samples.iter().map(|s| u64::from(s.duration)).sum();
            self.video.chunks.push(Chunk { offset: self.media, samples: count(kept), entry });
            self.video.samples.extend_from_slice(samples);
            self.copy(Range { source: placed.source, offset: part.video.offset, len: bytes });
            self.video_ticks += ticks;
            to = part.from.plus_micros(to_micros(ticks));
            if let Some(format) = &placed.table.format.audio {
                let end = part.video.decode_time + ticks;
                self.take_sound(placed.source, &part.audio, format, source_start..end, shift_90k);
            }
        }
        self.stretches.push(Stretch { span: Span::new(first.part.from, to), at_90k });
    }

    /// The sound of a part that begins inside the stretch's pictures, `within` being source time in 1/90000 s.
    fn take_sound(
        &mut self,
        source: usize,
        audio: &PartTrack,
        format: &TrackFormat,
        within: std::ops::Range<u64>,
        shift_90k: i64,
    ) {
        let rate = u64::from(format.timescale);
        let inside = |time: u64| {
            let (time, start, end) = (u128::from(time) * 90_000, u128::from(within.start), u128::from(within.end));
            (start * u128::from(rate)..end * u128::from(rate)).contains(&time)
        };
        let mut time = audio.decode_time;
        let mut offset = audio.offset;
        let mut taken = Sounds {
            format: format.clone(),
            offset: self.media,
            samples: Vec::with_capacity(audio.samples.len()),
            decode_time: time,
            shift_90k,
        };
        let mut range = Range { source, offset, len: 0 };
        for sample in &audio.samples {
            if inside(time) {
                if taken.samples.is_empty() {
                    taken.decode_time = time;
                    range.offset = offset;
                }
                taken.samples.push(*sample);
                range.len += u64::from(sample.size);
            } else if !taken.samples.is_empty() {
                break;
            }
            time += u64::from(sample.duration);
            offset += u64::from(sample.size);
        }
        if !taken.samples.is_empty() {
            self.copy(range);
            self.sounds.push(taken);
        }
    }

    fn copy(&mut self, range: Range) {
        self.media += range.len;
        match self.ranges.last_mut() {
            Some(last) if last.source == range.source && last.offset + last.len == range.offset => last.len += range.len,
            _ if range.len == 0 => {}
            _ => self.ranges.push(range),
        }
    }

    fn finish(self, tables: &[Table<'_>], asked: Span) -> Option<Movie> {
        debug_assert!(self.ranges.iter().all(|r| r.source < tables.len()));
        let first = self.stretches.first()?;
        let start_90k = to_ticks(asked.from.micros_since(first.span.from)).min(self.video_ticks.saturating_sub(1));
        Some(Movie {
            width: self.width,
            height: self.height,
            audio: place_sound(&self.sounds),
            video: self.video,
            ranges: self.ranges,
            stretches: self.stretches,
            start_90k,
        })
    }
}

/// Number of pictures to keep, in order of decoding, so that all that begin before `end` are there.
fn kept_pictures(part: &Part, end: WallTime) -> usize {
    let limit = i64::try_from(to_ticks(end.micros_since(part.from).max(0))).unwrap_or(i64::MAX);
    // A part that begins before the end has at least its first picture.
    let mut kept = 1;
    let mut time = 0i64;
    for (n, sample) in part.video.samples.iter().enumerate() {
        if time + i64::from(sample.composition) < limit {
            kept = n + 1;
        }
        time += i64::from(sample.duration);
    }
    kept.min(part.video.samples.len())
}

/// The channel count of a sound sample entry (ISO/IEC 14496-12 section 12.2.3).
fn channels(format: &TrackFormat) -> Option<u16> {
    format.entry.get(24..26)?.try_into().ok().map(u16::from_be_bytes)
}

/// Puts sound on the movie's time axis. A hole is the longer duration of the frame before it; where stretches meet, a frame that
/// would sound into the next stretch is cut by its shorter duration.
fn place_sound(sounds: &[Sounds]) -> Option<Track> {
    sounds.first()?;
    let timescale = common_timescale(sounds.iter().map(|s| s.format.timescale));
    let mut track = Track { timescale, ..Track::default() };
    let mut last_start: Option<i64> = None;
    for part in sounds {
        let entry = track.entry(&part.format.entry);
        let rate = i64::from(part.format.timescale);
        let scale = i64::from(timescale);
        let shift = (i128::from(part.shift_90k) * i128::from(scale)).div_euclid(i128::from(TICKS));
        let place = |time: u64| {
            let own = i128::from(time) * i128::from(scale) / i128::from(rate);
            i64::try_from(shift + own).unwrap_or(i64::MAX).max(0)
        };
        let mut time = part.decode_time;
        for sample in &part.samples {
            let start = place(time);
            // Two frames at one time cannot be: the later one waits a tick.
            let start = last_start.map_or(start, |last| start.max(last + 1));
            match (last_start, track.samples.last_mut()) {
                (Some(last), Some(before)) => before.duration = u32::try_from(start - last).unwrap_or(u32::MAX),
                _ => track.begins = start.cast_unsigned(),
            }
            last_start = Some(start);
            let end = place(time + u64::from(sample.duration));
            track.samples.push(Sample { duration: u32::try_from((end - start).max(1)).unwrap_or(u32::MAX), ..*sample });
            time += u64::from(sample.duration);
        }
        track.chunks.push(Chunk { offset: part.offset, samples: count(part.samples.len()), entry });
    }
    Some(track)
}

/// A timescale in which frames of every rate begin on whole ticks.
fn common_timescale(rates: impl Iterator<Item = u32>) -> u32 {
    let mut common = 1u64;
    for rate in rates {
        let rate = u64::from(rate.max(1));
        common = common / gcd(common, rate) * rate;
        if common > LARGEST_TIMESCALE {
            return FALLBACK_TIMESCALE;
        }
    }
    u32::try_from(common).unwrap_or(FALLBACK_TIMESCALE)
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// Samples of a part are far fewer than 2³².
fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
