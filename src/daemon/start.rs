//! Starting and stopping the recorder.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use retina::client::SessionGroup;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::camera::{CameraTask, ClockSteps};
use super::discipline::Discipline;
use super::keeper::{Keeper, Tools};
use super::run::RunSettings;
use super::stampers::Stampers;
use super::storage::StorageDesk;
use super::wall::{SecondStream, WallMaker};
use super::watch::Watch;
use super::{control, resume, storage, wall};
use crate::catalogue::{Catalogue, Store, StoreError};
use crate::evidence::{KeyError, Signer};
use crate::hall::{Camera, CameraId, Complaints, Hall, Severity, StampMode};
use crate::live::LiveHub;
use crate::observe::camera_clock::load_references;
use crate::observe::meter::Meter;
use crate::segment::disk::{DiskNews, OnNews};
use crate::segment::part::to_90k;
use crate::segment::root::RootTrouble;
use crate::segment::roots::{LOOK_EVERY, OnRoots, RootSettings, Roots, RootsSettings};
use crate::segment::writer::{CutSettings, Subject};
use crate::source::rtsp::SessionSettings;
use crate::stamp::camera_osd::{self, CameraClocks, CameraOsdState};
use crate::stamp::{StampError, check};
use crate::time::{Clock, StepDetector, wait_for_notice};
use crate::viewer::people::{FirstAdmin, People};
use crate::viewer::{self, Shown};

