//! Finds and reads `2026年11月22日 星期日 14:50:03` by comparing the picture with characters drawn by ffmpeg.

use std::process::Command;
use std::sync::{Mutex, OnceLock};

use chrono::{Datelike, NaiveDate, NaiveDateTime};

use super::{Luma, Region};

pub struct Found {
    pub time: NaiveDateTime,
    pub region: Region,
}

/// Em size of the reference in pixels.
const EM: f32 = 96.0;
const LINE: usize = 160;
const WIDTH: usize = 1600;
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
        let digits = (0..10).map(|d| format!("{d}{d}{d}{d}年{d}{d}月{d}{d}日 星期日 {d}{d}\\:{d}{d}\\:{d}{d}"));
        let weekdays = WEEKDAYS.chars().map(|w| format!("0000年00月00日 星期{w} 00\\:00\\:00"));
        let filters: Vec<String> = digits
            .chain(weekdays)
            .enumerate()
            .map(|(n, text)| {
                format!(
                    "drawtext=fontfile={}:text='{text}':x=20:y={}:fontsize={EM}:fontcolor=white:borderw=6:bordercolor=0x808080",
                    font(),
                    n * LINE + 20
                )
            })
            .collect();
        let out = Command::new("ffmpeg")
            .args(["-v", "error", "-f", "lavfi", "-i", &format!("color=black:s={WIDTH}x{}", 17 * LINE)])
            .args([
                "-vf",
                &format!("format=gray,{}", filters.join(",")),
                "-frames:v",
                "1",
                "-f",
                "rawvideo",
                "-pix_fmt",
                "gray",
                "-",
            ])
            .output()
            .expect("ffmpeg is installed");
        assert!(out.status.success(), "ffmpeg: {}", String::from_utf8_lossy(&out.stderr));
        let lines: Vec<Vec<u8>> = out.stdout.chunks_exact(WIDTH * LINE).map(<[u8]>::to_vec).collect();
        assert_eq!(lines.len(), 17);
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
        for ((start, end), count) in runs(WIDTH, EM as usize / 8, |x| differs(0..10, x)).into_iter().zip([4, 2, 2, 2, 2, 2]) {
            digits.extend((0..count).map(|n| (start + (end - start) * n / count, start + (end - start) * (n + 1) / count)));
        }
        assert_eq!(digits.len(), 14, "digits of equal width: {digits:?}");
        let weekday = runs(WIDTH, EM as usize / 4, |x| differs(10..17, x))[0];
        Reference { lines, left, right, top, bottom, digits, weekday }
    })
}

/// The font of Debian's package fonts-noto-cjk.
fn font() -> &'static str {
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Bold.ttc"
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

/// Points of one character: place relative to the line's ink, and the value it should have there.
struct Points(Vec<(f32, f32, f32)>);

impl Points {
    /// The points of columns `from..to` of a reference line, every `step`-th, where it has ink or outline.
    fn of(line: &[u8], columns: (usize, usize), step: usize) -> Points {
        let reference = reference();
        let mut points = Vec::new();
        for y in (reference.top.saturating_sub(6)..reference.bottom + 6).step_by(step) {
            for x in (columns.0..columns.1).step_by(step) {
                let value = line[y * WIDTH + x];
                if value >= 100 {
                    let white = (f32::from(value) - 128.0).max(0.0) / 127.0;
                    points.push((x as f32 - reference.left as f32, y as f32 - reference.top as f32, white));
                }
            }
        }
        Points(points)
    }

    /// How well the picture agrees, from -1 to 1, when the line's ink begins at (`x`, `y`) at `scale` of the reference.
    fn agreement(&self, picture: &Luma, x: f32, y: f32, scale: f32) -> f32 {
        let (mut n, mut sum_v, mut sum_w, mut sum_vv, mut sum_ww, mut sum_vw) = (0.0f32, 0.0, 0.0, 0.0, 0.0, 0.0);
        for (px, py, white) in &self.0 {
            let (sx, sy) = (x + px * scale, y + py * scale);
            if sx < 0.0 || sy < 0.0 || sx >= picture.width as f32 - 1.0 || sy >= picture.height as f32 - 1.0 {
                return -1.0;
            }
            let value = f32::from(picture.at(sx as usize, sy as usize)).min(235.0);
            n += 1.0;
            sum_v += value;
            sum_w += white;
            sum_vv += value * value;
            sum_ww += white * white;
            sum_vw += value * white;
        }
        let (variance_v, variance_w) = (sum_vv - sum_v * sum_v / n, sum_ww - sum_w * sum_w / n);
        // A flat place agrees with nothing.
        if variance_v / n < 200.0 || variance_w <= 0.0 {
            return 0.0;
        }
        (sum_vw - sum_v * sum_w / n) / (variance_v * variance_w).sqrt()
    }
}

