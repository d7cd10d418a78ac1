//! Lays a bitmap over a decoded picture, in place, touching nothing outside the bitmap's rectangle. Pure.
//!
//! Pictures are 8-bit 4:2:0: I420 (three planes) or NV12 (two planes, U and V in turn), with any stride. White and black follow the
//! picture's range (limited: 16–235, full: 0–255; ITU-T H.273 `VideoFullRangeFlag`); colour under the stamp fades to grey.

use super::glyphs::Bitmap;

/// Which luma values stand for black and white.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Range {
    /// 16 to 235.
    Limited,
    /// 0 to 255.
    Full,
}

/// The colour planes of a picture.
#[derive(Debug)]
pub enum Chroma<'a> {
    /// I420: U and V in planes of their own.
    Planar {
        /// Plane of U.
        u: &'a mut [u8],
        /// Plane of V.
        v: &'a mut [u8],
        /// Bytes from one row of U to the next.
        u_stride: usize,
        /// Bytes from one row of V to the next.
        v_stride: usize,
    },
    /// NV12: U and V in turn in one plane.
    Interleaved {
        /// The plane.
        uv: &'a mut [u8],
        /// Bytes from one row to the next.
        stride: usize,
    },
}

/// A picture that can be drawn on.
#[derive(Debug)]
pub struct Picture<'a> {
    /// Width in pixels.
    pub width: usize,
    /// Height in pixels.
    pub height: usize,
    /// Plane of luma.
    pub luma: &'a mut [u8],
    /// Bytes from one row of luma to the next.
    pub luma_stride: usize,
    /// Planes of colour.
    pub chroma: Chroma<'a>,
}

/// A bitmap made ready for one place in pictures of one range: for each luma and chroma sample, how much of the picture it
/// covers and what it adds.
#[derive(Clone, Debug)]
pub struct Overlay {
    x: usize,
    y: usize,
    width: usize,
    height: usize,
    /// Share of the picture that stays, 0 to 255.
    keep: Vec<u8>,
    /// What is added to it.
    add: Vec<u8>,
    chroma_x: usize,
    chroma_y: usize,
    chroma_width: usize,
    chroma_height: usize,
    chroma_keep: Vec<u8>,
    chroma_add: Vec<u8>,
}

/// `a · b / 255`, rounded, for values up to 255.
fn scaled(a: u32, b: u32) -> u32 {
    let product = a * b + 128;
    (product + (product >> 8)) >> 8
}

impl Overlay {
    /// Makes `bitmap` ready to lie with its top left corner at pixel (`x`, `y`).
    pub fn new(bitmap: &Bitmap, x: u32, y: u32, range: Range) -> Self {
        let (dark, white) = match range {
            Range::Limited => (16, 235),
            Range::Full => (0, 255),
        };
        let (width, height) = (bitmap.width as usize, bitmap.height as usize);
        let (x, y) = (x as usize, y as usize);
        let mut keep = Vec::with_capacity(width * height);
        let mut add = Vec::with_capacity(width * height);
        for (&fill, &outline) in bitmap.fill.iter().zip(&bitmap.outline) {
            let (fill, outline) = (u32::from(fill), u32::from(outline));
            let dark_part = scaled(outline, 255 - fill);
            keep.push((255 - (fill + dark_part).min(255)) as u8);
            add.push((scaled(white, fill) + scaled(dark, dark_part)).min(255) as u8);
        }

        // A chroma sample covers the luma pixels 2n and 2n+1, which an odd origin splits.
        let (chroma_x, chroma_y) = (x / 2, y / 2);
        let chroma_width = (x + width).div_ceil(2) - chroma_x;
        let chroma_height = (y + height).div_ceil(2) - chroma_y;
        let covered = |px: usize, py: usize| -> u32 {
            match (px.checked_sub(x), py.checked_sub(y)) {
                (Some(column), Some(row)) if column < width && row < height => 255 - u32::from(keep[row * width + column]),
                _ => 0,
            }
        };
        let mut chroma_keep = Vec::with_capacity(chroma_width * chroma_height);
        let mut chroma_add = Vec::with_capacity(chroma_width * chroma_height);
        for cy in chroma_y..chroma_y + chroma_height {
            for cx in chroma_x..chroma_x + chroma_width {
                let (px, py) = (2 * cx, 2 * cy);
                let sum = covered(px, py) + covered(px + 1, py) + covered(px, py + 1) + covered(px + 1, py + 1);
                let alpha = (sum + 2) / 4;
                chroma_keep.push((255 - alpha) as u8);
                chroma_add.push(scaled(128, alpha) as u8);
            }
        }
        Self { x, y, width, height, keep, add, chroma_x, chroma_y, chroma_width, chroma_height, chroma_keep, chroma_add }
    }

