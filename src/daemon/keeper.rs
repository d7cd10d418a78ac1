//! What the recorder does beside recording, on threads of its own: reads the calendar again, sums up past days, sweeps, copies and
//! looks ahead. None of it can hold up a camera; what goes wrong becomes an alarm.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use chrono::NaiveDate;

use super::start::StartError;
use crate::backup::copier::{Copier, Running};
use crate::backup::records::Copies;
use crate::backup::target::Stop;
use crate::calendar::{Calendar, Reloading, Source};
use crate::catalogue::{Catalogue, StoreError};
use crate::evidence::due::write_due;
use crate::evidence::{NoteWriter, Signer};
use crate::hall::{CameraId, Hall};
use crate::observe::alarms::{Board, Severity};
use crate::observe::state::Bilingual;
use crate::observe::words::Told;
use crate::retention::capacity::forecast::{self, RootForecast};
use crate::retention::hold::ActiveHolds;
use crate::retention::plan::day_span;
use crate::retention::{NoBackup, Office, Proof, Sweeper};
use crate::segment::roots::Roots;
use crate::time::{Clock, WallTime};

/// How often the keeper looks whether anything is due.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How often what may go is looked for; also how often it is noted that the recorder is there.
const SWEEP_EVERY: Duration = Duration::from_secs(300);
/// How often the disks' future is reckoned anew, and when first: the rates are measured by then.
const FORECAST_EVERY: Duration = Duration::from_secs(600);
const FIRST_FORECAST: Duration = Duration::from_secs(20);
/// How often past days are summed up.
const MANIFESTS_EVERY: Duration = Duration::from_secs(3600);
/// Files removed in one go, so that a sweep never keeps a disk busy for long.
const MOST_FILES: u64 = 2000;
/// The backup is not waited for longer than this at the end.
const PATIENCE_AT_END: Duration = Duration::from_secs(5);

/// Names of the backup's alarms, the worst first.
const BACKUP_CODES: [&str; 4] = ["backup", "backup-2", "backup-3", "backup-4"];

/// What the keeper found, for those who show it.
#[derive(Default)]
struct Findings {
    /// What lies ahead of each root, by path.
    ahead: HashMap<PathBuf, RootForecast>,
    /// What could not be done, by code.
    troubles: BTreeMap<&'static str, Told>,
    calendar: Option<Arc<Calendar>>,
}

/// The keeper at work.
pub struct Keeper {
    office: Arc<Office>,
    backup: Mutex<Option<Running>>,
    findings: Arc<Mutex<Findings>>,
    alarm_days: u32,
    stop: Arc<(Mutex<bool>, Condvar)>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What the keeper needs.
pub struct Tools {
    /// The hall.
    pub hall: Arc<Hall>,
    /// The catalogue.
    pub catalogue: Catalogue,
    /// The storage roots.
    pub roots: Arc<Roots>,
    /// The signing key; `None` while the root it lies on is away.
    pub signer: Option<Arc<Signer>>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn told(zh: String, en: String, remedy_zh: &str, remedy_en: &str) -> Told {
    Told { what: Bilingual { zh, en }, remedy: Bilingual { zh: remedy_zh.into(), en: remedy_en.into() } }
}

/// Who proves copies: the backup where one is configured, nobody where none is.
///
/// # Errors
/// [`StoreError`] when the tables cannot be opened.
pub fn proof(hall: &Hall, catalogue: &Catalogue) -> Result<Arc<dyn Proof>, StoreError> {
    Ok(match hall.backup {
        Some(_) => Arc::new(Copies::open(catalogue)?),
        None => Arc::new(NoBackup),
    })
}

impl Keeper {
    /// Opens what the keeper works with and starts it.
    ///
    /// # Errors
    /// [`StartError`] when calendar, tables, backup or threads cannot be had.
    pub fn start(tools: Tools) -> Result<Self, StartError> {
        let keeper = |e: &dyn std::fmt::Display| StartError::Keeper(e.to_string());
        let (reloading, complaints) = Reloading::open(Source::of(&tools.hall.calendar)).map_err(|e| keeper(&e))?;
        for complaint in complaints {
            tracing::error!("工作日历文件有误，该年按未公布处理。{complaint}");
        }
        let proof = proof(&tools.hall, &tools.catalogue)?;
        let calendar = (*reloading.current()).clone();
        let office =
            Office::open(&tools.hall, tools.catalogue.clone(), calendar, proof).map(Arc::new).map_err(|e| keeper(&e))?;
        let backup = start_backup(&tools, &office)?;
        let findings = Arc::new(Mutex::new(Findings { calendar: Some(reloading.current()), ..Findings::default() }));
        let stop = Arc::new((Mutex::new(false), Condvar::new()));
        let alarm_days = tools.hall.retention.alarm_days;
        let worker = Worker { tools, office: office.clone(), reloading, findings: findings.clone(), past: HashMap::new() };
        let stopping = stop.clone();
        let thread = std::thread::Builder::new()
            .name("keeper".to_owned())
            .spawn(move || worker.work(&stopping))
            .map_err(|e| keeper(&e))?;
        Ok(Self { office, backup: Mutex::new(backup), findings, alarm_days, stop, thread: Mutex::new(Some(thread)) })
    }

