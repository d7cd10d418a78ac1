//! One window: cameras and one recorder are started, settle, are measured for a while, and are taken down again.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;

use crate::media::Camera;
use crate::proc::{Counters, Memory, processors};
use crate::recorders::{self, Recorder, Task};
use crate::rig::{self, Cameras, Process};

/// Longest wait until every camera is being recorded.
const START_LIMIT: Duration = Duration::from_secs(60);
/// A camera counts as being recorded from this size of its recording on.
const STARTED_BYTES: u64 = 64 * 1024;

/// Tries to find a moment without a write.
const MOST_READINGS: u32 = 50;

/// What is recorded, by how many cameras, and for how long it is watched.
#[derive(Clone, Copy)]
pub struct Case {
    /// What is done to the pictures.
    pub task: Task,
    /// The camera, recorded several times.
    pub camera: &'static Camera,
    /// How many times.
    pub streams: usize,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {} × {} at {} kbit/s", self.task, self.streams, self.camera.what, self.camera.kbps)
    }
}

/// Where and how long.
pub struct Setting {
    /// Length of a window.
    pub window: Duration,
    /// Time between the first recorded bytes of the last camera and the window.
    pub settle: Duration,
    /// Clips of the bench.
    pub media: PathBuf,
    /// Made anew for every window.
    pub folder: PathBuf,
}

/// What one window showed.
#[derive(Clone, Debug, Serialize)]
pub struct Window {
    /// User and system time per stream and second, in milliseconds.
    pub cpu_ms: f64,
    /// Proportional set size in MiB, read while no camera process shares pages with the recorder.
    pub pss_mib: f64,
    /// Resident set size in MiB.
    pub rss_mib: f64,
    /// Anonymous memory in MiB.
    pub anonymous_mib: f64,
    /// Processes.
    pub processes: usize,
    /// Threads of all processes.
    pub threads: u64,
    /// Times a thread was woken, per stream and second.
    pub wakeups: f64,
    /// Write calls of every kind, per stream and second.
    pub write_calls: f64,
    /// Bytes handed to the storage layer for each byte of coded picture and sound, index and catalogue included.
    pub written_per_media_byte: f64,
    /// Pictures per second in a recording.
    pub pictures: f64,
    /// Bit rate of the recordings, per camera in kbit/s.
    pub recorded_kbps: f64,
    /// Growth of the recording that grew least, as a share of the mean: 1 when all were recorded alike.
    pub least_share: f64,
    /// Share of the machine that was idle.
    pub idle: f64,
    /// Share of the machine that neither the recorder nor the cameras used.
    pub others: f64,
    /// Warnings and errors in the recorder's log.
    pub complaints: Vec<String>,
}

/// Runs one window.
///
/// # Errors
/// What could not be started, or broke.
pub fn window(setting: &Setting, case: Case, recorder: Recorder) -> Result<Window, String> {
    let folder = &setting.folder;
    rig::empty_folder(folder)?;
    let mut cameras = Cameras::start(case.camera.id, case.streams, &setting.media, folder)?;
    let mut running = recorder.start(case.task, case.camera, &cameras.doors, folder)?;
    let pids: Vec<u32> = running.iter().map(Process::pid).collect();
    let ids = recorders::ids(case.streams);
    rig::wait_for("every camera to be recorded", START_LIMIT, || {
        check(&mut cameras, &mut running)?;
        Ok(sizes(folder, &ids).iter().all(|bytes| *bytes >= STARTED_BYTES).then_some(()))
    })?;
    std::thread::sleep(setting.settle);

    // What ffmpeg says of the pictures before its first key frame is no trouble.
    let heard: Vec<usize> = running.iter().map(|p| if recorder == Recorder::Ffmpeg { p.said().len() } else { 0 }).collect();
    let cameras_before = Counters::read(&cameras.pids())?;
    let (before, sizes_before) = reading(folder, &ids, &pids)?;
    std::thread::sleep(setting.window);
    let (after, sizes_after) = reading(folder, &ids, &pids)?;
    let cameras_after = Counters::read(&cameras.pids())?;
    check(&mut cameras, &mut running)?;

    // The cameras run the same program and libraries: while they live, a part of the recorder's pages counts for them.
    rig::halt(&pids)?;
    drop(cameras);
    let memory = Memory::read(&pids)?;
    let said = |(process, heard): (&Process, &usize)| complaints(process.said().get(*heard..).unwrap_or_default());
    let complaints = running.iter().zip(&heard).flat_map(said).collect();
    drop(running);

    let used = after.since(&before);
    let by_cameras = cameras_after.since(&cameras_before);
    let grown: Vec<f64> = sizes_after.iter().zip(&sizes_before).map(|(a, b)| a.saturating_sub(*b) as f64).collect();
    let grown_bytes = grown.iter().sum::<f64>().max(1.0);
    let content = Content::read(&finished(&recorders::storage(folder, &ids[0])).ok_or("there is no recording")?)?;
    let stream_seconds = used.wall.as_secs_f64() * case.streams as f64;
    let machine_seconds = used.wall.as_secs_f64() * processors() as f64;
    let ours = (used.cpu + by_cameras.cpu).as_secs_f64() / machine_seconds;
    let mib = |kib: u64| kib as f64 / 1024.0;
    rig::remove_folder(folder)?;
    Ok(Window {
        cpu_ms: used.cpu.as_secs_f64() * 1000.0 / stream_seconds,
        pss_mib: mib(memory.pss_kib),
        rss_mib: mib(memory.rss_kib),
        anonymous_mib: mib(memory.anonymous_kib),
        processes: pids.len(),
        threads: memory.threads,
        wakeups: used.wakeups as f64 / stream_seconds,
        write_calls: used.write_calls as f64 / stream_seconds,
        written_per_media_byte: used.stored_bytes as f64 / grown_bytes * content.file_per_media_byte,
        pictures: content.pictures_per_second,
        recorded_kbps: grown_bytes * 8.0 / 1000.0 / stream_seconds,
        least_share: grown.iter().copied().fold(f64::INFINITY, f64::min) / (grown_bytes / case.streams as f64),
        idle: used.idle,
        others: (1.0 - used.idle - ours).max(0.0),
        complaints,
    })
}

