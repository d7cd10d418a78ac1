//! A hall with its viewer running: what every test of it begins with.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use jiancha::catalogue::{Catalogue, Store};
use jiancha::evidence::Signer;
use jiancha::hall::{self, CameraId, Hall, StampMode};
use jiancha::live::LiveHub;
use jiancha::media::{AccessUnit, StreamFormat, TimeSource, VideoCodec, VideoFormat, VideoUnit, boxes};
use jiancha::observe::state::{CameraState, ClockState, HallState, RecordingState, StorageState};
use jiancha::segment::disk::Disk;
use jiancha::segment::root::claim;
use jiancha::segment::writer::{CutSettings, SegmentWriter, Subject};
use jiancha::time::{SteppedClock, WallTime};
use jiancha::viewer::audit::{Act, Audit};
use jiancha::viewer::people::People;
use jiancha::viewer::{Shown, serve};
use serde_json::{Value, json};
use tokio::sync::{oneshot, watch};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use ureq::http;

/// 2026-11-22T14:50:00+08:00: recordings begin here.
pub const MINUTE: i64 = 1_795_330_200_000_000;
/// Ten minutes later the viewer starts.
pub const START: WallTime = WallTime::from_micros(MINUTE + 600_000_000);

pub const HALL: &str = r#"
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

pub struct Running {
    pub address: SocketAddr,
    pub stop: Option<oneshot::Sender<()>>,
    pub done: tokio::task::JoinHandle<Result<(), jiancha::viewer::ViewerError>>,
}

pub struct Site {
    pub dir: tempfile::TempDir,
    pub runtime: tokio::runtime::Runtime,
    pub clock: Arc<SteppedClock>,
    pub hall: Arc<Hall>,
    pub catalogue: Catalogue,
    pub hub: LiveHub,
    pub state: watch::Sender<Arc<HallState>>,
    pub password: String,
    pub running: Option<Running>,
}

pub struct Reply {
    pub status: u16,
    pub headers: http::HeaderMap,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&self.body)))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().unwrap())
    }

    /// Status and code of a refusal; checks the form of its body.
    pub fn refused(&self) -> (u16, String) {
        let error = &self.json()["error"];
        assert!(!error["zh"].as_str().unwrap().is_ascii(), "{error}");
        assert!(!error["en"].as_str().unwrap().is_empty(), "{error}");
        assert_eq!(error["request_id"], self.header("x-request-id"));
        (self.status, error["code"].as_str().unwrap().to_owned())
    }

    pub fn cookie(&self) -> String {
        self.header("set-cookie").split(';').next().unwrap().to_owned()
    }
}

pub fn refusal(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

pub fn state_of(hall: &Hall, at: WallTime, recording: usize) -> HallState {
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
                wall_picture: false,
                video: None,
                audio: None,
                time_source: Some(TimeSource::SenderReport),
                clock_skew_ms: Some(3),
                clock: None,
                connections: 1,
            })
            .collect(),
        storage: vec![StorageState {
            path: "/rec".into(),
            free_bytes: 1,
            total_bytes: 2,
            writable: true,
            fault: None,
            detail: None,
            reserve_bytes: 0,
            cameras: Vec::new(),
            bytes_per_second: 0,
            syncs: 0,
            full_on: None,
        }],
        clock: ClockState { synchronised: true, max_error_ms: 4, limit_ms: 1000, source: "kernel".into(), leap: None },
        alarms: Vec::new(),
    }
}

