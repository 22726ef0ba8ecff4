//! The daemon.

#[global_allocator]
static ALLOCATOR: chatd::Metered<mimalloc::MiMalloc> = chatd::Metered(mimalloc::MiMalloc);

fn main() -> std::process::ExitCode {
    chatd::chatd()
}
