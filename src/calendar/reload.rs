//! The calendar of a program that runs for months: a notice that comes out in November is in force minutes later, without a restart.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{Days, NaiveDate};

use super::source::Fingerprint;
use super::{Calendar, CalendarError, Origin, Source};

/// What a look at the override folder brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The folder was read; these years are not as before (none when only a comment changed).
    Loaded(Vec<YearChange>),
    /// A file cannot be used; the calendar stays as it was.
    Refused(CalendarError),
}

/// A year that is not as before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct YearChange {
    /// The year.
    pub year: i32,
    /// Where its days came from; `None` when it had no notice.
    pub before: Option<Origin>,
    /// Where its days come from.
    pub after: Option<Origin>,
    /// Its days that are not what they were, first to last.
    pub days: Vec<NaiveDate>,
}

impl Change {
    /// The line for log and audit, in Chinese.
    pub fn zh(&self) -> String {
        match self {
            Self::Refused(e) => format!("工作日历文件有误，仍按原日历执行：{e}"),
            Self::Loaded(years) if years.is_empty() => "工作日历已重新读取，无变化".to_owned(),
            Self::Loaded(years) => {
                let each = |c: &YearChange| {
                    format!("{}年 {} → {}，{} 天有变", c.year, zh(c.before.as_ref()), zh(c.after.as_ref()), c.days.len())
                };
                format!("工作日历已更新：{}", years.iter().map(each).collect::<Vec<_>>().join("；"))
            }
        }
    }

    /// The line for log and audit, in English.
    pub fn en(&self) -> String {
        match self {
            Self::Refused(e) => format!("a calendar file cannot be used, the calendar stays as it was: {e}"),
            Self::Loaded(years) if years.is_empty() => "the calendar was read again, nothing changed".to_owned(),
            Self::Loaded(years) => {
                let each = |c: &YearChange| {
                    format!("{} {} → {}, {} days differ", c.year, en(c.before.as_ref()), en(c.after.as_ref()), c.days.len())
                };
                format!("the calendar changed: {}", years.iter().map(each).collect::<Vec<_>>().join("; "))
            }
        }
    }
}

fn zh(origin: Option<&Origin>) -> &str {
    match origin {
        None => "无通知",
        Some(Origin::BuiltIn) => "程序自带",
        Some(Origin::File(file)) => file,
    }
}

fn en(origin: Option<&Origin>) -> &str {
    match origin {
        None => "no notice",
        Some(Origin::BuiltIn) => "built in",
        Some(Origin::File(file)) => file,
    }
}

/// Which years differ between two calendars, and where.
pub(super) fn changes(before: &Calendar, after: &Calendar) -> Vec<YearChange> {
    let years: BTreeSet<i32> = before.years.keys().chain(after.years.keys()).copied().collect();
    let patched = before.patches.iter().chain(&after.patches).map(|p| p.year);
    let years: BTreeSet<i32> = years.into_iter().chain(patched).collect();
    let change = |year: i32| {
        let first = NaiveDate::from_ymd_opt(year, 1, 1)?;
        let days = (0..366).filter_map(|n| first.checked_add_days(Days::new(n)));
        let days = days.take_while(|day| chrono::Datelike::year(day) == year);
        let days: Vec<NaiveDate> = days.filter(|day| before.is_working_day(*day) != after.is_working_day(*day)).collect();
        let (was, is) = (before.origin(year).cloned(), after.origin(year).cloned());
        (was != is || !days.is_empty()).then_some(YearChange { year, before: was, after: is, days })
    };
    years.into_iter().filter_map(change).collect()
}

/// Decides when to load: once what is seen differs from what was loaded and holds still, so that no half-written file is read.
#[derive(Debug, Default)]
struct Watch {
    loaded: Fingerprint,
    last: Fingerprint,
}

impl Watch {
    fn see(&mut self, seen: Fingerprint) -> bool {
        let still = seen == self.last;
        self.last = seen;
        if !still || self.last == self.loaded {
            return false;
        }
        self.loaded = self.last.clone();
        true
    }
}

