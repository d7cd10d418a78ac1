//! What is true at this moment: desired against measured state per camera, told to the log, the API and the gap ledger.

pub mod doctor;
pub mod log;
pub mod reconcile;
pub mod state;
