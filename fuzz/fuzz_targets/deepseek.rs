#![no_main]
commonplace_fuzz::target!("deepseek", commonplace_fuzz::mutate::json);
