//! Coverage proven (覆盖检查): a hall against the rules of its profile, by what was measured (R1–R10).
//!
//! [`profile`] holds the rules as data, [`measured`] what is known of the hall, [`attest`] what a person has vouched for, [`rules`]
//! judges purely, [`report`] tells it. [`office`] and [`live`] are the edges that fill [`measured::Measured`]. Stands behind
//! [`crate::observe`] in the data path. See `design.md` beside this file.

pub mod attest;
pub mod live;
pub mod measured;
pub mod office;
pub mod profile;
pub mod report;
pub mod rules;

pub use attest::{Attestation, Attestations, What};
pub use measured::Measured;
pub use office::{Ask, Office, Told};
pub use profile::{Check, Library, Profile, ProfileError};
pub use report::Report;
pub use rules::{Finding, Verdict, judge};

use crate::observe::state::Bilingual;

/// A text in both languages.
fn both(zh: impl Into<String>, en: impl Into<String>) -> Bilingual {
    Bilingual { zh: zh.into(), en: en.into() }
}
