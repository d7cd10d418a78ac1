//! What several looks at a camera's clock text mean: right, wrong, frozen, missing or not readable. Pure; time is an argument.
//!
//! One look decides nothing: a hand before the lens, a bright wall behind thin letters. A verdict needs several looks of one kind in
//! a row, and while one is under way the next look comes after a few seconds instead of a whole interval.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::picture::Area;
use super::read::{Look, Reading};
use crate::time::{MICROS_PER_SECOND, WallTime};

/// Time to the next look while something is in doubt.
pub const RECHECK: Duration = Duration::from_secs(5);
/// A clock that shows the same second after this much time has stopped.
const STOPPED_AFTER_MICROS: i64 = 3 * MICROS_PER_SECOND;

/// How a camera's clock text is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JudgeSettings {
    /// Time between two looks when all is well.
    pub interval: Duration,
    /// A clock text may be off by this many seconds.
    pub tolerance_seconds: i64,
    /// Looks of one kind in a row that make a verdict.
    pub confirmations: u32,
}

/// What is known of a camera's own clock text (摄像机自带时间).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Not yet looked at often enough.
    #[default]
    Unknown,
    /// It tells the time, and runs.
    Right,
    /// It runs, and tells another time.
    Wrong,
    /// It stands still.
    Frozen,
    /// No line of digits is where a clock should be.
    Missing,
    /// Something is written there that cannot be read as date and time beyond doubt.
    Unreadable,
}

impl Verdict {
    /// As it is written in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Unknown => "unknown",
            Verdict::Right => "right",
            Verdict::Wrong => "wrong",
            Verdict::Frozen => "frozen",
            Verdict::Missing => "missing",
            Verdict::Unreadable => "unreadable",
        }
    }

    /// Verdicts between which looks may go back and forth and still confirm each other.
    fn kind(self) -> u8 {
        match self {
            Verdict::Unknown => 0,
            Verdict::Right => 1,
            Verdict::Wrong | Verdict::Frozen => 2,
            Verdict::Missing | Verdict::Unreadable => 3,
        }
    }
}

/// Everything known of one camera's clock text.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
pub struct ClockFacts {
    /// The standing verdict.
    pub verdict: Verdict,
    /// Since when it stands.
    pub since: Option<WallTime>,
    /// The text read last, such as `2026-11-22 14:50:03`.
    pub text: Option<String>,
    /// Whole seconds by which that text was ahead of the capture time; negative when it was behind.
    pub difference_seconds: Option<i64>,
    /// Capture time of the picture it was read from.
    pub read_at: Option<WallTime>,
    /// Capture time of the picture looked at last.
    pub looked_at: Option<WallTime>,
    /// Where the text stands in the picture.
    pub place: Option<Area>,
}

/// Judges one camera.
#[derive(Clone, Debug)]
pub struct Judge {
    settings: JudgeSettings,
    facts: ClockFacts,
    /// What the last looks said, all of one kind, and how many they were.
    leaning: Verdict,
    streak: u32,
    /// True while every look of the streak saw nothing.
    all_missing: bool,
    last_shown: Option<(WallTime, WallTime)>,
}

impl Judge {
    /// A judge who has seen nothing yet.
    pub fn new(settings: JudgeSettings) -> Self {
        let facts = ClockFacts::default();
        Self { settings, facts, leaning: Verdict::Unknown, streak: 0, all_missing: true, last_shown: None }
    }

    /// What is known.
    pub fn facts(&self) -> &ClockFacts {
        &self.facts
    }

    /// True while the clock text is proven to tell the time.
    pub fn proven(&self) -> bool {
        self.facts.verdict == Verdict::Right
    }

    /// Time from the last look to the next one.
    pub fn next_look(&self) -> Duration {
        let settled = self.streak >= self.settings.confirmations && self.leaning == self.facts.verdict;
        if settled { self.settings.interval } else { RECHECK.min(self.settings.interval) }
    }

