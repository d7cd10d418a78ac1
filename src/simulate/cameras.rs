//! The built-in cameras: what each sends and what it shows. A table, nothing else.

use super::SimulateError;
use super::schedule::Rate;

/// How a simulated camera codes its pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PictureCoding {
    /// H.264 High.
    H264,
    /// H.265 Main.
    H265,
    /// MPEG-4 part 2: a coding the recorder does not know, for that very case.
    Mpeg4,
}

/// How a simulated camera codes its sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SoundCoding {
    /// G.711 A-law, 8 kHz, one channel, 160 samples (20 ms) per packet.
    ALaw,
    /// AAC-LC, 32 kHz, one channel, 1024 samples (32 ms) per frame.
    Aac,
}

impl SoundCoding {
    /// Length of one packet or frame in microseconds.
    pub const fn unit_micros(self) -> i64 {
        match self {
            SoundCoding::ALaw => 20_000,
            SoundCoding::Aac => 32_000,
        }
    }
}

/// What the picture shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum View {
    /// One window: clerk and visitor at a counter (定点). The number is the window's.
    Window(u8),
    /// Two windows that face each other (面对面).
    FacingWindows(u8, u8),
    /// The hall from above the entrance.
    Overview,
    /// The hall from a PTZ camera (动点) that pans slowly.
    Panning,
}

/// One simulated camera.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CameraSpec {
    /// Name, and path in its RTSP address.
    pub id: &'static str,
    /// Coding of the pictures.
    pub coding: PictureCoding,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Pictures per second.
    pub rate: Rate,
    /// Coding of the sound; `None` for a camera without a microphone.
    pub sound: Option<SoundCoding>,
    /// What it shows.
    pub view: View,
    /// It draws its own clock and label, live.
    pub own_clock: bool,
    /// What it is, in Chinese.
    pub chinese: &'static str,
    /// What it is, in English.
    pub english: &'static str,
}

impl CameraSpec {
    /// One line for people: Chinese, then English.
    pub fn what(&self) -> String {
        format!("{} · {}", self.chinese, self.english)
    }

    /// True when this camera can show other pictures than its own: black, frozen, another resolution.
    pub fn has_picture_faults(&self) -> bool {
        self.coding != PictureCoding::Mpeg4 && !self.own_clock && SECOND_STREAMS.iter().all(|(_, second)| second.id != self.id)
    }

    /// Its second stream, if it has one.
    pub fn second_stream(&self) -> Option<&'static CameraSpec> {
        SECOND_STREAMS.iter().find(|(camera, _)| *camera == self.id).map(|(_, second)| second)
    }

    /// Width and height after the fault `resolution`: a camera of 720 lines goes to 1080, all others to 720.
    pub fn other_size(&self) -> (u32, u32) {
        if self.height == 720 { (1920, 1080) } else { (1280, 720) }
    }
}

const fn hd25(id: &'static str, view: View, chinese: &'static str, english: &'static str) -> CameraSpec {
    CameraSpec {
        id,
        coding: PictureCoding::H264,
        width: 1920,
        height: 1080,
        rate: Rate::Fps25,
        sound: Some(SoundCoding::ALaw),
        view,
        own_clock: false,
        chinese,
        english,
    }
}

/// The second stream (第二码流) of a camera, served at `/<camera>/sub`: small, silent, for a wall.
const fn small(id: &'static str, view: View) -> CameraSpec {
    CameraSpec {
        width: 640,
        height: 360,
        rate: Rate::Fps12_5,
        sound: None,
        ..hd25(id, view, "第二码流 H.264 360p12.5", "second stream, H.264 360p12.5")
    }
}

/// The cameras with a second stream.
const SECOND_STREAMS: &[(&str, CameraSpec)] =
    &[("h264-alaw", small("h264-alaw-sub", View::Window(1))), ("hall-3", small("hall-3-sub", View::FacingWindows(3, 4)))];

