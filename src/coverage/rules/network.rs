//! The network and what stands on it (R1, R9, R10), and that there is a supervision system at all (part B).

use super::super::attest::What;
use super::super::both;
use super::super::measured::{Protocol, Reading};
use super::super::profile::Rule;
use super::{About, Bench, Found, attest_it, mend_camera, run_the_recorder};
use crate::hall::EquipmentKind;

/// Every camera is proven to speak GB/T 28181, or its papers were seen. A pickup travels in its camera's stream.
pub(super) fn gb28181(bench: &mut Bench<'_>, rule: &Rule) {
    for camera in &bench.hall.cameras {
        let required = both("符合 GB/T 28181-2016", "conforms to GB/T 28181-2016");
        let protocol = bench.of(&camera.id).and_then(|m| m.protocol.as_ref());
        let attested = bench.attested(&camera.id, What::Gb28181).filter(|a| a.lapsed.is_none());
        let found = match (protocol, attested) {
            (Some(reading), _) if reading.value == Protocol::Gb28181 => {
                Found::read(reading, true, both("以 GB/T 28181 接入", "received by GB/T 28181"), both("", ""))
            }
            (_, Some(a)) => Found::attested(a, both(format!("{} 核过资料", a.by), format!("papers seen by {}", a.by))),
            (Some(reading), None) => {
                let measured = both("以 RTSP 接入，国标未证实", "received by RTSP, GB/T 28181 not proven");
                Found::not_yet(reading, measured, attest_it(&camera.id, What::Gb28181))
            }
            (None, None) => Found::unmeasured(attest_it(&camera.id, What::Gb28181)),
        };
        bench.put(rule, About::Camera(camera.id.clone()), required, found);
    }
}

/// What a reachable thing reads as.
fn reach(reading: Option<&Reading<bool>>, remedy: crate::observe::state::Bilingual) -> Found {
    match reading {
        None => Found::unmeasured(both("尚未探测。", "Nothing has tried to reach it so far.")),
        Some(reading) => {
            let measured = if reading.value { both("可达", "reached") } else { both("不可达", "not reached") };
            Found::read(reading, reading.value, measured, remedy)
        }
    }
}

/// The superior takes what is uploaded.
pub(super) fn upload(bench: &mut Bench<'_>, rule: &Rule) {
    let required = both("经电子政务外网向上级上传", "upload to the superior over the e-government extranet");
    let found = if bench.hall.extranet {
        let remedy = both("请检查外网线路和上级平台地址。", "Check the line to the extranet and the superior's address.");
        match &bench.measured.upstream {
            None => {
                Found::unmeasured(both("尚未配置向上级平台的上传。", "No upload to a superior's platform is at work so far."))
            }
            Some(reading) => reach(Some(reading), remedy),
        }
    } else {
        let remedy = both(
            "请接入电子政务外网，并删去 [hall] extranet = false。",
            "Join the extranet and take out [hall] extranet = false.",
        );
        Found::declared(false, both("未接入外网", "not joined to the extranet"), remedy)
    };
    bench.put(rule, About::Hall, required, found);
}

/// A firewall is in the inventory and was reached.
pub(super) fn firewall(bench: &mut Bench<'_>, rule: &Rule) {
    let required = both("接入处有防火墙且可达", "a firewall where the hall joins, reached");
    let mut any = false;
    for item in bench.hall.equipment.iter().filter(|e| e.kind == EquipmentKind::Firewall) {
        any = true;
        let remedy = both(
            format!("请检查防火墙 {} 的电源、线路和地址 {}。", item.id, item.address),
            format!("Check power, cable and address ({1}) of the firewall {0}.", item.id, item.address),
        );
        let found = reach(bench.measured.equipment.get(&item.id), remedy);
        bench.put(rule, About::Equipment(item.id.clone()), required.clone(), found);
    }
    if !any {
        let remedy = both(
            "请在 hall.toml 登记防火墙（可用已有的）：[[equipment]] kind = \"firewall\" address = \"…\"。",
            "Enter the firewall (an existing one will do) in hall.toml: [[equipment]] kind = \"firewall\" address = \"…\".",
        );
        bench.put(
            rule,
            About::Hall,
            required,
            Found::declared(false, both("没有登记防火墙", "no firewall in the inventory"), remedy),
        );
    }
}

/// Cameras, pickups, the recorder and the rest of the inventory were reached. Firewalls have a rule of their own.
pub(super) fn reached(bench: &mut Bench<'_>, rule: &Rule) {
    let required = || both("在网可达", "reached over the network");
    for camera in &bench.hall.cameras {
        let found = match bench.of(&camera.id).and_then(|m| m.reachable.as_ref()) {
            None => Found::unmeasured(run_the_recorder()),
            reading => reach(reading, mend_camera()),
        };
        bench.put(rule, About::Camera(camera.id.clone()), required(), found);
    }
    for pickup in &bench.hall.pickups {
        let found = match bench.of(&pickup.camera).and_then(|m| m.audio_present.as_ref()) {
            None => Found::unmeasured(run_the_recorder()),
            reading => {
                let remedy = both("请检查拾音器与摄像机的接线。", "Check the wire between the pickup and its camera.");
                reach(reading, remedy)
            }
        };
        bench.put(rule, About::Pickup(pickup.id.clone()), required(), found);
    }
    for item in bench.hall.equipment.iter().filter(|e| e.kind != EquipmentKind::Firewall) {
        let kind = item.kind.words();
        let remedy = both(
            format!("请检查{} {} 的电源、线路和地址 {}。", kind.zh, item.id, item.address),
            format!("Check power, cable and address ({2}) of the {0} {1}.", kind.en, item.id, item.address),
        );
        let found = reach(bench.measured.equipment.get(&item.id), remedy);
        bench.put(rule, About::Equipment(item.id.clone()), required(), found);
    }
    let found = running(bench);
    bench.put(rule, About::Recorder, required(), found);
}

fn running(bench: &Bench<'_>) -> Found {
    match &bench.measured.recorder {
        None => Found::unmeasured(run_the_recorder()),
        Some(reading) => {
            let since = reading.value.beijing().format("%Y-%m-%d %H:%M");
            Found::read(reading, true, both(format!("自 {since} 运行"), format!("running since {since}")), both("", ""))
        }
    }
}

/// There is video surveillance: cameras that record.
pub(super) fn surveillance(bench: &mut Bench<'_>, rule: &Rule) {
    let cameras = bench.hall.cameras.len();
    let readings: Vec<&Reading<bool>> =
        bench.hall.cameras.iter().filter_map(|c| bench.of(&c.id).and_then(|m| m.recording.as_ref())).collect();
    let recording = readings.iter().filter(|reading| reading.value).count();
    let found = match readings.first() {
        None => Found::unmeasured(run_the_recorder()),
        Some(reading) => {
            let measured = both(format!("{recording}/{cameras} 台在录"), format!("{recording} of {cameras} cameras record"));
            Found::read(reading, recording > 0, measured, mend_camera())
        }
    };
    bench.put(rule, About::Hall, both("有视频监控", "video surveillance"), found);
}

/// The supervision system, which this recorder is, runs.
pub(super) fn supervision(bench: &mut Bench<'_>, rule: &Rule) {
    let found = running(bench);
    bench.put(rule, About::Hall, both("监察系统在运行", "the supervision system runs"), found);
}
