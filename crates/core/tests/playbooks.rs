//! Playbooks in `tests/playbooks/NAME/site.yml`, and what the loader makes of them: `expected.txt` beside each holds plays, blocks and
//! tasks, warnings and errors. `BLESS=1` writes those files anew, to be read before they are committed.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "a test")]

use hostler_core::diagnostic::{Diagnostic, SourceFile};
use hostler_core::module::Registry;
use hostler_core::playbook::{
    ActionNames, Block, Keyword, Keywords, Listing, Loader, LoaderOptions, Node, Play, Role, RoleSpec, Scope, Spanned,
    Statics, Task,
};
use hostler_core::value::{Map, Value};
use hostler_core::vars::Decrypt;
use hostler_core::yaml;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

struct NoVault;

impl Decrypt for NoVault {
    fn decrypt(&self, _: &str) -> Result<Vec<u8>, String> {
        Err("no password fits".into())
    }
}

/// Knows `{{ name }}` for the variables of the scope, and nothing else.
struct Simple;

impl Statics for Simple {
    fn resolve(&self, value: &Value, scope: &Arc<Scope>) -> Result<Value, Diagnostic> {
        let Value::Template(template) = value else { return Ok(value.clone()) };
        let (before, rest) = template.source.split_once("{{").unwrap();
        let (name, after) = rest.split_once("}}").unwrap();
        let name = name.trim();
        let role = |level: &Scope| {
            level.role.as_ref().and_then(|role| role.vars.get(name).or(role.defaults.get(name)).cloned())
        };
        let known = scope.levels().find_map(|level| level.keywords.vars.get(name).cloned().or_else(|| role(level)));
        match known.as_ref().and_then(Value::as_str) {
            Some(text) => Ok(Value::from(format!("{before}{text}{after}"))),
            None => Err(Diagnostic::error(format!("`{name}` is not defined"))),
        }
    }
}

const ACTIONS: &[&str] = &[
    "ansible.builtin.add_host",
    "ansible.builtin.apt",
    "ansible.builtin.command",
    "ansible.builtin.copy",
    "ansible.builtin.debug",
    "ansible.builtin.group_by",
    "ansible.builtin.include_vars",
    "ansible.builtin.ping",
    "ansible.builtin.script",
    "ansible.builtin.service",
    "ansible.builtin.set_fact",
    "ansible.builtin.shell",
    "ansible.builtin.template",
    "ansible.builtin.validate_argument_spec",
    "community.docker.docker_container",
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/playbooks")
}

fn loader() -> Loader {
    Loader::new(LoaderOptions {
        roles_path: vec![folder().join("shared_roles")],
        plugins: Arc::default(),
        library: Vec::new(),
        private_role_vars: None,
        vault: Arc::new(NoVault),
        actions: Arc::new(ActionNames::new(&Registry::new(), ACTIONS.iter().copied())),
        defer_unbuilt: false,
        lenient: false,
        duplicate_keys: Default::default(),
    })
}

#[test]
fn playbooks_load_as_expected() {
    let mut wrong = Vec::new();
    let mut cases = 0;
    for entry in std::fs::read_dir(folder()).unwrap() {
        let case = entry.unwrap().path();
        if !case.join("site.yml").is_file() {
            continue;
        }
        cases += 1;
        let actual = relative(&describe(&case));
        let file = case.join("expected.txt");
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(&file, &actual).unwrap();
        }
        let expected = std::fs::read_to_string(&file).unwrap_or_default();
        if expected != actual {
            wrong.push(format!("{}: expected\n{expected}\nbut got\n{actual}", case.display()));
        }
    }
    assert!(cases > 5, "only {cases} cases in {}", folder().display());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Paths as they are in the repository.
fn relative(text: &str) -> String {
    text.replace(&format!("{}/", folder().display()), "")
}

fn describe(case: &Path) -> String {
    let loader = loader();
    let mut text = String::new();
    match loader.playbook(&case.join("site.yml"), &Simple) {
        Ok(playbook) => {
            playbook.plays.iter().for_each(|play| self::play(play, &mut text));
            let listing = Listing { tasks: true, tags: true, ..Listing::default() };
            text.push_str(&listing.of(&playbook, &Simple));
        }
        Err(errors) => errors.iter().for_each(|error| problem("error", error, &mut text)),
    }
    loader.take_warnings().iter().for_each(|warning| problem("warning", warning, &mut text));
    text
}

fn problem(kind: &str, diagnostic: &Diagnostic, text: &mut String) {
    writeln!(text, "{kind}: {diagnostic}").unwrap();
    for (span, note) in &diagnostic.related {
        writeln!(text, "  {span}: {note}").unwrap();
    }
}

