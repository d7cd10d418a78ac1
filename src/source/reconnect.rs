//! When to try a camera again: at once after a session that worked, then with growing pauses and some jitter, so that a hundred
//! cameras behind one switch do not come back in the same instant.

use std::time::Duration;

/// Pause after the first failure.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// Longest pause: a camera that returns is recorded within 15 s.
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// Counts failures and gives the pause before the next try.
#[derive(Clone, Debug, Default)]
pub struct Reconnect {
    failures: u32,
}

impl Reconnect {
    /// A session delivered media: the next failure starts from the shortest pause.
    pub fn worked(&mut self) {
        self.failures = 0;
    }

    /// A try failed or a session ended; `jitter` in `0.0..1.0` spreads the pause over its upper quarter.
    pub fn pause(&mut self, jitter: f64) -> Duration {
        let full = FIRST_PAUSE.saturating_mul(1 << self.failures.min(8)).min(LONGEST_PAUSE);
        self.failures = self.failures.saturating_add(1);
        full.mul_f64(0.75 + 0.25 * jitter.clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_eight_seconds_and_start_anew_after_success() {
        let mut reconnect = Reconnect::default();
        let pauses: Vec<u128> = (0..7).map(|_| reconnect.pause(1.0).as_millis()).collect();
        assert_eq!(pauses, [500, 1000, 2000, 4000, 8000, 8000, 8000]);
        reconnect.worked();
        assert_eq!(reconnect.pause(0.0).as_millis(), 375);
    }
}