    /// Plans and holds, for commands.
    pub fn office(&self) -> &Arc<Office> {
        &self.office
    }

    /// The day on which the root at `path` is full although everything that may go has gone.
    pub fn full_on(&self, path: &std::path::Path) -> Option<NaiveDate> {
        lock(&self.findings).ahead.get(path).and_then(|f| f.reaches_floor)
    }

    /// Puts what a person must act on onto `board`.
    pub fn alarms(&self, board: &mut Board, now: WallTime) {
        let today = now.beijing().date_naive();
        let findings = lock(&self.findings);
        for (path, forecast) in &findings.ahead {
            let Some(left) = forecast.days_left(today).filter(|left| *left <= i64::from(self.alarm_days)) else { continue };
            let words = forecast.words();
            let severity = if left <= 2 { Severity::Critical } else { Severity::Warning };
            let remedy = told(
                format!("{}。", words.zh),
                format!("{}.", words.en),
                "请在此之前增加磁盘；jiancha plan 可算出还缺多少。期限内的录像不会被删除，届时非窗口摄像机先停止录像。",
                "Add a disk before that day; `jiancha plan` tells how much is missing. Footage inside the floor is never deleted: cameras that look at no window stop first.",
            );
            board.raise("storage-forecast", path.display().to_string(), severity, now, remedy);
        }
        if let Some(missing) = findings.calendar.as_ref().and_then(|c| c.missing_notice_alarm(today)) {
            let remedy = told(
                missing.zh,
                missing.en,
                "通知公布后，把该年的日历文件放入 [calendar] overrides 目录即可，无需重启。",
                "Once the notice is out, put the year's file into the [calendar] overrides folder; no restart is needed.",
            );
            board.raise("calendar-notice", "", Severity::Warning, now, remedy);
        }
        for (code, told) in &findings.troubles {
            board.raise(code, "", Severity::Warning, now, told.clone());
        }
        drop(findings);
        let backup = lock(&self.backup).as_ref().map(|backup| backup.state().alarms(now));
        // At most four stand at once: each kind of backup trouble is told once.
        for (code, alarm) in BACKUP_CODES.into_iter().zip(backup.into_iter().flatten()) {
            let mut told = Told { what: alarm.what, remedy: alarm.remedy };
            told.what.zh.push_str(&format!("（{}）", alarm.detail));
            told.what.en.push_str(&format!(" ({})", alarm.detail));
            board.raise(code, "", Severity::Warning, now, told);
        }
    }

