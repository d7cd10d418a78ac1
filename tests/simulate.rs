//! The simulated cameras seen from outside: an RTSP client of another make, real decoders, the control port, the program itself.
//!
//! The media must be there (`make setup` makes it); what is missing is made first, which takes a minute.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a panic here is a failed test with a line number; figures are printed"
)]

#[path = "simulate_support/mod.rs"]
mod support;

use std::process::{Command, Stdio};
use std::time::Duration;

use jiancha::simulate::fault::Fault;
use jiancha::simulate::schedule::{LOOP_MICROS, Rate, capture_near};
use jiancha::simulate::{self, Credentials, Running};
use jiancha::time::WallTime;
use support::*;

fn clerk() -> Credentials {
    Credentials { username: "jiancha".into(), password: "正确 password".into() }
}

fn open_cameras(ids: &[&str]) -> Running {
    simulate::serve(&options(ids, None), &|_| {}).unwrap()
}

#[tokio::test]
async fn three_kinds_of_camera_ask_for_the_password_and_send_picture_and_sound() {
    let running = simulate::serve(&options(&["h264-alaw", "h264-aac", "h265-aac"], Some(clerk())), &|_| {}).unwrap();
    let kinds = [
        ("h264-alaw", "avc1.640028", "pcma"),
        ("h264-aac", "avc1.640028", "mpeg4-generic"),
        ("h265-aac", "hvc1", "mpeg4-generic"),
    ];
    for (id, picture, sound) in kinds {
        let url = running.url(id).unwrap();
        let wrong = Credentials { password: "wrong".into(), ..clerk() };
        assert!(Client::open(url, Some(wrong), Tcp).await.unwrap_err().contains("401"), "{id} with a wrong password");
        assert!(Client::open(url, None, Tcp).await.unwrap_err().contains("401"), "{id} without a password");

        let mut client = Client::open(url, Some(clerk()), Tcp).await.unwrap();
        let seen = client.watch(Duration::from_secs(8), |s| s.pictures.len() >= 20 && s.sounds.len() >= 20).await.unwrap();
        assert!(client.picture_codec().starts_with(picture), "{id} is {}", client.picture_codec());
        assert_eq!(client.encoding(1), sound);
        assert_eq!(client.size(), (1920, 1080));
        assert!(
            seen.pictures.windows(2).all(|p| p[1].ticks - p[0].ticks == 3600),
            "{id}: every picture 40 ms after the one before"
        );
        let step = if sound == "pcma" { 160 } else { 1024 };
        assert!(seen.sounds.windows(2).all(|s| s[1].ticks - s[0].ticks == step), "{id}: sound without a step");
    }
    running.stop();
}

#[tokio::test]
async fn the_loop_wraps_without_a_seam_and_every_capture_time_is_told_truly() {
    let running = open_cameras(&["h264-alaw"]);
    wait_for_loop_position(12_400_000, 13_200_000).await;
    let mut client = Client::open(running.url("h264-alaw").unwrap(), None, Tcp).await.unwrap();
    let wrapped = |s: &Seen| {
        let past_wrap = s.pictures.iter().filter(|p| (0..8_000_000).contains(&(p.arrival.as_micros() % LOOP_MICROS))).count();
        past_wrap > 40 && s.reports.iter().any(|r| r.stream == 0) && s.reports.iter().any(|r| r.stream == 1)
    };
    let seen = client.watch(Duration::from_secs(9), wrapped).await.unwrap();

    let first = seen.pictures.iter().position(|p| p.random_access).unwrap();
    let pictures = &seen.pictures[first..];
    let numbers: Vec<u32> = decode("h264", pictures).iter().map(|d| d.number.unwrap()).collect();
    assert_eq!(numbers.len(), pictures.len(), "every picture decodes");
    assert!(numbers.windows(2).all(|n| n[1] == (n[0] + 1) % 400), "a hole in {numbers:?}");
    assert!(numbers.contains(&399) && numbers.contains(&0), "the wrap is inside: {numbers:?}");

    let worst = pictures
        .iter()
        .zip(&numbers)
        .map(|(picture, number)| {
            let told = seen.capture(0, 90_000, picture.ticks);
            told.micros_since(capture_near(Rate::Fps25, *number, told)).abs()
        })
        .max()
        .unwrap();
    assert!(worst < 5_000, "sender reports are wrong by {worst} µs");

    let alaw = simulate::alaw_loop(&media_dir(), "h264-alaw").unwrap();
    assert_eq!(alaw.len(), 128_000);
    for sound in &seen.sounds {
        let position = (seen.capture(1, 8000, sound.ticks).as_micros() - 20_000).rem_euclid(LOOP_MICROS);
        let place = (position + 10_000) / 20_000 % 800;
        let off = (position - place * 20_000).abs().min((position - LOOP_MICROS).abs());
        assert!(off < 5_000, "sound is {off} µs off its place");
        let at = place as usize * 160;
        assert!(sound.data == alaw[at..at + 160], "the bytes at loop position {position} µs are others");
    }
    // Late only by scheduling: other work on the machine is allowed for, a constant delay is not.
    let mut delays: Vec<i64> = pictures.iter().map(|p| p.arrival.micros_since(seen.capture(0, 90_000, p.ticks))).collect();
    delays.sort_unstable();
    assert!(
        (-2_000..15_000).contains(&delays[delays.len() / 4]),
        "a quarter of the pictures comes within {} µs",
        delays[delays.len() / 4]
    );
    println!(
        "worst sender report error {worst} µs; delay p25 {} µs, p50 {} µs",
        delays[delays.len() / 4],
        delays[delays.len() / 2]
    );
    running.stop();
}

