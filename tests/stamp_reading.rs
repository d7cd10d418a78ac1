//! The stamp read back from decoded pixels by readers that know nothing of what drew it, at every size and codec: the time is the
//! capture time in every picture, the label is right, stands at the bottom right, inside the picture, and both cover under 4 %.
//!
//! Two readers: tesseract with its Chinese data, an OCR program that knows neither font nor place, reads everything letter by letter
//! on dark pictures. On bright and busy ones, where no OCR program reads outlined text, `reading` compares with characters drawn by
//! ffmpeg: the time exactly; of the label some characters may be taken for their likes. Pictures are decoded by ffmpeg's own program.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a panic here is a failed test with a line number; figures are printed"
)]

#[path = "stamp_reading/changed.rs"]
mod changed;
#[path = "stamp_reading/ffmpeg.rs"]
mod ffmpeg;
mod media;
#[path = "stamp_reading/ocr.rs"]
mod ocr;
mod reading;

use std::sync::mpsc;
use std::time::Duration;

use changed::changed;
use jiancha::hall::{Corner, StampLayout, StampSettings};
use jiancha::media::{VideoCodec, VideoFormat, VideoUnit};
use jiancha::stamp::Stamped;
use jiancha::stamp::encoders::descriptions;
use jiancha::stamp::reencode::Reencoder;
use jiancha::stamp::text::time_text;
use jiancha::time::WallTime;
use media::{Clip, encode};
use reading::{Luma, read_label, read_time};

const LABEL: [&str; 2] = ["长春市朝阳区 重庆街道便民服务中心", "综合受理区 3、4号窗口"];
const LABEL_AS_READ: [&str; 2] = ["长春市朝阳区重庆街道便民服务中心", "综合受理区3、4号窗口"];

/// Three pictures of 1/25 s, the last one in a new second.
const FIRST: &str = "2026-12-31T23:59:59.920+08:00";
const FRAMES: u32 = 3;

const H264: &str = "x264enc tune=zerolatency speed-preset=ultrafast bitrate=20000";
const H265: &str = "x265enc tune=zerolatency speed-preset=ultrafast bitrate=20000";

const DARK: &str = "pattern=solid-color foreground-color=0xff202428";
const BRIGHT: &str = "pattern=solid-color foreground-color=0xfff0f0e8";
const BUSY: &str = "pattern=zone-plate kx2=20 ky2=20 kt=1";
/// At its small share of the bit rate a picture of 360 or 480 lines keeps less detail than that.
const BUSY_SMALL: &str = "pattern=smpte75";

fn settings() -> StampSettings {
    StampSettings { encoder: "x264".to_owned(), ..StampSettings::default() }
}

/// What comes out of the stamper for a clip, decoded; and the capture time of each picture.
fn stamped(clip: &Clip, settings: &StampSettings) -> Vec<(Luma, WallTime)> {
    stamped_by("x264", VideoCodec::H264, clip, settings)
}

/// The same by the encoder of this name, which gives this codec.
fn stamped_by(name: &str, codec: VideoCodec, clip: &Clip, settings: &StampSettings) -> Vec<(Luma, WallTime)> {
    let (give, take) = mpsc::channel();
    let label = LABEL.map(str::to_owned);
    let encoder = descriptions(settings).unwrap().into_iter().find(|d| d.name == name).unwrap();
    let sink = move |stamped| give.send(stamped).unwrap();
    let reencoder = Reencoder::start(&clip.format, &label, settings, &encoder, sink).unwrap();
    for unit in &clip.units {
        reencoder.push_blocking(unit.clone()).unwrap();
    }
    reencoder.finish();
    let (mut format, mut units): (Option<VideoFormat>, Vec<VideoUnit>) = (None, Vec::new());
    loop {
        match take.recv_timeout(Duration::from_secs(120)).unwrap() {
            Stamped::Format(f) => format = Some(f),
            Stamped::Unit(unit) => units.push(unit),
            Stamped::Failed(reason) => panic!("{reason}"),
            Stamped::Finished => break,
        }
    }
    let format = format.unwrap();
    assert_eq!(format.codec, codec);
    let pictures = ffmpeg::decode(&format, &units);
    assert_eq!(pictures.len(), units.len());
    pictures.into_iter().zip(units.iter().map(|u| u.capture)).collect()
}

