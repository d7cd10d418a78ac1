//! `jiancha rebuild`: the catalogue of segments made again from the files alone.

use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::{ConfigArg, Outcome, complain, load_hall, print_json, print_text};
use crate::catalogue::rebuild::{How, Rebuilt, rebuild};
use crate::catalogue::{Catalogue, KnownRoots, Store, StoreError};
use crate::daemon::control::{Question, ask};
use crate::hall::Hall;
use crate::segment::root::{self, RootTrouble};

/// Arguments of `jiancha rebuild`.
#[derive(clap::Args)]
#[command(
    after_help = "The recorder must be stopped. Files left open are sealed. The ledger of gaps and the viewer's accounts stay as they are."
)]
pub struct RebuildArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// Change nothing: tell what would be done.
    #[arg(long)]
    dry_run: bool,
    /// Also take out the rows of storage roots that hold no recording at all or are not in hall.toml.
    #[arg(long)]
    forget_empty_roots: bool,
    /// Print JSON instead of sentences.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Printed {
    dry_run: bool,
    #[serde(flatten)]
    rebuilt: Rebuilt,
    /// Spans that retention removed before, told by the notes beside the days.
    removed_spans: u64,
    seconds: f64,
    segments_per_second: f64,
}

/// Rebuilds. Exit code 0, 1 when files were left alone or rows kept without their files, 2 when it cannot be done.
pub fn run(args: &RebuildArgs) -> Outcome {
    let Some(hall) = load_hall(&args.config, crate::hall::load_without_secrets) else { return Outcome::Failed };
    let began = Instant::now();
    match carry_out(&hall, args) {
        Ok((rebuilt, removed_spans)) => {
            let seconds = began.elapsed().as_secs_f64();
            #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
            let segments_per_second = rebuilt.segments as f64 / seconds.max(1e-6);
            let clean = rebuilt.left_alone.is_empty() && rebuilt.kept == 0;
            let printed = Printed { dry_run: args.dry_run, rebuilt, removed_spans, seconds, segments_per_second };
            if args.json {
                print_json(&printed)
            } else {
                print_text(&sentences(&printed))
            }
            if clean { Outcome::Good } else { Outcome::Findings }
        }
        Err(e) => complain(&e),
    }
}

fn carry_out(hall: &Hall, args: &RebuildArgs) -> Result<(Rebuilt, u64), String> {
    const RUNNING: &str =
        "the recorder is running and has the catalogue open: stop it (systemctl stop jiancha), rebuild, start it again";
    let folder = &hall.recording.catalogue;
    if ask(folder, &Question::Cameras)?.is_some() {
        return Err(RUNNING.to_owned());
    }
    let roots: Vec<PathBuf> = hall.storage.iter().map(|r| r.path.clone()).collect();
    if let Some(missing) = roots.iter().find(|r| !r.is_dir()) {
        return Err(format!(
            "storage root {} does not exist (mount the disk, or take the root out of hall.toml)",
            missing.display()
        ));
    }
    let catalogue = if args.dry_run && !folder.exists() {
        None
    } else {
        if !folder.exists() {
            remark!(
                "jiancha: no catalogue at {}: a new one is made; the ledger of gaps and the viewer's accounts were not in the files",
                folder.display()
            );
        }
        let store = Store::open(folder).map_err(|e| match e {
            StoreError::InUse { .. } => format!("{e}\n{RUNNING}"),
            e => format!("{e}\nwhen the folder is damaged, move it away and rebuild again: the ledger of gaps and the viewer's accounts go with it"),
        })?;
        Some(Catalogue::open(Arc::new(store)).map_err(|e| e.to_string())?)
    };
    if let Some(catalogue) = &catalogue {
        refuse_other_disks(hall, catalogue)?;
    }
    let how = How { dry_run: args.dry_run, forget_empty_roots: args.forget_empty_roots };
    let mut progress = Counter::new();
    let rebuilt = rebuild(catalogue.as_ref(), &roots, how, &mut || progress.count());
    progress.clear();
    let rebuilt = rebuilt.map_err(|e| e.to_string())?;
    let removed_spans = match &catalogue {
        Some(catalogue) if !args.dry_run => crate::retention::note::recall(catalogue, &roots).map_err(|e| e.to_string())?,
        _ => 0,
    };
    Ok((rebuilt, removed_spans))
}

/// Recordings on another disk than the one meant would take the place of those that are away.
fn refuse_other_disks(hall: &Hall, catalogue: &Catalogue) -> Result<(), String> {
    let known = KnownRoots::open(catalogue).map_err(|e| e.to_string())?;
    for storage in &hall.storage {
        let Some(id) = known.id(&storage.path).map_err(|e| e.to_string())? else { continue };
        match root::open_mounted(&storage.path, &id, storage.mounted) {
            // An empty folder costs no rows: they are kept, and told.
            Ok(_) | Err(RootTrouble::NotMounted { .. }) => {}
            Err(trouble) => return Err(trouble.to_string()),
        }
    }
    Ok(())
}

/// Files counted on a terminal.
struct Counter {
    shown: Option<Instant>,
    files: u64,
}

impl Counter {
    fn new() -> Self {
        Self { shown: std::io::stderr().is_terminal().then(Instant::now), files: 0 }
    }

    fn count(&mut self) {
        self.files += 1;
        if self.shown.is_some_and(|shown| shown.elapsed() >= Duration::from_millis(200)) {
            self.shown = Some(Instant::now());
            // A terminal that went away does not stop the work.
            let _ = write!(std::io::stderr(), "\r重建 rebuild: {} 个文件 files", self.files);
        }
    }

    fn clear(&self) {
        if self.shown.is_some() {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}

fn sentences(printed: &Printed) -> String {
    let r = &printed.rebuilt;
    let mut lines: Vec<String> =
        r.left_alone.iter().map(|left| format!("未入库 left alone: {}: {}", left.file, left.reason)).collect();
    if printed.dry_run {
        lines.push("试运行，未作任何改动 dry run, nothing was changed".to_owned());
    }
    lines.push(format!("{} 个文件 files, 补封存 sealed {}", r.segments, r.mended));
    lines.push(format!(
        "记录 rows: 新增 added {}, 更正 changed {}, 不变 same {}, 移除 removed {}",
        r.added, r.changed, r.same, r.removed
    ));
    if r.kept > 0 {
        lines.push(format!(
            "保留 kept {}: 所在存储目录没有任何录像，请检查是否已挂载 their storage root shows no recording: see whether it is mounted, or use --forget-empty-roots",
            r.kept
        ));
    }
    if printed.removed_spans > 0 {
        lines.push(format!("到期已删 {} 段，按删除说明补记 removed spans told by removed.json", printed.removed_spans));
    }
    lines.push(format!("{:.1} s, {:.0} 段/秒 segments/s", printed.seconds, printed.segments_per_second));
    lines.join("\n") + "\n"
}
