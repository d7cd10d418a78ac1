//! What commands ask of a running recorder about the second copy, and the books they work with: those of the recorder, or the
//! catalogue itself when none runs.

use serde::{Deserialize, Serialize};

use super::BackupError;
use super::identity::TargetIdentity;
use super::records::{Copies, CopyRow};
use super::state::BackupState;
use crate::catalogue::{Catalogue, SegmentRow};
use crate::hall::CameraId;
use crate::time::Span;

/// Most rows in one answer.
pub const PAGE: usize = 1000;

/// A question.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "about")]
pub enum Ask {
    /// How things stand.
    State,
    /// Look at once whether there is something to copy.
    Wake,
    /// The copies whose names begin with `prefix` and come after `after`, at most [`PAGE`].
    Copies {
        /// What their names begin with.
        prefix: String,
        /// The last name already told; empty for the first page.
        after: String,
    },
    /// The target in use.
    Target,
    /// A copy was written or read back.
    Enter {
        /// Its row.
        copy: CopyRow,
    },
    /// A recording came back from the copy.
    Restored {
        /// Its row.
        row: Box<SegmentRow>,
    },
}

/// An answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "told", content = "is")]
pub enum Told {
    /// To [`Ask::State`]; `None` when no copier ever ran here.
    State(Option<Box<BackupState>>),
    /// To [`Ask::Wake`]: the call's number, see [`BackupState::heard`].
    Woken(u64),
    /// To [`Ask::Copies`].
    Copies(Vec<CopyRow>),
    /// To [`Ask::Target`].
    Target(Option<TargetIdentity>),
    /// It was entered.
    Entered,
}

/// Answers a question from the catalogue.
///
/// # Errors
/// [`BackupError::Store`] when the catalogue refuses.
pub fn answer(ask: Ask, catalogue: &Catalogue) -> Result<Told, BackupError> {
    let copies = Copies::open(catalogue)?;
    Ok(match ask {
        Ask::State => Told::State(copies.state()?.map(Box::new)),
        Ask::Wake => Told::Woken(copies.wake()?),
        Ask::Copies { prefix, after } => Told::Copies(copies.below(&prefix, &after, PAGE)?),
        Ask::Target => Told::Target(copies.target()?),
        Ask::Enter { copy } => {
            copies.put(&copy)?;
            Told::Entered
        }
        Ask::Restored { row } => {
            catalogue.put_segment(&row)?;
            catalogue.flush()?;
            Told::Entered
        }
    })
}

/// What is known of recordings and copies, wherever it is kept.
pub trait Books {
    /// Cameras with segments, by id.
    ///
    /// # Errors
    /// [`BackupError`] when the books cannot be read.
    fn cameras(&self) -> Result<Vec<CameraId>, BackupError>;

    /// Segments of a camera that begin in `span`, oldest first.
    ///
    /// # Errors
    /// [`BackupError`] when the books cannot be read.
    fn segments(&self, camera: &CameraId, span: Span) -> Result<Vec<SegmentRow>, BackupError>;

    /// A question about copies.
    ///
    /// # Errors
    /// [`BackupError`] when the books cannot be read or written.
    fn ask(&self, ask: Ask) -> Result<Told, BackupError>;

    /// Every copy whose name begins with `prefix`, in order.
    ///
    /// # Errors
    /// [`BackupError`] when the books cannot be read.
    fn copies(&self, prefix: &str) -> Result<Vec<CopyRow>, BackupError> {
        let mut all: Vec<CopyRow> = Vec::new();
        loop {
            let after = all.last().map_or(String::new(), |row| row.object.clone());
            let Told::Copies(page) = self.ask(Ask::Copies { prefix: prefix.to_owned(), after })? else { return Err(other()) };
            if page.is_empty() {
                return Ok(all);
            }
            all.extend(page);
        }
    }

    /// The target in use.
    ///
    /// # Errors
    /// [`BackupError`] when the books cannot be read.
    fn target(&self) -> Result<Option<TargetIdentity>, BackupError> {
        match self.ask(Ask::Target)? {
            Told::Target(target) => Ok(target),
            _ => Err(other()),
        }
    }
}

/// The answer was one to another question.
pub(crate) fn other() -> BackupError {
    BackupError::Other("the running recorder answered another question than the one asked".into())
}

impl Books for Catalogue {
    fn cameras(&self) -> Result<Vec<CameraId>, BackupError> {
        Ok(Catalogue::cameras(self)?)
    }

    fn segments(&self, camera: &CameraId, span: Span) -> Result<Vec<SegmentRow>, BackupError> {
        Ok(self.segments_begun(camera, span, usize::MAX)?)
    }

    fn ask(&self, ask: Ask) -> Result<Told, BackupError> {
        answer(ask, self)
    }
}

/// The books of nobody: the catalogue was lost.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoBooks;

impl Books for NoBooks {
    fn cameras(&self) -> Result<Vec<CameraId>, BackupError> {
        Ok(Vec::new())
    }

    fn segments(&self, _: &CameraId, _: Span) -> Result<Vec<SegmentRow>, BackupError> {
        Ok(Vec::new())
    }

    fn ask(&self, ask: Ask) -> Result<Told, BackupError> {
        Ok(match ask {
            Ask::State => Told::State(None),
            Ask::Wake => Told::Woken(0),
            Ask::Copies { .. } => Told::Copies(Vec::new()),
            Ask::Target => Told::Target(None),
            Ask::Enter { .. } | Ask::Restored { .. } => Told::Entered,
        })
    }
}