/// Size of a picture, and how well, how large and where its time was found.
type Remembered = ((usize, usize), (f32, f32, f32, f32));

/// Finds the time in the top left corner.
pub fn find(picture: &Luma) -> Option<Found> {
    let reference = reference();
    // What always stands there: 年, 月, 日 and 星期.
    let (year_end, month, day) = (reference.digits[3].1, reference.digits[4], reference.digits[6]);
    let fixed = [(year_end, month.0), (reference.digits[5].1, day.0), (reference.digits[7].1, reference.weekday.0)];
    let points = |step: usize| {
        Points(fixed.iter().flat_map(|columns| Points::of(&reference.lines[0], *columns, step).0).collect::<Vec<_>>())
    };
    let basis = (picture.width as f32 * picture.height as f32 * 9.0 / 16.0).sqrt().min(picture.height as f32);
    let (smallest, largest) = (basis / 45.0, basis / 22.0);
    let ink_width = (reference.right - reference.left) as f32;

    // Where the last picture of this size had it, else a coarse search; then fine around the best.
    static LAST: Mutex<Vec<Remembered>> = Mutex::new(Vec::new());
    let size = (picture.width, picture.height);
    let last = LAST.lock().expect("no reader panics").iter().find(|(of, _)| *of == size).map(|(_, found)| *found);
    let fine = points(2);
    let stride = (basis / 540.0).max(1.0);
    let refine = |(_, em, x, y): (f32, f32, f32, f32)| {
        let mut refined = (-1.0, em, x, y);
        for em_step in -4..=4 {
            let em = em * (1.0 + em_step as f32 * 0.005);
            for dy in -4..=4 {
                for dx in -4..=4 {
                    let (x, y) = (x + dx as f32 * stride * 0.4, y + dy as f32 * stride * 0.4);
                    let agreement = fine.agreement(picture, x, y, em / EM);
                    if agreement > refined.0 {
                        refined = (agreement, em, x, y);
                    }
                }
            }
        }
        refined
    };
    let mut refined = last.map_or((-1.0, 0.0, 0.0, 0.0), refine);
    if refined.0 < GOOD {
        let coarse = points(6);
        let mut best = (-1.0, 0.0, 0.0, 0.0);
        let mut em = smallest.max(9.0);
        while em <= largest.max(16.0) {
            let scale = em / EM;
            let reach_x = (2.0 * em).min(picture.width as f32 - ink_width * scale);
            let mut y = 0.0;
            while y < 2.0 * em {
                let mut x = 0.0;
                while x < reach_x {
                    let agreement = coarse.agreement(picture, x, y, scale);
                    if agreement > best.0 {
                        best = (agreement, em, x, y);
                    }
                    x += stride;
                }
                y += stride;
            }
            em *= 1.02;
        }
        refined = refine(best);
    }
    let (agreement, em, x, y) = refined;
    if agreement < GOOD {
        return None;
    }
    let mut remembered = LAST.lock().expect("no reader panics");
    remembered.retain(|(of, _)| *of != size);
    remembered.push((size, refined));
    drop(remembered);
    let scale = em / EM;
    let best_of = |candidates: std::ops::Range<usize>, columns: (usize, usize)| -> usize {
        let scored = candidates.map(|n| {
            let points = Points::of(&reference.lines[n], columns, 2);
            // The position is known to a fraction of a pixel; rounding in the picture may shift a character by as much.
            let shifts = [-1.0, 0.0, 1.0].into_iter().flat_map(|dx| [-0.5, 0.0, 0.5].into_iter().map(move |dy| (dx * 0.7, dy)));
            let agreement = shifts.map(|(dx, dy)| points.agreement(picture, x + dx, y + dy, scale)).fold(-1.0, f32::max);
            (n, agreement)
        });
        scored.max_by(|a, b| a.1.total_cmp(&b.1)).map_or(0, |(n, _)| n)
    };
    let digits: Vec<u32> = reference.digits.iter().map(|columns| best_of(0..10, *columns) as u32).collect();
    let weekday = best_of(10..17, reference.weekday) - 10;
    let number = |range: std::ops::Range<usize>| digits[range].iter().fold(0, |n, d| n * 10 + d);
    let date = NaiveDate::from_ymd_opt(number(0..4) as i32, number(4..6), number(6..8))?;
    let time = date.and_hms_opt(number(8..10), number(10..12), number(12..14))?;
    if date.weekday().num_days_from_monday() as usize != weekday {
        return None;
    }
    let region = Region {
        left: x as usize,
        top: y as usize,
        right: (x + ink_width * scale).ceil() as usize,
        bottom: (y + (reference.bottom - reference.top) as f32 * scale).ceil() as usize,
    };
    Some(Found { time, region })
}
