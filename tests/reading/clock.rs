//! Finds and reads `2026年11月22日 星期日 14:50:03` by comparing the picture with characters drawn by ffmpeg.

use std::sync::{Mutex, OnceLock};

use chrono::{Datelike, NaiveDate, NaiveDateTime};

use super::{Luma, Points, Region, draw};

/// A time text found in a picture.
pub struct Found {
    /// `None` when its digits make no time of its weekday.
    pub time: Option<NaiveDateTime>,
    /// Where its ink lies.
    pub region: Region,
    /// Its em size in pixels.
    pub em: f32,
}

/// Em size of the drawings in pixels.
const EM: usize = 96;
const CELL: (usize, usize) = (1600, 160);
const WIDTH: usize = CELL.0;
const LINE: usize = CELL.1;
/// Agreement from which on the time is taken to stand there.
const GOOD: f32 = 0.5;
const WEEKDAYS: &str = "一二三四五六日";

/// Lines drawn by ffmpeg: ten with the digits 0 to 9 at every place, seven with the weekdays.
struct Reference {
    /// Per line and pixel: 0 nothing, 128 outline, 255 character.
    lines: Vec<Vec<u8>>,
    /// Left and right of the ink.
    left: usize,
    right: usize,
    top: usize,
    bottom: usize,
    /// Columns of the fourteen digits in order.
    digits: Vec<(usize, usize)>,
    weekday: (usize, usize),
}

fn reference() -> &'static Reference {
    static REFERENCE: OnceLock<Reference> = OnceLock::new();
    REFERENCE.get_or_init(|| {
        let digits = (0..10).map(|d| format!("{d}{d}{d}{d}年{d}{d}月{d}{d}日 星期日 {d}{d}:{d}{d}:{d}{d}"));
        let weekdays = WEEKDAYS.chars().map(|w| format!("0000年00月00日 星期{w} 00:00:00"));
        let lines = draw(&digits.chain(weekdays).collect::<Vec<_>>(), EM, CELL, 20, 120);
        let ink = |line: &[u8], x: usize| (0..LINE).any(|y| line[y * WIDTH + x] > 190);
        let left = (0..WIDTH).find(|x| lines.iter().any(|l| ink(l, *x))).expect("ink");
        let right = (0..WIDTH).rfind(|x| lines.iter().any(|l| ink(l, *x))).expect("ink") + 1;
        let row = |y: usize| lines.iter().any(|l| l[y * WIDTH..(y + 1) * WIDTH].iter().any(|v| *v > 190));
        let top = (0..LINE).find(|y| row(*y)).expect("ink");
        let bottom = (0..LINE).rfind(|y| row(*y)).expect("ink") + 1;
        let differs = |among: std::ops::Range<usize>, x: usize| {
            (0..LINE).any(|y| {
                let values = among.clone().map(|n| lines[n][y * WIDTH + x]);
                values.clone().max().unwrap_or(0) - values.min().unwrap_or(0) > 60
            })
        };
        // Digits that stand together share a run of differing columns.
        let mut digits = Vec::new();
        for ((start, end), count) in runs(WIDTH, EM / 8, |x| differs(0..10, x)).into_iter().zip([4, 2, 2, 2, 2, 2]) {
            digits.extend((0..count).map(|n| (start + (end - start) * n / count, start + (end - start) * (n + 1) / count)));
        }
        assert_eq!(digits.len(), 14, "digits of equal width: {digits:?}");
        let weekday = runs(WIDTH, EM / 4, |x| differs(10..17, x))[0];
        Reference { lines, left, right, top, bottom, digits, weekday }
    })
}

/// Ranges in which `set` holds, gaps shorter than `gap` closed.
fn runs(length: usize, gap: usize, set: impl Fn(usize) -> bool) -> Vec<(usize, usize)> {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for x in (0..length).filter(|x| set(*x)) {
        match runs.last_mut() {
            Some((_, end)) if x <= *end + gap => *end = x + 1,
            _ => runs.push((x, x + 1)),
        }
    }
    runs
}

/// The points of columns `from..to` of a reference line, every `step`-th, where it has ink or outline; in em from the top left of
/// the line's ink.
fn points(line: &[u8], columns: (usize, usize), step: usize) -> Points {
    let reference = reference();
    let mut points = Vec::new();
    for y in (reference.top.saturating_sub(6)..reference.bottom + 6).step_by(step) {
        for x in (columns.0..columns.1).step_by(step) {
            let value = f32::from(line[y * WIDTH + x]);
            if value >= 100.0 {
                let place = |at: usize, origin: usize| (at as f32 + 0.5 - origin as f32) / EM as f32;
                points.push((place(x, reference.left), place(y, reference.top), (value - 128.0).max(0.0) / 127.0));
            }
        }
    }
    Points(points)
}

