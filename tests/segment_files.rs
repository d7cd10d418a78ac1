//! Segment files seen from outside: cut on the minute grid, chained, readable by a parser that is not ours, whole after a cut.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a panic here is a failed test with a line number; figures are printed"
)]

use std::io::Cursor;

use jiancha::media::{
    AccessUnit, AudioCodec, AudioFormat, AudioUnit, StreamFormat, TimeSource, VideoCodec, VideoFormat, VideoUnit, boxes,
};
use jiancha::segment::adopt::{Adopted, adopt};
use jiancha::segment::reader;
use jiancha::segment::writer::{CutSettings, SegmentWriter, Subject, WriteCommand};
use jiancha::time::WallTime;
use mp4_atom::{Any, ReadFrom};
use proptest::prelude::*;
use sha2::{Digest, Sha256};

/// 2026-11-22T14:50:00+08:00.
const MINUTE: i64 = 1_795_330_200_000_000;

fn format() -> StreamFormat {
    let record = [1, 0x64, 0, 0x1e, 0xff, 0xe0, 0];
    StreamFormat {
        video: VideoFormat {
            codec: VideoCodec::H264,
            width: 640,
            height: 360,
            codec_string: boxes::avc_codec_string(&record).unwrap(),
            sample_entry: boxes::avc1(640, 360, &record),
            configuration: record.to_vec().into(),
        },
        audio: Some(AudioFormat {
            codec: AudioCodec::Flac,
            sample_rate: 8000,
            channels: 1,
            codec_string: "flac".into(),
            sample_entry: boxes::flac(1, 8000, &jiancha::media::flac::stream_info(8000, 160)),
            origin: Some("G.711 A-law".into()),
        }),
    }
}

/// Picture `n` at 25 a second with a key frame every `gop`, beginning at `start`.
fn picture(n: i64, gop: i64, start: i64) -> AccessUnit {
    let len = 40 + (n * 7 % 50);
    AccessUnit::Video(VideoUnit {
        pts_90k: n * 3600,
        capture: WallTime::from_micros(start + n * 40_000),
        time_source: TimeSource::SenderReport,
        other_capture: None,
        random_access: n % gop == 0,
        data: vec![n.to_le_bytes()[0]; usize::try_from(len).unwrap()].into(),
    })
}

/// Sound frame `n`, 20 ms each.
fn sound(n: i64, start: i64) -> AccessUnit {
    AccessUnit::Audio(AudioUnit {
        pts_samples: n * 160,
        duration_samples: 160,
        capture: WallTime::from_micros(start + n * 20_000),
        data: vec![n.to_le_bytes()[0]; 30].into(),
    })
}

fn writer(part_90k: i64) -> SegmentWriter {
    let cut = CutSettings { segment_seconds: 60, part_90k };
    SegmentWriter::new(cut, Subject { camera: "C1".into(), ..Subject::default() }, format(), true, "C1-run".into())
}

/// Writes `pictures` pictures with their sound and gives the files' bytes.
fn files(pictures: i64, gop: i64, start: i64) -> Vec<Vec<u8>> {
    let mut writer = writer(90_000);
    let mut commands = Vec::new();
    for n in 0..pictures {
        writer.push(sound(2 * n, start), &mut commands);
        writer.push(picture(n, gop, start), &mut commands);
        writer.push(sound(2 * n + 1, start), &mut commands);
    }
    writer.finish(&mut commands);
    let mut files: Vec<Vec<u8>> = Vec::new();
    for command in commands {
        match command {
            WriteCommand::Create { head, .. } => files.push(head.to_vec()),
            WriteCommand::Part { bytes, .. } | WriteCommand::Seal { bytes, .. } => {
                files.last_mut().unwrap().extend_from_slice(&bytes);
            }
        }
    }
    files
}

fn index_of(bytes: &[u8]) -> reader::SegmentIndex {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s.mp4");
    std::fs::write(&path, bytes).unwrap();
    reader::index(&path).unwrap()
}

#[test]
fn segments_are_cut_at_the_first_random_access_point_past_the_minute() {
    // Starts 10 s before the minute; key frames every 2 s lie at whole even seconds of the run.
    let files = files(25 * 30, 50, MINUTE - 10_000_000);
    let indices: Vec<_> = files.iter().map(|f| index_of(f)).collect();
    assert_eq!(indices.len(), 2);
    assert_eq!(indices[0].identity.from.as_micros(), MINUTE - 10_000_000);
    assert_eq!(indices[1].identity.from.as_micros(), MINUTE);
    let pictures: u32 = indices.iter().flat_map(|i| &i.parts).map(|p| p.pictures).sum();
    assert_eq!(pictures, 750);
    // One part a second, every second one at a key frame; the second file continues the run's time axis.
    assert_eq!(indices[0].parts.len(), 10);
    assert_eq!(indices[0].parts.iter().filter(|p| p.random_access).count(), 5);
    assert_eq!(indices[1].parts[0].start_90k, 900_000);
    assert_eq!(indices[1].parts[0].from.as_micros(), MINUTE);
}

#[test]
fn digests_are_those_of_standard_tools_and_chained() {
    let files = files(25 * 30, 50, MINUTE - 10_000_000);
    let first = index_of(&files[0]).seal.unwrap();
    let bytes = &files[0][..usize::try_from(first.bytes).unwrap()];
    let digest: String = Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect();
    assert_eq!(first.digest, digest);
    assert_eq!(index_of(&files[1]).identity.previous, Some(first.digest));
    assert_eq!(index_of(&files[1]).identity.number, 1);
}

