//! The profiles there are: those built into the program and a site's own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use super::read::{Draft, read};
use super::{Profile, Rule};
use crate::hall::suggest::nearest;
use crate::hall::{Complaint, ComplaintKind, Complaints, CoverageSettings, Severity, Words};
use crate::observe::state::Bilingual;

/// Longest file of profiles in bytes; the largest built-in one takes some ten thousand.
const LONGEST_FILE: u64 = 512 * 1024;

/// A file, built into the program.
macro_rules! built_in {
    ($name:literal) => {
        (concat!("config/profiles/", $name, ".toml"), include_str!(concat!("../../../config/profiles/", $name, ".toml")))
    };
}

/// The profiles built into the program, one file per document.
const BUILT_IN: [(&str, &str); 5] = [
    built_in!("changchun-2022"),
    built_in!("taishan-2023"),
    built_in!("alxa-2023"),
    built_in!("putuoshan-2025"),
    built_in!("default"),
];

/// [`BUILT_IN`], read once.
static READ: LazyLock<Result<Vec<Draft>, ProfileError>> = LazyLock::new(|| {
    let mut drafts = Vec::new();
    for (file, text) in BUILT_IN {
        drafts.extend(read(file, text).map_err(|list| ProfileError::Wrong(Complaints::new(Some(Path::new(file)), list)))?);
    }
    Ok(drafts)
});

/// Why a profile cannot be used. Each says what to do.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ProfileError {
    /// A file has something wrong in it.
    #[error("{0}")]
    Wrong(Complaints),
    /// No profile has this id.
    #[error("没有规则方案 {id:?}{}。there is no rule profile {id:?}{} (known: {known})",
        .near.as_ref().map(|n| format!("，是否想写 {n:?}？")).unwrap_or_default(),
        .near.as_ref().map(|n| format!(": did you mean {n:?}?")).unwrap_or_default())]
    Unknown {
        /// What was asked for.
        id: String,
        /// The nearest there is.
        near: Option<String>,
        /// All there are.
        known: String,
    },
    /// Profiles extend each other in a circle.
    #[error(
        "{file}:{line}: 规则方案 {id:?} 经由 extends 又引到自己，请换一个编号。the profile {id:?} extends itself in the end: give it an id of its own"
    )]
    Circle {
        /// In which file.
        file: String,
        /// Line, from 1.
        line: usize,
        /// Which profile.
        id: String,
    },
    /// The site's folder or a file in it cannot be read.
    #[error("read the rule profiles at {}: {reason} (mend [coverage] profiles of hall.toml)", .path.display())]
    Unreadable {
        /// The folder or file.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
}

/// The profiles there are.
#[derive(Clone, Debug)]
pub struct Library {
    drafts: BTreeMap<String, Draft>,
}

impl Library {
    /// Those built into the program alone.
    ///
    /// # Errors
    /// None in a program whose tests passed: they read every built-in file.
    pub fn built_in() -> Result<Self, ProfileError> {
        let drafts = READ.clone()?;
        Ok(Self { drafts: drafts.into_iter().map(|draft| (draft.id.clone(), draft)).collect() })
    }

    /// The built-in ones and those of the site's folder, which replace built-in ones of the same id.
    ///
    /// # Errors
    /// [`ProfileError`] with file and line when a file of the folder has something wrong in it.
    pub fn of(settings: &CoverageSettings) -> Result<Self, ProfileError> {
        let mut library = Self::built_in()?;
        for path in files(settings)? {
            let file = path.display().to_string();
            library.add(&file, &text(&path)?)?;
        }
        library.check_extends()?;
        Ok(library)
    }

    /// Adds the profiles of a file.
    ///
    /// # Errors
    /// [`ProfileError::Wrong`] with every complaint.
    pub fn add(&mut self, file: &str, text: &str) -> Result<(), ProfileError> {
        let drafts = read(file, text).map_err(|list| ProfileError::Wrong(Complaints::new(Some(Path::new(file)), list)))?;
        self.drafts.extend(drafts.into_iter().map(|draft| (draft.id.clone(), draft)));
        Ok(())
    }

    /// Refuses profiles that extend what is not there.
    fn check_extends(&self) -> Result<(), ProfileError> {
        let unknown = |draft: &'_ Draft| draft.extends.iter().find(|base| !self.drafts.contains_key(*base)).cloned();
        let Some((draft, base)) = self.drafts.values().find_map(|draft| Some((draft, unknown(draft)?))) else { return Ok(()) };
        let complaint = Complaint {
            severity: Severity::Error,
            kind: ComplaintKind::UnknownReference,
            line: draft.line,
            key: format!("profile[{}].extends", draft.id),
            found: Words::new(format!("没有规则方案 {base:?}"), format!("there is no profile {base:?}")),
            right: match self.near(&base) {
                Some(near) => Words::new(format!("是否想写 {near:?}？"), format!("did you mean {near:?}?")),
                None => Words::new(format!("已有：{}", self.known()), format!("known: {}", self.known())),
            },
        };
        Err(ProfileError::Wrong(Complaints::new(Some(Path::new(&draft.file)), vec![complaint])))
    }

