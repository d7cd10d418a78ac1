//! What hall.toml accepts and refuses, seen from outside: each fault by line, key and kind, all of them at once.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a panic here is a failed test with a line number; figures are printed"
)]

use std::io;
use std::path::{Path, PathBuf};

use jiancha::hall::ComplaintKind::{self, *};
use jiancha::hall::{
    CameraKind, CameraOsd, Complaint, Complaints, Corner, DeleteWhen, EquipmentKind, FreeTarget, GiveUp, Hall, PictureArea,
    Reach, RtspTransport, SecretFile, Severity, SoundSource, StampLayout, StampMode, StampWork, StopClass, Surroundings, load,
    load_without_secrets, parse_with,
};
use jiancha::media::VideoCodec;
use proptest::prelude::*;

/// A world with one variable and a few password files.
struct MadeUp;

impl Surroundings for MadeUp {
    fn env(&self, name: &str) -> Option<String> {
        match name {
            "JIANCHA_CAMERA_PASSWORD" => Some("from-the-environment".into()),
            "EMPTY" => Some(String::new()),
            _ => None,
        }
    }
    fn secret_file(&self, path: &Path) -> io::Result<SecretFile> {
        let file = |text: &str, mode| Ok(SecretFile { text: text.into(), mode });
        match path.to_str() {
            Some("/etc/jiancha/c3.secret") => file("s3cret\n", 0o600),
            Some("/etc/jiancha/open.secret") => file("s3cret", 0o644),
            Some("/etc/jiancha/empty.secret") => file("\n", 0o600),
            _ => Err(io::Error::from(io::ErrorKind::NotFound)),
        }
    }
    fn exists(&self, path: &Path) -> bool {
        path == Path::new("/etc/jiancha/font.ttc")
    }
}

