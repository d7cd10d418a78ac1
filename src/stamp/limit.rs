//! A picture that shows why a label is refused: an even grey picture of that size, the label at the smallest legible size cut where
//! its room ends, the room as a yellow frame, and all that should stand there in red beside it.

use std::fs::OpenOptions;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use image::{ImageFormat, Rgb, RgbImage};

use super::blend::Range;
use super::draw::StampDrawer;
use super::glyphs::Bitmap;
use super::i420::I420;
use super::placement::LIMIT_PERCENT;
use crate::time::WallTime;

const RED: Rgb<u8> = Rgb([224, 32, 32]);
const YELLOW: Rgb<u8> = Rgb([240, 200, 0]);

/// Draws the limit for pictures of `width` × `height` pixels.
///
/// Yellow: the room a full label has. Red: the whole label as wished, underlined in red where it runs out of that room.
///
/// # Errors
/// A sentence, when the picture is too small even for the time.
pub fn draw(drawer: &StampDrawer, width: u32, height: u32, capture: WallTime) -> Result<RgbImage, String> {
    let limits = drawer.limits(width, height).ok_or("the picture is too small even for the time")?;
    let mut picture = I420::grey(width, height, 126);
    let mut still = drawer.with_layout(limits.layout.clone(), Range::Limited, width, height);
    picture.stamp(&mut still, capture).map_err(|e| e.to_string())?;
    let mut rgb = picture.to_rgb();

    let label = &limits.layout.label;
    let (top, bottom) = match (label.first(), label.last()) {
        (Some(first), Some(last)) => (first.y, last.y + last.height),
        _ => return Ok(rgb),
    };
    // The room reaches from the edge at which the label is aligned.
    let from_left = drawer.style().label_place.is_left();
    let edge = label.iter().map(|l| if from_left { l.x } else { l.x + l.width }).max().unwrap_or(0);
    let (left, right) = if from_left {
        (edge, (edge + limits.line_px).min(width - 1))
    } else {
        (edge.saturating_sub(limits.line_px), edge.min(width - 1))
    };
    frame(&mut rgb, (left, top.saturating_sub(2)), (right, (bottom + 1).min(height - 1)), YELLOW);
    // What was wished, whole, in red beside the room: above it at the bottom, below it at the top.
    let step = label.iter().map(|l| l.height).max().unwrap_or(0) + 4;
    let lines = limits.wished.len() as u32;
    let start = if drawer.style().label_place.is_top() { bottom + step } else { top.saturating_sub(step * (lines + 1)) };
    for (n, text) in limits.wished.iter().enumerate() {
        let y = start + step * n as u32;
        let (line, bitmap) = drawer.line(text, limits.layout.font_px, limits.layout.outline_px);
        let x = if from_left { i64::from(edge) } else { i64::from(edge) - i64::from(line.width) };
        ink(&mut rgb, &bitmap, x, i64::from(y));
        underline(&mut rgb, x, line.width, y + line.height, (left, right));
    }
    Ok(rgb)
}

/// Writes the characters of a line in red, what lies outside the picture left out.
fn ink(rgb: &mut RgbImage, bitmap: &Bitmap, x: i64, y: i64) {
    for (row, pixels) in bitmap.fill.chunks_exact(bitmap.width.max(1) as usize).enumerate() {
        for (column, &fill) in pixels.iter().enumerate() {
            let (px, py) = (x + column as i64, y + row as i64);
            if let (Ok(px), Ok(py), true) = (u32::try_from(px), u32::try_from(py), fill > 0)
                && px < rgb.width()
                && py < rgb.height()
            {
                let under = rgb.get_pixel(px, py).0;
                let mix = |under: u8, ink: u8| {
                    let sum = u32::from(under) * (255 - u32::from(fill)) + u32::from(ink) * u32::from(fill);
                    (sum / 255) as u8
                };
                rgb.put_pixel(px, py, Rgb([mix(under[0], RED[0]), mix(under[1], RED[1]), mix(under[2], RED[2])]));
            }
        }
    }
}

/// Under the whole line: yellow as far as there is room, red beyond.
fn underline(rgb: &mut RgbImage, x: i64, length: u32, y: u32, room: (u32, u32)) {
    if y >= rgb.height() {
        return;
    }
    for px in x.max(0)..(x + i64::from(length)).min(i64::from(rgb.width())) {
        if let Ok(px) = u32::try_from(px) {
            let colour = if (room.0..=room.1).contains(&px) { YELLOW } else { RED };
            rgb.put_pixel(px, y, colour);
        }
    }
}

