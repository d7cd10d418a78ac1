//! The recorder itself: its version, and the public key with which its manifests and evidence packages are checked.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;

use super::app::App;
use super::reply::ErrorBody;
use crate::evidence::PublicHalf;

/// The recorder.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct RecorderAnswer {
    /// Version of the program.
    version: &'static str,
    /// Id of its signing key (密钥编号): 16 hexadecimal digits; none while the root it lies on is away.
    key_id: Option<String>,
    /// Its public key, as `openssl pkey -pubin` reads it (公钥).
    public_key_pem: Option<String>,
}

/// Tells the recorder's public key: to be kept apart from the recorder, so that nobody can exchange it unseen.
#[utoipa::path(
    get, path = "/api/v1/recorder", tag = "hall",
    responses(
        (status = 200, description = "The recorder", body = RecorderAnswer),
        (status = 401, description = "`not-signed-in`", body = ErrorBody),
    )
)]
pub(super) async fn recorder(State(app): State<Arc<App>>) -> Json<RecorderAnswer> {
    let key = app.shown.recorder_key.as_ref();
    Json(RecorderAnswer {
        version: env!("CARGO_PKG_VERSION"),
        key_id: key.map(|key| key.id().to_owned()),
        public_key_pem: key.map(PublicHalf::to_pem),
    })
}
