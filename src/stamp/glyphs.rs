//! Turns the stamp's text into bitmaps: white characters with a dark outline, anti-aliased.
//!
//! The glyph outlines of the characters that a camera's stamp can show are taken out of the font once; the font file (some
//! 20 MB) is shared while stampers start and let go after. Each character is rasterised once per size and kept, so that the
//! once-a-second change of the time only copies bytes.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use ab_glyph::{Font, FontVec, Glyph, GlyphId, Outline, OutlinedGlyph, PxScale, PxScaleFactor, point};

use super::StampError;
use super::placement::{ELLIPSIS, Extent, Line};

/// Where Debian, Fedora and Arch keep Noto Sans CJK.
const KNOWN_FONTS: [&str; 8] = [
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Bold.ttc",
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/google-noto-sans-cjk-fonts/NotoSansCJK-Bold.ttc",
    "/usr/share/fonts/google-noto-sans-cjk-fonts/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/google-noto-sans-cjk-vf-fonts/NotoSansCJK-VF.ttc",
    "/usr/share/fonts/noto-cjk/NotoSansCJK-Bold.ttc",
    "/usr/share/fonts/noto-cjk/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/truetype/noto/NotoSansCJK-Regular.ttc",
];

/// The face with the shapes used in mainland China inside a Noto CJK collection (JP, KR, SC, TC, HK in this order).
const SIMPLIFIED_CHINESE_FACE: u32 = 2;

/// Two coverages per pixel, row by row without padding: how much of it the character fills and how much the outline does.
///
/// The character lies over the outline: where both are 255 the pixel is white.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bitmap {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Coverage by the character, 0 to 255.
    pub fill: Vec<u8>,
    /// Coverage by the character thickened by its outline, 0 to 255.
    pub outline: Vec<u8>,
}

/// Finds the font: the configured file, else Noto Sans CJK where distributions put it.
///
/// # Errors
/// [`StampError::FontMissing`] with every place looked at.
pub fn find_font(configured: Option<&Path>) -> Result<PathBuf, StampError> {
    let candidates: Vec<PathBuf> = match configured {
        Some(path) => vec![path.to_owned()],
        None => KNOWN_FONTS.iter().map(PathBuf::from).collect(),
    };
    match candidates.iter().find(|path| path.is_file()) {
        Some(path) => Ok(path.clone()),
        None => Err(StampError::FontMissing { tried: candidates }),
    }
}

/// Reads a font, or shares the copy another stamper is just using.
fn read_font(path: &Path) -> Result<Arc<FontVec>, StampError> {
    static IN_USE: Mutex<BTreeMap<PathBuf, Weak<FontVec>>> = Mutex::new(BTreeMap::new());
    let mut in_use = IN_USE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(font) = in_use.get(path).and_then(Weak::upgrade) {
        return Ok(font);
    }
    let unreadable = |reason: String| StampError::FontUnreadable { path: path.to_owned(), reason };
    let bytes = std::fs::read(path).map_err(|e| unreadable(e.to_string()))?;
    let name = path.file_name().map(|n| n.to_string_lossy().to_lowercase()).unwrap_or_default();
    let of_five_regions = name.contains("cjk") || name.contains("sourcehan");
    let face = if bytes.starts_with(b"ttcf") && of_five_regions { SIMPLIFIED_CHINESE_FACE } else { 0 };
    let font = FontVec::try_from_vec_and_index(bytes, face)
        .map_err(|_| unreadable(format!("not a TrueType or OpenType font (face {face})")))?;
    let font = Arc::new(font);
    in_use.insert(path.to_owned(), Arc::downgrade(&font));
    Ok(font)
}

/// The shape of one character in the font's own units, scaled to an em of one pixel.
struct Shape {
    /// `None` for a space.
    outline: Option<Outline>,
    advance_em: f32,
}

/// The shapes of all characters a stamp can show.
pub struct Glyphs {
    shapes: HashMap<char, Shape>,
    units_per_em: f32,
}

