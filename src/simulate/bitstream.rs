//! Taking the generated clips apart: plain elementary streams into the units that RTP carries.
//!
//! Pictures are stored as Annex B streams (H.264, H.265) or as a plain MPEG-4 part 2 stream, sound as
//! ADTS or as raw A-law bytes, so that every player shows a clip as it lies there.

use super::cameras::PictureCoding;

/// One coded picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PictureUnit {
    /// NAL units with 4-byte lengths (H.264, H.265), or the bytes of the stream (MPEG-4 part 2).
    pub data: Vec<u8>,
    /// True when the picture decodes alone.
    pub random_access: bool,
}

/// A stream taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PictureStream {
    /// The pictures in order.
    pub units: Vec<PictureUnit>,
    /// `avcC`, `hvcC`, or the MPEG-4 header: what describes the stream before its first picture.
    pub configuration: Vec<u8>,
}

/// Takes a picture stream apart.
///
/// # Errors
/// A sentence naming what is not as the generator writes it.
pub fn split_pictures(coding: PictureCoding, stream: &[u8]) -> Result<PictureStream, String> {
    match coding {
        PictureCoding::H264 => split_nals(stream, avc_kind, avc_configuration),
        PictureCoding::H265 => split_nals(stream, hevc_kind, hevc_configuration),
        PictureCoding::Mpeg4 => split_mpeg4(stream),
    }
}

/// What a NAL unit is to the one who looks for pictures.
#[derive(Clone, Copy, PartialEq, Eq)]
enum NalKind {
    /// Marks where a picture begins and is not sent.
    Delimiter,
    /// Belongs to the picture behind it.
    Prefix,
    /// A slice: whether it begins a picture, whether that picture decodes alone.
    Slice { first: bool, random_access: bool },
    /// Anything else; belongs to the picture before it.
    Other,
}

/// ITU-T H.264 table 7-1; `first_mb_in_slice` is 0 when the slice header begins with a one.
fn avc_kind(nal: &[u8]) -> NalKind {
    match nal[0] & 0x1f {
        kind @ 1..=5 => NalKind::Slice { first: nal.get(1).is_some_and(|b| b & 0x80 != 0), random_access: kind == 5 },
        6..=8 => NalKind::Prefix,
        9 => NalKind::Delimiter,
        _ => NalKind::Other,
    }
}

/// ITU-T H.265 table 7-1; the slice header begins with `first_slice_segment_in_pic_flag`.
fn hevc_kind(nal: &[u8]) -> NalKind {
    match nal[0] >> 1 & 0x3f {
        kind @ 0..=31 => {
            NalKind::Slice { first: nal.get(2).is_some_and(|b| b & 0x80 != 0), random_access: (16..24).contains(&kind) }
        }
        32..=34 | 39 => NalKind::Prefix,
        35 => NalKind::Delimiter,
        _ => NalKind::Other,
    }
}

/// Where start codes begin (ITU-T H.264 Annex B).
fn start_codes(stream: &[u8]) -> Vec<usize> {
    let mut starts = Vec::new();
    let mut at = 0;
    while at + 3 <= stream.len() {
        if stream[at..at + 3] == [0, 0, 1] {
            starts.push(at);
            at += 3;
        } else {
            at += 1;
        }
    }
    starts
}

/// The NAL units of an Annex B stream, without start codes and trailing zeros.
fn nals(stream: &[u8]) -> Vec<&[u8]> {
    let starts = start_codes(stream);
    let ends = starts.iter().skip(1).copied().chain([stream.len()]);
    let cut = |(from, to): (&usize, usize)| {
        let nal = &stream[from + 3..to];
        let zeros = nal.iter().rev().take_while(|b| **b == 0).count();
        &nal[..nal.len() - zeros]
    };
    starts.iter().zip(ends).map(cut).filter(|nal| !nal.is_empty()).collect()
}

/// An H.265 stream from the last VPS before its first picture on. x265enc 1.22 writes the parameter sets twice there, the first time
/// with stray bytes behind the PPS.
pub fn without_doubled_sets(stream: &[u8]) -> &[u8] {
    let kind = |at: usize| stream.get(at + 3).map(|b| b >> 1 & 0x3f);
    let starts = start_codes(stream);
    let before_picture = starts.iter().copied().take_while(|at| kind(*at).is_some_and(|k| k >= 32));
    before_picture.filter(|at| kind(*at) == Some(32)).last().map_or(stream, |at| &stream[at..])
}

