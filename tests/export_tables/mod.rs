//! The sample tables of an exported film, read by a parser that is not ours: whatever the parts, gaps and runs, every sample asked for is
//! there once, with its own bytes, its own length and in step.

use std::io::Cursor;

use bytes::Bytes;
use jiancha::export::mp4::{Label, front};
use jiancha::export::plan::{Movie, Table, plan};
use jiancha::export::samples::{Format, Part, PartTrack, Sample, TrackFormat};
use jiancha::media::{boxes, flac};
use jiancha::time::{Span, WallTime};
use mp4_atom::{Any, Moov, ReadFrom, StszSamples, Trak};
use proptest::prelude::*;

/// 2024-11-18T09:00:00+08:00.
const NINE: i64 = 1_731_891_600_000_000;

fn format(width: u32) -> Format {
    let record = [1, 0x64, 0, 0x1e, 0xff, 0xe0, 0];
    Format {
        video: TrackFormat { timescale: 90_000, entry: boxes::avc1(width, 360, &record) },
        audio: Some(TrackFormat { timescale: 8000, entry: boxes::flac(1, 8000, &flac::stream_info(8000, 160)) }),
        width,
        height: 360,
    }
}

/// One recorded run: seconds of pause before it, pictures, width, and whether pictures are reordered.
#[derive(Clone, Debug)]
struct Recorded {
    pause: i64,
    seconds: i64,
    gop: i64,
    width: u32,
    reordered: bool,
}

/// The run's only file: parts of a second, 25 pictures and 50 frames of sound each, every sample of another size.
fn parts(run: &Recorded, start: i64) -> Vec<Part> {
    let mut offset = 1000u64;
    (0..run.seconds)
        .map(|second| {
            let video: Vec<Sample> = (0..25i64)
                .map(|n| Sample {
                    duration: 3600,
                    size: u32::try_from(100 + (second * 25 + n) % 91).unwrap(),
                    // I0 P2 B1 …: every second picture is shown before the one decoded before it.
                    composition: match (run.reordered, n % 2, n) {
                        (false, ..) | (true, _, 0) => 0,
                        (true, 1, _) => 3600,
                        (true, ..) => -3600,
                    },
                    sync: n == 0 && second % run.gop == 0,
                })
                .collect();
            let audio: Vec<Sample> = (0..50i64)
                .map(|n| Sample {
                    duration: 160,
                    size: u32::try_from(20 + (second + n) % 7).unwrap(),
                    composition: 0,
                    sync: true,
                })
                .collect();
            let video = PartTrack { decode_time: u64::try_from(second * 90_000).unwrap(), offset, samples: video };
            let audio = PartTrack {
                decode_time: u64::try_from(second * 8000).unwrap(),
                offset: offset + video.bytes(),
                samples: audio,
            };
            offset += video.bytes() + audio.bytes() + 500;
            Part { from: WallTime::from_micros(start + second * 1_000_000), video, audio }
        })
        .collect()
}

fn read(bytes: &[u8]) -> Moov {
    let mut input = Cursor::new(bytes);
    while let Ok(Some(atom)) = Option::<Any>::read_from(&mut input) {
        if let Any::Moov(moov) = atom {
            return moov;
        }
    }
    panic!("no moov")
}

