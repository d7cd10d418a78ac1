//! What is put around every answer: request id, log span, the words of a refusal, its audit row, security headers.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::Json;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use rand::Rng;
use tracing::Instrument;

use super::app::App;
use super::gate::SignedIn;
use super::hex;
use super::reply::{ErrorBody, ErrorDetail, Refusal};

/// Header with the request id.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// No page of ours needs anything from elsewhere, and none may be framed.
const CSP: &str = "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; style-src 'self' 'unsafe-inline'; \
                   connect-src 'self' ws: wss:; worker-src 'self' blob:; object-src 'none'; base-uri 'self'; form-action 'self'; \
                   frame-ancestors 'none'";

/// Headers of every answer.
const SECURITY: [(HeaderName, HeaderValue); 6] = [
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CSP)),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
];

/// Where a request came from.
pub(super) fn address_of(request: &Request) -> IpAddr {
    // The server always tells; the fallback keeps a router without a server (as in a test) working.
    let known = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|c| c.0.ip());
    known.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)).to_canonical()
}

/// The path as it may stand in a log: a media address is a secret.
pub(super) fn loggable(path: &str) -> String {
    match path.strip_prefix("/media/") {
        Some(rest) => format!("/media/***/{}", rest.split_once('/').map_or("", |(_, file)| file)),
        None => path.chars().take(200).collect(),
    }
}

/// The outermost layer but compression.
pub(super) async fn envelope(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let id = hex::encode(&rand::rng().random::<[u8; 8]>());
    let (method, path, address) = (request.method().clone(), loggable(request.uri().path()), address_of(&request));
    let span = tracing::info_span!("request", %id, %method, %path, %address);
    async move {
        let mut response = next.run(request).await;
        let spoken = path.starts_with("/api/") || path.starts_with("/media/");
        let mut refusal = response.extensions_mut().remove::<Arc<Refusal>>();
        if refusal.is_none() && spoken && (response.status().is_client_error() || response.status().is_server_error()) {
            refusal = Some(Arc::new(Refusal::from_status(response.status())));
        }
        if let Some(refusal) = refusal {
            let who = response.extensions_mut().remove::<SignedIn>().map(|s| s.name);
            tell(&app, &refusal, who, &method, &path, address).await;
            response = body(&refusal, response, &id);
        }
        dress(response.headers_mut(), &id, spoken);
        tracing::debug!(status = response.status().as_u16(), "answered");
        response
    }
    .instrument(span)
    .await
}

/// Writes a refusal into the log and, when somebody was kept from something, into the audit log.
async fn tell(app: &Arc<App>, refusal: &Refusal, who: Option<String>, method: &Method, path: &str, address: IpAddr) {
    let outside = refusal.outside();
    if outside.status.is_server_error() {
        tracing::error!(code = outside.code, "{refusal}");
    } else {
        tracing::debug!(code = outside.code, "{refusal}");
    }
    // Signing in writes its own rows; asking whether one is signed in is no attempt at anything.
    let about_the_session = path == "/api/v1/session" && method != Method::DELETE;
    let kept_out = outside.status == StatusCode::UNAUTHORIZED || outside.status == StatusCode::FORBIDDEN;
    if kept_out && !about_the_session {
        app.note_denial(who.as_deref(), address, format!("{method} {path} {}", outside.code)).await;
    }
}

/// The answer in words. Headers a handler or a layer below set, such as `Allow` or a cookie that is taken back, stay.
fn body(refusal: &Refusal, below: Response, id: &str) -> Response {
    let outside = refusal.outside();
    let error = ErrorDetail { code: outside.code.to_owned(), zh: outside.zh, en: outside.en, request_id: id.to_owned() };
    let mut response = (outside.status, Json(ErrorBody { error })).into_response();
    for (name, value) in below.headers() {
        if name != header::CONTENT_TYPE && name != header::CONTENT_LENGTH {
            response.headers_mut().append(name, value.clone());
        }
    }
    let numbers = match refusal {
        Refusal::TooManyAttempts { retry_seconds } => Some((header::RETRY_AFTER, retry_seconds.to_string())),
        Refusal::RangeNotSatisfiable { len_bytes } => Some((header::CONTENT_RANGE, format!("bytes */{len_bytes}"))),
        _ => None,
    };
    if let Some((name, value)) = numbers
        && let Ok(value) = HeaderValue::from_str(&value)
    {
        response.headers_mut().insert(name, value);
    }
    response
}

fn dress(headers: &mut HeaderMap, id: &str, spoken: bool) {
    for (name, value) in SECURITY {
        headers.insert(name, value);
    }
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(REQUEST_ID, id);
    }
    // Footage and what is said about it stay out of every cache.
    if spoken {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_media_address_does_not_stand_in_the_log() {
        assert_eq!(loggable("/media/C3~1~2~3~61~ab/index.m3u8"), "/media/***/index.m3u8");
        assert_eq!(loggable("/media/C3~1~2~3~61~ab"), "/media/***/");
        assert_eq!(loggable("/api/v1/hall"), "/api/v1/hall");
    }
}
