//! Do the stamp's labels fit, and does the font have their characters?

use super::{Finding, Standing, both};
use crate::hall::{Complaint, Severity};
use crate::stamp::StampError;

/// Judges what [`crate::stamp::check::labels`] found; `cameras` is how many there are. A font that cannot be used is told by the
/// check of the font.
pub fn labels(file: &str, cameras: usize, found: &Result<Vec<Complaint>, StampError>) -> Vec<Finding> {
    let check = || both("叠加文字", "labels of the stamp");
    match found {
        Ok(complaints) if complaints.is_empty() => vec![Finding::ok(
            "label",
            check(),
            both(
                format!("{cameras} 台摄像机的文字在 640×360 至 4K 的画面里都放得下"),
                format!("those of {cameras} cameras fit pictures from 640x360 up"),
            ),
        )],
        Ok(complaints) => complaints
            .iter()
            .map(|c| {
                let standing = if c.severity == Severity::Error { Standing::Wrong } else { Standing::Warn };
                let place = if c.line > 0 { format!("{file}:{}", c.line) } else { file.to_owned() };
                let found = both(format!("{place} {}：{}", c.key, c.found.zh), format!("{place} {}: {}", c.key, c.found.en));
                Finding::bad("label", standing, check(), found, both(c.right.zh.clone(), c.right.en.clone()))
            })
            .collect(),
        Err(e) => vec![Finding::bad(
            "label",
            Standing::Unchecked,
            check(),
            both(format!("没有检查：{e}"), format!("not checked: {e}")),
            both("先改正叠加字体", "mend the font for the stamp first"),
        )],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hall::{ComplaintKind, Words};

    #[test]
    fn a_refused_label_is_a_fault_with_its_line_and_a_tight_one_a_warning() {
        let complaint = |severity, line| Complaint {
            severity,
            kind: ComplaintKind::LabelTooLong,
            line,
            key: "hall.name".to_owned(),
            found: Words::same("too long"),
            right: Words::same("shorten it"),
        };
        let told = labels("hall.toml", 2, &Ok(vec![complaint(Severity::Error, 3), complaint(Severity::Warning, 0)]));
        assert_eq!(told.iter().map(|f| f.standing).collect::<Vec<_>>(), [Standing::Wrong, Standing::Warn]);
        assert_eq!(told[0].found.en, "hall.toml:3 hall.name: too long");
        assert_eq!(labels("hall.toml", 2, &Ok(Vec::new()))[0].standing, Standing::Ok);
        let no_font = Err(StampError::FontMissing { tried: vec!["/a.ttc".into()] });
        assert_eq!(labels("hall.toml", 2, &no_font)[0].standing, Standing::Unchecked);
    }
}