/// A calendar that follows its override folder.
#[derive(Debug)]
pub struct Reloading {
    source: Source,
    watch: Watch,
    current: Arc<Calendar>,
    complaint: Option<CalendarError>,
}

impl Reloading {
    /// Reads the calendar. Complaints come with it: the years of files that cannot be used count as unpublished until they are
    /// mended ([`Source::load_what_is_good`]).
    ///
    /// # Errors
    /// None in a program whose tests passed: they read the built-in files.
    pub fn open(source: Source) -> Result<(Self, Vec<CalendarError>), CalendarError> {
        let seen = source.fingerprint();
        let (calendar, complaints) = source.load_what_is_good()?;
        let watch = Watch { loaded: seen.clone(), last: seen };
        let complaint = complaints.first().cloned();
        Ok((Self { source, watch, current: Arc::new(calendar), complaint }, complaints))
    }

    /// The calendar in force.
    pub fn current(&self) -> Arc<Calendar> {
        self.current.clone()
    }

    /// What is wrong with the override folder as long as it is.
    pub fn complaint(&self) -> Option<&CalendarError> {
        self.complaint.as_ref()
    }

    /// Looks at the override folder; call it every few seconds, outside of an async task's thread. A change is read at the second look
    /// that finds the folder the same.
    pub fn poll(&mut self) -> Option<Change> {
        if !self.watch.see(self.source.fingerprint()) {
            return None;
        }
        Some(match self.source.load() {
            Ok(calendar) => {
                let years = changes(&self.current, &calendar);
                self.current = Arc::new(calendar);
                self.complaint = None;
                Change::Loaded(years)
            }
            Err(e) => {
                self.complaint = Some(e.clone());
                Change::Refused(e)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::{Certainty, Source};
    use super::*;
    use crate::hall::CalendarSettings;

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a date")
    }

    fn source(folder: &std::path::Path, named: bool) -> Source {
        Source::of(&CalendarSettings { overrides: folder.to_path_buf(), named })
    }

    /// 2026's file as if it were that of 2027: the days differ from any notice, the form does not.
    fn made_up_2027() -> String {
        include_str!("../../config/calendar/2026.toml")
            .replace("2026-", "2027-")
            .replace("year = 2026", "year = 2027")
            .lines()
            .filter(|line| !line.starts_with("make_up"))
            .collect::<Vec<_>>()
            .join("\n")
    }

    #[test]
    fn a_change_is_read_once_it_holds_still() {
        let print = |length: u64| Fingerprint::from([("2027.toml".into(), (None, length))]);
        let mut watch = Watch::default();
        assert!(!watch.see(Fingerprint::new()));
        assert!(!watch.see(print(10)) && !watch.see(print(900)));
        assert!(watch.see(print(900)));
        assert!(!watch.see(print(900)) && !watch.see(print(900)));
        assert!(!watch.see(Fingerprint::new()) && watch.see(Fingerprint::new()));
    }

    #[test]
    fn a_notice_put_into_the_folder_is_in_force_without_a_restart() {
        let folder = tempfile::tempdir().expect("a folder");
        let (mut calendar, complaints) = Reloading::open(source(folder.path(), false)).expect("built in");
        assert_eq!(complaints, []);
        assert!(!calendar.current().due(day("2026-11-20"), 30).certain);
        let file = folder.path().join("2027.toml");
        fs::write(&file, made_up_2027()).expect("written");
        assert_eq!(calendar.poll(), None);
        let Some(Change::Loaded(years)) = calendar.poll() else { panic!("read at the second look") };
        let path = Origin::File(file.display().to_string());
        assert_eq!(years.len(), 2, "{years:?}");
        assert_eq!((years[1].year, &years[1].before, &years[1].after), (2027, &None, &Some(path)));
        // The last days of 2026 are settled with it; nothing else of 2026 changed.
        assert_eq!(years[0].days, ["2026-12-28", "2026-12-29", "2026-12-30", "2026-12-31"].map(day));
        assert!(calendar.current().due(day("2026-11-20"), 30).certain);
        assert_eq!(calendar.poll(), None);
    }

    #[test]
    fn a_bad_file_leaves_the_calendar_as_it_was_and_is_complained_of_until_mended() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("2027.toml");
        fs::write(&file, made_up_2027()).expect("written");
        let (mut calendar, _) = Reloading::open(source(folder.path(), false)).expect("good");
        let good = calendar.current();
        fs::write(&file, made_up_2027().replace("from = 2027-02-15", "form = 2027-02-15")).expect("written");
        assert_eq!(calendar.poll(), None);
        let change = calendar.poll().expect("read");
        let line = made_up_2027().lines().position(|l| l == "from = 2027-02-15").expect("a line") + 1;
        assert!(change.en().contains(&format!("2027.toml: line {line}: unknown key `form`")), "{}", change.en());
        assert!(change.zh().starts_with("工作日历文件有误，仍按原日历执行"));
        assert_eq!((calendar.current(), calendar.complaint().is_some()), (good, true));
        fs::write(&file, made_up_2027()).expect("written");
        calendar.poll();
        assert!(matches!(calendar.poll(), Some(Change::Loaded(years)) if years.is_empty()));
        assert_eq!(calendar.complaint(), None);
    }

    #[test]
    fn at_start_a_bad_file_makes_its_year_unpublished_not_the_built_in_one() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("2026.toml"), "year = 2026\npatch = true\ndays_off = [2026-13-01]\n").expect("written");
        fs::write(folder.path().join("2027.toml"), made_up_2027()).expect("written");
        let (calendar, complaints) = Reloading::open(source(folder.path(), false)).expect("built in");
        assert_eq!(complaints.len(), 1);
        let calendar = calendar.current();
        assert_eq!(calendar.is_working_day(day("2026-11-20")), Certainty::Unpublished);
        assert_eq!(calendar.is_working_day(day("2025-11-20")), Certainty::WorkingDay);
        assert_eq!(calendar.is_working_day(day("2027-11-19")), Certainty::WorkingDay);
    }

