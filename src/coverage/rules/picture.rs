//! The picture: large enough (R2) and good (R3, R5).

use super::super::both;
use super::super::profile::{Check, Rule, Terms};
use super::{About, Bench, Found, run_the_recorder};

/// Every camera's picture is at least so large as it is received, cropping applied, in either orientation.
pub(super) fn resolution(bench: &mut Bench<'_>, rule: &Rule) {
    let Terms::Size { width, height } = rule.terms else { return };
    for camera in &bench.hall.cameras {
        let size = bench.of(&camera.id).and_then(|m| m.size.as_ref());
        for about in bench.subjects(camera) {
            let required = both(format!("不低于 {width}x{height}"), format!("at least {width}x{height}"));
            let remedy = both(
                format!("请在摄像机 {} 上把主码流设为 {width}x{height} 或更高；做不到则更换摄像机。", camera.id),
                format!("Set the main stream of camera {} to {width}x{height} or more; replace it if it cannot.", camera.id),
            );
            let found = match size {
                None => Found::unmeasured(run_the_recorder()),
                Some(reading) => {
                    let size = reading.value;
                    let (long, short) = (size.width.max(size.height), size.width.min(size.height));
                    let good = long >= width.max(height) && short >= width.min(height);
                    Found::read(reading, good, both(size.to_string(), size.to_string()), remedy)
                }
            };
            bench.put(rule, about, required, found);
        }
    }
}

/// The picture of each window's camera ([`Check::Picture`]), or of each other camera ([`Check::CameraPicture`]), is good.
pub(super) fn good(bench: &mut Bench<'_>, rule: &Rule) {
    for camera in &bench.hall.cameras {
        for about in bench.subjects(camera) {
            if matches!(about, About::Window(_)) != (rule.check == Check::Picture) {
                continue;
            }
            let required = both("画面清晰，无遮挡、冻结、黑屏、偏移", "a clear picture: not covered, frozen, black or moved");
            let found = match bench.of(&camera.id).and_then(|m| m.picture.as_ref()) {
                None => Found::unmeasured(both("画面检测尚无结果。", "The picture tests have told nothing so far.")),
                Some(reading) => {
                    let words: Vec<_> = reading.value.iter().map(|c| c.words()).collect();
                    let measured = if words.is_empty() {
                        both("正常", "good")
                    } else {
                        let zh: Vec<&str> = words.iter().map(|w| w.zh.as_str()).collect();
                        let en: Vec<&str> = words.iter().map(|w| w.en.as_str()).collect();
                        both(zh.join("、"), en.join(", "))
                    };
                    let remedy = both(
                        format!("请到现场查看摄像机 {}：清除遮挡、擦净镜头、对正视角。", camera.id),
                        format!("Go and see camera {}: take away what covers it, clean the lens, point it back.", camera.id),
                    );
                    Found::read(reading, reading.value.is_empty(), measured, remedy)
                }
            };
            bench.put(rule, about, required, found);
        }
    }
}
