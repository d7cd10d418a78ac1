//! G.711 in, FLAC out: losslessly, so that the camera's own bytes come back from the recording.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::media::flac::{FlacEncoder, stream_info};
use crate::media::g711::{Law, level_dbfs};
use crate::media::{AudioCodec, AudioFormat, boxes};

/// A packet may begin this many samples off the last one's end and still count as continuous.
const SLACK_SAMPLES: i64 = 4;

/// Collects G.711 packets into FLAC frames. A hole in the sound ends the frame in hand; nothing is invented.
pub struct G711ToFlac {
    law: Law,
    sample_rate: u32,
    block: usize,
    encoder: FlacEncoder,
    waiting: Vec<i16>,
    /// Presentation time of the first waiting sample.
    start: i64,
    /// The last second, for the level.
    recent: VecDeque<i16>,
}

/// One FLAC frame with its place on the sound's axis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlacFrame {
    /// Presentation time in samples.
    pub pts_samples: i64,
    /// Length in samples.
    pub duration_samples: u32,
    /// The frame.
    pub data: Bytes,
}

impl G711ToFlac {
    /// A converter for mono sound.
    pub fn new(law: Law, sample_rate: u32) -> Self {
        let encoder = FlacEncoder::new(sample_rate);
        let block = encoder.block();
        Self { law, sample_rate, block, encoder, waiting: Vec::with_capacity(2 * block), start: 0, recent: VecDeque::new() }
    }

    /// The format of the frames.
    pub fn format(&self) -> AudioFormat {
        AudioFormat {
            codec: AudioCodec::Flac,
            sample_rate: self.sample_rate,
            channels: 1,
            codec_string: "flac".into(),
            sample_entry: boxes::flac(1, self.sample_rate, &stream_info(self.sample_rate, self.block)),
            origin: Some(self.law.name().into()),
        }
    }

    /// Takes one packet whose first sample has presentation time `pts_samples`; whole frames are appended to `out`.
    pub fn push(&mut self, pts_samples: i64, packet: &[u8], out: &mut Vec<FlacFrame>) {
        let expected = self.start + i64::try_from(self.waiting.len()).unwrap_or(0);
        if self.waiting.is_empty() {
            self.start = pts_samples;
        } else if (pts_samples - expected).abs() > SLACK_SAMPLES {
            self.flush(out);
            self.start = pts_samples;
        }
        let second = usize::try_from(self.sample_rate).unwrap_or(8000);
        for byte in packet {
            let sample = self.law.decode(*byte);
            self.waiting.push(sample);
            self.recent.push_back(sample);
        }
        while self.recent.len() > second {
            self.recent.pop_front();
        }
        while self.waiting.len() >= self.block {
            let rest = self.waiting.split_off(self.block);
            let block = std::mem::replace(&mut self.waiting, rest);
            self.emit(&block, out);
        }
    }

    /// Ends the frame in hand, shorter than the others. FLAC allows only the last frame of a stream to be short, so a new
    /// stream begins after it.
    pub fn flush(&mut self, out: &mut Vec<FlacFrame>) {
        if !self.waiting.is_empty() {
            let block = std::mem::take(&mut self.waiting);
            self.emit(&block, out);
            self.encoder = FlacEncoder::new(self.sample_rate);
        }
    }

    fn emit(&mut self, block: &[i16], out: &mut Vec<FlacFrame>) {
        let pts_samples = self.start;
        self.start += i64::try_from(block.len()).unwrap_or(0);
        let data = self.encoder.encode(block);
        out.push(FlacFrame { pts_samples, duration_samples: u32::try_from(block.len()).unwrap_or(0), data });
    }

    /// Loudness of the last second in dB below full scale.
    pub fn level_dbfs(&mut self) -> Option<f64> {
        level_dbfs(self.recent.make_contiguous())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_follow_each_other_and_a_hole_stays_a_hole() {
        let mut sound = G711ToFlac::new(Law::A, 8000);
        let block = i64::try_from(sound.block).unwrap();
        let mut out = Vec::new();
        for n in 0..10 {
            sound.push(n * 160, &[0xd5; 160], &mut out);
        }
        // Two packets are lost; the frame in hand is ended short, the next begins where the sound does.
        for n in 12..20 {
            sound.push(n * 160, &[0x2a; 160], &mut out);
        }
        sound.flush(&mut out);
        let mut at = 0;
        let mut holes = Vec::new();
        for frame in &out {
            if frame.pts_samples != at {
                holes.push((at, frame.pts_samples));
            }
            assert!(i64::from(frame.duration_samples) <= block);
            at = frame.pts_samples + i64::from(frame.duration_samples);
        }
        assert_eq!(holes, [(1600, 1920)]);
        assert_eq!(at, 3200);
    }
}
