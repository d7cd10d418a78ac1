//! `jiancha export`: footage of a span as plain MP4, or as an evidence package; every export stands in the audit log first.

mod place;
pub(super) mod recorder;
mod viewing;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use self::place::Places;
use self::recorder::Recorder;
use self::viewing::Viewing;
use super::{ConfigArg, Outcome, complain, load_hall, print_json};
use crate::evidence::key::rename_new;
use crate::evidence::{Keyring, Signer};
use crate::export::gaps::{Missing, missing};
use crate::export::mp4::Label;
use crate::export::package::{self, ClockNote, Evidence, Film, Subject};
use crate::export::plan::Movie;
use crate::export::samples::Source;
use crate::export::{Announcement, Kind, Prepared, Purpose, copy, prepare};
use crate::hall::{Camera, CameraId, Hall, WindowId};
use crate::time::{Clock as _, Span, SystemClock, WallTime, kernel_clock};

/// Longest reason, in letters: it is kept in the audit log for ever.
const LONGEST_REASON: usize = 1000;

/// Arguments of `jiancha export`.
#[derive(clap::Args)]
#[command(after_help = "The span is cut at the key frame before it; players start at --from. Gaps are closed up and listed.\n\
Footage that was recorded without the stamp gets it burnt in: only that part is encoded anew, with the times of capture and the label\n\
of its time; the rest is copied bit for bit. With --untouched everything is. An evidence package holds the originals in any case.\n\
Exit code 0: written, gaps inside are listed; 1: written, but a window has nothing, or a source file is not as it was sealed;\n\
2: nothing was recorded, or it could not be done. The recorder may run meanwhile. Every export stands in the audit log.\n\n\
Example:\n  \
jiancha export --window 03 --from 2026-11-22T14:50:00+08:00 --to 2026-11-22T15:00:00+08:00 \\\n    \
--reason \"投诉 2026-117 核查\" --person 王芳 --out /media/usb/window-03.mp4\n\
Example, an evidence package of two windows:\n  \
jiancha export --evidence --window 03 --window 05 --from T --to T --reason TEXT --approval 朝监〔2026〕12号 --out DIR")]
pub struct ExportArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// A service window (窗口), such as 03: its fixed camera is exported. May be given several times.
    #[arg(long, value_name = "ID", required_unless_present = "camera")]
    window: Vec<String>,
    /// A camera instead of a window. May be given several times.
    #[arg(long, value_name = "ID")]
    camera: Vec<String>,
    /// Start, such as 2026-11-22T14:50:00+08:00.
    #[arg(long, value_name = "TIME")]
    from: WallTime,
    /// End.
    #[arg(long, value_name = "TIME")]
    to: WallTime,
    /// Why (事由); stands in the audit log and in an evidence package.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Who exports (导出人); the account's name by default.
    #[arg(long, value_name = "NAME")]
    person: Option<String>,
    /// Number of the approval (审批编号).
    #[arg(long, value_name = "NUMBER")]
    approval: Option<String>,
    /// The file to write; for several windows a folder, or a name into which the window is put. With --evidence a new folder.
    #[arg(long, value_name = "PATH")]
    out: PathBuf,
    /// Export every picture as it was recorded, also where it carries no stamp (原样导出). An evidence package then holds no copies with it.
    #[arg(long)]
    untouched: bool,
    /// Make an evidence package: films, signed description, manifests, and how to check them.
    #[arg(long)]
    evidence: bool,
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Printed {
    asked: Span,
    /// The folder of the evidence package.
    #[serde(skip_serializing_if = "Option::is_none")]
    evidence: Option<PathBuf>,
    /// Id of the key that signed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    files: Vec<PrintedFile>,
    gaps: Vec<PrintedGap>,
    /// Windows and cameras of which nothing was recorded.
    empty: Vec<String>,
    /// Source files that are not as they were sealed.
    faults: Vec<String>,
    bytes: u64,
    seconds: f64,
}

