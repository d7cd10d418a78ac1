//! Doubt and repair: whatever is done to a recording, `jiancha verify` names file and kind; `jiancha rebuild` finds every row again.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a panic here is a failed test with a line number; figures are printed"
)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use jiancha::catalogue::{Catalogue, LedgerEvent, LedgerRow, SegmentRow, Store};
use jiancha::hall::CameraId;
use jiancha::media::{AccessUnit, StreamFormat, TimeSource, VideoCodec, VideoFormat, VideoUnit, boxes};
use jiancha::segment::disk::Disk;
use jiancha::segment::reader;
use jiancha::segment::root::claim;
use jiancha::segment::writer::{CutSettings, SegmentWriter, Subject};
use jiancha::time::{Span, WallTime};
use serde_json::Value;

/// 2026-11-22T14:50:00+08:00.
const MINUTE: i64 = 1_795_330_200_000_000;

/// A hall of one camera with two recorded runs of four and three segments.
struct Recorded {
    dir: tempfile::TempDir,
}

impl Recorded {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("a")).unwrap();
        let toml = format!(
            "[hall]\nname = \"测试中心\"\ndivision = \"测试区\"\n[[zone]]\nid = \"Z1\"\ntype = \"综合受理区\"\n\
             [[camera]]\nid = \"C1\"\nkind = \"fixed\"\nzone = \"Z1\"\nurl = \"rtsp://192.0.2.1/1\"\nstamp = \"camera\"\n\
             [[window]]\nid = \"01\"\nzone = \"Z1\"\ncamera = \"C1\"\npickup = \"C1\"\n\
             [[storage]]\npath = \"{}\"\n",
            dir.path().join("a").display()
        );
        std::fs::write(dir.path().join("hall.toml"), toml).unwrap();
        let recorded = Self { dir };
        let catalogue = recorded.catalogue();
        let id = claim(&recorded.root(), WallTime::from_micros(MINUTE)).unwrap().root;
        let disk = Disk::start(recorded.root(), id, Duration::from_secs(3600), catalogue.clone(), Arc::new(|_| {})).unwrap();
        record(&disk, "C1-first", MINUTE, 4);
        record(&disk, "C1-second", MINUTE + 600_000_000, 3);
        disk.sync();
        drop(disk);
        let started = LedgerRow {
            camera: CameraId::new("C1"),
            at: WallTime::from_micros(MINUTE),
            event: LedgerEvent::Started,
            detail: "kept".into(),
        };
        catalogue.note(&started).unwrap();
        catalogue.flush().unwrap();
        recorded
    }

    fn root(&self) -> PathBuf {
        self.dir.path().join("a")
    }

    fn folder(&self) -> PathBuf {
        self.root().join(".jiancha")
    }

    fn catalogue(&self) -> Catalogue {
        Catalogue::open(Arc::new(Store::open(&self.folder()).unwrap())).unwrap()
    }

    fn rows(&self) -> Vec<SegmentRow> {
        let all = Span::new(WallTime::from_micros(0), WallTime::from_micros(i64::MAX));
        self.catalogue().segments_begun(&CameraId::new("C1"), all, 1000).unwrap()
    }

    /// Segment `minute` minutes after the first.
    fn file(&self, minute: u32) -> PathBuf {
        self.root().join(format!(
            "C1/2026-11-22/{}/{:02}{:02}00.mp4",
            14 + (50 + minute) / 60,
            14 + (50 + minute) / 60,
            (50 + minute) % 60
        ))
    }

    fn change(&self, minute: u32, change: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = std::fs::read(self.file(minute)).unwrap();
        change(&mut bytes);
        std::fs::write(self.file(minute), bytes).unwrap();
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
        let answer = serde_json::from_slice(&output.stdout).unwrap_or(Value::String(said));
        (output.status.code().unwrap(), answer)
    }

    /// Exit code, and file and kind of every problem.
    fn verify(&self) -> (i32, Vec<(PathBuf, String)>) {
        let (code, answer) = self.run(&["verify"]);
        let problems = answer["problems"].as_array().unwrap_or_else(|| panic!("{answer}"));
        for p in problems {
            assert!(!p["remedy"]["zh"].as_str().unwrap().is_empty() && !p["remedy"]["en"].as_str().unwrap().is_empty());
        }
        let told = |p: &Value| (PathBuf::from(p["file"].as_str().unwrap()), p["kind"].as_str().unwrap().to_owned());
        (code, problems.iter().map(told).collect())
    }

    fn expect(&self, problems: &[(&Path, &str)]) {
        let (code, told) = self.verify();
        let expected: Vec<(PathBuf, String)> = problems.iter().map(|(f, k)| ((*f).to_owned(), (*k).to_owned())).collect();
        assert_eq!(told, expected);
        assert_eq!(code, i32::from(!problems.is_empty()));
    }
}

