//! The command line: one file per subcommand.
//!
//! Exit codes are the same everywhere: 0 good, 1 findings, 2 could not do it.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

pub mod doctor;
pub mod simulate;
pub mod user;

/// 视频电子监察 · Recorder and monitor for the video electronic supervision of service halls.
#[derive(Parser)]
#[command(version, max_term_width = 110)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Check plugins, encoders, fonts, clock, disks and ports: what is wrong and how to mend it.
    Doctor(doctor::DoctorArgs),
    /// Serve simulated cameras over RTSP, for the demo and for tests.
    Simulate(simulate::SimulateArgs),
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
    let cli = Cli::parse();
    match cli.command {
        Command::Doctor(args) => doctor::run(&args),
        Command::Simulate(args) => simulate::run(&args),
        Command::User(args) => user::run(&args),
    }
}
