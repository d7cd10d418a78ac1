//! Simulated cameras: RTSP cameras that behave, and misbehave on command, for the demo and for tests.
//!
//! The media is made by the project itself ([`generate`]): a loop of 16 s in which every picture carries its number
//! ([`marker`]) and every flash has its beep. The loop is slaved to the wall clock ([`schedule`]). A small TCP proxy in front of
//! GStreamer's RTSP server closes, stalls, drips and refuses; a control port commands it.

mod bitstream;
pub mod cameras;
mod clip;
mod control;
pub mod fault;
pub mod generate;
pub mod marker;
mod osd;
mod proxy;
mod pump;
mod rtsp;
pub mod schedule;

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use gstreamer as gst;
use tokio::sync::watch;

pub use clip::alaw_loop;

use cameras::CameraSpec;
use fault::{Condition, ConditionSender, Fault};

/// Where media lies unless told otherwise, from the repository's root.
pub const DEFAULT_MEDIA_DIR: &str = "test-media/generated";

/// Why cameras cannot be simulated.
#[derive(Debug, thiserror::Error)]
pub enum SimulateError {
    /// GStreamer does not start.
    #[error("GStreamer does not start: {0}")]
    GStreamer(String),
    /// GStreamer lacks an element.
    #[error("GStreamer has no element `{element}`; on Debian: apt-get install {package}")]
    ElementMissing {
        /// The element.
        element: String,
        /// The Debian package that holds it.
        package: String,
    },
    /// No such camera.
    #[error("no simulated camera is called `{id}` (there are: {known})")]
    UnknownCamera {
        /// The name asked for.
        id: String,
        /// The names there are.
        known: String,
    },
    /// A media file cannot be read or written.
    #[error("media file {}: {source}; `jiancha simulate --generate DIR` makes it", path.display())]
    Media {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A media file is not as it should be.
    #[error("media file {}: {problem}; remove it and run `jiancha simulate --generate DIR`", path.display())]
    Clip {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The camera has no A-law sound.
    #[error("camera `{id}` has no A-law sound")]
    NoALaw {
        /// The camera.
        id: String,
    },
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {source}; end what uses the port or choose another")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The RTSP server does not start.
    #[error("the RTSP server does not start: {0}")]
    Server(String),
}

/// Name and password the cameras ask for.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The user's name.
    pub username: String,
    /// The password.
    pub password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:***", self.username)
    }
}

/// What to serve, and where.
#[derive(Clone, Debug)]
pub struct Options {
    /// Address of the RTSP server; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Address of the control port, if one is wanted.
    pub control: Option<SocketAddr>,
    /// Names of the cameras to serve; all of them when empty.
    pub cameras: Vec<String>,
    /// Folder of the media; what is missing is made first.
    pub media_dir: PathBuf,
    /// RTSP Digest credentials; `None` lets everybody in.
    pub credentials: Option<Credentials>,
}

/// A camera being served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunningCamera {
    /// Its name.
    pub id: &'static str,
    /// Its address.
    pub url: String,
    /// What it is: Chinese · English.
    pub what: String,
}

/// Served cameras; dropping it ends them.
pub struct Running {
    cameras: Vec<RunningCamera>,
    address: SocketAddr,
    control_address: Option<SocketAddr>,
    board: Arc<Board>,
    runtime: Option<tokio::runtime::Runtime>,
    server: rtsp::Server,
}

impl Running {
    /// The cameras, in the table's order.
    pub fn cameras(&self) -> &[RunningCamera] {
        &self.cameras
    }

    /// The RTSP address of a camera.
    ///
    /// # Errors
    /// [`SimulateError::UnknownCamera`] when it is not served.
    pub fn url(&self, id: &str) -> Result<&str, SimulateError> {
        let found = self.cameras.iter().find(|c| c.id == id);
        found.map(|c| c.url.as_str()).ok_or_else(|| self.board.unknown(id))
    }

    /// Where RTSP is served.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where the control port is.
    pub fn control_address(&self) -> Option<SocketAddr> {
        self.control_address
    }

    /// Brings a fault over a camera, as the control port does.
    ///
    /// # Errors
    /// [`SimulateError::UnknownCamera`] when it is not served.
    pub fn inject(&self, id: &str, fault: Fault) -> Result<(), SimulateError> {
        self.board.inject(id, fault)
    }

    /// Takes all faults off a camera.
    ///
    /// # Errors
    /// [`SimulateError::UnknownCamera`] when it is not served.
    pub fn heal(&self, id: &str) -> Result<(), SimulateError> {
        self.board.heal(id)
    }

