//! The restore drill: a day's files are lost and come back.

use serde_json::{Value, json};

use crate::world::{BOTH, DAY, Kind, World, digests};

const WHOLE_DAY: [&str; 4] = ["--from", "2026-03-02T00:00:00+08:00", "--to", "2026-03-03T00:00:00+08:00"];

fn restore(world: &World, more: &[&str]) -> (i32, Value) {
    let (code, answer, said) = world.run(&[&["backup", "restore"], &WHOLE_DAY[..], more].concat());
    assert!(answer.is_object(), "{said}");
    (code, answer)
}

fn count(answer: &Value, key: &str) -> usize {
    answer[key].as_array().unwrap().len()
}

fn timeline(world: &World) -> Value {
    let (_, answer, said) = world.run(&[&["timeline", "--window", "01"], &WHOLE_DAY[..]].concat());
    assert!(answer.is_object(), "{said}");
    answer
}

#[test]
fn a_lost_day_comes_back_the_same_and_is_marked() {
    for kind in BOTH {
        let world = World::new(kind, 5, 100_000);
        world.copy_all();
        let before = digests(&world.root());
        std::fs::remove_dir_all(world.root().join("C1").join(DAY)).unwrap();
        assert_eq!(world.run(&["verify"]).0, 1, "{kind:?}: the loss is seen");
        let (code, dry) = restore(&world, &["--window", "01", "--dry-run"]);
        assert_eq!((code, count(&dry, "restored"), world.file(0).exists()), (0, 5, false), "{kind:?}");
        let (code, answer) = restore(&world, &["--window", "01"]);
        assert_eq!((code, count(&answer, "restored"), count(&answer, "failed")), (0, 5, 0), "{kind:?}: {answer:#}");
        assert_eq!(digests(&world.root()), before, "{kind:?}: the same names and bytes");
        let (code, verified, _) = world.run(&["verify"]);
        assert_eq!((code, &verified["problems"]), (0, &json!([])), "{kind:?}");
        assert_eq!(world.doubt(&[]), (0, vec![]), "{kind:?}");
        assert_eq!(world.proofs(), [true; 5], "{kind:?}");
        let spans = timeline(&world);
        assert_eq!((count(&spans, "spans"), &spans["spans"][0]["restored"]), (1, &json!(true)), "{kind:?}: {spans:#}");
        let note: Value =
            serde_json::from_slice(&std::fs::read(world.root().join("C1").join(DAY).join("restored.json")).unwrap()).unwrap();
        assert_eq!(count(&note, "files"), 5, "{kind:?}");
        let (_, again) = restore(&world, &["--camera", "C1"]);
        assert_eq!((count(&again, "restored"), &again["present"]), (0, &json!(5)), "{kind:?}");
    }
}

#[test]
fn only_the_gap_is_filled() {
    let world = World::new(Kind::Directory, 5, 50_000);
    world.copy_all();
    for minute in [1, 3] {
        std::fs::remove_file(world.file(minute)).unwrap();
    }
    let (code, _, _) = world.run(&[
        "backup",
        "restore",
        "--camera",
        "C1",
        "--from",
        "2026-03-02T10:03:00+08:00",
        "--to",
        "2026-03-02T10:04:00+08:00",
    ]);
    assert_eq!((code, world.file(1).exists(), world.file(3).exists()), (0, true, true), "a file may reach into the span");
    let restored: Vec<bool> = world.rows().iter().map(|r| r.restored).collect();
    assert_eq!(restored, [false, true, false, true, false]);
    let told: Vec<(bool, String)> = timeline(&world)["spans"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| (s["restored"].as_bool().unwrap_or(false), s["from"].as_str().unwrap()[11..16].to_owned()))
        .collect();
    let expected = [(false, "10:00"), (true, "10:01"), (false, "10:02"), (true, "10:03"), (false, "10:04")];
    assert_eq!(told, expected.map(|(r, t)| (r, t.to_owned())));
}

#[test]
fn a_lost_catalogue_does_not_hinder_it_and_the_mark_outlives_it() {
    for kind in BOTH {
        let world = World::new(kind, 3, 50_000);
        world.copy_all();
        let before = digests(&world.root());
        std::fs::remove_dir_all(world.folder()).unwrap();
        std::fs::remove_file(world.file(1)).unwrap();
        let (code, answer) = restore(&world, &["--camera", "C1"]);
        assert_eq!((code, count(&answer, "restored"), &answer["catalogue"]), (0, 1, &json!(false)), "{kind:?}");
        assert_eq!(digests(&world.root()), before, "{kind:?}");
        assert_eq!(world.run(&["rebuild"]).0, 0, "{kind:?}");
        let restored: Vec<bool> = world.rows().iter().map(|r| r.restored).collect();
        assert_eq!(restored, [false, true, false], "{kind:?}");
    }
}

#[test]
fn a_spoiled_copy_is_not_restored() {
    for kind in BOTH {
        let world = World::new(kind, 2, 50_000);
        world.copy_all();
        crate::world::spoil(&world.object(0));
        std::fs::remove_file(world.file(0)).unwrap();
        let (code, answer) = restore(&world, &["--camera", "C1"]);
        assert_eq!((code, count(&answer, "restored"), count(&answer, "failed")), (1, 0, 1), "{kind:?}: {answer:#}");
        assert!(answer["failed"][0]["reason"].as_str().unwrap().contains("damaged"), "{answer:#}");
        assert!(!world.file(0).exists(), "{kind:?}");
        let left = std::fs::read_dir(world.file(1).parent().unwrap()).unwrap().count();
        assert_eq!(left, 1, "{kind:?}: nothing half fetched is left");
    }
}

#[test]
fn what_retention_removed_stays_removed_unless_asked_for() {
    let world = World::new(Kind::Directory, 2, 50_000);
    world.copy_all();
    let day = world.root().join("C1").join(DAY);
    std::fs::remove_dir_all(day.join("10")).unwrap();
    std::fs::write(day.join("removed.json"), "{}").unwrap();
    let (code, answer) = restore(&world, &["--camera", "C1"]);
    assert_eq!((code, count(&answer, "restored"), &answer["removed"]), (0, 0, &json!(2)));
    let (_, answer) = restore(&world, &["--camera", "C1", "--include-removed"]);
    assert_eq!(count(&answer, "restored"), 2);
}

#[test]
fn no_disk_without_recordings_is_filled() {
    let world = World::new(Kind::Directory, 1, 50_000);
    world.copy_all();
    std::fs::remove_dir_all(world.root().join("C1")).unwrap();
    let (code, answer) = restore(&world, &["--camera", "C1"]);
    assert_eq!((code, count(&answer, "failed")), (1, 1));
    assert!(answer["failed"][0]["reason"].as_str().unwrap().contains("--root"), "{answer:#}");
    let root = world.root().display().to_string();
    let (code, answer) = restore(&world, &["--camera", "C1", "--root", &root]);
    assert_eq!((code, count(&answer, "restored")), (0, 1), "{answer:#}");
}
