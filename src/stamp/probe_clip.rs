//! A few H.264 pictures written by hand, to try encoders with: no encoder is needed to make them. Pure.
//!
//! Every macroblock is I_PCM (ITU-T H.264 section 7.3.5), so the decoded samples are known exactly: a quiet pattern without
//! samples near black or white, on which a stamp can be told apart.

use bytes::Bytes;

use crate::media::{TimeSource, VideoCodec, VideoFormat, VideoUnit};
use crate::time::WallTime;

/// Size of the clip in pixels; both are multiples of 16.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    pub width: u32,
    pub height: u32,
}

/// Small enough for a trial at every start.
pub const SMALL: Size = Size { width: 640, height: 368 };
/// The least size a camera may have (R2), in whole macroblocks.
pub const HD: Size = Size { width: 1920, height: 1088 };

/// The luma sample at `x`, `y` of picture `number`: from 90 to 121.
pub fn luma(x: u32, y: u32, number: u32) -> u8 {
    90 + ((x + y + 4 * number) / 8 % 32) as u8
}

/// Writes bits from the highest to the lowest of each byte.
#[derive(Default)]
struct BitWriter {
    bytes: Vec<u8>,
    used: u32,
}

impl BitWriter {
    fn bits(&mut self, value: u32, count: u32) {
        for shift in (0..count).rev() {
            if self.used == 0 {
                self.bytes.push(0);
            }
            let bit = ((value >> shift) & 1) as u8;
            if let Some(last) = self.bytes.last_mut() {
                *last |= bit << (7 - self.used);
            }
            self.used = (self.used + 1) % 8;
        }
    }
    /// `ue(v)`, ITU-T H.264 section 9.1.
    fn ue(&mut self, value: u32) {
        let length = 32 - (value + 1).leading_zeros();
        self.bits(0, length - 1);
        self.bits(value + 1, length);
    }
    /// `se(v)`, section 9.1.1.
    fn se(&mut self, value: i32) {
        self.ue(if value > 0 { 2 * value.unsigned_abs() - 1 } else { 2 * value.unsigned_abs() });
    }
    fn align_with_zeros(&mut self) {
        self.used = 0;
    }
    fn trailing(mut self) -> Vec<u8> {
        self.bits(1, 1);
        self.bytes
    }
}

/// Section 7.4.1: a third byte below 4 after two zero bytes gets an 03 in front.
fn with_emulation_prevention(header: u8, payload: &[u8]) -> Vec<u8> {
    let mut nal = vec![header];
    let mut zeros = 0;
    for &byte in payload {
        if zeros >= 2 && byte < 4 {
            nal.push(3);
            zeros = 0;
        }
        nal.push(byte);
        zeros = if byte == 0 { zeros + 1 } else { 0 };
    }
    nal
}

fn sequence_parameter_set(size: Size) -> Vec<u8> {
    let mut w = BitWriter::default();
    w.bits(66, 8); // profile_idc: Baseline
    w.bits(0, 8); // constraint flags
    w.bits(40, 8); // level_idc
    w.ue(0); // seq_parameter_set_id
    w.ue(0); // log2_max_frame_num_minus4
    w.ue(2); // pic_order_cnt_type: output order is decoding order
    w.ue(0); // max_num_ref_frames
    w.bits(0, 1); // gaps_in_frame_num_value_allowed_flag
    w.ue(size.width / 16 - 1);
    w.ue(size.height / 16 - 1);
    w.bits(0b1100, 4); // frame_mbs_only, direct_8x8_inference, no cropping, no VUI
    with_emulation_prevention(0x67, &w.trailing())
}

fn picture_parameter_set() -> Vec<u8> {
    let mut w = BitWriter::default();
    w.ue(0); // pic_parameter_set_id
    w.ue(0); // seq_parameter_set_id
    w.bits(0, 2); // CAVLC, no bottom field order
    w.ue(0); // num_slice_groups_minus1
    w.ue(0);
    w.ue(0); // num_ref_idx defaults
    w.bits(0, 3); // no weighted prediction
    w.se(0);
    w.se(0);
    w.se(0); // qp and chroma offset
    w.bits(0b100, 3); // deblocking control present
    with_emulation_prevention(0x68, &w.trailing())
}

fn picture(number: u32, size: Size) -> Vec<u8> {
    let mut w = BitWriter::default();
    w.ue(0); // first_mb_in_slice
    w.ue(7); // slice_type: I, all slices
    w.ue(0); // pic_parameter_set_id
    w.bits(0, 4); // frame_num
    w.ue(number % 2); // idr_pic_id differs from the picture before
    w.bits(0, 2); // dec_ref_pic_marking
    w.se(0); // slice_qp_delta
    w.ue(1); // disable_deblocking_filter_idc
    for row in 0..size.height / 16 {
        for column in 0..size.width / 16 {
            w.ue(25); // I_PCM
            w.align_with_zeros();
            for y in 0..16 {
                w.bytes.extend((0..16).map(|x| luma(column * 16 + x, row * 16 + y, number)));
            }
            w.bytes.extend([128; 128]);
        }
    }
    with_emulation_prevention(0x65, &w.trailing())
}

/// The format of the clip. `sample_entry` is left empty: decoders need only the configuration.
pub fn format(size: Size) -> VideoFormat {
    let (sps, pps) = (sequence_parameter_set(size), picture_parameter_set());
    let mut avcc = vec![1, 66, 0, 40, 0xff, 0xe1, 0, sps.len() as u8];
    avcc.extend(&sps);
    avcc.extend([1, 0, pps.len() as u8]);
    avcc.extend(&pps);
    VideoFormat {
        codec: VideoCodec::H264,
        width: size.width,
        height: size.height,
        codec_string: "avc1.420028".to_owned(),
        sample_entry: Bytes::new(),
        configuration: avcc.into(),
    }
}

/// `count` pictures at 25 a second, the first taken at `start`.
pub fn pictures(count: u32, start: WallTime, size: Size) -> impl Iterator<Item = VideoUnit> {
    (0..count).map(move |number| {
        let nal = picture(number, size);
        let mut data = (nal.len() as u32).to_be_bytes().to_vec();
        data.extend(&nal);
        VideoUnit {
            pts_90k: i64::from(number) * 3600,
            capture: start.plus_micros(i64::from(number) * 40_000),
            time_source: TimeSource::Replay,
            other_capture: None,
            random_access: true,
            data: data.into(),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_golomb_codes_are_those_of_the_standard() {
        // Table 9-2: 0 → 1, 1 → 010, 2 → 011, 3 → 00100; section 9.1.1: 1 → 010, -1 → 011.
        let mut w = BitWriter::default();
        w.ue(0);
        w.ue(1);
        w.ue(2);
        w.ue(3);
        w.se(1);
        w.se(-1);
        assert_eq!(w.bytes, [0b1010_0110, 0b0100_0100, 0b1100_0000]);
    }

    #[test]
    fn emulation_prevention_breaks_start_codes() {
        assert_eq!(with_emulation_prevention(0x65, &[0, 0, 1, 0, 0, 0, 5]), [0x65, 0, 0, 3, 1, 0, 0, 3, 0, 5]);
    }
}
