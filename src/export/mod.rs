//! Export (导出): footage of a span as plain MP4, and the evidence package around it that can be checked offline.
//!
//! [`samples`] reads the tables of the segment files, [`plan`] chooses what is needed and puts it on one time axis, [`mp4`] makes the
//! front of the new file, [`copy`] moves the bytes; plan and front are pure. [`gaps`] tells what is missing and why, [`package`] makes an
//! evidence package, [`check`] doubts one, offline and with the public key alone. [`burn`] draws the stamp on a copy of footage that carries
//! none, and [`still`] gives a single picture, with the stamp.

pub mod burn;
pub mod check;
pub mod copy;
pub mod footage;
pub mod gaps;
pub mod mp4;
pub mod package;
mod page;
pub mod plan;
pub mod samples;
pub mod still;

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::catalogue::SegmentRow;
use crate::hall::CameraId;
use crate::time::{Span, WallTime};
use plan::{Movie, Table};
use samples::Source;

/// Why and for whom footage leaves the recorder (导出事由): goes into the audit log and into an evidence package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Purpose {
    /// The reason given.
    pub reason: String,
    /// Who exports.
    pub person: String,
    /// Number of the approval (审批编号), if there is one.
    pub approval: Option<String>,
}

/// What leaves the recorder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Films for people to look at: every picture carries the stamp.
    Film,
    /// Films as recorded, with or without the stamp (原样).
    Untouched,
    /// An evidence package (证据包).
    Evidence,
    /// A still picture (抓图).
    Still,
}

impl Kind {
    /// The word in the audit log.
    pub fn word(self) -> &'static str {
        match self {
            Self::Film => "mp4",
            Self::Untouched => "mp4 as recorded",
            Self::Evidence => "evidence package",
            Self::Still => "still picture",
        }
    }
}

/// An export that is about to happen, as the audit log is told of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Announcement {
    /// Why and for whom.
    pub purpose: Purpose,
    /// Whose footage.
    pub camera: CameraId,
    /// The window asked for, when one was.
    pub window: Option<String>,
    /// Which span.
    pub span: Span,
    /// What it is.
    pub kind: Kind,
    /// Where it goes.
    pub to: String,
}

/// A segment that could not be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// What it should cover.
    pub span: Span,
    /// Why.
    pub reason: String,
}

/// The footage of one camera, found and planned.
#[derive(Debug)]
pub struct Prepared {
    /// What was asked for.
    pub asked: Span,
    /// The files.
    pub sources: Vec<Source>,
    /// The catalogue's rows of the files, in the same order.
    pub rows: Vec<SegmentRow>,
    /// The movies; more than one only when the coding changed. None when nothing was recorded.
    pub movies: Vec<Movie>,
    /// Segments that could not be used.
    pub unreadable: Vec<Unreadable>,
}

/// Reads the tables of the segments of one camera that share an instant with `asked` and plans the export. `rows` are in order of time; a file that
/// cannot be read is a gap, never the end of the export.
pub fn prepare(rows: Vec<SegmentRow>, asked: Span) -> Prepared {
    let mut prepared = Prepared { asked, sources: Vec::new(), rows: Vec::new(), movies: Vec::new(), unreadable: Vec::new() };
    for row in rows {
        // The row of an open file tells how far it is synced; the file itself may reach further.
        if row.from >= asked.to || (row.to <= asked.from && row.digest.is_some()) {
            continue;
        }
        match samples::read(&Path::new(&row.root).join(&row.path)) {
            Ok(source) => {
                prepared.sources.push(source);
                prepared.rows.push(row);
            }
            Err(e) => prepared.unreadable.push(Unreadable { span: row.span(), reason: e.to_string() }),
        }
    }
    let tables: Vec<Table<'_>> =
        prepared.sources.iter().map(|s| Table { run: &s.identity.run, format: &s.format, parts: &s.parts }).collect();
    prepared.movies = plan::plan(&tables, asked);
    prepared
}

impl Prepared {
    /// What is shown of the span, in order of time.
    pub fn shown(&self) -> Vec<Span> {
        self.movies.iter().flat_map(Movie::shown).collect()
    }

    /// The files a movie is made of, by their place in [`Prepared::sources`].
    pub fn used(&self) -> Vec<usize> {
        let mut used: Vec<usize> = self.movies.iter().flat_map(|m| m.ranges.iter().map(|r| r.source)).collect();
        used.sort_unstable();
        used.dedup();
        used
    }

    /// From the first picture shown to the end of the last one; `None` when there is none.
    pub fn delivered(&self) -> Option<Span> {
        let from: WallTime = self.movies.first()?.from();
        Some(Span::new(from, self.movies.last()?.to()))
    }
}
