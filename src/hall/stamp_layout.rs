//! `[stamp]` and `[[camera]]`: what the stamp (叠加) says and where it stands (R8).

use serde::{Deserialize, Serialize};
use toml_edit::{Item, TableLike, Value};

use super::checks::Drafts;
use super::complaint::{ComplaintKind, Words};
use super::reader::{Need, Reader, Section, show};
use super::suggest;
use super::{Camera, CameraKind, Hall};

/// The keys of `[stamp]` that this file reads.
pub(super) const KEYS: [&str; 5] = ["label", "time_place", "label_place", "size", "weekday"];

/// An example of `label`: the default.
const LABEL: &str = "[\"{division} {hall}\", \"{zone} {windows} {ptz}\"]";

/// A corner of the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Corner {
    /// Top left (左上).
    TopLeft,
    /// Top right (右上).
    TopRight,
    /// Bottom left (左下).
    BottomLeft,
    /// Bottom right (右下): where R8 wants the label.
    BottomRight,
}

impl Corner {
    /// The four corners and how hall.toml names them.
    pub const WORDS: [(&str, Corner); 4] = [
        ("top-left", Corner::TopLeft),
        ("top-right", Corner::TopRight),
        ("bottom-left", Corner::BottomLeft),
        ("bottom-right", Corner::BottomRight),
    ];

    /// True for the two upper corners.
    pub fn is_top(self) -> bool {
        matches!(self, Corner::TopLeft | Corner::TopRight)
    }

    /// True for the two left corners.
    pub fn is_left(self) -> bool {
        matches!(self, Corner::TopLeft | Corner::BottomLeft)
    }
}

/// What a placeholder of a label stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Placeholder {
    Division,
    Hall,
    Zone,
    Windows,
    Camera,
    Name,
    Ptz,
}

const PLACEHOLDERS: [(&str, Placeholder); 7] = [
    ("division", Placeholder::Division),
    ("hall", Placeholder::Hall),
    ("zone", Placeholder::Zone),
    ("windows", Placeholder::Windows),
    ("camera", Placeholder::Camera),
    ("name", Placeholder::Name),
    ("ptz", Placeholder::Ptz),
];

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Filled(Placeholder),
}

/// The two lines of a label (右下角文字) with placeholders in braces, such as `{zone} {windows}`; checked when read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelTemplate([Vec<Piece>; 2]);

impl Default for LabelTemplate {
    /// Division and hall; zone, windows and `云台`.
    fn default() -> Self {
        use Placeholder::{Division, Hall, Ptz, Windows, Zone};
        let space = || Piece::Text(" ".to_owned());
        Self([
            vec![Piece::Filled(Division), space(), Piece::Filled(Hall)],
            vec![Piece::Filled(Zone), space(), Piece::Filled(Windows), space(), Piece::Filled(Ptz)],
        ])
    }
}

/// What is wrong with a line of a label.
#[derive(Clone, Debug, PartialEq, Eq)]
enum LineFault {
    /// A name in braces that stands for nothing.
    Unknown(String),
    /// A brace without its partner, or a full-width one.
    Brace(char),
}

impl LabelTemplate {
    /// The lines for a camera: placeholders filled in, spaces run together.
    pub(super) fn lines(&self, hall: &Hall, camera: &Camera) -> [String; 2] {
        let line = |pieces: &[Piece]| {
            let text: String = pieces
                .iter()
                .map(|piece| match piece {
                    Piece::Text(text) => text.clone(),
                    Piece::Filled(placeholder) => placeholder.of(hall, camera),
                })
                .collect();
            text.split_whitespace().collect::<Vec<_>>().join(" ")
        };
        [line(&self.0[0]), line(&self.0[1])]
    }

