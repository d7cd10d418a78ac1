//! `jiancha timeline`: what was recorded of a window or camera, what is missing and why, and how much of the expected time that is.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use serde::Serialize;

use super::{ConfigArg, Outcome, complain, load_hall, print_json, print_text};
use crate::calendar::expected::{Subject, expected};
use crate::calendar::{Calendar, Source};
use crate::catalogue::share::{Share, expected_part, known, share};
use crate::catalogue::timeline::{ClockWord, Gap, RecordedSpan, Timeline};
use crate::catalogue::{Catalogue, Store};
use crate::daemon::control::{Answer, Question, ask};
use crate::hall::{CameraId, Hall, WindowId};
use crate::time::{Clock, MICROS_PER_SECOND, Span, SystemClock, WallTime};

/// Arguments of `jiancha timeline`.
#[derive(clap::Args)]
#[command(
    after_help = "Expected is the time the zone is open by [hours] of hall.toml, around the clock where it says nothing; the share is \
what was recorded of it.\n\
Spans that differ in stamp, origin or clock stand apart; `clock` in JSON is disciplined or undisciplined: whether the server's clock was kept \
right while they were recorded (left out where that is not known).\n\
Exit code 0: nothing is missing of the expected time; 1: something is; 2: it could not be told.\n\
Example, the whole hall on one day:\n  \
jiancha timeline --all --from 2026-11-20T00:00:00+08:00 --to 2026-11-21T00:00:00+08:00"
)]
pub struct TimelineArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// The service window (窗口), such as 03: its fixed camera is asked for.
    #[arg(long, value_name = "ID", required_unless_present_any = ["camera", "all"], conflicts_with_all = ["camera", "all"])]
    window: Option<String>,
    /// A camera instead of a window.
    #[arg(long, value_name = "ID", conflicts_with = "all")]
    camera: Option<String>,
    /// Every window and camera of the hall: expected, recorded and missing time of each.
    #[arg(long)]
    all: bool,
    /// Start, such as 2026-11-22T09:00:00+08:00.
    #[arg(long, value_name = "TIME")]
    from: WallTime,
    /// End; the future is neither recorded nor missing.
    #[arg(long, value_name = "TIME")]
    to: WallTime,
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
}

/// Expected, recorded and missing time in whole seconds.
#[derive(Serialize)]
struct PrintedShare {
    expected_seconds: i64,
    recorded_seconds: i64,
    missing_seconds: i64,
    /// Recorded part of the expected time, 0 to 1; none when nothing was expected.
    share: Option<f64>,
}

impl From<Share> for PrintedShare {
    fn from(share: Share) -> Self {
        Self {
            expected_seconds: seconds(share.expected_micros),
            recorded_seconds: seconds(share.recorded_micros),
            missing_seconds: seconds(share.missing_micros),
            // Rounded down: whatever is missing, a share never shows as complete.
            share: share.ratio().map(|ratio| (ratio * 10_000.0).floor() / 10_000.0),
        }
    }
}

fn seconds(micros: i64) -> i64 {
    micros.saturating_add(MICROS_PER_SECOND / 2).div_euclid(MICROS_PER_SECOND)
}

#[derive(Serialize)]
struct PrintedGap<'a> {
    #[serde(flatten)]
    gap: &'a Gap,
    /// How much of it lay in opening hours.
    expected_seconds: i64,
}

#[derive(Serialize)]
struct Printed<'a> {
    window: Option<&'a str>,
    #[serde(flatten)]
    share: PrintedShare,
    spans: &'a [RecordedSpan],
    gaps: Vec<PrintedGap<'a>>,
    /// Recorded, and removed by retention since.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    removed: &'a [Span],
}

/// Prints the timeline. Exit code 0 when nothing expected is missing, 1 when something is, 2 when it cannot be told.
pub fn run(args: &TimelineArgs) -> Outcome {
    let Some(hall) = load_hall(&args.config, crate::hall::load_without_secrets) else { return Outcome::Failed };
    let calendar = match Source::of(&hall.calendar).load_what_is_good() {
        Ok((calendar, complaints)) => {
            super::calendar::tell(&complaints);
            calendar
        }
        Err(e) => return complain(&e.to_string()),
    };
    let told = if args.all { all(&hall, &calendar, args) } else { one(&hall, &calendar, args) };
    told.unwrap_or_else(|e| complain(&e))
}

fn span(args: &TimelineArgs) -> Result<Span, String> {
    let span = Span::new(args.from, args.to);
    if span.is_empty() {
        return Err(format!("--from {} is not before --to {}", args.from, args.to));
    }
    Ok(span)
}

