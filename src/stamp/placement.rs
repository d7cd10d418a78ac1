//! Where the stamp stands: time and label each in a corner of its own, by default time top left and label bottom right (R8), the
//! label in at most two lines. Pure.
//!
//! The size follows the picture's height (1/32 by default, so 34 px at 1080 lines; for portrait and square pictures the height of
//! the 16:9 picture of the same area). Time and label together, each taken as its whole rectangle, never cover more than
//! [`LIMIT_PERCENT`] of the picture. A label that does not fit is wrapped into two lines of about equal length, then shrunk down to
//! [`FLOOR_PX`], then refused: that is [`place`], by which labels are judged when they are configured. A picture that is smaller
//! than foreseen gets the best stamp there is room for: that is [`place_anyway`].

use super::StampError;
use super::breaking::{Freedom, may_break, wrap};
use super::text::{TIME_CHARACTERS, time_pattern};
use crate::hall::{Corner, StampLayout};

/// Greatest share of the picture that time and label may cover together.
pub const LIMIT_PERCENT: u32 = 4;

/// Smallest legible size: the height of a Chinese character's em square in pixels.
pub const FLOOR_PX: u32 = 12;

/// A whole label is drawn down to this size where the picture leaves no other way: just to be guessed, but complete.
pub const SMALL_PX: u32 = 8;

/// The time alone is drawn down to this size.
pub const TIME_PX: u32 = 6;

/// A label is cut only as long as this many characters of each line remain.
const FEWEST_CHARACTERS: usize = 4;

/// Stands for what was cut from a label.
pub const ELLIPSIS: char = '…';

/// How far a text reaches, in whole pixels from the start of its baseline, outline not counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Sum of the advances.
    pub width: u32,
    /// Ink above the baseline.
    pub above: u32,
    /// Ink below the baseline.
    pub below: u32,
}

/// One line of the stamp and its rectangle in the picture, outline included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The text; for the time, one of the same length.
    pub text: String,
    /// Left edge in pixels.
    pub x: u32,
    /// Top edge in pixels.
    pub y: u32,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Distance from the top edge to the baseline in pixels.
    pub baseline: u32,
}

/// How much of the stamp found room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fit {
    /// All of it, at a legible size.
    Whole,
    /// All of it, smaller than [`FLOOR_PX`].
    Small,
    /// The label is cut; [`ELLIPSIS`] says so.
    Cut,
    /// The time alone.
    TimeOnly,
}

/// The stamp of one size of picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Em size of the characters in pixels.
    pub font_px: u32,
    /// Thickness of the dark outline in pixels.
    pub outline_px: u32,
    /// The time.
    pub time: Line,
    /// The label; at most two lines, top one first.
    pub label: Vec<Line>,
    /// How much of it found room.
    pub fit: Fit,
}

impl Layout {
    /// Pixels of the picture taken by the rectangle of the time and the one around all lines of the label.
    pub fn covered_px(&self) -> u64 {
        let label_width = self.label.iter().map(|line| line.width).max().unwrap_or(0);
        let (first, last) = (self.label.first(), self.label.last());
        let label_height = first.zip(last).map_or(0, |(first, last)| last.y + last.height - first.y);
        area(self.time.width, self.time.height) + area(label_width, label_height)
    }
}

fn area(width: u32, height: u32) -> u64 {
    u64::from(width) * u64::from(height)
}

/// Places the stamp in a picture of `width` × `height` pixels.
///
/// `measure` gives the extent of a text at an em size in pixels. `label` holds the lines as wished; see
/// [`label_lines`](super::text::label_lines).
///
/// # Errors
/// [`StampError::LabelTooLong`] when the label does not fit at [`FLOOR_PX`].
pub fn place(
    width: u32,
    height: u32,
    label: &[String],
    style: &StampLayout,
    measure: impl Fn(&str, u32) -> Extent,
) -> Result<Layout, StampError> {
    let desired = desired_px(width, height, style);
    let whole = |px| Frame::new(width, height, px, style, &measure).whole(label, Fit::Whole);
    if let Some(layout) = (FLOOR_PX..=desired).rev().find_map(whole) {
        return Ok(layout);
    }
    let frame = Frame::new(width, height, FLOOR_PX, style, &measure);
    Err(StampError::LabelTooLong {
        label: label.join(" "),
        width,
        height,
        floor_px: FLOOR_PX,
        line_px: frame.longest_line_px(),
        limit_percent: LIMIT_PERCENT,
    })
}

