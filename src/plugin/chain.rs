//! All plugins that have a hook, one after the other: the first that denies ends it, and what one rewrites the next one
//! sees.

use std::sync::Arc;
use std::time::Instant;

use rhai::{Dynamic, Engine};

use super::config::OnError;
use super::convert;
use super::run::{self, Decision, Fault, Outcome};
use super::script::Script;
use super::set::Set;
use super::stage::{Said, Services, Timer};
use super::stats::{NowBenched, Standing};
use super::value;
use crate::domain::hooks::{Arg, Call, Hold, Point, Ruling, Verdict, denied};

/// What a chain leaves: the ruling, and the timers that each plugin asked for.
pub struct Done {
    pub ruling: Ruling,
    pub timers: Vec<(Arc<Script>, Timer)>,
}

/// What the client reads where a plugin has failed and the event must not go on without it.
const FAILED: &str = "a rule of this server could not be checked, try again later";

pub fn run(engine: &Engine, set: &Set, services: &Services, call: Call) -> Done {
    let Call { point, mut args, origin, only } = call;
    let mut done = Done { ruling: Ruling::default(), timers: Vec::new() };
    let mut given: Vec<Dynamic> = args.iter().map(convert::to_script).collect();
    let mut rewritten = false;
    // Of a command it is the message that may be rewritten, of a status the status.
    let subject = match point {
        Point::Command => 2,
        Point::Status => 1,
        _ => 0,
    };
    for script in set.with(point) {
        let is_meant = only.as_ref().is_none_or(|only| *only == script.name);
        // What a plugin does itself, it need not hear of.
        if !is_meant || origin.plugin.as_ref() == Some(&script.name) {
            continue;
        }
        match one(engine, set, services, script, point, &given, &origin, &args[subject.min(args.len() - 1)]) {
            Ok((decision, effects, timers)) => {
                done.ruling.effects.extend(effects);
                done.timers.extend(timers.into_iter().map(|timer| (Arc::clone(script), timer)));
                match decision {
                    Step::On => {}
                    Step::Rewritten(arg) => {
                        // What it may not change is as it was for the next one as well.
                        given[subject] = convert::to_script(&arg);
                        args[subject] = arg;
                        rewritten = true;
                    }
                    Step::End(verdict) => {
                        done.ruling.verdict = verdict;
                        return done;
                    }
                }
            }
            Err(Left) => match set.on_error(point) {
                OnError::Allow => {}
                OnError::Deny => {
                    done.ruling.verdict = Verdict::Deny(denied(None, FAILED.into()));
                    return done;
                }
                OnError::Hold if point.shape().withholds => {
                    let reason = "the plugin failed".to_owned();
                    done.ruling.verdict = Verdict::Hold(Hold { plugin: Arc::clone(&script.name), reason });
                    return done;
                }
                // Where nothing can wait, whoever wanted it held does not want it through.
                OnError::Hold => {
                    done.ruling.verdict = Verdict::Deny(denied(None, FAILED.into()));
                    return done;
                }
            },
        }
    }
    if rewritten {
        done.ruling.verdict = Verdict::Rewrite(args.swap_remove(subject));
    }
    done
}

enum Step {
    On,
    Rewritten(Arg),
    End(Verdict),
}

/// The plugin failed, or is left out.
struct Left;

#[expect(clippy::too_many_arguments, reason = "one step of the chain above, cut out of it")]
fn one(
    engine: &Engine,
    set: &Set,
    services: &Services,
    script: &Arc<Script>,
    point: Point,
    given: &[Dynamic],
    origin: &crate::domain::hooks::Origin,
    subject: &Arg,
) -> Result<(Step, Vec<crate::domain::hooks::Effect>, Vec<Timer>), Left> {
    let stats = &script.estate.stats;
    if let Standing::Benched(_) = stats.ask() {
        return Err(Left);
    }
    let began = Instant::now();
    let outcome = run::hook(engine, script, services, set.limits, point, given.to_vec(), origin).and_then(
        |Outcome { decision, effects, timers }| {
            let step = step(script, point, decision, subject);
            let step = step.map_err(|fault| Fault { spot: fault.spot.or(script.spot(point)), ..fault })?;
            Ok((step, effects, timers))
        },
    );
    let took = began.elapsed();
    match outcome {
        Ok((step, effects, timers)) => {
            stats.succeeded(point, took, matches!(step, Step::End(Verdict::Deny(_))));
            Ok((step, effects, timers))
        }
        Err(fault) => {
            report(script, point, &fault, stats.failed(point, took, &fault));
            Err(Left)
        }
    }
}

fn step(script: &Script, point: Point, decision: Decision, subject: &Arg) -> Result<Step, Fault> {
    Ok(match decision {
        Decision::Allow => Step::On,
        Decision::Rewrite(value) => Step::Rewritten(convert::changed(point, subject, &value)?),
        Decision::Said(Said::Deny { code, text }) => Step::End(Verdict::Deny(denied(code.as_deref(), text))),
        Decision::Said(Said::Silent) => Step::End(Verdict::Silent),
        Decision::Said(Said::Hold { reason }) => {
            Step::End(Verdict::Hold(Hold { plugin: Arc::clone(&script.name), reason }))
        }
        Decision::Said(Said::Answer { text }) => Step::End(Verdict::Answer(text)),
        Decision::Value(value) => {
            let json = value::to_json(&value).map_err(|error| Fault::of(error.to_string()))?;
            Step::End(Verdict::Value(json))
        }
    })
}

/// One line for each failure, and a loud one where it was one too many.
pub fn report(script: &Script, point: Point, fault: &Fault, benched: Option<NowBenched>) {
    let (plugin, hook) = (&*script.name, point.hook());
    let file = script.path.display();
    match fault.spot {
        Some(spot) => tracing::warn!(plugin, hook, "{file}:{}:{}: {}", spot.line, spot.column, fault.message),
        None => tracing::warn!(plugin, hook, "{file}: {}", fault.message),
    }
    if let Some(NowBenched(span)) = benched {
        tracing::error!(
            plugin,
            plugin.benched_seconds = span.as_secs(),
            "the plugin failed too often: it is left out, and tried again in {} s",
            span.as_secs()
        );
    }
}