    /// Takes in one look at a picture captured at `capture`.
    pub fn take(&mut self, look: &Look, capture: WallTime) {
        self.facts.looked_at = Some(capture);
        let seen = match look {
            Look::Read(reading) => self.read(reading, capture),
            Look::Doubtful(_) | Look::Illegible => Verdict::Unreadable,
            Look::Nothing => Verdict::Missing,
        };
        if seen.kind() == self.leaning.kind() {
            self.streak = self.streak.saturating_add(1);
        } else {
            (self.streak, self.all_missing) = (1, true);
        }
        self.all_missing &= seen == Verdict::Missing;
        self.leaning = match seen {
            Verdict::Missing if !self.all_missing => Verdict::Unreadable,
            other => other,
        };
        if self.streak >= self.settings.confirmations && self.facts.verdict != self.leaning {
            self.facts.verdict = self.leaning;
            self.facts.since = Some(capture);
        }
    }

    fn read(&mut self, reading: &Reading, capture: WallTime) -> Verdict {
        // Of two ways to read a date the one nearer to the truth is meant.
        let shown = reading
            .times
            .iter()
            .filter_map(|t| {
                use chrono::Timelike as _;
                WallTime::from_beijing(t.date(), t.hour(), t.minute(), t.second())
            })
            .min_by_key(|t| t.micros_since(capture).unsigned_abs());
        let Some(shown) = shown else { return Verdict::Unreadable };
        let difference = shown.micros_since(capture.floor_second()) / MICROS_PER_SECOND;
        self.facts.text = Some(shown.beijing().format("%Y-%m-%d %H:%M:%S").to_string());
        self.facts.difference_seconds = Some(difference);
        self.facts.read_at = Some(capture);
        self.facts.place = Some(reading.area);
        let before = self.last_shown.replace((shown, capture));
        let stopped = before.is_some_and(|(was, at)| was == shown && capture.micros_since(at) >= STOPPED_AFTER_MICROS);
        if stopped {
            Verdict::Frozen
        } else if difference.abs() <= self.settings.tolerance_seconds {
            Verdict::Right
        } else {
            Verdict::Wrong
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: JudgeSettings = JudgeSettings { interval: Duration::from_secs(60), tolerance_seconds: 2, confirmations: 2 };

    fn at(seconds: i64) -> WallTime {
        // 2026-11-22T14:50:03.400+08:00 and so many seconds.
        WallTime::from_micros((1_795_330_203 + seconds) * 1_000_000 + 400_000)
    }

    fn showing(seconds: i64) -> Look {
        let times = vec![at(seconds).beijing().naive_local().with_nanosecond_zero()];
        let area = Area { x: 10, y: 10, width: 300, height: 20 };
        Look::Read(Reading { times, area, digit_height: 20, score: 0.9, margin: 0.2 })
    }

    trait WholeSecond {
        fn with_nanosecond_zero(self) -> Self;
    }

    impl WholeSecond for chrono::NaiveDateTime {
        fn with_nanosecond_zero(self) -> Self {
            use chrono::Timelike as _;
            self.with_nanosecond(0).expect("nought is a nanosecond")
        }
    }

    /// Looks at each second with what is shown there; gives every verdict and the seconds to the next look.
    fn judged(looks: &[(i64, Look)]) -> Vec<(Verdict, u64)> {
        let mut judge = Judge::new(SETTINGS);
        let step = |(second, look): &(i64, Look)| {
            judge.take(look, at(*second));
            (judge.facts().verdict, judge.next_look().as_secs())
        };
        looks.iter().map(step).collect()
    }

    #[test]
    fn a_clock_is_proven_by_two_looks_and_then_left_alone_for_an_interval() {
        let looks = [(0, showing(0)), (5, showing(5)), (65, showing(64))];
        assert_eq!(judged(&looks), [(Verdict::Unknown, 5), (Verdict::Right, 60), (Verdict::Right, 60)]);
    }

    #[test]
    fn five_seconds_off_is_wrong_and_two_are_not() {
        let mut judge = Judge::new(SETTINGS);
        for second in [0, 5] {
            judge.take(&showing(second + 5), at(second));
        }
        assert_eq!((judge.facts().verdict, judge.facts().difference_seconds), (Verdict::Wrong, Some(5)));
        assert_eq!(judge.facts().text.as_deref(), Some("2026-11-22 14:50:13"));
        assert_eq!(judged(&[(0, showing(-2)), (5, showing(3))]).last(), Some(&(Verdict::Right, 60)));
        assert_eq!(judged(&[(0, showing(-3)), (5, showing(2))]).last(), Some(&(Verdict::Wrong, 60)));
    }

    #[test]
    fn eight_hours_off_is_wrong_by_eight_hours() {
        let mut judge = Judge::new(SETTINGS);
        for second in [0, 5] {
            judge.take(&showing(second - 8 * 3600), at(second));
        }
        assert_eq!((judge.facts().verdict, judge.facts().difference_seconds), (Verdict::Wrong, Some(-28_800)));
    }

    #[test]
    fn a_clock_that_stops_is_told_from_one_that_is_wrong() {
        let looks = [(0, showing(0)), (5, showing(5)), (65, showing(5)), (70, showing(5)), (130, showing(5))];
        let verdicts: Vec<Verdict> = judged(&looks).into_iter().map(|v| v.0).collect();
        use Verdict::{Frozen, Right, Unknown};
        assert_eq!(verdicts, [Unknown, Right, Right, Frozen, Frozen]);
        // Stopped hours ago.
        let verdicts: Vec<Verdict> = judged(&[(0, showing(-7000)), (5, showing(-7000))]).into_iter().map(|v| v.0).collect();
        assert_eq!(verdicts, [Unknown, Frozen]);
    }

    #[test]
    fn one_bad_look_says_nothing_and_brings_the_next_one_forward() {
        let looks = [(0, showing(0)), (5, showing(5)), (65, Look::Nothing), (70, showing(70)), (75, showing(75))];
        let expected =
            [(Verdict::Unknown, 5), (Verdict::Right, 60), (Verdict::Right, 5), (Verdict::Right, 5), (Verdict::Right, 60)];
        assert_eq!(judged(&looks), expected);
    }

    #[test]
    fn nothing_twice_is_missing_and_anything_written_is_unreadable() {
        assert_eq!(judged(&[(0, Look::Nothing), (5, Look::Nothing)]).last(), Some(&(Verdict::Missing, 60)));
        assert_eq!(judged(&[(0, Look::Nothing), (5, Look::Illegible)]).last(), Some(&(Verdict::Unreadable, 60)));
        assert_eq!(judged(&[(0, Look::Illegible), (5, Look::Nothing)]).last(), Some(&(Verdict::Unreadable, 60)));
        let doubtful = match showing(0) {
            Look::Read(reading) => Look::Doubtful(reading),
            other => other,
        };
        // A doubtful reading proves nothing, even one that would be right.
        assert_eq!(judged(&[(0, doubtful.clone()), (5, doubtful)]).last(), Some(&(Verdict::Unreadable, 60)));
    }

    #[test]
    fn a_clock_set_right_again_is_proven_again() {
        let looks = [(0, showing(5)), (5, showing(10)), (65, showing(65)), (70, showing(70))];
        let verdicts: Vec<Verdict> = judged(&looks).into_iter().map(|v| v.0).collect();
        assert_eq!(verdicts, [Verdict::Unknown, Verdict::Wrong, Verdict::Wrong, Verdict::Right]);
    }

    #[test]
    fn a_date_that_reads_two_ways_is_taken_the_way_that_fits() {
        // 2026-04-03 14:50:03 in Beijing.
        let capture = WallTime::parse_rfc3339("2026-04-03T14:50:03+08:00").expect("a time");
        let date = |m, d| chrono::NaiveDate::from_ymd_opt(2026, m, d).and_then(|d| d.and_hms_opt(14, 50, 3)).expect("a time");
        let area = Area { x: 0, y: 0, width: 9, height: 9 };
        let reading = Reading { times: vec![date(3, 4), date(4, 3)], area, digit_height: 9, score: 0.9, margin: 0.2 };
        let mut judge = Judge::new(SETTINGS);
        judge.take(&Look::Read(reading), capture);
        assert_eq!(judge.facts().difference_seconds, Some(0));
    }
}
