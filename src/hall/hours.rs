//! Opening hours (对外服务时间): `[hours]` of hall.toml, and the `hours` of a zone.

use std::fmt;

use super::complaint::{ComplaintKind, Words};
use super::reader::{Need, Reader, Section, show};

/// Minutes of a day.
const DAY: u16 = 24 * 60;

/// A part of a day in which the hall is open, half-open: `08:30-12:00` ends when 12:00 begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DayPart {
    /// First minute of the day inside, 0 to 1439.
    pub from_minute: u16,
    /// First minute after, up to 1440 for midnight.
    pub to_minute: u16,
}

impl fmt::Display for DayPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (from, to) = (self.from_minute, self.to_minute);
        write!(f, "{:02}:{:02}-{:02}:{:02}", from / 60, from % 60, to / 60, to % 60)
    }
}

/// Opening hours (对外服务时间). Nothing is expected outside of them; what is recorded there is kept all the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpeningHours {
    /// On working days, in order, apart from each other.
    pub working_days: Vec<DayPart>,
    /// On days off.
    pub other_days: Vec<DayPart>,
}

/// Reads a table with opening hours.
pub(super) fn read(reader: &mut Reader, section: &Section<'_>) -> OpeningHours {
    reader.refuse_unknown(section, &["working_days", "other_days"]);
    OpeningHours {
        working_days: parts(reader, section, "working_days", Need::Required),
        other_days: parts(reader, section, "other_days", Need::Optional),
    }
}

/// Reads the `hours` of a `[[zone]]`, given as `hours = { … }` or `[zone.hours]`.
pub(super) fn of_zone(reader: &mut Reader, zone: &Section<'_>, all_day: bool) -> Option<OpeningHours> {
    let item = zone.table.get("hours").filter(|item| !item.is_none())?;
    let line = reader.line_of(zone, "hours");
    let Some(table) = item.as_table_like() else {
        let wanted = Words::new("一个表", "a table");
        reader.wrong_type(zone, "hours", item, wanted, "{ working_days = [\"08:30-17:00\"], other_days = [] }");
        return None;
    };
    if all_day {
        reader.error(
            ComplaintKind::BadValue,
            line,
            zone.key("hours"),
            Words::new("all_day = true 的分区又写了 hours", "hours for a zone that is all_day"),
            Words::new("两者只写一个", "write one of the two"),
        );
    }
    Some(read(reader, &Section { table, path: zone.key("hours"), line }))
}

fn parts(reader: &mut Reader, section: &Section<'_>, key: &str, need: Need) -> Vec<DayPart> {
    const EXAMPLE: &str = "[\"08:30-12:00\", \"13:30-17:00\"]";
    let Some(item) = reader.item(section, key, need, EXAMPLE) else { return Vec::new() };
    let texts: Option<Vec<&str>> = item.as_array().and_then(|list| list.iter().map(|v| v.as_str()).collect());
    let Some(texts) = texts else {
        let wanted = Words::new("时段的列表", "a list of times");
        reader.wrong_type(section, key, item, wanted, EXAMPLE);
        return Vec::new();
    };
    let mut parts: Vec<DayPart> = Vec::new();
    for text in texts {
        let wrong = match part(text) {
            None => Some(Words::new(
                format!("{} 不是时段", show(text)),
                format!("{} is no time from the first to the last minute", show(text)),
            )),
            Some(part) if parts.last().is_some_and(|last| part.from_minute < last.to_minute) => Some(Words::new(
                format!("{part} 与前一时段重叠或颠倒"),
                format!("{part} begins before the one in front of it ends"),
            )),
            Some(part) => {
                parts.push(part);
                None
            }
        };
        if let Some(found) = wrong {
            let line = reader.line_of(section, key);
            let right = Words::new(
                format!("应为 时:分-时:分，先后排列，不过午夜（最晚 24:00），例如 {EXAMPLE}"),
                format!("write HH:MM-HH:MM in order, not past midnight (24:00 at the latest), for example {EXAMPLE}"),
            );
            reader.error(ComplaintKind::BadValue, line, section.key(key), found, right);
        }
    }
    parts
}

fn part(text: &str) -> Option<DayPart> {
    let (from, to) = text.split_once('-')?;
    let part = DayPart { from_minute: minute(from)?, to_minute: minute(to)? };
    (part.from_minute < part.to_minute).then_some(part)
}

fn minute(text: &str) -> Option<u16> {
    let (hour, minute) = text.trim().split_once(':')?;
    let digits = |text: &str, most: usize| !text.is_empty() && text.len() <= most && text.bytes().all(|b| b.is_ascii_digit());
    if !digits(hour, 2) || minute.len() != 2 || !digits(minute, 2) {
        return None;
    }
    let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
    let at = hour * 60 + minute;
    (minute < 60 && at <= DAY).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_day_is_read_to_the_minute() {
        let read = |text: &str| part(text).map(|p| (p.from_minute, p.to_minute));
        assert_eq!(read("08:30-12:00"), Some((510, 720)));
        assert_eq!(read("8:30 - 12:00"), Some((510, 720)));
        assert_eq!(read("00:00-24:00"), Some((0, 1440)));
        assert_eq!(part("13:30-17:00").map(|p| p.to_string()), Some("13:30-17:00".to_owned()));
        for wrong in [
            "",
            "08:30",
            "12:00-08:30",
            "08:30-08:30",
            "22:00-02:00",
            "08:60-09:00",
            "08:30-24:01",
            "8.30-9.00",
            "aa:bb-cc:dd",
            "08:5-09:00",
            "+8:30-09:00",
            "99:00-99:30",
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
