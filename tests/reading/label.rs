//! Reads the label character by character from its right end.

use std::collections::BTreeSet;
use std::sync::Mutex;

use super::{Luma, Points, draw};

/// Characters that are always known: those of divisions, halls, zones and windows, and digits.
pub const USUAL: &str = "0123456789、号窗口云台省市县区州盟旗镇乡街道路村社政务服务中心便民站大厅长春朝阳重庆泰山张家阿拉善普陀\
综合受理咨询导服休息等候后协同自助申报物料流转制证出宣传展示业办帮代跨通不成事反映投诉公开栏特色引集中审批策党群";

/// Em size of the drawings in pixels.
const EM: usize = 64;
const CELL: (usize, usize) = (256, 128);
const ORIGIN_X: usize = 48;
const BASELINE: usize = 88;

struct Character {
    character: char,
    /// Agreement from which on it is taken to stand there: little ink agrees with much, and small characters lose detail.
    good: f32,
    advance: f32,
    coarse: Points,
    fine: Points,
}

impl Character {
    /// Of two that agree alike the wider one explains more.
    fn weighed(&self, agreement: f32) -> f32 {
        if agreement < self.good { -1.0 } else { agreement + 0.1 * self.advance }
    }
}

fn alphabet(also: &str, em: f32) -> Vec<Character> {
    let characters: Vec<char> =
        USUAL.chars().chain(also.chars()).filter(|c| !c.is_whitespace()).collect::<BTreeSet<_>>().into_iter().collect();
    let mut texts: Vec<String> = characters.iter().map(char::to_string).collect();
    // Chinese characters are one em wide; how wide another is shows where a Chinese one after it stands.
    let narrow: Vec<char> = characters.iter().copied().filter(char::is_ascii).collect();
    texts.push("国".to_owned());
    texts.extend(narrow.iter().map(|c| format!("{c}国")));
    let cells = draw(&texts, EM, CELL, ORIGIN_X, BASELINE);
    let right = |cell: &[u8]| {
        let inked = |x: &usize| (0..CELL.1).any(|y| cell[y * CELL.0 + x] > 190);
        (0..CELL.0).rev().find(inked).expect("ink") as f32
    };
    let reference = right(&cells[characters.len()]);
    // A pixel of the picture sees the mean of this many samples of the drawing, in both directions.
    let seen = ((EM as f32 / em).round() as usize).max(1);
    let points = |cell: &[u8], step: usize| {
        let mut points = Vec::new();
        for y in (0..CELL.1 - seen).step_by(step) {
            for x in (0..CELL.0 - seen).step_by(step) {
                let sum: u32 =
                    (y..y + seen).flat_map(|y| &cell[y * CELL.0 + x..y * CELL.0 + x + seen]).map(|v| u32::from(*v)).sum();
                let value = sum as f32 / (seen * seen) as f32;
                if value >= 100.0 {
                    let place = |at: usize, origin: usize| (at as f32 + 0.5 * seen as f32 - origin as f32) / EM as f32;
                    points.push((place(x, ORIGIN_X), place(y, BASELINE), (value - 128.0).max(0.0) / 127.0));
                }
            }
        }
        Points(points)
    };
    let advance = |character: char| match narrow.iter().position(|c| *c == character) {
        Some(n) => (right(&cells[characters.len() + 1 + n]) - reference) / EM as f32,
        None => 1.0,
    };
    characters
        .iter()
        .zip(&cells)
        .map(|(&character, cell)| {
            let (coarse, fine) = (points(cell, 5), points(cell, 2));
            let ink = fine.0.len() as f32 * 4.0 / (EM * EM) as f32;
            let good = if ink < 0.25 {
                0.8
            } else if em < 16.0 {
                0.4
            } else {
                0.5
            };
            Character { character, good, advance: advance(character), coarse, fine }
        })
        .collect()
}

/// Where a line ends: its pen behind the last character, its baseline, and how well a character agrees there.
#[derive(Clone, Copy)]
struct End {
    pen: f32,
    baseline: f32,
    agreement: f32,
}

