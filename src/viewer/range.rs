//! The `Range` header (RFC 9110 section 14): one range of bytes of a file.

use std::ops::Range;

/// What a `Range` header asks of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// The whole file.
    All,
    /// These bytes; never empty.
    Bytes(Range<u64>),
    /// Bytes the file does not have, or a range that says nothing.
    NotSatisfiable,
}

/// Reads a `Range` header against a file of `len_bytes`. A unit other than bytes, and more than one range, give the whole file, as
/// the standard allows.
pub(super) fn wanted(header: Option<&str>, len_bytes: u64) -> Wanted {
    let Some((unit, ranges)) = header.and_then(|h| h.split_once('=')) else { return Wanted::All };
    if !unit.trim().eq_ignore_ascii_case("bytes") || ranges.contains(',') {
        return Wanted::All;
    }
    let Some((first, last)) = ranges.trim().split_once('-') else { return Wanted::NotSatisfiable };
    let range = match (number(first), number(last)) {
        // `-n`: the last n bytes.
        (None, Some(n)) if first.is_empty() => len_bytes.saturating_sub(n)..len_bytes,
        (Some(first), None) if last.is_empty() => first..len_bytes,
        (Some(first), Some(last)) if first <= last => first..last.saturating_add(1).min(len_bytes),
        _ => return Wanted::NotSatisfiable,
    };
    if range.is_empty() { Wanted::NotSatisfiable } else { Wanted::Bytes(range) }
}

fn number(text: &str) -> Option<u64> {
    if text.bytes().all(|b| b.is_ascii_digit()) { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_form_of_a_range_is_understood() {
        let of_1000 = |header| wanted(Some(header), 1000);
        assert_eq!(wanted(None, 1000), Wanted::All);
        assert_eq!(of_1000("bytes=0-99"), Wanted::Bytes(0..100));
        assert_eq!(of_1000("bytes=900-"), Wanted::Bytes(900..1000));
        assert_eq!(of_1000("bytes=-100"), Wanted::Bytes(900..1000));
        assert_eq!(of_1000("bytes=-5000"), Wanted::Bytes(0..1000));
        assert_eq!(of_1000("bytes=990-5000"), Wanted::Bytes(990..1000));
        assert_eq!(of_1000("BYTES=999-999"), Wanted::Bytes(999..1000));
    }

    #[test]
    fn what_the_file_does_not_have_is_not_satisfiable() {
        for header in [
            "bytes=1000-",
            "bytes=5-4",
            "bytes=-0",
            "bytes=-",
            "bytes=a-b",
            "bytes=+1-2",
            "bytes=7",
            "bytes=18446744073709551616-",
        ] {
            assert_eq!(wanted(Some(header), 1000), Wanted::NotSatisfiable, "{header}");
        }
        assert_eq!(wanted(Some("bytes=0-"), 0), Wanted::NotSatisfiable);
    }

    #[test]
    fn other_units_and_several_ranges_give_the_whole_file() {
        for header in ["items=0-5", "bytes=0-1,5-6", "nonsense"] {
            assert_eq!(wanted(Some(header), 1000), Wanted::All, "{header}");
        }
    }

    proptest! {
        #[test]
        fn a_range_never_leaves_the_file(header in "bytes=[0-9]{0,20}-[0-9]{0,20}", len in 0u64..5000) {
            if let Wanted::Bytes(r) = wanted(Some(&header), len) {
                prop_assert!(r.start < r.end && r.end <= len);
            }
        }
    }
}
