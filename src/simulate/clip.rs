//! The generated media in memory: each file taken apart once, each unit a buffer that is shared, never copied, on its way out.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use gstreamer as gst;

use super::SimulateError;
use super::bitstream::{AAC_CONFIGURATION, split_adts, split_pictures};
use super::cameras::{CameraSpec, PictureCoding, SoundCoding};
use super::fault::Picture;
use super::generate::ALAW_SILENCE;
use super::generate::recipe::{CameraRecipes, Recipe};

/// Bytes in one A-law packet: 20 ms.
const ALAW_PACKET: usize = 160;

/// A picture stream.
pub struct Clip {
    units: Vec<(gst::Buffer, bool)>,
    configuration: Vec<u8>,
}

impl Clip {
    /// The unit at this place of the 16 s loop (shorter clips repeat), and whether it is a random access point.
    pub fn unit(&self, index: usize) -> Option<(&gst::Buffer, bool)> {
        self.units.get(index.checked_rem(self.units.len())?).map(|(buffer, key)| (buffer, *key))
    }
}

/// The sound of a camera.
pub struct SoundLoop {
    coding: SoundCoding,
    units: Vec<gst::Buffer>,
    silence: Vec<gst::Buffer>,
}

impl SoundLoop {
    /// The packet or frame at this place of the loop.
    pub fn unit(&self, index: usize, muted: bool) -> Option<&gst::Buffer> {
        let units = if muted { &self.silence } else { &self.units };
        units.get(index.checked_rem(units.len())?)
    }

    /// Its coding.
    pub fn coding(&self) -> SoundCoding {
        self.coding
    }

    /// What GStreamer calls it.
    pub fn caps(&self) -> gst::Caps {
        match self.coding {
            SoundCoding::ALaw => gst::Caps::builder("audio/x-alaw").field("rate", 8000i32).field("channels", 1i32).build(),
            SoundCoding::Aac => gst::Caps::builder("audio/mpeg")
                .field("mpegversion", 4i32)
                .field("stream-format", "raw")
                .field("framed", true)
                .field("rate", 32_000i32)
                .field("channels", 1i32)
                .field("codec_data", gst::Buffer::from_slice(AAC_CONFIGURATION))
                .build(),
        }
    }
}

/// Everything one camera can send.
pub struct CameraMedia {
    coding: PictureCoding,
    live: Arc<Clip>,
    black: Option<Arc<Clip>>,
    frozen: Option<Arc<Clip>>,
    other: Option<Arc<Clip>>,
    /// Its sound, if it has any.
    pub sound: Option<SoundLoop>,
}

impl CameraMedia {
    /// The clip for this kind of picture; its own loop where it has no such clip.
    pub fn clip(&self, picture: Picture) -> &Clip {
        let wanted = match picture {
            Picture::Live => None,
            Picture::Black => self.black.as_ref(),
            Picture::Freeze => self.frozen.as_ref(),
            Picture::Resolution => self.other.as_ref(),
        };
        wanted.unwrap_or(&self.live)
    }

    /// What GStreamer calls the pictures. Parameter sets of other resolutions travel in band, so this never changes.
    pub fn picture_caps(&self) -> gst::Caps {
        let (name, format) = match self.coding {
            PictureCoding::H264 => ("video/x-h264", Some("avc")),
            PictureCoding::H265 => ("video/x-h265", Some("hvc1")),
            PictureCoding::Mpeg4 => ("video/mpeg", None),
        };
        let caps = gst::Caps::builder(name).field("codec_data", gst::Buffer::from_slice(self.live.configuration.clone()));
        match format {
            Some(format) => caps.field("stream-format", format).field("alignment", "au").build(),
            None => caps.field("mpegversion", 4i32).field("systemstream", false).build(),
        }
    }
}

/// Reads media from one folder; files that several cameras share are read once.
pub struct Library {
    dir: PathBuf,
    clips: HashMap<String, Arc<Clip>>,
}

impl Library {
    /// Of this folder.
    pub fn new(dir: &Path) -> Self {
        Self { dir: dir.into(), clips: HashMap::new() }
    }

