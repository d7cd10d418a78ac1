//! A GStreamer description of one encoder: its placeholders, and the pipeline built from it.
//!
//! It stands in `pipelines/stamp-<name>.launch`: built in, or a site's own file of that name in the folder `[stamp] pipelines`. It
//! holds the named elements `in` (appsrc), `stamp` (raw I420 or NV12 pictures leave its source pad), `encoder` and `out` (appsink,
//! `video/x-h264,stream-format=avc,alignment=au` or `video/x-h265,stream-format=hvc1,alignment=au`). Lines that begin with `#` are
//! comments; placeholders: `{decode}` decoder of the camera's codec, `{bitrate_kbps}` and `{bitrate_bps}` bit rate, `{gop}` greatest
//! distance of two key frames in frames (a backstop: the stamper asks for key frames by time).

use std::fmt;
use std::path::PathBuf;

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;

use super::{StampError, gst_init};
use crate::media::VideoCodec;

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

/// The values for the placeholders.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fill {
    pub codec: VideoCodec,
    pub bitrate_kbps: u32,
    pub gop_frames: u32,
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
    /// Coding of the pictures it gives, told by the caps it names.
    pub fn codec(&self) -> VideoCodec {
        let h265 = lines(&self.text).any(|(_, line)| line.contains("video/x-h265"));
        if h265 { VideoCodec::H265 } else { VideoCodec::H264 }
    }

    /// The description as one line for GStreamer, comments gone and placeholders filled.
    ///
    /// # Errors
    /// [`StampError::Description`] naming a placeholder that does not exist.
    pub(crate) fn filled(&self, fill: Fill) -> Result<String, StampError> {
        let lines = self.filled_lines(fill)?;
        Ok(lines.into_iter().map(|(_, line)| line).collect::<Vec<_>>().join(" "))
    }

    /// Its lines with their numbers from 1, comments gone and placeholders filled.
    pub(super) fn filled_lines(&self, fill: Fill) -> Result<Vec<(usize, String)>, StampError> {
        // Without `normal` the decoder holds pictures back (up to 15) when a stream does not say that it needs no reordering.
        let decode = match fill.codec {
            VideoCodec::H264 => "h264parse ! avdec_h264 name=decode max-threads=1 std-compliance=normal",
            VideoCodec::H265 => "h265parse ! avdec_h265 name=decode max-threads=1 std-compliance=normal",
        };
        let fill_in = |text: &str| {
            text.replace("{decode}", decode)
                .replace("{bitrate_kbps}", &fill.bitrate_kbps.to_string())
                .replace("{bitrate_bps}", &(u64::from(fill.bitrate_kbps) * 1000).to_string())
                .replace("{gop}", &fill.gop_frames.to_string())
        };
        let filled: Vec<(usize, String)> = lines(&self.text).map(|(number, line)| (number, fill_in(line))).collect();
        match filled.iter().find_map(|(number, line)| Some((number, unknown_placeholder(line)?))) {
            Some((number, name)) => Err(self.wrong(format!(
                "line {number}: unknown placeholder {{{name}}} (there are {{decode}}, {{bitrate_kbps}}, {{bitrate_bps}} and {{gop}})"
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
        let pipeline = self.parse(&self.filled(fill)?).map_err(|reason| self.wrong(reason))?;
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

    /// Lets GStreamer make the pipeline; a sentence when it does not.
    fn parse(&self, text: &str) -> Result<gst::Pipeline, String> {
        let mut context = gst::ParseContext::new();
        let element = gst::parse::launch_full(text, Some(&mut context), gst::ParseFlags::FATAL_ERRORS).map_err(|e| {
            let no_element = e.kind::<gst::ParseError>() == Some(gst::ParseError::NoSuchElement);
            let missing = if no_element { context.missing_elements() } else { Vec::new() };
            match missing.is_empty() {
                true => e.message().to_owned(),
                false => missing.iter().map(|name| missing_element(name)).collect::<Vec<_>>().join("; "),
            }
        })?;
        element.downcast::<gst::Pipeline>().map_err(|_| "it holds a single element".to_owned())
    }

    pub(super) fn wrong(&self, reason: String) -> StampError {
        StampError::Description { name: self.name.clone(), origin: self.origin.to_string(), reason }
    }
}

/// Lines with their numbers from 1, without comments and empty ones.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let numbered = text.lines().enumerate().map(|(n, line)| (n + 1, line.trim()));
    numbered.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
}

/// The first `{word}` left: lists in caps such as `{I420,NV12}` hold more than lower-case letters and underscores.
fn unknown_placeholder(text: &str) -> Option<&str> {
    text.split('{').skip(1).find_map(|rest| {
        let (word, _) = rest.split_once('}')?;
        (!word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c == '_')).then_some(word)
    })
}

/// Says that an element is not there, and what brings it.
pub(super) fn missing_element(name: &str) -> String {
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
    fn an_unknown_placeholder_is_named_with_its_line() {
        let error = description("# one\nappsrc !\n{decoder}").filled(FILL).expect_err("misspelt").to_string();
        assert!(error.contains("line 3: unknown placeholder {decoder}"), "{error}");
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
    fn the_codec_is_told_by_the_caps_and_not_by_a_comment() {
        assert_eq!(description("# video/x-h265\n! video/x-h264,stream-format=avc").codec(), VideoCodec::H264);
        assert_eq!(description("! video/x-h265,stream-format=(string)hvc1").codec(), VideoCodec::H265);
    }
}