fn clip(pattern: &str, width: u32, height: u32, encoder: &str) -> Clip {
    let clip = encode(pattern, width, height, FRAMES, encoder);
    clip.taken_from(WallTime::parse_rfc3339(FIRST).unwrap())
}

/// Greatest share of the label's characters that the template reader may take for others on bright and busy pictures.
const MISREAD: f64 = 0.15;

/// How many characters must be changed, put in or left out to make `read` of `written`.
fn misread(read: &str, written: &str) -> usize {
    let (read, written): (Vec<char>, Vec<char>) = (read.chars().collect(), written.chars().collect());
    let mut above: Vec<usize> = (0..=written.len()).collect();
    for (n, r) in read.iter().enumerate() {
        let mut row = vec![n + 1];
        for (m, w) in written.iter().enumerate() {
            row.push((above[m] + usize::from(r != w)).min(above[m + 1] + 1).min(row[m] + 1));
        }
        above = row;
    }
    above[written.len()]
}

/// Reads every picture by templates.
fn assert_reads(pictures: &[(Luma, WallTime)], what: &str) {
    for (picture, capture) in pictures {
        let expected = capture.floor_second().beijing().naive_local();
        assert_eq!(read_time(picture), Some(expected), "{what}: the picture taken at {capture}");
    }
    assert_label(&read_label(&pictures[0].0, ""), what);
}

/// The label, but for [`MISREAD`].
fn assert_label(read: &[String], what: &str) {
    let written = LABEL_AS_READ;
    assert_eq!(read.len(), 2, "{what}: {read:?}");
    let wrong: usize = read.iter().zip(written).map(|(read, written)| misread(read, written)).sum();
    let share = wrong as f64 / written.concat().chars().count() as f64;
    assert!(share <= MISREAD, "{what}: {read:?}");
}

/// Reads every picture by tesseract: time equal to the capture time, letter by letter.
fn assert_ocr(pictures: &[(Luma, WallTime)], what: &str) {
    assert_ocr_time(pictures, what);
    assert_eq!(ocr::bottom_right(&pictures[0].0), LABEL_AS_READ, "{what}");
}

fn assert_ocr_time(pictures: &[(Luma, WallTime)], what: &str) {
    for (picture, capture) in pictures {
        let expected = time_text(*capture).replace(' ', "");
        assert_eq!(ocr::top_left(picture), [expected], "{what}: the picture taken at {capture}");
    }
}

/// Measures by the difference against the same picture without the stamp.
fn assert_places(clip: &Clip, stamped: &Luma, what: &str) {
    let plain = &ffmpeg::decode(&clip.format, &clip.units)[0];
    let (width, height) = (plain.width, plain.height);
    let areas = changed(plain, stamped);
    assert_eq!(areas.len(), 2, "{what}: {areas:?}");
    let (time, label) = (areas[0], areas[1]);
    let margin = height.min(width) / 18;
    assert!(time.left > 0 && time.top > 0 && time.left < margin && time.top < margin, "{what}: time at {time:?}");
    assert!(time.right < width && time.bottom < height / 4, "{what}: time at {time:?}");
    let (right, bottom) = (width - label.right, height - label.bottom);
    assert!(right > 0 && bottom > 0 && right < margin && bottom < margin, "{what}: label at {label:?}");
    assert!(label.left > 0 && label.top > height * 3 / 4, "{what}: label at {label:?}");
    let share = (time.area() + label.area()) as f64 * 100.0 / (width * height) as f64;
    assert!(share < 4.0, "{what}: {share:.2} %");
    println!("{what}: time {time:?}, label {label:?}, {share:.2} % of the picture");
    assert!(share > 1.5, "{what}: {share:.2} % is too little to be read");
}

