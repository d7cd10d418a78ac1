//! Encoders that die and machines that are too slow, with stepped time.

use super::*;

const REST: Duration = Duration::from_secs(30);
const QUICK: i64 = 40_000;
const SLOW: i64 = 2_600_000;

fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn ladder(works: &[Option<bool>]) -> Ladder {
    let names = ["vaapi", "x264", "openh264"];
    let mut ladder = Ladder::new(names.iter().take(works.len()).map(|n| (*n).to_owned()), REST);
    ladder.learn(works);
    ladder
}

fn load() -> Load {
    Load::new(&[GiveUp::Wall, GiveUp::Stamp], REST)
}

fn stamping(works: &[Option<bool>]) -> Stamping {
    Stamping::new("C1", ladder(works), load())
}

#[test]
fn the_best_that_works_is_taken_and_a_late_trial_brings_a_better_one() {
    let mut rules = stamping(&[None, Some(true)]);
    let mut fleet = Fleet::new(REST);
    assert_eq!(rules.way(s(0)), Way::Stamped(1));
    assert_eq!(rules.at_random_access(s(2), Way::Stamped(1), QUICK, &mut fleet), None);
    rules.ladder.learn(&[Some(true), Some(true)]);
    assert_eq!(rules.at_random_access(s(4), Way::Stamped(1), QUICK, &mut fleet), Some(Way::Stamped(0)));
    assert_eq!(stamping(&[Some(false), Some(false)]).way(s(0)), Way::PassThrough);
}

#[test]
fn a_dead_encoder_rests_twice_as_long_each_time_and_the_next_takes_over() {
    let mut rules = stamping(&[Some(true), Some(true)]);
    let mut fleet = Fleet::new(REST);
    let mut now = s(100);
    for pause in [30, 60, 120, 240, 480, 600, 600] {
        rules.ladder.began(Some(0), now);
        assert_eq!(rules.died(0, now, "vah264enc: lost the device"), Way::Stamped(1));
        rules.ladder.began(Some(1), now);
        let almost = now + s(pause) - ms(1);
        assert_eq!(rules.at_random_access(almost, Way::Stamped(1), QUICK, &mut fleet), None, "rests {pause} s");
        now += s(pause);
        assert_eq!(rules.at_random_access(now, Way::Stamped(1), QUICK, &mut fleet), Some(Way::Stamped(0)), "after {pause} s");
    }
    assert_eq!(rules.ladder.deaths().collect::<Vec<_>>(), [("vaapi", "vah264enc: lost the device")]);
}

#[test]
fn an_encoder_is_well_again_when_it_has_worked_as_long_as_it_rested() {
    let mut rules = stamping(&[Some(true), Some(true)]);
    let mut fleet = Fleet::new(REST);
    rules.ladder.began(Some(0), s(0));
    rules.died(0, s(10), "gone");
    rules.ladder.began(Some(1), s(10));
    assert_eq!(rules.at_random_access(s(40), Way::Stamped(1), QUICK, &mut fleet), Some(Way::Stamped(0)));
    rules.ladder.began(Some(0), s(40));
    rules.at_random_access(s(69), Way::Stamped(0), QUICK, &mut fleet);
    assert_eq!(rules.ladder.deaths().count(), 1);
    rules.at_random_access(s(70), Way::Stamped(0), QUICK, &mut fleet);
    assert_eq!(rules.ladder.deaths().count(), 0);
    // Its next death is a first one again.
    rules.died(0, s(80), "gone");
    assert_eq!(rules.ladder.best(s(110)), Some(0));
}

