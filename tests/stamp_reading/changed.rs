//! What the stamp changed: the difference between a picture with it and the same one without.

use crate::reading::{Luma, Region};

/// A sample that differs by more than this (of the 219 steps from black to white) was drawn on. Encoding again changes flat pictures
/// by far less, but leaves faint ripples around sharp edges.
const DIFFERS: u8 = 40;

impl Region {
    pub fn area(&self) -> usize {
        (self.right - self.left) * (self.bottom - self.top)
    }
}

/// The rectangles around what changed, one for the upper and one for the lower half of the picture, where anything did.
pub fn changed(plain: &Luma, stamped: &Luma) -> Vec<Region> {
    assert_eq!((plain.width, plain.height), (stamped.width, stamped.height));
    let (width, height) = (plain.width, plain.height);
    [0..height / 2, height / 2..height]
        .into_iter()
        .filter_map(|rows| {
            let mut region: Option<Region> = None;
            for y in rows {
                for x in 0..width {
                    let at = y * width + x;
                    if plain.samples[at].abs_diff(stamped.samples[at]) > DIFFERS {
                        let found = region.get_or_insert(Region { left: x, top: y, right: x + 1, bottom: y + 1 });
                        found.left = found.left.min(x);
                        found.right = found.right.max(x + 1);
                        found.bottom = y + 1;
                    }
                }
            }
            region
        })
        .collect()
}