    /// Lays the overlay over `picture`. What stands outside the picture, or outside a plane shorter than it should be, is left out.
    pub fn blend(&self, picture: &mut Picture<'_>) {
        let (width, height) = (picture.width, picture.height);
        let luma = Rectangle { x: self.x, y: self.y, width: self.width, height: self.height };
        blend_plane(picture.luma, picture.luma_stride, width, height, luma, &self.keep, &self.add);

        let (width, height) = (width.div_ceil(2), height.div_ceil(2));
        let chroma = Rectangle { x: self.chroma_x, y: self.chroma_y, width: self.chroma_width, height: self.chroma_height };
        match &mut picture.chroma {
            Chroma::Planar { u, v, u_stride, v_stride } => {
                blend_plane(u, *u_stride, width, height, chroma, &self.chroma_keep, &self.chroma_add);
                blend_plane(v, *v_stride, width, height, chroma, &self.chroma_keep, &self.chroma_add);
            }
            Chroma::Interleaved { uv, stride } => {
                let columns = chroma.width.min(width.saturating_sub(chroma.x));
                let rows = chroma.height.min(height.saturating_sub(chroma.y));
                for row in 0..rows {
                    let start = (chroma.y + row) * *stride + 2 * chroma.x;
                    let Some(samples) = uv.get_mut(start..start + 2 * columns) else { return };
                    let from = row * chroma.width;
                    let cover = self.chroma_keep[from..].iter().zip(&self.chroma_add[from..]);
                    for (pair, (&keep, &add)) in samples.chunks_exact_mut(2).zip(cover) {
                        pair[0] = covered_sample(pair[0], keep, add);
                        pair[1] = covered_sample(pair[1], keep, add);
                    }
                }
            }
        }
    }
}

#[derive(Clone, Copy)]
struct Rectangle {
    x: usize,
    y: usize,
    width: usize,
    height: usize,
}

fn covered_sample(sample: u8, keep: u8, add: u8) -> u8 {
    // 16-bit arithmetic lets the compiler do many samples at once; the sum stays below 65536 since keep ≤ 255.
    let product = u16::from(sample) * u16::from(keep) + 128;
    let kept = (product + (product >> 8)) >> 8;
    (kept + u16::from(add)).min(255) as u8
}

