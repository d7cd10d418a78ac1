//! Decodes, draws the stamp and encodes again: the edge to GStreamer.
//!
//! One pipeline per camera, built from an [`EncoderDescription`]. Units go into its `appsrc`; the pipeline's own thread decodes
//! them, a probe on the pad behind the element `stamp` draws the time of that very picture, and the `appsink` gives encoded
//! pictures to the caller's sink. What belongs to a picture besides its samples (capture time, its source, the exact pts) waits
//! beside the pipeline under the picture's time stamp, so reordering or a picture the decoder drops cannot shift it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, mpsc};
use std::thread::ThreadId;
use std::time::Duration;

use bytes::Bytes;
use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;
use gstreamer_video as gst_video;

use super::caps::{encoded_format, input_caps, with_known_matrix};
use super::description::{Built, EncoderDescription, Fill};
use super::painter::Painter;
use super::placement::Fit;
use super::rhythm::{KeyClock, Thinning, frame_rate};
use super::sample_entry::video_format;
use super::under_way::UnderWay;
use super::wall::{Tap, WallSetup};
use super::{StampError, Stamped};
use crate::hall::StampSettings;
use crate::media::{VideoFormat, VideoUnit};

/// Units that may wait to be decoded; 10 s at 25 frames a second. At 3 Mbit/s they hold about 4 MB.
pub const QUEUE_UNITS: usize = 256;

/// Key frames fall on this grid of Beijing time unless told otherwise, in seconds.
pub const DEFAULT_KEY_GRID_SECONDS: u32 = 60;

/// Key frames come by time; this bounds them should the encoder not listen. 2 s at 60 frames a second.
const GOP_FRAMES: u32 = 120;

/// The first units wait until there are this many: their distances tell the frame rate, by which encoders share out the bits.
/// Cameras' own statements of it are often missing or wrong.
pub const RATE_UNITS: usize = 5;

/// Niceness of the threads that decode, stamp and encode; the recorder's others have 0.
const STAMP_NICE: i32 = 2;

/// A pipeline that makes no progress for this long while it is being drained is given up.
const STUCK: Duration = Duration::from_secs(10);

/// Stamps one camera's pictures.
///
/// The first [`RATE_UNITS`] units wait for each other, so that their distances tell the frame rate; afterwards every picture comes
/// out before the next goes in, as far as the camera's own reordering allows.
///
/// The sink is called from the pipeline's thread. While it blocks, decoding waits and [`push`](Self::push) soon reports
/// [`StampError::Lagging`]. Dropping a `Reencoder` ends it: units under way are lost and the sink is not called again. The drop
/// waits for the picture in work, two seconds at most; a pipeline that takes longer is stopped in the background.
pub struct Reencoder {
    pipeline: gst::Pipeline,
    input: gst_app::AppSrc,
    shared: Arc<Shared>,
    fit: Fit,
}

/// What the caller, the pipeline's thread and its bus share. `state` is never held together with another lock; `in_sink` is taken
/// inside `sink`, for an instant only.
struct Shared {
    state: Mutex<State>,
    /// Told whenever a unit is taken for decoding, a picture is given out, or the end has come.
    moved: Condvar,
    sink: Mutex<Option<Sink>>,
    stopping: AtomicBool,
    /// The thread that is just calling the sink.
    in_sink: Mutex<Option<ThreadId>>,
    /// Where wall pictures are taken off.
    wall: OnceLock<Tap>,
}

type Sink = Box<dyn FnMut(Stamped) + Send>;

#[derive(Default)]
struct State {
    under_way: UnderWay,
    pushed: u64,
    taken: u64,
    given: u64,
    key_wanted: bool,
    /// Which pictures are decoded only.
    thinning: Thinning,
    /// Pipeline time of the picture given last.
    newest_given: Option<u64>,
    /// The first units, until the frame rate is known.
    held: Option<Held>,
    /// Why nothing more is taken.
    ended: Option<String>,
    format: Option<gst::Caps>,
}

