//! `junit`: a file of the JUnit kind, where each task on each host is a test case.

use super::xml::Xml;
use crate::report::ansible::{Look, dump_flat, failure};
use crate::report::result_text::place;
use crate::report::screen::{Sink, lock, put};
use hostler_core::config::Config;
use hostler_core::event::{Event, Reporter, Status, TaskInfo, TaskResult};
use serde_json::Value;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime};

/// Who stands for what an include brings.
const INCLUDE: &str = "include";

/// The reporter.
pub struct Junit {
    look: Look,
    directory: PathBuf,
    /// Places are relative to this directory.
    relative_to: Option<PathBuf>,
    /// What replaces the directories of places outside of it.
    out_of_tree: Option<String>,
    /// A class is a file, not a line in it.
    class_is_file: bool,
    fail_on_change: bool,
    fail_on_ignore: bool,
    with_setup: bool,
    hide_arguments: bool,
    /// Only tasks whose names begin so are test cases, and what fails.
    prefix: String,
    state: Mutex<State>,
}

struct State {
    err: Sink,
    playbook: String,
    play: String,
    tasks: Vec<Task>,
}

struct Task {
    number: u64,
    name: String,
    play: String,
    class: String,
    setup: bool,
    begun: Instant,
    cases: Vec<Case>,
}

struct Case {
    host: String,
    took: Duration,
    end: End,
}

enum End {
    Passed {
        output: String,
    },
    Skipped {
        reason: String,
    },
    /// Something was done that failed.
    Error {
        message: String,
        output: String,
    },
    /// What was done is not what should be.
    Failure {
        message: String,
        output: String,
    },
}

impl Junit {
    /// Makes the directory, if it is not there; what goes wrong later is told on `err`.
    ///
    /// # Errors
    /// If the directory cannot be made.
    pub fn new(config: &Config, home: Option<&Path>, look: Look, err: Sink) -> io::Result<Self> {
        let directory = match (config.junit_output_dir.get(), home) {
            (Some(directory), _) => directory.clone(),
            (None, home) => home.unwrap_or(Path::new("/")).join(".ansible.log"),
        };
        std::fs::create_dir_all(&directory)?;
        // As Ansible compares them: another word is no answer.
        let is = |set: Option<&String>, word: &str| set.is_some_and(|text| text.eq_ignore_ascii_case(word));
        let hidden = config.junit_hide_task_arguments.get();
        Ok(Self {
            look,
            directory,
            relative_to: config.junit_task_relative_path.get().cloned(),
            out_of_tree: config.junit_replace_out_of_tree_path.get().cloned(),
            class_is_file: is(config.junit_task_class.get(), "true"),
            fail_on_change: is(config.junit_fail_on_change.get(), "true"),
            fail_on_ignore: is(config.junit_fail_on_ignore.get(), "true"),
            with_setup: !is(config.junit_include_setup_tasks_in_report.get(), "false"),
            hide_arguments: hidden.is_some() && !is(hidden, "false"),
            prefix: config.junit_test_case_prefix.or(String::new()),
            state: Mutex::new(State { err, playbook: String::new(), play: String::new(), tasks: Vec::new() }),
        })
    }

    fn begin(&self, state: &mut State, task: &TaskInfo) {
        if state.tasks.iter().any(|known| known.number == task.number) {
            return;
        }
        let mut name = task.name.trim().to_owned();
        if !self.hide_arguments && !task.args.is_empty() {
            let args: Vec<_> = task.args.iter().map(|(name, value)| format!("{name}={value}")).collect();
            name.push_str(&format!(" {}", args.join(", ")));
        }
        state.tasks.push(Task {
            number: task.number,
            name,
            play: state.play.clone(),
            class: self.class(task),
            setup: matches!(&*task.action, "ansible.builtin.setup" | "ansible.builtin.gather_facts"),
            begun: Instant::now(),
            cases: Vec::new(),
        });
    }

    /// Where the task stands, as far as the settings want to see it.
    fn class(&self, task: &TaskInfo) -> String {
        let mut class = task.span.as_ref().map(place).unwrap_or_default();
        if let Some(base) = self.relative_to.as_ref().filter(|_| !class.is_empty()) {
            class = relative(Path::new(&class), base);
        }
        if let Some(instead) = self.out_of_tree.as_ref().filter(|_| class.starts_with("../")) {
            class = format!("{instead}{}", class.rsplit('/').next().unwrap_or_default());
        }
        match class.rsplit_once(".yml:") {
            Some((file, line)) if self.class_is_file && line.bytes().all(|byte| byte.is_ascii_digit()) => {
                file.to_owned()
            }
            _ => class,
        }
    }

    fn finished(&self, state: &mut State, task: &TaskInfo, host: &str, result: &TaskResult) {
        let unreachable = result.status == Status::Unreachable || result.result.contains_key("unreachable");
        let Some(known) = state.tasks.iter_mut().find(|known| known.number == task.number && !unreachable) else {
            return;
        };
        let failed = match result.status {
            Status::Failed => true,
            Status::Ignored => self.fail_on_ignore,
            Status::Changed | Status::Unknown => self.fail_on_change,
            _ => false,
        };
        let end = match result.status {
            Status::Skipped => {
                let reason = result.result.get("skip_reason").and_then(Value::as_str).unwrap_or("skipped");
                End::Skipped { reason: reason.to_owned() }
            }
            _ if failed == known.name.contains("TOGGLE RESULT")
                || failed && known.name.contains("EXPECTED FAILURE") =>
            {
                End::Passed { output: dump_flat(task, result, &self.look) }
            }
            _ => self.failure(task, result),
        };
        let counts = known.name.starts_with(&self.prefix);
        if counts || matches!(end, End::Error { .. } | End::Failure { .. }) {
            known.cases.push(Case { host: host.to_owned(), took: known.begun.elapsed(), end });
        }
    }

