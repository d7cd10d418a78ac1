//! The only table from refusals to HTTP answers: status, code, and a short sentence in Chinese and English.
//!
//! Handlers return a [`Refusal`]; the envelope ([`super::envelope`]) adds the request id and writes the body. What a person
//! outside sees is short; what the log sees is complete.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::catalogue::StoreError;

/// Why a request is not answered as asked.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// No session, or one that has ended.
    #[error("not signed in")]
    NotSignedIn,
    /// User name and password do not belong together.
    #[error("wrong user name or password")]
    BadPassword,
    /// Too many wrong passwords.
    #[error("too many attempts, again in {retry_seconds} s")]
    TooManyAttempts {
        /// Seconds until the next attempt is looked at.
        retry_seconds: u64,
    },
    /// A request that changes something came without the header that only our own page sends.
    #[error("header X-Jiancha missing")]
    ForeignRequest,
    /// A WebSocket was opened by a page of another origin.
    #[error("origin {origin:?} is not {host:?}")]
    ForeignOrigin {
        /// What the browser says where the page comes from.
        origin: Option<String>,
        /// Where the request went.
        host: Option<String>,
    },
    /// hall.toml defines no such camera.
    #[error("no camera {0:?}")]
    UnknownCamera(String),
    /// hall.toml defines no such window.
    #[error("no window {0:?}")]
    UnknownWindow(String),
    /// Exactly one of window and camera is needed.
    #[error("neither or both of window and camera given")]
    OneSubject,
    /// A time that cannot be read.
    #[error("{field}: {reason}")]
    BadTime {
        /// Which field.
        field: &'static str,
        /// What was found.
        reason: String,
    },
    /// A span whose end does not come after its start, or which is too long.
    #[error("span: {en}")]
    BadSpan {
        /// Chinese.
        zh: String,
        /// English.
        en: String,
    },
    /// The body is not the JSON the route takes.
    #[error("body: {0}")]
    MalformedBody(String),
    /// The request as a whole cannot be read.
    #[error("request: {0}")]
    MalformedRequest(String),
    /// The query is not what the route takes.
    #[error("query: {0}")]
    MalformedQuery(String),
    /// The body is not declared to be JSON.
    #[error("content type is not application/json")]
    NotJson,
    /// The body is longer than 64 KiB.
    #[error("body longer than 64 KiB")]
    BodyTooLarge,
    /// Nothing was recorded in the span.
    #[error("nothing recorded of {camera} in {from} .. {to}")]
    NothingRecorded {
        /// Whose recording.
        camera: String,
        /// Start asked for.
        from: String,
        /// End asked for.
        to: String,
    },
    /// A media address that this recorder did not sign.
    #[error("media address is forged")]
    AddressForged,
    /// A media address past its time.
    #[error("media address expired at {0}")]
    AddressExpired(String),
    /// The person a media address was given to is no longer here.
    #[error("media address belongs to {0:?}, who was removed")]
    AddressRevoked(String),
    /// A file of another camera or outside the span of the media address.
    #[error("{0} lies outside the media address")]
    OutsideAddress(String),
    /// A range that the file does not have.
    #[error("range not satisfiable, {len_bytes} bytes")]
    RangeNotSatisfiable {
        /// Bytes there are.
        len_bytes: u64,
    },
    /// A recording the catalogue knows, but which cannot be read from its disk.
    #[error("recording {path}: {reason}")]
    RecordingUnreadable {
        /// Which file.
        path: String,
        /// What the system says.
        reason: String,
    },
    /// All places for live views are taken.
    #[error("{0} live views are open already")]
    TooManyViews(usize),
    /// No such address.
    #[error("no such address")]
    NotFound,
    /// The address does not take this method.
    #[error("method not allowed")]
    MethodNotAllowed,
    /// Something is wrong inside.
    #[error("{0}")]
    Internal(String),
}

impl From<StoreError> for Refusal {
    fn from(e: StoreError) -> Self {
        Refusal::Internal(e.to_string())
    }
}

impl From<tokio::task::JoinError> for Refusal {
    fn from(e: tokio::task::JoinError) -> Self {
        Refusal::Internal(format!("worker thread: {e}"))
    }
}

impl From<tower_sessions::session::Error> for Refusal {
    fn from(e: tower_sessions::session::Error) -> Self {
        Refusal::Internal(format!("session: {e}"))
    }
}

/// What a person outside gets to see of a [`Refusal`].
pub(super) struct Outside {
    pub status: StatusCode,
    pub code: &'static str,
    pub zh: String,
    pub en: String,
}

