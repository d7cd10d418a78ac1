//! Which storage root takes which camera, and who must stop when space runs out. Pure.
//!
//! Cameras are spread so that all roots fill up at the same time. When nothing may be deleted any more, the space for the last hours
//! is kept for the cameras of the windows: footage inside the floor stays, the least important recording stops (R7).

/// What the choice needs of a root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RootFacts {
    /// It takes new files.
    pub usable: bool,
    /// Bytes free above its reserve.
    pub free_bytes: u64,
}

/// Seconds until a root is full at `rate` bytes per second.
fn seconds_left(root: RootFacts, rate: u64) -> u64 {
    root.free_bytes / rate.max(1)
}

/// The usable root that, with `rate` bytes per second more on it, is full last; the first of equals.
///
/// `loads` are the bytes per second each root takes already.
pub fn choose(roots: &[RootFacts], loads: &[u64], rate: u64) -> Option<usize> {
    let left = |n: usize| seconds_left(roots[n], loads.get(n).copied().unwrap_or(0).saturating_add(rate));
    (0..roots.len()).filter(|n| roots[*n].usable).max_by_key(|n| (left(*n), std::cmp::Reverse(*n)))
}

/// A home for each camera, given their bytes per second: the greatest first, each on the root that is then full last.
/// All `None` when no root is usable.
pub fn spread(roots: &[RootFacts], rates: &[u64]) -> Vec<Option<usize>> {
    let mut order: Vec<usize> = (0..rates.len()).collect();
    order.sort_by_key(|n| std::cmp::Reverse(rates[*n]));
    let mut loads = vec![0u64; roots.len()];
    let mut homes = vec![None; rates.len()];
    for camera in order {
        homes[camera] = choose(roots, &loads, rates[camera]);
        if let Some(home) = homes[camera] {
            loads[home] = loads[home].saturating_add(rates[camera]);
        }
    }
    homes
}

/// Whether cameras that look at no window may go on recording.
///
/// They stop once the space left, `free_bytes` over all usable roots of `total_bytes`, would carry the cameras of the windows for less
/// than `last_seconds`; they come back with a tenth more, so that they do not flutter. Never more than a tenth of the disks is kept:
/// on disks far too small for the hall everybody records while there is room. `recording` is what was decided last.
pub fn others_may_record(free_bytes: u64, total_bytes: u64, windows_rate: u64, last_seconds: u64, recording: bool) -> bool {
    let kept = (u128::from(windows_rate) * u128::from(last_seconds)).min(u128::from(total_bytes / 10));
    let needed = if recording { kept } else { kept + kept / 10 };
    // Without windows nobody is kept waiting.
    kept == 0 || u128::from(free_bytes) > needed
}

/// Whether a root counts as full: below its reserve, and until a tenth more is free again.
pub fn is_full(free_bytes: u64, reserve_bytes: u64, was_full: bool) -> bool {
    let needed = if was_full { reserve_bytes.saturating_add(reserve_bytes / 10) } else { reserve_bytes };
    free_bytes <= needed
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn root(free_bytes: u64) -> RootFacts {
        RootFacts { usable: true, free_bytes }
    }

    #[test]
    fn cameras_are_spread_so_that_all_roots_fill_up_together() {
        // A root of twice the space takes twice the rate.
        let homes = spread(&[root(1000), root(2000)], &[10, 10, 10]);
        assert_eq!(homes, vec![Some(1), Some(0), Some(1)]);
        let one_big = spread(&[root(1000), root(1000)], &[30, 10, 10, 10]);
        assert_eq!(one_big, vec![Some(0), Some(1), Some(1), Some(1)]);
    }

    #[test]
    fn a_root_that_is_not_usable_takes_nothing() {
        let gone = RootFacts { usable: false, free_bytes: u64::MAX };
        assert_eq!(spread(&[gone, root(5)], &[10, 10]), vec![Some(1), Some(1)]);
        assert_eq!(spread(&[gone], &[10]), vec![None]);
        assert_eq!(choose(&[], &[], 10), None);
    }

    #[test]
    fn others_stop_when_the_last_hours_belong_to_the_windows_and_return_with_a_tenth_more() {
        let hour = 3600;
        let may = |free, recording| others_may_record(free, 1_000_000_000, 1000, hour, recording);
        assert!(may(3_600_001, true));
        assert!(!may(3_600_000, true));
        assert!(!may(3_960_000, false));
        assert!(may(3_960_001, false));
        assert!(others_may_record(0, 1_000_000, 0, hour, true), "a hall without windows has nobody to wait for");
        // A disk that carries the windows for two hours in all keeps a tenth of itself for them.
        assert!(others_may_record(720_001, 7_200_000, 1000, hour, true));
        assert!(!others_may_record(720_000, 7_200_000, 1000, hour, true));
    }

    #[test]
    fn a_full_root_is_taken_back_with_a_tenth_more_than_its_reserve() {
        assert!(!is_full(1001, 1000, false));
        assert!(is_full(1000, 1000, false));
        assert!(is_full(1100, 1000, true));
        assert!(!is_full(1101, 1000, true));
    }

    proptest! {
        /// Whatever the numbers: every camera has a home when any root is usable, and only a usable one.
        #[test]
        fn every_camera_finds_a_usable_home(
            roots in prop::collection::vec((any::<bool>(), any::<u64>()), 0..6),
            rates in prop::collection::vec(any::<u64>(), 0..40),
        ) {
            let roots: Vec<RootFacts> = roots.into_iter().map(|(usable, free_bytes)| RootFacts { usable, free_bytes }).collect();
            let any = roots.iter().any(|r| r.usable);
            for home in spread(&roots, &rates) {
                prop_assert_eq!(home.is_some(), any);
                prop_assert!(home.is_none_or(|n| roots[n].usable));
            }
        }
    }
}
