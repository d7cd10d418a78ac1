//! ISO base media boxes (ISO/IEC 14496-12) and the sample entries of the codecs we store.
//!
//! [`put`] writes a box and fills in its size afterwards, so no caller counts bytes.

use bytes::Bytes;

/// Appends a box of type `kind` whose payload `body` writes.
pub fn put(out: &mut Vec<u8>, kind: &[u8; 4], body: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(kind);
    body(out);
    // A box of ours is an initialisation segment or a part: far below 4 GiB.
    let size = u32::try_from(out.len() - start).unwrap_or(u32::MAX);
    out[start..start + 4].copy_from_slice(&size.to_be_bytes());
}

/// Appends a full box: version and flags come before the payload.
pub fn put_full(out: &mut Vec<u8>, kind: &[u8; 4], version: u8, flags: u32, body: impl FnOnce(&mut Vec<u8>)) {
    put(out, kind, |out| {
        out.extend_from_slice(&((u32::from(version) << 24) | flags).to_be_bytes());
        body(out);
    });
}

/// Appends a 16-bit number.
pub fn u16be(out: &mut Vec<u8>, n: u16) {
    out.extend_from_slice(&n.to_be_bytes());
}

/// Appends a 32-bit number.
pub fn u32be(out: &mut Vec<u8>, n: u32) {
    out.extend_from_slice(&n.to_be_bytes());
}

/// Appends a 64-bit number.
pub fn u64be(out: &mut Vec<u8>, n: u64) {
    out.extend_from_slice(&n.to_be_bytes());
}

/// Front of a visual sample entry (ISO/IEC 14496-12 section 12.1.3).
fn visual(out: &mut Vec<u8>, width: u32, height: u32) {
    out.extend_from_slice(&[0; 6]);
    u16be(out, 1);
    out.extend_from_slice(&[0; 16]);
    u16be(out, u16::try_from(width).unwrap_or(u16::MAX));
    u16be(out, u16::try_from(height).unwrap_or(u16::MAX));
    u32be(out, 0x0048_0000);
    u32be(out, 0x0048_0000);
    u32be(out, 0);
    u16be(out, 1);
    out.extend_from_slice(&[0; 32]);
    u16be(out, 0x0018);
    u16be(out, 0xffff);
}

/// Front of an audio sample entry (ISO/IEC 14496-12 section 12.2.3).
fn audible(out: &mut Vec<u8>, channels: u16, sample_rate: u32) {
    out.extend_from_slice(&[0; 6]);
    u16be(out, 1);
    out.extend_from_slice(&[0; 8]);
    u16be(out, channels);
    u16be(out, 16);
    u32be(out, 0);
    // 16.16 fixed point; rates above 65535 Hz are told by the codec's own record.
    u32be(out, u32::from(u16::try_from(sample_rate).unwrap_or(0)) << 16);
}

/// The `avc1` sample entry around an `avcC` record (ISO/IEC 14496-15 section 5.4), for square pixels.
pub fn avc1(width: u32, height: u32, record: &[u8]) -> Bytes {
    avc1_of_aspect(width, height, (1, 1), record)
}

/// The `avc1` sample entry for pixels of another shape: `aspect` is horizontal to vertical spacing (section 12.1.4).
pub fn avc1_of_aspect(width: u32, height: u32, aspect: (u32, u32), record: &[u8]) -> Bytes {
    let mut out = Vec::with_capacity(record.len() + 120);
    put(&mut out, b"avc1", |out| {
        visual(out, width, height);
        put(out, b"avcC", |out| out.extend_from_slice(record));
        put_aspect(out, aspect);
    });
    out.into()
}

/// The shape of pixels that are not square.
fn put_aspect(out: &mut Vec<u8>, aspect: (u32, u32)) {
    if aspect.0 != aspect.1 {
        put(out, b"pasp", |out| {
            u32be(out, aspect.0);
            u32be(out, aspect.1);
        });
    }
}

/// The `hvc1` sample entry around an `hvcC` record (ISO/IEC 14496-15 section 8.4).
pub fn hvc1(width: u32, height: u32, record: &[u8]) -> Bytes {
    hvc1_of_aspect(width, height, (1, 1), record)
}

/// The `hvc1` sample entry for pixels of another shape, as [`avc1_of_aspect`].
pub fn hvc1_of_aspect(width: u32, height: u32, aspect: (u32, u32), record: &[u8]) -> Bytes {
    let mut out = Vec::with_capacity(record.len() + 120);
    put(&mut out, b"hvc1", |out| {
        visual(out, width, height);
        put(out, b"hvcC", |out| out.extend_from_slice(record));
        put_aspect(out, aspect);
    });
    out.into()
}

