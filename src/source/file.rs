//! Media files as cameras, for replay: the same events a session gives, with capture times counted from a start time.

use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::sound::G711ToFlac;
use crate::media::g711::Law;
use crate::media::libav::{self, FileCodec, FilePacket, FileStream, LibavError};
use crate::media::{
    AccessUnit, AudioCodec, AudioFormat, AudioUnit, StreamFormat, TimeSource, VideoCodec, VideoFormat, VideoUnit, boxes, nal,
};
use crate::time::{MICROS_PER_SECOND, WallTime};

/// Why a file cannot stand in for a camera.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// libav cannot read it.
    #[error(transparent)]
    Libav(#[from] LibavError),
    /// It has no picture stream the recorder can take.
    #[error("{path}: {reason}")]
    Unusable {
        /// Which file.
        path: PathBuf,
        /// What was found and what would be right.
        reason: String,
    },
}

/// A media file read into memory.
pub struct FileCamera {
    format: StreamFormat,
    video: Vec<Picture>,
    audio: Vec<Sound>,
    /// Length of one pass in microseconds: from the first picture to the end of the last.
    length_micros: i64,
}

struct Picture {
    at_micros: i64,
    random_access: bool,
    data: Bytes,
}

struct Sound {
    at_samples: i64,
    duration_samples: u32,
    data: Bytes,
}

impl FileCamera {
    /// Reads `path`: H.264 or H.265 in MP4 or Matroska, with AAC, G.711 or no sound.
    ///
    /// # Errors
    /// [`FileError`] naming what the file holds instead.
    pub fn open(path: &Path) -> Result<Self, FileError> {
        let unusable = |reason: String| FileError::Unusable { path: path.to_owned(), reason };
        let (streams, packets) = libav::read_file(path)?;
        let found = || streams.iter().map(|s| format!("{:?}", s.codec)).collect::<Vec<_>>().join(", ");
        let video = streams.iter().find(|s| matches!(s.codec, FileCodec::H264 | FileCodec::H265));
        let video = video.ok_or_else(|| unusable(format!("holds {}; give it H.264 or H.265 pictures", found())))?;
        let video_format = video_format(video).ok_or_else(|| {
            unusable("its pictures have no configuration record; put the stream into MP4 or Matroska first".into())
        })?;
        let pictures: Vec<&FilePacket> = packets.iter().filter(|p| p.stream == video.index).collect();
        let first = pictures.iter().map(|p| p.pts_micros).min().ok_or_else(|| unusable("holds no picture".into()))?;
        let last = pictures.iter().map(|p| p.pts_micros).max().unwrap_or(first);
        let step = (last - first) / i64::try_from(pictures.len().max(2) - 1).unwrap_or(1);
        let codec = video_format.codec;
        let video_units = pictures
            .iter()
            .map(|p| Picture {
                at_micros: p.pts_micros - first,
                random_access: nal::is_random_access(codec, &p.data),
                data: p.data.clone(),
            })
            .collect();
        let sound = streams.iter().find(|s| matches!(s.codec, FileCodec::Aac | FileCodec::ALaw | FileCodec::MuLaw));
        let (audio_format, audio) = match sound {
            Some(stream) => {
                let of_stream = packets.iter().filter(|p| p.stream == stream.index && p.pts_micros >= first);
                let (format, audio) = read_sound(stream, of_stream, first)?;
                (Some(format), audio)
            }
            None => (None, Vec::new()),
        };
        Ok(Self {
            format: StreamFormat { video: video_format, audio: audio_format },
            video: video_units,
            audio,
            length_micros: last - first + step.max(1),
        })
    }

    /// What the file holds.
    pub fn format(&self) -> &StreamFormat {
        &self.format
    }

