//! The time of a frame under every clock that can go wrong: days and weeks of a camera, with clocks moved by hand. Nothing sleeps.
//!
//! True time is the server's wall clock unless a case says otherwise. Each case states how far a capture time may lie from the truth;
//! the stamped second is the true second except within that bound of a second's edge.

#![allow(clippy::unwrap_used, reason = "a panic here is a failed test with a line number")]

use jiancha::hall::{CameraId, ClockLimits};
use jiancha::media::TimeSource;
use jiancha::observe::alarms::{Alarm, Board, changes};
use jiancha::observe::clocks::raise_for_cameras;
use jiancha::source::anchor::Anchor;
use jiancha::source::anchor::camera_clock::{CameraClock, ClockVerdict};
use jiancha::stamp::text::time_text;
use jiancha::time::WallTime;

const SECOND: i64 = 1_000_000;
const HOUR: i64 = 3600 * SECOND;
const DAY: i64 = 24 * HOUR;
const WEEK: i64 = 7 * DAY;

/// A camera and the way to it. Times are microseconds since the session began, by the true clock.
struct Camera {
    start: WallTime,
    /// What its media clock gains, in parts per million.
    media_ppm: i64,
    /// Time from one picture to the next.
    picture: i64,
    /// Time from one sender report to the next; none are sent when 0.
    report: i64,
    /// What its clock shows ahead of the truth.
    clock_error: Box<dyn Fn(i64) -> i64>,
    /// What the server's clock shows ahead of the truth.
    server_error: Box<dyn Fn(i64) -> i64>,
    /// Least time from capture to arrival.
    delay: i64,
    /// What a picture may come later than that.
    jitter: i64,
}

impl Camera {
    fn new(start: &str) -> Self {
        Self {
            start: WallTime::parse_rfc3339(start).unwrap(),
            media_ppm: 0,
            picture: SECOND / 2,
            report: 5 * SECOND,
            clock_error: Box::new(|_| 0),
            server_error: Box::new(|_| 0),
            delay: 30_000,
            jitter: 40_000,
        }
    }
}

/// One picture as it would be recorded.
struct Picture {
    /// True time since the session began.
    t: i64,
    /// What the server's clock showed when it was taken.
    truth: WallTime,
    at: WallTime,
    source: TimeSource,
    clock: CameraClock,
}

/// A session under way, and what was seen of it.
struct Session {
    camera: Camera,
    anchor: Anchor,
    t: i64,
    next_report: i64,
    random: u64,
    last: Option<(i64, WallTime, TimeSource)>,
    /// Most a step between two pictures differed from their distance in media time, per mille.
    worst_step_per_mille: i64,
    /// Changes between the two ways of finding the time.
    changes: usize,
}

impl Session {
    fn begin(camera: Camera) -> Self {
        let anchor = Anchor::new(ClockLimits::default());
        Self { camera, anchor, t: 0, next_report: SECOND, random: 9, last: None, worst_step_per_mille: 0, changes: 0 }
    }

    /// Up to a picture's jitter, mostly little.
    fn jitter(&mut self) -> i64 {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let share = i64::try_from(self.random >> 44).unwrap();
        self.camera.jitter * share / (1 << 20)
    }

    fn media(&self, t: i64) -> i64 {
        t + t / 1000 * self.camera.media_ppm / 1000
    }

    fn server(&self, t: i64) -> WallTime {
        self.camera.start.plus_micros(t + (self.camera.server_error)(t))
    }

