//! Draws the stamp on a decoded picture in memory: the one place where text, placement, glyphs and blending come together.
//!
//! No GStreamer, no clock, no files but the font: the recorder's [`painter`](super::painter) draws through it, and so do stills,
//! burnt-in exports and `jiancha still --preview`. Whoever draws here draws what the recorder draws, pixel for pixel.

use std::sync::Arc;

use super::StampError;
use super::blend::{Chroma, Overlay, Picture, Range};
use super::glyphs::{Bitmap, Glyphs, Rasteriser};
use super::placement::{Layout, Limits, Line, limits, place, place_anyway};
use super::text::{TIME_CHARACTERS, label_lines, time_text_with};
use crate::hall::{StampLayout, StampSettings};
use crate::time::WallTime;

/// Draws one camera's stamp on its pictures.
///
/// What can be kept is kept from picture to picture: the label as long as size and range stay, the time for a second.
pub struct StampDrawer {
    glyphs: Arc<Glyphs>,
    label: Vec<String>,
    style: StampLayout,
    canvas: Option<Canvas>,
}

/// What holds as long as the pictures keep their size and range.
struct Canvas {
    width: u32,
    height: u32,
    range: Range,
    layout: Layout,
    rasteriser: Rasteriser,
    label: Vec<Overlay>,
    time: Option<(WallTime, Overlay)>,
}

impl StampDrawer {
    /// A drawer for a camera's label; see [`Hall::label_lines`](crate::hall::Hall::label_lines).
    ///
    /// # Errors
    /// [`StampError::FontMissing`], [`StampError::FontUnreadable`], [`StampError::NoGlyph`].
    pub fn new(label: &[String; 2], settings: &StampSettings) -> Result<Self, StampError> {
        let label = label_lines(label);
        let texts = label.iter().map(String::as_str).chain([TIME_CHARACTERS]);
        let glyphs = Arc::new(Glyphs::load(settings.font.as_deref(), texts)?);
        Ok(Self { glyphs, label, style: settings.layout.clone(), canvas: None })
    }

    /// Where the stamp stands in a picture of this size, whole and legible: the check when a label is configured.
    ///
    /// # Errors
    /// [`StampError::LabelTooLong`].
    pub fn layout(&self, width: u32, height: u32) -> Result<Layout, StampError> {
        place(width, height, &self.label, &self.style, |text, px| self.glyphs.extent(text, px))
    }

    /// The best stamp there is room for in a picture of this size: what is drawn. See [`place_anyway`].
    ///
    /// # Errors
    /// [`StampError::LabelTooLong`] when the picture has no room even for the time.
    pub fn fitted(&self, width: u32, height: u32) -> Result<Layout, StampError> {
        let fitted = place_anyway(width, height, &self.label, &self.style, |text, px| self.glyphs.extent(text, px));
        fitted.map_or_else(|| self.layout(width, height), Ok)
    }

    /// How the stamp is laid out.
    pub fn style(&self) -> &StampLayout {
        &self.style
    }

    /// How far the label comes in a picture where it does not fit; see [`limits`].
    pub fn limits(&self, width: u32, height: u32) -> Option<Limits> {
        limits(width, height, &self.label, &self.style, |text, px| self.glyphs.extent(text, px))
    }

    /// A drawer for pictures of one size and range that draws this very layout.
    pub fn with_layout(&self, layout: Layout, range: Range, width: u32, height: u32) -> Self {
        let canvas = self.prepare(layout, range, width, height);
        Self { glyphs: Arc::clone(&self.glyphs), label: self.label.clone(), style: self.style.clone(), canvas: Some(canvas) }
    }

    /// A text as one line at the origin, and its bitmap.
    pub fn line(&self, text: &str, font_px: u32, outline_px: u32) -> (Line, Bitmap) {
        let extent = self.glyphs.extent(text, font_px);
        let line = Line {
            text: text.to_owned(),
            x: 0,
            y: 0,
            width: extent.width + 2 * outline_px,
            height: extent.above + extent.below + 2 * outline_px,
            baseline: extent.above + outline_px,
        };
        let bitmap = Rasteriser::new(Arc::clone(&self.glyphs), font_px, outline_px).line(text, &line);
        (line, bitmap)
    }