pub fn read(picture: &Luma, em: f32, also: &str) -> Vec<String> {
    type Known = ((String, u32), &'static [Character]);
    static KNOWN: Mutex<Vec<Known>> = Mutex::new(Vec::new());
    let new: BTreeSet<char> = also.chars().filter(|c| !c.is_whitespace() && !USUAL.contains(*c)).collect();
    let key = (new.into_iter().collect::<String>(), em.round() as u32);
    let known = {
        let mut known = KNOWN.lock().expect("no reader panics");
        match known.iter().find(|(of, _)| *of == key) {
            Some((_, characters)) => *characters,
            None => {
                let characters: &'static [Character] = Vec::leak(alphabet(&key.0, em));
                known.push((key, characters));
                characters
            }
        }
    };
    let (width, height) = (picture.width as f32, picture.height as f32);
    let bottom = find_end(picture, em, known, (width - 2.0 * em, width), (height - 2.0 * em, height));
    let Some(bottom) = bottom else { return Vec::new() };
    let mut lines = vec![read_line(picture, em, known, bottom)];
    let near = (bottom.pen - 0.3 * em, bottom.pen + 0.3 * em);
    if let Some(top) = find_end(picture, em, known, near, (bottom.baseline - 1.6 * em, bottom.baseline - 0.9 * em)) {
        lines.insert(0, read_line(picture, em, known, top));
    }
    lines
}

fn find_end(picture: &Luma, em: f32, known: &[Character], pens: (f32, f32), baselines: (f32, f32)) -> Option<End> {
    let stride = (em / 17.0).max(0.7);
    let steps = |(from, to): (f32, f32)| (0..).map(move |n| from + n as f32 * stride).take_while(move |at| *at < to);
    let mut ends: Vec<(End, &Character)> = Vec::new();
    for baseline in steps(baselines) {
        for pen in steps(pens) {
            let scored =
                known.iter().map(|c| (0.1 * c.advance + c.coarse.agreement(picture, pen - c.advance * em, baseline, em), c));
            if let Some((agreement, character)) = scored.max_by(|a, b| a.0.total_cmp(&b.0)) {
                ends.push((End { pen, baseline, agreement }, character));
            }
        }
    }
    ends.sort_by(|a, b| b.0.agreement.total_cmp(&a.0.agreement));
    let refined = ends.iter().take(12).map(|(end, character)| {
        let mut best = End { agreement: -1.0, ..*end };
        for dy in -3..=3 {
            for dx in -3..=3 {
                let (pen, baseline) = (end.pen + dx as f32 * stride * 0.35, end.baseline + dy as f32 * stride * 0.35);
                let agreement =
                    character.weighed(character.fine.agreement(picture, pen - character.advance * em, baseline, em));
                if agreement > best.agreement {
                    best = End { pen, baseline, agreement };
                }
            }
        }
        best
    });
    refined.max_by(|a, b| a.agreement.total_cmp(&b.agreement)).filter(|end| end.agreement > 0.0)
}

fn read_line(picture: &Luma, em: f32, known: &[Character], end: End) -> String {
    let mut read = Vec::new();
    let mut pen = end.pen;
    let mut after_space = false;
    loop {
        let mut best = (-1.0, '?', pen);
        for c in known {
            // Advances are whole pixels in the picture, so a character may stand beside its place by some of one.
            for dx in [-1.2, -0.6, 0.0, 0.6, 1.2] {
                for dy in [-0.5, 0.0, 0.5] {
                    let x = pen + dx - c.advance * em;
                    let agreement = c.weighed(c.fine.agreement(picture, x, end.baseline + dy, em));
                    if agreement > best.0 {
                        best = (agreement, c.character, x);
                    }
                }
            }
        }
        if best.0 > 0.0 {
            read.push(best.1);
            pen = best.2;
            after_space = false;
        } else if !after_space {
            pen -= 0.224 * em;
            after_space = true;
        } else {
            return read.iter().rev().collect();
        }
    }
}
