//! `jiancha retention`: what may be deleted and why.

use std::collections::BTreeMap;
use std::io::{IsTerminal as _, Write};
use std::sync::Arc;

use chrono::NaiveDate;
use clap::Subcommand;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use super::{ConfigArg, Outcome, complain, load_hall};
use crate::calendar::Source;
use crate::catalogue::{Catalogue, Store};
use crate::daemon::control::{Answer, Question, ask};
use crate::daemon::keeper;
use crate::evidence::{NoteWriter, Signer};
use crate::hall::{CameraId, Hall, Words};
use crate::retention::office::{NextPage, PlanAsk, PlanPage};
use crate::retention::plan::{DayPlan, Detail, RootSpace};
use crate::retention::{Ask, Decision, Office, Reason, SweepReport, Sweeper, Told};
use crate::time::{Clock as _, SystemClock, WallTime};

/// Files removed between two looks at the progress bar.
const SWEEP_STEP: u64 = 500;

/// Arguments of `jiancha retention`.
#[derive(clap::Args)]
pub struct RetentionArgs {
    #[command(subcommand)]
    command: RetentionCommand,
}

#[derive(Subcommand)]
enum RetentionCommand {
    /// Show for every camera and day whether it stays or goes, and why. Deletes nothing.
    Plan(PlanArgs),
    /// Carry the plan out while no recorder runs (a running recorder does it by itself). Shows only, unless --yes is given.
    Sweep(SweepArgs),
}

/// Arguments of `jiancha retention plan`.
#[derive(clap::Args)]
#[command(
    after_help = "A day's footage may go when 30 later working days are complete (R7), its copy is proven where a backup is \
configured, and no hold lies on it. Then it goes when its disk needs space, or as hall.toml [retention] says.\n\
The recorder may run meanwhile. Exit code 0: told; 2: it could not be done.\n\
Examples:\n  jiancha retention plan\n  jiancha retention plan --camera C3 --all\n  \
jiancha retention plan --json | jq '.days[] | select(.decision == \"go\")'\n  \
jiancha retention plan --at 2026-12-24T00:00:00+08:00"
)]
pub struct PlanArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// Only this camera; the others count all the same.
    #[arg(long, value_name = "ID")]
    camera: Option<String>,
    /// Also list the days inside their floor one by one, with their sizes.
    #[arg(long)]
    all: bool,
    /// As it will be at this time, with the recorder running until then and the disks as full as now.
    #[arg(long, value_name = "TIME")]
    at: Option<WallTime>,
    /// Print JSON instead of a table, with a reason for every file.
    #[arg(long)]
    json: bool,
    /// With --json: leave the files out. Fast with millions of them.
    #[arg(long, requires = "json")]
    no_files: bool,
}

/// Arguments of `jiancha retention sweep`.
#[derive(clap::Args)]
#[command(
    after_help = "Stop the recorder first; while it runs it sweeps by itself. What is removed is noted in removed.json beside \
the day, and in the journal.\nExit code 0: done; 1: some day could not be removed; 2: it could not be done."
)]
pub struct SweepArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// Show what would be deleted: the default.
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
    /// Delete.
    #[arg(long)]
    yes: bool,
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
}

/// Runs the subcommand.
pub fn run(args: &RetentionArgs) -> Outcome {
    let done = match &args.command {
        RetentionCommand::Plan(args) => plan(args),
        RetentionCommand::Sweep(args) => sweep(args),
    };
    done.unwrap_or_else(|e| if e.is_empty() { Outcome::Failed } else { complain(&e) })
}

/// The office beside a running recorder, or our own.
pub(super) enum Desk<'a> {
    Recorder(&'a Hall),
    Own(Box<Office>),
}

impl<'a> Desk<'a> {
    /// The recorder's when one runs, else our own on the hall's catalogue. With `make` one that was lost is made anew where there
    /// are storage roots; never beside folders without an identity, which may be the mount points of disks that are not there.
    pub(super) fn of(hall: &'a Hall, make: bool) -> Result<Self, String> {
        let folder = &hall.recording.catalogue;
        if ask(folder, &Question::Cameras)?.is_some() {
            return Ok(Self::Recorder(hall));
        }
        let is_root = |root: &crate::hall::StorageRoot| {
            crate::segment::root::look_mounted(&root.path, root.mounted).is_ok_and(|(_, identity)| identity.is_some())
        };
        if !(folder.exists() || make && hall.storage.iter().any(is_root)) {
            return Err(format!("no catalogue at {}: the recorder has not run with this hall.toml yet", folder.display()));
        }
        Ok(Self::Own(Box::new(own_office(hall)?)))
    }