fn one(hall: &Hall, calendar: &Calendar, args: &TimelineArgs) -> Result<Outcome, String> {
    let camera = camera(hall, args)?;
    let window = args.window.as_ref().map(WindowId::new);
    let timeline = Asked::open(hall)?.timeline(&camera, span(args)?)?;
    let subject = window.as_ref().map_or(Subject::Camera(&camera), Subject::Window);
    let open = known(&timeline).map(|known| expected(hall, subject, calendar, known)).unwrap_or_default();
    let share = share(&timeline, &open);
    if args.json {
        print_json(&Printed {
            window: args.window.as_deref(),
            share: share.into(),
            spans: &timeline.spans,
            removed: &timeline.removed,
            gaps: timeline
                .gaps
                .iter()
                .map(|gap| PrintedGap { gap, expected_seconds: seconds(expected_part(gap, &open)) })
                .collect(),
        });
    } else {
        print_text(&table(&timeline, &open, share));
    }
    Ok(outcome(share.missing_micros))
}

fn outcome(missing_micros: i64) -> Outcome {
    if missing_micros == 0 { Outcome::Good } else { Outcome::Findings }
}

/// Whom timelines are asked from: the running recorder, or else the catalogue itself.
enum Asked<'a> {
    Recorder(&'a std::path::Path),
    Catalogue(Catalogue),
}

impl<'a> Asked<'a> {
    fn open(hall: &'a Hall) -> Result<Self, String> {
        let folder = &hall.recording.catalogue;
        if ask(folder, &Question::Cameras)?.is_some() {
            return Ok(Self::Recorder(folder));
        }
        if !folder.exists() {
            return Err(format!("no catalogue at {}: the recorder has not run with this hall.toml yet", folder.display()));
        }
        let store = Store::open(folder).map_err(|e| e.to_string())?;
        Ok(Self::Catalogue(Catalogue::open(Arc::new(store)).map_err(|e| e.to_string())?))
    }

    fn timeline(&self, camera: &CameraId, span: Span) -> Result<Timeline, String> {
        match self {
            Self::Catalogue(catalogue) => {
                catalogue.timeline(camera, span, SystemClock::new().wall()).map_err(|e| e.to_string())
            }
            Self::Recorder(folder) => match ask(folder, &Question::Timeline { camera: camera.clone(), span })? {
                Some(Answer::Timeline(timeline)) => Ok(timeline),
                Some(Answer::Refused(reason)) => Err(reason),
                Some(_) => Err("the running recorder answered another question than the one asked".to_owned()),
                None => Err("the recorder stopped in the middle of the answer: ask again".to_owned()),
            },
        }
    }
}

fn camera(hall: &Hall, args: &TimelineArgs) -> Result<CameraId, String> {
    if let Some(id) = &args.camera {
        let id = CameraId::new(id);
        let known: Vec<&str> = hall.cameras.iter().map(|c| c.id.as_str()).collect();
        return match hall.camera(&id) {
            Some(camera) => Ok(camera.id.clone()),
            None => Err(format!("no camera {id} in hall.toml (defined: {})", known.join(", "))),
        };
    }
    let id = WindowId::new(args.window.clone().unwrap_or_default());
    let known: Vec<&str> = hall.windows.iter().map(|w| w.id.as_str()).collect();
    match hall.window(&id) {
        Some(window) => Ok(window.camera.clone()),
        None => Err(format!("no window {id} in hall.toml (defined: {})", known.join(", "))),
    }
}

fn table(timeline: &Timeline, open: &[Span], share: Share) -> String {
    let mut rows: Vec<(WallTime, WallTime, String)> = Vec::new();
    for s in &timeline.spans {
        let what = if s.stamped { "录像 recorded" } else { "录像(无叠加) recorded, unstamped" };
        let back = if s.restored { "，由备份恢复 restored from the backup" } else { "" };
        let clock = match s.clock {
            Some(ClockWord::Undisciplined) => "，服务器时钟未校准 clock not synchronised",
            Some(ClockWord::Disciplined) | None => "",
        };
        rows.push((s.from, s.to, format!("{} {what}{back}{clock}", s.camera)));
    }
    for g in &timeline.gaps {
        let told = crate::observe::words::cause(g.cause);
        let part = seconds(expected_part(g, open));
        let part = if part == seconds(g.to.micros_since(g.from)) {
            String::new()
        } else {
            format!("（开放时间内 in opening hours {part} s）")
        };
        rows.push((g.from, g.to, format!("{} 缺录 GAP {}{part}: {} {}", g.camera, g.cause.word(), told.what.zh, g.detail)));
    }
    for r in &timeline.removed {
        rows.push((r.from, r.to, "到期已删 removed by retention".to_owned()));
    }
    rows.sort();
    let mut text = String::new();
    for (from, to, what) in rows {
        let (first, last) = (from.beijing().format("%Y-%m-%d %H:%M:%S"), to.beijing().format("%Y-%m-%d %H:%M:%S"));
        let _ = writeln!(text, "{first}  {last}  {:>7} s  {what}", to.micros_since(from) / MICROS_PER_SECOND);
    }
    let _ = writeln!(text, "{} 段录像 recorded spans, {} 处缺录 gaps", timeline.spans.len(), timeline.gaps.len());
    let _ = writeln!(
        text,
        "应录 expected {}，实录 recorded {}，缺录 missing {}，录像率 share {}",
        clock(share.expected_micros),
        clock(share.recorded_micros),
        clock(share.missing_micros),
        percent(share)
    );
    text
}

