//! `plugin check`: what is wrong with a script, as far as can be seen without running its hooks. The engine finds out
//! about a function that there is none of only when it is called; here every call is looked up.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rhai::{AST, ASTNode, Engine, Expr, FnCallExpr, Position, Stmt};
use serde_json::{Map, Value};

use crate::domain::hooks::{Directory, Visible};
use crate::domain::id::UserId;
use crate::plugin::config::Config;
use crate::plugin::script::{self, Flaw, Spot};
use crate::plugin::stage::{Clock, Services};
use crate::plugin::{set, worker};

/// Functions that the language has by itself, with any number of arguments.
const OF_THE_LANGUAGE: [&str; 10] =
    ["Fn", "call", "curry", "debug", "is_def_fn", "is_def_var", "is_shared", "print", "type_of", "this"];

/// Nobody is here.
pub struct Nobody;

impl Directory for Nobody {
    fn presence(&self, _: &UserId) -> Option<Visible> {
        None
    }
}

/// What tools lend to scripts: nobody is here, and nothing goes into a log.
pub fn services(clock: Clock) -> Services {
    Services { directory: Arc::new(Nobody), clock, quiet: true }
}

/// Loads what `config` names, sets it up, and forgets it.
///
/// # Errors
/// Everything that is wrong with any of them.
pub fn all(config: &Config, places: &[PathBuf]) -> Result<(), Vec<Flaw>> {
    let wanted = set::find(config.enabled.as_deref(), places)?;
    let services = services(Clock::System);
    worker::alone(|engine| set::prepare(engine, config, &wanted, &BTreeMap::new(), &services).map(drop))
}

/// What a look at one script found.
#[derive(Debug, Default)]
pub struct Looked {
    pub flaws: Vec<Flaw>,
    /// The hooks that it has.
    pub hooks: Vec<&'static str>,
}

/// Compiles a script, looks its calls up, and sets it up with `table`.
pub fn file(path: &Path, table: &Map<String, Value>) -> Looked {
    worker::alone(|engine| {
        let looked = script::read(path).and_then(|text| {
            let ast = engine.compile(&text).map_err(|error| Flaw::parse(path, &error))?;
            let unknown = unknown_calls(engine, &ast, path);
            if !unknown.is_empty() {
                return Ok(Looked { flaws: unknown, hooks: Vec::new() });
            }
            let script = super::load_alone(engine, path, table, Clock::System)?;
            let limits = set::set_up_limits(&Config::default());
            set::set_up(engine, &script, &services(Clock::System), limits)?;
            Ok(Looked { flaws: Vec::new(), hooks: script.points().map(|point| point.hook()).collect() })
        });
        looked.unwrap_or_else(|flaw| Looked { flaws: vec![flaw], hooks: Vec::new() })
    })
}

/// A flaw for each call of a function that there is not.
fn unknown_calls(engine: &Engine, ast: &AST, path: &Path) -> Vec<Flaw> {
    let own = ast.iter_functions().map(|function| (function.name.to_owned(), function.params.len()));
    let known: BTreeSet<(String, usize)> = lent(engine).into_iter().chain(own).collect();
    let mut flaws: Vec<Flaw> = Vec::new();
    ast.walk(&mut |nodes: &[ASTNode<'_>]| {
        let called = match nodes.last() {
            Some(ASTNode::Expr(Expr::FnCall(call, position))) => Some((call, 0, *position)),
            // The value before the dot is the first argument.
            Some(ASTNode::Expr(Expr::MethodCall(call, position))) => Some((call, 1, *position)),
            Some(ASTNode::Stmt(Stmt::FnCall(call, position))) => Some((call, 0, *position)),
            _ => None,
        };
        if let Some((call, more, position)) = called
            && let Some(flaw) = look_up(call, call.args.len() + more, position, &known, path)
            && !flaws.contains(&flaw)
        {
            flaws.push(flaw);
        }
        true
    });
    flaws
}

fn look_up(
    call: &FnCallExpr,
    arity: usize,
    position: Position,
    known: &BTreeSet<(String, usize)>,
    path: &Path,
) -> Option<Flaw> {
    let name = match call.namespace.is_empty() {
        true => call.name.to_string(),
        false => format!("{}::{}", call.namespace, call.name),
    };
    let is_closure = name.starts_with("anon$");
    if call.op_token.is_some() || is_closure || OF_THE_LANGUAGE.contains(&name.as_str()) {
        return None;
    }
    if known.contains(&(name.clone(), arity)) {
        return None;
    }
    let arities: BTreeSet<String> =
        known.iter().filter(|(known, _)| *known == name).map(|(_, arity)| arity.to_string()).collect();
    let flaw = |message: String, hint: Option<String>| {
        Some(Flaw { path: path.to_path_buf(), spot: Spot::of(position), message, hint })
    };
    if !arities.is_empty() {
        let taken = arities.into_iter().collect::<Vec<_>>().join(" or ");
        return flaw(format!("{name} takes {taken} arguments, here it gets {arity}"), None);
    }
    let hint = nearest(&name, known.iter().map(|(known, _)| known.as_str()));
    flaw(format!("there is no function {name}"), hint.map(|near| format!("did you mean {near}?")))
}

