//! The wall picture (电视墙小画面): a small stamped H.264 beside the recorded one, from the pictures that are decoded anyway.
//!
//! [`Tap`] stands in the stamper's pad probe, before the stamp is drawn. While somebody looks it hands about ten pictures a second
//! to a thread of its own through a queue of [`QUEUE_PICTURES`]; when that is full the picture is left out: the wall never slows the
//! recording. [`super::wall_encoder`] scales, stamps the small picture with its own layout and encodes. While nobody looks there is
//! neither thread nor encoder.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use gstreamer as gst;
use gstreamer_video as gst_video;

use super::Stamped;
use super::under_way::Companion;
pub use super::wall_encoder::WallDescription;
use super::wall_encoder::WallEncoder;
use super::wall_pace::Pace;
use crate::hall::{StampSettings, WallSettings};

/// Pictures that may wait for the wall's thread.
pub const QUEUE_PICTURES: usize = 2;

/// After a failure the encoder is started again when somebody newly looks, but not sooner than this.
const SHORTEST_REST: Duration = Duration::from_secs(5);

/// After a failure the encoder is started again by itself for those who keep looking.
const LONGEST_REST: Duration = Duration::from_secs(60);

/// An encoder that takes nothing for this long although pictures wait is given up.
const STUCK: Duration = Duration::from_secs(5);

/// Where wall pictures go, and whether anybody wants them.
pub trait WallTaker: Send + Sync {
    /// `None` while nobody looks. Otherwise a number that grows with every viewer who joins. Asked for each of the camera's
    /// pictures, by the recording's thread.
    fn wanted(&self) -> Option<u64>;

    /// What the wall's encoder gives, in order: [`Stamped::Format`], then units, at the end [`Stamped::Finished`] or
    /// [`Stamped::Failed`]; then perhaps all over again. Never called by two threads at once.
    fn take(&self, stamped: Stamped);

    /// Wall pictures are given up (true) or come again (false): see
    /// [`Reencoder::set_wall_pictures`](super::reencode::Reencoder::set_wall_pictures).
    fn given_up(&self, given_up: bool);
}

/// Everything a camera's wall pictures need.
#[derive(Clone)]
pub struct WallSetup {
    /// Name of the camera, for the log and the thread.
    pub camera: String,
    /// Size, rate and bits.
    pub settings: WallSettings,
    /// Font and bits of the stamp.
    pub stamp: StampSettings,
    /// The two lines of the label.
    pub label: [String; 2],
    /// How they are encoded.
    pub encoder: WallDescription,
    /// Where they go.
    pub taker: Arc<dyn WallTaker>,
}

/// One decoded picture on its way to the wall.
pub(super) struct WallPicture {
    pub buffer: gst::Buffer,
    pub info: gst_video::VideoInfo,
    pub of_picture: Companion,
}

/// Takes pictures off the stamper.
pub(super) struct Tap {
    setup: WallSetup,
    /// False while wall pictures are given up.
    on: AtomicBool,
    state: Mutex<TapState>,
    /// The worker that may speak to the taker; what an older one still brings is not heard. Never taken before `state`.
    speaker: Arc<Mutex<u64>>,
}

struct TapState {
    pace: Pace,
    worker: Option<Worker>,
    workers: u64,
    died: Option<Died>,
    ended: bool,
}

/// A thread with an encoder.
struct Worker {
    pictures: SyncSender<WallPicture>,
    /// Set when it is let go.
    stopped: Arc<AtomicBool>,
    /// When the queue last had room.
    took: Instant,
}

/// When the encoder failed, and how many viewers had joined until then.
#[derive(Clone, Copy)]
struct Died {
    at: Instant,
    joins: u64,
}

