//! The catalogue with three million segments: 32 cameras for 65 days. Filling, start, one window-day of timeline, the retention plan of all,
//! memory, bytes on disk.
//!
//! `cargo bench --bench catalogue`; the limits stand in docs/benchmarks.md. Filling and measuring are processes of their own, so that
//! the start is that of a recorder that was stopped, and the memory is only what reading needs.
#![allow(
    clippy::cast_precision_loss,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "figures for people; a panic ends the bench"
)]

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use jiancha::catalogue::{Catalogue, LedgerEvent, LedgerRow, SegmentRow, Store};
use jiancha::hall::CameraId;
use jiancha::retention::plan::{Detail, Planner};
use jiancha::retention::{NoBackup, Office};
use jiancha::time::{Span, WallTime};

const CAMERAS: i64 = 32;
const MINUTE: i64 = 60_000_000;
const DAY_MINUTES: i64 = 1440;

fn main() {
    let days: i64 = std::env::var("BENCH_DAYS").ok().and_then(|d| d.parse().ok()).unwrap_or(65);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("catalogue-bench");
    match std::env::var("BENCH_PHASE").as_deref() {
        Ok("fill") => fill(&folder, days),
        Ok("measure") => measure(&folder, days),
        Ok("plan") => plan(&folder),
        _ => {
            let _ = std::fs::remove_dir_all(&folder);
            for phase in ["fill", "measure", "plan"] {
                let me = std::env::current_exe().unwrap();
                let status = Command::new(me).env("BENCH_PHASE", phase).status().unwrap();
                assert!(status.success(), "{phase}");
            }
            let _ = std::fs::remove_dir_all(&folder);
        }
    }
}

fn camera(n: i64) -> CameraId {
    CameraId::new(format!("C{n}"))
}

/// 2026-09-18, Beijing midnight.
fn start() -> WallTime {
    WallTime::parse_rfc3339("2026-09-18T00:00:00+08:00").unwrap()
}

fn row(n: i64, minute: i64) -> SegmentRow {
    let from = start().plus_micros(minute * MINUTE + n * 7_001);
    let id = camera(n);
    let run_start = start().plus_micros(minute / DAY_MINUTES * DAY_MINUTES * MINUTE);
    let path = jiancha::segment::name::relative(&id, from, 0).to_string_lossy().into_owned();
    let seed = (n * 1_000_003 + minute).unsigned_abs();
    SegmentRow {
        from,
        to: from.plus_micros(MINUTE),
        run: jiancha::daemon::run_name(&id, run_start),
        number: u32::try_from(minute % DAY_MINUTES).unwrap(),
        root: format!("/srv/jiancha/{}", ["a", "b"][usize::try_from(n % 2).unwrap()]),
        path,
        bytes: 22_000_000 + seed % 1_000_000,
        stamped: true,
        codecs: "avc1.640028,flac".into(),
        width: 1920,
        height: 1080,
        digest: Some((0..4).map(|k| format!("{:016x}", (seed + k).wrapping_mul(0x9e37_79b9_7f4a_7c15))).collect()),
        restored: false,
        clock: None,
        camera: id,
    }
}

fn open(folder: &Path) -> Catalogue {
    Catalogue::open(Arc::new(Store::open(folder).unwrap())).unwrap()
}

fn fill(folder: &Path, days: i64) {
    let began = Instant::now();
    let catalogue = open(folder);
    for n in 0..CAMERAS {
        let row = LedgerRow { camera: camera(n), at: start(), event: LedgerEvent::Started, detail: String::new() };
        catalogue.note(&row).unwrap();
    }
    // In the order of time, as a recorder writes.
    for minute in 0..days * DAY_MINUTES {
        for n in 0..CAMERAS {
            catalogue.put_segment(&row(n, minute)).unwrap();
        }
    }
    catalogue.flush().unwrap();
    let rows = CAMERAS * days * DAY_MINUTES;
    println!(
        "filled      {rows} rows in {:.1} s ({:.0} rows/s), PSS {} MiB",
        began.elapsed().as_secs_f64(),
        rows as f64 / began.elapsed().as_secs_f64(),
        pss_mib()
    );
    drop(catalogue);
    println!("on disk     {} MiB", folder_bytes(folder) >> 20);
}

