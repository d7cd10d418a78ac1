//! `jiancha backup status`.

use serde::Serialize;

use super::{books, hall, print_json, print_lines, settings, size};
use crate::backup::ask::{Ask, Told};
use crate::backup::copier::Copier;
use crate::backup::state::{BackupAlarm, BackupState};
use crate::backup::target::Stop;
use crate::command::backup::books::Whose;
use crate::command::{ConfigArg, Outcome};
use crate::time::{Clock, SystemClock};

/// Arguments of `jiancha backup status`.
#[derive(clap::Args)]
#[command(
    after_help = "Exit code 0: every sealed file has a proven copy, or the copy is less than a day behind and nothing is \
wrong; 1: there is an alarm; 2: it could not be told.\nWithout a running recorder the catalogue is counted anew; the target is not asked."
)]
pub struct StatusArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Printed {
    lag_seconds: i64,
    #[serde(flatten)]
    state: BackupState,
    alarms: Vec<BackupAlarm>,
}

pub(super) fn run(args: &StatusArgs) -> Result<Outcome, String> {
    let Some(hall) = hall(&args.config) else { return Ok(Outcome::Failed) };
    settings(&hall)?;
    let state = match books(&hall)? {
        Whose::Nobody(_) => {
            let folder = hall.recording.catalogue.display();
            return Err(format!("no catalogue at {folder}: the recorder has not run with this hall.toml yet"));
        }
        Whose::Recorder(recorder) => {
            use crate::backup::ask::Books as _;
            match recorder.ask(Ask::State).map_err(|e| e.to_string())? {
                Told::State(Some(state)) => *state,
                Told::State(None) => return Err("the running recorder has no copier: restart it with this hall.toml".into()),
                _ => return Err("the running recorder answered another question than the one asked".into()),
            }
        }
        Whose::Own(catalogue) => {
            let told = crate::backup::records::Copies::open(&catalogue).and_then(|c| c.state()).map_err(|e| e.to_string())?;
            let clock = std::sync::Arc::new(SystemClock::new());
            let copier = Copier::new(&hall, catalogue, clock, Stop::default()).map_err(|e| e.to_string())?;
            let counted = copier.counted().map_err(|e| e.to_string())?;
            // What stood in the way when a copier ran last is still what is known of it.
            let told = told.unwrap_or_default();
            BackupState { trouble: told.trouble, refused: told.refused, same_disk: told.same_disk, ..counted }
        }
    };
    let now = SystemClock::new().wall();
    let alarms = state.alarms(now);
    let outcome = if alarms.is_empty() { Outcome::Good } else { Outcome::Findings };
    let printed = Printed { lag_seconds: state.lag_micros(now) / 1_000_000, state, alarms };
    if args.json {
        print_json(&printed);
    } else {
        print_lines(table(&printed));
    }
    Ok(outcome)
}

fn table(printed: &Printed) -> Vec<String> {
    let state = &printed.state;
    let mut lines = vec![format!("备份目标 target: {}", state.target)];
    for alarm in &printed.alarms {
        lines.push(format!("! {} {}", alarm.what.zh, alarm.what.en));
        lines.push(format!("    {} {}", alarm.remedy.zh, alarm.remedy.en));
        lines.push(format!("    {}", alarm.detail));
    }
    if let Some(until) = state.quiet_until {
        lines.push(format!("不备份时段，至 quiet hours until {until}"));
    }
    if state.counting {
        lines.push("仍在清点，数字偏小 still counting, figures are too low".into());
    }
    let time =
        |t: Option<crate::time::WallTime>| t.map_or("-".to_owned(), |t| t.beijing().format("%Y-%m-%d %H:%M:%S").to_string());
    lines.push(format!(
        "落后 behind: {} 个文件 files, {}, {} s;  最近一次验证 last proof: {}",
        state.segments_behind,
        size(state.bytes_behind),
        printed.lag_seconds,
        time(state.last_proof)
    ));
    lines.push("日期 date     摄像机 camera  窗口 windows   文件 files  已复制 copied  已验证 proven       大小 size  最近验证 last proof".into());
    for day in &state.days {
        let windows: Vec<&str> = day.windows.iter().map(crate::hall::WindowId::as_str).collect();
        lines.push(format!(
            "{}  {:<14} {:<12} {:>10}  {:>13}  {:>13}  {:>14}  {}{}",
            day.date,
            day.camera.as_str(),
            windows.join(","),
            day.segments,
            day.copied,
            day.proven,
            size(day.bytes),
            time(day.last_proof),
            if day.is_complete() { "" } else { "  ← 未完成 incomplete" }
        ));
    }
    lines
}
