//! Working days (工作日) from the published notices, and when a day's footage may go.
//!
//! The State Council's office arranges each year by a notice (国务院办公厅关于…年部分节假日安排的通知): days off, and Saturdays and
//! Sundays worked for them (调休上班). A year without a notice is never guessed at: only days that no notice could make a day off
//! are counted, and a calendar minimum holds besides. Expiry is asked for when deleting and never stored, since notices change.
//!
//! Pure but for [`Source`] and [`Reloading`], which read a site's override folder. Stands beside [`crate::time`]; retention is
//! built on it. [`expected`] tells when a window or camera is expected to be recorded.

pub mod expected;
mod patch;
mod reload;
mod source;
mod year;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use chrono::{Datelike, Days, NaiveDate};
use serde::Serialize;

use crate::time::WallTime;
pub use patch::Patch;
pub use reload::{Change, Reloading, YearChange};
pub use source::Source;
use year::is_weekend;
pub use year::{Amendment, CalendarError, Holiday, Year};

/// Working days footage is kept at the least (requirement R7).
pub const KEEP_WORKING_DAYS: u16 = 30;

/// Calendar days kept for each working day where a year's notice is missing: 60 for 30. Published years peak at 52 for 30.
const UNPUBLISHED_DAYS_PER_WORKING_DAY: u64 = 2;

/// A year's file, built into the program.
macro_rules! published {
    ($year:literal) => {
        (concat!("config/calendar/", $year, ".toml"), include_str!(concat!("../../config/calendar/", $year, ".toml")))
    };
}

/// The notices built into the program, one file per year.
const PUBLISHED: [(&str, &str); 23] = [
    published!("2004"),
    published!("2005"),
    published!("2006"),
    published!("2007"),
    published!("2008"),
    published!("2009"),
    published!("2010"),
    published!("2011"),
    published!("2012"),
    published!("2013"),
    published!("2014"),
    published!("2015"),
    published!("2016"),
    published!("2017"),
    published!("2018"),
    published!("2019"),
    published!("2020"),
    published!("2021"),
    published!("2022"),
    published!("2023"),
    published!("2024"),
    published!("2025"),
    published!("2026"),
];

/// [`PUBLISHED`], read once.
static BUILT_IN: LazyLock<Result<Vec<Year>, CalendarError>> =
    LazyLock::new(|| PUBLISHED.iter().map(|(file, text)| Year::from_toml(file, text)).collect());

/// From this day of December on, the next year's notice may take days: 2008's took 29 to 31, 2019's too.
const NEXT_NOTICE_MAY_TAKE: u32 = 28;

/// Times of year, as (month, day) first and last, in which any day may be a day off: well wider than the holidays.
const MAY_BE_HOLIDAY: [((u32, u32), (u32, u32)); 7] = [
    ((1, 1), (1, 5)),     // 元旦
    ((1, 15), (2, 29)),   // 春节: the new moon falls between 21 January and 21 February
    ((4, 1), (4, 8)),     // 清明节
    ((4, 27), (5, 8)),    // 劳动节
    ((5, 25), (6, 28)),   // 端午节: a lunar date between 27 May and 25 June
    ((9, 3), (10, 12)),   // 中秋节, a lunar date from 7 September on, and 国庆节; 3 September was a day off once, in 2015
    ((12, 28), (12, 31)), // 元旦 of the next year: 2008's notice takes 2007-12-29 to 31, 2019's the same days of 2018
];

/// What is known about a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certainty {
    /// A working day by the notice of its year.
    WorkingDay,
    /// A day off by the notice of its year.
    DayOff,
    /// No notice for its year is known, or it is one of the last days of December, which the next year's notice may take, and that
    /// one is not known.
    Unpublished,
}

/// When footage may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// First instant at which the working days are complete: 00:00 Beijing time of the day after the last of them.
    pub may_go_from: WallTime,
    /// The same as a civil date in Beijing.
    pub may_go_date: NaiveDate,
    /// Every day up to there is settled by a published notice. Else the time is a safe upper bound.
    pub certain: bool,
    /// First year on the way whose notice is missing.
    pub unpublished: Option<i32>,
}

/// The alarm that stands while a notice is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingNotice {
    /// Years whose notice is missing.
    pub years: Vec<i32>,
    /// The alarm in Chinese.
    pub zh: String,
    /// The alarm in English.
    pub en: String,
}