#[test]
fn the_last_encoder_is_started_once_more_for_what_it_held_and_then_rests() {
    let mut rules = stamping(&[Some(false), Some(true)]);
    let mut fleet = Fleet::new(REST);
    assert_eq!(rules.died(1, s(5), "x"), Way::Stamped(1));
    // At the next random access point it rests.
    assert_eq!(rules.at_random_access(s(6), Way::Stamped(1), QUICK, &mut fleet), Some(Way::PassThrough));
    assert_eq!(rules.at_random_access(s(34), Way::PassThrough, 0, &mut fleet), None);
    assert_eq!(rules.at_random_access(s(35), Way::PassThrough, 0, &mut fleet), Some(Way::Stamped(1)));
    // Dying a second time before the next random access point, it is left at once.
    assert_eq!(rules.died(1, s(36), "x"), Way::Stamped(1));
    assert_eq!(rules.died(1, s(37), "x"), Way::PassThrough);
}

#[test]
fn all_encoders_dying_one_after_the_other_end_in_pass_through() {
    let mut rules = stamping(&[Some(true), Some(true), Some(true)]);
    assert_eq!(rules.died(0, s(1), "a"), Way::Stamped(1));
    assert_eq!(rules.died(1, s(1), "b"), Way::Stamped(2));
    assert_eq!(rules.died(2, s(1), "c"), Way::Stamped(2));
    assert_eq!(rules.died(2, s(1), "c"), Way::PassThrough);
    assert_eq!(rules.ladder.deaths().map(|d| d.0).collect::<Vec<_>>(), ["vaapi", "x264", "openh264"]);
}

#[test]
fn the_wall_goes_first_and_comes_back_after_a_rest_without_lag() {
    let mut load = load();
    assert!(!load.between(s(10), QUICK) && load.given_up().is_empty());
    assert!(load.between(s(11), 1_100_000));
    assert_eq!(load.given_up(), [GiveUp::Wall]);
    // The stamp does not go between random access points, whatever the lag.
    assert!(!load.between(s(20), 9_000_000) && !load.unstamped());
    assert!(!load.between(s(30), QUICK));
    assert!(!load.between(s(45), 600_000), "neither lagging nor caught up: the calm begins anew");
    assert!(!load.between(s(46), QUICK));
    assert!(!load.between(ms(75_999), QUICK));
    assert!(load.between(s(76), QUICK) && load.given_up().is_empty());
}

#[test]
fn the_frame_rate_goes_behind_the_wall_when_the_site_wants_it_and_not_before_the_wall_had_its_chance() {
    let mut load = Load::new(&[GiveUp::Wall, GiveUp::HalfRate, GiveUp::Stamp], REST);
    assert!(load.between(s(10), 1_200_000));
    assert!(!load.between(ms(12_999), 1_400_000));
    assert!(load.between(s(13), 1_400_000));
    assert_eq!(load.given_up(), [GiveUp::Wall, GiveUp::HalfRate]);
    // Taken back one at a time, the last first; the second failure rests twice as long.
    assert!(!load.between(s(20), QUICK) && !load.between(s(79), QUICK));
    assert!(load.between(s(80), QUICK));
    assert_eq!(load.given_up(), [GiveUp::Wall]);
    assert!(!load.between(s(139), QUICK) && load.between(s(140), QUICK));
    assert_eq!(load.given_up(), []);
}

#[test]
fn the_stamp_goes_at_a_random_access_point_and_returns_after_its_rest() {
    let mut rules = stamping(&[Some(true)]);
    let mut fleet = Fleet::new(REST);
    assert_eq!(rules.at_random_access(s(10), Way::Stamped(0), 2_500_000, &mut fleet), None);
    assert_eq!(rules.at_random_access(s(12), Way::Stamped(0), SLOW, &mut fleet), Some(Way::PassThrough));
    assert_eq!(rules.load.given_up(), [GiveUp::Wall, GiveUp::Stamp]);
    assert_eq!(rules.at_random_access(s(41), Way::PassThrough, 0, &mut fleet), None);
    assert_eq!(rules.at_random_access(s(42), Way::PassThrough, 0, &mut fleet), Some(Way::Stamped(0)));
    assert_eq!(rules.load.given_up(), [GiveUp::Wall], "the wall comes back later");
    // Falling over again rests twice as long.
    assert_eq!(rules.at_random_access(s(46), Way::Stamped(0), SLOW, &mut fleet), Some(Way::PassThrough));
    assert_eq!(rules.at_random_access(s(105), Way::PassThrough, 0, &mut fleet), None);
    assert_eq!(rules.at_random_access(s(106), Way::PassThrough, 0, &mut fleet), Some(Way::Stamped(0)));
}