    pub(super) fn ask(&self, question: Ask) -> Result<Told, String> {
        match self {
            Self::Own(office) => office.answer(question, SystemClock::new().wall()).map_err(|e| e.to_string()),
            Self::Recorder(hall) => match ask(&hall.recording.catalogue, &Question::Retention(question))? {
                Some(Answer::Retention(told)) => Ok(told),
                Some(Answer::Refused(reason)) => Err(reason),
                Some(_) => Err("the running recorder answered another question than the one asked".to_owned()),
                None => Err("the recorder ended meanwhile; ask again".to_owned()),
            },
        }
    }

    fn page(&self, question: PlanAsk) -> Result<PlanPage, String> {
        match self.ask(Ask::Plan(question))? {
            Told::Plan(page) => Ok(page),
            _ => Err("the answer is not a plan".to_owned()),
        }
    }
}

fn own_office(hall: &Hall) -> Result<Office, String> {
    let store = Store::open(&hall.recording.catalogue).map_err(|e| e.to_string())?;
    let catalogue = Catalogue::open(Arc::new(store)).map_err(|e| e.to_string())?;
    let (calendar, complaints) = Source::of(&hall.calendar).load_what_is_good().map_err(|e| e.to_string())?;
    super::calendar::tell(&complaints);
    let proof = keeper::proof(hall, &catalogue).map_err(|e| e.to_string())?;
    Office::open(hall, catalogue, calendar, proof).map_err(|e| e.to_string())
}

/// Who writes the notes beside removed days while no recorder runs: the recorder's own key, which is there once it has run.
fn notes(hall: &Hall) -> Result<Arc<dyn NoteWriter>, String> {
    let signer = Signer::open(&hall.evidence.key).map_err(|e| format!("{e}; nothing is removed without a signed note"))?;
    Ok(Arc::new(signer))
}

#[derive(Serialize)]
struct PrintedDay<'a> {
    #[serde(flatten)]
    plan: &'a DayPlan,
    /// The reason in words.
    told: Words,
}

#[derive(Default, Serialize)]
struct RootSum {
    root: String,
    /// Free and wanted bytes, where the root is there.
    free_bytes: Option<u64>,
    free_target_bytes: Option<u64>,
    /// Bytes this plan deletes.
    go_bytes: u64,
    /// Camera-days this plan deletes.
    go_days: u64,
}

/// Adds up a plan while it is told.
#[derive(Default)]
struct Sums {
    roots: BTreeMap<String, RootSum>,
    /// Per camera: days inside their floor that were not listed, first and last date, and when the first may go.
    floors: BTreeMap<CameraId, (u64, NaiveDate, NaiveDate, WallTime)>,
}

impl Sums {
    fn roots(&mut self, spaces: &[RootSpace]) {
        for space in spaces {
            let sum = self.root(&space.root);
            (sum.free_bytes, sum.free_target_bytes) = (Some(space.free), Some(space.target));
        }
    }

    fn root(&mut self, root: &str) -> &mut RootSum {
        self.roots.entry(root.to_owned()).or_insert_with(|| RootSum { root: root.to_owned(), ..RootSum::default() })
    }

    fn day(&mut self, day: &DayPlan) {
        if let (Decision::Go, Some(root)) = (day.decision, &day.root) {
            let sum = self.root(root);
            sum.go_bytes += day.bytes.unwrap_or(0);
            sum.go_days += 1;
        }
    }

    fn floor(&mut self, day: &DayPlan) {
        let (days, _, last, _) = self.floors.entry(day.camera.clone()).or_insert((0, day.date, day.date, day.may_go_from));
        *days += 1;
        *last = day.date;
    }
}

