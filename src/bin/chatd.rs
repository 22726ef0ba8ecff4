use std::process::ExitCode;

fn main() -> ExitCode {
    chatd::chatd()
}
