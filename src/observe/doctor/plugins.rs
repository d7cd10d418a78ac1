//! GStreamer elements and the font.

use std::path::{Path, PathBuf};

use gstreamer as gst;

use super::{Finding, Standing, both};
use crate::stamp::{StampError, glyphs};

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

/// Finds the font the stamp is drawn with and looks for every character of `texts` in it.
///
/// # Errors
/// Why the stamp could not be drawn: no font, or a character it lacks.
pub fn try_font(named: Option<&Path>, texts: &[String]) -> Result<PathBuf, StampError> {
    let path = glyphs::find_font(named)?;
    glyphs::Glyphs::load(Some(&path), texts.iter().map(String::as_str))?;
    Ok(path)
}

/// Judges the font.
pub fn font(tried: &Result<PathBuf, StampError>) -> Finding {
    let check = both("叠加字体", "font for the stamp");
    match tried {
        Ok(path) => Finding::ok("font", check, both(path.display().to_string(), path.display().to_string())),
        Err(why) => Finding::bad(
            "font",
            Standing::Wrong,
            check,
            both(why.to_string(), why.to_string()),
            both(
                "执行 apt-get install fonts-noto-cjk，或在 [stamp] font 指明字体文件",
                "run apt-get install fonts-noto-cjk, or name a font file in [stamp] font",
            ),
        ),
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
    fn a_font_must_be_there_and_have_the_characters() {
        assert_eq!(font(&Ok("/fonts/a.ttc".into())).standing, Standing::Ok);
        let missing = try_font(Some(Path::new("/no/such/font.ttc")), &[]);
        let finding = font(&missing);
        assert_eq!(finding.standing, Standing::Wrong);
        assert!(finding.found.en.contains("/no/such/font.ttc"), "{}", finding.found.en);
    }
}
