use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

fn day(text: &str) -> NaiveDate {
    text.parse().expect("a date")
}

fn calendar() -> Calendar {
    Calendar::published().expect("the shipped files")
}

fn due(recorded: &str) -> (String, bool) {
    let due = calendar().due(day(recorded), KEEP_WORKING_DAYS);
    (due.may_go_date.to_string(), due.certain)
}

fn sure(date: &str) -> (String, bool) {
    (date.to_owned(), true)
}

/// 国办发明电〔2025〕7号. Later working days: 09-22..24 (3), 09-28..30 (6), 10-08..10 (9, the Saturday made up), 10-12..16 (14),
/// 10-19..23 (19), 10-26..30 (24), 11-02..06 (29), 11-09 (30).
#[test]
fn thirty_working_days_over_national_day_2026() {
    let due = calendar().due(day("2026-09-21"), 30);
    assert_eq!(due.may_go_from.to_rfc3339(), "2026-11-10T00:00:00.000+08:00");
    assert_eq!((due.certain, due.unpublished), (true, None));
}

/// 国办发明电〔2025〕7号. 10-08..10 (3), 10-12..16 (8), 10-19..23 (13), 10-26..30 (18), 11-02..06 (23), 11-09..13 (28), 11-16, 17.
#[test]
fn the_eve_of_national_day_2026() {
    assert_eq!(due("2026-09-30"), sure("2026-11-18"));
}

/// 国办发明电〔2025〕7号. 02-14 made up (1), 02-24..28 with the Saturday (6), 03-02..06 (11), 03-09..13 (16), 03-16..20 (21),
/// 03-23..27 (26), 03-30..04-02 (30).
#[test]
fn thirty_working_days_over_spring_festival_2026() {
    assert_eq!(due("2026-02-13"), sure("2026-04-03"));
}

/// 国办发明电〔2025〕7号: Sunday 2026-09-20 is worked. It (1), 09-21..24 (5), 09-28..30 (8), 10-08..10 (11), 10-12..16 (16),
/// 10-19..23 (21), 10-26..30 (26), 11-02..05 (30): without it 11-06 would be the last.
#[test]
fn a_make_up_sunday_counts() {
    assert_eq!(calendar().is_working_day(day("2026-09-20")), Certainty::WorkingDay);
    assert_eq!(due("2026-09-19"), sure("2026-11-06"));
    assert_eq!(due("2026-09-20"), sure("2026-11-07"));
}

/// The recorded day itself never counts, whether worked or not: 10-10 is a make-up Saturday, 10-11 a Sunday.
#[test]
fn on_2026_11_22_the_oldest_day_owed_is_10_12() {
    assert_eq!(due("2026-10-10"), sure("2026-11-21"));
    assert_eq!(due("2026-10-11"), sure("2026-11-21"));
    assert_eq!(due("2026-10-12"), sure("2026-11-24"));
}

/// 国办发明电〔2023〕7号 only encourages leave on New Year's Eve (除夕); from 2025 on it is a day off.
#[test]
fn new_years_eve_2024_is_a_working_day() {
    assert_eq!(calendar().is_working_day(day("2024-02-09")), Certainty::WorkingDay);
    assert_eq!(calendar().is_working_day(day("2025-01-28")), Certainty::DayOff);
}

/// 2026-11-19 ends on 2026-12-31. The day after needs 2027, which has no notice: 60 calendar days must be complete, the last of
/// them 2027-01-19; the conservative count alone would have been done on 2027-01-06.
#[test]
fn footage_that_needs_2027_is_kept_by_the_conservative_count() {
    assert_eq!(due("2026-11-19"), sure("2027-01-01"));
    let due = calendar().due(day("2026-11-20"), 30);
    assert_eq!(due.may_go_from.to_rfc3339(), "2027-01-20T00:00:00.000+08:00");
    assert_eq!((due.certain, due.unpublished), (false, Some(2027)));
}

