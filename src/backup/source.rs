//! A recording as the copy's source: read once, hashed on the way, and refused at its end when it is not what was sealed.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use sha2::{Digest, Sha256};

use super::target::{BLOCK, Fault, stop_reading};
use crate::segment::reader;
use crate::segment::seal::hex;

/// Told the bytes of each block; an error ends the reading.
pub type Gate<'a> = &'a mut dyn FnMut(u64) -> io::Result<()>;

/// SHA-256 and length of a whole file or object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whole {
    /// SHA-256, in hexadecimal.
    pub digest: String,
    /// Length in bytes.
    pub bytes: u64,
}

/// A file that is read from front to end.
pub struct Source<'a> {
    file: File,
    hasher: Sha256,
    at: u64,
    /// Bytes the seal's digest covers, and that digest; `None` for a note.
    sealed: Option<(u64, String)>,
    /// The digest at that place, once passed.
    found: Option<String>,
    gate: Gate<'a>,
}

impl<'a> Source<'a> {
    /// Opens a sealed segment whose seal must say `digest`.
    ///
    /// # Errors
    /// One that carries [`Fault::Source`] when there is no such file, or its seal is another one.
    pub fn segment(path: &Path, digest: &str, gate: Gate<'a>) -> io::Result<Self> {
        let index = reader::index(path).map_err(|e| stop_reading(Fault::Source, e.to_string()))?;
        match index.seal {
            Some(seal) if seal.digest == digest => Self::open(path, Some((seal.bytes, seal.digest)), gate),
            Some(seal) => Err(stop_reading(
                Fault::Source,
                format!("{}: its seal says {}, the catalogue {digest}", path.display(), seal.digest),
            )),
            None => {
                Err(stop_reading(Fault::Source, format!("{}: it has no seal, the catalogue says {digest}", path.display())))
            }
        }
    }

    /// Opens a file that has no seal.
    ///
    /// # Errors
    /// One that carries [`Fault::Source`] when there is no such file.
    pub fn note(path: &Path, gate: Gate<'a>) -> io::Result<Self> {
        Self::open(path, None, gate)
    }

    fn open(path: &Path, sealed: Option<(u64, String)>, gate: Gate<'a>) -> io::Result<Self> {
        let file = File::open(path).map_err(|e| stop_reading(Fault::Source, format!("open {}: {e}", path.display())))?;
        Ok(Self { file, hasher: Sha256::new(), at: 0, sealed, found: None, gate })
    }

    /// Digest and length of what was read.
    pub fn whole(self) -> Whole {
        Whole { digest: hex(&self.hasher.finalize()), bytes: self.at }
    }

    /// Reads to the end for the digest alone.
    ///
    /// # Errors
    /// As [`Read`].
    pub fn hash(mut self) -> io::Result<Whole> {
        let mut block = vec![0; BLOCK];
        while self.read(&mut block)? > 0 {}
        Ok(self.whole())
    }

    /// Takes in a block, stopping at the seal's place for its digest.
    fn take(&mut self, block: &[u8]) {
        let end = self.at + block.len() as u64;
        match &self.sealed {
            Some((place, _)) if self.at <= *place && *place <= end && self.found.is_none() => {
                let cut = usize::try_from(place - self.at).unwrap_or(0);
                self.hasher.update(&block[..cut]);
                self.found = Some(hex(&self.hasher.clone().finalize()));
                self.hasher.update(&block[cut..]);
            }
            _ => self.hasher.update(block),
        }
        self.at = end;
    }
}

impl Read for Source<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.file.read(buffer).map_err(|e| stop_reading(Fault::Source, format!("after {} bytes: {e}", self.at)))?;
        if n > 0 {
            self.take(&buffer[..n]);
            (self.gate)(n as u64)?;
            return Ok(n);
        }
        match &self.sealed {
            Some((_, digest)) if self.found.as_ref() != Some(digest) => {
                let found = self.found.as_deref().unwrap_or("-");
                Err(stop_reading(Fault::Source, format!("sealed as {digest}, the bytes give {found}")))
            }
            _ => Ok(0),
        }
    }
}
