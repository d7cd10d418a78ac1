//! What belongs to pictures while they are inside a pipeline, found again by their time. Pure.
//!
//! A pipeline carries samples and a time stamp. Capture time and exact pts wait here under that time stamp, so that neither
//! reordering nor a picture the decoder drops can shift them from one picture to another.

use std::collections::BTreeMap;

use super::StampError;
use crate::media::{TimeSource, VideoUnit};
use crate::time::WallTime;

/// Pipeline time of the first unit in nanoseconds: an hour, which leaves room for pictures shown before it (leading pictures of a
/// CRA).
const ORIGIN_NS: i128 = 3_600_000_000_000;

/// Pictures kept at most: what may wait to be decoded, what a decoder may hold back to bring it into order (ITU-T H.264 and
/// H.265: 16) and room for the encoder.
const MOST: u64 = super::reencode::QUEUE_UNITS as u64 + 64;

/// What belongs to a picture besides its samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Companion {
    number: u64,
    pub pts_90k: i64,
    pub capture: WallTime,
    pub time_source: TimeSource,
    pub other_capture: Option<WallTime>,
}

/// The companions of all pictures under way.
#[derive(Debug, Default)]
pub(super) struct UnderWay {
    /// By pipeline time in nanoseconds.
    companions: BTreeMap<u64, Companion>,
    first_pts_90k: Option<i64>,
    next_number: u64,
    lost: u64,
}

impl UnderWay {
    /// Keeps what belongs to `unit`; gives its pipeline time in nanoseconds, which no other picture under way has.
    ///
    /// # Errors
    /// [`StampError::BadUnit`] for a pts more than an hour before the first.
    pub fn enter(&mut self, unit: &VideoUnit) -> Result<u64, StampError> {
        let first = *self.first_pts_90k.get_or_insert(unit.pts_90k);
        let since_first = i128::from(unit.pts_90k) - i128::from(first);
        let mut time = u64::try_from(ORIGIN_NS + since_first * 100_000 / 9).map_err(|_| StampError::BadUnit {
            pts_90k: unit.pts_90k,
            reason: format!("more than an hour before the first picture (pts {first})"),
        })?;
        // Two pictures of one pts keep apart; a tick is 11111 ns.
        while self.companions.contains_key(&time) {
            time += 1;
        }
        let number = self.next_number;
        self.next_number += 1;
        let (pts_90k, capture, time_source, other_capture) = (unit.pts_90k, unit.capture, unit.time_source, unit.other_capture);
        self.companions.insert(time, Companion { number, pts_90k, capture, time_source, other_capture });
        if self.companions.len() as u64 > MOST {
            self.forget(|_, companion| companion.number + MOST <= number);
        }
        Ok(time)
    }

    /// Takes back the picture entered last, which the pipeline refused.
    pub fn withdraw(&mut self, time: u64) {
        self.companions.remove(&time);
    }

    /// What belongs to the picture of this pipeline time.
    pub fn find(&self, time: u64) -> Option<Companion> {
        self.companions.get(&time).copied()
    }

    /// Takes out what belongs to the picture of this pipeline time, and forgets the pictures that can no longer come: those that
    /// went in before it and would have been shown before it.
    pub fn leave(&mut self, time: u64) -> Option<Companion> {
        let found = self.companions.remove(&time)?;
        self.forget(|key, companion| key < time && companion.number < found.number);
        Some(found)
    }

    /// Pictures that went in and never came out.
    pub fn lost(&self) -> u64 {
        self.lost
    }

    fn forget(&mut self, gone: impl Fn(u64, &Companion) -> bool) {
        let before = self.companions.len();
        self.companions.retain(|key, companion| !gone(*key, companion));
        self.lost += (before - self.companions.len()) as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(pts_90k: i64) -> VideoUnit {
        let capture = WallTime::from_micros(1_795_330_203_000_000);
        VideoUnit {
            pts_90k,
            capture,
            time_source: TimeSource::Replay,
            other_capture: None,
            random_access: true,
            data: Default::default(),
        }
    }

    #[test]
    fn what_belongs_to_a_picture_is_found_by_its_time_whatever_the_order() {
        let mut under_way = UnderWay::default();
        // Decoding order of I P B B.
        let mut times: Vec<u64> = [0, 10_800, 3600, 7200].map(|pts| under_way.enter(&unit(pts)).expect("a good unit")).to_vec();
        assert_eq!(times, [3_600_000_000_000, 3_600_120_000_000, 3_600_040_000_000, 3_600_080_000_000]);
        times.sort_unstable();
        let found: Vec<i64> = times.iter().map(|time| under_way.leave(*time).expect("it went in").pts_90k).collect();
        assert_eq!(found, [0, 3600, 7200, 10_800]);
        assert_eq!(under_way.lost(), 0);
    }

    #[test]
    fn a_picture_the_decoder_drops_does_not_shift_the_next() {
        let mut under_way = UnderWay::default();
        let [first, _dropped, third] = [0, 3600, 7200].map(|pts| under_way.enter(&unit(pts)).expect("a good unit"));
        assert_eq!(under_way.leave(first).map(|p| p.pts_90k), Some(0));
        assert_eq!(under_way.leave(third).map(|p| p.pts_90k), Some(7200));
        assert_eq!((under_way.lost(), under_way.companions.len()), (1, 0));
    }

    #[test]
    fn a_picture_that_never_went_in_has_no_companion() {
        let mut under_way = UnderWay::default();
        let time = under_way.enter(&unit(0)).expect("a good unit");
        assert_eq!(under_way.find(time + 1), None);
        assert_eq!(under_way.leave(time + 1), None);
        under_way.withdraw(time);
        assert_eq!((under_way.find(time), under_way.lost()), (None, 0));
    }

    #[test]
    fn two_pictures_of_one_time_stamp_keep_apart() {
        let mut under_way = UnderWay::default();
        let first = under_way.enter(&unit(0)).expect("a good unit");
        assert_eq!(under_way.enter(&unit(0)).expect("a good unit"), first + 1);
    }

    #[test]
    fn what_never_comes_out_is_forgotten() {
        let mut under_way = UnderWay::default();
        for n in 0..10_000 {
            under_way.enter(&unit(n * 3600)).expect("a good unit");
        }
        assert_eq!((under_way.companions.len(), under_way.lost()), (320, 9680));
    }

    #[test]
    fn a_time_stamp_far_before_the_first_is_refused() {
        let mut under_way = UnderWay::default();
        under_way.enter(&unit(0)).expect("a good unit");
        assert!(under_way.enter(&unit(-90_000)).is_ok());
        assert!(matches!(under_way.enter(&unit(-90_000 * 3601)), Err(StampError::BadUnit { pts_90k: -324_090_000, .. })));
        assert!(under_way.enter(&unit(i64::MIN)).is_err());
    }
}