    fn parse_line(line: &str) -> Result<Vec<Piece>, LineFault> {
        let mut pieces = Vec::new();
        let mut rest = line;
        if let Some(brace) = line.chars().find(|c| matches!(c, '｛' | '｝')) {
            return Err(LineFault::Brace(brace));
        }
        while let Some(open) = rest.find(['{', '}']) {
            let close = rest[open..].find('}').map(|n| open + n);
            let (Some(close), true) = (close, rest[open..].starts_with('{')) else {
                return Err(LineFault::Brace(if rest[open..].starts_with('{') { '{' } else { '}' }));
            };
            if open > 0 {
                pieces.push(Piece::Text(rest[..open].to_owned()));
            }
            let name = rest[open + 1..close].trim();
            match PLACEHOLDERS.iter().find(|(word, _)| *word == name) {
                Some((_, placeholder)) => pieces.push(Piece::Filled(*placeholder)),
                None => return Err(LineFault::Unknown(name.to_owned())),
            }
            rest = &rest[close + 1..];
        }
        if !rest.is_empty() {
            pieces.push(Piece::Text(rest.to_owned()));
        }
        Ok(pieces)
    }
}

impl Placeholder {
    fn of(self, hall: &Hall, camera: &Camera) -> String {
        match self {
            Placeholder::Division => hall.division.clone(),
            Placeholder::Hall => hall.name.clone(),
            Placeholder::Zone => hall.zone(&camera.zone).map_or_else(String::new, |z| z.zone_type.clone()),
            Placeholder::Windows => windows(hall, camera),
            Placeholder::Camera => camera.id.to_string(),
            Placeholder::Name => camera.name.clone().unwrap_or_default(),
            Placeholder::Ptz if camera.kind == CameraKind::Ptz => "云台".to_owned(),
            Placeholder::Ptz => String::new(),
        }
    }
}

/// `3、4号窗口`; nothing for a camera that looks at no window.
fn windows(hall: &Hall, camera: &Camera) -> String {
    let number = |id: &str| match id.trim_start_matches('0') {
        "" => "0".to_owned(),
        number => number.to_owned(),
    };
    let numbers: Vec<String> = hall.windows_of(&camera.id).map(|w| number(w.id.as_str())).collect();
    if numbers.is_empty() { String::new() } else { format!("{}号窗口", numbers.join("、")) }
}

/// `[stamp]`: what the stamp says and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StampLayout {
    /// The label of cameras that have none of their own.
    pub label: LabelTemplate,
    /// Where the time stands; top left by default.
    pub time_place: Corner,
    /// Where the label stands; bottom right by default, as R8 wants it.
    pub label_place: Corner,
    /// Em size in thousandths of a percent of the picture's height (for portrait pictures, of the 16:9 picture of the same area);
    /// 3125 by default, which is 1/32.
    pub size_milli_percent: u32,
    /// The time shows the day of the week; true by default.
    pub weekday: bool,
}

impl StampLayout {
    /// The em size when hall.toml does not say: 1/32 of the height.
    pub const SIZE: u32 = 3125;
}

impl Default for StampLayout {
    fn default() -> Self {
        Self {
            label: LabelTemplate::default(),
            time_place: Corner::TopLeft,
            label_place: Corner::BottomRight,
            size_milli_percent: Self::SIZE,
            weekday: true,
        }
    }
}

/// A text of hall.toml that gets into labels, and where it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelText {
    /// The key, such as `zone[Z1].type`.
    pub key: String,
    /// Line in the file, from 1.
    pub line: usize,
    /// What is written there.
    pub text: String,
}

/// Reads the keys of `[stamp]` that belong here.
pub(super) fn read(reader: &mut Reader, section: &Section<'_>) -> StampLayout {
    let default = StampLayout::default();
    let mut place = |key: &str, otherwise| reader.choice(section, key, &Corner::WORDS, Some(otherwise));
    let (time, label) = (place("time_place", default.time_place), place("label_place", default.label_place));
    let layout = StampLayout {
        label: template(reader, section).unwrap_or_default(),
        time_place: time.unwrap_or(default.time_place),
        label_place: label.unwrap_or(default.label_place),
        size_milli_percent: size(reader, section).unwrap_or(default.size_milli_percent),
        weekday: reader.flag(section, "weekday", true),
    };
    if let (Some(time), Some(label)) = (time, label) {
        places(reader, section, time, label);
    }
    layout
}

