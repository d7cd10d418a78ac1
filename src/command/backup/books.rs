//! The books a backup command works with: the running recorder's through its control socket, the catalogue itself, or none.

use std::path::Path;
use std::sync::Arc;

use crate::backup::BackupError;
use crate::backup::ask::{Ask, Books, NoBooks, Told};
use crate::catalogue::{Catalogue, SegmentRow, Store};
use crate::daemon::control::{Answer, Question, ask, ask_segments};
use crate::hall::CameraId;
use crate::time::Span;

/// Whose books they are.
pub(super) enum Whose {
    /// A recorder runs and has the catalogue open.
    Recorder(Recorder),
    /// No recorder runs.
    Own(Catalogue),
    /// There is no catalogue.
    Nobody(NoBooks),
}

/// The books of a running recorder.
pub(super) struct Recorder {
    folder: std::path::PathBuf,
}

impl Whose {
    /// Opens the books of the catalogue in `folder`.
    pub(super) fn open(folder: &Path) -> Result<Self, String> {
        if ask(folder, &Question::Backup(Ask::Target))?.is_some() {
            return Ok(Self::Recorder(Recorder { folder: folder.to_owned() }));
        }
        if !folder.exists() {
            return Ok(Self::Nobody(NoBooks));
        }
        let store = Store::open(folder).map_err(|e| e.to_string())?;
        Catalogue::open(Arc::new(store)).map(Self::Own).map_err(|e| e.to_string())
    }

    pub(super) fn books(&self) -> &dyn Books {
        match self {
            Self::Recorder(books) => books,
            Self::Own(books) => books,
            Self::Nobody(books) => books,
        }
    }
}

impl Recorder {
    fn question(&self, question: &Question) -> Result<Answer, BackupError> {
        match ask(&self.folder, question).map_err(BackupError::Other)? {
            Some(Answer::Refused(reason)) => Err(BackupError::Other(reason)),
            Some(answer) => Ok(answer),
            None => Err(BackupError::Other("the recorder that was running has stopped: start the command again".into())),
        }
    }
}

impl Books for Recorder {
    fn cameras(&self) -> Result<Vec<CameraId>, BackupError> {
        match self.question(&Question::Cameras)? {
            Answer::Cameras(cameras) => Ok(cameras),
            _ => Err(crate::backup::ask::other()),
        }
    }

    fn segments(&self, camera: &CameraId, span: Span) -> Result<Vec<SegmentRow>, BackupError> {
        let rows = ask_segments(&self.folder, camera, span).map_err(BackupError::Other)?;
        rows.ok_or_else(|| BackupError::Other("the recorder that was running has stopped: start the command again".into()))
    }

    fn ask(&self, question: Ask) -> Result<Told, BackupError> {
        match self.question(&Question::Backup(question))? {
            Answer::Backup(told) => Ok(told),
            _ => Err(crate::backup::ask::other()),
        }
    }
}
