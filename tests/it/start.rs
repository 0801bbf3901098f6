//! Starting and stopping the real program.

use std::io::Read;
use std::process::Command;

use crate::harness::{Engine, Place, Program, on_both_engines, run};

on_both_engines! {
    the_first_start_alone_shows_a_token_and_it_is_for_everything,
    a_program_told_to_stop_ends_well_and_its_data_is_sound,
}

/// Tells the program to stop as a supervisor does; its exit code and what else it said.
fn stop(mut program: Program) -> (Option<i32>, String) {
    let id = program.child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().expect("kill runs").success());
    let mut rest = String::new();
    program.stdout.read_to_string(&mut rest).expect("readable");
    (program.child.wait().expect("it ends").code(), rest)
}

async fn the_first_start_alone_shows_a_token_and_it_is_for_everything(engine: Engine) {
    let place = Place::new(engine).await;
    let first = Program::serve(&place, &[]);
    let token = first.token.clone().expect("a token");
    let owner = first.with_token(&token);
    let id = owner.remember("The key is under the mat").await;
    owner.delete(&format!("/api/memories/{id}")).await.ok();
    assert!(owner.get("/metrics").await.status.is_success());
    stop(first);

    let second = Program::serve(&place, &[]);
    assert_eq!(second.token, None);
    second.with_token(&token).get("/api/memory").await.ok();
    stop(second);
}

async fn a_program_told_to_stop_ends_well_and_its_data_is_sound(engine: Engine) {
    let place = Place::new(engine).await;
    let program = Program::serve(&place, &[]);
    let owner = program.with_token(&program.token.clone().expect("a token"));
    owner.remember("The key is under the mat").await;
    assert_eq!(stop(program), (Some(0), String::new()));

    let (code, said, errors) = run(&place, &["doctor"]);
    assert_eq!(code, 0, "{said}{errors}");
    match place.engine {
        Engine::Sqlite => assert!(said.trim_end().ends_with("commonplace.db"), "{said}"),
        Engine::Postgres => assert!(said.contains("Data: postgres://"), "{said}"),
    }
}
