use std::cell::Cell;

use chrono::Days;
use proptest::prelude::*;

use super::*;
use crate::calendar::Certainty;
use crate::catalogue::RecordedDate;
use crate::hall::{FreeTarget, WindowId};
use crate::retention::clock::Presence;
use crate::retention::hold::{Hold, HoldId};

const GB: u64 = 1_000_000_000;

fn day(text: &str) -> NaiveDate {
    text.parse().expect("a date")
}

fn noon(date: NaiveDate) -> WallTime {
    WallTime::from_beijing(date, 12, 0, 0).expect("noon")
}

fn row(camera: &str, date: NaiveDate, hour: u32, bytes: u64) -> SegmentRow {
    let from = WallTime::from_beijing(date, hour, 0, 0).expect("a time");
    SegmentRow {
        camera: CameraId::new(camera),
        from,
        to: from.plus_micros(60_000_000),
        run: "r".into(),
        number: 0,
        root: "/a".into(),
        path: format!("{camera}/{date}/{hour:02}/{hour:02}0000.mp4"),
        bytes,
        stamped: true,
        codecs: "avc1.640028".into(),
        width: 1920,
        height: 1080,
        digest: Some("00".into()),
        restored: false,
        clock: None,
    }
}

fn space(free: u64) -> RootSpace {
    RootSpace { root: "/a".into(), device: 1, total: 1000 * GB, free, target: 100 * GB }
}

/// A recorder that was there every day from `since` on, and asks on `now`.
fn facts(since: &str, now: WallTime) -> Facts {
    let calendar = Calendar::published().expect("the shipped files");
    let mut presence = Presence::default();
    let today = now.beijing().date_naive();
    for date in day(since).iter_days().take_while(|d| *d <= today) {
        presence.recorded(RecordedDate { date, first: midnight(date), last: noon(date) });
    }
    Facts {
        witness: Witness::of(&calendar, &presence, today, None),
        calendar: Arc::new(calendar),
        settings: RetentionSettings::default(),
        now,
        doubt: None,
        holds: ActiveHolds::default(),
        holds_unknown: false,
        newest: BTreeMap::new(),
        newest_of_all: Some(today),
        roots: vec![space(50 * GB)],
    }
}

fn at(text: &str) -> WallTime {
    text.parse().expect("a time")
}

fn plan_one(facts: &Facts, proof: &dyn Proof, date: &str, rows: Vec<SegmentRow>) -> Vec<DayPlan> {
    let mut planner = Planner::new(facts, Detail::Files);
    let rows = DayRows { rows, unreadable: 0 };
    planner.day(facts, proof, &CameraId::new("C1"), day(date), || Ok::<_, ()>(rows)).expect("rows")
}

fn reason_of(facts: &Facts, date: &str) -> Reason {
    plan_one(facts, &NoBackup, date, vec![row("C1", day(date), 9, GB)]).remove(0).reason
}

/// 国办发明电〔2025〕7号: the thirtieth working day behind Monday 2026-09-21, over Mid-Autumn and National Day, is 2026-11-09.
#[test]
fn footage_over_national_day_2026_goes_on_10_november_and_not_a_moment_before() {
    let last = facts("2026-09-01", at("2026-11-09T23:59:59.999+08:00"));
    let may_go_from = at("2026-11-10T00:00:00+08:00");
    assert_eq!(reason_of(&last, "2026-09-21"), Reason::InsideFloor { may_go_from, certain: true });
    assert_eq!(reason_of(&facts("2026-09-01", may_go_from), "2026-09-21"), Reason::SpaceNeeded);
    assert!(matches!(reason_of(&facts("2026-09-01", may_go_from), "2026-09-22"), Reason::InsideFloor { .. }));
}

/// A year without a notice: 2026-11-20 needs 2027. 60 calendar days end on 2027-01-19.
#[test]
fn footage_that_needs_2027_stays_by_the_conservative_count() {
    let may_go_from = at("2027-01-20T00:00:00+08:00");
    let inside = facts("2026-11-01", at("2027-01-19T23:00:00+08:00"));
    assert_eq!(reason_of(&inside, "2026-11-20"), Reason::InsideFloor { may_go_from, certain: false });
    // On the 20th the calendar would let it go; the days that surely were working days number 29 + 8 by then.
    assert_eq!(reason_of(&facts("2026-11-01", may_go_from), "2026-11-20"), Reason::SpaceNeeded);
}

