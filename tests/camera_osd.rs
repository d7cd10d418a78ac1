//! A camera's own clock text, drawn by ffmpeg in three fonts over real and generated pictures, H.264 and H.265: right, wrong by 5 s,
//! frozen and missing are told apart. And what is no clock is never read as one.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a panic here is a failed test with a line number; figures are printed"
)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use ab_glyph::{Font as _, FontVec, PxScale, ScaleFont as _, point};
use jiancha::media::VideoCodec;
use jiancha::media::libav::{FileCodec, decode_key_frame, read_file};
use jiancha::stamp::camera_osd::{Area, Judge, JudgeSettings, Look, Luma, Verdict, look, watch::look_for_clock};
use jiancha::time::WallTime;
use proptest::prelude::*;

const DEJAVU: &str = "/usr/share/fonts/truetype/dejavu";
/// A sans serif, a monospaced and a serif font; the last two are not in the table the reader compares with.
const FONTS: [&str; 3] = ["DejaVuSans.ttf", "DejaVuSansMono-Bold.ttf", "DejaVuSerif-Bold.ttf"];
const NOTO: &str = "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc";
const SIZES: [(usize, usize); 3] = [(704, 576), (1280, 720), (1920, 1080)];
/// 2026-11-22T14:50:03+08:00 in seconds; ffmpeg's gmtime shows it eight hours later, as Beijing does.
const EPOCH: i64 = 1_795_330_203;
const BEIJING: i64 = 8 * 3600;
/// Seconds from one key frame to the next.
const STEP: i64 = 5;
/// Key frames of each kind.
const EACH: i64 = 4;
const SETTINGS: JudgeSettings = JudgeSettings { interval: Duration::from_secs(60), tolerance_seconds: 2, confirmations: 2 };

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ground {
    Real,
    Generated,
}

fn need(path: &Path) -> &Path {
    assert!(
        path.exists(),
        "{} is missing: install fonts-dejavu-core and fonts-noto-cjk (scripts/setup.sh --test)",
        path.display()
    );
    path
}

/// ffmpeg's expansion of a time: date and time in the given layout, so many seconds ahead.
fn expansion(ahead: i64, layout: &str) -> String {
    layout
        .replace("{date}", "%Y-%m-%d")
        .replace("{time}", "%H\\:%M\\:%S")
        .split('|')
        .map(
            |part| {
                if part.contains('%') { format!("%{{pts:gmtime:{}:{part}}}", EPOCH + BEIJING + ahead) } else { part.to_owned() }
            },
        )
        .collect()
}

/// A clip of sixteen key frames 5 s apart: four with the right time, four 5 s ahead, four frozen, four without any text.
fn clip(dir: &Path, ground: Ground, codec: VideoCodec, (width, height): (usize, usize), font: &Path, layout: &str) -> PathBuf {
    let texts = [expansion(0, layout), expansion(5, layout), "2026-11-22 14:50:43".to_owned()];
    let files: Vec<PathBuf> = texts
        .iter()
        .enumerate()
        .map(|(n, text)| {
            let path = dir.join(format!("text-{n}.txt"));
            std::fs::write(&path, text).unwrap();
            path
        })
        .collect();
    let size = height / 24;
    let mut filter = match ground {
        Ground::Real => format!("scale={width}:{height},setpts=N*{STEP}/TB"),
        Ground::Generated => format!("setpts=N*{STEP}/TB"),
    };
    for (n, file) in files.iter().enumerate() {
        let (from, to) = (n as i64 * EACH * STEP, (n as i64 + 1) * EACH * STEP - 1);
        filter.push_str(&format!(
            ",drawtext=fontfile={}:textfile={}:fontsize={size}:x={}:y={}:fontcolor=white:borderw={}:bordercolor=black:enable='between(t,{from},{to})'",
            need(font).display(), file.display(), width / 40, height / 40, (size / 14).max(1)
        ));
    }
    let footage = Path::new(env!("CARGO_MANIFEST_DIR")).join("test-media/footage/aisle.mp4");
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-v", "error", "-y"]);
    match ground {
        Ground::Real => ffmpeg.arg("-i").arg(&footage),
        Ground::Generated => ffmpeg.args(["-f", "lavfi", "-i", &format!("testsrc2=size={width}x{height}:rate=1")]),
    };
    let coder: &[&str] = match codec {
        VideoCodec::H264 => &["-c:v", "libx264", "-preset", "veryfast", "-crf", "26"],
        VideoCodec::H265 => &["-c:v", "libx265", "-preset", "ultrafast", "-crf", "28", "-x265-params", "log-level=none"],
    };
    let out = dir.join("clip.mp4");
    let status = ffmpeg
        .args(["-vf", &filter, "-pix_fmt", "yuv420p", "-frames:v", "16", "-fps_mode", "passthrough", "-g", "1", "-bf", "0"])
        .args(coder)
        .arg(&out)
        .status()
        .unwrap();
    assert!(status.success(), "ffmpeg {filter}");
    out
}

