//! `jiancha retention` and `jiancha hold`, seen from outside: with and without a running recorder.

#![allow(clippy::unwrap_used, reason = "a panic here is a failed test with a line number")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use chrono::{Days, NaiveDate};
use jiancha::calendar::Calendar;
use jiancha::catalogue::{Catalogue, SegmentRow, Store, StoreError};
use jiancha::daemon::control::{self, Desk};
use jiancha::evidence::Signer;
use jiancha::hall::CameraId;
use jiancha::media::{AccessUnit, StreamFormat, TimeSource, VideoCodec, VideoFormat, VideoUnit, boxes};
use jiancha::retention::{NoBackup, Office};
use jiancha::segment::disk::Disk;
use jiancha::segment::root::claim;
use jiancha::segment::writer::{CutSettings, SegmentWriter, Subject};
use jiancha::time::{Clock as _, SystemClock, WallTime};
use serde_json::Value;

/// A hall of two cameras: C1 watches window 03, C2 hears it. Recorded: two minutes of C1 on 2026-09-21, one of each camera on
/// 2026-09-22, and one of each on the day before the tests run, so that nothing lies in the future.
struct Site {
    dir: tempfile::TempDir,
}

fn today() -> NaiveDate {
    SystemClock::new().wall().beijing().date_naive()
}

impl Site {
    fn new(retention: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("a");
        std::fs::create_dir(&root).unwrap();
        let toml = format!(
            "[hall]\nname = \"测试中心\"\ndivision = \"测试区\"\n[[zone]]\nid = \"Z1\"\ntype = \"综合受理区\"\n\
             [[camera]]\nid = \"C1\"\nkind = \"fixed\"\nzone = \"Z1\"\nurl = \"rtsp://192.0.2.1/1\"\nstamp = \"camera\"\n\
             [[camera]]\nid = \"C2\"\nkind = \"fixed\"\nzone = \"Z1\"\nurl = \"rtsp://192.0.2.1/2\"\nstamp = \"camera\"\n\
             [[window]]\nid = \"03\"\nzone = \"Z1\"\ncamera = \"C1\"\npickup = \"C2\"\n\
             [[storage]]\npath = \"{}\"\n[retention]\n{retention}\n",
            root.display()
        );
        std::fs::write(dir.path().join("hall.toml"), toml).unwrap();
        let site = Self { dir };
        let catalogue = site.catalogue();
        let id = claim(&root, SystemClock::new().wall()).unwrap().root;
        let disk = Disk::start(root, id, Duration::from_secs(3600), catalogue.clone(), Arc::new(|_| {})).unwrap();
        let nine = |date: NaiveDate| WallTime::from_beijing(date, 9, 0, 0).unwrap();
        let (monday, yesterday) = (NaiveDate::from_ymd_opt(2026, 9, 21).unwrap(), today() - Days::new(1));
        record(&disk, "C1", nine(monday), 2);
        for (camera, date) in [("C1", 1), ("C2", 1)] {
            record(&disk, camera, nine(monday + Days::new(date)), 1);
            record(&disk, camera, nine(yesterday), 1);
        }
        disk.sync();
        drop(disk);
        // The recorder was there on every day until today.
        let journal = jiancha::retention::journal::Journal::open(catalogue.store()).unwrap();
        for date in monday.iter_days().take_while(|d| *d < today()) {
            journal.awake(date, 36_000).unwrap();
        }
        catalogue.flush().unwrap();
        site
    }

    fn root(&self) -> PathBuf {
        self.dir.path().join("a")
    }

    fn folder(&self) -> PathBuf {
        self.root().join(".jiancha")
    }

    /// The store's own thread may hold on to it for a moment after it was dropped.
    fn catalogue(&self) -> Catalogue {
        for _ in 0..100 {
            match Store::open(&self.folder()) {
                Err(StoreError::InUse { .. }) => std::thread::sleep(Duration::from_millis(50)),
                store => return Catalogue::open(Arc::new(store.unwrap())).unwrap(),
            }
        }
        panic!("{} is still open", self.folder().display());
    }

    fn rows(&self, date: &str) -> Vec<SegmentRow> {
        self.catalogue().day(&CameraId::new("C1"), date.parse().unwrap()).unwrap().rows
    }

