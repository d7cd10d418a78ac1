//! Tables of parts of segment files, kept while the file does not change.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::segment::reader::{self, ReadError, SegmentIndex};

/// Most files kept: a day and a half of one camera, some kilobytes each.
const MOST_FILES: usize = 2048;

#[derive(Debug)]
struct Kept {
    len_bytes: u64,
    used: u64,
    index: Arc<SegmentIndex>,
}

/// The tables read last. Every method blocks.
#[derive(Debug, Default)]
pub(super) struct Indices {
    kept: Mutex<(HashMap<PathBuf, Kept>, u64)>,
}

impl Indices {
    /// The table of parts of the file at `path`, up to its last whole part.
    ///
    /// # Errors
    /// [`ReadError`] when the file cannot be read or is no segment.
    pub fn get(&self, path: &Path) -> Result<Arc<SegmentIndex>, ReadError> {
        let len_bytes = std::fs::metadata(path).map_err(|source| ReadError::Io { path: path.to_owned(), source })?.len();
        {
            let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            let (files, uses) = &mut *kept;
            *uses += 1;
            // A segment file only ever grows: one of the same length is the same.
            if let Some(file) = files.get_mut(path).filter(|f| f.len_bytes == len_bytes) {
                file.used = *uses;
                return Ok(Arc::clone(&file.index));
            }
        }
        // Read outside the lock: a slow disk must not hold up the others. A file that grew meanwhile is read again next time.
        let index = Arc::new(reader::index(path)?);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let (files, uses) = &mut *kept;
        if files.len() >= MOST_FILES {
            let mut by_use: Vec<u64> = files.values().map(|f| f.used).collect();
            by_use.sort_unstable();
            let oldest_kept = by_use[MOST_FILES / 4];
            files.retain(|_, f| f.used >= oldest_kept);
        }
        files.insert(path.to_owned(), Kept { len_bytes, used: *uses, index: Arc::clone(&index) });
        Ok(index)
    }
}
