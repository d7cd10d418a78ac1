//! `jiancha calendar`: working days, and when a day's footage may go.

use std::fmt::Write as _;

use chrono::{Datelike, NaiveDate, SecondsFormat};
use serde::Serialize;

use super::{ConfigArg, Outcome, complain, load_hall, print_json, print_text};
use crate::calendar::{Calendar, CalendarError, KEEP_WORKING_DAYS, Origin, Patch, Source, Year};
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
        #[command(flatten)]
        config: ConfigArg,
        /// Print JSON instead of text.
        #[arg(long)]
        json: bool,
    },
    /// Show a year's days off and make-up days, with the notice they come from; without a year, all years and their origin.
    Show {
        /// The year, such as 2026.
        #[arg(value_parser = clap::value_parser!(i32).range(1949..=9998))]
        year: Option<i32>,
        #[command(flatten)]
        config: ConfigArg,
        /// Print JSON instead of a table.
        #[arg(long)]
        json: bool,
    },
    /// Tell whether a notice is missing, or a file of the calendar folder is bad; exit code 1 when so. Asked for is this year's notice,
    /// and from 1 December on the next year's.
    Check {
        /// The day to ask for instead of today, such as 2026-12-01.
        #[arg(long, value_name = "DATE", value_parser = date)]
        today: Option<NaiveDate>,
        #[command(flatten)]
        config: ConfigArg,
        /// Print JSON instead of text.
        #[arg(long)]
        json: bool,
    },
}

fn date(text: &str) -> Result<NaiveDate, String> {
    let found = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().filter(|d| (1949..=9998).contains(&d.year()));
    found.ok_or_else(|| "不是日期，应如 2026-09-21 · not a date such as 2026-09-21".to_owned())
}

/// Runs `jiancha calendar`. Exit code 0, 1 when a notice asked for is missing or a file is bad, 2 when it cannot be told.
pub fn run(args: &CalendarArgs) -> Outcome {
    let (What::Due { config, .. } | What::Show { config, .. } | What::Check { config, .. }) = &args.what;
    let (calendar, complaints) = match read(config) {
        Ok(read) => read,
        Err(outcome) => return outcome,
    };
    match args.what {
        What::Due { date, days, json, .. } => due(&calendar, date, days, json),
        What::Show { year: Some(year), json, .. } => show(&calendar, year, json),
        What::Show { year: None, json, .. } => show_all(&calendar, json),
        What::Check { today, json, .. } => {
            check(&calendar, &complaints, today.unwrap_or_else(|| SystemClock::new().wall().beijing().date_naive()), json)
        }
    }
}

/// The calendar with the site's files of hall.toml. Without hall.toml it is that of the program; one that is named must be good.
fn read(config: &ConfigArg) -> Result<(Calendar, Vec<CalendarError>), Outcome> {
    let source = if config.config.is_some() || config.path().exists() {
        let hall = load_hall(config, crate::hall::load_without_secrets).ok_or(Outcome::Failed)?;
        Source::of(&hall.calendar)
    } else {
        Source::built_in()
    };
    let (calendar, complaints) = source.load_what_is_good().map_err(|e| complain(&e.to_string()))?;
    tell(&complaints);
    Ok((calendar, complaints))
}

/// Says on standard error what is wrong with the files of the calendar folder.
pub(super) fn tell(complaints: &[CalendarError]) {
    for complaint in complaints {
        remark!(
            "jiancha: 日历文件有误，其年份按未公布处理 · a calendar file is bad, its year counts as unpublished: {complaint}"
        );
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
    let mut text = format!(
        "{recorded} 的录像满 {working_days} 个工作日（{} 个日历日），{} 起可清理\n\
         footage of {recorded} may go from {}, when {working_days} later working days ({} calendar days) are complete\n",
        printed.calendar_days, due.may_go_date, printed.may_go_from, printed.calendar_days
    );
    if let Some(year) = due.unpublished {
        let _ = write!(
            text,
            "不确定：{year}年放假通知未收录，按最保守方式计算，通知收录后日期会提前\n\
             not certain: no notice for {year}; the date is a safe upper bound and moves forward once the notice is known\n"
        );
    }
    print_text(&text);
    Outcome::Good
}

#[derive(Serialize)]
struct PrintedNotice<'a> {
    title: Option<&'a str>,
    notice: Option<&'a str>,
    notice_date: Option<NaiveDate>,
    source: Option<&'a str>,
}

