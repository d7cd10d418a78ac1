//! The arithmetic of the second copy: when to copy, how fast, when to try again, under which name, and when a copy may go.
//! Pure: time comes in as an argument.

use std::time::Duration;

use chrono::{NaiveDate, Timelike as _};

use crate::calendar::{Calendar, Due};
use crate::hall::QuietHours;
use crate::time::{MICROS_PER_SECOND, WallTime};

/// Lag of the copy from which on it is an alarm.
pub const LAG_ALARM_MICROS: i64 = 24 * 3600 * MICROS_PER_SECOND;
/// First pause after the target failed.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Until when nothing is copied, when `now` lies in quiet hours. Hours that touch or overlap count as one.
pub fn quiet_until(hours: &[QuietHours], now: WallTime) -> Option<WallTime> {
    let day = 24 * 60;
    let local = now.beijing();
    let start = local.hour() * 60 + local.minute();
    let mut minute = start;
    let mut passed = 0;
    // Each round leaves one span of hours; more rounds than spans mean that they fill the day.
    for _ in 0..=hours.len() {
        let inside = |q: &&QuietHours| {
            let (from, to) = (u32::from(q.from_minute), u32::from(q.to_minute));
            if from < to { (from..to).contains(&minute) } else { minute >= from || minute < to }
        };
        let Some(longest) = hours.iter().filter(inside).map(|q| (u32::from(q.to_minute) + day - minute) % day).max() else {
            break;
        };
        passed += longest;
        minute = (minute + longest) % day;
    }
    if passed == 0 {
        return None;
    }
    // China has known no summer time since 1992: minutes of the clock are minutes of time.
    let minute_began = now.floor_second().plus_micros(-i64::from(local.second()) * MICROS_PER_SECOND);
    Some(minute_began.plus_micros(i64::from(passed) * 60 * MICROS_PER_SECOND))
}

/// How long to wait after `failures` failures in a row.
pub fn pause_after(failures: u32) -> Duration {
    let doubled = 1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX);
    FIRST_PAUSE.saturating_mul(doubled).min(LONGEST_PAUSE)
}

/// Holds a stream of bytes to a rate: a token bucket as deep as one second.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    bytes_per_second: u64,
    /// When everything that went through will have had its time.
    paid_until: Duration,
}

/// Bytes that may go at once, in time.
const DEPTH: Duration = Duration::from_secs(1);

impl Pace {
    /// A bucket, full at the start.
    pub fn new(mbit: u32) -> Self {
        Self { bytes_per_second: u64::from(mbit.max(1)) * 125_000, paid_until: Duration::ZERO }
    }

    /// Takes `bytes` at `now` and tells how long to wait until more may be taken.
    pub fn take(&mut self, now: Duration, bytes: u64) -> Duration {
        let nanos = u128::from(bytes) * 1_000_000_000 / u128::from(self.bytes_per_second);
        let cost = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        self.paid_until = self.paid_until.max(now).saturating_add(cost);
        self.paid_until.saturating_sub(now).saturating_sub(DEPTH)
    }
}

/// The name of another version of `path` on the target: nothing that stands there is overwritten.
pub fn other_name(path: &str, digest: &str) -> String {
    let short = digest.get(..8).unwrap_or(digest);
    match path.rsplit_once('.') {
        Some((stem, extension)) if !extension.contains('/') => format!("{stem}@{short}.{extension}"),
        _ => format!("{path}@{short}"),
    }
}

/// The path below a storage root that the object `name` is a copy of.
pub fn original_path(name: &str) -> String {
    let Some((front, back)) = name.rsplit_once('@') else { return name.to_owned() };
    let extension = back.get(8..).unwrap_or_default();
    if back.get(..8).is_some_and(|d| d.bytes().all(|b| b.is_ascii_hexdigit()))
        && (extension.is_empty() || extension.starts_with('.'))
    {
        format!("{front}{extension}")
    } else {
        name.to_owned()
    }
}

/// Camera and Beijing date of a path `<camera>/<date>/…`.
pub fn camera_day(path: &str) -> Option<(&str, NaiveDate)> {
    let mut parts = path.split('/');
    let (camera, date) = (parts.next()?, parts.next()?);
    parts.next()?;
    (!camera.is_empty() && !camera.starts_with('.')).then_some((camera, date.parse().ok()?))
}

/// From when on the copy of `date` may go: one working day after its floor.
///
/// The spare day keeps the copy from going before the recording at a midnight, whoever looks first.
pub fn copy_due(calendar: &Calendar, date: NaiveDate, working_days: u16) -> Due {
    calendar.due(date, working_days.saturating_add(1))
}

