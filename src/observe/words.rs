//! Causes in words: what is wrong and what to do, for people who are not programmers.

use super::state::Bilingual;
use crate::catalogue::GapCause;
use crate::segment::disk::Fault;
use crate::segment::root::RootTrouble;
use crate::stamp::placement::Fit;

/// What is wrong, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// What is wrong.
    pub what: Bilingual,
    /// What to do.
    pub remedy: Bilingual,
}

fn told(zh: &str, en: &str, remedy_zh: &str, remedy_en: &str) -> Told {
    Told { what: Bilingual { zh: zh.into(), en: en.into() }, remedy: Bilingual { zh: remedy_zh.into(), en: remedy_en.into() } }
}

/// A cause of missing recording.
pub fn cause(cause: GapCause) -> Told {
    match cause {
        GapCause::CameraUnreachable => told(
            "摄像机连接不上。",
            "The camera cannot be reached.",
            "请检查摄像机电源、网线和交换机，并核对 hall.toml 中的地址。",
            "Check its power, cable and switch, and the address in hall.toml.",
        ),
        GapCause::CameraClosed => told(
            "摄像机断开了连接。",
            "The camera closed the connection.",
            "系统正在自动重连；如反复出现，请检查摄像机是否重启或连接数已满。",
            "Reconnecting by itself; if it recurs, see whether the camera restarts or has too many clients.",
        ),
        GapCause::CameraStalled => told(
            "摄像机在线但没有送来画面。",
            "The camera is connected but sends no picture.",
            "系统正在自动重连；请检查网络带宽和摄像机负载，必要时重启摄像机。",
            "Reconnecting by itself; check the network's bandwidth and the camera's load, restart the camera if need be.",
        ),
        GapCause::Authentication => told(
            "摄像机拒绝了用户名或密码。",
            "The camera refuses user name or password.",
            "请核对 hall.toml 中该摄像机的用户名及密码文件，修改后重启录像服务。",
            "Check the camera's user name and password file in hall.toml, then restart the recorder.",
        ),
        GapCause::UnsupportedStream => told(
            "摄像机的码流无法录制。",
            "The camera's stream cannot be recorded.",
            "请在摄像机上把主码流设为 H.264 或 H.265，音频设为 G.711 或 AAC，并核对码流地址。",
            "Set its main stream to H.264 or H.265 and its sound to G.711 or AAC, and check the stream's address.",
        ),
        GapCause::FormatChanged => told(
            "摄像机的画面格式刚刚改变。",
            "The camera's format has just changed.",
            "系统已按新格式继续录像；如非本人操作，请查明是谁修改了摄像机设置。",
            "Recording goes on in the new format; if nobody meant it, find out who changed the camera's settings.",
        ),
        GapCause::Disk => told(
            "存储无法写入。",
            "The disk cannot be written.",
            "请检查磁盘是否已满、只读或损坏，可运行 jiancha doctor 查看。",
            "See whether the disk is full, read-only or failing; `jiancha doctor` tells.",
        ),
        GapCause::Overload => told(
            "服务器处理不过来，叠加已暂停。",
            "The server cannot keep up; stamping is paused.",
            "录像仍在继续；请降低帧率、减少重编码的摄像机，或使用硬件编码。",
            "Recording goes on; lower frame rates, stamp fewer cameras by re-encoding, or use a hardware encoder.",
        ),
        GapCause::StampFailed => told(
            "叠加程序出错。",
            "The stamper failed.",
            "系统正在自动恢复；如反复出现，请运行 jiancha doctor 检查编码器。",
            "Recovering by itself; if it recurs, run `jiancha doctor` to check the encoders.",
        ),
        GapCause::RecorderRestart => told(
            "录像服务曾意外中断。",
            "The recorder was interrupted.",
            "请查看系统日志，确认是断电、被终止还是程序故障。",
            "See the system's log: power cut, kill or fault.",
        ),
        GapCause::RecorderStopped => told(
            "录像服务被人停止过。",
            "The recorder was stopped.",
            "如非计划内停机，请查明操作人。",
            "If this was not planned, find out who did it.",
        ),
        GapCause::ClockStep => told(
            "服务器时钟被调整。",
            "The server's clock was set.",
            "系统已另起一段继续录像；请检查时间同步(chrony)设置。",
            "A new run has begun; check time synchronisation (chrony).",
        ),
        GapCause::Operator => {
            told("录像已被人为关闭。", "Recording was switched off.", "请联系系统管理员。", "Ask the system administrator.")
        }
        GapCause::Unknown => unknown(),
    }
}

