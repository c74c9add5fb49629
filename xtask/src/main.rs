//! Development tasks that need more than a shell line: `cargo xtask lab`, `test`, `e2e`, `fidelity`, `conformance`, `bench`, `tidy`,
//! `template-fuzz`, `gen` and `new-module`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a tool of the terminal")]

mod bench;
mod conformance;
mod e2e;
mod fidelity;
mod fuzz;
mod lab;
mod new_module;
mod process;
mod reference;
mod test;
mod tidy;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Development tasks
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Test hosts in containers
    #[command(subcommand)]
    Lab(lab::Command),
    /// Run the tests that need neither root nor network
    Test(test::Options),
    /// Run the end-to-end tests on the lab
    E2e(e2e::Options),
    /// Plan playbooks, apply the plans, and compare what was said with what happened
    Fidelity(fidelity::Options),
    /// Run Ansible's own integration targets and compare with what Ansible did
    Conformance(conformance::Options),
    /// Measure Hostler against its peers and against the work itself
    Bench(bench::Options),
    /// Run one program for the bench and print what it took
    #[command(hide = true)]
    Measure(bench::MeasureOptions),
    /// Evaluate made-up expressions with ansible-core and with Hostler, and compare
    TemplateFuzz(fuzz::Options),
    /// Check sizes, headers and layers of the Rust files
    Tidy,
    /// Write the reference of modules and their schemas
    Gen(reference::Options),
    /// Make the skeleton of a module
    NewModule(new_module::Options),
}

fn main() -> ExitCode {
    let result = match Cli::parse().task {
        Task::Lab(command) => lab::run(command),
        Task::Test(options) => test::run(&options),
        Task::E2e(options) => e2e::run(&options),
        Task::Fidelity(options) => fidelity::run(&options),
        Task::Conformance(options) => conformance::run(&options),
        Task::Bench(options) => bench::run(&options),
        Task::Measure(options) => bench::measure(&options),
        Task::TemplateFuzz(options) => fuzz::run(&options),
        Task::Tidy => tidy::run(),
        Task::Gen(options) => reference::run(&options),
        Task::NewModule(options) => new_module::run(&options),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            match error.downcast_ref::<lab::NoDocker>() {
                Some(_) => ExitCode::from(lab::NoDocker::EXIT_CODE),
                None => ExitCode::FAILURE,
            }
        }
    }
}
