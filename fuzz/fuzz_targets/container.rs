#![no_main]
commonplace_fuzz::target!("container", commonplace_fuzz::mutate::json);
