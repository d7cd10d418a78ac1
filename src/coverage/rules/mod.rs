//! The rules, judged: pure functions of a hall, its profile and what was measured.
//!
//! Each requirement ends in pass, fail, not measured or attested, the worst told first. What was not measured is never a pass.

mod keeping;
mod network;
mod picture;
mod ptz;
mod stamp;
mod windows;
mod zones;

use serde::Serialize;

use super::attest::{Attestation, What};
use super::both;
use super::measured::{CameraMeasured, Measured, Reading, Source};
use super::profile::{Check, Profile, Rule};
use crate::hall::{Camera, CameraId, EquipmentId, Hall, PickupId, WindowId, ZoneId};
use crate::observe::state::Bilingual;
use crate::time::{Span, WallTime};

/// How a requirement came out, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It is not met (不合格).
    Fail,
    /// Nothing says whether it is met (未测).
    NotMeasured,
    /// A person has vouched for it (签认).
    Attested,
    /// It is met, by measurement (合格).
    Pass,
}

impl Verdict {
    /// Its word in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Fail => "fail",
            Self::NotMeasured => "not-measured",
            Self::Attested => "attested",
            Self::Pass => "pass",
        }
    }

    /// In Chinese.
    pub fn zh(self) -> &'static str {
        match self {
            Self::Fail => "不合格",
            Self::NotMeasured => "未测",
            Self::Attested => "已签认",
            Self::Pass => "合格",
        }
    }

    /// Neither met nor vouched for.
    pub fn is_finding(self) -> bool {
        matches!(self, Self::Fail | Self::NotMeasured)
    }
}

/// What a finding is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum About {
    /// The hall as a whole.
    Hall,
    /// A zone of the hall.
    Zone(ZoneId),
    /// A type of zone that the profile asks for.
    ZoneType(String),
    /// A window.
    Window(WindowId),
    /// A kind of windows that the profile asks for.
    WindowKind(String),
    /// A camera.
    Camera(CameraId),
    /// A pickup that is a device of its own.
    Pickup(PickupId),
    /// An item of the inventory.
    Equipment(EquipmentId),
    /// The recorder itself.
    Recorder,
}

impl About {
    /// In both languages; the English form is the stable one for scripts.
    pub fn words(&self) -> Bilingual {
        match self {
            Self::Hall => both("大厅", "hall"),
            Self::Zone(id) => both(format!("分区 {id}"), format!("zone {id}")),
            Self::ZoneType(name) => both(format!("分区 {name}"), format!("zone {name}")),
            Self::Window(id) => both(format!("窗口 {id}"), format!("window {id}")),
            Self::WindowKind(kind) => both(format!("{kind}窗口"), format!("windows {kind}")),
            Self::Camera(id) => both(format!("摄像机 {id}"), format!("camera {id}")),
            Self::Pickup(id) => both(format!("拾音器 {id}"), format!("pickup {id}")),
            Self::Equipment(id) => both(format!("设备 {id}"), format!("equipment {id}")),
            Self::Recorder => both("录像机", "recorder"),
        }
    }
}

/// One requirement on one subject, and how it came out (检查结果).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// Number of the rule, such as `R2`.
    pub rule: String,
    /// What was looked at.
    pub check: Check,
    /// What it is about, such as `window 03`.
    pub subject: String,
    /// The same in Chinese.
    pub subject_zh: String,
    /// How it came out.
    pub result: Verdict,
    /// What was found, such as `1280x720`.
    pub measured: String,
    /// The same in Chinese.
    pub measured_zh: String,
    /// What would be right.
    pub required: Bilingual,
    /// The words of the source.
    pub source: Bilingual,
    /// When it was measured or attested; none for what hall.toml says.
    pub when: Option<WallTime>,
    /// By what it was measured; none for what hall.toml says.
    pub measured_by: Option<Source>,
    /// The time the measurement speaks of.
    pub over: Option<Span>,
    /// SHA-256 of the still that shows it.
    pub evidence: Option<String>,
    /// Who vouched for it.
    pub attested_by: Option<String>,
    /// What to do; none when there is nothing to do.
    pub remedy: Option<Bilingual>,
    /// What it is about, for the plan of the hall.
    #[serde(skip)]
    pub about: About,
}

/// Judges a hall. The worst comes first; within one result by rule, then in the order of hall.toml.
pub fn judge(hall: &Hall, profile: &Profile, measured: &Measured) -> Vec<Finding> {
    let mut bench = Bench { hall, measured, findings: Vec::new() };
    for rule in &profile.rules {
        if rule.only_extranet && !hall.extranet {
            continue;
        }
        match rule.check {
            Check::Zones => zones::exist(&mut bench, rule),
            Check::ZoneCameras => zones::have_cameras(&mut bench, rule),
            Check::Windows => windows::count(&mut bench, rule),
            Check::SpecialWindows => windows::special(&mut bench, rule),
            Check::FixedCamera => windows::fixed_camera(&mut bench, rule),
            Check::CameraSharing => windows::camera_sharing(&mut bench, rule),
            Check::PickupSharing => windows::pickup_sharing(&mut bench, rule),
            Check::Pickup => windows::pickup(&mut bench, rule),
            Check::View => windows::view(&mut bench, rule),
            Check::Picture | Check::CameraPicture => picture::good(&mut bench, rule),
            Check::Resolution => picture::resolution(&mut bench, rule),
            Check::Gb28181 => network::gb28181(&mut bench, rule),
            Check::PtzCount => ptz::count(&mut bench, rule),
            Check::PtzMoves => ptz::moves(&mut bench, rule),
            Check::PtzZones => ptz::zones(&mut bench, rule),
            Check::Kept => keeping::kept(&mut bench, rule),
            Check::Recorded => keeping::recorded(&mut bench, rule),
            Check::Backup => keeping::backup(&mut bench, rule),
            Check::Time => stamp::time(&mut bench, rule),
            Check::Stamp => stamp::stamp(&mut bench, rule),
            Check::Upload => network::upload(&mut bench, rule),
            Check::Firewall => network::firewall(&mut bench, rule),
            Check::Network => network::reached(&mut bench, rule),
            Check::Surveillance => network::surveillance(&mut bench, rule),
            Check::Supervision => network::supervision(&mut bench, rule),
        }
    }
    let mut findings = bench.findings;
    // Stable: what is equal stays in the order of the profile and of hall.toml.
    findings.sort_by_key(|finding| finding.result);
    findings
}

