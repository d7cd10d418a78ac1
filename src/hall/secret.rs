//! Where a camera's password, or a store's secret key, comes from: a file, the environment, or (with a warning) the text itself.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::complaint::{ComplaintKind, Words};
use super::reader::{Need, Reader, Section, show};
use super::{Credentials, Secret, place};

/// A password file as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretFile {
    /// Its text, at most 4 KiB of it.
    pub text: String,
    /// Permission bits, such as `0o600`.
    pub mode: u32,
}

/// What hall.toml refers to outside itself. Tests put a made-up world in its place.
pub trait Surroundings {
    /// An environment variable; `None` when it is not set or not text.
    fn env(&self, name: &str) -> Option<String>;
    /// A password file.
    ///
    /// # Errors
    /// Why it cannot be read.
    fn secret_file(&self, path: &Path) -> io::Result<SecretFile>;
    /// True when a file or folder is there.
    fn exists(&self, path: &Path) -> bool;
}

/// The machine's own files and the environment of this process.
#[derive(Clone, Copy, Debug, Default)]
pub struct Machine;

/// Longest password file that is read, in bytes: one password, not a disk.
const LONGEST_SECRET: u64 = 4096;

impl Surroundings for Machine {
    fn env(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn secret_file(&self, path: &Path) -> io::Result<SecretFile> {
        let file = File::open(path)?;
        let meta = file.metadata()?;
        if !meta.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
        }
        let mut text = String::new();
        file.take(LONGEST_SECRET).read_to_string(&mut text)?;
        Ok(SecretFile { text, mode: meta.permissions().mode() & 0o7777 })
    }

    fn exists(&self, path: &Path) -> bool {
        path.exists()
    }
}

/// The keys that can give one secret.
#[derive(Clone, Copy)]
pub(super) struct Keys {
    /// The secret itself.
    pub(super) inline: &'static str,
    /// A file that holds it.
    pub(super) file: &'static str,
    /// An environment variable that holds it.
    pub(super) env: &'static str,
}

/// The keys that can give a camera's password.
const CAMERA: Keys = Keys { inline: "password", file: "password_file", env: "password_env" };

impl Keys {
    fn given<'a>(self, section: &Section<'_>) -> Vec<&'a str> {
        let all = [self.inline, self.file, self.env].into_iter();
        all.filter(|key| section.table.get(key).is_some_and(|i| !i.is_none())).collect()
    }
}

/// Reads a secret that must be given by exactly one of `keys`. With `surroundings` absent, one outside the file is not looked up.
pub(super) fn one_of(
    reader: &mut Reader,
    section: &Section<'_>,
    keys: Keys,
    base_dir: &Path,
    surroundings: Option<&dyn Surroundings>,
) -> Option<Secret> {
    match keys.given(section).as_slice() {
        [] => {
            reader.error(
                ComplaintKind::MissingKey,
                section.line,
                section.key(keys.file),
                Words::new("没有密钥", "there is no secret key"),
                Words::new(
                    format!("请加上 {} = \"/etc/jiancha/….secret\"（或 {}）", keys.file, keys.env),
                    format!("add {} = \"/etc/jiancha/….secret\" (or {})", keys.file, keys.env),
                ),
            );
            None
        }
        [source] => password(reader, section, source, keys, base_dir, surroundings),
        given => {
            two(reader, section, given, keys);
            None
        }
    }
}

fn two(reader: &mut Reader, section: &Section<'_>, given: &[&str], keys: Keys) {
    let Some(last) = given.last() else { return };
    let line = reader.line_of(section, last);
    reader.error(
        ComplaintKind::TwoPasswords,
        line,
        section.key(last),
        Words::new(format!("密码同时写在 {}", given.join("、")), format!("the password is given by {}", given.join(" and "))),
        Words::new(format!("只保留一处，建议 {}", keys.file), format!("keep one of them, best {}", keys.file)),
    );
}

