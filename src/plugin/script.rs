//! A script: compiled, its hooks found, its top level run once.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rhai::{AST, Dynamic, Engine, ParseError, Position, Scope};
use serde_json::{Map, Value};

use super::guard::{Limits, Watch};
use super::kv::Space;
use super::limiter::Limiter;
use super::run::Fault;
use super::stage::{self, Services, Stage};
use super::stats::Stats;
use super::value;
use crate::domain::hooks::{Origin, Point, SHAPES};

/// The largest script.
pub const MAX_SCRIPT_BYTES: u64 = 256 * 1024;

/// Functions that a script may define beside its hooks' points.
pub const ON_LOAD: &str = "on_load";
pub const ON_UNLOAD: &str = "on_unload";

/// What a plugin keeps while its script is loaded anew.
#[derive(Default)]
pub struct Estate {
    pub kv: Space,
    pub limiter: Limiter,
    pub stats: Stats,
}

pub struct Script {
    pub name: Arc<str>,
    pub path: PathBuf,
    pub ast: AST,
    /// How many arguments the script's function for each point takes; none: it has no such function.
    hooks: [Option<Hook>; SHAPES.len()],
    /// What its functions know beside what they are given: each is handed a copy, so that no call leaves anything to the
    /// next one, which may run on another thread.
    pub names: Vec<(String, Dynamic)>,
    pub config: Dynamic,
    pub estate: Arc<Estate>,
}

/// A function that is a hook.
#[derive(Clone, Copy)]
struct Hook {
    arity: usize,
    /// Where it is defined.
    spot: Option<Spot>,
}

/// A place in a script's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spot {
    pub line: usize,
    pub column: usize,
}

impl Spot {
    pub fn of(position: Position) -> Option<Self> {
        Some(Spot { line: position.line()?, column: position.position().unwrap_or(1) })
    }
}

/// What is wrong with a script.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{}: {message}{}", .path.display(), at(*.spot), hinted(.hint.as_deref()))]
pub struct Flaw {
    pub path: PathBuf,
    pub spot: Option<Spot>,
    pub message: String,
    pub hint: Option<String>,
}

fn at(spot: Option<Spot>) -> String {
    spot.map_or_else(String::new, |spot| format!(":{}:{}", spot.line, spot.column))
}

fn hinted(hint: Option<&str>) -> String {
    hint.map_or_else(String::new, |hint| format!(" ({hint})"))
}

impl Flaw {
    pub fn whole(path: &Path, message: impl Into<String>) -> Self {
        Flaw { path: path.to_path_buf(), spot: None, message: message.into(), hint: None }
    }

    pub fn parse(path: &Path, error: &ParseError) -> Self {
        Flaw { spot: Spot::of(error.position()), ..Flaw::whole(path, error.err_type().to_string()) }
    }

    pub fn fault(path: &Path, fault: &Fault) -> Self {
        Flaw { spot: fault.spot, ..Flaw::whole(path, fault.message.clone()) }
    }
}

impl Script {
    /// Compiles what lies at `path`, and runs its top level. A folder is the script `main.rhai` in it.
    pub fn load(
        engine: &Engine,
        name: &str,
        path: &Path,
        config: &Map<String, Value>,
        estate: Arc<Estate>,
        services: &Services,
        limits: Limits,
    ) -> Result<Self, Flaw> {
        let text = read(path)?;
        Script::compile(engine, name, path, &text, config, estate, services, limits)
    }

    #[expect(clippy::too_many_arguments, reason = "each is a part of what makes a script")]
    pub fn compile(
        engine: &Engine,
        name: &str,
        path: &Path,
        text: &str,
        config: &Map<String, Value>,
        estate: Arc<Estate>,
        services: &Services,
        limits: Limits,
    ) -> Result<Self, Flaw> {
        let ast = engine.compile(text).map_err(|error| Flaw::parse(path, &error))?;
        let hooks = find_hooks(&ast, text, path)?;
        let config = Dynamic::from(value::map_from_json(config));
        let mut script = Script {
            name: name.into(),
            path: path.to_path_buf(),
            ast,
            hooks,
            names: vec![("config".to_owned(), config.clone())],
            config,
            estate,
        };
        let defined = script.run_top_level(engine, services, limits)?;
        script.names.extend(defined);
        script.ast.clear_statements();
        Ok(script)
    }

