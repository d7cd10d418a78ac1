//! An RTSP client that notes what it sees, and decoders, for the tests of the simulated cameras.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::time::{Duration, SystemTime};

pub use Way::{Tcp, Udp};
use futures::StreamExt;
use gst_video::prelude::*;
use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app::{AppSink, AppSrc};
use gstreamer_video as gst_video;
use jiancha::simulate::marker::read_frame_number;
use jiancha::simulate::{Credentials, Options, cameras, generate};
use jiancha::time::WallTime;
use retina::client::{
    Demuxed, InitialTimestampPolicy, PlayOptions, SessionOptions, SetupOptions, TcpTransportOptions, Transport,
    UdpTransportOptions,
};
use retina::codec::{CodecItem, FrameFormat, ParametersRef};

/// How media travels.
#[derive(Clone, Copy)]
pub enum Way {
    Tcp,
    Udp,
}

pub struct Picture {
    pub ticks: i64,
    pub arrival: WallTime,
    pub random_access: bool,
    pub data: Vec<u8>,
}

pub struct Sound {
    pub ticks: i64,
    pub data: Vec<u8>,
}

pub struct Report {
    pub stream: usize,
    pub ticks: i64,
    pub ntp: WallTime,
    pub arrival: WallTime,
}

/// What came in one stretch of watching.
#[derive(Default)]
pub struct Seen {
    pub pictures: Vec<Picture>,
    pub sounds: Vec<Sound>,
    pub reports: Vec<Report>,
    pub new_parameters: bool,
}

impl Seen {
    /// The capture time of `ticks` by the first sender report of the stream.
    pub fn capture(&self, stream: usize, ticks_per_second: i64, ticks: i64) -> WallTime {
        let report = self.reports.iter().find(|r| r.stream == stream).expect("a sender report");
        report.ntp.plus_micros((ticks - report.ticks) * 1_000_000 / ticks_per_second)
    }

    /// The pictures from the `count`-th random access point on.
    pub fn after_random_access(&self, count: usize) -> &[Picture] {
        let mut points = self.pictures.iter().enumerate().filter(|(_, p)| p.random_access);
        points.nth(count - 1).map_or(&[], |(at, _)| &self.pictures[at..])
    }
}

pub struct Client(Pin<Box<Demuxed>>);

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an open session")
    }
}

impl Client {
    pub async fn open(url: &str, credentials: Option<Credentials>, way: Way) -> Result<Self, String> {
        let creds = credentials.map(|c| retina::client::Credentials { username: c.username, password: c.password });
        let options = SessionOptions::default().creds(creds);
        let told = |e: retina::Error| e.to_string();
        let mut session = retina::client::Session::describe(url.parse().unwrap(), options).await.map_err(told)?;
        for stream in 0..session.streams().len() {
            let transport = match way {
                Tcp => Transport::Tcp(TcpTransportOptions::default()),
                Udp => Transport::Udp(UdpTransportOptions::default()),
            };
            let setup = SetupOptions::default().transport(transport).frame_format(FrameFormat::SIMPLE);
            session.setup(stream, setup).await.map_err(told)?;
        }
        let play = PlayOptions::default().initial_timestamp(InitialTimestampPolicy::Permissive);
        Ok(Self(Box::pin(session.play(play).await.map_err(told)?.demuxed().map_err(told)?)))
    }

    /// Watches until `enough`. An error when the session fails or ends before that, or when it takes longer.
    pub async fn watch(&mut self, longest: Duration, enough: impl Fn(&Seen) -> bool) -> Result<Seen, String> {
        let (seen, enough) = self.watch_up_to(longest, enough).await?;
        let Seen { pictures, sounds, reports, .. } = &seen;
        let told = format!("only {} pictures, {} sounds, {} reports", pictures.len(), sounds.len(), reports.len());
        enough.then_some(seen).ok_or(told)
    }

    /// Watches for so long. An error when the session fails or ends before that.
    pub async fn watch_for(&mut self, length: Duration) -> Result<Seen, String> {
        Ok(self.watch_up_to(length, |_| false).await?.0)
    }

    async fn watch_up_to(&mut self, longest: Duration, enough: impl Fn(&Seen) -> bool) -> Result<(Seen, bool), String> {
        let mut seen = Seen::default();
        let watching = async {
            while !enough(&seen) {
                let Some(item) = self.0.next().await else {
                    return Err("the session ended".to_owned());
                };
                note(&mut seen, item.map_err(|e| e.to_string())?);
            }
            Ok(())
        };
        match tokio::time::timeout(longest, watching).await {
            Ok(Err(told)) => Err(told),
            Ok(Ok(())) => Ok((seen, true)),
            Err(_) => Ok((seen, false)),
        }
    }

    /// Watches until the session ends or fails; panics when it does neither for so long.
    pub async fn watch_until_end(&mut self, longest: Duration) {
        let ended = self.watch_for(longest).await;
        assert!(ended.is_err(), "the session goes on");
    }

    pub fn encoding(&self, stream: usize) -> &str {
        self.0.streams()[stream].encoding_name()
    }

    pub fn picture_codec(&self) -> String {
        self.video(|v| v.rfc6381_codec().to_owned())
    }

    pub fn size(&self) -> (u32, u32) {
        self.video(|v| v.pixel_dimensions())
    }

    fn video<T>(&self, of: impl Fn(&retina::codec::VideoParameters) -> T) -> T {
        match self.0.streams()[0].parameters() {
            Some(ParametersRef::Video(video)) => of(video),
            other => panic!("no picture parameters but {other:?}"),
        }
    }
}

