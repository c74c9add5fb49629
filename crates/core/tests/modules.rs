//! Runs every case of `tests/modules/NAME/*.yml`; the format is in `tests/modules/README.md`.
//!
//! For every case: `check` reports the change without making it, a simulation over an overlay and the real thing end in
//! the same state, and a second `check` of either finds nothing to do. `CASES=text` runs those with `text` in their name.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, reason = "a test")]

use hostler_core::module::{DynModule, Mode, Module, Outcome, parse_args};
use hostler_core::modules::builtin;
use hostler_core::system::System;
use hostler_core::system::fake::{Fake, FakeFile, FakeSpec};
use hostler_core::system::overlay::Overlay;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    #[serde(default)]
    args: Map<String, Value>,
    #[serde(default)]
    system: FakeSpec,
    expect: Expect,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Expect {
    changed: bool,
    failed: bool,
    msg: Option<String>,
    output: Map<String, Value>,
    absent_output: Vec<String>,
    check_output: Map<String, Value>,
    diff: Option<Vec<Value>>,
    ran: Option<Vec<String>>,
    files: BTreeMap<PathBuf, FakeFile>,
    resources: BTreeMap<String, BTreeMap<String, Value>>,
    unknown: Option<BTreeSet<String>>,
    /// It is a change each time, as running a command is.
    always: bool,
    /// The simulation cannot know all of the end state.
    partial: bool,
}

#[test]
fn cases() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/modules");
    let wanted = std::env::var("CASES").unwrap_or_default();
    let registry = builtin();
    let (mut count, mut failures) = (0, Vec::new());
    for directory in sorted(&root).into_iter().filter(|path| path.is_dir()) {
        let name = directory.file_name().unwrap().to_str().unwrap().to_owned();
        let module = registry.get(&name).unwrap_or_else(|| panic!("cases for {name}, which is no module"));
        for file in sorted(&directory).into_iter().filter(|path| path.extension().is_some_and(|ext| ext == "yml")) {
            let text = std::fs::read_to_string(&file).unwrap();
            // `<<: *anchor` shares a system between cases.
            let cases = serde_norway::from_str(&text).and_then(|mut cases: serde_norway::Value| {
                cases.apply_merge()?;
                serde_norway::from_value::<Vec<Case>>(cases)
            });
            let cases = cases.unwrap_or_else(|error| panic!("{}: {error}", file.display()));
            for case in cases {
                let title = format!("{name}/{}: {}", file.file_stem().unwrap().to_str().unwrap(), case.name);
                if !title.contains(&wanted) {
                    continue;
                }
                count += 1;
                let result = catch_unwind(AssertUnwindSafe(|| run(module.as_ref(), &case)));
                let problems = result.unwrap_or_else(|_| vec!["panicked".to_owned()]);
                if !problems.is_empty() {
                    failures.push(format!("{title}\n    {}", problems.join("\n    ")));
                }
            }
        }
    }
    assert!(failures.is_empty(), "{} of {count} cases failed\n{}", failures.len(), failures.join("\n"));
    assert!(count > 0, "no case matches {wanted:?}");
}

