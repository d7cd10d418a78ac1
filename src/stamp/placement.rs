//! Where the stamp stands: time top left, label bottom right in at most two right-aligned lines (R8). Pure.
//!
//! The size follows the picture's height (1/32, so 34 px at 1080 lines; for portrait and square pictures the height of the 16:9
//! picture of the same area). Time and label together, each taken as its whole rectangle, never cover more than
//! [`LIMIT_PERCENT`] of the picture. A label that does not fit is wrapped into two lines of about equal length, then shrunk down to
//! [`FLOOR_PX`], then refused.

use super::StampError;
use super::text::TIME_CHARACTERS;

/// Greatest share of the picture that time and label may cover together.
pub const LIMIT_PERCENT: u32 = 4;

/// Smallest legible size: the height of a Chinese character's em square in pixels.
pub const FLOOR_PX: u32 = 12;

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

/// The stamp of one size of picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Em size of the characters in pixels.
    pub font_px: u32,
    /// Thickness of the dark outline in pixels.
    pub outline_px: u32,
    /// The time, top left.
    pub time: Line,
    /// The label, bottom right; at most two lines, top one first.
    pub label: Vec<Line>,
}

/// Places the stamp in a picture of `width` × `height` pixels.
///
/// `measure` gives the extent of a text at an em size in pixels. `label` holds the lines as wished; see
/// [`label_lines`](super::text::label_lines).
///
/// # Errors
/// [`StampError::LabelTooLong`] when the label does not fit at [`FLOOR_PX`].
pub fn place(width: u32, height: u32, label: &[String], measure: impl Fn(&str, u32) -> Extent) -> Result<Layout, StampError> {
    let joined = label.join(" ");
    let desired = desired_px(width, height);
    for font_px in (FLOOR_PX..=desired).rev() {
        let frame = Frame::new(width, height, font_px, &measure);
        let as_given = (label.len() <= 2).then(|| label.to_vec());
        let at_spaces = || wrap(&joined, |before, after| before == ' ' || after == ' ', |t| measure(t, font_px).width);
        let anywhere = || wrap(&joined, may_break, |t| measure(t, font_px).width);
        let fitting = as_given
            .and_then(|lines| frame.layout(&lines))
            .or_else(|| frame.layout(&at_spaces()))
            .or_else(|| frame.layout(&anywhere()));
        if let Some(layout) = fitting {
            return Ok(layout);
        }
    }
    let frame = Frame::new(width, height, FLOOR_PX, &measure);
    Err(StampError::LabelTooLong {
        label: joined,
        width,
        height,
        floor_px: FLOOR_PX,
        line_px: frame.longest_line_px(),
        limit_percent: LIMIT_PERCENT,
    })
}

/// Em size for a picture whose label is short enough.
fn desired_px(width: u32, height: u32) -> u32 {
    let area = u64::from(width) * u64::from(height);
    let height_of_16_by_9 = (area * 9 / 16).isqrt();
    let basis = height_of_16_by_9.min(u64::from(height));
    let px = (basis + 16) / 32;
    u32::try_from(px).unwrap_or(u32::MAX).clamp(FLOOR_PX, 512)
}

/// What is fixed once picture and character size are chosen.
struct Frame<'a, M> {
    width: u32,
    height: u32,
    font_px: u32,
    outline_px: u32,
    margin: u32,
    time_width: u32,
    time_height: u32,
    time_above: u32,
    measure: &'a M,
}

impl<'a, M: Fn(&str, u32) -> Extent> Frame<'a, M> {
    fn new(width: u32, height: u32, font_px: u32, measure: &'a M) -> Self {
        let outline_px = ((font_px + 4) / 10).max(1);
        let widest = |characters: &str| {
            let width_of = |c: &char| measure(c.encode_utf8(&mut [0; 4]), font_px).width;
            characters.chars().max_by_key(width_of).unwrap_or('0')
        };
        let (digit, weekday) = (widest("0123456789"), widest("一二三四五六日"));
        let pattern: String = "0000年00月00日 星期W 00:00:00"
            .chars()
            .map(|c| {
                if c == '0' {
                    digit
                } else if c == 'W' {
                    weekday
                } else {
                    c
                }
            })
            .collect();
        let all = measure(TIME_CHARACTERS, font_px);
        Self {
            width,
            height,
            font_px,
            outline_px,
            // Even, so that the time's chroma samples fall on whole pixels.
            margin: (font_px * 2 / 3) & !1,
            time_width: measure(&pattern, font_px).width + 2 * outline_px,
            time_height: all.above + all.below + 2 * outline_px,
            time_above: all.above,
            measure,
        }
    }

