//! What a request asks for: bodies and queries read with our own words for what is wrong, subjects, times and spans.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::reply::Refusal;
use crate::hall::{Camera, CameraId, Hall, ServiceWindow, WindowId};
use crate::time::{Span, WallTime};

/// A JSON body.
pub(super) struct Body<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Refusal;
    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        match Json::<T>::from_request(request, state).await {
            Ok(Json(body)) => Ok(Body(body)),
            Err(JsonRejection::MissingJsonContentType(_)) => Err(Refusal::NotJson),
            Err(e) if e.status() == StatusCode::PAYLOAD_TOO_LARGE => Err(Refusal::BodyTooLarge),
            Err(e) => Err(Refusal::MalformedBody(e.body_text())),
        }
    }
}

/// A query.
pub(super) struct Asked<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Refusal;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        match Query::<T>::from_request_parts(parts, state).await {
            Ok(Query(query)) => Ok(Asked(query)),
            Err(e) => Err(Refusal::MalformedQuery(e.body_text())),
        }
    }
}

/// The camera asked for, and the window when it was asked for by its window.
#[derive(Clone, Copy, Debug)]
pub(super) struct Subject<'a> {
    pub camera: &'a Camera,
    pub window: Option<&'a ServiceWindow>,
}

/// Finds what exactly one of `window` and `camera` names. A window stands for its camera, whose stream carries its sound.
pub(super) fn subject<'a>(hall: &'a Hall, window: Option<&str>, camera: Option<&str>) -> Result<Subject<'a>, Refusal> {
    let find = |id: &CameraId| hall.camera(id).ok_or_else(|| Refusal::UnknownCamera(id.to_string()));
    match (window, camera) {
        (Some(id), None) => {
            let window = hall.window(&WindowId::new(id)).ok_or_else(|| Refusal::UnknownWindow(id.to_owned()))?;
            Ok(Subject { camera: find(&window.camera)?, window: Some(window) })
        }
        (None, Some(id)) => Ok(Subject { camera: find(&CameraId::new(id))?, window: None }),
        _ => Err(Refusal::OneSubject),
    }
}

/// Reads a time. A `+` that became a blank on its way through a query is understood.
pub(super) fn time(field: &'static str, text: &str) -> Result<WallTime, Refusal> {
    WallTime::parse_rfc3339(&text.trim().replace(' ', "+")).map_err(|reason| Refusal::BadTime { field, reason })
}

/// A span that is not empty and at most `most_hours` long.
pub(super) fn span(from: WallTime, to: WallTime, most_hours: i64) -> Result<Span, Refusal> {
    let span = Span::new(from, to);
    if span.is_empty() {
        return Err(Refusal::BadSpan {
            zh: "结束时间（to）须晚于开始时间（from）。".into(),
            en: "The end (to) must come after the start (from).".into(),
        });
    }
    if span.micros() > most_hours * 3600 * 1_000_000 {
        return Err(Refusal::BadSpan {
            zh: format!("时段过长，最长 {most_hours} 小时，请缩短后重试。"),
            en: format!("The span is too long. Ask for at most {most_hours} h."),
        });
    }
    Ok(span)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_from_queries_too() {
        let t = time("from", "2026-11-22T14:50:03+08:00").unwrap();
        assert_eq!(time("from", "2026-11-22T14:50:03 08:00").unwrap(), t);
        assert!(matches!(time("from", "yesterday"), Err(Refusal::BadTime { field: "from", .. })));
    }

    #[test]
    fn spans_have_an_end_after_their_start_and_a_longest_length() {
        let at = |hours: i64| WallTime::from_micros(hours * 3_600_000_000);
        assert!(span(at(0), at(24), 24).is_ok());
        assert!(span(at(0), at(25), 24).is_err());
        assert!(span(at(1), at(1), 24).is_err());
        assert!(span(WallTime::from_micros(i64::MIN), WallTime::from_micros(i64::MAX), 24).is_err());
    }
}
