//! Proves the time and the label that a camera draws into its own picture (摄像机自带叠加), for cameras with `stamp = "camera"`.
//!
//! Now and then a key frame is decoded; [`look`] reads the clock's digits out of it ([`Luma`] → pieces of ink → rows of one height →
//! digits by their shape → date and time by their spacing), [`judge`] makes a verdict of several looks, [`label`] compares the label with
//! the attested one. All that is pure. [`watch`] is the edge: decoding, a thread, hand-over from recording.
//! What can be relied on and what not stands in `docs/camera-clock.md`.

mod ink;
pub mod judge;
pub mod label;
mod layout;
mod picture;
mod read;
mod row;
mod shapes;
pub mod watch;

pub use judge::{ClockFacts, Judge, JudgeSettings, Verdict};
pub use label::{LabelReference, LabelVerdict};
pub use picture::{Area, Luma};
pub use read::{Look, Reading, look};
pub use shapes::shape_block;
pub use watch::{CameraClock, CameraClocks, CameraOsdState};
