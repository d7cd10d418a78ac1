//! How many days the disks carry (容量): what the working days to be kept need, and when a disk reaches its floor.
//!
//! Pure but for [`measured`], which reads the catalogue. [`forecast`] looks ahead day by day.

pub mod forecast;
pub mod measured;

use std::collections::BTreeMap;
use std::path::PathBuf;

use chrono::{Days, NaiveDate};
use serde::{Serialize, Serializer};

use crate::calendar::Calendar;
use crate::hall::{Camera, CameraId, FreeTarget, Hall, StampMode, StorageRoot};
use measured::CameraMeasured;

/// Calendar days planned for at the least: 30 working days took up to 53 with the day of recording (2019-12-27), and some room.
pub const LEAST_FLOOR_DAYS: u64 = 56;

/// Bit rate assumed of a camera whose video is kept as it comes and was never measured, in kbit/s: 1080p25 in H.264.
pub const ASSUMED_KBPS: u64 = 4000;

/// Sound of one camera, in bytes per second: G.711, kept as FLAC of about the same size.
pub const SOUND_BYTES_PER_SECOND: u64 = 8000;

/// Seconds of a day.
const DAY: u64 = 86_400;

/// Where a camera's rate comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Basis {
    /// The newest days in the catalogue.
    Measured,
    /// `[stamp] bitrate_kbps` of hall.toml and sound.
    Stamped,
    /// [`ASSUMED_KBPS`] and sound: the camera's own setting is not known.
    Assumed,
    /// Named on the command line.
    Given,
}

/// What a camera writes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CameraRate {
    /// Which camera.
    pub camera: CameraId,
    /// Bytes per second, sound included.
    pub bytes_per_second: u64,
    /// Where the number comes from.
    pub basis: Basis,
}

/// What a camera writes: as `given_kbps` says, as measured, or as hall.toml lets expect.
pub fn rate(hall: &Hall, camera: &Camera, measured: &[CameraMeasured], given_kbps: Option<u32>) -> CameraRate {
    let seen = measured.iter().find(|m| m.camera == camera.id).and_then(CameraMeasured::bytes_per_second);
    let picture = |kbps: u64| kbps * 1000 / 8;
    let (bytes_per_second, basis) = match (given_kbps, seen, camera.stamp) {
        (Some(kbps), ..) => (picture(u64::from(kbps)), Basis::Given),
        (None, Some(bytes), _) => (bytes, Basis::Measured),
        (None, None, StampMode::Reencode) => {
            (picture(u64::from(hall.stamp.bitrate_kbps)) + SOUND_BYTES_PER_SECOND, Basis::Stamped)
        }
        (None, None, StampMode::Camera | StampMode::None) => (picture(ASSUMED_KBPS) + SOUND_BYTES_PER_SECOND, Basis::Assumed),
    };
    CameraRate { camera: camera.id.clone(), bytes_per_second, basis }
}

/// The most days of footage that must be on disk at one time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Floor {
    /// Calendar days, the day of recording included; [`LEAST_FLOOR_DAYS`] at the least.
    pub calendar_days: u64,
    /// The day of recording that is kept longest.
    pub recorded: NaiveDate,
    /// The day from which it may go.
    pub may_go_date: NaiveDate,
    /// Year whose missing notice makes it so long.
    pub unpublished: Option<i32>,
    /// Days it would become if the missing notice did not come for a whole year.
    pub without_notice_days: u64,
}

/// The worst span of `working_days`: over all published years, and over what is recorded up to `today` where a notice is missing.
pub fn floor(calendar: &Calendar, working_days: u16, today: NaiveDate) -> Floor {
    let first = calendar.years().next().and_then(|y| NaiveDate::from_ymd_opt(y.year, 1, 1)).unwrap_or(today).min(today);
    let last = today.checked_add_days(Days::new(366)).unwrap_or(NaiveDate::MAX);
    let mut floor = Floor {
        calendar_days: LEAST_FLOOR_DAYS,
        recorded: today,
        may_go_date: today,
        unpublished: None,
        without_notice_days: LEAST_FLOOR_DAYS,
    };
    let mut longest = 0;
    for recorded in first.iter_days().take_while(|day| *day <= last) {
        let due = calendar.due(recorded, working_days);
        let days = u64::try_from((due.may_go_date - recorded).num_days()).unwrap_or(0);
        floor.without_notice_days = floor.without_notice_days.max(days);
        // What will be recorded is not counted by a calendar that will be known better by then.
        if days > longest && (due.certain || recorded <= today) {
            longest = days;
            (floor.recorded, floor.may_go_date, floor.unpublished) = (recorded, due.may_go_date, due.unpublished);
        }
    }
    floor.calendar_days = longest.max(LEAST_FLOOR_DAYS);
    floor
}

