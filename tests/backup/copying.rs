//! Copied, read back, and only then counted; whatever is killed in between.

use std::io::Read as _;

use serde_json::json;

use crate::world::{BOTH, Kind, World, digests, s3_section, spoil, wait_for};

/// Larger than one part of a multipart upload.
const LARGE: usize = 9 << 20;

#[test]
fn every_sealed_file_gets_a_copy_that_was_read_back() {
    for kind in BOTH {
        let world = World::new(kind, 4, 100_000);
        std::fs::write(world.root().join("C1/2026-03-02/manifest.json"), "{}").unwrap();
        let old = std::time::SystemTime::now() - std::time::Duration::from_secs(3600);
        let note = std::fs::File::options().write(true).open(world.root().join("C1/2026-03-02/manifest.json")).unwrap();
        note.set_modified(old).unwrap();
        assert_eq!(world.proofs(), [false; 4], "{kind:?}: nothing counts before it is copied");
        let answer = world.copy_all();
        assert_eq!((&answer["files"], &answer["left"]), (&json!(5), &json!(0)), "{kind:?}: four recordings and a note");
        assert_eq!(world.proofs(), [true; 4], "{kind:?}");
        assert_eq!(digests(&world.root()), world.whole_objects(), "{kind:?}: the same names and the same bytes");
        assert_eq!(std::fs::read_to_string(world.objects().join("C1/2026-03-02/manifest.json")).unwrap(), "{}");
        let again = world.copy_all();
        assert_eq!((&again["files"], &again["copied_bytes"]), (&json!(0), &json!(0)), "{kind:?}: once is enough");

        let (_, status, said) = world.run(&["backup", "status"]);
        let day = &status["days"][0];
        assert_eq!(
            (&day["camera"], &day["windows"], &day["date"], &day["segments"], &day["copied"], &day["proven"]),
            (&json!("C1"), &json!(["01"]), &json!("2026-03-02"), &json!(4), &json!(4), &json!(4)),
            "{status:#} {said}"
        );
        assert_eq!((&status["lag_seconds"], &status["segments_behind"]), (&json!(0), &json!(0)));
        assert!(status["last_proof"].is_string());
        assert_eq!(world.doubt(&[]), (0, vec![]), "{kind:?}");
    }
}

#[test]
fn a_server_killed_in_mid_copy_is_waited_for_and_nothing_is_lost() {
    let mut world = World::new(Kind::S3, 4, LARGE);
    let mut child = world.copy_until_first_object(160);
    let server = world.server.as_mut().unwrap();
    server.kill();
    // What the copier says once it has noticed.
    let mut said = [0; 16];
    let n = child.stderr.as_mut().unwrap().read(&mut said).unwrap();
    assert!(n > 0, "it says that it waits");
    assert!(child.try_wait().unwrap().is_none(), "it does not give up");
    world.server.as_mut().unwrap().start_again();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(world.proofs(), [true; 4]);
    assert_eq!(digests(&world.root()), world.whole_objects());
    assert_eq!(world.doubt(&[]), (0, vec![]));
}

#[test]
fn a_copier_killed_in_mid_copy_goes_on_where_it_was() {
    for kind in BOTH {
        let world = World::new(kind, 4, LARGE);
        let mut child = world.copy_until_first_object(160);
        child.kill().unwrap();
        child.wait().unwrap();
        let primary = digests(&world.root());
        for (name, digest) in world.whole_objects() {
            assert_eq!(primary.get(&name), Some(&digest), "{kind:?}: no object is half there");
        }
        let proven = world.proofs().iter().filter(|p| **p).count();
        assert!(proven < 4, "{kind:?}: it was killed in the middle, {proven} proven");
        let answer = world.copy_all();
        assert_eq!(world.proofs(), [true; 4], "{kind:?}: {answer}");
        let all: u64 = world.rows().iter().map(|r| r.bytes).sum();
        let copied = answer["copied_bytes"].as_u64().unwrap();
        assert!(copied < all, "{kind:?}: what was there was not copied again: {copied} of {all}");
        assert_eq!(primary, world.whole_objects(), "{kind:?}");
        assert_eq!(world.doubt(&[]), (0, vec![]), "{kind:?}");
        assert_eq!(primary, digests(&world.root()), "{kind:?}: the recordings are untouched");
    }
}

#[test]
fn a_recording_that_is_not_what_was_sealed_is_refused_and_the_others_are_copied() {
    for kind in BOTH {
        let world = World::new(kind, 3, 100_000);
        spoil(&world.file(1));
        let (code, answer, said) = world.run(&["backup", "run", "--once"]);
        assert_eq!((code, &answer["refused"], &answer["left"]), (1, &json!(1), &json!(1)), "{kind:?}: {answer}");
        assert!(said.contains("C1/2026-03-02/10/100100.mp4") && said.contains("sealed as"), "{said}");
        assert_eq!(world.proofs(), [true, false, true], "{kind:?}");
        assert!(!world.object(1).exists(), "{kind:?}: no copy of spoiled bytes is made");
        let (code, status, _) = world.run(&["backup", "status"]);
        assert_eq!(code, 1);
        let alarms = status["alarms"].as_array().unwrap();
        assert!(alarms.iter().any(|a| a["what"]["zh"].as_str().unwrap().contains("没有备份")), "{status:#}");
    }
}

