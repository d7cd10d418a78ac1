//! Rule profiles (规则方案): what a published document asks of a hall, as data.

mod check;
mod library;
mod read;

pub use check::Check;
pub use library::{Library, ProfileError};

use crate::observe::state::Bilingual;

/// The profile of a hall that names none.
pub const DEFAULT: &str = "default";

/// The rules a hall is judged by.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// Its id, such as `changchun-2022/township-centre`.
    pub id: String,
    /// What sort of hall it is for.
    pub name: Bilingual,
    /// The document it comes from.
    pub document: Bilingual,
    /// The rules, in the order they are told.
    pub rules: Vec<Rule>,
    /// Checks of the profiles it extends that the site left out (不查的项目).
    pub left_out: Vec<Check>,
}

/// One rule of a profile.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// What is looked at.
    pub check: Check,
    /// Its number, such as `R2`; `B-` and the document's code for what a profile alone asks.
    pub rule: String,
    /// The words of the source.
    pub words: Bilingual,
    /// The document the words stand in.
    pub document: Bilingual,
    /// True: it binds only halls joined to the e-government extranet.
    pub only_extranet: bool,
    /// Its numbers and names.
    pub terms: Terms,
}

/// The numbers and names of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Terms {
    /// None.
    None,
    /// Least picture size in pixels, in either orientation.
    Size {
        /// The longer side.
        width: u32,
        /// The shorter side.
        height: u32,
    },
    /// Zones that must exist.
    Zones {
        /// Each with its names; the first is the one told.
        zones: Vec<Vec<String>>,
        /// Whether several may be merged into one.
        merge: bool,
    },
    /// How many windows there must be.
    Windows {
        /// Only windows of this kind count.
        kind: Option<String>,
        /// At least.
        least: u32,
        /// At most.
        most: Option<u32>,
    },
    /// Kinds of windows that must exist.
    Kinds(Vec<String>),
    /// How many PTZ cameras there must be.
    Ptz {
        /// Binds halls with at least so many comprehensive windows.
        from_windows: u32,
        /// At least.
        least: u32,
        /// Usually at most.
        norm: u32,
    },
    /// Binds halls with at least so many comprehensive windows.
    FromWindows(u32),
    /// Working days.
    WorkingDays(u32),
}

impl Rule {
    /// What it replaces in a profile that is extended: a rule of the same check; for a number of windows, of the same kind too.
    fn place(&self) -> (Check, Option<&str>) {
        match &self.terms {
            Terms::Windows { kind, .. } => (self.check, kind.as_deref()),
            _ => (self.check, None),
        }
    }
}
