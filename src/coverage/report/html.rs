//! The report as a page for A4 (验收检查报告): complete in itself, nothing is loaded from elsewhere.

use std::fmt::Write as _;

use super::text::{groups, mark};
use super::{Report, escape, plan};
use crate::coverage::measured::CameraMeasured;
use crate::coverage::rules::{Finding, Verdict};
use crate::hall::CameraKind;
use crate::time::WallTime;

const STYLE: &str = "
@page { size: A4; margin: 16mm 14mm 16mm 14mm; }
* { box-sizing: border-box; }
body { font: 10.5pt/1.5 'Noto Sans CJK SC', 'Source Han Sans SC', 'Microsoft YaHei', sans-serif; color: #111; margin: 0 auto; max-width: 182mm; }
h1 { font-size: 18pt; text-align: center; margin: 4mm 0 1mm; }
h2 { font-size: 12.5pt; margin: 7mm 0 2mm; border-bottom: 1.5px solid #111; break-after: avoid; }
.sub { text-align: center; margin: 0 0 4mm; color: #333; }
table { width: 100%; border-collapse: collapse; table-layout: fixed; }
th, td { border: 1px solid #666; padding: 1mm 1.6mm; vertical-align: top; text-align: left; overflow-wrap: anywhere; }
th { background: #f0f0f0; font-weight: 600; }
thead { display: table-header-group; }
tr { break-inside: avoid; }
.facts th { width: 26mm; }
.fail { background: #f6c1bb; } .not-measured { background: #eeeeee; } .attested { background: #cfe0f5; } .pass { background: #cdeccd; }
.result { font-size: 15pt; font-weight: 700; padding: 2.5mm 4mm; border: 2px solid #111; text-align: center; margin: 3mm 0; break-inside: avoid; }
.remedy { color: #333; font-size: 9pt; } .source { color: #555; font-size: 8.5pt; }
.plan { width: 100%; height: auto; } .legend { font-size: 9pt; margin: 1mm 0 0; }
.legend span { padding: 0 2mm; border: 1px solid #666; margin-right: 3mm; }
figure { margin: 0; break-inside: avoid; }
.small td, .small th { font-size: 8.5pt; padding: 0.8mm 1mm; }
.sign { margin-top: 10mm; break-inside: avoid; }
.sign td { height: 16mm; width: 33.3%; }
@media print { body { -webkit-print-color-adjust: exact; print-color-adjust: exact; max-width: none; } }
";

pub(super) fn page(report: &Report<'_>) -> String {
    let mut page = String::new();
    let title = format!("{} 视频电子监察系统检查报告", report.hall.name);
    let _ = write!(
        page,
        "<!DOCTYPE html>\n<html lang=\"zh-CN\">\n<head>\n<meta charset=\"utf-8\">\n<title>{0}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n\
         <h1>视频电子监察系统检查报告</h1>\n<p class=\"sub\">{1} {2}</p>\n",
        escape(&title),
        escape(&report.hall.division),
        escape(&report.hall.name)
    );
    facts(&mut page, report);
    let result = report.result();
    let conclusion = match result {
        Verdict::Pass => "结论：合格".to_owned(),
        Verdict::Attested => "结论：合格（部分项目由人员签认）".to_owned(),
        Verdict::NotMeasured => "结论：尚不能认定合格（有项目未测）".to_owned(),
        Verdict::Fail => "结论：不合格".to_owned(),
    };
    let _ = writeln!(page, "<p class=\"result {}\">{} {conclusion}</p>", result.word(), mark(result));
    by_rule(&mut page, report);
    drawing(&mut page, report);
    findings(&mut page, report, "需处理的项目", |f| f.result.is_finding());
    findings(&mut page, report, "由人员签认的项目", |f| f.result == Verdict::Attested);
    figures(&mut page, report);
    findings(&mut page, report, "合格的项目", |f| f.result == Verdict::Pass);
    page.push_str(
        "<table class=\"sign\"><tr><td>安装单位（签章）：<br><br>日期：</td><td>使用单位（签章）：<br><br>日期：</td>\
         <td>检查人（签名）：<br><br>日期：</td></tr></table>\n</body>\n</html>\n",
    );
    page
}

fn when(at: WallTime) -> String {
    at.beijing().format("%Y-%m-%d %H:%M:%S").to_string()
}

fn facts(page: &mut String, report: &Report<'_>) {
    let (hall, profile) = (report.hall, report.profile);
    let mut rows = vec![
        ("检查时间", format!("{}（北京时间）", when(report.at))),
        ("规则方案", format!("{}（{}）", profile.name.zh, profile.id)),
        ("依据", profile.document.zh.clone()),
        (
            "规模",
            format!(
                "窗口 {} 个，摄像机 {} 台（动点 {} 台），功能分区 {} 个",
                hall.windows.len(),
                hall.cameras.len(),
                hall.cameras.iter().filter(|c| c.kind == CameraKind::Ptz).count(),
                hall.zones.len()
            ),
        ),
    ];
    if !profile.left_out.is_empty() {
        let names: Vec<&str> = profile.left_out.iter().map(|c| c.zh()).collect();
        rows.push(("本地不查", names.join("、")));
    }
    let running = report.measured.recorder.as_ref();
    let running = running.map_or("没有应答，实时项目均未测".to_owned(), |r| format!("自 {} 运行", when(r.value)));
    rows.push(("录像机", running));
    rows.push(("软件", format!("Jiancha {}", env!("CARGO_PKG_VERSION"))));
    page.push_str("<table class=\"facts\">\n");
    for (name, value) in rows {
        let _ = writeln!(page, "<tr><th>{name}</th><td>{}</td></tr>", escape(&value));
    }
    page.push_str("</table>\n");
}

/// One line for each rule number: how many came out how.
fn by_rule(page: &mut String, report: &Report<'_>) {
    page.push_str(
        "<h2>一、汇总</h2>\n<table>\n<colgroup><col style=\"width:16mm\"><col><col style=\"width:17mm\"><col style=\"width:17mm\">\
         <col style=\"width:17mm\"><col style=\"width:17mm\"></colgroup>\n\
         <thead><tr><th>规则</th><th>要求</th><th>不合格</th><th>未测</th><th>已签认</th><th>合格</th></tr></thead>\n",
    );
    let mut told: Vec<(&str, &str)> = Vec::new();
    for rule in &report.profile.rules {
        let line = (rule.rule.as_str(), rule.words.zh.as_str());
        if told.contains(&line) {
            continue;
        }
        told.push(line);
        let of = |verdict| {
            let same = |f: &&Finding| f.rule == rule.rule && f.source == rule.words && f.result == verdict;
            report.findings.iter().filter(same).count()
        };
        let cell = |verdict: Verdict| {
            let n = of(verdict);
            if n == 0 { "<td>－</td>".to_owned() } else { format!("<td class=\"{}\">{n}</td>", verdict.word()) }
        };
        let _ = writeln!(
            page,
            "<tr><td>{}</td><td>{}</td>{}{}{}{}</tr>",
            escape(&rule.rule),
            escape(&rule.words.zh),
            cell(Verdict::Fail),
            cell(Verdict::NotMeasured),
            cell(Verdict::Attested),
            cell(Verdict::Pass)
        );
    }
    page.push_str("</table>\n");
}

fn drawing(page: &mut String, report: &Report<'_>) {
    page.push_str("<figure><h2>二、大厅示意图</h2>\n");
    page.push_str(&plan::svg(report));
    page.push_str(
        "<p class=\"legend\"><span class=\"fail\">✗ 不合格</span><span class=\"not-measured\">? 未测</span>\
         <span class=\"attested\">✎ 已签认</span><span class=\"pass\">✓ 合格</span>方框：窗口；圆角：摄像机，虚线为动点。示意，不按比例。</p></figure>\n",
    );
}

fn findings(page: &mut String, report: &Report<'_>, title: &str, which: impl Fn(&Finding) -> bool) {
    let chosen: Vec<&Finding> = report.findings.iter().filter(|f| which(f)).collect();
    if chosen.is_empty() {
        return;
    }
    let number = match title {
        "需处理的项目" => "三、",
        "由人员签认的项目" => "四、",
        _ => "六、",
    };
    let _ = write!(
        page,
        "<h2>{number}{title}（{} 项）</h2>\n<table>\n<colgroup><col style=\"width:19mm\"><col style=\"width:14mm\"><col style=\"width:27mm\">\
         <col style=\"width:24mm\"><col></colgroup>\n\
         <thead><tr><th>结果</th><th>规则</th><th>对象</th><th>检查</th><th>测得与要求</th></tr></thead>\n",
        chosen.len()
    );
    for group in groups(&chosen) {
        let Some(finding) = group.first() else { continue };
        let subjects: Vec<&str> = group.iter().map(|f| f.subject_zh.as_str()).collect();
        let mut told = format!("{}；要求{}", escape(&finding.measured_zh), escape(&finding.required.zh));
        if let Some(remedy) = &finding.remedy {
            let _ = write!(told, "<br><span class=\"remedy\">→ {}</span>", escape(&remedy.zh));
        }
        if finding.result != Verdict::Pass {
            let _ = write!(told, "<br><span class=\"source\">依据：{}", escape(&finding.source.zh));
            if let Some(at) = finding.when {
                let by = finding.measured_by.map_or_else(|| "人员签认".to_owned(), |by| by.words().zh);
                let _ = write!(told, "；{} {by}", when(at));
            }
            if let Some(still) = &finding.evidence {
                let _ = write!(told, "；图片 SHA-256 {}…", escape(still.get(..16).unwrap_or(still)));
            }
            told.push_str("</span>");
        }
        let _ = writeln!(
            page,
            "<tr><td class=\"{}\">{} {}</td><td>{}</td><td>{}</td><td>{}</td><td>{told}</td></tr>",
            finding.result.word(),
            mark(finding.result),
            finding.result.zh(),
            escape(&finding.rule),
            escape(&subjects.join("、")),
            finding.check.zh()
        );
    }
    page.push_str("</table>\n");
}

/// What was measured of each camera, whatever the rules ask.
fn figures(page: &mut String, report: &Report<'_>) {
    page.push_str(
        "<h2>五、测量数据</h2>\n<table class=\"small\">\n<thead><tr><th>摄像机</th><th>画面</th><th>帧率</th><th>编码</th><th>码率 kbit/s</th>\
         <th>静音</th><th>录像率</th><th>最早录像</th><th>工作日</th></tr></thead>\n",
    );
    let nothing = CameraMeasured::default();
    for camera in &report.hall.cameras {
        let m = report.measured.camera(&camera.id).unwrap_or(&nothing);
        let cells = [
            camera.id.to_string(),
            m.size.as_ref().map(|r| r.value.to_string()).unwrap_or_default(),
            m.frames_per_second.as_ref().map(|r| format!("{:.1}", r.value)).unwrap_or_default(),
            m.video_codec.as_ref().map(|r| r.value.clone()).unwrap_or_default(),
            m.bitrate_kbps.as_ref().map(|r| format!("{:.0}", r.value)).unwrap_or_default(),
            m.silent_share.as_ref().map(|r| format!("{:.0}%", (r.value * 100.0).floor())).unwrap_or_default(),
            m.recorded
                .as_ref()
                .and_then(|r| r.value.ratio())
                .map(|ratio| format!("{:.2}%", (ratio * 10_000.0).floor() / 100.0))
                .unwrap_or_default(),
            m.kept.as_ref().map(|r| r.value.oldest.beijing().format("%Y-%m-%d").to_string()).unwrap_or_default(),
            m.kept.as_ref().map(|r| r.value.working_days.to_string()).unwrap_or_default(),
        ];
        let cells: Vec<String> =
            cells.iter().map(|c| format!("<td>{}</td>", if c.is_empty() { "未测".to_owned() } else { escape(c) })).collect();
        let _ = writeln!(page, "<tr>{}</tr>", cells.concat());
    }
    page.push_str("</table>\n");
}
