//! `commonplace connect`: how a client gets to its memory, printed or done.
//!
//! Most clients keep their MCP servers in a JSON file, which `--write` edits in
//! place: the entry is spliced into the text, so that all else in the file
//! stays byte for byte as it was. Clients that have a command of their own for
//! this, or no file at all, get the command or the steps printed.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::print;
use crate::address::MCP_PATH;
use crate::connect::{Client, Entry, File, Part, Plan, Server, host, in_file, is_loopback, merged, plan};
use crate::error::{Error, Result};

/// Which client to connect, and to what.
#[derive(Debug, Args)]
pub(super) struct Connect {
    /// The client
    #[arg(value_enum)]
    client: Client,
    /// URL of a server to connect to over HTTP; without it the client runs this program on the local data
    #[arg(long, value_name = "URL", value_parser = base_url)]
    url: Option<String>,
    /// API token to send to that server; without it the client signs in
    #[arg(long, value_name = "TOKEN", requires = "url", value_parser = token)]
    token: Option<String>,
    /// Whose memories, with the local data; the owner's without it
    #[arg(long, conflicts_with = "url")]
    user: Option<String>,
    /// Write into the client's configuration file instead of saying what to do
    #[arg(long)]
    write: bool,
}

/// Where the clients of this machine keep their settings.
#[derive(Debug)]
struct Places {
    home: PathBuf,
    config: PathBuf,
    claude_desktop: PathBuf,
}

/// Prints what to do, or does it.
///
/// # Errors
/// [`Error::Invalid`] where the client can't be connected like this, or where
/// its file can't be read or written or is not plain JSON; the file is then
/// as it was.
pub(super) fn run(args: &Connect, data_dir: Option<&Path>, config: Option<&Path>) -> Result<ExitCode> {
    let server = match &args.url {
        Some(base) => Server::Remote { base: base.clone(), token: args.token.clone() },
        None => Server::Local { args: local_arguments(data_dir, config, args.user.as_deref())? },
    };
    let program = std::env::current_exe()
        .map_err(|error| Error::invalid(format!("The path of this program can't be found out: {error}.")))?;
    let mut out = match plan(args.client, &server, &utf8(&program)?)? {
        Plan::File { file, section, entry, then } => {
            let path = Places::of_this_machine()?.file(file);
            if args.write {
                format!("{} {then}\n", write(&path, section, &entry)?)
            } else {
                let (path, text) = (path.display(), in_file(section, &entry)?);
                format!("Merge this into {path}, or let the option --write do it:\n\n{text}\n{then}\n")
            }
        }
        Plan::Parts(parts) if args.write => {
            format!("Nothing was written: this is for you to do.\n\n{}", written(&parts))
        }
        Plan::Parts(parts) => written(&parts),
    };
    if let Some(note) = note(&server, std::env::vars_os().map(|(name, _)| name)) {
        out = format!("{out}\n{note}\n");
    }
    print(&out)
}

impl Places {
    fn of_this_machine() -> Result<Self> {
        let dirs = directories::BaseDirs::new().ok_or_else(|| Error::invalid("This user has no home folder."))?;
        // From Microsoft's store format the app sees a roaming folder of its own.
        let package = dirs.data_local_dir().join("Packages").join("Claude_pzs8sxrjxfjjc");
        let claude_desktop = if cfg!(windows) && package.is_dir() {
            package.join("LocalCache").join("Roaming").join("Claude")
        } else {
            dirs.config_dir().join("Claude")
        };
        let (home, config) = (dirs.home_dir().to_owned(), dirs.config_dir().to_owned());
        Ok(Self { home, config, claude_desktop })
    }

    fn file(&self, file: File) -> PathBuf {
        match file {
            File::ClaudeDesktop => self.claude_desktop.join("claude_desktop_config.json"),
            File::Cursor => self.home.join(".cursor").join("mcp.json"),
            File::Vscode => self.config.join("Code").join("User").join("mcp.json"),
        }
    }
}

/// What a person is told, as it stands in a terminal.
fn written(parts: &[Part]) -> String {
    let mut out = String::new();
    for part in parts {
        let gap = if out.is_empty() { "" } else { "\n" };
        // Writing to a text does not fail.
        let _ = match part {
            Part::Say(text) => writeln!(out, "{gap}{text}"),
            Part::Code(code) if code.trim_end().contains('\n') => writeln!(out, "{gap}{}", code.trim_end()),
            Part::Code(code) => writeln!(out, "{gap}  {code}"),
            Part::Steps(steps) => {
                out.push_str(gap);
                steps.iter().zip(1..).try_for_each(|(step, number)| {
                    let value = step.value.as_ref().map(|value| format!(" {value}")).unwrap_or_default();
                    writeln!(out, "{number}. {}{value}", step.text)
                })
            }
        };
    }
    out
}

