//! Storage roots that vanish, fill up and come back under a recorder at work: real mounts, real files.

#![allow(clippy::unwrap_used, reason = "a panic here is a failed test with a line number")]

mod mounts;
mod world;

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiancha::segment::adopt::files_of;
use jiancha::segment::reader;
use serde_json::Value;
use world::{TestCamera, World, time, wait_for};

const CAMERAS: [TestCamera; 2] =
    [TestCamera { id: "C1", source: "h264-alaw", stamp: "none" }, TestCamera { id: "C2", source: "h265-aac", stamp: "none" }];

/// Two roots on mounts of their own, and the catalogue beside them.
fn two_roots(dir: &Path) -> String {
    let mut toml = String::new();
    for name in ["a", "b"] {
        mounts::make_bind(&dir.join(format!("disk-{name}")), &dir.join(name));
        toml.push_str(&format!("[[storage]]\npath = \"{}\"\n", dir.join(name).display()));
    }
    toml + &format!("[recording]\ncatalogue = \"{}\"\nsegment_seconds = 10\n", dir.join("catalogue").display())
}

fn storage_state(world: &mut World, root: &Path) -> Value {
    let state = world.get("/api/v1/state");
    let wanted = root.display().to_string();
    state["storage"].as_array().unwrap().iter().find(|s| s["path"] == wanted.as_str()).cloned().unwrap()
}

fn alarm(world: &mut World, code: &str) -> Option<Value> {
    let state = world.get("/api/v1/state");
    state["alarms"].as_array().unwrap().iter().find(|a| a["code"] == code).cloned()
}

/// The root that takes `camera` now.
fn root_of(world: &mut World, camera: &str) -> PathBuf {
    let state = world.get("/api/v1/state");
    let storage = state["storage"].as_array().unwrap();
    let root = storage.iter().find(|s| s["cameras"].as_array().unwrap().iter().any(|c| c == camera)).unwrap();
    PathBuf::from(root["path"].as_str().unwrap())
}

#[test]
fn a_root_unmounted_under_the_recorder_is_left_at_once_and_taken_back() {
    if mounts::elsewhere("a_root_unmounted_under_the_recorder_is_left_at_once_and_taken_back") {
        return;
    }
    let mut world = World::with_storage(&CAMERAS, two_roots);
    let (a, b) = (world.dir.path().join("a"), world.dir.path().join("b"));
    let _mounts = mounts::Unmount(vec![a.clone(), b.clone()]);
    world.start_recorder();
    world.wait_until_recording(Duration::from_secs(40));
    let (first, second) = (root_of(&mut world, "C1"), root_of(&mut world, "C2"));
    assert_ne!(first, second, "two cameras of like rate are spread over two roots");

    mounts::unmount(&first);
    wait_for("the alarm", Duration::from_secs(10), || alarm(&mut world, "storage-gone"));
    // Within one segment, which is 10 s long here; in fact from the next key frame on.
    wait_for("C1 to record to the other root", Duration::from_secs(10), || {
        files_of(&second, "C1").unwrap().last().filter(|f| reader::index(f).is_ok_and(|i| i.parts.len() > 3)).cloned()
    });
    wait_for("C1 to be recording by the measured state", Duration::from_secs(15), || {
        (world.camera_state("C1")["state"] == "recording").then_some(())
    });
    assert_eq!(std::fs::read_dir(&first).unwrap().count(), 0, "no byte lands on the disk below the mount");
    let gone = storage_state(&mut world, &first);
    assert_eq!((&gone["writable"], &gone["fault"]), (&Value::Bool(false), &Value::from("gone")));

    // The disk returns: what was left open there is mended, and C1 comes home with its next segment.
    mounts::bind(&disk_of(&first), &first);
    wait_for("the root to be taken back", Duration::from_secs(20), || {
        (storage_state(&mut world, &first)["writable"] == true).then_some(())
    });
    assert!(alarm(&mut world, "storage-gone").is_none());
    for file in files_of(&first, "C1").unwrap() {
        assert!(reader::index(&file).unwrap().seal.is_some(), "{} was left open", file.display());
    }
    wait_for("C1 to come home", Duration::from_secs(20), || (root_of(&mut world, "C1") == first).then_some(()));

    assert_eq!(world.recorder().stop(), 0);
    let timeline = world.timeline("01");
    let disk: Vec<&Value> = timeline["gaps"].as_array().unwrap().iter().filter(|g| g["cause"] == "disk").collect();
    assert_eq!(disk.len(), 1, "{timeline:#}");
    let lost = time(&disk[0]["to"]).micros_since(time(&disk[0]["from"]));
    assert!((0..10_000_000).contains(&lost), "{lost} µs lost in the move");
    assert!(world.timeline("02")["gaps"].as_array().unwrap().is_empty(), "the other camera is not touched");
    let verified = world.jiancha("verify").arg("--json").output().unwrap();
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
}