#[test]
fn after_a_long_calm_a_failure_is_a_first_one_again() {
    let mut rules = stamping(&[Some(true)]);
    let mut fleet = Fleet::new(REST);
    for now in [s(12), s(46)] {
        rules.at_random_access(now, Way::Stamped(0), SLOW, &mut fleet);
        rules.at_random_access(now + s(60), Way::PassThrough, 0, &mut fleet);
    }
    // 60 s of calm bring the wall back, 60 s more forgive.
    for second in 106..300 {
        rules.load.between(s(second), QUICK);
    }
    assert_eq!(rules.load.given_up(), []);
    assert_eq!(rules.at_random_access(s(300), Way::Stamped(0), SLOW, &mut fleet), Some(Way::PassThrough));
    assert_eq!(rules.at_random_access(s(330), Way::PassThrough, 0, &mut fleet), Some(Way::Stamped(0)));
}

#[test]
fn one_camera_at_a_time_gives_up_unless_it_can_wait_no_longer() {
    let mut fleet = Fleet::new(REST);
    let mut cameras: Vec<Stamping> =
        ["C1", "C2", "C3"].iter().map(|c| Stamping::new(c, ladder(&[Some(true)]), load())).collect();
    let mut turn =
        |n: usize, now: Duration, lag: i64| cameras[n].at_random_access(now, Way::Stamped(0), lag, &mut fleet).is_some();
    assert!(turn(0, s(10), SLOW));
    assert!(!turn(1, s(11), SLOW), "what the first gave up may be enough");
    assert!(turn(2, s(11), 4_100_000), "its queue will not hold much longer");
    assert!(!turn(1, s(12), QUICK), "it was");
    assert_eq!(fleet.n_down(), 2);
}

#[test]
fn cameras_return_one_by_one_and_wait_when_one_falls_over() {
    let mut fleet = Fleet::new(REST);
    let mut cameras: Vec<Stamping> = (0..6).map(|n| Stamping::new(&format!("C{n}"), ladder(&[Some(true)]), load())).collect();
    for camera in &mut cameras {
        assert!(camera.at_random_access(s(10), Way::Stamped(0), 5_000_000, &mut fleet).is_some());
    }
    assert_eq!(fleet.n_down(), 6);
    let mut returned = Vec::new();
    for second in 11..=120 {
        for (n, camera) in cameras.iter_mut().enumerate() {
            if camera.load.unstamped() && camera.at_random_access(s(second), Way::PassThrough, 0, &mut fleet).is_some() {
                returned.push((n, second));
            }
        }
        if second == 60 {
            // The third has fallen over again: ten seconds of quiet begin anew, and it rests for a minute itself.
            assert!(cameras[2].at_random_access(s(60), Way::Stamped(0), 5_000_000, &mut fleet).is_some());
        }
    }
    assert_eq!(returned, [(0, 40), (1, 50), (2, 60), (3, 70), (4, 80), (5, 90), (2, 120)]);
    assert_eq!(fleet.n_down(), 0);
}

#[test]
fn a_camera_that_is_away_does_not_count_as_overloaded() {
    let mut fleet = Fleet::new(REST);
    fleet.fell("C1", s(1));
    fleet.fell("C2", s(1));
    fleet.gone("C1");
    assert_eq!(fleet.n_down(), 1);
    // Back again and stamped again, it still keeps the next one waiting.
    fleet.returned("C1", s(60));
    assert!(!fleet.may_return(s(69)) && fleet.may_return(s(70)));
}
