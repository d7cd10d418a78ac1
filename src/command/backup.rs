//! `jiancha backup`: how far the second copy is, copy now, doubt both sides, fill gaps from it.

mod books;
mod restore;
mod run;
mod status;
mod verify;

use std::io::Write as _;

use indicatif::{ProgressBar, ProgressStyle};

use self::books::Whose;
use super::{ConfigArg, Outcome, complain, load_hall, print_json};
use crate::backup::target::{Stop, Target, connect};
use crate::hall::{BackupSettings, CameraId, Hall, WindowId};
use crate::time::{Span, WallTime};

/// Later than any recording, and still a time that RFC 3339 can write: 9999-01-01.
const LATEST: WallTime = WallTime::from_micros(253_370_764_800_000_000);

/// Arguments of `jiancha backup`.
#[derive(clap::Args)]
pub struct BackupArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// Show per window and day how many files have a proven copy, how far the copy is behind, and what stands in its way.
    Status(status::StatusArgs),
    /// Copy now. With a recorder running, it is asked to; without one, this process copies.
    Run(run::RunArgs),
    /// Read both sides again and compare them with what was sealed and copied; --repair replaces the bad side from the good one.
    Verify(verify::VerifyArgs),
    /// Bring recordings that are gone back from the copy, proven and marked as restored.
    Restore(restore::RestoreArgs),
}

/// Runs a subcommand.
pub fn run(args: &BackupArgs) -> Outcome {
    let outcome = match &args.what {
        What::Status(args) => status::run(args),
        What::Run(args) => run::run(args),
        What::Verify(args) => verify::run(args),
        What::Restore(args) => restore::run(args),
    };
    outcome.unwrap_or_else(|reason| complain(&reason))
}

/// Reads hall.toml with the key of the store; complaints are told by then.
fn hall(config: &ConfigArg) -> Option<Hall> {
    load_hall(config, crate::hall::load_for_backup)
}

/// What hall.toml says about the backup.
fn settings(hall: &Hall) -> Result<&BackupSettings, String> {
    hall.backup.as_ref().ok_or_else(|| crate::backup::BackupError::NotConfigured.to_string())
}

fn target(hall: &Hall, stop: &Stop) -> Result<Box<dyn Target>, String> {
    connect(settings(hall)?, stop).map_err(|e| e.to_string())
}

fn books(hall: &Hall) -> Result<Whose, String> {
    Whose::open(&hall.recording.catalogue)
}

/// The span asked for; everything where nothing is said.
fn span(from: Option<WallTime>, to: Option<WallTime>) -> Result<Span, String> {
    let span = Span::new(from.unwrap_or(WallTime::from_micros(0)), to.unwrap_or(LATEST));
    if span.is_empty() { Err(format!("--from {} is not before --to {}", span.from, span.to)) } else { Ok(span) }
}

/// The camera of a window of hall.toml.
fn camera_of(hall: &Hall, window: &str) -> Result<CameraId, String> {
    let known: Vec<&str> = hall.windows.iter().map(|w| w.id.as_str()).collect();
    let found = hall.window(&WindowId::new(window)).map(|w| w.camera.clone());
    found.ok_or_else(|| format!("no window {window} in hall.toml (defined: {})", known.join(", ")))
}

/// A rate in megabits a second.
fn mbit(text: &str) -> Result<u32, String> {
    text.parse().ok().filter(|n| (1..=100_000).contains(n)).ok_or_else(|| "expected 1 to 100000 Mbit/s, such as 50".into())
}

/// A bar that counts bytes; seen only on a terminal.
fn bar(what: &str) -> ProgressBar {
    let bar = ProgressBar::new(0);
    // A template that cannot be read leaves the plain bar.
    if let Ok(style) = ProgressStyle::with_template("{msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}") {
        bar.set_style(style);
    }
    bar.set_message(what.to_owned());
    bar
}

/// Prints lines to standard output; a reader that went away ends the printing, not the program.
fn print_lines(lines: impl IntoIterator<Item = String>) {
    let mut out = std::io::stdout().lock();
    for line in lines {
        if writeln!(out, "{line}").is_err() {
            return;
        }
    }
}

/// Ends the work when the process is asked to end.
fn stop_on_signals(stop: &Stop) -> Result<(), String> {
    let stop = stop.clone();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| e.to_string())?;
    let watch = move || {
        runtime.block_on(async {
            use tokio::signal::unix::{SignalKind, signal};
            let (Ok(mut term), Ok(mut int)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) else {
                return;
            };
            tokio::select! {
                _ = term.recv() => {}
                _ = int.recv() => {}
            }
        });
        stop.stop();
    };
    std::thread::Builder::new().name("signals".into()).spawn(watch).map(|_| ()).map_err(|e| e.to_string())
}

/// Bytes as people read them.
#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn size(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.2} GB", bytes as f64 / 1e9),
    }
}
