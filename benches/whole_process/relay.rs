//! Puts the cameras out of step. The simulator's cameras all send at the same moments of the clock, so that a recorder of one process
//! would handle many of them each time it wakes; real cameras know nothing of each other. Each recorded camera therefore has a door of
//! its own, behind which everything it sends comes a little later than at the door before.
//!
//! Runs as a process of its own: neither its time nor its memory belongs to a recorder.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::Instant;

/// From one door to the next: sixteen spread over a second, and over the 20 ms between two packets of sound.
const STEP: Duration = Duration::from_millis(61);

/// Serves `target` at every one of `doors`, until killed.
///
/// # Errors
/// The system's, when a door cannot be opened.
pub fn serve(target: SocketAddr, doors: &[SocketAddr]) -> std::io::Result<()> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let mut delay = Duration::ZERO;
        for door in doors {
            let listener = TcpListener::bind(door).await?;
            tokio::spawn(keep_open(listener, target, delay));
            delay += STEP;
        }
        std::future::pending().await
    })
}

async fn keep_open(listener: TcpListener, target: SocketAddr, delay: Duration) {
    while let Ok((client, _)) = listener.accept().await {
        tokio::spawn(async move {
            let Ok(camera) = TcpStream::connect(target).await else { return };
            // Packets go on as they came, one by one.
            let _ = (client.set_nodelay(true), camera.set_nodelay(true));
            let (from_client, to_client) = client.into_split();
            let (from_camera, to_camera) = camera.into_split();
            let (later, due) = mpsc::unbounded_channel();
            tokio::select! {
                () = pass_on(from_client, to_camera) => {}
                () = take_in(from_camera, later, delay) => {}
                () = give_out(due, to_client) => {}
            }
        });
    }
}

async fn pass_on(mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
    // The end of the session shows in either direction.
    let _ = tokio::io::copy(&mut from, &mut to).await;
}

/// Answers to requests are not kept waiting, only media: it begins with a `$` (RFC 2326 section 10.12).
async fn take_in(mut from: OwnedReadHalf, later: mpsc::UnboundedSender<(Instant, Vec<u8>)>, delay: Duration) {
    let mut is_media = false;
    loop {
        let mut bytes = Vec::with_capacity(64 * 1024);
        if !from.read_buf(&mut bytes).await.is_ok_and(|n| n > 0) {
            return;
        }
        is_media |= bytes.first() == Some(&b'$');
        let at = if is_media { Instant::now() + delay } else { Instant::now() };
        if later.send((at, bytes)).is_err() {
            return;
        }
    }
}

async fn give_out(mut due: mpsc::UnboundedReceiver<(Instant, Vec<u8>)>, mut to: OwnedWriteHalf) {
    while let Some((at, bytes)) = due.recv().await {
        tokio::time::sleep_until(at).await;
        if to.write_all(&bytes).await.is_err() {
            return;
        }
    }
}
