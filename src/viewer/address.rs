//! Signed media addresses: whoever holds one may play one camera's span until it expires. Players without a session need them.
//!
//! The claim stands in the address in clear, `camera~from~to~expires~person~mac`, times in microseconds since 1970, an open end
//! as `-`, the person in hexadecimal UTF-8, and an HMAC-SHA256 over all before it. A file is never named by its path: camera, date and time are
//! parsed and looked up in the catalogue.

use hmac::{Hmac, Mac};
use rand::Rng;
use sha2::Sha256;

use super::hex;
use crate::catalogue::{Store, StoreError};
use crate::hall::CameraId;
use crate::time::{Span, WallTime};

/// Table of the viewer's keys.
const KEYS: &str = "viewer-keys";
/// Row of the key that signs media addresses.
const MEDIA_KEY: &[u8] = b"media-address";
/// Said before the claim, so that this key signs nothing else by mistake.
const PURPOSE: &[u8] = b"jiancha media address 1\n";
/// Between the fields; occurs in no camera id.
const SEPARATOR: char = '~';
/// Segments are at most an hour long.
const LONGEST_SEGMENT_MICROS: i64 = 3600 * 1_000_000;

/// What a media address allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Claim {
    /// Whose recording.
    pub camera: CameraId,
    /// Start.
    pub from: WallTime,
    /// End; `None` follows the present.
    pub to: Option<WallTime>,
    /// The address is good until then.
    pub expires: WallTime,
    /// To whom it was given.
    pub person: String,
}

impl Claim {
    /// The span it speaks of.
    pub fn span(&self) -> Span {
        Span::new(self.from, self.to.unwrap_or(WallTime::from_micros(i64::MAX)))
    }

    /// True when a file that begins at `start`, whatever its end, may hold something of the span.
    pub fn may_reach(&self, start: WallTime) -> bool {
        start < self.span().to && start.plus_micros(LONGEST_SEGMENT_MICROS) > self.from
    }
}

/// Why an address is not good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum AddressError {
    /// Not signed by this recorder, or altered.
    Forged,
    /// Past its time.
    Expired(WallTime),
}

/// Signs media addresses.
pub(super) struct Signer {
    mac: Hmac<Sha256>,
}

impl Signer {
    /// The signer with this recorder's key, which is made when there is none.
    pub fn open(store: &Store) -> Result<Self, StoreError> {
        let table = store.table(KEYS)?;
        let fresh: [u8; 32] = rand::rng().random();
        table.insert_new_json(MEDIA_KEY, &fresh)?;
        let key = table.get_json::<[u8; 32]>(MEDIA_KEY)?.unwrap_or(fresh);
        Ok(Self::new(&key))
    }

    fn new(key: &[u8; 32]) -> Self {
        // 32 bytes fit the block of SHA-256; a key of the block's size is the other form HMAC takes as it is.
        let mut block = [0u8; 64];
        block[..32].copy_from_slice(key);
        Self { mac: Hmac::new(&block.into()) }
    }

    fn mac(&self, claim: &str) -> Hmac<Sha256> {
        let mut mac = self.mac.clone();
        mac.update(PURPOSE);
        mac.update(claim.as_bytes());
        mac
    }

    /// The signed form of `claim`: letters, digits, `-`, `_` and `~` only.
    pub fn sign(&self, claim: &Claim) -> String {
        let to = claim.to.map_or_else(|| "-".to_owned(), |t| t.as_micros().to_string());
        let text = format!(
            "{}{SEPARATOR}{}{SEPARATOR}{to}{SEPARATOR}{}{SEPARATOR}{}",
            claim.camera,
            claim.from.as_micros(),
            claim.expires.as_micros(),
            hex::encode(claim.person.as_bytes()),
        );
        let mac = hex::encode(&self.mac(&text).finalize().into_bytes());
        format!("{text}{SEPARATOR}{mac}")
    }

    /// The claim of a signed address that is good at `now`. Compares in constant time.
    ///
    /// # Errors
    /// [`AddressError`] when it is not ours or past its time.
    pub fn verify(&self, token: &str, now: WallTime) -> Result<Claim, AddressError> {
        let (text, mac) = token.rsplit_once(SEPARATOR).ok_or(AddressError::Forged)?;
        let mac = hex::decode(mac).ok_or(AddressError::Forged)?;
        self.mac(text).verify_slice(&mac).map_err(|_| AddressError::Forged)?;
        let claim = read(text).ok_or(AddressError::Forged)?;
        if now >= claim.expires { Err(AddressError::Expired(claim.expires)) } else { Ok(claim) }
    }
}

fn read(text: &str) -> Option<Claim> {
    let mut fields = text.split(SEPARATOR);
    let micros = |field: &str| field.parse().ok().map(WallTime::from_micros);
    let claim = Claim {
        camera: CameraId::new(fields.next()?),
        from: micros(fields.next()?)?,
        to: match fields.next()? {
            "-" => None,
            end => Some(micros(end)?),
        },
        expires: micros(fields.next()?)?,
        person: String::from_utf8(hex::decode(fields.next()?)?).ok()?,
    };
    fields.next().is_none().then_some(claim)
}

/// A segment file as a media address names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FileName {
    /// Whose recording.
    pub camera: CameraId,
    /// The second in which it begins.
    pub second: WallTime,
    /// Its path below a storage root, rebuilt from the parsed parts.
    pub path: String,
}

