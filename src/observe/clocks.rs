//! Clocks in words: how a camera's clock and the server's are judged, the alarms that follow, and what to do. Pure.

use super::alarms::{Board, Severity};
use super::state::{Bilingual, CameraClockState, ClockState};
use super::words::Told;
use crate::hall::{CameraId, ClockLimits};
use crate::source::anchor::camera_clock::{CameraClock, ClockVerdict};
use crate::time::{ServerClock, WallTime};

fn both(zh: impl Into<String>, en: impl Into<String>) -> Bilingual {
    Bilingual { zh: zh.into(), en: en.into() }
}

/// Microseconds as seconds with sign and one digit: `+28800.0`.
#[expect(clippy::cast_precision_loss, reason = "for a sentence")]
fn seconds(micros: i64) -> String {
    format!("{:+.1}", micros as f64 / 1e6)
}

/// A camera's clock as the API shows it; `None` before its first report.
pub fn of_camera(clock: &CameraClock) -> Option<CameraClockState> {
    let (verdict, text) = match clock.verdict {
        ClockVerdict::Unknown => return None,
        ClockVerdict::Good => ("good", both("准确", "right")),
        ClockVerdict::Off => ("off", both("不准", "wrong")),
        ClockVerdict::TimeZone { hours } => {
            ("time-zone", both(format!("时区设错（{hours:+} 小时）"), format!("wrong time zone ({hours:+} h)")))
        }
        ClockVerdict::Unset => ("unset", both("未设置", "never set")),
        ClockVerdict::Stepping => ("stepping", both("跳变", "jumps")),
        ClockVerdict::Drifting => {
            let ppm = clock.drift_ppm.unwrap_or_default();
            ("drifting", both(format!("漂移 {ppm:+} ppm"), format!("drifts by {ppm:+} ppm")))
        }
    };
    let hours = match clock.verdict {
        ClockVerdict::TimeZone { hours } => Some(hours),
        _ => None,
    };
    Some(CameraClockState { verdict, hours, drift_ppm: clock.drift_ppm, text })
}

/// What is wrong with a camera's clock and what to do; `None` while nobody need act.
fn camera_trouble(camera: &CameraId, clock: &CameraClock) -> Option<Told> {
    let skew = seconds(clock.skew_micros.unwrap_or_default());
    let what = match clock.verdict {
        ClockVerdict::Unknown | ClockVerdict::Good | ClockVerdict::Drifting => return None,
        ClockVerdict::Off => both(
            format!("摄像机 {camera} 的时钟与本服务器相差 {skew} 秒。"),
            format!("The clock of camera {camera} differs from this server's by {skew} s."),
        ),
        ClockVerdict::TimeZone { hours } => both(
            format!("摄像机 {camera} 的时区设错，时钟相差 {hours:+} 小时。"),
            format!("The time zone of camera {camera} is set wrong: its clock is {hours:+} h off."),
        ),
        ClockVerdict::Unset => {
            both(format!("摄像机 {camera} 的时钟未设置。"), format!("The clock of camera {camera} was never set."))
        }
        ClockVerdict::Stepping => {
            both(format!("摄像机 {camera} 的时钟反复跳变。"), format!("The clock of camera {camera} jumps again and again."))
        }
    };
    let remedy = match clock.verdict {
        ClockVerdict::TimeZone { .. } => both(
            "录像时间按本服务器计算，不受影响。请在摄像机上把时区设为北京（UTC+8），并开启 NTP 校时。",
            "Recordings carry this server's time and are right. Set the camera's zone to Beijing (UTC+8) and switch NTP on.",
        ),
        ClockVerdict::Stepping => both(
            "录像时间按本服务器计算，不受影响。请检查是否有两个时间源同时给这台摄像机校时（如平台和 NTP），只留一个。",
            "Recordings carry this server's time and are right. See whether two sources set this camera's clock (a platform and NTP); leave one.",
        ),
        _ => both(
            "录像时间按本服务器计算，不受影响。请在摄像机上开启 NTP 校时，指向与本服务器相同的时间源。",
            "Recordings carry this server's time and are right. Switch NTP on at the camera, with the source this server uses.",
        ),
    };
    Some(Told { what, remedy })
}

/// Raises an alarm for every camera whose clock is beyond the limit.
pub fn raise_for_cameras<'a>(board: &mut Board, clocks: impl Iterator<Item = (&'a CameraId, CameraClock)>, now: WallTime) {
    for (camera, clock) in clocks {
        if let Some(told) = camera_trouble(camera, &clock) {
            board.raise("camera-clock", camera.as_str(), Severity::Warning, now, told);
        }
    }
}

