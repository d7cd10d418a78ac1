//! `[retention]`: how long footage stays, when it goes, and what stops first on a full disk.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use toml_edit::{Item, Value};

use super::complaint::{ComplaintKind, Words};
use super::reader::{Need, Reader, Section, show};
use crate::calendar::KEEP_WORKING_DAYS;

/// Calendar days for each working day that an upper bound must leave: as long as the calendar keeps a day that depends on a year
/// without a notice.
const DAYS_PER_WORKING_DAY: u32 = 2;

/// `[retention]`: what stays, what may go and when (留存).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetentionSettings {
    /// Later working days (工作日) that must be complete before a day's footage may go: 30 by R7, or more.
    pub working_days: u16,
    /// Calendar days after which footage goes although there is space, where the site wants an upper bound.
    pub at_most_days: Option<u32>,
    /// Whether what may go goes at once or only when space is needed.
    pub delete: DeleteWhen,
    /// How much of a disk shall be free.
    pub free_target: FreeTarget,
    /// Which recording stops first when no space is left; the windows' is always last.
    pub stop_order: [StopClass; 3],
    /// Space for this long of the windows' cameras is kept for them alone.
    pub windows_last: Duration,
    /// How many days ahead a disk that will not carry its floor is alarmed.
    pub alarm_days: u32,
}

impl Default for RetentionSettings {
    fn default() -> Self {
        Self {
            working_days: KEEP_WORKING_DAYS,
            at_most_days: None,
            delete: DeleteWhen::WhenNeeded,
            free_target: FreeTarget { percent: Some(10), gb: None },
            stop_order: [StopClass::Wall, StopClass::Other, StopClass::Windows],
            windows_last: Duration::from_secs(72 * 3600),
            alarm_days: 7,
        }
    }
}

/// When footage that may go goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeleteWhen {
    /// When its disk has less free space than it shall have, oldest first.
    WhenNeeded,
    /// As soon as it may.
    WhenDue,
}

/// How much of a disk shall be free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FreeTarget {
    /// Part of the disk in percent.
    pub percent: Option<u32>,
    /// Gigabytes (10⁹ bytes).
    pub gb: Option<u32>,
}

impl FreeTarget {
    /// Bytes that shall be free on a disk of `total` bytes with `reserve` bytes kept from recording: what is asked for, the larger
    /// of both, and at least twice the reserve, so that room is made before recording stops; never more than half the disk.
    pub fn bytes(self, total: u64, reserve: u64) -> u64 {
        let percent = self.percent.map_or(0, |p| total / 100 * u64::from(p));
        let gb = self.gb.map_or(0, |gb| u64::from(gb) * 1_000_000_000);
        percent.max(gb).max(reserve.saturating_mul(2)).min(total / 2)
    }
}

/// What recording is told apart when no space is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StopClass {
    /// Low-rate pictures for the wall (电视墙小画面).
    Wall,
    /// Cameras no window depends on.
    Other,
    /// Cameras of windows, pictures or sound.
    Windows,
}

/// Reads `[retention]`; a section that is left out is an empty one.
pub(super) fn retention(reader: &mut Reader, section: &Section<'_>) -> RetentionSettings {
    reader.refuse_unknown(
        section,
        &[
            "working_days",
            "at_most_days",
            "delete",
            "free_target_percent",
            "free_target_gb",
            "stop_order",
            "windows_last_hours",
            "alarm_days",
        ],
    );
    let default = RetentionSettings::default();
    let working_days = working_days(reader, section);
    let choices = [("when-needed", DeleteWhen::WhenNeeded), ("when-due", DeleteWhen::WhenDue)];
    let days = || Words::new("天", "days");
    let written = |key: &str| section.table.get(key).is_some_and(|item| !item.is_none());
    let gb = written("free_target_gb")
        .then(|| reader.number(section, "free_target_gb", 100, 1..=1_000_000, Words::new("GB（10⁹ 字节）", "GB (10⁹ bytes)")));
    let percent = (gb.is_none() || written("free_target_percent"))
        .then(|| reader.number(section, "free_target_percent", 10, 1..=50, Words::same("%")));
    RetentionSettings {
        working_days,
        at_most_days: at_most_days(reader, section, working_days),
        delete: reader.choice(section, "delete", &choices, Some(default.delete)).unwrap_or(default.delete),
        free_target: FreeTarget { percent, gb },
        stop_order: stop_order(reader, section).unwrap_or(default.stop_order),
        windows_last: windows_last(reader, section).unwrap_or(default.windows_last),
        alarm_days: reader.number(section, "alarm_days", default.alarm_days, 1..=60, days()),
    }
}

