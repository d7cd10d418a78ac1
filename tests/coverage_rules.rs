//! Every rule of every profile: the smallest hall that meets the profile, made from the profile itself, and for each rule a hall that
//! breaks just that one.

#![allow(clippy::unwrap_used, reason = "a panic here is a failed test with a line number")]

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use jiancha::catalogue::share::Share;
use jiancha::coverage::measured::{
    BackupProof, CameraMeasured, ClockMeasured, Condition, Keeping, Protocol, Reading, Size, Source, StampSeen,
};
use jiancha::coverage::profile::Terms;
use jiancha::coverage::rules::judge;
use jiancha::coverage::{Attestation, Check, Library, Measured, Profile, Verdict, What};
use jiancha::hall::{
    Camera, CameraId, CameraKind, Hall, SecretFile, ServiceWindow, SoundSource, Surroundings, WindowId, Zone, ZoneId,
    parse_with,
};
use jiancha::time::WallTime;

/// A machine on which every folder is there.
struct MadeUp;

impl Surroundings for MadeUp {
    fn env(&self, _: &str) -> Option<String> {
        None
    }
    fn secret_file(&self, _: &Path) -> io::Result<SecretFile> {
        Err(io::Error::from(io::ErrorKind::NotFound))
    }
    fn exists(&self, _: &Path) -> bool {
        true
    }
}

fn now() -> WallTime {
    "2026-11-22T10:00:00+08:00".parse().unwrap()
}

/// A hall and all that is known of it.
#[derive(Clone)]
struct Site {
    hall: Hall,
    measured: Measured,
}

fn here<T>(value: T) -> Option<Reading<T>> {
    Some(Reading::new(value, now(), Source::Stream))
}

/// A camera about which all is well.
fn good() -> CameraMeasured {
    let day = |text: &str| -> WallTime { text.parse().unwrap() };
    let share = Share { expected_micros: 1_000_000, recorded_micros: 1_000_000, missing_micros: 0 };
    let oldest = day("2026-09-21T00:00:00+08:00");
    CameraMeasured {
        recording: here(true),
        reachable: here(true),
        protocol: here(Protocol::Gb28181),
        size: here(Size { width: 1920, height: 1080 }),
        frames_per_second: here(25.0),
        video_codec: here("H.265".to_owned()),
        bitrate_kbps: here(2000.0),
        key_frame_interval_ms: here(2000),
        audio_present: here(true),
        audio_level_dbfs: here(-31.0),
        silent_share: here(0.25),
        clipped_share: here(0.0),
        picture: here(Vec::new()),
        clock_skew_ms: here(12),
        stamp: here(StampSeen::Recorder),
        recorded: here(share),
        kept: here(Keeping { oldest, working_days: 38, first: oldest, working_days_since_first: 38 }),
        backup: here(BackupProof {
            target: "/mnt/backup".into(),
            days: 40,
            days_proven: 39,
            oldest_unproven: None,
            last_proof: Some(now()),
            same_disk: false,
        }),
        ptz_moves: here(true),
    }
}

fn attestation(camera: &str) -> Attestation {
    let (camera, by) = (CameraId::new(camera), "王芳".to_owned());
    Attestation { camera, what: What::View, by, at: now(), still: "ab".repeat(32), reading: None, lapsed: None }
}

