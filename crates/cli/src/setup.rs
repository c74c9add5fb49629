//! Everything a command is made of, from configuration, environment and command line; the latter win.

mod options;
mod passwords;
mod statics;

use crate::args::{RunOptionsArgs, SourceArgs};
use crate::exit::{Failure, Voice, tell};
use crate::report::{self, Palette};
use crate::{extra_vars, helper};
use anyhow::Context;
use hostler_core::actions::Actions;
use hostler_core::config::{Config, Places};
use hostler_core::connection::DefaultConnector;
use hostler_core::diagnostic::Diagnostic;
use hostler_core::engine::RunOptions;
use hostler_core::inventory::{Inventory, LoadOptions};
use hostler_core::module::Registry;
use hostler_core::playbook::{ActionNames, Loader, LoaderOptions};
use hostler_core::plugins::{Kind, Plugins, Search};
use hostler_core::secret::Redactor;
use hostler_core::template::{HostPattern, TemplateOptions, Templates};
use hostler_core::value::Map;
use hostler_core::vars::Decrypt;
use hostler_core::yaml::DuplicateKeys;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

pub use options::Overrides;
pub use passwords::{Asking, vaults};
pub use statics::ExtraVars;

/// The machine's configuration, and its inventory where nobody names another.
const SYSTEM_CONFIG: &str = "/etc/ansible/ansible.cfg";
const SYSTEM_INVENTORY: &str = "/etc/ansible/hosts";

/// What commands that know hosts start from.
pub struct Base {
    /// `ansible.cfg` and `ANSIBLE_*`.
    pub config: Config,
    /// Colours of what is printed.
    pub palette: Palette,
    /// How errors and warnings are told.
    pub voice: Voice,
    /// What must not be shown.
    pub redactor: Arc<Redactor>,
    /// The vault passwords.
    pub vaults: Arc<dyn Decrypt>,
    /// `--extra-vars`.
    pub extra_vars: Arc<Map>,
    /// Number of `-v`.
    pub verbosity: u8,
    /// `--module-path`: looked through before the configured ones.
    pub module_path: Vec<PathBuf>,
    sources: Vec<String>,
    /// The user's own directory.
    pub home: Option<PathBuf>,
    cwd: PathBuf,
}

/// What a run starts from besides.
pub struct RunParts {
    /// Modules by name.
    pub registry: Arc<Registry>,
    /// Actions by name.
    pub actions: Arc<Actions>,
    /// Reads playbooks.
    pub loader: Arc<Loader>,
    /// Evaluates templates.
    pub templates: Arc<Templates>,
    /// Opens connections.
    pub connector: Arc<DefaultConnector>,
}

/// How errors are told before the configuration is known.
pub fn early_voice(ansible: bool) -> Voice {
    let unset = |name: &str| std::env::var_os(name).is_none_or(|value| value.is_empty());
    let terminal = std::io::stderr().is_terminal() && !is_dumb();
    Voice { palette: Palette::new(terminal && unset("NO_COLOR") && unset("ANSIBLE_NOCOLOR")), ansible }
}

/// How a command is to look.
#[derive(Debug, Clone, Copy, Default)]
pub struct Manner {
    /// No colours, whatever the configuration says.
    pub no_color: bool,
    /// As Ansible's command of the same task.
    pub ansible: bool,
    /// Nothing is said about settings that have no effect.
    pub quiet: bool,
}

/// The configuration's file, if there is one.
pub fn config_file() -> Option<PathBuf> {
    let (cwd, home) = (std::env::current_dir().ok()?, std::env::home_dir());
    let places =
        Places { explicit: None, cwd: Some(&cwd), home: home.as_deref(), system: Some(Path::new(SYSTEM_CONFIG)) };
    let env =
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    Config::load(&places, env).ok()?.file
}

/// A terminal that can show neither colours nor live lines.
pub fn is_dumb() -> bool {
    std::env::var_os("TERM").is_some_and(|term| term == "dumb")
}

/// What every command starts from.
pub struct Ground {
    /// `ansible.cfg` and `ANSIBLE_*`.
    pub config: Config,
    /// Colours of what is printed.
    pub palette: Palette,
    /// How errors and warnings are told.
    pub voice: Voice,
    home: Option<PathBuf>,
    cwd: PathBuf,
}

