//! Whether the label a camera draws (division, hall, zone) still looks as the installer attested it. Pure.
//!
//! Not reading but comparing: hard edges, white against its dark outline, stay where they are whatever moves behind the letters. The
//! attested picture's edges are those that several pictures share; each cell of the region, about a character large, must still have
//! most of its own.

use serde::{Deserialize, Serialize};

use super::picture::{Area, Luma};

/// Brightness must change by this much within two pixels to be an edge of writing.
const HARD: i32 = 70;
/// Cells across the height of the picture: a cell is about as large as a character of a label.
const CELLS_DOWN: usize = 27;
/// A cell with fewer edge pixels than this part of it says nothing.
const TELLING: usize = 24;
/// Fewer telling cells than this are no label.
const FEWEST_CELLS: usize = 3;
/// Part of its attested edges a cell must still have, in percent.
const SAME_PERCENT: usize = 50;
/// Below this part of all edges nothing is left of the label, in percent.
const GONE_PERCENT: usize = 35;

/// How the label stands against the attested picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LabelVerdict {
    /// Nobody has attested the label yet.
    #[default]
    NotAttested,
    /// As attested.
    Same,
    /// Part of it is another.
    Changed,
    /// Nothing of it is there.
    Missing,
}

impl LabelVerdict {
    /// As it is written in JSON.
    pub fn word(self) -> &'static str {
        match self {
            LabelVerdict::NotAttested => "not-attested",
            LabelVerdict::Same => "same",
            LabelVerdict::Changed => "changed",
            LabelVerdict::Missing => "missing",
        }
    }
}

/// The edges of an attested label.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabelReference {
    /// Width of the pictures it was taken from.
    pub picture_width: usize,
    /// Their height.
    pub picture_height: usize,
    /// Where it stands in them.
    pub area: Area,
    /// A bit per pixel of the area, row by row, the highest bit first, in hexadecimal.
    edges: String,
}

/// Why a label cannot be attested.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LabelError {
    /// No picture was given, or pictures of several sizes.
    #[error("there are no pictures of one size to attest the label by; wait until the camera delivers and ask again")]
    NoPictures,
    /// Hardly any hard edges.
    #[error(
        "no writing is seen at {} x {} from {},{}: only {cells} places with hard edges (set osd_label of the camera to where its label stands)",
        area.width, area.height, area.x, area.y
    )]
    NothingWritten {
        /// Where it was looked for.
        area: Area,
        /// Places about a character large that have hard edges.
        cells: usize,
    },
}

impl LabelReference {
    /// Attests what several pictures of the region `area` show. The more time lies between them, the less background is taken for
    /// writing.
    ///
    /// # Errors
    /// [`LabelError`] when there is no writing.
    pub fn attest(pictures: &[Luma], area: Area, picture_width: usize, picture_height: usize) -> Result<Self, LabelError> {
        let (first, others) = pictures.split_first().ok_or(LabelError::NoPictures)?;
        if others.iter().any(|p| (p.width(), p.height()) != (first.width(), first.height())) {
            return Err(LabelError::NoPictures);
        }
        let mut edges = edges(first);
        for other in others {
            let theirs = thickened(&self::edges(other), first.width());
            edges.iter_mut().zip(theirs).for_each(|(edge, there)| *edge &= there);
        }
        let area = Area { width: first.width(), height: first.height(), ..area };
        let cells = cells(&edges, &edges, area, picture_height).len();
        if cells < FEWEST_CELLS {
            return Err(LabelError::NothingWritten { area, cells });
        }
        let digits = edges.chunks(4).map(|bits| bits.iter().enumerate().map(|(n, b)| u32::from(*b) << (3 - n)).sum::<u32>());
        let edges = digits.filter_map(|d| char::from_digit(d, 16)).collect();
        Ok(Self { picture_width, picture_height, area, edges })
    }

    /// Compares the same region of another picture. A picture of another size cannot show the same pixels: that is a change.
    pub fn compare(&self, region: &Luma, picture_width: usize, picture_height: usize) -> LabelVerdict {
        let area = self.area;
        let same_size = (picture_width, picture_height) == (self.picture_width, self.picture_height)
            && (region.width(), region.height()) == (area.width, area.height);
        if !same_size {
            return LabelVerdict::Changed;
        }
        let bits = self.edges.chars().flat_map(|c| {
            let digit = c.to_digit(16).unwrap_or(0);
            (0..4).map(move |n| digit >> (3 - n) & 1 == 1)
        });
        let attested: Vec<bool> = bits.take(area.width * area.height).collect();
        if attested.len() < area.width * area.height {
            return LabelVerdict::Changed;
        }
        let now = thickened(&edges(region), area.width);
        let cells = cells(&attested, &now, area, picture_height);
        let (had, kept) = cells.iter().fold((0, 0), |(had, kept), (h, k)| (had + h, kept + k));
        if kept * 100 < had * GONE_PERCENT {
            LabelVerdict::Missing
        } else if cells.iter().any(|(had, kept)| kept * 100 < had * SAME_PERCENT) {
            LabelVerdict::Changed
        } else {
            LabelVerdict::Same
        }
    }
}

