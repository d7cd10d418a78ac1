//! A player that is not ours.

use std::path::{Path, PathBuf};

use jiancha::media::libav::{FileCodec, read_file};
use jiancha::media::{
    AccessUnit, AudioCodec, AudioFormat, AudioUnit, StreamFormat, TimeSource, VideoCodec, VideoFormat, VideoUnit, boxes,
};
use jiancha::time::WallTime;
use serde_json::Value;

use crate::site::*;

/// A minute and three seconds of a test picture with a tone, coded as a camera would.
fn real_units(dir: &Path) -> (StreamFormat, Vec<AccessUnit>) {
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
                    other_capture: None,
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
