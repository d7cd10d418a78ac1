//! `[backup]` of hall.toml: where the second copy goes, how fast, when not, and how long it stays there.

use std::path::{Path, PathBuf};

use toml_edit::{Item, Value};
use url::Url;

use super::complaint::{ComplaintKind, Words};
use super::reader::{Need, Reader, Section, show};
use super::secret::{self, Surroundings};
use super::{Secret, StorageRoot, place, sections};

/// `[backup]`: the second copy (第二份副本) of every sealed segment (R7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupSettings {
    /// Where it goes.
    pub target: BackupTarget,
    /// Megabits a second the copying may use in either direction; `None` for no limit.
    pub bandwidth_mbit: Option<u32>,
    /// Times of day in Beijing at which nothing is copied.
    pub quiet_hours: Vec<QuietHours>,
    /// Working days the copy stays at least. 30 by default.
    pub working_days: u16,
    /// When copies are deleted.
    pub delete: DeleteCopies,
}

/// Where the second copy goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BackupTarget {
    /// A folder on another disk or a mounted network share.
    Directory(PathBuf),
    /// A bucket of an S3-compatible store.
    S3(S3Settings),
}

/// `[backup.s3]`: a bucket of an S3-compatible store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S3Settings {
    /// Address of the store, such as `https://s3.example.cn`.
    pub endpoint: Url,
    /// Bucket, which must exist.
    pub bucket: String,
    /// What all object names begin with; without slashes at its ends, possibly empty.
    pub prefix: String,
    /// Region as the store names it. `us-east-1` by default.
    pub region: String,
    /// True: the bucket stands in the path (`https://host/bucket/…`), as most stores of one's own want it. The default.
    pub path_style: bool,
    /// Key id.
    pub access_key_id: String,
    /// Secret key; never printed.
    pub secret_access_key: Secret,
}

/// A time of day in Beijing, `from` inclusive to `to` exclusive, in minutes since midnight. It may reach over midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuietHours {
    /// First minute inside.
    pub from_minute: u16,
    /// First minute after.
    pub to_minute: u16,
}

/// When copies are deleted from the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeleteCopies {
    /// When one working day more than their floor is complete, the recording itself is gone and no hold lies on the day.
    WhenDue,
    /// Never by this program.
    Never,
}

const KEYS: [&str; 6] = ["directory", "s3", "bandwidth_mbit", "quiet_hours", "working_days", "delete"];
const S3_KEYS: [&str; 10] = [
    "endpoint",
    "bucket",
    "prefix",
    "region",
    "path_style",
    "allow_http",
    "access_key_id",
    "secret_access_key",
    "secret_key_file",
    "secret_key_env",
];

/// Reads `[backup]`. With `surroundings` absent, a secret key outside the file is not looked up.
pub(super) fn backup(
    reader: &mut Reader,
    section: &Section<'_>,
    base_dir: &Path,
    surroundings: Option<&dyn Surroundings>,
) -> Option<BackupSettings> {
    reader.refuse_unknown(section, &KEYS);
    let directory = reader
        .text(section, "directory", Need::Optional, "\"/mnt/backup/jiancha\"")
        .map(|written| place::resolve(base_dir, &written));
    let s3 = sections::single(reader, section, "s3").map(|mut s3| {
        s3.path = section.key("s3");
        store(reader, &s3, base_dir, surroundings)
    });
    let limited = section.table.contains_key("bandwidth_mbit");
    let bandwidth = reader.number(section, "bandwidth_mbit", 100, 1..=100_000, Words::same("Mbit/s"));
    let quiet_hours = quiet_hours(reader, section);
    let working_days = reader.number(section, "working_days", 30, 1..=2000, Words::new("个工作日", "working days"));
    let choices = [("when-due", DeleteCopies::WhenDue), ("never", DeleteCopies::Never)];
    let delete = reader.choice(section, "delete", &choices, Some(DeleteCopies::WhenDue));
    let target = match (directory, s3) {
        (Some(directory), None) => BackupTarget::Directory(directory),
        (None, Some(s3)) => BackupTarget::S3(s3?),
        (given, _) => {
            let both = given.is_some();
            if both || !section.table.contains_key("directory") && !section.table.contains_key("s3") {
                complain_of_target(reader, section, both);
            }
            return None;
        }
    };
    Some(BackupSettings {
        target,
        bandwidth_mbit: limited.then_some(bandwidth),
        quiet_hours,
        working_days: u16::try_from(working_days).unwrap_or(u16::MAX),
        delete: delete?,
    })
}