/// Number of the case, the hall.toml, and what must be complained of: line, key, kind.
type Case = (usize, &'static str, &'static [(usize, &'static str, ComplaintKind)]);

fn read(text: &str) -> Result<(Hall, Vec<Complaint>), Complaints> {
    parse_with(text, Path::new("/etc/jiancha"), &MadeUp)
}

/// The smallest hall.toml of the design, line by line as the faults below count them.
const SMALLEST: &str = r#"[hall]
name = "重庆街道便民服务中心"
division = "长春市朝阳区"
profile = "changchun-2022/township-centre"

[[zone]]
id = "Z1"
type = "综合受理区"

[[camera]]
id = "C3"
kind = "fixed"
zone = "Z1"
url = "rtsp://192.0.2.13:554/Streaming/Channels/101"
username = "jiancha"
password_file = "/etc/jiancha/c3.secret"
stamp = "reencode"

[[window]]
id = "03"
zone = "Z1"
camera = "C3"
pickup = "C3"
faces = "04"

[[window]]
id = "04"
zone = "Z1"
camera = "C3"
pickup = "C3"
faces = "03"

[[storage]]
path = "/srv/jiancha/a"

[viewer]
listen = "127.0.0.1:8080"
"#;

/// [`SMALLEST`] with line `line` replaced.
fn with_line(line: usize, text: &str) -> String {
    SMALLEST.lines().enumerate().map(|(n, was)| if n + 1 == line { text } else { was }).collect::<Vec<_>>().join("\n") + "\n"
}

fn told(complaints: &[Complaint]) -> Vec<(usize, &str, ComplaintKind)> {
    complaints.iter().map(|c| (c.line, c.key.as_str(), c.kind)).collect()
}

#[test]
fn the_smallest_file_records_with_defaults_for_everything_else() {
    let (hall, warnings) = read(SMALLEST).expect("the smallest file is good");
    assert_eq!(warnings, []);
    assert_eq!(hall.name, "重庆街道便民服务中心");
    assert_eq!(hall.zones[0].zone_type, "综合受理区");
    assert!(!hall.zones[0].all_day);
    let camera = &hall.cameras[0];
    assert_eq!((camera.kind, camera.stamp, camera.transport), (CameraKind::Fixed, StampMode::Reencode, RtspTransport::Tcp));
    assert_eq!(camera.url.as_str(), "rtsp://192.0.2.13:554/Streaming/Channels/101");
    let credentials = camera.credentials.as_ref().expect("credentials");
    assert_eq!((credentials.username.as_str(), credentials.password.reveal()), ("jiancha", "s3cret"));
    assert_eq!(hall.windows[0].pickup, SoundSource::Camera(camera.id.clone()));
    assert_eq!(hall.windows[0].faces, Some(hall.windows[1].id.clone()));
    let recording = &hall.recording;
    let numbers = (recording.segment_seconds, recording.part_ms, recording.sync_seconds, recording.silence_seconds);
    assert_eq!(numbers, (60, 1000, 5, 6));
    assert_eq!(recording.catalogue, PathBuf::from("/srv/jiancha/a/.jiancha"));
    assert_eq!((hall.stamp.encoder.as_str(), hall.stamp.bitrate_kbps), ("auto", 3000));
    assert_eq!(hall.viewer.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(hall.label_lines(camera), ["长春市朝阳区 重庆街道便民服务中心".to_owned(), "综合受理区 3、4号窗口".to_owned()]);
}

#[test]
fn what_goes_when_stamping_lags_is_the_sites_choice_and_the_wall_goes_first_by_default() {
    let (hall, _) = read(SMALLEST).unwrap();
    let default = StampWork { codec: None, give_up: vec![GiveUp::Wall, GiveUp::Stamp], rest_seconds: 30 };
    assert_eq!(hall.stamp.work, default);
    let own = "[stamp]\ncodec = \"h265\"\ngive_up = [\"half-rate\", \"stamp\"]\nrest_seconds = 5\n[viewer]";
    let (hall, _) = read(&with_line(36, own)).unwrap();
    let chosen = StampWork { codec: Some(VideoCodec::H265), give_up: vec![GiveUp::HalfRate, GiveUp::Stamp], rest_seconds: 5 };
    assert_eq!(hall.stamp.work, chosen);
}

#[test]
fn paths_start_at_the_folder_of_the_file() {
    let text = with_line(34, "path = \"../var/storage\"") + "[recording]\ncatalogue = \"index\"\n";
    let (hall, _) = read(&text).expect("a good file");
    assert_eq!(hall.storage[0].path, PathBuf::from("/etc/var/storage"));
    assert_eq!(hall.recording.catalogue, PathBuf::from("/etc/jiancha/index"));
}

#[test]
fn the_signing_key_lies_on_the_first_storage_root_unless_said_otherwise() {
    let key = |more: &str| read(&(with_line(34, "path = \"/srv/jiancha/a\"") + more)).map(|(hall, _)| hall.evidence.key);
    assert_eq!(key("").expect("a good file"), PathBuf::from("/srv/jiancha/a/.jiancha-key/signing.pem"));
    assert_eq!(
        key("[evidence]\nkey = \"key/signing.pem\"\n").expect("a good file"),
        PathBuf::from("/etc/jiancha/key/signing.pem")
    );
    let refused = key("[evidence]\nkeys = \"x\"\n").expect_err("one fault");
    assert_eq!(told(&refused.list), [(39, "evidence.keys", UnknownKey)]);
    assert!(refused.list[0].right.en.contains("did you mean key?"), "{:?}", refused.list[0].right);
}

#[test]
fn the_limits_of_clocks_have_defaults_and_bounds() {
    let limits = |more: &str| read(&(with_line(34, "path = \"/srv/jiancha/a\"") + more)).map(|(hall, _)| hall.time);
    let default = limits("").expect("a good file");
    assert_eq!((default.server_error_ms(), default.camera_skew_micros()), (1000, 2_000_000));
    let own = limits("[time]\nserver_error_limit_ms = 250\ncamera_skew_limit_ms = 5000\n").expect("a good file");
    assert_eq!((own.server_error_ms(), own.camera_skew_micros()), (250, 5_000_000));
    let refused = limits("[time]\nserver_error_limit_ms = 20\ncamera_skew_limit = 5\n").expect_err("two faults");
    assert_eq!(
        told(&refused.list),
        [(39, "time.server_error_limit_ms", OutOfRange), (40, "time.camera_skew_limit", UnknownKey)]
    );
}

#[test]
fn a_pickup_of_its_own_and_a_list_of_inline_tables_are_read() {
    let text = with_line(23, "pickup = \"P1\"") + "[[pickup]]\nid = \"P1\"\ncamera = \"C3\"\n";
    let (hall, _) = read(&text).expect("a good file");
    assert!(matches!(&hall.windows[0].pickup, SoundSource::Pickup(id) if id.as_str() == "P1"));
    assert_eq!(hall.sound_camera(&hall.windows[0]).map(|c| c.id.as_str()), Some("C3"));

    let inline = SMALLEST.replace("[[storage]]\npath = \"/srv/jiancha/a\"\n", "");
    let (hall, _) = read(&format!("storage = [{{ path = \"/a\" }}, {{ path = \"/b\" }}]\n{inline}")).expect("a good file");
    assert_eq!(hall.storage.len(), 2);
}

/// One fault each: the line of [`SMALLEST`] that is replaced, its new text, and what must be told.
#[test]
fn every_fault_is_told_by_line_key_and_kind() {
    let cases: &[Case] = &[
        (2, "name = 重庆街道", &[(2, "", Syntax)]),
        (2, "name = \"重庆街道", &[(2, "", Syntax)]),
        (3, "name = \"又一个名字\"", &[(3, "", Syntax)]),
        (2, "name = \" \"", &[(2, "hall.name", BadValue)]),
        (3, "", &[(1, "hall.division", MissingKey)]),
        (3, "divison = \"朝阳区\"", &[(1, "hall.division", MissingKey), (3, "hall.divison", UnknownKey)]),
        (1, "[hal]", &[(0, "hall", MissingKey), (1, "hal", UnknownKey)]),
        (1, "[[hall]]", &[(1, "hall", WrongType)]),
        (
            7,
            "id = \"综合\"",
            &[
                (7, "zone[#1].id", IllegalId),
                (13, "camera[C3].zone", UnknownReference),
                (21, "window[03].zone", UnknownReference),
                (28, "window[04].zone", UnknownReference),
            ],
        ),
        (8, "type = 5", &[(8, "zone[Z1].type", WrongType)]),
        (8, "type = \"受理区\"\nall_day = \"yes\"", &[(9, "zone[Z1].all_day", WrongType)]),
        (
            11,
            "id = 3",
            &[
                (11, "camera[#1].id", WrongType),
                (22, "window[03].camera", UnknownReference),
                (23, "window[03].pickup", UnknownReference),
                (29, "window[04].camera", UnknownReference),
                (30, "window[04].pickup", UnknownReference),
            ],
        ),
        (12, "kind = \"dome\"", &[(12, "camera[C3].kind", BadValue)]),
        (12, "", &[(10, "camera[C3].kind", MissingKey)]),
        (13, "zone = \"Z9\"", &[(13, "camera[C3].zone", UnknownReference)]),
        (14, "url = \"192.0.2.13\"", &[(14, "camera[C3].url", BadUrl)]),
        (14, "url = \"http://192.0.2.13/\"", &[(14, "camera[C3].url", BadUrl)]),
        (14, "url = \"rtsp:///only-a-path\"", &[(14, "camera[C3].url", BadUrl)]),
        (14, "url = \"rtsp://admin:geheim@192.0.2.13/\"", &[(14, "camera[C3].url", CredentialsInUrl)]),
        (15, "", &[(16, "camera[C3].username", MissingKey)]),
        (16, "", &[(15, "camera[C3].password_file", MissingKey)]),
        (16, "password_file = \"c3.secret\"\npassword = \"geheim\"", &[(16, "camera[C3].password_file", TwoPasswords)]),
        (16, "password_file = \"missing.secret\"", &[(16, "camera[C3].password_file", NoPassword)]),
        (16, "password_file = \"empty.secret\"", &[(16, "camera[C3].password_file", NoPassword)]),
        (16, "password_env = \"NOT_SET\"", &[(16, "camera[C3].password_env", NoPassword)]),
        (16, "password_env = \"EMPTY\"", &[(16, "camera[C3].password_env", NoPassword)]),
        (16, "password = 12345678", &[(16, "camera[C3].password", WrongType)]),
        (17, "stamp = \"always\"", &[(17, "camera[C3].stamp", BadValue)]),
        (17, "transport = \"TCP\"", &[(17, "camera[C3].transport", BadValue)]),
        (22, "camera = \"C-3\"", &[(22, "window[03].camera", UnknownReference)]),
        (23, "pickup = \"P1\"", &[(23, "window[03].pickup", UnknownReference)]),
        (23, "", &[(19, "window[03].pickup", MissingKey)]),
        (24, "faces = \"05\"", &[(24, "window[03].faces", UnknownReference), (31, "window[04].faces", FacesNotMutual)]),
        (24, "faces = \"03\"", &[(24, "window[03].faces", FacesNotMutual), (31, "window[04].faces", FacesNotMutual)]),
        (24, "", &[(31, "window[04].faces", FacesNotMutual)]),
        (
            27,
            "id = \"03\"",
            &[
                (24, "window[03].faces", UnknownReference),
                (27, "window[03].id", DuplicateId),
                (31, "window[03].faces", FacesNotMutual),
            ],
        ),
        (27, "id = \"0/4\"", &[(24, "window[03].faces", UnknownReference), (27, "window[#2].id", IllegalId)]),
        (
            31,
            "[[window]]\nid = \"05\"\nzone = \"Z1\"\ncamera = \"C3\"\npickup = \"C3\"",
            &[(24, "window[03].faces", FacesNotMutual), (34, "window[05].camera", Sharing)],
        ),
        (8, "type = \"综合受理区\"\nseen_by = [\"C4\"]", &[(9, "zone[Z1].seen_by", UnknownReference)]),
        (8, "type = \"综合受理区\"\nalso = \"休息等候区\"", &[(9, "zone[Z1].also", WrongType)]),
        (4, "extranet = \"yes\"", &[(4, "hall.extranet", WrongType)]),
        (36, "[coverage]\nsilent_below_db = 120\n[viewer]", &[(37, "coverage.silent_below_db", OutOfRange)]),
        (
            36,
            "[[equipment]]\nid = \"FW1\"\nkind = \"fireball\"\naddress = \"192.0.2.1:443\"\n[viewer]",
            &[(38, "equipment[FW1].kind", BadValue), (39, "equipment[FW1].address", BadValue)],
        ),
        (
            36,
            "[[equipment]]\nid = \"FW1\"\nkind = \"firewall\"\naddress = \"192.0.2.1\"\n\
             [[equipment]]\nid = \"FW1\"\nkind = \"server\"\naddress = \"192.0.2.2\"\n[viewer]",
            &[(41, "equipment[FW1].id", DuplicateId)],
        ),
        (33, "[storage]", &[(0, "storage", MissingKey), (33, "storage", WrongType)]),
        (34, "path = 7", &[(34, "storage[#1].path", WrongType)]),
        (34, "path = \"/srv/a\"\n[[storage]]\npath = \"/srv/./a/\"", &[(36, "storage[#2].path", StorageOverlap)]),
        (34, "path = \"/srv/a\"\n[[storage]]\npath = \"/srv/a/b\"", &[(36, "storage[#2].path", StorageOverlap)]),
        (37, "listen = \"localhost:8080\"", &[(37, "viewer.listen", BadValue)]),
        (37, "listen = \"127.0.0.1\"", &[(37, "viewer.listen", BadValue)]),
        (37, "port = 8080", &[(37, "viewer.port", UnknownKey)]),
        (36, "[recording]\npart_ms = 100\n[viewer]", &[(37, "recording.part_ms", OutOfRange)]),
        (36, "[recording]\nsegment_seconds = 70\n[viewer]", &[(37, "recording.segment_seconds", OutOfRange)]),
        (36, "[recording]\nsegment_seconds = 7200\n[viewer]", &[(37, "recording.segment_seconds", OutOfRange)]),
        (36, "[recording]\nsync_seconds = 0\n[viewer]", &[(37, "recording.sync_seconds", OutOfRange)]),
        (36, "[recording]\nsilence_seconds = -6\n[viewer]", &[(37, "recording.silence_seconds", OutOfRange)]),
        (36, "[recording]\nsync_seconds = 2.5\n[viewer]", &[(37, "recording.sync_seconds", WrongType)]),
        (36, "[stamp]\nbitrate_kbps = 50000\n[viewer]", &[(37, "stamp.bitrate_kbps", OutOfRange)]),
        (36, "[stamp]\nfont = \"/none.ttc\"\n[viewer]", &[(37, "stamp.font", BadValue)]),
        (36, "[stamp]\ncodec = \"h266\"\n[viewer]", &[(37, "stamp.codec", BadValue)]),
        (36, "[stamp]\nrest_seconds = 0\n[viewer]", &[(37, "stamp.rest_seconds", OutOfRange)]),
        (36, "[stamp]\ngive_up = \"stamp\"\n[viewer]", &[(37, "stamp.give_up", WrongType)]),
        (36, "[stamp]\ngive_up = []\n[viewer]", &[(37, "stamp.give_up", BadValue)]),
        (36, "[stamp]\ngive_up = [\"stamp\", \"wall\"]\n[viewer]", &[(37, "stamp.give_up", BadValue)]),
        (36, "[stamp]\ngive_up = [\"wall\", \"wall\", \"stamp\"]\n[viewer]", &[(37, "stamp.give_up", BadValue)]),
        (36, "[stamp]\ngive_up = [\"sound\", \"stamp\"]\n[viewer]", &[(37, "stamp.give_up", BadValue)]),
    ];
    for (line, text, expected) in cases {
        let file = with_line(*line, text);
        let errors = match read(&file) {
            Ok((_, warnings)) => panic!("accepted with {warnings:?}: line {line} = {text}"),
            Err(complaints) => complaints,
        };
        assert_eq!(told(&errors.list), expected.to_vec(), "line {line} = {text}\n{errors}");
        let printed = errors.to_string();
        assert!(!printed.contains("geheim") && !printed.contains("12345678"), "a password is printed:\n{printed}");
    }
}

#[test]
fn what_could_be_better_is_a_warning_and_the_hall_loads() {
    let cases: &[Case] = &[
        (16, "password = \"geheim\"", &[(16, "camera[C3].password", ExposedPassword)]),
        (16, "password_file = \"open.secret\"", &[(16, "camera[C3].password_file", ExposedPassword)]),
        (37, "listen = \"0.0.0.0:8080\"", &[(37, "viewer.listen", OpenListener)]),
        (12, "kind = \"ptz\"", &[(22, "window[03].camera", NotFixed), (29, "window[04].camera", NotFixed)]),
        (
            33,
            "[[camera]]\nid = \"C9\"\nkind = \"fixed\"\nzone = \"Z1\"\nurl = \"rtsp://192.0.2.13:554/Streaming/Channels/101\"\n[[storage]]",
            &[(37, "camera[C9].url", SameAddress)],
        ),
        (
            33,
            "[[camera]]\nid = \"C9\"\nkind = \"fixed\"\nzone = \"Z1\"\nurl = \"rtsp://192.0.2.19\"\n\
             [[window]]\nid = \"09\"\nzone = \"Z1\"\ncamera = \"C9\"\npickup = \"C3\"\n[[storage]]",
            &[(42, "window[09].pickup", Sharing)],
        ),
    ];
    for (line, text, expected) in cases {
        let (_, warnings) = read(&with_line(*line, text)).unwrap_or_else(|e| panic!("refused: {text}\n{e}"));
        assert_eq!(told(&warnings), expected.to_vec(), "line {line} = {text}");
        assert!(warnings.iter().all(|w| w.severity == Severity::Warning));
        assert!(!format!("{warnings:?}").contains("geheim"));
    }
}

#[test]
fn ten_faults_in_one_file_are_told_together() {
    let text = r#"[hall]
name = 5
divison = "朝阳区"
division = "长春市朝阳区"
[[zone]]
id = "Z 1"
type = ""
[[camera]]
id = "C1"
kind = "dome"
zone = "Z2"
url = "http://192.0.2.1/"
stamp = "burn"
[[window]]
id = "01"
zone = "Z 1"
camera = "C7"
pickup = "C1"
[[storage]]
path = "/srv/a"
[viewer]
listen = "8080"
"#;
    let complaints = read(text).expect_err("ten faults");
    assert_eq!(
        told(&complaints.list),
        [
            (2, "hall.name", WrongType),
            (3, "hall.divison", UnknownKey),
            (6, "zone[#1].id", IllegalId),
            (7, "zone[#1].type", BadValue),
            (10, "camera[C1].kind", BadValue),
            (11, "camera[C1].zone", UnknownReference),
            (12, "camera[C1].url", BadUrl),
            (13, "camera[C1].stamp", BadValue),
            (17, "window[01].camera", UnknownReference),
            (22, "viewer.listen", BadValue),
        ]
    );
    let printed = complaints.to_string();
    for line in [2, 3, 6, 7, 10, 11, 12, 13, 17, 22] {
        assert!(printed.contains(&format!("hall.toml:{line}: 错误 ")), "line {line} is missing in\n{printed}");
    }
    assert!(printed.contains("是否想写 division？") && printed.contains("did you mean division?"), "{printed}");
    assert!(printed.ends_with("hall.toml: 10 处错误，0 处警告 (10 errors, 0 warnings)"), "{printed}");
}

#[test]
fn behind_a_syntax_error_the_rest_is_still_read() {
    let text = with_line(2, "name = 重庆").replace("kind = \"fixed\"", "kind = \"dome\"").replace("[viewer]", "[viewer");
    let complaints = read(&text).expect_err("three faults");
    assert_eq!(told(&complaints.list), [(2, "", Syntax), (12, "camera[C3].kind", BadValue), (36, "", Syntax)]);
}

#[test]
fn a_missing_reference_lists_what_is_defined() {
    let complaints = read(&with_line(22, "camera = \"C4\"")).expect_err("one fault");
    let complaint = &complaints.list[0];
    assert_eq!(complaint.found.zh, "\"C4\" 没有定义");
    assert_eq!(complaint.right.zh, "是否想写 \"C3\"？[[camera]] 中已定义：C3");
    assert_eq!(complaint.right.en, "did you mean \"C3\"? defined by [[camera]]: C3");
}

/// Recording outranks: a hall that breaks R5 is recorded, and the coverage check fails it.
#[test]
fn windows_that_do_not_face_each_other_are_warned_of_by_rule_number() {
    let apart = with_line(24, "").replace("faces = \"03\"\n", "");
    let (_, warnings) = read(&apart).expect("a hall");
    assert_eq!(told(&warnings), [(29, "window[04].camera", Sharing)]);
    assert!(warnings[0].right.zh.contains("R5") && warnings[0].right.en.contains("R5"));
}

#[test]
fn what_a_hall_says_of_its_coverage_is_read() {
    let text = with_line(4, "extranet = false")
        .replace("type = \"综合受理区\"", "type = \"综合受理区\"\nalso = [\"休息等候区\"]\nseen_by = [\"C3\"]\npublic = false")
        + "\n[coverage]\nprofiles = \"/etc/jiancha/font.ttc\"\nrecorded_days = 14\n\
         [[equipment]]\nid = \"FW1\"\nkind = \"firewall\"\naddress = \"192.0.2.1\"\ntcp_port = 443\n";
    let (hall, _) = read(&text).expect("a hall");
    assert!(!hall.extranet && !hall.zones[0].public);
    assert!(hall.zones[0].is_also("休息等候区") && !hall.zones[0].is_also("自助申报区"));
    assert_eq!(hall.zones[0].seen_by[0].as_str(), "C3");
    assert_eq!((hall.coverage.recorded_days, hall.coverage.least_recorded_percent), (14, 99));
    assert_eq!(hall.coverage.profiles, Path::new("/etc/jiancha/font.ttc"));
    assert_eq!((hall.equipment[0].kind, hall.equipment[0].reach), (EquipmentKind::Firewall, Reach::Tcp(443)));
    let (plain, _) = read(SMALLEST).expect("a hall");
    assert!(plain.extranet && plain.zones[0].public && plain.windows[0].is_comprehensive());
    assert_eq!(plain.coverage.profiles, Path::new("/etc/jiancha/profiles"));
}

fn every_toml_below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("config is there") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            every_toml_below(&path, found);
        } else if path.extension().is_some_and(|e| e == "toml") {
            found.push(path);
        }
    }
}

#[test]
fn every_file_under_config_is_good() {
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    let mut files = Vec::new();
    every_toml_below(&config, &mut files);
    assert!(files.contains(&config.join("hall.toml")));
    for file in files {
        let text = std::fs::read_to_string(&file).expect("readable");
        if !file.file_name().is_some_and(|name| name.to_string_lossy().starts_with("hall")) {
            toml_edit::Document::parse(text).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
            continue;
        }
        let (hall, warnings) = parse_with(&text, &config, &MadeUp).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        assert_eq!(warnings, [], "{}", file.display());
        assert_eq!((hall.windows.len(), hall.cameras.len(), hall.zones.len()), (4, 5, 5));
    }
}

/// The example shows its commented keys in a form that is accepted too.
#[test]
fn the_example_is_the_hall_its_comments_describe() {
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    let (hall, _) = load_without_secrets(&config.join("hall.toml")).expect("the example loads without passwords");
    let addresses: Vec<&str> = hall.cameras.iter().map(|c| c.url.as_str()).collect();
    let names = ["hall-1", "hall-2", "hall-3", "hall-ptz", "hall-overview"];
    assert_eq!(addresses, names.map(|name| format!("rtsp://127.0.0.1:8554/{name}")));
    assert_eq!(hall.cameras.iter().filter(|c| c.kind == CameraKind::Ptz).count(), 1);
    assert_eq!(hall.windows[2].camera, hall.windows[3].camera);
    assert_eq!(hall.storage[0].path, Path::new(env!("CARGO_MANIFEST_DIR")).join("var/storage"));

    let text = std::fs::read_to_string(config.join("hall.toml")).expect("readable");
    let all_keys = text
        .replace("# catalogue = ", "catalogue = ")
        .replace("# font = \"/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc\"", "font = \"/etc/jiancha/font.ttc\"")
        .replace(
            "# [[pickup]]\n# id = \"P1\"\n# camera = \"C1\"\n# name =",
            "[[pickup]]\nid = \"P1\"\ncamera = \"C1\"\nname =",
        );
    let (hall, warnings) = parse_with(&all_keys, &config, &MadeUp).expect("every key of the example is known");
    assert_eq!((warnings.len(), hall.pickups.len()), (0, 1));
}

#[test]
fn a_file_that_is_missing_or_not_utf8_is_told_with_its_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let missing = folder.path().join("hall.toml");
    let complaints = load(&missing).expect_err("no file");
    assert_eq!(told(&complaints.list), [(0, "", Unreadable)]);
    assert!(complaints.to_string().starts_with(&format!("{}: 错误", missing.display())));

    std::fs::write(&missing, b"[hall]\nname = \"\xd6\xd8\xc7\xec\"\n").expect("written");
    let complaints = load(&missing).expect_err("GBK text");
    assert_eq!(told(&complaints.list), [(2, "", Syntax)]);
    assert!(complaints.to_string().contains("GBK"));
}