/// What is wrong with a storage root.
pub fn fault(fault: Fault) -> Told {
    match fault {
        Fault::Full => told(
            "存储目录已满，录像改存其它目录。",
            "The storage root is full; recording goes on elsewhere.",
            "请增加磁盘或 [[storage]]；期限内的录像不会被删除。jiancha plan 可算出需要多大的盘。",
            "Add a disk or a [[storage]]; footage inside the floor is never deleted. `jiancha plan` tells how much is needed.",
        ),
        Fault::ReadOnly => told(
            "存储目录变为只读。",
            "The storage root has turned read-only.",
            "磁盘自行变为只读多为故障前兆：请查看 dmesg 和 smartctl -a，更换磁盘或重新挂载为可写。",
            "A disk that turns read-only by itself is failing: see dmesg and smartctl -a; exchange it or remount it read-write.",
        ),
        Fault::Gone => told(
            "存储盘不在：未挂载或已被拔出。",
            "The storage disk is not there: not mounted, or pulled out.",
            "请检查磁盘、连线和挂载（findmnt）；挂载后系统自动恢复使用。如确已换盘，请运行 jiancha storage accept。",
            "Check disk, cable and mount (findmnt); it is taken back by itself. After an exchange run `jiancha storage accept`.",
        ),
        Fault::Slow => told(
            "存储盘写入太慢或没有响应。",
            "The storage disk is too slow or does not answer.",
            "请检查磁盘健康（smartctl -a）和负载，网络存储请检查网络。",
            "Check the disk's health (smartctl -a) and load; for network storage, the network.",
        ),
        Fault::Failing => told(
            "存储盘读写出错。",
            "The storage disk reports errors.",
            "请查看 dmesg 和 smartctl -a，尽快更换磁盘。",
            "See dmesg and smartctl -a, and exchange the disk soon.",
        ),
    }
}

/// Cameras that look at no window stand back.
pub fn kept_for_windows() -> Told {
    told(
        "存储空间即将用尽：非窗口摄像机已停止录像，剩余空间留给窗口。",
        "Space runs out: cameras that look at no window have stopped, the rest is kept for the windows.",
        "请立即增加磁盘；期限内的录像不会被删除。jiancha plan 可算出还缺多少。",
        "Add a disk at once; footage inside the floor is never deleted. `jiancha plan` tells how much is missing.",
    )
}

/// Nothing is known yet.
pub fn unknown() -> Told {
    told(
        "没有录像，原因尚未查明。",
        "Nothing is recorded, for no known cause.",
        "请运行 jiancha doctor，并查看录像服务日志。",
        "Run `jiancha doctor` and read the recorder's log.",
    )
}

/// Recording goes on, but the picture carries no stamp.
pub fn unstamped() -> Told {
    told(
        "录像正常，但画面没有叠加时间和区域。",
        "Recording, but without time and label in the picture.",
        "系统会自动恢复叠加；如持续出现，请运行 jiancha doctor 检查编码器和服务器负载。",
        "Stamping returns by itself; if it does not, run `jiancha doctor` to check encoders and load.",
    )
}

/// The picture is too small for its stamp.
pub fn stamp_small(camera: &str, fit: Fit) -> Told {
    let (zh, en) = match fit {
        Fit::Whole | Fit::Small => ("文字缩得太小，难以辨认", "is smaller than legible"),
        Fit::Cut => ("文字被截断", "is cut"),
        Fit::TimeOnly => ("只放得下时间，没有文字", "has room for the time alone"),
    };
    told(
        &format!("摄像机 {camera} 的画面太小：叠加的{zh}。录像正常。"),
        &format!("The picture of camera {camera} is too small: its stamp {en}. Recording goes on."),
        "请在摄像机上把主码流调到 1080P 或以上（R2），或缩短 hall.toml 中的 label。",
        "Set the camera's main stream to 1080P or more (R2), or shorten its label in hall.toml.",
    )
}

/// A window's sound is missing.
pub fn no_sound() -> Told {
    told(
        "有画面，但没有收到声音。",
        "Pictures arrive, but no sound.",
        "请检查拾音器接线，并在摄像机上开启音频(G.711 或 AAC)。",
        "Check the pickup's wiring and switch on the camera's audio (G.711 or AAC).",
    )
}
/// Why a storage root cannot be used.
pub fn root_trouble(trouble: &RootTrouble) -> Told {
    let path = trouble.path().display();
    match trouble {
        RootTrouble::Missing { .. } => told(
            "目录不存在。",
            "The folder does not exist.",
            &format!("请挂载磁盘，或建立目录：mkdir -p {path}。录像机不会自己建立，以免未挂载时写满系统盘。"),
            &format!(
                "Mount the disk, or make the folder: mkdir -p {path}. The recorder never makes it, so that a missing disk cannot fill the system's."
            ),
        ),
        RootTrouble::NotMounted { .. } => told(
            "身份文件不在：磁盘未挂载。",
            "Its identity file is not there: its disk is not mounted.",
            &format!("请挂载磁盘。若是有意换了新盘：jiancha storage accept {path}。"),
            &format!("Mount it. When the disk was exchanged on purpose: jiancha storage accept {path}."),
        ),
        RootTrouble::NoMountPoint { .. } => told(
            "不是挂载点，而 hall.toml 写有 mounted = true：磁盘未挂载。",
            "It is no mount point although hall.toml says mounted = true: its disk is not mounted.",
            &format!("请挂载磁盘：mount {path}，并检查 /etc/fstab。"),
            &format!("Mount it: mount {path}, and see that it stands in /etc/fstab."),
        ),
        RootTrouble::Other { expected, found, .. } => told(
            &format!("挂载的是另一块盘：应为 {expected}，实为 {found}。"),
            &format!("Another disk is mounted there: {expected} is expected, {found} was found."),
            &format!("请挂载原来的盘。若是有意更换：jiancha storage accept {path}。"),
            &format!("Mount the right one. When it was exchanged on purpose: jiancha storage accept {path}."),
        ),
        RootTrouble::Io { source, .. } => told(
            &format!("系统拒绝：{source}。"),
            &format!("The system refuses: {source}."),
            "请检查权限和磁盘，并查看 dmesg。",
            "Check rights and the disk; see dmesg.",
        ),
    }
}