fn complain_of_target(reader: &mut Reader, section: &Section<'_>, both: bool) {
    let (kind, found) = if both {
        (ComplaintKind::BadValue, Words::new("同时写了 directory 和 [backup.s3]", "both directory and [backup.s3] are given"))
    } else {
        (ComplaintKind::MissingKey, Words::new("没有写备份到哪里", "it does not say where the backup goes"))
    };
    let right = Words::new(
        "写 directory = \"/mnt/backup/jiancha\" 或一段 [backup.s3]，二者选一",
        "write either directory = \"/mnt/backup/jiancha\" or a section [backup.s3]",
    );
    reader.error(kind, section.line, section.key("directory"), found, right);
}

fn store(
    reader: &mut Reader,
    section: &Section<'_>,
    base_dir: &Path,
    surroundings: Option<&dyn Surroundings>,
) -> Option<S3Settings> {
    reader.refuse_unknown(section, &S3_KEYS);
    let endpoint = endpoint(reader, section);
    let bucket = reader.text(section, "bucket", Need::Required, "\"jiancha\"").filter(|b| legal_bucket(reader, section, b));
    let prefix = reader.text(section, "prefix", Need::Optional, "\"chaoyang/chongqing\"").unwrap_or_default();
    let prefix = prefix.split('/').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/");
    let region = reader.text(section, "region", Need::Optional, "\"garage\"").unwrap_or_else(|| "us-east-1".to_owned());
    let path_style = reader.flag(section, "path_style", true);
    let access_key_id = reader.text(section, "access_key_id", Need::Required, "\"GK31c2f218a2e44f485b94239e\"");
    let secret_access_key = secret::one_of(
        reader,
        section,
        secret::Keys { inline: "secret_access_key", file: "secret_key_file", env: "secret_key_env" },
        base_dir,
        surroundings,
    );
    Some(S3Settings {
        endpoint: endpoint?,
        bucket: bucket?,
        prefix,
        region,
        path_style,
        access_key_id: access_key_id?,
        secret_access_key: secret_access_key?,
    })
}

fn endpoint(reader: &mut Reader, section: &Section<'_>) -> Option<Url> {
    const EXAMPLE: &str = "\"https://s3.example.cn\"";
    let allow_http = reader.flag(section, "allow_http", false);
    let written = reader.text(section, "endpoint", Need::Required, EXAMPLE)?;
    let line = reader.line_of(section, "endpoint");
    let key = section.key("endpoint");
    let url = Url::parse(written.trim()).ok().filter(|url| {
        let plain = url.username().is_empty() && url.password().is_none() && url.query().is_none() && url.path() == "/";
        matches!(url.scheme(), "http" | "https") && url.host_str().is_some_and(|h| !h.is_empty()) && plain
    });
    let Some(url) = url else {
        let shown = if written.contains('@') { "\"***\"".to_owned() } else { show(&written) };
        let found = Words::new(format!("{shown} 不是存储服务的地址"), format!("{shown} is no address of a store"));
        let right = Words::new(
            format!("只写协议、主机和端口，例如 endpoint = {EXAMPLE}；桶写在 bucket，密钥写在 access_key_id 等键"),
            format!("only scheme, host and port, for example endpoint = {EXAMPLE}; bucket and keys have keys of their own"),
        );
        reader.error(ComplaintKind::BadUrl, line, key, found, right);
        return None;
    };
    if url.scheme() == "http" {
        let found = Words::new("地址是明文 http://", "the address is plain http://");
        if !allow_http {
            let right = Words::new(
                "请改用 https://；确在本机或专用线路上，再写 allow_http = true",
                "use https://; on this machine or a line of its own, write allow_http = true",
            );
            reader.error(ComplaintKind::BadUrl, line, key, found, right);
            return None;
        }
        let right =
            Words::new("录像将不加密传输；请尽量改用 https://", "recordings travel without encryption; better use https://");
        reader.warn(ComplaintKind::PlainHttp, line, key, found, right);
    }
    Some(url)
}

/// What every S3-compatible store takes as a bucket's name.
fn legal_bucket(reader: &mut Reader, section: &Section<'_>, bucket: &str) -> bool {
    let letters = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.';
    let ends = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let (first, last) = (bucket.bytes().next(), bucket.bytes().last());
    let legal = (3..=63).contains(&bucket.len()) && bucket.bytes().all(letters) && ends(first) && ends(last);
    if !legal {
        let line = reader.line_of(section, "bucket");
        reader.error(
            ComplaintKind::BadValue,
            line,
            section.key("bucket"),
            Words::new(format!("写的是 {}", show(bucket)), format!("found {}", show(bucket))),
            Words::new(
                "桶名为 3 至 63 个小写字母、数字、- 或 .，例如 bucket = \"jiancha\"",
                "3 to 63 lower case letters, digits, - or ., for example bucket = \"jiancha\"",
            ),
        );
    }
    legal
}

