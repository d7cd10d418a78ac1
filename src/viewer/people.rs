//! People who may sign in: name, role, argon2id hash of the password.

use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;

use argon2::Argon2;
use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use rand::Rng;
use serde::{Deserialize, Serialize};

use crate::catalogue::{Store, StoreError, Table};
use crate::time::WallTime;

/// Table of people.
const PEOPLE: &str = "people";
/// Name of the administrator made at the first start.
pub const FIRST_ADMIN: &str = "admin";
/// Letters and digits that nobody mistakes for another: no 0 O o, 1 l I.
const UNAMBIGUOUS: &[u8] = b"abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";
/// Length of a generated password: 24 of 56 characters are 139 bits.
const GENERATED_LENGTH: usize = 24;
/// Longest password looked at, in bytes: bounds the work a request can ask for.
const LONGEST_PASSWORD: usize = 256;

/// What a person may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Administrator (管理员): everything.
    Administrator,
    /// Viewer (查看员): live view and playback.
    Viewer,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Role::Administrator => "administrator",
            Role::Viewer => "viewer",
        })
    }
}

impl FromStr for Role {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "administrator" => Ok(Role::Administrator),
            "viewer" => Ok(Role::Viewer),
            _ => Err(format!("role `{text}` is none of administrator, viewer")),
        }
    }
}

/// A person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// Name used to sign in.
    pub name: String,
    /// What the person may do.
    pub role: Role,
    /// When the person was added.
    pub created: WallTime,
    /// When the password was set.
    pub password_set: WallTime,
    /// Grows with every new password; a session opened under an older one has ended.
    pub password_number: u32,
}

/// The row of a person.
#[derive(Serialize, Deserialize)]
struct Row {
    name: String,
    role: Role,
    password_hash: String,
    created: WallTime,
    password_set: WallTime,
    password_number: u32,
}

impl Row {
    fn person(&self) -> Person {
        Person {
            name: self.name.clone(),
            role: self.role,
            created: self.created,
            password_set: self.password_set,
            password_number: self.password_number,
        }
    }
}

/// The administrator made at the first start; the password exists nowhere else.
pub struct FirstAdmin {
    /// Name to sign in with.
    pub name: String,
    /// The generated password, to be shown once.
    pub password: String,
}

/// Why people cannot be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum PeopleError {
    /// The catalogue refuses.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A name that cannot be used.
    #[error("user name `{0}`: 1 to 32 letters, digits, `-`, `_` or `.` are needed")]
    BadName(String),
    /// The name is taken.
    #[error("user `{0}` exists already (set a new password with `jiancha user password`)")]
    Exists(String),
    /// There is no such person.
    #[error("there is no user `{0}` (see `jiancha user list`)")]
    Unknown(String),
    /// A password that is too easy.
    #[error("password: {0}")]
    WeakPassword(String),
    /// The last administrator must stay.
    #[error("user `{0}` is the last administrator (add another administrator first)")]
    LastAdministrator(String),
    /// The password cannot be hashed.
    #[error("hash the password: {0}")]
    Hash(String),
}

/// The people of one recorder. Cheap to clone; every method reads or writes the catalogue and may block.
#[derive(Clone)]
pub struct People {
    table: Table,
}

fn key(name: &str) -> Vec<u8> {
    // `Admin` and `admin` would be mistaken for one another, so they are one.
    name.to_lowercase().into_bytes()
}

impl People {
    /// Opens the table of people in `store`.
    ///
    /// # Errors
    /// [`StoreError`] when the table cannot be opened.
    pub fn open(store: &Store) -> Result<Self, StoreError> {
        Ok(Self { table: store.table(PEOPLE)? })
    }

    /// Makes the administrator `admin` with a generated password when there is no administrator yet.
    ///
    /// # Errors
    /// [`PeopleError`] when the catalogue refuses, or when somebody who is no administrator has the name `admin`.
    pub fn first_start(&self, now: WallTime) -> Result<Option<FirstAdmin>, PeopleError> {
        if self.list()?.iter().any(|p| p.role == Role::Administrator) {
            return Ok(None);
        }
        let password = generate_password();
        self.add(FIRST_ADMIN, Role::Administrator, &password, now)?;
        Ok(Some(FirstAdmin { name: FIRST_ADMIN.to_owned(), password }))
    }

    /// Everyone, by name.
    ///
    /// # Errors
    /// [`StoreError`] when the table cannot be read.
    pub fn list(&self) -> Result<Vec<Person>, StoreError> {
        Ok(self.table.prefix_json::<Row>(b"")?.iter().map(Row::person).collect())
    }

