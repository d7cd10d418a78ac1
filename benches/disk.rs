//! 32 cameras onto one storage root for 75 s: sync calls per second, bytes written per media byte, CPU. Made-up pictures of 4 Mbit/s,
//! the real writers, the real disk.
//!
//! `cargo bench --bench disk`. BENCH_ROOT names a folder on a disk of its own, which is synced as a whole; without it the root lies
//! under the build folder, on the system's disk as a rule, where each open file is synced by itself.
#![allow(
    clippy::cast_precision_loss,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "figures for people; a panic ends the bench"
)]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use jiancha::catalogue::{Catalogue, Store};
use jiancha::daemon::run_name;
use jiancha::hall::CameraId;
use jiancha::media::{AccessUnit, StreamFormat, TimeSource, VideoCodec, VideoFormat, VideoUnit, boxes};
use jiancha::segment::disk::Fault;
use jiancha::segment::root::claim;
use jiancha::segment::roots::{CameraPlan, OnRoots, RootSettings, Roots, RootsSettings};
use jiancha::segment::writer::{CutSettings, SegmentWriter, Subject};
use jiancha::time::WallTime;

const CAMERAS: usize = 32;
const FRAME_BYTES: usize = 20_000;
const GOP: i64 = 50;

struct Quiet;

impl OnRoots for Quiet {
    fn changed(&self, root: &Path, fault: Option<Fault>, reason: &str) {
        println!("{}: {fault:?} {reason}", root.display());
    }
    fn came_back(&self, _: &Path) {}
    fn moved(&self, _: &CameraId, _: &Path, _: &Path, _: &str) {}
    fn others_may_record(&self, _: bool) {}
}

fn main() {
    let seconds: u64 = std::env::var("BENCH_SECONDS").ok().and_then(|s| s.parse().ok()).unwrap_or(75);
    let work = Path::new(env!("CARGO_TARGET_TMPDIR")).join("disk-bench");
    let _ = std::fs::remove_dir_all(&work);
    std::fs::create_dir_all(work.join("root")).unwrap();
    let root = std::env::var_os("BENCH_ROOT").map_or(work.join("root"), PathBuf::from);
    let catalogue = Catalogue::open(Arc::new(Store::open(&work.join("catalogue")).unwrap())).unwrap();
    let ids: Vec<CameraId> = (0..CAMERAS).map(|n| CameraId::new(format!("C{n}"))).collect();
    let plans: Vec<CameraPlan> = ids.iter().map(|id| CameraPlan { id: id.clone(), window: true, rate: None }).collect();
    let now = || WallTime::from(SystemTime::now());
    let settings = RootSettings { id: claim(&root, now()).unwrap().root, path: root.clone(), reserve_bytes: 0, mounted: false };
    let how = RootsSettings { sync_every: Duration::from_secs(5), windows_last_seconds: 0, look_every: Duration::from_secs(1) };
    let roots = Roots::start(vec![settings], &plans, how, &catalogue, Arc::new(|_| {}), Arc::new(Quiet)).unwrap();
    let cut = CutSettings { segment_seconds: 60, part_90k: 90_000 };
    let mut writers: Vec<(String, SegmentWriter)> = ids
        .iter()
        .map(|id| {
            let subject = Subject { camera: id.to_string(), ..Subject::default() };
            let run = run_name(id, now());
            (run.clone(), SegmentWriter::new(cut, subject, format(), false, run))
        })
        .collect();

    let (before, cpu) = (written_bytes(), cpu_seconds());
    let (began, wall) = (Instant::now(), now());
    let payload = bytes::Bytes::from(vec![0x5a; FRAME_BYTES]);
    let mut commands = Vec::new();
    for frame in 0..i64::try_from(seconds * 25).unwrap() {
        let due = began + Duration::from_millis(u64::try_from(frame * 40).unwrap());
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        for (n, (run, writer)) in writers.iter_mut().enumerate() {
            // Cameras are out of step, as real ones are.
            let phase = i64::try_from(n).unwrap() * GOP / i64::try_from(CAMERAS).unwrap();
            let unit = VideoUnit {
                data: payload.clone(),
                pts_90k: frame * 3600,
                capture: wall.plus_micros(frame * 40_000),
                time_source: TimeSource::Arrival,
                other_capture: None,
                random_access: (frame + phase) % GOP == 0,
            };
            writer.push(AccessUnit::Video(unit), &mut commands);
            for command in commands.drain(..) {
                roots.write(&ids[n], run, command).unwrap();
            }
        }
    }
    let passed = began.elapsed().as_secs_f64();
    let syncs = roots.states()[0].syncs;
    for (n, (run, writer)) in writers.into_iter().enumerate() {
        writer.finish(&mut commands);
        for command in commands.drain(..) {
            roots.write(&ids[n], &run, command).unwrap();
        }
    }
    roots.sync();
    let written = written_bytes() - before;
    let media: u64 = (0..CAMERAS).map(|n| media_bytes(&catalogue, &ids[n])).sum();
    let cpu = cpu_seconds() - cpu;
    println!("root        {} ({} cameras, {passed:.0} s)", root.display(), CAMERAS);
    println!("syncs       {syncs} calls, {:.2} a second; one folder sync more for each file made", syncs as f64 / passed);
    println!("written     {written} bytes for {media} media bytes: {:.4}", written as f64 / media as f64);
    println!("cpu         {:.2} ms a stream-second, writing alone", cpu * 1e3 / (passed * CAMERAS as f64));
    drop(roots);
    let _ = std::fs::remove_dir_all(&work);
}

fn format() -> StreamFormat {
    let record = [1, 0x64, 0, 0x28, 0xff, 0xe1, 0, 0, 1, 0, 0];
    StreamFormat {
        video: VideoFormat {
            codec: VideoCodec::H264,
            width: 1920,
            height: 1080,
            codec_string: boxes::avc_codec_string(&record).unwrap(),
            sample_entry: boxes::avc1(1920, 1080, &record),
            configuration: record.to_vec().into(),
        },
        audio: None,
    }
}

/// Payload of all pictures in the camera's files.
fn media_bytes(catalogue: &Catalogue, camera: &CameraId) -> u64 {
    let all = jiancha::time::Span::new(WallTime::from_micros(0), WallTime::from_micros(i64::MAX / 2));
    let rows = catalogue.segments_begun(camera, all, usize::MAX).unwrap();
    let pictures: u64 = rows
        .iter()
        .map(|row| jiancha::segment::reader::index(&Path::new(&row.root).join(&row.path)).unwrap())
        .map(|index| index.parts.iter().map(|p| u64::from(p.pictures)).sum::<u64>())
        .sum();
    pictures * FRAME_BYTES as u64
}

/// What this process made the kernel write.
fn written_bytes() -> u64 {
    let text = std::fs::read_to_string("/proc/self/io").unwrap();
    text.lines().find_map(|l| l.strip_prefix("write_bytes: ")).unwrap().parse().unwrap()
}

fn cpu_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap();
    let after = text.rsplit(')').next().unwrap();
    let fields: Vec<&str> = after.split_whitespace().collect();
    // User and system time in ticks of 10 ms.
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}
