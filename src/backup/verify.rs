//! Doubt on both sides: recordings against their seals, copies against what was copied; the bad side is replaced from the good one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::BackupError;
use super::ask::{Ask, Books};
use super::copy::{Item, Traffic, not_as_written, read_back, upload};
use super::records::CopyRow;
use super::restore::fetch;
use super::source::{Source, Whole};
use super::target::{Fault, Target};
use crate::catalogue::SegmentRow;
use crate::hall::CameraId;
use crate::observe::state::Bilingual;
use crate::segment::verify::file::begun;
use crate::time::{Clock, Span};

/// Which side of a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// The recording.
    Primary,
    /// Its copy.
    Copy,
}

/// What is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// It is not there.
    Missing,
    /// Its bytes are not those that were sealed or copied.
    DigestMismatch,
    /// It cannot be read.
    Unreadable,
    /// Its storage root is not there.
    RootMissing,
}

impl Kind {
    /// The word used in JSON and tables.
    pub fn word(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::DigestMismatch => "digest-mismatch",
            Self::Unreadable => "unreadable",
            Self::RootMissing => "root-missing",
        }
    }

    fn words(self, side: Side) -> (Bilingual, Bilingual) {
        let (zh_side, en_side) = match side {
            Side::Primary => ("录像", "recording"),
            Side::Copy => ("备份副本", "copy"),
        };
        let (zh, en) = match self {
            Self::Missing => (format!("{zh_side}不存在。"), format!("The {en_side} is not there.")),
            Self::DigestMismatch => (format!("{zh_side}的内容已改变。"), format!("The bytes of the {en_side} have changed.")),
            Self::Unreadable => (format!("{zh_side}无法读取。"), format!("The {en_side} cannot be read.")),
            Self::RootMissing => (
                "存储目录不存在，其中的录像没有检查。".into(),
                "The storage root is not there; its recordings were not checked.".into(),
            ),
        };
        let (remedy_zh, remedy_en) = match self {
            Self::RootMissing => ("请挂载该盘后再检查。", "Mount the disk and verify again."),
            _ => (
                "请加 --repair 用完好的一份替换；并检查磁盘（smartctl -a），查明谁能写入。",
                "Run it with --repair to replace it from the good side; check the disk (smartctl -a) and who may write there.",
            ),
        };
        (Bilingual { zh, en }, Bilingual { zh: remedy_zh.into(), en: remedy_en.into() })
    }
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The file in full, or the object.
    pub file: String,
    /// Which side.
    pub side: Side,
    /// What is wrong.
    pub kind: Kind,
    /// The circumstances.
    pub detail: String,
    /// True when it was replaced from the other side.
    pub repaired: bool,
    /// What was found, in words.
    pub what: Bilingual,
    /// What to do.
    pub remedy: Bilingual,
}

impl Problem {
    fn new(file: String, side: Side, kind: Kind, detail: impl Into<String>) -> Self {
        let (what, remedy) = kind.words(side);
        Self { file, side, kind, detail: detail.into(), repaired: false, what, remedy }
    }
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// Recordings read.
    pub recordings: u64,
    /// Copies read.
    pub copies: u64,
    /// Bytes read, on both sides.
    pub bytes: u64,
    /// Recordings that have no proven copy yet: the copier's work, no problem.
    pub not_yet: u64,
    /// Objects on the target that the catalogue does not know; they are left alone.
    pub unlisted: u64,
    /// Problems that were repaired.
    pub repaired: u64,
    /// Problems.
    pub problems: Vec<Problem>,
}

/// What to look at.
#[derive(Clone, Debug)]
pub struct Scope {
    /// Cameras.
    pub cameras: Vec<CameraId>,
    /// Files that begin in here.
    pub span: Span,
    /// Replace the bad side from the good one.
    pub repair: bool,
}

/// A pass over both sides.
pub struct Verify<'a> {
    /// Where the copies lie.
    pub target: &'a dyn Target,
    /// What is known.
    pub books: &'a dyn Books,
    /// Storage roots of hall.toml.
    pub roots: &'a [PathBuf],
    /// How fast.
    pub traffic: &'a mut Traffic,
    /// For marks and names.
    pub clock: &'a dyn Clock,
}

/// What one side is found to be.
enum Found {
    /// As it should be.
    Good(Whole),
    /// Not as it should be.
    Bad(Kind, String),
    /// There is none, and need not be.
    None,
}

/// The two sides of one file.
struct Pair {
    path: String,
    row: Option<SegmentRow>,
    copy: Option<CopyRow>,
}

