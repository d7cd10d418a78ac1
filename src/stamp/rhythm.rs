//! The rhythm of a stream: which pictures become key frames, and how many pictures there are a second. Pure.

use gstreamer as gst;

use crate::time::WallTime;

/// Longest time between two key frames, in 1/90000 s: 2 s, less the unsteadiness of a camera's time stamps.
const GOP_90K: i64 = 2 * 90_000 - 900;

/// Decides which pictures become key frames.
#[derive(Debug)]
pub(super) struct KeyClock {
    grid_seconds: u32,
    last_key_90k: Option<i64>,
    cell: Option<i64>,
}

impl KeyClock {
    pub fn new(grid_seconds: u32) -> Self {
        Self { grid_seconds, last_key_90k: None, cell: None }
    }

    /// True for the first picture, the first in a cell of the grid, and the first two seconds after the last key frame.
    pub fn is_key(&mut self, pts_90k: i64, capture: WallTime, wanted: bool) -> bool {
        // The grid is Beijing's, eight hours ahead of UTC.
        let beijing = capture.as_micros().saturating_add(8 * 3600 * 1_000_000);
        let cell = (self.grid_seconds > 0).then(|| beijing.div_euclid(i64::from(self.grid_seconds) * 1_000_000));
        let due = self.last_key_90k.is_none_or(|last| !(0..GOP_90K).contains(&pts_90k.saturating_sub(last)));
        let key = wanted || due || cell != self.cell;
        self.cell = cell;
        if key {
            self.last_key_90k = Some(pts_90k);
        }
        key
    }
}

/// Which decoded pictures are neither stamped nor encoded.
#[derive(Debug, Default)]
pub(super) struct Thinning {
    /// Pictures up to this pts came out of another stamper.
    pub skip_to_90k: Option<i64>,
    /// Every second picture goes.
    pub half: bool,
    left_out_last: bool,
}

impl Thinning {
    /// True when the picture shown at `pts_90k` goes no further; asked once for each, in the order they are shown.
    pub fn leaves_out(&mut self, pts_90k: i64) -> bool {
        if self.skip_to_90k.is_some_and(|to| pts_90k <= to) {
            return true;
        }
        self.left_out_last = self.half && !self.left_out_last;
        self.left_out_last
    }
}

/// Frames per second, to the half, from the distances of pictures in the order they are shown. `None` when they tell nothing.
pub(super) fn frame_rate(pts_90k: &mut [i64]) -> Option<gst::Fraction> {
    pts_90k.sort_unstable();
    let mut distances: Vec<i64> = pts_90k.windows(2).map(|pair| pair[1].saturating_sub(pair[0])).filter(|d| *d > 0).collect();
    distances.sort_unstable();
    // The lower middle: a picture lost among the first must not halve the rate.
    let distance = *distances.get(distances.len().checked_sub(1)? / 2)?;
    let halves = (180_000 + distance / 2) / distance;
    Some(gst::Fraction::new(i32::try_from(halves.clamp(1, 240)).ok()?, 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> WallTime {
        WallTime::parse_rfc3339(text).expect("a valid time")
    }

    #[test]
    fn a_key_frame_comes_first_every_two_seconds_and_on_the_grid() {
        let mut keys = KeyClock::new(60);
        let start = at("2026-11-22T14:50:57+08:00");
        let picture = |n: i64| (n * 3600, start.plus_micros(n * 40_000));
        let are_keys: Vec<i64> = (0..150)
            .filter(|n| {
                let (pts, capture) = picture(*n);
                keys.is_key(pts, capture, false)
            })
            .collect();
        // 14:50:57, two seconds later, 14:51:00 although only one second has passed, and two seconds after that.
        assert_eq!(are_keys, [0, 50, 75, 125]);
    }

    #[test]
    fn the_grid_is_beijings_for_whole_days_too() {
        let mut keys = KeyClock::new(86_400);
        assert!(keys.is_key(0, at("2026-11-22T23:59:59.960+08:00"), false));
        assert!(keys.is_key(3600, at("2026-11-23T00:00:00+08:00"), false));
        assert!(!keys.is_key(7200, at("2026-11-23T08:00:00+08:00"), false));
    }

    #[test]
    fn a_key_frame_can_be_asked_for_and_unsteady_time_stamps_do_not_delay_one() {
        let mut keys = KeyClock::new(0);
        assert!(keys.is_key(0, at("2026-11-22T14:50:00+08:00"), false));
        assert!(!keys.is_key(3600, at("2026-11-22T14:50:00+08:00"), false));
        assert!(keys.is_key(7200, at("2026-11-22T14:50:00+08:00"), true));
        assert!(!keys.is_key(7200 + 176_400, at("2026-11-22T14:50:01+08:00"), false));
        assert!(keys.is_key(7200 + 179_500, at("2026-11-22T14:50:02+08:00"), false));
        assert!(keys.is_key(0, at("2026-11-22T14:50:02+08:00"), false), "time went back: a new start");
    }

    #[test]
    fn at_half_rate_every_second_picture_goes_and_what_came_out_before_does_not_count() {
        let mut thinning = Thinning { skip_to_90k: Some(7200), half: true, ..Thinning::default() };
        let left = |thinning: &mut Thinning, pts: &[i64]| {
            pts.iter().filter(|p| !thinning.leaves_out(**p)).copied().collect::<Vec<_>>()
        };
        assert_eq!(left(&mut thinning, &[0, 3600, 7200, 10_800, 14_400, 18_000, 21_600]), [14_400, 21_600]);
        thinning.half = false;
        assert_eq!(left(&mut thinning, &[25_200, 28_800]), [25_200, 28_800]);
    }

    #[test]
    fn the_frame_rate_is_taken_from_the_pictures_themselves() {
        let rate = |pts: &[i64]| frame_rate(&mut pts.to_vec()).map(|r| (r.numer(), r.denom()));
        assert_eq!(rate(&[0, 3600, 7200, 10_800, 14_400]), Some((25, 1)));
        assert_eq!(rate(&[0, 7200, 14_400, 21_600, 28_800]), Some((25, 2)));
        // Unsteady time stamps; a lost picture; decoding order of I P B B P.
        assert_eq!(rate(&[0, 3590, 7230, 10_790, 14_410]), Some((25, 1)));
        assert_eq!(rate(&[0, 3000, 9000, 12_000, 18_000]), Some((30, 1)));
        assert_eq!(rate(&[0, 10_800, 3600, 7200, 21_600]), Some((25, 1)));
        assert_eq!(rate(&[5]), None);
        assert_eq!(rate(&[5, 5, 5]), None);
        assert_eq!(rate(&[0, i64::MAX]), Some((1, 2)));
        assert_eq!(rate(&[0, 1]), Some((120, 1)));
    }
}
