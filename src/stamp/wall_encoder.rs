//! Scales, stamps and encodes wall pictures: the second, small pipeline. The edge to GStreamer of [`super::wall`].

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;
use gstreamer_video as gst_video;

use super::caps::encoded_format;
use super::painter::Painter;
use super::placement::Fit;
use super::rhythm::KeyClock;
use super::sample_entry::video_format;
use super::under_way::Companion;
use super::wall::{Voice, WallPicture, WallSetup};
use super::wall_pace::wall_size;
use super::{StampError, Stamped};
use crate::hall::{StampSettings, WallSettings};
use crate::media::VideoUnit;

/// The built-in descriptions, best first.
const BUILT_IN: [(&str, &str); 2] = [
    ("wall-x264", include_str!("../../pipelines/wall-x264.launch")),
    ("wall-openh264", include_str!("../../pipelines/wall-openh264.launch")),
];

/// A site's own description, in the folder `[stamp] pipelines`.
const OWN: &str = "wall.launch";

/// Seconds between key frames at most; this bounds them should the encoder not listen when it is asked every two.
const GOP_SECONDS: u32 = 4;

/// Companions kept at most: the pictures inside the small pipeline, and room for an encoder with a delay.
const MOST_UNDER_WAY: usize = 16;

/// While it waits for its pipeline the wall's thread looks this often whether it is still wanted.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// How wall pictures are encoded: a GStreamer description with the named elements `in` (appsrc, raw pictures), `size` (capsfilter,
/// gets the small size), `stamp` (I420 or NV12 pictures leave its source pad), `encoder` and `out` (appsink, H.264,
/// `stream-format=avc`); placeholders `{bitrate_kbps}`, `{bitrate_bps}` and `{gop}`.
#[derive(Clone, PartialEq, Eq)]
pub struct WallDescription {
    /// `wall-x264`, or the file.
    pub name: String,
    /// The description, comments and placeholders included.
    pub text: String,
}

impl fmt::Debug for WallDescription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl WallDescription {
    /// The site's own `wall.launch`, or the first built-in description whose elements are installed.
    ///
    /// # Errors
    /// [`StampError::DescriptionUnreadable`]; [`StampError::Description`] naming the element that is missing or wrong.
    pub fn choose(stamp: &StampSettings, wall: &WallSettings) -> Result<Self, StampError> {
        if let Some(path) = stamp.pipelines.as_ref().map(|folder| folder.join(OWN)).filter(|path| path.exists()) {
            let text = std::fs::read_to_string(&path)
                .map_err(|e| StampError::DescriptionUnreadable { path: path.clone(), reason: e.to_string() })?;
            let own = Self { name: path.display().to_string(), text };
            return own.build(wall).map(|_| own);
        }
        let mut first = None;
        for (name, text) in BUILT_IN {
            let built_in = Self { name: name.to_owned(), text: text.to_owned() };
            match built_in.build(wall) {
                Ok(_) => return Ok(built_in),
                Err(e) => first = first.or(Some(e)),
            }
        }
        Err(first.unwrap_or_else(|| StampError::NoEncoderWorks { tried: Vec::new() }))
    }

    fn build(&self, settings: &WallSettings) -> Result<Built, StampError> {
        super::gst_init()?;
        let lines = self.text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let text = lines
            .collect::<Vec<_>>()
            .join(" ")
            .replace("{bitrate_kbps}", &settings.bitrate_kbps.to_string())
            .replace("{bitrate_bps}", &(u64::from(settings.bitrate_kbps) * 1000).to_string())
            .replace("{gop}", &(GOP_SECONDS * settings.fps).to_string());
        let mut context = gst::ParseContext::new();
        let element = gst::parse::launch_full(&text, Some(&mut context), gst::ParseFlags::FATAL_ERRORS).map_err(|e| {
            let missing = context.missing_elements();
            match missing.is_empty() {
                true => self.wrong(e.message().to_owned()),
                false => self.wrong(format!("no element `{}`", missing.join("`, `"))),
            }
        })?;
        let pipeline = element.downcast::<gst::Pipeline>().map_err(|_| self.wrong("it holds a single element".to_owned()))?;
        let find = |name: &str| pipeline.by_name(name).ok_or_else(|| self.wrong(format!("no element is named `{name}`")));
        let input = find("in")?.downcast().map_err(|_| self.wrong("the element `in` is not an appsrc".to_owned()))?;
        let output = find("out")?.downcast().map_err(|_| self.wrong("the element `out` is not an appsink".to_owned()))?;
        let size = find("size")?;
        let stamp_pad = find("stamp")?.static_pad("src");
        let stamp_pad = stamp_pad.ok_or_else(|| self.wrong("the element `stamp` has no pad `src`".to_owned()))?;
        find("encoder")?;
        Ok(Built { pipeline, input, size, stamp_pad, output })
    }