/// Why the recorder cannot start. Each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The viewer's address is taken or not ours.
    #[error(
        "the viewer cannot listen on {address}: {source} (stop the program that uses the port — `ss -ltnp` names it — or set [viewer] listen)"
    )]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// A storage root cannot be used.
    #[error("storage root {0}")]
    Root(RootTrouble),
    /// hall.toml names no storage root.
    #[error("hall.toml names no storage root (add a [[storage]] section)")]
    NoRoot,
    /// The catalogue cannot be opened.
    #[error(transparent)]
    Catalogue(#[from] StoreError),
    /// What stands beside recording cannot be started.
    #[error("{0}")]
    Keeper(String),
    /// There is no key to sign with.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Stamping cannot work with these settings.
    #[error("stamp: {0}")]
    Stamp(#[from] StampError),
    /// Labels that cannot be drawn.
    #[error("{0}")]
    Labels(Complaints),
    /// The viewer cannot start.
    #[error("viewer: {0}")]
    Viewer(String),
    /// The system refuses the thread that proves cameras' own clocks.
    #[error("start the thread that reads cameras' clocks: {0}")]
    CameraClocks(#[source] std::io::Error),
    /// The system refuses a thread.
    #[error("start the writer of {root}: {source}")]
    Thread {
        /// The storage root.
        root: String,
        /// What the system says.
        source: std::io::Error,
    },
}

/// A running recorder.
pub struct Recorder {
    /// Where the viewer listens.
    pub address: SocketAddr,
    /// The administrator made at the first start: shown once.
    pub first_admin: Option<FirstAdmin>,
    /// The measured state, renewed every second.
    pub state: watch::Receiver<Arc<crate::observe::state::HallState>>,
    stop: watch::Sender<bool>,
    cameras: Vec<JoinHandle<()>>,
    others: Vec<JoinHandle<()>>,
    roots: Arc<Roots>,
    keeper: Arc<Keeper>,
    catalogue: Catalogue,
}

impl Recorder {
    /// Checks everything that can be checked, then starts. Nothing runs when an error is returned.
    ///
    /// # Errors
    /// [`StartError`], with the remedy.
    pub async fn start(hall: Hall, clock: Arc<dyn Clock>) -> Result<Self, StartError> {
        let hall = Arc::new(hall);
        let listen = hall.viewer.listen;
        let listener = TcpListener::bind(listen).await.map_err(|source| StartError::Listen { address: listen, source })?;
        let address = listener.local_addr().unwrap_or(listen);
        let stampers = start_stampers(&hall)?;
        storage::check_present(&hall, clock.wall())?;
        let store = Store::open(&hall.recording.catalogue)?;
        let catalogue = Catalogue::open(Arc::new(store))?;
        let root_settings = storage::claim(&hall, &catalogue, clock.wall())?;
        let mended = resume::mend(&hall, &catalogue);
        if mended > 0 {
            tracing::info!(files = mended, "files left open by the last run of the recorder were mended");
        }
        resume::note_break(&hall, &catalogue, clock.wall())?;

        let meters: HashMap<CameraId, Arc<Meter>> = hall.cameras.iter().map(|c| (c.id.clone(), Arc::default())).collect();
        let clocks = camera_clocks(&hall, &catalogue, &meters)?;
        let live = wall::with_channels(LiveHub::new(hall.cameras.iter().map(|c| c.id.clone())), &hall);
        let mut wall_makers = WallMaker::all(&hall, &live, &meters);
        let others_record = Arc::new(AtomicBool::new(true));
        let desk = StorageDesk {
            hall: hall.clone(),
            catalogue: catalogue.clone(),
            clock: clock.clone(),
            others: others_record.clone(),
        };
        let roots = start_roots(&hall, &catalogue, &meters, root_settings, Arc::new(desk))?;
        let (stop, stopping) = watch::channel(false);
        let (step_sender, clock_steps) = watch::channel(ClockSteps::default());

        let signer = open_signer(&hall, &roots)?;
        let keeper = Keeper::start(Tools {
            hall: hall.clone(),
            catalogue: catalogue.clone(),
            roots: roots.clone(),
            signer: signer.clone(),
            clock: clock.clone(),
        })
        .map(Arc::new)?;
        let discipline = Discipline::start(hall.time, clock.clone(), stopping.clone());
        let watcher = Watch {
            discipline: discipline.clone(),
            hall: hall.clone(),
            keeper: keeper.clone(),
            meters: meters.clone(),
            catalogue: catalogue.clone(),
            roots: roots.clone(),
            stampers: stampers.clone(),
            others: others_record,
            clock: clock.clone(),
            started: clock.wall(),
        };
        let (states, state) = watch::channel(Arc::new(watcher.look(&HashMap::new(), &[])));
        let shown = Shown {
            recorder_key: signer.as_ref().map(|signer| signer.public().clone()),
            hall: hall.clone(),
            catalogue: catalogue.clone(),
            live: live.clone(),
            state: state.clone(),
            clock: clock.clone(),
        };
        let people = People::open(catalogue.store()).map_err(|e| StartError::Viewer(e.to_string()))?;
        let first_admin = people.first_start(clock.wall()).map_err(|e| StartError::Viewer(e.to_string()))?;

        let group = Arc::new(SessionGroup::default());
        let mut cameras = Vec::new();
        let mut others = Vec::new();
        for camera in &hall.cameras {
            let (Some(channel), Some(meter)) = (live.channel(&camera.id), meters.get(&camera.id)) else { continue };
            let session = || SessionSettings {
                silence: Duration::from_secs(u64::from(hall.recording.silence_seconds)),
                clocks: hall.time,
                group: group.clone(),
            };
            if let Some(second) = SecondStream::new(camera, session(), &live, meter, &clock) {
                others.push(tokio::spawn(second.serve(stopping.clone())));
            }
            let task = CameraTask {
                settings: RunSettings {
                    clock: Some(discipline.reader()),
                    wall: wall_makers.remove(&camera.id),
                    camera_clock: clocks.get(&camera.id).cloned(),
                    ..run_settings(&hall, camera, roots.clone(), channel.clone(), meter.clone())
                },
                session: session(),
                stampers: stampers.clone(),
                catalogue: catalogue.clone(),
                clock_steps: clock_steps.clone(),
                clock: clock.clone(),
                camera: camera.clone(),
            };
            cameras.push(tokio::spawn(task.record(stopping.clone())));
        }
        watch_clock(clock.clone(), step_sender, stopping.clone());
        others.push(tokio::spawn(watcher.run(states, stopping.clone())));
        let coverage = crate::coverage::Office::of_recorder(hall.clone(), catalogue.clone(), state.clone());
        others.push(tokio::spawn(coverage.clone().listen(clock.clone())));
        match control::listen(&hall.recording.catalogue) {
            Ok(socket) => {
                let desk = control::Desk {
                    catalogue: catalogue.clone(),
                    retention: Some(keeper.office().clone()),
                    coverage: Some(coverage),
                    clock: clock.clone(),
                    camera_clocks: clocks.clone(),
                };
                let answering = control::serve_desk(socket, desk);
                let mut stop_answering = stopping.clone();
                others.push(tokio::spawn(async move {
                    tokio::select! {
                        () = answering => {}
                        _ = stop_answering.wait_for(|s| *s) => {}
                    }
                }));
            }
            Err(e) => tracing::warn!("commands cannot ask this recorder while it runs: make the control socket: {e}"),
        }
        let mut stop_viewer = stopping;
        others.push(tokio::spawn(async move {
            let shutdown = async move {
                let _ = stop_viewer.wait_for(|s| *s).await;
            };
            if let Err(e) = viewer::serve(listener, shown, shutdown).await {
                tracing::error!("viewer: {e}");
            }
        }));
        Ok(Self { address, first_admin, state, stop, cameras, others, roots, keeper, catalogue })
    }

    /// Stops: every camera's run is finished, every file sealed and synced, the catalogue flushed.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        for camera in self.cameras {
            let _ = camera.await;
        }
        let (roots, keeper) = (self.roots, self.keeper);
        let catalogue = self.catalogue;
        let _ = tokio::task::spawn_blocking(move || {
            roots.sync();
            keeper.stop();
            drop((keeper, roots));
            if let Err(e) = catalogue.flush() {
                tracing::error!("{e}");
            }
        })
        .await;
        for other in self.others {
            // Viewers that keep a connection open are not waited for.
            let _ = tokio::time::timeout(Duration::from_secs(2), other).await;
        }
    }
}