impl Site {
    /// The smallest hall that meets `profile`.
    fn smallest(profile: &Profile) -> Self {
        let mut text = String::from(
            "[hall]\nname = \"重庆街道便民服务中心\"\ndivision = \"长春市朝阳区\"\n[[storage]]\npath = \"/srv/a\"\n\
             [backup]\ndirectory = \"/mnt/backup\"\n\
             [[equipment]]\nid = \"FW1\"\nkind = \"firewall\"\naddress = \"192.0.2.1\"\n",
        );
        let mut zones = vec!["综合受理区".to_owned()];
        let mut windows = 1;
        let mut kinds = Vec::new();
        for rule in &profile.rules {
            match &rule.terms {
                Terms::Zones { zones: named, .. } => zones = named.iter().map(|names| names[0].clone()).collect(),
                Terms::Windows { least, .. } => windows = *least,
                Terms::Kinds(named) => kinds.clone_from(named),
                _ => {}
            }
        }
        for (n, zone) in zones.iter().enumerate() {
            text.push_str(&format!("[[zone]]\nid = \"Z{}\"\ntype = \"{zone}\"\n", n + 1));
        }
        let mut site = {
            text.push_str("[[camera]]\nid = \"C01\"\nkind = \"fixed\"\nzone = \"Z1\"\nurl = \"rtsp://192.0.2.101/1\"\n");
            text.push_str("[[window]]\nid = \"01\"\nzone = \"Z1\"\ncamera = \"C01\"\npickup = \"C01\"\n");
            let (hall, warnings) =
                parse_with(&text, Path::new("/etc/jiancha"), &MadeUp).unwrap_or_else(|e| panic!("{e}\n{text}"));
            assert_eq!(warnings, []);
            let clock = ClockMeasured { synchronised: true, max_error_ms: 3 };
            let measured = Measured {
                recorder: here(now()),
                clock: here(clock),
                upstream: here(true),
                cameras: BTreeMap::from([(CameraId::new("C01"), good())]),
                equipment: hall.equipment.iter().map(|e| (e.id.clone(), Reading::new(true, now(), Source::Probe))).collect(),
                attested: vec![attestation("C01")],
            };
            Self { hall, measured }
        };
        site.hall.windows[0].kinds = ["综合窗口".to_owned()].into_iter().chain(kinds).collect();
        site.grow(windows as usize);
        // Cameras for the zones without windows: one PTZ camera for all of them where the profile asks for one, else one each.
        if windows >= 4 {
            site.add_camera("P1", CameraKind::Ptz, "Z2");
            for zone in site.hall.zones.iter_mut().skip(2) {
                zone.seen_by = vec![CameraId::new("P1")];
            }
        } else {
            for n in 2..=zones.len() {
                site.add_camera(&format!("X{n}"), CameraKind::Fixed, &format!("Z{n}"));
            }
        }
        site
    }

    fn add_camera(&mut self, id: &str, kind: CameraKind, zone: &str) {
        let camera = Camera { id: CameraId::new(id), kind, zone: ZoneId::new(zone), ..self.hall.cameras[0].clone() };
        self.hall.cameras.push(camera);
        self.measured.cameras.insert(CameraId::new(id), good());
    }

    /// Comprehensive windows up to `n`, each with a camera of its own.
    fn grow(&mut self, n: usize) {
        for n in self.hall.windows.len() + 1..=n {
            let camera = format!("C{n:02}");
            self.add_camera(&camera, CameraKind::Fixed, "Z1");
            self.measured.attested.push(attestation(&camera));
            self.hall.windows.push(ServiceWindow {
                id: WindowId::new(format!("{n:02}")),
                camera: CameraId::new(&camera),
                pickup: SoundSource::Camera(CameraId::new(&camera)),
                kinds: vec!["综合窗口".to_owned()],
                ..self.hall.windows[0].clone()
            });
        }
    }

    fn add_zone(&mut self, id: &str, public: bool) {
        let zone =
            Zone {
                id: ZoneId::new(id), zone_type: "档案区".into(), public, seen_by: Vec::new(), ..self.hall.zones[0].clone()
            };
        self.hall.zones.push(zone);
    }

    fn camera(&mut self, id: &str) -> &mut CameraMeasured {
        self.measured.cameras.get_mut(&CameraId::new(id)).unwrap()
    }

    /// Every finding: rule, check, subject, result, measured.
    fn findings(&self, profile: &Profile) -> Vec<(String, Check, String, Verdict, String)> {
        let findings = judge(&self.hall, profile, &self.measured).into_iter().filter(|f| f.result.is_finding());
        findings.map(|f| (f.rule, f.check, f.subject, f.result, f.measured)).collect()
    }

