//! Doubt: does every segment file still say what it said when it was sealed?
//!
//! [`mod@file`] reads one file (bytes against digest, tail against what it must be, path against identity), [`chain`] judges the
//! files of a camera together (digests chained, numbers without a hole) and against the catalogue. All judgement is pure; only
//! [`file::examine`] and [`camera_folders`] touch a disk.

pub mod chain;
pub mod file;

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::observe::state::Bilingual;

/// What is wrong with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProblemKind {
    /// The bytes before the seal do not give the seal's digest.
    DigestMismatch,
    /// The file has no seal and is not being recorded.
    SealMissing,
    /// The file cannot be read, or its front is damaged.
    Unreadable,
    /// The identity names another digest than the run's segment before it has.
    ChainBroken,
    /// Numbers are missing in a run.
    NumberGap,
    /// Camera or start in the identity do not fit the file's path.
    Renamed,
    /// Bytes of the end that no digest covers are not what they must be.
    TailDamaged,
    /// The catalogue has no row for the file.
    CatalogueMissing,
    /// The catalogue's row tells something else than the file.
    CatalogueStale,
    /// The catalogue has a row whose file is gone.
    FileMissing,
    /// A signed note (daily manifest or removal) is not what was signed.
    ManifestInvalid,
    /// The day's files are not those its manifest tells of.
    ManifestMismatch,
    /// A past day has files and no manifest, although the recorder has gone past it.
    ManifestMissing,
    /// A whole day is gone, and no signed removal explains it.
    DayMissing,
}