/// Every key frame of a file, decoded one by one as the recorder does.
fn pictures(file: &Path) -> Vec<Luma> {
    let (streams, packets) = read_file(file).unwrap();
    let codec = match streams[0].codec {
        FileCodec::H264 => VideoCodec::H264,
        FileCodec::H265 => VideoCodec::H265,
        ref other => panic!("{other:?}"),
    };
    let decode = |data: &[u8]| {
        let plane = decode_key_frame(codec, &streams[0].configuration, data).unwrap();
        Luma::from_rows(plane.width, plane.height, plane.stride, &plane.rows).unwrap()
    };
    packets.iter().inspect(|p| assert!(p.key)).map(|p| decode(&p.data)).collect()
}

/// The verdict on each kind of four pictures, and the difference told.
fn verdicts(pictures: &[Luma]) -> Vec<(Verdict, Option<i64>)> {
    assert_eq!(pictures.len(), 4 * EACH as usize);
    let mut n = 0;
    pictures
        .chunks(EACH as usize)
        .map(|kind| {
            let mut judge = Judge::new(SETTINGS);
            for picture in kind {
                let capture = WallTime::from_micros((EPOCH + n * STEP) * 1_000_000 + 400_000);
                judge.take(&look_for_clock(picture, None, judge.facts().place), capture);
                n += 1;
            }
            (judge.facts().verdict, judge.facts().difference_seconds)
        })
        .collect()
}

fn told_apart(ground: Ground) {
    for (f, font) in FONTS.iter().enumerate() {
        for (c, codec) in [VideoCodec::H264, VideoCodec::H265].into_iter().enumerate() {
            let size = SIZES[(f + c) % 3];
            let dir = tempfile::tempdir().unwrap();
            let file = clip(dir.path(), ground, codec, size, &Path::new(DEJAVU).join(font), "|{date} {time}|");
            let found = verdicts(&pictures(&file));
            println!("{ground:?} {font} {codec} {size:?}: {found:?}");
            assert_eq!(found[0], (Verdict::Right, Some(0)), "{font} {codec} {size:?}");
            assert_eq!(found[1], (Verdict::Wrong, Some(5)), "{font} {codec} {size:?}");
            assert_eq!(found[2].0, Verdict::Frozen, "{font} {codec} {size:?}");
            assert!(
                matches!(found[3], (Verdict::Missing | Verdict::Unreadable, None)),
                "{font} {codec} {size:?} {:?}",
                found[3]
            );
        }
    }
}

#[test]
fn right_wrong_frozen_and_missing_are_told_apart_on_real_footage() {
    told_apart(Ground::Real);
}

#[test]
fn right_wrong_frozen_and_missing_are_told_apart_on_generated_pictures() {
    told_apart(Ground::Generated);
}

#[test]
fn the_layouts_cameras_use_are_read() {
    for layout in
        ["|{date}| 星期日 |{time}|", "|%Y年%m月%d日| 星期日 |{time}|", "|%m-%d-%Y| 星期日 |{time}|", "|%Y/%m/%d {time}|"]
    {
        let dir = tempfile::tempdir().unwrap();
        let file = clip(dir.path(), Ground::Real, VideoCodec::H264, (1280, 720), Path::new(NOTO), layout);
        let found = verdicts(&pictures(&file));
        println!("{layout}: {found:?}");
        assert_eq!((found[0], found[1]), ((Verdict::Right, Some(0)), (Verdict::Wrong, Some(5))), "{layout}");
    }
}

/// Numbers that repeat for a seed, so that a failure can be looked at again.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n
    }
}

