//! What is done about the stamp when an encoder dies and when the machine cannot keep up: rules without clocks, threads or cameras.
//!
//! Three parts, each given the time: the [`Ladder`] of encoders of one camera, the [`Load`] of one camera, and the [`Fleet`] of all
//! cameras of the machine. [`Stamping`] joins the first two into one answer: which way the pictures go from here.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::hall::GiveUp;

/// A stamper that lags by more than this gives up what makes it slow, short of the stamp. In microseconds of capture time.
pub const SOFT_LAG_MICROS: i64 = 1_000_000;
/// A stamper that lags by more than this is left at the next random access point.
pub const HARD_LAG_MICROS: i64 = 2_500_000;
/// Beyond this nobody waits for what another camera's giving up brings.
pub const LAST_LAG_MICROS: i64 = 4_000_000;
/// A stamper that lags by less has caught up.
pub const CAUGHT_UP_MICROS: i64 = 500_000;
/// What was given up gets this long to show its effect before the next thing goes, on one camera and on the machine.
pub const GRACE: Duration = Duration::from_secs(3);
/// No rest is longer.
pub const LONGEST_REST: Duration = Duration::from_secs(600);

/// A pause that doubles with each failure in a row.
#[derive(Clone, Debug)]
struct Rest {
    base: Duration,
    failures: u32,
    until: Duration,
}

impl Rest {
    fn new(base: Duration) -> Self {
        Self { base, failures: 0, until: Duration::ZERO }
    }

    /// The length of the last pause; the base before any.
    fn pause(&self) -> Duration {
        let doublings = self.failures.saturating_sub(1).min(16);
        self.base.saturating_mul(1 << doublings).min(LONGEST_REST)
    }

    fn fail(&mut self, now: Duration) {
        self.failures = self.failures.saturating_add(1);
        self.until = now + self.pause();
    }

    fn over(&self, now: Duration) -> bool {
        now >= self.until
    }

    fn forgive(&mut self) {
        self.failures = 0;
    }
}

/// One encoder on the ladder.
#[derive(Clone, Debug)]
struct Rung {
    name: String,
    /// What its trial showed; `None` while it runs.
    works: Option<bool>,
    rest: Rest,
    died_of: Option<String>,
    in_use_since: Option<Duration>,
}

/// The encoders of one camera, best first: which works, which rests and until when.
///
/// Each camera has its own: graphics processors refuse the fourth stream and serve the first three.
#[derive(Clone, Debug)]
pub struct Ladder {
    rungs: Vec<Rung>,
}

impl Ladder {
    /// A ladder of these encoders, none of them tried yet. A dead one rests for `rest` first.
    pub fn new(names: impl IntoIterator<Item = String>, rest: Duration) -> Self {
        let rung = |name| Rung { name, works: None, rest: Rest::new(rest), died_of: None, in_use_since: None };
        Self { rungs: names.into_iter().map(rung).collect() }
    }

    /// Takes what is known of the trials.
    pub fn learn(&mut self, works: &[Option<bool>]) {
        for (rung, works) in self.rungs.iter_mut().zip(works) {
            rung.works = *works;
        }
    }

    /// The best encoder that works and does not rest.
    pub fn best(&self, now: Duration) -> Option<usize> {
        self.rungs.iter().position(|rung| rung.works == Some(true) && rung.rest.over(now))
    }

    /// The name of an encoder.
    pub fn name(&self, encoder: usize) -> Option<&str> {
        self.rungs.get(encoder).map(|rung| rung.name.as_str())
    }

    /// Stamping with this encoder, and no other, begins.
    pub fn began(&mut self, encoder: Option<usize>, now: Duration) {
        for (n, rung) in self.rungs.iter_mut().enumerate() {
            rung.in_use_since = if Some(n) == encoder { rung.in_use_since.or(Some(now)) } else { None };
        }
    }

    /// An encoder died, or could not be started; it rests, twice as long each time in a row.
    pub fn died(&mut self, encoder: usize, now: Duration, reason: &str) {
        if let Some(rung) = self.rungs.get_mut(encoder) {
            rung.rest.fail(now);
            rung.died_of = Some(reason.to_owned());
            rung.in_use_since = None;
        }
    }

