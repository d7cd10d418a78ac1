//! The table of segments. A hall of 32 cameras has three million rows in two months, so rows are kept in a compact form: what the key
//! and the usual path tell is not written again. Rows in the JSON of earlier versions are read as well.

use serde::{Deserialize, Serialize};

use super::keys;
use super::records::SegmentRow;
use super::store::{Store, StoreError, Table};
use crate::hall::CameraId;
use crate::segment::name;
use crate::time::WallTime;

/// Name of the table.
const SEGMENTS: &str = "segments";
/// First byte of a row in the compact form. JSON begins with `{`.
const COMPACT: u8 = 1;
/// First byte of a row in the compact form with the state of the clock behind it.
const COMPACT_WITH_CLOCK: u8 = 2;

/// A row as it is kept; camera and start stand in the key.
#[derive(Serialize, Deserialize)]
struct Stored<'a> {
    /// Length in microseconds.
    micros: i64,
    /// Name of the run, without the camera and hyphen it usually begins with.
    run: &'a str,
    run_has_prefix: bool,
    number: u32,
    root: &'a str,
    /// Where the file lies when its name is not the usual one.
    path: Path<'a>,
    bytes: u64,
    stamped: bool,
    codecs: &'a str,
    width: u32,
    height: u32,
    digest: Digest<'a>,
    restored: bool,
}

#[derive(Serialize, Deserialize)]
enum Path<'a> {
    Usual,
    Other(&'a str),
}

#[derive(Serialize, Deserialize)]
enum Digest<'a> {
    None,
    Sha256([u8; 32]),
    Other(&'a str),
}

/// The bytes of a row.
fn encode(row: &SegmentRow) -> Result<Vec<u8>, postcard::Error> {
    let prefix = format!("{}-", row.camera);
    let short = row.run.strip_prefix(&prefix);
    let usual = name::relative(&row.camera, row.from, 0);
    let stored = Stored {
        micros: row.to.micros_since(row.from),
        run: short.unwrap_or(&row.run),
        run_has_prefix: short.is_some(),
        number: row.number,
        root: &row.root,
        path: if usual == std::path::Path::new(&row.path) { Path::Usual } else { Path::Other(&row.path) },
        bytes: row.bytes,
        stamped: row.stamped,
        codecs: &row.codecs,
        width: row.width,
        height: row.height,
        digest: match &row.digest {
            None => Digest::None,
            Some(text) => unhex(text).map_or(Digest::Other(text), Digest::Sha256),
        },
        restored: row.restored,
    };
    // A row without the state of the clock is written as before: a rebuilt row of an old file equals the old row.
    match &row.clock {
        None => postcard::to_extend(&stored, vec![COMPACT]),
        Some(clock) => postcard::to_extend(clock, postcard::to_extend(&stored, vec![COMPACT_WITH_CLOCK])?),
    }
}

/// The row that `key` and `value` tell.
fn decode(key: &[u8], value: &[u8]) -> Result<SegmentRow, String> {
    let Some((&form @ (COMPACT | COMPACT_WITH_CLOCK), value)) = value.split_first() else {
        return serde_json::from_slice(value).map_err(|e| e.to_string());
    };
    let (camera, from) = keys::parse_camera_time(key).ok_or("its key is not one of a segment")?;
    let (stored, rest): (Stored<'_>, _) = postcard::take_from_bytes(value).map_err(|e| e.to_string())?;
    let clock = match form {
        COMPACT_WITH_CLOCK => Some(postcard::from_bytes(rest).map_err(|e| e.to_string())?),
        _ => None,
    };
    Ok(SegmentRow {
        from,
        to: from.plus_micros(stored.micros),
        run: if stored.run_has_prefix { format!("{camera}-{}", stored.run) } else { stored.run.to_owned() },
        number: stored.number,
        root: stored.root.to_owned(),
        path: match stored.path {
            Path::Usual => name::relative(&camera, from, 0).to_string_lossy().into_owned(),
            Path::Other(path) => path.to_owned(),
        },
        camera,
        bytes: stored.bytes,
        stamped: stored.stamped,
        codecs: stored.codecs.to_owned(),
        width: stored.width,
        height: stored.height,
        digest: match stored.digest {
            Digest::None => None,
            Digest::Sha256(bytes) => Some(crate::segment::seal::hex(&bytes)),
            Digest::Other(text) => Some(text.to_owned()),
        },
        restored: stored.restored,
        clock,
    })
}

/// The bytes of a digest in lower-case hexadecimal; `None` for any other text, which is then kept as it is.
fn unhex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
        return None;
    }
    for (n, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * n..2 * n + 2)?, 16).ok()?;
    }
    Some(bytes)
}

/// The table of segments.
#[derive(Clone)]
pub(super) struct Segments(Table);

impl Segments {
    pub(super) fn open(store: &Store) -> Result<Self, StoreError> {
        store.table(SEGMENTS).map(Self)
    }

    pub(super) fn put(&self, row: &SegmentRow) -> Result<(), StoreError> {
        let key = keys::camera_time(&row.camera, row.from);
        let bytes = encode(row).map_err(|e| StoreError::Row {
            table: SEGMENTS.to_owned(),
            key: format!("{} {}", row.camera, row.from),
            reason: e.to_string(),
        })?;
        self.0.put_bytes(&key, bytes)
    }

    pub(super) fn at_key(&self, key: &[u8]) -> Result<Option<SegmentRow>, StoreError> {
        self.0.get_as(key, &decode)
    }

