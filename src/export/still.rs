//! A still picture (抓图) from the recording: the picture shown at a moment, with the stamp in it.
//!
//! The segment is read from the random access point before the moment and decoded up to it. A picture that carries no stamp gets it
//! drawn with its own capture time and the label of its file.

use std::fs::File;
use std::path::{Path, PathBuf};

use image::ImageEncoder as _;

use super::footage;
use super::samples::{self, SampleError};
use crate::catalogue::SegmentRow;
use crate::catalogue::timeline::Gap;
use crate::hall::StampSettings;
use crate::media::libav::LibavError;
use crate::media::libav::decode::picture_at;
use crate::media::picture::I420;
use crate::stamp::StampError;
use crate::stamp::blend::Range;
use crate::stamp::draw::StampDrawer;
use crate::time::{Span, WallTime};

/// Quality of JPEG stills, of 100: the stamp stays sharp, a 1080p picture takes some 400 KB.
const JPEG_QUALITY: u8 = 92;
/// A picture is shown until the next; where the recording says nothing more, for this long.
const LAST_PICTURE_MICROS: i64 = 500_000;

/// The form of a still.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// PNG: without loss.
    Png,
    /// JPEG.
    Jpeg,
}

impl Form {
    /// The form that a file's name asks for: `.png`, `.jpg` or `.jpeg`.
    pub fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "png" => Some(Self::Png),
            "jpg" | "jpeg" => Some(Self::Jpeg),
            _ => None,
        }
    }
}

/// A picture out of the recording.
#[derive(Clone, Debug)]
pub struct Still {
    /// When it was taken.
    pub capture: WallTime,
    /// True when the stamp was in the recording, false when it was drawn now.
    pub recorded_stamp: bool,
    /// The segment file it is from.
    pub file: PathBuf,
    /// The picture with the stamp.
    pub picture: I420,
}

/// Why there is no still.
#[derive(Debug, thiserror::Error)]
pub enum StillError {
    /// The file cannot be read.
    #[error(transparent)]
    Segment(#[from] SampleError),
    /// The file cannot be read.
    #[error("read {path}: {source} (see whether the disk is mounted; `jiancha verify` tells more)")]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// Its pictures cannot be decoded.
    #[error("{path}: {reason}")]
    Decode {
        /// Which file.
        path: PathBuf,
        /// What was found.
        reason: String,
    },
    /// The stamp cannot be drawn; a picture without it is not given out.
    #[error("the stamp cannot be drawn on the picture of {path}: {source}")]
    Stamp {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: StampError,
    },
    /// The picture cannot be coded.
    #[error("code the picture: {0}")]
    Code(#[from] image::ImageError),
}

/// The row of the segment that shows the moment `at`; the later one where two meet.
pub fn row_at(rows: &[SegmentRow], at: WallTime) -> Option<&SegmentRow> {
    // The row of an open file tells how far it is synced; the file itself may reach a little further.
    let shows = |row: &&SegmentRow| {
        let slack = if row.digest.is_none() { LAST_PICTURE_MICROS } else { 0 };
        row.from <= at && at < row.to.plus_micros(slack)
    };
    rows.iter().filter(shows).max_by_key(|row| row.from)
}

/// The picture shown at `at`, which lies in the segment of `row`, with the stamp.
///
/// # Errors
/// [`StillError`].
pub fn take(row: &SegmentRow, at: WallTime, settings: &StampSettings) -> Result<Still, StillError> {
    let path = Path::new(&row.root).join(&row.path);
    let source = samples::read(&path)?;
    let decode = |reason: String| StillError::Decode { path: path.clone(), reason };
    let format = footage::video_format(&source.format)
        .ok_or_else(|| decode("its pictures are in no form that can be decoded".into()))?;
    let parts = footage::parts_for(&source, Span::new(at, at.plus_micros(1)));
    let Some(part) = parts.iter().rfind(|p| p.from <= at).or(parts.first()) else {
        return Err(decode("it has no picture that decodes alone before that time".into()));
    };
    let first = footage::pictures(part).next().map_or(0, |p| p.pts_90k);
    let at_90k = first.saturating_add(at.micros_since(part.from).saturating_mul(9).div_euclid(100));
    let file = File::open(&path).map_err(|source| StillError::Read { path: path.clone(), source })?;
    let mut unread = None;
    let units = parts.iter().flat_map(footage::pictures).map_while(|place| match place.read(&file) {
        Ok(data) => Some((place.pts_90k, data)),
        Err(e) => {
            unread = Some(e);
            None
        }
    });
    let found = picture_at(&format, units, at_90k).map_err(|e: LibavError| decode(e.to_string()))?;
    if let Some(source) = unread {
        return Err(StillError::Read { path, source });
    }
    let (pts_90k, mut picture) = found.ok_or_else(|| decode("its pictures cannot be decoded".into()))?;
    let own = parts.iter().find(|p| footage::pictures(p).any(|place| place.pts_90k == pts_90k)).unwrap_or(part);
    let capture = footage::capture(own, pts_90k);
    if !row.stamped {
        let label = source.identity.label_lines();
        draw(&mut picture, &label, settings, capture).map_err(|source| StillError::Stamp { path: path.clone(), source })?;
    }
    Ok(Still { capture, recorded_stamp: row.stamped, file: path, picture })
}

/// Draws the stamp of a picture taken at `capture`.
///
/// # Errors
/// Those of [`StampDrawer`].
pub fn draw(picture: &mut I420, label: &[String; 2], settings: &StampSettings, capture: WallTime) -> Result<(), StampError> {
    let (width, height, chroma) = (picture.width, picture.height, picture.chroma_width());
    let range = if picture.full_range { Range::Full } else { Range::Limited };
    let planes = [&mut picture.y[..], &mut picture.u[..], &mut picture.v[..]];
    StampDrawer::new(label, settings)?.draw_i420(planes, [width as usize, chroma, chroma], width, height, capture, range)
}

/// The picture as the bytes of a file.
///
/// # Errors
/// [`StillError::Code`].
pub fn encode(picture: &I420, form: Form) -> Result<Vec<u8>, StillError> {
    let mut out = Vec::new();
    let (rgb, colour) = (picture.to_rgb(), image::ExtendedColorType::Rgb8);
    match form {
        Form::Png => {
            image::codecs::png::PngEncoder::new(&mut out).write_image(&rgb, picture.width, picture.height, colour)?;
        }
        Form::Jpeg => {
            let encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut out, JPEG_QUALITY);
            encoder.write_image(&rgb, picture.width, picture.height, colour)?;
        }
    }
    Ok(out)
}

/// What there is instead of a picture at a moment (缺录): why, and the nearest pictures on both sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nothing {
    /// The gap of the ledger that the moment lies in.
    pub gap: Option<Gap>,
    /// The last moment before it that is recorded.
    pub before: Option<WallTime>,
    /// The first moment after it that is recorded.
    pub after: Option<WallTime>,
}

