//! The viewer's API as a browser, a player and an attacker meet it: the real router on a real socket, a catalogue in a temporary
//! folder, a clock moved by hand, recordings written by the real writer.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures::{SinkExt, StreamExt};
use jiancha::catalogue::{Catalogue, GapCause, LedgerEvent, LedgerRow, Store};
use jiancha::hall::{self, CameraId, CameraKind, Hall, StampMode};
use jiancha::live::LiveHub;
use jiancha::media::libav::{FileCodec, read_file};
use jiancha::media::{
    AccessUnit, AudioCodec, AudioFormat, AudioUnit, StreamFormat, TimeSource, VideoCodec, VideoFormat, VideoUnit, boxes,
};
use jiancha::observe::state::{CameraState, ClockState, HallState, RecordingState, StorageState};
use jiancha::segment::disk::Disk;
use jiancha::segment::writer::{CutSettings, SegmentWriter, Subject};
use jiancha::time::{Clock, SteppedClock, WallTime};
use jiancha::viewer::audit::{Act, Audit};
use jiancha::viewer::people::{People, Role};
use jiancha::viewer::{Shown, serve};
use serde_json::{Value, json};
use tokio::sync::{oneshot, watch};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use ureq::http;

/// 2026-11-22T14:50:00+08:00: recordings begin here.
const MINUTE: i64 = 1_795_330_200_000_000;
/// Ten minutes later the viewer starts.
const START: WallTime = WallTime::from_micros(MINUTE + 600_000_000);

const HALL: &str = r#"
[hall]
name = "重庆街道便民服务中心"
division = "长春市朝阳区"

[[zone]]
id = "Z1"
type = "综合受理区"

[[camera]]
id = "C1"
kind = "ptz"
zone = "Z1"
url = "rtsp://192.0.2.11/1"
username = "jiancha"
password = "camera-secret"

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
faces = "04"

[[window]]
id = "04"
zone = "Z1"
camera = "C3"
pickup = "C3"
faces = "03"

[[storage]]
path = "rec"

[viewer]
listen = "127.0.0.1:0"
"#;

struct Running {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    done: tokio::task::JoinHandle<Result<(), jiancha::viewer::ViewerError>>,
}

struct Site {
    dir: tempfile::TempDir,
    runtime: tokio::runtime::Runtime,
    clock: Arc<SteppedClock>,
    hall: Arc<Hall>,
    catalogue: Catalogue,
    hub: LiveHub,
    state: watch::Sender<Arc<HallState>>,
    password: String,
    running: Option<Running>,
}

struct Reply {
    status: u16,
    headers: http::HeaderMap,
    body: Vec<u8>,
}

impl Reply {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&self.body)))
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().unwrap())
    }

    /// Status and code of a refusal; checks the form of its body.
    fn refused(&self) -> (u16, String) {
        let error = &self.json()["error"];
        assert!(error["zh"].as_str().unwrap().chars().any(|c| !c.is_ascii()), "{error}");
        assert!(error["en"].as_str().unwrap().is_ascii() || error["en"].as_str().is_some());
        assert_eq!(error["request_id"], self.header("x-request-id"));
        (self.status, error["code"].as_str().unwrap().to_owned())
    }

    fn cookie(&self) -> String {
        self.header("set-cookie").split(';').next().unwrap().to_owned()
    }
}