    /// Profiles a hall can name, by id: what is only for others to extend is left out.
    pub fn names(&self) -> impl Iterator<Item = (&str, &Bilingual)> {
        self.drafts.values().filter(|draft| !draft.part).map(|draft| (draft.id.as_str(), &draft.name))
    }

    fn known(&self) -> String {
        self.names().map(|(id, _)| id).collect::<Vec<_>>().join(", ")
    }

    fn near(&self, id: &str) -> Option<String> {
        nearest(id, self.names().map(|(id, _)| id)).map(str::to_owned)
    }

    /// The profile `id` with everything it extends.
    ///
    /// # Errors
    /// [`ProfileError::Unknown`] with the nearest there is; [`ProfileError::Circle`].
    pub fn get(&self, id: &str) -> Result<Profile, ProfileError> {
        self.check_extends()?;
        let draft = self.drafts.get(id).filter(|draft| !draft.part).ok_or_else(|| ProfileError::Unknown {
            id: id.to_owned(),
            near: self.near(id),
            known: self.known(),
        })?;
        let mut rules = Vec::new();
        let mut left_out = Vec::new();
        self.resolve(draft, &mut Vec::new(), &mut rules, &mut left_out)?;
        left_out.retain(|check| !rules.iter().any(|rule: &Rule| rule.check == *check));
        rules.sort_by_key(|rule| (number(&rule.rule), rule.check));
        let (name, document) = (draft.name.clone(), draft.document.clone());
        Ok(Profile { id: id.to_owned(), name, document, rules, left_out })
    }

    fn resolve<'a>(
        &'a self,
        draft: &'a Draft,
        way: &mut Vec<&'a str>,
        rules: &mut Vec<Rule>,
        left_out: &mut Vec<super::Check>,
    ) -> Result<(), ProfileError> {
        if way.contains(&draft.id.as_str()) {
            return Err(ProfileError::Circle { file: draft.file.clone(), line: draft.line, id: draft.id.clone() });
        }
        way.push(&draft.id);
        for base in draft.extends.iter().filter_map(|id| self.drafts.get(id)) {
            self.resolve(base, way, rules, left_out)?;
        }
        way.pop();
        rules.retain(|rule| {
            let out = draft.without.contains(&rule.check);
            if out && !left_out.contains(&rule.check) {
                left_out.push(rule.check);
            }
            !out
        });
        for rule in &draft.rules {
            rules.retain(|earlier| earlier.place() != rule.place());
            rules.push(rule.clone());
        }
        Ok(())
    }
}

/// Rules are told by number, those of part B behind.
pub(crate) fn number(rule: &str) -> (u32, String) {
    match rule.strip_prefix('R').and_then(|n| n.parse().ok()) {
        Some(n) => (n, String::new()),
        None => (u32::MAX, rule.to_owned()),
    }
}

