//! Which encoders there are and which of them truly work on this machine.
//!
//! Each is an [`EncoderDescription`]; a trial stamps, encodes and decodes a few pictures with it. Trials run side by side, and one
//! that hangs is left behind after [`TRIAL_LIMIT`].

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

pub use super::description::{EncoderDescription, Origin};
use super::glyphs::find_font;
use super::{StampError, probe};
use crate::hall::StampSettings;
use crate::media::VideoCodec;

/// The built-in descriptions, best first; H.264 before H.265.
const BUILT_IN: [(&str, &str); 11] = [
    ("nvenc", include_str!("../../pipelines/stamp-nvenc.launch")),
    ("vaapi", include_str!("../../pipelines/stamp-vaapi.launch")),
    ("qsv", include_str!("../../pipelines/stamp-qsv.launch")),
    ("v4l2", include_str!("../../pipelines/stamp-v4l2.launch")),
    ("x264", include_str!("../../pipelines/stamp-x264.launch")),
    ("openh264", include_str!("../../pipelines/stamp-openh264.launch")),
    ("nvenc-h265", include_str!("../../pipelines/stamp-nvenc-h265.launch")),
    ("vaapi-h265", include_str!("../../pipelines/stamp-vaapi-h265.launch")),
    ("qsv-h265", include_str!("../../pipelines/stamp-qsv-h265.launch")),
    ("v4l2-h265", include_str!("../../pipelines/stamp-v4l2-h265.launch")),
    ("x265", include_str!("../../pipelines/stamp-x265.launch")),
];

/// Name in `[stamp] encoder` that takes the first description that works.
pub const AUTO: &str = "auto";

/// A trial that takes longer is given up.
pub const TRIAL_LIMIT: Duration = Duration::from_secs(10);

/// What a trial of one encoder showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncoderProbe {
    /// Name of the description.
    pub name: String,
    /// Where the description comes from.
    pub origin: Origin,
    /// What it gives.
    pub codec: VideoCodec,
    /// True when stamped pictures came out and could be decoded.
    pub works: bool,
    /// What was seen: the output's format, or the reason with the element's name and the package it is in.
    pub detail: String,
}

impl EncoderProbe {
    fn of(description: &EncoderDescription, tried: Result<String, String>) -> Self {
        let works = tried.is_ok();
        let (Ok(detail) | Err(detail)) = tried;
        Self { name: description.name.clone(), origin: description.origin.clone(), codec: description.codec(), works, detail }
    }
}

/// All descriptions, best first: a site's own by name, hardware, x264, openh264, then the same for H.265. A site's file with the
/// name of a built-in one takes its place.
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

/// The descriptions these settings allow, in the order in which they are taken: the one that is named, then those of the wanted
/// codec, best first. Behind H.265 come those of H.264: a stamped picture in the other codec is better than one without the stamp.
///
/// # Errors
/// [`StampError::UnknownEncoder`], [`StampError::EncoderOfOtherCodec`], [`StampError::DescriptionUnreadable`].
pub fn ladder(settings: &StampSettings) -> Result<Vec<EncoderDescription>, StampError> {
    let all = descriptions(settings)?;
    let named = all.iter().position(|d| d.name == settings.encoder);
    if settings.encoder != AUTO && named.is_none() {
        let known = all.iter().map(|d| d.name.clone()).collect();
        return Err(StampError::UnknownEncoder { name: settings.encoder.clone(), known });
    }
    let of_named = named.map(|n| all[n].codec());
    if let (Some(wanted), Some(gives)) = (settings.work.codec, of_named.filter(|c| settings.work.codec != Some(*c))) {
        return Err(StampError::EncoderOfOtherCodec { name: settings.encoder.clone(), gives, wanted });
    }
    let wanted = settings.work.codec.or(of_named).unwrap_or(VideoCodec::H264);
    let rank = |n: usize| {
        let other = all[n].codec() != wanted;
        (Some(n) != named, other)
    };
    let mut order: Vec<usize> = (0..all.len()).filter(|n| all[*n].codec() == wanted || wanted == VideoCodec::H265).collect();
    order.sort_by_key(|n| rank(*n));
    Ok(order.into_iter().map(|n| all[n].clone()).collect())
}

/// Trials of several encoders, side by side.
pub struct Trials {
    descriptions: Vec<EncoderDescription>,
    results: Receiver<(usize, EncoderProbe)>,
    open: Vec<bool>,
    until: Instant,
}

impl Trials {
    /// Begins the trial of every description; returns at once.
    pub fn start(descriptions: Vec<EncoderDescription>, settings: &StampSettings) -> Self {
        Self::start_within(descriptions, settings, TRIAL_LIMIT)
    }

    fn start_within(descriptions: Vec<EncoderDescription>, settings: &StampSettings, limit: Duration) -> Self {
        let (give, results) = channel();
        for (n, description) in descriptions.iter().cloned().enumerate() {
            let (settings, for_thread) = (settings.clone(), give.clone());
            let tried = std::thread::Builder::new().name("stamp-trial".to_owned()).spawn(move || {
                let found = EncoderProbe::of(&description, probe::try_out(&description, &settings));
                // Nobody listens once the trial has been given up.
                let _ = for_thread.send((n, found));
            });
            if let Err(e) = tried {
                let _ = give.send((n, EncoderProbe::of(&descriptions[n], Err(format!("no thread for its trial: {e}")))));
            }
        }
        Self { open: vec![true; descriptions.len()], descriptions, results, until: Instant::now() + limit }
    }

