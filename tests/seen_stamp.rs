//! A recording without a stamp is never seen without one: export, still and playback draw it, with the time of each picture's own
//! capture and the label of its time; the recording itself stays as it is.

#![allow(clippy::unwrap_used, reason = "a panic here is a failed test with a line number")]

mod reading;
mod world;

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use jiancha::simulate::marker::read_frame_number;
use jiancha::simulate::schedule::{Rate, capture_near};
use jiancha::time::WallTime;
use mp4_atom::{Any, Moov, ReadFrom};
use reading::Luma;
use serde_json::Value;
use world::{JIANCHA, TestCamera, World, media_dir, wait_for};

const SIZE: (usize, usize) = (1280, 720);
/// Pictures in one loop of the test media.
const LOOP: u32 = 400;

/// `stamp`: how the camera is stamped; for `reencode` maybe with the encoder behind a colon.
fn hall(division: &str, stamp: &str) -> String {
    let (stamp, encoder) = stamp.split_once(':').unwrap_or((stamp, "auto"));
    format!(
        r#"
[hall]
name = "重庆街道便民服务中心"
division = "{division}"
[[zone]]
id = "Z1"
type = "综合受理区"
[[camera]]
id = "C1"
kind = "fixed"
zone = "Z1"
url = "rtsp://192.0.2.1/1"
stamp = "{stamp}"
[[window]]
id = "01"
zone = "Z1"
camera = "C1"
pickup = "C1"
[[storage]]
path = "storage"
[stamp]
encoder = "{encoder}"
"#
    )
}

/// The label that was recorded, whatever hall.toml says later.
const LABEL: [&str; 2] = ["长春市朝阳区 重庆街道便民服务中心", "综合受理区 1号窗口"];

/// Recordings of the morning of 2024-11-18, each a run of its own, made with the stamp or without it.
struct Recorded {
    dir: tempfile::TempDir,
}

