#![no_main]
commonplace_fuzz::target!("answers", commonplace_fuzz::mutate::plain);
