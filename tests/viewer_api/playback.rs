//! Playback addresses, playlists, byte ranges.

use std::io::Write;
use std::time::Duration;

use jiancha::viewer::audit::Act;
use jiancha::viewer::people::{People, Role};
use serde_json::{Value, json};

use crate::site::*;

/// Path of `C3`'s file that begins at 14:50:00 under the address of `url`.
fn first_file(url: &str) -> String {
    format!("{}/C3/2026-11-22/14/145000.mp4", url.strip_suffix("/index.m3u8").unwrap())
}

#[test]
fn a_playback_address_plays_without_a_session_and_only_what_it_was_given_for() {
    let site = Site::new();
    let cookie = site.admin();
    site.record("C3", 0, 180, false);
    site.record("C1", 0, 60, false);
    let told = site.playback(&cookie, ("window", "03"), 5, Some(70)).json();
    assert_eq!(told["camera"], "C3");
    assert_eq!((told["from"].as_str().unwrap(), told["to"].as_str().unwrap()), (&*at(5), &*at(70)));
    assert_eq!(told["expires"], START.plus_micros(4 * 3600 * 1_000_000).to_rfc3339());
    let url = told["url"].as_str().unwrap().to_owned();

    let playlist = site.get(&url, &[]);
    assert_eq!(playlist.header("content-type"), "application/vnd.apple.mpegurl");
    let text = String::from_utf8(playlist.body).unwrap();
    assert!(text.contains("#EXT-X-PLAYLIST-TYPE:VOD") && text.ends_with("#EXT-X-ENDLIST\n"), "{text}");
    assert!(text.contains("#EXT-X-START:TIME-OFFSET=1.000"), "{text}");
    // From the key frame at second 4 to the one before second 70: 33 groups of two seconds in two files of one run.
    assert_eq!(text.matches("#EXTINF:2.00000,").count(), 33);
    assert_eq!(text.matches("#EXT-X-MAP").count(), 2);
    assert_eq!(text.matches("#EXT-X-DISCONTINUITY").count(), 0);
    assert!(text.contains("#EXT-X-PROGRAM-DATE-TIME:2026-11-22T14:50:04.000+08:00\n"), "{text}");

    assert_eq!(site.get(&first_file(&url), &[]).status, 200);
    let base = url.strip_suffix("/index.m3u8").unwrap();
    for (path, status, code) in [
        (format!("{base}/C3/2026-11-22/14/145200.mp4"), 403, "outside-address"),
        (format!("{base}/C1/2026-11-22/14/145000.mp4"), 403, "outside-address"),
        (format!("{base}/C3/2025-11-22/14/145000.mp4"), 403, "outside-address"),
        (format!("{base}/C3/2026-11-22/14/145001.mp4"), 404, "not-found"),
        (format!("{base}/C3/2026-11-22/14/145000.txt"), 404, "not-found"),
        (format!("{base}/C3/2026-11-22/14/%2e%2e%2f145000.mp4"), 404, "not-found"),
        (format!("{base}/"), 404, "not-found"),
        (url.replace("C3~", "C1~"), 403, "address-forged"),
        (url.replace('~', "%7E").replace("C3", "C2"), 403, "address-forged"),
        ("/media/x/index.m3u8".into(), 403, "address-forged"),
    ] {
        assert_eq!(site.get(&path, &[]).refused(), refusal(status, code), "{path}");
    }
    // The address of another recorder: another key.
    let other = Site::new();
    assert_eq!(other.get(&url, &[]).refused(), refusal(403, "address-forged"));
    // A session gives no right to a file without an address.
    assert_eq!(site.get("/media/C3/2026-11-22/14/145000.mp4", &[("cookie", &cookie)]).status, 404);

    site.clock.advance(Duration::from_secs(4 * 3600));
    assert_eq!(site.get(&url, &[]).refused(), refusal(403, "address-expired"));
    assert_eq!(site.get(&first_file(&url), &[]).refused(), refusal(403, "address-expired"));

    let rows = site.audit().rows().unwrap();
    let issued = rows.iter().find(|r| r.note.act == Act::PlaybackIssued).unwrap();
    assert_eq!(issued.note.subject.as_deref(), Some("window 03 camera C3"));
    assert_eq!(issued.note.who.as_deref(), Some("admin"));
    assert_eq!(issued.note.span.unwrap().from.to_rfc3339(), at(5));
    // A media address is a secret: it is written down nowhere.
    assert!(!serde_json::to_string(&rows).unwrap().contains(base.rsplit('~').next().unwrap()));
}

