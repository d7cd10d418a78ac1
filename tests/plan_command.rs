//! `jiancha plan` and `jiancha timeline` on a catalogue of rows: sizes, shares and exit codes, seen from outside.

#![allow(clippy::unwrap_used, reason = "a panic here is a failed test with a line number")]

use std::process::Command;
use std::sync::Arc;

use jiancha::catalogue::{Catalogue, GapCause, LedgerEvent, LedgerRow, SegmentRow, Store};
use jiancha::hall::CameraId;
use jiancha::time::WallTime;
use serde_json::Value;

const HALL: &str = r#"
[hall]
name = "某大厅"
division = "某区"
[hours]
working_days = ["08:30-12:00", "13:30-17:00"]
[[zone]]
id = "Z1"
type = "综合受理区"
[[zone]]
id = "Z2"
type = "自助申报区"
all_day = true
[[camera]]
id = "C1"
kind = "fixed"
zone = "Z1"
url = "rtsp://192.0.2.1/1"
[[camera]]
id = "C2"
kind = "fixed"
zone = "Z2"
url = "rtsp://192.0.2.1/2"
stamp = "camera"
[[window]]
id = "01"
zone = "Z1"
camera = "C1"
pickup = "C1"
[[storage]]
path = "rec"
[stamp]
bitrate_kbps = 4000
"#;

struct Site(tempfile::TempDir);

impl Site {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("hall.toml"), HALL).unwrap();
        Self(dir)
    }

    fn catalogue(&self) -> Catalogue {
        Catalogue::open(Arc::new(Store::open(&self.0.path().join("rec/.jiancha")).unwrap())).unwrap()
    }

    fn run(&self, args: &[&str]) -> (i32, String) {
        let hall = self.0.path().join("hall.toml");
        let output = Command::new(env!("CARGO_BIN_EXE_jiancha")).args(args).arg("--config").arg(hall).output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
    }

    fn json(&self, args: &[&str]) -> (i32, Value) {
        let (code, text) = self.run(args);
        (code, serde_json::from_str(&text).unwrap())
    }
}

fn at(text: &str) -> WallTime {
    format!("2026-11-20T{text}+08:00").parse().unwrap()
}

fn record(catalogue: &Catalogue, camera: &str, from: &str, to: &str, bytes: u64) {
    catalogue
        .put_segment(&SegmentRow {
            camera: CameraId::new(camera),
            from: at(from),
            to: at(to),
            run: "r".into(),
            number: 0,
            root: "/r".into(),
            path: "p".into(),
            bytes,
            stamped: true,
            codecs: "avc1.640028".into(),
            width: 1920,
            height: 1080,
            digest: None,
            restored: false,
            clock: None,
        })
        .unwrap();
}

fn stop(catalogue: &Catalogue, camera: &str, when: &str, cause: GapCause) {
    let event = LedgerEvent::Stopped { cause };
    catalogue.note(&LedgerRow { camera: CameraId::new(camera), at: at(when), event, detail: String::new() }).unwrap();
}

/// Friday 2026-11-20. C1 records from 08:00 to 11:30 and from 14:00 to 18:00; C2 from 08:00 to 18:00.
fn friday() -> Site {
    let site = Site::new();
    let catalogue = site.catalogue();
    for hour in 8..18 {
        let (from, to) = (format!("{hour:02}:00:00"), format!("{:02}:00:00", hour + 1));
        match hour {
            11 => record(&catalogue, "C1", &from, "11:30:00", 450_000_000),
            12 | 13 => {}
            _ => record(&catalogue, "C1", &from, &to, 900_000_000),
        }
        record(&catalogue, "C2", &from, &to, 1_800_000_000);
    }
    stop(&catalogue, "C1", "11:30:00", GapCause::Disk);
    catalogue.flush().unwrap();
    site
}

const DAY: [&str; 4] = ["--from", "2026-11-20T08:00:00+08:00", "--to", "2026-11-20T18:00:00+08:00"];

