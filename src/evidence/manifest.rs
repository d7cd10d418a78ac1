//! The daily manifest (日清单): what one camera recorded on one Beijing date, signed, so that nothing of it can go or change unseen.
//!
//! The digests of a run are chained, so its last one stands for all of them: the manifest needs a line per run, not per file.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::catalogue::SegmentRow;
use crate::catalogue::timeline::Gap;
use crate::hall::CameraId;
use crate::time::{Span, WallTime};

/// Version of the manifest's form that this program writes.
pub const FORM_VERSION: u32 = 1;
/// Name of a day's first manifest.
pub const MANIFEST: &str = "manifest.json";
/// Name of the note that retention leaves when it removed a day.
pub const REMOVED: &str = "removed.json";

/// One camera's day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of the form.
    pub version: u32,
    /// Name of the hall.
    pub hall: String,
    /// Administrative division (行政区划).
    pub division: String,
    /// Whose recordings.
    pub camera: CameraId,
    /// Beijing date.
    pub date: NaiveDate,
    /// When this was written.
    pub written: WallTime,
    /// Id of the key that signs it.
    pub key: String,
    /// The newest manifest of an earlier day of this camera when this was written: a day cannot vanish with its manifest unseen.
    pub follows: Option<Reference>,
    /// The manifest of the same day that this one takes the place of, when files came late.
    pub supersedes: Option<Reference>,
    /// Number of segments.
    pub segments: u64,
    /// Bytes of their files.
    pub bytes: u64,
    /// The runs of the day, in order of time.
    pub runs: Vec<RunOfDay>,
    /// What is missing of the day and why, as the ledger told when this was written.
    pub gaps: Vec<Gap>,
}

/// Names another manifest of the camera by its bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reference {
    /// Its day.
    pub date: NaiveDate,
    /// Its file's name.
    pub name: String,
    /// SHA-256 of its bytes, in hexadecimal.
    pub digest: String,
}

/// The segments of one run that begin on the day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunOfDay {
    /// The run.
    pub run: String,
    /// Number of the day's first segment.
    pub first: u32,
    /// Number of the day's last segment.
    pub last: u32,
    /// How many there are; `last - first + 1` unless some were lost before the manifest was written.
    pub count: u32,
    /// The digest that the first one names as its predecessor's; `None` for a run that began on the day.
    pub previous: Option<String>,
    /// Digest of the last segment: the head of the chain (链首摘要).
    pub head: String,
    /// Capture time of the first picture.
    pub from: WallTime,
    /// Capture time at which the last picture ends.
    pub to: WallTime,
    /// Bytes of the files.
    pub bytes: u64,
}

/// What a manifest says besides the recordings.
#[derive(Clone, Debug)]
pub struct Front<'a> {
    /// Name of the hall.
    pub hall: &'a str,
    /// Administrative division.
    pub division: &'a str,
    /// Whose recordings.
    pub camera: &'a CameraId,
    /// Beijing date.
    pub date: NaiveDate,
    /// The present.
    pub written: WallTime,
    /// Id of the key that signs it.
    pub key: &'a str,
    /// The newest manifest of an earlier day.
    pub follows: Option<Reference>,
    /// The day's manifest that this one takes the place of.
    pub supersedes: Option<Reference>,
}

/// Why a day cannot be summed up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotYet {
    /// Nothing was recorded on it.
    #[error("nothing was recorded")]
    Nothing,
    /// A segment has no seal yet.
    #[error(
        "{0} is not sealed yet (starting the recorder seals what the last two hours left open; for older files run `jiancha rebuild`)"
    )]
    Open(String),
}