#[tokio::test]
async fn pictures_and_sound_come_over_udp_and_a_stall_reaches_them_there() {
    let running = open_cameras(&["h264-720p"]);
    let mut client = Client::open(running.url("h264-720p").unwrap(), None, Udp).await.unwrap();
    let seen = client
        .watch(Duration::from_secs(8), |s| s.pictures.len() >= 60 && s.sounds.len() >= 100 && !s.reports.is_empty())
        .await;
    let seen = seen.unwrap();
    assert!(seen.pictures.iter().any(|p| p.random_access));
    running.inject("h264-720p", Fault::Stall).unwrap();
    client.watch_for(Duration::from_millis(300)).await.unwrap();
    let silent = client.watch_for(Duration::from_secs(1)).await.unwrap();
    assert_eq!((silent.pictures.len(), silent.sounds.len(), silent.reports.len()), (0, 0, 0));
    running.heal("h264-720p").unwrap();
    client.watch(Duration::from_secs(3), |s| s.pictures.len() >= 5).await.unwrap();
    running.inject("h264-720p", Fault::CloseOnce).unwrap();
    client.watch_until_end(Duration::from_secs(3)).await;
    running.stop();
}

#[tokio::test]
async fn connections_close_stall_drip_and_refuse_on_command_and_heal() {
    let running = open_cameras(&["h264-720p", "h264-alaw", "hall-1", "hall-3"]);
    let closing = async {
        let url = running.url("h264-720p").unwrap();
        let mut client = Client::open(url, None, Tcp).await.unwrap();
        client.watch(Duration::from_secs(8), |s| s.pictures.len() >= 5).await.unwrap();
        running.inject("h264-720p", Fault::Close).unwrap();
        client.watch_until_end(Duration::from_secs(2)).await;
        assert!(Client::open(url, None, Tcp).await.is_err(), "refused while closed");
        running.heal("h264-720p").unwrap();
        let mut again = Client::open(url, None, Tcp).await.unwrap();
        again.watch(Duration::from_secs(8), |s| s.pictures.len() >= 5).await.unwrap();
    };
    let stalling = async {
        let url = running.url("h264-alaw").unwrap();
        let mut client = Client::open(url, None, Tcp).await.unwrap();
        client.watch(Duration::from_secs(8), |s| s.pictures.len() >= 5).await.unwrap();
        running.inject("h264-alaw", Fault::Stall).unwrap();
        client.watch_for(Duration::from_millis(300)).await.unwrap();
        let silent = client.watch_for(Duration::from_secs(1)).await.unwrap();
        assert_eq!((silent.pictures.len(), silent.sounds.len(), silent.reports.len()), (0, 0, 0), "open, and silent");
        let waits = tokio::time::timeout(Duration::from_millis(700), Client::open(url, None, Tcp)).await;
        assert!(waits.is_err(), "a new connection is taken and gets no answer");
        running.heal("h264-alaw").unwrap();
        client.watch(Duration::from_secs(3), |s| s.pictures.len() >= 5).await.unwrap();
    };
    let refusing = async {
        let url = running.url("hall-1").unwrap();
        let mut client = Client::open(url, None, Tcp).await.unwrap();
        running.inject("hall-1", Fault::Password).unwrap();
        client.watch_until_end(Duration::from_secs(2)).await;
        assert!(Client::open(url, Some(clerk()), Tcp).await.unwrap_err().contains("401"));
        running.heal("hall-1").unwrap();
        Client::open(url, None, Tcp).await.unwrap();
    };
    let dripping = async {
        let mut client = Client::open(running.url("hall-3").unwrap(), None, Tcp).await.unwrap();
        client.watch(Duration::from_secs(8), |s| s.pictures.len() >= 5).await.unwrap();
        running.inject("hall-3", Fault::Drip { bytes_per_second: 200 }).unwrap();
        client.watch_for(Duration::from_millis(500)).await.unwrap();
        let dripped = client.watch_for(Duration::from_secs(2)).await.unwrap();
        // 400 bytes carry two A-law packets of 176 bytes on the wire; undisturbed there would be 100 and 25 pictures.
        assert!(dripped.sounds.len() <= 4 && dripped.pictures.len() <= 3, "{} sounds", dripped.sounds.len());
    };
    tokio::join!(closing, stalling, refusing, dripping);
    running.stop();
}

