//! The recorder's signing key (签名密钥): Ed25519 (RFC 8032), private half as PKCS#8 PEM, public half as PEM that `openssl` reads.
//!
//! The private half is made at the first start and never leaves its file. A key that was lost is replaced by a new one; the old public
//! half is kept under `old/`, so that what it signed can still be proven.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{
    DecodePrivateKey as _, DecodePublicKey as _, EncodePrivateKey as _, EncodePublicKey as _, KeypairBytes,
};
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use rand::TryRngCore as _;
use rustix::fs::{CWD, RenameFlags};
use sha2::{Digest as _, Sha256};

use super::NoteWriter;
use super::note;
use crate::segment::seal::hex;

/// Rights of the private key's file that nobody but its owner may have.
const OTHERS: u32 = 0o077;
/// Folder beside the key with the public halves of keys that were lost.
const OLD: &str = "old";
/// Hexadecimal digits of a key's id.
const ID_DIGITS: usize = 16;

/// Why there is no key to sign or to check with. Each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// A file cannot be read or written.
    #[error("{what} {path}: {source} (see whether the disk is mounted and the recorder's user may use the folder)")]
    Io {
        /// What was attempted.
        what: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// Others than the owner may read the private key.
    #[error(
        "signing key {path} may be read by others (mode {mode:04o}): `chmod 600 {path}`; when somebody may have copied it, move it away, and the recorder makes a new one"
    )]
    Open {
        /// The key's file.
        path: PathBuf,
        /// Its rights.
        mode: u32,
    },
    /// The file holds no Ed25519 key.
    #[error(
        "{path} holds no Ed25519 key in PEM form: {reason} (restore the file, or move it away and the recorder makes a new key)"
    )]
    Form {
        /// The key's file.
        path: PathBuf,
        /// What the parser says.
        reason: String,
    },
    /// There is no private key.
    #[error("no signing key at {path}: the recorder makes it at its first start (see [evidence] key in hall.toml)")]
    Missing {
        /// Where it should be.
        path: PathBuf,
    },
    /// The system gives no random bytes.
    #[error("make a signing key: the system gives no random bytes: {0}")]
    Random(String),
}

/// The public half of a recorder's key (公钥): what an auditor needs to check a signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicHalf {
    key: VerifyingKey,
    id: String,
}

impl PublicHalf {
    fn of(key: VerifyingKey) -> Self {
        let mut id = hex(&Sha256::digest(key.as_bytes()));
        id.truncate(ID_DIGITS);
        Self { key, id }
    }

    /// Reads PEM (`-----BEGIN PUBLIC KEY-----`).
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn from_pem(text: &str) -> Result<Self, String> {
        VerifyingKey::from_public_key_pem(text).map(Self::of).map_err(|e| e.to_string())
    }

    /// Reads the PEM file at `path`.
    ///
    /// # Errors
    /// [`KeyError`] when it cannot be read or is no public key.
    pub fn read(path: &Path) -> Result<Self, KeyError> {
        let text = std::fs::read_to_string(path).map_err(io("read", path))?;
        Self::from_pem(&text).map_err(|reason| KeyError::Form { path: path.to_owned(), reason })
    }

    /// The key's id (密钥编号): the first 16 hexadecimal digits of the SHA-256 of its 32 bytes.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The key as PEM, as `openssl pkey -pubin` reads it.
    pub fn to_pem(&self) -> String {
        // A valid point always codes.
        self.key.to_public_key_pem(LineEnding::LF).unwrap_or_default()
    }

    /// True when `signature` (64 bytes) is this key's over `bytes`.
    pub fn signed(&self, bytes: &[u8], signature: &[u8]) -> bool {
        Signature::from_slice(signature).is_ok_and(|signature| self.key.verify_strict(bytes, &signature).is_ok())
    }
}

/// The recorder's whole key: signs notes and evidence packages.
pub struct Signer {
    key: SigningKey,
    public: PublicHalf,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "signing key {}", self.public.id)
    }
}

impl Signer {
    /// The key at `path`; made when there is none. Its public half is put beside it, and one that belonged to a lost key is kept
    /// under `old/`. The folder above the key's own must exist: a disk that is away is never made up for.
    ///
    /// # Errors
    /// [`KeyError`]; a key that stands is never written over.
    pub fn open_or_make(path: &Path) -> Result<Self, KeyError> {
        let signer = match Self::open(path) {
            Err(KeyError::Missing { .. }) => Self::make(path)?,
            other => other?,
        };
        signer.publish(path)?;
        Ok(signer)
    }

