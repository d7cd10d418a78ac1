//! The hall as a drawing: its zones with their windows and cameras, coloured and marked by what was found of them.

use std::fmt::Write as _;

use super::text::mark;
use super::{Report, escape};
use crate::coverage::rules::{About, Verdict};
use crate::hall::{Camera, CameraKind, ServiceWindow, Zone};

/// Width of the drawing in its own units; on A4 one is about 0.19 mm.
const WIDTH: usize = 960;
/// Zones side by side.
const COLUMNS: usize = 2;
/// Between zones, and around what is inside them.
const GAP: usize = 14;
/// Width and height of a window or camera with its name.
const ITEM: (usize, usize) = (104, 66);
/// Height of a zone's heading.
const HEAD: usize = 34;

/// Colours that stay apart in grey print: fill and line.
fn colours(verdict: Verdict) -> (&'static str, &'static str) {
    match verdict {
        Verdict::Fail => ("#f6c1bb", "#a11a12"),
        Verdict::NotMeasured => ("#eeeeee", "#777777"),
        Verdict::Attested => ("#cfe0f5", "#1f4f8f"),
        Verdict::Pass => ("#cdeccd", "#1d6b2a"),
    }
}

enum Item<'a> {
    Window(&'a ServiceWindow),
    Camera(&'a Camera),
}

pub(super) fn svg(report: &Report<'_>) -> String {
    let width = (WIDTH - GAP * (COLUMNS - 1)) / COLUMNS;
    let per_row = ((width - GAP) / (ITEM.0 + GAP / 2)).max(1);
    let mut body = String::new();
    let mut top = 0;
    for row in report.hall.zones.chunks(COLUMNS) {
        let items: Vec<Vec<Item<'_>>> = row.iter().map(|zone| items(report, zone)).collect();
        let lines = items.iter().map(|items| items.len().div_ceil(per_row)).max().unwrap_or(0).max(1);
        let height = HEAD + lines * (ITEM.1 + GAP / 2) + GAP;
        for (n, (zone, items)) in row.iter().zip(&items).enumerate() {
            let left = n * (width + GAP);
            draw_zone(&mut body, report, zone, [left, top, width, height]);
            for (at, item) in items.iter().enumerate() {
                let x = left + GAP + (at % per_row) * (ITEM.0 + GAP / 2);
                let y = top + HEAD + (at / per_row) * (ITEM.1 + GAP / 2);
                draw_item(&mut body, report, zone, item, x, y);
            }
        }
        top += height + GAP;
    }
    let absent: Vec<&str> = report
        .findings
        .iter()
        .filter(|f| f.result == Verdict::Fail)
        .filter_map(|f| match &f.about {
            About::ZoneType(name) => Some(name.as_str()),
            _ => None,
        })
        .collect();
    if !absent.is_empty() {
        let (_, line) = colours(Verdict::Fail);
        let told = format!("{} 应设而未设：{}", mark(Verdict::Fail), absent.join("、"));
        let _ = writeln!(body, "<text x=\"0\" y=\"{}\" font-size=\"17\" fill=\"{line}\">{}</text>", top + 12, escape(&told));
        top += 26 + GAP;
    }
    // Lines are drawn half outside their boxes.
    let (width, height) = (WIDTH + 4, top.saturating_sub(GAP).max(1) + 4);
    format!(
        "<svg class=\"plan\" viewBox=\"-2 -2 {width} {height}\" role=\"img\" aria-label=\"大厅示意图\" xmlns=\"http://www.w3.org/2000/svg\">\n{body}</svg>\n"
    )
}

/// The windows of a zone, then the cameras that see it.
fn items<'a>(report: &Report<'a>, zone: &'a Zone) -> Vec<Item<'a>> {
    let windows = report.hall.windows.iter().filter(|w| w.zone == zone.id).map(Item::Window);
    windows.chain(report.hall.cameras_of_zone(zone).map(Item::Camera)).collect()
}

/// The worst of what was found about any of these.
fn worst(report: &Report<'_>, about: &[About]) -> Verdict {
    report.findings.iter().filter(|f| about.contains(&f.about)).map(|f| f.result).min().unwrap_or(Verdict::NotMeasured)
}

fn draw_zone(body: &mut String, report: &Report<'_>, zone: &Zone, [x, y, width, height]: [usize; 4]) {
    let verdict = worst(report, &[About::Zone(zone.id.clone()), About::ZoneType(zone.zone_type.clone())]);
    let (_, line) = colours(verdict);
    let _ = writeln!(
        body,
        "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"8\" fill=\"#ffffff\" stroke=\"{line}\" stroke-width=\"2\"/>"
    );
    let also = if zone.also.is_empty() { String::new() } else { format!("（兼{}）", zone.also.join("、")) };
    let heading = format!("{} {}  {}{also}", mark(verdict), zone.id, zone.zone_type);
    let (tx, ty) = (x + GAP, y + 23);
    let _ = writeln!(
        body,
        "<text x=\"{tx}\" y=\"{ty}\" font-size=\"17\" font-weight=\"bold\" fill=\"{line}\">{}</text>",
        escape(&heading)
    );
}

fn draw_item(body: &mut String, report: &Report<'_>, zone: &Zone, item: &Item<'_>, x: usize, y: usize) {
    let (verdict, name, below) = match item {
        Item::Window(window) => {
            let verdict = worst(report, &[About::Window(window.id.clone())]);
            (verdict, format!("{}号窗口", window.id), format!("▣ {}", window.camera))
        }
        Item::Camera(camera) => {
            let mut about = vec![About::Camera(camera.id.clone())];
            about.extend(report.hall.windows_of(&camera.id).map(|w| About::Window(w.id.clone())));
            let kind = if camera.kind == CameraKind::Ptz { "动点" } else { "定点" };
            let seen = if camera.zone == zone.id { String::new() } else { format!("（在{}）", camera.zone) };
            (worst(report, &about), camera.id.to_string(), format!("{kind}{seen}"))
        }
    };
    let (fill, line) = colours(verdict);
    let (width, height) = ITEM;
    // Windows are square, fixed cameras round, PTZ cameras round with a broken line.
    let (rx, dash) = match item {
        Item::Window(_) => (3, ""),
        Item::Camera(camera) if camera.kind == CameraKind::Ptz => (28, " stroke-dasharray=\"6 4\""),
        Item::Camera(_) => (28, ""),
    };
    let (middle, first, second) = (x + width / 2, y + 29, y + 51);
    let _ = writeln!(
        body,
        "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"{rx}\" fill=\"{fill}\" stroke=\"{line}\" stroke-width=\"1.5\"{dash}/>\
         <text x=\"{middle}\" y=\"{first}\" font-size=\"16\" text-anchor=\"middle\">{} {}</text>\
         <text x=\"{middle}\" y=\"{second}\" font-size=\"14\" text-anchor=\"middle\" fill=\"#333333\">{}</text>",
        mark(verdict),
        escape(&name),
        escape(&below)
    );
}
