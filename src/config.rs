//! Settings: from a file, the environment and the command line, each stronger
//! than the one before.
//!
//! [`KEYS`] is the one list of them. A setting `some_key` is `some_key` in the
//! file, `COMMONPLACE_SOME_KEY` in the environment and, where the command has
//! it, `--some-key`.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::db::{Location, SqliteOptions};
use crate::embed::openai;
use crate::error::{Error, Result};
use crate::llm;
use crate::outbound::ApiKey;

/// One setting.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// What it is without being set, in words where it depends on the machine.
    pub default: &'static str,
    /// What it means, with its unit.
    pub help: &'static str,
}

/// Every setting there is.
pub const KEYS: &[Key] = &[
    key("data_dir", "", "Folder of the database file; by default the platform's data folder."),
    key("listen", "127.0.0.1:8787", "Address and port to serve on."),
    key("public_url", "", "URL under which clients reach the server; by default http:// and the listening address."),
    key("allowed_origins", "", "Origins of web pages, with commas between, that may use MCP beside the server's own."),
    key("database_url", "", "postgres://… to keep the data in PostgreSQL instead of a file."),
    key(
        "embedder",
        "built-in",
        "What embeds texts: built-in, openai (any server of that form), or minilm (from a folder).",
    ),
    key("embedder_url", "http://127.0.0.1:11434/v1", "Where the API of the embedding server begins."),
    key("embedder_model", "", "Name of the model on the embedding server."),
    key("embedder_key", "", "Key of the embedding server, where it wants one."),
    key(
        "embedder_dimensions",
        "0",
        "Numbers in an embedding, for models that let one choose; 0 leaves it to the model.",
    ),
    key("embedder_query_prefix", "", "What the model wants before a query, such as 'search_query: '."),
    key("embedder_document_prefix", "", "What the model wants before a stored text, such as 'search_document: '."),
    key("embedder_folder", "", "Folder with model.safetensors, config.json and vocab.txt, for minilm."),
    key(
        "llm_url",
        "",
        "Where the API of a language model begins, such as http://127.0.0.1:11434/v1; without it none is asked.",
    ),
    key("llm_model", "", "Name of the language model on its server."),
    key("llm_key", "", "Key of the language model's server, where it wants one."),
    key("llm_timeout_seconds", "30", "How long the language model may take over an answer, in seconds."),
    key(
        "search_memory_mb",
        "1024",
        "Memory for search indexes, in megabytes; without room, SQLite finds by words only.",
    ),
    key("trash_days", "30", "Days that deleted memories can be restored; 0 purges at once."),
    key("memory_items", "strings", "Form of plain text memories in GET answers: strings or objects."),
    key("max_text_chars", "100000", "Longest memory, in characters."),
    key("max_bulk_ids", "10000", "Most ids in one bulk request."),
    key("max_body_bytes", "8388608", "Largest request body, in bytes."),
    key("max_import_bytes", "67108864", "Largest body of an import, in bytes."),
    key("max_upload_bytes", "1073741824", "Largest uploaded export of another tool, in bytes."),
    key("max_connections", "1024", "Most open connections."),
    key("max_requests", "512", "Most requests worked on at once; further ones are answered 503."),
    key("request_timeout_seconds", "30", "How long a client may take to send a request, in seconds."),
    key("max_database_bytes", "0", "Largest database file, in bytes; 0 for no limit. SQLite only."),
    key("log", "info", "What is logged: error, warn, info, debug, or filters such as commonplace=debug."),
    key("log_format", "text", "Form of the log on stderr: text or json."),
];

const fn key(name: &'static str, default: &'static str, help: &'static str) -> Key {
    Key { name, default, help }
}

impl Key {
    /// The environment variable of the setting.
    #[must_use]
    pub fn variable(&self) -> String {
        format!("COMMONPLACE_{}", self.name.to_uppercase())
    }
}

/// Where a setting's value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// It was not set.
    Default,
    /// The configuration file.
    File,
    /// This environment variable.
    Environment,
    /// The command line.
    Flag,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Default => "default",
            Self::File => "file",
            Self::Environment => "environment",
            Self::Flag => "flag",
        })
    }
}

/// How a list of text memories is sent to clients that ask for no ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemoryItems {
    /// As plain strings, the newest documented form.
    Strings,
    /// As objects, the older form, which some clients need.
    Objects,
}

