//! What Linux tells of processes and of the machine: CPU time, memory, writes, wake-ups. Sums over groups of processes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::{Duration, Instant};

/// What a group of processes has used and done since each began.
#[derive(Clone, Debug)]
pub struct Counters {
    /// When this was read.
    at: Instant,
    /// User and system time.
    cpu: Duration,
    /// Bytes handed on to the storage layer.
    stored_bytes: u64,
    /// Calls of write(2) and its kin, on files, sockets and event counters alike.
    write_calls: u64,
    /// Times a thread went to sleep to wait for something, by process and thread.
    waits: BTreeMap<(u32, u32), u64>,
    /// The machine as a whole.
    machine: Machine,
}

/// Ticks of all processors since boot.
#[derive(Clone, Copy, Debug)]
struct Machine {
    all: u64,
    idle: u64,
}

/// What happened between two readings.
#[derive(Clone, Copy, Debug)]
pub struct Used {
    /// Length of the window.
    pub wall: Duration,
    /// User and system time of the group.
    pub cpu: Duration,
    /// Bytes handed on to the storage layer.
    pub stored_bytes: u64,
    /// Write calls.
    pub write_calls: u64,
    /// Times a thread was woken.
    pub wakeups: u64,
    /// Share of the machine that was idle, 0 to 1.
    pub idle: f64,
}

/// Memory and threads of a group of processes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Memory {
    /// Proportional set size in KiB: shared pages count by their share.
    pub pss_kib: u64,
    /// Resident set size in KiB.
    pub rss_kib: u64,
    /// Anonymous memory (heap, stacks) in KiB.
    pub anonymous_kib: u64,
    /// Threads.
    pub threads: u64,
}

impl Counters {
    /// Reads the counters of `roots` and of everything they have started.
    ///
    /// # Errors
    /// A sentence naming what could not be read: usually a process that has ended.
    pub fn read(roots: &[u32]) -> Result<Self, String> {
        let mut counters = Self {
            at: Instant::now(),
            cpu: Duration::ZERO,
            stored_bytes: 0,
            write_calls: 0,
            waits: BTreeMap::new(),
            machine: machine(&read("/proc/stat")?)?,
        };
        for pid in tree(roots)? {
            counters.cpu += cpu_time(pid)?;
            let io = read(&format!("/proc/{pid}/io"))?;
            counters.stored_bytes += field(&io, "write_bytes:").unwrap_or(0);
            counters.write_calls += field(&io, "syscw:").unwrap_or(0);
            for thread in numbers_in(&format!("/proc/{pid}/task"))? {
                // A thread may end while we look.
                if let Ok(status) = read(&format!("/proc/{pid}/task/{thread}/status")) {
                    counters.waits.insert((pid, thread), field(&status, "voluntary_ctxt_switches:").unwrap_or(0));
                }
            }
        }
        Ok(counters)
    }

    /// What happened from `earlier` to this reading.
    pub fn since(&self, earlier: &Counters) -> Used {
        let before = |thread| earlier.waits.get(thread).copied().unwrap_or(0);
        let all = self.machine.all.saturating_sub(earlier.machine.all).max(1);
        let idle = self.machine.idle.saturating_sub(earlier.machine.idle);
        Used {
            wall: self.at - earlier.at,
            cpu: self.cpu.saturating_sub(earlier.cpu),
            stored_bytes: self.stored_bytes.saturating_sub(earlier.stored_bytes),
            write_calls: self.write_calls.saturating_sub(earlier.write_calls),
            wakeups: self.waits.iter().map(|(thread, n)| n.saturating_sub(before(thread))).sum(),
            idle: idle as f64 / all as f64,
        }
    }
}

