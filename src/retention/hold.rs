//! Holds (留存): footage that must not go, with person and reason.
//!
//! A hold is kept twice: in the catalogue's table `holds`, and in `.jiancha-holds.json` on every storage root, so that a lost
//! catalogue loses no hold. Opening takes the union. Holds are never taken out: a released one stays on the list as released.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use rand::Rng as _;
use serde::{Deserialize, Serialize};

use super::root_is_there;
use crate::catalogue::{Catalogue, KnownRoots, Store, StoreError, Table};
use crate::hall::{CameraId, WindowId};
use crate::time::{Span, WallTime};

/// The list of holds on every storage root.
pub const HOLDS_FILE: &str = ".jiancha-holds.json";
/// Table of holds by id.
const TABLE: &str = "holds";
/// Table with one row: the catalogue knows every hold there is.
const STATE_TABLE: &str = "holds-state";
/// Key of that row.
const WHOLE: &[u8] = b"whole";
/// Longest name of a person, in characters.
const LONGEST_PERSON: usize = 100;
/// Longest reason, in characters.
const LONGEST_REASON: usize = 1000;

/// Names a hold, such as `H20261122-7f3a`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HoldId(String);

impl HoldId {
    /// Wraps an id.
    pub fn new(id: impl Into<String>) -> Self {
        Self(id.into())
    }
    /// The id as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for HoldId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// A hold (留存).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// Its id.
    pub id: HoldId,
    /// Cameras whose footage it keeps: the window's and its sound's, or the one named.
    pub cameras: Vec<CameraId>,
    /// The window it was asked for by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<WindowId>,
    /// Start of what must stay.
    pub from: WallTime,
    /// End; without one it reaches on until the hold is released.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<WallTime>,
    /// Who asked for it.
    pub person: String,
    /// Why.
    pub reason: String,
    /// When it was placed.
    pub placed: WallTime,
    /// Its end, once released.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub released: Option<Release>,
}

/// The end of a hold (解除).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// When.
    pub at: WallTime,
    /// Who.
    pub person: String,
    /// Why.
    pub reason: String,
}

impl Hold {
    /// True while it keeps footage.
    pub fn is_active(&self) -> bool {
        self.released.is_none()
    }

    /// Whether it keeps footage of `camera` in `span`.
    pub fn keeps(&self, camera: &CameraId, span: Span) -> bool {
        let held = Span::new(self.from, self.to.unwrap_or(WallTime::from_micros(i64::MAX)));
        // A row whose end does not lie behind its start still stands for an instant.
        let span = Span::new(span.from, span.to.max(span.from.plus_micros(1)));
        self.is_active() && self.cameras.contains(camera) && held.intersect(span).is_some()
    }

    /// The same hold, released or not.
    fn is_same(&self, other: &Hold) -> bool {
        Hold { released: None, ..self.clone() } == Hold { released: None, ..other.clone() }
    }
}

/// What is asked for when a hold is placed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wish {
    /// Cameras whose footage must stay.
    pub cameras: Vec<CameraId>,
    /// The window it is asked for by.
    #[serde(default)]
    pub window: Option<WindowId>,
    /// Start.
    pub from: WallTime,
    /// End; without one until released.
    #[serde(default)]
    pub to: Option<WallTime>,
    /// Who asks.
    pub person: String,
    /// Why.
    pub reason: String,
}

/// Why a hold cannot be placed, released or read.
#[derive(Debug, thiserror::Error)]
pub enum HoldError {
    /// A text that says who or why is missing or too long.
    #[error("--{what} needs 1 to {most} characters, found {found}: a hold tells who asked for it and why")]
    Text {
        /// `person` or `reason`.
        what: &'static str,
        /// Most characters.
        most: usize,
        /// Characters found.
        found: usize,
    },
    /// The span is empty.
    #[error("--from {from} is not before --to {to}")]
    EmptySpan {
        /// Start asked for.
        from: WallTime,
        /// End asked for.
        to: WallTime,
    },
    /// No camera is named.
    #[error("a hold needs at least one camera")]
    NoCamera,
    /// No hold of that id.
    #[error("no hold {id} (`jiancha hold list` names them all)")]
    Unknown {
        /// The id asked for.
        id: HoldId,
    },
    /// It was released before.
    #[error("hold {id} was released at {at} by {person}")]
    AlreadyReleased {
        /// The hold.
        id: HoldId,
        /// When.
        at: WallTime,
        /// By whom.
        person: String,
    },
    /// The catalogue refuses.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A storage root does not take the list.
    #[error("write {path}: {source} (this list of holds is written again later; free space on that disk or mend it)")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
}

