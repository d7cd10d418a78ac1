//! A small world for tests from outside: simulated cameras and a recorder, each a process of its own, with folders and ports of
//! their own, and the questions an outsider would ask.

#![allow(dead_code, reason = "each test uses the part of the world it needs")]

use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiancha::time::WallTime;
use serde_json::Value;
use tempfile::TempDir;

pub const JIANCHA: &str = env!("CARGO_BIN_EXE_jiancha");
pub const PASSWORD: &str = "test-camera-password";
const PASSWORD_VARIABLE: &str = "JIANCHA_CAMERA_PASSWORD";

/// One world at a time in one test process.
static ALONE: Mutex<()> = Mutex::new(());

/// Where generated media lies; made on first use.
pub fn media_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("test-media/generated")
}

/// A port nobody listens on at this moment.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Waits until `what` gives something; panics with `name` after `limit`.
pub fn wait_for<T>(name: &str, limit: Duration, mut what: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + limit;
    loop {
        if let Some(found) = what() {
            return found;
        }
        assert!(Instant::now() < until, "waited {} s for {name}", limit.as_secs());
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// A child process whose output is kept; killed when dropped.
pub struct Process {
    child: Child,
    pub output: Arc<Mutex<String>>,
    name: &'static str,
}

impl Process {
    pub fn start(name: &'static str, command: &mut Command) -> Self {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let output = Arc::new(Mutex::new(String::new()));
        let stdout: Box<dyn Read + Send> = Box::new(child.stdout.take().unwrap());
        let stderr: Box<dyn Read + Send> = Box::new(child.stderr.take().unwrap());
        for stream in [stdout, stderr] {
            let output = output.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(stream).lines().map_while(Result::ok) {
                    let mut output = output.lock().unwrap();
                    output.push_str(&line);
                    output.push('\n');
                }
            });
        }
        Self { child, output, name }
    }

    pub fn text(&self) -> String {
        self.output.lock().unwrap().clone()
    }

    pub fn running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    pub fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    /// Sends SIGTERM and gives the exit code.
    pub fn stop(&mut self) -> i32 {
        self.signal("-TERM");
        self.wait(Duration::from_secs(30))
    }

    /// Kills without warning.
    pub fn kill(&mut self) {
        self.signal("-KILL");
        let _ = self.child.wait();
    }

    pub fn wait(&mut self, limit: Duration) -> i32 {
        let name = self.name;
        let status = wait_for(&format!("{name} to end"), limit, || self.child.try_wait().unwrap());
        status.code().unwrap_or(-1)
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- {} said:\n{}", self.name, self.text());
        }
    }
}

/// One camera of a test's hall.
pub struct TestCamera {
    /// Id in hall.toml.
    pub id: &'static str,
    /// Path at the simulator.
    pub source: &'static str,
    /// `reencode` or `camera`.
    pub stamp: &'static str,
}

/// Cameras, recorder, folders and ports.
pub struct World {
    pub dir: TempDir,
    pub rtsp_port: u16,
    pub control_port: u16,
    pub viewer_port: u16,
    pub simulator: Process,
    pub recorder: Option<Process>,
    password: Option<String>,
    session: Option<String>,
    agent: ureq::Agent,
    _alone: MutexGuard<'static, ()>,
}

impl World {
    /// Starts the simulator for `cameras`, digest on, and writes hall.toml; window `0n` looks through camera n.
    pub fn new(cameras: &[TestCamera]) -> Self {
        Self::with_storage(cameras, |dir| {
            let storage = dir.join("storage");
            std::fs::create_dir(&storage).unwrap();
            format!("[[storage]]\npath = \"{}\"\n", storage.display())
        })
    }

    /// The same with storage of the test's own: `storage` is given the world's folder and gives what stands in hall.toml.
    /// A camera whose id begins with `X` looks at no window.
    pub fn with_storage(cameras: &[TestCamera], storage: impl FnOnce(&Path) -> String) -> Self {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let dir = tempfile::tempdir().unwrap();
        let (rtsp_port, control_port, viewer_port) = (free_port(), free_port(), free_port());
        let sources: Vec<&str> = cameras.iter().map(|c| c.source).collect();
        let mut sources = sources;
        sources.dedup();
        let simulator = Process::start(
            "simulator",
            Command::new(JIANCHA)
                .arg("simulate")
                .args(["--listen", &format!("127.0.0.1:{rtsp_port}"), "--control", &format!("127.0.0.1:{control_port}")])
                .args(["--cameras", &sources.join(","), "--username", "jiancha", "--password-env", PASSWORD_VARIABLE])
                .arg("--media")
                .arg(media_dir())
                .env(PASSWORD_VARIABLE, PASSWORD),
        );
        let mut hall = String::from(
            "[hall]\nname = \"重庆街道便民服务中心\"\ndivision = \"长春市朝阳区\"\n\n[[zone]]\nid = \"Z1\"\ntype = \"综合受理区\"\n",
        );
        for (n, camera) in cameras.iter().enumerate() {
            let (id, stamp, window) = (camera.id, camera.stamp, format!("{:02}", n + 1));
            hall.push_str(&format!(
                "\n[[camera]]\nid = \"{id}\"\nkind = \"fixed\"\nzone = \"Z1\"\nstamp = \"{stamp}\"\n\
                 url = \"rtsp://127.0.0.1:{rtsp_port}/{}\"\nusername = \"jiancha\"\npassword_env = \"{PASSWORD_VARIABLE}\"\n",
                camera.source
            ));
            if !id.starts_with('X') {
                hall.push_str(&format!(
                    "\n[[window]]\nid = \"{window}\"\nzone = \"Z1\"\ncamera = \"{id}\"\npickup = \"{id}\"\n"
                ));
            }
        }
        hall.push_str(&format!("\n{}\n[viewer]\nlisten = \"127.0.0.1:{viewer_port}\"\n", storage(dir.path())));
        std::fs::write(dir.path().join("hall.toml"), hall).unwrap();
        // The first start ever draws the media: that takes a while.
        wait_for("the simulator to list its cameras", Duration::from_secs(300), || {
            let text = simulator.text();
            sources.iter().all(|s| text.contains(&format!("/{s}"))).then_some(())
        });
        Self {
            dir,
            rtsp_port,
            control_port,
            viewer_port,
            simulator,
            recorder: None,
            password: None,
            session: None,
            agent: ureq::Agent::config_builder()
                .http_status_as_error(false)
                .timeout_global(Some(Duration::from_secs(20)))
                .build()
                .into(),
            _alone: alone,
        }
    }

