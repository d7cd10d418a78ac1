//! What a wall picture costs beside the stamp it is taken from: CPU time of decode + stamp + encode alone, with a wall nobody looks
//! at, and with one somebody looks at, in turn in one run, on the simulator's 1080p25 hall clip.

#![allow(clippy::print_stdout, reason = "figures are printed")]

mod clip;

use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use clip::{cpu, hall_clip};
use jiancha::hall::{StampSettings, WallSettings};
use jiancha::media::{VideoFormat, VideoUnit};
use jiancha::stamp::Stamped;
use jiancha::stamp::encoders::descriptions;
use jiancha::stamp::reencode::Reencoder;
use jiancha::stamp::wall::{WallDescription, WallSetup, WallTaker};

/// Rounds of each way.
const ROUNDS: usize = 4;

/// The three ways that are compared.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    Alone,
    NobodyLooks,
    Watched,
}

struct Taker {
    looks: bool,
    units: Mutex<mpsc::Sender<usize>>,
}

impl WallTaker for Taker {
    fn wanted(&self) -> Option<u64> {
        self.looks.then_some(1)
    }
    fn take(&self, stamped: Stamped) {
        if let Stamped::Unit(unit) = stamped {
            let _ = self.units.lock().expect("whole").send(unit.data.len());
        }
    }
    fn given_up(&self, _: bool) {}
}

/// What one pass through the clip cost.
struct Pass {
    cpu: f64,
    wall_units: usize,
    wall_bytes: usize,
    first_ms: u128,
}

fn pass(way: Way, format: &VideoFormat, units: &[VideoUnit]) -> Pass {
    let settings = StampSettings { encoder: "x264".to_owned(), ..StampSettings::default() };
    let label = clip::label();
    let x264 = descriptions(&settings).expect("built in").into_iter().find(|d| d.name == "x264").expect("built in");
    let (out, stamped) = mpsc::channel();
    let sink = move |s| {
        if matches!(s, Stamped::Unit(_)) {
            let _ = out.send(());
        }
    };
    let began = cpu();
    let reencoder = Reencoder::start(format, &label, &settings, &x264, sink).expect("it starts");
    let (give, wall) = mpsc::channel();
    if way != Way::Alone {
        reencoder.attach_wall(WallSetup {
            camera: "bench".to_owned(),
            settings: WallSettings::default(),
            stamp: settings.clone(),
            label,
            encoder: WallDescription::choose(&settings, &WallSettings::default()).expect("x264 is installed"),
            taker: Arc::new(Taker { looks: way == Way::Watched, units: Mutex::new(give) }),
        });
    }
    // The first five pictures wait for each other; afterwards each comes out before the next goes in, and so does the wall's.
    let (mut wall_units, mut wall_bytes, mut first_ms) = (0, 0, 0);
    let opened = Instant::now();
    for (n, unit) in units.iter().enumerate() {
        reencoder.push_blocking(unit.clone()).expect("taken");
        if n < 4 {
            continue;
        }
        for _ in 0..if n == 4 { 5 } else { 1 } {
            stamped.recv_timeout(Duration::from_secs(60)).expect("stamped");
        }
        let due = if way == Way::Watched { (n / 5) * 2 + if n % 5 >= 2 { 2 } else { 1 } } else { 0 };
        while wall_units < due {
            wall_bytes += wall.recv_timeout(Duration::from_secs(60)).expect("a wall picture");
            if wall_units == 0 {
                first_ms = opened.elapsed().as_millis();
            }
            wall_units += 1;
        }
    }
    drop(reencoder);
    Pass { cpu: cpu() - began, wall_units, wall_bytes, first_ms }
}

fn main() {
    let (format, units) = hall_clip();
    let seconds = units.len() as f64 / 25.0;
    println!(
        "1080p25 hall clip of {seconds} s, x264 superfast 3000 kbit/s, wall 640 x 360, 10 a second, 250 kbit/s; {ROUNDS} rounds"
    );
    let ways = [Way::Alone, Way::NobodyLooks, Way::Watched];
    let mut figures: [Vec<f64>; 3] = Default::default();
    for round in 0..ROUNDS {
        for (n, way) in ways.into_iter().enumerate() {
            let pass = pass(way, &format, &units);
            figures[n].push(pass.cpu / seconds);
            let kbps = pass.wall_bytes as f64 * 8.0 / 1000.0 / seconds;
            println!(
                "round {} {way:?}: {:.3} CPU s per stream-second, {} wall pictures, {kbps:.0} kbit/s, first after {} ms",
                round + 1,
                pass.cpu / seconds,
                pass.wall_units,
                pass.first_ms
            );
        }
    }
    let median = |values: &[f64]| {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        (sorted[(sorted.len() - 1) / 2] + sorted[sorted.len() / 2]) / 2.0
    };
    let [alone, idle, watched] = figures.each_ref().map(|f| median(f));
    println!(
        "median: alone {alone:.3}, nobody looks {idle:.3} ({:+.1} %), watched {watched:.3} ({:+.1} %)",
        (idle / alone - 1.0) * 100.0,
        (watched / alone - 1.0) * 100.0
    );
    println!(
        "a wall picture costs {:.1} ms CPU per stream-second beside {:.1} ms of the stamp",
        (watched - alone) * 1000.0,
        alone * 1000.0
    );
}
