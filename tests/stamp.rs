//! The stamp as seen from outside: coded pictures go in, coded pictures come out, and what stands in them is read back from the
//! decoded samples by other means than those that drew it.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a panic here is a failed test with a line number; figures are printed"
)]

mod media;
mod reading;

use std::sync::mpsc;
use std::time::Duration;

use jiancha::hall::StampSettings;
use jiancha::media::{VideoFormat, VideoUnit};
use jiancha::stamp::encoders::{EncoderDescription, choose, descriptions};
use jiancha::stamp::placement::Fit;
use jiancha::stamp::reencode::{QUEUE_UNITS, Reencoder};
use jiancha::stamp::{StampError, Stamped, check_label};
use jiancha::time::WallTime;
use media::{Clip, colorimetry, decode, encode};
use reading::{Luma, find_time, read_label, read_time, shows_label};

const FIRST_LINE: &str = "长春市朝阳区 重庆街道便民服务中心";
const SECOND_LINE: &str = "综合受理区 3、4号窗口";

fn label() -> [String; 2] {
    [FIRST_LINE.to_owned(), SECOND_LINE.to_owned()]
}

fn settings() -> StampSettings {
    StampSettings { encoder: "x264".to_owned(), ..StampSettings::default() }
}

fn x264() -> EncoderDescription {
    descriptions(&settings()).expect("built in").into_iter().find(|d| d.name == "x264").expect("built in")
}

fn at(text: &str) -> WallTime {
    WallTime::parse_rfc3339(text).expect("a valid time")
}

/// Everything a stamper gives for one clip.
struct Output {
    format: VideoFormat,
    units: Vec<VideoUnit>,
}

fn collect(take: &mpsc::Receiver<Stamped>) -> Result<Output, String> {
    let (mut format, mut units) = (None, Vec::new());
    loop {
        match take.recv_timeout(Duration::from_secs(120)) {
            Ok(Stamped::Format(f)) => format = Some(f),
            Ok(Stamped::Unit(unit)) => {
                assert!(format.is_some(), "the format comes first");
                units.push(unit);
            }
            Ok(Stamped::Finished) => return Ok(Output { format: format.ok_or("no format")?, units }),
            Ok(Stamped::Failed(reason)) => return Err(reason),
            Err(e) => return Err(format!("nothing more comes: {e}")),
        }
    }
}

fn stamp_with(clip: &Clip, encoder: &EncoderDescription, grid: u32) -> Result<Output, String> {
    let (give, take) = mpsc::channel();
    let sink = move |stamped| give.send(stamped).expect("the test listens");
    let reencoder = Reencoder::start_on_grid(&clip.format, &label(), &settings(), encoder, grid, sink).expect("it starts");
    for unit in &clip.units {
        reencoder.push_blocking(unit.clone()).map_err(|e| e.to_string())?;
    }
    reencoder.finish();
    collect(&take)
}

fn stamp(clip: &Clip) -> Output {
    stamp_with(clip, &x264(), 60).expect("it stamps")
}

/// The second a person reads in the picture must be the second in which the picture was taken.
fn assert_time(picture: &Luma, capture: WallTime) {
    let expected = capture.floor_second().beijing().naive_local();
    assert_eq!(read_time(picture), Some(expected), "stamp of the picture taken at {capture}");
}

fn assert_reads_back(width: u32, height: u32, pattern: &str, frames: u32, sampled: &[usize]) {
    let clip = encode(
        &format!("pattern={pattern}"),
        width,
        height,
        frames,
        "x264enc tune=zerolatency speed-preset=ultrafast bitrate=8000",
    )
    .taken_from(at("2026-11-22T14:50:08.800+08:00"));
    let output = stamp(&clip);
    assert_eq!((output.format.width, output.format.height), (width, height));
    let pictures = decode(&output.format, &output.units);
    assert_eq!(pictures.len(), frames as usize);
    for n in sampled {
        let picture = &pictures[*n];
        assert_eq!((picture.width, picture.height), (width as usize, height as usize));
        assert_time(picture, output.units[*n].capture);
    }
    assert_eq!(read_label(&pictures[sampled[0]], ""), ["长春市朝阳区重庆街道便民服务中心", "综合受理区3、4号窗口"]);
}

