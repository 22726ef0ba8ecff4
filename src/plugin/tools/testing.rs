//! `plugin test`: runs the functions `test_*` of `NAME.test.rhai` against `NAME.rhai`, each with a fresh start: keys and
//! values of its own, a clock that stands still until the test moves it, and nobody online but whom the test says.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use parking_lot::Mutex;
use rhai::{Array, Dynamic, Engine, EvalAltResult, ImmutableString, NativeCallContext};
use serde_json::Map;

use super::{decision_json, effect_json, name_of};
use crate::domain::hooks::{Directory, Effect, Origin, Point, Visible};
use crate::domain::id::UserId;
use crate::domain::presence::Status;
use crate::domain::units::Span;
use crate::plugin::api::Failed;
use crate::plugin::config::Config;
use crate::plugin::guard::Limits;
use crate::plugin::run::{self, Fault};
use crate::plugin::script::{self, Estate, Flaw, Script};
use crate::plugin::stage::{self, Clock, Services, Stage};
use crate::plugin::{engine, set, value, worker};

/// When every test begins: 2023-11-14T22:13:20Z.
const BEGINNING: i64 = 1_700_000_000_000;

/// The end of a test file's name.
pub const SUFFIX: &str = ".test.rhai";

/// What came of one test.
pub struct Tested {
    pub file: PathBuf,
    pub name: String,
    /// None where it passed.
    pub failure: Option<Fault>,
}

/// The test files among and beneath `paths`: a test file, the script that it tests, or a directory of them.
///
/// # Errors
/// Where a path leads to no test.
pub fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Flaw> {
    let mut files = Vec::new();
    for path in paths {
        let of_script = path.with_file_name(format!("{}{SUFFIX}", name_of(path)));
        if path.is_dir() {
            let entries =
                std::fs::read_dir(path).map_err(|error| Flaw::whole(path, format!("cannot be read: {error}")))?;
            let found = entries.filter_map(|entry| Some(entry.ok()?.path()));
            let mut found: Vec<PathBuf> = found.filter(|file| is_test(file)).collect();
            found.sort();
            files.extend(found);
        } else if is_test(path) {
            files.push(path.clone());
        } else if of_script.is_file() {
            files.push(of_script);
        } else {
            return Err(Flaw::whole(path, format!("has no tests beside it ({})", of_script.display())));
        }
    }
    Ok(files)
}

pub fn is_test(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().ends_with(SUFFIX)) && path.is_file()
}

/// Runs all tests of a file.
///
/// # Errors
/// Where the file or the script that it tests is wrong, or there is no test in it.
pub fn run(file: &Path) -> Result<Vec<Tested>, Flaw> {
    let build = || {
        let mut engine = engine::build();
        lend(&mut engine);
        engine
    };
    worker::alone_with(build, |engine| run_with(engine, file))
}

fn run_with(engine: &Engine, file: &Path) -> Result<Vec<Tested>, Flaw> {
    let tested = file.to_string_lossy();
    let stem = tested.strip_suffix(SUFFIX).unwrap_or(&tested);
    let script = [PathBuf::from(format!("{stem}.rhai")), PathBuf::from(stem)].into_iter().find(|path| path.exists());
    let script = script.ok_or_else(|| Flaw::whole(file, format!("there is no {stem}.rhai that it could test")))?;
    // One text, so that the tests call the script's functions as their own; errors are told where they stand.
    let (own, tests) = (script::read(&script)?, script::read(file)?);
    let own = own.trim_end();
    let lines = own.lines().count();
    let text = format!("{own}\n{tests}");
    let locate = |flaw: Flaw| locate(flaw, lines, file);
    let names = test_names(engine, &tests, file)?;
    if names.is_empty() {
        return Err(Flaw::whole(file, "has no function test_*"));
    }
    let mut outcomes = Vec::new();
    for name in names {
        let failure = match Round::begin(engine, &script, &text) {
            Ok(round) => round.run(engine, &name),
            Err(flaw) => return Err(locate(flaw)),
        };
        let failure = failure.map(|fault| relocate(fault, lines));
        outcomes.push(Tested { file: file.to_path_buf(), name, failure });
    }
    Ok(outcomes)
}

