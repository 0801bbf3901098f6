#![no_main]
commonplace_fuzz::target!("claude", commonplace_fuzz::mutate::json);