fn working_days(reader: &mut Reader, section: &Section<'_>) -> u16 {
    let floor = u32::from(KEEP_WORKING_DAYS);
    let found = section.table.get("working_days").and_then(Item::as_integer);
    if let Some(found) = found.filter(|n| *n < i64::from(floor)) {
        let line = reader.line_of(section, "working_days");
        reader.error(
            ComplaintKind::OutOfRange,
            line,
            section.key("working_days"),
            Words::new(format!("写的是 {found}"), format!("found {found}")),
            Words::new(
                format!("R7：音视频至少保存 {floor} 个工作日，只能写 {floor} 或更多；空间不够请加盘（jiancha plan）"),
                format!(
                    "R7: sound and video are kept for not less than {floor} working days; write {floor} or more, and add disks \
                     where space is short (jiancha plan)"
                ),
            ),
        );
        return KEEP_WORKING_DAYS;
    }
    let days = reader.number(section, "working_days", floor, floor..=260, Words::new("个工作日", "working days"));
    u16::try_from(days).unwrap_or(KEEP_WORKING_DAYS)
}

fn at_most_days(reader: &mut Reader, section: &Section<'_>, working_days: u16) -> Option<u32> {
    let least = u32::from(working_days) * DAYS_PER_WORKING_DAY;
    let item = section.table.get("at_most_days").filter(|item| !item.is_none())?;
    if let Some(found) = item.as_integer().filter(|n| *n < i64::from(least)) {
        let line = reader.line_of(section, "at_most_days");
        reader.error(
            ComplaintKind::OutOfRange,
            line,
            section.key("at_most_days"),
            Words::new(format!("写的是 {found}"), format!("found {found}")),
            Words::new(
                format!(
                    "上限不得少于 {least} 个日历日：{working_days} 个工作日遇长假、或该年放假通知未公布时可达 {least} 天，更小的上限会与下限（R7）相抵触"
                ),
                format!(
                    "must be {least} or more: {working_days} working days can take up to {least} calendar days (long holidays, a \
                     year without a notice), and an upper bound must never cut that floor (R7)"
                ),
            ),
        );
        return None;
    }
    Some(reader.number(section, "at_most_days", least.max(90), least..=3650, Words::new("个日历日", "calendar days")))
}

fn windows_last(reader: &mut Reader, section: &Section<'_>) -> Option<Duration> {
    const MOST_HOURS: f64 = 720.0;
    let item = reader.item(section, "windows_last_hours", Need::Optional, "72")?;
    #[expect(clippy::cast_precision_loss, reason = "a number of hours; absurd ones are refused below")]
    let hours = item.as_float().or_else(|| item.as_integer().map(|n| n as f64));
    let Some(hours) = hours else {
        reader.wrong_type(section, "windows_last_hours", item, Words::new("数字，不加引号", "a number without quotes"), "72");
        return None;
    };
    if (0.0..=MOST_HOURS).contains(&hours) {
        return Some(Duration::from_secs_f64(hours * 3600.0));
    }
    let line = reader.line_of(section, "windows_last_hours");
    reader.error(
        ComplaintKind::OutOfRange,
        line,
        section.key("windows_last_hours"),
        Words::new(format!("写的是 {hours}"), format!("found {hours}")),
        Words::new("应在 0 至 720 小时之间，可写小数，默认 72", "must be 0 to 720 hours, decimals allowed, 72 by default"),
    );
    None
}

fn stop_order(reader: &mut Reader, section: &Section<'_>) -> Option<[StopClass; 3]> {
    const EXAMPLE: &str = "[\"wall\", \"other\", \"windows\"]";
    let item = reader.item(section, "stop_order", Need::Optional, EXAMPLE)?;
    let words: Option<Vec<&str>> = item.as_array().and_then(|list| list.iter().map(Value::as_str).collect());
    let Some(words) = words else {
        reader.wrong_type(section, "stop_order", item, Words::new("文字列表", "a list of texts"), EXAMPLE);
        return None;
    };
    match words.as_slice() {
        ["wall", "other", "windows"] => return Some([StopClass::Wall, StopClass::Other, StopClass::Windows]),
        ["other", "wall", "windows"] => return Some([StopClass::Other, StopClass::Wall, StopClass::Windows]),
        _ => {}
    }
    let line = reader.line_of(section, "stop_order");
    let found = words.iter().map(|w| show(w)).collect::<Vec<_>>().join(", ");
    reader.error(
        ComplaintKind::BadValue,
        line,
        section.key("stop_order"),
        Words::new(format!("写的是 [{found}]"), format!("found [{found}]")),
        Words::new(
            format!("应把 wall、other、windows 各写一次，且 windows 在最后（窗口录像最后停），例如 stop_order = {EXAMPLE}"),
            format!("must name wall, other and windows once each, windows last (windows are the last to stop), for example stop_order = {EXAMPLE}"),
        ),
    );
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_larger_target_counts_and_room_is_made_before_recording_stops() {
        let tb = 1_000_000_000_000;
        let target = |percent, gb| FreeTarget { percent, gb }.bytes(tb, 1 << 30);
        assert_eq!(target(Some(10), None), 100_000_000_000);
        assert_eq!(target(Some(10), Some(250)), 250_000_000_000);
        assert_eq!(target(None, Some(1)), 2 << 30);
        assert_eq!(FreeTarget { percent: Some(10), gb: None }.bytes(1_000_000, 1 << 30), 500_000);
    }
}
