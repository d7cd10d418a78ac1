//! What is handed over: one report, told on the terminal, as JSON, as JUnit XML and as a page to print.

mod html;
mod junit;
mod plan;
mod text;

use serde::Serialize;

use super::attest::Attestation;
use super::measured::Measured;
use super::profile::{Check, Profile};
use super::rules::{Finding, Verdict, judge};
use crate::hall::Hall;
use crate::observe::state::Bilingual;
use crate::time::WallTime;

/// Version of the JSON form; `docs/check.schema.json` describes it. It grows when a field goes or changes its meaning.
pub const SCHEMA_VERSION: u32 = 1;

/// A hall judged by a profile at one moment.
pub struct Report<'a> {
    hall: &'a Hall,
    profile: &'a Profile,
    measured: &'a Measured,
    at: WallTime,
    /// The worst first.
    pub findings: Vec<Finding>,
}

#[derive(Serialize)]
struct Printed<'a> {
    schema_version: u32,
    result: Verdict,
    checked_at: WallTime,
    hall: PrintedHall<'a>,
    profile: PrintedProfile<'a>,
    counts: Counts,
    findings: &'a [Finding],
    attestations: &'a [Attestation],
}

#[derive(Serialize)]
struct PrintedHall<'a> {
    name: &'a str,
    division: &'a str,
    windows: usize,
    cameras: usize,
    zones: usize,
}

#[derive(Serialize)]
struct PrintedProfile<'a> {
    id: &'a str,
    name: &'a Bilingual,
    document: &'a Bilingual,
    /// Checks of the document that the site left out.
    left_out: &'a [Check],
}

/// How many requirements came out how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Counts {
    /// Not met.
    pub fail: usize,
    /// Not measured.
    pub not_measured: usize,
    /// Vouched for.
    pub attested: usize,
    /// Met.
    pub pass: usize,
}

impl<'a> Report<'a> {
    /// Judges a hall.
    pub fn of(hall: &'a Hall, profile: &'a Profile, measured: &'a Measured, at: WallTime) -> Self {
        Self { hall, profile, measured, at, findings: judge(hall, profile, measured) }
    }

    /// The worst result. A profile that asks for nothing here is met.
    pub fn result(&self) -> Verdict {
        self.findings.iter().map(|finding| finding.result).min().unwrap_or(Verdict::Pass)
    }

    /// How many requirements came out how.
    pub fn counts(&self) -> Counts {
        let of = |verdict| self.findings.iter().filter(|finding| finding.result == verdict).count();
        Counts {
            fail: of(Verdict::Fail),
            not_measured: of(Verdict::NotMeasured),
            attested: of(Verdict::Attested),
            pass: of(Verdict::Pass),
        }
    }

    /// The report for scripts, as `docs/check.schema.json` describes it.
    pub fn to_json(&self) -> impl Serialize + '_ {
        let hall = self.hall;
        Printed {
            schema_version: SCHEMA_VERSION,
            result: self.result(),
            checked_at: self.at,
            hall: PrintedHall {
                name: &hall.name,
                division: &hall.division,
                windows: hall.windows.len(),
                cameras: hall.cameras.len(),
                zones: hall.zones.len(),
            },
            profile: PrintedProfile {
                id: &self.profile.id,
                name: &self.profile.name,
                document: &self.profile.document,
                left_out: &self.profile.left_out,
            },
            counts: self.counts(),
            findings: &self.findings,
            attestations: &self.measured.attested,
        }
    }

    /// The report as a table for people; with `all`, what is met stands in it line by line too.
    pub fn to_text(&self, all: bool) -> String {
        text::table(self, all)
    }

    /// The report as JUnit XML: a suite for each rule, a case for each subject.
    pub fn to_junit(&self) -> String {
        junit::xml(self)
    }

    /// The report as a page for A4, complete in itself (验收检查报告).
    pub fn to_html(&self) -> String {
        html::page(self)
    }
}

/// A text as it may stand in XML and HTML, in an element or an attribute.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\n' | '\t' => escaped.push(' '),
            // Neither XML nor a page may hold them.
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => escaped.push('·'),
            c => escaped.push(c),
        }
    }
    escaped
}