    /// Draws the stamp of a picture taken at `capture` on `picture`, in place.
    ///
    /// # Errors
    /// [`StampError::LabelTooLong`]; [`StampError::BadPicture`] when a plane holds fewer bytes than the picture's size says.
    /// The picture is untouched then.
    pub fn draw(&mut self, picture: &mut Picture<'_>, range: Range, capture: WallTime) -> Result<(), StampError> {
        check(picture)?;
        let mut canvas = self.canvas(picture.width as u32, picture.height as u32, range)?;
        let second = capture.floor_second();
        if canvas.time.as_ref().is_none_or(|(drawn, _)| *drawn != second) {
            let line = &canvas.layout.time;
            let bitmap = canvas.rasteriser.line(&time_text_with(capture, self.style.weekday), line);
            canvas.time = Some((second, Overlay::new(&bitmap, line.x, line.y, canvas.range)));
        }
        for overlay in canvas.label.iter().chain(canvas.time.iter().map(|(_, overlay)| overlay)) {
            overlay.blend(picture);
        }
        self.canvas = Some(canvas);
        Ok(())
    }

    /// As [`draw`](Self::draw), for an I420 picture of `width` × `height` pixels: planes Y, U, V and the bytes from one row of
    /// each to the next.
    ///
    /// # Errors
    /// Those of [`draw`](Self::draw).
    pub fn draw_i420(
        &mut self,
        planes: [&mut [u8]; 3],
        strides: [usize; 3],
        width: u32,
        height: u32,
        capture: WallTime,
        range: Range,
    ) -> Result<(), StampError> {
        let [luma, u, v] = planes;
        let [luma_stride, u_stride, v_stride] = strides;
        let chroma = Chroma::Planar { u, v, u_stride, v_stride };
        let mut picture = Picture { width: width as usize, height: height as usize, luma, luma_stride, chroma };
        self.draw(&mut picture, range, capture)
    }

    /// The canvas for such pictures: the one at hand, or a new one.
    fn canvas(&mut self, width: u32, height: u32, range: Range) -> Result<Canvas, StampError> {
        match self.canvas.take().filter(|c| (c.width, c.height, c.range) == (width, height, range)) {
            Some(canvas) => Ok(canvas),
            None => Ok(self.prepare(self.fitted(width, height)?, range, width, height)),
        }
    }

    fn prepare(&self, layout: Layout, range: Range, width: u32, height: u32) -> Canvas {
        let mut rasteriser = Rasteriser::new(Arc::clone(&self.glyphs), layout.font_px, layout.outline_px);
        let label =
            layout.label.iter().map(|line| Overlay::new(&rasteriser.line(&line.text, line), line.x, line.y, range)).collect();
        Canvas { width, height, range, layout, rasteriser, label, time: None }
    }
}