    /// The next result, whichever comes first; `None` when all are told. One that hangs is told when the limit is over.
    pub fn next_result(&mut self) -> Option<(usize, EncoderProbe)> {
        let first_open = self.open.iter().position(|open| *open)?;
        let told = self.results.recv_timeout(self.until.saturating_duration_since(Instant::now()));
        let (n, found) = told.unwrap_or_else(|_| {
            let reason = "nothing came out in time: the trial was given up".to_owned();
            (first_open, EncoderProbe::of(&self.descriptions[first_open], Err(reason)))
        });
        self.open[n] = false;
        Some((n, found))
    }
}

/// Tries every description: builds the pipeline, stamps and encodes a few pictures, decodes them again.
///
/// Takes a second or so where nothing hangs, [`TRIAL_LIMIT`] at most. A folder that cannot be read is one row that does not work.
pub fn probe(settings: &StampSettings) -> Vec<EncoderProbe> {
    let all = match descriptions(settings) {
        Ok(all) => all,
        Err(e) => {
            return vec![EncoderProbe {
                name: "descriptions".to_owned(),
                origin: Origin::BuiltIn,
                codec: VideoCodec::H264,
                works: false,
                detail: e.to_string(),
            }];
        }
    };
    let mut rows: Vec<Option<EncoderProbe>> = vec![None; all.len()];
    let mut trials = Trials::start(all, settings);
    while let Some((n, found)) = trials.next_result() {
        rows[n] = Some(found);
    }
    rows.into_iter().flatten().collect()
}

/// How many 1080p pictures a second one thread stamps with this encoder, on a drawn test picture: real pictures take longer.
///
/// # Errors
/// A sentence, when it does not work.
pub fn measure(description: &EncoderDescription, settings: &StampSettings) -> Result<f64, String> {
    probe::measure(description, settings)
}

