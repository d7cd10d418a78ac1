//! The network side of every camera: a TCP proxy that knows which camera a connection is for and treats it as that camera is told to.
//!
//! It reads the first RTSP request (RFC 2326), learns the camera from its address, and then moves bytes both ways. Closing,
//! stalling, dripping and refusing happen here, on bytes. Media on UDP goes past the proxy: stalls reach it in the server, and a
//! session ends with its connection.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};
use tracing::{debug, warn};

use super::Board;
use super::fault::{Condition, Connection};
use super::rtsp::REALM;

/// Longest wait for the first request.
const FIRST_REQUEST: Duration = Duration::from_secs(30);
/// Longest request taken.
const LONGEST_REQUEST: usize = 16 * 1024;
/// Bytes moved at a time.
const CHUNK: usize = 64 * 1024;
/// A dripping connection sends this often.
const DRIP_EVERY: Duration = Duration::from_millis(100);

/// Accepts connections for ever.
pub async fn run(listener: TcpListener, server: SocketAddr, board: Arc<Board>) {
    loop {
        match listener.accept().await {
            Ok((client, peer)) => {
                let board = Arc::clone(&board);
                tokio::spawn(async move {
                    if let Err(error) = connection(client, server, &board).await {
                        debug!(%peer, %error, "connection ended");
                    }
                });
            }
            Err(error) => {
                // Out of descriptors, most likely: others end, so try again.
                warn!(%error, "cannot accept a connection");
                tokio::time::sleep(DRIP_EVERY).await;
            }
        }
    }
}

async fn connection(mut client: TcpStream, server: SocketAddr, board: &Board) -> std::io::Result<()> {
    client.set_nodelay(true)?;
    let mut request = BytesMut::new();
    let first = async {
        while !is_whole(&request) && request.len() < LONGEST_REQUEST {
            if client.read_buf(&mut request).await? == 0 {
                return Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof));
            }
        }
        Ok(())
    };
    timeout(FIRST_REQUEST, first).await.map_err(|_| std::io::ErrorKind::TimedOut)??;
    // A request for no camera of ours goes to the server, which answers 404; nothing can be commanded about it.
    let mut condition = match camera_of(&request).and_then(|id| board.receiver(id)) {
        Some(condition) => condition,
        None => watch::channel(Condition::default()).1,
    };
    if condition.borrow_and_update().connection == Connection::Password {
        return refuse(client, request, condition).await;
    }
    while condition.borrow_and_update().connection == Connection::Stall {
        if condition.changed().await.is_err() {
            break;
        }
    }
    if condition.borrow().connection == Connection::Close {
        return reset(&client);
    }
    let upstream = TcpStream::connect(server).await?;
    upstream.set_nodelay(true)?;
    relay(client, upstream, request, condition).await
}

/// Ends a connection as a camera does that loses power: with a reset, not a farewell.
fn reset(client: &TcpStream) -> std::io::Result<()> {
    client.set_zero_linger()
}

/// One direction of a connection, with the bytes that are read but not yet written.
struct Way<'a> {
    from: ReadHalf<'a>,
    to: WriteHalf<'a>,
    held: BytesMut,
}

impl Way<'_> {
    /// Writes up to `limit` of what is held, or reads when nothing is. Gives the bytes moved, none at the end. Nothing is lost when
    /// this is dropped half-way.
    async fn step(&mut self, limit: usize) -> std::io::Result<usize> {
        if self.held.is_empty() {
            self.held.reserve(CHUNK);
            return self.from.read_buf(&mut self.held).await;
        }
        let written = self.to.write(&self.held[..self.held.len().min(limit)]).await?;
        self.held.advance(written);
        Ok(written)
    }
}

/// Moves bytes both ways as the camera's condition allows, until one side ends or the camera drops the connection.
async fn relay(
    mut client: TcpStream,
    mut server: TcpStream,
    request: BytesMut,
    mut condition: watch::Receiver<Condition>,
) -> std::io::Result<()> {
    let drops = condition.borrow_and_update().drops;
    let mut next_drip = Instant::now();
    // A connection to no camera of ours has nobody who commands it.
    let mut commanded = true;
    let (from_client, to_client) = client.split();
    let (from_server, to_server) = server.split();
    let mut up = Way { from: from_client, to: to_server, held: request };
    let mut down = Way { from: from_server, to: to_client, held: BytesMut::new() };
    let dropped = loop {
        let now = *condition.borrow();
        if now.drops != drops {
            break true;
        }
        let open = now.connection != Connection::Stall || !commanded;
        let (limit, dry) = match now.connection {
            Connection::Drip(bytes_per_second) => ((bytes_per_second as usize / 10).max(1), Instant::now() < next_drip),
            _ => (usize::MAX, false),
        };
        let moved = tokio::select! {
            changed = condition.changed(), if commanded => {
                commanded = changed.is_ok();
                continue;
            }
            () = sleep_until(next_drip), if dry => continue,
            moved = up.step(usize::MAX), if open => moved?,
            moved = down.step(limit), if open && !dry => {
                next_drip = Instant::now() + DRIP_EVERY;
                moved?
            }
        };
        if moved == 0 {
            break false;
        }
    };
    if dropped {
        return reset(&client);
    }
    // What is still held belongs to the client, such as the answer to its farewell.
    let rest = std::mem::take(&mut down.held);
    client.write_all(&rest).await
}