fn refusal(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

fn state_of(hall: &Hall, at: WallTime, recording: usize) -> HallState {
    HallState {
        at,
        started: at,
        should_record: hall.cameras.len(),
        recording,
        oldest_footage: None,
        cameras: hall
            .cameras
            .iter()
            .map(|c| CameraState {
                id: c.id.clone(),
                kind: c.kind,
                desired: true,
                state: RecordingState::Recording,
                since: at,
                newest_part: Some(at),
                age_ms: Some(400),
                cause: None,
                cause_text: None,
                action: None,
                detail: None,
                stamp_mode: StampMode::Reencode,
                stamped: true,
                video: None,
                audio: None,
                time_source: Some(TimeSource::SenderReport),
                clock_skew_ms: Some(3),
                connections: 1,
            })
            .collect(),
        storage: vec![StorageState { path: "/rec".into(), free_bytes: 1, total_bytes: 2, writable: true, detail: None }],
        clock: ClockState { synchronised: true, max_error_ms: 4 },
    }
}

impl Site {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("rec")).unwrap();
        let (hall, _) = hall::parse(HALL, dir.path()).unwrap();
        let hall = Arc::new(hall);
        let clock = Arc::new(SteppedClock::new(START));
        let catalogue = Catalogue::open(Arc::new(Store::open(&hall.recording.catalogue).unwrap())).unwrap();
        let people = People::open(catalogue.store()).unwrap();
        let password = people.first_start(START).unwrap().unwrap().password;
        let hub = LiveHub::new(hall.cameras.iter().map(|c| c.id.clone()));
        let (state, _) = watch::channel(Arc::new(state_of(&hall, START, 2)));
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let mut site = Self { dir, runtime, clock, hall, catalogue, hub, state, password, running: None };
        site.start();
        site
    }

    fn start(&mut self) {
        let shown = Shown {
            hall: Arc::clone(&self.hall),
            catalogue: self.catalogue.clone(),
            live: self.hub.clone(),
            state: self.state.subscribe(),
            clock: self.clock.clone(),
        };
        let listener = self.runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let done = self.runtime.spawn(serve(listener, shown, async move {
            let _ = stopped.await;
        }));
        self.running = Some(Running { address, stop: Some(stop), done });
    }

    /// Stops the viewer; gives how long that took.
    fn stop(&mut self) -> Duration {
        let mut running = self.running.take().unwrap();
        let asked = std::time::Instant::now();
        running.stop.take().unwrap().send(()).unwrap();
        self.runtime.block_on(running.done).unwrap().unwrap();
        asked.elapsed()
    }

    fn address(&self) -> SocketAddr {
        self.running.as_ref().unwrap().address
    }

    fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: impl ureq::AsSendBody) -> Reply {
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(Duration::from_secs(20)))
            .build()
            .into();
        let mut request = http::Request::builder().method(method).uri(format!("http://{}{path}", self.address()));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut response = agent.run(request.body(body).unwrap()).unwrap();
        let body = response.body_mut().with_config().limit(1 << 30).read_to_vec().unwrap();
        Reply { status: response.status().as_u16(), headers: response.headers().clone(), body }
    }

    fn get(&self, path: &str, headers: &[(&str, &str)]) -> Reply {
        self.send("GET", path, headers, ())
    }

    fn post(&self, path: &str, cookie: &str, body: &Value) -> Reply {
        let headers = [("x-jiancha", "1"), ("content-type", "application/json"), ("cookie", cookie)];
        self.send("POST", path, &headers, body.to_string())
    }

    fn sign_in(&self, name: &str, password: &str) -> Reply {
        self.post("/api/v1/session", "a=b", &json!({"username": name, "password": password}))
    }

    /// The administrator's cookie.
    fn admin(&self) -> String {
        let reply = self.sign_in("admin", &self.password);
        assert_eq!(reply.status, 200);
        reply.cookie()
    }

    /// A playback address for camera or window.
    fn playback(&self, cookie: &str, subject: (&str, &str), from_s: i64, to_s: Option<i64>) -> Reply {
        let body = json!({subject.0: subject.1, "from": at(from_s), "to": to_s.map(at)});
        self.post("/api/v1/playback", cookie, &body)
    }

    fn disk(&self) -> Disk {
        let root = self.hall.storage[0].path.clone();
        Disk::start(root, Duration::from_secs(60), self.catalogue.clone(), Arc::new(|_| {})).unwrap()
    }

    /// Records `seconds` of made-up pictures of `camera` from `from_s` after [`MINUTE`]; unsealed when `open`.
    fn record(&self, camera: &str, from_s: i64, seconds: i64, open: bool) {
        let units = (0..seconds * 25).map(|n| picture(n, MINUTE + from_s * 1_000_000)).collect();
        self.record_units(camera, &made_up_format(), units, open);
    }

    fn record_units(&self, camera: &str, format: &StreamFormat, units: Vec<AccessUnit>, open: bool) {
        let disk = self.disk();
        let cut = CutSettings { segment_seconds: 60, part_90k: 90_000 };
        let subject = Subject { camera: camera.into(), ..Subject::default() };
        let run = format!("{camera}-{}", units[0].capture().as_micros());
        let mut writer = SegmentWriter::new(cut, subject, format.clone(), true, run);
        let mut commands = Vec::new();
        for unit in units {
            writer.push(unit, &mut commands);
        }
        if !open {
            writer.finish(&mut commands);
        }
        for command in commands {
            disk.write(&CameraId::new(camera), command).unwrap();
        }
        disk.sync();
    }

    fn audit(&self) -> Audit {
        Audit::open(self.catalogue.store()).unwrap()
    }

    fn acts(&self) -> Vec<Act> {
        self.audit().rows().unwrap().iter().map(|r| r.note.act).collect()
    }

    /// What the server says to these bytes, which no client library would send.
    fn raw(&self, bytes: &str) -> String {
        let mut stream = TcpStream::connect(self.address()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.write_all(bytes.as_bytes()).unwrap();
        let mut said = Vec::new();
        let _ = stream.read_to_end(&mut said);
        String::from_utf8_lossy(&said).into_owned()
    }
}

