//! From a row of digits to a civil time: which fourteen of them are a date and a time, by how they are spaced.
//!
//! The spacing tells the fields apart, whatever stands between them: `2026-11-22 14:50:03`, `11/22/2026 14:50:03`,
//! `2026年11月22日 星期日 14:50:03`.

use chrono::{NaiveDate, NaiveDateTime};

/// Digits in a date and a time.
pub(super) const DIGITS: usize = 14;
/// Between digits of one field the distance of their middles is at most this many usual distances.
const WITHIN_FIELD: f32 = 1.22;
/// And at least this many.
const CLOSEST: f32 = 0.72;
/// Between fields at least this many: even the narrowest colon takes room.
const BETWEEN_FIELDS: f32 = 1.26;
/// Between fields at most this many: a weekday in Chinese, with spaces, stands between date and time.
const WIDEST: f32 = 12.0;
/// Two separators of the same kind differ at most by this many usual distances.
const SAME_KIND: f32 = 0.35;

/// A digit in a row: its value and where its middle lies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Digit {
    pub value: u8,
    pub middle: f32,
}

/// The order of the date's fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    YearMonthDay,
    MonthDayYear,
    DayMonthYear,
}

/// Reads fourteen digits as a time. `None` when their spacing or values are no date and time.
///
/// Where a date can be month–day or day–month, both are given, month first: the caller knows what date it is.
pub(super) fn civil(digits: &[Digit; DIGITS]) -> Vec<NaiveDateTime> {
    let gaps: Vec<f32> = digits.windows(2).map(|w| w[1].middle - w[0].middle).collect();
    let mut sorted = gaps.clone();
    sorted.sort_by(f32::total_cmp);
    // Eight or nine of the thirteen distances lie within fields.
    let usual = sorted[4];
    if usual <= 0.0 {
        return Vec::new();
    }
    let gaps: Vec<f32> = gaps.iter().map(|g| g / usual).collect();
    let fits = |borders: [usize; 5]| {
        let spaced = gaps.iter().enumerate().all(|(n, gap)| {
            let border = borders.contains(&(n + 1));
            if border { (BETWEEN_FIELDS..=WIDEST).contains(gap) } else { (CLOSEST..=WITHIN_FIELD).contains(gap) }
        });
        // The two separators of the time are alike.
        spaced && (gaps[borders[3] - 1] - gaps[borders[4] - 1]).abs() <= SAME_KIND
    };
    let orders: &[Order] = if fits([4, 6, 8, 10, 12]) {
        &[Order::YearMonthDay]
    } else if fits([2, 4, 8, 10, 12]) {
        &[Order::MonthDayYear, Order::DayMonthYear]
    } else {
        return Vec::new();
    };
    let number = |from: usize, count: usize| digits[from..from + count].iter().fold(0, |n, d| n * 10 + u32::from(d.value));
    let mut times = Vec::new();
    for order in orders {
        let (year, month, day) = match order {
            Order::YearMonthDay => (number(0, 4), number(4, 2), number(6, 2)),
            Order::MonthDayYear => (number(4, 4), number(0, 2), number(2, 2)),
            Order::DayMonthYear => (number(4, 4), number(2, 2), number(0, 2)),
        };
        let time = i32::try_from(year)
            .ok()
            .filter(|year| (1970..=2099).contains(year))
            .and_then(|year| NaiveDate::from_ymd_opt(year, month, day))
            .and_then(|date| date.and_hms_opt(number(8, 2), number(10, 2), number(12, 2)));
        times.extend(time.filter(|t| !times.contains(t)));
    }
    times
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Digits of `text` one apart; `:`, `-` and `/` half as wide, a space and Chinese characters one.
    fn spaced(text: &str) -> [Digit; DIGITS] {
        let mut at = 0.0;
        let mut digits = Vec::new();
        for c in text.chars() {
            match c.to_digit(10) {
                Some(value) => {
                    digits.push(Digit { value: value as u8, middle: at + 5.0 });
                    at += 10.0;
                }
                None if ":-/".contains(c) => at += 5.0,
                None => at += 10.0,
            }
        }
        digits.try_into().expect("fourteen digits")
    }

    fn read(text: &str) -> Vec<String> {
        civil(&spaced(text)).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_usual_layouts_are_read_by_their_spacing() {
        assert_eq!(read("2026-11-22 14:50:03"), ["2026-11-22 14:50:03"]);
        assert_eq!(read("2026/11/22 14:50:03"), ["2026-11-22 14:50:03"]);
        assert_eq!(read("2026年11月22日 星期日 14:50:03"), ["2026-11-22 14:50:03"]);
        assert_eq!(read("11-22-2026 星期日 14:50:03"), ["2026-11-22 14:50:03"]);
        assert_eq!(read("22/11/2026 14:50:03"), ["2026-11-22 14:50:03"]);
    }

    #[test]
    fn a_date_that_can_be_read_two_ways_is_given_both_ways() {
        assert_eq!(read("03-04-2026 14:50:03"), ["2026-03-04 14:50:03", "2026-04-03 14:50:03"]);
        assert_eq!(read("04-04-2026 14:50:03"), ["2026-04-04 14:50:03"]);
    }

    #[test]
    fn what_is_no_date_or_time_is_not_read() {
        assert_eq!(read("2026-13-22 14:50:03"), [""; 0]);
        assert_eq!(read("2026-11-22 24:50:03"), [""; 0]);
        assert_eq!(read("2026-11-22 14:60:03"), [""; 0]);
        assert_eq!(read("20261122145003"), [""; 0], "a number is no time");
        assert_eq!(read("2026-11-22 145003"), [""; 0]);
        assert_eq!(read("2026-11-2214:50:03"), [""; 0], "date and time grown together");
        assert_eq!(read("0471-88-22 14:50:03"), [""; 0]);
    }
}
