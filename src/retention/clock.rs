//! How far the clock is believed when footage is to go (R7 holds for a wrong clock too).
//!
//! Two guards, both pure. [`Witness`]: a working day counts as complete only when the recorder was there on it, so a clock that
//! jumps months ahead gains one day per day at most. [`ClockWatch`]: a step of the clock, or recordings from the future, pause
//! deleting for a while. `design.md` beside this file tells why, and what is left.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::calendar::Calendar;
use crate::catalogue::RecordedDate;
use crate::time::WallTime;

/// The recorder was there on a date when recordings of that date, or its own waking time, reach over at least this.
pub const PRESENT_SECONDS: u64 = 3600;

/// A wall clock that leaves the monotonic one by more than this was set.
const STEP_SECONDS: i64 = 600;

/// After a step nothing goes for this long: time to notice and to set the clock right.
const PAUSE_AFTER_STEP: Duration = Duration::from_secs(6 * 3600);

/// The newest recording may lie this far ahead of now: cameras' clocks differ.
const AHEAD_SECONDS: i64 = 24 * 3600;

/// A clock that has stood behind the newest recording for this long, awake, is the right one: the recording's was wrong.
const BEHIND_BELIEVED_AFTER: u64 = 3 * 24 * 3600;

/// On which Beijing dates the recorder was there (在岗日期).
#[derive(Clone, Debug, Default)]
pub struct Presence {
    dates: BTreeMap<NaiveDate, Seen>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    /// Starts of the first and the last recording.
    recorded: Option<(WallTime, WallTime)>,
    awake_seconds: u64,
}

impl Presence {
    /// Recordings of a date.
    pub fn recorded(&mut self, day: RecordedDate) {
        let seen = self.dates.entry(day.date).or_default();
        let (first, last) = seen.recorded.unwrap_or((day.first, day.last));
        seen.recorded = Some((first.min(day.first), last.max(day.last)));
    }

    /// The recorder was awake on `date` for so many seconds, added up.
    pub fn awake(&mut self, date: NaiveDate, seconds: u64) {
        let seen = self.dates.entry(date).or_default();
        seen.awake_seconds = seen.awake_seconds.saturating_add(seconds);
    }

    fn dates(&self) -> impl DoubleEndedIterator<Item = NaiveDate> {
        let long_enough = |seen: &Seen| {
            let recorded = seen.recorded.map_or(0, |(first, last)| last.micros_since(first) / 1_000_000);
            u64::try_from(recorded).unwrap_or(0).max(seen.awake_seconds) >= PRESENT_SECONDS
        };
        self.dates.iter().filter(move |(_, seen)| long_enough(seen)).map(|(date, _)| *date)
    }
}

/// The working days that are complete and on which the recorder was there.
#[derive(Clone, Debug, Default)]
pub struct Witness {
    /// In order.
    days: Vec<NaiveDate>,
}

impl Witness {
    /// Counts the days before `today`. Days from `foreseen` on are taken as attended: for a look ahead.
    ///
    /// A working day followed by one on which the recorder was not there does not count: it may have been cut short by the step
    /// that skipped the next.
    pub fn of(calendar: &Calendar, presence: &Presence, today: NaiveDate, foreseen: Option<NaiveDate>) -> Self {
        let mut seen: Vec<NaiveDate> = presence.dates().filter(|d| *d <= today).collect();
        if let Some(foreseen) = foreseen.filter(|f| *f < today) {
            seen.retain(|d| *d < foreseen);
            seen.extend(foreseen.iter_days().take_while(|d| *d <= today));
        }
        let mut days = Vec::new();
        for (n, date) in seen.iter().enumerate().filter(|(_, date)| **date < today && calendar.counts(**date)) {
            let followed = seen.get(n + 1).copied().unwrap_or(today).min(today);
            let skipped = date.iter_days().skip(1).take_while(|d| *d < followed).any(|d| calendar.counts(d));
            if !skipped {
                days.push(*date);
            }
        }
        Self { days }
    }

    /// How many of them lie behind `date`.
    pub fn later_than(&self, date: NaiveDate) -> usize {
        self.days.len() - self.days.partition_point(|d| *d <= date)
    }
}

/// Why the clock is not believed for now (时钟可疑).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "doubt")]
pub enum ClockDoubt {
    /// Something was recorded later than now: now, or then, the clock was wrong.
    BehindRecordings {
        /// Start of the newest recording.
        newest: WallTime,
    },
    /// The clock was set a short while ago.
    Stepped {
        /// By so many seconds; negative when it was set back.
        seconds: i64,
    },
}

/// What is kept of a clock that stands behind the newest recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Behind {
    /// Start of the newest recording.
    pub newest: WallTime,
    /// For how long the recorder was awake with the clock behind it.
    pub awake_seconds: u64,
}

impl Behind {
    /// Whether `newest` lies too far ahead of `now`, and what is known of that: `standing` goes on while it is about the same time.
    pub fn of(standing: Option<Behind>, newest: WallTime, now: WallTime) -> Option<Behind> {
        if newest.micros_since(now) <= AHEAD_SECONDS * 1_000_000 {
            return None;
        }
        Some(standing.filter(|b| b.newest >= newest).unwrap_or(Behind { newest, awake_seconds: 0 }))
    }

    /// The doubt that follows; `None` once the clock has stood so long that it is the recording's that was wrong.
    pub fn doubt(self) -> Option<ClockDoubt> {
        (self.awake_seconds < BEHIND_BELIEVED_AFTER).then_some(ClockDoubt::BehindRecordings { newest: self.newest })
    }
}

