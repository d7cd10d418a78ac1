//! The one module that touches libavcodec and libavformat (crate `ffmpeg-next`): reading of media files, and decoding of single pictures.

pub mod decode;

use std::path::Path;
use std::sync::Once;

use bytes::Bytes;
use ffmpeg_next as ffmpeg;

use super::VideoCodec;
use super::nal::byte_stream;

/// What libav could not do.
#[derive(Debug, thiserror::Error)]
pub enum LibavError {
    /// This build of libav lacks the codec.
    #[error("libav has no {0} (Debian package: libavcodec59)")]
    NoCodec(&'static str),
    /// A codec refused.
    #[error("{doing}: {reason}")]
    Codec {
        /// What was attempted.
        doing: &'static str,
        /// What libav says.
        reason: ffmpeg::Error,
    },
    /// A key frame did not decode to a picture.
    #[error("decode a key frame of {bytes} bytes: {reason}")]
    Picture {
        /// Length of its byte stream.
        bytes: usize,
        /// What is wrong.
        reason: String,
    },
    /// A file could not be opened or read.
    #[error("read {path}: {reason}")]
    File {
        /// Which file.
        path: std::path::PathBuf,
        /// What libav says.
        reason: ffmpeg::Error,
    },
}

fn codec_error(doing: &'static str) -> impl Fn(ffmpeg::Error) -> LibavError {
    move |reason| LibavError::Codec { doing, reason }
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

/// The brightness of a decoded picture: 8 bits a pixel, rows of `stride` bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LumaPlane {
    /// Width in pixels after cropping.
    pub width: usize,
    /// Height in pixels after cropping.
    pub height: usize,
    /// Bytes from one row to the next.
    pub stride: usize,
    /// The rows.
    pub rows: Vec<u8>,
}

/// Decodes one random access unit alone, in the calling thread, with a decoder opened for it: nothing of one picture stays for the
/// next. `configuration` is the `avcC` or `hvcC` record, `data` the length-prefixed unit.
///
/// # Errors
/// [`LibavError`] when libav lacks the codec, or the unit does not decode alone.
pub fn decode_key_frame(codec: VideoCodec, configuration: &[u8], data: &[u8]) -> Result<LumaPlane, LibavError> {
    init();
    let (id, name) = match codec {
        VideoCodec::H264 => (ffmpeg::codec::Id::H264, "H.264 decoder"),
        VideoCodec::H265 => (ffmpeg::codec::Id::HEVC, "H.265 decoder"),
    };
    let found = ffmpeg::decoder::find(id).ok_or(LibavError::NoCodec(name))?;
    let mut context = ffmpeg::codec::context::Context::new_with_codec(found);
    context.set_threading(ffmpeg::codec::threading::Config::count(1));
    let mut decoder = context.decoder().video().map_err(codec_error("open decoder"))?;
    let stream = byte_stream(codec, configuration, data);
    let broken = |reason: String| LibavError::Picture { bytes: stream.len(), reason };
    decoder.send_packet(&ffmpeg::Packet::copy(&stream)).map_err(|e| broken(e.to_string()))?;
    decoder.send_eof().map_err(|e| broken(e.to_string()))?;
    let mut frame = ffmpeg::frame::Video::empty();
    decoder.receive_frame(&mut frame).map_err(|e| broken(e.to_string()))?;
    luma(&frame).map_err(broken)
}

/// The luma plane of a planar picture; of more than 8 bits the upper eight.
fn luma(frame: &ffmpeg::frame::Video) -> Result<LumaPlane, String> {
    use ffmpeg::format::Pixel;
    let (width, height, stride) = (frame.width() as usize, frame.height() as usize, frame.stride(0));
    let deep = match frame.format() {
        Pixel::YUV420P
        | Pixel::YUVJ420P
        | Pixel::YUV422P
        | Pixel::YUVJ422P
        | Pixel::YUV444P
        | Pixel::YUVJ444P
        | Pixel::NV12
        | Pixel::GRAY8 => false,
        Pixel::YUV420P10LE | Pixel::YUV422P10LE => true,
        other => return Err(format!("its pixels are {other:?}, which is not read")),
    };
    let bytes = frame.data(0);
    let enough = bytes.len() >= stride * height && stride >= width * if deep { 2 } else { 1 };
    if !enough || width == 0 || height == 0 {
        return Err(format!("{width}x{height} pixels do not fit {} bytes", bytes.len()));
    }
    if !deep {
        return Ok(LumaPlane { width, height, stride, rows: bytes[..stride * height].to_vec() });
    }
    let upper = |pair: &[u8]| (u16::from_le_bytes([pair[0], pair[1]]) >> 2).min(255) as u8;
    let rows = bytes.chunks(stride).take(height).flat_map(|row| row[..2 * width].chunks_exact(2).map(upper)).collect();
    Ok(LumaPlane { width, height, stride: width, rows })
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