    fn text(&self, command: &[&str]) -> (i32, String) {
        let config = self.dir.path().join("hall.toml");
        let output = Command::new(env!("CARGO_BIN_EXE_jiancha")).args(command).arg("--config").arg(config).output().unwrap();
        let told = if output.stdout.is_empty() { output.stderr } else { output.stdout };
        (output.status.code().unwrap(), String::from_utf8(told).unwrap())
    }

    fn json(&self, command: &[&str]) -> (i32, Value) {
        let (code, text) = self.text(&[command, &["--json"]].concat());
        (code, serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}")))
    }

    /// Camera, date, decision and reason of every camera-day.
    fn plan(&self, more: &[&str]) -> Vec<[String; 4]> {
        let (code, plan) = self.json(&[&["retention", "plan"], more].concat());
        assert_eq!(code, 0, "{plan:#}");
        let days = plan["days"].as_array().unwrap().iter();
        days.map(|d| ["/camera", "/date", "/decision", "/reason/kind"].map(|p| d.pointer(p).unwrap().as_str().unwrap().into()))
            .collect()
    }
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
    let mut writer = SegmentWriter::new(cut, subject, format, true, run.clone());
    let mut commands = Vec::new();
    for n in 0..minutes * 6 {
        let unit = VideoUnit {
            pts_90k: n * 900_000,
            capture: start.plus_micros(n * 10_000_000),
            time_source: TimeSource::SenderReport,
            other_capture: None,
            random_access: true,
            data: vec![7; 200].into(),
        };
        writer.push(AccessUnit::Video(unit), &mut commands);
    }
    writer.finish(&mut commands);
    for command in commands {
        disk.write(&CameraId::new(camera), &run, command).unwrap();
    }
}

fn day(camera: &str, date: &str, decision: &str, reason: &str) -> [String; 4] {
    [camera, date, decision, reason].map(str::to_owned)
}

/// 国办发明电〔2025〕7号: on 2026-11-10 the day 09-21 may go, 09-22 on 11-11. The plan can be asked for any moment ahead.
#[test]
fn the_plan_tells_every_camera_day_and_every_file_with_its_reason() {
    let site = Site::new("delete = \"when-due\"");
    let yesterday = (today() - Days::new(1)).to_string();
    let far = WallTime::from_beijing(today() + Days::new(400), 0, 0, 0).unwrap().to_string();
    let early = site.json(&["retention", "plan", "--at", "2026-09-30T00:00:00+08:00"]).1;
    assert_eq!(early["now"], "2026-09-30T00:00:00.000+08:00");
    assert!(early["days"].as_array().unwrap().iter().all(|d| d["decision"] == "keep"), "{early:#}");

    let plan = site.plan(&["--at", &far]);
    let expected = [
        day("C1", "2026-09-21", "go", "due"),
        day("C1", "2026-09-22", "go", "due"),
        day("C2", "2026-09-22", "go", "due"),
        day("C1", &yesterday, "keep", "newest-day"),
        day("C2", &yesterday, "keep", "newest-day"),
    ];
    assert_eq!(plan, expected);
    let (_, plan) = site.json(&["retention", "plan", "--at", &far, "--camera", "C1"]);
    let first = &plan["days"][0];
    assert_eq!((&first["segments"], &first["may_go_from"]), (&2.into(), &"2026-11-10T00:00:00.000+08:00".into()));
    assert!(first["told"]["zh"].as_str().unwrap().contains("期限已满") && first["told"]["en"].as_str().unwrap().is_ascii());
    let files: Vec<_> = first["files"].as_array().unwrap().iter().map(|f| (&f["file"], &f["decision"], &f["reason"])).collect();
    let go = |name: &'static str| (Value::from(name), Value::from("go"), Value::from("due"));
    let expected = [go("C1/2026-09-21/09/090000.mp4"), go("C1/2026-09-21/09/090100.mp4")];
    assert_eq!(files.into_iter().map(|(a, b, c)| (a.clone(), b.clone(), c.clone())).collect::<Vec<_>>(), expected);
    let bytes: u64 =
        plan["days"].as_array().unwrap().iter().filter(|d| d["decision"] == "go").map(|d| d["bytes"].as_u64().unwrap()).sum();
    assert_eq!((plan["go_bytes"].as_u64(), plan["roots"][0]["go_days"].as_u64()), (Some(bytes), Some(2)));

    let (code, table) = site.text(&["retention", "plan", "--at", "2026-09-30T00:00:00+08:00"]);
    assert!(code == 0 && table.contains("天在期限内") && table.contains("2026-11-10"), "{table}");
    let (_, table) = site.text(&["retention", "plan", "--all", "--at", &far]);
    assert!(table.contains("删除 go") && table.contains("its floor is over"), "{table}");
    assert_eq!(site.text(&["retention", "plan", "--camera", "C9"]).0, 2);
}