/// Why footage is not deleted at this moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    /// A hold keeps it.
    By(HoldId),
    /// The list of holds is not complete; one may.
    Perhaps,
}

/// A hold that was placed or released.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Noted {
    /// The hold as it stands now.
    pub hold: Hold,
    /// What a person should know: a storage root that did not take the list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
}

/// The file beside the recordings.
#[derive(Serialize, Deserialize)]
struct HoldsFile {
    version: u32,
    holds: Vec<Hold>,
}

/// The holds of one recorder. Adding and deleting never interleave: see [`Self::unless_held`].
pub struct Holds {
    table: Table,
    store: Arc<Store>,
    roots: Vec<PathBuf>,
    known: KnownRoots,
    book: RwLock<Book>,
}

#[derive(Default)]
struct Book {
    holds: Vec<Hold>,
    /// Why there may be holds that are not on the list.
    doubt: Option<String>,
}

impl Holds {
    /// Takes the union of the catalogue's holds and those on the storage roots, and gives it to both. A list on a root that cannot
    /// be read is set aside when another source tells the holds; else [`Self::doubt`] says so and nothing may go.
    ///
    /// # Errors
    /// [`HoldError::Store`] when the catalogue refuses.
    pub fn open(catalogue: &Catalogue, roots: &[PathBuf]) -> Result<Self, HoldError> {
        let table = catalogue.store().table(TABLE)?;
        let rows = table.len();
        let state = catalogue.store().table(STATE_TABLE)?;
        let known: Vec<Hold> = table.prefix_json(b"")?;
        let mut doubt = (known.len() < rows).then(|| format!("{} rows of table {TABLE}", rows - known.len()));
        // A catalogue made anew knows nothing of the holds there were.
        let mut told = doubt.is_none() && state.get_json::<bool>(WHOLE).unwrap_or_default().unwrap_or_default();
        let mut union = Vec::new();
        merge(&mut union, known);
        let mut damaged = Vec::new();
        for root in roots {
            match read_file(&root.join(HOLDS_FILE)) {
                Ok(None) => {}
                Ok(Some(file)) => {
                    told = true;
                    merge(&mut union, file.holds);
                }
                Err(e) => damaged.push((root.join(HOLDS_FILE), e)),
            }
        }
        for (path, e) in damaged {
            if told && e.kind() == std::io::ErrorKind::InvalidData {
                let aside = path.with_extension("json.damaged");
                tracing::error!("{}: {e}; set aside as {}, written anew", path.display(), aside.display());
                if let Err(e) = std::fs::rename(&path, &aside) {
                    doubt = Some(format!("{}: {e}", path.display()));
                }
            } else {
                doubt = Some(format!("{}: {e}", path.display()));
            }
        }
        if let Some(doubt) = &doubt {
            tracing::error!("the list of holds is not complete: {doubt}; nothing is deleted until it is mended or removed");
        }
        let store = catalogue.store().clone();
        let holds = Self {
            table,
            store,
            roots: roots.to_vec(),
            known: KnownRoots::open(catalogue)?,
            book: RwLock::new(Book { holds: union, doubt }),
        };
        for hold in holds.list() {
            holds.table.put_json(hold.id.0.as_bytes(), &hold)?;
        }
        if holds.doubt().is_none() {
            state.put_json(WHOLE, &true)?;
        }
        holds.store.flush()?;
        if let Err(e) = holds.spread() {
            tracing::error!("{e}");
        }
        Ok(holds)
    }

