//! One use of a role: from its name and parameters to its tasks, handlers and dependencies.
//!
//! A use is read in two steps. The first finds the role, its variables and its dependencies; the second reads tasks and handlers,
//! whose scopes point to what the first made. So a role's handlers can point to their role, and nothing points back to them.

use super::files::{find_role, role_file, role_files};
use super::keyword_table::Owner;
use super::reading::{Reading, as_text, shown};
use super::{Block, Keywords, Node, Role, Scope, Spanned, Task};
use crate::diagnostic::{Diagnostic, Span};
use crate::plugins::collection_at;
use crate::value::{Key, Map, Value};
use crate::yaml::{Node as Yaml, NodeKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What `include_role` asks for, evaluated.
#[derive(Debug, Clone, PartialEq)]
pub struct RoleSpec {
    /// Name or path.
    pub name: Arc<str>,
    /// File in `tasks/` instead of `main`.
    pub tasks_from: Option<Arc<str>>,
    /// File in `vars/` instead of `main`.
    pub vars_from: Option<Arc<str>>,
    /// File in `defaults/` instead of `main`.
    pub defaults_from: Option<Arc<str>>,
    /// File in `handlers/` instead of `main`.
    pub handlers_from: Option<Arc<str>>,
    /// May run although the same use has run (Ansible's default: yes).
    pub allow_duplicates: bool,
    /// Its variables are seen by the whole play. Ansible's default: yes for imports, no for includes.
    pub public: Option<bool>,
    /// Its arguments are checked against its specification (Ansible's default: yes).
    pub rolespec_validate: bool,
    /// Parameters besides `vars`.
    pub params: Arc<Map>,
}

impl Default for RoleSpec {
    fn default() -> Self {
        Self {
            name: "".into(),
            tasks_from: None,
            vars_from: None,
            defaults_from: None,
            handlers_from: None,
            allow_duplicates: true,
            public: None,
            rolespec_validate: true,
            params: Arc::default(),
        }
    }
}

impl RoleSpec {
    /// From the evaluated arguments of `include_role`, whose names the loader has checked.
    ///
    /// # Errors
    /// Names the argument whose value is of the wrong kind.
    pub fn from_args(args: &Map) -> Result<Self, Diagnostic> {
        let text = |name: &str| match args.get(name).map(as_text) {
            None | Some(Value::Omit) => Ok(None),
            Some(Value::Str(text)) if !text.is_empty() => Ok(Some(Arc::from(text))),
            Some(other) => {
                Err(Diagnostic::error(format!("Expected a string for {name} but got {} instead", other.type_name())))
            }
        };
        let flag = |name: &str| match args.get(name) {
            None | Some(Value::Omit) => Ok(None),
            Some(value) => {
                let wrong = || Diagnostic::error(format!("`{name}` must be yes or no, not {}", value.to_json()));
                value.as_bool().map(Some).ok_or_else(wrong)
            }
        };
        Ok(Self {
            name: text("name")?.ok_or_else(|| Diagnostic::error("the role has no `name`"))?,
            tasks_from: text("tasks_from")?,
            vars_from: text("vars_from")?,
            defaults_from: text("defaults_from")?,
            handlers_from: text("handlers_from")?,
            allow_duplicates: flag("allow_duplicates")?.unwrap_or(true),
            public: flag("public")?,
            rolespec_validate: flag("rolespec_validate")?.unwrap_or(true),
            params: Arc::default(),
        })
    }
}

/// A role that was brought in.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadedRole {
    /// The role, with its handlers.
    pub role: Arc<Role>,
    /// Its tasks, those of its dependencies first.
    pub block: Node,
    /// Roles that came with it (dependencies and static imports), with their handlers, in the order they run.
    pub dependencies: Vec<Arc<Role>>,
}

/// An entry of `roles:` or `dependencies:`.
pub(super) struct RoleEntry {
    name: Spanned<Value>,
    keywords: Keywords,
    params: Map,
}

