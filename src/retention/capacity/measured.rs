//! What the cameras wrote on their newest days, from the catalogue.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::catalogue::{Catalogue, StoreError};
use crate::hall::CameraId;
use crate::time::{MICROS_PER_SECOND, Span, WallTime};

/// Days looked at when nothing else is asked: enough for a quiet Sunday not to decide.
pub const DAYS: u32 = 3;

/// A day with less recorded is not taken for a measurement: the first minutes of a camera say little.
const LEAST_SECONDS: i64 = 3600;

/// Rows read at once.
const PAGE: usize = 1000;

/// Asks what every camera wrote on its newest days.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    /// Days back from each camera's newest recording.
    pub days: u32,
}

/// What a camera wrote on one day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayMeasured {
    /// Bytes of the day's files.
    pub bytes: u64,
    /// Time they cover, in microseconds.
    pub micros: i64,
}

/// What a camera wrote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CameraMeasured {
    /// Which camera.
    pub camera: CameraId,
    /// Its newest days (Beijing).
    pub days: BTreeMap<NaiveDate, DayMeasured>,
    /// Start of its oldest recording.
    pub oldest: WallTime,
    /// End of its newest recording.
    pub newest: WallTime,
}

impl CameraMeasured {
    /// Bytes a second while recording, on the fullest of the days; `None` when no day has an hour of recording.
    pub fn bytes_per_second(&self) -> Option<u64> {
        let long = self.days.values().filter(|d| d.micros >= LEAST_SECONDS * MICROS_PER_SECOND);
        long.map(|d| per_second(d.bytes, d.micros)).max()
    }

    /// Bytes all its recordings take, as far as the newest days let estimate.
    pub fn held_bytes(&self) -> u64 {
        let (bytes, days) = self.days.values().fold((0u64, 0u64), |sum, d| (sum.0.saturating_add(d.bytes), sum.1 + 1));
        let kept = u64::try_from(self.newest.micros_since(self.oldest) / MICROS_PER_SECOND / 86_400).unwrap_or(0) + 1;
        // What the newest days hold is known; the days before them are taken to be alike.
        bytes.saturating_add((bytes / days.max(1)).saturating_mul(kept.saturating_sub(days)))
    }
}

fn per_second(bytes: u64, micros: i64) -> u64 {
    let rate = u128::from(bytes) * 1_000_000 / u128::from(micros.max(1).unsigned_abs());
    u64::try_from(rate).unwrap_or(u64::MAX)
}

/// Reads what every camera of the catalogue wrote on its newest days.
///
/// # Errors
/// [`StoreError`] when the catalogue cannot be read.
pub fn measure(catalogue: &Catalogue, ask: Ask) -> Result<Vec<CameraMeasured>, StoreError> {
    let mut cameras = Vec::new();
    for camera in catalogue.cameras()? {
        let (Some(oldest), Some(newest)) = (catalogue.oldest_segment(&camera)?, catalogue.newest_segment(&camera)?) else {
            continue;
        };
        let back = i64::from(ask.days).saturating_mul(86_400 * MICROS_PER_SECOND);
        let mut span = Span::new(newest.to.plus_micros(-back), newest.from.plus_micros(1));
        let mut days: BTreeMap<NaiveDate, DayMeasured> = BTreeMap::new();
        loop {
            let rows = catalogue.segments_begun(&camera, span, PAGE)?;
            let Some(last) = rows.last() else { break };
            span.from = last.from.plus_micros(1);
            for row in &rows {
                let day = days.entry(row.from.beijing().date_naive()).or_default();
                day.bytes = day.bytes.saturating_add(row.bytes);
                day.micros = day.micros.saturating_add(row.span().micros());
            }
        }
        cameras.push(CameraMeasured { camera, days, oldest: oldest.from, newest: newest.to });
    }
    Ok(cameras)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::catalogue::{SegmentRow, Store};

    fn row(camera: &str, from: &str, seconds: i64, bytes: u64) -> SegmentRow {
        let from: WallTime = from.parse().expect("a time");
        SegmentRow {
            camera: CameraId::new(camera),
            from,
            to: from.plus_micros(seconds * MICROS_PER_SECOND),
            run: "r".into(),
            number: 0,
            root: "/r".into(),
            path: "p".into(),
            bytes,
            stamped: true,
            codecs: "avc1.640028".into(),
            width: 1920,
            height: 1080,
            digest: None,
            restored: false,
            clock: None,
        }
    }

    #[test]
    fn the_fullest_of_the_newest_days_is_the_rate() {
        let folder = tempfile::tempdir().expect("a folder");
        let catalogue = Catalogue::open(Arc::new(Store::open(folder.path()).expect("a store"))).expect("a catalogue");
        for row in [
            row("C1", "2026-11-10T09:00:00+08:00", 3600, 9_000_000_000),
            row("C1", "2026-11-19T09:00:00+08:00", 3600, 360_000_000),
            row("C1", "2026-11-20T09:00:00+08:00", 3600, 720_000_000),
            row("C1", "2026-11-20T10:00:00+08:00", 3600, 1_440_000_000),
            // Ten minutes of a new day decide nothing.
            row("C1", "2026-11-21T00:00:00+08:00", 600, 6_000_000_000),
            row("C2", "2026-11-21T00:00:00+08:00", 600, 6_000_000),
        ] {
            catalogue.put_segment(&row).expect("put");
        }
        let measured = measure(&catalogue, Ask { days: 3 }).expect("read");
        assert_eq!(measured.len(), 2);
        assert_eq!((measured[0].days.len(), measured[0].bytes_per_second()), (3, Some(300_000)));
        assert_eq!(measured[1].bytes_per_second(), None);
        // Eleven days from the first recording to the last, three of them read: 8.52 GB, and eight more of 2.84 GB.
        assert_eq!(measured[0].held_bytes(), 8_520_000_000 + 8 * 2_840_000_000);
    }
}
