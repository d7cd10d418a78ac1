//! Doubts an evidence package, offline: needs the package and the recorder's public key, nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use chrono::NaiveDate;
use serde::Serialize;

use super::package::{EVIDENCE, Evidence, FORM_VERSION, PUBLIC_KEY, SUMS, SegmentNote, Subject, list, sha256};
use crate::evidence::manifest::{self, Manifest};
use crate::evidence::{Keyring, PublicHalf, note};
use crate::observe::state::Bilingual;
use crate::time::Span;

/// What is wrong with a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultKind {
    /// `evidence.json` is not what the key signed.
    SignatureInvalid,
    /// The package's key is another one than the key checked against.
    KeyMismatch,
    /// A file that the signed text names is gone.
    FileMissing,
    /// A file is not the one the signed text names.
    FileChanged,
    /// The signed text does not name the file.
    FileForeign,
    /// `SHA256SUMS` tells something else than the files.
    SumsMismatch,
    /// A manifest is not what was signed.
    ManifestInvalid,
    /// A segment does not fit its day's manifest.
    ManifestMismatch,
    /// A segment does not follow the one before it.
    ChainBroken,
    /// Segments are missing between two, and no gap is told.
    NumberGap,
    /// The recorder itself found a source file not as it was sealed.
    SourceUnsound,
}

impl FaultKind {
    /// The word used in JSON and tables.
    pub fn word(self) -> &'static str {
        match self {
            Self::SignatureInvalid => "signature-invalid",
            Self::KeyMismatch => "key-mismatch",
            Self::FileMissing => "file-missing",
            Self::FileChanged => "file-changed",
            Self::FileForeign => "file-foreign",
            Self::SumsMismatch => "sums-mismatch",
            Self::ManifestInvalid => "manifest-invalid",
            Self::ManifestMismatch => "manifest-mismatch",
            Self::ChainBroken => "chain-broken",
            Self::NumberGap => "number-gap",
            Self::SourceUnsound => "source-unsound",
        }
    }

    /// What is wrong, in both languages.
    pub fn words(self) -> Bilingual {
        let (zh, en) = match self {
            Self::SignatureInvalid => (
                "证据说明的签名无效：内容被改动，或不是由该密钥签署。",
                "The signed text was changed, or another key signed it.",
            ),
            Self::KeyMismatch => {
                ("证据包中的密钥与所用公钥不是同一把。", "The package names another key than the one checked against.")
            }
            Self::FileMissing => ("证据包缺少文件。", "A file of the package is gone."),
            Self::FileChanged => ("文件内容被改动。", "The file was changed."),
            Self::FileForeign => {
                ("证据说明中没有这个文件：是后来放入的。", "The signed text does not know the file: it was put in later.")
            }
            Self::SumsMismatch => ("SHA256SUMS 与文件不符。", "SHA256SUMS tells something else than the files."),
            Self::ManifestInvalid => ("日清单的签名无效。", "The signature of a day's manifest does not hold."),
            Self::ManifestMismatch => ("来源文件与当日清单不符。", "A source file does not fit the manifest of its day."),
            Self::ChainBroken => ("来源文件的摘要前后不相连。", "A source file does not follow the one before it."),
            Self::NumberGap => {
                ("来源文件之间有缺号，且未列为缺录。", "Source files are missing in between, and no gap is told.")
            }
            Self::SourceUnsound => {
                ("导出时来源文件已与封存时不同。", "A source file was not as it was sealed when the export was made.")
            }
        };
        Bilingual { zh: zh.into(), en: en.into() }
    }
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// The file in the package, or the source file named in it.
    pub file: String,
    /// What is wrong.
    pub kind: FaultKind,
    /// The circumstances.
    pub detail: String,
    /// What is wrong, in words.
    pub what: Bilingual,
}

/// What a check found.
#[derive(Debug, Serialize)]
pub struct Checked {
    /// Id of the key checked against.
    pub key: String,
    /// True when that key is only the one inside the package: it proves that the files belong together, not whose they are.
    pub key_from_package: bool,
    /// Number of files checked.
    pub files: usize,
    /// Number of source segments looked at.
    pub segments: usize,
    /// Number of signed manifests inside.
    pub manifests: usize,
    /// Findings.
    pub problems: Vec<Fault>,
    /// What the package says.
    #[serde(skip)]
    pub evidence: Evidence,
}

/// Why a package cannot be checked.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// There is no such package.
    #[error("read {path}: {source} (name the package's folder, or its evidence.json)")]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The signed text cannot be understood.
    #[error("{path} is no evidence of form version {FORM_VERSION} or older: {reason}")]
    Form {
        /// Which file.
        path: PathBuf,
        /// What was found.
        reason: String,
    },
    /// No key to check against.
    #[error("no public key: {0} (name the recorder's with --key)")]
    NoKey(String),
}

struct Check<'a> {
    folder: &'a Path,
    problems: Vec<Fault>,
}