/// Cuts before the first delimiter, prefix or slice that follows a picture (ITU-T H.264 section 7.4.1.2.3).
fn split_nals(
    stream: &[u8],
    kind_of: impl Fn(&[u8]) -> NalKind,
    configuration: impl Fn(&[&[u8]]) -> Result<Vec<u8>, String>,
) -> Result<PictureStream, String> {
    let all = nals(stream);
    let mut units: Vec<(Vec<&[u8]>, bool)> = Vec::new();
    let mut has_slice = true;
    for nal in &all {
        let kind = kind_of(nal);
        let begins = match kind {
            NalKind::Delimiter | NalKind::Prefix => true,
            NalKind::Slice { first, .. } => first,
            NalKind::Other => false,
        };
        if has_slice && begins {
            units.push((Vec::new(), false));
            has_slice = false;
        }
        let (unit, is_random_access) = units.last_mut().ok_or("the stream does not begin with a picture")?;
        if let NalKind::Slice { random_access, .. } = kind {
            has_slice = true;
            *is_random_access |= random_access;
        }
        if kind != NalKind::Delimiter {
            unit.push(nal);
        }
    }
    let with_lengths = |nals: Vec<&[u8]>| -> Vec<u8> {
        nals.iter().flat_map(|nal| (nal.len() as u32).to_be_bytes().into_iter().chain(nal.iter().copied())).collect()
    };
    let units =
        units.into_iter().map(|(nals, random_access)| PictureUnit { data: with_lengths(nals), random_access }).collect();
    Ok(PictureStream { configuration: configuration(&all)?, units })
}

fn first_of<'a>(all: &[&'a [u8]], what: &str, is: impl Fn(&[u8]) -> bool) -> Result<&'a [u8], String> {
    all.iter().copied().find(|nal| is(nal)).ok_or_else(|| format!("the stream holds no {what}"))
}

/// AVCDecoderConfigurationRecord (ISO/IEC 14496-15 section 5.3.3) with the stream's first SPS and PPS.
fn avc_configuration(all: &[&[u8]]) -> Result<Vec<u8>, String> {
    let sps = first_of(all, "SPS", |nal| nal[0] & 0x1f == 7)?;
    let pps = first_of(all, "PPS", |nal| nal[0] & 0x1f == 8)?;
    let profile = sps.get(1..4).ok_or("the SPS is cut short")?;
    let mut record = vec![1, profile[0], profile[1], profile[2], 0xff, 0xe1];
    record.extend_from_slice(&(sps.len() as u16).to_be_bytes());
    record.extend_from_slice(sps);
    record.push(1);
    record.extend_from_slice(&(pps.len() as u16).to_be_bytes());
    record.extend_from_slice(pps);
    // High profile adds chroma format 4:2:0 and 8 bits of luma and chroma, no SPS extension.
    record.extend_from_slice(&[0xfc | 1, 0xf8, 0xf8, 0]);
    Ok(record)
}

/// HEVCDecoderConfigurationRecord (ISO/IEC 14496-15 section 8.3.3) with the stream's first VPS, SPS and PPS.
fn hevc_configuration(all: &[&[u8]]) -> Result<Vec<u8>, String> {
    let sets = [(32u8, "VPS"), (33, "SPS"), (34, "PPS")]
        .map(|(kind, name)| first_of(all, name, move |nal| nal[0] >> 1 & 0x3f == kind).map(|nal| (kind, nal)));
    let [vps, sps, pps] = sets;
    let (vps, sps, pps) = (vps?, sps?, pps?);
    // profile_tier_level begins after the NAL header (2 bytes) and one byte of the SPS; 12 bytes of it go into the record.
    let plain = without_emulation_prevention(sps.1);
    let profile_tier_level = plain.get(3..15).ok_or("the SPS is cut short")?;
    let mut record = vec![1];
    record.extend_from_slice(profile_tier_level);
    // No spatial segmentation, unknown parallelism, 4:2:0, 8 bits, rate unspecified; one temporal layer, 4-byte lengths.
    record.extend_from_slice(&[0xf0, 0x00, 0xfc, 0xfd, 0xf8, 0xf8, 0, 0, 0b0000_1111, 3]);
    for (kind, nal) in [vps, sps, pps] {
        record.extend_from_slice(&[0x80 | kind, 0, 1]);
        record.extend_from_slice(&(nal.len() as u16).to_be_bytes());
        record.extend_from_slice(nal);
    }
    Ok(record)
}

/// Drops each 03 that follows two zeros (ITU-T H.265 section 7.3.1.1).
fn without_emulation_prevention(nal: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(nal.len());
    let mut zeros = 0;
    for byte in nal {
        if zeros >= 2 && *byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if *byte == 0 { zeros + 1 } else { 0 };
        plain.push(*byte);
    }
    plain
}

