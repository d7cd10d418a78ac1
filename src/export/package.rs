//! The evidence package (证据包): the exported films, and a signed text that says what they are, where they come from and who asked.
//!
//! ```text
//! window-03.mp4                the film as it was recorded: plays anywhere
//! window-03-stamped.mp4        where the recording carries no stamp: a copy for looking at, with the stamp burnt in
//! evidence.json                what it is; names every other file here with its SHA-256
//! evidence.json.sig            64 bytes: the recorder's Ed25519 signature over evidence.json
//! recorder.pub.pem             the recorder's public key: compare its id with the one shown in the viewer
//! manifests/C3/2026-11-22/…    signed manifests of the days the footage is from
//! keys/…                       public keys of lost keys that signed some of them
//! SHA256SUMS                   for sha256sum -c
//! 如何核验.html                 how to check all this without Jiancha
//! ```

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::gaps::Missing;
use super::page;
use super::plan::Movie;
use super::{Prepared, Purpose};
use crate::catalogue::SegmentRow;
use crate::evidence::{Keyring, NoteWriter as _, Signer, manifest, note};
use crate::hall::CameraId;
use crate::segment::identity::TimeTally;
use crate::segment::seal::hex;
use crate::segment::verify::file::{Examined, Tail, examine};
use crate::time::{KernelClock, RecordedClock, Span, WallTime};

/// Version of the form that this program writes.
pub const FORM_VERSION: u32 = 1;
/// The signed text.
pub const EVIDENCE: &str = "evidence.json";
/// The recorder's public key.
pub const PUBLIC_KEY: &str = "recorder.pub.pem";
/// Digests in the form of `sha256sum`.
pub const SUMS: &str = "SHA256SUMS";
/// The page that tells how to check.
pub const PAGE: &str = "如何核验.html";

/// What an evidence package says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// Version of the form.
    pub version: u32,
    /// Version of the program that made it.
    pub program: String,
    /// Name of the hall.
    pub hall: String,
    /// Administrative division (行政区划).
    pub division: String,
    /// Why and for whom.
    #[serde(flatten)]
    pub purpose: Purpose,
    /// When it was made, by the recorder's clock.
    pub exported: WallTime,
    /// How good that clock was.
    pub clock: ClockNote,
    /// Id of the key that signs it.
    pub key: String,
    /// The span asked for.
    pub asked: Span,
    /// The footage, by window or camera.
    pub subjects: Vec<Subject>,
    /// Every other file of the package but [`SUMS`] and the signature.
    pub files: Vec<FileNote>,
}

/// The state of the recorder's clock at the export.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockNote {
    /// True when it was being corrected by a time server.
    pub synchronised: bool,
    /// Bound on its error in milliseconds.
    pub max_error_ms: i64,
}

impl ClockNote {
    /// The kernel's word; `limit_ms` is the bound up to which a clock counts as synchronised.
    pub fn of(clock: KernelClock, limit_ms: i64) -> Self {
        Self { synchronised: clock.synchronised(limit_ms), max_error_ms: clock.max_error_ms }
    }
}

/// A file of the package.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FileNote {
    /// Its path in the package, with `/`.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// SHA-256 of its bytes, in hexadecimal.
    pub sha256: String,
}

/// The footage of one window or camera.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// The window asked for; `None` when a camera was.
    pub window: Option<String>,
    /// The camera.
    pub camera: CameraId,
    /// From the first picture shown to the end of the last; `None` when nothing was recorded.
    pub delivered: Option<Span>,
    /// The films; more than one only when the coding changed in between.
    pub films: Vec<Film>,
    /// What the span lacks, and why (缺录).
    pub gaps: Vec<Missing>,
    /// The segment files the films were taken from, oldest first.
    pub segments: Vec<SegmentNote>,
    /// Footage without the recorder's stamp (无叠加).
    pub unstamped: Vec<Span>,
    /// Footage that was lost and came back from the backup copy (由备份恢复).
    pub restored: Vec<Span>,
}