/// Units that wait for the frame rate.
struct Held {
    caps: gst::Caps,
    pts_90k: Vec<i64>,
    buffers: Vec<gst::Buffer>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Reencoder {
    /// Starts stamping pictures of the format `input` with `label` (see [`Hall::label_lines`](crate::hall::Hall::label_lines)).
    /// Key frames fall on the minute grid.
    ///
    /// # Errors
    /// Everything that can be known before the first picture: font, a character without a glyph, a picture too small even for the
    /// time, an unusable configuration record, a wrong description.
    pub fn start(
        input: &VideoFormat,
        label: &[String; 2],
        settings: &StampSettings,
        encoder: &EncoderDescription,
        sink: impl FnMut(Stamped) + Send + 'static,
    ) -> Result<Self, StampError> {
        Self::start_on_grid(input, label, settings, encoder, DEFAULT_KEY_GRID_SECONDS, sink)
    }

    /// As [`start`](Self::start); the first picture of every `key_grid_seconds` of Beijing time becomes a key frame, so that
    /// segments can be cut there. 0: only every two seconds.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_on_grid(
        input: &VideoFormat,
        label: &[String; 2],
        settings: &StampSettings,
        encoder: &EncoderDescription,
        key_grid_seconds: u32,
        sink: impl FnMut(Stamped) + Send + 'static,
    ) -> Result<Self, StampError> {
        super::gst_init()?;
        let painter = Painter::new(label, settings)?;
        let fit = painter.fitted(input.width, input.height)?.fit;
        let caps = input_caps(input)?;
        let fill = Fill {
            codec: input.codec,
            bitrate_kbps: bitrate_kbps(settings.bitrate_kbps, input.width, input.height),
            gop_frames: GOP_FRAMES,
        };
        let built = encoder.build(fill)?;
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                held: Some(Held { caps, pts_90k: Vec::new(), buffers: Vec::new() }),
                ..State::default()
            }),
            moved: Condvar::new(),
            sink: Mutex::new(Some(Box::new(sink))),
            stopping: AtomicBool::new(false),
            in_sink: Mutex::new(None),
            wall: OnceLock::new(),
        });
        connect(&built, &shared, painter, KeyClock::new(key_grid_seconds));
        let Built { pipeline, input, .. } = built;
        let reencoder = Self { pipeline, input, shared, fit };
        reencoder.pipeline.set_state(gst::State::Playing).map_err(|_| {
            let reason = lock(&reencoder.shared.state).ended.clone();
            let reason = reason.unwrap_or_else(|| "the pipeline does not start".to_owned());
            StampError::Description { name: encoder.name.clone(), origin: encoder.origin.to_string(), reason }
        })?;
        Ok(reencoder)
    }

    /// Gives one unit to the decoder; never waits. A unit that is refused is not taken: a caller that wants it back keeps a
    /// clone, which shares its bytes. After a refusal the pictures up to the next random access point decode with errors.
    ///
    /// # Errors
    /// [`StampError::Lagging`] when [`QUEUE_UNITS`] wait, [`StampError::BadUnit`], [`StampError::Ended`].
    pub fn push(&self, unit: VideoUnit) -> Result<(), StampError> {
        self.shared.check(&unit)?;
        let state = lock(&self.shared.state);
        let queued = state.waiting();
        if state.ended.is_none() && queued >= QUEUE_UNITS {
            return Err(StampError::Lagging { queued });
        }
        self.push_into(state, unit)
    }

    /// Gives one unit to the decoder, waiting until there is room. Must not be called from the sink.
    ///
    /// # Errors
    /// [`StampError::BadUnit`], [`StampError::Ended`].
    pub fn push_blocking(&self, unit: VideoUnit) -> Result<(), StampError> {
        self.shared.check(&unit)?;
        let full = |state: &mut State| state.ended.is_none() && state.waiting() >= QUEUE_UNITS;
        let state = self.shared.moved.wait_while(lock(&self.shared.state), full).unwrap_or_else(PoisonError::into_inner);
        self.push_into(state, unit)
    }

    fn push_into(&self, mut state: MutexGuard<'_, State>, unit: VideoUnit) -> Result<(), StampError> {
        if let Some(reason) = &state.ended {
            return Err(StampError::Ended { reason: reason.clone() });
        }
        let time = state.under_way.enter(&unit)?;
        let mut buffer = gst::Buffer::from_slice(unit.data.clone());
        if let Some(buffer) = buffer.get_mut() {
            buffer.set_pts(gst::ClockTime::from_nseconds(time));
            if !unit.random_access {
                buffer.set_flags(gst::BufferFlags::DELTA_UNIT);
            }
        }
        state.pushed += 1;
        // The lock is kept, so that units enter the pipeline in the order of their numbers; appsrc only appends to its queue.
        let entered = match &mut state.held {
            Some(held) => {
                held.pts_90k.push(unit.pts_90k);
                held.buffers.push(buffer);
                if held.buffers.len() < RATE_UNITS { Ok(()) } else { self.release(&mut state) }
            }
            None => self.input.push_buffer(buffer).map(|_| ()),
        };
        entered.map_err(|flow| {
            state.under_way.withdraw(time);
            StampError::Ended { reason: format!("the pipeline takes no more pictures ({flow})") }
        })
    }

    /// Lets the first units into the pipeline, with the frame rate they show.
    fn release(&self, state: &mut State) -> Result<(), gst::FlowError> {
        let Some(mut held) = state.held.take() else { return Ok(()) };
        if let Some(rate) = frame_rate(&mut held.pts_90k) {
            held.caps.make_mut().set("framerate", rate);
        }
        self.input.set_caps(Some(&held.caps));
        held.buffers.into_iter().try_for_each(|buffer| self.input.push_buffer(buffer).map(|_| ()))
    }

    /// How much of the stamp has room in pictures of the size it was started with.
    pub fn fit(&self) -> Fit {
        self.fit
    }

    /// Pictures waiting to be decoded.
    pub fn queued(&self) -> usize {
        lock(&self.shared.state).waiting()
    }

    /// Pictures that went in and never came out, because the decoder could make nothing of them.
    pub fn lost(&self) -> u64 {
        lock(&self.shared.state).under_way.lost()
    }

    /// Makes the next picture that reaches the encoder a key frame.
    pub fn request_key_frame(&self) {
        lock(&self.shared.state).key_wanted = true;
    }

    /// Pictures shown at `pts_90k` or before are decoded and nothing more: they lead up to those that follow and came out of
    /// another stamper. To be said before the first picture is pushed.
    pub fn skip_to(&self, pts_90k: i64) {
        lock(&self.shared.state).thinning.skip_to_90k = Some(pts_90k);
    }

    /// Only every second decoded picture is stamped and encoded from here on, or all of them again.
    pub fn set_half_rate(&self, half: bool) {
        lock(&self.shared.state).thinning.half = half;
    }

    /// Lets wall pictures (电视墙小画面) be made from the pictures this stamper decodes, while somebody looks. The first call counts.
    pub fn attach_wall(&self, setup: WallSetup) {
        self.shared.wall.get_or_init(|| Tap::new(setup));
    }

    /// Gives wall pictures up (false), or lets them be made again (true), at once: when the machine cannot do everything, they go
    /// first. The stamp itself is not touched. Nothing happens on a stamper without wall pictures.
    pub fn set_wall_pictures(&self, on: bool) {
        if let Some(wall) = self.shared.wall.get() {
            wall.set_on(on);
        }
    }

    /// No more wall pictures come from this stamper, whatever it still holds: another one speaks for the camera.
    pub fn end_wall_pictures(&self) {
        if let Some(wall) = self.shared.wall.get() {
            wall.end();
        }
    }

    /// Takes no more units; everything pushed comes out, then [`Stamped::Finished`] or [`Stamped::Failed`]. Returns at once.
    pub fn finish(self) {
        let shared = Arc::clone(&self.shared);
        if lock(&shared.state).pushed == 0 {
            return shared.give(Stamped::Finished);
        }
        let drained = std::thread::Builder::new().name("stamp-finish".to_owned()).spawn(move || self.drain());
        if let Err(e) = drained {
            shared.give(Stamped::Failed(format!("no thread to drain the pipeline: {e}")));
        }
    }

    fn drain(self) {
        let released = self.release(&mut lock(&self.shared.state));
        if released.is_err() || self.input.end_of_stream().is_err() {
            return self.shared.give(Stamped::Failed("the pipeline was stopped before its end".to_owned()));
        }
        let mut seen = None;
        loop {
            let state = lock(&self.shared.state);
            let progress = (state.taken, state.given);
            if state.ended.is_some() {
                return;
            }
            let same = |state: &mut State| state.ended.is_none() && (state.taken, state.given) == progress;
            let (state, waited) =
                self.shared.moved.wait_timeout_while(state, STUCK, same).unwrap_or_else(PoisonError::into_inner);
            drop(state);
            // A sink that blocks is the caller's own pace; only a pipeline that stands still by itself is stuck.
            let in_sink = lock(&self.shared.in_sink).is_some();
            if waited.timed_out() && !in_sink && seen.replace(progress) == Some(progress) {
                return self.shared.give(Stamped::Failed("the encoder stands still and was given up".to_owned()));
            }
        }
    }
}

