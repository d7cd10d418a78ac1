//! Live pictures over a WebSocket: the format, then each fragment with the time its picture was taken.
//!
//! A viewer that lags is moved to the newest random access point; it never slows the recorder or another viewer.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{Path, Request, State};
use axum::response::Response;
use futures::stream::SplitSink;
use futures::{SinkExt, StreamExt};
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::app::{App, MOST_VIEWS};
use super::ask::Asked;
use super::audit::{Act, Note};
use super::envelope::address_of;
use super::gate::{SignedIn, same_origin};
use super::live_picture::{Picture, Shown};
use super::reply::{ErrorBody, Refusal};
use crate::hall::CameraId;
use crate::live::{LiveChannel, LiveFragment, LiveInit};
use crate::time::WallTime;

/// How often a view looks after its session and its peer.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// A peer that takes nothing for this long is gone.
const SEND_LIMIT: Duration = Duration::from_secs(20);
/// A ping is sent this often, and a peer from which nothing came for three of them is gone.
const PING_EVERY: Duration = Duration::from_secs(20);
/// Viewers have nothing long to say.
const LONGEST_MESSAGE_BYTES: usize = 4096;

/// What stands before, or in place of, a binary message.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Said<'a> {
    /// A new format; its initialisation segment follows.
    Format { mime: &'a str, generation: u64 },
    /// A fragment; its bytes follow.
    Fragment {
        capture: WallTime,
        media_seconds: f64,
        random_access: bool,
        /// Only for pictures.
        #[serde(skip_serializing_if = "Option::is_none")]
        stamped: Option<bool>,
    },
    /// Which picture follows, for a view that asked for the wall picture; for the full one in its place, why.
    Picture {
        picture: Picture,
        #[serde(skip_serializing_if = "Option::is_none")]
        why: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        zh: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        en: Option<&'a str>,
    },
    /// The camera has sent nothing yet.
    Waiting { zh: &'a str, en: &'a str },
    /// The viewer lagged and was moved to the newest random access point.
    Skipped { count: u64 },
}

impl Said<'_> {
    fn message(&self) -> Message {
        // Nothing in these can fail to serialise; an empty object would be ignored by the page.
        Message::text(serde_json::to_string(self).unwrap_or_else(|_| "{}".to_owned()))
    }
}

/// Which picture is asked for.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct LiveQuery {
    /// `full` as recorded, with sound; `wall` small and silent, for a tile.
    #[serde(default)]
    #[param(required = false, default = "full", inline)]
    picture: Picture,
}

/// Opens a live view (实时画面).
///
/// A WebSocket. Text `{"type":"format","mime","generation"}`, then the initialisation segment as a binary message; for each fragment text
/// `{"type":"fragment","capture","media_seconds","random_access","stamped"}` and its bytes; `stamped` is there for pictures only, and where it is
/// false, whoever shows the picture draws the time of `capture` and the camera's label on it. `{"type":"waiting","zh","en"}` before the camera's
/// first picture, `{"type":"skipped","count"}` after lagging.
///
/// With `picture=wall` (电视墙小画面) `{"type":"picture","picture":"wall"}` comes first. While there is no wall picture,
/// `{"type":"picture","picture":"full","why","zh","en"}` and the full picture come in its place, with `why` one of `none`, `overload`,
/// `not-decoded`, `no-encoder`, `late`; the view changes over by itself, with a new format each time.
///
/// Needs a session and the header `Origin` of this host; ends with the session.
#[utoipa::path(
    get, path = "/api/v1/live/{camera}", tag = "live",
    params(("camera" = String, Path, description = "Camera"), LiveQuery),
    responses(
        (status = 101, description = "The WebSocket is open"),
        (status = 400, description = "`malformed-request`: no WebSocket; `malformed-query`", body = ErrorBody),
        (status = 401, description = "`not-signed-in`", body = ErrorBody),
        (status = 403, description = "`foreign-origin`", body = ErrorBody),
        (status = 404, description = "`unknown-camera`", body = ErrorBody),
        (status = 503, description = "`too-many-views`", body = ErrorBody),
    )
)]
pub(super) async fn live(
    State(app): State<Arc<App>>,
    Path(camera): Path<String>,
    Asked(asked): Asked<LiveQuery>,
    who: SignedIn,
    request: Request,
) -> Result<Response, Refusal> {
    same_origin(request.headers())?;
    let address = address_of(&request);
    let camera = CameraId::new(camera);
    let channel = app.shown.live.channel(&camera).cloned().ok_or_else(|| Refusal::UnknownCamera(camera.as_str().to_owned()))?;
    let upgrade: WebSocketUpgrade = axum::RequestExt::extract(request)
        .await
        .map_err(|e: axum::extract::ws::rejection::WebSocketUpgradeRejection| Refusal::MalformedRequest(e.body_text()))?;
    let place = Arc::clone(&app.views).try_acquire_owned().map_err(|_| Refusal::TooManyViews(MOST_VIEWS))?;
    let shown = Shown::new(asked.picture, channel, app.shown.live.wall(&camera).cloned());
    let detail = if asked.picture == Picture::Wall { "wall picture" } else { "" };
    let note = Note::new(app.now(), Some(&who.name), address, Act::LiveOpened).subject(format!("camera {camera}"));
    app.note(note.detail(detail)).await?;
    Ok(upgrade.max_message_size(LONGEST_MESSAGE_BYTES).max_frame_size(LONGEST_MESSAGE_BYTES).on_upgrade(
        move |socket| async move {
            let _place = place;
            let opened = app.now();
            let why = view(&app, &who, shown, socket).await;
            let note = Note::new(app.now(), Some(&who.name), address, Act::LiveClosed)
                .subject(format!("camera {camera}"))
                .footage(opened, Some(app.now()))
                .detail(why);
            if let Err(e) = app.note(note).await {
                tracing::error!("audit: the end of a live view could not be noted: {e}");
            }
        },
    ))
}

