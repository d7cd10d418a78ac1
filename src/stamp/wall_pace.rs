//! Which pictures the wall takes, and how large it shows them. Pure.

use crate::time::WallTime;

/// Chooses pictures by capture time so that about so many a second are taken, whatever the camera sends.
#[derive(Debug)]
pub(super) struct Pace {
    period_micros: i64,
    /// When the next picture is due.
    due: Option<WallTime>,
}

impl Pace {
    /// So many pictures a second.
    pub fn new(pictures_a_second: u32) -> Self {
        Self { period_micros: 1_000_000 / i64::from(pictures_a_second.max(1)), due: None }
    }

    /// True when the picture taken at `capture` is one for the wall. A quarter of the distance early is early enough: cameras are
    /// not exact, and one that sends as many pictures as the wall wants must not lose every other.
    pub fn takes(&mut self, capture: WallTime) -> bool {
        let late = self.due.map_or(i64::MAX, |due| capture.micros_since(due));
        // A clock set back must not stop the wall.
        if late < -self.period_micros / 4 && late > -2 * self.period_micros {
            return false;
        }
        let on_time = late.unsigned_abs() < self.period_micros.unsigned_abs();
        let from = self.due.filter(|_| on_time).unwrap_or(capture);
        self.due = Some(from.plus_micros(self.period_micros));
        true
    }
}

/// Size of the wall picture of a camera that sends `width` × `height`: the same shape with the area of a 16:9 picture
/// `wall_width` pixels wide, in even numbers, never larger than the camera's.
///
/// Equal areas, so that a portrait picture costs and shows as much as another.
pub fn wall_size(width: u32, height: u32, wall_width: u32) -> (u32, u32) {
    let even = |numerator: u64, denominator: u64| (numerator + denominator) / (2 * denominator) * 2;
    let (w, h, wall) = (u64::from(width.max(2)), u64::from(height.max(2)), u64::from(wall_width));
    let area = wall * wall * 9 / 16;
    if w * h <= area {
        return (width.max(2) & !1, height.max(2) & !1);
    }
    let small_w = even((area * w / h).isqrt(), 1).clamp(2, w & !1);
    let small_h = even(small_w * h, w).clamp(2, h & !1);
    (u32::try_from(small_w).unwrap_or(width), u32::try_from(small_h).unwrap_or(height))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Milliseconds at which pictures are taken, of those at `times_ms`.
    fn taken(times_ms: impl IntoIterator<Item = i64>) -> Vec<i64> {
        let mut pace = Pace::new(10);
        times_ms.into_iter().filter(|ms| pace.takes(WallTime::from_micros(1_795_330_200_000_000 + ms * 1000))).collect()
    }

    #[test]
    fn about_ten_a_second_are_taken_whatever_the_camera_sends() {
        assert_eq!(taken((0..11).map(|n| n * 40)), [0, 80, 200, 280, 400]);
        // At 60 a second the last picture is within the tolerance of the eleventh second's first.
        for (fps, of_ten_seconds) in [(60, 101), (30, 100), (25, 100), (20, 100), (15, 100), (10, 100), (5, 50)] {
            let pictures = taken((0..10 * fps).map(|n| n * 1000 / fps));
            assert_eq!(pictures.len(), of_ten_seconds, "{fps} a second");
        }
        assert_eq!(taken((0..125).map(|n| n * 80)).len(), 100, "12.5 a second");
    }

    #[test]
    fn a_camera_that_is_not_exact_loses_nothing() {
        assert_eq!(taken([0, 97, 204, 299, 403, 496]), [0, 97, 204, 299, 403, 496]);
    }

    #[test]
    fn a_gap_and_a_clock_set_back_start_anew() {
        assert_eq!(taken([0, 100, 5000, 5040, 5080, 1000, 1040, 1100]), [0, 100, 5000, 5080, 1000, 1100]);
    }

    #[test]
    fn the_shape_is_kept_in_even_numbers() {
        assert_eq!(wall_size(1920, 1080, 640), (640, 360));
        assert_eq!(wall_size(2560, 1440, 640), (640, 360));
        assert_eq!(wall_size(3840, 2160, 640), (640, 360));
        assert_eq!(wall_size(1600, 1200, 640), (554, 416));
        assert_eq!(wall_size(1080, 1920, 640), (360, 640));
        assert_eq!(wall_size(704, 576, 640), (530, 434));
    }

    #[test]
    fn a_small_camera_is_not_blown_up() {
        assert_eq!(wall_size(640, 360, 640), (640, 360));
        assert_eq!(wall_size(352, 288, 640), (352, 288));
        assert_eq!(wall_size(321, 241, 640), (320, 240));
        assert_eq!(wall_size(0, 0, 640), (2, 2));
    }
}
