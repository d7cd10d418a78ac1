//! Decode + stamp + encode beside FFmpeg's drawtext + libx264 with the same preset, rate and threads, in turn in one run, on the
//! simulator's 1080p25 hall clip: processor time, quality outside the stamp, the lag of a picture, memory of a camera.

#![allow(clippy::print_stdout, reason = "figures are printed")]

mod clip;

use std::path::Path;
use std::process::Command;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use clip::{cpu, cpu_of_children, hall_clip};
use jiancha::hall::StampSettings;
use jiancha::media::nal::byte_stream;
use jiancha::media::{VideoFormat, VideoUnit};
use jiancha::stamp::Stamped;
use jiancha::stamp::encoders::descriptions;
use jiancha::stamp::reencode::Reencoder;

/// Rounds of each way.
const ROUNDS: usize = 5;

/// The clip through the stamper; the encoded pictures.
fn stamp(format: &VideoFormat, units: &[VideoUnit]) -> Vec<u8> {
    let (out, stamped) = mpsc::channel();
    let reencoder = start(format, move |s| {
        let _ = out.send(s);
    });
    for unit in units {
        reencoder.push_blocking(unit.clone()).expect("taken");
    }
    reencoder.finish();
    let (mut coded, mut bytes) = (None, Vec::new());
    loop {
        match stamped.recv_timeout(Duration::from_secs(60)).expect("it goes on") {
            Stamped::Format(format) => coded = Some(format),
            Stamped::Unit(unit) => {
                let format = coded.as_ref().expect("the format comes first");
                let record: &[u8] = if unit.random_access { &format.configuration } else { &[] };
                bytes.extend(byte_stream(format.codec, record, &unit.data));
            }
            Stamped::Finished => return bytes,
            Stamped::Failed(reason) => panic!("{reason}"),
        }
    }
}

fn start(format: &VideoFormat, sink: impl FnMut(Stamped) + Send + 'static) -> Reencoder {
    let settings = StampSettings { encoder: "x264".to_owned(), ..StampSettings::default() };
    let x264 = descriptions(&settings).expect("built in").into_iter().find(|d| d.name == "x264").expect("built in");
    Reencoder::start(format, &clip::label(), &settings, &x264, sink).expect("it starts")
}

fn ffmpeg(arguments: &[&str]) -> String {
    let output =
        Command::new("ffmpeg").args(["-hide_banner", "-nostats", "-y"]).args(arguments).output().expect("ffmpeg is there");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    said
}

/// The clip through FFmpeg's filter and encoder.
fn drawtext(folder: &Path, out: &Path) {
    let style = "font=Noto Sans CJK SC:fontsize=34:fontcolor=white:borderw=3:bordercolor=black";
    let time = folder.join("time.txt");
    std::fs::write(&time, "%{pts:gmtime:1795359000:%Y年%m月%d日 星期日 %H\\:%M\\:%S}").expect("written");
    let [first, second] = clip::label();
    let drawn = format!(
        "drawtext={style}:textfile={}:x=22:y=22,drawtext={style}:text={first}:x=w-tw-22:y=h-106,\
         drawtext={style}:text={second}:x=w-tw-22:y=h-62",
        time.display()
    );
    let (input, output) = (clip::path().display().to_string(), out.display().to_string());
    let line = "-threads 1 -framerate 25 -f h264 -i IN -filter_threads 1 -vf DRAWN -c:v libx264 -preset superfast -tune zerolatency \
                -profile:v high -bf 0 -g 50 -threads 1 -b:v 3000k -maxrate 3000k -bufsize 3000k -fps_mode passthrough -f h264 OUT";
    let arguments: Vec<&str> = line
        .split_whitespace()
        .map(|word| match word {
            "IN" => &input,
            "DRAWN" => &drawn,
            "OUT" => &output,
            word => word,
        })
        .collect();
    ffmpeg(&arguments);
}

/// SSIM of the rows without a stamp against the clip, all planes.
fn ssim(coded: &Path) -> f64 {
    let (coded, original) = (coded.display().to_string(), clip::path().display().to_string());
    let middle = "[0:v]crop=1920:720:0:180[a];[1:v]crop=1920:720:0:180[b];[a][b]ssim";
    let said = ffmpeg(&["-f", "h264", "-i", &coded, "-f", "h264", "-i", &original, "-lavfi", middle, "-f", "null", "-"]);
    let all = said.rsplit("All:").next().and_then(|rest| rest.split_whitespace().next());
    all.and_then(|figure| figure.parse().ok()).expect("ssim tells its figure")
}

