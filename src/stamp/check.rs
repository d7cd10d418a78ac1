//! Judges the labels of a hall when it is configured: `jiancha run`, `doctor` and `still --preview` tell of the same faults by the
//! same words, each with its line in hall.toml.
//!
//! A label must fit pictures of 1080P, since no camera may send less (R2). That it does not fit a smaller one is a warning: should
//! such a picture come all the same, the stamp goes below the legible size rather than away (see [`super::placement::place_anyway`]),
//! and recording is not touched.

use std::collections::BTreeSet;
use std::path::Path;

use super::characters::Sort;
use super::draw::StampDrawer;
use super::{StampError, limit};
use crate::hall::{Camera, Complaint, ComplaintKind, Hall, LabelText, Severity, StampMode, Words};
use crate::time::WallTime;

/// The picture every label must fit (R2).
pub const MUST_FIT: (u32, u32) = (1920, 1080);

/// Pictures a label should fit: portrait cameras, 720P, and the small pictures of the wall.
pub const SHOULD_FIT: [(u32, u32); 3] = [(1080, 1920), (1280, 720), (640, 360)];

/// Everything that is wrong with the labels of `hall`, errors and warnings. For a label that is refused a picture of the limit is
/// written into `folder`, and the complaint names it.
///
/// # Errors
/// [`StampError::FontMissing`] and [`StampError::FontUnreadable`]: then no label can be judged.
pub fn labels(hall: &Hall, folder: &Path) -> Result<Vec<Complaint>, StampError> {
    let mut complaints = Vec::new();
    let mut told = BTreeSet::new();
    for camera in &hall.cameras {
        match StampDrawer::new(&hall.label_lines(camera), &hall.stamp) {
            Ok(drawer) => complaints.extend(fits(hall, camera, &drawer, folder)),
            Err(StampError::NoGlyph { character, font, .. }) => {
                // One character of the division is one fault, not one for every camera.
                let complaint = no_glyph(hall, camera, character, &font);
                if told.insert((complaint.key.clone(), character, complaint.severity == Severity::Error)) {
                    complaints.push(complaint);
                }
            }
            Err(e) => return Err(e),
        }
    }
    complaints.sort_by_key(|c| c.line);
    Ok(complaints)
}

/// The recorder of a camera that draws its stamp itself runs without ours; live view and export do not.
fn severity(camera: &Camera) -> Severity {
    if camera.stamp == StampMode::Reencode { Severity::Error } else { Severity::Warning }
}

/// The text of hall.toml in which a character of a camera's label stands.
fn written<'a>(hall: &'a Hall, camera: &Camera, character: char) -> Option<&'a LabelText> {
    let (own_zone, own) = (format!("zone[{}].", camera.zone), format!("camera[{}].", camera.id));
    let concerns = |key: &str| match key.split_once('[') {
        Some(_) => key.starts_with(&own_zone) || key.starts_with(&own),
        None => true,
    };
    hall.label_texts.iter().find(|t| concerns(&t.key) && t.text.contains(character))
}

/// The complaint about a character of a camera's label that the font does not have.
pub fn no_glyph(hall: &Hall, camera: &Camera, character: char, font: &Path) -> Complaint {
    let sort = Sort::of(character);
    let place = written(hall, camera, character);
    let (shown, code) = (character.escape_debug().to_string(), character as u32);
    Complaint {
        severity: severity(camera),
        kind: ComplaintKind::NoGlyph,
        line: place.map_or(0, |t| t.line),
        key: place.map_or_else(|| format!("camera[{}]", camera.id), |t| t.key.clone()),
        found: Words::new(
            format!("{} `{shown}`（U+{code:04X}）在字体 {} 中没有字形", sort.zh(), font.display()),
            format!("{sort}, `{shown}` (U+{code:04X}), has no glyph in the font {}", font.display()),
        ),
        right: Words::new(sort.remedy_zh(), sort.remedy_en()),
    }
}

fn fits(hall: &Hall, camera: &Camera, drawer: &StampDrawer, folder: &Path) -> Option<Complaint> {
    let own = format!("camera[{}].label", camera.id);
    let place = ["stamp.label", "hall.name"];
    let find = |key: &str| hall.label_texts.iter().find(|t| t.key == key);
    let text = find(&own).or_else(|| place.iter().find_map(|key| find(key)));
    let (line, key) = text.map_or((0, own.clone()), |t| (t.line, t.key.clone()));
    let (width, height) = MUST_FIT;
    let lines = shown(&hall.label_lines(camera).join(" / "));
    if let Err(e) = drawer.layout(width, height) {
        let StampError::LabelTooLong { floor_px, line_px, limit_percent, .. } = e else { return None };
        let picture = limit::draw(drawer, width, height, WallTime::from_micros(0));
        let written = picture.and_then(|picture| limit::write(&picture, folder, camera.id.as_str()));
        let (zh, en) = match written {
            Ok(path) => (format!("图示见 {}", path.display()), format!("for a picture of the limit see {}", path.display())),
            Err(why) => (format!("图示未能写出（{why}）"), format!("no picture of the limit could be written ({why})")),
        };
        return Some(Complaint {
            severity: severity(camera),
            kind: ComplaintKind::LabelTooLong,
            line,
            key,
            found: Words::new(
                format!(
                    "摄像机 {} 的文字“{lines}”在 {width}×{height} 的画面里放不下：最小字号 {floor_px} 像素时两行各 {line_px} 像素，时间与文字合计不得超过画面的 {limit_percent} %；{zh}",
                    camera.id
                ),
                format!(
                    "the label `{lines}` of camera {} does not fit a picture of {width}x{height}: at the smallest legible size of {floor_px} px \
                     its two lines have {line_px} px each, and time and label together may cover {limit_percent} % of the picture; {en}",
                    camera.id
                ),
            ),
            right: Words::new(
                format!("请缩短行政区划、大厅名称或分区，或写更短的 label；试看：{}", preview(camera, MUST_FIT)),
                format!("shorten division, hall or zone, or write a shorter label; to try: {}", preview(camera, MUST_FIT)),
            ),
        });
    }
    let misfits: Vec<(u32, u32)> = SHOULD_FIT.into_iter().filter(|(w, h)| drawer.layout(*w, *h).is_err()).collect();
    let last = *misfits.last()?;
    let list = misfits.iter().map(|(w, h)| format!("{w}x{h}")).collect::<Vec<_>>().join(", ");
    Some(Complaint {
        severity: Severity::Warning,
        kind: ComplaintKind::LabelTooLong,
        line,
        key,
        found: Words::new(
            format!("摄像机 {} 的文字“{lines}”在 {list} 的小画面里放不下", camera.id),
            format!("the label `{lines}` of camera {} does not fit small pictures of {list}", camera.id),
        ),
        right: Words::new(
            format!(
                "1080P 及以上不受影响（R2）；若摄像机或电视墙送来这样的小画面，文字会缩到难以辨认甚至截断，录像不受影响。试看：{}",
                preview(camera, last)
            ),
            format!(
                "1080P and more are fine (R2); in such a picture of a camera or the wall the label is shrunk below the legible size, or cut, \
                 while recording goes on. To try: {}",
                preview(camera, last)
            ),
        ),
    })
}

/// A label at a length people still read.
fn shown(label: &str) -> String {
    const LONGEST: usize = 40;
    let short: String = label.chars().take(LONGEST).collect();
    if label.chars().nth(LONGEST).is_some() { format!("{short}…") } else { short }
}

fn preview(camera: &Camera, (width, height): (u32, u32)) -> String {
    format!("jiancha still --preview --camera {} --size {width}x{height} --out label.png", camera.id)
}
