//! Hall, timeline, state, health.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use jiancha::catalogue::{GapCause, LedgerEvent, LedgerRow};
use jiancha::evidence::{PublicHalf, Signer};
use jiancha::hall::CameraId;
use jiancha::time::{Span, WallTime};
use serde_json::{Value, json};

use crate::site::*;

#[test]
fn the_hall_is_told_without_its_secrets() {
    let site = Site::new();
    let reply = site.get("/api/v1/hall", &[("cookie", &site.admin())]);
    let told = reply.json();
    assert_eq!(told["name"], "重庆街道便民服务中心");
    assert_eq!(told["zones"], json!([{"id": "Z1", "type": "综合受理区", "name": null, "all_day": false}]));
    assert_eq!(
        told["windows"][0],
        json!({"id": "03", "name": null, "zone": "Z1", "camera": "C3", "sound_camera": "C3", "faces": "04"})
    );
    assert_eq!(
        told["cameras"][1],
        json!({"id": "C3", "name": null, "kind": "fixed", "zone": "Z1", "stamp": "reencode",
            "label": ["长春市朝阳区 重庆街道便民服务中心", "综合受理区 3、4号窗口"], "windows": ["03", "04"]})
    );
    let text = String::from_utf8(reply.body).unwrap();
    assert!(!text.contains("192.0.2") && !text.contains("camera-secret") && !text.contains("rtsp"), "{text}");
}

#[test]
fn the_recorder_tells_its_public_key_to_who_is_signed_in() {
    let site = Site::new();
    assert_eq!(site.get("/api/v1/recorder", &[]).refused(), refusal(401, "not-signed-in"));
    let told = site.get("/api/v1/recorder", &[("cookie", &site.admin())]).json();
    let key = Signer::from_secret([7; 32]).public().clone();
    assert_eq!(told["key_id"], key.id());
    assert_eq!(told["version"], env!("CARGO_PKG_VERSION"));
    let pem = told["public_key_pem"].as_str().unwrap();
    assert!(pem.starts_with("-----BEGIN PUBLIC KEY-----\n"), "{pem}");
    assert_eq!(PublicHalf::from_pem(pem), Ok(key));
}

#[test]
fn the_timeline_of_a_window_is_that_of_its_camera() {
    let site = Site::new();
    let cookie = site.admin();
    site.record("C3", 0, 60, false);
    site.record("C3", 90, 30, false);
    let event = LedgerEvent::Stopped { cause: GapCause::CameraUnreachable };
    let at_60 = WallTime::from_micros(MINUTE + 60_000_000);
    let row = LedgerRow { camera: CameraId::new("C3"), at: at_60, event, detail: "connection refused".into() };
    site.catalogue.note(&row).unwrap();
    let ask = |query: &str| site.get(&format!("/api/v1/timeline?{query}"), &[("cookie", &cookie)]);
    let span = "from=2026-11-22T14:50:00%2B08:00&to=2026-11-22T14:52:00%2B08:00";
    let told = ask(&format!("window=03&{span}")).json();
    let spans = json!([
        {"camera": "C3", "from": at(0), "to": at(60), "stamped": true},
        {"camera": "C3", "from": at(90), "to": at(120), "stamped": true},
    ]);
    let gaps =
        json!([{"camera": "C3", "from": at(60), "to": at(90), "cause": "camera-unreachable", "detail": "connection refused"}]);
    assert_eq!(told, json!({"window": "03", "spans": spans, "gaps": gaps, "removed": []}));
    let told = ask(&format!("camera=C3&{span}")).json();
    assert_eq!(told, json!({"window": null, "spans": spans, "gaps": gaps, "removed": []}));

    for (query, status, code) in [
        (format!("window=03&camera=C3&{span}"), 400, "one-subject"),
        (span.to_owned(), 400, "one-subject"),
        (format!("window=99&{span}"), 404, "unknown-window"),
        (format!("camera=..&{span}"), 404, "unknown-camera"),
        ("window=03&from=yesterday&to=today".into(), 400, "bad-time"),
        ("window=03&from=2026-11-22T14:50:00Z&to=2026-11-22T14:50:00Z".into(), 400, "bad-span"),
        ("window=03&from=2000-01-01T00:00:00Z&to=2026-01-01T00:00:00Z".into(), 400, "bad-span"),
        ("window=03&window=04&from=x&to=y".into(), 400, "malformed-query"),
        (format!("window=03&{span}&colour=red"), 400, "malformed-query"),
    ] {
        assert_eq!(ask(&query).refused(), refusal(status, code), "{query}");
    }
}

