//! Makes the test media: draws the pictures, makes the sound, encodes both into plain files.
//!
//! Each file has a `.recipe` beside it that says what made it; a file whose recipe is still right is left alone. A lock on the folder
//! lets several programs ask for media at the same time.

mod canvas;
mod encode;
mod furniture;
mod lettering;
pub mod recipe;
mod scene;
mod sound;

use std::fs::{self, File};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use gstreamer as gst;

use self::encode::Raw;
use self::recipe::{CameraRecipes, FROZEN_PICTURE, Recipe, Take};
use super::SimulateError;
use super::bitstream::{adts_header, split_pictures, without_doubled_sets};
use super::cameras::{CameraSpec, PictureCoding, SoundCoding};
use super::schedule::Rate;

pub(super) use self::canvas::{Brush, Canvas, Colour};
pub(super) use self::lettering::Lettering;
pub(super) use self::scene::Scene;
pub use self::sound::ALAW_SILENCE;

/// Samples per second of AAC sound.
const AAC_RATE: usize = 32_000;
/// Samples in one AAC frame.
const AAC_FRAME: usize = 1024;
/// Frames of AAC in one loop.
const AAC_LOOP_FRAMES: usize = 16 * AAC_RATE / AAC_FRAME;
/// Frames of AAC silence kept.
const SILENCE_FRAMES: usize = 10;

/// What [`generate`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Generated {
    /// Files made.
    pub made: usize,
    /// Files that were already right.
    pub kept: usize,
}

/// Makes every file the cameras need that `dir` does not hold yet. `progress` gets one line per file.
///
/// # Errors
/// [`SimulateError::ElementMissing`] before anything is made when GStreamer lacks an encoder; otherwise what went wrong with which file.
pub fn generate(dir: &Path, cameras: &[&CameraSpec], progress: &(dyn Fn(&str) + Sync)) -> Result<Generated, SimulateError> {
    fs::create_dir_all(dir).map_err(|source| SimulateError::Media { path: dir.into(), source })?;
    let mut recipes: Vec<Recipe> = Vec::new();
    let second = cameras.iter().filter_map(|c| c.second_stream());
    for recipe in cameras.iter().copied().chain(second).flat_map(|c| CameraRecipes::of(c).all().cloned().collect::<Vec<_>>()) {
        if !recipes.contains(&recipe) {
            recipes.push(recipe);
        }
    }
    let missing = |recipes: &[Recipe]| recipes.iter().filter(|r| !is_made(dir, r)).cloned().collect::<Vec<_>>();
    if missing(&recipes).is_empty() {
        return Ok(Generated { made: 0, kept: recipes.len() });
    }
    let lock_path = dir.join("lock");
    let lock = File::create(&lock_path).map_err(|source| SimulateError::Media { path: lock_path.clone(), source })?;
    lock.lock().map_err(|source| SimulateError::Media { path: lock_path, source })?;
    // Another program may have made them while this one waited.
    let todo = missing(&recipes);
    gst::init().map_err(|e| SimulateError::GStreamer(e.to_string()))?;
    for (element, package) in todo.iter().flat_map(|r| r.elements()) {
        super::require_element(element, package)?;
    }
    make_all(dir, &todo, progress)?;
    Ok(Generated { made: todo.len(), kept: recipes.len() - todo.len() })
}

fn is_made(dir: &Path, recipe: &Recipe) -> bool {
    let file = dir.join(recipe.file_name());
    file.exists() && fs::read_to_string(recipe_path(&file)).is_ok_and(|text| text == recipe.text())
}

fn recipe_path(file: &Path) -> std::path::PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".recipe");
    name.into()
}

/// Makes the files, as many at a time as there are processors.
fn make_all(dir: &Path, todo: &[Recipe], progress: &(dyn Fn(&str) + Sync)) -> Result<(), SimulateError> {
    let workers = std::thread::available_parallelism().map_or(1, usize::from).min(todo.len());
    let lettering = Lettering::find();
    let next = AtomicUsize::new(0);
    let failed: Mutex<Option<SimulateError>> = Mutex::new(None);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some(recipe) = todo.get(next.fetch_add(1, Ordering::Relaxed)) {
                    progress(&format!("{} …", recipe.file_name()));
                    if let Err(error) = make(dir, recipe, &lettering) {
                        next.store(todo.len(), Ordering::Relaxed);
                        failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                        return;
                    }
                }
            });
        }
    });
    failed.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
}

fn make(dir: &Path, recipe: &Recipe, lettering: &Lettering) -> Result<(), SimulateError> {
    let path = dir.join(recipe.file_name());
    let bytes = content(recipe, lettering).map_err(|problem| SimulateError::Clip { path: path.clone(), problem })?;
    write_whole(&path, &bytes)?;
    write_whole(&recipe_path(&path), recipe.text().as_bytes())
}