fn plan(args: &PlanArgs) -> Result<Outcome, String> {
    let Some(hall) = load_hall(&args.config, crate::hall::load_without_secrets) else { return Err(String::new()) };
    let desk = Desk::of(&hall, false)?;
    let detail = match (args.json, args.no_files, args.all) {
        (true, false, _) => Detail::Files,
        (_, _, true) => Detail::Sizes,
        _ => Detail::Decisions,
    };
    let question = PlanAsk { camera: args.camera.as_deref().map(CameraId::new), at: args.at, detail, next: None };
    if let Some(camera) = &question.camera {
        known_camera(&hall, camera)?;
    }
    let mut out = std::io::stdout().lock();
    let told = if args.json { tell_json(&desk, &question, &mut out) } else { tell_table(&desk, &question, args.all, &mut out) };
    match told {
        Ok(()) => Ok(Outcome::Good),
        // Whoever read the answer has seen enough.
        Err(TellError::Write(e)) if e.kind() == std::io::ErrorKind::BrokenPipe => Ok(Outcome::Good),
        Err(TellError::Write(e)) => Err(format!("write the answer: {e}")),
        Err(TellError::Ask(e)) => Err(e),
    }
}

/// Cameras of hall.toml, and those that were there once and still have a folder on a storage root.
pub(super) fn known_camera(hall: &Hall, camera: &CameraId) -> Result<(), String> {
    let legal = camera.as_str().bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if hall.camera(camera).is_some() || legal && hall.storage.iter().any(|r| r.path.join(camera.as_str()).is_dir()) {
        return Ok(());
    }
    let known: Vec<&str> = hall.cameras.iter().map(|c| c.id.as_str()).collect();
    Err(format!("no camera {camera} in hall.toml and no recording of it (defined: {})", known.join(", ")))
}

enum TellError {
    Write(std::io::Error),
    Ask(String),
}

impl From<std::io::Error> for TellError {
    fn from(e: std::io::Error) -> Self {
        Self::Write(e)
    }
}

impl From<serde_json::Error> for TellError {
    fn from(e: serde_json::Error) -> Self {
        Self::Write(e.into())
    }
}

/// Goes through the pages of a plan.
fn pages(
    desk: &Desk<'_>,
    question: &PlanAsk,
    mut page: impl FnMut(PlanPage) -> Result<(), TellError>,
) -> Result<(), TellError> {
    let mut next: Option<NextPage> = None;
    loop {
        let told = desk.page(PlanAsk { next, ..question.clone() }).map_err(TellError::Ask)?;
        next = told.next.clone();
        page(told)?;
        if next.is_none() {
            return Ok(());
        }
    }
}

/// Writes the plan as it comes: a plan of millions of files is never held whole.
fn tell_json(desk: &Desk<'_>, question: &PlanAsk, out: &mut impl Write) -> Result<(), TellError> {
    let mut sums = Sums::default();
    let (mut begun, mut told) = (false, 0u64);
    pages(desk, question, |page| {
        if !begun {
            begun = true;
            sums.roots(&page.roots);
            write!(out, "{{\"now\":{},\"days\":[", serde_json::to_string(&page.now)?)?;
        }
        for day in &page.days {
            sums.day(day);
            write!(out, "{}", if told == 0 { "\n" } else { ",\n" })?;
            told += 1;
            serde_json::to_writer(&mut *out, &PrintedDay { plan: day, told: day.reason.told() })?;
        }
        Ok(())
    })?;
    let roots: Vec<&RootSum> = sums.roots.values().collect();
    let bytes: u64 = roots.iter().map(|r| r.go_bytes).sum();
    writeln!(out, "\n],\"roots\":{},\"go_bytes\":{bytes}}}", serde_json::to_string(&roots)?)?;
    Ok(())
}