fn check(cameras: &mut Cameras, recorder: &mut [Process]) -> Result<(), String> {
    cameras.check_alive()?;
    recorder.iter_mut().try_for_each(Process::check_alive)
}

/// Lines of a log that tell of trouble: of ffmpeg every line, for it is asked for errors only.
fn complaints(log: &str) -> Vec<String> {
    let is_ours = log.contains(" INFO ");
    log.lines().filter(|line| !is_ours || line.contains(" WARN ") || line.contains(" ERROR ")).map(str::to_owned).collect()
}

/// Size of all recordings of each camera.
fn sizes(folder: &Path, ids: &[String]) -> Vec<u64> {
    let bytes_of = |id: &String| rig::recordings(&recorders::storage(folder, id)).iter().map(|(_, bytes)| bytes).sum();
    ids.iter().map(bytes_of).collect()
}

/// Counters and sizes of one moment: taken again while something is just being written.
fn reading(folder: &Path, ids: &[String], pids: &[u32]) -> Result<(Counters, Vec<u64>), String> {
    let mut tries = 0;
    loop {
        let before = sizes(folder, ids);
        let counters = Counters::read(pids)?;
        let after = sizes(folder, ids);
        tries += 1;
        if before == after || tries >= MOST_READINGS {
            return Ok((counters, after));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The largest recording below `folder` but the newest, which may be cut off; that one when there is no other.
fn finished(folder: &Path) -> Option<PathBuf> {
    let mut all = rig::recordings(folder);
    all.sort();
    if all.len() > 1 {
        all.pop();
    }
    all.into_iter().max_by_key(|(_, bytes)| *bytes).map(|(path, _)| path)
}

/// What ffprobe finds in a recording.
struct Content {
    file_per_media_byte: f64,
    pictures_per_second: f64,
}

impl Content {
    fn read(path: &Path) -> Result<Self, String> {
        let name = path.to_string_lossy();
        let bytes = path.metadata().map_err(|e| format!("{name}: {e}"))?.len();
        let entries = "packet=codec_type,pts_time,size";
        let packets = rig::run("ffprobe", &["-v", "error", "-show_entries", entries, "-of", "csv=p=0", &name])?;
        Self::of(bytes, &packets).ok_or_else(|| format!("{name}: fewer than two pictures"))
    }

    /// From lines of kind, time in seconds and size in bytes.
    fn of(file_bytes: u64, packets: &str) -> Option<Self> {
        let (mut media_bytes, mut times) = (0.0, Vec::new());
        for line in packets.lines() {
            let mut columns = line.split(',');
            let (kind, time, size) = (columns.next()?, columns.next()?, columns.next()?);
            media_bytes += size.parse::<f64>().ok()?;
            if kind == "video" {
                times.push(time.parse::<f64>().ok()?);
            }
        }
        let (first, last) = (times.iter().copied().reduce(f64::min)?, times.iter().copied().reduce(f64::max)?);
        (last > first).then(|| Self {
            file_per_media_byte: file_bytes as f64 / media_bytes,
            pictures_per_second: (times.len() - 1) as f64 / (last - first),
        })
    }
}
