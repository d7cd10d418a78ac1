//! Makes coded clips with GStreamer and decodes them again.

// Each test program uses its own part of this module.
#![allow(dead_code)]

use std::process::Command;

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;
use gstreamer_video as gst_video;
use gstreamer_video::prelude::*;
use jiancha::media::{TimeSource, VideoCodec, VideoFormat, VideoUnit};
use jiancha::time::WallTime;

use crate::reading::Luma;

/// A coded clip, units in decoding order.
pub struct Clip {
    pub format: VideoFormat,
    pub units: Vec<VideoUnit>,
}

/// Encodes `frames` pictures of videotestsrc at 25 a second. `source` are its properties, maybe with further elements.
pub fn encode(source: &str, width: u32, height: u32, frames: u32, encoder: &str) -> Clip {
    let (source, caps) = match source.split_once(" ! video/x-raw,") {
        Some((source, caps)) => (source, format!(",{caps}")),
        None => (source, String::new()),
    };
    let format = if caps.contains("format=") { "" } else { ",format=I420" };
    let (parser, media) = if encoder.starts_with("x265") {
        ("h265parse", "video/x-h265,stream-format=hvc1")
    } else {
        ("h264parse", "video/x-h264,stream-format=avc")
    };
    read(&format!(
        "videotestsrc num-buffers={frames} {source} ! video/x-raw,width={width},height={height},framerate=25/1{format}{caps} \
         ! {encoder} ! {parser} ! {media},alignment=au ! appsink name=out sync=false"
    ))
}

/// Runs a description that ends in an appsink `out` with coded pictures.
fn read(description: &str) -> Clip {
    gst::init().expect("GStreamer starts");
    let pipeline =
        gst::parse::launch(description).expect("a good description").downcast::<gst::Pipeline>().expect("a pipeline");
    let out: gst_app::AppSink = pipeline.by_name("out").expect("named").downcast().expect("an appsink");
    pipeline.set_state(gst::State::Playing).expect("it plays");
    let (mut format, mut units, mut first) = (None, Vec::new(), None);
    while let Ok(sample) = out.pull_sample() {
        let caps = sample.caps().expect("caps");
        let structure = caps.structure(0).expect("a structure");
        let codec = if structure.name().ends_with("h265") { VideoCodec::H265 } else { VideoCodec::H264 };
        let number = |name: &str| structure.get::<i32>(name).expect("a size") as u32;
        format.get_or_insert_with(|| {
            let data = structure.get::<gst::Buffer>("codec_data").expect("a configuration");
            VideoFormat {
                codec,
                width: number("width"),
                height: number("height"),
                codec_string: String::new(),
                sample_entry: Default::default(),
                configuration: data.map_readable().expect("readable").to_vec().into(),
            }
        });
        let buffer = sample.buffer().expect("a buffer");
        // A bare H.264 file has no time stamps: 25 a second.
        let pts = buffer.pts().map_or(units.len() as u64 * 40_000_000, |pts| pts.nseconds());
        let pts_90k = ((pts - *first.get_or_insert(pts)) as f64 * 9.0 / 100_000.0).round() as i64;
        units.push(VideoUnit {
            pts_90k,
            capture: WallTime::from_micros(0).plus_micros(pts_90k * 100 / 9),
            time_source: TimeSource::SenderReport,
            other_capture: None,
            random_access: !buffer.flags().contains(gst::BufferFlags::DELTA_UNIT),
            data: buffer.map_readable().expect("readable").to_vec().into(),
        });
    }
    pipeline.set_state(gst::State::Null).expect("it stops");
    Clip { format: format.expect("pictures"), units }
}

impl Clip {
    /// The same clip, its first picture taken at `start`.
    pub fn taken_from(mut self, start: WallTime) -> Clip {
        for unit in &mut self.units {
            unit.capture = start.plus_micros(unit.pts_90k * 100 / 9);
        }
        self
    }

    /// Puts the parameter sets (H.264) in front of every random access point, as a camera does that changes its format.
    pub fn carry_parameter_sets(&mut self) {
        let sets = parameter_sets(&self.format);
        for unit in self.units.iter_mut().filter(|unit| unit.random_access) {
            let mut data = Vec::new();
            for set in &sets {
                data.extend((set.len() as u32).to_be_bytes());
                data.extend(set);
            }
            data.extend(&unit.data);
            unit.data = data.into();
        }
    }