    /// Every hold, released ones too, in the order they were placed.
    pub fn list(&self) -> Vec<Hold> {
        self.book.read().unwrap_or_else(PoisonError::into_inner).holds.clone()
    }

    /// Why there may be holds that are not on the list; while there is a reason, nothing may go.
    pub fn doubt(&self) -> Option<String> {
        self.book.read().unwrap_or_else(PoisonError::into_inner).doubt.clone()
    }

    /// Runs `delete` unless a hold keeps footage of `camera` in `span`. No hold can be placed meanwhile: once placing one has
    /// returned, what it keeps stays.
    ///
    /// # Errors
    /// What keeps it.
    pub fn unless_held<R>(&self, camera: &CameraId, span: Span, delete: impl FnOnce() -> R) -> Result<R, Kept> {
        let book = self.book.read().unwrap_or_else(PoisonError::into_inner);
        if book.doubt.is_some() {
            return Err(Kept::Perhaps);
        }
        match book.holds.iter().find(|h| h.keeps(camera, span)) {
            Some(hold) => Err(Kept::By(hold.id.clone())),
            None => Ok(delete()),
        }
    }

    /// Places a hold. On return it is in the catalogue and on every storage root that takes it, synced.
    ///
    /// # Errors
    /// [`HoldError`] when the wish is not complete or the catalogue refuses.
    pub fn add(&self, wish: Wish, now: WallTime) -> Result<Noted, HoldError> {
        let (person, reason) = (text("person", &wish.person, LONGEST_PERSON)?, text("reason", &wish.reason, LONGEST_REASON)?);
        if wish.cameras.is_empty() {
            return Err(HoldError::NoCamera);
        }
        if let Some(to) = wish.to.filter(|to| *to <= wish.from) {
            return Err(HoldError::EmptySpan { from: wish.from, to });
        }
        let mut book = self.book.write().unwrap_or_else(PoisonError::into_inner);
        let id = free_id(&book.holds, now, || rand::rng().random());
        let (cameras, window, from, to) = (wish.cameras, wish.window, wish.from, wish.to);
        let hold = Hold { id, cameras, window, from, to, person, reason, placed: now, released: None };
        // In memory first: a hold that could not be written still keeps footage for as long as the recorder runs.
        book.holds.push(hold.clone());
        let on_roots = self.write_files(&book);
        self.table.put_json(hold.id.0.as_bytes(), &hold)?;
        self.store.flush()?;
        Ok(Noted { hold, warning: on_roots.err().map(|e| e.to_string()) })
    }

    /// Releases a hold; it stays on the list.
    ///
    /// # Errors
    /// [`HoldError`] when there is no such hold, it is released already, or the catalogue refuses.
    pub fn release(&self, id: &HoldId, person: &str, reason: &str, now: WallTime) -> Result<Noted, HoldError> {
        let (person, reason) = (text("person", person, LONGEST_PERSON)?, text("reason", reason, LONGEST_REASON)?);
        let mut book = self.book.write().unwrap_or_else(PoisonError::into_inner);
        let Some(at) = book.holds.iter().position(|h| &h.id == id) else {
            return Err(HoldError::Unknown { id: id.clone() });
        };
        let mut hold = book.holds[at].clone();
        if let Some(Release { at, person, .. }) = hold.released {
            return Err(HoldError::AlreadyReleased { id: hold.id, at, person });
        }
        hold.released = Some(Release { at: now, person, reason });
        // On disk first: a release that cannot be written is none.
        self.table.put_json(hold.id.0.as_bytes(), &hold)?;
        self.store.flush()?;
        book.holds[at] = hold.clone();
        let warning = self.write_files(&book).err().map(|e| e.to_string());
        Ok(Noted { hold, warning })
    }

