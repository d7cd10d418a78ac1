//! The viewer's port and the way to the cameras.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use tokio::net::TcpStream;

use super::{Finding, Standing, both};
use crate::hall::Camera;

/// How long a camera may take to accept a connection.
const PATIENCE: Duration = Duration::from_secs(2);

/// Tries to listen where the viewer will.
pub fn try_listen(listen: SocketAddr) -> io::Result<()> {
    TcpListener::bind(listen).map(drop)
}

/// Judges the viewer's port.
pub fn viewer(listen: SocketAddr, tried: io::Result<()>) -> Finding {
    let check = both(format!("监看地址 {listen}"), format!("viewer address {listen}"));
    let error = match tried {
        Ok(()) => return Finding::ok("viewer-port", check, both("端口空闲", "the port is free")),
        Err(error) => error,
    };
    let (standing, found, mend) = match error.kind() {
        // A running recorder holds its own port: then all is well.
        io::ErrorKind::AddrInUse => (
            Standing::Warn,
            both("端口已被占用", "the port is taken"),
            both(
                format!("若录像机正在运行则正常；否则用 ss -ltnp | grep {} 查看，或改 [viewer] listen", listen.port()),
                format!("fine when the recorder runs; else see ss -ltnp | grep {}, or change [viewer] listen", listen.port()),
            ),
        ),
        io::ErrorKind::AddrNotAvailable => (
            Standing::Wrong,
            both("本机没有这个地址", "this machine has no such address"),
            both("请改 [viewer] listen，例如 127.0.0.1:8080", "change [viewer] listen, for example 127.0.0.1:8080"),
        ),
        io::ErrorKind::PermissionDenied => (
            Standing::Wrong,
            both("没有权限使用该端口", "no right to use this port"),
            both("请用 1024 以上的端口", "take a port above 1023"),
        ),
        _ => (
            Standing::Wrong,
            both(error.to_string(), error.to_string()),
            both("请改 [viewer] listen", "change [viewer] listen"),
        ),
    };
    Finding::bad("viewer-port", standing, check, found, mend)
}

/// Connects to every camera at the same time. One result per camera, in their order.
pub async fn try_cameras(cameras: &[Camera]) -> Vec<Result<(), String>> {
    let tries = cameras.iter().map(|camera| async move {
        let host = camera.url.host_str().unwrap_or("").trim_matches(['[', ']']);
        let port = camera.url.port().unwrap_or(if camera.url.scheme() == "rtsps" { 322 } else { 554 });
        match tokio::time::timeout(PATIENCE, TcpStream::connect((host, port))).await {
            Ok(connected) => connected.map(drop).map_err(|e| e.to_string()),
            Err(_) => Err(format!("no answer within {} s", PATIENCE.as_secs())),
        }
    });
    futures::future::join_all(tries).await
}

/// Judges whether one camera can be reached. An RTSP session is not opened: the recorder says more once it runs.
pub fn camera(camera: &Camera, tried: &Result<(), String>) -> Finding {
    let check = both(format!("摄像机 {}", camera.id), format!("camera {}", camera.id));
    let url = &camera.url;
    match tried {
        Ok(()) => Finding::ok("camera", check, both(format!("{url} 可连通"), format!("{url} can be reached"))),
        Err(why) => Finding::bad(
            "camera",
            Standing::Wrong,
            check,
            both(format!("{url} 连不上：{why}"), format!("{url} cannot be reached: {why}")),
            both(
                "请检查地址、端口、供电、网线与防火墙；演示用的模拟摄像机由 jiancha simulate 提供",
                "look at address, port, power, cable and firewall; the demo's cameras are served by jiancha simulate",
            ),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hall::{CameraId, CameraKind, RtspTransport, StampMode, ZoneId};

    fn at(url: &str) -> Camera {
        Camera {
            id: CameraId::new("C1"),
            name: None,
            kind: CameraKind::Fixed,
            zone: ZoneId::new("Z1"),
            url: url.parse().expect("an address"),
            wall_url: None,
            credentials: None,
            stamp: StampMode::Reencode,
            transport: RtspTransport::Tcp,
            label: None,
            osd: crate::hall::CameraOsd::default(),
        }
    }

    #[test]
    fn a_taken_port_is_a_warning_and_a_foreign_address_a_fault() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let taken = listener.local_addr().expect("its address");
        assert_eq!(viewer(taken, try_listen(taken)).standing, Standing::Warn);
        drop(listener);
        assert_eq!(viewer(taken, try_listen(taken)).standing, Standing::Ok);
        // 192.0.2.0/24 is kept for documentation: no machine has it.
        let foreign: SocketAddr = "192.0.2.1:8080".parse().expect("an address");
        assert_eq!(viewer(foreign, try_listen(foreign)).standing, Standing::Wrong);
    }

    #[tokio::test]
    async fn cameras_are_tried_side_by_side_and_answered_in_order() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let closed = TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("its address");
        let open = listener.local_addr().expect("its address");
        let cameras = [at(&format!("rtsp://{closed}/a")), at(&format!("rtsp://{open}/b"))];
        let tried = try_cameras(&cameras).await;
        assert!(tried[0].is_err() && tried[1].is_ok(), "{tried:?}");
        assert_eq!(camera(&cameras[0], &tried[0]).standing, Standing::Wrong);
        assert_eq!(camera(&cameras[1], &tried[1]).standing, Standing::Ok);
    }
}