/// The arguments that make this program, wherever a client starts it, open
/// the data that it would open here.
fn local_arguments(data_dir: Option<&Path>, config: Option<&Path>, user: Option<&str>) -> Result<Vec<String>> {
    let from_environment = std::env::var_os("COMMONPLACE_DATA_DIR").filter(|dir| !dir.is_empty()).map(PathBuf::from);
    let mut args = vec!["mcp".to_owned()];
    for (flag, path) in [("--data-dir", data_dir.or(from_environment.as_deref())), ("--config", config)] {
        if let Some(path) = path {
            let path = std::path::absolute(path)
                .map_err(|error| Error::invalid(format!("{flag} {} is no path: {error}.", path.display())))?;
            args.extend([flag.to_owned(), utf8(&path)?]);
        }
    }
    if let Some(user) = user {
        args.extend(["--user".to_owned(), user.to_owned()]);
    }
    Ok(args)
}

fn utf8(path: &Path) -> Result<String> {
    path.to_str().map(str::to_owned).ok_or_else(|| {
        Error::invalid(format!("The path {} is not Unicode, which no client's settings can hold.", path.display()))
    })
}

/// What someone should know beside the steps.
fn note<N: AsRef<OsStr>>(server: &Server, variables: impl Iterator<Item = N>) -> Option<String> {
    if let Server::Remote { base, .. } = server {
        let open = base.starts_with("http://") && !is_loopback(base);
        let note = "Note: this URL is not https, so anyone on the way can read the memories and the credential.";
        return open.then(|| note.to_owned());
    }
    let elsewhere = ["COMMONPLACE_DATA_DIR", "COMMONPLACE_CONFIG", "COMMONPLACE_URL", "COMMONPLACE_TOKEN"];
    let mut lost: Vec<String> = variables
        .filter_map(|name| name.as_ref().to_str().map(str::to_owned))
        .filter(|name| name.starts_with("COMMONPLACE_") && !elsewhere.contains(&name.as_str()))
        .collect();
    lost.sort();
    let note = "Note: the client won't have this shell's variables. Put into the configuration file what these say:";
    (!lost.is_empty()).then(|| format!("{note} {}.", lost.join(", ")))
}

/// The base URL in what was given, which may name the endpoint.
fn base_url(given: &str) -> Result<String, String> {
    let base = given.trim_end_matches('/');
    let base = base.strip_suffix(MCP_PATH).unwrap_or(base).trim_end_matches('/');
    let rest = base.strip_prefix("https://").or_else(|| base.strip_prefix("http://"));
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._~:/[]%".contains(c);
    match rest {
        Some(rest) if !host(base).is_empty() && rest.chars().all(plain) => Ok(base.to_owned()),
        _ => Err("give the server's URL, such as https://memory.example.com".to_owned()),
    }
}

fn token(given: &str) -> Result<String, String> {
    if !given.is_empty() && given.chars().all(|c| c.is_ascii_alphanumeric() || "-._~+/=".contains(c)) {
        Ok(given.to_owned())
    } else {
        Err("that is no token; 'commonplace token create NAME' makes one".to_owned())
    }
}

/// Puts the entry into the file and says what became of it.
fn write(file: &Path, section: &str, entry: &Entry) -> Result<String> {
    let fails = |error: std::io::Error| Error::invalid(format!("{} can't be written: {error}.", file.display()));
    // A link stays one; what it leads to is replaced.
    let target = if_there(fs::canonicalize(file)).map_err(fails)?.unwrap_or_else(|| file.to_owned());
    let old = if_there(fs::read_to_string(&target))
        .map_err(|error| Error::invalid(format!("{} can't be read: {error}.", file.display())))?;
    let new = merged(old.as_deref().unwrap_or_default(), section, entry).map_err(|error| {
        Error::invalid(format!(
            "{} was left as it is. {error} Add the entry by hand; without --write this command shows it.",
            file.display()
        ))
    })?;
    if old.as_deref() == Some(&new) {
        return Ok(format!("{} has this entry already.", file.display()));
    }
    replace(&target, &new).map_err(fails)?;
    Ok(format!("Wrote {}.", file.display()))
}

/// What is not there is none.
fn if_there<T>(found: std::io::Result<T>) -> std::io::Result<Option<T>> {
    match found {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        found => found.map(Some),
    }
}

