//! The RTSP server behind the proxy: gstreamer-rtsp-server on an internal port, one path and one shared pipeline per camera.
//!
//! Pipelines run on the wall clock, so a buffer's time is its capture time and the sender reports (RFC 3550 section 6.4.1) tell it.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use gst_rtsp_server::prelude::*;
use gst_rtsp_server::{RTSP_PERM_MEDIA_FACTORY_ACCESS, RTSP_PERM_MEDIA_FACTORY_CONSTRUCT, RTSP_TOKEN_MEDIA_FACTORY_ROLE};
use gstreamer as gst;
use gstreamer::glib;
use gstreamer::prelude::*;
use gstreamer_app::AppSrc;
use gstreamer_rtsp as gst_rtsp;
use gstreamer_rtsp_server as gst_rtsp_server;
use tokio::sync::watch;
use tracing::warn;

use super::cameras::{CameraSpec, PictureCoding, SoundCoding};
use super::clip::CameraMedia;
use super::fault::{Condition, Connection};
use super::osd::Painter;
use super::pump::Pump;
use super::{Credentials, SimulateError};

/// Realm of every challenge.
pub const REALM: &str = "jiancha simulate";
/// The role of whoever knows the password.
const ROLE: &str = "viewer";
/// What waits in front of a slow connection at most, in nanoseconds; what is older is dropped.
const QUEUE_NS: u64 = 10_000_000_000;

/// Longest wait for sessions to end when the server stops.
const LONGEST_FAREWELL: Duration = Duration::from_secs(2);

/// One camera to serve.
#[derive(Clone)]
pub struct Served {
    /// Where, without the leading slash.
    pub path: String,
    /// What it is.
    pub spec: &'static CameraSpec,
    /// What it sends.
    pub media: Arc<CameraMedia>,
    /// What is wrong with it.
    pub condition: watch::Receiver<Condition>,
}

/// The running server.
pub struct Server {
    server: gst_rtsp_server::RTSPServer,
    main_loop: glib::MainLoop,
    thread: Option<JoinHandle<()>>,
    address: SocketAddr,
    stop: Arc<AtomicBool>,
}

