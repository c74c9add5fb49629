//! One play: its hosts, its batches, and the phases of each.

use super::batch::{Batch, Frame};
use super::{Engine, RunError, RunMode};
use crate::diagnostic::Diagnostic;
use crate::event::{Event, PlayInfo};
use crate::playbook::{Play, Spanned};
use crate::system::local_files;
use crate::template::Templar;
use crate::value::{Key, Map, Value};
use crate::vars::PlayVariables;
use crate::vars::files::load_listed_vars;
use std::collections::HashMap;
use std::sync::{Arc, RwLock};

impl Engine {
    /// Runs a play. `false`: nothing after it is to be run.
    pub(super) fn play(&self, play: &Arc<Play>) -> Result<bool, RunError> {
        let mut variables = PlayVariables { vars: Arc::clone(&play.scope.keywords.vars), ..PlayVariables::default() };
        variables.prompted = Arc::new(self.prompt(play, &variables)?);
        let pattern = self.pattern_of(play, &variables)?;
        let everyone = self.hosts_of(play, &variables, &pattern)?;
        let told = Arc::new(PlayInfo { name: self.play_name(play, &variables), pattern, span: play.span.clone() });
        variables.files = self.vars_files(play, &everyone)?;
        self.role_variables(play, &mut variables);

        if everyone.is_empty() {
            self.emit(&Event::NoHostsMatched { play: told });
            return Ok(true);
        }
        let variables = Arc::new(variables);
        let batches = self.batches(play, &variables, &everyone)?;
        for hosts in batches {
            let hosts: Vec<_> = hosts.into_iter().filter(|host| !self.is_out(host)).collect();
            if hosts.is_empty() {
                // All of them are lost: there is nothing to tell but that it was their turn.
                let check_mode = self.options.mode != RunMode::Apply;
                self.emit(&Event::PlayStarted { play: Arc::clone(&told), hosts, free: false, check_mode });
                continue;
            }
            let batch = Batch::new(self, play, Arc::clone(&variables), &told, &everyone, hosts);
            batch.run();
            if let Some(error) = batch.state().error.take() {
                return Err(error);
            }
            if batch.is_broken() {
                self.emit(&Event::NoMoreHosts { over_limit: batch.state().broken });
                return Ok(false);
            }
            if self.cancel.is_requested() {
                return Ok(false);
            }
            if batch.state().play_ended {
                break;
            }
        }
        Ok(true)
    }

    /// A templar that knows no host: for a play's own keywords.
    fn play_templar(&self, play: &Play, variables: &PlayVariables) -> Templar {
        // Lowest first, so that later ones replace earlier ones.
        let mut map = Map::default();
        for layer in [&variables.vars, &variables.prompted, &self.options.extra_vars] {
            map.extend(layer.iter().map(|(key, value)| (key.clone(), value.clone())));
        }
        let view = self.store.of_host(&Arc::from("localhost"));
        let dir = play.dir.clone();
        let search = move || vec![dir];
        Templar::new(Arc::clone(&self.parts.templates), view).with_locals(map).with_search(search)
    }

    pub(super) fn play_keyword(
        &self,
        play: &Play,
        variables: &PlayVariables,
        keyword: &Option<Spanned<Value>>,
    ) -> Result<Option<Value>, RunError> {
        let Some(written) = keyword else { return Ok(None) };
        let value = self.play_templar(play, variables).resolve(&written.value).map_err(|error| {
            let diagnostic = error.to_diagnostic();
            written.span.as_ref().map_or(diagnostic.clone(), |span| diagnostic.at(span))
        })?;
        Ok(Some(value))
    }

    fn play_name(&self, play: &Play, variables: &PlayVariables) -> String {
        let named = self.play_keyword(play, variables, &play.name).ok().flatten();
        named.map(|name| Templar::text_of(&name)).filter(|name| !name.is_empty()).unwrap_or_else(|| {
            play.hosts.iter().map(|hosts| Templar::text_of(&hosts.value)).collect::<Vec<_>>().join(",")
        })
    }

