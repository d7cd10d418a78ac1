//! `jiancha storage accept`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::list::{State, judge};
use super::{Book, amount, find};
use crate::catalogue::{Catalogue, SegmentRow, StoreError};
use crate::command::{ConfigArg, Outcome, print_json, print_text};
use crate::hall::{CameraId, Hall, StorageRoot};
use crate::segment::root;
use crate::time::{Clock as _, Span, SystemClock, WallTime};

/// Later than any recording, and still a time that RFC 3339 can write: 9999-01-01.
const LATEST: WallTime = WallTime::from_micros(253_370_764_800_000_000);

/// Arguments of `jiancha storage accept`.
#[derive(clap::Args)]
#[command(
    after_help = "For a disk that was exchanged on purpose; one that is merely not mounted needs `mount` and nothing else. Stop the \
recorder first. The disk gets an identity if it carries none, and the catalogue expects that one from now on. Nothing is deleted: what \
lay on the old disk is told, and stays in the catalogue as missing until `jiancha backup restore` brings it back.\n\
Exit code 0: the root can be used; 1: it was accepted and cannot be used yet (full, read-only); 2: it could not be done.\n\
Example:\n  systemctl stop jiancha\n  jiancha storage accept /srv/jiancha/b --dry-run\n  jiancha storage accept /srv/jiancha/b\n  \
systemctl start jiancha"
)]
pub struct AcceptArgs {
    #[command(flatten)]
    pub(super) config: ConfigArg,
    /// Path of a [[storage]] of hall.toml.
    #[arg(value_name = "PATH")]
    path: PathBuf,
    /// Tell what would be done and what will be missing; change nothing.
    #[arg(long)]
    dry_run: bool,
    /// Print JSON instead of sentences.
    #[arg(long)]
    json: bool,
}

/// Rows of a camera whose files are not on the disk that is there now.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct MissingOf {
    camera: CameraId,
    segments: u64,
    bytes: u64,
    from: WallTime,
    to: WallTime,
}

#[derive(Debug, Default, PartialEq, Eq, Serialize)]
struct Missing {
    segments: u64,
    bytes: u64,
    from: Option<WallTime>,
    to: Option<WallTime>,
    cameras: Vec<MissingOf>,
}

#[derive(Serialize)]
struct Printed {
    path: PathBuf,
    dry_run: bool,
    /// The id expected so far; `null` when none was known.
    was: Option<String>,
    /// The id expected from now on; `null` in a dry run of a disk that carries none.
    id: Option<String>,
    /// The disk carries the expected id already.
    nothing_to_do: bool,
    /// False when there is no catalogue to write it into: `rebuild` makes one.
    catalogue: bool,
    state: State,
    missing: Missing,
    /// A second copy is configured.
    backup: bool,
    /// The recorder's signing key belongs on this root and is not there.
    signing_key_gone: bool,
    /// It lies on the system's own disk.
    on_system_disk: bool,
}

/// Accepts the disk that is there.
pub(super) fn run(hall: &Hall, args: &AcceptArgs) -> Result<Outcome, String> {
    let storage = find(hall, &args.path)?;
    let path = &storage.path;
    let book = Book::open(hall)?;
    if matches!(book, Book::Held) {
        return Err(
            "the recorder is running (or another command has the catalogue open): stop it (systemctl stop jiancha), accept, start it again"
                .to_owned(),
        );
    }
    let (opened, found) = root::look_mounted(path, storage.mounted).map_err(|e| e.to_string())?;
    let was = book.id(path)?;
    let mut id = found.map(|identity| identity.root);
    if let Some(id) = &id {
        refuse_the_disk_of_another_root(hall, storage, id, &book)?;
    }
    let room = opened.room().map_err(|e| format!("look at {}: {e}", path.display()))?;
    let nothing_to_do = id.is_some() && was == id;
    let missing = match &book {
        Book::Open(catalogue, _) if !nothing_to_do => missing(catalogue, path).map_err(|e| e.to_string())?,
        _ => Missing::default(),
    };
    if id.is_none() && room.read_only {
        return Err(format!("{} is mounted read-only: remount it read-write, then accept it", path.display()));
    }
    if !args.dry_run {
        let identity = opened.claim(SystemClock::new().wall()).map_err(|e| e.to_string())?;
        if let Book::Open(catalogue, known) = &book {
            known.set(path, &identity.root).and_then(|()| catalogue.flush()).map_err(|e| e.to_string())?;
        }
        id = Some(identity.root);
    }
    let key = &hall.evidence.key;
    let signing_key_gone = key.starts_with(path) && !key.exists();
    let on_system_disk = !opened.has_disk_of_its_own();
    // What a dry run would give an identity is judged as if it had one.
    let looked = root::look(path);
    let (state, _) = match (&looked, &id) {
        (Ok((_, None)), _) => judge(storage, None, looked, Some(room), false),
        _ => judge(storage, id.as_deref(), looked, Some(room), false),
    };
    let printed = Printed {
        path: path.clone(),
        dry_run: args.dry_run,
        was,
        id,
        nothing_to_do,
        catalogue: matches!(book, Book::Open(..)),
        state,
        missing,
        backup: hall.backup.is_some(),
        signing_key_gone,
        on_system_disk,
    };
    if args.json {
        print_json(&printed);
    } else {
        print_text(&sentences(&printed));
    }
    Ok(if printed.state.is_usable() { Outcome::Good } else { Outcome::Findings })
}

