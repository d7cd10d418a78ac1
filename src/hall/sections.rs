//! Takes the sections of hall.toml apart: every key of every section, each value by itself. How they fit together is for [`super::checks`].

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use toml_edit::{Item, TableLike, Value};
use url::Url;

use super::complaint::{ComplaintKind, Words};
use super::reader::{Need, Reader, Section, show};
use super::secret::{self, Surroundings};
use super::{
    CameraKind, Credentials, RtspTransport, StampMode, StampWork, StorageRoot, coverage, hours, place, stamp_layout,
    stamp_overload, wall,
};

/// The sections hall.toml knows, and whether each is written `[[…]]`.
pub(super) const SECTIONS: [(&str, bool); 19] = [
    ("hall", false),
    ("zone", true),
    ("camera", true),
    ("pickup", true),
    ("window", true),
    ("storage", true),
    ("recording", false),
    ("stamp", false),
    ("wall", false),
    ("viewer", false),
    ("calendar", false),
    ("hours", false),
    ("retention", false),
    ("backup", false),
    ("evidence", false),
    ("time", false),
    ("camera_clock", false),
    ("coverage", false),
    ("equipment", true),
];

/// Longest id: it becomes part of a path and of addresses.
const LONGEST_ID: usize = 64;

/// One entry of a `[[…]]` section: what could be read of it.
pub(super) struct Entry<'a, T> {
    pub(super) section: Section<'a>,
    /// The id as written, even when something else about the entry is wrong.
    pub(super) id: Option<String>,
    pub(super) draft: T,
}

#[derive(Default)]
pub(super) struct HallDraft {
    pub(super) name: Option<String>,
    pub(super) division: Option<String>,
    pub(super) profile: Option<String>,
    pub(super) extranet: bool,
}

pub(super) struct ZoneDraft {
    pub(super) zone_type: Option<String>,
    pub(super) name: Option<String>,
    pub(super) all_day: bool,
    pub(super) hours: Option<hours::OpeningHours>,
    pub(super) coverage: coverage::ZoneCoverage,
}

pub(super) struct CameraDraft {
    pub(super) name: Option<String>,
    pub(super) kind: Option<CameraKind>,
    pub(super) zone: Option<String>,
    pub(super) url: Option<Url>,
    pub(super) wall_url: Option<Url>,
    pub(super) credentials: Option<Credentials>,
    pub(super) stamp: Option<StampMode>,
    pub(super) transport: Option<RtspTransport>,
    pub(super) label: Option<stamp_layout::LabelTemplate>,
    pub(super) osd: super::CameraOsd,
}

pub(super) struct PickupDraft {
    pub(super) name: Option<String>,
    pub(super) camera: Option<String>,
}

pub(super) struct WindowDraft {
    pub(super) name: Option<String>,
    pub(super) zone: Option<String>,
    pub(super) camera: Option<String>,
    pub(super) pickup: Option<String>,
    pub(super) faces: Option<String>,
    pub(super) kinds: Vec<String>,
}

pub(super) struct RecordingDraft {
    pub(super) segment_seconds: u32,
    pub(super) part_ms: u32,
    pub(super) sync_seconds: u32,
    pub(super) silence_seconds: u32,
    pub(super) catalogue: Option<PathBuf>,
}

pub(super) struct StampDraft {
    pub(super) encoder: String,
    pub(super) pipelines: Option<PathBuf>,
    pub(super) font: Option<PathBuf>,
    pub(super) bitrate_kbps: u32,
    pub(super) layout: stamp_layout::StampLayout,
    pub(super) work: StampWork,
}

/// Where paths start, and what may be looked up outside the file.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) base_dir: &'a Path,
    pub(super) surroundings: &'a dyn Surroundings,
    /// False: leave passwords outside the file alone.
    pub(super) secrets: bool,
    /// False: leave the backup store's secret key alone.
    pub(super) backup_secret: bool,
}

/// The one table of a `[…]` section.
pub(crate) fn single<'a>(reader: &mut Reader, root: &Section<'a>, name: &str) -> Option<Section<'a>> {
    let item = root.table.get(name)?;
    match item.as_table_like() {
        Some(table) => Some(Section { table, path: name.to_owned(), line: reader.line_of(root, name) }),
        None => {
            let wanted = Words::new(format!("一个表 [{name}]"), format!("one table [{name}]"));
            reader.wrong_type(root, name, item, wanted, "…");
            None
        }
    }
}

