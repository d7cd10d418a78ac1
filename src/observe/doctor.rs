//! What is wrong with this machine and hall.toml, and how to mend it: the report behind `jiancha doctor`.
//!
//! Looking and judging are apart: each file of this folder has an edge that looks at the machine and pure functions that judge
//! what was seen. This file holds the report itself and how it is printed.

pub mod capacity;
pub mod disk;
pub mod encoders;
pub mod labels;
pub mod machine;
pub mod network;
pub mod plugins;

use std::fmt::Write as _;

use serde::Serialize;

use super::state::Bilingual;
use crate::hall::{Complaint, Severity};

/// How a check came out, from best to worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// Not there, and nobody asks for it.
    Absent,
    /// As it should be.
    Ok,
    /// Works, but should be better.
    Warn,
    /// Must be mended.
    Wrong,
    /// Could not be looked at.
    Unchecked,
}

impl Standing {
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Standing::Absent => ("- 没有", "absent"),
            Standing::Ok => ("✓ 正常", "ok"),
            Standing::Warn => ("! 注意", "warn"),
            Standing::Wrong => ("✗ 有误", "wrong"),
            Standing::Unchecked => ("? 未查", "unchecked"),
        }
    }
}

/// Both languages of a text.
pub(crate) fn both(zh: impl Into<String>, en: impl Into<String>) -> Bilingual {
    Bilingual { zh: zh.into(), en: en.into() }
}

/// One check and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Stable name for scripts, such as `clock` or `storage`.
    pub id: &'static str,
    /// What was checked.
    pub check: Bilingual,
    /// How it came out.
    pub standing: Standing,
    /// What was found.
    pub found: Bilingual,
    /// How to mend it; absent when there is nothing to mend.
    pub mend: Option<Bilingual>,
}

impl Finding {
    /// A check that came out well.
    pub fn ok(id: &'static str, check: Bilingual, found: Bilingual) -> Self {
        Self { id, check, standing: Standing::Ok, found, mend: None }
    }

    /// A check that did not.
    pub fn bad(id: &'static str, standing: Standing, check: Bilingual, found: Bilingual, mend: Bilingual) -> Self {
        Self { id, check, standing, found, mend: Some(mend) }
    }
}

/// All findings of one examination.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Report {
    /// In the order of the examination.
    pub findings: Vec<Finding>,
    /// The encoders, best first.
    pub encoders: Vec<encoders::EncoderRow>,
}

impl Report {
    /// The worst standing; `Ok` when nothing is wrong or nothing was looked at.
    pub fn result(&self) -> Standing {
        self.findings.iter().map(|f| f.standing).max().unwrap_or(Standing::Ok).max(Standing::Ok)
    }

    /// 0 when nothing must be mended (warnings may be there), 1 when something must, 2 when something could not be checked.
    pub fn exit_code(&self) -> u8 {
        match self.result() {
            Standing::Absent | Standing::Ok | Standing::Warn => 0,
            Standing::Wrong => 1,
            Standing::Unchecked => 2,
        }
    }

    /// The report for scripts: `{"result":"wrong","findings":[{"id":…,"check":{"zh":…,"en":…},"standing":…,"found":…,"mend":…}]}`.
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::json!({ "result": self.result(), "findings": self.findings, "encoders": self.encoders })
    }

    /// The report as a table for people: Chinese line, English line under it, and what to do where there is something to do.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        let (head, wide) = (("结果", "检查"), self.findings.iter().map(|f| width(&f.check.zh)).max().unwrap_or(0).max(4));
        let wide = wide.min(WIDEST_CHECK);
        let _ = writeln!(text, "{}  {}  找到 / found", pad(head.0, 6), pad(head.1, wide));
        for finding in &self.findings {
            let (mark, word) = finding.standing.words();
            let _ = writeln!(text, "{}  {}  {}", pad(mark, 6), pad(&finding.check.zh, wide), finding.found.zh);
            let _ = writeln!(text, "{}  {}: {} [{word}]", " ".repeat(6), finding.check.en, finding.found.en);
            if let Some(mend) = &finding.mend {
                let _ = writeln!(text, "{}  → {}", " ".repeat(6), mend.zh);
                let _ = writeln!(text, "{}    {}", " ".repeat(6), mend.en);
            }
        }
        let count = |standing| self.findings.iter().filter(|f| f.standing == standing).count();
        let (ok, warn) = (count(Standing::Ok), count(Standing::Warn));
        let (wrong, unchecked) = (count(Standing::Wrong), count(Standing::Unchecked));
        let _ = writeln!(text, "\n{ok} 项正常，{warn} 项注意，{wrong} 项有误，{unchecked} 项未能检查");
        let _ = writeln!(text, "{ok} ok, {warn} to note, {wrong} wrong, {unchecked} not checked");
        text
    }
}

