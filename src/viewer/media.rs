//! Playlists and byte ranges of segment files under a signed address. Needs no session: the address is the right.

use std::path::Path;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio_util::io::ReaderStream;

use super::address::{AddressError, Claim, FileName, file_name};
use super::app::App;
use super::hls::{self, Piece};
use super::range::{self, Wanted};
use super::reply::{ErrorBody, Refusal};
use crate::catalogue::SegmentRow;
use crate::segment::reader::SegmentIndex;
use crate::time::{Span, WallTime};

/// A span that ended this long ago gets nothing more: what the recorder still held is on disk by then.
const SETTLED_MICROS: i64 = 15 * 1_000_000;
/// A segment whose newest bytes are older than this is not being written any more, sealed or not.
const GROWING_MICROS: i64 = 30 * 1_000_000;
/// Bytes read from disk at once.
const CHUNK_BYTES: usize = 128 * 1024;

impl App {
    /// The claim of a signed address that is good at this moment. Blocks.
    fn claim(&self, token: &str) -> Result<Claim, Refusal> {
        let claim = self.signer.verify(token, self.now()).map_err(|e| match e {
            AddressError::Forged => Refusal::AddressForged,
            AddressError::Expired(at) => Refusal::AddressExpired(at.to_string()),
        })?;
        if self.people.find(&claim.person)?.is_none() {
            return Err(Refusal::AddressRevoked(claim.person));
        }
        Ok(claim)
    }

    /// The table of parts of a segment.
    fn index(&self, row: &SegmentRow) -> Result<Arc<SegmentIndex>, Refusal> {
        let path = Path::new(&row.root).join(&row.path);
        self.indices
            .get(&path)
            .map_err(|e| Refusal::RecordingUnreadable { path: path.display().to_string(), reason: e.to_string() })
    }

    /// The playlist of a claim. Blocks.
    fn playlist(&self, claim: &Claim) -> Result<String, Refusal> {
        let now = self.now();
        let span = claim.span();
        let rows =
            self.shown.catalogue.segments(&claim.camera, Span::new(span.from, span.to.min(now.plus_micros(3_600_000_000))))?;
        let mut files: Vec<(&SegmentRow, Arc<SegmentIndex>)> = Vec::with_capacity(rows.len());
        for row in &rows {
            match self.index(row) {
                Ok(index) => files.push((row, index)),
                // One bad file is one hole, never a failed playback.
                Err(e) => tracing::warn!(camera = %row.camera, "left out of a playlist: {e}"),
            }
        }
        let last = files.len().saturating_sub(1);
        let pieces: Vec<Piece<'_>> = files
            .iter()
            .enumerate()
            .map(|(i, (row, index))| Piece {
                uri: &row.path,
                index,
                growing: i == last && is_growing(row, index, now),
                stamped: row.stamped,
            })
            .collect();
        let recorded_to = rows.iter().map(|r| r.to).max();
        Ok(hls::playlist(&pieces, span, is_complete(claim.to, recorded_to, now)))
    }

    /// The row of a file under a claim. Blocks.
    fn file(&self, claim: &Claim, name: &FileName) -> Result<SegmentRow, Refusal> {
        if name.camera != claim.camera || !claim.may_reach(name.second) {
            return Err(Refusal::OutsideAddress(name.path.clone()));
        }
        let second = Span::new(name.second, name.second.plus_micros(1_000_000));
        let rows = self.shown.catalogue.segments(&name.camera, second)?;
        let row = rows.into_iter().find(|r| r.path == name.path).ok_or(Refusal::NotFound)?;
        if row.span().intersect(claim.span()).is_none() {
            return Err(Refusal::OutsideAddress(row.path));
        }
        Ok(row)
    }
}

fn is_growing(row: &SegmentRow, index: &SegmentIndex, now: WallTime) -> bool {
    row.digest.is_none() && index.seal.is_none() && now.micros_since(row.to) < GROWING_MICROS
}

/// True when nothing more can come into the span.
fn is_complete(to: Option<WallTime>, recorded_to: Option<WallTime>, now: WallTime) -> bool {
    to.is_some_and(|to| recorded_to.is_some_and(|r| r >= to) || now.micros_since(to) >= SETTLED_MICROS)
}

