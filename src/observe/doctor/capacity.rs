//! Whether the disks carry the period that is owed: not less than 30 working days (R7), which take up to 52 calendar days.

use super::disk::{Folder, Room};
use super::{Finding, Standing, both};
use crate::hall::Hall;

/// Calendar days to plan disks for: 30 working days take up to 52 in the published years, and some room is left.
pub const DAYS_TO_PLAN: u64 = 56;

/// Sound of one camera, in bytes per second: G.711, kept as FLAC of about the same size.
const SOUND_RATE: u64 = 8000;

/// What the cameras of a hall write together, in bytes per second: the bit rate of `[stamp]` each, and sound.
pub fn rate(hall: &Hall) -> u64 {
    let picture = u64::from(hall.stamp.bitrate_kbps) * 1000 / 8;
    hall.cameras.len() as u64 * (picture + SOUND_RATE)
}

/// Days that `total` bytes carry at `rate` bytes per second.
pub fn days(total: u64, rate: u64) -> u64 {
    total / rate.max(1) / 86_400
}

/// Judges all storage folders together; folders on one file system count once.
pub fn retention(folders: &[Folder], rate: u64) -> Finding {
    let check = both("保存期限（估算）", "retention period (estimate)");
    let mut rooms: Vec<Room> = Vec::new();
    for room in folders.iter().filter_map(|f| f.room) {
        // Two folders on one disk show the same numbers.
        if !rooms.contains(&room) {
            rooms.push(room);
        }
    }
    let total: u64 = rooms.iter().map(|r| r.total).sum();
    let days = days(total, rate);
    let mbit = rate * 8 / 1_000_000;
    let found = both(
        format!("全天录像（共 {mbit} Mbit/s）约可存 {days} 天，30 个工作日须按 {DAYS_TO_PLAN} 天备盘"),
        format!("around the clock ({mbit} Mbit/s in all) about {days} days fit; 30 working days need disks for {DAYS_TO_PLAN}"),
    );
    if days >= DAYS_TO_PLAN {
        return Finding::ok("retention", check, found);
    }
    let short = (rate * 86_400 * DAYS_TO_PLAN).saturating_sub(total).div_ceil(1_000_000_000);
    Finding::bad(
        "retention",
        Standing::Warn,
        check,
        found,
        both(format!("还需约 {short} GB(R7)"), format!("about {short} GB more are needed (R7)")),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(free: u64, total: u64) -> Folder {
        Folder {
            path: "/a".into(),
            nearest: "/a".into(),
            is_folder: true,
            written: Ok(()),
            file_system: None,
            room: Some(Room { free, total }),
            on_system_disk: false,
        }
    }

    #[test]
    fn disks_must_carry_56_days_and_one_disk_counts_once() {
        // 1 MB/s makes 86.4 GB a day and 4838.4 GB in 56 days.
        let (rate, day) = (1_000_000, 86_400_000_000);
        assert_eq!(retention(&[folder(1, 56 * day)], rate).standing, Standing::Ok);
        assert_eq!(retention(&[folder(1, 28 * day), folder(2, 28 * day)], rate).standing, Standing::Ok);
        let twice = retention(&[folder(1, 28 * day), folder(1, 28 * day)], rate);
        assert_eq!(twice.standing, Standing::Warn);
        assert_eq!(twice.mend.map(|m| m.en), Some("about 2420 GB more are needed (R7)".to_owned()));
    }
}