    /// Ends the keeper; what is in hand is finished, or redone at the next start.
    pub fn stop(&self) {
        *lock(&self.stop.0) = true;
        self.stop.1.notify_all();
        let backup = lock(&self.backup).take();
        if let Some(backup) = backup
            && !backup.stop(PATIENCE_AT_END)
        {
            tracing::warn!("the backup target does not answer; the copy in hand is made anew after the next start");
        }
        let thread = lock(&self.thread).take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

fn start_backup(tools: &Tools, office: &Arc<Office>) -> Result<Option<Running>, StartError> {
    if tools.hall.backup.is_none() {
        return Ok(None);
    }
    let fail = |e: &dyn std::fmt::Display| StartError::Keeper(format!("backup: {e}"));
    let holds = office.clone();
    let held = move |camera: &CameraId, date: NaiveDate| {
        // In doubt everything is held.
        holds.holds().doubt().is_some() || !ActiveHolds::of(holds.holds().list()).keeping(camera, day_span(date)).is_empty()
    };
    let copier = Copier::new(&tools.hall, tools.catalogue.clone(), tools.clock.clone(), Stop::default())
        .map_err(|e| fail(&e))?
        .with_holds(Box::new(held));
    copier.spawn().map(Some).map_err(|e| fail(&e))
}

/// Nothing is removed without a signed note.
struct NoNotes;

impl NoteWriter for NoNotes {
    fn write(&self, _: &std::path::Path, _: &str, _: &[u8]) -> std::io::Result<()> {
        Err(std::io::Error::other("the signing key is away: bring back the storage root it lies on and restart the recorder"))
    }
}

/// When something is done next, by the monotonic clock.
struct Due {
    next: Duration,
    every: Duration,
}

impl Due {
    fn new(first: Duration, every: Duration) -> Self {
        Self { next: first, every }
    }

    fn take(&mut self, now: Duration) -> bool {
        let due = now >= self.next;
        if due {
            self.next = now + self.every;
        }
        due
    }
}

struct Worker {
    tools: Tools,
    office: Arc<Office>,
    reloading: Reloading,
    findings: Arc<Mutex<Findings>>,
    /// Bytes of past camera-days by root: they do not change but by being removed.
    past: HashMap<(CameraId, NaiveDate), BTreeMap<String, u64>>,
}

impl Worker {
    fn work(mut self, stop: &(Mutex<bool>, Condvar)) {
        let notes: Arc<dyn NoteWriter> = match &self.tools.signer {
            Some(signer) => signer.clone(),
            None => Arc::new(NoNotes),
        };
        let sweeper = Sweeper::new(self.office.clone(), notes);
        let start = self.tools.clock.monotonic();
        let mut sweep = Due::new(start, SWEEP_EVERY);
        let mut manifests = Due::new(start, MANIFESTS_EVERY);
        let mut forecast = Due::new(start + FIRST_FORECAST, FORECAST_EVERY);
        loop {
            self.calendar();
            let now = self.tools.clock.monotonic();
            let sweeps = sweep.take(now);
            // What is removed has been summed up before.
            if manifests.take(now) || sweeps {
                self.manifests();
            }
            if sweeps && self.sweep(&sweeper) {
                sweep.next = now;
            }
            if forecast.take(now) {
                self.forecast();
            }
            let stopped = lock(&stop.0);
            let (stopped, _) =
                stop.1.wait_timeout_while(stopped, LOOK_EVERY, |stopped| !*stopped).unwrap_or_else(PoisonError::into_inner);
            if *stopped {
                return;
            }
        }
    }

    fn trouble(&self, code: &'static str, trouble: Option<Told>) {
        let mut findings = lock(&self.findings);
        match trouble {
            Some(told) => findings.troubles.insert(code, told),
            None => findings.troubles.remove(code),
        };
    }

    fn calendar(&mut self) {
        if let Some(change) = self.reloading.poll() {
            tracing::warn!("{} | {}", change.zh(), change.en());
            self.office.set_calendar((*self.reloading.current()).clone());
            lock(&self.findings).calendar = Some(self.reloading.current());
        }
        let complaint = self.reloading.complaint().map(|e| {
            told(
                format!("本地工作日历文件有误，仍按原日历执行：{e}"),
                format!("A calendar file of the site cannot be used; the calendar stays as it was: {e}"),
                "请改正该文件；写法见 config/calendar/README.md，可用 jiancha calendar check 检查。",
                "Mend the file; config/calendar/README.md tells the form, `jiancha calendar check` tries it.",
            )
        });
        self.trouble("calendar-file", complaint);
    }

    fn manifests(&self) {
        let Some(signer) = &self.tools.signer else {
            self.trouble(
                "signing-key",
                Some(told(
                    "签名私钥所在的存储目录不可用，每日清单暂停签名。".into(),
                    "The storage root with the signing key is away: daily manifests wait.".into(),
                    "请恢复该存储目录并重启录像服务；密钥位置可用 [evidence] key 指定。",
                    "Bring the root back and restart the recorder; [evidence] key can name another place.",
                )),
            );
            return;
        };
        let report = write_due(&self.tools.catalogue, signer, &self.tools.hall, self.tools.clock.wall());
        let failed = match report {
            Ok(report) => {
                for written in &report.written {
                    tracing::info!(manifest = %written.display(), "a past day was summed up and signed");
                }
                report.failed.into_iter().next()
            }
            Err(e) => Some(e.to_string()),
        };
        if let Some(reason) = &failed {
            tracing::error!("每日清单未能写出。{reason}");
        }
        let trouble = failed.map(|reason| {
            told(
                format!("每日签名清单未能写出：{reason}"),
                format!("A signed daily manifest could not be written: {reason}"),
                "请检查该存储目录；系统每小时重试。",
                "Look after that storage root; it is tried again every hour.",
            )
        });
        self.trouble("manifest", trouble);
    }

    /// Removes what may go; true when there is more.
    fn sweep(&mut self, sweeper: &Sweeper) -> bool {
        let clock = &self.tools.clock;
        let report = match sweeper.sweep(clock.wall(), clock.monotonic(), MOST_FILES) {
            Ok(report) => report,
            Err(e) => {
                tracing::error!("到期清理失败。{e}");
                self.sweep_trouble(Some(e.to_string()));
                return false;
            }
        };
        let mut trouble = None;
        for day in &report.days {
            self.past.remove(&(day.camera.clone(), day.date));
            let (camera, date, root) = (&day.camera, day.date, &day.root);
            match &day.trouble {
                None => {
                    tracing::info!(%camera, %date, root, files = day.files, bytes = day.bytes, "到期录像已删除。footage that may go was removed")
                }
                Some(reason) => {
                    tracing::error!(%camera, %date, root, "到期清理遇到问题。{reason}");
                    trouble.get_or_insert_with(|| format!("{camera} {date}: {reason}"));
                }
            }
        }
        self.sweep_trouble(trouble);
        if report.files > 0
            && self.tools.hall.backup.is_some()
            && let Ok(copies) = Copies::open(&self.tools.catalogue)
            && let Err(e) = copies.wake()
        {
            tracing::warn!("{e}");
        }
        report.more
    }

    fn sweep_trouble(&self, reason: Option<String>) {
        let trouble = reason.map(|reason| {
            told(
                format!("到期录像的清理遇到问题：{reason}"),
                format!("Footage that may go could not be removed: {reason}"),
                "请检查存储目录的权限和磁盘；系统每五分钟重试，录像不受影响。",
                "Look after the root's rights and disk; it is tried again every five minutes. Recording is not touched.",
            )
        });
        self.trouble("sweep", trouble);
    }

    /// Reckons when each root is full although everything that may go has gone.
    fn forecast(&mut self) {
        let today = self.tools.clock.wall().beijing().date_naive();
        let by_root = match self.bytes_by_root(today) {
            Ok(bytes) => bytes,
            Err(e) => {
                tracing::error!("reckon the disks' future: {e}");
                return;
            }
        };
        let calendar = self.reloading.current();
        let days = self.tools.hall.retention.working_days;
        let states = self.tools.roots.states();
        let roots: Vec<forecast::RootState> = states
            .iter()
            .map(|state| {
                let name = state.path.display().to_string();
                let recorded = by_root.get(&name).into_iter().flatten().map(|(day, bytes)| (*day, *bytes));
                forecast::RootState {
                    total: state.health.room.total_bytes,
                    free: state.health.room.free_bytes,
                    reserve: state.reserve_bytes,
                    bytes_per_second: state.rate,
                    deletable: forecast::deletable(recorded, &calendar, days),
                    name,
                }
            })
            .collect();
        let ahead = forecast::forecast(&roots, &calendar, days, today);
        let ahead = states.into_iter().map(|s| s.path).zip(ahead).collect();
        lock(&self.findings).ahead = ahead;
    }

    /// Bytes of footage by root and day of recording, without what a hold keeps.
    fn bytes_by_root(&mut self, today: NaiveDate) -> Result<BTreeMap<String, BTreeMap<NaiveDate, u64>>, StoreError> {
        let catalogue = &self.tools.catalogue;
        let holds = ActiveHolds::of(self.office.holds().list());
        let mut by_root: BTreeMap<String, BTreeMap<NaiveDate, u64>> = BTreeMap::new();
        for camera in catalogue.cameras()? {
            for recorded in catalogue.dates(&camera)? {
                let date = recorded.date;
                if !holds.keeping(&camera, day_span(date)).is_empty() {
                    continue;
                }
                let key = (camera.clone(), date);
                let roots = match self.past.get(&key) {
                    Some(roots) => roots.clone(),
                    None => {
                        let mut roots: BTreeMap<String, u64> = BTreeMap::new();
                        for row in catalogue.day(&camera, date)?.rows {
                            *roots.entry(row.root).or_default() += row.bytes;
                        }
                        if date < today {
                            self.past.insert(key, roots.clone());
                        }
                        roots
                    }
                };
                for (root, bytes) in roots {
                    *by_root.entry(root).or_default().entry(date).or_default() += bytes;
                }
            }
        }
        Ok(by_root)
    }
}
