//! Roots that go, fill up and come back: folders renamed under the watcher, which looks every few milliseconds.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{OnceLock, Weak};

use bytes::Bytes;

use super::*;
use crate::catalogue::Store;
use crate::segment::identity::{FORM_VERSION, Identity};
use crate::time::WallTime;

const LOOK: Duration = Duration::from_millis(20);
/// Far longer than any look takes: only a test that fails waits so long.
const LONGEST: Duration = Duration::from_secs(20);
const NOW: WallTime = WallTime::from_micros(1_795_330_203_000_000);

/// What was told, by the names of the roots' folders.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Told {
    Changed(String, Option<Fault>),
    /// With the fault the root has at that moment: while it has one, nothing is written to it.
    CameBack(String, Option<Fault>),
    Moved(String, String, String),
    Others(bool),
}

struct Listener {
    told: Mutex<Sender<Told>>,
    roots: OnceLock<Weak<Inner>>,
}

fn name(root: &Path) -> String {
    root.file_name().unwrap().to_str().unwrap().to_owned()
}

impl Listener {
    fn tell(&self, told: Told) {
        // A test that has seen enough listens no more.
        let _ = lock(&self.told).send(told);
    }
}

impl OnRoots for Listener {
    fn changed(&self, root: &Path, fault: Option<Fault>, _: &str) {
        self.tell(Told::Changed(name(root), fault));
    }

    fn came_back(&self, root: &Path) {
        let inner = self.roots.get().and_then(Weak::upgrade).unwrap();
        let n = inner.settings.iter().position(|s| s.path == root).unwrap();
        let fault = lock(&inner.state).roots[n].fault;
        self.tell(Told::CameBack(name(root), fault));
    }

    fn moved(&self, camera: &CameraId, from: &Path, to: &Path, _: &str) {
        self.tell(Told::Moved(camera.to_string(), name(from), name(to)));
    }

    fn others_may_record(&self, may: bool) {
        self.tell(Told::Others(may));
    }
}

/// Two roots, `a` and `b`, whose space is `a`'s and `b`'s reserve taken off.
struct Site {
    dir: tempfile::TempDir,
    roots: Option<Roots>,
    told: Receiver<Told>,
}

impl Site {
    /// C1 is at home on `a`, C2 on `b`: both roots have the same space, and the camera of the greater rate comes first.
    fn new() -> Self {
        Self::with_reserves(0, 0)
    }

    fn with_reserves(a: u64, b: u64) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("catalogue")).unwrap();
        let catalogue = Catalogue::open(Arc::new(store)).unwrap();
        let settings = [("a", a), ("b", b)].map(|(name, reserve_bytes)| {
            let path = dir.path().join(name);
            std::fs::create_dir(&path).unwrap();
            RootSettings { id: root::claim(&path, NOW).unwrap().root, path, mounted: false, reserve_bytes }
        });
        let plan = |id: &str, rate| CameraPlan { id: CameraId::new(id), window: true, rate: Some(rate) };
        let how = RootsSettings { sync_every: Duration::from_secs(3600), windows_last_seconds: 0, look_every: LOOK };
        let (sender, told) = channel();
        let listener = Arc::new(Listener { told: Mutex::new(sender), roots: OnceLock::new() });
        let plans = [plan("C1", 2_000_000), plan("C2", 1_000_000)];
        let roots = Roots::start(settings.to_vec(), &plans, how, &catalogue, Arc::new(|_| {}), listener.clone())
            .map_err(|e| e.1)
            .unwrap();
        assert!(listener.roots.set(Arc::downgrade(&roots.inner)).is_ok());
        Self { dir, roots: Some(roots), told }
    }

    fn roots(&self) -> &Roots {
        self.roots.as_ref().unwrap()
    }

    fn next(&self) -> Told {
        self.told.recv_timeout(LONGEST).expect("something to be told")
    }

    /// The disk of `root` is pulled out.
    fn take_away(&self, root: &str) {
        std::fs::rename(self.dir.path().join(root), self.aside(root)).unwrap();
    }

    fn bring_back(&self, root: &str) {
        std::fs::rename(self.aside(root), self.dir.path().join(root)).unwrap();
    }

    fn aside(&self, root: &str) -> PathBuf {
        self.dir.path().join(format!("{root}-aside"))
    }

    fn begin(&self, camera: &str, run: &str) -> Result<(), DiskError> {
        let identity = Identity {
            version: FORM_VERSION,
            camera: camera.into(),
            windows: Vec::new(),
            zone: String::new(),
            hall: String::new(),
            division: String::new(),
            label: None,
            run: run.into(),
            number: 0,
            from: NOW,
            stamped: true,
            codecs: "avc1.640028".into(),
            width: 1920,
            height: 1080,
            audio_origin: None,
            clock: None,
            previous: None,
        };
        let head = Bytes::from_static(b"head");
        self.roots().write(&CameraId::new(camera), run, WriteCommand::Create { identity, head })
    }

    fn part(&self, camera: &str, run: &str) -> Result<(), DiskError> {
        let to = NOW.plus_micros(1_000_000);
        self.roots().write(
            &CameraId::new(camera),
            run,
            WriteCommand::Part { bytes: Bytes::from_static(b"part"), to, pictures: 25 },
        )
    }

    /// Names of the roots below which something was written, `a` before `b`.
    fn written(&self, camera: &str) -> Vec<&'static str> {
        self.roots().sync();
        ["a", "b"].into_iter().filter(|root| self.dir.path().join(root).join(camera).exists()).collect()
    }
}