/// Of 2027 only 01-06..08 (3), 01-11..14 (7) lie before the Spring Festival's window; 03-01..31 has 23: the last is 03-31, with
/// 2026-12-31 not counted as it is the recorded day.
#[test]
fn no_day_of_a_possible_holiday_counts_in_an_unpublished_year() {
    let due = calendar().due(day("2026-12-31"), 30);
    assert_eq!((due.may_go_date, due.certain), (day("2027-04-01"), false));
    for possible in
        ["2027-01-01", "2027-02-10", "2027-04-05", "2027-05-03", "2027-06-09", "2027-09-15", "2027-10-08", "2027-12-31"]
    {
        assert!(!surely_works(day(possible)), "{possible}");
    }
    assert!(!surely_works(day("2028-02-29")) && !surely_works(day("2027-03-06")) && surely_works(day("2027-03-05")));
}

#[test]
fn dates_outside_the_tables_are_uncertain_and_never_a_panic() {
    for outside in ["2023-12-29", "2027-01-04", "1986-05-04", "1940-06-01", "0001-01-01"] {
        assert_eq!(calendar().is_working_day(day(outside)), Certainty::Unpublished, "{outside}");
    }
    for edge in [NaiveDate::MIN, NaiveDate::MAX, day("2023-11-01"), day("1940-04-01"), day("9999-12-31")] {
        let due = calendar().due(edge, 30);
        assert!(!due.certain && due.may_go_date >= edge && !due.may_go_from.to_rfc3339().is_empty(), "{edge}");
    }
    assert!(!calendar().due(NaiveDate::MAX, u16::MAX).certain);
}

#[test]
fn a_missing_notice_is_an_alarm_from_1_december() {
    assert_eq!(calendar().missing_notice_alarm(day("2026-11-30")), None);
    let alarm = calendar().missing_notice_alarm(day("2026-12-01")).expect("2027 is missing");
    assert_eq!(alarm.years, [2027]);
    assert!(alarm.zh.contains("2027年") && alarm.en.contains("2027"), "{alarm:?}");
    // It stands on when the year has begun, and names both years at its end.
    assert_eq!(calendar().missing_notice_alarm(day("2027-03-01")).map(|a| a.years), Some(vec![2027]));
    assert_eq!(calendar().missing_notice_alarm(day("2027-12-01")).map(|a| a.years), Some(vec![2027, 2028]));
    assert_eq!(calendar().missing_notice_alarm(day("2025-12-31")), None);
}

/// A later notice may name days of the December before it, as 国办发明电〔2018〕15号 did: Monday 2018-12-31 off, Saturday 12-29 worked.
#[test]
fn a_notice_may_reach_back_into_december() {
    let next = include_str!("../../config/calendar/2025.toml")
        .replace("from = 2025-01-01\n", "from = 2024-12-30\n")
        .replace("to = 2025-01-01\n", "to = 2025-01-01\nmake_up = [2024-12-28]\n");
    let calendar = Calendar::from_tomls([("2024.toml", include_str!("../../config/calendar/2024.toml")), ("2025.toml", &next)])
        .expect("both");
    assert_eq!(calendar.is_working_day(day("2024-12-31")), Certainty::DayOff);
    assert_eq!(calendar.is_working_day(day("2024-12-28")), Certainty::WorkingDay);
    assert_eq!(calendar.is_working_day(day("2024-12-27")), Certainty::WorkingDay);
}

#[test]
fn two_files_for_one_year_are_refused() {
    let text = include_str!("../../config/calendar/2024.toml");
    let error = Calendar::from_tomls([("a.toml", text), ("b.toml", text)]).expect_err("twice");
    assert_eq!(error.to_string(), "b.toml: 2024 is already given by another file; keep one of them");
}

