//! The two sides of every comparison: Jiancha, one process for all cameras, and FFmpeg, one process for each.

use std::fmt;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::media::Camera;
use crate::rig::{self, Process};

/// Both sides begin a file on this grid of the clock, in seconds: each window of 16 s holds a change of file.
pub const FILE_SECONDS: u32 = 15;
/// Bit rate of stamped pictures on both sides.
const STAMPED_KBPS: u32 = 3000;

/// Who records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Recorder {
    /// `jiancha run`.
    Jiancha,
    /// `ffmpeg`.
    Ffmpeg,
}

/// What is done to the pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Task {
    /// Nothing: they are stored as they come.
    PassThrough,
    /// Time and place are drawn into them.
    Stamped,
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Task::PassThrough => "pass-through",
            Task::Stamped => "stamped",
        })
    }
}

impl Recorder {
    /// How the row of the table is called.
    pub fn label(self, task: Task) -> &'static str {
        match (self, task) {
            (Recorder::Jiancha, Task::PassThrough) => "jiancha (camera)",
            (Recorder::Jiancha, Task::Stamped) => "jiancha (reencode)",
            (Recorder::Ffmpeg, Task::PassThrough) => "ffmpeg -c copy",
            (Recorder::Ffmpeg, Task::Stamped) => "ffmpeg drawtext+x264",
        }
    }

    /// Starts recording `camera` once at each of `doors`, below `folder`.
    ///
    /// # Errors
    /// What could not be written or started.
    pub fn start(self, task: Task, camera: &Camera, doors: &[SocketAddr], folder: &Path) -> Result<Vec<Process>, String> {
        let urls = doors.iter().map(|door| format!("rtsp://{door}/{}", camera.id));
        let cameras: Vec<(String, String)> = ids(doors.len()).into_iter().zip(urls).collect();
        let write = |name: &str, text: &str| fs::write(folder.join(name), text).map_err(|e| format!("write {name}: {e}"));
        for (id, _) in &cameras {
            fs::create_dir_all(storage(folder, id)).map_err(|e| format!("make the folder of {id}: {e}"))?;
        }
        match self {
            Recorder::Jiancha => {
                write("hall.toml", &hall(task, &cameras, rig::free_address()?))?;
                Ok(vec![Process::start("jiancha", rig::JIANCHA, &["run", "--config", "hall.toml"], folder)?])
            }
            Recorder::Ffmpeg => {
                write("time.txt", "%{localtime:%Y年%m月%d日 星期日 %H\\:%M\\:%S}")?;
                let start = |(id, url): &(String, String)| {
                    let arguments = ffmpeg(task, camera, url, id);
                    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
                    Process::start(&format!("ffmpeg-{id}"), "ffmpeg", &arguments, folder)
                };
                cameras.iter().map(start).collect()
            }
        }
    }
}

/// The recorded cameras' names.
pub fn ids(n: usize) -> Vec<String> {
    (1..=n).map(|i| format!("C{i:02}")).collect()
}

/// Where the recordings of one camera lie.
pub fn storage(folder: &Path, id: &str) -> PathBuf {
    folder.join("storage").join(id)
}

/// A hall.toml of one window per camera; everything not named has its default.
fn hall(task: Task, cameras: &[(String, String)], viewer: SocketAddr) -> String {
    let stamp = match task {
        Task::PassThrough => "camera",
        Task::Stamped => "reencode",
    };
    let mut text = format!(
        r#"[hall]
name = "重庆街道便民服务中心"
division = "长春市朝阳区"

[[zone]]
id = "Z1"
type = "综合受理区"

[[storage]]
path = "storage"

[recording]
segment_seconds = {FILE_SECONDS}
catalogue = "catalogue"

[stamp]
encoder = "x264"
bitrate_kbps = {STAMPED_KBPS}

[viewer]
listen = "{viewer}"
"#
    );
    for (id, url) in cameras {
        text += &format!(
            r#"
[[camera]]
id = "{id}"
kind = "fixed"
zone = "Z1"
url = "{url}"
stamp = "{stamp}"

[[window]]
id = "{id}"
zone = "Z1"
camera = "{id}"
pickup = "{id}"
"#
        );
    }
    text
}

/// Arguments of one ffmpeg. A-law has no place in MP4, so it writes Matroska. For the stamp: the same encoder, preset, tune,
/// bit rate, buffer of one second and key frame distance of 2 s as `pipelines/stamp-x264.launch`, one thread each.
fn ffmpeg(task: Task, camera: &Camera, url: &str, id: &str) -> Vec<String> {
    let mut line = String::from("-hide_banner -nostdin -loglevel error");
    if task == Task::Stamped {
        line += " -threads 1";
    }
    line += &format!(" -rtsp_transport tcp -i {url} -map 0:v:0 -map 0:a:0 -c copy");
    let mut arguments: Vec<String> = line.split(' ').map(str::to_owned).collect();
    if task == Task::Stamped {
        let style = "font=Noto Sans CJK SC:fontsize=34:fontcolor=white:borderw=3:bordercolor=black";
        let drawn = [
            format!("drawtext={style}:textfile=time.txt:x=22:y=22"),
            format!("drawtext={style}:text=长春市朝阳区 重庆街道便民服务中心:x=w-tw-22:y=h-106"),
            format!("drawtext={style}:text=综合受理区 {id}号窗口:x=w-tw-22:y=h-62"),
        ];
        arguments.extend(["-filter_threads".to_owned(), "1".to_owned(), "-vf".to_owned(), drawn.join(",")]);
        let gop = 2.0 * camera.rate;
        let encoder = format!(
            "-c:v libx264 -preset superfast -tune zerolatency -profile:v high -bf 0 -g {gop} -threads 1 \
             -b:v {STAMPED_KBPS}k -maxrate {STAMPED_KBPS}k -bufsize {STAMPED_KBPS}k -fps_mode passthrough"
        );
        arguments.extend(encoder.split_whitespace().map(str::to_owned));
    }
    let output = format!(
        "-f segment -segment_time {FILE_SECONDS} -segment_atclocktime 1 -segment_format matroska -reset_timestamps 1 storage/{id}/%05d.mkv"
    );
    arguments.extend(output.split(' ').map(str::to_owned));
    arguments
}
