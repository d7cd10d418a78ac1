//! Reads hall.toml into a [`Hall`]: syntax, then every section, then how they fit together; all complaints at once.

use std::path::Path;

use toml_edit::{Document, TableLike};

use super::backup;
use super::checks::{self, Drafts};
use super::complaint::{Complaint, ComplaintKind, Complaints, Severity, Words};
use super::reader::{Lines, Reader, Section};
use super::retention;
use super::secret::{Machine, Surroundings};
use super::sections::{self, Entry, Place, SECTIONS};
use super::{
    Camera, CameraId, Hall, Pickup, PickupId, RecordingSettings, ServiceWindow, SoundSource, StampSettings, StorageRoot,
    ViewerSettings, WindowId, Zone, ZoneId,
};

/// Stands in for a section header that cannot be read, so that its keys do not land in the section above.
const DAMAGED: &str = "unreadable-header";

/// [`DAMAGED`] as a line of the file.
const DAMAGED_HEADER: &str = "[[unreadable-header]]";

/// Most syntax errors told at once; behind the first few, one error causes the next.
const MOST_SYNTAX_ERRORS: usize = 20;

/// Reads `path`, and the passwords it refers to. On success the warnings come with the hall.
///
/// # Errors
/// All complaints about the file at once; printing them names file, line, key, what was found and what would be right.
pub fn load(path: &Path) -> Result<(Hall, Vec<Complaint>), Complaints> {
    load_with(path, true, true)
}

/// Reads `path` but leaves passwords outside the file alone (cameras get an empty one): for commands that look at recordings
/// and never speak to a camera, which may run where the password is not to be had.
///
/// # Errors
/// As [`load`], without complaints about password files and variables.
pub fn load_without_secrets(path: &Path) -> Result<(Hall, Vec<Complaint>), Complaints> {
    load_with(path, false, false)
}

/// Reads `path` with the backup store's secret key and without the cameras' passwords: for commands that speak to the store only.
///
/// # Errors
/// As [`load`], without complaints about cameras' password files and variables.
pub fn load_for_backup(path: &Path) -> Result<(Hall, Vec<Complaint>), Complaints> {
    load_with(path, false, true)
}

fn load_with(path: &Path, secrets: bool, backup_secret: bool) -> Result<(Hall, Vec<Complaint>), Complaints> {
    let refuse = |kind, line, found, right| {
        let complaint = Complaint { severity: Severity::Error, kind, line, key: String::new(), found, right };
        Err(Complaints::new(Some(path), vec![complaint]))
    };
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(e) => {
            let right = Words::new(
                "请用 --config 指明 hall.toml，范例见 config/hall.toml",
                "name a hall.toml with --config; config/hall.toml is an example",
            );
            let found = Words::new(format!("读不到文件（{e}）"), format!("cannot be read ({e})"));
            return refuse(ComplaintKind::Unreadable, 0, found, right);
        }
    };
    let text = match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(e) => {
            let good = e.utf8_error().valid_up_to();
            let line = e.as_bytes().iter().take(good).filter(|&&b| b == b'\n').count() + 1;
            let right = Words::new("请把文件另存为 UTF-8 编码（现在可能是 GBK）", "save the file as UTF-8 (it may be GBK)");
            return refuse(ComplaintKind::Syntax, line, Words::new("不是 UTF-8 文字", "not UTF-8 text"), right);
        }
    };
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let base_dir = std::fs::canonicalize(folder).unwrap_or_else(|_| folder.to_path_buf());
    parse_at(&text, Place { base_dir: &base_dir, surroundings: &Machine, secrets, backup_secret })
        .map_err(|list| Complaints::new(Some(path), list))
}

/// Reads the text of a hall.toml that lies in `base_dir`, an absolute folder.
///
/// # Errors
/// All complaints at once.
pub fn parse(text: &str, base_dir: &Path) -> Result<(Hall, Vec<Complaint>), Complaints> {
    parse_with(text, base_dir, &Machine)
}

/// As [`parse`], in surroundings of the caller's choice.
///
/// # Errors
/// All complaints at once.
pub fn parse_with(text: &str, base_dir: &Path, surroundings: &dyn Surroundings) -> Result<(Hall, Vec<Complaint>), Complaints> {
    parse_at(text, Place { base_dir, surroundings, secrets: true, backup_secret: true })
        .map_err(|list| Complaints::new(None, list))
}

fn parse_at(text: &str, place: Place<'_>) -> Result<(Hall, Vec<Complaint>), Vec<Complaint>> {
    let (document, syntax) = parse_text(text);
    // Lines are counted in the text that was parsed: where a line was left out, offsets differ from the original's.
    let mut reader = Reader::new(document.as_ref().map_or(text, Document::raw));
    let hall = document.as_ref().and_then(|document| read(&mut reader, document.as_table(), place));
    let mut list = reader.complaints;
    if !syntax.is_empty() {
        // A line that could not be read may have held what seems to be missing.
        list.retain(|c| {
            !matches!(
                c.kind,
                ComplaintKind::MissingKey
                    | ComplaintKind::UnknownReference
                    | ComplaintKind::FacesNotMutual
                    | ComplaintKind::Sharing
            )
        });
        list.extend(syntax);
    }
    list.sort_by_key(|c| c.line);
    if list.iter().any(|c| c.severity == Severity::Error) {
        return Err(list);
    }
    hall.map(|hall| (hall, list.clone())).ok_or(list)
}