#[test]
fn time_and_label_read_back_at_360_lines() {
    assert_reads_back(640, 360, "smpte75", 30, &[0, 4, 5, 29]);
}

#[test]
fn time_and_label_read_back_at_1080_lines_on_a_busy_picture() {
    assert_reads_back(1920, 1080, "zone-plate kx2=20 ky2=20 kt=1", 30, &[0, 4, 5, 29]);
}

#[test]
fn time_and_label_read_back_on_white_and_on_black() {
    assert_reads_back(1920, 1080, "white", 10, &[0, 4, 5]);
    assert_reads_back(1920, 1080, "black", 10, &[0, 4, 5]);
}

#[test]
fn time_and_label_read_back_at_2160_lines() {
    assert_reads_back(3840, 2160, "smpte", 8, &[0, 4, 5]);
}

#[test]
fn time_and_label_read_back_in_a_portrait_picture() {
    assert_reads_back(1080, 1920, "smpte", 10, &[0, 4, 5]);
}

#[test]
fn time_and_label_read_back_at_an_odd_size() {
    assert_reads_back(1366, 768, "smpte", 10, &[0, 4, 5]);
}

/// On an even grey picture every changed sample belongs to the stamp.
#[test]
fn the_stamp_is_top_left_and_bottom_right_and_covers_less_than_4_percent() {
    for (width, height) in [(640, 360), (1366, 768), (1920, 1080), (1080, 1920), (3840, 2160)] {
        let clip = encode(
            "pattern=solid-color foreground-color=0xff808080",
            width,
            height,
            3,
            "x264enc tune=zerolatency speed-preset=ultrafast",
        );
        let output = stamp(&clip.taken_from(at("2026-11-22T14:50:03+08:00")));
        let picture = &decode(&output.format, &output.units)[2];
        let (w, h) = (picture.width, picture.height);
        let grey = i32::from(picture.samples[w * h / 2]);
        let bounds = |rows: std::ops::Range<usize>| {
            let marked = |x: &usize, y: &usize| (i32::from(picture.samples[y * w + x]) - grey).abs() > 24;
            let columns: Vec<usize> = (0..w).filter(|x| rows.clone().any(|y| marked(x, &y))).collect();
            let rows: Vec<usize> = rows.clone().filter(|y| (0..w).any(|x| marked(&x, y))).collect();
            (columns[0], rows[0], columns[columns.len() - 1] + 1, rows[rows.len() - 1] + 1)
        };
        let (time, label) = (bounds(0..h / 2), bounds(h / 2..h));
        let area = |(left, top, right, bottom): (usize, usize, usize, usize)| (right - left) * (bottom - top);
        let share = (area(time) + area(label)) as f64 / (w * h) as f64;
        assert!(share < 0.04, "{width}x{height}: {:.2} %", share * 100.0);
        assert!(share > 0.02, "{width}x{height}: {:.2} % is too small to read", share * 100.0);
        let near = w.min(h) / 30;
        assert!(time.0 < near && time.1 < near && time.0 > 0 && time.1 > 0, "{width}x{height}: time at {time:?}");
        assert!(label.2 < w && label.2 > w - near && label.3 < h && label.3 > h - near, "{width}x{height}: label at {label:?}");
    }
}