/// The tables of a `[[…]]` section, each with its id where it has one.
pub(crate) fn entries<'a>(reader: &mut Reader, root: &Section<'a>, name: &str) -> Vec<Section<'a>> {
    let Some(item) = root.table.get(name) else { return Vec::new() };
    let tables: Option<Vec<(&'a dyn TableLike, Option<usize>)>> = match item {
        Item::ArrayOfTables(list) => {
            Some(list.iter().map(|t| (t as &dyn TableLike, t.span().map(|span| span.start))).collect())
        }
        Item::Value(Value::Array(list)) => {
            list.iter().map(|v| v.as_inline_table().map(|t| (t as &dyn TableLike, v.span().map(|span| span.start)))).collect()
        }
        _ => None,
    };
    let Some(tables) = tables else {
        let wanted = Words::new(format!("[[{name}]]，每个一段"), format!("[[{name}]], one for each"));
        reader.wrong_type(root, name, item, wanted, "…");
        return Vec::new();
    };
    tables
        .into_iter()
        .enumerate()
        .map(|(n, (table, start))| {
            let path = match table.get("id").and_then(Item::as_str) {
                Some(id) if legal_id(id) => format!("{name}[{id}]"),
                _ => format!("{name}[#{}]", n + 1),
            };
            let line = start.map_or(root.line, |at| reader.lines.line(at));
            Section { table, path, line }
        })
        .collect()
}

/// Letters, digits, `-` and `_`: what can be a folder name and part of an address everywhere.
pub(super) fn legal_id(id: &str) -> bool {
    !id.is_empty() && id.len() <= LONGEST_ID && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

pub(super) fn id(reader: &mut Reader, section: &Section<'_>, example: &str) -> Option<String> {
    let id = reader.text(section, "id", Need::Required, example)?;
    if !legal_id(&id) {
        let line = reader.line_of(section, "id");
        reader.error(
            ComplaintKind::IllegalId,
            line,
            section.key("id"),
            Words::new(format!("写的是 {}", show(&id)), format!("found {}", show(&id))),
            Words::new(
                format!("编号会用作文件夹名，只能用英文字母、数字、- 和 _，最多 {LONGEST_ID} 个字符，例如 {example}"),
                format!("ids become folder names: only letters, digits, - and _, at most {LONGEST_ID}, such as {example}"),
            ),
        );
    }
    Some(id)
}

pub(super) fn hall(reader: &mut Reader, section: &Section<'_>) -> HallDraft {
    reader.refuse_unknown(section, &["name", "division", "profile", "extranet"]);
    HallDraft {
        name: reader.text(section, "name", Need::Required, "\"重庆街道便民服务中心\""),
        division: reader.text(section, "division", Need::Required, "\"长春市朝阳区\""),
        profile: reader.text(section, "profile", Need::Optional, "\"changchun-2022/township-centre\""),
        extranet: reader.flag(section, "extranet", true),
    }
}

pub(super) fn zone<'a>(reader: &mut Reader, section: Section<'a>) -> Entry<'a, ZoneDraft> {
    reader.refuse_unknown(&section, &["id", "type", "name", "all_day", "hours", "also", "seen_by", "public"]);
    let id = id(reader, &section, "\"Z1\"");
    let all_day = reader.flag(&section, "all_day", false);
    let draft = ZoneDraft {
        zone_type: reader.text(&section, "type", Need::Required, "\"综合受理区\""),
        name: reader.text(&section, "name", Need::Optional, "\"一楼综合受理区\""),
        all_day,
        hours: hours::of_zone(reader, &section, all_day),
        coverage: coverage::of_zone(reader, &section),
    };
    Entry { section, id, draft }
}

pub(super) fn camera<'a>(reader: &mut Reader, section: Section<'a>, place: Place<'_>) -> Entry<'a, CameraDraft> {
    reader.refuse_unknown(
        &section,
        &[
            "id",
            "kind",
            "zone",
            "url",
            "wall_url",
            "username",
            "password_file",
            "password_env",
            "password",
            "stamp",
            "transport",
            "name",
            "label",
            "osd_clock",
            "osd_label",
        ],
    );
    let id = id(reader, &section, "\"C3\"");
    let kinds = [("fixed", CameraKind::Fixed), ("ptz", CameraKind::Ptz)];
    let stamps = [("reencode", StampMode::Reencode), ("camera", StampMode::Camera), ("none", StampMode::None)];
    let transports = [("tcp", RtspTransport::Tcp), ("udp", RtspTransport::Udp)];
    let draft = CameraDraft {
        name: reader.text(&section, "name", Need::Optional, "\"三、四号窗口\""),
        kind: reader.choice(&section, "kind", &kinds, None),
        zone: reader.text(&section, "zone", Need::Required, "\"Z1\""),
        url: address(reader, &section, "url", Need::Required, "\"rtsp://192.0.2.13:554/Streaming/Channels/101\""),
        wall_url: address(reader, &section, "wall_url", Need::Optional, "\"rtsp://192.0.2.13:554/Streaming/Channels/102\""),
        credentials: secret::credentials(reader, &section, place.base_dir, place.secrets.then_some(place.surroundings)),
        stamp: reader.choice(&section, "stamp", &stamps, Some(StampMode::Reencode)),
        transport: reader.choice(&section, "transport", &transports, Some(RtspTransport::Tcp)),
        label: stamp_layout::template(reader, &section),
        osd: super::camera_osd::of_camera(reader, &section),
    };
    if draft.wall_url.is_some() {
        wall::second_stream(reader, &section, draft.wall_url == draft.url, draft.stamp == Some(StampMode::Reencode));
    }
    Entry { section, id, draft }
}