#[test]
fn a_password_file_is_read_beside_the_hall_and_its_mode_is_judged() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    let secret = folder.path().join("c3.secret");
    std::fs::write(&secret, "pass word \r\n").expect("written");
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o644)).expect("mode set");
    let file = folder.path().join("hall.toml");
    std::fs::write(&file, with_line(16, "password_file = \"c3.secret\"")).expect("written");
    let (hall, warnings) = load(&file).expect("a good file");
    assert_eq!(told(&warnings), [(16, "camera[C3].password_file", ExposedPassword)]);
    let credentials = hall.cameras[0].credentials.as_ref().expect("credentials");
    assert_eq!(credentials.password.reveal(), "pass word ");
    assert_eq!(format!("{:?}", hall.cameras[0].credentials), "Some(jiancha:***)");

    std::fs::remove_file(&secret).expect("removed");
    assert_eq!(told(&load(&file).expect_err("no password").list), [(16, "camera[C3].password_file", NoPassword)]);
    assert!(load_without_secrets(&file).is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Whatever is done to the text, the answer is a hall or complaints with lines inside the file.
    #[test]
    fn mutated_text_never_panics(edits in prop::collection::vec((any::<prop::sample::Index>(), 0usize..4, ".{0,6}"), 1..6)) {
        let mut chars: Vec<char> = SMALLEST.chars().collect();
        for (at, drop, insert) in edits {
            let at = at.index(chars.len());
            let end = (at + drop).min(chars.len());
            chars.splice(at..end, insert.chars());
        }
        let text: String = chars.into_iter().collect();
        let lines = text.split('\n').count();
        if let Err(complaints) = read(&text) {
            prop_assert!(complaints.errors() > 0);
            prop_assert!(complaints.list.iter().all(|c| c.line <= lines));
            prop_assert!(!complaints.to_string().is_empty());
        }
    }

    /// Lines lost, doubled or exchanged.
    #[test]
    fn shuffled_lines_never_panic(picks in prop::collection::vec(0usize..37, 0..60)) {
        let lines: Vec<&str> = SMALLEST.lines().collect();
        let text: String = picks.iter().map(|&n| format!("{}\n", lines[n])).collect();
        if let Err(complaints) = read(&text) {
            prop_assert!(complaints.errors() > 0);
        }
    }
}