#[tokio::test]
async fn pictures_sound_and_clock_go_wrong_on_command_over_the_control_port() {
    let running = open_cameras(&["h264-720p", "h264-alaw", "h264-aac", "hall-overview"]);
    let control = format!("http://{}/cameras", running.control_address().unwrap());
    let post = |path: &str| {
        let address = format!("{control}/{path}");
        async move {
            tokio::task::spawn_blocking(move || ureq::post(&address).send_empty().map(|r| r.status().as_u16())).await.unwrap()
        }
    };

    let pictures = async {
        let mut client = Client::open(running.url("h264-720p").unwrap(), None, Tcp).await.unwrap();
        client.watch(Duration::from_secs(8), |s| s.pictures.iter().any(|p| p.random_access)).await.unwrap();
        for (fault, expected) in [("black", None), ("freeze", Some(30))] {
            assert_eq!(post(&format!("h264-720p/{fault}")).await.unwrap(), 200);
            let seen = client.watch(Duration::from_secs(6), |s| s.after_random_access(2).len() >= 10).await.unwrap();
            let decoded = decode("h264", seen.after_random_access(2));
            assert!(decoded.len() >= 10 && decoded.iter().all(|d| d.number == expected), "{fault}: {decoded:?}");
            assert_eq!(decoded[0].black, fault == "black");
            assert!(!seen.new_parameters, "{fault} keeps the format");
        }
        assert_eq!(client.size(), (1280, 720));
        assert_eq!(post("h264-720p/resolution").await.unwrap(), 200);
        client.watch(Duration::from_secs(5), |s| s.new_parameters).await.unwrap();
        assert_eq!(client.size(), (1920, 1080), "another resolution in the same session");
        assert_eq!(post("h264-720p/heal").await.unwrap(), 200);
        client.watch(Duration::from_secs(5), |s| s.new_parameters).await.unwrap();
        assert_eq!(client.size(), (1280, 720));
    };
    let h265 = async {
        let mut client = Client::open(running.url("hall-overview").unwrap(), None, Tcp).await.unwrap();
        client.watch(Duration::from_secs(8), |s| s.pictures.iter().any(|p| p.random_access)).await.unwrap();
        assert_eq!(post("hall-overview/freeze").await.unwrap(), 200);
        let seen = client.watch(Duration::from_secs(6), |s| s.after_random_access(2).len() >= 5).await.unwrap();
        let decoded = decode("h265", seen.after_random_access(2));
        assert!(decoded.len() >= 5 && decoded.iter().all(|d| d.number == Some(30)), "{decoded:?}");
        assert!(!seen.new_parameters);
        assert_eq!(post("hall-overview/resolution").await.unwrap(), 200);
        client.watch(Duration::from_secs(5), |s| s.new_parameters).await.unwrap();
        assert_eq!(client.size(), (1280, 720));
    };
    let sound_and_clock = async {
        let mut client = Client::open(running.url("h264-alaw").unwrap(), None, Tcp).await.unwrap();
        assert_eq!(post("h264-alaw/mute?for_seconds=2").await.unwrap(), 200);
        assert_eq!(post("h264-alaw/clock?offset_ms=-90000").await.unwrap(), 200);
        let silent = |s: &Sound| s.data.iter().all(|b| *b == 0xd5);
        client.watch(Duration::from_secs(3), |s| s.sounds.iter().any(silent)).await.unwrap();
        let again = client.watch(Duration::from_secs(5), |s| s.sounds.iter().any(|s| !silent(s))).await.unwrap();
        assert!(again.sounds.len() > 40, "silent for about two seconds");
        let seen = client.watch(Duration::from_secs(8), |s| !s.reports.is_empty()).await.unwrap();
        let late = seen.reports[0].arrival.micros_since(seen.reports[0].ntp);
        assert!((89_000_000..92_000_000).contains(&late), "the camera's clock is {late} µs behind");
    };
    let wrong_commands = async {
        let status = |r: Result<u16, ureq::Error>| match r {
            Ok(code) | Err(ureq::Error::StatusCode(code)) => code,
            Err(other) => panic!("{other}"),
        };
        assert_eq!(status(post("h264-aac/explode").await), 400);
        assert_eq!(status(post("h264-aac/clock").await), 400);
        assert_eq!(status(post("nobody/close").await), 404);
        assert_eq!(status(post("h264-aac/close?once=1").await), 200);
        let list = control.clone();
        let list = tokio::task::spawn_blocking(move || ureq::get(&list).call().unwrap().body_mut().read_to_string().unwrap());
        let list: serde_json::Value = serde_json::from_str(&list.await.unwrap()).unwrap();
        let aac = list.as_array().unwrap().iter().find(|c| c["id"] == "h264-aac").unwrap().clone();
        assert_eq!((&aac["connection"], &aac["drops"]), (&"ok".into(), &1.into()));
    };
    tokio::join!(pictures, h265, sound_and_clock, wrong_commands);
    running.stop();
}

