//! Takes typed values out of a TOML table and notes, with its line, everything that is not as it should be.

use toml_edit::{Item, TableLike, Value};

use super::complaint::{Complaint, ComplaintKind, Severity, Words};
use super::suggest;

/// Finds the line of a byte offset.
pub(crate) struct Lines(Vec<usize>);

impl Lines {
    pub(crate) fn of(text: &str) -> Self {
        Self(std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect())
    }

    /// The line, from 1, of the byte at `offset`.
    pub(crate) fn line(&self, offset: usize) -> usize {
        self.0.partition_point(|&start| start <= offset).max(1)
    }
}

/// One table of the file: `[hall]`, or one `[[camera]]`.
#[derive(Clone)]
pub(crate) struct Section<'a> {
    pub(crate) table: &'a dyn TableLike,
    /// How complaints name it, such as `camera[C3]`.
    pub(crate) path: String,
    /// Line of its header.
    pub(crate) line: usize,
}

impl Section<'_> {
    /// The key as complaints name it.
    pub(crate) fn key(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }
}

/// What an optional or required key is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    Required,
    Optional,
}

/// Collects complaints while values are taken out.
pub(crate) struct Reader {
    pub(crate) lines: Lines,
    pub(crate) complaints: Vec<Complaint>,
}

impl Reader {
    pub(crate) fn new(text: &str) -> Self {
        Self { lines: Lines::of(text), complaints: Vec::new() }
    }

    /// Notes an error.
    pub(crate) fn error(&mut self, kind: ComplaintKind, line: usize, key: String, found: Words, right: Words) {
        self.complaints.push(Complaint { severity: Severity::Error, kind, line, key, found, right });
    }

    /// Notes a warning.
    pub(crate) fn warn(&mut self, kind: ComplaintKind, line: usize, key: String, found: Words, right: Words) {
        self.complaints.push(Complaint { severity: Severity::Warning, kind, line, key, found, right });
    }

    /// Line of a key's value, or of the section where it has none.
    pub(crate) fn line_of(&self, section: &Section<'_>, key: &str) -> usize {
        match section.table.get_key_value(key) {
            Some((name, item)) => name.span().or_else(|| item.span()).map_or(section.line, |span| self.lines.line(span.start)),
            None => section.line,
        }
    }

    /// Refuses every key of the section that is not in `known`.
    pub(crate) fn refuse_unknown(&mut self, section: &Section<'_>, known: &[&str]) {
        let unknown: Vec<String> =
            section.table.iter().filter(|(key, _)| !known.contains(key)).map(|(key, _)| key.to_owned()).collect();
        for key in unknown {
            let line = self.line_of(section, &key);
            let list = known.join("、");
            let right = match suggest::nearest(&key, known.iter().copied()) {
                Some(near) => Words::new(
                    format!("是否想写 {near}？可用的键：{list}"),
                    format!("did you mean {near}? known keys: {}", known.join(", ")),
                ),
                None => Words::new(format!("可用的键：{list}"), format!("known keys: {}", known.join(", "))),
            };
            let found = Words::new(format!("不认识的键 {}", show(&key)), format!("unknown key {}", show(&key)));
            self.error(ComplaintKind::UnknownKey, line, section.key(&key), found, right);
        }
    }

    /// A text that is not empty.
    pub(crate) fn text(&mut self, section: &Section<'_>, key: &str, need: Need, example: &str) -> Option<String> {
        let item = self.item(section, key, need, example)?;
        let line = self.line_of(section, key);
        match item.as_str() {
            Some(text) if text.trim().is_empty() => {
                self.error(
                    ComplaintKind::BadValue,
                    line,
                    section.key(key),
                    Words::new("写的是空文字", "found an empty text"),
                    Words::new(format!("例如 {key} = {example}"), format!("write for example {key} = {example}")),
                );
                None
            }
            Some(text) => Some(text.to_owned()),
            None => {
                self.wrong_type(section, key, item, Words::new("文字，写在双引号里", "a text in double quotes"), example);
                None
            }
        }
    }

    /// A list of texts that are not empty; an empty list where the key is missing and need not be there.
    pub(crate) fn texts(&mut self, section: &Section<'_>, key: &str, need: Need, example: &str) -> Vec<String> {
        let Some(item) = self.item(section, key, need, example) else { return Vec::new() };
        let list: Option<Vec<&str>> = item.as_array().and_then(|list| list.iter().map(Value::as_str).collect());
        match list {
            Some(list) if list.iter().all(|text| !text.trim().is_empty()) => list.into_iter().map(str::to_owned).collect(),
            _ => {
                let wanted = Words::new("文字的列表，每项写在双引号里", "a list of texts in double quotes");
                self.wrong_type(section, key, item, wanted, example);
                Vec::new()
            }
        }
    }

    /// `true` or `false`; `default` where the key is missing.
    pub(crate) fn flag(&mut self, section: &Section<'_>, key: &str, default: bool) -> bool {
        let Some(item) = self.item(section, key, Need::Optional, "") else { return default };
        item.as_bool().unwrap_or_else(|| {
            self.wrong_type(section, key, item, Words::same("true / false"), "true");
            default
        })
    }

