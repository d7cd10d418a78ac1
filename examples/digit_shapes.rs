//! Makes `src/stamp/camera_osd/shapes.txt`, the table of digit shapes: `cargo run --example digit_shapes > FILE`.
//!
//! Outlines come from fonts of Debian (fonts-dejavu-core, fonts-liberation, fonts-noto-cjk); the dot-matrix digits that recorders and
//! older cameras draw are written out below.

use std::io::Write as _;

use ab_glyph::{Font as _, FontVec, PxScale, point};
use jiancha::stamp::camera_osd::{Luma, shape_block};

const LATIN: &str = "0123456789/";
const CHINESE: &str = "0123456789/年月日";

/// Name, file, face of a collection, characters.
const FONTS: [(&str, &str, u32, &str); 10] = [
    ("DejaVu Sans", "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf", 0, LATIN),
    ("DejaVu Sans Bold", "/usr/share/fonts/truetype/dejavu/DejaVuSans-Bold.ttf", 0, LATIN),
    ("DejaVu Sans Mono", "/usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf", 0, LATIN),
    ("DejaVu Serif", "/usr/share/fonts/truetype/dejavu/DejaVuSerif.ttf", 0, LATIN),
    ("Liberation Sans", "/usr/share/fonts/truetype/liberation/LiberationSans-Regular.ttf", 0, LATIN),
    ("Liberation Serif", "/usr/share/fonts/truetype/liberation/LiberationSerif-Regular.ttf", 0, LATIN),
    ("Liberation Mono", "/usr/share/fonts/truetype/liberation/LiberationMono-Regular.ttf", 0, LATIN),
    ("Noto Sans CJK SC", "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc", 2, CHINESE),
    ("Noto Sans CJK SC Bold", "/usr/share/fonts/opentype/noto/NotoSansCJK-Bold.ttc", 2, CHINESE),
    ("Noto Serif CJK SC", "/usr/share/fonts/opentype/noto/NotoSerifCJK-Regular.ttc", 2, CHINESE),
];

/// Digits of five by seven dots, rows from above, the leftmost dot the highest of five bits.
const FIVE_BY_SEVEN: [[u8; 7]; 10] = [
    [0x0e, 0x11, 0x11, 0x11, 0x11, 0x11, 0x0e],
    [0x04, 0x0c, 0x04, 0x04, 0x04, 0x04, 0x0e],
    [0x0e, 0x11, 0x01, 0x02, 0x04, 0x08, 0x1f],
    [0x0e, 0x11, 0x01, 0x06, 0x01, 0x11, 0x0e],
    [0x02, 0x06, 0x0a, 0x12, 0x1f, 0x02, 0x02],
    [0x1f, 0x10, 0x1e, 0x01, 0x01, 0x11, 0x0e],
    [0x06, 0x08, 0x10, 0x1e, 0x11, 0x11, 0x0e],
    [0x1f, 0x01, 0x02, 0x04, 0x08, 0x08, 0x08],
    [0x0e, 0x11, 0x11, 0x0e, 0x11, 0x11, 0x0e],
    [0x0e, 0x11, 0x11, 0x0f, 0x01, 0x02, 0x0c],
];

/// Digits of seven by ten dots with strokes two wide, as in text screens of eight by sixteen.
const SEVEN_BY_TEN: [[u8; 10]; 10] = [
    [0x1c, 0x36, 0x63, 0x63, 0x63, 0x63, 0x63, 0x63, 0x36, 0x1c],
    [0x0c, 0x1c, 0x3c, 0x0c, 0x0c, 0x0c, 0x0c, 0x0c, 0x0c, 0x3f],
    [0x3e, 0x63, 0x03, 0x06, 0x0c, 0x18, 0x30, 0x60, 0x63, 0x7f],
    [0x3e, 0x63, 0x03, 0x03, 0x1e, 0x03, 0x03, 0x03, 0x63, 0x3e],
    [0x06, 0x0e, 0x1e, 0x36, 0x66, 0x7f, 0x06, 0x06, 0x06, 0x0f],
    [0x7f, 0x60, 0x60, 0x60, 0x7e, 0x03, 0x03, 0x03, 0x63, 0x3e],
    [0x1c, 0x30, 0x60, 0x60, 0x7e, 0x63, 0x63, 0x63, 0x63, 0x3e],
    [0x7f, 0x63, 0x03, 0x03, 0x06, 0x0c, 0x18, 0x18, 0x18, 0x18],
    [0x3e, 0x63, 0x63, 0x63, 0x3e, 0x63, 0x63, 0x63, 0x63, 0x3e],
    [0x3e, 0x63, 0x63, 0x63, 0x3f, 0x03, 0x03, 0x03, 0x06, 0x3c],
];

/// Dots as a picture of eight pixels a dot, with room around.
fn dots(rows: &[u8], columns: usize) -> Option<Luma> {
    const DOT: usize = 8;
    let (width, height) = ((columns + 2) * DOT, (rows.len() + 2) * DOT);
    let mut pixels = vec![0; width * height];
    for (n, pixel) in pixels.iter_mut().enumerate() {
        let (x, y) = (n % width / DOT, n / width / DOT);
        let lit = (1..=columns).contains(&x) && (1..=rows.len()).contains(&y) && rows[y - 1] >> (columns - x) & 1 == 1;
        *pixel = if lit { 255 } else { 0 };
    }
    Luma::from_rows(width, height, width, &pixels)
}

/// A character of a font, some sixty pixels high.
fn outlined(font: &FontVec, character: char) -> Option<Luma> {
    let glyph = font.glyph_id(character).with_scale_and_position(PxScale::from(100.0), point(0.0, 0.0));
    let outline = font.outline_glyph(glyph)?;
    let bounds = outline.px_bounds();
    let (width, height) = (bounds.width() as usize + 8, bounds.height() as usize + 8);
    let mut pixels = vec![0; width * height];
    outline.draw(|x, y, coverage| {
        if let Some(pixel) = pixels.get_mut((y as usize + 4) * width + x as usize + 4) {
            *pixel = (coverage.clamp(0.0, 1.0) * 255.0) as u8;
        }
    });
    Luma::from_rows(width, height, width, &pixels)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut out = std::io::stdout().lock();
    for (name, file, face, characters) in FONTS {
        let font = FontVec::try_from_vec_and_index(std::fs::read(file)?, face)?;
        let drawn: Vec<(char, Luma)> = characters.chars().filter_map(|c| Some((c, outlined(&font, c)?))).collect();
        out.write_all(shape_block(name, &drawn).as_bytes())?;
    }
    let digits = |shapes: Vec<Option<Luma>>| ('0'..='9').zip(shapes).filter_map(|(c, s)| Some((c, s?))).collect::<Vec<_>>();
    let small = digits(FIVE_BY_SEVEN.iter().map(|rows| dots(rows, 5)).collect());
    out.write_all(shape_block("dots 5x7", &small).as_bytes())?;
    let large = digits(SEVEN_BY_TEN.iter().map(|rows| dots(rows, 7)).collect());
    out.write_all(shape_block("dots 7x10", &large).as_bytes())?;
    Ok(())
}
