//! The check of a description when it is loaded: everything wrong with it, by line, element and property.
//!
//! GStreamer stops at the first mistake and knows no lines. So the text is also taken apart here: each element and each property of
//! it is tried alone, then the whole is built and its links and caps are looked at. Nothing is started.

use std::fmt;

use gstreamer as gst;
use gstreamer::prelude::*;

use super::description::{EncoderDescription, Fill, missing_element};
use super::{StampError, gst_init};
use crate::media::VideoCodec;

/// One mistake in a description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Line of the file, from 1; `None` where it is about something that is not there.
    pub line: Option<usize>,
    /// What is wrong, naming element and property, and what would be right.
    pub what: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.what),
            None => f.write_str(&self.what),
        }
    }
}

/// An element as it is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Written {
    factory: String,
    line: usize,
    /// Name, value and line of each property.
    properties: Vec<(String, String, usize)>,
}

impl Written {
    fn name(&self) -> Option<&str> {
        self.properties.iter().find(|(key, ..)| key == "name").map(|(_, value, _)| value.as_str())
    }
}

impl EncoderDescription {
    /// Looks for mistakes without starting anything. An element that is not installed is a mistake only of a site's own file: the
    /// built-in descriptions name encoders that most machines do not have.
    ///
    /// # Errors
    /// [`StampError::Description`] with every mistake found, [`StampError::GStreamer`].
    pub fn check(&self) -> Result<(), StampError> {
        gst_init()?;
        let fill = Fill { codec: VideoCodec::H264, bitrate_kbps: 3000, gop_frames: 120 };
        let mistakes = self.mistakes(&self.filled_lines(fill)?, fill);
        if mistakes.is_empty() {
            return Ok(());
        }
        Err(self.wrong(mistakes.iter().map(Mistake::to_string).collect::<Vec<_>>().join("; ")))
    }

    fn mistakes(&self, lines: &[(usize, String)], fill: Fill) -> Vec<Mistake> {
        let written = elements(lines);
        let mut mistakes = Vec::new();
        for element in &written {
            check_element(element, &mut mistakes);
        }
        for (name, what) in NAMED {
            if !written.iter().any(|w| w.name() == Some(name)) {
                mistakes.push(Mistake { line: None, what: format!("no element is named `{name}` ({what})") });
            }
        }
        if !mistakes.is_empty() {
            return mistakes;
        }
        let line_of = |text: &str| line_of(&written, text);
        match self.build(fill) {
            Err(StampError::Description { reason, .. }) => vec![Mistake { line: line_of(&reason), what: reason }],
            Err(e) => vec![Mistake { line: None, what: e.to_string() }],
            Ok(built) => {
                let line_of_element = |element: &gst::Element| {
                    let factory = element.factory().map(|f| f.name().to_string()).unwrap_or_default();
                    line_of(&format!("`{}`", element.name())).or_else(|| line_of(&format!("`{factory}`")))
                };
                for (element, pad) in unlinked(&built.pipeline) {
                    let what = format!("the pad `{pad}` of the element `{}` is linked to nothing", element.name());
                    mistakes.push(Mistake { line: line_of_element(&element), what });
                }
                if mistakes.is_empty() {
                    mistakes.extend(
                        wrong_caps(&built.stamp_pad, "stamp", raw_pictures())
                            .map(|what| Mistake { line: line_of("`stamp`"), what }),
                    );
                    let out = built.output.static_pad("sink").and_then(|pad| pad.peer());
                    mistakes
                        .extend(out.and_then(|pad| wrong_output(&pad)).map(|what| Mistake { line: line_of("`out`"), what }));
                }
                mistakes
            }
        }
    }
}

/// Every description must hold these.
const NAMED: [(&str, &str); 4] = [
    ("in", "the appsrc that takes the camera's pictures"),
    ("stamp", "an identity whose pictures are drawn on"),
    ("encoder", "the encoder"),
    ("out", "the appsink that gives the encoded pictures"),
];

/// Takes the text apart. A word without `=` begins an element; caps and references (`t.`) are no elements.
fn elements(lines: &[(usize, String)]) -> Vec<Written> {
    let mut all: Vec<Written> = Vec::new();
    let mut in_caps = false;
    let mut open = false;
    for (word, line) in words(lines) {
        if word == "!" {
            (in_caps, open) = (false, false);
        } else if in_caps {
            continue;
        } else if let Some((key, value)) = word.split_once('=').filter(|(key, _)| is_name(key)) {
            let value = value.trim_matches('"').to_owned();
            if let Some(element) = all.last_mut().filter(|_| open) {
                element.properties.push((key.to_owned(), value, line));
            }
        } else if word.contains('/') {
            in_caps = true;
        } else if is_name(&word) {
            all.push(Written { factory: word, line, properties: Vec::new() });
            open = true;
        } else {
            open = false;
        }
    }
    all
}

fn is_name(word: &str) -> bool {
    !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | ':'))
}

