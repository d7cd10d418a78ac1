//! The command line: one file per subcommand.
//!
//! Exit codes are the same everywhere: 0 good, 1 findings, 2 could not do it.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use serde::Serialize;

use crate::hall::Hall;

/// Writes a line to standard error as `eprintln!` does, but does not panic when nobody reads it any more (`2>&1 | head`).
macro_rules! remark {
    ($($line:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stderr().lock(), $($line)*);
    }};
}

pub mod backup;
pub mod calendar;
pub mod camera_clock;
pub mod check;
pub mod doctor;
pub mod export;
pub mod hold;
pub mod plan;
pub mod rebuild;
pub mod replay;
pub mod retention;
pub mod run;
pub mod simulate;
pub mod still;
mod still_preview;
mod still_recorded;
pub mod storage;
pub mod timeline;
pub mod user;
pub mod verify;
pub mod verify_export;

/// Outcome of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing to complain about.
    Good,
    /// Done, with findings.
    Findings,
    /// It could not be done.
    Failed,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        ExitCode::from(match outcome {
            Outcome::Good => 0,
            Outcome::Findings => 1,
            Outcome::Failed => 2,
        })
    }
}

/// 视频电子监察 · Recorder and monitor for the video electronic supervision of service halls.
#[derive(Parser)]
#[command(version, max_term_width = 110)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Record every camera of the hall until SIGTERM; files are sealed and synced on exit.
    Run(run::RunArgs),
    /// Show what was recorded of a window or camera, and what is missing and why.
    Timeline(timeline::TimelineArgs),
    /// Check the hall against its rule profile: windows, zones, cameras, pickups, stamp, working days, second copy (R1–R10).
    Check(check::CheckArgs),
    /// Check every recorded file against its digest, its run's chain, the catalogue and the signed manifests; whole or by range.
    Verify(verify::VerifyArgs),
    /// Export footage of a span as plain MP4, or as an evidence package that can be checked offline.
    Export(export::ExportArgs),
    /// Take a still picture out of the recording, with the stamp in it; with --preview, show how the stamp (叠加) will look.
    Still(still::StillArgs),
    /// Check an evidence package offline, with the recorder's public key alone.
    VerifyExport(verify_export::VerifyExportArgs),
    /// Make the catalogue of segments again from the files alone.
    Rebuild(rebuild::RebuildArgs),
    /// Run the recorder against media files with a stepped clock: faster than real time, deterministic, for CI.
    Replay(replay::ReplayArgs),
    /// Check plugins, encoders, fonts, clock, disks and ports: what is wrong and how to mend it.
    Doctor(doctor::DoctorArgs),
    /// Serve simulated cameras over RTSP, for the demo and for tests.
    Simulate(simulate::SimulateArgs),
    /// Working days: when footage of a day may go, a year's days off, and whether a notice is missing.
    Calendar(calendar::CalendarArgs),
    /// What may be deleted and why: the plan, and carrying it out while no recorder runs.
    Retention(retention::RetentionArgs),
    /// Footage that must not be deleted: place, list and release holds.
    Hold(hold::HoldArgs),
    /// Size the disks: what the working days to be kept need in terabytes, and whether the disks present hold it.
    Plan(plan::PlanArgs),
    /// The second copy: how far it is, copy now, doubt both sides, fill gaps from it.
    Backup(backup::BackupArgs),
    /// Storage roots: whether each one's own disk is there; and taking another disk for one after an exchange.
    Storage(storage::StorageArgs),
    /// The time and label cameras draw themselves: what was read, attest a label, read a picture file.
    CameraClock(camera_clock::CameraClockArgs),
    /// List, add and remove people who may sign in to the viewer, and set their passwords.
    User(user::UserArgs),
}

/// Where hall.toml is.
#[derive(Args, Clone, Debug)]
pub struct ConfigArg {
    /// The hall's description. Default: ./config/hall.toml, then /etc/jiancha/hall.toml.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

impl ConfigArg {
    /// The file to read: as given, else the first of the default places that exists.
    pub fn path(&self) -> PathBuf {
        if let Some(path) = &self.config {
            return path.clone();
        }
        let local = PathBuf::from("config/hall.toml");
        if local.exists() { local } else { PathBuf::from("/etc/jiancha/hall.toml") }
    }
}

/// Runs the program on the process's arguments.
pub fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Run(args) => run::run(&args).into(),
        Command::Timeline(args) => timeline::run(&args).into(),
        Command::Check(args) => check::run(&args).into(),
        Command::Verify(args) => verify::run(&args).into(),
        Command::Export(args) => export::run(&args).into(),
        Command::Still(args) => still::run(&args).into(),
        Command::VerifyExport(args) => verify_export::run(&args).into(),
        Command::Rebuild(args) => rebuild::run(&args).into(),
        Command::Replay(args) => replay::run(&args).into(),
        Command::Doctor(args) => doctor::run(&args),
        Command::Simulate(args) => simulate::run(&args),
        Command::Calendar(args) => calendar::run(&args).into(),
        Command::Retention(args) => retention::run(&args).into(),
        Command::Hold(args) => hold::run(&args).into(),
        Command::Plan(args) => plan::run(&args).into(),
        Command::Backup(args) => backup::run(&args).into(),
        Command::Storage(args) => storage::run(&args).into(),
        Command::CameraClock(args) => camera_clock::run(&args).into(),
        Command::User(args) => user::run(&args),
    }
}

/// How hall.toml is read: [`crate::hall::load`] with the cameras' passwords, [`crate::hall::load_without_secrets`] for commands
/// that speak to no camera.
pub type LoadHall = fn(&std::path::Path) -> Result<(Hall, Vec<crate::hall::Complaint>), crate::hall::Complaints>;

/// Reads hall.toml; complaints go to standard error, all at once. `None` when the hall cannot be used.
pub fn load_hall(config: &ConfigArg, load: LoadHall) -> Option<Hall> {
    let path = config.path();
    match load(&path) {
        Ok((hall, warnings)) => {
            if !warnings.is_empty() {
                remark!("{}", crate::hall::Complaints::new(Some(&path), warnings));
            }
            Some(hall)
        }
        Err(complaints) => {
            remark!("{complaints}");
            None
        }
    }
}

/// Says why a command could not be done.
pub fn complain(reason: &str) -> Outcome {
    remark!("jiancha: {reason}");
    Outcome::Failed
}

/// Prints a command's answer as JSON. A pipe that closes early ends it quietly.
pub fn print_json(value: &impl Serialize) {
    match serde_json::to_string_pretty(value) {
        Ok(text) => print_text(&(text + "\n")),
        Err(e) => remark!("jiancha: {e}"),
    }
}

/// Prints a command's answer. A reader that has gone away (`| head`) is no error.
pub fn print_text(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
