//! A target that fills up: a file system of its own, so it is really full.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use crate::world::{Kind, World, digests};

/// A small file system; unmounted when dropped.
struct Small(PathBuf);

impl Small {
    /// `None`, with the reason printed, where mounting is not allowed.
    fn mount(at: &Path, size: &str) -> Option<Self> {
        std::fs::create_dir_all(at).unwrap();
        let done = Command::new("mount").args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"]).arg(at).output();
        match done {
            Ok(output) if output.status.success() => Some(Self(at.to_owned())),
            Ok(output) => {
                println!("skipped: mounting a tmpfs needs root: {}", String::from_utf8_lossy(&output.stderr));
                None
            }
            Err(e) => {
                println!("skipped: no mount command: {e}");
                None
            }
        }
    }

    fn grow(&self, size: &str) {
        let done = Command::new("mount").args(["-o", &format!("remount,size={size}")]).arg(&self.0).status().unwrap();
        assert!(done.success());
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_full_target_is_told_and_nothing_counts_that_is_not_there() {
    for kind in [Kind::Directory, Kind::S3] {
        let dir = tempfile::tempdir().unwrap();
        let Some(small) = Small::mount(&dir.path().join("disk"), "3m") else { return };
        let world = World::with(kind, 4, 1_000_000, Some(&small.0));
        let primary = digests(&world.root());
        let (code, answer, said) = world.run(&["backup", "run", "--once", "--patience", "2"]);
        assert_eq!(code, 2, "{kind:?}: {answer} {said}");
        assert!(said.contains("full"), "{kind:?}: {said}");
        let proofs = world.proofs();
        let proven = proofs.iter().filter(|p| **p).count();
        assert!((1..4).contains(&proven), "{kind:?}: {proofs:?}");
        assert_eq!(digests(&world.root()), primary, "{kind:?}: no recording went");
        let objects = if kind == Kind::S3 { small.0.join("jiancha/hall-1") } else { small.0.clone() };
        for (name, digest) in digests(&objects) {
            assert_eq!(primary.get(&name), Some(&digest), "{kind:?}: no object is half there");
        }
        let (code, status, _) = world.run(&["backup", "status"]);
        let fault = status["trouble"]["fault"].as_str().unwrap().to_owned();
        assert!(fault == "full" || kind == Kind::S3 && fault == "broken", "{kind:?}: {fault}");
        assert_eq!(code, 1, "{kind:?}");
        assert_eq!(status["segments_behind"], json!(4 - proven), "{kind:?}");

        small.grow("64m");
        world.copy_all();
        assert_eq!(world.proofs(), [true; 4], "{kind:?}");
        assert_eq!(digests(&objects), primary, "{kind:?}");
        assert_eq!(world.doubt(&[]), (0, vec![]), "{kind:?}");
        drop(world);
    }
}
