//! What the stamp says: Beijing time (北京时间) to the second, and the label (行政区划与功能分区, R8). Pure.

use chrono::{Datelike, Timelike, Weekday};

use crate::time::WallTime;

/// Every character a time text can hold, the space left out.
pub const TIME_CHARACTERS: &str = "0123456789年月日星期一二三四五六:";

/// The time text of a picture: `2026年11月22日 星期日 14:50:03`.
///
/// The second is the whole second in which `capture` lies: a clock shows 14:50:03 from 14:50:03.000 up to, not including,
/// 14:50:04.000.
pub fn time_text(capture: WallTime) -> String {
    time_text_with(capture, true)
}

/// As [`time_text`]; without the weekday where a site wants it so: `2026年11月22日 14:50:03`.
pub fn time_text_with(capture: WallTime, weekday: bool) -> String {
    let t = capture.floor_second().beijing();
    let day = match t.weekday() {
        Weekday::Mon => '一',
        Weekday::Tue => '二',
        Weekday::Wed => '三',
        Weekday::Thu => '四',
        Weekday::Fri => '五',
        Weekday::Sat => '六',
        Weekday::Sun => '日',
    };
    let weekday = if weekday { format!(" 星期{day}") } else { String::new() };
    format!("{:04}年{:02}月{:02}日{weekday} {:02}:{:02}:{:02}", t.year(), t.month(), t.day(), t.hour(), t.minute(), t.second())
}

/// The longest time text there can be: every digit the widest one, and so the weekday.
pub(super) fn time_pattern(weekday: bool, digit: char, widest_day: char) -> String {
    let pattern = if weekday { "0000年00月00日 星期W 00:00:00" } else { "0000年00月00日 00:00:00" };
    let filled = |c| match c {
        '0' => digit,
        'W' => widest_day,
        other => other,
    };
    pattern.chars().map(filled).collect()
}

/// The label's lines as they are drawn: white space run together, empty lines left out.
pub fn label_lines(label: &[String; 2]) -> Vec<String> {
    label.iter().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).filter(|line| !line.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> String {
        time_text(WallTime::parse_rfc3339(text).expect("a valid time"))
    }

    #[test]
    fn time_is_beijing_time_with_date_weekday_and_seconds() {
        assert_eq!(at("2026-11-22T06:50:03Z"), "2026年11月22日 星期日 14:50:03");
        assert_eq!(at("2026-03-02T00:05:09+08:00"), "2026年03月02日 星期一 00:05:09");
    }

    #[test]
    fn a_second_lasts_from_its_start_to_just_before_the_next() {
        assert_eq!(at("2026-11-22T14:50:03.000+08:00"), "2026年11月22日 星期日 14:50:03");
        assert_eq!(at("2026-11-22T14:50:03.999999+08:00"), "2026年11月22日 星期日 14:50:03");
        assert_eq!(at("2026-11-22T14:50:04+08:00"), "2026年11月22日 星期日 14:50:04");
        assert_eq!(time_text(WallTime::from_micros(-1)), "1970年01月01日 星期四 07:59:59");
    }

    #[test]
    fn the_weekday_can_be_left_out() {
        let capture = WallTime::parse_rfc3339("2026-11-22T14:50:03+08:00").expect("a valid time");
        assert_eq!(time_text_with(capture, false), "2026年11月22日 14:50:03");
        assert_eq!(time_pattern(false, '8', '六'), "8888年88月88日 88:88:88");
        assert_eq!(time_pattern(true, '8', '六'), "8888年88月88日 星期六 88:88:88");
    }

    #[test]
    fn the_year_turns_at_midnight_in_beijing() {
        assert_eq!(at("2026-12-31T15:59:59.999Z"), "2026年12月31日 星期四 23:59:59");
        assert_eq!(at("2026-12-31T16:00:00Z"), "2027年01月01日 星期五 00:00:00");
    }

    #[test]
    fn every_character_of_a_time_is_listed() {
        let mut t = WallTime::parse_rfc3339("2026-01-01T00:00:00+08:00").expect("a valid time");
        for _ in 0..4000 {
            let text = time_text(t);
            assert!(text.chars().all(|c| c == ' ' || TIME_CHARACTERS.contains(c)), "{text}");
            t = t.plus_micros(17 * 3_607 * 1_000_000 + 1);
        }
    }

    #[test]
    fn label_lines_are_trimmed_and_empty_ones_left_out() {
        let label = ["  长春市朝阳区   重庆街道便民服务中心 ".to_owned(), "\t".to_owned()];
        assert_eq!(label_lines(&label), ["长春市朝阳区 重庆街道便民服务中心"]);
    }
}
