//! Real processes: a camera whose sender reports are eight hours off is recorded at the server's time, and the state says so.

#![allow(clippy::unwrap_used, reason = "a panic here is a failed test with a line number")]

mod world;

use std::time::Duration;

use jiancha::segment::reader;
use jiancha::time::WallTime;
use world::{TestCamera, World, time, wait_for};

fn now() -> WallTime {
    std::time::SystemTime::now().into()
}

#[test]
fn a_camera_eight_hours_off_is_recorded_at_the_servers_time_and_told() {
    let mut world = World::new(&[TestCamera { id: "C1", source: "h264-720p", stamp: "camera" }]);
    world.tell_camera("h264-720p", "clock?offset_ms=28800000");
    let began = now();
    world.start_recorder();
    let alarm = |world: &mut World| {
        let state = world.get("/api/v1/state");
        state["alarms"].as_array().unwrap().iter().find(|a| a["code"] == "camera-clock").cloned()
    };
    let raised = wait_for("the camera's clock to be told", Duration::from_secs(15), || alarm(&mut world));
    assert_eq!(raised["subject"], "C1");
    assert!(raised["text"]["zh"].as_str().unwrap().contains("时区设错，时钟相差 +8 小时"), "{raised}");
    let state = world.camera_state("C1");
    assert_eq!((&state["clock"]["verdict"], &state["clock"]["hours"]), (&"time-zone".into(), &8.into()), "{state:#}");
    assert_eq!(state["time_source"], "arrival");
    let skew = state["clock_skew_ms"].as_i64().unwrap();
    assert!((28_799_000..=28_801_000).contains(&skew), "{skew}");

    assert_eq!(world.recorder().stop(), 0);
    let ended = now();
    let spans = world.timeline("01")["spans"].as_array().unwrap().clone();
    assert!(!spans.is_empty());
    for span in &spans {
        assert!(time(&span["from"]) >= began && time(&span["to"]) <= ended.plus_micros(1_000_000), "{span}");
        assert!(["disciplined", "undisciplined"].contains(&span["clock"].as_str().unwrap()), "{span}");
    }
    let index = reader::index(&world.files("C1")[0]).unwrap();
    let clock = index.identity.clock.unwrap();
    assert_eq!(clock.disciplined, spans[0]["clock"] == "disciplined");
    assert!(clock.max_error_ms >= 0 && !clock.source.is_empty(), "{clock:?}");
    // Both candidates were kept: arrival won, and the reports were eight hours away.
    let times = world.files("C1").iter().filter_map(|f| reader::index(f).unwrap().seal?.times).collect::<Vec<_>>();
    assert!(times.iter().all(|t| t.arrival > 0 && t.sender_report == 0), "{times:?}");
    let farthest = times.iter().filter_map(|t| t.largest_difference_ms).max().unwrap();
    assert!((28_798_000..=28_801_000).contains(&farthest), "{farthest}");
    // A catalogue made again from the files alone tells the same.
    let rebuilt = world.jiancha("rebuild").arg("--json").output().unwrap();
    let told: serde_json::Value = serde_json::from_slice(&rebuilt.stdout).unwrap();
    assert_eq!(
        (&told["changed"], &told["added"], &told["same"]),
        (&0.into(), &0.into(), &world.files("C1").len().into()),
        "{told}"
    );
}
