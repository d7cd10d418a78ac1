//! `[coverage]`: how coverage is checked; and what zones say of it.

use std::path::{Path, PathBuf};

use super::complaint::{ComplaintKind, Words};
use super::reader::{Need, Reader, Section};
use super::sections::Place;
use super::{CameraId, place};

/// `[coverage]`: how coverage is checked (覆盖检查). The limits are the program's own: no published document names them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoverageSettings {
    /// Folder with the site's own rule profiles (规则方案); `profiles` beside hall.toml by default, which need not be there.
    pub profiles: PathBuf,
    /// The folder is named in the file: it is wrong when it is not there.
    pub profiles_named: bool,
    /// The recorded share is taken over so many of the last days. 7 by default.
    pub recorded_days: u32,
    /// Least recorded part of the expected time, in percent. 99 by default.
    pub least_recorded_percent: u32,
    /// Sound counts as silent below so many dB under full scale. 66 by default.
    pub silent_below_db: u32,
    /// A pickup that is silent for more than this part of the opening hours is not heard, in percent. 95 by default.
    pub most_silent_percent: u32,
    /// A pickup that is clipped for more than this part of the opening hours is not understood, in percent. 5 by default.
    pub most_clipped_percent: u32,
    /// A camera that draws the time itself may be off by so many milliseconds. 2000 by default.
    pub most_skew_ms: u32,
}

impl CoverageSettings {
    /// What holds where hall.toml in `base_dir` says nothing.
    pub fn beside(base_dir: &Path) -> Self {
        Self {
            profiles: base_dir.join("profiles"),
            profiles_named: false,
            recorded_days: 7,
            least_recorded_percent: 99,
            silent_below_db: 66,
            most_silent_percent: 95,
            most_clipped_percent: 5,
            most_skew_ms: 2000,
        }
    }
}

pub(super) fn read(reader: &mut Reader, section: &Section<'_>, place: Place<'_>) -> CoverageSettings {
    const KEYS: [&str; 7] = [
        "profiles",
        "recorded_days",
        "least_recorded_percent",
        "silent_below_db",
        "most_silent_percent",
        "most_clipped_percent",
        "most_skew_ms",
    ];
    reader.refuse_unknown(section, &KEYS);
    let mut settings = CoverageSettings::beside(place.base_dir);
    if let Some(written) = reader.text(section, "profiles", Need::Optional, "\"profiles\"") {
        settings.profiles = place::resolve(place.base_dir, &written);
        settings.profiles_named = true;
        if !place.surroundings.exists(&settings.profiles) {
            let (line, shown) = (reader.line_of(section, "profiles"), settings.profiles.display());
            // Not refused: a hall goes on recording without its rule profiles.
            reader.warn(
                ComplaintKind::BadValue,
                line,
                section.key("profiles"),
                Words::new(format!("{shown} 不存在"), format!("{shown} does not exist")),
                Words::new("请建立该目录或改正路径", "make the folder or mend the path"),
            );
        }
    }
    let percent = || Words::same("%");
    let mut number = |key: &str, into: &mut u32, range, unit| *into = reader.number(section, key, *into, range, unit);
    number("recorded_days", &mut settings.recorded_days, 1..=60, Words::new("天", "days"));
    number("least_recorded_percent", &mut settings.least_recorded_percent, 1..=100, percent());
    number("silent_below_db", &mut settings.silent_below_db, 20..=95, Words::same("dB"));
    number("most_silent_percent", &mut settings.most_silent_percent, 1..=99, percent());
    number("most_clipped_percent", &mut settings.most_clipped_percent, 1..=99, percent());
    number("most_skew_ms", &mut settings.most_skew_ms, 100..=60_000, Words::new("毫秒", "milliseconds"));
    settings
}

/// What a zone says of its coverage.
pub(super) struct ZoneCoverage {
    pub(super) also: Vec<String>,
    pub(super) seen_by: Vec<CameraId>,
    pub(super) public: bool,
}

pub(super) fn of_zone(reader: &mut Reader, section: &Section<'_>) -> ZoneCoverage {
    let also = reader.texts(section, "also", Need::Optional, "[\"休息等候区\"]");
    let seen_by = reader.texts(section, "seen_by", Need::Optional, "[\"C4\"]");
    let public = reader.flag(section, "public", true);
    ZoneCoverage { also, seen_by: seen_by.into_iter().map(CameraId::new).collect(), public }
}
