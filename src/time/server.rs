//! The server's clock as the recorder judges it: the kernel's word and chrony's view made into one state. Pure.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::chrony::ChronyView;
use super::discipline::KernelClock;

/// A leap second under way or announced (闰秒).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Leap {
    /// The kernel will repeat the last second of the day.
    Insert,
    /// The kernel will leave the last second of the day out.
    Delete,
    /// It is announced, and the kernel is not told: the clock is slewed over it, as by a time server that smears.
    Smear,
}

/// How the server's clock is kept (服务器时钟状态).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerClock {
    /// True while it is corrected by a time server and its error is within the limit.
    pub disciplined: bool,
    /// Bound on its error in milliseconds.
    pub max_error_ms: i64,
    /// Who says so: `chrony 203.0.113.15` or `kernel`.
    pub source: String,
    /// A leap second under way or announced.
    pub leap: Option<Leap>,
}

/// The clock's state when a segment was begun: goes into the file (录像时的时钟状态).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedClock {
    /// True when it was corrected by a time server and its error was within the limit.
    pub disciplined: bool,
    /// Bound on its error in milliseconds.
    pub max_error_ms: i64,
    /// Who said so.
    pub source: String,
    /// A leap second under way or announced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leap: Option<Leap>,
}

impl From<ServerClock> for RecordedClock {
    fn from(clock: ServerClock) -> Self {
        let ServerClock { disciplined, max_error_ms, source, leap } = clock;
        Self { disciplined, max_error_ms, source, leap }
    }
}

/// The same in a few bytes: goes into the catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockMark {
    /// True when the clock was corrected by a time server and its error was within the limit.
    pub disciplined: bool,
    /// Bound on its error in milliseconds.
    pub max_error_ms: u32,
}

impl From<&RecordedClock> for ClockMark {
    fn from(clock: &RecordedClock) -> Self {
        Self { disciplined: clock.disciplined, max_error_ms: u32::try_from(clock.max_error_ms.max(0)).unwrap_or(u32::MAX) }
    }
}

/// What the kernel and chrony say together. chrony knows better where it runs and follows a server: it corrects the clock, the
/// kernel only counts 500 ppm onto what it was last told.
pub fn combine(kernel: KernelClock, chrony: Option<&ChronyView>, limit_ms: i64) -> ServerClock {
    let announced = chrony.and_then(|c| c.leap);
    let leap = match (kernel.leap, announced) {
        (Some(leap), _) => Some(leap),
        (None, Some(_)) => Some(Leap::Smear),
        (None, None) => None,
    };
    match chrony {
        Some(ChronyView { follows: Some(server), max_error_ms, .. }) => ServerClock {
            disciplined: *max_error_ms <= limit_ms,
            max_error_ms: *max_error_ms,
            source: format!("chrony {server}"),
            leap,
        },
        Some(_) => ServerClock {
            disciplined: false,
            max_error_ms: kernel.max_error_ms,
            source: "chrony without a server".to_owned(),
            leap,
        },
        None => ServerClock {
            disciplined: kernel.synchronised(limit_ms),
            max_error_ms: kernel.max_error_ms,
            source: "kernel".to_owned(),
            leap,
        },
    }
}

/// Keeps a clock disciplined that passes the limit for a moment only.
///
/// A time client that looks every 2048 s, the slowest they do, and leaves it to the kernel to count, lets the bound reach 1024 ms
/// just before each look, for 48 s at the default limit of a second: no alarm, and no mark on recordings. The bound itself is always told as it is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Patience {
    /// Monotonic time since which the limit has been passed; none while it is kept.
    since: Option<Duration>,
    was_disciplined: bool,
}

impl Patience {
    /// A bound over the limit is taken seriously after this long.
    pub const LONGEST: Duration = Duration::from_secs(60);

