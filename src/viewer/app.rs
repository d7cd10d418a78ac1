//! What every handler shares.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::Shown;
use super::address::Signer;
use super::audit::{Act, Audit, Denials, Note};
use super::indices::Indices;
use super::people::People;
use super::reply::Refusal;
use super::sessions::Sessions;
use super::throttle::Throttle;
use crate::catalogue::StoreError;
use crate::time::WallTime;

/// Passwords are checked two at a time: each check takes 19 MiB and some 20 ms of a core, and recording goes first.
const PASSWORD_CHECKS: usize = 2;
/// Live views open at once, of all people together.
pub(super) const MOST_VIEWS: usize = 256;

/// The viewer's state.
pub(super) struct App {
    pub shown: Shown,
    pub people: People,
    pub sessions: Sessions,
    pub throttle: Mutex<Throttle>,
    pub password_checks: Semaphore,
    pub audit: Audit,
    pub denials: Mutex<Denials>,
    pub signer: Signer,
    pub indices: Indices,
    pub views: Arc<Semaphore>,
    /// Cancelled when the viewer stops: streams without an end then end.
    pub ending: CancellationToken,
}

impl App {
    pub fn open(shown: Shown) -> Result<Self, StoreError> {
        let store = shown.catalogue.store().clone();
        Ok(Self {
            people: People::open(&store)?,
            sessions: Sessions::open(&store, shown.clock.clone())?,
            throttle: Mutex::default(),
            password_checks: Semaphore::new(PASSWORD_CHECKS),
            audit: Audit::open(&store)?,
            denials: Mutex::default(),
            signer: Signer::open(&store)?,
            indices: Indices::default(),
            views: Arc::new(Semaphore::new(MOST_VIEWS)),
            ending: CancellationToken::new(),
            shown,
        })
    }

    /// The wall time.
    pub fn now(&self) -> WallTime {
        self.shown.clock.wall()
    }

    /// Runs work on the catalogue or a disk where it may block.
    pub async fn blocking<T, E>(
        self: &Arc<Self>,
        work: impl FnOnce(&App) -> Result<T, E> + Send + 'static,
    ) -> Result<T, Refusal>
    where
        T: Send + 'static,
        E: Into<Refusal> + Send + 'static,
    {
        let app = Arc::clone(self);
        tokio::task::spawn_blocking(move || work(&app)).await?.map_err(Into::into)
    }

    /// Writes a row of the audit log.
    ///
    /// # Errors
    /// [`Refusal::Internal`] when it cannot be written: what it speaks of must then not happen.
    pub async fn note(self: &Arc<Self>, note: Note) -> Result<(), Refusal> {
        self.blocking(move |app| app.audit.append(note)).await
    }

    /// Notes a refused request, unless one like it was noted a moment ago.
    pub async fn note_denial(self: &Arc<Self>, who: Option<&str>, address: std::net::IpAddr, kind: String) {
        let monotonic = self.shown.clock.monotonic();
        let due = self.denials.lock().unwrap_or_else(PoisonError::into_inner).count(address, &kind, monotonic);
        if let Some(times) = due {
            self.write_denial(who, address, &kind, times).await;
        }
    }

    async fn write_denial(self: &Arc<Self>, who: Option<&str>, address: std::net::IpAddr, kind: &str, times: u64) {
        let note = Note::new(self.now(), who, address, Act::Denied).subject(kind);
        let note = if times > 1 { note.detail(format!("{times} times")) } else { note };
        if let Err(e) = self.note(note).await {
            tracing::error!("audit: a refused request could not be noted: {e}");
        }
    }

    /// What is done once a minute: ended sessions are removed, denials that waited are told.
    pub async fn tidy(self: &Arc<Self>) {
        let monotonic = self.shown.clock.monotonic();
        let overdue = self.denials.lock().unwrap_or_else(PoisonError::into_inner).overdue(monotonic);
        for (address, kind, times) in overdue {
            self.write_denial(None, address, &kind, times).await;
        }
        match self.blocking(|app| app.sessions.sweep()).await {
            Ok(0) => {}
            Ok(removed) => tracing::info!(removed, "ended sessions removed"),
            Err(e) => tracing::warn!("sessions: {e}"),
        }
    }
}
