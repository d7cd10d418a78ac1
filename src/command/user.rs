//! `jiancha user`: people who may sign in to the viewer.

use std::io::{BufRead, ErrorKind, Write};
use std::process::ExitCode;

use serde_json::json;

use super::ConfigArg;
use crate::catalogue::{Store, StoreError};
use crate::hall;
use crate::time::{Clock, SystemClock};
use crate::viewer::audit::{Act, Audit, Note};
use crate::viewer::people::{People, PeopleError, Role, generate_password};

/// Arguments of `jiancha user`.
#[derive(clap::Args)]
pub struct UserArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// List everyone.
    List {
        #[command(flatten)]
        config: ConfigArg,
        /// Print JSON instead of a table.
        #[arg(long)]
        json: bool,
    },
    /// Add a person; prints the generated password once.
    Add {
        #[command(flatten)]
        config: ConfigArg,
        /// Name to sign in with.
        name: String,
        /// What the person may do: administrator or viewer.
        #[arg(long, default_value = "viewer")]
        role: Role,
        /// Read the password from the first line of standard input instead of generating one.
        #[arg(long)]
        stdin: bool,
    },
    /// Set a new password; prints the generated password once. Sessions opened before end.
    Password {
        #[command(flatten)]
        config: ConfigArg,
        /// Whose password.
        name: String,
        /// Read the password from the first line of standard input instead of generating one.
        #[arg(long)]
        stdin: bool,
    },
    /// Remove a person; their sessions and playback addresses end.
    Remove {
        #[command(flatten)]
        config: ConfigArg,
        /// Whom.
        name: String,
    },
}

impl What {
    fn config(&self) -> &ConfigArg {
        match self {
            What::List { config, .. }
            | What::Add { config, .. }
            | What::Password { config, .. }
            | What::Remove { config, .. } => config,
        }
    }
}

/// Why a command cannot be carried out.
#[derive(Debug, thiserror::Error)]
enum UserError {
    #[error(transparent)]
    Hall(#[from] hall::Complaints),
    #[error(
        "{0}\nthe recorder holds the catalogue while it runs: stop it (systemctl stop jiancha), run this again, start it again"
    )]
    Running(StoreError),
    #[error(transparent)]
    Store(StoreError),
    #[error(transparent)]
    People(#[from] PeopleError),
    #[error("standard input: {0}")]
    Stdin(String),
    #[error("print: {0} (a password nobody saw is set anew with `jiancha user password NAME`)")]
    Print(#[from] std::io::Error),
}

impl From<StoreError> for UserError {
    fn from(e: StoreError) -> Self {
        if matches!(e, StoreError::InUse { .. }) { UserError::Running(e) } else { UserError::Store(e) }
    }
}

/// Carries out `jiancha user`.
pub fn run(args: &UserArgs) -> ExitCode {
    let (stdin, stdout) = (std::io::stdin(), std::io::stdout());
    match carry_out(&args.what, &mut stdin.lock(), &mut stdout.lock(), &SystemClock::new()) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever read the list has seen enough; a generated password that nobody saw is another matter.
        Err(UserError::Print(e)) if e.kind() == ErrorKind::BrokenPipe && matches!(args.what, What::List { .. }) => {
            ExitCode::SUCCESS
        }
        Err(e) => {
            // Nothing is left to do when standard error is closed too.
            let _ = writeln!(std::io::stderr(), "jiancha user: {e}");
            ExitCode::from(2)
        }
    }
}

fn carry_out(what: &What, input: &mut impl BufRead, out: &mut impl Write, clock: &impl Clock) -> Result<(), UserError> {
    let (hall, _) = hall::load_without_secrets(&what.config().path())?;
    let store = Store::open(&hall.recording.catalogue)?;
    let people = People::open(&store)?;
    let audit = Audit::open(&store)?;
    let note = |act, name: &str| audit.append(Note::new(clock.wall(), None, "command line", act).subject(name));
    match what {
        What::List { json: false, .. } => {
            writeln!(out, "{:<24} {:<14} {:<26} password set", "name", "role", "added")?;
            for p in people.list()? {
                writeln!(out, "{:<24} {:<14} {:<26} {}", p.name, p.role.to_string(), short(p.created), short(p.password_set))?;
            }
        }
        What::List { json: true, .. } => {
            let everyone: Vec<_> = people
                .list()?
                .into_iter()
                .map(|p| json!({"name": p.name, "role": p.role, "added": p.created, "password_set": p.password_set}))
                .collect();
            writeln!(out, "{}", json!({ "users": everyone }))?;
        }
        What::Add { name, role, stdin, .. } => {
            let password = password(*stdin, input)?;
            people.add(name, *role, &password, clock.wall())?;
            note(Act::PersonAdded, name)?;
            tell(out, name, &password, *stdin)?;
        }
        What::Password { name, stdin, .. } => {
            let password = password(*stdin, input)?;
            people.set_password(name, &password, clock.wall())?;
            note(Act::PasswordSet, name)?;
            tell(out, name, &password, *stdin)?;
        }
        What::Remove { name, .. } => {
            people.remove(name)?;
            note(Act::PersonRemoved, name)?;
        }
    }
    Ok(store.flush()?)
}