fn outside(status: StatusCode, code: &'static str, zh: impl Into<String>, en: impl Into<String>) -> Outside {
    Outside { status, code, zh: zh.into(), en: en.into() }
}

impl Refusal {
    /// The table.
    pub(super) fn outside(&self) -> Outside {
        use StatusCode as S;
        match self {
            Refusal::NotSignedIn => outside(
                S::UNAUTHORIZED,
                "not-signed-in",
                "尚未登录或登录已失效，请重新登录。",
                "Not signed in, or the session has ended. Sign in again.",
            ),
            Refusal::BadPassword => outside(
                S::UNAUTHORIZED,
                "bad-password",
                "用户名或密码不正确，请核对后重试。",
                "Wrong user name or password. Check both and try again.",
            ),
            Refusal::TooManyAttempts { retry_seconds } => outside(
                S::TOO_MANY_REQUESTS,
                "too-many-attempts",
                format!("登录失败次数过多，请在 {retry_seconds} 秒后重试。"),
                format!("Too many failed attempts. Try again in {retry_seconds} s."),
            ),
            Refusal::ForeignRequest => outside(
                S::FORBIDDEN,
                "foreign-request",
                "请求不是由本系统页面发出，已拒绝；程序调用请带请求头 X-Jiancha: 1。",
                "The request did not come from this system's own page. Programs must send the header X-Jiancha: 1.",
            ),
            Refusal::ForeignOrigin { .. } => outside(
                S::FORBIDDEN,
                "foreign-origin",
                "实时画面只能由本系统页面打开，已拒绝。",
                "Live video can be opened from this system's own page only.",
            ),
            Refusal::UnknownCamera(id) => outside(
                S::NOT_FOUND,
                "unknown-camera",
                format!("没有编号为「{id}」的摄像机，请按设备清单核对编号。"),
                format!("There is no camera \"{id}\". Check the id against the hall's list."),
            ),
            Refusal::UnknownWindow(id) => outside(
                S::NOT_FOUND,
                "unknown-window",
                format!("没有编号为「{id}」的窗口，请按大厅清单核对编号。"),
                format!("There is no window \"{id}\". Check the id against the hall's list."),
            ),
            Refusal::OneSubject => outside(
                S::BAD_REQUEST,
                "one-subject",
                "窗口（window）与摄像机（camera）必须且只能指定一个。",
                "Name exactly one of window and camera.",
            ),
            Refusal::BadTime { field, reason } => outside(
                S::BAD_REQUEST,
                "bad-time",
                format!("时间 {field} 无法识别，应为 2026-11-22T14:50:03+08:00 的形式。"),
                format!("{field}: {reason}"),
            ),
            Refusal::BadSpan { zh, en } => outside(S::BAD_REQUEST, "bad-span", zh, en),
            Refusal::MalformedBody(reason) => outside(
                S::BAD_REQUEST,
                "malformed-body",
                "请求内容格式有误，请按接口说明（/api/v1/openapi.json）修改。",
                format!("The body cannot be read: {reason}. See /api/v1/openapi.json."),
            ),
            Refusal::MalformedQuery(reason) => outside(
                S::BAD_REQUEST,
                "malformed-query",
                "查询参数有误，请按接口说明（/api/v1/openapi.json）修改。",
                format!("The query cannot be read: {reason}. See /api/v1/openapi.json."),
            ),
            Refusal::MalformedRequest(reason) => outside(
                S::BAD_REQUEST,
                "malformed-request",
                "请求格式有误，请按接口说明（/api/v1/openapi.json）修改。",
                format!("The request cannot be read: {reason}. See /api/v1/openapi.json."),
            ),
            Refusal::NotJson => outside(
                S::UNSUPPORTED_MEDIA_TYPE,
                "not-json",
                "请求内容须为 JSON，请带请求头 Content-Type: application/json。",
                "The body must be JSON. Send the header Content-Type: application/json.",
            ),
            Refusal::BodyTooLarge => outside(
                S::PAYLOAD_TOO_LARGE,
                "body-too-large",
                "请求内容超过 64 KiB，已拒绝。",
                "The body is longer than 64 KiB.",
            ),
            Refusal::NothingRecorded { camera, from, to } => outside(
                S::NOT_FOUND,
                "nothing-recorded",
                format!("摄像机 {camera} 在 {from} 至 {to} 之间没有录像，缺录原因见时间轴。"),
                format!("Nothing was recorded of camera {camera} from {from} to {to}. The timeline tells why."),
            ),
            Refusal::AddressForged => outside(
                S::FORBIDDEN,
                "address-forged",
                "播放地址无效，请在页面上重新获取。",
                "The media address is not valid. Get a new one from the page.",
            ),
            Refusal::AddressExpired(at) => outside(
                S::FORBIDDEN,
                "address-expired",
                format!("播放地址已于 {at} 过期，请在页面上重新获取。"),
                format!("The media address expired at {at}. Get a new one from the page."),
            ),
            Refusal::AddressRevoked(_) => outside(
                S::FORBIDDEN,
                "address-revoked",
                "播放地址的领用人已被停用，地址已失效。",
                "The person this media address was given to has been removed.",
            ),
            Refusal::OutsideAddress(_) => outside(
                S::FORBIDDEN,
                "outside-address",
                "所请求的录像不在播放地址授权的摄像机和时段之内。",
                "This recording lies outside the camera and span the media address was given for.",
            ),
            Refusal::RangeNotSatisfiable { len_bytes } => outside(
                S::RANGE_NOT_SATISFIABLE,
                "range-not-satisfiable",
                format!("请求的字节范围超出文件，文件现有 {len_bytes} 字节。"),
                format!("The file has no such bytes; it has {len_bytes}."),
            ),
            Refusal::RecordingUnreadable { .. } => outside(
                S::NOT_FOUND,
                "recording-unreadable",
                "录像文件无法从磁盘读取，请检查存储目录；详情见日志。",
                "The recording cannot be read from its disk. Check the storage folder; details are in the log.",
            ),
            Refusal::TooManyViews(n) => outside(
                S::SERVICE_UNAVAILABLE,
                "too-many-views",
                format!("同时打开的实时画面已达上限（{n} 路），请关闭部分画面后重试。"),
                format!("All {n} places for live views are taken. Close some and try again."),
            ),
            Refusal::NotFound => {
                outside(S::NOT_FOUND, "not-found", "没有这个地址，请核对。", "There is nothing at this address.")
            }
            Refusal::MethodNotAllowed => outside(
                S::METHOD_NOT_ALLOWED,
                "method-not-allowed",
                "该地址不接受这种请求方法。",
                "This address does not take that method.",
            ),
            Refusal::Internal(_) => outside(
                S::INTERNAL_SERVER_ERROR,
                "internal",
                "系统内部出错，请求未完成；请把请求编号交给管理员查日志。",
                "Something went wrong inside. Give the request id to the administrator, who finds the cause in the log.",
            ),
        }
    }

