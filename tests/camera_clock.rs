//! A recorder on a simulated camera that draws its own clock and label: the clock proven, wrong by 5 s, frozen and missing; the label
//! attested and changed. Its recordings count as stamped only while the clock is proven.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a panic here is a failed test with a line number; figures are printed"
)]

mod world;

use std::process::{Command, Output};
use std::time::Duration;

use jiancha::segment::reader;
use serde_json::Value;
use world::{JIANCHA, TestCamera, World, wait_for};

const CAMERA: TestCamera = TestCamera { id: "C1", source: "own-clock", stamp: "camera" };
/// Two looks 5 s apart, key frames every 2 s, and a busy machine.
const LIMIT: Duration = Duration::from_secs(90);

fn camera_clock(world: &World, args: &[&str]) -> Output {
    let (subcommand, rest) = args.split_first().unwrap();
    Command::new(JIANCHA)
        .args(["camera-clock", subcommand, "--config"])
        .arg(world.hall_toml())
        .args(rest)
        .env("JIANCHA_CAMERA_PASSWORD", world::PASSWORD)
        .output()
        .unwrap()
}

/// Waits until the camera's clock (or label) is judged so; gives the camera's state.
fn wait_for_verdict(world: &mut World, key: &str, verdict: &str) -> Value {
    let name = format!("{key} to be {verdict}");
    wait_for(&name, LIMIT, || {
        let state = world.camera_state("C1");
        (state["camera_clock"][key] == verdict).then_some(state)
    })
}

fn alarm(world: &mut World) -> Option<Value> {
    let state = world.get("/api/v1/state");
    state["alarms"].as_array().unwrap().iter().find(|a| a["code"] == "camera-stamp" && a["subject"] == "C1").cloned()
}

#[test]
fn the_clock_a_camera_draws_is_proven_and_its_faults_are_told() {
    let mut world = World::with_storage(&[CAMERA], |dir| {
        let storage = dir.join("storage");
        std::fs::create_dir(&storage).unwrap();
        format!(
            "[[storage]]\npath = \"{}\"\n[recording]\nsegment_seconds = 10\n[camera_clock]\ninterval_seconds = 5\n",
            storage.display()
        )
    });
    world.start_recorder();
    let state = wait_for_verdict(&mut world, "verdict", "right");
    assert_eq!((state["stamped"].as_bool(), state["state"].as_str()), (Some(true), Some("recording")));
    assert!(state["camera_clock"]["difference_seconds"].as_i64().unwrap().abs() <= 1, "{state}");
    assert_eq!(alarm(&mut world), None);

    let attested = camera_clock(&world, &["attest", "--camera", "C1", "--person", "王芳", "--json"]);
    assert!(attested.status.success(), "{}", String::from_utf8_lossy(&attested.stderr));
    let attested: Value = serde_json::from_slice(&attested.stdout).unwrap();
    assert!(std::path::Path::new(attested["picture"].as_str().unwrap()).exists());
    let status = camera_clock(&world, &["status", "--json"]);
    assert!(status.status.success(), "{}", String::from_utf8_lossy(&status.stdout));
    let status: Value = serde_json::from_slice(&status.stdout).unwrap();
    assert_eq!(status["cameras"][0]["label"], "same");
    assert_eq!(status["cameras"][0]["attested_by"], "王芳");
    assert_eq!(status["cameras"][0]["proven"], true);

    world.tell_camera("own-clock", "osd-offset?offset_ms=5000");
    let state = wait_for_verdict(&mut world, "verdict", "wrong");
    assert_eq!(state["camera_clock"]["difference_seconds"], 5);
    assert_eq!((state["stamped"].as_bool(), state["state"].as_str()), (Some(false), Some("degraded")));
    let told = wait_for("the alarm", Duration::from_secs(5), || alarm(&mut world));
    assert!(told["text"]["zh"].as_str().unwrap().contains("快了5秒"), "{told}");
    assert_eq!(told["severity"], "critical");
    let status = camera_clock(&world, &["status"]);
    assert_eq!(status.status.code(), Some(1));

    world.tell_camera("own-clock", "heal");
    wait_for_verdict(&mut world, "verdict", "right");
    wait_for("the alarm to end", Duration::from_secs(5), || alarm(&mut world).is_none().then_some(()));

    world.tell_camera("own-clock", "osd-freeze");
    wait_for_verdict(&mut world, "verdict", "frozen");
    world.tell_camera("own-clock", "osd-off");
    let state = wait_for_verdict(&mut world, "verdict", "missing");
    assert_eq!(state["stamped"], false);
    world.tell_camera("own-clock", "heal");
    wait_for_verdict(&mut world, "verdict", "right");
    world.tell_camera("own-clock", "osd-label");
    wait_for_verdict(&mut world, "label", "changed");
    assert_eq!(alarm(&mut world).unwrap()["severity"], "warning");
    assert_eq!(world.recorder().stop(), 0);

    let stamped: Vec<bool> = world.files("C1").iter().map(|f| reader::index(f).unwrap().identity.stamped).collect();
    println!("segments stamped: {stamped:?}");
    assert!(!stamped[0], "nothing is proven when the first segment begins");
    assert!(stamped.contains(&true), "{stamped:?}");
    let first_true = stamped.iter().position(|s| *s).unwrap();
    assert!(stamped[first_true..].contains(&false), "segments begun while the clock was wrong: {stamped:?}");
}

#[test]
fn a_picture_file_is_read_without_a_recorder() {
    let dir = tempfile::tempdir().unwrap();
    let picture = dir.path().join("still.png");
    let drawn = "drawtext=fontfile=/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf:text='2026-11-22 14\\:50\\:03':fontsize=40:x=30:y=24:\
                 fontcolor=white:borderw=2";
    let made = Command::new("ffmpeg")
        .args(["-v", "error", "-f", "lavfi", "-i", "testsrc2=size=1280x720:rate=1", "-vf", drawn, "-frames:v", "1"])
        .arg(&picture)
        .status()
        .unwrap();
    assert!(made.success(), "ffmpeg and the package fonts-dejavu-core are needed");
    let read = |more: &[&str]| {
        let output =
            Command::new(JIANCHA).args(["camera-clock", "read", "--json", "--picture"]).arg(&picture).args(more).output();
        let output = output.unwrap();
        (output.status.code(), serde_json::from_slice::<Value>(&output.stdout).unwrap_or_default())
    };
    let (code, told) = read(&[]);
    assert_eq!((code, told["text"].as_str(), told["result"].as_str()), (Some(0), Some("2026-11-22 14:50:03"), Some("read")));
    let (code, told) = read(&["--at", "2026-11-22T14:50:04.2+08:00"]);
    assert_eq!((code, told["result"].as_str(), told["difference_seconds"].as_i64()), (Some(0), Some("right"), Some(-1)));
    let (code, told) = read(&["--at", "2026-11-22T14:49:58+08:00"]);
    assert_eq!((code, told["result"].as_str(), told["difference_seconds"].as_i64()), (Some(1), Some("wrong"), Some(5)));
    let (code, told) = read(&["--place", "0,0.5,1,0.4"]);
    assert_eq!((code, told["text"].as_str()), (Some(1), None));
    let missing = Command::new(JIANCHA).args(["camera-clock", "read", "--picture", "nowhere.png"]).output().unwrap();
    assert_eq!(missing.status.code(), Some(2));
}