/// The `mp4a` sample entry around an AudioSpecificConfig (ISO/IEC 14496-14 section 5.6).
pub fn mp4a(channels: u16, sample_rate: u32, config: &[u8]) -> Bytes {
    let config_len = u8::try_from(config.len()).unwrap_or(u8::MAX).min(100);
    let config = &config[..usize::from(config_len)];
    let mut out = Vec::with_capacity(120);
    put(&mut out, b"mp4a", |out| {
        audible(out, channels, sample_rate);
        put_full(out, b"esds", 0, 0, |out| {
            // ES_Descriptor, DecoderConfigDescriptor (MPEG-4 audio), DecoderSpecificInfo, SLConfigDescriptor.
            out.extend_from_slice(&[0x03, 3 + 2 + 13 + 2 + config_len + 3, 0, 1, 0]);
            out.extend_from_slice(&[0x04, 13 + 2 + config_len, 0x40, 0x15, 0, 0, 0]);
            u32be(out, 0);
            u32be(out, 0);
            out.extend_from_slice(&[0x05, config_len]);
            out.extend_from_slice(config);
            out.extend_from_slice(&[0x06, 1, 2]);
        });
    });
    out.into()
}

/// The `fLaC` sample entry around a STREAMINFO block (Encapsulation of FLAC in ISO BMFF, section 3.3).
pub fn flac(channels: u16, sample_rate: u32, stream_info: &[u8; 34]) -> Bytes {
    let mut out = Vec::with_capacity(100);
    put(&mut out, b"fLaC", |out| {
        audible(out, channels, sample_rate);
        put_full(out, b"dfLa", 0, 0, |out| {
            // Last metadata block, type STREAMINFO, 34 bytes.
            out.extend_from_slice(&[0x80, 0, 0, 34]);
            out.extend_from_slice(stream_info);
        });
    });
    out.into()
}

/// The RFC 6381 codecs parameter of an `avcC` record; `None` when the record is cut short.
pub fn avc_codec_string(record: &[u8]) -> Option<String> {
    let [1, profile, constraints, level, ..] = record else { return None };
    Some(format!("avc1.{profile:02X}{constraints:02X}{level:02X}"))
}

/// The RFC 6381 codecs parameter of an `hvcC` record (ISO/IEC 14496-15 annex E); `None` when the record is cut short.
pub fn hevc_codec_string(record: &[u8]) -> Option<String> {
    let head: &[u8; 13] = record.get(..13)?.try_into().ok()?;
    let space = match head[1] >> 6 {
        0 => "",
        1 => "A",
        2 => "B",
        _ => "C",
    };
    let profile = head[1] & 0x1f;
    let tier = if head[1] & 0x20 == 0 { 'L' } else { 'H' };
    let compatibility = u32::from_be_bytes([head[2], head[3], head[4], head[5]]).reverse_bits();
    let mut text = format!("hvc1.{space}{profile}.{compatibility:X}.{tier}{}", head[12]);
    let constraints = &head[6..12];
    let used = constraints.iter().rposition(|b| *b != 0).map_or(0, |last| last + 1);
    for byte in &constraints[..used] {
        text.push_str(&format!(".{byte:X}"));
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_knows_its_size() {
        let mut out = Vec::new();
        put(&mut out, b"free", |out| put_full(out, b"abcd", 1, 2, |out| u16be(out, 7)));
        assert_eq!(out, [0, 0, 0, 22, b'f', b'r', b'e', b'e', 0, 0, 0, 14, b'a', b'b', b'c', b'd', 1, 0, 0, 2, 0, 7]);
    }

    #[test]
    fn codec_strings_are_those_browsers_ask_for() {
        assert_eq!(avc_codec_string(&[1, 0x64, 0, 0x28, 0xff]).as_deref(), Some("avc1.640028"));
        assert_eq!(avc_codec_string(&[1, 0x64]), None);
        // Main profile, level 4.0 (120), compatibility flags 1 and 2, one constraint byte 0xb0: as ffmpeg writes for 1080p25.
        let record = [1, 1, 0x60, 0, 0, 0, 0xb0, 0, 0, 0, 0, 0, 120];
        assert_eq!(hevc_codec_string(&record).as_deref(), Some("hvc1.1.6.L120.B0"));
    }
}