/// One exported film.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Film {
    /// Its path in the package.
    pub name: String,
    /// Number of pictures in the file.
    pub pictures: u64,
    /// Number of frames of sound in the file.
    pub sounds: u64,
    /// What is shown when, without a break each.
    pub shown: Vec<Shown>,
    /// For a copy that is there to be looked at (查看副本): the films as recorded that it was made from. Empty for those themselves, which
    /// alone are vouched for by the digests of the segments.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub copy_of: Vec<String>,
    /// The spans in such a copy into which the stamp was burnt at the export (导出时烧录叠加).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub burnt: Vec<Span>,
}

/// Footage without a break in a film.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown {
    /// Capture time of its first picture shown.
    pub from: WallTime,
    /// Capture time at which its last picture ends.
    pub to: WallTime,
    /// Milliseconds from the start of the film as players count.
    pub at_ms: u64,
}

/// A segment file that footage was taken from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentNote {
    /// Its path below the storage root.
    pub path: String,
    /// Its run.
    pub run: String,
    /// Its number in the run.
    pub number: u32,
    /// Capture time of its first picture.
    pub from: WallTime,
    /// Capture time at which its last picture ends.
    pub to: WallTime,
    /// Length of the file.
    pub bytes: u64,
    /// SHA-256 of the run's segment before it, as the file says.
    pub previous: Option<String>,
    /// SHA-256 it was sealed with; `None` while it was still being recorded.
    pub digest: Option<String>,
    /// True when the pictures carry the recorder's stamp.
    pub stamped: bool,
    /// True when the file came back from the backup copy.
    pub restored: bool,
    /// How the recorder's clock was kept when the file was begun; left out where the file does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock: Option<RecordedClock>,
    /// How the capture times of its pictures were found; left out where the file does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<TimeTally>,
    /// What is wrong with the file, found at the export; empty when it is as it was sealed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<String>,
}

impl Film {
    /// What is in `movie`, written as `name`.
    pub fn of(name: String, movie: &Movie) -> Self {
        let shown = movie.stretches.iter().zip(movie.shown()).map(|(stretch, span)| Shown {
            from: span.from,
            to: span.to,
            at_ms: stretch.at_90k.saturating_sub(movie.start_90k) / 90,
        });
        Self {
            name,
            pictures: movie.video.samples.len() as u64,
            sounds: movie.audio.as_ref().map_or(0, |a| a.samples.len() as u64),
            shown: shown.collect(),
            copy_of: Vec::new(),
            burnt: Vec::new(),
        }
    }

    /// What is in `movie`, a copy of the films `originals` with the stamp burnt into `burnt`, written as `name`.
    pub fn copy_of(name: String, movie: &Movie, originals: &[Film], burnt: Vec<Span>) -> Self {
        let (from, to) = (movie.from(), movie.to());
        let shares = |film: &&Film| film.shown.iter().any(|s| s.from < to && s.to > from);
        let copy_of = originals.iter().filter(shares).map(|f| f.name.clone()).collect();
        Self { copy_of, burnt, ..Self::of(name, movie) }
    }
}

/// Reads every segment file that the films were taken from, whole, and holds it against its seal.
pub fn segments(prepared: &Prepared, on_bytes: &mut dyn FnMut(u64)) -> Vec<SegmentNote> {
    let rows = prepared.used().into_iter().filter_map(|n| prepared.rows.get(n));
    rows.map(|row| match examine(Path::new(&row.root), Path::new(&row.path), on_bytes) {
        Some(file) => segment(row, &file),
        None => {
            let gone = "the file went away while it was exported".to_owned();
            note_of(row, None, None, row.to, row.bytes, vec![gone])
        }
    })
    .collect()
}

