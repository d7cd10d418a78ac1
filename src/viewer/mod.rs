//! The web viewer: axum router, API under `/api/v1`, sessions, live and playback media, and the embedded pages.

use std::sync::Arc;

use tokio::sync::watch;

use crate::catalogue::Catalogue;
use crate::hall::Hall;
use crate::live::LiveHub;
use crate::observe::state::HallState;
use crate::time::Clock;

/// What the viewer shows: handed over by the daemon, read only.
#[derive(Clone)]
pub struct Shown {
    /// The hall.
    pub hall: Arc<Hall>,
    /// Recordings, gaps, and the tables for people, sessions and audit.
    pub catalogue: Catalogue,
    /// Live media.
    pub live: LiveHub,
    /// The measured state, renewed every second.
    pub state: watch::Receiver<Arc<HallState>>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}
