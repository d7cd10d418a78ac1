//! `jiancha still`: a single picture with the stamp in it.

use std::path::PathBuf;

use super::still_preview::{self, Size};
use super::{ConfigArg, Outcome, still_recorded};
use crate::time::WallTime;

/// Arguments of `jiancha still`.
#[derive(clap::Args)]
#[command(
    after_help = "The picture is the one shown at --at: the last that was taken at or before it. Where the recording carries no stamp,\n\
it is drawn: the time of that very picture, and the label of its time.\n\
Exit code 0: written; 1: nothing was recorded then: the gap, its cause and the nearest picture are told; 2: it could not be done.\n\
The recorder may run meanwhile. Every still stands in the audit log.\n\n\
With --preview the stamp is drawn on a grey or given picture by the recorder's own font, bitmaps and places: what you see is what will be\n\
recorded. A label that does not fit at a legible size is refused; the picture written to --out then shows the limit.\n\
Exit code 0: written; 1: written, but the label does not fit; 2: it could not be done.\n\n\
Examples:\n  \
jiancha still --window 03 --at 2026-11-22T14:50:03+08:00 --out window-03.jpg\n  \
jiancha still --preview --window 03 --out label.png\n  \
jiancha still --preview --camera C4 --size 640x360 --picture hall.jpg --out label.png\n  \
jiancha still --preview --label 长春市朝阳区 --label '综合受理区 3号窗口' --at 2026-11-22T14:50:03+08:00 --out label.png"
)]
pub struct StillArgs {
    #[command(flatten)]
    pub(super) config: ConfigArg,
    /// Show how the stamp (叠加) will look, on a grey or given picture; no camera and no recorder are needed.
    #[arg(long, conflicts_with_all = ["reason", "person"])]
    pub(super) preview: bool,
    /// A service window (窗口), such as 03: its fixed camera's picture is taken.
    #[arg(long, value_name = "ID", required_unless_present_any = ["camera", "preview"], conflicts_with = "camera")]
    pub(super) window: Option<String>,
    /// A camera instead of a window. With --preview and neither: the first of hall.toml.
    #[arg(long, value_name = "ID")]
    pub(super) camera: Option<String>,
    /// When, such as 2026-11-22T14:50:03+08:00. With --preview the time to show; now by default.
    #[arg(long, value_name = "TIME", required_unless_present = "preview")]
    pub(super) at: Option<WallTime>,
    /// The file to write: .png or .jpg; with --preview .png.
    #[arg(long, value_name = "FILE")]
    pub(super) out: PathBuf,
    /// Why (事由); stands in the audit log.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(super) reason: String,
    /// Who takes it; the account's name by default.
    #[arg(long, value_name = "NAME")]
    pub(super) person: Option<String>,
    /// With --preview: a line to try as label instead; give it twice for two lines.
    #[arg(long, value_name = "TEXT", requires = "preview", conflicts_with_all = ["camera", "window"])]
    pub(super) label: Vec<String>,
    /// With --preview: width and height in pixels. Default: those of --picture, else 1920x1080.
    #[arg(long, value_name = "WIDTHxHEIGHT", requires = "preview")]
    pub(super) size: Option<Size>,
    /// With --preview: a PNG or JPEG to draw on, such as a photograph of the window; scaled when --size says so. Default: even grey.
    #[arg(long, value_name = "FILE", requires = "preview")]
    pub(super) picture: Option<PathBuf>,
    /// Print JSON instead of a line or a table.
    #[arg(long)]
    pub(super) json: bool,
}

/// Takes a still, or makes a preview. Exit codes as the help tells.
pub fn run(args: &StillArgs) -> Outcome {
    match args.at {
        Some(at) if !args.preview => still_recorded::run(args, at),
        _ => still_preview::run(args),
    }
}
