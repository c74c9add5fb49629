//! Runs the template cases: each expression or template with the result that ansible-core gives.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

use hostler_core::diagnostic::SourceFile;
use hostler_core::plugins::{Kind, Plugins, Search};
use hostler_core::template::{Condition, FileOptions, Templar, TemplateOptions, Templates};
use hostler_core::value::{Map, Value};
use std::path::Path;
use std::sync::Arc;

fn templar(variables: Map) -> Templar {
    Templar::new(Arc::new(Templates::new(TemplateOptions::default())), Arc::new(variables))
}

fn variables(pairs: &[(&str, Value)]) -> Map {
    pairs.iter().map(|(name, value)| ((*name).into(), value.clone())).collect()
}

#[test]
fn results_keep_their_type() {
    let templar = templar(variables(&[("n", Value::Int(3)), ("lazy", Value::trusted("{{ n + 1 }}", None))]));
    let resolve = |text: &str| templar.resolve(&Value::trusted(text, None)).unwrap();
    assert_eq!(resolve("{{ lazy }}"), Value::Int(4));
    assert_eq!(resolve("{{ 1 }}{{ 2 }}"), Value::str("12"));
    assert_eq!(resolve("{{ [n, lazy] }}"), Value::list([Value::Int(3), Value::Int(4)]));
    assert_eq!(resolve("a {{ [n, 'x'] }}"), Value::str("a [3, 'x']"));
}

#[test]
fn undefined_and_unknown_travel() {
    let templar = templar(variables(&[("later", Value::Unknown("a command's output".into()))]));
    let resolve = |text: &str| templar.resolve(&Value::trusted(text, None));
    assert_eq!(resolve("{{ a.b.c | default('x') }}").unwrap(), Value::str("x"));
    let error = resolve("{{ a.b }}").unwrap_err();
    assert_eq!((error.message.as_str(), error.undefined.as_deref()), ("'a' is undefined", Some("a")));
    assert!(matches!(resolve("{{ later.stdout | first }} x").unwrap(), Value::Unknown(_)));
    let holds = |text: &str| templar.condition(&Value::trusted(text, None).into()).unwrap();
    assert_eq!(holds("later is defined"), Condition::True);
    assert!(matches!(holds("later == 1"), Condition::Unknown(_)));
    for (text, known) in
        [("later == 1 or a is undefined", Condition::True), ("later == 1 and a is defined", Condition::False)]
    {
        assert_eq!(holds(text), known, "{text}");
    }
    for text in
        ["later == 1 or a is defined", "later == 1 and a is undefined", "later or a is undefined", "later == 1 and a.b"]
    {
        assert!(matches!(holds(text), Condition::Unknown(_)), "{text}");
    }
    let rendered = templar.render_file("a {{ later }}\n", Path::new("x.j2"), &FileOptions::default()).unwrap();
    assert_eq!((rendered.text.as_str(), rendered.has_unknown), ("a (known after apply)\n", true));
}

#[test]
fn errors_point_into_the_text() {
    let file = SourceFile::new("site.yml", "- x: |\n    one\n    two {{ nme }}\n");
    let span = hostler_core::diagnostic::Span::new(&file, 1, 6);
    let templar = templar(variables(&[("name", Value::Int(3))]));
    let error = templar.resolve(&Value::trusted("one\ntwo {{ nme }}\n", Some(span))).unwrap_err();
    assert_eq!(error.to_diagnostic().to_string(), "site.yml:3:12: 'nme' is undefined (did you mean `name`?)");
}

/// The vaults of the cases: there are none.
struct NoVaults;

impl hostler_core::vars::Decrypt for NoVaults {
    fn decrypt(&self, _: &str) -> Result<Vec<u8>, String> {
        Err("no vaults here".into())
    }
}

/// `repr`, which tells `1` from `'1'`.
fn repr(value: &Value) -> String {
    let listed = Templar::text_of(&Value::list([value.clone()]));
    listed[1..listed.len() - 1].to_owned()
}

fn run_case(templar: &Templar, case: &Value) -> Result<String, String> {
    let text = |name: &str| case.get(name).and_then(Value::as_str);
    let result = if let Some(file) = text("file") {
        let rendered = templar.render_file(file, Path::new("case.j2"), &FileOptions::default());
        rendered.map(|rendered| Value::from(rendered.text))
    } else if let Some(condition) = text("when") {
        templar
            .condition(&Value::trusted(condition, None).into())
            .map(|condition| Value::Bool(condition == Condition::True))
    } else {
        templar.resolve(&Value::trusted(text("template").unwrap(), None))
    };
    result.map(|value| repr(&value)).map_err(|error| error.to_diagnostic().to_string())
}

