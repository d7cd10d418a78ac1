//! One year's notice (国务院办公厅关于…年部分节假日安排的通知) as a file: `config/calendar/YEAR.toml`.

use chrono::{Datelike, NaiveDate, Weekday};
use toml_edit::{Document, Item, TableLike, Value};

/// Days off the law gives in a year at the least (since 1999: 3 + 3 + 3 + 1). A file with fewer was cut short.
const LEAST_DAYS_OFF: usize = 10;

/// Longest span one holiday may have, in days; the longest published (Spring Festival 2020, as extended) had 10.
const MOST_SPAN_DAYS: i64 = 15;

/// A notice for a year's New Year may reach back to this day of the December before (2019's: 2018-12-29 to 12-31).
const REACHES_BACK_TO_DECEMBER: u32 = 25;

/// What the notice says about one holiday (节日).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holiday {
    /// Its name, such as 春节.
    pub name: String,
    /// First day off.
    pub from: NaiveDate,
    /// Last day off.
    pub to: NaiveDate,
    /// Saturdays and Sundays worked for it (调休上班).
    pub make_up: Vec<NaiveDate>,
}

impl Holiday {
    /// Its days off (放假), weekends inside the span included.
    pub fn days(&self) -> impl Iterator<Item = NaiveDate> + use<> {
        let to = self.to;
        self.from.iter_days().take_while(move |day| *day <= to)
    }

    /// Refuses a span that ends before it begins or is too long for a holiday.
    pub(super) fn check(&self, file: &str) -> Result<(), CalendarError> {
        let long = (self.to - self.from).num_days() >= MOST_SPAN_DAYS;
        if self.to < self.from || long {
            let (name, from, to) = (self.name.clone(), self.from, self.to);
            return Err(CalendarError::Span { file: file.to_owned(), name, from, to });
        }
        Ok(())
    }
}

/// A later notice that changed the year under way, as that of 2020-01-26 did the Spring Festival (国办发明电〔2020〕1号).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Amendment {
    /// Its title, where known.
    pub title: Option<String>,
    /// Its number (文号), where known.
    pub notice: Option<String>,
    /// Its date, where known.
    pub published: Option<NaiveDate>,
    /// Where its text was read.
    pub source: Option<String>,
}

/// One year as its notices arrange it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Year {
    /// The year the notice is for.
    pub year: i32,
    /// Number of the notice (文号), where known.
    pub notice: Option<String>,
    /// Date of the notice, where known.
    pub published: Option<NaiveDate>,
    /// Where its text was read.
    pub source: Option<String>,
    /// Later notices that changed it; the holidays below are as they were in the end.
    pub amendments: Vec<Amendment>,
    /// Its holidays, in the order of the notice.
    pub holidays: Vec<Holiday>,
}

/// Why calendar files cannot be used. Every variant names the file and the line or day.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CalendarError {
    /// Not TOML.
    #[error("{file}: not TOML: {reason}")]
    Syntax {
        /// Which file.
        file: String,
        /// What the parser says, with the line.
        reason: String,
    },
    /// A key this file does not have; a misspelt one would silently lose a holiday.
    #[error("{file}: line {line}: unknown key `{key}` (known: {known})")]
    UnknownKey {
        /// Which file.
        file: String,
        /// Line, from 1.
        line: usize,
        /// The key.
        key: String,
        /// The keys there are.
        known: &'static str,
    },
    /// A key is missing or holds something else.
    #[error("{file}: line {line}: `{key}` must be {right}")]
    Value {
        /// Which file.
        file: String,
        /// Line, from 1; that of the table when the key is missing.
        line: usize,
        /// The key.
        key: &'static str,
        /// What it must be.
        right: &'static str,
    },
    /// A holiday ends before it begins, or is too long to be one.
    #[error("{file}: {name} from {from} to {to}: a holiday ends on or after its first day and has at most 15 days")]
    Span {
        /// Which file.
        file: String,
        /// The holiday.
        name: String,
        /// First day.
        from: NaiveDate,
        /// Last day.
        to: NaiveDate,
    },
    /// A day outside the file's year.
    #[error("{file}: {day} lies outside {year} (25 to 31 December of the year before may be named for New Year)")]
    OtherYear {
        /// Which file.
        file: String,
        /// The day.
        day: NaiveDate,
        /// The file's year.
        year: i32,
    },
    /// A make-up day that is no weekend day.
    #[error("{file}: make-up day {day} is no Saturday or Sunday; compare it with the notice")]
    NoWeekend {
        /// Which file.
        file: String,
        /// The day.
        day: NaiveDate,
    },
    /// A day that is named twice.
    #[error("{file}: {day} is named twice as day off or make-up day; compare it with the notice")]
    DayTwice {
        /// Which file.
        file: String,
        /// The day.
        day: NaiveDate,
    },
    /// A year cut short.
    #[error("{file}: only {days} days off in {year}, the law gives at least 10; the file seems to be cut short")]
    TooFewDaysOff {
        /// Which file.
        file: String,
        /// The year.
        year: i32,
        /// Days off found.
        days: usize,
    },
    /// The file or folder cannot be read.
    #[error("{file}: cannot be read ({reason}); mend it, or take it away")]
    Unreadable {
        /// Which file or folder.
        file: String,
        /// What the system says.
        reason: String,
    },
    /// Two files for one year.
    #[error("{file}: {year} is already given by another file; keep one of them")]
    YearTwice {
        /// The second file.
        file: String,
        /// The year.
        year: i32,
    },
}

