//! `jiancha hold`: footage that must not be deleted.

use std::io::Write;

use clap::Subcommand;
use serde::Serialize;

use super::retention::{Desk, known_camera};
use super::{ConfigArg, Outcome, complain, load_hall};
use crate::hall::{CameraId, Hall, WindowId};
use crate::retention::hold::Noted;
use crate::retention::{Ask, Hold, HoldId, Told, Wish};
use crate::time::{Span, WallTime};

/// Arguments of `jiancha hold`.
#[derive(clap::Args)]
#[command(
    after_help = "A hold on any part of a camera's day keeps the whole day, however full the disk. Holds are kept in the \
catalogue and in .jiancha-holds.json on every storage root. Released holds stay on the list. The recorder may run meanwhile.\n\
Examples:\n  jiancha hold add --window 03 --from 2026-11-20T09:00:00+08:00 --to 2026-11-20T11:00:00+08:00 \
--person 王芳 --reason \"投诉 2026-118\"\n  jiancha hold list\n  \
jiancha hold release H20261122-7f3a --person 王芳 --reason 结案"
)]
pub struct HoldArgs {
    #[command(subcommand)]
    command: HoldCommand,
}

#[derive(Subcommand)]
enum HoldCommand {
    /// Place a hold on a window's footage (its camera and the camera of its sound), or on one camera's.
    Add(AddArgs),
    /// List every hold, released ones too.
    List(ListArgs),
    /// Release a hold: what it kept may go as any other footage.
    Release(ReleaseArgs),
}

/// Arguments of `jiancha hold add`.
#[derive(clap::Args)]
pub struct AddArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// The service window (窗口), such as 03.
    #[arg(long, value_name = "ID", required_unless_present = "camera", conflicts_with = "camera")]
    window: Option<String>,
    /// A camera instead of a window.
    #[arg(long, value_name = "ID")]
    camera: Option<String>,
    /// Start, such as 2026-11-22T09:00:00+08:00.
    #[arg(long, value_name = "TIME")]
    from: WallTime,
    /// End; without one it reaches on until the hold is released.
    #[arg(long, value_name = "TIME")]
    to: Option<WallTime>,
    /// Who asks for it.
    #[arg(long, value_name = "NAME")]
    person: String,
    /// Why: the complaint's or the case's number, for instance.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Print JSON instead of a sentence.
    #[arg(long)]
    json: bool,
}

/// Arguments of `jiancha hold list`.
#[derive(clap::Args)]
pub struct ListArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// Leave released holds out.
    #[arg(long)]
    active: bool,
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
}

/// Arguments of `jiancha hold release`.
#[derive(clap::Args)]
pub struct ReleaseArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// The hold, as `jiancha hold list` names it.
    #[arg(value_name = "ID")]
    id: String,
    /// Who releases it.
    #[arg(long, value_name = "NAME")]
    person: String,
    /// Why.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Print JSON instead of a sentence.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct PrintedNoted<'a> {
    #[serde(flatten)]
    noted: &'a Noted,
    /// What the hold would keep, but was removed before.
    removed_before: Vec<PrintedSpan<'a>>,
}

#[derive(Serialize)]
struct PrintedSpan<'a> {
    camera: &'a CameraId,
    #[serde(flatten)]
    span: Span,
}

#[derive(Serialize)]
struct PrintedList<'a> {
    holds: &'a [Hold],
    /// Why there may be more.
    doubt: Option<&'a str>,
}

/// Runs the subcommand. Exit code 0; 1 when a list is incomplete or a hold came too late for a part; 2 when it cannot be done.
pub fn run(args: &HoldArgs) -> Outcome {
    let done = match &args.command {
        HoldCommand::Add(args) => add(args),
        HoldCommand::List(args) => list(args),
        HoldCommand::Release(args) => release(args),
    };
    done.unwrap_or_else(|e| if e.is_empty() { Outcome::Failed } else { complain(&e) })
}

fn hall(config: &ConfigArg) -> Result<Hall, String> {
    load_hall(config, crate::hall::load_without_secrets).ok_or_else(String::new)
}

fn add(args: &AddArgs) -> Result<Outcome, String> {
    let hall = hall(&args.config)?;
    let (cameras, window) = cameras(&hall, args)?;
    let wish = Wish { cameras, window, from: args.from, to: args.to, person: args.person.clone(), reason: args.reason.clone() };
    tell_noted(&Desk::of(&hall, true)?.ask(Ask::Hold(wish))?, args.json)
}

