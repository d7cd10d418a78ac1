//! The stamp (叠加, R8): Beijing time and the label put into the picture.
//!
//! A stamper takes video access units and gives video access units, so that a way without re-encoding can take its place later.
//! [`text`] says what is written, [`placement`] where, [`glyphs`] turns it into a bitmap, [`blend`] lays it over a picture;
//! [`reencode`] decodes, blends and encodes with one of the descriptions that [`encoders`] finds to work; [`wall`] makes small pictures
//! for tiles from what it decodes.

pub mod blend;
mod breaking;
pub mod camera_osd;
mod caps;
pub mod characters;
pub mod check;
pub mod description;
mod description_check;
pub mod draw;
pub mod encoders;
pub mod glyphs;
pub mod i420;
pub mod limit;
mod painter;
pub mod placement;
mod probe;
mod probe_clip;
pub mod reencode;
mod rhythm;
mod sample_entry;
pub mod text;
mod under_way;
pub mod wall;
mod wall_encoder;
mod wall_pace;

use std::path::PathBuf;
use std::sync::OnceLock;

use thiserror::Error;

use crate::hall::StampSettings;
use crate::media::{VideoCodec, VideoFormat, VideoUnit};
use characters::Sort;
use draw::StampDrawer;
use placement::Layout;

/// What a stamper gives back, in order.
#[derive(Debug)]
pub enum Stamped {
    /// The format of the units that follow; always first, and again whenever it changes.
    Format(VideoFormat),
    /// One stamped picture. `pts_90k`, `capture` and `time_source` are those of the picture that went in.
    Unit(VideoUnit),
    /// The stamper has died and takes nothing more; the text says of what.
    Failed(String),
    /// Everything pushed before `finish` has come out.
    Finished,
}

