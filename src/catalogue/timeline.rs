//! The timeline: segment rows and ledger rows become recorded spans and gaps with causes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::records::{GapCause, LedgerEvent, LedgerRow, SegmentRow};
use crate::hall::CameraId;
use crate::time::{ClockMark, Span, WallTime};

/// Missing time shorter than this is no gap: segments of one run touch to within a picture's length.
pub const SHORTEST_GAP_MICROS: i64 = 500_000;
/// In normal operation the newest row is this old: pictures wait in the open part, parts for the next sync. Younger absence is
/// no gap yet.
pub const OPEN_PART_MICROS: i64 = 8_000_000;
/// A cause that gives way to another within this time was only the symptom: the connection closed, then nobody answered.
const SYMPTOM_MICROS: i64 = 5_000_000;

/// A recorded span.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedSpan {
    /// Whose recording.
    pub camera: CameraId,
    /// Start.
    pub from: WallTime,
    /// End.
    pub to: WallTime,
    /// True when the pictures carry the recorder's stamp.
    pub stamped: bool,
    /// True when it was lost and came back from the backup copy (由备份恢复).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub restored: bool,
    /// How the server's clock was kept; left out where that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock: Option<ClockWord>,
}

/// How the server's clock was kept while a span was recorded (录像时的时钟状态).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClockWord {
    /// Corrected by a time server, within the limit.
    Disciplined,
    /// Not, or not within the limit.
    Undisciplined,
}

impl ClockWord {
    fn of(mark: ClockMark) -> Self {
        if mark.disciplined { Self::Disciplined } else { Self::Undisciplined }
    }
}

/// A gap (缺录): time that should have been recorded and was not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// Whose recording is missing.
    pub camera: CameraId,
    /// Start.
    pub from: WallTime,
    /// End.
    pub to: WallTime,
    /// Why.
    pub cause: GapCause,
    /// The circumstances in words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

/// What was recorded and what is missing, in order of time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timeline {
    /// Recorded spans.
    pub spans: Vec<RecordedSpan>,
    /// Gaps.
    pub gaps: Vec<Gap>,
    /// Time that was recorded and that retention has removed since (到期删除): neither there nor missing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub removed: Vec<Span>,
}

/// Makes the timeline of one camera over `span` from its segments and ledger, both oldest first.
///
/// Time before the camera's first trace (segment or ledger row) is not missing: nobody asked for it. Nor is the future, nor
/// the last seconds before `now` that still wait in the open part.
pub fn timeline(camera: &CameraId, span: Span, now: WallTime, segments: &[SegmentRow], ledger: &[LedgerRow]) -> Timeline {
    timeline_with_removed(camera, span, now, segments, &[], ledger)
}

/// As [`timeline`], where retention removed what was recorded in `removed`, oldest first: that time is not missing, but the gaps
/// of the days that went stay gaps.
pub fn timeline_with_removed(
    camera: &CameraId,
    span: Span,
    now: WallTime,
    segments: &[SegmentRow],
    removed: &[Span],
    ledger: &[LedgerRow],
) -> Timeline {
    // What differs in stamp, origin or clock is never one span: a reader must not have to guess which part is meant.
    let mut alike: BTreeMap<(bool, bool, Option<ClockWord>), Vec<Span>> = BTreeMap::new();
    for segment in segments {
        if let Some(part) = segment.span().intersect(span) {
            let kind = (segment.stamped, segment.restored, segment.clock.map(ClockWord::of));
            alike.entry(kind).or_default().push(part);
        }
    }
    let mut spans: Vec<RecordedSpan> = Vec::new();
    for ((stamped, restored, clock), parts) in alike {
        spans.extend(Span::join(parts, SHORTEST_GAP_MICROS).into_iter().map(|s| RecordedSpan {
            camera: camera.clone(),
            from: s.from,
            to: s.to,
            stamped,
            restored,
            clock,
        }));
    }
    spans.sort_by_key(|s| (s.from, s.to));

    let there = Span::join(segments.iter().map(SegmentRow::span).collect(), SHORTEST_GAP_MICROS);
    let traces = [segments.first().map(|s| s.from), removed.first().map(|r| r.from), ledger.first().map(|l| l.at)];
    let Some(first_trace) = traces.into_iter().flatten().min() else {
        return Timeline { spans, ..Timeline::default() };
    };
    let covered = Span::join(there.iter().chain(removed).copied().collect(), SHORTEST_GAP_MICROS);
    let expected = Span::new(span.from.max(first_trace), span.to.min(now));
    let gaps = expected
        .subtract(&covered)
        .into_iter()
        .filter_map(|gap| if gap.to == expected.to { still_open(gap, now, ledger) } else { Some(gap) })
        .filter(|gap| gap.micros() >= SHORTEST_GAP_MICROS)
        .flat_map(|gap| split_by_cause(camera, gap, ledger))
        .collect();
    // What came back from the backup is recorded again.
    let gone = removed.iter().filter_map(|r| r.intersect(span)).flat_map(|r| r.subtract(&there));
    let removed = gone.filter(|s| s.micros() >= SHORTEST_GAP_MICROS).collect();
    Timeline { spans, gaps, removed }
}