#[derive(Serialize)]
struct PrintedFile {
    window: Option<String>,
    camera: CameraId,
    file: PathBuf,
    bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
    from: WallTime,
    to: WallTime,
    pictures: u64,
    sounds: u64,
    /// True when its pictures are as they were recorded, bit for bit.
    original: bool,
    /// Where the stamp was burnt in.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    burnt: Vec<Span>,
    /// Pictures that could not be decoded and are left out.
    #[serde(skip_serializing_if = "is_zero")]
    undecodable: u64,
}

fn is_zero(n: &u64) -> bool {
    *n == 0
}

#[derive(Serialize)]
struct PrintedGap {
    camera: CameraId,
    #[serde(flatten)]
    gap: Missing,
}

/// Exports. Exit codes as the help tells.
pub fn run(args: &ExportArgs) -> Outcome {
    let Some(hall) = load_hall(&args.config, crate::hall::load_without_secrets) else { return Outcome::Failed };
    let began = Instant::now();
    match Export::new(&hall, args).and_then(Export::work) {
        Ok(mut printed) => {
            printed.seconds = began.elapsed().as_secs_f64();
            let good = printed.empty.is_empty() && printed.faults.is_empty();
            if args.json {
                print_json(&printed)
            } else {
                print_table(&printed)
            }
            if good { Outcome::Good } else { Outcome::Findings }
        }
        Err(e) => complain(&e),
    }
}

/// One window or camera that was asked for.
struct Wanted<'a> {
    window: Option<&'a WindowId>,
    camera: &'a Camera,
}

impl Wanted<'_> {
    /// The name of its film without extension.
    fn name(&self) -> String {
        match self.window {
            Some(window) => format!("window-{window}"),
            None => format!("camera-{}", self.camera.id),
        }
    }

    fn id(&self) -> &str {
        self.window.map_or(self.camera.id.as_str(), |w| w.as_str())
    }
}

/// The same with its footage.
struct Found<'a> {
    wanted: Wanted<'a>,
    prepared: Prepared,
    gaps: Vec<Missing>,
}

impl Found<'_> {
    /// The footage as it was recorded.
    fn recorded(&self) -> Written<'_> {
        Written { movies: &self.prepared.movies, sources: &self.prepared.sources, burnt: None }
    }
}

struct Export<'a> {
    hall: &'a Hall,
    args: &'a ExportArgs,
    asked: Span,
    purpose: Purpose,
    signer: Option<Signer>,
}

/// What is written of one window: films, the files their bytes are in, and where the stamp was burnt in.
struct Written<'a> {
    movies: &'a [Movie],
    sources: &'a [Source],
    burnt: Option<&'a crate::export::burn::Burnt>,
}

impl<'a> Written<'a> {
    fn burnt(copy: &'a crate::export::burn::Burnt) -> Self {
        Self { movies: &copy.movies, sources: &copy.sources, burnt: Some(copy) }
    }
}

impl<'a> Export<'a> {
    fn new(hall: &'a Hall, args: &'a ExportArgs) -> Result<Self, String> {
        let asked = Span::new(args.from, args.to);
        if asked.is_empty() {
            return Err(format!("--from {} is not before --to {}", asked.from, asked.to));
        }
        let reason = args.reason.trim().to_owned();
        if reason.is_empty() || reason.chars().count() > LONGEST_REASON {
            return Err(format!("--reason must say why, in at most {LONGEST_REASON} letters: it stands in the audit log"));
        }
        let person = match &args.person {
            Some(person) if !person.trim().is_empty() => person.trim().to_owned(),
            Some(_) => return Err("--person is empty".to_owned()),
            None => recorder::account(),
        };
        // Asked for first: an export that cannot be signed is not begun.
        let signer = match args.evidence {
            true => Some(Signer::open(&hall.evidence.key).map_err(|e| e.to_string())?),
            false => None,
        };
        let purpose = Purpose { reason, person, approval: args.approval.clone() };
        Ok(Self { hall, args, asked, purpose, signer })
    }

