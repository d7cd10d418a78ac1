//! A folder as backup target: another disk, or a network share that is mounted.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write as _};
use std::path::{Path, PathBuf};

use rustix::fs::{Advice, fadvise};

use super::target::{BLOCK, Fault, Listed, Target, TargetError, source_error};

/// A folder as backup target.
pub struct Directory {
    path: PathBuf,
}

impl Directory {
    /// The folder at `path`.
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }

    fn fail(&self, object: &str, e: &io::Error) -> TargetError {
        let fault = match e.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => Fault::Full,
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => Fault::Refused,
            ErrorKind::NotFound if object == "." => Fault::Unreachable,
            ErrorKind::NotFound => Fault::Missing,
            ErrorKind::TimedOut => Fault::TimedOut,
            ErrorKind::StaleNetworkFileHandle
            | ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable
            | ErrorKind::NotConnected
            | ErrorKind::ConnectionRefused
            | ErrorKind::ConnectionReset => Fault::Unreachable,
            _ => Fault::Broken,
        };
        TargetError { target: self.name(), object: object.to_owned(), fault, detail: e.to_string() }
    }

    /// Makes the folders above `file`, each durable in the one above it.
    fn make_folders(&self, file: &Path) -> io::Result<()> {
        let Some(folder) = file.parent() else { return Ok(()) };
        if folder.is_dir() || !folder.starts_with(&self.path) || folder == self.path {
            return Ok(());
        }
        self.make_folders(folder)?;
        match fs::create_dir(folder) {
            Err(e) if e.kind() != ErrorKind::AlreadyExists => return Err(e),
            _ => {}
        }
        folder.parent().map_or(Ok(()), sync_folder)
    }

    /// Writes all of `source` to the waiting name and syncs it.
    fn write(&self, object: &str, waiting: &Path, source: &mut dyn Read) -> Result<(), TargetError> {
        let fail = |e: io::Error| self.fail(object, &e);
        let mut file = File::create(waiting).map_err(fail)?;
        let mut block = vec![0; BLOCK];
        loop {
            let n = match source.read(&mut block) {
                Ok(0) => break,
                Ok(n) => n,
                Err(e) if e.kind() == ErrorKind::Interrupted => continue,
                Err(e) => return Err(source_error(&self.name(), object, &e)),
            };
            file.write_all(&block[..n]).map_err(fail)?;
        }
        file.sync_all().map_err(fail)
    }

    fn walk(&self, folder: &Path, found: &mut Vec<Listed>) -> io::Result<()> {
        let entries = match fs::read_dir(folder) {
            Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(()),
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with('.') {
                continue;
            }
            let path = entry.path();
            let meta = entry.metadata()?;
            if meta.is_dir() {
                self.walk(&path, found)?;
            } else if let Ok(relative) = path.strip_prefix(&self.path) {
                found.push(Listed { name: relative.to_string_lossy().into_owned(), bytes: meta.len() });
            }
        }
        Ok(())
    }
}

/// The name an object has until it is whole. It begins with a dot: never a recording, never listed.
fn waiting_name(file: &Path) -> PathBuf {
    let name = file.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    file.with_file_name(format!(".{}.part", name.trim_start_matches('.')))
}

/// Makes what happened to the names in `folder` durable. Some network shares know no such thing, and say so.
fn sync_folder(folder: &Path) -> io::Result<()> {
    match File::open(folder)?.sync_all() {
        Err(e) if matches!(e.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported) => Ok(()),
        other => other,
    }
}

impl Target for Directory {
    fn name(&self) -> String {
        self.path.display().to_string()
    }

    fn check(&self) -> Result<(), TargetError> {
        fs::metadata(&self.path).map(|_| ()).map_err(|e| self.fail(".", &e))
    }

    fn put(&self, object: &str, source: &mut dyn Read) -> Result<(), TargetError> {
        let fail = |e: io::Error| self.fail(object, &e);
        let file = self.path.join(object);
        // The folder itself is never made: where a disk is not mounted, there is none.
        self.check()?;
        self.make_folders(&file).map_err(fail)?;
        let waiting = waiting_name(&file);
        let written = self.write(object, &waiting, source);
        if let Err(e) = written {
            // What is half there helps nobody, and a full disk least of all.
            let _ = fs::remove_file(&waiting);
            return Err(e);
        }
        fs::rename(&waiting, &file).map_err(fail)?;
        file.parent().map_or(Ok(()), sync_folder).map_err(fail)
    }

    fn read(&self, object: &str, sink: &mut dyn FnMut(&[u8]) -> Result<(), TargetError>) -> Result<(), TargetError> {
        let fail = |e: io::Error| self.fail(object, &e);
        let mut file = File::open(self.path.join(object)).map_err(fail)?;
        // What was just written is in memory; the disk is what is doubted. Where this is not possible the memory is read.
        let _ = fadvise(&file, 0, None, Advice::DontNeed);
        let mut block = vec![0; BLOCK];
        loop {
            match file.read(&mut block) {
                Ok(0) => return Ok(()),
                Ok(n) => sink(&block[..n])?,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(fail(e)),
            }
        }
    }

