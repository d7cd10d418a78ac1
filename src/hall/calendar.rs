//! `[calendar]` of hall.toml: where the site's own calendar files lie.

use std::path::PathBuf;

use super::complaint::{ComplaintKind, Words};
use super::reader::{Need, Reader, Section};
use super::{place, sections::Place};

/// `[calendar]`: the site's own calendar files (工作日历).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CalendarSettings {
    /// Folder with files that replace or add years, or change single days; `calendar` beside hall.toml by default.
    pub overrides: PathBuf,
    /// The folder is named in the file: it is wrong when it is not there.
    pub named: bool,
}

pub(super) fn read(reader: &mut Reader, section: &Section<'_>, place: Place<'_>) -> CalendarSettings {
    reader.refuse_unknown(section, &["overrides"]);
    let Some(written) = reader.text(section, "overrides", Need::Optional, "\"calendar\"") else {
        return CalendarSettings { overrides: place.base_dir.join("calendar"), named: false };
    };
    let overrides = place::resolve(place.base_dir, &written);
    if !place.surroundings.exists(&overrides) {
        let line = reader.line_of(section, "overrides");
        let shown = overrides.display();
        // Not refused: a hall goes on recording without its calendar files, and keeps everything longer meanwhile.
        reader.warn(
            ComplaintKind::BadValue,
            line,
            section.key("overrides"),
            Words::new(format!("{shown} 不存在"), format!("{shown} does not exist")),
            Words::new(
                "请建立该目录或改正路径；此前所有年份按未公布处理，录像保存更久",
                "make the folder or mend the path; until then every year counts as unpublished and footage is kept longer",
            ),
        );
    }
    CalendarSettings { overrides, named: true }
}