/// Why a picture cannot be stamped.
#[derive(Debug, Error)]
pub enum StampError {
    /// No font with Chinese glyphs was found.
    #[error(
        "no Noto CJK font found (looked at {}); install the package fonts-noto-cjk or set `font` in [stamp]",
        list_paths(tried)
    )]
    FontMissing {
        /// Every place looked at.
        tried: Vec<PathBuf>,
    },
    /// The font file cannot be used.
    #[error("font {}: {reason}; install the package fonts-noto-cjk or set `font` in [stamp] to a TrueType or OpenType file", path.display())]
    FontUnreadable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The font has no picture for a character of the label.
    #[error("no glyph for {} `{}` (U+{:04X}) of `{text}` in the font {}: {}", Sort::of(*character), character.escape_debug(), *character as u32, font.display(), Sort::of(*character).remedy_en())]
    NoGlyph {
        /// The character.
        character: char,
        /// The text it stands in.
        text: String,
        /// The font file.
        font: PathBuf,
    },
    /// The label does not fit even at the smallest legible size.
    #[error(
        "label `{label}` does not fit a picture of {width}x{height}: at the smallest legible size of {floor_px} px its two lines have \
         {line_px} px each, and time and label together may cover {limit_percent} % of the picture; shorten division, hall or zone"
    )]
    LabelTooLong {
        /// The label, lines joined.
        label: String,
        /// Picture width in pixels.
        width: u32,
        /// Picture height in pixels.
        height: u32,
        /// Smallest legible size of a character in pixels.
        floor_px: u32,
        /// Length of a line in pixels at that size.
        line_px: u32,
        /// Greatest share of the picture the stamp may cover.
        limit_percent: u32,
    },
    /// A picture in memory is smaller than it says.
    #[error("a picture of {width}x{height} cannot be drawn on: its planes are too short (luma has {bytes} bytes)")]
    BadPicture {
        /// Width in pixels.
        width: usize,
        /// Height in pixels.
        height: usize,
        /// Bytes of its luma plane.
        bytes: usize,
    },
    /// GStreamer does not start.
    #[error("GStreamer does not start: {reason}; install the packages libgstreamer1.0-0 and gstreamer1.0-plugins-base")]
    GStreamer {
        /// What it said.
        reason: String,
    },
    /// `[stamp] encoder` names a description that does not exist.
    #[error("no pipeline description for the encoder `{name}` (known: {}); set `encoder` in [stamp] to one of them or to `auto`", known.join(", "))]
    UnknownEncoder {
        /// The name asked for.
        name: String,
        /// The names there are.
        known: Vec<String>,
    },
    /// `[stamp] encoder` and `codec` contradict each other.
    #[error(
        "the encoder `{name}` gives {gives}, but `codec` in [stamp] asks for {wanted}; leave one of them out or set `encoder` to `auto`"
    )]
    EncoderOfOtherCodec {
        /// The encoder named.
        name: String,
        /// What it gives.
        gives: VideoCodec,
        /// What is asked for.
        wanted: VideoCodec,
    },
    /// A site's own description cannot be read.
    #[error("pipeline description {}: {reason}", path.display())]
    DescriptionUnreadable {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A description is wrong or needs an element that is not installed.
    #[error("pipeline stamp-{name} ({origin}): {reason}")]
    Description {
        /// Name of the description.
        name: String,
        /// `built in` or the file.
        origin: String,
        /// What is wrong, naming the element.
        reason: String,
    },
    /// The description chosen by the site does not work here.
    #[error(
        "the encoder `{name}` does not work here: {reason}; set `encoder` in [stamp] to `auto` or mend it (`jiancha doctor` shows the table)"
    )]
    EncoderDoesNotWork {
        /// Name of the description.
        name: String,
        /// Why.
        reason: String,
    },
    /// Nothing works.
    #[error("no encoder works here ({}); install the package gstreamer1.0-plugins-ugly for x264", tried.join("; "))]
    NoEncoderWorks {
        /// Each description with the reason.
        tried: Vec<String>,
    },
    /// The camera's format cannot be given to a decoder.
    #[error("{format}: {reason}")]
    InputFormat {
        /// The format.
        format: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A unit is not what it says it is; it was not taken.
    #[error("picture at pts {pts_90k}: {reason}")]
    BadUnit {
        /// Presentation time of the unit, in 1/90000 s.
        pts_90k: i64,
        /// What is wrong with it.
        reason: String,
    },
    /// The stamper does not keep up; the unit was not taken.
    #[error("stamping lags: {queued} pictures are waiting")]
    Lagging {
        /// Pictures waiting to be decoded.
        queued: usize,
    },
    /// The stamper has died; the unit was not taken.
    #[error("the stamper has ended: {reason}")]
    Ended {
        /// What it died of.
        reason: String,
    },
}

fn list_paths(paths: &[PathBuf]) -> String {
    paths.iter().map(|p| p.display().to_string()).collect::<Vec<_>>().join(", ")
}

/// Where a camera's stamp would stand in pictures of `width` × `height` pixels, without a camera or an encoder: the check of a
/// label when it is configured.
///
/// # Errors
/// [`StampError::LabelTooLong`], [`StampError::NoGlyph`], [`StampError::FontMissing`], [`StampError::FontUnreadable`].
pub fn check_label(label: &[String; 2], settings: &StampSettings, width: u32, height: u32) -> Result<Layout, StampError> {
    StampDrawer::new(label, settings)?.layout(width, height)
}

/// Starts GStreamer once per process; later calls give the first call's result.
///
/// # Errors
/// [`StampError::GStreamer`] when the library does not start.
pub(crate) fn gst_init() -> Result<(), StampError> {
    static RESULT: OnceLock<Result<(), String>> = OnceLock::new();
    match RESULT.get_or_init(|| gstreamer::init().map_err(|e| e.to_string())) {
        Ok(()) => Ok(()),
        Err(reason) => Err(StampError::GStreamer { reason: reason.clone() }),
    }
}