/// Days off and make-up days as lists, from four packages compared day by day, not from the files under test.
const OFF: &str = "2024-01-01 2024-02-10 2024-02-11 2024-02-12 2024-02-13 2024-02-14 2024-02-15 2024-02-16 2024-02-17 2024-04-04 \
    2024-04-05 2024-04-06 2024-05-01 2024-05-02 2024-05-03 2024-05-04 2024-05-05 2024-06-10 2024-09-15 2024-09-16 2024-09-17 \
    2024-10-01 2024-10-02 2024-10-03 2024-10-04 2024-10-05 2024-10-06 2024-10-07 \
    2025-01-01 2025-01-28 2025-01-29 2025-01-30 2025-01-31 2025-02-01 2025-02-02 2025-02-03 2025-02-04 2025-04-04 2025-04-05 \
    2025-04-06 2025-05-01 2025-05-02 2025-05-03 2025-05-04 2025-05-05 2025-05-31 2025-06-01 2025-06-02 2025-10-01 2025-10-02 \
    2025-10-03 2025-10-04 2025-10-05 2025-10-06 2025-10-07 2025-10-08 \
    2026-01-01 2026-01-02 2026-01-03 2026-02-15 2026-02-16 2026-02-17 2026-02-18 2026-02-19 2026-02-20 2026-02-21 2026-02-22 \
    2026-02-23 2026-04-04 2026-04-05 2026-04-06 2026-05-01 2026-05-02 2026-05-03 2026-05-04 2026-05-05 2026-06-19 2026-06-20 \
    2026-06-21 2026-09-25 2026-09-26 2026-09-27 2026-10-01 2026-10-02 2026-10-03 2026-10-04 2026-10-05 2026-10-06 2026-10-07";
const MADE_UP: &str = "2024-02-04 2024-02-18 2024-04-07 2024-04-28 2024-05-11 2024-09-14 2024-09-29 2024-10-12 \
    2025-01-26 2025-02-08 2025-04-27 2025-09-28 2025-10-11 \
    2026-01-04 2026-02-14 2026-02-28 2026-05-09 2026-09-20 2026-10-10";

/// A second count, written another way: all working days of 2024 to 2026 in a row, the thirtieth behind the day picked by index.
#[test]
fn every_day_of_2024_to_2026_agrees_with_a_second_count() {
    let off: BTreeSet<NaiveDate> = OFF.split_whitespace().map(day).collect();
    let made_up: BTreeSet<NaiveDate> = MADE_UP.split_whitespace().map(day).collect();
    // 2024-01-01 was a Monday, so the remainder by seven tells the weekday without asking for it.
    let first = day("2024-01-01");
    let all: Vec<NaiveDate> = first.iter_days().take(366 + 365 + 365).collect();
    let worked: Vec<NaiveDate> = (0..all.len())
        .filter(|i| made_up.contains(&all[*i]) || (i % 7 < 5 && !off.contains(&all[*i])))
        .map(|i| all[i])
        .collect();
    let per_year = |year: i32| worked.iter().filter(|d| d.year() == year).count();
    assert_eq!([per_year(2024), per_year(2025), per_year(2026)], [251, 248, 248]);

    let calendar = calendar();
    let mut longest = BTreeMap::new();
    let mut compared = 0;
    for recorded in &all {
        let Some(thirtieth) = worked.get(worked.partition_point(|d| d <= recorded) + 29) else { break };
        let due = calendar.due(*recorded, 30);
        assert_eq!((due.may_go_date, due.certain), (thirtieth.succ_opt().expect("a day"), true), "{recorded}");
        let span = (*thirtieth - *recorded).num_days();
        let most = longest.entry(recorded.year()).or_insert(0);
        *most = span.max(*most);
        compared += 1;
    }
    // The last day settled by 2026 alone is 2026-11-19, the 323rd of its year.
    assert_eq!(compared, 366 + 365 + 323);
    assert_eq!(longest, BTreeMap::from([(2024, 50), (2025, 49), (2026, 49)]));
}

proptest! {
    #[test]
    fn due_never_falls_and_is_never_under_thirty_calendar_days(start in 0u64..3_000, later in 0u64..120) {
        let calendar = calendar();
        let first = day("2024-01-01") + Days::new(start);
        let second = first + Days::new(later);
        let (a, b) = (calendar.due(first, 30), calendar.due(second, 30));
        prop_assert!(a.may_go_date <= b.may_go_date && a.may_go_from <= b.may_go_from);
        // Thirty later days complete: the thirty-first is the first it may go on.
        prop_assert!((a.may_go_date - first).num_days() >= 31);
        prop_assert!(a.certain || (a.may_go_date - first).num_days() >= 61);
    }
}