    /// An encoder that has worked again for as long as it last rested is well.
    pub fn look(&mut self, now: Duration) {
        for rung in &mut self.rungs {
            if rung.in_use_since.is_some_and(|since| rung.rest.over(now) && now.saturating_sub(since) >= rung.rest.pause()) {
                rung.died_of = None;
                rung.rest.forgive();
            }
        }
    }

    /// Encoders that died and are not well again, with what they died of.
    pub fn deaths(&self) -> impl Iterator<Item = (&str, &str)> {
        self.rungs.iter().filter_map(|rung| Some((rung.name.as_str(), rung.died_of.as_deref()?)))
    }
}

/// What one camera has given up because its stamper lagged.
#[derive(Clone, Debug)]
pub struct Load {
    /// In the order in which they go; the stamp is last.
    steps: Vec<GiveUp>,
    /// How many of them are given up.
    given: usize,
    soft: Rest,
    stamp: Rest,
    calm_since: Option<Duration>,
    gave_at: Option<Duration>,
}

impl Load {
    /// Nothing is given up yet. What is given up rests for `rest` first.
    pub fn new(steps: &[GiveUp], rest: Duration) -> Self {
        let mut steps: Vec<GiveUp> = steps.iter().copied().filter(|step| *step != GiveUp::Stamp).collect();
        steps.push(GiveUp::Stamp);
        Self { steps, given: 0, soft: Rest::new(rest), stamp: Rest::new(rest), calm_since: None, gave_at: None }
    }

    /// What is given up, in the order in which it went.
    pub fn given_up(&self) -> &[GiveUp] {
        &self.steps[..self.given]
    }

    /// True while the stamp itself is given up.
    pub fn unstamped(&self) -> bool {
        self.given == self.steps.len()
    }

    /// A picture of a stamped run is on its way: gives up or takes back what can change between random access points. True when
    /// something changed.
    pub fn between(&mut self, now: Duration, lag_micros: i64) -> bool {
        if self.unstamped() {
            return false;
        }
        let mut changed = false;
        let settled = self.gave_at.is_none_or(|at| now.saturating_sub(at) >= GRACE);
        if lag_micros > SOFT_LAG_MICROS {
            self.calm_since = None;
            if settled && self.steps[self.given] != GiveUp::Stamp {
                self.given += 1;
                self.soft.fail(now);
                self.gave_at = Some(now);
                changed = true;
            }
        } else if lag_micros < CAUGHT_UP_MICROS {
            let since = *self.calm_since.get_or_insert(now);
            let calm = now.saturating_sub(since);
            if self.given > 0 && calm >= self.soft.pause() {
                self.given -= 1;
                self.calm_since = Some(now);
                changed = true;
            } else if self.given == 0 && calm >= self.stamp.pause().max(self.soft.pause()) {
                self.stamp.forgive();
                self.soft.forgive();
            }
        } else {
            self.calm_since = None;
        }
        changed
    }

    /// At a random access point: gives up the stamp, or takes it back. True when that changed.
    fn at_random_access(&mut self, camera: &str, now: Duration, lag_micros: i64, fleet: &mut Fleet) -> bool {
        if self.unstamped() {
            if !self.stamp.over(now) || !fleet.may_return(now) {
                return false;
            }
            fleet.returned(camera, now);
            self.given -= 1;
            (self.calm_since, self.gave_at) = (None, None);
            return true;
        }
        let falls = lag_micros > HARD_LAG_MICROS && fleet.may_fall(now, lag_micros);
        if falls {
            self.fall(camera, now, fleet);
        }
        falls
    }

    /// The stamp is given up, with everything before it.
    pub fn fall(&mut self, camera: &str, now: Duration, fleet: &mut Fleet) {
        fleet.fell(camera, now);
        self.given = self.steps.len();
        self.stamp.fail(now);
        self.calm_since = None;
    }
}

