//! Which encoders there are and which of them truly work on this machine.
//!
//! An encoder is a GStreamer description in `pipelines/stamp-<name>.launch`: built in, or a site's own file of that name in the
//! folder `[stamp] pipelines`. It holds the named elements `in` (appsrc), `stamp` (raw I420 or NV12 pictures leave its source pad),
//! `encoder` and `out` (appsink, `stream-format=avc`). Lines that begin with `#` are comments; placeholders:
//! `{decode}` decoder of the camera's codec, `{bitrate_kbps}` and `{bitrate_bps}` bit rate, `{gop}` greatest distance of two key
//! frames in frames (a backstop: the stamper asks for key frames by time).

use std::fmt;
use std::path::PathBuf;

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;

use super::glyphs::find_font;
use super::{StampError, gst_init, probe};
use crate::hall::StampSettings;
use crate::media::VideoCodec;

/// The built-in descriptions, best first.
const BUILT_IN: [(&str, &str); 6] = [
    ("nvenc", include_str!("../../pipelines/stamp-nvenc.launch")),
    ("vaapi", include_str!("../../pipelines/stamp-vaapi.launch")),
    ("qsv", include_str!("../../pipelines/stamp-qsv.launch")),
    ("v4l2", include_str!("../../pipelines/stamp-v4l2.launch")),
    ("x264", include_str!("../../pipelines/stamp-x264.launch")),
    ("openh264", include_str!("../../pipelines/stamp-openh264.launch")),
];

/// Name in `[stamp] encoder` that takes the first description that works.
pub const AUTO: &str = "auto";

/// Where a description comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Part of the program.
    BuiltIn,
    /// A file of the site's own.
    File(PathBuf),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::BuiltIn => f.write_str("built in"),
            Origin::File(path) => write!(f, "{}", path.display()),
        }
    }
}

/// A pipeline description for one encoder, placeholders unfilled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncoderDescription {
    /// Name: the file's without `stamp-` and `.launch`.
    pub name: String,
    /// Where it comes from.
    pub origin: Origin,
    /// The text of the file.
    pub text: String,
}

/// What a trial of one encoder showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncoderProbe {
    /// Name of the description.
    pub name: String,
    /// True when stamped pictures came out and could be decoded.
    pub works: bool,
    /// What was seen: the output's format, or the reason with the element's name and the package it is in.
    pub detail: String,
}

/// The values for the placeholders.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fill {
    pub codec: VideoCodec,
    pub bitrate_kbps: u32,
    pub gop_frames: u32,
}

/// All descriptions in the order in which `auto` tries them: a site's own by name, hardware, x264, openh264. A site's file with the name of a
/// built-in one takes its place.
///
/// # Errors
/// [`StampError::DescriptionUnreadable`] for a folder or file that cannot be read.
pub fn descriptions(settings: &StampSettings) -> Result<Vec<EncoderDescription>, StampError> {
    let mut own = Vec::new();
    if let Some(folder) = &settings.pipelines {
        let unreadable =
            |path: &PathBuf, e: std::io::Error| StampError::DescriptionUnreadable { path: path.clone(), reason: e.to_string() };
        for entry in std::fs::read_dir(folder).map_err(|e| unreadable(folder, e))? {
            let path = entry.map_err(|e| unreadable(folder, e))?.path();
            let file_name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
            if let Some(name) = file_name.strip_prefix("stamp-").and_then(|rest| rest.strip_suffix(".launch")) {
                let text = std::fs::read_to_string(&path).map_err(|e| unreadable(&path, e))?;
                own.push(EncoderDescription { name: name.to_owned(), origin: Origin::File(path), text });
            }
        }
        own.sort_by(|a, b| a.name.cmp(&b.name));
    }
    let (mut all, replaced): (Vec<_>, Vec<_>) = own.into_iter().partition(|d| BUILT_IN.iter().all(|(name, _)| d.name != *name));
    for (name, text) in BUILT_IN {
        let built_in = || EncoderDescription { name: name.to_owned(), origin: Origin::BuiltIn, text: text.to_owned() };
        all.push(replaced.iter().find(|d| d.name == name).cloned().unwrap_or_else(built_in));
    }
    Ok(all)
}