#[test]
fn opening_hours_and_the_calendar_folder_are_read() {
    let (hall, warnings) = read(SMALLEST).expect("good");
    assert_eq!((hall.hours.is_none(), warnings.len()), (true, 0));
    assert_eq!((hall.calendar.overrides.as_path(), hall.calendar.named), (Path::new("/etc/jiancha/calendar"), false));
    let text = with_line(8, "type = \"综合受理区\"\nhours = { working_days = [\"8:00-24:00\"] }").to_owned()
        + "[hours]\nworking_days = [\"08:30-12:00\", \"13:30-17:00\"]\nother_days = []\n";
    let (hall, _) = read(&text).expect("good");
    let shown = |parts: &[jiancha::hall::DayPart]| parts.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    let hours = hall.hours.expect("hours");
    assert_eq!((shown(&hours.working_days), shown(&hours.other_days)), ("08:30-12:00 13:30-17:00".into(), String::new()));
    let zone = hall.zones[0].hours.as_ref().expect("hours of its own");
    assert_eq!((shown(&zone.working_days), zone.other_days.len()), ("08:00-24:00".to_owned(), 0));
}

#[test]
fn wrong_hours_and_a_calendar_folder_that_is_not_there_are_told_with_their_lines() {
    let refused = |lines: &str| {
        let text = format!("{SMALLEST}{lines}");
        let complaints = read(&text).expect_err("refused");
        told(&complaints.list).into_iter().map(|(line, key, kind)| (line - 37, key.to_owned(), kind)).collect::<Vec<_>>()
    };
    assert_eq!(refused("[hours]\nworking_days = [\"08:30\"]\n"), [(2, "hours.working_days".into(), BadValue)]);
    assert_eq!(refused("[hours]\nworking_days = \"08:30-17:00\"\n"), [(2, "hours.working_days".into(), WrongType)]);
    assert_eq!(
        refused("[hours]\nworking_days = [\"13:30-17:00\", \"08:30-12:00\"]\n"),
        [(2, "hours.working_days".into(), BadValue)]
    );
    assert_eq!(refused("[hours]\nother_days = []\n"), [(1, "hours.working_days".into(), MissingKey)]);
    assert_eq!(refused("[hours]\nworking_days = []\nweekends = []\n"), [(3, "hours.weekends".into(), UnknownKey)]);
    let all_day = with_line(8, "type = \"综合受理区\"\nall_day = true\nhours = { working_days = [] }");
    assert_eq!(told(&read(&all_day).expect_err("refused").list), [(10, "zone[Z1].hours", BadValue)]);
    let (_, warnings) = read(&format!("{SMALLEST}[calendar]\noverrides = \"nowhere\"\n")).expect("accepted");
    assert_eq!(told(&warnings), [(39, "calendar.overrides", BadValue)]);
}

