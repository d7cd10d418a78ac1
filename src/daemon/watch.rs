//! Once a second: desired against measured, told to the log, the viewer and the alarm-minded reader.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::catalogue::Catalogue;
use crate::hall::{CameraId, Hall};
use crate::observe::meter::Meter;
use crate::observe::reconcile::{Before, Limits, Moment, change, judge};
use crate::observe::state::{ClockState, HallState, RecordingState, StorageState};
use crate::time::{CLOCK_ERROR_LIMIT_MS, Clock, WallTime};

/// Everything the reconciler looks at.
pub struct Watch {
    /// The hall.
    pub hall: Arc<Hall>,
    /// Measurements of every camera.
    pub meters: HashMap<CameraId, Arc<Meter>>,
    /// For the oldest footage.
    pub catalogue: Catalogue,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// When the recorder started.
    pub started: WallTime,
}

impl Watch {
    /// The state at this moment, given that of the last look.
    pub fn look(&self, before: &HashMap<CameraId, Before>) -> HallState {
        let limits = Limits::of(&self.hall);
        let moment = Moment { wall: self.clock.wall(), monotonic: self.clock.monotonic(), started: self.started };
        let mut cameras = Vec::with_capacity(self.hall.cameras.len());
        for camera in &self.hall.cameras {
            let facts = self.meters.get(&camera.id).map(|m| m.facts()).unwrap_or_default();
            cameras.push(judge(&self.hall, camera, &facts, limits, moment, before.get(&camera.id).copied()));
        }
        let fresh = |s: RecordingState| matches!(s, RecordingState::Recording | RecordingState::Degraded);
        let oldest = |id: &CameraId| self.catalogue.oldest_segment(id).ok().flatten().map(|r| r.from);
        let kernel = crate::time::kernel_clock();
        HallState {
            at: moment.wall,
            started: self.started,
            should_record: cameras.iter().filter(|c| c.desired).count(),
            recording: cameras.iter().filter(|c| fresh(c.state)).count(),
            oldest_footage: self.hall.cameras.iter().filter_map(|c| oldest(&c.id)).min(),
            storage: self.hall.storage.iter().map(|s| storage(&s.path)).collect(),
            clock: ClockState { synchronised: kernel.synchronised(CLOCK_ERROR_LIMIT_MS), max_error_ms: kernel.max_error_ms },
            cameras,
        }
    }

    /// Looks every second until `stop`, logs changes and sends each state.
    pub async fn run(self, sender: watch::Sender<Arc<HallState>>, mut stop: watch::Receiver<bool>) {
        let mut before: HashMap<CameraId, Before> = HashMap::new();
        let mut tick = tokio::time::interval(Duration::from_secs(1));
        loop {
            tokio::select! {
                _ = tick.tick() => {}
                _ = stop.wait_for(|s| *s) => return,
            }
            let state = self.look(&before);
            for camera in &state.cameras {
                if let Some(text) = change(before.get(&camera.id).copied(), camera) {
                    let detail = camera.detail.as_deref().unwrap_or_default();
                    match camera.state {
                        RecordingState::NotRecording => {
                            tracing::error!(camera = %camera.id, detail, "{} | {}", text.zh, text.en)
                        }
                        RecordingState::Degraded => tracing::warn!(camera = %camera.id, detail, "{} | {}", text.zh, text.en),
                        _ => tracing::info!(camera = %camera.id, "{} | {}", text.zh, text.en),
                    }
                }
                before.insert(camera.id.clone(), Before { state: camera.state, since: camera.since });
            }
            sender.send_replace(Arc::new(state));
        }
    }
}

/// What the file system under a storage root says.
fn storage(path: &std::path::Path) -> StorageState {
    let name = path.display().to_string();
    match rustix::fs::statvfs(path) {
        Ok(fs) => StorageState {
            path: name,
            free_bytes: fs.f_bavail * fs.f_frsize,
            total_bytes: fs.f_blocks * fs.f_frsize,
            writable: !fs.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY),
            detail: None,
        },
        Err(e) => StorageState { path: name, free_bytes: 0, total_bytes: 0, writable: false, detail: Some(e.to_string()) },
    }
}
