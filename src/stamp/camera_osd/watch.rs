//! The edge: key frames handed over by recording, decoded and looked at in a thread of their own.
//!
//! Recording gives at most one key frame of a camera at a time and never waits: while one is being looked at, or before the next look is
//! due, a key frame is not taken. All cameras share one thread, so that looking never uses more than one processor.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::judge::{ClockFacts, Judge, JudgeSettings, RECHECK};
use super::label::{LabelError, LabelJudge, LabelReference, LabelVerdict};
use super::picture::{Area, Luma};
use super::read::{Look, look};
use crate::hall::{Camera, CameraClockSettings, CameraId, CameraOsd, Hall, PictureArea, StampMode};
use crate::media::libav::decode_key_frame;
use crate::media::{VideoCodec, VideoFormat, VideoUnit};
use crate::time::WallTime;

/// Where the label is looked for unless hall.toml says: the bottom right, as R8 asks.
pub const DEFAULT_LABEL: PictureArea = PictureArea::Parts([0.5, 0.8, 0.5, 0.2]);
/// Pictures of the label kept for an attestation.
const LABELS_KEPT: usize = 4;
/// Pictures of the label an attestation wants at least, from different moments.
const LABELS_WANTED: usize = 2;
/// After so long without a key frame the camera may have started anew, with another time: its clock is to be proven again.
const AWAY: Duration = Duration::from_secs(10);
/// Never due: a look is under way.
const NOT_BEFORE_TOLD: u64 = u64::MAX;

/// Everything known of what a camera draws into its picture.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
pub struct CameraOsdState {
    /// Its clock.
    #[serde(flatten)]
    pub clock: ClockFacts,
    /// Its label.
    pub label: LabelVerdict,
    /// Why the last key frame could not be looked at.
    pub trouble: Option<String>,
    /// Looks since the recorder started.
    pub looks: u64,
    /// Processor time of the last look in microseconds: decoding, reading, comparing.
    pub cost_micros: u64,
}

/// A key frame on its way to be looked at.
struct Job {
    of: Arc<CameraClock>,
    codec: VideoCodec,
    configuration: Bytes,
    data: Bytes,
    capture: WallTime,
    /// Monotonic time of the hand-over.
    now: Duration,
}

type Publish = Box<dyn Fn(&CameraOsdState) + Send + Sync>;

/// One camera whose own clock text is to be proven.
pub struct CameraClock {
    osd: CameraOsd,
    settings: JudgeSettings,
    /// Milliseconds of monotonic time from which a key frame is wanted.
    due_ms: AtomicU64,
    last_key_ms: AtomicU64,
    proven: Arc<AtomicBool>,
    jobs: Mutex<Sender<Job>>,
    inner: Mutex<Inner>,
    looked: Condvar,
    publish: Publish,
}

struct Inner {
    judge: Judge,
    label_judge: LabelJudge,
    reference: Option<LabelReference>,
    /// The newest pictures of the label's place, and the size of the whole picture they are of.
    labels: VecDeque<Luma>,
    label_area: Area,
    picture: (usize, usize),
    trouble: Option<String>,
    looks: u64,
    cost: Duration,
}

impl CameraClock {
    /// True while the camera's own stamp is proven; asked when a segment begins.
    pub fn proof(&self) -> Arc<AtomicBool> {
        self.proven.clone()
    }

    /// Hands over a key frame received at monotonic time `now`, if one is wanted. Never waits.
    pub fn offer(self: &Arc<Self>, format: &VideoFormat, unit: &VideoUnit, now: Duration) {
        let now_ms = millis(now);
        let before = self.last_key_ms.swap(now_ms, Ordering::Relaxed);
        if before != 0 && now_ms.saturating_sub(before) > millis(AWAY) {
            self.start_anew();
        }
        let due = self.due_ms.load(Ordering::Relaxed);
        if now_ms < due || self.due_ms.compare_exchange(due, NOT_BEFORE_TOLD, Ordering::Relaxed, Ordering::Relaxed).is_err() {
            return;
        }
        let (configuration, data) = (format.configuration.clone(), unit.data.clone());
        let job = Job { of: self.clone(), codec: format.codec, configuration, data, capture: unit.capture, now };
        let sent = self.jobs.lock().unwrap_or_else(PoisonError::into_inner).send(job);
        if sent.is_err() {
            tracing::error!("the thread that reads cameras' clocks has ended; no clock is proven any more");
        }
    }

