//! The rules of docs/ARCHITECTURE.md that the compiler does not check, read off
//! the sources.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};

use crate::harness::repository;

/// What clients meet: each knows the features, and nothing of the others.
const FACES: &[&str] = &["http", "mcp", "web", "cli"];
/// What the server does.
const FEATURES: &[&str] = &["memory", "bucket", "receipt", "history", "search", "overview", "jobs", "auth"];
/// What everything stands on.
const GROUND: &[&str] = &[
    "address",
    "app",
    "body",
    "clock",
    "config",
    "connect",
    "db",
    "embed",
    "error",
    "failpoint",
    "id",
    "llm",
    "outbound",
];

/// Uses of one face by another that have to be, each with its reason.
const FACE_USES: &[(&str, &str, &str)] = &[
    ("src/cli/serve.rs", "http", "serving is the command that puts the other faces on the network"),
    ("src/cli/serve.rs", "mcp", "as above"),
    ("src/cli/serve.rs", "web", "as above"),
    ("src/cli/mcp.rs", "mcp", "the command that puts it on standard input and output"),
    ("src/cli/mod.rs", "http", "a command prints the description of the API"),
];

/// Uses of what stands on it by the ground that have to be, each with its reason.
const GROUND_USES: &[(&str, &str, &str)] = &[
    ("src/db/sqlite/functions.rs", "search", "views of the schema call a function for what the index is given"),
    ("src/db/sqlite/functions.rs", "history", "as above, for the text of a chunk"),
    ("src/app.rs", "search", "what a process keeps in memory for searching is part of its state"),
    ("src/app.rs", "overview", "what a process has counted and not stored yet is part of its state"),
    ("src/app.rs", "auth", "what a process keeps in memory about callers is part of its state"),
];

/// Tables and columns that only one engine has, each with its reason.
const ONE_ENGINE: &[(&str, &str, &str)] = &[
    ("sqlite", "memory_fts", "full-text search is a virtual table there"),
    ("sqlite", "memory_change", "what processes keep in memory of a file follows it; PostgreSQL searches by itself"),
    ("sqlite", "account.changes_after", "the beginning of memory_change"),
    ("sqlite", "unclean", "PostgreSQL erases its own files"),
    ("sqlite", "chunk_fts", "full-text search is a virtual table there"),
    ("postgres", "chunk.text", "a view makes it of the messages on SQLite"),
    ("postgres", "chunk.words", "a view makes them of the text on SQLite"),
    ("postgres", "chunk.analysis", "as above"),
    ("postgres", "chunk.tsv", "full-text search is a generated column there"),
    ("postgres", "chunk.length", "the full-text index of SQLite knows it"),
    ("postgres", "memory.tsv", "full-text search is a generated column there"),
    ("postgres", "memory.length", "the full-text index of SQLite knows it"),
];

/// A source file, its text taken apart.
struct Source {
    /// From the root of the repository, with slashes.
    path: String,
    /// The code without comments, texts, and the module of unit tests at its end.
    code: String,
    /// The texts in that code, each with its line.
    texts: Vec<(usize, String)>,
    lines: usize,
}

/// Every file below a folder, in order.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// A path from the root of the repository, with slashes.
fn shown(path: &Path) -> String {
    let path = path.strip_prefix(repository("")).expect("a path in the repository");
    path.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}

fn sources(folder: &str) -> Vec<Source> {
    let files = files(&repository(folder)).into_iter().filter(|path| path.extension().is_some_and(|e| e == "rs"));
    let source = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).expect("a source file");
        let shipped = text.split("\n#[cfg(test)]\nmod tests").next().unwrap_or_default();
        let (code, texts) = take_apart(shipped);
        Source { path: shown(&path), code, texts, lines: text.lines().count() }
    };
    files.map(source).collect()
}

