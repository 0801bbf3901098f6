//! Servers to test against, and what talks to them.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};
use std::sync::Mutex;

use commonplace::address::Addresses;
use commonplace::app::App;
use commonplace::auth::{Scopes, ops as auth};
use commonplace::cli;
use commonplace::clock::Clock;
use commonplace::config::Config;
use commonplace::http;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Which storage a test runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    Postgres,
}

/// Makes one test for each engine from an `async fn(Engine)`.
macro_rules! on_both_engines {
    ($($name:ident),+ $(,)?) => {
        $(mod $name {
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                super::$name($crate::harness::Engine::Sqlite).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                super::$name($crate::harness::Engine::Postgres).await;
            }
        })+
    };
}
pub(crate) use on_both_engines;

/// A place for data that goes away with it.
pub struct Place {
    pub engine: Engine,
    pub folder: TempDir,
    database: Option<Database>,
}

/// A `PostgreSQL` database of its own.
struct Database {
    server: String,
    name: String,
}

fn private() -> std::fs::Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(0o700)
}

impl Place {
    pub async fn new(engine: Engine) -> Self {
        let database = match engine {
            Engine::Sqlite => None,
            Engine::Postgres => Some(Database::create().await),
        };
        // Only for its owner, as the program makes it: 'doctor' objects to any other.
        let folder = tempfile::Builder::new().permissions(private()).tempdir().expect("a temporary folder");
        Self { engine, folder, database }
    }

    /// A place on this `PostgreSQL` server.
    pub async fn on(server: &str) -> Self {
        let database = Some(Database::create_on(server.to_owned()).await);
        let folder = tempfile::Builder::new().permissions(private()).tempdir().expect("a temporary folder");
        Self { engine: Engine::Postgres, folder, database }
    }

    /// The settings that lead to this place.
    pub fn flags(&self) -> Vec<(&'static str, String)> {
        let mut flags = vec![("data_dir", self.folder.path().display().to_string())];
        flags.extend(self.database.iter().map(|database| ("database_url", database.url())));
        flags
    }

    /// Every byte that the server keeps here, by file.
    ///
    /// Another process reads them: a process that closes a file loses all of its
    /// locks on it, those of a server inside it too, whose data would then be at
    /// the mercy of any other (sqlite.org/howtocorrupt.html, section 2.2).
    pub fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let entries = std::fs::read_dir(self.folder.path()).expect("the data folder");
        let read = |entry: std::io::Result<std::fs::DirEntry>| {
            let path = entry.expect("an entry").path();
            let output = Command::new("cat").arg(&path).output().expect("a readable file");
            assert!(output.status.success(), "{output:?}");
            (path, output.stdout)
        };
        entries.map(read).collect()
    }
}

impl Database {
    async fn create() -> Self {
        let server = std::env::var("TEST_DATABASE_URL")
            .expect("TEST_DATABASE_URL must name a PostgreSQL server; 'scripts/test' starts one");
        Self::create_on(server).await
    }

    async fn create_on(server: String) -> Self {
        let name = format!("test_{}", hex::encode(commonplace::id::random::<8>().expect("random bytes")));
        let pool = sqlx::PgPool::connect(&server).await.expect("a connection to TEST_DATABASE_URL");
        let sql = sqlx::AssertSqlSafe(format!("create database {name}"));
        sqlx::raw_sql(sql).execute(&pool).await.expect("a database of the test's own");
        pool.close().await;
        Self { server, name }
    }

    /// The server's URL with the database's name as its path.
    fn url(&self) -> String {
        let (base, query) = self.server.split_once('?').map_or((self.server.as_str(), ""), |(b, q)| (b, q));
        let (scheme, rest) = base.split_once("://").expect("a URL");
        let authority = rest.split('/').next().unwrap_or_default();
        format!("{scheme}://{authority}/{}?{query}", self.name)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let sql = format!("drop database if exists {} with (force)", self.name);
        let server = self.server.clone();
        // A runtime of its own: this can run inside the test's.
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let pool = sqlx::PgPool::connect(&server).await?;
                sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&pool).await
            })
        });
        if !matches!(dropped.join(), Ok(Ok(_))) {
            eprintln!("the database {} was left behind", self.name);
        }
    }
}

/// The real server on a port of its own, inside the test's process.
pub struct Server {
    pub app: App,
    pub url: String,
    pub place: Option<Place>,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    task: Option<tokio::task::JoinHandle<()>>,
}

impl Server {
    pub async fn start(engine: Engine) -> Self {
        Self::start_with(engine, &[]).await
    }