    /// Lets `micros` pass; each picture is shown to `see`. Capture times must rise.
    fn run(&mut self, micros: i64, mut see: impl FnMut(&Picture)) {
        let until = self.t + micros;
        while self.t < until {
            let (t, media) = (self.t, self.media(self.t));
            let late = self.camera.delay + self.jitter();
            self.anchor.arrived(media, self.server(t + late));
            if self.camera.report > 0 && t >= self.next_report {
                self.next_report += self.camera.report;
                let shown = self.camera.start.plus_micros(t + (self.camera.clock_error)(t));
                // Reports wait in the same queue as pictures, but nobody encodes them.
                let late = self.camera.delay - 28_000 + self.jitter() / 8;
                let arrival = self.server(t + late);
                self.anchor.reported(media, shown, arrival);
            }
            let captured = self.anchor.capture(media, true).unwrap();
            assert_eq!(self.anchor.strayed(), None, "at {t}");
            if let Some((before, at, source)) = self.last {
                let (step, distance) = (captured.at.micros_since(at), media - before);
                assert!(step > 0, "time went back at {t}");
                self.worst_step_per_mille = self.worst_step_per_mille.max((step - distance).abs() * 1000 / distance);
                self.changes += usize::from(source != captured.source);
            }
            self.last = Some((media, captured.at, captured.source));
            let clock = self.anchor.camera_clock();
            see(&Picture { t, truth: self.server(t), at: captured.at, source: captured.source, clock });
            self.t += self.camera.picture;
        }
    }

    /// Runs and gives the least and greatest error of a capture time.
    fn errors(&mut self, micros: i64) -> (i64, i64) {
        let (mut least, mut most) = (i64::MAX, i64::MIN);
        self.run(micros, |p| {
            let error = p.at.micros_since(p.truth);
            (least, most) = (least.min(error), most.max(error));
        });
        (least, most)
    }

    fn source(&self) -> TimeSource {
        self.last.unwrap().2
    }

    fn verdict(&self) -> ClockVerdict {
        self.anchor.camera_clock().verdict
    }
}

/// The stamp is the true second, except within `bound` microseconds of a second's edge.
fn assert_stamped_right(p: &Picture, bound: i64) {
    let (early, late) = (time_text(p.truth.plus_micros(-bound)), time_text(p.truth.plus_micros(bound)));
    let stamped = time_text(p.at);
    assert!(stamped == early || stamped == late || stamped == time_text(p.truth), "{stamped} at {}", p.truth);
}

fn within((least, most): (i64, i64), low: i64, high: i64) {
    assert!(low <= least && most <= high, "errors {least} … {most} µs, allowed {low} … {high}");
}

/// A week at 500 ppm; the bound on arrival is the least delay plus what a minute of drift or jitter can hide.
fn week(media_ppm: i64, report: i64) -> Session {
    Session::begin(Camera { media_ppm, report, picture: SECOND, ..Camera::new("2026-11-22T14:50:00+08:00") })
}

#[test]
fn a_week_of_500_ppm_without_reports_stays_within_75_ms_and_shows_no_jump() {
    for ppm in [500, -500] {
        let mut session = week(ppm, 0);
        // Least delay 30 ms; a minute of drift is 30 ms, and the least of 100 jitters is a few milliseconds.
        within(session.errors(WEEK), 0, 75_000);
        assert_eq!((session.source(), session.verdict()), (TimeSource::Arrival, ClockVerdict::Unknown));
        assert!(session.worst_step_per_mille <= 20, "{ppm}: {} ‰", session.worst_step_per_mille);
    }
}

#[test]
fn a_week_of_500_ppm_with_a_kept_clock_stays_within_10_ms_and_shows_no_jump() {
    for ppm in [500, -500] {
        let mut session = week(ppm, 5 * SECOND);
        // The first seconds are found from arrival and slewed over.
        within(session.errors(10 * SECOND), -5_000, 75_000);
        within(session.errors(WEEK), -10_000, 10_000);
        assert_eq!((session.source(), session.verdict()), (TimeSource::SenderReport, ClockVerdict::Good));
        assert!(session.worst_step_per_mille <= 20, "{ppm}: {} ‰", session.worst_step_per_mille);
        assert_eq!(session.changes, 1);
    }
}