/// Records whole minutes at one picture a second with a key frame every ten, from `start` on.
fn record(disk: &Disk, run: &str, start: i64, minutes: i64) {
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
    let cut = CutSettings { segment_seconds: 60, part_90k: 180_000 };
    let subject = Subject { camera: "C1".into(), ..Subject::default() };
    let mut writer = SegmentWriter::new(cut, subject, format, true, run.into());
    let mut commands = Vec::new();
    for n in 0..minutes * 60 {
        let unit = VideoUnit {
            pts_90k: n * 90_000,
            capture: WallTime::from_micros(start + n * 1_000_000),
            time_source: TimeSource::SenderReport,
            other_capture: None,
            random_access: n % 10 == 0,
            data: vec![n.to_le_bytes()[0]; 200].into(),
        };
        writer.push(AccessUnit::Video(unit), &mut commands);
    }
    writer.finish(&mut commands);
    for command in commands {
        disk.write(&CameraId::new("C1"), run, command).unwrap();
    }
}

/// Offset of the last `what` in `bytes`.
fn find(bytes: &[u8], what: &[u8]) -> usize {
    bytes.windows(what.len()).rposition(|w| w == what).unwrap()
}

#[test]
fn a_sound_recording_has_no_problems() {
    let recorded = Recorded::new();
    let (code, answer) = recorded.run(&["verify"]);
    assert_eq!((code, answer["segments"].as_u64()), (0, Some(7)), "{answer:#}");
    recorded.expect(&[]);
}

#[test]
fn a_flipped_byte_is_found_wherever_it_lies() {
    let recorded = Recorded::new();
    let file = recorded.file(1);
    let index = reader::index(&file).unwrap();
    let sound = std::fs::read(&file).unwrap();
    let middle = usize::try_from(index.parts[20].bytes.end).unwrap() - 50;
    let box_size = usize::try_from(index.parts[5].bytes.start).unwrap() + 1;
    let places = [
        (middle, "digest-mismatch"),
        (box_size, "digest-mismatch"),
        (find(&sound, b"jiancha identity"), "digest-mismatch"),
        (find(&sound, b"\"pictures\":") + 11, "tail-damaged"),
        (find(&sound, b"\"digest\":\"") + 15, "digest-mismatch"),
        (find(&sound, b"jiancha seal box") + 2, "tail-damaged"),
        (sound.len() - 1, "tail-damaged"),
        (sound.len() - 10, "tail-damaged"),
    ];
    for (at, kind) in places {
        // The lowest bit keeps a digit a digit.
        recorded.change(1, |bytes| bytes[at] ^= 1);
        let (code, told) = recorded.verify();
        assert_eq!(code, 1, "byte {at}");
        assert!(told.contains(&(file.clone(), kind.to_owned())), "byte {at}: {told:?}");
        std::fs::write(&file, &sound).unwrap();
    }
    recorded.change(1, |bytes| bytes.extend_from_slice(&[0; 5000]));
    recorded.expect(&[(&file, "tail-damaged")]);
}

#[test]
fn a_removed_segment_leaves_a_hole_in_run_and_catalogue() {
    let recorded = Recorded::new();
    std::fs::remove_file(recorded.file(1)).unwrap();
    recorded.expect(&[(&recorded.file(2), "number-gap"), (&recorded.file(1), "file-missing")]);
    // Even when the row is taken out as well.
    assert_eq!(recorded.run(&["rebuild"]).0, 0);
    recorded.expect(&[(&recorded.file(2), "number-gap")]);
}

#[test]
fn swapped_segments_are_both_named() {
    let recorded = Recorded::new();
    let (one, two) = (std::fs::read(recorded.file(1)).unwrap(), std::fs::read(recorded.file(2)).unwrap());
    std::fs::write(recorded.file(1), two).unwrap();
    std::fs::write(recorded.file(2), one).unwrap();
    recorded.expect(&[(&recorded.file(1), "renamed"), (&recorded.file(2), "renamed")]);
}