/// Cuts before each VOP (start code B6) together with the headers in front of it (ISO/IEC 14496-2).
fn split_mpeg4(stream: &[u8]) -> Result<PictureStream, String> {
    let codes: Vec<usize> = (0..stream.len().saturating_sub(4)).filter(|at| stream[*at..at + 3] == [0, 0, 1]).collect();
    let vops: Vec<usize> = codes.iter().copied().filter(|at| stream[at + 3] == 0xb6).collect();
    let first = *vops.first().ok_or("the stream holds no VOP")?;
    let mut units = Vec::with_capacity(vops.len());
    let mut from = 0;
    for (place, vop) in vops.iter().enumerate() {
        let to = match vops.get(place + 1) {
            Some(next) => codes.iter().copied().find(|code| code > vop).unwrap_or(*next),
            None => stream.len(),
        };
        // vop_coding_type is the first two bits after the start code; 0 is an I-VOP.
        let random_access = stream.get(vop + 4).is_some_and(|b| b >> 6 == 0);
        units.push(PictureUnit { data: stream[from..to].to_vec(), random_access });
        from = to;
    }
    Ok(PictureStream { units, configuration: stream[..first].to_vec() })
}

/// The raw AAC frames of an ADTS stream (ISO/IEC 13818-7 section 6.2).
///
/// # Errors
/// A sentence naming the byte at which no frame begins.
pub fn split_adts(stream: &[u8]) -> Result<Vec<&[u8]>, String> {
    let mut frames = Vec::new();
    let mut at = 0;
    while at < stream.len() {
        let header = stream.get(at..at + 7).ok_or_else(|| format!("ADTS header at byte {at} is cut short"))?;
        if header[0] != 0xff || header[1] & 0xf6 != 0xf0 {
            return Err(format!("no ADTS frame begins at byte {at}"));
        }
        let length = usize::from(header[3] & 3) << 11 | usize::from(header[4]) << 3 | usize::from(header[5]) >> 5;
        let header_len = if header[1] & 1 == 1 { 7 } else { 9 };
        let frame = stream.get(at + header_len..at + length).ok_or_else(|| format!("ADTS frame at byte {at} is cut short"))?;
        frames.push(frame);
        at += length;
    }
    Ok(frames)
}

/// An ADTS header for one AAC-LC frame of 32 kHz, one channel.
pub fn adts_header(frame_len: usize) -> [u8; 7] {
    let length = frame_len + 7;
    let (low, high) = ((length & 7) as u8, (length >> 11 & 3) as u8);
    // Object type 2 (AAC-LC, written less one), sampling index 5, one channel; buffer fullness "variable".
    [0xff, 0xf1, 1 << 6 | 5 << 2, 1 << 6 | high, (length >> 3 & 0xff) as u8, low << 5 | 0x1f, 0xfc]
}

/// AudioSpecificConfig (ISO/IEC 14496-3 section 1.6.2.1): AAC-LC, 32 kHz, one channel.
pub const AAC_CONFIGURATION: [u8; 2] = [0x12, 0x88];

#[cfg(test)]
mod tests {
    use super::*;

    /// Two access units: delimiter, SPS, PPS, IDR; delimiter, non-IDR. The second start code has three bytes.
    const H264: &[u8] = &[
        0, 0, 0, 1, 0x09, 0x10, 0, 0, 1, 0x67, 0x64, 0x00, 0x28, 0xac, 0, 0, 0, 1, 0x68, 0xee, 0, 0, 0, 1, 0x65, 0x88, 0x80, 0,
        0, 0, 1, 0x09, 0x30, 0, 0, 0, 1, 0x41, 0x9a,
    ];

    #[test]
    fn access_units_are_cut_and_lengths_replace_start_codes() {
        let split = split_pictures(PictureCoding::H264, H264).unwrap();
        let first = [0, 0, 0, 5, 0x67, 0x64, 0, 0x28, 0xac, 0, 0, 0, 2, 0x68, 0xee, 0, 0, 0, 3, 0x65, 0x88, 0x80];
        assert_eq!(split.units[0], PictureUnit { data: first.to_vec(), random_access: true });
        assert_eq!(split.units[1], PictureUnit { data: vec![0, 0, 0, 2, 0x41, 0x9a], random_access: false });
        let record = [1, 0x64, 0, 0x28, 0xff, 0xe1, 0, 5, 0x67, 0x64, 0, 0x28, 0xac, 1, 0, 2, 0x68, 0xee, 0xfd, 0xf8, 0xf8, 0];
        assert_eq!(split.configuration, record);
    }