/// Separates code from the texts in it, and drops comments.
fn take_apart(source: &str) -> (String, Vec<(usize, String)>) {
    let (mut code, mut texts) = (String::new(), Vec::new());
    let mut at = 0;
    while let Some(next) = source[at..].chars().next() {
        let rest = &source[at..];
        let in_word = code.ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let hashes = rest[1..].bytes().take_while(|byte| *byte == b'#').count();
        if rest.starts_with("//") {
            at += rest.find('\n').unwrap_or(rest.len());
        } else if rest.starts_with("/*") {
            at += rest.find("*/").map_or(rest.len(), |end| end + 2);
        } else if next == 'r' && !in_word && rest[1 + hashes..].starts_with('"') {
            let body = &rest[hashes + 2..];
            let length = body.find(&format!("\"{}", "#".repeat(hashes))).expect("an end of the text");
            texts.push((line(source, at), body[..length].to_owned()));
            at += hashes + 2 + length + 1 + hashes;
        } else if next == '"' {
            let (text, length) = quoted(&rest[1..]);
            texts.push((line(source, at), text));
            at += length + 2;
        } else if next == '\'' && (rest[1..].starts_with('\\') || rest[1..].chars().nth(1) == Some('\'')) {
            // A character, not a lifetime. An escaped one may be a quote itself.
            let from = if rest[1..].starts_with('\\') { 3 } else { 1 };
            at += from + rest[from..].find('\'').expect("an end of the character") + 1;
        } else {
            code.push(next);
            at += next.len_utf8();
        }
    }
    (code, texts)
}

/// The text up to its closing quote, and how long it is in the source.
fn quoted(rest: &str) -> (String, usize) {
    let mut text = String::new();
    let mut characters = rest.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (text, at),
            '\\' => text.extend(characters.next().map(|(_, escaped)| escaped).filter(|escaped| *escaped != '\n')),
            other => text.push(other),
        }
    }
    panic!("a text without an end");
}

fn line(source: &str, at: usize) -> usize {
    source[..at].matches('\n').count() + 1
}