/// What embeds texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EmbedderKind {
    /// The model that is compiled in.
    BuiltIn,
    /// A server.
    OpenAi(Box<openai::Settings>),
    /// A transformer from this folder.
    MiniLm(PathBuf),
}

/// The settings, checked.
#[derive(Clone)]
pub struct Config {
    /// See [`KEYS`], as for every field.
    pub data_dir: PathBuf,
    /// Address and port.
    pub listen: SocketAddr,
    /// Without a slash at the end.
    pub public_url: Option<String>,
    /// Origins such as `https://example.org`, beside the server's own.
    pub allowed_origins: Vec<String>,
    /// May hold a password, so it is shown by [`Config::values`] without it.
    database_url: Option<String>,
    /// What embeds texts.
    pub embedder: EmbedderKind,
    /// The language model that may be asked.
    pub llm: Option<Box<llm::Settings>>,
    /// Bytes.
    pub search_memory_bytes: usize,
    /// Days.
    pub trash_days: i64,
    /// Form of text memories.
    pub memory_items: MemoryItems,
    /// Characters.
    pub max_text_chars: usize,
    /// Ids in one request.
    pub max_bulk_ids: usize,
    /// Bytes.
    pub max_body_bytes: usize,
    /// Bytes.
    pub max_import_bytes: usize,
    /// Bytes.
    pub max_upload_bytes: u64,
    /// Connections.
    pub max_connections: usize,
    /// Requests at once.
    pub max_requests: usize,
    /// Seconds.
    pub request_timeout_seconds: u64,
    /// Bytes.
    max_database_bytes: u64,
    /// Filter of the log.
    pub log: String,
    /// Whether the log is JSON.
    pub log_json: bool,
    values: Vec<(Key, String, Origin)>,
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.values().map(|(key, value, _)| (key.name, value))).finish()
    }
}

impl Config {
    /// Reads the settings: `file` where given, else the platform's place for
    /// it if there is one; then the environment; then `flags`.
    ///
    /// # Errors
    /// [`Error::Invalid`], naming the setting and what it takes.
    pub fn load(file: Option<&Path>, flags: &[(&str, String)]) -> Result<Self> {
        let environment = |key: &Key| std::env::var(key.variable()).ok();
        Self::from_sources(&read_file(file)?, environment, flags)
    }

    fn from_sources(
        file: &toml::Table,
        environment: impl Fn(&Key) -> Option<String>,
        flags: &[(&str, String)],
    ) -> Result<Self> {
        for name in file.keys() {
            if !KEYS.iter().any(|key| key.name == name) {
                return Err(Error::invalid(format!(
                    "The configuration file has '{name}', which is no setting; see 'commonplace config'."
                )));
            }
        }
        let mut values = Vec::new();
        for key in KEYS {
            let flag = flags.iter().find(|(name, _)| *name == key.name).map(|(_, value)| value.clone());
            let from_file =
                file.get(key.name).map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
            let (value, origin) = match (flag, environment(key), from_file) {
                (Some(value), _, _) => (value, Origin::Flag),
                (None, Some(value), _) => (value, Origin::Environment),
                (None, None, Some(value)) => (value, Origin::File),
                (None, None, None) => (key.default.to_owned(), Origin::Default),
            };
            values.push((*key, value, origin));
        }
        let source = Values(&values);
        let data_dir = match source.get("data_dir") {
            "" => default_folder(|dirs| dirs.data_dir().to_owned())?,
            path => PathBuf::from(path),
        };
        let public_url = match source.get("public_url").trim() {
            "" => None,
            url => Some(public_origin(url).ok_or_else(|| {
                source
                    .bad("public_url", "https:// or http:// and a host, without a path, such as https://memory.example")
            })?),
        };
        let config = Self {
            data_dir,
            listen: source.parse("listen", "an address and a port, such as 127.0.0.1:8787")?,
            public_url,
            allowed_origins: origins(&source)?,
            database_url: Some(source.get("database_url").to_owned()).filter(|url| !url.is_empty()),
            embedder: embedder(&source)?,
            llm: language_model(&source)?,
            search_memory_bytes: source.number("search_memory_mb", 0_usize, 1 << 20)? << 20,
            trash_days: source.number("trash_days", 0, 36_500)?,
            memory_items: match source.get("memory_items") {
                "strings" => MemoryItems::Strings,
                "objects" => MemoryItems::Objects,
                _ => return Err(source.bad("memory_items", "'strings' or 'objects'")),
            },
            max_text_chars: source.number("max_text_chars", 1, 10_000_000)?,
            max_bulk_ids: source.number("max_bulk_ids", 1, 1_000_000)?,
            max_body_bytes: source.number("max_body_bytes", 1024, 1 << 30)?,
            max_import_bytes: source.number("max_import_bytes", 1024, 1 << 30)?,
            max_upload_bytes: source.number("max_upload_bytes", 1024, 1 << 40)?,
            max_connections: source.number("max_connections", 1, 1_000_000)?,
            max_requests: source.number("max_requests", 1, 100_000)?,
            request_timeout_seconds: source.number("request_timeout_seconds", 1, 3600)?,
            max_database_bytes: source.number("max_database_bytes", 0, u64::MAX)?,
            log: source.get("log").to_owned(),
            log_json: match source.get("log_format") {
                "text" => false,
                "json" => true,
                _ => return Err(source.bad("log_format", "'text' or 'json'")),
            },
            values: Vec::new(),
        };
        if config.database_url.as_ref().is_some_and(|url| !url.starts_with("postgres")) {
            return Err(source.bad("database_url", "a URL that begins with postgres://"));
        }
        Ok(Self { values, ..config })
    }

