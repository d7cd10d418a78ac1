//! Reads hall.toml.

use std::path::Path;

use super::Hall;

/// How bad a complaint is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The hall cannot be used.
    Error,
    /// The hall can be used, but something should be better.
    Warning,
}

/// One thing wrong with hall.toml.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    /// How bad.
    pub severity: Severity,
    /// Line in the file, from 1.
    pub line: usize,
    /// The key, such as `window[2].camera`.
    pub key: String,
    /// What was found.
    pub found: String,
    /// What would be right.
    pub right: String,
}

/// All complaints about one file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} complaints", .0.len())]
pub struct Complaints(pub Vec<Complaint>);

/// Reads `path`.
///
/// # Errors
/// All complaints at once.
pub fn load(path: &Path) -> Result<(Hall, Vec<Complaint>), Complaints> {
    let _ = path;
    Err(Complaints(Vec::new()))
}

/// Reads the text of a hall.toml that lies in `base_dir`.
///
/// # Errors
/// All complaints at once.
pub fn parse(text: &str, base_dir: &Path) -> Result<(Hall, Vec<Complaint>), Complaints> {
    let _ = (text, base_dir);
    Err(Complaints(Vec::new()))
}
