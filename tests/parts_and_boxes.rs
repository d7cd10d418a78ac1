//! Boxes and parts, whatever is put into them, as a parser that is not ours reads them.

#![allow(clippy::unwrap_used, reason = "a panic here is a failed test with a line number")]

use std::io::Cursor;

use jiancha::media::{AudioUnit, TimeSource, VideoUnit, boxes};
use jiancha::segment::part::{PART_HEAD, decode_times, from_ntp, put_part};
use jiancha::time::WallTime;
use mp4_atom::{Any, Avc1, Flac, Moof, ReadFrom};
use proptest::prelude::*;

/// 2026-11-22T14:50:00+08:00.
const MINUTE: i64 = 1_795_330_200_000_000;

/// A box to be written: some bytes of its own, then boxes inside.
#[derive(Clone, Debug, PartialEq)]
struct Tree {
    kind: [u8; 4],
    own: Vec<u8>,
    inside: Vec<Tree>,
}

fn trees() -> impl Strategy<Value = Tree> {
    let leaf = (any::<[u8; 4]>(), prop::collection::vec(any::<u8>(), 0..40)).prop_map(|(kind, own)| Tree {
        kind,
        own,
        inside: Vec::new(),
    });
    leaf.prop_recursive(4, 40, 5, |inner| {
        (any::<[u8; 4]>(), prop::collection::vec(any::<u8>(), 0..8), prop::collection::vec(inner, 0..5))
            .prop_map(|(kind, own, inside)| Tree { kind, own, inside })
    })
}

fn put(out: &mut Vec<u8>, tree: &Tree) {
    boxes::put(out, &tree.kind, |out| {
        out.extend_from_slice(&tree.own);
        tree.inside.iter().for_each(|t| put(out, t));
    });
}

/// Reads `tree` back from the front of `bytes`: number of bytes, when they are what was written.
fn read(bytes: &[u8], tree: &Tree) -> Option<usize> {
    let size = u32::from_be_bytes(bytes.first_chunk().copied()?) as usize;
    let mut rest = bytes.get(4..size)?.strip_prefix(&tree.kind)?.strip_prefix(tree.own.as_slice())?;
    for inside in &tree.inside {
        rest = &rest[read(rest, inside)?..];
    }
    rest.is_empty().then_some(size)
}

/// Pictures in decode order with the times at which they are shown, in 1/90000 s.
fn video(sizes: &[usize], order: &[usize], start: i64, picture: i64) -> Vec<VideoUnit> {
    let units = sizes.iter().zip(order).enumerate().map(|(n, (size, shown))| VideoUnit {
        pts_90k: start + i64::try_from(*shown).unwrap() * picture,
        capture: WallTime::from_micros(MINUTE + i64::try_from(*shown).unwrap() * picture * 100 / 9),
        time_source: TimeSource::SenderReport,
        other_capture: None,
        random_access: n == 0,
        data: vec![u8::try_from(n).unwrap(); *size].into(),
    });
    units.collect()
}

/// Sound frames one after another, some followed by a hole of so many samples.
fn audio(frames: &[(usize, u32, i64)], start: i64) -> Vec<AudioUnit> {
    let mut at = start;
    let units = frames.iter().enumerate().map(|(n, (size, duration, hole))| {
        let unit = AudioUnit {
            pts_samples: at,
            duration_samples: *duration,
            capture: WallTime::from_micros(MINUTE),
            data: vec![200 + u8::try_from(n).unwrap(); *size].into(),
        };
        at += i64::from(*duration) + hole;
        unit
    });
    units.collect()
}

/// The moof of a part, where it begins, and the end of the part; every other box must be one that belongs there.
fn moof(part: &[u8]) -> (Moof, usize) {
    let mut input = Cursor::new(part);
    let (mut found, mut before) = (None, 0);
    while let Some(atom) = Option::<Any>::read_from(&mut input).unwrap() {
        match atom {
            Any::Moof(moof) => found = Some((moof, before)),
            Any::Mdat(_) | Any::Prft(_) => {}
            other => panic!("a stray box: {other:?}"),
        }
        before = usize::try_from(input.position()).unwrap();
    }
    assert_eq!(before, part.len());
    found.unwrap()
}

