//! The report as JUnit XML, for CI: what is not met and what is not measured are failures of different types.

use std::fmt::Write as _;

use super::{Report, escape};
use crate::coverage::rules::{Finding, Verdict};

pub(super) fn xml(report: &Report<'_>) -> String {
    let mut rules: Vec<&str> = Vec::new();
    for rule in &report.profile.rules {
        if !rules.contains(&rule.rule.as_str()) {
            rules.push(&rule.rule);
        }
    }
    let failures = |findings: &[&Finding]| findings.iter().filter(|f| f.result.is_finding()).count();
    let all: Vec<&Finding> = report.findings.iter().collect();
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(
        xml,
        "<testsuites name=\"jiancha check {}\" tests=\"{}\" failures=\"{}\" errors=\"0\" time=\"0\">",
        escape(&report.profile.id),
        all.len(),
        failures(&all)
    );
    let time = report.at.utc().format("%Y-%m-%dT%H:%M:%S");
    for rule in rules {
        let cases: Vec<&Finding> = report.findings.iter().filter(|f| f.rule == rule).collect();
        if cases.is_empty() {
            continue;
        }
        let (tests, failed) = (cases.len(), failures(&cases));
        let _ = writeln!(
            xml,
            "  <testsuite name=\"{}\" tests=\"{tests}\" failures=\"{failed}\" errors=\"0\" skipped=\"0\" timestamp=\"{time}\" time=\"0\">",
            escape(rule)
        );
        for finding in cases {
            case(&mut xml, finding);
        }
        xml.push_str("  </testsuite>\n");
    }
    xml.push_str("</testsuites>\n");
    xml
}

fn case(xml: &mut String, finding: &Finding) {
    let (rule, word) = (escape(&finding.rule), finding.check.word());
    let _ = write!(xml, "    <testcase classname=\"{rule}.{word}\" name=\"{}\" time=\"0\"", escape(&finding.subject));
    let told = format!("{}; required: {}", finding.measured, finding.required.en);
    match finding.result {
        Verdict::Pass => xml.push_str("/>\n"),
        Verdict::Attested => {
            let _ = writeln!(xml, "><system-out>{}</system-out></testcase>", escape(&told));
        }
        Verdict::Fail | Verdict::NotMeasured => {
            let remedy = finding.remedy.as_ref().map_or_else(String::new, |r| format!("{} {}", r.zh, r.en));
            let body = format!("{}；要求{}。{} {remedy}", finding.measured_zh, finding.required.zh, finding.source.zh);
            let _ = writeln!(
                xml,
                "><failure type=\"{}\" message=\"{}\">{}</failure></testcase>",
                finding.result.word(),
                escape(&told),
                escape(&body)
            );
        }
    }
}
