//! A hall with real segment files and a target; commands run as the processes they are.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiancha::backup::records::{Copies, Proof};
use jiancha::catalogue::{Catalogue, SegmentRow, Store};
use jiancha::hall::CameraId;
use jiancha::media::{AccessUnit, StreamFormat, TimeSource, VideoCodec, VideoFormat, VideoUnit, boxes};
use jiancha::segment::disk::Disk;
use jiancha::segment::root::claim;
use jiancha::segment::writer::{CutSettings, SegmentWriter, Subject};
use jiancha::time::{Span, WallTime};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

pub const KEY_ID: &str = "GK000000000000000000000000";
pub const SECRET: &str = "0123456789abcdef0123456789abcdef";
pub const DAY: &str = "2026-03-02";
/// Longest wait for anything here.
const PATIENCE: Duration = Duration::from_secs(60);

/// 10:00 of a Monday in Beijing.
pub fn start() -> WallTime {
    WallTime::parse_rfc3339("2026-03-02T10:00:00+08:00").unwrap()
}

pub fn everything() -> Span {
    Span::new(WallTime::from_micros(0), WallTime::from_micros(253_370_764_800_000_000))
}

/// Which target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Directory,
    S3,
}

pub const BOTH: [Kind; 2] = [Kind::Directory, Kind::S3];

/// A hall of one camera, recorded, and a target for its copies.
pub struct World {
    pub dir: tempfile::TempDir,
    pub server: Option<Server>,
}

impl World {
    /// `minutes` files of about `bytes_each`, begun at [`start`]. The target's data lies in `place` instead of beside the hall.
    pub fn with(kind: Kind, minutes: i64, bytes_each: usize, place: Option<&Path>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let data = place.map_or_else(|| dir.path().join("target"), Path::to_owned);
        std::fs::create_dir_all(dir.path().join("a")).unwrap();
        std::fs::create_dir_all(&data).unwrap();
        let server = (kind == Kind::S3).then(|| {
            std::fs::create_dir_all(data.join("jiancha")).unwrap();
            Server::start(&data)
        });
        let backup = match &server {
            None => format!("[backup]\ndirectory = \"{}\"\n", data.display()),
            Some(server) => s3_section(&format!("http://{}", server.address), "hall-1", "us-east-1", KEY_ID, SECRET),
        };
        let world = Self { dir, server };
        world.describe(&backup);
        world.record(minutes, bytes_each);
        world
    }

    pub fn new(kind: Kind, minutes: i64, bytes_each: usize) -> Self {
        Self::with(kind, minutes, bytes_each, None)
    }

    /// Writes hall.toml.
    pub fn describe(&self, backup: &str) {
        let toml = format!(
            "[hall]\nname = \"测试中心\"\ndivision = \"测试区\"\n[[zone]]\nid = \"Z1\"\ntype = \"综合受理区\"\n\
             [[camera]]\nid = \"C1\"\nkind = \"fixed\"\nzone = \"Z1\"\nurl = \"rtsp://192.0.2.1/1\"\nstamp = \"camera\"\n\
             username = \"u\"\npassword_env = \"NO_SUCH_VARIABLE\"\n\
             [[window]]\nid = \"01\"\nzone = \"Z1\"\ncamera = \"C1\"\npickup = \"C1\"\n\
             [[storage]]\npath = \"{}\"\n{backup}",
            self.root().display()
        );
        std::fs::write(self.config(), toml).unwrap();
    }

    pub fn config(&self) -> PathBuf {
        self.dir.path().join("hall.toml")
    }

    pub fn root(&self) -> PathBuf {
        self.dir.path().join("a")
    }

    pub fn folder(&self) -> PathBuf {
        self.root().join(".jiancha")
    }

    /// Where the objects lie as files.
    pub fn objects(&self) -> PathBuf {
        match &self.server {
            None => self.dir.path().join("target"),
            Some(server) => server.data.join("jiancha/hall-1"),
        }
    }

    pub fn catalogue(&self) -> Catalogue {
        // A store that was just closed in this process lets go of its lock a moment later.
        let mut store = None;
        wait_for("the catalogue", || {
            store = Store::open(&self.folder()).ok();
            store.is_some()
        });
        Catalogue::open(Arc::new(store.unwrap())).unwrap()
    }

