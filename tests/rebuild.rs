//! The catalogue folder is deleted: `jiancha rebuild` restores every row, span, digest and mark from what lies beside the recordings.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a panic here is a failed test with a line number; figures are printed"
)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use chrono::NaiveDate;
use jiancha::catalogue::restored::{self, RestoredFile};
use jiancha::catalogue::{Catalogue, GapCause, LedgerEvent, LedgerRow, SegmentRow, Store, StoreError};
use jiancha::evidence::Signer;
use jiancha::evidence::due::write_due;
use jiancha::hall::{self, CameraId, Hall};
use jiancha::media::{AccessUnit, StreamFormat, TimeSource, VideoCodec, VideoFormat, VideoUnit, boxes};
use jiancha::retention::journal::Journal;
use jiancha::segment::disk::Disk;
use jiancha::segment::root::claim;
use jiancha::segment::writer::{CutSettings, SegmentWriter, Subject};
use jiancha::time::{Clock as _, Span, SystemClock, WallTime};
use serde_json::{Value, json};

const CAMERAS: [&str; 5] = ["C1", "C2", "C3", "C4", "C5"];

/// Five cameras on two storage roots; each day recorded in two runs.
struct Site {
    dir: tempfile::TempDir,
    hall: Hall,
}

/// Everything the catalogue tells of recordings, and what stands beside them.
#[derive(Debug, PartialEq)]
struct Told {
    rows: Vec<SegmentRow>,
    removed: Vec<Vec<Span>>,
    /// Spans, gaps without their causes, and removed time of each camera, as `jiancha timeline` prints them.
    timelines: Vec<Value>,
    holds: Value,
}

impl Site {
    fn new() -> Self {
        // Thousands of files are synced: in memory where there is a folder for it.
        let memory = Path::new("/dev/shm");
        let dir = if memory.is_dir() { tempfile::tempdir_in(memory).unwrap() } else { tempfile::tempdir().unwrap() };
        let mut toml = String::from(
            "[hall]\nname = \"测试中心\"\ndivision = \"测试区\"\n[[zone]]\nid = \"Z1\"\ntype = \"综合受理区\"\n\
             [[window]]\nid = \"01\"\nzone = \"Z1\"\ncamera = \"C1\"\npickup = \"C1\"\n[retention]\ndelete = \"when-due\"\n",
        );
        for camera in CAMERAS {
            toml.push_str(&format!(
                "[[camera]]\nid = \"{camera}\"\nkind = \"fixed\"\nzone = \"Z1\"\nurl = \"rtsp://192.0.2.1/1\"\nstamp = \"camera\"\n"
            ));
        }
        for root in ["a", "b"] {
            std::fs::create_dir(dir.path().join(root)).unwrap();
            toml.push_str(&format!("[[storage]]\npath = \"{}\"\n", dir.path().join(root).display()));
        }
        let file = dir.path().join("hall.toml");
        std::fs::write(&file, toml).unwrap();
        let hall = hall::load(&file).unwrap().0;
        Self { dir, hall }
    }

    /// The store's own thread may hold on to it for a moment after it was dropped.
    fn catalogue(&self) -> Catalogue {
        for _ in 0..100 {
            match Store::open(&self.hall.recording.catalogue) {
                Err(StoreError::InUse { .. }) => std::thread::sleep(Duration::from_millis(50)),
                store => return Catalogue::open(Arc::new(store.unwrap())).unwrap(),
            }
        }
        panic!("the catalogue is still open");
    }

    fn root(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Records `runs` (camera, root, start, minutes) by the recorder's own writers.
    fn record(&self, runs: &[(&str, &str, WallTime, i64)]) {
        let catalogue = self.catalogue();
        let start = |root: &str| {
            let id = claim(&self.root(root), at("2024-11-18T00:00:00+08:00")).unwrap().root;
            Disk::start(self.root(root), id, Duration::from_secs(3600), catalogue.clone(), Arc::new(|_| {})).unwrap()
        };
        let disks = [("a", start("a")), ("b", start("b"))];
        for (camera, root, from, minutes) in runs {
            let (_, disk) = disks.iter().find(|(name, _)| name == root).unwrap();
            record(disk, camera, *from, *minutes);
        }
        for (_, disk) in &disks {
            disk.sync();
        }
        drop(disks);
        catalogue.flush().unwrap();
    }

    fn run(&self, command: &[&str]) -> (i32, Value) {
        let output = Command::new(env!("CARGO_BIN_EXE_jiancha"))
            .args(command)
            .arg("--json")
            .arg("--config")
            .arg(self.dir.path().join("hall.toml"))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code().unwrap(), serde_json::from_slice(&output.stdout).unwrap_or(Value::String(said)))
    }