/// Parses TOML; behind a syntax error the rest of the file is still read, with the line at fault left out.
fn parse_text(text: &str) -> (Option<Document<String>>, Vec<Complaint>) {
    let mut lines: Vec<&str> = text.split('\n').collect();
    let mut complaints: Vec<Complaint> = Vec::new();
    for _ in 0..MOST_SYNTAX_ERRORS {
        let joined = lines.join("\n");
        let now = Lines::of(&joined);
        let error = match Document::parse(joined) {
            Ok(document) => return (Some(document), complaints),
            Err(error) => error,
        };
        let line = error.span().map_or(1, |span| now.line(span.start)).min(lines.len());
        complaints.push(syntax_complaint(line, error.message()));
        let damaged = if lines[line - 1].trim_start().starts_with('[') { DAMAGED_HEADER } else { "" };
        if lines[line - 1] == damaged {
            return (None, complaints);
        }
        lines[line - 1] = damaged;
    }
    (None, complaints)
}

fn syntax_complaint(line: usize, message: &str) -> Complaint {
    let message = message.lines().collect::<Vec<_>>().join(" ");
    let (zh, right) = match message.as_str() {
        "duplicate key" => ("这个键或表在前面已经写过".to_owned(), Words::new("同一个键只写一次", "write every key once")),
        _ => (
            format!("这一行不合 TOML 语法（{message}）"),
            Words::new(
                "每行一个 键 = 值，文字写在英文双引号里，注释以 # 开头",
                "one key = value per line, texts in straight double quotes, comments after #",
            ),
        ),
    };
    let found = Words::new(zh, message);
    Complaint { severity: Severity::Error, kind: ComplaintKind::Syntax, line, key: String::new(), found, right }
}

fn read(reader: &mut Reader, root: &toml_edit::Table, place: Place<'_>) -> Option<Hall> {
    let root = Section { table: root as &dyn TableLike, path: String::new(), line: 0 };
    let mut known: Vec<&str> = SECTIONS.iter().map(|(name, _)| *name).collect();
    if root.table.contains_key(DAMAGED) {
        known.push(DAMAGED);
    }
    reader.refuse_unknown(&root, &known);

    let hall = match sections::single(reader, &root, "hall") {
        Some(section) => sections::hall(reader, &section),
        None => {
            if !root.table.contains_key("hall") {
                let found = Words::new("缺少 [hall]", "[hall] is missing");
                let right = Words::new("请加上 [hall] name = … division = …", "add [hall] with name and division");
                reader.error(ComplaintKind::MissingKey, 0, "hall".to_owned(), found, right);
            }
            sections::HallDraft::default()
        }
    };
    let list = |reader: &mut Reader, name| sections::entries(reader, &root, name);
    let zones = list(reader, "zone").into_iter().map(|s| sections::zone(reader, s)).collect();
    let cameras = list(reader, "camera").into_iter().map(|s| sections::camera(reader, s, place)).collect();
    let pickups = list(reader, "pickup").into_iter().map(|s| sections::pickup(reader, s)).collect();
    let windows = list(reader, "window").into_iter().map(|s| sections::window(reader, s)).collect();
    let storage = list(reader, "storage").into_iter().map(|s| sections::storage(reader, s, place.base_dir)).collect();
    let drafts = Drafts { zones, cameras, pickups, windows, storage };
    checks::all(reader, &drafts);
    let label_texts = super::stamp_layout::written(reader, &root, &drafts);

    // A section that is left out is an empty one: every key of it has a default.
    let empty = toml_edit::Table::new();
    let mut optional =
        |name: &str| sections::single(reader, &root, name).unwrap_or(Section { table: &empty, path: name.to_owned(), line: 0 });
    let (recording, stamp, viewer) = (optional("recording"), optional("stamp"), optional("viewer"));
    let calendar = optional("calendar");
    let retention = optional("retention");
    let evidence = optional("evidence");
    let time = optional("time");
    let wall = optional("wall");
    let camera_clock = optional("camera_clock");
    let coverage = optional("coverage");
    let recording = sections::recording(reader, &recording, place.base_dir);
    let stamp = sections::stamp(reader, &stamp, place);
    let wall = super::wall::wall(reader, &wall);
    let listen = sections::viewer(reader, &viewer);
    let calendar = super::calendar::read(reader, &calendar, place);
    let hours = sections::single(reader, &root, "hours").map(|section| super::hours::read(reader, &section));
    let retention = retention::retention(reader, &retention);
    let section = sections::single(reader, &root, "backup");
    let secrets = place.backup_secret.then_some(place.surroundings);
    let backup = section.as_ref().and_then(|section| backup::backup(reader, section, place.base_dir, secrets));
    let time = super::clocks::read(reader, &time);
    let key = super::evidence::read(reader, &evidence, place.base_dir);
    let camera_clock = super::camera_osd::settings(reader, &camera_clock);
    let coverage = super::coverage::read(reader, &coverage, place);
    let inventory = sections::entries(reader, &root, "equipment");
    let equipment = super::equipment::read(reader, inventory);
    let built = build(hall, drafts, recording, stamp, listen, place.base_dir)?;
    let evidence = super::evidence::settings(key, &built.storage.first()?.path);
    if let (Some(section), Some(backup)) = (&section, &backup) {
        backup::apart(reader, section, backup, &built.storage);
    }
    let hall = Hall {
        wall,
        calendar,
        hours,
        retention,
        backup,
        evidence,
        time,
        label_texts,
        camera_clock,
        coverage,
        equipment,
        ..built
    };
    super::stamp_layout::check(reader, &hall);
    Some(hall)
}

