//! Builds the helper for this architecture, static, and hands the CLI its path as `HOSTLER_HELPER`.
//!
//! Debug builds take a quickly built helper of the same code; release builds the small one, packed. `HOSTLER_HELPER` in
//! the environment names one that was built elsewhere.
#![allow(clippy::print_stdout, reason = "that is how a build script speaks")]

#[path = "helper/pack.rs"]
mod pack;

use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// A helper is sent to every host once, and a larger one would be felt.
const LARGEST: u64 = 3_000_000;

fn main() -> ExitCode {
    println!("cargo::rerun-if-env-changed=HOSTLER_HELPER");
    if std::env::var("PROFILE").is_ok_and(|profile| profile == "release") {
        // A panic ends the command as it ends the helper: neither unwinds.
        println!("cargo::rustc-link-arg-bins=-Wl,-T,{}", without_tables().display());
    }
    let built = match std::env::var("HOSTLER_HELPER") {
        Ok(path) => {
            println!("cargo::rerun-if-changed={path}");
            Ok(path.into())
        }
        Err(_) => build(),
    };
    match built.and_then(|helper| Ok((hash(&helper)?, helper))) {
        Ok((hash, helper)) => {
            println!("cargo::rustc-env=HOSTLER_HELPER={}", helper.display());
            println!("cargo::rustc-env=HOSTLER_HELPER_SHA256={hash}");
            ExitCode::SUCCESS
        }
        Err(reason) => {
            println!("cargo::error=failed to build the helper: {reason}");
            ExitCode::FAILURE
        }
    }
}

/// What tells the linker to leave out tables for unwinding.
fn without_tables() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("helper/small.ld")
}

fn hash(helper: &Path) -> Result<String, String> {
    let bytes = std::fs::read(helper).map_err(|error| format!("{}: {error}", helper.display()))?;
    Ok(Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect())
}

fn build() -> Result<PathBuf, String> {
    let env = |name: &str| std::env::var(name).map_err(|error| format!("{name}: {error}"));
    let workspace = Path::new(&env("CARGO_MANIFEST_DIR")?).join("../..");
    let parts =
        ["Cargo.toml", "Cargo.lock", "crates/agent", "crates/cli/helper", "crates/core/Cargo.toml", "crates/core/src"];
    for part in parts {
        println!("cargo::rerun-if-changed={}", workspace.join(part).display());
    }
    // With musl's linker absent on most machines, glibc's static archive (part of libc6-dev) is what every builder has.
    let target = format!("{}-unknown-linux-gnu", env("CARGO_CFG_TARGET_ARCH")?);
    let profile = if env("PROFILE")? == "release" { "helper" } else { "helper-dev" };
    let folder = Path::new(&env("OUT_DIR")?).join("helper");
    let mut cargo = Command::new(env("CARGO")?);
    // What the outer build was told is not meant for this one: wrappers (clippy's), flags, features, profiles.
    for (name, _) in std::env::vars() {
        let meant_for_us = ["CARGO_HOME", "CARGO_NET_", "CARGO_HTTP_", "CARGO_REGISTR"];
        if (name.starts_with("CARGO") && !meant_for_us.iter().any(|prefix| name.starts_with(prefix)))
            || ["RUSTFLAGS", "RUSTC_WORKSPACE_WRAPPER", "RUSTC_WRAPPER", "RUSTC", "RUSTDOC"].contains(&name.as_str())
        {
            cargo.env_remove(name);
        }
    }
    // Proc-macros are built for the host and must not be static: an explicit target keeps the flag from them. The outer
    // build gives the same warnings.
    let mut flags = vec!["-Ctarget-feature=+crt-static".to_owned(), "-Awarnings".to_owned()];
    if profile == "helper" {
        flags.push("-Crelocation-model=static".to_owned());
        flags.push(format!("-Clink-arg=-T{}", without_tables().display()));
    }
    let status = cargo
        .args(["build", "--quiet", "--package", "hostler-agent", "--profile", profile, "--target", &target])
        .arg("--manifest-path")
        .arg(workspace.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(&folder)
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"))
        .status()
        .map_err(|error| format!("failed to start cargo: {error}"))?;
    if !status.success() {
        return Err(format!("cargo: {status}"));
    }
    let binary = folder.join(&target).join(profile).join("hostler-agent");
    if profile != "helper" || !pack::can(&target) {
        return Ok(binary);
    }
    let packed = folder.join("hostler-helper");
    pack::pack(&binary, &packed, &target, &folder)?;
    let size = std::fs::metadata(&packed).map_err(|error| format!("{}: {error}", packed.display()))?.len();
    if size > LARGEST {
        return Err(format!("it has {size} bytes, and must not have more than {LARGEST}"));
    }
    Ok(packed)
}
