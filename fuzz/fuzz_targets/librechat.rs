#![no_main]
commonplace_fuzz::target!("librechat", commonplace_fuzz::mutate::json);
