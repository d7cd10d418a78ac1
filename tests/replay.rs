//! `jiancha replay`: the same media, start and hall give the same files, byte for byte, faster than real time, stamped.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a panic here is a failed test with a line number; figures are printed"
)]

mod world;

use std::process::Command;

use serde_json::Value;
use world::{JIANCHA, media_dir};

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
[[camera]]
id = "C2"
kind = "ptz"
zone = "Z1"
url = "rtsp://192.0.2.2/1"
stamp = "camera"
[[window]]
id = "01"
zone = "Z1"
camera = "C1"
pickup = "C1"
[[storage]]
path = "storage"
"#;

/// Puts a simulated camera's loop into one file, as a camera's own recording would be.
fn mux(dir: &std::path::Path, name: &str, video: &str, sound: &[&str]) -> String {
    let clip = |file: &str| media_dir().join(file).display().to_string();
    let out = dir.join(name).display().to_string();
    let (options, file) = sound.split_at(sound.len() - 1);
    let made = Command::new("ffmpeg")
        .args(["-v", "error", "-fflags", "+genpts", "-r", "25", "-i", &clip(video)])
        .args(options)
        .args(["-i", &clip(file[0]), "-c", "copy", &out])
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    out
}

fn replay(dir: &std::path::Path, clips: [&str; 2], out: &str) -> (i32, Value) {
    let output = Command::new(JIANCHA)
        .args(["replay", "--json", "--seconds", "35", "--start", "2026-02-16T23:59:40+08:00", "--config"])
        .arg(dir.join("hall.toml"))
        .args(["--media", &format!("C1={}", clips[0]), "--media", &format!("C2={}", clips[1])])
        .arg("--out")
        .arg(dir.join(out))
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let json = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&output.stderr)));
    (output.status.code().unwrap(), json)
}

#[test]
fn the_same_media_give_the_same_files() {
    let cameras = ["--cameras", "h264-alaw,h265-aac"];
    let made = Command::new(JIANCHA).args(["simulate", "--generate"]).arg(media_dir()).args(cameras).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("hall.toml"), HALL).unwrap();
    let alaw = mux(dir.path(), "alaw.mkv", "h264-alaw.h264", &["-f", "alaw", "-ar", "8000", "-ac", "1", "h264-alaw.alaw"]);
    let aac = mux(dir.path(), "aac.mp4", "h265-aac.h265", &["h265-aac.aac"]);
    let (code, first) = replay(dir.path(), [&alaw, &aac], "a");
    assert_eq!(code, 0, "{first:#}");
    let (_, second) = replay(dir.path(), [&alaw, &aac], "b");
    assert_eq!(first, second);

    let stamped = &first["cameras"][0]["segments"];
    // 20 s to midnight on New Year's Eve, then 15 s of the new day.
    assert_eq!(stamped.as_array().unwrap().len(), 2);
    assert_eq!(stamped[0]["path"], "C1/2026-02-16/23/235940.mp4");
    assert_eq!(stamped[1]["from"], "2026-02-17T00:00:00.000+08:00");
    assert_eq!(stamped[0]["stamped"], true);
    assert_eq!(first["cameras"][1]["segments"][0]["stamped"], false);
    assert_eq!(first["cameras"][0]["gaps"], serde_json::json!([]));
    for name in ["a", "b"] {
        let file = dir.path().join(name).join("C1/2026-02-17/00/000000.mp4");
        let index = jiancha::segment::reader::index(&file).unwrap();
        assert_eq!(index.parts.iter().map(|p| p.pictures).sum::<u32>(), 15 * 25);
        assert_eq!(index.identity.previous.as_deref(), stamped[0]["digest"].as_str());
    }
    let digest = |name: &str| std::fs::read(dir.path().join(name).join("C1/2026-02-16/23/235940.mp4")).unwrap();
    assert_eq!(digest("a"), digest("b"));
}