    /// Units for `micros` microseconds of media whose first picture is taken at `start`; the file is repeated as often as needed.
    /// Sound comes before the picture it accompanies.
    pub fn units(&self, start: WallTime, micros: i64) -> impl Iterator<Item = AccessUnit> + '_ {
        let passes = micros.div_euclid(self.length_micros) + 1;
        (0..passes).flat_map(move |pass| self.pass(start, pass * self.length_micros)).take_while(move |unit| {
            let at = unit.capture().micros_since(start);
            at < micros || matches!(unit, AccessUnit::Audio(_))
        })
    }

    fn pass(&self, start: WallTime, offset_micros: i64) -> impl Iterator<Item = AccessUnit> + '_ {
        let rate = self.format.audio.as_ref().map_or(8000, |a| i64::from(a.sample_rate));
        let offset_samples = offset_micros * rate / MICROS_PER_SECOND;
        let mut audio = self.audio.iter().peekable();
        let mut video = self.video.iter().peekable();
        std::iter::from_fn(move || {
            let next_sound = audio.peek().map(|s| s.at_samples * MICROS_PER_SECOND / rate);
            let next_picture = video.peek().map(|p| p.at_micros);
            let sound_first = match (next_sound, next_picture) {
                (Some(sound), Some(picture)) => sound <= picture,
                (sound, _) => sound.is_some(),
            };
            if sound_first {
                let sound = audio.next()?;
                let pts_samples = sound.at_samples + offset_samples;
                return Some(AccessUnit::Audio(AudioUnit {
                    pts_samples,
                    duration_samples: sound.duration_samples,
                    capture: start.plus_micros(pts_samples * MICROS_PER_SECOND / rate),
                    data: sound.data.clone(),
                }));
            }
            let picture = video.next()?;
            let at = picture.at_micros + offset_micros;
            Some(AccessUnit::Video(VideoUnit {
                pts_90k: (at * 9 + 50) / 100,
                capture: start.plus_micros(at),
                time_source: TimeSource::Replay,
                other_capture: None,
                random_access: picture.random_access,
                data: picture.data.clone(),
            }))
        })
    }
}

fn video_format(stream: &FileStream) -> Option<VideoFormat> {
    let record = &stream.configuration;
    let (codec, sample_entry, codec_string) = match stream.codec {
        FileCodec::H264 => {
            (VideoCodec::H264, boxes::avc1(stream.width, stream.height, record), boxes::avc_codec_string(record)?)
        }
        _ => (VideoCodec::H265, boxes::hvc1(stream.width, stream.height, record), boxes::hevc_codec_string(record)?),
    };
    let (width, height) = (stream.width, stream.height);
    Some(VideoFormat { codec, width, height, codec_string, sample_entry, configuration: record.clone() })
}

fn read_sound<'a>(
    stream: &FileStream,
    packets: impl Iterator<Item = &'a FilePacket>,
    first_micros: i64,
) -> Result<(AudioFormat, Vec<Sound>), FileError> {
    let rate = i64::from(stream.sample_rate.max(1));
    let samples = |micros: i64| (micros * rate + MICROS_PER_SECOND / 2).div_euclid(MICROS_PER_SECOND);
    let law = match stream.codec {
        FileCodec::ALaw => Law::A,
        FileCodec::MuLaw => Law::Mu,
        _ => {
            let sounds = packets
                .map(|p| Sound {
                    at_samples: samples(p.pts_micros - first_micros),
                    duration_samples: 1024,
                    data: p.data.clone(),
                })
                .collect();
            let format = AudioFormat {
                codec: AudioCodec::Aac,
                sample_rate: stream.sample_rate,
                channels: stream.channels,
                codec_string: "mp4a.40.2".into(),
                sample_entry: boxes::mp4a(stream.channels, stream.sample_rate, &stream.configuration),
                origin: None,
            };
            return Ok((format, sounds));
        }
    };
    let mut g711 = G711ToFlac::new(law, stream.sample_rate);
    let mut frames = Vec::new();
    for packet in packets {
        g711.push(samples(packet.pts_micros - first_micros), &packet.data, &mut frames);
    }
    g711.flush(&mut frames);
    let sounds = frames
        .into_iter()
        .map(|f| Sound { at_samples: f.pts_samples, duration_samples: f.duration_samples, data: f.data })
        .collect();
    Ok((g711.format(), sounds))
}