    /// The play's pattern of hosts, evaluated.
    fn pattern_of(&self, play: &Play, variables: &PlayVariables) -> Result<String, RunError> {
        let templar = self.play_templar(play, variables);
        let mut patterns = Vec::new();
        for written in &play.hosts {
            let place =
                |diagnostic: Diagnostic| written.span.as_ref().map_or(diagnostic.clone(), |span| diagnostic.at(span));
            match templar.resolve(&written.value).map_err(|error| place(error.to_diagnostic()))? {
                Value::List(items) => patterns.extend(items.iter().map(Templar::text_of)),
                other => patterns.push(Templar::text_of(&other)),
            }
        }
        Ok(patterns.join(","))
    }

    /// The hosts that the play's pattern and `--limit` select, in the play's order.
    fn hosts_of(&self, play: &Play, variables: &PlayVariables, pattern: &str) -> Result<Vec<Arc<str>>, RunError> {
        let place = |diagnostic: Diagnostic| {
            play.hosts
                .first()
                .and_then(|hosts| hosts.span.as_ref())
                .map_or(diagnostic.clone(), |span| diagnostic.at(span))
        };
        let selected = self.store.inventory(|inventory| inventory.select(pattern, self.options.limit.as_deref()));
        let mut hosts = selected.map_err(place)?;
        for warning in self.store.inventory(|inventory| inventory.take_warnings()) {
            self.warn(warning.to_string());
        }
        for host in &hosts {
            self.store.check_host(host)?;
        }
        let order = self.play_keyword(play, variables, &play.order)?.map(|order| Templar::text_of(&order));
        match order.as_deref() {
            None | Some("inventory" | "None" | "") => {}
            Some("sorted") => hosts.sort(),
            Some("reverse_sorted") => {
                hosts.sort();
                hosts.reverse();
            }
            Some("reverse_inventory") => hosts.reverse(),
            Some("shuffle") => fastrand::shuffle(&mut hosts),
            Some(other) => {
                let known = ["inventory", "sorted", "reverse_sorted", "reverse_inventory", "shuffle"];
                return Err(place(Diagnostic::error(format!("unknown order `{other}`")).suggest(other, known)).into());
            }
        }
        Ok(hosts)
    }

    fn prompt(&self, play: &Play, variables: &PlayVariables) -> Result<Map, RunError> {
        let mut answers = Map::default();
        let templar = self.play_templar(play, variables);
        for question in &play.vars_prompt {
            if self.options.extra_vars.contains_key(&*question.name) {
                continue;
            }
            let resolved = |value: &Option<Value>| {
                let value = value.as_ref().map(|value| templar.resolve(value)).transpose();
                value.map_err(|error| error.to_diagnostic())
            };
            let answer = self
                .ask(question, resolved(&question.prompt)?, resolved(&question.default)?)
                .map_err(|message| Diagnostic::error(format!("vars_prompt `{}`: {message}", question.name)))?;
            if question.private && self.options.hide_private_answers {
                self.parts.redactor.add(&answer);
            }
            let value = if question.unsafe_ { Value::from(answer) } else { Value::trusted(answer, None) };
            answers.insert(Key::Str(Arc::clone(&question.name)), value);
        }
        Ok(answers)
    }

    fn ask(
        &self,
        question: &crate::playbook::Prompt,
        prompt: Option<Value>,
        default: Option<Value>,
    ) -> Result<String, String> {
        let default = default.as_ref().map(Templar::text_of);
        let answer = match &self.parts.prompter {
            Some(prompter) => {
                let prompt = prompt.as_ref().map_or_else(|| question.name.to_string(), Templar::text_of);
                let shown = match &default {
                    Some(default) => format!("{prompt} [{default}]: "),
                    None if prompt.is_empty() => format!("input for {}: ", question.name),
                    None => format!("{prompt}: "),
                };
                loop {
                    let answer = prompter.ask(&shown, !question.private)?;
                    if !question.confirm || prompter.ask(&format!("confirm {shown}"), !question.private)? == answer {
                        break answer;
                    }
                    self.warn("***** VALUES ENTERED DO NOT MATCH ****");
                }
            }
            None if default.is_some() => String::new(),
            None => return Err("nobody can be asked here and there is no default; give it with -e".to_owned()),
        };
        let answer = if answer.is_empty() { default.unwrap_or_default() } else { answer };
        match &question.encrypt {
            Some(kind) => self.hashed(&answer, kind, question),
            None => Ok(answer),
        }
    }