fn test_names(engine: &Engine, tests: &str, file: &Path) -> Result<Vec<String>, Flaw> {
    let ast = engine.compile(tests).map_err(|error| Flaw::parse(file, &error))?;
    let mut names: Vec<String> = Vec::new();
    for function in
        ast.iter_functions().filter(|function| function.name.starts_with("test_") && function.name != CONFIG)
    {
        if !function.params.is_empty() {
            return Err(Flaw::whole(file, format!("{} takes no arguments", function.name)));
        }
        names.push(function.name.to_owned());
    }
    // In the order of the file, as the reader has them.
    names.sort_by_key(|name| tests.find(&format!("fn {name}(")));
    Ok(names)
}

/// The function that gives the plugin's table.
const CONFIG: &str = "test_config";

fn locate(flaw: Flaw, lines: usize, file: &Path) -> Flaw {
    match flaw.spot {
        Some(spot) if spot.line > lines => {
            let spot = script::Spot { line: spot.line - lines, ..spot };
            Flaw { path: file.to_path_buf(), spot: Some(spot), ..flaw }
        }
        _ => flaw,
    }
}

fn relocate(fault: Fault, lines: usize) -> Fault {
    match fault.spot {
        Some(spot) if spot.line > lines => {
            Fault { spot: Some(script::Spot { line: spot.line - lines, ..spot }), ..fault }
        }
        Some(spot) => {
            let message = format!("{} (at line {} of the script)", fault.message, spot.line);
            Fault { message, spot: None }
        }
        None => fault,
    }
}

/// One test: a script of its own, a clock and keys of its own.
struct Round {
    script: Arc<Script>,
    services: Services,
}

/// Who is online, as the test says.
#[derive(Default)]
struct Online(Mutex<BTreeSet<String>>);

impl Directory for Online {
    fn presence(&self, user: &UserId) -> Option<Visible> {
        self.0.lock().contains(user.as_str()).then_some(Visible { status: Status::Online, text: None, devices: 1 })
    }
}

/// The clock, who is online, and what a hook may take.
type TestTable = (Arc<AtomicI64>, Arc<Online>, Limits);

thread_local! {
    /// What the functions for tests work on.
    static TABLE: RefCell<Option<TestTable>> = const { RefCell::new(None) };
}

impl Round {
    fn begin(engine: &Engine, path: &Path, text: &str) -> Result<Self, Flaw> {
        let (clock, online) = (Arc::new(AtomicI64::new(BEGINNING)), Arc::<Online>::default());
        let directory = Arc::clone(&online) as Arc<dyn Directory>;
        let services = Services { directory, clock: Clock::Set(Arc::clone(&clock)), quiet: true };
        let limits = set::set_up_limits(&Config::default());
        TABLE.with(|table| *table.borrow_mut() = Some((clock, online, set::limits(&Config::default()))));
        let compile = |table: &Map<String, serde_json::Value>| {
            let estate = Arc::<Estate>::default();
            Script::compile(engine, &name_of(path), path, text, table, estate, &services, limits).map(Arc::new)
        };
        // The table is a function of the test's, so the script is compiled first to ask for it.
        let mut table = Map::new();
        let ast = engine.compile(text).map_err(|error| Flaw::parse(path, &error))?;
        if ast.iter_functions().any(|function| function.name == CONFIG) {
            let given = Fault::catch(|| {
                let options = rhai::CallFnOptions::new().eval_ast(false);
                engine.call_fn_with_options::<Dynamic>(options, &mut rhai::Scope::new(), &ast, CONFIG, ())
            });
            let given = given.map_err(|fault| Flaw::fault(path, &fault))?;
            if let Ok(serde_json::Value::Object(fields)) = value::to_json(&given) {
                table = fields;
            }
        }
        let script = compile(&table)?;
        set::set_up(engine, &script, &services, limits)?;
        Ok(Round { script, services })
    }