fn address(reader: &mut Reader, section: &Section<'_>, name: &str, need: Need, example: &str) -> Option<Url> {
    let written = reader.text(section, name, need, example)?;
    let line = reader.line_of(section, name);
    let right = Words::new(format!("例如 {name} = {example}"), format!("write for example {name} = {example}"));
    let url = match Url::parse(written.trim()) {
        Ok(url) => url,
        Err(e) => {
            // What cannot be taken apart may still hold a password: it is not repeated.
            let shown = if written.contains('@') { "\"***\"".to_owned() } else { show(&written) };
            let found = Words::new(format!("{shown} 不是网络地址（{e}）"), format!("{shown} is no address ({e})"));
            reader.error(ComplaintKind::BadUrl, line, section.key(name), found, right);
            return None;
        }
    };
    if !url.username().is_empty() || url.password().is_some() {
        reader.error(
            ComplaintKind::CredentialsInUrl,
            line,
            section.key(name),
            Words::new("地址里写有用户名或密码", "a user name or password inside the address"),
            Words::new(
                "请从地址中删去，改写 username = \"…\" 和 password_file = \"…\"（或 password_env）",
                "take them out and write username = \"…\" and password_file = \"…\" (or password_env)",
            ),
        );
        return None;
    }
    if !matches!(url.scheme(), "rtsp" | "rtsps") {
        let found = Words::new(format!("协议是 {}", url.scheme()), format!("the scheme is {}", url.scheme()));
        let right = Words::new(
            format!("应为 rtsp:// 或 rtsps://，例如 {name} = {example}"),
            format!("must be rtsp:// or rtsps://, for example {name} = {example}"),
        );
        reader.error(ComplaintKind::BadUrl, line, section.key(name), found, right);
        return None;
    }
    if url.host_str().is_none_or(str::is_empty) || url.port() == Some(0) {
        let found =
            Words::new(format!("{} 没有主机或端口为 0", show(&written)), format!("{} has no host, or port 0", show(&written)));
        reader.error(ComplaintKind::BadUrl, line, section.key(name), found, right);
        return None;
    }
    Some(url)
}

pub(super) fn pickup<'a>(reader: &mut Reader, section: Section<'a>) -> Entry<'a, PickupDraft> {
    reader.refuse_unknown(&section, &["id", "name", "camera"]);
    let id = id(reader, &section, "\"P1\"");
    let draft = PickupDraft {
        name: reader.text(&section, "name", Need::Optional, "\"三号窗口拾音器\""),
        camera: reader.text(&section, "camera", Need::Required, "\"C3\""),
    };
    Entry { section, id, draft }
}

pub(super) fn window<'a>(reader: &mut Reader, section: Section<'a>) -> Entry<'a, WindowDraft> {
    reader.refuse_unknown(&section, &["id", "name", "zone", "camera", "pickup", "faces", "kinds"]);
    let id = id(reader, &section, "\"03\"");
    let draft = WindowDraft {
        name: reader.text(&section, "name", Need::Optional, "\"跨省通办\""),
        zone: reader.text(&section, "zone", Need::Required, "\"Z1\""),
        camera: reader.text(&section, "camera", Need::Required, "\"C3\""),
        pickup: reader.text(&section, "pickup", Need::Required, "\"C3\""),
        faces: reader.text(&section, "faces", Need::Optional, "\"04\""),
        kinds: reader.texts(&section, "kinds", Need::Optional, "[\"综合窗口\", \"帮办代办\"]"),
    };
    Entry { section, id, draft }
}

pub(super) fn storage<'a>(reader: &mut Reader, section: Section<'a>, base_dir: &Path) -> Entry<'a, Option<StorageRoot>> {
    reader.refuse_unknown(&section, &["path", "reserve_mb", "mounted"]);
    let path = reader.text(&section, "path", Need::Required, "\"/srv/jiancha/a\"");
    let reserve_mb = reader.number(&section, "reserve_mb", StorageRoot::RESERVE_MB, 1..=1_000_000, Words::same("MiB"));
    let mounted = reader.flag(&section, "mounted", false);
    let draft = path.map(|path| StorageRoot { path: place::resolve(base_dir, &path), reserve_mb, mounted });
    Entry { section, id: None, draft }
}

