//! `jiancha run`: records until told to stop.

use std::io::Write as _;
use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};

use super::{ConfigArg, Outcome, load_hall};
use crate::daemon::Recorder;
use crate::time::SystemClock;

/// Arguments of `jiancha run`.
#[derive(clap::Args)]
pub struct RunArgs {
    #[command(flatten)]
    config: ConfigArg,
}

/// Records until SIGTERM or SIGINT; every file is sealed and synced on the way out.
pub fn run(args: &RunArgs) -> Outcome {
    crate::observe::log::start();
    let Some(hall) = load_hall(&args.config, crate::hall::load) else { return Outcome::Failed };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(e) => {
            tracing::error!("start the runtime: {e}");
            return Outcome::Failed;
        }
    };
    runtime.block_on(async {
        let (mut terminate, mut interrupt) = match (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) {
            (Ok(terminate), Ok(interrupt)) => (terminate, interrupt),
            (Err(e), _) | (_, Err(e)) => {
                tracing::error!("listen for signals: {e}");
                return Outcome::Failed;
            }
        };
        let mut recorder = match Recorder::start(hall, Arc::new(SystemClock::new())).await {
            Ok(recorder) => recorder,
            Err(e) => {
                tracing::error!("{e}");
                return Outcome::Failed;
            }
        };
        if let Some(admin) = recorder.first_admin.take() {
            announce(&admin);
        }
        tracing::info!(viewer = %format!("http://{}/", recorder.address), "recording");
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping: sealing and syncing every file");
        recorder.stop().await;
        tracing::info!("stopped");
        Outcome::Good
    })
}

/// Shows the first administrator's password: on the terminal, once, never in the log.
fn announce(admin: &crate::viewer::people::FirstAdmin) {
    let told = writeln!(
        std::io::stdout().lock(),
        "首次启动，已创建管理员。请妥善保管，密码只显示这一次：\n\
         First start: an administrator was created. The password is shown this once:\n  \
         用户名 user name: {}\n  \
         密码   password:  {}",
        admin.name,
        admin.password
    );
    if let Err(e) = told {
        tracing::warn!(
            "管理员密码没能显示（{e}），请停止录像服务后运行 jiancha user password {0}。the administrator's password could not be shown: stop the recorder and run `jiancha user password {0}`",
            admin.name
        );
    }
}