#[derive(Serialize)]
struct PrintedPatch<'a> {
    file: &'a str,
    notice: Option<&'a str>,
    days_off: Vec<NaiveDate>,
    working_days: Vec<NaiveDate>,
}

#[derive(Serialize)]
struct PrintedYear<'a> {
    year: i32,
    published: bool,
    origin: Option<&'a Origin>,
    notice: Option<&'a str>,
    notice_date: Option<NaiveDate>,
    source: Option<&'a str>,
    amendments: Vec<PrintedNotice<'a>>,
    days_off: Vec<NaiveDate>,
    make_up_days: Vec<NaiveDate>,
    patches: Vec<PrintedPatch<'a>>,
}

fn printed(calendar: &Calendar, number: i32) -> PrintedYear<'_> {
    let year = calendar.year(number);
    let sorted = |mut days: Vec<NaiveDate>| {
        days.sort();
        days
    };
    let named = |patch: &Patch, works: bool| patch.days.iter().filter(|d| d.1 == works).map(|d| d.0).collect();
    PrintedYear {
        year: number,
        published: year.is_some(),
        origin: calendar.origin(number),
        notice: year.and_then(|y| y.notice.as_deref()),
        notice_date: year.and_then(|y| y.published),
        source: year.and_then(|y| y.source.as_deref()),
        amendments: year
            .into_iter()
            .flat_map(|y| &y.amendments)
            .map(|a| PrintedNotice {
                title: a.title.as_deref(),
                notice: a.notice.as_deref(),
                notice_date: a.published,
                source: a.source.as_deref(),
            })
            .collect(),
        days_off: sorted(year.map(|y| y.days_off().collect()).unwrap_or_default()),
        make_up_days: sorted(year.map(|y| y.make_up_days().collect()).unwrap_or_default()),
        patches: calendar
            .patches()
            .iter()
            .filter(|p| p.year == number)
            .map(|p| PrintedPatch {
                file: &p.file,
                notice: p.notice.notice.as_deref(),
                days_off: sorted(named(p, false)),
                working_days: sorted(named(p, true)),
            })
            .collect(),
    }
}

fn show(calendar: &Calendar, number: i32, json: bool) -> Outcome {
    let year = calendar.year(number);
    if json {
        print_json(&printed(calendar, number));
    } else if let Some(year) = year {
        print_text(&year_table(calendar, year));
    } else {
        let (first, last) = (calendar.years().next(), calendar.years().last());
        let known = first.zip(last).map_or("-".to_owned(), |(first, last)| format!("{}–{}", first.year, last.year));
        print_text(&format!("{number}年放假通知未收录（已收录：{known}）\nno notice for {number} (known: {known})\n"));
    }
    if year.is_some() { Outcome::Good } else { Outcome::Findings }
}

fn origin(origin: Option<&Origin>) -> &str {
    match origin {
        Some(Origin::File(file)) => file,
        Some(Origin::BuiltIn) => "程序自带 built in",
        None => "-",
    }
}

