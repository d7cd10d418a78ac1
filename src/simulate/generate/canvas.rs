//! A picture in I420 and a brush that draws flat shapes on it in coordinates of a 1920 × 1080 sheet.

/// A colour as limited-range BT.709.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Colour {
    y: u8,
    u: u8,
    v: u8,
}

impl Colour {
    /// From 0xRRGGBB.
    pub fn rgb(rgb: u32) -> Self {
        let [_, r, g, b] = rgb.to_be_bytes().map(f32::from);
        let y = 0.2126 * r + 0.7152 * g + 0.0722 * b;
        let scaled = |value: f32| (128.0 + value * 224.0 / 255.0).round() as u8;
        Self { y: (16.0 + y * 219.0 / 255.0).round() as u8, u: scaled((b - y) / 1.8556), v: scaled((r - y) / 1.5748) }
    }

    /// The colour `part` (0.0..=1.0) of the way to `other`.
    pub fn mixed(self, other: Colour, part: f32) -> Self {
        let mix = |a: u8, b: u8| (f32::from(a) + (f32::from(b) - f32::from(a)) * part).round() as u8;
        Self { y: mix(self.y, other.y), u: mix(self.u, other.u), v: mix(self.v, other.v) }
    }
}

/// A picture in I420 with even width and height.
#[derive(Clone)]
pub struct Canvas {
    /// Width in pixels.
    pub width: usize,
    /// Height in pixels.
    pub height: usize,
    /// Luma, then both chroma planes.
    planes: Vec<u8>,
}

impl Canvas {
    /// A picture of one colour.
    pub fn new(width: usize, height: usize, colour: Colour) -> Self {
        let luma = width * height;
        let mut planes = vec![colour.y; luma];
        planes.resize(luma + luma / 4, colour.u);
        planes.resize(luma + luma / 2, colour.v);
        Self { width, height, planes }
    }

    /// The whole picture: luma, U, V, without padding.
    pub fn bytes(&self) -> &[u8] {
        &self.planes
    }

    /// The luma plane; its stride is the width.
    pub fn luma_mut(&mut self) -> &mut [u8] {
        let luma = self.width * self.height;
        &mut self.planes[..luma]
    }

    /// Copies the part of `sheet` that begins at column `x` (even) over this picture, which has the same height.
    pub fn copy_from(&mut self, sheet: &Canvas, x: usize) {
        let mut planes = [(0, 0, self.width, self.height, sheet.width, x), (0, 0, 0, 0, 0, 0), (0, 0, 0, 0, 0, 0)];
        let (mine, theirs) = (self.width * self.height, sheet.width * sheet.height);
        for (place, plane) in planes.iter_mut().enumerate().skip(1) {
            let quarter = place - 1;
            *plane = (
                mine + quarter * mine / 4,
                theirs + quarter * theirs / 4,
                self.width / 2,
                self.height / 2,
                sheet.width / 2,
                x / 2,
            );
        }
        for (to, from, width, height, stride, x) in planes {
            for row in 0..height {
                let source = from + row * stride + x;
                self.planes[to + row * width..to + (row + 1) * width].copy_from_slice(&sheet.planes[source..source + width]);
            }
        }
    }

    /// Colours the pixels `from..to` of row `row`; what lies outside the picture is left out.
    fn row(&mut self, row: i32, from: i32, to: i32, colour: Colour) {
        let (from, to) = (from.clamp(0, self.width as i32) as usize, to.clamp(0, self.width as i32) as usize);
        if row < 0 || row as usize >= self.height || from >= to {
            return;
        }
        let row = row as usize;
        let luma = self.width * self.height;
        self.planes[row * self.width + from..row * self.width + to].fill(colour.y);
        if row.is_multiple_of(2) {
            let at = luma + row / 2 * (self.width / 2);
            let (from, to) = (at + from / 2, at + to.div_ceil(2));
            self.planes[from..to].fill(colour.u);
            self.planes[from + luma / 4..to + luma / 4].fill(colour.v);
        }
    }

    /// Lays a colour over one pixel with the given coverage (0.0..=1.0).
    fn blend(&mut self, x: i32, y: i32, colour: Colour, coverage: f32) {
        if x < 0 || y < 0 || x as usize >= self.width || y as usize >= self.height {
            return;
        }
        let (x, y, luma) = (x as usize, y as usize, self.width * self.height);
        let lay =
            |under: &mut u8, over: u8| *under = (f32::from(*under) + (f32::from(over) - f32::from(*under)) * coverage) as u8;
        lay(&mut self.planes[y * self.width + x], colour.y);
        if y % 2 == 0 && x % 2 == 0 {
            let at = luma + y / 2 * (self.width / 2) + x / 2;
            lay(&mut self.planes[at], colour.u);
            lay(&mut self.planes[at + luma / 4], colour.v);
        }
    }
}

/// Draws on a canvas in sheet coordinates: the picture is 1080 units high.
pub struct Brush<'a> {
    canvas: &'a mut Canvas,
    scale: f32,
    shift: f32,
}

impl<'a> Brush<'a> {
    /// A brush whose sheet begins `shift` units left of the picture's left edge.
    pub fn new(canvas: &'a mut Canvas, shift: f32) -> Self {
        let scale = canvas.height as f32 / 1080.0;
        Self { canvas, scale, shift }
    }