/// Tries every description: builds the pipeline, stamps and encodes a few pictures, decodes them again.
///
/// Takes a fraction of a second for each encoder that is there. A folder that cannot be read is one row that does not work.
pub fn probe(settings: &StampSettings) -> Vec<EncoderProbe> {
    match descriptions(settings) {
        Ok(all) => all.iter().map(|description| try_out(description, settings)).collect(),
        Err(e) => vec![EncoderProbe { name: "descriptions".to_owned(), works: false, detail: e.to_string() }],
    }
}

/// The description to stamp with: the one `[stamp] encoder` names, or for `auto` the first that works.
///
/// # Errors
/// [`StampError::UnknownEncoder`], [`StampError::EncoderDoesNotWork`] for a named one, [`StampError::NoEncoderWorks`] for `auto`,
/// [`StampError::DescriptionUnreadable`], and [`StampError::FontMissing`], since without a font no trial is possible.
pub fn choose(settings: &StampSettings) -> Result<EncoderDescription, StampError> {
    find_font(settings.font.as_deref())?;
    let all = descriptions(settings)?;
    if settings.encoder != AUTO {
        let known = || all.iter().map(|d| d.name.clone()).collect();
        let named = all.iter().find(|d| d.name == settings.encoder);
        let named = named.ok_or_else(|| StampError::UnknownEncoder { name: settings.encoder.clone(), known: known() })?;
        let tried = try_out(named, settings);
        return match tried.works {
            true => Ok(named.clone()),
            false => Err(StampError::EncoderDoesNotWork { name: tried.name, reason: tried.detail }),
        };
    }
    let mut failed = Vec::new();
    for description in all {
        let tried = try_out(&description, settings);
        if tried.works {
            tracing::info!(encoder = description.name, detail = tried.detail, "chose the encoder for the stamp");
            return Ok(description);
        }
        failed.push(format!("{}: {}", tried.name, tried.detail));
    }
    Err(StampError::NoEncoderWorks { tried: failed })
}

fn try_out(description: &EncoderDescription, settings: &StampSettings) -> EncoderProbe {
    let (works, detail) = match probe::try_out(description, settings) {
        Ok(detail) => (true, detail),
        Err(reason) => (false, reason),
    };
    EncoderProbe { name: description.name.clone(), works, detail }
}

/// The elements of a built pipeline that the stamper handles.
pub(crate) struct Built {
    pub pipeline: gst::Pipeline,
    pub input: gst_app::AppSrc,
    /// Source pad of the element `stamp`.
    pub stamp_pad: gst::Pad,
    pub output: gst_app::AppSink,
}

impl EncoderDescription {
    /// The description as one line for GStreamer, comments gone and placeholders filled.
    ///
    /// # Errors
    /// [`StampError::Description`] naming a placeholder that does not exist.
    pub(crate) fn filled(&self, fill: Fill) -> Result<String, StampError> {
        let lines = self.text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let text = lines.collect::<Vec<_>>().join(" ");
        // Without `normal` the decoder holds pictures back (up to 15) when a stream does not say that it needs no reordering.
        let decode = match fill.codec {
            VideoCodec::H264 => "h264parse ! avdec_h264 name=decode max-threads=1 std-compliance=normal",
            VideoCodec::H265 => "h265parse ! avdec_h265 name=decode max-threads=1 std-compliance=normal",
        };
        let filled = text
            .replace("{decode}", decode)
            .replace("{bitrate_kbps}", &fill.bitrate_kbps.to_string())
            .replace("{bitrate_bps}", &(u64::from(fill.bitrate_kbps) * 1000).to_string())
            .replace("{gop}", &fill.gop_frames.to_string());
        match unknown_placeholder(&filled) {
            Some(name) => Err(self.wrong(format!(
                "unknown placeholder {{{name}}} (there are {{decode}}, {{bitrate_kbps}}, {{bitrate_bps}} and {{gop}})"
            ))),
            None => Ok(filled),
        }
    }

