//! Every date of 2004 to 2026 against a second count, written apart from the calendar's code and from a list its files do not come from.
//!
//! The list is that of the package `holidays` (config/calendar/README.md tells how it compares with the others).

#![allow(clippy::unwrap_used, reason = "a panic here is a failed test with a line number")]

use jiancha::calendar::{Calendar, Certainty};

const LIST: &str = include_str!("calendar_data/holidays-0.109.txt");

/// Days are counted from 2004-01-01, a Thursday.
const DAYS: usize = 8401;

/// Month lengths of a year, without asking a library.
fn months(year: usize) -> [usize; 12] {
    let february = if year.is_multiple_of(4) { 29 } else { 28 };
    [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
}

/// The number of a day from its year and `MM-DD`.
fn number(year: usize, month_day: &str) -> usize {
    let (month, day) = month_day.split_once('-').unwrap();
    let before: usize = (2004..year).map(|y| months(y).iter().sum::<usize>()).sum();
    before + months(year)[..month.parse::<usize>().unwrap() - 1].iter().sum::<usize>() + day.parse::<usize>().unwrap() - 1
}

/// For each day whether it is worked.
fn worked() -> Vec<bool> {
    let mut worked: Vec<bool> = (0..DAYS).map(|n| (n + 3) % 7 < 5).collect();
    for line in LIST.lines().filter(|line| !line.starts_with('#')) {
        let mut words = line.split(' ');
        let (year, kind) = (words.next().unwrap().parse().unwrap(), words.next().unwrap());
        for day in words {
            worked[number(year, day)] = kind == "worked";
        }
    }
    worked
}

fn date(number: usize) -> chrono::NaiveDate {
    chrono::NaiveDate::from_ymd_opt(2004, 1, 1).unwrap() + chrono::Days::new(number as u64)
}

#[test]
fn every_day_is_worked_or_off_as_the_second_list_has_it() {
    let calendar = Calendar::published().unwrap();
    for (n, worked) in worked().into_iter().enumerate() {
        // 28 to 31 December 2026 are for 2027's notice to settle.
        let known = if n >= DAYS - 4 {
            Certainty::Unpublished
        } else if worked {
            Certainty::WorkingDay
        } else {
            Certainty::DayOff
        };
        assert_eq!(calendar.is_working_day(date(n)), known, "{}", date(n));
    }
}

#[test]
fn for_every_date_footage_may_go_the_day_after_the_thirtieth_later_working_day() {
    let calendar = Calendar::published().unwrap();
    let worked = worked();
    let (mut compared, mut longest) = (0, (0, Vec::new()));
    for recorded in 0..DAYS {
        let thirtieth = (recorded + 1..DAYS - 4).filter(|n| worked[*n]).nth(29);
        let due = calendar.due(date(recorded), 30);
        let Some(thirtieth) = thirtieth else {
            // From 2026-11-16 on 2027 is needed: at least 60 whole calendar days, and said to be uncertain.
            assert!(!due.certain && due.may_go_date >= date(recorded + 61), "{}", date(recorded));
            assert_eq!(due.unpublished, Some(2027));
            continue;
        };
        assert_eq!((due.may_go_date, due.certain), (date(thirtieth + 1), true), "{}", date(recorded));
        compared += 1;
        if thirtieth - recorded > longest.0 {
            longest = (thirtieth - recorded, Vec::new());
        }
        if thirtieth - recorded == longest.0 {
            longest.1.push(format!("{} {}", date(recorded), date(thirtieth)));
        }
    }
    assert_eq!((compared, date(compared).to_string()), (8355, "2026-11-16".to_owned()));
    // 国办发明电〔2020〕1号 lengthened the Spring Festival by three days when it had begun.
    assert_eq!(
        longest,
        (52, vec!["2019-12-13 2020-02-03".into(), "2019-12-20 2020-02-10".into(), "2019-12-27 2020-02-17".into()])
    );
}
