//! Named points at which a test can stop the process to kill it there.
//!
//! Only in debug builds: a process started with `COMMONPLACE_FAILPOINT=name`
//! says on stderr when it gets there, and waits to be killed. With several names
//! and commas between, it waits at the last, once it has passed the others in
//! this order.

/// Marks a point. Costs nothing in a release build.
pub fn reach(name: &str) {
    #[cfg(debug_assertions)]
    {
        use std::sync::LazyLock;
        use std::sync::atomic::{AtomicUsize, Ordering};
        static WANTED: LazyLock<Vec<String>> = LazyLock::new(|| {
            let names = std::env::var("COMMONPLACE_FAILPOINT").unwrap_or_default();
            names.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect()
        });
        static PASSED: AtomicUsize = AtomicUsize::new(0);
        let passed = PASSED.load(Ordering::SeqCst);
        if WANTED.get(passed).is_none_or(|wanted| wanted != name) {
            return;
        }
        if passed + 1 < WANTED.len() {
            PASSED.store(passed + 1, Ordering::SeqCst);
            return;
        }
        eprintln!("failpoint {name} reached");
        loop {
            std::thread::park();
        }
    }
    #[cfg(not(debug_assertions))]
    let _ = name;
}