fn play(play: &Play, text: &mut String) {
    writeln!(text, "play{}", name(&play.name)).unwrap();
    list(text, 1, "hosts", &play.hosts);
    list(text, 1, "vars_files", &play.vars_files);
    for prompt in &play.vars_prompt {
        writeln!(text, "  {prompt:?}").unwrap();
    }
    for (name, value) in [
        ("gather_facts", &play.gather_facts),
        ("gather_subset", &play.gather_subset),
        ("serial", &play.serial),
        ("strategy", &play.strategy),
        ("order", &play.order),
        ("max_fail_percentage", &play.max_fail_percentage),
        ("force_handlers", &play.force_handlers),
    ] {
        keyword(text, 1, name, value);
    }
    keywords(text, 1, &play.scope.keywords);
    for (section, nodes) in [
        ("pre_tasks", &play.pre_tasks),
        ("roles", &play.roles),
        ("tasks", &play.tasks),
        ("post_tasks", &play.post_tasks),
        ("handlers", &play.handlers),
    ] {
        self::nodes(text, 1, section, nodes);
    }
    play.static_roles.iter().for_each(|role| self::role(role, text));
}

fn role(role: &Role, text: &mut String) {
    let names = |roles: &[Arc<Role>]| roles.iter().map(|role| role.name.to_string()).collect::<Vec<_>>().join(", ");
    writeln!(text, "  role {} in {}", role.name, role.path.display()).unwrap();
    writeln!(text, "    defaults {} vars {} params {}", map(&role.defaults), map(&role.vars), map(&role.params))
        .unwrap();
    let flags = (role.allow_duplicates, role.public);
    writeln!(
        text,
        "    parents {:?} dependencies [{}] allow_duplicates, public {flags:?}",
        role.parents,
        names(&role.dependencies)
    )
    .unwrap();
    nodes(text, 2, "handlers", &role.handlers);
}

fn nodes(text: &mut String, depth: usize, title: &str, nodes: &[Node]) {
    if nodes.is_empty() {
        return;
    }
    line(text, depth, &format!("{title}:"));
    for node in nodes {
        match node {
            Node::Task(task) => self::task(text, depth + 1, task),
            Node::Block(block) => self::block(text, depth + 1, block),
        }
    }
}

fn block(text: &mut String, depth: usize, block: &Block) {
    let role = block.scope.role.as_ref().map(|role| format!(" of role {}", role.name)).unwrap_or_default();
    line(text, depth, &format!("block{}{role}", name(&block.name)));
    keywords(text, depth + 1, &block.scope.keywords);
    nodes(text, depth + 1, "block", &block.block);
    nodes(text, depth + 1, "rescue", &block.rescue);
    nodes(text, depth + 1, "always", &block.always);
}

fn task(text: &mut String, depth: usize, task: &Task) {
    let place = task.span.as_ref().map(|span| format!(" at {span}")).unwrap_or_default();
    line(text, depth, &format!("{}{} {}{place}", task.action, name(&task.name), map(&task.args)));
    let depth = depth + 1;
    keywords(text, depth, &task.scope.keywords);
    if let Some(register) = &task.register {
        line(text, depth, &format!("register {register}"));
    }
    if let Some(loop_) = &task.loop_ {
        line(text, depth, &format!("loop {:?} {} {}", loop_.lookup, show(&loop_.items.value), control(loop_)));
    }
    for (name, value) in
        [("retries", &task.retries), ("delay", &task.delay), ("async", &task.async_), ("poll", &task.poll)]
    {
        keyword(text, depth, name, value);
    }
    list(text, depth, "until", &task.until);
    list(text, depth, "changed_when", &task.changed_when);
    list(text, depth, "failed_when", &task.failed_when);
    list(text, depth, "notify", &task.notify);
    list(text, depth, "listen", &task.listen);
    if let Some(apply) = &task.apply {
        line(text, depth, "apply");
        keywords(text, depth + 1, &apply.keywords);
    }
}

fn control(loop_: &hostler_core::playbook::Loop) -> String {
    let control = &loop_.control;
    let mut text = String::new();
    for (name, value) in [
        ("loop_var", &control.loop_var),
        ("index_var", &control.index_var),
        ("label", &control.label),
        ("pause", &control.pause),
        ("extended", &control.extended),
    ] {
        if let Some(value) = value {
            write!(text, " {name} {}", show(&value.value)).unwrap();
        }
    }
    text
}

