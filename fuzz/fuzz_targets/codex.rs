#![no_main]
commonplace_fuzz::target!("codex", commonplace_fuzz::mutate::json);
