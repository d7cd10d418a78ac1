//! Order-preserving keys: bytes sort as camera first, time second.

use crate::hall::CameraId;
use crate::time::WallTime;

/// All keys of a camera begin with this. Camera ids hold no zero byte, so no id is another's prefix.
pub fn camera_prefix(camera: &CameraId) -> Vec<u8> {
    let mut key = camera.as_str().as_bytes().to_vec();
    key.push(0);
    key
}

/// Key of something of `camera` at `t`. Times before 1970 sort before later ones too.
pub fn camera_time(camera: &CameraId, t: WallTime) -> Vec<u8> {
    let mut key = camera_prefix(camera);
    key.extend_from_slice(&ordered(t.as_micros()));
    key
}

/// All keys of a camera sort before this one.
pub fn camera_end(camera: &CameraId) -> Vec<u8> {
    let mut key = camera.as_str().as_bytes().to_vec();
    key.push(1);
    key
}

/// Camera and time of a key of [`camera_time`]; `None` for any other.
pub fn parse_camera_time(key: &[u8]) -> Option<(CameraId, WallTime)> {
    let at = key.len().checked_sub(9)?;
    let (camera, rest) = key.split_at(at);
    let (0, time) = rest.split_first()? else { return None };
    let time = u64::from_be_bytes(time.try_into().ok()?) ^ (1 << 63);
    Some((CameraId::new(std::str::from_utf8(camera).ok()?), WallTime::from_micros(time.cast_signed())))
}

/// The time a key of [`camera_time`] tells; `None` for a key of another camera or form.
pub fn time_of(camera: &CameraId, key: &[u8]) -> Option<WallTime> {
    let eight: [u8; 8] = key.strip_prefix(camera_prefix(camera).as_slice())?.try_into().ok()?;
    Some(WallTime::from_micros((u64::from_be_bytes(eight) ^ (1 << 63)).cast_signed()))
}

/// Eight bytes that sort as the signed number does.
pub fn ordered(n: i64) -> [u8; 8] {
    (n.cast_unsigned() ^ (1 << 63)).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn keys_sort_as_times_do(a: i64, b: i64) {
            prop_assert_eq!(a.cmp(&b), ordered(a).cmp(&ordered(b)));
            let (camera, t) = (CameraId::new("C1"), WallTime::from_micros(a));
            prop_assert_eq!(time_of(&camera, &camera_time(&camera, t)), Some(t));
        }

        #[test]
        fn a_key_tells_camera_and_time(id in "[A-Za-z0-9_-]{1,64}", t: i64) {
            let (camera, t) = (CameraId::new(id), WallTime::from_micros(t));
            prop_assert_eq!(parse_camera_time(&camera_time(&camera, t)), Some((camera.clone(), t)));
            prop_assert!(camera_time(&camera, t) < camera_end(&camera));
        }
    }

    #[test]
    fn a_camera_whose_id_begins_like_another_is_kept_apart() {
        let (c1, c10) = (CameraId::new("C1"), CameraId::new("C10"));
        assert!(!camera_time(&c10, WallTime::from_micros(7)).starts_with(&camera_prefix(&c1)));
    }
}
