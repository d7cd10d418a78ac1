//! The capture time of a unit: from the camera's sender reports while its clock is sane, else from the arrival with the least delay.
//!
//! Pure: arrival times, media times and reports go in, capture times come out. Within a session capture times never go back; when
//! the better source changes or drifts, the mapping is slewed, not stepped. `design.md` in `source` tells the rules and their bounds.

pub mod camera_clock;
mod reports;

use std::collections::VecDeque;

use camera_clock::{CameraClock, ClockVerdict};
use reports::Reports;

use crate::hall::ClockLimits;
use crate::media::TimeSource;
use crate::time::WallTime;

/// A report's capture time may lie this far behind the least delayed arrival: what a camera may take to encode and send. 2 s.
const LONGEST_DELAY_MICROS: i64 = 2_000_000;
/// And this far ahead of it, although nothing arrives before it was taken: the noise of two clocks kept by time servers. 100 ms.
const CLOCK_NOISE_MICROS: i64 = 100_000;
/// The least delay is looked for over this much media time, so that drift is followed: 60 s, in buckets of 10 s.
const BUCKET_MICROS: i64 = 10_000_000;
const BUCKETS: usize = 6;
/// The mapping moves at most this much per second of media: 2 %, of which nobody sees anything; while it is more than a second
/// off, 10 %.
const SLEW_PER_MILLION: i64 = 20_000;
const FAST_SLEW_PER_MILLION: i64 = 100_000;
const FAST_FROM_MICROS: i64 = 1_000_000;
/// A wrong first guess is corrected at once while the session is this young: nothing was shown yet.
const SETTLE_MICROS: i64 = 200_000;
/// What a line that is behind can explain of a report's lateness, at most.
const LONGEST_EXCESS_MICROS: i64 = 2_000_000;
/// A mapping this far from where it should be, the media clock itself has jumped: 3 s.
const STRAY_MICROS: i64 = 3_000_000;

/// When a unit was captured, and how that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Captured {
    /// The capture time.
    pub at: WallTime,
    /// How it was found.
    pub source: TimeSource,
    /// What the other way of finding it says, where there is one.
    pub other: Option<WallTime>,
}

/// Maps the media time of one session to wall time.
#[derive(Clone, Debug)]
pub struct Anchor {
    limits: ClockLimits,
    /// Least `arrival - media` per bucket of media time, oldest first.
    delays: VecDeque<(i64, i64)>,
    reports: Reports,
    /// True while the reports are believed.
    trusts: bool,
    /// The mapping in use: wall minus media, and the media time up to which it was slewed.
    applied: Option<(i64, i64)>,
    /// How far the mapping is from where it should be.
    error: i64,
    first_media: Option<i64>,
    newest: Option<WallTime>,
}

impl Default for Anchor {
    fn default() -> Self {
        Self::new(ClockLimits::default())
    }
}

impl Anchor {
    /// An anchor for a new session.
    pub fn new(limits: ClockLimits) -> Self {
        Self {
            limits,
            delays: VecDeque::new(),
            reports: Reports::default(),
            trusts: false,
            applied: None,
            error: 0,
            first_media: None,
            newest: None,
        }
    }

    /// A unit of media time `media_micros` arrived at `arrival`.
    pub fn arrived(&mut self, media_micros: i64, arrival: WallTime) {
        let delay = arrival.as_micros().saturating_sub(media_micros);
        let bucket = media_micros.div_euclid(BUCKET_MICROS);
        match self.delays.back_mut() {
            Some((last, least)) if *last >= bucket => *least = (*least).min(delay),
            _ => self.delays.push_back((bucket, delay)),
        }
        while self.delays.len() > BUCKETS {
            self.delays.pop_front();
        }
    }

    /// A sender report says that media time `media_micros` was captured when the camera's clock showed `ntp`; it arrived at `arrival`.
    /// Gives what is known of the camera's clock by now.
    ///
    /// A report tells the moment it was sent and comes late by the network's delay. What of that delay can be known is taken out:
    /// by how much the units of these seconds came later than the least delayed one of the minute. The rest, a camera's distance,
    /// counts as its skew.
    pub fn reported(&mut self, media_micros: i64, ntp: WallTime, arrival: WallTime) -> CameraClock {
        let excess = self.excess();
        let skew = ntp.micros_since(arrival).saturating_add(excess);
        self.reports.take(media_micros, ntp, skew, arrival, self.limits.camera_skew_micros());
        self.trusts = self.believable(media_micros);
        self.reports.clock()
    }