    /// The state at monotonic time `now`.
    pub fn look(&mut self, seen: ServerClock, unsynchronised: bool, now: Duration) -> ServerClock {
        if seen.disciplined {
            *self = Self { since: None, was_disciplined: true };
            return seen;
        }
        let since = *self.since.get_or_insert(now);
        // A clock the kernel calls unsynchronised is so at once, and one that never was right gets no grace.
        let waits = self.was_disciplined && !unsynchronised && now.saturating_sub(since) <= Self::LONGEST;
        self.was_disciplined = waits;
        ServerClock { disciplined: waits, ..seen }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: KernelClock = KernelClock { max_error_ms: 40, unsynchronised: false, leap: None };
    const ALONE: KernelClock = KernelClock { max_error_ms: 16_000, unsynchronised: true, leap: None };

    fn chrony(follows: Option<&str>, max_error_ms: i64) -> ChronyView {
        ChronyView { follows: follows.map(str::to_owned), stratum: 3, max_error_ms, leap: None }
    }

    fn told(clock: &ServerClock) -> (bool, i64, &str) {
        (clock.disciplined, clock.max_error_ms, &clock.source)
    }

    #[test]
    fn without_chrony_the_kernel_decides() {
        assert_eq!(told(&combine(GOOD, None, 1000)), (true, 40, "kernel"));
        assert_eq!(told(&combine(KernelClock { max_error_ms: 1001, ..GOOD }, None, 1000)), (false, 1001, "kernel"));
        assert_eq!(told(&combine(ALONE, None, 1000)), (false, 16_000, "kernel"));
    }

    #[test]
    fn chrony_that_follows_a_server_decides_and_one_that_does_not_is_no_discipline() {
        // Without `rtcsync` the kernel is not told that its clock is corrected.
        assert_eq!(told(&combine(ALONE, Some(&chrony(Some("203.0.113.15"), 14)), 1000)), (true, 14, "chrony 203.0.113.15"));
        assert_eq!(told(&combine(GOOD, Some(&chrony(Some("203.0.113.15"), 1400)), 1000)), (false, 1400, "chrony 203.0.113.15"));
        assert_eq!(told(&combine(GOOD, Some(&chrony(None, 0)), 1000)), (false, 40, "chrony without a server"));
    }

    #[test]
    fn a_leap_second_is_told_as_the_kernel_or_the_time_server_handles_it() {
        let leap = |kernel, announced| {
            let view = ChronyView { leap: announced, ..chrony(Some("203.0.113.15"), 1) };
            combine(KernelClock { leap: kernel, ..GOOD }, Some(&view), 1000).leap
        };
        assert_eq!(leap(None, None), None);
        assert_eq!(leap(Some(Leap::Insert), Some(Leap::Insert)), Some(Leap::Insert));
        assert_eq!(leap(Some(Leap::Delete), None), Some(Leap::Delete));
        assert_eq!(leap(None, Some(Leap::Insert)), Some(Leap::Smear));
    }

    #[test]
    fn a_limit_passed_for_a_moment_is_no_finding_and_one_passed_for_long_is() {
        let mut patience = Patience::default();
        let mut look = |error, unsynchronised, second| {
            let kernel = KernelClock { max_error_ms: error, unsynchronised, leap: None };
            patience.look(combine(kernel, None, 1000), unsynchronised, Duration::from_secs(second)).disciplined
        };
        assert!(look(1000, false, 0));
        assert!(look(1001, false, 100));
        assert!(look(1024, false, 148));
        assert!(look(3, false, 149), "corrected in time");
        assert!(look(1001, false, 200));
        assert!(look(1031, false, 260));
        assert!(!look(1032, false, 261), "nobody came");
        assert!(!look(1033, false, 262));
        assert!(look(3, false, 300), "corrected after all");
        assert!(!look(3, true, 301), "no grace for a clock that is not synchronised");
        assert!(!look(1100, false, 302));
    }

    #[test]
    fn a_clock_that_never_was_right_gets_no_grace() {
        let seen = combine(ALONE, None, 1000);
        assert!(!Patience::default().look(seen, true, Duration::ZERO).disciplined);
        let late = combine(KernelClock { max_error_ms: 1500, ..GOOD }, None, 1000);
        assert!(!Patience::default().look(late, false, Duration::ZERO).disciplined);
    }
}
