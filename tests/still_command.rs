//! `jiancha still --preview` as seen from outside, and how `run` and `doctor` refuse a label.

#![allow(clippy::unwrap_used, reason = "a panic here is a failed test with a line number")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

const HALL: &str = r#"[hall]
name = "重庆街道便民服务中心"
division = "长春市朝阳区"

[[zone]]
id = "Z1"
type = "综合受理区"

[[camera]]
id = "C3"
kind = "fixed"
zone = "Z1"
url = "rtsp://192.0.2.13:554/1"

[[camera]]
id = "C9"
kind = "ptz"
zone = "Z1"
url = "rtsp://192.0.2.14:554/1"

[[window]]
id = "03"
zone = "Z1"
camera = "C3"
pickup = "C3"

[[storage]]
path = "/nowhere/jiancha"

[stamp]
label = ["{division}", "{zone} {windows} {ptz}"]

[viewer]
listen = "127.0.0.1:0"
"#;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new(hall: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("hall.toml"), hall).unwrap();
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn jiancha(&self, args: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_jiancha"));
        let (command_name, rest) = args.split_first().unwrap();
        command.arg(command_name).arg("--config").arg(self.path("hall.toml")).args(rest);
        // Pictures of the limit go where temporary files go.
        command.env("TMPDIR", self.0.path()).current_dir(self.0.path()).output().unwrap()
    }

    /// Runs a preview into `out.png`; gives the exit code and what was printed as JSON.
    fn preview(&self, args: &[&str]) -> (i32, Value) {
        let mut all = vec!["still", "--preview", "--json", "--out", "out.png", "--at", "2026-11-22T14:50:03+08:00"];
        all.extend(args);
        let out = self.jiancha(&all);
        let told = String::from_utf8_lossy(&out.stderr).into_owned();
        (out.status.code().unwrap(), serde_json::from_slice(&out.stdout).unwrap_or(Value::String(told)))
    }
}

fn picture(path: &Path) -> image::GrayImage {
    image::open(path).unwrap().to_luma8()
}

fn texts(told: &Value) -> Vec<&str> {
    told["label"].as_array().unwrap().iter().map(|line| line["text"].as_str().unwrap()).collect()
}

#[test]
fn a_window_s_stamp_is_shown_without_a_camera_and_its_places_are_told() {
    let folder = Folder::new(HALL);
    let (code, told) = folder.preview(&["--window", "03"]);
    assert_eq!(code, 0, "{told}");
    assert_eq!((&told["camera"], &told["fit"]), (&Value::from("C3"), &Value::from("whole")));
    assert_eq!(told["time"]["text"], "2026年11月22日 星期日 14:50:03");
    assert_eq!(texts(&told), ["长春市朝阳区", "综合受理区 3号窗口"]);
    assert!(told["covered_percent"].as_f64().unwrap() < 4.0);
    // White characters stand where it says, and nothing elsewhere.
    let drawn = picture(&folder.path("out.png"));
    assert_eq!(drawn.dimensions(), (1920, 1080));
    let number = |of: &Value, key: &str| of[key].as_u64().unwrap() as u32;
    let lines: Vec<&Value> = told["label"].as_array().unwrap().iter().chain([&told["time"]]).collect();
    let inside = |line: &Value, x: u32, y: u32| {
        (number(line, "x")..number(line, "x") + number(line, "width")).contains(&x)
            && (number(line, "y")..number(line, "y") + number(line, "height")).contains(&y)
    };
    let grey = drawn.get_pixel(960, 540).0[0];
    for line in &lines {
        assert!(drawn.enumerate_pixels().any(|(x, y, p)| inside(line, x, y) && p.0[0] > 250), "{line}");
    }
    let stray = drawn.enumerate_pixels().find(|(x, y, p)| p.0[0] != grey && !lines.iter().any(|line| inside(line, *x, *y)));
    assert_eq!(stray, None);
}

#[test]
fn a_ptz_camera_says_so_and_a_small_odd_picture_is_stamped_too() {
    let folder = Folder::new(HALL);
    let (code, told) = folder.preview(&["--camera", "C9", "--size", "853x479"]);
    assert_eq!((code, texts(&told)), (0, vec!["长春市朝阳区", "综合受理区 云台"]));
    assert_eq!(picture(&folder.path("out.png")).dimensions(), (853, 479));
}

#[test]
fn it_is_drawn_on_a_given_picture() {
    let folder = Folder::new(HALL);
    let given = image::RgbImage::from_fn(960, 1280, |x, y| image::Rgb([(x / 4) as u8, (y / 6) as u8, 200]));
    given.save(folder.path("given.png")).unwrap();
    let (code, told) = folder.preview(&["--picture", "given.png"]);
    assert_eq!((code, &told["width"], &told["height"]), (0, &Value::from(960), &Value::from(1280)));
    let drawn = image::open(folder.path("out.png")).unwrap().to_rgb8();
    let near = |a: [u8; 3], b: [u8; 3]| a.iter().zip(b).all(|(a, b)| a.abs_diff(b) < 8);
    assert!(near(drawn.get_pixel(480, 640).0, given.get_pixel(480, 640).0));
    let (code, told) = folder.preview(&["--picture", "given.png", "--size", "1080x1920"]);
    assert_eq!((code, &told["width"]), (0, &Value::from(1080)));
    std::fs::write(folder.path("given.png"), b"no picture").unwrap();
    let (code, told) = folder.preview(&["--picture", "given.png"]);
    assert!(code == 2 && told.as_str().unwrap().contains("given.png"), "{told}");
}

