//! `jiancha still`: one picture.

use std::path::PathBuf;

use super::still_preview::{self, Size};
use super::{ConfigArg, Outcome};
use crate::time::WallTime;

/// Arguments of `jiancha still`.
#[derive(clap::Args)]
#[command(after_help = still_preview::HELP)]
pub struct StillArgs {
    #[command(flatten)]
    pub(super) config: ConfigArg,
    /// Show how the stamp (叠加) will look, on a grey or given picture; no camera and no recorder are needed.
    #[arg(long, required = true)]
    pub(super) preview: bool,
    /// The camera whose label is drawn. Default: the first of hall.toml.
    #[arg(long, value_name = "ID")]
    pub(super) camera: Option<String>,
    /// A service window (窗口), such as 03: the label of its fixed camera is drawn.
    #[arg(long, value_name = "ID", conflicts_with = "camera")]
    pub(super) window: Option<String>,
    /// A line to try as label instead; give it twice for two lines.
    #[arg(long, value_name = "TEXT", conflicts_with_all = ["camera", "window"])]
    pub(super) label: Vec<String>,
    /// Width and height in pixels. Default: those of --picture, else 1920x1080.
    #[arg(long, value_name = "WIDTHxHEIGHT")]
    pub(super) size: Option<Size>,
    /// A PNG or JPEG to draw on, such as a photograph of the window; scaled when --size says so. Default: even grey.
    #[arg(long, value_name = "FILE")]
    pub(super) picture: Option<PathBuf>,
    /// The time to show, such as 2026-11-22T14:50:03+08:00. Default: now.
    #[arg(long, value_name = "TIME")]
    pub(super) at: Option<WallTime>,
    /// The PNG to write.
    #[arg(long, value_name = "FILE")]
    pub(super) out: PathBuf,
    /// Print where the lines stand as JSON instead of a table.
    #[arg(long)]
    pub(super) json: bool,
}

/// Makes the picture.
pub fn run(args: &StillArgs) -> Outcome {
    still_preview::run(args)
}
