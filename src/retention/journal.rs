//! The journal of what was removed (清理台账), and what is remembered of the clock.
//!
//! A removal is written down before the first file goes and again when the last one has gone. What stands as begun is taken up by
//! the next sweep: that is how a kill at any step does no harm.

use std::sync::Arc;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::clock::{Behind, Presence};
use super::reason::Reason;
use crate::catalogue::{Store, StoreError, Table};
use crate::hall::CameraId;
use crate::time::WallTime;

/// Table of removals that are finished, by begin.
const DONE: &str = "retention-journal";
/// Table of removals that have begun, by camera-day and root.
const BEGUN: &str = "retention-begun";
/// Table of the seconds the recorder was awake, by date.
const AWAKE: &str = "retention-awake";
/// Table with one row: a clock behind the newest recording.
const BEHIND: &str = "retention-behind";
/// Key of that row.
const BEHIND_KEY: &[u8] = b"behind";

/// The removal of one camera-day from one storage root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removal {
    /// Whose recording.
    pub camera: CameraId,
    /// The Beijing date on which its segments begin.
    pub date: NaiveDate,
    /// The storage root.
    pub root: String,
    /// When it began.
    pub begun: WallTime,
    /// Why.
    pub reason: Reason,
    /// Files it was to remove.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// How it ended, once it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<RemovalEnd>,
}

/// How a removal ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemovalEnd {
    /// When.
    pub at: WallTime,
    /// Files that are gone.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Why the rest stayed; `None` when nothing did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<String>,
}

/// The journal.
pub struct Journal {
    store: Arc<Store>,
    done: Table,
    begun: Table,
    awake: Table,
    behind: Table,
}

fn day_key(removal: &Removal) -> Vec<u8> {
    [removal.date.to_string().as_bytes(), &[0], removal.camera.as_str().as_bytes(), &[0], removal.root.as_bytes()].concat()
}

fn done_key(removal: &Removal) -> Vec<u8> {
    let begun = (removal.begun.as_micros().cast_unsigned() ^ (1 << 63)).to_be_bytes();
    [begun.as_slice(), &day_key(removal)].concat()
}

impl Journal {
    /// Opens the journal in `store`.
    ///
    /// # Errors
    /// [`StoreError`] when a table cannot be opened.
    pub fn open(store: &Arc<Store>) -> Result<Self, StoreError> {
        Ok(Self {
            done: store.table(DONE)?,
            begun: store.table(BEGUN)?,
            awake: store.table(AWAKE)?,
            behind: store.table(BEHIND)?,
            store: store.clone(),
        })
    }

    /// Removals that have begun and not ended, oldest date first.
    ///
    /// # Errors
    /// [`StoreError`] when the table cannot be read.
    pub fn unfinished(&self) -> Result<Vec<Removal>, StoreError> {
        self.begun.prefix_json(b"")
    }

    /// Writes down that a removal begins; durable on return.
    ///
    /// # Errors
    /// [`StoreError`]: then nothing may be removed.
    pub fn begin(&self, removal: &Removal) -> Result<(), StoreError> {
        self.begun.put_json(&day_key(removal), removal)?;
        self.store.flush()
    }

    /// Writes down how a removal ended; durable on return.
    ///
    /// # Errors
    /// [`StoreError`]: then the next sweep ends it again.
    pub fn end(&self, removal: &Removal) -> Result<(), StoreError> {
        self.done.put_json(&done_key(removal), removal)?;
        self.begun.remove(&day_key(removal))?;
        self.store.flush()
    }

    /// The last `most` removals that ended, oldest first.
    ///
    /// # Errors
    /// [`StoreError`] when the table cannot be read.
    pub fn removals(&self, most: usize) -> Result<Vec<Removal>, StoreError> {
        let mut all: Vec<Removal> = self.done.prefix_json(b"")?;
        Ok(all.split_off(all.len().saturating_sub(most)))
    }

    /// Adds to the seconds the recorder was awake on `date`.
    ///
    /// # Errors
    /// [`StoreError`] when the row cannot be written.
    pub fn awake(&self, date: NaiveDate, seconds: u64) -> Result<(), StoreError> {
        let key = date.to_string();
        let (_, before) = self.awake.get_json(key.as_bytes()).ok().flatten().unwrap_or((date, 0u64));
        self.awake.put_json(key.as_bytes(), &(date, before.saturating_add(seconds)))
    }

    /// Tells `presence` of every date on which the recorder was awake.
    ///
    /// # Errors
    /// [`StoreError`] when the table cannot be read.
    pub fn tell(&self, presence: &mut Presence) -> Result<(), StoreError> {
        let rows: Vec<(NaiveDate, u64)> = self.awake.prefix_json(b"")?;
        rows.into_iter().for_each(|(date, seconds)| presence.awake(date, seconds));
        Ok(())
    }

    /// What is remembered of a clock behind the newest recording; an unreadable row is none.
    ///
    /// # Errors
    /// [`StoreError`] when the table cannot be read.
    pub fn behind(&self) -> Result<Option<Behind>, StoreError> {
        match self.behind.get_json(BEHIND_KEY) {
            Err(StoreError::Row { .. }) => Ok(None),
            other => other,
        }
    }

    /// Remembers it, or that it is over.
    ///
    /// # Errors
    /// [`StoreError`] when the row cannot be written.
    pub fn set_behind(&self, behind: Option<Behind>) -> Result<(), StoreError> {
        match behind {
            Some(behind) => self.behind.put_json(BEHIND_KEY, &behind),
            None => self.behind.remove(BEHIND_KEY).map(drop),
        }
    }
}
