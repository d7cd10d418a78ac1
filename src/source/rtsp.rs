//! RTSP cameras (crate `retina`): one call is one session, from the first request to the moment no more can be expected.
//!
//! The socket's edge: it times out, converts and hands over; nothing is decided here that [`super::anchor`] or the caller can decide.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::StreamExt;
use retina::client::{
    Credentials, Demuxed, InitialTimestampPolicy, PlayOptions, Session, SessionGroup, SessionOptions, SetupOptions,
    TcpTransportOptions, Transport, UdpTransportOptions,
};
use retina::codec::{CodecItem, FrameFormat, ParametersRef};

use super::anchor::Anchor;
use super::sound::{FlacFrame, G711ToFlac};
use super::{Measured, SessionEnd, SourceEvent};
use crate::catalogue::GapCause;
use crate::hall::{Camera, ClockLimits, RtspTransport};
use crate::media::g711::Law;
use crate::media::{
    AccessUnit, AudioCodec, AudioFormat, AudioUnit, StreamFormat, VIDEO_TIMESCALE, VideoCodec, VideoFormat, VideoUnit,
};
use crate::time::{Clock, MICROS_PER_SECOND, WallTime};

/// Longest wait for each of describe, set-up and play.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(6);
/// Two neighbouring readings of wall against monotonic time that differ by more than this are a step of the clock.
const CLOCK_STEP_MICROS: i64 = 250_000;
/// Sound and picture whose axes differ by more than this were given wrong start times by the camera.
const AXIS_ERROR_MICROS: i64 = 500_000;
/// Media time may jump by this much between two packets; more is a broken stream.
const LARGEST_JUMP_SECONDS: u32 = 10;

/// What a session needs to know beside the camera.
pub struct SessionSettings {
    /// Without a picture for this long the session is given up.
    pub silence: Duration,
    /// How wrong a camera's clock may be.
    pub clocks: ClockLimits,
    /// Sessions torn down in the background are counted here.
    pub group: Arc<SessionGroup>,
}

fn end(cause: GapCause, detail: impl Into<String>) -> SessionEnd {
    SessionEnd { cause, detail: detail.into() }
}

