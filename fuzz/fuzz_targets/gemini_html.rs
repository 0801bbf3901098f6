#![no_main]
commonplace_fuzz::target!("gemini_html", commonplace_fuzz::mutate::plain);
