//! Signed manifests: written once a day is over, never over an older one, and whatever is done to a day's files, notes or chain is
//! named by `jiancha verify`, with file and kind.

#![allow(clippy::unwrap_used, reason = "a panic here is a failed test with a line number")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use jiancha::catalogue::{Catalogue, GapCause, LedgerEvent, LedgerRow, SegmentRow, Store};
use jiancha::evidence::due::write_due;
use jiancha::evidence::key::public_path;
use jiancha::evidence::manifest::Manifest;
use jiancha::evidence::{NoteWriter as _, Signer};
use jiancha::hall::{self, CameraId, Hall};
use jiancha::media::{AccessUnit, StreamFormat, TimeSource, VideoCodec, VideoFormat, VideoUnit, boxes};
use jiancha::segment::adopt::adopt;
use jiancha::segment::disk::Disk;
use jiancha::segment::reader;
use jiancha::segment::root::claim;
use jiancha::segment::writer::{CutSettings, SegmentWriter, Subject};
use jiancha::time::{Span, WallTime};
use serde_json::Value;

/// 2024-11-18T23:57:00+08:00: three minutes before midnight. The days that follow are over.
const EVENING: i64 = 1_731_945_420_000_000;
const DAY: i64 = 86_400_000_000;

/// A hall of one camera whose run `night` crosses midnight with six segments, and whose run `noon` has two on the second day.
struct Recorded {
    dir: tempfile::TempDir,
    hall: Hall,
}

