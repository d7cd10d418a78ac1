//! Decodes single pictures: what a still, and a look at a recording, need.

use bytes::Bytes;
use ffmpeg_next as ffmpeg;

use super::{LibavError, codec_error, init};
use crate::media::nal::{annex_b, parameter_sets};
use crate::media::picture::{I420, Matrix};
use crate::media::{VideoCodec, VideoFormat};

/// Decodes length-prefixed access units that begin with a random access point, and gives the picture shown at `at_90k`: the last one
/// that begins at or before it. Gives its presentation time with it; `None` when no picture begins so early.
///
/// Units that cannot be decoded are left out. Decoding ends as soon as a later picture comes out.
///
/// # Errors
/// [`LibavError`] when libav has no such decoder, or the pictures are in a form it cannot turn into 8-bit 4:2:0.
pub fn picture_at(
    format: &VideoFormat,
    units: impl Iterator<Item = (i64, Bytes)>,
    at_90k: i64,
) -> Result<Option<(i64, I420)>, LibavError> {
    init();
    let (id, name) = match format.codec {
        VideoCodec::H264 => (ffmpeg::codec::Id::H264, "H.264 decoder"),
        VideoCodec::H265 => (ffmpeg::codec::Id::HEVC, "H.265 decoder"),
    };
    let codec = ffmpeg::decoder::find(id).ok_or(LibavError::NoCodec(name))?;
    let context = ffmpeg::codec::context::Context::new_with_codec(codec);
    let mut decoder = context.decoder().video().map_err(codec_error("open a decoder"))?;
    let mut best: Option<(i64, ffmpeg::frame::Video)> = None;
    // The decoder gets start codes and the parameter sets in front, so that it needs no record of ours.
    let mut front = annex_b(parameter_sets(format.codec, &format.configuration).into_iter());
    for (pts, data) in units {
        let mut bytes = std::mem::take(&mut front);
        bytes.extend(annex_b(crate::media::nal::units(&data)));
        let mut packet = ffmpeg::Packet::copy(&bytes);
        packet.set_pts(Some(pts));
        // A unit that is damaged costs itself only.
        let _ = decoder.send_packet(&packet);
        if take(&mut decoder, at_90k, &mut best) {
            return best.map(|(pts, frame)| Ok((pts, planes(&frame)?))).transpose();
        }
    }
    let _ = decoder.send_eof();
    take(&mut decoder, at_90k, &mut best);
    best.map(|(pts, frame)| Ok((pts, planes(&frame)?))).transpose()
}

/// Takes all pictures that are ready, keeping the newest at or before `at_90k`; true once a later one has come.
fn take(decoder: &mut ffmpeg::decoder::Video, at_90k: i64, best: &mut Option<(i64, ffmpeg::frame::Video)>) -> bool {
    let mut frame = ffmpeg::frame::Video::empty();
    while decoder.receive_frame(&mut frame).is_ok() {
        let Some(pts) = frame.pts().or_else(|| frame.timestamp()) else { continue };
        if pts > at_90k {
            return true;
        }
        if best.as_ref().is_none_or(|(kept, _)| *kept <= pts) {
            *best = Some((pts, std::mem::replace(&mut frame, ffmpeg::frame::Video::empty())));
        }
    }
    false
}

/// A decoded picture as I420; other forms are turned into it.
fn planes(frame: &ffmpeg::frame::Video) -> Result<I420, LibavError> {
    use ffmpeg::format::Pixel;
    let full_range = frame.format() == Pixel::YUVJ420P || frame.color_range() == ffmpeg::color::Range::JPEG;
    let matrix = match frame.color_space() {
        ffmpeg::color::Space::BT709 => Matrix::Bt709,
        ffmpeg::color::Space::BT470BG | ffmpeg::color::Space::SMPTE170M => Matrix::Bt601,
        _ => Matrix::assumed(frame.height()),
    };
    let mut turned = ffmpeg::frame::Video::empty();
    let frame = match frame.format() {
        Pixel::YUV420P | Pixel::YUVJ420P => frame,
        other => {
            let (width, height) = (frame.width(), frame.height());
            let flags = ffmpeg::software::scaling::Flags::BILINEAR;
            let scaler = ffmpeg::software::scaling::Context::get(other, width, height, Pixel::YUV420P, width, height, flags);
            let mut scaler = scaler.map_err(codec_error("turn a picture into 4:2:0"))?;
            scaler.run(frame, &mut turned).map_err(codec_error("turn a picture into 4:2:0"))?;
            &turned
        }
    };
    let (width, height) = (frame.width(), frame.height());
    let plane = |n: usize, width: usize, height: usize| {
        let (data, stride) = (frame.data(n), frame.stride(n));
        let mut rows = Vec::with_capacity(width * height);
        for row in 0..height {
            rows.extend_from_slice(data.get(row * stride..row * stride + width).unwrap_or_default());
        }
        rows
    };
    let (w, h) = (width as usize, height as usize);
    let (cw, ch) = (w.div_ceil(2), h.div_ceil(2));
    Ok(I420 { width, height, full_range, matrix, y: plane(0, w, h), u: plane(1, cw, ch), v: plane(2, cw, ch) })
}