    #[test]
    fn streams_that_lack_something_are_refused_with_its_name() {
        let no_sps = split_pictures(PictureCoding::H264, &H264[14..]).unwrap_err();
        assert!(no_sps.contains("SPS"), "{no_sps}");
        let no_picture = split_pictures(PictureCoding::H264, &[0, 0, 1, 0x0c, 0xff, 0x80]).unwrap_err();
        assert!(no_picture.contains("begin"), "{no_picture}");
        assert!(split_pictures(PictureCoding::Mpeg4, H264).unwrap_err().contains("VOP"));
    }

    /// As x265enc writes it: parameter sets, the PPS with stray bytes; the same sets again, IDR (type 20); a picture of two slices.
    #[test]
    fn only_the_second_of_doubled_sets_counts_and_later_slices_stay_with_their_picture() {
        let vps: &[u8] = &[0x40, 1, 0x0c];
        let sps: &[u8] = &[0x42, 1, 1, 1, 0x60, 0, 0, 3, 0, 0x90, 0, 0, 3, 0, 0, 3, 0, 0x78, 0xa0];
        let (stray, pps): (&[u8], &[u8]) = (&[0x44, 1, 0xc1, 0x99, 0x98], &[0x44, 1, 0xc1]);
        let slices: [&[u8]; 3] = [&[0x28, 1, 0xaf], &[2, 1, 0xd0], &[2, 1, 0x50]];
        let nals = [vps, sps, stray, vps, sps, pps, slices[0], slices[1], slices[2]];
        let stream: Vec<u8> = nals.iter().flat_map(|nal| [&[0, 0, 0, 1], *nal].concat()).collect();
        let split = split_pictures(PictureCoding::H265, without_doubled_sets(&stream)).unwrap();
        let units: Vec<_> = split.units.iter().map(|u| (u.data.len(), u.random_access)).collect();
        assert_eq!(units, [(7 + 23 + 7 + 7, true), (14, false)]);
        assert_eq!(split.units[1].data, [0, 0, 0, 3, 2, 1, 0xd0, 0, 0, 0, 3, 2, 1, 0x50]);
        assert_eq!(without_doubled_sets(&stream[stream.len() - 7..]), &stream[stream.len() - 7..]);
    }

    #[test]
    fn an_hevc_record_takes_profile_and_level_from_the_sps() {
        // An SPS whose profile_tier_level carries emulation prevention: 01 60 00 00 (03) 00 90 00 00 (03) 00 00 (03) 00 78.
        let sps = [0x42, 1, 1, 1, 0x60, 0, 0, 3, 0, 0x90, 0, 0, 3, 0, 0, 3, 0, 0x78, 0xa0];
        let vps: &[u8] = &[0x40, 1, 0x0c];
        let pps: &[u8] = &[0x44, 1, 0xc1];
        let record = hevc_configuration(&[vps, &sps, pps]).unwrap();
        assert_eq!(record[..13], [1, 1, 0x60, 0, 0, 0, 0x90, 0, 0, 0, 0, 0, 0x78]);
        assert_eq!(record[22], 3, "three arrays");
        assert_eq!(record[23..31], [0xa0, 0, 1, 0, 3, 0x40, 1, 0x0c]);
    }

    #[test]
    fn mpeg4_headers_travel_with_the_picture_behind_them() {
        let stream =
            [0, 0, 1, 0xb0, 1, 0, 0, 1, 0xb6, 0x10, 7, 0, 0, 1, 0xb6, 0x50, 8, 0, 0, 1, 0xb3, 9, 0, 0, 1, 0xb6, 0x10, 5];
        let split = split_pictures(PictureCoding::Mpeg4, &stream).unwrap();
        assert_eq!(split.configuration, stream[..5]);
        let units: Vec<_> = split.units.iter().map(|u| (u.data.as_slice(), u.random_access)).collect();
        assert_eq!(units, [(&stream[..11], true), (&stream[11..17], false), (&stream[17..], true)]);
    }

    #[test]
    fn adts_headers_written_are_read_back() {
        let mut stream = Vec::new();
        for len in [1usize, 300, 1500] {
            stream.extend_from_slice(&adts_header(len));
            stream.extend(std::iter::repeat_n(0xab, len));
        }
        let frames = split_adts(&stream).unwrap();
        assert_eq!(frames.iter().map(|f| f.len()).collect::<Vec<_>>(), [1, 300, 1500]);
        assert!(split_adts(&stream[..500]).unwrap_err().contains("byte 315 is cut short"));
        assert!(split_adts(&stream[1..]).unwrap_err().contains("byte 0"));
    }
}