impl CalendarError {
    /// The file or folder the complaint is about.
    pub fn file(&self) -> &str {
        match self {
            Self::Syntax { file, .. }
            | Self::UnknownKey { file, .. }
            | Self::Value { file, .. }
            | Self::Span { file, .. }
            | Self::OtherYear { file, .. }
            | Self::NoWeekend { file, .. }
            | Self::DayTwice { file, .. }
            | Self::TooFewDaysOff { file, .. }
            | Self::Unreadable { file, .. }
            | Self::YearTwice { file, .. } => file,
        }
    }
}

/// Where in which file a complaint belongs.
pub(super) struct Place<'a> {
    pub(super) file: &'a str,
    pub(super) text: &'a str,
}

impl Place<'_> {
    pub(super) fn line(&self, span: Option<std::ops::Range<usize>>) -> usize {
        let until = span.map_or(0, |s| s.start);
        self.text.bytes().take(until).filter(|&b| b == b'\n').count() + 1
    }

    pub(super) fn value(
        &self,
        item: Option<&Item>,
        table_line: usize,
        key: &'static str,
        right: &'static str,
    ) -> CalendarError {
        let line = item.and_then(Item::span).map_or(table_line, |span| self.line(Some(span)));
        CalendarError::Value { file: self.file.to_owned(), line, key, right }
    }

    pub(super) fn known(
        &self,
        table: &dyn TableLike,
        line: usize,
        keys: &[&str],
        known: &'static str,
    ) -> Result<(), CalendarError> {
        match table.iter().find(|(key, _)| !keys.contains(key)) {
            None => Ok(()),
            Some((key, item)) => {
                let line = item.span().map_or(line, |span| self.line(Some(span)));
                Err(CalendarError::UnknownKey { file: self.file.to_owned(), line, key: key.to_owned(), known })
            }
        }
    }

    pub(super) fn text_of(
        &self,
        table: &dyn TableLike,
        line: usize,
        key: &'static str,
    ) -> Result<Option<String>, CalendarError> {
        let Some(item) = table.get(key) else { return Ok(None) };
        match item.as_str().map(str::trim) {
            Some(text) if !text.is_empty() => Ok(Some(text.to_owned())),
            _ => Err(self.value(Some(item), line, key, "a text in quotes; leave the key out when it is not known")),
        }
    }

    pub(super) fn date(&self, table: &dyn TableLike, line: usize, key: &'static str) -> Result<NaiveDate, CalendarError> {
        let item = table.get(key);
        item.and_then(Item::as_value).and_then(civil).ok_or_else(|| self.value(item, line, key, DATE))
    }

    /// A list of dates; empty where the key is missing.
    pub(super) fn dates(&self, table: &dyn TableLike, line: usize, key: &'static str) -> Result<Vec<NaiveDate>, CalendarError> {
        let Some(item) = table.get(key) else { return Ok(Vec::new()) };
        let days: Option<Vec<NaiveDate>> = item.as_array().and_then(|list| list.iter().map(civil).collect());
        days.ok_or_else(|| self.value(Some(item), line, key, "a list of dates such as [2026-02-14], without quotes"))
    }

    /// The `year` key of a file.
    pub(super) fn year(&self, root: &dyn TableLike) -> Result<i32, CalendarError> {
        match root.get("year").and_then(Item::as_integer).and_then(|y| i32::try_from(y).ok()) {
            Some(year) if (1949..=9998).contains(&year) => Ok(year),
            _ => Err(self.value(root.get("year"), 1, "year", "a year such as 2026")),
        }
    }

    /// Number, date and source of a notice, each where given.
    pub(super) fn notice(&self, table: &dyn TableLike, line: usize) -> Result<Amendment, CalendarError> {
        Ok(Amendment {
            title: self.text_of(table, line, "title")?,
            notice: self.text_of(table, line, "notice")?,
            published: table.get("published").map(|_| self.date(table, line, "published")).transpose()?,
            source: self.text_of(table, line, "source")?,
        })
    }
}

