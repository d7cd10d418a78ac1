//! The measured state, once or every second, and the health address for watchdogs.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::{Stream, StreamExt, stream};
use serde::Serialize;
use tokio::time::{MissedTickBehavior, interval};

use super::app::App;
use super::gate::SignedIn;
use super::reply::{ErrorBody, Refusal};
use crate::observe::state::HallState;
use crate::time::WallTime;

/// A state older than this says that nobody measures any more.
const STALE_MICROS: i64 = 10 * 1_000_000;
/// A stream of states looks after its session once in this many states.
const SESSION_EVERY: u32 = 5;

/// Tells the measured state.
#[utoipa::path(
    get, path = "/api/v1/state", tag = "state",
    responses(
        (status = 200, description = "The state, measured within the last second", body = inline(super::openapi::HallStateForm)),
        (status = 401, description = "`not-signed-in`", body = ErrorBody),
    )
)]
pub(super) async fn state(State(app): State<Arc<App>>) -> Json<Arc<HallState>> {
    Json(app.shown.state.borrow().clone())
}

/// Tells the measured state at once and then every second.
///
/// Server-sent events named `state`; the data of each is what `/api/v1/state` answers. Ends with the session.
#[utoipa::path(
    get, path = "/api/v1/state/events", tag = "state",
    responses(
        (status = 200, description = "Events named `state`", body = String, content_type = "text/event-stream"),
        (status = 401, description = "`not-signed-in`", body = ErrorBody),
    )
)]
pub(super) async fn events(
    State(app): State<Arc<App>>,
    who: SignedIn,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Refusal> {
    let mut ticks = interval(Duration::from_secs(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let ending = app.ending.clone().cancelled_owned();
    let states = stream::unfold((app, ticks, 0u32), move |(app, mut ticks, n)| async move {
        ticks.tick().await;
        let look = n % SESSION_EVERY == SESSION_EVERY - 1;
        if look && !matches!(app.blocking(move |app| app.still_signed_in(who.session)).await, Ok(Some(_))) {
            return None;
        }
        let state = app.shown.state.borrow().clone();
        let event = Event::default().event("state").json_data(&*state).unwrap_or_default();
        Some((Ok(event), (app, ticks, n.wrapping_add(1))))
    });
    let states = states.take_until(ending);
    Ok(Sse::new(states).keep_alive(KeepAlive::default()))
}

/// Whether every camera that should record is recording.
#[derive(Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub(super) struct Health {
    /// `ok`, `not-recording`, or `not-measured`.
    status: &'static str,
    /// Cameras that should be recording.
    #[serde(skip_serializing_if = "Option::is_none")]
    should_record: Option<usize>,
    /// Cameras that are.
    #[serde(skip_serializing_if = "Option::is_none")]
    recording: Option<usize>,
}

fn health(state: &HallState, now: WallTime) -> Health {
    let counts = |status| Health { status, should_record: Some(state.should_record), recording: Some(state.recording) };
    if now.micros_since(state.at) > STALE_MICROS {
        counts("not-measured")
    } else if state.recording < state.should_record {
        counts("not-recording")
    } else {
        Health { status: "ok", should_record: None, recording: None }
    }
}

/// For watchdogs: 200 when every camera that should record is recording. Needs no session and tells no more than counts.
#[utoipa::path(
    get, path = "/healthz", tag = "state", security(()),
    responses(
        (status = 200, description = "All are recording", body = Health),
        (status = 503, description = "Some are not, or nobody measures", body = Health),
    )
)]
pub(super) async fn healthz(State(app): State<Arc<App>>) -> (StatusCode, Json<Health>) {
    let health = health(&app.shown.state.borrow(), app.now());
    let status = if health.status == "ok" { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(health))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::state::ClockState;

    fn told(should_record: usize, recording: usize, age_seconds: i64) -> &'static str {
        let at = WallTime::from_micros(1_795_330_200_000_000);
        let state = HallState {
            at,
            started: at,
            should_record,
            recording,
            oldest_footage: None,
            cameras: vec![],
            storage: vec![],
            clock: ClockState { synchronised: true, max_error_ms: 1, limit_ms: 1000, source: "kernel".into(), leap: None },
            alarms: vec![],
        };
        health(&state, at.plus_micros(age_seconds * 1_000_000)).status
    }

    #[test]
    fn health_is_good_only_while_all_record_and_somebody_measures() {
        assert_eq!(told(5, 5, 1), "ok");
        assert_eq!(told(0, 0, 1), "ok");
        assert_eq!(told(5, 4, 1), "not-recording");
        assert_eq!(told(5, 5, 11), "not-measured");
    }
}
