//! Once a second: desired against measured, told to the log, the viewer and the alarm-minded reader.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::watch;

use super::discipline::Discipline;
use super::keeper::Keeper;
use super::stampers::Stampers;
use crate::catalogue::Catalogue;
use crate::hall::{CameraId, Hall, StampMode};
use crate::observe::alarms::{Alarm, Board, Severity, changes};
use crate::observe::meter::Meter;
use crate::observe::reconcile::{Before, Limits, Moment, change, judge};
use crate::observe::state::{ClockState, HallState, RecordingState, StorageState};
use crate::observe::{camera_clock, clocks, stamp_alarms, words};
use crate::segment::disk::Fault;
use crate::segment::roots::{RootState, Roots};
use crate::stamp::placement::Fit;
use crate::time::{Clock, WallTime};

/// Everything the reconciler looks at.
pub struct Watch {
    /// The hall.
    pub hall: Arc<Hall>,
    /// Measurements of every camera.
    pub meters: HashMap<CameraId, Arc<Meter>>,
    /// For the oldest footage.
    pub catalogue: Catalogue,
    /// What stands beside recording.
    pub keeper: Arc<Keeper>,
    /// The encoders, when any camera is stamped here.
    pub stampers: Option<Arc<Stampers>>,
    /// How the storage roots are.
    pub roots: Arc<Roots>,
    /// False while cameras that look at no window stand back.
    pub others: Arc<AtomicBool>,
    /// How the server's clock is kept.
    pub discipline: Arc<Discipline>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// When the recorder started.
    pub started: WallTime,
}

impl Watch {
    /// The state at this moment, given that of the last look.
    pub fn look(&self, before: &HashMap<CameraId, Before>, alarms: &[Alarm]) -> HallState {
        let limits = Limits::of(&self.hall);
        let moment = Moment { wall: self.clock.wall(), monotonic: self.clock.monotonic(), started: self.started };
        let mut cameras = Vec::with_capacity(self.hall.cameras.len());
        for camera in &self.hall.cameras {
            let facts = self.meters.get(&camera.id).map(|m| m.facts()).unwrap_or_default();
            cameras.push(judge(&self.hall, camera, &facts, limits, moment, before.get(&camera.id).copied()));
        }
        let fresh = |s: RecordingState| matches!(s, RecordingState::Recording | RecordingState::Degraded);
        let oldest = |id: &CameraId| self.catalogue.oldest_segment(id).ok().flatten().map(|r| r.from);
        let clock = clocks::of_server(self.discipline.look(), self.hall.time);
        let roots = self.roots.states();
        let alarms = self.alarms(moment.wall, &roots, &clock).settle(alarms);
        HallState {
            at: moment.wall,
            started: self.started,
            should_record: cameras.iter().filter(|c| c.desired).count(),
            recording: cameras.iter().filter(|c| fresh(c.state)).count(),
            oldest_footage: self.hall.cameras.iter().filter_map(|c| oldest(&c.id)).min(),
            storage: roots.into_iter().map(|root| self.storage(root)).collect(),
            clock,
            alarms,
            cameras,
        }
    }

    /// What a person must act on at this moment.
    fn alarms(&self, now: WallTime, roots: &[RootState], clock: &ClockState) -> Board {
        let mut board = Board::default();
        for root in roots {
            if let Some(fault) = root.health.fault {
                let code = match fault {
                    Fault::Full => "storage-full",
                    Fault::Slow => "storage-slow",
                    Fault::Gone => "storage-gone",
                    Fault::ReadOnly | Fault::Failing => "storage-failing",
                };
                board.raise(code, root.path.display().to_string(), Severity::Critical, now, words::fault(fault));
            }
        }
        if !self.others.load(Ordering::Relaxed) {
            board.raise("space-kept-for-windows", "", Severity::Critical, now, words::kept_for_windows());
        }
        clocks::raise_for_server(&mut board, clock, now);
        let cameras = self.hall.cameras.iter().filter_map(|c| Some((&c.id, self.meters.get(&c.id)?.facts().camera_clock)));
        clocks::raise_for_cameras(&mut board, cameras, now);
        for id in self.hall.cameras.iter().map(|camera| camera.id.as_str()) {
            let fit = self.meters.get(&CameraId::new(id)).and_then(|m| m.facts().stamp_fit);
            if let Some(fit) = fit.filter(|fit| *fit != Fit::Whole) {
                board.raise("stamp-small", id, Severity::Warning, now, words::stamp_small(id, fit));
            }
        }
        for (camera, meter) in &self.meters {
            let facts = meter.facts();
            let found = facts.camera_osd.as_ref().filter(|_| facts.in_session).and_then(camera_clock::trouble);
            if let Some((told, grave)) = found {
                let severity = if grave { Severity::Critical } else { Severity::Warning };
                board.raise("camera-stamp", camera.as_str(), severity, now, told);
            }
        }
        for camera in self.hall.cameras.iter().filter(|c| c.stamp == StampMode::Reencode) {
            let facts = self.meters.get(&camera.id).map(|m| m.facts()).filter(|f| f.in_session).unwrap_or_default();
            stamp_alarms::of_camera(&mut board, now, &camera.id, &facts.stamp, facts.stamp_trouble.as_ref());
        }
        if let Some(stampers) = &self.stampers {
            stampers.alarms(&mut board, now);
        }
        self.keeper.alarms(&mut board, now);
        board
    }

    /// A storage root as the API shows it.
    fn storage(&self, root: RootState) -> StorageState {
        StorageState {
            full_on: self.keeper.full_on(&root.path).map(|date| date.to_string()),
            path: root.path.display().to_string(),
            free_bytes: root.health.room.free_bytes,
            total_bytes: root.health.room.total_bytes,
            writable: root.health.fault.is_none(),
            fault: root.health.fault.map(|f| f.word().to_owned()),
            detail: root.health.reason,
            reserve_bytes: root.reserve_bytes,
            cameras: root.cameras,
            bytes_per_second: root.rate,
            syncs: root.syncs,
        }
    }

    /// Looks every second until `stop`, logs changes and sends each state.
    pub async fn run(self, sender: watch::Sender<Arc<HallState>>, mut stop: watch::Receiver<bool>) {
        let mut before: HashMap<CameraId, Before> = HashMap::new();
        let mut alarms: Vec<Alarm> = Vec::new();
        let mut tick = tokio::time::interval(Duration::from_secs(1));
        loop {
            tokio::select! {
                _ = tick.tick() => {}
                _ = stop.wait_for(|s| *s) => return,
            }
            let state = self.look(&before, &alarms);
            tell(&alarms, &state.alarms);
            alarms.clone_from(&state.alarms);
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

/// Logs what changed among the alarms.
fn tell(before: &[Alarm], now: &[Alarm]) {
    let (raised, cleared) = changes(before, now);
    for alarm in raised {
        let (code, subject) = (alarm.code, &alarm.subject);
        match alarm.severity {
            Severity::Critical => {
                tracing::error!(
                    code,
                    subject,
                    "告警：{}{} | {} {}",
                    alarm.text.zh,
                    alarm.action.zh,
                    alarm.text.en,
                    alarm.action.en
                );
            }
            Severity::Warning => {
                tracing::warn!(
                    code,
                    subject,
                    "告警：{}{} | {} {}",
                    alarm.text.zh,
                    alarm.action.zh,
                    alarm.text.en,
                    alarm.action.en
                );
            }
        }
    }
    for alarm in cleared {
        tracing::info!(code = alarm.code, subject = alarm.subject, "告警解除。the alarm stands no more");
    }
}
