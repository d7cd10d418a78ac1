//! `jiancha simulate`: cameras for the demo and for tests, and the media they show.

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::simulate::{self, Credentials, DEFAULT_MEDIA_DIR, Options, Running, cameras, generate};

/// Arguments of `jiancha simulate`.
#[derive(clap::Args)]
pub struct SimulateArgs {
    /// Address and port of the RTSP server. UDP media reaches clients on this machine only.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8554")]
    listen: SocketAddr,
    /// Address and port of the control port, which makes cameras misbehave.
    ///
    /// GET /cameras lists them; POST /cameras/ID/FAULT with FAULT one of close, stall, password, drip, black, freeze, resolution,
    /// mute, clock?offset_ms=N, clock-drift?ppm=N, clock-unset, and for `own-clock` osd-offset?offset_ms=N, osd-freeze, osd-off, osd-label brings it
    /// about, for good or with ?for_seconds=N; close?once=1 only drops the sessions;
    /// POST /cameras/ID/heal takes all away.
    #[arg(long, value_name = "ADDRESS")]
    control: Option<SocketAddr>,
    /// Serve only these cameras, separated by commas. Default: all.
    #[arg(long, value_name = "IDS", value_delimiter = ',')]
    cameras: Vec<String>,
    /// Folder of the generated media; what is missing there is made first.
    #[arg(long, value_name = "DIR", default_value = DEFAULT_MEDIA_DIR)]
    media: PathBuf,
    /// Ask for this user name, by RTSP Digest.
    #[arg(long, value_name = "NAME", requires = "password_env")]
    username: Option<String>,
    /// Environment variable that holds the password.
    #[arg(long, value_name = "VARIABLE", requires = "username")]
    password_env: Option<String>,
    /// Only make the media in this folder, then end.
    #[arg(long, value_name = "DIR")]
    generate: Option<PathBuf>,
}

/// Serves the cameras until interrupted, or makes their media.
pub fn run(args: &SimulateArgs) -> ExitCode {
    match carry_out(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(told) => {
            remark!("jiancha simulate: {told}");
            ExitCode::from(2)
        }
    }
}

fn carry_out(args: &SimulateArgs) -> Result<(), String> {
    let progress = |line: &str| remark!("jiancha simulate: {line}");
    if let Some(dir) = &args.generate {
        let specs = cameras::select(&args.cameras).map_err(|e| e.to_string())?;
        let done = generate::generate(dir, &specs, &progress).map_err(|e| e.to_string())?;
        progress(&format!("{} files made, {} were there, in {}", done.made, done.kept, dir.display()));
        return Ok(());
    }
    let credentials = match (&args.username, &args.password_env) {
        (Some(username), Some(variable)) => {
            let password = std::env::var(variable).map_err(|_| format!("environment variable {variable} holds no password"))?;
            Some(Credentials { username: username.clone(), password })
        }
        _ => None,
    };
    let options = Options {
        listen: args.listen,
        control: args.control,
        cameras: args.cameras.clone(),
        media_dir: args.media.clone(),
        credentials,
    };
    // Before anything is started, so that no signal is missed.
    let waiter = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| e.to_string())?;
    let signals = waiter.block_on(async { Signals::new() }).map_err(|e| format!("cannot wait for signals: {e}"))?;
    let running = simulate::serve(&options, &progress).map_err(|e| e.to_string())?;
    // The cameras are there for others too: whoever read the list may go away.
    let _ = print_cameras(&running);
    waiter.block_on(signals.wait());
    running.stop();
    Ok(())
}

/// One line per camera: id, address, what it is.
fn print_cameras(running: &Running) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    for camera in running.cameras() {
        writeln!(out, "{}\t{}\t{}", camera.id, camera.url, camera.what)?;
    }
    if let Some(address) = running.control_address() {
        // Not among the cameras: scripts take every line of the output for one.
        remark!("jiancha simulate: control port http://{address}/cameras");
    }
    out.flush()
}

struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn wait(mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
