//! Whole processes measured from outside: `jiancha run` beside FFmpeg, on the same simulated cameras, in the same run.
//!
//! For each number of cameras both record in turn for a window of the same length, as many times as asked. What is read, and how
//! to read it, stands in docs/benchmarks.md. `make bench` runs it; so does `cargo bench --bench whole_process`.
#![allow(clippy::cast_precision_loss, reason = "figures for people")]

mod measure;
mod media;
mod proc;
mod recorders;
mod relay;
mod report;
mod rig;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

use measure::{Case, Setting};
use recorders::{Recorder, Task};
use report::{Comparison, Head, Report};

/// Compares whole recorders: CPU per stream-second, memory, writes.
#[derive(Parser)]
struct Options {
    /// Length of a window in seconds. The media loop is 16 s long: a window of 16 s holds the same pictures every time.
    #[arg(long, env = "BENCH_SECONDS", default_value_t = 16, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
    /// Windows of each recorder, taken in turn.
    #[arg(long, env = "BENCH_PAIRS", default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=100))]
    pairs: u64,
    /// Numbers of cameras recorded without re-encoding.
    #[arg(long, env = "BENCH_STREAMS", value_delimiter = ',', default_values_t = [1, 4, 16])]
    streams: Vec<usize>,
    /// Numbers of cameras recorded with the stamp; numbers this machine cannot carry are left out.
    #[arg(long, env = "BENCH_STAMPED", value_delimiter = ',', default_values_t = [1, 4])]
    stamped: Vec<usize>,
    /// A first impression in less than a minute: one pair of windows of 4 s, fewer cameras.
    #[arg(long)]
    quick: bool,
    /// Write every figure of every window to this file.
    #[arg(long, env = "BENCH_JSON", value_name = "FILE")]
    json: Option<PathBuf>,
    /// Only pass on what this camera sends (see [`relay`]).
    #[arg(long, hide = true, requires = "doors")]
    relay: Option<SocketAddr>,
    /// Where to pass it on.
    #[arg(long, hide = true, value_delimiter = ',')]
    doors: Vec<SocketAddr>,
    /// Given by cargo.
    #[arg(long, hide = true)]
    bench: bool,
}

/// Processors one stamped camera of 12.5 pictures a second needs, with some room: both sides took 0.2 to 0.3 when this was written.
const PROCESSORS_PER_STAMPED: f64 = 0.4;

fn main() -> ExitCode {
    let mut options = Options::parse();
    if let Some(camera) = options.relay {
        // Only a door that cannot be opened ends it.
        let ended = relay::serve(camera, &options.doors);
        eprintln!("bench: relay: {ended:?}");
        return ExitCode::from(2);
    }
    if options.quick {
        (options.seconds, options.pairs) = (4, 1);
        (options.streams, options.stamped) = (vec![1, 4], vec![1]);
    }
    match carry_out(&options) {
        Ok(report) if report.failures.is_empty() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::from(2),
        Err(told) => {
            eprintln!("bench: {told}");
            ExitCode::from(2)
        }
    }
}

fn carry_out(options: &Options) -> Result<Report, String> {
    let work = Path::new(env!("CARGO_TARGET_TMPDIR")).join("whole_process");
    let _alone = rig::claim(&work)?;
    let setting = Setting {
        window: Duration::from_secs(options.seconds),
        settle: Duration::from_secs(if options.quick { 1 } else { 2 }),
        media: media::folder(&work),
        folder: work.join("window"),
    };
    let ffmpeg = rig::run("ffmpeg", &["-version"])?;
    let ffmpeg = ffmpeg.lines().next().unwrap_or_default();
    let ffmpeg = ffmpeg.split(" Copyright").next().unwrap_or_default().to_owned();
    let cases = cases(options);
    let drawn = Path::new(env!("CARGO_MANIFEST_DIR")).join("test-media/generated");
    for camera in [&media::FULL_RATE, &media::HALF_RATE] {
        if cases.iter().any(|case| case.camera.id == camera.id) {
            eprintln!("bench: media of {} at {} kbit/s …", camera.what, camera.kbps);
            media::make(camera, &drawn, &setting.media)?;
        }
    }
    let mut report = Report {
        head: Head {
            jiancha: env!("CARGO_PKG_VERSION"),
            ffmpeg,
            machine: proc::machine_name(),
            window_seconds: options.seconds,
            pairs: usize::try_from(options.pairs).unwrap_or(usize::MAX),
            began: rig::run("date", &["+%Y-%m-%d %H:%M"])?.trim().to_owned(),
        },
        comparisons: Vec::new(),
        limits: Vec::new(),
        failures: Vec::new(),
    };
    compare(&cases, &setting, &mut report);
    report.judge();
    print(&report.table());
    if let Some(path) = &options.json {
        let json = serde_json::to_string_pretty(&report).map_err(|e| e.to_string())?;
        std::fs::write(path, json).map_err(|e| format!("write {}: {e}", path.display()))?;
        eprintln!("bench: every figure of every window: {}", path.display());
    }
    Ok(report)
}

/// What is to be compared on this machine.
fn cases(options: &Options) -> Vec<Case> {
    let pass_through =
        options.streams.iter().map(|streams| Case { task: Task::PassThrough, camera: &media::FULL_RATE, streams: *streams });
    let carried = |streams: &&usize| {
        let carried = **streams as f64 * PROCESSORS_PER_STAMPED <= proc::processors() as f64;
        if !carried {
            eprintln!("bench: {streams} stamped cameras left out: too many for {} processors", proc::processors());
        }
        carried
    };
    let stamped = options.stamped.iter().filter(carried).map(|streams| Case {
        task: Task::Stamped,
        camera: &media::HALF_RATE,
        streams: *streams,
    });
    pass_through.chain(stamped).filter(|case| case.streams > 0).collect()
}

fn compare(cases: &[Case], setting: &Setting, report: &mut Report) {
    let pairs = report.head.pairs;
    let all = cases.len() * pairs * 2;
    let mut done = 0;
    for case in cases {
        let mut comparison = Comparison::new(*case);
        for pair in 1..=pairs {
            for recorder in [Recorder::Jiancha, Recorder::Ffmpeg] {
                done += 1;
                let name = format!("{case}, {}, window {pair} of {pairs}", recorder.label(case.task));
                match measure::window(setting, *case, recorder) {
                    Ok(window) => {
                        let (cpu, idle) = (window.cpu_ms, 100.0 * window.idle);
                        eprintln!("bench: [{done}/{all}] {name}: {cpu:.2} ms per stream-second, machine {idle:.0} % idle");
                        comparison.windows(recorder).push(window);
                    }
                    Err(told) => {
                        eprintln!("bench: [{done}/{all}] {name}: {told}");
                        report.failures.push(format!("{name}: {told}"));
                    }
                }
            }
        }
        report.comparisons.push(comparison);
    }
}

#[expect(clippy::print_stdout, reason = "the bench's answer")]
fn print(table: &str) {
    println!("{table}");
}
