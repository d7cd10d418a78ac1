//! Decoded pictures in memory and their colours. Pure.

/// How luma and colour make red, green and blue (ITU-T H.273 `MatrixCoefficients`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Matrix {
    /// ITU-R BT.709: high definition.
    Bt709,
    /// ITU-R BT.601: what came before.
    Bt601,
}

impl Matrix {
    /// What players assume where a stream does not say.
    pub fn assumed(height: u32) -> Self {
        if height > 576 { Self::Bt709 } else { Self::Bt601 }
    }
}

/// A picture with 8 bits a sample and colour at half the resolution (I420), rows without padding.
#[derive(Clone, PartialEq, Eq)]
pub struct I420 {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// True when luma goes from 0 to 255, false for 16 to 235.
    pub full_range: bool,
    /// How colours are meant.
    pub matrix: Matrix,
    /// Luma, `width` bytes a row.
    pub y: Vec<u8>,
    /// U, half the width rounded up.
    pub u: Vec<u8>,
    /// V, as U.
    pub v: Vec<u8>,
}

impl std::fmt::Debug for I420 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}x{} {:?} full range {}", self.width, self.height, self.matrix, self.full_range)
    }
}

/// A factor in 1/65536.
const fn fixed(factor: f64) -> i64 {
    (factor * 65536.0 + if factor < 0.0 { -0.5 } else { 0.5 }) as i64
}

impl I420 {
    /// Bytes in a row of colour.
    pub fn chroma_width(&self) -> usize {
        (self.width as usize).div_ceil(2)
    }

    /// The picture as red, green and blue, three bytes a pixel, rows without padding. Samples a plane lacks are black.
    pub fn to_rgb(&self) -> Vec<u8> {
        let (width, height, chroma_width) = (self.width as usize, self.height as usize, self.chroma_width());
        // Red from V, green from U and V, blue from U, for full range (ITU-R BT.709 and BT.601, section 3).
        let (red_v, green_u, green_v, blue_u) = match self.matrix {
            Matrix::Bt709 => (1.5748, -0.187_324, -0.468_124, 1.8556),
            Matrix::Bt601 => (1.402, -0.344_136, -0.714_136, 1.772),
        };
        let (luma_scale, chroma_scale, black) =
            if self.full_range { (1.0, 1.0, 0) } else { (255.0 / 219.0, 255.0 / 224.0, 16) };
        let luma = fixed(luma_scale);
        let [red_v, green_u, green_v, blue_u] = [red_v, green_u, green_v, blue_u].map(|f: f64| fixed(f * chroma_scale));
        let mut rgb = Vec::with_capacity(width * height * 3);
        for row in 0..height {
            for column in 0..width {
                let at = (row / 2) * chroma_width + column / 2;
                let sample = |plane: &[u8], at: usize, missing: u8| i64::from(plane.get(at).copied().unwrap_or(missing));
                let y = (sample(&self.y, row * width + column, black) - i64::from(black)) * luma;
                let (u, v) = (sample(&self.u, at, 128) - 128, sample(&self.v, at, 128) - 128);
                for colour in [y + red_v * v, y + green_u * u + green_v * v, y + blue_u * u] {
                    rgb.push(((colour + 32_768) >> 16).clamp(0, 255) as u8);
                }
            }
        }
        rgb
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pixel(y: u8, u: u8, v: u8, full_range: bool, matrix: Matrix) -> [u8; 3] {
        let picture = I420 { width: 1, height: 1, full_range, matrix, y: vec![y], u: vec![u], v: vec![v] };
        picture.to_rgb().try_into().expect("three bytes")
    }

    #[test]
    fn black_white_and_grey_have_no_colour_in_either_range() {
        assert_eq!(pixel(16, 128, 128, false, Matrix::Bt709), [0, 0, 0]);
        assert_eq!(pixel(235, 128, 128, false, Matrix::Bt601), [255, 255, 255]);
        assert_eq!(pixel(0, 128, 128, true, Matrix::Bt601), [0, 0, 0]);
        assert_eq!(pixel(255, 128, 128, true, Matrix::Bt709), [255, 255, 255]);
        assert_eq!(pixel(126, 128, 128, false, Matrix::Bt709), [128, 128, 128]);
        assert_eq!(pixel(255, 128, 128, false, Matrix::Bt709), [255, 255, 255], "brighter than white is white");
    }

    #[test]
    fn pure_red_comes_back_from_each_matrix() {
        // Red in BT.709 limited range is 63, 102, 240; in BT.601 81, 90, 240 (ITU-R BT.709 table 5, BT.601 section 3).
        for (sample, matrix) in [((63, 102, 240), Matrix::Bt709), ((81, 90, 240), Matrix::Bt601)] {
            let [red, green, blue] = pixel(sample.0, sample.1, sample.2, false, matrix);
            assert!(red >= 253 && green <= 2 && blue <= 2, "{matrix:?}: {red} {green} {blue}");
        }
    }

    #[test]
    fn an_odd_picture_has_a_pixel_for_every_place() {
        let picture = I420 {
            width: 3,
            height: 3,
            full_range: true,
            matrix: Matrix::Bt601,
            y: vec![9; 9],
            u: vec![128; 4],
            v: vec![128; 4],
        };
        assert_eq!(picture.to_rgb(), [9; 27]);
    }
}
