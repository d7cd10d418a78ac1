//! Files of one camera against each other and against the catalogue. Pure.

use std::collections::HashMap;

use super::file::{Examined, Tail};
use super::{Problem, ProblemKind};
use crate::catalogue::SegmentRow;

/// The part of a run that retention removed, as a signed manifest tells it: the chain goes on over it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bridge {
    /// The manifest's file.
    pub file: String,
    /// The run.
    pub run: String,
    /// Number of the first segment removed.
    pub first: u32,
    /// Number of the last segment removed.
    pub last: u32,
    /// The digest that the first one named as its predecessor's.
    pub previous: Option<String>,
    /// Digest of the last one.
    pub head: String,
}

/// One link of a chain: a file, or a stretch that was removed.
struct Link<'a> {
    /// The file, or the manifest that speaks for it.
    file: String,
    removed: bool,
    run: &'a str,
    first: u32,
    last: u32,
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
            file: file.path(),
            removed: false,
            run: &identity.run,
            first: identity.number,
            last: identity.number,
            previous: identity.previous.as_deref(),
            digests: match &file.tail {
                Tail::Sealed { seal, digest, .. } => vec![seal.digest.as_str(), digest.as_str()],
                Tail::Open | Tail::Damaged(_) => Vec::new(),
            },
        })
    }

    fn over(bridge: &'a Bridge) -> Self {
        Self {
            file: bridge.file.clone(),
            removed: true,
            run: &bridge.run,
            first: bridge.first,
            last: bridge.last,
            previous: bridge.previous.as_deref(),
            digests: vec![&bridge.head],
        }
    }
}

/// Judges the chains of one camera's files, given oldest first. `bridges` stand for what retention removed.
///
/// With `range_only`, the oldest run may begin in its middle: what came before lies outside the range asked for.
pub fn judge(files: &[Examined], bridges: &[Bridge], range_only: bool) -> Vec<Problem> {
    let mut order: Vec<&str> = Vec::new();
    let mut runs: HashMap<&str, Vec<Link<'_>>> = HashMap::new();
    for link in files.iter().filter_map(Link::of) {
        let run = runs.entry(link.run).or_default();
        if run.is_empty() {
            order.push(link.run);
        }
        run.push(link);
    }
    // A day that came back from the backup speaks for itself; a run of which nothing is left has nothing to be held together.
    for bridge in bridges {
        if let Some(run) = runs.get_mut(bridge.run.as_str())
            && !run.iter().any(|l| !l.removed && (bridge.first..=bridge.last).contains(&l.first))
        {
            run.push(Link::over(bridge));
        }
    }
    let mut problems = Vec::new();
    for (n, name) in order.into_iter().enumerate() {
        if let Some(mut links) = runs.remove(name) {
            links.sort_by_key(|l| l.first);
            judge_run(&links, range_only && n == 0, &mut problems);
        }
    }
    problems
}

fn judge_run(links: &[Link<'_>], may_begin_late: bool, problems: &mut Vec<Problem>) {
    let mut groups = links.chunk_by(|a, b| a.first == b.first).peekable();
    let mut before: Option<&Link<'_>> = None;
    while let Some(group) = groups.next() {
        let vouched: Vec<&str> = groups.peek().into_iter().flat_map(|next| next.iter()).filter_map(|l| l.previous).collect();
        let genuine = group.iter().find(|l| l.digests.iter().any(|d| vouched.contains(d))).or(group.first());
        let Some(genuine) = genuine else { continue };
        for link in group.iter().filter(|l| !std::ptr::eq(*l, genuine)) {
            let detail = format!("{} is number {} of run {} as well", genuine.file, link.first, link.run);
            problems.push(Problem::new(&link.file, ProblemKind::ChainBroken, detail));
        }
        // Days before the oldest one removed are answered for by their own notes.
        let begins_removed = before.is_none() && genuine.removed;
        if !begins_removed && let Some((kind, detail)) = judge_link(before, genuine, may_begin_late) {
            problems.push(Problem::new(&genuine.file, kind, detail));
        }
        before = Some(genuine);
    }
}

fn judge_link(before: Option<&Link<'_>>, link: &Link<'_>, may_begin_late: bool) -> Option<(ProblemKind, String)> {
    let next = before.map_or(0, |b| b.last + 1);
    if link.first > next {
        if before.is_none() && may_begin_late {
            return None;
        }
        let missing = if link.first - next == 1 { format!("{next}") } else { format!("{next} to {}", link.first - 1) };
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
                before.file,
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
