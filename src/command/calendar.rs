//! `jiancha calendar`: working days, and when a day's footage may go.

use chrono::{Datelike, NaiveDate, SecondsFormat};
use serde::Serialize;

use super::{Outcome, complain, print_json};
use crate::calendar::{Calendar, KEEP_WORKING_DAYS, Year};
use crate::time::{Clock, SystemClock};

/// Arguments of `jiancha calendar`.
#[derive(clap::Args)]
pub struct CalendarArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// When footage of a day may go: after that many later working days are complete.
    Due {
        /// The day of recording in Beijing, such as 2026-09-21.
        #[arg(value_parser = date)]
        date: NaiveDate,
        /// Working days (工作日) to keep.
        #[arg(long, value_name = "N", default_value_t = KEEP_WORKING_DAYS, value_parser = clap::value_parser!(u16).range(1..=2000))]
        days: u16,
        /// Print JSON instead of text.
        #[arg(long)]
        json: bool,
    },
    /// Show a year's days off and make-up days, with the notice they come from.
    Show {
        /// The year, such as 2026.
        #[arg(value_parser = clap::value_parser!(i32).range(1949..=9998))]
        year: i32,
        /// Print JSON instead of a table.
        #[arg(long)]
        json: bool,
    },
    /// Tell whether a notice is missing; exit code 1 when it is: this year's, or from 1 December on the next year's.
    Check {
        /// The day to ask for instead of today, such as 2026-12-01.
        #[arg(long, value_name = "DATE", value_parser = date)]
        today: Option<NaiveDate>,
        /// Print JSON instead of text.
        #[arg(long)]
        json: bool,
    },
}

fn date(text: &str) -> Result<NaiveDate, String> {
    let found = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().filter(|d| (1949..=9998).contains(&d.year()));
    found.ok_or_else(|| "不是日期，应如 2026-09-21 · not a date such as 2026-09-21".to_owned())
}

/// Runs `jiancha calendar`. Exit code 0, 1 when a notice asked for is missing, 2 when it cannot be told.
pub fn run(args: &CalendarArgs) -> Outcome {
    let calendar = match Calendar::published() {
        Ok(calendar) => calendar,
        Err(e) => return complain(&e.to_string()),
    };
    match args.what {
        What::Due { date, days, json } => due(&calendar, date, days, json),
        What::Show { year, json } => show(&calendar, year, json),
        What::Check { today, json } => {
            check(&calendar, today.unwrap_or_else(|| SystemClock::new().wall().beijing().date_naive()), json)
        }
    }
}

#[derive(Serialize)]
struct PrintedDue {
    recorded: NaiveDate,
    /// RFC 3339 with seconds, as the contract of this command has it.
    may_go_from: String,
    certain: bool,
    working_days: u16,
    calendar_days: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    unpublished: Option<i32>,
}

#[expect(clippy::print_stdout, reason = "the command's answer")]
fn due(calendar: &Calendar, recorded: NaiveDate, working_days: u16, json: bool) -> Outcome {
    let due = calendar.due(recorded, working_days);
    let printed = PrintedDue {
        recorded,
        may_go_from: due.may_go_from.beijing().to_rfc3339_opts(SecondsFormat::Secs, false),
        certain: due.certain,
        working_days,
        // Whole days kept, the day of recording not counted.
        calendar_days: (due.may_go_date - recorded).num_days() - 1,
        unpublished: due.unpublished,
    };
    if json {
        print_json(&printed);
        return Outcome::Good;
    }
    println!("{recorded} 的录像满 {working_days} 个工作日（{} 个日历日），{} 起可清理", printed.calendar_days, due.may_go_date);
    println!(
        "footage of {recorded} may go from {}, when {working_days} later working days ({} calendar days) are complete",
        printed.may_go_from, printed.calendar_days
    );
    if let Some(year) = due.unpublished {
        println!("不确定：{year}年放假通知未收录，按最保守方式计算，通知收录后日期会提前");
        println!(
            "not certain: no notice for {year}; the date is a safe upper bound and moves forward once the notice is known"
        );
    }
    Outcome::Good
}

#[derive(Serialize)]
struct PrintedYear<'a> {
    year: i32,
    published: bool,
    notice: Option<&'a str>,
    notice_date: Option<NaiveDate>,
    source: Option<&'a str>,
    days_off: Vec<NaiveDate>,
    make_up_days: Vec<NaiveDate>,
}

#[expect(clippy::print_stdout, reason = "the command's answer")]
fn show(calendar: &Calendar, number: i32, json: bool) -> Outcome {
    let year = calendar.year(number);
    if json {
        let sorted = |mut days: Vec<NaiveDate>| {
            days.sort();
            days
        };
        print_json(&PrintedYear {
            year: number,
            published: year.is_some(),
            notice: year.and_then(|y| y.notice.as_deref()),
            notice_date: year.and_then(|y| y.published),
            source: year.and_then(|y| y.source.as_deref()),
            days_off: sorted(year.map(|y| y.days_off().collect()).unwrap_or_default()),
            make_up_days: sorted(year.map(|y| y.make_up_days().collect()).unwrap_or_default()),
        });
    } else if let Some(year) = year {
        print_year(year);
    } else {
        let known: Vec<String> = calendar.years().map(|y| y.year.to_string()).collect();
        println!("{number}年放假通知未收录（已收录：{}）", known.join("、"));
        println!("no notice for {number} (known: {})", known.join(", "));
    }
    if year.is_some() { Outcome::Good } else { Outcome::Findings }
}

#[expect(clippy::print_stdout, reason = "the command's answer")]
fn print_year(year: &Year) {
    let notice = year.notice.as_deref().unwrap_or("文号未知 number unknown");
    let published = year.published.map(|d| d.to_string()).unwrap_or_default();
    println!("国务院办公厅关于{}年部分节假日安排的通知  {notice}  {published}", year.year);
    for h in &year.holidays {
        println!("{}  放假 off {} – {}，{} 天 days", h.name, h.from, h.to, h.days().count());
        for day in &h.make_up {
            println!(
                "    调休上班 worked {day} {}",
                if day.weekday() == chrono::Weekday::Sun { "周日 Sun" } else { "周六 Sat" }
            );
        }
    }
    println!("{} 天放假 days off，{} 天调休上班 make-up days", year.days_off().count(), year.make_up_days().count());
    if let Some(source) = &year.source {
        println!("来源 source: {source}");
    }
}

#[derive(Serialize)]
struct PrintedCheck {
    today: NaiveDate,
    known: Vec<i32>,
    missing: Vec<i32>,
    alarm: Option<String>,
}

#[expect(clippy::print_stdout, reason = "the command's answer")]
fn check(calendar: &Calendar, today: NaiveDate, json: bool) -> Outcome {
    let alarm = calendar.missing_notice_alarm(today);
    let outcome = if alarm.is_some() { Outcome::Findings } else { Outcome::Good };
    if json {
        print_json(&PrintedCheck {
            today,
            known: calendar.years().map(|y| y.year).collect(),
            missing: alarm.as_ref().map(|a| a.years.clone()).unwrap_or_default(),
            alarm: alarm.map(|a| format!("{} · {}", a.zh, a.en)),
        });
        return outcome;
    }
    match alarm {
        Some(alarm) => {
            println!("告警 {}", alarm.zh);
            println!("ALARM {}", alarm.en);
        }
        None => {
            println!("{today} 工作日历完好，无缺少的放假通知");
            println!("no notice is missing on {today}");
        }
    }
    outcome
}
