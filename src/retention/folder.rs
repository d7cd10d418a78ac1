//! Removing files below a storage root: by open folders, step by step, so that no link leads elsewhere.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{AtFlags, Dir, Mode, OFlags, open, openat, unlinkat};

use crate::catalogue::SegmentRow;
use crate::segment::reader;

/// What became of one file.
#[derive(Debug, PartialEq, Eq)]
pub enum Gone {
    /// It was removed now.
    Removed,
    /// There was none.
    Before,
    /// It is not what its row says, and stays: why.
    Other(String),
}

/// The folder of one camera-day, held open.
pub struct DayFolder {
    folder: OwnedFd,
}

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

impl DayFolder {
    /// Opens `<root>/<camera>/<date>`. The root itself may be a link, as the owner wrote it; nothing below it may.
    ///
    /// # Errors
    /// The system's error; `NotFound` when the folder is not there.
    pub fn open(root: &Path, camera: &str, date: &str) -> io::Result<Self> {
        let root = open(root, FOLDER.difference(OFlags::NOFOLLOW), Mode::empty())?;
        let camera = openat(&root, camera, FOLDER, Mode::empty())?;
        Ok(Self { folder: openat(&camera, date, FOLDER, Mode::empty())? })
    }

    /// Removes the file of `row`, whose place was checked, when it is a plain file that says of itself what the row says.
    ///
    /// # Errors
    /// The system's error.
    pub fn remove(&self, row: &SegmentRow) -> io::Result<Gone> {
        let mut parts = row.path.rsplit('/');
        let (Some(name), Some(hour)) = (parts.next(), parts.next()) else {
            return Ok(Gone::Other("its path is not that of a recording".to_owned()));
        };
        let hour = match openat(&self.folder, hour, FOLDER, Mode::empty()) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Gone::Before),
            hour => hour?,
        };
        // Without waiting: the name may be that of a pipe.
        let how = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match openat(&hour, name, how, Mode::empty()) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Gone::Before),
            Err(e) if e == rustix::io::Errno::LOOP => return Ok(Gone::Other("it is a symbolic link".to_owned())),
            file => file?,
        };
        let mut file = File::from(file);
        if !file.metadata()?.is_file() {
            return Ok(Gone::Other("it is no plain file".to_owned()));
        }
        match reader::identity(&mut file, Path::new(&row.path)) {
            Err(reader::ReadError::Io { source, .. }) => return Err(source),
            Err(e) => return Ok(Gone::Other(e.to_string())),
            Ok(identity) => {
                let told = (identity.camera.as_str(), identity.run.as_str(), identity.number, identity.from);
                if told != (row.camera.as_str(), row.run.as_str(), row.number, row.from) {
                    let (camera, run, number, from) = told;
                    return Ok(Gone::Other(format!(
                        "it says it is number {number} of run {run} of camera {camera}, begun {from}; its row says otherwise"
                    )));
                }
            }
        }
        unlinkat(&hour, name, AtFlags::empty())?;
        Ok(Gone::Removed)
    }

    /// Removes hour folders that hold nothing any more, then syncs what was changed.
    ///
    /// # Errors
    /// The system's error.
    pub fn tidy(&self) -> io::Result<()> {
        let mut hours = Vec::new();
        for entry in Dir::read_from(&self.folder)? {
            let name = entry?.file_name().to_owned();
            let bytes = name.to_bytes();
            if bytes.len() == 2 && bytes.iter().all(u8::is_ascii_digit) {
                hours.push(name);
            }
        }
        for name in hours {
            use std::os::unix::ffi::OsStrExt as _;
            let name = OsStr::from_bytes(name.to_bytes());
            match unlinkat(&self.folder, name, AtFlags::REMOVEDIR) {
                Ok(()) => {}
                Err(e) if e == rustix::io::Errno::NOTEMPTY || e == rustix::io::Errno::EXIST => {
                    File::from(openat(&self.folder, name, FOLDER, Mode::empty())?).sync_all()?;
                }
                Err(e) if e == rustix::io::Errno::NOTDIR => {}
                Err(e) => return Err(e.into()),
            }
        }
        rustix::fs::fsync(&self.folder)?;
        Ok(())
    }
}