fn quiet_hours(reader: &mut Reader, section: &Section<'_>) -> Vec<QuietHours> {
    const EXAMPLE: &str = "[\"08:30-17:30\"]";
    let Some(item) = reader.item(section, "quiet_hours", Need::Optional, EXAMPLE) else { return Vec::new() };
    let Item::Value(Value::Array(list)) = item else {
        reader.wrong_type(section, "quiet_hours", item, Words::new("列表", "a list"), EXAMPLE);
        return Vec::new();
    };
    let mut hours = Vec::new();
    for value in list {
        let written = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        match value.as_str().and_then(QuietHours::parse) {
            Some(quiet) => hours.push(quiet),
            None => {
                let line = reader.line_of(section, "quiet_hours");
                reader.error(
                    ComplaintKind::BadValue,
                    line,
                    section.key("quiet_hours"),
                    Words::new(format!("写的是 {}", show(&written)), format!("found {}", show(&written))),
                    Words::new(
                        format!("北京时间的起止时刻，可跨午夜，例如 quiet_hours = {EXAMPLE}"),
                        format!(
                            "two different times of day in Beijing, over midnight or not, for example quiet_hours = {EXAMPLE}"
                        ),
                    ),
                );
            }
        }
    }
    let all: u32 = hours.iter().map(|q| q.minutes()).sum();
    if all >= 24 * 60 {
        let line = reader.line_of(section, "quiet_hours");
        reader.error(
            ComplaintKind::OutOfRange,
            line,
            section.key("quiet_hours"),
            Words::new("全天都不许备份", "there is no time left to copy in"),
            Words::new("请给备份留出时间", "leave some time for the backup"),
        );
    }
    hours
}

impl QuietHours {
    /// Reads `08:30-17:30`.
    pub fn parse(text: &str) -> Option<Self> {
        let (from, to) = text.split_once('-')?;
        let minute = |t: &str| {
            let (h, m) = t.trim().split_once(':')?;
            let digits = |s: &str, longest| s.len() <= longest && !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
            let (hour, minute): (u16, u16) =
                if digits(h, 2) && digits(m, 2) { (h.parse().ok()?, m.parse().ok()?) } else { return None };
            let all = hour * 60 + minute;
            (minute < 60 && all <= 24 * 60).then_some(all)
        };
        let quiet = Self { from_minute: minute(from)? % (24 * 60), to_minute: minute(to)? % (24 * 60) };
        (quiet.from_minute != quiet.to_minute).then_some(quiet)
    }

    /// Length in minutes.
    pub fn minutes(self) -> u32 {
        (u32::from(self.to_minute) + 24 * 60 - u32::from(self.from_minute)) % (24 * 60)
    }
}

/// Complains of a backup folder in, around or equal to a storage root, or around the catalogue.
pub(super) fn apart(reader: &mut Reader, section: &Section<'_>, settings: &BackupSettings, storage: &[StorageRoot]) {
    let BackupTarget::Directory(directory) = &settings.target else { return };
    for root in storage {
        if directory.starts_with(&root.path) || root.path.starts_with(directory) {
            let line = reader.line_of(section, "directory");
            reader.error(
                ComplaintKind::StorageOverlap,
                line,
                section.key("directory"),
                Words::new(
                    format!("{} 与存储目录 {} 重叠", directory.display(), root.path.display()),
                    format!("{} and the storage folder {} lie in one another", directory.display(), root.path.display()),
                ),
                Words::new("备份目录应在另一块盘上", "the backup belongs on another disk"),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_day_are_read_and_nonsense_is_not() {
        let minutes = |t| QuietHours::parse(t).map(|q| (q.from_minute, q.to_minute, q.minutes()));
        assert_eq!(minutes("08:30-17:30"), Some((510, 1050, 540)));
        assert_eq!(minutes("22:00 - 6:00"), Some((1320, 360, 480)));
        assert_eq!(minutes("20:00-24:00"), Some((1200, 0, 240)));
        for wrong in ["", "08:30", "8-17", "08:60-09:00", "25:00-26:00", "08:30-08:30", "+8:30-09:00", "00:00-24:00"] {
            assert_eq!(minutes(wrong), None, "{wrong}");
        }
    }
}
