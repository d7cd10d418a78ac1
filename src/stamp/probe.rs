//! Tries one encoder: stamps a few pictures, decodes what comes out and looks whether pictures and stamp are there.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;

use super::encoders::EncoderDescription;
use super::reencode::Reencoder;
use super::{Stamped, gst_init, probe_clip};
use crate::hall::StampSettings;
use crate::media::{VideoFormat, VideoUnit};
use crate::time::WallTime;

/// A trial that takes longer has failed.
const LIMIT: Duration = Duration::from_secs(10);

/// Pictures of the trial.
const PICTURES: u32 = 10;

/// The trial starts this long before a full minute, so that a key frame must come with the sixth picture.
const BEFORE_MINUTE_MICROS: i64 = 200_000;

/// Runs the trial; gives what was seen.
///
/// # Errors
/// A sentence naming what is wrong.
pub(crate) fn try_out(description: &EncoderDescription, settings: &StampSettings) -> Result<String, String> {
    let began = Instant::now();
    let (give, take) = mpsc::channel();
    let label = ["监察".to_owned(), "试编".to_owned()];
    let sink = move |stamped| {
        // The receiver is gone only when the trial is over.
        let _ = give.send(stamped);
    };
    let input = probe_clip::format();
    let reencoder = Reencoder::start(&input, &label, settings, description, sink).map_err(|e| e.to_string())?;
    let start = WallTime::from_micros(1_795_330_260_000_000 - BEFORE_MINUTE_MICROS);
    for unit in probe_clip::pictures(PICTURES, start) {
        reencoder.push(unit).map_err(|e| e.to_string())?;
    }
    reencoder.finish();

    let mut format = None;
    let mut units = Vec::new();
    loop {
        match take.recv_timeout(LIMIT.saturating_sub(began.elapsed())) {
            Ok(Stamped::Format(f)) => format = Some(f),
            Ok(Stamped::Unit(unit)) => units.push(unit),
            Ok(Stamped::Finished) => break,
            Ok(Stamped::Failed(reason)) => return Err(reason),
            Err(_) => return Err(format!("nothing more came out within {} s", LIMIT.as_secs())),
        }
    }
    let format = format.ok_or("no picture came out")?;
    judge(&format, &units)?;
    Ok(format!("{format:?}, {} pictures in {:.2} s", units.len(), began.elapsed().as_secs_f64()))
}

fn judge(format: &VideoFormat, units: &[VideoUnit]) -> Result<(), String> {
    if units.len() != PICTURES as usize {
        return Err(format!("{PICTURES} pictures went in, {} came out", units.len()));
    }
    let keys: Vec<usize> = units.iter().enumerate().filter(|(_, u)| u.random_access).map(|(n, _)| n).collect();
    if !keys.contains(&0) || !keys.contains(&5) {
        return Err(format!("the encoder gives no key frame when asked for one (key frames: {keys:?})"));
    }
    let pictures = decode(format, units)?;
    if pictures.len() != units.len() {
        return Err(format!("{} pictures were encoded, {} decode again", units.len(), pictures.len()));
    }
    for (number, picture) in pictures.iter().enumerate() {
        if (picture.width, picture.height) != (probe_clip::WIDTH, probe_clip::HEIGHT) {
            return Err(format!("pictures come out as {}x{}", picture.width, picture.height));
        }
        // The middle of the picture carries no stamp and must look as it did; the top carries the time in white.
        let row = |y: u32| picture.luma.iter().skip((y * picture.width) as usize).take(picture.width as usize);
        let unlike = row(probe_clip::HEIGHT / 2).filter(|s| !(LOW..=HIGH).contains(*s)).count();
        if unlike > probe_clip::WIDTH as usize / 50 {
            return Err(format!("picture {number} does not look like the one that went in"));
        }
        let white = (0..probe_clip::HEIGHT / 8).flat_map(row).filter(|s| **s > 200).count();
        if white < 100 {
            return Err(format!("picture {number} came out without the stamp"));
        }
    }
    Ok(())
}

/// Luma of the clip, with what coding may add or take.
const LOW: u8 = *probe_clip::LUMA.start() - 12;
const HIGH: u8 = *probe_clip::LUMA.end() + 12;

struct Decoded {
    width: u32,
    height: u32,
    luma: Vec<u8>,
}

/// Decodes stamped units with the software decoder.
fn decode(format: &VideoFormat, units: &[VideoUnit]) -> Result<Vec<Decoded>, String> {
    gst_init().map_err(|e| e.to_string())?;
    let text = "appsrc name=in format=time ! h264parse ! avdec_h264 max-threads=1 ! videoconvert \
                ! video/x-raw,format=GRAY8 ! appsink name=out sync=false";
    let pipeline = gst::parse::launch(text).map_err(|e| e.message().to_owned())?;
    let pipeline = pipeline.downcast::<gst::Pipeline>().map_err(|_| "no pipeline")?;
    let _stop = StopOnDrop(&pipeline);
    let input: gst_app::AppSrc = pipeline.by_name("in").and_then(|e| e.downcast().ok()).ok_or("no appsrc")?;
    let output: gst_app::AppSink = pipeline.by_name("out").and_then(|e| e.downcast().ok()).ok_or("no appsink")?;
    let caps = gst::Caps::builder("video/x-h264")
        .field("stream-format", "avc")
        .field("alignment", "au")
        .field("codec_data", gst::Buffer::from_slice(format.configuration.clone()))
        .build();
    input.set_caps(Some(&caps));
    pipeline.set_state(gst::State::Playing).map_err(|e| e.to_string())?;
    for (number, unit) in units.iter().enumerate() {
        let mut buffer = gst::Buffer::from_slice(unit.data.clone());
        if let Some(buffer) = buffer.get_mut() {
            buffer.set_pts(gst::ClockTime::from_mseconds(number as u64 * 40));
        }
        input.push_buffer(buffer).map_err(|e| format!("the decoder refuses a picture: {e}"))?;
    }
    input.end_of_stream().map_err(|e| e.to_string())?;
    let mut pictures = Vec::new();
    while let Some(sample) = output.try_pull_sample(gst::ClockTime::from_seconds(LIMIT.as_secs())) {
        let info = sample.caps().and_then(|caps| gstreamer_video::VideoInfo::from_caps(caps).ok());
        let (Some(info), Some(buffer)) = (info, sample.buffer()) else {
            return Err("the decoder gives no pictures".to_owned());
        };
        let frame = gstreamer_video::VideoFrameRef::from_buffer_ref_readable(buffer, &info).map_err(|e| e.to_string())?;
        let stride = usize::try_from(info.stride()[0]).unwrap_or(0).max(1);
        let plane = frame.plane_data(0).map_err(|e| e.to_string())?;
        let rows = plane.chunks(stride).take(info.height() as usize);
        let luma = rows.flat_map(|row| &row[..row.len().min(info.width() as usize)]).copied().collect();
        pictures.push(Decoded { width: info.width(), height: info.height(), luma });
    }
    Ok(pictures)
}

struct StopOnDrop<'a>(&'a gst::Pipeline);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        // A pipeline always reaches the null state.
        let _ = self.0.set_state(gst::State::Null);
    }
}
