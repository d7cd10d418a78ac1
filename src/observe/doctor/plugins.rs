//! GStreamer elements, encoders and the font.

use std::path::{Path, PathBuf};

use gstreamer as gst;
use gstreamer::prelude::*;

use super::{Finding, Standing, both};
use crate::hall::StampSettings;

/// What is needed of a Debian package.
struct Package {
    name: &'static str,
    elements: &'static [&'static str],
    /// False: only simulated cameras need it.
    recording: bool,
}

/// The elements of the built-in pipelines, by the Debian package that brings them.
const PACKAGES: [Package; 8] = [
    Package { name: "libgstreamer1.0-0", elements: &["capsfilter", "identity"], recording: true },
    Package { name: "gstreamer1.0-plugins-base", elements: &["appsrc", "appsink", "videoconvert"], recording: true },
    Package { name: "gstreamer1.0-plugins-bad", elements: &["h264parse", "h265parse"], recording: true },
    Package { name: "gstreamer1.0-plugins-ugly", elements: &["x264enc"], recording: true },
    Package { name: "gstreamer1.0-libav", elements: &["avdec_h264", "avdec_h265"], recording: true },
    Package { name: "gstreamer1.0-plugins-good", elements: &["capssetter"], recording: true },
    Package {
        name: "gstreamer1.0-plugins-good",
        elements: &["rtph264pay", "rtph265pay", "rtpmp4vpay", "rtppcmapay", "rtpmp4gpay"],
        recording: false,
    },
    Package { name: "gstreamer1.0-plugins-bad", elements: &["x265enc"], recording: false },
];

/// Elements of every package, judged by `is_there`.
pub fn elements(is_there: impl Fn(&str) -> bool) -> Vec<Finding> {
    PACKAGES
        .iter()
        .map(|package| {
            let missing: Vec<&str> = package.elements.iter().copied().filter(|e| !is_there(e)).collect();
            let check = both(format!("GStreamer {}", package.name), format!("GStreamer {}", package.name));
            if missing.is_empty() {
                let list = package.elements.join(" ");
                return Finding::ok("gstreamer", check, both(format!("{list} 齐全"), format!("{list} all there")));
            }
            let list = missing.join(" ");
            let (standing, zh, en) = match package.recording {
                true => (Standing::Wrong, "不能录像", "no recording without"),
                false => (Standing::Warn, "只影响模拟摄像机", "matters to simulated cameras only"),
            };
            Finding::bad(
                "gstreamer",
                standing,
                check,
                both(format!("缺 {list}（{zh}）"), format!("{list} missing ({en})")),
                both(
                    format!("执行 apt-get install {}，再运行一次", package.name),
                    format!("run apt-get install {}, then this again", package.name),
                ),
            )
        })
        .collect()
}

/// True when GStreamer knows the element.
///
/// # Errors
/// Why GStreamer does not start.
pub fn gstreamer_elements() -> Result<impl Fn(&str) -> bool, String> {
    gst::init().map_err(|e| e.to_string())?;
    Ok(|name: &str| gst::ElementFactory::find(name).is_some())
}

/// What a trial of one encoder showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trial {
    /// Name as `[stamp] encoder` takes it.
    pub name: String,
    /// True when pictures came out.
    pub works: bool,
    /// What was seen.
    pub detail: String,
}

/// Judges the trials of all encoders against the one the hall asks for.
pub fn encoders(wanted: &str, trials: &[Trial]) -> Vec<Finding> {
    let working: Vec<&str> = trials.iter().filter(|t| t.works).map(|t| t.name.as_str()).collect();
    let usable = if wanted == "auto" { !working.is_empty() } else { working.contains(&wanted) };
    let check = both("叠加编码器", "encoder for the stamp");
    let list = if working.is_empty() { "-".to_owned() } else { working.join(" ") };
    let mut findings = vec![if usable {
        Finding::ok("encoder", check, both(format!("要求 {wanted}，可用 {list}"), format!("wanted {wanted}, working: {list}")))
    } else {
        Finding::bad(
            "encoder",
            Standing::Wrong,
            check,
            both(format!("要求 {wanted}，可用 {list}"), format!("wanted {wanted}, working: {list}")),
            both(
                "把 [stamp] encoder 改为 \"auto\"；至少安装 gstreamer1.0-plugins-ugly（x264）",
                "set [stamp] encoder to \"auto\"; install at least gstreamer1.0-plugins-ugly (x264)",
            ),
        )
    }];
    findings.extend(trials.iter().map(|trial| {
        let check = both(format!("编码器 {}", trial.name), format!("encoder {}", trial.name));
        let (standing, zh, en) = match trial.works {
            true => (Standing::Ok, "试编成功", "works"),
            // No graphics processor of that kind is no fault, unless the hall asks for it: that is said above.
            false => (Standing::Absent, "本机不可用", "not usable here"),
        };
        let with = |word: &str| format!("{word}: {}", trial.detail.lines().next().unwrap_or(""));
        Finding { standing, ..Finding::ok("encoder", check, both(with(zh), with(en))) }
    }));
    findings
}

/// The encoders that are tried, as element names: the software fall-backs and what graphics processors bring.
const CANDIDATES: [(&str, &str); 6] = [
    ("nvenc", "nvh264enc"),
    ("vaapi", "vah264enc"),
    ("qsv", "qsvh264enc"),
    ("v4l2", "v4l2h264enc"),
    ("x264", "x264enc"),
    ("openh264", "openh264enc"),
];

