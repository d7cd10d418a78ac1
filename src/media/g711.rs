//! G.711 (ITU-T G.711): companded bytes to linear samples and back, and how loud they are.
//!
//! Decoding then encoding gives the very same bytes, which is why sound stored as FLAC keeps its original integrity. The one
//! exception is the µ-law byte 0x7F (negative zero), which comes back as 0xFF: both stand for silence.

/// Which of the two laws.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Law {
    /// A-law: the default of cameras in China.
    A,
    /// µ-law.
    Mu,
}

impl Law {
    /// As shown to people.
    pub fn name(self) -> &'static str {
        match self {
            Law::A => "G.711 A-law",
            Law::Mu => "G.711 µ-law",
        }
    }

    /// One companded byte as a 16-bit sample.
    pub fn decode(self, byte: u8) -> i16 {
        match self {
            Law::A => {
                let code = byte ^ 0x55;
                let exponent = (code >> 4) & 7;
                let mantissa = i16::from(code & 0x0f);
                let magnitude = match exponent {
                    0 => (mantissa << 4) + 8,
                    e => ((mantissa << 4) + 0x108) << (e - 1),
                };
                if code & 0x80 == 0 { -magnitude } else { magnitude }
            }
            Law::Mu => {
                let code = !byte;
                let exponent = (code >> 4) & 7;
                let mantissa = i16::from(code & 0x0f);
                let magnitude = (((mantissa << 3) + 0x84) << exponent) - 0x84;
                if code & 0x80 == 0 { magnitude } else { -magnitude }
            }
        }
    }

    /// The companded byte nearest to a 16-bit sample.
    pub fn encode(self, sample: i16) -> u8 {
        match self {
            Law::A => {
                let (sign, magnitude) = if sample < 0 { (0, !sample) } else { (0x80, sample) };
                let code = sign | a_law_code(magnitude.cast_unsigned() >> 4);
                code ^ 0x55
            }
            Law::Mu => {
                let (sign, magnitude) = if sample < 0 { (0x80, -i32::from(sample)) } else { (0, i32::from(sample)) };
                let biased = (magnitude.min(32_635) + 0x84).cast_unsigned();
                let exponent = (biased >> 7).checked_ilog2().unwrap_or(0);
                let mantissa = (biased >> (exponent + 3)) & 0x0f;
                !(sign | u8::try_from((exponent << 4) | mantissa).unwrap_or(0x7f))
            }
        }
    }
}

/// Loudness of samples: root mean square in dB below full scale; `None` for no samples, -inf becomes -96.
pub fn level_dbfs(samples: &[i16]) -> Option<f64> {
    if samples.is_empty() {
        return None;
    }
    #[expect(clippy::cast_precision_loss, reason = "a count of samples is far below 2^52")]
    let mean = samples.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / samples.len() as f64;
    Some((10.0 * (mean / 32768f64.powi(2)).log10()).max(-96.0))
}

/// The exponent and mantissa bits of A-law for a 12-bit magnitude.
fn a_law_code(magnitude: u16) -> u8 {
    let exponent = match magnitude {
        0..32 => u16::from(magnitude >= 16),
        _ => u16::try_from(magnitude.ilog2()).unwrap_or(0) - 3,
    };
    let mantissa = if exponent <= 1 { magnitude & 0x0f } else { (magnitude >> (exponent - 1)) & 0x0f };
    u8::try_from((exponent << 4) | mantissa).unwrap_or(0x7f)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values from the tables of ITU-T G.711 (A-law column 8, scaled from 13 to 16 bits).
    #[test]
    fn a_law_values_are_those_of_the_recommendation() {
        assert_eq!(Law::A.decode(0xd5), 8);
        assert_eq!(Law::A.decode(0x55), -8);
        assert_eq!(Law::A.decode(0xaa), 32256);
        assert_eq!(Law::A.decode(0x2a), -32256);
        assert_eq!(Law::Mu.decode(0xff), 0);
        assert_eq!(Law::Mu.decode(0x80), 32124);
        assert_eq!(Law::Mu.decode(0x00), -32124);
    }

    #[test]
    fn every_byte_comes_back() {
        for byte in 0..=255u8 {
            assert_eq!(Law::A.encode(Law::A.decode(byte)), byte, "A-law {byte:#04x}");
            let back = Law::Mu.encode(Law::Mu.decode(byte));
            assert_eq!(back, if byte == 0x7f { 0xff } else { byte }, "µ-law {byte:#04x}");
        }
    }

    #[test]
    fn a_full_scale_square_wave_is_at_zero_and_silence_at_the_floor() {
        assert!(level_dbfs(&[-32768, 32767, -32768, 32767]).unwrap().abs() < 0.01);
        assert_eq!(level_dbfs(&[0; 8]), Some(-96.0));
        assert_eq!(level_dbfs(&[]), None);
    }
}