impl Drop for Reencoder {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        self.end_wall_pictures();
        if let Ok(mut sink) = self.shared.sink.try_lock() {
            *sink = None;
        }
        lock(&self.shared.state).ended.get_or_insert_with(|| "it was dropped".to_owned());
        self.shared.moved.notify_all();
        // Stopping joins the pipeline's thread, which may be inside the caller's sink, even be this very thread.
        let from_sink = *lock(&self.shared.in_sink) == Some(std::thread::current().id());
        let pipeline = self.pipeline.clone();
        let (stopped, wait) = mpsc::channel();
        let stop = move || {
            // A pipeline always reaches the null state; there is nothing to do about one that does not.
            let _ = pipeline.set_state(gst::State::Null);
            let _ = stopped.send(());
        };
        let spawned = std::thread::Builder::new().name("stamp-stop".to_owned()).spawn(stop);
        if spawned.is_ok() && !from_sink && wait.recv_timeout(Duration::from_secs(2)).is_err() {
            tracing::warn!("a stamping pipeline takes long to stop; left behind");
        }
    }
}

impl State {
    fn waiting(&self) -> usize {
        usize::try_from(self.pushed.saturating_sub(self.taken)).unwrap_or(usize::MAX)
    }
}

impl Shared {
    fn check(&self, unit: &VideoUnit) -> Result<(), StampError> {
        check_lengths(&unit.data).map_err(|reason| StampError::BadUnit { pts_90k: unit.pts_90k, reason })
    }

