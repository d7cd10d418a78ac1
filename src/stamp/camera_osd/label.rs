//! Whether the label a camera draws (division, hall, zone) still looks as the installer attested it. Pure.
//!
//! Not reading but comparing: along hard edges, white against its dark outline, bright stays bright and dark stays dark whatever moves
//! behind the letters. The attested pixels are those that several pictures share; each cell of the region, smaller than a character, must
//! still have most of its own.

use serde::{Deserialize, Serialize};

use super::picture::{Area, Luma};

/// The brightest and the darkest pixel within two pixels must differ by this much to be an edge of writing.
const HARD: u8 = 90;
/// And a pixel must lie this far to one side of their middle to be bright or dark.
const CLEAR: u8 = 22;
/// Cells across the height of the picture: a cell is about half as wide as a digit of a label is high.
const CELLS_DOWN: usize = 72;
/// A cell with fewer attested pixels than one in so many says nothing.
const TELLING: usize = 4;
/// Fewer telling cells than this are no label.
const FEWEST_CELLS: usize = 3;
/// Part of its attested pixels a cell must still have, in percent.
const SAME_PERCENT: usize = 65;
/// So many cells that have lost part of their pixels are a change: less than one digit's.
const LOST_CELLS: usize = 2;
/// Below this part of all pixels nothing is left of the label, in percent.
const GONE_PERCENT: usize = 25;

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

/// What an attested label looks like.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabelReference {
    /// Width of the pictures it was taken from.
    pub picture_width: usize,
    /// Their height.
    pub picture_height: usize,
    /// Where it stands in them.
    pub area: Area,
    /// Two bits per pixel of the area, row by row, the highest first, in hexadecimal: 1 bright, 2 dark, 0 neither.
    sides: String,
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
        /// Places smaller than a character that have hard edges.
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
        let mut sides = sides(first);
        for other in others {
            let theirs = self::sides(other);
            sides.iter_mut().zip(theirs).filter(|(side, theirs)| **side != *theirs).for_each(|(side, _)| *side = Side::Neither);
        }
        let area = Area { width: first.width(), height: first.height(), ..area };
        let cells = cells(&sides, &sides, area, picture_height).len();
        if cells < FEWEST_CELLS {
            return Err(LabelError::NothingWritten { area, cells });
        }
        let sides = sides.chunks(2).filter_map(|pair| {
            let bits = pair.iter().fold(0, |bits, side| bits << 2 | *side as u32);
            char::from_digit(if pair.len() == 1 { bits << 2 } else { bits }, 16)
        });
        let sides = sides.collect();
        Ok(Self { picture_width, picture_height, area, sides })
    }

    /// Compares the same region of another picture. A picture of another size cannot show the same pixels: that is a change.
    pub fn compare(&self, region: &Luma, picture_width: usize, picture_height: usize) -> LabelVerdict {
        match self.weigh(region, picture_width, picture_height) {
            None => LabelVerdict::Changed,
            Some((kept_percent, _)) if kept_percent < GONE_PERCENT => LabelVerdict::Missing,
            Some((_, lost)) if lost >= LOST_CELLS => LabelVerdict::Changed,
            Some(_) => LabelVerdict::Same,
        }
    }

    /// How many percent of all attested pixels are as they were, and how many cells have lost too many of theirs; `None` for a picture of another
    /// size.
    fn weigh(&self, region: &Luma, picture_width: usize, picture_height: usize) -> Option<(usize, usize)> {
        let area = self.area;
        let same_size = (picture_width, picture_height) == (self.picture_width, self.picture_height)
            && (region.width(), region.height()) == (area.width, area.height);
        let side = |bits: u32| match bits & 3 {
            1 => Side::Bright,
            2 => Side::Dark,
            _ => Side::Neither,
        };
        let pairs = self.sides.chars().map(|c| c.to_digit(16).unwrap_or(0)).flat_map(|d| [side(d >> 2), side(d)]);
        let attested: Vec<Side> = pairs.take(area.width * area.height).collect();
        if !same_size || attested.len() < area.width * area.height {
            return None;
        }
        let cells = cells(&attested, &sides(region), area, picture_height);
        let (had, kept) = cells.iter().fold((0, 0), |(had, kept), (h, k)| (had + h, kept + k));
        let lost = cells.iter().filter(|(had, kept)| kept * 100 < had * SAME_PERCENT).count();
        Some((kept * 100 / had.max(1), lost))
    }
}

/// On which side of a hard edge a pixel lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Neither = 0,
    Bright = 1,
    Dark = 2,
}

fn sides(picture: &Luma) -> Vec<Side> {
    let (width, height) = (picture.width(), picture.height());
    let least = extremes(picture, u8::min);
    let most = extremes(picture, u8::max);
    (0..width * height)
        .map(|n| {
            let (least, most) = (least[n], most[n]);
            if most - least < HARD {
                return Side::Neither;
            }
            let (middle, here) = (least + (most - least) / 2, picture.pixels()[n]);
            if here >= middle.saturating_add(CLEAR) {
                Side::Bright
            } else if here.saturating_add(CLEAR) <= middle {
                Side::Dark
            } else {
                Side::Neither
            }
        })
        .collect()
}

/// The brightest or darkest of the five by five pixels around each: first along rows, then down columns.
fn extremes(picture: &Luma, pick: fn(u8, u8) -> u8) -> Vec<u8> {
    let (width, height) = (picture.width(), picture.height());
    let along = |y: usize, x: usize| {
        let row = &picture.row(y)[x.saturating_sub(2)..(x + 3).min(width)];
        row.iter().copied().reduce(pick).unwrap_or(0)
    };
    let rows: Vec<u8> = (0..width * height).map(|n| along(n / width, n % width)).collect();
    let down = |y: usize, x: usize| {
        let column = (y.saturating_sub(2)..(y + 3).min(height)).map(|y| rows[y * width + x]);
        column.reduce(pick).unwrap_or(0)
    };
    (0..width * height).map(|n| down(n / width, n % width)).collect()
}

/// Attested pixels of each telling cell, and how many of them are as they were.
fn cells(attested: &[Side], now: &[Side], area: Area, picture_height: usize) -> Vec<(usize, usize)> {
    let side = (picture_height / CELLS_DOWN).max(6);
    let mut cells = Vec::new();
    for top in (0..area.height).step_by(side) {
        for left in (0..area.width).step_by(side) {
            let (mut had, mut kept, mut pixels) = (0, 0, 0);
            for y in top..(top + side).min(area.height) {
                for x in left..(left + side).min(area.width) {
                    let n = y * area.width + x;
                    pixels += 1;
                    let counts = attested[n] != Side::Neither;
                    had += usize::from(counts);
                    kept += usize::from(counts && now[n] == attested[n]);
                }
            }
            if had * TELLING >= pixels && had >= 8 {
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
