//! What a segment file says of itself: the identity box in front and the seal at the end, both JSON in a `uuid` box.

use serde::{Deserialize, Serialize};

use crate::time::WallTime;

/// The identity box: why this file exists, readable with nothing but the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Version of the file's form.
    pub version: u32,
    /// Camera id.
    pub camera: String,
    /// Windows the camera looks at.
    pub windows: Vec<String>,
    /// Zone type.
    pub zone: String,
    /// Hall.
    pub hall: String,
    /// Administrative division.
    pub division: String,
    /// The run the segment belongs to.
    pub run: String,
    /// Number within the run, from 0.
    pub number: u32,
    /// Capture time of the first picture.
    pub from: WallTime,
    /// True when the pictures carry the recorder's stamp.
    pub stamped: bool,
    /// RFC 6381 codecs of the tracks.
    pub codecs: String,
    /// Width of the picture in pixels.
    pub width: u32,
    /// Height of the picture in pixels.
    pub height: u32,
    /// SHA-256 of the run's segment before this one, in hexadecimal; `None` for the first.
    pub previous: Option<String>,
}

/// The seal: written when the segment is complete.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seal {
    /// SHA-256 of all bytes before the seal's box, in hexadecimal.
    pub digest: String,
    /// Number of those bytes.
    pub bytes: u64,
    /// Capture time at which the last picture ends.
    pub to: WallTime,
    /// Number of pictures.
    pub pictures: u32,
    /// Number of parts.
    pub parts: u32,
}
