//! How well the kernel knows the time: the error bound it keeps for its clock, as adjtimex(2) tells it.
//!
//! The bound is asked for, not only the "unsynchronised" flag: the flag is set by whoever disciplines the clock and says nothing
//! of how long ago that was, while the bound grows by 500 µs each second until the clock is corrected again.

use super::Leap;

/// The bound the kernel gives a clock nobody disciplines, in milliseconds.
const UNDISCIPLINED_MS: i64 = 16_000;

/// What the kernel says of its own clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KernelClock {
    /// Bound on the clock's error in milliseconds, rounded up.
    pub max_error_ms: i64,
    /// True when the kernel marks the clock as not synchronised.
    pub unsynchronised: bool,
    /// The leap second it will make at the end of the day, or is making.
    pub leap: Option<Leap>,
}

impl KernelClock {
    /// True when the clock is being corrected and its error bound is at most `limit_ms`.
    pub fn synchronised(self, limit_ms: i64) -> bool {
        !self.unsynchronised && self.max_error_ms <= limit_ms
    }
}

/// Asks the kernel. Where it does not answer, the clock counts as one nobody disciplines.
pub fn kernel_clock() -> KernelClock {
    adjtimex().map_or(
        KernelClock { max_error_ms: UNDISCIPLINED_MS, unsynchronised: true, leap: None },
        |(max_error_us, status, state)| judge(max_error_us, status, state),
    )
}

/// Reads the kernel's answer: error bound in microseconds, status bits, and the state that adjtimex returns.
fn judge(max_error_us: i64, status: i32, state: i32) -> KernelClock {
    let max_error_us = max_error_us.max(0);
    KernelClock {
        max_error_ms: max_error_us / 1000 + i64::from(max_error_us % 1000 != 0),
        unsynchronised: state == libc::TIME_ERROR || status & libc::STA_UNSYNC != 0,
        leap: match state {
            libc::TIME_INS | libc::TIME_OOP => Some(Leap::Insert),
            libc::TIME_DEL => Some(Leap::Delete),
            _ => None,
        },
    }
}

/// Error bound in microseconds, status bits and clock state.
// The standard library has no safe call for adjtimex; this reads only.
#[allow(unsafe_code)]
fn adjtimex() -> Option<(i64, i32, i32)> {
    // SAFETY: `timex` is a plain C structure of integers, for which all zeroes is a valid value.
    let mut timex: libc::timex = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is to a live `timex` of this function; `modes` is 0, so nothing is changed.
    let state = unsafe { libc::adjtimex(&raw mut timex) };
    #[allow(clippy::useless_conversion)] // `maxerror` is 32 bits wide on some machines
    (state >= 0).then(|| (i64::from(timex.maxerror), timex.status, state))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_corrected_clock_is_judged_by_its_bound_rounded_up() {
        let clock = judge(1_024_001, 0, libc::TIME_OK);
        assert_eq!(clock, KernelClock { max_error_ms: 1025, unsynchronised: false, leap: None });
        assert!(clock.synchronised(1025) && !clock.synchronised(1024));
    }

    #[test]
    fn a_clock_marked_unsynchronised_is_so_whatever_its_bound() {
        assert!(!judge(10, libc::STA_UNSYNC, libc::TIME_OK).synchronised(1000));
        assert!(!judge(10, 0, libc::TIME_ERROR).synchronised(1000));
        assert!(!judge(16_000_000, 0, libc::TIME_OK).synchronised(1000));
    }

    #[test]
    fn a_leap_second_the_kernel_will_make_is_read_from_its_state() {
        assert_eq!(judge(10, libc::STA_INS, libc::TIME_INS).leap, Some(Leap::Insert));
        assert_eq!(judge(10, libc::STA_INS, libc::TIME_OOP).leap, Some(Leap::Insert));
        assert_eq!(judge(10, libc::STA_DEL, libc::TIME_DEL).leap, Some(Leap::Delete));
        assert_eq!(judge(10, 0, libc::TIME_OK).leap, None);
    }

    #[test]
    fn the_kernel_answers_with_a_bound_it_can_have() {
        let clock = kernel_clock();
        assert!((0..=UNDISCIPLINED_MS).contains(&clock.max_error_ms), "{clock:?}");
    }
}
