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
