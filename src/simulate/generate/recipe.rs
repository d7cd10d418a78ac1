//! Which files there are and what makes each: names, encoder settings and versions. No files are touched here.

use crate::simulate::cameras::{CameraSpec, PictureCoding, SoundCoding, View};
use crate::simulate::schedule::Rate;

/// Raise when drawing, sound or file form changes: files of another version are made anew.
const VERSION: u32 = 1;

/// Which picture of the loop a frozen camera repeats: one without a flash.
pub const FROZEN_PICTURE: u32 = 30;

/// What the pictures of a clip are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Take {
    /// The whole loop of 16 s.
    Loop,
    /// 2 s of [`FROZEN_PICTURE`].
    Frozen,
    /// 2 s of black.
    Black,
}

/// What makes one file.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Recipe {
    /// A picture stream.
    Pictures {
        /// File name without extension.
        name: String,
        /// Coding.
        coding: PictureCoding,
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
        /// Pictures per second.
        rate: Rate,
        /// What is shown.
        view: View,
        /// Which pictures.
        take: Take,
    },
    /// The sound of a camera.
    Sound {
        /// File name without extension.
        name: String,
        /// Coding.
        coding: SoundCoding,
        /// Pictures per second, which place the beeps.
        rate: Rate,
        /// Seed of the noise.
        seed: u64,
    },
    /// Ten AAC frames of digital silence.
    AacSilence,
}

impl Recipe {
    /// Name of the file in the media folder.
    pub fn file_name(&self) -> String {
        match self {
            Recipe::Pictures { name, coding: PictureCoding::H264, .. } => format!("{name}.h264"),
            Recipe::Pictures { name, coding: PictureCoding::H265, .. } => format!("{name}.h265"),
            Recipe::Pictures { name, coding: PictureCoding::Mpeg4, .. } => format!("{name}.m4v"),
            Recipe::Sound { name, coding: SoundCoding::ALaw, .. } => format!("{name}.alaw"),
            Recipe::Sound { name, coding: SoundCoding::Aac, .. } => format!("{name}.aac"),
            Recipe::AacSilence => "silence.aac".into(),
        }
    }

    /// Everything the content depends on, as text: kept beside the file, compared before making it again.
    pub fn text(&self) -> String {
        format!("version {VERSION}\n{self:?}\n{}\n", self.encoder().unwrap_or_default())
    }

    /// GStreamer description of the encoder; `None` where our own code does it.
    pub fn encoder(&self) -> Option<String> {
        match self {
            Recipe::Pictures { coding, rate, .. } => Some(picture_encoder(*coding, rate.gop_frames())),
            Recipe::Sound { coding: SoundCoding::Aac, .. } | Recipe::AacSilence => {
                Some("audioconvert ! avenc_aac bitrate=48000 ! audio/mpeg,mpegversion=4,stream-format=raw".into())
            }
            Recipe::Sound { coding: SoundCoding::ALaw, .. } => None,
        }
    }

    /// The GStreamer elements the encoder needs, with the Debian package of each.
    pub fn elements(&self) -> &'static [(&'static str, &'static str)] {
        match self {
            Recipe::Pictures { coding: PictureCoding::H264, .. } => &[("x264enc", "gstreamer1.0-plugins-ugly")],
            Recipe::Pictures { coding: PictureCoding::H265, .. } => &[("x265enc", "gstreamer1.0-plugins-bad")],
            Recipe::Pictures { coding: PictureCoding::Mpeg4, .. } => &[("avenc_mpeg4", "gstreamer1.0-libav")],
            Recipe::Sound { coding: SoundCoding::Aac, .. } | Recipe::AacSilence => {
                &[("audioconvert", "gstreamer1.0-plugins-base"), ("avenc_aac", "gstreamer1.0-libav")]
            }
            Recipe::Sound { coding: SoundCoding::ALaw, .. } => &[],
        }
    }
}

/// No B-pictures, one reference, closed GOPs of exactly 2 s: any GOP may follow any other, and the last picture the first.
fn picture_encoder(coding: PictureCoding, gop: u32) -> String {
    match coding {
        PictureCoding::H264 => format!(
            "x264enc aud=false byte-stream=true bframes=0 ref=1 key-int-max={gop} rc-lookahead=0 pass=qual quantizer=20 bitrate=3000 \
             speed-preset=veryfast threads=2 option-string=scenecut=0:min-keyint={gop}:open-gop=0 \
             ! video/x-h264,profile=high,stream-format=byte-stream,alignment=au"
        ),
        PictureCoding::H265 => format!(
            "x265enc speed-preset=superfast key-int-max={gop} qp=26 \
             option-string=bframes=0:scenecut=0:min-keyint={gop}:open-gop=0:ref=1:repeat-headers=1:info=0 \
             ! video/x-h265,profile=main,stream-format=byte-stream,alignment=au"
        ),
        PictureCoding::Mpeg4 => format!("avenc_mpeg4 bitrate=2000000 gop-size={gop} max-bframes=0 ! video/mpeg,mpegversion=4"),
    }
}

