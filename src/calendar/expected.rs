//! When recording is expected (应录时间): opening hours of the zone on working days and other days, or around the clock.

use chrono::{Datelike, NaiveDate, Weekday};

use super::{Calendar, Certainty};
use crate::hall::{CameraId, Hall, OpeningHours, WindowId, ZoneId};
use crate::time::{Span, WallTime};

/// Whose expected time is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject<'a> {
    /// A function zone.
    Zone(&'a ZoneId),
    /// A camera: the hours of its zone and of the zones of the windows it looks at.
    Camera(&'a CameraId),
    /// A service window: the hours of its zone.
    Window(&'a WindowId),
}

/// The parts of `span` in which `subject` is expected to be recorded, in order and apart from each other.
///
/// All of it where neither the zone nor `[hours]` says when it is open, where the zone is open around the clock, and for a subject
/// the hall does not have. A day of a year without a notice is taken as an ordinary Monday to Friday or weekend day.
pub fn expected(hall: &Hall, subject: Subject<'_>, calendar: &Calendar, span: Span) -> Vec<Span> {
    let zones: Vec<&ZoneId> = match subject {
        Subject::Zone(id) => vec![id],
        Subject::Window(id) => hall.window(id).map(|w| &w.zone).into_iter().collect(),
        Subject::Camera(id) => {
            let own = hall.camera(id).map(|c| &c.zone);
            own.into_iter().chain(hall.windows_of(id).map(|w| &w.zone)).collect()
        }
    };
    let hours: Option<Vec<&OpeningHours>> = zones.into_iter().map(|id| hours_of(hall, id)).collect();
    match hours {
        Some(hours) if !hours.is_empty() => open(&hours, calendar, span),
        _ if span.is_empty() => Vec::new(),
        _ => vec![span],
    }
}

/// `None`: around the clock.
fn hours_of<'a>(hall: &'a Hall, zone: &ZoneId) -> Option<&'a OpeningHours> {
    let zone = hall.zone(zone)?;
    if zone.all_day { None } else { zone.hours.as_ref().or(hall.hours.as_ref()) }
}

fn open(hours: &[&OpeningHours], calendar: &Calendar, span: Span) -> Vec<Span> {
    if span.is_empty() {
        return Vec::new();
    }
    let last = span.to.beijing().date_naive();
    let mut spans = Vec::new();
    for day in span.from.beijing().date_naive().iter_days().take_while(|day| *day <= last) {
        let works = match calendar.is_working_day(day) {
            Certainty::WorkingDay => true,
            Certainty::DayOff => false,
            Certainty::Unpublished => !matches!(day.weekday(), Weekday::Sat | Weekday::Sun),
        };
        for hours in hours {
            let parts = if works { &hours.working_days } else { &hours.other_days };
            for part in parts {
                let part = Span::new(instant(day, part.from_minute), instant(day, part.to_minute));
                spans.extend(part.intersect(span));
            }
        }
    }
    Span::join(spans, 0)
}

