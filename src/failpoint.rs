//! Named points at which a test can stop the process to kill it there.
//!
//! Only in debug builds: a process started with `COMMONPLACE_FAILPOINT=name`
//! says on stderr when it gets there, and waits to be killed.

/// Marks a point. Costs nothing in a release build.
pub fn reach(name: &str) {
    #[cfg(debug_assertions)]
    {
        use std::sync::LazyLock;
        static WANTED: LazyLock<Option<String>> = LazyLock::new(|| std::env::var("COMMONPLACE_FAILPOINT").ok());
        if WANTED.as_deref() == Some(name) {
            eprintln!("failpoint {name} reached");
            loop {
                std::thread::park();
            }
        }
    }
    #[cfg(not(debug_assertions))]
    let _ = name;
}
