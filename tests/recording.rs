//! Two minutes of three cameras, simulator and recorder as separate processes: no picture missing or doubled, sound and picture
//! together, the camera's own A-law bytes, files that decode without an error, and the right time and label in the picture.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a panic here is a failed test with a line number; figures are printed"
)]

mod reading;
mod world;

use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use jiancha::media::g711::Law;
use jiancha::segment::reader::{self, SegmentIndex};
use jiancha::simulate::alaw_loop;
use jiancha::simulate::marker::read_frame_number;
use jiancha::simulate::schedule::{Rate, capture_near};
use jiancha::time::WallTime;
use reading::Luma;
use world::{TestCamera, World, media_dir};

const CAMERAS: [TestCamera; 3] = [
    TestCamera { id: "C1", source: "h264-alaw", stamp: "reencode" },
    TestCamera { id: "C2", source: "h264-aac", stamp: "reencode" },
    TestCamera { id: "C3", source: "h265-aac", stamp: "reencode" },
];
const SECONDS: u64 = 120;
/// Pictures in one loop of the test media, at 25 a second.
const LOOP: u32 = 400;
const RATE: Rate = Rate::Fps25;
/// The stamp is read in one picture out of so many: a number that falls on every place within a second.
const SAMPLE: usize = 101;
/// Sound and picture may be this far apart.
const LIPS_SECONDS: f64 = 0.080;