    /// A whole number within `range`; `default` where the key is missing.
    pub(crate) fn number(
        &mut self,
        section: &Section<'_>,
        key: &str,
        default: u32,
        range: std::ops::RangeInclusive<u32>,
        unit: Words,
    ) -> u32 {
        let Some(item) = self.item(section, key, Need::Optional, "") else { return default };
        let Some(found) = item.as_integer() else {
            self.wrong_type(
                section,
                key,
                item,
                Words::new("整数，不加引号", "a whole number without quotes"),
                &default.to_string(),
            );
            return default;
        };
        match u32::try_from(found) {
            Ok(number) if range.contains(&number) => number,
            _ => {
                let (low, high) = (range.start(), range.end());
                let line = self.line_of(section, key);
                self.error(
                    ComplaintKind::OutOfRange,
                    line,
                    section.key(key),
                    Words::new(format!("写的是 {found}"), format!("found {found}")),
                    Words::new(
                        format!("应在 {low} 至 {high} {} 之间，默认 {default}", unit.zh),
                        format!("must be {low} to {high} {}, {default} by default", unit.en),
                    ),
                );
                default
            }
        }
    }

    /// One of a few words; `default` where the key is missing, `None` with a complaint where it must not be.
    pub(crate) fn choice<T: Copy>(
        &mut self,
        section: &Section<'_>,
        key: &str,
        choices: &[(&str, T)],
        default: Option<T>,
    ) -> Option<T> {
        let need = if default.is_some() { Need::Optional } else { Need::Required };
        let example = format!("\"{}\"", choices.first().map_or("", |c| c.0));
        let Some(item) = self.item(section, key, need, &example) else { return default };
        let Some(found) = item.as_str() else {
            self.wrong_type(section, key, item, Words::new("文字，写在双引号里", "a text in double quotes"), &example);
            return None;
        };
        let hit = choices.iter().find(|(word, _)| *word == found).map(|c| c.1);
        if hit.is_none() {
            let words: Vec<String> = choices.iter().map(|(word, _)| format!("\"{word}\"")).collect();
            let line = self.line_of(section, key);
            self.error(
                ComplaintKind::BadValue,
                line,
                section.key(key),
                Words::new(format!("写的是 {}", show(found)), format!("found {}", show(found))),
                Words::new(format!("应为 {}", words.join(" 或 ")), format!("must be {}", words.join(" or "))),
            );
        }
        hit
    }

    /// The item of a key; complains when it is missing and must not be.
    pub(crate) fn item<'a>(&mut self, section: &Section<'a>, key: &str, need: Need, example: &str) -> Option<&'a Item> {
        let found = section.table.get(key).filter(|item| !item.is_none());
        if found.is_none() && need == Need::Required {
            self.error(
                ComplaintKind::MissingKey,
                section.line,
                section.key(key),
                Words::new(format!("缺少 {key}"), format!("{key} is missing")),
                Words::new(format!("例如 {key} = {example}"), format!("write for example {key} = {example}")),
            );
        }
        found
    }

    /// Notes that a value is of the wrong type.
    pub(crate) fn wrong_type(&mut self, section: &Section<'_>, key: &str, item: &Item, wanted: Words, example: &str) {
        let line = self.line_of(section, key);
        let found = describe(key, item);
        self.error(
            ComplaintKind::WrongType,
            line,
            section.key(key),
            Words::new(format!("写的是{}", found.zh), format!("found {}", found.en)),
            Words::new(
                format!("应为{}，例如 {key} = {example}", wanted.zh),
                format!("must be {}, for example {key} = {example}", wanted.en),
            ),
        );
    }
}

/// What sort of value it is and, where short and no secret, the value itself.
fn describe(key: &str, item: &Item) -> Words {
    let (zh, en, value) = match item {
        Item::Value(Value::String(text)) => ("文字", "the text", show(text.value())),
        Item::Value(Value::Integer(number)) => ("整数", "the whole number", number.value().to_string()),
        Item::Value(Value::Float(number)) => ("小数", "the decimal number", number.value().to_string()),
        Item::Value(Value::Boolean(flag)) => ("真假值", "the truth value", flag.value().to_string()),
        Item::Value(Value::Datetime(time)) => ("日期时间", "the date or time", time.value().to_string()),
        Item::Value(Value::Array(_)) => ("列表", "a list", String::new()),
        Item::ArrayOfTables(_) => ("多个表 [[…]]", "a list of tables [[…]]", String::new()),
        _ => ("表 […]", "a table […]", String::new()),
    };
    let value =
        if (key.starts_with("password") || key.starts_with("secret")) && !value.is_empty() { "***".to_owned() } else { value };
    Words::new(format!("{zh} {value}").trim_end(), format!("{en} {value}").trim_end())
}

/// A text in quotes, on one line, cut to a length people still read.
pub(crate) fn show(text: &str) -> String {
    format!("\"{}\"", show_bare(text))
}

fn show_bare(text: &str) -> String {
    const LONGEST: usize = 80;
    let clean: String = text.chars().map(|c| if c.is_control() { '·' } else { c }).take(LONGEST).collect();
    if text.chars().nth(LONGEST).is_some() { format!("{clean}…") } else { clean }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_map_to_lines_from_one() {
        let lines = Lines::of("a\nbc\n\nd");
        assert_eq!([0, 1, 2, 4, 5, 6, 99].map(|at| lines.line(at)), [1, 1, 2, 2, 3, 4, 4]);
    }

    #[test]
    fn a_shown_text_stays_on_one_line_and_short() {
        assert_eq!(show("a\nb"), "\"a·b\"");
        assert_eq!(show(&"字".repeat(90)).chars().count(), 83);
    }
}