impl ProblemKind {
    /// The word used in JSON and tables.
    pub fn word(self) -> &'static str {
        match self {
            Self::DigestMismatch => "digest-mismatch",
            Self::SealMissing => "seal-missing",
            Self::Unreadable => "unreadable",
            Self::ChainBroken => "chain-broken",
            Self::NumberGap => "number-gap",
            Self::Renamed => "renamed",
            Self::TailDamaged => "tail-damaged",
            Self::CatalogueMissing => "catalogue-missing",
            Self::CatalogueStale => "catalogue-stale",
            Self::FileMissing => "file-missing",
            Self::ManifestInvalid => "manifest-invalid",
            Self::ManifestMismatch => "manifest-mismatch",
            Self::ManifestMissing => "manifest-missing",
            Self::DayMissing => "day-missing",
        }
    }

    /// What is wrong and what to do, in both languages.
    pub fn words(self) -> (Bilingual, Bilingual) {
        let (zh, en, remedy_zh, remedy_en) = match self {
            Self::DigestMismatch => (
                "文件内容与封存时的摘要不符：内容被改动或磁盘出错。",
                "The bytes are not those that were sealed: changed by someone, or by a failing disk.",
                "请勿删除该文件；检查磁盘(smartctl -a)和谁能写入该目录，并用备份副本替换。",
                "Keep the file; check the disk (smartctl -a) and who may write to the folder, and restore it from the backup copy.",
            ),
            Self::SealMissing => (
                "文件没有封存，且当前不在录制。",
                "The file has no seal and is not being recorded.",
                "启动录像服务会自动封存最近两小时的文件；更早的请先停止服务，再运行 jiancha rebuild。",
                "Starting the recorder seals what the last two hours left open; for older files stop it and run `jiancha rebuild`.",
            ),
            Self::Unreadable => (
                "文件无法读取。",
                "The file cannot be read.",
                "请检查磁盘和文件权限；如文件已损坏，用备份副本替换。",
                "Check the disk and the file's rights; when the file is damaged, restore it from the backup copy.",
            ),
            Self::ChainBroken => (
                "与同一段连续录像的前一个文件的摘要不相连：前一个文件被替换，或有文件被插入。",
                "It does not follow the file before it in its run: that one was exchanged, or one was put in.",
                "请比较本文件、前一个文件与备份副本，查明谁写入过该目录。",
                "Compare this file and the one before it with the backup copies, and find out who wrote to the folder.",
            ),
            Self::NumberGap => (
                "同一段连续录像中缺少文件。",
                "Files of its run are missing before it.",
                "用备份副本补回缺少的文件，并查明谁删除了它们。",
                "Restore the missing files from the backup, and find out who removed them.",
            ),
            Self::Renamed => (
                "文件所在目录或文件名与其内容记载的摄像机、时间不符。",
                "Folder or name do not fit the camera and start that the file itself tells.",
                "把文件移回其内容所记载的位置，再停止服务并运行 jiancha rebuild。",
                "Move it back to the place its content tells, then stop the recorder and run `jiancha rebuild`.",
            ),
            Self::TailDamaged => (
                "画面和声音完好，但文件尾部的封存信息被改动。",
                "Pictures and sound are as sealed, but the end of the file that carries the seal was changed.",
                "用备份副本替换该文件，并检查磁盘和谁能写入该目录。",
                "Restore the file from the backup copy; check the disk and who may write to the folder.",
            ),
            Self::CatalogueMissing => (
                "录像目录库中没有该文件的记录，时间轴上看不到它。",
                "The catalogue does not know the file: the timeline does not show it.",
                "停止录像服务，运行 jiancha rebuild，再启动服务。",
                "Stop the recorder, run `jiancha rebuild`, start it again.",
            ),
            Self::CatalogueStale => (
                "录像目录库的记录与文件不一致。",
                "The catalogue tells something else than the file.",
                "文件摘要完好时，停止录像服务并运行 jiancha rebuild；如非断电所致，请查明谁替换了文件。",
                "Stop the recorder and run `jiancha rebuild`; when no power cut explains it, find out who exchanged the file.",
            ),
            Self::FileMissing => (
                "录像目录库中有记录，但文件不在了。",
                "The catalogue knows the file, but it is gone.",
                "检查存储盘是否已挂载；用备份副本补回，并查明谁删除了它。",
                "See whether the disk is mounted; restore the file from the backup, and find out who removed it.",
            ),
            Self::ManifestInvalid => (
                "签名清单不可信：内容被改动，或不是由本机密钥签署。",
                "A signed note does not hold: its text was changed, or another key signed it.",
                "用备份副本替换它；如更换过存储盘或密钥，请用 --key 指明当时的公钥。并查明谁能写入该目录。",
                "Restore it from the backup copy; when disks or keys were exchanged, name the public key of that time with --key. Find out who may write to the folder.",
            ),
            Self::ManifestMismatch => (
                "当日文件与签名的日清单不一致。",
                "The day's files are not those its signed manifest tells of.",
                "用备份副本补回或替换，并查明谁动过文件；刚补录、恢复的文件会在一小时内列入新的日清单。",
                "Restore from the backup copy and find out who touched the files; files that were adopted or restored just now enter a new manifest within the hour.",
            ),
            Self::ManifestMissing => (
                "该日已过，却没有签名的日清单。",
                "The day is over and has no signed manifest.",
                "请查看录像服务的日志(签名密钥、磁盘权限)；服务每小时补写一次。如曾经写过，请查明谁删除了它。",
                "See the recorder's log (signing key, rights on the disk): it writes what is due every hour. When it was written before, find out who removed it.",
            ),
            Self::DayMissing => (
                "整日的录像或其清单不见了，且没有签名的删除记录。",
                "A whole day, or its manifest, is gone and no signed removal explains it.",
                "检查存储盘是否已挂载；用备份副本补回，并查明谁删除了它。",
                "See whether the disk is mounted; restore the day from the backup, and find out who removed it.",
            ),
        };
        let both = |zh: &str, en: &str| Bilingual { zh: zh.into(), en: en.into() };
        (both(zh, en), both(remedy_zh, remedy_en))
    }
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Noted")]
pub struct Problem {
    /// The file in full.
    pub file: String,
    /// What is wrong.
    pub kind: ProblemKind,
    /// The circumstances: places, digests, numbers.
    pub detail: String,
    /// What is wrong, in words.
    pub what: Bilingual,
    /// What to do.
    pub remedy: Bilingual,
}

/// What of a finding must be read back; its words follow from its kind.
#[derive(Deserialize)]
struct Noted {
    file: String,
    kind: ProblemKind,
    detail: String,
}

impl From<Noted> for Problem {
    fn from(noted: Noted) -> Self {
        Self::new(noted.file, noted.kind, noted.detail)
    }
}

impl Problem {
    /// A finding of `kind` about `file`.
    pub fn new(file: impl Into<String>, kind: ProblemKind, detail: impl Into<String>) -> Self {
        let (what, remedy) = kind.words();
        Self { file: file.into(), kind, detail: detail.into(), what, remedy }
    }
}

/// Names of the folders under a storage root that may hold recordings of a camera, those of hall.toml or not, in order.
///
/// # Errors
/// The system's error when the root cannot be listed.
pub fn camera_folders(root: &Path) -> std::io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(root)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        // The catalogue and what a file system keeps for itself hold no recordings.
        if !name.starts_with('.') && name != "lost+found" && entry.path().is_dir() {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}
