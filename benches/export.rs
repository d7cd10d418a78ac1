//! Export of ten minutes of 1080p: megabytes per CPU-second, and the time until the first byte is written.
//!
//! The recording is made of coded pictures' sizes, not of pictures: an export copies bytes and never looks into them. Beside the figures
//! stand the limits of the design. Run it alone: `cargo bench --bench export [-- --folder DIR]`.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a bench prints, and stops where it cannot go on")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiancha::catalogue::{Catalogue, SegmentRow, Store};
use jiancha::export::mp4::Label;
use jiancha::export::{copy, prepare};
use jiancha::hall::CameraId;
use jiancha::media::{
    AccessUnit, AudioCodec, AudioFormat, AudioUnit, StreamFormat, TimeSource, VideoCodec, VideoFormat, VideoUnit, boxes, flac,
};
use jiancha::segment::disk::Disk;
use jiancha::segment::writer::{CutSettings, SegmentWriter, Subject};
use jiancha::time::{Span, WallTime};

/// 2026-11-22T14:50:00+08:00.
const START: i64 = 1_795_330_200_000_000;
const SECONDS: i64 = 600;
/// Bytes of a key frame and of the pictures between, two seconds apart: 3.5 Mbit/s.
const KEY_FRAME: usize = 160_000;
const PICTURE: usize = 14_600;
const ROUNDS: usize = 7;

fn main() {
    let mut arguments = std::env::args().skip_while(|a| a != "--folder").skip(1);
    let dir = match arguments.next() {
        Some(folder) => tempfile::tempdir_in(folder).unwrap(),
        None => tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap(),
    };
    let rows = record(dir.path());
    let asked = Span::new(WallTime::from_micros(START), WallTime::from_micros(START + SECONDS * 1_000_000));
    let recorded: u64 = rows.iter().map(|r| r.bytes).sum();
    println!("{} files, {:.1} MB, {:.2} Mbit/s", rows.len(), mega(recorded), mega(recorded) * 8.0 / SECONDS as f64);
    for hash in [false, true] {
        let mut rates = Vec::new();
        let mut firsts = Vec::new();
        let mut walls = Vec::new();
        for round in 0..ROUNDS {
            let out = dir.path().join(format!("{hash}-{round}.mp4"));
            let (began, cpu) = (Instant::now(), cpu_seconds());
            let prepared = prepare(rows.clone(), asked);
            let mut first = None;
            let written = copy::write(&prepared.movies[0], &label(), &prepared.sources, &out, hash, &mut |_| {
                first.get_or_insert_with(|| began.elapsed());
            })
            .unwrap();
            walls.push(began.elapsed().as_secs_f64());
            rates.push(mega(written.bytes) / (cpu_seconds() - cpu));
            firsts.push(first.unwrap());
            std::fs::remove_file(&out).unwrap();
        }
        let what = if hash { "with SHA-256 (evidence)" } else { "plain MP4" };
        rates.sort_by(f64::total_cmp);
        walls.sort_by(f64::total_cmp);
        firsts.sort();
        println!(
            "{what}: {:.0} MB per CPU-second ({:.0} to {:.0}), first byte after {:.1} ms ({:.1} to {:.1}), {:.2} s in all with syncing",
            rates[ROUNDS / 2],
            rates[0],
            rates[ROUNDS - 1],
            milliseconds(firsts[ROUNDS / 2]),
            milliseconds(firsts[0]),
            milliseconds(firsts[ROUNDS - 1]),
            walls[ROUNDS / 2]
        );
    }
    println!("design: at least 500 MB per CPU-second and first byte within 50 ms; aim 1000 and 5 ms");
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn mega(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

fn milliseconds(t: Duration) -> f64 {
    t.as_secs_f64() * 1000.0
}

/// User and system time of this process.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    let own = stat.split_whitespace().next().and_then(|n| n.parse::<f64>().ok());
    // One thread does all of the work that is measured.
    own.unwrap() / 1e9
}

fn label() -> Label {
    let t = WallTime::from_micros(START);
    Label { hall: "厅".into(), division: "区".into(), camera: "C1".into(), windows: vec!["01".into()], from: t, to: t }
}

/// Ten minutes on disk, written by the recorder's own writer.
fn record(dir: &Path) -> Vec<SegmentRow> {
    let root: PathBuf = dir.join("root");
    std::fs::create_dir(&root).unwrap();
    let catalogue = Catalogue::open(Arc::new(Store::open(&root.join(".jiancha")).unwrap())).unwrap();
    let id = jiancha::segment::root::claim(&root, WallTime::from_micros(START)).unwrap().root;
    let disk = Disk::start(root, id, Duration::from_secs(3600), catalogue.clone(), Arc::new(|_| {})).unwrap();
    let record = [1, 0x64, 0, 0x28, 0xff, 0xe0, 0];
    let format = StreamFormat {
        video: VideoFormat {
            codec: VideoCodec::H264,
            width: 1920,
            height: 1080,
            codec_string: boxes::avc_codec_string(&record).unwrap(),
            sample_entry: boxes::avc1(1920, 1080, &record),
            configuration: record.to_vec().into(),
        },
        audio: Some(AudioFormat {
            codec: AudioCodec::Flac,
            sample_rate: 8000,
            channels: 1,
            codec_string: "flac".into(),
            sample_entry: boxes::flac(1, 8000, &flac::stream_info(8000, 160)),
            origin: Some("G.711 A-law".into()),
        }),
    };
    let cut = CutSettings { segment_seconds: 60, part_90k: 90_000 };
    let subject = Subject { camera: "C1".into(), ..Subject::default() };
    let mut writer = SegmentWriter::new(cut, subject, format, true, "C1-bench".into());
    let camera = CameraId::new("C1");
    let pictures = [vec![1u8; KEY_FRAME], vec![2u8; PICTURE]].map(bytes::Bytes::from);
    let frame = bytes::Bytes::from(vec![3u8; 110]);
    let mut commands = Vec::new();
    for n in 0..SECONDS * 25 {
        let capture = WallTime::from_micros(START + n * 40_000);
        for half in 0..2 {
            let sound = AudioUnit {
                pts_samples: (2 * n + half) * 160,
                duration_samples: 160,
                capture: capture.plus_micros(half * 20_000),
                data: frame.clone(),
            };
            writer.push(AccessUnit::Audio(sound), &mut commands);
        }
        let unit = VideoUnit {
            pts_90k: n * 3600,
            capture,
            time_source: TimeSource::SenderReport,
            other_capture: None,
            random_access: n % 50 == 0,
            data: pictures[usize::from(n % 50 != 0)].clone(),
        };
        writer.push(AccessUnit::Video(unit), &mut commands);
        for command in commands.drain(..) {
            disk.write(&camera, "C1-bench", command).unwrap();
        }
        if n % 250 == 0 {
            disk.sync();
        }
    }
    writer.finish(&mut commands);
    for command in commands {
        disk.write(&camera, "C1-bench", command).unwrap();
    }
    disk.sync();
    let all = Span::new(WallTime::from_micros(0), WallTime::from_micros(i64::MAX));
    catalogue.segments_begun(&camera, all, usize::MAX).unwrap()
}
