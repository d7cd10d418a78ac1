//! Wrong input: a clear error that names the thing and the remedy, an exit code, and nothing half-started.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a panic here is a failed test with a line number; figures are printed"
)]

mod world;

use std::process::Output;
use std::time::Duration;

use world::{TestCamera, World, wait_for};

/// Runs the recorder, which must end by itself.
fn refused(world: &World) -> (i32, String) {
    let mut process = world::Process::start("recorder", &mut world.jiancha("run"));
    let code = process.wait(Duration::from_secs(30));
    std::thread::sleep(Duration::from_millis(200));
    (code, process.text())
}

fn edit(world: &World, from: &str, to: &str) {
    let text = std::fs::read_to_string(world.hall_toml()).unwrap();
    assert!(text.contains(from), "{from} in {text}");
    std::fs::write(world.hall_toml(), text.replace(from, to)).unwrap();
}

/// Connections the simulator has seen are sessions somebody half-started.
fn nothing_was_started(world: &World) {
    assert!(world.files("C1").is_empty());
    assert!(std::net::TcpStream::connect(("127.0.0.1", world.viewer_port)).is_err(), "the viewer listens");
}

#[test]
fn storage_that_is_missing_or_read_only_is_refused_with_the_remedy() {
    let world = World::new(&[TestCamera { id: "C1", source: "h264-720p", stamp: "camera" }]);
    let storage = world.storage();
    std::fs::remove_dir(&storage).unwrap();
    let (code, text) = refused(&world);
    assert_eq!(code, 2, "{text}");
    assert!(
        text.contains(&storage.display().to_string()) && text.contains("does not exist") && text.contains("mkdir -p"),
        "{text}"
    );
    assert!(!storage.exists(), "the missing folder was not made");
    nothing_was_started(&world);

    // A root whose file system takes no files, for root and everyone else alike.
    edit(&world, &storage.display().to_string(), "/sys/kernel");
    let (code, text) = refused(&world);
    assert_eq!(code, 2, "{text}");
    assert!(text.contains("write the identity of /sys/kernel") && text.contains("remount it read-write"), "{text}");
    nothing_was_started(&world);
}

#[test]
fn a_taken_port_is_refused_before_any_camera_is_asked() {
    let world = World::new(&[TestCamera { id: "C1", source: "h264-720p", stamp: "camera" }]);
    let holder = std::net::TcpListener::bind(("127.0.0.1", world.viewer_port)).unwrap();
    let (code, text) = refused(&world);
    drop(holder);
    assert_eq!(code, 2, "{text}");
    assert!(text.contains(&world.viewer_port.to_string()) && text.contains("[viewer] listen"), "{text}");
    nothing_was_started(&world);
}

#[test]
fn a_malformed_hall_is_told_whole_and_nothing_starts() {
    let world = World::new(&[TestCamera { id: "C1", source: "h264-720p", stamp: "camera" }]);
    edit(&world, "kind = \"fixed\"", "kind = \"dome\"\ncolour = \"blue\"");
    edit(&world, "camera = \"C1\"", "camera = \"C9\"");
    let (code, text) = refused(&world);
    assert_eq!(code, 2, "{text}");
    for expected in ["dome", "colour", "C9", "hall.toml:"] {
        assert!(text.contains(expected), "{expected} in {text}");
    }
    nothing_was_started(&world);
}

#[test]
fn two_recorders_on_one_catalogue_are_refused() {
    let mut world = World::new(&[TestCamera { id: "C1", source: "h264-720p", stamp: "camera" }]);
    world.start_recorder();
    edit(&world, &format!("127.0.0.1:{}", world.viewer_port), &format!("127.0.0.1:{}", world::free_port()));
    let (code, text) = refused(&world);
    assert_eq!(code, 2, "{text}");
    assert!(text.contains("another jiancha process"), "{text}");
}

#[test]
fn a_camera_with_a_codec_we_cannot_record_says_so_and_the_other_goes_on() {
    let mut world = World::new(&[
        TestCamera { id: "C1", source: "mpeg4", stamp: "camera" },
        TestCamera { id: "C2", source: "h264-720p", stamp: "camera" },
    ]);
    world.start_recorder();
    wait_for("the other camera to be recording", Duration::from_secs(30), || {
        (world.camera_state("C2")["state"] == "recording").then_some(())
    });
    let state = wait_for("the state to tell", Duration::from_secs(20), || {
        let state = world.camera_state("C1");
        (state["state"] == "not-recording").then_some(state)
    });
    assert_eq!(state["cause"], "unsupported-stream");
    assert!(state["action"]["zh"].as_str().unwrap().contains("H.264"), "{state:#}");
    assert!(state["detail"].as_str().unwrap().contains("offers"), "{state:#}");
    assert_eq!(world.recorder().stop(), 0);
}

#[test]
fn commands_refuse_what_they_cannot_do_with_code_two() {
    let world = World::new(&[TestCamera { id: "C1", source: "h264-720p", stamp: "camera" }]);
    let run = |args: &[&str]| -> Output { world.jiancha(args[0]).args(&args[1..]).output().unwrap() };
    let span = ["--from", "2026-11-22T09:00:00+08:00", "--to", "2026-11-22T10:00:00+08:00"];
    let unknown = run(&[&["timeline", "--window", "77"], &span[..]].concat());
    assert_eq!(unknown.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("defined: 01"));
    let backwards = run(&["timeline", "--window", "01", "--from", span[3], "--to", span[1]]);
    assert_eq!(backwards.status.code(), Some(2));
    let no_time = run(&["timeline", "--window", "01", "--from", "yesterday", "--to", span[3]]);
    assert_eq!(no_time.status.code(), Some(2));
    let no_file =
        run(&["replay", "--media", "C1=/nonexistent.mkv", "--out", &world.dir.path().join("o").display().to_string()]);
    assert_eq!(no_file.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&no_file.stderr).contains("nonexistent.mkv"));
}
