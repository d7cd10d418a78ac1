//! A still picture out of the recording, with the stamp in it.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderName, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use tokio::sync::Semaphore;

use super::app::App;
use super::ask::{self, Asked};
use super::audit::{Act, Note};
use super::envelope::address_of;
use super::gate::SignedIn;
use super::reply::{ErrorBody, Refusal};
use crate::export::still::{self, Form, StillError};
use crate::time::Span;

/// Stills made at once: each decodes up to two seconds of pictures, and recording goes first.
static AT_ONCE: Semaphore = Semaphore::const_new(2);
/// Tells when the picture was taken.
const CAPTURE: HeaderName = HeaderName::from_static("x-jiancha-capture");
/// Tells whether the stamp was `recorded` or `drawn` now.
const STAMP: HeaderName = HeaderName::from_static("x-jiancha-stamp");

/// Whose picture, and of when.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct StillQuery {
    /// A window; give exactly one of window and camera.
    window: Option<String>,
    /// A camera.
    camera: Option<String>,
    /// When, RFC 3339 with offset.
    #[param(format = DateTime)]
    at: String,
}

/// Gives the picture shown at a moment, as JPEG, with the stamp in it.
///
/// Where the recording carries no stamp, it is drawn: the time of that very picture and the label of its time. `X-Jiancha-Capture` tells
/// when the picture was taken, `X-Jiancha-Stamp` whether the stamp was `recorded` or `drawn`.
#[utoipa::path(
    get, path = "/api/v1/still", tag = "recordings", params(StillQuery),
    responses(
        (status = 200, description = "The picture", body = Vec<u8>, content_type = "image/jpeg",
         headers(("X-Jiancha-Capture" = String, description = "When it was taken"), ("X-Jiancha-Stamp" = String, description = "`recorded` or `drawn`"))),
        (status = 400, description = "`one-subject`, `bad-time`, `malformed-query`", body = ErrorBody),
        (status = 401, description = "`not-signed-in`", body = ErrorBody),
        (status = 404, description = "`unknown-window`, `unknown-camera`, `nothing-recorded`, `recording-unreadable`", body = ErrorBody),
    )
)]
pub(super) async fn still(
    State(app): State<Arc<App>>,
    who: SignedIn,
    Asked(query): Asked<StillQuery>,
    request: Request,
) -> Result<Response, Refusal> {
    let address = address_of(&request);
    let subject = ask::subject(&app.shown.hall, query.window.as_deref(), query.camera.as_deref())?;
    let at = ask::time("at", &query.at)?;
    let camera = subject.camera.id.clone();
    let named = subject.window.map_or_else(|| format!("camera {camera}"), |w| format!("window {} camera {camera}", w.id));
    let looked_for = camera.clone();
    // An open segment reaches a little further than its row.
    let around = Span::new(at.plus_micros(-1_000_000), at.plus_micros(1));
    let rows = app.blocking(move |app| app.shown.catalogue.segments(&looked_for, around)).await?;
    let Some(row) = still::row_at(&rows, at).cloned() else {
        return Err(Refusal::NothingRecorded { camera: camera.to_string(), from: at.to_string(), to: at.to_string() });
    };
    app.note(Note::new(app.now(), Some(&who.name), address, Act::StillTaken).subject(named).footage(at, Some(at))).await?;
    let _place = AT_ONCE.acquire().await.map_err(|e| Refusal::Internal(e.to_string()))?;
    let (still, bytes) = app
        .blocking(move |app| {
            let still = still::take(&row, at, &app.shown.hall.stamp)?;
            let bytes = still::encode(&still.picture, Form::Jpeg)?;
            Ok::<_, StillError>((still, bytes))
        })
        .await?;
    let headers = [
        (header::CONTENT_TYPE, "image/jpeg".to_owned()),
        // What was seen is written down each time; no copy stays with the browser.
        (header::CACHE_CONTROL, "no-store".to_owned()),
        (CAPTURE, still.capture.to_rfc3339()),
        (STAMP, if still.recorded_stamp { "recorded" } else { "drawn" }.to_owned()),
    ];
    Ok((headers, bytes).into_response())
}

impl From<StillError> for Refusal {
    fn from(e: StillError) -> Self {
        match e {
            StillError::Stamp { .. } | StillError::Code(_) => Self::Internal(e.to_string()),
            StillError::Read { ref path, .. } | StillError::Decode { ref path, .. } => {
                Self::RecordingUnreadable { path: path.display().to_string(), reason: e.to_string() }
            }
            StillError::Segment(_) => Self::RecordingUnreadable { path: String::new(), reason: e.to_string() },
        }
    }
}