/// One size: H.264 in on dark, bright and busy pictures, H.265 in on dark and busy ones; H.265 out on dark ones.
fn assert_size(width: u32, height: u32) {
    for (codec, encoder) in [("H.264", H264), ("H.265", H265)] {
        let busy = if width * height < 1280 * 720 { BUSY_SMALL } else { BUSY };
        for (name, pattern) in [("dark", DARK), ("bright", BRIGHT), ("busy", busy)] {
            if (codec, name) == ("H.265", "bright") {
                continue;
            }
            let what = format!("{width}x{height} {codec} {name}");
            let clip = clip(pattern, width, height, encoder);
            let pictures = stamped(&clip, &settings());
            assert_eq!(pictures.len(), FRAMES as usize, "{what}");
            assert_eq!((pictures[0].0.width, pictures[0].0.height), (width as usize, height as usize), "{what}");
            if name == "dark" {
                assert_ocr(&pictures, &what);
            } else {
                assert_reads(&pictures, &what);
            }
            if (codec, name) == ("H.264", "dark") {
                let (pictures, what) = (stamped_by("x265", VideoCodec::H265, &clip, &settings()), format!("{what}, H.265 out"));
                assert_ocr_time(&pictures, &what);
                assert_label(&ocr::bottom_right(&pictures[0].0), &what);
            }
            if codec == "H.264" && name != "busy" {
                assert_places(&clip, &pictures[0].0, &what);
            }
        }
    }
}

#[test]
fn reads_back_at_640x360() {
    assert_size(640, 360);
}

#[test]
fn reads_back_at_854x480() {
    assert_size(854, 480);
}

/// Neither a multiple of 16 nor of 8, and not 16:9.
#[test]
fn reads_back_at_an_odd_1366x770() {
    assert_size(1366, 770);
}

#[test]
fn reads_back_at_1280x720() {
    assert_size(1280, 720);
}

#[test]
fn reads_back_at_1920x1080() {
    assert_size(1920, 1080);
}

#[test]
fn reads_back_in_portrait_1080x1920() {
    assert_size(1080, 1920);
}

#[test]
fn reads_back_at_2560x1440() {
    assert_size(2560, 1440);
}

#[test]
fn reads_back_at_3840x2160() {
    assert_size(3840, 2160);
}

#[test]
fn a_stamp_without_the_weekday_and_in_other_corners_reads_back_where_it_was_wished() {
    let layout = StampLayout {
        time_place: Corner::BottomLeft,
        label_place: Corner::TopRight,
        weekday: false,
        size_milli_percent: 3500,
        ..StampLayout::default()
    };
    let pictures = stamped(&clip(DARK, 1920, 1080, H264), &StampSettings { layout, ..settings() });
    let (first, last) = (&pictures[0].0, &pictures[2].0);
    assert_eq!(ocr::bottom_left(first), ["2026年12月31日23:59:59"]);
    assert_eq!(ocr::bottom_left(last), ["2027年01月01日00:00:00"]);
    assert_eq!(ocr::top_right(first), LABEL_AS_READ);
    assert_eq!((ocr::top_left(first), ocr::bottom_right(first)), (vec![], vec![]));
}

/// A reader that says yes to everything proves nothing.
#[test]
fn nothing_is_read_and_nothing_found_where_there_is_no_stamp() {
    let plain = clip(DARK, 1280, 720, H264);
    let picture = &ffmpeg::decode(&plain.format, &plain.units)[0];
    assert_eq!((ocr::top_left(picture), ocr::bottom_right(picture)), (vec![], vec![]));
    assert_eq!((read_time(picture), read_label(picture, "")), (None, vec![]));
    assert_eq!(changed(picture, picture), vec![]);
}