fn sorted(directory: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn run(module: &dyn DynModule, case: &Case) -> Vec<String> {
    let expect = &case.expect;
    let mut problems = Vec::new();
    let args = Value::Object(case.args.clone());
    let start = Fake::new(case.system.clone());

    let mut looked = start.clone();
    let checked = module.call(args.clone(), Mode::Check, true, &mut looked);
    if !looked.ran().is_empty() || snapshot(&looked, looked.paths()) != snapshot(&start, start.paths()) {
        problems.push("check changed the machine".to_owned());
    }
    let mut real = start.clone();
    let applied = module.call(args.clone(), Mode::Apply, true, &mut real);

    judge(&mut problems, "apply", &applied, expect);
    compare_fields(&mut problems, "output", &expect.output, &applied.output);
    for name in expect.absent_output.iter().filter(|name| applied.output.contains_key(*name)) {
        problems.push(format!("output has {name}: {}", applied.output[name]));
    }
    if let Some(ran) = &expect.ran {
        let found: Vec<_> = real.ran().iter().map(|command| command.argv.join(" ")).collect();
        if found != *ran {
            problems.push(format!("ran {found:#?}, not {ran:#?}"));
        }
    }
    check_files(&mut problems, "after apply", &real, expect);
    if expect.failed {
        return problems;
    }

    judge(&mut problems, "check", &checked, expect);
    compare_fields(&mut problems, "check's output", &expect.check_output, &checked.output);
    if let Some(expected) = &expect.diff {
        let found = serde_json::to_value(&checked.diff).unwrap();
        let same = found.as_array().unwrap().len() == expected.len()
            && expected.iter().zip(found.as_array().unwrap()).all(|(expected, found)| is_subset(expected, found));
        if !same {
            problems.push(format!("diff is {found:#}"));
        }
    }

    let mut overlay = Overlay::new(start);
    let simulated = module.call(args.clone(), Mode::Simulate, true, &mut overlay);
    judge(&mut problems, "simulation", &simulated, expect);
    if let Some(unknown) = &expect.unknown {
        let found: BTreeSet<_> = simulated.unknown.iter().cloned().collect();
        if found != *unknown {
            problems.push(format!("unknown is {found:?}"));
        }
    }
    if !overlay.below().ran().is_empty() {
        problems.push("the simulation ran commands".to_owned());
    }
    if !expect.partial {
        compare_states(&mut problems, &overlay, &real);
        check_files(&mut problems, "after the simulation", &overlay, expect);
    }
    for (kind, states) in &expect.resources {
        for (key, expected) in states {
            let found = overlay.resource(kind, key).unwrap_or_default();
            if !is_subset(expected, &found) {
                problems.push(format!("resource {kind} {key} is {found}"));
            }
        }
    }
    for (what, again) in [
        ("apply", module.call(args.clone(), Mode::Check, true, &mut real)),
        ("the simulation", module.call(args, Mode::Check, true, &mut overlay)),
    ] {
        if !expect.always && (again.changed || again.failed) {
            problems.push(format!("check after {what} still has {}", serde_json::to_string(&again).unwrap()));
        }
    }
    problems
}

fn judge(problems: &mut Vec<String>, what: &str, outcome: &Outcome, expect: &Expect) {
    // Commands that nothing speaks for are left out of a check.
    let left_out = outcome.output.get("skipped") == Some(&Value::Bool(true));
    if outcome.failed != expect.failed || (outcome.changed != expect.changed && !left_out) {
        problems.push(format!("{what}: {}", serde_json::to_string(outcome).unwrap()));
    }
    if let Some(msg) = &expect.msg {
        let found = outcome.output.get("msg").and_then(Value::as_str).unwrap_or_default();
        if !found.contains(msg.as_str()) {
            problems.push(format!("{what}: msg is {found:?}"));
        }
    }
}

fn compare_fields(problems: &mut Vec<String>, what: &str, expected: &Map<String, Value>, found: &Map<String, Value>) {
    for (name, expected) in expected {
        match found.get(name) {
            Some(value) if is_subset(expected, value) => {}
            Some(value) => problems.push(format!("{what} {name} is {value}, not {expected}")),
            None => problems.push(format!("{what} has no {name}")),
        }
    }
}

fn check_files(problems: &mut Vec<String>, when: &str, system: &dyn System, expect: &Expect) {
    for (path, expected) in &expect.files {
        if let Some(problem) = Fake::mismatch(system, path, expected) {
            problems.push(format!("{} {when}: {problem}", path.display()));
        }
    }
}

/// Whether `found` has all that `expected` has: mappings may have more, everything else is equal.
fn is_subset(expected: &Value, found: &Value) -> bool {
    match (expected, found) {
        (Value::Object(expected), Value::Object(found)) => {
            expected.iter().all(|(name, value)| is_subset(value, found.get(name).unwrap_or(&Value::Null)))
        }
        (Value::Array(expected), Value::Array(found)) => {
            expected.len() == found.len() && expected.iter().zip(found).all(|(a, b)| is_subset(a, b))
        }
        // Empty texts of a diff are left out.
        (Value::String(expected), Value::Null) => expected.is_empty(),
        (expected, found) => expected == found,
    }
}

/// Kind, permissions, owner and content of paths, as far as they are known.
fn snapshot<'a>(system: &dyn System, paths: impl Iterator<Item = &'a Path>) -> BTreeMap<PathBuf, String> {
    paths.map(|path| (path.to_owned(), describe(system, path))).collect()
}