    /// Gives something to the sink; the last word of the stream lets go of it.
    fn give(&self, stamped: Stamped) {
        let last = match &stamped {
            Stamped::Finished => Some("it was finished".to_owned()),
            Stamped::Failed(reason) => Some(reason.clone()),
            Stamped::Format(_) | Stamped::Unit(_) => None,
        };
        if last.is_some() {
            let mut state = lock(&self.state);
            if state.ended.is_some() {
                return;
            }
            state.ended.clone_from(&last);
        }
        let mut sink = lock(&self.sink);
        *lock(&self.in_sink) = Some(std::thread::current().id());
        if let Some(give) = sink.as_mut().filter(|_| !self.stopping.load(Ordering::SeqCst)) {
            give(stamped);
        }
        *lock(&self.in_sink) = None;
        if last.is_some() || self.stopping.load(Ordering::SeqCst) {
            *sink = None;
        }
        drop(sink);
        lock(&self.state).given += 1;
        self.moved.notify_all();
    }

    /// One encoded picture from the appsink.
    fn encoded(&self, sample: &gst::Sample) -> Result<(), String> {
        let caps = sample.caps().ok_or("the encoder gave a picture without caps")?;
        let new_format = {
            let mut state = lock(&self.state);
            let changed = state.format.as_deref() != Some(caps);
            changed.then(|| state.format = Some(caps.to_owned())).is_some()
        };
        if new_format {
            self.give(Stamped::Format(video_format(&encoded_format(caps)?)?));
        }
        let buffer = sample.buffer().ok_or("the encoder gave a sample without a picture")?;
        // x264enc counts from 1000 h; running time leads back to what went in.
        let time = sample.segment().and_then(|segment| segment.downcast_ref::<gst::ClockTime>()?.to_running_time(buffer.pts()));
        let time = time.ok_or("the encoder gave a picture without a time stamp")?;
        let of_picture = {
            let mut state = lock(&self.state);
            if state.newest_given.is_some_and(|newest| newest > time.nseconds()) {
                return Err(
                    "the encoder gives pictures out of order: it uses B-frames; switch them off (bframes=0 or b-frames=0)"
                        .to_owned(),
                );
            }
            state.newest_given = Some(time.nseconds());
            state.under_way.leave(time.nseconds())
        };
        let Some(of_picture) = of_picture else {
            return Err(format!("the encoder gave a picture at {time} that did not go in"));
        };
        let map = buffer.map_readable().map_err(|_| "an encoded picture cannot be read")?;
        let unit = VideoUnit {
            pts_90k: of_picture.pts_90k,
            capture: of_picture.capture,
            time_source: of_picture.time_source,
            other_capture: of_picture.other_capture,
            random_access: !buffer.flags().contains(gst::BufferFlags::DELTA_UNIT),
            data: Bytes::copy_from_slice(&map),
        };
        self.give(Stamped::Unit(unit));
        Ok(())
    }
}