    fn wrong(&self, reason: String) -> StampError {
        StampError::Description { name: self.name.clone(), origin: Origin::of(&self.name).to_string(), reason }
    }
}

/// Where a description comes from, for messages.
enum Origin {
    BuiltIn,
    File(PathBuf),
}

impl Origin {
    fn of(name: &str) -> Self {
        if BUILT_IN.iter().any(|(n, _)| *n == name) { Self::BuiltIn } else { Self::File(name.into()) }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuiltIn => f.write_str("built in"),
            Self::File(path) => write!(f, "{}", path.display()),
        }
    }
}

struct Built {
    pipeline: gst::Pipeline,
    input: gst_app::AppSrc,
    size: gst::Element,
    stamp_pad: gst::Pad,
    output: gst_app::AppSink,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A running small pipeline for pictures of one format. Dropping it stops it.
pub(super) struct WallEncoder {
    pipeline: gst::Pipeline,
    input: gst_app::AppSrc,
    info: gst_video::VideoInfo,
    shared: Arc<Shared>,
}

/// What the wall's thread and the pipeline's share.
struct Shared {
    state: Mutex<State>,
    /// Told when a picture is taken for scaling, and when the pipeline has died.
    moved: Condvar,
    voice: Voice,
}

/// The lock on it is held alone and for an instant.
#[derive(Default)]
struct State {
    /// What belongs to the pictures inside the pipeline, by their time stamp in nanoseconds.
    under_way: BTreeMap<u64, Companion>,
    /// Pictures that wait to be scaled.
    waiting: usize,
    failed: Option<String>,
    format: Option<gst::Caps>,
}

impl WallEncoder {
    /// Starts a pipeline for pictures like `info`.
    ///
    /// # Errors
    /// Those of the description, the font and the label's characters; a picture too small even for the time.
    pub fn start(setup: &WallSetup, info: &gst_video::VideoInfo, voice: &Voice) -> Result<Self, StampError> {
        let (width, height) = wall_size(info.width(), info.height(), setup.settings.width);
        let painter = painter(setup, width, height)?;
        let built = setup.encoder.build(&setup.settings)?;
        let (aspect, rate) = (info.par(), paced(info.fps(), setup.settings.fps));
        let side = |n: u32| i32::try_from(n).unwrap_or(i32::MAX);
        let small = gst::Caps::builder("video/x-raw")
            .field("format", gst::List::new(["I420", "NV12"]))
            .field("width", side(width))
            .field("height", side(height))
            .field("pixel-aspect-ratio", aspect)
            .build();
        built.size.set_property("caps", small);
        let mut caps = info.to_caps().map_err(|e| setup.encoder.wrong(format!("decoded pictures: {e}")))?;
        caps.make_mut().set("framerate", rate);
        built.input.set_caps(Some(&caps));
        let shared = Arc::new(Shared { state: Mutex::default(), moved: Condvar::new(), voice: voice.clone() });
        connect(&built, &shared, painter);
        let Built { pipeline, input, .. } = built;
        let encoder = Self { pipeline, input, info: info.clone(), shared };
        if encoder.pipeline.set_state(gst::State::Playing).is_err() {
            let reason = lock(&encoder.shared.state).failed.clone();
            return Err(setup.encoder.wrong(reason.unwrap_or_else(|| "the pipeline does not start".to_owned())));
        }
        Ok(encoder)
    }

    /// True when pictures of this format can go in.
    pub fn takes(&self, info: &gst_video::VideoInfo) -> bool {
        self.info == *info
    }