    /// The key at `path`.
    ///
    /// # Errors
    /// [`KeyError::Missing`] when there is none, [`KeyError::Open`] when others may read it.
    pub fn open(path: &Path) -> Result<Self, KeyError> {
        let mode = match std::fs::metadata(path) {
            Ok(m) => m.mode() & 0o7777,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Err(KeyError::Missing { path: path.to_owned() }),
            Err(e) => return Err(io("read", path)(e)),
        };
        if mode & OTHERS != 0 {
            return Err(KeyError::Open { path: path.to_owned(), mode });
        }
        let text = std::fs::read_to_string(path).map_err(io("read", path))?;
        let key =
            SigningKey::from_pkcs8_pem(&text).map_err(|e| KeyError::Form { path: path.to_owned(), reason: e.to_string() })?;
        Ok(Self::of(key))
    }

    /// A key of these 32 secret bytes, for tests and for [`Signer::open_or_make`].
    pub fn from_secret(secret: [u8; 32]) -> Self {
        Self::of(SigningKey::from_bytes(&secret))
    }

    fn of(key: SigningKey) -> Self {
        let public = PublicHalf::of(key.verifying_key());
        Self { key, public }
    }

    fn make(path: &Path) -> Result<Self, KeyError> {
        let mut secret = [0; 32];
        rand::rngs::OsRng.try_fill_bytes(&mut secret).map_err(|e| KeyError::Random(e.to_string()))?;
        let signer = Self::from_secret(secret);
        // Without the public half inside: the form that every version of openssl reads.
        let bytes = KeypairBytes { secret_key: secret, public_key: None };
        let pem =
            bytes.to_pkcs8_pem(LineEnding::LF).map_err(|e| KeyError::Form { path: path.to_owned(), reason: e.to_string() })?;
        let folder = folder_of(path);
        match std::fs::create_dir(folder) {
            Err(e) if e.kind() != std::io::ErrorKind::AlreadyExists => return Err(io("make the folder", folder)(e)),
            _ => {}
        }
        // Written aside first: a power cut never leaves half a key in the key's place.
        let aside = path.with_extension("pem.new");
        match std::fs::remove_file(&aside) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(io("remove", &aside)(e)),
            _ => {}
        }
        let written = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&aside).and_then(|mut file| {
            file.write_all(pem.as_bytes())?;
            file.sync_all()
        });
        written.map_err(io("write", &aside))?;
        let placed = rename_new(&aside, path).and_then(|()| sync_folder(folder)).and_then(|()| sync_folder(folder_of(folder)));
        placed.map_err(io("put the new key at", path))?;
        tracing::info!(key = signer.public.id, path = %path.display(), "a signing key was made");
        Ok(signer)
    }

    /// Puts the public half beside the key. One of another key is kept under `old/` first.
    fn publish(&self, path: &Path) -> Result<(), KeyError> {
        let place = public_path(path);
        match PublicHalf::read(&place) {
            Ok(standing) if standing == self.public => return Ok(()),
            Ok(standing) => {
                let old = folder_of(path).join(OLD);
                let kept = old.join(format!("{}.pub.pem", standing.id()));
                let keep = std::fs::create_dir_all(&old)
                    .and_then(|()| note::replace(&old, &file_name(&kept), standing.to_pem().as_bytes()))
                    .and_then(|()| sync_folder(folder_of(path)));
                keep.map_err(io("keep the old public key at", &kept))?;
                tracing::warn!(
                    lost = standing.id(),
                    new = self.public.id,
                    "the signing key is another one than before; its old public half is kept"
                );
            }
            Err(KeyError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {}
            Err(e) => return Err(e),
        }
        note::replace(folder_of(&place), &file_name(&place), self.public.to_pem().as_bytes()).map_err(io("write", &place))
    }

    /// The public half.
    pub fn public(&self) -> &PublicHalf {
        &self.public
    }

    /// The signature over `bytes`: 64 bytes.
    pub fn sign(&self, bytes: &[u8]) -> [u8; 64] {
        self.key.sign(bytes).to_bytes()
    }
}

impl NoteWriter for Signer {
    fn write(&self, folder: &Path, name: &str, json: &[u8]) -> std::io::Result<()> {
        note::write_pair(folder, name, json, &self.sign(json))
    }
}

/// Where the public half of the key at `path` lies: `signing.pub.pem` beside `signing.pem`.
pub fn public_path(path: &Path) -> PathBuf {
    path.with_extension("pub.pem")
}

/// The public keys notes may be signed with: the recorder's own and those of keys it lost.
#[derive(Clone, Debug, Default)]
pub struct Keyring(Vec<PublicHalf>);

