//! Which storage roots were used, and the identity each must carry.

use std::path::Path;

use super::{Catalogue, StoreError, Table};

/// Table of known roots: path to identity.
const ROOTS: &str = "roots";

/// The storage roots known to a catalogue.
pub struct KnownRoots(Table);

impl KnownRoots {
    /// Opens the table.
    ///
    /// # Errors
    /// [`StoreError`] when the store refuses.
    pub fn open(catalogue: &Catalogue) -> Result<Self, StoreError> {
        catalogue.store().table(ROOTS).map(Self)
    }

    /// The id of the root at `path`, once it was used.
    ///
    /// # Errors
    /// [`StoreError`] when the store refuses.
    pub fn id(&self, path: &Path) -> Result<Option<String>, StoreError> {
        self.0.get_json(path.to_string_lossy().as_bytes())
    }

    /// From now on the root at `path` carries `id`.
    ///
    /// # Errors
    /// [`StoreError`] when the store refuses.
    pub fn set(&self, path: &Path, id: &str) -> Result<(), StoreError> {
        self.0.put_json(path.to_string_lossy().as_bytes(), &id)
    }
}
