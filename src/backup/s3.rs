//! An S3-compatible store as backup target: the only module that knows the crate `object_store`.
//!
//! Its client is asynchronous; a small runtime of its own carries it, so the copying stays one plain thread. Large objects go up in
//! parts and come down in ranges, one at a time: memory stays at one part, and a request has a bounded length in bytes and time.

use std::future::Future;
use std::io::{ErrorKind, Read};
use std::time::Duration;

use bytes::Bytes;
use futures::TryStreamExt as _;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path as ObjectPath;
use object_store::{
    BackoffConfig, ClientOptions, Error, MultipartUpload, ObjectStore, ObjectStoreExt as _, PutPayload, RetryConfig,
};

use super::target::{Fault, Listed, Stop, Target, TargetError, source_error};
use crate::hall::S3Settings;

/// Bytes of one part and of one range. Stores ask for at least 5 MiB.
const PART: usize = 8 << 20;
/// A part takes this long over a line of half a megabit.
const PART_TIMEOUT: Duration = Duration::from_secs(150);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The client tries a request again this often by itself; longer outages are the copier's to wait for.
const RETRIES: usize = 2;

/// A bucket as backup target.
pub struct S3 {
    store: AmazonS3,
    name: String,
    prefix: String,
    stop: Stop,
    /// Taken when dropped.
    runtime: Option<tokio::runtime::Runtime>,
}

impl S3 {
    /// A client for the bucket. Nothing is sent yet.
    ///
    /// # Errors
    /// [`TargetError`] when no client can be made of the settings.
    pub fn new(settings: &S3Settings, stop: Stop) -> Result<Self, TargetError> {
        let endpoint = settings.endpoint.as_str().trim_end_matches('/').to_owned();
        let name = format!("{endpoint}/{}/{}", settings.bucket, settings.prefix);
        let name = name.trim_end_matches('/').to_owned();
        let broken = |detail: String| TargetError { target: name.clone(), object: "-".into(), fault: Fault::Broken, detail };
        let client = ClientOptions::new()
            .with_allow_http(settings.endpoint.scheme() == "http")
            .with_timeout(PART_TIMEOUT)
            .with_connect_timeout(CONNECT_TIMEOUT);
        let backoff =
            BackoffConfig { init_backoff: Duration::from_millis(200), max_backoff: Duration::from_secs(2), base: 2.0 };
        let endpoint = if settings.path_style { endpoint } else { with_bucket(&settings.endpoint, &settings.bucket) };
        let store = AmazonS3Builder::new()
            .with_endpoint(endpoint)
            .with_bucket_name(&settings.bucket)
            .with_region(&settings.region)
            .with_access_key_id(&settings.access_key_id)
            .with_secret_access_key(settings.secret_access_key.reveal())
            .with_virtual_hosted_style_request(!settings.path_style)
            .with_client_options(client)
            .with_retry(RetryConfig { backoff, max_retries: RETRIES, retry_timeout: PART_TIMEOUT })
            .build()
            .map_err(|e| broken(e.to_string()))?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("backup s3")
            .enable_all()
            .build()
            .map_err(|e| broken(e.to_string()))?;
        Ok(Self { store, name, prefix: settings.prefix.clone(), stop, runtime: Some(runtime) })
    }

    fn path(&self, object: &str) -> ObjectPath {
        ObjectPath::from_iter(self.prefix.split('/').chain(object.split('/')).filter(|part| !part.is_empty()))
    }

    fn error(&self, object: &str, fault: Fault, detail: impl Into<String>) -> TargetError {
        TargetError { target: self.name.clone(), object: object.to_owned(), fault, detail: detail.into() }
    }

    fn fail(&self, object: &str, e: &Error) -> TargetError {
        let text = chain(e);
        self.error(object, fault(e, &text), text)
    }