    /// At most `most` rows of `camera` that begin in `from..to`.
    pub(super) fn begun(
        &self,
        camera: &CameraId,
        from: WallTime,
        to: WallTime,
        most: usize,
    ) -> Result<Vec<SegmentRow>, StoreError> {
        let (start, end) = (keys::camera_time(camera, from), keys::camera_time(camera, to));
        self.0.range_as(&start, &end, most, &decode).map(|(rows, _)| rows)
    }

    /// All rows of `camera` that begin in `from..to`, and the number of those that cannot be read.
    pub(super) fn begun_counted(
        &self,
        camera: &CameraId,
        from: WallTime,
        to: WallTime,
    ) -> Result<(Vec<SegmentRow>, usize), StoreError> {
        self.0.range_as(&keys::camera_time(camera, from), &keys::camera_time(camera, to), usize::MAX, &decode)
    }

    pub(super) fn first(&self, camera: &CameraId) -> Result<Option<SegmentRow>, StoreError> {
        self.0.end_as(&keys::camera_prefix(camera), &keys::camera_end(camera), false, &decode)
    }

    pub(super) fn last(&self, camera: &CameraId) -> Result<Option<SegmentRow>, StoreError> {
        self.0.end_as(&keys::camera_prefix(camera), &keys::camera_end(camera), true, &decode)
    }

    /// The last row of `camera` that begins before `t`.
    pub(super) fn last_before(&self, camera: &CameraId, t: WallTime) -> Result<Option<SegmentRow>, StoreError> {
        self.0.end_as(&keys::camera_prefix(camera), &keys::camera_time(camera, t), true, &decode)
    }

    /// Number of rows of `camera` that begin in `from..to`.
    pub(super) fn count(&self, camera: &CameraId, from: WallTime, to: WallTime) -> Result<u64, StoreError> {
        self.0.count(&keys::camera_time(camera, from), &keys::camera_time(camera, to))
    }

    pub(super) fn key_from(&self, from: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.0.key_from(from)
    }

    pub(super) fn key_before(&self, end: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.0.key_before(end)
    }

    /// Puts a row that cannot be read.
    #[cfg(test)]
    pub(super) fn put_garbage(&self, key: &[u8]) {
        self.0.put_garbage(key);
    }

    pub(super) fn remove(&self, key: &[u8]) -> Result<bool, StoreError> {
        self.0.remove(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::ClockMark;
    use proptest::prelude::*;

    fn row() -> SegmentRow {
        let from = WallTime::parse_rfc3339("2026-11-22T14:50:00.040+08:00").unwrap();
        SegmentRow {
            camera: CameraId::new("C3"),
            from,
            to: from.plus_micros(60_000_000),
            run: "C3-20261122T144903.123".into(),
            number: 7,
            root: "/srv/jiancha/a".into(),
            path: "C3/2026-11-22/14/145000.mp4".into(),
            bytes: 22_500_000,
            stamped: true,
            codecs: "avc1.640028,flac".into(),
            width: 1920,
            height: 1080,
            digest: Some("00ff".repeat(16)),
            restored: false,
            clock: None,
        }
    }

    fn key(row: &SegmentRow) -> Vec<u8> {
        keys::camera_time(&row.camera, row.from)
    }

    #[test]
    fn a_usual_row_takes_less_than_120_bytes_and_comes_back_whole() {
        let bytes = encode(&row()).unwrap();
        assert!(bytes.len() < 120, "{} bytes", bytes.len());
        assert_eq!(decode(&key(&row()), &bytes).unwrap(), row());
    }

    #[test]
    fn a_row_of_an_earlier_version_is_read() {
        let json = serde_json::to_vec(&row()).unwrap();
        assert_eq!(decode(&key(&row()), &json).unwrap(), row());
    }

    #[test]
    fn a_row_of_either_compact_form_is_read() {
        assert_eq!(encode(&row()).unwrap()[0], 1);
        let clock = Some(ClockMark { disciplined: false, max_error_ms: 16_000 });
        let kept = SegmentRow { clock, ..row() };
        let bytes = encode(&kept).unwrap();
        assert_eq!((bytes[0], bytes.len() - encode(&row()).unwrap().len()), (2, 3));
        assert_eq!(decode(&key(&kept), &bytes).unwrap(), kept);
        assert!(bytes.len() < 120, "{} bytes", bytes.len());
        for cut in 0..bytes.len() {
            assert!(decode(&key(&kept), &bytes[..cut]).is_err(), "cut at {cut}");
        }
    }

    #[test]
    fn damage_is_told_and_never_a_panic() {
        let bytes = encode(&row()).unwrap();
        for cut in 0..bytes.len() {
            assert!(decode(&key(&row()), &bytes[..cut]).is_err(), "cut at {cut}");
        }
        assert!(decode(b"C3", &bytes).is_err());
    }

    proptest! {
        #[test]
        fn every_row_comes_back_whole(
            run in ".{0,30}", path in ".{0,40}", root in ".{0,20}", digest in prop::option::of("[0-9a-fA-F]{0,70}"),
            from in -1_000_000_000_000i64..4_000_000_000_000_000, micros in any::<i32>(), bytes: u64, number: u32, restored: bool,
            clock in prop::option::of((any::<bool>(), any::<u32>())),
        ) {
            let clock = clock.map(|(disciplined, max_error_ms)| ClockMark { disciplined, max_error_ms });
            let from = WallTime::from_micros(from);
            let row = SegmentRow { from, to: from.plus_micros(micros.into()), run, path, root, digest, bytes, number, restored, clock, ..row() };
            prop_assert_eq!(decode(&key(&row), &encode(&row).unwrap()).unwrap(), row);
        }

        #[test]
        fn any_bytes_are_read_or_refused(value in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode(&key(&row()), &value);
        }
    }
}
