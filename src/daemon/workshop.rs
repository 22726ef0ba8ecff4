//! `chatd plugin`: plugins are written, checked and tried, with no daemon.

use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::{Map, Value, json};

use super::args::{Plugin, PluginCommand};
use super::config::Loaded;
use super::plugins;
use crate::chat::rule_conversation;
use crate::domain::hooks::{Point, SHAPES};
use crate::domain::time::Time;
use crate::domain::units::Span;
use crate::plugin::tools::{check, definitions, name_of, replay, template, testing, trial};
use crate::plugin::{Flaw, Spot, alone};
use crate::store::past;

/// Runs one command; what is wrong goes to standard error, and the exit status is 1 then.
pub fn run(plugin: Plugin, loaded: &Loaded, state_dir: &Path) -> ExitCode {
    let bench = Bench { loaded, state_dir, json: plugin.json };
    let outcome = match plugin.command {
        PluginCommand::Check { files } => bench.check(&files),
        PluginCommand::Test { files } => bench.test(files),
        PluginCommand::Run { file, hook, input } => bench.run(&file, &hook, &input),
        PluginCommand::Replay { file, last, limit } => bench.replay(&file, last, limit),
        PluginCommand::New { name, dir } => bench.begin(&dir, &name),
        PluginCommand::Definitions { dir } => bench.definitions(&dir),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(flaws) => {
            bench.complain(flaws);
            ExitCode::FAILURE
        }
    }
}

struct Bench<'a> {
    loaded: &'a Loaded,
    state_dir: &'a Path,
    json: bool,
}

/// Whether all is well, or what is wrong.
type Outcome = Result<bool, Vec<Flaw>>;