    /// Carries out one request, unless asked to stop meanwhile.
    fn wait<T>(&self, object: &str, request: impl Future<Output = Result<T, Error>>) -> Result<T, TargetError> {
        let Some(runtime) = &self.runtime else { return Err(self.error(object, Fault::Stopped, "stopped")) };
        runtime.block_on(async {
            tokio::select! {
                done = request => done.map_err(|e| self.fail(object, &e)),
                () = self.stop.token().cancelled() => Err(self.error(object, Fault::Stopped, "stopped")),
            }
        })
    }

    /// The next part of `source`; shorter than [`PART`] at its end.
    fn next_part(&self, object: &str, source: &mut dyn Read) -> Result<Bytes, TargetError> {
        let mut part = Vec::new();
        let mut limited = source.take(PART as u64);
        loop {
            match limited.read_to_end(&mut part) {
                Ok(_) => return Ok(part.into()),
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(source_error(&self.name, object, &e)),
            }
        }
    }

    fn put_parts(
        &self,
        object: &str,
        upload: &mut dyn MultipartUpload,
        first: Bytes,
        source: &mut dyn Read,
    ) -> Result<(), TargetError> {
        let mut part = first;
        while !part.is_empty() {
            self.wait(object, upload.put_part(PutPayload::from(part)))?;
            part = self.next_part(object, source)?;
        }
        self.wait(object, upload.complete()).map(|_| ())
    }
}

/// The address with the bucket as part of the host's name.
fn with_bucket(endpoint: &url::Url, bucket: &str) -> String {
    let host = endpoint.host_str().unwrap_or_default();
    let port = endpoint.port().map(|p| format!(":{p}")).unwrap_or_default();
    format!("{}://{bucket}.{host}{port}", endpoint.scheme())
}