    /// What is known of the camera's clock.
    pub fn camera_clock(&self) -> CameraClock {
        self.reports.clock()
    }

    /// Least `arrival - media` of the last minute, in microseconds.
    pub fn least_delay(&self) -> Option<i64> {
        self.delays.iter().map(|(_, d)| *d).min()
    }

    /// By how much the line is behind: the least delay of these seconds over that of the minute.
    fn excess(&self) -> i64 {
        let recent = self.delays.iter().rev().take(2).map(|(_, d)| *d).min();
        let (Some(recent), Some(least)) = (recent, self.least_delay()) else { return 0 };
        recent.saturating_sub(least).clamp(0, LONGEST_EXCESS_MICROS)
    }

    /// Whether the reports win. Once they have lost they must do better to win again, so that a camera at a limit does not flap.
    fn believable(&self, media_micros: i64) -> bool {
        let clock = self.reports.clock();
        let (Some(offset), Some(skew)) = (self.reports.offset(media_micros), clock.skew_micros) else { return false };
        let kept = matches!(clock.verdict, ClockVerdict::Good | ClockVerdict::Stepping) && !self.reports.jumps_often();
        let within = |limit: i64| if self.trusts { limit } else { limit / 5 * 4 };
        // A camera 2 s off needs no alarm yet, but nobody wants its time in the picture.
        let near = skew.saturating_abs() <= within(self.limits.camera_skew_micros() / 4);
        let fits = self.least_delay().is_none_or(|arrival| {
            let ahead = offset.saturating_sub(arrival);
            (-within(LONGEST_DELAY_MICROS)..=within(CLOCK_NOISE_MICROS)).contains(&ahead)
        });
        kept && near && fits
    }

    /// Where the mapping should be for media time `media`, why, and where the other way would have it.
    fn target(&self, media: i64) -> Option<(i64, TimeSource, Option<i64>)> {
        let arrival = self.least_delay();
        match (self.reports.offset(media).filter(|_| self.trusts), arrival) {
            (Some(report), Some(arrival)) => Some((report, TimeSource::SenderReport, Some(arrival))),
            (_, Some(arrival)) => Some((arrival, TimeSource::Arrival, self.reports.newest_offset())),
            (_, None) => None,
        }
    }

    /// The capture time of media time `media_micros`; `None` before anything arrived.
    ///
    /// `advances` is true for units in rising order of media time (all sound, pictures without reordering): only these move the
    /// mapping and are kept from going back.
    pub fn capture(&mut self, media_micros: i64, advances: bool) -> Option<Captured> {
        let (target, source, other) = self.target(media_micros)?;
        let first = *self.first_media.get_or_insert(media_micros);
        let offset = match self.applied {
            Some((offset, since)) if media_micros.saturating_sub(first) > SETTLE_MICROS => {
                let error = target.saturating_sub(offset);
                let slew = if error.saturating_abs() > FAST_FROM_MICROS { FAST_SLEW_PER_MILLION } else { SLEW_PER_MILLION };
                let room = media_micros.saturating_sub(since).max(0).saturating_mul(slew) / 1_000_000;
                offset.saturating_add(error.clamp(-room, room))
            }
            _ => target,
        };
        let mut at = WallTime::from_micros(media_micros.saturating_add(offset));
        if advances {
            self.applied = Some((offset, self.applied.map_or(media_micros, |(_, since)| since.max(media_micros))));
            self.error = target.saturating_sub(offset);
            if let Some(newest) = self.newest {
                at = at.max(newest.plus_micros(1));
            }
            self.newest = Some(at);
        }
        let other = other.map(|offset| WallTime::from_micros(media_micros.saturating_add(offset)));
        Some(Captured { at, source, other })
    }

