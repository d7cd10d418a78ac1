//! When each unit of the loop is captured: arithmetic only, no clock.
//!
//! Simulated cameras show a loop of 16 s that is slaved to the wall clock, so that a test which knows only a frame number also
//! knows the capture time modulo 16 s. Picture `n` is captured at wall time `t` with `t mod 16 s = (n + 0.5) / rate`; the sound
//! sample at loop position `p` at `t mod 16 s = p + 0.5 / rate`. The half frame keeps captures away from whole seconds, where a
//! stamp of seconds could go either way.

use crate::time::WallTime;

/// Length of every loop in microseconds.
pub const LOOP_MICROS: i64 = 16_000_000;

/// Pictures per second of a simulated camera. Both rates give whole microseconds per picture and whole pictures per loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rate {
    /// 25 pictures per second, 400 in the loop.
    Fps25,
    /// 12.5 pictures per second, 200 in the loop.
    Fps12_5,
}

impl Rate {
    /// Time from one picture to the next in microseconds.
    pub const fn frame_micros(self) -> i64 {
        match self {
            Rate::Fps25 => 40_000,
            Rate::Fps12_5 => 80_000,
        }
    }

    /// Pictures in one loop.
    pub const fn frames_per_loop(self) -> u32 {
        match self {
            Rate::Fps25 => 400,
            Rate::Fps12_5 => 200,
        }
    }

    /// Pictures from one random access point to the next: 2 s.
    pub const fn gop_frames(self) -> u32 {
        self.frames_per_loop() / 8
    }

    /// Seconds from one flash to the next: a flash begins where a picture begins on a whole second of the loop.
    pub const fn flash_seconds(self) -> u32 {
        match self {
            Rate::Fps25 => 1,
            Rate::Fps12_5 => 2,
        }
    }

    /// True when picture `number` shows the flash: the two pictures from each [`Rate::flash_seconds`] on.
    pub const fn flashes(self, number: u32) -> bool {
        number % 25 < 2
    }

    /// As a fraction, numerator first.
    pub const fn fraction(self) -> (i32, i32) {
        match self {
            Rate::Fps25 => (25, 1),
            Rate::Fps12_5 => (25, 2),
        }
    }

    /// The lane of the pictures.
    pub const fn video_lane(self) -> Lane {
        Lane { unit_micros: self.frame_micros(), offset_micros: self.frame_micros() / 2 }
    }

    /// The lane of sound units of `unit_micros` each, which must divide [`LOOP_MICROS`].
    pub const fn audio_lane(self, unit_micros: i64) -> Lane {
        Lane { unit_micros, offset_micros: self.frame_micros() / 2 }
    }
}

/// An endless row of units of equal length, fixed to the wall clock. Units are named by their ordinal since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lane {
    unit_micros: i64,
    offset_micros: i64,
}

impl Lane {
    /// Ordinal of the first unit captured at `at` or later.
    pub const fn first_from(self, at: WallTime) -> i64 {
        let after_offset = at.as_micros() - self.offset_micros;
        -(-after_offset).div_euclid(self.unit_micros)
    }

    /// When unit `ordinal` is captured (its first sample, for sound).
    pub const fn capture(self, ordinal: i64) -> WallTime {
        WallTime::from_micros(ordinal * self.unit_micros + self.offset_micros)
    }

    /// Place of unit `ordinal` in the loop: `0..self.units_per_loop()`.
    pub const fn index(self, ordinal: i64) -> usize {
        ordinal.rem_euclid(LOOP_MICROS / self.unit_micros) as usize
    }

    /// Units in one loop.
    pub const fn units_per_loop(self) -> usize {
        (LOOP_MICROS / self.unit_micros) as usize
    }
}

