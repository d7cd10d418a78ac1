//! `jiancha storage`: roots as an operator sees them, a disk exchanged on purpose, and roots that must be mount points.

#![allow(clippy::unwrap_used, reason = "a panic here is a failed test with a line number")]

mod mounts;

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use jiancha::catalogue::{Catalogue, KnownRoots, SegmentRow, Store, StoreError};
use jiancha::hall::CameraId;
use jiancha::segment::root::{self, IDENTITY_FILE};
use jiancha::time::WallTime;
use serde_json::{Value, json};

/// A hall with the roots `a` and `b` and its catalogue beside them.
struct Site {
    dir: tempfile::TempDir,
}

fn at(text: &str) -> WallTime {
    format!("2026-11-20T{text}+08:00").parse().unwrap()
}

impl Site {
    fn new() -> Self {
        Self::with("", "")
    }

    /// `of_a` are more keys of the root `a`, `more` more sections.
    fn with(of_a: &str, more: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let toml = format!(
            "[hall]\nname = \"测试中心\"\ndivision = \"测试区\"\n[[zone]]\nid = \"Z1\"\ntype = \"综合受理区\"\n\
             [[camera]]\nid = \"C1\"\nkind = \"fixed\"\nzone = \"Z1\"\nurl = \"rtsp://192.0.2.1/1\"\nstamp = \"camera\"\n\
             [[storage]]\npath = \"a\"\nreserve_mb = 1\n{of_a}\n[[storage]]\npath = \"b\"\nreserve_mb = 1\n\
             [recording]\ncatalogue = \"catalogue\"\n[viewer]\nlisten = \"127.0.0.1:{port}\"\n{more}\n"
        );
        std::fs::write(dir.path().join("hall.toml"), toml).unwrap();
        for root in ["a", "b"] {
            std::fs::create_dir(dir.path().join(root)).unwrap();
        }
        Self { dir }
    }

    fn root(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// As the recorder leaves its roots: each with an identity that the catalogue knows.
    fn used(self) -> Self {
        let catalogue = self.catalogue();
        let known = KnownRoots::open(&catalogue).unwrap();
        for name in ["a", "b"] {
            let id = root::claim(&self.root(name), at("08:00:00")).unwrap().root;
            known.set(&self.root(name), &id).unwrap();
        }
        catalogue.flush().unwrap();
        self
    }

    /// The store's own thread may hold on to it for a moment after it was dropped.
    fn catalogue(&self) -> Catalogue {
        for _ in 0..100 {
            match Store::open(&self.root("catalogue")) {
                Err(StoreError::InUse { .. }) => std::thread::sleep(Duration::from_millis(50)),
                store => return Catalogue::open(Arc::new(store.unwrap())).unwrap(),
            }
        }
        panic!("the catalogue is still open");
    }

    /// A row of a minute on `a`, with its file when `there`.
    fn record(&self, catalogue: &Catalogue, camera: &str, from: &str, there: bool) {
        let path = format!("{camera}/2026-11-20/{}/{}.mp4", &from[..2], from.replace(':', ""));
        if there {
            let file = self.root("a").join(&path);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, b"x").unwrap();
        }
        let row = SegmentRow {
            camera: CameraId::new(camera),
            from: at(from),
            to: at(from).plus_micros(60_000_000),
            run: "r".into(),
            number: 0,
            root: self.root("a").display().to_string(),
            path,
            bytes: 1_000_000,
            stamped: true,
            codecs: "avc1.640028".into(),
            width: 1920,
            height: 1080,
            digest: None,
            restored: false,
            clock: None,
        };
        catalogue.put_segment(&row).unwrap();
    }

    fn run(&self, args: &[&str]) -> (i32, String) {
        let config = self.dir.path().join("hall.toml");
        let output = Command::new(env!("CARGO_BIN_EXE_jiancha")).args(args).arg("--config").arg(config).output().unwrap();
        let told = if output.stdout.is_empty() { output.stderr } else { output.stdout };
        (output.status.code().unwrap(), String::from_utf8(told).unwrap())
    }

    fn json(&self, args: &[&str]) -> (i32, Value) {
        let (code, text) = self.run(&[args, &["--json"]].concat());
        (code, serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}")))
    }

    /// Exit code, and the states of `a` and `b`.
    fn states(&self) -> (i32, Vec<String>) {
        let (code, list) = self.json(&["storage", "list"]);
        (code, list["roots"].as_array().unwrap().iter().map(|r| r["state"].as_str().unwrap().to_owned()).collect())
    }