impl Server {
    /// Starts on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// [`SimulateError::Server`] when GStreamer's server does not start.
    pub fn start(cameras: &[Served], credentials: Option<&Credentials>) -> Result<Self, SimulateError> {
        let server = gst_rtsp_server::RTSPServer::new();
        server.set_address("127.0.0.1");
        server.set_service("0");
        if let Some(credentials) = credentials {
            server.set_auth(Some(&authority(credentials)));
        }
        let mounts = server.mount_points().ok_or_else(|| SimulateError::Server("it has no mount points".into()))?;
        let stop = Arc::new(AtomicBool::new(false));
        for camera in cameras {
            mounts.add_factory(&format!("/{}", camera.path), factory(camera, &stop));
        }
        let context = glib::MainContext::new();
        server.attach(Some(&context)).map_err(|e| SimulateError::Server(e.to_string()))?;
        let port = u16::try_from(server.bound_port()).map_err(|_| SimulateError::Server("it has no port".into()))?;
        let main_loop = glib::MainLoop::new(Some(&context), false);
        let running = main_loop.clone();
        let thread = std::thread::Builder::new()
            .name("simulate-rtsp".into())
            .spawn(move || {
                // The context must be this thread's, or the server's own threads would look for another.
                if context.with_thread_default(|| running.run()).is_err() {
                    warn!("the RTSP server's context belongs to another thread");
                }
            })
            .map_err(|e| SimulateError::Server(e.to_string()))?;
        Ok(Self { server, main_loop, thread: Some(thread), address: SocketAddr::from(([127, 0, 0, 1], port)), stop })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends the server. The proxy must have closed its connections: sessions end with them, in the server's own threads. To end
    /// them from here would race with their senders (1.22 aborts with "'data_seq' should not be NULL").
    pub fn stop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let began = Instant::now();
            while self.server.session_pool().is_some_and(|pool| pool.n_sessions() > 0) && began.elapsed() < LONGEST_FAREWELL {
                std::thread::sleep(Duration::from_millis(5));
            }
            self.main_loop.quit();
            if thread.join().is_err() {
                warn!("the RTSP server's thread had panicked");
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

fn authority(credentials: &Credentials) -> gst_rtsp_server::RTSPAuth {
    let auth = gst_rtsp_server::RTSPAuth::new();
    auth.set_realm(Some(REALM));
    auth.set_supported_methods(gst_rtsp::RTSPAuthMethod::Digest);
    let token = gst_rtsp_server::RTSPToken::builder().field(RTSP_TOKEN_MEDIA_FACTORY_ROLE, ROLE).build();
    auth.add_digest(&credentials.username, &credentials.password, &token);
    auth
}

fn factory(camera: &Served, stop: &Arc<AtomicBool>) -> gst_rtsp_server::RTSPMediaFactory {
    let factory = gst_rtsp_server::RTSPMediaFactory::new();
    factory.set_launch(&launch(camera.spec));
    factory.set_shared(true);
    let clock: gst::Clock =
        glib::Object::builder::<gst::SystemClock>().property("clock-type", gst::ClockType::Realtime).build().upcast();
    factory.set_clock(Some(&clock));
    factory.add_role_from_structure(
        &gst::Structure::builder(ROLE)
            .field(RTSP_PERM_MEDIA_FACTORY_ACCESS, true)
            .field(RTSP_PERM_MEDIA_FACTORY_CONSTRUCT, true)
            .build(),
    );
    let (camera, stop) = (camera.clone(), Arc::clone(stop));
    factory.connect_media_configure(move |_, media| {
        if let Err(problem) = configure(&camera, media, &stop) {
            warn!(camera = camera.spec.id, problem, "the camera cannot be shown");
        }
    });
    factory
}

/// The pipeline of one camera. Units carry their parameter sets, so the payloaders insert none.
fn launch(spec: &CameraSpec) -> String {
    let source = |name: &str| {
        format!("appsrc name={name} is-live=true format=time block=false max-bytes=0 max-time={QUEUE_NS} leaky-type=downstream")
    };
    let video = match spec.coding {
        _ if spec.own_clock => OWN_CLOCK,
        PictureCoding::H264 => "rtph264pay name=pay0 pt=96",
        PictureCoding::H265 => "rtph265pay name=pay0 pt=96",
        PictureCoding::Mpeg4 => "rtpmp4vpay name=pay0 pt=96",
    };
    let audio = match spec.sound {
        Some(SoundCoding::ALaw) => format!("{} ! rtppcmapay name=pay1 pt=8", source("audio")),
        Some(SoundCoding::Aac) => format!("{} ! rtpmp4gpay name=pay1 pt=97", source("audio")),
        None => String::new(),
    };
    format!("( {} ! {video} {audio} )", source("video"))
}

/// A camera that draws its own clock codes its pictures while it is watched; a key frame every two seconds, as the others have.
const OWN_CLOCK: &str = "x264enc tune=zerolatency speed-preset=ultrafast threads=1 bframes=0 key-int-max=25 pass=qual quantizer=22 \
     ! video/x-h264,profile=baseline ! h264parse ! rtph264pay name=pay0 pt=96 config-interval=-1";

/// What such a camera's encoder takes.
fn drawn_caps(spec: &CameraSpec) -> gst::Caps {
    let (numerator, denominator) = spec.rate.fraction();
    gst::Caps::builder("video/x-raw")
        .field("format", "I420")
        .field("width", i32::try_from(spec.width).unwrap_or(0))
        .field("height", i32::try_from(spec.height).unwrap_or(0))
        .field("framerate", gst::Fraction::new(numerator, denominator))
        .field("interlace-mode", "progressive")
        .field("colorimetry", "bt709")
        .build()
}

/// The GStreamer elements serving needs, with the Debian package of each.
pub const ELEMENTS: [(&str, &str); 7] = [
    ("appsrc", "gstreamer1.0-plugins-base"),
    ("rtpbin", "gstreamer1.0-plugins-good"),
    ("rtph264pay", "gstreamer1.0-plugins-good"),
    ("rtph265pay", "gstreamer1.0-plugins-good"),
    ("rtpmp4vpay", "gstreamer1.0-plugins-good"),
    ("rtppcmapay", "gstreamer1.0-plugins-good"),
    ("rtpmp4gpay", "gstreamer1.0-plugins-good"),
];

fn configure(camera: &Served, media: &gst_rtsp_server::RTSPMedia, server_stop: &Arc<AtomicBool>) -> Result<(), &'static str> {
    let bin = media.element().downcast::<gst::Bin>().map_err(|_| "its element is no bin")?;
    let source = |name: &str| bin.by_name(name).and_downcast::<AppSrc>();
    let video = source("video").ok_or("its pipeline has no picture source")?;
    let painter = camera.spec.own_clock.then(|| Painter::new(camera.spec));
    video.set_caps(Some(&if painter.is_some() { drawn_caps(camera.spec) } else { camera.media.picture_caps() }));
    let audio = camera.media.sound.as_ref().and_then(|sound| {
        let audio = source("audio")?;
        audio.set_caps(Some(&sound.caps()));
        Some(audio)
    });
    let stop = Arc::new(AtomicBool::new(false));
    let condition = camera.condition.clone();
    let reports = condition.clone();
    media.connect_prepared(move |media| watch_reports(media, &reports));
    let ended = Arc::clone(&stop);
    media.connect_unprepared(move |_| ended.store(true, Ordering::Relaxed));
    let pump = Pump {
        spec: camera.spec,
        media: Arc::clone(&camera.media),
        condition,
        video,
        painter,
        audio,
        stop: [stop, Arc::clone(server_stop)],
    };
    let spawned = std::thread::Builder::new().name(format!("pump-{}", camera.spec.id)).spawn(move || pump.run());
    spawned.map(|_| ()).map_err(|_| "no thread can be started")
}

/// Lets the camera's clock be wrong, and a stalled camera send no reports either.
fn watch_reports(media: &gst_rtsp_server::RTSPMedia, condition: &watch::Receiver<Condition>) {
    let Some(pipeline) = media.element().parent().and_downcast::<gst::Bin>() else { return };
    for bin in pipeline.iterate_elements().into_iter().flatten() {
        if bin.factory().is_none_or(|f| f.name() != "rtpbin") {
            continue;
        }
        for pad in bin.src_pads().into_iter().filter(|p| p.name().starts_with("send_rtcp_src")) {
            let condition = condition.clone();
            let drift = Mutex::new(Drift::default());
            pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
                let now = *condition.borrow();
                if now.connection == Connection::Stall {
                    return gst::PadProbeReturn::Drop;
                }
                let drifted = drift.lock().unwrap_or_else(PoisonError::into_inner).micros(now.clock_drift_ppm, Instant::now());
                let offset_micros = now.clock_offset_ms.saturating_mul(1000).saturating_add(drifted);
                if (offset_micros != 0 || now.clock_unset)
                    && let Some(buffer) = info.buffer_mut()
                    && let Ok(mut bytes) = buffer.make_mut().map_writable()
                {
                    change_report(&mut bytes, offset_micros, now.clock_unset);
                }
                gst::PadProbeReturn::Ok
            });
        }
    }
}