impl Site {
    pub fn new() -> Self {
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

    pub fn start(&mut self) {
        let shown = Shown {
            hall: Arc::clone(&self.hall),
            catalogue: self.catalogue.clone(),
            live: self.hub.clone(),
            state: self.state.subscribe(),
            clock: self.clock.clone(),
            recorder_key: Some(Signer::from_secret([7; 32]).public().clone()),
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
    pub fn stop(&mut self) -> Duration {
        let mut running = self.running.take().unwrap();
        let asked = std::time::Instant::now();
        running.stop.take().unwrap().send(()).unwrap();
        self.runtime.block_on(running.done).unwrap().unwrap();
        asked.elapsed()
    }

    pub fn address(&self) -> SocketAddr {
        self.running.as_ref().unwrap().address
    }

    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: impl ureq::AsSendBody) -> Reply {
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

    pub fn get(&self, path: &str, headers: &[(&str, &str)]) -> Reply {
        self.send("GET", path, headers, ())
    }

    pub fn post(&self, path: &str, cookie: &str, body: &Value) -> Reply {
        let headers = [("x-jiancha", "1"), ("content-type", "application/json"), ("cookie", cookie)];
        self.send("POST", path, &headers, body.to_string())
    }

    pub fn sign_in(&self, name: &str, password: &str) -> Reply {
        self.post("/api/v1/session", "a=b", &json!({"username": name, "password": password}))
    }

    /// The administrator's cookie.
    pub fn admin(&self) -> String {
        let reply = self.sign_in("admin", &self.password);
        assert_eq!(reply.status, 200);
        reply.cookie()
    }

    /// A playback address for camera or window.
    pub fn playback(&self, cookie: &str, subject: (&str, &str), from_s: i64, to_s: Option<i64>) -> Reply {
        let body = json!({subject.0: subject.1, "from": at(from_s), "to": to_s.map(at)});
        self.post("/api/v1/playback", cookie, &body)
    }

    pub fn disk(&self) -> Disk {
        let root = self.hall.storage[0].path.clone();
        let id = claim(&root, WallTime::from_micros(MINUTE)).unwrap().root;
        Disk::start(root, id, Duration::from_secs(60), self.catalogue.clone(), Arc::new(|_| {})).unwrap()
    }

    /// Records `seconds` of made-up pictures of `camera` from `from_s` after [`MINUTE`]; unsealed when `open`.
    pub fn record(&self, camera: &str, from_s: i64, seconds: i64, open: bool) {
        let units = (0..seconds * 25).map(|n| picture(n, MINUTE + from_s * 1_000_000)).collect();
        self.record_units(camera, &made_up_format(), units, open);
    }

    pub fn record_units(&self, camera: &str, format: &StreamFormat, units: Vec<AccessUnit>, open: bool) {
        let disk = self.disk();
        let cut = CutSettings { segment_seconds: 60, part_90k: 90_000 };
        let subject = Subject { camera: camera.into(), ..Subject::default() };
        let run = format!("{camera}-{}", units[0].capture().as_micros());
        let mut writer = SegmentWriter::new(cut, subject, format.clone(), true, run.clone());
        let mut commands = Vec::new();
        for unit in units {
            writer.push(unit, &mut commands);
        }
        if !open {
            writer.finish(&mut commands);
        }
        for command in commands {
            disk.write(&CameraId::new(camera), &run, command).unwrap();
        }
        disk.sync();
    }

    pub fn audit(&self) -> Audit {
        Audit::open(self.catalogue.store()).unwrap()
    }

    pub fn acts(&self) -> Vec<Act> {
        self.audit().rows().unwrap().iter().map(|r| r.note.act).collect()
    }

    /// What the server says to these bytes, which no client library would send.
    pub fn raw(&self, bytes: &str) -> String {
        let mut stream = TcpStream::connect(self.address()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.write_all(bytes.as_bytes()).unwrap();
        let mut said = Vec::new();
        let _ = stream.read_to_end(&mut said);
        String::from_utf8_lossy(&said).into_owned()
    }
}

pub fn at(seconds: i64) -> String {
    WallTime::from_micros(MINUTE + seconds * 1_000_000).to_rfc3339()
}

pub fn made_up_format() -> StreamFormat {
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
pub fn picture(n: i64, start: i64) -> AccessUnit {
    AccessUnit::Video(VideoUnit {
        pts_90k: n * 3600,
        capture: WallTime::from_micros(start + n * 40_000),
        time_source: TimeSource::SenderReport,
        other_capture: None,
        random_access: n % 50 == 0,
        data: vec![n.to_le_bytes()[0]; 60].into(),
    })
}

pub type Socket = tokio_tungstenite::WebSocketStream<tokio::net::TcpStream>;

impl Site {
    /// Opens a WebSocket with these headers; the status when it is refused.
    pub fn websocket(&self, path: &str, headers: &[(&'static str, &str)]) -> Result<Socket, u16> {
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

    pub fn live(&self, camera: &str, cookie: &str) -> Result<Socket, u16> {
        let origin = format!("http://{}", self.address());
        self.websocket(&format!("/api/v1/live/{camera}"), &[("cookie", cookie), ("origin", &origin)])
    }

    pub fn next(&self, socket: &mut Socket) -> Message {
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

    pub fn next_json(&self, socket: &mut Socket) -> Value {
        match self.next(socket) {
            Message::Text(text) => serde_json::from_str(&text).unwrap(),
            other => panic!("text expected, got {other:?}"),
        }
    }

    pub fn next_bytes(&self, socket: &mut Socket) -> Vec<u8> {
        match self.next(socket) {
            Message::Binary(bytes) => bytes.to_vec(),
            other => panic!("bytes expected, got {other:?}"),
        }
    }

    pub fn publish(&self, camera: &str, pictures: std::ops::Range<i64>) {
        let channel = self.hub.channel(&CameraId::new(camera)).unwrap();
        for n in pictures {
            channel.publish(&picture(n, MINUTE));
        }
    }
}
