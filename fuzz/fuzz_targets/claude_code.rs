#![no_main]
commonplace_fuzz::target!("claude_code", commonplace_fuzz::mutate::json);
