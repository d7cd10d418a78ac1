//! Sessions: who is signed in. Kept in the catalogue, so that a restart of the recorder signs nobody out.
//!
//! A session ends after [`IDLE_MICROS`] without a request and no later than [`LONGEST_MICROS`] after signing in; an open live
//! view counts as use, for watching is the work. The catalogue holds a digest of each session id, never the id.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tower_sessions::cookie::SameSite;
use tower_sessions::session::{Id, Record};
use tower_sessions::session_store::{Error, Result as StoreResult};
use tower_sessions::{Expiry, SessionManagerLayer, SessionStore};

use crate::catalogue::{Store, StoreError, Table};
use crate::time::{Clock, WallTime};

/// Table of sessions.
const SESSIONS: &str = "sessions";
/// Name of the cookie.
pub(super) const COOKIE: &str = "jiancha_session";
/// Where in the session's data the person stands.
pub(super) const WHO: &str = "who";
/// A session ends after this long without use.
pub(super) const IDLE_MICROS: i64 = 30 * 60 * 1_000_000;
/// A session ends this long after signing in, used or not.
pub(super) const LONGEST_MICROS: i64 = 12 * 3600 * 1_000_000;
/// Use is written down at most this often.
const TOUCH_MICROS: i64 = 60 * 1_000_000;

/// The person behind a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Who {
    /// Name.
    pub name: String,
    /// Number of the password used to sign in.
    pub password_number: u32,
}

/// The row of a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Row {
    key: Vec<u8>,
    data: HashMap<String, serde_json::Value>,
    signed_in: WallTime,
    seen: WallTime,
}

/// Whether a session of these times is still good at `now`. A clock set back ends no session and prolongs none beyond its length.
fn is_good(signed_in: WallTime, seen: WallTime, now: WallTime) -> bool {
    now.micros_since(seen) < IDLE_MICROS && now.micros_since(signed_in).abs() < LONGEST_MICROS
}

/// The table of sessions. Cheap to clone.
#[derive(Clone)]
pub(super) struct Sessions {
    table: Table,
    clock: Arc<dyn Clock>,
    // A row is read, judged and written back in one go, so that use noted late cannot bring back a session that was ended.
    writing: Arc<Mutex<()>>,
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sessions")
    }
}

fn key(id: &Id) -> Vec<u8> {
    Sha256::digest(id.0.to_le_bytes()).to_vec()
}

fn backend(e: impl fmt::Display) -> Error {
    Error::Backend(e.to_string())
}

impl Sessions {
    pub fn open(store: &Store, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        Ok(Self { table: store.table(SESSIONS)?, clock, writing: Arc::default() })
    }

    /// The layer that reads the cookie and sets it.
    pub fn layer(&self) -> SessionManagerLayer<Self> {
        SessionManagerLayer::new(self.clone())
            .with_name(COOKIE)
            .with_path("/")
            .with_http_only(true)
            .with_same_site(SameSite::Strict)
            // The viewer speaks plain HTTP; a browser would drop a Secure cookie.
            .with_secure(false)
            .with_expiry(Expiry::OnSessionEnd)
    }

    /// The person of a session that is still good. Blocks.
    pub fn who(&self, id: &Id) -> Result<Option<Who>, StoreError> {
        let row = self.good_row(id)?;
        Ok(row.and_then(|r| r.data.get(WHO).cloned()).and_then(|w| serde_json::from_value(w).ok()))
    }

    /// Notes that the session is in use. Blocks.
    pub fn touch(&self, id: &Id) -> Result<(), StoreError> {
        let _one = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.wall();
        match self.good_row(id)? {
            Some(mut row) if now.micros_since(row.seen).abs() >= TOUCH_MICROS => {
                row.seen = now;
                self.table.put_json(&key(id), &row)
            }
            _ => Ok(()),
        }
    }

    fn good_row(&self, id: &Id) -> Result<Option<Row>, StoreError> {
        let row = match self.table.get_json::<Row>(&key(id)) {
            // A row of another form is a session nobody can use; signing in anew mends it.
            Err(StoreError::Row { .. }) => None,
            other => other?,
        };
        Ok(row.filter(|r| is_good(r.signed_in, r.seen, self.clock.wall())))
    }

    fn create_blocking(&self, record: &mut Record) -> Result<(), StoreError> {
        let now = self.clock.wall();
        loop {
            let row = Row { key: key(&record.id), data: record.data.clone(), signed_in: now, seen: now };
            if self.table.insert_new_json(&row.key, &row)? {
                return Ok(());
            }
            record.id = Id::default();
        }
    }

    fn save_blocking(&self, record: &Record) -> Result<(), StoreError> {
        let _one = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        match self.good_row(&record.id)? {
            Some(row) => self.table.put_json(&key(&record.id), &Row { data: record.data.clone(), ..row }),
            None => Ok(()),
        }
    }

