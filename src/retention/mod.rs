//! Retention (留存): what must stay, what may go and why, how long the disks will carry (R7).
//!
//! A day's footage may go when 30 later working days are complete, its copy is proven where a backup is configured, and no hold
//! lies on it. Plans are pure and can be shown without being carried out.
//!
//! [`plan`] decides, [`clock`] says how far the clock is believed, [`hold`] keeps what must stay, [`sweep`] carries a plan out with
//! the [`journal`], [`office`] gathers the facts and answers commands. `design.md` beside this file tells the rules and why.

pub mod capacity;
pub mod clock;
mod folder;
pub mod hold;
pub mod journal;
pub mod note;
pub mod office;
pub mod plan;
pub mod reason;
pub mod sweep;

use std::path::Path;

use crate::catalogue::KnownRoots;

pub use hold::{Hold, HoldId, Holds, Wish};
pub use office::{Ask, Office, OfficeError, Told};
pub use plan::{NoBackup, Proof, ProofState};
pub use reason::{Decision, Reason};
pub use sweep::{SweepReport, Sweeper};

/// Whether a storage root is there: its identity file is the one the catalogue knows. A catalogue made anew knows none; there any
/// identity counts. The mount point of a disk that is not mounted carries none, whatever else lies in it.
pub fn root_is_there(root: &Path, known: &KnownRoots) -> bool {
    let Ok((_, Some(found))) = crate::segment::root::look(root) else { return false };
    // A table that cannot be read proves nothing.
    known.id(root).is_ok_and(|expected| expected.is_none_or(|id| id == found.root))
}
