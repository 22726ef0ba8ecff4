//! Reads the configuration, builds every room in order, and ends it all in order.

mod args;
mod config;
mod descriptors;
mod errands;
mod exit;
mod lockdown;
mod logging;
mod memory;
mod plugins;
mod reload;
mod serve;
mod service;
mod sides;
mod signals;
mod state_dir;
mod token;
mod upkeep;
mod webhooks;
mod workshop;

use std::process::ExitCode;

use clap::Parser;

use args::{Args, Command};

/// The entry point of the `chatd` binary.
pub fn main() -> ExitCode {
    let args = Args::parse();
    if args.print_schema {
        println!("{:#}", config::json_schema());
        return ExitCode::SUCCESS;
    }
    let inputs = args.inputs();
    let loaded = match config::load(&inputs) {
        Ok(loaded) => loaded,
        Err(problems) => {
            eprintln!("{problems}");
            return exit::CONFIG.into();
        }
    };
    if args.check {
        if let Err(problems) = reload::check_keys(&loaded) {
            eprintln!("{problems}");
            return exit::CONFIG.into();
        }
        if let Err(problems) = reload::load_api_keys(&loaded) {
            eprintln!("{problems}");
            return exit::CONFIG.into();
        }
        if let Err(problems) = reload::load_tls(&loaded) {
            eprintln!("{problems}");
            return exit::CONFIG.into();
        }
        if let Err(problems) = plugins::check(&loaded) {
            eprintln!("{problems}");
            return exit::CONFIG.into();
        }
        if let Err(problems) = webhooks::prepare(&loaded) {
            eprintln!("{problems}");
            return exit::CONFIG.into();
        }
        println!("configuration ok: {}", loaded.sources.summary());
        return ExitCode::SUCCESS;
    }
    if args.print_config {
        print!("{}", loaded.print());
        return ExitCode::SUCCESS;
    }
    let directory = match state_dir::state_dir(&loaded.config) {
        Ok(directory) => directory,
        Err(error) => {
            eprintln!("error: {error}");
            return exit::CONFIG.into();
        }
    };
    match args.command {
        Some(Command::Token(token)) => return token::run(token, &loaded, &directory),
        Some(Command::Store(store)) => return upkeep::run(store, &loaded, &directory),
        Some(Command::Plugin(plugin)) => return workshop::run(plugin, &loaded, &directory),
        None => {}
    }
    let log = match logging::init(&loaded.config.log) {
        Ok(log) => log,
        Err(error) => {
            eprintln!("{}", loaded.sources.problem("log.format", &error.to_string()));
            return exit::CONFIG.into();
        }
    };
    tracing::info!("configuration: {}", loaded.sources.summary());
    serve::run(inputs, loaded, directory, log)
}