/// Two disks in each other's place are to be mounted rightly, not accepted; one disk is not two roots.
fn refuse_the_disk_of_another_root(hall: &Hall, storage: &StorageRoot, id: &str, book: &Book) -> Result<(), String> {
    for other in hall.storage.iter().filter(|other| other.path != storage.path) {
        let lies_there = root::look(&other.path).is_ok_and(|(_, found)| found.is_some_and(|found| found.root == id));
        if lies_there || book.id(&other.path)?.as_deref() == Some(id) {
            return Err(format!(
                "the disk at {} is root {id}, which belongs at {}: mount it there (when that root got another disk on purpose, accept that one first)",
                storage.path.display(),
                other.path.display()
            ));
        }
    }
    Ok(())
}

/// The rows of the root at `path` whose files are not there.
fn missing(catalogue: &Catalogue, path: &Path) -> Result<Missing, StoreError> {
    let mut told = Missing::default();
    for camera in catalogue.cameras()? {
        let mut hours = Hours::default();
        let mut of: Option<MissingOf> = None;
        for row in catalogue.segments_begun(&camera, Span::new(WallTime::from_micros(0), LATEST), usize::MAX)? {
            if Path::new(&row.root) != path || hours.has(&row) {
                continue;
            }
            let of = of.get_or_insert_with(|| MissingOf {
                camera: camera.clone(),
                segments: 0,
                bytes: 0,
                from: row.from,
                to: row.to,
            });
            of.segments += 1;
            of.bytes += row.bytes;
            of.to = of.to.max(row.to);
        }
        told.cameras.extend(of);
    }
    told.segments = told.cameras.iter().map(|c| c.segments).sum();
    told.bytes = told.cameras.iter().map(|c| c.bytes).sum();
    told.from = told.cameras.iter().map(|c| c.from).min();
    told.to = told.cameras.iter().map(|c| c.to).max();
    Ok(told)
}

/// Whether files are there; of a folder that is not, no file is looked for.
#[derive(Default)]
struct Hours(Option<(PathBuf, bool)>);

impl Hours {
    fn has(&mut self, row: &SegmentRow) -> bool {
        let file = Path::new(&row.root).join(&row.path);
        let Some(folder) = file.parent() else { return false };
        if self.0.as_ref().is_none_or(|(known, _)| known != folder) {
            self.0 = Some((folder.to_owned(), folder.is_dir()));
        }
        self.0.as_ref().is_some_and(|(_, there)| *there) && file.exists()
    }
}

fn sentences(printed: &Printed) -> String {
    let mut text = String::new();
    let path = printed.path.display();
    let id = printed.id.as_deref().unwrap_or("（新身份 a new one）");
    let was = printed.was.as_deref().unwrap_or("-");
    if printed.nothing_to_do {
        let _ = writeln!(text, "{path} 已是身份 {id} 的盘，无需更改。It is root {id} already: nothing to do.");
    } else if printed.dry_run {
        let _ = writeln!(text, "试运行，未作任何改动。dry run, nothing was changed.");
        let _ = writeln!(text, "{path} 的身份将由 {was} 改为 {id}。The root's id would become {id}, it was {was}.");
    } else {
        let _ = writeln!(text, "{path} 的身份由 {was} 改为 {id}。The root's id is {id} from now on, it was {was}.");
    }
    if printed.on_system_disk {
        let _ = writeln!(
            text,
            "注意：{path} 在系统自己的盘上。如果本应是另一块盘，说明没有挂载：挂载后再运行一次本命令即可；建议在 hall.toml 中写 mounted = true。\n\
             Note: it lies on the system's own disk. If it should be another one, that one is not mounted: mount it and run this again; `mounted = true` in hall.toml is recommended."
        );
    }
    if !printed.catalogue {
        let _ = writeln!(
            text,
            "没有目录库，无法说明缺少哪些录像；若它在旧盘上，请运行 jiancha rebuild 按其余录像重建。\n\
             There is no catalogue, so what is missing cannot be told; if it lay on the old disk, `jiancha rebuild` makes it from the other roots."
        );
    }
    let missing = &printed.missing;
    if let (Some(from), Some(to)) = (missing.from, missing.to) {
        let (segments, bytes) = (missing.segments, amount(missing.bytes));
        let _ = writeln!(text, "旧盘上的 {segments} 段录像（{bytes}）不在这块盘上：{from} … {to}");
        let _ = writeln!(text, "{segments} segments ({bytes}) of the old disk are not on this one");
        if printed.backup {
            let _ = writeln!(text, "从备份恢复 to bring them back from the copy:");
        } else {
            let _ = writeln!(
                text,
                "hall.toml 没有 [backup]，请妥善保存旧盘。There is no [backup] in hall.toml: keep the old disk safe."
            );
        }
        for of in &missing.cameras {
            let (camera, from, to) = (&of.camera, of.from, of.to);
            match printed.backup {
                true => writeln!(text, "  jiancha backup restore --camera {camera} --from {from} --to {to} --root {path}"),
                false => writeln!(text, "  {camera}: {} 段 segments, {}, {from} … {to}", of.segments, amount(of.bytes)),
            }
            .unwrap_or_default();
        }
    }
    if printed.signing_key_gone {
        let _ = writeln!(
            text,
            "签名密钥不在这块盘上，录像机启动时会另建一个。以前录过像的，旧密钥在旧盘上：请保存旧公钥，核对旧的日清单时要用。\n\
             The signing key is not on this disk: the recorder makes another at its start. If it ran before, keep the old public key for the old manifests."
        );
    }
    if !printed.state.is_usable() {
        let _ = writeln!(
            text,
            "但这块盘现在还不能录像，请看 jiancha storage list。It cannot be used yet: see `jiancha storage list`."
        );
    }
    text
}
