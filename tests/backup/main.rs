//! The second copy against real targets: a folder, and an S3 server process that the tests start and kill.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a panic here is a failed test with a line number; figures are printed"
)]

mod copying;
mod doubt;
mod full;
mod garage;
mod lifetime;
mod restoring;
mod running;
mod settings;
mod world;