/// Why a request failed, in the ledger's terms. The address stands without credentials.
fn refused(camera: &Camera, doing: &str, e: &retina::Error) -> SessionEnd {
    let cause = match e.status_code() {
        Some(401 | 403) => GapCause::Authentication,
        Some(_) => GapCause::UnsupportedStream,
        None => GapCause::CameraUnreachable,
    };
    end(cause, format!("{doing} {}: {}", camera.url, first_line(&e.to_string())))
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

async fn in_time<T>(
    camera: &Camera,
    doing: &str,
    work: impl Future<Output = Result<T, retina::Error>>,
) -> Result<T, SessionEnd> {
    match tokio::time::timeout(REQUEST_TIMEOUT, work).await {
        Ok(result) => result.map_err(|e| refused(camera, doing, &e)),
        Err(_) => {
            let seconds = REQUEST_TIMEOUT.as_secs();
            Err(end(GapCause::CameraUnreachable, format!("{doing} {}: no answer in {seconds} s", camera.url)))
        }
    }
}

/// Runs one session and hands everything to `sink`, until the camera, the network, the clock or `sink` ends it.
pub async fn session(
    camera: &Camera,
    settings: &SessionSettings,
    clock: &dyn Clock,
    sink: &mut (dyn FnMut(SourceEvent) -> Result<(), SessionEnd> + Send),
) -> SessionEnd {
    match connect(camera, settings).await {
        Ok((demuxed, tracks)) => {
            let mut pump = Pump::new(tracks, clock, settings);
            match pump.run(demuxed, sink).await {
                Ok(never) => match never {},
                Err(end) => end,
            }
        }
        Err(end) => end,
    }
}

/// Which of the camera's streams are recorded.
struct Tracks {
    video: usize,
    audio: Option<(usize, AudioTrack)>,
    unrecorded: Vec<String>,
}

enum AudioTrack {
    Aac(AudioFormat),
    G711(G711ToFlac),
}

async fn connect(camera: &Camera, settings: &SessionSettings) -> Result<(Demuxed, Tracks), SessionEnd> {
    let credentials = camera
        .credentials
        .as_ref()
        .map(|c| Credentials { username: c.username.clone(), password: c.password.reveal().to_owned() });
    let options = SessionOptions::default()
        .creds(credentials)
        .user_agent(concat!("jiancha/", env!("CARGO_PKG_VERSION")).to_owned())
        .session_group(settings.group.clone());
    let mut session = in_time(camera, "describe", Session::describe(camera.url.clone(), options)).await?;
    let tracks = choose(camera, session.streams())?;
    let mut wanted = vec![tracks.video];
    wanted.extend(tracks.audio.as_ref().map(|(i, _)| *i));
    for stream in wanted {
        let transport = match camera.transport {
            RtspTransport::Tcp => Transport::Tcp(TcpTransportOptions::default()),
            RtspTransport::Udp => Transport::Udp(UdpTransportOptions::default()),
        };
        let setup = SetupOptions::default().transport(transport).frame_format(FrameFormat::MP4);
        in_time(camera, "set up", session.setup(stream, setup)).await?;
    }
    let mut play = PlayOptions::default().initial_timestamp(InitialTimestampPolicy::Permissive);
    if let Some(limit) = NonZeroU32::new(LARGEST_JUMP_SECONDS) {
        play = play.enforce_timestamps_with_max_jump_secs(limit);
    }
    let playing = in_time(camera, "play", session.play(play)).await?;
    let demuxed = playing.demuxed().map_err(|e| refused(camera, "read", &e))?;
    Ok((demuxed, tracks))
}

/// Picks the first picture stream we can record and the first sound stream we can keep.
fn choose(camera: &Camera, streams: &[retina::client::Stream]) -> Result<Tracks, SessionEnd> {
    let mut video = None;
    let mut audio = None;
    let mut unrecorded = Vec::new();
    for (i, stream) in streams.iter().enumerate() {
        let name = stream.encoding_name();
        match (stream.media(), name) {
            ("video", "h264" | "h265") if video.is_none() => video = Some(i),
            ("audio", _) if audio.is_none() => match audio_track(stream) {
                Ok(track) => audio = Some((i, track)),
                Err(why) => unrecorded.push(format!("{} {name}: {why}", stream.media())),
            },
            ("application", _) => {}
            (media, _) => unrecorded.push(format!("{media} {name}: not recorded")),
        }
    }
    let Some(video) = video else {
        let found: Vec<String> = streams.iter().map(|s| format!("{} {}", s.media(), s.encoding_name())).collect();
        let found = if found.is_empty() { "nothing".to_owned() } else { found.join(", ") };
        let detail = format!("{} offers {found}; set the camera's main stream to H.264 or H.265", camera.url);
        return Err(end(GapCause::UnsupportedStream, detail));
    };
    Ok(Tracks { video, audio, unrecorded })
}

fn audio_track(stream: &retina::client::Stream) -> Result<AudioTrack, String> {
    let law = match stream.encoding_name() {
        "pcma" => Law::A,
        "pcmu" => Law::Mu,
        "mpeg4-generic" => {
            let Some(ParametersRef::Audio(p)) = stream.parameters() else {
                return Err("the camera does not describe it".into());
            };
            let entry = p.mp4_sample_entry().build().map_err(|e| first_line(&e.to_string()).to_owned())?;
            return Ok(AudioTrack::Aac(AudioFormat {
                codec: AudioCodec::Aac,
                sample_rate: p.clock_rate(),
                channels: p.channels().get(),
                codec_string: p.rfc6381_codec().unwrap_or("mp4a.40.2").to_owned(),
                sample_entry: entry.into(),
                origin: None,
            }));
        }
        _ => return Err("not a codec this recorder keeps; set the camera's sound to G.711 or AAC".into()),
    };
    if stream.channels().is_some_and(|c| c.get() > 1) {
        return Err("more than one channel; set the camera's sound to mono".into());
    }
    Ok(AudioTrack::G711(G711ToFlac::new(law, stream.clock_rate_hz())))
}

/// The media time at which the run began, on both axes.
#[derive(Clone, Copy)]
struct Origin {
    video_90k: i64,
    audio_samples: i64,
}

struct Pump<'a> {
    clock: &'a dyn Clock,
    silence: Duration,
    tracks: Tracks,
    video_anchor: Anchor,
    audio_anchor: Anchor,
    origin: Option<Origin>,
    format: Option<StreamFormat>,
    last_picture: Instant,
    newest_pts: i64,
    wall_minus_monotonic: i64,
    level_told: Instant,
    flac: Vec<FlacFrame>,
}