pub(super) fn recording(reader: &mut Reader, section: &Section<'_>, base_dir: &Path) -> RecordingDraft {
    reader.refuse_unknown(section, &["segment_seconds", "part_ms", "sync_seconds", "silence_seconds", "catalogue"]);
    let seconds = || Words::new("秒", "seconds");
    let segment_seconds = reader.number(section, "segment_seconds", 60, 10..=3600, seconds());
    if 3600 % segment_seconds != 0 {
        let line = reader.line_of(section, "segment_seconds");
        reader.error(
            ComplaintKind::OutOfRange,
            line,
            section.key("segment_seconds"),
            Words::new(format!("写的是 {segment_seconds}"), format!("found {segment_seconds}")),
            Words::new("必须能整除 3600，例如 60、120、300", "must divide 3600, for example 60, 120 or 300"),
        );
    }
    RecordingDraft {
        segment_seconds,
        part_ms: reader.number(section, "part_ms", 1000, 200..=2000, Words::new("毫秒", "milliseconds")),
        sync_seconds: reader.number(section, "sync_seconds", 5, 1..=60, seconds()),
        silence_seconds: reader.number(section, "silence_seconds", 6, 2..=60, seconds()),
        catalogue: reader
            .text(section, "catalogue", Need::Optional, "\"/srv/jiancha/a/.jiancha\"")
            .map(|path| place::resolve(base_dir, &path)),
    }
}

pub(super) fn stamp(reader: &mut Reader, section: &Section<'_>, place: Place<'_>) -> StampDraft {
    let own = ["encoder", "pipelines", "font", "bitrate_kbps"];
    reader.refuse_unknown(section, &[own.as_slice(), stamp_layout::KEYS.as_slice(), stamp_overload::KEYS.as_slice()].concat());
    let mut existing = |key: &str, example: &str| {
        let path = place::resolve(place.base_dir, &reader.text(section, key, Need::Optional, example)?);
        if !place.surroundings.exists(&path) {
            let line = reader.line_of(section, key);
            let shown = path.display();
            reader.error(
                ComplaintKind::BadValue,
                line,
                section.key(key),
                Words::new(format!("{shown} 不存在"), format!("{shown} does not exist")),
                Words::new(
                    format!("请写已有的路径，或删去 {key} 使用默认"),
                    format!("name one that exists, or leave {key} out for the default"),
                ),
            );
        }
        Some(path)
    };
    let pipelines = existing("pipelines", "\"pipelines\"");
    let font = existing("font", "\"/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc\"");
    StampDraft {
        encoder: reader.text(section, "encoder", Need::Optional, "\"auto\"").unwrap_or_else(|| "auto".to_owned()),
        pipelines,
        font,
        bitrate_kbps: reader.number(section, "bitrate_kbps", 3000, 300..=20000, Words::same("kbit/s")),
        layout: stamp_layout::read(reader, section),
        work: stamp_overload::read(reader, section),
    }
}

/// Where the viewer listens when the file does not say: this machine only.
pub(super) const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8080);

pub(super) fn viewer(reader: &mut Reader, section: &Section<'_>) -> SocketAddr {
    reader.refuse_unknown(section, &["listen"]);
    let example = "\"127.0.0.1:8080\"";
    let Some(written) = reader.text(section, "listen", Need::Optional, example) else { return DEFAULT_LISTEN };
    let line = reader.line_of(section, "listen");
    let found = Words::new(format!("写的是 {}", show(&written)), format!("found {}", show(&written)));
    match written.trim().parse::<SocketAddr>() {
        Err(_) => {
            let right = Words::new(
                format!("应为 IP 地址加端口，例如 listen = {example}"),
                format!("must be an IP address and a port, for example listen = {example}"),
            );
            reader.error(ComplaintKind::BadValue, line, section.key("listen"), found, right);
            DEFAULT_LISTEN
        }
        Ok(listen) => {
            if !listen.ip().is_loopback() {
                let right = Words::new(
                    "明文 HTTP 只宜用于本机；请在前面放带 TLS 的反向代理，并改为 127.0.0.1",
                    "plain HTTP is for this machine only; put a TLS proxy in front and listen on 127.0.0.1",
                );
                reader.warn(ComplaintKind::OpenListener, line, section.key("listen"), found, right);
            }
            listen
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_safe_folder_names() {
        for id in ["C3", "03", "front_desk-1"] {
            assert!(legal_id(id), "{id}");
        }
        for id in ["", "..", "a/b", "C 3", "窗口", ".jiancha", &"x".repeat(65)] {
            assert!(!legal_id(id), "{id}");
        }
    }
}