    /// Gives the list to every storage root that does not have it as it is now: one that was away has returned.
    ///
    /// # Errors
    /// [`HoldError::File`] when a root that is there does not take it; the others have it.
    pub fn spread(&self) -> Result<(), HoldError> {
        self.write_files(&self.book.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write_files(&self, book: &Book) -> Result<(), HoldError> {
        let json = serde_json::to_vec_pretty(&HoldsFile { version: 1, holds: book.holds.clone() }).unwrap_or_default();
        let mut failed = Ok(());
        for root in self.roots.iter().filter(|r| root_is_there(r, &self.known)) {
            let path = root.join(HOLDS_FILE);
            let standing = std::fs::read(&path);
            // No list is needed where there never was a hold; one that is in doubt is for a person to mend.
            let empty = book.holds.is_empty() && standing.is_err();
            if empty || book.doubt.is_some() && standing.is_ok() || standing.is_ok_and(|bytes| bytes == json) {
                continue;
            }
            if let Err(source) = write_synced(root, &path, &json) {
                failed = Err(HoldError::File { path, source });
            }
        }
        failed
    }
}

/// Writes beside and renames: at every moment the old or the new list is whole.
fn write_synced(folder: &Path, path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let new = path.with_extension("json.new");
    let mut file = std::fs::File::create(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&new, path)?;
    std::fs::File::open(folder)?.sync_all()
}

fn read_file(path: &Path) -> std::io::Result<Option<HoldsFile>> {
    match std::fs::read(path) {
        Ok(bytes) => {
            serde_json::from_slice(&bytes).map(Some).map_err(|e| std::io::Error::new(std::io::ErrorKind::InvalidData, e))
        }
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}

/// Adds `more` to `holds`: one that is released anywhere is released; two different ones under one id are both kept.
fn merge(holds: &mut Vec<Hold>, more: Vec<Hold>) {
    for mut hold in more {
        loop {
            match holds.iter_mut().find(|h| h.id == hold.id) {
                None => {
                    holds.push(hold);
                    break;
                }
                Some(standing) if standing.is_same(&hold) => {
                    standing.released = standing.released.take().or(hold.released);
                    break;
                }
                Some(_) => hold.id = HoldId(format!("{}x", hold.id)),
            }
        }
    }
    holds.sort_by(|a, b| (a.placed, &a.id).cmp(&(b.placed, &b.id)));
}

/// An id no hold has: the day and four random digits, so that lists written apart do not meet.
fn free_id(holds: &[Hold], now: WallTime, mut random: impl FnMut() -> u16) -> HoldId {
    loop {
        let id = HoldId(format!("H{}-{:04x}", now.beijing().format("%Y%m%d"), random()));
        if holds.iter().all(|h| h.id != id) || holds.len() > usize::from(u16::MAX) {
            return id;
        }
    }
}

fn text(what: &'static str, text: &str, most: usize) -> Result<String, HoldError> {
    let text = text.trim();
    let found = text.chars().count();
    if found == 0 || found > most {
        return Err(HoldError::Text { what, most, found });
    }
    Ok(text.to_owned())
}

/// Active holds that keep something of `camera` in `span`, by camera, as a plan asks again and again.
#[derive(Clone, Debug, Default)]
pub struct ActiveHolds {
    by_camera: BTreeMap<CameraId, Vec<Hold>>,
}

impl ActiveHolds {
    /// Sorts the active ones of `holds` by camera.
    pub fn of(holds: Vec<Hold>) -> Self {
        let mut by_camera: BTreeMap<CameraId, Vec<Hold>> = BTreeMap::new();
        for hold in holds.into_iter().filter(Hold::is_active) {
            for camera in &hold.cameras {
                by_camera.entry(camera.clone()).or_default().push(hold.clone());
            }
        }
        Self { by_camera }
    }

    /// The holds that keep something of `camera` in `span`.
    pub fn keeping(&self, camera: &CameraId, span: Span) -> Vec<HoldId> {
        let holds = self.by_camera.get(camera).map_or(&[][..], Vec::as_slice);
        holds.iter().filter(|h| h.keeps(camera, span)).map(|h| h.id.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn t(text: &str) -> WallTime {
        text.parse().expect("a time")
    }

    struct Site {
        dir: tempfile::TempDir,
    }

    impl Site {
        fn new() -> Self {
            let dir = tempfile::tempdir().expect("a folder");
            for root in ["a", "b", "unmounted"] {
                std::fs::create_dir(dir.path().join(root)).expect("a folder");
            }
            for root in ["a", "b"] {
                crate::segment::root::claim(&dir.path().join(root), t(NOW)).expect("a root");
            }
            // What lies below a mount point makes no root of it.
            std::fs::create_dir(dir.path().join("unmounted/C1")).expect("a folder");
            Self { dir }
        }

        fn roots(&self) -> Vec<PathBuf> {
            ["a", "b", "gone", "unmounted"].iter().map(|r| self.dir.path().join(r)).collect()
        }

        fn open(&self, catalogue: &str) -> Holds {
            let store = Store::open(&self.dir.path().join(catalogue)).expect("a store");
            let catalogue = Catalogue::open(Arc::new(store)).expect("a catalogue");
            Holds::open(&catalogue, &self.roots()).expect("holds")
        }

        fn file(&self, root: &str) -> PathBuf {
            self.dir.path().join(root).join(HOLDS_FILE)
        }
    }

    fn wish() -> Wish {
        Wish {
            cameras: vec![CameraId::new("C1")],
            window: None,
            from: t("2026-09-21T09:00:00+08:00"),
            to: Some(t("2026-09-21T10:00:00+08:00")),
            person: "王芳".into(),
            reason: "投诉 2026-118".into(),
        }
    }

    const NOW: &str = "2026-10-01T08:00:00+08:00";

    fn placed(holds: &Holds, wish: Wish) -> Hold {
        let noted = holds.add(wish, t(NOW)).expect("placed");
        assert_eq!(noted.warning, None);
        noted.hold
    }

    #[test]
    fn a_lost_catalogue_loses_no_hold_and_released_ones_stay_released() {
        let site = Site::new();
        let (kept, released) = {
            let holds = site.open("first");
            let kept = placed(&holds, wish());
            let other = placed(&holds, Wish { to: None, ..wish() });
            (kept, holds.release(&other.id, "李强", "结案", t("2026-10-02T08:00:00+08:00")).expect("released").hold)
        };
        assert!(kept.id.as_str().starts_with("H20261001-") && kept.id.as_str().len() == 14, "{}", kept.id);
        let again = site.open("second").list();
        assert!(again.contains(&kept) && again.contains(&released) && again.len() == 2, "{again:?}");
        // One root is enough.
        std::fs::remove_file(site.file("a")).expect("removed");
        assert_eq!(site.open("third").list().len(), 2);
        assert!(site.file("a").exists(), "the list was given to the root that lacked it");
        assert!(!site.dir.path().join("gone").exists(), "a root that is not there is not made");
        assert!(!site.file("unmounted").exists(), "nothing is written below the mount point of a disk that is away");
    }

    #[test]
    fn a_release_known_to_one_list_only_holds_for_all() {
        let site = Site::new();
        let holds = site.open("first");
        let hold = placed(&holds, wish());
        let before = std::fs::read(site.file("a")).expect("a list");
        holds.release(&hold.id, "李强", "结案", t(NOW)).expect("released");
        std::fs::write(site.file("a"), before).expect("an old list");
        drop(holds);
        let again = site.open("second").list();
        assert_eq!(again.len(), 1);
        assert_eq!(again[0].released.as_ref().map(|r| r.person.as_str()), Some("李强"));
    }

    #[test]
    fn a_damaged_list_is_set_aside_when_the_holds_are_known_else_nothing_may_go() {
        let site = Site::new();
        let hold = placed(&site.open("first"), wish());
        std::fs::write(site.file("a"), b"{\"version\":1,\"hol").expect("damaged");
        let holds = site.open("second");
        assert_eq!((holds.list(), holds.doubt()), (vec![hold], None));
        assert!(site.file("a").with_extension("json.damaged").exists());
        drop(holds);
        for root in ["a", "b"] {
            std::fs::write(site.file(root), b"{").expect("damaged");
        }
        let lost = site.open("third");
        assert!(lost.doubt().is_some_and(|d| d.contains(HOLDS_FILE)));
        let elsewhere = Span::new(t("2020-01-01T00:00:00+08:00"), t("2020-01-02T00:00:00+08:00"));
        assert_eq!(lost.unless_held(&CameraId::new("C9"), elsewhere, || ()), Err(Kept::Perhaps));
        // A new hold is placed all the same; the doubt stays until a person ends it.
        let new = placed(&lost, wish());
        drop(lost);
        assert_eq!(std::fs::read(site.file("b")).expect("kept for a person to look at"), b"{");
        assert!(site.open("third").doubt().is_some());
        for root in ["a", "b"] {
            std::fs::remove_file(site.file(root)).expect("removed");
        }
        let mended = site.open("third");
        assert_eq!((mended.list(), mended.doubt()), (vec![new], None));
    }

    #[test]
    fn what_a_hold_keeps() {
        let site = Site::new();
        let holds = site.open("first");
        let hold = placed(&holds, wish());
        let open = placed(&holds, Wish { to: None, cameras: vec![CameraId::new("C2")], ..wish() });
        let minute = |text: &str| Span::new(t(text), t(text).plus_micros(60_000_000));
        let c1 = CameraId::new("C1");
        assert_eq!(holds.unless_held(&c1, minute("2026-09-21T08:59:30+08:00"), || ()), Err(Kept::By(hold.id.clone())));
        assert_eq!(holds.unless_held(&c1, minute("2026-09-21T08:59:00+08:00"), || 7), Ok(7));
        assert_eq!(holds.unless_held(&c1, minute("2026-09-21T10:00:00+08:00"), || 7), Ok(7));
        assert_eq!(
            holds.unless_held(&CameraId::new("C2"), minute("2126-01-01T00:00:00+08:00"), || ()),
            Err(Kept::By(open.id.clone()))
        );
        holds.release(&hold.id, "李强", "结案", t(NOW)).expect("released");
        assert_eq!(holds.unless_held(&c1, minute("2026-09-21T08:59:30+08:00"), || 7), Ok(7));
        assert!(matches!(
            holds.release(&hold.id, "李强", "结案", t(NOW)),
            Err(HoldError::AlreadyReleased { person, .. }) if person == "李强"
        ));
    }

    #[test]
    fn a_hold_without_person_reason_or_span_is_refused() {
        let holds = Site::new().open("first");
        let refused = |wish: Wish| holds.add(wish, t(NOW)).expect_err("refused").to_string();
        assert!(refused(Wish { person: "  ".into(), ..wish() }).starts_with("--person needs 1 to 100 characters, found 0"));
        assert!(refused(Wish { reason: "x".repeat(1001), ..wish() }).contains("found 1001"));
        assert!(refused(Wish { to: Some(wish().from), ..wish() }).contains("is not before"));
        assert!(refused(Wish { cameras: Vec::new(), ..wish() }).contains("at least one camera"));
        assert!(matches!(holds.release(&HoldId::new("H1"), "a", "b", t(NOW)), Err(HoldError::Unknown { .. })));
    }

    #[test]
    fn two_holds_that_met_under_one_id_are_both_kept() {
        let hold = |reason: &str| Hold {
            id: HoldId::new("H1"),
            cameras: vec![CameraId::new("C1")],
            window: None,
            from: t(NOW),
            to: None,
            person: "a".into(),
            reason: reason.into(),
            placed: t(NOW),
            released: None,
        };
        let mut holds = vec![hold("one")];
        merge(&mut holds, vec![hold("two"), hold("one"), hold("two")]);
        let ids: Vec<&str> = holds.iter().map(|h| h.id.as_str()).collect();
        assert_eq!(ids, ["H1", "H1x"]);
        assert_eq!(
            free_id(&holds, t(NOW), {
                let mut n = 6;
                move || {
                    n += 1;
                    n
                }
            })
            .as_str(),
            "H20261001-0007"
        );
    }
}
