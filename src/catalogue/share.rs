//! Recorded against expected time (应录、实录、缺录): from a timeline and the spans in which recording is expected.

use serde::{Deserialize, Serialize};

use super::timeline::{Gap, SHORTEST_GAP_MICROS, Timeline};
use crate::time::Span;

/// How much of the expected time was recorded, in microseconds. What was recorded outside of it does not count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// Expected (应录).
    pub expected_micros: i64,
    /// Recorded within the expected time (实录).
    pub recorded_micros: i64,
    /// Missing within the expected time (缺录).
    pub missing_micros: i64,
}

impl Share {
    /// Recorded part of the expected time, 0 to 1; `None` when nothing was expected.
    pub fn ratio(self) -> Option<f64> {
        (self.expected_micros > 0).then(|| self.recorded_micros as f64 / self.expected_micros as f64)
    }
}

/// The time a timeline speaks of: from its first recording or gap to its last. Before that nobody asked for recording, behind it
/// nothing is known yet. `None` for an empty one.
pub fn known(timeline: &Timeline) -> Option<Span> {
    let pieces = || timeline.spans.iter().map(|s| (s.from, s.to)).chain(timeline.gaps.iter().map(|g| (g.from, g.to)));
    Some(Span::new(pieces().map(|p| p.0).min()?, pieces().map(|p| p.1).max()?))
}

/// Counts a timeline against the spans in which recording is expected (in order, apart from each other).
pub fn share(timeline: &Timeline, expected: &[Span]) -> Share {
    let recorded = Span::join(timeline.spans.iter().map(|s| Span::new(s.from, s.to)).collect(), SHORTEST_GAP_MICROS);
    let missing = Span::join(timeline.gaps.iter().map(|g| Span::new(g.from, g.to)).collect(), 0);
    let (recorded_micros, missing_micros) = (overlap(&recorded, expected), overlap(&missing, expected));
    Share { expected_micros: recorded_micros + missing_micros, recorded_micros, missing_micros }
}

/// How much of a gap lies in the expected time, in microseconds.
pub fn expected_part(gap: &Gap, expected: &[Span]) -> i64 {
    overlap(&[Span::new(gap.from, gap.to)], expected)
}

/// What two lists of spans, each in order and apart from each other, have in common, in microseconds.
fn overlap(a: &[Span], b: &[Span]) -> i64 {
    let (mut a, mut b) = (a.iter().peekable(), b.iter().peekable());
    let mut sum = 0;
    while let (Some(x), Some(y)) = (a.peek(), b.peek()) {
        sum += x.intersect(**y).map_or(0, Span::micros);
        if x.to <= y.to {
            a.next()
        } else {
            b.next()
        };
    }
    sum
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::GapCause;
    use super::super::timeline::RecordedSpan;
    use super::*;
    use crate::hall::CameraId;
    use crate::time::WallTime;

    fn s(from: i64, to: i64) -> Span {
        Span::new(WallTime::from_micros(from * 1_000_000), WallTime::from_micros(to * 1_000_000))
    }

    fn timeline(spans: &[Span], gaps: &[Span]) -> Timeline {
        let camera = CameraId::new("C1");
        Timeline {
            spans: spans
                .iter()
                .map(|s| RecordedSpan {
                    camera: camera.clone(),
                    from: s.from,
                    to: s.to,
                    stamped: true,
                    restored: false,
                    clock: None,
                })
                .collect(),
            gaps: gaps
                .iter()
                .map(|g| Gap { camera: camera.clone(), from: g.from, to: g.to, cause: GapCause::Disk, detail: String::new() })
                .collect(),
            removed: Vec::new(),
        }
    }

    /// Open from second 100 to 200 and 300 to 400: recorded 0 to 150 and 380 to 500, missing 150 to 380.
    #[test]
    fn only_what_lies_in_opening_hours_counts() {
        let timeline = timeline(&[s(0, 150), s(380, 500)], &[s(150, 380)]);
        let open = [s(100, 200), s(300, 400)];
        let share = share(&timeline, &open);
        assert_eq!(
            (share.expected_micros, share.recorded_micros, share.missing_micros),
            (200_000_000, 70_000_000, 130_000_000)
        );
        assert_eq!(share.ratio(), Some(0.35));
        assert_eq!(expected_part(&timeline.gaps[0], &open), 130_000_000);
        assert_eq!(known(&timeline), Some(s(0, 500)));
    }

    #[test]
    fn nothing_expected_has_no_share() {
        let share = share(&timeline(&[s(0, 150)], &[]), &[]);
        assert_eq!((share.ratio(), share.expected_micros, known(&Timeline::default())), (None, 0, None));
    }

    proptest! {
        #[test]
        fn recorded_and_missing_make_up_what_is_expected(cuts in prop::collection::vec(1i64..50, 2..12), open in prop::collection::vec((0i64..400, 1i64..60), 0..6)) {
            let open = Span::join(open.into_iter().map(|(from, n)| s(from, from + n)).collect(), 0);
            let (mut at, mut spans, mut gaps) = (0, Vec::new(), Vec::new());
            for (n, length) in cuts.into_iter().enumerate() {
                if n % 2 == 0 { spans.push(s(at, at + length)) } else { gaps.push(s(at, at + length)) }
                at += length;
            }
            let share = share(&timeline(&spans, &gaps), &open);
            let whole: i64 = open.iter().filter_map(|o| o.intersect(s(0, at))).map(Span::micros).sum();
            prop_assert_eq!(share.expected_micros, whole);
        }
    }
}
