//! `jiancha storage list`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use chrono::NaiveDate;
use serde::Serialize;

use super::{Book, amount};
use crate::command::{ConfigArg, Outcome, print_json, print_text};
use crate::hall::{Hall, StorageRoot};
use crate::observe::state::Bilingual;
use crate::observe::words::{self, Told};
use crate::segment::disk::Fault;
use crate::segment::placement::is_full;
use crate::segment::root::{self, OpenRoot, Room, RootIdentity, RootTrouble};
use crate::segment::verify::camera_folders;

/// Arguments of `jiancha storage list`.
#[derive(clap::Args)]
#[command(
    after_help = "Every root carries .jiancha-root.json with an id; the catalogue knows which id belongs where, so that the empty \
folder of a disk that is not mounted, or a wrong disk, is never recorded to. The recorder may run meanwhile; then only it knows the \
expected ids.\nStates: usable, unused (never recorded to), missing (no folder), not-mounted, another-disk, read-only, full (below \
reserve_mb), failing.\nExit code 0: every root can be used; 1: one cannot; 2: it could not be told."
)]
pub struct ListArgs {
    #[command(flatten)]
    pub(super) config: ConfigArg,
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
}

/// How a root is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum State {
    /// It takes recordings.
    Usable,
    /// It will take recordings; nothing was recorded to it yet.
    Unused,
    /// There is no folder.
    Missing,
    /// Its disk is not mounted.
    NotMounted,
    /// Another disk is mounted there.
    AnotherDisk,
    /// It is mounted read-only.
    ReadOnly,
    /// Less than its reserve is free.
    Full,
    /// The system refuses.
    Failing,
}

impl State {
    pub(super) fn is_usable(self) -> bool {
        matches!(self, Self::Usable | Self::Unused)
    }

    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Usable => ("可用", "usable"),
            Self::Unused => ("尚未使用", "unused"),
            Self::Missing => ("目录不存在", "missing"),
            Self::NotMounted => ("未挂载", "not mounted"),
            Self::AnotherDisk => ("不是原来的盘", "another disk"),
            Self::ReadOnly => ("只读", "read-only"),
            Self::Full => ("已满", "full"),
            Self::Failing => ("出错", "failing"),
        }
    }

    fn of(trouble: &RootTrouble) -> Self {
        match trouble {
            RootTrouble::Missing { .. } => Self::Missing,
            RootTrouble::NotMounted { .. } | RootTrouble::NoMountPoint { .. } => Self::NotMounted,
            RootTrouble::Other { .. } => Self::AnotherDisk,
            RootTrouble::Io { .. } => Self::Failing,
        }
    }
}

/// What lies on a root of one camera.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct CameraDays {
    camera: String,
    days: usize,
    first: NaiveDate,
    last: NaiveDate,
}

#[derive(Serialize)]
struct Listed {
    path: PathBuf,
    state: State,
    usable: bool,
    /// What is wrong, and what to do; absent when nothing is.
    #[serde(skip_serializing_if = "Option::is_none")]
    what: Option<Bilingual>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<Bilingual>,
    /// The id it must carry, where the catalogue could be asked.
    expected: Option<String>,
    /// The id it carries.
    found: Option<String>,
    /// `mounted` of hall.toml.
    mounted: bool,
    free_bytes: Option<u64>,
    total_bytes: Option<u64>,
    reserve_bytes: u64,
    /// Cameras that have recordings there, by their folders.
    cameras: Vec<CameraDays>,
    /// Dates of which any camera has recordings there.
    days: usize,
}

#[derive(Serialize)]
struct Printed {
    /// Who tells the expected ids: `catalogue`, `recorder` (it has the catalogue open: they are not known here) or `none`.
    expected_by: &'static str,
    roots: Vec<Listed>,
}

/// Lists. Exit code 0 when every root is usable, else 1.
pub(super) fn run(hall: &Hall, args: &ListArgs) -> Result<Outcome, String> {
    let book = Book::open(hall)?;
    let roots: Vec<Listed> = hall.storage.iter().map(|storage| listed(storage, &book)).collect::<Result<_, _>>()?;
    let usable = roots.iter().all(|root| root.usable);
    let printed = Printed { expected_by: book.word(), roots };
    if args.json {
        print_json(&printed);
    } else {
        print_text(&table(&printed));
    }
    Ok(if usable { Outcome::Good } else { Outcome::Findings })
}

fn listed(storage: &StorageRoot, book: &Book) -> Result<Listed, String> {
    let expected = book.id(&storage.path)?;
    let looked = root::look(&storage.path);
    let (mut found, mut room) = (None, None);
    if let Ok((opened, identity)) = &looked {
        found = identity.as_ref().map(|i| i.root.clone());
        room = opened.room().ok();
    }
    let (state, told) = judge(storage, expected.as_deref(), looked, room, matches!(book, Book::Held));
    let (cameras, days) = recordings(&storage.path);
    let (what, remedy) = told.map(|told| (told.what, told.remedy)).unzip();
    Ok(Listed {
        path: storage.path.clone(),
        state,
        usable: state.is_usable(),
        what,
        remedy,
        expected,
        found,
        mounted: storage.mounted,
        free_bytes: room.map(|r| r.free_bytes),
        total_bytes: room.map(|r| r.total_bytes),
        reserve_bytes: storage.reserve_bytes(),
        cameras,
        days,
    })
}