/// An error with all its causes.
fn chain(e: &Error) -> String {
    let mut text = e.to_string();
    let mut cause = std::error::Error::source(e);
    while let Some(inner) = cause {
        let said = inner.to_string();
        if !text.contains(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        cause = inner.source();
    }
    text
}

/// What sort of error it is. The client hands most of them on as text.
fn fault(e: &Error, text: &str) -> Fault {
    let says = |words: &[&str]| words.iter().any(|w| text.contains(w));
    match e {
        _ if says(&["NoSuchBucket"]) => Fault::NoBucket,
        Error::NotFound { .. } => Fault::Missing,
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => Fault::Refused,
        _ if says(&["InvalidAccessKeyId", "SignatureDoesNotMatch", "AccessDenied", "403 Forbidden", "NotSignedUp"]) => {
            Fault::Refused
        }
        _ if says(&["InsufficientStorage", "507 ", "QuotaExceeded", "StorageFull", "No space left"]) => Fault::Full,
        _ if says(&[
            "Connection refused",
            "error trying to connect",
            "dns error",
            "tcp connect error",
            "connection closed",
        ]) =>
        {
            Fault::Unreachable
        }
        _ if says(&["Connection reset", "connection reset", "broken pipe", "Broken pipe", "IncompleteMessage"]) => {
            Fault::Unreachable
        }
        _ if says(&["503 ", "SlowDown", "ServiceUnavailable"]) => Fault::Unreachable,
        _ if says(&["timed out", "TimedOut", "504 "]) => Fault::TimedOut,
        _ => Fault::Broken,
    }
}

impl Target for S3 {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn check(&self) -> Result<(), TargetError> {
        // A question about an object does not tell whether the bucket or the object is missing; a list does.
        let prefix = self.path("");
        let prefix = (!prefix.as_ref().is_empty()).then_some(&prefix);
        self.wait(".", self.store.list(prefix).try_next()).map(|_| ())
    }

    fn put(&self, object: &str, source: &mut dyn Read) -> Result<(), TargetError> {
        let path = self.path(object);
        let first = self.next_part(object, source)?;
        if first.len() < PART {
            return self.wait(object, self.store.put(&path, PutPayload::from(first))).map(|_| ());
        }
        let mut upload = self.wait(object, self.store.put_multipart(&path))?;
        let done = self.put_parts(object, upload.as_mut(), first, source);
        if done.is_err()
            && let Some(runtime) = &self.runtime
        {
            // Parts of an object that is not completed cost room until the store throws them away.
            let abort = async { tokio::time::timeout(CONNECT_TIMEOUT, upload.abort()).await };
            if !matches!(runtime.block_on(abort), Ok(Ok(()))) {
                tracing::debug!("{}: the parts of {object} could not be given up", self.name);
            }
        }
        done
    }

    fn read(&self, object: &str, sink: &mut dyn FnMut(&[u8]) -> Result<(), TargetError>) -> Result<(), TargetError> {
        let path = self.path(object);
        let all = self.wait(object, self.store.head(&path))?.size;
        let mut at = 0;
        while at < all {
            let end = all.min(at + PART as u64);
            let bytes = self.wait(object, self.store.get_range(&path, at..end))?;
            if bytes.is_empty() {
                return Err(self.error(object, Fault::Broken, format!("the object ends at byte {at} of {all}")));
            }
            at += bytes.len() as u64;
            sink(&bytes)?;
        }
        Ok(())
    }

    fn head(&self, object: &str) -> Result<Option<u64>, TargetError> {
        match self.wait(object, self.store.head(&self.path(object))) {
            Ok(meta) => Ok(Some(meta.size)),
            Err(e) if e.fault == Fault::Missing => Ok(None),
            Err(e) => Err(e),
        }
    }

    fn list(&self, folder: &str) -> Result<Vec<Listed>, TargetError> {
        let path = self.path(folder);
        let all: Vec<_> = self.wait(folder, self.store.list(Some(&path)).try_collect())?;
        let front = self.path("");
        let mut found: Vec<Listed> = all
            .into_iter()
            .filter_map(|meta| {
                let name: Vec<String> = meta.location.prefix_match(&front)?.map(|p| p.as_ref().to_owned()).collect();
                (!name.iter().any(|part| part.starts_with('.'))).then(|| Listed { name: name.join("/"), bytes: meta.size })
            })
            .collect();
        found.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }

    fn delete(&self, object: &str) -> Result<(), TargetError> {
        match self.wait(object, self.store.delete(&self.path(object))) {
            Err(e) if e.fault == Fault::Missing => Ok(()),
            other => other,
        }
    }

    fn set_aside(&self, object: &str, aside: &str) -> Result<(), TargetError> {
        self.wait(object, self.store.copy(&self.path(object), &self.path(aside)))?;
        self.delete(object)
    }
}

impl Drop for S3 {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Also where blocking is not allowed.
            runtime.shutdown_background();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hall::Secret;

    #[test]
    fn objects_stand_below_the_prefix() {
        let settings = S3Settings {
            endpoint: url::Url::parse("http://127.0.0.1:1").unwrap(),
            bucket: "jiancha".into(),
            prefix: "chaoyang/chongqing".into(),
            region: "garage".into(),
            path_style: true,
            access_key_id: "id".into(),
            secret_access_key: Secret::new("key"),
        };
        let s3 = S3::new(&settings, Stop::default()).unwrap();
        assert_eq!(s3.name(), "http://127.0.0.1:1/jiancha/chaoyang/chongqing");
        let path = s3.path("C1/2026-11-22/14/145000@01234567.mp4");
        assert_eq!(path.as_ref(), "chaoyang/chongqing/C1/2026-11-22/14/145000@01234567.mp4");
        let back: Vec<String> = path.prefix_match(&s3.path("")).unwrap().map(|p| p.as_ref().to_owned()).collect();
        assert_eq!(back.join("/"), "C1/2026-11-22/14/145000@01234567.mp4");
        assert_eq!(with_bucket(&settings.endpoint, "b"), "http://b.127.0.0.1:1");
    }
}