proptest! {
    #[test]
    fn any_boxes_are_read_back_as_they_were_put(tree in trees()) {
        let mut out = vec![1, 2, 3];
        put(&mut out, &tree);
        prop_assert_eq!(read(&out[3..], &tree), Some(out.len() - 3));
    }

    #[test]
    fn sample_entries_say_what_was_asked(width in 16u32..8192, height in 16u32..8192, aspect in (1u32..200, 1u32..200), channels in 1u16..3, rate in prop::sample::select(vec![8000u32, 16_000, 44_100, 48_000])) {
        let record = [1, 0x64, 0, 0x1e, 0xff, 0xe0, 0];
        let entry = boxes::avc1_of_aspect(width, height, aspect, &record);
        let avc1 = Avc1::read_from(&mut Cursor::new(&entry)).unwrap();
        prop_assert_eq!((u32::from(avc1.visual.width), u32::from(avc1.visual.height)), (width, height));
        prop_assert_eq!(avc1.pasp.map(|p| (p.h_spacing, p.v_spacing)), (aspect.0 != aspect.1).then_some(aspect));
        let entry = boxes::flac(channels, rate, &jiancha::media::flac::stream_info(rate, 160));
        let flac = Flac::read_from(&mut Cursor::new(&entry)).unwrap();
        prop_assert_eq!((flac.audio.channel_count, u32::from(flac.audio.sample_rate.integer())), (channels, rate));
    }

    #[test]
    fn damaged_codec_records_give_a_name_or_none(record in prop::collection::vec(any::<u8>(), 0..40)) {
        prop_assert_eq!(boxes::avc_codec_string(&record).is_some(), record.len() >= 4 && record[0] == 1);
        prop_assert_eq!(boxes::hevc_codec_string(&record).is_some(), record.len() >= 13);
    }

    /// Every picture and every frame of sound is where the tables say, at the time at which it is shown.
    #[test]
    fn every_sample_of_a_part_is_found_where_its_tables_say(
        sizes in prop::collection::vec(0usize..300, 1..40),
        swaps in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 0..6),
        frames in prop::collection::vec((0usize..60, 1u32..2000, prop::sample::select(vec![0i64, 0, 0, 700])), 0..40),
        start in 0i64..1 << 40,
        picture in 1i64..20_000,
        sequence in 1u32..1 << 30,
        wall: bool,
    ) {
        // Any order of decoding whose first picture is shown first.
        let mut order: Vec<usize> = (0..sizes.len()).collect();
        for (a, b) in swaps {
            let (a, b) = (a.index(order.len()), b.index(order.len()));
            if a > 0 && b > 0 {
                order.swap(a, b);
            }
        }
        let (video, audio) = (video(&sizes, &order, start, picture), audio(&frames, start / 10));
        let end = start + i64::try_from(sizes.len()).unwrap() * picture;
        let mut part = Vec::new();
        put_part(&mut part, sequence, &video, end, &audio, wall);

        prop_assert_eq!(part.starts_with(&PART_HEAD), wall);
        if wall {
            let ntp = u64::from_be_bytes(part[16..24].try_into().unwrap());
            prop_assert_eq!(from_ntp(ntp), WallTime::from_micros(MINUTE));
        }
        let (moof, moof_at) = moof(&part);
        prop_assert_eq!(moof.mfhd.sequence_number, sequence);
        prop_assert_eq!(moof.traf.len(), 1 + usize::from(!audio.is_empty()));
        let times = decode_times(&video);
        for traf in &moof.traf {
            let (mut time, mut at) = (traf.tfdt.as_ref().unwrap().base_media_decode_time, moof_at);
            at += usize::try_from(traf.trun[0].data_offset.unwrap()).unwrap();
            let entries: Vec<_> = traf.trun[0].samples.iter().collect();
            if traf.tfhd.track_id == 1 {
                prop_assert_eq!(entries.len(), video.len());
                for ((entry, unit), decoded) in entries.iter().zip(&video).zip(&times) {
                    prop_assert_eq!(i64::try_from(time).unwrap(), *decoded);
                    prop_assert_eq!(*decoded + entry.cts.unwrap_or(0), unit.pts_90k);
                    prop_assert_eq!(entry.flags.unwrap() & 0x1_0000 == 0, unit.random_access);
                    let size = entry.size.unwrap() as usize;
                    prop_assert_eq!(&part[at..at + size], &unit.data[..]);
                    (time, at) = (time + u64::from(entry.duration.unwrap()), at + size);
                }
                prop_assert_eq!(i64::try_from(time).unwrap(), end);
            } else {
                prop_assert_eq!(entries.len(), audio.len());
                for (entry, unit) in entries.iter().zip(&audio) {
                    prop_assert_eq!(i64::try_from(time).unwrap(), unit.pts_samples);
                    let size = entry.size.unwrap() as usize;
                    prop_assert_eq!(&part[at..at + size], &unit.data[..]);
                    (time, at) = (time + u64::from(entry.duration.unwrap()), at + size);
                }
                prop_assert_eq!(at, part.len());
            }
        }
    }
}