/// Puts the probes, the sink and the bus handler in place.
fn connect(built: &Built, shared: &Arc<Shared>, painter: Painter, keys: KeyClock) {
    built.input.set_format(gst::Format::Time);
    // The queue is bounded by `push`; appsrc itself must neither block nor drop.
    built.input.set_max_bytes(0);
    built.input.set_property("block", false);
    built.output.set_property("sync", false);

    if let Some(pad) = built.input.static_pad("src") {
        let shared = Arc::clone(shared);
        pad.add_probe(gst::PadProbeType::BUFFER, move |_, _| {
            lock(&shared.state).taken += 1;
            shared.moved.notify_all();
            gst::PadProbeReturn::Ok
        });
    }
    if let Some(pad) = built.pipeline.by_name("decode").and_then(|decoder| decoder.static_pad("src")) {
        pad.add_probe(gst::PadProbeType::EVENT_DOWNSTREAM, |_, info| {
            if let Some(event) = info.event_mut()
                && let Some(caps) = with_known_matrix(event)
            {
                *event = gst::event::Caps::new(&caps);
            }
            gst::PadProbeReturn::Ok
        });
    }

    let work = Mutex::new((painter, keys, None));
    let for_pictures = Arc::clone(shared);
    built.stamp_pad.add_probe(gst::PadProbeType::BUFFER | gst::PadProbeType::EVENT_DOWNSTREAM, move |pad, info| {
        // Other events pass before the lock is taken: the key frame event comes through here while the lock is held.
        if info.event().is_some_and(|event| event.type_() != gst::EventType::Caps) {
            return gst::PadProbeReturn::Ok;
        }
        let (painter, keys, format) = &mut *lock(&work);
        match stamp_probe(pad, info, &for_pictures, painter, keys, format) {
            Ok(reply) => reply,
            Err(reason) => {
                for_pictures.give(Stamped::Failed(reason));
                gst::PadProbeReturn::Drop
            }
        }
    });

    let (for_samples, for_end, for_bus) = (Arc::clone(shared), Arc::clone(shared), Arc::clone(shared));
    let callbacks = gst_app::AppSinkCallbacks::builder()
        .new_sample(move |sink| {
            let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
            for_samples.encoded(&sample).map(|()| gst::FlowSuccess::Ok).map_err(|reason| {
                for_samples.give(Stamped::Failed(reason));
                gst::FlowError::Error
            })
        })
        .eos(move |_| for_end.give(Stamped::Finished))
        .build();
    built.output.set_callbacks(callbacks);

    if let Some(bus) = built.pipeline.bus() {
        bus.set_sync_handler(move |_, message| {
            match message.view() {
                gst::MessageView::Error(error) => {
                    let from = error.src().map_or_else(|| "the pipeline".into(), |src| src.name());
                    let detail = error.debug().map(|d| d.lines().last().unwrap_or_default().to_owned()).unwrap_or_default();
                    for_bus.give(Stamped::Failed(format!("{from}: {} ({detail})", error.error())));
                }
                // Told by the thread that begins to work.
                gst::MessageView::StreamStatus(status) if status.get().0 == gst::StreamStatusType::Enter => stand_back(),
                gst::MessageView::Warning(warning) => tracing::debug!(warning = %warning.error(), "stamping pipeline"),
                _ => {}
            }
            gst::BusSyncReply::Drop
        });
    }
}

/// Lets the threads that receive and write go first: recording outranks stamping. Linux keeps the niceness of each thread apart.
fn stand_back() {
    if let Err(e) = rustix::process::setpriority_process(None, STAMP_NICE) {
        tracing::debug!("a stamper's thread keeps its priority: {e}");
    }
}

