//! Reads the stamp back from decoded pictures, by other means than those that draw it.
//!
//! The time: ffmpeg's `drawtext` (FreeType) draws every digit and weekday once; the picture is compared with them, in the top left
//! corner, whatever the exact place and size. The label: the white strokes that dark pixels surround are taken out of the bottom
//! right of the picture and tesseract (Debian packages `tesseract-ocr` and `tesseract-ocr-chi-sim`) reads them.

// Each test program uses its own part of this module.
#![allow(dead_code)]

mod clock;

use std::io::Write;
use std::process::{Command, Stdio};

use chrono::NaiveDateTime;

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

impl Region {
    pub fn width(&self) -> usize {
        self.right - self.left
    }
    pub fn height(&self) -> usize {
        self.bottom - self.top
    }
    pub fn area(&self) -> usize {
        self.width() * self.height()
    }
    fn around(&self, other: &Region) -> Region {
        Region {
            left: self.left.min(other.left),
            top: self.top.min(other.top),
            right: self.right.max(other.right),
            bottom: self.bottom.max(other.bottom),
        }
    }
}

/// One line of text found in a picture.
pub struct TextLine {
    /// Where its white strokes lie, outline not included.
    pub region: Region,
    /// What tesseract reads, spaces removed.
    pub text: String,
}

