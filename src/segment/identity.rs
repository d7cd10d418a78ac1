//! What a segment file says of itself: the identity box in front and the seal at the end, both JSON in a `uuid` box.

use serde::{Deserialize, Serialize};

use crate::media::TimeSource;
use crate::time::{RecordedClock, WallTime};

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
    /// How the server's clock was kept when the segment was begun; `None` in files of earlier versions and of replays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock: Option<RecordedClock>,
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
    /// How the capture times of its pictures were found; `None` in files of earlier versions and in files mended after a kill.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<TimeTally>,
}

/// How the capture times of a segment's pictures were found, and how far the two candidates lay apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeTally {
    /// Pictures timed by the camera's sender reports.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub sender_report: u32,
    /// Pictures timed by the least delayed arrival.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub arrival: u32,
    /// Pictures timed by a replay's clock.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub replay: u32,
    /// The greatest difference: the other candidate minus the capture time, in milliseconds; `None` when no picture had another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub largest_difference_ms: Option<i64>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_zero(n: &u32) -> bool {
    *n == 0
}

impl TimeTally {
    /// Counts one picture.
    pub fn count(&mut self, source: TimeSource, capture: WallTime, other: Option<WallTime>) {
        let pictures = match source {
            TimeSource::SenderReport => &mut self.sender_report,
            TimeSource::Arrival => &mut self.arrival,
            TimeSource::Replay => &mut self.replay,
        };
        *pictures = pictures.saturating_add(1);
        if let Some(other) = other {
            let difference = other.micros_since(capture) / 1000;
            if self.largest_difference_ms.is_none_or(|largest| difference.saturating_abs() > largest.saturating_abs()) {
                self.largest_difference_ms = Some(difference);
            }
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_greatest_difference_of_the_candidates_is_kept_with_its_sign() {
        let t = WallTime::from_micros(1_795_330_200_000_000);
        let mut tally = TimeTally::default();
        tally.count(TimeSource::Arrival, t, None);
        assert_eq!(serde_json::to_string(&tally).unwrap(), r#"{"arrival":1}"#);
        tally.count(TimeSource::SenderReport, t, Some(t.plus_micros(70_400)));
        tally.count(TimeSource::Arrival, t, Some(t.plus_micros(-28_800_000_000)));
        tally.count(TimeSource::Arrival, t, Some(t.plus_micros(90_000)));
        let whole = TimeTally { sender_report: 1, arrival: 3, replay: 0, largest_difference_ms: Some(-28_800_000) };
        assert_eq!(tally, whole);
    }

    #[test]
    fn boxes_of_earlier_versions_are_read() {
        let seal = r#"{"digest":"d","bytes":5,"to":"2026-11-22T14:51:00.000+08:00","pictures":1500,"parts":60}"#;
        assert_eq!(serde_json::from_str::<Seal>(seal).unwrap().times, None);
        let identity = r#"{"version":1,"camera":"C3","windows":["03"],"zone":"综合受理区","hall":"重庆街道便民服务中心","division":"长春市朝阳区",
            "run":"C3-20261122T145000.000","number":0,"from":"2026-11-22T14:50:00.000+08:00","stamped":true,"codecs":"avc1.640028",
            "width":1920,"height":1080,"previous":null}"#;
        assert_eq!(serde_json::from_str::<Identity>(identity).unwrap().clock, None);
    }
}
