//! The tables of a copy whose pictures were encoded anew: which picture and which sound lies in which part. Pure.

use crate::export::samples::{Part, PartTrack, Sample};
use crate::time::WallTime;

/// A picture that came out of the encoder, and where its bytes were put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// Presentation time in 1/90000 s since the run began.
    pub pts_90k: i64,
    /// When it was taken.
    pub capture: WallTime,
    /// True when it decodes alone.
    pub random_access: bool,
    /// Offset in the copy.
    pub offset: u64,
    /// Number of bytes.
    pub size: u32,
}

/// Sound of the original, copied: its bytes follow each other from one to the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sound {
    /// Its table, offsets being those in the copy.
    pub track: PartTrack,
}

/// Parts of `pictures`, given in the order in which they came out, each beginning at a key frame, with the sound that belongs to them.
/// `end_90k` is where the last picture ends, `rate` the ticks of the sound in a second.
pub fn parts(pictures: &[Written], end_90k: i64, sounds: &[Sound], rate: u32) -> Vec<Part> {
    // Decode times are the presentation times in rising order, as in the recorder's own files.
    let mut times: Vec<i64> = pictures.iter().map(|p| p.pts_90k).collect();
    times.sort_unstable();
    let ends = times.iter().skip(1).copied().chain([end_90k]);
    let rows: Vec<(&Written, i64, i64)> =
        pictures.iter().zip(&times).zip(ends).map(|((picture, time), end)| (picture, *time, end)).collect();
    let mut parts: Vec<Part> = Vec::new();
    for group in rows.chunk_by(|_, (next, ..)| !next.random_access) {
        let Some((first, time, _)) = group.first() else { continue };
        let samples = group.iter().map(|(picture, time, end)| Sample {
            duration: u32::try_from((end - time).max(1)).unwrap_or(u32::MAX),
            size: picture.size,
            composition: i32::try_from(picture.pts_90k - time).unwrap_or(0),
            sync: picture.random_access,
        });
        let video = PartTrack { decode_time: time.max(&0).cast_unsigned(), offset: first.offset, samples: samples.collect() };
        parts.push(Part { from: first.capture, video, audio: PartTrack::default() });
    }
    share_out(&mut parts, sounds, rate);
    parts
}

/// Gives each part the sound that begins before its pictures end; the last one gets the rest.
fn share_out(parts: &mut [Part], sounds: &[Sound], rate: u32) {
    let rate = u128::from(rate.max(1));
    let ends: Vec<u128> = parts.iter().map(|p| u128::from(p.video.decode_time + p.video.duration()) * rate).collect();
    let last = parts.len().saturating_sub(1);
    let mut n = 0;
    for sound in sounds {
        let mut time = sound.track.decode_time;
        let mut offset = sound.track.offset;
        for sample in &sound.track.samples {
            while n < last && u128::from(time) * 90_000 >= ends[n] {
                n += 1;
            }
            let Some(part) = parts.get_mut(n) else { return };
            let audio = &mut part.audio;
            if audio.samples.is_empty() {
                (audio.decode_time, audio.offset) = (time, offset);
            } else {
                // A hole between parts of the original becomes the longer duration of the frame before it.
                let reached = audio.decode_time + audio.duration();
                if let (Some(before), Some(hole)) = (audio.samples.last_mut(), time.checked_sub(reached)) {
                    before.duration = before.duration.saturating_add(u32::try_from(hole).unwrap_or(0));
                }
            }
            audio.samples.push(*sample);
            time += u64::from(sample.duration);
            offset += u64::from(sample.size);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(n: i64, random_access: bool) -> Written {
        Written {
            pts_90k: 900_000 + n * 3600,
            capture: WallTime::from_micros(n * 40_000),
            random_access,
            offset: 100 * n.cast_unsigned(),
            size: 100,
        }
    }

    fn sound(decode_time: u64, offset: u64, frames: usize) -> Sound {
        let sample = Sample { duration: 160, size: 10, composition: 0, sync: true };
        Sound { track: PartTrack { decode_time, offset, samples: vec![sample; frames] } }
    }

    #[test]
    fn a_part_begins_at_each_key_frame_and_lasts_to_the_next() {
        let pictures: Vec<Written> = (0..75).map(|n| written(n, n % 50 == 0)).collect();
        let parts = parts(&pictures, 900_000 + 75 * 3600, &[], 8000);
        let told: Vec<(i64, u64, u64, usize)> = parts
            .iter()
            .map(|p| (p.from.as_micros(), p.video.decode_time, p.video.duration(), p.video.samples.len()))
            .collect();
        assert_eq!(told, [(0, 900_000, 180_000, 50), (2_000_000, 1_080_000, 90_000, 25)]);
        assert_eq!(
            (parts[1].video.offset, parts[1].video.samples[0].sync, parts[1].video.samples[1].sync),
            (5000, true, false)
        );
    }

    #[test]
    fn a_picture_the_decoder_lost_lengthens_the_one_before_it() {
        let pictures: Vec<Written> = [0, 1, 3].map(|n| written(n, n == 0)).to_vec();
        let parts = parts(&pictures, 900_000 + 4 * 3600, &[], 8000);
        assert_eq!(parts[0].video.samples.iter().map(|s| s.duration).collect::<Vec<_>>(), [3600, 7200, 3600]);
    }

    #[test]
    fn sound_goes_to_the_part_in_which_it_begins_and_a_hole_stays_a_hole() {
        // Pictures from 10 s to 12 s and from 12 s to 13 s; sound of 20 ms from 9.99 s, a hole of 60 ms at 10.99 s.
        let pictures: Vec<Written> = (0..75).map(|n| written(n, n % 50 == 0)).collect();
        let sounds = [sound(79_920, 9000, 50), sound(79_920 + 50 * 160 + 480, 9500, 100)];
        let parts = parts(&pictures, 900_000 + 75 * 3600, &sounds, 8000);
        let told: Vec<(u64, u64, usize, u64)> =
            parts.iter().map(|p| (p.audio.decode_time, p.audio.offset, p.audio.samples.len(), p.audio.duration())).collect();
        // 98 frames begin before 12 s = 96000 ticks: 50 up to 87920, and those from 88400 in steps of 160 below 96000.
        assert_eq!(told, [(79_920, 9000, 98, 16_160), (96_080, 9980, 52, 8320)]);
        assert_eq!(parts[0].audio.samples[49].duration, 640);
    }

    #[test]
    fn without_pictures_there_are_no_parts() {
        assert!(parts(&[], 0, &[sound(0, 0, 3)], 8000).is_empty());
    }
}
