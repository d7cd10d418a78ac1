//! What proving a camera's own clock costs: one key frame decoded and read, at 1080p and 4K, H.264 and H.265. The share of a processor
//! follows from one look a minute.

use std::hint::black_box;
use std::process::Command;

use criterion::{Criterion, criterion_group, criterion_main};
use jiancha::media::VideoCodec;
use jiancha::media::libav::{decode_key_frame, read_file};
use jiancha::stamp::camera_osd::watch::look_for_clock;
use jiancha::stamp::camera_osd::{Look, Luma};

const TEXT: &str = "drawtext=fontfile=/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf:text='2026-11-22 14\\:50\\:03':\
                    fontcolor=white:borderw=3";

fn key_frames(c: &mut Criterion) {
    let footage = concat!(env!("CARGO_MANIFEST_DIR"), "/test-media/footage/aisle.mp4");
    let dir = tempfile::tempdir().expect("a folder");
    let sizes = [("1080p", 1920, 1080), ("4K", 3840, 2160)];
    let codecs = [(VideoCodec::H264, "libx264"), (VideoCodec::H265, "libx265")];
    for (name, width, height) in sizes {
        for (codec, coder) in codecs {
            let file = dir.path().join(format!("{name}-{coder}.mp4"));
            let size = height / 24;
            let filter = format!("scale={width}:{height},{TEXT}:fontsize={size}:x={size}:y={}", size / 2);
            let made = Command::new("ffmpeg")
                .args(["-v", "error", "-y", "-i", footage, "-vf", &filter, "-frames:v", "1", "-pix_fmt", "yuv420p"])
                .args(["-c:v", coder, "-preset", "veryfast", "-crf", "23"])
                .arg(&file)
                .status();
            assert!(made.is_ok_and(|status| status.success()), "ffmpeg makes {}", file.display());
            let (streams, packets) = read_file(&file).expect("a clip");
            let (configuration, data) = (streams[0].configuration.clone(), packets[0].data.clone());
            let decode = || decode_key_frame(codec, &configuration, &data).expect("a picture");
            c.bench_function(&format!("decode one key frame, {name} {codec}, {} kB", data.len() / 1000), |b| {
                b.iter(|| black_box(decode()));
            });
            let plane = decode();
            let picture = Luma::from_rows(plane.width, plane.height, plane.stride, &plane.rows).expect("a picture");
            let Look::Read(reading) = look_for_clock(&picture, None, None) else { panic!("{name} {codec}: not read") };
            c.bench_function(&format!("find and read the clock, {name} {codec}"), |b| {
                b.iter(|| black_box(look_for_clock(&picture, None, None)));
            });
            c.bench_function(&format!("read the clock where it stood, {name} {codec}"), |b| {
                b.iter(|| black_box(look_for_clock(&picture, None, Some(reading.area))));
            });
        }
    }
    let plain = Luma::from_rows(1920, 1080, 1920, &vec![90; 1920 * 1080]).expect("a picture");
    c.bench_function("look in vain, 1080p plain", |b| b.iter(|| black_box(look_for_clock(&plain, None, None))));
}

criterion_group!(benches, key_frames);
criterion_main!(benches);
