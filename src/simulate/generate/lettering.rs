//! Signs in the drawn scene: Chinese text from Noto Sans CJK where the system has it, digits of our own everywhere.

use std::path::Path;

use ab_glyph::{Font, FontVec, PxScale, ScaleFont};

use super::canvas::{Brush, Colour};

/// Where Debian and its relatives, Arch, and Fedora keep the font.
const PLACES: [&str; 4] = [
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Bold.ttc",
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/noto-cjk/NotoSansCJK-Bold.ttc",
    "/usr/share/fonts/google-noto-sans-cjk-fonts/NotoSansCJK-Bold.ttc",
];

/// Collection index of the Simplified Chinese face in the Noto Sans CJK collections.
const SIMPLIFIED_CHINESE: u32 = 2;

/// Draws text; without a font only digits.
pub struct Lettering(Option<FontVec>);

impl Lettering {
    /// Uses the first font found. Signs are ornament, so a missing font leaves them blank rather than failing.
    pub fn find() -> Self {
        let load =
            |place: &str| FontVec::try_from_vec_and_index(std::fs::read(Path::new(place)).ok()?, SIMPLIFIED_CHINESE).ok();
        Self(PLACES.iter().find_map(|place| load(place)))
    }

    /// Without a font.
    #[cfg(test)]
    pub fn none() -> Self {
        Self(None)
    }

    /// Text centred on `x` with its middle at `y`, `height` units high.
    pub fn centred(&self, brush: &mut Brush, text: &str, x: f32, y: f32, height: f32, colour: Colour) {
        let Some(font) = &self.0 else { return };
        let scaled = font.as_scaled(PxScale::from(height * brush.scale()));
        let width: f32 = text.chars().map(|c| scaled.h_advance(scaled.glyph_id(c))).sum();
        let mut pen = -width / 2.0;
        // The middle of capitals, digits and CJK glyphs lies about a third of the height above the baseline.
        let baseline = 0.32 * height * brush.scale();
        for c in text.chars() {
            let id = scaled.glyph_id(c);
            let glyph = id.with_scale_and_position(scaled.scale(), ab_glyph::point(pen, baseline));
            pen += scaled.h_advance(id);
            if let Some(outline) = scaled.font.outline_glyph(glyph) {
                let bounds = outline.px_bounds();
                outline.draw(|gx, gy, coverage| {
                    let offset = (bounds.min.x as i32 + gx as i32, bounds.min.y as i32 + gy as i32);
                    brush.glyph_pixel(x, y, offset, colour, coverage.clamp(0.0, 1.0));
                });
            }
        }
    }
}

/// Which of the seven segments (top, upper left, upper right, middle, lower left, lower right, bottom) each digit lights.
const SEGMENTS: [[bool; 7]; 10] = {
    const O: bool = false;
    const I: bool = true;
    [
        [I, I, I, O, I, I, I],
        [O, O, I, O, O, I, O],
        [I, O, I, I, I, O, I],
        [I, O, I, I, O, I, I],
        [O, I, I, I, O, I, O],
        [I, I, O, I, O, I, I],
        [I, I, O, I, I, I, I],
        [I, O, I, O, O, I, O],
        [I, I, I, I, I, I, I],
        [I, I, I, I, O, I, I],
    ]
};

/// A seven-segment number with its top left corner at `x`, `y`.
pub fn segments(brush: &mut Brush, number: u32, digits: u32, x: f32, y: f32, height: f32, colour: Colour) {
    let (width, thick) = (height * 0.5, height * 0.12);
    for place in 0..digits {
        let digit = number / 10u32.pow(digits - 1 - place) % 10;
        let left = x + place as f32 * (width + thick * 1.6);
        let half = height / 2.0;
        let shapes = [
            (left, y, width, thick),
            (left, y, thick, half),
            (left + width - thick, y, thick, half),
            (left, y + half - thick / 2.0, width, thick),
            (left, y + half, thick, half),
            (left + width - thick, y + half, thick, half),
            (left, y + height - thick, width, thick),
        ];
        for (lit, (sx, sy, sw, sh)) in SEGMENTS[digit as usize].into_iter().zip(shapes) {
            if lit {
                brush.rect(sx, sy, sw, sh, colour);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::canvas::Canvas;
    use super::*;

    #[test]
    fn a_one_lights_only_the_right_side_and_an_eight_both() {
        let lit = |number: u32| {
            let mut canvas = Canvas::new(1920, 1080, Colour::rgb(0));
            segments(&mut Brush::new(&mut canvas, 0.0), number, 1, 100.0, 100.0, 200.0, Colour::rgb(0xffffff));
            let at = |x: usize, y: usize| canvas.bytes()[y * 1920 + x] == 235;
            (at(105, 150), at(195, 150), at(150, 200))
        };
        assert_eq!(lit(1), (false, true, false));
        assert_eq!(lit(8), (true, true, true));
        assert_eq!(lit(0), (true, true, false));
    }

    #[test]
    fn without_a_font_text_is_left_out() {
        let mut canvas = Canvas::new(192, 108, Colour::rgb(0));
        Lettering::none().centred(&mut Brush::new(&mut canvas, 0.0), "窗口", 900.0, 500.0, 80.0, Colour::rgb(0xffffff));
        assert!(canvas.bytes()[..192 * 108].iter().all(|p| *p == 16));
    }
}
