//! The timeline of a window or camera: what was recorded, what is missing and why.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};

use super::app::App;
use super::ask::{self, Asked};
use super::reply::{ErrorBody, Refusal};
use crate::catalogue::timeline::{Gap, RecordedSpan};
use crate::time::Span;

/// Longest span told at once: the longest retention period in calendar days, and some.
const MOST_HOURS: i64 = 400 * 24;

/// Whose timeline, and of when.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct TimelineQuery {
    /// A window; give exactly one of window and camera.
    window: Option<String>,
    /// A camera.
    camera: Option<String>,
    /// Start, RFC 3339 with offset.
    #[param(format = DateTime)]
    from: String,
    /// End, RFC 3339 with offset.
    #[param(format = DateTime)]
    to: String,
}

/// Recorded spans, gaps and what has gone, each in order of time.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct TimelineAnswer {
    /// The window, when it was asked for by its window.
    window: Option<String>,
    /// Recorded spans.
    #[schema(value_type = Vec<super::openapi::RecordedSpanForm>)]
    spans: Vec<RecordedSpan>,
    /// Gaps (缺录).
    #[schema(value_type = Vec<super::openapi::GapForm>)]
    gaps: Vec<Gap>,
    /// What was recorded and has gone since because its time was over (到期已删): neither there nor missing.
    #[schema(value_type = Vec<super::openapi::RemovedSpanForm>)]
    removed: Vec<Span>,
}

/// Tells what was recorded, what is missing and what has gone.
#[utoipa::path(
    get, path = "/api/v1/timeline", tag = "recordings", params(TimelineQuery),
    responses(
        (status = 200, description = "The timeline", body = TimelineAnswer),
        (status = 400, description = "`one-subject`, `bad-time`, `bad-span`, `malformed-query`", body = ErrorBody),
        (status = 401, description = "`not-signed-in`", body = ErrorBody),
        (status = 404, description = "`unknown-window`, `unknown-camera`", body = ErrorBody),
    )
)]
pub(super) async fn timeline(
    State(app): State<Arc<App>>,
    Asked(query): Asked<TimelineQuery>,
) -> Result<Json<TimelineAnswer>, Refusal> {
    let subject = ask::subject(&app.shown.hall, query.window.as_deref(), query.camera.as_deref())?;
    let span = ask::span(ask::time("from", &query.from)?, ask::time("to", &query.to)?, MOST_HOURS)?;
    let (camera, window) = (subject.camera.id.clone(), subject.window.map(|w| w.id.to_string()));
    let told = app.blocking(move |app| app.shown.catalogue.timeline(&camera, span, app.now())).await?;
    Ok(Json(TimelineAnswer { window, spans: told.spans, gaps: told.gaps, removed: told.removed }))
}