/// Size of a picture, and how well, how large and where its time was found.
type Remembered = ((usize, usize), (f32, f32, f32, f32));

/// Finds the time in the top left corner.
pub fn find(picture: &Luma) -> Option<Found> {
    let reference = reference();
    // What always stands there: 年, 月, 日 and 星期.
    let (year_end, month, day) = (reference.digits[3].1, reference.digits[4], reference.digits[6]);
    let fixed = [(year_end, month.0), (reference.digits[5].1, day.0), (reference.digits[7].1, reference.weekday.0)];
    let fixed_points = |step: usize| {
        Points(fixed.iter().flat_map(|columns| points(&reference.lines[0], *columns, step).0).collect::<Vec<_>>())
    };
    let basis = (picture.width as f32 * picture.height as f32 * 9.0 / 16.0).sqrt().min(picture.height as f32);
    let (smallest, largest) = (basis / 45.0, basis / 22.0);
    let ink_width = (reference.right - reference.left) as f32;

    // Where the last picture of this size had it, else a coarse search; then fine around the best.
    static LAST: Mutex<Vec<Remembered>> = Mutex::new(Vec::new());
    let size = (picture.width, picture.height);
    let last = LAST.lock().expect("no reader panics").iter().find(|(of, _)| *of == size).map(|(_, found)| *found);
    let fine = fixed_points(2);
    let stride = (basis / 540.0).max(1.0);
    let refine = |(_, em, x, y): (f32, f32, f32, f32), step: f32| {
        let mut refined = (-1.0, em, x, y);
        for em_step in -4..=4 {
            let em = em * (1.0 + em_step as f32 * 0.01 * step);
            for dy in -4..=4 {
                for dx in -4..=4 {
                    let (x, y) = (x + dx as f32 * stride * step, y + dy as f32 * stride * step);
                    let agreement = fine.agreement(picture, x, y, em);
                    if agreement > refined.0 {
                        refined = (agreement, em, x, y);
                    }
                }
            }
        }
        refined
    };
    let mut refined = last.map_or((-1.0, 0.0, 0.0, 0.0), |last| refine(last, 0.5));
    if refined.0 < GOOD {
        let coarse = fixed_points(5);
        let mut best = (-1.0, 0.0, 0.0, 0.0);
        let mut em = smallest.max(9.0);
        while em <= largest.max(16.0) {
            let scale = em / EM as f32;
            let reach_x = (2.0 * em).min(picture.width as f32 - ink_width * scale);
            let mut y = 0.0;
            while y < 2.0 * em {
                let mut x = 0.0;
                while x < reach_x {
                    let agreement = coarse.agreement(picture, x, y, em);
                    if agreement > best.0 {
                        best = (agreement, em, x, y);
                    }
                    x += stride;
                }
                y += stride;
            }
            em *= 1.02;
        }
        refined = refine(refine(best, 0.4), 0.12);
    }
    let (agreement, em, x, y) = refined;
    if agreement < GOOD {
        return None;
    }
    let mut remembered = LAST.lock().expect("no reader panics");
    remembered.retain(|(of, _)| *of != size);
    remembered.push((size, refined));
    drop(remembered);
    let scale = em / EM as f32;
    let best_of = |candidates: std::ops::Range<usize>, columns: (usize, usize)| -> usize {
        let scored = candidates.map(|n| {
            let drawn = points(&reference.lines[n], columns, 2);
            // The position is known to a fraction of a pixel; rounding in the picture may shift a character by as much.
            let shifts = [-1.0, 0.0, 1.0].into_iter().flat_map(|dx| [-0.5, 0.0, 0.5].into_iter().map(move |dy| (dx * 0.7, dy)));
            let agreement = shifts.map(|(dx, dy)| drawn.agreement(picture, x + dx, y + dy, em)).fold(-1.0, f32::max);
            (n, agreement)
        });
        scored.max_by(|a, b| a.1.total_cmp(&b.1)).map_or(0, |(n, _)| n)
    };
    let digits: Vec<u32> = reference.digits.iter().map(|columns| best_of(0..10, *columns) as u32).collect();
    let weekday = best_of(10..17, reference.weekday) - 10;
    let number = |range: std::ops::Range<usize>| digits[range].iter().fold(0, |n, d| n * 10 + d);
    let date = NaiveDate::from_ymd_opt(number(0..4) as i32, number(4..6), number(6..8));
    let time = date
        .filter(|date| date.weekday().num_days_from_monday() as usize == weekday)
        .and_then(|date| date.and_hms_opt(number(8..10), number(10..12), number(12..14)));
    let region = Region {
        left: x as usize,
        top: y as usize,
        right: (x + ink_width * scale).ceil() as usize,
        bottom: (y + (reference.bottom - reference.top) as f32 * scale).ceil() as usize,
    };
    Some(Found { time, region, em })
}
