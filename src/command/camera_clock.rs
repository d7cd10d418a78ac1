//! `jiancha camera-clock`: the time and the label that cameras draw themselves.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde::Serialize;

use super::{ConfigArg, Outcome, complain, load_hall, print_json, print_text};
use crate::daemon::control::{Answer, Question, ask};
use crate::hall::{CameraId, Hall, PictureArea, StampMode};
use crate::observe::camera_clock::{Ask, Row, Told, label_words, trouble, verdict_words};
use crate::stamp::camera_osd::{Area, Look, Luma, Reading, look, watch};
use crate::time::{MICROS_PER_SECOND, WallTime};

/// Largest picture file read, in bytes.
const LARGEST_PICTURE: u64 = 64 << 20;

/// Arguments of `jiancha camera-clock`.
#[derive(clap::Args)]
#[command(
    after_help = "Cameras with stamp = \"camera\" draw time and label themselves; the recorder decodes a key frame now and then and \
reads the digits (hall.toml [camera_clock]). Its recordings count as stamped only while that proof stands.\n\
Examples:\n  jiancha camera-clock status\n  jiancha camera-clock attest --camera C3 --person 王芳\n  \
jiancha camera-clock read --picture still.png --at 2026-11-22T14:50:03+08:00"
)]
pub struct CameraClockArgs {
    #[command(subcommand)]
    command: CameraClockCommand,
}

#[derive(Subcommand)]
enum CameraClockCommand {
    /// What each camera's clock and label were found to say; asks the running recorder.
    Status(StatusArgs),
    /// Say that a camera's label is right as it is now: later pictures are compared with it.
    Attest(AttestArgs),
    /// Read the clock text out of a picture file: for installers, to see whether a camera's overlay can be read.
    Read(ReadArgs),
}

/// Arguments of `jiancha camera-clock status`.
#[derive(clap::Args)]
#[command(after_help = "Exit code 0: every clock is proven and no label has changed; 1: some is not; 2: it cannot be told.")]
pub struct StatusArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
}

/// Arguments of `jiancha camera-clock attest`.
#[derive(clap::Args)]
#[command(
    after_help = "Look at the camera's picture first: division, hall and zone must be right. The recorder takes two or more pictures of \
the label's place (osd_label of the camera; else the lower right) and keeps the edges they share. It can take half a minute. The picture \
it shows you afterwards is what was attested.\nExit code 0: attested; 2: it could not be done."
)]
pub struct AttestArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// The camera.
    #[arg(long, value_name = "ID")]
    camera: String,
    /// Who attests.
    #[arg(long, value_name = "NAME")]
    person: String,
    /// Print JSON instead of sentences.
    #[arg(long)]
    json: bool,
}

/// Arguments of `jiancha camera-clock read`.
#[derive(clap::Args)]
#[command(
    after_help = "Exit code 0: read (and right, with --at); 1: not read beyond doubt, or another time; 2: the picture cannot be opened."
)]
pub struct ReadArgs {
    /// A PNG or JPEG picture of the camera.
    #[arg(long, value_name = "FILE")]
    picture: PathBuf,
    /// When it was taken, to compare with.
    #[arg(long, value_name = "TIME")]
    at: Option<WallTime>,
    /// Seconds the clock may be off.
    #[arg(long, value_name = "SECONDS", default_value_t = 2, value_parser = clap::value_parser!(u32).range(0..=60))]
    tolerance: u32,
    /// Where the clock stands: left, top, width, height in pixels, or as parts of the picture with decimals. Default: along the upper
    /// and the lower edge.
    #[arg(long, value_name = "X,Y,W,H", value_parser = area)]
    place: Option<PictureArea>,
    /// Print JSON instead of sentences.
    #[arg(long)]
    json: bool,
}

fn area(text: &str) -> Result<PictureArea, String> {
    let wrong = || format!("`{text}` is not four numbers such as 20,16,700,48 or 0.01,0.02,0.4,0.05");
    let fields: Vec<&str> = text.split(',').map(str::trim).collect();
    if text.contains('.') {
        let parts: Vec<f64> = fields.iter().map(|f| f.parse().map_err(|_| wrong())).collect::<Result<_, _>>()?;
        let parts = <[f64; 4]>::try_from(parts).map_err(|_| wrong())?;
        let inside = parts.iter().all(|p| (0.0..=1.0).contains(p));
        return if inside { Ok(PictureArea::Parts(parts)) } else { Err(wrong()) };
    }
    let pixels: Vec<u32> = fields.iter().map(|f| f.parse().map_err(|_| wrong())).collect::<Result<_, _>>()?;
    <[u32; 4]>::try_from(pixels).map(PictureArea::Pixels).map_err(|_| wrong())
}

