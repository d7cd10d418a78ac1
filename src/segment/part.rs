//! Parts: `prft`, `moof` and `mdat` for a stretch of pictures and the sound that belongs to them (ISO/IEC 14496-12 section 8.8).

use super::init::{AUDIO_TRACK, VIDEO_TRACK};
use crate::media::boxes::{put, put_full, u32be, u64be};
use crate::media::{AudioUnit, VIDEO_TIMESCALE, VideoUnit};
use crate::time::{MICROS_PER_SECOND, WallTime};

/// `sample_flags` of a picture that decodes alone: depends on no other.
const FLAGS_RANDOM_ACCESS: u32 = 0x0200_0000;
/// `sample_flags` of any other picture: depends on others, is no sync sample.
const FLAGS_DEPENDENT: u32 = 0x0101_0000;
/// Seconds from the NTP epoch (1900) to 1970.
const NTP_OFFSET_SECONDS: i64 = 2_208_988_800;

/// The first bytes of every part in a file: its producer reference time, of the pictures.
pub const PART_HEAD: [u8; 16] = [0, 0, 0, 32, b'p', b'r', b'f', b't', 1, 0, 0, 0, 0, 0, 0, 1];

/// Decode times of pictures given in decode order: their presentation times in rising order. For streams without reordering
/// these are the presentation times themselves.
pub fn decode_times(video: &[VideoUnit]) -> Vec<i64> {
    let mut times: Vec<i64> = video.iter().map(|u| u.pts_90k).collect();
    times.sort_unstable();
    times
}

/// Appends one part.
///
/// `end_90k` is the presentation time of the first picture after it; `wall` writes a producer reference time in front
/// (section 8.16.5), by which the part tells its own capture time. `video` may be empty only for a fragment of sound alone.
pub fn put_part(out: &mut Vec<u8>, sequence: u32, video: &[VideoUnit], end_90k: i64, audio: &[AudioUnit], wall: bool) {
    let times = decode_times(video);
    if let (true, Some(first), Some(time)) = (wall, video.first(), times.first()) {
        put_full(out, b"prft", 1, 0, |out| {
            u32be(out, VIDEO_TRACK);
            u64be(out, to_ntp(first.capture));
            u64be(out, time.max(&0).cast_unsigned());
        });
    }
    let moof = out.len();
    let mut offsets = Vec::with_capacity(2);
    put(out, b"moof", |out| {
        put_full(out, b"mfhd", 0, 0, |out| u32be(out, sequence));
        if let Some(first) = times.first() {
            put(out, b"traf", |out| {
                traf_head(out, VIDEO_TRACK, *first);
                // Data offset, then duration, size, flags and, where pictures are reordered, composition offset of each.
                let reordered = video.iter().zip(&times).any(|(u, t)| u.pts_90k != *t);
                let flags = 0x701 | if reordered { 0x800 } else { 0 };
                put_full(out, b"trun", 1, flags, |out| {
                    u32be(out, count(video.len()));
                    offsets.push(out.len());
                    u32be(out, 0);
                    let ends = times.iter().skip(1).copied().chain([end_90k]);
                    for ((unit, time), end) in video.iter().zip(&times).zip(ends) {
                        u32be(out, ticks(end - time));
                        u32be(out, count(unit.data.len()));
                        u32be(out, if unit.random_access { FLAGS_RANDOM_ACCESS } else { FLAGS_DEPENDENT });
                        if reordered {
                            let offset = i32::try_from(unit.pts_90k - time).unwrap_or(0);
                            u32be(out, offset.cast_unsigned());
                        }
                    }
                });
            });
        }
        if let Some(first) = audio.first() {
            put(out, b"traf", |out| {
                traf_head(out, AUDIO_TRACK, first.pts_samples);
                put_full(out, b"trun", 0, 0x301, |out| {
                    u32be(out, count(audio.len()));
                    offsets.push(out.len());
                    u32be(out, 0);
                    let next = audio.iter().skip(1).map(|n| Some(n.pts_samples)).chain([None]);
                    for (unit, next) in audio.iter().zip(next) {
                        // A hole in the sound is the longer duration of the unit before it.
                        let end = next.unwrap_or(unit.pts_samples + i64::from(unit.duration_samples));
                        u32be(out, ticks(end - unit.pts_samples));
                        u32be(out, count(unit.data.len()));
                    }
                });
            });
        }
    });
    // Data offsets count from the start of the moof to the first byte of the track's data.
    let mut at = out.len() - moof + 8;
    let sizes = [video.iter().map(|u| u.data.len()).sum::<usize>(), audio.iter().map(|u| u.data.len()).sum()];
    let sizes = if video.is_empty() { &sizes[1..] } else { &sizes[..] };
    for (place, size) in offsets.into_iter().zip(sizes) {
        out[place..place + 4].copy_from_slice(&count(at).to_be_bytes());
        at += size;
    }
    put(out, b"mdat", |out| {
        for unit in video {
            out.extend_from_slice(&unit.data);
        }
        for unit in audio {
            out.extend_from_slice(&unit.data);
        }
    });
}

