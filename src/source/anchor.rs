//! The capture time of a unit: from the camera's sender reports while its clock is sane, else from the arrival with the least delay.
//!
//! Pure: arrival times, media times and reports go in, capture times come out. Within a session capture times never go back; when
//! the better source changes or drifts, the mapping is slewed, not stepped.

use std::collections::VecDeque;

use crate::media::TimeSource;
use crate::time::WallTime;

/// A camera clock this far from arrival is not believed: 2 s, in microseconds.
const SANE_SKEW_MICROS: i64 = 2_000_000;
/// The least delay is looked for over this much media time, so that drift is followed: 60 s, in buckets of 10 s.
const BUCKET_MICROS: i64 = 10_000_000;
const BUCKETS: usize = 6;
/// The mapping moves at most this much per second of media: 2 %.
const SLEW_PER_MILLION: i64 = 20_000;
/// A wrong first guess is corrected at once while the session is this young: nothing was shown yet.
const SETTLE_MICROS: i64 = 200_000;

/// Maps the media time of one session to wall time.
#[derive(Clone, Debug, Default)]
pub struct Anchor {
    /// Least `arrival - media` per bucket of media time, oldest first.
    delays: VecDeque<(i64, i64)>,
    /// `ntp - media` of the newest sender report, and camera clock minus ours.
    report: Option<Report>,
    /// The mapping in use: wall minus media, and the media time up to which it was slewed.
    applied: Option<(i64, i64)>,
    first_media: Option<i64>,
    newest: Option<WallTime>,
}

#[derive(Clone, Copy, Debug)]
struct Report {
    offset: i64,
    skew: i64,
}

impl Anchor {
    /// An anchor for a new session.
    pub fn new() -> Self {
        Self::default()
    }

    /// A unit of media time `media_micros` arrived at `arrival`.
    pub fn arrived(&mut self, media_micros: i64, arrival: WallTime) {
        let delay = arrival.as_micros() - media_micros;
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
    /// Gives camera clock minus ours in microseconds.
    pub fn reported(&mut self, media_micros: i64, ntp: WallTime, arrival: WallTime) -> i64 {
        let skew = ntp.micros_since(arrival);
        self.report = Some(Report { offset: ntp.as_micros() - media_micros, skew });
        skew
    }

    /// Least `arrival - media` of the last minute, in microseconds.
    pub fn least_delay(&self) -> Option<i64> {
        self.delays.iter().map(|(_, d)| *d).min()
    }

    /// Where the mapping should be, and why.
    fn target(&self) -> Option<(i64, TimeSource)> {
        let arrival = self.least_delay();
        match (self.report, arrival) {
            (Some(report), Some(arrival))
                if (report.offset - arrival).abs() <= SANE_SKEW_MICROS && report.skew.abs() <= SANE_SKEW_MICROS =>
            {
                Some((report.offset, TimeSource::SenderReport))
            }
            (_, Some(arrival)) => Some((arrival, TimeSource::Arrival)),
            (Some(_), None) | (None, None) => None,
        }
    }

    /// The capture time of media time `media_micros`; `None` before anything arrived.
    ///
    /// `advances` is true for units in rising order of media time (all sound, pictures without reordering): only these move the
    /// mapping and are kept from going back.
    pub fn capture(&mut self, media_micros: i64, advances: bool) -> Option<(WallTime, TimeSource)> {
        let (target, source) = self.target()?;
        let first = *self.first_media.get_or_insert(media_micros);
        let offset = match self.applied {
            Some((offset, since)) if media_micros - first > SETTLE_MICROS => {
                let room = ((media_micros - since).max(0) * SLEW_PER_MILLION) / 1_000_000;
                offset + (target - offset).clamp(-room, room)
            }
            _ => target,
        };
        let mut capture = WallTime::from_micros(media_micros.saturating_add(offset));
        if advances {
            self.applied = Some((offset, self.applied.map_or(media_micros, |(_, since)| since.max(media_micros))));
            if let Some(newest) = self.newest {
                capture = capture.max(newest.plus_micros(1));
            }
            self.newest = Some(capture);
        }
        Some((capture, source))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            let (capture, source) = anchor.capture(media, true).unwrap();
            last = (capture.micros_since(wall(media)), source);
        }
        last
    }

    #[test]
    fn without_reports_the_least_delayed_arrival_rules() {
        let mut anchor = Anchor::new();
        let (error, source) = run(&mut anchor, 0, 20, |n| 5_000 + (n * 7919 % 80_000));
        assert_eq!(source, TimeSource::Arrival);
        assert!((5_000..=6_000).contains(&error), "{error}");
    }

    #[test]
    fn a_report_wins_over_arrival_even_when_packets_come_late() {
        let mut anchor = Anchor::new();
        run(&mut anchor, 0, 2, |_| 280_000);
        assert_eq!(anchor.reported(2_000_000, wall(2_000_000), wall(2_003_000)), -3_000);
        let (error, source) = run(&mut anchor, 2_000_000, 30, |_| 280_000);
        assert_eq!(source, TimeSource::SenderReport);
        assert_eq!(error, 0);
    }

    #[test]
    fn a_camera_eight_hours_off_is_not_believed() {
        let mut anchor = Anchor::new();
        run(&mut anchor, 0, 1, |_| 10_000);
        let eight_hours = 8 * 3600 * 1_000_000;
        assert_eq!(anchor.reported(1_000_000, wall(1_000_000 + eight_hours), wall(1_000_000)), eight_hours);
        let (error, source) = run(&mut anchor, 1_000_000, 5, |_| 10_000);
        assert_eq!((error, source), (10_000, TimeSource::Arrival));
    }

    #[test]
    fn a_clock_stepped_in_mid_session_moves_nothing_at_once_and_never_back() {
        let mut anchor = Anchor::new();
        run(&mut anchor, 0, 1, |_| 10_000);
        anchor.reported(1_000_000, wall(1_000_000), wall(1_000_000));
        run(&mut anchor, 1_000_000, 10, |_| 10_000);
        // The camera's clock steps back by 1.5 s: still sane, so it is followed, but slowly.
        anchor.reported(11_000_000, wall(9_500_000), wall(11_000_000));
        let mut newest = wall(0);
        for n in 0..250 {
            let media = 11_000_000 + n * 40_000;
            anchor.arrived(media, wall(media + 10_000));
            let (capture, _) = anchor.capture(media, true).unwrap();
            assert!(capture > newest);
            newest = capture;
        }
        // 10 s at 2 %: 0.2 s of the 1.5 s.
        let error = newest.micros_since(wall(11_000_000 + 249 * 40_000));
        assert!((-205_000..=-195_000).contains(&error), "{error}");
    }

    #[test]
    fn five_hundred_ppm_of_drift_is_followed_without_a_jump() {
        let mut anchor = Anchor::new();
        let mut worst = 0;
        let mut previous: Option<WallTime> = None;
        for n in 0..25 * 3600 {
            let media = n * 40_000;
            // The camera counts 500 ppm too slowly: real time runs ahead of media time.
            let real = media + media * 500 / 1_000_000;
            anchor.arrived(media, wall(real + 8_000 + (n * 31 % 7) * 1000));
            let (capture, _) = anchor.capture(media, true).unwrap();
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
}