    fn work(self) -> Result<Printed, String> {
        let wanted = self.wanted()?;
        let places = Places::new(&self.args.out, self.args.evidence, wanted.len() > 1)?;
        let recorder = Recorder::find(&self.hall.recording.catalogue)?;
        let mut found = Vec::new();
        for wanted in wanted {
            found.push(self.find(&recorder, wanted)?);
        }
        if found.iter().all(|f| f.prepared.movies.is_empty()) {
            return Err(nothing(&found, self.asked));
        }
        let names = self.names(&found, &places)?;
        // Known before anything is announced: an encoder that does not work.
        let viewing = Viewing::new(self.hall, found.iter().map(|f| &f.prepared).filter(|_| !self.args.untouched))?;
        let kind = match (self.args.evidence, self.args.untouched) {
            (true, _) => Kind::Evidence,
            (false, true) => Kind::Untouched,
            (false, false) => Kind::Film,
        };
        for found in found.iter().filter(|f| !f.prepared.movies.is_empty()) {
            recorder.announce(&Announcement {
                purpose: self.purpose.clone(),
                camera: found.wanted.camera.id.clone(),
                window: found.wanted.window.map(ToString::to_string),
                span: self.asked,
                kind,
                to: self.args.out.display().to_string(),
            })?;
        }
        // A recorder that starts meanwhile finds its catalogue free.
        drop(recorder);
        let bytes: u64 = found.iter().flat_map(|f| &f.prepared.movies).map(Movie::media_bytes).sum();
        let bar = bar("导出 export", bytes + viewing.bytes());
        let burnt = viewing.burn(found.iter().map(|f| &f.prepared), places.scratch(), &bar);
        let printed = burnt.and_then(|burnt| match &self.signer {
            Some(signer) => self.package(&found, &burnt, &places, signer, &bar),
            None => {
                let files = self.viewed(&found, &names, &burnt, &places, &bar);
                files.map(|files| self.printed(&found, files))
            }
        });
        bar.finish_and_clear();
        printed
    }

