//! Whether anybody wants a picture that is made only while somebody looks. Pure.

use std::time::{Duration, Instant};

/// The picture goes on for this long after the last viewer has left: who only changes the layout finds it again.
pub const LINGER: Duration = Duration::from_secs(5);

/// Counts who joins, and notes since when nobody has been there.
#[derive(Debug, Default)]
pub(super) struct Demand {
    joins: u64,
    /// Joins at the last look.
    seen: u64,
    /// The picture is wanted until then; renewed while somebody looks.
    until: Option<Instant>,
}

impl Demand {
    /// Somebody joins.
    pub fn joined(&mut self) {
        self.joins += 1;
    }

    /// How many have joined, while there are viewers or were [`LINGER`] ago.
    pub fn look(&mut self, viewers: usize, now: Instant) -> Option<u64> {
        // Who came and went between two looks was there as well.
        if viewers > 0 || self.joins != self.seen {
            self.until = Some(now + LINGER);
        }
        self.seen = self.joins;
        self.until = self.until.filter(|until| now < *until);
        self.until.map(|_| self.joins)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_wanted_from_the_first_viewer_until_a_while_after_the_last() {
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let mut demand = Demand::default();
        assert_eq!(demand.look(0, at(0)), None);
        demand.joined();
        assert_eq!(demand.look(1, at(1)), Some(1));
        demand.joined();
        assert_eq!(demand.look(2, at(60)), Some(2));
        assert_eq!(demand.look(0, at(64)), Some(2));
        assert_eq!(demand.look(0, at(65)), None);
        assert_eq!(demand.look(0, at(66)), None);
        demand.joined();
        assert_eq!(demand.look(0, at(70)), Some(3), "came and went between two looks");
        assert_eq!(demand.look(0, at(75)), None);
    }
}