/// The encoders, when any camera is to be stamped by re-encoding. Also refuses labels the font cannot write.
fn start_stampers(hall: &Hall) -> Result<Option<Arc<Stampers>>, StartError> {
    let stamped: Vec<&Camera> = hall.cameras.iter().filter(|c| c.stamp == StampMode::Reencode).collect();
    if stamped.is_empty() {
        return Ok(None);
    }
    check_labels(hall)?;
    Ok(Some(Stampers::start(&hall.stamp)?))
}

/// Refuses labels that cannot be drawn; what should be better is logged.
fn check_labels(hall: &Hall) -> Result<(), StartError> {
    let complaints = check::labels(hall, &std::env::temp_dir())?;
    let (errors, warnings): (Vec<_>, Vec<_>) = complaints.into_iter().partition(|c| c.severity == Severity::Error);
    for warning in warnings {
        tracing::warn!("hall.toml: {warning}");
    }
    if errors.is_empty() { Ok(()) } else { Err(StartError::Labels(Complaints::new(None, errors))) }
}

/// The cameras that draw their own stamp, with what was attested of them.
fn camera_clocks(
    hall: &Hall,
    catalogue: &Catalogue,
    meters: &HashMap<CameraId, Arc<Meter>>,
) -> Result<Arc<CameraClocks>, StartError> {
    let meters = meters.clone();
    let publish = move |camera: &CameraId, state: &CameraOsdState| with(&meters, camera, |m| m.camera_osd(state));
    let clocks = camera_osd::watch::start(hall, publish).map_err(StartError::CameraClocks)?;
    load_references(&clocks, catalogue.store());
    Ok(Arc::new(clocks))
}

