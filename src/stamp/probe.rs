//! Tries one encoder: stamps a few pictures, decodes what comes out and looks whether pictures and stamp are there.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;
use gstreamer_video as gst_video;

use super::encoders::{EncoderDescription, Origin, TRIAL_LIMIT};
use super::painter::Painter;
use super::probe_clip::{self, HD, SMALL, Size};
use super::reencode::Reencoder;
use super::{Stamped, gst_init};
use crate::hall::StampSettings;
use crate::media::{VideoCodec, VideoFormat, VideoUnit};
use crate::time::WallTime;

/// Pictures of the trial.
const PICTURES: u32 = 10;

/// Pictures of a measurement.
const MEASURED: u32 = 30;

/// The trial starts this long before a full minute, so that a key frame must come with the sixth picture.
const BEFORE_MINUTE_MICROS: i64 = 200_000;
/// 2026-11-22T14:51:00+08:00.
const MINUTE: i64 = 1_795_330_260_000_000;

/// Luma outside the stamp may differ by this much on average from what went in.
const MOST_CHANGE: f64 = 8.0;

/// Runs the trial; gives what was seen.
///
/// # Errors
/// A sentence naming what is wrong.
pub(crate) fn try_out(description: &EncoderDescription, settings: &StampSettings) -> Result<String, String> {
    let began = Instant::now();
    if matches!(description.origin, Origin::File(_)) {
        description.check().map_err(|e| e.to_string())?;
    }
    let start = WallTime::from_micros(MINUTE - BEFORE_MINUTE_MICROS);
    let (format, units, _) = stamp(description, settings, SMALL, probe_clip::pictures(PICTURES, start, SMALL))?;
    judge(&format, &units, settings)?;
    Ok(format!("{format:?}, {} pictures in {:.2} s", units.len(), began.elapsed().as_secs_f64()))
}

/// Pictures of 1080 lines a second.
///
/// # Errors
/// A sentence naming what is wrong.
pub(crate) fn measure(description: &EncoderDescription, settings: &StampSettings) -> Result<f64, String> {
    let clip: Vec<VideoUnit> = probe_clip::pictures(MEASURED, WallTime::from_micros(MINUTE), HD).collect();
    let (_, units, took) = stamp(description, settings, HD, clip)?;
    #[expect(clippy::cast_precision_loss, reason = "thirty pictures")]
    let pictures = units.len().saturating_sub(1) as f64;
    Ok(pictures / took.as_secs_f64().max(1e-6))
}

fn label() -> [String; 2] {
    ["监察".to_owned(), "试编".to_owned()]
}

/// Format, pictures, and the time from the first to the last of them.
type Run = (VideoFormat, Vec<VideoUnit>, Duration);

/// Stamps a clip.
fn stamp(
    description: &EncoderDescription,
    settings: &StampSettings,
    size: Size,
    clip: impl IntoIterator<Item = VideoUnit>,
) -> Result<Run, String> {
    let began = Instant::now();
    let (give, take) = mpsc::channel();
    let sink = move |stamped| {
        // The receiver is gone only when the trial is over.
        let _ = give.send((Instant::now(), stamped));
    };
    let input = probe_clip::format(size);
    let reencoder = Reencoder::start(&input, &label(), settings, description, sink).map_err(|e| e.to_string())?;
    for unit in clip {
        reencoder.push(unit).map_err(|e| e.to_string())?;
    }
    reencoder.finish();

    let (mut format, mut units, mut times) = (None, Vec::new(), Vec::new());
    loop {
        match take.recv_timeout(TRIAL_LIMIT.saturating_sub(began.elapsed())) {
            Ok((_, Stamped::Format(f))) => format = Some(f),
            Ok((at, Stamped::Unit(unit))) => {
                units.push(unit);
                times.push(at);
            }
            Ok((_, Stamped::Finished)) => break,
            Ok((_, Stamped::Failed(reason))) => return Err(reason),
            Err(_) => return Err(format!("nothing more came out within {} s", TRIAL_LIMIT.as_secs())),
        }
    }
    let took = times.first().zip(times.last()).map(|(first, last)| last.duration_since(*first)).unwrap_or_default();
    Ok((format.ok_or("no picture came out")?, units, took))
}

fn judge(format: &VideoFormat, units: &[VideoUnit], settings: &StampSettings) -> Result<(), String> {
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
    let mut painter = Painter::new(&label(), settings).map_err(|e| e.to_string())?;
    let info = gst_video::VideoInfo::builder(gst_video::VideoFormat::I420, SMALL.width, SMALL.height).build();
    painter.set_format(info.clone().map_err(|e| e.to_string())?)?;
    for (number, (picture, unit)) in (0..).zip(pictures.iter().zip(units)) {
        if (picture.width, picture.height) != (SMALL.width, SMALL.height) {
            return Err(format!("pictures come out as {}x{}", picture.width, picture.height));
        }
        // The two seconds of the clip: what must be there, and what must not.
        let other = unit.capture.plus_micros(if number < 5 { 1_000_000 } else { -1_000_000 });
        let right = expected(&mut painter, number, Some(unit.capture))?;
        let wrong = expected(&mut painter, number, Some(other))?;
        let bare = expected(&mut painter, number, None)?;
        compare(&picture.luma, &bare, &right, &wrong).map_err(|what| format!("picture {number} {what}"))?;
    }
    Ok(())
}