/// Every built-in camera. The last five belong to the example hall.
pub const CAMERAS: &[CameraSpec] = &[
    hd25("h264-alaw", View::Window(1), "定点 H.264 1080p25 + G.711 A 律", "fixed, H.264 1080p25 + G.711 A-law"),
    CameraSpec {
        sound: Some(SoundCoding::Aac),
        ..hd25("h264-aac", View::Window(2), "定点 H.264 1080p25 + AAC", "fixed, H.264 1080p25 + AAC")
    },
    CameraSpec {
        coding: PictureCoding::H265,
        sound: Some(SoundCoding::Aac),
        ..hd25("h265-aac", View::Window(5), "定点 H.265 1080p25 + AAC", "fixed, H.265 1080p25 + AAC")
    },
    CameraSpec {
        width: 2560,
        height: 1440,
        rate: Rate::Fps12_5,
        ..hd25("h264-1440p", View::Window(6), "定点 H.264 1440p12.5 + G.711 A 律", "fixed, H.264 1440p12.5 + G.711 A-law")
    },
    CameraSpec {
        width: 1280,
        height: 720,
        ..hd25("h264-720p", View::Window(7), "定点 H.264 720p25 + G.711 A 律", "fixed, H.264 720p25 + G.711 A-law")
    },
    CameraSpec {
        sound: None,
        ..hd25("h264-mute", View::Window(8), "定点 H.264 1080p25,无拾音", "fixed, H.264 1080p25, no sound")
    },
    hd25("ptz", View::Panning, "动点 H.264 1080p25 + G.711 A 律", "PTZ, H.264 1080p25 + G.711 A-law"),
    CameraSpec {
        coding: PictureCoding::Mpeg4,
        width: 1280,
        height: 720,
        ..hd25("mpeg4", View::Window(9), "MPEG-4 第 2 部分(不支持的编码)", "MPEG-4 part 2, a coding the recorder does not know")
    },
    CameraSpec {
        width: 1280,
        height: 720,
        rate: Rate::Fps12_5,
        own_clock: true,
        ..hd25(
            "own-clock",
            View::Window(1),
            "自带时间叠加,H.264 720p12.5",
            "draws its own clock and label, H.264 720p12.5 + A-law",
        )
    },
    CameraSpec {
        rate: Rate::Fps12_5,
        ..hd25("hall-1", View::Window(1), "示例大厅 1 号窗口", "example hall, window 1: H.264 1080p12.5 + A-law")
    },
    CameraSpec {
        rate: Rate::Fps12_5,
        sound: Some(SoundCoding::Aac),
        ..hd25("hall-2", View::Window(2), "示例大厅 2 号窗口", "example hall, window 2: H.264 1080p12.5 + AAC")
    },
    CameraSpec {
        rate: Rate::Fps12_5,
        ..hd25(
            "hall-3",
            View::FacingWindows(3, 4),
            "示例大厅 3、4 号窗口(面对面)",
            "example hall, windows 3 and 4 face to face: H.264 1080p12.5 + A-law",
        )
    },
    CameraSpec {
        rate: Rate::Fps12_5,
        ..hd25("hall-ptz", View::Panning, "示例大厅 动点", "example hall, PTZ: H.264 1080p12.5 + A-law")
    },
    CameraSpec {
        coding: PictureCoding::H265,
        rate: Rate::Fps12_5,
        sound: Some(SoundCoding::Aac),
        ..hd25("hall-overview", View::Overview, "示例大厅 全景", "example hall, overview: H.265 1080p12.5 + AAC")
    },
];

/// The built-in camera of this name.
///
/// # Errors
/// [`SimulateError::UnknownCamera`] lists the names there are.
pub fn find(id: &str) -> Result<&'static CameraSpec, SimulateError> {
    CAMERAS.iter().find(|c| c.id == id).ok_or_else(|| SimulateError::UnknownCamera {
        id: id.to_owned(),
        known: CAMERAS.iter().map(|c| c.id).collect::<Vec<_>>().join(", "),
    })
}

/// The cameras named, in the table's order; all of them when `ids` is empty.
///
/// # Errors
/// [`SimulateError::UnknownCamera`] for the first unknown name.
pub fn select(ids: &[String]) -> Result<Vec<&'static CameraSpec>, SimulateError> {
    for id in ids {
        find(id)?;
    }
    Ok(CAMERAS.iter().filter(|c| ids.is_empty() || ids.iter().any(|id| id == c.id)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_fit_into_an_address() {
        for (place, camera) in CAMERAS.iter().enumerate() {
            assert!(camera.id.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'));
            assert!(CAMERAS[place + 1..].iter().all(|other| other.id != camera.id));
        }
    }

    #[test]
    fn an_unknown_name_is_told_with_the_known_ones() {
        let told = select(&["hall-1".into(), "T9".into()]).unwrap_err().to_string();
        assert!(told.contains("`T9`") && told.contains("h264-alaw") && told.contains("hall-overview"), "{told}");
        let two = select(&["hall-1".into(), "h264-aac".into()]).unwrap();
        assert_eq!(two.iter().map(|c| c.id).collect::<Vec<_>>(), ["h264-aac", "hall-1"]);
    }
}