#[test]
fn where_a_camera_draws_its_clock_and_how_it_is_proven() {
    let (hall, _) = read(SMALLEST).expect("good");
    let settings = hall.camera_clock;
    assert_eq!((settings.interval.as_secs(), settings.tolerance_seconds, settings.confirmations), (60, 2, 2));
    assert_eq!(hall.cameras[0].osd, CameraOsd::default());

    let own = with_line(
        17,
        "stamp = \"camera\"\nosd_clock = { x = 0, y = 0.02, width = 0.45, height = 0.06 }\n\
         osd_label = { x = 1000, y = 900, width = 900, height = 160 }",
    ) + "\n[camera_clock]\ninterval_seconds = 30\ntolerance_seconds = 5\nconfirmations = 3\n";
    let (hall, _) = read(&own).expect("good");
    assert_eq!(hall.cameras[0].osd.clock, Some(PictureArea::Parts([0.0, 0.02, 0.45, 0.06])));
    assert_eq!(hall.cameras[0].osd.label, Some(PictureArea::Pixels([1000, 900, 900, 160])));
    assert_eq!(hall.cameras[0].osd.clock.map(|a| a.in_pixels(1920, 1080)), Some([0, 22, 864, 65]));
    assert_eq!(PictureArea::Pixels([1000, 900, 900, 160]).in_pixels(1280, 720), [1000, 720, 280, 0]);
    let settings = hall.camera_clock;
    assert_eq!((settings.interval.as_secs(), settings.tolerance_seconds, settings.confirmations), (30, 5, 3));

    let cases = [
        ("osd_clock = { x = 0.6, y = 0.02, width = 0.45, height = 0.06 }", "camera[C3].osd_clock", OutOfRange),
        ("osd_clock = { x = 0.1, y = 0.02, width = 0.45 }", "camera[C3].osd_clock", OutOfRange),
        ("osd_clock = { x = 10, y = 20, width = 0, height = 30 }", "camera[C3].osd_clock", OutOfRange),
        ("osd_clock = { x = -10, y = 20, width = 100, height = 30 }", "camera[C3].osd_clock", OutOfRange),
        ("osd_clock = \"top left\"", "camera[C3].osd_clock", WrongType),
        ("osd_watch = true", "camera[C3].osd_watch", UnknownKey),
    ];
    for (line, key, kind) in cases {
        let complaints = read(&with_line(17, line)).expect_err(line);
        assert_eq!(told(&complaints.list), [(17, key, kind)], "{line}");
    }
    let line = SMALLEST.lines().count() + 2;
    for (text, key, kind) in [
        ("interval_seconds = 4", "interval_seconds", OutOfRange),
        ("tolerance_seconds = 0", "tolerance_seconds", OutOfRange),
        ("seconds = 60", "seconds", UnknownKey),
    ] {
        let complaints = read(&format!("{SMALLEST}\n[camera_clock]\n{text}\n")).expect_err(text);
        assert_eq!(told(&complaints.list), [(line + 1, format!("camera_clock.{key}").as_str(), kind)], "{text}");
    }
}

