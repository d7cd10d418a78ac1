//! The format of the stamped stream: `avc1` or `hvc1` sample entry and codecs parameter from what the encoder says. Pure.
//!
//! Colour stands in the stream's own parameter sets (VUI), so the entry has no `colr` box.

use bytes::Bytes;

use crate::media::{VideoCodec, VideoFormat, boxes};

/// What an encoder says about its stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodedFormat {
    /// Coding of the pictures.
    pub codec: VideoCodec,
    /// Width in pixels.
    pub width: u16,
    /// Height in pixels.
    pub height: u16,
    /// Pixel aspect ratio, horizontal and vertical.
    pub pixel_aspect: (u32, u32),
    /// The `avcC` or `hvcC` record.
    pub configuration: Bytes,
}

/// The format of the stamped stream.
///
/// # Errors
/// A sentence, when the configuration is no `avcC` or `hvcC` record with parameter sets and 4-byte lengths (ISO/IEC 14496-15
/// sections 5.3.3.1 and 8.3.3.1).
pub fn video_format(encoded: &EncodedFormat) -> Result<VideoFormat, String> {
    match encoded.codec {
        VideoCodec::H264 => avc_format(encoded),
        VideoCodec::H265 => hevc_format(encoded),
    }
}

/// Kinds of NAL units that are parameter sets of H.265 (ITU-T H.265 table 7-1): video, sequence, picture.
const PARAMETER_SETS: [u8; 3] = [32, 33, 34];

fn hevc_format(encoded: &EncodedFormat) -> Result<VideoFormat, String> {
    let hvcc = &encoded.configuration;
    let (Some(1), Some(lengths), Some(arrays)) = (hvcc.first().copied(), hvcc.get(21).copied(), hvcc.get(22).copied()) else {
        return Err(format!("the encoder's codec_data is no hvcC record ({} bytes)", hvcc.len()));
    };
    if lengths & 3 != 3 {
        return Err(format!("the encoder writes NAL lengths of {} bytes instead of 4", (lengths & 3) + 1));
    }
    let mut record = hvcc.to_vec();
    let mut found = Vec::new();
    let mut at = 23;
    let cut_short = || "the encoder's hvcC record ends inside a parameter set".to_owned();
    for _ in 0..arrays {
        let head = record.get_mut(at).ok_or_else(cut_short)?;
        let kind = *head & 0x3f;
        if PARAMETER_SETS.contains(&kind) {
            // In `hvc1` all parameter sets stand here (section 8.4.1.1): the array is complete.
            *head |= 0x80;
            found.push(kind);
        }
        let count = record.get(at + 1..at + 3).map(|b| u16::from_be_bytes([b[0], b[1]])).ok_or_else(cut_short)?;
        at += 3;
        for _ in 0..count {
            let length = record.get(at..at + 2).map(|b| usize::from(u16::from_be_bytes([b[0], b[1]])));
            at += 2 + length.ok_or_else(cut_short)?;
        }
    }
    if at > record.len() {
        return Err(cut_short());
    }
    if let Some(missing) = PARAMETER_SETS.into_iter().find(|kind| !found.contains(kind)) {
        return Err(format!("the encoder's hvcC record holds no parameter set of type {missing}"));
    }
    let (width, height) = (encoded.width.into(), encoded.height.into());
    Ok(VideoFormat {
        codec: VideoCodec::H265,
        width,
        height,
        codec_string: boxes::hevc_codec_string(&record).ok_or_else(cut_short)?,
        sample_entry: boxes::hvc1_of_aspect(width, height, encoded.pixel_aspect, &record),
        configuration: record.into(),
    })
}

fn avc_format(encoded: &EncodedFormat) -> Result<VideoFormat, String> {
    let avcc = &encoded.configuration;
    let [1, _, _, _, lengths, sets, ..] = avcc[..] else {
        return Err(format!("the encoder's codec_data is no avcC record ({} bytes)", avcc.len()));
    };
    if lengths & 3 != 3 {
        return Err(format!("the encoder writes NAL lengths of {} bytes instead of 4", (lengths & 3) + 1));
    }
    if sets & 0x1f == 0 {
        return Err("the encoder's avcC record holds no sequence parameter set".to_owned());
    }
    let configuration = with_high_profile_fields(avcc).ok_or("the encoder's avcC record ends inside a parameter set")?;
    Ok(VideoFormat {
        codec: VideoCodec::H264,
        width: encoded.width.into(),
        height: encoded.height.into(),
        codec_string: boxes::avc_codec_string(avcc).ok_or("the encoder's avcC record is cut short")?,
        sample_entry: boxes::avc1_of_aspect(encoded.width.into(), encoded.height.into(), encoded.pixel_aspect, &configuration),
        configuration: configuration.into(),
    })
}

/// The record with the four fields that ISO/IEC 14496-15 section 5.3.3.1.2 asks for in High profiles and encoders leave out: the
/// stamped stream is always 4:2:0 with 8 bits. `None` when a parameter set is cut short.
fn with_high_profile_fields(avcc: &[u8]) -> Option<Vec<u8>> {
    let skip_sets = |mut at: usize, count: u8| {
        for _ in 0..count {
            let length = avcc.get(at..at + 2)?;
            at += 2 + usize::from(u16::from_be_bytes([length[0], length[1]]));
        }
        (at <= avcc.len()).then_some(at)
    };
    let pictures_at = skip_sets(6, avcc.get(5)? & 0x1f)?;
    let end = skip_sets(pictures_at + 1, *avcc.get(pictures_at)?)?;
    let mut record = avcc.to_vec();
    if end == avcc.len() && matches!(avcc.get(1)?, 100 | 110 | 122 | 144) {
        // chroma_format 4:2:0, luma and chroma of 8 bits, no extension; reserved bits are ones.
        record.extend([0xfd, 0xf8, 0xf8, 0]);
    }
    Some(record)
}