fn tell_table(desk: &Desk<'_>, question: &PlanAsk, all: bool, out: &mut impl Write) -> Result<(), TellError> {
    let mut sums = Sums::default();
    let mut first = true;
    pages(desk, question, |page| {
        if first {
            sums.roots(&page.roots);
            writeln!(out, "{}  清理计划 retention plan", page.now.beijing().format("%Y-%m-%d %H:%M:%S"))?;
            first = false;
        }
        for day in &page.days {
            sums.day(day);
            if !all && matches!(day.reason, Reason::InsideFloor { .. }) {
                sums.floor(day);
                continue;
            }
            let told = day.reason.told();
            writeln!(
                out,
                "{:<10} {}  {:>10}  {} {}  {}  {}（{}）{}",
                day.camera.as_str(),
                day.date,
                day.bytes.map_or("-".to_owned(), amount),
                day.may_go_from.beijing().format("%Y-%m-%d"),
                if day.certain { " " } else { "≤" },
                match day.decision {
                    Decision::Keep => "保留 keep",
                    Decision::Go => "删除 go  ",
                },
                told.zh,
                told.en,
                day.root.as_deref().map_or(String::new(), |root| format!("  {root}")),
            )?;
        }
        Ok(())
    })?;
    for (camera, (days, from, to, may_go)) in &sums.floors {
        writeln!(
            out,
            "{:<10} {from} … {to}：{days} 天在期限内，最早 {} 起可删除 ({days} days inside their floor; --all lists them)",
            camera.as_str(),
            may_go.beijing().format("%Y-%m-%d"),
        )?;
    }
    for sum in sums.roots.values() {
        let disk = match (sum.free_bytes, sum.free_target_bytes) {
            (Some(free), Some(target)) => format!("剩余 free {}，应有 wanted {}", amount(free), amount(target)),
            _ => "不在 not there".to_owned(),
        };
        writeln!(
            out,
            "{}：删除 {} 个摄像机日 {}，{disk} ({} camera-days go)",
            sum.root,
            sum.go_days,
            amount(sum.go_bytes),
            sum.go_days
        )?;
    }
    Ok(())
}

/// Bytes for people.
#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn amount(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.2} GB", bytes as f64 / 1e9),
    }
}

fn sweep(args: &SweepArgs) -> Result<Outcome, String> {
    let Some(hall) = load_hall(&args.config, crate::hall::load_without_secrets) else { return Err(String::new()) };
    let Desk::Own(office) = Desk::of(&hall, false)? else {
        return Err("the recorder is running and sweeps by itself; `jiancha retention plan` shows what goes".to_owned());
    };
    let mut out = std::io::stdout().lock();
    if !args.yes {
        let question = PlanAsk::default();
        let desk = Desk::Own(office);
        let told =
            if args.json { tell_json(&desk, &question, &mut out) } else { tell_table(&desk, &question, false, &mut out) };
        return match told {
            Err(TellError::Ask(e)) => Err(e),
            _ => {
                remark!("什么也没有删除；要删除请加 --yes (nothing was deleted; --yes deletes)");
                Ok(Outcome::Good)
            }
        };
    }
    let report = sweep_all(&hall, *office)?;
    let told = if args.json {
        serde_json::to_string_pretty(&report).map(|text| writeln!(out, "{text}"))
    } else {
        Ok(tell_report(&report, &mut out))
    };
    match told {
        Ok(Err(e)) if e.kind() != std::io::ErrorKind::BrokenPipe => return Err(format!("write the answer: {e}")),
        Err(e) => return Err(e.to_string()),
        _ => {}
    }
    let trouble = report.days.iter().any(|d| d.trouble.is_some());
    Ok(if trouble { Outcome::Findings } else { Outcome::Good })
}

fn sweep_all(hall: &Hall, office: Office) -> Result<SweepReport, String> {
    let sweeper = Sweeper::new(Arc::new(office), notes(hall)?);
    let clock = SystemClock::new();
    let bar = if std::io::stderr().is_terminal() { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
    if let Ok(style) = ProgressStyle::with_template("{spinner} 删除 sweep {pos} 个文件 files  {msg}") {
        bar.set_style(style);
    }
    let mut whole = SweepReport::default();
    loop {
        let report = sweeper.sweep(clock.wall(), clock.monotonic(), SWEEP_STEP).map_err(|e| e.to_string())?;
        let stuck = report.files == 0;
        whole.files += report.files;
        whole.bytes += report.bytes;
        whole.days.retain(|d| !report.days.iter().any(|n| (&n.camera, n.date, &n.root) == (&d.camera, d.date, &d.root)));
        whole.days.extend(report.days);
        bar.set_position(whole.files);
        bar.set_message(amount(whole.bytes));
        if !report.more || stuck {
            bar.finish_and_clear();
            return Ok(whole);
        }
    }
}

fn tell_report(report: &SweepReport, out: &mut impl Write) -> std::io::Result<()> {
    for day in &report.days {
        let trouble = day.trouble.as_deref().map_or("已删除 removed".to_owned(), |t| format!("未删完 NOT REMOVED: {t}"));
        writeln!(out, "{:<10} {}  {}  {trouble}", day.camera.as_str(), day.date, day.root)?;
    }
    writeln!(out, "{} 个文件 files，{}", report.files, amount(report.bytes))
}
