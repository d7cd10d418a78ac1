//! `jiancha still --preview`: the stamp on a grey or given picture, without a camera. The very bitmaps and places of the recorder.

use std::fmt::Write as _;
use std::path::Path;
use std::str::FromStr;

use image::imageops::FilterType;
use image::{ImageFormat, ImageReader, RgbImage};
use serde::Serialize;

use super::still::StillArgs;
use super::{Outcome, complain, load_hall, print_json, print_text};
use crate::hall::{self, CameraId, Complaints, Hall, StampSettings, WindowId};
use crate::stamp::draw::StampDrawer;
use crate::stamp::i420::I420;
use crate::stamp::placement::{FLOOR_PX, Fit, LIMIT_PERCENT, Layout, Line};
use crate::stamp::text::time_text_with;
use crate::stamp::{StampError, check, limit};
use crate::time::{Clock as _, SystemClock};

/// Luma of the grey on which nothing is given: the middle between black and white.
const GREY: u8 = 126;

/// Width and height of a picture in pixels, written `1920x1080`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    width: u32,
    height: u32,
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers = text.split_once(['x', 'X', '×']).map(|(w, h)| (w.trim().parse(), h.trim().parse()));
        match numbers {
            Some((Ok(width), Ok(height))) if (64..=8192).contains(&width) && (64..=8192).contains(&height) => {
                Ok(Self { width, height })
            }
            _ => Err("write width and height such as 1920x1080, each 64 to 8192 pixels".to_owned()),
        }
    }
}

/// What the command prints.
#[derive(Serialize)]
struct Printed<'a> {
    /// `whole`; anything else means that the label does not fit.
    fit: Fit,
    width: u32,
    height: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    camera: Option<&'a CameraId>,
    font_px: u32,
    outline_px: u32,
    /// Share of the picture that time and label cover, each with its whole rectangle.
    covered_percent: f64,
    limit_percent: u32,
    time: Placed,
    label: Vec<Placed>,
    /// Why the label does not fit, when it does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<String>,
    out: &'a Path,
}

/// A line and its rectangle in pixels.
#[derive(Serialize)]
struct Placed {
    text: String,
    x: u32,
    y: u32,
    width: u32,
    height: u32,
}

impl Placed {
    fn of(line: &Line, text: String) -> Self {
        Self { text, x: line.x, y: line.y, width: line.width, height: line.height }
    }
}

/// What is to be drawn.
struct Wish {
    /// The hall and its camera, unless words are just tried.
    of: Option<(Hall, CameraId)>,
    label: [String; 2],
    stamp: StampSettings,
}

/// Draws the preview and prints where the lines stand.
pub fn run(args: &StillArgs) -> Outcome {
    match preview(args) {
        Ok(outcome) => outcome,
        Err(reason) => complain(&reason),
    }
}

fn preview(args: &StillArgs) -> Result<Outcome, String> {
    let wish = wish(args)?;
    let capture = args.at.unwrap_or_else(|| SystemClock::new().wall());
    let mut picture = background(args)?;
    let (width, height) = (picture.width(), picture.height());
    let mut drawer = StampDrawer::new(&wish.label, &wish.stamp).map_err(|e| told(args, &wish, &e))?;
    let (layout, refused, rgb) = match drawer.layout(width, height) {
        Ok(layout) => {
            picture.stamp(&mut drawer, capture).map_err(|e| e.to_string())?;
            (layout, None, picture.to_rgb())
        }
        Err(e @ StampError::LabelTooLong { .. }) => {
            let layout = drawer.fitted(width, height).map_err(|e| e.to_string())?;
            (layout, Some(e.to_string()), limit::draw(&drawer, width, height, capture)?)
        }
        Err(e) => return Err(e.to_string()),
    };
    write(&rgb, &args.out)?;
    let time = time_text_with(capture, drawer.style().weekday);
    let told = printed(&layout, (width, height), &time, refused, &wish, &args.out);
    if args.json {
        print_json(&told)
    } else {
        print_text(&table(&told))
    }
    Ok(if told.refused.is_some() { Outcome::Findings } else { Outcome::Good })
}

/// Why the label cannot be drawn; a character without a glyph with its line in hall.toml.
fn told(args: &StillArgs, wish: &Wish, e: &StampError) -> String {
    if let (StampError::NoGlyph { character, font, .. }, Some((hall, id))) = (e, &wish.of)
        && let Some(camera) = hall.camera(id)
    {
        let complaint = check::no_glyph(hall, camera, *character, font);
        return Complaints::new(Some(&args.config.path()), vec![complaint]).to_string();
    }
    e.to_string()
}