/// The functions that the engine has, each with the number of its arguments.
pub fn lent(engine: &Engine) -> BTreeSet<(String, usize)> {
    engine.gen_fn_signatures(true).iter().filter_map(|signature| name_and_arity(signature)).collect()
}

/// Of a text such as `kv::get(_: &str, _: Dynamic) -> Dynamic`.
fn name_and_arity(signature: &str) -> Option<(String, usize)> {
    let (name, rest) = signature.split_once('(')?;
    let (mut depth, mut commas, mut is_empty) = (0_i32, 0, true);
    for sign in rest.chars() {
        match sign {
            ')' if depth == 0 => break,
            '(' | '<' | '[' => depth += 1,
            ')' | '>' | ']' => depth -= 1,
            ',' if depth == 0 => commas += 1,
            _ => {}
        }
        is_empty &= sign.is_whitespace();
    }
    Some((name.trim().to_owned(), if is_empty { 0 } else { commas + 1 }))
}

/// The name that was probably meant.
pub fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let scored = known.map(|known| (strsim::jaro_winkler(name, known), known)).filter(|(score, _)| *score > 0.8);
    scored.max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::api::FUNCTIONS;

    fn flaws(text: &str) -> Vec<String> {
        worker::alone(|engine| {
            let ast = engine.compile(text).expect("it compiles");
            unknown_calls(engine, &ast, Path::new("x.rhai")).iter().map(ToString::to_string).collect()
        })
    }

    #[test]
    fn the_table_lists_what_the_engine_has() {
        let (with, without) = worker::alone(|engine| {
            let mut bare = Engine::new_raw();
            let standard = rhai::packages::StandardPackage::new();
            rhai::packages::Package::register_into_engine(&standard, &mut bare);
            (lent(engine), lent(&bare))
        });
        let of_types = ["to_string", "to_debug", "every", "after", "sleep", "==", "!=", "get$", "set$"];
        let lent: BTreeSet<_> = with
            .difference(&without)
            .filter(|(name, _)| !of_types.iter().any(|known| name.starts_with(known)))
            .cloned()
            .collect();
        let listed: BTreeSet<_> = FUNCTIONS.iter().map(|f| (f.name().to_owned(), f.arity())).collect();
        let of_language_too: BTreeSet<_> = listed.difference(&with).collect();
        assert!(of_language_too.is_empty(), "in the table, but not there: {of_language_too:?}");
        let unlisted: Vec<_> = lent.difference(&listed).collect();
        assert!(unlisted.is_empty(), "there, but not in the table: {unlisted:?}");
    }

    #[test]
    fn a_call_of_nothing_is_found_where_it_stands() {
        let found = flaws("fn on_message(m) {\n    if m.content.contians(\"x\") { return dney(\"no\"); }\n}");
        assert_eq!(
            found,
            [
                "x.rhai:2:18: there is no function contians (did you mean contains?)",
                "x.rhai:2:41: there is no function dney (did you mean deny?)",
            ]
        );
        assert_eq!(flaws("kv::gett(\"a\")"), ["x.rhai:1:5: there is no function kv::gett (did you mean kv::get?)"]);
        assert_eq!(flaws("deny()"), ["x.rhai:1:1: deny takes 1 or 2 arguments, here it gets 0"]);
    }

    #[test]
    fn what_there_is_is_let_be() {
        let fine = r#"
            const LIMIT = 3;
            fn helper(a, b) { a + b }
            fn on_message(message, user, conversation) {
                let words = message.content.to_lower().split(" ").filter(|word| word.len > 3).map(|word| word + "!");
                words.sort();
                if helper(words.len(), 1) > LIMIT && regex("a+").is_match(message.content) { return deny("CODE", "no"); }
                kv::set("a", #{ b: [1, 2] }, "10m");
                let f = |x| x * 2;
                print(f.call(2) + type_of(words));
                timer.every("5m", "x");
                for (word, at) in words { log::info(`${word} ${at}`); }
            }"#;
        assert_eq!(flaws(fine), [""; 0]);
    }
}
