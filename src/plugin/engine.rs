//! The engine that runs scripts: no file, network, process or environment; every limit set. One for each thread, as one
//! that is shared makes its threads wait for each other.

use rhai::packages::{Package, StandardPackage};
use rhai::{Engine, OptimizationLevel};

use super::{api, guard, stage};

/// Bounds of one value. Larger ones could not be taken apart within a thread's stack.
pub const MAX_STRING_BYTES: usize = 256 * 1024;
pub const MAX_ARRAY_LENGTH: usize = 1_000;
pub const MAX_MAP_SIZE: usize = 256;

const MAX_CALL_LEVELS: usize = 32;
const MAX_VARIABLES: usize = 64;
const MAX_FUNCTIONS: usize = 256;
/// Expressions within expressions, outside of functions and in them.
const MAX_EXPRESSION_DEPTH: usize = 64;

/// The stack of a thread that runs scripts. Closures that hold one another are bounded by `plugins.max_memory` alone, and
/// are taken apart one within the other: each takes some 200 bytes of memory and up to 420 of the stack, which is four times
/// the largest `max_memory`. It is address space, until it is used.
pub const STACK_BYTES: usize = 256 << 20;

pub fn build() -> Engine {
    let mut engine = Engine::new_raw();
    engine.register_global_module(StandardPackage::new().as_shared_module());
    engine
        .set_max_string_size(MAX_STRING_BYTES)
        .set_max_array_size(MAX_ARRAY_LENGTH)
        .set_max_map_size(MAX_MAP_SIZE)
        .set_max_call_levels(MAX_CALL_LEVELS)
        .set_max_variables(MAX_VARIABLES)
        .set_max_functions(MAX_FUNCTIONS)
        .set_max_modules(0)
        .set_max_expr_depths(MAX_EXPRESSION_DEPTH, MAX_EXPRESSION_DEPTH)
        .set_optimization_level(OptimizationLevel::Simple)
        .set_fail_on_invalid_map_property(false)
        .disable_symbol("eval")
        .disable_symbol("import")
        .disable_symbol("export");
    guard::install(&mut engine);
    resolve_names(&mut engine);
    api::register(&mut engine);
    engine
}

/// Functions see nothing of their script but other functions; what is defined at its top level is lent to them.
fn resolve_names(engine: &mut Engine) {
    #[expect(deprecated, reason = "the engine calls it volatile; nothing else does this")]
    engine.on_var(|name, index, context| {
        // A variable of the function itself was found when the script was compiled, or stands in its scope.
        if index > 0 || context.scope().contains(name) {
            return Ok(None);
        }
        Ok(stage::known(name))
    });
}