/// The words of code: identifiers and keywords.
fn words(code: &str) -> impl Iterator<Item = &str> {
    code.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

/// The modules of this crate that code names, as in `crate::db::Tx` and `use crate::{app, db}`.
fn modules(code: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for after in code.split("crate::").skip(1) {
        let Some(list) = after.strip_prefix('{') else {
            found.extend(words(after).next().map(str::to_owned));
            continue;
        };
        let mut depth = 0_i32;
        let outermost: String = list
            .chars()
            .take_while(|c| {
                depth += i32::from(*c == '{') - i32::from(*c == '}');
                depth >= 0
            })
            .scan(0_i32, |depth, c| {
                *depth += i32::from(c == '{') - i32::from(c == '}');
                Some(if *depth > 0 { ' ' } else { c })
            })
            .collect();
        found.extend(outermost.split(',').filter_map(|item| words(item).next().map(str::to_owned)));
    }
    found
}

/// The module below `src` that a file belongs to.
fn module(path: &str) -> &str {
    let inside = path.strip_prefix("src/").unwrap_or(path);
    inside.split('/').next().unwrap_or_default().trim_end_matches(".rs")
}

/// The sources of these modules.
fn sources_of(layer: &[&str]) -> Vec<Source> {
    sources("src").into_iter().filter(|source| layer.contains(&module(&source.path))).collect()
}

#[track_caller]
fn none(findings: &[String]) {
    assert!(findings.is_empty(), "\n{}\n", findings.join("\n"));
}

#[test]
fn every_module_is_a_face_a_feature_or_ground() {
    let unknown = |source: &Source| {
        let module = module(&source.path);
        let known = [FACES, FEATURES, GROUND, &["lib", "main"]].concat().contains(&module);
        (!known).then(|| format!("{}: say in tests/it/tidy.rs which layer '{module}' is", source.path))
    };
    none(&sources("src").iter().filter_map(unknown).collect::<Vec<_>>());
}

#[test]
fn faces_know_neither_each_other_nor_the_storage() {
    let mut findings = Vec::new();
    let mut used = BTreeSet::new();
    for source in sources_of(FACES) {
        let own = module(&source.path);
        for named in modules(&source.code) {
            if named == "db" {
                findings.push(format!("{} uses crate::db; add an operation to a feature", source.path));
            }
            if named != own && FACES.contains(&named.as_str()) {
                match FACE_USES.iter().position(|(path, face, _)| *path == source.path && *face == named) {
                    Some(exception) => drop(used.insert(exception)),
                    None => findings.push(format!("{} uses crate::{named}, another face", source.path)),
                }
            }
        }
        for statement in ["db.read(", "db.write(", "super::super", "rows::"] {
            if source.code.contains(statement) {
                findings.push(format!("{} has '{statement}'; add an operation to a feature", source.path));
            }
        }
    }
    let unused = FACE_USES.iter().enumerate().filter(|(index, _)| !used.contains(index));
    findings.extend(unused.map(|(_, exception)| format!("{exception:?} is no longer needed")));
    none(&findings);
}

#[test]
fn features_know_nothing_of_faces_and_http() {
    let mut findings = Vec::new();
    for source in sources_of(FEATURES) {
        let faces = modules(&source.code).into_iter().filter(|named| FACES.contains(&named.as_str()));
        findings.extend(faces.map(|face| format!("{} uses crate::{face}, a face", source.path)));
        // What a client says of itself is fetched, which makes this a client of others.
        let is_client = source.path.starts_with("src/auth/oauth/document");
        for word in ["StatusCode", "status", "hyper", "http"].into_iter().filter(|_| !is_client) {
            if words(&source.code).any(|found| found == word) {
                findings.push(format!("{} speaks of '{word}'; that is for a face to know", source.path));
            }
        }
    }
    none(&findings);
}

#[test]
fn ground_knows_nothing_of_what_stands_on_it() {
    let mut findings = Vec::new();
    for source in sources_of(GROUND) {
        let above = modules(&source.code);
        let above = above.iter().filter(|named| [FACES, FEATURES].concat().contains(&named.as_str()));
        let above =
            above.filter(|named| !GROUND_USES.iter().any(|(path, used, _)| *path == source.path && used == named));
        findings.extend(above.map(|named| format!("{} uses crate::{named}", source.path)));
    }
    none(&findings);
}

#[test]
fn web_frameworks_stay_in_the_faces_that_serve() {
    let mut findings = Vec::new();
    let serves = |path: &str| ["http", "web", "mcp"].contains(&module(path)) || path == "src/cli/serve.rs";
    for source in sources("src").iter().filter(|source| !serves(&source.path)) {
        for library in ["axum", "hyper", "hyper_util", "tower", "tower_http", "utoipa", "utoipa_axum"] {
            if words(&source.code).any(|word| word == library) {
                findings.push(format!("{} uses {library}", source.path));
            }
        }
    }
    none(&findings);
}

#[test]
fn database_drivers_stay_in_db() {
    let mut findings = Vec::new();
    for source in sources("src").iter().filter(|source| module(&source.path) != "db") {
        for driver in ["rusqlite", "libsqlite3_sys", "sqlx"] {
            if words(&source.code).any(|word| word == driver) {
                findings.push(format!("{} uses {driver}", source.path));
            }
        }
    }
    none(&findings);
}

#[test]
fn sql_stays_with_the_rows() {
    let mut findings = Vec::new();
    for source in sources("src") {
        let path = &source.path;
        if path.ends_with("/rows.rs") || path == "src/search/candidates.rs" || module(path) == "db" {
            continue;
        }
        let sql = source.texts.iter().filter(|(_, text)| is_sql(text));
        findings.extend(sql.map(|(line, text)| format!("{path}:{line}: SQL outside of rows.rs: {text}")));
    }
    none(&findings);
}

/// Whether a text begins like a statement.
fn is_sql(text: &str) -> bool {
    let text = text.trim_start().to_ascii_lowercase();
    let statements = [
        "select ",
        "insert into ",
        "insert or ",
        "replace into ",
        "delete from ",
        "create table ",
        "create index ",
        "create unique ",
        "create virtual ",
        "create extension ",
        "alter table ",
        "drop table ",
        "drop index ",
        "truncate ",
        "pragma ",
        "vacuum",
        "begin immediate",
    ];
    let starts = statements.iter().any(|statement| text.starts_with(statement));
    let changes = text.starts_with("update ") && text.contains(" set ");
    let named = text.starts_with("with ") && (text.contains(" as (select ") || text.contains(" as (values"));
    starts || changes || named
}

#[test]
fn no_file_is_too_long_to_be_read_in_one_go() {
    let files = ["src", "tests", "bench", "fuzz/src", "fuzz/fuzz_targets"].into_iter().flat_map(sources);
    let long = files.filter(|source| source.lines > 800);
    none(&long.map(|source| format!("{} has {} lines; at most 800", source.path, source.lines)).collect::<Vec<_>>());
}

#[test]
fn every_path_in_the_architecture_exists() {
    let text = std::fs::read_to_string(repository("docs/ARCHITECTURE.md")).expect("docs/ARCHITECTURE.md");
    let quoted = text.split('`').skip(1).step_by(2).map(|path| (path, ""));
    let linked = text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next()).map(|path| (path, "docs"));
    let all = texts_of_the_repository();
    let mut findings = Vec::new();
    let mut seen = 0;
    for (path, from) in quoted.chain(linked).filter(|(path, _)| is_path(path)) {
        seen += 1;
        let places = [repository(from).join(path), repository(path), repository("src").join(path)];
        // A bare name is that of a file in the folder just spoken of.
        let named = || !path.contains('/') && all.iter().any(|file| file.ends_with(path));
        if !places.iter().any(|place| place.exists()) && !named() {
            findings.push(format!("docs/ARCHITECTURE.md names {path}, which does not exist"));
        }
    }
    none(&findings);
    assert!(seen > 0, "docs/ARCHITECTURE.md names no path");
}