/// Watches for steps of the wall clock while the program runs.
#[derive(Debug, Default)]
pub struct ClockWatch {
    last: Option<(WallTime, Duration)>,
    stepped: Option<(Duration, i64)>,
}

impl ClockWatch {
    /// Takes both clocks; gives the seconds that really passed since the last look, and the doubt of a recent step.
    pub fn look(&mut self, now: WallTime, monotonic: Duration) -> (u64, Option<ClockDoubt>) {
        let passed = self.last.map_or(Duration::ZERO, |(_, then)| monotonic.saturating_sub(then));
        if let Some((then, _)) = self.last {
            let real = i64::try_from(passed.as_secs()).unwrap_or(i64::MAX);
            let seconds = (now.micros_since(then) / 1_000_000).saturating_sub(real);
            if seconds.abs() > STEP_SECONDS {
                self.stepped = Some((monotonic, seconds));
            }
        }
        self.last = Some((now, monotonic));
        self.stepped = self.stepped.filter(|(at, _)| monotonic.saturating_sub(*at) < PAUSE_AFTER_STEP);
        (passed.as_secs(), self.stepped.map(|(_, seconds)| ClockDoubt::Stepped { seconds }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a date")
    }

    fn presence(from: &str, to: &str) -> Presence {
        let mut presence = Presence::default();
        for date in day(from).iter_days().take_while(|d| *d <= day(to)) {
            let first = crate::calendar::midnight(date);
            presence.recorded(RecordedDate { date, first, last: first.plus_micros(3_600_000_000) });
        }
        presence
    }

    fn later(presence: &Presence, recorded: &str, today: &str) -> usize {
        let calendar = Calendar::published().expect("the shipped files");
        Witness::of(&calendar, presence, day(today), None).later_than(day(recorded))
    }

    /// 国办发明电〔2025〕7号: the thirtieth working day behind 2026-09-21 is 2026-11-09.
    #[test]
    fn days_count_once_they_are_over() {
        let all = presence("2026-09-21", "2026-11-10");
        assert_eq!(later(&all, "2026-09-21", "2026-11-09"), 29);
        assert_eq!(later(&all, "2026-09-21", "2026-11-10"), 30);
    }

    #[test]
    fn a_clock_months_ahead_gains_nothing() {
        // Friday 2026-08-14, some hours recorded; then the clock jumps to November and an hour is recorded there.
        let mut jumped = presence("2026-08-01", "2026-08-14");
        jumped.recorded(RecordedDate {
            date: day("2026-11-16"),
            first: crate::calendar::midnight(day("2026-11-16")),
            last: crate::calendar::midnight(day("2026-11-16")).plus_micros(7_200_000_000),
        });
        // 3..7 and 10..13 August; the 14th may have been cut short.
        assert_eq!(later(&jumped, "2026-08-01", "2026-11-16"), 9);
        assert_eq!(later(&jumped, "2026-08-01", "2026-11-17"), 10);
    }

    #[test]
    fn minutes_on_a_date_are_no_presence_and_waking_hours_are() {
        let mut short = Presence::default();
        let first = crate::calendar::midnight(day("2026-11-16"));
        short.recorded(RecordedDate { date: day("2026-11-16"), first, last: first.plus_micros(3_599_000_000) });
        assert_eq!(later(&short, "2026-11-01", "2026-11-17"), 0);
        short.awake(day("2026-11-16"), 3600);
        assert_eq!(later(&short, "2026-11-01", "2026-11-17"), 1);
    }

    #[test]
    fn closed_weekends_and_holidays_cut_nothing_short() {
        let mut working = presence("2026-09-28", "2026-09-30");
        // 1..7 October are off.
        working.awake(day("2026-10-08"), 4000);
        assert_eq!(later(&working, "2026-09-27", "2026-10-09"), 4);
    }

    #[test]
    fn a_step_pauses_for_six_hours_and_time_goes_on_counting() {
        let mut watch = ClockWatch::default();
        let (t, s) = (|s: i64| WallTime::from_micros(s * 1_000_000), Duration::from_secs);
        assert_eq!(watch.look(t(1000), s(0)), (0, None));
        assert_eq!(watch.look(t(1300), s(300)), (300, None));
        assert_eq!(watch.look(t(100_000), s(600)), (300, Some(ClockDoubt::Stepped { seconds: 98_400 })));
        assert_eq!(watch.look(t(121_000), s(21_600)).1, Some(ClockDoubt::Stepped { seconds: 98_400 }));
        assert_eq!(watch.look(t(121_700), s(22_300)).1, None);
        assert_eq!(watch.look(t(300), s(22_600)).1, Some(ClockDoubt::Stepped { seconds: -121_700 }));
    }

    #[test]
    fn recordings_from_the_future_stop_deleting_for_three_waking_days() {
        let (now, newest) = (WallTime::from_micros(0), WallTime::from_micros(100_000_000_000));
        assert_eq!(Behind::of(None, WallTime::from_micros(86_400_000_000), now), None);
        let mut behind = Behind::of(None, newest, now).expect("27 hours ahead");
        assert_eq!(behind.doubt(), Some(ClockDoubt::BehindRecordings { newest }));
        behind.awake_seconds = 259_200;
        assert_eq!(Behind::of(Some(behind), newest, now).and_then(Behind::doubt), None);
        // A newer recording from the future begins it anew.
        let newer = newest.plus_micros(1);
        assert_eq!(Behind::of(Some(behind), newer, now), Some(Behind { newest: newer, awake_seconds: 0 }));
    }
}
