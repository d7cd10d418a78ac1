//! Holds the reading to its rate and shows how far it is.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::hall::CameraId;

/// What the bar shows: how much of how much, how fast, how long still, which camera.
const STYLE: &str = "校验 verify {wide_bar} {percent:>3}%  {bytes} / {total_bytes}  {bytes_per_sec}  剩余 left {eta}  {msg}";

pub(super) struct Pace {
    began: Instant,
    limit: Option<f64>,
    done: u64,
    /// Draws itself only where standard error is a terminal.
    bar: ProgressBar,
}

impl Pace {
    pub(super) fn new(limit: Option<f64>) -> Self {
        let bar = ProgressBar::new(0);
        if let Ok(style) = ProgressStyle::with_template(STYLE) {
            bar.set_style(style);
        }
        Self { began: Instant::now(), limit, done: 0, bar }
    }

    /// So many bytes more are to be read.
    pub(super) fn expect(&self, bytes: u64) {
        self.bar.inc_length(bytes);
    }

    /// The camera whose files are read.
    pub(super) fn at(&self, camera: &CameraId) {
        self.bar.set_message(camera.to_string());
    }

    /// Bytes that need not be read again.
    pub(super) fn skip(&self, bytes: u64) {
        self.bar.inc(bytes);
    }

    /// Bytes were read; waits as long as the rate asks for.
    pub(super) fn read(&mut self, bytes: u64) {
        self.done += bytes;
        self.bar.inc(bytes);
        if let Some(limit) = self.limit {
            std::thread::sleep(ahead(self.done, self.began.elapsed(), limit));
        }
    }

    pub(super) fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

/// Megabytes.
#[expect(clippy::cast_precision_loss, reason = "a figure for people and for pacing")]
pub(in crate::command) fn mega(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

/// How long to wait so that `done` bytes after `elapsed` are no more than `limit` megabytes a second.
fn ahead(done: u64, elapsed: Duration, limit: f64) -> Duration {
    Duration::try_from_secs_f64(mega(done) / limit - elapsed.as_secs_f64()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_waits_for_its_rate_and_never_for_nothing() {
        assert_eq!(ahead(40_000_000, Duration::from_millis(500), 40.0), Duration::from_millis(500));
        assert_eq!(ahead(40_000_000, Duration::from_secs(2), 40.0), Duration::ZERO);
    }
}
