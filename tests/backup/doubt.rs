//! Bit rot on either side is found, named, and mended from the other.

use crate::world::{BOTH, World, digest, digests, spoil};

fn problem(side: &str, kind: &str, file: &std::path::Path) -> (String, String, String) {
    (side.into(), kind.into(), file.display().to_string())
}

#[test]
fn a_spoiled_or_missing_copy_is_found_and_made_anew_from_the_recording() {
    for kind in BOTH {
        let world = World::new(kind, 3, 100_000);
        world.copy_all();
        spoil(&world.object(0));
        std::fs::remove_file(world.object(2)).unwrap();
        let path = |minute| std::path::PathBuf::from(world.path(minute));
        let expected = vec![problem("copy", "digest-mismatch", &path(0)), problem("copy", "missing", &path(2))];
        assert_eq!(world.doubt(&[]), (1, expected.clone()), "{kind:?}");
        assert_eq!(world.proofs(), [false, true, false], "{kind:?}: retention no longer counts on what is bad");
        assert_eq!(world.doubt(&["--repair"]), (0, expected), "{kind:?}");
        assert_eq!(world.doubt(&[]), (0, vec![]), "{kind:?}");
        assert_eq!(world.proofs(), [true; 3], "{kind:?}");
        assert_eq!(digests(&world.root()), world.whole_objects(), "{kind:?}");
        let kept = std::fs::read_dir(world.object(0).parent().unwrap()).unwrap().flatten();
        let kept: Vec<String> =
            kept.map(|e| e.file_name().to_string_lossy().into_owned()).filter(|n| n.contains(".bad-")).collect();
        assert_eq!(kept.len(), 1, "{kind:?}: the spoiled object is kept aside: {kept:?}");
    }
}

#[test]
fn a_spoiled_or_missing_recording_is_found_and_replaced_from_the_copy() {
    for kind in BOTH {
        let world = World::new(kind, 3, 100_000);
        world.copy_all();
        let sound = digests(&world.root());
        spoil(&world.file(0));
        std::fs::remove_file(world.file(1)).unwrap();
        let expected =
            vec![problem("primary", "digest-mismatch", &world.file(0)), problem("primary", "missing", &world.file(1))];
        assert_eq!(world.doubt(&[]), (1, expected.clone()), "{kind:?}");
        assert_eq!(world.doubt(&["--repair"]), (0, expected), "{kind:?}");
        assert_eq!(digests(&world.root()), sound, "{kind:?}");
        assert_eq!(world.doubt(&[]), (0, vec![]), "{kind:?}");
        assert_eq!(world.run(&["verify"]).0, 0, "{kind:?}");
        let restored: Vec<bool> = world.rows().iter().map(|r| r.restored).collect();
        assert_eq!(restored, [true, true, false], "{kind:?}: what came from the copy is marked");
    }
}

#[test]
fn one_changed_byte_behind_the_seal_is_found_too() {
    let world = World::new(BOTH[0], 1, 100_000);
    world.copy_all();
    let sound = digest(&world.file(0)).unwrap();
    let mut bytes = std::fs::read(world.file(0)).unwrap();
    // The last byte of the box that tells players where the table begins: no seal covers it.
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(world.file(0), bytes).unwrap();
    let (code, told) = world.doubt(&["--repair"]);
    assert_eq!((code, told), (0, vec![problem("primary", "digest-mismatch", &world.file(0))]));
    assert_eq!(digest(&world.file(0)).unwrap(), sound);
}

#[test]
fn when_both_sides_are_bad_neither_is_touched() {
    for kind in BOTH {
        let world = World::new(kind, 2, 100_000);
        world.copy_all();
        spoil(&world.file(0));
        spoil(&world.object(0));
        let before = (digests(&world.root()), world.whole_objects());
        let both = vec![
            problem("primary", "digest-mismatch", &world.file(0)),
            problem("copy", "digest-mismatch", std::path::Path::new(&world.path(0))),
        ];
        assert_eq!(world.doubt(&["--repair"]), (1, both), "{kind:?}");
        assert_eq!((digests(&world.root()), world.whole_objects()), before, "{kind:?}");
    }
}

#[test]
fn a_range_looks_at_nothing_else() {
    let world = World::new(BOTH[0], 3, 50_000);
    world.copy_all();
    spoil(&world.object(0));
    spoil(&world.object(2));
    let (code, told) =
        world.doubt(&["--window", "01", "--from", "2026-03-02T10:01:00+08:00", "--to", "2026-03-02T10:02:00+08:00"]);
    assert_eq!((code, told), (0, vec![]));
    let (code, told) = world.doubt(&["--camera", "C1", "--from", "2026-03-02T10:02:00+08:00"]);
    assert_eq!((code, told.len()), (1, 1));
    let (code, _, said) = world.run(&["backup", "verify", "--camera", "C9"]);
    assert_eq!(code, 2);
    assert!(said.contains("no camera C9") && said.contains("C1"), "{said}");
}