#[test]
fn retention_keeps_thirty_working_days_and_says_why_less_is_refused() {
    let (hall, _) = read(SMALLEST).expect("good");
    let kept = &hall.retention;
    assert_eq!((kept.working_days, kept.at_most_days, kept.delete, kept.alarm_days), (30, None, DeleteWhen::WhenNeeded, 7));
    assert_eq!(kept.stop_order, [StopClass::Wall, StopClass::Other, StopClass::Windows]);
    assert_eq!((kept.free_target, kept.windows_last.as_secs()), (FreeTarget { percent: Some(10), gb: None }, 72 * 3600));
    assert_eq!((hall.storage[0].reserve_mb, hall.storage[0].reserve_bytes()), (1024, 1 << 30));

    assert!(!hall.storage[0].mounted);
    let (hall, _) = read(&SMALLEST.replace("[[storage]]", "[[storage]]\nmounted = true\nreserve_mb = 20000")).expect("good");
    assert_eq!((hall.storage[0].mounted, hall.storage[0].reserve_bytes()), (true, 20_000 << 20));
    assert!(read(&SMALLEST.replace("[[storage]]", "[[storage]]\nmounted = \"yes\"")).is_err());

    let with = |retention: &str| format!("{SMALLEST}\n[retention]\n{retention}\n");
    let text = with(
        "working_days = 45\nat_most_days = 90\ndelete = \"when-due\"\nfree_target_gb = 500\n\
         stop_order = [\"other\", \"wall\", \"windows\"]\nwindows_last_hours = 0.5\nalarm_days = 14",
    );
    let (hall, _) = read(&text).expect("good");
    let kept = &hall.retention;
    assert_eq!((kept.working_days, kept.at_most_days, kept.delete, kept.alarm_days), (45, Some(90), DeleteWhen::WhenDue, 14));
    assert_eq!((kept.free_target, kept.windows_last.as_secs()), (FreeTarget { percent: None, gb: Some(500) }, 1800));
    assert_eq!(kept.stop_order[0], StopClass::Other);

    let line = SMALLEST.lines().count() + 3;
    let cases = [
        ("working_days = 29", "working_days", OutOfRange),
        ("working_days = -1", "working_days", OutOfRange),
        ("working_days = 261", "working_days", OutOfRange),
        ("working_days = \"30\"", "working_days", WrongType),
        ("at_most_days = 59", "at_most_days", OutOfRange),
        ("delete = \"always\"", "delete", BadValue),
        ("free_target_percent = 51", "free_target_percent", OutOfRange),
        ("stop_order = [\"windows\", \"wall\", \"other\"]", "stop_order", BadValue),
        ("stop_order = [\"wall\", \"wall\", \"windows\"]", "stop_order", BadValue),
        ("stop_order = \"wall\"", "stop_order", WrongType),
        ("windows_last_hours = 721", "windows_last_hours", OutOfRange),
        ("windows_last_hours = nan", "windows_last_hours", OutOfRange),
        ("alarm_days = 0", "alarm_days", OutOfRange),
        ("keep_days = 30", "keep_days", UnknownKey),
    ];
    for (text, key, kind) in cases {
        let complaints = read(&with(text)).expect_err(text);
        assert_eq!(told(&complaints.list), [(line, format!("retention.{key}").as_str(), kind)], "{text}");
    }
    let short = read(&with("working_days = 29")).expect_err("too short").to_string();
    assert!(short.contains("R7") && short.contains("工作日"), "{short}");
    let bound = read(&with("working_days = 40\nat_most_days = 79")).expect_err("cuts the floor").to_string();
    assert!(bound.contains("不得少于 80") && bound.contains("R7"), "{bound}");
}