    /// What the statements outside of functions define.
    fn run_top_level(
        &self,
        engine: &Engine,
        services: &Services,
        limits: Limits,
    ) -> Result<Vec<(String, Dynamic)>, Flaw> {
        let mut scope = Scope::new();
        let stage = Stage::new(Arc::new(self.outline()), services.clone(), &Origin::default());
        let (outcome, stage) = stage::perform(stage, || {
            let _watch = Watch::begin(limits);
            Fault::catch(|| engine.run_ast_with_scope(&mut scope, &self.ast))
        });
        outcome.map_err(|fault| Flaw::fault(&self.path, &fault))?;
        // The top level runs wherever a script is looked at; what it would bring about is for when it is loaded.
        if !stage.effects.is_empty() || !stage.timers.is_empty() {
            return Err(Flaw::whole(
                &self.path,
                "starts timers or does deeds outside of functions: on_load is for that",
            ));
        }
        Ok(scope.into_iter().map(|(name, value, _)| (name, value.flatten())).collect())
    }

    /// The same script before its top level has run.
    fn outline(&self) -> Script {
        Script {
            name: Arc::clone(&self.name),
            path: self.path.clone(),
            ast: AST::empty(),
            hooks: self.hooks,
            names: self.names.clone(),
            config: self.config.clone(),
            estate: Arc::clone(&self.estate),
        }
    }

    pub fn has(&self, point: Point) -> bool {
        self.hooks[point as usize].is_some()
    }

    /// How many arguments the hook takes.
    pub fn arity(&self, point: Point) -> usize {
        self.hooks[point as usize].map_or(0, |hook| hook.arity)
    }

    /// Where the hook is defined.
    pub fn spot(&self, point: Point) -> Option<Spot> {
        self.hooks[point as usize].and_then(|hook| hook.spot)
    }

    pub fn points(&self) -> impl Iterator<Item = Point> + '_ {
        SHAPES.iter().map(|shape| shape.point).filter(|point| self.has(*point))
    }

    /// With how many parameters a function is defined; none where it is not.
    pub fn function(&self, name: &str) -> Option<usize> {
        self.ast.iter_functions().find(|function| function.name == name).map(|function| function.params.len())
    }
}

pub fn read(path: &Path) -> Result<String, Flaw> {
    let file = if path.is_dir() { path.join("main.rhai") } else { path.to_path_buf() };
    let unreadable = |error: std::io::Error| Flaw::whole(path, format!("cannot be read: {error}"));
    let size = std::fs::metadata(&file).map_err(unreadable)?.len();
    if size > MAX_SCRIPT_BYTES {
        return Err(Flaw::whole(path, format!("is larger than a script may be ({MAX_SCRIPT_BYTES} bytes)")));
    }
    std::fs::read_to_string(&file).map_err(unreadable)
}

/// The functions that are hooks. One that looks like a hook and is none is a mistake; one may take fewer arguments than
/// it could have.
fn find_hooks(ast: &AST, text: &str, path: &Path) -> Result<[Option<Hook>; SHAPES.len()], Flaw> {
    let mut hooks: [Option<Hook>; SHAPES.len()] = [None; SHAPES.len()];
    for function in ast.iter_functions() {
        let (name, arity) = (function.name, function.params.len());
        let spot = place_of(text, name);
        let flaw = |message: String| Flaw { spot, ..Flaw::whole(path, message) };
        let most: &[&str] = match name {
            ON_LOAD => &["config"],
            ON_UNLOAD => &[],
            _ => match Point::parse(name) {
                Some(point) => point.shape().arguments,
                None if name.starts_with("on_") => {
                    let known = SHAPES.iter().map(|shape| shape.hook).chain([ON_LOAD, ON_UNLOAD]);
                    let hint = super::tools::check::nearest(name, known).map(|near| format!("did you mean {near}?"));
                    return Err(Flaw { hint, ..flaw(format!("there is no hook {name}")) });
                }
                None => continue,
            },
        };
        if arity > most.len() {
            return Err(flaw(format!("{name} is called with ({}), it takes {arity} arguments here", most.join(", "))));
        }
        if let Some(point) = Point::parse(name) {
            let slot = &mut hooks[point as usize];
            if slot.is_none_or(|known| known.arity < arity) {
                *slot = Some(Hook { arity, spot });
            }
        }
    }
    Ok(hooks)
}

/// Where a function is defined: the syntax tree does not say.
fn place_of(text: &str, name: &str) -> Option<Spot> {
    let defines = |line: &str| {
        line.match_indices("fn ").map(|(at, _)| at).find(|at| {
            let rest = line[at + 3..].trim_start().strip_prefix(name);
            rest.is_some_and(|rest| rest.trim_start().starts_with('('))
        })
    };
    let found = text.lines().enumerate().find_map(|(at, line)| Some((at + 1, line, defines(line)?)));
    found.map(|(number, line, at)| Spot { line: number, column: line[..at].chars().count() + 1 })
}