fn describe(system: &dyn System, path: &Path) -> String {
    let Some(meta) = system.symlink_metadata(path).unwrap() else { return "nothing".to_owned() };
    let content = match meta.kind {
        hostler_core::system::FileKind::File => system.read_text(path).unwrap_or_else(|_| "(known later)".to_owned()),
        hostler_core::system::FileKind::Link => system.read_link(path).unwrap().display().to_string(),
        _ => String::new(),
    };
    let context = system.security_context(path).unwrap().unwrap_or_default();
    format!("{:?} {:04o} {}:{} {context} {content:?}", meta.kind, meta.mode, meta.uid, meta.gid)
}

fn compare_states(problems: &mut Vec<String>, overlay: &Overlay<Fake>, real: &Fake) {
    let paths: BTreeSet<&Path> = real.paths().chain(overlay.changed_paths()).collect();
    for path in paths.into_iter().filter(|path| !real.touched().contains(*path)) {
        let (simulated, applied) = (describe(overlay, path), describe(real, path));
        if simulated != applied && !simulated.contains("(known later)") {
            problems.push(format!("{} is {applied}, but simulated {simulated}", path.display()));
        }
    }
}

/// Arguments made in Rust arrive as they left: a task made of a module's defaults says no more than what has to be given.
#[test]
fn arguments_from_rust() {
    let registry = builtin();
    let mut seen = BTreeSet::new();
    macro_rules! arguments {
        ($($module:path),* $(,)?) => {
            $({
                let sent = serde_json::to_value(<$module as Module>::Args::default()).unwrap();
                let given: Map<_, _> =
                    sent.as_object().unwrap().clone().into_iter().filter(|(_, value)| !value.is_null()).collect();
                let read: <$module as Module>::Args = parse_args(<$module>::NAME, given.into())
                    .unwrap_or_else(|error| panic!("{}: {}", <$module>::NAME, error.msg));
                assert_eq!(serde_json::to_value(read).unwrap(), sent, "{}", <$module>::NAME);
                seen.insert(<$module>::NAME);
            })*
        };
    }
    use hostler_core::modules::*;
    arguments![
        apt::Apt,
        apt_key::AptKey,
        apt_repository::AptRepository,
        assemble::Assemble,
        async_status::AsyncStatus,
        authorized_key::AuthorizedKey,
        blockinfile::Blockinfile,
        command::Command,
        copy::Copy,
        cron::Cron,
        deb822_repository::Deb822Repository,
        debconf::Debconf,
        docker_container::DockerContainer,
        docker_host_info::DockerHostInfo,
        docker_image::DockerImage,
        docker_image_info::DockerImageInfo,
        docker_network::DockerNetwork,
        docker_node::DockerNode,
        docker_node_info::DockerNodeInfo,
        docker_swarm::DockerSwarm,
        docker_swarm_service::DockerSwarmService,
        docker_volume::DockerVolume,
        file::File,
        find::Find,
        get_url::GetUrl,
        getent::Getent,
        git::Git,
        group::Group,
        hostname::Hostname,
        known_hosts::KnownHosts,
        lineinfile::Lineinfile,
        locale_gen::LocaleGen,
        modprobe::Modprobe,
        mount::Mount,
        mysql_db::MysqlDb,
        mysql_query::MysqlQuery,
        nfs_export::NfsExport,
        package::Package,
        package_facts::PackageFacts,
        ping::Ping,
        pip::Pip,
        replace::Replace,
        service::Service,
        service_facts::ServiceFacts,
        setup::Setup,
        shell::Shell,
        slurp::Slurp,
        stat::Stat,
        sysctl::Sysctl,
        systemd_service::SystemdService,
        tempfile::Tempfile,
        timezone::Timezone,
        ufw::Ufw,
        unarchive::Unarchive,
        uri::Uri,
        user::User,
        wait_for::WaitFor,
    ];
    let missing: Vec<_> = registry.iter().map(|module| module.name()).filter(|name| !seen.contains(name)).collect();
    assert!(missing.is_empty(), "add to the list above: {missing:?}");
}

#[test]
fn modules_that_answer_with_facts_say_so() {
    for module in hostler_core::modules::builtin().iter() {
        let answers = module.output_schema().to_value().to_string().contains("\"ansible_facts\"");
        assert_eq!(module.brings_facts(), answers, "{}: BRINGS_FACTS", module.name());
    }
}