/// 1 kHz beeps begin on whole seconds, within 3 ms of where the flash stands, and nothing is heard where the loop closes.
#[test]
fn aac_keeps_beeps_in_place_and_closes_without_a_click() {
    make_media(&["h264-aac"]);
    let stream = std::fs::read(media_dir().join("h264-aac.aac")).unwrap();
    let samples = decode_aac(&[&stream[..], &stream[..]].concat());
    assert_eq!(samples.len(), 2 * 16 * 32_000);
    let loud = |s: &[i16]| s.iter().map(|v| v.unsigned_abs()).max().unwrap();
    for second in 1..32 {
        let at = second * 32_000;
        assert!(
            loud(&samples[at - 3000..at - 160]) < 1000,
            "noise before the beep at {second} s: {}",
            loud(&samples[at - 3000..at - 160])
        );
        assert!(loud(&samples[at..at + 96]) > 4000, "beep within 3 ms of {second} s");
    }
    // From 0.2 s after a beep to the next one only noise; the loop closes at 16 s, where a beep begins: compare it with the others.
    let energy = |at: usize| samples[at..at + 320].iter().map(|s| f64::from(*s).powi(2)).sum::<f64>();
    let (seam, usual) = (energy(16 * 32_000), energy(8 * 32_000));
    assert!((0.7..1.4).contains(&(seam / usual)), "seam {seam}, elsewhere {usual}");
}

#[test]
fn a_taken_port_ends_the_program_with_code_2_and_a_remedy() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let out = program().args(["--listen", &address, "--cameras", "hall-1"]).output().unwrap();
    assert_eq!(out.status.code(), Some(2));
    let told = String::from_utf8(out.stderr).unwrap();
    assert!(told.contains(&address) && told.contains("choose another"), "{told}");
    assert!(out.stdout.is_empty());
    let unknown = program().args(["--cameras", "T9"]).output().unwrap();
    assert_eq!(unknown.status.code(), Some(2));
    assert!(String::from_utf8(unknown.stderr).unwrap().contains("`T9`"));
}

#[test]
fn the_program_prints_its_cameras_and_ends_cleanly_on_sigterm() {
    make_media(&["hall-1", "hall-2"]);
    let mut child =
        program().args(["--listen", "127.0.0.1:0", "--cameras", "hall-1,hall-2"]).stdout(Stdio::piped()).spawn().unwrap();
    let lines = first_lines(child.stdout.take().unwrap(), 2);
    let first: Vec<&str> = lines[0].split('\t').collect();
    assert_eq!(first.len(), 3);
    assert_eq!(first[0], "hall-1");
    assert!(first[1].starts_with("rtsp://127.0.0.1:") && first[1].ends_with("/hall-1"), "{}", first[1]);
    assert!(first[2].contains("1 号窗口"));
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_jiancha"));
    command.arg("simulate").current_dir(env!("CARGO_MANIFEST_DIR"));
    command
}

/// Waits until the wall clock stands between these microseconds of the loop.
async fn wait_for_loop_position(from: i64, to: i64) {
    loop {
        let position = WallTime::from(std::time::SystemTime::now()).as_micros().rem_euclid(LOOP_MICROS);
        if (from..to).contains(&position) {
            return;
        }
        let wait = (from - position).rem_euclid(LOOP_MICROS);
        tokio::time::sleep(Duration::from_micros(wait.unsigned_abs())).await;
    }
}