    /// Why the test failed, if it did.
    fn run(self, engine: &Engine, name: &str) -> Option<Fault> {
        let limits = set::set_up_limits(&Config::default());
        let (outcome, _) =
            run::function(engine, &self.script, &self.services, limits, name, Vec::new(), &Origin::default());
        outcome.err()
    }
}

/// The functions that tests have beside those of plugins.
fn lend(engine: &mut Engine) {
    engine
        .register_fn("assert", |holds: bool| check(holds, || "it does not hold".into()))
        .register_fn("assert", |holds: bool, why: Dynamic| check(holds, || shown(&why)))
        .register_fn("assert_eq", |context: NativeCallContext<'_>, found: Dynamic, expected: Dynamic| {
            let pair = (shown(&found), shown(&expected));
            let same = context.call_native_fn::<bool>("==", (found, expected)).unwrap_or(pair.0 == pair.1);
            check(same, || format!("expected {}, found {}", pair.1, pair.0))
        })
        .register_fn("advance", |span: ImmutableString| {
            let span: Span = span.parse().map_err(|error: crate::domain::units::UnitError| error.to_string())?;
            at_table(|clock, _| {
                clock.fetch_add(i64::try_from(span.0.as_millis()).unwrap_or(i64::MAX), Ordering::Relaxed);
            })
        })
        .register_fn("set_time", |text: ImmutableString| {
            let time = crate::domain::time::Time::parse(&text).ok_or_else(|| format!("\"{text}\" is no time"))?;
            at_table(|clock, _| clock.store(time.0, Ordering::Relaxed))
        })
        .register_fn("online", |user: ImmutableString| {
            at_table(|_, online| {
                online.0.lock().insert(user.to_string());
            })
        })
        .register_fn("offline", |user: ImmutableString| {
            at_table(|_, online| {
                online.0.lock().remove(user.as_str());
            })
        })
        .register_fn("effects", || -> Result<Array, Failed> {
            let effects: Vec<Effect> = stage::with(|stage| Ok(std::mem::take(&mut stage.effects)))?;
            Ok(effects.iter().map(|effect| value::from_json(&effect_json(effect))).collect())
        })
        .register_fn("timers", || -> Result<Array, Failed> {
            stage::with(|stage| Ok(stage.timers.iter().map(|timer| timer.name.clone().into()).collect()))
        })
        .register_fn("hook", |context: NativeCallContext<'_>, name: ImmutableString, args: Array| {
            hook(&context, &name, args)
        });
}

fn check(holds: bool, why: impl FnOnce() -> String) -> Result<(), Failed> {
    if holds { Ok(()) } else { Err(why().into()) }
}

fn shown(value: &Dynamic) -> String {
    match value.as_immutable_string_ref() {
        Ok(text) => text.to_string(),
        Err(_) => value::to_json(value).map_or_else(|_| value.to_string(), |json| json.to_string()),
    }
}

fn at_table(work: impl FnOnce(&AtomicI64, &Online)) -> Result<(), Failed> {
    TABLE.with(|table| {
        if let Some((clock, online, _)) = &*table.borrow() {
            work(clock, online);
        }
    });
    Ok(())
}

/// Calls a hook as the daemon would, and gives its verdict as a map.
fn hook(context: &NativeCallContext<'_>, name: &str, args: Array) -> Result<Dynamic, Failed> {
    let point = Point::parse(name).ok_or_else(|| format!("there is no hook {name}"))?;
    let limits = TABLE.with(|table| table.borrow().as_ref().map(|table| table.2)).unwrap_or_default();
    let (script, services) = stage::with(|stage: &mut Stage| Ok((Arc::clone(&stage.script), stage.services.clone())))?;
    let outcome = run::hook(context.engine(), &script, &services, limits, point, args, &Origin::default());
    let outcome = outcome.map_err(|fault| Box::<EvalAltResult>::from(fault.to_string()))?;
    stage::with(|stage| {
        stage.effects.extend(outcome.effects);
        stage.timers.extend(outcome.timers);
        Ok(())
    })?;
    Ok(value::from_json(&decision_json(&outcome.decision)))
}
