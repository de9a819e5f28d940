#![no_main]

#[path = "../../core/tests/targets/mod.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| targets::file_header(bytes));