impl Glyphs {
    /// Takes the shapes of every character of `texts` out of the font; see [`find_font`].
    ///
    /// # Errors
    /// [`StampError::FontMissing`], [`StampError::FontUnreadable`], and [`StampError::NoGlyph`] for the first character of which
    /// the font has no picture.
    pub fn load<'a>(font: Option<&Path>, texts: impl IntoIterator<Item = &'a str>) -> Result<Self, StampError> {
        let path = find_font(font)?;
        let font = read_font(&path)?;
        let units_per_em = font.units_per_em().filter(|units| *units > 0.0).ok_or_else(|| StampError::FontUnreadable {
            path: path.clone(),
            reason: "it does not say how many units an em has".to_owned(),
        })?;
        let mut shapes = HashMap::new();
        // Stands at the end of a label that is cut; a font without it leaves it out.
        let ellipsis = font.glyph_id(ELLIPSIS);
        if ellipsis != GlyphId(0) {
            let advance_em = font.h_advance_unscaled(ellipsis) / units_per_em;
            shapes.insert(ELLIPSIS, Shape { outline: font.outline(ellipsis), advance_em });
        }
        for text in texts.into_iter().chain([" "]) {
            for character in text.chars() {
                let id = font.glyph_id(character);
                let outline = font.outline(id);
                let blank = character == ' ' || character == '\u{3000}';
                if !blank && (id == GlyphId(0) || outline.is_none()) {
                    return Err(StampError::NoGlyph { character, text: text.to_owned(), font: path });
                }
                let advance_em = font.h_advance_unscaled(id) / units_per_em;
                shapes.insert(character, Shape { outline: outline.filter(|_| !blank), advance_em });
            }
        }
        Ok(Self { shapes, units_per_em })
    }

    /// Extent of a text at an em size of `px`. Characters that were not loaded take no room.
    pub fn extent(&self, text: &str, px: u32) -> Extent {
        let scale = px_scale(px, self.units_per_em);
        let mut extent = Extent { width: 0, above: 0, below: 0 };
        for shape in text.chars().filter_map(|c| self.shapes.get(&c)) {
            extent.width += advance_px(shape, px);
            if let Some(outline) = &shape.outline {
                let bounds = outline.px_bounds(scale, point(0.0, 0.0));
                extent.above = extent.above.max((-bounds.min.y).max(0.0) as u32);
                extent.below = extent.below.max(bounds.max.y.max(0.0) as u32);
            }
        }
        extent
    }
}

fn px_scale(px: u32, units_per_em: f32) -> PxScaleFactor {
    let factor = px as f32 / units_per_em;
    PxScaleFactor { horizontal: factor, vertical: factor }
}

/// Whole pixels, so that a character looks the same wherever it stands and can be copied.
fn advance_px(shape: &Shape, px: u32) -> u32 {
    (shape.advance_em * px as f32).round().max(0.0) as u32
}

/// One rasterised character with its outline.
struct Drawn {
    /// Left edge relative to the pen, outline included.
    left: i32,
    /// Top edge relative to the baseline, outline included.
    top: i32,
    width: usize,
    fill: Vec<u8>,
    outline: Vec<u8>,
}

/// Draws lines of text at one size, keeping every character once drawn.
pub struct Rasteriser {
    glyphs: Arc<Glyphs>,
    px: u32,
    outline_px: u32,
    drawn: HashMap<char, Drawn>,
}

impl Rasteriser {
    /// A rasteriser for an em size of `px` with an outline `outline_px` thick.
    pub fn new(glyphs: Arc<Glyphs>, px: u32, outline_px: u32) -> Self {
        Self { glyphs, px, outline_px, drawn: HashMap::new() }
    }

    /// Draws `text` into a bitmap of the size of `line`; what would stand outside is cut off.
    pub fn line(&mut self, text: &str, line: &Line) -> Bitmap {
        let (width, height) = (line.width as usize, line.height as usize);
        let mut bitmap =
            Bitmap { width: line.width, height: line.height, fill: vec![0; width * height], outline: vec![0; width * height] };
        let mut pen = self.outline_px as i32;
        for character in text.chars() {
            let Some(shape) = self.glyphs.shapes.get(&character) else { continue };
            if let Some(outline) = &shape.outline {
                let scale = px_scale(self.px, self.glyphs.units_per_em);
                let drawn = self.drawn.entry(character).or_insert_with(|| draw(outline, scale, self.px, self.outline_px));
                copy(drawn, pen, line.baseline as i32, &mut bitmap);
            }
            pen += advance_px(shape, self.px) as i32;
        }
        bitmap
    }
}