fn cameras(hall: &Hall, args: &AddArgs) -> Result<(Vec<CameraId>, Option<WindowId>), String> {
    if let Some(camera) = &args.camera {
        let camera = CameraId::new(camera);
        known_camera(hall, &camera)?;
        return Ok((vec![camera], None));
    }
    let id = WindowId::new(args.window.clone().unwrap_or_default());
    let Some(window) = hall.window(&id) else {
        let known: Vec<&str> = hall.windows.iter().map(|w| w.id.as_str()).collect();
        return Err(format!("no window {id} in hall.toml (defined: {})", known.join(", ")));
    };
    let mut cameras = vec![window.camera.clone()];
    if let Some(sound) = hall.sound_camera(window).filter(|c| c.id != window.camera) {
        cameras.push(sound.id.clone());
    }
    Ok((cameras, Some(id)))
}

fn release(args: &ReleaseArgs) -> Result<Outcome, String> {
    let hall = hall(&args.config)?;
    let (id, person, reason) = (HoldId::new(&args.id), args.person.clone(), args.reason.clone());
    tell_noted(&Desk::of(&hall, false)?.ask(Ask::Release { id, person, reason })?, args.json)
}

fn tell_noted(told: &Told, json: bool) -> Result<Outcome, String> {
    let Told::Noted { noted, removed_before } = told else { return Err("the answer is about something else".to_owned()) };
    let late = !removed_before.is_empty();
    let text = if json {
        let removed_before = removed_before.iter().map(|(camera, span)| PrintedSpan { camera, span: *span }).collect();
        pretty(&PrintedNoted { noted, removed_before })?
    } else {
        let mut text = line(&noted.hold);
        for (camera, span) in removed_before {
            text.push_str(&format!(
                "\n注意：{camera} {} 至 {} 在此之前已按期删除（removed before the hold was placed）",
                span.from, span.to
            ));
        }
        text
    };
    if let Some(warning) = &noted.warning {
        remark!("jiancha: {warning}");
    }
    print(&text)?;
    Ok(if late || noted.warning.is_some() { Outcome::Findings } else { Outcome::Good })
}

fn list(args: &ListArgs) -> Result<Outcome, String> {
    let hall = hall(&args.config)?;
    let Told::Holds { mut holds, doubt } = Desk::of(&hall, true)?.ask(Ask::Holds)? else {
        return Err("the answer is not a list of holds".to_owned());
    };
    holds.retain(|h| !args.active || h.is_active());
    if args.json {
        print(&pretty(&PrintedList { holds: &holds, doubt: doubt.as_deref() })?)?;
    } else {
        let mut lines: Vec<String> = holds.iter().map(line).collect();
        let active = holds.iter().filter(|h| h.is_active()).count();
        lines.push(format!("{active} 个留存有效 holds active，{} 个已解除 released", holds.len() - active));
        print(&lines.join("\n"))?;
    }
    if let Some(doubt) = doubt {
        remark!(
            "jiancha: 留存清单不完整，暂不删除任何录像 the list of holds is not complete, nothing is deleted: {doubt} \
             (put a sound copy in its place, or remove the file once every hold is on the list)"
        );
        return Ok(Outcome::Findings);
    }
    Ok(Outcome::Good)
}

/// One hold on a line, and its release on the next.
fn line(hold: &Hold) -> String {
    let time = |t: WallTime| t.beijing().format("%Y-%m-%d %H:%M:%S");
    let cameras: Vec<&str> = hold.cameras.iter().map(CameraId::as_str).collect();
    let window = hold.window.as_ref().map_or(String::new(), |w| format!("窗口 {w} "));
    let to = hold.to.map_or("解除为止 until released".to_owned(), |to| time(to).to_string());
    let state = if hold.is_active() { "有效 active" } else { "已解除 released" };
    let mut line = format!(
        "{}  {state}  {window}{}  {} — {to}  {} {}：{}",
        hold.id,
        cameras.join("、"),
        time(hold.from),
        time(hold.placed),
        hold.person,
        hold.reason
    );
    if let Some(release) = &hold.released {
        line.push_str(&format!("\n    解除 released {} {}：{}", time(release.at), release.person, release.reason));
    }
    line
}

fn pretty(value: &impl Serialize) -> Result<String, String> {
    serde_json::to_string_pretty(value).map_err(|e| e.to_string())
}

/// Writes the answer; a reader that has gone away is no trouble.
fn print(text: &str) -> Result<(), String> {
    match writeln!(std::io::stdout().lock(), "{text}") {
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => Err(format!("write the answer: {e}")),
        _ => Ok(()),
    }
}