    #[test]
    fn a_file_replaces_its_year_a_patch_changes_single_days_and_a_copy_changes_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let put = |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("written");
        put("2024.toml", include_str!("../../config/calendar/2024.toml"));
        put("2025.toml", &include_str!("../../config/calendar/2025.toml").replace("to = 2025-10-08", "to = 2025-10-09"));
        put("local.toml", "year = 2026\npatch = true\ndays_off = [2026-07-22]\nworking_days = [2026-07-25]\n");
        put("README.md", "no calendar");
        put(".2023.toml.swp", "no calendar");
        put(".hidden.toml", "no calendar");
        let calendar = source(folder.path(), true).load().expect("good");
        assert_eq!(calendar.origin(2024), Some(&Origin::BuiltIn));
        assert!(matches!(calendar.origin(2025), Some(Origin::File(file)) if file.ends_with("2025.toml")));
        assert_eq!(calendar.is_working_day(day("2025-10-09")), Certainty::DayOff);
        assert_eq!(calendar.is_working_day(day("2026-07-22")), Certainty::DayOff);
        assert_eq!(calendar.is_working_day(day("2026-07-25")), Certainty::WorkingDay);
        assert_eq!(calendar.patches().len(), 1);
        put("other.toml", "year = 2026\npatch = true\nworking_days = [2026-07-22]\n");
        let twice = source(folder.path(), true).load().expect_err("twice").to_string();
        assert!(twice.contains("other.toml: 2026-07-22 is named twice"), "{twice}");
    }

    #[test]
    fn a_folder_named_in_hall_toml_must_be_there_the_default_one_need_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let nowhere = folder.path().join("nowhere");
        assert_eq!(source(&nowhere, false).load(), Calendar::published());
        assert!(matches!(source(&nowhere, true).load(), Err(CalendarError::Unreadable { .. })));
        // Nothing of what the folder may have held is taken for known.
        let (calendar, complaints) = Reloading::open(source(&nowhere, true)).expect("built in");
        assert_eq!((calendar.current().years().count(), complaints.len()), (0, 1));
    }
}
