use super::*;

fn at(text: &str) -> WallTime {
    WallTime::parse_rfc3339(text).expect("a valid time")
}

fn unit(pts_90k: i64) -> VideoUnit {
    let capture = at("2026-11-22T14:50:03+08:00").plus_micros(pts_90k * 100 / 9);
    let data = Bytes::from_static(&[0, 0, 0, 1, 0x65]);
    VideoUnit { pts_90k, capture, time_source: TimeSource::Replay, random_access: true, data }
}

#[test]
fn a_key_frame_comes_first_every_two_seconds_and_on_the_grid() {
    let mut keys = KeyClock::new(60);
    let start = at("2026-11-22T14:50:57+08:00");
    let picture = |n: i64| (n * 3600, start.plus_micros(n * 40_000));
    let are_keys: Vec<i64> = (0..150)
        .filter(|n| {
            let (pts, capture) = picture(*n);
            keys.is_key(pts, capture, false)
        })
        .collect();
    // 14:50:57, two seconds later, 14:51:00 although only one second has passed, and two seconds after that.
    assert_eq!(are_keys, [0, 50, 75, 125]);
}

#[test]
fn the_grid_is_beijings_for_whole_days_too() {
    let mut keys = KeyClock::new(86_400);
    assert!(keys.is_key(0, at("2026-11-22T23:59:59.960+08:00"), false));
    assert!(keys.is_key(3600, at("2026-11-23T00:00:00+08:00"), false));
    assert!(!keys.is_key(7200, at("2026-11-23T08:00:00+08:00"), false));
}

#[test]
fn a_key_frame_can_be_asked_for_and_unsteady_time_stamps_do_not_delay_one() {
    let mut keys = KeyClock::new(0);
    assert!(keys.is_key(0, at("2026-11-22T14:50:00+08:00"), false));
    assert!(!keys.is_key(3600, at("2026-11-22T14:50:00+08:00"), false));
    assert!(keys.is_key(7200, at("2026-11-22T14:50:00+08:00"), true));
    assert!(!keys.is_key(7200 + 176_400, at("2026-11-22T14:50:01+08:00"), false));
    assert!(keys.is_key(7200 + 179_500, at("2026-11-22T14:50:02+08:00"), false));
    assert!(keys.is_key(0, at("2026-11-22T14:50:02+08:00"), false), "time went back: a new start");
}

#[test]
fn what_belongs_to_a_picture_is_found_by_its_time_whatever_the_order() {
    let mut state = State::default();
    // Decoding order of I B B P: 0, 3, 1, 2.
    let times: Vec<u64> = [0, 10_800, 3600, 7200]
        .into_iter()
        .map(|pts| {
            let time = state.register(&unit(pts)).expect("a good unit");
            state.pushed += 1;
            time
        })
        .collect();
    assert_eq!(times, [3_600_000_000_000, 3_600_120_000_000, 3_600_040_000_000, 3_600_080_000_000]);
    let mut shown = times.clone();
    shown.sort_unstable();
    let found: Vec<i64> = shown.iter().map(|time| state.claim(*time).expect("it went in").pts_90k).collect();
    assert_eq!(found, [0, 3600, 7200, 10_800]);
    assert_eq!(state.lost, 0);
}

#[test]
fn a_picture_the_decoder_drops_does_not_shift_the_next() {
    let mut state = State::default();
    let mut time_of = |pts| {
        let time = state.register(&unit(pts)).expect("a good unit");
        state.pushed += 1;
        time
    };
    let (first, _dropped, third) = (time_of(0), time_of(3600), time_of(7200));
    assert_eq!(state.claim(first).map(|p| p.pts_90k), Some(0));
    assert_eq!(state.claim(third).map(|p| p.pts_90k), Some(7200));
    assert_eq!((state.lost, state.under_way.len()), (1, 0));
}

#[test]
fn two_pictures_of_one_time_stamp_keep_apart() {
    let mut state = State::default();
    let first = state.register(&unit(0)).expect("a good unit");
    let second = state.register(&unit(0)).expect("a good unit");
    assert_eq!(second, first + 1);
}

#[test]
fn what_never_comes_out_is_forgotten() {
    let mut state = State::default();
    for n in 0..10_000 {
        state.register(&unit(n * 3600)).expect("a good unit");
        state.pushed += 1;
    }
    assert_eq!(state.under_way.len(), QUEUE_UNITS + IN_WORK);
    assert_eq!(state.lost, 10_000 - (QUEUE_UNITS + IN_WORK) as u64);
}

#[test]
fn a_time_stamp_far_before_the_first_is_refused() {
    let mut state = State::default();
    state.register(&unit(0)).expect("a good unit");
    assert!(state.register(&unit(-90_000)).is_ok());
    assert!(matches!(state.register(&unit(-90_000 * 3601)), Err(StampError::BadUnit { pts_90k: -324_090_000, .. })));
    assert!(state.register(&VideoUnit { pts_90k: i64::MIN, ..unit(0) }).is_err());
}

#[test]
fn units_that_are_not_whole_nal_units_are_refused() {
    assert!(check_lengths(&[0, 0, 0, 1, 0x65, 0, 0, 0, 2, 1, 2]).is_ok());
    for bad in [&[][..], &[0, 0, 0][..], &[0, 0, 0, 0][..], &[0, 0, 0, 1][..], &[0, 0, 0, 2, 1][..], &[0, 0, 0, 1, 0x65, 0][..]]
    {
        assert!(check_lengths(bad).is_err(), "{bad:?}");
    }
    assert!(check_lengths(&[0, 0, 0, 1, 0x65, 0xff, 0xff, 0xff, 0xff, 1]).is_err());
}

#[test]
fn the_bit_rate_follows_the_area() {
    assert_eq!(bitrate_kbps(3000, 1920, 1080), 3000);
    assert_eq!(bitrate_kbps(3000, 3840, 2160), 12_000);
    assert_eq!(bitrate_kbps(3000, 640, 360), 333);
    assert_eq!(bitrate_kbps(3000, 64, 64), 200);
}

#[test]
fn the_frame_rate_is_taken_from_the_pictures_themselves() {
    let rate = |pts: &[i64]| frame_rate(&mut pts.to_vec()).map(|r| (r.numer(), r.denom()));
    assert_eq!(rate(&[0, 3600, 7200, 10_800, 14_400]), Some((25, 1)));
    assert_eq!(rate(&[0, 7200, 14_400, 21_600, 28_800]), Some((25, 2)));
    // Unsteady time stamps; a lost picture; decoding order of I P B B P.
    assert_eq!(rate(&[0, 3590, 7230, 10_790, 14_410]), Some((25, 1)));
    assert_eq!(rate(&[0, 3000, 9000, 12_000, 18_000]), Some((30, 1)));
    assert_eq!(rate(&[0, 10_800, 3600, 7200, 21_600]), Some((25, 1)));
    assert_eq!(rate(&[5]), None);
    assert_eq!(rate(&[5, 5, 5]), None);
    assert_eq!(rate(&[0, i64::MAX]), Some((1, 2)));
    assert_eq!(rate(&[0, 1]), Some((120, 1)));
}
