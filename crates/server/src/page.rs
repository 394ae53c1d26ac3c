//! The page: what was built of `dashboard/`, inside the binary, and the rules under which a browser runs it.
//!
//! It asks this server only and runs no script but its own; whatever a customer is called, it stays a text.

use std::collections::BTreeMap;
use std::io::Write;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use rust_embed::RustEmbed;

use crate::app::App;
use crate::error::ApiError;

/// What `npm run build` made; nothing where it was not run.
#[derive(RustEmbed)]
#[folder = "../../dashboard/dist"]
struct Built;

const INDEX: &str = "index.html";
/// The folder of files whose names change with what is in them.
const HASHED: &str = "assets/";
/// Files below this gain nothing from being packed.
const PACKED_BYTES_MIN: usize = 512;

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; \
                      font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; \
                      form-action 'self'; frame-ancestors 'none'";

/// Says what to do where the page was not built.
const UNBUILT: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Throng</title>\
    <body><h1>Throng is running</h1>\
    <p>The dashboard was not built into this binary. It needs Node: run \
    <code>npm ci &amp;&amp; npm run build</code> in the folder <code>dashboard</code>, \
    then build Throng again.</p>\
    <p>The API is described at <a href=\"/docs\">/docs</a>.</p>";

/// The files of the page.
pub(crate) struct Page {
    files: BTreeMap<String, File>,
}

struct File {
    kind: HeaderValue,
    tag: HeaderValue,
    plain: Bytes,
    packed: Option<Bytes>,
}

impl Page {
    pub(crate) fn new() -> Self {
        let file = |path: std::borrow::Cow<'static, str>| {
            let found = Built::get(&path)?;
            let kind = HeaderValue::from_str(kind_of(&path)).ok()?;
            let plain = Bytes::from(found.data.into_owned());
            let tag = HeaderValue::from_str(&format!("\"{}\"", blake3::hash(&plain).to_hex())).ok()?;
            let packed = (plain.len() >= PACKED_BYTES_MIN).then(|| packed(&plain)).flatten();
            Some((path.into_owned(), File { kind, tag, plain, packed }))
        };
        Self { files: Built::iter().filter_map(file).collect() }
    }

    fn answer(&self, path: &str, headers: &HeaderMap) -> Option<Response> {
        let file = self.files.get(path)?;
        let cached = if path.starts_with(HASHED) { "public, max-age=31536000, immutable" } else { "no-cache" };
        let mut response = if headers.get(header::IF_NONE_MATCH) == Some(&file.tag) {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            let accepts = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok());
            match file.packed.as_ref().filter(|_| accepts.is_some_and(|accepts| accepts.contains("gzip"))) {
                Some(packed) => ([(header::CONTENT_ENCODING, "gzip")], packed.clone()).into_response(),
                None => file.plain.clone().into_response(),
            }
        };
        let answer = response.headers_mut();
        answer.insert(header::CONTENT_TYPE, file.kind.clone());
        answer.insert(header::ETAG, file.tag.clone());
        answer.insert(header::CACHE_CONTROL, HeaderValue::from_static(cached));
        answer.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        Some(response)
    }
}

fn kind_of(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, ending)| ending) {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "json" | "webmanifest" => "application/json",
        _ => "application/octet-stream",
    }
}

fn packed(plain: &[u8]) -> Option<Bytes> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(plain).ok()?;
    encoder.finish().ok().map(Bytes::from).filter(|packed| packed.len() < plain.len())
}

/// Answers what no route does: a file of the page, or for a browser that opens an address the page itself,
/// which knows its own addresses.
pub(crate) async fn fallback(State(app): State<App>, method: Method, uri: Uri, headers: HeaderMap) -> Response {
    if method != Method::GET && method != Method::HEAD {
        return ApiError::no_path().into_response();
    }
    let path = uri.path().trim_start_matches('/');
    if let Some(file) = app.page.answer(path, &headers) {
        return guarded(file);
    }
    let wants_page = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    let wants_page = wants_page.is_some_and(|accept| accept.contains("text/html"));
    if !wants_page || path.starts_with("v1/") || path.starts_with(HASHED) {
        return ApiError::no_path().into_response();
    }
    let unbuilt = || ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], UNBUILT).into_response();
    guarded(app.page.answer(INDEX, &headers).unwrap_or_else(unbuilt))
}

/// Returns an answer with the rules for browsers.
fn guarded(mut response: Response) -> Response {
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Keeps a browser from asking for a key in a window of its own when a script of the page is refused.
pub(crate) async fn without_prompt(request: Request, next: Next) -> Response {
    let mode = request.headers().get("sec-fetch-mode");
    let by_script = mode.is_some_and(|mode| mode != "navigate");
    let mut response = next.run(request).await;
    if by_script {
        response.headers_mut().remove(header::WWW_AUTHENTICATE);
    }
    response
}