impl Memory {
    /// Reads the memory of `roots` and of everything they have started.
    ///
    /// # Errors
    /// A sentence naming what could not be read.
    pub fn read(roots: &[u32]) -> Result<Self, String> {
        let mut memory = Self::default();
        for pid in tree(roots)? {
            let rollup = read(&format!("/proc/{pid}/smaps_rollup"))?;
            let kib = |name: &str| field(&rollup, name).ok_or_else(|| format!("/proc/{pid}/smaps_rollup has no {name}"));
            memory.pss_kib += kib("Pss:")?;
            memory.rss_kib += kib("Rss:")?;
            memory.anonymous_kib += kib("Anonymous:")?;
            memory.threads += field(&read(&format!("/proc/{pid}/status"))?, "Threads:").unwrap_or(0);
        }
        Ok(memory)
    }
}

/// True once the kernel has stopped every thread of a process.
pub fn is_stopped(pid: u32) -> bool {
    let threads = numbers_in(&format!("/proc/{pid}/task")).unwrap_or_default();
    let stopped = |thread: &u32| {
        let stat = read(&format!("/proc/{pid}/task/{thread}/stat")).unwrap_or_default();
        after_name(&stat).starts_with('T')
    };
    threads.iter().all(stopped)
}

/// Kernel, processor and their number, for the head of the report.
pub fn machine_name() -> String {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let processors = processors();
    format!("{processors} × {}, Linux {}", model.map_or("unknown processor", |(_, name)| name.trim()), release.trim())
}

/// Processors of the machine.
pub fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// `roots` and everything below them.
fn tree(roots: &[u32]) -> Result<BTreeSet<u32>, String> {
    let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for pid in numbers_in("/proc")? {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        if let Some(parent) = after_name(&stat).split_whitespace().nth(1).and_then(|n| n.parse().ok()) {
            children.entry(parent).or_default().push(pid);
        }
    }
    let mut found = BTreeSet::new();
    let mut waiting = roots.to_vec();
    while let Some(pid) = waiting.pop() {
        if found.insert(pid) {
            waiting.extend(children.get(&pid).into_iter().flatten());
        }
    }
    Ok(found)
}

/// User and system time of all threads of a process, those that have ended included.
#[expect(
    unsafe_code,
    reason = "no crate here reads the CPU clock of another process, and /proc counts it in steps of 10 ms only"
)]
fn cpu_time(pid: u32) -> Result<Duration, String> {
    let fail = |e: std::io::Error| format!("CPU clock of process {pid}: {e}");
    let mut clock: libc::clockid_t = 0;
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: both calls only write to the variable they are given, which outlives the call.
    let result = unsafe { libc::clock_getcpuclockid(pid.cast_signed(), &raw mut clock) };
    if result != 0 {
        return Err(fail(std::io::Error::from_raw_os_error(result)));
    }
    // SAFETY: as above.
    if unsafe { libc::clock_gettime(clock, &raw mut time) } != 0 {
        return Err(fail(std::io::Error::last_os_error()));
    }
    Ok(Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0)))
}

fn read(path: &str) -> Result<String, String> {
    fs::read_to_string(path).map_err(|e| format!("read {path}: {e}"))
}

fn numbers_in(folder: &str) -> Result<Vec<u32>, String> {
    let entries = fs::read_dir(folder).map_err(|e| format!("list {folder}: {e}"))?;
    Ok(entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect())
}

/// The number behind `name` at the start of a line.
fn field(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().next()?.parse().ok()
}

/// `/proc/PID/stat` behind the program's name, which may hold spaces and brackets.
fn after_name(stat: &str) -> &str {
    stat.rsplit_once(") ").map_or("", |(_, rest)| rest)
}

/// The first line of `/proc/stat`: user, nice, system, idle, iowait, irq, softirq, steal.
fn machine(stat: &str) -> Result<Machine, String> {
    let line = stat.lines().next().and_then(|line| line.strip_prefix("cpu ")).ok_or("/proc/stat does not begin with `cpu `")?;
    let ticks: Vec<u64> = line.split_whitespace().take(8).filter_map(|n| n.parse().ok()).collect();
    let [_, _, _, idle, waiting, ..] = ticks.as_slice() else { return Err("/proc/stat is too short".into()) };
    Ok(Machine { all: ticks.iter().sum(), idle: idle + waiting })
}
