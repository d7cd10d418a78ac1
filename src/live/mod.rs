//! The live hub: the newest access units of every camera, as fragments a browser can append, fanned out to viewers.
//!
//! One fragment (`moof` and `mdat`) per picture keeps the delay below what a part on disk would cost. Fragments are made once
//! for all viewers; a viewer that lags skips to the newest random access point and never slows the recorder.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::broadcast;

use crate::hall::CameraId;
use crate::time::WallTime;

mod channel;
mod demand;

pub use channel::LiveChannel;
pub use demand::LINGER;

/// What the page needs to open a `SourceBuffer`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveInit {
    /// MIME type with codecs: `video/mp4; codecs="avc1.640028,flac"`.
    pub mime: String,
    /// Initialisation segment (`ftyp` and `moov`).
    pub bytes: Bytes,
    /// Number of the format: grows when the format changes and the page must start anew.
    pub generation: u64,
}

/// One fragment of live media.
#[derive(Clone, Debug)]
pub struct LiveFragment {
    /// Which [`LiveInit`] it belongs to.
    pub generation: u64,
    /// True when a player can start here.
    pub random_access: bool,
    /// For a picture, whether it carries the stamp; where it does not, whoever shows it draws one. `None` for sound.
    pub stamped: Option<bool>,
    /// Capture time of the unit in it.
    pub capture: WallTime,
    /// Media time of the unit in seconds, on the player's axis.
    pub media_seconds: f64,
    /// `moof` and `mdat`.
    pub bytes: Bytes,
}

/// Everything a new viewer needs to show a picture at once.
pub struct LiveJoin {
    /// The format, once the camera has sent one.
    pub init: Option<Arc<LiveInit>>,
    /// Fragments since the newest random access point.
    pub backlog: Vec<Arc<LiveFragment>>,
    /// What follows. A receiver that lags gets `Lagged` and should join anew.
    pub fragments: broadcast::Receiver<Arc<LiveFragment>>,
}

/// Why a picture that is otherwise offered does not come at this moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Withheld {
    /// The machine cannot do everything: it was given up first.
    Overload,
    /// Nothing is decoded: the recording passes through.
    NotDecoded,
    /// No encoder for it works on this machine.
    NoEncoder,
}

/// The live channels of all cameras: the full picture of each, and the wall picture (电视墙小画面) of those that have one.
#[derive(Clone, Default)]
pub struct LiveHub {
    channels: Arc<HashMap<CameraId, Arc<LiveChannel>>>,
    wall: Arc<HashMap<CameraId, Arc<LiveChannel>>>,
}

impl LiveHub {
    /// A hub with one channel per camera.
    pub fn new(cameras: impl IntoIterator<Item = CameraId>) -> Self {
        Self { channels: channels(cameras), wall: Arc::default() }
    }

    /// The same with a second channel for the wall pictures of these cameras.
    pub fn with_wall(self, cameras: impl IntoIterator<Item = CameraId>) -> Self {
        Self { wall: channels(cameras), ..self }
    }

    /// The channel of a camera.
    pub fn channel(&self, camera: &CameraId) -> Option<&Arc<LiveChannel>> {
        self.channels.get(camera)
    }

    /// The channel of a camera's wall picture; `None` when it has none.
    pub fn wall(&self, camera: &CameraId) -> Option<&Arc<LiveChannel>> {
        self.wall.get(camera)
    }
}

fn channels(cameras: impl IntoIterator<Item = CameraId>) -> Arc<HashMap<CameraId, Arc<LiveChannel>>> {
    Arc::new(cameras.into_iter().map(|id| (id, Arc::new(LiveChannel::new()))).collect())
}