/// Open 08:30 to 12:00 and 13:30 to 17:00, seven hours; missing 11:30 to 14:00, of which one hour lies in them.
#[test]
fn a_windows_share_counts_opening_hours_only() {
    let site = friday();
    let (code, told) = site.json(&[&["timeline", "--window", "01", "--json"], &DAY[..]].concat());
    assert_eq!(code, 1);
    let numbers = ["expected_seconds", "recorded_seconds", "missing_seconds"].map(|key| told[key].as_i64().unwrap());
    assert_eq!(numbers, [25_200, 21_600, 3_600]);
    assert_eq!(told["share"], 0.8571);
    let gap = &told["gaps"][0];
    assert_eq!((&gap["camera"], &gap["cause"], &gap["expected_seconds"]), (&"C1".into(), &"disk".into(), &3600.into()));
    assert_eq!((&gap["from"], &gap["to"]), (&"2026-11-20T11:30:00.000+08:00".into(), &"2026-11-20T14:00:00.000+08:00".into()));
    assert_eq!((told["window"].as_str(), told["spans"].as_array().unwrap().len()), (Some("01"), 2));
}

#[test]
fn a_gap_outside_opening_hours_is_shown_but_no_finding() {
    let site = friday();
    let noon = ["--from", "2026-11-20T12:00:00+08:00", "--to", "2026-11-20T13:30:00+08:00"];
    let (code, told) = site.json(&[&["timeline", "--camera", "C1", "--json"], &noon[..]].concat());
    assert_eq!((code, told["gaps"].as_array().unwrap().len()), (0, 1));
    assert_eq!((&told["share"], &told["gaps"][0]["expected_seconds"]), (&Value::Null, &0.into()));
}

#[test]
fn the_whole_hall_shows_every_window_and_camera() {
    let site = friday();
    let (code, told) = site.json(&[&["timeline", "--all", "--json"], &DAY[..]].concat());
    assert_eq!((code, told["windows"].as_array().unwrap().len(), told["cameras"].as_array().unwrap().len()), (1, 1, 2));
    assert_eq!((&told["windows"][0]["missing_seconds"], &told["windows"][0]["causes"]["disk"]), (&3600.into(), &3600.into()));
    // The self-service zone is open around the clock.
    let c2 = &told["cameras"][1];
    assert_eq!((&c2["camera"], &c2["expected_seconds"], &c2["share"]), (&"C2".into(), &36_000.into(), &1.0.into()));
    let (_, table) = site.run(&[&["timeline", "--all"], &DAY[..]].concat());
    assert!(table.contains("窗口 01 (C1)") && table.contains("7:00:00") && table.contains("85.71 %"), "{table}");
    assert!(table.contains("摄像机 C2") && table.contains("100.00 %") && table.contains("disk 3600 s"), "{table}");
}

/// Nothing recorded yet: 4000 kbit/s and sound for C1, 4 Mbit/s assumed for C2, either 508 000 bytes a second.
#[test]
fn a_plan_before_the_first_recording_says_what_it_assumes() {
    let (_, plan) = Site::new().json(&["plan", "--json"]);
    let days = plan["floor_calendar_days"].as_u64().unwrap();
    assert!(days >= 56, "{plan}");
    assert_eq!(plan["bytes_per_second"], 1_016_000);
    assert_eq!(plan["needed_bytes"].as_u64(), Some(1_016_000 * 86_400 * days));
    assert_eq!((&plan["cameras"][0]["basis"], &plan["cameras"][1]["basis"]), (&"stamped".into(), &"assumed".into()));
}

/// 900 MB an hour are 250 000 bytes a second, 1800 MB twice that.
#[test]
fn a_plan_takes_the_measured_rates() {
    let (_, plan) = friday().json(&["plan", "--json"]);
    assert_eq!(plan["bytes_per_second"], 750_000);
    assert_eq!((&plan["cameras"][0]["kbps"], &plan["cameras"][0]["basis"]), (&2000.into(), &"measured".into()));
}

#[test]
fn a_plan_ends_with_one_and_the_missing_terabytes_when_the_disks_are_too_small() {
    let site = Site::new();
    let (code, plan) = site.json(&["plan", "--json", "--rate-kbps", "1000000"]);
    assert_eq!((code, &plan["fits"]), (1, &false.into()));
    let number = |key: &str| plan[key].as_u64().unwrap();
    assert_eq!(number("missing_bytes"), number("needed_bytes") - number("room_bytes"));
    let (code, table) = site.run(&["plan", "--rate-kbps", "1000000"]);
    assert_eq!(code, 1);
    assert!(table.contains("现有磁盘不够，还缺") && table.contains(" TB are missing"), "{table}");
    assert_eq!(site.run(&["plan", "--rate-kbps", "0"]).0, 2);
}
