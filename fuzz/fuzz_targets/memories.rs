#![no_main]
commonplace_fuzz::target!("memories", commonplace_fuzz::mutate::json);
