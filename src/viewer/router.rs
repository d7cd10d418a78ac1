//! All routes and the layers around them.

use std::sync::Arc;

use axum::Router;
use axum::extract::FromRef;
use axum::http::{HeaderMap, StatusCode, Version, header};
use axum::middleware::from_fn_with_state;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{Predicate, SizeAbove};
use tower_http::limit::RequestBodyLimitLayer;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::app::App;
use super::openapi::{Described, Document};
use super::{envelope, gate, hall, live, login, media, openapi, pages, playback, recorder, state, still, timeline};

/// Longest body of a request.
const LONGEST_BODY_BYTES: usize = 64 * 1024;
/// Answers shorter than this are not compressed.
const COMPRESS_ABOVE_BYTES: u64 = 512;

/// What handlers may ask for.
#[derive(Clone, FromRef)]
struct Shared {
    app: Arc<App>,
    described: Arc<Described>,
}

/// Every route that the document describes; there are no others but the pages.
fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(login::sign_in, login::signed_in, login::sign_out))
        .routes(routes!(hall::hall))
        .routes(routes!(recorder::recorder))
        .routes(routes!(state::state))
        .routes(routes!(state::events))
        .routes(routes!(state::healthz))
        .routes(routes!(timeline::timeline))
        .routes(routes!(playback::playback))
        .routes(routes!(still::still))
        .routes(routes!(media::playlist))
        .routes(routes!(media::file))
        .routes(routes!(live::live))
        .routes(routes!(openapi::openapi))
}

/// The viewer's router.
pub(super) fn router(app: Arc<App>) -> Router {
    let (router, mut document) = routes().split_for_parts();
    env!("CARGO_PKG_VERSION").clone_into(&mut document.info.version);
    // A document of plain maps and texts always serialises.
    let described = Arc::new(Described(document.to_json().unwrap_or_default()));
    // From the inside out: the gate, which needs the session; the session; the limit; the envelope, which puts every answer into
    // words; compression.
    router
        .fallback(pages::page)
        .layer(from_fn_with_state(Arc::clone(&app), gate::gate))
        .layer(app.sessions.layer())
        .layer(RequestBodyLimitLayer::new(LONGEST_BODY_BYTES))
        .layer(from_fn_with_state(Arc::clone(&app), envelope::envelope))
        .layer(CompressionLayer::new().gzip(true).compress_when(SizeAbove::new(COMPRESS_ABOVE_BYTES).and(is_text)))
        .with_state(Shared { app, described })
}

/// Only text gets smaller; events must leave at once.
fn is_text(_: StatusCode, _: Version, headers: &HeaderMap, _: &axum::http::Extensions) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    kind != "text/event-stream"
        && (kind.starts_with("text/")
            || ["application/json", "application/javascript", "application/vnd.apple.mpegurl", "image/svg+xml"].contains(&kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_describes_the_whole_contract() {
        let document = routes().to_openapi();
        let text: serde_json::Value = serde_json::from_str(&document.to_json().unwrap()).unwrap();
        let mut told: Vec<String> = Vec::new();
        for (path, item) in text["paths"].as_object().unwrap() {
            for method in item.as_object().unwrap().keys() {
                told.push(format!("{method} {path}"));
            }
        }
        told.sort();
        let mut contract = [
            "delete /api/v1/session",
            "get /api/v1/session",
            "post /api/v1/session",
            "get /api/v1/hall",
            "get /api/v1/recorder",
            "get /api/v1/state",
            "get /api/v1/state/events",
            "get /api/v1/timeline",
            "post /api/v1/playback",
            "get /api/v1/still",
            "get /api/v1/live/{camera}",
            "get /api/v1/openapi.json",
            "get /media/{token}/index.m3u8",
            "get /media/{token}/{camera}/{date}/{hour}/{name}",
            "get /healthz",
        ];
        contract.sort_unstable();
        assert_eq!(told, contract);
    }

    #[test]
    fn every_reference_in_the_document_leads_somewhere() {
        let text = routes().to_openapi().to_json().unwrap();
        let document: serde_json::Value = serde_json::from_str(&text).unwrap();
        let mut rest = text.as_str();
        let mut n = 0;
        while let Some((_, after)) = rest.split_once("\"$ref\":\"#") {
            let (pointer, after) = after.split_once('"').unwrap();
            assert!(document.pointer(pointer).is_some(), "{pointer} leads nowhere");
            (rest, n) = (after, n + 1);
        }
        assert!(n > 10, "only {n} references");
    }

    #[test]
    fn text_is_compressed_and_events_and_pictures_are_not() {
        let told = |kind: &str| {
            let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, kind.parse().unwrap())]);
            is_text(StatusCode::OK, Version::HTTP_11, &headers, &axum::http::Extensions::new())
        };
        assert!(told("application/json") && told("text/html; charset=utf-8") && told("application/vnd.apple.mpegurl"));
        assert!(!told("text/event-stream") && !told("video/mp4") && !told("image/png"));
    }
}
