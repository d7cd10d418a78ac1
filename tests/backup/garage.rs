//! Garage, the distributed object store: three nodes on loopback, one of them killed in mid-copy. Run by `make prove`.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::json;

use crate::world::{Kind, World, digests, s3_section, wait_for};

/// The program: from the environment, or where scripts/garage.sh puts it.
fn program() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/bin/garage");
    let path = std::env::var_os("GARAGE").map_or(own, PathBuf::from);
    assert!(path.exists(), "{} is missing: run scripts/garage.sh", path.display());
    path
}

/// Ports nobody uses.
fn ports<const N: usize>() -> [u16; N] {
    let taken: [TcpListener; N] = std::array::from_fn(|_| TcpListener::bind("127.0.0.1:0").unwrap());
    taken.map(|l| l.local_addr().unwrap().port())
}

struct Node {
    config: PathBuf,
    s3: u16,
    child: Option<Child>,
}

impl Node {
    fn start(&mut self) {
        let log = std::fs::File::create(self.config.with_extension("log")).unwrap();
        let mut command = Command::new(program());
        command.arg("-c").arg(&self.config).arg("server").env("RUST_LOG", "garage=info");
        self.child = Some(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap());
    }

    /// SIGKILL.
    fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// What a garage command answers; `None` when it fails.
    fn ask(&self, arguments: &[&str]) -> Option<String> {
        let output = Command::new(program()).arg("-c").arg(&self.config).args(arguments).output().unwrap();
        if !output.status.success() {
            println!("garage {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        }
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn say(&self, arguments: &[&str]) -> String {
        self.ask(arguments).unwrap_or_else(|| panic!("garage {arguments:?} failed"))
    }
}

/// Three nodes that keep every object three times.
struct Cluster {
    _dir: tempfile::TempDir,
    nodes: Vec<Node>,
    key_id: String,
    secret: String,
}

impl Cluster {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let rpc: [u16; 3] = ports();
        let s3: [u16; 3] = ports();
        let mut nodes: Vec<Node> = (0..3)
            .map(|n| {
                let home = dir.path().join(format!("node{n}"));
                std::fs::create_dir(&home).unwrap();
                let config = home.join("garage.toml");
                let text = format!(
                    "metadata_dir = \"{home}/meta\"\ndata_dir = \"{home}/data\"\ndb_engine = \"sqlite\"\n\
                     replication_factor = 3\nrpc_bind_addr = \"127.0.0.1:{rpc}\"\nrpc_public_addr = \"127.0.0.1:{rpc}\"\n\
                     rpc_secret = \"{secret}\"\n[s3_api]\ns3_region = \"garage\"\napi_bind_addr = \"127.0.0.1:{s3}\"\n",
                    home = home.display(),
                    rpc = rpc[n],
                    secret = "5c".repeat(32),
                    s3 = s3[n],
                );
                std::fs::write(&config, text).unwrap();
                Node { config, s3: s3[n], child: None }
            })
            .collect();
        nodes.iter_mut().for_each(Node::start);
        let mut ids = Vec::new();
        for node in &nodes {
            wait_for("a node's id", || node.ask(&["node", "id", "-q"]).is_some());
            ids.push(node.say(&["node", "id", "-q"]).trim().to_owned());
            wait_for("a node to answer", || node.ask(&["status"]).is_some());
        }
        for id in &ids[1..] {
            nodes[0].say(&["node", "connect", id]);
        }
        for (n, id) in ids.iter().enumerate() {
            let id = id.split('@').next().unwrap();
            nodes[0].say(&["layout", "assign", "-z", &format!("z{n}"), "-c", "2G", id]);
        }
        nodes[0].say(&["layout", "apply", "--version", "1"]);
        wait_for("the layout", || nodes[0].ask(&["bucket", "create", "jiancha"]).is_some());
        let told = nodes[0].say(&["key", "create", "recorder"]);
        let field = |name: &str| {
            let line = told.lines().find(|l| l.trim_start().starts_with(name)).unwrap_or_else(|| panic!("{name}: {told}"));
            line.split(':').nth(1).unwrap().trim().to_owned()
        };
        let (key_id, secret) = (field("Key ID"), field("Secret key"));
        nodes[0].say(&["bucket", "allow", "--read", "--write", "--owner", "jiancha", "--key", "recorder"]);
        Self { _dir: dir, nodes, key_id, secret }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.nodes.iter_mut().for_each(Node::kill);
    }
}

#[test]
fn prove_that_one_of_three_garage_nodes_may_die_in_mid_copy() {
    if std::env::var_os("JIANCHA_PROVE").is_none() {
        println!("skipped: JIANCHA_PROVE is not set (make prove)");
        return;
    }
    let mut cluster = Cluster::start();
    let world = World::new(Kind::Directory, 6, 9 << 20);
    let endpoint = format!("http://127.0.0.1:{}", cluster.nodes[0].s3);
    world.describe(&s3_section(&endpoint, "hall-1", "garage", &cluster.key_id, &cluster.secret));

    let mut command = world.command(&["backup", "run", "--once", "--patience", "120", "--rate-limit", "100", "--json"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap();
    // The node that dies is not the one we speak to: the store has to go on with two of three.
    wait_for("the first object", || {
        let info = cluster.nodes[1].ask(&["bucket", "info", "jiancha"]).unwrap_or_default();
        info.lines().any(|l| l.trim_start().starts_with("Objects:") && !l.contains(" 0") && !l.trim_end().ends_with(" 1"))
    });
    cluster.nodes[2].kill();
    assert!(child.try_wait().unwrap().is_none(), "it was killed in the middle");
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    println!("one node killed in mid-copy: {answer}");
    assert_eq!((&answer["files"], &answer["left"]), (&json!(6), &json!(0)));
    assert_eq!(world.proofs(), [true; 6], "every copy was read back with two nodes");
    assert_eq!(world.doubt(&[]), (0, vec![]), "and is right with two nodes");

    cluster.nodes[2].start();
    let healthy = |told: String| !told.contains("FAILED NODES") && told.matches("127.0.0.1:").count() == 3;
    wait_for("the node to come back", || cluster.nodes[0].ask(&["status"]).is_some_and(healthy));
    assert_eq!(world.doubt(&[]), (0, vec![]), "and with three again");

    // Restore drill from the cluster.
    let before = digests(&world.root());
    std::fs::remove_dir_all(world.root().join("C1/2026-03-02")).unwrap();
    let (code, restored, said) = world.run(&[
        "backup",
        "restore",
        "--camera",
        "C1",
        "--from",
        "2026-03-02T00:00:00+08:00",
        "--to",
        "2026-03-03T00:00:00+08:00",
    ]);
    assert_eq!((code, restored["restored"].as_array().unwrap().len()), (0, 6), "{said}");
    assert_eq!(digests(&world.root()), before);
    assert_eq!(world.run(&["verify"]).0, 0);
}