    fn accept(&self, root: &str, more: &[&str]) -> (i32, Value) {
        let path = self.root(root).display().to_string();
        self.json(&[&["storage", "accept", &path], more].concat())
    }

    fn id_of(&self, root: &str) -> String {
        identity_of(&self.root(root)).unwrap()
    }

    /// Another, empty disk takes the place of `root`.
    fn exchange(&self, root: &str) {
        std::fs::rename(self.root(root), self.root(&format!("old-{root}"))).unwrap();
        std::fs::create_dir(self.root(root)).unwrap();
    }
}

fn identity_of(root: &Path) -> Option<String> {
    root::look(root).unwrap().1.map(|identity| identity.root)
}

fn states(a: &str, b: &str) -> Vec<String> {
    vec![a.to_owned(), b.to_owned()]
}

#[test]
fn roots_are_listed_before_their_first_use_and_nothing_is_made() {
    let site = Site::new();
    assert_eq!(site.states(), (0, states("unused", "unused")));
    assert_eq!(site.json(&["storage", "list"]).1["expected_by"], "none");
    assert_eq!(std::fs::read_dir(site.root("a")).unwrap().count(), 0);
    assert!(!site.root("catalogue").exists());
    std::fs::remove_dir(site.root("b")).unwrap();
    assert_eq!(site.states(), (1, states("unused", "missing")));
}

#[test]
fn a_root_is_told_with_its_ids_its_space_and_whose_recordings_lie_on_it() {
    let site = Site::new().used();
    let hours = ["C1/2026-11-19/09", "C1/2026-11-20/09", "C2/2026-11-20/10", "lost+found/x", ".jiancha/y"];
    hours.iter().for_each(|hour| std::fs::create_dir_all(site.root("a").join(hour)).unwrap());
    // Of this day retention has left only the notes.
    std::fs::create_dir_all(site.root("a").join("C1/2026-09-21")).unwrap();
    std::fs::write(site.root("a").join("C1/2026-09-21/removed.json"), b"{}").unwrap();
    let (code, list) = site.json(&["storage", "list"]);
    let a = &list["roots"][0];
    assert_eq!((code, &list["expected_by"], &a["state"]), (0, &json!("catalogue"), &json!("usable")));
    assert_eq!((&a["found"], &a["expected"]), (&json!(site.id_of("a")), &json!(site.id_of("a"))));
    assert_eq!((&a["reserve_bytes"], &a["days"]), (&json!(1 << 20), &json!(2)));
    assert_eq!(
        a["cameras"],
        json!([
            {"camera": "C1", "days": 2, "first": "2026-11-19", "last": "2026-11-20"},
            {"camera": "C2", "days": 1, "first": "2026-11-20", "last": "2026-11-20"},
        ])
    );
    assert!(a["free_bytes"].as_u64().unwrap() <= a["total_bytes"].as_u64().unwrap());
    let (_, table) = site.run(&["storage", "list"]);
    assert!(table.contains("2 台摄像机 cameras，2 天 days（2026-11-19 … 2026-11-20），3 摄像机日"), "{table}");
}

#[test]
fn a_disk_that_is_away_or_another_is_a_finding_with_the_remedy() {
    let site = Site::new().used();
    site.exchange("a");
    assert_eq!(site.states(), (1, states("not-mounted", "usable")));
    let (_, table) = site.run(&["storage", "list"]);
    assert!(table.contains("磁盘未挂载") && table.contains("jiancha storage accept"), "{table}");
    root::claim(&site.root("a"), at("09:00:00")).unwrap();
    assert_eq!(site.states(), (1, states("another-disk", "usable")));
    let (code, said) = site.run(&["rebuild"]);
    assert!(code == 2 && said.contains("another disk is mounted there"), "{said}");
    std::fs::remove_dir_all(site.root("a")).unwrap();
    std::fs::rename(site.root("old-a"), site.root("a")).unwrap();
    assert_eq!(site.states(), (0, states("usable", "usable")));
}

#[test]
fn a_root_below_its_reserve_is_full() {
    let site = Site::new().used();
    let toml = std::fs::read_to_string(site.root("hall.toml")).unwrap();
    std::fs::write(site.root("hall.toml"), toml.replacen("reserve_mb = 1\n", "reserve_mb = 1000000\n", 1)).unwrap();
    // A test machine with more than a terabyte free would be news.
    let free = rustix::fs::statvfs(site.root("a")).map(|fs| fs.f_bavail * fs.f_frsize).unwrap();
    let expected = if free > 1_000_000 << 20 { (0, "usable") } else { (1, "full") };
    assert_eq!(site.states(), (expected.0, states(expected.1, "usable")));
}

