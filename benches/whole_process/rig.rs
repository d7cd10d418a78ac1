//! Processes and folders of the bench: started, watched, and gone when the bench is, however it ends.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::proc;

/// The program being measured, which also serves the cameras.
pub const JIANCHA: &str = env!("CARGO_BIN_EXE_jiancha");

/// A child process: killed when dropped, and by the kernel should the bench itself be killed.
pub struct Process {
    child: Child,
    name: String,
    log: PathBuf,
}

impl Process {
    /// Starts `program` in `folder`; what it prints goes to the file `name`.log there.
    ///
    /// # Errors
    /// A sentence naming the program that cannot be started.
    pub fn start(name: &str, program: &str, arguments: &[&str], folder: &Path) -> Result<Self, String> {
        let cannot = |e: std::io::Error| format!("start {name}: {e}");
        let log = folder.join(format!("{name}.log"));
        let out = File::create(&log).map_err(cannot)?;
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", program])
            .args(arguments)
            .current_dir(folder)
            // Both sides write Beijing time.
            .env("TZ", "Asia/Shanghai")
            .stdin(Stdio::null())
            .stdout(out.try_clone().map_err(cannot)?)
            .stderr(out)
            .spawn()
            .map_err(|e| format!("start {name} through setpriv (Debian package util-linux): {e}"))?;
        Ok(Self { child, name: name.to_owned(), log })
    }

    /// Its number; `setpriv` becomes the program, so there is only this one.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// # Errors
    /// What the process said last, when it has ended.
    pub fn check_alive(&mut self) -> Result<(), String> {
        match self.child.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => {
                let said = self.said();
                let last: Vec<&str> = said.lines().rev().take(8).collect();
                let last: Vec<&str> = last.into_iter().rev().collect();
                Err(format!("{} ended by itself ({status}); its last words:\n{}", self.name, last.join("\n")))
            }
            Err(e) => Err(format!("look after {}: {e}", self.name)),
        }
    }

    /// What it has printed.
    pub fn said(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Stops processes where they stand, so that their memory can be read while the cameras are gone.
///
/// # Errors
/// A sentence when they do not stop within two seconds.
pub fn halt(pids: &[u32]) -> Result<(), String> {
    let status = Command::new("kill").arg("-STOP").args(pids.iter().map(u32::to_string)).status();
    if !status.is_ok_and(|s| s.success()) {
        return Err("kill -STOP did not work".into());
    }
    wait_for("the recorder to halt", Duration::from_secs(2), || Ok(pids.iter().all(|pid| proc::is_stopped(*pid)).then_some(())))
}

/// Asks every 20 ms until there is an answer.
///
/// # Errors
/// What `ask` says is wrong, or that `limit` has passed.
pub fn wait_for<T>(name: &str, limit: Duration, mut ask: impl FnMut() -> Result<Option<T>, String>) -> Result<T, String> {
    let until = Instant::now() + limit;
    loop {
        if let Some(answer) = ask()? {
            return Ok(answer);
        }
        if Instant::now() >= until {
            return Err(format!("waited {} s for {name}", limit.as_secs()));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// An address of this machine on which nobody listens.
///
/// # Errors
/// The system's, in words.
pub fn free_address() -> Result<SocketAddr, String> {
    free_addresses(1)?.pop().ok_or_else(|| "no free port".to_owned())
}

fn free_addresses(n: usize) -> Result<Vec<SocketAddr>, String> {
    // All are held until the last is found, so that none is found twice.
    let held: std::io::Result<Vec<TcpListener>> = (0..n).map(|_| TcpListener::bind("127.0.0.1:0")).collect();
    let addresses = held.and_then(|held| held.iter().map(TcpListener::local_addr).collect());
    addresses.map_err(|e| format!("find {n} free ports: {e}"))
}

/// The simulated camera `id`, and a door for each recorded camera.
pub struct Cameras {
    simulator: Process,
    relay: Process,
    /// Where each recorded camera is found.
    pub doors: Vec<SocketAddr>,
}

impl Cameras {
    /// Serves the camera `id` at `n` doors and waits until it can be asked at each.
    ///
    /// # Errors
    /// What keeps it from starting.
    pub fn start(id: &str, n: usize, media: &Path, folder: &Path) -> Result<Self, String> {
        let (listen, media) = (free_address()?.to_string(), media.to_string_lossy());
        let arguments = ["simulate", "--listen", &listen, "--cameras", id, "--media", &media];
        let simulator = Process::start("cameras", JIANCHA, &arguments, folder)?;
        let doors = free_addresses(n)?;
        let list: Vec<String> = doors.iter().map(SocketAddr::to_string).collect();
        let this = std::env::current_exe().map_err(|e| format!("find the bench's own program: {e}"))?;
        let relay =
            Process::start("relay", &this.to_string_lossy(), &["--relay", &listen, "--doors", &list.join(",")], folder)?;
        let mut cameras = Self { simulator, relay, doors };
        for address in list.iter().chain([&listen]) {
            wait_for("the simulated cameras", Duration::from_secs(60), || {
                cameras.check_alive()?;
                Ok(TcpStream::connect(address).is_ok().then_some(()))
            })?;
        }
        Ok(cameras)
    }

    /// # Errors
    /// As [`Process::check_alive`].
    pub fn check_alive(&mut self) -> Result<(), String> {
        self.simulator.check_alive()?;
        self.relay.check_alive()
    }

    /// Numbers of the processes.
    pub fn pids(&self) -> [u32; 2] {
        [self.simulator.pid(), self.relay.pid()]
    }
}

/// Keeps a second bench out of `folder` for as long as the file is held: the two would measure each other.
///
/// # Errors
/// That another bench runs, or the system's words.
pub fn claim(folder: &Path) -> Result<File, String> {
    let path = folder.join("lock");
    let cannot = |e: std::io::Error| format!("lock {}: {e}", path.display());
    let lock = fs::create_dir_all(folder).and_then(|()| File::create(&path)).map_err(cannot)?;
    lock.try_lock().map_err(|_| format!("another bench is running (it holds {})", path.display()))?;
    Ok(lock)
}

/// An empty folder in place of what may lie there from a bench that was killed.
///
/// # Errors
/// The system's, with the path.
pub fn empty_folder(path: &Path) -> Result<(), String> {
    remove_folder(path)?;
    fs::create_dir_all(path).map_err(|e| format!("make {}: {e}", path.display()))
}

/// Removes a folder that may not be there.
///
/// # Errors
/// The system's, with the path.
pub fn remove_folder(path: &Path) -> Result<(), String> {
    match fs::remove_dir_all(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(format!("remove {}: {e}", path.display())),
        _ => Ok(()),
    }
}

/// Every recording below a folder, with its size in bytes.
pub fn recordings(folder: &Path) -> Vec<(PathBuf, u64)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let Ok(metadata) = entry.metadata() else { continue };
        if metadata.is_dir() {
            found.extend(recordings(&path));
        } else if path.extension().is_some_and(|e| e == "mp4" || e == "mkv") {
            found.push((path, metadata.len()));
        }
    }
    found
}

/// Runs a program to its end and gives what it printed on standard output.
///
/// # Errors
/// What it said on standard error when it failed.
pub fn run(program: &str, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .map_err(|e| format!("start {program}: {e} (on Debian: apt-get install ffmpeg)"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{program} failed ({}): {}", output.status, said.trim()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
