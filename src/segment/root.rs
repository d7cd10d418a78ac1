//! A storage root's identity: how the recorder knows that the folder it is about to write to lies on the disk it means.
//!
//! A missing mount leaves an empty folder on the system's own disk. Each root therefore carries `.jiancha-root.json` with an id; every
//! new file is made below a folder handle whose identity was read through that same handle, so that between the look and the
//! write nothing can be swapped: no byte ever lands on the disk below.

use std::fs::File;
use std::io::{Read, Write as _};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

use rand::Rng as _;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use crate::time::WallTime;

/// Name of the identity file below a root.
pub const IDENTITY_FILE: &str = ".jiancha-root.json";
/// Name of the file by which a root is tried.
const TRIAL_FILE: &str = ".jiancha-write-test";
/// An identity file is far shorter than this.
const LONGEST_IDENTITY: u64 = 16 * 1024;

/// What the identity file says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RootIdentity {
    /// Unique id of this root.
    pub root: String,
    /// When it was first used.
    pub made: WallTime,
    /// For the person who finds the file.
    #[serde(default)]
    pub note: String,
}

/// Why a root cannot be used now. Each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum RootTrouble {
    /// The folder is not there.
    #[error("{path} does not exist (mount the disk, or make the folder with `mkdir -p {path}`; the recorder never makes it, so that a missing disk cannot fill the system's)", path = path.display())]
    Missing {
        /// The root.
        path: PathBuf,
    },
    /// The folder is there without the identity it had: most likely its disk is not mounted.
    #[error("{path} has lost its identity file: its disk is not mounted (mount it; when the disk was exchanged on purpose, run `jiancha storage accept {path}`)", path = path.display())]
    NotMounted {
        /// The root.
        path: PathBuf,
    },
    /// `mounted = true` stands in hall.toml, and nothing is mounted there.
    #[error("{path} is no mount point although hall.toml says `mounted = true` for it: its disk is not mounted (`mount {path}`; see that it stands in /etc/fstab)", path = path.display())]
    NoMountPoint {
        /// The root.
        path: PathBuf,
    },
    /// Another root lies there.
    #[error("{path} is root {found}, but {expected} is expected: another disk is mounted there (mount the right one; when it was exchanged on purpose, run `jiancha storage accept {path}`)", path = path.display())]
    Other {
        /// The root.
        path: PathBuf,
        /// Its id as the catalogue knows it.
        expected: String,
        /// The id found.
        found: String,
    },
    /// The system refuses.
    #[error("{doing} {path}: {source} (remount it read-write, give the recorder's user the right to write there, or mend the disk)", path = path.display())]
    Io {
        /// What was attempted.
        doing: &'static str,
        /// Where.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
}

impl RootTrouble {
    /// True when the root's disk is away, rather than refusing.
    pub fn is_gone(&self) -> bool {
        match self {
            Self::Missing { .. } | Self::NotMounted { .. } | Self::NoMountPoint { .. } | Self::Other { .. } => true,
            Self::Io { source, .. } => source.kind() == std::io::ErrorKind::NotFound,
        }
    }

    /// The root in trouble.
    pub fn path(&self) -> &Path {
        match self {
            Self::Missing { path }
            | Self::NotMounted { path }
            | Self::NoMountPoint { path }
            | Self::Other { path, .. }
            | Self::Io { path, .. } => path,
        }
    }

    fn io(doing: &'static str, path: &Path, source: impl Into<std::io::Error>) -> Self {
        Self::Io { doing, path: path.to_owned(), source: source.into() }
    }
}

/// A root that was opened and found to be the one meant.
#[derive(Debug)]
pub struct OpenRoot {
    dir: OwnedFd,
    path: PathBuf,
}

/// Opens the folder at `path` and reads its identity; `None` when it carries none.
///
/// # Errors
/// [`RootTrouble`] when there is no folder, or it cannot be read.
pub fn look(path: &Path) -> Result<(OpenRoot, Option<RootIdentity>), RootTrouble> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let dir = match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(dir) => dir,
        Err(Errno::NOENT | Errno::NOTDIR) => return Err(RootTrouble::Missing { path: path.to_owned() }),
        Err(e) => return Err(RootTrouble::io("open", path, e)),
    };
    let root = OpenRoot { dir, path: path.to_owned() };
    let identity = root.identity()?;
    Ok((root, identity))
}

