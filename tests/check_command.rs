//! `jiancha check` on a hall no recorder has run for: what it prints, writes and ends with.

#![allow(clippy::unwrap_used, reason = "a panic here is a failed test with a line number")]

use std::path::{Path, PathBuf};
use std::process::Command;

use quick_xml::Reader;
use quick_xml::events::Event;
use serde_json::Value;
use tempfile::TempDir;

const HALL: &str = r#"[hall]
name = "重庆街道<便民>服务中心"
division = "长春市朝阳区"
profile = "changchun-2022/township-centre"

[[zone]]
id = "Z1"
type = "综合受理区"

[[camera]]
id = "C3"
kind = "fixed"
zone = "Z1"
url = "rtsp://192.0.2.13/1"

[[window]]
id = "03"
zone = "Z1"
camera = "C3"
pickup = "C3"

[[window]]
id = "04"
zone = "Z1"
camera = "C3"
pickup = "C3"

[[storage]]
path = "storage"
"#;

struct Site {
    dir: TempDir,
}

impl Site {
    fn new(hall: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("storage")).unwrap();
        std::fs::write(dir.path().join("hall.toml"), hall).unwrap();
        Self { dir }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Exit code, standard output, standard error.
    fn check(&self, args: &[&str]) -> (i32, String, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_jiancha"));
        command.arg("check");
        let (first, rest) = match args.split_first() {
            Some((&"attest", rest)) => (Some("attest"), rest),
            _ => (None, args),
        };
        let output = command.args(first).arg("--config").arg(self.path("hall.toml")).args(rest).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
    }

    fn json(&self, args: &[&str]) -> (i32, Value) {
        let (code, out, err) = self.check(&[args, &["--json"]].concat());
        (code, serde_json::from_str(&out).unwrap_or_else(|e| panic!("{e}: {out}{err}")))
    }
}

/// Rule, subject, result and measured of every finding of a check.
fn told<'a>(report: &'a Value, check: &str) -> Vec<[&'a str; 4]> {
    let findings = report["findings"].as_array().unwrap().iter().filter(|f| f["check"] == check);
    findings.map(|f| ["rule", "subject", "result", "measured"].map(|key| f[key].as_str().unwrap())).collect()
}

#[test]
fn without_a_recorder_nothing_is_measured_and_what_hall_toml_says_is_judged() {
    let site = Site::new(HALL);
    let (code, report) = site.json(&[]);
    assert_eq!((code, report["result"].as_str()), (1, Some("fail")));
    assert_eq!(
        told(&report, "resolution"),
        [["R2", "window 03", "not-measured", "not measured"], ["R2", "window 04", "not-measured", "not measured"]]
    );
    assert_eq!(
        told(&report, "camera-sharing"),
        [["R5", "window 04", "fail", "shares C3 with window 03"], ["R5", "window 03", "pass", "C3, its own"]]
    );
    assert_eq!(told(&report, "backup"), [["R7", "hall", "fail", "no backup"]]);
    assert_eq!(told(&report, "zones").len(), 8);
    // The worst on top.
    let results: Vec<&str> = report["findings"].as_array().unwrap().iter().map(|f| f["result"].as_str().unwrap()).collect();
    let mut sorted = results.clone();
    sorted.sort_by_key(|r| ["fail", "not-measured", "attested", "pass"].iter().position(|w| w == r));
    assert_eq!(results, sorted);
    assert_eq!(report["counts"]["pass"], results.iter().filter(|r| **r == "pass").count());
    // Nothing is made by looking.
    assert_eq!(std::fs::read_dir(site.path("storage")).unwrap().count(), 0);
}

#[test]
fn the_table_says_not_measured_in_chinese_first_and_counts() {
    let (code, out, err) = Site::new(HALL).check(&[]);
    assert_eq!(code, 1, "{err}");
    assert!(out.starts_with("长春市朝阳区 重庆街道<便民>服务中心  "), "{out}");
    assert!(out.contains("? 未测    R2    窗口 03、窗口 04"), "{out}");
    assert!(
        out.contains("window 03, window 04: resolution not measured; required: at least 1920x1080 [not-measured]"),
        "{out}"
    );
    assert!(out.contains("结论：不合格。") && out.contains("result: fail. "), "{out}");
    assert!(!out.contains("✓"), "what is met is listed with --all only: {out}");
    let (_, all, _) = Site::new(HALL).check(&["--all"]);
    assert!(all.contains("✓ 合格"), "{all}");
}