#[test]
fn a_reader_finds_the_stamp_where_it_stands() {
    let clip =
        encode("pattern=smpte", 1920, 1080, 2, "x264enc tune=zerolatency").taken_from(at("2026-12-31T23:59:59.970+08:00"));
    let output = stamp(&clip);
    let pictures = decode(&output.format, &output.units);
    assert_time(&pictures[0], at("2026-12-31T23:59:59+08:00"));
    assert_time(&pictures[1], at("2027-01-01T00:00:00+08:00"));
    let time = find_time(&pictures[0]).expect("a time");
    assert!(time.left < 40 && time.top < 40 && time.right < 960, "{time:?}");
    assert!(shows_label(&pictures[0], &label()));
    // A reader that says yes to everything proves nothing.
    for wrong in
        [[FIRST_LINE, "综合受理区 3、6号窗口"], ["长春市朝阳区 重庆街道便民服务站", SECOND_LINE], [SECOND_LINE, FIRST_LINE]]
    {
        assert!(!shows_label(&pictures[0], &wrong.map(str::to_owned)), "{wrong:?}");
    }
    let unstamped = decode(&clip.format, &clip.units);
    assert_eq!((read_time(&unstamped[0]), read_label(&unstamped[0], "")), (None, Vec::new()));
}

#[test]
fn h265_goes_in_and_h264_comes_out() {
    let clip = encode("pattern=smpte", 1280, 720, 12, "x265enc speed-preset=ultrafast tune=zerolatency")
        .taken_from(at("2026-11-22T14:50:08.800+08:00"));
    let output = stamp(&clip);
    assert!(output.format.codec_string.starts_with("avc1.64"), "{}", output.format.codec_string);
    assert_eq!(output.units.len(), 12);
    let pictures = decode(&output.format, &output.units);
    assert_time(&pictures[4], at("2026-11-22T14:50:08+08:00"));
    assert_time(&pictures[5], at("2026-11-22T14:50:09+08:00"));
}

#[test]
fn h265_of_ten_bits_is_stamped_too() {
    let clip =
        encode("pattern=smpte ! video/x-raw,format=I420_10LE", 1280, 720, 6, "x265enc speed-preset=ultrafast tune=zerolatency")
            .taken_from(at("2026-11-22T14:50:08.800+08:00"));
    let output = stamp(&clip);
    let pictures = decode(&output.format, &output.units);
    assert_time(&pictures[5], at("2026-11-22T14:50:09+08:00"));
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let clip = encode("pattern=ball", 640, 360, 60, "x264enc tune=zerolatency").taken_from(at("2026-11-22T14:50:59+08:00"));
    let (first, second) = (stamp(&clip), stamp(&clip));
    assert_eq!(first.format, second.format);
    assert!(first.units == second.units, "two runs differ");
}

#[test]
fn of_500_pictures_each_comes_out_once_with_what_belongs_to_it() {
    let clip = encode("pattern=ball", 640, 360, 500, "x264enc tune=zerolatency speed-preset=ultrafast")
        .taken_from(at("2026-11-22T14:50:50+08:00"));
    let output = stamp(&clip);
    assert_eq!(output.units.len(), 500);
    for (input, output) in clip.units.iter().zip(&output.units) {
        assert_eq!((output.pts_90k, output.capture, output.time_source), (input.pts_90k, input.capture, input.time_source));
    }
}

#[test]
fn key_frames_fall_on_the_minute_and_are_never_more_than_two_seconds_apart() {
    let clip = encode("pattern=ball", 640, 360, 150, "x264enc tune=zerolatency").taken_from(at("2026-11-22T14:50:57+08:00"));
    let output = stamp(&clip);
    let keys: Vec<usize> = output.units.iter().enumerate().filter(|(_, u)| u.random_access).map(|(n, _)| n).collect();
    // 14:50:57, 14:50:59, 14:51:00, 14:51:02.
    assert_eq!(keys, [0, 50, 75, 125]);
    assert_eq!(output.units[75].capture, at("2026-11-22T14:51:00+08:00"));
    for key in keys {
        // A key frame decodes alone: its access unit holds an IDR slice (nal_unit_type 5).
        let data = &output.units[key].data;
        let mut offset = 0;
        let mut kinds = Vec::new();
        while offset < data.len() {
            let length = u32::from_be_bytes(data[offset..offset + 4].try_into().expect("four bytes")) as usize;
            kinds.push(data[offset + 4] & 0x1f);
            offset += 4 + length;
        }
        assert!(kinds.contains(&5), "picture {key} holds NAL units of types {kinds:?}");
    }
}

