//! The brake on guessing passwords: counts attempts per name and address, per address, and per name.
//!
//! A pure state machine: time is passed in. An attempt counts when it begins, so that a thousand attempts at once are a
//! thousand attempts; one that turns out right is taken back.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

/// How many attempts a subject has before it must wait, and how long.
#[derive(Clone, Copy, Debug)]
struct Limit {
    /// Attempts without waiting.
    free: u32,
    /// First wait; doubles with every further attempt.
    first_wait: Duration,
    /// Longest wait.
    longest_wait: Duration,
}

/// One person at one place: five free attempts, then half a minute, doubling to a quarter of an hour.
const PAIR: Limit = Limit { free: 5, first_wait: Duration::from_secs(30), longest_wait: Duration::from_secs(900) };
/// One place with many names: a hall's people may share an address.
const ADDRESS: Limit = Limit { free: 30, first_wait: Duration::from_secs(30), longest_wait: Duration::from_secs(900) };
/// One name from many places: short waits, for a stranger must not be able to lock a person out for long.
const NAME: Limit = Limit { free: 30, first_wait: Duration::from_secs(5), longest_wait: Duration::from_secs(60) };
/// Attempts are forgotten this long after the last one.
const FORGET: Duration = Duration::from_secs(1800);
/// Most subjects kept; the one quiet the longest gives way.
const MOST_SUBJECTS: usize = 10_000;

/// What attempts are counted for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Subject {
    Pair(String, IpAddr),
    Address(IpAddr),
    Name(String),
}

impl Subject {
    fn limit(&self) -> Limit {
        match self {
            Subject::Pair(..) => PAIR,
            Subject::Address(_) => ADDRESS,
            Subject::Name(_) => NAME,
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Count {
    attempts: u32,
    last: Duration,
    blocked_until: Duration,
}

/// Counts attempts to sign in. Times are monotonic.
#[derive(Debug, Default)]
pub(super) struct Throttle {
    counts: HashMap<Subject, Count>,
}

fn subjects(name: &str, address: IpAddr) -> [Subject; 3] {
    let name = name.to_lowercase();
    [Subject::Pair(name.clone(), address), Subject::Address(address), Subject::Name(name)]
}

impl Throttle {
    /// Begins an attempt at `now` and counts it.
    ///
    /// # Errors
    /// How long to wait, when the attempt must not be looked at.
    pub fn begin(&mut self, name: &str, address: IpAddr, now: Duration) -> Result<(), Duration> {
        let subjects = subjects(name, address);
        let wait = subjects
            .iter()
            .filter_map(|s| self.counts.get(s))
            .map(|c| c.blocked_until.saturating_sub(now))
            .max()
            .unwrap_or_default();
        if !wait.is_zero() {
            return Err(wait);
        }
        for subject in subjects {
            self.make_room(now);
            let limit = subject.limit();
            let count = self.counts.entry(subject).or_insert(Count { attempts: 0, last: now, blocked_until: now });
            if now.saturating_sub(count.last) >= FORGET {
                count.attempts = 0;
            }
            count.attempts = count.attempts.saturating_add(1);
            count.last = now;
            if let Some(over) = count.attempts.checked_sub(limit.free) {
                let factor = 2u32.saturating_pow(over.min(16));
                count.blocked_until = now + limit.first_wait.saturating_mul(factor).min(limit.longest_wait);
            }
        }
        Ok(())
    }

    /// The attempt was right: the person is no longer braked here, and the attempt is taken back elsewhere.
    pub fn succeeded(&mut self, name: &str, address: IpAddr) {
        for subject in subjects(name, address) {
            if let Subject::Pair(..) = subject {
                self.counts.remove(&subject);
            } else if let Some(count) = self.counts.get_mut(&subject) {
                count.attempts = count.attempts.saturating_sub(1);
                if count.attempts < subject.limit().free {
                    count.blocked_until = count.last;
                }
            }
        }
    }

    /// Keeps the table bounded.
    fn make_room(&mut self, now: Duration) {
        if self.counts.len() < MOST_SUBJECTS {
            return;
        }
        self.counts.retain(|_, c| now.saturating_sub(c.last) < FORGET);
        if self.counts.len() >= MOST_SUBJECTS
            && let Some(oldest) = self.counts.iter().min_by_key(|(_, c)| c.last).map(|(s, _)| s.clone())
        {
            self.counts.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7));
    const THERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 8));

    fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn after_five_wrong_passwords_the_waits_double() {
        let mut throttle = Throttle::default();
        for _ in 0..5 {
            assert_eq!(throttle.begin("admin", HERE, s(0)), Ok(()));
        }
        assert_eq!(throttle.begin("Admin", HERE, s(1)), Err(s(29)));
        assert_eq!(throttle.begin("admin", THERE, s(1)), Ok(()));
        assert_eq!(throttle.begin("admin", HERE, s(30)), Ok(()));
        assert_eq!(throttle.begin("admin", HERE, s(31)), Err(s(59)));
        assert_eq!(throttle.begin("admin", HERE, s(90)), Ok(()));
        assert_eq!(throttle.begin("admin", HERE, s(90)), Err(s(120)));
    }

    #[test]
    fn attempts_count_when_they_begin_so_a_thousand_at_once_are_braked() {
        let mut throttle = Throttle::default();
        let looked_at = (0..1000).filter(|_| throttle.begin("admin", HERE, s(0)).is_ok()).count();
        assert_eq!(looked_at, 5);
    }

    #[test]
    fn many_names_from_one_place_are_braked_too() {
        let mut throttle = Throttle::default();
        let looked_at = (0..1000).filter(|n| throttle.begin(&format!("user{n}"), HERE, s(0)).is_ok()).count();
        assert_eq!(looked_at, 30);
    }

    #[test]
    fn a_name_attacked_from_many_places_waits_a_minute_at_most() {
        let mut throttle = Throttle::default();
        for n in 0..200u8 {
            let _ = throttle.begin("admin", IpAddr::V4([198, 51, 100, n].into()), s(60 * u64::from(n)));
        }
        let wait = throttle.begin("admin", HERE, s(60 * 199)).unwrap_err();
        assert!(wait <= s(60), "{wait:?}");
    }

    #[test]
    fn a_right_password_frees_the_person_and_gives_the_attempt_back() {
        let mut throttle = Throttle::default();
        for _ in 0..100 {
            assert_eq!(throttle.begin("admin", HERE, s(0)), Ok(()));
            throttle.succeeded("admin", HERE);
        }
    }

    #[test]
    fn half_an_hour_later_all_is_forgotten() {
        let mut throttle = Throttle::default();
        for t in [0, 1, 2, 3, 4] {
            assert_eq!(throttle.begin("admin", HERE, s(t)), Ok(()));
        }
        for t in [1804, 1805, 1806, 1807, 1808] {
            assert_eq!(throttle.begin("admin", HERE, s(t)), Ok(()));
        }
    }

    #[test]
    fn the_table_stays_bounded() {
        let mut throttle = Throttle::default();
        for n in 0..20_000u32 {
            let _ = throttle.begin(&n.to_string(), IpAddr::V4((0x0a00_0000 + n).into()), s(u64::from(n) / 100));
        }
        assert!(throttle.counts.len() <= MOST_SUBJECTS);
    }
}
