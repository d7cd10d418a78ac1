//! Decodes with ffmpeg's own program, from a byte stream to raw samples.

use std::io::Write as _;
use std::process::{Command, Stdio};

use jiancha::media::{VideoCodec, VideoFormat, VideoUnit};

use crate::reading::Luma;

/// Every picture's luma in the order shown.
pub fn decode(format: &VideoFormat, units: &[VideoUnit]) -> Vec<Luma> {
    let name = if format.codec == VideoCodec::H265 { "hevc" } else { "h264" };
    let mut ffmpeg = Command::new("ffmpeg")
        .args(["-v", "error", "-threads", "1", "-f", name, "-i", "-", "-f", "rawvideo", "-pix_fmt", "gray", "-vsync", "0", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("ffmpeg is installed");
    let mut input = ffmpeg.stdin.take().unwrap();
    let stream = byte_stream(format, units);
    let writer = std::thread::spawn(move || input.write_all(&stream));
    let out = ffmpeg.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(out.status.success());
    let (width, height) = (format.width as usize, format.height as usize);
    assert_eq!(out.stdout.len() % (width * height), 0, "whole pictures of {width}x{height}");
    out.stdout.chunks_exact(width * height).map(|samples| Luma { width, height, samples: samples.to_vec() }).collect()
}

/// Units with start codes, the parameter sets in front.
fn byte_stream(format: &VideoFormat, units: &[VideoUnit]) -> Vec<u8> {
    if format.codec == VideoCodec::H264 {
        return crate::media::annex_b(format, units);
    }
    let mut stream = Vec::new();
    let mut put = |nal: &[u8]| {
        stream.extend([0, 0, 0, 1]);
        stream.extend(nal);
    };
    // ISO/IEC 14496-15, 8.3.3.1.2: arrays of parameter sets follow 22 bytes and their count.
    let record = &format.configuration;
    let length = |at: usize| usize::from(u16::from_be_bytes([record[at], record[at + 1]]));
    let mut at = 23;
    for _ in 0..record[22] {
        let sets = length(at + 1);
        at += 3;
        for _ in 0..sets {
            put(&record[at + 2..at + 2 + length(at)]);
            at += 2 + length(at);
        }
    }
    for unit in units {
        let mut at = 0;
        while at < unit.data.len() {
            let length = u32::from_be_bytes(unit.data[at..at + 4].try_into().unwrap()) as usize;
            put(&unit.data[at + 4..at + 4 + length]);
            at += 4 + length;
        }
    }
    stream
}
