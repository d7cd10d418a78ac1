//! With a recorder running the commands ask it: here its socket and its copier, without cameras.

use std::sync::Arc;
use std::time::Duration;

use jiancha::backup::copier::Copier;
use jiancha::backup::target::Stop;
use jiancha::daemon::control;
use jiancha::time::SystemClock;
use serde_json::json;

use crate::world::{BOTH, World, digests, spoil, wait_for};

#[test]
fn commands_ask_the_recorder_that_has_the_catalogue_open() {
    for kind in BOTH {
        let world = World::new(kind, 3, 50_000);
        let catalogue = world.catalogue();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let clock = Arc::new(SystemClock::new());
        let listener = {
            let _inside = runtime.enter();
            control::listen(&world.folder()).unwrap()
        };
        runtime.spawn(control::serve(listener, catalogue.clone(), clock.clone()));
        let (hall, _) = jiancha::hall::load_for_backup(&world.config()).unwrap();
        let running = Copier::new(&hall, catalogue.clone(), clock, Stop::default()).unwrap().spawn().unwrap();

        let (code, answer, said) = world.run(&["backup", "run", "--once"]);
        assert_eq!((code, &answer["left"]), (0, &json!(0)), "{kind:?}: {said}");
        assert_eq!(digests(&world.root()), world.whole_objects(), "{kind:?}");
        let (_, status, _) = world.run(&["backup", "status"]);
        assert_eq!(status["days"][0]["proven"], json!(3), "{kind:?}: {status:#}");
        let (code, _, said) = world.run(&["backup", "run", "--new-target"]);
        assert_eq!(code, 2, "{kind:?}");
        assert!(said.contains("stop it first"), "{said}");

        // What is bad is found, and the recorder's copier makes it anew by itself.
        spoil(&world.object(1));
        let (code, told) = world.doubt(&[]);
        assert_eq!((code, told.len()), (1, 1), "{kind:?}");
        wait_for("the copier to mend the copy", || digests(&world.root()) == world.whole_objects());

        std::fs::remove_file(world.file(2)).unwrap();
        let (code, answer, said) = world.run(&[
            "backup",
            "restore",
            "--window",
            "01",
            "--from",
            "2026-03-02T10:00:00+08:00",
            "--to",
            "2026-03-02T11:00:00+08:00",
        ]);
        assert_eq!((code, answer["restored"].as_array().unwrap().len()), (0, 1), "{kind:?}: {said}");
        let all = crate::world::everything();
        let rows = catalogue.segments_begun(&jiancha::hall::CameraId::new("C1"), all, 10).unwrap();
        assert_eq!(rows.iter().map(|r| r.restored).collect::<Vec<_>>(), [false, false, true], "{kind:?}");
        assert!(running.stop(Duration::from_secs(20)), "{kind:?}: it ends when asked to");
    }
}