/// What is missing for certain at the end of the timeline: nothing while the newest pictures may still wait for their row, and
/// nothing after a run began whose first row is on its way.
fn still_open(gap: Span, now: WallTime, ledger: &[LedgerRow]) -> Option<Span> {
    let last = ledger.iter().rev().find(|r| r.at < gap.to);
    match last {
        Some(row) if row.event == LedgerEvent::Started && row.at > gap.from => Some(Span::new(gap.from, row.at)),
        Some(row) if row.event == LedgerEvent::Started && now.micros_since(gap.from) < OPEN_PART_MICROS => None,
        None if now.micros_since(gap.from) < OPEN_PART_MICROS => None,
        _ => Some(gap),
    }
}

/// Cuts a gap where its cause changed. The first cause also explains the moments before it was noticed.
fn split_by_cause(camera: &CameraId, gap: Span, ledger: &[LedgerRow]) -> Vec<Gap> {
    // The pictures missing at the gap's start were lost up to a connection's silence time-out before the cause was noted;
    // a cause noted before the gap began still stands when nothing else was noted since.
    let mut causes: Vec<(WallTime, GapCause, &str)> = Vec::new();
    let mut standing: Option<(GapCause, &str)> = None;
    for row in ledger.iter().filter(|r| r.at < gap.to) {
        let LedgerEvent::Stopped { cause } = row.event else {
            if row.at < gap.from {
                standing = None;
            }
            continue;
        };
        if row.at < gap.from {
            standing = Some((cause, &row.detail));
        } else {
            causes.push((row.at, cause, &row.detail));
        }
    }
    if let Some((cause, detail)) = standing {
        causes.insert(0, (gap.from, cause, detail));
    }
    // A symptom gives way to the cause that follows at once.
    let mut kept: Vec<(WallTime, GapCause, &str)> = Vec::new();
    for entry in causes {
        match kept.last_mut() {
            Some(last) if last.1 == entry.1 => {}
            Some(last) if is_symptom(last.1) && entry.0.micros_since(last.0) <= SYMPTOM_MICROS => {
                (last.1, last.2) = (entry.1, entry.2);
            }
            _ => kept.push(entry),
        }
    }
    if kept.is_empty() {
        return vec![Gap {
            camera: camera.clone(),
            from: gap.from,
            to: gap.to,
            cause: GapCause::Unknown,
            detail: String::new(),
        }];
    }
    let ends: Vec<WallTime> = kept.iter().skip(1).map(|k| k.0).chain([gap.to]).collect();
    let mut from = gap.from;
    let mut gaps = Vec::with_capacity(kept.len());
    for ((_, cause, detail), to) in kept.into_iter().zip(ends) {
        if from < to {
            gaps.push(Gap { camera: camera.clone(), from, to, cause, detail: detail.to_owned() });
        }
        from = to;
    }
    gaps
}