#[test]
fn an_object_that_stands_is_never_overwritten_by_copying() {
    for kind in BOTH {
        let world = World::new(kind, 1, 50_000);
        std::fs::create_dir_all(world.object(0).parent().unwrap()).unwrap();
        std::fs::write(world.object(0), b"another recorder's").unwrap();
        world.copy_all();
        assert_eq!(std::fs::read(world.object(0)).unwrap(), b"another recorder's", "{kind:?}");
        let digest = world.rows()[0].digest.clone().unwrap();
        let other = world.objects().join(format!("C1/2026-03-02/10/100000@{}.mp4", &digest[..8]));
        assert_eq!(std::fs::read(other).unwrap(), std::fs::read(world.file(0)).unwrap(), "{kind:?}");
        assert_eq!(world.proofs(), [true], "{kind:?}");
    }
}

#[test]
fn what_the_target_has_is_found_again_when_the_catalogue_was_lost() {
    for kind in BOTH {
        let world = World::new(kind, 3, 100_000);
        world.copy_all();
        std::fs::remove_dir_all(world.folder()).unwrap();
        assert_eq!(world.run(&["rebuild"]).0, 0);
        assert_eq!(world.proofs(), [false; 3], "{kind:?}: nothing is believed");
        let answer = world.copy_all();
        assert_eq!((&answer["files"], &answer["copied_bytes"]), (&json!(3), &json!(0)), "{kind:?}: read back, not copied");
        assert_eq!(world.proofs(), [true; 3], "{kind:?}");
    }
}

#[test]
fn a_disk_that_is_not_mounted_is_never_written_to() {
    let world = World::new(Kind::Directory, 2, 50_000);
    world.copy_all();
    let target = world.objects();
    std::fs::rename(&target, world.dir.path().join("unplugged")).unwrap();
    std::fs::create_dir(&target).unwrap();
    std::fs::rename(world.file(0).parent().unwrap(), world.dir.path().join("kept")).unwrap();
    std::fs::rename(world.dir.path().join("kept"), world.file(0).parent().unwrap()).unwrap();
    record_more(&world);
    let (code, _, said) = world.run(&["backup", "run", "--once"]);
    assert_eq!(code, 2);
    assert!(said.contains(".jiancha-backup.json") && said.contains("--new-target"), "{said}");
    assert_eq!(std::fs::read_dir(&target).unwrap().count(), 0, "no byte landed below");
    let (code, status, _) = world.run(&["backup", "status"]);
    assert_eq!((code, &status["trouble"]["fault"]), (1, &json!("identity-gone")), "{status:#}");

    // Mounted again, it goes on; really exchanged, everything is copied anew.
    std::fs::remove_dir(&target).unwrap();
    std::fs::rename(world.dir.path().join("unplugged"), &target).unwrap();
    assert_eq!(world.copy_all()["files"], 1);
    std::fs::rename(&target, world.dir.path().join("old")).unwrap();
    std::fs::create_dir(&target).unwrap();
    let (code, answer, said) = world.run(&["backup", "run", "--once", "--new-target"]);
    assert_eq!((code, &answer["files"]), (0, &json!(3)), "{said}");
    assert_eq!(world.proofs(), [true; 3]);
    assert_eq!(digests(&world.root()), world.whole_objects());
}

/// One more minute, an hour later.
fn record_more(world: &World) {
    let catalogue = world.catalogue();
    let disk = world.disk(&catalogue);
    crate::world::record(&disk, "C1-later", crate::world::start().plus_micros(3_600_000_000), 1, 50_000);
    disk.sync();
    drop(disk);
    catalogue.flush().unwrap();
}

#[test]
fn another_halls_bucket_is_left_alone() {
    let world = World::new(Kind::S3, 1, 50_000);
    let identity =
        json!({"id": "x", "hall": "别的中心", "division": "测试区", "made_at": "2026-01-01T00:00:00+08:00", "name": "n"});
    std::fs::create_dir_all(world.objects()).unwrap();
    std::fs::write(world.objects().join(".jiancha-backup.json"), identity.to_string()).unwrap();
    let (code, _, said) = world.run(&["backup", "run", "--once"]);
    assert_eq!(code, 2);
    assert!(said.contains("another hall") && said.contains("别的中心"), "{said}");
    assert!(!world.object(0).exists());
}

#[test]
fn wrong_key_missing_bucket_and_closed_port_are_told_apart() {
    let mut world = World::new(Kind::S3, 1, 50_000);
    let address = format!("http://{}", world.server.as_ref().unwrap().address);
    let good = s3_section(&address, "hall-1", "us-east-1", crate::world::KEY_ID, crate::world::SECRET);
    let said = |backup: &str| {
        world.describe(backup);
        let (code, _, said) = world.run(&["backup", "run", "--once", "--patience", "0"]);
        assert_eq!(code, 2, "{said}");
        assert!(!said.contains(crate::world::SECRET), "the secret is never printed: {said}");
        said
    };
    let told = said(&good.replace("secret_access_key = \"0", "secret_access_key = \"1"));
    assert!(told.contains("refuses access"), "{told}");
    let told = said(&good.replace("bucket = \"jiancha\"", "bucket = \"missing\""));
    assert!(told.contains("bucket does not exist"), "{told}");
    world.server.as_mut().unwrap().kill();
    world.describe(&good);
    let (code, _, told) = world.run(&["backup", "run", "--once", "--patience", "0"]);
    assert_eq!(code, 2);
    assert!(told.contains("cannot be reached"), "{told}");
    world.server.as_mut().unwrap().start_again();
    wait_for("the copy", || world.run(&["backup", "run", "--once"]).0 == 0);
}