#[test]
fn a_window_is_held_with_its_camera_and_its_sound_until_released() {
    let site = Site::new("delete = \"when-due\"");
    let far = WallTime::from_beijing(today() + Days::new(400), 0, 0, 0).unwrap().to_string();
    let add = ["hold", "add", "--window", "03", "--from", "2026-09-22T09:00:30+08:00", "--to", "2026-09-22T09:00:40+08:00"];
    let (code, told) = site.json(&[&add[..], &["--person", "王芳", "--reason", "投诉 2026-118"]].concat());
    assert_eq!((code, &told["hold"]["cameras"]), (0, &serde_json::json!(["C1", "C2"])), "{told:#}");
    let id = told["hold"]["id"].as_str().unwrap().to_owned();
    assert_eq!(
        site.plan(&["--at", &far])[..3],
        [
            day("C1", "2026-09-21", "go", "due"),
            day("C1", "2026-09-22", "keep", "held"),
            day("C2", "2026-09-22", "keep", "held")
        ]
    );
    // The catalogue is lost; the hold is not.
    std::fs::remove_dir_all(site.folder()).unwrap();
    let (code, list) = site.json(&["hold", "list"]);
    assert_eq!((code, &list["holds"][0]["id"], &list["holds"][0]["person"]), (0, &id.as_str().into(), &"王芳".into()));
    let release = ["hold", "release", &id, "--person", "李强", "--reason", "结案"];
    assert_eq!(site.text(&release).0, 0);
    let (code, said) = site.text(&release);
    assert!(code == 2 && said.contains("李强"), "{said}");
    let (_, table) = site.text(&["hold", "list"]);
    assert!(table.contains("已解除 released") && table.contains("李强：结案"), "{table}");
    for wrong in [
        ["hold", "add", "--window", "07", "--from", "2026-09-22T09:00:30+08:00", "--person", "a", "--reason", "b"],
        ["hold", "add", "--camera", "C9", "--from", "2026-09-22T09:00:30+08:00", "--person", "a", "--reason", "b"],
        ["hold", "add", "--camera", "C1", "--from", "2026-09-22T09:00:30+08:00", "--person", " ", "--reason", "b"],
    ] {
        assert_eq!(site.text(&wrong).0, 2, "{wrong:?}");
    }
}