#[test]
fn a_key_frame_comes_when_asked_for() {
    let clip = encode("pattern=ball", 640, 360, 40, "x264enc tune=zerolatency").taken_from(at("2026-11-22T14:50:10+08:00"));
    let (give, take) = mpsc::channel();
    let sink = move |stamped| give.send(stamped).expect("the test listens");
    let reencoder = Reencoder::start(&clip.format, &label(), &settings(), &x264(), sink).expect("it starts");
    for unit in &clip.units[..20] {
        reencoder.push_blocking(unit.clone()).expect("taken");
    }
    let mut came = 0;
    while came < 20 {
        let stamped = take.recv_timeout(Duration::from_secs(60)).expect("every picture comes out before the next goes in");
        came += usize::from(matches!(stamped, Stamped::Unit(_)));
    }
    reencoder.request_key_frame();
    for unit in &clip.units[20..] {
        reencoder.push_blocking(unit.clone()).expect("taken");
    }
    reencoder.finish();
    let rest: Vec<bool> =
        take.iter().filter_map(|s| if let Stamped::Unit(u) = s { Some(u.random_access) } else { None }).collect();
    assert_eq!(rest.iter().position(|key| *key), Some(0));
    assert_eq!(rest.iter().filter(|key| **key).count(), 1);
}

#[test]
fn pictures_that_are_shown_in_another_order_than_they_come_keep_their_own_times() {
    let clip =
        encode("pattern=ball", 640, 360, 60, "x264enc bframes=3 b-adapt=false").taken_from(at("2026-11-22T14:50:08.200+08:00"));
    let order: Vec<i64> = clip.units.iter().map(|u| u.pts_90k).collect();
    assert!(!order.is_sorted(), "the clip has B-frames");
    let output = stamp(&clip);
    let mut shown = clip.units.clone();
    shown.sort_by_key(|u| u.pts_90k);
    let times = |units: &[VideoUnit]| units.iter().map(|u| (u.pts_90k, u.capture)).collect::<Vec<_>>();
    assert_eq!(times(&output.units), times(&shown));
    let pictures = decode(&output.format, &output.units);
    for n in [0, 19, 20, 44, 45, 59] {
        assert_time(&pictures[n], output.units[n].capture);
    }
}

#[test]
fn damaged_pictures_do_not_end_the_stamper_nor_shift_the_times() {
    let mut clip = encode("pattern=ball", 640, 360, 60, "x264enc tune=zerolatency key-int-max=10")
        .taken_from(at("2026-11-22T14:50:08.200+08:00"));
    // The picture's slice stands last in its unit.
    let mut broken = clip.units[13].data.to_vec();
    let middle = broken.len() - 40;
    for byte in &mut broken[middle..] {
        *byte = byte.wrapping_mul(151).wrapping_add(17);
    }
    clip.units[13].data = broken.into();
    // A unit that holds nothing but an SEI message gives no picture at all.
    clip.units[25].data = vec![0, 0, 0, 4, 6, 5, 0, 0x80].into();
    clip.units.remove(34);
    let output = stamp(&clip);
    let expected: Vec<(i64, WallTime)> = clip.units.iter().map(|u| (u.pts_90k, u.capture)).collect();
    for unit in &output.units {
        assert!(expected.contains(&(unit.pts_90k, unit.capture)), "{unit:?} did not go in");
    }
    assert!(output.units.is_sorted_by(|a, b| a.pts_90k < b.pts_90k));
    assert!((57..=59).contains(&output.units.len()), "{} came out", output.units.len());
    let last = output.units.len() - 1;
    assert_eq!(output.units[last].pts_90k, clip.units[58].pts_90k);
    let pictures = decode(&output.format, &output.units);
    assert_time(&pictures[last], output.units[last].capture);
}

