//! The frame number and the flash inside every simulated picture: drawn on luma, read back from luma.
//!
//! A strip of 20 equal blocks lies across the middle of the picture: start pattern white-black-white-black, nine bits of the frame
//! number (highest first, white is one), five bits of CRC-5 (polynomial x⁵ + x² + 1, start 0x1f) over them, end pattern
//! black-white. All places are fractions of the picture, so a scaled or re-encoded picture reads the same. The flash is a lamp in the
//! upper right third. Neither touches the top left 45 % × 10 % (the stamp's time) or the bottom 15 % (its label).

/// Blocks in the strip.
const BLOCKS: usize = 20;
/// Left edge, top edge, width and height of the strip, in thousandths of picture width and height.
const STRIP: [usize; 4] = [310, 610, 380, 50];
/// The same for the lamp.
const LAMP: [usize; 4] = [740, 150, 150, 130];
/// Luma of a white and a black block (limited range).
const WHITE: u8 = 235;
const BLACK: u8 = 16;
/// Luma of the lamp when it does not flash.
const LAMP_OFF: u8 = 50;
/// Least luma distance between the white and black of the start pattern for a strip to count as one.
const LEAST_CONTRAST: i32 = 60;
/// Largest frame number the strip can carry.
pub const LARGEST: u32 = 511;

/// A rectangle in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Area {
    pub x: usize,
    pub y: usize,
    pub width: usize,
    pub height: usize,
}

fn area(thousandths: [usize; 4], width: usize, height: usize) -> Area {
    Area {
        x: width * thousandths[0] / 1000,
        y: height * thousandths[1] / 1000,
        width: width * thousandths[2] / 1000,
        height: height * thousandths[3] / 1000,
    }
}

/// Where the strip lies in a picture of this size.
pub(crate) fn strip_area(width: usize, height: usize) -> Area {
    area(STRIP, width, height)
}

/// Where the lamp lies in a picture of this size.
pub(crate) fn lamp_area(width: usize, height: usize) -> Area {
    area(LAMP, width, height)
}

/// Draws the strip for `number` (only its low nine bits) into a luma plane.
pub fn draw_frame_number(luma: &mut [u8], width: usize, height: usize, stride: usize, number: u32) {
    let strip = strip_area(width, height);
    for (block, white) in code(number).into_iter().enumerate() {
        let from = strip.x + strip.width * block / BLOCKS;
        let to = strip.x + strip.width * (block + 1) / BLOCKS;
        fill(luma, stride, Area { x: from, width: to - from, ..strip }, if white { WHITE } else { BLACK });
    }
}

/// Draws the lamp, lit or dark.
pub fn draw_flash(luma: &mut [u8], width: usize, height: usize, stride: usize, lit: bool) {
    fill(luma, stride, lamp_area(width, height), if lit { WHITE } else { LAMP_OFF });
}

fn fill(luma: &mut [u8], stride: usize, area: Area, value: u8) {
    for row in area.y..area.y + area.height {
        let at = row * stride + area.x;
        if let Some(pixels) = luma.get_mut(at..at + area.width) {
            pixels.fill(value);
        }
    }
}

/// The frame number a picture carries. `None` when there is no strip (a black picture, a foreign one) or its check bits disagree.
///
/// `luma` holds `height` rows of `stride` bytes, `width` of them pixels.
pub fn read_frame_number(luma: &[u8], width: usize, height: usize, stride: usize) -> Option<u32> {
    let strip = strip_area(width, height);
    let mut level = [0i32; BLOCKS];
    for (block, level) in level.iter_mut().enumerate() {
        let from = strip.x + strip.width * block / BLOCKS;
        let to = strip.x + strip.width * (block + 1) / BLOCKS;
        // Only the middle of each block is read: coding and scaling blur the edges.
        let (dx, dy) = ((to - from) / 3, strip.height / 4);
        let middle = Area { x: from + dx, y: strip.y + dy, width: to - from - 2 * dx, height: strip.height - 2 * dy };
        *level = mean(luma, stride, middle)?;
    }
    let white = (level[0] + level[2] + level[BLOCKS - 1]) / 3;
    let black = (level[1] + level[3] + level[BLOCKS - 2]) / 3;
    if white - black < LEAST_CONTRAST {
        return None;
    }
    let middle = (white + black) / 2;
    let bits = level.map(|l| l > middle);
    let number = bits[4..13].iter().fold(0u32, |n, bit| n << 1 | u32::from(*bit));
    (code(number) == bits).then_some(number)
}

/// True when the lamp is lit.
pub fn flash_present(luma: &[u8], width: usize, height: usize, stride: usize) -> bool {
    let lamp = lamp_area(width, height);
    let (dx, dy) = (lamp.width / 4, lamp.height / 4);
    let middle = Area { x: lamp.x + dx, y: lamp.y + dy, width: lamp.width - 2 * dx, height: lamp.height - 2 * dy };
    mean(luma, stride, middle).is_some_and(|level| level > i32::from(WHITE / 2 + LAMP_OFF / 2))
}

/// Mean luma of an area; `None` when it is empty or outside the picture.
fn mean(luma: &[u8], stride: usize, area: Area) -> Option<i32> {
    let mut sum = 0u64;
    for row in area.y..area.y + area.height {
        let at = row.checked_mul(stride)?.checked_add(area.x)?;
        sum += luma.get(at..at.checked_add(area.width)?)?.iter().map(|p| u64::from(*p)).sum::<u64>();
    }
    i32::try_from(sum.checked_div((area.width * area.height) as u64)?).ok()
}