#[test]
fn cases_give_what_ansible_gives() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/templates");
    let env = [("HOSTLER_CASE", "env-value"), ("PATH", "/usr/bin:/bin")];
    let options = TemplateOptions {
        env: env.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        base_dir: dir.clone(),
        settings: hostler_core::config::Config::default().by_name(None),
        ..TemplateOptions::default()
    };
    let templates = Arc::new(Templates::new(options));
    let vaults: Arc<dyn hostler_core::vars::Decrypt> = Arc::new(NoVaults);
    let (mut run, mut wrong) = (0, Vec::new());
    for name in ["syntax", "undefined", "methods", "filters", "tests", "files", "lookups", "plugins"] {
        let path = dir.join(name).with_extension("yml");
        let file = SourceFile::new(&path, std::fs::read_to_string(&path).unwrap());
        let node = hostler_core::yaml::load(&file, &mut Vec::new()).unwrap().unwrap();
        let variables = node.get("variables").unwrap().to_map(&vaults, hostler_core::yaml::Trust::Trusted).unwrap();
        let cases = node.get("cases").unwrap().to_value(&vaults, hostler_core::yaml::Trust::Untrusted);
        for case in cases.as_list().unwrap() {
            let search = {
                let dir = dir.clone();
                move || vec![dir]
            };
            let templar = Templar::new(Arc::clone(&templates), Arc::new(variables.clone()));
            let got = run_case(&templar.with_search(search), case);
            let text = |name: &str| case.get(name).and_then(Value::as_str);
            let shown = text("template").or(text("file")).or(text("when")).unwrap_or_default();
            let right = match (&got, text("differs").or(text("result"))) {
                (Ok(got), Some(wanted)) => got == wanted,
                // What is undefined is said in Ansible's words.
                (Err(got), None) => match text("fails") {
                    Some(wanted) if wanted.ends_with("is undefined") || wanted.contains("has no attribute") => {
                        got.contains(wanted)
                    }
                    _ => true,
                },
                _ => false,
            };
            run += 1;
            if !right {
                let wanted = text("differs").or(text("result")).or(text("fails"));
                wrong.push(format!("{name}: {shown}\n  wanted {wanted:?}\n  got    {got:?}"));
            }
        }
    }
    assert!(run > 700, "only {run} cases were found");
    assert!(wrong.is_empty(), "{} of {run} are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// The reference is made of these cases, which [`cases_give_what_ansible_gives`] runs.
#[test]
fn every_plugin_has_an_example() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/templates/plugins.yml");
    let file = SourceFile::new(&path, std::fs::read_to_string(&path).unwrap());
    let node = hostler_core::yaml::load(&file, &mut Vec::new()).unwrap().unwrap();
    let vaults: Arc<dyn hostler_core::vars::Decrypt> = Arc::new(NoVaults);
    let cases = node.get("cases").unwrap().to_value(&vaults, hostler_core::yaml::Trust::Untrusted);
    for (kind, mut names) in hostler_core::template::plugins() {
        for case in cases.as_list().unwrap().iter().filter(|case| case.get("kind").unwrap().as_str() == Some(kind)) {
            let text = |name: &str| case.get(name).and_then(Value::as_str).unwrap_or_default();
            let aliases = case.get("aliases").and_then(Value::as_list).unwrap_or_default();
            let own: Vec<&str> = aliases.iter().chain(case.get("name")).filter_map(Value::as_str).collect();
            assert!(own.iter().any(|name| text("template").contains(name)), "the example of {own:?} is not of that");
            // What it gives is ansible-core's answer, but for what Ansible does not have.
            let answered = case.get("result").is_some() || text("why").starts_with("not in Ansible");
            assert!(answered && !text("says").is_empty(), "the example of {kind} {own:?} says or gives nothing");
            for name in own {
                assert!(names.contains(&name), "there is no {kind} `{name}`, or it has two examples");
                names.retain(|known| *known != name);
            }
        }
        assert!(names.is_empty(), "no example of the {kind}s {names:?}");
    }
}

/// The engine's threads have small stacks: what nests too deeply must be an error, not the process's end.
#[test]
fn depth_is_limited_before_the_stack_ends() {
    let thread = std::thread::Builder::new().stack_size(2 << 20).spawn(|| {
        let chain = (0..200).map(|at| {
            let next = Value::trusted(format!("{{{{ [v{}] | map('string') | join | default('x') }}}}", at + 1), None);
            (format!("v{at}").into(), next)
        });
        let templar = templar(chain.collect());
        let error = |text: &str| templar.resolve(&Value::trusted(text, None)).unwrap_err().message;
        assert!(error("{{ v0 }}").starts_with("Recursive loop detected in template"), "{}", error("{{ v0 }}"));
        assert!(error("{% macro m(x) %}{% if true %}{% for i in [1] %}{{ m(x) }}{% endfor %}{% endif %}{% endmacro %}{{ m(1) }}").contains("itself"));
        let nested = format!("{{{{ {}1{} }}}}", "[".repeat(60), "]".repeat(60));
        assert!(templar.resolve(&Value::trusted(nested, None)).is_ok());
        let operators = format!("{{{{ 0{} }}}}", " + 1".repeat(3000));
        let _ = templar.resolve(&Value::trusted(operators, None));
        let loops = templar.with_locals(variables(&[("a", Value::trusted("{{ b }}", None)), ("b", Value::trusted("{{ a }}", None))]));
        let error = loops.resolve(&Value::trusted("{{ a }}", None)).unwrap_err();
        assert!(error.message.starts_with("Recursive loop detected"), "{error}");
    });
    thread.unwrap().join().unwrap();
}

