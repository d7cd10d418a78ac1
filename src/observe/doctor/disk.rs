//! Storage folders and the catalogue's folder: there or to be made, writable, on what kind of file system, with how much room.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::{Finding, Standing, both};
use crate::hall::StorageRoot;
use crate::observe::words;
use crate::segment::root::{self, RootTrouble};

/// What was seen of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    /// The folder asked about.
    pub path: PathBuf,
    /// Its nearest part that exists: itself, or the one it would be made in.
    pub nearest: PathBuf,
    /// True when `nearest` is a folder.
    pub is_folder: bool,
    /// Whether a file could be written, synced and removed in `nearest`.
    pub written: Result<(), String>,
    /// Type of the file system, such as `ext4`.
    pub file_system: Option<String>,
    /// Bytes this user may still write, and bytes in all.
    pub room: Option<Room>,
    /// The device it lies on.
    pub device: Option<u64>,
    /// True when it lies on the file system of `/`.
    pub on_system_disk: bool,
}

/// Room on a file system, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Free for this user.
    pub free: u64,
    /// Size.
    pub total: u64,
}

/// Looks at a folder. Writes one empty file into it (or into the folder it would be made in) and removes it again.
pub fn look(path: &Path) -> Folder {
    let nearest = path.ancestors().find(|p| p.exists()).unwrap_or(Path::new("/")).to_path_buf();
    let is_folder = nearest.is_dir();
    let real = fs::canonicalize(&nearest).unwrap_or_else(|_| nearest.clone());
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let device = |p: &Path| fs::metadata(p).map(|m| m.dev()).ok();
    Folder {
        written: if is_folder { try_write(&nearest) } else { Err("not a folder".to_owned()) },
        file_system: file_system(&mounts, &real),
        room: fs2::statvfs(&nearest).ok().map(|s| Room { free: s.available_space(), total: s.total_space() }),
        device: device(&nearest),
        on_system_disk: device(&nearest).is_some() && device(&nearest) == device(Path::new("/")),
        path: path.to_path_buf(),
        nearest,
        is_folder,
    }
}

fn try_write(folder: &Path) -> Result<(), String> {
    let probe = folder.join(format!(".jiancha-doctor-{}", std::process::id()));
    // `create_new` follows no link and overwrites nothing.
    let mut file = OpenOptions::new().write(true).create_new(true).open(&probe).map_err(|e| e.to_string())?;
    let written = file.write_all(b"doctor").and_then(|()| file.sync_data());
    let removed = fs::remove_file(&probe);
    written.and(removed).map_err(|e| e.to_string())
}

/// The type of the file system `path` lies on, from the text of `/proc/self/mountinfo`.
fn file_system(mountinfo: &str, path: &Path) -> Option<String> {
    let mut best: Option<(usize, &str)> = None;
    for line in mountinfo.lines() {
        let Some((left, right)) = line.split_once(" - ") else { continue };
        let (Some(point), Some(kind)) = (left.split(' ').nth(4), right.split(' ').next()) else { continue };
        let point = PathBuf::from(unescape(point));
        let depth = point.components().count();
        // Of two mounts on one point, the later one is on top.
        if path.starts_with(&point) && best.is_none_or(|(deepest, _)| depth >= deepest) {
            best = Some((depth, kind));
        }
    }
    best.map(|(_, kind)| kind.to_owned())
}

