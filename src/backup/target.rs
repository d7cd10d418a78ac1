//! A backup target (备份目标): a place that keeps objects by name. [`super::directory`] is a folder, [`super::s3`] a bucket.

use std::io::{self, Read};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::directory::Directory;
use super::s3::S3;
use crate::hall::{BackupSettings, BackupTarget};
use crate::observe::state::Bilingual;

/// Bytes read or written at once from and to files.
pub const BLOCK: usize = 1 << 20;

/// Name of the object that tells whose copies these are.
pub const IDENTITY: &str = ".jiancha-backup.json";

/// What went wrong at a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// Nobody answers, or the folder is not there.
    Unreachable,
    /// No answer in time.
    TimedOut,
    /// There is no room left.
    Full,
    /// The bucket does not exist.
    NoBucket,
    /// User or key may not do it.
    Refused,
    /// The object is not there.
    Missing,
    /// The target has no identity although it had one: another disk, or none, is mounted.
    IdentityGone,
    /// The target belongs to another hall.
    NotOurs,
    /// What was read back is not what was written.
    NotAsWritten,
    /// The recording itself cannot be read, or is not what was sealed.
    Source,
    /// Quiet hours began.
    Quiet,
    /// The work was asked to stop.
    Stopped,
    /// The disk or the store reports an error of its own.
    Broken,
}

impl Fault {
    /// True when the same attempt may succeed in a minute without anyone doing anything.
    pub fn is_passing(self) -> bool {
        matches!(self, Self::Unreachable | Self::TimedOut | Self::Broken | Self::Quiet | Self::Stopped)
    }

    /// What is wrong and what to do.
    pub fn words(self) -> (Bilingual, Bilingual) {
        let (zh, en, remedy_zh, remedy_en) = match self {
            Self::Unreachable => (
                "备份目标连不上。",
                "The backup target cannot be reached.",
                "请检查网络、存储服务是否运行，或备份盘是否已挂载；恢复后自动继续。",
                "Check the network, whether the store runs, or whether the backup disk is mounted; copying goes on by itself.",
            ),
            Self::TimedOut => (
                "备份目标没有及时应答。",
                "The backup target does not answer in time.",
                "请检查网络和存储服务的负载；恢复后自动继续。",
                "Check the network and the load of the store; copying goes on by itself.",
            ),
            Self::Full => (
                "备份目标已满。",
                "The backup target is full.",
                "请扩大备份空间；已备份的录像不受影响，未备份的录像不会被删除。",
                "Give the backup more room; what was copied is safe, and recordings without a copy are not deleted.",
            ),
            Self::NoBucket => (
                "存储桶不存在。",
                "The bucket does not exist.",
                "请在存储服务中建立该桶，或更正 hall.toml 的 bucket、region 和 path_style。",
                "Create the bucket in the store, or correct bucket, region and path_style in hall.toml.",
            ),
            Self::Refused => (
                "备份目标拒绝访问。",
                "The backup target refuses access.",
                "请检查 access_key_id、密钥、region 和桶的权限，或备份目录的所有者和权限。",
                "Check access_key_id, the secret key, region and the bucket's permissions, or the folder's owner and mode.",
            ),
            Self::Missing => (
                "副本不存在。",
                "The copy does not exist.",
                "请运行 jiancha backup verify --repair，并查明谁删除了它。",
                "Run `jiancha backup verify --repair`, and find out who removed it.",
            ),
            Self::IdentityGone => (
                "备份目标没有身份文件：备份盘没有挂载，或换成了另一块盘。为防写满系统盘，暂停备份。",
                "The target has no identity file: the disk is not mounted, or is another one. Nothing is written.",
                "请挂载原来的备份盘；如确已更换，运行 jiancha backup run --new-target，全部重新备份。",
                "Mount the backup disk; when it was really exchanged, run `jiancha backup run --new-target` to copy everything anew.",
            ),
            Self::NotOurs => (
                "备份目标属于另一个大厅。",
                "The target holds the copies of another hall.",
                "请为每个大厅使用各自的目录或 prefix。",
                "Give each hall a folder or prefix of its own.",
            ),
            Self::NotAsWritten => (
                "从备份目标读回的内容与写入的不同。",
                "What the target gives back is not what was written.",
                "备份盘或存储服务有故障，请检查（smartctl -a）并尽快更换。",
                "The disk or store of the backup is failing: check it (smartctl -a) and replace it soon.",
            ),
            Self::Source => (
                "录像文件无法读取，或与封存时的摘要不符，因此没有备份。",
                "A recording cannot be read, or is not what was sealed; it was not copied.",
                "请运行 jiancha verify，检查录像盘，并查明谁能写入该目录。",
                "Run `jiancha verify`, check the recording disk, and find out who may write to its folder.",
            ),
            Self::Quiet => {
                ("正处于不备份的时段。", "These are quiet hours.", "时段结束后自动继续。", "Copying goes on when they end.")
            }
            Self::Stopped => ("备份已停止。", "The copying was stopped.", "无需处理。", "Nothing to do."),
            Self::Broken => (
                "备份目标报告内部错误（也可能是空间已满）。",
                "The target reports an error of its own (its disk may be full).",
                "请查看存储服务的日志和剩余空间；恢复后自动继续。",
                "Look at the log and the free space of the store; copying goes on by itself.",
            ),
        };
        let both = |zh: &str, en: &str| Bilingual { zh: zh.into(), en: en.into() };
        (both(zh, en), both(remedy_zh, remedy_en))
    }
}