/// The label asked for, and how stamps are made here.
fn wish(args: &StillArgs) -> Result<Wish, String> {
    if !args.label.is_empty() {
        let [first, second] = match args.label.as_slice() {
            [one] => [one.clone(), String::new()],
            [one, two] => [one.clone(), two.clone()],
            more => return Err(format!("a label has at most two lines, {} were given", more.len())),
        };
        // To try words no hall.toml is needed; one that is there says font, places and size.
        let there = args.config.config.is_some() || args.config.path().exists();
        let stamp = if there { read(args)?.stamp } else { StampSettings::default() };
        return Ok(Wish { of: None, label: [first, second], stamp });
    }
    let hall = read(args)?;
    let id = match (&args.camera, &args.window) {
        (Some(camera), _) => CameraId::new(camera),
        (None, Some(window)) => {
            let known = || hall.windows.iter().map(|w| w.id.as_str()).collect::<Vec<_>>().join(", ");
            let found = hall.window(&WindowId::new(window));
            found.map(|w| w.camera.clone()).ok_or_else(|| format!("no window {window} in hall.toml (defined: {})", known()))?
        }
        (None, None) => hall.cameras.first().map(|c| c.id.clone()).ok_or("hall.toml defines no camera")?,
    };
    let known = || hall.cameras.iter().map(|c| c.id.as_str()).collect::<Vec<_>>().join(", ");
    let camera = hall.camera(&id).ok_or_else(|| format!("no camera {id} in hall.toml (defined: {})", known()))?;
    Ok(Wish { label: hall.label_lines(camera), stamp: hall.stamp.clone(), of: Some((hall, id)) })
}

fn read(args: &StillArgs) -> Result<Hall, String> {
    load_hall(&args.config, hall::load_without_secrets).ok_or_else(|| "hall.toml cannot be used, see above".to_owned())
}

/// The picture to draw on.
fn background(args: &StillArgs) -> Result<I420, String> {
    let Some(path) = &args.picture else {
        let size = args.size.unwrap_or(Size { width: 1920, height: 1080 });
        return Ok(I420::grey(size.width, size.height, GREY));
    };
    let told = |e: &dyn std::fmt::Display| format!("{}: {e} (give a PNG or JPEG with --picture)", path.display());
    let mut reader = ImageReader::open(path).and_then(ImageReader::with_guessed_format).map_err(|e| told(&e))?;
    // A file that claims to be enormous must not take the memory of the machine.
    let mut limits = image::Limits::default();
    (limits.max_image_width, limits.max_image_height) = (Some(8192), Some(8192));
    reader.limits(limits);
    let mut rgb = reader.decode().map_err(|e| told(&e))?.to_rgb8();
    if let Some(size) = args.size {
        rgb = image::imageops::resize(&rgb, size.width, size.height, FilterType::Triangle);
    }
    Ok(I420::from_rgb(&rgb))
}

fn write(rgb: &RgbImage, out: &Path) -> Result<(), String> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    let written = rgb.write_to(&mut bytes, ImageFormat::Png).map_err(|e| e.to_string());
    written
        .and_then(|()| std::fs::write(out, bytes.get_ref()).map_err(|e| e.to_string()))
        .map_err(|e| format!("{}: {e} (name a file that can be written with --out)", out.display()))
}

fn printed<'a>(
    layout: &Layout,
    (width, height): (u32, u32),
    time: &str,
    refused: Option<String>,
    wish: &'a Wish,
    out: &'a Path,
) -> Printed<'a> {
    #[expect(clippy::cast_precision_loss, reason = "pixels of one picture")]
    let covered = layout.covered_px() as f64 * 100.0 / (f64::from(width) * f64::from(height));
    Printed {
        fit: layout.fit,
        width,
        height,
        camera: wish.of.as_ref().map(|(_, id)| id),
        font_px: layout.font_px,
        outline_px: layout.outline_px,
        covered_percent: (covered * 100.0).round() / 100.0,
        limit_percent: LIMIT_PERCENT,
        time: Placed::of(&layout.time, time.to_owned()),
        label: layout.label.iter().map(|line| Placed::of(line, line.text.clone())).collect(),
        refused,
        out,
    }
}

fn table(told: &Printed<'_>) -> String {
    let mut text = String::new();
    let mut line = |line: String| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{line}");
    };
    let camera = told.camera.map_or_else(String::new, |id| format!("（{id}）"));
    line(format!("画面 {}×{}{camera}，字高 {} 像素，描边 {} 像素", told.width, told.height, told.font_px, told.outline_px));
    line(format!("picture {}x{}, em {} px, outline {} px", told.width, told.height, told.font_px, told.outline_px));
    line(format!("覆盖画面 covers {} %（上限 limit {} %）", told.covered_percent, told.limit_percent));
    for (name, at) in [("时间 time ", &told.time)].into_iter().chain(told.label.iter().map(|l| ("文字 label", l))) {
        line(format!("{name}  x={} y={} {}×{}  {}", at.x, at.y, at.width, at.height, at.text));
    }
    if let Some(refused) = &told.refused {
        let (zh, en) = limit::legend();
        line(format!("✗ 文字在最小可辨字号 {FLOOR_PX} 像素下放不下；以上是录像时的退让办法。{zh}"));
        line(format!("  {refused}"));
        line(format!("  above: what would be recorded all the same; {en}"));
    }
    line(format!("→ {}", told.out.display()));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_width_and_height_within_reason() {
        assert_eq!("1920x1080".parse(), Ok(Size { width: 1920, height: 1080 }));
        assert_eq!("853×479".parse(), Ok(Size { width: 853, height: 479 }));
        for wrong in ["", "1920", "1920x", "x1080", "63x480", "640x9000", "-640x360", "640x360x2"] {
            assert!(wrong.parse::<Size>().is_err(), "{wrong}");
        }
    }
}