    /// Gives a picture to the pipeline; waits while the one before it waits, until `stopped`.
    ///
    /// # Errors
    /// What the pipeline died of.
    pub fn push(&self, picture: WallPicture, stopped: &AtomicBool) -> Result<(), String> {
        let mut state = lock(&self.shared.state);
        while state.waiting > 0 && state.failed.is_none() && !stopped.load(Ordering::SeqCst) {
            let waited = self.shared.moved.wait_timeout(state, LOOK_EVERY);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        if let Some(reason) = state.failed.clone() {
            return Err(reason);
        }
        let Some(pts) = picture.buffer.pts().filter(|_| !stopped.load(Ordering::SeqCst)) else { return Ok(()) };
        state.under_way.insert(pts.nseconds(), picture.of_picture);
        while state.under_way.len() > MOST_UNDER_WAY {
            state.under_way.pop_first();
        }
        state.waiting += 1;
        drop(state);
        self.input.push_buffer(picture.buffer).map(|_| ()).map_err(|flow| {
            let failed = lock(&self.shared.state).failed.clone();
            failed.unwrap_or_else(|| format!("the pipeline takes no more pictures ({flow})"))
        })
    }
}

impl Drop for WallEncoder {
    fn drop(&mut self) {
        // In the wall's own thread: nobody waits for it.
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

/// The rate told to the encoder: the wall's, or the camera's where that is lower.
fn paced(camera: gst::Fraction, wall: u32) -> gst::Fraction {
    let wall = gst::Fraction::new(i32::try_from(wall).unwrap_or(10), 1);
    if camera.numer() > 0 && camera < wall { camera } else { wall }
}

/// The painter of the small picture. Where the label does not fit, as much of it is drawn as there is room for, at least the time: the
/// tile shows the camera's place beneath, and the recording carries both.
fn painter(setup: &WallSetup, width: u32, height: u32) -> Result<Painter, StampError> {
    let painter = Painter::new(&setup.label, &setup.stamp)?;
    let fit = painter.fitted(width, height)?.fit;
    if fit > Fit::Small {
        tracing::info!(camera = setup.camera, ?fit, "the wall picture has no room for the whole label");
    }
    Ok(painter)
}

impl Shared {
    fn fail(&self, reason: String) {
        lock(&self.state).failed.get_or_insert(reason);
        self.moved.notify_all();
    }

    /// Draws on a picture that leaves the element `stamp`.
    fn stamp(
        &self,
        pad: &gst::Pad,
        info: &mut gst::PadProbeInfo<'_>,
        painter: &mut Painter,
        keys: &mut KeyClock,
    ) -> Result<gst::PadProbeReturn, String> {
        if let Some(event) = info.event() {
            if let gst::EventView::Caps(caps) = event.view() {
                let format = gst_video::VideoInfo::from_caps(caps.caps()).map_err(|e| format!("scaled pictures: {e}"))?;
                painter.set_format(format)?;
            }
            return Ok(gst::PadProbeReturn::Ok);
        }
        let Some(buffer) = info.buffer_mut() else { return Ok(gst::PadProbeReturn::Ok) };
        let of_picture = buffer.pts().and_then(|pts| lock(&self.state).under_way.get(&pts.nseconds()).copied());
        let Some(of_picture) = of_picture else { return Ok(gst::PadProbeReturn::Drop) };
        if keys.is_key(of_picture.pts_90k, of_picture.capture, false) {
            pad.push_event(gst_video::DownstreamForceKeyUnitEvent::builder().all_headers(true).build());
        }
        painter.paint(buffer.make_mut(), of_picture.capture)?;
        Ok(gst::PadProbeReturn::Ok)
    }

    /// One encoded picture from the appsink.
    fn encoded(&self, sample: &gst::Sample) -> Result<(), String> {
        let caps = sample.caps().ok_or("the encoder gave a picture without caps")?;
        let new = {
            let mut state = lock(&self.state);
            let new = state.format.as_deref() != Some(caps);
            new.then(|| state.format = Some(caps.to_owned())).is_some()
        };
        if new {
            self.voice.say(Stamped::Format(video_format(&encoded_format(caps)?)?));
        }
        let buffer = sample.buffer().ok_or("the encoder gave a sample without a picture")?;
        let time = sample.segment().and_then(|segment| segment.downcast_ref::<gst::ClockTime>()?.to_running_time(buffer.pts()));
        let time = time.ok_or("the encoder gave a picture without a time stamp")?;
        let Some(of_picture) = lock(&self.state).under_way.remove(&time.nseconds()) else {
            return Err(format!("the encoder gave a picture at {time} that did not go in"));
        };
        let map = buffer.map_readable().map_err(|_| "an encoded picture cannot be read")?;
        self.voice.say(Stamped::Unit(VideoUnit {
            pts_90k: of_picture.pts_90k,
            capture: of_picture.capture,
            time_source: of_picture.time_source,
            other_capture: None,
            random_access: !buffer.flags().contains(gst::BufferFlags::DELTA_UNIT),
            data: Bytes::copy_from_slice(&map),
        }));
        Ok(())
    }
}

/// Puts the probe, the sink and the bus handler in place.
fn connect(built: &Built, shared: &Arc<Shared>, painter: Painter) {
    built.input.set_format(gst::Format::Time);
    // `push` bounds what waits; appsrc itself must neither block nor drop.
    built.input.set_max_bytes(0);
    built.input.set_property("block", false);
    built.output.set_property("sync", false);
    if let Some(pad) = built.input.static_pad("src") {
        let shared = Arc::clone(shared);
        pad.add_probe(gst::PadProbeType::BUFFER, move |_, _| {
            let mut state = lock(&shared.state);
            state.waiting = state.waiting.saturating_sub(1);
            drop(state);
            shared.moved.notify_all();
            gst::PadProbeReturn::Ok
        });
    }

    let work = Mutex::new((painter, KeyClock::new(0)));
    let for_pictures = Arc::clone(shared);
    built.stamp_pad.add_probe(gst::PadProbeType::BUFFER | gst::PadProbeType::EVENT_DOWNSTREAM, move |pad, info| {
        // Other events pass before the lock is taken: the key frame event comes through here while the lock is held.
        if info.event().is_some_and(|event| event.type_() != gst::EventType::Caps) {
            return gst::PadProbeReturn::Ok;
        }
        let (painter, keys) = &mut *lock(&work);
        for_pictures.stamp(pad, info, painter, keys).unwrap_or_else(|reason| {
            for_pictures.fail(reason);
            gst::PadProbeReturn::Drop
        })
    });

    let (for_samples, for_bus) = (Arc::clone(shared), Arc::clone(shared));
    let callbacks = gst_app::AppSinkCallbacks::builder().new_sample(move |sink| {
        let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
        for_samples.encoded(&sample).map(|()| gst::FlowSuccess::Ok).map_err(|reason| {
            for_samples.fail(reason);
            gst::FlowError::Error
        })
    });
    built.output.set_callbacks(callbacks.build());
    if let Some(bus) = built.pipeline.bus() {
        bus.set_sync_handler(move |_, message| {
            if let gst::MessageView::Error(error) = message.view() {
                let from = error.src().map_or_else(|| "the pipeline".into(), |src| src.name());
                for_bus.fail(format!("{from}: {}", error.error()));
            }
            gst::BusSyncReply::Drop
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> (StampSettings, WallSettings) {
        let stamp = StampSettings::default();
        (stamp, WallSettings::default())
    }

    #[test]
    fn x264_is_taken_and_a_sites_own_description_goes_before_it() {
        let (stamp, wall) = settings();
        let chosen = WallDescription::choose(&stamp, &wall).expect("package gstreamer1.0-plugins-ugly is installed");
        assert_eq!(chosen.name, "wall-x264");

        let folder = tempfile::tempdir().expect("a temporary folder");
        let own = BUILT_IN[0].1.replace("superfast", "ultrafast");
        std::fs::write(folder.path().join("wall.launch"), own).expect("written");
        let stamp = StampSettings { pipelines: Some(folder.path().to_owned()), ..stamp };
        let chosen = WallDescription::choose(&stamp, &wall).expect("it is good");
        assert!(chosen.name.ends_with("/wall.launch") && chosen.text.contains("ultrafast"), "{chosen:?}");
    }

    #[test]
    fn a_wrong_description_is_told_by_file_and_element() {
        let (stamp, wall) = settings();
        let folder = tempfile::tempdir().expect("a temporary folder");
        let stamp = StampSettings { pipelines: Some(folder.path().to_owned()), ..stamp };
        for (wrong, by) in [("x264enc", "x264encoder"), ("name=size", "name=sise"), ("videoscale", "nosuchscale")] {
            std::fs::write(folder.path().join("wall.launch"), BUILT_IN[0].1.replace(wrong, by)).expect("written");
            let said = WallDescription::choose(&stamp, &wall).expect_err("it is wrong").to_string();
            let named = if wrong == "name=size" { "`size`" } else { by };
            assert!(said.contains("wall.launch") && said.contains(named), "{said}");
        }
    }

    #[test]
    fn the_encoder_is_told_the_lower_of_both_rates() {
        let rate = |n, d| {
            let told = paced(gst::Fraction::new(n, d), 10);
            (told.numer(), told.denom())
        };
        assert_eq!([rate(25, 1), rate(25, 2), rate(5, 1), rate(0, 1)], [(10, 1), (10, 1), (5, 1), (10, 1)]);
    }
}