fn start_roots(
    hall: &Hall,
    catalogue: &Catalogue,
    meters: &HashMap<CameraId, Arc<Meter>>,
    roots: Vec<RootSettings>,
    desk: Arc<dyn OnRoots>,
) -> Result<Arc<Roots>, StartError> {
    let meters = meters.clone();
    let news: OnNews = Arc::new(move |news| match news {
        DiskNews::Written { camera, to } => with(&meters, &camera, |m| m.written(to)),
        DiskNews::Durable { camera, to } => with(&meters, &camera, |m| m.durable(to)),
        DiskNews::Failed { camera, reason, .. } => tracing::error!(%camera, "{reason}"),
    });
    let how = RootsSettings {
        sync_every: Duration::from_secs(u64::from(hall.recording.sync_seconds)),
        windows_last_seconds: hall.retention.windows_last.as_secs(),
        look_every: LOOK_EVERY,
    };
    let plans = storage::camera_plans(hall, catalogue)?;
    Roots::start(roots, &plans, how, catalogue, news, desk)
        .map(Arc::new)
        .map_err(|(root, source)| StartError::Thread { root: root.display().to_string(), source })
}

/// Tells the cameras when the wall clock was set. The thread ends with the recorder.
fn watch_clock(clock: Arc<dyn Clock>, sender: watch::Sender<ClockSteps>, stopping: watch::Receiver<bool>) {
    let watching = move || {
        let mut detector = StepDetector::new(clock.wall(), clock.monotonic());
        while !*stopping.borrow() {
            wait_for_notice();
            if let Some(micros) = detector.look(clock.wall(), clock.monotonic()) {
                tracing::error!(
                    step_ms = micros / 1000,
                    "服务器时钟被调整，另起一段录像。the server's clock was set: new runs begin"
                );
                sender.send_modify(|steps| {
                    steps.count += 1;
                    steps.last_micros = micros;
                });
            }
        }
    };
    if let Err(e) = std::thread::Builder::new().name("clock".to_owned()).spawn(watching) {
        tracing::error!("start the watch over the clock: {e}; a clock that is set goes unnoticed");
    }
}

/// The signing key; `None` when it lies on a root that is away: recording goes on, and nothing is made in its place.
fn open_signer(hall: &Hall, roots: &Roots) -> Result<Option<Arc<Signer>>, StartError> {
    let key = &hall.evidence.key;
    let away =
        roots.states().into_iter().find(|root| key.starts_with(&root.path)).is_some_and(|root| root.health.fault.is_some());
    // A full or slow root still has its key.
    if away && !key.exists() {
        tracing::error!(key = %key.display(), "签名私钥所在的存储目录不可用。the storage root with the signing key is away");
        return Ok(None);
    }
    Ok(Some(Arc::new(Signer::open_or_make(key)?)))
}

fn with(meters: &HashMap<CameraId, Arc<Meter>>, camera: &CameraId, tell: impl FnOnce(&Meter)) {
    if let Some(meter) = meters.get(camera) {
        tell(meter);
    }
}

/// What the runs of a camera share.
pub fn run_settings(
    hall: &Hall,
    camera: &Camera,
    roots: Arc<Roots>,
    live: Arc<crate::live::LiveChannel>,
    meter: Arc<Meter>,
) -> RunSettings {
    RunSettings {
        camera: camera.id.clone(),
        subject: Subject {
            camera: camera.id.to_string(),
            windows: hall.windows_of(&camera.id).map(|w| w.id.to_string()).collect(),
            zone: hall.zone(&camera.zone).map(|z| z.zone_type.clone()).unwrap_or_default(),
            hall: hall.name.clone(),
            division: hall.division.clone(),
            label: Some(hall.label_lines(camera)),
        },
        cut: CutSettings {
            segment_seconds: hall.recording.segment_seconds,
            part_90k: to_90k(i64::from(hall.recording.part_ms) * 1000),
        },
        label: hall.label_lines(camera),
        stamp: hall.stamp.clone(),
        roots,
        live,
        meter,
        clock: None,
        wall: None,
        camera_clock: None,
    }
}
