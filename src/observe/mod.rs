//! What is true at this moment: desired against measured state per camera, told to the log, the API and the gap ledger.
//!
//! [`meter`] collects what a camera's session and the disk report, [`reconcile`] judges it without looking at any flag of the
//! recorder's own, [`words`] says it to people, [`state`] is the form the API shows.

pub mod alarms;
pub mod camera_clock;
pub mod clocks;
pub mod doctor;
pub mod log;
pub mod meter;
pub mod reconcile;
pub mod stamp_alarms;
pub mod state;
pub mod words;
