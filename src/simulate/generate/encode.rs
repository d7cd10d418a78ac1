//! The encoders' edge: raw pictures or samples in, coded units out, through a GStreamer pipeline that ends with its input.

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app::{AppSink, AppSrc};

/// One raw buffer for the encoder, with its time and length in nanoseconds.
pub struct Raw {
    /// The samples or the I420 picture.
    pub bytes: Vec<u8>,
    /// Start in nanoseconds.
    pub pts_ns: u64,
    /// Length in nanoseconds.
    pub duration_ns: u64,
}

/// Runs everything `input` gives through `encoder`, a GStreamer description without source and sink, and hands each coded buffer
/// to `output`.
///
/// # Errors
/// A sentence naming what GStreamer complained of.
pub fn encode(
    encoder: &str,
    caps: &gst::Caps,
    input: impl Iterator<Item = Raw> + Send,
    mut output: impl FnMut(&[u8]),
) -> Result<(), String> {
    let text = format!("appsrc name=in format=time block=true max-bytes=16000000 ! {encoder} ! appsink name=out sync=false");
    let pipeline = gst::parse::launch(&text).map_err(|e| format!("GStreamer does not accept `{text}`: {e}"))?;
    let bin = pipeline.downcast_ref::<gst::Bin>().ok_or("the description is not a pipeline")?;
    let source = bin.by_name("in").and_downcast::<AppSrc>().ok_or("the pipeline has no appsrc")?;
    let sink = bin.by_name("out").and_downcast::<AppSink>().ok_or("the pipeline has no appsink")?;
    source.set_caps(Some(caps));
    pipeline.set_state(gst::State::Playing).map_err(|e| format!("the encoder does not start: {}", complaint(&pipeline, &e)))?;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for raw in input {
                let mut buffer = gst::Buffer::from_mut_slice(raw.bytes);
                if let Some(buffer) = buffer.get_mut() {
                    buffer.set_pts(gst::ClockTime::from_nseconds(raw.pts_ns));
                    buffer.set_duration(gst::ClockTime::from_nseconds(raw.duration_ns));
                }
                if source.push_buffer(buffer).is_err() {
                    return;
                }
            }
            // An error here also ends the pipeline, and is seen on the other side.
            let _ = source.end_of_stream();
        });
        let result = drain(&pipeline, &sink, &mut output);
        // Releases a feeder that waits for room after an error.
        let stopped = pipeline.set_state(gst::State::Null).map_err(|e| format!("the encoder does not stop: {e}"));
        result.and(stopped.map(|_| ()))
    })
}

fn drain(pipeline: &gst::Element, sink: &AppSink, output: &mut impl FnMut(&[u8])) -> Result<(), String> {
    loop {
        match sink.try_pull_sample(gst::ClockTime::from_mseconds(500)) {
            Some(sample) => {
                let buffer = sample.buffer().ok_or("the encoder gave an empty sample")?;
                let map = buffer.map_readable().map_err(|e| format!("the encoder's buffer cannot be read: {e}"))?;
                output(&map);
            }
            None if sink.is_eos() => return Ok(()),
            None => {
                if let Some(told) = error_on_bus(pipeline) {
                    return Err(told);
                }
            }
        }
    }
}

fn error_on_bus(pipeline: &gst::Element) -> Option<String> {
    let message = pipeline.bus()?.pop_filtered(&[gst::MessageType::Error])?;
    match message.view() {
        gst::MessageView::Error(e) => Some(format!("{} ({})", e.error(), e.debug().unwrap_or_default())),
        _ => None,
    }
}

fn complaint(pipeline: &gst::Element, error: &gst::StateChangeError) -> String {
    error_on_bus(pipeline).unwrap_or_else(|| error.to_string())
}
