//! When a storage root reaches its floor: the day on which all that may go has gone and the reserve is touched.

use std::collections::BTreeMap;

use chrono::{Days, NaiveDate};
use serde::Serialize;

use crate::calendar::Calendar;
use crate::hall::Words;

/// Days looked ahead.
pub const MOST_DAYS: u64 = 400;

/// Seconds of a day.
const DAY: u128 = 86_400;

/// A storage root as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RootState {
    /// How people name it.
    pub name: String,
    /// Bytes in all.
    pub total: u64,
    /// Bytes free now.
    pub free: u64,
    /// Bytes that must stay free.
    pub reserve: u64,
    /// Bytes its cameras write in a second.
    pub bytes_per_second: u64,
    /// Bytes on it that become deletable, by the date from which they are; dates gone by count at once. What is held, or whose copy
    /// is not proven, is left out.
    pub deletable: BTreeMap<NaiveDate, u64>,
}

/// What lies ahead of a storage root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RootForecast {
    /// How people name it.
    pub name: String,
    /// The first day at whose end the reserve is touched although everything that may go has gone; `None` within [`MOST_DAYS`].
    pub reaches_floor: Option<NaiveDate>,
    /// Bytes above the reserve at the end of the tightest day; zero when it is touched.
    pub least_spare: u64,
    /// The tightest day up to there.
    pub tightest: NaiveDate,
}

impl RootForecast {
    /// Days from `today` until the floor is reached.
    pub fn days_left(&self, today: NaiveDate) -> Option<i64> {
        self.reaches_floor.map(|date| (date - today).num_days())
    }

    /// The sentence for screen and alarm.
    pub fn words(&self) -> Words {
        let name = &self.name;
        match self.reaches_floor {
            Some(date) => Words::new(
                format!("存储目录 {name} 预计 {date} 到达下限，此后没有可清理的录像"),
                format!("root {name} reaches its floor on {date}, with no footage left that may go"),
            ),
            None => Words::new(
                format!("存储目录 {name} 在 {MOST_DAYS} 天内够用"),
                format!("root {name} has room for the next {MOST_DAYS} days"),
            ),
        }
    }
}

/// Looks ahead day by day: each root takes in its rate around the clock (today counts as a whole day), and gives up what the calendar
/// lets go, what is recorded on the way included.
pub fn forecast(roots: &[RootState], calendar: &Calendar, working_days: u16, today: NaiveDate) -> Vec<RootForecast> {
    let days: Vec<NaiveDate> = (0..MOST_DAYS).filter_map(|n| today.checked_add_days(Days::new(n))).collect();
    // How many of the coming days' footage may go by the start of each day. Answers rise with the day but for the first days of a
    // year without notice, so each is counted by itself.
    let mut gone_from: BTreeMap<NaiveDate, u128> = BTreeMap::new();
    for day in &days {
        // Dates saturate at the end of the calendar's range; nothing goes on the day it is recorded.
        let may_go = Some(calendar.due(*day, working_days).may_go_date).filter(|date| date > day);
        if let Some(date) = may_go {
            *gone_from.entry(date).or_default() += 1;
        }
    }
    roots.iter().map(|root| ahead(root, &days, &gone_from, today)).collect()
}

fn ahead(root: &RootState, days: &[NaiveDate], gone_from: &BTreeMap<NaiveDate, u128>, today: NaiveDate) -> RootForecast {
    let mut deletable = root.deletable.iter().peekable();
    // Free and deletable bytes together, and days whose footage is written and still owed.
    let mut spare = u128::from(root.free);
    let (mut written, mut gone) = (0u128, 0u128);
    let per_day = u128::from(root.bytes_per_second) * DAY;
    let mut told = RootForecast { name: root.name.clone(), reaches_floor: None, least_spare: u64::MAX, tightest: today };
    for day in days {
        while let Some((_, bytes)) = deletable.next_if(|(from, _)| *from <= day) {
            spare += u128::from(*bytes);
        }
        gone += gone_from.get(day).copied().unwrap_or(0);
        written += 1;
        let owed = written.saturating_sub(gone) * per_day;
        let left = spare.saturating_sub(owed);
        let above = u64::try_from(left.saturating_sub(u128::from(root.reserve))).unwrap_or(u64::MAX);
        if above < told.least_spare {
            (told.least_spare, told.tightest) = (above, *day);
        }
        if left <= u128::from(root.reserve) {
            told.reaches_floor = Some(*day);
            break;
        }
    }
    told
}

