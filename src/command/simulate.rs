//! `jiancha simulate`.

use std::process::ExitCode;

/// Arguments of `jiancha simulate`.
#[derive(clap::Args)]
pub struct SimulateArgs {
    /// Address and port of the RTSP server.
    #[arg(long, default_value = "127.0.0.1:8554")]
    listen: std::net::SocketAddr,
}

/// Serves the cameras until interrupted.
pub fn run(args: &SimulateArgs) -> ExitCode {
    let _ = args.listen;
    ExitCode::from(2)
}
