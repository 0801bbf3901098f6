//! The seeds of the fuzzer, and all inputs in which it once found something, in
//! every run of the tests.

use std::collections::BTreeSet;

use crate::harness::repository;

#[path = "../../fuzz/src/checks/mod.rs"]
mod checks;

/// What a folder of the fuzzer has, by name.
fn names(folder: &str) -> BTreeSet<String> {
    let entries = std::fs::read_dir(repository("fuzz").join(folder)).expect("a folder");
    entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect()
}

#[test]
fn every_target_has_its_program_and_seeds_that_pass() {
    let targets: BTreeSet<String> = checks::TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names("seeds"), targets);
    assert_eq!(names("fuzz_targets"), targets.iter().map(|name| format!("{name}.rs")).collect());
    for target in &targets {
        let program = std::fs::read_to_string(repository("fuzz/fuzz_targets").join(format!("{target}.rs")));
        assert!(program.expect("a program").contains(&format!("(\"{target}\",")), "{target}.rs is another's");
        let seeds = names(&format!("seeds/{target}"));
        assert!(!seeds.is_empty(), "{target} has no seed");
        for seed in seeds {
            println!("{target}/{seed}");
            let bytes = std::fs::read(repository("fuzz/seeds").join(target).join(seed)).expect("a seed");
            checks::check(target, &bytes);
        }
    }
}