#[test]
fn more_working_days_than_r7_are_kept_when_the_site_asks_for_them() {
    let mut facts = facts("2026-09-01", at("2026-11-11T00:00:00+08:00"));
    facts.settings.working_days = 31;
    assert_eq!(reason_of(&facts, "2026-09-21"), Reason::SpaceNeeded);
    facts.now = at("2026-11-10T23:00:00+08:00");
    assert!(matches!(reason_of(&facts, "2026-09-21"), Reason::InsideFloor { .. }));
}

/// The clock jumps from 2026-09-30 to 2027-03-01: not one more working day was attended.
#[test]
fn a_clock_that_jumped_ahead_lets_nothing_go() {
    let mut jumped = facts("2026-09-01", at("2026-09-30T15:00:00+08:00"));
    jumped.now = at("2027-03-01T15:00:00+08:00");
    let calendar = jumped.calendar.clone();
    let mut presence = Presence::default();
    for date in day("2026-09-01").iter_days().take(30) {
        presence.recorded(RecordedDate { date, first: midnight(date), last: noon(date) });
    }
    jumped.witness = Witness::of(&calendar, &presence, jumped.today(), None);
    for date in day("2026-09-01").iter_days().take(30) {
        assert_eq!(reason_of(&jumped, &date.to_string()).decision(), Decision::Keep, "{date}");
    }
    assert_eq!(reason_of(&jumped, "2026-09-01"), Reason::NotWitnessed { attended: 20, needed: 30 });
    let mut behind = facts("2026-09-01", at("2026-11-10T00:00:00+08:00"));
    behind.doubt = Some(ClockDoubt::BehindRecordings { newest: at("2026-11-20T00:00:00+08:00") });
    assert!(matches!(reason_of(&behind, "2026-09-21"), Reason::ClockSuspicious { .. }));
}

fn hold(from: &str, to: Option<&str>) -> Hold {
    Hold {
        id: HoldId::new("H1"),
        cameras: vec![CameraId::new("C1")],
        window: Some(WindowId::new("03")),
        from: at(from),
        to: to.map(at),
        person: "王芳".into(),
        reason: "投诉".into(),
        placed: at("2026-11-01T00:00:00+08:00"),
        released: None,
    }
}

#[test]
fn a_hold_on_any_part_keeps_the_whole_day() {
    let mut facts = facts("2026-09-01", at("2026-11-10T00:00:00+08:00"));
    let held = Reason::Held { holds: vec![HoldId::new("H1")] };
    facts.holds = ActiveHolds::of(vec![hold("2026-09-21T20:00:00+08:00", Some("2026-09-21T20:00:01+08:00"))]);
    assert_eq!(reason_of(&facts, "2026-09-21"), held);
    assert_eq!(reason_of(&facts, "2026-09-20"), Reason::SpaceNeeded);
    facts.holds = ActiveHolds::of(vec![hold("2026-09-18T20:00:00+08:00", None)]);
    assert_eq!([reason_of(&facts, "2026-09-17"), reason_of(&facts, "2026-09-21")], [Reason::SpaceNeeded, held.clone()]);
    // A segment that reaches over midnight into the held span keeps its own day.
    facts.holds = ActiveHolds::of(vec![hold("2026-09-22T00:00:00+08:00", Some("2026-09-22T01:00:00+08:00"))]);
    let mut last = row("C1", day("2026-09-21"), 23, GB);
    last.to = at("2026-09-22T00:00:20+08:00");
    assert_eq!(plan_one(&facts, &NoBackup, "2026-09-21", vec![last])[0].reason, held);
    facts.holds_unknown = true;
    assert_eq!(reason_of(&facts, "2026-09-16"), Reason::HoldsUnknown);
}