    /// What is known at this moment.
    pub fn state(&self) -> CameraOsdState {
        self.lock().state()
    }

    /// Sets the attested label to compare with.
    pub fn set_reference(&self, reference: Option<LabelReference>) {
        let mut inner = self.lock();
        inner.reference = reference;
        inner.label_judge = LabelJudge::default();
        let again = inner.labels.back().cloned();
        if let Some(label) = again {
            // Whoever attests sees the answer at once.
            let seen = inner.compare(&label);
            inner.label_judge.take(seen, 1);
        }
        (self.publish)(&inner.state());
    }

    /// Takes new pictures of the label, waiting up to `limit` for them, and makes them the reference. The picture comes with it.
    ///
    /// # Errors
    /// A sentence when no key frame arrives in time, or nothing is written there.
    pub fn attest(&self, limit: Duration) -> Result<(LabelReference, Luma), String> {
        let until = Instant::now() + limit;
        let mut inner = self.lock();
        let mut fresh = 0;
        while fresh == 0 || inner.labels.len() < LABELS_WANTED {
            let looks = inner.looks;
            // A look under way sets its own time when it ends; this one comes after it.
            self.due_ms.store(0, Ordering::Relaxed);
            let left = until.saturating_duration_since(Instant::now());
            let (woken, _) =
                self.looked.wait_timeout_while(inner, left, |i| i.looks == looks).unwrap_or_else(PoisonError::into_inner);
            inner = woken;
            if inner.looks == looks {
                let why = inner.trouble.clone().unwrap_or_else(|| "the camera delivers no key frame".to_owned());
                return Err(format!("no picture of the label within {} s: {why}", limit.as_secs()));
            }
            fresh += 1;
        }
        let labels: Vec<Luma> = inner.labels.iter().cloned().collect();
        let (width, height) = inner.picture;
        let reference =
            LabelReference::attest(&labels, inner.label_area, width, height).map_err(|e: LabelError| e.to_string())?;
        let picture = labels.last().cloned().ok_or("no picture of the label")?;
        Ok((reference, picture))
    }

    fn start_anew(&self) {
        self.proven.store(false, Ordering::Relaxed);
        let mut inner = self.lock();
        inner.judge = Judge::new(self.settings);
        inner.label_judge = LabelJudge::default();
        inner.labels.clear();
        (self.publish)(&inner.state());
        let _ = self.due_ms.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |due| (due != NOT_BEFORE_TOLD).then_some(0));
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Decodes and looks: the work of the thread.
    fn examine(&self, job: &Job) {
        let began = Instant::now();
        let decoded = decode_key_frame(job.codec, &job.configuration, &job.data).map_err(|e| e.to_string()).and_then(|plane| {
            let size = format!("{}x{}", plane.width, plane.height);
            Luma::from_rows(plane.width, plane.height, plane.stride, &plane.rows)
                .ok_or(format!("a picture of {size} is not read"))
        });
        let (learned, reference) = {
            let inner = self.lock();
            (inner.judge.facts().place, inner.reference.clone())
        };
        let seen = decoded.map(|picture| {
            let seen = look_for_clock(&picture, self.osd.clock, learned);
            let area = area_of(self.osd.label.unwrap_or(DEFAULT_LABEL), &picture);
            let area = reference.as_ref().map_or(area, |r| r.area);
            (seen, picture.crop(area), area, (picture.width(), picture.height()))
        });
        let mut inner = self.lock();
        match seen {
            Ok((seen, label, area, size)) => {
                inner.trouble = None;
                inner.judge.take(&seen, job.capture);
                if size != inner.picture || area != inner.label_area {
                    inner.labels.clear();
                }
                (inner.picture, inner.label_area) = (size, area);
                if let Some(label) = label {
                    let verdict = inner.compare(&label);
                    inner.label_judge.take(verdict, self.settings.confirmations);
                    inner.labels.push_back(label);
                    if inner.labels.len() > LABELS_KEPT {
                        inner.labels.pop_front();
                    }
                }
            }
            Err(reason) => {
                inner.trouble = Some(reason);
                inner.judge.take(&Look::Illegible, job.capture);
            }
        }
        inner.looks += 1;
        inner.cost = began.elapsed();
        self.proven.store(inner.judge.proven(), Ordering::Relaxed);
        let pause = if inner.label_judge.in_doubt() { RECHECK.min(self.settings.interval) } else { inner.judge.next_look() };
        (self.publish)(&inner.state());
        self.due_ms.store(millis(job.now + pause), Ordering::Relaxed);
        drop(inner);
        self.looked.notify_all();
    }
}