/// As [`place`]; but a picture that leaves no room for the label at a legible size gets what there is room for: the whole label
/// down to [`SMALL_PX`], else the label cut at a legible size, else the time alone. `None` when even the time has no room.
pub fn place_anyway(
    width: u32,
    height: u32,
    label: &[String],
    style: &StampLayout,
    measure: impl Fn(&str, u32) -> Extent,
) -> Option<Layout> {
    let frame = |px| Frame::new(width, height, px, style, &measure);
    let whole = || place(width, height, label, style, &measure).ok();
    let small = || (SMALL_PX..FLOOR_PX).rev().find_map(|px| frame(px).whole(label, Fit::Small));
    let cut = || (SMALL_PX..=FLOOR_PX).rev().find_map(|px| frame(px).cut(label));
    let time = || (TIME_PX..=FLOOR_PX).rev().find_map(|px| frame(px).layout(&[], Fit::TimeOnly));
    whole().or_else(small).or_else(cut).or_else(time)
}

/// The label at [`FLOOR_PX`] in a picture in which it does not fit: its lines (broken as well as can be), where each would begin and
/// where the room for it ends. For a picture that shows the limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Time and what of the label finds room.
    pub layout: Layout,
    /// Length of a line in pixels at most.
    pub line_px: u32,
    /// The lines that should stand there, uncut.
    pub wished: Vec<String>,
}

/// Shows how far the label comes in a picture of `width` × `height` pixels; `None` when not even the time has room.
pub fn limits(
    width: u32,
    height: u32,
    label: &[String],
    style: &StampLayout,
    measure: impl Fn(&str, u32) -> Extent,
) -> Option<Limits> {
    let frame = Frame::new(width, height, FLOOR_PX, style, &measure);
    let layout = frame.cut(label).or_else(|| place_anyway(width, height, label, style, &measure))?;
    Some(Limits { layout, line_px: frame.longest_line_px(), wished: frame.two_lines(label) })
}

/// Em size for a picture whose label is short enough.
fn desired_px(width: u32, height: u32, style: &StampLayout) -> u32 {
    let height_of_16_by_9 = (area(width, height) * 9 / 16).isqrt();
    let basis = height_of_16_by_9.min(u64::from(height));
    let px = (basis * u64::from(style.size_milli_percent) + 50_000) / 100_000;
    u32::try_from(px).unwrap_or(u32::MAX).clamp(FLOOR_PX, 512)
}

/// What is fixed once picture and character size are chosen.
struct Frame<'a, M> {
    width: u32,
    height: u32,
    font_px: u32,
    outline_px: u32,
    margin: u32,
    time_text: String,
    time_width: u32,
    time_height: u32,
    time_above: u32,
    style: &'a StampLayout,
    measure: &'a M,
}

impl<'a, M: Fn(&str, u32) -> Extent> Frame<'a, M> {
    fn new(width: u32, height: u32, font_px: u32, style: &'a StampLayout, measure: &'a M) -> Self {
        let outline_px = ((font_px + 4) / 10).max(1);
        let widest = |characters: &str| {
            let width_of = |c: &char| measure(c.encode_utf8(&mut [0; 4]), font_px).width;
            characters.chars().max_by_key(width_of).unwrap_or('0')
        };
        let time_text = time_pattern(style.weekday, widest("0123456789"), widest("一二三四五六日"));
        let all = measure(TIME_CHARACTERS, font_px);
        Self {
            width,
            height,
            font_px,
            outline_px,
            // Even, so that the time's chroma samples fall on whole pixels.
            margin: (font_px * 2 / 3) & !1,
            time_width: measure(&time_text, font_px).width + 2 * outline_px,
            time_height: all.above + all.below + 2 * outline_px,
            time_above: all.above,
            time_text,
            style,
            measure,
        }
    }

    fn width_of(&self, text: &str) -> u32 {
        (self.measure)(text, self.font_px).width
    }

    /// True when time and label stand side by side, both at the top or both at the bottom.
    fn side_by_side(&self) -> bool {
        self.style.time_place.is_top() == self.style.label_place.is_top()
    }

    /// The layout with the label as wished or, failing that, broken in two, the most natural way first.
    fn whole(&self, label: &[String], fit: Fit) -> Option<Layout> {
        let as_given = if label.len() <= 2 { self.layout(label, fit) } else { None };
        let joined = label.join(" ");
        let broken = |freedom| {
            let lines = wrap(&joined, |before, after| may_break(freedom, before, after), |t| self.width_of(t));
            self.layout(&lines, fit)
        };
        as_given.or_else(|| broken(Freedom::Spaces)).or_else(|| broken(Freedom::Words)).or_else(|| broken(Freedom::Anywhere))
    }

