//! `[stamp] codec`, `give_up` and `rest_seconds`: how the stamped picture is coded, and what goes first when stamping cannot keep up.

use toml_edit::Value;

use super::complaint::{ComplaintKind, Words};
use super::reader::{Need, Reader, Section, show};
use crate::media::VideoCodec;

/// What may be given up so that the server keeps up (过载时放弃).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GiveUp {
    /// The small pictures for the wall (电视墙小画面).
    Wall,
    /// Every second picture of the stamped recording: 25 become 12.5 a second.
    HalfRate,
    /// The stamp: the camera's own pictures are recorded as they come.
    Stamp,
}

impl GiveUp {
    /// The word in hall.toml.
    pub fn word(self) -> &'static str {
        match self {
            GiveUp::Wall => "wall",
            GiveUp::HalfRate => "half-rate",
            GiveUp::Stamp => "stamp",
        }
    }
}

/// How the stamped picture is coded and how overload is met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StampWork {
    /// Coding of the stamped picture; `None`: that of the encoder named, H.264 for `auto`.
    pub codec: Option<VideoCodec>,
    /// What is given up, in this order; the stamp is always last.
    pub give_up: Vec<GiveUp>,
    /// Seconds until what failed or was given up is tried again; each failure in a row doubles them, up to ten minutes.
    pub rest_seconds: u32,
}

impl Default for StampWork {
    fn default() -> Self {
        Self { codec: None, give_up: vec![GiveUp::Wall, GiveUp::Stamp], rest_seconds: 30 }
    }
}

/// Keys of `[stamp]` that are read here.
pub(super) const KEYS: [&str; 3] = ["codec", "give_up", "rest_seconds"];

/// Reads them.
pub(super) fn read(reader: &mut Reader, section: &Section<'_>) -> StampWork {
    let default = StampWork::default();
    let codecs = [("h264", Some(VideoCodec::H264)), ("h265", Some(VideoCodec::H265))];
    StampWork {
        codec: reader.choice(section, "codec", &codecs, Some(None)).flatten(),
        give_up: give_up(reader, section).unwrap_or(default.give_up),
        rest_seconds: reader.number(section, "rest_seconds", default.rest_seconds, 1..=600, Words::new("秒", "seconds")),
    }
}

fn give_up(reader: &mut Reader, section: &Section<'_>) -> Option<Vec<GiveUp>> {
    const EXAMPLE: &str = "[\"wall\", \"half-rate\", \"stamp\"]";
    let item = reader.item(section, "give_up", Need::Optional, EXAMPLE)?;
    let words: Option<Vec<&str>> = item.as_array().and_then(|list| list.iter().map(Value::as_str).collect());
    let Some(words) = words else {
        reader.wrong_type(section, "give_up", item, Words::new("文字列表", "a list of texts"), EXAMPLE);
        return None;
    };
    let step = |word: &&str| [GiveUp::Wall, GiveUp::HalfRate, GiveUp::Stamp].into_iter().find(|step| step.word() == *word);
    let steps: Option<Vec<GiveUp>> = words.iter().map(step).collect();
    let once = |steps: &[GiveUp]| (1..steps.len()).all(|n| !steps[..n].contains(&steps[n]));
    if let Some(steps) = steps.filter(|steps| once(steps) && steps.last() == Some(&GiveUp::Stamp)) {
        return Some(steps);
    }
    let line = reader.line_of(section, "give_up");
    let found = words.iter().map(|w| show(w)).collect::<Vec<_>>().join(", ");
    reader.error(
        ComplaintKind::BadValue,
        line,
        section.key("give_up"),
        Words::new(format!("写的是 [{found}]"), format!("found [{found}]")),
        Words::new(
            format!("可写 wall、half-rate、stamp，各至多一次，stamp 必须在最后（录像本身从不放弃），例如 give_up = {EXAMPLE}"),
            format!(
                "may name wall, half-rate and stamp, each at most once, stamp last (recording itself is never given up), for example give_up = {EXAMPLE}"
            ),
        ),
    );
    None
}
