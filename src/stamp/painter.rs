//! Draws the stamp on the pictures of a GStreamer pipeline: the edge between its buffers and [`StampDrawer`].

use gstreamer as gst;
use gstreamer_video as gst_video;
use gstreamer_video::prelude::*;

use super::StampError;
use super::blend::{Chroma, Picture, Range};
use super::draw::StampDrawer;
use super::placement::Layout;
use crate::hall::StampSettings;
use crate::time::WallTime;

/// Draws one camera's stamp.
pub(crate) struct Painter {
    drawer: StampDrawer,
    format: Option<(gst_video::VideoInfo, Range)>,
}

impl Painter {
    /// A painter for a camera's label.
    ///
    /// # Errors
    /// Those of [`StampDrawer::new`].
    pub fn new(label: &[String; 2], settings: &StampSettings) -> Result<Self, StampError> {
        Ok(Self { drawer: StampDrawer::new(label, settings)?, format: None })
    }

    /// The best stamp there is room for in a picture of this size.
    ///
    /// # Errors
    /// [`StampError::LabelTooLong`] when there is no room even for the time.
    pub fn fitted(&self, width: u32, height: u32) -> Result<Layout, StampError> {
        self.drawer.fitted(width, height)
    }

    /// Takes the format of the pictures that follow.
    ///
    /// # Errors
    /// A sentence, for pictures that are not 8-bit 4:2:0 or too small even for the time.
    pub fn set_format(&mut self, info: gst_video::VideoInfo) -> Result<(), String> {
        if !matches!(info.format(), gst_video::VideoFormat::I420 | gst_video::VideoFormat::Nv12) {
            return Err(format!("pictures at the element `stamp` are {} instead of I420 or NV12", info.format()));
        }
        self.fitted(info.width(), info.height()).map_err(|e| e.to_string())?;
        let full = info.colorimetry().range() == gst_video::VideoColorRange::Range0_255;
        self.format = Some((info, if full { Range::Full } else { Range::Limited }));
        Ok(())
    }

    /// Draws the stamp of a picture taken at `capture` into `buffer`, in place.
    ///
    /// # Errors
    /// A sentence, when no format came first or the buffer does not hold such a picture.
    pub fn paint(&mut self, buffer: &mut gst::BufferRef, capture: WallTime) -> Result<(), String> {
        let (info, range) = self.format.as_ref().ok_or("a picture came before its format")?;
        let mut frame = gst_video::VideoFrameRef::from_buffer_ref_writable(buffer, info)
            .map_err(|_| format!("a picture of {} bytes cannot be drawn on", info.size()))?;
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
        self.drawer.draw(&mut picture, *range, capture).map_err(|e| e.to_string())
    }
}