fn places(reader: &mut Reader, section: &Section<'_>, time: Corner, label: Corner) {
    let word = |corner: Corner| Corner::WORDS.iter().find(|(_, c)| *c == corner).map_or("", |(word, _)| *word);
    let key = if section.table.contains_key("label_place") { "label_place" } else { "time_place" };
    let line = reader.line_of(section, key);
    if time == label {
        let corner = word(time);
        reader.error(
            ComplaintKind::SamePlace,
            line,
            section.key(key),
            Words::new(format!("时间和文字都在 {corner}"), format!("time and label are both at {corner}")),
            Words::new(
                "两者须在不同的角；默认 time_place = \"top-left\"，label_place = \"bottom-right\"",
                "they must stand in different corners; by default time_place = \"top-left\", label_place = \"bottom-right\"",
            ),
        );
    } else if label != Corner::BottomRight {
        reader.warn(
            ComplaintKind::LabelPlace,
            line,
            section.key(key),
            Words::new(format!("文字放在 {}", word(label)), format!("the label stands at {}", word(label))),
            Words::new(
                "R8：行政区划和功能分区应叠加在画面右下角；除非有明确理由，请删去 label_place",
                "R8: division and type of zone belong at the bottom right; take label_place out unless there is a stated reason",
            ),
        );
    }
}

fn size(reader: &mut Reader, section: &Section<'_>) -> Option<u32> {
    let item = reader.item(section, "size", Need::Optional, "3.125")?;
    #[expect(clippy::cast_precision_loss, reason = "a percentage; absurd ones are refused below")]
    let percent = item.as_float().or_else(|| item.as_integer().map(|n| n as f64));
    let Some(percent) = percent else {
        reader.wrong_type(section, "size", item, Words::new("数字，不加引号", "a number without quotes"), "3.125");
        return None;
    };
    if (2.0..=6.0).contains(&percent) {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "2000 to 6000")]
        return Some((percent * 1000.0).round() as u32);
    }
    let line = reader.line_of(section, "size");
    reader.error(
        ComplaintKind::OutOfRange,
        line,
        section.key("size"),
        Words::new(format!("写的是 {percent}"), format!("found {percent}")),
        Words::new(
            "字高应为画面高度的 2 % 至 6 %，可写小数，默认 3.125（1080P 时 34 像素）",
            "must be 2 to 6 % of the picture's height, decimals allowed, 3.125 by default (34 px at 1080P)",
        ),
    );
    None
}

/// The `label` of `[stamp]` or of one `[[camera]]`.
pub(super) fn template(reader: &mut Reader, section: &Section<'_>) -> Option<LabelTemplate> {
    let item = reader.item(section, "label", Need::Optional, LABEL)?;
    let lines: Option<Vec<&str>> = item.as_array().and_then(|list| list.iter().map(Value::as_str).collect());
    let Some(lines) = lines else {
        reader.wrong_type(section, "label", item, Words::new("一行或两行文字的列表", "a list of one or two texts"), LABEL);
        return None;
    };
    let line = reader.line_of(section, "label");
    if lines.is_empty() || lines.len() > 2 || lines.iter().all(|line| line.trim().is_empty()) {
        let (zh, en) = match lines.len() {
            n if n > 2 => (format!("写了 {n} 行"), format!("found {n} lines")),
            _ => ("没有文字".to_owned(), "found no text".to_owned()),
        };
        reader.error(
            ComplaintKind::BadValue,
            line,
            section.key("label"),
            Words::new(zh, en),
            Words::new(
                format!("应为一行或两行，例如 label = {LABEL}"),
                format!("must be one or two lines, for example label = {LABEL}"),
            ),
        );
        return None;
    }
    let mut template = LabelTemplate([Vec::new(), Vec::new()]);
    let mut good = true;
    for (pieces, text) in template.0.iter_mut().zip(&lines) {
        match LabelTemplate::parse_line(text) {
            Ok(parsed) => *pieces = parsed,
            Err(fault) => {
                complain_of(reader, section, line, &fault);
                good = false;
            }
        }
    }
    good.then_some(template)
}