/// Writes beside the file and renames, so that a file of that name is always whole.
fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), SimulateError> {
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    fs::write(&part, bytes)
        .and_then(|()| fs::rename(&part, path))
        .map_err(|source| SimulateError::Media { path: path.into(), source })
}

fn content(recipe: &Recipe, lettering: &Lettering) -> Result<Vec<u8>, String> {
    match recipe {
        Recipe::Pictures { .. } => pictures(recipe, lettering),
        Recipe::Sound { coding: SoundCoding::ALaw, rate, seed, .. } => {
            Ok(sound::samples(*rate, 8000, *seed).into_iter().map(sound::alaw).collect())
        }
        Recipe::Sound { coding: SoundCoding::Aac, rate, seed, .. } => {
            let period = sound::samples(*rate, AAC_RATE, *seed);
            let frames = aac_frames(recipe, period.iter().copied().cycle().take(3 * period.len()).collect())?;
            // avenc_aac delays by one frame. Of three equal periods the middle one is kept, so that its first frame overlaps
            // with exactly what its last frame leaves.
            adts(frames.get(AAC_LOOP_FRAMES + 1..2 * AAC_LOOP_FRAMES + 1), frames.len())
        }
        Recipe::AacSilence => {
            let frames = aac_frames(recipe, vec![0; 3 * SILENCE_FRAMES * AAC_FRAME])?;
            adts(frames.get(SILENCE_FRAMES..2 * SILENCE_FRAMES), frames.len())
        }
    }
}

fn adts(frames: Option<&[Vec<u8>]>, had: usize) -> Result<Vec<u8>, String> {
    let frames = frames.ok_or_else(|| format!("the AAC encoder gave only {had} frames"))?;
    Ok(frames.iter().flat_map(|f| adts_header(f.len()).into_iter().chain(f.iter().copied())).collect())
}

fn aac_frames(recipe: &Recipe, samples: Vec<i16>) -> Result<Vec<Vec<u8>>, String> {
    let caps = gst::Caps::builder("audio/x-raw")
        .field("format", "S16LE")
        .field("rate", AAC_RATE as i32)
        .field("channels", 1i32)
        .field("layout", "interleaved")
        .build();
    let frame_ns = 32_000_000u64;
    let input = samples.chunks(AAC_FRAME).enumerate().map(|(place, chunk)| Raw {
        bytes: chunk.iter().flat_map(|s| s.to_le_bytes()).collect(),
        pts_ns: place as u64 * frame_ns,
        duration_ns: frame_ns,
    });
    let mut frames = Vec::new();
    encode::encode(&recipe.encoder().unwrap_or_default(), &caps, input, |frame| frames.push(frame.to_vec()))?;
    Ok(frames)
}

fn pictures(recipe: &Recipe, lettering: &Lettering) -> Result<Vec<u8>, String> {
    let Recipe::Pictures { coding, width, height, rate, view, take, .. } = recipe else {
        return Err("no recipe for pictures".into());
    };
    let (numerator, denominator) = rate.fraction();
    let caps = gst::Caps::builder("video/x-raw")
        .field("format", "I420")
        .field("width", *width as i32)
        .field("height", *height as i32)
        .field("framerate", gst::Fraction::new(numerator, denominator))
        .field("interlace-mode", "progressive")
        .field("colorimetry", "bt709")
        .build();
    let frames = picture_count(*rate, *take);
    let mut scene = Scene::new(*view, *rate, *width, *height, lettering);
    let black = Canvas::new(*width as usize, *height as usize, Colour::rgb(0));
    let frame_ns = rate.frame_micros() as u64 * 1000;
    let input = (0..frames).map(move |number| Raw {
        bytes: match take {
            Take::Loop => scene.draw(number).to_vec(),
            Take::Frozen => scene.draw(FROZEN_PICTURE).to_vec(),
            Take::Black => black.bytes().to_vec(),
        },
        pts_ns: u64::from(number) * frame_ns,
        duration_ns: frame_ns,
    });
    let mut stream = Vec::new();
    encode::encode(&recipe.encoder().unwrap_or_default(), &caps, input, |coded| stream.extend_from_slice(coded))?;
    if *coding == PictureCoding::H265 {
        stream = without_doubled_sets(&stream).to_vec();
    }
    let split = split_pictures(*coding, &stream)?;
    let gop = rate.gop_frames() as usize;
    let regular = split.units.iter().enumerate().all(|(place, unit)| unit.random_access == (place % gop == 0));
    if split.units.len() != frames as usize || !regular {
        let found = split.units.len();
        return Err(format!("the encoder gave {found} pictures, wanted {frames} with a random access point every {gop}"));
    }
    Ok(stream)
}

/// Pictures in a clip.
fn picture_count(rate: Rate, take: Take) -> u32 {
    if take == Take::Loop { rate.frames_per_loop() } else { rate.gop_frames() }
}
