//! Wall pictures from outside: made from what is decoded anyway, only while somebody looks, and never at the recording's expense.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a panic here is a failed test with a line number; figures are printed"
)]

mod media;
mod reading;
mod world;

use std::collections::HashSet;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use futures::StreamExt;
use jiancha::hall::{StampSettings, WallSettings};
use jiancha::media::{VideoFormat, VideoUnit};
use jiancha::stamp::Stamped;
use jiancha::stamp::encoders::descriptions;
use jiancha::stamp::reencode::Reencoder;
use jiancha::stamp::wall::{WallDescription, WallSetup, WallTaker};
use jiancha::time::WallTime;
use media::{Clip, decode, encode};
use reading::{Luma, read_label, read_time, shows_label};
use serde_json::Value;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use world::{TestCamera, World, wait_for};

const PATIENCE: Duration = Duration::from_secs(30);

fn label() -> [String; 2] {
    ["长春市朝阳区 重庆街道便民服务中心".to_owned(), "综合受理区 3、4号窗口".to_owned()]
}

fn settings() -> StampSettings {
    StampSettings { encoder: "x264".to_owned(), ..StampSettings::default() }
}

/// A viewer who takes what comes; 0 joins: nobody looks.
struct Viewer {
    joins: AtomicU64,
    said: Mutex<mpsc::Sender<Stamped>>,
    given_up: Mutex<Vec<bool>>,
}

impl WallTaker for Viewer {
    fn wanted(&self) -> Option<u64> {
        Some(self.joins.load(Ordering::SeqCst)).filter(|joins| *joins > 0)
    }
    fn take(&self, stamped: Stamped) {
        self.said.lock().unwrap().send(stamped).unwrap_or(());
    }
    fn given_up(&self, given_up: bool) {
        self.given_up.lock().unwrap().push(given_up);
    }
}

/// A stamper with a wall, and what both give.
struct Both {
    reencoder: Option<Reencoder>,
    viewer: Arc<Viewer>,
    wall: mpsc::Receiver<Stamped>,
    main: mpsc::Receiver<Stamped>,
}

fn x264_wall() -> WallDescription {
    WallDescription::choose(&settings(), &WallSettings::default()).expect("package gstreamer1.0-plugins-ugly is installed")
}

impl Both {
    fn start(clip: &Clip, label: &[String; 2], encoder: WallDescription) -> Self {
        let (give, main) = mpsc::channel();
        let x264 = descriptions(&settings()).unwrap().into_iter().find(|d| d.name == "x264").unwrap();
        let sink = move |stamped| give.send(stamped).unwrap_or(());
        let reencoder = Reencoder::start(&clip.format, label, &settings(), &x264, sink).unwrap();
        let (said, wall) = mpsc::channel();
        let viewer = Arc::new(Viewer { joins: AtomicU64::new(0), said: Mutex::new(said), given_up: Mutex::default() });
        reencoder.attach_wall(WallSetup {
            camera: "C9".to_owned(),
            settings: WallSettings::default(),
            stamp: settings(),
            label: label.clone(),
            encoder,
            taker: viewer.clone(),
        });
        Self { reencoder: Some(reencoder), viewer, wall, main }
    }

    fn look(&self, joins: u64) {
        self.viewer.joins.store(joins, Ordering::SeqCst);
    }

    /// Pushes a unit and waits until it has come out stamped: the wall gets its pictures at the pace of the recording.
    fn push(&self, unit: &VideoUnit) {
        self.push_all(std::slice::from_ref(unit));
    }

    /// Pushes units and waits until all have come out.
    fn push_all(&self, units: &[VideoUnit]) {
        for unit in units {
            self.reencoder.as_ref().unwrap().push(unit.clone()).unwrap();
        }
        let mut out = 0;
        while out < units.len() {
            match self.main.recv_timeout(PATIENCE).expect("recording goes on") {
                Stamped::Format(_) => {}
                Stamped::Unit(_) => out += 1,
                other => panic!("{other:?}"),
            }
        }
    }

    /// What the wall says next.
    fn next(&self) -> Stamped {
        self.wall.recv_timeout(PATIENCE).expect("the wall speaks")
    }

    fn next_unit(&self) -> VideoUnit {
        loop {
            match self.next() {
                Stamped::Format(_) => {}
                Stamped::Unit(unit) => return unit,
                other => panic!("{other:?}"),
            }
        }
    }