/// Luma of picture `number`, with the stamp of `second` where one is given.
fn expected(painter: &mut Painter, number: u32, second: Option<WallTime>) -> Result<Vec<u8>, String> {
    let pixels = (SMALL.width * SMALL.height) as usize;
    let mut samples: Vec<u8> =
        (0..SMALL.height).flat_map(|y| (0..SMALL.width).map(move |x| probe_clip::luma(x, y, number))).collect();
    samples.resize(pixels * 3 / 2, 128);
    let mut buffer = gst::Buffer::from_mut_slice(samples);
    if let (Some(second), Some(buffer)) = (second, buffer.get_mut()) {
        painter.paint(buffer, second)?;
    }
    let map = buffer.map_readable().map_err(|e| e.to_string())?;
    Ok(map[..pixels].to_vec())
}

/// Holds a decoded picture against what was drawn. Codecs change samples, so it is asked what the picture is nearer to.
fn compare(decoded: &[u8], bare: &[u8], right: &[u8], wrong: &[u8]) -> Result<(), String> {
    let apart = |expected: &[u8], at: &dyn Fn(usize) -> bool| {
        let (mut sum, mut count) = (0u64, 0u64);
        for n in (0..decoded.len().min(expected.len())).filter(|n| at(*n)) {
            sum += u64::from(decoded[n].abs_diff(expected[n]));
            count += 1;
        }
        #[expect(clippy::cast_precision_loss, reason = "sums over one small picture")]
        let mean = sum as f64 / count.max(1) as f64;
        mean
    };
    let outside = apart(right, &|n| right[n] == bare[n]);
    if outside > MOST_CHANGE {
        return Err(format!("does not look like the one that went in (luma differs by {outside:.0} on average)"));
    }
    let stamped = |n: usize| right[n] != bare[n];
    let (to_stamp, to_bare) = (apart(right, &stamped), apart(bare, &stamped));
    if to_stamp * 2.0 > to_bare {
        return Err(format!(
            "came out without the stamp (luma differs by {to_stamp:.0} from it, {to_bare:.0} from a picture without)"
        ));
    }
    let digits = |n: usize| right[n] != wrong[n];
    let (to_right, to_wrong) = (apart(right, &digits), apart(wrong, &digits));
    if to_right * 2.0 > to_wrong {
        return Err(format!("came out with the stamp of another second (luma differs by {to_right:.0} and {to_wrong:.0})"));
    }
    Ok(())
}

struct Decoded {
    width: u32,
    height: u32,
    luma: Vec<u8>,
}

/// Decodes stamped units with the software decoder.
fn decode(format: &VideoFormat, units: &[VideoUnit]) -> Result<Vec<Decoded>, String> {
    gst_init().map_err(|e| e.to_string())?;
    let (decoder, media, stream_format) = match format.codec {
        VideoCodec::H264 => ("h264parse ! avdec_h264", "video/x-h264", "avc"),
        VideoCodec::H265 => ("h265parse ! avdec_h265", "video/x-h265", "hvc1"),
    };
    let text = format!(
        "appsrc name=in format=time ! {decoder} max-threads=1 ! videoconvert \
         ! video/x-raw,format=GRAY8 ! appsink name=out sync=false"
    );
    let pipeline = gst::parse::launch(&text).map_err(|e| e.message().to_owned())?;
    let pipeline = pipeline.downcast::<gst::Pipeline>().map_err(|_| "no pipeline")?;
    let _stop = StopOnDrop(&pipeline);
    let input: gst_app::AppSrc = pipeline.by_name("in").and_then(|e| e.downcast().ok()).ok_or("no appsrc")?;
    let output: gst_app::AppSink = pipeline.by_name("out").and_then(|e| e.downcast().ok()).ok_or("no appsink")?;
    let caps = gst::Caps::builder(media)
        .field("stream-format", stream_format)
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
    while let Some(sample) = output.try_pull_sample(gst::ClockTime::from_seconds(TRIAL_LIMIT.as_secs())) {
        let info = sample.caps().and_then(|caps| gst_video::VideoInfo::from_caps(caps).ok());
        let (Some(info), Some(buffer)) = (info, sample.buffer()) else {
            return Err("the decoder gives no pictures".to_owned());
        };
        let frame = gst_video::VideoFrameRef::from_buffer_ref_readable(buffer, &info).map_err(|e| e.to_string())?;
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A bare picture of luma 100, the same with the stamp of one second, and of another: white digits at other places.
    fn pictures() -> [Vec<u8>; 3] {
        let bare = vec![100; 4000];
        let (mut right, mut wrong) = (bare.clone(), bare.clone());
        right[100..150].fill(235);
        wrong[130..180].fill(235);
        [bare, right, wrong]
    }

    /// What coding leaves of a picture.
    fn coded(picture: &[u8]) -> Vec<u8> {
        picture.iter().enumerate().map(|(n, s)| s.saturating_sub(3 + (n % 4) as u8)).collect()
    }

    #[test]
    fn a_decoded_picture_must_carry_the_stamp_of_its_own_second() {
        let [bare, right, wrong] = pictures();
        let compare = |decoded: &[u8]| compare(&coded(decoded), &bare, &right, &wrong);
        assert_eq!(compare(&right), Ok(()));
        assert!(compare(&bare).is_err_and(|s| s.contains("without the stamp")));
        assert!(compare(&wrong).is_err_and(|s| s.contains("stamp")));
        let shifted: Vec<u8> = right.iter().map(|s| s.saturating_add(20)).collect();
        assert!(compare(&shifted).is_err_and(|s| s.contains("does not look like")));
    }

    #[test]
    fn a_stamp_of_another_second_that_shares_most_digits_is_told_apart() {
        let [bare, right, _] = pictures();
        // One digit of five is another.
        let mut wrong = right.clone();
        wrong[140..150].fill(100);
        wrong[150..160].fill(235);
        let said = compare(&coded(&wrong), &bare, &right, &wrong);
        assert!(said.as_ref().is_err_and(|s| s.contains("another second")), "{said:?}");
    }
}
