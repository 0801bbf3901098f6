#![no_main]
commonplace_fuzz::target!("open_webui", commonplace_fuzz::mutate::json);
