//! Time as the recorder knows it: wall time in UTC, a monotonic clock for time-outs, and half-open spans.
//!
//! Wall time is kept as UTC microseconds and becomes Beijing time (北京时间, `Asia/Shanghai`) only at the edges: the stamp, file
//! names, the viewer and printed tables. Everything that asks the time takes a [`Clock`], so tests step it instead of sleeping.

pub mod chrony;
mod discipline;
mod server;
mod span;
mod step;

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use chrono::{DateTime, SecondsFormat, TimeZone, Utc};
use chrono_tz::Asia::Shanghai;
use chrono_tz::Tz;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use discipline::{KernelClock, kernel_clock};
pub use server::{ClockMark, Leap, Patience, RecordedClock, ServerClock, combine};
pub use span::Span;
pub use step::{StepDetector, wait_for_notice};

/// Microseconds in one second.
pub const MICROS_PER_SECOND: i64 = 1_000_000;

/// An instant of wall time: microseconds since 1970-01-01T00:00:00Z.
///
/// Reads and prints as RFC 3339; printed with the Beijing offset (`+08:00`), as people here read it. Binary forms hold the number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct WallTime(i64);

impl WallTime {
    /// The instant `micros` microseconds after 1970-01-01T00:00:00Z.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since 1970-01-01T00:00:00Z.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// The instant `micros` later (earlier when negative); saturates at the ends of the scale.
    pub const fn plus_micros(self, micros: i64) -> Self {
        Self(self.0.saturating_add(micros))
    }

    /// Microseconds from `earlier` to `self`; negative when `self` is the earlier one.
    pub const fn micros_since(self, earlier: WallTime) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The start of the whole second this instant lies in.
    pub const fn floor_second(self) -> Self {
        Self(self.0.div_euclid(MICROS_PER_SECOND) * MICROS_PER_SECOND)
    }

    /// Civil date and time in Beijing (北京时间).
    pub fn beijing(self) -> DateTime<Tz> {
        self.utc().with_timezone(&Shanghai)
    }

    /// Civil date and time in UTC.
    pub fn utc(self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.0).unwrap_or(DateTime::<Utc>::MAX_UTC)
    }

    /// The instant at which Beijing's clocks show this civil time. `None` for a time that does not exist.
    pub fn from_beijing(date: chrono::NaiveDate, hour: u32, minute: u32, second: u32) -> Option<Self> {
        let civil = date.and_hms_opt(hour, minute, second)?;
        Shanghai.from_local_datetime(&civil).earliest().map(|t| Self(t.timestamp_micros()))
    }

    /// Reads an RFC 3339 time with offset, such as `2026-11-22T14:50:03+08:00`.
    ///
    /// # Errors
    /// A sentence naming what was found, when `text` is not of that form.
    pub fn parse_rfc3339(text: &str) -> Result<Self, String> {
        DateTime::parse_from_rfc3339(text.trim())
            .map(|t| Self(t.timestamp_micros()))
            .map_err(|e| format!("`{text}` is not a time with offset such as 2026-11-22T14:50:03+08:00 ({e})"))
    }

    /// RFC 3339 in Beijing time with milliseconds: `2026-11-22T14:50:03.040+08:00`.
    pub fn to_rfc3339(self) -> String {
        self.beijing().to_rfc3339_opts(SecondsFormat::Millis, false)
    }
}

impl From<SystemTime> for WallTime {
    fn from(t: SystemTime) -> Self {
        match t.duration_since(UNIX_EPOCH) {
            Ok(after) => Self(i64::try_from(after.as_micros()).unwrap_or(i64::MAX)),
            Err(before) => Self(-i64::try_from(before.duration().as_micros()).unwrap_or(i64::MAX)),
        }
    }
}

impl fmt::Display for WallTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_rfc3339())
    }
}

impl fmt::Debug for WallTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_rfc3339())
    }
}

impl std::str::FromStr for WallTime {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::parse_rfc3339(text)
    }
}

impl Serialize for WallTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if !serializer.is_human_readable() {
            return serializer.serialize_i64(self.0);
        }
        // Microseconds are kept: a row read back must equal the row written.
        let form = if self.0 % 1000 == 0 { SecondsFormat::Millis } else { SecondsFormat::Micros };
        serializer.serialize_str(&self.beijing().to_rfc3339_opts(form, false))
    }
}

