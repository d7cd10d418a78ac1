//! `jiancha replay`: the recorder against media files with a stepped clock, for CI.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::{ConfigArg, Outcome, complain, load_hall, print_json, print_text};
use crate::catalogue::timeline::{Gap, RecordedSpan};
use crate::catalogue::{Catalogue, LedgerEvent, LedgerRow, Store};
use crate::daemon::{Run, run_name, run_settings};
use crate::hall::{Camera, CameraId, Hall, StampMode};
use crate::live::LiveChannel;
use crate::observe::meter::Meter;
use crate::segment::disk::Fault;
use crate::segment::root;
use crate::segment::roots::{LOOK_EVERY, OnRoots, RootSettings, Roots, RootsSettings};
use crate::source::file::FileCamera;
use crate::stamp::encoders::{self, EncoderDescription};
use crate::time::{Clock as _, MICROS_PER_SECOND, Span, SteppedClock, WallTime};

/// Arguments of `jiancha replay`.
#[derive(clap::Args)]
#[command(after_help = "Example: jiancha replay --media C1=clip.mkv --seconds 120 --out replayed --json\n\
The same media, start and hall.toml give the same files, byte for byte.")]
pub struct ReplayArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// Which file stands in for which camera; repeat for more cameras.
    #[arg(long, value_name = "CAMERA=FILE", required = true, value_parser = camera_and_file)]
    media: Vec<(String, PathBuf)>,
    /// Capture time of the first picture.
    #[arg(long, value_name = "TIME", default_value = "2026-01-05T09:00:00+08:00")]
    start: WallTime,
    /// Seconds of media to record; files shorter than that are repeated.
    #[arg(long, value_name = "N", default_value_t = 60)]
    seconds: u32,
    /// Empty or new folder that takes the recording instead of the hall's storage.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
}

fn camera_and_file(text: &str) -> Result<(String, PathBuf), String> {
    let (camera, file) = text.split_once('=').ok_or("expected CAMERA=FILE, such as C1=clip.mkv")?;
    Ok((camera.to_owned(), PathBuf::from(file)))
}

/// What one camera's replay gave.
#[derive(Serialize)]
struct Replayed {
    camera: String,
    media: String,
    segments: Vec<ReplayedSegment>,
    spans: Vec<RecordedSpan>,
    gaps: Vec<Gap>,
}

#[derive(Serialize)]
struct ReplayedSegment {
    path: String,
    from: WallTime,
    to: WallTime,
    bytes: u64,
    stamped: bool,
    digest: Option<String>,
}

/// The whole result. Deterministic: it holds nothing of this machine or moment.
#[derive(Serialize)]
struct Report {
    result: &'static str,
    start: WallTime,
    seconds: u32,
    cameras: Vec<Replayed>,
}

/// Replays. Exit code 0 when everything was recorded without a gap, 1 with gaps, 2 when it could not be done.
pub fn run(args: &ReplayArgs) -> Outcome {
    crate::observe::log::start();
    let Some(hall) = load_hall(&args.config, crate::hall::load_without_secrets) else { return Outcome::Failed };
    match replay(hall, args) {
        Ok(report) => {
            let good = report.cameras.iter().all(|c| c.gaps.is_empty());
            if args.json {
                print_json(&report)
            } else {
                print_text(&table(&report))
            }
            if good { Outcome::Good } else { Outcome::Findings }
        }
        Err(e) => complain(&e),
    }
}

fn replay(mut hall: Hall, args: &ReplayArgs) -> Result<Report, String> {
    prepare(&args.out)?;
    let reserve_mb = crate::hall::StorageRoot::RESERVE_MB;
    hall.storage = vec![crate::hall::StorageRoot { path: args.out.clone(), reserve_mb, mounted: false }];
    let store = Store::open(&args.out.join(".jiancha")).map_err(|e| e.to_string())?;
    let catalogue = Catalogue::open(Arc::new(store)).map_err(|e| e.to_string())?;
    let roots = one_root(&args.out, args.start, &catalogue)?;
    let began = std::time::Instant::now();
    let mut cameras = Vec::new();
    for (id, file) in &args.media {
        let camera = hall.cameras.iter().find(|c| c.id.as_str() == id).ok_or_else(|| {
            let known: Vec<&str> = hall.cameras.iter().map(|c| c.id.as_str()).collect();
            format!("no camera {id} in hall.toml (defined: {})", known.join(", "))
        })?;
        tracing::info!(camera = id, file = %file.display(), "replaying");
        cameras.push(replay_camera(&hall, camera, file, args, &roots, &catalogue)?);
    }
    let media_seconds = f64::from(args.seconds) * f64::from(u32::try_from(cameras.len()).unwrap_or(0));
    tracing::info!(times_real_time = format!("{:.1}", media_seconds / began.elapsed().as_secs_f64()), "replayed");
    let gaps = cameras.iter().any(|c| !c.gaps.is_empty());
    Ok(Report { result: if gaps { "gaps" } else { "pass" }, start: args.start, seconds: args.seconds, cameras })
}

