//! `jiancha check`: is the hall covered as its rule profile asks, by measurement; and what a person vouches for.

mod attest;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{ConfigArg, Outcome, complain, load_hall, print_json, print_text};
use crate::catalogue::{Catalogue, Store, StoreError};
use crate::coverage::profile::DEFAULT;
use crate::coverage::{Ask, Library, Measured, Office, ProfileError, Report, Told, Verdict};
use crate::daemon::control::{Answer, Question, ask};
use crate::hall::Hall;
use crate::time::{Clock as _, SystemClock};

/// Arguments of `jiancha check`.
#[derive(clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "What is judged was measured by the running recorder and its catalogue; hall.toml only says what should be there. What \
nobody measured is \"not measured\", which is a finding. What cannot be measured is attested: jiancha check attest.\n\
Without a running recorder only its catalogue tells: share recorded, working days kept, second copy.\n\
The profile is that of [hall] profile, else \"default\"; --profiles lists them.\n\
Exit code 0: everything is met or attested; 1: something is not met or not measured; 2: it could not be checked.\n\
Examples:\n  jiancha check\n  jiancha check --html report.html --junit check.xml\n  \
jiancha check --json | jq '.findings[] | select(.result == \"fail\")'\n  jiancha check --profile changchun-2022/centre --all"
)]
pub struct CheckArgs {
    #[command(subcommand)]
    command: Option<CheckCommand>,
    #[command(flatten)]
    config: ConfigArg,
    /// Judge by this profile instead of the one hall.toml names.
    #[arg(long, value_name = "ID")]
    profile: Option<String>,
    /// List the rule profiles there are, and check nothing.
    #[arg(long, conflicts_with_all = ["profile", "junit", "html"])]
    profiles: bool,
    /// Print JSON instead of a table; docs/check.schema.json describes it.
    #[arg(long)]
    json: bool,
    /// Also write JUnit XML, for CI.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Also write the report as a page to print on A4, in Chinese.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// List what is met line by line too.
    #[arg(long)]
    all: bool,
}

#[derive(clap::Subcommand)]
enum CheckCommand {
    /// Vouch for what cannot be measured: clerk and visitor in view, the label's reading, that a PTZ camera moves.
    Attest(attest::AttestArgs),
}

/// Runs the check. Exit code 0 when everything is met or attested, 1 with findings, 2 when it cannot be checked.
pub fn run(args: &CheckArgs) -> Outcome {
    let done = match &args.command {
        Some(CheckCommand::Attest(args)) => attest::run(args),
        None => check(args),
    };
    done.unwrap_or_else(|e| if e.is_empty() { Outcome::Failed } else { complain(&e) })
}

fn check(args: &CheckArgs) -> Result<Outcome, String> {
    let hall = load_hall(&args.config, crate::hall::load_without_secrets).ok_or_else(String::new)?;
    let library = Library::of(&hall.coverage).map_err(|e| e.to_string())?;
    if args.profiles {
        list(&library, args.json);
        return Ok(Outcome::Good);
    }
    let named = args.profile.as_deref().or(hall.profile.as_deref());
    let profile = library.get(named.unwrap_or(DEFAULT)).map_err(|e| match (&e, &args.profile) {
        (ProfileError::Unknown { .. }, None) => {
            let path = args.config.path();
            let line = profile_line(&path).map_or_else(String::new, |line| format!(":{line}"));
            format!("{}{line}: hall.profile: {e}", path.display())
        }
        _ => e.to_string(),
    })?;
    let measured = match Desk::of(&hall)? {
        Some(desk) => desk.measured()?,
        None => Measured::default(),
    };
    let report = Report::of(&hall, &profile, &measured, SystemClock::new().wall());
    if let Some(file) = &args.junit {
        write(file, &report.to_junit())?;
    }
    if let Some(file) = &args.html {
        write(file, &report.to_html())?;
    }
    if args.json {
        print_json(&report.to_json());
    } else {
        print_text(&report.to_text(args.all));
    }
    Ok(match report.result() {
        Verdict::Pass | Verdict::Attested => Outcome::Good,
        Verdict::Fail | Verdict::NotMeasured => Outcome::Findings,
    })
}

fn list(library: &Library, json: bool) {
    if json {
        let list = |(id, name): (&str, &crate::observe::state::Bilingual)| serde_json::json!({ "id": id, "name": name });
        print_json(&library.names().map(list).collect::<Vec<_>>());
        return;
    }
    let lines = library.names().map(|(id, name)| format!("{id:<42}  {}  {}\n", name.zh, name.en));
    print_text(&lines.collect::<String>());
}

/// Writes a report whole or not at all: an earlier one stays where the disk is full.
fn write(file: &Path, text: &str) -> Result<(), String> {
    let mut beside = file.as_os_str().to_owned();
    beside.push(".part");
    let beside = PathBuf::from(beside);
    let done = std::fs::write(&beside, text).and_then(|()| std::fs::rename(&beside, file));
    done.map_err(|e| {
        let _ = std::fs::remove_file(&beside);
        format!("write {}: {e} (name a file in a folder that is there and has room)", file.display())
    })
}

/// The line of `[hall] profile` in hall.toml.
fn profile_line(path: &Path) -> Option<usize> {
    let text = std::fs::read_to_string(path).ok()?;
    let document = toml_edit::Document::parse(text.as_str()).ok()?;
    let (key, _) = document.as_table().get("hall")?.as_table_like()?.get_key_value("profile")?;
    Some(text.get(..key.span()?.start)?.matches('\n').count() + 1)
}

/// Who knows of the hall: the running recorder, or an office of our own on its catalogue.
pub(super) enum Desk<'a> {
    Recorder(&'a Hall),
    Own(Box<Office>),
}

impl<'a> Desk<'a> {
    /// `None` where no recorder ever ran with this hall.toml: nothing is known then.
    ///
    /// # Errors
    /// Why nobody can be asked, with what to do.
    pub(super) fn of(hall: &'a Hall) -> Result<Option<Self>, String> {
        let folder = &hall.recording.catalogue;
        if ask(folder, &Question::Cameras)?.is_some() {
            return Ok(Some(Self::Recorder(hall)));
        }
        if !folder.exists() {
            return Ok(None);
        }
        let opened = Store::open(folder).and_then(|store| Catalogue::open(Arc::new(store)));
        let catalogue = opened.map_err(|e| match e {
            StoreError::InUse { .. } => format!("{e} (another command has it open: wait until that has ended)"),
            e => e.to_string(),
        })?;
        Ok(Some(Self::Own(Box::new(Office::of_catalogue(Arc::new(hall.clone()), catalogue)))))
    }

    /// Asks.
    ///
    /// # Errors
    /// Why it is not answered.
    pub(super) fn ask(&self, question: Ask) -> Result<Told, String> {
        match self {
            Self::Own(office) => office.answer(question, SystemClock::new().wall()).map_err(|e| e.to_string()),
            Self::Recorder(hall) => match ask(&hall.recording.catalogue, &Question::Coverage(question))? {
                Some(Answer::Coverage(told)) => Ok(told),
                Some(Answer::Refused(reason)) => Err(reason),
                Some(_) => Err("the running recorder answered another question than the one asked".to_owned()),
                None => Err("the recorder ended meanwhile; ask again".to_owned()),
            },
        }
    }

    fn measured(&self) -> Result<Measured, String> {
        match self.ask(Ask::Measured)? {
            Told::Measured(measured) => Ok(*measured),
            Told::Attested => Err("the answer is not what was measured".to_owned()),
        }
    }
}
