//! What a camera's clock is worth, judged from its difference to ours. Pure.

use std::collections::VecDeque;

use crate::time::{MICROS_PER_SECOND, WallTime};

/// Until this time no camera of ours was built: a clock that shows an earlier one was never set (1900, 1970, 2000 and the like, or
/// an NTP time of zero, RFC 3550 section 6.4.1). 2020-01-01T00:00:00Z.
const BEFORE_ANY_SETTING: WallTime = WallTime::from_micros(1_577_836_800_000_000);
/// A clock within this of a whole number of hours has the wrong time zone: 60 s.
const HOUR_SLACK_MICROS: i64 = 60 * MICROS_PER_SECOND;
const HOUR_MICROS: i64 = 3600 * MICROS_PER_SECOND;
/// Zones lie within 20 hours of Beijing's (UTC-12 to UTC+14); a whole day off is a wrong date.
const MOST_HOURS: i64 = 20;
/// A clock that gains or loses this much against ours is not kept by a time server; below the second it counts as kept again.
const DRIFTING_PPM: i64 = 100;
const KEPT_PPM: i64 = 60;
/// The trend is taken over half an hour, from one difference a minute, and known from nine minutes on.
const TREND_STEP_MICROS: i64 = 60 * MICROS_PER_SECOND;
const TREND_POINTS: usize = 31;
const MOST_GAIN_MICROS: i64 = 200_000;
const SHORTEST_TREND_MICROS: i64 = 9 * TREND_STEP_MICROS;

/// How a camera's clock is judged (摄像机时钟的判定).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClockVerdict {
    /// It has told no time yet.
    #[default]
    Unknown,
    /// Right, within the limit.
    Good,
    /// Wrong by more than the limit.
    Off,
    /// Wrong by whole hours: its time zone is set wrong (时区设错).
    TimeZone {
        /// Hours it is ahead of ours; negative when behind.
        hours: i64,
    },
    /// It was never set (未设置).
    Unset,
    /// It jumps.
    Stepping,
    /// Within the limit, but it gains or loses: no time server keeps it.
    Drifting,
}

/// What is known of a camera's clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CameraClock {
    /// How it is judged.
    pub verdict: ClockVerdict,
    /// Camera clock minus ours in microseconds, smoothed; `None` before its first report.
    pub skew_micros: Option<i64>,
    /// What it gains against ours, in parts per million; `None` for the first minutes.
    pub drift_ppm: Option<i64>,
}

/// True for a time no camera that was ever set can show.
pub fn is_unset(shown: WallTime) -> bool {
    shown < BEFORE_ANY_SETTING
}

/// The whole hours by which a clock is wrong, when it is wrong by whole hours.
pub fn whole_hours(skew_micros: i64) -> Option<i64> {
    let hours = skew_micros.saturating_add(skew_micros.signum() * (HOUR_MICROS / 2)) / HOUR_MICROS;
    let near = (skew_micros - hours.saturating_mul(HOUR_MICROS)).abs() <= HOUR_SLACK_MICROS;
    (near && hours != 0 && hours.abs() <= MOST_HOURS).then_some(hours)
}

/// What a judgement is made of.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// It shows a time from before any setting.
    pub unset: bool,
    /// It jumps.
    pub stepping: bool,
    /// Camera clock minus ours in microseconds.
    pub skew_micros: i64,
    /// Gain in parts per million, where known.
    pub drift_ppm: Option<i64>,
    /// Largest difference of a right clock in microseconds.
    pub limit_micros: i64,
}

/// Judges a clock. A clock once judged wrong must be clearly inside the limit to be right again: four fifths of it.
pub fn judge(before: ClockVerdict, facts: Facts) -> ClockVerdict {
    let limit = if before == ClockVerdict::Off { facts.limit_micros / 5 * 4 } else { facts.limit_micros };
    let most_drift = if before == ClockVerdict::Drifting { KEPT_PPM } else { DRIFTING_PPM };
    if facts.unset {
        ClockVerdict::Unset
    } else if facts.stepping {
        ClockVerdict::Stepping
    } else if let Some(hours) = whole_hours(facts.skew_micros) {
        ClockVerdict::TimeZone { hours }
    } else if facts.skew_micros.saturating_abs() > limit {
        ClockVerdict::Off
    } else if facts.drift_ppm.is_some_and(|ppm| ppm.abs() >= most_drift) {
        ClockVerdict::Drifting
    } else {
        ClockVerdict::Good
    }
}

/// How much a clock gains: the median slope between any two of its differences of the last half hour (Theil and Sen), which a few
/// odd ones do not change.
#[derive(Clone, Debug, Default)]
pub struct Trend {
    /// Our time and camera clock minus ours, both in microseconds.
    points: VecDeque<(i64, i64)>,
    ppm: Option<i64>,
}

