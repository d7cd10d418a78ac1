//! Reads a file of profiles; every complaint names line, key, what was found and what would be right.

use toml_edit::{Document, TableLike};

use super::{Check, Rule, Terms};
use crate::hall::reader::{Need, Reader, Section, show};
use crate::hall::suggest::nearest;
use crate::hall::{Complaint, ComplaintKind, Severity, Words, entries, single};
use crate::observe::state::Bilingual;

/// A profile as its file has it, before those it extends are put in.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    pub(super) id: String,
    pub(super) name: Bilingual,
    pub(super) document: Bilingual,
    /// True: only for others to extend.
    pub(super) part: bool,
    pub(super) extends: Vec<String>,
    pub(super) without: Vec<Check>,
    pub(super) rules: Vec<Rule>,
    /// File and line, for complaints.
    pub(super) file: String,
    pub(super) line: usize,
}

/// Reads the text of a file.
///
/// # Errors
/// All complaints at once.
pub(super) fn read(file: &str, text: &str) -> Result<Vec<Draft>, Vec<Complaint>> {
    let document = match Document::parse(text.to_owned()) {
        Ok(document) => document,
        Err(error) => {
            let at = error.span().map_or(0, |span| span.start);
            let line = text.get(..at).map_or(1, |before| before.matches('\n').count() + 1);
            let message = error.message().lines().collect::<Vec<_>>().join(" ");
            let found = Words::new(format!("这一行不合 TOML 语法（{message}）"), message);
            let right = Words::new("写法见 config/profiles/README.md", "see config/profiles/README.md");
            let kind = ComplaintKind::Syntax;
            return Err(vec![Complaint { severity: Severity::Error, kind, line, key: String::new(), found, right }]);
        }
    };
    let mut reader = Reader::new(document.raw());
    let root = Section { table: document.as_table() as &dyn TableLike, path: String::new(), line: 0 };
    reader.refuse_unknown(&root, &["document", "profile"]);
    let source = match single(&mut reader, &root, "document") {
        Some(section) => {
            reader.refuse_unknown(&section, &["code", "zh", "en"]);
            reader.text(&section, "code", Need::Required, "\"CC\"").zip(words(&mut reader, &section))
        }
        None => {
            if !root.table.contains_key("document") {
                let found = Words::new("缺少 [document]", "[document] is missing");
                let right = Words::new("请加上 [document] code = … zh = … en = …", "add [document] with code, zh and en");
                reader.error(ComplaintKind::MissingKey, 1, "document".to_owned(), found, right);
            }
            None
        }
    };
    let document_words = source.map_or_else(|| super::super::both("", ""), |(_, words)| words);
    let mut drafts = Vec::new();
    for section in entries(&mut reader, &root, "profile") {
        drafts.extend(profile(&mut reader, &section, file, &document_words));
    }
    if reader.complaints.is_empty() {
        return Ok(drafts);
    }
    reader.complaints.sort_by_key(|c| c.line);
    Err(reader.complaints)
}

/// `zh` and `en` of a section.
fn words(reader: &mut Reader, section: &Section<'_>) -> Option<Bilingual> {
    let zh = reader.text(section, "zh", Need::Required, "\"…\"");
    let en = reader.text(section, "en", Need::Required, "\"…\"");
    zh.zip(en).map(|(zh, en)| Bilingual { zh, en })
}

fn profile(reader: &mut Reader, section: &Section<'_>, file: &str, document: &Bilingual) -> Option<Draft> {
    reader.refuse_unknown(section, &["id", "zh", "en", "part", "extends", "without", "rule"]);
    let id = reader.text(section, "id", Need::Required, "\"changchun-2022/township-centre\"");
    let name = words(reader, section);
    let part = reader.flag(section, "part", false);
    let extends = match section.table.get("extends") {
        Some(item) if item.is_str() => reader.text(section, "extends", Need::Optional, "…").into_iter().collect(),
        _ => reader.texts(section, "extends", Need::Optional, "[\"changchun-2022/township-centre\"]"),
    };
    let mut without = Vec::new();
    for word in reader.texts(section, "without", Need::Optional, "[\"upload\"]") {
        without.extend(check(reader, section, "without", &word));
    }
    let mut rules: Vec<Rule> = Vec::new();
    for entry in entries(reader, section, "rule") {
        let Some(rule) = rule(reader, &entry, document) else { continue };
        if rules.iter().any(|earlier| earlier.place() == rule.place()) {
            let line = reader.line_of(&entry, "check");
            let word = rule.check.word();
            let found = Words::new(format!("{word} 在本方案中已写过"), format!("{word} stands in this profile already"));
            let right = Words::new("同一项检查只写一条规则", "write one rule for each check");
            reader.error(ComplaintKind::DuplicateId, line, entry.key("check"), found, right);
            continue;
        }
        rules.push(rule);
    }
    let line = reader.line_of(section, "id");
    Some(Draft { id: id?, name: name?, document: document.clone(), part, extends, without, rules, file: file.to_owned(), line })
}

