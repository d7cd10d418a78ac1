//! Half-open spans of wall time and the little arithmetic the timeline needs.

use serde::{Deserialize, Serialize};

use super::WallTime;

/// A half-open span `from..to` of wall time: `from` belongs to it, `to` does not. Empty when `to <= from`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Span {
    /// First instant inside.
    pub from: WallTime,
    /// First instant after.
    pub to: WallTime,
}

impl Span {
    /// The span `from..to`.
    pub const fn new(from: WallTime, to: WallTime) -> Self {
        Self { from, to }
    }

    /// Length in microseconds; zero for an empty span.
    pub fn micros(self) -> i64 {
        self.to.micros_since(self.from).max(0)
    }

    /// True when no instant lies inside.
    pub fn is_empty(self) -> bool {
        self.to <= self.from
    }

    /// True when `t` lies inside.
    pub fn contains(self, t: WallTime) -> bool {
        self.from <= t && t < self.to
    }

    /// What both spans share, if anything.
    pub fn intersect(self, other: Span) -> Option<Span> {
        let both = Span::new(self.from.max(other.from), self.to.min(other.to));
        (!both.is_empty()).then_some(both)
    }

    /// Sorts spans, drops empty ones and joins those that overlap, touch, or lie no more than `slack_micros` apart.
    pub fn join(mut spans: Vec<Span>, slack_micros: i64) -> Vec<Span> {
        spans.retain(|s| !s.is_empty());
        spans.sort_unstable();
        let mut joined: Vec<Span> = Vec::with_capacity(spans.len());
        for span in spans {
            match joined.last_mut() {
                Some(last) if span.from.micros_since(last.to) <= slack_micros => last.to = last.to.max(span.to),
                _ => joined.push(span),
            }
        }
        joined
    }

    /// The parts of `self` that none of `covered` covers. `covered` must be sorted and disjoint, as [`Span::join`] returns it.
    pub fn subtract(self, covered: &[Span]) -> Vec<Span> {
        let mut rest = Vec::new();
        let mut at = self.from;
        for span in covered {
            if span.to <= at {
                continue;
            }
            if span.from >= self.to {
                break;
            }
            if span.from > at {
                rest.push(Span::new(at, span.from));
            }
            at = span.to;
        }
        if at < self.to {
            rest.push(Span::new(at, self.to));
        }
        rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn s(from: i64, to: i64) -> Span {
        Span::new(WallTime::from_micros(from), WallTime::from_micros(to))
    }

    #[test]
    fn touching_spans_join_and_zero_length_ones_vanish() {
        assert_eq!(Span::join(vec![s(5, 9), s(0, 5), s(7, 7), s(12, 13)], 0), vec![s(0, 9), s(12, 13)]);
        assert_eq!(Span::join(vec![s(0, 5), s(7, 9)], 2), vec![s(0, 9)]);
    }

    #[test]
    fn subtraction_leaves_the_uncovered_rest() {
        assert_eq!(s(0, 10).subtract(&[s(-5, 1), s(3, 4), s(9, 20)]), vec![s(1, 3), s(4, 9)]);
        assert_eq!(s(0, 10).subtract(&[]), vec![s(0, 10)]);
        assert_eq!(s(0, 10).subtract(&[s(0, 10)]), vec![]);
    }

    proptest! {
        #[test]
        fn covered_and_uncovered_make_up_the_whole(raw in prop::collection::vec((0i64..100, 0i64..20), 0..12)) {
            let covered = Span::join(raw.into_iter().map(|(a, n)| s(a, a + n)).collect(), 0);
            let whole = s(10, 90);
            let rest = whole.subtract(&covered);
            let inside: i64 = covered.iter().filter_map(|c| c.intersect(whole)).map(Span::micros).sum();
            let outside: i64 = rest.iter().map(|r| r.micros()).sum();
            prop_assert_eq!(inside + outside, whole.micros());
        }
    }
}
