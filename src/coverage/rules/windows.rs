//! Windows: how many and which, each with its fixed camera and pickup, and who shares them (R5, part B).

use super::super::attest::What;
use super::super::both;
use super::super::measured::CameraMeasured;
use super::super::profile::{Rule, Terms};
use super::{About, Bench, Found, attest_it, mend_camera, not_recording, run_the_recorder};
use crate::hall::{COMPREHENSIVE, CameraKind, ServiceWindow, SoundSource};
use crate::observe::state::Bilingual;

/// How many windows there are.
pub(super) fn count(bench: &mut Bench<'_>, rule: &Rule) {
    let Terms::Windows { kind, least, most } = &rule.terms else { return };
    let counts = |w: &&ServiceWindow| match kind.as_deref() {
        None => true,
        Some(COMPREHENSIVE) => w.is_comprehensive(),
        Some(kind) => w.is_kind(kind),
    };
    let n = bench.hall.windows.iter().filter(counts).count();
    let of = kind.as_deref().map_or(both("窗口", "windows"), |kind| both(kind, format!("windows {kind}")));
    let required = match most {
        Some(most) => both(format!("{}{least} 至 {most} 个", of.zh), format!("{least} to {most} {}", of.en)),
        None => both(format!("{}不少于 {least} 个", of.zh), format!("at least {least} {}", of.en)),
    };
    let good = n >= *least as usize && most.is_none_or(|most| n <= most as usize);
    let remedy = both(
        format!("请增减窗口，或在 [[window]] 写明 kinds（现计 {n} 个）。"),
        format!("Add or take away windows, or write kinds for each [[window]] (counted now: {n})."),
    );
    bench.put(rule, About::Hall, required, Found::declared(good, both(format!("{n} 个"), n.to_string()), remedy));
}

/// Every kind of window the profile lists is there.
pub(super) fn special(bench: &mut Bench<'_>, rule: &Rule) {
    let Terms::Kinds(kinds) = &rule.terms else { return };
    for kind in kinds {
        let windows: Vec<&str> = bench.hall.windows.iter().filter(|w| w.is_kind(kind)).map(|w| w.id.as_str()).collect();
        let required = both(format!("设有{kind}窗口"), format!("a window {kind}"));
        let remedy = both(
            format!("请在办理该项的 [[window]] 写 kinds = [\"综合窗口\", \"{kind}\"] 或 name = \"{kind}\"。"),
            format!("Write kinds = [\"综合窗口\", \"{kind}\"] or name = \"{kind}\" for the [[window]] that does it."),
        );
        let measured = if windows.is_empty() {
            both("没有", "none")
        } else {
            both(format!("窗口 {}", windows.join("、")), format!("window {}", windows.join(", ")))
        };
        bench.put(rule, About::WindowKind(kind.clone()), required, Found::declared(!windows.is_empty(), measured, remedy));
    }
}

/// Every comprehensive window has a fixed camera of its own that records. A PTZ camera that sees it does not stand in for it.
pub(super) fn fixed_camera(bench: &mut Bench<'_>, rule: &Rule) {
    for window in bench.hall.windows.iter().filter(|w| w.is_comprehensive()) {
        let required = both("有正在录像的定点摄像机", "a fixed camera that records");
        let id = &window.camera;
        let ptz = bench.hall.camera(id).is_none_or(|camera| camera.kind == CameraKind::Ptz);
        let recording = bench.of(id).and_then(|m| m.recording.as_ref());
        let found = match recording {
            _ if ptz => {
                let remedy = both(
                    "请为该窗口单独配定点摄像机；动点摄像机不能代替。",
                    "Give the window a fixed camera; a PTZ camera does not stand in for it.",
                );
                Found::declared(false, both(format!("{id} 是动点摄像机"), format!("{id} is a PTZ camera")), remedy)
            }
            None => Found::unmeasured(run_the_recorder()),
            Some(reading) if reading.value => {
                let measured = both(format!("{id} 正在录像"), format!("{id} is recording"));
                Found::read(reading, true, measured, mend_camera())
            }
            Some(reading) => Found::read(reading, false, not_recording(id), mend_camera()),
        };
        bench.put(rule, About::Window(window.id.clone()), required, found);
    }
}

/// Windows that share a camera face each other.
pub(super) fn camera_sharing(bench: &mut Bench<'_>, rule: &Rule) {
    let same = |a: &ServiceWindow, b: &ServiceWindow| a.camera == b.camera;
    let name = |w: &ServiceWindow| w.camera.to_string();
    sharing(bench, rule, both("摄像机", "camera"), same, name);
}

/// Windows that share a pickup face each other.
pub(super) fn pickup_sharing(bench: &mut Bench<'_>, rule: &Rule) {
    let same = |a: &ServiceWindow, b: &ServiceWindow| a.pickup == b.pickup;
    let name = |w: &ServiceWindow| match &w.pickup {
        SoundSource::Camera(id) => id.to_string(),
        SoundSource::Pickup(id) => id.to_string(),
    };
    sharing(bench, rule, both("拾音器", "pickup"), same, name);
}

