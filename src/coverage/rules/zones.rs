//! Zones: those that must exist, and that each is covered (R3).

use super::super::both;
use super::super::profile::{Rule, Terms};
use super::{About, Bench, Found, mend_camera, run_the_recorder};
use crate::hall::suggest::nearest;
use crate::observe::state::Bilingual;

/// Every zone the profile lists is there.
pub(super) fn exist(bench: &mut Bench<'_>, rule: &Rule) {
    let Terms::Zones { zones, merge } = &rule.terms else { return };
    for names in zones {
        let Some(name) = names.first() else { continue };
        let mut required = both(format!("设有{name}"), format!("a zone {name}"));
        if *merge {
            required.zh.push_str("（可合并设置）");
            required.en.push_str(" (may be merged into another)");
        }
        let own = bench.hall.zones.iter().find(|zone| names.contains(&zone.zone_type));
        let merged = bench.hall.zones.iter().find(|zone| names.iter().any(|name| zone.is_also(name)));
        let add = || {
            both(
                format!("请在 hall.toml 增加 [[zone]] type = \"{name}\"，并为其配摄像机。"),
                format!("Add [[zone]] type = \"{name}\" to hall.toml, with a camera."),
            )
        };
        let found = match (own, merged) {
            (Some(zone), _) => Found::declared(true, both(format!("分区 {}", zone.id), format!("zone {}", zone.id)), add()),
            (None, Some(zone)) => {
                let within = both(
                    format!("并入分区 {}（{}）", zone.id, zone.zone_type),
                    format!("merged into zone {} ({})", zone.id, zone.zone_type),
                );
                let apart = both(
                    format!("本方案不允许合并设置，请单独设{name}。"),
                    format!("This profile knows no merging: set {name} apart."),
                );
                Found::declared(*merge, within, apart)
            }
            (None, None) => Found::declared(false, both("没有", "none"), or_did_you_mean(bench, name, add())),
        };
        bench.put(rule, About::ZoneType(name.clone()), required, found);
    }
}

/// A zone type that is nearly the one asked for was probably misspelt.
fn or_did_you_mean(bench: &Bench<'_>, name: &str, add: Bilingual) -> Bilingual {
    let types = bench.hall.zones.iter().map(|zone| zone.zone_type.as_str());
    match nearest(name, types) {
        Some(near) => both(
            format!("hall.toml 中的“{near}”是否应为“{name}”？若不是：{}", add.zh),
            format!("Should \"{near}\" in hall.toml read \"{name}\"? If not: {}", add.en),
        ),
        None => add,
    }
}

/// Every zone of the hall is seen by a camera that records and whose picture is not known to be bad.
pub(super) fn have_cameras(bench: &mut Bench<'_>, rule: &Rule) {
    for zone in &bench.hall.zones {
        let required = both("有正在录像的摄像机", "a camera that records");
        let cameras: Vec<_> = bench.hall.cameras_of_zone(zone).collect();
        let mut good = None;
        let mut unknown = false;
        let mut bad = None;
        for camera in &cameras {
            let measured = bench.of(&camera.id);
            match measured.and_then(|m| m.recording.as_ref()) {
                None => unknown = true,
                Some(reading) => {
                    let picture = measured.and_then(|m| m.picture.as_ref());
                    let blind = picture.is_some_and(|p| !p.value.is_empty());
                    if reading.value && !blind {
                        good.get_or_insert((camera, reading));
                    } else {
                        bad.get_or_insert((camera, reading));
                    }
                }
            }
        }
        let found = match (good, unknown, bad) {
            (Some((camera, reading)), ..) => Found::read(
                reading,
                true,
                both(format!("摄像机 {}", camera.id), format!("camera {}", camera.id)),
                mend_camera(),
            ),
            (None, true, _) => Found::unmeasured(run_the_recorder()),
            (None, false, Some((camera, reading))) => {
                let measured = if reading.value {
                    both(format!("{} 画面异常", camera.id), format!("the picture of {} is bad", camera.id))
                } else {
                    super::not_recording(&camera.id)
                };
                Found::read(reading, false, measured, mend_camera())
            }
            (None, false, None) => {
                let (id, name) = (&zone.id, &zone.zone_type);
                let remedy = both(
                    format!(
                        "请为{name}配摄像机（[[camera]] zone = \"{id}\"），或在该分区写明看得到它的摄像机：seen_by = [\"…\"]。"
                    ),
                    format!("Give {name} a camera (zone = \"{id}\"), or name one that sees it: seen_by = [\"…\"]."),
                );
                Found::declared(false, both("没有摄像机", "no camera"), remedy)
            }
        };
        bench.put(rule, About::Zone(zone.id.clone()), required, found);
    }
}