fn short(t: crate::time::WallTime) -> String {
    t.beijing().format("%Y-%m-%d %H:%M:%S").to_string()
}

fn password(from_input: bool, input: &mut impl BufRead) -> Result<String, UserError> {
    if !from_input {
        return Ok(generate_password());
    }
    let mut line = String::new();
    input.read_line(&mut line).map_err(|e| UserError::Stdin(e.to_string()))?;
    let password = line.trim_end_matches(['\n', '\r']);
    if password.is_empty() {
        Err(UserError::Stdin("the first line is empty; a password is wanted there".into()))
    } else {
        Ok(password.to_owned())
    }
}

/// A generated password is shown here and nowhere else; one that was given is known already.
fn tell(out: &mut impl Write, name: &str, password: &str, given: bool) -> std::io::Result<()> {
    if given { Ok(()) } else { writeln!(out, "{name} {password}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{SteppedClock, WallTime};

    struct Site {
        dir: tempfile::TempDir,
    }

    impl Site {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let root = dir.path().join("rec");
            std::fs::create_dir(&root).unwrap();
            let hall = format!(
                "[hall]\nname = \"重庆街道便民服务中心\"\ndivision = \"长春市朝阳区\"\n\
                 [[zone]]\nid = \"Z1\"\ntype = \"综合受理区\"\n\
                 [[camera]]\nid = \"C1\"\nkind = \"fixed\"\nzone = \"Z1\"\nurl = \"rtsp://192.0.2.13/1\"\n\
                 [[window]]\nid = \"01\"\nzone = \"Z1\"\ncamera = \"C1\"\npickup = \"C1\"\n\
                 [[storage]]\npath = \"{}\"\n\
                 [viewer]\nlisten = \"127.0.0.1:8080\"\n",
                root.display()
            );
            std::fs::write(dir.path().join("hall.toml"), hall).unwrap();
            Self { dir }
        }

        fn config(&self) -> ConfigArg {
            ConfigArg { config: Some(self.dir.path().join("hall.toml")) }
        }

        fn run(&self, what: &What, input: &str) -> Result<String, UserError> {
            let clock = SteppedClock::new(WallTime::from_micros(1_795_330_200_000_000));
            let mut out = Vec::new();
            carry_out(what, &mut input.as_bytes(), &mut out, &clock)?;
            Ok(String::from_utf8(out).unwrap())
        }

        fn store(&self) -> Store {
            Store::open(&self.dir.path().join("rec/.jiancha")).unwrap()
        }
    }

    #[test]
    fn a_person_is_added_with_a_generated_password_that_works() {
        let site = Site::new();
        let add = What::Add { config: site.config(), name: "王芳".into(), role: Role::Viewer, stdin: false };
        let told = site.run(&add, "").unwrap();
        let (name, password) = told.trim_end().split_once(' ').unwrap();
        assert_eq!((name, password.len()), ("王芳", 24));
        let listed = site.run(&What::List { config: site.config(), json: true }, "").unwrap();
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&listed).unwrap(),
            json!({"users": [{"name": "王芳", "role": "viewer", "added": "2026-11-22T14:50:00.000+08:00",
                "password_set": "2026-11-22T14:50:00.000+08:00"}]})
        );
        let store = site.store();
        assert!(People::open(&store).unwrap().verify("王芳", password).unwrap().is_some());
        let rows = Audit::open(&store).unwrap().rows().unwrap();
        assert_eq!(rows.iter().map(|r| r.note.act).collect::<Vec<_>>(), [Act::PersonAdded]);
    }

    #[test]
    fn a_password_from_standard_input_is_not_printed() {
        let site = Site::new();
        let add = What::Add { config: site.config(), name: "li".into(), role: Role::Administrator, stdin: true };
        assert_eq!(site.run(&add, "Rain-over-hills-7\r\nmore\n").unwrap(), "");
        assert!(People::open(&site.store()).unwrap().verify("li", "Rain-over-hills-7").unwrap().is_some());
        let empty = What::Password { config: site.config(), name: "li".into(), stdin: true };
        assert!(matches!(site.run(&empty, ""), Err(UserError::Stdin(_))));
    }

    #[test]
    fn while_the_recorder_runs_the_remedy_is_told() {
        let site = Site::new();
        let _recorder = site.store();
        let told = site.run(&What::List { config: site.config(), json: false }, "").unwrap_err().to_string();
        assert!(told.contains("another jiancha process has it open") && told.contains("systemctl stop jiancha"), "{told}");
    }

    #[test]
    fn a_person_nobody_knows_cannot_be_removed() {
        let site = Site::new();
        let told = site.run(&What::Remove { config: site.config(), name: "nobody".into() }, "").unwrap_err().to_string();
        assert_eq!(told, "there is no user `nobody` (see `jiancha user list`)");
    }
}
