//! `jiancha backup restore`.

use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;

use super::{bar, books, camera_of, hall, mbit, print_json, print_lines, settings, size, stop_on_signals, target};
use crate::backup::ask::Ask;
use crate::backup::copy::Traffic;
use crate::backup::restore::{Restore, Restored, Wish};
use crate::backup::target::Stop;
use crate::command::backup::books::Whose;
use crate::command::{ConfigArg, Outcome};
use crate::hall::CameraId;
use crate::time::{Span, SystemClock, WallTime};

/// Arguments of `jiancha backup restore`.
#[derive(clap::Args)]
#[command(
    after_help = "Only files that are gone are fetched; one that is there and damaged is the work of `jiancha backup verify \
--repair`. Each is proven by its digest, gets its old name, is marked as restored in the timeline and listed in restored.json of \
its day. A lost catalogue does no harm: run `jiancha rebuild` afterwards.\nExit code 0: everything that is gone came back; 1: \
some files did not; 2: it could not be done.\nExample:\n  jiancha backup restore --window 03 --from 2026-11-22T00:00:00+08:00 \
--to 2026-11-23T00:00:00+08:00 --dry-run"
)]
pub struct RestoreArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// The camera.
    #[arg(long, value_name = "ID", required_unless_present = "window", conflicts_with = "window")]
    camera: Option<String>,
    /// The window whose camera is meant.
    #[arg(long, value_name = "ID")]
    window: Option<String>,
    /// Start.
    #[arg(long, value_name = "TIME")]
    from: WallTime,
    /// End.
    #[arg(long, value_name = "TIME")]
    to: WallTime,
    /// Tell what would be fetched, and fetch nothing.
    #[arg(long)]
    dry_run: bool,
    /// Fetch also days that were removed under the retention rule.
    #[arg(long)]
    include_removed: bool,
    /// Storage root for a camera that has no folder in any of them.
    #[arg(long, value_name = "PATH")]
    root: Option<PathBuf>,
    /// Use at most this many Mbit/s instead of what hall.toml says.
    #[arg(long, value_name = "MBIT", value_parser = mbit)]
    rate_limit: Option<u32>,
    /// Print JSON instead of sentences.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Printed {
    dry_run: bool,
    catalogue: bool,
    #[serde(flatten)]
    restored: Restored,
}

pub(super) fn run(args: &RestoreArgs) -> Result<Outcome, String> {
    let Some(hall) = hall(&args.config) else { return Ok(Outcome::Failed) };
    let span = Span::new(args.from, args.to);
    if span.is_empty() {
        return Err(format!("--from {} is not before --to {}", span.from, span.to));
    }
    let camera = match &args.window {
        Some(window) => camera_of(&hall, window)?,
        None => CameraId::new(args.camera.clone().unwrap_or_default()),
    };
    let roots: Vec<PathBuf> = hall.storage.iter().map(|r| r.path.clone()).collect();
    if let Some(root) = args.root.as_ref().filter(|root| !roots.contains(root)) {
        return Err(format!("--root {} is no storage root of hall.toml", root.display()));
    }
    let stop = Stop::default();
    stop_on_signals(&stop)?;
    let target = target(&hall, &stop)?;
    if crate::backup::identity::read(&*target).map_err(|e| e.to_string())?.is_none() {
        let (what, remedy) = crate::backup::target::Fault::IdentityGone.words();
        return Err(format!("{}: {} {} {}", target.name(), what.zh, what.en, remedy.en));
    }
    let whose = books(&hall)?;
    let clock = Arc::new(SystemClock::new());
    let mut traffic = Traffic::new(settings(&hall)?, clock.clone(), stop);
    traffic.ignore_quiet_hours();
    if let Some(mbit) = args.rate_limit {
        traffic.limit(mbit);
    }
    let bar = bar("恢复 restore");
    let seen = bar.clone();
    traffic.on_bytes(move |n| seen.inc(n));
    let wish = Wish {
        camera,
        span,
        segment_seconds: hall.recording.segment_seconds,
        include_removed: args.include_removed,
        root: args.root.clone(),
        dry_run: args.dry_run,
    };
    let mut restore = Restore { target: &*target, books: whose.books(), roots: &roots, traffic: &mut traffic, clock: &*clock };
    let restored = restore.run(&wish, &mut |bytes| bar.set_length(bytes));
    bar.finish_and_clear();
    let restored = restored.map_err(|e| e.to_string())?;
    if !args.dry_run && !restored.restored.is_empty() {
        // What came back stands behind the copier's marks.
        whose.books().ask(Ask::Wake).map_err(|e| e.to_string())?;
    }
    let printed = Printed { dry_run: args.dry_run, catalogue: !matches!(whose, Whose::Nobody(_)), restored };
    if args.json {
        print_json(&printed);
    } else {
        print_lines(sentences(&printed));
    }
    Ok(if printed.restored.failed.is_empty() { Outcome::Good } else { Outcome::Findings })
}

fn sentences(printed: &Printed) -> Vec<String> {
    let r = &printed.restored;
    let mut lines: Vec<String> = r.restored.iter().map(|b| format!("{}  {}", b.file, size(b.bytes))).collect();
    lines.extend(r.failed.iter().map(|f| format!("未恢复 not restored  {}\n    {}", f.object, f.reason)));
    let done = if printed.dry_run { "个文件将恢复 files would come back" } else { "个文件已恢复 files came back" };
    lines.push(format!(
        "{} {done}; {} 个本来就在 are there; {} 个未恢复 did not come back",
        r.restored.len(),
        r.present,
        r.failed.len()
    ));
    if r.removed > 0 {
        lines.push(format!(
            "{} 个文件已按保存期限删除，未恢复；如确需，请加 --include-removed files were removed under the retention rule",
            r.removed
        ));
    }
    if !printed.catalogue && !printed.dry_run {
        lines.push("没有目录库，请运行 jiancha rebuild there is no catalogue: run `jiancha rebuild`".into());
    }
    lines
}