    /// The refusal that stands for an error status some layer below gave without words.
    pub(super) fn from_status(status: StatusCode) -> Self {
        match status {
            StatusCode::NOT_FOUND => Refusal::NotFound,
            StatusCode::METHOD_NOT_ALLOWED => Refusal::MethodNotAllowed,
            StatusCode::PAYLOAD_TOO_LARGE => Refusal::BodyTooLarge,
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Refusal::NotJson,
            s if s.is_client_error() => Refusal::MalformedRequest(s.canonical_reason().unwrap_or("unknown").to_lowercase()),
            s => Refusal::Internal(format!("HTTP {s}")),
        }
    }
}

/// The body of every refusal.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct ErrorBody {
    /// What happened.
    pub error: ErrorDetail,
}

/// What happened, for programs and for people.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct ErrorDetail {
    /// Stable word for programs.
    #[schema(example = "bad-password")]
    pub code: String,
    /// Chinese: what is wrong and what to do.
    pub zh: String,
    /// English.
    pub en: String,
    /// Finds the request in the log.
    pub request_id: String,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = self.outside().status.into_response();
        response.extensions_mut().insert(Arc::new(self));
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inner_words_never_leave_through_an_internal_error() {
        let told = Refusal::Internal("catalogue table people: disk says no".into()).outside();
        assert_eq!(told.status.as_u16(), 500);
        assert!(!told.zh.contains("people") && !told.en.contains("people"));
    }

    #[test]
    fn statuses_without_words_get_the_words_of_the_table() {
        assert_eq!(Refusal::from_status(StatusCode::PAYLOAD_TOO_LARGE).outside().code, "body-too-large");
        assert_eq!(Refusal::from_status(StatusCode::METHOD_NOT_ALLOWED).outside().code, "method-not-allowed");
        assert_eq!(Refusal::from_status(StatusCode::BAD_GATEWAY).outside().status.as_u16(), 500);
    }
}