/// Looks at the folder at `path`; with `mounted` (挂载点) it must be a mount point.
///
/// # Errors
/// [`RootTrouble`] as of [`look`]; [`RootTrouble::NoMountPoint`] when nothing is mounted there.
pub fn look_mounted(path: &Path, mounted: bool) -> Result<(OpenRoot, Option<RootIdentity>), RootTrouble> {
    let (root, found) = look(path)?;
    match mounted && !root.is_mount_point() {
        true => Err(RootTrouble::NoMountPoint { path: path.to_owned() }),
        false => Ok((root, found)),
    }
}

/// Opens the root at `path`, which must carry the id `expected`.
///
/// # Errors
/// [`RootTrouble`] when it is not that root.
pub fn open(path: &Path, expected: &str) -> Result<OpenRoot, RootTrouble> {
    open_mounted(path, expected, false)
}

/// Opens the root at `path`, which must carry the id `expected`; with `mounted` it must be a mount point too: a copy of the identity
/// in the folder below the mount does not count.
///
/// # Errors
/// [`RootTrouble`] when it is not that root.
pub fn open_mounted(path: &Path, expected: &str, mounted: bool) -> Result<OpenRoot, RootTrouble> {
    match look_mounted(path, mounted)? {
        (root, Some(found)) if found.root == expected => Ok(root),
        (_, Some(found)) => Err(RootTrouble::Other { path: path.to_owned(), expected: expected.to_owned(), found: found.root }),
        (_, None) => Err(RootTrouble::NotMounted { path: path.to_owned() }),
    }
}

/// Makes the folder at `path` a root. One that carries an identity already keeps it.
///
/// # Errors
/// [`RootTrouble`] when the identity cannot be written.
pub fn claim(path: &Path, now: WallTime) -> Result<RootIdentity, RootTrouble> {
    look(path)?.0.claim(now)
}