    pub fn rows(&self) -> Vec<SegmentRow> {
        self.catalogue().segments_begun(&CameraId::new("C1"), everything(), usize::MAX).unwrap()
    }

    /// Per file whether its copy counts.
    pub fn proofs(&self) -> Vec<bool> {
        let catalogue = self.catalogue();
        let copies = Copies::open(&catalogue).unwrap();
        let rows = catalogue.segments_begun(&CameraId::new("C1"), everything(), usize::MAX).unwrap();
        rows.iter().map(|row| matches!(copies.proof_of(row).unwrap(), Proof::Proven { .. })).collect()
    }

    pub fn record(&self, minutes: i64, bytes_each: usize) {
        let catalogue = self.catalogue();
        let disk = self.disk(&catalogue);
        record(&disk, "C1-run", start(), minutes, bytes_each);
        disk.sync();
        drop(disk);
        catalogue.flush().unwrap();
    }

    /// A writer of the root.
    pub fn disk(&self, catalogue: &Catalogue) -> Disk {
        let id = claim(&self.root(), start()).unwrap().root;
        Disk::start(self.root(), id, Duration::from_secs(3600), catalogue.clone(), Arc::new(|_| {})).unwrap()
    }

    /// Path of the file `minute` minutes after the first, below any root.
    pub fn path(&self, minute: u32) -> String {
        format!("C1/{DAY}/10/10{minute:02}00.mp4")
    }

    pub fn file(&self, minute: u32) -> PathBuf {
        self.root().join(self.path(minute))
    }

    pub fn object(&self, minute: u32) -> PathBuf {
        self.objects().join(self.path(minute))
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_jiancha"));
        command.args(arguments).arg("--config").arg(self.config()).stdin(Stdio::null());
        command
    }

    /// Exit code, answer, and what was said on standard error.
    pub fn run(&self, arguments: &[&str]) -> (i32, Value, String) {
        let output = self.command(arguments).arg("--json").output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let answer = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
        (output.status.code().unwrap(), answer, said)
    }

    /// Copies everything; panics when that does not work.
    pub fn copy_all(&self) -> Value {
        let (code, answer, said) = self.run(&["backup", "run", "--once"]);
        assert_eq!(code, 0, "{answer:#} {said}");
        answer
    }

    /// Side, kind and file of every problem that `backup verify` names.
    pub fn doubt(&self, more: &[&str]) -> (i32, Vec<(String, String, String)>) {
        let (code, answer, said) = self.run(&[&["backup", "verify"], more].concat());
        let problems = answer["problems"].as_array().unwrap_or_else(|| panic!("{answer} {said}"));
        let word = |p: &Value, key: &str| p[key].as_str().unwrap().to_owned();
        for p in problems {
            assert!(!p["what"]["zh"].as_str().unwrap().is_empty() && !p["remedy"]["en"].as_str().unwrap().is_empty());
        }
        (code, problems.iter().map(|p| (word(p, "side"), word(p, "kind"), word(p, "file"))).collect())
    }

    /// Starts `backup run --once` at a rate that takes a while, and waits until the first object is there.
    pub fn copy_until_first_object(&self, mbit: u32) -> Child {
        let rate = mbit.to_string();
        let mut command = self.command(&["backup", "run", "--once", "--patience", "60", "--rate-limit", &rate]);
        let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        wait_for("the first object", || !self.whole_objects().is_empty());
        child
    }

    /// Names of the objects of recordings that are there, with their digests.
    pub fn whole_objects(&self) -> BTreeMap<String, String> {
        digests(&self.objects())
    }
}

pub fn s3_section(endpoint: &str, prefix: &str, region: &str, key_id: &str, secret: &str) -> String {
    format!(
        "[backup]\n[backup.s3]\nendpoint = \"{endpoint}\"\nallow_http = true\nbucket = \"jiancha\"\nprefix = \"{prefix}\"\n\
         region = \"{region}\"\naccess_key_id = \"{key_id}\"\nsecret_access_key = \"{secret}\"\n"
    )
}

