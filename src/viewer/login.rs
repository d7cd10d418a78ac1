//! Signing in, asking who is signed in, signing out.

use std::sync::{Arc, PoisonError};

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use tower_sessions::Session;

use super::app::App;
use super::ask::Body;
use super::audit::{Act, Note};
use super::envelope::address_of;
use super::gate::SignedIn;
use super::people::{PeopleError, Role};
use super::reply::{ErrorBody, Refusal};
use super::sessions::{WHO, Who};

/// Longest user name looked at, in bytes: what is longer belongs to nobody.
const LONGEST_NAME: usize = 128;

impl From<PeopleError> for Refusal {
    fn from(e: PeopleError) -> Self {
        Refusal::Internal(e.to_string())
    }
}

/// User name and password.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Credentials {
    /// User name.
    #[schema(example = "admin")]
    username: String,
    /// Password.
    #[schema(format = Password)]
    password: String,
}

/// Who is signed in.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct SessionAnswer {
    user: User,
}

/// A person as the page sees itself.
#[derive(Serialize, utoipa::ToSchema)]
struct User {
    /// Name.
    name: String,
    /// What the person may do.
    role: Role,
}

fn answer(name: String, role: Role) -> Json<SessionAnswer> {
    Json(SessionAnswer { user: User { name, role } })
}

/// Signs in (登录).
///
/// Sets the session cookie under an id of its own, whatever cookie came with the request.
#[utoipa::path(
    post, path = "/api/v1/session", tag = "session", security(()), request_body = Credentials,
    params(("X-Jiancha" = String, Header, description = "`1`: the request comes from our own page or a program")),
    responses(
        (status = 200, description = "Signed in; the cookie is set", body = SessionAnswer),
        (status = 400, description = "`malformed-body`", body = ErrorBody),
        (status = 401, description = "`bad-password`", body = ErrorBody),
        (status = 403, description = "`foreign-request`", body = ErrorBody),
        (status = 413, description = "`body-too-large`", body = ErrorBody),
        (status = 415, description = "`not-json`", body = ErrorBody),
        (status = 429, description = "`too-many-attempts`; `Retry-After` says for how long", body = ErrorBody),
    )
)]
pub(super) async fn sign_in(State(app): State<Arc<App>>, session: Session, request: Request) -> Result<Response, Refusal> {
    let address = address_of(&request);
    let Body(Credentials { username, password }) = axum::RequestExt::extract(request).await?;
    if username.len() > LONGEST_NAME {
        return Err(Refusal::BadPassword);
    }
    let begun = {
        let mut throttle = app.throttle.lock().unwrap_or_else(PoisonError::into_inner);
        throttle.begin(&username, address, app.shown.clock.monotonic())
    };
    if let Err(wait) = begun {
        app.note_denial(None, address, format!("sign in as {username:?} too-many-attempts")).await;
        return Err(Refusal::TooManyAttempts { retry_seconds: wait.as_secs().max(1) });
    }
    let person = {
        let _place = app.password_checks.acquire().await.map_err(|e| Refusal::Internal(e.to_string()))?;
        let name = username.clone();
        app.blocking(move |app| app.people.verify(&name, &password)).await?
    };
    let Some(person) = person else {
        app.note(Note::new(app.now(), None, address, Act::LoginFailed).subject(format!("{username:?}"))).await?;
        return Err(Refusal::BadPassword);
    };
    app.throttle.lock().unwrap_or_else(PoisonError::into_inner).succeeded(&username, address);
    app.note(Note::new(app.now(), Some(&person.name), address, Act::Login).detail(person.role)).await?;
    // A session that came with the request ends here: its id may be known to somebody else.
    session.cycle_id().await?;
    session.insert(WHO, Who { name: person.name.clone(), password_number: person.password_number }).await?;
    Ok(answer(person.name, person.role).into_response())
}

/// Tells who is signed in.
#[utoipa::path(
    get, path = "/api/v1/session", tag = "session",
    responses(
        (status = 200, description = "Signed in", body = SessionAnswer),
        (status = 401, description = "`not-signed-in`", body = ErrorBody),
    )
)]
pub(super) async fn signed_in(who: SignedIn) -> Json<SessionAnswer> {
    answer(who.name, who.role)
}

/// Signs out (退出): the session ends, and live views opened with it end within seconds.
#[utoipa::path(
    delete, path = "/api/v1/session", tag = "session",
    params(("X-Jiancha" = String, Header, description = "`1`")),
    responses(
        (status = 204, description = "Signed out"),
        (status = 401, description = "`not-signed-in`", body = ErrorBody),
        (status = 403, description = "`foreign-request`", body = ErrorBody),
    )
)]
pub(super) async fn sign_out(
    State(app): State<Arc<App>>,
    who: SignedIn,
    session: Session,
    request: Request,
) -> Result<StatusCode, Refusal> {
    app.note(Note::new(app.now(), Some(&who.name), address_of(&request), Act::Logout)).await?;
    session.flush().await?;
    Ok(StatusCode::NO_CONTENT)
}