impl Recorded {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("a")).unwrap();
        std::fs::create_dir(dir.path().join("b")).unwrap();
        let toml = format!(
            "[hall]\nname = \"测试中心\"\ndivision = \"测试区\"\n[[zone]]\nid = \"Z1\"\ntype = \"综合受理区\"\n\
             [[camera]]\nid = \"C1\"\nkind = \"fixed\"\nzone = \"Z1\"\nurl = \"rtsp://192.0.2.1/1\"\nstamp = \"camera\"\n\
             [[window]]\nid = \"01\"\nzone = \"Z1\"\ncamera = \"C1\"\npickup = \"C1\"\n\
             [[storage]]\npath = \"{0}/a\"\n[[storage]]\npath = \"{0}/b\"\n",
            dir.path().display()
        );
        let file = dir.path().join("hall.toml");
        std::fs::write(&file, toml).unwrap();
        let hall = hall::load(&file).unwrap().0;
        let recorded = Self { dir, hall };
        let catalogue = recorded.catalogue();
        let start = |root: &str| {
            let root = recorded.dir.path().join(root);
            let id = claim(&root, WallTime::from_micros(EVENING)).unwrap().root;
            Disk::start(root, id, Duration::from_secs(3600), catalogue.clone(), Arc::new(|_| {})).unwrap()
        };
        let (a, b) = (start("a"), start("b"));
        record(&a, "C1-night", EVENING, 6);
        record(&b, "C1-noon", EVENING + DAY / 2, 2);
        a.sync();
        b.sync();
        drop((a, b));
        for (at, event) in [
            (EVENING, LedgerEvent::Started),
            (EVENING + 360_000_000, LedgerEvent::Stopped { cause: GapCause::CameraUnreachable }),
            (EVENING + DAY / 2, LedgerEvent::Started),
        ] {
            let row = LedgerRow { camera: CameraId::new("C1"), at: WallTime::from_micros(at), event, detail: String::new() };
            catalogue.note(&row).unwrap();
        }
        catalogue.flush().unwrap();
        recorded
    }

    /// The same with its manifests written.
    fn summed_up() -> Self {
        let recorded = Self::new();
        let report = recorded.write_due(2 * DAY);
        assert_eq!(
            (report.0, report.1),
            (
                vec!["a/1118/manifest.json", "a/1119/manifest.json", "b/1119/manifest.json"]
                    .into_iter()
                    .map(str::to_owned)
                    .collect(),
                0
            )
        );
        recorded.expect(&[]);
        recorded
    }

    fn signer(&self) -> Signer {
        Signer::open_or_make(&self.hall.evidence.key).unwrap()
    }

    /// Writes what is due `after` the evening: what was written, in short, and how many days wait.
    fn write_due(&self, after: i64) -> (Vec<String>, usize) {
        let report = write_due(&self.catalogue(), &self.signer(), &self.hall, WallTime::from_micros(EVENING + after)).unwrap();
        assert_eq!(report.failed, Vec::<String>::new());
        let short = |path: &PathBuf| {
            let relative = path.strip_prefix(self.dir.path()).unwrap().display().to_string();
            relative.replace("C1/2024-11-", "11")
        };
        (report.written.iter().map(short).collect(), report.waiting.len())
    }

    fn catalogue(&self) -> Catalogue {
        Catalogue::open(Arc::new(Store::open(&self.hall.recording.catalogue).unwrap())).unwrap()
    }

    fn rows(&self) -> Vec<SegmentRow> {
        let all = Span::new(WallTime::from_micros(0), WallTime::from_micros(i64::MAX));
        self.catalogue().segments_begun(&CameraId::new("C1"), all, 1000).unwrap()
    }

    /// Segment `n` of the recording, from 0: six of the night, two of noon.
    fn file(&self, n: usize) -> PathBuf {
        let row = &self.rows()[n];
        Path::new(&row.root).join(&row.path)
    }

    fn day(&self, root: &str, date: &str) -> PathBuf {
        self.dir.path().join(root).join("C1").join(date)
    }

    fn manifest(&self, root: &str, date: &str, name: &str) -> Manifest {
        let bytes = std::fs::read(self.day(root, date).join(name)).unwrap();
        Manifest::read(&bytes, &CameraId::new("C1"), date.parse().unwrap()).unwrap()
    }

    /// Takes the catalogue's rows out of the matter: notes and files alone must tell.
    fn forget_catalogue(&self) {
        std::fs::remove_dir_all(&self.hall.recording.catalogue).unwrap();
        std::fs::create_dir(&self.hall.recording.catalogue).unwrap();
        let (_, answer) = self.run(&["rebuild"]);
        assert!(answer["segments"].as_u64().is_some(), "{answer}");
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

    fn told(&self) -> Vec<(PathBuf, String)> {
        let (code, answer) = self.run(&["verify"]);
        let problems = answer["problems"].as_array().unwrap_or_else(|| panic!("{answer}"));
        assert_eq!(code, i32::from(!problems.is_empty()));
        for p in problems {
            assert!(!p["remedy"]["zh"].as_str().unwrap().is_empty() && !p["remedy"]["en"].as_str().unwrap().is_empty());
        }
        problems.iter().map(|p| (PathBuf::from(p["file"].as_str().unwrap()), p["kind"].as_str().unwrap().to_owned())).collect()
    }

    /// `verify` tells exactly these, in any order.
    fn expect(&self, problems: &[(&Path, &str)]) {
        let mut told = self.told();
        let mut expected: Vec<(PathBuf, String)> = problems.iter().map(|(f, k)| ((*f).to_owned(), (*k).to_owned())).collect();
        told.sort();
        expected.sort();
        assert_eq!(told, expected);
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

fn edit(path: &Path, from: &str, to: &str) {
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.contains(from), "{text}");
    std::fs::write(path, text.replacen(from, to, 1)).unwrap();
}

#[test]
fn a_day_is_summed_up_once_it_is_over_on_every_root_that_holds_some_of_it() {
    let recorded = Recorded::new();
    // Three minutes after midnight the last segment may still be on its way; five are enough.
    assert_eq!(recorded.write_due(6 * 60_000_000), (vec![], 0));
    assert_eq!(recorded.write_due(8 * 60_000_000), (vec!["a/1118/manifest.json".to_owned()], 0));
    let (written, _) = recorded.write_due(2 * DAY);
    assert_eq!(written, ["a/1119/manifest.json", "b/1119/manifest.json"]);
    assert_eq!(recorded.write_due(2 * DAY), (vec![], 0), "nothing is written twice");
    assert_eq!(
        std::fs::read(recorded.day("a", "2024-11-19").join("manifest.json")).unwrap(),
        std::fs::read(recorded.day("b", "2024-11-19").join("manifest.json")).unwrap()
    );
    let rows = recorded.rows();
    let (first, second) =
        (recorded.manifest("a", "2024-11-18", "manifest.json"), recorded.manifest("b", "2024-11-19", "manifest.json"));
    assert_eq!((first.segments, first.runs.len()), (3, 1));
    assert_eq!((first.runs[0].first, first.runs[0].last, first.runs[0].previous.clone()), (0, 2, None));
    assert_eq!(first.runs[0].head, rows[2].digest.clone().unwrap());
    // The day that follows goes on where the first ended, and names its manifest.
    assert_eq!((second.segments, second.runs.len()), (5, 2));
    assert_eq!((second.runs[0].first, second.runs[0].last), (3, 5));
    assert_eq!(second.runs[0].previous, rows[2].digest);
    assert_eq!(second.runs[1].run, "C1-noon");
    let follows = second.follows.unwrap();
    assert_eq!((follows.date.to_string(), follows.name.as_str()), ("2024-11-18".to_owned(), "manifest.json"));
    assert_eq!(first.gaps, vec![]);
    let causes: Vec<_> = second.gaps.iter().map(|g| g.cause).collect();
    assert_eq!(causes, [GapCause::CameraUnreachable, GapCause::Unknown]);
    recorded.expect(&[]);
}

#[test]
fn openssl_alone_checks_a_manifest() {
    let recorded = Recorded::summed_up();
    let manifest = recorded.day("a", "2024-11-18").join("manifest.json");
    let check = |file: &Path| {
        let output = Command::new("openssl")
            .args(["pkeyutl", "-verify", "-pubin", "-rawin", "-inkey"])
            .arg(public_path(&recorded.hall.evidence.key))
            .arg("-in")
            .arg(file)
            .arg("-sigfile")
            .arg(recorded.day("a", "2024-11-18").join("manifest.json.sig"))
            .output()
            .unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (good, said) = check(&manifest);
    assert!(good && said.contains("Signature Verified Successfully"), "{said}");
    let forged = recorded.dir.path().join("forged.json");
    std::fs::write(&forged, std::fs::read_to_string(&manifest).unwrap().replace("\"segments\": 3", "\"segments\": 2")).unwrap();
    assert!(!check(&forged).0);
    // The private half is a key that openssl reads, too.
    let private = Command::new("openssl").args(["pkey", "-noout", "-in"]).arg(&recorded.hall.evidence.key).output().unwrap();
    assert!(private.status.success(), "{}", String::from_utf8_lossy(&private.stderr));
}

#[test]
fn a_day_with_an_open_segment_waits() {
    let recorded = Recorded::new();
    let mut row = recorded.rows()[1].clone();
    row.digest = None;
    recorded.catalogue().put_segment(&row).unwrap();
    let (written, waiting) = recorded.write_due(2 * DAY);
    assert_eq!((written, waiting), (vec!["a/1119/manifest.json".to_owned(), "b/1119/manifest.json".to_owned()], 1));
}

#[test]
fn segments_that_come_late_are_summed_up_in_a_further_manifest() {
    let recorded = Recorded::summed_up();
    let before = std::fs::read(recorded.day("a", "2024-11-18").join("manifest.json")).unwrap();
    let catalogue = recorded.catalogue();
    let root = recorded.dir.path().join("b");
    let id = claim(&root, WallTime::from_micros(EVENING)).unwrap().root;
    let disk = Disk::start(root, id, Duration::from_secs(3600), catalogue, Arc::new(|_| {})).unwrap();
    record(&disk, "C1-late", EVENING - 600_000_000, 2);
    disk.sync();
    drop(disk);
    // Until the next manifest is written, the files are foreign to the day.
    let late = recorded.file(0);
    recorded.expect(&[(&late, "manifest-mismatch"), (&recorded.file(1), "manifest-mismatch")]);
    let (written, _) = recorded.write_due(3 * DAY);
    assert_eq!(written, ["a/1118/manifest-2.json", "b/1118/manifest-2.json"]);
    assert_eq!(std::fs::read(recorded.day("a", "2024-11-18").join("manifest.json")).unwrap(), before, "the older one stays");
    let second = recorded.manifest("a", "2024-11-18", "manifest-2.json");
    assert_eq!(second.segments, 5);
    assert_eq!(second.supersedes.unwrap().name, "manifest.json");
    recorded.expect(&[]);
}

#[test]
fn a_root_that_was_away_gets_the_same_manifest_later() {
    let recorded = Recorded::new();
    let (there, away) = (recorded.dir.path().join("b"), recorded.dir.path().join("away"));
    std::fs::rename(&there, &away).unwrap();
    assert_eq!(recorded.write_due(2 * DAY).0, ["a/1118/manifest.json", "a/1119/manifest.json"]);
    assert!(!there.exists(), "a disk that is away is not made up for");
    std::fs::rename(&away, &there).unwrap();
    assert_eq!(recorded.write_due(3 * DAY).0, ["b/1119/manifest.json"]);
    recorded.expect(&[]);
}

#[test]
fn an_edited_manifest_or_signature_is_named() {
    let recorded = Recorded::summed_up();
    let path = recorded.day("a", "2024-11-18").join("manifest.json");
    let sound = std::fs::read(&path).unwrap();
    edit(&path, "\"count\": 3", "\"count\": 2");
    recorded.expect(&[(&path, "manifest-invalid")]);
    std::fs::write(&path, &sound).unwrap();
    let signature = path.with_extension("json.sig");
    let signed = std::fs::read(&signature).unwrap();
    std::fs::write(&signature, [0; 64]).unwrap();
    recorded.expect(&[(&path, "manifest-invalid")]);
    std::fs::remove_file(&signature).unwrap();
    recorded.expect(&[(&path, "manifest-invalid")]);
    // Another day's manifest with its own good signature is none of this day.
    let other = recorded.day("a", "2024-11-19").join("manifest.json");
    std::fs::copy(&other, &path).unwrap();
    std::fs::copy(other.with_extension("json.sig"), &signature).unwrap();
    recorded.expect(&[(&path, "manifest-invalid")]);
    std::fs::write(&path, &sound).unwrap();
    std::fs::write(&signature, signed).unwrap();
    recorded.expect(&[]);
}

#[test]
fn a_removed_segment_is_missed_wherever_it_lay() {
    for (n, date, further) in
        [(0, "2024-11-18", Some(1)), (1, "2024-11-18", Some(2)), (2, "2024-11-18", Some(3)), (5, "2024-11-19", None)]
    {
        let recorded = Recorded::summed_up();
        let next = further.map(|n| recorded.file(n));
        std::fs::remove_file(recorded.file(n)).unwrap();
        recorded.forget_catalogue();
        let told = recorded.told();
        let manifest = |root: &str| (recorded.day(root, date).join("manifest.json"), "manifest-mismatch".to_owned());
        assert!(told.contains(&manifest("a")) || told.contains(&manifest("b")), "{n}: {told:?}");
        if let Some(next) = next {
            assert!(told.contains(&(next, "number-gap".to_owned())), "{n}: {told:?}");
        }
    }
}

#[test]
fn swapped_flipped_and_foreign_files_are_named() {
    let recorded = Recorded::summed_up();
    let (one, two) = (recorded.file(1), recorded.file(2));
    let (first, second) = (std::fs::read(&one).unwrap(), std::fs::read(&two).unwrap());
    std::fs::write(&one, &second).unwrap();
    std::fs::write(&two, &first).unwrap();
    let told = recorded.told();
    for file in [&one, &two] {
        assert!(told.contains(&(file.clone(), "renamed".to_owned())), "{told:?}");
    }
    std::fs::write(&one, &first).unwrap();
    std::fs::write(&two, &second).unwrap();

    let mut flipped = first.clone();
    let part = reader::index(&one).unwrap().parts[20].bytes.end;
    flipped[usize::try_from(part).unwrap() - 50] ^= 1;
    std::fs::write(&one, &flipped).unwrap();
    recorded.expect(&[(&one, "digest-mismatch")]);
    std::fs::write(&one, &first).unwrap();

    // A good recording of another recorder, put in at a free minute.
    let other = tempfile::tempdir().unwrap();
    let catalogue = Catalogue::open(Arc::new(Store::open(&other.path().join("catalogue")).unwrap())).unwrap();
    let id = claim(other.path(), WallTime::from_micros(EVENING)).unwrap().root;
    let disk = Disk::start(other.path().to_owned(), id, Duration::from_secs(3600), catalogue, Arc::new(|_| {})).unwrap();
    record(&disk, "C1-foreign", EVENING - 120_000_000, 1);
    disk.sync();
    drop(disk);
    let relative = "C1/2024-11-18/23/235500.mp4";
    let foreign = recorded.dir.path().join("a").join(relative);
    std::fs::copy(other.path().join(relative), &foreign).unwrap();
    recorded.expect(&[(&foreign, "manifest-mismatch"), (&foreign, "catalogue-missing")]);
}

#[test]
fn the_last_segment_of_a_day_exchanged_for_one_that_fits_its_run_is_found_by_the_chain_head() {
    let recorded = Recorded::summed_up();
    // Cut short and sealed anew: everything inside the file is sound.
    let last = recorded.file(7);
    let keep = usize::try_from(reader::index(&last).unwrap().parts[10].bytes.end).unwrap();
    let mut bytes = std::fs::read(&last).unwrap();
    bytes.truncate(keep);
    std::fs::write(&last, bytes).unwrap();
    adopt(&last).unwrap();
    recorded.forget_catalogue();
    recorded.expect(&[(&last, "manifest-mismatch")]);
}

#[test]
fn a_day_that_retention_removed_and_signed_for_is_no_problem_and_holds_the_chain_together() {
    let recorded = Recorded::summed_up();
    let folder = recorded.day("a", "2024-11-18");
    std::fs::remove_dir_all(folder.join("23")).unwrap();
    recorded.forget_catalogue();
    // Without a word of retention the day is missing, and so is what the next one follows.
    recorded.expect(&[(&folder, "day-missing"), (&recorded.file(0), "number-gap")]);
    let note = br#"{"camera":"C1","date":"2024-11-18","at":"2026-12-31T00:00:00+08:00","rule":"floor","files":3,"bytes":1}"#;
    recorded.signer().write(&folder, "removed.json", note).unwrap();
    recorded.expect(&[]);
    assert_eq!(recorded.write_due(3 * DAY), (vec![], 0));
    // A forged word does not count.
    edit(&folder.join("removed.json"), "floor", "fraud");
    let told = recorded.told();
    assert!(told.contains(&(folder.join("removed.json"), "manifest-invalid".to_owned())), "{told:?}");
    assert!(told.contains(&(folder.clone(), "day-missing".to_owned())), "{told:?}");
    // Nor does one of another day.
    recorded
        .signer()
        .write(&folder, "removed.json", &String::from_utf8_lossy(note).replace("11-18", "11-17").into_bytes())
        .unwrap();
    assert!(recorded.told().contains(&(folder.join("removed.json"), "manifest-invalid".to_owned())));
}

#[test]
fn a_day_that_vanished_with_its_manifest_is_missed_by_the_next_one() {
    let recorded = Recorded::summed_up();
    let folder = recorded.day("a", "2024-11-18");
    std::fs::remove_dir_all(&folder).unwrap();
    recorded.forget_catalogue();
    recorded.expect(&[(&folder.join("manifest.json"), "day-missing"), (&recorded.file(0), "number-gap")]);
}

#[test]
fn a_manifest_that_was_deleted_is_missed_once_later_days_have_theirs() {
    let recorded = Recorded::summed_up();
    let folder = recorded.day("a", "2024-11-18");
    for name in ["manifest.json", "manifest.json.sig"] {
        std::fs::remove_file(folder.join(name)).unwrap();
    }
    let told = recorded.told();
    assert!(told.contains(&(folder.clone(), "manifest-missing".to_owned())), "{told:?}");
    assert!(told.contains(&(folder.join("manifest.json"), "day-missing".to_owned())), "{told:?}");
}

#[test]
fn manifests_of_a_lost_key_still_hold_and_verify_tells_whose_they_are() {
    let recorded = Recorded::summed_up();
    let first = recorded.signer().public().id().to_owned();
    std::fs::remove_file(&recorded.hall.evidence.key).unwrap();
    let second = recorded.signer().public().id().to_owned();
    assert_ne!(first, second);
    let (code, answer) = recorded.run(&["verify"]);
    assert_eq!((code, answer["manifests"][&first].as_u64()), (0, Some(3)), "{answer}");
    // Without its public half nobody can tell any more; an auditor who kept it can.
    let old = recorded.hall.evidence.key.parent().unwrap().join("old");
    let kept = recorded.dir.path().join("kept.pem");
    std::fs::rename(old.join(format!("{first}.pub.pem")), &kept).unwrap();
    assert_eq!(recorded.told().len(), 3);
    let (code, _) = recorded.run(&["verify", "--key", &kept.display().to_string()]);
    assert_eq!(code, 0);
}

#[test]
fn a_range_judges_whole_days_only() {
    let recorded = Recorded::summed_up();
    std::fs::remove_file(recorded.file(1)).unwrap();
    recorded.forget_catalogue();
    let range = |from: &str, to: &str| recorded.run(&["verify", "--from", from, "--to", to]);
    let (code, answer) = range("2024-11-19T00:00:00+08:00", "2024-11-20T00:00:00+08:00");
    assert_eq!(code, 0, "{answer}");
    let (code, answer) = range("2024-11-18T00:00:00+08:00", "2024-11-19T00:00:00+08:00");
    assert_eq!((code, answer["problems"][1]["kind"].as_str()), (1, Some("manifest-mismatch")), "{answer}");
}

#[test]
fn an_interrupted_verify_goes_on_and_finds_the_same() {
    let recorded = Recorded::summed_up();
    let bad = recorded.file(1);
    let mut bytes = std::fs::read(&bad).unwrap();
    bytes[3000] ^= 1;
    std::fs::write(&bad, bytes).unwrap();
    let state = recorded.hall.recording.catalogue.join("verify-state.jsonl");
    let whole = recorded.told();
    // Killed while it reads slowly: a few files are done.
    let mut slow = Command::new(env!("CARGO_BIN_EXE_jiancha"))
        .args(["verify", "--resume", "--rate-limit", "0.02", "--config"])
        .arg(recorded.dir.path().join("hall.toml"))
        .stderr(std::process::Stdio::null())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let until = std::time::Instant::now() + Duration::from_secs(60);
    while std::fs::read_to_string(&state).unwrap_or_default().lines().count() < 4 {
        assert!(std::time::Instant::now() < until, "no file was noted");
        assert!(slow.try_wait().unwrap().is_none(), "it was over before it could be cut");
        std::thread::sleep(Duration::from_millis(5));
    }
    slow.kill().unwrap();
    slow.wait().unwrap();
    let (code, answer) = recorded.run(&["verify", "--resume"]);
    assert_eq!((code, answer["segments"].as_u64()), (1, Some(8)), "{answer}");
    assert!(answer["resumed"].as_u64().unwrap() >= 3, "{answer}");
    let kinds: Vec<_> = answer["problems"].as_array().unwrap().iter().map(|p| p["kind"].as_str().unwrap().to_owned()).collect();
    assert_eq!(kinds, whole.iter().map(|p| p.1.clone()).collect::<Vec<_>>());
    assert!(!state.exists(), "a finished verify leaves no state");
}