#[test]
fn wall_pictures_have_defaults_and_limits_and_a_second_stream_is_read() {
    let (hall, _) = read(SMALLEST).expect("a good file");
    let wall = &hall.wall;
    assert_eq!((wall.enabled, wall.width, wall.fps, wall.bitrate_kbps), (true, 640, 10, 250));
    assert_eq!(hall.cameras[0].wall_url, None);

    let second = |stamp: &str, url: &str| with_line(17, &format!("stamp = \"{stamp}\"\nwall_url = \"{url}\""));
    let (hall, warnings) = read(&second("camera", "rtsp://192.0.2.13:554/Streaming/Channels/102")).expect("a good file");
    assert_eq!(hall.cameras[0].wall_url.as_ref().map(|u| u.path()), Some("/Streaming/Channels/102"));
    assert_eq!(told(&warnings), []);
    let (_, warnings) = read(&second("reencode", "rtsp://192.0.2.13:554/Streaming/Channels/102")).expect("a good file");
    assert_eq!(told(&warnings), [(18, "camera[C3].wall_url", Unused)]);

    let section = |wall: &str| format!("{SMALLEST}\n[wall]\n{wall}\n");
    let (hall, _) = read(&section("enabled = false\nwidth = 480\nfps = 5\nbitrate_kbps = 120")).expect("a good file");
    assert_eq!((hall.wall.enabled, hall.wall.width, hall.wall.fps, hall.wall.bitrate_kbps), (false, 480, 5, 120));
    for (text, line, key, kind) in [
        (section("width = 641"), 40, "wall.width", OutOfRange),
        (section("fps = 60"), 40, "wall.fps", OutOfRange),
        (section("bitrate = 250"), 40, "wall.bitrate", UnknownKey),
        (second("camera", "http://192.0.2.13/"), 18, "camera[C3].wall_url", BadUrl),
        (second("camera", "rtsp://a:b@192.0.2.13/2"), 18, "camera[C3].wall_url", CredentialsInUrl),
        (second("camera", "rtsp://192.0.2.13:554/Streaming/Channels/101"), 18, "camera[C3].wall_url", SameAddress),
    ] {
        assert_eq!(told(&read(&text).expect_err("one fault").list), [(line, key, kind)]);
    }
}

