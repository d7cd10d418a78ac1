//! Attestations (签认): what a person has vouched for on a still taken then. They lapse when the view moves.
//!
//! A table of the catalogue. Earlier attestations stay; the newest of each camera and matter is the one that counts.

use serde::{Deserialize, Serialize};

use crate::catalogue::{Catalogue, StoreError, Table};
use crate::hall::CameraId;
use crate::observe::state::Bilingual;
use crate::time::WallTime;

/// Table of attestations.
const TABLE: &str = "attestations";

/// What is vouched for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// Clerk and visitor are both in view (R5).
    View,
    /// The label in the picture reads as it should (R8).
    Label,
    /// The PTZ camera moves (R4).
    Ptz,
    /// The device conforms to GB/T 28181-2016 by its papers (R1).
    Gb28181,
}

impl What {
    /// Its word on the command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::View => "view",
            Self::Label => "label",
            Self::Ptz => "ptz",
            Self::Gb28181 => "gb28181",
        }
    }

    /// In both languages.
    pub fn words(self) -> Bilingual {
        let (zh, en) = match self {
            Self::View => ("工作人员和办事群众均在画面内", "clerk and visitor are both in view"),
            Self::Label => ("画面叠加文字读数", "the label reads as told"),
            Self::Ptz => ("云台可以转动", "the PTZ camera moves"),
            Self::Gb28181 => ("设备资料表明符合 GB/T 28181-2016", "the papers show conformity to GB/T 28181-2016"),
        };
        super::both(zh, en)
    }

    /// True when it falls with the view: what was seen in another view says nothing of this one.
    pub fn lapses_with_view(self) -> bool {
        self == Self::View
    }
}

/// What a person has vouched for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attestation {
    /// Of which camera.
    pub camera: CameraId,
    /// What.
    pub what: What,
    /// Who.
    pub by: String,
    /// When.
    pub at: WallTime,
    /// SHA-256 of the still, in hexadecimal.
    pub still: String,
    /// What the label reads, for [`What::Label`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reading: Option<String>,
    /// When and why it lapsed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lapsed: Option<Lapse>,
}

/// Why an attestation counts no more (失效).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lapse {
    /// When.
    pub at: WallTime,
    /// Why.
    pub why: String,
}

/// The attestations of one recorder. Cheap to clone.
#[derive(Clone)]
pub struct Attestations(Table);

impl Attestations {
    /// Opens them.
    ///
    /// # Errors
    /// [`StoreError`] when the table cannot be opened.
    pub fn open(catalogue: &Catalogue) -> Result<Self, StoreError> {
        Ok(Self(catalogue.store().table(TABLE)?))
    }

    /// Enters an attestation; it takes the place of the camera's earlier ones of the same matter.
    ///
    /// # Errors
    /// [`StoreError`] when the row cannot be written.
    pub fn put(&self, attestation: &Attestation) -> Result<(), StoreError> {
        self.0.put_json(&key(attestation), attestation)
    }

    /// Every attestation ever made, by camera, matter and time.
    ///
    /// # Errors
    /// [`StoreError`] when the table cannot be read.
    pub fn all(&self) -> Result<Vec<Attestation>, StoreError> {
        self.0.prefix_json(b"")
    }

    /// The newest of each camera and matter, lapsed or not.
    ///
    /// # Errors
    /// [`StoreError`] when the table cannot be read.
    pub fn newest(&self) -> Result<Vec<Attestation>, StoreError> {
        let mut newest: Vec<Attestation> = Vec::new();
        for attestation in self.all()? {
            match newest.last_mut() {
                Some(last) if last.camera == attestation.camera && last.what == attestation.what => *last = attestation,
                _ => newest.push(attestation),
            }
        }
        Ok(newest)
    }

    /// The camera's view moved: what was attested of it counts no more. Gives how many lapsed.
    ///
    /// # Errors
    /// [`StoreError`] when the table cannot be read or written.
    pub fn lapse(&self, camera: &CameraId, at: WallTime, why: &str) -> Result<usize, StoreError> {
        let standing = |a: &Attestation| &a.camera == camera && a.what.lapses_with_view() && a.lapsed.is_none() && a.at <= at;
        let mut lapsed = 0;
        for mut attestation in self.newest()?.into_iter().filter(standing) {
            attestation.lapsed = Some(Lapse { at, why: why.to_owned() });
            self.put(&attestation)?;
            lapsed += 1;
        }
        Ok(lapsed)
    }
}

/// Camera, matter, time: in this order.
fn key(attestation: &Attestation) -> Vec<u8> {
    let mut key = attestation.camera.as_str().as_bytes().to_vec();
    key.push(0);
    key.extend_from_slice(attestation.what.word().as_bytes());
    key.push(0);
    // Times before 1970 do not occur; big-endian bytes keep the order of the others.
    key.extend_from_slice(&attestation.at.micros_since(WallTime::from_micros(0)).max(0).to_be_bytes());
    key
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::catalogue::Store;

    fn at(text: &str) -> WallTime {
        text.parse().expect("a time")
    }

    fn attestation(camera: &str, what: What, when: &str, by: &str) -> Attestation {
        let (camera, by) = (CameraId::new(camera), by.to_owned());
        Attestation { camera, what, by, at: at(when), still: "ab".repeat(32), reading: None, lapsed: None }
    }

    #[test]
    fn the_newest_of_each_matter_counts_and_a_view_that_moved_takes_it_away() {
        let folder = tempfile::tempdir().expect("a folder");
        let catalogue = Catalogue::open(Arc::new(Store::open(folder.path()).expect("a store"))).expect("a catalogue");
        let attestations = Attestations::open(&catalogue).expect("a table");
        attestations.put(&attestation("C3", What::View, "2026-11-20T09:00:00+08:00", "王芳")).expect("put");
        attestations.put(&attestation("C3", What::View, "2026-11-21T09:00:00+08:00", "李强")).expect("put");
        attestations.put(&attestation("C3", What::Label, "2026-11-20T09:00:00+08:00", "王芳")).expect("put");
        attestations.put(&attestation("C30", What::View, "2026-11-20T09:00:00+08:00", "王芳")).expect("put");
        let told = |all: Vec<Attestation>| -> Vec<(String, What, String, bool)> {
            all.into_iter().map(|a| (a.camera.to_string(), a.what, a.by, a.lapsed.is_some())).collect()
        };
        assert_eq!(
            told(attestations.newest().expect("read")),
            [
                ("C3".into(), What::Label, "王芳".into(), false),
                ("C3".into(), What::View, "李强".into(), false),
                ("C30".into(), What::View, "王芳".into(), false),
            ]
        );
        // It moved before the attestation: that one stands.
        assert_eq!(attestations.lapse(&CameraId::new("C3"), at("2026-11-21T08:00:00+08:00"), "moved").expect("read"), 0);
        assert_eq!(attestations.lapse(&CameraId::new("C3"), at("2026-11-22T08:00:00+08:00"), "moved").expect("read"), 1);
        let newest = told(attestations.newest().expect("read"));
        assert_eq!(newest.iter().map(|n| n.3).collect::<Vec<_>>(), [false, true, false]);
        assert_eq!(attestations.all().expect("read").len(), 4);
    }
}
