//! The program's log: events with fields on standard error; the level is set with `JIANCHA_LOG` (default `info`).

use tracing_subscriber::EnvFilter;

/// Starts the log. Call once, before anything else.
pub fn start() {
    let filter = EnvFilter::try_from_env("JIANCHA_LOG")
        .unwrap_or_else(|_| EnvFilter::new("info,retina=warn,sled=warn,tower_sessions=error,tower_sessions_core=error"));
    // A second call keeps the first log: tests start several recorders in one process.
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(false).try_init();
}