/// Serves one view until it ends; gives the reason.
async fn view(app: &Arc<App>, who: &SignedIn, mut shown: Shown, socket: WebSocket) -> &'static str {
    let (sink, mut from_viewer) = socket.split();
    let mut viewer = Viewer { sink, generation: None };
    let mut heard = Instant::now();
    let mut pinged = Instant::now();
    let mut look = interval(LOOK_EVERY);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut joined = match viewer.begin(&shown).await {
        Ok(fragments) => fragments,
        Err(Gone) => return "viewer went away",
    };
    loop {
        let sent = tokio::select! {
            fragment = joined.recv() => match fragment {
                Ok(fragment) if viewer.generation == Some(fragment.generation) => {
                    shown.came();
                    viewer.fragment(&fragment).await
                }
                // A format the viewer does not have: joining anew brings it along with all since its first picture.
                Ok(_) => viewer.join(shown.channel()).await.map(|fragments| joined = fragments),
                Err(RecvError::Lagged(count)) => match viewer.say(&Said::Skipped { count }).await {
                    Ok(()) => viewer.join(shown.channel()).await.map(|fragments| joined = fragments),
                    Err(gone) => Err(gone),
                },
                Err(RecvError::Closed) => return viewer.close(close_code::AWAY, "the recorder has ended").await,
            },
            () = shown.changes() => viewer.begin(&shown).await.map(|fragments| joined = fragments),
            said = from_viewer.next() => {
                heard = Instant::now();
                match said {
                    None | Some(Err(_) | Ok(Message::Close(_))) => return "closed by the viewer",
                    Some(Ok(_)) => Ok(()),
                }
            },
            _ = look.tick() => {
                let session = who.session;
                let good = app.blocking(move |app| {
                    app.sessions.touch(&session)?;
                    app.still_signed_in(session)
                });
                match good.await {
                    Ok(Some(_)) => {}
                    Ok(None) => return viewer.close(close_code::POLICY, "the session has ended").await,
                    Err(e) => {
                        tracing::error!("session of a live view: {e}");
                        return viewer.close(close_code::ERROR, "the session could not be checked").await;
                    }
                }
                if heard.elapsed() > 3 * PING_EVERY {
                    return "viewer fell silent";
                }
                if pinged.elapsed() >= PING_EVERY {
                    pinged = Instant::now();
                    viewer.send(Message::Ping(Vec::new().into())).await
                } else {
                    Ok(())
                }
            },
            () = app.ending.cancelled() => return viewer.close(close_code::AWAY, "the recorder is stopping").await,
        };
        if sent.is_err() {
            return "viewer went away";
        }
    }
}

/// The peer takes nothing any more.
struct Gone;

/// The sending half of a view.
struct Viewer {
    sink: SplitSink<WebSocket, Message>,
    generation: Option<u64>,
}