    /// Starts with settings other than the default ones.
    pub async fn start_with(engine: Engine, settings: &[(&'static str, &str)]) -> Self {
        let place = Place::new(engine).await;
        let mut server = Self::start_at(&place, settings).await;
        server.place = Some(place);
        server
    }

    /// Starts one more server on the same data.
    pub async fn start_at(place: &Place, settings: &[(&'static str, &str)]) -> Self {
        let mut flags = place.flags();
        flags.extend(settings.iter().map(|(name, value)| (*name, (*value).to_owned())));
        let empty = place.folder.path().with_extension("toml");
        std::fs::write(&empty, "").expect("an empty configuration file");
        let config = Config::load(Some(&empty), &flags).expect("valid settings");
        std::fs::remove_file(&empty).expect("removed");
        let app = App::open(config, Clock::default()).await.expect("the storage opens");
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address: SocketAddr = listener.local_addr().expect("an address");
        let addresses = Addresses::new(&app.config, address);
        let url = format!("http://{address}");
        let router = cli::router(app.clone(), addresses).expect("a router");
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let serving = app.clone();
        let task = tokio::spawn(async move {
            let stopped = async { drop(stopped.await) };
            http::serve(listener, router, &serving.config, stopped).await;
        });
        Self { app, url, place: None, stop: Some(stop), task: Some(task) }
    }

    /// Finishes what is under way and closes.
    pub async fn stop(&mut self) {
        drop(self.stop.take());
        if let Some(task) = self.task.take() {
            task.await.expect("the server ends well");
        }
        self.app.db.close().await;
    }

    /// A new account with a token for everything.
    pub async fn user(&self, name: &str) -> User {
        let account = auth::create_account(&self.app, name).await.expect("a new account");
        let (token, _) =
            auth::create_token(&self.app, account.id, "test", Scopes::all(), None).await.expect("a new token");
        self.with_token(&token)
    }

    /// One who sends this token.
    pub fn with_token(&self, token: &str) -> User {
        User { url: self.url.clone(), token: token.to_owned(), http: client() }
    }
}

/// An HTTP client. It is built with TLS, which the program needs elsewhere and
/// leaves to its user to provide for.
pub fn client() -> reqwest::Client {
    // Only the first call installs it.
    let _installed = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::new()
}

/// Someone with a token, and a connection kept alive.
#[derive(Clone)]
pub struct User {
    pub url: String,
    pub token: String,
    pub http: reqwest::Client,
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
}

impl Answer {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {self:?}"))
    }

    /// The body as JSON, of an answer that must be 200.
    pub fn ok(&self) -> Value {
        assert_eq!(self.status, StatusCode::OK, "{self:?}");
        self.json()
    }

    /// The sentence of an error with this status.
    pub fn error(&self, status: u16) -> String {
        assert_eq!(self.status.as_u16(), status, "{self:?}");
        self.json()["error"].as_str().expect("an error has a sentence").to_owned()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("a text header"))
    }
}

impl User {
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url)).bearer_auth(&self.token)
    }

    pub async fn get(&self, path: &str) -> Answer {
        answer(self.request(Method::GET, path)).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        answer(self.request(Method::DELETE, path)).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        answer(self.request(Method::POST, path).json(&body)).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        answer(self.request(Method::PATCH, path).json(&body)).await
    }

    /// Stores a memory in General; its id.
    pub async fn remember(&self, text: &str) -> String {
        let created = self.post("/api/memory", json!({"text": text})).await.ok();
        assert_eq!(created["isDuplicate"], json!(false), "{text:?} was stored before");
        created["memoryId"].as_str().expect("an id").to_owned()
    }

    /// Stores many memories in one import; their ids in the order of the texts.
    pub async fn remember_all(&self, texts: &[String]) -> Vec<String> {
        let imported = self.post("/api/import", json!(texts)).await.ok();
        assert_eq!(imported["created"], json!(texts.len()), "{imported}");
        let ids = self.ids().await;
        texts.iter().map(|text| ids[text.as_str()].clone()).collect()
    }

    /// The ids of all memories, by their texts.
    pub async fn ids(&self) -> std::collections::HashMap<String, String> {
        let export = self.get("/api/export").await.ok();
        let memories = export["memories"].as_array().expect("a list").iter();
        let pair = |memory: &Value| {
            let field = |name: &str| memory[name].as_str().expect("a text").to_owned();
            (field("text"), field("id"))
        };
        memories.map(pair).collect()
    }

    /// The texts of all memories, newest first.
    pub async fn texts(&self) -> Vec<String> {
        let list = self.get("/api/memory?all=true").await.ok();
        serde_json::from_value(list).expect("a list of texts")
    }

    /// The id of a bucket made with this name.
    pub async fn bucket(&self, name: &str) -> String {
        let made = self.post("/api/buckets", json!({"name": name})).await.ok();
        made["id"].as_str().expect("an id").to_owned()
    }
}

