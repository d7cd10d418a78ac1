//! The audit log (审计): who did what to which footage, from where, when. Rows are only ever appended, and each carries the digest of the
//! one before, so that a row changed, removed or put in between is found.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::hex;
use crate::catalogue::{Store, StoreError, Table};
use crate::time::{Span, WallTime};

/// Table of audit rows.
const AUDIT: &str = "audit";
/// Table with the one row that tells the newest audit row.
const HEAD: &str = "audit-head";
/// What stands in place of a digest before the first row.
const NOTHING: &str = "0000000000000000000000000000000000000000000000000000000000000000";
/// Denials of one kind from one address are written down at most this often, with their number.
const DENIAL_PAUSE: Duration = Duration::from_secs(60);
/// Most kinds of denials kept apart at once.
const MOST_DENIALS: usize = 256;

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Act {
    /// Signed in (登录).
    Login,
    /// Wrong user name or password (登录失败).
    LoginFailed,
    /// Signed out (退出).
    Logout,
    /// A live view was opened (打开实时画面).
    LiveOpened,
    /// A live view was closed (关闭实时画面).
    LiveClosed,
    /// A playback address was given out (取得回放地址).
    PlaybackIssued,
    /// A still picture was taken out of the recording (抓图).
    StillTaken,
    /// Footage was exported (导出录像).
    Exported,
    /// A request was refused (拒绝访问).
    Denied,
    /// A person was added (新增用户).
    PersonAdded,
    /// A person was removed (删除用户).
    PersonRemoved,
    /// A person's password was set (设置密码).
    PasswordSet,
}

/// What is to be written down; the log adds number and digests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// When.
    pub at: WallTime,
    /// Who; `None` for somebody not signed in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub who: Option<String>,
    /// From which address.
    pub from: String,
    /// What was done.
    pub act: Act,
    /// To what: a camera, a window, a person, a route.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Which footage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub span: Option<AuditSpan>,
    /// Circumstances in words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

impl Note {
    /// A note without subject, span and detail.
    pub fn new(at: WallTime, who: Option<&str>, from: impl ToString, act: Act) -> Self {
        Self { at, who: who.map(str::to_owned), from: from.to_string(), act, subject: None, span: None, detail: String::new() }
    }

    /// An export on the recorder's own machine, `from` being the account that asked.
    pub fn exported(at: WallTime, from: &str, export: &crate::export::Announcement) -> Self {
        let purpose = &export.purpose;
        let subject = match &export.window {
            Some(window) => format!("{} window {window}", export.camera),
            None => export.camera.to_string(),
        };
        let kind = export.kind.word();
        let approval = purpose.approval.as_deref().map(|n| format!(", approval {n}")).unwrap_or_default();
        let act = if export.kind == crate::export::Kind::Still { Act::StillTaken } else { Act::Exported };
        Self::new(at, Some(&purpose.person), from, act)
            .subject(subject)
            .footage(export.span.from, Some(export.span.to))
            .detail(format!("{kind} to {}{approval}: {}", export.to, purpose.reason).trim_end_matches(": "))
    }

    /// The same with a subject.
    pub fn subject(self, subject: impl ToString) -> Self {
        Self { subject: Some(subject.to_string()), ..self }
    }

    /// The same with the span of the footage.
    pub fn footage(self, from: WallTime, to: Option<WallTime>) -> Self {
        Self { span: Some(AuditSpan { from, to }), ..self }
    }

    /// The same with circumstances in words.
    pub fn detail(self, detail: impl ToString) -> Self {
        Self { detail: detail.to_string(), ..self }
    }
}

/// The footage an audit row speaks of; without an end it follows the present.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditSpan {
    /// Start.
    pub from: WallTime,
    /// End.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<WallTime>,
}

/// One row of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRow {
    /// Number, from 1, without holes.
    pub number: u64,
    /// What was done.
    #[serde(flatten)]
    pub note: Note,
    /// Digest of the row before; 64 zeros in the first.
    pub previous: String,
    /// SHA-256 over number, note and `previous`, in hexadecimal.
    pub digest: String,
}

fn digest(number: u64, note: &Note, previous: &str) -> Result<String, serde_json::Error> {
    let mut hash = Sha256::new();
    hash.update(number.to_be_bytes());
    hash.update(previous.as_bytes());
    hash.update(serde_json::to_vec(note)?);
    Ok(hex::encode(&hash.finalize()))
}

/// The newest row, kept apart so that rows cut off at the end are missed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Head {
    number: u64,
    digest: String,
}

/// The newest row. A power cut may have kept the row and lost the head, or the other way round; the higher one stands.
fn newest(rows: &Table, heads: &Table) -> Result<Head, StoreError> {
    let noted = heads.get_json::<Head>(HEAD.as_bytes())?;
    let last = rows.last_json::<AuditRow>(b"")?.map(|r| Head { number: r.number, digest: r.digest });
    let head = noted.into_iter().chain(last).max_by_key(|h| h.number);
    Ok(head.unwrap_or(Head { number: 0, digest: NOTHING.to_owned() }))
}