/// How far a clock that gains has come.
#[derive(Default)]
struct Drift {
    ppm: i32,
    gained_micros: f64,
    last: Option<Instant>,
}

impl Drift {
    /// Microseconds gained up to `now`, at `ppm` since the last call; healed clocks are right at once.
    #[expect(clippy::cast_possible_truncation, reason = "microseconds of a test's length")]
    fn micros(&mut self, ppm: i32, now: Instant) -> i64 {
        let passed = self.last.map_or(0.0, |last| now.saturating_duration_since(last).as_secs_f64());
        self.gained_micros = if ppm == 0 { 0.0 } else { self.gained_micros + passed * f64::from(self.ppm) };
        (self.ppm, self.last) = (ppm, Some(now));
        self.gained_micros as i64
    }
}

/// Seconds from 1900 to 1970, and in a day.
const NTP_1970: u64 = 2_208_988_800;
const DAY: u64 = 86_400;

/// Shifts the NTP time of the sender report that opens a compound packet (RFC 3550 section 6.4.1), or puts it on the first day of 1970.
fn change_report(packet: &mut [u8], offset_micros: i64, unset: bool) {
    if packet.get(1) != Some(&200) {
        return;
    }
    if let Some(ntp) = packet.get_mut(8..16).and_then(|n| n.first_chunk_mut::<8>()) {
        let mut told = u64::from_be_bytes(*ntp).wrapping_add(((i128::from(offset_micros) << 32) / 1_000_000) as u64);
        if unset {
            told = ((NTP_1970 + (told >> 32) % DAY) << 32) | (told & 0xffff_ffff);
        }
        *ntp = told.to_be_bytes();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stepped_clock_moves_only_the_ntp_time_of_a_sender_report() {
        let mut report = vec![0x80, 200, 0, 6, 1, 2, 3, 4, 0, 0, 0, 100, 0x80, 0, 0, 0, 9, 9, 9, 9];
        change_report(&mut report, 1_500_000, false);
        assert_eq!(report, [0x80, 200, 0, 6, 1, 2, 3, 4, 0, 0, 0, 102, 0, 0, 0, 0, 9, 9, 9, 9]);
        change_report(&mut report, -2_000_000, false);
        assert_eq!(report[8..16], [0, 0, 0, 100, 0, 0, 0, 0]);
        // 100 s after 1900 is 100 s into a day.
        change_report(&mut report, 0, true);
        assert_eq!(report[8..16], (((2_208_988_800u64 + 100) << 32).to_be_bytes()));
        let mut goodbye = vec![0x80, 203, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
        change_report(&mut goodbye, 1_500_000, true);
        assert_eq!(goodbye[8..], [5, 6, 7, 8, 9, 10, 11, 12]);
    }

    #[test]
    fn a_clock_that_gains_comes_back_when_it_is_healed() {
        let start = Instant::now();
        let mut drift = Drift::default();
        let mut after = |seconds, ppm| drift.micros(ppm, start + Duration::from_secs(seconds));
        assert_eq!(after(0, 500), 0);
        assert_eq!(after(60, 500), 30_000);
        assert_eq!(after(120, -500), 60_000);
        assert_eq!(after(180, -500), 30_000);
        assert_eq!(after(181, 0), 0);
    }
}