    pub fn hall_toml(&self) -> PathBuf {
        self.dir.path().join("hall.toml")
    }

    pub fn storage(&self) -> PathBuf {
        self.dir.path().join("storage")
    }

    pub fn origin(&self) -> String {
        format!("http://127.0.0.1:{}", self.viewer_port)
    }

    /// A `jiancha` command on this world's hall.
    pub fn jiancha(&self, subcommand: &str) -> Command {
        let mut command = Command::new(JIANCHA);
        command.arg(subcommand).arg("--config").arg(self.hall_toml()).env(PASSWORD_VARIABLE, PASSWORD);
        command
    }

    /// Starts the recorder and waits until the viewer answers.
    pub fn start_recorder(&mut self) {
        let mut process = Process::start("recorder", &mut self.jiancha("run"));
        let address = format!("127.0.0.1:{}", self.viewer_port);
        wait_for("the viewer", Duration::from_secs(30), || {
            assert!(process.running(), "the recorder ended: {}", process.text());
            std::net::TcpStream::connect(&address).ok()
        });
        if self.password.is_none() {
            let line = wait_for("the first password", Duration::from_secs(10), || {
                process.text().lines().find(|l| l.contains("password:")).map(str::to_owned)
            });
            self.password = line.rsplit(' ').next().map(str::to_owned);
        }
        self.recorder = Some(process);
        self.session = None;
    }

    pub fn recorder(&mut self) -> &mut Process {
        self.recorder.as_mut().unwrap()
    }

    pub fn password(&self) -> String {
        self.password.clone().unwrap()
    }

    /// The session cookie, signing in when needed.
    pub fn session(&mut self) -> String {
        if let Some(session) = &self.session {
            return session.clone();
        }
        let body = serde_json::json!({ "username": "admin", "password": self.password() });
        let answer = self
            .agent
            .post(format!("{}/api/v1/session", self.origin()))
            .header("x-jiancha", "1")
            .content_type("application/json")
            .send(body.to_string())
            .unwrap();
        assert_eq!(answer.status(), 200);
        let cookie = answer.headers().get("set-cookie").unwrap().to_str().unwrap();
        let session = cookie.split(';').next().unwrap().to_owned();
        self.session = Some(session.clone());
        session
    }

    pub fn get(&mut self, path: &str) -> Value {
        let session = self.session();
        let mut answer = self.agent.get(format!("{}{path}", self.origin())).header("cookie", session).call().unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        serde_json::from_str(&answer.body_mut().read_to_string().unwrap()).unwrap()
    }

    pub fn post(&mut self, path: &str, body: &Value) -> Value {
        let session = self.session();
        let request = self.agent.post(format!("{}{path}", self.origin())).header("cookie", session).header("x-jiancha", "1");
        let mut answer = request.content_type("application/json").send(body.to_string()).unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        serde_json::from_str(&answer.body_mut().read_to_string().unwrap()).unwrap()
    }

    /// Measured state of one camera.
    pub fn camera_state(&mut self, id: &str) -> Value {
        let state = self.get("/api/v1/state");
        state["cameras"].as_array().unwrap().iter().find(|c| c["id"] == id).cloned().unwrap()
    }

    /// Waits until every camera is recording by the measured state.
    pub fn wait_until_recording(&mut self, limit: Duration) {
        wait_for("every camera to be recording", limit, || {
            let state = self.get("/api/v1/state");
            (state["recording"] == state["should_record"]).then_some(())
        });
    }

    /// Tells the simulator to misbehave, or to heal.
    pub fn tell_camera(&self, source: &str, fault: &str) {
        let url = format!("http://127.0.0.1:{}/cameras/{source}/{fault}", self.control_port);
        let status = self.agent.post(url).send_empty().unwrap().status();
        assert!(status.is_success(), "{source} {fault}: {status}");
    }

    /// `jiancha timeline` of a window over the last hour.
    pub fn timeline(&self, window: &str) -> Value {
        let now = WallTime::from(std::time::SystemTime::now());
        let (from, to) = (now.plus_micros(-3_600_000_000), now.plus_micros(60_000_000));
        let output = self
            .jiancha("timeline")
            .args(["--window", window, "--from", &from.to_rfc3339(), "--to", &to.to_rfc3339(), "--json"])
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text} {}", String::from_utf8_lossy(&output.stderr)))
    }

    /// Every segment file of a camera, oldest first.
    pub fn files(&self, camera: &str) -> Vec<PathBuf> {
        jiancha::segment::adopt::files_of(&self.storage(), camera).unwrap()
    }
}

/// Reads a time out of JSON.
pub fn time(value: &Value) -> WallTime {
    value.as_str().unwrap().parse().unwrap()
}
