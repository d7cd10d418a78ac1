//! The report on the terminal: Chinese first, English under it.

use std::fmt::Write as _;

use super::Report;
use crate::coverage::rules::{Finding, Verdict};
use crate::observe::doctor::{pad, width};

/// Widest column of subjects; a longer one pushes its own line only.
const WIDEST_SUBJECT: usize = 32;

pub(super) fn table(report: &Report<'_>, all: bool) -> String {
    let mut text = String::new();
    let (hall, profile) = (report.hall, report.profile);
    let _ = writeln!(text, "{} {}  {}", hall.division, hall.name, report.at.beijing().format("%Y-%m-%d %H:%M:%S"));
    let _ = writeln!(text, "规则方案 profile  {}  {}（{}）", profile.id, profile.name.zh, profile.document.zh);
    let _ = writeln!(text, "                  {} ({})", profile.name.en, profile.document.en);
    if !profile.left_out.is_empty() {
        let zh: Vec<&str> = profile.left_out.iter().map(|c| c.zh()).collect();
        let en: Vec<&str> = profile.left_out.iter().map(|c| c.word()).collect();
        let _ = writeln!(text, "本地方案不查 left out by the site  {}  {}", zh.join("、"), en.join(", "));
    }
    text.push('\n');
    let shown: Vec<&Finding> = report.findings.iter().filter(|f| all || f.result != Verdict::Pass).collect();
    if !shown.is_empty() {
        let wide = |of: fn(&Finding) -> usize| shown.iter().map(|f| of(f)).max().unwrap_or(0);
        let subjects = wide(|f| width(&f.subject_zh)).clamp(4, WIDEST_SUBJECT);
        let checks = wide(|f| width(f.check.zh())).max(4);
        let rules = wide(|f| f.rule.len()).max(4);
        let _ = writeln!(
            text,
            "{}  {}  {}  {}  测得；要求 / measured; required",
            pad("结果", 8),
            pad("规则", rules),
            pad("对象", subjects),
            pad("检查", checks)
        );
        for group in groups(&shown) {
            let Some(finding) = group.first() else { continue };
            let zh: Vec<&str> = group.iter().map(|f| f.subject_zh.as_str()).collect();
            let en: Vec<&str> = group.iter().map(|f| f.subject.as_str()).collect();
            let _ = writeln!(
                text,
                "{}  {}  {}  {}  {}；要求{}",
                pad(&format!("{} {}", mark(finding.result), finding.result.zh()), 8),
                pad(&finding.rule, rules),
                pad(&zh.join("、"), subjects),
                pad(finding.check.zh(), checks),
                finding.measured_zh,
                finding.required.zh
            );
            let (check, measured, required) = (finding.check.word(), &finding.measured, &finding.required.en);
            let word = finding.result.word();
            let _ = writeln!(text, "{}  {}: {check} {measured}; required: {required} [{word}]", " ".repeat(8), en.join(", "));
            if let Some(remedy) = &finding.remedy {
                let _ = writeln!(text, "{}  → {}", " ".repeat(8), remedy.zh);
                let _ = writeln!(text, "{}    {}", " ".repeat(8), remedy.en);
            }
        }
        text.push('\n');
    }
    let counts = report.counts();
    let verdict = report.result();
    let _ = writeln!(
        text,
        "结论：{}。{} 项不合格，{} 项未测，{} 项已签认，{} 项合格",
        verdict.zh(),
        counts.fail,
        counts.not_measured,
        counts.attested,
        counts.pass
    );
    let _ = writeln!(
        text,
        "result: {}. {} fail, {} not measured, {} attested, {} pass",
        verdict.word(),
        counts.fail,
        counts.not_measured,
        counts.attested,
        counts.pass
    );
    text
}

/// Neighbours of which the same is to be said stand together; the remedy is that of the first. What fails stands alone.
pub(super) fn groups<'a>(findings: &[&'a Finding]) -> Vec<Vec<&'a Finding>> {
    let mut groups: Vec<Vec<&Finding>> = Vec::new();
    for finding in findings.iter().copied() {
        let same = |other: &&Finding| {
            finding.result != Verdict::Fail
                && (&other.rule, other.check, other.result) == (&finding.rule, finding.check, finding.result)
                && (&other.measured, &other.required) == (&finding.measured, &finding.required)
                && (finding.result == Verdict::Pass || other.when == finding.when)
        };
        match groups.last_mut() {
            Some(group) if group.first().is_some_and(same) => group.push(finding),
            _ => groups.push(vec![finding]),
        }
    }
    groups
}

/// A mark that is told apart without colour.
pub(super) fn mark(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Fail => "✗",
        Verdict::NotMeasured => "?",
        Verdict::Attested => "✎",
        Verdict::Pass => "✓",
    }
}
