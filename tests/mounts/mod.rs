//! Mounts of a test's own. Where this user may not mount, the test runs again as root of a user namespace of its own; where that is
//! forbidden as well (some containers), it says that it was not run.

#![allow(dead_code, reason = "each test uses what it needs")]

use std::path::{Path, PathBuf};
use std::process::Command;

/// Set in the process that runs in a namespace.
const INSIDE: &str = "JIANCHA_TEST_INSIDE_NAMESPACE";

/// Set where a machine that allows no mounts at all is to fail these tests instead of leaving them out.
const MUST: &str = "JIANCHA_MUST_MOUNT";

fn may_have_a_namespace() -> bool {
    let tried = Command::new("unshare").args(["--user", "--map-root-user", "--mount", "true"]).output().unwrap();
    tried.status.success()
}

fn may_mount() -> bool {
    let dir = tempfile::tempdir().unwrap();
    let tried = Command::new("mount").args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"]).arg(dir.path()).output().unwrap();
    if tried.status.success() {
        unmount(dir.path());
    }
    tried.status.success()
}

/// True when the test named `test` was run, and passed, in a namespace, or cannot be run on this machine: nothing is left to do here.
pub fn elsewhere(test: &str) -> bool {
    if may_mount() {
        return false;
    }
    assert!(std::env::var_os(INSIDE).is_none(), "mounting is not possible even in a user namespace of our own");
    if !may_have_a_namespace() {
        assert!(std::env::var_os(MUST).is_none(), "neither mounts nor user namespaces are allowed here, and {MUST} is set");
        eprintln!(
            "NOT RUN: {test} needs mounts, and neither they nor user namespaces are allowed here ({MUST}=1 makes this a failure)"
        );
        return true;
    }
    let status = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(INSIDE, "1")
        .status()
        .unwrap();
    assert!(status.success(), "{test} failed in its namespace");
    true
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A disk at `disk`, mounted at `at`; both folders are made.
pub fn make_bind(disk: &Path, at: &Path) {
    std::fs::create_dir_all(disk).unwrap();
    std::fs::create_dir_all(at).unwrap();
    bind(disk, at);
}

pub fn bind(disk: &Path, at: &Path) {
    run(Command::new("mount").arg("--bind").arg(disk).arg(at));
}

/// A small file system of its own.
pub fn tmpfs(at: &Path, megabytes: u32) {
    std::fs::create_dir_all(at).unwrap();
    run(Command::new("mount").args(["-t", "tmpfs", "-o", &format!("size={megabytes}m"), "tmpfs"]).arg(at));
}

/// Makes a file system of [`tmpfs`] larger.
pub fn resize(at: &Path, megabytes: u32) {
    run(Command::new("mount").args(["-o", &format!("remount,size={megabytes}m")]).arg(at));
}

/// Takes a mount away although files are open on it, as a pulled cable does.
pub fn unmount(at: &Path) {
    run(Command::new("umount").arg("--lazy").arg(at));
}

/// Takes whatever is still mounted away at the end of a test.
pub struct Unmount(pub Vec<PathBuf>);

impl Drop for Unmount {
    fn drop(&mut self) {
        for at in &self.0 {
            let _ = Command::new("umount").arg("--lazy").arg(at).output();
        }
    }
}
