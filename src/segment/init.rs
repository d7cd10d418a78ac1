//! The initialisation segment: `ftyp`, the identity box and `moov` (ISO/IEC 14496-12 sections 4.3, 8.2 and 8.8).

use bytes::Bytes;

use super::identity::{IDENTITY_UUID, Identity};
use crate::media::boxes::{put, put_full, u16be, u32be, u64be};
use crate::media::{StreamFormat, VIDEO_TIMESCALE};

/// Track number of the pictures.
pub const VIDEO_TRACK: u32 = 1;
/// Track number of the sound.
pub const AUDIO_TRACK: u32 = 2;

/// The initialisation segment of `format`; with `identity` for a file, without for live viewers.
pub fn init_segment(format: &StreamFormat, identity: Option<&Identity>) -> Bytes {
    let mut out = Vec::with_capacity(2048);
    put(&mut out, b"ftyp", |out| {
        out.extend_from_slice(b"iso6");
        u32be(out, 1);
        out.extend_from_slice(b"iso6cmfcmp41");
    });
    if let Some(identity) = identity {
        put(&mut out, b"uuid", |out| {
            out.extend_from_slice(IDENTITY_UUID);
            out.extend_from_slice(&identity.to_json());
        });
    }
    put(&mut out, b"moov", |out| {
        put_full(out, b"mvhd", 0, 0, |out| {
            out.extend_from_slice(&[0; 8]);
            u32be(out, 1000);
            u32be(out, 0);
            u32be(out, 0x0001_0000);
            u16be(out, 0x0100);
            out.extend_from_slice(&[0; 10]);
            matrix(out);
            out.extend_from_slice(&[0; 24]);
            u32be(out, AUDIO_TRACK + 1);
        });
        let video = &format.video;
        track(out, VIDEO_TRACK, Some((video.width, video.height)), VIDEO_TIMESCALE, &video.sample_entry);
        if let Some(audio) = &format.audio {
            track(out, AUDIO_TRACK, None, audio.sample_rate, &audio.sample_entry);
        }
        put(out, b"mvex", |out| {
            trex(out, VIDEO_TRACK);
            if format.audio.is_some() {
                trex(out, AUDIO_TRACK);
            }
        });
    });
    out.into()
}

/// The RFC 6381 codecs parameter of all tracks: `avc1.640028,flac`.
pub fn codecs(format: &StreamFormat) -> String {
    match &format.audio {
        Some(audio) => format!("{},{}", format.video.codec_string, audio.codec_string),
        None => format.video.codec_string.clone(),
    }
}

/// The unity transformation matrix.
fn matrix(out: &mut Vec<u8>) {
    for n in [0x0001_0000, 0, 0, 0, 0x0001_0000, 0, 0, 0, 0x4000_0000] {
        u32be(out, n);
    }
}

fn trex(out: &mut Vec<u8>, track: u32) {
    put_full(out, b"trex", 0, 0, |out| {
        for n in [track, 1, 0, 0, 0] {
            u32be(out, n);
        }
    });
}

/// One `trak`; `size` in pixels for pictures, `None` for sound.
fn track(out: &mut Vec<u8>, number: u32, size: Option<(u32, u32)>, timescale: u32, sample_entry: &[u8]) {
    put(out, b"trak", |out| {
        put_full(out, b"tkhd", 0, 7, |out| {
            out.extend_from_slice(&[0; 8]);
            u32be(out, number);
            out.extend_from_slice(&[0; 16]);
            u16be(out, 0);
            u16be(out, 0);
            u16be(out, if size.is_some() { 0 } else { 0x0100 });
            u16be(out, 0);
            matrix(out);
            let (width, height) = size.unwrap_or((0, 0));
            u32be(out, width << 16);
            u32be(out, height << 16);
        });
        put(out, b"mdia", |out| {
            put_full(out, b"mdhd", 0, 0, |out| {
                out.extend_from_slice(&[0; 8]);
                u32be(out, timescale);
                u32be(out, 0);
                u16be(out, 0x55c4);
                u16be(out, 0);
            });
            put_full(out, b"hdlr", 0, 0, |out| {
                u32be(out, 0);
                out.extend_from_slice(if size.is_some() { b"vide" } else { b"soun" });
                out.extend_from_slice(&[0; 12]);
                out.push(0);
            });
            put(out, b"minf", |out| {
                if size.is_some() {
                    put_full(out, b"vmhd", 0, 1, |out| u64be(out, 0));
                } else {
                    put_full(out, b"smhd", 0, 0, |out| u32be(out, 0));
                }
                put(out, b"dinf", |out| {
                    put_full(out, b"dref", 0, 0, |out| {
                        u32be(out, 1);
                        put_full(out, b"url ", 0, 1, |_| {});
                    });
                });
                put(out, b"stbl", |out| {
                    put_full(out, b"stsd", 0, 0, |out| {
                        u32be(out, 1);
                        out.extend_from_slice(sample_entry);
                    });
                    put_full(out, b"stts", 0, 0, |out| u32be(out, 0));
                    put_full(out, b"stsc", 0, 0, |out| u32be(out, 0));
                    put_full(out, b"stsz", 0, 0, |out| u64be(out, 0));
                    put_full(out, b"stco", 0, 0, |out| u32be(out, 0));
                });
            });
        });
    });
}