/// A disk that takes recordings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Disk {
    /// The storage root.
    #[serde(serialize_with = "path")]
    pub path: PathBuf,
    /// True when the folder is there; else the numbers are those of the disk it would be made on.
    pub there: bool,
    /// The device it lies on; two roots on one device share its room.
    #[serde(skip)]
    pub device: u64,
    /// Bytes free for the recorder.
    pub free: u64,
    /// Bytes in all.
    pub total: u64,
    /// Bytes that stay free (余量): see [`kept_free`].
    pub kept_free: u64,
}

fn path<S: Serializer>(path: &std::path::Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&path.display().to_string())
}

/// Bytes of the disk of `root` that footage inside its floor must leave free when the disk has `total` bytes.
///
/// Recording itself stops at `[[storage]] reserve_mb`. Retention begins to make room earlier, at `[retention]` `free_percent` or
/// `free_gb` and never below twice the reserve, by removing whole days whose floor is over. A disk that could hold the floor only by
/// filling this room would have nothing left to remove when retention asks for it, so the sizing leaves it out.
pub fn kept_free(root: &StorageRoot, target: FreeTarget, total: u64) -> u64 {
    target.bytes(total, root.reserve_bytes()).max(root.reserve_bytes()).min(total)
}

/// What the disks must hold, and whether they do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizing {
    /// Bytes all cameras write in a second.
    pub bytes_per_second: u64,
    /// Bytes of footage that must be on disk at one time.
    pub needed_bytes: u64,
    /// Bytes of all disks that stay free.
    pub reserve_bytes: u64,
    /// Bytes of footage the disks hold: free now or taken by recordings, the reserve taken off.
    pub room_bytes: u64,
    /// What is missing; zero when the disks hold the floor.
    pub missing_bytes: u64,
}

impl Sizing {
    /// True when the disks present hold the floor.
    pub fn fits(&self) -> bool {
        self.missing_bytes == 0
    }
}