#[test]
fn a_unit_that_is_no_picture_is_refused_before_the_decoder_sees_it() {
    let clip = encode("pattern=ball", 640, 360, 2, "x264enc tune=zerolatency");
    let reencoder = Reencoder::start(&clip.format, &label(), &settings(), &x264(), |_| {}).expect("it starts");
    let cut = VideoUnit { data: clip.units[0].data.slice(..20), ..clip.units[0].clone() };
    assert!(matches!(reencoder.push(cut), Err(StampError::BadUnit { .. })));
    assert!(reencoder.push(clip.units[0].clone()).is_ok());
}

#[test]
fn when_the_sink_blocks_the_stamper_says_it_lags_and_goes_on_afterwards() {
    let clip = encode("pattern=ball", 640, 360, 400, "x264enc tune=zerolatency").taken_from(at("2026-11-22T14:50:10+08:00"));
    let (give, take) = mpsc::sync_channel(0);
    let sink = move |stamped| {
        // The receiver ends before the stamper only when the test has failed.
        let _ = give.send(stamped);
    };
    let reencoder = Reencoder::start(&clip.format, &label(), &settings(), &x264(), sink).expect("it starts");
    let mut taken = 0;
    let lagging = clip.units.iter().find_map(|unit| match reencoder.push(unit.clone()) {
        Ok(()) => {
            taken += 1;
            None
        }
        Err(e) => Some(e),
    });
    let Some(StampError::Lagging { queued }) = lagging else { panic!("{lagging:?} after {taken}") };
    assert_eq!(queued, QUEUE_UNITS);
    assert_eq!(reencoder.queued(), QUEUE_UNITS);
    // Only what is being worked on left the queue.
    assert!((QUEUE_UNITS..QUEUE_UNITS + 4).contains(&taken), "{taken}");
    reencoder.finish();
    assert_eq!(take.iter().filter(|s| matches!(s, Stamped::Unit(_))).count(), taken);
}

#[test]
fn a_stamper_can_be_dropped_while_its_sink_blocks_and_from_its_own_sink() {
    let clip = encode("pattern=ball", 640, 360, 30, "x264enc tune=zerolatency");
    let (give, take) = mpsc::sync_channel(0);
    let blocked =
        Reencoder::start(&clip.format, &label(), &settings(), &x264(), move |s| give.send(s).unwrap_or(())).expect("it starts");
    for unit in &clip.units {
        blocked.push(unit.clone()).expect("there is room");
    }
    assert!(matches!(take.recv(), Ok(Stamped::Format(_))));
    drop(blocked);
    drop(take);

    let (hand_over, own) = mpsc::channel::<Reencoder>();
    let (done, dropped) = mpsc::channel();
    let mut own = Some(own);
    let from_sink = Reencoder::start(&clip.format, &label(), &settings(), &x264(), move |_| {
        if let Some(own) = own.take() {
            drop(own.recv());
            done.send(()).expect("the test listens");
        }
    })
    .expect("it starts");
    for unit in &clip.units {
        from_sink.push(unit.clone()).expect("there is room");
    }
    hand_over.send(from_sink).expect("the sink waits");
    assert_eq!(dropped.recv_timeout(Duration::from_secs(60)), Ok(()));
}

#[test]
fn an_encoder_that_dies_is_told_by_name_and_takes_nothing_more() {
    let clip = encode("pattern=ball", 640, 360, 30, "x264enc tune=zerolatency");
    let mut dying = x264();
    dying.text = dying.text.replace("! x264enc", "! identity name=worn-out error-after=5 ! x264enc");
    let (give, take) = mpsc::channel();
    let sink = move |stamped| give.send(stamped).expect("the test listens");
    let reencoder = Reencoder::start(&clip.format, &label(), &settings(), &dying, sink).expect("it starts");
    for unit in &clip.units {
        if reencoder.push_blocking(unit.clone()).is_err() {
            break;
        }
    }
    let reason = collect(&take).err().expect("it dies");
    assert!(reason.contains("worn-out"), "{reason}");
    assert!(matches!(reencoder.push(clip.units[0].clone()), Err(StampError::Ended { .. })));
}

