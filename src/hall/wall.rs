//! `[wall]` of hall.toml: the small pictures for the tiles of the wall.

use super::complaint::{ComplaintKind, Words};
use super::reader::{Reader, Section};

/// `[wall]`: small pictures for the tiles of the wall (电视墙小画面).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WallSettings {
    /// False: every tile takes the full picture. True by default.
    pub enabled: bool,
    /// Width in pixels of a 16:9 picture; other shapes get the same area. 640 by default.
    pub width: u32,
    /// Pictures per second. 10 by default.
    pub fps: u32,
    /// Bit rate in kbit/s. 250 by default.
    pub bitrate_kbps: u32,
}

impl Default for WallSettings {
    fn default() -> Self {
        Self { enabled: true, width: 640, fps: 10, bitrate_kbps: 250 }
    }
}

/// Reads `[wall]`; a section that is left out is an empty one.
pub(super) fn wall(reader: &mut Reader, section: &Section<'_>) -> WallSettings {
    reader.refuse_unknown(section, &["enabled", "width", "fps", "bitrate_kbps"]);
    let default = WallSettings::default();
    let width = reader.number(section, "width", default.width, 320..=1280, Words::new("像素", "pixels"));
    if !width.is_multiple_of(2) {
        let line = reader.line_of(section, "width");
        reader.error(
            ComplaintKind::OutOfRange,
            line,
            section.key("width"),
            Words::new(format!("写的是 {width}"), format!("found {width}")),
            Words::new("必须是偶数，例如 640", "must be even, for example 640"),
        );
    }
    WallSettings {
        enabled: reader.flag(section, "enabled", default.enabled),
        width,
        fps: reader.number(section, "fps", default.fps, 1..=25, Words::new("帧每秒", "pictures per second")),
        bitrate_kbps: reader.number(section, "bitrate_kbps", default.bitrate_kbps, 50..=2000, Words::same("kbit/s")),
    }
}

/// Complains of a second stream nobody would watch, or that is the first once more.
pub(super) fn second_stream(reader: &mut Reader, section: &Section<'_>, same_as_url: bool, reencode: bool) {
    let line = reader.line_of(section, "wall_url");
    if same_as_url {
        reader.error(
            ComplaintKind::SameAddress,
            line,
            section.key("wall_url"),
            Words::new("与 url 相同", "the same as url"),
            Words::new(
                "请写摄像机的第二码流（子码流）地址，没有就删去这一行",
                "name the camera's second stream, or leave the line out",
            ),
        );
    } else if reencode {
        reader.warn(
            ComplaintKind::Unused,
            line,
            section.key("wall_url"),
            Words::new("不会用到", "it is not used"),
            Words::new(
                "stamp = \"reencode\" 时，小画面由本机从已解码的画面生成并叠加；wall_url 只用于 stamp = \"camera\" 或 \"none\"，可以删去",
                "with stamp = \"reencode\" the small picture is made and stamped here; wall_url is for stamp = \"camera\" or \"none\"",
            ),
        );
    }
}