/// All stamping cameras of the machine: they neither give up all at once nor come back all at once.
#[derive(Clone, Debug)]
pub struct Fleet {
    /// Between two returns, and between a fall and a return.
    apart: Duration,
    down: BTreeSet<String>,
    last_fall: Option<Duration>,
    last_return: Option<Duration>,
}

impl Fleet {
    /// A machine on which nothing is given up. Returns keep a third of `rest` apart.
    pub fn new(rest: Duration) -> Self {
        Self { apart: rest / 3, down: BTreeSet::new(), last_fall: None, last_return: None }
    }

    /// True when one more camera may give up its stamp: another's giving up may be all the relief that is needed.
    pub fn may_fall(&self, now: Duration, lag_micros: i64) -> bool {
        lag_micros > LAST_LAG_MICROS || self.last_fall.is_none_or(|at| now.saturating_sub(at) >= GRACE)
    }

    /// A camera gave up its stamp because of overload.
    pub fn fell(&mut self, camera: &str, now: Duration) {
        self.down.insert(camera.to_owned());
        self.last_fall = Some(now);
    }

    /// True when one camera may stamp again: the last to fall and the last to return are long enough ago to have shown what they do.
    pub fn may_return(&self, now: Duration) -> bool {
        let long_ago = |at: Option<Duration>| at.is_none_or(|at| now.saturating_sub(at) >= self.apart);
        long_ago(self.last_fall) && long_ago(self.last_return)
    }

    /// A camera stamps again.
    pub fn returned(&mut self, camera: &str, now: Duration) {
        self.down.remove(camera);
        self.last_return = Some(now);
    }

    /// A camera delivers nothing any more: it does not count until it falls again.
    pub fn gone(&mut self, camera: &str) {
        self.down.remove(camera);
    }

    /// Number of cameras that have given up the stamp. Two and more: it is the machine that is overloaded.
    pub fn n_down(&self) -> usize {
        self.down.len()
    }
}

/// Which way a camera's pictures go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Stamped by this encoder of the ladder.
    Stamped(usize),
    /// As they come, without the recorder's stamp.
    PassThrough,
}

/// The rules of one camera.
#[derive(Clone, Debug)]
pub struct Stamping {
    camera: String,
    /// Its encoders.
    pub ladder: Ladder,
    /// What it has given up.
    pub load: Load,
    /// The last encoder was started once more to bring out what it held.
    again: bool,
}

impl Stamping {
    /// Rules for `camera`.
    pub fn new(camera: &str, ladder: Ladder, load: Load) -> Self {
        Self { camera: camera.to_owned(), ladder, load, again: false }
    }

    /// Which way a run that begins at a random access point goes.
    pub fn way(&self, now: Duration) -> Way {
        if self.load.unstamped() {
            return Way::PassThrough;
        }
        self.ladder.best(now).map_or(Way::PassThrough, Way::Stamped)
    }

    /// A picture that can be decoded alone: `current` goes on, unless a new run must begin with this picture; then its way is told.
    pub fn at_random_access(&mut self, now: Duration, current: Way, lag_micros: i64, fleet: &mut Fleet) -> Option<Way> {
        self.again = false;
        self.ladder.look(now);
        self.load.at_random_access(&self.camera, now, lag_micros, fleet);
        let way = self.way(now);
        (way != current).then_some(way)
    }

    /// An encoder died: which way the pictures go that it still held, and those that follow.
    ///
    /// Where no other works, the same is started once more for what it held; dying again, it is left until it has rested.
    pub fn died(&mut self, encoder: usize, now: Duration, reason: &str) -> Way {
        self.ladder.died(encoder, now, reason);
        match self.ladder.best(now) {
            Some(next) => Way::Stamped(next),
            None if !std::mem::replace(&mut self.again, true) => Way::Stamped(encoder),
            None => Way::PassThrough,
        }
    }

    /// More waits for the stamper than can be kept.
    pub fn overrun(&mut self, now: Duration, fleet: &mut Fleet) -> Way {
        self.load.fall(&self.camera, now, fleet);
        Way::PassThrough
    }
}

#[cfg(test)]
#[path = "stamping_tests.rs"]
mod tests;