impl Viewer {
    async fn send(&mut self, message: Message) -> Result<(), Gone> {
        match timeout(SEND_LIMIT, self.sink.send(message)).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(Gone),
        }
    }

    async fn say(&mut self, said: &Said<'_>) -> Result<(), Gone> {
        self.send(said.message()).await
    }

    /// A text and the bytes it speaks of, in one go.
    async fn pair(&mut self, said: &Said<'_>, bytes: bytes::Bytes) -> Result<(), Gone> {
        match timeout(SEND_LIMIT, self.sink.feed(said.message())).await {
            Ok(Ok(())) => self.send(Message::Binary(bytes)).await,
            _ => Err(Gone),
        }
    }

    async fn format(&mut self, init: &LiveInit) -> Result<(), Gone> {
        self.generation = Some(init.generation);
        self.pair(&Said::Format { mime: &init.mime, generation: init.generation }, init.bytes.clone()).await
    }

    async fn fragment(&mut self, fragment: &LiveFragment) -> Result<(), Gone> {
        let said = Said::Fragment {
            capture: fragment.capture,
            media_seconds: fragment.media_seconds,
            random_access: fragment.random_access,
            stamped: fragment.stamped,
        };
        self.pair(&said, fragment.bytes.clone()).await
    }

    /// Begins with a picture: says which one where there was a choice, then joins its channel.
    async fn begin(&mut self, shown: &Shown) -> Result<tokio::sync::broadcast::Receiver<Arc<LiveFragment>>, Gone> {
        let (picture, instead) = shown.told();
        if picture == Picture::Wall || instead.is_some() {
            let (why, zh, en) =
                instead.map(|why| why.words()).map_or((None, None, None), |(w, zh, en)| (Some(w), Some(zh), Some(en)));
            self.say(&Said::Picture { picture, why, zh, en }).await?;
        }
        // Generations are counted by each channel for itself.
        self.generation = None;
        self.join(shown.channel()).await
    }

    /// Joins the channel: format if it is new to the viewer, then all since the newest random access point.
    async fn join(&mut self, channel: &LiveChannel) -> Result<tokio::sync::broadcast::Receiver<Arc<LiveFragment>>, Gone> {
        let join = channel.join();
        match &join.init {
            Some(init) if self.generation == Some(init.generation) => {}
            Some(init) => self.format(init).await?,
            None => {
                let waiting = Said::Waiting {
                    zh: "摄像机尚未送来画面，请稍候。",
                    en: "The camera has not sent a picture yet. Please wait.",
                };
                self.say(&waiting).await?;
            }
        }
        let generation = self.generation;
        for fragment in join.backlog.iter().filter(|f| generation == Some(f.generation)) {
            self.fragment(fragment).await?;
        }
        Ok(join.fragments)
    }

    /// Says goodbye; gives the reason back for the audit log.
    async fn close(&mut self, code: u16, reason: &'static str) -> &'static str {
        let _ = self.send(Message::Close(Some(CloseFrame { code, reason: reason.into() }))).await;
        reason
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(said: &Said<'_>) -> String {
        match said.message() {
            Message::Text(text) => text.to_string(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn messages_have_the_form_the_page_reads() {
        let mime = "video/mp4; codecs=\"avc1.640028,flac\"";
        assert_eq!(
            text(&Said::Format { mime, generation: 3 }),
            r#"{"type":"format","mime":"video/mp4; codecs=\"avc1.640028,flac\"","generation":3}"#
        );
        let capture = WallTime::from_micros(1_795_330_200_040_000);
        assert_eq!(
            text(&Said::Fragment { capture, media_seconds: 12.5, random_access: true, stamped: Some(false) }),
            r#"{"type":"fragment","capture":"2026-11-22T14:50:00.040+08:00","media_seconds":12.5,"random_access":true,"stamped":false}"#
        );
        assert_eq!(
            text(&Said::Fragment { capture, media_seconds: 12.5, random_access: false, stamped: None }),
            r#"{"type":"fragment","capture":"2026-11-22T14:50:00.040+08:00","media_seconds":12.5,"random_access":false}"#
        );
        let wall = Said::Picture { picture: Picture::Wall, why: None, zh: None, en: None };
        assert_eq!(text(&wall), r#"{"type":"picture","picture":"wall"}"#);
        let full = Said::Picture { picture: Picture::Full, why: Some("late"), zh: Some("晚"), en: Some("late.") };
        assert_eq!(text(&full), r#"{"type":"picture","picture":"full","why":"late","zh":"晚","en":"late."}"#);
        assert_eq!(text(&Said::Skipped { count: 9 }), r#"{"type":"skipped","count":9}"#);
    }
}