struct Unproven(u32);

impl Proof for Unproven {
    fn proven(&self, row: &SegmentRow) -> ProofState {
        if row.from.beijing().format("%H").to_string() == format!("{:02}", self.0) {
            ProofState::NotProven
        } else {
            ProofState::Proven
        }
    }
}

#[test]
fn a_day_with_one_unproven_copy_stays_whole_and_names_the_file() {
    let mut facts = facts("2026-09-01", at("2026-11-10T00:00:00+08:00"));
    facts.settings.at_most_days = Some(60);
    let date = day("2026-09-01");
    let rows = || vec![row("C1", date, 9, GB), row("C1", date, 10, GB)];
    let plan = plan_one(&facts, &Unproven(10), "2026-09-01", rows()).remove(0);
    assert_eq!(
        (plan.reason, plan.decision, plan.segments, plan.bytes),
        (Reason::BackupNotProven { files: 1 }, Decision::Keep, Some(2), Some(2 * GB))
    );
    let told: Vec<(&str, Decision)> = plan.files.iter().map(|f| (f.reason.as_str(), f.decision)).collect();
    // The first file is proven: it stays with its day.
    assert_eq!(told, [("day-kept", Decision::Keep), ("backup-not-proven", Decision::Keep)]);
    let proven = plan_one(&facts, &Unproven(11), "2026-09-01", rows()).remove(0);
    assert_eq!(proven.reason, Reason::UpperBound { until: day("2026-10-31") });
}

#[test]
fn rows_that_are_not_as_they_should_be_keep_their_day() {
    let facts = facts("2026-09-01", at("2026-11-10T00:00:00+08:00"));
    let date = day("2026-09-21");
    let with = |change: &dyn Fn(&mut SegmentRow)| {
        let mut bad = row("C1", date, 10, GB);
        change(&mut bad);
        plan_one(&facts, &NoBackup, "2026-09-21", vec![row("C1", date, 9, GB), bad])[0].reason.clone()
    };
    assert_eq!(with(&|r| r.digest = None), Reason::NotSealed { files: 1 });
    for path in [
        "../../etc/passwd",
        "C1/2026-09-21/10/../../../x.mp4",
        "/C1/2026-09-21/10/100000.mp4",
        "C2/2026-09-21/10/100000.mp4",
        "C1/2026-09-22/10/100000.mp4",
        "C1/2026-09-21/manifest.json",
        "C1/2026-09-21/10/manifest.json",
        "C1/2026-09-21/10/.mp4",
        "C1/2026-09-21/10/sub/100000.mp4",
        "C1/2026-09-21/ab/100000.mp4",
        "",
    ] {
        assert_eq!(with(&|r| r.path = path.into()), Reason::OutOfPlace { files: 1 }, "{path}");
    }
    assert_eq!(with(&|r| r.camera = CameraId::new("C2")), Reason::OutOfPlace { files: 1 });
    assert_eq!(with(&|r| r.from = WallTime::from_micros(0)), Reason::OutOfPlace { files: 1 });
    let mut planner = Planner::new(&facts, Detail::Decisions);
    let rows = DayRows { rows: vec![row("C1", date, 9, GB)], unreadable: 2 };
    let plans = planner.day(&facts, &NoBackup, &CameraId::new("C1"), date, || Ok::<_, ()>(rows)).expect("rows");
    assert_eq!(plans[0].reason, Reason::RowsUnreadable { rows: 2 });
}

#[test]
fn a_root_that_is_not_there_keeps_its_part_and_the_other_goes() {
    let facts = facts("2026-09-01", at("2026-11-10T00:00:00+08:00"));
    let date = day("2026-09-21");
    let elsewhere = SegmentRow { root: "/b".into(), ..row("C1", date, 10, GB) };
    let plans = plan_one(&facts, &NoBackup, "2026-09-21", vec![row("C1", date, 9, GB), elsewhere]);
    let told: Vec<_> = plans.iter().map(|p| (p.root.as_deref(), p.reason.clone())).collect();
    assert_eq!(told, [(Some("/a"), Reason::SpaceNeeded), (Some("/b"), Reason::RootAbsent)]);
}