#[test]
fn a_parser_that_is_not_ours_reads_every_box_and_sample() {
    let file = &files(25 * 12, 50, MINUTE)[0];
    let mut input = Cursor::new(file);
    let (mut pictures, mut sounds, mut media, mut end) = (0, 0, 0, 0u64);
    while let Some(atom) = Option::<Any>::read_from(&mut input).unwrap() {
        match atom {
            Any::Moov(moov) => assert_eq!(moov.trak.len(), 2),
            Any::Moof(moof) => {
                for traf in &moof.traf {
                    let trun = &traf.trun[0];
                    let entries: Vec<_> = trun.samples.iter().collect();
                    let samples = entries.len();
                    if traf.tfhd.track_id == 1 {
                        pictures += samples;
                        let start = traf.tfdt.as_ref().unwrap().base_media_decode_time;
                        assert_eq!(start, end, "parts touch");
                        end = start + entries.iter().map(|e| u64::from(e.duration.unwrap())).sum::<u64>();
                    } else {
                        sounds += samples;
                    }
                    media += entries.iter().map(|e| e.size.unwrap() as usize).sum::<usize>();
                }
            }
            Any::Mdat(mdat) => media -= mdat.data.len(),
            _ => {}
        }
    }
    assert_eq!((pictures, sounds, media), (300, 600, 0));
    assert_eq!(end, 12 * 90_000);
}

#[test]
fn a_file_cut_anywhere_keeps_every_whole_part_and_is_sealed_again() {
    let file = files(25 * 6, 50, MINUTE).remove(0);
    let whole = index_of(&file);
    assert_eq!(whole.parts.len(), 6);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s.mp4");
    let from = usize::try_from(whole.parts[4].bytes.start).unwrap();
    for cut in from..file.len() {
        std::fs::write(&path, &file[..cut]).unwrap();
        let expected = whole.parts.iter().filter(|p| p.bytes.end <= cut as u64).count();
        assert_eq!(reader::index(&path).unwrap().parts.len(), expected, "cut at {cut}");
        // Mending reads the whole file: a sample of the cuts is enough, and the last byte of each part among them.
        if cut % 37 == 0 || whole.parts.iter().any(|p| p.bytes.end == cut as u64) {
            let Adopted::Sealed { seal, .. } = adopt(&path).unwrap() else { panic!("cut at {cut} was not mended") };
            assert_eq!(seal.parts as usize, expected);
            let mended = reader::index(&path).unwrap();
            assert_eq!(mended.parts, whole.parts[..expected]);
            assert_eq!(mended.seal, Some(seal));
        }
    }
    std::fs::write(&path, &file).unwrap();
    assert!(matches!(adopt(&path).unwrap(), Adopted::WasSealed(..)));
    assert_eq!(std::fs::read(&path).unwrap(), file, "a sealed file is not touched");
}

#[test]
fn reordered_pictures_get_rising_decode_times() {
    // I0 P3 B1 B2 P6 B4 B5, then a key frame.
    let mut writer = writer(1 << 40);
    let mut commands = Vec::new();
    for (place, n) in [0, 3, 1, 2, 6, 4, 5].into_iter().enumerate() {
        let AccessUnit::Video(mut unit) = picture(n, 100, MINUTE) else { unreachable!() };
        unit.random_access = place == 0;
        writer.push(AccessUnit::Video(unit), &mut commands);
    }
    writer.push(picture(7, 7, MINUTE), &mut commands);
    let WriteCommand::Part { bytes, pictures, .. } = &commands[1] else { panic!("a part") };
    assert_eq!(*pictures, 7);
    let mut input = Cursor::new(bytes);
    while let Some(atom) = Option::<Any>::read_from(&mut input).unwrap() {
        if let Any::Moof(moof) = atom {
            let entries: Vec<_> = moof.traf[0].trun[0].samples.iter().collect();
            assert!(entries.iter().all(|e| e.duration == Some(3600)));
            let offsets: Vec<i64> = entries.iter().map(|e| e.cts.unwrap_or(0) / 3600).collect();
            assert_eq!(offsets, [0, 2, -1, -1, 2, -1, -1]);
            return;
        }
    }
    panic!("no moof");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    /// Whatever the GOP, the part length and the start: no picture is lost, doubled or out of order, and each file starts at a key frame.
    #[test]
    fn nothing_is_lost_between_parts_and_files(gop in 1i64..80, part in 1i64..3, start in 0i64..60, pictures in 1i64..400) {
        let mut writer = writer(part * 90_000);
        let mut commands = Vec::new();
        for n in 0..pictures {
            writer.push(picture(n, gop, MINUTE + start * 1_000_000), &mut commands);
        }
        writer.finish(&mut commands);
        let mut file = Vec::new();
        let mut next = 0;
        let mut open = false;
        for command in commands {
            match command {
                WriteCommand::Create { head, .. } => { prop_assert!(!open); open = true; file = head.to_vec(); }
                WriteCommand::Part { bytes, .. } => file.extend_from_slice(&bytes),
                WriteCommand::Seal { bytes, .. } => {
                    file.extend_from_slice(&bytes);
                    open = false;
                    let index = index_of(&file);
                    prop_assert!(index.seal.is_some());
                    prop_assert!(index.parts[0].random_access);
                    for p in index.parts {
                        prop_assert_eq!(p.start_90k, next);
                        prop_assert_eq!(p.duration_90k, u64::from(p.pictures) * 3600);
                        next += p.duration_90k;
                    }
                }
            }
        }
        prop_assert!(!open);
        prop_assert_eq!(next, u64::try_from(pictures).unwrap() * 3600);
    }

    /// Damaged bytes never panic.
    #[test]
    fn damaged_files_are_read_or_refused(at in 0usize..3000, value: u8) {
        let mut file = files(50, 50, MINUTE).remove(0);
        let at = at % file.len();
        file[at] = value;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s.mp4");
        std::fs::write(&path, &file).unwrap();
        let _ = reader::index(&path);
    }
}
