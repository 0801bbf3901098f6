//! The seeds of the fuzzer, and all inputs in which it once found something, in
//! every run of the tests.

use std::collections::BTreeSet;
use std::io::Cursor;
use std::ops::ControlFlow;
use std::path::PathBuf;

use commonplace::history::import::container::read_from;
use commonplace::history::import::{FORMATS, Limits};

use crate::harness::repository;

#[path = "../../fuzz/src/checks/mod.rs"]
mod checks;

/// What a folder of the fuzzer has, by name.
fn names(folder: &str) -> BTreeSet<String> {
    let entries = std::fs::read_dir(repository("fuzz").join(folder)).expect("a folder");
    entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect()
}

/// The seeds of a target.
fn seeds(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = format!("seeds/{target}");
    let paths = names(&folder).into_iter().map(|name| repository("fuzz").join(&folder).join(name));
    paths.map(|path| (path.clone(), std::fs::read(path).expect("a seed"))).collect()
}

#[test]
fn every_seed_passes_the_checks_of_its_target() {
    for (target, check) in checks::TARGETS {
        let seeds = seeds(target);
        assert!(!seeds.is_empty(), "{target} has no seed");
        for (path, bytes) in seeds {
            // Of the last one printed it is that a check speaks.
            println!("{}", path.display());
            check(&bytes);
        }
    }
}

#[test]
fn every_target_has_its_program_and_every_format_a_seed() {
    let targets: BTreeSet<String> = checks::TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names("seeds"), targets);
    assert_eq!(names("fuzz_targets"), targets.iter().map(|name| format!("{name}.rs")).collect());
    let mut known = BTreeSet::new();
    for target in &targets {
        let program = std::fs::read_to_string(repository("fuzz/fuzz_targets").join(format!("{target}.rs")));
        assert!(program.expect("a program").contains(&format!("(\"{target}\",")), "{target}.rs is another's");
        for (_, bytes) in seeds(target).iter().filter(|_| target != "container") {
            let read = read_from(Cursor::new(bytes), "seed", &Limits::default(), &mut |_, _| ControlFlow::Continue(()));
            known.extend(read.into_iter().flat_map(|read| read.files).map(|(_, format)| format.name));
        }
    }
    assert_eq!(known, FORMATS.iter().map(|format| format.name).collect());
}

#[test]
fn the_parts_that_are_fuzzed_ask_for_what_the_whole_asks_for() {
    let read = |path| std::fs::read_to_string(repository(path)).expect("a manifest");
    let (whole, parts) = (read("Cargo.toml"), read("fuzz/parts/Cargo.toml"));
    let (_, dependencies) = parts.split_once("[dependencies]\n").expect("dependencies");
    for line in dependencies.lines() {
        assert!(whole.lines().any(|other| other == line), "Cargo.toml does not say: {line}");
    }
}
