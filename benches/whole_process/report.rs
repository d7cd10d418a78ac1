//! The figures side by side, as a table and as JSON.

use std::fmt::Write;

use serde::Serialize;

use crate::measure::{Case, Window};
use crate::recorders::{Recorder, Task};

/// Everything the bench found.
#[derive(Serialize)]
pub struct Report {
    /// What was measured where.
    pub head: Head,
    /// One for each number of cameras.
    pub comparisons: Vec<Comparison>,
    /// Jiancha's figures against the limits of the design.
    pub limits: Vec<Limit>,
    /// Windows that gave no figure, and why.
    pub failures: Vec<String>,
}

/// What was measured where.
#[derive(Serialize)]
pub struct Head {
    /// Version of Jiancha.
    pub jiancha: &'static str,
    /// First line of `ffmpeg -version`.
    pub ffmpeg: String,
    /// Processors and kernel.
    pub machine: String,
    /// Length of a window in seconds.
    pub window_seconds: u64,
    /// Windows of each recorder and case.
    pub pairs: usize,
    /// When it began, Beijing time.
    pub began: String,
}

/// Both recorders on the same cameras.
#[derive(Serialize)]
pub struct Comparison {
    /// What is recorded, for people.
    pub what: String,
    /// What is done to the pictures.
    pub task: Task,
    /// Number of cameras.
    pub streams: usize,
    /// Pictures per second each camera sends.
    pub camera_pictures: f64,
    /// Windows of Jiancha.
    pub jiancha: Vec<Window>,
    /// Windows of FFmpeg.
    pub ffmpeg: Vec<Window>,
}

/// A figure against what the design demands.
#[derive(Serialize)]
pub struct Limit {
    /// What is limited, with its unit.
    pub what: String,
    /// What was measured.
    pub measured: f64,
    /// At most this.
    pub must: f64,
    /// Better this.
    pub aim: f64,
}

impl Limit {
    fn verdict(&self) -> &'static str {
        if self.measured <= self.aim {
            "aim reached"
        } else if self.measured <= self.must {
            "held"
        } else {
            "NOT HELD"
        }
    }
}

impl Comparison {
    /// One without windows yet.
    pub fn new(case: Case) -> Self {
        Self {
            what: case.to_string(),
            task: case.task,
            streams: case.streams,
            camera_pictures: case.camera.rate,
            jiancha: Vec::new(),
            ffmpeg: Vec::new(),
        }
    }

    /// The windows of one recorder.
    pub fn windows(&mut self, recorder: Recorder) -> &mut Vec<Window> {
        match recorder {
            Recorder::Jiancha => &mut self.jiancha,
            Recorder::Ffmpeg => &mut self.ffmpeg,
        }
    }

    fn ratio(&self, figure: impl Fn(&Window) -> f64) -> Option<f64> {
        Some(median(&self.jiancha, &figure)? / median(&self.ffmpeg, &figure)?)
    }

    fn table(&self, out: &mut String) {
        let _ = writeln!(out, "\n{}", self.what);
        let _ = writeln!(
            out,
            "  {:<22}{:>24}{:>8}{:>8}{:>8}{:>9}{:>9}{:>9}{:>10}{:>8}{:>8}{:>7}{:>8}",
            "",
            "CPU ms/stream-second",
            "PSS",
            "RSS",
            "anon",
            "procs/",
            "wake-ups",
            "writes",
            "written/",
            "kbit/s",
            "pic/s",
            "idle",
            "others"
        );
        let _ = writeln!(
            out,
            "  {:<22}{:>24}{:>8}{:>8}{:>8}{:>9}{:>9}{:>9}{:>10}{:>8}{:>8}{:>7}{:>8}",
            "", "median (min–max)", "MiB", "MiB", "MiB", "threads", "/s/cam", "/s/cam", "media B", "/cam", "", "%", "%"
        );
        for (recorder, windows) in [(Recorder::Jiancha, &self.jiancha), (Recorder::Ffmpeg, &self.ffmpeg)] {
            let label = recorder.label(self.task);
            let (Some(first), Some((low, high))) = (windows.first(), range(windows, |w| w.cpu_ms)) else {
                let _ = writeln!(out, "  {label:<22}  no figure");
                continue;
            };
            let m = |figure: fn(&Window) -> f64| median(windows, figure).unwrap_or(f64::NAN);
            let cpu = format!("{:.2} ({low:.2}–{high:.2})", m(|w| w.cpu_ms));
            let processes = format!("{}/{}", first.processes, first.threads);
            let _ = writeln!(
                out,
                "  {label:<22}{cpu:>24}{:>8.1}{:>8.1}{:>8.1}{processes:>9}{:>9.0}{:>9.1}{:>10.4}{:>8.0}{:>8.2}{:>7.0}{:>8.0}",
                m(|w| w.pss_mib),
                m(|w| w.rss_mib),
                m(|w| w.anonymous_mib),
                m(|w| w.wakeups),
                m(|w| w.write_calls),
                m(|w| w.written_per_media_byte),
                m(|w| w.recorded_kbps),
                m(|w| w.pictures),
                100.0 * m(|w| w.idle),
                100.0 * m(|w| w.others),
            );
        }
        if let (Some(cpu), Some(pss)) = (self.ratio(|w| w.cpu_ms), self.ratio(|w| w.pss_mib)) {
            let _ = writeln!(out, "  {:<22}{:>24}{:>8}", "jiancha : ffmpeg", format!("{cpu:.2} ×"), format!("{pss:.2} ×"));
        }
        for remark in self.remarks() {
            let _ = writeln!(out, "  ! {remark}");
        }
    }