/// Nobody waits for what the root of a replay tells: an error ends the replay.
struct Quiet;

impl OnRoots for Quiet {
    fn changed(&self, _: &Path, _: Option<Fault>, _: &str) {}
    fn came_back(&self, _: &Path) {}
    fn moved(&self, _: &CameraId, _: &Path, _: &Path, _: &str) {}
    fn others_may_record(&self, _: bool) {}
}

fn one_root(out: &Path, now: WallTime, catalogue: &Catalogue) -> Result<Arc<Roots>, String> {
    let id = root::claim(out, now).map_err(|e| e.to_string())?.root;
    let root = RootSettings { path: out.to_owned(), id, mounted: false, reserve_bytes: 0 };
    let how = RootsSettings { sync_every: Duration::from_secs(3600), windows_last_seconds: 0, look_every: LOOK_EVERY };
    Roots::start(vec![root], &[], how, catalogue, Arc::new(|_| {}), Arc::new(Quiet))
        .map(Arc::new)
        .map_err(|(_, e)| format!("start the disk's writer: {e}"))
}

/// The folder must be new or empty: nothing of an earlier replay may be taken for this one's.
fn prepare(out: &Path) -> Result<(), String> {
    std::fs::create_dir_all(out).map_err(|e| format!("make {}: {e}", out.display()))?;
    let mut entries = std::fs::read_dir(out).map_err(|e| format!("list {}: {e}", out.display()))?;
    match entries.next() {
        None => Ok(()),
        Some(_) => Err(format!("{} is not empty; name a new folder with --out", out.display())),
    }
}

fn replay_camera(
    hall: &Hall,
    camera: &Camera,
    file: &Path,
    args: &ReplayArgs,
    roots: &Arc<Roots>,
    catalogue: &Catalogue,
) -> Result<Replayed, String> {
    let media = FileCamera::open(file).map_err(|e| e.to_string())?;
    let encoder: Option<EncoderDescription> = match camera.stamp {
        StampMode::Reencode => Some(encoders::choose(&hall.stamp).map_err(|e| e.to_string())?),
        StampMode::Camera | StampMode::None => None,
    };
    let clock = SteppedClock::new(args.start);
    let settings = run_settings(hall, camera, roots.clone(), Arc::new(LiveChannel::new()), Arc::new(Meter::default()));
    let note = |event, at| catalogue.note(&LedgerRow { camera: camera.id.clone(), at, event, detail: String::new() });
    note(LedgerEvent::Started, args.start).map_err(|e| e.to_string())?;
    let name = run_name(&camera.id, args.start);
    let mut run = Run::start(settings, name, media.format(), encoder.as_ref(), None).map_err(|e| e.to_string())?;
    let micros = i64::from(args.seconds) * MICROS_PER_SECOND;
    for unit in media.units(args.start, micros) {
        clock.advance_to(unit.capture());
        run.push_waiting(unit).map_err(|e| format!("{}: {e:?}", camera.id))?;
    }
    run.finish();
    roots.sync();
    let span = Span::new(args.start, args.start.plus_micros(micros));
    // Everything replayed is due: nothing waits in an open part.
    let now = clock.wall().plus_micros(3600 * MICROS_PER_SECOND);
    let timeline = catalogue.timeline(&camera.id, span, now).map_err(|e| e.to_string())?;
    let segments = catalogue.segments(&camera.id, span).map_err(|e| e.to_string())?;
    Ok(Replayed {
        camera: camera.id.to_string(),
        media: file.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default(),
        segments: segments
            .into_iter()
            .map(|s| ReplayedSegment {
                path: s.path,
                from: s.from,
                to: s.to,
                bytes: s.bytes,
                stamped: s.stamped,
                digest: s.digest,
            })
            .collect(),
        spans: timeline.spans,
        gaps: timeline.gaps,
    })
}

fn table(report: &Report) -> String {
    let mut lines = Vec::new();
    for camera in &report.cameras {
        let row = |s: &ReplayedSegment| format!("{}  {}  {:>10} B  {}", camera.camera, s.from, s.bytes, s.path);
        lines.extend(camera.segments.iter().map(row));
        lines.push(format!("{}: {} segments, {} gaps", camera.camera, camera.segments.len(), camera.gaps.len()));
    }
    lines.push(report.result.to_owned());
    lines.join("\n") + "\n"
}