/// Why a target cannot do what was asked: target, object, what it said and what to do.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{target}: {object}: {} ({detail}) {}", .fault.words().0.en, .fault.words().1.en)]
pub struct TargetError {
    /// The target in words.
    pub target: String,
    /// The object, or what else it was about.
    pub object: String,
    /// What sort of thing went wrong.
    pub fault: Fault,
    /// What the system or store said.
    pub detail: String,
}

/// An object as the target lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Name.
    pub name: String,
    /// Length in bytes.
    pub bytes: u64,
}

/// A place that keeps objects by name. Calls block; an object is there as a whole or not at all.
pub trait Target: Send + Sync {
    /// The target as people know it: a folder, or address and bucket.
    fn name(&self) -> String;

    /// Makes sure that the folder or bucket is there.
    ///
    /// # Errors
    /// [`TargetError`] that says what is missing.
    fn check(&self) -> Result<(), TargetError>;

    /// Stores what `source` gives under `object`, durably; what stood there is replaced at the end.
    ///
    /// # Errors
    /// [`TargetError`]; nothing stands under the name then that was not there before. An error of `source` itself is
    /// [`Fault::Source`] unless it carries a [`Fault`] (see [`stop_reading`]).
    fn put(&self, object: &str, source: &mut dyn Read) -> Result<(), TargetError>;

    /// Reads an object from the medium, not from a cache, block by block.
    ///
    /// # Errors
    /// [`TargetError`], also the one that `sink` returns.
    fn read(&self, object: &str, sink: &mut dyn FnMut(&[u8]) -> Result<(), TargetError>) -> Result<(), TargetError>;

    /// Length of an object; `None` when there is none.
    ///
    /// # Errors
    /// [`TargetError`] when that cannot be told.
    fn head(&self, object: &str) -> Result<Option<u64>, TargetError>;

    /// Every object below the folder `folder`, in order; names of our own notes about the target left out.
    ///
    /// # Errors
    /// [`TargetError`] when it cannot be listed.
    fn list(&self, folder: &str) -> Result<Vec<Listed>, TargetError>;

    /// Removes an object; none there is no error.
    ///
    /// # Errors
    /// [`TargetError`] when it cannot be removed.
    fn delete(&self, object: &str) -> Result<(), TargetError>;

    /// Gives an object another name.
    ///
    /// # Errors
    /// [`TargetError`] when it cannot be done.
    fn set_aside(&self, object: &str, aside: &str) -> Result<(), TargetError>;
}

/// The target of `settings`. Nothing is touched yet.
///
/// # Errors
/// [`TargetError`] when no client can be made.
pub fn connect(settings: &BackupSettings, stop: &Stop) -> Result<Box<dyn Target>, TargetError> {
    Ok(match &settings.target {
        BackupTarget::Directory(path) => Box::new(Directory::new(path.clone())),
        BackupTarget::S3(s3) => Box::new(S3::new(s3, stop.clone())?),
    })
}

/// An error for a `source` that ends the work for a reason of its own.
pub fn stop_reading(fault: Fault, detail: impl Into<String>) -> io::Error {
    io::Error::other(Ended { fault, detail: detail.into() })
}

#[derive(Debug, thiserror::Error)]
#[error("{detail}")]
struct Ended {
    fault: Fault,
    detail: String,
}

/// The error of a source as the target tells it on.
pub(super) fn source_error(target: &str, object: &str, e: &io::Error) -> TargetError {
    let fault = e.get_ref().and_then(|inner| inner.downcast_ref::<Ended>()).map_or(Fault::Source, |ended| ended.fault);
    TargetError { target: target.to_owned(), object: object.to_owned(), fault, detail: e.to_string() }
}

/// Asks work that blocks to end. Cheap to clone.
#[derive(Clone, Default)]
pub struct Stop(Arc<StopInner>);

#[derive(Default)]
struct StopInner {
    stopped: Mutex<bool>,
    bell: Condvar,
    token: CancellationToken,
}

impl Stop {
    /// Ends the work, soon.
    pub fn stop(&self) {
        *self.0.stopped.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.bell.notify_all();
        self.0.token.cancel();
    }

    /// True after [`Stop::stop`].
    pub fn is_stopped(&self) -> bool {
        self.0.token.is_cancelled()
    }

    /// Waits for `time`, or until stopped; true when stopped.
    pub fn wait(&self, time: Duration) -> bool {
        if time.is_zero() {
            return self.is_stopped();
        }
        let stopped = self.0.stopped.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.0.bell.wait_timeout_while(stopped, time, |stopped| !*stopped);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// Resolves when stopped.
    pub(super) fn token(&self) -> &CancellationToken {
        &self.0.token
    }
}
