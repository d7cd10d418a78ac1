//! Burns the stamp into a copy (烧录叠加): footage whose pictures carry none is decoded, drawn on and encoded for an export. What carries
//! it is copied bit for bit, and the originals are never touched.
//!
//! The time is each picture's own capture time, the label the one of the segment's identity: an old recording says what the place was
//! called then. The new pictures and the sound that belongs to them go into a file beside the export; its tables take the place of
//! the originals' in the plan, so that one film holds both, each under its own sample entry.

mod parts;

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::Prepared;
use super::footage;
use super::plan::{self, Movie, Table};
use super::samples::{Format, Part, Source, TrackFormat};
use crate::hall::StampSettings;
use crate::media::VideoFormat;
use crate::stamp::encoders::EncoderDescription;
use crate::stamp::reencode::Reencoder;
use crate::stamp::{StampError, Stamped};
use crate::time::Span;
use parts::{Sound, Written};

/// A copy may be this much richer than its original in hundredths, so that encoding again costs little of it.
const RICHER_PERCENT: u64 = 130;
/// The same where the original is H.265, which needs about half the bits of the H.264 that comes out.
const RICHER_THAN_H265_PERCENT: u64 = 220;
/// Most that is asked of an encoder, in kbit/s for 1920×1080.
const MOST_KBPS: u64 = 20_000;

/// Why the stamp could not be burnt in.
#[derive(Debug, thiserror::Error)]
pub enum BurnError {
    /// The copy cannot be written.
    #[error("write {path}: {source} (see whether there is room and the folder may be written)")]
    Write {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A segment cannot be read.
    #[error("read {path}: {source} (see whether the disk is mounted; `jiancha verify` tells more)")]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The pictures cannot be decoded.
    #[error("{path}: its pictures are in no form that can be decoded; export it as it is with --untouched")]
    Format {
        /// Which file.
        path: PathBuf,
    },
    /// The stamper refuses, or died.
    #[error("the stamp cannot be burnt into {path}: {reason}; export it as it is with --untouched")]
    Stamp {
        /// Which file, the first of its run.
        path: PathBuf,
        /// What it says.
        reason: String,
    },
}

/// A folder for what is only needed while exporting; removed when dropped.
#[derive(Debug)]
pub struct Scratch(PathBuf);

impl Scratch {
    /// Makes the folder `path`, which must not exist.
    ///
    /// # Errors
    /// [`BurnError::Write`].
    pub fn new(path: PathBuf) -> Result<Self, BurnError> {
        std::fs::create_dir(&path).map_err(|source| BurnError::Write { path: path.clone(), source })?;
        Ok(Self(path))
    }

