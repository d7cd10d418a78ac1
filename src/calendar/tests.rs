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

/// Friday 2026-12-25 is the last day no later notice can take: from Monday 12-28 on, that of 2027 may. Footage of 2026-11-20 has 25
/// sure working days in 2026 and five more on 2027-01-06..08, 11 and 12; but 60 calendar days must be complete, the last of them
/// 2027-01-19.
#[test]
fn footage_that_needs_2027_is_kept_by_the_conservative_count() {
    assert_eq!(due("2026-11-15"), sure("2026-12-26"));
    let next = calendar().due(day("2026-11-16"), 30);
    assert_eq!((next.may_go_date, next.certain, next.unpublished), (day("2027-01-16"), false, Some(2027)));
    let due = calendar().due(day("2026-11-20"), 30);
    assert_eq!(due.may_go_from.to_rfc3339(), "2027-01-20T00:00:00.000+08:00");
    assert_eq!((due.certain, due.unpublished), (false, Some(2027)));
}

/// 国办发明电〔2018〕15号, of December 2018, made Monday 2018-12-31 a day off: before it came out, the day was not to be counted.
#[test]
fn the_last_days_of_december_are_open_until_the_next_notice_is_known() {
    let (y2018, y2019) = (include_str!("../../config/calendar/2018.toml"), include_str!("../../config/calendar/2019.toml"));
    let before = Calendar::from_tomls([("2018.toml", y2018)]).expect("good");
    let after = Calendar::from_tomls([("2018.toml", y2018), ("2019.toml", y2019)]).expect("good");
    let settled = |calendar: &Calendar| {
        ["2018-12-27", "2018-12-28", "2018-12-29", "2018-12-30", "2018-12-31"].map(|date| calendar.is_working_day(day(date)))
    };
    use Certainty::{DayOff as Off, Unpublished as Open, WorkingDay as Worked};
    assert_eq!(settled(&before), [Worked, Open, Open, Open, Open]);
    assert_eq!(settled(&after), [Worked, Worked, Worked, Off, Off]);
    // The fifth later working day is 12-27 in the one case; in the other it is 12-28 and may be taken yet.
    assert!(before.due(day("2018-12-20"), 5).certain);
    assert_eq!(before.due(day("2018-12-21"), 5).unpublished, Some(2019));
}

/// The built-in years: 23 of them, those changed under way with the notice that did it.
#[test]
fn every_year_from_2004_to_2026_is_built_in() {
    let calendar = calendar();
    assert!(calendar.years().map(|y| y.year).eq(2004..=2026));
    assert_eq!((calendar.origin(2004), calendar.origin(2027)), (Some(&Origin::BuiltIn), None));
    let amended: Vec<(i32, Option<String>)> =
        calendar.years().flat_map(|y| y.amendments.iter().map(|a| (y.year, a.notice.clone()))).collect();
    let numbers = [(2015, "国发明电〔2015〕1号"), (2019, "国办发明电〔2019〕3号"), (2020, "国办发明电〔2020〕1号")];
    assert_eq!(amended, numbers.map(|(year, number)| (year, Some(number.to_owned()))));
    let unnumbered: Vec<i32> = calendar.years().filter(|y| y.notice.is_none()).map(|y| y.year).collect();
    assert_eq!(unnumbered, [2004, 2005, 2008]);
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
    for outside in ["2003-12-29", "2026-12-28", "2027-01-04", "1986-05-04", "1940-06-01", "0001-01-01"] {
        assert_eq!(calendar().is_working_day(day(outside)), Certainty::Unpublished, "{outside}");
    }
    for edge in [NaiveDate::MIN, NaiveDate::MAX, day("2003-11-01"), day("1940-04-01"), day("9999-12-31")] {
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

proptest! {
    #[test]
    fn due_never_falls_and_is_never_under_thirty_calendar_days(start in 0u64..11_000, later in 0u64..120) {
        let calendar = calendar();
        let first = day("2004-01-01") + Days::new(start);
        let second = first + Days::new(later);
        let (a, b) = (calendar.due(first, 30), calendar.due(second, 30));
        prop_assert!(a.may_go_date <= b.may_go_date && a.may_go_from <= b.may_go_from);
        // Thirty later days complete: the thirty-first is the first it may go on.
        prop_assert!((a.may_go_date - first).num_days() >= 31);
        prop_assert!(a.certain || (a.may_go_date - first).num_days() >= 61);
    }
}