/// A folder with plug-ins, and templates that know them.
fn with_plugins(files: &[(&str, &str)]) -> (tempfile::TempDir, Arc<Templates>) {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let kinds = [(Kind::Filter, "filter"), (Kind::Test, "test"), (Kind::Lookup, "lookup")];
    let plugins = kinds.map(|(kind, folder)| (kind, dir.path().join(folder))).to_vec();
    let collections = vec![dir.path().to_owned()];
    let plugins = Arc::new(Plugins::new(Search { collections, plugins, ..Search::default() }));
    (dir, Arc::new(Templates::new(TemplateOptions { plugins, ..TemplateOptions::default() })))
}

const FILTERS: &str = "\
class FilterModule:
    def filters(self):
        return dict(twice=lambda x, times=2: x * times, upper=lambda x: 'mine', as_set=lambda x: {x}, fails=self.fails)
    def fails(self, x):
        print('some noise')
        raise ValueError(f'no {x}')
";

#[test]
fn users_own_plugins_run_in_python() {
    let tests = "class TestModule:\n    def tests(self):\n        return {'longer': lambda x, than: len(x) > than}\n";
    let lookup = "\
class LookupModule:
    def run(self, terms, variables, **options):
        return [term + variables['n'] + options.get('end', '') for term in terms]
";
    let noise = "raise RuntimeError('not today')\n";
    let files = [("filter/a.py", FILTERS), ("filter/b.py", noise), ("test/t.py", tests), ("lookup/found.py", lookup)];
    let (_dir, templates) = with_plugins(&files);
    let templar = Templar::new(Arc::clone(&templates), Arc::new(variables(&[("n", Value::str("x"))])));
    let resolve = |text: &str| templar.resolve(&Value::trusted(text, None));
    for (text, expected) in [
        ("{{ 'ab' | twice }}", Value::str("abab")),
        ("{{ 2 | twice(times=5) }}", Value::Int(10)),
        ("{{ 'q' | as_set }}", Value::list([Value::str("q")])),
        ("{{ 'q' | upper }} {{ 'q' | ansible.builtin.upper }}", Value::str("mine Q")),
        ("{{ 'abc' is longer(2) }}", Value::Bool(true)),
        ("{{ ['a', 'abc'] | select('longer', 2) | map('twice') }}", Value::list([Value::str("abcabc")])),
        ("{{ lookup('found', 'a', 'b', end='.') }}", Value::str("ax.,bx.")),
        ("{{ query('found', 'a') }}", Value::list([Value::str("ax")])),
        ("{{ later | default('fine') | twice }}", Value::str("finefine")),
    ] {
        assert_eq!(resolve(text).unwrap(), expected, "{text}");
    }
    let message = |text: &str| resolve(text).unwrap_err();
    assert!(message("{{ 'x' | fails }}").message.contains("no x"));
    assert_eq!(message("{{ later | twice }}").message, "'later' is undefined");
    // One that cannot be read is told of where something is missed.
    let missed = message("{{ 1 | twiec }}");
    assert_eq!(missed.message, "No filter named 'twiec'.");
    assert!(missed.help.unwrap().contains("b.py cannot be used: not today"));
    let checked = |text: &str| templates.check_expression(text, None);
    assert!(checked("x | twice is longer(1)").is_ok());
    assert_eq!(checked("x is shorter").unwrap_err().message, "No test named 'shorter'.");
    let unknown = Arc::new(variables(&[("later", Value::Unknown("a command's output".into()))]));
    let planned = Templar::new(Arc::clone(&templates), unknown);
    assert!(matches!(planned.resolve(&Value::trusted("{{ later.stdout | twice }}", None)), Ok(Value::Unknown(_))));
}

#[test]
fn collections_bring_plugins() {
    let path = "ansible_collections/a/b/plugins/filter/x.py";
    let (_dir, templates) = with_plugins(&[(path, FILTERS)]);
    let templar = Templar::new(templates, Arc::new(Map::default()));
    let resolve = |text: &str| templar.resolve(&Value::trusted(text, None));
    assert_eq!(resolve("{{ 'ab' | a.b.twice }}").unwrap(), Value::str("abab"));
    assert_eq!(resolve("{{ 'ab' | twice }}").unwrap_err().message, "No filter named 'twice'.");
}
