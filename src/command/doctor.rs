//! `jiancha doctor`.

use std::process::ExitCode;

use super::ConfigArg;

/// Arguments of `jiancha doctor`.
#[derive(clap::Args)]
pub struct DoctorArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
}

/// Runs every check and prints the table.
pub fn run(args: &DoctorArgs) -> ExitCode {
    let _ = (&args.config, args.json);
    ExitCode::from(2)
}