/// Sizes the disks. `held_bytes` is what recordings take of them now. Of two roots on one device the larger reserve counts.
pub fn size(rates: &[CameraRate], floor_days: u64, disks: &[Disk], held_bytes: u64) -> Sizing {
    let bytes_per_second = rates.iter().fold(0, |sum: u64, rate| sum.saturating_add(rate.bytes_per_second));
    let needed_bytes = bytes_per_second.saturating_mul(DAY).saturating_mul(floor_days);
    let mut devices: BTreeMap<u64, Disk> = BTreeMap::new();
    for disk in disks {
        let device = devices.entry(disk.device).or_insert_with(|| disk.clone());
        device.kept_free = device.kept_free.max(disk.kept_free);
    }
    let sum = |of: fn(&Disk) -> u64| devices.values().fold(0, |sum: u64, disk| sum.saturating_add(of(disk)));
    let (free, taken) = (sum(|d| d.free), sum(|d| d.total.saturating_sub(d.free)));
    let reserve_bytes = sum(|d| d.kept_free);
    let room_bytes = free.saturating_add(held_bytes.min(taken)).saturating_sub(reserve_bytes);
    Sizing { bytes_per_second, needed_bytes, reserve_bytes, room_bytes, missing_bytes: needed_bytes.saturating_sub(room_bytes) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a date")
    }

    fn calendar() -> Calendar {
        Calendar::published().expect("the shipped files")
    }

    fn camera_rate(bytes_per_second: u64) -> CameraRate {
        CameraRate { camera: CameraId::new("C1"), bytes_per_second, basis: Basis::Given }
    }

    /// A tenth of it stays free.
    fn disk(device: u64, free: u64, total: u64) -> Disk {
        Disk { path: "/srv/a".into(), there: true, device, free, total, kept_free: total / 10 }
    }

    /// 8 TB with 1 GiB reserve: a tenth is asked for by default; of a disk of 10 GB the tenth would be less than twice the reserve.
    #[test]
    fn what_retention_keeps_free_is_no_room_for_the_floor() {
        let root = StorageRoot { path: "/srv/a".into(), reserve_mb: 1024, mounted: false };
        let tenth = FreeTarget { percent: Some(10), gb: None };
        assert_eq!(kept_free(&root, tenth, 8_000_000_000_000), 800_000_000_000);
        assert_eq!(kept_free(&root, tenth, 10_000_000_000), 2 << 30);
        assert_eq!(kept_free(&root, FreeTarget { percent: None, gb: Some(50) }, 8_000_000_000_000), 50_000_000_000);
        // A reserve larger than half the disk is still a reserve: recording stops there.
        assert_eq!(kept_free(&StorageRoot { reserve_mb: 800, ..root }, tenth, 1_000_000_000), 800 << 20);
    }

    #[test]
    fn of_two_roots_on_one_disk_the_larger_reserve_counts() {
        let larger = Disk { kept_free: 300, ..disk(1, 1000, 1000) };
        for disks in [[larger.clone(), disk(1, 1000, 1000)], [disk(1, 1000, 1000), larger]] {
            let sized = size(&[camera_rate(1)], 56, &disks, 0);
            assert_eq!((sized.reserve_bytes, sized.room_bytes), (300, 700));
        }
    }

    /// 2019-12-27 was kept up to 2020-02-17, 53 days with its own: the 56 planned hold it.
    #[test]
    fn published_years_need_no_more_than_the_least_planned() {
        let floor = floor(&calendar(), 30, day("2026-06-01"));
        assert_eq!((floor.calendar_days, floor.unpublished), (56, None));
        assert_eq!((floor.recorded, floor.may_go_date), (day("2019-12-13"), day("2020-02-04")));
    }

    /// On 2026-11-22 footage of the day is kept for 60 whole days, as 2027 has no notice: 61 with its own. Should 2027's notice never
    /// come, footage of 2026-12-31 would stay until 2027-04-01.
    #[test]
    fn a_missing_notice_needs_more_disk() {
        let floor = floor(&calendar(), 30, day("2026-11-22"));
        assert_eq!((floor.calendar_days, floor.unpublished), (61, Some(2027)));
        assert!(floor.without_notice_days >= 91, "{floor:?}");
        assert!(super::floor(&calendar(), 60, day("2026-06-01")).calendar_days > 90);
    }

    /// 32 cameras of 4 Mbit/s and sound: 16 256 000 bytes a second, 1.4045184 TB a day, 78.6530304 TB in 56 days.
    #[test]
    fn terabytes_of_a_hall() {
        let rates: Vec<CameraRate> = (0..32).map(|_| camera_rate(4_000_000 / 8 + SOUND_BYTES_PER_SECOND)).collect();
        let sized = size(&rates, 56, &[disk(1, 50_000_000_000_000, 50_000_000_000_000)], 0);
        assert_eq!((sized.bytes_per_second, sized.needed_bytes), (16_256_000, 78_653_030_400_000));
        assert_eq!((sized.reserve_bytes, sized.room_bytes), (5_000_000_000_000, 45_000_000_000_000));
        assert_eq!((sized.missing_bytes, sized.fits()), (33_653_030_400_000, false));
    }

    #[test]
    fn two_roots_on_one_disk_count_once_and_recordings_are_room() {
        let tb = 1_000_000_000_000;
        let one = size(&[camera_rate(1)], 56, &[disk(1, 2 * tb, 10 * tb)], 0);
        assert_eq!(size(&[camera_rate(1)], 56, &[disk(1, 2 * tb, 10 * tb), disk(1, 2 * tb, 10 * tb)], 0), one);
        assert_eq!(one.room_bytes, 1_000_000_000_000);
        assert_eq!(size(&[camera_rate(1)], 56, &[disk(1, 2 * tb, 10 * tb)], 5 * tb).room_bytes, 6_000_000_000_000);
        // An estimate of what recordings take is no more than what is taken.
        assert_eq!(size(&[camera_rate(1)], 56, &[disk(1, 2 * tb, 10 * tb)], 50 * tb).room_bytes, 9_000_000_000_000);
    }

    proptest! {
        #[test]
        fn any_numbers_are_answered_and_more_space_is_never_worse(
            rate in any::<u64>(), more in any::<u64>(), days in any::<u64>(), free in any::<u64>(), extra in any::<u64>(), held in any::<u64>(),
        ) {
            let total = free.saturating_add(extra);
            let sized = size(&[camera_rate(rate)], days, &[disk(1, free, total)], held);
            prop_assert_eq!(sized.missing_bytes, sized.needed_bytes.saturating_sub(sized.room_bytes));
            let roomier = size(&[camera_rate(rate)], days, &[disk(1, total, total)], held);
            prop_assert!(roomier.missing_bytes <= sized.missing_bytes);
            let busier = size(&[camera_rate(rate), camera_rate(more)], days, &[disk(1, free, total)], held);
            prop_assert!(busier.missing_bytes >= sized.missing_bytes);
        }
    }
}