    /// A folder inside, for one camera.
    ///
    /// # Errors
    /// [`BurnError::Write`].
    pub fn folder(&self, n: usize) -> Result<PathBuf, BurnError> {
        let path = self.0.join(n.to_string());
        std::fs::create_dir(&path).map_err(|source| BurnError::Write { path: path.clone(), source })?;
        Ok(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Nothing is lost by it; what stays behind has a name that says what it was.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// How the stamp is made.
#[derive(Clone, Debug)]
pub struct Means {
    /// Font, and bit rate at the least.
    pub settings: StampSettings,
    /// The encoder that works on this machine.
    pub encoder: EncoderDescription,
}

/// The footage of one camera with the stamp in every picture.
#[derive(Debug)]
pub struct Burnt {
    /// The files: originals where they carry the stamp, copies where they do not.
    pub sources: Vec<Source>,
    /// The movies made of them; more than one where the coding changes.
    pub movies: Vec<Movie>,
    /// The spans whose stamp was drawn by this export.
    pub spans: Vec<Span>,
    /// Pictures that could not be decoded and are not in the copy.
    pub lost: u64,
}

impl Burnt {
    /// The spans burnt in that `movie` shows.
    pub fn spans_in(&self, movie: &Movie) -> Vec<Span> {
        let shown = movie.shown();
        self.spans.iter().flat_map(|span| shown.iter().filter_map(|s| s.intersect(*span))).collect()
    }
}

/// Bytes of pictures that [`burn`] would have to decode; 0 when every picture needed carries the stamp.
pub fn needed_bytes(prepared: &Prepared) -> u64 {
    groups(prepared)
        .iter()
        .flatten()
        .flat_map(|n| footage::parts_for(&prepared.sources[*n], prepared.asked))
        .map(|p| p.video.bytes())
        .sum()
}

/// The files without the stamp that the movies need, in order, those together that one encoder can take: consecutive, of one run and
/// coding, with one label.
fn groups(prepared: &Prepared) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for n in prepared.used() {
        let (Some(source), Some(row)) = (prepared.sources.get(n), prepared.rows.get(n)) else { continue };
        if row.stamped || footage::parts_for(source, prepared.asked).is_empty() {
            continue;
        }
        let follows = |last: usize| {
            let before = &prepared.sources[last];
            let end = before.parts.last().map(|p| p.video.decode_time + p.video.duration());
            last + 1 == n
                && before.identity.run == source.identity.run
                && before.identity.label_lines() == source.identity.label_lines()
                && before.format == source.format
                && end == source.parts.first().map(|p| p.video.decode_time)
        };
        match groups.last_mut() {
            Some(group) if group.last().is_some_and(|last| follows(*last)) => group.push(n),
            _ => groups.push(vec![n]),
        }
    }
    groups
}

/// Burns the stamp into a copy of everything that [`Prepared`] needs and that carries none; the copy lies in `folder`, which must
/// outlive the writing of the movies. `None` when every picture carries it. `on_bytes` is told of picture bytes as they are decoded.
///
/// # Errors
/// [`BurnError`].
pub fn burn(
    prepared: &Prepared,
    means: &Means,
    folder: &Path,
    on_bytes: &mut dyn FnMut(u64),
) -> Result<Option<Burnt>, BurnError> {
    let groups = groups(prepared);
    if groups.is_empty() {
        return Ok(None);
    }
    let mut burnt = Burnt { sources: Vec::new(), movies: Vec::new(), spans: Vec::new(), lost: 0 };
    let mut next = 0;
    for group in groups {
        let (Some(first), Some(last)) = (group.first(), group.last()) else { continue };
        burnt.sources.extend(prepared.sources[next..*first].iter().cloned());
        next = last + 1;
        let sources = &prepared.sources[*first..=*last];
        let path = folder.join(format!("{}.media", burnt.sources.len()));
        let (copy, lost) = copy_of(sources, prepared.asked, means, path, on_bytes)?;
        if let (Some(from), Some(to)) = (copy.parts.first().map(|p| p.from), prepared.rows.get(*last).map(|row| row.to)) {
            burnt.spans.push(Span::new(from, to.max(from)));
        }
        burnt.lost += lost;
        burnt.sources.push(copy);
    }
    burnt.sources.extend(prepared.sources[next..].iter().cloned());
    let tables: Vec<Table<'_>> =
        burnt.sources.iter().map(|s| Table { run: &s.identity.run, format: &s.format, parts: &s.parts }).collect();
    burnt.movies = plan::plan(&tables, prepared.asked);
    let shown: Vec<Span> = burnt.movies.iter().flat_map(Movie::shown).collect();
    let visible = burnt.spans.iter().flat_map(|span| shown.iter().filter_map(|s| s.intersect(*span)));
    burnt.spans = Span::join(visible.collect(), 100_000);
    Ok(Some(burnt))
}

/// What the encoder's thread has put into the copy so far.
struct Copy {
    file: BufWriter<File>,
    bytes: u64,
    pictures: Vec<Written>,
    format: Option<VideoFormat>,
    /// Why it went wrong.
    failed: Option<String>,
    /// Why the copy could not be written.
    refused: Option<std::io::Error>,
    ended: bool,
}

struct Shared {
    copy: Mutex<Copy>,
    moved: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Copy> {
        self.copy.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, stamped: Stamped) {
        let mut copy = self.lock();
        match stamped {
            Stamped::Format(format) => match &copy.format {
                Some(known) if *known != format => {
                    copy.failed.get_or_insert(format!("the encoder changed its format to {format:?}"));
                }
                _ => copy.format = Some(format),
            },
            Stamped::Unit(unit) => {
                let (offset, size) = (copy.bytes, u32::try_from(unit.data.len()).unwrap_or(u32::MAX));
                if let Err(e) = copy.file.write_all(&unit.data) {
                    copy.refused.get_or_insert(e);
                }
                copy.bytes += u64::from(size);
                let (pts_90k, capture, random_access) = (unit.pts_90k, unit.capture, unit.random_access);
                copy.pictures.push(Written { pts_90k, capture, random_access, offset, size });
            }
            Stamped::Failed(reason) => {
                copy.failed.get_or_insert(reason);
                copy.ended = true;
            }
            Stamped::Finished => copy.ended = true,
        }
        drop(copy);
        self.moved.notify_all();
    }
}

/// A copy of consecutive `sources` with the stamp, and the number of pictures that could not be decoded.
fn copy_of(
    sources: &[Source],
    asked: Span,
    means: &Means,
    path: PathBuf,
    on_bytes: &mut dyn FnMut(u64),
) -> Result<(Source, u64), BurnError> {
    let first = sources.first().ok_or_else(|| BurnError::Format { path: path.clone() })?;
    let stamp = |reason: String| BurnError::Stamp { path: first.path.clone(), reason };
    let write = |source| BurnError::Write { path: path.clone(), source };
    let input = footage::video_format(&first.format).ok_or_else(|| BurnError::Format { path: first.path.clone() })?;
    let file = File::options().read(true).write(true).create_new(true).open(&path).map_err(write)?;
    let shared = Arc::new(Shared {
        copy: Mutex::new(Copy {
            file: BufWriter::with_capacity(256 * 1024, file),
            bytes: 0,
            pictures: Vec::new(),
            format: None,
            failed: None,
            refused: None,
            ended: false,
        }),
        moved: Condvar::new(),
    });
    let settings = richer(&means.settings, &input, sources, asked);
    let for_sink = Arc::clone(&shared);
    let label = first.identity.label_lines();
    let stamper = Reencoder::start(&input, &label, &settings, &means.encoder, move |stamped| for_sink.take(stamped))
        .map_err(|e| stamp(e.to_string()))?;
    let mut given = 0u64;
    let mut sounds: Vec<(PathBuf, &Part)> = Vec::new();
    let mut end_90k = 0;
    for source in sources {
        let read = |e| BurnError::Read { path: source.path.clone(), source: e };
        let file = File::open(&source.path).map_err(read)?;
        for part in footage::parts_for(source, asked) {
            for place in footage::pictures(part) {
                match stamper.push_blocking(footage::unit(&file, part, &place).map_err(read)?) {
                    // A damaged unit costs itself, and what is decoded from it.
                    Ok(()) | Err(StampError::BadUnit { .. }) => given += 1,
                    // Why it ended is known to the sink, and told below.
                    Err(_) => break,
                }
                on_bytes(u64::from(place.size));
            }
            sounds.push((source.path.clone(), part));
            end_90k = i64::try_from(part.video.decode_time + part.video.duration()).unwrap_or(i64::MAX);
        }
    }
    stamper.finish();
    let mut copy = shared.moved.wait_while(shared.lock(), |copy| !copy.ended).unwrap_or_else(PoisonError::into_inner);
    if let Some(source) = copy.refused.take() {
        return Err(write(source));
    }
    if let Some(reason) = copy.failed.take() {
        return Err(stamp(reason));
    }
    let Some(video) = copy.format.take() else { return Err(stamp("no picture could be decoded".to_owned())) };
    let pictures = std::mem::take(&mut copy.pictures);
    let lost = given.saturating_sub(pictures.len() as u64);
    let sounds = copy_sounds(&mut copy, &sounds, &path)?;
    copy.file.flush().map_err(write)?;
    drop(copy);
    let rate = first.format.audio.as_ref().map_or(8000, |a| a.timescale);
    let format = Format {
        video: TrackFormat { timescale: first.format.video.timescale, entry: video.sample_entry },
        audio: first.format.audio.clone(),
        width: video.width,
        height: video.height,
    };
    Ok((
        Source { path, identity: first.identity.clone(), format, parts: parts::parts(&pictures, end_90k, &sounds, rate) },
        lost,
    ))
}

/// Copies the sound of parts behind the pictures, bit for bit.
fn copy_sounds(copy: &mut Copy, parts: &[(PathBuf, &Part)], path: &Path) -> Result<Vec<Sound>, BurnError> {
    let mut sounds = Vec::new();
    let mut open: Option<(&Path, File)> = None;
    for (source, part) in parts {
        if part.audio.samples.is_empty() {
            continue;
        }
        let read = |e| BurnError::Read { path: source.clone(), source: e };
        let file = match open.take() {
            Some((name, file)) if name == source => file,
            _ => File::open(source).map_err(read)?,
        };
        let mut bytes = vec![0; usize::try_from(part.audio.bytes()).unwrap_or(0)];
        file.read_exact_at(&mut bytes, part.audio.offset).map_err(read)?;
        copy.file.write_all(&bytes).map_err(|e| BurnError::Write { path: path.to_owned(), source: e })?;
        let mut track = part.audio.clone();
        track.offset = copy.bytes;
        copy.bytes += bytes.len() as u64;
        sounds.push(Sound { track });
        open = Some((source, file));
    }
    Ok(sounds)
}

/// The settings with a bit rate that does not fall behind the original's.
fn richer(settings: &StampSettings, input: &VideoFormat, sources: &[Source], asked: Span) -> StampSettings {
    let parts = || sources.iter().flat_map(|s| footage::parts_for(s, asked));
    let (bytes, ticks) = parts().fold((0u64, 0u64), |(b, t), p| (b + p.video.bytes(), t + p.video.duration()));
    let percent = match input.codec {
        crate::media::VideoCodec::H264 => RICHER_PERCENT,
        crate::media::VideoCodec::H265 => RICHER_THAN_H265_PERCENT,
    };
    let area = (u64::from(input.width) * u64::from(input.height)).max(1);
    let kbps = u128::from(bytes) * 8 * 90 / u128::from(ticks.max(1)) * u128::from(percent) / 100;
    let for_1080p = u64::try_from(kbps * 1920 * 1080 / u128::from(area)).unwrap_or(MOST_KBPS).min(MOST_KBPS);
    let bitrate_kbps = settings.bitrate_kbps.max(u32::try_from(for_1080p).unwrap_or(0));
    StampSettings { bitrate_kbps, ..settings.clone() }
}
