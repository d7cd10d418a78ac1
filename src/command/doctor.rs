//! `jiancha doctor`: what is wrong with this machine and hall.toml, and how to mend it.

use std::path::Path;
use std::process::ExitCode;

use super::storage::Book;
use super::{ConfigArg, print_text};
use crate::calendar::Source;
use crate::hall::{self, Hall, StampSettings};
use crate::observe::doctor::encoders::EncoderRow;
use crate::observe::doctor::{
    Finding, Report, Standing, both, capacity, disk, encoders, hall_file, labels, machine, network, not_without_hall, plugins,
};
use crate::retention::capacity::measured::{self, measure};
use crate::retention::capacity::{self as sizing, CameraRate};
use crate::stamp::check;
use crate::stamp::text::TIME_CHARACTERS;
use crate::time::{Clock as _, SystemClock, kernel_clock};

/// Arguments of `jiancha doctor`.
#[derive(clap::Args)]
#[command(
    after_help = "Exit code 0: nothing must be mended (there may be warnings). 1: something must be mended. 2: something could not be checked."
)]
pub struct DoctorArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
}

/// Runs every check and prints the table.
pub fn run(args: &DoctorArgs) -> ExitCode {
    let report = examine(&args.config.path());
    let text = if args.json { format!("{:#}\n", report.to_json()) } else { report.to_text() };
    print_text(&text);
    ExitCode::from(report.exit_code())
}

/// Looks at the machine and at the hall described in `config`.
fn examine(config: &Path) -> Report {
    let (hall, mut findings) = read_hall(config);
    let stamp = hall.as_ref().map(|h| h.stamp.clone());
    let mut encoders = Vec::new();
    findings.extend(plugins_and_font(stamp, &mut encoders));
    let chrony = crate::time::chrony::ask();
    let limits = hall.as_ref().map(|h| h.time).unwrap_or_default();
    findings.push(machine::clock(kernel_clock(), chrony.as_ref(), limits.server_error_ms()));
    findings.push(machine::ntp(&machine::time_source(chrony.as_ref())));
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    findings.push(machine::open_files(machine::read_open_files(&limits), hall.as_ref().map_or(0, |h| h.cameras.len())));
    match &hall {
        Some(hall) => {
            let found = check::labels(hall, &std::env::temp_dir());
            findings.extend(labels::labels(&config.display().to_string(), hall.cameras.len(), &found));
            findings.extend(of_hall(hall));
        }
        None => {
            let checks = [("storage", both("存储", "storage")), ("catalogue", both("目录库", "catalogue"))];
            let more = [("viewer-port", both("监看地址", "viewer address")), ("camera", both("摄像机", "cameras"))];
            findings.extend(checks.into_iter().chain(more).map(|(id, check)| not_without_hall(id, check)));
        }
    }
    Report { findings, encoders }
}

/// Reads hall.toml. When only passwords are missing, the rest of the hall is still examined.
fn read_hall(config: &Path) -> (Option<Hall>, Vec<Finding>) {
    let file = config.display().to_string();
    match hall::load(config) {
        Ok((hall, warnings)) => {
            let findings = hall_file(&file, hall.cameras.len(), hall.windows.len(), &warnings);
            (Some(hall), findings)
        }
        Err(complaints) => {
            let hall = hall::load_without_secrets(config).ok().map(|(hall, _)| hall);
            (hall, hall_file(&file, 0, 0, &complaints.list))
        }
    }
}

fn plugins_and_font(stamp: Option<StampSettings>, rows: &mut Vec<EncoderRow>) -> Vec<Finding> {
    // Without a hall the machine is judged for the defaults.
    let stamp = stamp.unwrap_or_default();
    let mut findings = Vec::new();
    match plugins::gstreamer_elements() {
        Ok(is_there) => {
            findings.extend(plugins::elements(is_there));
            *rows = encoders::look(&stamp);
            findings.extend(encoders::judge(&stamp.encoder, rows));
        }
        Err(why) => findings.push(Finding::bad(
            "gstreamer",
            Standing::Wrong,
            both("GStreamer", "GStreamer"),
            both(format!("不能启动：{why}"), format!("does not start: {why}")),
            both(
                "执行 make setup，或按 README 安装 GStreamer 软件包",
                "run make setup, or install GStreamer as the README says",
            ),
        )),
    }
    let texts = [TIME_CHARACTERS.to_owned()];
    findings.push(plugins::font(&plugins::try_font(stamp.font.as_deref(), &texts)));
    findings
}

