//! The door of `daily_ops`: a defect must not end with a code that a monitor could misread.

use std::process::ExitCode;

fn main() -> ExitCode {
    // A panic ends with 3 (fault), never with Rust's own 101; its message has been printed by then.
    let code = std::panic::catch_unwind(daily_ops::cli::main).unwrap_or(daily_ops::cli::FAULT);
    ExitCode::from(code)
}
