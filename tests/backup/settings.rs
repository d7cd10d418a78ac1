//! What `[backup]` of hall.toml accepts and refuses: each fault by line, key and kind.

use std::io;
use std::path::Path;

use jiancha::hall::ComplaintKind::{self, *};
use jiancha::hall::{
    BackupSettings, BackupTarget, Complaint, Complaints, DeleteCopies, Hall, QuietHours, SecretFile, Severity, Surroundings,
    parse_with,
};

/// A world with one key file and one variable.
struct MadeUp;

impl Surroundings for MadeUp {
    fn env(&self, name: &str) -> Option<String> {
        (name == "S3_SECRET").then(|| "from-the-environment".into())
    }
    fn secret_file(&self, path: &Path) -> io::Result<SecretFile> {
        match path.to_str() {
            Some("/etc/jiancha/s3.secret") => Ok(SecretFile { text: "s3cret\n".into(), mode: 0o600 }),
            _ => Err(io::Error::from(io::ErrorKind::NotFound)),
        }
    }
    fn exists(&self, _: &Path) -> bool {
        true
    }
}

/// Lines of the hall without its backup.
const HALL: &str = "[hall]\nname = \"测试中心\"\ndivision = \"测试区\"\n[[zone]]\nid = \"Z1\"\ntype = \"综合受理区\"\n[[camera]]\nid = \"C1\"\n\
                    kind = \"fixed\"\nzone = \"Z1\"\nurl = \"rtsp://192.0.2.1/1\"\n[[storage]]\npath = \"/srv/a\"\n";
/// The line on which the backup begins.
const FIRST: usize = 14;

fn read(backup: &str) -> Result<(Hall, Vec<Complaint>), Complaints> {
    parse_with(&format!("{HALL}{backup}"), Path::new("/etc/jiancha"), &MadeUp)
}

fn good(backup: &str) -> (BackupSettings, Vec<(usize, String, ComplaintKind)>) {
    let (hall, warnings) = read(backup).unwrap();
    assert!(warnings.iter().all(|w| w.severity == Severity::Warning));
    (hall.backup.unwrap(), told(&warnings))
}

fn told(complaints: &[Complaint]) -> Vec<(usize, String, ComplaintKind)> {
    complaints.iter().map(|c| (c.line, c.key.clone(), c.kind)).collect()
}

const S3: &str = "[backup]\n[backup.s3]\nendpoint = \"https://s3.example.cn\"\nbucket = \"jiancha\"\naccess_key_id = \"GK1\"\n\
                  secret_key_file = \"s3.secret\"\n";

#[test]
fn a_folder_needs_nothing_more() {
    assert!(read("").unwrap().0.backup.is_none(), "no backup unless asked for");
    let (settings, warnings) = good("[backup]\ndirectory = \"../mnt/b\"\n");
    assert_eq!(
        settings,
        BackupSettings {
            target: BackupTarget::Directory("/etc/mnt/b".into()),
            bandwidth_mbit: None,
            quiet_hours: vec![],
            working_days: 30,
            delete: DeleteCopies::WhenDue,
        }
    );
    assert_eq!(warnings, []);
}

#[test]
fn every_key_is_read() {
    let text = "[backup]\nbandwidth_mbit = 20\nquiet_hours = [\"08:30-17:30\", \"22:00-01:00\"]\nworking_days = 60\ndelete = \"never\"\n\
                [backup.s3]\nendpoint = \"http://127.0.0.1:3900\"\nallow_http = true\nbucket = \"jiancha\"\nprefix = \"/a//b/\"\n\
                region = \"garage\"\npath_style = false\naccess_key_id = \"GK1\"\nsecret_key_env = \"S3_SECRET\"\n";
    let (settings, warnings) = good(text);
    assert_eq!((settings.bandwidth_mbit, settings.working_days, settings.delete), (Some(20), 60, DeleteCopies::Never));
    let quiet = |from_minute, to_minute| QuietHours { from_minute, to_minute };
    assert_eq!(settings.quiet_hours, [quiet(510, 1050), quiet(1320, 60)]);
    let BackupTarget::S3(s3) = settings.target else { panic!("{settings:?}") };
    assert_eq!((s3.endpoint.as_str(), s3.bucket.as_str(), s3.prefix.as_str()), ("http://127.0.0.1:3900/", "jiancha", "a/b"));
    assert_eq!((s3.region.as_str(), s3.path_style, s3.secret_access_key.reveal()), ("garage", false, "from-the-environment"));
    assert_eq!(warnings, [(FIRST + 6, "backup.s3.endpoint".into(), PlainHttp)]);
    assert!(!format!("{s3:?}").contains("from-the-environment"), "the secret is never printed");
}

