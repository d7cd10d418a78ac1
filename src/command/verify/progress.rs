//! What an interrupted verify had done: a file of JSON lines, one per file examined, one per camera finished.
//!
//! The lines of a camera's files give way to one line when the camera is finished, so the file stays small. A file counts as
//! examined only while its length and time of change are those noted; a line cut short by a kill does not count.

use std::collections::{BTreeMap, HashMap};
use std::fs::{File, OpenOptions};
use std::io::{BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

use crate::hall::{CameraId, Hall};
use crate::segment::verify::Problem;
use crate::segment::verify::file::{Examined, Tail};
use crate::time::Span;

/// Version of the lines' form.
const VERSION: u32 = 1;

/// What was asked for: another question cannot go on from the same state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Header {
    version: u32,
    asked: Span,
    camera: Option<CameraId>,
    roots: Vec<PathBuf>,
}

impl Header {
    pub(super) fn new(hall: &Hall, asked: Span, camera: Option<&CameraId>) -> Self {
        let roots = hall.storage.iter().map(|r| r.path.clone()).collect();
        Self { version: VERSION, asked, camera: camera.cloned(), roots }
    }
}

/// What was found of a camera.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct CameraDone {
    pub(super) segments: u64,
    pub(super) bytes: u64,
    pub(super) empty: u64,
    pub(super) manifests: BTreeMap<String, u64>,
    pub(super) problems: Vec<Problem>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Line {
    Header(Header),
    Camera { camera: CameraId, done: CameraDone },
    File { changed_nanos: u64, file: Box<Examined> },
}

/// The state of a resumable verify; does nothing without a file.
pub(super) struct Progress {
    out: Option<(PathBuf, File)>,
    header: Option<Header>,
    cameras: BTreeMap<CameraId, CameraDone>,
    files: HashMap<PathBuf, (u64, Examined)>,
}

impl Progress {
    /// Without a file: nothing is kept.
    pub(super) fn none() -> Self {
        Self { out: None, header: None, cameras: BTreeMap::new(), files: HashMap::new() }
    }

    /// Goes on from the file at `path`, or begins it.
    ///
    /// # Errors
    /// A sentence when the file cannot be used, or tells of another question.
    pub(super) fn open(path: &Path, header: &Header) -> Result<Self, String> {
        let mut progress = Self::none();
        progress.header = Some(header.clone());
        match File::open(path) {
            Ok(file) => progress.read(BufReader::new(file), path, header)?,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(e) => return Err(format!("read {}: {e}", path.display())),
        }
        progress.out = Some((path.to_owned(), Self::begin(path, &progress)?));
        Ok(progress)
    }

    fn read(&mut self, lines: impl std::io::BufRead, path: &Path, header: &Header) -> Result<(), String> {
        for (n, line) in lines.lines().map_while(Result::ok).enumerate() {
            match serde_json::from_str(&line) {
                Ok(Line::Header(found)) if n == 0 && &found == header => {}
                Ok(Line::Camera { camera, done }) if n > 0 => {
                    self.cameras.insert(camera, done);
                }
                Ok(Line::File { changed_nanos, file }) if n > 0 => {
                    self.files.insert(file.root.join(&file.relative), (changed_nanos, *file));
                }
                _ if n == 0 => {
                    return Err(format!(
                        "{} was left by a verify of another range, camera or hall: ask for the same again, or delete it to begin anew",
                        path.display()
                    ));
                }
                _ => break,
            }
        }
        Ok(())
    }

    /// Writes what is known into a new file in place of the old one, and goes on writing there.
    fn begin(path: &Path, progress: &Self) -> Result<File, String> {
        let fail = |e: std::io::Error| format!("write {}: {e}", path.display());
        let aside = path.with_extension("new");
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(&aside).map_err(fail)?;
        let header = progress.header.iter().map(|h| Line::Header(h.clone()));
        let cameras = progress.cameras.iter().map(|(camera, done)| Line::Camera { camera: camera.clone(), done: done.clone() });
        let files = progress
            .files
            .values()
            .map(|(changed_nanos, file)| Line::File { changed_nanos: *changed_nanos, file: Box::new(file.clone()) });
        for line in header.chain(cameras).chain(files) {
            file.write_all(&bytes(&line)).map_err(fail)?;
        }
        std::fs::rename(&aside, path).map_err(fail)?;
        Ok(file)
    }

    /// What was found of a camera that is finished.
    pub(super) fn done(&self, camera: &CameraId) -> Option<CameraDone> {
        self.cameras.get(camera).cloned()
    }

    /// What was found of a file, when it is still as it was.
    pub(super) fn examined(&self, root: &Path, relative: &Path, path: &Path) -> Option<Examined> {
        let (noted, file) = self.files.get(&root.join(relative))?;
        let (length, changed) = seen(path)?;
        (file.length == length && *noted == changed).then(|| file.clone())
    }

