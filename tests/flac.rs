//! The sound encoder, read back by a decoder that is not ours: every sample must come back.

#![allow(clippy::unwrap_used, reason = "a panic here is a failed test with a line number")]

use std::io::Write as _;
use std::process::{Command, Stdio};

use jiancha::media::flac::{FlacEncoder, stream_info};
use jiancha::media::g711::Law;
use rand::{RngCore as _, SeedableRng as _};

/// What FFmpeg decodes of `samples` encoded here.
fn there_and_back(sample_rate: u32, samples: &[i16]) -> Vec<i16> {
    let mut encoder = FlacEncoder::new(sample_rate);
    let mut stream = b"fLaC\x80\0\0\x22".to_vec();
    stream.extend_from_slice(&stream_info(sample_rate, encoder.block()));
    for block in samples.chunks(encoder.block()) {
        stream.extend_from_slice(&encoder.encode(block));
    }
    let mut ffmpeg = Command::new("ffmpeg")
        .args(["-v", "error", "-xerror", "-err_detect", "crccheck+explode", "-f", "flac", "-i", "-", "-f", "s16le", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = ffmpeg.stdin.take().unwrap();
    let writer = std::thread::spawn(move || stdin.write_all(&stream));
    let output = ffmpeg.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout.chunks_exact(2).map(|b| i16::from_le_bytes([b[0], b[1]])).collect()
}

/// `count` samples, each from a random number and its place.
fn random(seed: u8, count: usize, sample: impl Fn(u32, usize) -> i16) -> Vec<i16> {
    let mut rng = rand::rngs::StdRng::seed_from_u64(u64::from(seed));
    (0..count).map(|n| sample(rng.next_u32(), n)).collect()
}

fn tone(n: usize, amplitude: f64, hertz: f64) -> i16 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "a sine within 16 bits")]
    let sample = ((n as f64 * hertz * std::f64::consts::TAU / 8000.0).sin() * amplitude) as i16;
    sample
}

#[test]
fn every_sample_comes_back_whatever_the_sound_is() {
    let low_byte = |r: u32| r.to_le_bytes()[0];
    let cases: Vec<(&str, u32, Vec<i16>)> = vec![
        ("silence", 8000, vec![0; 1000]),
        ("one sample", 8000, vec![-3]),
        ("two samples", 8000, vec![i16::MIN, i16::MAX]),
        ("full scale back and forth", 8000, (0..1000).map(|n| if n % 2 == 0 { i16::MIN } else { i16::MAX }).collect()),
        ("white noise", 8000, random(1, 3333, |r, _| i16::from_le_bytes([r.to_le_bytes()[1], r.to_le_bytes()[2]]))),
        ("a tone", 8000, (0..4000).map(|n| tone(n, 20_000.0, 440.0)).collect()),
        (
            "a tone in A-law with noise",
            8000,
            random(2, 8000, |r, n| Law::A.decode(low_byte(r) & 0x8f | if n % 9 < 4 { 0x30 } else { 0x10 })),
        ),
        ("random A-law", 8000, random(3, 3200, |r, _| Law::A.decode(low_byte(r)))),
        ("random µ-law", 16_000, random(4, 3201, |r, _| Law::Mu.decode(low_byte(r)))),
        ("a click in silence", 8000, (0..960).map(|n| if n == 500 { 30_000 } else { 0 }).collect()),
        ("an odd rate and a short end", 11_025, random(5, 1003, |r, n| tone(n, 3000.0, 300.0) + i16::from(low_byte(r)))),
        ("many frames", 8000, random(6, 320 * 2100, |_, n| tone(n, 900.0, 100.0) & !7)),
    ];
    for (name, rate, samples) in cases {
        let back = there_and_back(rate, &samples);
        assert_eq!(back.len(), samples.len(), "{name}");
        assert_eq!(back.iter().zip(&samples).position(|(a, b)| a != b), None, "{name}");
    }
}

#[test]
fn speech_like_sound_in_a_law_takes_less_than_a_law() {
    let samples: Vec<i16> = (0..80_000)
        .map(|n| {
            Law::A.decode(
                Law::A.encode((tone(n, 3000.0, 180.0) + tone(n, 900.0, 1210.0)) / if n / 4000 % 2 == 0 { 1 } else { 40 }),
            )
        })
        .collect();
    let mut encoder = FlacEncoder::new(8000);
    let bytes: usize = samples.chunks(encoder.block()).map(|block| encoder.encode(block).len()).sum();
    assert!(bytes * 100 < samples.len() * 85, "{bytes} bytes for {} samples", samples.len());
}