    /// Everything one camera needs.
    ///
    /// # Errors
    /// [`SimulateError::Media`] or [`SimulateError::Clip`] naming the file that cannot be read or taken apart.
    pub fn media(&mut self, camera: &CameraSpec) -> Result<CameraMedia, SimulateError> {
        let recipes = CameraRecipes::of(camera);
        Ok(CameraMedia {
            coding: camera.coding,
            live: self.clip(camera, &recipes.live)?,
            black: self.optional(camera, recipes.black.as_ref())?,
            frozen: self.optional(camera, recipes.frozen.as_ref())?,
            other: self.optional(camera, recipes.other.as_ref())?,
            sound: match camera.sound {
                Some(coding) => Some(self.sound(coding, &recipes)?),
                None => None,
            },
        })
    }

    fn optional(&mut self, camera: &CameraSpec, recipe: Option<&Recipe>) -> Result<Option<Arc<Clip>>, SimulateError> {
        recipe.map(|recipe| self.clip(camera, recipe)).transpose()
    }

    fn clip(&mut self, camera: &CameraSpec, recipe: &Recipe) -> Result<Arc<Clip>, SimulateError> {
        let name = recipe.file_name();
        if let Some(clip) = self.clips.get(&name) {
            return Ok(Arc::clone(clip));
        }
        let stream = self.read(recipe)?;
        let split = split_pictures(camera.coding, &stream).map_err(|problem| self.problem(recipe, problem))?;
        let units = split.units.into_iter().map(|u| (gst::Buffer::from_slice(u.data), u.random_access)).collect();
        let clip = Arc::new(Clip { units, configuration: split.configuration });
        self.clips.insert(name, Arc::clone(&clip));
        Ok(clip)
    }

    fn sound(&self, coding: SoundCoding, recipes: &CameraRecipes) -> Result<SoundLoop, SimulateError> {
        let units = |recipe: Option<&Recipe>| -> Result<Vec<gst::Buffer>, SimulateError> {
            let Some(recipe) = recipe else { return Ok(vec![gst::Buffer::from_slice([ALAW_SILENCE; ALAW_PACKET])]) };
            let stream = Bytes::from(self.read(recipe)?);
            Ok(match coding {
                SoundCoding::ALaw => stream.chunks(ALAW_PACKET).map(|p| gst::Buffer::from_slice(stream.slice_ref(p))).collect(),
                SoundCoding::Aac => split_adts(&stream)
                    .map_err(|problem| self.problem(recipe, problem))?
                    .into_iter()
                    .map(|f| gst::Buffer::from_slice(stream.slice_ref(f)))
                    .collect(),
            })
        };
        Ok(SoundLoop { coding, units: units(recipes.sound.as_ref())?, silence: units(recipes.silence.as_ref())? })
    }

    fn read(&self, recipe: &Recipe) -> Result<Vec<u8>, SimulateError> {
        let path = self.dir.join(recipe.file_name());
        fs::read(&path).map_err(|source| SimulateError::Media { path, source })
    }

    fn problem(&self, recipe: &Recipe, problem: String) -> SimulateError {
        SimulateError::Clip { path: self.dir.join(recipe.file_name()), problem }
    }
}

/// The A-law bytes a camera sends over and over: 128 000 bytes, 16 s, the first at the beginning of the loop.
///
/// # Errors
/// [`SimulateError::UnknownCamera`], [`SimulateError::NoALaw`] for a camera whose sound is none or of another coding, or
/// [`SimulateError::Media`] when the file has not been made.
pub fn alaw_loop(media_dir: &Path, camera: &str) -> Result<Vec<u8>, SimulateError> {
    let camera = super::cameras::find(camera)?;
    match CameraRecipes::of(camera).sound {
        Some(recipe) if camera.sound == Some(SoundCoding::ALaw) => Library::new(media_dir).read(&recipe),
        _ => Err(SimulateError::NoALaw { id: camera.id.into() }),
    }
}
