//! One hook of one script: called within its limits, and what it returns understood.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use rhai::{CallFnOptions, Dynamic, Engine, EvalAltResult, Position, Scope};

use super::guard::{Limits, Trip, Watch};
use super::script::{Script, Spot};
use super::stage::{self, Said, Services, Stage, Timer};
use super::value::{kind_name, with_article};
use crate::domain::hooks::{Effect, Origin, Point};

/// Why a hook came to nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub message: String,
    pub spot: Option<Spot>,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.spot {
            Some(Spot { line, column }) => write!(f, "{line}:{column}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl Fault {
    pub fn of(message: String) -> Self {
        Fault { message, spot: None }
    }

    /// Runs `work`; a panic in it, which is a defect of the host's, becomes a fault of this one call.
    pub fn catch<R>(work: impl FnOnce() -> Result<R, Box<EvalAltResult>>) -> Result<R, Fault> {
        match catch_unwind(AssertUnwindSafe(work)) {
            Ok(outcome) => outcome.map_err(|error| Fault::from_script(&error)),
            Err(panic) => Err(Fault::of(format!("a function of the host failed: {}", panic_text(&*panic)))),
        }
    }

    fn from_script(error: &EvalAltResult) -> Self {
        // What matters to the author is where it happened and not through which calls.
        let mut inner = error;
        while let EvalAltResult::ErrorInFunctionCall(_, _, deeper, _) = inner {
            inner = deeper;
        }
        let message = match inner {
            EvalAltResult::ErrorTerminated(token, _) => match token.clone().try_cast::<Trip>() {
                Some(Trip::Time) => "took longer than `plugins.timeout`".to_owned(),
                Some(Trip::Operations) => "took more than `plugins.max_operations` operations".to_owned(),
                Some(Trip::Memory) => "took more than `plugins.max_memory`".to_owned(),
                None => "was terminated".to_owned(),
            },
            EvalAltResult::ErrorRuntime(thrown, _) => thrown_text(thrown),
            other => {
                let mut bare = without_position(other.to_string());
                bare.truncate(bare.floor_char_boundary(MAX_FAULT_BYTES));
                bare
            }
        };
        let position = match inner.position() {
            Position::NONE => error.position(),
            position => position,
        };
        Fault { message, spot: Spot::of(position) }
    }
}

/// A thrown text may be as long as a string may be.
const MAX_FAULT_BYTES: usize = 500;

fn thrown_text(thrown: &Dynamic) -> String {
    let mut text = match thrown.as_immutable_string_ref() {
        Ok(text) => text.to_string(),
        Err(_) => {
            format!("threw {}", super::value::to_json(thrown).map_or("something".into(), |json| json.to_string()))
        }
    };
    text.truncate(text.floor_char_boundary(MAX_FAULT_BYTES));
    text
}

/// The engine writes the place behind its message; here it stands before it.
fn without_position(text: String) -> String {
    match text.rfind(" (line ") {
        Some(at) if text.ends_with(')') => text[..at].to_owned(),
        _ => text,
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "it panicked".into())
}

/// What a hook decided.
#[derive(Clone, Debug)]
pub enum Decision {
    Allow,
    Rewrite(Dynamic),
    Said(Said),
    /// What a hook without a verdict returned.
    Value(Dynamic),
}

/// What a hook leaves.
pub struct Outcome {
    pub decision: Decision,
    pub effects: Vec<Effect>,
    pub timers: Vec<Timer>,
}

/// Calls the hook of `point` with as many of `args` as it takes.
///
/// # Errors
/// Where the script threw, ran out of what it may use, or returned what makes no sense.
pub fn hook(
    engine: &Engine,
    script: &Arc<Script>,
    services: &Services,
    limits: Limits,
    point: Point,
    mut args: Vec<Dynamic>,
    cause: &Origin,
) -> Result<Outcome, Fault> {
    args.truncate(script.arity(point));
    let first = args.first().map(kind_name);
    let (returned, stage) = function(engine, script, services, limits, point.hook(), args, cause);
    let decided = returned.and_then(|returned| understand(point, first, returned, stage.said));
    // The engine does not tell where a limit was met; the hook is where to begin looking.
    let decision = decided.map_err(|fault| Fault { spot: fault.spot.or(script.spot(point)), ..fault })?;
    Ok(Outcome { decision, effects: stage.effects, timers: stage.timers })
}

/// Calls a function of a script.
pub fn function(
    engine: &Engine,
    script: &Arc<Script>,
    services: &Services,
    limits: Limits,
    name: &str,
    args: Vec<Dynamic>,
    cause: &Origin,
) -> (Result<Dynamic, Fault>, Stage) {
    let stage = Stage::new(Arc::clone(script), services.clone(), cause);
    stage::perform(stage, || {
        let _watch = Watch::begin(limits);
        Fault::catch(|| {
            let options = CallFnOptions::new().eval_ast(false);
            engine.call_fn_with_options::<Dynamic>(options, &mut Scope::new(), &script.ast, name, args)
        })
    })
}

/// What `returned` means, for a hook whose first argument is a `first`.
pub fn understand(
    point: Point,
    first: Option<&'static str>,
    returned: Dynamic,
    said: Option<Said>,
) -> Result<Decision, Fault> {
    let shape = point.shape();
    if point == Point::Admin {
        return Ok(match returned.clone().try_cast::<Said>() {
            Some(said @ Said::Deny { .. }) => Decision::Said(said),
            _ => Decision::Value(returned),
        });
    }
    if !point.decides() {
        return Ok(Decision::Allow);
    }
    let hook = shape.hook;
    let said = match returned.clone().try_cast::<Said>() {
        Some(verdict) => Some(verdict),
        // Whoever writes `deny("…");` and forgets to return it means it.
        None if returned.is_unit() => said,
        None => None,
    };
    if let Some(said) = said {
        let allowed = match &said {
            Said::Deny { .. } => shape.denies,
            Said::Silent | Said::Hold { .. } => shape.withholds,
            Said::Answer { .. } => point == Point::Command,
        };
        return match allowed {
            true => Ok(Decision::Said(said)),
            false => Err(Fault::of(format!("{hook} cannot decide {}()", said.function()))),
        };
    }
    let kind = kind_name(&returned);
    match (point, kind) {
        (_, "nothing") => Ok(Decision::Allow),
        (Point::Command, "string") => Ok(Decision::Said(Said::Answer { text: returned.to_string() })),
        (Point::Command, "map") => Ok(Decision::Rewrite(returned)),
        (Point::Status, "string" | "map") => Ok(Decision::Rewrite(returned)),
        // What cannot be rewritten comes back as it went.
        _ if Some(kind) == first && !shape.rewrites => Ok(Decision::Allow),
        (Point::Status | Point::Command, _) => Err(misfit(hook, kind)),
        _ if Some(kind) == first => Ok(Decision::Rewrite(returned)),
        _ => Err(misfit(hook, kind)),
    }
}

fn misfit(hook: &str, kind: &'static str) -> Fault {
    let found = with_article(kind);
    Fault::of(format!(
        "{hook} returned {found}: it returns nothing, its changed first argument or a verdict \
         (a last line without `;` is what a function returns)"
    ))
}

impl Said {
    /// The function that makes it.
    pub fn function(&self) -> &'static str {
        match self {
            Said::Deny { .. } => "deny",
            Said::Silent => "silent",
            Said::Hold { .. } => "hold",
            Said::Answer { .. } => "answer",
        }
    }
}
