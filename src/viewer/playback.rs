//! Gives out signed playback addresses. Every one is written into the audit log before it is given.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use serde::{Deserialize, Serialize};

use super::address::Claim;
use super::app::App;
use super::ask::{self, Body};
use super::audit::{Act, Note};
use super::envelope::address_of;
use super::gate::SignedIn;
use super::reply::{ErrorBody, Refusal};
use crate::time::{Span, WallTime};

/// Longest span one address plays, in hours: a day, whose playlist has some 43 000 entries.
const MOST_HOURS: i64 = 24;
/// How long an address is good: a day's footage can be looked through, and a lost address is soon worth nothing.
const GOOD_MICROS: i64 = 4 * 3600 * 1_000_000;
/// Footage this young may still be on its way to disk.
const ON_ITS_WAY_MICROS: i64 = 15 * 1_000_000;

/// What to play.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PlaybackRequest {
    /// A window; give exactly one of window and camera. Its camera's stream carries its sound.
    window: Option<String>,
    /// A camera.
    camera: Option<String>,
    /// Start, RFC 3339 with offset.
    #[schema(format = DateTime)]
    from: String,
    /// End; `null` follows the present.
    #[schema(format = DateTime)]
    to: Option<String>,
}

/// Where to play it.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct PlaybackAnswer {
    /// Address of the playlist, relative to the origin; needs no session.
    #[schema(example = "/media/C3~1795330200000000~1795330260000000~1795344600000000~61646d696e~…/index.m3u8")]
    url: String,
    /// Start.
    #[schema(value_type = String, format = DateTime)]
    from: WallTime,
    /// End; `null` follows the present.
    #[schema(value_type = Option<String>, format = DateTime)]
    to: Option<WallTime>,
    /// The address is good until then.
    #[schema(value_type = String, format = DateTime)]
    expires: WallTime,
    /// Whose recording it is.
    camera: String,
}

/// Gives an address under which a span is played.
///
/// The browser's player, VLC and ffmpeg open it alike. An open end more than a day after the start is given the day's end.
#[utoipa::path(
    post, path = "/api/v1/playback", tag = "recordings", request_body = PlaybackRequest,
    params(("X-Jiancha" = String, Header, description = "`1`")),
    responses(
        (status = 200, description = "The address", body = PlaybackAnswer),
        (status = 400, description = "`one-subject`, `bad-time`, `bad-span`, `malformed-body`", body = ErrorBody),
        (status = 401, description = "`not-signed-in`", body = ErrorBody),
        (status = 403, description = "`foreign-request`", body = ErrorBody),
        (status = 404, description = "`unknown-window`, `unknown-camera`, `nothing-recorded`", body = ErrorBody),
        (status = 413, description = "`body-too-large`", body = ErrorBody),
        (status = 415, description = "`not-json`", body = ErrorBody),
    )
)]
pub(super) async fn playback(
    State(app): State<Arc<App>>,
    who: SignedIn,
    request: Request,
) -> Result<Json<PlaybackAnswer>, Refusal> {
    let address = address_of(&request);
    let Body(wanted): Body<PlaybackRequest> = axum::RequestExt::extract(request).await?;
    let subject = ask::subject(&app.shown.hall, wanted.window.as_deref(), wanted.camera.as_deref())?;
    let camera = subject.camera.id.clone();
    let now = app.now();
    let from = ask::time("from", &wanted.from)?;
    let to = end(from, wanted.to.as_deref().map(|t| ask::time("to", t)).transpose()?, now);
    let span = ask::span(from, to.unwrap_or(from.plus_micros(MOST_HOURS * 3_600_000_000)), MOST_HOURS)?;

    let looked_for = camera.clone();
    let found = app.blocking(move |app| app.shown.catalogue.segments(&looked_for, span)).await?;
    if found.is_empty() && now.micros_since(from) > ON_ITS_WAY_MICROS {
        return Err(Refusal::NothingRecorded {
            camera: camera.to_string(),
            from: span.from.to_string(),
            to: to.unwrap_or(now).to_string(),
        });
    }
    let named = subject.window.map_or_else(|| format!("camera {camera}"), |w| format!("window {} camera {camera}", w.id));
    app.note(Note::new(now, Some(&who.name), address, Act::PlaybackIssued).subject(named).footage(from, to)).await?;

    let expires = now.plus_micros(GOOD_MICROS);
    let claim = Claim { camera: camera.clone(), from, to, expires, person: who.name };
    let url = format!("/media/{}/index.m3u8", app.signer.sign(&claim));
    Ok(Json(PlaybackAnswer { url, from, to, expires, camera: camera.to_string() }))
}

/// The end of what is played. An open end follows the present for as long as an address may reach.
fn end(from: WallTime, to: Option<WallTime>, now: WallTime) -> Option<WallTime> {
    let furthest = Span::new(from, from.plus_micros(MOST_HOURS * 3_600_000_000)).to;
    to.or((furthest <= now).then_some(furthest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_end_follows_the_present_for_a_day() {
        let at = |hours: i64| WallTime::from_micros(hours * 3_600_000_000);
        assert_eq!(end(at(0), None, at(5)), None);
        assert_eq!(end(at(0), None, at(48)), Some(at(24)));
        assert_eq!(end(at(0), Some(at(1)), at(48)), Some(at(1)));
    }
}
