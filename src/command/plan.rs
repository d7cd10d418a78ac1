//! `jiancha plan`: what the working days to be kept need in terabytes, and whether the disks present hold it.

use std::fmt::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;

use chrono::NaiveDate;
use serde::Serialize;

use super::{ConfigArg, Outcome, complain, load_hall, print_json, print_text};
use crate::calendar::{KEEP_WORKING_DAYS, Source};
use crate::catalogue::{Catalogue, Store};
use crate::daemon::control::{Answer, Question, ask};
use crate::hall::{Hall, StorageRoot};
use crate::retention::capacity::measured::{self, CameraMeasured, measure};
use crate::retention::capacity::{self, Basis, CameraRate, Disk, Floor, Sizing};
use crate::time::{Clock, SystemClock};

/// Arguments of `jiancha plan`.
#[derive(clap::Args)]
#[command(
    after_help = "Footage of a day stays until the working days are complete (R7). Planned for is the longest that takes by the published \
notices, and by the conservative count where a notice is missing; 56 calendar days at the least.\n\
Rates are measured on the newest days recorded; before that they are those of [stamp] bitrate_kbps, and 4 Mbit/s is assumed where video \
is kept as it comes.\n\
Taken off the disks is what stays free on them: [retention] free_percent or free_gb, at least twice [[storage]] reserve_mb.\n\
Exit code 0: the disks present hold it; 1: they do not; 2: it could not be told.\n\
Example, before buying disks for cameras of 6 Mbit/s:\n  jiancha plan --config hall.toml --rate-kbps 6000"
)]
pub struct PlanArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// Working days (工作日) to keep.
    #[arg(long, value_name = "N", default_value_t = KEEP_WORKING_DAYS, value_parser = clap::value_parser!(u16).range(1..=2000))]
    days: u16,
    /// Bit rate of every camera, sound included, instead of the measured or configured one.
    #[arg(long, value_name = "KBIT/S", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    rate_kbps: Option<u32>,
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
}

/// Runs `jiancha plan`. Exit code 0 when the disks hold the floor, 1 when they do not, 2 when it cannot be told.
pub fn run(args: &PlanArgs) -> Outcome {
    let Some(hall) = load_hall(&args.config, crate::hall::load_without_secrets) else { return Outcome::Failed };
    plan(&hall, args).unwrap_or_else(|e| complain(&e))
}

#[derive(Serialize)]
struct PrintedCamera<'a> {
    camera: &'a str,
    kbps: u64,
    basis: Basis,
    bytes_per_day: u64,
    needed_bytes: u64,
}

#[derive(Serialize)]
struct Worst {
    recorded: NaiveDate,
    may_go_from: NaiveDate,
    certain: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    unpublished: Option<i32>,
}

#[derive(Serialize)]
struct Printed<'a> {
    needed_bytes: u64,
    floor_calendar_days: u64,
    fits: bool,
    working_days: u16,
    worst: Worst,
    /// Days it becomes if the missing notice does not come.
    without_notice_calendar_days: u64,
    bytes_per_second: u64,
    bytes_per_day: u64,
    room_bytes: u64,
    missing_bytes: u64,
    reserve_bytes: u64,
    cameras: Vec<PrintedCamera<'a>>,
    roots: &'a [Disk],
}

fn plan(hall: &Hall, args: &PlanArgs) -> Result<Outcome, String> {
    let (calendar, complaints) = Source::of(&hall.calendar).load_what_is_good().map_err(|e| e.to_string())?;
    super::calendar::tell(&complaints);
    let today = SystemClock::new().wall().beijing().date_naive();
    let floor = capacity::floor(&calendar, args.days, today);
    let measured = measured(hall)?;
    let rates: Vec<CameraRate> = hall.cameras.iter().map(|c| capacity::rate(hall, c, &measured, args.rate_kbps)).collect();
    let disks: Vec<Disk> = hall.storage.iter().map(|root| disk(hall, root)).collect::<Result<_, _>>()?;
    let held = measured.iter().fold(0, |sum: u64, m| sum.saturating_add(m.held_bytes()));
    let sizing = capacity::size(&rates, floor.calendar_days, &disks, held);
    if args.json {
        print_json(&printed(args, &floor, &rates, &disks, &sizing));
    } else {
        print_text(&table(args, &floor, &rates, &disks, &sizing));
    }
    Ok(if sizing.fits() { Outcome::Good } else { Outcome::Findings })
}

/// What the cameras wrote lately; nothing before the recorder's first run.
pub(super) fn measured(hall: &Hall) -> Result<Vec<CameraMeasured>, String> {
    let folder = &hall.recording.catalogue;
    let question = measured::Ask { days: measured::DAYS };
    match ask(folder, &Question::Rates(question))? {
        Some(Answer::Rates(measured)) => return Ok(measured),
        Some(Answer::Refused(reason)) => return Err(reason),
        Some(_) => return Err("the running recorder answered another question than the one asked".to_owned()),
        None => {}
    }
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let store = Store::open(folder).map_err(|e| e.to_string())?;
    let catalogue = Catalogue::open(Arc::new(store)).map_err(|e| e.to_string())?;
    measure(&catalogue, question).map_err(|e| e.to_string())
}

