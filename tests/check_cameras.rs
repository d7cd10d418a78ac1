//! `jiancha check` beside a recorder on simulated cameras: what is received is judged, not what hall.toml hopes.

#![allow(clippy::unwrap_used, reason = "a panic here is a failed test with a line number")]

#[path = "world/mod.rs"]
mod world;

use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use world::{JIANCHA, TestCamera, World, wait_for};

fn check(world: &World) -> Value {
    let output = world.jiancha("check").arg("--json").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let report: Value =
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text} {}", String::from_utf8_lossy(&output.stderr)));
    assert_eq!(output.status.code(), Some(1));
    report
}

/// Result and measured of one check on one subject.
fn told(report: &Value, check: &str, subject: &str) -> (String, String) {
    let findings = report["findings"].as_array().unwrap();
    let finding = findings.iter().find(|f| f["check"] == check && f["subject"] == subject);
    let finding = finding.unwrap_or_else(|| panic!("no {check} {subject} in {report:#}"));
    ["result", "measured"].map(|key| finding[key].as_str().unwrap().to_owned()).into()
}

fn wait_until(world: &World, check_word: &str, subject: &str, result: &str) -> String {
    wait_for(&format!("{check_word} {subject} {result}"), Duration::from_secs(40), || {
        let told = told(&check(world), check_word, subject);
        (told.0 == result).then_some(told.1)
    })
}

#[test]
fn a_small_picture_and_a_silent_pickup_are_found_and_clear_when_mended() {
    let camera = |id, source| TestCamera { id, source, stamp: "camera" };
    let cameras = [camera("C1", "h264-720p"), camera("C2", "h264-alaw"), camera("C3", "h264-mute")];
    let mut world = World::new(&cameras);
    world.tell_camera("h264-alaw", "mute");
    world.start_recorder();
    world.wait_until_recording(Duration::from_secs(30));

    assert_eq!(wait_until(&world, "resolution", "window 01", "fail"), "1280x720");
    assert_eq!(wait_until(&world, "pickup", "window 02", "fail"), "silent 100 % of the time");
    let report = check(&world);
    assert_eq!(report["result"], "fail");
    assert_eq!(told(&report, "resolution", "window 02"), ("pass".into(), "1920x1080".into()));
    assert_eq!(told(&report, "pickup", "window 03"), ("fail".into(), "no sound".into()));
    assert_eq!(told(&report, "fixed-camera", "window 01"), ("pass".into(), "C1 is recording".into()));
    assert_eq!(told(&report, "pickup", "window 01").0, "pass");
    // Received by RTSP: what else it speaks is not proven.
    assert_eq!(told(&report, "gb28181", "camera C1").0, "not-measured");
    // The camera is to draw the stamp: that it does is nothing hall.toml could prove.
    assert_eq!(told(&report, "stamp", "window 01").0, "not-measured");
    let kept = told(&report, "kept", "window 01");
    assert!(kept.0 == "not-measured" && kept.1.ends_with(", 0 working days"), "{kept:?}");

    // A person vouches while the recorder runs.
    let still = world.dir.path().join("still.png");
    image::RgbImage::from_pixel(64, 48, image::Rgb([80, 90, 100])).save(&still).unwrap();
    let output = Command::new(JIANCHA)
        .args(["check", "attest", "--camera", "C1", "--what", "view", "--by", "王芳", "--config"])
        .arg(world.hall_toml())
        .arg("--still")
        .arg(&still)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(told(&check(&world), "view", "window 01"), ("attested".into(), "attested by 王芳".into()));

    world.tell_camera("h264-720p", "resolution");
    world.tell_camera("h264-alaw", "heal");
    assert_eq!(wait_until(&world, "resolution", "window 01", "pass"), "1920x1080");
    wait_until(&world, "pickup", "window 02", "pass");

    // Without the recorder its catalogue still tells, and what only it can see is not measured any more.
    assert_eq!(world.recorder().stop(), 0);
    let report = check(&world);
    assert_eq!(told(&report, "resolution", "window 01").0, "not-measured");
    assert_eq!(told(&report, "view", "window 01").0, "attested");
    assert!(told(&report, "recorded", "window 01").1.ends_with(" %"));
}