fn note(seen: &mut Seen, item: CodecItem) {
    let arrival = WallTime::from(SystemTime::now());
    match item {
        CodecItem::VideoFrame(frame) => {
            seen.new_parameters |= frame.has_new_parameters();
            seen.pictures.push(Picture {
                ticks: frame.timestamp().timestamp(),
                arrival,
                random_access: frame.is_random_access_point(),
                data: frame.into_data(),
            });
        }
        CodecItem::AudioFrame(frame) => {
            seen.sounds.push(Sound { ticks: frame.timestamp().timestamp(), data: frame.data().to_vec() });
        }
        CodecItem::Rtcp(packet) => {
            let stream = packet.stream_id();
            for report in packet.pkts().filter_map(|p| p.as_sender_report().ok().flatten()) {
                let Some(ticks) = packet.rtp_timestamp() else { continue };
                let ntp = (i128::from(report.ntp_timestamp().0) * 1_000_000) >> 32;
                let unix = i64::try_from(ntp).unwrap() - 2_208_988_800_000_000;
                seen.reports.push(Report { stream, ticks: ticks.timestamp(), ntp: WallTime::from_micros(unix), arrival });
            }
        }
        _ => {}
    }
}

/// What a decoded picture shows.
#[derive(Debug)]
pub struct Decoded {
    pub number: Option<u32>,
    pub black: bool,
}

/// Decodes Annex B pictures (`codec` is h264 or h265) that begin at a random access point.
pub fn decode(codec: &str, pictures: &[Picture]) -> Vec<Decoded> {
    let text = format!(
        "appsrc name=in format=time caps=video/x-{codec},stream-format=byte-stream,alignment=au ! {codec}parse ! avdec_{codec} \
         max-threads=1 ! video/x-raw,format=I420 ! appsink name=out sync=false"
    );
    let units = pictures.iter().enumerate().map(|(place, p)| (place as u64 * 40_000_000, p.data.clone()));
    through(&text, units, |sample| {
        let info = gst_video::VideoInfo::from_caps(sample.caps().unwrap()).unwrap();
        let frame = gst_video::VideoFrameRef::from_buffer_ref_readable(sample.buffer().unwrap(), &info).unwrap();
        let (luma, stride) = (frame.plane_data(0).unwrap(), frame.plane_stride()[0] as usize);
        let (width, height) = (info.width() as usize, info.height() as usize);
        let black = luma.iter().step_by(997).all(|p| *p < 30);
        Decoded { number: read_frame_number(luma, width, height, stride), black }
    })
}

/// Decodes an ADTS stream to samples.
pub fn decode_aac(stream: &[u8]) -> Vec<i16> {
    let text = "appsrc name=in caps=audio/mpeg,mpegversion=4,stream-format=adts ! aacparse ! avdec_aac ! audioconvert \
                ! audio/x-raw,format=S16LE,channels=1 ! appsink name=out sync=false";
    let blocks = through(text, [(0, stream.to_vec())].into_iter(), |sample| {
        let map = sample.buffer().unwrap().map_readable().unwrap();
        map.chunks_exact(2).map(|b| i16::from_le_bytes([b[0], b[1]])).collect::<Vec<_>>()
    });
    blocks.concat()
}

fn through<T>(text: &str, units: impl Iterator<Item = (u64, Vec<u8>)>, mut look: impl FnMut(gst::Sample) -> T) -> Vec<T> {
    gst::init().unwrap();
    let pipeline = gst::parse::launch(text).unwrap_or_else(|e| panic!("gstreamer1.0-libav and -plugins-bad are needed: {e}"));
    let bin = pipeline.downcast_ref::<gst::Bin>().unwrap();
    let source = bin.by_name("in").and_downcast::<AppSrc>().unwrap();
    let sink = bin.by_name("out").and_downcast::<AppSink>().unwrap();
    source.set_property("max-bytes", 0u64);
    pipeline.set_state(gst::State::Playing).unwrap();
    for (pts, unit) in units {
        let mut buffer = gst::Buffer::from_mut_slice(unit);
        buffer.get_mut().unwrap().set_pts(gst::ClockTime::from_nseconds(pts));
        source.push_buffer(buffer).unwrap();
    }
    source.end_of_stream().unwrap();
    let mut out = Vec::new();
    while let Some(sample) = sink.try_pull_sample(gst::ClockTime::from_seconds(10)) {
        out.push(look(sample));
    }
    assert!(sink.is_eos(), "the decoder stopped: {:?}", pipeline.bus().unwrap().pop_filtered(&[gst::MessageType::Error]));
    pipeline.set_state(gst::State::Null).unwrap();
    out
}

pub fn media_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(jiancha::simulate::DEFAULT_MEDIA_DIR)
}

pub fn make_media(ids: &[&str]) {
    let ids: Vec<String> = ids.iter().map(|id| id.to_string()).collect();
    generate::generate(&media_dir(), &cameras::select(&ids).unwrap(), &|_| {}).unwrap();
}

pub fn options(ids: &[&str], credentials: Option<Credentials>) -> Options {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    Options {
        listen: any,
        control: Some(any),
        cameras: ids.iter().map(|id| id.to_string()).collect(),
        media_dir: media_dir(),
        credentials,
    }
}

pub fn first_lines(out: impl Read, count: usize) -> Vec<String> {
    BufReader::new(out).lines().take(count).map(Result::unwrap).collect()
}