/// Parses the text of a calendar file.
pub(super) fn document<'a>(file: &str, text: &'a str) -> Result<Document<&'a str>, CalendarError> {
    Document::parse(text).map_err(|e| CalendarError::Syntax {
        file: file.to_owned(),
        reason: e.to_string().split_whitespace().collect::<Vec<_>>().join(" "),
    })
}

const DATE: &str = "a date such as 2026-02-15, without quotes";

/// A TOML date without time of day.
fn civil(value: &Value) -> Option<NaiveDate> {
    let found = value.as_datetime()?;
    match (found.date, found.time, found.offset) {
        (Some(d), None, None) => NaiveDate::from_ymd_opt(i32::from(d.year), u32::from(d.month), u32::from(d.day)),
        _ => None,
    }
}

impl Year {
    /// Reads one year; `file` is the name complaints use.
    ///
    /// # Errors
    /// The first thing that cannot be right, by file and line or day.
    pub fn from_toml(file: &str, text: &str) -> Result<Self, CalendarError> {
        let document = document(file, text)?;
        Self::from_root(&Place { file, text }, document.as_table())
    }

    /// Reads the root table of a year's file.
    pub(super) fn from_root(place: &Place<'_>, root: &dyn TableLike) -> Result<Self, CalendarError> {
        place.known(
            root,
            1,
            &["year", "patch", "notice", "published", "source", "amendment", "holiday"],
            "year, patch, notice, published, source, amendment, holiday",
        )?;
        if root.get("patch").is_some_and(|item| item.as_bool() != Some(false)) {
            return Err(place.value(root.get("patch"), 1, "patch", "left out here: this file gives the whole year"));
        }
        let year = place.year(root)?;
        let tables = |key: &'static str, right: &'static str| match root.get(key) {
            None => Ok(None),
            Some(item) => item.as_array_of_tables().map(Some).ok_or_else(|| place.value(Some(item), 1, key, right)),
        };
        let mut amendments = Vec::new();
        for table in tables("amendment", "one [[amendment]] table for each")?.into_iter().flatten() {
            let line = place.line(table.span());
            place.known(table, line, &["title", "notice", "published", "source"], "title, notice, published, source")?;
            amendments.push(place.notice(table, line)?);
        }
        let right = "one [[holiday]] table for each";
        let mut holidays = Vec::new();
        for table in tables("holiday", right)?.ok_or_else(|| place.value(None, 1, "holiday", right))? {
            holidays.push(holiday(place, table, place.line(table.span()))?);
        }
        let Amendment { notice, published, source, .. } = place.notice(root, 1)?;
        let year = Self { year, notice, published, source, amendments, holidays };
        year.check(place.file)?;
        Ok(year)
    }

    /// Days off (放假), in order of the notice.
    pub fn days_off(&self) -> impl Iterator<Item = NaiveDate> + '_ {
        self.holidays.iter().flat_map(Holiday::days)
    }

    /// Saturdays and Sundays worked (调休上班), in order of the notice.
    pub fn make_up_days(&self) -> impl Iterator<Item = NaiveDate> + '_ {
        self.holidays.iter().flat_map(|h| h.make_up.iter().copied())
    }

    fn check(&self, file: &str) -> Result<(), CalendarError> {
        let named = || file.to_owned();
        for h in &self.holidays {
            h.check(file)?;
        }
        if let Some(day) = self.make_up_days().find(|d| !is_weekend(*d)) {
            return Err(CalendarError::NoWeekend { file: named(), day });
        }
        let mut seen = std::collections::BTreeSet::new();
        for day in self.days_off().chain(self.make_up_days()) {
            if !belongs(day, self.year) {
                return Err(CalendarError::OtherYear { file: named(), day, year: self.year });
            }
            if !seen.insert(day) {
                return Err(CalendarError::DayTwice { file: named(), day });
            }
        }
        let days = self.days_off().count();
        if days < LEAST_DAYS_OFF {
            return Err(CalendarError::TooFewDaysOff { file: named(), year: self.year, days });
        }
        Ok(())
    }
}

