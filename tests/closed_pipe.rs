//! A reader that goes away (`jiancha … | head -1`) is no error: the command ends quietly, with the exit code it has otherwise.

#![allow(clippy::unwrap_used, reason = "a panic here is a failed test with a line number")]

use std::path::Path;
use std::process::{Command, Stdio};

const HALL: &str = r#"
[hall]
name = "重庆街道便民服务中心"
division = "长春市朝阳区"

[[zone]]
id = "Z1"
type = "综合受理区"

[[camera]]
id = "C1"
kind = "fixed"
zone = "Z1"
url = "rtsp://127.0.0.1:1/1"

[[window]]
id = "01"
zone = "Z1"
camera = "C1"
pickup = "C1"

[[storage]]
path = "rec"
"#;

/// A hall with one damaged file, so that there is something to print, and with a catalogue.
fn hall() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("hall.toml"), HALL).unwrap();
    let hour = dir.path().join("rec/C1/2026-11-22/14");
    std::fs::create_dir_all(&hour).unwrap();
    std::fs::write(hour.join("145000.mp4"), b"not a recording").unwrap();
    let made = jiancha(dir.path(), &["rebuild", "--config", "hall.toml"]).output().unwrap();
    assert_eq!(made.status.code(), Some(1), "{}", String::from_utf8_lossy(&made.stderr));
    dir
}

fn jiancha(dir: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_jiancha"));
    command.args(words).current_dir(dir).env("RUST_BACKTRACE", "0").stdin(Stdio::null());
    command
}

/// Exit code and standard error when nobody reads the answer: the pipe's other end is closed before the first byte.
fn unread(mut command: Command) -> (Option<i32>, String) {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let child = command.stdout(writer).stderr(Stdio::piped()).spawn().unwrap();
    // The parent's writing end goes with the command, so that nothing holds the pipe open.
    drop(command);
    let output = child.wait_with_output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn an_answer_nobody_reads_changes_nothing() {
    let span = ["--from", "2026-11-22T14:50:00+08:00", "--to", "2026-11-22T14:51:00+08:00"];
    let cases: [(&[&str], i32); 12] = [
        (&["--help"], 0),
        (&["calendar", "due", "2026-09-21"], 0),
        (&["calendar", "show", "2026"], 0),
        (&["calendar", "show", "2026", "--json"], 0),
        (&["timeline", "--config", "hall.toml", "--window", "01", span[0], span[1], span[2], span[3]], 0),
        (&["timeline", "--config", "hall.toml", "--all", "--json", span[0], span[1], span[2], span[3]], 0),
        (&["verify", "--config", "hall.toml"], 1),
        (&["verify", "--config", "hall.toml", "--json"], 1),
        (&["rebuild", "--config", "hall.toml", "--dry-run"], 1),
        (&["retention", "plan", "--config", "hall.toml"], 0),
        (&["hold", "list", "--config", "hall.toml"], 0),
        (&["user", "list", "--config", "hall.toml"], 0),
    ];
    let dir = hall();
    for (words, code) in cases {
        let read = jiancha(dir.path(), words).output().unwrap();
        let told = String::from_utf8_lossy(&read.stderr).into_owned();
        assert_eq!((read.status.code(), read.stdout.is_empty()), (Some(code), false), "{words:?}: {told}");
        let (unread_code, told) = unread(jiancha(dir.path(), words));
        assert_eq!(unread_code, Some(code), "{words:?}: {told}");
        assert!(!told.contains("panicked") && !told.contains("Broken pipe"), "{words:?}: {told}");
    }
}

#[test]
fn a_complaint_nobody_reads_is_no_panic() {
    let dir = tempfile::tempdir().unwrap();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let status = jiancha(dir.path(), &["verify", "--config", "nowhere.toml"]).stdout(Stdio::null()).stderr(writer).status();
    assert_eq!(status.unwrap().code(), Some(2));
}