#[test]
fn a_week_of_a_camera_whose_own_clock_drifts_by_500_ppm_stays_within_400_ms_and_raises_the_alarm() {
    for ppm in [500, -500] {
        let clock_error = Box::new(move |t: i64| t / 1000 * ppm / 1000);
        let camera = Camera { media_ppm: ppm, clock_error, picture: SECOND, ..Camera::new("2026-11-22T14:50:00+08:00") };
        let mut session = Session::begin(camera);
        within(session.errors(30 * 60 * SECOND), -400_000, 150_000);
        // By now it is known that nobody keeps the clock: times are found from arrival.
        assert_eq!(session.verdict(), ClockVerdict::Drifting);
        assert!(
            (490..=510).contains(&session.anchor.camera_clock().drift_ppm.unwrap().abs()),
            "{:?}",
            session.anchor.camera_clock()
        );
        within(session.errors(WEEK), 0, 75_000);
        // A week of 500 ppm is 302.4 s, and half an hour of it 0.9 s.
        let skew = session.anchor.camera_clock().skew_micros.unwrap() / SECOND;
        assert_eq!((session.verdict(), session.source(), skew.abs()), (ClockVerdict::Off, TimeSource::Arrival, 303));
        assert!(session.worst_step_per_mille <= 20, "{} ‰", session.worst_step_per_mille);
        assert!(session.changes <= 2, "{}", session.changes);
        let raised = look(&session, &[]);
        assert_eq!(raised[0].text.zh, format!("摄像机 C3 的时钟与本服务器相差 {}303.3 秒。", if ppm > 0 { '+' } else { '-' }));
    }
}

#[test]
fn midnight_and_year_end_are_stamped_to_the_picture() {
    let camera = Camera { picture: 40_000, jitter: 9_000, ..Camera::new("2026-12-31T23:59:30+08:00") };
    let mut session = Session::begin(camera);
    let mut stamps: Vec<String> = Vec::new();
    session.run(60 * SECOND, |p| {
        assert_stamped_right(p, if p.t < 5 * SECOND { 50_000 } else { 10_000 });
        let text = time_text(p.at);
        if stamps.last() != Some(&text) {
            stamps.push(text);
        }
    });
    // Every second once, in order, and none left out.
    assert_eq!(stamps.len(), 60);
    assert_eq!(
        stamps[28..32],
        [
            "2026年12月31日 星期四 23:59:58",
            "2026年12月31日 星期四 23:59:59",
            "2027年01月01日 星期五 00:00:00",
            "2027年01月01日 星期五 00:00:01"
        ]
    );
}

/// Were there a leap second at the end of 2028, as there was at that of 2016, it would come at 07:59:60 in Beijing. A smear of 24 h from
/// noon to noon UTC loses it in steps of 11.6 µs a second. `since` is when the smear begins.
fn smear(t: i64, since: i64) -> i64 {
    -(t - since).clamp(0, DAY) / 86_400
}

#[test]
fn a_smeared_leap_second_is_followed_whoever_smears() {
    // Server and camera smear alike; only one of them does, and the other is a second off after it.
    let kept: [(bool, bool); 3] = [(true, true), (true, false), (false, true)];
    for (server, camera) in kept {
        let start = "2028-12-31T18:00:00+08:00";
        let begins = 2 * HOUR;
        let on = |smears: bool| -> Box<dyn Fn(i64) -> i64> {
            if smears { Box::new(move |t| smear(t, begins)) } else { Box::new(|_| 0) }
        };
        let mut session = Session::begin(Camera { server_error: on(server), clock_error: on(camera), ..Camera::new(start) });
        let bound = if server == camera { 10_000 } else { 510_000 };
        let mut stamps = 0u32;
        session.run(30 * HOUR, |p| {
            if p.t > 10 * SECOND {
                assert_stamped_right(p, bound);
            }
            let text = time_text(p.at);
            assert!(!text.ends_with(":60"), "{text}");
            stamps += 1;
        });
        assert_eq!(stamps, 216_000);
        // A second off is within the limit of two: no finding, but the stamp is the server's.
        assert_eq!(session.verdict(), ClockVerdict::Good, "{server} {camera}");
        let source = if server == camera { TimeSource::SenderReport } else { TimeSource::Arrival };
        assert_eq!(session.source(), source, "{server} {camera}");
        assert!(session.worst_step_per_mille <= 20);
    }
}

