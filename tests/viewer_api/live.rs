//! Live views.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use jiancha::hall::CameraId;
use jiancha::media::{AccessUnit, VideoUnit};
use jiancha::time::WallTime;
use jiancha::viewer::audit::Act;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::site::*;

#[test]
fn a_live_view_opens_for_our_own_page_and_a_session_only() {
    let site = Site::new();
    let cookie = site.admin();
    let own = format!("http://{}", site.address());
    let path = "/api/v1/live/C3";
    assert_eq!(site.websocket(path, &[("origin", &own)]).err(), Some(401));
    assert_eq!(site.websocket(path, &[("origin", &own), ("cookie", "jiancha_session=forged")]).err(), Some(401));
    assert_eq!(site.websocket(path, &[("cookie", &cookie)]).err(), Some(403));
    assert_eq!(site.websocket(path, &[("cookie", &cookie), ("origin", "http://evil.example")]).err(), Some(403));
    assert_eq!(site.live("C9", &cookie).err(), Some(404));
    assert!(!site.acts().contains(&Act::LiveOpened));
    assert!(site.live("C3", &cookie).is_ok());
    assert_eq!(site.acts().iter().filter(|a| **a == Act::LiveOpened).count(), 1);
}

#[test]
fn a_live_view_begins_at_the_newest_key_frame_and_follows() {
    let site = Site::new();
    let cookie = site.admin();
    let channel = site.hub.channel(&CameraId::new("C3")).unwrap();
    let mut early = site.live("C3", &cookie).unwrap();
    assert_eq!(site.next_json(&mut early)["type"], "waiting");

    channel.publish_format(&made_up_format(), true);
    site.publish("C3", 0..53);
    let format = site.next_json(&mut early);
    assert_eq!((&format["type"], &format["mime"]), (&json!("format"), &json!("video/mp4; codecs=\"avc1.64001E\"")));

    let mut socket = site.live("C3", &cookie).unwrap();
    let format = site.next_json(&mut socket);
    assert_eq!(format["generation"], 1);
    assert_eq!(&site.next_bytes(&mut socket)[4..8], b"ftyp");
    let mut times = Vec::new();
    for _ in 50..53 {
        let said = site.next_json(&mut socket);
        assert_eq!(said["type"], "fragment");
        times.push((
            said["capture"].as_str().unwrap().to_owned(),
            said["media_seconds"].as_f64().unwrap(),
            said["random_access"] == true,
        ));
        let bytes = site.next_bytes(&mut socket);
        assert!(bytes.windows(4).any(|w| w == b"moof") && bytes.windows(4).any(|w| w == b"mdat"));
    }
    let expected = [(2_000, 2.0, true), (2_040, 2.04, false), (2_080, 2.08, false)]
        .map(|(ms, seconds, key)| (WallTime::from_micros(MINUTE + ms * 1000).to_rfc3339(), seconds, key));
    assert_eq!(times, expected);

    // A new run: a new format before anything of it.
    channel.publish_format(&made_up_format(), true);
    site.publish("C3", 0..1);
    assert_eq!(site.next_json(&mut socket)["generation"], 2);
    assert_eq!(&site.next_bytes(&mut socket)[4..8], b"ftyp");
    let said = site.next_json(&mut socket);
    assert_eq!(
        (&said["type"], &said["media_seconds"], &said["random_access"]),
        (&json!("fragment"), &json!(0.0), &json!(true))
    );
}

#[test]
fn a_live_view_ends_with_its_session_and_its_end_is_noted() {
    let site = Site::new();
    let cookie = site.admin();
    let mut socket = site.live("C3", &cookie).unwrap();
    assert_eq!(site.next_json(&mut socket)["type"], "waiting");
    site.send("DELETE", "/api/v1/session", &[("cookie", &cookie), ("x-jiancha", "1")], ());
    match site.next(&mut socket) {
        Message::Close(Some(frame)) => assert_eq!(frame.reason.as_str(), "the session has ended"),
        other => panic!("{other:?}"),
    }
    // A viewer who leaves is noted too.
    let cookie = site.admin();
    let mut socket = site.live("C3", &cookie).unwrap();
    site.next_json(&mut socket);
    site.runtime.block_on(socket.close(None)).unwrap();
    let patience = std::time::Instant::now();
    loop {
        let closed: Vec<String> =
            site.audit().rows().unwrap().into_iter().filter(|r| r.note.act == Act::LiveClosed).map(|r| r.note.detail).collect();
        if closed.len() == 2 {
            assert_eq!(closed, ["the session has ended", "closed by the viewer"]);
            break;
        }
        assert!(patience.elapsed() < Duration::from_secs(20), "{closed:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(site.audit().verify_chain().unwrap().is_ok());
}

#[test]
fn stopping_ends_live_views_and_event_streams_at_once() {
    let mut site = Site::new();
    let cookie = site.admin();
    let mut socket = site.live("C3", &cookie).unwrap();
    site.next_json(&mut socket);
    let mut events = TcpStream::connect(site.address()).unwrap();
    write!(events, "GET /api/v1/state/events HTTP/1.1\r\nHost: h\r\nCookie: {cookie}\r\n\r\n").unwrap();
    let mut first = [0u8; 16];
    events.read_exact(&mut first).unwrap();
    let took = site.stop();
    assert!(took < Duration::from_secs(3), "{took:?}");
    assert!(matches!(site.next(&mut socket), Message::Close(_)));
}

#[test]
fn a_viewer_that_lags_is_moved_to_the_newest_key_frame_and_told_so() {
    let site = Site::new();
    let cookie = site.admin();
    let channel = site.hub.channel(&CameraId::new("C3")).unwrap();
    channel.publish_format(&made_up_format(), true);
    site.publish("C3", 0..1);
    let mut socket = site.live("C3", &cookie).unwrap();
    assert_eq!(site.next_json(&mut socket)["type"], "format");
    // 160 MB wait for a viewer that takes nothing: far more than sockets and channel hold.
    for n in 1..1601 {
        let AccessUnit::Video(unit) = picture(n, MINUTE) else { unreachable!() };
        channel.publish(&AccessUnit::Video(VideoUnit { data: vec![0; 100_000].into(), ..unit }));
        if n % 100 == 0 {
            std::thread::sleep(Duration::from_millis(10));
        }
    }
    let skipped = loop {
        if let Message::Text(text) = site.next(&mut socket) {
            let said: Value = serde_json::from_str(&text).unwrap();
            if said["type"] == "skipped" {
                break said["count"].as_u64().unwrap();
            }
        }
    };
    assert!(skipped > 0);
    let said = site.next_json(&mut socket);
    assert_eq!((&said["type"], &said["random_access"]), (&json!("fragment"), &json!(true)));
    assert_eq!(said["capture"], at(64));
}