#[test]
fn beside_a_running_recorder_its_plan_and_its_holds_are_told_page_by_page() {
    let site = Site::new("delete = \"when-due\"");
    let catalogue = site.catalogue();
    // A thousand more days of a camera that is gone: more than one page.
    let old = NaiveDate::from_ymd_opt(2022, 1, 1).unwrap();
    for date in old.iter_days().take(1000) {
        let mut row =
            catalogue.day(&CameraId::new("C1"), NaiveDate::from_ymd_opt(2026, 9, 21).unwrap()).unwrap().rows.remove(0);
        (row.camera, row.from) = (CameraId::new("C0"), WallTime::from_beijing(date, 9, 0, 0).unwrap());
        (row.to, row.path) = (row.from.plus_micros(1_000_000), format!("C0/{date}/09/090000.mp4"));
        catalogue.put_segment(&row).unwrap();
    }
    let (hall, _) = jiancha::hall::load(&site.dir.path().join("hall.toml")).unwrap();
    let office = Office::open(&hall, catalogue.clone(), Calendar::published().unwrap(), Arc::new(NoBackup)).unwrap();
    let desk = Desk {
        catalogue,
        retention: Some(Arc::new(office)),
        coverage: None,
        clock: Arc::new(SystemClock::new()),
        camera_clocks: Arc::default(),
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let _inside = runtime.enter();
    let listener = control::listen(&site.folder()).unwrap();
    runtime.spawn(control::serve_desk(listener, desk.clone()));

    let plan = site.plan(&[]);
    assert_eq!(plan.len(), 1005);
    assert_eq!((plan[0][1].as_str(), plan[999][1].as_str()), ("2022-01-01", "2024-09-26"));
    let add = ["hold", "add", "--camera", "C1", "--from", "2026-09-21T00:00:00+08:00", "--person", "王芳", "--reason", "复核"];
    assert_eq!(site.json(&add).1["hold"]["to"], Value::Null);
    let office = desk.retention.as_ref().unwrap();
    assert_eq!(office.holds().list().len(), 1, "the recorder itself knows it at once");
    assert_eq!(site.json(&["hold", "list"]).1["holds"][0]["reason"], "复核");
    let (code, said) = site.text(&["retention", "sweep", "--yes"]);
    assert!(code == 2 && said.contains("sweeps by itself"), "{said}");
}

/// Sweeping by hand works on the machine's own clock: by it the footage of 2026-09-21 may or may not go yet.
#[test]
fn with_a_backup_nothing_goes_before_its_copy_was_read_back() {
    let site = Site::new("delete = \"when-due\"\n[backup]\ndirectory = \"copies\"");
    std::fs::create_dir(site.dir.path().join("copies")).unwrap();
    Signer::open_or_make(&site.root().join(".jiancha-key/signing.pem")).unwrap();
    // Whether the day is due is the calendar's affair; that its copy is missing keeps it at any rate.
    let (_, report) = site.json(&["retention", "sweep", "--yes"]);
    assert_eq!(report["files"], 0, "{report:#}");
    let due = site.plan(&[])[0][3] == "backup-not-proven";
    assert_eq!(site.rows("2026-09-21").len(), 2);

    let (code, told) = site.text(&["backup", "run", "--once"]);
    assert_eq!(code, 0, "{told}");
    assert_eq!(site.plan(&[])[0][2] == "go", due);
    let (_, report) = site.json(&["retention", "sweep", "--yes"]);
    assert_eq!(report["files"].as_u64().unwrap() > 0, due, "{report:#}");
    assert_eq!(site.rows("2026-09-21").is_empty(), due);
    // The copy outlives the recording.
    let copies = jiancha::segment::adopt::files_of(&site.dir.path().join("copies"), "C1").unwrap();
    assert_eq!(copies.iter().filter(|f| f.to_string_lossy().contains("2026-09-21")).count(), 2);
}

#[test]
fn a_sweep_by_hand_shows_first_and_does_what_the_plan_says() {
    let site = Site::new("delete = \"when-due\"");
    let goes = site.plan(&[])[0][2] == "go";
    let (code, told) = site.text(&["retention", "sweep"]);
    assert!(code == 0 && told.contains("清理计划"), "{told}");
    assert_eq!(site.rows("2026-09-21").len(), 2, "nothing was deleted");
    // What goes is signed for: without the recorder's key nothing does.
    let (code, told) = site.text(&["retention", "sweep", "--yes"]);
    assert!(code == 2 && told.contains("signing key"), "{told}");
    Signer::open_or_make(&site.root().join(".jiancha-key/signing.pem")).unwrap();
    let (code, report) = site.json(&["retention", "sweep", "--yes"]);
    assert_eq!(code, 0, "{report:#}");
    assert_eq!(site.rows("2026-09-21").is_empty(), goes);
    assert_eq!(site.root().join("C1/2026-09-21/removed.json").exists(), goes);
    assert_eq!(site.root().join("C1/2026-09-21/removed.json.sig").exists(), goes);
    let window = ["timeline", "--window", "03", "--from", "2026-09-21T09:00:00+08:00", "--to", "2026-09-21T09:02:00+08:00"];
    let (_, timeline) = site.json(&window);
    assert_eq!(timeline["removed"].as_array().is_some(), goes, "{timeline:#}");
    // The catalogue is lost: the notes beside the days still tell what was removed.
    std::fs::remove_dir_all(site.folder()).unwrap();
    assert_eq!(site.json(&["rebuild"]).1["removed_spans"].as_u64().unwrap() > 0, goes);
    assert_eq!(site.json(&window).1["removed"], timeline["removed"]);
    assert!(Path::new(&site.root()).join(format!("C1/{}", today() - Days::new(1))).exists());
}