pub(super) fn holiday(place: &Place<'_>, table: &dyn TableLike, line: usize) -> Result<Holiday, CalendarError> {
    place.known(table, line, &["name", "from", "to", "make_up"], "name, from, to, make_up")?;
    let name = place
        .text_of(table, line, "name")?
        .ok_or_else(|| place.value(None, line, "name", "the holiday's name, such as 春节"))?;
    let make_up = place.dates(table, line, "make_up")?;
    Ok(Holiday { name, from: place.date(table, line, "from")?, to: place.date(table, line, "to")?, make_up })
}

/// Whether the notice for `year` may name `day`.
pub(super) fn belongs(day: NaiveDate, year: i32) -> bool {
    day.year() == year || (day.year() == year - 1 && day.month() == 12 && day.day() >= REACHES_BACK_TO_DECEMBER)
}

/// Saturday or Sunday.
pub(super) fn is_weekend(day: NaiveDate) -> bool {
    matches!(day.weekday(), Weekday::Sat | Weekday::Sun)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GOOD: &str = include_str!("../../config/calendar/2026.toml");

    fn refused(from: &str, to: &str) -> String {
        assert!(GOOD.contains(from), "{from}");
        Year::from_toml("2026.toml", &GOOD.replacen(from, to, 1)).expect_err("refused").to_string()
    }

    #[test]
    fn a_year_keeps_number_and_date_of_its_notice() {
        let year = Year::from_toml("2026.toml", GOOD).expect("the shipped file");
        assert_eq!(year.notice.as_deref(), Some("国办发明电〔2025〕7号"));
        assert_eq!(year.published, NaiveDate::from_ymd_opt(2025, 11, 4));
        assert_eq!((year.days_off().count(), year.make_up_days().count()), (33, 6));
    }

    #[test]
    fn an_unknown_number_is_left_out() {
        let text = GOOD.replace("notice = \"国办发明电〔2025〕7号\"\n", "").replace("published = 2025-11-04\n", "");
        let year = Year::from_toml("2026.toml", &text).expect("notice and date are optional");
        assert_eq!((year.notice, year.published), (None, None));
    }

    #[test]
    fn what_cannot_be_right_is_named_with_file_and_line_or_day() {
        let line = GOOD.lines().position(|l| l == "from = 2026-02-15").expect("a line") + 1;
        let told = refused("from = 2026-02-15", "form = 2026-02-15");
        assert_eq!(told, format!("2026.toml: line {line}: unknown key `form` (known: name, from, to, make_up)"));
        let told = refused("from = 2026-02-15", "from = \"2026-02-15\"");
        assert_eq!(told, format!("2026.toml: line {line}: `from` must be a date such as 2026-02-15, without quotes"));
        assert!(refused("to = 2026-02-23", "to = 2026-02-13").contains("春节 from 2026-02-15 to 2026-02-13"));
        assert!(refused("to = 2026-10-07", "to = 2026-11-07").contains("at most 15 days"));
        assert!(refused("[2026-05-09]", "[2026-05-08]").contains("make-up day 2026-05-08 is no Saturday or Sunday"));
        assert!(refused("[2026-05-09]", "[2026-05-03]").contains("2026-05-03 is named twice"));
        assert!(refused("[2026-05-09]", "[2027-05-08]").contains("2027-05-08 lies outside 2026"));
        assert!(refused("year = 2026", "year = \"2026\"").contains("line 3: `year` must be a year such as 2026"));
        assert!(refused("name = \"元旦\"", "name = \"\"").contains("`name` must be a text"));
        assert!(refused("year = 2026", "year = ").contains("not TOML"));
    }

    #[test]
    fn a_file_cut_short_is_refused_because_it_would_delete_too_early() {
        let cut = &GOOD[..GOOD.find("[[holiday]]\nname = \"清明节\"").expect("a holiday")];
        let cut = cut.replace("from = 2026-02-15", "from = 2026-02-18");
        let error = Year::from_toml("2026.toml", &cut).expect_err("nine days off");
        assert_eq!(error, CalendarError::TooFewDaysOff { file: "2026.toml".into(), year: 2026, days: 9 });
    }

    proptest! {
        #[test]
        fn damaged_files_are_answered_never_a_panic(at in 0usize..GOOD.len(), byte in any::<u8>(), keep in 0usize..GOOD.len()) {
            let mut bytes = GOOD.as_bytes().to_vec();
            bytes[at] = byte;
            bytes.truncate(keep.max(1));
            if let Ok(year) = Year::from_toml("x.toml", &String::from_utf8_lossy(&bytes)) {
                prop_assert!(year.days_off().count() >= 10);
            }
        }
    }
}
