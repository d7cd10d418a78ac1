//! When a copy may go, and when nothing may be copied: the copier itself, with a clock moved by hand.

use std::sync::Arc;

use jiancha::backup::copier::{Copier, StepReport};
use jiancha::backup::target::Stop;
use jiancha::catalogue::Catalogue;
use jiancha::catalogue::rebuild::{How, rebuild};
use jiancha::time::{SteppedClock, WallTime};

use crate::world::{Kind, World};

fn at(text: &str) -> WallTime {
    WallTime::parse_rfc3339(text).unwrap()
}

fn copier(world: &World, catalogue: Catalogue, now: &str) -> Copier {
    let (hall, _) = jiancha::hall::load_for_backup(&world.config()).unwrap();
    Copier::new(&hall, catalogue, Arc::new(SteppedClock::new(at(now))), Stop::default()).unwrap()
}

/// Steps until there is nothing to do.
fn work(copier: &mut Copier, now: &str) -> Vec<String> {
    let mut told = Vec::new();
    for _ in 0..50 {
        match copier.step(at(now)) {
            StepReport::Idle => return told,
            StepReport::Proven { path, .. } => told.push(path),
            StepReport::Expired(n) => told.push(format!("{n} expired")),
            StepReport::Counting => {}
            other => {
                told.push(format!("{other:?}"));
                return told;
            }
        }
    }
    panic!("it does not come to an end: {told:?}");
}

/// The recordings are gone, and the catalogue knows it, as after retention.
fn lose_recordings(world: &World, catalogue: &Catalogue) {
    std::fs::remove_dir_all(world.root().join("C1")).unwrap();
    let roots = [world.root()];
    rebuild(Some(catalogue), &roots, How { dry_run: false, forget_empty_roots: true }, &mut || {}).unwrap();
}

/// 30 working days after 2026-03-02 are complete with 2026-04-14 (Qingming, 4 to 6 April, is off: 国办发明电〔2025〕7号); the copy
/// stays one working day longer.
#[test]
fn a_copy_goes_when_its_own_floor_is_over_and_not_because_the_recording_went() {
    let world = World::new(Kind::Directory, 2, 20_000);
    let catalogue = world.catalogue();
    let early = "2026-04-14T23:59:00+08:00";
    let late = "2026-04-16T00:00:00+08:00";
    work(&mut copier(&world, catalogue.clone(), early), early);
    let free = |world: &World, now: &str| copier(world, catalogue.clone(), now).with_holds(Box::new(|_, _| false));

    assert_eq!(work(&mut free(&world, late), late), [""; 0], "the recording is there and counts on its copy");
    lose_recordings(&world, &catalogue);
    assert_eq!(work(&mut free(&world, early), early), [""; 0], "the floor of the copy is its own");
    assert!(world.object(0).exists());
    let mut held = copier(&world, catalogue.clone(), late)
        .with_holds(Box::new(|camera, date| camera.as_str() == "C1" && date.to_string() == "2026-03-02"));
    assert_eq!(work(&mut held, late), [""; 0], "a hold keeps it");
    assert_eq!(work(&mut copier(&world, catalogue.clone(), late), late), [""; 0], "nobody who can tell of holds: nothing goes");
    assert_eq!(work(&mut free(&world, late), late), ["2 expired"]);
    assert!(!world.object(0).exists() && !world.object(1).exists());
    assert!(world.objects().join(".jiancha-backup.json").exists());
}

#[test]
fn copies_are_kept_for_ever_when_the_hall_says_so() {
    let world = World::new(Kind::Directory, 1, 20_000);
    let keep = format!("[backup]\ndirectory = \"{}\"\ndelete = \"never\"\n", world.objects().display());
    world.describe(&keep);
    let catalogue = world.catalogue();
    let late = "2027-12-01T00:00:00+08:00";
    work(&mut copier(&world, catalogue.clone(), late), late);
    lose_recordings(&world, &catalogue);
    let mut free = copier(&world, catalogue, late).with_holds(Box::new(|_, _| false));
    assert_eq!(work(&mut free, late), [""; 0]);
    assert!(world.object(0).exists());
}

#[test]
fn nothing_is_copied_in_quiet_hours() {
    let world = World::new(Kind::Directory, 1, 20_000);
    let quiet = format!("[backup]\ndirectory = \"{}\"\nquiet_hours = [\"08:30-17:30\"]\n", world.objects().display());
    world.describe(&quiet);
    let catalogue = world.catalogue();
    let mut copier = copier(&world, catalogue, "2026-03-02T12:00:00+08:00");
    let report = copier.step(at("2026-03-02T12:00:00+08:00"));
    assert!(matches!(report, StepReport::Quiet(until) if until == at("2026-03-02T17:30:00+08:00")), "{report:?}");
    let state = copier.state();
    assert_eq!((state.segments_behind, state.quiet_until), (1, Some(at("2026-03-02T17:30:00+08:00"))));
    assert_eq!(std::fs::read_dir(world.objects()).unwrap().count(), 0, "not even the identity");
}