/// Whether a word is meant as the path of a file or folder here.
fn is_path(word: &str) -> bool {
    let plain = word.chars().all(|c| c.is_ascii_alphanumeric() || "._-/".contains(c));
    let kind = Path::new(word).extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    let file = ["rs", "md", "toml", "sql", "py", "json", "lock"].contains(&kind);
    let top = word.split('/').next().unwrap_or_default();
    let folder =
        word.contains('/') && ["src", "tests", "docs", "bench", "fuzz", "scripts", "migrations"].contains(&top);
    plain && !word.starts_with(['/', '.']) && (file || folder)
}

#[test]
fn both_engines_have_the_same_migrations_tables_and_columns() {
    let migrations = |engine: &str| files(&repository("migrations").join(engine));
    let names = |engine: &str| -> Vec<String> {
        migrations(engine).iter().map(|path| path.file_name().expect("a name").to_string_lossy().into_owned()).collect()
    };
    assert_eq!(names("sqlite"), names("postgres"), "the engines' migrations differ");
    for (index, name) in names("sqlite").iter().enumerate() {
        assert!(name.starts_with(&format!("{:04}_", index + 1)), "{name} does not have the next number");
    }
    let schema = |engine: &str| {
        let mut schema = Schema::new();
        for path in migrations(engine) {
            apply(&mut schema, &std::fs::read_to_string(path).expect("a migration"));
        }
        schema.into_iter().flat_map(|(table, columns)| {
            // A table that only one engine has is one difference, whatever its columns are.
            let is_shared = !ONE_ENGINE.iter().any(|(_, name, _)| *name == table);
            let columns = columns.iter().filter(|_| is_shared);
            let columns: Vec<_> = columns.map(|column| format!("{table}.{column}")).collect();
            std::iter::once(table).chain(columns)
        })
    };
    let (sqlite, postgres): (BTreeSet<_>, BTreeSet<_>) = (schema("sqlite").collect(), schema("postgres").collect());
    assert!(sqlite.contains("memory.text"), "the migrations were not understood");
    let differences = sqlite.difference(&postgres).map(|name| ("sqlite", name.as_str()));
    let differences: BTreeSet<_> =
        differences.chain(postgres.difference(&sqlite).map(|name| ("postgres", name.as_str()))).collect();
    let expected: BTreeSet<_> = ONE_ENGINE.iter().map(|(engine, name, _)| (*engine, *name)).collect();
    assert_eq!(differences, expected, "what only one engine has is not what ONE_ENGINE says");
}

/// Tables and their columns.
type Schema = BTreeMap<String, BTreeSet<String>>;