impl<'a> Pump<'a> {
    fn new(tracks: Tracks, clock: &'a dyn Clock, settings: &SessionSettings) -> Self {
        Self {
            clock,
            silence: settings.silence,
            tracks,
            video_anchor: Anchor::new(settings.clocks),
            audio_anchor: Anchor::new(settings.clocks),
            origin: None,
            format: None,
            last_picture: Instant::now(),
            newest_pts: i64::MIN,
            wall_minus_monotonic: wall_minus_monotonic(clock),
            level_told: Instant::now(),
            flac: Vec::new(),
        }
    }

    async fn run(
        &mut self,
        mut demuxed: Demuxed,
        sink: &mut (dyn FnMut(SourceEvent) -> Result<(), SessionEnd> + Send),
    ) -> Result<std::convert::Infallible, SessionEnd> {
        for unrecorded in std::mem::take(&mut self.tracks.unrecorded) {
            sink(SourceEvent::Measured(Measured::Unrecorded(unrecorded)))?;
        }
        if let Some((_, AudioTrack::G711(g711))) = &self.tracks.audio {
            let origin = g711.format().origin.unwrap_or_default();
            sink(SourceEvent::Measured(Measured::AudioCodec(origin)))?;
        }
        loop {
            let left = self.silence.saturating_sub(self.last_picture.elapsed());
            let item = match tokio::time::timeout(left, demuxed.next()).await {
                Err(_) => {
                    let seconds = self.silence.as_secs();
                    return Err(end(
                        GapCause::CameraStalled,
                        format!("no picture for {seconds} s; the connection was given up"),
                    ));
                }
                Ok(None) => return Err(end(GapCause::CameraClosed, "the camera ended the session")),
                Ok(Some(Err(e))) => return Err(end(GapCause::CameraClosed, first_line(&e.to_string()))),
                Ok(Some(Ok(item))) => item,
            };
            self.watch_clock()?;
            match item {
                CodecItem::VideoFrame(frame) => self.picture(frame, &demuxed, sink)?,
                CodecItem::AudioFrame(frame) => self.sound(&frame, sink)?,
                CodecItem::Rtcp(report) => self.report(&report, sink)?,
                _ => {}
            }
        }
    }

    /// Ends the session when somebody set the clock: recorded times are never rewritten, a new run begins instead.
    fn watch_clock(&mut self) -> Result<(), SessionEnd> {
        let offset = wall_minus_monotonic(self.clock);
        let step = offset - self.wall_minus_monotonic;
        self.wall_minus_monotonic = offset;
        if step.abs() <= CLOCK_STEP_MICROS {
            return Ok(());
        }
        Err(end(GapCause::ClockStep, format!("the server's clock was set by {:.1} s", seconds(step))))
    }

    /// When a packet arrived, on the wall clock.
    fn arrival(&self, received: Instant) -> WallTime {
        let ago = i64::try_from(received.elapsed().as_micros()).unwrap_or(0);
        self.clock.wall().plus_micros(-ago)
    }

