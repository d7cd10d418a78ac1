//! `jiancha calendar`: the forms outside scripts rely on, and the exit codes.

#![allow(clippy::unwrap_used, reason = "a panic here is a failed test with a line number")]

use std::process::Command;

fn calendar(args: &[&str]) -> (i32, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_jiancha")).arg("calendar").args(args).output().unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
}

fn json(args: &[&str]) -> (i32, serde_json::Value) {
    let (code, text) = calendar(args);
    (code, serde_json::from_str(&text).unwrap())
}

#[test]
fn due_prints_the_contract_form() {
    let (code, due) = json(&["due", "2026-09-21", "--json"]);
    assert_eq!(code, 0);
    assert_eq!(due["recorded"], "2026-09-21");
    assert_eq!(due["may_go_from"], "2026-11-10T00:00:00+08:00");
    assert_eq!(due["certain"], true);
    let (code, due) = json(&["due", "2026-11-20", "--json"]);
    assert_eq!((code, &due["certain"], &due["unpublished"]), (0, &false.into(), &2027.into()));
    assert_eq!(calendar(&["due", "2026-02-30"]).0, 2);
}

#[test]
fn show_names_the_notice_and_both_kinds_of_days() {
    let (code, year) = json(&["show", "2026", "--json"]);
    assert_eq!((code, &year["notice"]), (0, &"国办发明电〔2025〕7号".into()));
    assert_eq!(year["days_off"].as_array().unwrap().len(), 33);
    let worked = ["2026-01-04", "2026-02-14", "2026-02-28", "2026-05-09", "2026-09-20", "2026-10-10"];
    assert_eq!(year["make_up_days"], serde_json::json!(worked));
    let (code, text) = calendar(&["show", "2027"]);
    assert!(code == 1 && text.starts_with("2027年放假通知未收录"), "{code} {text}");
}

#[test]
fn check_ends_with_one_from_1_december_on_while_the_next_notice_is_missing() {
    assert_eq!(calendar(&["check", "--today", "2026-11-30"]).0, 0);
    let (code, text) = calendar(&["check", "--today", "2026-12-01"]);
    assert!(code == 1 && text.starts_with("告警") && text.contains("2027"), "{code} {text}");
}

/// What the commands below read: a hall of one camera, and a calendar folder.
struct Site(tempfile::TempDir);

impl Site {
    fn new(calendar: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let hall = format!(
            "[hall]\nname = \"某大厅\"\ndivision = \"某区\"\n[[zone]]\nid = \"Z1\"\ntype = \"综合受理区\"\n[[camera]]\nid = \"C1\"\n\
             kind = \"fixed\"\nzone = \"Z1\"\nurl = \"rtsp://192.0.2.1/1\"\n[[storage]]\npath = \"rec\"\n{calendar}"
        );
        std::fs::write(dir.path().join("hall.toml"), hall).unwrap();
        std::fs::create_dir(dir.path().join("calendar")).unwrap();
        Self(dir)
    }
    fn put(&self, name: &str, text: &str) {
        std::fs::write(self.0.path().join("calendar").join(name), text).unwrap();
    }
    fn ask(&self, args: &[&str]) -> (i32, String, String) {
        let hall = self.0.path().join("hall.toml");
        let output =
            Command::new(env!("CARGO_BIN_EXE_jiancha")).arg("calendar").args(args).arg("--config").arg(hall).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    }
}

/// The days of 2026 moved to 2027: no notice says so, and only the form matters here.
fn made_up_2027() -> String {
    let lines: Vec<String> = include_str!("../config/calendar/2026.toml")
        .lines()
        .filter(|line| !line.starts_with("make_up"))
        .map(|line| line.replace("2026", "2027"))
        .collect();
    lines.join("\n")
}

#[test]
fn a_recording_of_2026_11_20_needs_2027_and_is_kept_for_at_least_60_days() {
    let (code, due) = json(&["due", "2026-11-20", "--json"]);
    assert_eq!((code, &due["certain"], &due["unpublished"]), (0, &false.into(), &2027.into()));
    assert_eq!((&due["calendar_days"], &due["may_go_from"]), (&60.into(), &"2027-01-20T00:00:00+08:00".into()));
    let (code, told) = json(&["check", "--today", "2026-12-01", "--json"]);
    assert_eq!((code, &told["missing"]), (1, &serde_json::json!([2027])));
    assert!(told["alarm"].as_str().unwrap().contains("工作日历缺少2027年"), "{told}");
}

#[test]
fn a_new_years_file_in_the_calendar_folder_settles_it() {
    let site = Site::new("");
    site.put("2027.toml", &made_up_2027());
    let (code, text, _) = site.ask(&["due", "2026-11-20", "--json"]);
    let due: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, &due["certain"], &due["may_go_from"]), (0, &true.into(), &"2027-01-05T00:00:00+08:00".into()));
    assert_eq!(site.ask(&["check", "--today", "2026-12-01"]).0, 0);
    let (code, text, _) = site.ask(&["show", "2027", "--json"]);
    let year: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, year["origin"]["file"].as_str().unwrap().ends_with("calendar/2027.toml")), (0, true));
    let (_, table, _) = site.ask(&["show"]);
    assert!(table.contains("2020  30   6  国办发明电〔2019〕16号  2019-11-21  程序自带 built in"), "{table}");
    assert!(table.contains("国办发明电〔2020〕1号  2020-01-26"), "{table}");
}

#[test]
fn a_patch_changes_single_days_and_is_shown_with_its_file() {
    let site = Site::new("[calendar]\noverrides = \"calendar\"\n");
    site.put("local.toml", "year = 2026\npatch = true\ndays_off = [2026-07-22]\nworking_days = [2026-07-25]\n");
    let (code, text, _) = site.ask(&["show", "2026", "--json"]);
    let year: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, &year["origin"]), (0, &"built-in".into()));
    assert_eq!(year["patches"][0]["days_off"], serde_json::json!(["2026-07-22"]));
    let (_, table, _) = site.ask(&["show", "2026"]);
    assert!(table.contains("本地调整 changed here  2026-07-25 上班 worked"), "{table}");
}

#[test]
fn a_bad_calendar_file_is_told_with_its_line_and_its_year_counts_as_unpublished() {
    let site = Site::new("");
    site.put("2026.toml", "year = 2026\n\nholidays = 3\n");
    let (code, text, told) = site.ask(&["check", "--today", "2026-06-01"]);
    assert_eq!(code, 1, "{text}");
    let named = told.contains("2026.toml: line 3: unknown key `holidays`") && text.contains("2026.toml: line 3");
    assert!(named, "{told}{text}");
    let (_, text, _) = site.ask(&["due", "2026-06-01", "--json"]);
    assert!(text.contains("\"unpublished\": 2026"), "{text}");
}