    fn told(&self) -> Told {
        let all = Span::new(at("2024-11-01T00:00:00+08:00"), at("2024-12-31T00:00:00+08:00"));
        let catalogue = self.catalogue();
        let ids = CAMERAS.map(CameraId::new);
        let rows = ids.iter().flat_map(|id| catalogue.segments_begun(id, all, usize::MAX).unwrap()).collect();
        let removed = ids.iter().map(|id| catalogue.removed(id, all).unwrap()).collect();
        drop(catalogue);
        let timeline = |camera: &&str| {
            let (from, to) = (all.from.to_rfc3339(), all.to.to_rfc3339());
            let (code, mut told) = self.run(&["timeline", "--camera", camera, "--from", &from, "--to", &to]);
            assert_eq!(code, 1, "there are gaps: {told}");
            // Why something is missing stands in the ledger alone, which is not in the files.
            for gap in told["gaps"].as_array_mut().unwrap() {
                *gap = json!({ "from": gap["from"], "to": gap["to"] });
            }
            json!({ "spans": told["spans"], "gaps": told["gaps"], "removed": told["removed"] })
        };
        let timelines = CAMERAS.iter().map(timeline).collect();
        let (code, holds) = self.run(&["hold", "list"]);
        assert_eq!(code, 0, "{holds}");
        Told { rows, removed, timelines, holds }
    }

    /// Writes the manifests that are due at `now`.
    fn sum_up(&self, now: &str) {
        let signer = Signer::open_or_make(&self.hall.evidence.key).unwrap();
        let report = write_due(&self.catalogue(), &signer, &self.hall, at(now)).unwrap();
        assert_eq!((report.failed.len(), report.waiting.len()), (0, 0), "{report:?}");
    }

    /// `verify` finds nothing wrong; gives the number of segments it read.
    fn verified(&self) -> Option<u64> {
        let (code, told) = self.run(&["verify"]);
        assert_eq!((code, &told["problems"]), (0, &json!([])), "{told:#}");
        told["segments"].as_u64()
    }
}

fn at(text: &str) -> WallTime {
    text.parse().unwrap()
}

/// `hour` o'clock of a day in November 2024.
fn time(day: u32, hour: u32) -> WallTime {
    WallTime::from_beijing(NaiveDate::from_ymd_opt(2024, 11, day).unwrap(), hour, 0, 0).unwrap()
}

/// Records a run of whole minutes at one picture in ten seconds.
fn record(disk: &Disk, camera: &str, start: WallTime, minutes: i64) {
    let record = [1, 0x64, 0, 0x1e, 0xff, 0xe0, 0];
    let format = StreamFormat {
        video: VideoFormat {
            codec: VideoCodec::H264,
            width: 640,
            height: 360,
            codec_string: boxes::avc_codec_string(&record).unwrap(),
            sample_entry: boxes::avc1(640, 360, &record),
            configuration: record.to_vec().into(),
        },
        audio: None,
    };
    let cut = CutSettings { segment_seconds: 60, part_90k: 900_000 };
    let subject = Subject { camera: camera.into(), ..Subject::default() };
    let run = format!("{camera}-{}", start.as_micros());
    let mut writer = SegmentWriter::new(cut, subject, format, camera != "C4", run.clone());
    let mut commands = Vec::new();
    for n in 0..minutes * 6 {
        let unit = VideoUnit {
            pts_90k: n * 900_000,
            capture: start.plus_micros(n * 10_000_000),
            time_source: TimeSource::SenderReport,
            other_capture: None,
            random_access: true,
            data: vec![n.to_le_bytes()[0]; 200].into(),
        };
        writer.push(AccessUnit::Video(unit), &mut commands);
    }
    writer.finish(&mut commands);
    for command in commands {
        disk.write(&CameraId::new(camera), &run, command).unwrap();
    }
}

/// Three old days; the first two went by the calendar, but for one that is held.
fn with_removed_days(site: &Site) {
    let old: Vec<_> = CAMERAS.iter().flat_map(|c| [18, 19, 20].map(|day| (*c, root_of(c, 9), time(day, 9), 2))).collect();
    site.record(&old);
    site.sum_up("2024-11-21T06:00:00+08:00");
    {
        // The recorder was there on every day until today.
        let catalogue = site.catalogue();
        let journal = Journal::open(catalogue.store()).unwrap();
        let today = SystemClock::new().wall().beijing().date_naive();
        for date in NaiveDate::from_ymd_opt(2024, 11, 18).unwrap().iter_days().take_while(|d| *d < today) {
            journal.awake(date, 36_000).unwrap();
        }
        catalogue.flush().unwrap();
    }
    let hold = ["hold", "add", "--camera", "C1", "--from", "2024-11-18T09:00:30+08:00", "--to", "2024-11-18T09:01:00+08:00"];
    let (code, told) = site.run(&[&hold[..], &["--person", "王芳", "--reason", "投诉 2024-118"]].concat());
    assert_eq!(code, 0, "{told}");
    let (code, told) = site.run(&["retention", "sweep", "--yes"]);
    assert_eq!(code, 0, "{told:#}");
    for camera in CAMERAS {
        for (day, gone) in [("2024-11-18", camera != "C1"), ("2024-11-19", true), ("2024-11-20", false)] {
            let folder = site.root(root_of(camera, 9)).join(camera).join(day);
            assert_eq!(folder.join("removed.json").exists(), gone, "{}: {told:#}", folder.display());
            assert_eq!(folder.join("09").exists(), !gone, "{}", folder.display());
        }
    }
}