/// The blocks for `number`, left to right, true is white.
fn code(number: u32) -> [bool; BLOCKS] {
    let number = number & LARGEST;
    let mut bits = [false; BLOCKS];
    bits[0] = true;
    bits[2] = true;
    let word = number << 5 | crc5(number);
    for (place, bit) in bits[4..18].iter_mut().enumerate() {
        *bit = word >> (13 - place) & 1 == 1;
    }
    bits[BLOCKS - 1] = true;
    bits
}

/// CRC-5 of nine bits: polynomial x⁵ + x² + 1, start value 0x1f.
fn crc5(number: u32) -> u32 {
    (0..9).rev().fold(0x1f, |crc, place| {
        let carry = (crc >> 4 ^ number >> place) & 1;
        ((crc << 1) & 0x1f) ^ (carry * 0b00101)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const W: usize = 1920;
    const H: usize = 1080;

    fn picture(number: u32) -> Vec<u8> {
        let mut luma = vec![120u8; W * H];
        draw_frame_number(&mut luma, W, H, W, number);
        luma
    }

    fn blurred(luma: &[u8], width: usize, reach: usize) -> Vec<u8> {
        let mut out = luma.to_vec();
        for row in 0..luma.len() / width {
            for x in reach..width - reach {
                let at = row * width + x;
                let sum: u32 = luma[at - reach..=at + reach].iter().map(|p| u32::from(*p)).sum();
                out[at] = (sum / (2 * reach as u32 + 1)) as u8;
            }
        }
        out
    }

    /// Deterministic noise: a linear congruential generator (Numerical Recipes' constants).
    fn noisy(luma: &[u8], amplitude: i32) -> Vec<u8> {
        let mut state = 1u32;
        luma.iter()
            .map(|p| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let noise = (state >> 16) as i32 % (2 * amplitude + 1) - amplitude;
                (i32::from(*p) + noise).clamp(0, 255) as u8
            })
            .collect()
    }

    /// Every second row and column: 960×540.
    fn halved(luma: &[u8]) -> Vec<u8> {
        luma.chunks(2 * W).flat_map(|rows| rows[..W].iter().step_by(2).copied()).collect()
    }

    #[test]
    fn every_number_of_the_loop_reads_back() {
        for number in 0..400 {
            assert_eq!(read_frame_number(&picture(number), W, H, W), Some(number));
        }
    }

    #[test]
    fn numbers_survive_noise_blur_and_scaling() {
        for number in [0, 1, 170, 255, 256, 341, 399] {
            let worn = noisy(&blurred(&picture(number), W, 9), 60);
            assert_eq!(read_frame_number(&worn, W, H, W), Some(number));
            assert_eq!(read_frame_number(&halved(&worn), W / 2, H / 2, W / 2), Some(number));
        }
    }

    #[test]
    fn a_low_contrast_picture_still_reads() {
        let faded: Vec<u8> = picture(300).iter().map(|p| 90 + p / 3).collect();
        assert_eq!(read_frame_number(&faded, W, H, W), Some(300));
    }

    #[test]
    fn pictures_without_a_strip_have_no_number() {
        assert_eq!(read_frame_number(&vec![16; W * H], W, H, W), None);
        assert_eq!(read_frame_number(&noisy(&vec![128; W * H], 100), W, H, W), None);
        assert_eq!(read_frame_number(&[], W, H, W), None);
        assert_eq!(read_frame_number(&picture(7)[..W * 500], W, H, W), None, "picture cut off above the strip");
    }

    #[test]
    fn one_or_two_damaged_blocks_give_no_number_rather_than_a_wrong_one() {
        let strip = strip_area(W, H);
        for number in [5u32, 200, 399] {
            for a in 4..18usize {
                for b in a..18usize {
                    let mut luma = picture(number);
                    let damaged = if a == b { vec![a] } else { vec![a, b] };
                    for block in damaged {
                        let x = strip.x + strip.width * block / BLOCKS;
                        let was = luma[(strip.y + 5) * W + x + 5];
                        let flipped = if was > 128 { 16 } else { 235 };
                        fill(&mut luma, W, Area { x, width: strip.width / BLOCKS, ..strip }, flipped);
                    }
                    assert_eq!(read_frame_number(&luma, W, H, W), None, "blocks {a} and {b} of {number}");
                }
            }
        }
    }

    #[test]
    fn the_flash_is_seen_and_only_then() {
        let mut luma = picture(25);
        draw_flash(&mut luma, W, H, W, true);
        assert!(flash_present(&noisy(&blurred(&luma, W, 9), 60), W, H, W));
        draw_flash(&mut luma, W, H, W, false);
        assert!(!flash_present(&noisy(&luma, 60), W, H, W));
        assert!(!flash_present(&[], W, H, W));
    }

    #[test]
    fn strip_and_lamp_stay_clear_of_the_stamp() {
        for (w, h) in [(1920, 1080), (1280, 720), (2560, 1440)] {
            for a in [strip_area(w, h), lamp_area(w, h)] {
                assert!(a.y * 100 >= h * 10, "top tenth holds the time");
                assert!((a.y + a.height) * 100 <= h * 85, "bottom 15 % holds the label");
                assert!(a.x + a.width < w);
            }
        }
        assert!(strip_area(1920, 1080).width / BLOCKS >= 24, "blocks stay readable after coding");
    }
}
