//! The gate before everything under `/api/`: nobody comes in without a session, and nothing is changed by a foreign page.
//!
//! Closed by default: a route that is not named here needs a session, whatever it is.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tower_sessions::Session;
use tower_sessions::session::Id;

use super::app::App;
use super::people::Role;
use super::reply::Refusal;
use super::sessions::{WHO, Who};

/// The person a request comes from.
#[derive(Clone, Debug)]
pub(super) struct SignedIn {
    /// Name.
    pub name: String,
    /// What the person may do.
    pub role: Role,
    /// The session.
    pub session: Id,
}

impl<S: Send + Sync> FromRequestParts<S> for SignedIn {
    type Rejection = Refusal;
    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Refusal> {
        parts.extensions.get::<SignedIn>().cloned().ok_or(Refusal::NotSignedIn)
    }
}

/// Lets a request under `/api/` through, or not. Other paths pass.
pub(super) async fn gate(State(app): State<Arc<App>>, session: Session, mut request: Request, next: Next) -> Response {
    let path = request.uri().path();
    if !path.starts_with("/api/") {
        return next.run(request).await;
    }
    // Whoever signs in has no session yet, and asking who one is must be answered without one.
    let needs_session = path != "/api/v1/session" || request.method() == Method::DELETE;
    let who = match app.who(&session).await {
        Ok(who) => who,
        Err(refusal) => return refusal.into_response(),
    };
    if let Some(who) = &who {
        request.extensions_mut().insert(who.clone());
    }
    let verdict = match &who {
        None if needs_session => Err(Refusal::NotSignedIn),
        _ if changes_something(request.method()) && !from_own_page(request.headers()) => Err(Refusal::ForeignRequest),
        _ => Ok(()),
    };
    let mut response = match verdict {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    };
    if let Some(who) = who {
        response.extensions_mut().insert(who);
    }
    response
}

impl App {
    /// The person of a session, as the people table has it at this moment. Notes that the session is in use.
    pub async fn who(self: &Arc<Self>, session: &Session) -> Result<Option<SignedIn>, Refusal> {
        // Data of another form is a session nobody can use; signing in anew mends it.
        let who = session.get_value(WHO).await?.and_then(|w| serde_json::from_value::<Who>(w).ok());
        let Some(who) = who else { return Ok(None) };
        let Some(id) = session.id() else { return Ok(None) };
        self.blocking(move |app| {
            app.sessions.touch(&id)?;
            app.person_of(id, &who)
        })
        .await
    }

    /// The person of a session that is still good, for streams that outlive their request. Blocks.
    pub fn still_signed_in(&self, id: Id) -> Result<Option<SignedIn>, crate::catalogue::StoreError> {
        match self.sessions.who(&id)? {
            Some(who) => self.person_of(id, &who),
            None => Ok(None),
        }
    }

    /// A removed person, and one whose password was set anew since, is not signed in.
    fn person_of(&self, id: Id, who: &Who) -> Result<Option<SignedIn>, crate::catalogue::StoreError> {
        let person = self.people.find(&who.name)?.filter(|p| p.password_number == who.password_number);
        Ok(person.map(|p| SignedIn { name: p.name, role: p.role, session: id }))
    }
}

fn changes_something(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// A page of another origin cannot set this header without being asked first, and nobody answers that question.
fn from_own_page(headers: &HeaderMap) -> bool {
    headers.get("x-jiancha").is_some_and(|v| v == "1")
}

/// True when a WebSocket was opened by a page of the origin it goes to. Browsers always say where a page comes from, and let every
/// page open a WebSocket to anywhere.
pub(super) fn same_origin(headers: &HeaderMap) -> Result<(), Refusal> {
    let text = |name| headers.get(name).and_then(|v| v.to_str().ok()).map(str::to_owned);
    let (origin, host) = (text(header::ORIGIN), text(header::HOST));
    let page = origin.as_deref().and_then(|o| o.strip_prefix("http://").or_else(|| o.strip_prefix("https://")));
    match (page, &host) {
        (Some(page), Some(host)) if page.eq_ignore_ascii_case(host) => Ok(()),
        _ => Err(Refusal::ForeignOrigin { origin, host }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(n, v)| (n.parse().unwrap(), v.parse().unwrap())).collect()
    }

    #[test]
    fn only_the_own_origin_opens_a_live_view() {
        assert!(same_origin(&headers(&[("origin", "http://hall.example:8080"), ("host", "hall.example:8080")])).is_ok());
        assert!(same_origin(&headers(&[("origin", "https://Hall.example"), ("host", "hall.example")])).is_ok());
        for foreign in [
            &[("origin", "http://evil.example"), ("host", "hall.example:8080")][..],
            &[("origin", "http://hall.example:8080.evil.example"), ("host", "hall.example:8080")],
            &[("origin", "http://hall.example"), ("host", "hall.example:8080")],
            &[("origin", "null"), ("host", "hall.example:8080")],
            &[("host", "hall.example:8080")],
            &[("origin", "http://hall.example:8080")],
        ] {
            assert!(same_origin(&headers(foreign)).is_err(), "{foreign:?}");
        }
    }

    #[test]
    fn reading_needs_no_header_and_changing_does() {
        assert!(!changes_something(&Method::GET) && !changes_something(&Method::HEAD));
        for method in [Method::POST, Method::PUT, Method::DELETE, Method::PATCH] {
            assert!(changes_something(&method));
        }
        assert!(from_own_page(&headers(&[("x-jiancha", "1")])));
        assert!(!from_own_page(&headers(&[("x-jiancha", "0")])) && !from_own_page(&headers(&[])));
    }
}
