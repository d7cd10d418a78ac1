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
/// configuration record (`avcC`, `hvcC`; ISO/IEC 14496-15 sections 5.3.3.1 and 8.3.3.1) in front. A decoder needs nothing besides.
pub fn byte_stream(codec: VideoCodec, configuration: &[u8], data: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(data.len() + configuration.len() + 64);
    for unit in parameter_sets(codec, configuration).into_iter().chain(units(data)) {
        out.extend_from_slice(&[0, 0, 0, 1]);
        out.extend_from_slice(unit);
    }
    out
}

/// The parameter sets of a configuration record; those before the first that runs past the end.
fn parameter_sets(codec: VideoCodec, configuration: &[u8]) -> Vec<&[u8]> {
    let mut sets = Vec::new();
    // Both records are lists of NAL units with 16-bit lengths behind a head; an avcC has two, an hvcC says how many.
    let (mut rest, lists) = match codec {
        VideoCodec::H264 => (configuration.get(5..).unwrap_or_default(), 2),
        VideoCodec::H265 => (configuration.get(23..).unwrap_or_default(), configuration.get(22).map_or(0, |n| usize::from(*n))),
    };
    for list in 0..lists {
        let count = match (codec, rest) {
            (VideoCodec::H264, [count, after @ ..]) => {
                rest = after;
                // Five bits for the sequence parameter sets, eight for the picture parameter sets.
                usize::from(if list == 0 { count & 0x1f } else { *count })
            }
            (VideoCodec::H265, [_, high, low, after @ ..]) => {
                rest = after;
                usize::from(u16::from_be_bytes([*high, *low]))
            }
            _ => return sets,
        };
        for _ in 0..count {
            let Some((length, after)) = rest.split_first_chunk::<2>() else { return sets };
            let Some((set, after)) = after.split_at_checked(usize::from(u16::from_be_bytes(*length))) else { return sets };
            sets.push(set);
            rest = after;
        }
    }
    sets
}

#[cfg(test)]
mod tests {
    use super::*;

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
