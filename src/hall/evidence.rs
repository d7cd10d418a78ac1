//! `[evidence]`: where the recorder's signing key lies.

use std::path::{Path, PathBuf};

use super::place;
use super::reader::{Need, Reader, Section};

/// `[evidence]`: the recorder's signing key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvidenceSettings {
    /// The private key's file (签名密钥), made at the first start; `.jiancha-key/signing.pem` under the first storage root by default.
    pub key: PathBuf,
}

/// The path as written, if any.
pub(super) fn read(reader: &mut Reader, section: &Section<'_>, base_dir: &Path) -> Option<PathBuf> {
    reader.refuse_unknown(section, &["key"]);
    let written = reader.text(section, "key", Need::Optional, "\"/etc/jiancha/key/signing.pem\"")?;
    Some(place::resolve(base_dir, &written))
}

/// The settings, with the first storage root's default.
pub(super) fn settings(key: Option<PathBuf>, first_root: &Path) -> EvidenceSettings {
    EvidenceSettings { key: key.unwrap_or_else(|| first_root.join(".jiancha-key").join("signing.pem")) }
}