/// The playlist of a signed address (HLS, RFC 8216).
#[utoipa::path(
    get, path = "/media/{token}/index.m3u8", tag = "media", security(()),
    params(("token" = String, Path, description = "Signed claim from `/api/v1/playback`")),
    responses(
        (status = 200, description = "The playlist", body = String, content_type = "application/vnd.apple.mpegurl"),
        (status = 403, description = "`address-forged`, `address-expired`, `address-revoked`", body = ErrorBody),
    )
)]
pub(super) async fn playlist(
    State(app): State<Arc<App>>,
    axum::extract::Path(token): axum::extract::Path<String>,
) -> Result<Response, Refusal> {
    let text = app.blocking(move |app| app.playlist(&app.claim(&token)?)).await?;
    Ok(([(header::CONTENT_TYPE, "application/vnd.apple.mpegurl")], text).into_response())
}

/// Bytes of a segment file under a signed address.
#[utoipa::path(
    get, path = "/media/{token}/{camera}/{date}/{hour}/{name}", tag = "media", security(()),
    params(
        ("token" = String, Path, description = "Signed claim from `/api/v1/playback`"),
        ("camera" = String, Path, description = "Camera"),
        ("date" = String, Path, description = "Beijing date, `2026-11-22`"),
        ("hour" = String, Path, description = "Hour, `14`"),
        ("name" = String, Path, description = "`HHMMSS.mp4`"),
        ("Range" = Option<String>, Header, description = "One range of bytes"),
    ),
    responses(
        (status = 200, description = "The whole file, as far as it is recorded", body = Vec<u8>, content_type = "video/mp4"),
        (status = 206, description = "The range", body = Vec<u8>, content_type = "video/mp4"),
        (status = 403, description = "`address-forged`, `address-expired`, `address-revoked`, `outside-address`", body = ErrorBody),
        (status = 404, description = "`not-found`, `recording-unreadable`", body = ErrorBody),
        (status = 416, description = "`range-not-satisfiable`", body = ErrorBody),
    )
)]
pub(super) async fn file(
    State(app): State<Arc<App>>,
    axum::extract::Path((token, camera, date, hour, name)): axum::extract::Path<(String, String, String, String, String)>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let (row, len_bytes) = app
        .blocking(move |app| {
            let claim = app.claim(&token)?;
            let name = file_name(&camera, &date, &hour, &name).ok_or(Refusal::NotFound)?;
            let row = app.file(&claim, &name)?;
            let index = app.index(&row)?;
            // A file being written is given up to its last whole part, a sealed one with its seal.
            let len_bytes = if index.seal.is_some() { u64::MAX } else { index.whole_bytes };
            Ok::<_, Refusal>((row, len_bytes))
        })
        .await?;
    let path = Path::new(&row.root).join(&row.path);
    let unreadable =
        |e: std::io::Error| Refusal::RecordingUnreadable { path: path.display().to_string(), reason: e.to_string() };
    let mut file = tokio::fs::File::open(&path).await.map_err(unreadable)?;
    let len_bytes = len_bytes.min(file.metadata().await.map_err(unreadable)?.len());
    let asked = headers.get(header::RANGE).and_then(|v| v.to_str().ok());
    let (status, bytes) = match range::wanted(asked, len_bytes) {
        Wanted::All => (StatusCode::OK, 0..len_bytes),
        Wanted::Bytes(bytes) => (StatusCode::PARTIAL_CONTENT, bytes),
        Wanted::NotSatisfiable => return Err(Refusal::RangeNotSatisfiable { len_bytes }),
    };
    file.seek(std::io::SeekFrom::Start(bytes.start)).await.map_err(unreadable)?;
    let length = bytes.end - bytes.start;
    let body = Body::from_stream(ReaderStream::with_capacity(file.take(length), CHUNK_BYTES));
    let mut response = Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, "video/mp4")
        .header(header::ACCEPT_RANGES, "bytes")
        .header(header::CONTENT_LENGTH, length);
    if status == StatusCode::PARTIAL_CONTENT {
        response = response.header(header::CONTENT_RANGE, format!("bytes {}-{}/{len_bytes}", bytes.start, bytes.end - 1));
    }
    response.body(body).map_err(|e| Refusal::Internal(e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_playlist_is_complete_once_nothing_more_can_come() {
        let at = |seconds: i64| WallTime::from_micros(seconds * 1_000_000);
        assert!(!is_complete(None, Some(at(100)), at(1_000_000)));
        assert!(is_complete(Some(at(60)), Some(at(60)), at(61)));
        assert!(!is_complete(Some(at(60)), Some(at(58)), at(74)));
        assert!(is_complete(Some(at(60)), Some(at(58)), at(75)));
        assert!(is_complete(Some(at(60)), None, at(75)));
    }
}