impl OpenRoot {
    /// The root's path as configured.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder's handle.
    pub fn dir(&self) -> impl AsFd + '_ {
        &self.dir
    }

    /// What its identity file says; `None` when it has none.
    fn identity(&self) -> Result<Option<RootIdentity>, RootTrouble> {
        let fail = |e: std::io::Error| RootTrouble::io("read the identity of", &self.path, e);
        let file = match self.open_at(IDENTITY_FILE, OFlags::RDONLY) {
            Ok(file) => file,
            Err(Errno::NOENT) => return Ok(None),
            Err(e) => return Err(fail(e.into())),
        };
        let mut text = String::new();
        file.take(LONGEST_IDENTITY).read_to_string(&mut text).map_err(fail)?;
        serde_json::from_str(&text).map(Some).map_err(|e| fail(e.into()))
    }

    /// Makes the opened folder a root. One that carries an identity already keeps it.
    ///
    /// # Errors
    /// [`RootTrouble`] when the identity cannot be read or written.
    pub fn claim(&self, now: WallTime) -> Result<RootIdentity, RootTrouble> {
        if let Some(found) = self.identity()? {
            return Ok(found);
        }
        let identity = RootIdentity {
            root: format!("{:016x}", rand::rng().random::<u64>()),
            made: now,
            note: "监察录像机的存储目录，请勿删除本文件。A storage root of the Jiancha recorder; do not delete this file."
                .to_owned(),
        };
        let fail = |e: std::io::Error| RootTrouble::io("write the identity of", &self.path, e);
        let json = serde_json::to_vec_pretty(&identity).map_err(|e| fail(e.into()))?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL;
        let mut file = self.open_at(IDENTITY_FILE, flags).map_err(|e| fail(e.into()))?;
        file.write_all(&json).and_then(|()| file.sync_all()).map_err(fail)?;
        self.sync().map_err(fail)?;
        Ok(identity)
    }

    /// True when the folder is the top of a file system of its own: another device than the folder above, and mounted there.
    ///
    /// The device alone would take a Btrfs subvolume for a mount; the mount alone, a folder that systemd's `ReadWritePaths` binds
    /// upon itself. Before Linux 5.8 the kernel tells the device only.
    pub fn is_mount_point(&self) -> bool {
        use rustix::fs::{AtFlags, StatxAttributes, StatxFlags};
        let told = rustix::fs::statx(&self.dir, "", AtFlags::EMPTY_PATH, StatxFlags::empty());
        let is_plain = told.is_ok_and(|t| {
            t.stx_attributes_mask.contains(StatxAttributes::MOUNT_ROOT)
                && !t.stx_attributes.contains(StatxAttributes::MOUNT_ROOT)
        });
        let own = rustix::fs::fstat(&self.dir).map(|s| s.st_dev);
        let above = rustix::fs::statat(&self.dir, "..", AtFlags::empty()).map(|s| s.st_dev);
        !is_plain && matches!((own, above), (Ok(own), Ok(above)) if own != above)
    }

    fn open_at(&self, relative: impl rustix::path::Arg, flags: OFlags) -> Result<File, Errno> {
        let flags = flags | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        rustix::fs::openat(&self.dir, relative, flags, Mode::from_raw_mode(0o644)).map(File::from)
    }

    /// Makes a new file at `relative` for appending, with the folders above it; they and it are durable by name when this returns.
    /// `AlreadyExists` when something of that name stands there.
    ///
    /// # Errors
    /// The system's error.
    pub fn create(&self, relative: &Path) -> std::io::Result<File> {
        let folder = relative.parent().unwrap_or(Path::new(""));
        self.make_folders(folder)?;
        let file = self.open_at(relative, OFlags::WRONLY | OFlags::APPEND | OFlags::CREATE | OFlags::EXCL)?;
        self.sync_folder(folder)?;
        Ok(file)
    }

    fn make_folders(&self, folder: &Path) -> std::io::Result<()> {
        let mut above = PathBuf::new();
        for part in folder.components() {
            let Component::Normal(name) = part else { continue };
            let parent = above.clone();
            above.push(name);
            match rustix::fs::mkdirat(&self.dir, &above, Mode::from_raw_mode(0o755)) {
                Ok(()) => self.sync_folder(&parent)?,
                Err(Errno::EXIST) => {}
                Err(e) => return Err(e.into()),
            }
        }
        Ok(())
    }

    /// Syncs a folder below the root, so that the names in it are durable.
    fn sync_folder(&self, relative: &Path) -> std::io::Result<()> {
        if relative.as_os_str().is_empty() {
            return self.sync();
        }
        self.open_at(relative, OFlags::RDONLY | OFlags::DIRECTORY)?.sync_all()
    }

    fn sync(&self) -> std::io::Result<()> {
        Ok(rustix::fs::fsync(&self.dir)?)
    }

    /// Writes, syncs and removes a small file.
    ///
    /// # Errors
    /// The system's error.
    pub fn try_out(&self) -> std::io::Result<()> {
        let mut file = self.open_at(TRIAL_FILE, OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC)?;
        let written = file.write_all(b"may be deleted").and_then(|()| file.sync_all());
        let removed = rustix::fs::unlinkat(&self.dir, TRIAL_FILE, rustix::fs::AtFlags::empty());
        written?;
        Ok(removed?)
    }

    /// Bytes free for the recorder, size of the file system in bytes, and whether it is mounted read-only.
    ///
    /// # Errors
    /// The system's error.
    pub fn room(&self) -> std::io::Result<Room> {
        let fs = rustix::fs::fstatvfs(&self.dir)?;
        Ok(Room {
            free_bytes: fs.f_bavail.saturating_mul(fs.f_frsize),
            total_bytes: fs.f_blocks.saturating_mul(fs.f_frsize),
            read_only: fs.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY),
        })
    }

    /// True when `other` is the very same folder.
    pub fn is_same(&self, other: &OpenRoot) -> bool {
        let place = |root: &OpenRoot| rustix::fs::fstat(&root.dir).ok().map(|s| (s.st_dev, s.st_ino));
        place(self).is_some_and(|own| Some(own) == place(other))
    }

    /// True when the root is the only thing we see of its file system: it is not on the system's own disk.
    pub fn has_disk_of_its_own(&self) -> bool {
        let device = |fd: rustix::io::Result<rustix::fs::Stat>| fd.ok().map(|s| s.st_dev);
        let own = device(rustix::fs::fstat(&self.dir));
        own.is_some() && own != device(rustix::fs::stat("/"))
    }

    /// Syncs the whole file system with one call.
    ///
    /// # Errors
    /// The system's error; also that of a write-back that failed since the root was opened.
    pub fn sync_all(&self) -> std::io::Result<()> {
        Ok(rustix::fs::syncfs(&self.dir)?)
    }
}