fn keywords(text: &mut String, depth: usize, keywords: &Keywords) {
    list(text, depth, "when", &keywords.when);
    if !keywords.tags.is_empty() {
        line(text, depth, &format!("tags {}", show(&Value::from(keywords.tags.clone()))));
    }
    if !keywords.vars.is_empty() {
        line(text, depth, &format!("vars {}", map(&keywords.vars)));
    }
    for (name, value) in [
        ("any_errors_fatal", &keywords.any_errors_fatal),
        ("become", &keywords.become_),
        ("become_user", &keywords.become_user),
        ("check_mode", &keywords.check_mode),
        ("delegate_to", &keywords.delegate_to),
        ("environment", &keywords.environment),
        ("ignore_errors", &keywords.ignore_errors),
        ("module_defaults", &keywords.module_defaults),
        ("no_log", &keywords.no_log),
        ("remote_user", &keywords.remote_user),
        ("run_once", &keywords.run_once),
        ("throttle", &keywords.throttle),
    ] {
        keyword(text, depth, name, value);
    }
}

fn keyword(text: &mut String, depth: usize, name: &str, value: &Keyword) {
    if let Some(value) = value {
        line(text, depth, &format!("{name} {}", show(&value.value)));
    }
}

fn list(text: &mut String, depth: usize, name: &str, values: &[Spanned<Value>]) {
    if !values.is_empty() {
        let values = values.iter().map(|value| show(&value.value)).collect::<Vec<_>>().join(" | ");
        line(text, depth, &format!("{name} {values}"));
    }
}

fn line(text: &mut String, depth: usize, content: &str) {
    writeln!(text, "{:1$}{content}", "", depth * 2).unwrap();
}

fn name(name: &Option<Spanned<Value>>) -> String {
    name.as_ref().map(|name| format!(" {:?}", name.value.as_str().unwrap_or_default())).unwrap_or_default()
}

fn map(map: &Map) -> String {
    show(&Value::from(map.clone()))
}

fn show(value: &Value) -> String {
    value.to_json().to_string()
}

#[test]
fn listings_leave_out_what_tags_leave_out() {
    let loader = loader();
    let case = std::env::temp_dir().join(format!("hostler-tags-{}.yml", std::process::id()));
    let text =
        "- hosts: all\n  tags: p\n  tasks:\n    - {name: a, ping: , tags: [never]}\n    - {name: b, ping: , tags: x}\n";
    std::fs::write(&case, text).unwrap();
    let playbook = loader.playbook(&case, &Simple).unwrap();
    std::fs::remove_file(&case).unwrap();
    let listed = |listing: Listing| {
        let text = listing.of(&playbook, &Simple);
        let tasks = text.lines().filter(|line| line.contains('\t') && !line.contains("play #"));
        tasks.map(|line| line.trim().to_owned()).collect::<Vec<_>>()
    };
    let (a, b) = ("a\tTAGS: [never, p]", "b\tTAGS: [p, x]");
    let tasks = Listing { tasks: true, ..Listing::default() };
    assert_eq!(listed(tasks.clone()), [b]);
    assert_eq!(listed(Listing { tags: true, ..tasks.clone() }), [a, b]);
    assert_eq!(listed(Listing { only: vec!["p".into()], ..tasks.clone() }), [a, b]);
    assert_eq!(listed(Listing { skip: vec!["x".into()], ..tasks }), [""; 0]);
}

fn first_play(site: &str) -> (Loader, Arc<Play>) {
    let loader = loader();
    let playbook = loader.playbook(&folder().join(site), &Simple).unwrap();
    (loader, Arc::clone(&playbook.plays[0]))
}

fn task_at(nodes: &[Node], index: usize) -> &Arc<Task> {
    let Node::Task(task) = &nodes[index] else { panic!("node {index} is a block") };
    task
}

fn all_tags(scope: &Scope) -> Vec<&str> {
    scope.tags().into_iter().filter_map(Value::as_str).collect()
}

#[test]
fn included_tasks_inherit_variables_and_apply_only() {
    let (loader, play) = first_play("imports/site.yml");
    let plain = task_at(&play.tasks, 1);
    let path = loader.find_tasks("tasks/two.yml", &plain.scope, false).unwrap();
    let loaded = loader.include_tasks(&path, &plain.included_scope(), false, &Simple).unwrap();
    let inner = task_at(&loaded.nodes, 0);
    assert_eq!(all_tags(&plain.scope), ["dynamic"]);
    assert!(all_tags(&inner.scope).is_empty());
    let params = inner.scope.levels().find(|level| level.include_params).unwrap();
    assert_eq!(params.keywords.vars.get("b"), Some(&Value::Int(2)));

    let applied = task_at(&play.tasks, 2);
    let loaded = loader.include_tasks(&path, &applied.included_scope(), false, &Simple).unwrap();
    let inner = task_at(&loaded.nodes, 0);
    assert_eq!(all_tags(&inner.scope), ["applied"]);
    assert!(inner.scope.find(|keywords| &keywords.become_).is_some());
}