impl Trend {
    /// At our time `at` the camera's clock was `skew_micros` ahead. One point a minute is kept.
    pub fn note(&mut self, at: WallTime, skew_micros: i64) {
        let at = at.as_micros();
        if self.points.back().is_some_and(|(last, _)| at.saturating_sub(*last) < TREND_STEP_MICROS) {
            return;
        }
        // No clock gains that much in a minute: the line to the camera has become slower, or faster.
        if self.points.back().is_some_and(|(_, last)| skew_micros.saturating_sub(*last).saturating_abs() > MOST_GAIN_MICROS) {
            self.clear();
        }
        self.points.push_back((at, skew_micros));
        while self.points.len() > TREND_POINTS {
            self.points.pop_front();
        }
        self.ppm = self.slope();
    }

    /// Forgets everything: the clock was set.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// The gain in parts per million; `None` while too little is known.
    pub fn ppm(&self) -> Option<i64> {
        self.ppm
    }

    fn slope(&self) -> Option<i64> {
        let (first, last) = (self.points.front()?, self.points.back()?);
        if last.0.saturating_sub(first.0) < SHORTEST_TREND_MICROS {
            return None;
        }
        let mut slopes: Vec<i64> = Vec::with_capacity(TREND_POINTS * TREND_POINTS / 2);
        for (n, (at, skew)) in self.points.iter().enumerate() {
            for (later, then) in self.points.iter().skip(n + 1) {
                // Microseconds per second are parts per million; points are a minute apart at least.
                let seconds = (later.saturating_sub(*at) / MICROS_PER_SECOND).max(1);
                slopes.push(then.saturating_sub(*skew) / seconds);
            }
        }
        let middle = slopes.len() / 2;
        Some(*slopes.select_nth_unstable(middle).1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = MICROS_PER_SECOND;

    #[test]
    fn whole_hours_are_told_from_other_errors() {
        assert_eq!(whole_hours(8 * HOUR_MICROS), Some(8));
        assert_eq!(whole_hours(-8 * HOUR_MICROS + 3 * SECOND), Some(-8));
        assert_eq!(whole_hours(HOUR_MICROS - 59 * SECOND), Some(1));
        assert_eq!(whole_hours(8 * HOUR_MICROS + 61 * SECOND), None);
        assert_eq!(whole_hours(30 * SECOND), None);
        assert_eq!(whole_hours(-24 * HOUR_MICROS), None);
        assert_eq!(whole_hours(i64::MAX), None);
        assert_eq!(whole_hours(i64::MIN), None);
    }

    #[test]
    fn a_clock_of_1900_1970_or_2000_was_never_set() {
        for text in ["1900-01-01T00:00:00Z", "1970-01-01T09:12:00Z", "2000-01-01T00:00:09Z", "2019-12-31T23:59:59Z"] {
            assert!(is_unset(WallTime::parse_rfc3339(text).unwrap()), "{text}");
        }
        assert!(!is_unset(WallTime::parse_rfc3339("2026-11-22T14:50:03+08:00").unwrap()));
    }

    #[test]
    fn a_clock_at_the_limit_does_not_flap() {
        let judged = |before, skew_micros| {
            judge(before, Facts { unset: false, stepping: false, skew_micros, drift_ppm: None, limit_micros: 2 * SECOND })
        };
        assert_eq!(judged(ClockVerdict::Good, 2 * SECOND), ClockVerdict::Good);
        assert_eq!(judged(ClockVerdict::Good, -2 * SECOND - 1), ClockVerdict::Off);
        assert_eq!(judged(ClockVerdict::Off, 1_600_001), ClockVerdict::Off);
        assert_eq!(judged(ClockVerdict::Off, 1_600_000), ClockVerdict::Good);
    }

    #[test]
    fn what_a_clock_gains_is_seen_through_the_noise_of_the_network() {
        let mut trend = Trend::default();
        for minute in 0..40 {
            let noise = (minute * 7919 % 21 - 10) * 1000;
            trend.note(WallTime::from_micros(minute * 60 * SECOND), -500 * minute * 60 + noise);
            match minute {
                0..=8 => assert_eq!(trend.ppm(), None),
                20.. => assert!((-520..=-480).contains(&trend.ppm().unwrap()), "{:?} at {minute}", trend.ppm()),
                _ => assert!((-550..=-450).contains(&trend.ppm().unwrap()), "{:?} at {minute}", trend.ppm()),
            }
        }
        trend.clear();
        assert_eq!(trend.ppm(), None);
    }

    #[test]
    fn a_line_that_is_behind_for_a_while_is_no_gain() {
        let mut trend = Trend::default();
        for minute in 0..60 {
            let behind = match minute {
                20..30 => -700_000,
                45..50 => -150_000,
                _ => 0,
            };
            let noise = (minute * 7919 % 21 - 10) * 500;
            trend.note(WallTime::from_micros(minute * 60 * SECOND), behind + noise);
            assert!(trend.ppm().is_none_or(|ppm| ppm.abs() < 60), "{:?} at {minute}", trend.ppm());
        }
    }
}