    /// Breaks one rule; gives the subject, the result and what is measured then.
    fn break_rule(&mut self, check: Check, terms: &Terms) -> (String, Verdict, String) {
        let fail = |subject: &str, measured: &str| (subject.to_owned(), Verdict::Fail, measured.to_owned());
        let unmeasured = |subject: &str, measured: &str| (subject.to_owned(), Verdict::NotMeasured, measured.to_owned());
        match check {
            Check::Gb28181 => {
                self.camera("C01").protocol = here(Protocol::Rtsp);
                unmeasured("camera C01", "received by RTSP, GB/T 28181 not proven")
            }
            Check::Resolution => {
                self.camera("C01").size = here(Size { width: 1280, height: 720 });
                fail("window 01", "1280x720")
            }
            Check::Zones => {
                let zone = self.hall.zones.last_mut().unwrap();
                let was = std::mem::replace(&mut zone.zone_type, "杂物间".to_owned());
                fail(&format!("zone {was}"), "none")
            }
            Check::ZoneCameras => {
                self.add_zone("Z99", false);
                fail("zone Z99", "no camera")
            }
            Check::CameraPicture => {
                self.add_camera("X99", CameraKind::Fixed, "Z1");
                self.camera("X99").picture = here(vec![Condition::Covered]);
                fail("camera X99", "covered")
            }
            Check::PtzCount => {
                self.grow(4);
                self.hall.cameras.iter_mut().for_each(|camera| camera.kind = CameraKind::Fixed);
                self.hall.zones.iter_mut().for_each(|zone| zone.public = false);
                fail("hall", "0")
            }
            Check::PtzMoves => {
                self.add_camera("P99", CameraKind::Ptz, "Z1");
                self.camera("P99").ptz_moves = here(false);
                fail("camera P99", "the picture did not move")
            }
            Check::FixedCamera => {
                // The PTZ camera beside it, which records, does not heal it.
                self.add_camera("P99", CameraKind::Ptz, "Z1");
                self.camera("C01").recording = here(false);
                fail("window 01", "C01 is not recording")
            }
            Check::CameraSharing => {
                self.grow(2);
                self.hall.windows[1].camera = CameraId::new("C01");
                fail("window 02", "shares C01 with window 01")
            }
            Check::PickupSharing => {
                self.grow(2);
                self.hall.windows[1].pickup = SoundSource::Camera(CameraId::new("C01"));
                fail("window 02", "shares C01 with window 01")
            }
            Check::Pickup => {
                self.camera("C01").silent_share = here(1.0);
                fail("window 01", "silent 100 % of the time")
            }
            Check::Picture => {
                self.add_camera("X99", CameraKind::Fixed, "Z1");
                self.camera("C01").picture = here(vec![Condition::Frozen, Condition::Moved]);
                fail("window 01", "frozen, moved away from the attested view")
            }
            Check::View => {
                self.measured.attested.retain(|a| a.camera.as_str() != "C01");
                unmeasured("window 01", "not measured")
            }
            Check::PtzZones => {
                self.grow(4);
                self.add_camera("P9", CameraKind::Ptz, "Z1");
                self.hall.zones.iter_mut().skip(1).for_each(|zone| zone.seen_by = vec![CameraId::new("P9")]);
                self.add_zone("Z99", true);
                self.add_camera("X99", CameraKind::Fixed, "Z99");
                fail("zone Z99", "no PTZ camera")
            }
            Check::Kept => {
                let oldest = "2026-11-05T00:00:00+08:00".parse().unwrap();
                let first = "2026-09-01T00:00:00+08:00".parse().unwrap();
                self.camera("C01").kept = here(Keeping { oldest, working_days: 12, first, working_days_since_first: 52 });
                fail("window 01", "since 2026-11-05, 12 working days")
            }
            Check::Recorded => {
                let share = Share { expected_micros: 1_000_000, recorded_micros: 989_999, missing_micros: 10_001 };
                self.camera("C01").recorded = here(share);
                fail("window 01", "98.99 %")
            }
            Check::Backup => {
                self.hall.backup = None;
                fail("hall", "no backup")
            }
            Check::Time => {
                self.measured.clock = here(ClockMeasured { synchronised: false, max_error_ms: 16_000 });
                fail("recorder", "not synchronised")
            }
            Check::Stamp => {
                self.camera("C01").stamp = here(StampSeen::Missing);
                fail("window 01", "not in the picture")
            }
            Check::Upload => {
                self.measured.upstream = here(false);
                fail("hall", "not reached")
            }
            Check::Firewall => {
                self.hall.equipment.clear();
                fail("hall", "no firewall in the inventory")
            }
            Check::Network => {
                self.camera("C01").reachable = here(false);
                fail("camera C01", "not reached")
            }
            Check::Windows => {
                let n = self.hall.windows.len() - 1;
                match terms {
                    // Any window counts: one goes.
                    Terms::Windows { kind: None, .. } => {
                        self.hall.windows.pop();
                    }
                    // Only its own kind counts: the last window is no such one any more.
                    _ => {
                        let last = self.hall.windows.last_mut().unwrap();
                        last.kinds.retain(|kind| kind != "综合窗口");
                        last.kinds.push("咨询".to_owned());
                    }
                }
                fail("hall", &n.to_string())
            }
            Check::SpecialWindows => {
                let gone = self.hall.windows[0].kinds.pop().unwrap();
                fail(&format!("windows {gone}"), "none")
            }
            Check::Surveillance => {
                for measured in self.measured.cameras.values_mut() {
                    measured.recording = here(false);
                }
                fail("hall", &format!("0 of {} cameras record", self.hall.cameras.len()))
            }
            Check::Supervision => {
                self.measured.recorder = None;
                unmeasured("hall", "not measured")
            }
        }
    }
}