    /// What makes a comparison doubtful.
    fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        for (recorder, windows) in [(Recorder::Jiancha, &self.jiancha), (Recorder::Ffmpeg, &self.ffmpeg)] {
            let label = recorder.label(self.task);
            for (n, window) in windows.iter().enumerate() {
                let n = n + 1;
                if (window.pictures / self.camera_pictures - 1.0).abs() > 0.03 {
                    let (found, sent) = (window.pictures, self.camera_pictures);
                    remarks.push(format!("{label}, window {n}: {found:.2} pictures/s recorded of {sent} sent"));
                }
                if window.least_share < 0.7 {
                    let share = 100.0 * window.least_share;
                    remarks.push(format!("{label}, window {n}: one recording grew only {share:.0} % of the mean"));
                }
                if let Some(complaint) = window.complaints.first() {
                    remarks.push(format!("{label}, window {n}: {} complaints, first: {complaint}", window.complaints.len()));
                }
            }
        }
        remarks
    }
}

impl Report {
    /// Sets Jiancha's figures against the limits of the design.
    pub fn judge(&mut self) {
        let of = |task| self.comparisons.iter().filter(move |c| c.task == task && !c.jiancha.is_empty());
        let mut limits = Vec::new();
        for c in of(Task::PassThrough) {
            if let Some(measured) = median(&c.jiancha, |w| w.cpu_ms).filter(|_| c.streams >= 16) {
                let what = format!("pass-through, {} cameras: CPU ms per stream-second", c.streams);
                limits.push(Limit { what, measured, must: 3.5, aim: 1.2 });
            }
        }
        let pss: Vec<(usize, f64)> =
            of(Task::PassThrough).filter_map(|c| Some((c.streams, median(&c.jiancha, |w| w.pss_mib)?))).collect();
        if let Some((measured, how)) = at_32(&pss) {
            limits.push(Limit {
                what: format!("pass-through, 32 cameras: PSS in MiB ({how})"),
                measured,
                must: 64.0,
                aim: 36.0,
            });
        }
        for c in of(Task::Stamped) {
            if let Some(measured) = c.ratio(|w| w.cpu_ms) {
                let what = format!("stamped, {} cameras: CPU against ffmpeg drawtext + x264", c.streams);
                limits.push(Limit { what, measured, must: 1.05, aim: 0.95 });
            }
        }
        if let Some(c) = of(Task::PassThrough).max_by_key(|c| c.streams)
            && let Some(measured) = median(&c.jiancha, |w| w.written_per_media_byte)
        {
            let what = format!("pass-through, {} cameras: bytes written per media byte", c.streams);
            limits.push(Limit { what, measured, must: 1.02, aim: 1.005 });
        }
        self.limits = limits;
    }

    /// For people.
    pub fn table(&self) -> String {
        let head = &self.head;
        let mut out = String::new();
        let _ = writeln!(out, "Whole processes, {}; jiancha {} (release), {}", head.began, head.jiancha, head.ffmpeg);
        let _ =
            writeln!(out, "{}; windows of {} s, {} of each recorder in turn", head.machine, head.window_seconds, head.pairs);
        for comparison in &self.comparisons {
            comparison.table(&mut out);
        }
        if !self.limits.is_empty() {
            let _ = writeln!(out, "\n{:<70}{:>10}{:>9}{:>9}", "Limits of the design", "measured", "must ≤", "aim ≤");
        }
        for limit in &self.limits {
            let Limit { what, measured, must, aim } = limit;
            let _ = writeln!(out, "  {what:<68}{measured:>10.3}{must:>9}{aim:>9}   {}", limit.verdict());
        }
        for failure in &self.failures {
            let _ = writeln!(out, "! {failure}");
        }
        out
    }
}

/// The figure at 32 cameras: measured, else on the line through the two largest numbers of cameras.
fn at_32(points: &[(usize, f64)]) -> Option<(f64, String)> {
    if let Some((_, y)) = points.iter().find(|(n, _)| *n == 32) {
        return Some((*y, "measured".into()));
    }
    let mut points = points.to_vec();
    points.sort_by_key(|(n, _)| *n);
    let [.., (n1, y1), (n2, y2)] = points.as_slice() else { return None };
    let slope = (y2 - y1) / (n2 - n1) as f64;
    Some((y2 + slope * (32.0 - *n2 as f64), format!("from {n1} and {n2}")))
}

fn sorted(windows: &[Window], figure: impl Fn(&Window) -> f64) -> Vec<f64> {
    let mut values: Vec<f64> = windows.iter().map(figure).collect();
    values.sort_by(f64::total_cmp);
    values
}

fn median(windows: &[Window], figure: impl Fn(&Window) -> f64) -> Option<f64> {
    let values = sorted(windows, figure);
    let middle = values.len() / 2;
    match values.as_slice() {
        [] => None,
        v if v.len() % 2 == 1 => Some(v[middle]),
        v => Some((v[middle - 1] + v[middle]) / 2.0),
    }
}

fn range(windows: &[Window], figure: impl Fn(&Window) -> f64) -> Option<(f64, f64)> {
    let values = sorted(windows, figure);
    Some((*values.first()?, *values.last()?))
}
