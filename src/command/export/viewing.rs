//! Copies for people to look at: the stamp is burnt in where the recording carries none.

use std::path::PathBuf;

use indicatif::ProgressBar;

use crate::export::Prepared;
use crate::export::burn::{self, Burnt, Means, Scratch};
use crate::hall::Hall;
use crate::stamp::encoders;

/// What has to be burnt in, and with what.
pub(super) struct Viewing {
    /// `None` when every picture carries the stamp, or all is exported as it is.
    means: Option<Means>,
    bytes: u64,
}

/// The copies, which lie in a folder of their own until they are dropped.
pub(super) struct Copies {
    burnt: Vec<Option<Burnt>>,
    _scratch: Option<Scratch>,
}

impl Copies {
    /// The copy of the `n`th window or camera; `None` where the recording itself can be given out.
    pub(super) fn of(&self, n: usize) -> Option<&Burnt> {
        self.burnt.get(n)?.as_ref()
    }
}

impl Viewing {
    /// Finds the encoder, when one is needed for the footage given.
    pub(super) fn new<'a>(hall: &Hall, footage: impl Iterator<Item = &'a Prepared>) -> Result<Self, String> {
        let bytes = footage.map(burn::needed_bytes).sum();
        if bytes == 0 {
            return Ok(Self { means: None, bytes });
        }
        let encoder = encoders::choose(&hall.stamp).map_err(|e| {
            format!(
                "part of it was recorded without the stamp, which cannot be burnt in: {e}; export it as it is with --untouched"
            )
        })?;
        Ok(Self { means: Some(Means { settings: hall.stamp.clone(), encoder }), bytes })
    }

    /// Bytes of pictures that will be decoded.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Makes the copies, in `scratch`.
    pub(super) fn burn<'a>(
        &self,
        footage: impl Iterator<Item = &'a Prepared>,
        scratch: PathBuf,
        bar: &ProgressBar,
    ) -> Result<Copies, String> {
        let Some(means) = &self.means else { return Ok(Copies { burnt: Vec::new(), _scratch: None }) };
        let scratch = Scratch::new(scratch).map_err(|e| e.to_string())?;
        bar.set_message("烧录叠加 burning in the stamp");
        let burnt: Result<Vec<Option<Burnt>>, _> = footage
            .enumerate()
            .map(|(n, prepared)| {
                let folder = scratch.folder(n)?;
                burn::burn(prepared, means, &folder, &mut |bytes| bar.inc(bytes))
            })
            .collect();
        Ok(Copies { burnt: burnt.map_err(|e| e.to_string())?, _scratch: Some(scratch) })
    }
}