    /// The layout with these label lines, when it keeps inside the picture and the limit.
    fn layout(&self, lines: &[String]) -> Option<Layout> {
        let edge = 2 * self.outline_px;
        let extents: Vec<Extent> = lines.iter().map(|line| (self.measure)(line, self.font_px)).collect();
        let gap = if lines.len() > 1 { self.font_px / 8 } else { 0 };
        let label_width = extents.iter().map(|e| e.width + edge).max().unwrap_or(0);
        let label_height = extents.iter().map(|e| e.above + e.below + edge).sum::<u32>() + gap;
        let needed_width = label_width.max(self.time_width) + 2 * self.margin;
        let needed_height = label_height + self.time_height + 3 * self.margin;
        if lines.len() > 2 || needed_width > self.width || needed_height > self.height {
            return None;
        }
        let covered =
            u64::from(self.time_width) * u64::from(self.time_height) + u64::from(label_width) * u64::from(label_height);
        if covered * 100 > u64::from(self.width) * u64::from(self.height) * u64::from(LIMIT_PERCENT) {
            return None;
        }
        let time = Line {
            text: "0000年00月00日 星期日 00:00:00".to_owned(),
            x: self.margin,
            y: self.margin,
            width: self.time_width,
            height: self.time_height,
            baseline: self.time_above + self.outline_px,
        };
        let mut top = self.height - self.margin - label_height;
        let mut label = Vec::new();
        for (text, extent) in lines.iter().zip(&extents) {
            let (width, height) = (extent.width + edge, extent.above + extent.below + edge);
            let x = self.width - self.margin - width;
            label.push(Line { text: text.clone(), x, y: top, width, height, baseline: extent.above + self.outline_px });
            top += height + gap;
        }
        Some(Layout { font_px: self.font_px, outline_px: self.outline_px, time, label })
    }

    /// Length of each of two full label lines under the limits, for the message.
    fn longest_line_px(&self) -> u32 {
        let limit = u64::from(self.width) * u64::from(self.height) * u64::from(LIMIT_PERCENT) / 100;
        let left = limit.saturating_sub(u64::from(self.time_width) * u64::from(self.time_height));
        let two_lines = u64::from(2 * self.time_height + self.font_px / 8);
        let by_area = u32::try_from(left / two_lines.max(1)).unwrap_or(u32::MAX);
        by_area.min(self.width.saturating_sub(2 * self.margin))
    }
}

/// True between two characters where a Chinese line may break: at a space, or between two characters of which at least one is
/// neither a Latin letter nor a digit and the second is no closing mark.
fn may_break(before: char, after: char) -> bool {
    if before == ' ' || after == ' ' {
        return true;
    }
    let of_a_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '/');
    let closing = "、,。;:?!)》」』】〕”’,.;:?!)]";
    let opening = "(《「『【〔“‘([";
    let inside_a_word = of_a_word(before) && of_a_word(after);
    !(inside_a_word || closing.contains(after) || opening.contains(before))
}

/// Breaks `text` once so that the longer of the two lines is as short as possible; one line when it has no place to break.
fn wrap(text: &str, may_break: impl Fn(char, char) -> bool, width: impl Fn(&str) -> u32) -> Vec<String> {
    let mut best: Option<(u32, &str, &str)> = None;
    let mut before = None;
    for (at, after) in text.char_indices() {
        if before.is_some_and(|b| may_break(b, after)) {
            let (first, second) = (text[..at].trim_end(), text[at..].trim_start());
            let longer = width(first).max(width(second));
            if !first.is_empty() && !second.is_empty() && best.is_none_or(|(shortest, ..)| longer < shortest) {
                best = Some((longer, first, second));
            }
        }
        before = Some(after);
    }
    match best {
        Some((_, first, second)) => vec![first.to_owned(), second.to_owned()],
        None if text.is_empty() => Vec::new(),
        None => vec![text.to_owned()],
    }
}

#[cfg(test)]
#[path = "placement_tests.rs"]
mod tests;
