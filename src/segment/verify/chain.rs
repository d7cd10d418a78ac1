//! Files of one camera against each other and against the catalogue. Pure.

use std::collections::HashMap;

use super::file::{Examined, Tail};
use super::{Problem, ProblemKind};
use crate::catalogue::SegmentRow;

/// What the chain needs of a file.
struct Link<'a> {
    file: &'a Examined,
    run: &'a str,
    number: u32,
    previous: Option<&'a str>,
    /// The digest the seal tells and the one the bytes give: the same in a sound file.
    digests: Vec<&'a str>,
}

impl<'a> Link<'a> {
    fn of(file: &'a Examined) -> Option<Self> {
        let identity = file.identity.as_ref().ok()?;
        let folder = file.relative.components().next()?.as_os_str();
        // A file in another camera's folder is told as renamed; it has no place in that camera's chain.
        (folder == identity.camera.as_str()).then(|| Self {
            file,
            run: &identity.run,
            number: identity.number,
            previous: identity.previous.as_deref(),
            digests: match &file.tail {
                Tail::Sealed { seal, digest, .. } => vec![seal.digest.as_str(), digest.as_str()],
                Tail::Open | Tail::Damaged(_) => Vec::new(),
            },
        })
    }
}

/// Judges the chains of one camera's files, given oldest first.
///
/// The oldest run may begin in its middle: what came before went with its day, or lies outside the range asked for.
pub fn judge(files: &[Examined]) -> Vec<Problem> {
    let mut order: Vec<&str> = Vec::new();
    let mut runs: HashMap<&str, Vec<Link<'_>>> = HashMap::new();
    for link in files.iter().filter_map(Link::of) {
        let run = runs.entry(link.run).or_default();
        if run.is_empty() {
            order.push(link.run);
        }
        run.push(link);
    }
    let mut problems = Vec::new();
    for (n, name) in order.into_iter().enumerate() {
        if let Some(mut links) = runs.remove(name) {
            links.sort_by_key(|l| l.number);
            judge_run(&links, n == 0, &mut problems);
        }
    }
    problems
}

fn judge_run(links: &[Link<'_>], may_begin_late: bool, problems: &mut Vec<Problem>) {
    let mut groups = links.chunk_by(|a, b| a.number == b.number).peekable();
    let mut before: Option<&Link<'_>> = None;
    while let Some(group) = groups.next() {
        let vouched: Vec<&str> = groups.peek().into_iter().flat_map(|next| next.iter()).filter_map(|l| l.previous).collect();
        let genuine = group.iter().find(|l| l.digests.iter().any(|d| vouched.contains(d))).or(group.first());
        let Some(genuine) = genuine else { continue };
        for link in group.iter().filter(|l| !std::ptr::eq(*l, genuine)) {
            let detail = format!("{} is number {} of run {} as well", genuine.file.path(), link.number, link.run);
            problems.push(Problem::new(link.file.path(), ProblemKind::ChainBroken, detail));
        }
        if let Some((kind, detail)) = judge_link(before, genuine, may_begin_late) {
            problems.push(Problem::new(genuine.file.path(), kind, detail));
        }
        before = Some(genuine);
    }
}

fn judge_link(before: Option<&Link<'_>>, link: &Link<'_>, may_begin_late: bool) -> Option<(ProblemKind, String)> {
    let next = before.map_or(0, |b| b.number + 1);
    if link.number > next {
        if before.is_none() && may_begin_late {
            return None;
        }
        let missing = if link.number - next == 1 { format!("{next}") } else { format!("{next} to {}", link.number - 1) };
        return Some((ProblemKind::NumberGap, format!("run {} is without number {missing}", link.run)));
    }
    match (before, link.previous) {
        (None, None) => None,
        (None, Some(previous)) => {
            Some((ProblemKind::ChainBroken, format!("it is the first of run {} and names {previous} before it", link.run)))
        }
        // A file before it without a seal is told of as such.
        (Some(before), _) if before.digests.is_empty() => None,
        (Some(before), Some(previous)) if before.digests.contains(&previous) => None,
        (Some(before), previous) => Some((
            ProblemKind::ChainBroken,
            format!(
                "it follows the digest {}, but {} has {}",
                previous.unwrap_or("of nothing"),
                before.file.path(),
                before.digests.last().unwrap_or(&"none")
            ),
        )),
    }
}

/// Numbers of files whose run has a later one.
pub fn followed(files: &[Examined]) -> HashMap<String, u32> {
    let mut last: HashMap<String, u32> = HashMap::new();
    for identity in files.iter().filter_map(|f| f.identity.as_ref().ok()) {
        let number = last.entry(identity.run.clone()).or_default();
        *number = identity.number.max(*number);
    }
    last
}

/// The catalogue's rows of a camera by root and path.
pub fn by_path(rows: &[SegmentRow]) -> HashMap<(&str, &str), &SegmentRow> {
    rows.iter().map(|r| ((r.root.as_str(), r.path.as_str()), r)).collect()
}

/// Compares a sound, sealed file with the catalogue.
pub fn compare(file: &Examined, row: Option<&SegmentRow>) -> Option<Problem> {
    let (Ok(identity), Tail::Sealed { seal, .. }) = (&file.identity, &file.tail) else { return None };
    let Some(row) = row else {
        return Some(Problem::new(file.path(), ProblemKind::CatalogueMissing, format!("it begins at {}", identity.from)));
    };
    let mut differ = Vec::new();
    let mut look = |what: &str, row: String, file: String| {
        if row != file {
            differ.push(format!("{what}: catalogue {row}, file {file}"));
        }
    };
    look("digest", row.digest.clone().unwrap_or_else(|| "none".to_owned()), seal.digest.clone());
    look("bytes", row.bytes.to_string(), file.length.to_string());
    look("start", row.from.to_string(), identity.from.to_string());
    look("end", row.to.to_string(), seal.to.to_string());
    look("run", row.run.clone(), identity.run.clone());
    look("number", row.number.to_string(), identity.number.to_string());
    (!differ.is_empty()).then(|| Problem::new(file.path(), ProblemKind::CatalogueStale, differ.join("; ")))
}
