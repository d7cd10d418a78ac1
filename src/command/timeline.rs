//! `jiancha timeline`: what was recorded of a window or camera, and what is missing and why.

use std::sync::Arc;

use serde::Serialize;

use super::{ConfigArg, Outcome, complain, load_hall, print_json};
use crate::catalogue::timeline::{Gap, RecordedSpan, Timeline};
use crate::catalogue::{Catalogue, Store};
use crate::daemon::control::{Answer, Question, ask};
use crate::hall::{CameraId, Hall, WindowId};
use crate::time::{Clock, Span, SystemClock, WallTime};

/// Arguments of `jiancha timeline`.
#[derive(clap::Args)]
pub struct TimelineArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// The service window (窗口), such as 03: its fixed camera is asked for.
    #[arg(long, value_name = "ID", required_unless_present = "camera", conflicts_with = "camera")]
    window: Option<String>,
    /// A camera instead of a window.
    #[arg(long, value_name = "ID")]
    camera: Option<String>,
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

#[derive(Serialize)]
struct Printed<'a> {
    window: Option<&'a str>,
    spans: &'a [RecordedSpan],
    gaps: &'a [Gap],
}

/// Prints the timeline. Exit code 0 without gaps, 1 with gaps, 2 when it cannot be told.
pub fn run(args: &TimelineArgs) -> Outcome {
    let Some(hall) = load_hall(&args.config, crate::hall::load_without_secrets) else { return Outcome::Failed };
    match read(&hall, args) {
        Ok(timeline) => {
            if args.json {
                print_json(&Printed { window: args.window.as_deref(), spans: &timeline.spans, gaps: &timeline.gaps });
            } else {
                print_table(&timeline);
            }
            if timeline.gaps.is_empty() { Outcome::Good } else { Outcome::Findings }
        }
        Err(e) => complain(&e),
    }
}

fn read(hall: &Hall, args: &TimelineArgs) -> Result<Timeline, String> {
    let camera = camera(hall, args)?;
    let span = Span::new(args.from, args.to);
    if span.is_empty() {
        return Err(format!("--from {} is not before --to {}", args.from, args.to));
    }
    let catalogue = &hall.recording.catalogue;
    match ask(catalogue, &Question::Timeline { camera: camera.clone(), span })? {
        Some(Answer::Timeline(timeline)) => return Ok(timeline),
        Some(Answer::Refused(reason)) => return Err(reason),
        Some(_) => return Err("the running recorder answered another question than the one asked".to_owned()),
        None => {}
    }
    if !catalogue.exists() {
        return Err(format!("no catalogue at {}: the recorder has not run with this hall.toml yet", catalogue.display()));
    }
    let store = Store::open(catalogue).map_err(|e| e.to_string())?;
    let catalogue = Catalogue::open(Arc::new(store)).map_err(|e| e.to_string())?;
    catalogue.timeline(&camera, span, SystemClock::new().wall()).map_err(|e| e.to_string())
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

#[expect(clippy::print_stdout, reason = "the command's answer")]
fn print_table(timeline: &Timeline) {
    let line = |from: WallTime, to: WallTime, what: &str| {
        let seconds = to.micros_since(from) / 1_000_000;
        println!(
            "{}  {}  {:>7} s  {what}",
            from.beijing().format("%Y-%m-%d %H:%M:%S"),
            to.beijing().format("%Y-%m-%d %H:%M:%S"),
            seconds
        );
    };
    let mut rows: Vec<(WallTime, WallTime, String)> = Vec::new();
    for s in &timeline.spans {
        let what = if s.stamped { "录像 recorded" } else { "录像(无叠加) recorded, unstamped" };
        let back = if s.restored { "，由备份恢复 restored from the backup" } else { "" };
        rows.push((s.from, s.to, format!("{} {what}{back}", s.camera)));
    }
    for g in &timeline.gaps {
        let told = crate::observe::words::cause(g.cause);
        rows.push((g.from, g.to, format!("{} 缺录 GAP {}: {} {}", g.camera, g.cause.word(), told.what.zh, g.detail)));
    }
    rows.sort();
    for (from, to, what) in rows {
        line(from, to, &what);
    }
    println!("{} 段录像 recorded spans, {} 处缺录 gaps", timeline.spans.len(), timeline.gaps.len());
}
