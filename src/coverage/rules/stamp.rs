//! The stamp in the picture and the time in it (R8).

use super::super::attest::{Attestation, What};
use super::super::both;
use super::super::measured::StampSeen;
use super::super::profile::Rule;
use super::{About, Bench, Found, attest_it, run_the_recorder};
use crate::hall::{Camera, Hall, StampMode};

/// Every camera's picture carries division, hall, zone and window.
pub(super) fn stamp(bench: &mut Bench<'_>, rule: &Rule) {
    for camera in &bench.hall.cameras {
        let label = bench.hall.label_lines(camera).join(" / ");
        let seen = bench.of(&camera.id).and_then(|m| m.stamp.as_ref());
        let attested = bench.attested(&camera.id, What::Label).filter(|a| a.lapsed.is_none());
        for about in bench.subjects(camera) {
            let required = both(format!("画面标注：{label}"), format!("in the picture: {label}"));
            let found = match (seen, attested) {
                (Some(reading), _) => {
                    let measured = match reading.value {
                        StampSeen::Recorder => both("由录像机叠加", "drawn by the recorder"),
                        StampSeen::Camera => both("由摄像机叠加，已读出", "drawn by the camera and read back"),
                        StampSeen::Missing => both("画面上没有", "not in the picture"),
                    };
                    let remedy = both(
                        "请查 jiancha doctor（编码器、字体）；摄像机自带叠加的，请在摄像机上设好字幕。",
                        "See jiancha doctor (encoder, font); where the camera draws it, set its overlay.",
                    );
                    Found::read(reading, reading.value != StampSeen::Missing, measured, remedy)
                }
                (None, Some(attestation)) => read_by_a_person(bench.hall, camera, attestation),
                (None, None) if camera.stamp == StampMode::Camera => Found::unmeasured(attest_it(&camera.id, What::Label)),
                (None, None) => Found::unmeasured(run_the_recorder()),
            };
            bench.put(rule, about, required, found);
        }
    }
}

/// What a person read in the picture names division and zone.
fn read_by_a_person(hall: &Hall, camera: &Camera, attestation: &Attestation) -> Found {
    let bare = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
    let reading = attestation.reading.clone().unwrap_or_default();
    let zone = hall.zone(&camera.zone).map_or("", |zone| zone.zone_type.as_str());
    let missing = [hall.division.as_str(), zone].into_iter().find(|part| !bare(&reading).contains(&bare(part)));
    match missing {
        None => Found::attested(
            attestation,
            both(format!("{} 读得：{reading}", attestation.by), format!("{} read: {reading}", attestation.by)),
        ),
        Some(part) => {
            let remedy = both(
                format!("叠加文字中没有“{part}”：请在摄像机上改正后重新签认。"),
                format!("\"{part}\" is not in the label: mend it in the camera, then attest again."),
            );
            let measured = both(format!("读得：{reading}"), format!("reads: {reading}"));
            Found {
                when: Some(attestation.at),
                evidence: Some(attestation.still.clone()),
                attested_by: Some(attestation.by.clone()),
                ..Found::declared(false, measured, remedy)
            }
        }
    }
}

/// The time in the picture is Beijing time: the server's clock, and the camera's own where the camera draws it.
pub(super) fn time(bench: &mut Bench<'_>, rule: &Rule) {
    let required = both("服务器时钟已同步", "the server's clock is synchronised");
    let remedy =
        || both("请启用 chrony 并指定授时源；详见 jiancha doctor。", "Enable chrony with a time source; see jiancha doctor.");
    let found = match &bench.measured.clock {
        None => Found::unmeasured(run_the_recorder()),
        Some(reading) => {
            let clock = reading.value;
            let measured = if clock.synchronised {
                both(format!("误差不超过 {} ms", clock.max_error_ms), format!("off by at most {} ms", clock.max_error_ms))
            } else {
                both("未同步", "not synchronised")
            };
            Found::read(reading, clock.synchronised, measured, remedy())
        }
    };
    bench.put(rule, About::Recorder, required, found);
    let most = i64::from(bench.hall.coverage.most_skew_ms);
    for camera in bench.hall.cameras.iter().filter(|c| c.stamp == StampMode::Camera) {
        let skew = bench.of(&camera.id).and_then(|m| m.clock_skew_ms.as_ref());
        for about in bench.subjects(camera) {
            let required = both(format!("摄像机时钟偏差不超过 {most} ms"), format!("camera clock off by at most {most} ms"));
            let remedy = both(
                "请让摄像机向本机或授时源校时（NTP）。",
                "Let the camera take its time by NTP, from this server or its source.",
            );
            let found = match skew {
                None => Found::unmeasured(run_the_recorder()),
                Some(reading) => {
                    let ms = reading.value;
                    Found::read(reading, ms.abs() <= most, both(format!("{ms} ms"), format!("{ms} ms")), remedy)
                }
            };
            bench.put(rule, about, required, found);
        }
    }
}
