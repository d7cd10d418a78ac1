//! The viewer's API as a browser, a player and an attacker meet it: the real router on a real socket, a catalogue in a temporary
//! folder, a clock moved by hand, recordings written by the real writer.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a panic in a test is a failed test with a line number")]

mod live;
mod media;
mod playback;
mod refused;
mod signing_in;
mod site;
mod told;
