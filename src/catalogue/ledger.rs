//! Appending to the gap ledger without ever replacing a row.

use super::keys;
use super::records::LedgerRow;
use super::store::{StoreError, Table};

/// Appends `row`; when another row of the camera stands at the very same microsecond, the next free one is taken.
pub fn append(table: &Table, row: &LedgerRow) -> Result<(), StoreError> {
    let mut at = row.at;
    loop {
        let key = keys::camera_time(&row.camera, at);
        if table.insert_new_json(&key, row)? {
            return Ok(());
        }
        at = at.plus_micros(1);
    }
}
