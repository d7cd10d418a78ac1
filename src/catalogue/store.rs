//! Named tables of bytes in one folder: the only module that knows sled.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Why the catalogue's store cannot do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The folder cannot be opened as a store.
    #[error("open catalogue {path}: {reason}")]
    Open {
        /// The folder.
        path: PathBuf,
        /// What the store says.
        reason: String,
    },
    /// Another recorder has it open.
    #[error("open catalogue {path}: another jiancha process has it open (stop that one, or wait until it has ended)")]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// Reading or writing failed.
    #[error("catalogue table {table}: {reason}")]
    Io {
        /// The table.
        table: String,
        /// What the store says.
        reason: String,
    },
    /// A row does not have the form of its table.
    #[error("catalogue table {table}: row {key} is not readable: {reason}")]
    Row {
        /// The table.
        table: String,
        /// The key in hexadecimal.
        key: String,
        /// What the parser says.
        reason: String,
    },
}

/// sled's threads hold the folder for a moment after the last handle was dropped: so long is waited for one this process has closed.
const LONGEST_CLOSING: Duration = Duration::from_secs(2);

/// The folders this process has opened so far.
static OPENED: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// A folder of named tables.
pub struct Store {
    db: sled::Db,
    path: PathBuf,
}

impl Store {
    /// Opens the store in `path`, making the folder when it is missing.
    ///
    /// # Errors
    /// [`StoreError::InUse`] when another process holds it, [`StoreError::Open`] otherwise.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let again = !OPENED.lock().unwrap_or_else(PoisonError::into_inner).insert(path.to_owned());
        let until = Instant::now() + LONGEST_CLOSING;
        loop {
            match Self::open_once(path) {
                Err(StoreError::InUse { .. }) if again && Instant::now() < until => {
                    std::thread::sleep(Duration::from_millis(5))
                }
                opened => return opened,
            }
        }
    }

    fn open_once(path: &Path) -> Result<Self, StoreError> {
        let db =
            sled::Config::new().path(path).cache_capacity(16 * 1024 * 1024).flush_every_ms(Some(1000)).open().map_err(|e| {
                match &e {
                    sled::Error::Io(io) if io.to_string().contains("could not acquire lock") => {
                        StoreError::InUse { path: path.to_owned() }
                    }
                    _ => StoreError::Open { path: path.to_owned(), reason: e.to_string() },
                }
            })?;
        Ok(Self { db, path: path.to_owned() })
    }

    /// Opens a table, making it when it is missing.
    ///
    /// # Errors
    /// [`StoreError::Io`] when the store refuses.
    pub fn table(&self, name: &str) -> Result<Table, StoreError> {
        let tree = self.db.open_tree(name).map_err(|e| io(name, &e))?;
        Ok(Table { tree, name: name.to_owned() })
    }

    /// Makes everything written so far durable.
    ///
    /// # Errors
    /// [`StoreError::Io`] when the disk refuses.
    pub fn flush(&self) -> Result<(), StoreError> {
        self.db.flush().map(|_| ()).map_err(|e| io("*", &e))
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Reads a row from its key and bytes, or says what is wrong with it.
pub type Read<'a, T> = &'a dyn Fn(&[u8], &[u8]) -> Result<T, String>;

/// One table: byte keys in order; values in JSON, or in a form of their owner's.
#[derive(Clone)]
pub struct Table {
    tree: sled::Tree,
    name: String,
}

fn io(table: &str, e: &sled::Error) -> StoreError {
    StoreError::Io { table: table.to_owned(), reason: e.to_string() }
}

impl Table {
    fn row_error(&self, key: &[u8], e: &serde_json::Error) -> StoreError {
        let key = key.iter().map(|b| format!("{b:02x}")).collect();
        StoreError::Row { table: self.name.clone(), key, reason: e.to_string() }
    }

    fn encode<T: Serialize>(&self, key: &[u8], value: &T) -> Result<Vec<u8>, StoreError> {
        serde_json::to_vec(value).map_err(|e| self.row_error(key, &e))
    }

    fn decode<T: DeserializeOwned>(&self, key: &[u8], value: &[u8]) -> Result<T, StoreError> {
        serde_json::from_slice(value).map_err(|e| self.row_error(key, &e))
    }

    /// Decodes a row of a scan; one that cannot be read is one gap in the answer, never a failed query.
    fn decode_or_warn<T: DeserializeOwned>(&self, key: &[u8], value: &[u8]) -> Option<T> {
        self.decode(key, value).map_err(|e| tracing::warn!("{e}; row skipped")).ok()
    }

    /// Writes a row, replacing what stood at `key`.
    ///
    /// # Errors
    /// [`StoreError`] when the value cannot be coded or the store refuses.
    pub fn put_json<T: Serialize>(&self, key: &[u8], value: &T) -> Result<(), StoreError> {
        let bytes = self.encode(key, value)?;
        self.tree.insert(key, bytes).map(|_| ()).map_err(|e| io(&self.name, &e))
    }

    /// Writes a row unless one stands at `key` already; tells whether it was written.
    ///
    /// # Errors
    /// [`StoreError`] when the value cannot be coded or the store refuses.
    pub fn insert_new_json<T: Serialize>(&self, key: &[u8], value: &T) -> Result<bool, StoreError> {
        let bytes = self.encode(key, value)?;
        let swapped = self.tree.compare_and_swap(key, None as Option<&[u8]>, Some(bytes)).map_err(|e| io(&self.name, &e))?;
        Ok(swapped.is_ok())
    }

    /// The row at `key`.
    ///
    /// # Errors
    /// [`StoreError`] when the store refuses or the row is not readable.
    pub fn get_json<T: DeserializeOwned>(&self, key: &[u8]) -> Result<Option<T>, StoreError> {
        match self.tree.get(key).map_err(|e| io(&self.name, &e))? {
            Some(value) => self.decode(key, &value).map(Some),
            None => Ok(None),
        }
    }

    /// Writes the bytes of a row, replacing what stood at `key`.
    ///
    /// # Errors
    /// [`StoreError`] when the store refuses.
    pub fn put_bytes(&self, key: &[u8], value: Vec<u8>) -> Result<(), StoreError> {
        self.tree.insert(key, value).map(|_| ()).map_err(|e| io(&self.name, &e))
    }

    /// The row at `key`, read by `read`, which says what is wrong with one it cannot read.
    ///
    /// # Errors
    /// [`StoreError`] when the store refuses or the row is not readable.
    pub fn get_as<T>(&self, key: &[u8], read: Read<'_, T>) -> Result<Option<T>, StoreError> {
        match self.tree.get(key).map_err(|e| io(&self.name, &e))? {
            Some(value) => self.read_with(key, &value, read).map(Some),
            None => Ok(None),
        }
    }

    /// At most `most` rows with keys in `start..end`, in order, read by `read`; and the number of those that cannot be read, which
    /// are skipped with a warning.
    ///
    /// # Errors
    /// [`StoreError`] when the store refuses.
    pub fn range_as<T>(&self, start: &[u8], end: &[u8], most: usize, read: Read<'_, T>) -> Result<(Vec<T>, usize), StoreError> {
        let (mut out, mut unreadable) = (Vec::new(), 0);
        if start >= end {
            return Ok((out, unreadable));
        }
        for row in self.tree.range(start..end).take(most) {
            let (key, value) = row.map_err(|e| io(&self.name, &e))?;
            match self.read_or_warn(&key, &value, read) {
                Some(row) => out.push(row),
                None => unreadable += 1,
            }
        }
        Ok((out, unreadable))
    }

    /// The first readable row with a key in `start..end`, read by `read`; the last one when `last`.
    ///
    /// # Errors
    /// [`StoreError`] when the store refuses.
    pub fn end_as<T>(&self, start: &[u8], end: &[u8], last: bool, read: Read<'_, T>) -> Result<Option<T>, StoreError> {
        if start >= end {
            return Ok(None);
        }
        let mut rows = self.tree.range(start..end);
        loop {
            let Some(row) = (if last { rows.next_back() } else { rows.next() }) else { return Ok(None) };
            let (key, value) = row.map_err(|e| io(&self.name, &e))?;
            if let Some(found) = self.read_or_warn(&key, &value, read) {
                return Ok(Some(found));
            }
        }
    }

    fn read_with<T>(&self, key: &[u8], value: &[u8], read: Read<'_, T>) -> Result<T, StoreError> {
        read(key, value).map_err(|reason| {
            let key = key.iter().map(|b| format!("{b:02x}")).collect();
            StoreError::Row { table: self.name.clone(), key, reason }
        })
    }

    fn read_or_warn<T>(&self, key: &[u8], value: &[u8], read: Read<'_, T>) -> Option<T> {
        self.read_with(key, value, read).map_err(|e| tracing::warn!("{e}; row skipped")).ok()
    }

    /// Removes the row at `key`; tells whether there was one.
    ///
    /// # Errors
    /// [`StoreError`] when the store refuses.
    pub fn remove(&self, key: &[u8]) -> Result<bool, StoreError> {
        self.tree.remove(key).map(|old| old.is_some()).map_err(|e| io(&self.name, &e))
    }

    /// Rows with keys in `start..end`, in order.
    ///
    /// # Errors
    /// [`StoreError`] when the store refuses; rows that cannot be read are skipped with a warning.
    pub fn range_json<T: DeserializeOwned>(&self, start: &[u8], end: &[u8]) -> Result<Vec<T>, StoreError> {
        if start >= end {
            return Ok(Vec::new());
        }
        self.collect(self.tree.range(start..end))
    }

    /// All rows whose key begins with `prefix`, in order.
    ///
    /// # Errors
    /// [`StoreError`] when the store refuses; rows that cannot be read are skipped with a warning.
    pub fn prefix_json<T: DeserializeOwned>(&self, prefix: &[u8]) -> Result<Vec<T>, StoreError> {
        self.collect(self.tree.scan_prefix(prefix))
    }

    /// At most `most` rows with keys in `start..end`, the first ones, in order.
    ///
    /// # Errors
    /// [`StoreError`] when the store refuses; rows that cannot be read are skipped with a warning and count.
    pub fn range_json_at_most<T: DeserializeOwned>(&self, start: &[u8], end: &[u8], most: usize) -> Result<Vec<T>, StoreError> {
        if start >= end {
            return Ok(Vec::new());
        }
        self.collect(self.tree.range(start..end).take(most))
    }

    /// The last key before `end`.
    ///
    /// # Errors
    /// [`StoreError`] when the store refuses.
    pub fn key_before(&self, end: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let last = self.tree.range(..end).next_back().transpose().map_err(|e| io(&self.name, &e))?;
        Ok(last.map(|(key, _)| key.to_vec()))
    }

    /// Number of rows with keys in `start..end`; their values are not read.
    ///
    /// # Errors
    /// [`StoreError`] when the store refuses.
    pub fn count(&self, start: &[u8], end: &[u8]) -> Result<u64, StoreError> {
        if start >= end {
            return Ok(0);
        }
        self.tree.range(start..end).keys().try_fold(0, |n, key| key.map(|_| n + 1)).map_err(|e| io(&self.name, &e))
    }

    /// The first key that is not before `from`.
    ///
    /// # Errors
    /// [`StoreError`] when the store refuses.
    pub fn key_from(&self, from: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let next = self.tree.range(from..).next().transpose().map_err(|e| io(&self.name, &e))?;
        Ok(next.map(|(key, _)| key.to_vec()))
    }

    fn collect<T: DeserializeOwned>(
        &self,
        rows: impl Iterator<Item = sled::Result<(sled::IVec, sled::IVec)>>,
    ) -> Result<Vec<T>, StoreError> {
        let mut out = Vec::new();
        for row in rows {
            let (key, value) = row.map_err(|e| io(&self.name, &e))?;
            out.extend(self.decode_or_warn(&key, &value));
        }
        Ok(out)
    }

    /// The first readable row whose key begins with `prefix`.
    ///
    /// # Errors
    /// [`StoreError`] when the store refuses.
    pub fn first_json<T: DeserializeOwned>(&self, prefix: &[u8]) -> Result<Option<T>, StoreError> {
        self.pick(self.tree.scan_prefix(prefix))
    }

    /// The last readable row whose key begins with `prefix`.
    ///
    /// # Errors
    /// [`StoreError`] when the store refuses.
    pub fn last_json<T: DeserializeOwned>(&self, prefix: &[u8]) -> Result<Option<T>, StoreError> {
        self.pick(self.tree.scan_prefix(prefix).rev())
    }

    /// The last readable row whose key begins with `prefix` and sorts before `end`.
    ///
    /// # Errors
    /// [`StoreError`] when the store refuses.
    pub fn last_json_before<T: DeserializeOwned>(&self, prefix: &[u8], end: &[u8]) -> Result<Option<T>, StoreError> {
        if prefix >= end {
            return Ok(None);
        }
        self.pick(self.tree.range(prefix..end).rev())
    }

    fn pick<T: DeserializeOwned>(
        &self,
        rows: impl Iterator<Item = sled::Result<(sled::IVec, sled::IVec)>>,
    ) -> Result<Option<T>, StoreError> {
        for row in rows {
            let (key, value) = row.map_err(|e| io(&self.name, &e))?;
            if let Some(value) = self.decode_or_warn(&key, &value) {
                return Ok(Some(value));
            }
        }
        Ok(None)
    }

    /// Puts bytes that are no row, as a failing disk would.
    #[cfg(test)]
    pub(crate) fn put_garbage(&self, key: &[u8]) {
        self.tree.insert(key, b"{garbage").expect("the store takes bytes");
    }

    /// Number of rows. Walks the table.
    pub fn len(&self) -> usize {
        self.tree.len()
    }

    /// True when the table has no row.
    pub fn is_empty(&self) -> bool {
        self.tree.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unreadable_row_is_skipped_and_the_others_are_told() {
        let dir = tempfile::tempdir().unwrap();
        let table = Store::open(dir.path()).unwrap().table("t").unwrap();
        table.put_json(b"a1", &1u32).unwrap();
        table.tree.insert(b"a2", b"{").unwrap();
        table.put_json(b"a3", &3u32).unwrap();
        assert_eq!(table.prefix_json::<u32>(b"a").unwrap(), vec![1, 3]);
        let read = |_: &[u8], value: &[u8]| serde_json::from_slice::<u32>(value).map_err(|e| e.to_string());
        assert_eq!(table.range_as(b"a1", b"a3", usize::MAX, &read).unwrap(), (vec![1], 1));
        assert_eq!(table.key_before(b"a3").unwrap().as_deref(), Some(b"a2".as_slice()));
        assert!(matches!(table.get_json::<u32>(b"a2"), Err(StoreError::Row { .. })));
        assert_eq!(table.last_json::<u32>(b"a").unwrap(), Some(3));
        assert_eq!(table.last_json_before::<u32>(b"a", b"a3").unwrap(), Some(1));
    }

    #[test]
    fn a_row_that_stands_is_not_replaced_by_insert_new() {
        let dir = tempfile::tempdir().unwrap();
        let table = Store::open(dir.path()).unwrap().table("t").unwrap();
        assert!(table.insert_new_json(b"k", &"first").unwrap());
        assert!(!table.insert_new_json(b"k", &"second").unwrap());
        assert_eq!(table.get_json::<String>(b"k").unwrap().as_deref(), Some("first"));
    }

    #[test]
    fn a_store_that_is_open_elsewhere_is_named_as_such() {
        let dir = tempfile::tempdir().unwrap();
        let _first = Store::open(dir.path()).unwrap();
        assert!(matches!(Store::open(dir.path()), Err(StoreError::InUse { .. })));
    }
}