    /// Ends every session and frees the ports. Dropping does the same.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Not `drop`: that would wait, which is not allowed when this is dropped inside another runtime.
            runtime.shutdown_background();
        }
        self.server.stop();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end();
    }
}

/// The condition of every served camera.
struct Board {
    conditions: BTreeMap<&'static str, (ConditionSender, &'static CameraSpec)>,
}

impl Board {
    fn unknown(&self, id: &str) -> SimulateError {
        SimulateError::UnknownCamera {
            id: id.to_owned(),
            known: self.conditions.keys().copied().collect::<Vec<_>>().join(", "),
        }
    }

    fn get(&self, id: &str) -> Result<&(ConditionSender, &'static CameraSpec), SimulateError> {
        self.conditions.get(id).ok_or_else(|| self.unknown(id))
    }

    fn receiver(&self, id: &str) -> Option<watch::Receiver<Condition>> {
        self.conditions.get(id).map(|(sender, _)| sender.subscribe())
    }

    fn inject(&self, id: &str, fault: Fault) -> Result<(), SimulateError> {
        self.get(id)?.0.send_modify(|c| c.apply(fault));
        Ok(())
    }

    fn lift(&self, id: &str, fault: Fault) -> Result<(), SimulateError> {
        self.get(id)?.0.send_modify(|c| c.lift(fault));
        Ok(())
    }

    fn heal(&self, id: &str) -> Result<(), SimulateError> {
        self.get(id)?.0.send_modify(Condition::heal);
        Ok(())
    }
}

/// Makes the missing media, then serves the cameras until the result is stopped or dropped. `progress` gets a line per file made.
///
/// # Errors
/// [`SimulateError`], with nothing left running.
pub fn serve(options: &Options, progress: &(dyn Fn(&str) + Sync)) -> Result<Running, SimulateError> {
    let specs = cameras::select(&options.cameras)?;
    // Ports first: a taken one is told before minutes go into making media.
    let (listener, address) = listen(options.listen)?;
    let control = options.control.map(listen).transpose()?;
    let control_address = control.as_ref().map(|(_, address)| *address);
    gst::init().map_err(|e| SimulateError::GStreamer(e.to_string()))?;
    for (element, package) in rtsp::ELEMENTS {
        require_element(element, package)?;
    }
    generate::generate(&options.media_dir, &specs, progress)?;
    let mut library = clip::Library::new(&options.media_dir);
    let mut senders = BTreeMap::new();
    let mut served = Vec::new();
    for spec in &specs {
        let (sender, condition) = watch::channel(Condition::default());
        senders.insert(spec.id, (sender, *spec));
        if let Some(second) = spec.second_stream() {
            // What befalls a camera befalls both its streams.
            let (path, condition) = (format!("{}/sub", spec.id), condition.clone());
            served.push(rtsp::Served { path, spec: second, media: Arc::new(library.media(second)?), condition });
        }
        served.push(rtsp::Served { path: spec.id.to_owned(), spec, media: Arc::new(library.media(spec)?), condition });
    }
    let server = rtsp::Server::start(&served, options.credentials.as_ref())?;
    let board = Arc::new(Board { conditions: senders });
    let cameras: Vec<RunningCamera> = specs
        .iter()
        .map(|spec| RunningCamera { id: spec.id, url: format!("rtsp://{address}/{}", spec.id), what: spec.what() })
        .collect();

    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("simulate")
        .enable_all()
        .build()
        .map_err(|e| SimulateError::Server(e.to_string()))?;
    {
        let _inside = runtime.enter();
        let taken = |source| SimulateError::Listen { address, source };
        let listener = tokio::net::TcpListener::from_std(listener).map_err(taken)?;
        runtime.spawn(proxy::run(listener, server.address(), Arc::clone(&board)));
        if let Some((listener, address)) = control {
            let listener =
                tokio::net::TcpListener::from_std(listener).map_err(|source| SimulateError::Listen { address, source })?;
            runtime.spawn(control::run(listener, control::Desk::new(Arc::clone(&board), cameras.clone())));
        }
    }
    Ok(Running { cameras, address, control_address, board, runtime: Some(runtime), server })
}

fn listen(address: SocketAddr) -> Result<(std::net::TcpListener, SocketAddr), SimulateError> {
    let listener = || {
        let listener = std::net::TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let bound = listener.local_addr()?;
        Ok((listener, bound))
    };
    listener().map_err(|source| SimulateError::Listen { address, source })
}

/// Makes sure that GStreamer has an element.
fn require_element(element: &str, package: &str) -> Result<(), SimulateError> {
    match gst::ElementFactory::find(element) {
        Some(_) => Ok(()),
        None => Err(SimulateError::ElementMissing { element: element.into(), package: package.into() }),
    }
}