#[test]
fn a_stamper_that_got_nothing_finishes() {
    let clip = encode("pattern=ball", 640, 360, 1, "x264enc tune=zerolatency");
    let (give, take) = mpsc::channel();
    let reencoder = Reencoder::start(&clip.format, &label(), &settings(), &x264(), move |s| give.send(s).expect("heard"))
        .expect("it starts");
    reencoder.finish();
    assert!(matches!(take.recv(), Ok(Stamped::Finished)));
    assert!(take.recv().is_err(), "nothing comes after the end");
}

#[test]
fn what_is_wrong_with_label_or_format_is_told_at_the_start() {
    let clip = encode("pattern=ball", 640, 360, 1, "x264enc tune=zerolatency");
    let start = |format: &VideoFormat, label: [&str; 2]| {
        let label = label.map(str::to_owned);
        Reencoder::start(format, &label, &settings(), &x264(), |_| {}).err().expect("refused").to_string()
    };
    let long = "内蒙古自治区阿拉善盟阿拉善左旗巴彦浩特镇额鲁特街道便民服务中心综合受理区咨询导服区";
    assert!(start(&clip.format, ["综合\u{1F600}", ""]).contains("U+1F600"));
    let checked = check_label(&[long.to_owned(), long.to_owned()], &settings(), 640, 360);
    assert!(matches!(checked, Err(StampError::LabelTooLong { width: 640, height: 360, .. })));
    assert_eq!(check_label(&label(), &settings(), 1920, 1080).expect("it fits").font_px, 34);
    let empty = VideoFormat { configuration: Default::default(), ..clip.format.clone() };
    assert!(start(&empty, ["甲", "乙"]).contains("avcC"));
}

/// Recording is worth more than a legible label: a picture smaller than foreseen gets what there is room for.
#[test]
fn a_label_too_long_for_a_small_picture_is_drawn_small_and_no_picture_is_lost() {
    let long = "内蒙古自治区阿拉善盟阿拉善左旗巴彦浩特镇额鲁特街道便民服务中心".to_owned();
    let clip = encode("pattern=smpte", 640, 360, 6, "x264enc tune=zerolatency").taken_from(at("2026-11-22T14:50:08+08:00"));
    let (give, take) = mpsc::channel();
    let label = [long, "综合受理区 1、2、3、4、5、6号窗口".to_owned()];
    let sink = move |stamped| give.send(stamped).expect("the test listens");
    let reencoder = Reencoder::start(&clip.format, &label, &settings(), &x264(), sink).expect("it starts");
    assert_eq!(reencoder.fit(), Fit::Small);
    for unit in &clip.units {
        reencoder.push_blocking(unit.clone()).expect("taken");
    }
    reencoder.finish();
    assert_eq!(collect(&take).expect("it stamps").units.len(), 6);
}

#[test]
fn range_and_matrix_of_the_input_survive() {
    // GStreamer's notation: range (1 full, 2 limited), matrix, transfer, primaries.
    for (given, expected) in [("1:3:5:1", "1:3:5:1"), ("2:4:16:3", "2:4:16:3"), ("bt709", "bt709"), ("bt601", "bt601")] {
        let source = format!("pattern=smpte ! video/x-raw,colorimetry={given}");
        let clip = encode(&source, 1280, 720, 3, "x264enc tune=zerolatency");
        let output = stamp(&clip);
        assert_eq!(colorimetry(&output.format, &output.units), expected, "{given} went in");
    }
}

/// Many cameras flag full range and say nothing else; GStreamer alone would turn that into limited range.
#[test]
fn full_range_without_a_matrix_stays_full_range() {
    let clip = encode("pattern=smpte", 1280, 720, 3, "x264enc tune=zerolatency").with_bitstream_filter(
        "h264_metadata=video_full_range_flag=1:colour_primaries=2:transfer_characteristics=2:matrix_coefficients=2",
    );
    assert!(colorimetry(&clip.format, &clip.units).starts_with("1:0"), "the clip is what it should be");
    let output = stamp(&clip);
    assert!(colorimetry(&output.format, &output.units).starts_with("1:3"), "{}", colorimetry(&output.format, &output.units));
}