/// Answers every request with 401 until the client goes or the camera is healed.
async fn refuse(
    mut client: TcpStream,
    mut requests: BytesMut,
    mut condition: watch::Receiver<Condition>,
) -> std::io::Result<()> {
    loop {
        while let Some(end) = end_of_request(&requests) {
            let request = requests.split_to(end);
            client.write_all(refusal(&request).as_bytes()).await?;
        }
        if requests.len() >= LONGEST_REQUEST {
            return Ok(());
        }
        tokio::select! {
            read = client.read_buf(&mut requests) => if read? == 0 { return Ok(()) },
            changed = condition.changed() => {
                if changed.is_err() || condition.borrow_and_update().connection != Connection::Password {
                    return reset(&client);
                }
            }
        }
    }
}

/// The answer to a request whose password is refused (RFC 2326 section 14, RFC 2617 section 3.2.1).
fn refusal(request: &[u8]) -> String {
    let text = String::from_utf8_lossy(request);
    let sequence = text
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("cseq"))
        .map_or("0", |(_, value)| value.trim());
    let nonce: u64 = rand::random();
    format!(
        "RTSP/1.0 401 Unauthorized\r\nCSeq: {sequence}\r\nWWW-Authenticate: Digest realm=\"{REALM}\", nonce=\"{nonce:016x}\"\r\n\r\n"
    )
}

fn is_whole(request: &[u8]) -> bool {
    end_of_request(request).is_some()
}

/// Length of the first request's head: first line and headers, with the empty line.
fn end_of_request(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|w| w == b"\r\n\r\n").map(|at| at + 4)
}

/// The camera a request is for: the first part of the path in `DESCRIBE rtsp://host:port/camera/… RTSP/1.0`.
fn camera_of(request: &[u8]) -> Option<&str> {
    let line = request.split(|b| *b == b'\r').next()?;
    let target = std::str::from_utf8(line).ok()?.split(' ').nth(1)?;
    let (_, rest) = target.split_once("://")?;
    let (_, path) = rest.split_once('/')?;
    path.split(['/', '?']).next().filter(|id| !id.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_camera_is_read_from_the_first_line() {
        assert_eq!(camera_of(b"OPTIONS rtsp://127.0.0.1:8554/h264-aac RTSP/1.0\r\nCSeq: 1\r\n\r\n"), Some("h264-aac"));
        assert_eq!(camera_of(b"DESCRIBE rtsp://cam/hall-1/?x=1 RTSP/1.0\r\n\r\n"), Some("hall-1"));
        assert_eq!(camera_of(b"DESCRIBE rtsp://user:pw@cam:554/hall-1?x=1 RTSP/1.0\r\n\r\n"), Some("hall-1"));
        assert_eq!(camera_of(b"OPTIONS * RTSP/1.0\r\n\r\n"), None);
        assert_eq!(camera_of(b"OPTIONS rtsp://cam/ RTSP/1.0\r\n\r\n"), None);
        assert_eq!(camera_of(b"\xff\xfe\r\n\r\n"), None);
        assert_eq!(camera_of(b""), None);
    }

    #[test]
    fn a_refusal_answers_the_request_it_was_asked() {
        let answer = refusal(b"DESCRIBE rtsp://cam/hall-1 RTSP/1.0\r\nAccept: application/sdp\r\ncseq: 17\r\n\r\n");
        assert!(answer.starts_with(
            "RTSP/1.0 401 Unauthorized\r\nCSeq: 17\r\nWWW-Authenticate: Digest realm=\"jiancha simulate\", nonce=\""
        ));
        assert!(answer.ends_with("\"\r\n\r\n"));
    }

    #[test]
    fn requests_end_at_the_empty_line() {
        assert_eq!(end_of_request(b"OPTIONS * RTSP/1.0\r\n\r\nDESCRIBE"), Some(22));
        assert_eq!(end_of_request(b"OPTIONS * RTSP/1.0\r\n"), None);
    }
}
