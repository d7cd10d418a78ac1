//! How the sections of hall.toml fit together: ids defined once, references that lead somewhere, and who may share what (R5).

use std::collections::BTreeMap;

use super::complaint::{ComplaintKind, Words};
use super::reader::{Reader, show};
use super::sections::{CameraDraft, Entry, PickupDraft, WindowDraft, ZoneDraft, legal_id};
use super::suggest;
use super::{CameraKind, StorageRoot};

/// Everything the file defines, as far as it could be read.
pub(super) struct Drafts<'a> {
    pub(super) zones: Vec<Entry<'a, ZoneDraft>>,
    pub(super) cameras: Vec<Entry<'a, CameraDraft>>,
    pub(super) pickups: Vec<Entry<'a, PickupDraft>>,
    pub(super) windows: Vec<Entry<'a, WindowDraft>>,
    pub(super) storage: Vec<Entry<'a, Option<StorageRoot>>>,
}

fn ids<'e, T>(entries: &'e [Entry<'_, T>]) -> Vec<&'e str> {
    entries.iter().filter_map(|e| e.id.as_deref()).collect()
}

/// Runs every check.
pub(super) fn all(reader: &mut Reader, drafts: &Drafts<'_>) {
    something_to_do(reader, drafts);
    let mut taken = BTreeMap::new();
    unique(reader, &drafts.zones, &mut taken);
    taken.clear();
    unique(reader, &drafts.windows, &mut taken);
    taken.clear();
    // Cameras and pickups share their ids: a window's `pickup` may name either.
    unique(reader, &drafts.cameras, &mut taken);
    unique(reader, &drafts.pickups, &mut taken);
    references(reader, drafts);
    facing(reader, &drafts.windows);
    sharing(reader, drafts);
    addresses(reader, &drafts.cameras);
    storage(reader, &drafts.storage);
}

fn something_to_do(reader: &mut Reader, drafts: &Drafts<'_>) {
    let mut missing = |section: &str, zh: &str, en: &str, example: &str| {
        reader.error(
            ComplaintKind::MissingKey,
            0,
            section.to_owned(),
            Words::new(zh, en),
            Words::new(format!("请加上 {example}"), format!("add {example}")),
        );
    };
    if drafts.cameras.is_empty() {
        missing("camera", "没有一台摄像机", "no camera at all", "[[camera]] id = \"C1\" …");
    }
    if drafts.storage.is_empty() {
        missing("storage", "没有存储目录", "no storage folder", "[[storage]] path = \"/srv/jiancha/a\"");
    }
}

fn unique<T>(reader: &mut Reader, entries: &[Entry<'_, T>], taken: &mut BTreeMap<String, usize>) {
    for entry in entries {
        let Some(id) = &entry.id else { continue };
        let line = reader.line_of(&entry.section, "id");
        if let Some(first) = taken.get(id) {
            reader.error(
                ComplaintKind::DuplicateId,
                line,
                entry.section.key("id"),
                Words::new(
                    format!("编号 {} 在第 {first} 行已用过", show(id)),
                    format!("the id {} is taken in line {first}", show(id)),
                ),
                Words::new("请换一个没有用过的编号", "choose an id that is free"),
            );
        } else {
            taken.insert(id.clone(), line);
        }
    }
}

fn references(reader: &mut Reader, drafts: &Drafts<'_>) {
    let zones = ids(&drafts.zones);
    let cameras = ids(&drafts.cameras);
    let windows = ids(&drafts.windows);
    let sounds: Vec<&str> = cameras.iter().copied().chain(ids(&drafts.pickups)).collect();
    for zone in &drafts.zones {
        for camera in &zone.draft.coverage.seen_by {
            refer(reader, zone, "seen_by", Some(camera.as_str()), &cameras, "[[camera]]");
        }
    }
    for camera in &drafts.cameras {
        refer(reader, camera, "zone", camera.draft.zone.as_deref(), &zones, "[[zone]]");
    }
    for pickup in &drafts.pickups {
        refer(reader, pickup, "camera", pickup.draft.camera.as_deref(), &cameras, "[[camera]]");
    }
    for window in &drafts.windows {
        let draft = &window.draft;
        refer(reader, window, "zone", draft.zone.as_deref(), &zones, "[[zone]]");
        refer(reader, window, "camera", draft.camera.as_deref(), &cameras, "[[camera]]");
        refer(reader, window, "pickup", draft.pickup.as_deref(), &sounds, "[[camera]] / [[pickup]]");
        refer(reader, window, "faces", draft.faces.as_deref(), &windows, "[[window]]");
    }
}

fn refer<T>(reader: &mut Reader, from: &Entry<'_, T>, key: &str, named: Option<&str>, defined: &[&str], section: &str) {
    let Some(named) = named else { return };
    if defined.contains(&named) {
        return;
    }
    let line = reader.line_of(&from.section, key);
    let list = if defined.is_empty() { "-".to_owned() } else { defined.join("、") };
    let near = suggest::nearest(named, defined.iter().copied());
    let (zh, en) = near
        .map_or_else(Default::default, |near| (format!("是否想写 {}？", show(near)), format!("did you mean {}? ", show(near))));
    reader.error(
        ComplaintKind::UnknownReference,
        line,
        from.section.key(key),
        Words::new(format!("{} 没有定义", show(named)), format!("{} is not defined", show(named))),
        Words::new(
            format!("{zh}{section} 中已定义：{list}"),
            format!("{en}defined by {section}: {}", if defined.is_empty() { "none".to_owned() } else { defined.join(", ") }),
        ),
    );
}

fn facing(reader: &mut Reader, windows: &[Entry<'_, WindowDraft>]) {
    for window in windows {
        let (Some(id), Some(faces)) = (&window.id, &window.draft.faces) else { continue };
        if !legal_id(id) {
            // Nobody can answer to such an id; the id itself is complained about.
            continue;
        }
        let line = reader.line_of(&window.section, "faces");
        let key = window.section.key("faces");
        if id == faces {
            reader.error(
                ComplaintKind::FacesNotMutual,
                line,
                key,
                Words::new(format!("窗口 {id} 与自己面对面"), format!("window {id} faces itself")),
                Words::new("请写对面窗口的编号，或删去 faces", "name the window opposite, or leave faces out"),
            );
            continue;
        }
        let Some(other) = windows.iter().find(|w| w.id.as_ref() == Some(faces)) else { continue };
        if other.draft.faces.as_ref() != Some(id) {
            let answer = other.draft.faces.as_deref();
            reader.error(
                ComplaintKind::FacesNotMutual,
                line,
                key,
                Words::new(
                    format!(
                        "窗口 {id} 面对 {faces}，而窗口 {faces} {}",
                        answer.map_or("没有写 faces".to_owned(), |a| format!("面对 {a}"))
                    ),
                    format!(
                        "window {id} faces {faces}, but {faces} {}",
                        answer.map_or("names no faces".to_owned(), |a| format!("faces {a}"))
                    ),
                ),
                Words::new(
                    format!("请在窗口 {faces} 写 faces = \"{id}\"，或在此删去"),
                    format!("write faces = \"{id}\" for window {faces}, or take it out here"),
                ),
            );
        }
    }
}

fn sharing(reader: &mut Reader, drafts: &Drafts<'_>) {
    let windows = &drafts.windows;
    for (n, window) in windows.iter().enumerate() {
        let (Some(id), draft) = (&window.id, &window.draft) else { continue };
        let strangers = |earlier: &&Entry<'_, WindowDraft>| {
            let facing = earlier.draft.faces.as_ref() == Some(id) || draft.faces.is_some() && draft.faces == earlier.id;
            earlier.id.as_ref() != Some(id) && !facing
        };
        let same_camera = |w: &&Entry<'_, WindowDraft>| draft.camera.is_some() && w.draft.camera == draft.camera;
        let same_pickup = |w: &&Entry<'_, WindowDraft>| draft.pickup.is_some() && w.draft.pickup == draft.pickup;
        if let Some(other) = windows[..n].iter().filter(same_camera).find(strangers) {
            let (camera, other) = (draft.camera.as_deref().unwrap_or(""), other.id.as_deref().unwrap_or("?"));
            let line = reader.line_of(&window.section, "camera");
            // Not refused: a hall that breaks R5 is recorded all the same, and jiancha check says so.
            reader.warn(
                ComplaintKind::Sharing,
                line,
                window.section.key("camera"),
                Words::new(
                    format!("窗口 {id} 与 {other} 共用摄像机 {camera}，但不是面对面的窗口"),
                    format!("windows {id} and {other} share camera {camera} without facing each other"),
                ),
                Words::new(
                    format!("R5：只有面对面的窗口可以共用；若面对面，请互写 faces，否则请给窗口 {id} 单独配定点摄像机"),
                    format!("R5: only windows that face each other may share; write faces for both, or give {id} a fixed camera of its own"),
                ),
            );
        } else if let Some(other) = windows[..n].iter().filter(same_pickup).find(strangers) {
            let (pickup, other) = (draft.pickup.as_deref().unwrap_or(""), other.id.as_deref().unwrap_or("?"));
            let line = reader.line_of(&window.section, "pickup");
            reader.warn(
                ComplaintKind::Sharing,
                line,
                window.section.key("pickup"),
                Words::new(
                    format!("窗口 {id} 与 {other} 共用拾音器 {pickup}，但不是面对面的窗口"),
                    format!("windows {id} and {other} share pickup {pickup} without facing each other"),
                ),
                Words::new("R5：只有面对面的窗口可以共用拾音器", "R5: only windows that face each other may share a pickup"),
            );
        }
        let watching = drafts.cameras.iter().find(|c| c.id.is_some() && c.id == draft.camera);
        if watching.is_some_and(|c| c.draft.kind == Some(CameraKind::Ptz)) {
            let line = reader.line_of(&window.section, "camera");
            reader.warn(
                ComplaintKind::NotFixed,
                line,
                window.section.key("camera"),
                Words::new(
                    format!("{} 是动点（云台）摄像机", draft.camera.as_deref().unwrap_or("")),
                    format!("{} is a PTZ camera", draft.camera.as_deref().unwrap_or("")),
                ),
                Words::new("R5：每个综合窗口应有一台定点摄像机", "R5: every comprehensive window needs a fixed camera"),
            );
        }
    }
}

fn addresses(reader: &mut Reader, cameras: &[Entry<'_, CameraDraft>]) {
    for (n, camera) in cameras.iter().enumerate() {
        let Some(url) = &camera.draft.url else { continue };
        let Some(first) = cameras[..n].iter().find(|c| c.draft.url.as_ref() == Some(url)) else { continue };
        let line = reader.line_of(&camera.section, "url");
        let path = &first.section.path;
        reader.warn(
            ComplaintKind::SameAddress,
            line,
            camera.section.key("url"),
            Words::new(format!("与 {path} 是同一地址"), format!("the same address as {path}")),
            Words::new("每台摄像机应有自己的地址", "every camera should have its own address"),
        );
    }
}

fn storage(reader: &mut Reader, roots: &[Entry<'_, Option<StorageRoot>>]) {
    for (n, root) in roots.iter().enumerate() {
        let Some(StorageRoot { path, .. }) = &root.draft else { continue };
        for first in &roots[..n] {
            let Some(StorageRoot { path: other, .. }) = &first.draft else { continue };
            let (zh, en) = if path == other {
                ("是同一目录", "is the same folder as")
            } else if path.starts_with(other) {
                ("在其内", "lies inside")
            } else if other.starts_with(path) {
                ("包含它", "contains")
            } else {
                continue;
            };
            let (line, first_line) = (reader.line_of(&root.section, "path"), reader.line_of(&first.section, "path"));
            reader.error(
                ComplaintKind::StorageOverlap,
                line,
                root.section.key("path"),
                Words::new(
                    format!("{} 与第 {first_line} 行的 {} 重叠（{zh}）", path.display(), other.display()),
                    format!("{} {en} {} of line {first_line}", path.display(), other.display()),
                ),
                Words::new("每个存储目录应各自独立，最好各在一块盘上", "storage folders must lie apart, best on a disk each"),
            );
            break;
        }
    }
}