/// The instant of a minute of a civil day in Beijing; 1440 is the midnight at its end.
fn instant(day: NaiveDate, minute: u16) -> WallTime {
    let (day, minute) = if minute >= 1440 { (day.succ_opt().unwrap_or(day), 0) } else { (day, u32::from(minute)) };
    let (hour, minute) = (minute / 60, minute % 60);
    // Summer time (1986 to 1991, and earlier) skipped an hour once a year.
    WallTime::from_beijing(day, hour, minute, 0)
        .or_else(|| WallTime::from_beijing(day, (hour + 1).min(23), minute, 0))
        .unwrap_or(WallTime::from_micros(i64::MAX))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;

    const HALL: &str = r#"
[hall]
name = "重庆街道便民服务中心"
division = "长春市朝阳区"
[hours]
working_days = ["08:30-12:00", "13:30-17:00"]
[[zone]]
id = "Z1"
type = "综合受理区"
[[zone]]
id = "Z2"
type = "自助申报区"
all_day = true
[[zone]]
id = "Z3"
type = "咨询导服区"
hours = { working_days = ["08:00-18:00"], other_days = ["09:00-12:00"] }
[[camera]]
id = "C1"
kind = "fixed"
zone = "Z1"
url = "rtsp://192.0.2.1/1"
[[camera]]
id = "C2"
kind = "fixed"
zone = "Z2"
url = "rtsp://192.0.2.1/2"
[[camera]]
id = "C3"
kind = "fixed"
zone = "Z3"
url = "rtsp://192.0.2.1/3"
[[window]]
id = "01"
zone = "Z1"
camera = "C1"
pickup = "C1"
[[window]]
id = "02"
zone = "Z1"
camera = "C3"
pickup = "C3"
[[storage]]
path = "/srv/jiancha/a"
"#;

    fn hall(text: &str) -> Hall {
        crate::hall::parse(text, Path::new("/etc/jiancha")).expect("a good hall").0
    }

    fn span(from: &str, to: &str) -> Span {
        Span::new(from.parse().expect("a time"), to.parse().expect("a time"))
    }

    fn hours(subject: Subject<'_>, from: &str, to: &str) -> Vec<String> {
        let calendar = Calendar::published().expect("the shipped files");
        let shown = |t: WallTime| t.beijing().format("%d %H:%M").to_string();
        let spans = expected(&hall(HALL), subject, &calendar, span(from, to));
        spans.into_iter().map(|s| format!("{}-{}", shown(s.from), shown(s.to))).collect()
    }

    /// 国办发明电〔2025〕7号: Sunday 2026-09-20 is worked, Friday 2026-09-25 to Sunday 27 off.
    #[test]
    fn a_make_up_sunday_has_working_hours_and_a_friday_off_has_none() {
        let window = WindowId::new("01");
        let week = hours(Subject::Window(&window), "2026-09-19T00:00:00+08:00", "2026-09-21T00:00:00+08:00");
        assert_eq!(week, ["20 08:30-20 12:00", "20 13:30-20 17:00"]);
        let off = hours(Subject::Window(&window), "2026-09-24T16:00:00+08:00", "2026-09-28T09:00:00+08:00");
        assert_eq!(off, ["24 16:00-24 17:00", "28 08:30-28 09:00"]);
    }

    #[test]
    fn a_zone_may_have_hours_of_its_own_or_be_open_all_day() {
        let (self_service, desk) = (ZoneId::new("Z2"), ZoneId::new("Z3"));
        let saturday = ("2026-11-21T00:00:00+08:00", "2026-11-22T00:00:00+08:00");
        assert_eq!(hours(Subject::Zone(&self_service), saturday.0, saturday.1), ["21 00:00-22 00:00"]);
        assert_eq!(hours(Subject::Zone(&desk), saturday.0, saturday.1), ["21 09:00-21 12:00"]);
        assert_eq!(hours(Subject::Camera(&CameraId::new("C2")), saturday.0, saturday.1), ["21 00:00-22 00:00"]);
    }

    /// Window 02 stands in Z1, its camera in Z3: the window is owed Z1's hours, the camera both.
    #[test]
    fn a_window_has_the_hours_of_its_own_zone() {
        let friday = ("2026-11-20T00:00:00+08:00", "2026-11-21T00:00:00+08:00");
        let window = hours(Subject::Window(&WindowId::new("02")), friday.0, friday.1);
        assert_eq!(window, ["20 08:30-20 12:00", "20 13:30-20 17:00"]);
        assert_eq!(hours(Subject::Camera(&CameraId::new("C3")), friday.0, friday.1), ["20 08:00-20 18:00"]);
    }

    #[test]
    fn without_hours_everything_is_expected() {
        let plain = hall(&HALL.replace("[hours]\nworking_days = [\"08:30-12:00\", \"13:30-17:00\"]\n", ""));
        let calendar = Calendar::published().expect("the shipped files");
        let day = span("2026-11-21T00:00:00+08:00", "2026-11-22T00:00:00+08:00");
        assert_eq!(expected(&plain, Subject::Window(&WindowId::new("01")), &calendar, day), vec![day]);
        assert_eq!(expected(&plain, Subject::Window(&WindowId::new("99")), &calendar, day), vec![day]);
        assert_eq!(expected(&plain, Subject::Window(&WindowId::new("01")), &calendar, Span::new(day.to, day.from)), vec![]);
    }

    #[test]
    fn a_year_without_a_notice_has_ordinary_weeks() {
        let friday_to_monday = ("2027-03-05T12:30:00+08:00", "2027-03-08T12:00:00+08:00");
        let spans = hours(Subject::Window(&WindowId::new("01")), friday_to_monday.0, friday_to_monday.1);
        assert_eq!(spans, ["05 13:30-05 17:00", "08 08:30-08 12:00"]);
    }

    proptest! {
        /// Cutting the span anywhere changes nothing about what is expected.
        #[test]
        fn what_is_expected_adds_up(start in 0i64..80_000_000, first in 0i64..3_000_000, second in 0i64..3_000_000) {
            let calendar = Calendar::published().expect("the shipped files");
            let hall = hall(HALL);
            let second_of = |s: i64| WallTime::from_micros((1_700_000_000 + s) * 1_000_000);
            let (a, b, c) = (second_of(start), second_of(start + first), second_of(start + first + second));
            let desk = ZoneId::new("Z3");
            let sum = |from, to| -> i64 {
                expected(&hall, Subject::Zone(&desk), &calendar, Span::new(from, to)).into_iter().map(Span::micros).sum()
            };
            prop_assert_eq!(sum(a, b) + sum(b, c), sum(a, c));
        }
    }
}