/// Draws on a picture that leaves the element `stamp`, and asks the encoder for a key frame when one is due.
fn stamp_probe(
    pad: &gst::Pad,
    info: &mut gst::PadProbeInfo<'_>,
    shared: &Shared,
    painter: &mut Painter,
    keys: &mut KeyClock,
    decoded: &mut Option<gst_video::VideoInfo>,
) -> Result<gst::PadProbeReturn, String> {
    if let Some(event) = info.event() {
        if let gst::EventView::Caps(caps) = event.view() {
            let format = gst_video::VideoInfo::from_caps(caps.caps()).map_err(|e| format!("decoded pictures: {e}"))?;
            *decoded = Some(format.clone());
            painter.set_format(format)?;
        }
        return Ok(gst::PadProbeReturn::Ok);
    }
    let Some(buffer) = info.buffer_mut() else { return Ok(gst::PadProbeReturn::Ok) };
    let (of_picture, wanted) = {
        let mut state = lock(&shared.state);
        if state.ended.is_some() {
            return Ok(gst::PadProbeReturn::Drop);
        }
        let of_picture = buffer.pts().and_then(|pts| state.under_way.find(pts.nseconds()));
        if of_picture.is_some_and(|picture| state.thinning.leaves_out(picture.pts_90k)) {
            if let Some(pts) = buffer.pts() {
                state.under_way.withdraw(pts.nseconds());
            }
            return Ok(gst::PadProbeReturn::Drop);
        }
        (of_picture, of_picture.is_some() && std::mem::take(&mut state.key_wanted))
    };
    let Some(of_picture) = of_picture else {
        // Without its capture time a picture cannot carry a true stamp; better none than a wrong one.
        tracing::debug!(pts = ?buffer.pts(), "the decoder gave a picture that did not go in; left out");
        return Ok(gst::PadProbeReturn::Drop);
    };
    if keys.is_key(of_picture.pts_90k, of_picture.capture, wanted) {
        pad.push_event(gst_video::DownstreamForceKeyUnitEvent::builder().all_headers(true).build());
    }
    if let (Some(wall), Some(decoded)) = (shared.wall.get(), decoded) {
        wall.offer(buffer, decoded, of_picture);
    }
    painter.paint(buffer.make_mut(), of_picture.capture)?;
    Ok(gst::PadProbeReturn::Ok)
}

/// `kbps` is meant for 1920×1080; other sizes get their share by area, never below 200 kbit/s.
fn bitrate_kbps(kbps: u32, width: u32, height: u32) -> u32 {
    let area = u64::from(width) * u64::from(height);
    u32::try_from(u64::from(kbps) * area / (1920 * 1080)).unwrap_or(u32::MAX).max(200)
}

/// A unit must be whole NAL units with 4-byte lengths.
fn check_lengths(data: &[u8]) -> Result<(), String> {
    let mut at = 0;
    while at < data.len() {
        let length = data.get(at..at + 4).map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]) as usize);
        match length {
            Some(length) if length > 0 && length <= data.len() - at - 4 => at += 4 + length,
            Some(length) => return Err(format!("NAL unit at byte {at} says {length} bytes, {} follow", data.len() - at - 4)),
            None => return Err(format!("{} stray bytes at its end", data.len() - at)),
        }
    }
    if data.is_empty() { Err("it is empty".to_owned()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_that_are_not_whole_nal_units_are_refused() {
        assert!(check_lengths(&[0, 0, 0, 1, 0x65, 0, 0, 0, 2, 1, 2]).is_ok());
        for bad in
            [&[][..], &[0, 0, 0][..], &[0, 0, 0, 0][..], &[0, 0, 0, 1][..], &[0, 0, 0, 2, 1][..], &[0, 0, 0, 1, 0x65, 0][..]]
        {
            assert!(check_lengths(bad).is_err(), "{bad:?}");
        }
        assert!(check_lengths(&[0, 0, 0, 1, 0x65, 0xff, 0xff, 0xff, 0xff, 1]).is_err());
    }

    #[test]
    fn the_bit_rate_follows_the_area() {
        assert_eq!(bitrate_kbps(3000, 1920, 1080), 3000);
        assert_eq!(bitrate_kbps(3000, 3840, 2160), 12_000);
        assert_eq!(bitrate_kbps(3000, 640, 360), 333);
        assert_eq!(bitrate_kbps(3000, 64, 64), 200);
    }
}
