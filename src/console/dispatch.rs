//! From commands to what answers them.

use std::sync::Arc;

use serde::Serialize;

use super::client::Answer;
use super::verbs::status;
use super::{Console, Errand};
use crate::admin::answer::Configuration;
use crate::admin::protocol::{Command, Failure};

/// # Errors
/// What the command refused.
pub async fn run(console: &Arc<Console>, command: Command) -> Result<Answer, Failure> {
    match command {
        Command::Status(_) => ok(status::status(console).await?),
        Command::Stats(_) => ok(status::stats(console).await?),
        Command::Reload(_) => ok(console.ask(Errand::Reload).await??),
        Command::ConfigShow(_) => {
            let (source, settings) = console.ask(Errand::Config).await?;
            ok(Configuration { source, settings })
        }
        Command::ConfigDiff(_) => ok(console.ask(Errand::Diff).await??),
    }
}

fn ok<T: Serialize>(result: T) -> Result<Answer, Failure> {
    let result = serde_json::to_value(result).expect("answers have string keys and no failing serialiser");
    Ok(Answer { result, stream: None })
}