/// Judges the storage roots, by what the catalogue knows of them and of the cameras' rates.
fn of_storage(hall: &Hall) -> Vec<Finding> {
    let mut findings = Vec::new();
    let book = Book::open(hall).unwrap_or_else(|why| {
        findings.push(Finding::bad(
            "catalogue-open",
            Standing::Unchecked,
            both("目录库内容", "the catalogue's content"),
            both(format!("打不开：{why}"), format!("cannot be opened: {why}")),
            both(
                "请检查权限；目录库已损坏时移走它，再运行 jiancha rebuild",
                "look at its rights; when it is damaged, move it away and run jiancha rebuild",
            ),
        ));
        Book::None
    });
    let measured = match &book {
        Book::Open(catalogue, _) => measure(catalogue, measured::Ask { days: measured::DAYS }).map_err(|e| e.to_string()),
        Book::Held => super::plan::measured(hall),
        Book::None => Ok(Vec::new()),
    };
    // Without measured rates those of hall.toml are taken.
    let measured = measured.unwrap_or_default();
    let rates: Vec<_> = hall.cameras.iter().map(|c| sizing::rate(hall, c, &measured, None)).collect();
    let bytes_per_second = rates.iter().map(|r| r.bytes_per_second).fold(0, u64::saturating_add);
    let mut folders = Vec::new();
    for root in &hall.storage {
        let expected = book.id(&root.path).unwrap_or_default();
        match disk::identity(root, expected.as_deref()) {
            Err(trouble) => findings.push(disk::identity_trouble(&trouble)),
            Ok(()) => {
                let folder = disk::look(&root.path);
                findings.push(disk::storage(&folder, bytes_per_second));
                folders.push(folder);
            }
        }
    }
    findings.extend(disk::shared(&folders));
    let held = measured.iter().fold(0, |sum: u64, m| sum.saturating_add(m.held_bytes()));
    findings.push(of_retention(hall, &rates, held));
    findings
}

fn of_retention(hall: &Hall, rates: &[CameraRate], held_bytes: u64) -> Finding {
    let sized = || -> Result<Finding, String> {
        let (calendar, _) = Source::of(&hall.calendar).load_what_is_good().map_err(|e| e.to_string())?;
        let today = SystemClock::new().wall().beijing().date_naive();
        let floor = sizing::floor(&calendar, hall.retention.working_days, today);
        let disks = hall.storage.iter().map(|root| super::plan::disk(hall, root)).collect::<Result<Vec<_>, _>>()?;
        Ok(capacity::retention(&floor, &sizing::size(rates, floor.calendar_days, &disks, held_bytes)))
    };
    sized().unwrap_or_else(|why| {
        Finding::bad(
            "retention",
            Standing::Unchecked,
            both("保存期限（估算）", "retention period (estimate)"),
            both(format!("算不出：{why}"), format!("cannot be told: {why}")),
            both("请运行 jiancha plan 查看", "run jiancha plan"),
        )
    })
}

fn of_hall(hall: &Hall) -> Vec<Finding> {
    let mut findings = of_storage(hall);
    findings.push(disk::catalogue(&disk::look(&hall.recording.catalogue)));
    let listen = hall.viewer.listen;
    findings.push(network::viewer(listen, network::try_listen(listen)));
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => {
            let tried = runtime.block_on(network::try_cameras(&hall.cameras));
            findings.extend(hall.cameras.iter().zip(&tried).map(|(camera, tried)| network::camera(camera, tried)));
            // A name that is still being looked up must not hold the report back.
            runtime.shutdown_background();
        }
        Err(e) => findings.push(Finding::bad(
            "camera",
            Standing::Unchecked,
            both("摄像机", "cameras"),
            both(format!("没有检查：{e}"), format!("not checked: {e}")),
            both("请释放系统资源后再运行", "free resources of the system and run this again"),
        )),
    }
    findings
}