impl Check<'_> {
    fn tell(&mut self, file: impl Into<String>, kind: FaultKind, detail: impl Into<String>) {
        self.problems.push(Fault { file: file.into(), kind, detail: detail.into(), what: kind.words() });
    }
}

/// Checks the package in `folder` against `key`; without one, against the key inside. `on_bytes` is told of bytes read.
///
/// # Errors
/// [`CheckError`] when there is nothing that could be checked.
pub fn check(folder: &Path, key: Option<PublicHalf>, on_bytes: &mut dyn FnMut(u64)) -> Result<Checked, CheckError> {
    let io = |path: &Path| {
        let path = path.to_owned();
        move |source| CheckError::Io { path, source }
    };
    let text_path = folder.join(EVIDENCE);
    let text = std::fs::read(&text_path).map_err(io(&text_path))?;
    let form = |reason: String| CheckError::Form { path: text_path.clone(), reason };
    let evidence: Evidence = serde_json::from_slice(&text).map_err(|e| form(e.to_string()))?;
    if evidence.version > FORM_VERSION {
        return Err(form(format!("it has version {}", evidence.version)));
    }
    let mut check = Check { folder, problems: Vec::new() };
    let inside = PublicHalf::read(&folder.join(PUBLIC_KEY));
    let key_from_package = key.is_none();
    let key = match (key, &inside) {
        (Some(key), Ok(inside)) => {
            if &key != inside {
                let detail = format!("it is key {}, checked is against {}", inside.id(), key.id());
                check.tell(PUBLIC_KEY, FaultKind::KeyMismatch, detail);
            }
            key
        }
        (Some(key), Err(_)) => key,
        (None, Ok(inside)) => inside.clone(),
        (None, Err(e)) => return Err(CheckError::NoKey(e.to_string())),
    };
    if evidence.key != key.id() {
        let detail = format!("it names key {}, checked is against {}", evidence.key, key.id());
        check.tell(EVIDENCE, FaultKind::KeyMismatch, detail);
    }
    match std::fs::read(folder.join(note::signature_name(EVIDENCE))) {
        Ok(signature) if key.signed(&text, &signature) => {}
        Ok(_) => check.tell(EVIDENCE, FaultKind::SignatureInvalid, format!("not signed by key {}", key.id())),
        Err(e) => check.tell(note::signature_name(EVIDENCE), FaultKind::FileMissing, e.to_string()),
    }
    let files = check.files(&evidence, on_bytes).map_err(|e| CheckError::Io { path: e.path, source: e.source })?;
    let mut ring = Keyring::from(key.clone());
    // The signed text vouches for the keys it names.
    for file in evidence.files.iter().filter(|f| f.name.starts_with("keys/")) {
        if let Ok(key) = PublicHalf::read(&folder.join(&file.name)) {
            ring.add(key);
        }
    }
    let manifests = check.manifests(&evidence, &ring);
    for subject in &evidence.subjects {
        check.chain(subject);
        check.days(subject, &manifests);
    }
    Ok(Checked {
        key: key.id().to_owned(),
        key_from_package,
        files,
        segments: evidence.subjects.iter().map(|s| s.segments.len()).sum(),
        manifests: manifests.values().map(Vec::len).sum(),
        problems: check.problems,
        evidence,
    })
}

/// The manifests of a package by camera and date, by number.
type Manifests = BTreeMap<(String, NaiveDate), Vec<(u32, Manifest)>>;