fn every_profile() -> Vec<Profile> {
    let library = Library::built_in().unwrap();
    let ids: Vec<String> = library.names().map(|(id, _)| id.to_owned()).collect();
    ids.iter().map(|id| library.get(id).unwrap()).collect()
}

#[test]
fn the_smallest_hall_of_every_profile_has_no_finding() {
    for profile in every_profile() {
        let site = Site::smallest(&profile);
        assert_eq!(site.findings(&profile), [], "{}", profile.id);
    }
}

#[test]
fn every_rule_of_every_profile_is_broken_alone() {
    let mut broken = 0;
    for profile in every_profile() {
        for rule in &profile.rules {
            let mut site = Site::smallest(&profile);
            let (subject, verdict, measured) = site.break_rule(rule.check, &rule.terms);
            let expected = (rule.rule.clone(), rule.check, subject, verdict, measured);
            assert_eq!(site.findings(&profile), [expected], "{} {}", profile.id, rule.check.word());
            broken += 1;
        }
    }
    // 24 + 24 + 24 + 24 + 21 of Changchun, 21 by default, 3 + 3 + 3 and 2 + 3 + 4 of Taishan, 2 + 2 of Alxa, 2 of Putuoshan.
    assert_eq!(broken, 162);
}

/// Every rule's number, from requirements.md.
#[test]
fn every_check_stands_under_its_number() {
    let expected: BTreeMap<Check, &str> = BTreeMap::from([
        (Check::Gb28181, "R1"),
        (Check::Resolution, "R2"),
        (Check::Zones, "R3"),
        (Check::ZoneCameras, "R3"),
        (Check::CameraPicture, "R3"),
        (Check::PtzCount, "R4"),
        (Check::PtzMoves, "R4"),
        (Check::FixedCamera, "R5"),
        (Check::CameraSharing, "R5"),
        (Check::PickupSharing, "R5"),
        (Check::Pickup, "R5"),
        (Check::Picture, "R5"),
        (Check::View, "R5"),
        (Check::PtzZones, "R6"),
        (Check::Kept, "R7"),
        (Check::Recorded, "R7"),
        (Check::Backup, "R7"),
        (Check::Time, "R8"),
        (Check::Stamp, "R8"),
        (Check::Upload, "R9"),
        (Check::Firewall, "R9"),
        (Check::Network, "R10"),
    ]);
    let mut seen = BTreeMap::new();
    for profile in every_profile() {
        for rule in profile.rules {
            match expected.get(&rule.check) {
                Some(number) => assert_eq!(&rule.rule, number, "{} {}", profile.id, rule.check.word()),
                None => assert!(rule.rule.starts_with("B-"), "{} {}", profile.id, rule.rule),
            }
            seen.insert(rule.check, ());
        }
    }
    // No check is there that no profile asks for.
    assert_eq!(seen.len(), Check::ALL.len());
}

fn township() -> Profile {
    Library::built_in().unwrap().get("changchun-2022/township-centre").unwrap()
}

#[test]
fn windows_that_face_each_other_share_camera_and_pickup_and_a_third_does_not() {
    let profile = township();
    let mut site = Site::smallest(&profile);
    site.grow(3);
    for n in [1, 2] {
        site.hall.windows[n].camera = CameraId::new("C01");
        site.hall.windows[n].pickup = SoundSource::Camera(CameraId::new("C01"));
    }
    site.hall.windows[0].faces = Some(WindowId::new("02"));
    site.hall.windows[1].faces = Some(WindowId::new("01"));
    let told: Vec<(Check, String, String)> = site.findings(&profile).into_iter().map(|f| (f.1, f.2, f.4)).collect();
    assert_eq!(
        told,
        [
            (Check::CameraSharing, "window 03".into(), "shares C01 with window 01".into()),
            (Check::PickupSharing, "window 03".into(), "shares C01 with window 01".into()),
        ]
    );
}

