//! What a segment file says of itself: the identity box in front and the seal at the end, both JSON in a `uuid` box.

use serde::{Deserialize, Serialize};

use crate::time::WallTime;

/// User type of the identity box: sixteen letters anyone with a hex viewer can read.
pub const IDENTITY_UUID: &[u8; 16] = b"jiancha identity";
/// User type of the seal box.
pub const SEAL_UUID: &[u8; 16] = b"jiancha seal box";
/// Version of the file's form that this program writes.
pub const FORM_VERSION: u32 = 1;

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
    /// The two lines of the label at the time of recording, as the stamp shows them; `None` in older files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<[String; 2]>,
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
    /// What the camera sent as sound, when it is stored in another form: `G.711 A-law`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audio_origin: Option<String>,
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

impl Identity {
    /// The two lines of the label (R8) as they were when this was recorded: what a stamp drawn later says.
    ///
    /// Files without them are given the lines that the recorder of their time drew: division and hall; zone and windows.
    pub fn label_lines(&self) -> [String; 2] {
        if let Some(label) = &self.label {
            return label.clone();
        }
        let numbers: Vec<&str> = self.windows.iter().map(|w| w.trim_start_matches('0')).collect();
        let mut second = self.zone.clone();
        if !numbers.is_empty() {
            second.push_str(&format!(" {}号窗口", numbers.join("、")));
        }
        [format!("{} {}", self.division, self.hall), second]
    }

    /// The box's payload.
    pub fn to_json(&self) -> Vec<u8> {
        // Plain strings and numbers: coding cannot fail.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

impl Seal {
    /// The box's payload.
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }
}
