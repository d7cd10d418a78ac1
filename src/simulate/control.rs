//! The control port: a few HTTP addresses by which a test or a person makes cameras misbehave.
//!
//! `GET /cameras` lists the cameras and their condition. `POST /cameras/{id}/{fault}` brings a fault about, with `?for_seconds=N` for
//! so long; `POST /cameras/{id}/heal` takes all away.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tracing::{info, warn};

use super::fault::{self, Condition, Fault};
use super::{Board, RunningCamera, SimulateError};

/// What the handlers need.
#[derive(Clone)]
pub struct Desk {
    board: Arc<Board>,
    cameras: Arc<Vec<RunningCamera>>,
}

impl Desk {
    /// Over these cameras.
    pub fn new(board: Arc<Board>, cameras: Vec<RunningCamera>) -> Self {
        Self { board, cameras: Arc::new(cameras) }
    }
}

/// One row of `GET /cameras`.
#[derive(Serialize)]
struct Row {
    id: &'static str,
    url: String,
    what: String,
    #[serde(flatten)]
    condition: Condition,
}

/// Values that go with a fault.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Values {
    for_seconds: Option<f64>,
    once: Option<u8>,
    offset_ms: Option<i64>,
    bytes_per_second: Option<u32>,
    ppm: Option<i32>,
}

/// Answers for ever.
pub async fn run(listener: TcpListener, desk: Desk) {
    let router = Router::new().route("/cameras", get(list)).route("/cameras/{id}/{fault}", post(command)).with_state(desk);
    if let Err(error) = axum::serve(listener, router).await {
        warn!(%error, "the control port ended");
    }
}

async fn list(State(desk): State<Desk>) -> Json<Vec<Row>> {
    let row = |camera: &RunningCamera| {
        let condition = desk.board.receiver(camera.id).map(|c| *c.borrow()).unwrap_or_default();
        Row { id: camera.id, url: camera.url.clone(), what: camera.what.clone(), condition }
    };
    Json(desk.cameras.iter().map(row).collect())
}

async fn command(
    State(desk): State<Desk>,
    Path((id, name)): Path<(String, String)>,
    Query(values): Query<Values>,
) -> Result<Json<Condition>, Refusal> {
    if name == "heal" {
        desk.board.heal(&id)?;
        info!(camera = id, "healed");
    } else {
        let Values { offset_ms, bytes_per_second, ppm, .. } = values;
        let with = fault::Values { once: values.once == Some(1), offset_ms, bytes_per_second, ppm };
        let fault = Fault::parse(&name, with).map_err(|told| Refusal(StatusCode::BAD_REQUEST, told))?;
        if fault.is_of_picture() && !desk.board.get(&id)?.1.has_picture_faults() {
            return Err(Refusal(StatusCode::CONFLICT, format!("camera `{id}` has only one kind of picture")));
        }
        if fault.is_of_own_clock() && !desk.board.get(&id)?.1.own_clock {
            return Err(Refusal(StatusCode::CONFLICT, format!("camera `{id}` draws no clock of its own (own-clock does)")));
        }
        let lasting = values.for_seconds.map(|s| Duration::try_from_secs_f64(s).map_err(|_| bad_length(s))).transpose()?;
        desk.board.inject(&id, fault)?;
        info!(camera = id, ?fault, ?lasting, "fault");
        if let Some(lasting) = lasting {
            let (board, id) = (Arc::clone(&desk.board), id.clone());
            tokio::spawn(async move {
                tokio::time::sleep(lasting).await;
                // The camera was there when the fault began and cameras do not go.
                let _ = board.lift(&id, fault);
            });
        }
    }
    Ok(Json(*desk.board.get(&id)?.0.borrow()))
}

fn bad_length(seconds: f64) -> Refusal {
    Refusal(StatusCode::BAD_REQUEST, format!("for_seconds={seconds} is no length of time"))
}

/// What is answered to a command that cannot be carried out.
struct Refusal(StatusCode, String);

impl From<SimulateError> for Refusal {
    fn from(error: SimulateError) -> Self {
        Self(StatusCode::NOT_FOUND, error.to_string())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.0, Json(serde_json::json!({ "error": self.1 }))).into_response()
    }
}