impl Died {
    fn rests(self, joins: u64, now: Instant) -> bool {
        let rested = now.duration_since(self.at);
        rested < if joins == self.joins { LONGEST_REST } else { SHORTEST_REST }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Tap {
    pub fn new(setup: WallSetup) -> Self {
        setup.taker.given_up(false);
        let state = TapState { pace: Pace::new(setup.settings.fps), worker: None, workers: 0, died: None, ended: false };
        Self { setup, on: AtomicBool::new(true), state: Mutex::new(state), speaker: Arc::default() }
    }

    /// One decoded picture, not yet drawn on. Never waits.
    pub fn offer(&self, buffer: &gst::Buffer, info: &gst_video::VideoInfo, of_picture: Companion) {
        if !self.on.load(Ordering::Relaxed) {
            return;
        }
        let mut state = lock(&self.state);
        if state.ended {
            return;
        }
        let Some(joins) = self.setup.taker.wanted() else {
            state.died = None;
            return self.stop(&mut state);
        };
        if !state.pace.takes(of_picture.capture) {
            return;
        }
        let now = Instant::now();
        if state.worker.is_none() {
            if state.died.is_some_and(|died| died.rests(joins, now)) {
                return;
            }
            match self.start(&mut state.workers) {
                Ok(worker) => state.worker = Some(worker),
                Err(e) => {
                    tracing::error!(camera = self.setup.camera, "start the wall picture's thread: {e}");
                    state.died = Some(Died { at: now, joins });
                }
            }
        }
        let Some(worker) = &mut state.worker else { return };
        match worker.pictures.try_send(WallPicture { buffer: buffer.clone(), info: info.clone(), of_picture }) {
            Ok(()) => worker.took = now,
            Err(TrySendError::Full(_)) if now.duration_since(worker.took) < STUCK => {}
            Err(TrySendError::Full(_)) => {
                let reason = format!("its encoder has taken nothing for {} s", STUCK.as_secs());
                tracing::error!(camera = self.setup.camera, "the wall picture stops: {reason}; recording goes on");
                state.died = Some(Died { at: now, joins });
                self.stop_with(&mut state, Stamped::Failed(reason));
            }
            // The worker has ended and told why.
            Err(TrySendError::Disconnected(_)) => {
                state.died = Some(Died { at: now, joins });
                state.worker = None;
            }
        }
    }

    /// Gives wall pictures up or allows them again; at once.
    pub fn set_on(&self, on: bool) {
        if self.on.swap(on, Ordering::SeqCst) == on {
            return;
        }
        tracing::info!(camera = self.setup.camera, on, "wall pictures");
        if !on {
            self.stop(&mut lock(&self.state));
        }
        self.setup.taker.given_up(!on);
    }

    /// No more wall pictures come from here, ever. Never waits for the encoder.
    pub fn end(&self) {
        let mut state = lock(&self.state);
        state.ended = true;
        self.stop(&mut state);
    }

    fn start(&self, workers: &mut u64) -> std::io::Result<Worker> {
        *workers += 1;
        let number = *workers;
        *lock(&self.speaker) = number;
        let (sender, pictures) = sync_channel(QUEUE_PICTURES);
        let stopped = Arc::new(AtomicBool::new(false));
        let voice = Voice { taker: Arc::clone(&self.setup.taker), speaker: Arc::clone(&self.speaker), number };
        let (setup, stop) = (self.setup.clone(), Arc::clone(&stopped));
        std::thread::Builder::new()
            .name(format!("wall-{}", self.setup.camera))
            .spawn(move || work(&setup, &pictures, &stop, &voice))?;
        Ok(Worker { pictures: sender, stopped, took: Instant::now() })
    }

    fn stop(&self, state: &mut TapState) {
        if state.worker.is_some() {
            tracing::debug!(camera = self.setup.camera, "wall picture ends");
            self.stop_with(state, Stamped::Finished);
        }
    }

    /// Lets go of the worker: it ends by itself, and is not heard from now on.
    fn stop_with(&self, state: &mut TapState, last: Stamped) {
        let Some(worker) = state.worker.take() else { return };
        let mut speaker = lock(&self.speaker);
        // A worker that has failed has said its last word.
        if std::mem::take(&mut *speaker) != 0 {
            self.setup.taker.take(last);
        }
        drop(speaker);
        worker.stopped.store(true, Ordering::SeqCst);
    }
}

/// A worker's way to the taker.
#[derive(Clone)]
pub(super) struct Voice {
    taker: Arc<dyn WallTaker>,
    speaker: Arc<Mutex<u64>>,
    number: u64,
}

impl Voice {
    /// Says it, unless another worker speaks by now.
    pub fn say(&self, stamped: Stamped) {
        let mut speaker = lock(&self.speaker);
        if *speaker == self.number {
            if matches!(stamped, Stamped::Failed(_) | Stamped::Finished) {
                *speaker = 0;
            }
            self.taker.take(stamped);
        }
    }
}

/// The wall's own thread: one encoder for each format of the pictures that come.
fn work(setup: &WallSetup, pictures: &Receiver<WallPicture>, stopped: &AtomicBool, voice: &Voice) {
    let mut encoder: Option<WallEncoder> = None;
    while let Ok(picture) = pictures.recv() {
        if encoder.as_ref().is_none_or(|e| !e.takes(&picture.info)) {
            drop(encoder.take());
            match WallEncoder::start(setup, &picture.info, voice) {
                Ok(started) => encoder = Some(started),
                Err(e) => return failed(setup, voice, &e.to_string()),
            }
        }
        if let Some(encoder) = &encoder
            && let Err(reason) = encoder.push(picture, stopped)
        {
            return failed(setup, voice, &reason);
        }
    }
}

fn failed(setup: &WallSetup, voice: &Voice, reason: &str) {
    tracing::error!(camera = setup.camera, reason, "the wall picture stops; recording goes on");
    voice.say(Stamped::Failed(reason.to_owned()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_failure_a_new_viewer_is_served_soon_and_the_others_later() {
        let at = Instant::now();
        let died = Died { at, joins: 3 };
        let rests = |joins, seconds| died.rests(joins, at + Duration::from_secs(seconds));
        assert_eq!([rests(4, 0), rests(4, 4), rests(4, 5)], [true, true, false]);
        assert_eq!([rests(3, 5), rests(3, 59), rests(3, 60)], [true, true, false]);
    }
}
