//! NAL units inside length-prefixed access units (ISO/IEC 14496-15): just enough to know where pictures can start.

use super::VideoCodec;

/// The NAL units of a length-prefixed access unit. Stops at the first length that runs past the end.
pub fn units(data: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = data;
    std::iter::from_fn(move || {
        let (head, tail) = rest.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_be_bytes(*head)).ok()?;
        let (unit, after) = tail.split_at_checked(length)?;
        rest = after;
        Some(unit)
    })
}

/// True when the access unit holds a picture that decodes alone: IDR for H.264 (table 7-1); IDR, BLA or CRA for H.265 (table 7-1).
pub fn is_random_access(codec: VideoCodec, data: &[u8]) -> bool {
    units(data).filter_map(|u| u.first()).any(|head| match codec {
        VideoCodec::H264 => head & 0x1f == 5,
        VideoCodec::H265 => (16..=21).contains(&((head >> 1) & 0x3f)),
    })
}

/// An access unit as a byte stream (Annex B of both standards): start codes instead of lengths, the parameter sets of the
/// configuration record in front. A decoder needs nothing besides.
pub fn byte_stream(codec: VideoCodec, configuration: &[u8], data: &[u8]) -> Vec<u8> {
    annex_b(parameter_sets(codec, configuration).into_iter().chain(units(data)))
}

/// NAL units with start codes in front (ITU-T H.264 and H.265 annex B).
pub fn annex_b<'a>(units: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut out = Vec::new();
    for unit in units {
        out.extend_from_slice(&[0, 0, 0, 1]);
        out.extend_from_slice(unit);
    }
    out
}

/// The parameter sets in an `avcC` or `hvcC` record, in order (ISO/IEC 14496-15 sections 5.3.3.1 and 8.3.3.1); those before the first
/// that is cut short.
pub fn parameter_sets(codec: VideoCodec, record: &[u8]) -> Vec<&[u8]> {
    let mut sets = Vec::new();
    // Moves over `count` sets, each behind its length of two bytes.
    let take = |mut at: usize, count: usize, sets: &mut Vec<_>| -> Option<usize> {
        for _ in 0..count {
            let length = usize::from(u16::from_be_bytes(record.get(at..at + 2)?.try_into().ok()?));
            sets.push(record.get(at + 2..at + 2 + length)?);
            at += 2 + length;
        }
        Some(at)
    };
    let number = |at: usize| record.get(at).copied().map(usize::from);
    let walk = |sets: &mut Vec<_>| -> Option<()> {
        match codec {
            VideoCodec::H264 => {
                let at = take(6, number(5)? & 0x1f, sets)?;
                take(at + 1, number(at)?, sets)?;
            }
            VideoCodec::H265 => {
                let mut at = 23;
                for _ in 0..number(22)? {
                    let count = number(at + 1)? << 8 | number(at + 2)?;
                    at = take(at + 3, count, sets)?;
                }
            }
        }
        Some(())
    };
    // What was whole before a cut is in `sets` already.
    let _ = walk(&mut sets);
    sets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameter_sets_come_out_of_both_records_in_order() {
        let avcc = [1, 0x64, 0, 0x28, 0xff, 0xe1, 0, 2, 0x67, 0x64, 1, 0, 1, 0x68, 0xfd, 0xf8, 0xf8, 0];
        assert_eq!(parameter_sets(VideoCodec::H264, &avcc), [&[0x67, 0x64][..], &[0x68][..]]);
        let mut hvcc = vec![1; 22];
        hvcc.extend([2, 0x20, 0, 1, 0, 1, 0x40, 0x21, 0, 2, 0, 1, 0x42, 0, 1, 0x43]);
        assert_eq!(parameter_sets(VideoCodec::H265, &hvcc), [&[0x40][..], &[0x42][..], &[0x43][..]]);
        assert_eq!(parameter_sets(VideoCodec::H264, &avcc[..12]), [&[0x67, 0x64][..]]);
        assert!(parameter_sets(VideoCodec::H265, &hvcc[..9]).is_empty());
        assert_eq!(annex_b([&[0x67][..], &[0x68, 1][..]].into_iter()), [0, 0, 0, 1, 0x67, 0, 0, 0, 1, 0x68, 1]);
    }

    #[test]
    fn an_idr_behind_other_units_is_found() {
        let unit = [0, 0, 0, 2, 0x06, 1, 0, 0, 0, 3, 0x65, 2, 3];
        assert!(is_random_access(VideoCodec::H264, &unit));
        assert!(!is_random_access(VideoCodec::H264, &unit[..6]));
        assert!(is_random_access(VideoCodec::H265, &[0, 0, 0, 2, 21 << 1, 1]));
        assert!(!is_random_access(VideoCodec::H265, &[0, 0, 0, 2, 1 << 1, 1]));
    }

    #[test]
    fn a_byte_stream_begins_with_the_parameter_sets() {
        let avcc = [1, 100, 0, 40, 0xff, 0xe1, 0, 2, 0x67, 7, 1, 0, 1, 0x68];
        let stream = byte_stream(VideoCodec::H264, &avcc, &[0, 0, 0, 2, 0x65, 9]);
        assert_eq!(stream, [0, 0, 0, 1, 0x67, 7, 0, 0, 0, 1, 0x68, 0, 0, 0, 1, 0x65, 9]);
        let mut hvcc = vec![1; 22];
        hvcc.extend([2, 0x20, 0, 1, 0, 2, 0x40, 1, 0x21, 0, 1, 0, 1, 0x42]);
        assert_eq!(byte_stream(VideoCodec::H265, &hvcc, &[]), [0, 0, 0, 1, 0x40, 1, 0, 0, 0, 1, 0x42]);
        for cut in 0..hvcc.len() {
            byte_stream(VideoCodec::H265, &hvcc[..cut], &[0, 0, 0, 1]);
            byte_stream(VideoCodec::H264, &hvcc[..cut], &[0, 0, 0, 1]);
        }
    }

    #[test]
    fn a_length_past_the_end_ends_the_walk() {
        assert_eq!(units(&[0, 0, 0, 9, 1, 2]).count(), 0);
        assert_eq!(units(&[0, 0, 0, 1, 7, 0, 0]).count(), 1);
    }
}