fn traf_head(out: &mut Vec<u8>, track: u32, decode_time: i64) {
    // 0x020000: offsets count from the moof.
    put_full(out, b"tfhd", 0, 0x02_0000, |out| u32be(out, track));
    put_full(out, b"tfdt", 1, 0, |out| u64be(out, decode_time.max(0).cast_unsigned()));
}

/// Counts and sizes inside a part fit 32 bits: a part is at most two seconds.
fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

fn ticks(n: i64) -> u32 {
    u32::try_from(n.max(0)).unwrap_or(u32::MAX)
}

/// A wall time as NTP 32.32 fixed point, as `prft` wants it.
pub fn to_ntp(t: WallTime) -> u64 {
    let micros = t.as_micros();
    let seconds = micros.div_euclid(MICROS_PER_SECOND) + NTP_OFFSET_SECONDS;
    let rest = micros.rem_euclid(MICROS_PER_SECOND).cast_unsigned();
    (seconds.cast_unsigned() << 32) | ((rest << 32).div_ceil(1_000_000))
}

/// The wall time of an NTP 32.32 number, in the era that began in 1900. Inverse of [`to_ntp`] to the microsecond.
pub fn from_ntp(ntp: u64) -> WallTime {
    let seconds = i64::try_from(ntp >> 32).unwrap_or(0) - NTP_OFFSET_SECONDS;
    let micros = ((ntp & 0xffff_ffff) * 1_000_000) >> 32;
    WallTime::from_micros(seconds * MICROS_PER_SECOND + micros.cast_signed())
}

/// Microseconds as ticks of the video timescale, rounded down.
pub fn to_90k(micros: i64) -> i64 {
    micros * i64::from(VIDEO_TIMESCALE) / MICROS_PER_SECOND
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn ntp_keeps_microseconds(micros in 0i64..4_000_000_000_000_000 / 2) {
            let t = WallTime::from_micros(micros);
            prop_assert_eq!(from_ntp(to_ntp(t)), t);
        }
    }

    #[test]
    fn a_part_begins_with_its_head() {
        let picture = VideoUnit {
            pts_90k: 0,
            capture: WallTime::from_micros(0),
            time_source: crate::media::TimeSource::SenderReport,
            other_capture: None,
            random_access: true,
            data: vec![7].into(),
        };
        let mut out = Vec::new();
        put_part(&mut out, 1, &[picture], 3600, &[], true);
        assert!(out.starts_with(&PART_HEAD));
    }

    #[test]
    fn the_ntp_epoch_lies_seventy_years_before_ours() {
        assert_eq!(to_ntp(WallTime::from_micros(500_000)), (2_208_988_800 << 32) | (1 << 31));
    }
}
