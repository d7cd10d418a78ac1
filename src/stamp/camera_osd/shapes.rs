//! What characters look like: a table of digit shapes in fonts that cameras and their makers use, and how near a piece of ink
//! comes to each. Nothing is trained: the table is text, and anybody can look at it (`shapes.txt`).

use std::sync::OnceLock;

use super::ink::{Piece, pieces};
use super::picture::Luma;

/// Cells a shape is laid out on, whatever its size in the picture.
pub(super) const COLUMNS: usize = 12;
/// Rows of those cells.
pub(super) const ROWS: usize = 16;
const CELLS: usize = COLUMNS * ROWS;
/// Points taken in each direction inside a cell.
const FINE: usize = 3;

/// Narrower than this against its height, a full bar is a one.
const BAR_ASPECT: f32 = 0.27;
/// How much of its box such a bar fills at least.
const BAR_FILL: f32 = 0.72;
/// Likeness given to a bar: less than a well-drawn one with its flag.
const BAR_LIKENESS: f32 = 0.84;
/// Width against height may differ by this factor's logarithm without harm.
const FREE_ASPECT: f32 = 0.18;
/// Likeness lost per further unit of that logarithm.
const ASPECT_WEIGHT: f32 = 0.5;

/// The table. Each block: a line `= font`, a line with characters and the width of each in percent of its height, then 16 lines; shapes
/// stand side by side, one space between them, coverage in hexadecimal.
const TABLE: &str = include_str!("shapes.txt");

/// A piece of ink on its cells, brought to mean nought and length one.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    cells: Vec<f32>,
    /// Width over height.
    aspect: f32,
    /// Part of the box that is ink.
    fill: f32,
}

/// How a piece of ink reads.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Likeness {
    /// The digit it is most like; `None` when it is more like another character.
    pub digit: Option<u8>,
    /// How much, 1 for the very same.
    pub score: f32,
    /// How much less the next other character.
    pub margin: f32,
    /// It is a mere bar: a one without a flag, or a strip of bright background between two outlines.
    pub bar: bool,
}

struct Known {
    character: char,
    shape: Shape,
}

fn table() -> &'static [Known] {
    static READ: OnceLock<Vec<Known>> = OnceLock::new();
    READ.get_or_init(|| TABLE.split("= ").skip(1).flat_map(block).collect())
}

/// The shapes of one block; what is not of its form is left out (a test counts them).
fn block(text: &str) -> Vec<Known> {
    let mut lines = text.lines().skip(1);
    let Some(heads) = lines.next() else { return Vec::new() };
    let rows: Vec<Vec<&str>> = lines.take(ROWS).map(|line| line.split_whitespace().collect()).collect();
    let known = |(place, head): (usize, &str)| {
        let mut head = head.chars();
        let character = head.next()?;
        let percent: f32 = head.as_str().parse().ok()?;
        let mut cells = Vec::with_capacity(CELLS);
        for row in &rows {
            cells.extend(row.get(place)?.chars().filter_map(|c| c.to_digit(16)).map(|v| v as f32 / 15.0));
        }
        (cells.len() == CELLS).then(|| Known { character, shape: Shape::of(cells, percent / 100.0) })
    };
    heads.split_whitespace().enumerate().filter_map(known).collect()
}

impl Shape {
    fn of(mut cells: Vec<f32>, aspect: f32) -> Self {
        let mean = cells.iter().sum::<f32>() / CELLS as f32;
        cells.iter_mut().for_each(|c| *c -= mean);
        let length = cells.iter().map(|c| c * c).sum::<f32>().sqrt().max(1e-6);
        cells.iter_mut().for_each(|c| *c /= length);
        Self { cells, aspect, fill: mean }
    }

    /// Lays a piece of `picture` that was cut out at `level` on its cells.
    pub fn read(picture: &Luma, piece: &Piece, level: u8) -> Self {
        let (coverage, aspect) = lay_out(picture, piece, level);
        Self::of(coverage, aspect)
    }

    /// What it is most like.
    pub fn likeness(&self) -> Likeness {
        if self.aspect < BAR_ASPECT && self.fill > BAR_FILL {
            return Likeness { digit: Some(1), score: BAR_LIKENESS, margin: 1.0, bar: true };
        }
        // The best score of each character.
        let mut best: Vec<(char, f32)> = Vec::with_capacity(16);
        for known in table() {
            let score = self.against(&known.shape);
            match best.iter_mut().find(|(c, _)| *c == known.character) {
                Some((_, had)) => *had = had.max(score),
                None => best.push((known.character, score)),
            }
        }
        best.sort_by(|a, b| b.1.total_cmp(&a.1));
        let (character, score) = best.first().copied().unwrap_or((' ', 0.0));
        let next = best.get(1).map_or(0.0, |b| b.1);
        Likeness { digit: character.to_digit(10).map(|d| d as u8), score, margin: score - next, bar: false }
    }

    fn against(&self, other: &Shape) -> f32 {
        let product: f32 = self.cells.iter().zip(&other.cells).map(|(a, b)| a * b).sum();
        let stretch = (self.aspect / other.aspect.max(0.05)).max(0.05).ln().abs();
        product - ASPECT_WEIGHT * (stretch - FREE_ASPECT).max(0.0)
    }
}

