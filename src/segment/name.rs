//! Names of segment files: `<camera>/<Beijing date>/<HH>/<HHMMSS>.mp4`, so that a person with a file manager finds the minute.

use std::path::PathBuf;

use crate::hall::CameraId;
use crate::time::WallTime;

/// The path below a storage root of a segment of `camera` that begins at `from`.
///
/// `attempt` is 0; when a file of that name exists already (the clock was set back), 1, 2 … give `HHMMSS-2.mp4`, `HHMMSS-3.mp4` …
pub fn relative(camera: &CameraId, from: WallTime, attempt: u32) -> PathBuf {
    let t = from.beijing();
    let suffix = if attempt == 0 { String::new() } else { format!("-{}", attempt + 1) };
    PathBuf::from(camera.as_str())
        .join(t.format("%Y-%m-%d").to_string())
        .join(t.format("%H").to_string())
        .join(format!("{}{suffix}.mp4", t.format("%H%M%S")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_found_by_beijing_date_and_time() {
        let t = WallTime::parse_rfc3339("2026-11-21T16:05:09.500Z").unwrap();
        assert_eq!(relative(&CameraId::new("C3"), t, 0), PathBuf::from("C3/2026-11-22/00/000509.mp4"));
        assert_eq!(relative(&CameraId::new("C3"), t, 1), PathBuf::from("C3/2026-11-22/00/000509-2.mp4"));
    }
}