/// How a role is brought in.
struct Use<'a> {
    spec: RoleSpec,
    keywords: Keywords,
    span: Option<Span>,
    /// By `include_role` or `import_role`, whose `vars` these are.
    include_vars: Option<Arc<Map>>,
    /// By `import_role` or `roles:`.
    static_: bool,
    /// Names and folders of the roles around it, outermost first.
    parents: Vec<(Arc<str>, PathBuf)>,
    /// Folders of those that depend on it, of which it must be none.
    depending: Vec<PathBuf>,
    scope: &'a Arc<Scope>,
}

/// The first step's result.
struct Plan {
    core: Arc<Role>,
    keywords: Keywords,
    span: Option<Span>,
    dependencies: Vec<Plan>,
    tasks: Option<PathBuf>,
    handlers: Option<PathBuf>,
    check: Option<Task>,
}

impl Reading<'_> {
    /// `roles:` of a play: each a block. The roles themselves are added to `self.roles`.
    pub fn play_roles(&mut self, list: &Yaml, scope: &Arc<Scope>) -> Vec<Node> {
        let entries: Vec<RoleEntry> =
            self.items(list, "`roles`").iter().filter_map(|entry| self.role_entry(entry)).collect();
        let mut blocks = Vec::new();
        for entry in entries {
            if let Some(plan) = self.plan_entry(entry, scope, Vec::new(), Vec::new()) {
                blocks.push(self.build(plan, scope).1);
            }
        }
        blocks
    }

    /// A role brought in by `include_role` or `import_role`, whose own level `scope` is. The roles that come with it are in the
    /// result only.
    pub fn included_role(
        &mut self,
        spec: &RoleSpec,
        scope: &Arc<Scope>,
        span: Option<Span>,
        static_: bool,
    ) -> Option<LoadedRole> {
        let parents = scope.levels().filter_map(|level| level.role.as_ref()).next().map(|role| {
            let mut parents: Vec<_> = role.parents.iter().cloned().zip(role.parent_paths.iter().cloned()).collect();
            parents.push((Arc::clone(&role.name), role.path.clone()));
            parents
        });
        let use_ = Use {
            spec: spec.clone(),
            keywords: Keywords::default(),
            span,
            include_vars: Some(Arc::clone(&scope.keywords.vars)),
            static_,
            parents: parents.unwrap_or_default(),
            depending: Vec::new(),
            scope,
        };
        let plan = self.plan(use_)?;
        let outer = std::mem::take(&mut self.roles);
        let (role, block) = self.build(plan, scope);
        let mut dependencies = std::mem::replace(&mut self.roles, outer);
        dependencies.pop();
        Some(LoadedRole { role, block, dependencies })
    }

    fn role_entry(&mut self, node: &Yaml) -> Option<RoleEntry> {
        let mut keywords = Keywords::default();
        let mut params = Map::default();
        let name = match &node.kind {
            NodeKind::Str(text) if text.contains(',') && !text.contains("{{") => {
                let help = "write `role: name` with one key for each parameter";
                self.error(
                    Diagnostic::error(format!("Invalid old style role requirement: {text}")).at(&node.span).help(help),
                );
                return None;
            }
            NodeKind::Str(_) | NodeKind::Int(_) => self.spanned(node),
            NodeKind::Map(pairs) => {
                for (key, value) in pairs.iter() {
                    let Some(name) = self.name(key, Owner::RoleEntry) else { continue };
                    if matches!(name, "role" | "name") || self.shared(Owner::RoleEntry, &mut keywords, name, value) {
                        continue;
                    }
                    params.insert(Key::from(name), self.value(value));
                }
                let name = node.get("role").or_else(|| node.get("name"));
                match name.filter(|name| matches!(name.kind, NodeKind::Str(_) | NodeKind::Int(_))) {
                    Some(name) => self.spanned(name),
                    None => self.galaxy_name(node)?,
                }
            }
            _ => {
                self.error_at(node, format!("a role must be a name or a mapping, not {}", shown(node)));
                return None;
            }
        };
        let name = Spanned::new(as_text(&name.value), name.span);
        Some(RoleEntry { name, keywords, params })
    }

    /// `geerlingguy.docker` of `src: geerlingguy.docker`, `docker` of `src: https://example.com/docker.git`.
    fn galaxy_name(&mut self, node: &Yaml) -> Option<Spanned<Value>> {
        let Some(source) = node.get("src").and_then(Yaml::as_str) else {
            self.error_at(node, "a role needs `role: name`");
            return None;
        };
        let parts: Vec<&str> = source.split(',').collect();
        let name = parts.get(2).copied().unwrap_or_else(|| {
            let last = parts[0].trim_end_matches('/').rsplit('/').next().unwrap_or_default();
            last.strip_suffix(".git").or_else(|| last.strip_suffix(".tar.gz")).unwrap_or(last)
        });
        Some(Spanned::new(Value::from(name), node.get("src").map(|source| source.span.clone())))
    }

    fn plan_entry(
        &mut self,
        entry: RoleEntry,
        scope: &Arc<Scope>,
        parents: Vec<(Arc<str>, PathBuf)>,
        depending: Vec<PathBuf>,
    ) -> Option<Plan> {
        let name = self.resolve(&entry.name, scope, "a role's name")?;
        let spec = RoleSpec { name, params: Arc::new(entry.params), ..RoleSpec::default() };
        let (keywords, span) = (entry.keywords, entry.name.span);
        self.plan(Use { spec, keywords, span, include_vars: None, static_: true, parents, depending, scope })
    }

    /// The first step.
    fn plan(&mut self, use_: Use<'_>) -> Option<Plan> {
        let Use { spec, keywords, span, include_vars, static_, parents, depending, scope } = use_;
        let at = |error: Diagnostic| match &span {
            Some(span) => error.at(span),
            None => error,
        };
        let collections = scope.levels().map(|level| &level.keywords.collections).find(|list| !list.is_empty());
        let beside = depending.last().and_then(|path| path.parent());
        let found =
            find_role(&spec.name, collections.map_or(&[][..], |list| list), beside, &self.dir, &self.loader.options);
        let found = self.ok(found.map_err(at))?;
        self.loader.library.add(&found.path);
        if depending.contains(&found.path) {
            self.error(at(Diagnostic::error(format!("role `{}` depends on itself", found.name))));
            return None;
        }
        let vars = self.role_vars(&found.path.join("vars"), spec.vars_from.as_deref(), &at)?;
        let defaults = self.role_vars(&found.path.join("defaults"), spec.defaults_from.as_deref(), &at)?;
        let tasks = self.ok(role_file(&found.path.join("tasks"), spec.tasks_from.as_deref()).map_err(at))?;
        let handlers = self.ok(role_file(&found.path.join("handlers"), spec.handlers_from.as_deref()).map_err(at))?;
        let identity = identity(&found.name, &found.path, &spec, &keywords, include_vars.as_deref());
        let meta = self.role_meta(&found.path)?;
        let mut keywords = keywords;
        if keywords.collections.is_empty() {
            let own = collection_of(&found.path).or_else(|| self.own_collection());
            keywords.collections = own.into_iter().chain(meta.collections).collect();
        }
        let mut inner = parents.clone();
        inner.push((Arc::clone(&found.name), found.path.clone()));
        let mut depending = depending;
        depending.push(found.path.clone());
        let mut dependencies = Vec::new();
        // Their names are looked for in the role's own collections.
        let own = Keywords { collections: keywords.collections.clone(), ..Keywords::default() };
        let within = Scope::inside(scope, own);
        for entry in meta.dependencies {
            dependencies.extend(self.plan_entry(entry, &within, inner.clone(), depending.clone()));
        }
        let (parents, parent_paths) = parents.into_iter().unzip();
        let core = Arc::new(Role {
            name: found.name,
            path: found.path,
            defaults: Arc::new(defaults),
            vars: Arc::new(vars),
            params: Arc::clone(&spec.params),
            handlers: Vec::new(),
            parents,
            parent_paths,
            dependencies: dependencies.iter().flat_map(Plan::all).collect(),
            allow_duplicates: if include_vars.is_some() { spec.allow_duplicates } else { meta.allow_duplicates },
            public: spec
                .public
                .unwrap_or_else(|| self.loader.options.private_role_vars.map_or(static_, |private| !private)),
            identity,
        });
        let check =
            spec.rolespec_validate.then(|| meta.argument_specs.and_then(|specs| self.check_task(&core, &spec, &specs)));
        Some(Plan { core, keywords, span, dependencies, tasks, handlers, check: check.flatten() })
    }

    /// The second step. Adds the role, after those it depends on, to `self.roles`.
    fn build(&mut self, plan: Plan, parent: &Arc<Scope>) -> (Arc<Role>, Node) {
        let Plan { core, keywords, span, dependencies, tasks, handlers, check } = plan;
        let dir: Arc<Path> = core.path.join("tasks").into();
        let (parent, role) = (Some(Arc::clone(parent)), Some(Arc::clone(&core)));
        let scope = Arc::new(Scope { keywords, parent, role, dir: Some(dir), include_params: false });
        let mut block: Vec<Node> = dependencies.into_iter().map(|plan| self.build(plan, &scope).1).collect();
        if let Some(mut check) = check {
            check.scope = Scope::inside(&scope, Keywords { tags: vec![Value::from("always")], ..Keywords::default() });
            block.push(Node::Task(Arc::new(check)));
        }
        let mut read = |file: Option<PathBuf>, is_handlers: bool| {
            let Some(file) = file else { return Vec::new() };
            if self.open.contains(&file) {
                let mut error = Diagnostic::error(format!("{} imports itself", file.display()));
                if let Some(span) = &span {
                    error = error.at(span);
                }
                self.error(error);
                return Vec::new();
            }
            self.open.push(file.clone());
            let nodes = self.tasks_of_file(&file, &scope, is_handlers, None);
            self.open.pop();
            nodes
        };
        block.extend(read(tasks, false));
        let handlers = read(handlers, true);
        let role = Arc::new(Role { handlers, ..Role::clone(&core) });
        self.roles.push(Arc::clone(&role));
        (role, Node::Block(Arc::new(Block { span, scope, block, ..Block::default() })))
    }

    /// The variables of `vars/` or `defaults/`; later files win.
    fn role_vars(&mut self, folder: &Path, from: Option<&str>, at: &dyn Fn(Diagnostic) -> Diagnostic) -> Option<Map> {
        let mut vars = Map::default();
        for path in self.ok(role_files(folder, from, true).map_err(at))? {
            let file = self.ok(self.loader.file(&path).map_err(at))?;
            let Some(root) = &*file else { continue };
            match root.to_map(&self.loader.options.vault, crate::yaml::Trust::Trusted) {
                Some(map) => vars.extend(map),
                None => self.error_at(root, format!("a file of variables must be a mapping, not {}", root.type_name())),
            }
        }
        Some(vars)
    }

    /// `meta/main.yml` and `meta/argument_specs.yml`.
    fn role_meta(&mut self, role: &Path) -> Option<Meta> {
        let mut meta = Meta::default();
        let folder = role.join("meta");
        if let Some(path) = self.ok(role_file(&folder, None))? {
            let file = self.ok(self.loader.file(&path))?;
            if let Some(root) = &*file {
                self.meta_keywords(root, &mut meta)?;
            }
        }
        if let Ok(Some(path)) = role_file(&folder, Some("argument_specs")) {
            let file = self.ok(self.loader.file(&path))?;
            let specs = file.as_ref().as_ref().and_then(|root| root.get("argument_specs"));
            meta.argument_specs = specs.map(|specs| self.value(specs));
        }
        Some(meta)
    }

    fn meta_keywords(&mut self, root: &Yaml, meta: &mut Meta) -> Option<()> {
        for (key, value) in self.pairs(root, "a role's meta file")? {
            let Some(name) = self.name(key, Owner::RoleMeta) else { continue };
            match name {
                "allow_duplicates" => match self.value(value).as_bool() {
                    Some(allow) => meta.allow_duplicates = allow,
                    None => self.error_at(value, format!("`allow_duplicates` must be yes or no, not {}", shown(value))),
                },
                "dependencies" => {
                    let entries = self.items(value, "`dependencies`");
                    meta.dependencies = entries.iter().filter_map(|entry| self.role_entry(entry)).collect();
                }
                "argument_specs" => meta.argument_specs = Some(self.value(value)),
                "collections" => meta.collections = self.words(value, "collections"),
                // About publishing the role, not about running it.
                "galaxy_info" => {}
                _ => self.unknown_keyword(key, name, Owner::RoleMeta),
            }
        }
        Some(())
    }

    /// The task that checks a role's arguments before anything else.
    fn check_task(&mut self, role: &Role, spec: &RoleSpec, specs: &Value) -> Option<Task> {
        const ACTION: &str = "ansible.builtin.validate_argument_spec";
        let entry_point = spec.tasks_from.as_deref().unwrap_or("main");
        let specification = specs.get(entry_point)?;
        if self.loader.options.actions.canonical(ACTION).is_none() {
            let role = &role.name;
            self.warn(Diagnostic::warning(format!(
                "the arguments of role `{role}` are not checked: `{ACTION}` is not built yet"
            )));
            return None;
        }
        let description = specification.get("short_description").and_then(Value::as_str);
        let description = description.map(|text| format!(" - {text}")).unwrap_or_default();
        let name = format!("Validating arguments against arg spec '{entry_point}'{description}");
        let map =
            |pairs: Vec<(&str, Value)>| Map::from_iter(pairs.into_iter().map(|(key, value)| (Key::from(key), value)));
        let context = map(vec![
            ("type", Value::from("role")),
            ("name", Value::from(role.name.rsplit('.').next().unwrap_or_default())),
            ("argument_spec_name", Value::from(entry_point)),
            ("path", Value::from(role.path.to_string_lossy().into_owned())),
        ]);
        let options = specification.get("options").cloned().unwrap_or_else(|| Map::default().into());
        let args = map(vec![
            ("argument_spec", options),
            ("provided_arguments", Value::Map(Arc::clone(&role.params))),
            ("validate_args_context", context.into()),
        ]);
        let name = Some(Value::trusted(name, None).into());
        Some(Task { name, action: ACTION.into(), written: ACTION.into(), args: Arc::new(args), ..Task::default() })
    }
}