    /// Every setting with its value, passwords left out, and where it comes from.
    pub fn values(&self) -> impl Iterator<Item = (Key, String, Origin)> + '_ {
        self.values.iter().map(|(key, value, origin)| {
            let value = match key.name {
                "data_dir" => self.data_dir.display().to_string(),
                "public_url" => self.base_url(self.listen),
                "database_url" => without_password(value),
                "embedder_key" | "llm_key" if !value.is_empty() => "…".to_owned(),
                _ => value.clone(),
            };
            (*key, value, origin.clone())
        })
    }

    /// These settings with the built-in embedder and without a language model, for
    /// what needs neither: it must work, too, where the chosen ones do not.
    #[must_use]
    pub fn without_embedder(self) -> Self {
        Self { embedder: EmbedderKind::BuiltIn, llm: None, ..self }
    }

    /// The URL under which clients reach a server that listens on `address`.
    #[must_use]
    pub fn base_url(&self, address: SocketAddr) -> String {
        self.public_url.clone().unwrap_or_else(|| format!("http://{address}"))
    }

    /// The database file, where there is one.
    #[must_use]
    pub fn file(&self) -> Option<PathBuf> {
        self.database_url.is_none().then(|| self.data_dir.join("commonplace.db"))
    }

    /// Where the data is, in words and without a password.
    #[must_use]
    pub fn place(&self) -> String {
        match (&self.database_url, self.file()) {
            (Some(url), _) => without_password(url),
            (None, file) => file.unwrap_or_default().display().to_string(),
        }
    }

    /// The folder that uploaded files are in until they are read.
    #[must_use]
    pub fn uploads_folder(&self) -> PathBuf {
        self.data_dir.join("uploads")
    }

    /// The same. Makes it, for its owner only.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where the folder can't be made.
    pub fn uploads(&self) -> Result<PathBuf> {
        let folder = self.uploads_folder();
        make_private_folder(&folder)
            .map_err(|error| Error::unavailable(format!("the folder {} can't be made: {error}", folder.display())))?;
        Ok(folder)
    }

    /// Where the data is. Makes the data folder, for its owner only.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where the folder can't be made.
    pub fn location(&self) -> Result<Location> {
        if let Some(url) = &self.database_url {
            return Ok(Location::Postgres(url.clone()));
        }
        make_private_folder(&self.data_dir).map_err(|error| {
            Error::unavailable(format!("the folder {} can't be made: {error}", self.data_dir.display()))
        })?;
        let max_bytes = (self.max_database_bytes > 0).then_some(self.max_database_bytes);
        let file = self.data_dir.join("commonplace.db");
        Ok(Location::Sqlite(file, SqliteOptions { max_bytes, readers: 0 }))
    }
}