    fn head(&self, object: &str) -> Result<Option<u64>, TargetError> {
        match fs::metadata(self.path.join(object)) {
            Ok(meta) => Ok(Some(meta.len())),
            Err(e) if e.kind() == ErrorKind::NotFound => {
                self.check()?;
                Ok(None)
            }
            Err(e) => Err(self.fail(object, &e)),
        }
    }

    fn list(&self, folder: &str) -> Result<Vec<Listed>, TargetError> {
        self.check()?;
        let mut found = Vec::new();
        self.walk(&self.path.join(folder), &mut found).map_err(|e| self.fail(folder, &e))?;
        found.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }

    fn delete(&self, object: &str) -> Result<(), TargetError> {
        let file = self.path.join(object);
        match fs::remove_file(&file) {
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()),
            other => other.map_err(|e| self.fail(object, &e))?,
        }
        // Folders that hold nothing any more go too; one that is not empty stays.
        let mut folder = file.parent();
        while let Some(empty) = folder.filter(|f| f.starts_with(&self.path) && *f != self.path) {
            if fs::remove_dir(empty).is_err() {
                break;
            }
            folder = empty.parent();
        }
        folder.map_or(Ok(()), sync_folder).map_err(|e| self.fail(object, &e))
    }

    fn set_aside(&self, object: &str, aside: &str) -> Result<(), TargetError> {
        let fail = |e: io::Error| self.fail(object, &e);
        let to = self.path.join(aside);
        fs::rename(self.path.join(object), &to).map_err(fail)?;
        to.parent().map_or(Ok(()), sync_folder).map_err(fail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backup::target::stop_reading;

    struct Breaks(usize);

    impl Read for Breaks {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if self.0 == 0 {
                return Err(stop_reading(Fault::Quiet, "office hours began"));
            }
            self.0 -= 1;
            buffer[0] = 7;
            Ok(1)
        }
    }

    fn names(target: &Directory) -> Vec<String> {
        target.list("C1").unwrap().into_iter().map(|o| o.name).collect()
    }

    #[test]
    fn an_object_is_there_as_a_whole_or_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let target = Directory::new(dir.path().to_owned());
        target.put("C1/2026-11-22/14/145000.mp4", &mut b"first".as_slice()).unwrap();
        let e = target.put("C1/2026-11-22/14/145000.mp4", &mut Breaks(3)).unwrap_err();
        assert_eq!((e.fault, e.detail.as_str()), (Fault::Quiet, "office hours began"));
        assert_eq!(fs::read(dir.path().join("C1/2026-11-22/14/145000.mp4")).unwrap(), b"first");
        target.put("C1/2026-11-22/14/145100.mp4", &mut Breaks(0)).unwrap_err();
        assert_eq!(names(&target), ["C1/2026-11-22/14/145000.mp4"]);
        assert_eq!(fs::read_dir(dir.path().join("C1/2026-11-22/14")).unwrap().count(), 1, "nothing half written is left");
        assert_eq!(target.head("C1/2026-11-22/14/145000.mp4").unwrap(), Some(5));
        assert_eq!(target.head("C1/2026-11-22/14/145100.mp4").unwrap(), None);
        let mut told = Vec::new();
        target
            .read("C1/2026-11-22/14/145000.mp4", &mut |block| {
                told.extend_from_slice(block);
                Ok(())
            })
            .unwrap();
        assert_eq!(told, b"first");
    }

    #[test]
    fn a_folder_that_is_not_there_is_unreachable_and_never_made() {
        let dir = tempfile::tempdir().unwrap();
        let target = Directory::new(dir.path().join("not-mounted"));
        let faults = [
            target.put("C1/a", &mut b"x".as_slice()).unwrap_err().fault,
            target.head("C1/a").unwrap_err().fault,
            target.list("C1").unwrap_err().fault,
        ];
        assert_eq!(faults, [Fault::Unreachable; 3]);
        assert!(!dir.path().join("not-mounted").exists());
    }

    #[test]
    fn deleting_the_last_object_takes_its_folders_along() {
        let dir = tempfile::tempdir().unwrap();
        let target = Directory::new(dir.path().to_owned());
        target.put("C1/2026-11-22/14/145000.mp4", &mut b"x".as_slice()).unwrap();
        target.put("C1/2026-11-23/09/090000.mp4", &mut b"y".as_slice()).unwrap();
        target.delete("C1/2026-11-22/14/145000.mp4").unwrap();
        target.delete("C1/2026-11-22/14/145000.mp4").unwrap();
        assert!(!dir.path().join("C1/2026-11-22").exists());
        assert_eq!(names(&target), ["C1/2026-11-23/09/090000.mp4"]);
    }
}