/// Runs the subcommand. Exit code 0 all is well, 1 something is found, 2 it cannot be done.
pub fn run(args: &CameraClockArgs) -> Outcome {
    let done = match &args.command {
        CameraClockCommand::Status(args) => status(args),
        CameraClockCommand::Attest(args) => attest(args),
        CameraClockCommand::Read(args) => read(args),
    };
    done.unwrap_or_else(|e| if e.is_empty() { Outcome::Failed } else { complain(&e) })
}

fn hall(config: &ConfigArg) -> Result<Hall, String> {
    load_hall(config, crate::hall::load_without_secrets).ok_or_else(String::new)
}

/// Only a running recorder sees pictures.
fn ask_recorder(hall: &Hall, question: Ask) -> Result<Told, String> {
    match ask(&hall.recording.catalogue, &Question::CameraClock(question))? {
        Some(Answer::CameraClock(told)) => Ok(told),
        Some(Answer::Refused(reason)) => Err(reason),
        Some(_) => Err("the running recorder answered another question than the one asked".to_owned()),
        None => Err("no recorder runs with this hall.toml, and only a running one sees the cameras' pictures: start it with \
                     `jiancha run`, or read a picture file with `jiancha camera-clock read --picture FILE`"
            .to_owned()),
    }
}

#[derive(Serialize)]
struct PrintedRow<'a> {
    #[serde(flatten)]
    row: &'a Row,
    /// True while its recordings count as stamped.
    proven: bool,
}

fn status(args: &StatusArgs) -> Result<Outcome, String> {
    let hall = hall(&args.config)?;
    if hall.cameras.iter().all(|c| c.stamp != StampMode::Camera) {
        let none = "没有自带叠加的摄像机。no camera of this hall draws its own stamp (stamp = \"camera\")";
        if args.json {
            print_json(&serde_json::json!({ "cameras": [] }));
        } else {
            print_text(&format!("{none}\n"));
        }
        return Ok(Outcome::Good);
    }
    let Told::Status(rows) = ask_recorder(&hall, Ask::Status)? else { return Err("the answer is no status".to_owned()) };
    let proven = |row: &Row| row.state.clock.verdict == crate::stamp::camera_osd::Verdict::Right;
    if args.json {
        let cameras: Vec<PrintedRow> = rows.iter().map(|row| PrintedRow { row, proven: proven(row) }).collect();
        print_json(&serde_json::json!({ "cameras": cameras }));
    } else {
        print_text(&rows.iter().map(lines).collect::<String>());
    }
    let well = rows.iter().all(|row| proven(row) && trouble(&row.state).is_none());
    Ok(if well { Outcome::Good } else { Outcome::Findings })
}

/// One camera on a line; what is wrong and what to do on the next.
fn lines(row: &Row) -> String {
    let clock = &row.state.clock;
    let verdict = verdict_words(clock.verdict);
    let label = label_words(row.state.label);
    let text = clock.text.as_deref().unwrap_or("—");
    let difference = clock.difference_seconds.map_or("—".to_owned(), |d| format!("{d:+} s"));
    let since = clock.since.map_or("—".to_owned(), |t| t.beijing().format("%m-%d %H:%M:%S").to_string());
    let attested = match (&row.attested_by, row.attested_at) {
        (Some(by), Some(at)) => format!("（{by} {}）", at.beijing().format("%Y-%m-%d")),
        _ => String::new(),
    };
    let mut lines = format!(
        "{}  时间 clock: {} {}  {text}  {difference}  自 since {since}  标签 label: {} {}{attested}\n",
        row.camera, verdict.zh, verdict.en, label.zh, label.en
    );
    if let Some((told, _)) = trouble(&row.state) {
        lines.push_str(&format!("    {}{}\n    {} {}\n", told.what.zh, told.remedy.zh, told.what.en, told.remedy.en));
    }
    if let Some(trouble) = &row.state.trouble {
        lines.push_str(&format!("    {trouble}\n"));
    }
    lines
}

fn attest(args: &AttestArgs) -> Result<Outcome, String> {
    let hall = hall(&args.config)?;
    let camera = CameraId::new(&args.camera);
    if hall.camera(&camera).is_none() {
        let known: Vec<&str> = hall.cameras.iter().map(|c| c.id.as_str()).collect();
        return Err(format!("no camera {camera} in hall.toml (defined: {})", known.join(", ")));
    }
    let Told::Attested(attestation) = ask_recorder(&hall, Ask::Attest { camera, person: args.person.clone() })? else {
        return Err("the answer is no attestation".to_owned());
    };
    if args.json {
        print_json(&attestation);
        return Ok(Outcome::Good);
    }
    let Area { x, y, width, height } = attestation.reference.area;
    print_text(&format!(
        "已确认 {} 的标签（{}，{}）。attested the label of {}\n位置 place: {x},{y} {width}x{height}（画面 picture {}x{}）\n\
         请看一眼确认的画面 look at what was attested: {}\n",
        attestation.camera,
        attestation.person,
        attestation.at,
        attestation.camera,
        attestation.reference.picture_width,
        attestation.reference.picture_height,
        attestation.picture.display()
    ));
    Ok(Outcome::Good)
}