#[test]
fn words_can_be_tried_and_a_label_that_does_not_fit_shows_the_limit() {
    let folder = Folder::new(HALL);
    let (code, told) = folder.preview(&["--label", "泰安市泰山区", "--label", "业务办理区 1号窗口"]);
    assert_eq!((code, texts(&told)), (0, vec!["泰安市泰山区", "业务办理区 1号窗口"]));
    let long = "内蒙古自治区阿拉善盟阿拉善左旗巴彦浩特镇额鲁特街道便民服务中心综合受理区";
    let (code, told) = folder.preview(&["--label", long, "--label", long, "--size", "640x360"]);
    assert_eq!((code, &told["fit"]), (1, &Value::from("small")));
    assert!(told["refused"].as_str().unwrap().contains("640x360"), "{told}");
    let shown = image::open(folder.path("out.png")).unwrap().to_rgb8();
    let count = |colour: [u8; 3]| shown.pixels().filter(|p| p.0 == colour).count();
    assert!(count([240, 200, 0]) > 200 && count([224, 32, 32]) > 200, "the frame and what has no room");
    let (code, told) = folder.preview(&["--label", "甲", "--label", "乙", "--label", "丙"]);
    assert!(code == 2 && told.as_str().unwrap().contains("at most two lines"), "{told}");
}

#[test]
fn what_is_not_in_hall_toml_is_named_with_what_is() {
    let folder = Folder::new(HALL);
    let (code, told) = folder.preview(&["--window", "07"]);
    assert!(code == 2 && told.as_str().unwrap().contains("no window 07 in hall.toml (defined: 03)"), "{told}");
    let (code, told) = folder.preview(&["--camera", "C7"]);
    assert!(code == 2 && told.as_str().unwrap().contains("no camera C7 in hall.toml (defined: C3, C9)"), "{told}");
}

/// Each with the line in hall.toml, the character, its code and its sort.
#[test]
fn a_character_without_a_glyph_is_refused_by_name_code_and_line() {
    for (from, to, line, words) in [
        ("长春市朝阳区\"", "长春市朝阳区\u{1F600}\"", 3, ["U+1F600", "表情符号", "hall.division"]),
        // A character of Extension H (Unicode 15) that Noto Sans CJK does not have.
        ("综合受理区\"", "\u{31350}村受理区\"", 7, ["U+31350", "生僻字", "zone[Z1].type"]),
        ("{windows} {ptz}", "{windows} {ptz}\u{200d}", 31, ["U+200D", "不可见字符", "stamp.label"]),
    ] {
        let folder = Folder::new(&HALL.replace(from, to));
        for command in [&["run"][..], &["doctor"][..], &["still", "--preview", "--camera", "C3", "--out", "out.png"][..]] {
            let out = folder.jiancha(command);
            assert!(!out.status.success(), "{command:?}");
            let told = String::from_utf8_lossy(&out.stderr).into_owned() + &String::from_utf8_lossy(&out.stdout);
            for word in words.into_iter().chain([&*format!("{line}")]) {
                assert!(told.contains(word), "{command:?} does not tell {word}: {told}");
            }
        }
    }
}

#[test]
fn rare_characters_of_place_names_are_drawn() {
    // 㙍 (U+364D) and 𠮷 (U+20BB7) stand in names of villages.
    let folder = Folder::new(HALL);
    let (code, told) = folder.preview(&["--label", "㙍塘村 𠮷祥里"]);
    assert_eq!((code, texts(&told)), (0, vec!["㙍塘村 𠮷祥里"]));
}

#[test]
fn a_label_too_long_for_1080p_stops_the_start_with_a_picture_and_one_too_long_for_360p_is_a_warning() {
    let long = "内蒙古自治区阿拉善盟阿拉善左旗巴彦浩特镇额鲁特街道便民服务中心";
    let folder = Folder::new(&HALL.replace("\"{division}\", ", &format!("\"{}\", ", long.repeat(10))));
    for command in ["run", "doctor"] {
        let shown = folder.path("jiancha-label-C3-1920x1080.png");
        let _ = std::fs::remove_file(&shown);
        let out = folder.jiancha(&[command]);
        let told = String::from_utf8_lossy(&out.stderr).into_owned() + &String::from_utf8_lossy(&out.stdout);
        assert!(!out.status.success(), "{command}: {told}");
        assert!(told.contains("31") && told.contains("stamp.label"), "{told}");
        assert!(told.contains(&shown.display().to_string()), "{told}");
        assert_eq!(picture(&shown).dimensions(), (1920, 1080));
    }
    let folder = Folder::new(&HALL.replace("\"{division}\", ", &format!("\"{{division}} {long}\", ")));
    let out = folder.jiancha(&["doctor", "--json"]);
    let report: Value = serde_json::from_slice(&out.stdout).unwrap();
    let label: Vec<&Value> = report["findings"].as_array().unwrap().iter().filter(|f| f["id"] == "label").collect();
    assert!(label.iter().all(|f| f["standing"] == "warn") && !label.is_empty(), "{label:?}");
    assert!(label[0]["found"]["en"].as_str().unwrap().contains("640x360"), "{label:?}");
    let (code, _) = folder.preview(&["--camera", "C3"]);
    assert_eq!(code, 0, "at 1080P it fits");
}
