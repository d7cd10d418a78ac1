//! What can be wrong with a hall.toml, and how it is told: line, key, what was found, what would be right; Chinese, then English.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;

/// How bad a complaint is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The hall cannot be used.
    Error,
    /// The hall can be used, but something should be better.
    Warning,
}

/// What sort of thing is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ComplaintKind {
    /// The file cannot be read at all.
    Unreadable,
    /// The text is not TOML at this place.
    Syntax,
    /// A key nobody reads.
    UnknownKey,
    /// A key or a whole section that must be there.
    MissingKey,
    /// A number where a text belongs, `[camera]` where `[[camera]]` belongs, and the like.
    WrongType,
    /// A text that is not one of the allowed ones, or not of the allowed form.
    BadValue,
    /// A number outside its range.
    OutOfRange,
    /// An id nothing in the file defines.
    UnknownReference,
    /// An id defined twice.
    DuplicateId,
    /// An id with characters that cannot stand in a folder name or an address.
    IllegalId,
    /// Not an RTSP address.
    BadUrl,
    /// A user name or password inside an address.
    CredentialsInUrl,
    /// Two places that both give a password.
    TwoPasswords,
    /// The password is not where the file says.
    NoPassword,
    /// A password that others can read.
    ExposedPassword,
    /// `faces` is not answered by the other window.
    FacesNotMutual,
    /// Windows share what only windows facing each other may share (R5).
    Sharing,
    /// A window is watched by a camera that is not a fixed one (R5).
    NotFixed,
    /// The same storage folder twice, or one inside the other.
    StorageOverlap,
    /// The viewer would be reachable from outside over plain HTTP.
    OpenListener,
    /// Two cameras with one address.
    SameAddress,
    /// The backup would travel without encryption.
    PlainHttp,
    /// A key that has no effect beside the others.
    Unused,
    /// A name in braces in a label that stands for nothing.
    UnknownPlaceholder,
    /// Time and label in one corner.
    SamePlace,
    /// The label stands elsewhere than R8 wants it.
    LabelPlace,
    /// The label does not say what R8 wants it to.
    LabelSays,
    /// The font has no picture of a character of the label.
    NoGlyph,
    /// The label does not fit the picture.
    LabelTooLong,
}

/// One sentence or value in both languages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Words {
    /// Chinese.
    pub zh: String,
    /// English.
    pub en: String,
}

impl Words {
    /// A sentence in both languages.
    pub fn new(zh: impl Into<String>, en: impl Into<String>) -> Self {
        Self { zh: zh.into(), en: en.into() }
    }

    /// A value that reads the same in both.
    pub fn same(value: impl Into<String>) -> Self {
        let value = value.into();
        Self { zh: value.clone(), en: value }
    }
}

/// One thing wrong with hall.toml.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Complaint {
    /// How bad.
    pub severity: Severity,
    /// What sort of thing.
    pub kind: ComplaintKind,
    /// Line in the file, from 1; 0 when the complaint is about the file as a whole.
    pub line: usize,
    /// The key, such as `camera[C3].url`; an entry without a usable id is counted from 1: `camera[#2].id`.
    pub key: String,
    /// What was found.
    pub found: Words,
    /// What would be right.
    pub right: Words,
}

impl Complaint {
    /// Everything but the place in the file: one line Chinese, one line English.
    fn write_body(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "错误",
            Severity::Warning => "警告",
        };
        let key = if self.key.is_empty() { String::new() } else { format!(" {}", self.key) };
        writeln!(f, "{severity}{key}：{}；{}", self.found.zh, self.right.zh)?;
        write!(f, "    {}; {}", self.found.en, self.right.en)
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line > 0 {
            write!(f, "第 {} 行 ", self.line)?;
        }
        self.write_body(f)
    }
}

/// All complaints about one file; prints them all, each with the file's name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Complaints {
    /// The file, where it was read from one.
    pub file: Option<PathBuf>,
    /// The complaints in the order of the file.
    pub list: Vec<Complaint>,
}

impl Complaints {
    /// Complaints about `file`.
    pub fn new(file: Option<&Path>, list: Vec<Complaint>) -> Self {
        Self { file: file.map(Path::to_path_buf), list }
    }

    /// How many of them are errors.
    pub fn errors(&self) -> usize {
        self.list.iter().filter(|c| c.severity == Severity::Error).count()
    }
}

impl fmt::Display for Complaints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.as_deref().map_or_else(|| "hall.toml".to_owned(), |p| p.display().to_string());
        for complaint in &self.list {
            let line = if complaint.line > 0 { format!(":{}", complaint.line) } else { String::new() };
            write!(f, "{file}{line}: ")?;
            complaint.write_body(f)?;
            writeln!(f)?;
        }
        let errors = self.errors();
        let warnings = self.list.len() - errors;
        write!(f, "{file}: {errors} 处错误，{warnings} 处警告 ({errors} errors, {warnings} warnings)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaint(severity: Severity, line: usize) -> Complaint {
        Complaint {
            severity,
            kind: ComplaintKind::BadValue,
            line,
            key: "camera[C3].kind".into(),
            found: Words::new("写的是 \"dome\"", "found \"dome\""),
            right: Words::new("应为 \"fixed\" 或 \"ptz\"", "must be \"fixed\" or \"ptz\""),
        }
    }

    #[test]
    fn every_complaint_is_printed_with_file_line_and_both_languages() {
        let all = Complaints::new(
            Some(Path::new("config/hall.toml")),
            vec![complaint(Severity::Error, 14), complaint(Severity::Warning, 0)],
        );
        assert_eq!(
            all.to_string(),
            "config/hall.toml:14: 错误 camera[C3].kind：写的是 \"dome\"；应为 \"fixed\" 或 \"ptz\"\n    found \"dome\"; must be \"fixed\" or \"ptz\"\n\
             config/hall.toml: 警告 camera[C3].kind：写的是 \"dome\"；应为 \"fixed\" 或 \"ptz\"\n    found \"dome\"; must be \"fixed\" or \"ptz\"\n\
             config/hall.toml: 1 处错误，1 处警告 (1 errors, 1 warnings)"
        );
    }
}