/// How a root is, from what was seen of it. `held`: the expected id is not known because the recorder has the catalogue open.
pub(super) fn judge(
    storage: &StorageRoot,
    expected: Option<&str>,
    looked: Result<(OpenRoot, Option<RootIdentity>), RootTrouble>,
    room: Option<Room>,
    held: bool,
) -> (State, Option<Told>) {
    let path = || storage.path.clone();
    let unused = matches!(looked, Ok((_, None)));
    let trouble = match (looked, expected) {
        (Err(trouble), _) => Some(trouble),
        (Ok((opened, _)), _) if storage.mounted && !opened.is_mount_point() => Some(RootTrouble::NoMountPoint { path: path() }),
        (Ok((_, Some(found))), Some(id)) if found.root != id => {
            Some(RootTrouble::Other { path: path(), expected: id.to_owned(), found: found.root })
        }
        // A running recorder has given every root of its hall.toml an identity.
        (Ok((_, None)), expected) if expected.is_some() || held => Some(RootTrouble::NotMounted { path: path() }),
        (Ok(_), _) => None,
    };
    if let Some(trouble) = trouble {
        return (State::of(&trouble), Some(words::root_trouble(&trouble)));
    }
    match room {
        None => (State::Failing, Some(words::fault(Fault::Failing))),
        Some(room) if room.read_only => (State::ReadOnly, Some(words::fault(Fault::ReadOnly))),
        Some(room) if is_full(room.free_bytes, storage.reserve_bytes(), false) => {
            (State::Full, Some(words::fault(Fault::Full)))
        }
        Some(_) if unused => (State::Unused, None),
        Some(_) => (State::Usable, None),
    }
}

/// Cameras and the number of dates that have hours of recording below `root`; days of which only notes are left do not count.
fn recordings(root: &Path) -> (Vec<CameraDays>, usize) {
    let mut all = std::collections::BTreeSet::new();
    let mut cameras = Vec::new();
    // A root that cannot be listed is told of by its state.
    for camera in camera_folders(root).unwrap_or_default() {
        let mut dates: Vec<NaiveDate> = std::fs::read_dir(root.join(&camera))
            .into_iter()
            .flatten()
            .flatten()
            .filter(|entry| has_folders(&entry.path()))
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .collect();
        dates.sort_unstable();
        if let (Some(first), Some(last)) = (dates.first().copied(), dates.last().copied()) {
            cameras.push(CameraDays { camera, days: dates.len(), first, last });
        }
        all.extend(dates);
    }
    (cameras, all.len())
}

fn has_folders(day: &Path) -> bool {
    std::fs::read_dir(day).into_iter().flatten().flatten().any(|entry| entry.file_type().is_ok_and(|t| t.is_dir()))
}

fn table(printed: &Printed) -> String {
    let mut text = String::new();
    if printed.expected_by == "recorder" {
        text.push_str(
            "目录库正由录像机（或另一命令）使用，应有的身份只有它知道；以下只读身份文件。\n\
             The recorder (or another command) has the catalogue open and alone knows the expected ids; only the identity files are read.\n",
        );
    }
    for root in &printed.roots {
        let (zh, en) = root.state.words();
        let _ = writeln!(text, "{}  {zh} {en}", root.path.display());
        if let Some(what) = &root.what {
            let _ = writeln!(text, "    {} {}", what.zh, what.en);
        }
        if let Some(remedy) = &root.remedy {
            let _ = writeln!(text, "    → {} {}", remedy.zh, remedy.en);
        }
        let id = |id: &Option<String>| id.clone().unwrap_or_else(|| "-".to_owned());
        let _ = writeln!(text, "    身份 id {}，应为 expected {}", id(&root.found), id(&root.expected));
        if let (Some(free), Some(total)) = (root.free_bytes, root.total_bytes) {
            let reserve = amount(root.reserve_bytes);
            let _ = writeln!(text, "    剩余 free {} / 共 {}，预留 reserve {reserve}", amount(free), amount(total));
        }
        let first = root.cameras.iter().map(|c| c.first).min();
        let last = root.cameras.iter().map(|c| c.last).max();
        if let (Some(first), Some(last)) = (first, last) {
            let camera_days: usize = root.cameras.iter().map(|c| c.days).sum();
            let _ = writeln!(
                text,
                "    录像 {} 台摄像机 cameras，{} 天 days（{first} … {last}），{camera_days} 摄像机日 camera-days",
                root.cameras.len(),
                root.days,
            );
        }
    }
    text
}