    fn wanted(&self) -> Result<Vec<Wanted<'a>>, String> {
        let mut wanted: Vec<Wanted<'a>> = Vec::new();
        for id in &self.args.window {
            let known: Vec<&str> = self.hall.windows.iter().map(|w| w.id.as_str()).collect();
            let window = self.hall.window(&WindowId::new(id));
            let window = window.ok_or_else(|| format!("no window {id} in hall.toml (defined: {})", known.join(", ")))?;
            let camera = self.hall.camera(&window.camera).ok_or_else(|| format!("window {id} has no camera in hall.toml"))?;
            if let Some(sound) = self.hall.sound_camera(window).filter(|s| s.id != camera.id) {
                remark!(
                    "jiancha: 窗口 {id} 的声音录在摄像机 {0} 上，请另用 --camera {0} 导出 the sound of window {id} is recorded with camera {0}: export it with --camera {0} as well",
                    sound.id
                );
            }
            wanted.push(Wanted { window: Some(&window.id), camera });
        }
        for id in &self.args.camera {
            let known: Vec<&str> = self.hall.cameras.iter().map(|c| c.id.as_str()).collect();
            let camera = self.hall.camera(&CameraId::new(id));
            let camera = camera.ok_or_else(|| format!("no camera {id} in hall.toml (defined: {})", known.join(", ")))?;
            wanted.push(Wanted { window: None, camera });
        }
        let mut names: Vec<String> = wanted.iter().map(Wanted::name).collect();
        names.sort_unstable();
        match names.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(twice) => Err(format!("{} is asked for twice", twice[0])),
            None => Ok(wanted),
        }
    }

    fn find(&self, recorder: &Recorder, wanted: Wanted<'a>) -> Result<Found<'a>, String> {
        let camera = &wanted.camera.id;
        let prepared = prepare(recorder.segments(camera, self.asked)?, self.asked);
        let ledger = recorder.gaps(camera, self.asked)?;
        let now = SystemClock::new().wall();
        let gaps = missing(self.asked, &prepared.shown(), &ledger, &prepared.unreadable, now);
        Ok(Found { wanted, prepared, gaps })
    }

    /// The names of all films, none of which stands already.
    fn names(&self, found: &[Found<'_>], places: &Places) -> Result<Vec<Vec<String>>, String> {
        let names: Vec<Vec<String>> = found
            .iter()
            .map(|f| (1..=f.prepared.movies.len()).map(|n| places.name(&f.wanted.name(), f.wanted.id(), n)).collect())
            .collect();
        match names.iter().flatten().map(|n| places.folder.join(n)).find(|path| path.symlink_metadata().is_ok()) {
            Some(taken) => Err(copy::CopyError::Exists(taken).to_string()),
            None => Ok(names),
        }
    }

    /// Writes what people look at: as recorded where every picture carries the stamp, else with the stamp burnt in.
    fn viewed(
        &self,
        found: &[Found<'_>],
        names: &[Vec<String>],
        burnt: &viewing::Copies,
        places: &Places,
        bar: &ProgressBar,
    ) -> Result<Vec<PrintedFile>, String> {
        let mut files = Vec::new();
        for ((n, found), names) in found.iter().enumerate().zip(names) {
            match burnt.of(n) {
                None => files.extend(self.films(found, &found.recorded(), names, &places.folder, bar)?),
                Some(copy) => {
                    // Coding may change where the stamp begins: then there are more films than one.
                    let name = |n| places.name(&found.wanted.name(), found.wanted.id(), n);
                    let names: Vec<String> = (1..=copy.movies.len()).map(name).collect();
                    files.extend(self.films(found, &Written::burnt(copy), &names, &places.folder, bar)?);
                }
            }
        }
        Ok(files)
    }

    /// Writes the films of one window into `folder`.
    fn films(
        &self,
        found: &Found<'_>,
        written: &Written<'_>,
        names: &[String],
        folder: &Path,
        bar: &ProgressBar,
    ) -> Result<Vec<PrintedFile>, String> {
        let mut files = Vec::new();
        let camera = found.wanted.camera;
        for (movie, name) in written.movies.iter().zip(names) {
            bar.set_message(name.clone());
            let label = Label {
                hall: self.hall.name.clone(),
                division: self.hall.division.clone(),
                camera: camera.id.to_string(),
                windows: self.hall.windows_of(&camera.id).map(|w| w.id.to_string()).collect(),
                from: movie.from(),
                to: movie.to(),
            };
            let path = folder.join(name);
            let hash = self.signer.is_some();
            let made =
                copy::write(movie, &label, written.sources, &path, hash, &mut |n| bar.inc(n)).map_err(|e| e.to_string())?;
            let burnt = written.burnt.map_or_else(Vec::new, |b| b.spans_in(movie));
            files.push(PrintedFile {
                window: found.wanted.window.map(ToString::to_string),
                camera: camera.id.clone(),
                file: path,
                bytes: made.bytes,
                sha256: made.sha256,
                from: movie.from(),
                to: movie.to(),
                pictures: movie.video.samples.len() as u64,
                sounds: movie.audio.as_ref().map_or(0, |a| a.samples.len() as u64),
                original: burnt.is_empty(),
                burnt,
                undecodable: written.burnt.map_or(0, |b| b.lost),
            });
        }
        Ok(files)
    }

    fn printed(&self, found: &[Found<'_>], files: Vec<PrintedFile>) -> Printed {
        let gap = |f: &Found<'_>, gap: &Missing| PrintedGap { camera: f.wanted.camera.id.clone(), gap: gap.clone() };
        Printed {
            asked: self.asked,
            evidence: None,
            key: None,
            bytes: files.iter().map(|f| f.bytes).sum(),
            files,
            gaps: found.iter().flat_map(|f| f.gaps.iter().map(|g| gap(f, g))).collect(),
            empty: found.iter().filter(|f| f.prepared.movies.is_empty()).map(|f| f.wanted.name()).collect(),
            faults: Vec::new(),
            seconds: 0.0,
        }
    }

    /// Makes the package beside its place and moves it there when it is whole.
    fn package(
        &self,
        found: &[Found<'_>],
        burnt: &viewing::Copies,
        places: &Places,
        signer: &Signer,
        bar: &ProgressBar,
    ) -> Result<Printed, String> {
        let aside = places.aside();
        std::fs::create_dir(&aside).map_err(|e| format!("make {}: {e}", aside.display()))?;
        let made = self.fill(found, burnt, &aside, signer, bar).and_then(|mut printed| {
            rename_new(&aside, &self.args.out).map_err(|e| format!("put the package at {}: {e}", self.args.out.display()))?;
            for file in &mut printed.files {
                file.file = self.args.out.join(file.file.file_name().unwrap_or_default());
            }
            printed.evidence = Some(self.args.out.clone());
            Ok(printed)
        });
        if made.is_err() {
            let _ = std::fs::remove_dir_all(&aside);
        }
        made
    }

    fn fill(
        &self,
        found: &[Found<'_>],
        burnt: &viewing::Copies,
        folder: &Path,
        signer: &Signer,
        bar: &ProgressBar,
    ) -> Result<Printed, String> {
        let mut files = Vec::new();
        let mut films: Vec<Vec<Film>> = Vec::new();
        for (n, found) in found.iter().enumerate() {
            let called = found.wanted.name();
            let names = |called: &str, movies: &[Movie]| -> Vec<String> {
                (1..=movies.len()).map(|n| place::film(called, n)).collect()
            };
            // The originals, which the digests vouch for, and beside them a copy to look at where they carry no stamp.
            let own = names(&called, &found.prepared.movies);
            files.extend(self.films(found, &found.recorded(), &own, folder, bar)?);
            let originals: Vec<Film> = found.prepared.movies.iter().zip(own).map(|(m, name)| Film::of(name, m)).collect();
            let mut told = originals.clone();
            if let Some(copy) = burnt.of(n) {
                let names = names(&format!("{called}-stamped"), &copy.movies);
                files.extend(self.films(found, &Written::burnt(copy), &names, folder, bar)?);
                let copies = copy.movies.iter().zip(names);
                told.extend(copies.map(|(m, name)| Film::copy_of(name, m, &originals, copy.spans_in(m))));
            }
            films.push(told);
        }
        let hashed: BTreeMap<String, String> = files
            .iter()
            .filter_map(|f| Some((f.file.file_name()?.to_string_lossy().into_owned(), f.sha256.clone()?)))
            .collect();
        let mut ring = Keyring::from(signer.public().clone());
        let beside = Keyring::beside(&self.hall.evidence.key).map_err(|e| e.to_string())?;
        beside.into_keys().into_iter().for_each(|key| ring.add(key));
        let roots: Vec<PathBuf> = self.hall.storage.iter().map(|r| r.path.clone()).collect();
        let mut subjects = Vec::new();
        bar.set_message("校验来源 checking the sources");
        for (found, films) in found.iter().zip(films) {
            let camera = &found.wanted.camera.id;
            bar.inc_length(found.prepared.used().iter().filter_map(|n| found.prepared.rows.get(*n)).map(|r| r.bytes).sum());
            let segments = package::segments(&found.prepared, &mut |n| bar.inc(n));
            package::copy_manifests(folder, &roots, camera, &segments, &ring).map_err(|e| e.to_string())?;
            let shown = found.prepared.shown();
            subjects.push(Subject {
                window: found.wanted.window.map(ToString::to_string),
                camera: camera.clone(),
                delivered: found.prepared.delivered(),
                films,
                gaps: found.gaps.clone(),
                unstamped: package::spans_of(&segments, &shown, |s| !s.stamped),
                restored: package::spans_of(&segments, &shown, |s| s.restored),
                segments,
            });
        }
        let evidence = Evidence {
            version: package::FORM_VERSION,
            program: format!("jiancha {}", env!("CARGO_PKG_VERSION")),
            hall: self.hall.name.clone(),
            division: self.hall.division.clone(),
            purpose: self.purpose.clone(),
            exported: SystemClock::new().wall(),
            clock: ClockNote::of(kernel_clock(), self.hall.time.server_error_ms()),
            key: signer.public().id().to_owned(),
            asked: self.asked,
            subjects,
            files: Vec::new(),
        };
        let evidence = package::complete(folder, evidence, signer, &hashed).map_err(|e| e.to_string())?;
        let mut printed = self.printed(found, files);
        printed.key = Some(evidence.key);
        let faults = |s: &package::SegmentNote| s.faults.iter().map(|f| format!("{}: {f}", s.path)).collect::<Vec<_>>();
        printed.faults = evidence.subjects.iter().flat_map(|s| &s.segments).flat_map(faults).collect();
        Ok(printed)
    }
}

fn nothing(found: &[Found<'_>], asked: Span) -> String {
    let mut said = format!("nothing was recorded from {} to {}", asked.from, asked.to);
    for found in found {
        for gap in &found.gaps {
            said.push_str(&format!("\n  {} {} – {}: {} {}", found.wanted.name(), gap.from, gap.to, gap.cause, gap.detail));
        }
    }
    said
}

/// A bar that draws itself only where standard error is a terminal.
pub(super) fn bar(what: &str, bytes: u64) -> ProgressBar {
    let bar = ProgressBar::new(bytes);
    let style = format!(
        "{what} {{wide_bar}} {{percent:>3}}%  {{bytes}} / {{total_bytes}}  {{bytes_per_sec}}  剩余 left {{eta}}  {{msg}}"
    );
    if let Ok(style) = ProgressStyle::with_template(&style) {
        bar.set_style(style);
    }
    bar
}

/// Writes to standard output; a pipe that closes early ends it quietly.
fn print_table(printed: &Printed) {
    let time = |t: WallTime| t.beijing().format("%Y-%m-%d %H:%M:%S").to_string();
    let mut out = std::io::stdout().lock();
    let mut print = || -> std::io::Result<()> {
        for f in &printed.files {
            let mb = super::verify::mega(f.bytes);
            writeln!(out, "{}  {} – {}  {mb:.1} MB", f.file.display(), time(f.from), time(f.to))?;
        }
        for (f, span) in printed.files.iter().flat_map(|f| f.burnt.iter().map(move |s| (f, s))) {
            let (from, to) = (time(span.from), time(span.to));
            writeln!(out, "烧录叠加 stamp burnt in  {}  {from} – {to}", f.file.display())?;
        }
        for g in &printed.gaps {
            let (from, to) = (time(g.gap.from), time(g.gap.to));
            writeln!(out, "缺录 gap  {}  {from} – {to}  {} {}", g.camera, g.gap.cause, g.gap.detail)?;
        }
        for name in &printed.empty {
            writeln!(out, "无录像 nothing recorded  {name}")?;
        }
        for fault in &printed.faults {
            writeln!(out, "来源异常 source not as sealed  {fault}")?;
        }
        if let (Some(folder), Some(key)) = (&printed.evidence, &printed.key) {
            writeln!(out, "证据包 evidence package  {}  密钥 key {key}", folder.display())?;
        }
        Ok(())
    };
    let _ = print();
}