/// The check of a word; complains with the nearest there is.
fn check(reader: &mut Reader, section: &Section<'_>, key: &str, word: &str) -> Option<Check> {
    let found = Check::of_word(word);
    if found.is_none() {
        let line = reader.line_of(section, key);
        let known: Vec<&str> = Check::ALL.iter().map(|c| c.word()).collect();
        let list = known.join(", ");
        let right = match nearest(word, known) {
            Some(near) => Words::new(format!("是否想写 {near}？"), format!("did you mean {near}?")),
            None => Words::new(format!("应为其中之一：{list}"), format!("must be one of {list}")),
        };
        let wrong = Words::new(format!("没有检查项 {}", show(word)), format!("there is no check {}", show(word)));
        reader.error(ComplaintKind::BadValue, line, section.key(key), wrong, right);
    }
    found
}

/// Keys that every rule may have.
const COMMON: [&str; 5] = ["check", "rule", "zh", "en", "where"];

fn rule(reader: &mut Reader, section: &Section<'_>, document: &Bilingual) -> Option<Rule> {
    let word = reader.text(section, "check", Need::Required, "\"resolution\"")?;
    let check = check(reader, section, "check", &word)?;
    let own: &[&str] = match check {
        Check::Resolution => &["least_width", "least_height"],
        Check::Zones => &["zones", "merge"],
        Check::Windows => &["kind", "least", "most"],
        Check::SpecialWindows => &["kinds"],
        Check::PtzCount => &["from_windows", "least", "norm"],
        Check::PtzZones => &["from_windows"],
        Check::Kept => &["working_days"],
        _ => &[],
    };
    let known: Vec<&str> = COMMON.iter().chain(own).copied().collect();
    reader.refuse_unknown(section, &known);
    let number = reader.text(section, "rule", Need::Required, "\"R2\"");
    if let Some(number) = number.as_deref().filter(|n| !legal_number(n)) {
        let line = reader.line_of(section, "rule");
        let found = Words::new(format!("写的是 {}", show(number)), format!("found {}", show(number)));
        let right = Words::new(
            "应为 R1 至 R15，或 B- 加来源文件代号，例如 B-CC",
            "must be R1 to R15, or B- and the code of the document, such as B-CC",
        );
        reader.error(ComplaintKind::BadValue, line, section.key("rule"), found, right);
    }
    let words = words(reader, section);
    let only_extranet = reader.choice(section, "where", &[("everywhere", false), ("extranet", true)], Some(false));
    let terms = terms(reader, section, check);
    Some(Rule { check, rule: number?, words: words?, document: document.clone(), only_extranet: only_extranet?, terms: terms? })
}

/// `R1` to `R15`, or `B-` with the code of a document.
fn legal_number(number: &str) -> bool {
    let code = |code: &str| !code.is_empty() && code.bytes().all(|b| b.is_ascii_alphanumeric());
    match number.strip_prefix("B-") {
        Some(rest) => code(rest),
        None => number.strip_prefix('R').and_then(|n| n.parse::<u8>().ok()).is_some_and(|n| (1..=15).contains(&n)),
    }
}

fn terms(reader: &mut Reader, section: &Section<'_>, check: Check) -> Option<Terms> {
    let windows = || Words::new("个窗口", "windows");
    let must = |reader: &mut Reader, key: &str, range, unit| {
        reader.item(section, key, Need::Required, "2")?;
        Some(reader.number(section, key, 1, range, unit))
    };
    Some(match check {
        Check::Resolution => Terms::Size {
            width: must(reader, "least_width", 160..=16_384, Words::new("像素", "pixels"))?,
            height: must(reader, "least_height", 120..=16_384, Words::new("像素", "pixels"))?,
        },
        Check::Zones => {
            let zones = reader.texts(section, "zones", Need::Required, "[\"综合受理区\", \"休息等候区\"]");
            let names = |zone: &String| zone.split('|').map(|name| name.trim().to_owned()).collect();
            Terms::Zones { zones: zones.iter().map(names).collect(), merge: reader.flag(section, "merge", false) }
        }
        Check::Windows => {
            let kind = reader.text(section, "kind", Need::Optional, "\"综合窗口\"");
            let least = must(reader, "least", 1..=1000, windows())?;
            let most = section.table.contains_key("most");
            let most = most.then(|| reader.number(section, "most", least, least..=1000, windows()));
            Terms::Windows { kind, least, most }
        }
        Check::SpecialWindows => Terms::Kinds(reader.texts(section, "kinds", Need::Required, "[\"帮办代办\"]")),
        Check::PtzCount => {
            let cameras = || Words::new("台", "cameras");
            let from_windows = must(reader, "from_windows", 1..=1000, windows())?;
            let least = must(reader, "least", 1..=100, cameras())?;
            Terms::Ptz { from_windows, least, norm: must(reader, "norm", least..=100, cameras())? }
        }
        Check::PtzZones => Terms::FromWindows(must(reader, "from_windows", 1..=1000, windows())?),
        Check::Kept => Terms::WorkingDays(must(reader, "working_days", 1..=2000, Words::new("个工作日", "working days"))?),
        _ => Terms::None,
    })
}