#[test]
fn the_second_60_is_never_stamped_even_where_a_camera_repeats_the_second_before_it() {
    // The camera's clock goes back by a second at 08:00 Beijing time, as a kernel does that inserts a leap second.
    let start = "2029-01-01T07:59:00+08:00";
    let clock_error = Box::new(|t: i64| if t < 60 * SECOND { 0 } else { -SECOND });
    let mut session = Session::begin(Camera { picture: 40_000, clock_error, ..Camera::new(start) });
    let mut last = String::new();
    session.run(180 * SECOND, |p| {
        let text = time_text(p.at);
        assert!(!text.ends_with(":60") && text >= last, "{last} then {text}");
        assert_stamped_right(p, 75_000);
        last = text;
    });
    // The four reports that confirm the step are held back; then it is more than the quarter of the limit that is believed.
    assert_eq!(session.source(), TimeSource::Arrival);
    assert_eq!(session.changes, 2);
}

/// A step of the server's clock ends the session (see `clock_step.rs`): a new one begins with the new time, and its captures are right
/// from its first picture on.
#[test]
fn after_a_step_of_the_servers_clock_by_an_hour_the_new_session_is_right_at_once() {
    for step in [HOUR, -HOUR] {
        let mut before = Session::begin(Camera::new("2026-11-22T14:50:00+08:00"));
        within(before.errors(600 * SECOND), -10_000, 75_000);
        // The camera's clock is right: by the stepped server it is an hour off.
        let start = WallTime::parse_rfc3339("2026-11-22T15:00:00+08:00").unwrap().plus_micros(step);
        let clock_error = Box::new(move |_| -step);
        let mut after = Session::begin(Camera { start, clock_error, ..Camera::new("2026-11-22T15:00:00+08:00") });
        within(after.errors(600 * SECOND), 0, 75_000);
        assert_eq!(after.verdict(), ClockVerdict::TimeZone { hours: -step / HOUR });
        assert_eq!(after.source(), TimeSource::Arrival);
    }
}

/// The alarms of one camera at this look.
fn look(session: &Session, before: &[Alarm]) -> Vec<Alarm> {
    let mut board = Board::default();
    let id = CameraId::new("C3");
    raise_for_cameras(&mut board, [(&id, session.anchor.camera_clock())].into_iter(), session.server(session.t));
    board.settle(before)
}

/// Runs a camera whose clock is wrong for an hour and then set right; gives the alarm's Chinese text.
fn wrong_then_right(error: i64, verdict: ClockVerdict) -> String {
    let clock_error = Box::new(move |t: i64| if t < HOUR { error } else { 0 });
    let mut session = Session::begin(Camera { clock_error, ..Camera::new("2026-11-22T14:50:00+08:00") });
    within(session.errors(HOUR), 0, 75_000);
    assert_eq!((session.verdict(), session.source()), (verdict, TimeSource::Arrival));
    let raised = look(&session, &[]);
    assert_eq!(raised.len(), 1);
    within(session.errors(60 * SECOND), -10_000, 75_000);
    assert_eq!((session.verdict(), session.source()), (ClockVerdict::Good, TimeSource::SenderReport));
    let settled = look(&session, &raised);
    assert_eq!((settled.len(), changes(&raised, &settled).1.len()), (0, 1));
    assert_eq!(session.changes, 1);
    raised[0].text.zh.clone()
}

#[test]
fn a_camera_eight_hours_off_is_stamped_right_told_and_settled() {
    let ahead = wrong_then_right(8 * HOUR, ClockVerdict::TimeZone { hours: 8 });
    assert_eq!(ahead, "摄像机 C3 的时区设错，时钟相差 +8 小时。");
    let behind = wrong_then_right(-8 * HOUR, ClockVerdict::TimeZone { hours: -8 });
    assert_eq!(behind, "摄像机 C3 的时区设错，时钟相差 -8 小时。");
}

#[test]
fn a_camera_wrong_by_minutes_is_stamped_right_told_and_settled() {
    assert_eq!(wrong_then_right(90 * SECOND, ClockVerdict::Off), "摄像机 C3 的时钟与本服务器相差 +90.0 秒。");
    assert_eq!(wrong_then_right(-5 * SECOND, ClockVerdict::Off), "摄像机 C3 的时钟与本服务器相差 -5.0 秒。");
}

#[test]
fn a_camera_that_was_never_set_is_stamped_right_told_and_settled() {
    let now = WallTime::parse_rfc3339("2026-11-22T14:50:00+08:00").unwrap();
    for shown in ["1900-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "2000-01-01T00:00:00+08:00"] {
        let error = WallTime::parse_rfc3339(shown).unwrap().micros_since(now);
        assert_eq!(wrong_then_right(error, ClockVerdict::Unset), "摄像机 C3 的时钟未设置。");
    }
}