fn sharing(
    bench: &mut Bench<'_>,
    rule: &Rule,
    what: Bilingual,
    same: impl Fn(&ServiceWindow, &ServiceWindow) -> bool,
    name: impl Fn(&ServiceWindow) -> String,
) {
    let windows = &bench.hall.windows;
    for (n, window) in windows.iter().enumerate() {
        let shares: Vec<&ServiceWindow> = windows.iter().filter(|w| w.id != window.id && same(w, window)).collect();
        let facing =
            |other: &ServiceWindow| window.faces.as_ref() == Some(&other.id) && other.faces.as_ref() == Some(&window.id);
        // The later one is at fault: the first had it to itself.
        let stranger = windows[..n].iter().find(|w| same(w, window) && !facing(w));
        let required =
            both(format!("{}只与面对面的窗口共用", what.zh), format!("{} shared with the window it faces only", what.en));
        let name = name(window);
        let (measured, remedy) = match (stranger, shares.first()) {
            (Some(other), _) => (
                both(format!("与窗口 {} 共用 {name}", other.id), format!("shares {name} with window {}", other.id)),
                both(
                    format!("请为窗口 {} 单独配{}；若确与窗口 {} 面对面，请互写 faces。", window.id, what.zh, other.id),
                    format!(
                        "Give window {} a {} of its own; if it faces window {}, write faces for both.",
                        window.id, what.en, other.id
                    ),
                ),
            ),
            (None, Some(other)) if facing(other) => (
                both(
                    format!("与面对面的窗口 {} 共用 {name}", other.id),
                    format!("shares {name} with window {} it faces", other.id),
                ),
                both("", ""),
            ),
            _ => (both(format!("{name}，本窗口所有"), format!("{name}, its own")), both("", "")),
        };
        let found = Found::declared(stranger.is_none(), measured, remedy);
        bench.put(rule, About::Window(window.id.clone()), required, found);
    }
}

/// Every comprehensive window has a pickup that is there and heard.
pub(super) fn pickup(bench: &mut Bench<'_>, rule: &Rule) {
    let limits = &bench.hall.coverage;
    for window in bench.hall.windows.iter().filter(|w| w.is_comprehensive()) {
        let required = both(
            format!("有声音，开放时间内静音不超过 {}%", limits.most_silent_percent),
            format!("sound, silent for at most {} % of the opening hours", limits.most_silent_percent),
        );
        let camera = bench.hall.sound_camera(window);
        let found = match camera.and_then(|camera| bench.of(&camera.id)) {
            Some(measured) => heard(measured, limits.most_silent_percent, limits.most_clipped_percent),
            None => Found::unmeasured(run_the_recorder()),
        };
        bench.put(rule, About::Window(window.id.clone()), required, found);
    }
}

fn heard(measured: &CameraMeasured, most_silent: u32, most_clipped: u32) -> Found {
    let Some(present) = &measured.audio_present else { return Found::unmeasured(run_the_recorder()) };
    if !present.value {
        let remedy = both(
            "请接好拾音器，并在摄像机上开启音频（G.711 或 AAC）。",
            "Connect the pickup and switch the camera's audio on (G.711 or AAC).",
        );
        return Found::read(present, false, both("没有声音", "no sound"), remedy);
    }
    let percent = |share: f64| format!("{:.0}", (share * 100.0).floor());
    if let Some(clipped) = measured.clipped_share.as_ref().filter(|c| c.value * 100.0 > f64::from(most_clipped)) {
        let remedy = both("请调低拾音器增益。", "Turn the pickup's gain down.");
        let share = percent(clipped.value);
        return Found::read(clipped, false, both(format!("削波 {share}%"), format!("clipped {share} % of the time")), remedy);
    }
    match &measured.silent_share {
        Some(silent) => {
            let share = percent(silent.value);
            let remedy = both(
                "请检查拾音器供电、接线和增益；可在监看页面收听确认。",
                "Check the pickup's power, wiring and gain; listen to it in the viewer.",
            );
            let good = silent.value * 100.0 <= f64::from(most_silent);
            Found::read(silent, good, both(format!("静音 {share}%"), format!("silent {share} % of the time")), remedy)
        }
        None => {
            let remedy = both(
                "声音已到达，但尚未量得响度：请在开放时间内稍候再查；AAC 的响度目前不测。",
                "Sound arrives, but its loudness is not known: check again in opening hours; that of AAC is not measured so far.",
            );
            Found::not_yet(present, both("有声音，响度未测", "sound, loudness not measured"), remedy)
        }
    }
}

/// Clerk and visitor are both in view, as a person has vouched for.
pub(super) fn view(bench: &mut Bench<'_>, rule: &Rule) {
    for window in bench.hall.windows.iter().filter(|w| w.is_comprehensive()) {
        let required = both("工作人员和办事群众均在画面内", "clerk and visitor both in view");
        let found = match bench.attested(&window.camera, What::View) {
            None => Found::unmeasured(attest_it(&window.camera, What::View)),
            Some(attestation) => match &attestation.lapsed {
                None => Found::attested(
                    attestation,
                    both(format!("{} 签认", attestation.by), format!("attested by {}", attestation.by)),
                ),
                Some(lapse) => {
                    let day = lapse.at.beijing().format("%Y-%m-%d %H:%M");
                    let measured = both(format!("签认已于 {day} 失效"), format!("attestation lapsed at {day}"));
                    Found { measured, ..Found::unmeasured(attest_it(&window.camera, What::View)) }
                }
            },
        };
        bench.put(rule, About::Window(window.id.clone()), required, found);
    }
}