impl Ground {
    /// Reads the configuration, from `file` if one is named, and warns of what is odd about it.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(manner: Manner, file: Option<&Path>) -> Result<Self, Failure> {
        let cwd = std::env::current_dir().context("find the working directory")?;
        let home = std::env::home_dir();
        let system = Some(Path::new(SYSTEM_CONFIG));
        let places = Places { explicit: file, cwd: Some(&cwd), home: home.as_deref(), system };
        let env =
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        let config = Config::load(&places, env)?;
        report::ansible::set_colours(&config)?;
        let colour = |terminal: bool| {
            let off = manner.no_color || config.nocolor.or(false);
            Palette::new(!off && (config.force_color.or(false) || (terminal && !is_dumb())))
        };
        let palette = colour(std::io::stdout().is_terminal());
        let voice = Voice { palette: colour(std::io::stderr().is_terminal()), ansible: manner.ansible };
        if !manner.quiet {
            options::check(&config)?;
            tell(&config.warnings, voice);
            tell(&options::without_effect(&config, manner.ansible), voice);
        }
        Ok(Self { config, palette, voice, home, cwd })
    }
}

impl Base {
    /// Reads configuration, passwords, extra variables.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn new(args: &SourceArgs, manner: Manner) -> Result<Self, Failure> {
        let Ground { config, palette, voice, home, cwd } = Ground::new(manner, None)?;
        let redactor = Arc::new(Redactor::default());
        let vaults: Arc<dyn Decrypt> = Arc::new(passwords::vaults(&args.vault, &config, voice, Asking::If, &redactor)?);
        let mut warnings = Vec::new();
        let behaviour = config.hash_behaviour.get().copied().unwrap_or_default();
        let extra_vars = extra_vars::parse(&args.extra_vars, &vaults, behaviour, &mut warnings)?;
        tell(&warnings, voice);
        let verbosity = config.verbosity.or(0).saturating_add(args.verbose);
        let sources = sources(args, &config);
        let extra_vars = Arc::new(extra_vars);
        let module_path = Vec::new();
        Ok(Self { config, palette, voice, redactor, vaults, extra_vars, verbosity, module_path, sources, home, cwd })
    }

    /// Whether somebody named an inventory.
    pub fn has_sources(&self) -> bool {
        !self.sources.is_empty()
    }

    /// The inventories, as they were named.
    pub fn sources(&self) -> &[String] {
        &self.sources
    }

    fn load_options(&self) -> LoadOptions {
        LoadOptions::from_config(&self.config, Arc::clone(&self.vaults))
    }

    /// What patterns in templates mean: by the sources, which are read again where a template asks.
    fn host_pattern(&self) -> HostPattern {
        let (reload, loaded) = (self.reload(), OnceLock::new());
        Arc::new(move |pattern| {
            let inventory = loaded.get_or_init(|| reload().map_err(|error| error.to_string()));
            let hosts = inventory.as_ref().map_err(String::clone)?.select(pattern, None);
            Ok(hosts.map_err(|error| error.to_string())?.iter().map(ToString::to_string).collect())
        })
    }

    /// Reads the inventory.
    ///
    /// # Errors
    /// The first source that cannot be read.
    pub fn inventory(&self) -> Result<Inventory, Diagnostic> {
        self.load_inventory(&self.load_options())
    }

    /// Reads it only to show it: sources that cannot be read are warned of.
    pub fn shown_inventory(&self) -> Result<Inventory, Diagnostic> {
        self.load_inventory(&LoadOptions { only_shown: true, ..self.load_options() })
    }

    fn load_inventory(&self, options: &LoadOptions) -> Result<Inventory, Diagnostic> {
        let sources: Vec<&str> = self.sources.iter().map(String::as_str).collect();
        let inventory = Inventory::load(&sources, options)?;
        tell(&inventory.take_warnings(), self.voice);
        Ok(inventory)
    }

    /// Reads the inventory again, while a run goes on.
    pub fn reload(&self) -> hostler_core::engine::Reload {
        let (sources, options) = (self.sources.clone(), self.load_options());
        Arc::new(move || {
            let sources: Vec<&str> = sources.iter().map(String::as_str).collect();
            Inventory::load(&sources, &options)
        })
    }

    /// The directories that a setting names, or else those that Ansible looks into.
    fn search(&self, set: Option<&Vec<PathBuf>>, own: &str, system: &[&str]) -> Vec<PathBuf> {
        match set {
            Some(paths) => paths.clone(),
            None => {
                let own = self.home.as_ref().map(|home| home.join(own));
                own.into_iter().chain(system.iter().map(PathBuf::from)).collect()
            }
        }
    }

    /// Where collections and plug-ins in Python are.
    fn plugins(&self) -> Search {
        let config = &self.config;
        Search {
            module_utils: self.search(
                config.module_utils.get(),
                ".ansible/plugins/module_utils",
                &["/usr/share/ansible/plugins/module_utils"],
            ),
            any_metadata: !config.validate_action_group_metadata.or(true),
            collections: self
                .search(config.collections_path.get(), ".ansible/collections", &["/usr/share/ansible/collections"])
                .into_iter()
                // Either the folder that holds `ansible_collections` or that folder itself.
                .map(|path| match path.ends_with("ansible_collections") {
                    true => path.parent().map_or(path.clone(), Path::to_owned),
                    false => path,
                })
                .collect(),
            plugins: [
                (Kind::Filter, "filter", config.filter_plugins.get()),
                (Kind::Test, "test", config.test_plugins.get()),
                (Kind::Lookup, "lookup", config.lookup_plugins.get()),
                (Kind::Action, "action", config.action_plugins.get()),
                (Kind::Callback, "callback", config.callback_plugins.get()),
            ]
            .into_iter()
            .flat_map(|(kind, folder, set)| {
                let (own, system) =
                    (format!(".ansible/plugins/{folder}"), format!("/usr/share/ansible/plugins/{folder}"));
                self.search(set, &own, &[&system]).into_iter().map(move |path| (kind, path))
            })
            .collect(),
        }
    }

    /// Modules, actions, loader, templates, connector.
    pub fn run_parts(&self) -> RunParts {
        let registry = Arc::new(hostler_core::modules::builtin());
        let actions = Arc::new(Actions::builtin());
        let search = |set: Option<&Vec<PathBuf>>, own: &str, system: &[&str]| self.search(set, own, system);
        let config = &self.config;
        let plugins = Arc::new(Plugins::new(self.plugins()));
        let loader = Loader::new(LoaderOptions {
            roles_path: search(
                config.roles_path.get(),
                ".ansible/roles",
                &["/usr/share/ansible/roles", "/etc/ansible/roles"],
            ),
            plugins: Arc::clone(&plugins),
            library: self
                .module_path
                .iter()
                .cloned()
                .chain(search(
                    config.library.get(),
                    ".ansible/plugins/modules",
                    &["/usr/share/ansible/plugins/modules"],
                ))
                .collect(),
            vault: Arc::clone(&self.vaults),
            actions: Arc::new(ActionNames::new(&registry, actions.names())),
            private_role_vars: config.private_role_vars.get().copied(),
            // Ansible finds out when it gets there.
            defer_unbuilt: self.voice.ansible,
            lenient: !config.invalid_task_attribute_failed.or(true),
            duplicate_keys: config.duplicate_dict_key.or(DuplicateKeys::default()),
        });
        let managed = config.ansible_managed.get().map_or("Ansible managed", String::as_str);
        let templates = Templates::new(TemplateOptions {
            env: std::env::vars_os()
                .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
                .collect(),
            managed: Some(managed.to_owned()),
            settings: config.by_name(self.home.as_deref()),
            deprecation_warnings: config.deprecation_warnings.or(true),
            base_dir: self.cwd.clone(),
            vaults: Some(Arc::clone(&self.vaults)),
            allow_broken_conditionals: self.config.allow_broken_conditionals.or(false),
            host_pattern: Some(self.host_pattern()),
            plugins,
        });
        let beside = std::env::current_exe().ok().and_then(|binary| Some(binary.parent()?.to_owned()));
        RunParts {
            registry,
            actions,
            loader: Arc::new(loader),
            templates: Arc::new(templates),
            connector: Arc::new(DefaultConnector::new(helper::native(), beside)),
        }
    }

    /// What a run is told. Asks for passwords if the user wants to be asked.
    ///
    /// # Errors
    /// If a password cannot be had.
    pub fn options(&self, args: &RunOptionsArgs, overrides: Overrides<'_>) -> Result<RunOptions, Failure> {
        let mut options = options::of(self, args, overrides)?;
        options.inventory_sources.clone_from(&self.sources);
        options.home.clone_from(&self.home);
        Ok(options)
    }
}

fn sources(args: &SourceArgs, config: &Config) -> Vec<String> {
    if !args.inventory.is_empty() {
        return args.inventory.clone();
    }
    let system = || Path::new(SYSTEM_INVENTORY).exists().then(|| vec![SYSTEM_INVENTORY.to_owned()]);
    config.inventory.get().cloned().or_else(system).unwrap_or_default()
}