impl Inner {
    fn compare(&self, label: &Luma) -> LabelVerdict {
        self.reference.as_ref().map_or(LabelVerdict::NotAttested, |r| r.compare(label, self.picture.0, self.picture.1))
    }

    fn state(&self) -> CameraOsdState {
        CameraOsdState {
            clock: self.judge.facts().clone(),
            label: self.label_judge.verdict(),
            trouble: self.trouble.clone(),
            looks: self.looks,
            cost_micros: u64::try_from(self.cost.as_micros()).unwrap_or(u64::MAX),
        }
    }
}

/// Looks where the clock was read last, then where it is configured or may be.
pub fn look_for_clock(picture: &Luma, configured: Option<PictureArea>, learned: Option<Area>) -> Look {
    let configured = configured.map(|area| area_of(area, picture));
    if let Some(learned) = learned {
        let near = learned.widened(learned.height.max(8), picture.width(), picture.height());
        let seen = look(picture, Some(near));
        if matches!(seen, Look::Read(_)) {
            return seen;
        }
    }
    look(picture, configured)
}

/// A rectangle of hall.toml in the pixels of a picture.
pub fn area_of(area: PictureArea, picture: &Luma) -> Area {
    let [x, y, width, height] = area.in_pixels(picture.width(), picture.height());
    Area { x, y, width, height }
}

fn millis(d: Duration) -> u64 {
    u64::try_from(d.as_millis()).unwrap_or(NOT_BEFORE_TOLD - 1)
}

/// The cameras whose own clock text is to be proven, by id.
pub type CameraClocks = HashMap<CameraId, Arc<CameraClock>>;

/// Starts the thread and gives a handle for every camera with `stamp = "camera"`; none and no thread where there is no such camera.
/// `publish` is told the state of a camera whenever it may have changed. The thread ends with the last handle.
///
/// # Errors
/// The system's error when no thread can be started.
pub fn start(
    hall: &Hall,
    publish: impl Fn(&CameraId, &CameraOsdState) + Send + Sync + Clone + 'static,
) -> std::io::Result<CameraClocks> {
    let cameras: Vec<&Camera> = hall.cameras.iter().filter(|c| c.stamp == StampMode::Camera).collect();
    if cameras.is_empty() {
        return Ok(CameraClocks::new());
    }
    let (jobs, received) = channel();
    std::thread::Builder::new().name("camera-clocks".to_owned()).spawn(move || work(&received))?;
    let handle = |camera: &Camera| {
        let (id, publish) = (camera.id.clone(), publish.clone());
        let publish: Publish = Box::new(move |state| publish(&id, state));
        (camera.id.clone(), Arc::new(CameraClock::new(camera.osd, hall.camera_clock, jobs.clone(), publish)))
    };
    Ok(cameras.into_iter().map(handle).collect())
}

impl CameraClock {
    fn new(osd: CameraOsd, settings: CameraClockSettings, jobs: Sender<Job>, publish: Publish) -> Self {
        let settings = JudgeSettings {
            interval: settings.interval,
            tolerance_seconds: i64::from(settings.tolerance_seconds),
            confirmations: settings.confirmations,
        };
        let inner = Inner {
            judge: Judge::new(settings),
            label_judge: LabelJudge::default(),
            reference: None,
            labels: VecDeque::new(),
            label_area: Area { x: 0, y: 0, width: 0, height: 0 },
            picture: (0, 0),
            trouble: None,
            looks: 0,
            cost: Duration::ZERO,
        };
        Self {
            osd,
            settings,
            due_ms: AtomicU64::new(0),
            last_key_ms: AtomicU64::new(0),
            proven: Arc::new(AtomicBool::new(false)),
            jobs: Mutex::new(jobs),
            inner: Mutex::new(inner),
            looked: Condvar::new(),
            publish,
        }
    }
}

/// One key frame after another, until nobody can hand one over any more.
fn work(received: &Receiver<Job>) {
    while let Ok(job) = received.recv() {
        job.of.examine(&job);
    }
}