#[test]
fn a_camera_that_jumps_again_and_again_is_not_followed_told_and_settled() {
    // Two masters set the clock in turn, every 40 s, 400 ms apart.
    let clock_error = Box::new(|t: i64| if t < HOUR && t / (40 * SECOND) % 2 == 1 { -400_000 } else { 0 });
    let mut session = Session::begin(Camera { clock_error, ..Camera::new("2026-11-22T14:50:00+08:00") });
    within(session.errors(HOUR), -400_000, 75_000);
    assert_eq!((session.verdict(), session.source()), (ClockVerdict::Stepping, TimeSource::Arrival));
    assert!(session.changes <= 3, "{}", session.changes);
    assert!(session.worst_step_per_mille <= 20, "{} ‰", session.worst_step_per_mille);
    let raised = look(&session, &[]);
    assert_eq!(raised[0].text.zh, "摄像机 C3 的时钟反复跳变。");
    // Ten quiet minutes, and it is believed again.
    within(session.errors(5 * 60 * SECOND), 0, 75_000);
    assert_eq!(session.verdict(), ClockVerdict::Stepping);
    session.run(6 * 60 * SECOND, |_| {});
    assert_eq!((session.verdict(), session.source()), (ClockVerdict::Good, TimeSource::SenderReport));
    assert_eq!(look(&session, &raised), []);
}

#[test]
fn a_camera_at_the_limit_does_not_flap() {
    // Its difference swings by 40 ms about the half second that is believed, and about the two seconds that are allowed.
    for limit in [500_000, 2 * SECOND] {
        let clock_error = Box::new(move |t: i64| -limit + if t / (60 * SECOND) % 2 == 0 { 40_000 } else { -40_000 });
        let mut session = Session::begin(Camera { clock_error, ..Camera::new("2026-11-22T14:50:00+08:00") });
        let (mut verdicts, mut last) = (0, ClockVerdict::Unknown);
        session.run(DAY, |p| {
            verdicts += usize::from(p.clock.verdict != last);
            last = p.clock.verdict;
            assert!(p.at.micros_since(p.truth).abs() <= 550_000);
        });
        assert!(session.changes <= 2, "{limit}: {} changes of the source", session.changes);
        assert!(verdicts <= 2, "{limit}: {verdicts} verdicts");
    }
}

#[test]
fn a_line_that_is_behind_for_ten_minutes_raises_nothing_and_costs_at_most_its_own_delay() {
    let mut session = Session::begin(Camera::new("2026-11-22T14:50:00+08:00"));
    within(session.errors(600 * SECOND), -10_000, 75_000);
    // For a minute the delay of before is still known, and the reports are believed.
    session.camera.delay = 700_000;
    within(session.errors(50 * SECOND), -10_000, 10_000);
    assert_eq!(session.source(), TimeSource::SenderReport);
    // After that a slow line cannot be told from a slow clock: arrival is believed.
    within(session.errors(550 * SECOND), -10_000, 750_000);
    assert_eq!((session.verdict(), session.source()), (ClockVerdict::Good, TimeSource::Arrival));
    session.camera.delay = 30_000;
    session.run(120 * SECOND, |_| {});
    within(session.errors(HOUR), -10_000, 10_000);
    assert_eq!((session.verdict(), session.source()), (ClockVerdict::Good, TimeSource::SenderReport));
    assert_eq!(session.changes, 3);
}

#[test]
fn every_picture_carries_both_candidates() {
    let mut anchor = Anchor::new(ClockLimits::default());
    let at = |micros: i64| WallTime::parse_rfc3339("2026-11-22T14:50:00+08:00").unwrap().plus_micros(micros);
    anchor.arrived(0, at(60_000));
    anchor.reported(0, at(8 * HOUR), at(2_000));
    let captured = anchor.capture(0, true).unwrap();
    assert_eq!((captured.at, captured.source, captured.other), (at(60_000), TimeSource::Arrival, Some(at(8 * HOUR))));
}
