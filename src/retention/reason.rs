//! Why footage stays or goes, for people and for programs.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::clock::ClockDoubt;
use super::hold::HoldId;
use crate::hall::Words;
use crate::time::WallTime;

/// Stay or go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    /// It stays (保留).
    Keep,
    /// It goes (删除).
    Go,
}

/// Why (理由).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Reason {
    /// The later working days are not complete (R7).
    InsideFloor {
        /// When they will be.
        may_go_from: WallTime,
        /// False when a year without a notice made the count conservative.
        certain: bool,
    },
    /// The calendar's days are complete, but the recorder was not there on enough of them: perhaps the clock is wrong.
    NotWitnessed {
        /// Complete working days on which it was.
        attended: usize,
        /// How many there must be.
        needed: u16,
    },
    /// The clock is not believed for now.
    ClockSuspicious {
        /// Why.
        doubt: ClockDoubt,
    },
    /// A hold lies on it (留存).
    Held {
        /// Which.
        holds: Vec<HoldId>,
    },
    /// The list of holds cannot be read; there may be one.
    HoldsUnknown,
    /// The newest footage of a camera of the hall, or of all.
    NewestDay,
    /// It may go, but there is space.
    SpaceNotNeeded,
    /// Its storage root is not there, or no longer in hall.toml.
    RootAbsent,
    /// Rows of the day that cannot be read.
    RowsUnreadable {
        /// How many.
        rows: usize,
    },
    /// Rows that tell another place than a recording of that camera and day has.
    OutOfPlace {
        /// How many.
        files: usize,
    },
    /// Files without a seal.
    NotSealed {
        /// How many.
        files: usize,
    },
    /// Files whose copy is not proven.
    BackupNotProven {
        /// How many.
        files: usize,
    },
    /// It may go, and its disk needs space.
    SpaceNeeded,
    /// It has been there for as long as the site allows.
    UpperBound {
        /// The last date it was allowed to stay.
        until: NaiveDate,
    },
    /// It may go, and the site wants it gone then.
    Due,
}

impl Reason {
    /// What follows from it.
    pub fn decision(&self) -> Decision {
        match self {
            Self::SpaceNeeded | Self::UpperBound { .. } | Self::Due => Decision::Go,
            _ => Decision::Keep,
        }
    }

    /// The word used in JSON and tables.
    pub fn word(&self) -> &'static str {
        match self {
            Self::InsideFloor { .. } => "inside-floor",
            Self::NotWitnessed { .. } => "not-witnessed",
            Self::ClockSuspicious { .. } => "clock-suspicious",
            Self::Held { .. } => "held",
            Self::HoldsUnknown => "holds-unknown",
            Self::NewestDay => "newest-day",
            Self::SpaceNotNeeded => "space-not-needed",
            Self::RootAbsent => "root-absent",
            Self::RowsUnreadable { .. } => "rows-unreadable",
            Self::OutOfPlace { .. } => "out-of-place",
            Self::NotSealed { .. } => "not-sealed",
            Self::BackupNotProven { .. } => "backup-not-proven",
            Self::SpaceNeeded => "space-needed",
            Self::UpperBound { .. } => "upper-bound",
            Self::Due => "due",
        }
    }

    /// The reason in words.
    pub fn told(&self) -> Words {
        match self {
            Self::InsideFloor { may_go_from, certain } => {
                let day = may_go_from.beijing().format("%Y-%m-%d");
                if *certain {
                    Words::new(format!("期限内，{day} 起可删除"), format!("inside its floor (R7), may go from {day}"))
                } else {
                    Words::new(
                        format!("期限内，放假通知未公布，最保守到 {day}"),
                        format!("inside its floor (R7), notice not yet published: {day} at the latest"),
                    )
                }
            }
            Self::NotWitnessed { attended, needed } => Words::new(
                format!("本机只经历了 {attended} 个工作日（须 {needed} 个）：停机过，或时钟不对"),
                format!("the recorder was there on {attended} of {needed} working days: it was off, or the clock is wrong"),
            ),
            Self::ClockSuspicious { doubt: ClockDoubt::BehindRecordings { newest } } => Words::new(
                format!("时钟可疑：已有 {newest} 的录像；请校准时钟"),
                format!("the clock is behind a recording of {newest}: set it right"),
            ),
            Self::ClockSuspicious { doubt: ClockDoubt::Stepped { seconds } } => Words::new(
                format!("时钟刚被调动 {seconds} 秒，暂不删除"),
                format!("the clock was set by {seconds} s a short while ago"),
            ),
            Self::Held { holds } => {
                let list: Vec<&str> = holds.iter().map(HoldId::as_str).collect();
                Words::new(format!("留存 {}", list.join("、")), format!("held by {}", list.join(", ")))
            }
            Self::HoldsUnknown => Words::new(
                "留存清单读不出，可能有留存；见 jiancha hold list",
                "the list of holds cannot be read; see jiancha hold list",
            ),
            Self::NewestDay => Words::new("该摄像机最新一天", "the newest day of its camera"),
            Self::SpaceNotNeeded => Words::new("可删除，但空间足够", "may go, but there is space"),
            Self::RootAbsent => Words::new(
                "存储目录不在：请挂载，或确认 hall.toml",
                "its storage root is not there: mount it, or see hall.toml",
            ),
            Self::RowsUnreadable { rows } => Words::new(
                format!("目录库有 {rows} 条记录读不出：停止服务后运行 jiancha rebuild"),
                format!("{rows} rows cannot be read: stop the recorder and run jiancha rebuild"),
            ),
            Self::OutOfPlace { files } => Words::new(
                format!("{files} 个文件不在应在的位置：见 jiancha verify"),
                format!("{files} files out of place: see jiancha verify"),
            ),
            Self::NotSealed { files } => Words::new(
                format!("{files} 个文件未封存：停止服务后运行 jiancha rebuild"),
                format!("{files} files without a seal: stop the recorder and run jiancha rebuild"),
            ),
            Self::BackupNotProven { files } => Words::new(
                format!("{files} 个文件的备份未经验证：见 jiancha backup status"),
                format!("the copy of {files} files is not proven: see jiancha backup status"),
            ),
            Self::SpaceNeeded => Words::new("期限已满，需要空间", "its floor is over and space is needed"),
            Self::UpperBound { until } => {
                Words::new(format!("已超过上限（至 {until}）"), format!("older than the upper bound (until {until})"))
            }
            Self::Due => Words::new("期限已满", "its floor is over"),
        }
    }
}