/// The last camera's afternoons lie on the other disk.
fn root_of(camera: &str, hour: u32) -> &'static str {
    match camera {
        "C1" | "C2" => "a",
        "C5" if hour < 12 => "a",
        _ => "b",
    }
}

/// Forty minutes of C3 were lost and came back from the backup copy.
fn with_restored_files(site: &Site) {
    let catalogue = site.catalogue();
    for row in
        catalogue.segments(&CameraId::new("C3"), Span::new(time(26, 9), time(26, 9).plus_micros(40 * 60_000_000))).unwrap()
    {
        let file = RestoredFile {
            path: row.path.clone(),
            from: row.from,
            to: row.to,
            bytes: row.bytes,
            digest: row.digest.clone().unwrap(),
            restored_at: time(28, 8),
            source: "/mnt/backup".into(),
        };
        restored::add(Path::new(&row.root), file).unwrap();
        catalogue.put_segment(&SegmentRow { restored: true, ..row }).unwrap();
    }
    for (time, event) in [
        (time(25, 9), LedgerEvent::Started),
        (time(25, 11), LedgerEvent::Stopped { cause: GapCause::CameraUnreachable }),
        (time(25, 14), LedgerEvent::Started),
    ] {
        let row = LedgerRow { camera: CameraId::new("C1"), at: time, event, detail: String::new() };
        catalogue.note(&row).unwrap();
    }
    catalogue.flush().unwrap();
}

#[test]
fn a_deleted_catalogue_comes_back_with_every_row_span_mark_and_hold() {
    let site = Site::new();
    with_removed_days(&site);
    let mut runs: Vec<_> = Vec::new();
    for camera in CAMERAS {
        for day in [25, 26, 27] {
            for (hour, minutes) in [(9, 150), (14, 100)] {
                runs.push((camera, root_of(camera, hour), time(day, hour), minutes));
            }
        }
    }
    // Over midnight.
    runs.push(("C1", "a", time(27, 23), 90));
    site.record(&runs);
    with_restored_files(&site);
    site.sum_up("2024-11-30T06:00:00+08:00");

    let before = site.told();
    // Five cameras on three days, the night, five newest old days and the one that is held.
    let segments = 5 * 3 * 250 + 90 + 5 * 2 + 2;
    assert_eq!(before.rows.len(), segments);
    assert_eq!(before.rows.iter().filter(|r| r.restored).count(), 40);
    assert!(before.rows.iter().all(|r| r.digest.is_some() && r.stamped == (r.camera.as_str() != "C4")));
    assert_eq!(before.removed.iter().map(Vec::len).collect::<Vec<_>>(), [1, 2, 2, 2, 2]);
    assert_eq!((before.removed[0][0].from, before.removed[1][0].from), (time(19, 9), time(18, 9)));
    assert_eq!(before.holds["holds"].as_array().unwrap().len(), 1, "{}", before.holds);
    assert_eq!(site.verified(), Some(segments as u64));

    std::fs::remove_dir_all(&site.hall.recording.catalogue).unwrap();
    let (code, told) = site.run(&["rebuild", "--dry-run"]);
    assert_eq!((code, told["added"].as_u64()), (0, Some(segments as u64)), "{told:#}");
    assert!(!site.hall.recording.catalogue.exists(), "asking makes no catalogue");
    let (code, told) = site.run(&["rebuild"]);
    assert_eq!((code, told["added"].as_u64(), told["mended"].as_u64()), (0, Some(segments as u64), Some(0)), "{told:#}");
    assert_eq!(told["removed_spans"], 9, "{told:#}");
    println!("{} segments in {} s: {} segments/s", told["segments"], told["seconds"], told["segments_per_second"]);

    let after = site.told();
    for (n, (was, is)) in before.rows.iter().zip(&after.rows).enumerate() {
        assert_eq!(was, is, "row {n}");
    }
    assert_eq!(before, after);
    assert_eq!(site.verified(), Some(segments as u64));

    // Once more over a catalogue that is right: every row stands.
    let (code, told) = site.run(&["rebuild"]);
    assert_eq!((code, told["same"].as_u64(), told["changed"].as_u64()), (0, Some(segments as u64), Some(0)), "{told:#}");
    println!("again: {} segments/s", told["segments_per_second"]);
    assert_eq!(site.told(), before);
}