/// The description to stamp with: the one `[stamp] encoder` names, or for `auto` the first that works.
///
/// # Errors
/// [`StampError::UnknownEncoder`], [`StampError::EncoderOfOtherCodec`], [`StampError::EncoderDoesNotWork`] for a named one,
/// [`StampError::NoEncoderWorks`] for `auto`, [`StampError::DescriptionUnreadable`], and [`StampError::FontMissing`], since
/// without a font no trial is possible.
pub fn choose(settings: &StampSettings) -> Result<EncoderDescription, StampError> {
    find_font(settings.font.as_deref())?;
    let mut all = ladder(settings)?;
    if settings.encoder != AUTO {
        all.truncate(1);
    }
    let mut failed = Vec::new();
    for description in all {
        match probe::try_out(&description, settings) {
            Ok(detail) => {
                tracing::info!(encoder = description.name, detail, "chose the encoder for the stamp");
                return Ok(description);
            }
            Err(reason) if settings.encoder != AUTO => {
                return Err(StampError::EncoderDoesNotWork { name: description.name, reason });
            }
            Err(reason) => failed.push(format!("{}: {reason}", description.name)),
        }
    }
    Err(StampError::NoEncoderWorks { tried: failed })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hall::StampWork;

    fn settings() -> StampSettings {
        StampSettings { encoder: AUTO.to_owned(), ..StampSettings::default() }
    }

    fn with(encoder: &str, codec: Option<VideoCodec>) -> StampSettings {
        StampSettings { encoder: encoder.to_owned(), work: StampWork { codec, ..StampWork::default() }, ..settings() }
    }

    fn names(ladder: Vec<EncoderDescription>) -> Vec<String> {
        ladder.into_iter().map(|d| d.name).collect()
    }

    #[test]
    fn every_built_in_description_fills_and_holds_the_named_elements() {
        let fill = super::super::description::Fill { codec: VideoCodec::H264, bitrate_kbps: 3000, gop_frames: 120 };
        for built_in in descriptions(&settings()).expect("built in") {
            let text = built_in.filled(fill).expect("it fills");
            for name in ["name=in", "name=stamp", "name=encoder", "name=out"] {
                assert_eq!(text.matches(name).count(), 1, "{name} in {}", built_in.name);
            }
            let h265 = built_in.name.contains("265");
            assert_eq!(built_in.codec(), if h265 { VideoCodec::H265 } else { VideoCodec::H264 }, "{}", built_in.name);
        }
    }

    #[test]
    fn x264_comes_after_all_hardware_and_before_openh264() {
        let taken = names(ladder(&settings()).expect("built in"));
        assert_eq!(taken, ["nvenc", "vaapi", "qsv", "v4l2", "x264", "openh264"]);
    }

    #[test]
    fn behind_h265_comes_h264_and_behind_h264_nothing_else() {
        let taken = names(ladder(&with(AUTO, Some(VideoCodec::H265))).expect("built in"));
        let h265 = ["nvenc-h265", "vaapi-h265", "qsv-h265", "v4l2-h265", "x265"];
        assert_eq!(taken, [&h265[..], &["nvenc", "vaapi", "qsv", "v4l2", "x264", "openh264"]].concat());
        assert!(!names(ladder(&with(AUTO, Some(VideoCodec::H264))).expect("built in")).iter().any(|n| n.contains("265")));
    }

    #[test]
    fn a_named_encoder_comes_first_and_the_others_stand_behind_it() {
        let taken = names(ladder(&with("x264", None)).expect("built in"));
        assert_eq!(taken, ["x264", "nvenc", "vaapi", "qsv", "v4l2", "openh264"]);
        assert_eq!(names(ladder(&with("x265", None)).expect("built in"))[..2], ["x265", "nvenc-h265"]);
        let error = ladder(&with("x265", Some(VideoCodec::H264))).expect_err("x265 gives no H.264").to_string();
        assert!(error.contains("x265") && error.contains("H.265") && error.contains("codec"), "{error}");
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
        assert_eq!(all.len(), 12);
    }

    #[test]
    fn an_unknown_encoder_is_told_with_the_known_names() {
        let error = choose(&StampSettings { encoder: "x266".to_owned(), ..settings() }).expect_err("there is none").to_string();
        assert!(error.contains("x266") && error.contains("x264, openh264"), "{error}");
    }

    #[test]
    fn a_folder_that_cannot_be_read_is_one_row_of_the_table() {
        let rows = probe(&StampSettings { pipelines: Some("/nowhere/pipelines".into()), ..settings() });
        assert_eq!(rows.len(), 1);
        assert!(!rows[0].works && rows[0].detail.contains("/nowhere/pipelines"), "{rows:?}");
    }

    /// Writes x264's description as a site's own of another name, with some of it replaced; gives what its trial said.
    fn tried(edits: &[(&str, &str)]) -> Result<String, String> {
        let text = edits.iter().fold(BUILT_IN[4].1.to_owned(), |text, (from, to)| {
            assert!(text.contains(from), "{from}");
            text.replace(from, to)
        });
        let own = EncoderDescription { name: "own".to_owned(), origin: Origin::BuiltIn, text };
        probe::try_out(&own, &settings())
    }

    #[test]
    fn x264_x265_and_openh264_work_here_and_a_wrong_element_does_not() {
        let rows = probe(&settings());
        for name in ["x264", "x265", "openh264"] {
            let row = rows.iter().find(|row| row.name == name).expect("a row");
            assert!(row.works, "{name}: {}", row.detail);
        }
        let folder = tempfile::tempdir().expect("a temporary folder");
        let edited = BUILT_IN[4].1.replace("x264enc", "x264encoder");
        std::fs::write(folder.path().join("stamp-x264.launch"), edited).expect("written");
        let own = StampSettings { pipelines: Some(folder.path().to_owned()), encoder: "x264".to_owned(), ..settings() };
        let error = choose(&own).expect_err("misspelt element").to_string();
        assert!(error.contains("x264encoder"), "{error}");
    }

    #[test]
    fn an_encoder_that_puts_pictures_out_of_order_is_refused_with_the_remedy() {
        let said = tried(&[("tune=zerolatency threads=1 bframes=0", "threads=1 bframes=2 rc-lookahead=0 b-adapt=false")]);
        assert!(said.as_ref().is_err_and(|s| s.contains("B-frames") && s.contains("bframes=0")), "{said:?}");
    }

    #[test]
    fn an_encoder_whose_pictures_come_out_changed_is_refused() {
        let said = tried(&[("! x264enc", "! videobalance brightness=-0.3 ! x264enc")]);
        assert!(said.as_ref().is_err_and(|s| s.contains("does not look like")), "{said:?}");
        let said = tried(&[("! x264enc", "! videoflip video-direction=180 ! x264enc")]);
        assert!(said.as_ref().is_err_and(|s| s.contains("does not look like")), "{said:?}");
    }

    #[test]
    fn an_encoder_that_dies_in_its_trial_is_told_with_its_words() {
        let said = tried(&[("! x264enc", "! identity error-after=3 ! x264enc")]);
        assert!(said.as_ref().is_err_and(|s| s.contains("identity")), "{said:?}");
    }

    #[test]
    fn a_trial_that_hangs_is_given_up_and_the_others_are_told() {
        let description =
            |name: &str, text: String| EncoderDescription { name: name.to_owned(), origin: Origin::BuiltIn, text };
        let hangs = description("hangs", BUILT_IN[4].1.replace("! x264enc", "! identity sleep-time=60000000 ! x264enc"));
        let absent = description("absent", "appsrc name=in ! nosuchelement ! appsink name=out".to_owned());
        let mut trials = Trials::start_within(vec![hangs, absent], &settings(), Duration::from_millis(1500));
        let told: Vec<(usize, bool)> = std::iter::from_fn(|| trials.next_result()).map(|(n, found)| (n, found.works)).collect();
        assert_eq!(told, [(1, false), (0, false)]);
    }
}
