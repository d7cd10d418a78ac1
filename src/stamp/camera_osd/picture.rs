//! A picture's luma plane, and rectangles in it.

use serde::{Deserialize, Serialize};

/// Most pixels taken: 8K. What is larger is no camera's picture.
const MOST_PIXELS: usize = 7680 * 4320;

/// A rectangle in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Area {
    /// Left edge.
    pub x: usize,
    /// Top edge.
    pub y: usize,
    /// Width.
    pub width: usize,
    /// Height.
    pub height: usize,
}

impl Area {
    /// This rectangle with `margin` more on every side, kept inside a picture of `width` × `height`.
    pub fn widened(self, margin: usize, width: usize, height: usize) -> Self {
        let (x, y) = (self.x.saturating_sub(margin), self.y.saturating_sub(margin));
        let right = (self.x + self.width).saturating_add(margin).min(width);
        let bottom = (self.y + self.height).saturating_add(margin).min(height);
        Self { x, y, width: right.saturating_sub(x), height: bottom.saturating_sub(y) }
    }
}

/// The luma plane of a picture: `width` × `height` bytes without padding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Luma {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

impl Luma {
    /// Takes the plane out of rows of `stride` bytes. `None` when there are fewer bytes than the size asks for, or more pixels than
    /// any camera sends.
    pub fn from_rows(width: usize, height: usize, stride: usize, rows: &[u8]) -> Option<Self> {
        if width == 0 || height == 0 || stride < width || width.checked_mul(height)? > MOST_PIXELS {
            return None;
        }
        let mut pixels = Vec::with_capacity(width * height);
        for y in 0..height {
            let from = y.checked_mul(stride)?;
            pixels.extend_from_slice(rows.get(from..from.checked_add(width)?)?);
        }
        Some(Self { width, height, pixels })
    }

    /// Width in pixels.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Height in pixels.
    pub fn height(&self) -> usize {
        self.height
    }

    /// Every pixel, row by row.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// One row; empty outside the picture.
    pub fn row(&self, y: usize) -> &[u8] {
        self.pixels.get(y * self.width..(y + 1) * self.width).unwrap_or_default()
    }

    /// One pixel; 0 outside the picture.
    pub fn at(&self, x: usize, y: usize) -> u8 {
        if x < self.width { self.row(y).get(x).copied().unwrap_or(0) } else { 0 }
    }

    /// The part of the picture inside `area`; `None` when nothing of it is.
    pub fn crop(&self, area: Area) -> Option<Self> {
        let area = area.widened(0, self.width, self.height);
        if area.width == 0 || area.height == 0 {
            return None;
        }
        let pixels = (area.y..area.y + area.height).flat_map(|y| &self.row(y)[area.x..area.x + area.width]).copied().collect();
        Some(Self { width: area.width, height: area.height, pixels })
    }

    /// Half as wide and high, each pixel the mean of four.
    pub fn halved(&self) -> Self {
        let (width, height) = ((self.width / 2).max(1), (self.height / 2).max(1));
        let mut pixels = Vec::with_capacity(width * height);
        for y in 0..height {
            for x in 0..width {
                let sum: u32 =
                    [(0, 0), (1, 0), (0, 1), (1, 1)].iter().map(|(dx, dy)| u32::from(self.at(2 * x + dx, 2 * y + dy))).sum();
                pixels.push((sum / 4) as u8);
            }
        }
        Self { width, height, pixels }
    }

    /// Twice as wide and high, by cubic interpolation: thin strokes of small writing keep apart.
    pub fn doubled(&self) -> Self {
        let across = stretched(&self.pixels, self.width, self.height, 1, self.width);
        // Rows of the widened picture are now the columns to stretch.
        let pixels = stretched(&across, self.height, self.width * 2, self.width * 2, 1);
        Self { width: self.width * 2, height: self.height * 2, pixels }
    }

