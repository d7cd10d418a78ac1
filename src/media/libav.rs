//! The one module that touches libavcodec and libavformat (crate `ffmpeg-next`): reading of media files.

pub mod decode;

use std::path::Path;
use std::sync::Once;

use bytes::Bytes;
use ffmpeg_next as ffmpeg;

/// What libav could not do.
#[derive(Debug, thiserror::Error)]
pub enum LibavError {
    /// A file could not be opened or read.
    #[error("read {path}: {reason}")]
    File {
        /// Which file.
        path: std::path::PathBuf,
        /// What libav says.
        reason: ffmpeg::Error,
    },
}

/// Starts libav once and keeps its own log to errors.
pub fn init() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // Registration cannot fail in the versions we build with; a failure would show at the first open.
        if let Err(e) = ffmpeg::init() {
            tracing::error!("start libav: {e}");
        }
        ffmpeg::log::set_level(ffmpeg::log::Level::Fatal);
    });
}

/// What a stream of a media file is coded in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileCodec {
    /// H.264 with its `avcC` record.
    H264,
    /// H.265 with its `hvcC` record.
    H265,
    /// AAC with its AudioSpecificConfig.
    Aac,
    /// G.711 A-law.
    ALaw,
    /// G.711 µ-law.
    MuLaw,
    /// Anything else, by libav's name.
    Other(String),
}

/// One stream of a media file.
#[derive(Clone, Debug)]
pub struct FileStream {
    /// Number of the stream in the file.
    pub index: usize,
    /// Its codec.
    pub codec: FileCodec,
    /// The codec's configuration record.
    pub configuration: Bytes,
    /// Width in pixels; 0 for sound.
    pub width: u32,
    /// Height in pixels; 0 for sound.
    pub height: u32,
    /// Samples per second; 0 for pictures.
    pub sample_rate: u32,
    /// Channels; 0 for pictures.
    pub channels: u16,
}

/// One packet of a media file.
#[derive(Clone, Debug)]
pub struct FilePacket {
    /// Number of the stream.
    pub stream: usize,
    /// Presentation time in microseconds since the file's start.
    pub pts_micros: i64,
    /// Length in microseconds; 0 when the file does not tell.
    pub duration_micros: i64,
    /// True when the file marks it as a key frame.
    pub key: bool,
    /// The coded bytes.
    pub data: Bytes,
}

/// Reads a whole media file: its streams and packets in the file's order.
///
/// # Errors
/// [`LibavError::File`] when it cannot be opened as media.
pub fn read_file(path: &Path) -> Result<(Vec<FileStream>, Vec<FilePacket>), LibavError> {
    init();
    let mut input = ffmpeg::format::input(path).map_err(|reason| LibavError::File { path: path.to_owned(), reason })?;
    let mut streams = Vec::new();
    for stream in input.streams() {
        let parameters = stream.parameters();
        let codec = match parameters.id() {
            ffmpeg::codec::Id::H264 => FileCodec::H264,
            ffmpeg::codec::Id::HEVC => FileCodec::H265,
            ffmpeg::codec::Id::AAC => FileCodec::Aac,
            ffmpeg::codec::Id::PCM_ALAW => FileCodec::ALaw,
            ffmpeg::codec::Id::PCM_MULAW => FileCodec::MuLaw,
            other => FileCodec::Other(other.name().to_owned()),
        };
        let decoder = ffmpeg::codec::context::Context::from_parameters(parameters)
            .map_err(|reason| LibavError::File { path: path.to_owned(), reason })?;
        let configuration = extradata(&decoder);
        let (mut width, mut height, mut sample_rate, mut channels) = (0, 0, 0, 0);
        match decoder.medium() {
            ffmpeg::media::Type::Video => {
                if let Ok(video) = decoder.decoder().video() {
                    (width, height) = (video.width(), video.height());
                }
            }
            ffmpeg::media::Type::Audio => {
                if let Ok(audio) = decoder.decoder().audio() {
                    (sample_rate, channels) = (audio.rate(), audio.channels());
                }
            }
            _ => {}
        }
        streams.push(FileStream { index: stream.index(), codec, configuration, width, height, sample_rate, channels });
    }
    let mut packets = Vec::new();
    for (stream, packet) in input.packets() {
        let base = stream.time_base();
        let micros = |t: i64| {
            let scaled = i128::from(t) * 1_000_000 * i128::from(base.numerator()) / i128::from(base.denominator().max(1));
            i64::try_from(scaled).unwrap_or(i64::MAX)
        };
        packets.push(FilePacket {
            stream: stream.index(),
            pts_micros: micros(packet.pts().or(packet.dts()).unwrap_or(0)),
            duration_micros: micros(packet.duration()),
            key: packet.is_key(),
            data: Bytes::copy_from_slice(packet.data().unwrap_or_default()),
        });
    }
    Ok((streams, packets))
}

/// The codec's configuration record.
#[expect(unsafe_code, reason = "ffmpeg-next has no safe accessor for extradata")]
fn extradata(context: &ffmpeg::codec::context::Context) -> Bytes {
    // SAFETY: the context owns `extradata_size` bytes at `extradata` for as long as it lives, and we only copy them.
    unsafe {
        let raw = context.as_ptr();
        let (data, size) = ((*raw).extradata, usize::try_from((*raw).extradata_size).unwrap_or(0));
        if data.is_null() { Bytes::new() } else { Bytes::copy_from_slice(std::slice::from_raw_parts(data, size)) }
    }
}
