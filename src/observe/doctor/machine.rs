//! The clock, who keeps it right, and the limits of this process.

use std::process::Command;

use super::{Finding, Standing, both};
use crate::time::chrony::ChronyView;
use crate::time::{KernelClock, combine};

/// Judges the clock by the kernel's word and chrony's view (R8: the time in the picture is Beijing time). `limit_ms` is the largest
/// error a right clock may have.
pub fn clock(kernel: KernelClock, chrony: Option<&ChronyView>, limit_ms: i64) -> Finding {
    let check = both("系统时钟", "clock");
    let clock = combine(kernel, chrony, limit_ms);
    let error = clock.max_error_ms;
    if clock.disciplined {
        let source = &clock.source;
        return Finding::ok(
            "clock",
            check,
            both(
                format!("已同步（{source}），误差不超过 {error} ms"),
                format!("synchronised ({source}), error at most {error} ms"),
            ),
        );
    }
    let (zh, en) = match kernel.unsynchronised {
        true => ("内核标记为未同步", "marked unsynchronised by the kernel"),
        false => ("已久未校准", "not corrected for long"),
    };
    Finding::bad(
        "clock",
        Standing::Wrong,
        check,
        both(format!("{zh}，误差可达 {error} ms"), format!("{en}, error up to {error} ms")),
        both(
            format!("安装并配置对时：apt-get install chrony，chrony.conf 中保留 rtcsync；误差须在 {limit_ms} ms 以内"),
            format!(
                "keep the clock right: apt-get install chrony, with rtcsync in chrony.conf; at most {limit_ms} ms are allowed"
            ),
        ),
    )
}

/// What the programs that keep the clock say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TimeSource {
    /// A server is followed; the text names it.
    Follows(String),
    /// A program runs but follows no server; the text names the program.
    FollowsNothing(&'static str),
    /// Neither chrony nor systemd-timesyncd answers.
    NoProgram,
}

/// What chrony's view says, or else systemd's.
pub fn time_source(chrony: Option<&ChronyView>) -> TimeSource {
    let ask = |program: &str, args: &[&str]| {
        let output = Command::new(program).args(args).env("LC_ALL", "C").output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    };
    if let Some(view) = chrony {
        return view.follows.clone().map_or(TimeSource::FollowsNothing("chrony"), TimeSource::Follows);
    }
    match ask("timedatectl", &["show-timesync", "--property=ServerName", "--property=ServerAddress"]) {
        Some(server) => read_timesyncd(&server),
        None => TimeSource::NoProgram,
    }
}

/// Reads `timedatectl show-timesync`.
fn read_timesyncd(properties: &str) -> TimeSource {
    let server = properties.lines().filter_map(|l| l.split_once('=')).map(|(_, value)| value.trim()).find(|v| !v.is_empty());
    server.map_or(TimeSource::FollowsNothing("systemd-timesyncd"), |s| TimeSource::Follows(s.to_owned()))
}

/// Judges who keeps the clock right.
pub fn ntp(source: &TimeSource) -> Finding {
    let check = both("对时来源", "time source");
    let warn = |found, mend| Finding::bad("ntp", Standing::Warn, check.clone(), found, mend);
    match source {
        TimeSource::Follows(server) => Finding::ok("ntp", check, both(format!("跟随 {server}"), format!("follows {server}"))),
        TimeSource::FollowsNothing(program) => warn(
            both(format!("{program} 在运行，但没有跟随任何时间服务器"), format!("{program} runs but follows no server")),
            both(
                "在其配置中写入政务外网的时间服务器",
                "name the time server of the e-government extranet in its configuration",
            ),
        ),
        TimeSource::NoProgram => warn(
            both("没有 chrony，也没有 systemd-timesyncd 在运行", "neither chrony nor systemd-timesyncd runs"),
            both(
                "执行 apt-get install chrony，并写入政务外网的时间服务器",
                "run apt-get install chrony and name the time server of the e-government extranet",
            ),
        ),
    }
}

/// Files a camera keeps open: socket, segment, pipeline.
const FILES_PER_CAMERA: u64 = 32;
/// Files the rest of the program keeps open: catalogue, viewers, logs.
const FILES_BESIDES: u64 = 256;