/// The server's clock as the API shows it.
pub fn of_server(clock: ServerClock, limits: ClockLimits) -> ClockState {
    let ServerClock { disciplined: synchronised, max_error_ms, source, leap } = clock;
    ClockState { synchronised, max_error_ms, limit_ms: limits.server_error_ms(), source, leap }
}

/// Raises the alarm while the server's clock is not kept right.
pub fn raise_for_server(board: &mut Board, clock: &ClockState, now: WallTime) {
    if clock.synchronised {
        return;
    }
    let ClockState { max_error_ms: error, limit_ms: limit, source, .. } = clock;
    let what = both(
        format!("服务器时钟没有校准：误差可达 {error} 毫秒，上限 {limit} 毫秒（依据 {source}）。"),
        format!("The server's clock is not kept right: error up to {error} ms, {limit} ms allowed (says {source})."),
    );
    let remedy = both(
        "请安装并启动 chrony，指向政务外网的时间源，用 chronyc tracking 查看；在此之前的录像均注明时钟未校准。",
        "Install and start chrony with the extranet's time source and look with `chronyc tracking`; until then recordings are marked.",
    );
    board.raise("clock", "", Severity::Warning, now, Told { what, remedy });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::alarms::{Alarm, changes};

    fn at(second: i64) -> WallTime {
        WallTime::from_micros(second * 1_000_000)
    }

    fn look(second: i64, clock: CameraClock, before: &[Alarm]) -> Vec<Alarm> {
        let mut board = Board::default();
        raise_for_cameras(&mut board, [(&CameraId::new("C3"), clock)].into_iter(), at(second));
        board.settle(before)
    }

    fn clock(verdict: ClockVerdict, skew_seconds: i64) -> CameraClock {
        CameraClock { verdict, skew_micros: Some(skew_seconds * 1_000_000), drift_ppm: None }
    }

    #[test]
    fn a_camera_eight_hours_off_is_told_with_zone_hours_and_remedy_and_settles() {
        let wrong = look(1, clock(ClockVerdict::TimeZone { hours: 8 }, 28_800), &[]);
        assert_eq!((wrong[0].code, wrong[0].subject.as_str(), wrong[0].severity), ("camera-clock", "C3", Severity::Warning));
        assert_eq!(wrong[0].text.zh, "摄像机 C3 的时区设错，时钟相差 +8 小时。");
        assert!(wrong[0].action.zh.contains("UTC+8"));
        let right = look(2, clock(ClockVerdict::Good, 0), &wrong);
        assert_eq!(changes(&wrong, &right).1.len(), 1);
        assert_eq!(right, []);
    }

    #[test]
    fn what_is_wrong_is_said_and_what_is_right_raises_nothing() {
        assert_eq!(look(1, clock(ClockVerdict::Off, -5), &[])[0].text.zh, "摄像机 C3 的时钟与本服务器相差 -5.0 秒。");
        assert_eq!(look(1, clock(ClockVerdict::Unset, 0), &[])[0].text.zh, "摄像机 C3 的时钟未设置。");
        assert_eq!(look(1, clock(ClockVerdict::Stepping, 0), &[])[0].text.zh, "摄像机 C3 的时钟反复跳变。");
        for quiet in [ClockVerdict::Unknown, ClockVerdict::Good, ClockVerdict::Drifting] {
            assert_eq!(look(1, clock(quiet, 0), &[]), []);
        }
    }

    #[test]
    fn every_verdict_has_a_word_and_a_text() {
        let drifting = CameraClock { verdict: ClockVerdict::Drifting, skew_micros: Some(0), drift_ppm: Some(-120) };
        let told = of_camera(&drifting).unwrap();
        assert_eq!((told.verdict, told.text.zh.as_str(), told.drift_ppm), ("drifting", "漂移 -120 ppm", Some(-120)));
        let zone = of_camera(&clock(ClockVerdict::TimeZone { hours: -8 }, -28_800)).unwrap();
        assert_eq!((zone.verdict, zone.hours, zone.text.zh.as_str()), ("time-zone", Some(-8), "时区设错（-8 小时）"));
        assert_eq!(of_camera(&CameraClock::default()), None);
    }

    #[test]
    fn an_undisciplined_server_is_told_with_limit_and_source() {
        let seen = |disciplined| ServerClock { disciplined, max_error_ms: 1400, source: "kernel".into(), leap: None };
        let mut board = Board::default();
        raise_for_server(&mut board, &of_server(seen(false), ClockLimits::default()), at(1));
        let alarms = board.settle(&[]);
        assert_eq!(alarms[0].code, "clock");
        assert_eq!(alarms[0].text.zh, "服务器时钟没有校准：误差可达 1400 毫秒，上限 1000 毫秒（依据 kernel）。");
        let mut board = Board::default();
        raise_for_server(&mut board, &of_server(seen(true), ClockLimits::default()), at(2));
        assert_eq!(board.settle(&alarms), []);
    }
}
