//! Whether the disks carry the period that is owed: not less than 30 working days (R7), sized as `jiancha plan` does.

use super::{Finding, Standing, both};
use crate::retention::capacity::{Floor, Sizing};

/// Judges all storage folders together, as sized for `floor`.
pub fn retention(floor: &Floor, sizing: &Sizing) -> Finding {
    let check = both("保存期限（估算）", "retention period (estimate)");
    let needed = floor.calendar_days;
    let days = sizing.room_bytes / sizing.bytes_per_second.saturating_mul(86_400).max(1);
    let mbit = sizing.bytes_per_second.saturating_mul(8) / 1_000_000;
    let found = both(
        format!("全天录像（共 {mbit} Mbit/s）约可存 {days} 天，须按 {needed} 天备盘"),
        format!("around the clock ({mbit} Mbit/s in all) about {days} days fit; disks are needed for {needed}"),
    );
    if sizing.fits() {
        return Finding::ok("retention", check, found);
    }
    let short = sizing.missing_bytes.div_ceil(1_000_000_000);
    Finding::bad(
        "retention",
        Standing::Warn,
        check,
        found,
        both(
            format!("还需约 {short} GB(R7)，详见 jiancha plan"),
            format!("about {short} GB more are needed (R7); `jiancha plan` tells more"),
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hall::CameraId;
    use crate::retention::capacity::{Basis, CameraRate, Disk, size};

    /// 1 MB/s makes 86.4 GB a day and 4838.4 GB in 56 days.
    fn judged(room_days: u64) -> Finding {
        let day = "2026-06-01".parse().unwrap();
        let floor = Floor { calendar_days: 56, recorded: day, may_go_date: day, unpublished: None, without_notice_days: 56 };
        let rate = CameraRate { camera: CameraId::new("C1"), bytes_per_second: 1_000_000, basis: Basis::Given };
        let total = room_days * 86_400_000_000 + 100;
        let disk = Disk { path: "/a".into(), there: true, device: 1, free: total, total, kept_free: 100 };
        retention(&floor, &size(&[rate], floor.calendar_days, &[disk], 0))
    }

    #[test]
    fn disks_must_carry_the_floor_with_what_stays_free_taken_off() {
        assert_eq!(judged(56).standing, Standing::Ok);
        let half = judged(28);
        assert_eq!(half.standing, Standing::Warn);
        assert!(half.found.en.contains("about 28 days fit; disks are needed for 56"), "{}", half.found.en);
        assert!(half.mend.is_some_and(|m| m.en.starts_with("about 2420 GB more are needed (R7)")));
    }
}
