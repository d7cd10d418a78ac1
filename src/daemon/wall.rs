//! Wall pictures (电视墙小画面) in the daemon: from the stamper to their live channel, and the second stream of cameras that pass
//! through. Both run only while somebody looks; neither touches the recording.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use rand::Rng;
use tokio::sync::watch;

use crate::hall::{Camera, CameraId, Hall, StampMode};
use crate::live::{LiveChannel, LiveHub, Withheld};
use crate::media::{AccessUnit, StreamFormat};
use crate::observe::meter::Meter;
use crate::observe::reconcile::own_stamp_proven;
use crate::source::reconnect::Reconnect;
use crate::source::rtsp::{SessionSettings, session};
use crate::source::{SessionEnd, SourceEvent};
use crate::stamp::Stamped;
use crate::stamp::wall::{WallDescription, WallSetup, WallTaker};
use crate::time::Clock;

/// How often a second stream looks whether somebody still watches.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The cameras that have a wall picture: those stamped here, and those with a second stream of their own.
pub fn cameras(hall: &Hall) -> impl Iterator<Item = &Camera> {
    let has = |c: &Camera| c.stamp == StampMode::Reencode || second_stream(c).is_some();
    hall.cameras.iter().filter(move |c| hall.wall.enabled && has(c))
}

/// The hub with a channel for every wall picture.
pub fn with_channels(hub: LiveHub, hall: &Hall) -> LiveHub {
    hub.with_wall(cameras(hall).map(|c| c.id.clone()))
}

/// The camera as its own second stream shows it, where its pictures pass through and it has one.
fn second_stream(camera: &Camera) -> Option<Camera> {
    let url = camera.wall_url.clone().filter(|_| camera.stamp != StampMode::Reencode)?;
    Some(Camera { url, ..camera.clone() })
}

/// Makes the wall pictures of one camera that is stamped here.
pub struct WallMaker {
    setup: WallSetup,
    channel: Arc<LiveChannel>,
}

impl WallMaker {
    /// For every camera of the hall that is stamped here and has a wall picture. Where no encoder for it works, recording goes on and
    /// tiles take the full picture.
    pub fn all(hall: &Hall, live: &LiveHub, meters: &HashMap<CameraId, Arc<Meter>>) -> HashMap<CameraId, Arc<Self>> {
        let stamped: Vec<&Camera> = cameras(hall).filter(|c| c.stamp == StampMode::Reencode).collect();
        if stamped.is_empty() {
            return HashMap::new();
        }
        let encoder = WallDescription::choose(&hall.stamp, &hall.wall);
        if let Err(e) = &encoder {
            tracing::error!("电视墙小画面无法生成，改用全尺寸画面。no wall pictures, tiles take the full ones: {e}");
        }
        let mut makers = HashMap::new();
        for camera in stamped {
            let (Some(channel), Some(meter)) = (live.wall(&camera.id), meters.get(&camera.id)) else { continue };
            let Ok(encoder) = &encoder else {
                channel.withhold(Some(Withheld::NoEncoder));
                continue;
            };
            let setup = WallSetup {
                camera: camera.id.to_string(),
                settings: hall.wall.clone(),
                stamp: hall.stamp.clone(),
                label: hall.label_lines(camera),
                encoder: encoder.clone(),
                taker: Arc::new(ToChannel { channel: channel.clone(), meter: meter.clone() }),
            };
            makers.insert(camera.id.clone(), Arc::new(Self { setup, channel: channel.clone() }));
        }
        makers
    }

    /// What a stamper needs to make them.
    pub fn setup(&self) -> WallSetup {
        self.setup.clone()
    }

    /// The run passes through: no picture is decoded from which a small one could be made.
    pub fn nothing_decoded(&self) {
        self.channel.withhold(Some(Withheld::NotDecoded));
    }
}

/// Puts what the wall's encoder gives on the live channel.
struct ToChannel {
    channel: Arc<LiveChannel>,
    meter: Arc<Meter>,
}

impl WallTaker for ToChannel {
    fn wanted(&self) -> Option<u64> {
        self.channel.wanted()
    }

    fn take(&self, stamped: Stamped) {
        match stamped {
            Stamped::Format(video) => {
                self.meter.wall_picture(true);
                self.channel.publish_format(&StreamFormat { video, audio: None }, true);
            }
            Stamped::Unit(unit) => self.channel.publish(&AccessUnit::Video(unit)),
            Stamped::Failed(_) | Stamped::Finished => {
                self.channel.clear();
                self.meter.wall_picture(false);
            }
        }
    }

    fn given_up(&self, given_up: bool) {
        self.channel.withhold(given_up.then_some(Withheld::Overload));
    }
}

/// A camera's own second stream, fetched while somebody watches it on the wall.
pub struct SecondStream {
    camera: Camera,
    session: SessionSettings,
    channel: Arc<LiveChannel>,
    meter: Arc<Meter>,
    clock: Arc<dyn Clock>,
}

impl SecondStream {
    /// Of a camera; `None` when it has none that is used.
    pub fn new(
        camera: &Camera,
        session: SessionSettings,
        live: &LiveHub,
        meter: &Arc<Meter>,
        clock: &Arc<dyn Clock>,
    ) -> Option<Self> {
        let channel = live.wall(&camera.id)?.clone();
        let camera = second_stream(camera)?;
        Some(Self { camera, session, channel, meter: meter.clone(), clock: clock.clone() })
    }

    /// Serves viewers until `stop` becomes true.
    pub async fn serve(self, mut stop: watch::Receiver<bool>) {
        let mut reconnect = Reconnect::default();
        loop {
            tokio::select! {
                () = self.channel.demanded() => {}
                () = stopped(&mut stop) => return,
            }
            let mut delivered = false;
            let end = {
                let mut sink = |event: SourceEvent| {
                    self.take(event, &mut delivered);
                    Ok(())
                };
                tokio::select! {
                    end = session(&self.camera, &self.session, &*self.clock, &mut sink) => Some(end),
                    () = nobody_watches(&self.channel) => None,
                    () = stopped(&mut stop) => return,
                }
            };
            self.channel.clear();
            self.meter.wall_picture(false);
            if delivered {
                reconnect.worked();
            }
            let Some(SessionEnd { cause, detail }) = end else { continue };
            tracing::warn!(camera = %self.camera.id, cause = cause.word(), detail, "second stream ended; recording goes on");
            let pause = reconnect.pause(rand::rng().random());
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = stopped(&mut stop) => return,
            }
        }
    }

    fn take(&self, event: SourceEvent, delivered: &mut bool) {
        match event {
            // Tiles are silent: sound comes with the full picture.
            SourceEvent::Format(format) => {
                self.meter.wall_picture(true);
                self.channel.publish_format(&StreamFormat { audio: None, ..format }, own_stamp_proven(&self.meter.facts()));
            }
            SourceEvent::Unit(unit @ AccessUnit::Video(_)) => {
                *delivered = true;
                if matches!(&unit, AccessUnit::Video(video) if video.random_access) {
                    // Cameras draw into all their streams alike; the proof is that of the full picture.
                    self.channel.set_stamped(own_stamp_proven(&self.meter.facts()));
                }
                self.channel.publish(&unit);
            }
            SourceEvent::Unit(AccessUnit::Audio(_)) | SourceEvent::Measured(_) => {}
        }
    }
}

async fn nobody_watches(channel: &LiveChannel) {
    while channel.wanted().is_some() {
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    // A dropped sender means the recorder is gone: the same as stop.
    let _ = stop.wait_for(|s| *s).await;
}