/// Replaces the file whole or not at all, with the permissions it had. A new
/// one is its owner's alone, since it may hold a token.
fn replace(file: &Path, text: &str) -> std::io::Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let beside = folder.join(format!(".{name}.{}.tmp", std::process::id()));
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut out = options.open(&beside)?;
    let done = (|| {
        out.write_all(text.as_bytes())?;
        if let Some(old) = if_there(fs::metadata(file))? {
            out.set_permissions(old.permissions())?;
        }
        out.sync_all()?;
        fs::rename(&beside, file)
    })();
    if done.is_err() {
        // What went wrong first is what matters.
        let _ = fs::remove_file(&beside);
    }
    done
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connect::Step;

    fn local() -> Server {
        Server::Local { args: vec!["mcp".into(), "--data-dir".into(), "/srv/ann's".into()] }
    }

    fn remote(token: Option<&str>) -> Server {
        Server::Remote { base: "https://m.example".into(), token: token.map(str::to_owned) }
    }

    fn entry() -> Entry {
        match plan(Client::Cursor, &remote(Some("cmpl_x")), "commonplace") {
            Ok(Plan::File { entry, .. }) => entry,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn each_file_is_where_its_client_looks_for_it() {
        let places = Places {
            home: "/home/ann".into(),
            config: "/home/ann/.config".into(),
            claude_desktop: "/home/ann/.config/Claude".into(),
        };
        for (file, path) in [
            (File::ClaudeDesktop, "/home/ann/.config/Claude/claude_desktop_config.json"),
            (File::Cursor, "/home/ann/.cursor/mcp.json"),
            (File::Vscode, "/home/ann/.config/Code/User/mcp.json"),
        ] {
            assert_eq!(places.file(file), Path::new(path));
        }
    }

    #[test]
    fn steps_are_numbered_and_commands_stand_apart() {
        let step = |text: &str, value: Option<&str>| Step { text: text.into(), value: value.map(str::to_owned) };
        let parts = [
            Part::Say("First".into()),
            Part::Code("run it".into()),
            Part::Code("{\n}\n".into()),
            Part::Steps(vec![step("Go", None), step("Paste", Some("this"))]),
        ];
        assert_eq!(written(&parts), "First\n\n  run it\n\n{\n}\n\n1. Go\n2. Paste this\n");
    }

    #[test]
    fn a_url_may_name_the_endpoint_and_must_be_one() {
        for given in ["https://m.example", "https://m.example/", "https://m.example/api/mcp/mcp/"] {
            assert_eq!(base_url(given).as_deref(), Ok("https://m.example"), "{given}");
        }
        assert_eq!(base_url("http://[::1]:8787").as_deref(), Ok("http://[::1]:8787"));
        for bad in ["", "m.example", "ftp://m", "https://", "https://:80", "https://a b", "https://u@h", "h?x"] {
            assert!(base_url(bad).is_err(), "{bad}");
        }
        assert!(token("cmpl_aB3-x").is_ok() && token("").is_err() && token("a b").is_err() && token("a\"").is_err());
    }

    #[test]
    fn what_a_client_would_not_know_is_said_by_name() {
        let variables = ["PATH", "COMMONPLACE_DATABASE_URL", "COMMONPLACE_DATA_DIR"];
        let said = note(&local(), variables.iter()).unwrap();
        assert!(said.ends_with("COMMONPLACE_DATABASE_URL."), "{said}");
        assert_eq!(note(&local(), ["PATH"].iter()), None);
        let server = |base: &str| Server::Remote { base: base.into(), token: None };
        assert!(note(&server("http://nas:8787"), variables.iter()).unwrap().contains("not https"));
        assert_eq!(note(&server("http://[::1]:8787"), variables.iter()), None);
        assert_eq!(note(&remote(None), variables.iter()), None);
    }

    #[test]
    fn a_file_is_replaced_whole_keeps_its_mode_or_is_not_touched() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("deep/mcp.json");
        assert!(write(&file, "servers", &entry()).unwrap().starts_with("Wrote"));
        let first = fs::read_to_string(&file).unwrap();
        assert!(write(&file, "servers", &entry()).unwrap().contains("already"));
        assert_eq!(fs::read_to_string(&file).unwrap(), first);
        #[cfg(unix)]
        {
            use std::os::unix::fs::{PermissionsExt as _, symlink};
            let mode = |file: &Path| fs::metadata(file).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode(&file), 0o600);
            fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
            let link = folder.path().join("link.json");
            symlink(&file, &link).unwrap();
            write(&link, "others", &entry()).unwrap();
            assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
            assert_eq!((mode(&file), fs::read_to_string(&file).unwrap().contains("\"others\"")), (0o640, true));
        }
        fs::write(&file, "{ // mine\n}").unwrap();
        let message = write(&file, "servers", &entry()).unwrap_err().to_string();
        assert!(message.contains("mcp.json was left as it is") && message.contains("by hand"), "{message}");
        assert_eq!(fs::read_to_string(&file).unwrap(), "{ // mine\n}");
        assert_eq!(fs::read_dir(file.parent().unwrap()).unwrap().count(), 1, "a temporary file was left");
    }
}