    /// Two lines as wished, or the most even ones.
    fn two_lines(&self, label: &[String]) -> Vec<String> {
        if label.len() == 2 {
            return label.to_vec();
        }
        wrap(&label.join(" "), |before, after| may_break(Freedom::Anywhere, before, after), |t| self.width_of(t))
    }

    /// The layout with the longest beginnings of the label's lines, each cut one ending in [`ELLIPSIS`]. A number is not cut: half a
    /// number is a wrong one.
    fn cut(&self, label: &[String]) -> Option<Layout> {
        let wished = self.two_lines(label);
        let mut kept: Vec<(Vec<char>, bool)> = wished.iter().map(|line| (line.chars().collect(), false)).collect();
        loop {
            let lines: Vec<String> = kept
                .iter()
                .map(|(characters, cut)| characters.iter().copied().chain(cut.then_some(ELLIPSIS)).collect())
                .collect();
            if let Some(layout) = self.layout(&lines, Fit::Cut) {
                return Some(layout);
            }
            let widest = (0..lines.len()).max_by_key(|n| self.width_of(&lines[*n]))?;
            let (characters, cut) = &mut kept[widest];
            *cut = true;
            let last = characters.pop();
            while last.is_some_and(|c| c.is_ascii_digit()) && characters.last().is_some_and(char::is_ascii_digit) {
                characters.pop();
            }
            while characters.last().is_some_and(|c| *c == ' ') {
                characters.pop();
            }
            if characters.len() < FEWEST_CHARACTERS {
                return None;
            }
        }
    }

    /// The layout with these label lines, when it keeps inside the picture and the limit.
    fn layout(&self, lines: &[String], fit: Fit) -> Option<Layout> {
        let edge = 2 * self.outline_px;
        let extents: Vec<Extent> = lines.iter().map(|line| (self.measure)(line, self.font_px)).collect();
        let gap = if lines.len() > 1 { self.font_px / 8 } else { 0 };
        let label_width = extents.iter().map(|e| e.width + edge).max().unwrap_or(0);
        let label_height = extents.iter().map(|e| e.above + e.below + edge).sum::<u32>() + gap;
        let (needed_width, needed_height) = if self.side_by_side() && !lines.is_empty() {
            (label_width + self.time_width + 3 * self.margin, label_height.max(self.time_height) + 2 * self.margin)
        } else {
            (label_width.max(self.time_width) + 2 * self.margin, label_height + self.time_height + 3 * self.margin)
        };
        if lines.len() > 2 || needed_width > self.width || needed_height > self.height {
            return None;
        }
        let covered = area(self.time_width, self.time_height) + area(label_width, label_height);
        if covered * 100 > area(self.width, self.height) * u64::from(LIMIT_PERCENT) {
            return None;
        }
        let time = self.style.time_place;
        let (time_x, time_y) = (self.left_edge(time, self.time_width), self.top_edge(time, self.time_height));
        let time = Line {
            text: self.time_text.clone(),
            // Even, as the margin is.
            x: time_x & !1,
            y: time_y & !1,
            width: self.time_width,
            height: self.time_height,
            baseline: self.time_above + self.outline_px,
        };
        let mut top = self.top_edge(self.style.label_place, label_height);
        let mut label = Vec::new();
        for (text, extent) in lines.iter().zip(&extents) {
            let (width, height) = (extent.width + edge, extent.above + extent.below + edge);
            let x = self.left_edge(self.style.label_place, width);
            label.push(Line { text: text.clone(), x, y: top, width, height, baseline: extent.above + self.outline_px });
            top += height + gap;
        }
        Some(Layout { font_px: self.font_px, outline_px: self.outline_px, time, label, fit })
    }

    fn left_edge(&self, corner: Corner, width: u32) -> u32 {
        if corner.is_left() { self.margin } else { self.width - self.margin - width }
    }

    fn top_edge(&self, corner: Corner, height: u32) -> u32 {
        if corner.is_top() { self.margin } else { self.height - self.margin - height }
    }

    /// Length of each of two full label lines under the limits, for the message.
    fn longest_line_px(&self) -> u32 {
        let limit = area(self.width, self.height) * u64::from(LIMIT_PERCENT) / 100;
        let left = limit.saturating_sub(area(self.time_width, self.time_height));
        let two_lines = u64::from(2 * self.time_height + self.font_px / 8);
        let by_area = u32::try_from(left / two_lines.max(1)).unwrap_or(u32::MAX);
        let beside = if self.side_by_side() { self.time_width + self.margin } else { 0 };
        by_area.min(self.width.saturating_sub(2 * self.margin + beside))
    }
}

#[cfg(test)]
#[path = "placement_tests.rs"]
mod tests;
