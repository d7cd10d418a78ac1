//! Reads a clock out of a picture: levels, rows, digits, time. Pure.

use chrono::NaiveDateTime;

use super::ink::{Piece, pieces};
use super::layout::{DIGITS, Digit, civil};
use super::picture::{Area, Luma};
use super::row::{Row, looks_written, rows};
use super::shapes::{Likeness, Shape};

/// Levels at which a picture is cut into ink and ground, in the order they are tried: half-way between white writing and its dark
/// outline first.
const LEVELS: [u8; 8] = [150, 180, 128, 205, 110, 165, 92, 225];
/// The same against the surroundings of each pixel, 128 being as bright as they are.
const LOCAL_LEVELS: [u8; 3] = [160, 190, 220];
/// Reaches of those surroundings in pixels.
const REACHES: [usize; 2] = [12, 32];
/// Less like its character than this, a piece of ink is no digit.
const LEAST_SCORE: f32 = 0.60;
/// A digit this like its shape, and this much less like any other, is read beyond doubt.
const SURE_SCORE: f32 = 0.72;
/// See [`SURE_SCORE`].
const SURE_MARGIN: f32 = 0.045;
/// Pictures with more lines than this are looked at in half size: writing on them is large.
const HALVED_FROM: usize = 1300;
/// Parts of pictures up to this many pixels are looked at in double size as well, for writing a few pixels high.
const LARGEST_DOUBLED: usize = 300_000;
/// Part of the picture's height at the top and at the bottom in which a clock is looked for when nobody says where it stands.
const BAND_PERCENT: usize = 22;
/// Words for what is seen where no place is known: above and below.
const BANDS: usize = 2;

/// A clock text read from a picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// What it says, as civil time. Two readings where day and month can be exchanged.
    pub times: Vec<NaiveDateTime>,
    /// Where it stands in the picture, from the first digit to the last.
    pub area: Area,
    /// Height of its digits in pixels.
    pub digit_height: usize,
    /// Likeness of the digit read worst, 1 for perfect.
    pub score: f32,
    /// How far, at least, the second best character was behind.
    pub margin: f32,
}

impl Reading {
    /// True when every digit was read beyond doubt.
    pub fn is_sure(&self) -> bool {
        self.score >= SURE_SCORE && self.margin >= SURE_MARGIN
    }
}

/// What was seen where a clock should stand.
#[derive(Clone, Debug, PartialEq)]
pub enum Look {
    /// A clock text, every digit beyond doubt.
    Read(Reading),
    /// A clock text that could be another: its best reading, for people only.
    Doubtful(Reading),
    /// Something is written there that was not read as a clock.
    Illegible,
    /// Nothing that looks like a line of digits.
    Nothing,
}

/// Looks for a clock in `picture`: in `place` where it is given, else along the upper and the lower edge.
pub fn look(picture: &Luma, place: Option<Area>) -> Look {
    let areas = match place {
        Some(area) => vec![area],
        None => bands(picture),
    };
    let mut best = Look::Nothing;
    for area in areas {
        let Some(crop) = picture.crop(area) else { continue };
        let halve = crop.height() > 64 && picture.height() > HALVED_FROM;
        let mut found = if halve { scale(look_in(&crop.halved()), 2, 1) } else { look_in(&crop) };
        if !matches!(found, Look::Read(_)) && !halve && crop.pixels().len() <= LARGEST_DOUBLED {
            let closer = scale(look_in(&crop.doubled()), 1, 2);
            if rank(&closer) > rank(&found) {
                found = closer;
            }
        }
        let found = shift(found, area);
        if rank(&found) > rank(&best) {
            best = found;
        }
        if matches!(best, Look::Read(_)) {
            break;
        }
    }
    best
}

fn bands(picture: &Luma) -> Vec<Area> {
    let (width, height) = (picture.width(), picture.height());
    let band = (height * BAND_PERCENT / 100).max(1);
    let tops: [usize; BANDS] = [0, height - band];
    tops.map(|y| Area { x: 0, y, width, height: band }).to_vec()
}

fn rank(look: &Look) -> u8 {
    match look {
        Look::Nothing => 0,
        Look::Illegible => 1,
        Look::Doubtful(_) => 2,
        Look::Read(_) => 3,
    }
}

fn with_area(look: Look, change: impl Fn(Reading) -> Reading) -> Look {
    match look {
        Look::Read(reading) => Look::Read(change(reading)),
        Look::Doubtful(reading) => Look::Doubtful(change(reading)),
        other => other,
    }
}

fn shift(look: Look, by: Area) -> Look {
    with_area(look, |r| Reading { area: Area { x: r.area.x + by.x, y: r.area.y + by.y, ..r.area }, ..r })
}

