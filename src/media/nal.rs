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
    fn a_length_past_the_end_ends_the_walk() {
        assert_eq!(units(&[0, 0, 0, 9, 1, 2]).count(), 0);
        assert_eq!(units(&[0, 0, 0, 1, 7, 0, 0]).count(), 1);
    }
}
