//! `[time]`: how wrong clocks may be before somebody is told.

use std::time::Duration;

use super::complaint::Words;
use super::reader::{Reader, Section};

/// `[time]`: limits for the server's clock and for those of the cameras.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockLimits {
    /// The server's clock counts as right while its error bound is at most this (服务器时钟误差上限).
    pub server_error: Duration,
    /// A camera's clock counts as right while it differs from ours by at most this (摄像机时钟误差上限).
    pub camera_skew: Duration,
}

impl ClockLimits {
    const SERVER_ERROR_MS: u32 = 1000;
    const CAMERA_SKEW_MS: u32 = 2000;

    /// The limit for the server's clock in milliseconds.
    pub fn server_error_ms(self) -> i64 {
        i64::try_from(self.server_error.as_millis()).unwrap_or(i64::MAX)
    }

    /// The limit for cameras in microseconds.
    pub fn camera_skew_micros(self) -> i64 {
        i64::try_from(self.camera_skew.as_micros()).unwrap_or(i64::MAX)
    }
}

impl Default for ClockLimits {
    fn default() -> Self {
        Self {
            server_error: Duration::from_millis(Self::SERVER_ERROR_MS.into()),
            camera_skew: Duration::from_millis(Self::CAMERA_SKEW_MS.into()),
        }
    }
}

/// The limits as written.
pub(super) fn read(reader: &mut Reader, section: &Section<'_>) -> ClockLimits {
    reader.refuse_unknown(section, &["server_error_limit_ms", "camera_skew_limit_ms"]);
    let milliseconds = || Words::new("毫秒", "milliseconds");
    let server = reader.number(section, "server_error_limit_ms", ClockLimits::SERVER_ERROR_MS, 50..=10_000, milliseconds());
    let camera = reader.number(section, "camera_skew_limit_ms", ClockLimits::CAMERA_SKEW_MS, 400..=60_000, milliseconds());
    ClockLimits { server_error: Duration::from_millis(server.into()), camera_skew: Duration::from_millis(camera.into()) }
}