fn blend_plane(plane: &mut [u8], stride: usize, width: usize, height: usize, rectangle: Rectangle, keep: &[u8], add: &[u8]) {
    let columns = rectangle.width.min(width.saturating_sub(rectangle.x));
    let rows = rectangle.height.min(height.saturating_sub(rectangle.y));
    for row in 0..rows {
        let start = (rectangle.y + row) * stride + rectangle.x;
        let Some(samples) = plane.get_mut(start..start + columns) else { return };
        let from = row * rectangle.width;
        for ((sample, &keep), &add) in samples.iter_mut().zip(&keep[from..from + columns]).zip(&add[from..from + columns]) {
            *sample = covered_sample(*sample, keep, add);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn solid(width: u32, height: u32, fill: u8, outline: u8) -> Bitmap {
        let pixels = (width * height) as usize;
        Bitmap { width, height, fill: vec![fill; pixels], outline: vec![outline; pixels] }
    }

    /// An I420 picture with all samples of one value and `pad` bytes after each row.
    struct I420 {
        width: usize,
        height: usize,
        pad: usize,
        y: Vec<u8>,
        u: Vec<u8>,
        v: Vec<u8>,
    }

    impl I420 {
        fn new(width: usize, height: usize, pad: usize, sample: impl Fn(usize) -> u8) -> Self {
            let make = |w: usize, h: usize| (0..(w + pad) * h).map(&sample).collect::<Vec<u8>>();
            let (cw, ch) = (width.div_ceil(2), height.div_ceil(2));
            Self { width, height, pad, y: make(width, height), u: make(cw, ch), v: make(cw, ch) }
        }
        fn blend(&mut self, overlay: &Overlay) {
            let chroma_stride = self.width.div_ceil(2) + self.pad;
            overlay.blend(&mut Picture {
                width: self.width,
                height: self.height,
                luma_stride: self.width + self.pad,
                luma: &mut self.y,
                chroma: Chroma::Planar { u: &mut self.u, v: &mut self.v, u_stride: chroma_stride, v_stride: chroma_stride },
            });
        }
    }

    #[test]
    fn full_cover_is_white_and_outline_is_black_in_each_range() {
        for (range, white, black) in [(Range::Limited, 235, 16), (Range::Full, 255, 0)] {
            let mut picture = I420::new(8, 8, 0, |_| 90);
            picture.blend(&Overlay::new(&solid(2, 2, 255, 255), 0, 0, range));
            picture.blend(&Overlay::new(&solid(2, 2, 0, 255), 4, 4, range));
            assert_eq!((picture.y[0], picture.y[4 * 8 + 4], picture.y[7]), (white, black, 90));
            assert_eq!((picture.u[0], picture.u[2 * 4 + 2], picture.u[1]), (128, 128, 90));
        }
    }

    #[test]
    fn half_cover_is_halfway() {
        let mut picture = I420::new(4, 4, 0, |_| 35);
        picture.blend(&Overlay::new(&solid(4, 4, 128, 0), 0, 0, Range::Limited));
        // 35 + (235 - 35) * 128 / 255 = 135.4; chroma 35 + (128 - 35) * 128 / 255 = 81.7.
        assert!((135..=136).contains(&picture.y[5]), "{}", picture.y[5]);
        assert!((81..=82).contains(&picture.u[1]), "{}", picture.u[1]);
    }

    #[test]
    fn an_odd_origin_takes_part_of_the_chroma_samples_at_its_edge() {
        let mut picture = I420::new(8, 8, 0, |_| 0);
        picture.blend(&Overlay::new(&solid(2, 2, 255, 255), 3, 3, Range::Full));
        // Pixels 3,3 4,3 3,4 4,4: each of the four chroma samples around them has one of its four pixels covered.
        for (at, expected) in [(5, 32), (6, 32), (9, 32), (10, 32), (0, 0), (7, 0)] {
            assert_eq!(picture.u[at], expected, "chroma sample {at}");
        }
    }

    #[test]
    fn interleaved_chroma_gives_the_same_samples_as_planar() {
        let bitmap = Bitmap { width: 5, height: 3, fill: (0..15).map(|i| i * 17).collect(), outline: vec![200; 15] };
        let overlay = Overlay::new(&bitmap, 1, 2, Range::Limited);
        let mut planar = I420::new(9, 7, 3, |i| (i * 7 % 256) as u8);
        let mut luma = planar.y.clone();
        let mut uv: Vec<u8> = planar.u.iter().zip(&planar.v).flat_map(|(u, v)| [*u, *v]).collect();
        planar.blend(&overlay);
        overlay.blend(&mut Picture {
            width: 9,
            height: 7,
            luma: &mut luma,
            luma_stride: 12,
            chroma: Chroma::Interleaved { uv: &mut uv, stride: 16 },
        });
        assert_eq!(luma, planar.y);
        assert_eq!(uv.iter().step_by(2).copied().collect::<Vec<u8>>(), planar.u);
        assert_eq!(uv.iter().skip(1).step_by(2).copied().collect::<Vec<u8>>(), planar.v);
    }

    proptest! {
        /// Whatever the place, size, stride and picture: samples outside the rectangle, and the padding, stay as they were.
        #[test]
        fn nothing_outside_the_rectangle_changes(
            width in 1usize..40, height in 1usize..40, pad in 0usize..9,
            x in 0u32..50, y in 0u32..50, w in 0u32..30, h in 0u32..30, seed in any::<u8>(),
        ) {
            let sample = |i: usize| (i as u8).wrapping_mul(31).wrapping_add(seed);
            let before = I420::new(width, height, pad, sample);
            let mut after = I420::new(width, height, pad, sample);
            after.blend(&Overlay::new(&solid(w, h, 200, 255), x, y, Range::Full));
            let inside = |i: usize, stride: usize, w0: usize, w1: usize, h0: usize, h1: usize| {
                (w0..w1).contains(&(i % stride)) && (h0..h1).contains(&(i / stride))
            };
            let (x, y, w, h) = (x as usize, y as usize, w as usize, h as usize);
            for i in 0..before.y.len() {
                if !inside(i, width + pad, x, (x + w).min(width), y, (y + h).min(height)) {
                    prop_assert_eq!(before.y[i], after.y[i]);
                }
            }
            let (cw, ch) = (width.div_ceil(2), height.div_ceil(2));
            for i in 0..before.u.len() {
                if !inside(i, cw + pad, x / 2, (x + w).div_ceil(2).min(cw), y / 2, (y + h).div_ceil(2).min(ch)) {
                    prop_assert_eq!(before.u[i], after.u[i]);
                    prop_assert_eq!(before.v[i], after.v[i]);
                }
            }
        }

        /// The arithmetic neither wraps nor leaves the range between the old sample and the colour drawn.
        #[test]
        fn a_blended_sample_lies_between_picture_and_stamp(sample in any::<u8>(), fill in any::<u8>(), outline in any::<u8>()) {
            let mut picture = I420::new(2, 2, 0, |_| sample);
            picture.blend(&Overlay::new(&solid(2, 2, fill, outline), 0, 0, Range::Full));
            prop_assert!(outline > 0 || picture.y[0].saturating_add(1) >= sample);
            prop_assert!(fill > 0 || picture.y[0] <= sample);
        }
    }
}