/// Bytes by the date from which they are deletable, from bytes by day of recording.
pub fn deletable(
    recorded: impl IntoIterator<Item = (NaiveDate, u64)>,
    calendar: &Calendar,
    working_days: u16,
) -> BTreeMap<NaiveDate, u64> {
    let mut by_date: BTreeMap<NaiveDate, u64> = BTreeMap::new();
    for (day, bytes) in recorded {
        let sum = by_date.entry(calendar.due(day, working_days).may_go_date).or_default();
        *sum = sum.saturating_add(bytes);
    }
    by_date
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a date")
    }

    fn calendar() -> Calendar {
        Calendar::published().expect("the shipped files")
    }

    fn root(free: u64, rate: u64) -> RootState {
        let (total, reserve) = (u64::MAX, 0);
        RootState { name: "A".into(), total, free, reserve, bytes_per_second: rate, deletable: BTreeMap::new() }
    }

    const GB_A_DAY: u64 = 86_400_000_000;

    /// An empty disk that takes one gigabyte a day after another: eleven fit above the reserve, on the twelfth it is touched.
    #[test]
    fn a_disk_without_deletable_footage_fills_day_by_day() {
        let mut root = root(12 * GB_A_DAY, 1_000_000);
        root.reserve = GB_A_DAY / 2;
        let told = forecast(std::slice::from_ref(&root), &calendar(), 30, day("2026-11-22")).remove(0);
        assert_eq!(told.reaches_floor, Some(day("2026-12-03")));
        assert_eq!(told.words().en, "root A reaches its floor on 2026-12-03, with no footage left that may go");
        assert_eq!(told.words().zh, "存储目录 A 预计 2026-12-03 到达下限，此后没有可清理的录像");
        assert_eq!((told.days_left(day("2026-11-22")), told.least_spare), (Some(11), 0));
    }

    /// Two days' worth that may go on 2026-11-25 put the floor off by two days.
    #[test]
    fn what_may_go_on_the_way_puts_the_floor_off() {
        let mut root = root(12 * GB_A_DAY, 1_000_000);
        root.reserve = GB_A_DAY / 2;
        root.deletable = deletable([(day("2026-10-13"), GB_A_DAY), (day("2026-10-14"), GB_A_DAY)], &calendar(), 30);
        assert_eq!(root.deletable.keys().copied().collect::<Vec<_>>(), [day("2026-11-25"), day("2026-11-26")]);
        let told = forecast(std::slice::from_ref(&root), &calendar(), 30, day("2026-11-22")).remove(0);
        assert_eq!(told.reaches_floor, Some(day("2026-12-05")));
    }

    /// What holds the longest span, footage that needs the missing 2027 included, never reaches its floor.
    #[test]
    fn a_disk_that_holds_the_worst_span_never_reaches_its_floor() {
        let calendar = calendar();
        let enough = super::super::floor(&calendar, 30, day("2025-11-22")).without_notice_days;
        let never = forecast(&[root(enough * GB_A_DAY + 1, 1_000_000)], &calendar, 30, day("2025-11-22")).remove(0);
        assert_eq!(never.reaches_floor, None);
        let short = forecast(&[root(39 * GB_A_DAY, 1_000_000)], &calendar, 30, day("2025-11-22")).remove(0);
        // 39 days are written by the end of 2025-12-30, and the first may go on 2026-01-06 only.
        assert_eq!(short.reaches_floor, Some(day("2025-12-30")));
    }

    #[test]
    fn no_number_and_no_date_is_too_large() {
        let mut full = root(0, u64::MAX);
        full.deletable = BTreeMap::from([(NaiveDate::MIN, u64::MAX), (NaiveDate::MAX, u64::MAX)]);
        full.reserve = u64::MAX;
        for today in [NaiveDate::MIN, day("2026-11-22"), NaiveDate::MAX] {
            assert_eq!(forecast(&[full.clone()], &calendar(), 2000, today)[0].reaches_floor, Some(today));
        }
        assert_eq!(forecast(&[root(u64::MAX, 0)], &calendar(), 0, day("2026-11-22"))[0].reaches_floor, None);
    }

    proptest! {
        #[test]
        fn more_space_is_never_earlier_and_a_higher_rate_never_later(
            free in 0u64..200 * GB_A_DAY, extra in any::<u64>(), rate in 0u64..5_000_000, more in any::<u64>(),
            deletable in prop::collection::vec((0u64..450, 0u64..5 * GB_A_DAY), 0..20), reserve in 0u64..GB_A_DAY, start in 0u64..500,
        ) {
            let calendar = calendar();
            let today = day("2025-10-01") + Days::new(start);
            let deletable: BTreeMap<NaiveDate, u64> =
                deletable.into_iter().map(|(n, bytes)| (day("2025-09-01") + Days::new(n), bytes)).collect();
            let state = |free: u64, rate: u64| RootState { reserve, deletable: deletable.clone(), ..root(free, rate) };
            let roots = [state(free, rate), state(free.saturating_add(extra), rate), state(free, rate.saturating_add(more))];
            let told = forecast(&roots, &calendar, 30, today);
            let date = |n: usize| told[n].reaches_floor.unwrap_or(NaiveDate::MAX);
            prop_assert!(date(1) >= date(0) && date(2) <= date(0));
        }
    }
}
