//! Several processes on the same data: servers, and the command line beside them.

use serde_json::json;
use tokio::task::spawn_blocking;

use crate::harness::{Engine, Place, Program, Server, command, on_both_engines, run};

on_both_engines!(
    what_one_server_changes_the_other_reads_next,
    a_token_revoked_on_the_command_line_ends_at_once_on_a_running_server,
    a_token_of_another_user_is_no_admin_unless_that_is_said,
    writers_in_several_processes_all_succeed,
    four_processes_that_start_at_once_make_one_schema,
    servers_that_start_at_once_on_new_data_make_one_owner,
    data_of_a_newer_or_another_version_is_refused,
);

async fn what_one_server_changes_the_other_reads_next(engine: Engine) {
    let place = Place::new(engine).await;
    let (one, two) = (Server::start_at(&place, &[]).await, Server::start_at(&place, &[]).await);
    let here = one.user("ann").await;
    let there = two.with_token(&here.token);
    for round in 0..20 {
        let (writer, reader) = if round % 2 == 0 { (&here, &there) } else { (&there, &here) };
        let texts: Vec<String> = (0..3).map(|n| format!("word{round}x{n} in round{round}")).collect();
        let mut ids = Vec::new();
        for text in &texts {
            ids.push(writer.remember(text).await);
            assert_eq!(reader.texts().await[0], *text);
            let query = format!("/api/memory?mode=lexical&query={}", text.split(' ').next().expect("a word"));
            assert_eq!(reader.get(&query).await.ok(), json!([text]));
        }
        let edit = json!({"memoryId": ids[2], "text": "something else"});
        reader.post("/api/v2/memory/update", edit).await.ok();
        assert_eq!(writer.get(&format!("/api/memory?mode=lexical&query=word{round}x2")).await.ok(), json!([]));
        let purge = if round % 3 == 0 { "?purge=true" } else { "" };
        let deleted = reader.post(&format!("/api/memories/bulk-delete{purge}"), json!({"memoryIds": ids})).await;
        assert_eq!(deleted.ok(), json!({"deleted": 3, "failed": 0}));
        assert_eq!(writer.get(&format!("/api/memory?query=round{round}")).await.ok(), json!([]));
        assert_eq!(writer.texts().await, [""; 0]);
        assert_eq!(writer.get("/api/buckets").await.ok()[0]["memoryCount"], json!(0));
        let again = writer.post("/api/memories/bulk-delete", json!({"memoryIds": ids})).await;
        assert_eq!(again.ok(), json!({"deleted": 0, "failed": 3}));
    }
    for mut server in [one, two] {
        server.stop().await;
    }
    assert_eq!(run(&place, &["doctor"]).0, 0);
}

async fn a_token_revoked_on_the_command_line_ends_at_once_on_a_running_server(engine: Engine) {
    let server = Server::start(engine).await;
    let place = server.place.as_ref().expect("its own");
    let ann = server.user("ann").await;
    ann.get("/api/memory").await.ok();
    let (code, token, _) = run(place, &["token", "create", "second", "--user", "ann"]);
    assert_eq!(code, 0);
    let second = server.with_token(token.trim());
    second.get("/api/memory").await.ok();
    assert_eq!(run(place, &["token", "revoke", "second", "--user", "ann"]).1, "Revoked 1.\n");
    second.get("/api/memory").await.error(401);
    ann.get("/api/memory").await.ok();
}

async fn a_token_of_another_user_is_no_admin_unless_that_is_said(engine: Engine) {
    let server = Server::start(engine).await;
    let place = server.place.as_ref().expect("its own");
    // The first is the owner's.
    for name in ["ann", "bob"] {
        server.user(name).await;
    }
    for (user, scope, is_admin) in [("ann", None, true), ("bob", None, false), ("bob", Some("read,admin"), true)] {
        let mut arguments = vec!["token", "create", "new", "--user", user];
        arguments.extend(scope.iter().flat_map(|scope| ["--scope", scope]));
        let token = run(place, &arguments).1;
        let made = server.with_token(token.trim());
        made.get("/api/memory").await.ok();
        assert_eq!(made.get("/metrics").await.status.is_success(), is_admin, "{arguments:?}");
    }
}

