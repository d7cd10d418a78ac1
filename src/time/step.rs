//! Notices that the wall clock was set: by the kernel's notice and by wall time against monotonic time.

use std::time::Duration;

use super::WallTime;

/// Time servers slew smaller errors away; what jumps by more was set. In microseconds.
const LEAST_STEP_MICROS: i64 = 500_000;

/// Compares the two clocks from look to look. Pure: both times are arguments.
#[derive(Clone, Copy, Debug)]
pub struct StepDetector {
    wall: WallTime,
    monotonic: Duration,
}

impl StepDetector {
    /// Begins with what the clocks show now.
    pub fn new(wall: WallTime, monotonic: Duration) -> Self {
        Self { wall, monotonic }
    }

    /// By how many microseconds the wall clock was set since the last look (negative: back), if it was.
    pub fn look(&mut self, wall: WallTime, monotonic: Duration) -> Option<i64> {
        let passed = i64::try_from(monotonic.saturating_sub(self.monotonic).as_micros()).unwrap_or(i64::MAX);
        let step = wall.micros_since(self.wall).saturating_sub(passed);
        (self.wall, self.monotonic) = (wall, monotonic);
        (step.saturating_abs() >= LEAST_STEP_MICROS).then_some(step)
    }
}

/// Waits for about a second, or until the kernel says that the wall clock was set.
///
/// Where the kernel has no such notice it just waits: [`StepDetector`] finds the step all the same.
pub fn wait_for_notice() {
    if wait_on_timer().is_err() {
        std::thread::sleep(Duration::from_secs(1));
    }
}

/// A timer for the next second of wall time that the kernel cancels when the clock is set (timerfd_create(2)).
fn wait_on_timer() -> rustix::io::Result<()> {
    use rustix::time::{
        ClockId, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, clock_gettime, timerfd_create,
        timerfd_settime,
    };
    let timer = timerfd_create(TimerfdClockId::Realtime, TimerfdFlags::CLOEXEC)?;
    let now = clock_gettime(ClockId::Realtime);
    let next = Timespec { tv_sec: now.tv_sec + 1, tv_nsec: now.tv_nsec };
    let when = Itimerspec { it_interval: Timespec { tv_sec: 0, tv_nsec: 0 }, it_value: next };
    timerfd_settime(&timer, TimerfdTimerFlags::ABSTIME | TimerfdTimerFlags::CANCEL_ON_SET, &when)?;
    match rustix::io::read(&timer, &mut [0u8; 8]) {
        Ok(_) | Err(rustix::io::Errno::CANCELED | rustix::io::Errno::INTR) => Ok(()),
        Err(e) => Err(e),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_set_is_noticed_and_one_that_drifts_is_not() {
        let second = Duration::from_secs(1);
        let mut clocks = StepDetector::new(WallTime::from_micros(0), Duration::ZERO);
        assert_eq!(clocks.look(WallTime::from_micros(1_000_500), second), None);
        assert_eq!(clocks.look(WallTime::from_micros(3_602_000_500), second * 2), Some(3_600_000_000));
        assert_eq!(clocks.look(WallTime::from_micros(3_603_000_500), second * 3), None);
        assert_eq!(clocks.look(WallTime::from_micros(4_000_500), second * 4), Some(-3_600_000_000));
    }

    #[test]
    fn a_machine_that_sleeps_wakes_with_a_step() {
        // Monotonic time stands still while a machine sleeps: what was not recorded is told.
        let mut clocks = StepDetector::new(WallTime::from_micros(0), Duration::ZERO);
        assert_eq!(clocks.look(WallTime::from_micros(60_000_000), Duration::from_millis(1)), Some(59_999_000));
    }
}