    /// Dark and bright exchanged.
    pub fn inverted(&self) -> Self {
        Self { pixels: self.pixels.iter().map(|p| 255 - p).collect(), ..*self }
    }

    /// Each pixel's distance from the mean of the square of `2 * reach + 1` pixels around it, as 128 + difference.
    pub fn against_surroundings(&self, reach: usize) -> Self {
        let (w, h) = (self.width, self.height);
        // Sums of everything above and to the left.
        let mut sums = vec![0u32; (w + 1) * (h + 1)];
        for y in 0..h {
            let mut line = 0u32;
            for (x, p) in self.row(y).iter().enumerate() {
                line += u32::from(*p);
                sums[(y + 1) * (w + 1) + x + 1] = sums[y * (w + 1) + x + 1] + line;
            }
        }
        let mut pixels = Vec::with_capacity(w * h);
        for y in 0..h {
            let (top, bottom) = (y.saturating_sub(reach), (y + reach + 1).min(h));
            for x in 0..w {
                let (left, right) = (x.saturating_sub(reach), (x + reach + 1).min(w));
                let at = |x: usize, y: usize| sums[y * (w + 1) + x];
                // Every subtraction stays above nought: the sums grow downwards and to the right.
                let sum = at(right, bottom) + at(left, top) - at(left, bottom) - at(right, top);
                let mean = sum / ((bottom - top) * (right - left)) as u32;
                let difference = i32::from(self.at(x, y)) - mean as i32;
                pixels.push((128 + difference).clamp(0, 255) as u8);
            }
        }
        Self { width: w, height: h, pixels }
    }
}

/// Twice as many samples along one direction. `count` samples lie `step` apart, `lines` such lines `line_step` apart. Along rows the result is
/// row by row again; down columns each line of the result follows the one above.
fn stretched(samples: &[u8], count: usize, lines: usize, step: usize, line_step: usize) -> Vec<u8> {
    let mut out = vec![0; samples.len() * 2];
    let out_line_step = if step == 1 { line_step * 2 } else { line_step };
    for line in 0..lines {
        let at = |n: isize| {
            let n = n.clamp(0, count as isize - 1) as usize;
            i32::from(samples[line * line_step + n * step])
        };
        for n in 0..count {
            let n = n as isize;
            // Catmull and Rom's weights a quarter before and a quarter behind each sample, in 128ths.
            let before = -3 * at(n - 2) + 29 * at(n - 1) + 111 * at(n) - 9 * at(n + 1);
            let behind = -9 * at(n - 1) + 111 * at(n) + 29 * at(n + 1) - 3 * at(n + 2);
            let place = line * out_line_step + 2 * n as usize * step;
            out[place] = (before / 128).clamp(0, 255) as u8;
            out[place + step] = (behind / 128).clamp(0, 255) as u8;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubling_keeps_flat_parts_flat_and_edges_in_place() {
        let rows = [10u8, 10, 200, 200, 10, 10, 200, 200, 10, 10, 200, 200];
        let doubled = Luma::from_rows(4, 3, 4, &rows).expect("a picture").doubled();
        assert_eq!((doubled.width(), doubled.height()), (8, 6));
        for y in 0..6 {
            let row = doubled.row(y);
            assert!(row[..3].iter().all(|p| *p < 40) && row[5..].iter().all(|p| *p > 180), "{row:?}");
        }
    }

    #[test]
    fn sizes_that_do_not_fit_the_bytes_are_refused() {
        assert!(Luma::from_rows(4, 3, 4, &[0; 11]).is_none());
        assert!(Luma::from_rows(4, 3, 3, &[0; 12]).is_none());
        assert!(Luma::from_rows(0, 3, 4, &[0; 12]).is_none());
        assert!(Luma::from_rows(usize::MAX, 2, usize::MAX, &[0; 12]).is_none());
        assert!(Luma::from_rows(4, 3, 4, &[0; 12]).expect("it fits").crop(Area { x: 9, y: 0, width: 2, height: 2 }).is_none());
    }
}