    /// The person of this name.
    ///
    /// # Errors
    /// [`StoreError`] when the table cannot be read.
    pub fn find(&self, name: &str) -> Result<Option<Person>, StoreError> {
        Ok(self.table.get_json::<Row>(&key(name))?.map(|r| r.person()))
    }

    /// Adds a person.
    ///
    /// # Errors
    /// [`PeopleError`] when the name is taken or unusable, the password is weak, or the catalogue refuses.
    pub fn add(&self, name: &str, role: Role, password: &str, now: WallTime) -> Result<(), PeopleError> {
        check_name(name)?;
        check_password(name, password)?;
        let row = Row {
            name: name.to_owned(),
            role,
            password_hash: hash(password)?,
            created: now,
            password_set: now,
            password_number: 1,
        };
        if self.table.insert_new_json(&key(name), &row)? { Ok(()) } else { Err(PeopleError::Exists(name.to_owned())) }
    }

    /// Sets a person's password; sessions opened before end.
    ///
    /// # Errors
    /// [`PeopleError`] when there is no such person, the password is weak, or the catalogue refuses.
    pub fn set_password(&self, name: &str, password: &str, now: WallTime) -> Result<(), PeopleError> {
        let Some(mut row) = self.table.get_json::<Row>(&key(name))? else {
            return Err(PeopleError::Unknown(name.to_owned()));
        };
        check_password(&row.name, password)?;
        row.password_hash = hash(password)?;
        row.password_set = now;
        row.password_number = row.password_number.saturating_add(1);
        Ok(self.table.put_json(&key(name), &row)?)
    }

    /// Removes a person; sessions and media addresses of that person end.
    ///
    /// # Errors
    /// [`PeopleError`] when there is no such person, when it is the last administrator, or the catalogue refuses.
    pub fn remove(&self, name: &str) -> Result<(), PeopleError> {
        let everyone = self.list()?;
        let Some(person) = everyone.iter().find(|p| key(&p.name) == key(name)) else {
            return Err(PeopleError::Unknown(name.to_owned()));
        };
        let administrators = everyone.iter().filter(|p| p.role == Role::Administrator).count();
        if person.role == Role::Administrator && administrators == 1 {
            return Err(PeopleError::LastAdministrator(person.name.clone()));
        }
        self.table.remove(&key(name))?;
        Ok(())
    }

    /// The person, when name and password belong together. Takes as long for a name that does not exist.
    ///
    /// Costs some 20 ms of CPU and 19 MiB of memory: bound the number that run at once.
    ///
    /// # Errors
    /// [`PeopleError`] when the table cannot be read.
    pub fn verify(&self, name: &str, password: &str) -> Result<Option<Person>, PeopleError> {
        static NOBODY: OnceLock<String> = OnceLock::new();
        let row = self.table.get_json::<Row>(&key(name))?;
        let stored = match &row {
            Some(row) => row.password_hash.as_str(),
            None => match NOBODY.get() {
                Some(known) => known,
                None => {
                    let made = hash(&generate_password())?;
                    NOBODY.get_or_init(|| made)
                }
            },
        };
        let parsed = PasswordHash::new(stored).map_err(|e| PeopleError::Hash(e.to_string()))?;
        let right =
            password.len() <= LONGEST_PASSWORD && Argon2::default().verify_password(password.as_bytes(), &parsed).is_ok();
        Ok(row.filter(|_| right).map(|r| r.person()))
    }
}

/// A password of [`GENERATED_LENGTH`] unambiguous characters.
pub fn generate_password() -> String {
    let mut rng = rand::rng();
    (0..GENERATED_LENGTH).map(|_| char::from(UNAMBIGUOUS[rng.random_range(0..UNAMBIGUOUS.len())])).collect()
}

fn hash(password: &str) -> Result<String, PeopleError> {
    let salt: [u8; 16] = rand::rng().random();
    let salt = SaltString::encode_b64(&salt).map_err(|e| PeopleError::Hash(e.to_string()))?;
    let hash = Argon2::default().hash_password(password.as_bytes(), &salt).map_err(|e| PeopleError::Hash(e.to_string()))?;
    Ok(hash.to_string())
}

fn check_name(name: &str) -> Result<(), PeopleError> {
    let length = name.chars().count();
    let fits = (1..=32).contains(&length) && name.chars().all(|c| c.is_alphanumeric() || "-_.".contains(c));
    if fits { Ok(()) } else { Err(PeopleError::BadName(name.escape_debug().to_string())) }
}

