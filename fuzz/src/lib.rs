//! What the targets of the fuzzer share. CONTRIBUTING.md says how to use it.

pub mod checks;
pub mod mutate;

pub use libfuzzer_sys;

/// Checks an input of the target of this name.
///
/// # Panics
/// Where something does not hold; or there is no such target.
pub fn check(target: &str, bytes: &[u8]) {
    let (_, check) = checks::TARGETS.iter().find(|(name, _)| *name == target).expect("a target");
    check(bytes);
}

/// A target of the fuzzer that gives its input to the check of this name, with what changes inputs.
#[macro_export]
macro_rules! target {
    ($name:literal, $mutate:path) => {
        use $crate::libfuzzer_sys;
        libfuzzer_sys::fuzz_target!(|bytes: &[u8]| $crate::check($name, bytes));
        libfuzzer_sys::fuzz_mutator!(|bytes: &mut [u8], size: usize, most: usize, seed: u32| {
            $mutate(bytes, size, most, seed)
        });
    };
}