/// Where the chain does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BrokenChain {
    /// A row is missing, or one was put in between.
    #[error("audit row {expected} is missing (row {found} follows)")]
    Missing {
        /// The number that should come.
        expected: u64,
        /// The number that comes.
        found: u64,
    },
    /// A row was changed.
    #[error("audit row {number} was changed: its digest does not fit")]
    Changed {
        /// Which row.
        number: u64,
    },
    /// Rows at the end are missing.
    #[error("audit rows {after} to {head} are missing at the end")]
    CutOff {
        /// The first missing row.
        after: u64,
        /// The last missing row.
        head: u64,
    },
}

/// Proves a chain of rows from the first on.
///
/// # Errors
/// [`BrokenChain`] at the first row that does not fit.
pub fn verify_rows(rows: &[AuditRow]) -> Result<(), BrokenChain> {
    let mut previous = NOTHING;
    for (row, expected) in rows.iter().zip(1u64..) {
        if row.number != expected {
            return Err(BrokenChain::Missing { expected, found: row.number });
        }
        let right = digest(row.number, &row.note, previous).is_ok_and(|d| d == row.digest);
        if !right || row.previous != previous {
            return Err(BrokenChain::Changed { number: row.number });
        }
        previous = &row.digest;
    }
    Ok(())
}

/// The audit log. Cheap to clone; every method blocks.
#[derive(Clone)]
pub struct Audit {
    rows: Table,
    heads: Table,
    head: Arc<Mutex<Head>>,
}

impl Audit {
    /// Opens the log in `store`.
    ///
    /// # Errors
    /// [`StoreError`] when its tables cannot be read.
    pub fn open(store: &Store) -> Result<Self, StoreError> {
        let (rows, heads) = (store.table(AUDIT)?, store.table(HEAD)?);
        let head = newest(&rows, &heads)?;
        Ok(Self { rows, heads, head: Arc::new(Mutex::new(head)) })
    }

    /// Appends a row.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be written; what it speaks of must then not happen.
    pub fn append(&self, note: Note) -> Result<(), StoreError> {
        let mut head = self.head.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let number = head.number + 1;
            let digest = digest(number, &note, &head.digest).map_err(|e| StoreError::Row {
                table: AUDIT.to_owned(),
                key: hex::encode(&number.to_be_bytes()),
                reason: e.to_string(),
            })?;
            let row = AuditRow { number, note: note.clone(), previous: head.digest.clone(), digest };
            if self.rows.insert_new_json(&number.to_be_bytes(), &row)? {
                *head = Head { number, digest: row.digest };
                return self.heads.put_json(HEAD.as_bytes(), &*head);
            }
            // Another `Audit` of this process has written meanwhile: go on from there.
            match self.rows.last_json::<AuditRow>(b"")? {
                Some(newest) if newest.number >= number => *head = Head { number: newest.number, digest: newest.digest },
                _ => {
                    let reason = format!("row {number} stands already and cannot be read (see `verify_chain`)");
                    return Err(StoreError::Io { table: AUDIT.to_owned(), reason });
                }
            }
        }
    }

    /// All rows, oldest first.
    ///
    /// # Errors
    /// [`StoreError`] when the table cannot be read; a row that cannot be read is left out and found by [`Audit::verify_chain`].
    pub fn rows(&self) -> Result<Vec<AuditRow>, StoreError> {
        self.rows.prefix_json(b"")
    }

    /// Proves the whole log: the number of rows, or where the chain does not hold.
    ///
    /// # Errors
    /// [`StoreError`] when the table cannot be read.
    pub fn verify_chain(&self) -> Result<Result<u64, BrokenChain>, StoreError> {
        let head = newest(&self.rows, &self.heads)?;
        let rows: Vec<AuditRow> = self.rows()?.into_iter().filter(|r| r.number <= head.number).collect();
        let last = rows.last().map_or(0, |r| r.number);
        Ok(verify_rows(&rows).and_then(|()| {
            if last == head.number { Ok(last) } else { Err(BrokenChain::CutOff { after: last + 1, head: head.number }) }
        }))
    }
}

/// Keeps a flood of refused requests from flooding the log: the first of a kind is told at once, further ones as a number later.
#[derive(Debug, Default)]
pub(super) struct Denials {
    kinds: HashMap<(IpAddr, String), (Duration, u64)>,
}

impl Denials {
    /// A request of `kind` from `address` was refused at `now` (monotonic). Some(n) when a row is due that stands for `n` requests.
    pub fn count(&mut self, address: IpAddr, kind: &str, now: Duration) -> Option<u64> {
        if self.kinds.len() >= MOST_DENIALS {
            self.kinds.retain(|_, (told, _)| now.saturating_sub(*told) < DENIAL_PAUSE);
        }
        let full = self.kinds.len() >= MOST_DENIALS;
        match self.kinds.get_mut(&(address, kind.to_owned())) {
            Some((told, silent)) if now.saturating_sub(*told) < DENIAL_PAUSE => {
                *silent += 1;
                None
            }
            Some((told, silent)) => {
                *told = now;
                Some(std::mem::take(silent) + 1)
            }
            // More kinds than anybody could read: these are told in the program's log only.
            None if full => None,
            None => {
                self.kinds.insert((address, kind.to_owned()), (now, 0));
                Some(1)
            }
        }
    }