/// A hall whose one root is a small file system of its own. Below 2 MiB nothing new is begun; a tenth of
/// it, 2.4 MiB, is kept for the windows' cameras.
fn small_disk(dir: &Path) -> String {
    let root = dir.join("small");
    mounts::tmpfs(&root, SMALL_MB);
    format!(
        "[[storage]]\npath = \"{}\"\nreserve_mb = 2\n[recording]\ncatalogue = \"{}\"\nsegment_seconds = 10\n\
         [retention]\nwindows_last_hours = {LAST_HOURS}\nalarm_days = 7\n",
        root.display(),
        dir.join("catalogue").display()
    )
}

const SMALL_MB: u32 = 24;
const LAST_HOURS: f64 = 0.01;

#[test]
fn on_a_disk_that_fills_up_the_other_cameras_stop_first_and_nothing_that_is_owed_goes() {
    let name = "on_a_disk_that_fills_up_the_other_cameras_stop_first_and_nothing_that_is_owed_goes";
    if mounts::elsewhere(name) {
        return;
    }
    let cameras = [
        TestCamera { id: "C1", source: "h264-alaw", stamp: "none" },
        TestCamera { id: "C2", source: "h265-aac", stamp: "none" },
        TestCamera { id: "X3", source: "h264-aac", stamp: "none" },
    ];
    let mut world = World::with_storage(&cameras, small_disk);
    let root = world.dir.path().join("small");
    let _mounts = mounts::Unmount(vec![root.clone()]);
    world.start_recorder();
    world.wait_until_recording(Duration::from_secs(40));
    // The disk carries minutes, not 30 working days: that is said at once, not when it is full.
    wait_for("the forecast's alarm", Duration::from_secs(100), || alarm(&mut world, "storage-forecast"));
    let free = || rustix_free(&root);

    // First the camera without a window stops, while both windows go on.
    let stopped_with = wait_for("X3 to stop", Duration::from_secs(180), || {
        let x3 = world.camera_state("X3");
        (x3["state"] == "not-recording" && x3["cause"] == "disk").then(&free)
    });
    assert!(stopped_with > 3 << 20, "X3 stops while there is space for the windows: {stopped_with} bytes free");
    assert!(alarm(&mut world, "space-kept-for-windows").is_some());
    for id in ["C1", "C2"] {
        assert_eq!(world.camera_state(id)["state"], "recording", "{id}");
    }
    let first = files_of(&root, "C1").unwrap().remove(0);

    // At the end the windows stop too, at the reserve; nothing was deleted.
    wait_for("the windows' cameras to stop", Duration::from_secs(240), || {
        ["C1", "C2"].iter().all(|id| world.camera_state(id)["cause"] == "disk").then_some(())
    });
    assert!(alarm(&mut world, "storage-full").is_some());
    assert!(first.exists(), "the oldest footage stays");
    let files: usize = cameras.iter().map(|c| files_of(&root, c.id).unwrap().len()).sum();

    // Space returns (the disk is made larger): all record again by themselves.
    mounts::resize(&root, SMALL_MB * 4);
    world.wait_until_recording(Duration::from_secs(90));
    let more: usize = cameras.iter().map(|c| files_of(&root, c.id).unwrap().len()).sum();
    assert!(more > files);
    assert_eq!(world.recorder().stop(), 0);
    for window in ["01", "02"] {
        let timeline = world.timeline(window);
        let causes: Vec<&Value> = timeline["gaps"].as_array().unwrap().iter().map(|g| &g["cause"]).collect();
        assert_eq!(causes, vec!["disk"], "{timeline:#}");
    }
    let verified = world.jiancha("verify").arg("--json").output().unwrap();
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
}

fn rustix_free(root: &Path) -> u64 {
    let fs = rustix::fs::statvfs(root).unwrap();
    fs.f_bavail * fs.f_frsize
}

fn disk_of(root: &Path) -> PathBuf {
    root.with_file_name(format!("disk-{}", root.file_name().unwrap().to_str().unwrap()))
}

#[test]
fn a_root_that_is_not_mounted_at_the_start_is_not_written_and_the_other_takes_everything() {
    if mounts::elsewhere("a_root_that_is_not_mounted_at_the_start_is_not_written_and_the_other_takes_everything") {
        return;
    }
    let mut world = World::with_storage(&CAMERAS, two_roots);
    let (a, b) = (world.dir.path().join("a"), world.dir.path().join("b"));
    let _mounts = mounts::Unmount(vec![a.clone(), b.clone()]);
    world.start_recorder();
    world.wait_until_recording(Duration::from_secs(40));
    assert_eq!(world.recorder().stop(), 0);
    mounts::unmount(&a);
    world.start_recorder();
    world.wait_until_recording(Duration::from_secs(40));
    assert_eq!((root_of(&mut world, "C1"), root_of(&mut world, "C2")), (b.clone(), b));
    assert!(alarm(&mut world, "storage-gone").is_some());
    assert_eq!(std::fs::read_dir(&a).unwrap().count(), 0);
    assert_eq!(world.recorder().stop(), 0);
}