impl Keyring {
    /// The public halves beside the key at `path`, those under `old/` included; an empty ring when there are none.
    ///
    /// # Errors
    /// [`KeyError`] when one that is there cannot be read.
    pub fn beside(path: &Path) -> Result<Self, KeyError> {
        let mut files = vec![public_path(path)];
        let old = folder_of(path).join(OLD);
        match std::fs::read_dir(&old) {
            Ok(entries) => {
                for entry in entries {
                    let file = entry.map_err(io("list", &old))?.path();
                    if file.to_string_lossy().ends_with(".pub.pem") {
                        files.push(file);
                    }
                }
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(e) => return Err(io("list", &old)(e)),
        }
        let mut ring = Self::default();
        for file in files {
            match PublicHalf::read(&file) {
                Ok(key) => ring.add(key),
                Err(KeyError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {}
                Err(e) => return Err(e),
            }
        }
        Ok(ring)
    }

    /// One more key.
    pub fn add(&mut self, key: PublicHalf) {
        if !self.0.contains(&key) {
            self.0.push(key);
        }
    }

    /// The key that made `signature` over `bytes`, if any of the ring did.
    pub fn signer_of(&self, bytes: &[u8], signature: &[u8]) -> Option<&PublicHalf> {
        self.0.iter().find(|key| key.signed(bytes, signature))
    }

    /// The keys.
    pub fn into_keys(self) -> Vec<PublicHalf> {
        self.0
    }

    /// Ids of the keys, the recorder's present one first.
    pub fn ids(&self) -> Vec<&str> {
        self.0.iter().map(PublicHalf::id).collect()
    }
}

impl From<PublicHalf> for Keyring {
    fn from(key: PublicHalf) -> Self {
        Self(vec![key])
    }
}

fn io<'a>(what: &'static str, path: &'a Path) -> impl FnOnce(std::io::Error) -> KeyError + 'a {
    move |source| KeyError::Io { what, path: path.to_owned(), source }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn file_name(path: &Path) -> String {
    path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default()
}

fn sync_folder(folder: &Path) -> std::io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Renames without ever writing over what stands at `to`.
pub(crate) fn rename_new(from: &Path, to: &Path) -> std::io::Result<()> {
    match rustix::fs::renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // A file system that does not know the flag: a look has to do.
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => {
            if to.exists() {
                return Err(std::io::ErrorKind::AlreadyExists.into());
            }
            std::fs::rename(from, to)
        }
        other => other.map_err(Into::into),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8032 section 7.1, test 1: secret, public key and the signature over nothing.
    #[test]
    fn signatures_are_those_of_the_standard() {
        let secret = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
        let secret: Vec<u8> = (0..32).map(|n| u8::from_str_radix(&secret[2 * n..2 * n + 2], 16).unwrap()).collect();
        let signer = Signer::from_secret(secret.try_into().unwrap());
        assert_eq!(hex(signer.public.key.as_bytes()), "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
        assert_eq!(
            hex(&signer.sign(b"")),
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
        );
        assert_eq!(signer.public().id(), "21fe31dfa154a261");
    }

    #[test]
    fn a_key_is_made_once_for_its_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(".jiancha-key/signing.pem");
        assert!(matches!(Signer::open(&path), Err(KeyError::Missing { .. })));
        let made = Signer::open_or_make(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o7777, 0o600);
        let again = Signer::open_or_make(&path).unwrap();
        assert_eq!(again.public(), made.public());
        assert!(PublicHalf::read(&public_path(&path)).unwrap().signed(b"text", &made.sign(b"text")));
        assert!(!made.public().signed(b"test", &made.sign(b"text")));
        assert!(!made.public().signed(b"text", b"short"));
    }

    #[test]
    fn a_key_that_others_may_read_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("signing.pem");
        Signer::open_or_make(&path).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        let refused = Signer::open_or_make(&path).unwrap_err();
        assert!(matches!(refused, KeyError::Open { mode: 0o640, .. }), "{refused}");
        assert!(refused.to_string().contains("chmod 600"));
    }

    #[test]
    fn a_damaged_key_is_told_and_never_written_over() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("signing.pem");
        let aside = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).unwrap();
        drop(aside);
        assert!(matches!(Signer::open_or_make(&path), Err(KeyError::Form { .. })));
        assert_eq!(std::fs::read(&path).unwrap(), b"");
    }

    #[test]
    fn a_lost_key_leaves_its_public_half_behind() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(".jiancha-key/signing.pem");
        let first = Signer::open_or_make(&path).unwrap();
        let signature = first.sign(b"a day");
        std::fs::remove_file(&path).unwrap();
        let second = Signer::open_or_make(&path).unwrap();
        assert_ne!(first.public().id(), second.public().id());
        let ring = Keyring::beside(&path).unwrap();
        assert_eq!(ring.ids(), [second.public().id(), first.public().id()]);
        assert_eq!(ring.signer_of(b"a day", &signature).map(PublicHalf::id), Some(first.public().id()));
        assert!(ring.signer_of(b"another day", &signature).is_none());
    }

    #[test]
    fn a_key_is_not_made_on_a_disk_that_is_away() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("away/.jiancha-key/signing.pem");
        assert!(matches!(Signer::open_or_make(&path), Err(KeyError::Io { .. })));
        assert!(!dir.path().join("away").exists());
    }
}