/// The URL of a host as browsers and clients write it.
fn public_origin(text: &str) -> Option<String> {
    let url = url::Url::parse(text).ok()?;
    let is_plain = matches!(url.scheme(), "http" | "https")
        && matches!(url.path(), "" | "/")
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    is_plain.then(|| url.origin().ascii_serialization())
}

fn origins(source: &Values<'_>) -> Result<Vec<String>> {
    let list = source.get("allowed_origins").split(',').map(str::trim).filter(|origin| !origin.is_empty());
    let origin = |origin: &str| {
        let rest = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
        match rest {
            Some(authority) if !authority.is_empty() && !authority.contains(['/', '?', '#', '*', ' ']) => {
                Ok(origin.to_owned())
            }
            _ => Err(source.bad("allowed_origins", "origins such as https://example.org, with commas between")),
        }
    };
    list.map(origin).collect()
}

fn embedder(source: &Values<'_>) -> Result<EmbedderKind> {
    match source.get("embedder") {
        "built-in" => Ok(EmbedderKind::BuiltIn),
        "openai" => {
            let key = source.get("embedder_key");
            let settings = openai::Settings {
                key: (!key.is_empty()).then(|| ApiKey::new(key)).transpose()?,
                dimensions: Some(source.number("embedder_dimensions", 0, 65_536)?).filter(|dimensions| *dimensions > 0),
                query_prefix: source.get("embedder_query_prefix").to_owned(),
                document_prefix: source.get("embedder_document_prefix").to_owned(),
                ..openai::Settings::new(source.get("embedder_url"), source.get("embedder_model"))
            };
            Ok(EmbedderKind::OpenAi(Box::new(settings)))
        }
        "minilm" => match source.get("embedder_folder") {
            "" => Err(source.bad("embedder_folder", "the folder of the model, when embedder is minilm")),
            folder => Ok(EmbedderKind::MiniLm(PathBuf::from(folder))),
        },
        _ => Err(source.bad("embedder", "built-in, openai or minilm")),
    }
}

fn language_model(source: &Values<'_>) -> Result<Option<Box<llm::Settings>>> {
    let timeout = Duration::from_secs(source.number("llm_timeout_seconds", 1, 3600)?);
    let (url, model, key) = (source.get("llm_url"), source.get("llm_model").trim(), source.get("llm_key"));
    if url.trim().is_empty() {
        return Ok(None);
    }
    if model.is_empty() {
        return Err(source.bad("llm_model", "the name of the model, when llm_url is set"));
    }
    let key = (!key.is_empty()).then(|| ApiKey::new(key)).transpose()?;
    Ok(Some(Box::new(llm::Settings { key, timeout, ..llm::Settings::new(url, model) })))
}

struct Values<'a>(&'a [(Key, String, Origin)]);

impl<'a> Values<'a> {
    fn get(&self, name: &str) -> &'a str {
        self.0.iter().find(|(key, ..)| key.name == name).map_or("", |(_, value, _)| value)
    }

    fn bad(&self, name: &str, wanted: &str) -> Error {
        Error::invalid(format!("The setting {name} is '{}'; it takes {wanted}.", self.get(name)))
    }

    fn parse<T: std::str::FromStr>(&self, name: &str, wanted: &str) -> Result<T> {
        self.get(name).trim().parse().map_err(|_| self.bad(name, wanted))
    }

    fn number<T>(&self, name: &str, least: T, most: T) -> Result<T>
    where
        T: std::str::FromStr + PartialOrd + fmt::Display + Copy,
    {
        let wanted = format!("a whole number from {least} to {most}");
        let value: T = self.parse(name, &wanted)?;
        if value < least || value > most { Err(self.bad(name, &wanted)) } else { Ok(value) }
    }
}

fn read_file(given: Option<&Path>) -> Result<toml::Table> {
    let path = match given {
        Some(path) => path.to_owned(),
        None => default_folder(|dirs| dirs.config_dir().join("config.toml"))?,
    };
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if given.is_none() && error.kind() == std::io::ErrorKind::NotFound => return Ok(toml::Table::new()),
        Err(error) => {
            return Err(Error::invalid(format!("The configuration file {} can't be read: {error}.", path.display())));
        }
    };
    text.parse().map_err(|error: toml::de::Error| {
        Error::invalid(format!("The configuration file {} is not TOML: {}", path.display(), error.message()))
    })
}

