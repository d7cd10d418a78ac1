//! Watches how the server's own clock is kept: the kernel at every look, chrony every few seconds from a thread of its own, because
//! chronyc may take its time.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use crate::hall::ClockLimits;
use crate::segment::writer::ClockReader;
use crate::time::chrony::{self, ChronyView};
use crate::time::{Clock, Patience, RecordedClock, ServerClock, combine, kernel_clock};

/// chrony is asked again after this long.
const ASK_EVERY: Duration = Duration::from_secs(15);
/// The thread looks this often whether the recorder ends.
const NAP: Duration = Duration::from_secs(1);

/// How the server's clock is kept.
pub struct Discipline {
    limits: ClockLimits,
    clock: Arc<dyn Clock>,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    chrony: Option<ChronyView>,
    patience: Patience,
}

impl Discipline {
    /// Begins to watch, until `stopping` becomes true.
    pub fn start(limits: ClockLimits, clock: Arc<dyn Clock>, stopping: watch::Receiver<bool>) -> Arc<Self> {
        let inner = Inner { chrony: chrony::ask(), patience: Patience::default() };
        let discipline = Arc::new(Self { limits, clock, inner: Mutex::new(inner) });
        let asking = discipline.clone();
        let started = std::thread::Builder::new().name("chrony".to_owned()).spawn(move || asking.ask(&stopping));
        if let Err(e) = started {
            tracing::error!("start the thread that asks chrony: {e}; only the kernel tells how the clock is kept");
        }
        discipline
    }

    fn ask(&self, stopping: &watch::Receiver<bool>) {
        let mut next = self.clock.monotonic() + ASK_EVERY;
        while !*stopping.borrow() {
            std::thread::sleep(NAP);
            if self.clock.monotonic() < next {
                continue;
            }
            let view = chrony::ask();
            self.lock().chrony = view;
            next = self.clock.monotonic() + ASK_EVERY;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Plain assignments: nothing in here panics half-way.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state at this moment.
    pub fn look(&self) -> ServerClock {
        let kernel = kernel_clock();
        let mut inner = self.lock();
        let seen = combine(kernel, inner.chrony.as_ref(), self.limits.server_error_ms());
        let unsynchronised = inner.chrony.is_none() && kernel.unsynchronised;
        inner.patience.look(seen, unsynchronised, self.clock.monotonic())
    }

    /// For the segments: each is marked with the state at its beginning.
    pub fn reader(self: &Arc<Self>) -> ClockReader {
        let discipline = self.clone();
        Arc::new(move || RecordedClock::from(discipline.look()))
    }
}