fn segment(row: &SegmentRow, file: &Examined) -> SegmentNote {
    let open = row.digest.is_none();
    let faults = file.judge(open, Some(row)).into_iter().map(|p| format!("{}: {}", p.kind.word(), p.detail)).collect();
    let previous = file.identity.as_ref().ok().and_then(|i| i.previous.clone());
    let (digest, to, times) = match &file.tail {
        Tail::Sealed { seal, .. } => (Some(seal.digest.clone()), seal.to, seal.times),
        Tail::Open | Tail::Damaged(_) => (None, row.to, None),
    };
    let clock = file.identity.as_ref().ok().and_then(|i| i.clock.clone());
    SegmentNote { clock, times, ..note_of(row, previous, digest, to, file.length, faults) }
}

fn note_of(
    row: &SegmentRow,
    previous: Option<String>,
    digest: Option<String>,
    to: WallTime,
    bytes: u64,
    faults: Vec<String>,
) -> SegmentNote {
    SegmentNote {
        path: row.path.clone(),
        run: row.run.clone(),
        number: row.number,
        from: row.from,
        to,
        bytes,
        previous,
        digest,
        stamped: row.stamped,
        restored: row.restored,
        clock: None,
        times: None,
        faults,
    }
}

/// The spans of what is shown that come from segments of which `what` is true.
pub fn spans_of(segments: &[SegmentNote], shown: &[Span], what: impl Fn(&SegmentNote) -> bool) -> Vec<Span> {
    let of = segments.iter().filter(|s| what(s)).map(|s| Span::new(s.from, s.to));
    let both = of.flat_map(|span| shown.iter().filter_map(move |s| s.intersect(span)));
    // Segments of one run touch to within a picture.
    Span::join(both.collect(), 100_000)
}

/// Why a package could not be made.
#[derive(Debug, thiserror::Error)]
#[error("write {path}: {source} (see whether there is room and the folder may be written)")]
pub struct PackageError {
    /// Which file.
    pub path: PathBuf,
    /// What the system says.
    pub source: std::io::Error,
}

fn fail<'a>(path: &'a Path) -> impl FnOnce(std::io::Error) -> PackageError + 'a {
    move |source| PackageError { path: path.to_owned(), source }
}

/// Copies the signed manifests of the days of `segments` of `camera` into the package, each once.
///
/// # Errors
/// [`PackageError`] when one cannot be written; one that cannot be read is left out.
pub fn copy_manifests(
    folder: &Path,
    roots: &[PathBuf],
    camera: &CameraId,
    segments: &[SegmentNote],
    ring: &Keyring,
) -> Result<(), PackageError> {
    let mut dates: BTreeMap<NaiveDate, ()> = BTreeMap::new();
    dates.extend(segments.iter().map(|s| (manifest::date_of(s.from), ())));
    for date in dates.into_keys() {
        let below = Path::new(camera.as_str()).join(date.to_string());
        let into = folder.join("manifests").join(&below);
        for n in 1.. {
            let name = manifest::name(n);
            let mut found = roots.iter().filter_map(|root| note::read(&root.join(&below), &name, ring).ok().flatten());
            let Some(signed) = found.next() else { break };
            std::fs::create_dir_all(&into).map_err(fail(&into))?;
            note::write_pair(&into, &name, &signed.bytes, &signed.signature).map_err(fail(&into.join(&name)))?;
            copy_key(folder, ring, &signed.key)?;
        }
    }
    Ok(())
}

/// Puts the public half of a lost key into the package; the recorder's own lies there anyway.
fn copy_key(folder: &Path, ring: &Keyring, id: &str) -> Result<(), PackageError> {
    let Some(key) = ring.clone().into_keys().into_iter().skip(1).find(|k| k.id() == id) else { return Ok(()) };
    let keys = folder.join("keys");
    std::fs::create_dir_all(&keys).map_err(fail(&keys))?;
    let name = format!("{id}.pub.pem");
    note::replace(&keys, &name, key.to_pem().as_bytes()).map_err(fail(&keys.join(&name)))
}

