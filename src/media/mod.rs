//! Compressed media between the camera and the file: access units and the formats that explain them.
//!
//! A source gives one [`StreamFormat`] and then [`AccessUnit`]s; a stamper takes video units and gives video units; the segment
//! writer takes units. All three speak only the types of this module. Video data is length-prefixed NAL units (ISO/IEC 14496-15,
//! 4-byte lengths), never Annex B.

pub mod boxes;
pub mod flac;
pub mod g711;
pub mod libav;
pub mod nal;
pub mod picture;

use std::fmt;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::time::WallTime;

/// Ticks per second of every video track.
pub const VIDEO_TIMESCALE: u32 = 90_000;

/// How the pictures are coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VideoCodec {
    /// ITU-T H.264 (ISO/IEC 14496-10).
    H264,
    /// ITU-T H.265 (ISO/IEC 23008-2).
    H265,
}

/// How the sound is coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AudioCodec {
    /// MPEG-4 AAC, kept as it comes.
    Aac,
    /// FLAC: the lossless form in which G.711 is stored.
    Flac,
}

impl fmt::Display for VideoCodec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            VideoCodec::H264 => "H.264",
            VideoCodec::H265 => "H.265",
        })
    }
}

impl fmt::Display for AudioCodec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            AudioCodec::Aac => "AAC",
            AudioCodec::Flac => "FLAC",
        })
    }
}

/// Everything a player needs before the first picture.
#[derive(Clone, PartialEq, Eq)]
pub struct VideoFormat {
    /// Coding of the pictures.
    pub codec: VideoCodec,
    /// Width in pixels after cropping.
    pub width: u32,
    /// Height in pixels after cropping.
    pub height: u32,
    /// RFC 6381 codecs parameter, such as `avc1.640028`.
    pub codec_string: String,
    /// The whole sample entry box (`avc1` or `hvc1` with its configuration record).
    pub sample_entry: Bytes,
    /// The configuration record alone (`avcC` or `hvcC` payload), for decoders.
    pub configuration: Bytes,
}

impl fmt::Debug for VideoFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}x{} ({})", self.codec, self.width, self.height, self.codec_string)
    }
}

/// Everything a player needs before the first sound.
#[derive(Clone, PartialEq, Eq)]
pub struct AudioFormat {
    /// Coding of the sound.
    pub codec: AudioCodec,
    /// Samples per second and channel; also the track's timescale.
    pub sample_rate: u32,
    /// Number of channels.
    pub channels: u16,
    /// RFC 6381 codecs parameter, such as `mp4a.40.2` or `flac`.
    pub codec_string: String,
    /// The whole sample entry box (`mp4a` or `fLaC`).
    pub sample_entry: Bytes,
    /// What the camera sent, when it is stored in another form: `G.711 A-law`.
    pub origin: Option<String>,
}

impl fmt::Debug for AudioFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} Hz x{} ({})", self.codec, self.sample_rate, self.channels, self.codec_string)
    }
}

/// The formats of one run. A change of either ends the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamFormat {
    /// The picture's format.
    pub video: VideoFormat,
    /// The sound's format; `None` for a camera without sound.
    pub audio: Option<AudioFormat>,
}

/// How a unit's capture time was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TimeSource {
    /// From the camera's RTCP sender reports (RFC 3550 section 6.4.1).
    SenderReport,
    /// From the arrival with the least delay.
    Arrival,
    /// From the stepped clock of a replay.
    Replay,
}

/// All NAL units of one picture.
#[derive(Clone, PartialEq, Eq)]
pub struct VideoUnit {
    /// Presentation time in 1/90000 s since the run began.
    pub pts_90k: i64,
    /// Wall time at which the picture was taken.
    pub capture: WallTime,
    /// How `capture` was found.
    pub time_source: TimeSource,
    /// The time the other way of finding it would have given, where there was one: kept, never shown in the picture.
    pub other_capture: Option<WallTime>,
    /// True when the picture decodes alone (IDR or CRA).
    pub random_access: bool,
    /// Length-prefixed NAL units.
    pub data: Bytes,
}

/// One coded frame of sound.
#[derive(Clone, PartialEq, Eq)]
pub struct AudioUnit {
    /// Presentation time in samples (1 / `AudioFormat::sample_rate` s) since the run began.
    pub pts_samples: i64,
    /// Length in samples.
    pub duration_samples: u32,
    /// Wall time at which its first sample was taken.
    pub capture: WallTime,
    /// The coded bytes.
    pub data: Bytes,
}

impl fmt::Debug for VideoUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rap = if self.random_access { " random access" } else { "" };
        write!(f, "picture pts {} at {}, {} bytes{rap}", self.pts_90k, self.capture, self.data.len())
    }
}

impl fmt::Debug for AudioUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sound pts {} at {}, {} bytes", self.pts_samples, self.capture, self.data.len())
    }
}

/// A picture or a frame of sound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccessUnit {
    /// One picture.
    Video(VideoUnit),
    /// One frame of sound.
    Audio(AudioUnit),
}

impl AccessUnit {
    /// Number of coded bytes.
    pub fn len_bytes(&self) -> usize {
        match self {
            AccessUnit::Video(v) => v.data.len(),
            AccessUnit::Audio(a) => a.data.len(),
        }
    }

    /// Wall time of capture.
    pub fn capture(&self) -> WallTime {
        match self {
            AccessUnit::Video(v) => v.capture,
            AccessUnit::Audio(a) => a.capture,
        }
    }
}