/// Coverage of each cell, 0 to 1, and width over height. Edges are found between pixels: at small sizes half a pixel is a lot.
pub(super) fn lay_out(picture: &Luma, piece: &Piece, level: u8) -> (Vec<f32>, f32) {
    // One pixel of room on every side, where an edge may reach a little way in.
    let (w, h) = (piece.width() + 2, piece.height() + 2);
    let mut near = vec![false; w * h];
    let mut bright: Vec<u8> = Vec::new();
    piece.for_each_pixel(|x, y| {
        let (x, y) = (x - piece.left + 1, y - piece.top + 1);
        for ny in y - 1..=y + 1 {
            near[ny * w + x - 1..=ny * w + x + 1].fill(true);
        }
    });
    piece.for_each_pixel(|x, y| bright.push(picture.at(x, y)));
    bright.sort_unstable();
    let full = f32::from(bright.get(bright.len() * 3 / 4).copied().unwrap_or(255)).max(f32::from(level) + 1.0);
    // At the level a pixel counts half.
    let (half, reach) = (f32::from(level), full - f32::from(level));
    let ink: Vec<f32> = (0..w * h)
        .map(|n| {
            let (x, y) = ((n % w + piece.left).wrapping_sub(1), (n / w + piece.top).wrapping_sub(1));
            let outside = !near[n] || x >= picture.width() || y >= picture.height();
            if outside { 0.0 } else { (0.5 + 0.5 * (f32::from(picture.at(x, y)) - half) / reach).clamp(0.0, 1.0) }
        })
        .collect();
    let column = |x: usize| (0..h).map(|y| ink[y * w + x]).fold(0.0, f32::max);
    let row = |y: usize| ink[y * w..(y + 1) * w].iter().copied().fold(0.0, f32::max);
    let left = 2.0 - column(1).min(1.0) - column(0).min(0.5);
    let right = (w - 2) as f32 + column(w - 2).min(1.0) + column(w - 1).min(0.5);
    let top = 2.0 - row(1).min(1.0) - row(0).min(0.5);
    let bottom = (h - 2) as f32 + row(h - 2).min(1.0) + row(h - 1).min(0.5);
    let (width, height) = ((right - left).max(0.5), (bottom - top).max(0.5));
    let sample = |x: f32, y: f32| {
        let (x, y) = ((x - 0.5).clamp(0.0, (w - 1) as f32), (y - 0.5).clamp(0.0, (h - 1) as f32));
        let (x0, y0) = (x as usize, y as usize);
        let (x1, y1) = ((x0 + 1).min(w - 1), (y0 + 1).min(h - 1));
        let (fx, fy) = (x - x0 as f32, y - y0 as f32);
        let upper = ink[y0 * w + x0] * (1.0 - fx) + ink[y0 * w + x1] * fx;
        let lower = ink[y1 * w + x0] * (1.0 - fx) + ink[y1 * w + x1] * fx;
        upper * (1.0 - fy) + lower * fy
    };
    let mut cells = Vec::with_capacity(CELLS);
    for cy in 0..ROWS {
        for cx in 0..COLUMNS {
            let mut sum = 0.0;
            for n in 0..FINE * FINE {
                let (dx, dy) = ((n % FINE) as f32 + 0.5, (n / FINE) as f32 + 0.5);
                let x = left + width * (cx as f32 + dx / FINE as f32) / COLUMNS as f32;
                let y = top + height * (cy as f32 + dy / FINE as f32) / ROWS as f32;
                sum += sample(x, y);
            }
            cells.push(sum / (FINE * FINE) as f32);
        }
    }
    (cells, width / height)
}

/// A block of the table: each character drawn bright on dark on a picture of its own. Characters with nothing drawn are left out.
pub fn shape_block(name: &str, characters: &[(char, Luma)]) -> String {
    let (mut heads, mut rows) = (Vec::new(), vec![Vec::new(); ROWS]);
    for (character, picture) in characters {
        let Some(piece) = pieces(picture, 128).into_iter().reduce(|mut all, piece| {
            all.join(&piece);
            all
        }) else {
            continue;
        };
        let (cells, aspect) = lay_out(picture, &piece, 128);
        heads.push(format!("{character}{:.0}", aspect * 100.0));
        for (row, cells) in rows.iter_mut().zip(cells.chunks(COLUMNS)) {
            row.push(cells.iter().map(|c| char::from_digit((c * 15.0).round() as u32, 16).unwrap_or('f')).collect::<String>());
        }
    }
    let rows: Vec<String> = rows.iter().map(|row| row.join(" ")).collect();
    format!("= {name}\n{}\n{}\n", heads.join(" "), rows.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_holds_every_digit_of_every_font() {
        let fonts = TABLE.lines().filter(|l| l.starts_with("= ")).count();
        for digit in '0'..='9' {
            assert_eq!(table().iter().filter(|k| k.character == digit).count(), fonts, "{digit}");
        }
    }

    #[test]
    fn every_shape_of_the_table_reads_as_itself() {
        for known in table().iter().filter(|k| k.character.is_ascii_digit()) {
            let read = known.shape.likeness();
            assert_eq!(read.digit, known.character.to_digit(10).map(|d| d as u8));
            assert!(read.score > 0.8, "{} {read:?}", known.character);
        }
    }
}
