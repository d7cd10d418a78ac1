//! The same HLS address plays in ffmpeg and VLC: nothing but the address, whose token is signed and expires.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a panic here is a failed test with a line number; figures are printed"
)]

mod world;

use std::process::Command;
use std::time::Duration;

use jiancha::time::WallTime;
use world::{TestCamera, World, wait_for};

/// Seconds of the past that are played.
const SPAN: i64 = 12;

fn playback_address(world: &mut World) -> String {
    let recorded_from = wait_for("enough to be recorded", Duration::from_secs(60), || {
        let timeline = world.timeline("01");
        let span = timeline["spans"].as_array()?.first()?.clone();
        let (from, to) = (world::time(&span["from"]), world::time(&span["to"]));
        (to.micros_since(from) > (SPAN + 4) * 1_000_000).then_some(from)
    });
    let from = recorded_from.plus_micros(2_000_000);
    let body = serde_json::json!({ "window": "01", "from": from, "to": from.plus_micros(SPAN * 1_000_000) });
    let answer = world.post("/api/v1/playback", &body);
    assert!(world::time(&answer["expires"]) > WallTime::from(std::time::SystemTime::now()));
    format!("{}{}", world.origin(), answer["url"].as_str().unwrap())
}

fn ffmpeg_plays(address: &str) {
    let output =
        Command::new("ffmpeg").args(["-v", "error", "-xerror", "-stats", "-i", address, "-f", "null", "-"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    let probe = Command::new("ffprobe")
        .args(["-v", "error", "-count_frames", "-show_entries", "stream=codec_name,nb_read_frames", "-of", "csv=p=0", address])
        .output()
        .unwrap();
    let streams = String::from_utf8_lossy(&probe.stdout).into_owned();
    let frames = |codec: &str| -> i64 {
        let line = streams.lines().find(|l| l.starts_with(codec)).unwrap_or_else(|| panic!("no {codec} in {streams}"));
        line.trim_end_matches(',').rsplit(',').next().unwrap().parse().unwrap()
    };
    // Whole GOPs: the span, and up to a GOP on either side.
    assert!((SPAN * 25..=(SPAN + 6) * 25).contains(&frames("h264")), "{streams}");
    assert!(frames("flac") > SPAN * 24, "{streams}");
    println!("ffmpeg: {} pictures, {} frames of sound", frames("h264"), frames("flac"));
}

/// VLC refuses to run as root; a test that runs as root lends it another user.
fn vlc() -> Command {
    let root = Command::new("id").arg("-u").output().unwrap().stdout.starts_with(b"0\n");
    if root {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--reset-env", "cvlc"]);
        command
    } else {
        Command::new("cvlc")
    }
}

fn vlc_plays(world: &World, address: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    let stills = world.dir.path().join("vlc");
    std::fs::create_dir(&stills).unwrap();
    for (folder, mode) in [(world.dir.path(), 0o755), (stills.as_path(), 0o777)] {
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(mode)).unwrap();
    }
    let output = vlc()
        .env("HOME", &stills)
        .args([
            "-I",
            "dummy",
            "--play-and-exit",
            "--no-interact",
            "--vout",
            "dummy",
            "--aout",
            "dummy",
            "--no-sub-autodetect-file",
        ])
        .args(["--video-filter", "scene", "--scene-format", "png", "--scene-ratio", "25", "--scene-prefix", "still"])
        .arg(format!("--scene-path={}", stills.display()))
        .args(["--run-time", "30", address, "vlc://quit"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let count = std::fs::read_dir(&stills)
        .unwrap()
        .map_while(Result::ok)
        .filter(|e| e.file_name().to_string_lossy().starts_with("still") && e.metadata().unwrap().len() > 10_000)
        .count();
    assert!(count >= usize::try_from(SPAN).unwrap() - 4, "VLC decoded {count} stills of {SPAN} s: {said}");
    assert!(!said.contains("cannot") && !said.to_lowercase().contains("unable to open"), "{said}");
    println!("VLC: {count} decoded stills, one a second");
}

#[test]
fn ffmpeg_and_vlc_play_the_same_address() {
    let mut world = World::new(&[TestCamera { id: "C1", source: "h264-alaw", stamp: "reencode" }]);
    world.start_recorder();
    world.wait_until_recording(Duration::from_secs(40));
    let address = playback_address(&mut world);
    ffmpeg_plays(&address);
    vlc_plays(&world, &address);
    // The token is the only key: without it, or with another, nothing is given.
    let forged = address.replacen("/media/", "/media/x", 1);
    let refused = Command::new("ffprobe").args(["-v", "error", &forged]).output().unwrap();
    assert!(!refused.status.success());
    assert_eq!(world.recorder().stop(), 0);
}
