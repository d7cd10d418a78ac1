//! Reads text in a corner of a picture with tesseract and its data for simplified Chinese.

use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::reading::Luma;

/// Height of a character as tesseract likes it, in pixels.
const EM: usize = 60;

/// Samples brighter than this are taken for characters: the readers of this file look at dark pictures.
const BRIGHT: f32 = 150.0;

/// The lines of text in the top left corner, spaces left out.
pub fn top_left(picture: &Luma) -> Vec<String> {
    read(picture, true, true)
}

/// The lines of text in the top right corner.
pub fn top_right(picture: &Luma) -> Vec<String> {
    read(picture, false, true)
}

/// The lines of text in the bottom left corner.
pub fn bottom_left(picture: &Luma) -> Vec<String> {
    read(picture, true, false)
}

/// The lines of text in the bottom right corner.
pub fn bottom_right(picture: &Luma) -> Vec<String> {
    read(picture, false, false)
}

/// Cuts a corner out, enlarges it, makes it black on white and lets tesseract read it.
fn read(picture: &Luma, left: bool, top: bool) -> Vec<String> {
    let (w, h) = (picture.width, picture.height);
    // The greatest corner in which nothing of the others can stand.
    let (width, height) = ((w * 9 / 20).max(w.min(h) * 7 / 10), h / 8);
    let (x0, y0) = (if left { 0 } else { w - width }, if top { 0 } else { h - height });
    // As many pixels as a character has at least, by the width of the narrower side.
    let em = (((w * h * 9 / 16) as f64).sqrt().min(h as f64) / 32.0).max(12.0);
    let scale = EM as f64 / em;
    let (out_width, out_height) = ((width as f64 * scale) as usize, (height as f64 * scale) as usize);
    let mut pgm = format!("P5\n{out_width} {out_height}\n255\n").into_bytes();
    let sample = |x: usize, y: usize| f32::from(picture.samples[(y0 + y) * w + x0 + x]);
    for y in 0..out_height {
        for x in 0..out_width {
            let (sx, sy) = ((x as f64 + 0.5) / scale - 0.5, (y as f64 + 0.5) / scale - 0.5);
            let (ix, iy) = (sx.max(0.0) as usize, sy.max(0.0) as usize);
            let (jx, jy) = ((ix + 1).min(width - 1), (iy + 1).min(height - 1));
            let (fx, fy) = ((sx - ix as f64).clamp(0.0, 1.0) as f32, (sy - iy as f64).clamp(0.0, 1.0) as f32);
            let upper = sample(ix, iy) * (1.0 - fx) + sample(jx, iy) * fx;
            let lower = sample(ix, jy) * (1.0 - fx) + sample(jx, jy) * fx;
            pgm.push(if upper * (1.0 - fy) + lower * fy > BRIGHT { 0 } else { 255 });
        }
    }
    if pgm.iter().skip(20).all(|sample| *sample == 255) {
        return Vec::new();
    }
    let mut tesseract = Command::new("tesseract")
        .args(["-", "-", "-l", "chi_sim", "--psm", "6"])
        .env("OMP_THREAD_LIMIT", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the packages tesseract-ocr and tesseract-ocr-chi-sim are installed (scripts/setup.sh --test)");
    tesseract.stdin.take().unwrap().write_all(&pgm).unwrap();
    let out = tesseract.wait_with_output().unwrap();
    assert!(out.status.success(), "tesseract cannot read with -l chi_sim: is tesseract-ocr-chi-sim installed?");
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    let lines = text.lines().map(|line| line.chars().filter(|c| !c.is_whitespace()).collect::<String>());
    lines.filter(|line| !line.is_empty()).collect()
}