#[test]
fn a_playback_address_ends_with_the_person_it_was_given_to() {
    let site = Site::new();
    let people = People::open(site.catalogue.store()).unwrap();
    people.add("li", Role::Viewer, "Rain-over-hills-7", START).unwrap();
    site.record("C3", 0, 10, false);
    let cookie = site.sign_in("li", "Rain-over-hills-7").cookie();
    let url = site.playback(&cookie, ("camera", "C3"), 0, Some(10)).json()["url"].as_str().unwrap().to_owned();
    assert_eq!(site.get(&url, &[]).status, 200);
    people.remove("li").unwrap();
    assert_eq!(site.get(&url, &[]).refused(), refusal(403, "address-revoked"));
}

#[test]
fn playback_asks_for_what_exists() {
    let site = Site::new();
    let cookie = site.admin();
    site.record("C3", 0, 60, false);
    for (body, status, code) in [
        (json!({"window": "03", "from": at(100), "to": at(200)}), 404, "nothing-recorded"),
        (json!({"window": "99", "from": at(0), "to": at(10)}), 404, "unknown-window"),
        (json!({"camera": "C9", "from": at(0), "to": at(10)}), 404, "unknown-camera"),
        (json!({"from": at(0), "to": at(10)}), 400, "one-subject"),
        (json!({"window": "03", "from": at(10), "to": at(10)}), 400, "bad-span"),
        (json!({"window": "03", "from": at(0), "to": at(90_000)}), 400, "bad-span"),
        (json!({"window": "03", "from": "14:50", "to": at(10)}), 400, "bad-time"),
        (json!({"window": "03", "from": 5, "to": null}), 400, "malformed-body"),
    ] {
        assert_eq!(site.post("/api/v1/playback", &cookie, &body).refused(), refusal(status, code), "{body}");
    }
    assert!(!site.acts().contains(&Act::PlaybackIssued));
}

#[test]
fn byte_ranges_of_a_recording_are_given_to_the_byte() {
    let site = Site::new();
    let cookie = site.admin();
    site.record("C3", 0, 30, false);
    let url = site.playback(&cookie, ("camera", "C3"), 0, Some(30)).json()["url"].as_str().unwrap().to_owned();
    let file = first_file(&url);
    let disk = std::fs::read(site.dir.path().join("rec/C3/2026-11-22/14/145000.mp4")).unwrap();
    let len = disk.len();
    let ask = |range: &str| site.get(&file, &[("range", range)]);

    let whole = site.get(&file, &[]);
    assert_eq!((whole.status, whole.header("content-type"), whole.header("accept-ranges")), (200, "video/mp4", "bytes"));
    assert!(whole.body == disk);
    assert!(whole.header("content-encoding").is_empty());
    for (range, bytes) in [
        ("bytes=0-0".to_owned(), 0..1),
        ("bytes=100-299".to_owned(), 100..300),
        (format!("bytes={}-", len - 5), len - 5..len),
        ("bytes=-7".to_owned(), len - 7..len),
        (format!("bytes=10-{}", len * 2), 10..len),
    ] {
        let reply = ask(&range);
        assert_eq!(reply.status, 206, "{range}");
        assert_eq!(reply.header("content-range"), format!("bytes {}-{}/{len}", bytes.start, bytes.end - 1));
        assert!(reply.body == disk[bytes], "{range}");
    }
    for range in [format!("bytes={len}-"), "bytes=9-3".into(), "bytes=-0".into(), "bytes=x-y".into()] {
        let reply = ask(&range);
        assert_eq!(reply.refused(), refusal(416, "range-not-satisfiable"), "{range}");
        assert_eq!(reply.header("content-range"), format!("bytes */{len}"));
    }
    let head = site.send("HEAD", &file, &[("range", "bytes=100-299")], ());
    assert_eq!((head.status, head.header("content-length"), head.body.len()), (206, "200", 0));
}