#[test]
fn a_profile_that_is_not_there_cannot_be_checked_and_the_nearest_is_named() {
    let site = Site::new(&HALL.replace("township-centre", "township-center"));
    let (code, out, err) = site.check(&["--json"]);
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(err.contains("hall.toml:4: hall.profile: 没有规则方案 \"changchun-2022/township-center\"，是否想写 \"changchun-2022/township-centre\"？"), "{err}");
    let (code, _, err) = site.check(&["--profile", "changchun-2022/center"]);
    assert_eq!(code, 2);
    assert!(err.contains("did you mean \"changchun-2022/centre\"?"), "{err}");
    let (code, _, err) = site.check(&["--profile", "default"]);
    assert_eq!(code, 1, "{err}");
}

#[test]
fn a_hall_without_a_profile_is_judged_by_the_neutral_one() {
    let site = Site::new(&HALL.replace("profile = \"changchun-2022/township-centre\"", ""));
    let (code, report) = site.json(&[]);
    assert_eq!((code, report["profile"]["id"].as_str()), (1, Some("default")));
    assert_eq!(told(&report, "zones"), Vec::<[&str; 4]>::new());
    assert_eq!(told(&report, "resolution").len(), 2);
}

#[test]
fn a_sites_own_profile_lies_beside_hall_toml() {
    let site = Site::new(&HALL.replace("changchun-2022/township-centre", "chaoyang/street"));
    let own = r#"[document]
code = "CY"
zh = "本局规定"
en = "our rules"
[[profile]]
id = "chaoyang/street"
zh = "街道"
en = "streets"
extends = "changchun-2022/township-centre"
without = ["backup"]
"#;
    std::fs::create_dir(site.path("profiles")).unwrap();
    std::fs::write(site.path("profiles/own.toml"), own).unwrap();
    let (_, report) = site.json(&[]);
    assert_eq!(report["profile"]["left_out"], serde_json::json!(["backup"]));
    assert_eq!(told(&report, "backup"), Vec::<[&str; 4]>::new());
    let (_, out, _) = site.check(&["--profiles"]);
    assert!(out.contains("chaoyang/street") && out.contains("changchun-2022/centre"), "{out}");
    std::fs::write(site.path("profiles/own.toml"), own.replace("without", "witout")).unwrap();
    let (code, _, err) = site.check(&[]);
    assert_eq!(code, 2);
    assert!(err.contains("own.toml:10: ") && err.contains("did you mean without?"), "{err}");
}

#[test]
fn a_hall_that_cannot_be_read_cannot_be_checked() {
    let (code, out, err) = Site::new(&HALL.replace("kind = \"fixed\"", "kind = \"dome\"")).check(&[]);
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(err.contains("hall.toml:12: "), "{err}");
    let site = Site::new(HALL);
    let (code, _, err) = site.check(&["--html", &site.path("no/report.html").display().to_string()]);
    assert_eq!(code, 2);
    assert!(err.contains("no/report.html"), "{err}");
}

/// An element: its name and attributes, and the text inside it.
struct Element {
    name: String,
    attributes: Vec<(String, String)>,
}

fn elements(xml: &str) -> Vec<Element> {
    let mut reader = Reader::from_str(xml);
    reader.config_mut().check_end_names = true;
    let mut found = Vec::new();
    let mut depth = 0;
    loop {
        match reader.read_event().unwrap_or_else(|e| panic!("at {}: {e}", reader.error_position())) {
            Event::Eof => break,
            event @ (Event::Start(_) | Event::Empty(_)) => {
                depth += i32::from(matches!(event, Event::Start(_)));
                let (Event::Start(tag) | Event::Empty(tag)) = event else { unreachable!() };
                let attributes = tag.attributes().map(|a| {
                    let a = a.unwrap();
                    let value = quick_xml::escape::unescape(std::str::from_utf8(&a.value).unwrap()).unwrap().into_owned();
                    (String::from_utf8(a.key.as_ref().to_vec()).unwrap(), value)
                });
                let attributes = attributes.collect();
                found.push(Element { name: String::from_utf8(tag.name().as_ref().to_vec()).unwrap(), attributes });
            }
            Event::End(_) => depth -= 1,
            _ => {}
        }
    }
    assert_eq!(depth, 0, "every element is closed");
    found
}