    fn finish(&mut self) {
        self.reencoder.take().unwrap().finish();
        assert!(self.main.iter().any(|s| matches!(s, Stamped::Finished)));
    }
}

fn clip(pattern: &str, width: u32, height: u32, frames: u32) -> Clip {
    encode(&format!("pattern={pattern}"), width, height, frames, "x264enc tune=zerolatency speed-preset=ultrafast bitrate=8000")
        .taken_from(WallTime::parse_rfc3339("2026-11-22T14:50:08.800+08:00").unwrap())
}

/// Milliseconds from the first picture of a clip at 25 a second to those the wall takes: the first due every 100 ms.
fn taken_ms(until: i64) -> Vec<i64> {
    (0..).flat_map(|n| [n * 200, n * 200 + 80]).take_while(|ms| *ms < until).collect()
}

/// Feeds the clip at the wall's pace; gives the wall's format and units.
fn whole(both: &Both, clip: &Clip) -> (VideoFormat, Vec<VideoUnit>) {
    let (mut format, mut units) = (None, Vec::new());
    // The first five wait for each other, two of them are for the wall.
    both.push_all(&clip.units[..5]);
    let start = clip.units[0].capture;
    for n in 5..=clip.units.len() {
        let due = taken_ms(n as i64 * 40).len();
        while units.len() < due {
            match both.next() {
                Stamped::Format(f) => format = Some(f),
                Stamped::Unit(unit) => units.push(unit),
                other => panic!("{other:?} after {} pictures from {start}", units.len()),
            }
        }
        if let Some(unit) = clip.units.get(n) {
            both.push(unit);
        }
    }
    (format.unwrap(), units)
}

fn assert_time(picture: &Luma, capture: WallTime) {
    let expected = capture.floor_second().beijing().naive_local();
    assert_eq!(read_time(picture), Some(expected), "wall picture taken at {capture}");
}

#[test]
fn ten_small_pictures_a_second_carry_their_own_legible_stamp() {
    let clip = clip("smpte", 1920, 1080, 60);
    let both = Both::start(&clip, &label(), x264_wall());
    both.look(1);
    let (format, units) = whole(&both, &clip);
    assert_eq!((format.width, format.height), (640, 360));
    assert!(format.codec_string.starts_with("avc1.4D"), "Main profile: {}", format.codec_string);
    let start = clip.units[0].capture;
    let times: Vec<i64> = units.iter().map(|u| u.capture.micros_since(start) / 1000).collect();
    assert_eq!(times, taken_ms(2400));
    for unit in &units {
        let original = clip.units.iter().find(|u| u.capture == unit.capture).expect("a picture that went in");
        assert_eq!((unit.pts_90k, unit.time_source), (original.pts_90k, original.time_source));
    }
    let keys: Vec<usize> = units.iter().enumerate().filter(|(_, u)| u.random_access).map(|(n, _)| n).collect();
    assert_eq!(keys, [0, 20], "a key frame every two seconds");
    let pictures = decode(&format, &units);
    assert_eq!(pictures.len(), 24);
    for n in [0, 1, 2, 11, 12, 23] {
        assert_eq!((pictures[n].width, pictures[n].height), (640, 360));
        assert_time(&pictures[n], units[n].capture);
    }
    assert!(shows_label(&pictures[12], &label()), "{:?}", read_label(&pictures[12], ""));
}

#[test]
fn the_recording_is_the_same_with_and_without_a_wall() {
    let clip = clip("ball", 1280, 720, 30);
    let recorded = |viewers| {
        let mut both = Both::start(&clip, &label(), x264_wall());
        both.look(viewers);
        for unit in &clip.units {
            both.reencoder.as_ref().unwrap().push_blocking(unit.clone()).unwrap();
        }
        both.reencoder.take().unwrap().finish();
        let units: Vec<VideoUnit> =
            both.main.iter().filter_map(|s| if let Stamped::Unit(u) = s { Some(u) } else { None }).collect();
        (units, both.wall.try_iter().filter(|s| matches!(s, Stamped::Unit(_))).count())
    };
    let (alone, none) = recorded(0);
    let (watched, some) = recorded(1);
    assert_eq!((alone.len(), none), (30, 0));
    assert!(some > 0, "the wall had pictures");
    assert!(alone == watched, "the wall changed the recording");
}

