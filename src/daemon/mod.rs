//! Reads the configuration, builds every room in order, and ends it all in order.

mod args;
mod config;
mod logging;
mod state_dir;

use std::process::ExitCode;

use clap::Parser;

use args::{Args, Command};

/// sysexits.h: the configuration does not validate. The unit does not restart after it.
const EX_CONFIG: u8 = 78;

/// sysexits.h: a required part is not there.
const EX_UNAVAILABLE: u8 = 69;

/// The entry point of the `chatd` binary.
pub fn main() -> ExitCode {
    let args = Args::parse();
    let loaded = match config::load(&args.inputs()) {
        Ok(loaded) => loaded,
        Err(problems) => {
            eprintln!("{problems}");
            return ExitCode::from(EX_CONFIG);
        }
    };
    if let Some(Command::Token(_)) = args.command {
        eprintln!("error: minting tokens is not supported by this version");
        return ExitCode::from(EX_UNAVAILABLE);
    }
    if args.check {
        for notice in &loaded.sources.notices {
            eprintln!("warning: {notice}");
        }
        println!("configuration ok: {}", loaded.sources.summary());
        return ExitCode::SUCCESS;
    }
    if args.print_config {
        print!("{}", loaded.print());
        return ExitCode::SUCCESS;
    }
    if let Err(error) = logging::init(&loaded.config.log) {
        eprintln!("{}", loaded.sources.problem("log.format", &error.to_string()));
        return ExitCode::from(EX_CONFIG);
    }
    tracing::info!("configuration: {}", loaded.sources.summary());
    for notice in &loaded.sources.notices {
        tracing::warn!("{notice}");
    }
    ExitCode::SUCCESS
}