#[cfg(test)]
mod tests {
    use mp4_atom::{Atom, Avc1, Buf, Decode, Header};

    use super::*;

    /// avcC of x264 at 1920×1080, High profile, level 4.0.
    const AVCC: [u8; 45] = [
        0x01, 0x64, 0x00, 0x28, 0xff, 0xe1, 0x00, 0x1e, 0x67, 0x64, 0x00, 0x28, 0xac, 0xb4, 0x03, 0xc0, 0x11, 0x3f, 0x2e, 0x02,
        0xd4, 0x18, 0x18, 0x19, 0x00, 0x00, 0x03, 0x00, 0x01, 0x00, 0x00, 0x03, 0x00, 0x32, 0x8f, 0x18, 0x32, 0xa0, 0x01, 0x00,
        0x04, 0x68, 0xef, 0x3c, 0xb0,
    ];

    fn encoded() -> EncodedFormat {
        let configuration = Bytes::from_static(&AVCC);
        EncodedFormat { codec: VideoCodec::H264, width: 1920, height: 1080, pixel_aspect: (1, 1), configuration }
    }

    fn read_back(format: &VideoFormat) -> Avc1 {
        let mut rest = &format.sample_entry[..];
        let header = Header::decode(&mut rest).expect("a box header");
        assert_eq!((header.kind, header.size), (Avc1::KIND, Some(rest.remaining())));
        Avc1::decode_body(&mut rest).expect("an avc1 box")
    }

    #[test]
    fn an_independent_reader_finds_size_and_configuration() {
        let format = video_format(&encoded()).expect("a good record");
        assert_eq!(format.codec_string, "avc1.640028");
        let entry = read_back(&format);
        assert_eq!((entry.visual.width, entry.visual.height), (1920, 1080));
        assert_eq!((entry.avcc.avc_profile_indication, entry.avcc.avc_level_indication), (0x64, 0x28));
        assert_eq!(entry.avcc.sequence_parameter_sets.len(), 1);
        assert_eq!(entry.avcc.picture_parameter_sets[0], [0x68, 0xef, 0x3c, 0xb0]);
        let high = entry.avcc.ext.expect("fields of the High profile");
        assert_eq!((high.chroma_format, high.bit_depth_luma, high.bit_depth_chroma), (1, 8, 8));
        assert_eq!(entry.pasp, None);
    }

    /// hvcC with one parameter set of each kind, two bytes long, as encoders leave it: arrays not marked complete.
    fn hvcc() -> Vec<u8> {
        let mut record = vec![1, 1, 0x60, 0, 0, 0, 0x90, 0, 0, 0, 0, 0, 93, 0xf0, 0, 0xfc, 0xfd, 0xf8, 0xf8, 0, 0, 0x0f, 3];
        for kind in [32, 33, 34] {
            record.extend([kind, 0, 1, 0, 2, kind << 1, 1]);
        }
        record
    }

    fn hevc(record: &[u8]) -> EncodedFormat {
        EncodedFormat { codec: VideoCodec::H265, configuration: Bytes::copy_from_slice(record), ..encoded() }
    }

    #[test]
    fn h265_is_stored_as_hvc1_with_complete_parameter_sets() {
        let format = video_format(&hevc(&hvcc())).expect("a good record");
        assert_eq!(format.codec_string, "hvc1.1.6.L93.90");
        let mut rest = &format.sample_entry[..];
        let header = Header::decode(&mut rest).expect("a box header");
        assert_eq!(header.kind, mp4_atom::Hvc1::KIND);
        let entry = mp4_atom::Hvc1::decode_body(&mut rest).expect("an hvc1 box");
        assert_eq!((entry.visual.width, entry.visual.height), (1920, 1080));
        let arrays: Vec<(bool, u8)> = entry.hvcc.arrays.iter().map(|a| (a.completeness, a.nal_unit_type)).collect();
        assert_eq!(arrays, [(true, 32), (true, 33), (true, 34)]);
    }

    #[test]
    fn an_hvcc_record_that_is_cut_short_or_lacks_a_set_is_refused() {
        let good = hvcc();
        for end in 0..good.len() {
            assert!(video_format(&hevc(&good[..end])).is_err(), "{end} bytes");
        }
        let mut without = good.clone();
        without[22] = 2;
        assert_eq!(
            video_format(&hevc(&without[..37])).expect_err("no picture parameter set"),
            "the encoder's hvcC record holds no parameter set of type 34"
        );
        let mut short_lengths = good;
        short_lengths[21] = 0x0d;
        assert!(video_format(&hevc(&short_lengths)).expect_err("2-byte lengths").contains("2 bytes instead of 4"));
    }

    #[test]
    fn pixels_that_are_not_square_are_told() {
        let format = video_format(&EncodedFormat { pixel_aspect: (16, 11), ..encoded() }).expect("a good record");
        let entry = read_back(&format);
        let pasp = entry.pasp.expect("a pasp box");
        assert_eq!((pasp.h_spacing, pasp.v_spacing), (16, 11));
    }

    #[test]
    fn a_record_that_is_not_avcc_is_refused() {
        for bad in [
            &AVCC[..5],
            &[0; 45][..],
            &[1, 0x64, 0, 0x28, 0xfd, 0xe1, 0][..],
            &[1, 0x64, 0, 0x28, 0xff, 0xe0, 0][..],
            &AVCC[..44],
        ] {
            assert!(
                video_format(&EncodedFormat { configuration: Bytes::copy_from_slice(bad), ..encoded() }).is_err(),
                "{bad:?}"
            );
        }
    }
}