    /// Kinds whose further requests have waited long enough to be told, with their number. Forgets kinds that fell silent.
    pub fn overdue(&mut self, now: Duration) -> Vec<(IpAddr, String, u64)> {
        let mut due = Vec::new();
        self.kinds.retain(|(address, kind), (told, silent)| {
            let waiting = now.saturating_sub(*told) < DENIAL_PAUSE;
            if !waiting && *silent > 0 {
                due.push((*address, kind.clone(), *silent));
            }
            waiting
        });
        due
    }
}

impl From<Span> for AuditSpan {
    fn from(span: Span) -> Self {
        Self { from: span.from, to: Some(span.to) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(second: i64, act: Act) -> Note {
        Note::new(WallTime::from_micros(second * 1_000_000), Some("admin"), "192.0.2.7", act).subject("C3")
    }

    fn log() -> (tempfile::TempDir, Store) {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let audit = Audit::open(&store).unwrap();
        for (second, act) in [(1, Act::Login), (2, Act::LiveOpened), (3, Act::LiveClosed), (4, Act::Logout)] {
            audit.append(note(second, act)).unwrap();
        }
        (dir, store)
    }

    #[test]
    fn rows_are_numbered_chained_and_go_on_after_a_restart() {
        let (_dir, store) = log();
        let audit = Audit::open(&store).unwrap();
        audit.append(note(5, Act::Login).footage(WallTime::from_micros(0), None)).unwrap();
        let rows = audit.rows().unwrap();
        assert_eq!(rows.iter().map(|r| r.number).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
        assert_eq!(rows[0].previous, NOTHING);
        assert_eq!(rows[4].previous, rows[3].digest);
        assert_eq!(audit.verify_chain().unwrap(), Ok(5));
    }

    #[test]
    fn two_logs_of_one_store_write_one_chain() {
        let (_dir, store) = log();
        let (a, b) = (Audit::open(&store).unwrap(), Audit::open(&store).unwrap());
        for second in 5..9 {
            a.append(note(second, Act::Login)).unwrap();
            b.append(note(second, Act::Logout)).unwrap();
        }
        assert_eq!(Audit::open(&store).unwrap().verify_chain().unwrap(), Ok(12));
    }

    #[test]
    fn a_changed_row_is_found() {
        let (_dir, store) = log();
        let audit = Audit::open(&store).unwrap();
        let mut row = audit.rows().unwrap().remove(1);
        row.note.who = Some("somebody else".into());
        audit.rows.put_json(&2u64.to_be_bytes(), &row).unwrap();
        assert_eq!(audit.verify_chain().unwrap(), Err(BrokenChain::Changed { number: 2 }));
    }

    #[test]
    fn a_changed_row_with_its_digest_mended_breaks_the_next_one() {
        let (_dir, store) = log();
        let audit = Audit::open(&store).unwrap();
        let mut row = audit.rows().unwrap().remove(1);
        row.note.who = Some("somebody else".into());
        row.digest = digest(2, &row.note, &row.previous).unwrap();
        audit.rows.put_json(&2u64.to_be_bytes(), &row).unwrap();
        assert_eq!(audit.verify_chain().unwrap(), Err(BrokenChain::Changed { number: 3 }));
    }

    #[test]
    fn a_removed_row_is_missed_in_the_middle_and_at_the_end() {
        let (_dir, store) = log();
        let audit = Audit::open(&store).unwrap();
        audit.rows.remove(&4u64.to_be_bytes()).unwrap();
        assert_eq!(Audit::open(&store).unwrap().verify_chain().unwrap(), Err(BrokenChain::CutOff { after: 4, head: 4 }));
        audit.rows.remove(&2u64.to_be_bytes()).unwrap();
        assert_eq!(audit.verify_chain().unwrap(), Err(BrokenChain::Missing { expected: 2, found: 3 }));
    }

    #[test]
    fn a_flood_of_refusals_is_one_row_a_minute_with_their_number() {
        let (here, there) = (IpAddr::from([192, 0, 2, 7]), IpAddr::from([192, 0, 2, 8]));
        let mut denials = Denials::default();
        let s = Duration::from_secs;
        assert_eq!(denials.count(here, "a", s(0)), Some(1));
        for t in 1..60 {
            assert_eq!(denials.count(here, "a", s(t)), None);
        }
        assert_eq!(denials.count(there, "a", s(59)), Some(1));
        assert_eq!(denials.count(here, "b", s(59)), Some(1));
        assert_eq!(denials.count(here, "a", s(60)), Some(60));
        assert_eq!(denials.count(here, "a", s(61)), None);
        assert_eq!(denials.overdue(s(119)), vec![]);
        assert_eq!(denials.overdue(s(120)), vec![(here, "a".to_owned(), 1)]);
        assert_eq!(denials.overdue(s(500)), vec![]);
    }
}