/// The files of one camera.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CameraRecipes {
    /// Its own loop.
    pub live: Recipe,
    /// Black, of the same format; `None` where the camera has no picture faults.
    pub black: Option<Recipe>,
    /// One picture of the loop, repeated.
    pub frozen: Option<Recipe>,
    /// A loop of another resolution, shared by all cameras of the same kind.
    pub other: Option<Recipe>,
    /// Its sound.
    pub sound: Option<Recipe>,
    /// Silence in the coding of its sound; A-law needs no file for it.
    pub silence: Option<Recipe>,
}

impl CameraRecipes {
    /// The recipes of a camera.
    pub fn of(camera: &CameraSpec) -> Self {
        let CameraSpec { id, coding, width, height, rate, view, sound, .. } = *camera;
        let pictures =
            |name: String, (width, height), view, take| Recipe::Pictures { name, coding, width, height, rate, view, take };
        let faulty = |recipe: Recipe| camera.has_picture_faults().then_some(recipe);
        let kind = |(width, height): (u32, u32)| {
            let coding = if coding == PictureCoding::H265 { "h265" } else { "h264" };
            format!("{coding}-{width}x{height}-{}ms", rate.frame_micros() / 1000)
        };
        let other = camera.other_size();
        // The view of shared clips is fixed, so that every camera asks for the very same recipe.
        let black = pictures(format!("black-{}", kind((width, height))), (width, height), View::Window(0), Take::Black);
        // A camera that draws its own clock draws every picture anew: its clip is only there to be of the right form.
        let live = if camera.own_clock { black.clone() } else { pictures(id.into(), (width, height), view, Take::Loop) };
        Self {
            live,
            black: faulty(black),
            frozen: faulty(pictures(format!("{id}-frozen"), (width, height), view, Take::Frozen)),
            other: faulty(pictures(format!("other-{}", kind(other)), other, View::Window(0), Take::Loop)),
            sound: sound.map(|coding| Recipe::Sound { name: id.into(), coding, rate, seed: seed_of(id) }),
            silence: (sound == Some(SoundCoding::Aac)).then_some(Recipe::AacSilence),
        }
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = &Recipe> {
        [
            Some(&self.live),
            self.black.as_ref(),
            self.frozen.as_ref(),
            self.other.as_ref(),
            self.sound.as_ref(),
            self.silence.as_ref(),
        ]
        .into_iter()
        .flatten()
    }
}

/// FNV-1a of the camera's name: the same noise in every build.
fn seed_of(id: &str) -> u64 {
    id.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::cameras::{CAMERAS, find};
    use std::collections::HashMap;

    #[test]
    fn one_file_name_means_one_recipe() {
        let mut seen: HashMap<String, Recipe> = HashMap::new();
        for recipe in CAMERAS.iter().flat_map(|c| CameraRecipes::of(c).all().cloned().collect::<Vec<_>>()) {
            let known = seen.entry(recipe.file_name()).or_insert_with(|| recipe.clone());
            assert_eq!(*known, recipe);
        }
        assert!(seen.contains_key("h264-alaw.alaw") && seen.contains_key("other-h265-1280x720-80ms.h265"));
    }

    #[test]
    fn the_unknown_coding_has_no_picture_faults_and_the_mute_camera_no_sound() {
        let mpeg4 = CameraRecipes::of(find("mpeg4").unwrap());
        assert_eq!((mpeg4.black, mpeg4.frozen, mpeg4.other), (None, None, None));
        let mute = CameraRecipes::of(find("h264-mute").unwrap());
        assert_eq!((mute.sound, mute.silence), (None, None));
        assert!(mute.black.is_some());
    }

    #[test]
    fn a_changed_encoder_setting_changes_the_text() {
        let live = |id| CameraRecipes::of(find(id).unwrap()).live.text();
        assert!(live("h264-alaw").contains("key-int-max=50"));
        assert!(live("hall-1").contains("key-int-max=25"));
        assert_ne!(live("h264-alaw"), live("h264-mute"));
    }
}