/// Where a year's days come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// The program.
    BuiltIn,
    /// A file of the site's override folder.
    File(String),
}

/// The published years.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Calendar {
    years: BTreeMap<i32, (Year, Origin)>,
    patches: Vec<Patch>,
    /// Days a notice or patch names; true for a working one.
    named: BTreeMap<NaiveDate, bool>,
}

impl Calendar {
    /// Reads one file per year, given as (name for complaints, text).
    ///
    /// # Errors
    /// The first file that cannot be right, a year given twice, or a day two notices arrange differently.
    pub fn from_tomls<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, CalendarError> {
        let mut calendar = Self::default();
        for (file, text) in files {
            let year = Year::from_toml(file, text)?;
            if calendar.years.contains_key(&year.year) {
                return Err(CalendarError::YearTwice { file: file.to_owned(), year: year.year });
            }
            calendar.years.insert(year.year, (year, Origin::File(file.to_owned())));
        }
        calendar.name_days()?;
        for (_, origin) in calendar.years.values_mut() {
            *origin = Origin::BuiltIn;
        }
        Ok(calendar)
    }

    /// The notices built into the program.
    ///
    /// # Errors
    /// None in a program whose tests passed: they read the same files.
    pub fn published() -> Result<Self, CalendarError> {
        Self::assemble(Vec::new(), Vec::new(), &BTreeSet::new())
    }

    /// The built-in years with a site's whole years in the place of theirs and single days changed; `withdrawn` years count as
    /// unpublished.
    fn assemble(years: Vec<(String, Year)>, patches: Vec<Patch>, withdrawn: &BTreeSet<i32>) -> Result<Self, CalendarError> {
        let mut calendar = Self::default();
        for year in BUILT_IN.as_ref().map_err(Clone::clone)? {
            calendar.years.insert(year.year, (year.clone(), Origin::BuiltIn));
        }
        let mut given = BTreeSet::new();
        for (file, year) in years {
            if !given.insert(year.year) {
                return Err(CalendarError::YearTwice { file, year: year.year });
            }
            // A copy of the built-in file changes nothing.
            if calendar.year(year.year) != Some(&year) {
                calendar.years.insert(year.year, (year, Origin::File(file)));
            }
        }
        calendar.years.retain(|year, _| !withdrawn.contains(year));
        calendar.name_days()?;
        let mut patched = BTreeSet::new();
        for patch in &patches {
            for (day, works) in &patch.days {
                if !patched.insert(*day) {
                    return Err(CalendarError::DayTwice { file: patch.file.clone(), day: *day });
                }
                calendar.named.insert(*day, *works);
            }
        }
        calendar.patches = patches;
        Ok(calendar)
    }

    /// Collects the days the notices name. Where two arrange a day of December differently, the site's file is complained of.
    fn name_days(&mut self) -> Result<(), CalendarError> {
        let mut named: BTreeMap<NaiveDate, (bool, &Origin)> = BTreeMap::new();
        for (number, (year, origin)) in &self.years {
            let off = year.days_off().map(|day| (day, false));
            for (day, works) in off.chain(year.make_up_days().map(|day| (day, true))) {
                match named.insert(day, (works, origin)) {
                    Some((before, first)) if before != works => {
                        let file = [origin, first].into_iter().find_map(|origin| match origin {
                            Origin::File(file) => Some(file.clone()),
                            Origin::BuiltIn => None,
                        });
                        return Err(CalendarError::DayTwice { file: file.unwrap_or_else(|| format!("{number}.toml")), day });
                    }
                    _ => {}
                }
            }
        }
        self.named = named.into_iter().map(|(day, (works, _))| (day, works)).collect();
        Ok(())
    }

    /// Where a year's days come from; `None` when its notice is not known.
    pub fn origin(&self, year: i32) -> Option<&Origin> {
        self.years.get(&year).map(|(_, origin)| origin)
    }

    /// The site's changes of single days.
    pub fn patches(&self) -> &[Patch] {
        &self.patches
    }

    /// The notice for a year, if known.
    pub fn year(&self, year: i32) -> Option<&Year> {
        self.years.get(&year).map(|(year, _)| year)
    }

    /// The years whose notice is known, in order.
    pub fn years(&self) -> impl Iterator<Item = &Year> {
        self.years.values().map(|(year, _)| year)
    }