/// The size changes without a new format, parameter sets standing in the stream.
#[test]
fn a_change_of_size_in_the_stream_gives_a_new_format_and_a_new_layout() {
    let small = encode("pattern=ball", 640, 360, 8, "x264enc tune=zerolatency").taken_from(at("2026-11-22T14:50:08+08:00"));
    let mut large =
        encode("pattern=ball", 1280, 720, 8, "x264enc tune=zerolatency").taken_from(at("2026-11-22T14:50:09+08:00"));
    large.units.iter_mut().for_each(|unit| unit.pts_90k += 90_000);
    large.carry_parameter_sets();
    let (give, take) = mpsc::channel();
    let sink = move |stamped| give.send(stamped).expect("the test listens");
    let reencoder = Reencoder::start(&small.format, &label(), &settings(), &x264(), sink).expect("it starts");
    for unit in small.units.iter().chain(&large.units) {
        reencoder.push_blocking(unit.clone()).expect("taken");
    }
    reencoder.finish();
    let (mut formats, mut units) = (Vec::new(), Vec::new());
    for stamped in take {
        match stamped {
            Stamped::Format(format) => formats.push(format),
            Stamped::Unit(unit) => units.push(unit),
            Stamped::Failed(reason) => panic!("{reason}"),
            Stamped::Finished => {}
        }
    }
    let sizes: Vec<(u32, u32)> = formats.iter().map(|f| (f.width, f.height)).collect();
    assert_eq!((sizes, units.len()), (vec![(640, 360), (1280, 720)], 16));
    assert!(units[8].random_access, "a new format begins with a key frame");
    let pictures = decode(&formats[1], &units[8..]);
    assert_time(&pictures[0], at("2026-11-22T14:50:09+08:00"));
    assert!(shows_label(&pictures[7], &label()));
}

#[test]
fn an_auto_choice_is_made_among_what_works() {
    let chosen = choose(&StampSettings { encoder: "auto".to_owned(), ..settings() }).expect("x264 at least works");
    let clip = encode("pattern=ball", 640, 360, 5, "x264enc tune=zerolatency");
    assert_eq!(stamp_with(&clip, &chosen, 60).expect("it works").units.len(), 5);
}

/// Stamps a clip of 20 pictures with what `tell` says first; gives the numbers of the pictures that come out.
fn thinned(tell: impl FnOnce(&Reencoder)) -> Vec<usize> {
    let start = at("2026-11-22T14:50:08+08:00");
    let clip = encode("pattern=ball", 640, 360, 20, "x264enc tune=zerolatency").taken_from(start);
    let (give, take) = mpsc::channel();
    let sink = move |stamped| give.send(stamped).expect("the test listens");
    let reencoder = Reencoder::start(&clip.format, &label(), &settings(), &x264(), sink).expect("it starts");
    tell(&reencoder);
    for unit in &clip.units {
        reencoder.push_blocking(unit.clone()).expect("taken");
    }
    reencoder.finish();
    let output = collect(&take).expect("it stamps");
    assert!(output.units[0].random_access, "what comes out can be decoded alone");
    let pictures = decode(&output.format, &output.units);
    assert_eq!(pictures.len(), output.units.len());
    assert_time(&pictures[pictures.len() - 1], output.units[pictures.len() - 1].capture);
    let number = |unit: &VideoUnit| clip.units.iter().position(|u| u.pts_90k == unit.pts_90k).expect("it went in");
    output.units.iter().map(number).collect()
}

#[test]
fn at_half_rate_every_second_picture_is_stamped_with_its_own_time() {
    assert_eq!(thinned(|reencoder| reencoder.set_half_rate(true)), [1, 3, 5, 7, 9, 11, 13, 15, 17, 19]);
}

#[test]
fn a_stamper_that_takes_over_goes_on_behind_the_last_picture_that_came_out() {
    // The clip begins at 0 with 3600 ticks a picture; ten came out of the stamper before.
    let out: Vec<usize> = thinned(|reencoder| reencoder.skip_to(9 * 3600));
    assert_eq!(out, (10..20).collect::<Vec<_>>());
}