#[test]
fn a_picture_of_1080_lines_is_enough_upright_too_and_must_be_whole() {
    let profile = township();
    let cases = [
        ((1920, 1080), true),
        ((1080, 1920), true),
        ((2560, 1440), true),
        ((1920, 1072), false),
        ((1440, 1080), false),
        ((1080, 1080), false),
        ((4096, 1000), false),
    ];
    for ((width, height), good) in cases {
        let mut site = Site::smallest(&profile);
        site.camera("C02").size = here(Size { width, height });
        let found = site.findings(&profile);
        assert_eq!(found.is_empty(), good, "{width}x{height}: {found:?}");
        if !good {
            assert_eq!((found[0].2.as_str(), found[0].4.clone()), ("window 02", format!("{width}x{height}")));
        }
    }
}

#[test]
fn what_was_not_measured_is_never_a_pass() {
    for profile in every_profile() {
        let mut site = Site::smallest(&profile);
        site.measured = Measured::default();
        let findings = judge(&site.hall, &profile, &site.measured);
        for finding in findings {
            let declared = matches!(
                finding.check,
                Check::Zones
                    | Check::Windows
                    | Check::SpecialWindows
                    | Check::CameraSharing
                    | Check::PickupSharing
                    | Check::PtzCount
                    | Check::PtzZones
            );
            let expected = if declared { Verdict::Pass } else { Verdict::NotMeasured };
            assert_eq!(finding.result, expected, "{} {} {}", profile.id, finding.check.word(), finding.subject);
            assert_eq!(finding.when, None);
            assert_eq!(finding.remedy.is_some(), !declared);
        }
    }
}

#[test]
fn a_ptz_camera_does_not_stand_in_for_the_fixed_one() {
    let profile = township();
    let mut site = Site::smallest(&profile);
    site.hall.cameras[0].kind = CameraKind::Ptz;
    let found = site.findings(&profile);
    assert_eq!(found, [("R5".into(), Check::FixedCamera, "window 01".into(), Verdict::Fail, "C01 is a PTZ camera".into())]);
}

#[test]
fn a_ptz_camera_that_cannot_be_commanded_is_attested() {
    let profile = township();
    let mut site = Site::smallest(&profile);
    site.add_camera("P9", CameraKind::Ptz, "Z1");
    site.camera("P9").ptz_moves = None;
    assert_eq!(site.findings(&profile)[0].2, "camera P9");
    site.measured.attested.push(Attestation { what: What::Ptz, ..attestation("P9") });
    assert_eq!(site.findings(&profile), []);
    let attested: Vec<String> = judge(&site.hall, &profile, &site.measured)
        .into_iter()
        .filter(|f| f.result == Verdict::Attested && f.check == Check::PtzMoves)
        .map(|f| format!("{} {}", f.subject, f.attested_by.unwrap()))
        .collect();
    assert_eq!(attested, ["camera P9 王芳"]);
}

#[test]
fn an_attestation_that_lapsed_counts_no_more() {
    let profile = township();
    let mut site = Site::smallest(&profile);
    let at = "2026-11-22T09:00:00+08:00".parse().unwrap();
    site.measured.attested[0].lapsed = Some(jiancha::coverage::attest::Lapse { at, why: "the view moved".into() });
    let found = site.findings(&profile);
    assert_eq!((found[0].1, found[0].3), (Check::View, Verdict::NotMeasured));
    assert_eq!(found[0].4, "attestation lapsed at 2026-11-22 09:00");
}

#[test]
fn a_label_the_camera_draws_is_attested_by_its_reading() {
    let profile = township();
    let mut site = Site::smallest(&profile);
    site.hall.cameras[0].stamp = jiancha::hall::StampMode::Camera;
    site.camera("C01").stamp = None;
    assert_eq!(site.findings(&profile)[0].1, Check::Stamp);
    let read = |reading: &str| Attestation { what: What::Label, reading: Some(reading.into()), ..attestation("C01") };
    site.measured.attested.push(read("长春市 朝阳区 重庆街道便民服务中心 咨询 导服区 1号窗口"));
    assert_eq!(site.findings(&profile), []);
    site.measured.attested.pop();
    site.measured.attested.push(read("IPCamera 01"));
    let found = site.findings(&profile);
    assert_eq!((found[0].3, found[0].4.as_str()), (Verdict::Fail, "reads: IPCamera 01"));
    // Its own clock counts now, too.
    site.measured.attested.pop();
    site.camera("C01").stamp = here(StampSeen::Camera);
    site.camera("C01").clock_skew_ms = here(-2001);
    let found = site.findings(&profile);
    assert_eq!((found[0].0.as_str(), found[0].1, found[0].4.as_str()), ("R8", Check::Time, "-2001 ms"));
}