impl Manifest {
    /// Sums up a day. `rows` are the segments that begin on it; `previous` tells which digest a segment names as its predecessor's.
    ///
    /// # Errors
    /// [`NotYet`] when there is nothing to sum up, or a segment is still open.
    pub fn of(
        front: Front<'_>,
        rows: &[SegmentRow],
        previous: &mut dyn FnMut(&SegmentRow) -> Option<String>,
        gaps: Vec<Gap>,
    ) -> Result<Self, NotYet> {
        let mut by_run: BTreeMap<&str, Vec<&SegmentRow>> = BTreeMap::new();
        for row in rows {
            by_run.entry(&row.run).or_default().push(row);
        }
        let mut runs = Vec::with_capacity(by_run.len());
        for (run, mut rows) in by_run {
            rows.sort_by_key(|r| (r.number, r.from));
            let (Some(first), Some(last)) = (rows.first(), rows.last()) else { continue };
            if let Some(open) = rows.iter().find(|r| r.digest.is_none()) {
                return Err(NotYet::Open(open.path.clone()));
            }
            runs.push(RunOfDay {
                run: run.to_owned(),
                first: first.number,
                last: last.number,
                count: u32::try_from(rows.len()).unwrap_or(u32::MAX),
                previous: previous(first),
                head: last.digest.clone().unwrap_or_default(),
                from: first.from,
                to: last.to,
                bytes: rows.iter().map(|r| r.bytes).sum(),
            });
        }
        if runs.is_empty() {
            return Err(NotYet::Nothing);
        }
        runs.sort_by(|a, b| (a.from, &a.run).cmp(&(b.from, &b.run)));
        Ok(Self {
            version: FORM_VERSION,
            hall: front.hall.to_owned(),
            division: front.division.to_owned(),
            camera: front.camera.clone(),
            date: front.date,
            written: front.written,
            key: front.key.to_owned(),
            follows: front.follows,
            supersedes: front.supersedes,
            segments: rows.len() as u64,
            bytes: rows.iter().map(|r| r.bytes).sum(),
            runs,
            gaps,
        })
    }

    /// The file's bytes: JSON with line breaks, which a person can read too.
    pub fn to_json(&self) -> Vec<u8> {
        // Plain texts and numbers: coding cannot fail.
        let mut bytes = serde_json::to_vec_pretty(self).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }

    /// Reads a manifest of `camera` and `date`.
    ///
    /// # Errors
    /// What is wrong with the text, or that it speaks of another day.
    pub fn read(bytes: &[u8], camera: &CameraId, date: NaiveDate) -> Result<Self, String> {
        let manifest: Self = serde_json::from_slice(bytes).map_err(|e| format!("not a manifest: {e}"))?;
        if manifest.version > FORM_VERSION {
            return Err(format!("form version {} is newer than this program's {FORM_VERSION}", manifest.version));
        }
        if (&manifest.camera, manifest.date) != (camera, date) {
            return Err(format!("it is the manifest of {} on {}", manifest.camera, manifest.date));
        }
        Ok(manifest)
    }

    /// The entry of a run.
    pub fn run(&self, run: &str) -> Option<&RunOfDay> {
        self.runs.iter().find(|r| r.run == run)
    }
}

/// The name of a day's `n`th manifest, from 1: `manifest.json`, `manifest-2.json` …
pub fn name(n: u32) -> String {
    if n <= 1 { MANIFEST.to_owned() } else { format!("manifest-{n}.json") }
}

/// Which manifest of its day a file name tells; `None` for another file.
pub fn number(name: &str) -> Option<u32> {
    if name == MANIFEST {
        return Some(1);
    }
    let n: u32 = name.strip_prefix("manifest-")?.strip_suffix(".json")?.parse().ok()?;
    (n >= 2 && self::name(n) == name).then_some(n)
}

/// The Beijing date a time lies in.
pub fn date_of(t: WallTime) -> NaiveDate {
    t.beijing().date_naive()
}