/// Words with their lines; what stands in double quotes stays together.
fn words(lines: &[(usize, String)]) -> Vec<(String, usize)> {
    let mut all = Vec::new();
    for (number, line) in lines {
        let (mut word, mut quoted) = (String::new(), false);
        for c in line.chars() {
            quoted ^= c == '"';
            match c {
                '!' if !quoted => {
                    all.push((std::mem::take(&mut word), *number));
                    all.push(("!".to_owned(), *number));
                }
                c if c.is_whitespace() && !quoted => all.push((std::mem::take(&mut word), *number)),
                c => word.push(c),
            }
        }
        all.push((word, *number));
    }
    all.retain(|(word, _)| !word.is_empty());
    all
}

fn check_element(written: &Written, mistakes: &mut Vec<Mistake>) {
    let factory = &written.factory;
    let Some(found) = gst::ElementFactory::find(factory) else {
        mistakes.push(Mistake { line: Some(written.line), what: missing_element(factory) });
        return;
    };
    let Ok(element) = found.create().build() else {
        let what = format!("the element `{factory}` cannot be made: its driver or device is not there");
        mistakes.push(Mistake { line: Some(written.line), what });
        return;
    };
    for (key, value, line) in &written.properties {
        if key.contains("::") {
            continue; // A child's property: the child may come later.
        }
        let what = match element.find_property(key) {
            None => format!("the element `{factory}` has no property `{key}`{}", like(&element, key)),
            Some(_) => {
                match gst::parse::launch_full(&format!("{factory} {key}=\"{value}\""), None, gst::ParseFlags::FATAL_ERRORS) {
                    Ok(_) => continue,
                    Err(_) => format!(
                        "the property `{key}` of the element `{factory}` cannot be `{value}` (`gst-inspect-1.0 {factory}` lists what it can be)"
                    ),
                }
            }
        };
        mistakes.push(Mistake { line: Some(*line), what });
    }
}

/// A property that begins as the misspelt one does.
fn like(element: &gst::Element, key: &str) -> String {
    let head: String = key.chars().take(3).collect();
    let like: Vec<String> =
        element.list_properties().iter().map(|p| p.name().to_owned()).filter(|p| p.starts_with(&head)).collect();
    match like.is_empty() {
        true => String::new(),
        false => format!("; did you mean {}?", like.iter().map(|p| format!("`{p}`")).collect::<Vec<_>>().join(" or ")),
    }
}

/// Line of the last element that `text` names, by its own name or its factory's.
fn line_of(written: &[Written], text: &str) -> Option<usize> {
    let said = |word: &str| text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_')).any(|w| w == word);
    // GStreamer names an element without a name after its factory, with a number behind.
    let numbered = |factory: &str| {
        text.match_indices(factory).any(|(at, _)| text[at + factory.len()..].starts_with(|c: char| c.is_ascii_digit()))
    };
    let by_name = written.iter().rev().find(|w| w.name().is_some_and(|name| text.contains(&format!("`{name}`"))));
    let named = || written.iter().rev().find(|w| w.name().is_some_and(said) || said(&w.factory) || numbered(&w.factory));
    by_name.or_else(named).map(|w| w.line)
}

/// Pads that lead nowhere. Behind an element that makes its pads only when it runs nothing can be said.
fn unlinked(pipeline: &gst::Pipeline) -> Vec<(gst::Element, String)> {
    let elements = pipeline.children();
    let later = |element: &gst::Element| {
        element
            .pad_template_list()
            .iter()
            .any(|t| t.presence() == gst::PadPresence::Sometimes && t.direction() == gst::PadDirection::Src)
    };
    let open = elements.iter().any(later);
    let pads = elements.iter().flat_map(|element| element.pads().into_iter().map(move |pad| (element.clone(), pad)));
    pads.filter(|(_, pad)| pad.peer().is_none() && !(open && pad.direction() == gst::PadDirection::Sink))
        .map(|(element, pad)| (element, pad.name().to_string()))
        .collect()
}

fn raw_pictures() -> gst::Caps {
    gst::Caps::builder("video/x-raw").field("format", gst::List::new(["I420", "NV12"])).build()
}

fn wrong_caps(pad: &gst::Pad, name: &str, wanted: gst::Caps) -> Option<String> {
    let caps = pad.query_caps(None);
    (!caps.can_intersect(&wanted)).then(|| {
        format!("pictures at the element `{name}` are {}: the stamp needs I420 or NV12 in system memory; put `! videoconvert ! video/x-raw,format=(string){{NV12,I420}}` in front", short(&caps))
    })
}

/// What comes to the appsink must say that it is stored as MP4 wants it: lengths in front, parameter sets apart.
fn wrong_output(pad: &gst::Pad) -> Option<String> {
    let good = |s: &gst::StructureRef| {
        let is = |field: &str, value: &str| s.get::<&str>(field).is_ok_and(|v| v == value);
        match s.name().as_str() {
            "video/x-h264" => is("stream-format", "avc") && is("alignment", "au"),
            "video/x-h265" => is("stream-format", "hvc1") && is("alignment", "au"),
            _ => false,
        }
    };
    let caps = pad.query_caps(None);
    let fine = !caps.is_any() && !caps.is_empty() && caps.iter().all(good);
    (!fine).then(|| {
        format!("{} comes to the element `out`; put `! video/x-h264,stream-format=(string)avc,alignment=(string)au` or `! video/x-h265,stream-format=(string)hvc1,alignment=(string)au` in front of it", short(&caps))
    })
}