impl Nothing {
    /// What lies around `at`, from what is recorded and what is missing around it.
    pub fn around(at: WallTime, recorded: &[Span], gaps: &[Gap]) -> Self {
        Self {
            gap: gaps.iter().find(|g| g.from <= at && at < g.to).cloned(),
            // A span's end is where its last picture ends.
            before: recorded.iter().filter(|s| s.to <= at).map(|s| s.to.plus_micros(-1000).max(s.from)).max(),
            after: recorded.iter().filter(|s| s.from > at).map(|s| s.from).min(),
        }
    }

    /// The nearer of the two.
    pub fn nearest(&self, at: WallTime) -> Option<WallTime> {
        [self.before, self.after].into_iter().flatten().min_by_key(|t| t.micros_since(at).abs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::GapCause;
    use crate::hall::CameraId;

    fn row(from: i64, to: i64, open: bool) -> SegmentRow {
        let t = |s: i64| WallTime::from_micros(s * 1_000_000);
        SegmentRow {
            camera: CameraId::new("C1"),
            from: t(from),
            to: t(to),
            run: "r".into(),
            number: 0,
            root: "/r".into(),
            path: format!("{from}"),
            bytes: 1,
            stamped: true,
            codecs: String::new(),
            width: 640,
            height: 360,
            digest: (!open).then(String::new),
            restored: false,
            clock: None,
        }
    }

    fn at(seconds: f64) -> WallTime {
        WallTime::from_micros((seconds * 1e6) as i64)
    }

    #[test]
    fn a_moment_belongs_to_the_later_segment_where_two_meet() {
        let rows = [row(0, 60, false), row(60, 120, false), row(130, 140, true)];
        let path = |s: f64| row_at(&rows, at(s)).map(|r| r.path.as_str());
        assert_eq!(
            [path(59.9), path(60.0), path(120.0), path(140.4), path(140.6)],
            [Some("0"), Some("60"), None, Some("130"), None]
        );
    }

    #[test]
    fn in_a_gap_the_cause_and_the_nearest_pictures_are_told() {
        let recorded = [Span::new(at(0.0), at(60.0)), Span::new(at(100.0), at(160.0))];
        let gap = Gap {
            camera: CameraId::new("C1"),
            from: at(60.0),
            to: at(100.0),
            cause: GapCause::CameraUnreachable,
            detail: String::new(),
        };
        let nothing = Nothing::around(at(90.0), &recorded, std::slice::from_ref(&gap));
        assert_eq!(nothing, Nothing { gap: Some(gap), before: Some(at(59.999)), after: Some(at(100.0)) });
        assert_eq!(nothing.nearest(at(90.0)), Some(at(100.0)));
        assert_eq!(nothing.nearest(at(61.0)), Some(at(59.999)));
        assert_eq!(Nothing::around(at(90.0), &[], &[]).nearest(at(90.0)), None);
    }

    #[test]
    fn the_files_name_tells_the_form() {
        let form = |name: &str| Form::of(Path::new(name));
        assert_eq!(
            [form("a.png"), form("a.JPG"), form("a.jpeg"), form("a.gif"), form("a")],
            [Some(Form::Png), Some(Form::Jpeg), Some(Form::Jpeg), None, None]
        );
    }

    #[test]
    fn a_coded_picture_reads_back_in_its_size() {
        let picture = I420 {
            width: 6,
            height: 4,
            full_range: true,
            matrix: crate::media::picture::Matrix::Bt601,
            y: vec![200; 24],
            u: vec![128; 6],
            v: vec![128; 6],
        };
        for form in [Form::Png, Form::Jpeg] {
            let read = image::load_from_memory(&encode(&picture, form).unwrap()).unwrap().to_rgb8();
            assert_eq!((read.width(), read.height(), read.get_pixel(3, 2).0), (6, 4, [200; 3]), "{form:?}");
        }
    }
}
