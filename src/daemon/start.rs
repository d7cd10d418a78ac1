//! Starting and stopping the recorder.

use std::collections::HashMap;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use retina::client::SessionGroup;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::camera::CameraTask;
use super::run::RunSettings;
use super::watch::Watch;
use super::{control, resume};
use crate::catalogue::{Catalogue, Store, StoreError};
use crate::evidence::{KeyError, Signer};
use crate::hall::{Camera, CameraId, Hall, StampMode};
use crate::live::LiveHub;
use crate::observe::meter::Meter;
use crate::segment::disk::{Disk, DiskNews, OnNews};
use crate::segment::part::to_90k;
use crate::segment::writer::{CutSettings, Subject};
use crate::source::rtsp::SessionSettings;
use crate::stamp::encoders::{self, EncoderDescription};
use crate::stamp::{StampError, check_label};
use crate::time::Clock;
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
    /// A storage root does not exist.
    #[error(
        "storage root {0} does not exist (mount the disk, or make the folder with `mkdir -p {0}`; the recorder never makes it, so that a missing disk cannot fill the system's)"
    )]
    RootMissing(String),
    /// A storage root cannot be written.
    #[error(
        "storage root {path} cannot be written: {source} (remount it read-write, or give the recorder's user the right to write there)"
    )]
    RootReadOnly {
        /// The root.
        path: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// The catalogue cannot be opened.
    #[error(transparent)]
    Catalogue(#[from] StoreError),
    /// There is no key to sign with.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Stamping cannot work with these settings.
    #[error("stamp: {0}")]
    Stamp(#[from] StampError),
    /// The viewer cannot start.
    #[error("viewer: {0}")]
    Viewer(String),
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
    disks: Vec<Arc<Disk>>,
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
        for root in &hall.storage {
            check_root(&root.path)?;
        }
        let encoder = choose_encoder(&hall)?;
        let store = Store::open(&hall.recording.catalogue)?;
        let catalogue = Catalogue::open(Arc::new(store))?;
        let mended = resume::mend(&hall, &catalogue);
        if mended > 0 {
            tracing::info!(files = mended, "files left open by the last run of the recorder were mended");
        }
        resume::note_break(&hall, &catalogue, clock.wall())?;

        let meters: HashMap<CameraId, Arc<Meter>> = hall.cameras.iter().map(|c| (c.id.clone(), Arc::default())).collect();
        let live = LiveHub::new(hall.cameras.iter().map(|c| c.id.clone()));
        let disks = start_disks(&hall, &catalogue, &meters)?;
        let (stop, stopping) = watch::channel(false);

        let watcher = Watch {
            hall: hall.clone(),
            meters: meters.clone(),
            catalogue: catalogue.clone(),
            clock: clock.clone(),
            started: clock.wall(),
        };
        let (states, state) = watch::channel(Arc::new(watcher.look(&HashMap::new())));
        let signer = Signer::open_or_make(&hall.evidence.key)?;
        let shown = Shown {
            recorder_key: signer.public().clone(),
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
        for (n, camera) in hall.cameras.iter().enumerate() {
            let disk = disks[n % disks.len()].clone();
            let (Some(live), Some(meter)) = (live.channel(&camera.id), meters.get(&camera.id)) else { continue };
            let task = CameraTask {
                settings: run_settings(&hall, camera, disk, live.clone(), meter.clone()),
                session: SessionSettings {
                    silence: Duration::from_secs(u64::from(hall.recording.silence_seconds)),
                    group: group.clone(),
                },
                encoder: encoder.clone(),
                catalogue: catalogue.clone(),
                clock: clock.clone(),
                camera: camera.clone(),
            };
            cameras.push(tokio::spawn(task.record(stopping.clone())));
        }
        let mut others = vec![tokio::spawn(watcher.run(states, stopping.clone()))];
        match control::listen(&hall.recording.catalogue) {
            Ok(socket) => {
                let answering = control::serve(socket, catalogue.clone(), clock.clone());
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
        Ok(Self { address, first_admin, state, stop, cameras, others, disks, catalogue })
    }

    /// Stops: every camera's run is finished, every file sealed and synced, the catalogue flushed.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        for camera in self.cameras {
            let _ = camera.await;
        }
        let disks = self.disks;
        let catalogue = self.catalogue;
        let _ = tokio::task::spawn_blocking(move || {
            for disk in &disks {
                disk.sync();
            }
            drop(disks);
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

/// The encoder that works here, when any camera is to be stamped by re-encoding. Also refuses labels the font cannot write.
fn choose_encoder(hall: &Hall) -> Result<Option<EncoderDescription>, StartError> {
    let stamped: Vec<&Camera> = hall.cameras.iter().filter(|c| c.stamp == StampMode::Reencode).collect();
    if stamped.is_empty() {
        return Ok(None);
    }
    for camera in stamped {
        // Whatever size a camera sends, a label that does not fit R2's 1080P will not do.
        check_label(&hall.label_lines(camera), &hall.stamp, 1920, 1080)?;
    }
    Ok(Some(encoders::choose(&hall.stamp)?))
}

/// A root must exist and take a file.
fn check_root(path: &Path) -> Result<(), StartError> {
    if !path.is_dir() {
        return Err(StartError::RootMissing(path.display().to_string()));
    }
    let probe: PathBuf = path.join(".jiancha-write-test");
    let attempt = std::fs::File::create(&probe)
        .and_then(|mut f| f.write_all(b"may be deleted"))
        .and_then(|()| std::fs::remove_file(&probe));
    attempt.map_err(|source| StartError::RootReadOnly { path: path.display().to_string(), source })
}

fn start_disks(
    hall: &Hall,
    catalogue: &Catalogue,
    meters: &HashMap<CameraId, Arc<Meter>>,
) -> Result<Vec<Arc<Disk>>, StartError> {
    let meters = meters.clone();
    let news: OnNews = Arc::new(move |news| match news {
        DiskNews::Written { camera, to } => with(&meters, &camera, |m| m.written(to)),
        DiskNews::Durable { camera, to } => with(&meters, &camera, |m| m.durable(to)),
        DiskNews::Failed { camera, reason } => tracing::error!(%camera, "{reason}"),
    });
    let sync_every = Duration::from_secs(u64::from(hall.recording.sync_seconds));
    let start = |root: &crate::hall::StorageRoot| {
        Disk::start(root.path.clone(), sync_every, catalogue.clone(), news.clone())
            .map(Arc::new)
            .map_err(|source| StartError::Thread { root: root.path.display().to_string(), source })
    };
    hall.storage.iter().map(start).collect()
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
    disk: Arc<Disk>,
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
        },
        cut: CutSettings {
            segment_seconds: hall.recording.segment_seconds,
            part_90k: to_90k(i64::from(hall.recording.part_ms) * 1000),
        },
        label: hall.label_lines(camera),
        stamp: hall.stamp.clone(),
        disk,
        live,
        meter,
    }
}
