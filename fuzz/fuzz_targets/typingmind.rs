#![no_main]
commonplace_fuzz::target!("typingmind", commonplace_fuzz::mutate::json);