    /// The answer as a password's hash.
    fn hashed(&self, answer: &str, kind: &str, question: &crate::playbook::Prompt) -> Result<String, String> {
        self.parts.redactor.add(answer);
        let salt = question.salt.as_deref().map_or(Value::Null, Value::from);
        let size = question.salt_size.map_or(Value::Null, Value::Int);
        let known = [("answer", Value::from(answer)), ("kind", Value::from(kind)), ("salt", salt), ("size", size)];
        let known: Map = known.into_iter().map(|(name, value)| (Key::from(name), value)).collect();
        let templar = Templar::new(Arc::clone(&self.parts.templates), Arc::new(known));
        let hash = templar.expression("answer | password_hash(kind, salt=salt, salt_size=size)", None);
        hash.map(|hash| Templar::text_of(&hash)).map_err(|error| error.to_string())
    }

    /// Reads `vars_files` for each host: names may depend on it; of a list, the first that exists is taken.
    fn vars_files(&self, play: &Play, hosts: &[Arc<str>]) -> Result<HashMap<Arc<str>, Arc<Map>>, RunError> {
        let mut by_host = HashMap::new();
        if play.vars_files.is_empty() {
            return Ok(by_host);
        }
        let mut known: HashMap<Vec<String>, Arc<Map>> = HashMap::new();
        for host in hosts {
            let templar = Templar::new(Arc::clone(&self.parts.templates), self.store.of_host(host))
                .with_locals(Map::clone(&play.scope.keywords.vars));
            let mut merged = Map::default();
            for written in &play.vars_files {
                let place = |diagnostic: Diagnostic| {
                    written.span.as_ref().map_or(diagnostic.clone(), |span| diagnostic.at(span))
                };
                let names: Vec<String> = match templar.resolve(&written.value) {
                    Ok(Value::List(items)) => items.iter().map(Templar::text_of).collect(),
                    Ok(other) => vec![Templar::text_of(&other)],
                    // A name that needs facts is read when the facts are there, by the tasks that need it; as Ansible does.
                    Err(error) if error.undefined.is_some() => continue,
                    Err(error) => return Err(place(error.to_diagnostic()).into()),
                };
                let vars = match known.get(&names) {
                    Some(vars) => Arc::clone(vars),
                    None => {
                        let vars = Arc::new(self.vars_file(play, &names).map_err(place)?);
                        known.insert(names, Arc::clone(&vars));
                        vars
                    }
                };
                merged.extend(vars.iter().map(|(key, value)| (key.clone(), value.clone())));
            }
            by_host.insert(Arc::clone(host), Arc::new(merged));
        }
        Ok(by_host)
    }

    /// The first of `names` that exists, below the playbook or its `vars/`.
    fn vars_file(&self, play: &Play, names: &[String]) -> Result<Map, Diagnostic> {
        let candidates = names.iter().flat_map(|name| [play.dir.join("vars").join(name), play.dir.join(name)]);
        let found = candidates.into_iter().find(|path| local_files::is_file(path));
        let path = found.ok_or_else(|| Diagnostic::error(format!("vars file {} was not found", names.join(", "))))?;
        let mut warnings = Vec::new();
        let vars = load_listed_vars(&path, &self.parts.vault, &mut warnings)?;
        let warnings = self.parts.loader.duplicate_keys().judge(warnings)?;
        warnings.iter().for_each(|warning| self.warn(warning.to_string()));
        Ok(vars)
    }

