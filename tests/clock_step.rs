//! The server's clock is set under a recorder at work, forward and back: new runs begin, and no file is written over.
//!
//! The recorder runs inside the test with a clock that can be set; cameras, files and everything else are real.

#![allow(clippy::unwrap_used, reason = "a panic here is a failed test with a line number")]

mod world;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use jiancha::catalogue::{Catalogue, GapCause, Store};
use jiancha::daemon::Recorder;
use jiancha::hall::{CameraId, SecretFile, Surroundings};
use jiancha::segment::adopt::files_of;
use jiancha::segment::reader;
use jiancha::time::{Clock, Span, SystemClock, WallTime};
use sha2::{Digest as _, Sha256};
use world::{PASSWORD, TestCamera, World};

const CAMERAS: [TestCamera; 1] = [TestCamera { id: "C1", source: "h264-alaw", stamp: "none" }];

/// The system's clocks with a wall clock that is set by hand.
struct SetClock {
    real: SystemClock,
    offset: AtomicI64,
}

impl Clock for SetClock {
    fn wall(&self) -> WallTime {
        self.real.wall().plus_micros(self.offset.load(Ordering::SeqCst))
    }
    fn monotonic(&self) -> Duration {
        self.real.monotonic()
    }
}

/// The camera's password, without touching this process's environment.
struct WithPassword;

impl Surroundings for WithPassword {
    fn env(&self, _: &str) -> Option<String> {
        Some(PASSWORD.to_owned())
    }
    fn secret_file(&self, path: &Path) -> std::io::Result<SecretFile> {
        jiancha::hall::Machine.secret_file(path)
    }
    fn exists(&self, path: &Path) -> bool {
        path.exists()
    }
}

fn sealed(files: &[PathBuf]) -> BTreeMap<PathBuf, Vec<u8>> {
    let is_sealed = |f: &&PathBuf| reader::index(f).is_ok_and(|i| i.seal.is_some());
    files.iter().filter(is_sealed).map(|f| (f.clone(), Sha256::digest(std::fs::read(f).unwrap()).to_vec())).collect()
}

#[test]
fn a_clock_set_forward_and_back_begins_new_runs_and_overwrites_nothing() {
    let world = World::with_storage(&CAMERAS, |dir| {
        let storage = dir.join("storage");
        std::fs::create_dir(&storage).unwrap();
        format!("[[storage]]\npath = \"{}\"\n[recording]\nsegment_seconds = 10\nsync_seconds = 1\n", storage.display())
    });
    let text = std::fs::read_to_string(world.hall_toml()).unwrap();
    let (hall, _) = jiancha::hall::parse_with(&text, world.dir.path(), &WithPassword).unwrap();
    let clock = Arc::new(SetClock { real: SystemClock::new(), offset: AtomicI64::new(0) });
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let recorder = runtime.block_on(Recorder::start(hall, clock.clone())).unwrap();
    let files = || files_of(&world.storage(), "C1").unwrap();
    let runs = || {
        let mut runs: Vec<String> = files().iter().map(|f| reader::index(f).unwrap().identity.run).collect();
        runs.dedup();
        runs
    };
    let wait = |what: &str, done: &dyn Fn() -> bool| {
        let until = Instant::now() + Duration::from_secs(60);
        while !done() {
            assert!(Instant::now() < until, "waited for {what}; files {:?}", files());
            std::thread::sleep(Duration::from_millis(200));
        }
    };
    wait("three sealed files", &|| sealed(&files()).len() >= 3);

    // Back by three segments: the very same names come round again.
    let before = sealed(&files());
    clock.offset.fetch_sub(30_000_000, Ordering::SeqCst);
    wait("a file whose name stood there already", &|| {
        files().iter().any(|f| f.file_name().unwrap().to_string_lossy().ends_with("-2.mp4"))
    });
    wait("that file to be sealed", &|| sealed(&files()).len() >= before.len() + 2);

    // Forward by an hour.
    clock.offset.fetch_add(3_600_000_000, Ordering::SeqCst);
    let steps_seen = clock.wall();
    wait("files of the new time", &|| {
        files().iter().any(|f| reader::index(f).is_ok_and(|i| i.identity.from >= steps_seen && i.parts.len() > 2))
    });
    let state = recorder.state.borrow().clone();
    runtime.block_on(recorder.stop());

    for (file, digest) in &before {
        assert_eq!(&Sha256::digest(std::fs::read(file).unwrap()).to_vec(), digest, "{} was changed", file.display());
    }
    assert!(runs().len() >= 3, "each setting of the clock begins a run: {:?}", runs());
    assert_eq!(state.recording, 1, "{state:?}");
    for file in files() {
        let index = reader::index(&file).unwrap();
        assert!(index.seal.is_some(), "{}", file.display());
        assert!(index.parts.windows(2).all(|p| p[0].from < p[1].from), "time runs forward within a file");
    }
    // The hour that never was is told, with its cause. The machine's own clock still lies before it: the recorder's is asked.
    let store = Arc::new(Store::open(&world.storage().join(".jiancha")).unwrap());
    let now = clock.wall();
    let span = Span::new(now.plus_micros(-7_200_000_000), now);
    let timeline = Catalogue::open(store).unwrap().timeline(&CameraId::new("C1"), span, now).unwrap();
    let hour = timeline.gaps.iter().find(|g| g.to.micros_since(g.from) > 3_500_000_000).unwrap();
    assert_eq!(hour.cause, GapCause::ClockStep, "{timeline:?}");
    let verified = world.jiancha("verify").arg("--json").output().unwrap();
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
}