/// [`SMALLEST`] with a `[stamp]` section; its header stands in line 39.
fn with_stamp(keys: &str) -> String {
    format!("{SMALLEST}[stamp]\n{keys}\n")
}

#[test]
fn the_stamp_says_and_stands_as_wished() {
    let (hall, warnings) = read(SMALLEST).expect("good");
    assert_eq!((hall.stamp.layout, warnings), (StampLayout::default(), vec![]));
    let text = with_stamp(
        "label = [\"{division}\", \"{zone} {windows} {ptz}\"]\ntime_place = \"bottom-left\"\nsize = 4.5\nweekday = false",
    );
    let (hall, warnings) = read(&text).expect("good");
    assert_eq!(warnings, []);
    assert_eq!(hall.label_lines(&hall.cameras[0]), ["长春市朝阳区".to_owned(), "综合受理区 3、4号窗口".to_owned()]);
    let layout = &hall.stamp.layout;
    assert_eq!((layout.time_place, layout.label_place), (Corner::BottomLeft, Corner::BottomRight));
    assert_eq!((layout.size_milli_percent, layout.weekday), (4500, false));
}

#[test]
fn every_placeholder_is_filled_and_one_that_is_empty_leaves_no_gap() {
    let label = "label = [\"{division}·{hall} {name}\", \"{zone} {ptz} {windows} {camera}\"]";
    let (hall, _) = read(&with_stamp(label)).expect("good");
    assert_eq!(
        hall.label_lines(&hall.cameras[0]),
        ["长春市朝阳区·重庆街道便民服务中心".to_owned(), "综合受理区 3、4号窗口 C3".to_owned()]
    );
    let ptz = with_line(12, "kind = \"ptz\"\nname = \"大厅球机\"") + "[stamp]\n" + label;
    let (hall, _) = read(&ptz).expect("good");
    assert_eq!(
        hall.label_lines(&hall.cameras[0]),
        ["长春市朝阳区·重庆街道便民服务中心 大厅球机".to_owned(), "综合受理区 云台 3、4号窗口 C3".to_owned()]
    );
}

#[test]
fn a_camera_may_have_a_label_of_its_own() {
    let text = with_line(17, "label = [\"{division} {zone}\"]") + "[stamp]\nlabel = [\"{zone}\", \"{division}\"]\n";
    let (hall, warnings) = read(&text).expect("good");
    assert_eq!(warnings, []);
    assert_eq!(hall.label_lines(&hall.cameras[0]), ["长春市朝阳区 综合受理区".to_owned(), String::new()]);
}

#[test]
fn a_stamp_that_cannot_be_is_refused_by_line_and_key() {
    let cases: &[(&str, usize, &str, ComplaintKind)] = &[
        ("label = [\"{divison}\", \"{zone}\"]", 39, "stamp.label", UnknownPlaceholder),
        ("label = [\"{区划}\"]", 39, "stamp.label", UnknownPlaceholder),
        ("label = [\"｛division｝\"]", 39, "stamp.label", BadValue),
        ("label = [\"{division\"]", 39, "stamp.label", BadValue),
        ("label = [\"division} {zone}\"]", 39, "stamp.label", BadValue),
        ("label = []", 39, "stamp.label", BadValue),
        ("label = [\" \", \"\"]", 39, "stamp.label", BadValue),
        ("label = [\"{ptz}\"]", 39, "stamp.label", BadValue),
        ("label = [\"{division}\", \"{hall}\", \"{zone}\"]", 39, "stamp.label", BadValue),
        ("label = \"{division} {zone}\"", 39, "stamp.label", WrongType),
        ("label = [3]", 39, "stamp.label", WrongType),
        ("time_place = \"middle\"", 39, "stamp.time_place", BadValue),
        ("time_place = \"bottom-right\"", 39, "stamp.time_place", SamePlace),
        ("time_place = \"top-right\"\nlabel_place = \"top-right\"", 40, "stamp.label_place", SamePlace),
        ("size = 1.9", 39, "stamp.size", OutOfRange),
        ("size = 7", 39, "stamp.size", OutOfRange),
        ("size = nan", 39, "stamp.size", OutOfRange),
        ("size = \"3\"", 39, "stamp.size", WrongType),
        ("weekday = \"no\"", 39, "stamp.weekday", WrongType),
        ("lable = [\"{zone}\"]", 39, "stamp.lable", UnknownKey),
    ];
    for (keys, line, key, kind) in cases {
        let complaints = read(&with_stamp(keys)).expect_err(keys);
        let errors: Vec<_> = complaints.list.iter().filter(|c| c.severity == Severity::Error).cloned().collect();
        assert_eq!(told(&errors), [(*line, *key, *kind)], "{keys}");
    }
    let complaints = read(&with_stamp("label = [\"{divison}\"]")).expect_err("refused").to_string();
    assert!(complaints.contains("是否想写 {division}") && complaints.contains("{windows}"), "{complaints}");
}

#[test]
fn a_label_elsewhere_or_without_division_and_zone_is_accepted_with_a_warning_that_names_r8() {
    let cases: &[(&str, usize, &str, ComplaintKind)] = &[
        ("label_place = \"top-right\"", 39, "stamp.label_place", LabelPlace),
        ("label = [\"{division} {hall}\"]", 39, "stamp.label", LabelSays),
        ("label = [\"{zone} {windows}\"]", 39, "stamp.label", LabelSays),
    ];
    for (keys, line, key, kind) in cases {
        let (_, warnings) = read(&with_stamp(keys)).expect("accepted");
        assert_eq!(told(&warnings), [(*line, *key, *kind)], "{keys}");
        assert!(warnings[0].right.zh.contains("R8") && warnings[0].right.en.contains("R8"), "{:?}", warnings[0]);
    }
    // Written out it is just as good.
    let (_, warnings) = read(&with_stamp("label = [\"长春市 朝阳区\", \"综合受理区3号窗口\"]")).expect("accepted");
    assert_eq!(warnings, []);
}