async fn writers_in_several_processes_all_succeed(engine: Engine) {
    const WRITERS: usize = 8;
    const EACH: usize = 30;
    let mut server = Server::start(engine).await;
    let place = server.place.take().expect("its own");
    let ann = server.user("ann").await;
    let other = Program::serve(&place, &[]);
    let writer = |number: usize| {
        let user = if number.is_multiple_of(2) { ann.clone() } else { other.with_token(&ann.token) };
        tokio::spawn(async move {
            for n in 0..EACH {
                let id = user.remember(&format!("writer {number} wrote {n}")).await;
                if n % 10 == 9 {
                    user.delete(&format!("/api/memories/{id}?purge=true")).await.ok();
                }
            }
        })
    };
    let writers: Vec<_> = (0..WRITERS).map(writer).collect();
    let commands: Vec<_> = (0..6)
        .map(|n| command(&place, &["token", "create", &format!("token{n}"), "--user", "ann"]))
        .map(|mut command| spawn_blocking(move || command.output().expect("it runs")))
        .collect();
    for writer in writers {
        writer.await.expect("every write succeeds");
    }
    for command in commands {
        let output = command.await.expect("it ends");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    assert_eq!(ann.texts().await.len(), WRITERS * (EACH - EACH / 10));
    drop(other);
    server.stop().await;
    assert_eq!(run(&place, &["doctor"]).0, 0, "{}", run(&place, &["doctor"]).1);
}

async fn four_processes_that_start_at_once_make_one_schema(engine: Engine) {
    for _ in 0..5 {
        let place = Place::new(engine).await;
        let started: Vec<_> = (0..4)
            .map(|_| command(&place, &["user", "list"]))
            .map(|mut command| spawn_blocking(move || command.output().expect("it runs")))
            .collect();
        for process in started {
            let output = process.await.expect("it ends");
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
        assert_eq!(run(&place, &["doctor"]).0, 0);
    }
}

async fn servers_that_start_at_once_on_new_data_make_one_owner(engine: Engine) {
    let place = Place::new(engine).await;
    let programs: Vec<Program> = std::thread::scope(|scope| {
        let starting: Vec<_> = (0..3).map(|_| scope.spawn(|| Program::serve(&place, &[]))).collect();
        starting.into_iter().map(|program| program.join().expect("it starts")).collect()
    });
    let tokens: Vec<&String> = programs.iter().filter_map(|program| program.token.as_ref()).collect();
    assert_eq!(tokens.len(), 1, "the token is shown once");
    for program in &programs {
        program.with_token(tokens[0]).get("/api/memory").await.ok();
    }
    assert_eq!(run(&place, &["user", "list"]).1.lines().count(), 1);
}

/// Runs a statement on the data of a place, beside the program.
async fn change(place: &Place, sql: &'static str) {
    let url = place.flags().into_iter().find(|(name, _)| *name == "database_url");
    match url {
        None => {
            let file = place.folder.path().join("commonplace.db");
            rusqlite::Connection::open(file).expect("opens").execute_batch(sql).expect("changed");
        }
        Some((_, url)) => {
            let pool = sqlx::PgPool::connect(&url).await.expect("connected");
            sqlx::raw_sql(sql).execute(&pool).await.expect("changed");
            pool.close().await;
        }
    }
}

async fn data_of_a_newer_or_another_version_is_refused(engine: Engine) {
    let cases = [
        (
            "insert into migration (number, checksum) values (999, 'x')",
            "newer version of commonplace (schema step 999)",
        ),
        ("update migration set checksum = 'x' where number = 1", "Schema step 1 of this data is not the one"),
    ];
    for (sql, reason) in cases {
        let place = Place::new(engine).await;
        assert_eq!(run(&place, &["user", "add", "ann"]).0, 0);
        change(&place, sql).await;
        for arguments in [&["serve", "--listen", "127.0.0.1:0"][..], &["doctor"], &["user", "add", "bob"]] {
            let (code, out, error) = run(&place, arguments);
            assert_eq!((code, out.as_str()), (4, ""), "{arguments:?}: {error}");
            assert!(error.contains(reason), "{arguments:?}: {error}");
        }
    }
}