fn year_table(calendar: &Calendar, year: &Year) -> String {
    let number = |notice: Option<&str>| notice.unwrap_or("文号未知 number unknown").to_owned();
    let date = |published: Option<NaiveDate>| published.map(|d| d.to_string()).unwrap_or_default();
    let mut text = String::new();
    let head = (number(year.notice.as_deref()), date(year.published));
    let _ = writeln!(text, "国务院办公厅关于{}年部分节假日安排的通知  {}  {}", year.year, head.0, head.1);
    for a in &year.amendments {
        let title = a.title.as_deref().unwrap_or("修改通知 amended");
        let _ = writeln!(text, "{title}  {}  {}", number(a.notice.as_deref()), date(a.published));
    }
    let sunday = |day: &NaiveDate| if day.weekday() == chrono::Weekday::Sun { "周日 Sun" } else { "周六 Sat" };
    for h in &year.holidays {
        let _ = writeln!(text, "{}  放假 off {} – {}，{} 天 days", h.name, h.from, h.to, h.days().count());
        for day in &h.make_up {
            let _ = writeln!(text, "    调休上班 worked {day} {}", sunday(day));
        }
    }
    let days = (year.days_off().count(), year.make_up_days().count());
    let _ = writeln!(text, "{} 天放假 days off，{} 天调休上班 make-up days", days.0, days.1);
    for patch in calendar.patches().iter().filter(|p| p.year == year.year) {
        for (day, works) in &patch.days {
            let what = if *works { "上班 worked" } else { "放假 off" };
            let _ = writeln!(text, "本地调整 changed here  {day} {what}  {}", patch.file);
        }
    }
    if let Some(source) = &year.source {
        let _ = writeln!(text, "通知来源 source: {source}");
    }
    let _ = writeln!(text, "数据出处 origin: {}", origin(calendar.origin(year.year)));
    text
}

fn show_all(calendar: &Calendar, json: bool) -> Outcome {
    if json {
        print_json(&calendar.years().map(|year| printed(calendar, year.year)).collect::<Vec<_>>());
        return Outcome::Good;
    }
    let mut text = "年份 year  放假 off  调休 worked  通知 notice  日期 date  出处 origin\n".to_owned();
    for year in calendar.years() {
        let notice = year.notice.as_deref().unwrap_or("文号未知 number unknown");
        let published = year.published.map_or("-".to_owned(), |d| d.to_string());
        let changed = calendar.patches().iter().filter(|p| p.year == year.year).map(|p| p.file.as_str());
        let from: Vec<&str> = std::iter::once(origin(calendar.origin(year.year))).chain(changed).collect();
        let days = (year.days_off().count(), year.make_up_days().count());
        let _ = writeln!(text, "{}  {:>2}  {:>2}  {notice}  {published}  {}", year.year, days.0, days.1, from.join(" + "));
        for a in &year.amendments {
            let date = a.published.map_or("-".to_owned(), |d| d.to_string());
            let _ = writeln!(text, "              {}  {date}", a.notice.as_deref().unwrap_or("-"));
        }
    }
    print_text(&text);
    Outcome::Good
}

#[derive(Serialize)]
struct PrintedCheck {
    today: NaiveDate,
    known: Vec<i32>,
    missing: Vec<i32>,
    alarm: Option<String>,
    /// What is wrong with files of the calendar folder.
    bad_files: Vec<String>,
}

fn check(calendar: &Calendar, complaints: &[CalendarError], today: NaiveDate, json: bool) -> Outcome {
    let alarm = calendar.missing_notice_alarm(today);
    let outcome = if alarm.is_some() || !complaints.is_empty() { Outcome::Findings } else { Outcome::Good };
    if json {
        print_json(&PrintedCheck {
            today,
            known: calendar.years().map(|y| y.year).collect(),
            missing: alarm.as_ref().map(|a| a.years.clone()).unwrap_or_default(),
            alarm: alarm.map(|a| format!("{} · {}", a.zh, a.en)),
            bad_files: complaints.iter().map(ToString::to_string).collect(),
        });
        return outcome;
    }
    let mut text = String::new();
    if let Some(alarm) = &alarm {
        let _ = write!(text, "告警 {}\nALARM {}\n", alarm.zh, alarm.en);
    }
    for complaint in complaints {
        let _ = writeln!(text, "日历文件有误 bad file: {complaint}");
    }
    if outcome == Outcome::Good {
        let _ = write!(text, "{today} 工作日历完好，无缺少的放假通知\nno notice is missing on {today}\n");
    }
    print_text(&text);
    outcome
}