fn short(caps: &gst::Caps) -> String {
    let text = caps.to_string();
    match text.char_indices().nth(120) {
        Some((at, _)) => format!("`{}…`", &text[..at]),
        None => format!("`{text}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::description::Origin;
    use super::*;

    const GOOD: &str = include_str!("../../pipelines/stamp-x264.launch");

    fn check(text: &str) -> Result<(), String> {
        let path = "/etc/jiancha/pipelines/stamp-own.launch".into();
        let description = EncoderDescription { name: "own".to_owned(), origin: Origin::File(path), text: text.to_owned() };
        description.check().map_err(|e| e.to_string())
    }

    /// What the check says of x264's description with `from` written as `to`.
    fn said(from: &str, to: &str) -> String {
        assert!(GOOD.contains(from), "{from}");
        check(&GOOD.replace(from, to)).expect_err(to)
    }

    #[test]
    fn the_built_in_description_is_good() {
        assert_eq!(check(GOOD), Ok(()));
        assert_eq!(check(include_str!("../../pipelines/stamp-x265.launch")), Ok(()));
        assert_eq!(check(include_str!("../../pipelines/stamp-openh264.launch")), Ok(()));
    }

    #[test]
    fn a_misspelt_element_is_named_with_file_and_line() {
        let said = said("x264enc name", "x264encoder name");
        assert!(
            said.contains("/etc/jiancha/pipelines/stamp-own.launch") && said.contains("line 9: no element `x264encoder`"),
            "{said}"
        );
    }

    #[test]
    fn a_property_that_does_not_exist_is_named_with_its_line_and_its_neighbour() {
        let said = said("bitrate={", "bitrat={");
        assert!(said.contains("line 10: the element `x264enc` has no property `bitrat`; did you mean `bitrate`"), "{said}");
    }

    #[test]
    fn a_value_that_a_property_cannot_have_is_named() {
        let said = said("superfast", "superduper");
        assert!(said.contains("line 9: the property `speed-preset` of the element `x264enc` cannot be `superduper`"), "{said}");
    }

    #[test]
    fn all_mistakes_are_told_at_once() {
        let text = GOOD.replace("superfast", "superduper").replace("bitrate={", "bitrat={").replace("identity", "identiti");
        let said = check(&text).expect_err("three mistakes");
        for line in ["line 8: no element `identiti`", "line 9: ", "line 10: "] {
            assert!(said.contains(line), "{line}: {said}");
        }
    }

    #[test]
    fn a_missing_name_is_told() {
        for (name, from) in [("in", " name=in"), ("stamp", " name=stamp"), ("encoder", " name=encoder"), ("out", " name=out")] {
            let said = said(from, "");
            assert!(said.contains(&format!("no element is named `{name}`")), "{said}");
        }
    }

    #[test]
    fn a_pad_that_leads_nowhere_is_told() {
        let said =
            said("! identity name=stamp", "! identity name=stamp ! tee name=t ! queue ! fakesink   t. ! queue name=side   t.");
        assert!(said.contains("line 8: the pad `src` of the element `side` is linked to nothing"), "{said}");
    }

    #[test]
    fn an_output_that_is_not_told_or_is_a_byte_stream_is_refused() {
        let said = said("(string)avc", "(string)byte-stream");
        assert!(said.contains("line 12: ") && said.contains("byte-stream") && said.contains("element `out`"), "{said}");
        let said = self::said("! video/x-h264,stream-format=(string)avc,alignment=(string)au,profile=(string)high", "");
        assert!(said.contains("element `out`") && said.contains("stream-format=(string)avc"), "{said}");
    }

    #[test]
    fn pictures_the_stamp_cannot_be_drawn_on_are_refused() {
        let said = said("{I420,NV12}", "Y444");
        assert!(said.contains("line 8: ") && said.contains("Y444") && said.contains("I420 or NV12"), "{said}");
    }

    #[test]
    fn words_in_quotes_stay_together_and_caps_are_no_elements() {
        let lines = [
            (3, "a ! v4l2h264enc name=encoder".to_owned()),
            (4, "extra-controls=\"c,x=1 , y=2\" ! video/x-raw, format=I420 ! b".to_owned()),
        ];
        let found: Vec<(String, usize)> = elements(&lines).into_iter().map(|w| (w.factory, w.line)).collect();
        assert_eq!(found, [("a".to_owned(), 3), ("v4l2h264enc".to_owned(), 3), ("b".to_owned(), 4)]);
        assert_eq!(elements(&lines)[1].properties[1], ("extra-controls".to_owned(), "c,x=1 , y=2".to_owned(), 4));
    }
}