    fn picture(
        &mut self,
        frame: retina::codec::VideoFrame,
        demuxed: &Demuxed,
        sink: &mut (dyn FnMut(SourceEvent) -> Result<(), SessionEnd> + Send),
    ) -> Result<(), SessionEnd> {
        if frame.stream_id() != self.tracks.video {
            return Ok(());
        }
        self.last_picture = Instant::now();
        let arrival = self.arrival(frame.start_ctx().received());
        let media_90k = frame.timestamp().elapsed();
        let media = media_90k * 100 / 9;
        self.video_anchor.arrived(media, arrival);
        if frame.loss() > 0 {
            sink(SourceEvent::Measured(Measured::Loss(u64::from(frame.loss()))))?;
        }
        let random_access = frame.is_random_access_point();
        if random_access && (self.format.is_none() || frame.has_new_parameters()) {
            self.describe(demuxed, media_90k, sink)?;
        }
        let Some(origin) = self.origin else { return Ok(()) };
        let pts_90k = media_90k - origin.video_90k;
        let advances = pts_90k > self.newest_pts;
        self.newest_pts = self.newest_pts.max(pts_90k);
        let Some(captured) = self.video_anchor.capture(media, advances) else { return Ok(()) };
        if let Some(stray) = self.video_anchor.strayed() {
            let detail =
                format!("the camera's media clock jumped by {:.1} s; a new session finds the time again", seconds(-stray));
            return Err(end(GapCause::CameraClosed, detail));
        }
        let (capture, time_source, other_capture) = (captured.at, captured.source, captured.other);
        let late = arrival.micros_since(capture);
        if late > 2 * i64::try_from(self.silence.as_micros()).unwrap_or(i64::MAX / 2) {
            let detail =
                format!("pictures arrive {:.0} s late: the line to the camera is too slow for its bit rate", seconds(late));
            return Err(end(GapCause::CameraStalled, detail));
        }
        let data = Bytes::from(frame.into_data());
        let unit = VideoUnit { pts_90k, capture, time_source, other_capture, random_access, data };
        sink(SourceEvent::Unit(AccessUnit::Video(unit)))
    }

    /// Tells the session's format at its first random access point, and again when the camera changes it.
    fn describe(
        &mut self,
        demuxed: &Demuxed,
        media_90k: i64,
        sink: &mut (dyn FnMut(SourceEvent) -> Result<(), SessionEnd> + Send),
    ) -> Result<(), SessionEnd> {
        let Some(stream) = demuxed.streams().get(self.tracks.video) else { return Ok(()) };
        let Some(ParametersRef::Video(parameters)) = stream.parameters() else { return Ok(()) };
        let codec = if stream.encoding_name() == "h265" { VideoCodec::H265 } else { VideoCodec::H264 };
        let (width, height) = parameters.pixel_dimensions();
        let sample_entry = parameters
            .mp4_sample_entry()
            .build()
            .map_err(|e| end(GapCause::UnsupportedStream, format!("parameter sets: {}", first_line(&e.to_string()))))?;
        let video = VideoFormat {
            codec,
            width,
            height,
            codec_string: parameters.rfc6381_codec().to_owned(),
            sample_entry: sample_entry.into(),
            configuration: Bytes::copy_from_slice(parameters.extra_data()),
        };
        let audio = self.tracks.audio.as_ref().map(|(_, track)| match track {
            AudioTrack::Aac(format) => format.clone(),
            AudioTrack::G711(g711) => g711.format(),
        });
        let format = StreamFormat { video, audio };
        if self.format.as_ref() == Some(&format) {
            return Ok(());
        }
        let rate = format.audio.as_ref().map_or(0, |a| i64::from(a.sample_rate));
        self.origin = Some(Origin { video_90k: media_90k, audio_samples: media_90k * rate / i64::from(VIDEO_TIMESCALE) });
        self.newest_pts = i64::MIN;
        self.format = Some(format.clone());
        sink(SourceEvent::Format(format))
    }

