//! `jiancha backup verify`.

use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;

use super::{bar, books, camera_of, hall, mbit, print_json, print_lines, settings, size, span, stop_on_signals, target};
use crate::backup::ask::Ask;
use crate::backup::copy::Traffic;
use crate::backup::target::Stop;
use crate::backup::verify::{Scope, Side, Verified, Verify};
use crate::command::backup::books::Whose;
use crate::command::{ConfigArg, Outcome};
use crate::hall::CameraId;
use crate::time::{SystemClock, WallTime};

/// Arguments of `jiancha backup verify`.
#[derive(clap::Args)]
#[command(
    after_help = "Reads every recording and every copy in full. Exit code 0: nothing is wrong, or all of it was repaired; \
1: problems remain; 2: it could not be done.\nA bad file is kept beside its replacement as NAME.bad-TIME. When both sides are bad \
neither is touched.\nExample, one month at no more than 200 Mbit/s:\n  jiancha backup verify --from 2026-11-01T00:00:00+08:00 \
--to 2026-12-01T00:00:00+08:00 --rate-limit 200 --repair"
)]
pub struct VerifyArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// Only this camera.
    #[arg(long, value_name = "ID", conflicts_with = "window")]
    camera: Option<String>,
    /// Only the camera of this window.
    #[arg(long, value_name = "ID")]
    window: Option<String>,
    /// Only files that begin at or after this time.
    #[arg(long, value_name = "TIME")]
    from: Option<WallTime>,
    /// Only files that begin before this time.
    #[arg(long, value_name = "TIME")]
    to: Option<WallTime>,
    /// Replace the bad side from the good one.
    #[arg(long)]
    repair: bool,
    /// Read at most this many Mbit/s.
    #[arg(long, value_name = "MBIT", value_parser = mbit)]
    rate_limit: Option<u32>,
    /// Print JSON instead of sentences.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Printed {
    #[serde(flatten)]
    verified: Verified,
    remaining: u64,
}

pub(super) fn run(args: &VerifyArgs) -> Result<Outcome, String> {
    let Some(hall) = hall(&args.config) else { return Ok(Outcome::Failed) };
    let stop = Stop::default();
    stop_on_signals(&stop)?;
    let target = target(&hall, &stop)?;
    let whose = books(&hall)?;
    if let Whose::Nobody(_) = &whose {
        let folder = hall.recording.catalogue.display();
        return Err(format!("no catalogue at {folder}: run `jiancha rebuild` and `jiancha backup run --once` first"));
    }
    let books = whose.books();
    let known = match books.target().map_err(|e| e.to_string())? {
        Some(known) => known,
        None => return Err("nothing was copied yet: run `jiancha backup run --once`".into()),
    };
    let there = crate::backup::identity::read(&*target).map_err(|e| e.to_string())?;
    if there.as_ref().is_none_or(|t| t.id != known.id) {
        let (what, remedy) = crate::backup::target::Fault::IdentityGone.words();
        return Err(format!("{}: {} {} {}", target.name(), what.zh, what.en, remedy.en));
    }
    let clock = Arc::new(SystemClock::new());
    let mut traffic = Traffic::new(settings(&hall)?, clock.clone(), stop.clone());
    // Somebody asked for it by hand.
    traffic.ignore_quiet_hours();
    if let Some(mbit) = args.rate_limit {
        traffic.limit(mbit);
    }
    let bar = bar("校验备份 verify");
    let seen = bar.clone();
    traffic.on_bytes(move |n| seen.inc(n));
    let scope = Scope { cameras: cameras(&hall, args, books)?, span: span(args.from, args.to)?, repair: args.repair };
    let roots: Vec<PathBuf> = hall.storage.iter().map(|r| r.path.clone()).collect();
    let mut verify = Verify { target: &*target, books, roots: &roots, traffic: &mut traffic, clock: &*clock };
    let verified = verify.run(&scope, &mut |bytes| bar.set_length(bytes));
    bar.finish_and_clear();
    let verified = verified.map_err(|e| e.to_string())?;
    if verified.problems.iter().any(|p| p.side == Side::Copy) {
        // A running recorder makes what is bad anew.
        books.ask(Ask::Wake).map_err(|e| e.to_string())?;
    }
    let remaining = verified.problems.iter().filter(|p| !p.repaired).count() as u64;
    let printed = Printed { verified, remaining };
    if args.json {
        print_json(&printed);
    } else {
        print_lines(sentences(&printed));
    }
    Ok(if remaining == 0 { Outcome::Good } else { Outcome::Findings })
}

fn cameras(
    hall: &crate::hall::Hall,
    args: &VerifyArgs,
    books: &dyn crate::backup::ask::Books,
) -> Result<Vec<CameraId>, String> {
    if let Some(window) = &args.window {
        return Ok(vec![camera_of(hall, window)?]);
    }
    let mut known: Vec<CameraId> = hall.cameras.iter().map(|c| c.id.clone()).collect();
    known.extend(books.cameras().map_err(|e| e.to_string())?);
    // Copies of a camera that has no recording any more count too.
    for copy in books.copies("").map_err(|e| e.to_string())? {
        if let Some((camera, _)) = crate::backup::plan::camera_day(&copy.object)
            && known.last().is_none_or(|last| last.as_str() != camera)
        {
            known.push(CameraId::new(camera));
        }
    }
    known.sort();
    known.dedup();
    match args.camera.as_deref().map(CameraId::new) {
        None => Ok(known),
        Some(camera) if known.contains(&camera) => Ok(vec![camera]),
        Some(camera) => {
            let known: Vec<&str> = known.iter().map(CameraId::as_str).collect();
            Err(format!("no camera {camera} in hall.toml, the catalogue or the copies (known: {})", known.join(", ")))
        }
    }
}

fn sentences(printed: &Printed) -> Vec<String> {
    let v = &printed.verified;
    let mut lines = Vec::new();
    for p in &v.problems {
        let side = if p.side == Side::Primary { "primary" } else { "copy" };
        let mended = if p.repaired { "  已修复 repaired" } else { "" };
        lines.push(format!("{side}  {}  {}{mended}", p.kind.word(), p.file));
        lines.push(format!("    {} {}", p.what.zh, p.what.en));
        if !p.repaired {
            lines.push(format!("    {} {}", p.remedy.zh, p.remedy.en));
        }
        lines.push(format!("    {}", p.detail));
    }
    lines.push(format!("{} 个录像文件 recordings, {} 个副本 copies, {}", v.recordings, v.copies, size(v.bytes)));
    if v.not_yet > 0 {
        lines.push(format!("{} 个文件尚无经过验证的副本 files have no proven copy yet", v.not_yet));
    }
    if v.unlisted > 0 {
        lines.push(format!("{} 个对象不在目录库中，未作处理 objects the catalogue does not know were left alone", v.unlisted));
    }
    lines.push(format!("{} 个问题已修复 repaired, {} 个未解决 remaining", v.repaired, printed.remaining));
    lines
}