impl Bench<'_> {
    /// The table that the configuration has for a script.
    fn table(&self, file: &Path) -> Map<String, Value> {
        self.loaded.config.plugins.config.get(&name_of(file)).cloned().unwrap_or_default()
    }

    fn complain(&self, flaws: Vec<Flaw>) {
        match self.json {
            true => println!("{}", json!({ "ok": false, "problems": flaws.iter().map(flaw_json).collect::<Vec<_>>() })),
            false => eprintln!("{}", plugins::problems(self.loaded, flaws)),
        }
    }

    fn check(&self, files: &[PathBuf]) -> Outcome {
        // `*.rhai` means the scripts; what they are tested by is looked at where it runs.
        let scripts = files.iter().filter(|file| !testing::is_test(file));
        let looked: Vec<_> = scripts.map(|file| (file, check::file(file, &self.table(file)))).collect();
        if !self.json {
            for (file, looked) in looked.iter().filter(|(_, looked)| looked.flaws.is_empty()) {
                let hooks = if looked.hooks.is_empty() { "no hooks".into() } else { looked.hooks.join(", ") };
                println!("✓ {}: {hooks}", file.display());
            }
        }
        let flaws: Vec<Flaw> = looked.iter().flat_map(|(_, looked)| looked.flaws.clone()).collect();
        if !flaws.is_empty() {
            return Err(flaws);
        }
        if self.json {
            let files = looked.iter().map(|(file, looked)| json!({ "file": file, "hooks": looked.hooks }));
            println!("{}", json!({ "ok": true, "files": files.collect::<Vec<_>>() }));
        }
        Ok(true)
    }

    fn test(&self, files: Vec<PathBuf>) -> Outcome {
        let files = if files.is_empty() { vec![PathBuf::from(".")] } else { files };
        let files = testing::files(&files).map_err(|flaw| vec![flaw])?;
        let (mut tested, mut flaws) = (Vec::new(), Vec::new());
        for file in &files {
            match testing::run(file) {
                Ok(outcomes) => tested.extend(outcomes),
                Err(flaw) => flaws.push(flaw),
            }
        }
        let failed = tested.iter().filter(|test| test.failure.is_some()).count();
        if self.json {
            let shown = tested.iter().map(|test| {
                let failure = test.failure.as_ref();
                json!({
                    "file": test.file, "test": test.name, "passed": failure.is_none(),
                    "message": failure.map(|fault| &fault.message), "line": failure.and_then(|fault| fault.spot).map(|spot| spot.line),
                })
            });
            let problems: Vec<_> = flaws.iter().map(flaw_json).collect();
            let shown: Vec<_> = shown.collect();
            let passed = tested.len() - failed;
            println!("{}", json!({ "passed": passed, "failed": failed, "tests": shown, "problems": problems }));
            return Ok(failed == 0 && flaws.is_empty());
        }
        for test in &tested {
            let name = format!("{} {}", test.file.display(), test.name);
            match &test.failure {
                None => println!("✓ {name}"),
                Some(fault) => {
                    let line = fault.spot.map_or_else(String::new, |spot| format!(":{}:{}", spot.line, spot.column));
                    println!("✗ {name}\n    {}{line}: {}", test.file.display(), fault.message);
                }
            }
        }
        println!("{} passed, {failed} failed", tested.len() - failed);
        if flaws.is_empty() { Ok(failed == 0) } else { Err(flaws) }
    }

    fn run(&self, file: &Path, hook: &str, input: &str) -> Outcome {
        let point = Point::parse(hook).ok_or_else(|| {
            let near = check::nearest(hook, SHAPES.iter().map(|shape| shape.hook));
            vec![Flaw {
                hint: near.map(|near| format!("did you mean {near}?")),
                ..bad(format!("there is no hook {hook}"))
            }]
        })?;
        let mut text = input.to_owned();
        if input == "-" {
            text.clear();
            let read = std::io::stdin().read_to_string(&mut text);
            read.map_err(|error| vec![bad(format!("standard input cannot be read: {error}"))])?;
        }
        let input = serde_json::from_str(&text).map_err(|error| vec![bad(format!("--input is no JSON: {error}"))])?;
        let verdict = trial::run(trial::Trial { path: file, point, input, table: self.table(file) });
        let verdict = verdict.map_err(|flaw| vec![flaw])?;
        let pretty = !self.json && std::io::stdout().is_terminal();
        match pretty {
            true => println!("{verdict:#}"),
            false => println!("{verdict}"),
        }
        Ok(true)
    }

    fn replay(&self, file: &Path, last: Span, limit: u64) -> Outcome {
        let since = Time::now().saturating_sub(last.0);
        let table = self.table(file);
        let (store, state_dir) = (&self.loaded.config.store, self.state_dir);
        let is_watched = !self.json && std::io::stderr().is_terminal();
        let report = alone(|engine| {
            let mut replay = replay::Replay::begin(engine, file, &table)?;
            let mut asked = 0;
            let read = past::said_since(store, state_dir, since, |past| {
                replay.ask(past.message, rule_conversation(&past.conversation, past.role));
                asked += 1;
                if is_watched && asked % 500 == 0 {
                    eprint!("\r{asked} messages");
                }
                asked < limit
            });
            if is_watched {
                eprint!("\r\x1b[K");
            }
            read.map_err(|error| bad(error.to_string()))?;
            Ok(replay.report())
        });
        let report = report.map_err(|flaw: Flaw| vec![flaw])?;
        match self.json {
            true => println!("{report}"),
            false => print_report(&report, last),
        }
        Ok(true)
    }

    fn begin(&self, dir: &Path, name: &str) -> Outcome {
        let files = template::write(dir, name).map_err(|flaw| vec![flaw])?;
        match self.json {
            true => println!("{}", json!({ "files": files })),
            false => {
                files.iter().for_each(|file| println!("✓ {}", file.display()));
                println!("  → chatctl plugin test {}", files[0].display());
            }
        }
        Ok(true)
    }

    fn definitions(&self, dir: &Path) -> Outcome {
        let file = definitions::write(dir).map_err(|flaw| vec![flaw])?;
        match self.json {
            true => println!("{}", json!({ "files": [file] })),
            false => println!("✓ {}", file.display()),
        }
        Ok(true)
    }
}

/// What is wrong with what was asked.
fn bad(message: String) -> Flaw {
    Flaw { path: "chatd".into(), spot: None, message, hint: None }
}

fn flaw_json(flaw: &Flaw) -> Value {
    let Flaw { path, spot, message, hint } = flaw;
    let (line, column) = spot.map_or((None, None), |Spot { line, column }| (Some(line), Some(column)));
    json!({ "file": path, "line": line, "column": column, "message": message, "hint": hint })
}

fn print_report(report: &Value, last: Span) {
    let number = |value: &Value| value.as_u64().unwrap_or_default();
    println!("{} messages of the last {last}, {} µs each", number(&report["messages"]), report["microsecondsEach"]);
    let verdicts = report["verdicts"].as_object().into_iter().flatten();
    for (name, count) in verdicts {
        println!("\n{name}: {}", number(&count["messages"]));
        for sample in count["samples"].as_array().into_iter().flatten() {
            let text = |field: &str| sample[field].as_str().unwrap_or_default().replace(char::is_control, " ");
            let short: String = text("content").chars().take(100).collect();
            println!("  {} {} {}: {short}", text("conversationId"), number(&sample["seq"]), text("senderId"));
            let became = [text("code"), text("text"), text("rewritten")].join(" ");
            if !became.trim().is_empty() {
                println!("    → {}", became.trim());
            }
        }
    }
    if number(&report["effects"]) > 0 {
        println!("\nIt would have brought about {} things, which were not done.", number(&report["effects"]));
    }
}