/// Follows the statements of a migration that make and change tables.
fn apply(schema: &mut Schema, migration: &str) {
    let code: String = migration.lines().map(|line| line.split("--").next().unwrap_or_default()).fold(
        String::new(),
        |mut code, line| {
            let _ = writeln!(code, "{line}");
            code
        },
    );
    for statement in code.split(';') {
        let lower = statement.to_ascii_lowercase();
        let heads: Vec<&str> = words(&lower).take(6).collect();
        match heads.as_slice() {
            ["create", "table", table, ..] => drop(schema.insert((*table).to_owned(), columns(&lower))),
            ["create", "virtual", "table", table, ..] => drop(schema.insert((*table).to_owned(), BTreeSet::new())),
            ["drop", "table", table, ..] => assert!(schema.remove(*table).is_some(), "no table {table} to drop"),
            ["alter", "table", table, "add", "column", column, ..] => {
                schema.get_mut(*table).expect("a table").insert((*column).to_owned());
            }
            ["alter", "table", table, "drop", "column", column, ..] => {
                assert!(schema.get_mut(*table).expect("a table").remove(*column), "no column {table}.{column} to drop");
            }
            ["alter", "table", _, "alter", "column", ..] => {}
            ["alter", "table", ..] => panic!("teach tests/it/tidy.rs to follow: {statement}"),
            _ => {}
        }
    }
}

/// The columns of a `create table`.
fn columns(statement: &str) -> BTreeSet<String> {
    let (_, body) = statement.split_once('(').expect("a list of columns");
    let mut depth = 0_i32;
    let mut items = vec![String::new()];
    for character in body.chars() {
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => items.push(String::new()),
            _ => {}
        }
        if depth < 0 {
            break;
        }
        items.last_mut().expect("one").push(character);
    }
    let names = items.iter().filter_map(|item| words(item).next());
    names
        .filter(|name| !["primary", "unique", "foreign", "check", "constraint", ","].contains(name))
        .map(str::to_owned)
        .collect()
}

#[test]
fn no_file_names_the_host_of_a_package_registry() {
    // In two parts each, or this file would be one of them.
    let hosts = [
        ("crates", ".io"),
        ("pypi", ".org"),
        ("pythonhosted", ".org"),
        ("registry.npmjs", ".org"),
        ("registry.yarnpkg", ".com"),
        ("deb.debian", ".org"),
        ("proxy.golang", ".org"),
    ];
    let hosts = hosts.map(|(name, end)| format!("{name}{end}"));
    let mut findings = Vec::new();
    for path in texts_of_the_repository() {
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        let named = hosts.iter().filter(|host| text.contains(host.as_str()));
        findings.extend(named.map(|host| format!("{} names {host}", shown(&path))));
    }
    none(&findings);
}

/// The files of the repository, but not what is made from them.
fn texts_of_the_repository() -> Vec<PathBuf> {
    let made = ["target", ".git", ".venv", "node_modules", ".hypothesis", "__pycache__", "corpus", "artifacts"];
    let mut found = Vec::new();
    for entry in std::fs::read_dir(repository("")).expect("the repository") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        if made.contains(&name.as_str()) {
            continue;
        }
        if path.is_dir() {
            let inside = |path: &PathBuf| !shown(path).split('/').any(|part| made.contains(&part));
            found.extend(files(&path).into_iter().filter(inside));
        } else {
            found.push(path);
        }
    }
    // cargo writes where each dependency comes from into its lock file.
    found.retain(|path| !path.ends_with("Cargo.lock"));
    found
}

#[test]
fn sources_are_taken_apart_rightly() {
    let (code, texts) = take_apart(
        "use crate::{app::App, db::{Tx, Row}, id}; // \"no\"\nlet a: &'static str = r#\"raw \"x\"\"#; /* crate::no */\n\
         let c = ('\"', '\\'', \"t\\\"wo\", b\"three\"); crate::bucket::rows();",
    );
    let texts: Vec<_> = texts.iter().map(|(line, text)| (*line, text.as_str())).collect();
    assert_eq!(texts, [(2, "raw \"x\""), (3, "t\"wo"), (3, "three")]);
    assert_eq!(modules(&code).into_iter().collect::<Vec<_>>(), ["app", "bucket", "db", "id"]);
    assert!(is_sql("select 1") && is_sql(" update t set a = 1") && !is_sql("Update the bucket") && !is_sql("selected"));
    let mut schema = Schema::new();
    apply(
        &mut schema,
        "create table t (a int primary key, -- x, y\n b int check (b > 0), primary key (a, b));\n\
                        alter table t add column c int; create index i on t (a)",
    );
    assert_eq!(schema["t"].iter().map(String::as_str).collect::<Vec<_>>(), ["a", "b", "c"]);
}
