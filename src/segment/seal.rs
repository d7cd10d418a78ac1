//! The end of a complete segment: a random-access table with the seal inside it.
//!
//! ```text
//! mfra ─┬─ tfra              random access points of the pictures (ISO/IEC 14496-12 section 8.8.10)
//!       ├─ uuid "jiancha seal box"   JSON: digest of every byte before this box, end time, counts
//!       └─ mfro              size of mfra, so that players find it from the end
//! ```
//! `head -c BYTES file | sha256sum` gives the digest, with BYTES from the seal.

use sha2::{Digest, Sha256};

use super::identity::{SEAL_UUID, Seal, TimeTally};
use super::init::VIDEO_TRACK;
use crate::media::boxes::{put, put_full, u32be, u64be};
use crate::time::WallTime;

/// A random access point: decode time in 1/90000 s and offset of its `moof`.
pub type RandomAccess = (u64, u64);

/// What the seal says apart from the digest.
pub struct SealFacts<'a> {
    /// Random access points, in order.
    pub random_access: &'a [RandomAccess],
    /// Bytes of the file so far.
    pub bytes: u64,
    /// Capture time at which the last picture ends.
    pub to: WallTime,
    /// Number of pictures.
    pub pictures: u32,
    /// Number of parts.
    pub parts: u32,
    /// How capture times were found, where that is known.
    pub times: Option<TimeTally>,
}

/// The bytes that end a segment, and the seal in them. `hasher` has taken every byte written so far.
pub fn seal(mut hasher: Sha256, facts: &SealFacts<'_>) -> (Vec<u8>, Seal) {
    let mut table = Vec::new();
    put_full(&mut table, b"tfra", 1, 0, |out| {
        u32be(out, VIDEO_TRACK);
        // traf, trun and sample numbers take one byte each.
        u32be(out, 0);
        u32be(out, u32::try_from(facts.random_access.len()).unwrap_or(u32::MAX));
        for (time, offset) in facts.random_access {
            u64be(out, *time);
            u64be(out, *offset);
            out.extend_from_slice(&[1, 1, 1]);
        }
    });
    let mut seal = Seal {
        // A digest has a fixed length, so the size of the whole is known before the digest is.
        digest: "0".repeat(64),
        bytes: facts.bytes + 8 + u64::try_from(table.len()).unwrap_or(0),
        to: facts.to,
        pictures: facts.pictures,
        parts: facts.parts,
        times: facts.times,
    };
    let size = 8 + table.len() + 8 + SEAL_UUID.len() + seal.to_json().len() + 16;
    let size = u32::try_from(size).unwrap_or(u32::MAX);
    let mut out = Vec::new();
    u32be(&mut out, size);
    out.extend_from_slice(b"mfra");
    out.extend_from_slice(&table);
    hasher.update(&out);
    seal.digest = hex(&hasher.finalize());
    put(&mut out, b"uuid", |out| {
        out.extend_from_slice(SEAL_UUID);
        out.extend_from_slice(&seal.to_json());
    });
    put_full(&mut out, b"mfro", 0, 0, |out| u32be(out, size));
    (out, seal)
}

/// Bytes in hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