/// Every row of every plane must be there.
fn check(picture: &Picture<'_>) -> Result<(), StampError> {
    let holds = |plane: &[u8], stride: usize, width: usize, height: usize| {
        stride >= width && (height == 0 || plane.len() >= stride.saturating_mul(height - 1).saturating_add(width))
    };
    let (width, height) = (picture.width.div_ceil(2), picture.height.div_ceil(2));
    let chroma = match &picture.chroma {
        Chroma::Planar { u, v, u_stride, v_stride } => holds(u, *u_stride, width, height) && holds(v, *v_stride, width, height),
        Chroma::Interleaved { uv, stride } => holds(uv, *stride, 2 * width, height),
    };
    let (width, height) = (picture.width, picture.height);
    if chroma && holds(picture.luma, picture.luma_stride, width, height) {
        return Ok(());
    }
    let bytes = picture.luma.len();
    Err(StampError::BadPicture { width, height, bytes })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hall::Corner;
    use crate::stamp::placement::Fit;

    fn settings() -> StampSettings {
        StampSettings { encoder: "x264".to_owned(), ..StampSettings::default() }
    }

    fn drawer() -> StampDrawer {
        StampDrawer::new(&["长春市朝阳区".to_owned(), "综合受理区 3号窗口".to_owned()], &settings()).expect("the font is there")
    }

    fn at(text: &str) -> WallTime {
        WallTime::parse_rfc3339(text).expect("a valid time")
    }

    /// Luma of a grey picture of 640×360 with the stamp of `capture`.
    fn drawn(drawer: &mut StampDrawer, capture: &str) -> Vec<u8> {
        let (mut y, mut u, mut v) = (vec![128; 640 * 360], vec![128; 320 * 180], vec![128; 320 * 180]);
        drawer
            .draw_i420([&mut y, &mut u, &mut v], [640, 320, 320], 640, 360, at(capture), Range::Limited)
            .expect("it is drawn");
        y
    }

    #[test]
    fn the_time_changes_with_the_second_and_the_label_stays() {
        let mut drawer = drawer();
        let first = drawn(&mut drawer, "2026-11-22T14:50:03.2+08:00");
        assert_eq!(first, drawn(&mut drawer, "2026-11-22T14:50:03.9+08:00"));
        let next = drawn(&mut drawer, "2026-11-22T14:50:04+08:00");
        assert_ne!(first[..640 * 180], next[..640 * 180]);
        assert_eq!(first[640 * 180..], next[640 * 180..]);
        assert!(first[640 * 180..].contains(&235), "the label is white");
    }

    #[test]
    fn a_size_or_range_that_changes_is_laid_out_anew() {
        let mut drawer = drawer();
        let small = drawn(&mut drawer, "2026-11-22T14:50:03+08:00");
        let (mut y, mut u, mut v) = (vec![128; 1280 * 720], vec![128; 640 * 360], vec![128; 640 * 360]);
        let capture = at("2026-11-22T14:50:03+08:00");
        drawer.draw_i420([&mut y, &mut u, &mut v], [1280, 640, 640], 1280, 720, capture, Range::Full).expect("it is drawn");
        assert!(y.contains(&255) && y.contains(&0), "full range");
        assert_eq!(small, drawn(&mut drawer, "2026-11-22T14:50:03+08:00"));
    }

    #[test]
    fn time_and_label_stand_where_they_are_wished_and_nowhere_else() {
        let layout = StampLayout {
            time_place: Corner::BottomLeft,
            label_place: Corner::TopRight,
            weekday: false,
            ..StampLayout::default()
        };
        let settings = StampSettings { layout, ..settings() };
        let mut drawer =
            StampDrawer::new(&["长春市朝阳区".to_owned(), "综合受理区".to_owned()], &settings).expect("the font is there");
        let y = drawn(&mut drawer, "2026-11-22T14:50:03+08:00");
        let marked = |columns: std::ops::Range<usize>, rows: std::ops::Range<usize>| {
            rows.clone().any(|row| columns.clone().any(|column| y[row * 640 + column] != 128))
        };
        assert!(marked(320..640, 0..180) && marked(0..320, 180..360));
        assert!(!marked(0..320, 0..180) && !marked(320..640, 180..360));
    }

    #[test]
    fn a_picture_too_small_for_the_label_gets_the_best_there_is_room_for() {
        let long = "内蒙古自治区阿拉善盟阿拉善左旗巴彦浩特镇额鲁特街道便民服务中心";
        let label = [long.to_owned(), "综合受理区 1、2、3、4、5、6、7、8号窗口".to_owned()];
        let drawer = StampDrawer::new(&label, &settings()).expect("the font is there");
        let fit = |width, height| drawer.fitted(width, height).map(|layout| (layout.fit, layout.font_px)).ok();
        assert_eq!(fit(1920, 1080).map(|(fit, _)| fit), Some(Fit::Whole));
        assert_eq!(fit(640, 360).map(|(fit, _)| fit), Some(Fit::Small));
        assert_eq!(fit(480, 270).map(|(fit, _)| fit), Some(Fit::Cut));
        assert_eq!(fit(176, 144).map(|(fit, _)| fit), Some(Fit::TimeOnly));
        assert_eq!(fit(64, 48), None);
    }

    #[test]
    fn a_plane_that_is_too_short_is_refused_untouched() {
        let mut drawer = drawer();
        let (mut y, mut u, mut v) = (vec![128; 640 * 360], vec![128; 320 * 180], vec![128; 320 * 180 - 1]);
        let capture = at("2026-11-22T14:50:03+08:00");
        let told = drawer.draw_i420([&mut y, &mut u, &mut v], [640, 320, 320], 640, 360, capture, Range::Limited);
        assert!(matches!(told, Err(StampError::BadPicture { width: 640, height: 360, .. })), "{told:?}");
        assert!(y.iter().all(|sample| *sample == 128));
    }
}