impl Verify<'_> {
    /// Looks at everything in `scope`. `planned` is told the bytes to be read, `problem` each finding at once.
    ///
    /// # Errors
    /// [`BackupError`] when the target does not answer or the books cannot be read.
    pub fn run(&mut self, scope: &Scope, planned: &mut dyn FnMut(u64)) -> Result<Verified, BackupError> {
        let mut told = Verified::default();
        let id = self.books.target()?.map(|t| t.id).unwrap_or_default();
        let missing: BTreeSet<&Path> = self.roots.iter().map(PathBuf::as_path).filter(|r| !r.is_dir()).collect();
        for root in &missing {
            told.problems.push(Problem::new(root.display().to_string(), Side::Primary, Kind::RootMissing, "no such folder"));
        }
        let mut pairs = Vec::new();
        for camera in &scope.cameras {
            pairs.extend(self.pairs(camera, scope.span, &id, &mut told)?);
        }
        planned(pairs.iter().map(|p| p.row.as_ref().map_or(0, |r| r.bytes) + p.copy.as_ref().map_or(0, |c| c.bytes)).sum());
        for pair in pairs {
            let unseen = pair.row.as_ref().is_some_and(|row| missing.contains(Path::new(&row.root)));
            self.pair(&pair, unseen, scope.repair, &mut told)?;
        }
        told.repaired = told.problems.iter().filter(|p| p.repaired).count() as u64;
        Ok(told)
    }

    /// Recordings and copies of a camera, matched.
    fn pairs(&self, camera: &CameraId, span: Span, id: &str, told: &mut Verified) -> Result<Vec<Pair>, BackupError> {
        let inside = |object: &str| {
            let path = super::plan::original_path(object);
            begun(Path::new(&path)).is_none_or(|t| span.contains(t))
        };
        let all = self.books.copies(&format!("{camera}/"))?;
        let names: BTreeSet<&str> = all.iter().map(|row| row.object.as_str()).collect();
        let listed = self.target.list(camera.as_str())?;
        let set_aside = |name: &str| name.contains(".bad-");
        told.unlisted +=
            listed.iter().filter(|o| inside(&o.name) && !names.contains(o.name.as_str()) && !set_aside(&o.name)).count() as u64;
        let ours = all.into_iter().filter(|row| row.target == id && inside(&row.object));
        let mut copies: BTreeMap<(String, String), CopyRow> =
            ours.map(|row| ((super::plan::original_path(&row.object), row.content.clone()), row)).collect();
        let mut pairs = Vec::new();
        for row in self.books.segments(camera, span)? {
            let Some(digest) = row.digest.clone() else { continue };
            let copy = copies.remove(&(row.path.clone(), digest));
            told.not_yet += u64::from(copy.as_ref().is_none_or(|c| c.proven_at.is_none()));
            pairs.push(Pair { path: row.path.clone(), row: Some(row), copy });
        }
        pairs.extend(copies.into_iter().map(|((path, _), copy)| Pair { path, row: None, copy: Some(copy) }));
        pairs.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(pairs)
    }

    fn pair(&mut self, pair: &Pair, unseen: bool, repair: bool, told: &mut Verified) -> Result<(), BackupError> {
        let primary = if unseen { Found::None } else { self.primary(pair, told)? };
        let copy = self.copy(pair, told)?;
        if let (Found::Bad(..), Some(row)) = (&copy, &pair.copy) {
            // From now on it does not count: retention must not rely on it, and the copier makes it anew.
            self.books.ask(Ask::Enter { copy: CopyRow { proven_at: None, ..row.clone() } })?;
        }
        let mut problems = Vec::new();
        if let (Found::Bad(kind, detail), Some(row)) = (&primary, &pair.row) {
            let file = Path::new(&row.root).join(&row.path).display().to_string();
            problems.push(Problem::new(file, Side::Primary, *kind, detail.as_str()));
        }
        if let (Found::Bad(kind, detail), Some(row)) = (&copy, &pair.copy) {
            problems.push(Problem::new(row.object.clone(), Side::Copy, *kind, detail.as_str()));
        }
        if repair && let [problem] = problems.as_mut_slice() {
            // Both bad, or only one there: nothing to replace it from.
            let mended = match (&primary, &copy) {
                (Found::Bad(kind, _), Found::Good(_)) => self.mend_primary(pair, *kind),
                (Found::Good(whole), Found::Bad(kind, _)) => self.mend_copy(pair, *kind, whole),
                _ => Ok(false),
            };
            match mended {
                Ok(mended) => problem.repaired = mended,
                Err(BackupError::Target(e)) if matches!(e.fault, Fault::Stopped | Fault::Quiet) => return Err(e.into()),
                Err(e) => problem.detail = format!("{}; it could not be repaired: {e}", problem.detail),
            }
        }
        told.problems.append(&mut problems);
        Ok(())
    }

    /// Reads the recording.
    fn primary(&mut self, pair: &Pair, told: &mut Verified) -> Result<Found, BackupError> {
        let Some(row) = &pair.row else { return Ok(Found::None) };
        let (Some(digest), file) = (&row.digest, Path::new(&row.root).join(&row.path)) else { return Ok(Found::None) };
        if !file.exists() {
            let detail = format!("recorded from {} to {}", row.from, row.to);
            return Ok(Found::Bad(Kind::Missing, detail));
        }
        told.recordings += 1;
        let mut bytes = 0;
        // The recording is read at the pace of the copy, and told to the same progress bar.
        let mut stopped = false;
        let mut gate = |n| {
            bytes += n;
            let passed = self.traffic.downward(n);
            stopped |= passed.is_err();
            passed
        };
        let read = Source::segment(&file, digest, &mut gate).and_then(Source::hash);
        told.bytes += bytes;
        Ok(match read {
            Ok(whole) => match &pair.copy {
                Some(copy) if copy.digest != whole.digest => {
                    Found::Bad(Kind::DigestMismatch, format!("copied as {}, the file gives {}", copy.digest, whole.digest))
                }
                _ => Found::Good(whole),
            },
            Err(e) if stopped => return Err(super::target::source_error(&self.target.name(), &pair.path, &e).into()),
            Err(e) => {
                let changed = e.to_string().contains("seal");
                Found::Bad(if changed { Kind::DigestMismatch } else { Kind::Unreadable }, e.to_string())
            }
        })
    }

    /// Reads the copy.
    fn copy(&mut self, pair: &Pair, told: &mut Verified) -> Result<Found, BackupError> {
        let Some(row) = &pair.copy else { return Ok(Found::None) };
        told.copies += 1;
        match read_back(self.target, &row.object, self.traffic) {
            Ok(whole) => {
                told.bytes += whole.bytes;
                if whole.digest == row.digest {
                    self.books.ask(Ask::Enter { copy: CopyRow { proven_at: Some(self.clock.wall()), ..row.clone() } })?;
                    return Ok(Found::Good(whole));
                }
                Ok(Found::Bad(Kind::DigestMismatch, format!("copied as {}, the object gives {}", row.digest, whole.digest)))
            }
            Err(e) if e.fault == Fault::Missing => Ok(Found::Bad(Kind::Missing, format!("copied at {}", row.copied_at))),
            // An error of one object on a disk that goes bad is that object's; one of the whole target ends the pass.
            Err(e) if e.fault == Fault::Broken => Ok(Found::Bad(Kind::Unreadable, e.detail)),
            Err(e) => Err(e.into()),
        }
    }

    fn aside(&self, name: &str) -> String {
        format!("{name}.bad-{}", self.clock.wall().beijing().format("%Y%m%dT%H%M%S"))
    }

    fn mend_primary(&mut self, pair: &Pair, kind: Kind) -> Result<bool, BackupError> {
        let (Some(row), Some(copy)) = (&pair.row, &pair.copy) else { return Ok(false) };
        let root = Path::new(&row.root);
        let file = root.join(&row.path);
        let fetched = fetch(self.target, &copy.object, &file, self.traffic)?;
        let back = fetched.judge(root, &row.path, Some(copy))?;
        let aside = PathBuf::from(self.aside(&file.display().to_string()));
        let aside = (kind != Kind::Missing).then_some(aside.as_path());
        fetched.come_back(root, &back, aside, self.target, self.clock.wall())?;
        self.books.ask(Ask::Restored { row: Box::new(back) })?;
        Ok(true)
    }

    fn mend_copy(&mut self, pair: &Pair, kind: Kind, good: &Whole) -> Result<bool, BackupError> {
        let (Some(row), Some(copy)) = (&pair.row, &pair.copy) else { return Ok(false) };
        let Some(item) = Item::of(row) else { return Ok(false) };
        if kind != Kind::Missing {
            self.target.set_aside(&copy.object, &self.aside(&copy.object))?;
        }
        let written = upload(self.target, &item, &copy.object, self.traffic)?;
        let there = read_back(self.target, &copy.object, self.traffic)?;
        if written != there || there != *good {
            return Err(not_as_written(self.target, &copy.object, &written).into());
        }
        let now = self.clock.wall();
        let mended = CopyRow { digest: there.digest, bytes: there.bytes, copied_at: now, proven_at: Some(now), ..copy.clone() };
        self.books.ask(Ask::Enter { copy: mended })?;
        Ok(true)
    }
}
