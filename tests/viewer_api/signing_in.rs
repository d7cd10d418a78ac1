//! Signing in, staying signed in, signing out.

use std::time::Duration;

use jiancha::viewer::audit::Act;
use jiancha::viewer::people::{People, Role};
use serde_json::json;

use crate::site::*;

#[test]
fn signing_in_sets_a_cookie_that_scripts_cannot_read_and_signing_out_ends_it() {
    let site = Site::new();
    let reply = site.sign_in("admin", &site.password);
    assert_eq!(reply.json(), json!({"user": {"name": "admin", "role": "administrator"}}));
    let flags = reply.header("set-cookie").to_owned();
    for flag in ["jiancha_session=", "HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(flags.contains(flag), "{flags}");
    }
    assert!(!flags.contains("Max-Age") && !flags.contains("Domain"), "{flags}");
    let cookie = reply.cookie();
    assert_eq!(site.get("/api/v1/session", &[("cookie", &cookie)]).json()["user"]["name"], "admin");

    let out = site.send("DELETE", "/api/v1/session", &[("cookie", &cookie), ("x-jiancha", "1")], ());
    assert_eq!(out.status, 204);
    let after = site.get("/api/v1/session", &[("cookie", &cookie)]);
    assert_eq!(after.refused(), refusal(401, "not-signed-in"));
    assert_eq!(site.acts(), [Act::Login, Act::Logout]);
}

#[test]
fn wrong_passwords_are_refused_noted_and_then_braked() {
    let site = Site::new();
    for _ in 0..5 {
        assert_eq!(site.sign_in("admin", "not-the-Password-1").refused(), refusal(401, "bad-password"));
    }
    let braked = site.sign_in("admin", &site.password);
    assert_eq!(braked.refused(), refusal(429, "too-many-attempts"));
    assert_eq!(braked.header("retry-after"), "30");
    assert!(braked.header("set-cookie").is_empty());
    site.clock.advance(Duration::from_secs(31));
    assert_eq!(site.sign_in("admin", &site.password).status, 200);
    let rows = site.audit().rows().unwrap();
    assert_eq!(rows.iter().filter(|r| r.note.act == Act::LoginFailed).count(), 5);
    assert_eq!(rows[0].note.subject.as_deref(), Some("\"admin\""));
    assert_eq!(rows[0].note.from, "127.0.0.1");
    // No password, right or wrong, is written down.
    let told = serde_json::to_string(&rows).unwrap();
    assert!(!told.contains("not-the-Password-1") && !told.contains(&site.password));
}

#[test]
fn what_changes_something_needs_the_header_a_foreign_page_cannot_send() {
    let site = Site::new();
    let body = json!({"username": "admin", "password": site.password}).to_string();
    let reply = site.send("POST", "/api/v1/session", &[("content-type", "application/json")], body.clone());
    assert_eq!(reply.refused(), refusal(403, "foreign-request"));
    let cookie = site.admin();
    for (method, path) in [("DELETE", "/api/v1/session"), ("POST", "/api/v1/playback")] {
        let reply = site.send(method, path, &[("cookie", &cookie), ("content-type", "application/json")], ());
        assert_eq!(reply.refused(), refusal(403, "foreign-request"), "{method} {path}");
    }
    assert_eq!(site.get("/api/v1/session", &[("cookie", &cookie)]).status, 200);
    assert!(site.acts().contains(&Act::Denied));
}

#[test]
fn a_session_id_given_by_somebody_else_is_never_taken_over() {
    let site = Site::new();
    let body = json!({"username": "admin", "password": site.password});
    let planted = "jiancha_session=AAAAAAAAAAAAAAAAAAAAAA";
    let cookie = site.post("/api/v1/session", planted, &body).cookie();
    assert_ne!(cookie, planted);
    // Signing in again ends the session that came with the request.
    let next = site.post("/api/v1/session", &cookie, &body).cookie();
    assert_ne!(next, cookie);
    assert_eq!(site.get("/api/v1/session", &[("cookie", &cookie)]).status, 401);
    assert_eq!(site.get("/api/v1/session", &[("cookie", &next)]).status, 200);
}

#[test]
fn a_session_ends_after_half_an_hour_unused_with_a_new_password_and_with_the_person() {
    let site = Site::new();
    let people = People::open(site.catalogue.store()).unwrap();
    people.add("li", Role::Viewer, "Rain-over-hills-7", START).unwrap();
    let signed_in = |cookie: &str| site.get("/api/v1/hall", &[("cookie", cookie)]).status;

    let cookie = site.sign_in("li", "Rain-over-hills-7").cookie();
    site.clock.advance(Duration::from_secs(29 * 60));
    assert_eq!(signed_in(&cookie), 200);
    site.clock.advance(Duration::from_secs(30 * 60));
    assert_eq!(signed_in(&cookie), 401);

    let cookie = site.sign_in("li", "Rain-over-hills-7").cookie();
    people.set_password("li", "Snow-on-rivers-8", START).unwrap();
    assert_eq!(signed_in(&cookie), 401);

    let cookie = site.sign_in("li", "Snow-on-rivers-8").cookie();
    assert_eq!(signed_in(&cookie), 200);
    people.remove("li").unwrap();
    assert_eq!(signed_in(&cookie), 401);
}

#[test]
fn a_restart_of_the_recorder_signs_nobody_out() {
    let mut site = Site::new();
    let cookie = site.admin();
    site.record("C3", 0, 10, false);
    let url = site.playback(&cookie, ("camera", "C3"), 0, Some(10)).json()["url"].as_str().unwrap().to_owned();
    site.stop();
    site.start();
    assert_eq!(site.get("/api/v1/hall", &[("cookie", &cookie)]).status, 200);
    assert_eq!(site.get(&url, &[]).status, 200);
}
