#![no_main]
commonplace_fuzz::target!("pieces", commonplace_fuzz::mutate::plain);
