//! The sound of the loop: a beep wherever the picture flashes, low noise everywhere, as samples and as G.711.

use std::f64::consts::TAU;

use crate::simulate::schedule::Rate;

/// Length of a beep in milliseconds.
const BEEP_MS: usize = 80;
/// Frequency of a beep in hertz.
const BEEP_HZ: f64 = 1000.0;
/// Peak of a beep: −10 dB of full scale.
const BEEP_PEAK: f64 = 10_362.0;
/// Peak of the noise, evenly distributed: −50 dB of full scale as RMS.
const NOISE_PEAK: i64 = 179;

/// The 16 s loop as signed 16-bit samples, one channel. `seed` makes each camera's noise its own.
pub fn samples(rate: Rate, sample_rate: usize, seed: u64) -> Vec<i16> {
    let mut state = seed;
    let beep_every = sample_rate * rate.flash_seconds() as usize;
    let beep_len = sample_rate * BEEP_MS / 1000;
    let ramp = sample_rate / 1000;
    (0..16 * sample_rate)
        .map(|at| {
            let noise = (next(&mut state) % (2 * NOISE_PEAK as u64 + 1)) as i64 - NOISE_PEAK;
            let into = at % beep_every;
            if into >= beep_len {
                return noise as i16;
            }
            // One millisecond of rise and fall: no click, and the beginning stays sharp.
            let gain = (into.min(beep_len - into) as f64 / ramp as f64).min(1.0);
            let tone = BEEP_PEAK * gain * (TAU * BEEP_HZ * into as f64 / sample_rate as f64).sin();
            (tone + noise as f64).round() as i16
        })
        .collect()
}

/// SplitMix64 (Steele, Lea, Flood 2014).
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ z >> 31
}

/// One sample as G.711 A-law (ITU-T G.711 table 1a, even bits inverted).
pub fn alaw(sample: i16) -> u8 {
    let positive = sample >= 0;
    // 12-bit magnitude; negative values are taken one lower so that both halves have the same steps.
    let magnitude = if positive { i32::from(sample) } else { -i32::from(sample) - 1 } >> 3;
    let code = if magnitude < 32 {
        magnitude >> 1
    } else {
        let segment = 31 - magnitude.leading_zeros() as i32 - 4;
        segment << 4 | magnitude >> segment & 0x0f
    };
    (code as u8 | if positive { 0x80 } else { 0 }) ^ 0x55
}

/// Digital silence in A-law.
pub const ALAW_SILENCE: u8 = 0xd5;

#[cfg(test)]
mod tests {
    use super::*;

    /// Extremes and segment edges of ITU-T G.711 table 1a: codes after inversion of the even bits.
    #[test]
    fn alaw_codes_are_those_of_the_table() {
        assert_eq!(alaw(0), 0xd5);
        assert_eq!(alaw(-1), 0x55);
        assert_eq!(alaw(32767), 0xaa);
        assert_eq!(alaw(-32768), 0x2a);
        assert_eq!(alaw(15), 0xd5);
        assert_eq!(alaw(16), 0xd4);
        assert_eq!(alaw(511), 0xca);
        assert_eq!(alaw(512), 0xf5);
        assert_eq!(alaw(1024), 0xe5);
        assert_eq!(alaw(0), ALAW_SILENCE);
    }

    #[test]
    fn beeps_stand_on_the_flashes_and_noise_between() {
        let loud = |s: &[i16]| s.iter().map(|v| v.unsigned_abs()).max().unwrap();
        let fast = samples(Rate::Fps25, 8000, 7);
        assert_eq!(fast.len(), 128_000);
        assert!(loud(&fast[8000..8000 + 640]) > 10_000);
        assert!(loud(&fast[8640..16_000]) <= 179);
        let slow = samples(Rate::Fps12_5, 32_000, 7);
        assert!(loud(&slow[32_000..64_000]) <= 179, "no beep where 12.5 pictures per second have no flash");
        assert!(loud(&slow[64_000..64_200]) > 8_000);
    }

    #[test]
    fn noise_lies_50_db_down_and_differs_between_cameras() {
        let one = samples(Rate::Fps12_5, 8000, 1);
        let quiet = &one[1000..16_000];
        let rms = (quiet.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / quiet.len() as f64).sqrt();
        assert!((95.0..112.0).contains(&rms), "RMS {rms}, -50 dB is 103.6");
        assert_ne!(quiet, &samples(Rate::Fps12_5, 8000, 2)[1000..16_000]);
    }
}