fn measure(folder: &Path, days: i64) {
    let before = pss_mib();
    let began = Instant::now();
    let catalogue = open(folder);
    // What the recorder asks before the first camera is called.
    for n in 0..CAMERAS {
        assert!(catalogue.newest_segment(&camera(n)).unwrap().is_some());
        assert!(catalogue.oldest_segment(&camera(n)).unwrap().is_some());
    }
    println!("start       {:.0} ms, PSS {} MiB before, {} MiB after", began.elapsed().as_secs_f64() * 1e3, before, pss_mib());
    let mut times: Vec<f64> = Vec::new();
    for k in 0..40 {
        let from = start().plus_micros((k * 7 % days) * DAY_MINUTES * MINUTE);
        let span = Span::new(from, from.plus_micros(DAY_MINUTES * MINUTE));
        let began = Instant::now();
        let timeline = catalogue.timeline(&camera(k % CAMERAS), span, start().plus_micros(400 * DAY_MINUTES * MINUTE)).unwrap();
        times.push(began.elapsed().as_secs_f64() * 1e3);
        assert_eq!(timeline.spans.len(), 1, "{:?}", timeline.gaps);
    }
    times.sort_by(f64::total_cmp);
    drop(catalogue);
    println!("window-day  first-time reads: median {:.1} ms, worst {:.1} ms; PSS {} MiB", times[20], times[39], pss_mib());
}

/// The retention plan of every camera-day, with the reason of each; then every file with its reason.
fn plan(folder: &Path) {
    let dir = folder.parent().unwrap();
    let toml = "[hall]\nname = \"n\"\ndivision = \"d\"\n[[zone]]\nid = \"Z1\"\ntype = \"综合受理区\"\n[[camera]]\nid = \"C0\"\nkind = \"fixed\"\n\
                zone = \"Z1\"\nurl = \"rtsp://192.0.2.1/1\"\nstamp = \"camera\"\n[[storage]]\npath = \"/srv/jiancha/a\"\n";
    let (hall, _) = jiancha::hall::parse(toml, dir).unwrap();
    let calendar = jiancha::calendar::Calendar::published().unwrap();
    let office = Office::open(&hall, open(folder), calendar, Arc::new(NoBackup)).unwrap();
    let now = start().plus_micros(65 * DAY_MINUTES * MINUTE);
    for (what, detail) in [("by day", Detail::Decisions), ("with every file", Detail::Files)] {
        let began = Instant::now();
        let facts = office.facts(now, None).unwrap();
        let mut planner = Planner::new(&facts, detail);
        let (mut days, mut files) = (0, 0);
        for (date, camera) in office.camera_days(None).unwrap() {
            let rows = || office.catalogue().day(&camera, date);
            for plan in planner.day(&facts, office.proof(), &camera, date, rows).unwrap() {
                days += 1;
                files += plan.files.len();
            }
        }
        println!(
            "plan        {what}: {days} camera-days, {files} files in {:.2} s, PSS {} MiB",
            began.elapsed().as_secs_f64(),
            pss_mib()
        );
    }
}

fn pss_mib() -> u64 {
    let text = std::fs::read_to_string("/proc/self/smaps_rollup").unwrap();
    let line = text.lines().find(|l| l.starts_with("Pss:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() >> 10
}

fn folder_bytes(folder: &Path) -> u64 {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let kind = entry.metadata().unwrap();
        bytes += if kind.is_dir() { folder_bytes(&entry.path()) } else { kind.len() };
    }
    bytes
}
