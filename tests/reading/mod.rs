//! Reads the stamp back from decoded pictures, by other means than those that draw it: ffmpeg's `drawtext` (FreeType) draws every
//! character once, and the picture is compared with them.
//!
//! The time is looked for in the top left corner at any size; the label in the bottom right corner, at the size of the time, from
//! right to left. Backgrounds may be anything: only the characters and the pixels right around them are compared.

// Each test program uses its own part of this module.
#![allow(dead_code)]

mod clock;
mod label;

use std::path::Path;
use std::process::Command;

use chrono::NaiveDateTime;

/// The font of Debian's package fonts-noto-cjk in which the stamp is drawn.
const FONT: &str = "/usr/share/fonts/opentype/noto/NotoSansCJK-Bold.ttc";

/// A decoded picture's luma, rows without padding.
#[derive(Clone)]
pub struct Luma {
    pub width: usize,
    pub height: usize,
    pub samples: Vec<u8>,
}

/// A part of a picture: left, top, right (not included), bottom (not included).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    pub left: usize,
    pub top: usize,
    pub right: usize,
    pub bottom: usize,
}

impl Luma {
    /// The first picture of any file ffmpeg knows.
    pub fn from_file(path: &Path) -> Luma {
        Luma::from_ffmpeg(&["-i", &path.to_string_lossy()])
    }

    /// The picture of an MP4, MKV or picture file at `seconds` after its start.
    pub fn from_file_at(path: &Path, seconds: f64) -> Luma {
        Luma::from_ffmpeg(&["-i", &path.to_string_lossy(), "-ss", &seconds.to_string()])
    }

    fn from_ffmpeg(input: &[&str]) -> Luma {
        let out = Command::new("ffmpeg")
            .args(["-v", "error"])
            .args(input)
            .args(["-frames:v", "1", "-f", "image2pipe", "-c:v", "pgm", "-pix_fmt", "gray", "-"])
            .output()
            .expect("ffmpeg is installed");
        assert!(out.status.success(), "ffmpeg: {}", String::from_utf8_lossy(&out.stderr));
        let mut fields = out.stdout.splitn(4, |b| b.is_ascii_whitespace());
        let mut field = || String::from_utf8_lossy(fields.next().expect("a PGM field")).into_owned();
        assert_eq!(field(), "P5");
        let (width, height): (usize, usize) = (field().parse().expect("a width"), field().parse().expect("a height"));
        let samples = out.stdout[out.stdout.len() - width * height..].to_vec();
        Luma { width, height, samples }
    }

    fn at(&self, x: usize, y: usize) -> u8 {
        self.samples[y * self.width + x]
    }
}

/// The stamped time, such as 2026-11-22T14:50:03; `None` when no whole time with the weekday of its date is read.
pub fn read_time(picture: &Luma) -> Option<NaiveDateTime> {
    clock::find(picture).and_then(|found| found.time)
}

/// Where the time stands, outline not included.
pub fn find_time(picture: &Luma) -> Option<Region> {
    clock::find(picture).map(|found| found.region)
}

/// The lines of the label, top to bottom, spaces left out. Characters other than [`label::USUAL`] are known only when `also`
/// holds them.
pub fn read_label(picture: &Luma, also: &str) -> Vec<String> {
    let em = clock::find(picture).map(|found| found.em);
    em.map_or(Vec::new(), |em| label::read(picture, em, also))
}

/// True when the label in the picture is this one, spaces aside.
pub fn shows_label(picture: &Luma, lines: &[String]) -> bool {
    let wished: Vec<String> = lines.iter().map(|line| line.split_whitespace().collect()).collect();
    read_label(picture, &lines.concat()) == wished
}

/// Points of a drawing: place in em, and how white it should be there, 0 (outline) to 1 (character).
struct Points(Vec<(f32, f32, f32)>);

impl Points {
    /// How well the picture agrees, from -1 to 1, when the drawing's origin lies at (`x`, `y`) and its em is `em` pixels.
    fn agreement(&self, picture: &Luma, x: f32, y: f32, em: f32) -> f32 {
        let (mut n, mut sum_v, mut sum_w, mut sum_vv, mut sum_ww, mut sum_vw) = (0.0f32, 0.0, 0.0, 0.0, 0.0, 0.0);
        for (px, py, white) in &self.0 {
            // Samples stand for the middles of their pixels.
            let (sx, sy) = (x + px * em - 0.5, y + py * em - 0.5);
            if sx < 0.0 || sy < 0.0 || sx >= picture.width as f32 - 1.0 || sy >= picture.height as f32 - 1.0 {
                return -1.0;
            }
            let (ix, iy) = (sx as usize, sy as usize);
            let (fx, fy) = (sx - ix as f32, sy - iy as f32);
            let sample = |x: usize, y: usize| f32::from(picture.at(x, y));
            let upper = sample(ix, iy) * (1.0 - fx) + sample(ix + 1, iy) * fx;
            let lower = sample(ix, iy + 1) * (1.0 - fx) + sample(ix + 1, iy + 1) * fx;
            let value = (upper * (1.0 - fy) + lower * fy).min(235.0);
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

/// Draws texts with ffmpeg, white with a grey outline on black, each text in a cell of its own, baseline at `baseline`.
fn draw(texts: &[String], em: usize, cell: (usize, usize), origin_x: usize, baseline: usize) -> Vec<Vec<u8>> {
    let (width, height) = cell;
    let filters: Vec<String> = texts
        .iter()
        .enumerate()
        .map(|(n, text)| {
            let y = n * height + baseline;
            let text = text.replace(':', "\\:");
            format!("drawtext=fontfile={FONT}:text='{text}':x={origin_x}:y={y}-max_glyph_a:fontsize={em}:fontcolor=white:borderw={}:bordercolor=0x808080", em / 14)
        })
        .collect();
    let out = Command::new("ffmpeg")
        .args(["-v", "error", "-f", "lavfi", "-i", &format!("color=black:s={width}x{}", texts.len() * height)])
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
    let cells: Vec<Vec<u8>> = out.stdout.chunks_exact(width * height).map(<[u8]>::to_vec).collect();
    assert_eq!(cells.len(), texts.len());
    cells
}