impl Check<'_> {
    /// Every file against the signed text, and `SHA256SUMS` against the files. Gives how many there are.
    fn files(&mut self, evidence: &Evidence, on_bytes: &mut dyn FnMut(u64)) -> Result<usize, super::package::PackageError> {
        let mut digests: BTreeMap<String, String> = BTreeMap::new();
        let there = list(self.folder)?;
        for name in &there {
            let path = self.folder.join(name);
            match sha256(&path) {
                Ok(digest) => {
                    digests.insert(name.clone(), digest);
                }
                Err(e) => self.tell(name, FaultKind::FileMissing, e.to_string()),
            }
            on_bytes(std::fs::metadata(&path).map_or(0, |m| m.len()));
        }
        let own = [EVIDENCE.to_owned(), note::signature_name(EVIDENCE), SUMS.to_owned()];
        let mut known: BTreeSet<&str> = own.iter().map(String::as_str).collect();
        for file in &evidence.files {
            known.insert(&file.name);
            let bytes = std::fs::metadata(self.folder.join(&file.name)).map(|m| m.len()).ok();
            match digests.get(&file.name) {
                None => self.tell(&file.name, FaultKind::FileMissing, "the signed text names it"),
                Some(digest) if digest != &file.sha256 || bytes != Some(file.bytes) => {
                    let detail = format!(
                        "{} bytes with SHA-256 {digest}, signed were {} with {}",
                        bytes.unwrap_or(0),
                        file.bytes,
                        file.sha256
                    );
                    self.tell(&file.name, FaultKind::FileChanged, detail);
                }
                Some(_) => {}
            }
        }
        for name in there.iter().filter(|name| !known.contains(name.as_str())) {
            self.tell(name, FaultKind::FileForeign, "the signed text does not name it");
        }
        let films: Vec<_> = evidence.subjects.iter().flat_map(|s| &s.films).collect();
        for (film, original) in films.iter().flat_map(|f| f.copy_of.iter().map(move |o| (f, o))) {
            if !films.iter().any(|f| &f.name == original && f.copy_of.is_empty()) {
                self.tell(original, FaultKind::FileMissing, format!("{} is a copy of it", film.name));
            }
        }
        for film in films {
            if !evidence.files.iter().any(|f| f.name == film.name) {
                self.tell(&film.name, FaultKind::FileForeign, "it is a film of the package without a digest");
            }
        }
        self.sums(&digests);
        Ok(there.len())
    }

    fn sums(&mut self, digests: &BTreeMap<String, String>) {
        let Ok(text) = std::fs::read_to_string(self.folder.join(SUMS)) else {
            self.tell(SUMS, FaultKind::FileMissing, "every package has it");
            return;
        };
        let told: BTreeMap<&str, &str> = text.lines().filter_map(|line| line.split_once("  ")).map(|(d, n)| (n, d)).collect();
        let names: BTreeSet<&str> = digests.keys().map(String::as_str).chain(told.keys().copied()).collect();
        for name in names.into_iter().filter(|name| *name != SUMS) {
            if digests.get(name).map(String::as_str) != told.get(name).copied() {
                self.tell(SUMS, FaultKind::SumsMismatch, format!("it does not tell what {name} is"));
            }
        }
    }

    fn manifests(&mut self, evidence: &Evidence, ring: &Keyring) -> Manifests {
        let mut manifests = Manifests::new();
        for file in &evidence.files {
            let mut parts = file.name.split('/');
            let (Some("manifests"), Some(camera), Some(date), Some(name), None) =
                (parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
            else {
                continue;
            };
            let (Some(n), Ok(date)) = (manifest::number(name), date.parse::<NaiveDate>()) else { continue };
            let folder = self.folder.join("manifests").join(camera).join(date.to_string());
            let read = match note::read(&folder, name, ring) {
                Ok(Some(signed)) => Manifest::read(&signed.bytes, &crate::hall::CameraId::new(camera), date),
                Ok(None) => continue,
                Err(e) => Err(e.to_string()),
            };
            match read {
                Ok(manifest) => manifests.entry((camera.to_owned(), date)).or_default().push((n, manifest)),
                Err(reason) => self.tell(&file.name, FaultKind::ManifestInvalid, reason),
            }
        }
        manifests
    }

    /// The segments of a subject against each other.
    fn chain(&mut self, subject: &Subject) {
        for segment in &subject.segments {
            for fault in &segment.faults {
                self.tell(&segment.path, FaultKind::SourceUnsound, fault);
            }
        }
        let mut runs: BTreeMap<&str, Vec<&SegmentNote>> = BTreeMap::new();
        for segment in &subject.segments {
            runs.entry(&segment.run).or_default().push(segment);
        }
        for run in runs.values_mut() {
            run.sort_by_key(|s| s.number);
            for pair in run.windows(2) {
                let [before, next] = pair else { continue };
                if next.number == before.number + 1 {
                    if before.digest.is_some() && next.previous != before.digest {
                        self.tell(&next.path, FaultKind::ChainBroken, format!("it does not follow {}", before.path));
                    }
                    continue;
                }
                let hole = Span::new(before.to, next.from);
                let told = subject.gaps.iter().any(|g| Span::new(g.from, g.to).intersect(hole).is_some());
                if next.number == before.number {
                    self.tell(&next.path, FaultKind::ChainBroken, format!("{} has the same number", before.path));
                } else if !told {
                    let detail = format!("number {} of run {} follows {}", next.number, next.run, before.number);
                    self.tell(&next.path, FaultKind::NumberGap, detail);
                }
            }
        }
    }

    /// The segments of a subject against the newest manifests of their days.
    fn days(&mut self, subject: &Subject, manifests: &Manifests) {
        for segment in &subject.segments {
            let date = manifest::date_of(segment.from);
            let newest = manifests.get(&(subject.camera.to_string(), date)).and_then(|m| m.iter().max_by_key(|(n, _)| *n));
            let Some((n, manifest)) = newest else { continue };
            if let Some(detail) = disagreement(segment, manifest) {
                self.tell(&segment.path, FaultKind::ManifestMismatch, format!("{} of {date}: {detail}", manifest::name(*n)));
            }
        }
    }
}

fn disagreement(segment: &SegmentNote, manifest: &Manifest) -> Option<String> {
    let Some(run) = manifest.run(&segment.run).filter(|r| (r.first..=r.last).contains(&segment.number)) else {
        return Some(format!("it knows no number {} of run {}", segment.number, segment.run));
    };
    if segment.number == run.first && segment.previous != run.previous {
        return Some("the day's first segment follows another one".to_owned());
    }
    if segment.number == run.last && segment.digest.as_ref() != Some(&run.head) {
        return Some(format!("the day's last segment has the digest {}", run.head));
    }
    None
}
