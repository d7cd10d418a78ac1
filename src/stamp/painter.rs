//! Draws the stamp on raw pictures: keeps the label ready and makes the time anew when the second changes.

use std::sync::Arc;

use gstreamer as gst;
use gstreamer_video as gst_video;
use gstreamer_video::prelude::*;

use super::StampError;
use super::blend::{Chroma, Overlay, Picture, Range};
use super::glyphs::{Glyphs, Rasteriser};
use super::placement::{Layout, place};
use super::text::{TIME_CHARACTERS, label_lines, time_text};
use crate::hall::StampSettings;
use crate::time::WallTime;

/// Draws one camera's stamp.
pub(crate) struct Painter {
    glyphs: Arc<Glyphs>,
    label: Vec<String>,
    canvas: Option<Canvas>,
}

/// What holds as long as the pictures keep their size and range.
struct Canvas {
    info: gst_video::VideoInfo,
    range: Range,
    layout: Layout,
    rasteriser: Rasteriser,
    label: Vec<Overlay>,
    time: Option<(WallTime, Overlay)>,
}

impl Painter {
    /// A painter for a camera's label.
    ///
    /// # Errors
    /// Those of [`Glyphs::load`].
    pub fn new(label: &[String; 2], settings: &StampSettings) -> Result<Self, StampError> {
        let label = label_lines(label);
        let texts = label.iter().map(String::as_str).chain([TIME_CHARACTERS]);
        let glyphs = Arc::new(Glyphs::load(settings.font.as_deref(), texts)?);
        Ok(Self { glyphs, label, canvas: None })
    }

    /// Where the stamp stands in a picture of this size.
    ///
    /// # Errors
    /// [`StampError::LabelTooLong`].
    pub fn layout(&self, width: u32, height: u32) -> Result<Layout, StampError> {
        place(width, height, &self.label, |text, px| self.glyphs.extent(text, px))
    }

    /// Takes the format of the pictures that follow.
    ///
    /// # Errors
    /// A sentence, for pictures that are not 8-bit 4:2:0 or too small for the label.
    pub fn set_format(&mut self, info: gst_video::VideoInfo) -> Result<(), String> {
        if !matches!(info.format(), gst_video::VideoFormat::I420 | gst_video::VideoFormat::Nv12) {
            return Err(format!("pictures at the element `stamp` are {} instead of I420 or NV12", info.format()));
        }
        let layout = self.layout(info.width(), info.height()).map_err(|e| e.to_string())?;
        let full = info.colorimetry().range() == gst_video::VideoColorRange::Range0_255;
        let range = if full { Range::Full } else { Range::Limited };
        let mut rasteriser = Rasteriser::new(Arc::clone(&self.glyphs), layout.font_px, layout.outline_px);
        let label =
            layout.label.iter().map(|line| Overlay::new(&rasteriser.line(&line.text, line), line.x, line.y, range)).collect();
        self.canvas = Some(Canvas { info, range, layout, rasteriser, label, time: None });
        Ok(())
    }

    /// Draws the stamp of a picture taken at `capture` into `buffer`, in place.
    ///
    /// # Errors
    /// A sentence, when no format came first or the buffer does not hold such a picture.
    pub fn paint(&mut self, buffer: &mut gst::BufferRef, capture: WallTime) -> Result<(), String> {
        let canvas = self.canvas.as_mut().ok_or("a picture came before its format")?;
        let second = capture.floor_second();
        if canvas.time.as_ref().is_none_or(|(drawn, _)| *drawn != second) {
            let line = &canvas.layout.time;
            let bitmap = canvas.rasteriser.line(&time_text(capture), line);
            canvas.time = Some((second, Overlay::new(&bitmap, line.x, line.y, canvas.range)));
        }
        let mut frame = gst_video::VideoFrameRef::from_buffer_ref_writable(buffer, &canvas.info)
            .map_err(|_| format!("a picture of {} bytes cannot be drawn on", canvas.info.size()))?;
        let (width, height) = (frame.width() as usize, frame.height() as usize);
        let interleaved = frame.format() == gst_video::VideoFormat::Nv12;
        let strides: Vec<usize> = frame.plane_stride().iter().map(|s| usize::try_from(*s).unwrap_or(0)).collect();
        let [luma, first, second, _] = frame.planes_data_mut();
        let chroma = match (interleaved, &strides[..]) {
            (true, [_, stride, ..]) => Chroma::Interleaved { uv: first, stride: *stride },
            (false, [_, u_stride, v_stride, ..]) => {
                Chroma::Planar { u: first, v: second, u_stride: *u_stride, v_stride: *v_stride }
            }
            _ => return Err("a picture has too few planes".to_owned()),
        };
        let mut picture = Picture { width, height, luma, luma_stride: strides[0], chroma };
        for overlay in canvas.label.iter().chain(canvas.time.iter().map(|(_, overlay)| overlay)) {
            overlay.blend(&mut picture);
        }
        Ok(())
    }
}