fn at(seconds: i64) -> String {
    WallTime::from_micros(MINUTE + seconds * 1_000_000).to_rfc3339()
}

fn made_up_format() -> StreamFormat {
    let record = [1, 0x64, 0, 0x1e, 0xff, 0xe0, 0];
    let video = VideoFormat {
        codec: VideoCodec::H264,
        width: 640,
        height: 360,
        codec_string: boxes::avc_codec_string(&record).unwrap(),
        sample_entry: boxes::avc1(640, 360, &record),
        configuration: record.to_vec().into(),
    };
    StreamFormat { video, audio: None }
}

/// Picture `n` at 25 a second with a key frame every two seconds.
fn picture(n: i64, start: i64) -> AccessUnit {
    AccessUnit::Video(VideoUnit {
        pts_90k: n * 3600,
        capture: WallTime::from_micros(start + n * 40_000),
        time_source: TimeSource::SenderReport,
        random_access: n % 50 == 0,
        data: vec![n.to_le_bytes()[0]; 60].into(),
    })
}

// ---- signing in and out

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

// ---- who may come in

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
    assert_eq!(looked_at, 8);
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
    assert_eq!(rows[1].note.detail, "50 times");
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

// ---- what is told

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
    assert_eq!(told, json!({"window": "03", "spans": spans, "gaps": gaps}));
    let told = ask(&format!("camera=C3&{span}")).json();
    assert_eq!(told, json!({"window": null, "spans": spans, "gaps": gaps}));

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

// ---- playback

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

// ---- real media

/// Three seconds more than a minute of a test picture with a tone, coded as a camera would.
fn real_units(dir: &std::path::Path) -> (StreamFormat, Vec<AccessUnit>) {
    let clip: PathBuf = dir.join("clip.mp4");
    let made = std::process::Command::new("ffmpeg")
        .args([
            "-v",
            "error",
            "-f",
            "lavfi",
            "-i",
            "testsrc=size=320x180:rate=25",
            "-f",
            "lavfi",
            "-i",
            "sine=frequency=440:sample_rate=16000",
        ])
        .args([
            "-t",
            "63",
            "-c:v",
            "libx264",
            "-preset",
            "ultrafast",
            "-pix_fmt",
            "yuv420p",
            "-g",
            "50",
            "-bf",
            "0",
            "-c:a",
            "aac",
        ])
        .arg(&clip)
        .status()
        .expect("ffmpeg (Debian package ffmpeg) makes the clip of this test");
    assert!(made.success());
    let (streams, packets) = read_file(&clip).unwrap();
    let video = streams.iter().find(|s| s.codec == FileCodec::H264).unwrap();
    let audio = streams.iter().find(|s| s.codec == FileCodec::Aac).unwrap();
    let format = StreamFormat {
        video: VideoFormat {
            codec: VideoCodec::H264,
            width: 320,
            height: 180,
            codec_string: boxes::avc_codec_string(&video.configuration).unwrap(),
            sample_entry: boxes::avc1(320, 180, &video.configuration),
            configuration: video.configuration.clone(),
        },
        audio: Some(AudioFormat {
            codec: AudioCodec::Aac,
            sample_rate: 16_000,
            channels: 1,
            codec_string: "mp4a.40.2".into(),
            sample_entry: boxes::mp4a(1, 16_000, &audio.configuration),
            origin: None,
        }),
    };
    let mut units: Vec<AccessUnit> = packets
        .into_iter()
        .filter(|p| p.pts_micros >= 0)
        .map(|p| {
            let capture = WallTime::from_micros(MINUTE + p.pts_micros);
            if p.stream == video.index {
                let pts_90k = (p.pts_micros * 9 + 50) / 100;
                AccessUnit::Video(VideoUnit {
                    pts_90k,
                    capture,
                    time_source: TimeSource::Arrival,
                    random_access: p.key,
                    data: p.data,
                })
            } else {
                let pts_samples = (p.pts_micros * 16 + 500) / 1000;
                AccessUnit::Audio(AudioUnit { pts_samples, duration_samples: 1024, capture, data: p.data })
            }
        })
        .collect();
    units.sort_by_key(AccessUnit::capture);
    (format, units)
}