/// Every sample of a track as the tables tell it: offset in the film, size, decode time, description.
fn told(trak: &Trak) -> Vec<(u64, u64, u64, u32)> {
    let stbl = &trak.mdia.minf.stbl;
    let sizes = match &stbl.stsz.samples {
        StszSamples::Different { sizes } => sizes.clone(),
        StszSamples::Identical { count, size } => vec![*size; usize::try_from(*count).unwrap()],
    };
    let durations: Vec<u32> =
        stbl.stts.entries.iter().flat_map(|e| vec![e.sample_delta; usize::try_from(e.sample_count).unwrap()]).collect();
    assert_eq!(sizes.len(), durations.len());
    let offsets: Vec<u64> = match (&stbl.stco, &stbl.co64) {
        (Some(stco), None) => stco.entries.iter().map(|o| u64::from(*o)).collect(),
        (None, Some(co64)) => co64.entries.clone(),
        _ => panic!("one of stco and co64"),
    };
    let (mut samples, mut n, mut time) = (Vec::new(), 0, 0);
    for (chunk, offset) in (1u32..).zip(offsets) {
        let line = stbl.stsc.entries.iter().rev().find(|e| e.first_chunk <= chunk).unwrap();
        let mut at = offset;
        for _ in 0..line.samples_per_chunk {
            samples.push((at, u64::from(sizes[n]), time, line.sample_description_index));
            at += u64::from(sizes[n]);
            time += u64::from(durations[n]);
            n += 1;
        }
    }
    assert_eq!(n, sizes.len());
    samples
}

/// The film's place of every source byte: which file and offset stand at an offset of the film.
fn source_of(movie: &Movie, media_start: u64, offset: u64) -> (usize, u64) {
    let mut at = media_start;
    for range in &movie.ranges {
        if offset < at + range.len {
            return (range.source, range.offset + (offset - at));
        }
        at += range.len;
    }
    panic!("offset {offset} lies behind the media")
}

fn label() -> Label {
    let t = WallTime::from_micros(NINE);
    Label { hall: "厅".into(), division: "区".into(), camera: "C1".into(), windows: vec![], from: t, to: t }
}

fn run() -> impl Strategy<Value = Recorded> {
    (0i64..20, 1i64..8, 1i64..4, prop_oneof![Just(640u32), Just(1280)], any::<bool>())
        .prop_map(|(pause, seconds, gop, width, reordered)| Recorded { pause, seconds, gop, width, reordered })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn every_sample_is_there_once_with_its_bytes_and_in_step(
        runs in prop::collection::vec(run(), 1..5),
        from_ms in 0i64..40_000,
        length_ms in 1i64..40_000,
    ) {
        let mut start = NINE;
        let (mut files, mut formats) = (Vec::new(), Vec::new());
        for recorded in &runs {
            start += recorded.pause * 1_000_000;
            files.push(parts(recorded, start));
            formats.push(format(recorded.width));
            start += recorded.seconds * 1_000_000;
        }
        let names: Vec<String> = (0..runs.len()).map(|n| format!("run {n}")).collect();
        let tables: Vec<Table<'_>> =
            (0..runs.len()).map(|n| Table { run: &names[n], format: &formats[n], parts: &files[n] }).collect();
        let asked = Span::new(WallTime::from_micros(NINE + from_ms * 1000), WallTime::from_micros(NINE + (from_ms + length_ms) * 1000));
        let movies = plan(&tables, asked);
        // H.264 and FLAC throughout: one film, or none where nothing was recorded.
        let recorded = files.iter().flatten().any(|p| {
            Span::new(p.from, p.from.plus_micros(1_000_000)).intersect(asked).is_some()
        });
        prop_assert_eq!(movies.len(), usize::from(recorded));
        let Some(movie) = movies.first() else { return Ok(()) };
        let bytes = front(movie, &label());
        let media_start = bytes.len() as u64;
        let moov = read(&bytes);

        // Pictures: all that are shown in the span are there, each once, in order of decoding, preceded only by what they need.
        let video = told(&moov.trak[0]);
        let mut expected = Vec::new();
        for (source, parts) in files.iter().enumerate() {
            for part in parts {
                let mut at = part.video.offset;
                let mut time = 0i64;
                for sample in &part.video.samples {
                    let shown = part.from.plus_micros((time + i64::from(sample.composition)) * 100 / 9);
                    expected.push((source, at, u64::from(sample.size), shown, sample.sync));
                    at += u64::from(sample.size);
                    time += i64::from(sample.duration);
                }
            }
        }
        let found: Vec<(usize, u64)> = video.iter().map(|s| source_of(movie, media_start, s.0)).collect();
        for pair in found.windows(2) {
            prop_assert!(pair[0] < pair[1], "twice or out of order: {:?}", pair);
        }
        for (source, at, size, shown, _) in &expected {
            let there = found.iter().position(|f| f == &(*source, *at));
            if asked.contains(*shown) {
                prop_assert!(there.is_some(), "a picture shown at {shown} is missing");
            }
            if let Some(n) = there {
                prop_assert_eq!(video[n].1, *size);
                let entry = movie.video.entries[usize::try_from(video[n].3 - 1).unwrap()].clone();
                prop_assert_eq!(&entry, &formats[*source].video.entry);
            }
        }
        let first = expected.iter().find(|e| (e.0, e.1) == found[0]).unwrap();
        prop_assert!(first.4, "the film begins at a key frame");
        // Pictures follow each other without a pause: gaps are closed up.
        for (n, sample) in video.iter().enumerate() {
            prop_assert_eq!(sample.2, n as u64 * 3600);
        }

        // Sound: its own bytes, and never more than a frame away from the pictures it was recorded with.
        let audio = told(&moov.trak[1]);
        let begins = movie.audio.as_ref().unwrap().begins;
        for (offset, size, time, _) in audio {
            let (source, at) = source_of(movie, media_start, offset);
            let part = files[source].iter().find(|p| (p.audio.offset..p.audio.offset + p.audio.bytes()).contains(&at)).unwrap();
            let mut place = part.audio.offset;
            let n = part.audio.samples.iter().position(|s| { let hit = place == at; place += u64::from(s.size); hit }).unwrap();
            prop_assert_eq!(size, u64::from(part.audio.samples[n].size));
            let stretch = movie.stretches.iter().rev().find(|s| s.span.from <= part.from.plus_micros(n as i64 * 20_000)).unwrap();
            let after = part.from.plus_micros(n as i64 * 20_000).micros_since(stretch.span.from);
            let told_micros = i64::try_from((time + begins) * 125).unwrap();
            let wanted = i64::try_from(stretch.at_90k * 100 / 9).unwrap() + after;
            prop_assert!((told_micros - wanted).abs() <= 125, "sound {told_micros} µs into the film, pictures {wanted}");
        }
    }
}

