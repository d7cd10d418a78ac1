//! Where media comes from: RTSP cameras ([`rtsp`]) and files ([`mod@file`]); both give a [`StreamFormat`] and then access units with
//! capture times.
//!
//! [`anchor`] finds the capture time of each unit, [`reconnect`] says when to try again, [`sound`] turns G.711 into FLAC. `design.md` beside this
//! file tells which clock wins.

pub mod anchor;
pub mod file;
pub mod reconnect;
pub mod rtsp;
pub mod sound;

use anchor::camera_clock::CameraClock;

use crate::catalogue::GapCause;
use crate::media::{AccessUnit, StreamFormat};

/// What a source gives, in order.
#[derive(Debug)]
pub enum SourceEvent {
    /// A session began and this is what it carries; also given when the format changes inside a session.
    Format(StreamFormat),
    /// One unit.
    Unit(AccessUnit),
    /// Something measured about the session.
    Measured(Measured),
}

/// What a session tells about itself beside media.
#[derive(Clone, Debug, PartialEq)]
pub enum Measured {
    /// Codec of the sound as the camera sends it.
    AudioCodec(String),
    /// Loudness of about the last second in dB below full scale.
    AudioLevel(f64),
    /// What the camera's sender reports say of its clock by now.
    CameraClock(CameraClock),
    /// Packets lost on the way since the last report.
    Loss(u64),
    /// A stream of the camera is not recorded; the text says which and why.
    Unrecorded(String),
}

/// Why a session ended or could not begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionEnd {
    /// The cause, for the gap ledger.
    pub cause: GapCause,
    /// The circumstances in words.
    pub detail: String,
}
