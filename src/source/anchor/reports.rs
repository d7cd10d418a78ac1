//! The sender reports of one session: what the camera's clock says, smoothed, with jumps held back until they are confirmed. Pure.

use std::collections::VecDeque;

use super::camera_clock::{CameraClock, Facts, Trend, is_unset, judge};
use crate::time::{MICROS_PER_SECOND, WallTime};

/// A report that differs from the last accepted one by more than this has jumped: 200 ms, and what a clock and a media clock may
/// drift apart meanwhile.
const JUMP_MICROS: i64 = 200_000;
const DRIFT_PER_MILLION: i64 = 1_000;
/// So many reports in a row must agree with one another before a jump is taken for the camera's new time.
const CONFIRMING_REPORTS: usize = 4;
/// The difference is the median of so many reports.
const SMOOTHED_REPORTS: usize = 5;
/// A clock that jumps this often within ten minutes is not believed at all.
const OFTEN: usize = 3;
const OFTEN_WITHIN_MICROS: i64 = 600 * MICROS_PER_SECOND;
/// A report speaks for this much media: a clock 500 ppm off the media clock is 90 ms away by then.
const STALE_MICROS: i64 = 180 * MICROS_PER_SECOND;

#[derive(Clone, Copy, Debug)]
struct Report {
    media: i64,
    /// Camera clock minus media time.
    offset: i64,
    /// Camera clock minus ours.
    skew: i64,
    unset: bool,
}

impl Report {
    fn agrees(&self, other: &Report) -> bool {
        let drift = self.media.saturating_sub(other.media).saturating_abs() / MICROS_PER_SECOND * DRIFT_PER_MILLION;
        self.offset.saturating_sub(other.offset).saturating_abs() <= JUMP_MICROS.saturating_add(drift)
    }
}

/// What the reports of a session say.
#[derive(Clone, Debug, Default)]
pub(super) struct Reports {
    accepted: Option<Report>,
    newest: Option<Report>,
    /// Reports in a row that jumped, and agree with one another.
    doubtful: Vec<Report>,
    skews: VecDeque<i64>,
    /// Media times at which a report jumped.
    jumps: VecDeque<i64>,
    trend: Trend,
    clock: CameraClock,
}

impl Reports {
    /// Media time `media` was captured when the camera's clock showed `ntp`, which was `skew` ahead of ours at our time `at`.
    pub fn take(&mut self, media: i64, ntp: WallTime, skew: i64, at: WallTime, limit_micros: i64) {
        let report = Report { media, offset: ntp.as_micros().saturating_sub(media), skew, unset: is_unset(ntp) };
        self.newest = Some(report);
        while self.jumps.front().is_some_and(|j| media.saturating_sub(*j) > OFTEN_WITHIN_MICROS) {
            self.jumps.pop_front();
        }
        match self.accepted {
            Some(accepted) if !report.agrees(&accepted) => {
                if self.doubtful.last().is_none_or(|last| !report.agrees(last)) {
                    self.doubtful.clear();
                    self.jumps.push_back(media);
                }
                self.doubtful.push(report);
                if self.doubtful.len() >= CONFIRMING_REPORTS {
                    self.skews = std::mem::take(&mut self.doubtful).into_iter().map(|r| r.skew).collect();
                    self.trend.clear();
                    self.accepted = Some(report);
                }
            }
            _ => {
                self.doubtful.clear();
                self.skews.push_back(skew);
                self.accepted = Some(report);
            }
        }
        while self.skews.len() > SMOOTHED_REPORTS {
            self.skews.pop_front();
        }
        let Some(skew_micros) = self.skew() else { return };
        if self.doubtful.is_empty() {
            self.trend.note(at, skew_micros);
        }
        let facts = Facts {
            unset: self.accepted.is_some_and(|r| r.unset),
            // One stray report is no finding yet.
            stepping: self.jumps_often() || self.doubtful.len() > 1,
            skew_micros,
            drift_ppm: self.trend.ppm(),
            limit_micros,
        };
        let verdict = judge(self.clock.verdict, facts);
        self.clock = CameraClock { verdict, skew_micros: Some(skew_micros), drift_ppm: facts.drift_ppm };
    }

    /// Camera clock minus ours: the median of the last reports, so that one late report does not count.
    fn skew(&self) -> Option<i64> {
        let mut sorted: Vec<i64> = self.skews.iter().copied().collect();
        sorted.sort_unstable();
        sorted.get(sorted.len().checked_sub(1)? / 2).copied()
    }

    /// Camera clock minus media time by the last accepted report, as long as it speaks for media time `media`.
    pub fn offset(&self, media: i64) -> Option<i64> {
        self.accepted.filter(|r| media.saturating_sub(r.media) <= STALE_MICROS).map(|r| r.offset)
    }

    /// Camera clock minus media time by the newest report, believed or not.
    pub fn newest_offset(&self) -> Option<i64> {
        self.newest.map(|r| r.offset)
    }

    /// True while the clock jumps again and again.
    pub fn jumps_often(&self) -> bool {
        self.jumps.len() >= OFTEN
    }

    /// What is known of the camera's clock.
    pub fn clock(&self) -> CameraClock {
        self.clock
    }
}