#[test]
fn a_portrait_picture_keeps_its_shape_and_a_label_too_long_is_cut_and_the_time_stays() {
    let clip = clip("smpte", 1080, 1920, 10);
    let long = [
        "长春市朝阳区重庆街道便民服务中心第一服务大厅综合窗口二层东侧区域".to_owned(),
        "综合受理区 1、2、3、4、5、6、7、8、9、10号窗口 云台".to_owned(),
    ];
    let both = Both::start(&clip, &long, x264_wall());
    both.look(1);
    let (format, units) = whole(&both, &clip);
    assert_eq!((format.width, format.height), (360, 640));
    let picture = &decode(&format, &units)[3];
    assert_time(picture, units[3].capture);
    assert!(!shows_label(picture, &long));
}

#[test]
fn nobody_looking_costs_nothing_and_who_comes_back_gets_a_key_frame_first() {
    let clip = clip("ball", 640, 360, 60);
    let mut both = Both::start(&clip, &label(), x264_wall());
    let threads = || {
        let tasks = std::fs::read_dir("/proc/self/task").unwrap().flatten();
        tasks.filter(|t| std::fs::read_to_string(t.path().join("comm")).is_ok_and(|name| name.trim() == "wall-C9")).count()
    };
    both.push_all(&clip.units[..15]);
    assert!(both.wall.try_recv().is_err());
    let alone = threads();

    both.look(1);
    both.push_all(&clip.units[15..20]);
    assert!(both.next_unit().random_access);
    assert!(threads() > alone);
    both.look(0);
    both.push_all(&clip.units[20..25]);
    while !matches!(both.next(), Stamped::Finished) {}
    both.push_all(&clip.units[25..40]);
    assert!(both.wall.try_recv().is_err(), "nothing is made");

    both.look(2);
    both.push_all(&clip.units[40..45]);
    assert!(matches!(both.next(), Stamped::Format(_)));
    assert!(both.next_unit().random_access);
    both.finish();
}

#[test]
fn wall_pictures_given_up_end_at_once_and_come_again_when_allowed() {
    let clip = clip("ball", 640, 360, 60);
    let both = Both::start(&clip, &label(), x264_wall());
    both.look(1);
    both.push_all(&clip.units[..5]);
    both.next_unit();
    let reencoder = both.reencoder.as_ref().unwrap();
    reencoder.set_wall_pictures(false);
    reencoder.set_wall_pictures(false);
    while !matches!(both.next(), Stamped::Finished) {}
    both.push_all(&clip.units[5..30]);
    assert!(both.wall.try_recv().is_err());
    reencoder.set_wall_pictures(true);
    both.push_all(&clip.units[30..35]);
    assert!(both.next_unit().capture >= clip.units[30].capture);
    assert_eq!(*both.viewer.given_up.lock().unwrap(), [false, true, false]);
}

#[test]
fn a_wall_encoder_that_dies_is_told_and_started_for_the_next_viewer_and_the_recording_goes_on() {
    let clip = clip("ball", 640, 360, 60);
    let x264 = x264_wall();
    let dying = WallDescription {
        name: "dying".to_owned(),
        text: x264.text.replace("! capsfilter", "! identity error-after=2 ! capsfilter"),
    };
    let mut both = Both::start(&clip, &label(), dying);
    both.look(1);
    both.push_all(&clip.units[..30]);
    let failed = (0..9).map(|_| both.next()).find_map(|s| if let Stamped::Failed(why) = s { Some(why) } else { None });
    assert!(failed.expect("it is told").contains("identity"));
    both.push_all(&clip.units[30..40]);
    assert!(both.wall.try_recv().is_err(), "it is not started over and over for the same viewer");

    both.look(0);
    both.push(&clip.units[40]);
    both.look(2);
    both.push_all(&clip.units[41..46]);
    assert!(matches!(both.next(), Stamped::Format(_)));
    both.finish();
}

#[test]
fn a_slow_or_hanging_wall_loses_pictures_of_the_wall_only_and_holds_up_no_ending() {
    let clip = clip("ball", 640, 360, 50);
    for micros in [200_000, 600_000_000] {
        let slow = WallDescription {
            name: "slow".to_owned(),
            text: x264_wall().text.replace("! capsfilter", &format!("! identity sleep-time={micros} ! capsfilter")),
        };
        let mut both = Both::start(&clip, &label(), slow);
        both.look(1);
        both.push_all(&clip.units);
        both.finish();
        let came = both.wall.try_iter().filter(|s| matches!(s, Stamped::Unit(_))).count();
        assert!(came < 15, "{came} of 20 came through a pipeline that takes {micros} µs for each");
    }
}

