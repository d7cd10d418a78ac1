//! Exports seen from outside: the film is what was recorded, picture for picture and sample for sample, in players that are not ours;
//! the evidence package holds, and whatever is changed in it is named.

#![allow(clippy::unwrap_used, reason = "a panic here is a failed test with a line number")]

#[path = "export_tables/mod.rs"]
mod tables;
mod world;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use jiancha::catalogue::{Catalogue, GapCause, LedgerEvent, LedgerRow, Store};
use jiancha::evidence::Signer;
use jiancha::evidence::due::write_due;
use jiancha::evidence::key::public_path;
use jiancha::hall::{self, CameraId, Hall};
use jiancha::segment::adopt::files_of;
use jiancha::segment::reader;
use jiancha::time::WallTime;
use jiancha::viewer::audit::{Act, Audit};
use mp4_atom::{Any, Codec, Moov, ReadFrom, StszSamples, Trak};
use serde_json::Value;
use world::{JIANCHA, TestCamera, World, media_dir};

const HALL: &str = r#"
[hall]
name = "重庆街道便民服务中心"
division = "长春市朝阳区"
[[zone]]
id = "Z1"
type = "综合受理区"
[[camera]]
id = "C1"
kind = "fixed"
zone = "Z1"
url = "rtsp://192.0.2.1/1"
stamp = "camera"
[[camera]]
id = "C2"
kind = "fixed"
zone = "Z1"
url = "rtsp://192.0.2.2/1"
stamp = "camera"
[[window]]
id = "01"
zone = "Z1"
camera = "C1"
pickup = "C1"
[[window]]
id = "02"
zone = "Z1"
camera = "C2"
pickup = "C2"
[[storage]]
path = "storage"
"#;

/// A hall with recordings of the morning of 2024-11-18, each a run of its own that begins at a key frame, key frames 2 s apart.
struct Recorded {
    dir: tempfile::TempDir,
    hall: Hall,
}

impl Recorded {
    /// `runs`: camera, clip, start within the hour 09, seconds.
    fn new(runs: &[(&str, &str, &str, u32)]) -> Self {
        let made = Command::new(JIANCHA)
            .args(["simulate", "--generate"])
            .arg(media_dir())
            .args(["--cameras", "h264-alaw,h265-aac,h264-720p"])
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().to_owned();
        std::fs::write(path.join("hall.toml"), HALL).unwrap();
        std::fs::create_dir(path.join("storage")).unwrap();
        let hall = hall::load(&path.join("hall.toml")).unwrap().0;
        let recorded = Self { dir, hall };
        for (n, (camera, clip, start, seconds)) in runs.iter().enumerate() {
            let media = recorded.media(clip);
            let out = path.join(format!("replayed-{n}"));
            let replayed = Command::new(JIANCHA)
                .args(["replay", "--json", "--seconds", &seconds.to_string(), "--start", &time(start), "--config"])
                .arg(path.join("hall.toml"))
                .args(["--media", &format!("{camera}={}", media.display()), "--out"])
                .arg(&out)
                .output()
                .unwrap();
            assert!(replayed.status.success(), "{}", String::from_utf8_lossy(&replayed.stderr));
            let copied = Command::new("cp").arg("-r").arg(out.join(camera)).arg(path.join("storage")).status().unwrap();
            assert!(copied.success());
        }
        let (code, answer) = recorded.run(&["rebuild", "--json"]);
        assert_eq!(code, 0, "{answer}");
        recorded
    }

    /// A clip with its sound in one file, as a camera's own recording would be.
    fn media(&self, clip: &str) -> PathBuf {
        let out = self.dir.path().join(format!("{clip}.mkv"));
        if out.exists() {
            return out;
        }
        let file = |extension: &str| media_dir().join(format!("{clip}.{extension}"));
        let (video, sound): (_, Vec<&str>) = match clip {
            "h265-aac" => (file("h265"), vec![]),
            _ => (file("h264"), vec!["-f", "alaw", "-ar", "8000", "-ac", "1"]),
        };
        let made = Command::new("ffmpeg")
            .args(["-v", "error", "-fflags", "+genpts", "-r", "25", "-i"])
            .arg(video)
            .args(&sound)
            .arg("-i")
            .arg(file(if sound.is_empty() { "aac" } else { "alaw" }))
            .args(["-c", "copy"])
            .arg(&out)
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        out
    }