/// True when a copy of `date` may be deleted: past its own floor, no hold on it, and its recording gone, which by itself is never
/// a reason.
pub fn may_go(due: &Due, now: WallTime, held: bool, recording_is_there: bool) -> bool {
    due.may_go_from <= now && !held && !recording_is_there
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(text: &str) -> WallTime {
        WallTime::parse_rfc3339(text).unwrap()
    }

    fn hours(list: &[&str]) -> Vec<QuietHours> {
        list.iter().map(|t| QuietHours::parse(t).unwrap()).collect()
    }

    #[test]
    fn nothing_is_copied_in_quiet_hours_of_beijing() {
        let office = hours(&["08:30-17:30"]);
        assert_eq!(quiet_until(&office, at("2026-11-23T08:29:59.999+08:00")), None);
        assert_eq!(quiet_until(&office, at("2026-11-23T08:30:00+08:00")), Some(at("2026-11-23T17:30:00+08:00")));
        assert_eq!(quiet_until(&office, at("2026-11-23T04:00:17+00:00")), Some(at("2026-11-23T17:30:00+08:00")));
        assert_eq!(quiet_until(&office, at("2026-11-23T17:30:00+08:00")), None);
        assert_eq!(quiet_until(&[], at("2026-11-23T12:00:00+08:00")), None);
    }

    #[test]
    fn hours_over_midnight_and_hours_that_touch_are_one_span() {
        let night = hours(&["22:00-02:00", "01:30-06:15"]);
        assert_eq!(quiet_until(&night, at("2026-11-23T23:10:30+08:00")), Some(at("2026-11-24T06:15:00+08:00")));
        assert_eq!(quiet_until(&night, at("2026-11-24T01:59:59+08:00")), Some(at("2026-11-24T06:15:00+08:00")));
        assert_eq!(quiet_until(&night, at("2026-11-24T21:59:59+08:00")), None);
    }

    #[test]
    fn attempts_grow_rarer_up_to_one_a_minute() {
        let seconds: Vec<u64> = [1, 2, 3, 6, 7, 40].map(|n| pause_after(n).as_secs()).to_vec();
        assert_eq!(seconds, [1, 2, 4, 32, 60, 60]);
    }

    #[test]
    fn a_rate_allows_one_second_ahead_and_then_makes_wait() {
        let mut pace = Pace::new(8); // One million bytes a second.
        let t = Duration::from_secs(10);
        assert_eq!(pace.take(t, 1_000_000), Duration::ZERO);
        assert_eq!(pace.take(t, 500_000), Duration::from_millis(500));
        assert_eq!(pace.take(Duration::from_secs(60), 1_000_000), Duration::ZERO);
    }

    #[test]
    fn another_version_has_another_name_and_the_same_original() {
        let path = "C1/2026-11-22/14/145000.mp4";
        let other = other_name(path, "0123456789abcdef");
        assert_eq!(other, "C1/2026-11-22/14/145000@01234567.mp4");
        assert_eq!(original_path(&other), path);
        assert_eq!(other_name("C1/2026-11-22/manifest.json.sig", "ffffffff00"), "C1/2026-11-22/manifest.json@ffffffff.sig");
        for same in [path, "C1/2026-11-22/14/a@b.mp4", "C1/2026-11-22/14/a@0123456.mp4", "C1/x/@@"] {
            assert_eq!(original_path(same), same);
        }
    }

    #[test]
    fn an_object_tells_its_camera_day() {
        let day = |p| camera_day(p).map(|(c, d)| (c.to_owned(), d.to_string()));
        assert_eq!(day("C1/2026-11-22/14/145000.mp4"), Some(("C1".into(), "2026-11-22".into())));
        assert_eq!(day("C1/2026-11-22/manifest.json"), Some(("C1".into(), "2026-11-22".into())));
        for none in ["C1/2026-11-22", ".jiancha/2026-11-22/a", "C1/old/a", ""] {
            assert_eq!(day(none), None, "{none}");
        }
    }

    /// 国办发明电〔2025〕7号: 1 to 8 October 2026 are off; see the calendar's own tests for the notice.
    #[test]
    fn a_copy_goes_one_working_day_after_its_floor_and_never_because_the_recording_went() {
        let calendar = Calendar::published().unwrap();
        let date = "2026-09-21".parse().unwrap();
        let due = copy_due(&calendar, date, 30);
        // design.md section 4: the recording of this day may go from 2026-11-10 on.
        assert_eq!(due.may_go_date.to_string(), "2026-11-11");
        let (early, late) = (at("2026-11-10T23:59:59+08:00"), at("2026-11-11T00:00:00+08:00"));
        assert!(!may_go(&due, early, false, false));
        assert!(may_go(&due, late, false, false));
        assert!(!may_go(&due, late, true, false), "a hold keeps it");
        assert!(!may_go(&due, late, false, true), "the recording still counts on it");
    }

    proptest! {
        /// Whoever waits as told never has more through than the rate allows, one second and one block ahead.
        #[test]
        fn no_more_than_the_rate_goes_through(
            mbit in 1u32..100,
            blocks in prop::collection::vec((0u64..2_000_000, 0u64..3_000), 1..60),
        ) {
            let mut pace = Pace::new(mbit);
            let mut now = Duration::ZERO;
            let mut through = 0u64;
            for (bytes, idle_ms) in blocks {
                now += Duration::from_millis(idle_ms);
                let allowed = u128::from(mbit) * 125_000 * (now + DEPTH).as_nanos() / 1_000_000_000;
                prop_assert!(u128::from(through) <= allowed + 1);
                let wait = pace.take(now, bytes);
                through += bytes;
                now += wait;
            }
        }

        /// Quiet hours end outside quiet hours.
        #[test]
        fn quiet_hours_end(spans in prop::collection::vec((0u16..1440, 0u16..1440), 0..5), minute in 0i64..(3 * 1440)) {
            let hours: Vec<QuietHours> = spans.into_iter().filter(|(a, b)| a != b)
                .map(|(from_minute, to_minute)| QuietHours { from_minute, to_minute }).collect();
            let sum: u32 = hours.iter().map(|q| q.minutes()).sum();
            let now = WallTime::from_micros(1_795_330_200_000_000 + minute * 60_000_000);
            if let Some(until) = quiet_until(&hours, now) {
                prop_assert!(until > now);
                if sum < 1440 {
                    prop_assert_eq!(quiet_until(&hours, until), None);
                }
            }
        }
    }
}