#[test]
fn the_junit_file_is_read_by_a_standard_parser_and_counts_what_fails() {
    let site = Site::new(HALL);
    let (code, report) = site.json(&["--junit", &site.path("check.xml").display().to_string()]);
    assert_eq!(code, 1);
    let xml = std::fs::read_to_string(site.path("check.xml")).unwrap();
    let found = elements(&xml);
    let of = |name: &str| found.iter().filter(|e| e.name == name).collect::<Vec<_>>();
    let attribute = |e: &Element, key: &str| e.attributes.iter().find(|a| a.0 == key).map(|a| a.1.clone()).unwrap();
    let counts = &report["counts"];
    let failures = counts["fail"].as_u64().unwrap() + counts["not-measured"].as_u64().unwrap();
    assert_eq!(of("testcase").len(), report["findings"].as_array().unwrap().len());
    assert_eq!(of("failure").len() as u64, failures);
    assert_eq!(attribute(of("testsuites")[0], "failures"), failures.to_string());
    let suites: Vec<String> = of("testsuite").into_iter().map(|e| attribute(e, "name")).collect();
    assert_eq!(suites, ["R1", "R2", "R3", "R5", "R7", "R8", "R9", "R10", "B-CC"]);
    let sums: u64 = of("testsuite").into_iter().map(|e| attribute(e, "failures").parse::<u64>().unwrap()).sum();
    assert_eq!(sums, failures);
    let case = of("testcase").into_iter().find(|e| attribute(e, "classname") == "R2.resolution").unwrap();
    assert_eq!(attribute(case, "name"), "window 03");
    assert!(xml.contains("<failure type=\"not-measured\" message=\"not measured; required: at least 1920x1080\">"), "{xml}");
}

/// What of JSON Schema the file uses, checked by hand; every field told must be described, too.
fn check_schema(root: &Value, schema: &Value, value: &Value, at: &str) {
    if let Some(reference) = schema["$ref"].as_str() {
        let target = root.pointer(reference.strip_prefix('#').unwrap()).unwrap_or_else(|| panic!("no {reference}"));
        return check_schema(root, target, value, at);
    }
    if let Some(choices) = schema["anyOf"].as_array() {
        let null = choices.iter().any(|c| c["type"] == "null");
        let other = choices.iter().find(|c| c["type"] != "null").unwrap();
        assert!(null);
        if !value.is_null() {
            check_schema(root, other, value, at);
        }
        return;
    }
    let is = |name: &str| match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "null" => value.is_null(),
        other => panic!("{at}: the schema says {other}"),
    };
    match &schema["type"] {
        Value::String(name) => assert!(is(name), "{at}: {value} is no {name}"),
        Value::Array(names) => assert!(names.iter().any(|n| is(n.as_str().unwrap())), "{at}: {value} is none of {names:?}"),
        other => panic!("{at}: the schema gives no type: {other}"),
    }
    if let Some(allowed) = schema["enum"].as_array() {
        assert!(allowed.contains(value), "{at}: {value} is not one of {allowed:?}");
    }
    if let Some(least) = schema["minimum"].as_i64() {
        assert!(value.as_i64().unwrap() >= least, "{at}: {value}");
    }
    if schema["format"] == "date-time" {
        chrono::DateTime::parse_from_rfc3339(value.as_str().unwrap()).unwrap_or_else(|e| panic!("{at}: {value}: {e}"));
    }
    for (n, item) in value.as_array().into_iter().flatten().enumerate() {
        check_schema(root, &schema["items"], item, &format!("{at}[{n}]"));
    }
    for key in schema["required"].as_array().into_iter().flatten() {
        assert!(value.get(key.as_str().unwrap()).is_some(), "{at}: {key} is missing");
    }
    for (key, field) in value.as_object().into_iter().flatten() {
        let described = &schema["properties"][key];
        assert!(described.is_object(), "{at}.{key} is not described");
        check_schema(root, described, field, &format!("{at}.{key}"));
    }
}