/// Completes the package in `folder`, where films and manifests lie already: page, key, `evidence.json` with its signature, sums.
/// `hashed` are digests known from writing. Gives the text that was signed.
///
/// # Errors
/// [`PackageError`].
pub fn complete(
    folder: &Path,
    mut evidence: Evidence,
    signer: &Signer,
    hashed: &BTreeMap<String, String>,
) -> Result<Evidence, PackageError> {
    let write = |name: &str, bytes: &[u8]| note::replace(folder, name, bytes).map_err(fail(&folder.join(name)));
    write(PAGE, page::page(&evidence).as_bytes())?;
    write(PUBLIC_KEY, signer.public().to_pem().as_bytes())?;
    evidence.files =
        list(folder)?.into_iter().map(|name| file_note(folder, &name, hashed.get(&name))).collect::<Result<_, _>>()?;
    // Plain texts and numbers: coding cannot fail.
    let mut text = serde_json::to_vec_pretty(&evidence).unwrap_or_default();
    text.push(b'\n');
    signer.write(folder, EVIDENCE, &text).map_err(fail(&folder.join(EVIDENCE)))?;
    let mut sums = String::new();
    for name in list(folder)? {
        let known = evidence.files.iter().find(|f| f.name == name).map(|f| &f.sha256);
        let file = file_note(folder, &name, known)?;
        sums.push_str(&format!("{}  {}\n", file.sha256, file.name));
    }
    write(SUMS, sums.as_bytes())?;
    Ok(evidence)
}

fn file_note(folder: &Path, name: &str, known: Option<&String>) -> Result<FileNote, PackageError> {
    let path = folder.join(name);
    let bytes = std::fs::metadata(&path).map_err(fail(&path))?.len();
    let sha256 = match known {
        Some(known) => known.clone(),
        None => sha256(&path).map_err(fail(&path))?,
    };
    Ok(FileNote { name: name.to_owned(), bytes, sha256 })
}

/// The files under `folder`, in order, with `/` between names.
///
/// # Errors
/// [`PackageError`] when a folder cannot be listed.
pub fn list(folder: &Path) -> Result<Vec<String>, PackageError> {
    let mut names = Vec::new();
    let mut folders = vec![(folder.to_owned(), String::new())];
    while let Some((folder, prefix)) = folders.pop() {
        for entry in std::fs::read_dir(&folder).map_err(fail(&folder))? {
            let entry = entry.map_err(fail(&folder))?;
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            if entry.path().is_dir() {
                folders.push((entry.path(), format!("{name}/")));
            } else {
                names.push(name);
            }
        }
    }
    names.sort();
    Ok(names)
}

/// SHA-256 of a file, in hexadecimal.
///
/// # Errors
/// The system's error.
pub fn sha256(path: &Path) -> std::io::Result<String> {
    let mut hasher = Sha256::new();
    std::io::copy(&mut File::open(path)?, &mut hasher)?;
    Ok(hex(&hasher.finalize()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_those_shown_and_joined() {
        let span = |a: i64, b: i64| Span::new(WallTime::from_micros(a * 1_000_000), WallTime::from_micros(b * 1_000_000));
        let segment = |number: u32, a: i64, b: i64, stamped: bool| SegmentNote {
            path: String::new(),
            run: "r".into(),
            number,
            from: span(a, b).from,
            to: span(a, b).to,
            bytes: 1,
            previous: None,
            digest: None,
            stamped,
            restored: false,
            clock: None,
            times: None,
            faults: Vec::new(),
        };
        let segments = [segment(0, 0, 60, false), segment(1, 60, 120, false), segment(2, 120, 180, true)];
        assert_eq!(spans_of(&segments, &[span(10, 150)], |s| !s.stamped), [span(10, 120)]);
        assert_eq!(spans_of(&segments, &[span(10, 150)], |s| s.stamped), [span(120, 150)]);
    }
}