    fn failure(&self, task: &TaskInfo, result: &TaskResult) -> End {
        let output = dump_flat(task, result, &self.look);
        let failed = matches!(result.status, Status::Failed | Status::Ignored);
        match failure(task, result).filter(|_| failed && result.result.contains_key("exception")) {
            Some(message) => End::Error { message, output },
            None => {
                let field = |name: &str| result.result.get(name);
                let message = match (field("msg"), field("rc")) {
                    (Some(Value::String(message)), _) => message.clone(),
                    (Some(other), _) => other.to_string(),
                    (None, rc) => format!("rc={}", rc.unwrap_or(&Value::from(0))),
                };
                End::Failure { message, output }
            }
        }
    }

    /// What an include asks for is one result of it, what it brings another.
    fn included(&self, state: &mut State, task: &TaskInfo, host: &str, output: String) {
        let Some(known) = state.tasks.iter_mut().find(|known| known.number == task.number) else { return };
        if !known.name.starts_with(&self.prefix) {
            return;
        }
        let took = known.begun.elapsed();
        if let Some(Case { end: End::Passed { output: earlier }, took: last, .. }) =
            known.cases.iter_mut().find(|case| host == INCLUDE && case.host == INCLUDE)
        {
            earlier.push_str(&format!("\n{output}"));
            *last = took;
            return;
        }
        known.cases.push(Case { host: host.to_owned(), took, end: End::Passed { output } });
    }

    fn write(&self, state: &mut State) {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let path = self.directory.join(format!("{}-{:.6}.xml", state.playbook, now.as_secs_f64()));
        if let Err(error) = std::fs::write(&path, self.document(state)) {
            put(&mut state.err, &format!("[WARNING]: Unable to write {}: {error}\n", path.display()));
        }
    }

    fn document(&self, state: &State) -> String {
        let tasks = state.tasks.iter().filter(|task| self.with_setup || !task.setup);
        let cases: Vec<_> = tasks.flat_map(|task| task.cases.iter().map(move |case| (task, case))).collect();
        let count = |of: fn(&End) -> bool| cases.iter().filter(|(_, case)| of(&case.end)).count().to_string();
        let time = seconds(cases.iter().map(|(_, case)| case.took).sum());
        let (errors, failures) =
            (count(|end| matches!(end, End::Error { .. })), count(|end| matches!(end, End::Failure { .. })));
        let skipped = count(|end| matches!(end, End::Skipped { .. }));
        let [none, all] = ["0".to_owned(), cases.len().to_string()];
        let mut xml = Xml::new();
        let head = [("disabled", none), ("errors", errors), ("failures", failures)];
        let tail = [("tests", all), ("time", time)];
        xml.open("testsuites", &[&head[..], &tail].concat());
        let suite = [("name", state.playbook.clone()), ("skipped", skipped)];
        xml.open("testsuite", &[&head[..], &suite, &tail].concat());
        for (task, Case { host, took, end }) in cases {
            let name = format!("[{host}] {}: {}", task.play, task.name);
            let attributes = [("classname", task.class.clone()), ("name", name), ("time", seconds(*took))];
            xml.open("testcase", &attributes);
            let kind = |kind: &str, message: &String| [("message", message.clone()), ("type", kind.to_owned())];
            match end {
                End::Passed { output } => xml.leaf("system-out", &[], output),
                End::Skipped { reason } => xml.leaf("skipped", &[], reason),
                End::Error { message, output } => xml.leaf("error", &kind("error", message), output),
                End::Failure { message, output } => xml.leaf("failure", &kind("failure", message), output),
            }
            xml.close("testcase");
        }
        xml.close("testsuite");
        xml.close("testsuites");
        xml.finish()
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.6}", time.as_secs_f64())
}

/// `path` as it is reached from `base`; links are not followed.
fn relative(path: &Path, base: &Path) -> String {
    let (mut path, mut base) = (path.components().peekable(), base.components().peekable());
    while path.peek().is_some() && path.peek() == base.peek() {
        path.next();
        base.next();
    }
    let up = base.map(|_| Component::ParentDir);
    let joined: PathBuf = up.chain(path).collect();
    if joined.as_os_str().is_empty() { ".".to_owned() } else { joined.display().to_string() }
}

impl Reporter for Junit {
    fn event(&self, event: &Event) {
        let mut state = lock(&self.state);
        let state = &mut *state;
        match event {
            Event::PlaybookStarted { path, .. } => {
                state.playbook = Path::new(path).file_stem().unwrap_or_default().to_string_lossy().into_owned();
            }
            Event::PlayStarted { play, .. } => state.play.clone_from(&play.name),
            Event::TaskStarted { task } => self.begin(state, task),
            Event::HostFinished { task, host, result } => self.finished(state, task, host, result),
            Event::IncludeFinished { task, host, result } => {
                let result = TaskResult::ok(result.clone());
                self.included(state, task, host, dump_flat(task, &result, &self.look));
            }
            Event::Included { task, what, hosts, .. } => {
                self.included(state, task, INCLUDE, format!("{what}: [{}]", hosts.join(", ")));
            }
            Event::Finished { .. } => self.write(state),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::relative;
    use std::path::Path;

    #[test]
    fn places_are_relative_to_a_directory() {
        for (path, base, expected) in
            [("/a/b/c.yml:1", "/a", "b/c.yml:1"), ("/a/b/c.yml:1", "/a/d/e", "../../b/c.yml:1"), ("/a", "/a", ".")]
        {
            assert_eq!(relative(Path::new(path), Path::new(base)), expected);
        }
    }
}
