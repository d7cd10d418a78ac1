//! The edge of an export: the front is written, then bytes go from the segment files into the new one.
//!
//! The file grows under a name of its own and takes its place only when it is whole and synced; nothing is ever written over.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::mp4::{Label, front};
use super::plan::{Movie, Range};
use super::samples::Source;
use crate::evidence::key::rename_new;
use crate::segment::seal::hex;

/// Bytes read at once. Larger blocks fall out of the processor's cache between reading and writing.
const BLOCK: usize = 256 * 1024;

/// Why a file could not be written.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// The place is taken.
    #[error("{0} exists already: an export never writes over a file (choose another name, or delete that one)")]
    Exists(PathBuf),
    /// The new file cannot be written.
    #[error("write {path}: {source} (see whether there is room and the folder may be written)")]
    Write {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A segment cannot be read.
    #[error(
        "read {bytes} bytes at byte {at} of {path}: {source} (see whether the disk is mounted; `jiancha verify` tells more)"
    )]
    Read {
        /// Which file.
        path: PathBuf,
        /// Where.
        at: u64,
        /// How many bytes.
        bytes: u64,
        /// What the system says.
        source: std::io::Error,
    },
}

/// A file that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Its length in bytes.
    pub bytes: u64,
    /// SHA-256 of its bytes in hexadecimal, when asked for.
    pub sha256: Option<String>,
}

/// Writes `movie` as `out`. `on_bytes` is told of bytes as they are written, the front first.
///
/// # Errors
/// [`CopyError`]; nothing is left behind then.
pub fn write(
    movie: &Movie,
    label: &Label,
    sources: &[Source],
    out: &Path,
    hash: bool,
    on_bytes: &mut dyn FnMut(u64),
) -> Result<Written, CopyError> {
    if out.symlink_metadata().is_ok() {
        return Err(CopyError::Exists(out.to_owned()));
    }
    let name = out.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let aside = out.with_file_name(format!(".{name}.{}.part", std::process::id()));
    let fail = |source| CopyError::Write { path: out.to_owned(), source };
    let file = OpenOptions::new().write(true).create_new(true).open(&aside).map_err(fail)?;
    let written = fill(&file, movie, label, sources, out, hash, on_bytes).and_then(|written| {
        file.sync_all().map_err(fail)?;
        rename_new(&aside, out).map_err(|e| match e.kind() {
            std::io::ErrorKind::AlreadyExists => CopyError::Exists(out.to_owned()),
            _ => fail(e),
        })?;
        let folder = out.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder).and_then(|f| f.sync_all()).map_err(fail)?;
        Ok(written)
    });
    if written.is_err() {
        let _ = std::fs::remove_file(&aside);
    }
    written
}

/// Writes front and media into an open file, without syncing it.
///
/// # Errors
/// [`CopyError`]; `name` is the file's name in it.
pub fn fill(
    mut file: &File,
    movie: &Movie,
    label: &Label,
    sources: &[Source],
    name: &Path,
    hash: bool,
    on_bytes: &mut dyn FnMut(u64),
) -> Result<Written, CopyError> {
    let fail = |source| CopyError::Write { path: name.to_owned(), source };
    let front = front(movie, label);
    file.write_all(&front).map_err(fail)?;
    on_bytes(front.len() as u64);
    let mut hasher = hash.then(Sha256::new);
    if let Some(hasher) = &mut hasher {
        hasher.update(&front);
    }
    let mut bytes = front.len() as u64;
    let mut block = vec![0; BLOCK];
    let mut open: Option<(usize, File)> = None;
    for range in &movie.ranges {
        let Some(source) = sources.get(range.source) else { continue };
        if open.as_ref().is_none_or(|(n, _)| *n != range.source) {
            let file = File::open(&source.path).map_err(|e| CopyError::Read {
                path: source.path.clone(),
                at: range.offset,
                bytes: range.len,
                source: e,
            })?;
            open = Some((range.source, file));
        }
        let Some((_, input)) = &open else { continue };
        let read = |at: u64, bytes: usize, source_error| CopyError::Read {
            path: source.path.clone(),
            at,
            bytes: bytes as u64,
            source: source_error,
        };
        let Range { mut offset, mut len, .. } = *range;
        while len > 0 {
            let n = usize::try_from(len).unwrap_or(BLOCK).min(BLOCK);
            input.read_exact_at(&mut block[..n], offset).map_err(|e| read(offset, n, e))?;
            file.write_all(&block[..n]).map_err(fail)?;
            if let Some(hasher) = &mut hasher {
                hasher.update(&block[..n]);
            }
            on_bytes(n as u64);
            (offset, len, bytes) = (offset + n as u64, len - n as u64, bytes + n as u64);
        }
    }
    Ok(Written { bytes, sha256: hasher.map(|h| hex(&h.finalize())) })
}