/// Milliseconds from push to sink of pictures that come as a camera sends them.
fn lags(format: &VideoFormat, units: &[VideoUnit]) -> Vec<f64> {
    let (out, stamped) = mpsc::channel();
    let reencoder = start(format, move |s| {
        if let Stamped::Unit(unit) = s {
            let _ = out.send((unit.pts_90k, Instant::now()));
        }
    });
    let began = Instant::now();
    let mut pushed = Vec::new();
    for (n, unit) in units.iter().enumerate() {
        std::thread::sleep((began + Duration::from_millis(40) * n as u32).saturating_duration_since(Instant::now()));
        pushed.push((unit.pts_90k, Instant::now()));
        reencoder.push(unit.clone()).expect("taken");
    }
    // The first five wait for each other, by design.
    let mut lags: Vec<f64> = (0..units.len())
        .map(|_| stamped.recv_timeout(Duration::from_secs(10)).expect("stamped"))
        .zip(&pushed)
        .skip(5)
        .map(|((_, out), (_, pushed))| out.duration_since(*pushed).as_secs_f64() * 1000.0)
        .collect();
    lags.sort_by(f64::total_cmp);
    lags
}

/// Memory of this process that is not a file's, in MiB.
fn memory() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("proc is mounted");
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).expect("a line");
    line.trim().trim_end_matches(" kB").parse::<f64>().expect("a number") / 1024.0
}

/// What each of four further stampers at work adds, in MiB.
fn memory_of_one(format: &VideoFormat, units: &[VideoUnit]) -> f64 {
    let mut at_work = Vec::new();
    let mut add = || {
        let (out, stamped) = mpsc::channel();
        let reencoder = start(format, move |s| {
            if matches!(s, Stamped::Unit(_)) {
                let _ = out.send(());
            }
        });
        for unit in &units[..100] {
            reencoder.push_blocking(unit.clone()).expect("taken");
        }
        (0..100).for_each(|_| stamped.recv_timeout(Duration::from_secs(60)).expect("stamped"));
        at_work.push(reencoder);
        memory()
    };
    let first = add();
    let last = (0..4).map(|_| add()).last().unwrap_or(first);
    (last - first) / 4.0
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    (sorted[(sorted.len() - 1) / 2] + sorted[sorted.len() / 2]) / 2.0
}

fn main() {
    let (format, units) = hall_clip();
    let seconds = units.len() as f64 / 25.0;
    let folder = tempfile::tempdir().expect("a folder");
    println!(
        "1080p25 hall clip of {seconds} s, x264 superfast zerolatency, 3000 kbit/s, one thread; {ROUNDS} rounds of each in turn"
    );
    let (ours, theirs) = (folder.path().join("ours.h264"), folder.path().join("theirs.h264"));
    let (mut our_cpu, mut their_cpu, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for round in 1..=ROUNDS {
        let before = cpu();
        let bytes = stamp(&format, &units);
        our_cpu.push((cpu() - before) / seconds);
        std::fs::write(&ours, bytes).expect("written");
        let before = cpu_of_children();
        drawtext(folder.path(), &theirs);
        their_cpu.push((cpu_of_children() - before) / seconds);
        let ratio = our_cpu[round - 1] / their_cpu[round - 1];
        println!(
            "round {round}: {:.3} and {:.3} CPU s per stream-second, ratio {ratio:.3}",
            our_cpu[round - 1],
            their_cpu[round - 1]
        );
        ratios.push(ratio);
    }
    let kbps = |path: &Path| std::fs::metadata(path).map_or(0.0, |m| m.len() as f64) * 8.0 / 1000.0 / seconds;
    println!(
        "median: jiancha {:.3}, ffmpeg drawtext + libx264 {:.3} CPU s per stream-second, ratio {:.3}",
        median(&our_cpu),
        median(&their_cpu),
        median(&ratios)
    );
    println!(
        "SSIM outside the stamp: jiancha {:.5} at {:.0} kbit/s, ffmpeg {:.5} at {:.0} kbit/s",
        ssim(&ours),
        kbps(&ours),
        ssim(&theirs),
        kbps(&theirs)
    );
    let lags = lags(&format, &units);
    let at = |share: f64| lags[((lags.len() - 1) as f64 * share) as usize];
    println!("lag from push to sink at 25 a second: p50 {:.1} ms, p95 {:.1} ms, longest {:.1} ms", at(0.5), at(0.95), at(1.0));
    println!("memory of each further camera: {:.1} MiB", memory_of_one(&format, &units));
}