/// Puts the hall together; `None` when something it needs could not be read, which a complaint then tells.
fn build(
    hall: sections::HallDraft,
    drafts: Drafts<'_>,
    recording: sections::RecordingDraft,
    stamp: sections::StampDraft,
    listen: std::net::SocketAddr,
    base_dir: &Path,
) -> Option<Hall> {
    let storage: Vec<StorageRoot> = drafts.storage.into_iter().map(|s| s.draft).collect::<Option<_>>()?;
    let catalogue = match recording.catalogue {
        Some(path) => path,
        None => storage.first()?.path.join(".jiancha"),
    };
    let evidence = super::evidence::settings(None, &storage.first()?.path);
    let pickup_ids: Vec<String> = drafts.pickups.iter().filter_map(|p| p.id.clone()).collect();
    Some(Hall {
        name: hall.name?,
        division: hall.division?,
        profile: hall.profile,
        extranet: hall.extranet,
        zones: drafts.zones.into_iter().map(zone).collect::<Option<_>>()?,
        cameras: drafts.cameras.into_iter().map(camera).collect::<Option<_>>()?,
        pickups: drafts.pickups.into_iter().map(pickup).collect::<Option<_>>()?,
        windows: drafts.windows.into_iter().map(|w| window(w, &pickup_ids)).collect::<Option<_>>()?,
        storage,
        recording: RecordingSettings {
            segment_seconds: recording.segment_seconds,
            part_ms: recording.part_ms,
            sync_seconds: recording.sync_seconds,
            silence_seconds: recording.silence_seconds,
            catalogue,
        },
        stamp: StampSettings {
            encoder: stamp.encoder,
            pipelines: stamp.pipelines,
            font: stamp.font,
            bitrate_kbps: stamp.bitrate_kbps,
            layout: stamp.layout,
            work: stamp.work,
        },
        wall: super::WallSettings::default(),
        viewer: ViewerSettings { listen },
        calendar: super::CalendarSettings { overrides: base_dir.join("calendar"), named: false },
        hours: None,
        retention: retention::RetentionSettings::default(),
        backup: None,
        evidence,
        time: super::ClockLimits::default(),
        label_texts: Vec::new(),
        camera_clock: super::CameraClockSettings::default(),
        coverage: super::CoverageSettings::beside(base_dir),
        equipment: Vec::new(),
        base_dir: base_dir.to_path_buf(),
    })
}

fn zone(entry: Entry<'_, sections::ZoneDraft>) -> Option<Zone> {
    let draft = entry.draft;
    Some(Zone {
        id: ZoneId::new(entry.id?),
        zone_type: draft.zone_type?,
        name: draft.name,
        all_day: draft.all_day,
        hours: draft.hours,
        also: draft.coverage.also,
        seen_by: draft.coverage.seen_by,
        public: draft.coverage.public,
    })
}

fn camera(entry: Entry<'_, sections::CameraDraft>) -> Option<Camera> {
    let draft = entry.draft;
    Some(Camera {
        id: CameraId::new(entry.id?),
        name: draft.name,
        kind: draft.kind?,
        zone: ZoneId::new(draft.zone?),
        url: draft.url?,
        wall_url: draft.wall_url,
        credentials: draft.credentials,
        stamp: draft.stamp?,
        transport: draft.transport?,
        label: draft.label,
        osd: draft.osd,
    })
}

fn pickup(entry: Entry<'_, sections::PickupDraft>) -> Option<Pickup> {
    let draft = entry.draft;
    Some(Pickup { id: PickupId::new(entry.id?), name: draft.name, camera: CameraId::new(draft.camera?) })
}

fn window(entry: Entry<'_, sections::WindowDraft>, pickups: &[String]) -> Option<ServiceWindow> {
    let draft = entry.draft;
    let sound = draft.pickup?;
    Some(ServiceWindow {
        id: WindowId::new(entry.id?),
        name: draft.name,
        zone: ZoneId::new(draft.zone?),
        camera: CameraId::new(draft.camera?),
        pickup: if pickups.contains(&sound) {
            SoundSource::Pickup(PickupId::new(sound))
        } else {
            SoundSource::Camera(CameraId::new(sound))
        },
        faces: draft.faces.map(WindowId::new),
        kinds: draft.kinds,
    })
}