/// A camera's own clock runs, but tells another time.
pub fn camera_clock_wrong(text: &str, seconds: i64) -> Told {
    let (zh, en) = if seconds < 0 { ("慢", "behind") } else { ("快", "ahead") };
    let (by, by_en) = length(seconds.abs());
    told(
        &format!("摄像机画面上的时间不准：显示 {text}，{zh}了{by}。"),
        &format!("The time the camera draws is wrong: it shows {text}, {by_en} {en}."),
        "请在摄像机上启用 NTP 校时，指向本机或北京时间源，时区设为东八区；在此期间的录像不计为已叠加。",
        "Switch on NTP in the camera, from this machine or a source of Beijing time, time zone UTC+8; meanwhile recordings do not count as stamped.",
    )
}

/// A camera's own clock stands still.
pub fn camera_clock_frozen(text: &str) -> Told {
    told(
        &format!("摄像机画面上的时间停走：一直显示 {text}。"),
        &format!("The time the camera draws stands still at {text}."),
        "请查看画面是否也已定格；重启摄像机，并检查其时间叠加设置。",
        "See whether the picture stands still too; restart the camera and check its overlay settings.",
    )
}

/// A camera that should draw its clock draws none.
pub fn camera_clock_missing() -> Told {
    told(
        "摄像机画面上找不到时间。",
        "No time is found in the camera's picture.",
        "请在摄像机上开启时间叠加（OSD，含日期和秒）；位置特殊时在 hall.toml 写 osd_clock；或改用 stamp = \"reencode\"。",
        "Switch on its time overlay (OSD) with date and seconds; write osd_clock in hall.toml if it stands elsewhere; or use stamp = \"reencode\".",
    )
}

/// Something is written, but it cannot be read beyond doubt.
pub fn camera_clock_unreadable() -> Told {
    told(
        "摄像机画面上的时间无法可靠读出，未能核对。",
        "The time in the camera's picture cannot be read beyond doubt and is not proven.",
        "请把叠加字号调大、选白字黑边，放在背景较暗处，并在 hall.toml 写 osd_clock；读不出不等于时间有错。",
        "Make the overlay larger, white with a dark outline, over a darker background, and write osd_clock in hall.toml; unread does not mean wrong.",
    )
}

/// The label a camera draws is not what was attested.
pub fn camera_label_changed() -> Told {
    told(
        "摄像机画面上的区划和区域标签与确认时不同。",
        "The label in the camera's picture is not the one that was attested.",
        "请核对摄像机的叠加文字；若改动属实，请运行 jiancha camera-clock attest 重新确认。",
        "Check the camera's overlay text; if the change was meant, attest it anew with `jiancha camera-clock attest`.",
    )
}

/// The label a camera drew is gone.
pub fn camera_label_missing() -> Told {
    told(
        "摄像机画面上的区划和区域标签不见了。",
        "The label has gone from the camera's picture.",
        "请在摄像机上恢复叠加文字，或改用 stamp = \"reencode\"。",
        "Bring the overlay text back in the camera, or use stamp = \"reencode\".",
    )
}

/// A length of time in both languages: the two largest units.
fn length(seconds: i64) -> (String, String) {
    let units = [(86_400, "天", "d"), (3600, "小时", "h"), (60, "分", "min"), (1, "秒", "s")];
    let mut rest = seconds;
    let mut parts = Vec::new();
    for (size, zh, en) in units {
        if rest >= size && parts.len() < 2 {
            parts.push((format!("{}{zh}", rest / size), format!("{} {en}", rest / size)));
            rest %= size;
        }
    }
    let (zh, en): (Vec<String>, Vec<String>) = parts.into_iter().unzip();
    (zh.concat(), en.join(" "))
}
