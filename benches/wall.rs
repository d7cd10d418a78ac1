//! What a wall picture costs beside the stamp it is taken from: CPU time of decode + stamp + encode alone, with a wall nobody looks
//! at, and with one somebody looks at, in turn in one run, on the simulator's 1080p25 hall clip.

#![allow(clippy::print_stdout, reason = "figures are printed")]

use std::path::Path;
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;
use jiancha::hall::{StampSettings, WallSettings};
use jiancha::media::{TimeSource, VideoCodec, VideoFormat, VideoUnit};
use jiancha::simulate::{DEFAULT_MEDIA_DIR, cameras, generate};
use jiancha::stamp::Stamped;
use jiancha::stamp::encoders::descriptions;
use jiancha::stamp::reencode::Reencoder;
use jiancha::stamp::wall::{WallDescription, WallSetup, WallTaker};
use jiancha::time::WallTime;

/// Rounds of each way.
const ROUNDS: usize = 4;
/// 2026-11-22T14:50:00+08:00.
const START: WallTime = WallTime::from_micros(1_795_330_200_000_000);
/// Clock ticks a second in `/proc/self/stat`, on every Linux this runs on.
const TICKS: f64 = 100.0;

/// The three ways that are compared.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    Alone,
    NobodyLooks,
    Watched,
}

struct Taker {
    looks: bool,
    units: Mutex<mpsc::Sender<usize>>,
}

impl WallTaker for Taker {
    fn wanted(&self) -> Option<u64> {
        self.looks.then_some(1)
    }
    fn take(&self, stamped: Stamped) {
        if let Stamped::Unit(unit) = stamped {
            let _ = self.units.lock().expect("whole").send(unit.data.len());
        }
    }
    fn given_up(&self, _: bool) {}
}

/// The simulator's clip of a window, as a camera would send it.
fn hall_clip() -> (VideoFormat, Vec<VideoUnit>) {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join(DEFAULT_MEDIA_DIR);
    let camera = cameras::find("h264-alaw").expect("built in");
    generate::generate(&dir, &[camera], &|line| println!("{line}")).expect("media can be made");
    gst::init().expect("GStreamer starts");
    let text = format!(
        "filesrc location={} ! h264parse ! video/x-h264,stream-format=avc,alignment=au ! appsink name=out sync=false",
        dir.join("h264-alaw.h264").display()
    );
    let pipeline = gst::parse::launch(&text).expect("a good description").downcast::<gst::Pipeline>().expect("a pipeline");
    let out: gst_app::AppSink = pipeline.by_name("out").expect("named").downcast().expect("an appsink");
    pipeline.set_state(gst::State::Playing).expect("it plays");
    let (mut format, mut units) = (None, Vec::new());
    while let Ok(sample) = out.pull_sample() {
        let structure = sample.caps().expect("caps").structure(0).expect("a structure").to_owned();
        let record = structure.get::<gst::Buffer>("codec_data").expect("a record");
        let record = record.map_readable().expect("readable").to_vec();
        format.get_or_insert_with(|| VideoFormat {
            codec: VideoCodec::H264,
            width: 1920,
            height: 1080,
            codec_string: "avc1.640028".into(),
            sample_entry: jiancha::media::boxes::avc1(1920, 1080, &record),
            configuration: record.into(),
        });
        let n = units.len() as i64;
        let buffer = sample.buffer().expect("a picture");
        units.push(VideoUnit {
            pts_90k: n * 3600,
            capture: START.plus_micros(n * 40_000),
            time_source: TimeSource::SenderReport,
            other_capture: None,
            random_access: !buffer.flags().contains(gst::BufferFlags::DELTA_UNIT),
            data: buffer.map_readable().expect("readable").to_vec().into(),
        });
    }
    let _ = pipeline.set_state(gst::State::Null);
    (format.expect("pictures"), units)
}

/// CPU seconds of this process so far.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("proc is mounted");
    let fields: Vec<f64> = stat.rsplit(')').next().unwrap_or_default().split(' ').filter_map(|f| f.parse().ok()).collect();
    // After the state come ten more before utime and stime (proc(5)).
    (fields[10] + fields[11]) / TICKS
}