impl Recorded {
    /// `runs`: clip, how it is stamped, start within the hour 09, seconds.
    fn new(runs: &[(&str, &str, &str, u32)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().to_owned();
        std::fs::create_dir(path.join("storage")).unwrap();
        let recorded = Self { dir };
        for (n, (clip, stamp, start, seconds)) in runs.iter().enumerate() {
            std::fs::write(path.join("hall.toml"), hall("长春市朝阳区", stamp)).unwrap();
            let out = path.join(format!("replayed-{n}"));
            let media = recorded.media(clip);
            let (code, answer) = recorded.run(&[
                "replay",
                "--json",
                "--seconds",
                &seconds.to_string(),
                "--start",
                &time(start),
                "--media",
                &format!("C1={}", media.display()),
                "--out",
                &out.display().to_string(),
            ]);
            assert_eq!(code, 0, "{answer}");
            let copied = Command::new("cp").arg("-r").arg(out.join("C1")).arg(path.join("storage")).status().unwrap();
            assert!(copied.success());
        }
        // The street was renamed meanwhile: what was recorded keeps its old label.
        std::fs::write(path.join("hall.toml"), hall("长春市南关区", "none")).unwrap();
        let (code, answer) = recorded.run(&["rebuild", "--json"]);
        assert_eq!(code, 0, "{answer}");
        recorded
    }

    /// A clip with its sound in one file.
    fn media(&self, clip: &str) -> PathBuf {
        let out = self.dir.path().join(format!("{clip}.mkv"));
        if out.exists() {
            return out;
        }
        let made =
            Command::new(JIANCHA).args(["simulate", "--generate"]).arg(media_dir()).args(["--cameras", clip]).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let (video, sound): (_, &[&str]) = match clip {
            "h265-aac" => ("h265", &[]),
            _ => ("h264", &["-f", "alaw", "-ar", "8000", "-ac", "1"]),
        };
        let file = |extension: &str| media_dir().join(format!("{clip}.{extension}"));
        let made = Command::new("ffmpeg")
            .args(["-v", "error", "-fflags", "+genpts", "-r", "25", "-i"])
            .arg(file(video))
            .args(sound)
            .arg("-i")
            .arg(file(if sound.is_empty() { "aac" } else { "alaw" }))
            .args(["-c", "copy"])
            .arg(&out)
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        out
    }

    fn run(&self, command: &[&str]) -> (i32, Value) {
        let output =
            Command::new(JIANCHA).args(command).arg("--config").arg(self.dir.path().join("hall.toml")).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let answer = serde_json::from_slice(&output.stdout).unwrap_or(Value::String(said));
        (output.status.code().unwrap(), answer)
    }

    fn export(&self, from: &str, to: &str, out: &str, more: &[&str]) -> Value {
        let (from, to, out) = (time(from), time(to), self.path(out).display().to_string());
        let mut command = vec!["export", "--json", "--reason", "投诉核查", "--person", "王芳", "--window", "01"];
        command.extend(["--from", &from, "--to", &to, "--out", &out]);
        command.extend(more);
        let (code, answer) = self.run(&command);
        assert_eq!(code, 0, "{answer}");
        let left: Vec<_> = std::fs::read_dir(self.dir.path())
            .unwrap()
            .map(|e| e.unwrap().file_name().to_string_lossy().into_owned())
            .filter(|name| name.ends_with(".burning") || name.ends_with(".part"))
            .collect();
        assert!(left.is_empty(), "left behind: {left:?}");
        answer
    }

    fn still(&self, at: &str, out: &str) -> (i32, Value) {
        self.run(&["still", "--json", "--window", "01", "--at", &time(at), "--out", &self.path(out).display().to_string()])
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Digests of the coded pictures of the recordings, oldest first.
    fn recorded_packets(&self) -> Vec<String> {
        let files = jiancha::segment::adopt::files_of(&self.path("storage"), "C1").unwrap();
        files.iter().flat_map(|f| packets(f)).collect()
    }
}

/// `MM:SS…` in the hour of the recordings.
fn time(minutes: &str) -> String {
    format!("2024-11-18T09:{minutes}+08:00")
}

fn at(minutes: &str) -> WallTime {
    time(minutes).parse().unwrap()
}

/// Every picture a player shows of a film, in grey; any complaint of ffmpeg's fails the test.
fn shown(file: &Path, (width, height): (usize, usize)) -> Vec<Luma> {
    let mut ffmpeg = Command::new("ffmpeg")
        .args(["-v", "error", "-xerror", "-err_detect", "explode", "-i"])
        .arg(file)
        .args(["-map", "0:v", "-f", "rawvideo", "-pix_fmt", "gray", "-fps_mode", "passthrough", "-"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = ffmpeg.stdout.take().unwrap();
    let mut pictures = Vec::new();
    let mut samples = vec![0; width * height];
    while out.read_exact(&mut samples).is_ok() {
        pictures.push(Luma { width, height, samples: samples.clone() });
    }
    let mut said = String::new();
    ffmpeg.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(ffmpeg.wait().unwrap().success() && said.is_empty(), "{}: {said}", file.display());
    pictures
}

/// Digests of the coded pictures of a file, as ffmpeg reads them, those before its first shown included.
fn packets(file: &Path) -> Vec<String> {
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-ignore_editlist", "1", "-i"])
        .arg(file)
        .args(["-map", "0:v", "-c", "copy", "-f", "framemd5", "-"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().filter(|l| !l.starts_with('#')).map(|l| l.split(',').nth(5).unwrap().trim().to_owned()).collect()
}

/// True when `part` stands in `whole` without a break.
fn holds(whole: &[String], part: &[String]) -> bool {
    !part.is_empty() && whole.windows(part.len()).any(|w| w == part)
}

fn number(picture: &Luma) -> u32 {
    read_frame_number(&picture.samples, picture.width, picture.height, picture.width).expect("a frame number")
}

/// The stamp of a picture, read by another program than drew it, against the time it was taken.
fn assert_stamp(picture: &Luma, capture: WallTime, what: &str) {
    let read = reading::read_time(picture);
    assert_eq!(read, Some(capture.floor_second().beijing().naive_local()), "{what}: taken at {capture}");
}

fn assert_label(picture: &Luma, what: &str) {
    let label = LABEL.map(str::to_owned);
    assert!(reading::shows_label(picture, &label), "{what}: {:?}", reading::read_label(picture, &label.concat()));
}

fn moov(file: &Path) -> Moov {
    let bytes = std::fs::read(file).unwrap();
    let mut input = std::io::Cursor::new(&bytes);
    while let Some(atom) = Option::<Any>::read_from(&mut input).unwrap() {
        if let Any::Moov(moov) = atom {
            return moov;
        }
    }
    panic!("no moov in {}", file.display());
}

#[test]
fn an_export_without_a_stamp_gets_the_time_of_capture_and_the_label_of_its_time() {
    let recorded = Recorded::new(&[("h264-720p", "none", "00:55", 12)]);
    let answer = recorded.export("00:58.600", "01:04", "case.mp4", &[]);
    let file = &answer["files"][0];
    assert_eq!((file["original"].as_bool(), answer["files"].as_array().unwrap().len()), (Some(false), 1), "{answer}");
    let burnt = serde_json::json!([{"from": time("00:58.600"), "to": time("01:04.000")}]);
    assert_eq!(file["burnt"], burnt, "{answer}");
    let pictures = shown(&recorded.path("case.mp4"), SIZE);
    assert_eq!(pictures.len(), 135, "5.4 s at 25 pictures a second");
    let first = number(&pictures[0]);
    for (n, picture) in (0u32..).zip(&pictures) {
        assert_eq!(number(picture), (first + n) % LOOP, "picture {n}");
        // The last of a second, the first of the next, and some between.
        if [0, 9, 10, 34, 35, 47, 60, 84, 85, 110, 134].contains(&n) {
            let capture = at("00:58.600").plus_micros(i64::from(n) * 40_000);
            assert_stamp(picture, capture, &format!("picture {n}"));
        }
    }
    for n in [0, 70, 134] {
        assert_label(&pictures[n], &format!("picture {n}"));
    }
}

#[test]
fn an_export_as_it_is_has_the_recorded_bits_and_no_stamp() {
    let recorded = Recorded::new(&[("h264-720p", "none", "00:55", 8)]);
    let answer = recorded.export("00:57", "01:02", "case.mp4", &["--untouched"]);
    assert_eq!(answer["files"][0]["original"], true, "{answer}");
    assert!(answer["files"][0].get("burnt").is_none());
    let film = packets(&recorded.path("case.mp4"));
    assert_eq!(film.len(), 125);
    assert!(holds(&recorded.recorded_packets(), &film));
    let picture = Luma::from_file(&recorded.path("case.mp4"));
    assert_eq!(reading::read_time(&picture), None, "nothing was drawn");
}

#[test]
fn in_a_mixed_span_only_what_lacks_the_stamp_is_encoded_anew_and_one_film_plays_through() {
    let recorded = Recorded::new(&[
        ("h264-720p", "none", "00:50", 6),
        ("h264-720p", "reencode:openh264", "00:56", 6),
        ("h264-720p", "none", "01:02", 6),
    ]);
    let answer = recorded.export("00:52", "01:06", "case.mp4", &[]);
    assert_eq!((answer["files"].as_array().unwrap().len(), answer["gaps"].as_array().unwrap().len()), (1, 0), "{answer}");
    let burnt = serde_json::json!([
        {"from": time("00:52.000"), "to": time("00:56.000")},
        {"from": time("01:02.000"), "to": time("01:06.000")},
    ]);
    assert_eq!(answer["files"][0]["burnt"], burnt, "{answer}");
    let film = recorded.path("case.mp4");
    let pictures = shown(&film, SIZE);
    assert_eq!(pictures.len(), 350, "14 s at 25 pictures a second");
    for n in [0, 24, 25, 99, 100, 149, 175, 249, 250, 251, 300, 349] {
        let capture = at("00:52").plus_micros(n * 40_000);
        let picture = &pictures[usize::try_from(n).unwrap()];
        assert_stamp(picture, capture, &format!("picture {n}"));
        assert_label(picture, &format!("picture {n}"));
    }
    // What carries the stamp is the recording, bit for bit.
    let (film_packets, recording) = (packets(&film), recorded.recorded_packets());
    assert_eq!(film_packets.len(), 350);
    assert!(holds(&recording, &film_packets[100..250]));
    assert!(!recording.contains(&film_packets[99]) && !recording.contains(&film_packets[250]));
    let moov = moov(&film);
    assert_eq!(moov.trak[0].mdia.minf.stbl.stsd.codecs.len(), 2, "one sample entry for each coding");
    // The sound is the recording's in any case.
    let answer = recorded.export("00:52", "01:06", "untouched.mp4", &["--untouched"]);
    assert_eq!(answer["files"][0]["sounds"].as_u64().unwrap(), u64::try_from(sounds(&film).len()).unwrap());
    assert_eq!(sounds(&film), sounds(&recorded.path("untouched.mp4")));
}

/// Digests of the coded sound of a film.
fn sounds(file: &Path) -> Vec<String> {
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-ignore_editlist", "1", "-i"])
        .arg(file)
        .args(["-map", "0:a", "-c", "copy", "-f", "framemd5", "-"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().filter(|l| !l.starts_with('#')).map(|l| l.split(',').nth(5).unwrap().trim().to_owned()).collect()
}

#[test]
fn a_copy_of_h265_is_burnt_in_too() {
    let recorded = Recorded::new(&[("h265-aac", "none", "00:58", 4)]);
    let answer = recorded.export("00:58", "01:02", "case.mp4", &[]);
    assert_eq!(answer["files"][0]["burnt"].as_array().unwrap().len(), 1, "{answer}");
    let pictures = shown(&recorded.path("case.mp4"), (1920, 1080));
    assert_eq!(pictures.len(), 100);
    for n in [0, 49, 50, 99] {
        assert_stamp(&pictures[n], at("00:58").plus_micros(i64::try_from(n).unwrap() * 40_000), &format!("picture {n}"));
    }
    assert_label(&pictures[99], "the last picture");
}

#[test]
fn an_evidence_package_holds_the_originals_and_says_which_film_is_the_copy() {
    let recorded = Recorded::new(&[("h264-720p", "none", "00:50", 6), ("h264-720p", "reencode", "00:56", 6)]);
    let (hall, _) = jiancha::hall::load_without_secrets(&recorded.path("hall.toml")).unwrap();
    jiancha::evidence::Signer::open_or_make(&hall.evidence.key).unwrap();
    let answer = recorded.export("00:52", "01:00", "package", &["--evidence"]);
    let folder = recorded.path("package");
    let names: Vec<&str> =
        answer["files"].as_array().unwrap().iter().map(|f| f["file"].as_str().unwrap().rsplit('/').next().unwrap()).collect();
    assert_eq!(names, ["window-01.mp4", "window-01-stamped.mp4"], "{answer}");
    let evidence: Value = serde_json::from_slice(&std::fs::read(folder.join("evidence.json")).unwrap()).unwrap();
    let films = evidence["subjects"][0]["films"].as_array().unwrap();
    assert!(films[0].get("copy_of").is_none() && films[0].get("burnt").is_none(), "{films:?}");
    assert_eq!(films[1]["copy_of"], serde_json::json!(["window-01.mp4"]));
    assert_eq!(films[1]["burnt"], serde_json::json!([{"from": time("00:52.000"), "to": time("00:56.000")}]));
    assert!(holds(&recorded.recorded_packets(), &packets(&folder.join("window-01.mp4"))), "the original is the recording");
    let page = std::fs::read_to_string(folder.join("如何核验.html")).unwrap();
    assert!(page.contains("window-01-stamped.mp4</code>：仅供查看的副本，来自 window-01.mp4"), "{page}");
    assert!(page.contains("window-01.mp4</code>：原始录像，逐位未改"), "{page}");
    let checked = Command::new(JIANCHA).args(["verify-export", "--json"]).arg(&folder).output().unwrap();
    assert_eq!(checked.status.code(), Some(0), "{}", String::from_utf8_lossy(&checked.stdout));

    let answer = recorded.export("00:52", "01:00", "originals", &["--evidence", "--untouched"]);
    assert_eq!(answer["files"].as_array().unwrap().len(), 1, "{answer}");
}

#[test]
fn a_still_is_the_picture_of_its_moment_with_its_stamp_or_the_gap_is_told() {
    let recorded = Recorded::new(&[("h264-720p", "none", "00:50", 6), ("h264-720p", "reencode", "01:10", 6)]);
    let film = recorded.export("00:50", "00:56", "film.mp4", &["--untouched"]);
    assert_eq!(film["files"][0]["pictures"], 150);
    let first = number(&Luma::from_file(&recorded.path("film.mp4")));

    // 3.990 s into the recording the picture taken at 3.960 s is shown: number 99.
    let (code, answer) = recorded.still("00:53.990", "a.png");
    assert_eq!((code, answer["stamp"].as_str(), answer["found"].as_bool()), (0, Some("drawn"), Some(true)), "{answer}");
    assert_eq!(answer["capture"], time("00:53.960"));
    let picture = Luma::from_file(&recorded.path("a.png"));
    assert_eq!((picture.width, picture.height, number(&picture)), (SIZE.0, SIZE.1, (first + 99) % LOOP));
    assert_stamp(&picture, at("00:53.960"), "the still");
    assert_label(&picture, "the still");

    let (code, answer) = recorded.still("01:13", "b.jpg");
    assert_eq!((code, answer["stamp"].as_str()), (0, Some("recorded")), "{answer}");
    assert_stamp(&Luma::from_file(&recorded.path("b.jpg")), at("01:13"), "the stamped still");
    let (code, answer) = recorded.still("01:13", "b.jpg");
    assert_eq!(code, 2, "a file is never written over: {answer}");

    let (code, answer) = recorded.still("01:00", "c.png");
    assert_eq!((code, answer["found"].as_bool()), (1, Some(false)), "{answer}");
    assert_eq!((&answer["nearest"], &answer["after"]), (&Value::from(time("00:55.999")), &Value::from(time("01:10.000"))));
    assert!(answer["gap"]["cause"].is_string(), "{answer}");
    assert!(!recorded.path("c.png").exists());
}

#[test]
fn a_running_recorder_records_without_a_stamp_and_every_way_out_of_it_has_one() {
    let mut world = World::new(&[TestCamera { id: "C1", source: "h264-720p", stamp: "none" }]);
    world.start_recorder();
    world.wait_until_recording(Duration::from_secs(60));
    let state = world.camera_state("C1");
    assert_eq!(
        (state["stamp_mode"].as_str(), state["stamped"].as_bool(), state["state"].as_str()),
        (Some("none"), Some(false), Some("recording"))
    );
    let from = wait_for("enough to be recorded", Duration::from_secs(60), || {
        let timeline = world.timeline("01");
        let span = timeline["spans"].as_array()?.first()?.clone();
        assert_eq!(span["stamped"], false);
        let (from, to) = (world::time(&span["from"]), world::time(&span["to"]));
        (to.micros_since(from) > 10_000_000).then_some(from.floor_second().plus_micros(2_000_000))
    });
    let to = from.plus_micros(6_000_000);

    let film = world.dir.path().join("film.mp4");
    let output = world
        .jiancha("export")
        .args([
            "--json",
            "--window",
            "01",
            "--reason",
            "running",
            "--from",
            &from.to_rfc3339(),
            "--to",
            &to.to_rfc3339(),
            "--out",
        ])
        .arg(&film)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    let begins = world::time(&answer["files"][0]["from"]);
    let pictures = shown(&film, SIZE);
    assert!((148..=152).contains(&pictures.len()), "{} pictures in 6 s", pictures.len());
    for (n, picture) in pictures.iter().enumerate().step_by(11) {
        // The picture says which one it is; the simulator says when that one was taken.
        let near = begins.plus_micros(i64::try_from(n).unwrap() * 40_000);
        assert_stamp(picture, capture_near(Rate::Fps25, number(picture), near), &format!("picture {n}"));
    }
    assert_label(&pictures[0], "the first picture");

    let session = world.session();
    let at = from.plus_micros(3_500_000);
    let url = format!("{}/api/v1/still?window=01&at={}", world.origin(), at.to_rfc3339().replace('+', "%2B"));
    let mut answer = ureq::get(&url).header("cookie", &session).call().unwrap();
    assert_eq!(answer.headers()["content-type"], "image/jpeg");
    assert_eq!(answer.headers()["x-jiancha-stamp"], "drawn");
    let capture: WallTime = answer.headers()["x-jiancha-capture"].to_str().unwrap().parse().unwrap();
    assert!((0..=40_000).contains(&at.micros_since(capture)), "asked {at}, taken {capture}");
    let still = world.dir.path().join("still.jpg");
    std::fs::write(&still, answer.body_mut().read_to_vec().unwrap()).unwrap();
    let picture = Luma::from_file(&still);
    assert_stamp(&picture, capture_near(Rate::Fps25, number(&picture), at), "the still");
    let refused = ureq::get(&url).config().http_status_as_error(false).build().call().unwrap();
    assert_eq!(refused.status(), 401);

    let grant = world.post("/api/v1/playback", &serde_json::json!({ "window": "01", "from": from, "to": to }));
    let playlist = format!("{}{}", world.origin(), grant["url"].as_str().unwrap());
    let text = ureq::get(&playlist).call().unwrap().body_mut().read_to_string().unwrap();
    assert_eq!(text.matches("#EXTINF").count(), text.matches("#EXT-X-JIANCHA-UNSTAMPED:").count(), "{text}");
    assert!(text.contains(LABEL[0]) && text.contains(LABEL[1]), "{text}");
    assert_eq!(world.recorder().stop(), 0);
}
