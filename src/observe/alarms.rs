//! Standing alarms (告警): what a person must act on, since when, and what to do. Looked at anew every second; nothing is remembered
//! but the moment each began.

use serde::Serialize;

use super::state::Bilingual;
use super::words::Told;
use crate::time::WallTime;

/// How much an alarm matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Something will go wrong unless somebody acts.
    Warning,
    /// Recording, or what was recorded, is at stake now.
    Critical,
}

/// One standing alarm.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Alarm {
    /// Stable name for scripts, such as `storage-full`.
    pub code: &'static str,
    /// What it is about: a storage root, a year, a backup target; empty for the recorder as a whole.
    pub subject: String,
    /// How much it matters.
    pub severity: Severity,
    /// Since when it stands.
    pub since: WallTime,
    /// What is wrong.
    pub text: Bilingual,
    /// What to do.
    pub action: Bilingual,
}

/// Collects the alarms of one look.
#[derive(Debug, Default)]
pub struct Board {
    alarms: Vec<Alarm>,
}

impl Board {
    /// An alarm stands at `now`.
    pub fn raise(&mut self, code: &'static str, subject: impl Into<String>, severity: Severity, now: WallTime, told: Told) {
        self.alarms.push(Alarm { code, subject: subject.into(), severity, since: now, text: told.what, action: told.remedy });
    }

    /// The alarms of this look, the most important first; those that stood at the last look keep their beginning.
    pub fn settle(mut self, before: &[Alarm]) -> Vec<Alarm> {
        for alarm in &mut self.alarms {
            if let Some(standing) = before.iter().find(|b| b.code == alarm.code && b.subject == alarm.subject) {
                alarm.since = standing.since;
            }
        }
        self.alarms.sort_by(|a, b| b.severity.cmp(&a.severity).then_with(|| a.since.cmp(&b.since)));
        self.alarms
    }
}

/// Alarms of `now` that did not stand `before`, and those of `before` that stand no more.
pub fn changes<'a>(before: &'a [Alarm], now: &'a [Alarm]) -> (Vec<&'a Alarm>, Vec<&'a Alarm>) {
    let same = |a: &Alarm, b: &Alarm| a.code == b.code && a.subject == b.subject;
    let raised = now.iter().filter(|n| !before.iter().any(|b| same(n, b))).collect();
    let cleared = before.iter().filter(|b| !now.iter().any(|n| same(n, b))).collect();
    (raised, cleared)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::words;
    use crate::segment::disk::Fault;

    fn at(second: i64) -> WallTime {
        WallTime::from_micros(second * 1_000_000)
    }

    fn look(second: i64, codes: &[(&'static str, Severity)], before: &[Alarm]) -> Vec<Alarm> {
        let mut board = Board::default();
        for (code, severity) in codes {
            board.raise(code, "/srv/a", *severity, at(second), words::fault(Fault::Full));
        }
        board.settle(before)
    }

    #[test]
    fn an_alarm_keeps_its_beginning_and_the_gravest_stands_first() {
        let first = look(1, &[("calendar", Severity::Warning)], &[]);
        let second = look(2, &[("calendar", Severity::Warning), ("storage-full", Severity::Critical)], &first);
        let told: Vec<_> = second.iter().map(|a| (a.code, a.since)).collect();
        assert_eq!(told, vec![("storage-full", at(2)), ("calendar", at(1))]);
        let (raised, cleared) = changes(&first, &second);
        assert_eq!((raised.len(), raised[0].code, cleared.len()), (1, "storage-full", 0));
        let third = look(3, &[], &second);
        assert_eq!(changes(&second, &third).1.len(), 2);
    }
}