#[test]
fn ffmpeg_plays_a_playback_address_from_first_to_last_picture() {
    let site = Site::new();
    let cookie = site.admin();
    let (format, units) = real_units(site.dir.path());
    site.record_units("C3", &format, units, false);
    let url = site.playback(&cookie, ("window", "03"), 0, Some(63)).json()["url"].as_str().unwrap().to_owned();
    let full = format!("http://{}{url}", site.address());

    let probe = std::process::Command::new("ffprobe")
        .args(["-v", "error", "-count_packets", "-show_entries", "stream=codec_name,nb_read_packets", "-of", "json", &full])
        .output()
        .expect("ffprobe (Debian package ffmpeg) reads the playlist");
    assert!(probe.status.success(), "{}", String::from_utf8_lossy(&probe.stderr));
    let told: Value = serde_json::from_slice(&probe.stdout).unwrap();
    let packets = |codec: &str| -> u32 {
        let streams = told["streams"].as_array().unwrap();
        let stream = streams.iter().find(|s| s["codec_name"] == codec).unwrap_or_else(|| panic!("no {codec} in {told}"));
        stream["nb_read_packets"].as_str().unwrap().parse().unwrap()
    };
    assert_eq!(packets("h264"), 63 * 25);
    // 16 000 samples a second in frames of 1024 are 984 in 63 s; the first or last may lie outside the pictures.
    assert!((980..=988).contains(&packets("aac")), "{told}");

    let decoded =
        std::process::Command::new("ffmpeg").args(["-v", "error", "-xerror", "-i", &full, "-f", "null", "-"]).output().unwrap();
    assert!(decoded.status.success() && decoded.stderr.is_empty(), "{}", String::from_utf8_lossy(&decoded.stderr));
}

// ---- live

type Socket = tokio_tungstenite::WebSocketStream<tokio::net::TcpStream>;

impl Site {
    /// Opens a WebSocket with these headers; the status when it is refused.
    fn websocket(&self, path: &str, headers: &[(&'static str, &str)]) -> Result<Socket, u16> {
        let mut request = format!("ws://{}{path}", self.address()).into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        self.runtime.block_on(async {
            let stream = tokio::net::TcpStream::connect(self.address()).await.unwrap();
            match tokio_tungstenite::client_async(request, stream).await {
                Ok((socket, _)) => Ok(socket),
                Err(tokio_tungstenite::tungstenite::Error::Http(response)) => Err(response.status().as_u16()),
                Err(e) => panic!("{e}"),
            }
        })
    }

    fn live(&self, camera: &str, cookie: &str) -> Result<Socket, u16> {
        let origin = format!("http://{}", self.address());
        self.websocket(&format!("/api/v1/live/{camera}"), &[("cookie", cookie), ("origin", &origin)])
    }

    fn next(&self, socket: &mut Socket) -> Message {
        self.runtime.block_on(async {
            loop {
                match tokio::time::timeout(Duration::from_secs(20), socket.next()).await {
                    Ok(Some(Ok(Message::Ping(_) | Message::Pong(_)))) => {}
                    Ok(Some(Ok(message))) => return message,
                    other => panic!("{other:?}"),
                }
            }
        })
    }

    fn next_json(&self, socket: &mut Socket) -> Value {
        match self.next(socket) {
            Message::Text(text) => serde_json::from_str(&text).unwrap(),
            other => panic!("text expected, got {other:?}"),
        }
    }

    fn next_bytes(&self, socket: &mut Socket) -> Vec<u8> {
        match self.next(socket) {
            Message::Binary(bytes) => bytes.to_vec(),
            other => panic!("bytes expected, got {other:?}"),
        }
    }

    fn publish(&self, camera: &str, pictures: std::ops::Range<i64>) {
        let channel = self.hub.channel(&CameraId::new(camera)).unwrap();
        for n in pictures {
            channel.publish(&picture(n, MINUTE));
        }
    }
}

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

    channel.publish_format(&made_up_format());
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
    channel.publish_format(&made_up_format());
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
        std::thread::yield_now();
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
    let _ = site.runtime.block_on(socket.send(Message::Close(None)));
    assert_eq!(site.clock.wall(), START);
    assert_eq!(site.hall.cameras[0].kind, CameraKind::Ptz);
}