/// Widest column of check names; a longer name pushes its own line only.
const WIDEST_CHECK: usize = 42;

/// Columns a text takes on a terminal: two for each Chinese character or full-width mark.
pub(crate) fn width(text: &str) -> usize {
    text.chars().map(|c| if matches!(c, '\u{1100}'..='\u{115f}' | '\u{2e80}'..='\u{a4cf}' | '\u{ac00}'..='\u{d7a3}' | '\u{f900}'..='\u{faff}' | '\u{fe30}'..='\u{fe6f}' | '\u{ff00}'..='\u{ff60}' | '\u{20000}'..='\u{3fffd}') { 2 } else { 1 }).sum()
}

pub(crate) fn pad(text: &str, columns: usize) -> String {
    format!("{text}{}", " ".repeat(columns.saturating_sub(width(text))))
}

/// One finding for each complaint about hall.toml; one good one when there is none.
pub fn hall_file(file: &str, cameras: usize, windows: usize, complaints: &[Complaint]) -> Vec<Finding> {
    if complaints.is_empty() {
        return vec![Finding::ok(
            "hall",
            both("hall.toml", "hall.toml"),
            both(
                format!("{file}：{cameras} 台摄像机，{windows} 个窗口"),
                format!("{file}: {cameras} cameras, {windows} windows"),
            ),
        )];
    }
    complaints
        .iter()
        .map(|c| {
            let standing = if c.severity == Severity::Error { Standing::Wrong } else { Standing::Warn };
            let place = if c.line > 0 { format!("{file}:{}", c.line) } else { file.to_owned() };
            let found = |what: &str| format!("{place} {}: {what}", c.key);
            Finding::bad(
                "hall",
                standing,
                both("hall.toml", "hall.toml"),
                both(found(&c.found.zh), found(&c.found.en)),
                both(c.right.zh.clone(), c.right.en.clone()),
            )
        })
        .collect()
}

/// A check that could not be made because hall.toml could not be read.
pub fn not_without_hall(id: &'static str, check: Bilingual) -> Finding {
    Finding::bad(
        id,
        Standing::Unchecked,
        check,
        both("hall.toml 无法使用，没有检查", "not checked: hall.toml cannot be used"),
        both("先改正 hall.toml，再运行本命令", "mend hall.toml, then run this again"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(standings: &[Standing]) -> Report {
        let findings = standings
            .iter()
            .map(|&standing| Finding {
                id: "clock",
                check: both("时钟", "clock"),
                standing,
                found: both("甲", "a"),
                mend: None,
            })
            .collect();
        Report { findings, ..Report::default() }
    }

    #[test]
    fn the_exit_code_follows_the_worst_finding_and_warnings_pass() {
        use Standing::*;
        assert_eq!(report(&[]).exit_code(), 0);
        assert_eq!(report(&[Absent, Ok, Warn]).exit_code(), 0);
        assert_eq!(report(&[Absent]).result(), Ok);
        assert_eq!(report(&[Ok, Wrong, Warn]).exit_code(), 1);
        assert_eq!(report(&[Wrong, Unchecked]).exit_code(), 2);
    }

    #[test]
    fn the_table_lines_up_under_chinese_text_and_ends_with_the_count() {
        let report = Report {
            findings: vec![
                Finding::ok("clock", both("系统时钟", "clock"), both("误差 3 ms", "error 3 ms")),
                Finding::bad(
                    "fonts",
                    Standing::Wrong,
                    both("字体", "fonts"),
                    both("没有", "none"),
                    both("安装 fonts-noto-cjk", "install fonts-noto-cjk"),
                ),
            ],
            ..Report::default()
        };
        assert_eq!(
            report.to_text(),
            "结果    检查      找到 / found\n\
             ✓ 正常  系统时钟  误差 3 ms\n        clock: error 3 ms [ok]\n\
             ✗ 有误  字体      没有\n        fonts: none [wrong]\n        → 安装 fonts-noto-cjk\n          install fonts-noto-cjk\n\
             \n1 项正常，0 项注意，1 项有误，0 项未能检查\n1 ok, 0 to note, 1 wrong, 0 not checked\n"
        );
    }

    #[test]
    fn json_carries_the_result_and_every_finding() {
        let json = report(&[Standing::Warn]).to_json();
        assert_eq!(json["result"], "warn");
        assert_eq!(json["findings"][0]["standing"], "warn");
        assert_eq!(json["findings"][0]["check"]["zh"], "时钟");
    }
}
