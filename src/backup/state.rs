//! What people see of the second copy: how far it is behind, when it was last proven, what stands in its way.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::plan::LAG_ALARM_MICROS;
use super::target::Fault;
use crate::hall::{CameraId, WindowId};
use crate::observe::state::Bilingual;
use crate::time::WallTime;

/// A passing fault that stands this long is an alarm.
const PATIENCE_MICROS: i64 = 120 * 1_000_000;
/// Most refusals named one by one.
pub const MOST_REFUSALS: usize = 100;

/// The copies of one camera-day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayTally {
    /// Whose recordings.
    pub camera: CameraId,
    /// The windows the camera looks at.
    pub windows: Vec<WindowId>,
    /// Beijing date.
    pub date: NaiveDate,
    /// Sealed segments.
    pub segments: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Segments with a copy on the target, proven or not.
    pub copied: u64,
    /// Segments whose copy was read back.
    pub proven: u64,
    /// Their bytes.
    pub proven_bytes: u64,
    /// When a copy of this day was last read back.
    pub last_proof: Option<WallTime>,
}

impl DayTally {
    /// True when every sealed segment of the day has a proven copy.
    pub fn is_complete(&self) -> bool {
        self.proven >= self.segments
    }
}

/// What stands in the way of copying.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// What sort of thing.
    pub fault: Fault,
    /// Since when, without a success in between.
    pub since: WallTime,
    /// Attempts in a row.
    pub attempts: u32,
    /// The object it was about.
    pub object: String,
    /// What the system or store said.
    pub detail: String,
}

/// A recording that is not copied, because it cannot be read or is not what was sealed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// The file in full.
    pub file: String,
    /// Capture time of its first picture.
    pub from: WallTime,
    /// Why.
    pub detail: String,
}

/// The second copy at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupState {
    /// The target as people know it.
    pub target: String,
    /// When this was measured.
    pub at: WallTime,
    /// True while the tallies are still being counted: figures are too low then.
    pub counting: bool,
    /// Start of the oldest sealed segment without a proven copy.
    pub oldest_unproven: Option<WallTime>,
    /// Sealed segments without a proven copy.
    pub segments_behind: u64,
    /// Their bytes.
    pub bytes_behind: u64,
    /// When a copy was last read back and found right.
    pub last_proof: Option<WallTime>,
    /// What stands in the way.
    pub trouble: Option<Trouble>,
    /// Until when quiet hours keep it from copying.
    pub quiet_until: Option<WallTime>,
    /// Recordings that are not copied; at most [`MOST_REFUSALS`].
    pub refused: Vec<Refusal>,
    /// Number of the last call to look at once that was heard.
    #[serde(default)]
    pub heard: u64,
    /// True when the target lies on a disk that also takes recordings.
    pub same_disk: bool,
    /// Per camera-day.
    #[serde(default)]
    pub days: Vec<DayTally>,
}

/// An alarm in both languages, with what to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BackupAlarm {
    /// What is wrong.
    pub what: Bilingual,
    /// What to do.
    pub remedy: Bilingual,
    /// The circumstances.
    pub detail: String,
}

impl BackupState {
    /// How far the copy is behind at `now`, in microseconds; zero when nothing waits.
    pub fn lag_micros(&self, now: WallTime) -> i64 {
        self.oldest_unproven.map_or(0, |t| now.micros_since(t).max(0))
    }

    /// What somebody has to be told at `now`, the worst first.
    pub fn alarms(&self, now: WallTime) -> Vec<BackupAlarm> {
        let mut alarms = Vec::new();
        let both = |zh: String, en: String| Bilingual { zh, en };
        if let Some(trouble) = &self.trouble
            && (!trouble.fault.is_passing() || now.micros_since(trouble.since) >= PATIENCE_MICROS)
        {
            let (what, remedy) = trouble.fault.words();
            let detail = format!(
                "{}: {} ({}, {} × since {})",
                self.target, trouble.object, trouble.detail, trouble.attempts, trouble.since
            );
            alarms.push(BackupAlarm { what, remedy, detail });
        }
        let lag = self.lag_micros(now);
        if lag > LAG_ALARM_MICROS {
            let hours = lag / 3_600_000_000;
            alarms.push(BackupAlarm {
                what: both(
                    format!("备份落后 {hours} 小时：{} 个文件还没有经过验证的副本。", self.segments_behind),
                    format!("The backup is {hours} hours behind: {} files have no proven copy.", self.segments_behind),
                ),
                remedy: both(
                    "没有副本的录像不会被删除，录像盘可能因此写满；请检查备份目标、带宽限制 bandwidth_mbit 和 quiet_hours。".into(),
                    "Recordings without a copy are not deleted, so the recording disks may fill: check the target, bandwidth_mbit and quiet_hours."
                        .into(),
                ),
                detail: format!("{}: {} bytes", self.target, self.bytes_behind),
            });
        }
        if let Some(first) = self.refused.first() {
            let (what, remedy) = Fault::Source.words();
            let count = self.refused.len();
            alarms.push(BackupAlarm { what, remedy, detail: format!("{count} × {}: {}", first.file, first.detail) });
        }
        if self.same_disk {
            alarms.push(BackupAlarm {
                what: both(
                    "备份与录像在同一块盘上：盘坏时两份都会丢失。".into(),
                    "The backup lies on a disk that takes recordings: one failure loses both.".into(),
                ),
                remedy: both(
                    "请把备份放到另一块盘、网络存储或 S3 存储。".into(),
                    "Put the backup on another disk, a network share or an S3 store.".into(),
                ),
                detail: self.target.clone(),
            });
        }
        alarms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> WallTime {
        WallTime::from_micros(1_795_330_200_000_000 + second * 1_000_000)
    }

    fn trouble(fault: Fault) -> BackupState {
        let trouble = Trouble { fault, since: at(0), attempts: 3, object: "C1/x".into(), detail: "said so".into() };
        BackupState { trouble: Some(trouble), ..BackupState::default() }
    }

    #[test]
    fn a_full_target_is_told_at_once_and_a_short_outage_not() {
        let told = |state: &BackupState, now| state.alarms(now).into_iter().map(|a| a.what.zh).collect::<Vec<_>>();
        assert_eq!(told(&trouble(Fault::Full), at(0)), ["备份目标已满。"]);
        assert_eq!(told(&trouble(Fault::IdentityGone), at(0)).len(), 1);
        assert_eq!(told(&trouble(Fault::Unreachable), at(119)), [""; 0]);
        assert_eq!(told(&trouble(Fault::Unreachable), at(120)), ["备份目标连不上。"]);
    }

    #[test]
    fn a_copy_more_than_a_day_behind_is_an_alarm() {
        let state = BackupState { oldest_unproven: Some(at(0)), segments_behind: 7, ..BackupState::default() };
        assert!(state.alarms(at(24 * 3600)).is_empty());
        let alarms = state.alarms(at(25 * 3600));
        assert_eq!(alarms[0].what.zh, "备份落后 25 小时：7 个文件还没有经过验证的副本。");
        assert!(!alarms[0].remedy.en.is_empty());
    }
}
