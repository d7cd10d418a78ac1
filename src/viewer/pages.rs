//! The web app, embedded in the program: `make web` builds it into `web/dist`.

use axum::extract::Request;
use axum::http::{Method, header};
use axum::response::{Html, IntoResponse, Response};
use rust_embed::{EmbeddedFile, RustEmbed};

use super::hex;
use super::reply::Refusal;

#[derive(RustEmbed)]
#[folder = "web/dist"]
#[allow_missing = true]
struct Pages;

/// Said when the program was compiled without the pages.
const NOT_BUILT: &str = r#"<!doctype html>
<html lang="zh-CN"><head><meta charset="utf-8"><title>监察 Jiancha</title></head><body>
<h1>页面尚未构建</h1>
<p>录像与接口照常工作，但本程序编译时没有包含网页。请在源代码目录执行 <code>make web</code>，然后重新编译（<code>touch src/viewer/pages.rs &amp;&amp; cargo build --release</code>）。</p>
<h1 lang="en">The pages were not built</h1>
<p lang="en">Recording and the API work, but this program was compiled without its pages. Run <code>make web</code> in the source folder, then compile again (<code>touch src/viewer/pages.rs &amp;&amp; cargo build --release</code>).</p>
</body></html>
"#;

/// Answers every address that is neither API nor media: a file of the web app, or the app itself for its own addresses.
pub(super) async fn page(request: Request) -> Response {
    let path = request.uri().path();
    let ours = |prefix: &str| path == prefix || path.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('/'));
    if ours("/api") || ours("/media") {
        return Refusal::NotFound.into_response();
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return Refusal::MethodNotAllowed.into_response();
    }
    let known = request.headers().get(header::IF_NONE_MATCH).and_then(|v| v.to_str().ok());
    answer(path, known, Pages::get)
}

/// The answer to `path` from the files that `get` finds.
fn answer(path: &str, known: Option<&str>, get: impl Fn(&str) -> Option<EmbeddedFile>) -> Response {
    let name = path.trim_start_matches('/');
    // Only the names of embedded files exist here, and none holds two dots in a row.
    let found = if name.is_empty() || name.contains("..") { None } else { get(name) };
    if let Some(file) = found {
        // The build puts a digest of the content into the names under assets/.
        let cache = if name.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
        return send(name, &file, cache, known);
    }
    if name.rsplit('/').next().is_some_and(|last| last.contains('.')) {
        return Refusal::NotFound.into_response();
    }
    match get("index.html") {
        Some(index) => send("index.html", &index, "no-cache", known),
        None => ([(header::CACHE_CONTROL, "no-cache")], Html(NOT_BUILT)).into_response(),
    }
}

fn send(name: &str, file: &EmbeddedFile, cache: &'static str, known: Option<&str>) -> Response {
    let tag = format!("\"{}\"", hex::encode(&file.metadata.sha256_hash()[..16]));
    if known == Some(tag.as_str()) {
        return (axum::http::StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response();
    }
    let kind = mime_guess::from_path(name).first_or_octet_stream();
    let kind = match (kind.type_(), kind.subtype().as_str()) {
        (mime_guess::mime::TEXT, _) | (_, "javascript" | "json") => format!("{kind}; charset=utf-8"),
        _ => kind.to_string(),
    };
    let headers = [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, cache.to_owned()), (header::ETAG, tag)];
    (headers, file.data.clone().into_owned()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rust_embed::Metadata;

    fn files(name: &str) -> Option<EmbeddedFile> {
        let data: &'static [u8] = match name {
            "index.html" => b"<html>app</html>",
            "assets/app-1a2b.js" => b"run()",
            _ => return None,
        };
        let metadata = Metadata::__rust_embed_new([7; 32], None, None, "");
        Some(EmbeddedFile { data: data.into(), metadata })
    }

    fn told(path: &str) -> (u16, String, String) {
        let response = answer(path, None, files);
        let text = |name| response.headers().get(name).map(|v| v.to_str().unwrap().to_owned()).unwrap_or_default();
        (response.status().as_u16(), text(header::CONTENT_TYPE), text(header::CACHE_CONTROL))
    }

    #[test]
    fn the_app_answers_for_its_own_addresses_and_not_for_missing_files() {
        assert_eq!(told("/"), (200, "text/html; charset=utf-8".into(), "no-cache".into()));
        assert_eq!(told("/playback/03"), (200, "text/html; charset=utf-8".into(), "no-cache".into()));
        assert_eq!(told("/assets/app-1a2b.js").2, "public, max-age=31536000, immutable");
        assert_eq!(told("/assets/gone.js").0, 404);
        assert_eq!(told("/../hall.toml").0, 404);
        assert_eq!(told("/..").0, 404);
    }

    #[test]
    fn a_page_the_browser_has_is_not_sent_again() {
        let tag = "\"07070707070707070707070707070707\"";
        assert_eq!(answer("/", Some(tag), files).status().as_u16(), 304);
    }

    #[test]
    fn without_pages_a_plain_one_says_how_to_build_them() {
        assert_eq!(answer("/", None, |_| None).status().as_u16(), 200);
        assert!(NOT_BUILT.contains("make web") && NOT_BUILT.contains("页面尚未构建"));
    }
}
