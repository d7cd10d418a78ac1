//! `[stamp] codec = "h265"`: what is recorded is H.265 in `hvc1`, and ffmpeg reads every picture of it.

#![allow(clippy::unwrap_used, reason = "a panic here is a failed test with a line number")]

use std::path::Path;
use std::process::Command;

use jiancha::segment::adopt::files_of;
use jiancha::segment::reader;

const JIANCHA: &str = env!("CARGO_BIN_EXE_jiancha");

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{command:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_stamped_recording_in_h265_is_hvc1_and_plays_whole() {
    let dir = tempfile::tempdir().unwrap();
    let media = Path::new(env!("CARGO_MANIFEST_DIR")).join("test-media/generated");
    run(Command::new(JIANCHA).args(["simulate", "--generate"]).arg(&media).args(["--cameras", "h264-720p"]));
    let film = dir.path().join("film.mkv");
    run(Command::new("ffmpeg")
        .args(["-v", "error", "-fflags", "+genpts", "-r", "25", "-i"])
        .arg(media.join("h264-720p.h264"))
        .args(["-f", "alaw", "-ar", "8000", "-ac", "1", "-i"])
        .arg(media.join("h264-720p.alaw"))
        .args(["-c", "copy"])
        .arg(&film));
    let hall = "[hall]\nname = \"测试中心\"\ndivision = \"测试区\"\n[[zone]]\nid = \"Z1\"\ntype = \"综合受理区\"\n\
        [[camera]]\nid = \"C1\"\nkind = \"fixed\"\nzone = \"Z1\"\nurl = \"rtsp://192.0.2.1/1\"\n\
        [[window]]\nid = \"01\"\nzone = \"Z1\"\ncamera = \"C1\"\npickup = \"C1\"\n[[storage]]\npath = \"storage\"\n\
        [stamp]\ncodec = \"h265\"\n";
    std::fs::write(dir.path().join("hall.toml"), hall).unwrap();
    std::fs::create_dir(dir.path().join("storage")).unwrap();
    let out = dir.path().join("out");
    run(Command::new(JIANCHA)
        .args(["replay", "--json", "--seconds", "4", "--start", "2026-11-23T09:00:10+08:00", "--config"])
        .arg(dir.path().join("hall.toml"))
        .args(["--media", &format!("C1={}", film.display()), "--out"])
        .arg(&out));
    let file = files_of(&out, "C1").unwrap().remove(0);

    let index = reader::index(&file).unwrap();
    assert!(index.identity.stamped);
    // Main profile, and the sound beside it: what MSE and HLS are told.
    assert!(
        index.identity.codecs.starts_with("hvc1.1.6.L") && index.identity.codecs.ends_with(",flac"),
        "{}",
        index.identity.codecs
    );
    let told = run(Command::new("ffprobe")
        .args(["-v", "error", "-select_streams", "v", "-show_entries"])
        .args(["stream=codec_name,codec_tag_string,width,height,has_b_frames,profile", "-of", "csv=p=0"])
        .arg(&file));
    assert_eq!(told.trim(), "hevc,Main,hvc1,1280,720,0");
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-xerror", "-err_detect", "explode", "-i"])
        .arg(&file)
        .args(["-map", "0:v", "-f", "framemd5", "-"])
        .output()
        .unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    let pictures = String::from_utf8(output.stdout).unwrap().lines().filter(|l| !l.starts_with('#')).count();
    assert_eq!(pictures, 100);
}