impl Luma {
    /// Reads the first picture of any file ffmpeg knows.
    pub fn from_file(path: &std::path::Path) -> Luma {
        let out = Command::new("ffmpeg")
            .args(["-v", "error", "-i"])
            .arg(path)
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
    clock::find(picture).map(|found| found.time)
}

/// Where the time stands, outline not included.
pub fn find_time(picture: &Luma) -> Option<Region> {
    clock::find(picture).map(|found| found.region)
}

/// The lines of the label, top to bottom, spaces removed.
pub fn read_label(picture: &Luma) -> Vec<String> {
    find_label(picture).into_iter().map(|line| line.text).collect()
}

/// The lines of the label with their places.
pub fn find_label(picture: &Luma) -> Vec<TextLine> {
    let region = Region { left: picture.width / 4, top: picture.height * 5 / 6, right: picture.width, bottom: picture.height };
    read_lines(picture, region)
}

/// Two labels are the same when they differ only in spaces and in how reading takes the enumeration comma.
pub fn same_label(read: &str, expected: &str) -> bool {
    let plain =
        |text: &str| -> String { text.chars().filter(|c| !c.is_whitespace() && !"、。\u{ff0c},.;`'".contains(*c)).collect() };
    plain(read) == plain(expected)
}

/// A stroke or a character: white pixels that touch.
struct Blob {
    region: Region,
    pixels: Vec<(usize, usize)>,
}

pub fn read_lines(picture: &Luma, region: Region) -> Vec<TextLine> {
    let blobs = outlined_blobs(picture, region);
    lines_of(blobs, picture)
        .into_iter()
        .map(|(region, blobs)| TextLine { region, text: recognise(picture, region, &blobs) })
        .collect()
}

/// White areas of the size of a stroke with dark pixels all around them.
fn outlined_blobs(picture: &Luma, region: Region) -> Vec<Blob> {
    let scale = picture.width.min(picture.height) as f32 / 1080.0;
    let reach = ((3.0 * scale).ceil() as usize).max(2) as isize;
    let tallest = (60.0 * scale) as usize + 4;
    let (bright, dark) = (140, 105);
    let mut seen = vec![false; picture.samples.len()];
    let mut blobs = Vec::new();
    for y in region.top..region.bottom {
        for x in region.left..region.right {
            if seen[y * picture.width + x] || picture.at(x, y) < bright {
                continue;
            }
            let mut pixels = Vec::new();
            let mut bounds = Region { left: x, top: y, right: x + 1, bottom: y + 1 };
            let mut stack = vec![(x, y)];
            seen[y * picture.width + x] = true;
            let (mut rim, mut rim_dark) = (0, 0);
            while let Some((px, py)) = stack.pop() {
                pixels.push((px, py));
                bounds = bounds.around(&Region { left: px, top: py, right: px + 1, bottom: py + 1 });
                for (dx, dy) in [(0, 1), (1, 0), (0, -1), (-1, 0), (1, 1), (1, -1), (-1, 1), (-1, -1)] {
                    let (nx, ny) = (px as isize + dx, py as isize + dy);
                    if nx < 0 || ny < 0 || nx >= picture.width as isize || ny >= picture.height as isize {
                        continue;
                    }
                    let (ux, uy) = (nx as usize, ny as usize);
                    if picture.at(ux, uy) >= bright {
                        if !seen[uy * picture.width + ux] {
                            seen[uy * picture.width + ux] = true;
                            stack.push((ux, uy));
                        }
                    } else if dx == 0 || dy == 0 {
                        // Outward from the rim a dark pixel must come soon.
                        rim += 1;
                        let outward = (0..reach).map(|n| (nx + dx * n, ny + dy * n));
                        let inside = |&(ox, oy): &(isize, isize)| {
                            ox >= 0 && oy >= 0 && ox < picture.width as isize && oy < picture.height as isize
                        };
                        if outward.filter(inside).any(|(ox, oy)| picture.at(ox as usize, oy as usize) < dark) {
                            rim_dark += 1;
                        }
                    }
                }
            }
            let at_edge =
                bounds.left == 0 || bounds.top == 0 || bounds.right == picture.width || bounds.bottom == picture.height;
            if !at_edge && bounds.height() <= tallest && bounds.width() <= 2 * tallest && rim_dark * 100 >= rim * 85 {
                blobs.push(Blob { region: bounds, pixels });
            }
        }
    }
    blobs
}

/// Blobs that stand side by side, top line first; single specks are left out.
fn lines_of(mut blobs: Vec<Blob>, picture: &Luma) -> Vec<(Region, Vec<Blob>)> {
    let em = (34.0 * picture.width.min(picture.height) as f32 / 1080.0).max(12.0) as usize;
    // Tall blobs make the lines, small ones (dots, strokes) join them.
    blobs.sort_by_key(|blob| (std::cmp::Reverse(blob.region.height() * 2 >= em), blob.region.left));
    let mut lines: Vec<(Region, Vec<Blob>)> = Vec::new();
    for blob in blobs {
        let middle = (blob.region.top + blob.region.bottom) / 2;
        let tall = blob.region.height() * 2 >= em;
        let near = lines.iter_mut().find(|(region, _)| {
            let beside = blob.region.left < region.right + 2 * em && region.left < blob.region.right + 2 * em;
            let level = if tall {
                (region.top..region.bottom).contains(&middle)
            } else {
                (region.top.saturating_sub(em / 4)..region.bottom + em / 4).contains(&middle)
            };
            beside && level
        });
        match near {
            Some((region, members)) => {
                *region = region.around(&blob.region);
                members.push(blob);
            }
            None if tall => lines.push((blob.region, vec![blob])),
            None => {}
        }
    }
    lines.retain(|(region, _)| region.width() > 2 * em);
    lines.sort_by_key(|(region, _)| region.top);
    lines
}

/// Black strokes on white, enlarged, read as one line.
fn recognise(picture: &Luma, region: Region, blobs: &[Blob]) -> String {
    let margin = region.height() / 3 + 2;
    let (width, height) = (region.width() + 2 * margin, region.height() + 2 * margin);
    let mut ink = vec![0u8; width * height];
    for (x, y) in blobs.iter().flat_map(|blob| &blob.pixels) {
        // The rim of a stroke is grey; taking it along keeps the strokes' shape.
        for (nx, ny) in [(*x, *y), (x + 1, *y), (x - 1, *y), (*x, y + 1), (*x, y - 1)] {
            if nx < picture.width && ny < picture.height && nx + margin >= region.left && ny + margin >= region.top {
                let (column, row) = (nx + margin - region.left, ny + margin - region.top);
                if column < width && row < height {
                    ink[row * width + column] = picture.at(nx, ny);
                }
            }
        }
    }
    let factor = (64.0 / region.height() as f32).max(1.0);
    let (out_width, out_height) = ((width as f32 * factor) as usize, (height as f32 * factor) as usize);
    let mut image = format!("P5\n{out_width} {out_height}\n255\n").into_bytes();
    for y in 0..out_height {
        for x in 0..out_width {
            let (sx, sy) = ((x as f32 / factor).min(width as f32 - 1.001), (y as f32 / factor).min(height as f32 - 1.001));
            let (x0, y0) = (sx as usize, sy as usize);
            let (fx, fy) = (sx - x0 as f32, sy - y0 as f32);
            let sample = |x: usize, y: usize| f32::from(ink[y * width + x]);
            let top = sample(x0, y0) * (1.0 - fx) + sample(x0 + 1, y0) * fx;
            let bottom = sample(x0, y0 + 1) * (1.0 - fx) + sample(x0 + 1, y0 + 1) * fx;
            let value = top * (1.0 - fy) + bottom * fy;
            image.push(255 - ((value - 40.0) * 1.3).clamp(0.0, 255.0) as u8);
        }
    }
    if let Ok(path) = std::env::var("READING_DEBUG") {
        std::fs::write(format!("{path}/{}-{}.pgm", region.left, region.top), &image).unwrap();
    }
    tesseract(&image)
}

fn tesseract(image: &[u8]) -> String {
    let mut child = Command::new("tesseract")
        .args(["stdin", "stdout", "-l", "chi_sim", "--psm", "7", "--dpi", "300"])
        .env("OMP_THREAD_LIMIT", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the packages tesseract-ocr and tesseract-ocr-chi-sim are installed");
    child.stdin.take().expect("piped").write_all(image).expect("tesseract reads");
    let out = child.wait_with_output().expect("tesseract ends");
    assert!(out.status.success(), "tesseract fails: is the package tesseract-ocr-chi-sim installed?");
    String::from_utf8_lossy(&out.stdout).chars().filter(|c| !c.is_whitespace()).collect()
}