/// Reads the soft limit of open files from the text of `/proc/self/limits`; `None` when it cannot be told.
pub fn read_open_files(limits: &str) -> Option<u64> {
    let rest = limits.lines().find_map(|l| l.strip_prefix("Max open files"))?;
    let soft = rest.split_whitespace().next()?;
    if soft == "unlimited" { Some(u64::MAX) } else { soft.parse().ok() }
}

/// Judges the limit of open files for a number of cameras.
pub fn open_files(limit: Option<u64>, cameras: usize) -> Finding {
    let check = both("打开文件数上限", "limit of open files");
    let need = FILES_PER_CAMERA * cameras as u64 + FILES_BESIDES;
    match limit {
        Some(limit) if limit >= need => {
            let limit = if limit == u64::MAX { "∞".to_owned() } else { limit.to_string() };
            Finding::ok("open-files", check, both(format!("{limit}，约需 {need}"), format!("{limit}, about {need} needed")))
        }
        Some(limit) => Finding::bad(
            "open-files",
            Standing::Wrong,
            check,
            both(format!("{limit}，约需 {need}"), format!("{limit}, about {need} needed")),
            both(
                format!("在服务单元中写 LimitNOFILE={}，或执行 ulimit -n {}", need.max(4096), need.max(4096)),
                format!("write LimitNOFILE={} in the service unit, or run ulimit -n {}", need.max(4096), need.max(4096)),
            ),
        ),
        None => Finding::bad(
            "open-files",
            Standing::Warn,
            check,
            both("读不到 /proc/self/limits", "/proc/self/limits does not tell"),
            both("请确认 ulimit -n 不小于 4096", "see that ulimit -n is at least 4096"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_within_the_limit_passes_and_an_undisciplined_one_does_not() {
        let kernel = |max_error_ms, unsynchronised| KernelClock { max_error_ms, unsynchronised, leap: None };
        assert_eq!(clock(kernel(1000, false), None, 1000).standing, Standing::Ok);
        assert_eq!(clock(kernel(1001, false), None, 1000).standing, Standing::Wrong);
        assert_eq!(clock(kernel(5, true), None, 1000).standing, Standing::Wrong);
        // Without `rtcsync` the kernel does not know that chrony corrects its clock.
        let view = ChronyView { follows: Some("203.0.113.15".into()), stratum: 2, max_error_ms: 14, leap: None };
        assert_eq!(clock(kernel(16_000, true), Some(&view), 1000).standing, Standing::Ok);
        assert_eq!(time_source(Some(&view)), TimeSource::Follows("203.0.113.15".into()));
        let alone = ChronyView { follows: None, ..view };
        assert_eq!(time_source(Some(&alone)), TimeSource::FollowsNothing("chrony"));
    }

    /// Lines as systemd 252 prints them.
    #[test]
    fn the_followed_server_is_read_from_systemd() {
        let server = "ServerName=ntp.example.cn\nServerAddress=203.0.113.9\n";
        assert_eq!(read_timesyncd(server), TimeSource::Follows("ntp.example.cn".into()));
        assert_eq!(read_timesyncd("ServerName=\nServerAddress=\n"), TimeSource::FollowsNothing("systemd-timesyncd"));
        assert_eq!(ntp(&TimeSource::NoProgram).standing, Standing::Warn);
    }

    #[test]
    fn the_open_files_limit_must_carry_all_cameras() {
        let limits = "Limit                     Soft Limit           Hard Limit           Units     \n\
                      Max open files            1024                 1048576              files     \n";
        assert_eq!(read_open_files(limits), Some(1024));
        assert_eq!(
            read_open_files("Max open files            unlimited            unlimited            files"),
            Some(u64::MAX)
        );
        assert_eq!(read_open_files("nothing"), None);
        // 24 cameras need 24 · 32 + 256 = 1024.
        assert_eq!(open_files(Some(1024), 24).standing, Standing::Ok);
        assert_eq!(open_files(Some(1024), 25).standing, Standing::Wrong);
    }
}