fn default_folder(of: impl Fn(&directories::ProjectDirs) -> PathBuf) -> Result<PathBuf> {
    let dirs = directories::ProjectDirs::from("", "", "commonplace");
    dirs.as_ref().map(of).ok_or_else(|| Error::invalid("This user has no home folder; set data_dir and --config."))
}

fn make_private_folder(path: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let Some((login, host)) = rest.rsplit_once('@') else { return url.to_owned() };
    let user = login.split(':').next().unwrap_or_default();
    format!("{scheme}://{user}@{host}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(file: &str, environment: &[(&str, &str)], flags: &[(&str, String)]) -> Result<Config> {
        let find = |key: &Key| {
            environment.iter().find(|(name, _)| *name == key.variable()).map(|(_, value)| (*value).to_owned())
        };
        Config::from_sources(&file.parse().expect("TOML"), find, flags)
    }

    #[test]
    fn flags_beat_the_environment_which_beats_the_file() {
        let file = "trash_days = 1\nmax_bulk_ids = 2\nmax_requests = 3";
        let environment = [("COMMONPLACE_MAX_BULK_IDS", "20"), ("COMMONPLACE_MAX_REQUESTS", "30")];
        let config = load(file, &environment, &[("max_requests", "300".to_owned())]).expect("valid");
        assert_eq!((config.trash_days, config.max_bulk_ids, config.max_requests), (1, 20, 300));
        let origins: Vec<_> = config.values().filter(|(_, _, o)| *o != Origin::Default).map(|(_, _, o)| o).collect();
        assert_eq!(origins, [Origin::File, Origin::Environment, Origin::Flag]);
    }

    #[test]
    fn what_a_setting_can_not_be_is_refused_by_name() {
        for (file, name) in [
            ("trash_days = -1", "trash_days"),
            ("listen = 'nowhere'", "listen"),
            ("database_url = 'mysql://x'", "database_url"),
            ("public_url = 'x'", "public_url"),
            ("public_url = 'https://x.example/path'", "public_url"),
            ("public_url = 'https://me@x.example'", "public_url"),
            ("allowed_origins = 'https://a.example, b'", "allowed_origins"),
            ("memory_items = 'both'", "memory_items"),
            ("treash_days = 1", "treash_days"),
            ("llm_url = 'http://a/v1'", "llm_model"),
            ("llm_timeout_seconds = 0", "llm_timeout_seconds"),
        ] {
            let message = load(file, &[], &[]).expect_err(file).to_string();
            assert!(message.contains(name), "{message}");
        }
    }

    #[test]
    fn the_public_url_is_written_as_clients_write_it() {
        for given in ["https://Memory.Example", "https://memory.example:443/", " https://memory.example "] {
            let config = load(&format!("public_url = '{given}'"), &[], &[]).expect("valid");
            assert_eq!(config.public_url.as_deref(), Some("https://memory.example"));
        }
    }

    #[test]
    fn a_password_is_never_shown() {
        let config = load("database_url = 'postgres://me:s3cret@db:5432/x'", &[], &[]).expect("valid");
        let shown: String = config.values().map(|(_, value, _)| value).collect();
        assert!(!shown.contains("s3cret") && !format!("{config:?}").contains("s3cret"));
        assert_eq!(config.place(), "postgres://me@db:5432/x");
        let keys = "embedder_key = 's3cret'\nllm_key = 's3cret'\nllm_url = 'http://a/v1'\nllm_model = 'm'";
        let config = load(keys, &[], &[]).expect("valid");
        let shown: String = config.values().map(|(_, value, _)| value).collect();
        assert!(!shown.contains("s3cret") && !format!("{config:?} {:?}", config.llm).contains("s3cret"));
    }

    #[test]
    fn a_language_model_is_asked_only_where_there_is_an_address() {
        assert_eq!(load("llm_model = 'm'\nllm_key = 'k'", &[], &[]).expect("valid").llm, None);
        let config = load("llm_url = 'http://a/v1'\nllm_model = 'm'\nllm_timeout_seconds = 5", &[], &[]);
        let llm = config.expect("valid").llm.expect("a model");
        assert_eq!((llm.model.as_str(), llm.timeout), ("m", Duration::from_secs(5)));
    }
}