    /// By how many microseconds the camera's media clock has jumped, when it has: no slewing can follow, a new session must begin.
    pub fn strayed(&self) -> Option<i64> {
        (self.error.saturating_abs() > STRAY_MICROS).then_some(self.error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const START: i64 = 1_795_330_200_000_000;

    fn wall(micros: i64) -> WallTime {
        WallTime::from_micros(START + micros)
    }

    /// One second of pictures at 25 a second from `from`, each arriving `delay(n)` after capture; gives the last capture's error.
    fn run(anchor: &mut Anchor, from: i64, seconds: i64, delay: impl Fn(i64) -> i64) -> (i64, TimeSource) {
        let mut last = (0, TimeSource::Arrival);
        for n in 0..seconds * 25 {
            let media = from + n * 40_000;
            anchor.arrived(media, wall(media + delay(n)));
            let captured = anchor.capture(media, true).unwrap();
            last = (captured.at.micros_since(wall(media)), captured.source);
        }
        last
    }

    #[test]
    fn without_reports_the_least_delayed_arrival_rules() {
        let mut anchor = Anchor::default();
        let (error, source) = run(&mut anchor, 0, 20, |n| 5_000 + (n * 7919 % 80_000));
        assert_eq!(source, TimeSource::Arrival);
        assert!((5_000..=6_000).contains(&error), "{error}");
    }

    #[test]
    fn a_report_wins_over_arrival_even_when_packets_come_late() {
        let mut anchor = Anchor::default();
        run(&mut anchor, 0, 2, |_| 280_000);
        let clock = anchor.reported(2_000_000, wall(2_000_000), wall(2_003_000));
        assert_eq!((clock.verdict, clock.skew_micros), (ClockVerdict::Good, Some(-3_000)));
        let (error, source) = run(&mut anchor, 2_000_000, 30, |_| 280_000);
        assert_eq!(source, TimeSource::SenderReport);
        assert_eq!(error, 0);
    }

    #[test]
    fn a_camera_eight_hours_off_is_not_believed() {
        let mut anchor = Anchor::default();
        run(&mut anchor, 0, 1, |_| 10_000);
        let eight_hours = 8 * 3600 * 1_000_000;
        let clock = anchor.reported(1_000_000, wall(1_000_000 + eight_hours), wall(1_000_000));
        assert_eq!((clock.verdict, clock.skew_micros), (ClockVerdict::TimeZone { hours: 8 }, Some(eight_hours)));
        let (error, source) = run(&mut anchor, 1_000_000, 5, |_| 10_000);
        assert_eq!((error, source), (10_000, TimeSource::Arrival));
    }

    #[test]
    fn both_candidates_are_told_whichever_wins() {
        let mut anchor = Anchor::default();
        anchor.arrived(0, wall(70_000));
        let arrived = Captured { at: wall(70_000), source: TimeSource::Arrival, other: None };
        assert_eq!(anchor.capture(0, true), Some(arrived));
        anchor.reported(0, wall(0), wall(0));
        anchor.arrived(40_000, wall(110_000));
        let reported = Captured { at: wall(40_000), source: TimeSource::SenderReport, other: Some(wall(110_000)) };
        assert_eq!(anchor.clone().capture(40_000, false), Some(reported));
        // Eight hours wrong: told, and not used.
        let mut anchor = Anchor::default();
        anchor.arrived(0, wall(70_000));
        anchor.reported(0, wall(28_800_000_000), wall(0));
        let other = Some(wall(28_800_000_000));
        assert_eq!(anchor.capture(0, true), Some(Captured { at: wall(70_000), source: TimeSource::Arrival, other }));
    }

    #[test]
    fn one_stray_report_moves_nothing_and_four_that_agree_are_the_new_time() {
        let mut anchor = Anchor::default();
        run(&mut anchor, 0, 1, |_| 10_000);
        anchor.reported(1_000_000, wall(1_000_000), wall(1_000_000));
        assert_eq!(run(&mut anchor, 1_000_000, 10, |_| 10_000), (0, TimeSource::SenderReport));
        // 400 ms back, in one report only.
        anchor.reported(11_000_000, wall(10_600_000), wall(11_000_000));
        assert_eq!(run(&mut anchor, 11_000_000, 5, |_| 10_000), (0, TimeSource::SenderReport));
        assert_eq!(anchor.reported(16_000_000, wall(16_000_000), wall(16_000_000)).verdict, ClockVerdict::Good);
        // 400 ms back for good: the fourth report is believed, and what it says is reached at 2 %, never backwards.
        for n in 0..4 {
            let media = 16_000_000 + n * 5_000_000;
            let clock = anchor.reported(media, wall(media - 390_000), wall(media));
            assert_eq!(clock.verdict, if n == 0 || n == 3 { ClockVerdict::Good } else { ClockVerdict::Stepping }, "{n}");
            let (error, _) = run(&mut anchor, media, 5, |_| 10_000);
            assert_eq!(error, if n < 3 { 0 } else { -100_000 });
        }
        assert_eq!(anchor.camera_clock().skew_micros, Some(-390_000));
    }

    #[test]
    fn reports_that_have_ceased_are_not_followed_for_ever() {
        let mut anchor = Anchor::default();
        run(&mut anchor, 0, 1, |_| 30_000);
        anchor.reported(1_000_000, wall(1_000_000), wall(1_000_000));
        assert_eq!(run(&mut anchor, 1_000_000, 180, |_| 30_000), (0, TimeSource::SenderReport));
        assert_eq!(run(&mut anchor, 181_000_000, 10, |_| 30_000), (30_000, TimeSource::Arrival));
    }

    #[test]
    fn a_media_clock_that_jumps_is_noticed() {
        let mut anchor = Anchor::default();
        run(&mut anchor, 0, 100, |_| 10_000);
        assert_eq!(anchor.strayed(), None);
        // Nine seconds of media in no time: captures would lie nine seconds in the future.
        anchor.arrived(109_000_000, wall(100_010_000));
        anchor.capture(109_000_000, true);
        assert!(anchor.strayed().is_some_and(|s| (-9_000_000..=-8_000_000).contains(&s)), "{:?}", anchor.strayed());
    }

    #[test]
    fn five_hundred_ppm_of_drift_is_followed_without_a_jump() {
        let mut anchor = Anchor::default();
        let mut worst = 0;
        let mut previous: Option<WallTime> = None;
        for n in 0..25 * 3600 {
            let media = n * 40_000;
            // The camera counts 500 ppm too slowly: real time runs ahead of media time.
            let real = media + media * 500 / 1_000_000;
            anchor.arrived(media, wall(real + 8_000 + (n * 31 % 7) * 1000));
            let capture = anchor.capture(media, true).unwrap().at;
            if let Some(previous) = previous {
                let step = capture.micros_since(previous);
                assert!((39_000..=41_000).contains(&step), "{step} at picture {n}");
            }
            previous = Some(capture);
            worst = worst.max((capture.micros_since(wall(real)) - 8_000).abs());
        }
        // A minute of 500 ppm is 30 ms: that is how far the least delay can lag.
        assert!(worst <= 40_000, "{worst}");
    }

    proptest! {
        /// Whatever a camera claims: capture times rise, each step lies within a tenth of its distance in media time once the session has
        /// settled, and nothing overflows.
        #[test]
        fn no_report_makes_time_jump(
            reports in prop::collection::vec((0usize..500, prop_oneof![any::<i64>(), -3_000_000i64..3_000_000]), 0..80),
            delays in prop::collection::vec(0i64..400_000, 500),
        ) {
            let mut anchor = Anchor::default();
            let mut last: Option<WallTime> = None;
            for (n, delay) in delays.into_iter().enumerate() {
                let media = i64::try_from(n).unwrap() * 250_000;
                anchor.arrived(media, wall(media + delay));
                for (_, error) in reports.iter().filter(|(at, _)| *at == n) {
                    anchor.reported(media, wall(media).plus_micros(*error), wall(media + 1_000));
                }
                let at = anchor.capture(media, true).unwrap().at;
                if let Some(step) = last.map(|last| at.micros_since(last)) {
                    prop_assert!((225_000..=275_000).contains(&step), "{step} at {n}");
                }
                // Believed or not, a picture is never stamped more than half a second from its least delayed arrival's second.
                prop_assert!((-600_000..=500_000).contains(&at.micros_since(wall(media))), "{at} at {n}");
                last = Some(at);
            }
        }
    }
}