/// What a role's meta files say.
#[derive(Default)]
struct Meta {
    dependencies: Vec<RoleEntry>,
    allow_duplicates: bool,
    argument_specs: Option<Value>,
    collections: Vec<Arc<str>>,
}

/// The collection that a role is in.
fn collection_of(role: &Path) -> Option<Arc<str>> {
    let roles = role.parent().filter(|folder| folder.ends_with("roles"))?;
    collection_at(roles.parent()?).map(Arc::from)
}

impl Plan {
    /// Its dependencies' dependencies, then it.
    fn all(&self) -> Vec<Arc<Role>> {
        let mut all: Vec<_> = self.dependencies.iter().flat_map(Self::all).collect();
        all.push(Arc::clone(&self.core));
        all
    }
}

/// What makes two uses of a role the same one.
fn identity(name: &str, path: &Path, spec: &RoleSpec, keywords: &Keywords, include_vars: Option<&Map>) -> Arc<str> {
    let conditions = keywords.when.iter().map(|condition| condition.value.to_json());
    let map = |map: &Map| Value::from(map.clone()).to_json();
    let from = [&spec.tasks_from, &spec.vars_from, &spec.defaults_from, &spec.handlers_from];
    let from = from.map(|from| from.as_deref());
    serde_json::json!([
        name,
        path,
        map(&spec.params),
        conditions.collect::<Vec<_>>(),
        keywords.tags.iter().map(Value::to_json).collect::<Vec<_>>(),
        from,
        map(&keywords.vars),
        include_vars.map(map),
    ])
    .to_string()
    .into()
}