/// `\040` and its like, as the kernel writes blanks in mount points.
fn unescape(point: &str) -> String {
    [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")]
        .iter()
        .fold(point.to_owned(), |p, (from, to)| p.replace(from, to))
}

/// What recordings may expect of a file system.
fn judge_file_system(kind: &str) -> Option<(Standing, &'static str, &'static str)> {
    match kind {
        "tmpfs" | "ramfs" => Some((Standing::Wrong, "内存盘，断电即失", "kept in memory, gone with the power")),
        "overlay" | "aufs" => Some((Standing::Warn, "容器内部的盘，容器删除即失", "inside a container, gone with it")),
        "vfat" | "msdos" | "exfat" => Some((Standing::Wrong, "断电易损坏的文件系统", "a file system that power cuts damage")),
        "nfs" | "nfs4" | "cifs" | "smb3" | "9p" | "fuse.sshfs" | "ceph" | "fuse.glusterfs" => {
            Some((Standing::Warn, "网络盘，断网即停录", "a network disk, recording stops with the network"))
        }
        _ => None,
    }
}

/// Free space below which a storage folder is as good as full.
const LEAST_FREE: u64 = 1 << 30;

/// Whether the disk that is meant is there. `expected` is the id the root must carry, when it was used before and that is known.
///
/// # Errors
/// [`RootTrouble`] when it is not; a root that was never used is no trouble.
pub fn identity(root: &StorageRoot, expected: Option<&str>) -> Result<(), RootTrouble> {
    match expected {
        Some(id) => root::open_mounted(&root.path, id, root.mounted).map(|_| ()),
        None => root::look_mounted(&root.path, root.mounted).map(|_| ()),
    }
}

/// Judges what [`identity`] found wrong.
pub fn identity_trouble(trouble: &RootTrouble) -> Finding {
    let path = trouble.path().display().to_string();
    let words = words::root_trouble(trouble);
    let check = both(format!("存储 {path}"), format!("storage {path}"));
    Finding::bad("storage", Standing::Wrong, check, words.what, words.remedy)
}

/// Storage folders that share a file system: one disk that fails takes them all, and their space is counted once.
pub fn shared(folders: &[Folder]) -> Vec<Finding> {
    let mut devices: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    for (device, folder) in folders.iter().filter_map(|f| Some((f.device?, f))) {
        devices.entry(device).or_default().push(folder.path.display().to_string());
    }
    let several = devices.into_values().filter(|paths| paths.len() > 1);
    several
        .map(|paths| {
            Finding::bad(
                "storage-shared",
                Standing::Warn,
                both("存储目录各在一块盘", "one disk for each storage root"),
                both(
                    format!("{} 在同一文件系统上", paths.join("、")),
                    format!("{} lie on one file system", paths.join(", ")),
                ),
                both(
                    "请检查各盘是否都已挂载；同一块盘只需写一段 [[storage]]，并建议写 mounted = true",
                    "see that every disk is mounted; one [[storage]] is enough for one disk, and `mounted = true` is recommended",
                ),
            )
        })
        .collect()
}

/// Judges a storage folder. `rate` is what all cameras write, in bytes per second.
pub fn storage(folder: &Folder, rate: u64) -> Finding {
    let check = both(format!("存储 {}", folder.path.display()), format!("storage {}", folder.path.display()));
    if let Some(finding) = unusable("storage", check.clone(), folder) {
        return finding;
    }
    let kind = folder.file_system.as_deref().unwrap_or("?");
    let Some(room) = folder.room else {
        return Finding::bad(
            "storage",
            Standing::Warn,
            check,
            both("读不到剩余空间", "free space cannot be told"),
            both("请用 df 确认", "look with df"),
        );
    };
    let size = format!("{kind}, {} / {}", gib(room.free), gib(room.total));
    if room.free < LEAST_FREE {
        return Finding::bad(
            "storage",
            Standing::Wrong,
            check,
            both(format!("剩余空间不足（{size}）"), format!("hardly any space left ({size})")),
            both(
                "请加盘或换到更大的盘；录像不会被自动删除",
                "add a disk or take a larger one; footage is never deleted for space",
            ),
        );
    }
    if let Some((standing, zh, en)) = judge_file_system(kind) {
        return Finding::bad(
            "storage",
            standing,
            check,
            both(format!("{zh}({size})"), format!("{en} ({size})")),
            both("请用本机的 ext4 或 xfs 盘", "use a local disk with ext4 or xfs"),
        );
    }
    if room.free / rate.max(1) < 86_400 {
        return Finding::bad(
            "storage",
            Standing::Warn,
            check,
            both(format!("剩余空间不够录一天（{size}）"), format!("less than a day's recording is left ({size})")),
            both("请加盘", "add a disk"),
        );
    }
    if folder.on_system_disk {
        return Finding::bad(
            "storage",
            Standing::Warn,
            check,
            both(format!("与系统在同一块盘上（{size}）"), format!("on the system's own disk ({size})")),
            both(
                "录满会拖垮系统；正式使用请给录像单独的盘",
                "a full one takes the system down; give recordings a disk of their own",
            ),
        );
    }
    Finding::ok("storage", check, both(format!("可写，{size}"), format!("writable, {size}")))
}

/// Judges the catalogue's folder: sled needs locks and memory maps, which network disks do not give.
pub fn catalogue(folder: &Folder) -> Finding {
    let check = both(format!("目录库 {}", folder.path.display()), format!("catalogue {}", folder.path.display()));
    if let Some(finding) = unusable("catalogue", check.clone(), folder) {
        return finding;
    }
    let kind = folder.file_system.as_deref().unwrap_or("?");
    match judge_file_system(kind) {
        Some((_, zh, en)) => Finding::bad(
            "catalogue",
            Standing::Wrong,
            check,
            both(format!("{zh}({kind})"), format!("{en} ({kind})")),
            both("请在 [recording] catalogue 指明本机盘上的目录", "name a folder on a local disk in [recording] catalogue"),
        ),
        None => Finding::ok("catalogue", check, both(format!("可写，{kind}"), format!("writable, {kind}"))),
    }
}

fn unusable(id: &'static str, check: crate::observe::state::Bilingual, folder: &Folder) -> Option<Finding> {
    let nearest = folder.nearest.display();
    if !folder.is_folder {
        return Some(Finding::bad(
            id,
            Standing::Wrong,
            check,
            both(format!("{nearest} 是文件，不是目录"), format!("{nearest} is a file, not a folder")),
            both("请在 hall.toml 中换一个路径", "name another path in hall.toml"),
        ));
    }
    let why = folder.written.as_ref().err()?;
    Some(Finding::bad(
        id,
        Standing::Wrong,
        check,
        both(format!("不能写入 {nearest}:{why}"), format!("cannot write in {nearest}: {why}")),
        both(
            format!("请检查挂载与权限，例如 install -d -o jiancha {}", folder.path.display()),
            format!("look at mount and rights, for example install -d -o jiancha {}", folder.path.display()),
        ),
    ))
}

/// Bytes in GiB with one decimal.
fn gib(bytes: u64) -> String {
    let tenths = (u128::from(bytes) * 10) >> 30;
    format!("{}.{} GiB", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(kind: &str, free: u64) -> Folder {
        Folder {
            path: "/srv/a".into(),
            nearest: "/srv/a".into(),
            is_folder: true,
            written: Ok(()),
            file_system: Some(kind.into()),
            room: Some(Room { free, total: 4 << 40 }),
            device: Some(7),
            on_system_disk: false,
        }
    }

    #[test]
    fn two_roots_on_one_file_system_are_told() {
        let at = |path: &str, device| Folder { path: path.into(), device, ..folder("ext4", 1 << 40) };
        assert!(shared(&[at("/srv/a", Some(1)), at("/srv/b", Some(2)), at("/srv/c", None), at("/srv/d", None)]).is_empty());
        let told = shared(&[at("/srv/a", Some(1)), at("/srv/b", Some(2)), at("/srv/c", Some(1))]);
        assert_eq!(told.len(), 1);
        assert_eq!((told[0].standing, told[0].found.en.as_str()), (Standing::Warn, "/srv/a, /srv/c lie on one file system"));
    }

    #[test]
    fn a_root_whose_disk_is_away_or_another_is_wrong_with_the_remedy() {
        let dir = tempfile::tempdir().unwrap();
        let root = StorageRoot { path: dir.path().join("a"), reserve_mb: 1, mounted: false };
        let told = |root: &StorageRoot, expected| identity_trouble(&identity(root, expected).unwrap_err());
        assert!(told(&root, None).mend.is_some_and(|m| m.en.contains("mkdir")), "the recorder makes no root");
        fs::create_dir(&root.path).unwrap();
        assert!(identity(&root, None).is_ok(), "a first use");
        assert!(told(&root, Some("0123456789abcdef")).found.zh.contains("未挂载"));
        let mounted = StorageRoot { mounted: true, ..root.clone() };
        assert!(told(&mounted, None).found.en.contains("mounted = true"));
        let id = root::claim(&root.path, crate::time::WallTime::from_micros(0)).unwrap().root;
        assert!(identity(&root, Some(&id)).is_ok());
        let other = told(&root, Some("0123456789abcdef"));
        assert!(other.standing == Standing::Wrong && other.mend.is_some_and(|m| m.en.contains("jiancha storage accept")));
    }

    const MIB: u64 = 1 << 20;

    #[test]
    fn a_storage_folder_is_judged_by_rights_kind_and_room() {
        let standing = |f: Folder| storage(&f, 2 * MIB).standing;
        assert_eq!(standing(folder("ext4", 1 << 40)), Standing::Ok);
        assert_eq!(standing(folder("tmpfs", 1 << 40)), Standing::Wrong);
        assert_eq!(standing(folder("nfs4", 1 << 40)), Standing::Warn);
        assert_eq!(standing(folder("ext4", 1 << 29)), Standing::Wrong);
        // 2 MiB/s make 168.75 GiB a day.
        assert_eq!(standing(folder("ext4", 168 << 30)), Standing::Warn);
        assert_eq!(standing(folder("ext4", 169 << 30)), Standing::Ok);
        assert_eq!(standing(Folder { on_system_disk: true, ..folder("ext4", 1 << 40) }), Standing::Warn);
        assert_eq!(
            standing(Folder { written: Err("Read-only file system".into()), ..folder("ext4", 1 << 40) }),
            Standing::Wrong
        );
        assert_eq!(standing(Folder { is_folder: false, ..folder("ext4", 1 << 40) }), Standing::Wrong);
        assert_eq!(storage(&folder("ext4", 1 << 40), MIB).found.en, "writable, ext4, 1024.0 GiB / 4096.0 GiB");
    }

    #[test]
    fn the_catalogue_must_not_lie_on_a_network_disk() {
        assert_eq!(catalogue(&folder("xfs", 0)).standing, Standing::Ok);
        assert_eq!(catalogue(&folder("nfs4", 0)).standing, Standing::Wrong);
    }

    #[test]
    fn the_deepest_and_latest_mount_decides() {
        let mounts = "27 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n\
                      30 27 8:1 / /srv/video\\040disk rw shared:1 - xfs /dev/sda1 rw\n\
                      31 27 8:2 / /srv rw - ext4 /dev/sdb rw\n\
                      32 27 0:44 / /srv rw - nfs4 server:/x rw\n";
        let kind = |p: &str| file_system(mounts, Path::new(p));
        assert_eq!(kind("/srv/video disk/a").as_deref(), Some("xfs"));
        assert_eq!(kind("/srv/b").as_deref(), Some("nfs4"));
        assert_eq!(kind("/srvice").as_deref(), Some("ext4"));
        assert_eq!(file_system("", Path::new("/")), None);
    }

    #[test]
    fn looking_leaves_nothing_behind_and_finds_the_parent_of_what_is_missing() {
        let temp = tempfile::tempdir().expect("a folder");
        let wanted = temp.path().join("a/b");
        let seen = look(&wanted);
        assert_eq!((seen.nearest.as_path(), seen.is_folder, seen.written), (temp.path(), true, Ok(())));
        assert!(seen.room.is_some() && seen.file_system.is_some());
        assert_eq!(fs::read_dir(temp.path()).expect("readable").count(), 0);

        let file = temp.path().join("file");
        fs::write(&file, "x").expect("written");
        assert!(!look(&file.join("below")).is_folder);
    }
}
