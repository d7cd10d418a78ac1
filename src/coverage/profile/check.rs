//! What can be looked at: the word of each check.

use serde::{Deserialize, Serialize};

/// Declares the checks with their words.
macro_rules! checks {
    ($($(#[$doc:meta])* $name:ident = $word:literal, $zh:literal;)*) => {
        /// What a rule looks at. The order is that in which rules of one number are told.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum Check {
            $($(#[$doc])* $name,)*
        }

        impl Check {
            /// All of them.
            pub const ALL: &[Check] = &[$(Check::$name,)*];

            /// Its word in profiles, JSON and JUnit.
            pub fn word(self) -> &'static str {
                match self { $(Check::$name => $word,)* }
            }

            /// Its name in Chinese.
            pub fn zh(self) -> &'static str {
                match self { $(Check::$name => $zh,)* }
            }
        }
    };
}

checks! {
    /// Devices speak GB/T 28181 (R1).
    Gb28181 = "gb28181", "国标协议";
    /// Picture size as received (R2).
    Resolution = "resolution", "分辨率";
    /// Zones that must exist (R3).
    Zones = "zones", "功能分区";
    /// Every zone has a camera that records (R3).
    ZoneCameras = "zone-cameras", "分区覆盖";
    /// The picture of cameras that look at no window is good (R3).
    CameraPicture = "camera-picture", "公共区域画面";
    /// Number of PTZ cameras (R4).
    PtzCount = "ptz-count", "动点摄像机数量";
    /// A PTZ camera is proven to move (R4).
    PtzMoves = "ptz-moves", "动点控制";
    /// A fixed camera that records for each comprehensive window (R5).
    FixedCamera = "fixed-camera", "定点摄像机";
    /// Only windows that face each other share a camera (R5).
    CameraSharing = "camera-sharing", "摄像机共用";
    /// Only windows that face each other share a pickup (R5).
    PickupSharing = "pickup-sharing", "拾音器共用";
    /// The pickup is there and heard (R5).
    Pickup = "pickup", "拾音";
    /// The picture of a window is good (R5).
    Picture = "picture", "窗口画面";
    /// Clerk and visitor are in view (R5).
    View = "view", "双方入画";
    /// Public zones without windows are seen by a PTZ camera (R6).
    PtzZones = "ptz-zones", "动点覆盖";
    /// Working days kept (R7).
    Kept = "kept", "保存期限";
    /// Recorded part of the expected time (R7).
    Recorded = "recorded", "录像率";
    /// The second copy is proven (R7).
    Backup = "backup", "备份";
    /// The time is Beijing time (R8).
    Time = "time", "北京时间";
    /// The stamp is in the picture (R8).
    Stamp = "stamp", "画面叠加";
    /// Upload to the superior (R9).
    Upload = "upload", "上传";
    /// A firewall is there and reached (R9).
    Firewall = "firewall", "防火墙";
    /// Everything in the inventory is reached (R10).
    Network = "network", "设备在网";
    /// Number of windows (part B).
    Windows = "windows", "窗口数量";
    /// Windows that must exist (part B).
    SpecialWindows = "special-windows", "专窗";
    /// Video surveillance (part B).
    Surveillance = "surveillance", "视频监控";
    /// The supervision system runs (part B).
    Supervision = "supervision", "监察系统";
}

impl Check {
    /// The check of this word.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|check| check.word() == word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_of_a_check_is_the_one_json_tells() {
        for check in Check::ALL {
            assert_eq!(serde_json::to_value(check).expect("a word"), check.word());
            assert_eq!(Check::of_word(check.word()), Some(*check));
        }
        assert_eq!(Check::of_word("resolutoin"), None);
    }
}
