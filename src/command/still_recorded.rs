//! A still picture out of the recording.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::export::recorder::{Recorder, account};
use super::still::StillArgs;
use super::{Outcome, complain, load_hall, print_json, print_text};
use crate::export::still::{self, Form, Nothing};
use crate::export::{Announcement, Kind, Purpose};
use crate::hall::{Camera, CameraId, Hall, WindowId};
use crate::time::{MICROS_PER_SECOND, Span, WallTime};

/// The nearest picture is looked for in an hour on each side, then in all that may still be there.
const REACHES_MICROS: [i64; 2] = [3600 * MICROS_PER_SECOND, 400 * 86_400 * MICROS_PER_SECOND];

#[derive(Serialize)]
#[serde(untagged)]
enum Printed {
    Taken {
        found: bool,
        window: Option<String>,
        camera: CameraId,
        asked: WallTime,
        /// When the picture was taken.
        capture: WallTime,
        /// `recorded`: it was in the recording; `drawn`: it was drawn now.
        stamp: &'static str,
        width: u32,
        height: u32,
        segment: PathBuf,
        file: PathBuf,
        bytes: u64,
    },
    Nothing {
        found: bool,
        window: Option<String>,
        camera: CameraId,
        asked: WallTime,
        gap: Option<PrintedGap>,
        /// The last recorded moment before.
        before: Option<WallTime>,
        /// The first recorded moment after.
        after: Option<WallTime>,
        nearest: Option<WallTime>,
    },
}

#[derive(Serialize)]
struct PrintedGap {
    from: WallTime,
    to: WallTime,
    cause: &'static str,
    detail: String,
}

pub(super) fn run(args: &StillArgs, at: WallTime) -> Outcome {
    let Some(hall) = load_hall(&args.config, crate::hall::load_without_secrets) else { return Outcome::Failed };
    match take(&hall, args, at) {
        Ok(printed) => {
            let outcome = if matches!(printed, Printed::Taken { .. }) { Outcome::Good } else { Outcome::Findings };
            if args.json {
                print_json(&printed)
            } else {
                print_text(&line(&printed))
            }
            outcome
        }
        Err(e) => complain(&e),
    }
}

fn take(hall: &Hall, args: &StillArgs, at: WallTime) -> Result<Printed, String> {
    let form = Form::of(&args.out).ok_or_else(|| format!("--out {}: name a .png or .jpg file", args.out.display()))?;
    if args.out.symlink_metadata().is_ok() {
        return Err(format!("{} exists already: a still never takes the place of a file", args.out.display()));
    }
    let camera = camera_of(hall, args)?;
    let recorder = Recorder::find(&hall.recording.catalogue)?;
    let rows = recorder.segments(&camera.id, Span::new(at, at.plus_micros(1)))?;
    let Some(row) = still::row_at(&rows, at) else {
        return nothing(&recorder, camera, args, at);
    };
    let person = args.person.clone().filter(|p| !p.trim().is_empty()).unwrap_or_else(account);
    // Written down before the picture exists.
    recorder.announce(&Announcement {
        purpose: Purpose { reason: args.reason.trim().to_owned(), person, approval: None },
        camera: camera.id.clone(),
        window: args.window.clone(),
        span: Span::new(at, at.plus_micros(1)),
        kind: Kind::Still,
        to: args.out.display().to_string(),
    })?;
    drop(recorder);
    let still = still::take(row, at, &hall.stamp).map_err(|e| e.to_string())?;
    let bytes = still::encode(&still.picture, form).map_err(|e| e.to_string())?;
    write(&args.out, &bytes)?;
    Ok(Printed::Taken {
        found: true,
        window: args.window.clone(),
        camera: camera.id.clone(),
        asked: at,
        capture: still.capture,
        stamp: if still.recorded_stamp { "recorded" } else { "drawn" },
        width: still.picture.width,
        height: still.picture.height,
        segment: still.file,
        file: args.out.clone(),
        bytes: bytes.len() as u64,
    })
}

fn camera_of<'a>(hall: &'a Hall, args: &StillArgs) -> Result<&'a Camera, String> {
    if let Some(id) = &args.window {
        let known: Vec<&str> = hall.windows.iter().map(|w| w.id.as_str()).collect();
        let window = hall.window(&WindowId::new(id));
        let window = window.ok_or_else(|| format!("no window {id} in hall.toml (defined: {})", known.join(", ")))?;
        return hall.camera(&window.camera).ok_or_else(|| format!("window {id} has no camera in hall.toml"));
    }
    let id = args.camera.as_deref().unwrap_or_default();
    let known: Vec<&str> = hall.cameras.iter().map(|c| c.id.as_str()).collect();
    hall.camera(&CameraId::new(id)).ok_or_else(|| format!("no camera {id} in hall.toml (defined: {})", known.join(", ")))
}

fn nothing(recorder: &Recorder, camera: &Camera, args: &StillArgs, at: WallTime) -> Result<Printed, String> {
    let mut found = Nothing { gap: None, before: None, after: None };
    for reach in REACHES_MICROS {
        let around = Span::new(at.plus_micros(-reach), at.plus_micros(reach));
        let timeline = recorder.timeline(&camera.id, around)?;
        let recorded: Vec<Span> = timeline.spans.iter().map(|s| Span::new(s.from, s.to)).collect();
        found = Nothing::around(at, &recorded, &timeline.gaps);
        if found.nearest(at).is_some() {
            break;
        }
    }
    let nearest = found.nearest(at);
    Ok(Printed::Nothing {
        found: false,
        window: args.window.clone(),
        camera: camera.id.clone(),
        asked: at,
        gap: found.gap.map(|g| PrintedGap { from: g.from, to: g.to, cause: g.cause.word(), detail: g.detail }),
        before: found.before,
        after: found.after,
        nearest,
    })
}

/// Writes a new file; half a picture is not left behind.
fn write(path: &Path, bytes: &[u8]) -> Result<(), String> {
    let fail =
        |e: std::io::Error| format!("write {}: {e} (see whether there is room and the folder may be written)", path.display());
    let mut file = OpenOptions::new().write(true).create_new(true).open(path).map_err(fail)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(|e| {
        let _ = std::fs::remove_file(path);
        fail(e)
    })
}

fn line(printed: &Printed) -> String {
    match printed {
        Printed::Taken { file, capture, stamp, width, height, .. } => {
            let stamp =
                if *stamp == "recorded" { "录像自带叠加 stamp as recorded" } else { "取图时叠加 stamp drawn now" };
            format!("{}  {capture}  {width}×{height}  {stamp}\n", file.display())
        }
        Printed::Nothing { camera, asked, gap, nearest, .. } => {
            let why = match gap {
                Some(gap) => format!("缺录 gap  {} – {}  {} {}", gap.from, gap.to, gap.cause, gap.detail),
                None => "没有录像 nothing was recorded then".to_owned(),
            };
            let nearest = nearest.map_or_else(|| "无 none".to_owned(), |t| t.to_string());
            format!("{camera}  {asked}  {}\n最近的画面 nearest picture  {nearest}\n", why.trim_end())
        }
    }
}