    /// Builds the pipeline, not yet started.
    ///
    /// # Errors
    /// [`StampError::Description`] naming the element that is missing, misspelt or of the wrong kind.
    pub(crate) fn build(&self, fill: Fill) -> Result<Built, StampError> {
        gst_init()?;
        let text = self.filled(fill)?;
        let mut context = gst::ParseContext::new();
        let element = gst::parse::launch_full(&text, Some(&mut context), gst::ParseFlags::FATAL_ERRORS).map_err(|e| {
            let no_element = e.kind::<gst::ParseError>() == Some(gst::ParseError::NoSuchElement);
            let missing = if no_element { context.missing_elements() } else { Vec::new() };
            match missing.is_empty() {
                true => self.wrong(e.message().to_owned()),
                false => self.wrong(missing.iter().map(|name| missing_element(name)).collect::<Vec<_>>().join("; ")),
            }
        })?;
        let pipeline = element.downcast::<gst::Pipeline>().map_err(|_| self.wrong("it holds a single element".to_owned()))?;
        let find = |name: &str, what: &str| {
            pipeline.by_name(name).ok_or_else(|| self.wrong(format!("no element is named `{name}` ({what})")))
        };
        let kind = |name: &str, what: &str| self.wrong(format!("the element `{name}` is not an {what}"));
        let input = find("in", "the appsrc")?.downcast().map_err(|_| kind("in", "appsrc"))?;
        let output = find("out", "the appsink")?.downcast().map_err(|_| kind("out", "appsink"))?;
        let stamp = find("stamp", "an identity whose pictures are drawn on")?;
        let stamp_pad = stamp.static_pad("src").ok_or_else(|| self.wrong("the element `stamp` has no pad `src`".to_owned()))?;
        find("encoder", "the encoder")?;
        Ok(Built { pipeline, input, stamp_pad, output })
    }

    fn wrong(&self, reason: String) -> StampError {
        StampError::Description { name: self.name.clone(), origin: self.origin.to_string(), reason }
    }
}

/// The first `{word}` left: lists in caps such as `{I420,NV12}` hold more than lower-case letters and underscores.
fn unknown_placeholder(text: &str) -> Option<&str> {
    text.split('{').skip(1).find_map(|rest| {
        let (word, _) = rest.split_once('}')?;
        (!word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c == '_')).then_some(word)
    })
}