#[derive(Serialize)]
struct PrintedReading {
    /// `right`, `wrong`, `read` (nothing to compare with), `doubtful`, `illegible` or `nothing`.
    result: &'static str,
    text: Option<String>,
    difference_seconds: Option<i64>,
    place: Option<Area>,
    digit_height: Option<usize>,
    likeness: Option<f32>,
}

fn read(args: &ReadArgs) -> Result<Outcome, String> {
    let picture = open(&args.picture)?;
    let place = args.place.map(|place| watch::area_of(place, &picture));
    let seen = look(&picture, place);
    let reading = match &seen {
        Look::Read(reading) | Look::Doubtful(reading) => Some(reading),
        Look::Illegible | Look::Nothing => None,
    };
    let shown = reading.and_then(|r| shown(r, args.at));
    let difference = shown.zip(args.at).map(|(shown, at)| shown.micros_since(at.floor_second()) / MICROS_PER_SECOND);
    let result = match (&seen, difference) {
        (Look::Read(_), Some(d)) if d.abs() <= i64::from(args.tolerance) => "right",
        (Look::Read(_), Some(_)) => "wrong",
        (Look::Read(_), None) => "read",
        (Look::Doubtful(_), _) => "doubtful",
        (Look::Illegible, _) => "illegible",
        (Look::Nothing, _) => "nothing",
    };
    let printed = PrintedReading {
        result,
        text: shown.map(|t| t.beijing().format("%Y-%m-%d %H:%M:%S").to_string()),
        difference_seconds: difference,
        place: reading.map(|r| r.area),
        digit_height: reading.map(|r| r.digit_height),
        likeness: reading.map(|r| r.score),
    };
    if args.json {
        print_json(&printed);
    } else {
        print_text(&sentence(&printed));
    }
    Ok(if matches!(result, "right" | "read") { Outcome::Good } else { Outcome::Findings })
}

/// What a reading says; of two ways to read its date the one nearer to `at`.
fn shown(reading: &Reading, at: Option<WallTime>) -> Option<WallTime> {
    use chrono::Timelike as _;
    let times = reading.times.iter().filter_map(|t| WallTime::from_beijing(t.date(), t.hour(), t.minute(), t.second()));
    times.min_by_key(|t| at.map_or(0, |at| t.micros_since(at).unsigned_abs()))
}

fn sentence(printed: &PrintedReading) -> String {
    let text = printed.text.as_deref().unwrap_or("—");
    let (zh, en) = match printed.result {
        "right" => ("时间正确", "right"),
        "wrong" => ("时间不准", "wrong"),
        "read" => ("已读出", "read"),
        "doubtful" => ("读得不可靠，不能作为证明", "doubtful: no proof"),
        "illegible" => ("有字，但读不成日期和时间", "something is written, but not read as date and time"),
        _ => ("没有找到时间", "no clock text found"),
    };
    let mut line = format!("{text}  {zh} {en}");
    if let Some(d) = printed.difference_seconds {
        line.push_str(&format!("  {d:+} s"));
    }
    if let (Some(Area { x, y, width, height }), Some(digits)) = (printed.place, printed.digit_height) {
        line.push_str(&format!("  位置 place {x},{y} {width}x{height}，字高 digits {digits} px"));
    }
    line.push('\n');
    line
}

fn open(path: &Path) -> Result<Luma, String> {
    let failed = |e: &dyn std::fmt::Display| format!("open picture {}: {e} (PNG and JPEG are read)", path.display());
    let size = std::fs::metadata(path).map_err(|e| failed(&e))?.len();
    if size > LARGEST_PICTURE {
        return Err(failed(&format!("{size} bytes are more than {LARGEST_PICTURE}")));
    }
    let grey = image::open(path).map_err(|e| failed(&e))?.into_luma8();
    let (width, height) = (grey.width() as usize, grey.height() as usize);
    Luma::from_rows(width, height, width, grey.as_raw())
        .ok_or_else(|| failed(&format!("{width}x{height} is no camera's picture")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_four_numbers_in_pixels_or_parts() {
        assert_eq!(area("20, 16,700,48"), Ok(PictureArea::Pixels([20, 16, 700, 48])));
        assert_eq!(area("0.01,0,0.4,0.05"), Ok(PictureArea::Parts([0.01, 0.0, 0.4, 0.05])));
        for wrong in ["", "1,2,3", "1,2,3,4,5", "0.5,0,1.5,0.1", "a,b,c,d", "-1,0,5,5"] {
            assert!(area(wrong).is_err(), "{wrong}");
        }
    }
}