    /// Notes what was found of a file. One that is still open will be another.
    pub(super) fn note(&mut self, file: &Examined, path: &Path) -> Result<(), String> {
        let Some((state, out)) = &mut self.out else { return Ok(()) };
        let (Tail::Sealed { .. }, Some((_, changed_nanos))) = (&file.tail, seen(path)) else { return Ok(()) };
        let line = Line::File { changed_nanos, file: Box::new(file.clone()) };
        out.write_all(&bytes(&line)).map_err(|e| format!("write {}: {e}", state.display()))
    }

    /// Notes that a camera is finished.
    pub(super) fn finish(&mut self, camera: &CameraId, done: &CameraDone) -> Result<(), String> {
        let Some((path, _)) = &self.out else { return Ok(()) };
        let path = path.clone();
        self.files.retain(|_, (_, file)| file.relative.components().next().is_none_or(|c| c.as_os_str() != camera.as_str()));
        self.cameras.insert(camera.clone(), done.clone());
        self.out = Some((path.clone(), Self::begin(&path, self)?));
        Ok(())
    }

    /// All is done: the next verify begins anew.
    pub(super) fn clear(&mut self) -> Result<(), String> {
        let Some((path, _)) = self.out.take() else { return Ok(()) };
        std::fs::remove_file(&path).map_err(|e| format!("remove {}: {e}", path.display()))
    }
}

/// Length and time of change of a file.
fn seen(path: &Path) -> Option<(u64, u64)> {
    let metadata = std::fs::metadata(path).ok()?;
    let changed = metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some((metadata.len(), u64::try_from(changed.as_nanos()).ok()?))
}

fn bytes(line: &Line) -> Vec<u8> {
    // Plain texts and numbers: coding cannot fail.
    let mut bytes = serde_json::to_vec(line).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::identity::Seal;
    use crate::time::WallTime;

    fn header(camera: &str) -> Header {
        let asked = Span::new(WallTime::from_micros(0), WallTime::from_micros(9));
        Header { version: VERSION, asked, camera: Some(CameraId::new(camera)), roots: vec!["/a".into()] }
    }

    fn sealed(root: &Path, name: &str) -> Examined {
        let path = root.join("C1").join(name);
        std::fs::create_dir_all(root.join("C1")).unwrap();
        std::fs::write(&path, b"12345").unwrap();
        let seal = Seal { digest: "d".into(), bytes: 5, to: WallTime::from_micros(1), pictures: 1, parts: 1, times: None };
        Examined {
            root: root.to_owned(),
            relative: Path::new("C1").join(name),
            length: 5,
            identity: Err("not looked at".into()),
            parts: 1,
            tail: Tail::Sealed { seal, digest: "d".into(), fault: None },
        }
    }

    #[test]
    fn an_interrupted_verify_goes_on_after_its_last_whole_line() {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join("state.jsonl");
        let (one, two) = (sealed(dir.path(), "1.mp4"), sealed(dir.path(), "2.mp4"));
        let path = |file: &Examined| file.root.join(&file.relative);
        let mut progress = Progress::open(&state, &header("C1")).unwrap();
        progress.note(&one, &path(&one)).unwrap();
        progress.note(&two, &path(&two)).unwrap();
        drop(progress);
        // A kill cuts the last line short.
        let mut text = std::fs::read(&state).unwrap();
        text.truncate(text.len() - 9);
        std::fs::write(&state, text).unwrap();
        let progress = Progress::open(&state, &header("C1")).unwrap();
        assert!(progress.examined(dir.path(), &one.relative, &path(&one)).is_some());
        assert!(progress.examined(dir.path(), &two.relative, &path(&two)).is_none());
        // A file that changed is read again.
        std::fs::write(path(&one), b"123456").unwrap();
        assert!(progress.examined(dir.path(), &one.relative, &path(&one)).is_none());
    }

    #[test]
    fn finished_cameras_are_kept_and_their_files_are_not() {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join("state.jsonl");
        let one = sealed(dir.path(), "1.mp4");
        let mut progress = Progress::open(&state, &header("C1")).unwrap();
        progress.note(&one, &one.root.join(&one.relative)).unwrap();
        let done = CameraDone { segments: 1, bytes: 5, ..CameraDone::default() };
        progress.finish(&CameraId::new("C1"), &done).unwrap();
        drop(progress);
        assert_eq!(std::fs::read_to_string(&state).unwrap().lines().count(), 2);
        let mut progress = Progress::open(&state, &header("C1")).unwrap();
        assert_eq!(progress.done(&CameraId::new("C1")), Some(done));
        progress.clear().unwrap();
        assert!(!state.exists());
    }

    #[test]
    fn the_state_of_another_question_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join("state.jsonl");
        drop(Progress::open(&state, &header("C1")).unwrap());
        let refused = Progress::open(&state, &header("C2")).err().unwrap();
        assert!(refused.contains("delete it"), "{refused}");
    }
}