/// A Beijing date from midnight to midnight; `None` at the end of the calendar.
pub fn day(date: NaiveDate) -> Option<Span> {
    Some(Span::new(WallTime::from_beijing(date, 0, 0, 0)?, WallTime::from_beijing(date.succ_opt()?, 0, 0, 0)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-22T14:50:00+08:00.
    const MINUTE: i64 = 1_795_330_200_000_000;

    fn row(run: &str, number: u32, minute: i64, digest: Option<&str>) -> SegmentRow {
        SegmentRow {
            camera: CameraId::new("C1"),
            from: WallTime::from_micros(MINUTE + minute * 60_000_000),
            to: WallTime::from_micros(MINUTE + (minute + 1) * 60_000_000),
            run: run.into(),
            number,
            root: "/a".into(),
            path: format!("C1/{minute}.mp4"),
            bytes: 100,
            stamped: true,
            codecs: String::new(),
            width: 640,
            height: 360,
            digest: digest.map(str::to_owned),
            restored: false,
            clock: None,
        }
    }

    fn of(rows: &[SegmentRow]) -> Result<Manifest, NotYet> {
        let camera = CameraId::new("C1");
        let front = Front {
            hall: "厅",
            division: "区",
            camera: &camera,
            date: "2026-11-22".parse().unwrap(),
            written: WallTime::from_micros(MINUTE + 86_400_000_000),
            key: "k",
            follows: None,
            supersedes: None,
        };
        Manifest::of(front, rows, &mut |r| (r.number > 0).then(|| "before".to_owned()), Vec::new())
    }

    #[test]
    fn a_day_is_a_line_per_run_with_the_head_of_its_chain() {
        // The later run's name sorts first.
        let rows =
            [row("b", 7, 0, Some("d7")), row("b", 8, 1, Some("d8")), row("a", 0, 5, Some("e0")), row("b", 9, 2, Some("d9"))];
        let manifest = of(&rows).unwrap();
        let told: Vec<_> = manifest
            .runs
            .iter()
            .map(|r| (r.run.as_str(), r.first, r.last, r.count, r.previous.as_deref(), r.head.as_str()))
            .collect();
        assert_eq!(told, [("b", 7, 9, 3, Some("before"), "d9"), ("a", 0, 0, 1, None, "e0")]);
        assert_eq!((manifest.segments, manifest.bytes), (4, 400));
        assert_eq!(manifest.runs[0].to.as_micros(), MINUTE + 180_000_000);
        let read = Manifest::read(&manifest.to_json(), &CameraId::new("C1"), "2026-11-22".parse().unwrap()).unwrap();
        assert_eq!(read, manifest);
    }

    #[test]
    fn a_day_with_an_open_segment_or_none_waits() {
        assert_eq!(of(&[]), Err(NotYet::Nothing));
        assert_eq!(of(&[row("a", 0, 0, Some("d")), row("a", 1, 1, None)]), Err(NotYet::Open("C1/1.mp4".into())));
    }

    #[test]
    fn a_manifest_of_another_day_is_refused() {
        let bytes = of(&[row("a", 0, 0, Some("d"))]).unwrap().to_json();
        let said = Manifest::read(&bytes, &CameraId::new("C1"), "2026-11-23".parse().unwrap()).unwrap_err();
        assert_eq!(said, "it is the manifest of C1 on 2026-11-22");
        assert!(Manifest::read(b"{}", &CameraId::new("C1"), "2026-11-23".parse().unwrap()).is_err());
    }

    #[test]
    fn later_manifests_have_numbers() {
        assert_eq!([1, 2, 12].map(name), ["manifest.json", "manifest-2.json", "manifest-12.json"]);
        assert_eq!(number("manifest-12.json"), Some(12));
        for foreign in ["manifest-1.json", "manifest-02.json", "manifest.json.sig", "removed.json"] {
            assert_eq!(number(foreign), None, "{foreign}");
        }
    }

    #[test]
    fn a_day_begins_at_beijing_midnight() {
        let day = day("2026-11-22".parse().unwrap()).unwrap();
        assert_eq!((day.from.to_string(), day.micros()), ("2026-11-22T00:00:00.000+08:00".into(), 86_400_000_000));
        assert_eq!(date_of(day.to.plus_micros(-1)).to_string(), "2026-11-22");
    }
}
