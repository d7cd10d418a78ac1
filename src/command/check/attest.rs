//! `jiancha check attest`: a person vouches for what cannot be measured, on a still taken now.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use sha2::{Digest as _, Sha256};

use super::Desk;
use crate::command::{ConfigArg, Outcome, load_hall, print_json, print_text};
use crate::coverage::{Ask, Attestation, What};
use crate::hall::{CameraId, CameraKind, Hall};
use crate::time::{Clock as _, SystemClock};

/// Largest still in bytes: an 8K picture as PNG has less.
const LARGEST_STILL: u64 = 64 << 20;

/// Arguments of `jiancha check attest`.
#[derive(clap::Args)]
#[command(
    after_help = "The still is a JPEG or PNG taken from the camera now (for gb28181: a picture of the device's papers). A copy stays \
beside the catalogue under its digest. An attestation of the view lapses when the camera's view moves.\n\
The recorder may run meanwhile. Exit code 0: entered; 2: it could not be done.\n\
Examples:\n  jiancha check attest --camera C3 --what view --by 王芳 --still c3.jpg\n  \
jiancha check attest --camera C3 --what label --reading '长春市朝阳区 重庆街道便民服务中心 综合受理区 3号窗口' --by 王芳 --still c3.jpg"
)]
pub(super) struct AttestArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// Of which camera.
    #[arg(long, value_name = "ID")]
    camera: String,
    /// What is vouched for.
    #[arg(long, value_enum)]
    what: WhatArg,
    /// Who vouches.
    #[arg(long, value_name = "NAME")]
    by: String,
    /// The still it was seen on: a JPEG or PNG file.
    #[arg(long, value_name = "FILE")]
    still: PathBuf,
    /// What the label in the picture reads; with --what label.
    #[arg(long, value_name = "TEXT", required_if_eq("what", "label"))]
    reading: Option<String>,
    /// Print JSON instead of a sentence.
    #[arg(long)]
    json: bool,
}

/// What is vouched for, as the command line names it.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum WhatArg {
    /// Clerk and visitor are both in view (R5).
    View,
    /// The label at the bottom right reads as told (R8).
    Label,
    /// The PTZ camera moves (R4).
    Ptz,
    /// The device's papers show conformity to GB/T 28181-2016 (R1).
    Gb28181,
}

impl From<WhatArg> for What {
    fn from(what: WhatArg) -> Self {
        match what {
            WhatArg::View => What::View,
            WhatArg::Label => What::Label,
            WhatArg::Ptz => What::Ptz,
            WhatArg::Gb28181 => What::Gb28181,
        }
    }
}

/// Enters the attestation.
pub(super) fn run(args: &AttestArgs) -> Result<Outcome, String> {
    let hall = load_hall(&args.config, crate::hall::load_without_secrets).ok_or_else(String::new)?;
    let what = What::from(args.what);
    let camera = camera(&hall, &args.camera, what)?;
    let by = args.by.trim().to_owned();
    if by.is_empty() {
        return Err("--by is empty: name the person who vouches".to_owned());
    }
    let Some(desk) = Desk::of(&hall)? else {
        let folder = hall.recording.catalogue.display();
        return Err(format!("no catalogue at {folder}: the recorder has not run with this hall.toml yet"));
    };
    let still = keep(&args.still, &hall.recording.catalogue)?;
    let attestation =
        Attestation { camera, what, by, at: SystemClock::new().wall(), still, reading: args.reading.clone(), lapsed: None };
    desk.ask(Ask::Attest(attestation.clone()))?;
    if args.json {
        print_json(&attestation);
    } else {
        let words = what.words();
        print_text(&format!(
            "已签认：摄像机 {0}，{1}，{2}，{3}\nattested: camera {0}, {4}, by {2}, still sha256 {5}\n",
            attestation.camera,
            words.zh,
            attestation.by,
            attestation.at.beijing().format("%Y-%m-%d %H:%M:%S"),
            words.en,
            attestation.still
        ));
    }
    Ok(Outcome::Good)
}

fn camera(hall: &Hall, id: &str, what: What) -> Result<CameraId, String> {
    let Some(camera) = hall.camera(&CameraId::new(id)) else {
        let known: Vec<&str> = hall.cameras.iter().map(|c| c.id.as_str()).collect();
        return Err(format!("no camera {id} in hall.toml (defined: {})", known.join(", ")));
    };
    if what == What::Ptz && camera.kind != CameraKind::Ptz {
        return Err(format!("camera {id} is a fixed one by hall.toml: only a PTZ camera can be attested to move"));
    }
    Ok(camera.id.clone())
}

/// Keeps a copy of the still beside the catalogue under its digest, and gives the digest.
fn keep(still: &Path, catalogue: &Path) -> Result<String, String> {
    let shown = still.display();
    let length = std::fs::metadata(still).map_err(|e| format!("read the still {shown}: {e}"))?.len();
    if length > LARGEST_STILL {
        return Err(format!("the still {shown} has {length} bytes, more than {LARGEST_STILL}: give one picture"));
    }
    let bytes = std::fs::read(still).map_err(|e| format!("read the still {shown}: {e}"))?;
    let format = image::guess_format(&bytes).ok();
    let extension = match format {
        Some(image::ImageFormat::Jpeg) => "jpg",
        Some(image::ImageFormat::Png) => "png",
        _ => return Err(format!("the still {shown} is neither a JPEG nor a PNG picture")),
    };
    image::load_from_memory(&bytes).map_err(|e| format!("the still {shown} is no whole picture: {e}"))?;
    let digest: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    let folder = catalogue.join("attested");
    let file = folder.join(format!("{digest}.{extension}"));
    let kept = std::fs::create_dir_all(&folder).and_then(|()| {
        use std::io::Write as _;
        let mut out = std::fs::File::create(&file)?;
        out.write_all(&bytes)?;
        out.sync_all()
    });
    kept.map_err(|e| format!("keep a copy of the still at {}: {e}", file.display()))?;
    Ok(digest)
}