/// Pixels at which brightness changes hard.
fn edges(picture: &Luma) -> Vec<bool> {
    let (width, height) = (picture.width(), picture.height());
    let mut edges = vec![false; width * height];
    for y in 1..height.saturating_sub(1) {
        for x in 1..width.saturating_sub(1) {
            let at = |x, y| i32::from(picture.at(x, y));
            let across = (at(x + 1, y) - at(x - 1, y)).abs();
            let down = (at(x, y + 1) - at(x, y - 1)).abs();
            edges[y * width + x] = across.max(down) >= HARD;
        }
    }
    edges
}

/// One pixel more on every side: coding moves edges a little.
fn thickened(edges: &[bool], width: usize) -> Vec<bool> {
    let mut out = edges.to_vec();
    if width == 0 {
        return out;
    }
    let height = edges.len() / width;
    for (n, _) in edges.iter().enumerate().filter(|(_, edge)| **edge) {
        let (x, y) = (n % width, n / width);
        for ny in y.saturating_sub(1)..(y + 2).min(height) {
            out[ny * width + x.saturating_sub(1)..ny * width + (x + 2).min(width)].fill(true);
        }
    }
    out
}

/// Attested edges of each telling cell, and how many of them are there now.
fn cells(attested: &[bool], now: &[bool], area: Area, picture_height: usize) -> Vec<(usize, usize)> {
    let side = (picture_height / CELLS_DOWN).max(8);
    let mut cells = Vec::new();
    for top in (0..area.height).step_by(side) {
        for left in (0..area.width).step_by(side) {
            let (mut had, mut kept, mut pixels) = (0, 0, 0);
            for y in top..(top + side).min(area.height) {
                for x in left..(left + side).min(area.width) {
                    let n = y * area.width + x;
                    pixels += 1;
                    had += usize::from(attested[n]);
                    kept += usize::from(attested[n] && now[n]);
                }
            }
            if had * TELLING >= pixels && had >= 12 {
                cells.push((had, kept));
            }
        }
    }
    cells
}

/// Several looks make a verdict, as with the clock.
#[derive(Clone, Debug, Default)]
pub struct LabelJudge {
    verdict: LabelVerdict,
    leaning: LabelVerdict,
    streak: u32,
}

impl LabelJudge {
    /// The standing verdict.
    pub fn verdict(&self) -> LabelVerdict {
        self.verdict
    }

    /// True when the looks so far do not agree with the verdict yet.
    pub fn in_doubt(&self) -> bool {
        self.leaning != self.verdict
    }

    /// Takes in one comparison; `confirmations` of a kind in a row make a verdict.
    pub fn take(&mut self, seen: LabelVerdict, confirmations: u32) {
        self.streak = if seen == self.leaning { self.streak.saturating_add(1) } else { 1 };
        self.leaning = seen;
        if self.streak >= confirmations || seen == LabelVerdict::NotAttested {
            self.verdict = seen;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AREA: Area = Area { x: 100, y: 400, width: 240, height: 60 };

    /// Bars three pixels wide with dark outlines in each of `places`, twenty pixels apart, over a ground of this brightness.
    fn region(places: &[usize], ground: u8) -> Luma {
        let mut pixels = vec![ground; AREA.width * AREA.height];
        for place in places {
            for y in 10..50 {
                for bar in 0..3 {
                    let x = place * 20 + 2 + bar * 6;
                    pixels[y * AREA.width + x..y * AREA.width + x + 5].copy_from_slice(&[16, 235, 235, 235, 16]);
                }
            }
        }
        Luma::from_rows(AREA.width, AREA.height, AREA.width, &pixels).expect("a region")
    }

    const ALL: [usize; 11] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10];

    fn attested() -> LabelReference {
        LabelReference::attest(&[region(&ALL, 90), region(&ALL, 140)], AREA, 768, 540).expect("writing")
    }

    #[test]
    fn the_label_is_the_same_over_any_background() {
        for ground in [0, 60, 128, 200, 255] {
            assert_eq!(attested().compare(&region(&ALL, ground), 768, 540), LabelVerdict::Same, "{ground}");
        }
    }

    #[test]
    fn one_character_that_is_gone_is_a_change_and_all_of_them_are_missing() {
        let changed: Vec<usize> = ALL.iter().copied().filter(|n| *n != 5).collect();
        assert_eq!(attested().compare(&region(&changed, 90), 768, 540), LabelVerdict::Changed);
        assert_eq!(attested().compare(&region(&[], 90), 768, 540), LabelVerdict::Missing);
        assert_eq!(attested().compare(&region(&ALL, 90), 1920, 1080), LabelVerdict::Changed);
    }

    #[test]
    fn a_plain_wall_cannot_be_attested() {
        let error = LabelReference::attest(&[region(&[], 90)], AREA, 768, 540).expect_err("nothing is written");
        assert!(matches!(error, LabelError::NothingWritten { cells: 0, .. }));
        assert_eq!(LabelReference::attest(&[], AREA, 768, 540), Err(LabelError::NoPictures));
    }

    #[test]
    fn a_label_change_needs_two_looks() {
        let mut judge = LabelJudge::default();
        let verdicts: Vec<LabelVerdict> = [LabelVerdict::Same, LabelVerdict::Same, LabelVerdict::Changed, LabelVerdict::Same]
            .into_iter()
            .map(|seen| {
                judge.take(seen, 2);
                judge.verdict()
            })
            .collect();
        use LabelVerdict::{NotAttested, Same};
        assert_eq!(verdicts, [NotAttested, Same, Same, Same]);
    }
}