#[test]
fn a_file_being_written_is_given_up_to_its_last_whole_part() {
    let site = Site::new();
    let cookie = site.admin();
    // Ten minutes after the start: the minute being recorded, with nine seconds of whole parts in the file.
    site.record("C3", 590, 10, true);
    let path = site.dir.path().join("rec/C3/2026-11-22/14/145950.mp4");
    let whole = std::fs::metadata(&path).unwrap().len();
    let mut growing = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
    growing.write_all(&[0, 0, 1, 0, b'm', b'o', b'o', b'f', 1, 2, 3]).unwrap();

    let told = site.playback(&cookie, ("window", "04"), 590, None).json();
    assert_eq!(told["to"], Value::Null);
    let url = told["url"].as_str().unwrap();
    let text = String::from_utf8(site.get(url, &[]).body).unwrap();
    assert!(text.contains("#EXT-X-PLAYLIST-TYPE:EVENT") && !text.contains("ENDLIST"), "{text}");
    assert_eq!(text.matches("#EXTINF:").count(), 4, "{text}");
    let file = format!("{}/C3/2026-11-22/14/145950.mp4", url.strip_suffix("/index.m3u8").unwrap());
    assert_eq!(site.get(&file, &[]).body.len() as u64, whole);
    assert_eq!(site.get(&file, &[("range", &format!("bytes={whole}-"))]).status, 416);
}

#[test]
fn a_recording_lost_from_its_disk_is_one_hole_and_a_plain_answer() {
    let site = Site::new();
    let cookie = site.admin();
    site.record("C3", 0, 120, false);
    let url = site.playback(&cookie, ("camera", "C3"), 0, Some(120)).json()["url"].as_str().unwrap().to_owned();
    std::fs::remove_file(site.dir.path().join("rec/C3/2026-11-22/14/145000.mp4")).unwrap();
    let text = String::from_utf8(site.get(&url, &[]).body).unwrap();
    assert_eq!(text.matches("#EXTINF:").count(), 30, "{text}");
    let gone = site.get(&first_file(&url), &[]);
    assert_eq!(gone.refused(), refusal(404, "recording-unreadable"));
    assert!(!String::from_utf8_lossy(&gone.body).contains(&*site.dir.path().to_string_lossy()));
}

#[test]
fn no_path_leads_out_of_the_recordings() {
    let site = Site::new();
    let cookie = site.admin();
    site.record("C3", 0, 10, false);
    std::fs::write(site.dir.path().join("secret.mp4"), "secret").unwrap();
    let url = site.playback(&cookie, ("camera", "C3"), 0, Some(10)).json()["url"].as_str().unwrap().to_owned();
    let base = url.strip_suffix("/index.m3u8").unwrap();
    for path in [
        format!("{base}/../../secret.mp4"),
        format!("{base}/C3/../../../secret.mp4"),
        format!("{base}/C3/..%2f..%2f/secret.mp4"),
        format!("{base}/%2e%2e/%2e%2e/%2e%2e/secret.mp4"),
        format!("{base}/C3/2026-11-22/14/..%2f..%2f..%2f..%2fsecret.mp4"),
        format!("{base}/C3/2026-11-22/14/..\\..\\secret.mp4"),
        format!("{base}/C3/2026-11-22/14/145000.mp4%00"),
        format!("{base}//etc/passwd"),
        "/../../../../etc/passwd".into(),
        "/assets/../../Cargo.toml".into(),
        "/%2e%2e/%2e%2e/etc/passwd".into(),
        "/media/../secret.mp4".into(),
        "/media/%ff/index.m3u8".into(),
    ] {
        let said = site.raw(&format!("GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"));
        let status: u16 = said.split(' ').nth(1).unwrap().parse().unwrap();
        let harmless = (400..500).contains(&status) || (status == 200 && said.contains("content-type: text/html"));
        assert!(
            harmless && !said.contains("secret\n") && !said.contains("root:") && !said.contains("[package]"),
            "{path}: {said}"
        );
    }
}