/// Digests of the recordings below a folder.
pub fn digests(folder: &Path) -> BTreeMap<String, String> {
    fn walk(base: &Path, folder: &Path, found: &mut BTreeMap<String, String>) {
        let Ok(entries) = std::fs::read_dir(folder) else { return };
        for entry in entries.flatten() {
            let path = entry.path();
            let hidden = entry.file_name().to_string_lossy().starts_with('.');
            if path.is_dir() && !hidden {
                walk(base, &path, found);
            } else if path.extension().is_some_and(|e| e == "mp4") && !hidden {
                let name = path.strip_prefix(base).unwrap().display().to_string();
                // A file that goes away meanwhile is none.
                if let Ok(digest) = digest(&path) {
                    found.insert(name, digest);
                }
            }
        }
    }
    let mut found = BTreeMap::new();
    walk(folder, folder, &mut found);
    found
}

pub fn digest(path: &Path) -> std::io::Result<String> {
    Ok(Sha256::digest(std::fs::read(path)?).iter().map(|b| format!("{b:02x}")).collect())
}

/// Changes a byte in the middle of a file.
pub fn spoil(path: &Path) {
    let mut bytes = std::fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(path, bytes).unwrap();
}

pub fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < PATIENCE, "waited {PATIENCE:?} for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A small S3 server, a process of its own. Killed when dropped.
pub struct Server {
    pub data: PathBuf,
    pub address: String,
    child: Child,
}

impl Server {
    pub fn start(data: &Path) -> Self {
        let (child, address) = spawn_server(data, "127.0.0.1:0");
        Self { data: data.to_owned(), address, child }
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it at its old address.
    pub fn start_again(&mut self) {
        let (child, address) = spawn_server(&self.data, &self.address);
        assert_eq!(address, self.address);
        self.child = child;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn_server(data: &Path, address: &str) -> (Child, String) {
    let program = Path::new(env!("CARGO_BIN_EXE_jiancha")).with_file_name("examples").join("s3_server");
    assert!(program.exists(), "{} is missing: cargo build --example s3_server", program.display());
    let mut command = Command::new(program);
    command.arg(data).args([address, KEY_ID, SECRET]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim().strip_prefix("listening on ").unwrap_or_else(|| panic!("the S3 server said: {line}"));
    (child, address.to_owned())
}

/// Records whole minutes at one picture a second with a key frame every ten; no two files are alike.
pub fn record(disk: &Disk, run: &str, start: WallTime, minutes: i64, bytes_each: usize) {
    let record = [1, 0x64, 0, 0x1e, 0xff, 0xe0, 0];
    let format = StreamFormat {
        video: VideoFormat {
            codec: VideoCodec::H264,
            width: 640,
            height: 360,
            codec_string: boxes::avc_codec_string(&record).unwrap(),
            sample_entry: boxes::avc1(640, 360, &record),
            configuration: record.to_vec().into(),
        },
        audio: None,
    };
    let cut = CutSettings { segment_seconds: 60, part_90k: 180_000 };
    let subject = Subject { camera: "C1".into(), ..Subject::default() };
    let mut writer = SegmentWriter::new(cut, subject, format, true, run.into());
    let mut commands = Vec::new();
    let mut lot = 0x9e37_79b9_7f4a_7c15_u64;
    for n in 0..minutes * 60 {
        let picture: Vec<u8> = (0..bytes_each / 60 / 8)
            .flat_map(|_| {
                lot ^= lot << 13;
                lot ^= lot >> 7;
                lot ^= lot << 17;
                lot.to_le_bytes()
            })
            .collect();
        let unit = VideoUnit {
            pts_90k: n * 90_000,
            capture: start.plus_micros(n * 1_000_000),
            time_source: TimeSource::SenderReport,
            other_capture: None,
            random_access: n % 10 == 0,
            data: picture.into(),
        };
        writer.push(AccessUnit::Video(unit), &mut commands);
    }
    writer.finish(&mut commands);
    for command in commands {
        disk.write(&CameraId::new("C1"), run, command).unwrap();
    }
}