    /// What is known about `day`.
    pub fn is_working_day(&self, day: NaiveDate) -> Certainty {
        let works = match self.named.get(&day) {
            Some(works) => *works,
            None if self.missing_notice(day).is_none() => !is_weekend(day),
            None => return Certainty::Unpublished,
        };
        if works { Certainty::WorkingDay } else { Certainty::DayOff }
    }

    /// The year whose missing notice leaves `day` open: its own, or for 28 to 31 December the next, which may take them for New Year.
    fn missing_notice(&self, day: NaiveDate) -> Option<i32> {
        let year = day.year();
        if !self.years.contains_key(&year) {
            return Some(year);
        }
        let next = (day.month() == 12 && day.day() >= NEXT_NOTICE_MAY_TAKE).then_some(year + 1)?;
        (!self.years.contains_key(&next)).then_some(next)
    }

    /// When footage of the civil day `recorded` (Beijing) may go: when `working_days` later working days are complete.
    ///
    /// Over a year without a notice only Mondays to Fridays outside every possible holiday count, and two calendar days (60 for
    /// 30) must be complete for each working day asked for, so the answer is never too early. Later days give later answers,
    /// except that the first days counted wholly in published years may be free before the last uncertain days ahead of them.
    /// Dates at the end of the calendar's range saturate there.
    pub fn due(&self, recorded: NaiveDate, working_days: u16) -> Due {
        let mut left = working_days;
        let mut last = recorded;
        let mut unpublished = None;
        while left > 0 {
            let Some(day) = last.succ_opt() else { break };
            last = day;
            if self.is_working_day(day) == Certainty::Unpublished {
                unpublished = unpublished.or_else(|| self.missing_notice(day));
            }
            left -= u16::from(self.counts(day));
        }
        if unpublished.is_some() {
            let least = Days::new(u64::from(working_days) * UNPUBLISHED_DAYS_PER_WORKING_DAY);
            last = last.max(recorded.checked_add_days(least).unwrap_or(NaiveDate::MAX));
        }
        let may_go_date = last.succ_opt().unwrap_or(NaiveDate::MAX);
        Due { may_go_from: midnight(may_go_date), may_go_date, certain: unpublished.is_none() && left == 0, unpublished }
    }

    /// Whether `day` counts as a working day in [`Self::due`]: by its year's notice, else only when no notice could make it a day
    /// off.
    pub fn counts(&self, day: NaiveDate) -> bool {
        match self.is_working_day(day) {
            Certainty::WorkingDay => true,
            Certainty::DayOff => false,
            Certainty::Unpublished => surely_works(day),
        }
    }

    /// The alarm for `today` (Beijing): the notice for this year is missing, or, from 1 December on, that for the next.
    pub fn missing_notice_alarm(&self, today: NaiveDate) -> Option<MissingNotice> {
        let this = today.year();
        let next = (today.month() == 12).then_some(this + 1);
        let years: Vec<i32> = std::iter::once(this).chain(next).filter(|year| !self.years.contains_key(year)).collect();
        if years.is_empty() {
            return None;
        }
        let list = |comma: &str| years.iter().map(i32::to_string).collect::<Vec<_>>().join(comma);
        let (zh_years, en_years) = (list("、"), list(", "));
        let zh = format!(
            "工作日历缺少{zh_years}年国务院办公厅放假通知：涉及该年的录像按最保守方式保存（至少60个日历日）；通知发布后请更新程序，或在日历目录（[calendar] overrides）中放入该年文件"
        );
        let en = format!(
            "the working-day calendar has no notice for {en_years}: footage that depends on it is kept by the conservative count \
             (at least 60 calendar days); once it is published, update the program, or put the year's file into the calendar folder \
             ([calendar] overrides)"
        );
        Some(MissingNotice { years, zh, en })
    }
}

/// Whether no notice could make `day` a day off.
fn surely_works(day: NaiveDate) -> bool {
    let at = (day.month(), day.day());
    !is_weekend(day) && !MAY_BE_HOLIDAY.iter().any(|(first, last)| *first <= at && at <= *last)
}

/// 00:00 of `day` in Beijing; 01:00 where summer time once skipped midnight.
pub fn midnight(day: NaiveDate) -> WallTime {
    WallTime::from_beijing(day, 0, 0, 0)
        .or_else(|| WallTime::from_beijing(day, 1, 0, 0))
        .unwrap_or(WallTime::from_micros(i64::MAX))
}

#[cfg(test)]
mod tests;
