//! What an export lacks of its span, and why. Pure.

use serde::{Deserialize, Serialize};

use super::Unreadable;
use crate::catalogue::timeline::{Gap, SHORTEST_GAP_MICROS};
use crate::time::{Span, WallTime};

/// Cause of time that had not been recorded yet when the export was made.
pub const NOT_YET: &str = "not-yet-recorded";
/// Cause of time whose file could not be read.
pub const UNREADABLE: &str = "unreadable-file";
/// Cause of time nobody noted a cause for.
const UNKNOWN: &str = "unknown";

/// Time of the span that the export does not show (缺录).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    /// Start.
    pub from: WallTime,
    /// End.
    pub to: WallTime,
    /// Why: a cause of the gap ledger, `not-yet-recorded` or `unreadable-file`.
    pub cause: String,
    /// The circumstances in words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

/// Tells what of `asked` is not `shown`. `ledger` are the gaps that the timeline knows, `now` bounds what can have been recorded.
pub fn missing(asked: Span, shown: &[Span], ledger: &[Gap], unreadable: &[Unreadable], now: WallTime) -> Vec<Missing> {
    let covered = Span::join(shown.to_vec(), SHORTEST_GAP_MICROS);
    let mut reasons: Vec<(Span, &str, &str)> = Vec::new();
    reasons.push((Span::new(now, WallTime::from_micros(i64::MAX)), NOT_YET, ""));
    reasons.extend(unreadable.iter().map(|u| (u.span, UNREADABLE, u.reason.as_str())));
    reasons.extend(ledger.iter().map(|g| (Span::new(g.from, g.to), g.cause.word(), g.detail.as_str())));
    let mut told: Vec<Missing> = Vec::new();
    for hole in asked.subtract(&covered).into_iter().filter(|hole| hole.micros() >= SHORTEST_GAP_MICROS) {
        // Each reason explains what the reasons before it left open.
        let mut open = vec![hole];
        let mut parts: Vec<Missing> = Vec::new();
        let mut tell = |span: Span, cause: &str, detail: &str| {
            parts.push(Missing { from: span.from, to: span.to, cause: cause.to_owned(), detail: detail.to_owned() });
        };
        for (span, cause, detail) in &reasons {
            let mut rest = Vec::new();
            for piece in open {
                match piece.intersect(*span) {
                    Some(both) => {
                        tell(both, cause, detail);
                        rest.extend(piece.subtract(&[both]));
                    }
                    None => rest.push(piece),
                }
            }
            open = rest;
        }
        open.into_iter().for_each(|piece| tell(piece, UNKNOWN, ""));
        parts.sort_by_key(|m| m.from);
        // Neighbours of one cause are one gap; a remainder too short to be one belongs to its neighbour.
        for part in parts {
            let short = part.to.micros_since(part.from) < SHORTEST_GAP_MICROS;
            match told.last_mut() {
                Some(last) if last.to == part.from && (short || (&last.cause, &last.detail) == (&part.cause, &part.detail)) => {
                    last.to = part.to;
                }
                _ => told.push(part),
            }
        }
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::GapCause;
    use crate::hall::CameraId;

    fn span(from: i64, to: i64) -> Span {
        Span::new(WallTime::from_micros(from * 1_000_000), WallTime::from_micros(to * 1_000_000))
    }

    fn told(shown: &[Span], ledger: &[(i64, i64, GapCause)], unreadable: &[(i64, i64)], now: i64) -> Vec<(i64, i64, String)> {
        let ledger: Vec<Gap> = ledger
            .iter()
            .map(|(from, to, cause)| {
                let s = span(*from, *to);
                Gap { camera: CameraId::new("C1"), from: s.from, to: s.to, cause: *cause, detail: String::new() }
            })
            .collect();
        let unreadable: Vec<Unreadable> =
            unreadable.iter().map(|(from, to)| Unreadable { span: span(*from, *to), reason: "no".into() }).collect();
        let seconds = |t: WallTime| t.as_micros() / 1_000_000;
        missing(span(0, 100), shown, &ledger, &unreadable, span(now, now).from)
            .into_iter()
            .map(|m| (seconds(m.from), seconds(m.to), m.cause))
            .collect()
    }

    #[test]
    fn a_gap_has_the_causes_of_the_ledger_and_the_rest_is_unknown() {
        let ledger = [(20, 30, GapCause::CameraUnreachable), (30, 35, GapCause::RecorderRestart)];
        assert_eq!(
            told(&[span(0, 20), span(40, 100)], &ledger, &[], 1000),
            [
                (20, 30, "camera-unreachable".to_owned()),
                (30, 35, "recorder-restart".to_owned()),
                (35, 40, "unknown".to_owned())
            ]
        );
    }

    #[test]
    fn what_is_shown_is_not_missing_whatever_the_ledger_says() {
        assert_eq!(told(&[span(-2, 101)], &[(20, 30, GapCause::Disk)], &[], 1000), []);
    }

    #[test]
    fn the_future_and_files_that_cannot_be_read_are_told_as_such() {
        assert_eq!(
            told(&[span(0, 50), span(60, 80)], &[], &[(50, 60)], 90),
            [(50, 60, "unreadable-file".to_owned()), (80, 90, "unknown".to_owned()), (90, 100, "not-yet-recorded".to_owned())]
        );
    }
}