/// What one pass through the clip cost.
struct Pass {
    cpu: f64,
    wall_units: usize,
    wall_bytes: usize,
    first_ms: u128,
}

fn pass(way: Way, format: &VideoFormat, units: &[VideoUnit]) -> Pass {
    let settings = StampSettings { encoder: "x264".to_owned(), ..StampSettings::default() };
    let label = ["长春市朝阳区 重庆街道便民服务中心".to_owned(), "综合受理区 3、4号窗口".to_owned()];
    let x264 = descriptions(&settings).expect("built in").into_iter().find(|d| d.name == "x264").expect("built in");
    let (out, stamped) = mpsc::channel();
    let sink = move |s| {
        if matches!(s, Stamped::Unit(_)) {
            let _ = out.send(());
        }
    };
    let began = cpu();
    let reencoder = Reencoder::start(format, &label, &settings, &x264, sink).expect("it starts");
    let (give, wall) = mpsc::channel();
    if way != Way::Alone {
        reencoder.attach_wall(WallSetup {
            camera: "bench".to_owned(),
            settings: WallSettings::default(),
            stamp: settings.clone(),
            label,
            encoder: WallDescription::choose(&settings, &WallSettings::default()).expect("x264 is installed"),
            taker: Arc::new(Taker { looks: way == Way::Watched, units: Mutex::new(give) }),
        });
    }
    // The first five pictures wait for each other; afterwards each comes out before the next goes in, and so does the wall's.
    let (mut wall_units, mut wall_bytes, mut first_ms) = (0, 0, 0);
    let opened = Instant::now();
    for (n, unit) in units.iter().enumerate() {
        reencoder.push_blocking(unit.clone()).expect("taken");
        if n < 4 {
            continue;
        }
        for _ in 0..if n == 4 { 5 } else { 1 } {
            stamped.recv_timeout(Duration::from_secs(60)).expect("stamped");
        }
        let due = if way == Way::Watched { (n / 5) * 2 + if n % 5 >= 2 { 2 } else { 1 } } else { 0 };
        while wall_units < due {
            wall_bytes += wall.recv_timeout(Duration::from_secs(60)).expect("a wall picture");
            if wall_units == 0 {
                first_ms = opened.elapsed().as_millis();
            }
            wall_units += 1;
        }
    }
    drop(reencoder);
    Pass { cpu: cpu() - began, wall_units, wall_bytes, first_ms }
}

fn main() {
    let (format, units) = hall_clip();
    let seconds = units.len() as f64 / 25.0;
    println!(
        "1080p25 hall clip of {seconds} s, x264 superfast 3000 kbit/s, wall 640 x 360, 10 a second, 250 kbit/s; {ROUNDS} rounds"
    );
    let ways = [Way::Alone, Way::NobodyLooks, Way::Watched];
    let mut figures: [Vec<f64>; 3] = Default::default();
    for round in 0..ROUNDS {
        for (n, way) in ways.into_iter().enumerate() {
            let pass = pass(way, &format, &units);
            figures[n].push(pass.cpu / seconds);
            let kbps = pass.wall_bytes as f64 * 8.0 / 1000.0 / seconds;
            println!(
                "round {} {way:?}: {:.3} CPU s per stream-second, {} wall pictures, {kbps:.0} kbit/s, first after {} ms",
                round + 1,
                pass.cpu / seconds,
                pass.wall_units,
                pass.first_ms
            );
        }
    }
    let median = |values: &[f64]| {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        (sorted[(sorted.len() - 1) / 2] + sorted[sorted.len() / 2]) / 2.0
    };
    let [alone, idle, watched] = figures.each_ref().map(|f| median(f));
    println!(
        "median: alone {alone:.3}, nobody looks {idle:.3} ({:+.1} %), watched {watched:.3} ({:+.1} %)",
        (idle / alone - 1.0) * 100.0,
        (watched / alone - 1.0) * 100.0
    );
    println!(
        "a wall picture costs {:.1} ms CPU per stream-second beside {:.1} ms of the stamp",
        (watched - alone) * 1000.0,
        alone * 1000.0
    );
}
