//! PTZ cameras: how many (R4), that they move (R4), what they see (R6).

use super::super::attest::What;
use super::super::both;
use super::super::profile::{Rule, Terms};
use super::{About, Bench, Found, attest_it};
use crate::hall::CameraKind;

/// A hall with that many comprehensive windows has PTZ cameras. More than the norm is no fault.
pub(super) fn count(bench: &mut Bench<'_>, rule: &Rule) {
    let Terms::Ptz { from_windows, least, norm } = rule.terms else { return };
    let windows = bench.comprehensive_windows();
    if windows < from_windows as usize {
        return;
    }
    let n = bench.ptz_cameras().count();
    let required = both(
        format!("综合窗口 {windows} 个：动点摄像机不少于 {least} 台，一般至 {norm} 台"),
        format!("{windows} comprehensive windows: at least {least} PTZ cameras, as a rule up to {norm}"),
    );
    let remedy = both("请增设动点摄像机（[[camera]] kind = \"ptz\"）。", "Add a PTZ camera ([[camera]] kind = \"ptz\").");
    bench.put(
        rule,
        About::Hall,
        required,
        Found::declared(n >= least as usize, both(format!("{n} 台"), n.to_string()), remedy),
    );
}

/// Every PTZ camera moved when it was told to; where it cannot be told, a person has vouched for it.
pub(super) fn moves(bench: &mut Bench<'_>, rule: &Rule) {
    for camera in bench.ptz_cameras() {
        let required = both("云台可以转动", "moves when told to");
        let remedy =
            || both("请检查云台供电、控制协议和权限。", "Check the power, the protocol and the rights of its control.");
        let proven = bench.of(&camera.id).and_then(|m| m.ptz_moves.as_ref());
        let attested = bench.attested(&camera.id, What::Ptz).filter(|a| a.lapsed.is_none());
        let found = match (proven, attested) {
            (Some(reading), _) => {
                let measured = if reading.value {
                    both("画面随命令转动", "the picture moved")
                } else {
                    both("画面不动", "the picture did not move")
                };
                Found::read(reading, reading.value, measured, remedy())
            }
            (None, Some(a)) => Found::attested(a, both(format!("{} 签认", a.by), format!("attested by {}", a.by))),
            (None, None) => Found::unmeasured(attest_it(&camera.id, What::Ptz)),
        };
        bench.put(rule, About::Camera(camera.id.clone()), required, found);
    }
}

/// In a hall that must have PTZ cameras, they see every public zone without windows.
pub(super) fn zones(bench: &mut Bench<'_>, rule: &Rule) {
    let Terms::FromWindows(from_windows) = rule.terms else { return };
    if bench.comprehensive_windows() < from_windows as usize {
        return;
    }
    let hall = bench.hall;
    for zone in hall.zones.iter().filter(|z| z.public && !hall.windows.iter().any(|w| w.zone == z.id)) {
        let ptz: Vec<&str> = hall.cameras_of_zone(zone).filter(|c| c.kind == CameraKind::Ptz).map(|c| c.id.as_str()).collect();
        let required = both("动点摄像机看得到", "seen by a PTZ camera");
        let (id, name) = (&zone.id, &zone.zone_type);
        let remedy = both(
            format!("请给动点摄像机设看得到{name}的预置位，并在分区 {id} 写 seen_by = [\"…\"]；非公共区域写 public = false。"),
            format!(
                "Give a PTZ camera a preset that sees {name} and write seen_by = [\"…\"] for zone {id}; public = false where no public comes."
            ),
        );
        let measured = if ptz.is_empty() {
            both("没有动点摄像机", "no PTZ camera")
        } else {
            both(format!("摄像机 {}", ptz.join("、")), format!("camera {}", ptz.join(", ")))
        };
        bench.put(rule, About::Zone(zone.id.clone()), required, Found::declared(!ptz.is_empty(), measured, remedy));
    }
}