/// Reads `camera/date/HH/HHMMSS.mp4` (or `HHMMSS-2.mp4`); `None` for anything else, so that nothing else can reach a disk.
pub(super) fn file_name(camera: &str, date: &str, hour: &str, name: &str) -> Option<FileName> {
    let digits = |text: &str, n: usize| text.len() == n && text.bytes().all(|b| b.is_ascii_digit());
    let plain = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
    let day = chrono::NaiveDate::parse_from_str(date, "%Y-%m-%d").ok()?;
    let stem = name.strip_suffix(".mp4")?;
    let (clock, attempt) = stem.split_once('-').map_or((stem, None), |(c, a)| (c, Some(a)));
    let well_formed = plain(camera)
        && date.len() == 10
        && digits(hour, 2)
        && digits(clock, 6)
        && clock.starts_with(hour)
        && attempt.is_none_or(|a| !a.is_empty() && a.len() <= 4 && digits(a, a.len()));
    if !well_formed {
        return None;
    }
    let part = |range: std::ops::Range<usize>| clock.get(range).and_then(|t| t.parse::<u32>().ok());
    let second = WallTime::from_beijing(day, part(0..2)?, part(2..4)?, part(4..6)?)?;
    Some(FileName { camera: CameraId::new(camera), second, path: format!("{camera}/{date}/{hour}/{name}") })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(second: i64) -> WallTime {
        WallTime::from_micros(second * 1_000_000)
    }

    fn signer() -> Signer {
        Signer::new(&[7; 32])
    }

    fn claim(to: Option<WallTime>) -> Claim {
        Claim { camera: CameraId::new("C-3_a"), from: at(100), to, expires: at(1000), person: "王芳".into() }
    }

    #[test]
    fn a_claim_comes_back_as_signed_until_it_expires() {
        for claim in [claim(None), claim(Some(at(160)))] {
            let token = signer().sign(&claim);
            assert!(token.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_~".contains(&b)), "{token}");
            assert_eq!(signer().verify(&token, at(999)), Ok(claim));
            assert_eq!(signer().verify(&token, at(1000)), Err(AddressError::Expired(at(1000))));
        }
    }

    #[test]
    fn another_recorders_signature_is_forged_here() {
        let token = Signer::new(&[8; 32]).sign(&claim(None));
        assert_eq!(signer().verify(&token, at(1)), Err(AddressError::Forged));
    }

    #[test]
    fn the_key_outlives_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let token = Signer::open(&store).unwrap().sign(&claim(None));
        assert!(Signer::open(&store).unwrap().verify(&token, at(1)).is_ok());
    }

    proptest! {
        #[test]
        fn no_altered_address_is_good(place in 0usize..200, letter in "[a-zA-Z0-9~_-]") {
            let good = signer().sign(&claim(Some(at(160))));
            let place = place % good.len();
            let mut altered = good.clone();
            altered.replace_range(place..=place, &letter);
            // Hexadecimal is read in either case: the same bytes are the same signature.
            prop_assume!(!altered.eq_ignore_ascii_case(&good));
            prop_assert_eq!(signer().verify(&altered, at(1)), Err(AddressError::Forged));
        }

        #[test]
        fn no_text_makes_it_panic(text in ".{0,200}") {
            prop_assert_eq!(signer().verify(&text, at(1)), Err(AddressError::Forged));
        }

        #[test]
        fn no_file_name_leads_out_of_its_folder(a in ".{0,12}", b in ".{0,12}", c in ".{0,4}", d in ".{0,14}") {
            if let Some(name) = file_name(&a, &b, &c, &d) {
                prop_assert!(!name.path.contains(".."));
                prop_assert_eq!(name.path.matches('/').count(), 3);
            }
        }
    }

    #[test]
    fn files_are_named_as_the_recorder_names_them() {
        let name = file_name("C3", "2026-11-22", "00", "000509-2.mp4").unwrap();
        assert_eq!(name.second.to_rfc3339(), "2026-11-22T00:05:09.000+08:00");
        assert_eq!(name.path, "C3/2026-11-22/00/000509-2.mp4");
        for (camera, date, hour, file) in [
            ("..", "2026-11-22", "00", "000509.mp4"),
            ("C3/..", "2026-11-22", "00", "000509.mp4"),
            ("C3", "2026-11-32", "00", "000509.mp4"),
            ("C3", "2026-1-2", "00", "000509.mp4"),
            ("C3", "..", "00", "000509.mp4"),
            ("C3", "2026-11-22", "01", "000509.mp4"),
            ("C3", "2026-11-22", "00", "../000509.mp4"),
            ("C3", "2026-11-22", "00", "006009.mp4"),
            ("C3", "2026-11-22", "00", "000509-.mp4"),
            ("C3", "2026-11-22", "00", "000509.mp4\0"),
            ("C3", "2026-11-22", "00", "000509.txt"),
        ] {
            assert_eq!(file_name(camera, date, hour, file), None, "{camera}/{date}/{hour}/{file}");
        }
    }

    #[test]
    fn a_file_that_begins_before_the_span_may_reach_into_it() {
        let claim = claim(Some(at(160)));
        assert!(claim.may_reach(at(159)) && !claim.may_reach(at(160)));
        assert!(claim.may_reach(at(100 - 3599)) && !claim.may_reach(at(100 - 3600)));
    }
}