/// Rasterises one outline and thickens it by a disc of radius `outline_px`.
fn draw(outline: &Outline, scale: PxScaleFactor, px: u32, outline_px: u32) -> Drawn {
    let glyph = Glyph { id: GlyphId(0), scale: PxScale::from(1.0), position: point(0.0, 0.0) };
    let outlined = OutlinedGlyph::new(glyph, outline.clone(), scale);
    let bounds = outlined.px_bounds();
    let edge = outline_px as usize + 1;
    let width = bounds.width() as usize + 2 * edge;
    let height = bounds.height() as usize + 2 * edge;
    let mut fill = vec![0u8; width * height];
    // For the same reason small characters are drawn a little fuller.
    let fuller = 1.0 + (24.0 - px as f32).clamp(0.0, 12.0) / 30.0;
    outlined.draw(|x, y, coverage| {
        if let Some(pixel) = fill.get_mut((y as usize + edge) * width + x as usize + edge) {
            *pixel = ((coverage * fuller).clamp(0.0, 1.0) * 255.0).round() as u8;
        }
    });
    let disc = disc(outline_px);
    let mut thick = vec![0u8; width * height];
    for y in 0..height {
        for x in 0..width {
            let coverage = fill[y * width + x];
            if coverage == 0 {
                continue;
            }
            // Strokes of small characters are thinner than a pixel; their outline must be dark all the same.
            let strength = (2 * u32::from(coverage)).min(255);
            for &(dx, dy, weight) in &disc {
                let (tx, ty) = (x as i32 + dx, y as i32 + dy);
                if (0..width as i32).contains(&tx) && (0..height as i32).contains(&ty) {
                    let pixel = &mut thick[ty as usize * width + tx as usize];
                    *pixel = (*pixel).max((strength * weight / 255) as u8);
                }
            }
        }
    }
    Drawn { left: bounds.min.x as i32 - edge as i32, top: bounds.min.y as i32 - edge as i32, width, fill, outline: thick }
}

/// Offsets and weights (0 to 255) of a disc: solid out to six tenths of its radius (at least one pixel), then fading, so that the outline ends softly.
fn disc(radius: u32) -> Vec<(i32, i32, u32)> {
    let reach = radius as i32;
    let solid = (0.6 * radius as f32).max(1.0);
    let mut offsets = Vec::new();
    for dy in -reach..=reach {
        for dx in -reach..=reach {
            let distance = ((dx * dx + dy * dy) as f32).sqrt();
            let weight = ((radius as f32 + 0.5 - distance) / (radius as f32 + 0.5 - solid)).clamp(0.0, 1.0);
            if weight > 0.0 {
                offsets.push((dx, dy, (weight * 255.0).round() as u32));
            }
        }
    }
    offsets
}