/// The disk a storage root lies on, or would be made on.
pub(super) fn disk(hall: &Hall, root: &StorageRoot) -> Result<Disk, String> {
    let path = root.path.as_path();
    let nearest = path.ancestors().find(|p| p.exists()).unwrap_or(Path::new("/"));
    let fail = |e: std::io::Error| format!("look at the disk of {}: {e}", nearest.display());
    let room = fs2::statvfs(nearest).map_err(fail)?;
    let device = std::fs::metadata(nearest).map_err(fail)?.dev();
    Ok(Disk {
        path: path.to_path_buf(),
        there: nearest == path,
        device,
        free: room.available_space(),
        total: room.total_space(),
        kept_free: capacity::kept_free(root, hall.retention.free_target, room.total_space()),
    })
}

/// Seconds of a day.
const DAY: u64 = 86_400;

fn printed<'a>(args: &PlanArgs, floor: &Floor, rates: &'a [CameraRate], disks: &'a [Disk], sizing: &Sizing) -> Printed<'a> {
    let camera = |rate: &'a CameraRate| {
        let bytes_per_day = rate.bytes_per_second.saturating_mul(DAY);
        PrintedCamera {
            camera: rate.camera.as_str(),
            kbps: rate.bytes_per_second.saturating_mul(8) / 1000,
            basis: rate.basis,
            bytes_per_day,
            needed_bytes: bytes_per_day.saturating_mul(floor.calendar_days),
        }
    };
    Printed {
        needed_bytes: sizing.needed_bytes,
        floor_calendar_days: floor.calendar_days,
        fits: sizing.fits(),
        working_days: args.days,
        worst: Worst {
            recorded: floor.recorded,
            may_go_from: floor.may_go_date,
            certain: floor.unpublished.is_none(),
            unpublished: floor.unpublished,
        },
        without_notice_calendar_days: floor.without_notice_days,
        bytes_per_second: sizing.bytes_per_second,
        bytes_per_day: sizing.bytes_per_second.saturating_mul(DAY),
        room_bytes: sizing.room_bytes,
        missing_bytes: sizing.missing_bytes,
        reserve_bytes: sizing.reserve_bytes,
        cameras: rates.iter().map(camera).collect(),
        roots: disks,
    }
}

fn basis(basis: Basis) -> &'static str {
    match basis {
        Basis::Measured => "实测 measured",
        Basis::Stamped => "按 [stamp] 码率 by bitrate_kbps",
        Basis::Assumed => "估计 4 Mbit/s，原样保存未实测 assumed, not measured yet",
        Basis::Given => "按 --rate-kbps given",
    }
}

/// Decimal units, as disks are sold.
fn bytes(bytes: u64) -> String {
    let tb = bytes as f64 / 1e12;
    if tb >= 1.0 { format!("{tb:.2} TB") } else { format!("{:.1} GB", bytes as f64 / 1e9) }
}

fn table(args: &PlanArgs, floor: &Floor, rates: &[CameraRate], disks: &[Disk], sizing: &Sizing) -> String {
    let mut text = String::new();
    let (days, working) = (floor.calendar_days, args.days);
    let _ = writeln!(text, "摄像机 camera      码率 kbit/s   每天 a day     {days} 天 days   依据 basis");
    for rate in rates {
        let a_day = rate.bytes_per_second.saturating_mul(DAY);
        let _ = writeln!(
            text,
            "{:<16}  {:>10}  {:>11}  {:>11}   {}",
            rate.camera.as_str(),
            rate.bytes_per_second.saturating_mul(8) / 1000,
            bytes(a_day),
            bytes(a_day.saturating_mul(days)),
            basis(rate.basis)
        );
    }
    for disk in disks {
        let there = if disk.there {
            ""
        } else {
            "（目录尚未建立，按其所在盘计 not there yet: the disk it would be made on）"
        };
        let _ = writeln!(
            text,
            "存储 root {}  可用 free {} / 共 {}{there}",
            disk.path.display(),
            bytes(disk.free),
            bytes(disk.total)
        );
    }
    let (recorded, may_go) = (floor.recorded, floor.may_go_date);
    let _ = writeln!(text, "保存 {working} 个工作日，按 {days} 个日历日备盘（最长：{recorded} 的录像到 {may_go} 才可清理）");
    let _ = writeln!(
        text,
        "{working} working days are planned as {days} calendar days (longest: footage of {recorded} may go from {may_go})"
    );
    if let Some(year) = floor.unpublished {
        let without = floor.without_notice_days;
        let _ = writeln!(text, "{year}年放假通知未收录，按最保守方式计算；若一直不收录，最长可达 {without} 天");
        let _ = writeln!(
            text,
            "no notice for {year}: the conservative count; if it never came, it would become up to {without} days"
        );
    }
    let (needed, room, reserve) = (bytes(sizing.needed_bytes), bytes(sizing.room_bytes), bytes(sizing.reserve_bytes));
    let _ = writeln!(text, "需要 {needed}，现有磁盘可存录像 {room}（已扣余量 {reserve}）");
    let _ = writeln!(text, "needed {needed}; the disks present hold {room} of footage (reserve of {reserve} taken off)");
    if sizing.fits() {
        let _ = writeln!(text, "现有磁盘够用\nthe disks present hold it");
    } else {
        let short = bytes(sizing.missing_bytes);
        let _ = writeln!(text, "现有磁盘不够，还缺 {short}：请加盘、降低码率或减少摄像机");
        let _ = writeln!(
            text,
            "the disks present do not hold it, {short} are missing: add disks, lower the bit rate or take fewer cameras"
        );
    }
    text
}