/// Hours, minutes and seconds.
fn clock(micros: i64) -> String {
    let s = seconds(micros);
    format!("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60)
}

fn percent(share: Share) -> String {
    // Rounded down: 100.00 % is complete.
    share.ratio().map_or("-".to_owned(), |ratio| format!("{:.2} %", (ratio * 10_000.0).floor() / 100.0))
}

#[derive(Serialize)]
struct Row<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    window: Option<&'a str>,
    camera: &'a str,
    name: Option<&'a str>,
    #[serde(flatten)]
    share: PrintedShare,
    /// Gaps that lie in expected time, wholly or in part.
    gaps: usize,
    /// Missing expected seconds by cause.
    causes: BTreeMap<&'static str, i64>,
    #[serde(skip)]
    exact: Share,
}

#[derive(Serialize)]
struct WholeHall<'a> {
    from: WallTime,
    to: WallTime,
    windows: Vec<Row<'a>>,
    cameras: Vec<Row<'a>>,
}

fn all(hall: &Hall, calendar: &Calendar, args: &TimelineArgs) -> Result<Outcome, String> {
    let (asked, span) = (Asked::open(hall)?, span(args)?);
    let mut timelines: BTreeMap<&CameraId, Timeline> = BTreeMap::new();
    for camera in &hall.cameras {
        timelines.insert(&camera.id, asked.timeline(&camera.id, span)?);
    }
    let empty = Timeline::default();
    let of = |camera: &CameraId| timelines.get(camera).unwrap_or(&empty);
    let windows = hall.windows.iter().map(|w| {
        let row = count(hall, calendar, Subject::Window(&w.id), of(&w.camera));
        Row { window: Some(w.id.as_str()), camera: w.camera.as_str(), name: w.name.as_deref(), ..row }
    });
    let cameras = hall.cameras.iter().map(|c| {
        let row = count(hall, calendar, Subject::Camera(&c.id), of(&c.id));
        Row { window: None, camera: c.id.as_str(), name: c.name.as_deref(), ..row }
    });
    let told = WholeHall { from: args.from, to: args.to, windows: windows.collect(), cameras: cameras.collect() };
    if args.json {
        print_json(&told);
    } else {
        print_text(&hall_table(&told));
    }
    Ok(outcome(told.windows.iter().chain(&told.cameras).map(|row| row.exact.missing_micros).sum()))
}

fn count(hall: &Hall, calendar: &Calendar, subject: Subject<'_>, timeline: &Timeline) -> Row<'static> {
    let open = known(timeline).map(|known| expected(hall, subject, calendar, known)).unwrap_or_default();
    let mut micros: BTreeMap<&'static str, i64> = BTreeMap::new();
    let mut gaps = 0;
    for gap in &timeline.gaps {
        let part = expected_part(gap, &open);
        gaps += usize::from(part > 0);
        if part > 0 {
            *micros.entry(gap.cause.word()).or_default() += part;
        }
    }
    let exact = share(timeline, &open);
    let causes = micros.into_iter().map(|(cause, micros)| (cause, seconds(micros))).collect();
    Row { window: None, camera: "", name: None, share: exact.into(), gaps, causes, exact }
}

fn hall_table(told: &WholeHall<'_>) -> String {
    let mut text = format!(
        "{} – {}\n窗口/摄像机 window/camera    应录 expected   实录 recorded    缺录 missing  录像率 share  缺录原因 causes\n",
        told.from.beijing().format("%Y-%m-%d %H:%M:%S"),
        told.to.beijing().format("%Y-%m-%d %H:%M:%S")
    );
    for row in told.windows.iter().chain(&told.cameras) {
        let who = row.window.map_or(format!("摄像机 {}", row.camera), |window| format!("窗口 {window} ({})", row.camera));
        let causes: Vec<String> = row.causes.iter().map(|(cause, seconds)| format!("{cause} {seconds} s")).collect();
        let exact = row.exact;
        let _ = writeln!(
            text,
            "{who:<22}  {:>12}  {:>12}  {:>12}  {:>9}  {}",
            clock(exact.expected_micros),
            clock(exact.recorded_micros),
            clock(exact.missing_micros),
            percent(exact),
            causes.join(", ")
        );
    }
    text
}