/// What a file system has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Room {
    /// Bytes free for the recorder.
    pub free_bytes: u64,
    /// Size in bytes.
    pub total_bytes: u64,
    /// Mounted read-only.
    pub read_only: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: WallTime = WallTime::from_micros(1_795_330_203_000_000);

    #[test]
    fn a_root_keeps_its_identity_and_another_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let identity = claim(dir.path(), NOW).unwrap();
        assert_eq!(claim(dir.path(), NOW.plus_micros(1)).unwrap(), identity);
        open(dir.path(), &identity.root).unwrap();
        let other = open(dir.path(), "0123456789abcdef").unwrap_err();
        assert!(matches!(&other, RootTrouble::Other { .. }) && other.is_gone(), "{other}");
    }

    #[test]
    fn an_empty_folder_where_a_disk_was_is_no_root() {
        let dir = tempfile::tempdir().unwrap();
        let trouble = open(dir.path(), "0123456789abcdef").unwrap_err();
        assert!(matches!(trouble, RootTrouble::NotMounted { .. }));
        assert!(trouble.to_string().contains("storage accept"), "{trouble}");
        let missing = open(&dir.path().join("x"), "0123456789abcdef").unwrap_err();
        assert!(matches!(missing, RootTrouble::Missing { .. }));
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_plain_folder_is_no_mount_point_whatever_identity_it_carries() {
        let dir = tempfile::tempdir().unwrap();
        let identity = claim(dir.path(), NOW).unwrap();
        open_mounted(dir.path(), &identity.root, false).unwrap();
        let trouble = open_mounted(dir.path(), &identity.root, true).unwrap_err();
        assert!(matches!(trouble, RootTrouble::NoMountPoint { .. }) && trouble.is_gone(), "{trouble}");
        assert!(look_mounted(Path::new("/proc"), true).is_ok(), "/proc is mounted on every Linux");
    }

    #[test]
    fn files_are_made_below_the_handle_and_never_over_one_that_stands() {
        let dir = tempfile::tempdir().unwrap();
        let (root, _) = look(dir.path()).unwrap();
        let relative = Path::new("C1/2026-11-22/14/145003.mp4");
        root.create(relative).unwrap().write_all(b"x").unwrap();
        assert_eq!(root.create(relative).unwrap_err().kind(), std::io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read(dir.path().join(relative)).unwrap(), b"x");
        // Another folder under the same name is not touched: the handle stays with the first.
        let moved = dir.path().with_extension("moved");
        std::fs::rename(dir.path(), &moved).unwrap();
        std::fs::create_dir(dir.path()).unwrap();
        root.create(Path::new("C1/2026-11-22/14/145103.mp4")).unwrap();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
        assert!(moved.join("C1/2026-11-22/14/145103.mp4").exists());
        std::fs::remove_dir_all(&moved).unwrap();
    }

    #[test]
    fn a_root_is_tried_without_a_trace() {
        let dir = tempfile::tempdir().unwrap();
        let (root, _) = look(dir.path()).unwrap();
        root.try_out().unwrap();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
        assert!(root.room().unwrap().total_bytes > 0);
    }
}
