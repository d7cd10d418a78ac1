//! The encoders of this machine as all cameras share them: trials at the start, what is known of them, and who stands back.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::stamping::{Fleet, Ladder, Load, Stamping};
use crate::hall::{CameraId, StampSettings};
use crate::observe::alarms::Board;
use crate::observe::stamp_alarms::{self, Encoders};
use crate::stamp::StampError;
use crate::stamp::encoders::{self, AUTO, EncoderDescription, EncoderProbe, Origin, Trials};
use crate::stamp::glyphs::find_font;
use crate::time::WallTime;

/// The recorder's start waits this long for trials that could bring a better encoder than one that is known to work.
const PATIENCE: Duration = Duration::from_secs(3);

/// What all cameras of the recorder share.
pub struct Stampers {
    settings: StampSettings,
    /// Best first.
    ladder: Vec<EncoderDescription>,
    /// The trials' results as they come.
    results: Mutex<Vec<Option<EncoderProbe>>>,
    /// Told at each result.
    came: Condvar,
    fleet: Mutex<Fleet>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Plain assignments under both: nothing panics half-way.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Stampers {
    /// Begins the trials and waits until it is known with what to stamp: until no better one can come, or until [`PATIENCE`] is
    /// over and one works, or until all have failed. What comes later is taken at a camera's next random access point.
    ///
    /// # Errors
    /// What a person must mend in hall.toml or in the file it names: [`StampError::UnknownEncoder`],
    /// [`StampError::EncoderOfOtherCodec`], [`StampError::Description`] of the named encoder, [`StampError::FontMissing`],
    /// [`StampError::DescriptionUnreadable`]. An encoder that does not work is none: recording goes on with the next or without.
    pub fn start(settings: &StampSettings) -> Result<Arc<Self>, StampError> {
        find_font(settings.font.as_deref())?;
        let ladder = encoders::ladder(settings)?;
        if let Some(named) = ladder.first().filter(|d| settings.encoder != AUTO && matches!(d.origin, Origin::File(_))) {
            named.check()?;
        }
        let stampers = Arc::new(Self {
            settings: settings.clone(),
            results: Mutex::new(vec![None; ladder.len()]),
            came: Condvar::new(),
            fleet: Mutex::new(Fleet::new(rest(settings))),
            ladder,
        });
        let mut trials = Trials::start(stampers.ladder.clone(), settings);
        let for_thread = stampers.clone();
        let collecting = std::thread::Builder::new().name("stamp-trials".to_owned()).spawn(move || {
            while let Some((n, found)) = trials.next_result() {
                for_thread.take(n, found);
            }
        });
        match collecting {
            Ok(_) => stampers.wait(),
            Err(e) => tracing::error!("start the trials of the encoders: {e}; nothing is stamped"),
        }
        Ok(stampers)
    }

    fn take(&self, n: usize, found: EncoderProbe) {
        let (encoder, works, detail) = (&found.name, found.works, &found.detail);
        match (&found.origin, works) {
            (_, true) => tracing::info!(encoder, detail, "the encoder works"),
            (Origin::File(_), false) => tracing::error!(encoder, detail, "the site's own encoder does not work"),
            (Origin::BuiltIn, false) => tracing::debug!(encoder, detail, "the encoder does not work here"),
        }
        if let Some(place) = lock(&self.results).get_mut(n) {
            *place = Some(found);
        }
        self.came.notify_all();
    }

    fn wait(&self) {
        let began = Instant::now();
        let mut results = lock(&self.results);
        loop {
            let patient = began.elapsed() < PATIENCE;
            if decided(&results, patient) {
                return;
            }
            let limit = if patient { PATIENCE.saturating_sub(began.elapsed()) } else { encoders::TRIAL_LIMIT };
            (results, _) = self.came.wait_timeout(results, limit).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Which encoders work, as far as it is known.
    pub fn known(&self) -> Vec<Option<bool>> {
        lock(&self.results).iter().map(|r| r.as_ref().map(|r| r.works)).collect()
    }

    /// An encoder of the ladder.
    pub fn description(&self, encoder: usize) -> Option<&EncoderDescription> {
        self.ladder.get(encoder)
    }

    /// The rules for one camera.
    pub fn rules(&self, camera: &CameraId) -> Stamping {
        let mut ladder = Ladder::new(self.ladder.iter().map(|d| d.name.clone()), rest(&self.settings));
        ladder.learn(&self.known());
        Stamping::new(camera.as_str(), ladder, Load::new(&self.settings.work.give_up, rest(&self.settings)))
    }

    /// All cameras that stamp; hold it for an instant only.
    pub fn fleet(&self) -> MutexGuard<'_, Fleet> {
        lock(&self.fleet)
    }

    /// Raises what is wrong with the machine's encoders as a whole.
    pub fn alarms(&self, board: &mut Board, now: WallTime) {
        let n_down = self.fleet().n_down();
        let results = lock(&self.results);
        let wanted = Some(self.settings.encoder.as_str()).filter(|name| *name != AUTO);
        stamp_alarms::of_encoders(
            board,
            now,
            &Encoders { results: &results, wanted, wanted_codec: self.settings.work.codec, n_down },
        );
    }
}

/// True when it is known with what to stamp.
fn decided(results: &[Option<EncoderProbe>], patient: bool) -> bool {
    let works = results.iter().position(|r| r.as_ref().is_some_and(|r| r.works));
    let open_before = results.iter().take(works.unwrap_or(results.len())).any(Option::is_none);
    !open_before || (works.is_some() && !patient)
}

fn rest(settings: &StampSettings) -> Duration {
    Duration::from_secs(u64::from(settings.work.rest_seconds))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::VideoCodec;

    #[test]
    fn the_start_waits_for_a_better_encoder_only_for_a_while_and_for_the_only_one_as_long_as_it_takes() {
        let trial = |works| {
            let (name, detail) = ("x264".to_owned(), String::new());
            Some(EncoderProbe { name, origin: Origin::BuiltIn, codec: VideoCodec::H264, works, detail })
        };
        assert!(decided(&[trial(true), None], true), "nothing better can come");
        assert!(decided(&[trial(false), trial(true), None], true));
        assert!(!decided(&[None, trial(true)], true));
        assert!(decided(&[None, trial(true)], false));
        assert!(!decided(&[None, trial(false)], false), "the one that is left may be all there is");
        assert!(decided(&[trial(false), trial(false)], true), "there is none");
    }
}
