//! The stamp (叠加, R8): Beijing time and the label put into the picture.
//!
//! A stamper takes video access units and gives video access units, so that a way without re-encoding can take its place later.
//! [`text`] says what is written, [`placement`] where, [`glyphs`] turns it into a bitmap, [`reencode`] decodes, blends and encodes.

pub mod encoders;
pub mod glyphs;
pub mod placement;
pub mod reencode;
pub mod text;

use crate::media::{VideoFormat, VideoUnit};

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