/// 25 GB are lacking; a camera-day has 10 GB.
#[test]
fn the_oldest_go_first_and_no_more_than_needed() {
    let mut facts = facts("2026-08-01", at("2026-11-10T00:00:00+08:00"));
    facts.roots = vec![space(75 * GB)];
    let mut planner = Planner::new(&facts, Detail::Decisions);
    let mut told = Vec::new();
    let asked = Cell::new(0);
    for date in day("2026-09-17").iter_days().take(7) {
        for camera in ["C1", "C2"] {
            let rows = || {
                asked.set(asked.get() + 1);
                Ok::<_, ()>(DayRows { rows: vec![row(camera, date, 9, 10 * GB)], unreadable: 0 })
            };
            let plan = planner.day(&facts, &NoBackup, &CameraId::new(camera), date, rows).expect("rows").remove(0);
            told.push((date.to_string(), camera, plan.reason.word()));
        }
    }
    let words: Vec<&str> = told.iter().map(|t| t.2).collect();
    let (go, space, floor) = ("space-needed", "space-not-needed", "inside-floor");
    assert_eq!(words, [go, go, go, space, space, space, space, space, space, space, floor, floor, floor, floor]);
    assert_eq!(told[2], ("2026-09-18".to_owned(), "C1", go));
    assert_eq!(asked.get(), 3, "rows are read only where the answer depends on them");
}

#[test]
fn roots_on_one_file_system_share_what_is_freed() {
    let mut facts = facts("2026-08-01", at("2026-11-10T00:00:00+08:00"));
    facts.roots = vec![space(95 * GB), RootSpace { root: "/b".into(), ..space(95 * GB) }];
    let mut planner = Planner::new(&facts, Detail::Decisions);
    let mut plan = |date: &str, root: &str| {
        let rows = DayRows { rows: vec![SegmentRow { root: root.into(), ..row("C1", day(date), 9, 10 * GB) }], unreadable: 0 };
        planner.day(&facts, &NoBackup, &CameraId::new("C1"), day(date), || Ok::<_, ()>(rows)).expect("rows")[0].reason.word()
    };
    assert_eq!([plan("2026-09-17", "/a"), plan("2026-09-18", "/b")], ["space-needed", "space-not-needed"]);
}

#[test]
fn the_upper_bound_and_when_due_need_no_lack_of_space() {
    let mut facts = facts("2026-08-01", at("2026-11-10T08:00:00+08:00"));
    facts.roots = vec![space(500 * GB)];
    assert_eq!(reason_of(&facts, "2026-09-10"), Reason::SpaceNotNeeded);
    facts.settings.at_most_days = Some(60);
    // 60 days behind 09-10 is 11-09, which is over; 60 behind 09-11 is today.
    assert_eq!(reason_of(&facts, "2026-09-10"), Reason::UpperBound { until: day("2026-11-09") });
    assert_eq!(reason_of(&facts, "2026-09-11"), Reason::SpaceNotNeeded);
    facts.settings.delete = DeleteWhen::WhenDue;
    assert_eq!(reason_of(&facts, "2026-09-11"), Reason::Due);
    assert!(matches!(reason_of(&facts, "2026-09-22"), Reason::InsideFloor { .. }));
}

#[test]
fn the_newest_day_of_a_camera_stays() {
    let mut facts = facts("2026-08-01", at("2026-11-10T08:00:00+08:00"));
    facts.newest.insert(CameraId::new("C1"), day("2026-09-10"));
    assert_eq!(reason_of(&facts, "2026-09-10"), Reason::NewestDay);
    facts.newest.clear();
    facts.newest_of_all = Some(day("2026-09-10"));
    assert_eq!(reason_of(&facts, "2026-09-10"), Reason::NewestDay);
}

