//! What GStreamer's caps say and must be told: the camera's format on the way in, the encoder's on the way out, colour between.

use bytes::Bytes;
use gstreamer as gst;

use super::StampError;
use super::sample_entry::EncodedFormat;
use crate::media::{VideoCodec, VideoFormat};

/// What the decoder must know before the first unit.
pub(super) fn input_caps(format: &VideoFormat) -> Result<gst::Caps, StampError> {
    if format.configuration.first() != Some(&1) {
        let record = if format.codec == VideoCodec::H264 { "avcC" } else { "hvcC" };
        let reason = format!("its configuration is no {record} record ({} bytes)", format.configuration.len());
        return Err(StampError::InputFormat { format: format!("{format:?}"), reason });
    }
    let (media, stream_format) = match format.codec {
        VideoCodec::H264 => ("video/x-h264", "avc"),
        VideoCodec::H265 => ("video/x-h265", "hvc1"),
    };
    Ok(gst::Caps::builder(media)
        .field("stream-format", stream_format)
        .field("alignment", "au")
        .field("codec_data", gst::Buffer::from_slice(format.configuration.clone()))
        .build())
}

/// Caps of decoded pictures in full range whose matrix nobody told, with the matrix players assume (BT.709 for HD, BT.601 below).
/// GStreamer takes such a description for invalid and would mark the encoded stream as limited range.
pub(super) fn with_known_matrix(event: &gst::Event) -> Option<gst::Caps> {
    let gst::EventView::Caps(caps) = event.view() else { return None };
    let structure = caps.caps().structure(0)?;
    let colorimetry = structure.get::<&str>("colorimetry").ok()?;
    let rest = colorimetry.strip_prefix("1:0:")?;
    let matrix = if structure.get::<i32>("height").ok()? > 576 { 3 } else { 4 };
    let mut caps = caps.caps_owned();
    caps.make_mut().set("colorimetry", format!("1:{matrix}:{rest}"));
    Some(caps)
}

/// What the encoder's caps say about its stream.
///
/// # Errors
/// A sentence naming what they do not say.
pub(super) fn encoded_format(caps: &gst::CapsRef) -> Result<EncodedFormat, String> {
    let structure = caps.structure(0).ok_or("the encoder gave empty caps")?;
    let (codec, stream_format) = match structure.name().as_str() {
        "video/x-h264" => (VideoCodec::H264, "avc"),
        "video/x-h265" => (VideoCodec::H265, "hvc1"),
        other => return Err(format!("the encoder gives {other} instead of video/x-h264 or video/x-h265")),
    };
    let given = structure.get::<&str>("stream-format").unwrap_or("nothing");
    if given != stream_format {
        return Err(format!("the encoder's stream-format is {given} instead of {stream_format}"));
    }
    let size = |name: &str| structure.get::<i32>(name).ok().and_then(|n| u16::try_from(n).ok());
    let (Some(width), Some(height)) = (size("width"), size("height")) else {
        return Err(format!("the encoder does not tell the size of its pictures: {structure}"));
    };
    let codec_data = structure.get::<gst::Buffer>("codec_data");
    let codec_data = codec_data.map_err(|_| format!("the encoder gives no codec_data : {structure}"))?;
    let configuration = codec_data.map_readable().map_err(|_| "the encoder's codec_data cannot be read")?;
    let configuration = Bytes::copy_from_slice(&configuration);
    let aspect = structure.get::<gst::Fraction>("pixel-aspect-ratio").ok();
    let part = |n: i32| u32::try_from(n).ok().filter(|n| *n > 0).unwrap_or(1);
    let pixel_aspect = aspect.map_or((1, 1), |a| (part(a.numer()), part(a.denom())));
    Ok(EncodedFormat { codec, width, height, pixel_aspect, configuration })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix_of(colorimetry: &str, height: i32) -> Option<String> {
        super::super::gst_init().expect("GStreamer starts");
        let caps = gst::Caps::builder("video/x-raw").field("colorimetry", colorimetry).field("height", height).build();
        let changed = with_known_matrix(&gst::event::Caps::new(&caps))?;
        changed.structure(0)?.get::<String>("colorimetry").ok()
    }

    #[test]
    fn full_range_without_a_matrix_gets_the_one_players_assume() {
        assert_eq!(matrix_of("1:0:0:0", 1080).as_deref(), Some("1:3:0:0"));
        assert_eq!(matrix_of("1:0:0:0", 576).as_deref(), Some("1:4:0:0"));
        assert_eq!(matrix_of("1:0:5:1", 720).as_deref(), Some("1:3:5:1"));
    }

    #[test]
    fn what_is_told_stays_as_it_is() {
        for told in ["1:3:5:1", "2:4:16:3", "bt709", "2:0:0:0"] {
            assert_eq!(matrix_of(told, 1080), None, "{told}");
        }
    }
}