    fn catalogue(&self) -> Catalogue {
        Catalogue::open(Arc::new(Store::open(&self.hall.recording.catalogue).unwrap())).unwrap()
    }

    fn run(&self, command: &[&str]) -> (i32, Value) {
        let output =
            Command::new(JIANCHA).args(command).arg("--config").arg(self.dir.path().join("hall.toml")).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let answer = serde_json::from_slice(&output.stdout).unwrap_or(Value::String(said));
        (output.status.code().unwrap(), answer)
    }

    /// An export of the bits as recorded; what is drawn into viewing copies is `seen_stamp`'s.
    fn export(&self, what: &[&str], from: &str, to: &str, out: &str) -> (i32, Value) {
        let (from, to, out) = (time(from), time(to), self.path(out).display().to_string());
        let mut command = vec!["export", "--untouched", "--json", "--reason", "投诉核查", "--person", "王芳"];
        command.extend(["--from", &from, "--to", &to, "--out", &out]);
        command.extend(what);
        self.run(&command)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The recordings of a camera, oldest first.
    fn files(&self, camera: &str) -> Vec<PathBuf> {
        files_of(&self.path("storage"), camera).unwrap()
    }

    /// Files of one run as one fragmented MP4: head of the first, parts of all.
    fn joined(&self, files: &[PathBuf], name: &str) -> PathBuf {
        let mut bytes = Vec::new();
        for (n, file) in files.iter().enumerate() {
            let index = reader::index(file).unwrap();
            let raw = std::fs::read(file).unwrap();
            let from = if n == 0 { 0 } else { usize::try_from(index.init.end).unwrap() };
            bytes.extend_from_slice(&raw[from..usize::try_from(index.whole_bytes).unwrap()]);
        }
        let out = self.path(name);
        std::fs::write(&out, bytes).unwrap();
        out
    }
}

/// `MM:SS…` in the hour of the recordings.
fn time(minutes: &str) -> String {
    format!("2024-11-18T09:{minutes}+08:00")
}

/// Digests of every decoded picture or frame of sound; any complaint of ffmpeg's fails the test.
fn decoded(file: &Path, track: &str, options: &[&str]) -> Vec<String> {
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-xerror", "-err_detect", "explode"])
        .args(options)
        .arg("-i")
        .arg(file)
        .args(["-map", track, "-fps_mode", "passthrough", "-autoscale", "0", "-f", "framemd5", "-"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && said.is_empty(), "{}: {said}", file.display());
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().filter(|l| !l.starts_with('#')).map(|l| l.rsplit(',').next().unwrap().trim().to_owned()).collect()
}

/// The decoded sound as samples.
fn sound(file: &Path) -> Vec<u8> {
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-xerror", "-ignore_editlist", "1", "-i"])
        .arg(file)
        .args(["-map", "0:a", "-f", "s16le", "-"])
        .output()
        .unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

const ALL: [&str; 2] = ["-ignore_editlist", "1"];

/// The film as an independent parser reads it.
fn moov(file: &Path) -> Moov {
    let bytes = std::fs::read(file).unwrap();
    let mut input = std::io::Cursor::new(&bytes);
    let mut found = None;
    while let Some(atom) = Option::<Any>::read_from(&mut input).unwrap() {
        if let Any::Moov(moov) = atom {
            found = Some(moov);
        }
    }
    found.unwrap()
}

fn sizes(trak: &Trak) -> Vec<u32> {
    match &trak.mdia.minf.stbl.stsz.samples {
        StszSamples::Different { sizes } => sizes.clone(),
        StszSamples::Identical { count, size } => vec![*size; usize::try_from(*count).unwrap()],
    }
}

#[test]
fn an_export_across_files_runs_and_a_gap_is_what_was_recorded() {
    let recorded = Recorded::new(&[("C1", "h264-alaw", "00:54", 12), ("C1", "h264-alaw", "01:12", 12)]);
    let note = |at: &str, event| {
        let row = LedgerRow { camera: CameraId::new("C1"), at: time(at).parse().unwrap(), event, detail: "no route".into() };
        recorded.catalogue().note(&row).unwrap();
    };
    note("01:06", LedgerEvent::Stopped { cause: GapCause::CameraUnreachable });
    note("01:12", LedgerEvent::Started);
    let (code, answer) = recorded.export(&["--window", "01"], "00:57.500", "01:20", "case.mp4");
    assert_eq!(code, 0, "{answer}");
    assert_eq!(answer["files"][0]["pictures"], 450, "10 s of the first run from the key frame at :56, 8 s of the second");
    assert_eq!(answer["files"][0]["from"], "2024-11-18T09:00:57.500+08:00");
    assert_eq!(answer["files"][0]["to"], "2024-11-18T09:01:20.000+08:00");
    assert_eq!(answer["gaps"].as_array().unwrap().len(), 1, "{answer}");
    assert_eq!(answer["gaps"][0]["cause"], "camera-unreachable");
    assert_eq!(answer["gaps"][0]["from"], "2024-11-18T09:01:06.000+08:00");
    assert_eq!(answer["gaps"][0]["to"], "2024-11-18T09:01:12.000+08:00");

    let files = recorded.files("C1");
    assert_eq!(files.len(), 3, "the first run crosses a minute");
    let (first, second) = (recorded.joined(&files[..2], "first.mp4"), recorded.joined(&files[2..], "second.mp4"));
    let film = recorded.path("case.mp4");
    let pictures = [&decoded(&first, "0:v", &[])[50..], &decoded(&second, "0:v", &[])[..200]].concat();
    assert_eq!(decoded(&film, "0:v", &ALL), pictures);
    // Players start at the time asked for: pictures at 0 to 1.48 s are only there to decode from.
    assert_eq!(decoded(&film, "0:v", &[]), pictures[38..]);

    // A-law, bit for bit: whole frames of 320 samples, from the one that begins with the key frame at 2 s to the last that begins
    // before the end at 8 s.
    let (a, b, film_sound) = (sound(&first), sound(&second), sound(&film));
    assert_eq!(answer["files"][0]["sounds"], 250 + 200);
    let expected = [&a[50 * 320 * 2..], &b[..200 * 320 * 2]].concat();
    assert_eq!(film_sound.len(), expected.len());
    assert!(
        film_sound == expected,
        "first difference at byte {:?}",
        film_sound.iter().zip(&expected).position(|(x, y)| x != y)
    );

    // The index is in front, every key frame is in it, and the media follows without a hole.
    let bytes = std::fs::read(&film).unwrap();
    let place = |what: &[u8]| bytes.windows(4).position(|w| w == what).unwrap();
    assert!(place(b"moov") < place(b"mdat"));
    let moov = moov(&film);
    let video = &moov.trak[0];
    assert_eq!(video.mdia.minf.stbl.stss.as_ref().unwrap().entries, [1, 51, 101, 151, 201, 251, 301, 351, 401]);
    let total: u32 = moov.trak.iter().flat_map(sizes).sum();
    assert_eq!(bytes.len(), place(b"mdat") + 4 + usize::try_from(total).unwrap());
    let edit = &video.edts.as_ref().unwrap().elst.as_ref().unwrap().entries;
    assert_eq!((edit.len(), edit[0].media_time, edit[0].segment_duration), (1, Some(135_000), 1_485_000));

    // What is exported stands in the audit log, with who and why.
    let rows = Audit::open(recorded.catalogue().store()).unwrap().rows().unwrap();
    assert_eq!((rows.len(), rows[0].note.act, rows[0].note.who.as_deref()), (1, Act::Exported, Some("王芳")));
    assert!(rows[0].note.detail.contains("投诉核查"), "{:?}", rows[0]);
    assert_eq!(rows[0].note.subject.as_deref(), Some("C1 window 01"));
}

#[test]
fn h265_with_aac_is_exported_whole_and_cut() {
    let recorded = Recorded::new(&[("C2", "h265-aac", "00:54", 12)]);
    let files = recorded.files("C2");
    let source = recorded.joined(&files, "source.mp4");
    let (code, answer) = recorded.export(&["--camera", "C2"], "00:50", "01:10", "whole.mp4");
    assert_eq!(code, 0, "{answer}");
    let whole = recorded.path("whole.mp4");
    let pictures = decoded(&source, "0:v", &[]);
    assert_eq!(pictures.len(), 300);
    assert_eq!(decoded(&whole, "0:v", &[]), pictures);
    let frames = decoded(&source, "0:a", &ALL);
    assert_eq!(answer["files"][0]["sounds"], frames.len());
    assert_eq!(decoded(&whole, "0:a", &ALL), frames);
    let causes: Vec<_> = answer["gaps"].as_array().unwrap().iter().map(|g| g["cause"].as_str().unwrap()).collect();
    assert_eq!(causes, ["unknown", "unknown"], "before and after the recording");

    let (code, answer) = recorded.export(&["--camera", "C2"], "00:58", "01:02.500", "cut.mp4");
    assert_eq!((code, answer["files"][0]["pictures"].as_u64()), (0, Some(113)), "{answer}");
    assert_eq!(decoded(&recorded.path("cut.mp4"), "0:v", &[]), pictures[100..213]);
    assert_eq!(answer["gaps"], serde_json::json!([]));
}

#[test]
fn another_size_gets_its_own_description_and_another_coding_its_own_film() {
    let runs = [("C1", "h264-alaw", "01:00", 6), ("C1", "h264-720p", "01:10", 6), ("C1", "h265-aac", "01:20", 6)];
    let recorded = Recorded::new(&runs);
    let (code, answer) = recorded.export(&["--window", "01"], "01:00", "01:26", "case.mp4");
    assert_eq!(code, 0, "{answer}");
    let (first, second) = (recorded.path("case.mp4"), recorded.path("case-part2.mp4"));
    assert_eq!(answer["files"][0]["pictures"], 300);
    assert_eq!(answer["files"][1]["file"], second.display().to_string());
    let descriptions = moov(&first).trak[0].mdia.minf.stbl.stsd.codecs.clone();
    let widths: Vec<_> = descriptions
        .iter()
        .map(|c| if let Codec::Avc1(avc1) = c { (avc1.visual.width, avc1.visual.height) } else { (0, 0) })
        .collect();
    assert_eq!(widths, [(1920, 1080), (1280, 720)]);
    let files = recorded.files("C1");
    let expected = [decoded(&files[0], "0:v", &[]), decoded(&files[1], "0:v", &[])].concat();
    assert_eq!(decoded(&first, "0:v", &[]), expected);
    assert_eq!(decoded(&second, "0:v", &[]), decoded(&files[2], "0:v", &[]));
}

#[test]
fn a_file_that_cannot_be_read_is_a_gap_and_the_rest_is_exported() {
    let recorded = Recorded::new(&[("C1", "h264-alaw", "00:54", 72)]);
    let files = recorded.files("C1");
    assert_eq!(files.len(), 3);
    std::fs::write(&files[1], b"damaged").unwrap();
    let (code, answer) = recorded.export(&["--window", "01"], "00:54", "02:06", "case.mp4");
    assert_eq!((code, answer["files"][0]["pictures"].as_u64()), (0, Some(12 * 25)), "{answer}");
    assert_eq!(answer["gaps"].as_array().unwrap().len(), 1, "{answer}");
    assert_eq!(answer["gaps"][0]["cause"], "unreadable-file");
    assert_eq!(decoded(&recorded.path("case.mp4"), "0:v", &[]).len(), 300);
}

#[test]
fn what_cannot_be_exported_is_refused_and_leaves_nothing_behind() {
    let recorded = Recorded::new(&[("C1", "h264-alaw", "01:00", 4), ("C2", "h265-aac", "01:00", 4)]);
    let said = |(code, answer): (i32, Value)| {
        assert_eq!(code, 2, "{answer}");
        answer.as_str().unwrap().to_owned()
    };
    let window = ["--window", "01"];
    assert!(said(recorded.export(&window, "30:00", "31:00", "none.mp4")).contains("nothing was recorded"));
    assert!(said(recorded.export(&["--window", "09"], "01:00", "01:02", "none.mp4")).contains("defined: 01, 02"));
    assert!(said(recorded.export(&window, "01:02", "01:00", "none.mp4")).contains("is not before"));
    assert!(said(recorded.export(&["--window", "01", "--evidence"], "01:00", "01:02", "none")).contains("no signing key"));
    std::fs::write(recorded.path("taken.mp4"), b"mine").unwrap();
    assert!(said(recorded.export(&window, "01:00", "01:02", "taken.mp4")).contains("never writes over"));
    assert_eq!(std::fs::read(recorded.path("taken.mp4")).unwrap(), b"mine");
    let (code, _) =
        recorded.run(&["export", "--window", "01", "--from", &time("01:00"), "--to", &time("01:02"), "--out", "x.mp4"]);
    assert_eq!(code, 2, "a reason is required");
    let (code, answer) = recorded.run(&[
        "export",
        "--window",
        "01",
        "--from",
        &time("01:00"),
        "--to",
        &time("01:02"),
        "--out",
        "x.mp4",
        "--reason",
        "  ",
    ]);
    assert_eq!(code, 2, "{answer}");
    assert!(!recorded.path("none.mp4").exists() && !recorded.path("none").exists());
    assert_eq!(Audit::open(recorded.catalogue().store()).unwrap().rows().unwrap(), vec![], "what did not happen is not told");

    // Several windows: a name with the window in it, or a folder. One of them without footage is a finding.
    let both = ["--window", "01", "--window", "02"];
    assert_eq!(recorded.export(&both, "01:00", "01:02", "case.mp4").0, 0);
    assert_eq!(recorded.export(&both, "01:00", "01:02", "folder").0, 0);
    for name in ["case-01.mp4", "case-02.mp4", "folder/window-01.mp4", "folder/window-02.mp4"] {
        assert_eq!(decoded(&recorded.path(name), "0:v", &[]).len(), 50, "{name}");
    }
    std::fs::remove_dir_all(recorded.path("storage/C2")).unwrap();
    let (code, answer) = recorded.export(&both, "01:00", "01:02", "one");
    assert_eq!((code, answer["empty"][0].as_str()), (1, Some("window-02")), "{answer}");
    assert_eq!(Audit::open(recorded.catalogue().store()).unwrap().rows().unwrap().len(), 5);
    let left: Vec<_> = std::fs::read_dir(recorded.dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(!left.iter().any(|n| n.to_string_lossy().ends_with(".part")), "{left:?}");
}

/// Exit code, and file and kind of every problem.
fn checked(package: &Path, key: Option<&Path>) -> (i32, Vec<(String, String)>) {
    let mut command = Command::new(JIANCHA);
    command.args(["verify-export", "--json"]).arg(package);
    if let Some(key) = key {
        command.arg("--key").arg(key);
    }
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(said.contains("核对密钥编号"), key.is_none(), "{said}");
    let Ok(answer) = serde_json::from_slice::<Value>(&output.stdout) else { panic!("{said}") };
    let told = |p: &Value| (p["file"].as_str().unwrap().to_owned(), p["kind"].as_str().unwrap().to_owned());
    (output.status.code().unwrap(), answer["problems"].as_array().unwrap().iter().map(told).collect())
}

#[test]
fn an_evidence_package_holds_and_any_change_is_found() {
    let recorded =
        Recorded::new(&[("C1", "h264-alaw", "00:54", 12), ("C1", "h264-alaw", "01:12", 6), ("C2", "h265-aac", "00:54", 12)]);
    let signer = Signer::open_or_make(&recorded.hall.evidence.key).unwrap();
    let later: WallTime = "2024-11-20T00:00:00+08:00".parse().unwrap();
    assert_eq!(write_due(&recorded.catalogue(), &signer, &recorded.hall, later).unwrap().written.len(), 2);
    let what = ["--evidence", "--window", "01", "--window", "02", "--approval", "朝监〔2026〕12号"];
    let (code, answer) = recorded.export(&what, "00:58", "01:14", "case");
    assert_eq!(code, 0, "{answer}");
    let package = recorded.path("case");
    let key = recorded.path("kept.pem");
    std::fs::copy(public_path(&recorded.hall.evidence.key), &key).unwrap();
    assert_eq!(checked(&package, Some(&key)), (0, vec![]));
    assert_eq!(checked(&package.join("evidence.json"), None), (0, vec![]));

    let evidence: Value = serde_json::from_slice(&std::fs::read(package.join("evidence.json")).unwrap()).unwrap();
    assert_eq!(evidence["person"], "王芳");
    assert_eq!(evidence["approval"], "朝监〔2026〕12号");
    assert_eq!(evidence["key"], signer.public().id());
    let one = &evidence["subjects"][0];
    assert_eq!((one["window"].as_str(), one["segments"].as_array().unwrap().len()), (Some("01"), 3));
    assert_eq!(one["gaps"][0]["from"], "2024-11-18T09:01:06.000+08:00");
    assert_eq!(one["films"][0]["shown"][1]["at_ms"], 8000, "the second run begins where the first, cut at a key frame, ends");
    assert_eq!(one["unstamped"].as_array().unwrap().len(), 2);
    assert_eq!(decoded(&package.join("window-01.mp4"), "0:v", &[]).len(), 250);

    // Standard tools alone come to the same end.
    let openssl = Command::new("openssl")
        .args(["pkeyutl", "-verify", "-pubin", "-inkey", "recorder.pub.pem", "-rawin", "-in", "evidence.json"])
        .args(["-sigfile", "evidence.json.sig"])
        .current_dir(&package)
        .output()
        .unwrap();
    assert!(openssl.status.success(), "{}", String::from_utf8_lossy(&openssl.stderr));
    let sums = Command::new("sha256sum").args(["-c", "--quiet", "SHA256SUMS"]).current_dir(&package).output().unwrap();
    assert!(sums.status.success(), "{}", String::from_utf8_lossy(&sums.stderr));
    // The way to the key's id that the page tells.
    let id = Command::new("sh")
        .args(["-c", "openssl pkey -pubin -in recorder.pub.pem -outform DER | tail -c 32 | sha256sum | cut -c1-16"])
        .current_dir(&package)
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&id.stdout).trim(), signer.public().id());

    // One byte of any file, any file gone, any file put in.
    let listed = Command::new("find").args([".", "-type", "f", "-printf", "%P\n"]).current_dir(&package).output().unwrap();
    let names: Vec<String> = String::from_utf8(listed.stdout).unwrap().lines().map(str::to_owned).collect();
    assert_eq!(names.len(), 11, "{names:?}");
    for name in &names {
        let path = package.join(name);
        let sound = std::fs::read(&path).unwrap();
        let mut flipped = sound.clone();
        // Inside a text the change must not end its form: a digit, or a letter of a word.
        let at = flipped.len() / 2;
        let at = (at..flipped.len()).find(|n| flipped[*n].is_ascii_alphanumeric()).unwrap_or(at);
        flipped[at] ^= 1;
        std::fs::write(&path, &flipped).unwrap();
        let output = Command::new(JIANCHA).arg("verify-export").arg(&package).arg("--key").arg(&key).output().unwrap();
        assert_ne!(output.status.code(), Some(0), "{name} changed at byte {at}");
        std::fs::remove_file(&path).unwrap();
        let output = Command::new(JIANCHA).arg("verify-export").arg(&package).arg("--key").arg(&key).output().unwrap();
        assert_ne!(output.status.code(), Some(0), "{name} gone");
        std::fs::write(&path, &sound).unwrap();
    }
    std::fs::write(package.join("extra.mp4"), b"x").unwrap();
    let (code, told) = checked(&package, Some(&key));
    assert!(code == 1 && told.contains(&("extra.mp4".into(), "file-foreign".into())), "{told:?}");
    std::fs::remove_file(package.join("extra.mp4")).unwrap();

    // Each kind by its name.
    let change = |name: &str, from: &str, to: &str| {
        let path = package.join(name);
        let sound = std::fs::read(&path).unwrap();
        std::fs::write(&path, String::from_utf8(sound.clone()).unwrap().replacen(from, to, 1)).unwrap();
        let told = checked(&package, Some(&key)).1;
        std::fs::write(&path, sound).unwrap();
        told
    };
    let told = change("evidence.json", "王芳", "李四");
    assert!(told.contains(&("evidence.json".into(), "signature-invalid".into())), "{told:?}");
    let manifest = "manifests/C1/2024-11-18/manifest.json";
    let told = change(manifest, "\"count\": 2", "\"count\": 3");
    assert!(
        told.contains(&(manifest.into(), "file-changed".into()))
            && told.contains(&(manifest.into(), "manifest-invalid".into())),
        "{told:?}"
    );
    assert!(change("SHA256SUMS", "  window-01.mp4", "  window-1.mp4").contains(&("SHA256SUMS".into(), "sums-mismatch".into())));

    // Another recorder's key.
    let other = Signer::open_or_make(&recorded.path("other.pem")).unwrap();
    let told = checked(&package, Some(&public_path(&recorded.path("other.pem")))).1;
    assert_ne!(other.public().id(), signer.public().id());
    assert!(told.contains(&("evidence.json".into(), "signature-invalid".into())), "{told:?}");
    assert!(told.contains(&("recorder.pub.pem".into(), "key-mismatch".into())), "{told:?}");
    assert_eq!(checked(&package, Some(&key)), (0, vec![]), "all is as it was");
}

#[test]
fn evidence_tells_when_a_source_was_not_as_it_was_sealed() {
    let recorded = Recorded::new(&[("C1", "h264-alaw", "01:00", 6)]);
    Signer::open_or_make(&recorded.hall.evidence.key).unwrap();
    let file = &recorded.files("C1")[0];
    let mut bytes = std::fs::read(file).unwrap();
    let at = usize::try_from(reader::index(file).unwrap().parts[3].bytes.end).unwrap() - 5;
    bytes[at] ^= 1;
    std::fs::write(file, bytes).unwrap();
    let (code, answer) = recorded.export(&["--evidence", "--camera", "C1"], "01:00", "01:06", "case");
    assert_eq!(code, 1, "{answer}");
    assert!(answer["faults"][0].as_str().unwrap().contains("digest-mismatch"), "{answer}");
    let (code, told) = checked(&recorded.path("case"), Some(&public_path(&recorded.hall.evidence.key)));
    assert_eq!((code, told), (1, vec![("C1/2024-11-18/09/090100.mp4".into(), "source-unsound".into())]));
}

#[test]
fn a_running_recorder_is_asked_and_its_open_file_exported_up_to_the_last_whole_part() {
    let mut world = World::new(&[TestCamera { id: "C1", source: "h264-alaw", stamp: "camera" }]);
    world.start_recorder();
    let now = || WallTime::from(std::time::SystemTime::now());
    let began = now();
    let out = world.dir.path().join("case.mp4");
    // Until five seconds of it can be had: the catalogue learns of an open file at its first sync.
    let pictures = world::wait_for("an export of five seconds", std::time::Duration::from_secs(60), || {
        let _ = std::fs::remove_file(&out);
        let output = world
            .jiancha("export")
            .args(["--json", "--window", "01", "--reason", "running", "--from", &began.to_string(), "--to", &now().to_string()])
            .arg("--out")
            .arg(&out)
            .output()
            .unwrap();
        let answer: Value = serde_json::from_slice(&output.stdout).ok()?;
        answer["files"][0]["pictures"].as_u64().filter(|n| *n >= 125)
    });
    assert_eq!(decoded(&out, "0:v", &ALL).len() as u64, pictures);
    assert_eq!(world.recorder().stop(), 0);
    let store = Store::open(&world.storage().join(".jiancha")).unwrap();
    let audit = Audit::open(&store).unwrap();
    let rows = audit.rows().unwrap();
    assert!(rows.iter().any(|r| r.note.act == Act::Exported && r.note.detail.ends_with(": running")), "{rows:?}");
    assert!(audit.verify_chain().unwrap().is_ok());
}
