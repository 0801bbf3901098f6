//! Styles, scripts and pictures, all in the program itself.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use axum::extract::{Path, RawQuery};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use super::Shown;
use crate::error::Error;

const STYLE: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const PICTURE: &str = "image/svg+xml";

/// Every asset: name, type, content.
const ALL: &[(&str, &str, &str)] = &[
    ("style.css", STYLE, include_str!("../../assets/style.css")),
    ("app.js", SCRIPT, include_str!("../../assets/app.js")),
    ("actions.js", SCRIPT, include_str!("../../assets/actions.js")),
    ("memories.css", STYLE, include_str!("../../assets/memories.css")),
    ("memories.js", SCRIPT, include_str!("../../assets/memories.js")),
    ("select.js", SCRIPT, include_str!("../../assets/select.js")),
    ("review.js", SCRIPT, include_str!("../../assets/review.js")),
    ("history.css", STYLE, include_str!("../../assets/history.css")),
    ("transfer.js", SCRIPT, include_str!("../../assets/transfer.js")),
    ("connect.css", STYLE, include_str!("../../assets/connect.css")),
    ("overview.css", STYLE, include_str!("../../assets/overview.css")),
    ("copy.js", SCRIPT, include_str!("../../assets/copy.js")),
    ("icon.svg", PICTURE, include_str!("../../assets/icon.svg")),
];

struct Asset {
    kind: &'static str,
    body: &'static str,
    /// Other where the content is other.
    version: String,
}

static BY_NAME: LazyLock<BTreeMap<&str, Asset>> = LazyLock::new(|| {
    let asset = |kind, body| Asset { kind, body, version: hex::encode(&Sha256::digest(body)[..8]) };
    ALL.iter().map(|(name, kind, body)| (*name, asset(kind, body))).collect()
});

/// The address of an asset, which is another where its content is.
pub(super) fn url(name: &str) -> String {
    let version = BY_NAME.get(name).map_or("", |asset| asset.version.as_str());
    format!("/assets/{name}?v={version}")
}

/// Sends an asset: under the address of its version for ever, else to be asked for
/// again each time, as scripts do that import each other by name.
pub(super) async fn send(Path(name): Path<String>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let Some(asset) = BY_NAME.get(name.as_str()) else {
        return Shown(Error::not_found("There is no such asset.")).into_response();
    };
    let is_versioned = query.as_deref().and_then(|query| query.strip_prefix("v=")) == Some(asset.version.as_str());
    let caching = if is_versioned { "public, max-age=31536000, immutable" } else { "no-cache" };
    let tag = format!("\"{}\"", asset.version);
    let known = headers.get(header::IF_NONE_MATCH).and_then(|known| known.to_str().ok()).unwrap_or_default();
    let is_known = known.split(',').any(|known| known.trim().trim_start_matches("W/") == tag);
    let headers = [(header::CONTENT_TYPE, asset.kind), (header::CACHE_CONTROL, caching), (header::ETAG, &tag)];
    if is_known {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    (headers, asset.body).into_response()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::BY_NAME;

    /// The texts of the files of a folder.
    fn texts(folder: &str) -> Vec<(String, String)> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        let files = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
        let text = |path: std::path::PathBuf| {
            (path.file_name().expect("a name").display().to_string(), std::fs::read_to_string(path).expect("a text"))
        };
        files.filter(|path| path.is_file()).map(text).collect()
    }

    #[test]
    fn every_asset_that_a_template_or_script_names_is_there() {
        let mut seen = 0;
        let marks = [("templates", "assets::url(\""), ("assets", "from \"./"), ("assets", "import \"./")];
        for (folder, mark) in marks {
            for (file, text) in texts(folder) {
                for rest in text.split(mark).skip(1) {
                    let name = rest.split('"').next().expect("a name");
                    assert!(BY_NAME.contains_key(name), "{file} names {name}, which src/web/assets.rs does not list");
                    seen += 1;
                }
            }
        }
        assert!(seen > 0, "no template names an asset");
    }

    #[test]
    fn every_file_for_pages_is_an_asset() {
        for (file, _) in texts("assets") {
            assert!(BY_NAME.contains_key(file.as_str()), "src/web/assets.rs does not list assets/{file}");
        }
    }

    #[test]
    fn the_style_is_small() {
        assert!(BY_NAME["style.css"].body.len() <= 12 << 10);
    }
}