    fn x(&self, x: f32) -> f32 {
        (x - self.shift) * self.scale
    }

    /// A rectangle with its top left corner at `x`, `y`.
    pub fn rect(&mut self, x: f32, y: f32, width: f32, height: f32, colour: Colour) {
        self.trapezoid((y, y + height), (x, x + width), (x, x + width), colour);
    }

    /// A shape between two rows, whose edges run straight from `top` (left, right) to `bottom` (left, right).
    pub fn trapezoid(&mut self, rows: (f32, f32), top: (f32, f32), bottom: (f32, f32), colour: Colour) {
        let (from, to) = ((rows.0 * self.scale).round() as i32, (rows.1 * self.scale).round() as i32);
        for row in from..to {
            let part = (row - from) as f32 / (to - from).max(1) as f32;
            let left = self.x(top.0 + (bottom.0 - top.0) * part);
            let right = self.x(top.1 + (bottom.1 - top.1) * part);
            self.canvas.row(row, left.round() as i32, right.round() as i32, colour);
        }
    }

    /// An ellipse around `x`, `y`.
    pub fn ellipse(&mut self, x: f32, y: f32, half_width: f32, half_height: f32, colour: Colour) {
        let (cy, ry) = (y * self.scale, half_height * self.scale);
        let (cx, rx) = (self.x(x), half_width * self.scale);
        for row in (cy - ry).floor() as i32..=(cy + ry).ceil() as i32 {
            let away = (row as f32 + 0.5 - cy) / ry;
            if away.abs() < 1.0 {
                let half = rx * (1.0 - away * away).sqrt();
                self.canvas.row(row, (cx - half).round() as i32, (cx + half).round() as i32, colour);
            }
        }
    }

    /// A rectangle with round corners.
    pub fn rounded(&mut self, x: f32, y: f32, width: f32, height: f32, radius: f32, colour: Colour) {
        let radius = radius.min(width / 2.0).min(height / 2.0);
        self.rect(x, y + radius, width, height - 2.0 * radius, colour);
        self.rect(x + radius, y, width - 2.0 * radius, height, colour);
        for (cx, cy) in [
            (x + radius, y + radius),
            (x + width - radius, y + radius),
            (x + radius, y + height - radius),
            (x + width - radius, y + height - radius),
        ] {
            self.ellipse(cx, cy, radius, radius, colour);
        }
    }

    /// A limb: a thick line with round ends.
    pub fn limb(&mut self, from: (f32, f32), to: (f32, f32), thickness: f32, colour: Colour) {
        let steps = ((to.0 - from.0).hypot(to.1 - from.1) / (thickness / 24.0)).ceil().max(1.0) as i32;
        for step in 0..=steps {
            let part = step as f32 / steps as f32;
            let (x, y) = (from.0 + (to.0 - from.0) * part, from.1 + (to.1 - from.1) * part);
            self.ellipse(x, y, thickness / 2.0, thickness / 2.0, colour);
        }
    }

    /// Blends a glyph's coverage at sheet place `x`, `y`; pixels of the glyph are pixels of the picture.
    pub(super) fn glyph_pixel(&mut self, x: f32, y: f32, offset: (i32, i32), colour: Colour, coverage: f32) {
        let (px, py) = (self.x(x).round() as i32 + offset.0, (y * self.scale).round() as i32 + offset.1);
        self.canvas.blend(px, py, colour, coverage);
    }

    /// Picture pixels per sheet unit.
    pub fn scale(&self) -> f32 {
        self.scale
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_black_and_red_are_bt709_limited_range() {
        assert_eq!(Colour::rgb(0xffffff), Colour { y: 235, u: 128, v: 128 });
        assert_eq!(Colour::rgb(0x000000), Colour { y: 16, u: 128, v: 128 });
        assert_eq!(Colour::rgb(0xff0000), Colour { y: 63, u: 102, v: 240 });
    }

    #[test]
    fn shapes_are_scaled_and_cut_at_the_edges() {
        let mut canvas = Canvas::new(96, 54, Colour::rgb(0));
        let mut brush = Brush::new(&mut canvas, 0.0);
        brush.rect(1800.0, -100.0, 500.0, 140.0, Colour::rgb(0xffffff));
        let white: Vec<usize> = (0..96 * 54).filter(|at| canvas.bytes()[*at] == 235).collect();
        assert_eq!(white, [90, 91, 92, 93, 94, 95, 186, 187, 188, 189, 190, 191]);
    }

    #[test]
    fn a_wide_sheet_is_copied_from_the_column_asked_for() {
        let mut sheet = Canvas::new(64, 4, Colour::rgb(0));
        Brush::new(&mut sheet, 0.0).rect(270.0 * 32.0, 0.0, 270.0 * 2.0, 1080.0, Colour::rgb(0xff0000));
        let mut canvas = Canvas::new(16, 4, Colour::rgb(0));
        canvas.copy_from(&sheet, 30);
        assert_eq!(canvas.bytes()[..6], [16, 16, 63, 63, 16, 16]);
        assert_eq!(canvas.bytes()[64..67], [128, 102, 128]);
        assert_eq!(canvas.bytes()[80..83], [128, 240, 128]);
    }
}