/// Copies a character into a line's bitmap; where two meet, the stronger coverage counts.
fn copy(drawn: &Drawn, pen: i32, baseline: i32, bitmap: &mut Bitmap) {
    let width = bitmap.width as usize;
    for (row, (fill, outline)) in drawn.fill.chunks_exact(drawn.width).zip(drawn.outline.chunks_exact(drawn.width)).enumerate()
    {
        let y = baseline + drawn.top + row as i32;
        if !(0..bitmap.height as i32).contains(&y) {
            continue;
        }
        for (column, (&fill, &outline)) in fill.iter().zip(outline).enumerate() {
            let x = pen + drawn.left + column as i32;
            if (0..width as i32).contains(&x) {
                let at = y as usize * width + x as usize;
                bitmap.fill[at] = bitmap.fill[at].max(fill);
                bitmap.outline[at] = bitmap.outline[at].max(outline);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line_for(glyphs: &Glyphs, text: &str, px: u32) -> Line {
        let extent = glyphs.extent(text, px);
        Line {
            text: text.to_owned(),
            x: 0,
            y: 0,
            width: extent.width + 4,
            height: extent.above + extent.below + 4,
            baseline: extent.above + 2,
        }
    }

    fn drawn(text: &str, px: u32) -> Bitmap {
        let glyphs = Arc::new(Glyphs::load(None, [text]).expect("package fonts-noto-cjk is installed"));
        let line = line_for(&glyphs, text, px);
        Rasteriser::new(glyphs, px, 2).line(text, &line)
    }

    #[test]
    fn a_character_without_a_glyph_is_refused_by_name() {
        let error = Glyphs::load(None, ["综合\u{1F600}区"]).err().expect("no font of text has this picture");
        assert!(matches!(error, StampError::NoGlyph { character: '\u{1F600}', .. }), "{error}");
        assert!(error.to_string().contains("U+1F600"), "{error}");
        assert!(matches!(Glyphs::load(None, ["a\u{7}"]), Err(StampError::NoGlyph { character: '\u{7}', .. })));
    }

    #[test]
    fn a_missing_font_names_the_places_and_the_package() {
        let error = find_font(Some(Path::new("/nowhere/font.ttc"))).expect_err("there is none").to_string();
        assert!(error.contains("/nowhere/font.ttc") && error.contains("fonts-noto-cjk"), "{error}");
    }

    #[test]
    fn a_file_that_is_no_font_is_refused() {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        std::fs::write(file.path(), b"not a font at all").expect("written");
        assert!(matches!(Glyphs::load(Some(file.path()), ["1"]), Err(StampError::FontUnreadable { .. })));
    }

    #[test]
    fn the_simplified_chinese_shapes_are_used() {
        // 骨 has its inner corner on the left in the mainland form and on the right in the Japanese one.
        let path = find_font(None).expect("package fonts-noto-cjk is installed");
        let outline_of_face = |face: u32| {
            let font = FontVec::try_from_vec_and_index(std::fs::read(&path).expect("readable"), face).expect("a font");
            let outline = font.outline(font.glyph_id('骨')).expect("it has the character");
            format!("{:?}", outline.curves)
        };
        let ours = Glyphs::load(None, ["骨"]).expect("it has the character");
        let curves = format!("{:?}", ours.shapes[&'骨'].outline.as_ref().expect("ink").curves);
        assert_eq!(curves, outline_of_face(2));
        assert_ne!(curves, outline_of_face(0));
    }

    #[test]
    fn the_outline_covers_the_character_and_reaches_beyond_it() {
        let bitmap = drawn("监8", 34);
        assert!(bitmap.fill.contains(&255));
        assert!(bitmap.fill.iter().zip(&bitmap.outline).all(|(fill, outline)| outline >= fill));
        let inked = |coverage: &[u8]| coverage.iter().filter(|c| **c > 127).count();
        assert!(inked(&bitmap.outline) > inked(&bitmap.fill) * 5 / 4);
    }

    #[test]
    fn ink_keeps_inside_the_measured_extent() {
        // The two-pixel rim of the bitmap belongs to the outline alone.
        let bitmap = drawn("长春市03:g", 40);
        let width = bitmap.width as usize;
        for (at, fill) in bitmap.fill.iter().enumerate() {
            let (x, y) = (at % width, at / width);
            if y < 2 || y >= bitmap.height as usize - 2 || x < 2 || x >= width - 2 {
                assert_eq!(*fill, 0, "at {x},{y}");
            }
        }
    }

    #[test]
    fn the_same_digit_looks_the_same_everywhere() {
        let bitmap = drawn("00", 34);
        let width = bitmap.width as usize;
        let advance = (width - 4) / 2;
        let column = |x: usize| -> Vec<u8> { bitmap.fill.chunks_exact(width).map(|row| row[x]).collect() };
        for x in 2..advance {
            assert_eq!(column(x), column(x + advance), "column {x}");
        }
    }
}
