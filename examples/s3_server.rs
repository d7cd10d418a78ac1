//! A small S3 server over a folder, for the tests of the backup: `s3_server FOLDER ADDRESS KEY_ID SECRET`.
//!
//! Prints `listening on ADDRESS` and serves until it is killed. A bucket is a folder inside FOLDER.

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s_fs::FileSystem;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, address, key_id, secret] = arguments.as_slice() else {
        return Err("usage: s3_server FOLDER ADDRESS KEY_ID SECRET".into());
    };
    let files = FileSystem::new(folder).map_err(|e| format!("open {folder}: {e:?}"))?;
    let mut builder = S3ServiceBuilder::new(files);
    builder.set_auth(SimpleAuth::from_single(key_id.as_str(), secret.as_str()));
    let service = builder.build();
    let listener = TcpListener::bind(address).await?;
    {
        use std::io::Write as _;
        let mut out = std::io::stdout().lock();
        writeln!(out, "listening on {}", listener.local_addr()?)?;
        out.flush()?;
    }
    loop {
        let (socket, _) = listener.accept().await?;
        let service = service.clone();
        tokio::spawn(async move {
            // A client that goes away in the middle is what the tests do.
            let _ = Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(socket), service).await;
        });
    }
}
