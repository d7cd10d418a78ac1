//! The recorder as a whole: the one place that knows every module.
//!
//! [`Recorder::start`] checks everything that can be checked before the first camera is asked, so that a wrong disk or a taken
//! port leaves nothing half-started. Then one task per camera ([`camera`]), one thread per storage root, the reconciler
//! ([`watch`]) and the viewer run until [`Recorder::stop`], which seals and syncs every file.

mod camera;
pub mod control;
mod discipline;
mod held;
pub mod keeper;
mod resume;
mod run;
mod stampers;
pub mod stamping;
mod start;
pub mod storage;
mod wall;
mod watch;

pub use run::{Run, RunError, RunSettings, name as run_name};
pub use start::{Recorder, StartError, run_settings};
