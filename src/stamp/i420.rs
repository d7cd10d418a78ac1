//! A picture in memory as the recorder's decoder gives it (I420: 8 bits, 4:2:0, BT.709, limited range), and the way from and to RGB.
//! Pure.
//!
//! For looking at the stamp without a camera: the stamp is drawn on samples of the very kind it is drawn on while recording.

use image::RgbImage;

use super::StampError;
use super::blend::Range;
use super::draw::StampDrawer;
use crate::time::WallTime;

/// An I420 picture without padding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct I420 {
    width: u32,
    height: u32,
    y: Vec<u8>,
    u: Vec<u8>,
    v: Vec<u8>,
}

impl I420 {
    /// An even grey picture, `luma` from 16 (black) to 235 (white).
    pub fn grey(width: u32, height: u32, luma: u8) -> Self {
        let pixels = width as usize * height as usize;
        let samples = width.div_ceil(2) as usize * height.div_ceil(2) as usize;
        Self { width, height, y: vec![luma; pixels], u: vec![128; samples], v: vec![128; samples] }
    }

    /// Width in pixels.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Height in pixels.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// The luma samples, row by row.
    pub fn luma(&self) -> &[u8] {
        &self.y
    }

    /// The picture of these RGB pixels; each chroma sample is the mean of the pixels it stands for.
    pub fn from_rgb(rgb: &RgbImage) -> Self {
        let (width, height) = rgb.dimensions();
        let mut picture = Self::grey(width, height, 16);
        let columns = width.div_ceil(2) as usize;
        let mut sums = vec![[0.0f32; 3]; picture.u.len()];
        for (at, (x, y, pixel)) in rgb.enumerate_pixels().enumerate() {
            let [r, g, b] = pixel.0.map(|c| f32::from(c) / 255.0);
            let luma = 0.2126 * r + 0.7152 * g + 0.0722 * b;
            picture.y[at] = sample(16.0 + 219.0 * luma);
            let sum = &mut sums[(y / 2) as usize * columns + (x / 2) as usize];
            sum[0] += (b - luma) / 1.8556;
            sum[1] += (r - luma) / 1.5748;
            sum[2] += 1.0;
        }
        for (at, [u, v, pixels]) in sums.into_iter().enumerate() {
            picture.u[at] = sample(128.0 + 224.0 * u / pixels.max(1.0));
            picture.v[at] = sample(128.0 + 224.0 * v / pixels.max(1.0));
        }
        picture
    }

    /// The RGB pixels of this picture.
    pub fn to_rgb(&self) -> RgbImage {
        let columns = self.width.div_ceil(2);
        RgbImage::from_fn(self.width, self.height, |x, y| {
            let chroma = ((y / 2) * columns + x / 2) as usize;
            let luma = (f32::from(self.y[(y * self.width + x) as usize]) - 16.0) / 219.0;
            let u = (f32::from(self.u[chroma]) - 128.0) / 224.0;
            let v = (f32::from(self.v[chroma]) - 128.0) / 224.0;
            let (r, b) = (luma + 1.5748 * v, luma + 1.8556 * u);
            let g = (luma - 0.2126 * r - 0.0722 * b) / 0.7152;
            image::Rgb([r, g, b].map(|c| sample(255.0 * c)))
        })
    }

    /// Draws the stamp of a picture taken at `capture`.
    ///
    /// # Errors
    /// Those of [`StampDrawer::draw`].
    pub fn stamp(&mut self, drawer: &mut StampDrawer, capture: WallTime) -> Result<(), StampError> {
        let stride = self.width.div_ceil(2) as usize;
        let strides = [self.width as usize, stride, stride];
        let planes = [&mut self.y[..], &mut self.u[..], &mut self.v[..]];
        drawer.draw_i420(planes, strides, self.width, self.height, capture, Range::Limited)
    }
}

fn sample(value: f32) -> u8 {
    value.round().clamp(0.0, 255.0) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_primary_colours_have_the_samples_of_bt_709() {
        // ITU-R BT.709-6, 8 bits, limited range.
        for (rgb, yuv) in [
            ([255, 255, 255], (235, 128, 128)),
            ([0, 0, 0], (16, 128, 128)),
            ([255, 0, 0], (63, 102, 240)),
            ([0, 255, 0], (173, 42, 26)),
            ([0, 0, 255], (32, 240, 118)),
        ] {
            let picture = I420::from_rgb(&RgbImage::from_pixel(3, 3, image::Rgb(rgb)));
            assert_eq!((picture.y[8], picture.u[3], picture.v[3]), yuv, "{rgb:?}");
            let back = picture.to_rgb().get_pixel(2, 2).0;
            assert!(back.iter().zip(rgb).all(|(a, b)| a.abs_diff(b) <= 2), "{rgb:?} came back as {back:?}");
        }
    }

    #[test]
    fn an_odd_picture_has_a_chroma_sample_for_its_last_column_and_row() {
        let picture = I420::grey(853, 479, 126);
        assert_eq!((picture.y.len(), picture.u.len()), (853 * 479, 427 * 240));
        assert_eq!(picture.to_rgb().get_pixel(852, 478).0, [128, 128, 128]);
    }
}
