//! `jiancha backup run`.

use std::sync::Arc;
use std::time::Duration;

use indicatif::ProgressBar;
use serde::Serialize;

use super::{bar, books, hall, mbit, print_json, print_lines, settings, size, stop_on_signals};
use crate::backup::ask::{Ask, Books as _, Told};
use crate::backup::copier::{Copier, StepReport};
use crate::backup::state::BackupState;
use crate::backup::target::{Stop, TargetError};
use crate::command::backup::books::{Recorder, Whose};
use crate::command::{ConfigArg, Outcome};
use crate::time::{Clock, SystemClock};

/// Arguments of `jiancha backup run`.
#[derive(clap::Args)]
#[command(
    after_help = "Without --once it goes on, copying what is sealed, until it is stopped; a recorder cannot start meanwhile.\n\
Exit code 0: everything sealed has a proven copy; 1: recordings that are not what was sealed were not copied; 2: it could not be done.\n\
Example, before a disk is exchanged, in office hours too:\n  jiancha backup run --once --ignore-quiet-hours"
)]
pub struct RunArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// End when everything sealed has a proven copy.
    #[arg(long)]
    once: bool,
    /// Take the target that is there now as a new one and copy everything to it: the old disk was exchanged.
    #[arg(long)]
    new_target: bool,
    /// Copy also in quiet hours.
    #[arg(long)]
    ignore_quiet_hours: bool,
    /// Use at most this many Mbit/s in either direction instead of what hall.toml says.
    #[arg(long, value_name = "MBIT", value_parser = mbit)]
    rate_limit: Option<u32>,
    /// With --once: give up when the target has failed for this many seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    patience: u64,
    /// Print the outcome as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Default, Serialize)]
struct Printed {
    files: u64,
    copied_bytes: u64,
    refused: u64,
    left: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    stopped_by: Option<String>,
}

pub(super) fn run(args: &RunArgs) -> Result<Outcome, String> {
    let Some(hall) = hall(&args.config) else { return Ok(Outcome::Failed) };
    settings(&hall)?;
    let stop = Stop::default();
    stop_on_signals(&stop)?;
    let printed = match books(&hall)? {
        Whose::Nobody(_) => {
            let folder = hall.recording.catalogue.display();
            return Err(format!("no catalogue at {folder}: start the recorder once, or run `jiancha rebuild`"));
        }
        Whose::Recorder(recorder) => ask_recorder(&recorder, args, &stop)?,
        Whose::Own(catalogue) => {
            let clock = Arc::new(SystemClock::new());
            let copier = Copier::new(&hall, catalogue, clock, stop.clone()).map_err(|e| e.to_string())?;
            copy(copier, args, &stop)
        }
    };
    if args.json {
        print_json(&printed);
    } else {
        print_lines([format!(
            "{} 个文件有了经过验证的副本 files proven, {} 已复制 copied, {} 个拒绝 refused, {} 个未完成 left",
            printed.files,
            size(printed.copied_bytes),
            printed.refused,
            printed.left
        )]);
    }
    Ok(match &printed.stopped_by {
        Some(reason) => {
            remark!("jiancha: {reason}");
            Outcome::Failed
        }
        None if printed.refused > 0 => Outcome::Findings,
        None => Outcome::Good,
    })
}

