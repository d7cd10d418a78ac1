//! The pictures of a segment file as access units: what has to be decoded, for a still or to draw the stamp on a copy.

use std::fs::File;
use std::os::unix::fs::FileExt as _;

use bytes::Bytes;

use super::samples::{Format, Part, Source};
use crate::media::{TimeSource, VideoCodec, VideoFormat, VideoUnit, boxes};

/// Bytes of a visual sample entry before the boxes inside it (ISO/IEC 14496-12 section 12.1.3), its own head included.
const VISUAL_ENTRY_HEAD: usize = 86;

/// How the pictures are coded, as decoders want to know it; `None` for a sample entry that is not one of ours.
pub fn video_format(format: &Format) -> Option<VideoFormat> {
    let (codec, record) = match format.video.coding() {
        b"avc1" => (VideoCodec::H264, b"avcC"),
        b"hvc1" => (VideoCodec::H265, b"hvcC"),
        _ => return None,
    };
    let entry = &format.video.entry;
    let mut at = VISUAL_ENTRY_HEAD;
    let configuration = loop {
        let size = usize::try_from(u32::from_be_bytes(entry.get(at..at + 4)?.try_into().ok()?)).ok()?;
        if entry.get(at + 4..at + 8)? == record {
            break entry.get(at + 8..at + size)?;
        }
        at += size.max(8);
    };
    let codec_string = match codec {
        VideoCodec::H264 => boxes::avc_codec_string(configuration)?,
        VideoCodec::H265 => boxes::hevc_codec_string(configuration)?,
    };
    Some(VideoFormat {
        codec,
        width: format.width,
        height: format.height,
        codec_string,
        sample_entry: entry.clone(),
        configuration: Bytes::copy_from_slice(configuration),
    })
}

/// The pictures of one part, in order of decoding, without their bytes: presentation time, offset and length in the file, key frame.
pub fn pictures(part: &Part) -> impl Iterator<Item = Place> {
    let mut time = i64::try_from(part.video.decode_time).unwrap_or(i64::MAX);
    let mut offset = part.video.offset;
    part.video.samples.iter().map(move |sample| {
        let place = Place {
            pts_90k: time.saturating_add(i64::from(sample.composition)),
            offset,
            size: sample.size,
            random_access: sample.sync,
        };
        time = time.saturating_add(i64::from(sample.duration));
        offset += u64::from(sample.size);
        place
    })
}

/// Where a picture lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Presentation time in 1/90000 s since the run began.
    pub pts_90k: i64,
    /// Offset in the file.
    pub offset: u64,
    /// Number of bytes.
    pub size: u32,
    /// True when it decodes alone.
    pub random_access: bool,
}

impl Place {
    /// The picture's bytes.
    ///
    /// # Errors
    /// The system's error.
    pub fn read(&self, file: &File) -> std::io::Result<Bytes> {
        let mut bytes = vec![0; self.size as usize];
        file.read_exact_at(&mut bytes, self.offset)?;
        Ok(bytes.into())
    }
}

/// Capture time of the picture at `pts_90k`, `part` being the part it is in: its first picture's time and the distance from there.
pub fn capture(part: &Part, pts_90k: i64) -> crate::time::WallTime {
    let first = pictures(part).next().map_or(pts_90k, |place| place.pts_90k);
    part.from.plus_micros(pts_90k.saturating_sub(first).saturating_mul(100) / 9)
}

/// A picture read from `file` as an access unit.
///
/// # Errors
/// The system's error.
pub fn unit(file: &File, part: &Part, place: &Place) -> std::io::Result<VideoUnit> {
    Ok(VideoUnit {
        pts_90k: place.pts_90k,
        capture: capture(part, place.pts_90k),
        // Where the time came from stands in the recording; nothing here goes by it.
        time_source: TimeSource::Replay,
        other_capture: None,
        random_access: place.random_access,
        data: place.read(file)?,
    })
}

/// The parts of `source` from the random access point at or before `from` (or the first there is) to the last that begins before `to`.
pub fn parts_for(source: &Source, span: crate::time::Span) -> &[Part] {
    let starts = |part: &Part| part.video.samples.first().is_some_and(|s| s.sync);
    let end = source.parts.iter().rposition(|p| p.from < span.to).map_or(0, |last| last + 1);
    let parts = &source.parts[..end];
    let begin = parts.iter().rposition(|p| starts(p) && p.from <= span.from).or_else(|| parts.iter().position(starts));
    begin.map_or(&[], |begin| &parts[begin..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::samples::{PartTrack, Sample, TrackFormat};
    use crate::time::WallTime;

    #[test]
    fn the_record_is_found_in_the_sample_entry() {
        let record = [1, 0x64, 0, 0x28, 0xff, 0xe0, 0];
        let entry = boxes::avc1(1920, 1080, &record);
        let mut format = Format { video: TrackFormat { timescale: 90_000, entry }, audio: None, width: 1920, height: 1080 };
        let found = video_format(&format).unwrap();
        assert_eq!(
            (found.codec, &found.configuration[..], found.codec_string.as_str()),
            (VideoCodec::H264, &record[..], "avc1.640028")
        );
        for cut in [0, 4, 80, 90, 96] {
            format.video.entry = boxes::avc1(1920, 1080, &record).slice(..cut);
            assert!(video_format(&format).is_none(), "cut at {cut}");
        }
    }

    #[test]
    fn pictures_have_their_own_times_whatever_the_order_of_decoding() {
        let sample = |composition, size, sync| Sample { duration: 3600, size, composition, sync };
        let part = Part {
            from: WallTime::from_micros(1_000_000),
            video: PartTrack {
                decode_time: 90_000,
                offset: 500,
                samples: vec![sample(0, 10, true), sample(3600, 20, false), sample(-3600, 30, false)],
            },
            audio: PartTrack::default(),
        };
        let told: Vec<(i64, u64, i64)> =
            pictures(&part).map(|p| (p.pts_90k, p.offset, capture(&part, p.pts_90k).as_micros())).collect();
        assert_eq!(told, [(90_000, 500, 1_000_000), (97_200, 510, 1_080_000), (93_600, 530, 1_040_000)]);
    }
}