#[test]
fn an_exchanged_disk_is_accepted_and_what_is_missing_is_told() {
    let site = Site::with("", "[backup]\ndirectory = \"copy\"").used();
    std::fs::create_dir(site.root("copy")).unwrap();
    let catalogue = site.catalogue();
    for (camera, from) in [("C1", "09:00:00"), ("C1", "09:01:00"), ("C2", "10:30:00")] {
        site.record(&catalogue, camera, from, true);
    }
    catalogue.flush().unwrap();
    drop(catalogue);
    let old = site.id_of("a");
    site.exchange("a");
    // One file was carried over by hand.
    let carried = "C1/2026-11-20/09/090000.mp4";
    std::fs::create_dir_all(site.root("a").join(carried).parent().unwrap()).unwrap();
    std::fs::copy(site.root("old-a").join(carried), site.root("a").join(carried)).unwrap();

    let (code, told) = site.accept("a", &["--dry-run"]);
    assert_eq!((code, &told["was"], &told["id"], &told["nothing_to_do"]), (0, &json!(old), &Value::Null, &json!(false)));
    assert_eq!(identity_of(&site.root("a")), None, "a dry run changes nothing");
    assert_eq!(site.states().1[0], "not-mounted");
    let missing = &told["missing"];
    assert_eq!((&missing["segments"], &missing["bytes"]), (&json!(2), &json!(2_000_000)));
    assert_eq!(
        (missing["from"].as_str(), missing["to"].as_str()),
        (Some("2026-11-20T09:01:00.000+08:00"), Some("2026-11-20T10:31:00.000+08:00"))
    );
    assert_eq!(missing["cameras"].as_array().unwrap().len(), 2);

    let path = site.root("a").display().to_string();
    let (code, text) = site.run(&["storage", "accept", &path]);
    assert!(code == 0 && text.contains("jiancha backup restore --camera C2 --from 2026-11-20T10:30:00"), "{text}");
    assert!(text.contains("2 segments (2.0 MB) of the old disk"), "{text}");
    let new = site.id_of("a");
    assert_ne!(new, old);
    assert_eq!(site.states(), (0, states("usable", "usable")));
    let (code, again) = site.accept("a", &[]);
    assert_eq!((code, &again["nothing_to_do"], &again["id"]), (0, &json!(true), &json!(new)));

    // The old disk is put back: it is another one now, and is accepted as itself.
    std::fs::remove_dir_all(site.root("a")).unwrap();
    std::fs::rename(site.root("old-a"), site.root("a")).unwrap();
    assert_eq!(site.states().1[0], "another-disk");
    let (code, back) = site.accept("a", &[]);
    assert_eq!((code, &back["id"], &back["missing"]["segments"]), (0, &json!(old), &json!(0)));
}

#[test]
fn what_cannot_be_accepted_is_refused_with_the_reason() {
    let site = Site::new().used();
    let refused = |root: &str| {
        let (code, said) = site.run(&["storage", "accept", &site.root(root).display().to_string()]);
        assert_eq!(code, 2, "{said}");
        said
    };
    std::fs::create_dir(site.root("c")).unwrap();
    assert!(refused("c").contains("no [[storage]] of hall.toml has the path"));
    // Two disks were mounted in each other's place: accepting that would mix their recordings up.
    for (from, to) in [("a", "x"), ("b", "a"), ("x", "b")] {
        std::fs::rename(site.root(from), site.root(to)).unwrap();
    }
    assert_eq!(site.states(), (1, states("another-disk", "another-disk")));
    assert!(refused("a").contains("which belongs at"));
    std::fs::rename(site.root("a"), site.root("x")).unwrap();
    assert!(refused("a").contains("does not exist"));
    assert!(!site.root("a").exists());
}