    /// Merges what the static roles show to the whole play: of two, the later wins.
    fn role_variables(&self, play: &Play, variables: &mut PlayVariables) {
        let merged = |of: &dyn Fn(&crate::playbook::Role) -> Arc<Map>| {
            let mut all = Map::default();
            for role in play.static_roles.iter().filter(|role| role.public) {
                all.extend(of(role).iter().map(|(key, value)| (key.clone(), value.clone())));
            }
            RwLock::new(Arc::new(all))
        };
        variables.role_defaults = merged(&|role| Arc::clone(&role.defaults));
        variables.role_vars = merged(&|role| Arc::clone(&role.vars));
    }

    /// `serial`: numbers, percentages, or a list of them, the last repeated.
    fn batches(
        &self,
        play: &Play,
        variables: &PlayVariables,
        hosts: &[Arc<str>],
    ) -> Result<Vec<Vec<Arc<str>>>, RunError> {
        let steps = match self.play_keyword(play, variables, &play.serial)? {
            None | Some(Value::Omit) => return Ok(vec![hosts.to_vec()]),
            Some(Value::List(items)) => items.to_vec(),
            Some(other) => vec![other],
        };
        let mut sizes = Vec::new();
        for step in &steps {
            let text = Templar::text_of(step);
            let size = match text.trim().strip_suffix('%') {
                Some(percent) => percent
                    .trim()
                    .parse::<f64>()
                    .ok()
                    .map(|percent| ((hosts.len() as f64 * percent / 100.0) as usize).max(1)),
                None => text.trim().parse::<usize>().ok(),
            };
            let Some(size) = size else {
                let diagnostic = Diagnostic::error(format!("`serial` must be a number or a percentage, not `{text}`"));
                let span = play.serial.as_ref().and_then(|written| written.span.as_ref());
                return Err(span.map_or(diagnostic.clone(), |span| diagnostic.at(span)).into());
            };
            sizes.push(if size == 0 { hosts.len() } else { size });
        }
        let (mut rest, mut batches) = (hosts, Vec::new());
        let mut sizes = sizes.into_iter();
        let mut size = sizes.next().unwrap_or(hosts.len());
        while !rest.is_empty() {
            let (batch, after) = rest.split_at(size.min(rest.len()));
            batches.push(batch.to_vec());
            rest = after;
            size = sizes.next().unwrap_or(size);
        }
        Ok(batches)
    }
}

/// The phases of a play on one batch.
impl Batch<'_> {
    pub(super) fn run(&self) {
        let play = self.play;
        let looks = self.engine.play_keyword(play, &self.variables, &play.scope.keywords.check_mode).ok().flatten();
        let check_mode =
            looks.map_or(self.engine.options.mode != RunMode::Apply, |value| super::settings::truthy(&value));
        let (told, hosts) = (Arc::clone(&self.told), self.hosts.clone());
        self.engine.emit(&Event::PlayStarted { play: told, hosts, free: self.free, check_mode });
        let frame = Frame::default();
        let facts = self.gathering();
        let phases = |hosts: Vec<Arc<str>>| {
            let mut hosts = self.gather_facts(&facts, hosts, frame);
            for (last, nodes) in
                [(false, &[&play.pre_tasks][..]), (false, &[&play.roles, &play.tasks]), (true, &[&play.post_tasks])]
            {
                let mut failed = Vec::new();
                for nodes in nodes {
                    let after = self.nodes(nodes, hosts, frame);
                    hosts = after.alive;
                    failed.extend(after.failed);
                }
                if last {
                    self.remember_owed(&hosts);
                }
                hosts = self.flush_handlers(hosts, &failed, frame);
            }
        };
        if !self.free {
            return phases(self.hosts.clone());
        }
        if play.max_fail_percentage.is_some() {
            self.tell_once("Using max_fail_percentage with the free strategy is not supported, as tasks are executed independently on each host");
        }
        self.in_parallel(&self.hosts, |host| phases(vec![Arc::clone(host)]));
    }
}