// --- a recorder, simulated cameras, and a page ---------------------------------------------------------------------------

struct Fragment {
    capture: WallTime,
    random_access: bool,
    bytes: Vec<u8>,
    came: Instant,
}

/// What a view brought.
#[derive(Default)]
struct View {
    pictures: Vec<Value>,
    init: Vec<u8>,
    fragments: Vec<Fragment>,
}

impl View {
    fn file(&self) -> Vec<u8> {
        [self.init.clone(), self.fragments.iter().flat_map(|f| f.bytes.clone()).collect()].concat()
    }

    fn seconds(&self) -> f64 {
        let (first, last) = (self.fragments.first().unwrap(), self.fragments.last().unwrap());
        last.capture.micros_since(first.capture) as f64 / 1e6
    }
}

/// Watches a live view for as long.
async fn watch(address: String, cookie: String, origin: String, length: Duration) -> View {
    let mut request = address.into_client_request().unwrap();
    request.headers_mut().insert("cookie", cookie.parse().unwrap());
    request.headers_mut().insert("origin", origin.parse().unwrap());
    let host = request.uri().authority().unwrap().to_string();
    let stream = tokio::net::TcpStream::connect(host).await.unwrap();
    let (mut socket, _) = tokio_tungstenite::client_async(request, stream).await.unwrap();
    let mut view = View::default();
    let mut said = Value::Null;
    let ends = tokio::time::Instant::now() + length;
    while let Ok(Some(message)) = tokio::time::timeout_at(ends, socket.next()).await {
        match message.unwrap() {
            Message::Text(text) => {
                said = serde_json::from_str(&text).unwrap();
                if said["type"] == "picture" {
                    view.pictures.push(said.clone());
                }
            }
            Message::Binary(bytes) if said["type"] == "format" => {
                view.init = bytes.to_vec();
                view.fragments.clear();
            }
            Message::Binary(bytes) => view.fragments.push(Fragment {
                capture: world::time(&said["capture"]),
                random_access: said["random_access"] == true,
                bytes: bytes.to_vec(),
                came: Instant::now(),
            }),
            _ => {}
        }
    }
    view
}

/// `ffprobe`'s answer on a film, as JSON.
fn probed(file: &std::path::Path) -> Value {
    let output = Command::new("ffprobe")
        .args([
            "-v",
            "error",
            "-count_frames",
            "-show_entries",
            "stream=codec_name,profile,width,height,has_b_frames,nb_read_frames",
            "-of",
            "json",
        ])
        .arg(file)
        .output()
        .unwrap();
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice::<Value>(&output.stdout).unwrap()["streams"][0].clone()
}

