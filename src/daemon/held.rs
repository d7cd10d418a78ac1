//! What a stamper was given and has not given back yet: kept, so that nothing is lost when it dies or falls behind. Pure.
//!
//! Kept from the random access point that leads up to the first picture still missing. Another stamper can take over there: it
//! decodes from that point and goes on behind the last picture that came out.

use std::collections::VecDeque;

use crate::media::{AccessUnit, VideoUnit};

/// Units kept at most: 40 s of pictures and sound at 25 and 50 a second.
pub const MOST_UNITS: usize = 3000;
/// Bytes kept at most.
pub const MOST_BYTES: usize = 64 << 20;

/// Units on their way through a stamper, in the order in which they came.
#[derive(Debug, Default)]
pub struct Held {
    units: VecDeque<AccessUnit>,
    /// Index of the first that the stamper has not taken.
    next: usize,
    bytes: usize,
}

impl Held {
    /// One more unit from the camera.
    pub fn push(&mut self, unit: AccessUnit) {
        self.bytes += unit.len_bytes();
        self.units.push_back(unit);
    }

    /// The first unit the stamper has not taken.
    pub fn next(&self) -> Option<&AccessUnit> {
        self.units.get(self.next)
    }

    /// The stamper has taken that unit.
    pub fn taken(&mut self) {
        self.next = (self.next + 1).min(self.units.len());
    }

    /// Number of pictures that have not come out, `out_90k` being the last that has.
    pub fn n_missing(&self, out_90k: Option<i64>) -> usize {
        self.pictures().filter(|(_, unit)| is_missing(unit, out_90k)).count()
    }

    /// True when no more should be kept.
    pub fn is_full(&self) -> bool {
        self.units.len() >= MOST_UNITS || self.bytes >= MOST_BYTES
    }

    /// Lets go of what nobody needs any more, `out_90k` being the last picture that came out.
    pub fn trim(&mut self, out_90k: Option<i64>) {
        let mut first_missing = self.units.len();
        let mut lowest_90k = i64::MAX;
        for (n, unit) in self.pictures().filter(|(_, unit)| is_missing(unit, out_90k)) {
            first_missing = first_missing.min(n);
            lowest_90k = lowest_90k.min(unit.pts_90k);
        }
        // Pictures may be shown before the random access point they follow; those need the one before.
        let leads = |(n, unit): &(usize, &VideoUnit)| unit.random_access && *n <= first_missing && unit.pts_90k <= lowest_90k;
        let Some(start) = self.pictures().filter(leads).map(|(n, _)| n).last() else { return };
        let start = start.min(self.next);
        self.bytes -= self.units.drain(..start).map(|unit| unit.len_bytes()).sum::<usize>();
        self.next -= start;
    }

    /// Everything kept, from the random access point on.
    pub fn take(&mut self) -> Vec<AccessUnit> {
        (self.next, self.bytes) = (0, 0);
        let units = std::mem::take(&mut self.units);
        let before = |unit: &AccessUnit| !matches!(unit, AccessUnit::Video(v) if v.random_access);
        units.into_iter().skip_while(before).collect()
    }

    fn pictures(&self) -> impl Iterator<Item = (usize, &VideoUnit)> {
        self.units.iter().enumerate().filter_map(|(n, unit)| match unit {
            AccessUnit::Video(video) => Some((n, video)),
            AccessUnit::Audio(_) => None,
        })
    }
}

fn is_missing(unit: &VideoUnit, out_90k: Option<i64>) -> bool {
    out_90k.is_none_or(|out| unit.pts_90k > out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::{AudioUnit, TimeSource};
    use crate::time::WallTime;

    fn picture(pts_90k: i64, random_access: bool) -> AccessUnit {
        let capture = WallTime::from_micros(pts_90k * 100 / 9);
        AccessUnit::Video(VideoUnit {
            pts_90k,
            capture,
            time_source: TimeSource::Replay,
            random_access,
            data: vec![0; 10].into(),
        })
    }

    fn sound(pts_samples: i64) -> AccessUnit {
        let capture = WallTime::from_micros(pts_samples * 125);
        AccessUnit::Audio(AudioUnit { pts_samples, duration_samples: 160, capture, data: vec![0; 4].into() })
    }

    fn kept(held: &Held) -> Vec<i64> {
        held.pictures().map(|(_, unit)| unit.pts_90k).collect()
    }

    /// Pictures of 3600 ticks, a random access point every fourth, sound between them.
    fn held(pictures: i64) -> Held {
        let mut held = Held::default();
        for n in 0..pictures {
            held.push(picture(n * 3600, n % 4 == 0));
            held.push(sound(n * 320));
        }
        held
    }

    fn all_taken(mut held: Held) -> Held {
        while held.next().is_some() {
            held.taken();
        }
        held
    }

    #[test]
    fn kept_is_what_leads_up_to_the_first_picture_that_is_missing() {
        let mut held = all_taken(held(10));
        held.trim(None);
        assert_eq!((kept(&held).len(), held.n_missing(None)), (10, 10));
        held.trim(Some(5 * 3600));
        assert_eq!(kept(&held), [4, 5, 6, 7, 8, 9].map(|n| n * 3600));
        assert_eq!(held.n_missing(Some(5 * 3600)), 4);
        // The last GOP stays although all of it came out: what follows needs it.
        held.trim(Some(9 * 3600));
        assert_eq!(kept(&held), [8 * 3600, 9 * 3600]);
        assert_eq!(held.bytes, 2 * 14);
    }

    #[test]
    fn what_the_stamper_has_not_taken_stays_in_order() {
        let mut held = held(6);
        for _ in 0..4 {
            held.taken();
        }
        assert!(matches!(held.next(), Some(AccessUnit::Video(v)) if v.pts_90k == 7200));
        held.trim(Some(3600));
        assert!(matches!(held.next(), Some(AccessUnit::Video(v)) if v.pts_90k == 7200));
        assert_eq!(kept(&held).len(), 6);
    }

    #[test]
    fn a_picture_shown_before_its_random_access_point_needs_the_one_before() {
        let mut held = Held::default();
        // Decoding order: I0, P3, then CRA 6 with a picture 5 that is shown before it and refers back.
        for (pts, random_access) in [(0, true), (3, false), (6, true), (5, false)] {
            held.push(picture(pts, random_access));
        }
        let mut held = all_taken(held);
        held.trim(Some(3));
        assert_eq!(kept(&held), [0, 3, 6, 5]);
        held.trim(Some(5));
        assert_eq!(kept(&held), [6, 5]);
    }

    #[test]
    fn what_is_taken_out_begins_with_a_random_access_point() {
        let mut held = Held::default();
        held.push(sound(0));
        held.push(picture(0, true));
        held.push(sound(160));
        let units = held.take();
        assert_eq!(units.len(), 2);
        assert!(matches!(&units[0], AccessUnit::Video(v) if v.random_access));
        assert_eq!((held.bytes, held.n_missing(None)), (0, 0));
    }

    #[test]
    fn what_can_be_kept_is_bounded() {
        let mut held = Held::default();
        for n in 0..2999 {
            held.push(picture(n * 3600, n == 0));
        }
        assert!(!held.is_full());
        held.push(picture(2999 * 3600, false));
        assert!(held.is_full());
    }
}