fn fill(pixels: &mut [u8], width: usize, area: Area, value: u8) {
    for y in area.y..area.y + area.height {
        if let Some(row) = pixels.get_mut(y * width + area.x..y * width + area.x + area.width) {
            row.fill(value);
        }
    }
}

/// A busy picture: noise, boxes, stripes of bars, and lines of random digits as on a queue display or a form.
fn busy(seed: u64, font: &FontVec) -> Luma {
    let mut random = Random(seed);
    let (width, height) = (320 + random.below(700), 240 + random.below(400));
    let (ground, noise) = (40 + random.below(160), 1 + random.below(60));
    let mut pixels: Vec<u8> = (0..width * height).map(|_| (ground + random.below(noise)).min(255) as u8).collect();
    for _ in 0..random.below(400) {
        let (w, h) = (1 + random.below(40), 1 + random.below(40));
        let area = Area { x: random.below(width - w), y: random.below(height - h), width: w, height: h };
        fill(&mut pixels, width, area, random.below(256) as u8);
    }
    for _ in 0..random.below(12) {
        let size = 14.0 + random.below(30) as f32;
        let scaled = font.as_scaled(PxScale::from(size));
        let (mut pen, baseline) = (random.below(width / 3) as f32, random.below(height) as f32);
        let (bright, dark) = (200 + random.below(56) as i32, random.below(40) as i32);
        for _ in 0..8 + random.below(20) {
            let c = b"0123456789 :-/"[random.below(14)] as char;
            let id = scaled.glyph_id(c);
            let glyph = id.with_scale_and_position(scaled.scale(), point(pen, baseline));
            pen += scaled.h_advance(id);
            let Some(outline) = font.outline_glyph(glyph) else { continue };
            let bounds = outline.px_bounds();
            for (grow, value) in [(2i32, dark), (0, bright)] {
                outline.draw(|x, y, coverage| {
                    if coverage < 0.5 {
                        return;
                    }
                    for dx in -grow..=grow {
                        for dy in -grow..=grow {
                            let (x, y) = (bounds.min.x as i32 + x as i32 + dx, bounds.min.y as i32 + y as i32 + dy);
                            if (0..width as i32).contains(&x) && (0..height as i32).contains(&y) {
                                pixels[y as usize * width + x as usize] = value as u8;
                            }
                        }
                    }
                });
            }
        }
    }
    Luma::from_rows(width, height, width, &pixels).unwrap()
}

/// A clock that is read where there is none would be a false proof, or a false alarm.
#[test]
fn three_hundred_busy_pictures_without_a_clock_give_no_reading() {
    let path = Path::new(DEJAVU).join(FONTS[0]);
    let font = FontVec::try_from_vec(std::fs::read(need(&path)).unwrap()).unwrap();
    let mut counts = [0; 4];
    for seed in 0..300 {
        let picture = busy(seed, &font);
        let whole = Area { x: 0, y: 0, width: picture.width(), height: picture.height() };
        match look(&picture, Some(whole)) {
            Look::Read(reading) => panic!("seed {seed}: read {reading:?}"),
            Look::Doubtful(_) => counts[1] += 1,
            Look::Illegible => counts[2] += 1,
            Look::Nothing => counts[3] += 1,
        }
    }
    println!("300 busy pictures: read {}, doubtful {}, illegible {}, nothing {}", counts[0], counts[1], counts[2], counts[3]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Whatever the bytes and the size, looking ends and reads nothing out of noise.
    #[test]
    fn noise_of_any_size_is_never_read(width in 1usize..160, height in 1usize..120, seed in any::<u64>(), coarse in 1usize..12) {
        let mut random = Random(seed);
        let cells: Vec<u8> = (0..width * height).map(|_| random.below(256) as u8).collect();
        let pixels: Vec<u8> = (0..width * height)
            .map(|n| cells[(n / width / coarse) * width + n % width / coarse])
            .collect();
        let picture = Luma::from_rows(width, height, width, &pixels).unwrap();
        let seen = look(&picture, None);
        prop_assert!(!matches!(seen, Look::Read(_)), "{seen:?}");
        let odd = Area { x: width / 3, y: height / 2, width: width * 2, height: 7 };
        prop_assert!(!matches!(look(&picture, Some(odd)), Look::Read(_)));
    }
}
