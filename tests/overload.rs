//! Encoders that are too slow or die at work, in a real recorder on a simulated camera: not one picture is lost, what is unstamped is
//! told, the alarm comes and goes, and the stamp returns by itself.
//!
//! A site's own pipeline description makes it happen: one sends every picture into a pipe that the test empties at its own pace,
//! the other writes into a folder that the test takes away.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a panic here is a failed test with a line number; figures are printed"
)]

mod world;

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiancha::segment::reader;
use jiancha::simulate::marker::read_frame_number;
use jiancha::time::WallTime;
use serde_json::Value;
use world::{TestCamera, World, time, wait_for};

const CAMERA: [TestCamera; 1] = [TestCamera { id: "C1", source: "h264-720p", stamp: "reencode" }];
const SIZE: (usize, usize) = (1280, 720);
/// Pictures in one loop of the test media.
const LOOP: i64 = 400;
const PICTURE_MICROS: i64 = 40_000;

const HEAD: &str = "appsrc name=in ! {decode} ! videoconvert ! video/x-raw,format=(string)I420 ! identity name=stamp";
const X264: &str = "x264enc name=encoder speed-preset=ultrafast tune=zerolatency threads=1 bframes=0 bitrate={bitrate_kbps} key-int-max={gop} \
                    ! video/x-h264,stream-format=(string)avc,alignment=(string)au";
/// Bytes of one picture in the pipe.
const BRAKE: usize = 160 * 90 * 3 / 2;

/// An encoder whose every picture goes through the pipe `brake` as well.
fn braked(brake: &Path) -> String {
    format!(
        "{HEAD} ! tee name=brake ! {X264} ! appsink name=out\n\
         brake. ! videoscale method=nearest-neighbour ! video/x-raw,format=(string)I420,width=160,height=90\n\
         ! filesink location={} buffer-mode=unbuffered sync=false async=false\n",
        brake.display()
    )
}

/// An encoder that dies when the folder `life` is taken away.
fn frail(life: &Path) -> String {
    format!(
        "{HEAD} ! {X264} ! tee name=life ! appsink name=out\n\
         life. ! multifilesink location={}/picture sync=false async=false\n",
        life.display()
    )
}