/// The site's files, in order of their names.
fn files(settings: &CoverageSettings) -> Result<Vec<PathBuf>, ProfileError> {
    let folder = &settings.profiles;
    let unreadable = |e: std::io::Error| ProfileError::Unreadable { path: folder.clone(), reason: e.to_string() };
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound && !settings.profiles_named => return Ok(Vec::new()),
        Err(e) => return Err(unreadable(e)),
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(unreadable)?.path();
        let hidden = path.file_name().is_none_or(|name| name.to_string_lossy().starts_with('.'));
        if !hidden && path.extension().is_some_and(|ext| ext == "toml") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn text(path: &Path) -> Result<String, ProfileError> {
    let unreadable = |reason: String| ProfileError::Unreadable { path: path.to_path_buf(), reason };
    let length = std::fs::metadata(path).map_err(|e| unreadable(e.to_string()))?.len();
    if length > LONGEST_FILE {
        return Err(unreadable(format!("{length} bytes are more than {LONGEST_FILE}: this is no file of profiles")));
    }
    std::fs::read_to_string(path).map_err(|e| unreadable(e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::super::{Check, Terms};
    use super::*;

    const SITE: &str = r#"[document]
code = "CY"
zh = "本局补充规定"
en = "our supplement"

[[profile]]
id = "chaoyang/street"
zh = "朝阳区"
en = "Chaoyang"
extends = ["changchun-2022/township-centre"]
without = ["upload"]

[[profile.rule]]
check = "resolution"
rule = "R2"
zh = "不低于 1440P"
en = "not below 1440P"
least_width = 2560
least_height = 1440
"#;

    fn with(text: &str) -> Result<Profile, ProfileError> {
        let mut library = Library::built_in().expect("built-in profiles");
        library.add("site.toml", text)?;
        library.get("chaoyang/street")
    }

    #[test]
    fn the_built_in_profiles_are_those_of_the_five_documents() {
        let library = Library::built_in().expect("built-in profiles");
        let names: Vec<&str> = library.names().map(|(id, _)| id).collect();
        assert_eq!(
            names,
            [
                "alxa-2023/centre",
                "alxa-2023/service-place",
                "changchun-2022/centre",
                "changchun-2022/community-station",
                "changchun-2022/specialised-hall",
                "changchun-2022/township-centre",
                "changchun-2022/village-station",
                "default",
                "putuoshan-2025/town-centre",
                "taishan-2023/station-basic",
                "taishan-2023/station-benchmark",
                "taishan-2023/station-standard",
                "taishan-2023/township-centre-basic",
                "taishan-2023/township-centre-benchmark",
                "taishan-2023/township-centre-standard",
            ]
        );
        for id in names {
            assert!(!library.get(id).expect(id).rules.is_empty(), "{id}");
        }
    }

    #[test]
    fn a_township_centre_of_changchun_has_the_rules_of_section_nine_and_its_own() {
        let profile = Library::built_in().and_then(|l| l.get("changchun-2022/township-centre")).expect("the profile");
        let told: Vec<(&str, &str)> = profile.rules.iter().map(|r| (r.rule.as_str(), r.check.word())).collect();
        assert_eq!(told.len(), 24);
        assert_eq!(told[..3], [("R1", "gb28181"), ("R2", "resolution"), ("R3", "zones")]);
        assert_eq!(told[22..], [("B-CC", "windows"), ("B-CC", "special-windows")]);
        let windows = profile.rules.iter().find(|r| r.check == Check::Windows).expect("windows");
        assert_eq!(windows.terms, Terms::Windows { kind: Some("综合窗口".into()), least: 2, most: None });
    }

    #[test]
    fn a_site_extends_a_profile_replaces_a_rule_and_what_it_leaves_out_is_told() {
        let profile = with(SITE).expect("a profile");
        let sizes: Vec<&Terms> = profile.rules.iter().filter(|r| r.check == Check::Resolution).map(|r| &r.terms).collect();
        assert_eq!(sizes, [&Terms::Size { width: 2560, height: 1440 }]);
        assert!(!profile.rules.iter().any(|r| r.check == Check::Upload));
        assert_eq!(profile.left_out, [Check::Upload]);
        assert_eq!(profile.rules.len(), 23);
    }

    #[test]
    fn a_typo_is_told_with_its_line_and_the_nearest_word() {
        let cases = [
            ("least_width = 2560", "least_widht = 2560", "site.toml:18: ", "是否想写 least_width？"),
            ("check = \"resolution\"", "check = \"resolutoin\"", "site.toml:14: ", "did you mean resolution?"),
            ("without = [\"upload\"]", "without = [\"uplaod\"]", "site.toml:11: ", "did you mean upload?"),
            ("township-centre\"", "township-center\"", "site.toml:7: ", "did you mean \"changchun-2022/township-centre\"?"),
            ("rule = \"R2\"", "rule = \"R22\"", "site.toml:15: ", "must be R1 to R15"),
            ("least_height = 1440", "least_height = 1440\nleast = 2", "site.toml:20: ", "unknown key \"least\""),
            ("least_height = 1440", "", "site.toml:13: ", "least_height is missing"),
            ("[document]", "[document", "site.toml:1: ", "TOML"),
            ("[[profile]]", "[[profil]]", "site.toml:6: ", "did you mean profile?"),
        ];
        for (right, wrong, line, words) in cases {
            let told = with(&SITE.replacen(right, wrong, 1)).expect_err(wrong).to_string();
            assert!(told.contains(line) && told.contains(words), "{wrong}: {told}");
        }
    }

    #[test]
    fn an_unknown_profile_names_the_nearest_and_a_circle_is_refused() {
        let library = Library::built_in().expect("built-in profiles");
        let told = library.get("changchun-2022/townshp-centre").expect_err("unknown").to_string();
        assert!(told.contains("did you mean \"changchun-2022/township-centre\"?"), "{told}");
        // What is only there to be extended is no profile of a hall.
        assert!(library.get("changchun-2022/video").is_err());
        let circle = SITE.replace("extends = [\"changchun-2022/township-centre\"]", "extends = \"chaoyang/street\"");
        assert!(matches!(with(&circle), Err(ProfileError::Circle { line: 7, .. })));
    }
}