/// Sends a request.
pub async fn answer(request: reqwest::RequestBuilder) -> Answer {
    let response = request.send().await.expect("an answer");
    let (status, headers) = (response.status(), response.headers().clone());
    Answer { status, headers, text: response.text().await.expect("a whole body") }
}

/// The real program in a process of its own.
pub struct Program {
    pub child: Child,
    pub url: String,
    /// The token shown at the first start.
    pub token: Option<String>,
    /// The link to set the owner's password, with the server's address before it.
    pub link: Option<String>,
    pub stdout: BufReader<ChildStdout>,
    stderr: Mutex<Option<BufReader<ChildStderr>>>,
}

/// The program with a command, on the data of a place and no other setting.
pub fn command(place: &Place, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_commonplace"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("COMMONPLACE_")) {
        command.env_remove(name);
    }
    for (name, value) in place.flags() {
        command.env(format!("COMMONPLACE_{}", name.to_uppercase()), value);
    }
    command.env("HOME", place.folder.path().join("home")).args(arguments);
    command
}

/// Runs the program to its end; exit code, standard output, standard error.
pub fn run(place: &Place, arguments: &[&str]) -> (i32, String, String) {
    let output = command(place, arguments).output().expect("the program runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (output.status.code().expect("an exit code"), text(output.stdout), text(output.stderr))
}

impl Program {
    /// Starts `serve` on a free port and waits until it says that it is ready.
    pub fn serve(place: &Place, environment: &[(&str, &str)]) -> Self {
        let mut command = command(place, &["serve", "--listen", "127.0.0.1:0"]);
        command.envs(environment.iter().copied()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
        let stderr = Mutex::new(child.stderr.take().map(BufReader::new));
        let mut said = String::new();
        let (mut url, mut token, mut link) = (None, None, None);
        loop {
            let mut line = String::new();
            if stdout.read_line(&mut line).expect("readable") == 0 {
                let mut why = String::new();
                let mut stderr = stderr.lock().expect("not poisoned").take().expect("piped");
                stderr.read_to_string(&mut why).expect("readable");
                panic!("the server did not start: {said}{why}");
            }
            if let Some(at) = line.strip_prefix("commonplace is ready at ") {
                url = Some(at.trim().to_owned());
            }
            if line.trim().starts_with("cmpl_") {
                token = Some(line.trim().to_owned());
            }
            if line.contains("/welcome?link=") {
                link = Some(line.trim().to_owned());
            }
            said.push_str(&line);
            if line.starts_with("Documentation: ") {
                break;
            }
        }
        Self { child, url: url.expect("it says where it is"), token, link, stdout, stderr }
    }

    /// One who sends this token.
    pub fn with_token(&self, token: &str) -> User {
        User { url: self.url.clone(), token: token.to_owned(), http: client() }
    }

    /// The one whose token was shown at the first start.
    pub fn user(&self) -> User {
        self.with_token(self.token.as_ref().expect("a first start"))
    }

    /// Blocks until a line on standard error has this text.
    pub fn wait_for(&self, text: &str) {
        let mut stderr = self.stderr.lock().expect("not poisoned");
        let stderr = stderr.as_mut().expect("not taken");
        let mut said = String::new();
        while !said.lines().last().unwrap_or_default().contains(text) {
            assert_ne!(stderr.read_line(&mut said).expect("readable"), 0, "it ended without {text:?}: {said}");
        }
    }

    /// Reads standard error from now on, up to its end.
    pub fn log(&self) -> std::thread::JoinHandle<String> {
        let mut stderr = self.stderr.lock().expect("not poisoned").take().expect("piped");
        std::thread::spawn(move || {
            let mut said = String::new();
            stderr.read_to_string(&mut said).expect("readable");
            said
        })
    }

    /// SIGKILL, at once.
    pub fn kill(mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("gone");
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Killed and waited for already, where the test did so.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Whether a file has these bytes somewhere, in any case of ASCII letters.
pub fn contains(haystack: &[u8], needle: &str) -> bool {
    let needle = needle.as_bytes();
    haystack.windows(needle.len()).any(|window| window.eq_ignore_ascii_case(needle))
}

/// The folder of a file given by its path in the repository.
pub fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}