    fn sound(
        &mut self,
        frame: &retina::codec::AudioFrame,
        sink: &mut (dyn FnMut(SourceEvent) -> Result<(), SessionEnd> + Send),
    ) -> Result<(), SessionEnd> {
        let Some((stream, _)) = &self.tracks.audio else { return Ok(()) };
        if frame.stream_id() != *stream {
            return Ok(());
        }
        let rate = i64::from(frame.timestamp().clock_rate().get());
        let media_samples = frame.timestamp().elapsed();
        let media = media_samples * MICROS_PER_SECOND / rate;
        self.audio_anchor.arrived(media, self.arrival(frame.ctx().received()));
        let Some(origin) = self.origin else { return Ok(()) };
        let shift = self.axis_error() * rate / MICROS_PER_SECOND;
        let pts = media_samples - origin.audio_samples + shift;
        let Some((_, AudioTrack::G711(g711))) = &mut self.tracks.audio else {
            return self.emit(pts, frame.frame_length().get(), Bytes::copy_from_slice(frame.data()), media, sink);
        };
        g711.push(pts, frame.data(), &mut self.flac);
        if self.level_told.elapsed() >= Duration::from_secs(1) {
            self.level_told = Instant::now();
            if let Some(level) = g711.level_dbfs() {
                sink(SourceEvent::Measured(Measured::AudioLevel(level)))?;
            }
        }
        for flac in std::mem::take(&mut self.flac) {
            let media = media + (flac.pts_samples - pts) * MICROS_PER_SECOND / rate;
            self.emit(flac.pts_samples, flac.duration_samples, flac.data, media, sink)?;
        }
        Ok(())
    }

    fn emit(
        &mut self,
        pts_samples: i64,
        duration_samples: u32,
        data: Bytes,
        media: i64,
        sink: &mut (dyn FnMut(SourceEvent) -> Result<(), SessionEnd> + Send),
    ) -> Result<(), SessionEnd> {
        let Some(captured) = self.audio_anchor.capture(media, true) else { return Ok(()) };
        let capture = captured.at;
        sink(SourceEvent::Unit(AccessUnit::Audio(AudioUnit { pts_samples, duration_samples, capture, data })))
    }

    /// Microseconds by which the sound's axis must be shifted onto the picture's: zero unless the camera gave wrong start times.
    fn axis_error(&self) -> i64 {
        match (self.audio_anchor.least_delay(), self.video_anchor.least_delay()) {
            (Some(audio), Some(video)) if (audio - video).abs() > AXIS_ERROR_MICROS => audio - video,
            _ => 0,
        }
    }

    fn report(
        &mut self,
        report: &retina::rtcp::ReceivedCompoundPacket,
        sink: &mut (dyn FnMut(SourceEvent) -> Result<(), SessionEnd> + Send),
    ) -> Result<(), SessionEnd> {
        let Some(timestamp) = report.rtp_timestamp() else { return Ok(()) };
        let Some(sender) = report.pkts().find_map(|p| p.as_sender_report().ok().flatten()) else { return Ok(()) };
        let ntp = crate::segment::part::from_ntp(sender.ntp_timestamp().0);
        let media = i64::try_from(
            i128::from(timestamp.elapsed()) * i128::from(MICROS_PER_SECOND) / i128::from(timestamp.clock_rate().get()),
        )
        .unwrap_or(0);
        let arrival = self.arrival(report.ctx().received());
        if report.stream_id() == self.tracks.video {
            let clock = self.video_anchor.reported(media, ntp, arrival);
            return sink(SourceEvent::Measured(Measured::CameraClock(clock)));
        }
        self.audio_anchor.reported(media, ntp, arrival);
        Ok(())
    }
}

#[expect(clippy::cast_precision_loss, reason = "for a sentence")]
fn seconds(micros: i64) -> f64 {
    micros as f64 / 1e6
}

fn wall_minus_monotonic(clock: &dyn Clock) -> i64 {
    let monotonic = i64::try_from(clock.monotonic().as_micros()).unwrap_or(i64::MAX);
    clock.wall().as_micros() - monotonic
}