/// Reads the user name and password of a camera. With `surroundings` absent, passwords outside the file are not looked up.
pub(super) fn credentials(
    reader: &mut Reader,
    section: &Section<'_>,
    base_dir: &Path,
    surroundings: Option<&dyn Surroundings>,
) -> Option<Credentials> {
    let username = reader.text(section, "username", Need::Optional, "\"jiancha\"");
    let given = CAMERA.given(section);
    match given.as_slice() {
        [] => {
            if username.is_some() {
                let line = reader.line_of(section, "username");
                reader.error(
                    ComplaintKind::MissingKey,
                    line,
                    section.key("password_file"),
                    Words::new("有用户名而没有密码", "a user name without a password"),
                    Words::new(
                        "请加上 password_file = \"/etc/jiancha/….secret\"（或 password_env）",
                        "add password_file = \"/etc/jiancha/….secret\" (or password_env)",
                    ),
                );
            }
            None
        }
        [source] => {
            let password = password(reader, section, source, CAMERA, base_dir, surroundings);
            if username.is_none() && section.table.get("username").is_none() {
                let line = reader.line_of(section, source);
                reader.error(
                    ComplaintKind::MissingKey,
                    line,
                    section.key("username"),
                    Words::new("有密码而没有用户名", "a password without a user name"),
                    Words::new("请加上 username = \"…\"", "add username = \"…\""),
                );
            }
            Some(Credentials { username: username?, password: password? })
        }
        _ => {
            two(reader, section, &given, CAMERA);
            None
        }
    }
}

fn password(
    reader: &mut Reader,
    section: &Section<'_>,
    source: &str,
    keys: Keys,
    base_dir: &Path,
    surroundings: Option<&dyn Surroundings>,
) -> Option<Secret> {
    let line = reader.line_of(section, source);
    let example = match source {
        _ if source == keys.env => "\"JIANCHA_CAMERA_PASSWORD\"",
        _ if source == keys.file => "\"/etc/jiancha/c3.secret\"",
        _ => "\"…\"",
    };
    let written = reader.text(section, source, Need::Required, example)?;
    if source == keys.inline {
        reader.warn(
            ComplaintKind::ExposedPassword,
            line,
            section.key(source),
            Words::new("密码直接写在本文件里", "the password stands in this file itself"),
            Words::new(
                format!("最好放进只有服务帐号可读的文件，用 {} 指明", keys.file),
                format!("better kept in a file only the service account can read, named by {}", keys.file),
            ),
        );
        return Some(Secret::new(written));
    }
    let Some(surroundings) = surroundings else { return Some(Secret::new("")) };
    if source == keys.env {
        let value = surroundings.env(&written).filter(|value| !value.is_empty());
        if value.is_none() {
            reader.error(
                ComplaintKind::NoPassword,
                line,
                section.key(source),
                Words::new(
                    format!("环境变量 {} 没有设置或为空", show(&written)),
                    format!("the environment variable {} is not set or empty", show(&written)),
                ),
                Words::new(
                    format!("启动前请设置它，或改用 {}", keys.file),
                    format!("set it before the start, or use {} instead", keys.file),
                ),
            );
        }
        return value.map(Secret::new);
    }
    let path = place::resolve(base_dir, &written);
    let shown = path.display().to_string();
    match surroundings.secret_file(&path) {
        Ok(file) => {
            if file.mode & 0o004 != 0 {
                reader.warn(
                    ComplaintKind::ExposedPassword,
                    line,
                    section.key(source),
                    Words::new(
                        format!("任何人都能读 {shown}（权限 {:o}）", file.mode),
                        format!("anyone can read {shown} (mode {:o})", file.mode),
                    ),
                    Words::new(format!("请执行 chmod 600 {shown}"), format!("run chmod 600 {shown}")),
                );
            }
            let password = file.text.trim_end_matches(['\r', '\n']);
            if password.is_empty() {
                reader.error(
                    ComplaintKind::NoPassword,
                    line,
                    section.key(source),
                    Words::new(format!("{shown} 是空的"), format!("{shown} is empty")),
                    Words::new("请把密码写在第一行", "put the password into its first line"),
                );
                return None;
            }
            Some(Secret::new(password))
        }
        Err(e) => {
            reader.error(
                ComplaintKind::NoPassword,
                line,
                section.key(source),
                Words::new(format!("读不到 {shown}:{e}"), format!("cannot read {shown}: {e}")),
                Words::new(
                    "请建立该文件，写入密码，并让服务帐号可读（chmod 600）",
                    "create it with the password inside, readable by the service account (chmod 600)",
                ),
            );
            None
        }
    }
}