#[test]
fn a_key_is_read_from_its_file_and_one_in_the_open_is_warned_of() {
    let (settings, warnings) = good(S3);
    let BackupTarget::S3(s3) = settings.target else { panic!("{settings:?}") };
    assert_eq!(
        (s3.secret_access_key.reveal(), s3.region.as_str(), s3.path_style, warnings),
        ("s3cret", "us-east-1", true, vec![])
    );
    let (_, warnings) = good(&S3.replace("secret_key_file = \"s3.secret\"", "secret_access_key = \"open\""));
    assert_eq!(warnings, [(FIRST + 5, "backup.s3.secret_access_key".into(), ExposedPassword)]);
}

#[test]
fn every_fault_is_told_by_line_key_and_kind() {
    let both = format!("{S3}\n").replace("[backup]\n", "[backup]\ndirectory = \"/mnt/b\"\n");
    let cases: Vec<(String, usize, &str, ComplaintKind)> = vec![
        ("[backup]\n".into(), 0, "backup.directory", MissingKey),
        (both, 0, "backup.directory", BadValue),
        ("[backup]\ndirectory = \"/srv/a/copy\"\n".into(), 1, "backup.directory", StorageOverlap),
        ("[backup]\ndirectory = \"/srv\"\n".into(), 1, "backup.directory", StorageOverlap),
        ("[backup]\ndirectory = 7\n".into(), 1, "backup.directory", WrongType),
        ("[backup]\ndirectroy = \"/mnt/b\"\n".into(), 1, "backup.directroy", UnknownKey),
        ("[backup]\ndirectory = \"/b\"\nbandwidth_mbit = 0\n".into(), 2, "backup.bandwidth_mbit", OutOfRange),
        ("[backup]\ndirectory = \"/b\"\nworking_days = 0\n".into(), 2, "backup.working_days", OutOfRange),
        ("[backup]\ndirectory = \"/b\"\ndelete = \"soon\"\n".into(), 2, "backup.delete", BadValue),
        ("[backup]\ndirectory = \"/b\"\nquiet_hours = \"8-17\"\n".into(), 2, "backup.quiet_hours", WrongType),
        ("[backup]\ndirectory = \"/b\"\nquiet_hours = [\"8-17\"]\n".into(), 2, "backup.quiet_hours", BadValue),
        (
            "[backup]\ndirectory = \"/b\"\nquiet_hours = [\"00:00-13:00\", \"12:00-23:59\"]\n".into(),
            2,
            "backup.quiet_hours",
            OutOfRange,
        ),
        (S3.replace("https", "http"), 2, "backup.s3.endpoint", BadUrl),
        (S3.replace("https://", "https://GK1:open@"), 2, "backup.s3.endpoint", BadUrl),
        (S3.replace(".cn\"", ".cn/jiancha\""), 2, "backup.s3.endpoint", BadUrl),
        (S3.replace("\"jiancha\"", "\"Jiancha_1\""), 3, "backup.s3.bucket", BadValue),
        (S3.replace("secret_key_file = \"s3.secret\"\n", ""), 1, "backup.s3.secret_key_file", MissingKey),
        (S3.replace("s3.secret", "missing"), 5, "backup.s3.secret_key_file", NoPassword),
        (
            S3.replace("secret_key_file = \"s3.secret\"", "secret_key_env = \"UNSET\""),
            5,
            "backup.s3.secret_key_env",
            NoPassword,
        ),
        (format!("{S3}secret_access_key = \"open\"\n"), 5, "backup.s3.secret_key_file", TwoPasswords),
        (S3.replace("bucket", "bukket"), 3, "backup.s3.bukket", UnknownKey),
    ];
    for (text, line, key, kind) in cases {
        let complaints = read(&text).err().unwrap_or_else(|| panic!("accepted: {text}"));
        let told = told(&complaints.list);
        assert!(told.contains(&(FIRST + line, key.to_owned(), kind)), "{text}\n{told:?}");
        assert!(!complaints.to_string().contains("open"), "a secret is printed: {complaints}");
    }
}