/// What the rules look at, and where they put what they find.
struct Bench<'a> {
    hall: &'a Hall,
    measured: &'a Measured,
    findings: Vec<Finding>,
}

/// What was found of one requirement.
struct Found {
    verdict: Verdict,
    measured: Bilingual,
    when: Option<WallTime>,
    by: Option<Source>,
    over: Option<Span>,
    evidence: Option<String>,
    attested_by: Option<String>,
    remedy: Option<Bilingual>,
}

impl Found {
    /// What hall.toml says.
    fn declared(good: bool, measured: Bilingual, remedy: Bilingual) -> Self {
        let verdict = if good { Verdict::Pass } else { Verdict::Fail };
        let remedy = (!good).then_some(remedy);
        Self { verdict, measured, when: None, by: None, over: None, evidence: None, attested_by: None, remedy }
    }

    /// What a measurement says.
    fn read<T>(reading: &Reading<T>, good: bool, measured: Bilingual, remedy: Bilingual) -> Self {
        Self {
            when: Some(reading.at),
            by: Some(reading.source),
            over: reading.over,
            evidence: reading.evidence.clone(),
            ..Self::declared(good, measured, remedy)
        }
    }

    /// Nothing says.
    fn unmeasured(remedy: Bilingual) -> Self {
        let measured = both("未测", "not measured");
        Self { verdict: Verdict::NotMeasured, ..Self::declared(false, measured, remedy) }
    }

    /// Something was measured, but it does not tell yet.
    fn not_yet<T>(reading: &Reading<T>, measured: Bilingual, remedy: Bilingual) -> Self {
        Self { verdict: Verdict::NotMeasured, ..Self::read(reading, false, measured, remedy) }
    }

    /// A person has vouched for it.
    fn attested(attestation: &Attestation, measured: Bilingual) -> Self {
        Self {
            verdict: Verdict::Attested,
            when: Some(attestation.at),
            evidence: Some(attestation.still.clone()),
            attested_by: Some(attestation.by.clone()),
            ..Self::declared(true, measured, both("", ""))
        }
    }
}

/// Nothing is measured of a camera while no recorder runs, or while it does not deliver.
fn run_the_recorder() -> Bilingual {
    both(
        "请先运行录像服务（jiancha run），待摄像机有画面后再检查。",
        "Run the recorder (jiancha run), wait until the camera delivers, then check again.",
    )
}

/// How a person vouches for something.
fn attest_it(camera: &CameraId, what: What) -> Bilingual {
    let command = format!("jiancha check attest --camera {camera} --what {} --by NAME --still FILE", what.word());
    both(format!("请现场确认后签认：{command}"), format!("Confirm it on site, then attest: {command}"))
}

/// A camera that is not recorded, in words.
fn not_recording(camera: &CameraId) -> Bilingual {
    both(format!("{camera} 未在录像"), format!("{camera} is not recording"))
}

/// What to do about it.
fn mend_camera() -> Bilingual {
    both(
        "请检查摄像机电源、网线、地址和密码；原因见监看页面或 jiancha timeline。",
        "Check its power, cable, address and password; the viewer and jiancha timeline tell the cause.",
    )
}

impl<'a> Bench<'a> {
    fn put(&mut self, rule: &Rule, about: About, required: Bilingual, found: Found) {
        let subject = about.words();
        self.findings.push(Finding {
            rule: rule.rule.clone(),
            check: rule.check,
            subject: subject.en,
            subject_zh: subject.zh,
            result: found.verdict,
            measured: found.measured.en,
            measured_zh: found.measured.zh,
            required,
            source: rule.words.clone(),
            when: found.when,
            measured_by: found.by,
            over: found.over,
            evidence: found.evidence,
            attested_by: found.attested_by,
            remedy: found.remedy,
            about,
        });
    }

    /// What is known of a camera.
    fn of(&self, camera: &CameraId) -> Option<&'a CameraMeasured> {
        self.measured.camera(camera)
    }

    /// The newest attestation of a camera.
    fn attested(&self, camera: &CameraId, what: What) -> Option<&'a Attestation> {
        self.measured.attested.iter().filter(|a| &a.camera == camera && a.what == what).max_by_key(|a| a.at)
    }

    /// The windows a camera looks at; the camera itself where it looks at none.
    fn subjects(&self, camera: &Camera) -> Vec<About> {
        let windows: Vec<About> = self.hall.windows_of(&camera.id).map(|w| About::Window(w.id.clone())).collect();
        if windows.is_empty() { vec![About::Camera(camera.id.clone())] } else { windows }
    }

    fn comprehensive_windows(&self) -> usize {
        self.hall.windows.iter().filter(|w| w.is_comprehensive()).count()
    }

    fn ptz_cameras(&self) -> impl Iterator<Item = &'a Camera> + use<'a> {
        self.hall.cameras.iter().filter(|c| c.kind == crate::hall::CameraKind::Ptz)
    }
}
