//! What the cameras of the bench send: the simulator's own scenes at the bit rate of a real camera.
//!
//! The simulator's clips are drawn, so they compress to half a megabit per second; a camera in a hall has sensor noise and sends
//! 2 to 4. The bench therefore adds noise to the scenes and encodes them again in the form the simulator serves: closed groups of
//! 2 s, no B-pictures, a loop of 16 s. Made once and kept.

use std::fs;
use std::path::{Path, PathBuf};

use crate::rig;

/// A camera of the bench.
pub struct Camera {
    /// Its name in the simulator.
    pub id: &'static str,
    /// What it is, for people.
    pub what: &'static str,
    /// Pictures per second.
    pub rate: f64,
    /// Bit rate its pictures are encoded at, in kbit/s.
    pub kbps: u32,
}

/// 1080p25 and G.711 A-law: the usual main stream.
pub const FULL_RATE: Camera = Camera { id: "h264-alaw", what: "H.264 1080p25 + G.711 A-law", rate: 25.0, kbps: 3000 };
/// 1080p12.5 and G.711 A-law, as in the example hall.
pub const HALF_RATE: Camera = Camera { id: "hall-1", what: "H.264 1080p12.5 + G.711 A-law", rate: 12.5, kbps: 2000 };

/// Makes what `camera` sends, unless `folder` holds it already. `drawn` is where the simulator keeps its own clips.
///
/// # Errors
/// A sentence naming the program or file that failed.
pub fn make(camera: &Camera, drawn: &Path, folder: &Path) -> Result<(), String> {
    let generate = |dir: &Path| {
        rig::run(rig::JIANCHA, &["simulate", "--generate", &dir.to_string_lossy(), "--cameras", camera.id]).map(drop)
    };
    let name = format!("{}.h264", camera.id);
    let clip = folder.join(&name);
    let note = folder.join(format!("{name}.bench"));
    let gop = (2.0 * camera.rate).to_string();
    let rate = camera.rate.to_string();
    let kbps = format!("{}k", camera.kbps);
    let settings = [
        "-vf",
        "noise=alls=6:allf=t",
        "-c:v",
        "libx264",
        "-preset",
        "veryfast",
        "-profile:v",
        "high",
        "-bf",
        "0",
        "-b:v",
        &kbps,
        "-maxrate",
        &kbps,
        "-bufsize",
        &kbps,
        "-g",
        &gop,
        "-keyint_min",
        &gop,
        "-sc_threshold",
        "0",
    ];
    generate(drawn)?;
    let recipe =
        fs::read_to_string(drawn.join(format!("{name}.recipe"))).map_err(|e| format!("read the recipe of {name}: {e}"))?;
    let wanted = format!("{recipe}{}\n", settings.join(" "));
    if clip.exists() && fs::read_to_string(&note).is_ok_and(|made| made == wanted) {
        return Ok(());
    }
    // Without its note a clip of the bench counts as stale, whatever happens next.
    if note.exists() {
        fs::remove_file(&note).map_err(|e| format!("remove {}: {e}", note.display()))?;
    }
    copy_all(drawn, folder)?;
    let scene = drawn.join(&name);
    let part = folder.join(format!("{name}.part.h264"));
    let (scene, made) = (scene.to_string_lossy(), part.to_string_lossy());
    let mut arguments = vec!["-hide_banner", "-loglevel", "error", "-y", "-framerate", &rate, "-i", &scene];
    arguments.extend(settings);
    arguments.extend(["-f", "h264", &made]);
    rig::run("ffmpeg", &arguments)?;
    fs::rename(&part, &clip).and_then(|()| fs::write(&note, wanted)).map_err(|e| format!("keep {}: {e}", clip.display()))
}

fn copy_all(from: &Path, to: &Path) -> Result<(), String> {
    let cannot = |e: std::io::Error| format!("copy {} to {}: {e}", from.display(), to.display());
    fs::create_dir_all(to).map_err(cannot)?;
    for entry in fs::read_dir(from).map_err(cannot)? {
        let entry = entry.map_err(cannot)?;
        let mut note = to.join(entry.file_name()).into_os_string();
        note.push(".bench");
        // What the bench has encoded itself stays.
        if !Path::new(&note).exists() {
            fs::copy(entry.path(), to.join(entry.file_name())).map_err(cannot)?;
        }
    }
    Ok(())
}

/// Where the bench keeps its clips.
pub fn folder(work: &Path) -> PathBuf {
    work.join("media")
}