#[test]
fn included_roles_bring_their_handlers() {
    let (loader, play) = first_play("imports/site.yml");
    let include = task_at(&play.tasks, 3);
    let spec = RoleSpec::from_args(&include.args).unwrap();
    let loaded = loader.include_role(&spec, &include.included_scope(), &Simple).unwrap();
    assert!(loaded.role.public && loaded.dependencies.is_empty());
    assert_eq!(loaded.role.handlers.len(), 1);
    let Node::Block(block) = &loaded.block else { panic!("a role is a block") };
    let ping = task_at(&block.block, 0);
    assert_eq!(all_tags(&ping.scope), ["x"]);
    // Only what owns the role has its handlers: else roles and handlers would hold each other for ever.
    let seen = ping.scope.role().unwrap();
    assert!(seen.name == loaded.role.name && seen.handlers.is_empty());
    let wrong = RoleSpec { name: "rr".into(), ..RoleSpec::default() };
    let errors = loader.include_role(&wrong, &include.included_scope(), &Simple).unwrap_err();
    assert!(errors[0].to_string().starts_with("the role 'rr' was not found in "), "{errors:?}");
}

#[test]
fn the_same_use_of_a_role_has_the_same_identity() {
    let (_, play) = first_play("roles/site.yml");
    let of = |name: &str| {
        let uses = play.static_roles.iter().filter(|role| &*role.name == name);
        uses.map(|role| Arc::clone(&role.identity)).collect::<Vec<_>>()
    };
    let common = of("common");
    assert!(common.len() == 3 && common.iter().all(|identity| *identity == common[0]));
    let web = of("web");
    assert!(web.len() == 2 && web[0] != web[1], "other parameters are another use");
}

#[test]
fn an_unbuilt_module_may_wait_until_it_is_reached() {
    let case = std::env::temp_dir().join(format!("hostler-unbuilt-{}.yml", std::process::id()));
    std::fs::write(&case, "- hosts: all\n  tasks:\n    - mysql_user: name=x\n").unwrap();
    let strict = loader().playbook(&case, &Simple).unwrap_err();
    let options = LoaderOptions {
        roles_path: Vec::new(),
        plugins: Arc::default(),
        library: Vec::new(),
        private_role_vars: None,
        vault: Arc::new(NoVault),
        actions: Arc::new(ActionNames::new(&Registry::new(), [])),
        defer_unbuilt: true,
        lenient: false,
        duplicate_keys: Default::default(),
    };
    let lenient = Loader::new(options);
    let playbook = lenient.playbook(&case, &Simple).unwrap();
    std::fs::remove_file(&case).unwrap();
    assert_eq!(strict[0].message, "module `community.mysql.mysql_user` is not built yet");
    assert_eq!(&*task_at(&playbook.plays[0].tasks, 0).action, "community.mysql.mysql_user");
    assert_eq!(lenient.take_warnings().len(), 1);
}

#[test]
fn ten_thousand_tasks_take_little_longer_than_their_yaml() {
    let mut text = String::from("- hosts: all\n  tasks:\n");
    for number in 0..10_000 {
        writeln!(text, "    - name: task {number}\n      copy:\n        src: a{number}\n        dest: /b\n      when: x == {number}\n      tags: [a, b]").unwrap();
    }
    let case = std::env::temp_dir().join(format!("hostler-large-{}.yml", std::process::id()));
    std::fs::write(&case, &text).unwrap();
    let start = Instant::now();
    yaml::load(&SourceFile::new("large.yml", text), &mut Vec::new()).unwrap();
    let parsing = start.elapsed();
    let start = Instant::now();
    let playbook = loader().playbook(&case, &Simple).unwrap();
    let loading = start.elapsed();
    std::fs::remove_file(&case).unwrap();
    assert_eq!(playbook.plays[0].tasks.len(), 10_000);
    // Reading YAML is most of it. Anything quadratic would be far above this, on any machine.
    assert!(loading < parsing * 5 + Duration::from_secs(1), "loading took {loading:?}, its YAML alone {parsing:?}");
}