#[test]
fn every_reason_is_told_in_both_languages() {
    let now = at("2026-11-10T00:00:00+08:00");
    let all = [
        Reason::InsideFloor { may_go_from: now, certain: false },
        Reason::NotWitnessed { attended: 3, needed: 30 },
        Reason::ClockSuspicious { doubt: ClockDoubt::Stepped { seconds: 7 } },
        Reason::Held { holds: vec![HoldId::new("H1"), HoldId::new("H2")] },
        Reason::UpperBound { until: day("2026-11-09") },
        Reason::BackupNotProven { files: 4 },
    ];
    for reason in all {
        let json = serde_json::to_value(&reason).expect("JSON");
        assert_eq!(json["kind"], reason.word());
        assert_eq!(serde_json::from_value::<Reason>(json).expect("and back"), reason);
        assert!(!reason.told().zh.is_empty() && reason.told().en.is_ascii(), "{reason:?}");
    }
}

/// Complete working days behind `recorded` up to yesterday, counted day by day from the published notices alone.
fn complete(calendar: &Calendar, recorded: NaiveDate, today: NaiveDate, attended: &BTreeSet<NaiveDate>) -> usize {
    let mut n = 0;
    let mut at = recorded + Days::new(1);
    while at < today {
        n += usize::from(calendar.is_working_day(at) == Certainty::WorkingDay && attended.contains(&at));
        at = at + Days::new(1);
    }
    n
}

proptest! {
    /// Whatever is recorded, held, attended or unproven, and whatever the time: what goes has 30 attended working days behind it,
    /// no hold on it, a proven copy, and is no newer than the newest.
    #[test]
    fn nothing_goes_before_its_time(
        start in 0u64..700,
        absent in prop::collection::btree_set(0u64..160, 0..40),
        holds in prop::collection::vec((0u64..160, 0u64..20), 0..4),
        unproven_hour in 8u32..20,
        when in 20u64..160,
        when_due: bool,
        free in 0u64..200,
    ) {
        let calendar = Calendar::published().expect("the shipped files");
        let first = day("2024-02-01") + Days::new(start);
        let today = first + Days::new(when);
        let now = noon(today);
        let attended: BTreeSet<NaiveDate> = (0..=when).filter(|n| !absent.contains(n)).map(|n| first + Days::new(n)).collect();
        let mut presence = Presence::default();
        for date in &attended {
            presence.recorded(RecordedDate { date: *date, first: midnight(*date), last: noon(*date) });
        }
        let held: Vec<Hold> = holds.iter().map(|(from, days)| {
            let from = first + Days::new(*from);
            Hold { from: noon(from), to: Some(noon(from + Days::new(*days)).plus_micros(1)), ..hold("2026-01-01T00:00:00+08:00", None) }
        }).collect();
        let mut settings = RetentionSettings { free_target: FreeTarget { percent: Some(10), gb: None }, ..RetentionSettings::default() };
        settings.delete = if when_due { DeleteWhen::WhenDue } else { DeleteWhen::WhenNeeded };
        let facts = Facts {
            witness: Witness::of(&calendar, &presence, today, None),
            calendar: Arc::new(calendar.clone()),
            settings,
            now,
            doubt: None,
            holds: ActiveHolds::of(held.clone()),
            holds_unknown: false,
            newest: BTreeMap::new(),
            newest_of_all: attended.last().copied(),
            roots: vec![space(free * GB)],
        };
        let proof = Unproven(unproven_hour);
        let mut planner = Planner::new(&facts, Detail::Decisions);
        for (n, date) in attended.iter().enumerate() {
            let hour = 8 + u32::try_from(n % 12).expect("small");
            let recorded = row("C1", *date, hour, 10 * GB);
            let span = recorded.span();
            let rows = DayRows { rows: vec![recorded], unreadable: 0 };
            let plans = planner.day(&facts, &proof, &CameraId::new("C1"), *date, || Ok::<_, ()>(rows)).expect("rows");
            if plans[0].decision == Decision::Go {
                prop_assert!(complete(&calendar, *date, today, &attended) >= 30, "{date} on {today}");
                prop_assert!(held.iter().all(|h| !h.keeps(&CameraId::new("C1"), span)));
                prop_assert!(hour != unproven_hour);
                prop_assert!(*date < today && Some(date) != attended.last());
            }
        }
    }
}
