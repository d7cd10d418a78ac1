//! The clip that benchmarks of the stamper share, and the processor time they are measured in.

use std::path::{Path, PathBuf};

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;
use jiancha::media::{TimeSource, VideoCodec, VideoFormat, VideoUnit};
use jiancha::simulate::{DEFAULT_MEDIA_DIR, cameras, generate};
use jiancha::time::WallTime;

/// 2026-11-22T14:50:00+08:00.
pub const START: WallTime = WallTime::from_micros(1_795_330_200_000_000);
/// Clock ticks a second in `/proc/self/stat`, on every Linux this runs on.
const TICKS: f64 = 100.0;

/// The label that is stamped.
pub fn label() -> [String; 2] {
    ["长春市朝阳区 重庆街道便民服务中心".to_owned(), "综合受理区 3、4号窗口".to_owned()]
}

/// The clip's file.
#[allow(dead_code, reason = "not every benchmark reads it itself")]
pub fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(DEFAULT_MEDIA_DIR).join("h264-alaw.h264")
}

/// The simulator's clip of a window, as a camera would send it.
pub fn hall_clip() -> (VideoFormat, Vec<VideoUnit>) {
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
pub fn cpu() -> f64 {
    times(10)
}

/// CPU seconds of the processes this one started and waited for.
#[allow(dead_code, reason = "not every benchmark starts any")]
pub fn cpu_of_children() -> f64 {
    times(12)
}

/// Two fields of `/proc/self/stat` in a row, counted from the parent's number (proc(5)).
fn times(first: usize) -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("proc is mounted");
    let fields: Vec<f64> = stat.rsplit(')').next().unwrap_or_default().split(' ').filter_map(|f| f.parse().ok()).collect();
    (fields[first] + fields[first + 1]) / TICKS
}