/// Every picture of a file in grey, decoded by ffmpeg; any complaint of ffmpeg's fails the test.
fn for_each_picture(file: &Path, (width, height): (usize, usize), mut seen: impl FnMut(usize, &[u8])) -> usize {
    let mut ffmpeg = Command::new("ffmpeg")
        .args(["-v", "error", "-xerror", "-err_detect", "explode", "-i"])
        .arg(file)
        .args(["-map", "0:v", "-f", "rawvideo", "-pix_fmt", "gray", "-vsync", "passthrough", "-"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut pictures = ffmpeg.stdout.take().unwrap();
    let mut picture = vec![0; width * height];
    let mut n = 0;
    while pictures.read_exact(&mut picture).is_ok() {
        seen(n, &picture);
        n += 1;
    }
    let mut said = String::new();
    ffmpeg.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(ffmpeg.wait().unwrap().success() && said.is_empty(), "{}: {said}", file.display());
    n
}

/// Presentation times in seconds of a track's packets, as ffprobe reads them.
fn times(file: &Path, track: &str) -> Vec<f64> {
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-select_streams", track, "-show_entries", "packet=pts_time", "-of", "csv=p=0"])
        .arg(file)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| line.trim_end_matches(',').parse().unwrap()).collect()
}

/// The sound of a file as samples.
fn sound(file: &Path) -> Vec<i16> {
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-xerror", "-i"])
        .arg(file)
        .args(["-map", "0:a", "-f", "s16le", "-"])
        .output()
        .unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout.chunks_exact(2).map(|b| i16::from_le_bytes([b[0], b[1]])).collect()
}

/// Where beeps begin, in samples: loud after a fifth of a second of quiet.
fn beeps(samples: &[i16], rate: usize) -> Vec<usize> {
    let mut onsets = Vec::new();
    let mut quiet = rate / 5;
    for (n, sample) in samples.iter().enumerate() {
        if sample.unsigned_abs() > 2000 {
            if quiet >= rate / 5 {
                onsets.push(n);
            }
            quiet = 0;
        } else {
            quiet += 1;
        }
    }
    onsets
}

/// Capture time of picture `n` of a file by the file's own word.
fn told_capture(index: &SegmentIndex, n: usize) -> WallTime {
    let mut before = 0;
    for part in &index.parts {
        let pictures = part.pictures as usize;
        if n < before + pictures {
            let within = i64::try_from(n - before).unwrap();
            return part.from.plus_micros(within * 40_000);
        }
        before += pictures;
    }
    panic!("picture {n} lies behind the last part");
}

#[derive(Default)]
struct Seen {
    pictures: u32,
    stamps: u32,
    labels: u32,
    worst_lips: f64,
    worst_capture_micros: i64,
}

/// Everything the test promises of one camera's files.
fn examine(world: &World, camera: &TestCamera, label: &[String; 2]) -> Seen {
    let mut seen = Seen::default();
    let mut next: Option<u32> = None;
    let files = world.files(camera.id);
    assert!((2..=4).contains(&files.len()), "{}: {} files in two minutes", camera.id, files.len());
    for file in &files {
        let index = reader::index(file).unwrap();
        assert!(index.seal.is_some(), "{} is sealed", file.display());
        assert!(index.identity.stamped);
        let size = (index.identity.width as usize, index.identity.height as usize);
        let mut flashes = Vec::new();
        let decoded = for_each_picture(file, size, |n, luma| {
            let number = read_frame_number(luma, size.0, size.1, size.0)
                .unwrap_or_else(|| panic!("{} picture {n}: no frame number", file.display()));
            if let Some(expected) = next {
                assert_eq!(number, expected, "{} picture {n}", file.display());
            }
            next = Some((number + 1) % LOOP);
            if number.is_multiple_of(25) {
                flashes.push(n);
            }
            let told = told_capture(&index, n);
            let truth = capture_near(RATE, number, told);
            seen.worst_capture_micros = seen.worst_capture_micros.max(told.micros_since(truth).abs());
            if (seen.pictures as usize + n).is_multiple_of(SAMPLE) {
                let picture = Luma { width: size.0, height: size.1, samples: luma.to_vec() };
                let read = reading::read_time(&picture);
                let expected = truth.floor_second().beijing().naive_local();
                assert_eq!(read, Some(expected), "{} picture {n}: stamp against capture {truth}", file.display());
                seen.stamps += 1;
                if seen.stamps % 3 == 1 {
                    let read = || reading::read_label(&picture, &label.concat());
                    assert!(
                        reading::shows_label(&picture, label),
                        "{} picture {n}: label {:?}, expected {label:?}",
                        file.display(),
                        read()
                    );
                    seen.labels += 1;
                }
            }
        });
        assert_eq!(decoded, index.parts.iter().map(|p| p.pictures as usize).sum::<usize>());
        seen.pictures += u32::try_from(decoded).unwrap();
        lips(file, &flashes, &mut seen);
    }
    seen
}

/// Flash against beep: the two begin together in front of the camera.
fn lips(file: &Path, flashes: &[usize], seen: &mut Seen) {
    let pictures = times(file, "v");
    let sounds = times(file, "a");
    let frame = sounds[1] - sounds[0];
    for pair in sounds.windows(2) {
        assert!((pair[1] - pair[0] - frame).abs() < 0.002, "{}: a hole in the sound at {}", file.display(), pair[0]);
    }
    let samples = sound(file);
    let rate = (samples.len() as f64 / (sounds.len() as f64 * frame)).round();
    let beeps: Vec<f64> = beeps(&samples, rate as usize).iter().map(|n| sounds[0] + *n as f64 / rate).collect();
    let mut compared = 0;
    for n in flashes {
        let flash = pictures[*n];
        let Some(apart) = beeps.iter().map(|b| b - flash).min_by(|a, b| a.abs().total_cmp(&b.abs())) else { continue };
        // A flash at the very edge of a file may have its beep in the next.
        if flash - pictures[0] < 0.2 || pictures[pictures.len() - 1] - flash < 0.3 {
            continue;
        }
        assert!(apart.abs() <= LIPS_SECONDS, "{}: beep {apart:+.3} s from the flash at {flash:.2}", file.display());
        seen.worst_lips = if apart.abs() > seen.worst_lips.abs() { apart } else { seen.worst_lips };
        compared += 1;
    }
    assert!(compared * 2 >= flashes.len(), "{}: only {compared} of {} flashes had a beep", file.display(), flashes.len());
}

/// The camera's own A-law bytes, from the first recorded sample to the last.
fn alaw_comes_back(world: &World, camera: &TestCamera) -> usize {
    let mut bytes = Vec::new();
    for file in world.files(camera.id) {
        bytes.extend(sound(&file).into_iter().map(|s| Law::A.encode(s)));
    }
    let sent = alaw_loop(&media_dir(), camera.source).unwrap();
    let twice = [sent.clone(), sent.clone()].concat();
    let start = twice.windows(4000).position(|w| w == &bytes[..4000]).expect("the first half second is in the camera's loop");
    for (n, byte) in bytes.iter().enumerate() {
        assert_eq!(*byte, sent[(start + n) % sent.len()], "A-law byte {n} of {}", bytes.len());
    }
    bytes.len()
}

#[test]
fn two_minutes_of_three_cameras_are_whole_in_step_and_rightly_stamped() {
    let mut world = World::new(&CAMERAS);
    world.start_recorder();
    world.wait_until_recording(Duration::from_secs(60));
    std::thread::sleep(Duration::from_secs(SECONDS));
    let state = world.get("/api/v1/state");
    assert_eq!(world.recorder().stop(), 0);
    for camera in state["cameras"].as_array().unwrap() {
        assert_eq!(camera["state"], "recording", "{camera:#}");
        assert_eq!(camera["connections"], 1, "{camera:#}");
        assert_eq!(camera["stamped"], true);
    }

    let (hall, _) = jiancha::hall::load_without_secrets(&world.hall_toml()).unwrap();
    for camera in &CAMERAS {
        let label = hall.label_lines(hall.camera(&jiancha::hall::CameraId::new(camera.id)).unwrap());
        let seen = examine(&world, camera, &label);
        println!(
            "{}: {} pictures in a row, {} stamps and {} labels read, sound {:+.4} s at worst, capture time off by {} µs at worst",
            camera.source, seen.pictures, seen.stamps, seen.labels, seen.worst_lips, seen.worst_capture_micros
        );
        assert!(u64::from(seen.pictures) >= SECONDS * 25, "{}: {} pictures", camera.id, seen.pictures);
        assert!(seen.stamps >= 25 && seen.labels >= 8);
    }
    println!("{} A-law bytes come back as they were sent", alaw_comes_back(&world, &CAMERAS[0]));
}
