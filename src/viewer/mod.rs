//! The web viewer: axum router, API under `/api/v1`, sessions, live and playback media, and the embedded pages.
//!
//! [`serve`] takes the socket, what to show, and the signal to stop; the daemon owns all three. [`people`] and [`audit`] are the viewer's
//! own tables in the catalogue. A request passes, from the outside in: compression, `envelope` (request id, words of a refusal,
//! security headers), the limit on bodies, the session, `gate` (who may come in), its route.

mod address;
mod app;
mod ask;
pub mod audit;
mod envelope;
mod gate;
mod hall;
mod hex;
mod hls;
mod indices;
mod live;
mod live_picture;
mod login;
mod media;
mod openapi;
mod pages;
pub mod people;
mod playback;
mod range;
mod recorder;
mod reply;
mod router;
mod sessions;
mod state;
mod still;
mod throttle;
mod timeline;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::catalogue::{Catalogue, StoreError};
use crate::evidence::PublicHalf;
use crate::hall::Hall;
use crate::live::LiveHub;
use crate::observe::state::HallState;
use crate::time::Clock;

/// Requests still running when the viewer stops get this long.
const GRACE: Duration = Duration::from_secs(5);
/// How often ended sessions are removed and waiting audit rows told.
const TIDY_EVERY: Duration = Duration::from_secs(60);

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
    /// Public half of the recorder's signing key.
    pub recorder_key: Option<PublicHalf>,
}

/// Why the viewer cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum ViewerError {
    /// Its tables cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The socket fails.
    #[error("serve the viewer: {0}")]
    Io(#[from] std::io::Error),
}

/// Serves the viewer on `listener` until `shutdown` resolves; then ends live views and event streams and gives other requests
/// five seconds.
///
/// # Errors
/// [`ViewerError`] when its tables cannot be opened or the socket fails.
pub async fn serve(
    listener: TcpListener,
    shown: Shown,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ViewerError> {
    let app = Arc::new(tokio::task::spawn_blocking(move || app::App::open(shown)).await.map_err(std::io::Error::other)??);
    let ending = app.ending.clone();
    let signal = ending.clone();
    tokio::spawn(async move {
        shutdown.await;
        signal.cancel();
    });
    let tidying = tokio::spawn(tidy(Arc::clone(&app)));
    let service = router::router(app).into_make_service_with_connect_info::<SocketAddr>();
    let serving = axum::serve(listener, service).with_graceful_shutdown(ending.clone().cancelled_owned());
    let mut serving = std::pin::pin!(serving.into_future());
    let outcome = tokio::select! {
        outcome = &mut serving => outcome,
        () = ending.cancelled() => match timeout(GRACE, serving).await {
            Ok(outcome) => outcome,
            Err(_) => {
                tracing::warn!("viewer: some requests still run after {} s and are left behind", GRACE.as_secs());
                Ok(())
            }
        },
    };
    // Whatever ended serving, nothing of it goes on.
    ending.cancel();
    tidying.abort();
    Ok(outcome?)
}

async fn tidy(app: Arc<app::App>) {
    let mut ticks = interval(TIDY_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        app.tidy().await;
    }
}