fn schema() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/check.schema.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn the_json_is_as_its_schema_says() {
    let schema = schema();
    for profile in ["changchun-2022/centre", "taishan-2023/station-benchmark", "default"] {
        let (_, report) = Site::new(HALL).json(&["--profile", profile]);
        check_schema(&schema, &schema, &report, "$");
    }
    let words: Vec<&str> = jiancha::coverage::Check::ALL.iter().map(|c| c.word()).collect();
    assert_eq!(schema["$defs"]["check"]["enum"], serde_json::json!(words));
}

#[test]
fn the_page_is_complete_in_itself_with_the_plan_of_the_hall_and_room_to_sign() {
    let site = Site::new(HALL);
    let (code, _, err) = site.check(&["--html", &site.path("report.html").display().to_string()]);
    assert_eq!(code, 1, "{err}");
    let page = std::fs::read_to_string(site.path("report.html")).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>") && page.contains("<html lang=\"zh-CN\">"));
    for part in [
        "@page { size: A4;",
        "重庆街道&lt;便民&gt;服务中心",
        "结论：不合格",
        "一、汇总",
        "二、大厅示意图",
        "三、需处理的项目",
        "五、测量数据",
        "安装单位（签章）",
        "检查人（签名）",
        "《长春市政务服务中心、便民服务中心（站）标准化建设指南（2022 年修订）》",
    ] {
        assert!(page.contains(part), "{part} is missing");
    }
    // Nothing is loaded from elsewhere, and nothing runs.
    for foreign in ["http://", "https://", "src=", "<script", "<link", "@import", "url("] {
        let found = page.replace("xmlns=\"http://www.w3.org/2000/svg\"", "");
        assert!(!found.contains(foreign), "{foreign}");
    }
    let drawing = page.find("<svg").map(|from| &page[from..page.find("</svg>").unwrap() + 6]).unwrap();
    let shapes = elements(drawing);
    // One zone, two windows, one camera.
    assert_eq!(shapes.iter().filter(|e| e.name == "rect").count(), 4);
    assert!(drawing.contains("✗ 04号窗口") && drawing.contains("Z1  综合受理区"), "{drawing}");
}

#[test]
fn an_attestation_needs_a_known_camera_a_picture_and_a_catalogue() {
    let site = Site::new(HALL);
    std::fs::write(site.path("no.png"), b"not a picture").unwrap();
    image::RgbImage::from_pixel(64, 48, image::Rgb([80, 90, 100])).save(site.path("still.png")).unwrap();
    let attest = |camera: &str, what: &str, still: &str| {
        let still = site.path(still).display().to_string();
        site.check(&["attest", "--camera", camera, "--what", what, "--by", "王芳", "--still", &still])
    };
    let (code, _, err) = attest("C9", "view", "still.png");
    assert!(code == 2 && err.contains("no camera C9 in hall.toml (defined: C3)"), "{err}");
    let (code, _, err) = attest("C3", "ptz", "still.png");
    assert!(code == 2 && err.contains("only a PTZ camera"), "{err}");
    let (code, _, err) = attest("C3", "label", "still.png");
    assert!(code == 2 && err.contains("--reading"), "{err}");
    let (code, _, err) = attest("C3", "view", "still.png");
    assert!(code == 2 && err.contains("the recorder has not run with this hall.toml yet"), "{err}");
    // With a catalogue, and no recorder at work.
    drop(jiancha::catalogue::Store::open(&site.path("storage/.jiancha")).unwrap());
    let (code, _, err) = attest("C3", "view", "no.png");
    assert!(code == 2 && err.contains("neither a JPEG nor a PNG"), "{err}");
    let (code, out, err) = attest("C3", "view", "still.png");
    assert_eq!(code, 0, "{err}");
    assert!(out.starts_with("已签认：摄像机 C3，工作人员和办事群众均在画面内，王芳，"), "{out}");
    let (_, report) = site.json(&[]);
    assert_eq!(
        told(&report, "view"),
        [["R5", "window 03", "attested", "attested by 王芳"], ["R5", "window 04", "attested", "attested by 王芳"]]
    );
    check_schema(&schema(), &schema(), &report, "$");
    let digest = report["attestations"][0]["still"].as_str().unwrap();
    let kept = std::fs::read(site.path(&format!("storage/.jiancha/attested/{digest}.png"))).unwrap();
    assert_eq!(kept, std::fs::read(site.path("still.png")).unwrap());
}
