#![no_main]
commonplace_fuzz::target!("grok", commonplace_fuzz::mutate::json);