/// Causes that tell only how a session ended, not why there is no new one.
fn is_symptom(cause: GapCause) -> bool {
    matches!(cause, GapCause::CameraClosed | GapCause::FormatChanged | GapCause::StampFailed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(second: i64) -> WallTime {
        WallTime::from_micros(second * 1_000_000)
    }

    fn camera() -> CameraId {
        CameraId::new("C1")
    }

    fn segment(from: i64, to: i64) -> SegmentRow {
        SegmentRow {
            camera: camera(),
            from: at(from),
            to: at(to),
            run: "r".into(),
            number: 0,
            root: "/r".into(),
            path: "p".into(),
            bytes: 1,
            stamped: true,
            codecs: "avc1.640028".into(),
            width: 1920,
            height: 1080,
            digest: None,
            restored: false,
            clock: None,
        }
    }

    fn stopped(second: i64, cause: GapCause) -> LedgerRow {
        LedgerRow { camera: camera(), at: at(second), event: LedgerEvent::Stopped { cause }, detail: String::new() }
    }

    fn started(second: i64) -> LedgerRow {
        LedgerRow { camera: camera(), at: at(second), event: LedgerEvent::Started, detail: String::new() }
    }

    fn gaps(segments: &[SegmentRow], ledger: &[LedgerRow]) -> Vec<(i64, i64, GapCause)> {
        let t = timeline(&camera(), Span::new(at(0), at(1000)), at(500), segments, ledger);
        t.gaps.iter().map(|g| (g.from.as_micros() / 1_000_000, g.to.as_micros() / 1_000_000, g.cause)).collect()
    }

    #[test]
    fn segments_that_touch_are_one_span_and_the_future_is_not_missing() {
        let t = timeline(&camera(), Span::new(at(0), at(1000)), at(130), &[segment(10, 60), segment(60, 125)], &[started(9)]);
        assert_eq!(t.spans.len(), 1);
        assert_eq!((t.spans[0].from, t.spans[0].to), (at(10), at(125)));
        // From the first trace on, recording was wanted: second 9 to 10 is told with no cause noted.
        assert_eq!(t.gaps.len(), 1);
        assert_eq!(t.gaps[0].cause, GapCause::Unknown);
    }

    #[test]
    fn a_closed_session_gives_way_to_the_cause_that_follows() {
        let ledger = [started(0), stopped(100, GapCause::CameraClosed), stopped(102, GapCause::Authentication), started(160)];
        assert_eq!(gaps(&[segment(0, 100), segment(161, 500)], &ledger), vec![(100, 161, GapCause::Authentication)]);
    }

    #[test]
    fn a_restart_in_the_middle_of_an_outage_does_not_hide_the_outage() {
        let ledger = [
            started(0),
            stopped(100, GapCause::CameraUnreachable),
            stopped(200, GapCause::RecorderRestart),
            stopped(230, GapCause::CameraUnreachable),
            started(300),
        ];
        assert_eq!(
            gaps(&[segment(0, 100), segment(300, 500)], &ledger),
            vec![
                (100, 200, GapCause::CameraUnreachable),
                (200, 230, GapCause::RecorderRestart),
                (230, 300, GapCause::CameraUnreachable)
            ]
        );
    }

    #[test]
    fn a_gap_that_began_before_the_span_keeps_its_cause() {
        let ledger = [stopped(-50, GapCause::CameraUnreachable)];
        assert_eq!(gaps(&[segment(40, 500)], &ledger), vec![(0, 40, GapCause::CameraUnreachable)]);
    }

    #[test]
    fn a_run_whose_first_row_is_on_its_way_ends_the_gap() {
        // Now is second 500: the camera stalled at 480, was given up at 486 and came back at 495.
        let ledger = [started(0), stopped(486, GapCause::CameraStalled), started(495)];
        assert_eq!(gaps(&[segment(0, 480)], &ledger), vec![(480, 495, GapCause::CameraStalled)]);
        assert_eq!(gaps(&[segment(0, 480)], &ledger[..2]), vec![(480, 500, GapCause::CameraStalled)]);
        assert_eq!(gaps(&[segment(0, 494)], &ledger[..1]), vec![]);
    }

    #[test]
    fn what_retention_removed_is_no_gap_but_the_gaps_of_removed_days_stay() {
        // A hold kept 100..200; 200..300 and 310..400 were removed, 300..310 was an outage.
        let ledger = [stopped(300, GapCause::CameraUnreachable), started(309)];
        let span = Span::new(at(100), at(500));
        let removed = [Span::new(at(0), at(90)), Span::new(at(200), at(300)), Span::new(at(310), at(400))];
        let rows = [segment(100, 200), segment(400, 500)];
        let told = timeline_with_removed(&camera(), span, at(1000), &rows, &removed, &ledger);
        assert_eq!(told.removed, removed[1..]);
        let gaps: Vec<_> = told.gaps.iter().map(|g| (g.from, g.to, g.cause)).collect();
        assert_eq!(gaps, [(at(300), at(310), GapCause::CameraUnreachable)]);
        // Footage that came back from the backup is there.
        let rows = [segment(100, 200), segment(200, 260), segment(400, 500)];
        let told = timeline_with_removed(&camera(), span, at(1000), &rows, &removed[..2], &ledger);
        assert_eq!(told.removed, [Span::new(at(260), at(300))]);
        assert_eq!(told.gaps.iter().map(|g| (g.from, g.to)).collect::<Vec<_>>(), [(at(300), at(400))]);
    }

    #[test]
    fn what_came_back_from_the_backup_is_a_span_of_its_own_and_no_gap() {
        let back = SegmentRow { restored: true, ..segment(60, 120) };
        let t = timeline(&camera(), Span::new(at(0), at(180)), at(500), &[segment(0, 60), back, segment(120, 180)], &[]);
        let told: Vec<_> = t.spans.iter().map(|s| (s.from, s.to, s.restored)).collect();
        assert_eq!(told, [(at(0), at(60), false), (at(60), at(120), true), (at(120), at(180), false)]);
        assert_eq!(t.gaps, []);
        let json = serde_json::to_value(&t.spans).unwrap();
        assert_eq!((json[0].get("restored"), &json[1]["restored"]), (None, &serde_json::Value::Bool(true)));
    }

    #[test]
    fn a_clock_that_was_not_kept_right_is_a_span_of_its_own_and_no_gap() {
        let kept = |disciplined, from, to| SegmentRow {
            clock: Some(ClockMark { disciplined, max_error_ms: 20 }),
            ..segment(from, to)
        };
        let rows = [segment(0, 60), kept(true, 60, 120), kept(false, 120, 180), kept(true, 180, 240), kept(true, 240, 300)];
        let t = timeline(&camera(), Span::new(at(0), at(300)), at(500), &rows, &[]);
        let told: Vec<_> = t.spans.iter().map(|s| (s.from, s.to, s.clock)).collect();
        use ClockWord::{Disciplined, Undisciplined};
        let clocks = [
            (at(0), at(60), None),
            (at(60), at(120), Some(Disciplined)),
            (at(120), at(180), Some(Undisciplined)),
            (at(180), at(300), Some(Disciplined)),
        ];
        assert_eq!(told, clocks);
        assert_eq!(t.gaps, []);
        let json = serde_json::to_value(&t.spans).unwrap();
        assert_eq!((json[0].get("clock"), &json[2]["clock"]), (None, &serde_json::Value::from("undisciplined")));
    }

    #[test]
    fn a_camera_never_seen_owes_nothing() {
        assert_eq!(gaps(&[], &[]), vec![]);
    }

    proptest! {
        /// Gaps and spans never overlap, and causes never change how much is missing.
        #[test]
        fn gaps_lie_outside_every_segment(
            cuts in prop::collection::vec((0i64..60, 1i64..60), 1..8),
            notes in prop::collection::vec((0i64..500, 0usize..3), 0..8),
        ) {
            let mut t = 0;
            let mut segments = Vec::new();
            for (pause, length) in cuts {
                segments.push(segment(t + pause, t + pause + length));
                t += pause + length;
            }
            let causes = [GapCause::CameraClosed, GapCause::CameraUnreachable, GapCause::Disk];
            let mut ledger: Vec<LedgerRow> = notes.into_iter().map(|(s, c)| stopped(s, causes[c])).collect();
            ledger.sort_by_key(|l| l.at);
            let with = timeline(&camera(), Span::new(at(0), at(400)), at(1000), &segments, &ledger);
            for g in &with.gaps {
                prop_assert!(g.from < g.to);
                for s in &segments {
                    prop_assert!(Span::new(g.from, g.to).intersect(s.span()).is_none());
                }
            }
            for pair in with.gaps.windows(2) {
                prop_assert!(pair[0].to <= pair[1].from);
            }
        }
    }
}