/// The capture time of picture `number` that lies nearest to `near` (within 8 s of it). Tests compare this with what a
/// recording says.
pub const fn capture_near(rate: Rate, number: u32, near: WallTime) -> WallTime {
    let in_loop = number as i64 * rate.frame_micros() + rate.frame_micros() / 2;
    let ahead = (in_loop - near.as_micros()).rem_euclid(LOOP_MICROS);
    near.plus_micros(if ahead > LOOP_MICROS / 2 { ahead - LOOP_MICROS } else { ahead })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-22T14:50:00+08:00 = 1 795 330 200 s, which is 8 s into a loop (1 795 330 200 = 16 × 112 208 137 + 8).
    const AT: WallTime = WallTime::from_micros(1_795_330_200_000_000);

    #[test]
    fn picture_n_is_captured_half_a_frame_after_n_frames_of_the_loop() {
        let lane = Rate::Fps25.video_lane();
        let first = lane.first_from(AT);
        assert_eq!(lane.index(first), 200);
        assert_eq!(lane.capture(first), AT.plus_micros(20_000));
        assert_eq!(lane.capture(first + 1), AT.plus_micros(60_000));
        let slow = Rate::Fps12_5.video_lane();
        assert_eq!(slow.index(slow.first_from(AT)), 100);
        assert_eq!(slow.capture(slow.first_from(AT)), AT.plus_micros(40_000));
    }

    #[test]
    fn the_first_unit_is_never_in_the_past_and_less_than_a_unit_away() {
        let lane = Rate::Fps25.video_lane();
        let exact = lane.first_from(AT.plus_micros(20_000));
        assert_eq!(lane.capture(exact), AT.plus_micros(20_000));
        assert_eq!(lane.first_from(AT.plus_micros(20_001)), exact + 1);
        assert_eq!(lane.first_from(AT.plus_micros(59_999)), exact + 1);
    }

    #[test]
    fn the_loop_wraps_from_399_to_0_without_a_step_in_time() {
        let lane = Rate::Fps25.video_lane();
        let last = lane.first_from(AT.plus_micros(7_980_000));
        assert_eq!(lane.index(last), 399);
        assert_eq!(lane.index(last + 1), 0);
        assert_eq!(lane.capture(last + 1).micros_since(lane.capture(last)), 40_000);
        assert_eq!(lane.capture(last + 1).as_micros() % LOOP_MICROS, 20_000);
    }

    #[test]
    fn sound_is_shifted_by_the_same_half_frame_as_the_pictures() {
        let alaw = Rate::Fps25.audio_lane(20_000);
        assert_eq!(alaw.units_per_loop(), 800);
        assert_eq!(alaw.index(alaw.first_from(AT)), 399, "20 ms blocks meet the 20 ms shift: block 399 begins exactly here");
        assert_eq!(alaw.capture(alaw.first_from(AT)), AT);
        let aac = Rate::Fps12_5.audio_lane(32_000);
        assert_eq!(aac.units_per_loop(), 500);
        assert_eq!(aac.capture(aac.first_from(AT)), AT.plus_micros(8_000));
        assert_eq!(aac.index(aac.first_from(AT)), 249);
    }

    #[test]
    fn a_frame_number_gives_its_capture_time_back() {
        assert_eq!(capture_near(Rate::Fps25, 200, AT), AT.plus_micros(20_000));
        assert_eq!(capture_near(Rate::Fps25, 199, AT), AT.plus_micros(-20_000));
        assert_eq!(capture_near(Rate::Fps12_5, 0, AT.plus_micros(7_000_000)), AT.plus_micros(8_040_000));
    }

    #[test]
    fn flashes_begin_where_a_picture_begins_on_a_whole_second() {
        assert_eq!((0..60).filter(|n| Rate::Fps25.flashes(*n)).collect::<Vec<_>>(), [0, 1, 25, 26, 50, 51]);
        assert_eq!((0..30).filter(|n| Rate::Fps12_5.flashes(*n)).collect::<Vec<_>>(), [0, 1, 25, 26]);
        assert_eq!(25 * Rate::Fps12_5.frame_micros(), i64::from(Rate::Fps12_5.flash_seconds()) * 1_000_000);
    }
}
