//! Calls one module on this machine and prints what came of it.
//!
//!     call_module [--check|--plan] MODULE [JSON]
//!     call_module apt '{"name": "tree"}'
//!
//! Built static, it runs on any Linux host: `RUSTFLAGS="-C target-feature=+crt-static" cargo build
//! --target x86_64-unknown-linux-gnu -p hostler-core --example call_module`.
#![allow(clippy::print_stdout, reason = "a program")]

use hostler_core::module::Mode;
use hostler_core::modules::builtin;
use hostler_core::system::os::Os;
use hostler_core::system::overlay::Overlay;
use std::error::Error;
use std::time::Instant;

fn main() -> Result<(), Box<dyn Error>> {
    let mut words: Vec<String> = std::env::args().skip(1).collect();
    let mut option = |name: &str| {
        let before = words.len();
        words.retain(|word| word != name);
        words.len() < before
    };
    let (check, plan) = (option("--check"), option("--plan"));
    let name = words.first().ok_or("usage: call_module [--check|--plan] MODULE [JSON]")?;
    let args = serde_json::from_str(words.get(1).map_or("{}", String::as_str))?;

    let registry = builtin();
    let module = registry.get(name).ok_or_else(|| format!("there is no module {name}"))?;
    let start = Instant::now();
    let outcome = if plan {
        module.call(args, Mode::Simulate, true, &mut Overlay::new(Os::new()))
    } else {
        module.call(args, if check { Mode::Check } else { Mode::Apply }, true, &mut Os::new())
    };
    println!("{}", serde_json::to_string_pretty(&outcome)?);
    println!("{name}: {:.1} ms", start.elapsed().as_secs_f64() * 1000.0);
    Ok(())
}
