//! Signed notes: a small JSON file and, beside it, the raw 64 bytes of its signature (`openssl pkeyutl -verify -rawin` checks it).

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::key::Keyring;

/// No note of ours comes near this; a larger file is none.
const LARGEST_NOTE: u64 = 16 * 1024 * 1024;

/// A note whose signature holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// The note's bytes.
    pub bytes: Vec<u8>,
    /// Its signature.
    pub signature: Vec<u8>,
    /// Id of the key that signed it.
    pub key: String,
}

/// Why a note does not count.
#[derive(Debug, thiserror::Error)]
pub enum NoteError {
    /// A file cannot be read.
    #[error("read {path}: {source}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// There is no signature.
    #[error("its signature {path} is not there")]
    Unsigned {
        /// Where the signature should be.
        path: PathBuf,
    },
    /// None of the known keys signed these bytes.
    #[error("its signature is of none of the known keys ({known}): the text was changed, or another recorder signed it")]
    Forged {
        /// Ids of the known keys.
        known: String,
    },
}

/// The name of the signature of the note `name`.
pub fn signature_name(name: &str) -> String {
    format!("{name}.sig")
}

/// The name under which a note lies until it is whole.
fn aside_name(name: &str) -> String {
    format!(".{name}.new")
}

/// Reads the note `folder/name`; `None` when there is none.
///
/// A power cut between the renames of text and signature leaves the new text under its waiting name: then that one counts.
///
/// # Errors
/// [`NoteError`] when it cannot be read or its signature does not hold.
pub fn read(folder: &Path, name: &str, ring: &Keyring) -> Result<Option<Signed>, NoteError> {
    let path = folder.join(name);
    let Some(bytes) = bytes_of(&path)? else { return Ok(None) };
    let place = folder.join(signature_name(name));
    let Some(signature) = bytes_of(&place)? else { return Err(NoteError::Unsigned { path: place }) };
    if let Some(key) = ring.signer_of(&bytes, &signature) {
        return Ok(Some(Signed { key: key.id().to_owned(), bytes, signature }));
    }
    if let Some(bytes) = bytes_of(&folder.join(aside_name(name)))?
        && let Some(key) = ring.signer_of(&bytes, &signature)
    {
        return Ok(Some(Signed { key: key.id().to_owned(), bytes, signature }));
    }
    Err(NoteError::Forged { known: if ring.ids().is_empty() { "none".to_owned() } else { ring.ids().join(", ") } })
}

fn bytes_of(path: &Path) -> Result<Option<Vec<u8>>, NoteError> {
    let fail = |source| NoteError::Io { path: path.to_owned(), source };
    match std::fs::metadata(path) {
        Ok(m) if m.len() > LARGEST_NOTE => Err(fail(std::io::Error::other("too large to be a note"))),
        Ok(_) => std::fs::read(path).map(Some).map_err(fail),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(fail(e)),
    }
}

/// Writes text and signature: both whole and synced aside, then the signature in place, then the text.
///
/// # Errors
/// The system's error; a pair that stood there before still stands then.
pub fn write_pair(folder: &Path, name: &str, text: &[u8], signature: &[u8]) -> std::io::Result<()> {
    let signature_name = signature_name(name);
    let (text_aside, signature_aside) = (folder.join(aside_name(name)), folder.join(aside_name(&signature_name)));
    let (text_place, signature_place) = (folder.join(name), folder.join(&signature_name));
    let before = std::fs::read(&signature_place).ok();
    let done = put_aside(&text_aside, text)
        .and_then(|()| put_aside(&signature_aside, signature))
        .and_then(|()| File::open(folder)?.sync_all())
        .and_then(|()| std::fs::rename(&signature_aside, &signature_place))
        .and_then(|()| {
            std::fs::rename(&text_aside, &text_place).inspect_err(|_| {
                // The old text must keep its old signature.
                let _ = match &before {
                    Some(before) => replace(folder, &signature_name, before),
                    None => std::fs::remove_file(&signature_place),
                };
            })
        });
    if let Err(e) = done {
        let _ = std::fs::remove_file(&text_aside);
        let _ = std::fs::remove_file(&signature_aside);
        return Err(e);
    }
    File::open(folder)?.sync_all()
}

/// Writes a file whole and synced: aside first, then in place.
///
/// # Errors
/// The system's error; a file that stood there before still stands then.
pub fn replace(folder: &Path, name: &str, bytes: &[u8]) -> std::io::Result<()> {
    let aside = folder.join(aside_name(name));
    put_aside(&aside, bytes)?;
    std::fs::rename(&aside, folder.join(name)).inspect_err(|_| {
        let _ = std::fs::remove_file(&aside);
    })?;
    File::open(folder)?.sync_all()
}

fn put_aside(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::super::{NoteWriter as _, Signer};
    use super::*;

    fn written() -> (tempfile::TempDir, Signer, Keyring) {
        let dir = tempfile::tempdir().unwrap();
        let signer = Signer::from_secret([7; 32]);
        signer.write(dir.path(), "removed.json", b"{\"files\":1}").unwrap();
        let ring = Keyring::from(signer.public().clone());
        (dir, signer, ring)
    }

    #[test]
    fn a_note_is_read_back_with_the_key_that_signed_it() {
        let (dir, signer, ring) = written();
        let note = read(dir.path(), "removed.json", &ring).unwrap().unwrap();
        assert_eq!((note.bytes.as_slice(), note.key.as_str()), (b"{\"files\":1}".as_slice(), signer.public().id()));
        assert_eq!(std::fs::read(dir.path().join("removed.json.sig")).unwrap().len(), 64);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2, "nothing is left lying aside");
        assert_eq!(read(dir.path(), "manifest.json", &ring).unwrap(), None);
    }

    #[test]
    fn a_changed_or_unsigned_note_does_not_count() {
        let (dir, _, ring) = written();
        std::fs::write(dir.path().join("removed.json"), b"{\"files\":2}").unwrap();
        assert!(matches!(read(dir.path(), "removed.json", &ring), Err(NoteError::Forged { .. })));
        std::fs::remove_file(dir.path().join("removed.json.sig")).unwrap();
        assert!(matches!(read(dir.path(), "removed.json", &ring), Err(NoteError::Unsigned { .. })));
    }

    #[test]
    fn a_note_is_replaced_whole_and_a_cut_between_the_renames_loses_nothing() {
        let (dir, signer, ring) = written();
        signer.write(dir.path(), "removed.json", b"{\"files\":3}").unwrap();
        assert_eq!(read(dir.path(), "removed.json", &ring).unwrap().unwrap().bytes, b"{\"files\":3}");
        // The signature is in place, the text still waits.
        std::fs::write(dir.path().join(".removed.json.new"), b"{\"files\":4}").unwrap();
        std::fs::write(dir.path().join("removed.json.sig"), signer.sign(b"{\"files\":4}")).unwrap();
        assert_eq!(read(dir.path(), "removed.json", &ring).unwrap().unwrap().bytes, b"{\"files\":4}");
    }

    #[test]
    fn a_folder_that_is_away_is_not_made() {
        let (dir, signer, _) = written();
        assert!(signer.write(&dir.path().join("away"), "removed.json", b"{}").is_err());
        assert!(!dir.path().join("away").exists());
    }
}