#[test]
fn merged_zones_meet_a_profile_that_allows_them_and_no_other() {
    let library = Library::built_in().unwrap();
    for (id, allowed) in [("alxa-2023/centre", true), ("changchun-2022/township-centre", false)] {
        let profile = library.get(id).unwrap();
        let mut site = Site::smallest(&profile);
        let last = site.hall.zones.pop().unwrap();
        site.hall.cameras.retain(|camera| camera.zone != last.id);
        site.hall.zones[0].also = vec![last.zone_type.clone()];
        let told: Vec<(String, String)> = site.findings(&profile).into_iter().map(|f| (f.2, f.4)).collect();
        if allowed {
            assert_eq!(told, []);
        } else {
            let within = format!("merged into zone Z1 ({})", site.hall.zones[0].zone_type);
            assert_eq!(told, [(format!("zone {}", last.zone_type), within)]);
        }
    }
}

#[test]
fn a_misspelt_zone_is_asked_after() {
    let profile = township();
    let mut site = Site::smallest(&profile);
    site.hall.zones[1].zone_type = "综合受理去".into();
    let findings = judge(&site.hall, &profile, &site.measured);
    let finding = findings.iter().find(|f| f.check == Check::Zones && f.result == Verdict::Fail).unwrap();
    assert_eq!(finding.subject, "zone 综合受理区");
    assert!(finding.remedy.as_ref().unwrap().zh.starts_with("hall.toml 中的“综合受理去”是否应为“综合受理区”？"));
}

#[test]
fn a_young_recorder_has_not_proven_thirty_working_days_yet() {
    let profile = township();
    let mut site = Site::smallest(&profile);
    let oldest = "2026-11-05T00:00:00+08:00".parse().unwrap();
    site.camera("C01").kept = here(Keeping { oldest, working_days: 12, first: oldest, working_days_since_first: 12 });
    let findings = judge(&site.hall, &profile, &site.measured);
    assert_eq!((findings[0].check, findings[0].result), (Check::Kept, Verdict::NotMeasured));
    assert!(findings[0].remedy.as_ref().unwrap().en.contains("18 more working days prove it"));
}

#[test]
fn a_station_without_the_extranet_is_not_asked_for_it() {
    let library = Library::built_in().unwrap();
    let profile = library.get("changchun-2022/village-station").unwrap();
    let mut site = Site::smallest(&profile);
    site.hall.extranet = false;
    site.hall.equipment.clear();
    site.hall.zones.truncate(1);
    site.hall.cameras.truncate(1);
    site.measured.upstream = None;
    assert_eq!(site.findings(&profile), []);
    // A township centre must join it.
    let profile = township();
    let mut site = Site::smallest(&profile);
    site.hall.extranet = false;
    let found = site.findings(&profile);
    assert_eq!((found[0].1, found[0].4.as_str()), (Check::Upload, "not joined to the extranet"));
}

#[test]
fn putuoshan_has_at_most_five_windows() {
    let profile = Library::built_in().unwrap().get("putuoshan-2025/town-centre").unwrap();
    let mut site = Site::smallest(&profile);
    site.grow(5);
    assert_eq!(site.findings(&profile), []);
    site.grow(6);
    assert_eq!(site.findings(&profile), [("B-PT".into(), Check::Windows, "hall".into(), Verdict::Fail, "6".into())]);
}

#[test]
fn the_worst_comes_first() {
    let profile = township();
    let mut site = Site::smallest(&profile);
    site.camera("C02").size = here(Size { width: 704, height: 576 });
    site.camera("C01").kept = None;
    let findings = judge(&site.hall, &profile, &site.measured);
    let results: Vec<Verdict> = findings.iter().map(|f| f.result).collect();
    assert_eq!(results[..4], [Verdict::Fail, Verdict::NotMeasured, Verdict::Attested, Verdict::Attested]);
    assert!(results[4..].iter().all(|r| *r == Verdict::Pass));
    assert_eq!((findings[0].rule.as_str(), findings[0].subject.as_str()), ("R2", "window 02"));
    assert_eq!((findings[1].rule.as_str(), findings[1].subject.as_str()), ("R7", "window 01"));
}
