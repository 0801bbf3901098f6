#![no_main]
commonplace_fuzz::target!("gemini", commonplace_fuzz::mutate::json);
