//! The program under measurement, and the data that it is started on.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::Result;
use crate::client::{self, Client};
use crate::postgres::Database;

/// A folder on the disk that is measured.
pub fn folder() -> Result<TempDir> {
    Ok(TempDir::new_in(env!("CARGO_TARGET_TMPDIR"))?)
}

/// Where a server keeps its data; it goes away with this.
pub enum Place {
    File(TempDir),
    Database(Database),
}

impl Place {
    /// An empty one; a database on the server with this URL, else a file.
    pub fn new(database_url: Option<&str>) -> Result<Self> {
        Ok(match database_url {
            Some(url) => Self::Database(Database::create(url, None)?),
            None => Self::File(folder()?),
        })
    }

    /// One with the same data. No server may be running on this.
    pub fn copy(&self) -> Result<Self> {
        match self {
            Self::Database(database) => Ok(Self::Database(Database::create(&database.server, Some(&database.name))?)),
            Self::File(from) => {
                let to = folder()?;
                for entry in std::fs::read_dir(from.path())? {
                    let entry = entry?;
                    let copy = to.path().join(entry.file_name());
                    std::fs::copy(entry.path(), &copy)?;
                    // What is measured next must not wait for this to reach the disk.
                    std::fs::File::open(copy)?.sync_all()?;
                }
                Ok(Self::File(to))
            }
        }
    }

    /// Tells a program of ours that its data is here.
    pub fn name_in(&self, command: &mut Command) {
        match self {
            Self::File(folder) => command.env("COMMONPLACE_DATA_DIR", folder.path()),
            Self::Database(database) => command.env("COMMONPLACE_DATABASE_URL", database.url()),
        };
    }

    /// The folder of the database file.
    pub fn path(&self) -> Result<&Path> {
        match self {
            Self::File(folder) => Ok(folder.path()),
            Self::Database(_) => Err("this measure needs a database file".into()),
        }
    }
}

/// A running server.
pub struct Server {
    child: Child,
    pub address: SocketAddr,
    pub token: String,
    /// From its start until `/readyz` said so.
    pub start: Duration,
}

impl Server {
    /// Starts a server and waits until it is ready. `token` is needed where the
    /// data is not new; `preload` names a library to load before all others.
    pub fn start(place: &Place, token: Option<&str>, preload: Option<&Path>) -> Result<Self> {
        let library = preload.and_then(Path::to_str).map(|library| ("LD_PRELOAD", library));
        Self::start_with(place, token, library.as_slice())
    }

    /// The same with variables of the environment.
    pub fn start_with(place: &Place, token: Option<&str>, environment: &[(&str, &str)]) -> Result<Self> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_commonplace"));
        command.args(["serve", "--listen", "127.0.0.1:0"]).stdout(Stdio::piped());
        // As by default, without a line for each stop.
        command.env("COMMONPLACE_LOG", "info,commonplace::cli=warn");
        place.name_in(&mut command);
        command.envs(environment.iter().copied());
        let begun = Instant::now();
        let mut child = command.spawn()?;
        let output = child.stdout.take().ok_or("the server has no output")?;
        let (mut address, mut given) = (None, token.map(str::to_owned));
        for line in BufReader::new(output).lines() {
            let line = line?;
            if let Some(url) = line.strip_prefix("commonplace is ready at http://") {
                address = Some(url.parse()?);
            } else if line.trim().starts_with("cmpl_") {
                given = Some(line.trim().to_owned());
            } else if line.starts_with("Documentation") {
                break;
            }
        }
        let address = address.ok_or("the server did not start")?;
        let token = given.ok_or("the server gave no token")?;
        Client::connect(address)?.send(&client::request(&token, "GET", "/readyz", ""))?;
        Ok(Self { child, address, token, start: begun.elapsed() })
    }

    /// Waits until the index of what it was started on is loaded; until then the
    /// answer to a search says that it lacks something.
    pub fn wait_for_index(&self, method: &str, path: &str, body: &str) -> Result<()> {
        let mut client = Client::connect(self.address)?;
        let search = client::request(&self.token, method, path, body);
        let begun = Instant::now();
        loop {
            client.send(&search)?;
            if !client.was_given("search-lacks") {
                return Ok(());
            }
            if begun.elapsed() > Duration::from_mins(1) {
                return Err("the index was not loaded within a minute".into());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Stops it and waits until its data is closed.
    pub fn stop(mut self) -> Result<()> {
        Command::new("kill").arg(self.child.id().to_string()).status()?;
        self.child.wait()?;
        Ok(())
    }

    /// Its resident memory, in megabytes.
    pub fn resident_mb(&self) -> Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("the kernel gives no VmRSS")?;
        let kib: u32 = line.trim().trim_end_matches("kB").trim().parse()?;
        Ok(f64::from(kib) / 1024.0)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // After an error; a server that was stopped is gone already.
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}