fn frame(rgb: &mut RgbImage, (left, top): (u32, u32), (right, bottom): (u32, u32), colour: Rgb<u8>) {
    for x in left..=right {
        rgb.put_pixel(x, top, colour);
        rgb.put_pixel(x, bottom, colour);
    }
    for y in top..=bottom {
        rgb.put_pixel(left, y, colour);
        rgb.put_pixel(right, y, colour);
    }
}

/// What the lines of the picture mean, Chinese and English.
pub fn legend() -> (String, String) {
    (
        format!(
            "黄框：最小字号下文字的最大范围（时间与文字合计不超过画面的 {LIMIT_PERCENT} %）；红字：想写的全文，红线为写不下的部分"
        ),
        format!(
            "yellow frame: the most room the label has at the smallest size (time and label cover at most {LIMIT_PERCENT} %); red text: \
             all that should stand there, its red underline what has no room"
        ),
    )
}

/// Writes the picture of the limit as `label-<name>-<width>x<height>.png` into `folder`, in place of one of an earlier try.
///
/// # Errors
/// A sentence naming the file.
pub fn write(picture: &RgbImage, folder: &Path, name: &str) -> Result<PathBuf, String> {
    let (width, height) = picture.dimensions();
    let path = folder.join(format!("jiancha-label-{name}-{width}x{height}.png"));
    let told = |e: &dyn std::fmt::Display| format!("{}: {e}", path.display());
    // Folders for everybody's temporary files hold traps: a file of this name is removed, not written through.
    match std::fs::remove_file(&path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(told(&e)),
        _ => {}
    }
    let file = OpenOptions::new().write(true).create_new(true).open(&path).map_err(|e| told(&e))?;
    let mut out = BufWriter::new(file);
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut bytes, ImageFormat::Png).map_err(|e| told(&e))?;
    out.write_all(bytes.get_ref()).and_then(|()| out.flush()).map_err(|e| told(&e))?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hall::StampSettings;

    const LONG: &str = "内蒙古自治区阿拉善盟阿拉善左旗巴彦浩特镇额鲁特街道便民服务中心综合受理区咨询导服区";

    fn drawn(width: u32, height: u32) -> RgbImage {
        let drawer =
            StampDrawer::new(&[LONG.to_owned(), LONG.to_owned()], &StampSettings::default()).expect("the font is there");
        draw(&drawer, width, height, WallTime::from_micros(0)).expect("there is room for the time")
    }

    #[test]
    fn the_picture_shows_the_label_cut_the_room_it_has_and_what_runs_over() {
        let picture = drawn(640, 360);
        let count = |colour: Rgb<u8>| picture.pixels().filter(|p| **p == colour).count();
        assert!(count(YELLOW) > 400 && count(RED) > 400, "{} {}", count(YELLOW), count(RED));
        // White characters stand in the frame at the bottom right.
        let white = |(x, y): (u32, u32)| picture.get_pixel(x, y).0.iter().all(|c| *c > 240);
        assert!((320..640).any(|x| (300..360).any(|y| white((x, y)))));
    }

    #[test]
    fn a_file_of_an_earlier_try_is_replaced_and_a_link_is_not_followed() {
        let folder = tempfile::tempdir().expect("a folder");
        let picture = drawn(640, 360);
        let path = write(&picture, folder.path(), "C3").expect("written");
        assert_eq!(path.file_name().expect("a name"), "jiancha-label-C3-640x360.png");
        let elsewhere = folder.path().join("elsewhere");
        std::fs::write(&elsewhere, b"mine").expect("written");
        std::fs::remove_file(&path).expect("removed");
        std::os::unix::fs::symlink(&elsewhere, &path).expect("linked");
        write(&picture, folder.path(), "C3").expect("written");
        assert_eq!(std::fs::read(&elsewhere).expect("there"), b"mine");
        assert_eq!(image::open(&path).expect("a picture").to_rgb8().dimensions(), (640, 360));
        assert!(write(&picture, Path::new("/nowhere"), "C3").expect_err("no folder").contains("/nowhere/"));
    }
}