#[test]
fn tiles_get_small_pictures_while_somebody_looks_and_a_camera_that_passes_through_gives_its_second_stream() {
    let mut world = World::new(&[
        TestCamera { id: "C1", source: "hall-1", stamp: "reencode" },
        TestCamera { id: "C2", source: "hall-3", stamp: "none" },
        TestCamera { id: "C3", source: "hall-2", stamp: "none" },
    ]);
    let toml = std::fs::read_to_string(world.hall_toml()).unwrap();
    let main = format!("url = \"rtsp://127.0.0.1:{}/hall-3\"\n", world.rtsp_port);
    let second = format!("{main}wall_url = \"rtsp://127.0.0.1:{}/hall-3/sub\"\n", world.rtsp_port);
    assert!(toml.contains(&main));
    std::fs::write(world.hall_toml(), toml.replace(&main, &second)).unwrap();
    world.start_recorder();
    world.wait_until_recording(PATIENCE);
    let wall_threads = |world: &mut World| {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", world.recorder().pid())).unwrap().flatten();
        tasks.filter(|t| std::fs::read_to_string(t.path().join("comm")).is_ok_and(|n| n.starts_with("wall-"))).count()
    };
    assert_eq!(wall_threads(&mut world), 0, "nobody looks");
    for camera in ["C1", "C2", "C3"] {
        assert_eq!(world.camera_state(camera)["wall_picture"], false);
    }

    let (cookie, origin) = (world.session(), world.origin());
    let address = |camera: &str, query: &str| format!("ws{}/api/v1/live/{camera}{query}", &origin["http".len()..]);
    let open = |camera: &str, query: &str, seconds| {
        watch(address(camera, query), cookie.clone(), origin.clone(), Duration::from_secs(seconds))
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let full = runtime.spawn(open("C1", "", 9));
    let others = [runtime.spawn(open("C2", "?picture=wall", 6)), runtime.spawn(open("C3", "?picture=wall", 3))];
    let began = Instant::now();
    let tile = runtime.spawn(open("C1", "?picture=wall", 8));
    wait_for("both wall pictures in the state", PATIENCE, || {
        ["C1", "C2"].iter().all(|c| world.camera_state(c)["wall_picture"] == true).then_some(())
    });
    assert!(wall_threads(&mut world) >= 1);
    let (tile, full) = runtime.block_on(async { (tile.await.unwrap(), full.await.unwrap()) });
    let [second, none] = others.map(|view| runtime.block_on(view).unwrap());

    // Stamped here: small, about ten a second, about 250 kbit/s, each picture with the time of the recorded one.
    assert_eq!(tile.pictures, [serde_json::json!({"type": "picture", "picture": "wall"})]);
    let first = tile.fragments.first().expect("pictures came");
    println!("first wall picture {} ms after the view was opened", (first.came - began).as_millis());
    assert!(first.random_access);
    let recorded: HashSet<WallTime> = full.fragments.iter().map(|f| f.capture).collect();
    let shared = tile.fragments.iter().filter(|f| recorded.contains(&f.capture)).count();
    assert!(shared + 3 >= tile.fragments.len(), "{shared} of {} are of recorded pictures", tile.fragments.len());
    let rate = (tile.fragments.len() - 1) as f64 / tile.seconds();
    let kbps = tile.fragments.iter().map(|f| f.bytes.len()).sum::<usize>() as f64 * 8.0 / 1000.0 / tile.seconds();
    println!("{rate:.1} pictures a second, {kbps:.0} kbit/s with boxes");
    assert!(rate > 5.0 && rate < 11.0, "{rate}");
    assert!(kbps > 250.0 / 4.0 && kbps < 250.0 * 1.6, "{kbps}");
    let keys: Vec<WallTime> = tile.fragments.iter().filter(|f| f.random_access).map(|f| f.capture).collect();
    assert!(keys.windows(2).all(|k| k[1].micros_since(k[0]) <= 2_200_000), "{keys:?}");
    let film = world.dir.path().join("tile.mp4");
    std::fs::write(&film, tile.file()).unwrap();
    let told = probed(&film);
    assert_eq!((&told["width"], &told["height"], &told["has_b_frames"]), (&640.into(), &360.into(), &0.into()), "{told}");
    assert_eq!(told["nb_read_frames"], tile.fragments.len().to_string());
    assert_time(&Luma::from_file(&film), first.capture);

    // Passing through: the camera's own second stream, and the recording is not asked twice.
    assert_eq!(second.pictures, [serde_json::json!({"type": "picture", "picture": "wall"})]);
    let film = world.dir.path().join("second.mp4");
    std::fs::write(&film, second.file()).unwrap();
    let told = probed(&film);
    assert_eq!((&told["width"], &told["height"]), (&640.into(), &360.into()), "{told}");
    assert!(second.fragments.len() > 30, "{} pictures of 12.5 a second", second.fragments.len());
    assert_eq!(world.camera_state("C2")["connections"], 1);
    assert_eq!(world.camera_state("C2")["state"], "recording");

    // Without either: the full picture, and a word why.
    assert_eq!((&none.pictures[0]["picture"], &none.pictures[0]["why"]), (&"full".into(), &"none".into()));
    assert!(!none.pictures[0]["zh"].as_str().unwrap().is_ascii());
    let film = world.dir.path().join("none.mp4");
    std::fs::write(&film, none.file()).unwrap();
    assert_eq!(probed(&film)["height"], 1080);

    // Everybody has left.
    wait_for("the wall pictures to end", PATIENCE, || {
        let idle = ["C1", "C2"].iter().all(|c| world.camera_state(c)["wall_picture"] == false);
        (idle && wall_threads(&mut world) == 0).then_some(())
    });
    assert_eq!(world.recorder().stop(), 0);
}
