//! `jiancha verify-export`: doubts an evidence package offline, with the recorder's public key alone.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::export::bar;
use super::{Outcome, complain, print_json};
use crate::evidence::PublicHalf;
use crate::export::check::{Checked, check};
use crate::export::package::{EVIDENCE, Evidence, list};

/// Arguments of `jiancha verify-export`.
#[derive(clap::Args)]
#[command(
    after_help = "Needs no hall.toml and no recorder. Exit code 0: everything holds; 1: problems; 2: it could not be checked.\n\
Use a public key that was kept apart from the package: the one inside proves only that the files belong together.\n\n\
Example:\n  jiancha verify-export /media/usb/case-117 --key recorder.pub.pem"
)]
pub struct VerifyExportArgs {
    /// The package's folder, or its evidence.json.
    #[arg(value_name = "PACKAGE")]
    package: PathBuf,
    /// The recorder's public key (PEM).
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Print JSON instead of sentences.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Printed<'a> {
    result: &'static str,
    #[serde(flatten)]
    checked: &'a Checked,
    /// What the package says.
    evidence: &'a Evidence,
}

/// Checks. Exit code 0 when everything holds, 1 with problems, 2 when it cannot be checked.
pub fn run(args: &VerifyExportArgs) -> Outcome {
    match work(args) {
        Ok(checked) => {
            let good = checked.problems.is_empty();
            if args.json {
                let result = if good { "pass" } else { "fail" };
                print_json(&Printed { result, checked: &checked, evidence: &checked.evidence });
            } else {
                print_sentences(&checked);
            }
            if checked.key_from_package {
                remark!(
                    "jiancha: 注意：所用公钥来自证据包内部，只能证明各文件彼此一致，不能证明出自哪台录像机。请用另行留存的公钥（--key），或核对密钥编号 {0}。\n\
                     jiancha: note: the key checked against is only the one inside the package: it proves that the files belong together, not which recorder made them. Use a key kept elsewhere (--key), or compare the id {0} with the one in the viewer",
                    checked.key
                );
            }
            if good { Outcome::Good } else { Outcome::Findings }
        }
        Err(e) => complain(&e),
    }
}

fn work(args: &VerifyExportArgs) -> Result<Checked, String> {
    let key = args.key.as_deref().map(PublicHalf::read).transpose().map_err(|e| e.to_string())?;
    let is_text = args.package.file_name().is_some_and(|n| n == EVIDENCE);
    let folder = match args.package.parent() {
        Some(parent) if is_text && !parent.as_os_str().is_empty() => parent,
        Some(_) if is_text => Path::new("."),
        _ => &args.package,
    };
    let all = list(folder).map_err(|e| format!("read {}: {}", e.path.display(), e.source))?;
    let bytes = all.iter().filter_map(|n| std::fs::metadata(folder.join(n)).ok()).map(|m| m.len()).sum();
    let bar = bar("核验 verify", bytes);
    let checked = check(folder, key, &mut |n| bar.inc(n));
    bar.finish_and_clear();
    checked.map_err(|e| e.to_string())
}

/// Writes to standard output; a pipe that closes early ends it quietly.
fn print_sentences(checked: &Checked) {
    let mut out = std::io::stdout().lock();
    let e = &checked.evidence;
    let mut print = || -> std::io::Result<()> {
        for p in &checked.problems {
            writeln!(out, "{}  {}\n    {} {}\n    {}", p.kind.word(), p.file, p.what.zh, p.what.en, p.detail)?;
        }
        writeln!(out, "{} {}  {} – {}", e.division, e.hall, e.asked.from, e.asked.to)?;
        writeln!(out, "导出 exported {} {}: {}", e.exported, e.purpose.person, e.purpose.reason)?;
        for subject in &e.subjects {
            for gap in &subject.gaps {
                writeln!(out, "缺录 gap  {}  {} – {}  {}", subject.camera, gap.from, gap.to, gap.cause)?;
            }
        }
        let verdict =
            if checked.problems.is_empty() { "核验通过 everything holds" } else { "核验不通过 it does not hold" };
        writeln!(
            out,
            "{verdict}: {} 个文件 files, {} 段来源 segments, {} 份日清单 manifests, {} 个问题 problems, 密钥 key {}",
            checked.files,
            checked.segments,
            checked.manifests,
            checked.problems.len(),
            checked.key
        )
    };
    let _ = print();
}