/// Copies in this process.
fn copy(mut copier: Copier, args: &RunArgs, stop: &Stop) -> Printed {
    if args.new_target {
        copier = copier.with_new_target();
    }
    if args.ignore_quiet_hours {
        copier.traffic().ignore_quiet_hours();
    }
    if let Some(mbit) = args.rate_limit {
        copier.traffic().limit(mbit);
    }
    let clock = SystemClock::new();
    let bar = bar("备份 backup");
    let mut printed = Printed::default();
    let mut failing: Option<Duration> = None;
    while !stop.is_stopped() {
        let report = copier.step(clock.wall());
        match &report {
            StepReport::Proven { bytes, .. } => {
                failing = None;
                printed.files += 1;
                printed.copied_bytes += bytes;
            }
            StepReport::Refused { path, detail } => {
                failing = None;
                printed.refused += 1;
                bar.suspend(|| remark!("jiancha: {path} 没有备份 was not copied: {detail}"));
            }
            StepReport::Quiet(until) if args.once => {
                printed.stopped_by = Some(format!("quiet hours until {until}: nothing is copied (use --ignore-quiet-hours)"));
                break;
            }
            StepReport::Failed(e) => {
                let since = *failing.get_or_insert_with(|| clock.monotonic());
                tell_once(&bar, e, &copier.state());
                let waited = clock.monotonic().saturating_sub(since).as_secs();
                if args.once && (!e.fault.is_passing() || waited >= args.patience) {
                    printed.stopped_by = Some(e.to_string());
                    break;
                }
            }
            StepReport::Idle if args.once => break,
            _ => {}
        }
        show(&bar, &copier.state());
        if let Some(pause) = copier.pause_after(&report) {
            stop.wait(pause);
        }
    }
    copier.tell_now();
    bar.finish_and_clear();
    printed.left = copier.state().segments_behind;
    if stop.is_stopped() && args.once && printed.stopped_by.is_none() {
        printed.stopped_by = Some("stopped before everything was copied".into());
    }
    printed
}

/// Says why it waits, once for each time the target begins to fail.
fn tell_once(bar: &ProgressBar, e: &TargetError, state: &BackupState) {
    if state.trouble.as_ref().is_none_or(|t| t.attempts <= 1) {
        let (what, remedy) = e.fault.words();
        bar.suspend(|| remark!("jiancha: {} {}\n    {e}", what.zh, remedy.zh));
    }
}

fn show(bar: &ProgressBar, state: &BackupState) {
    let all = state.days.iter().map(|d| d.bytes).sum::<u64>();
    bar.set_length(all);
    bar.set_position(all.saturating_sub(state.bytes_behind));
}

/// Asks the recorder to copy and, with `--once`, waits until it has.
fn ask_recorder(recorder: &Recorder, args: &RunArgs, stop: &Stop) -> Result<Printed, String> {
    if args.new_target || args.ignore_quiet_hours || args.rate_limit.is_some() {
        return Err(
            "the recorder is running and copies by hall.toml: stop it first to use --new-target, --ignore-quiet-hours or \
                    --rate-limit"
                .into(),
        );
    }
    let state = |ask| match recorder.ask(ask).map_err(|e| e.to_string())? {
        Told::State(Some(state)) => Ok(*state),
        Told::State(None) => Err("the running recorder has no copier: restart it with this hall.toml".to_owned()),
        _ => Err("the running recorder answered another question than the one asked".to_owned()),
    };
    let call = match recorder.ask(Ask::Wake).map_err(|e| e.to_string())? {
        Told::Woken(call) => call,
        _ => return Err("the running recorder answered another question than the one asked".to_owned()),
    };
    let first = state(Ask::State)?;
    if !args.once {
        print_lines([
            "正在运行的录像服务已开始备份 the running recorder was asked to copy; see `jiancha backup status`".to_owned()
        ]);
        return Ok(Printed { left: first.segments_behind, ..Printed::default() });
    }
    let bar = bar("备份 backup");
    loop {
        // The recorder hears it within a second, and tells when it has done.
        stop.wait(Duration::from_millis(200));
        let now = state(Ask::State)?;
        show(&bar, &now);
        let left = now.segments_behind.saturating_sub(now.refused.len() as u64);
        let mut printed = Printed { refused: now.refused.len() as u64, left, ..Printed::default() };
        let fresh = now.heard >= call && !now.counting;
        printed.stopped_by = match &now.trouble {
            Some(t) if fresh && !t.fault.is_passing() => Some(format!("{}: {}: {}", now.target, t.object, t.detail)),
            _ if stop.is_stopped() => Some("stopped before everything was copied; the recorder goes on".into()),
            _ => now.quiet_until.map(|until| format!("quiet hours until {until}: the recorder copies then")),
        };
        if printed.stopped_by.is_some() || fresh && left == 0 {
            bar.finish_and_clear();
            printed.files = first.segments_behind.saturating_sub(now.segments_behind);
            return Ok(printed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_outcome_names_what_was_done() {
        let json = serde_json::to_value(Printed { files: 2, copied_bytes: 9, ..Printed::default() }).unwrap();
        assert_eq!(json, serde_json::json!({"files": 2, "copied_bytes": 9, "refused": 0, "left": 0}));
    }
}