#[test]
fn what_retention_removed_is_told_apart_from_what_is_missing() {
    let site = Site::new();
    let cookie = site.admin();
    site.record("C3", 100, 20, false);
    // 0 to 60 was recorded and has gone; 60 to 100 was never recorded.
    let second = |s: i64| WallTime::from_micros(MINUTE + s * 1_000_000);
    let gone = Span::new(second(0), second(60));
    site.catalogue.note_removed(&CameraId::new("C3"), &[gone]).unwrap();
    let span = "from=2026-11-22T14:50:00%2B08:00&to=2026-11-22T14:52:00%2B08:00";
    let told = site.get(&format!("/api/v1/timeline?window=03&{span}"), &[("cookie", &cookie)]).json();
    assert_eq!(
        told,
        json!({
            "window": "03",
            "spans": [{"camera": "C3", "from": at(100), "to": at(120), "stamped": true}],
            "gaps": [{"camera": "C3", "from": at(60), "to": at(100), "cause": "unknown"}],
            "removed": [{"from": at(0), "to": at(60)}],
        })
    );
}

#[test]
fn the_state_is_told_at_once_and_every_second() {
    let site = Site::new();
    let cookie = site.admin();
    let told = site.get("/api/v1/state", &[("cookie", &cookie)]).json();
    assert_eq!(told["cameras"][1]["state"], "recording");
    assert_eq!(told["should_record"], 2);

    let mut stream = TcpStream::connect(site.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    write!(stream, "GET /api/v1/state/events HTTP/1.1\r\nHost: h\r\nCookie: {cookie}\r\nAccept-Encoding: gzip\r\n\r\n")
        .unwrap();
    let mut lines = BufReader::new(stream).lines().map(Result::unwrap);
    let kind = lines.by_ref().find(|l| l.starts_with("content-type:")).unwrap();
    assert_eq!(kind, "content-type: text/event-stream");
    let mut next = || {
        assert_eq!(lines.by_ref().find(|l| l.starts_with("event:")).unwrap(), "event: state");
        let data = lines.next().unwrap();
        serde_json::from_str::<Value>(data.strip_prefix("data: ").unwrap()).unwrap()
    };
    let asked = std::time::Instant::now();
    assert_eq!(next()["recording"], 2);
    assert!(asked.elapsed() < Duration::from_millis(900), "the first state came after {:?}", asked.elapsed());
    site.state.send_replace(Arc::new(state_of(&site.hall, START, 1)));
    assert_eq!(next()["recording"], 1);
    let first = std::time::Instant::now();
    next();
    next();
    let two = first.elapsed();
    assert!((Duration::from_millis(1700)..Duration::from_millis(4000)).contains(&two), "two states took {two:?}");
}

#[test]
fn the_stream_of_states_ends_with_its_session() {
    let site = Site::new();
    let cookie = site.admin();
    let mut stream = TcpStream::connect(site.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    write!(stream, "GET /api/v1/state/events HTTP/1.1\r\nHost: h\r\nConnection: close\r\nCookie: {cookie}\r\n\r\n").unwrap();
    stream.read_exact(&mut [0; 16]).unwrap();
    assert_eq!(site.send("DELETE", "/api/v1/session", &[("cookie", &cookie), ("x-jiancha", "1")], ()).status, 204);
    let mut rest = String::new();
    stream.read_to_string(&mut rest).unwrap();
    assert!(rest.ends_with("0\r\n\r\n"), "{rest}");
}

#[test]
fn health_needs_no_session_and_tells_no_details() {
    let site = Site::new();
    let good = site.get("/healthz", &[]);
    assert_eq!((good.status, good.json()), (200, json!({"status": "ok"})));
    site.state.send_replace(Arc::new(state_of(&site.hall, START, 1)));
    let bad = site.get("/healthz", &[]);
    assert_eq!((bad.status, bad.json()), (503, json!({"status": "not-recording", "should_record": 2, "recording": 1})));
    site.state.send_replace(Arc::new(state_of(&site.hall, START, 2)));
    site.clock.advance(Duration::from_secs(11));
    assert_eq!(site.get("/healthz", &[]).json()["status"], "not-measured");
}