fn missing_element(name: &str) -> String {
    let package = match name {
        "appsrc" | "appsink" | "videoconvert" | "videoscale" | "videorate" => Some("gstreamer1.0-plugins-base"),
        "h264parse" | "h265parse" | "openh264enc" | "x265enc" => Some("gstreamer1.0-plugins-bad"),
        "x264enc" => Some("gstreamer1.0-plugins-ugly"),
        "avdec_h264" | "avdec_h265" => Some("gstreamer1.0-libav"),
        _ => None,
    };
    match (package, name) {
        (Some(package), _) => format!("no element `{name}`; install the package {package}"),
        (None, _)
            if name.starts_with("va") || name.starts_with("nv") || name.starts_with("qsv") || name.starts_with("v4l2") =>
        {
            format!("no element `{name}`: this machine shows no such encoder")
        }
        _ => format!("no element `{name}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> StampSettings {
        StampSettings { encoder: AUTO.to_owned(), ..StampSettings::default() }
    }

    fn description(text: &str) -> EncoderDescription {
        EncoderDescription { name: "trial".to_owned(), origin: Origin::BuiltIn, text: text.to_owned() }
    }

    const FILL: Fill = Fill { codec: VideoCodec::H264, bitrate_kbps: 3000, gop_frames: 120 };

    #[test]
    fn comments_go_and_placeholders_are_filled() {
        let text =
            "# a {comment}\nin ! {decode}\n! enc bitrate={bitrate_kbps} bps={bitrate_bps} gop={gop} format={I420,NV12}\n";
        let filled = description(text).filled(FILL).expect("all placeholders exist");
        assert_eq!(
            filled,
            "in ! h264parse ! avdec_h264 name=decode max-threads=1 std-compliance=normal ! enc bitrate=3000 bps=3000000 gop=120 format={I420,NV12}"
        );
    }

    #[test]
    fn an_unknown_placeholder_is_named() {
        let error = description("appsrc ! {decoder}").filled(FILL).expect_err("misspelt").to_string();
        assert!(error.contains("{decoder}"), "{error}");
    }

    #[test]
    fn a_missing_element_a_wrong_property_and_a_missing_name_are_told_by_element() {
        let error = |text: &str| description(text).build(FILL).err().expect("it is wrong").to_string();
        let said = error("appsrc name=in ! nosuchelement ! appsink name=out");
        assert!(said.contains("nosuchelement"), "{said}");
        let said = error("appsrc name=in ! identity name=stamp nosuch=1 ! appsink name=out");
        assert!(said.contains("nosuch") && said.contains("identity"), "{said}");
        let said = error("appsrc name=in ! identity name=stamp ! appsink name=out");
        assert!(said.contains("`encoder`"), "{said}");
        let said = error("fakesrc name=in ! identity name=stamp ! identity name=encoder ! appsink name=out");
        assert!(said.contains("`in`") && said.contains("appsrc"), "{said}");
    }

    #[test]
    fn every_built_in_description_fills_and_holds_the_named_elements() {
        for built_in in descriptions(&settings()).expect("built in") {
            let text = built_in.filled(FILL).expect("it fills");
            for name in ["name=in", "name=stamp", "name=encoder", "name=out"] {
                assert_eq!(text.matches(name).count(), 1, "{name} in {}", built_in.name);
            }
        }
    }

    #[test]
    fn x264_comes_after_all_hardware_and_before_openh264() {
        let names: Vec<String> = descriptions(&settings()).expect("built in").into_iter().map(|d| d.name).collect();
        assert_eq!(names, ["nvenc", "vaapi", "qsv", "v4l2", "x264", "openh264"]);
    }

    #[test]
    fn a_sites_own_files_replace_built_in_ones_and_new_names_come_first() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(folder.path().join("stamp-x264.launch"), "own x264").expect("written");
        std::fs::write(folder.path().join("stamp-board.launch"), "own board").expect("written");
        std::fs::write(folder.path().join("README"), "not a description").expect("written");
        let all = descriptions(&StampSettings { pipelines: Some(folder.path().to_owned()), ..settings() }).expect("readable");
        assert_eq!((all[0].name.as_str(), all[0].text.as_str()), ("board", "own board"));
        assert_eq!((all[5].name.as_str(), all[5].text.as_str()), ("x264", "own x264"));
        assert_eq!(all.len(), 7);
    }

    #[test]
    fn an_unknown_encoder_is_told_with_the_known_names() {
        let error = choose(&StampSettings { encoder: "x265".to_owned(), ..settings() }).expect_err("there is none").to_string();
        assert!(error.contains("x265") && error.contains("x264, openh264"), "{error}");
    }

    #[test]
    fn a_folder_that_cannot_be_read_is_one_row_of_the_table() {
        let rows = probe(&StampSettings { pipelines: Some("/nowhere/pipelines".into()), ..settings() });
        assert_eq!(rows.len(), 1);
        assert!(!rows[0].works && rows[0].detail.contains("/nowhere/pipelines"), "{rows:?}");
    }

    #[test]
    fn x264_works_here_and_an_edited_copy_with_a_wrong_element_does_not() {
        let rows = probe(&settings());
        let x264 = rows.iter().find(|row| row.name == "x264").expect("a row for x264");
        assert!(x264.works, "package gstreamer1.0-plugins-ugly is installed: {}", x264.detail);

        let folder = tempfile::tempdir().expect("a temporary folder");
        let edited = BUILT_IN[4].1.replace("x264enc", "x264encoder");
        std::fs::write(folder.path().join("stamp-x264.launch"), edited).expect("written");
        let own = StampSettings { pipelines: Some(folder.path().to_owned()), encoder: "x264".to_owned(), ..settings() };
        let error = choose(&own).expect_err("misspelt element").to_string();
        assert!(error.contains("x264encoder"), "{error}");
    }
}
