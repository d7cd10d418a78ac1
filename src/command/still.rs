//! `jiancha still`: a single picture with the stamp in it.

use std::path::PathBuf;

use super::{ConfigArg, Outcome, still_recorded};
use crate::time::WallTime;

/// Arguments of `jiancha still`.
#[derive(clap::Args)]
#[command(
    after_help = "The picture is the one shown at --at: the last that was taken at or before it. Where the recording carries no stamp,\n\
it is drawn: the time of that very picture, and the label of its time.\n\
Exit code 0: written; 1: nothing was recorded then: the gap, its cause and the nearest picture are told; 2: it could not be done.\n\
The recorder may run meanwhile. Every still stands in the audit log.\n\n\
Example:\n  \
jiancha still --window 03 --at 2026-11-22T14:50:03+08:00 --out window-03.jpg"
)]
pub struct StillArgs {
    #[command(flatten)]
    pub(super) config: ConfigArg,
    /// A service window (窗口), such as 03: its fixed camera's picture is taken.
    #[arg(long, value_name = "ID", required_unless_present = "camera", conflicts_with = "camera")]
    pub(super) window: Option<String>,
    /// A camera instead of a window.
    #[arg(long, value_name = "ID")]
    pub(super) camera: Option<String>,
    /// When, such as 2026-11-22T14:50:03+08:00.
    #[arg(long, value_name = "TIME")]
    pub(super) at: WallTime,
    /// The file to write: .png or .jpg.
    #[arg(long, value_name = "FILE")]
    pub(super) out: PathBuf,
    /// Why (事由); stands in the audit log.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(super) reason: String,
    /// Who takes it; the account's name by default.
    #[arg(long, value_name = "NAME")]
    pub(super) person: Option<String>,
    /// Print JSON instead of a line.
    #[arg(long)]
    pub(super) json: bool,
}

/// Takes a still. Exit codes as the help tells.
pub fn run(args: &StillArgs) -> Outcome {
    still_recorded::run(args)
}