fn complain_of(reader: &mut Reader, section: &Section<'_>, line: usize, fault: &LineFault) {
    let names = PLACEHOLDERS.map(|(name, _)| format!("{{{name}}}"));
    let known = Words::new(format!("可用：{}", names.join(" ")), format!("known: {}", names.join(" ")));
    let (kind, found, right) = match fault {
        LineFault::Unknown(name) => {
            let near = suggest::nearest(name, PLACEHOLDERS.iter().map(|(word, _)| *word));
            let (zh, en) = near
                .map_or_else(Default::default, |near| (format!("是否想写 {{{near}}}？"), format!("did you mean {{{near}}}? ")));
            let shown = show(&format!("{{{name}}}"));
            (
                ComplaintKind::UnknownPlaceholder,
                Words::new(format!("不认识的占位符 {shown}"), format!("unknown placeholder {shown}")),
                Words::new(format!("{zh}{}", known.zh), format!("{en}{}", known.en)),
            )
        }
        LineFault::Brace(brace) => (
            ComplaintKind::BadValue,
            Words::new(format!("括号 {brace} 不成对或是全角"), format!("the brace {brace} has no partner or is full-width")),
            Words::new(
                format!("占位符写在一对半角花括号里。{}", known.zh),
                format!("placeholders stand in a pair of half-width braces; {}", known.en),
            ),
        ),
    };
    reader.error(kind, line, section.key("label"), found, right);
}

/// Where the texts that get into labels are written, in the order of the file's sections.
pub(super) fn written(reader: &Reader, root: &Section<'_>, drafts: &Drafts<'_>) -> Vec<LabelText> {
    let mut texts = Vec::new();
    let mut take = |section: &Section<'_>, keys: &[&str]| {
        for key in keys {
            let text = match section.table.get(key) {
                Some(Item::Value(Value::Array(lines))) => lines.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" "),
                Some(item) => item.as_str().unwrap_or_default().to_owned(),
                None => continue,
            };
            texts.push(LabelText { key: section.key(key), line: reader.line_of(section, key), text });
        }
    };
    let single = |name: &str| -> Option<Section<'_>> {
        let table: &dyn TableLike = root.table.get(name)?.as_table_like()?;
        Some(Section { table, path: name.to_owned(), line: reader.line_of(root, name) })
    };
    if let Some(hall) = single("hall") {
        take(&hall, &["name", "division"]);
    }
    drafts.zones.iter().for_each(|zone| take(&zone.section, &["type"]));
    drafts.cameras.iter().for_each(|camera| take(&camera.section, &["name", "label"]));
    if let Some(stamp) = single("stamp") {
        take(&stamp, &["label"]);
    }
    texts
}

/// Checks every camera's label against R8, once the hall is whole.
pub(super) fn check(reader: &mut Reader, hall: &Hall) {
    for camera in &hall.cameras {
        let own = format!("camera[{}].label", camera.id);
        let key = if camera.label.is_some() { own.as_str() } else { "stamp.label" };
        let Some(line) = hall.label_texts.iter().find(|t| t.key == key).map(|t| t.line) else { continue };
        let label = hall.label_lines(camera);
        if label.iter().all(String::is_empty) {
            reader.error(
                ComplaintKind::BadValue,
                line,
                key.to_owned(),
                Words::new(format!("摄像机 {} 的文字是空的", camera.id), format!("the label of camera {} is empty", camera.id)),
                Words::new(format!("例如 label = {LABEL}"), format!("write for example label = {LABEL}")),
            );
            continue;
        }
        let zone = hall.zone(&camera.zone).map_or("", |z| z.zone_type.as_str());
        let says = |text: &str| label.concat().replace(' ', "").contains(&text.split_whitespace().collect::<String>());
        let missing: Vec<(&str, &str)> =
            [(hall.division.as_str(), "{division}"), (zone, "{zone}")].into_iter().filter(|(text, _)| !says(text)).collect();
        if !missing.is_empty() {
            let list = missing.iter().map(|(_, placeholder)| *placeholder).collect::<Vec<_>>().join(" ");
            reader.warn(
                ComplaintKind::LabelSays,
                line,
                key.to_owned(),
                Words::new(
                    format!("摄像机 {} 的文字里没有 {list}", camera.id),
                    format!("the label of camera {} does not say {list}", camera.id),
                ),
                Words::new(
                    "R8：画面上应有行政区划和功能分区类型",
                    "R8: the picture carries the administrative division and the type of function zone",
                ),
            );
        }
    }
}