    /// The same clip (H.264) sent through a bitstream filter of ffmpeg.
    pub fn with_bitstream_filter(self, filter: &str) -> Clip {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (from, to) = (folder.path().join("from.h264"), folder.path().join("to.h264"));
        std::fs::write(&from, annex_b(&self.format, &self.units)).expect("written");
        let status = Command::new("ffmpeg")
            .args(["-v", "error", "-i"])
            .arg(&from)
            .args(["-c", "copy", "-bsf:v", filter])
            .arg(&to)
            .status();
        assert!(status.expect("ffmpeg is installed").success());
        let location = to.display();
        read(&format!(
            "filesrc location={location} ! h264parse ! video/x-h264,stream-format=avc,alignment=au,framerate=25/1 ! appsink name=out sync=false"
        ))
    }
}

/// The parameter sets of an `avcC` record with one picture parameter set.
fn parameter_sets(format: &VideoFormat) -> Vec<Vec<u8>> {
    let record = &format.configuration;
    let (mut at, mut found) = (6, Vec::new());
    for sets in [record[5] & 0x1f, 1] {
        for _ in 0..sets {
            let length = usize::from(u16::from_be_bytes([record[at], record[at + 1]]));
            found.push(record[at + 2..at + 2 + length].to_vec());
            at += 2 + length;
        }
        at += 1; // the number of picture parameter sets
    }
    found
}

/// H.264 units with start codes, parameter sets in front.
pub fn annex_b(format: &VideoFormat, units: &[VideoUnit]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut put = |nal: &[u8]| {
        out.extend([0, 0, 0, 1]);
        out.extend(nal);
    };
    parameter_sets(format).iter().for_each(|set| put(set));
    for unit in units {
        let mut at = 0;
        while at < unit.data.len() {
            let length = u32::from_be_bytes(unit.data[at..at + 4].try_into().expect("four bytes")) as usize;
            put(&unit.data[at + 4..at + 4 + length]);
            at += 4 + length;
        }
    }
    out
}

/// Decodes units with GStreamer's libav decoder; gives every picture's luma in order.
pub fn decode(format: &VideoFormat, units: &[VideoUnit]) -> Vec<Luma> {
    decoded(format, units).0
}

/// What the decoded pictures' caps say about colour.
pub fn colorimetry(format: &VideoFormat, units: &[VideoUnit]) -> String {
    let caps = decoded(format, units).1;
    caps.structure(0).and_then(|s| s.get::<String>("colorimetry").ok()).unwrap_or_default()
}

fn decoded(format: &VideoFormat, units: &[VideoUnit]) -> (Vec<Luma>, gst::Caps) {
    gst::init().expect("GStreamer starts");
    let pipeline =
        gst::parse::launch("appsrc name=in format=time ! h264parse ! avdec_h264 max-threads=1 ! appsink name=out sync=false")
            .expect("a good description")
            .downcast::<gst::Pipeline>()
            .expect("a pipeline");
    let input: gst_app::AppSrc = pipeline.by_name("in").expect("named").downcast().expect("an appsrc");
    let out: gst_app::AppSink = pipeline.by_name("out").expect("named").downcast().expect("an appsink");
    let caps = gst::Caps::builder("video/x-h264")
        .field("stream-format", "avc")
        .field("alignment", "au")
        .field("codec_data", gst::Buffer::from_slice(format.configuration.clone()))
        .build();
    input.set_caps(Some(&caps));
    input.set_max_bytes(0);
    pipeline.set_state(gst::State::Playing).expect("it plays");
    let first = units.iter().map(|u| u.pts_90k).min().unwrap_or(0);
    for unit in units {
        let mut buffer = gst::Buffer::from_slice(unit.data.clone());
        let pts = gst::ClockTime::from_useconds(((unit.pts_90k - first) * 100 / 9) as u64);
        buffer.get_mut().expect("new").set_pts(pts);
        input.push_buffer(buffer).expect("the decoder takes it");
    }
    input.end_of_stream().expect("the decoder listens");
    let (mut pictures, mut caps) = (Vec::new(), gst::Caps::new_empty());
    while let Ok(sample) = out.pull_sample() {
        caps = sample.caps_owned().expect("caps");
        let info = gst_video::VideoInfo::from_caps(&caps).expect("raw video");
        let frame =
            gst_video::VideoFrameRef::from_buffer_ref_readable(sample.buffer().expect("a buffer"), &info).expect("a picture");
        let (width, height, stride) = (info.width() as usize, info.height() as usize, frame.plane_stride()[0] as usize);
        let plane = frame.plane_data(0).expect("luma");
        let samples = plane.chunks(stride).take(height).flat_map(|row| &row[..width]).copied().collect();
        pictures.push(Luma { width, height, samples });
    }
    pipeline.set_state(gst::State::Null).expect("it stops");
    (pictures, caps)
}