/// Encodes a few pictures with every encoder. THE CALL SITE for the stamp's own trials: whoever joins the branches lets this
/// return the rows of `stamp::encoders::probe(settings)`, whose fields have the same names.
pub fn try_encoders(settings: &StampSettings) -> Vec<Trial> {
    let _ = settings;
    CANDIDATES
        .iter()
        .map(|(name, element)| {
            let tried = try_encoder(element);
            let works = tried.is_ok();
            Trial { name: (*name).to_owned(), works, detail: tried.unwrap_or_else(|e| e) }
        })
        .collect()
}

fn try_encoder(element: &str) -> Result<String, String> {
    if gst::ElementFactory::find(element).is_none() {
        return Err(format!("{element} is not registered"));
    }
    let description = format!(
        "videotestsrc num-buffers=5 ! video/x-raw,width=640,height=360,framerate=25/1 ! videoconvert ! {element} ! fakesink"
    );
    let pipeline = gst::parse::launch(&description).map_err(|e| e.to_string())?;
    let bus = pipeline.bus().ok_or("the pipeline has no bus")?;
    pipeline.set_state(gst::State::Playing).map_err(|e| e.to_string())?;
    let wanted = [gst::MessageType::Eos, gst::MessageType::Error];
    let answer = bus.timed_pop_filtered(gst::ClockTime::from_seconds(10), &wanted);
    let _ = pipeline.set_state(gst::State::Null);
    match answer.as_ref().map(|message| message.view()) {
        Some(gst::MessageView::Eos(_)) => Ok(element.to_owned()),
        Some(gst::MessageView::Error(error)) => Err(error.error().to_string()),
        _ => Err("no picture within 10 s".to_owned()),
    }
}

/// Where distributions put Noto Sans CJK.
const FONT_FILES: [&str; 4] = [
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Bold.ttc",
    "/usr/share/fonts/noto-cjk/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/google-noto-cjk/NotoSansCJK-Regular.ttc",
];

/// The font the stamp would be drawn with: the one named, else the first there is.
pub fn font_file(named: Option<&Path>) -> Option<PathBuf> {
    match named {
        Some(path) => Some(path.to_path_buf()),
        None => FONT_FILES.iter().map(PathBuf::from).find(|p| p.is_file()),
    }
}

/// True when the font at `path` can be read and has glyphs for `text`.
///
/// # Errors
/// Why it cannot be read, or which characters it lacks.
pub fn font_has(path: &Path, text: &str) -> Result<(), String> {
    use ab_glyph::Font as _;
    let bytes = std::fs::read(path).map_err(|e| e.to_string())?;
    let font = ab_glyph::FontVec::try_from_vec_and_index(bytes, 0).map_err(|e| e.to_string())?;
    let missing: String = text.chars().filter(|&c| !c.is_whitespace() && font.glyph_id(c).0 == 0).collect();
    if missing.is_empty() { Ok(()) } else { Err(format!("no glyphs for {missing}")) }
}

/// Judges the font.
pub fn font(path: Option<&Path>, tried: Result<(), String>) -> Finding {
    let check = both("叠加字体", "font for the stamp");
    let mend = both(
        "执行 apt-get install fonts-noto-cjk，或在 [stamp] font 指明字体文件",
        "run apt-get install fonts-noto-cjk, or name a font file in [stamp] font",
    );
    match (path, tried) {
        (None, _) => {
            Finding::bad("font", Standing::Wrong, check, both("没有找到 Noto Sans CJK", "no Noto Sans CJK found"), mend)
        }
        (Some(path), Ok(())) => {
            let path = path.display().to_string();
            Finding::ok("font", check, both(path.clone(), path))
        }
        (Some(path), Err(why)) => {
            let found = format!("{}: {why}", path.display());
            Finding::bad("font", Standing::Wrong, check, both(found.clone(), found), mend)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_element_names_its_debian_package() {
        let findings = elements(|name| name != "h265parse" && name != "rtpmp4gpay");
        let bad: Vec<_> = findings.iter().filter(|f| f.standing != Standing::Ok).collect();
        assert_eq!(bad.len(), 2);
        assert_eq!((bad[0].standing, bad[0].found.en.as_str()), (Standing::Wrong, "h265parse missing (no recording without)"));
        assert!(bad[0].mend.as_ref().is_some_and(|m| m.zh.contains("apt-get install gstreamer1.0-plugins-bad")));
        assert_eq!(bad[1].standing, Standing::Warn);
    }

    #[test]
    fn an_encoder_that_does_not_work_is_a_fault_only_when_the_hall_asks_for_it() {
        let trial = |name: &str, works| Trial { name: name.into(), works, detail: "detail".into() };
        let trials = [trial("vaapi", false), trial("x264", true)];
        let standings: Vec<Standing> = encoders("auto", &trials).iter().map(|f| f.standing).collect();
        assert_eq!(standings, [Standing::Ok, Standing::Absent, Standing::Ok]);
        assert_eq!(encoders("vaapi", &trials)[0].standing, Standing::Wrong);
        assert_eq!(encoders("auto", &trials[..1])[0].standing, Standing::Wrong);
    }

    #[test]
    fn a_font_must_be_there_and_have_the_characters() {
        let path = Path::new("/fonts/a.ttc");
        assert_eq!(font(Some(path), Ok(())).standing, Standing::Ok);
        assert_eq!(font(Some(path), Err("no glyphs for 区".into())).standing, Standing::Wrong);
        assert_eq!(font(None, Ok(())).standing, Standing::Wrong);
    }
}