/// At least 16 characters, or at least 8 of three kinds (small, capital, digit, other); never the name itself.
fn check_password(name: &str, password: &str) -> Result<(), PeopleError> {
    let weak = |why: &str| Err(PeopleError::WeakPassword(why.to_owned()));
    if password.len() > LONGEST_PASSWORD {
        return weak("longer than 256 bytes");
    }
    let (low_password, low_name) = (password.to_lowercase(), name.to_lowercase());
    // A name of two letters occurs in many good passwords by chance.
    if low_password == low_name || (name.chars().count() >= 4 && low_password.contains(&low_name)) {
        return weak("it contains the user name");
    }
    let length = password.chars().count();
    let kinds: HashSet<u8> = password
        .chars()
        .map(|c| {
            if c.is_lowercase() {
                0
            } else if c.is_uppercase() {
                1
            } else if c.is_numeric() {
                2
            } else {
                3
            }
        })
        .collect();
    let different: HashSet<char> = password.chars().collect();
    if different.len() < 5 {
        return weak("fewer than 5 different characters");
    }
    if length >= 16 || (length >= 8 && kinds.len() >= 3) {
        Ok(())
    } else {
        weak("at least 16 characters are needed, or at least 8 with three of: small letters, capitals, digits, others")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: WallTime = WallTime::from_micros(1_795_330_203_000_000);

    fn people() -> (tempfile::TempDir, People) {
        let dir = tempfile::tempdir().unwrap();
        let people = People::open(&Store::open(dir.path()).unwrap()).unwrap();
        (dir, people)
    }

    #[test]
    fn the_first_start_makes_one_administrator_and_tells_the_password_once() {
        let (_dir, people) = people();
        let first = people.first_start(NOW).unwrap().unwrap();
        assert_eq!(first.name, "admin");
        assert_eq!(first.password.len(), 24);
        assert!(first.password.chars().all(|c| c.is_ascii_alphanumeric() && !"0Oo1lI".contains(c)));
        assert_eq!(people.verify("admin", &first.password).unwrap().unwrap().role, Role::Administrator);
        assert!(people.first_start(NOW).unwrap().is_none());
    }

    #[test]
    fn wrong_password_and_unknown_name_look_the_same() {
        let (_dir, people) = people();
        people.add("王芳", Role::Viewer, "Rain-over-hills-7", NOW).unwrap();
        assert!(people.verify("王芳", "rain-over-hills-7").unwrap().is_none());
        assert!(people.verify("nobody", "Rain-over-hills-7").unwrap().is_none());
        assert!(people.verify("王芳", "Rain-over-hills-7").unwrap().is_some());
    }

    #[test]
    fn a_new_password_replaces_the_old_one_and_counts() {
        let (_dir, people) = people();
        people.add("li", Role::Viewer, "first-Password-1", NOW).unwrap();
        people.set_password("LI", "other-Password-2", NOW).unwrap();
        assert!(people.verify("li", "first-Password-1").unwrap().is_none());
        assert_eq!(people.verify("li", "other-Password-2").unwrap().unwrap().password_number, 2);
    }

    #[test]
    fn the_last_administrator_stays() {
        let (_dir, people) = people();
        people.add("a", Role::Administrator, "Xy7-Xy7-Pq9-mn", NOW).unwrap();
        people.add("b", Role::Viewer, "Xy7-Xy7-Pq9-mn", NOW).unwrap();
        assert!(matches!(people.remove("a"), Err(PeopleError::LastAdministrator(_))));
        people.remove("b").unwrap();
        assert!(matches!(people.remove("b"), Err(PeopleError::Unknown(_))));
        people.add("c", Role::Administrator, "Xy7-Xy7-Pq9-mn", NOW).unwrap();
        people.remove("a").unwrap();
        assert_eq!(people.list().unwrap().len(), 1);
    }

    #[test]
    fn easy_passwords_and_odd_names_are_refused() {
        for weak in ["short1A", "alllowercase", "aaaaaaaaaaaaaaaaaaaa", "My-Name-LiHong-1", "abcdefgh1"] {
            assert!(matches!(check_password("lihong", weak), Err(PeopleError::WeakPassword(_))), "{weak}");
        }
        for fine in ["correct horse battery", "Abcdefg1", "一二三四五六七八九十甲乙丙丁戊己"] {
            assert!(check_password("wang", fine).is_ok(), "{fine}");
        }
        for odd in ["", "a b", "../x", "a\n", &"x".repeat(33)] {
            assert!(check_name(odd).is_err(), "{odd:?}");
        }
    }

    #[test]
    fn names_that_differ_in_case_only_are_one() {
        let (_dir, people) = people();
        people.add("Chen", Role::Viewer, "Xy7-Xy7-Pq9-mn", NOW).unwrap();
        assert!(matches!(people.add("chen", Role::Viewer, "Xy7-Xy7-Pq9-mn", NOW), Err(PeopleError::Exists(_))));
    }
}
