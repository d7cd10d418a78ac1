//! `[camera_clock]`, and where a camera draws its own clock and label: `osd_clock`, `osd_label` of a `[[camera]]`.

use std::time::Duration;

use toml_edit::{Item, Value};

use super::complaint::{ComplaintKind, Words};
use super::reader::{Reader, Section};

/// `[camera_clock]`: how the clock text of cameras with `stamp = "camera"` is proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CameraClockSettings {
    /// Time between two looks at a camera's picture; 60 s by default.
    pub interval: Duration,
    /// Seconds its clock text may be off; 2 by default.
    pub tolerance_seconds: u32,
    /// Looks of one kind in a row before it counts; 2 by default.
    pub confirmations: u32,
}

impl Default for CameraClockSettings {
    fn default() -> Self {
        Self { interval: Duration::from_secs(60), tolerance_seconds: 2, confirmations: 2 }
    }
}

/// A rectangle in a camera's picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum PictureArea {
    /// Left, top, width and height as parts of the picture, 0 to 1.
    Parts([f64; 4]),
    /// Left, top, width and height in pixels.
    Pixels([u32; 4]),
}

impl PictureArea {
    /// Left, top, width and height in pixels of a picture of `width` × `height`. What lies outside the picture is left out.
    pub fn in_pixels(self, width: usize, height: usize) -> [usize; 4] {
        let [x, y, w, h] = match self {
            PictureArea::Parts([x, y, w, h]) => {
                let part = |p: f64, of: usize| (p.clamp(0.0, 1.0) * of as f64).round() as usize;
                [part(x, width), part(y, height), part(w, width), part(h, height)]
            }
            PictureArea::Pixels(pixels) => pixels.map(|p| p as usize),
        };
        let (x, y) = (x.min(width), y.min(height));
        [x, y, w.min(width - x), h.min(height - y)]
    }
}

/// Where a camera draws its own clock and label; `None`: the clock is looked for along the upper and lower edge, the label at the
/// bottom right.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CameraOsd {
    /// Its clock.
    pub clock: Option<PictureArea>,
    /// Its label.
    pub label: Option<PictureArea>,
}

/// Reads `[camera_clock]`; a section that is left out is an empty one.
pub(super) fn settings(reader: &mut Reader, section: &Section<'_>) -> CameraClockSettings {
    reader.refuse_unknown(section, &["interval_seconds", "tolerance_seconds", "confirmations"]);
    let seconds = || Words::new("秒", "seconds");
    CameraClockSettings {
        interval: Duration::from_secs(u64::from(reader.number(section, "interval_seconds", 60, 5..=3600, seconds()))),
        tolerance_seconds: reader.number(section, "tolerance_seconds", 2, 1..=60, seconds()),
        confirmations: reader.number(section, "confirmations", 2, 1..=10, Words::new("次", "times")),
    }
}

/// Reads the two places out of a `[[camera]]`.
pub(super) fn of_camera(reader: &mut Reader, section: &Section<'_>) -> CameraOsd {
    CameraOsd { clock: area(reader, section, "osd_clock"), label: area(reader, section, "osd_label") }
}

fn area(reader: &mut Reader, section: &Section<'_>, key: &str) -> Option<PictureArea> {
    const EXAMPLE: &str = "{ x = 0.02, y = 0.02, width = 0.45, height = 0.06 }";
    let item = section.table.get(key).filter(|item| !item.is_none())?;
    let Some(table) = item.as_table_like() else {
        let wanted = Words::new("四个数 x、y、width、height", "the four numbers x, y, width, height");
        reader.wrong_type(section, key, item, wanted, EXAMPLE);
        return None;
    };
    let line = reader.line_of(section, key);
    let inner = Section { table, path: section.key(key), line };
    const KEYS: [&str; 4] = ["x", "y", "width", "height"];
    reader.refuse_unknown(&inner, &KEYS);
    let number = |item: &Item| match item {
        Item::Value(Value::Integer(n)) => Some((*n.value() as f64, true)),
        Item::Value(Value::Float(n)) => Some((*n.value(), false)),
        _ => None,
    };
    let numbers: Option<Vec<(f64, bool)>> = KEYS.iter().map(|k| table.get(k).and_then(number)).collect();
    let area = numbers.and_then(|numbers| {
        let values = [numbers[0].0, numbers[1].0, numbers[2].0, numbers[3].0];
        let [x, y, width, height] = values;
        let sound = values.iter().all(|v| v.is_finite() && *v >= 0.0) && width > 0.0 && height > 0.0;
        // One number with a decimal point makes all four parts of the picture: x = 0 means the same both ways.
        let pixels = numbers.iter().all(|(_, whole)| *whole) && (width > 1.0 || height > 1.0);
        if pixels {
            let fits = sound && values.iter().all(|v| *v <= 16384.0);
            fits.then(|| PictureArea::Pixels(values.map(|v| v as u32)))
        } else {
            (sound && x + width <= 1.000_001 && y + height <= 1.000_001).then_some(PictureArea::Parts(values))
        }
    });
    if area.is_none() {
        reader.error(
            ComplaintKind::OutOfRange,
            line,
            section.key(key),
            Words::new("不是画面内的一块矩形", "not a rectangle inside the picture"),
            Words::new(
                format!("四个数都要写：占画面的比例（0 至 1，写小数）或像素（整数），例如 {key} = {EXAMPLE}"),
                format!("all four, as parts of the picture (0 to 1, decimals) or in pixels (whole numbers): {key} = {EXAMPLE}"),
            ),
        );
    }
    area
}