    fn delete_blocking(&self, id: &Id) -> Result<(), StoreError> {
        let _one = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        self.table.remove(&key(id)).map(|_| ())
    }

    /// Removes the rows of sessions that have ended; gives their number. Blocks.
    pub fn sweep(&self) -> Result<usize, StoreError> {
        let _one = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.wall();
        let mut removed = 0;
        for row in self.table.prefix_json::<Row>(b"")? {
            if !is_good(row.signed_in, row.seen, now) {
                removed += usize::from(self.table.remove(&row.key)?);
            }
        }
        Ok(removed)
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, StoreError> + Send + 'static,
    ) -> StoreResult<T> {
        let sessions = self.clone();
        tokio::task::spawn_blocking(move || work(&sessions)).await.map_err(backend)?.map_err(backend)
    }
}

#[async_trait]
impl SessionStore for Sessions {
    async fn create(&self, record: &mut Record) -> StoreResult<()> {
        let mut made = record.clone();
        record.id = self
            .blocking(move |s| {
                s.create_blocking(&mut made)?;
                Ok(made.id)
            })
            .await?;
        Ok(())
    }

    async fn save(&self, record: &Record) -> StoreResult<()> {
        let record = record.clone();
        self.blocking(move |s| s.save_blocking(&record)).await
    }

    async fn load(&self, id: &Id) -> StoreResult<Option<Record>> {
        let id = *id;
        let row = self.blocking(move |s| s.good_row(&id)).await?;
        // The date is for stores that let rows expire by themselves; ours go by `is_good`.
        Ok(row.map(|r| Record { id, data: r.data, expiry_date: time::OffsetDateTime::UNIX_EPOCH }))
    }

    async fn delete(&self, id: &Id) -> StoreResult<()> {
        let id = *id;
        self.blocking(move |s| s.delete_blocking(&id)).await
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::time::SteppedClock;

    fn sessions() -> (tempfile::TempDir, Arc<SteppedClock>, Sessions) {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(SteppedClock::new(WallTime::from_micros(1_795_330_203_000_000)));
        let sessions = Sessions::open(&Store::open(dir.path()).unwrap(), clock.clone()).unwrap();
        (dir, clock, sessions)
    }

    fn record() -> Record {
        let who = Who { name: "admin".into(), password_number: 1 };
        let data = HashMap::from([(WHO.to_owned(), serde_json::to_value(who).unwrap())]);
        Record { id: Id::default(), data, expiry_date: time::OffsetDateTime::UNIX_EPOCH }
    }

    fn minutes(n: u64) -> Duration {
        Duration::from_secs(60 * n)
    }

    #[test]
    fn thirty_minutes_without_use_end_a_session_and_use_prolongs_it() {
        let (_dir, clock, sessions) = sessions();
        let mut record = record();
        sessions.create_blocking(&mut record).unwrap();
        clock.advance(minutes(29));
        sessions.touch(&record.id).unwrap();
        clock.advance(minutes(29));
        assert_eq!(sessions.who(&record.id).unwrap().unwrap().name, "admin");
        clock.advance(minutes(1));
        assert!(sessions.who(&record.id).unwrap().is_none());
        assert_eq!(sessions.sweep().unwrap(), 1);
    }

    #[test]
    fn twelve_hours_end_a_session_in_constant_use() {
        let (_dir, clock, sessions) = sessions();
        let mut record = record();
        sessions.create_blocking(&mut record).unwrap();
        for _ in 0..(12 * 60 / 10 - 1) {
            clock.advance(minutes(10));
            sessions.touch(&record.id).unwrap();
        }
        assert!(sessions.who(&record.id).unwrap().is_some());
        clock.advance(minutes(10));
        assert!(sessions.who(&record.id).unwrap().is_none());
    }

    #[test]
    fn what_is_saved_late_does_not_bring_back_a_session_that_was_ended() {
        let (_dir, _clock, sessions) = sessions();
        let mut record = record();
        sessions.create_blocking(&mut record).unwrap();
        sessions.delete_blocking(&record.id).unwrap();
        sessions.save_blocking(&record).unwrap();
        sessions.touch(&record.id).unwrap();
        assert!(sessions.who(&record.id).unwrap().is_none());
    }

    #[test]
    fn the_catalogue_does_not_hold_the_id() {
        let (_dir, _clock, sessions) = sessions();
        let mut record = record();
        sessions.create_blocking(&mut record).unwrap();
        let rows = sessions.table.prefix_json::<serde_json::Value>(b"").unwrap();
        let text = serde_json::to_string(&rows).unwrap();
        assert!(!text.contains(&record.id.to_string()) && !text.contains(&record.id.0.to_string()));
    }
}
