//! Who may not come in, and what is not understood.

use std::time::Duration;

use crate::site::*;

#[test]
fn no_route_answers_without_a_session() {
    let site = Site::new();
    let cookie = site.admin();
    let document = site.get("/api/v1/openapi.json", &[("cookie", &cookie)]).json();
    let mut looked_at = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys().filter(|_| path.starts_with("/api/v1/")) {
            if path == "/api/v1/session" && method != "delete" {
                continue;
            }
            let path = path.replace("{camera}", "C3");
            let headers = [("x-jiancha", "1"), ("content-type", "application/json"), ("cookie", "jiancha_session=forged")];
            let reply = match method.as_str() {
                "post" => site.send("POST", &path, &headers, "{}"),
                other => site.send(&other.to_uppercase(), &path, &headers, ()),
            };
            assert_eq!(reply.refused(), refusal(401, "not-signed-in"), "{method} {path}");
            looked_at += 1;
        }
    }
    assert_eq!(looked_at, 10);
    assert_eq!(site.get("/api/v1/nothing", &[]).refused(), refusal(401, "not-signed-in"));
    assert_eq!(site.get("/api/v1/nothing", &[("cookie", &cookie)]).refused(), refusal(404, "not-found"));
    assert_eq!(
        site.send("PUT", "/api/v1/hall", &[("cookie", &cookie), ("x-jiancha", "1")], "").refused(),
        refusal(405, "method-not-allowed")
    );
}

#[test]
fn a_flood_of_refused_requests_is_a_few_rows_of_the_audit_log() {
    let site = Site::new();
    for _ in 0..50 {
        assert_eq!(site.get("/api/v1/hall", &[]).status, 401);
    }
    site.clock.advance(Duration::from_secs(61));
    assert_eq!(site.get("/api/v1/hall", &[]).status, 401);
    let rows = site.audit().rows().unwrap();
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[1].note.subject.as_deref(), Some("GET /api/v1/hall not-signed-in"));
    assert_eq!(rows[1].note.detail, "50 times; not signed in");
    assert_eq!(site.audit().verify_chain().unwrap(), Ok(2));
}

#[test]
fn bodies_that_are_too_long_or_no_json_are_refused_in_words() {
    let site = Site::new();
    let headers = [("x-jiancha", "1"), ("content-type", "application/json")];
    let long = format!("{{\"username\":\"{}\"", "x".repeat(70_000));
    assert_eq!(site.send("POST", "/api/v1/session", &headers, &long).refused(), refusal(413, "body-too-large"));
    for malformed in [
        "{",
        "",
        "[]",
        "{\"username\":1,\"password\":\"x\"}",
        "{\"username\":\"a\"}",
        "{\"username\":\"a\",\"password\":\"b\",\"c\":1}",
        "\u{0}",
    ] {
        let reply = site.send("POST", "/api/v1/session", &headers, malformed);
        assert_eq!(reply.refused(), refusal(400, "malformed-body"), "{malformed:?}");
    }
    let reply = site.send("POST", "/api/v1/session", &[("x-jiancha", "1"), ("content-type", "text/plain")], "{}");
    assert_eq!(reply.refused(), refusal(415, "not-json"));
    // A body without a stated length is measured while it comes.
    let chunk = "x".repeat(0x8000);
    let chunks = format!("8000\r\n{chunk}\r\n").repeat(3);
    let said = site.raw(&format!(
        "POST /api/v1/session HTTP/1.1\r\nHost: h\r\nConnection: close\r\nX-Jiancha: 1\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}0\r\n\r\n"
    ));
    assert!(said.starts_with("HTTP/1.1 413 ") && said.contains("body-too-large"), "{said}");
}

#[test]
fn every_answer_carries_a_request_id_and_the_security_headers() {
    let site = Site::new();
    for path in ["/", "/playback/03", "/api/v1/hall", "/media/x/index.m3u8", "/healthz", "/missing.js"] {
        let reply = site.get(path, &[]);
        assert_eq!(reply.header("x-request-id").len(), 16, "{path}");
        let csp = reply.header("content-security-policy");
        assert!(csp.starts_with("default-src 'self';") && csp.contains("frame-ancestors 'none'"), "{path} {csp}");
        assert!(!csp.contains("script-src") && !csp.contains("unsafe-eval"));
        assert_eq!(reply.header("x-content-type-options"), "nosniff");
        assert_eq!(reply.header("referrer-policy"), "no-referrer");
    }
    assert!(site.get("/playback/03", &[]).header("content-type").starts_with("text/html"));
    assert_eq!(site.get("/missing.js", &[]).status, 404);
    assert_eq!(site.get("/api/v1/hall", &[]).header("cache-control"), "no-store");
}