fn scale(look: Look, by: usize, over: usize) -> Look {
    let to = |n: usize| n * by / over;
    with_area(look, |r| Reading {
        area: Area { x: to(r.area.x), y: to(r.area.y), width: to(r.area.width), height: to(r.area.height) },
        digit_height: to(r.digit_height),
        ..r
    })
}

/// Looks at every level until a reading is beyond doubt, and seen at two levels.
fn look_in(crop: &Luma) -> Look {
    let mut readings: Vec<Reading> = Vec::new();
    let mut written = false;
    let mut try_at = |picture: &Luma, level: u8| -> bool {
        for row in rows(&pieces(picture, level)) {
            let (found, seen) = read_row(picture, &row, level);
            written |= seen;
            readings.extend(found);
        }
        agreed(&readings).is_some()
    };
    let dark = crop.inverted();
    let plain = LEVELS.iter().flat_map(|level| [(crop, *level), (&dark, *level)]);
    let mut done = false;
    for (picture, level) in plain {
        done = done || try_at(picture, level);
    }
    for reach in REACHES {
        if done {
            break;
        }
        for source in [crop, &dark] {
            let local = source.against_surroundings(reach);
            for level in LOCAL_LEVELS {
                done = done || try_at(&local, level);
            }
        }
    }
    judge(readings, written)
}

/// A time that two levels read beyond doubt.
fn agreed(readings: &[Reading]) -> Option<&Reading> {
    let sure: Vec<&Reading> = readings.iter().filter(|r| r.is_sure()).collect();
    sure.iter().enumerate().find(|(n, r)| sure[..*n].iter().any(|s| s.times == r.times)).map(|(_, r)| *r)
}

fn judge(readings: Vec<Reading>, written: bool) -> Look {
    let best =
        |list: &[&Reading]| list.iter().copied().max_by(|a, b| (a.score + a.margin).total_cmp(&(b.score + b.margin))).cloned();
    let sure: Vec<&Reading> = readings.iter().filter(|r| r.is_sure()).collect();
    if let Some(reading) = best(&sure) {
        // Levels that are as sure of another time leave a doubt, unless one stands alone against several.
        let votes = |times: &[NaiveDateTime]| sure.iter().filter(|r| r.times == times).count();
        let winner = sure.iter().max_by_key(|r| votes(&r.times)).map_or(reading.clone(), |r| (*r).clone());
        let against = sure.iter().filter(|r| r.times != winner.times).count();
        let of_winner: Vec<&Reading> = sure.iter().copied().filter(|r| r.times == winner.times).collect();
        let reading = best(&of_winner).unwrap_or(reading);
        return if against * 3 < of_winner.len().max(1) { Look::Read(reading) } else { Look::Doubtful(reading) };
    }
    match best(&readings.iter().collect::<Vec<_>>()) {
        Some(reading) => Look::Doubtful(reading),
        None if written => Look::Illegible,
        None => Look::Nothing,
    }
}

/// The best clock in a row, and whether the row looks like writing at all.
fn read_row(picture: &Luma, row: &Row, level: u8) -> (Option<Reading>, bool) {
    let read: Vec<(&Piece, Likeness)> =
        row.pieces.iter().map(|piece| (piece, Shape::read(picture, piece, level).likeness())).collect();
    let digits: Vec<(&Piece, u8, Likeness)> =
        read.iter().filter(|(_, l)| l.score >= LEAST_SCORE).filter_map(|(p, l)| Some((*p, l.digit?, *l))).collect();
    let mut best: Option<Reading> = None;
    let without_bars: Vec<_> = digits.iter().filter(|(_, _, l)| !l.bar).copied().collect();
    let some_bars = without_bars.len() < digits.len();
    let again = if some_bars { without_bars.as_slice() } else { &[] };
    for window in digits.windows(DIGITS).chain(again.windows(DIGITS)) {
        let places: Vec<Digit> = window
            .iter()
            .map(|(piece, value, _)| Digit { value: *value, middle: (piece.left + piece.right) as f32 / 2.0 })
            .collect();
        let Ok(places) = <[Digit; DIGITS]>::try_from(places) else { continue };
        let times = civil(&places);
        let (Some(first), Some(last)) = (window.first(), window.last()) else { continue };
        if times.is_empty() {
            continue;
        }
        let least = |of: fn(&Likeness) -> f32| window.iter().map(|(_, _, l)| of(l)).fold(f32::INFINITY, f32::min);
        let height = row.bottom - row.top;
        let area = Area { x: first.0.left, y: row.top, width: last.0.right - first.0.left, height };
        let reading = Reading { times, area, digit_height: height, score: least(|l| l.score), margin: least(|l| l.margin) };
        if best.as_ref().is_none_or(|b| reading.score + reading.margin > b.score + b.margin) {
            best = Some(reading);
        }
    }
    let written = looks_written(row) && digits.len() >= 6;
    (best, written)
}