impl<'de> Deserialize<'de> for WallTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if !deserializer.is_human_readable() {
            return i64::deserialize(deserializer).map(Self);
        }
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Self::parse_rfc3339(&text).map_err(serde::de::Error::custom)
    }
}

/// Where the time comes from. Wall time is for stamps, names and records; monotonic time is for time-outs. They are never mixed.
pub trait Clock: Send + Sync + 'static {
    /// The current wall time.
    fn wall(&self) -> WallTime;
    /// Time since an arbitrary, fixed origin; never goes back.
    fn monotonic(&self) -> Duration;
}

/// The machine's own clocks.
#[derive(Debug)]
pub struct SystemClock {
    origin: Instant,
}

impl SystemClock {
    /// Clocks whose monotonic origin is this call.
    pub fn new() -> Self {
        Self { origin: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn wall(&self) -> WallTime {
        SystemTime::now().into()
    }
    fn monotonic(&self) -> Duration {
        self.origin.elapsed()
    }
}

/// A clock moved by hand, for replay and tests. Wall and monotonic time advance together unless the wall clock is stepped.
#[derive(Debug)]
pub struct SteppedClock {
    wall_micros: AtomicI64,
    monotonic_micros: AtomicI64,
}

impl SteppedClock {
    /// A clock that stands at `start`.
    pub fn new(start: WallTime) -> Self {
        Self { wall_micros: AtomicI64::new(start.as_micros()), monotonic_micros: AtomicI64::new(0) }
    }

    /// Lets `by` pass on both clocks.
    pub fn advance(&self, by: Duration) {
        let micros = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
        self.wall_micros.fetch_add(micros, Ordering::SeqCst);
        self.monotonic_micros.fetch_add(micros, Ordering::SeqCst);
    }

    /// Lets time pass until the wall clock shows `to`; does nothing when it is already later.
    pub fn advance_to(&self, to: WallTime) {
        let gap = to.micros_since(self.wall());
        if gap > 0 {
            self.advance(Duration::from_micros(gap.unsigned_abs()));
        }
    }

    /// Sets the wall clock without any time passing, as an operator or a time server would.
    pub fn step_wall(&self, to: WallTime) {
        self.wall_micros.store(to.as_micros(), Ordering::SeqCst);
    }
}

impl Clock for SteppedClock {
    fn wall(&self) -> WallTime {
        WallTime(self.wall_micros.load(Ordering::SeqCst))
    }
    fn monotonic(&self) -> Duration {
        Duration::from_micros(self.monotonic_micros.load(Ordering::SeqCst).unsigned_abs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wall_time_prints_beijing_and_reads_any_offset() {
        let t = WallTime::parse_rfc3339("2026-11-22T06:50:03.040Z").expect("a valid time");
        assert_eq!(t.to_rfc3339(), "2026-11-22T14:50:03.040+08:00");
        assert_eq!("2026-11-22T14:50:03.040+08:00".parse::<WallTime>(), Ok(t));
        assert!(WallTime::parse_rfc3339("2026-11-22 14:50").is_err());
    }

    #[test]
    fn serialised_time_keeps_microseconds() {
        let t = WallTime::from_micros(1_795_330_203_040_017);
        let text = serde_json::to_string(&t).expect("a time serialises");
        assert_eq!(serde_json::from_str::<WallTime>(&text).expect("and reads back"), t);
    }

    #[test]
    fn seconds_are_floored_before_1970_too() {
        assert_eq!(WallTime::from_micros(-1).floor_second().as_micros(), -1_000_000);
        assert_eq!(WallTime::from_micros(1_999_999).floor_second().as_micros(), 1_000_000);
    }

    #[test]
    fn a_stepped_wall_clock_leaves_monotonic_time_alone() {
        let clock = SteppedClock::new(WallTime::from_micros(5_000_000));
        clock.advance(Duration::from_secs(2));
        clock.step_wall(WallTime::from_micros(0));
        assert_eq!(clock.monotonic(), Duration::from_secs(2));
        assert_eq!(clock.wall().as_micros(), 0);
    }
}
