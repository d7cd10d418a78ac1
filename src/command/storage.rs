//! `jiancha storage`: the storage roots as they are, and taking another disk for one of them.

mod accept;
mod list;

use std::path::Path;
use std::sync::Arc;

use super::{Outcome, complain, load_hall};
use crate::catalogue::{Catalogue, KnownRoots, Store, StoreError};
use crate::daemon::control::{Question, ask};
use crate::hall::{Hall, StorageRoot};

/// Arguments of `jiancha storage`.
#[derive(clap::Args)]
pub struct StorageArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// Show every storage root: whether its own disk is there, its space, and whose recordings lie on it.
    List(list::ListArgs),
    /// Take the disk that is mounted at PATH for the storage root there: the old one was exchanged on purpose.
    Accept(accept::AcceptArgs),
}

/// Runs the subcommand.
pub fn run(args: &StorageArgs) -> Outcome {
    let config = match &args.what {
        What::List(args) => &args.config,
        What::Accept(args) => &args.config,
    };
    let Some(hall) = load_hall(config, crate::hall::load_without_secrets) else { return Outcome::Failed };
    let done = match &args.what {
        What::List(args) => list::run(&hall, args),
        What::Accept(args) => accept::run(&hall, args),
    };
    done.unwrap_or_else(|reason| complain(&reason))
}

/// What is known of the ids that the roots must carry.
pub(super) enum Book {
    /// The catalogue is ours for the moment.
    Open(Catalogue, KnownRoots),
    /// The running recorder, or another command, has the catalogue open.
    Held,
    /// There is no catalogue.
    None,
}

impl Book {
    /// Opens the book of `hall`.
    ///
    /// # Errors
    /// Why the catalogue cannot be opened although nobody holds it.
    pub(super) fn open(hall: &Hall) -> Result<Self, String> {
        let folder = &hall.recording.catalogue;
        // One that listens and does not answer holds it all the same.
        if !matches!(ask(folder, &Question::Cameras), Ok(None)) {
            return Ok(Self::Held);
        }
        if !folder.exists() {
            return Ok(Self::None);
        }
        let opened = Store::open(folder).and_then(|store| Catalogue::open(Arc::new(store)));
        match opened.and_then(|catalogue| KnownRoots::open(&catalogue).map(|known| Self::Open(catalogue, known))) {
            Err(StoreError::InUse { .. }) => Ok(Self::Held),
            book => book.map_err(|e| e.to_string()),
        }
    }

    /// The id the root at `path` must carry; `None` when it was never used or the book is not ours.
    ///
    /// # Errors
    /// Why the catalogue cannot be read.
    pub(super) fn id(&self, path: &Path) -> Result<Option<String>, String> {
        match self {
            Self::Open(_, known) => known.id(path).map_err(|e| e.to_string()),
            Self::Held | Self::None => Ok(None),
        }
    }

    /// The word used in JSON.
    fn word(&self) -> &'static str {
        match self {
            Self::Open(..) => "catalogue",
            Self::Held => "recorder",
            Self::None => "none",
        }
    }
}

/// The root of hall.toml at `path`, by its name or by the folder it leads to.
fn find<'a>(hall: &'a Hall, path: &Path) -> Result<&'a StorageRoot, String> {
    let same = |root: &&StorageRoot| {
        root.path == path
            || std::fs::canonicalize(path).is_ok_and(|real| std::fs::canonicalize(&root.path).is_ok_and(|p| p == real))
    };
    let defined: Vec<String> = hall.storage.iter().map(|root| root.path.display().to_string()).collect();
    hall.storage
        .iter()
        .find(same)
        .ok_or_else(|| format!("no [[storage]] of hall.toml has the path {} (defined: {})", path.display(), defined.join(", ")))
}

/// Bytes for people, in the decimal units disks are sold in.
#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn amount(bytes: u64) -> String {
    match bytes {
        0..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        1_000_000_000..1_000_000_000_000 => format!("{:.2} GB", bytes as f64 / 1e9),
        _ => format!("{:.2} TB", bytes as f64 / 1e12),
    }
}
