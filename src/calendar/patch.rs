//! A file that changes single days of a year (`patch = true`), and the two kinds of files an override folder may hold.

use chrono::NaiveDate;
use toml_edit::{Item, TableLike};

use super::year::{Amendment, CalendarError, Place, Year, belongs, document, holiday};

/// Single days changed by a site's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patch {
    /// The file, as complaints and people name it.
    pub file: String,
    /// The year whose days it changes (25 to 31 December of the year before included).
    pub year: i32,
    /// The notice it follows, as far as given.
    pub notice: Amendment,
    /// The days, true for a working one, in order of the file.
    pub days: Vec<(NaiveDate, bool)>,
}

/// What a file of the override folder holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Parsed {
    /// A whole year.
    Year(Year),
    /// Single days.
    Patch(Patch),
}

impl Parsed {
    /// Reads a file of the override folder; `file` is the name complaints use.
    pub(super) fn from_toml(file: &str, text: &str) -> Result<Self, CalendarError> {
        let document = document(file, text)?;
        let place = Place { file, text };
        let root: &dyn TableLike = document.as_table();
        match root.get("patch").map(Item::as_bool) {
            Some(Some(true)) => patch(&place, root).map(Self::Patch),
            Some(None) => Err(place.value(root.get("patch"), 1, "patch", "true or false")),
            _ => Year::from_root(&place, root).map(Self::Year),
        }
    }
}

fn patch(place: &Place<'_>, root: &dyn TableLike) -> Result<Patch, CalendarError> {
    place.known(
        root,
        1,
        &["year", "patch", "title", "notice", "published", "source", "days_off", "working_days", "holiday"],
        "year, patch, title, notice, published, source, days_off, working_days, holiday",
    )?;
    let year = place.year(root)?;
    let mut days: Vec<(NaiveDate, bool)> = Vec::new();
    days.extend(place.dates(root, 1, "days_off")?.into_iter().map(|day| (day, false)));
    days.extend(place.dates(root, 1, "working_days")?.into_iter().map(|day| (day, true)));
    if let Some(item) = root.get("holiday") {
        let tables = item.as_array_of_tables();
        for table in tables.ok_or_else(|| place.value(Some(item), 1, "holiday", "one [[holiday]] table for each"))? {
            let holiday = holiday(place, table, place.line(table.span()))?;
            holiday.check(place.file)?;
            days.extend(holiday.days().map(|day| (day, false)));
            days.extend(holiday.make_up.iter().map(|day| (*day, true)));
        }
    }
    if days.is_empty() {
        return Err(place.value(None, 1, "days_off", "there, or `working_days`: a patch that changes no day is a mistake"));
    }
    let mut seen = std::collections::BTreeSet::new();
    for (day, _) in &days {
        if !belongs(*day, year) {
            return Err(CalendarError::OtherYear { file: place.file.to_owned(), day: *day, year });
        }
        if !seen.insert(*day) {
            return Err(CalendarError::DayTwice { file: place.file.to_owned(), day: *day });
        }
    }
    Ok(Patch { file: place.file.to_owned(), year, notice: place.notice(root, 1)?, days })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        Parsed::from_toml("p.toml", text).expect_err("refused").to_string()
    }

    #[test]
    fn a_patch_names_single_days_in_either_form() {
        let lists =
            "year = 2026\npatch = true\nnotice = \"某办发〔2026〕3号\"\ndays_off = [2026-07-22]\nworking_days = [2026-07-25]\n";
        let Parsed::Patch(read) = Parsed::from_toml("p.toml", lists).expect("good") else { panic!("a patch") };
        let day = |text: &str| text.parse::<NaiveDate>().expect("a date");
        assert_eq!(read.days, [(day("2026-07-22"), false), (day("2026-07-25"), true)]);
        assert_eq!((read.year, read.notice.notice.as_deref()), (2026, Some("某办发〔2026〕3号")));
        let spans = "year = 2026\npatch = true\n[[holiday]]\nname = \"火把节\"\nfrom = 2026-07-22\nto = 2026-07-22\nmake_up = [2026-07-25]\n";
        let Parsed::Patch(same) = Parsed::from_toml("p.toml", spans).expect("good") else { panic!("a patch") };
        assert_eq!(same.days, read.days);
    }

    #[test]
    fn a_patch_that_cannot_be_right_is_refused_with_its_line() {
        assert!(refused("year = 2026\npatch = true\n").contains("changes no day"));
        assert!(refused("year = 2026\npatch = true\ndays_off = [2025-07-22]\n").contains("2025-07-22 lies outside 2026"));
        let twice = refused("year = 2026\npatch = true\ndays_off = [2026-07-22]\nworking_days = [2026-07-22]\n");
        assert!(twice.contains("2026-07-22 is named twice"), "{twice}");
        assert_eq!(
            refused("year = 2026\npatch = true\ndays_of = [2026-07-22]\n"),
            "p.toml: line 3: unknown key `days_of` (known: year, patch, title, notice, published, source, days_off, working_days, holiday)"
        );
        assert_eq!(refused("year = 2026\npatch = \"yes\"\n"), "p.toml: line 2: `patch` must be true or false");
        let long = "year = 2026\npatch = true\n[[holiday]]\nname = \"x\"\nfrom = 2026-01-01\nto = 9999-12-31\n";
        assert!(refused(long).contains("at most 15 days"));
    }
}