#[test]
fn a_segment_cut_and_sealed_anew_breaks_the_chain() {
    let recorded = Recorded::new();
    let index = reader::index(&recorded.file(1)).unwrap();
    let keep = usize::try_from(index.parts[10].bytes.end).unwrap();
    recorded.change(1, |bytes| bytes.truncate(keep));
    jiancha::segment::adopt::adopt(&recorded.file(1)).unwrap();
    recorded.expect(&[(&recorded.file(2), "chain-broken"), (&recorded.file(1), "catalogue-stale")]);
}

#[test]
fn a_renamed_file_is_named_at_both_places() {
    let recorded = Recorded::new();
    let elsewhere = recorded.root().join("C1/2026-11-22/14/145930.mp4");
    std::fs::rename(recorded.file(1), &elsewhere).unwrap();
    recorded.expect(&[(&elsewhere, "renamed"), (&recorded.file(1), "file-missing")]);
}

#[test]
fn a_file_cut_open_lacks_its_seal_and_rebuild_seals_it() {
    let recorded = Recorded::new();
    let index = reader::index(&recorded.file(12)).unwrap();
    let keep = usize::try_from(index.parts[10].bytes.end).unwrap() + 7;
    recorded.change(12, |bytes| bytes.truncate(keep));
    recorded.expect(&[(&recorded.file(12), "seal-missing")]);
    let (code, answer) = recorded.run(&["rebuild", "--dry-run"]);
    assert_eq!((code, answer["mended"].as_u64(), answer["changed"].as_u64()), (0, Some(1), Some(1)), "{answer:#}");
    recorded.expect(&[(&recorded.file(12), "seal-missing")]);
    let (code, answer) = recorded.run(&["rebuild"]);
    assert_eq!((code, answer["mended"].as_u64(), answer["same"].as_u64()), (0, Some(1), Some(6)), "{answer:#}");
    recorded.expect(&[]);
}

#[test]
fn a_deleted_catalogue_is_rebuilt_row_for_row() {
    let recorded = Recorded::new();
    let before = recorded.rows();
    assert_eq!(before.len(), 7);
    std::fs::remove_dir_all(recorded.folder()).unwrap();
    recorded.expect(&[(&recorded.folder(), "catalogue-missing")]);
    assert!(!recorded.folder().exists(), "asking makes no catalogue");
    let (code, answer) = recorded.run(&["rebuild"]);
    assert_eq!((code, answer["added"].as_u64()), (0, Some(7)), "{answer:#}");
    println!("{} segments/s", answer["segments_per_second"]);
    assert_eq!(recorded.rows(), before);
    recorded.expect(&[]);
}

#[test]
fn rebuild_keeps_the_ledger_and_the_rows_of_a_disk_that_is_away() {
    let recorded = Recorded::new();
    let before = recorded.rows();
    let away = recorded.dir.path().join("away");
    std::fs::rename(recorded.root().join("C1"), &away).unwrap();
    let (code, answer) = recorded.run(&["rebuild"]);
    assert_eq!((code, answer["kept"].as_u64()), (1, Some(7)), "{answer:#}");
    assert_eq!(recorded.rows(), before);
    std::fs::rename(&away, recorded.root().join("C1")).unwrap();
    assert_eq!(recorded.run(&["rebuild"]).1["same"].as_u64(), Some(7));
    let all = Span::new(WallTime::from_micros(0), WallTime::from_micros(i64::MAX));
    let ledger = recorded.catalogue().ledger(&CameraId::new("C1"), all).unwrap();
    assert_eq!((ledger.len(), ledger[0].detail.as_str()), (1, "kept"));
}

#[test]
fn rebuild_is_refused_while_the_catalogue_is_open_elsewhere() {
    let recorded = Recorded::new();
    let _recorder = recorded.catalogue();
    let (code, said) = recorded.run(&["rebuild"]);
    assert_eq!(code, 2);
    assert!(said.as_str().unwrap().contains("systemctl stop jiancha"), "{said}");
}

#[test]
fn a_range_looks_at_its_files_only() {
    let recorded = Recorded::new();
    recorded.change(0, |bytes| bytes[1500] ^= 1);
    let range = ["verify", "--from", "2026-11-22T15:00:00+08:00", "--to", "2026-11-22T15:02:00+08:00"];
    let (code, answer) = recorded.run(&range);
    assert_eq!((code, answer["segments"].as_u64()), (0, Some(2)), "{answer:#}");
    assert_eq!(recorded.run(&["verify", "--camera", "C9"]).0, 2);
}
