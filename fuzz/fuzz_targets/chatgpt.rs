#![no_main]
commonplace_fuzz::target!("chatgpt", commonplace_fuzz::mutate::json);