#[test]
fn media_past_four_gibibytes_has_wide_offsets_and_a_wide_head() {
    // 60 parts of 80 MB: 4.8 GB in all, planned and never written.
    let format = format(640);
    let parts: Vec<Part> = (0..60u64)
        .map(|n| {
            let sample = Sample { duration: 90_000, size: 80_000_000, composition: 0, sync: true };
            let video = PartTrack { decode_time: n * 90_000, offset: 1000 + n * 80_000_500, samples: vec![sample] };
            let from = WallTime::from_micros(NINE + i64::try_from(n).unwrap() * 1_000_000);
            Part { from, video, audio: PartTrack::default() }
        })
        .collect();
    let table = Table { run: "r", format: &format, parts: &parts };
    let asked = Span::new(parts[0].from, parts[59].from.plus_micros(1_000_000));
    let movies = plan(&[table], asked);
    assert_eq!(movies[0].audio, None);
    let bytes = front(&movies[0], &label());
    let moov = read(&bytes);
    assert!(moov.trak[0].mdia.minf.stbl.stco.is_none());
    let samples = told(&moov.trak[0]);
    let media_start = bytes.len() as u64;
    assert_eq!(samples[0].0, media_start);
    assert_eq!(samples[59].0, media_start + 59 * 80_000_000);
    let head = &bytes[bytes.len() - 16..];
    assert_eq!(head[..8], [0, 0, 0, 1, b'm', b'd', b'a', b't']);
    assert_eq!(u64::from_be_bytes(head[8..].try_into().unwrap()), 60 * 80_000_000 + 16);
    assert_eq!(Bytes::from(bytes).slice(4..8), "ftyp");
}