#[test]
fn beside_a_running_recorder_identities_are_read_and_nothing_is_accepted() {
    let site = Site::new().used();
    site.exchange("b");
    let listener = UnixListener::bind(site.root("catalogue").join("control.sock")).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut line = String::new();
            BufReader::new(&stream).read_line(&mut line).unwrap();
            assert!(line.contains("\"cameras\""), "{line}");
            (&stream).write_all(b"{\"cameras\":[]}\n").unwrap();
        }
    });
    let (code, list) = site.json(&["storage", "list"]);
    assert_eq!((code, &list["expected_by"]), (1, &json!("recorder")));
    let of = |n: usize| ["state", "expected", "found"].map(|key| list["roots"][n][key].clone());
    assert_eq!(of(0), [json!("usable"), Value::Null, json!(site.id_of("a"))]);
    assert_eq!(of(1), [json!("not-mounted"), Value::Null, Value::Null]);
    let (code, said) = site.run(&["storage", "accept", &site.root("b").display().to_string()]);
    assert!(code == 2 && said.contains("systemctl stop jiancha"), "{said}");
    assert_eq!(identity_of(&site.root("b")), None);
}

/// The catalogue lies inside the root, nothing was ever recorded, and the disk is not mounted: only `mounted = true` can tell.
#[test]
fn the_first_start_without_the_disk_writes_nothing_where_hall_toml_says_mounted() {
    let site = Site::with("mounted = true", "");
    let toml = std::fs::read_to_string(site.root("hall.toml")).unwrap();
    std::fs::write(site.root("hall.toml"), toml.replace("catalogue = \"catalogue\"", "catalogue = \"a/.jiancha\"")).unwrap();
    assert_eq!(site.states(), (1, states("not-mounted", "unused")));
    let (code, said) = site.run(&["run"]);
    assert!(code == 2 && said.contains("no mount point"), "{said}");
    let (code, said) = site.run(&["storage", "accept", &site.root("a").display().to_string()]);
    assert!(code == 2 && said.contains("no mount point"), "{said}");
    let (_, report) = site.json(&["doctor"]);
    let storage: Vec<&Value> = report["findings"].as_array().unwrap().iter().filter(|f| f["id"] == "storage").collect();
    assert_eq!(storage[0]["standing"], "wrong");
    assert!(storage[0]["mend"]["en"].as_str().unwrap().contains("/etc/fstab"), "{report:#}");
    assert_eq!(std::fs::read_dir(site.root("a")).unwrap().count(), 0);
}

#[test]
fn a_mounted_disk_is_a_root_and_its_copy_in_the_folder_below_is_none() {
    if mounts::elsewhere("a_mounted_disk_is_a_root_and_its_copy_in_the_folder_below_is_none") {
        return;
    }
    let site = Site::with("mounted = true", "").used();
    // Recordings were moved to a disk of their own with everything beside them; the copy below the mount stayed.
    let (a, below) = (site.root("a"), site.root("below"));
    mounts::make_bind(&a, &below);
    mounts::tmpfs(&a, 4);
    let _mounts = mounts::Unmount(vec![a.clone(), below.clone()]);
    std::fs::copy(below.join(IDENTITY_FILE), a.join(IDENTITY_FILE)).unwrap();
    assert_eq!(site.states(), (0, states("usable", "usable")));
    let id = site.id_of("a");
    assert!(root::open_mounted(&a, &id, true).is_ok());

    mounts::unmount(&a);
    assert_eq!(site.states(), (1, states("not-mounted", "usable")));
    assert!(root::open_mounted(&a, &id, false).is_ok() && root::open_mounted(&a, &id, true).is_err());
    // A bind of the same file system is a mount and no disk, as under systemd's ReadWritePaths.
    mounts::bind(&a, &a);
    assert!(root::open_mounted(&a, &id, true).is_err());
}

#[test]
fn a_disk_mounted_read_only_is_told_and_not_claimed() {
    if mounts::elsewhere("a_disk_mounted_read_only_is_told_and_not_claimed") {
        return;
    }
    let site = Site::new().used();
    site.exchange("a");
    let a = site.root("a");
    mounts::tmpfs(&a, 4);
    let _mounts = mounts::Unmount(vec![a.clone()]);
    let remount = |how: &str| Command::new("mount").args(["-o", &format!("remount,{how}")]).arg(&a).status().unwrap().success();
    assert!(remount("ro"));
    let (code, said) = site.run(&["storage", "accept", &a.display().to_string()]);
    assert!(code == 2 && said.contains("read-only"), "{said}");
    assert!(remount("rw"));
    assert_eq!(site.accept("a", &[]).0, 0);
    assert!(remount("ro"));
    assert_eq!(site.states(), (1, states("read-only", "usable")));
}