fn changed(root: &str, fault: Option<Fault>) -> Told {
    Told::Changed(root.into(), fault)
}

fn moved(camera: &str, from: &str, to: &str) -> Told {
    Told::Moved(camera.into(), from.into(), to.into())
}

#[test]
fn cameras_of_a_root_that_goes_move_once_and_come_home_when_it_was_mended() {
    let site = Site::new();
    site.begin("C1", "r1").unwrap();
    site.begin("C2", "r2").unwrap();
    assert_eq!((site.written("C1"), site.written("C2")), (vec!["a"], vec!["b"]));

    site.take_away("a");
    assert_eq!(site.next(), changed("a", Some(Fault::Gone)));
    let refused = site.part("C1", "r1").unwrap_err();
    assert!(matches!(&refused, DiskError::Failed(why) if why.contains("does not exist")), "{refused}");
    site.part("C2", "r2").unwrap();
    site.roots().takes(&CameraId::new("C1")).unwrap();
    site.begin("C1", "r3").unwrap();
    assert_eq!(site.next(), moved("C1", "a", "b"));
    assert_eq!(site.written("C1"), vec!["b"]);
    site.begin("C1", "r4").unwrap();
    assert!(!site.dir.path().join("a").exists(), "the recorder makes no root");

    site.bring_back("a");
    // Told once, in this order: while it is mended it takes nothing yet.
    assert_eq!(site.next(), Told::CameBack("a".into(), Some(Fault::Gone)));
    assert_eq!(site.next(), changed("a", None));
    site.part("C1", "r4").unwrap();
    site.begin("C1", "r5").unwrap();
    assert_eq!(site.next(), moved("C1", "b", "a"));
    let states = site.roots().states();
    assert_eq!(states.iter().map(|s| s.cameras.len()).collect::<Vec<_>>(), vec![1, 1]);
    assert!(states.iter().all(|s| s.health.fault.is_none() && s.health.reason.is_none()), "{states:?}");
}

#[test]
fn without_any_root_a_camera_is_told_why_and_what_to_do() {
    let site = Site::new();
    site.take_away("a");
    site.take_away("b");
    let mut gone = [site.next(), site.next()];
    gone.sort_by_key(|told| format!("{told:?}"));
    assert_eq!(gone, [changed("a", Some(Fault::Gone)), changed("b", Some(Fault::Gone))]);
    let why = site.roots().takes(&CameraId::new("C1")).unwrap_err();
    assert!(why.starts_with("no storage root takes recordings: ") && why.matches("mount the disk").count() == 2, "{why}");
    assert!(matches!(site.begin("C1", "r1"), Err(DiskError::NoRoot(told)) if told == why));
}

#[test]
fn another_disk_in_the_place_of_one_takes_nothing_and_is_not_mended() {
    let site = Site::new();
    site.take_away("a");
    assert_eq!(site.next(), changed("a", Some(Fault::Gone)));
    std::fs::create_dir(site.dir.path().join("a")).unwrap();
    root::claim(&site.dir.path().join("a"), NOW).unwrap();
    site.begin("C1", "r1").unwrap();
    // The disk that is meant returns; what was told until then is the whole story.
    std::fs::remove_dir_all(site.dir.path().join("a")).unwrap();
    site.bring_back("a");
    assert_eq!((site.next(), site.next()), (Told::CameBack("a".into(), Some(Fault::Gone)), changed("a", None)));
    assert_eq!(site.written("C1"), vec!["b"]);
}

#[test]
fn a_root_below_its_reserve_takes_no_new_file() {
    let site = Site::with_reserves(u64::MAX, 0);
    let state = &site.roots().states()[0];
    assert_eq!(state.health.fault, Some(Fault::Full));
    assert!(state.health.reason.as_deref().is_some_and(|r| r.contains("add a disk")), "{:?}", state.health.reason);
    for camera in ["C1", "C2"] {
        site.begin(camera, &format!("run of {camera}")).unwrap();
        assert_eq!(site.written(camera), vec!["b"]);
    }
}

#[test]
fn a_root_that_fills_up_keeps_its_open_runs_and_returns_without_being_mended() {
    let site = Site::new();
    site.begin("C1", "r1").unwrap();
    // What a quota or a lack of inodes does: the system says full while there is room.
    site.roots().inner.trouble(0, Fault::Full, "no space left");
    assert_eq!(site.next(), changed("a", Some(Fault::Full)));
    let rest = |until| lock(&site.roots().inner.state).rests_until[0] = until;
    rest(Instant::now() + LONGEST);
    site.part("C1", "r1").unwrap();
    site.begin("C1", "r2").unwrap();
    assert_eq!(site.next(), moved("C1", "a", "b"));
    rest(Instant::now());
    assert_eq!(site.next(), changed("a", None));
    site.begin("C1", "r3").unwrap();
    assert_eq!(site.next(), moved("C1", "b", "a"));
}

#[test]
fn the_end_waits_for_nothing_and_leaves_no_watcher_behind() {
    let mut site = Site::new();
    let inner = Arc::downgrade(&site.roots().inner);
    site.take_away("b");
    assert_eq!(site.next(), changed("b", Some(Fault::Gone)));
    site.roots = None;
    assert!(inner.upgrade().is_none());
}