/// A world whose recorder stamps with descriptions of its own: name and text. The first is the one that is named.
fn world(descriptions: impl FnOnce(&Path) -> Vec<(&'static str, String)>) -> World {
    World::with_storage(&CAMERA, |dir| {
        let (storage, pipelines) = (dir.join("storage"), dir.join("pipelines"));
        std::fs::create_dir(&storage).unwrap();
        std::fs::create_dir(&pipelines).unwrap();
        let all = descriptions(dir);
        for (name, text) in &all {
            std::fs::write(pipelines.join(format!("stamp-{name}.launch")), text).unwrap();
        }
        format!(
            "[[storage]]\npath = \"{}\"\n\n[stamp]\nencoder = \"{}\"\npipelines = \"{}\"\nrest_seconds = 2\n",
            storage.display(),
            all[0].0,
            pipelines.display()
        )
    })
}

/// Codes and subjects of the standing alarms that speak of the stamp.
fn alarms(world: &mut World) -> Vec<(String, String)> {
    let state = world.get("/api/v1/state");
    let alarms = state["alarms"].as_array().unwrap().iter();
    let word = |alarm: &Value, key: &str| alarm[key].as_str().unwrap().to_owned();
    alarms.map(|a| (word(a, "code"), word(a, "subject"))).filter(|(code, _)| code.starts_with("stamp")).collect()
}

fn stands(world: &mut World, code: &str, subject: &str) -> bool {
    alarms(world).iter().any(|(c, s)| c == code && s == subject)
}

/// Waits until the camera is stamped by `encoder`, `None` being no encoder.
fn wait_stamped_by(world: &mut World, encoder: Option<&str>) {
    wait_for(&format!("the stamp by {encoder:?}"), Duration::from_secs(40), || {
        let state = world.camera_state("C1");
        (state["stamping"]["encoder"].as_str() == encoder && state["stamped"] == encoder.is_some()).then_some(())
    });
}

/// The newest part on disk reaches `seconds` beyond now.
fn record_for(world: &mut World, seconds: i64) {
    let until = WallTime::from(std::time::SystemTime::now()).plus_micros(seconds * 1_000_000);
    wait_for("more of the recording", Duration::from_secs(40), || {
        let state = world.camera_state("C1");
        state["newest_part"].as_str().filter(|t| t.parse::<WallTime>().unwrap() > until).map(drop)
    });
}

/// One picture of the recording: where it stands, and whether its file says that it is stamped.
#[derive(Debug)]
struct Picture {
    number: i64,
    stamped: bool,
    file: PathBuf,
}

/// Every picture of the recording by its place in the camera's stream, told by the number drawn in it and its capture time.
fn pictures(world: &World) -> BTreeMap<i64, Vec<Picture>> {
    let mut all: BTreeMap<i64, Vec<Picture>> = BTreeMap::new();
    for file in world.files("C1") {
        let index = reader::index(&file).unwrap();
        assert!(index.seal.is_some(), "{} is sealed", file.display());
        let mut captures = Vec::new();
        for part in &index.parts {
            captures.extend((0..i64::from(part.pictures)).map(|n| part.from.plus_micros(n * PICTURE_MICROS)));
        }
        let numbers = numbers(&file);
        assert_eq!(numbers.len(), captures.len(), "{}", file.display());
        for (number, capture) in numbers.into_iter().zip(captures) {
            // The simulator's loop begins at a whole multiple of its length: 16 s.
            let near = capture.as_micros().div_euclid(PICTURE_MICROS);
            let place = near + (number - near.rem_euclid(LOOP) + LOOP / 2).rem_euclid(LOOP) - LOOP / 2;
            assert!((place - near).abs() <= 12, "{}: picture {number} is told as taken at {capture}", file.display());
            all.entry(place).or_default().push(Picture { number, stamped: index.identity.stamped, file: file.clone() });
        }
    }
    all
}

/// The numbers drawn in a file's pictures, decoded by ffmpeg; any complaint of ffmpeg's fails the test.
fn numbers(file: &Path) -> Vec<i64> {
    let mut ffmpeg = Command::new("ffmpeg")
        .args(["-v", "error", "-xerror", "-err_detect", "explode", "-i"])
        .arg(file)
        .args(["-map", "0:v", "-f", "rawvideo", "-pix_fmt", "gray", "-vsync", "passthrough", "-"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut decoded = ffmpeg.stdout.take().unwrap();
    let mut picture = vec![0; SIZE.0 * SIZE.1];
    let mut numbers = Vec::new();
    while decoded.read_exact(&mut picture).is_ok() {
        let number = read_frame_number(&picture, SIZE.0, SIZE.1, SIZE.0);
        numbers.push(i64::from(number.unwrap_or_else(|| panic!("{} picture {}: no number", file.display(), numbers.len()))));
    }
    let mut said = String::new();
    ffmpeg.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(ffmpeg.wait().unwrap().success() && said.is_empty(), "{}: {said}", file.display());
    numbers
}

/// Fails when a picture between the first and the last is missing; gives how many there are.
fn assert_none_missing(all: &BTreeMap<i64, Vec<Picture>>) -> usize {
    let (first, last) = (*all.keys().next().unwrap(), *all.keys().last().unwrap());
    let missing: Vec<i64> = (first..=last).filter(|place| !all.contains_key(place)).map(|place| place - first).collect();
    assert!(missing.is_empty(), "missing of {}: {missing:?}", last - first + 1);
    all.len()
}

fn assert_none_doubled(all: &BTreeMap<i64, Vec<Picture>>) {
    let doubled: Vec<&Vec<Picture>> = all.values().filter(|pictures| pictures.len() != 1).collect();
    assert!(doubled.is_empty(), "{} doubled, the first: {:?}", doubled.len(), doubled[0]);
}

fn unstamped_seconds(timeline: &Value) -> f64 {
    let spans = timeline["spans"].as_array().unwrap().iter().filter(|s| s["stamped"] == false);
    spans.map(|s| time(&s["to"]).micros_since(time(&s["from"])) as f64 / 1e6).sum()
}

#[test]
fn an_encoder_that_is_too_slow_costs_the_stamp_for_a_while_and_not_one_picture() {
    let mut brake = PathBuf::new();
    let mut world = world(|dir| {
        brake = dir.join("brake");
        assert!(Command::new("mkfifo").arg(&brake).status().unwrap().success());
        vec![("slow", braked(&brake))]
    });
    let slow = Arc::new(AtomicBool::new(false));
    let pace = slow.clone();
    // Held open both ways: the pipe outlives every stamper.
    let mut pipe = OpenOptions::new().read(true).write(true).open(&brake).unwrap();
    std::thread::spawn(move || {
        let mut picture = [0; BRAKE];
        while pipe.read_exact(&mut picture).is_ok() {
            if pace.load(Ordering::Relaxed) {
                // Six pictures a second where twenty-five come.
                std::thread::sleep(Duration::from_millis(160));
            }
        }
    });
    world.start_recorder();
    world.wait_until_recording(Duration::from_secs(40));
    wait_stamped_by(&mut world, Some("slow"));
    record_for(&mut world, 2);
    assert_eq!(alarms(&mut world), []);

    slow.store(true, Ordering::Relaxed);
    wait_for("the alarm", Duration::from_secs(40), || stands(&mut world, "stamp-overload", "C1").then_some(()));
    let state = world.camera_state("C1");
    assert_eq!((&state["state"], &state["cause"], &state["stamped"]), (&"degraded".into(), &"overload".into(), &false.into()));
    assert_eq!(state["stamping"]["given_up"], serde_json::json!(["wall", "stamp"]));
    slow.store(false, Ordering::Relaxed);
    wait_stamped_by(&mut world, Some("slow"));
    wait_for("the alarm to settle", Duration::from_secs(40), || alarms(&mut world).is_empty().then_some(()));
    record_for(&mut world, 2);
    let timeline = world.timeline("01");
    assert_eq!(world.recorder().stop(), 0);

    assert_eq!(timeline["gaps"], serde_json::json!([]));
    let unstamped = unstamped_seconds(&timeline);
    assert!(unstamped >= 1.0, "{timeline:#}");
    let all = pictures(&world);
    let n = assert_none_missing(&all);
    assert_none_doubled(&all);
    let plain = all.values().filter(|p| !p[0].stamped).count();
    assert!((plain as f64 / 25.0 - unstamped).abs() < 1.0, "{plain} pictures without the stamp, {unstamped} s in the timeline");
    println!("{n} pictures in a row, {plain} of them ({unstamped:.1} s) without the stamp");
}

#[test]
fn encoders_that_die_hand_over_to_the_next_and_the_last_to_pass_through_without_losing_a_picture() {
    let (mut first, mut others) = (PathBuf::new(), PathBuf::new());
    let mut world = world(|dir| {
        (first, others) = (dir.join("first"), dir.join("others"));
        std::fs::create_dir(&first).unwrap();
        std::fs::create_dir(&others).unwrap();
        vec![("frail", frail(&first)), ("x264", frail(&others)), ("openh264", frail(&others))]
    });
    world.start_recorder();
    world.wait_until_recording(Duration::from_secs(40));
    wait_stamped_by(&mut world, Some("frail"));
    record_for(&mut world, 2);
    assert_eq!(alarms(&mut world), []);

    // The named encoder dies: the next of the ladder stamps in its place at once.
    std::fs::remove_dir_all(&first).unwrap();
    wait_stamped_by(&mut world, Some("x264"));
    wait_for("the alarm", Duration::from_secs(10), || stands(&mut world, "stamp-encoder-died", "C1/frail").then_some(()));
    let state = world.get("/api/v1/state");
    let alarm = state["alarms"].as_array().unwrap().iter().find(|a| a["code"] == "stamp-encoder-died").unwrap();
    assert!(alarm["text"]["en"].as_str().unwrap().contains("x264 stamps in its place"), "{alarm:#}");
    // It is tried again after its rest, dies again and rests longer; healed, it is taken back.
    std::fs::create_dir(&first).unwrap();
    wait_stamped_by(&mut world, Some("frail"));
    wait_for("the alarm to settle", Duration::from_secs(40), || alarms(&mut world).is_empty().then_some(()));
    let timeline = world.timeline("01");
    assert_eq!((unstamped_seconds(&timeline), &timeline["gaps"]), (0.0, &serde_json::json!([])), "{timeline:#}");

    // All of them die: recording goes on without the stamp.
    std::fs::remove_dir_all(&others).unwrap();
    std::fs::remove_dir_all(&first).unwrap();
    wait_for("the alarm", Duration::from_secs(20), || stands(&mut world, "stamp-missing", "C1").then_some(()));
    std::fs::create_dir(&others).unwrap();
    std::fs::create_dir(&first).unwrap();
    wait_stamped_by(&mut world, Some("frail"));
    record_for(&mut world, 2);
    assert!(!stands(&mut world, "stamp-missing", "C1"));
    let timeline = world.timeline("01");
    assert_eq!(world.recorder().stop(), 0);

    assert_eq!(timeline["gaps"], serde_json::json!([]));
    assert!(unstamped_seconds(&timeline) >= 0.5, "{timeline:#}");
    let all = pictures(&world);
    let n = assert_none_missing(&all);
    // Where no encoder was left, the pictures since the camera's last random access point are there with the stamp and without.
    let twice = |pictures: &&Vec<Picture>| pictures.len() == 2 && pictures[0].stamped != pictures[1].stamped;
    let doubled: Vec<&Vec<Picture>> = all.values().filter(|p| p.len() != 1).collect();
    assert!(doubled.iter().all(twice) && doubled.len() <= 100, "{doubled:?}");
    let plain = all.values().filter(|p| p.iter().all(|p| !p.stamped)).count();
    println!(
        "{n} pictures in a row, {plain} without the stamp, {} both ways; last number {}",
        doubled.len(),
        all.values().last().unwrap()[0].number
    );
    let both = all.values().flatten().filter(|p| p.stamped).map(|p| &p.file).collect::<std::collections::BTreeSet<_>>();
    assert!(both.len() >= 4, "frail, x264, frail, frail again: {both:?}");
}
