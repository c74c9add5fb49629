//! MySQL's and MariaDB's databases: made, removed, filled from a script, dumped. Answers to `community.mysql.mysql_db`.
//!
//! Deviations: `import` sends the script's statements itself, without the `mysql` client; `dump` needs `mysqldump` or
//! `mariadb-dump` on the host, as Ansible's does.

use super::support::docker::types::Refused;
use super::support::mysql::{Login, is_denied, mysql_args, script, text, unknown_in_plan};
use crate::module::types::{LooseBool, LooseInt, StringList};
use crate::module::{Checked, Diff, Module, ModuleError, Simulated, default_args};
use crate::system::{Command, System};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::path::{Path, PathBuf};

/// The module.
pub struct MysqlDb;

mysql_args! {
    /// Databases.
    pub struct Args {
        /// Names of the databases. `all` for `import` and `dump`.
        #[serde(alias = "db")]
        pub name: StringList,
        /// What is wanted of them.
        #[serde(default)]
        pub state: State,
        /// Character set of new databases, and of scripts.
        #[serde(default)]
        pub encoding: String,
        /// Collation of new databases.
        #[serde(default)]
        pub collation: String,
        /// The script to import or write: `.sql`, or packed as `.gz`, `.bz2`, `.xz`, `.zst`.
        #[serde(default)]
        pub target: Option<String>,
        /// Go on after errors of an import or dump.
        #[serde(default)]
        pub force: LooseBool,
        /// Dump all in one transaction.
        #[serde(default)]
        pub single_transaction: LooseBool,
        /// Dump row by row.
        #[serde(default = "LooseBool::yes")]
        pub quick: LooseBool,
        /// Tables that are not dumped: `database.table`.
        #[serde(default)]
        pub ignore_tables: StringList,
        /// Dump binary columns as hex.
        #[serde(default)]
        pub hex_blob: LooseBool,
        /// Write the replication position: 1 as a statement, 2 as a comment.
        #[serde(default)]
        pub master_data: LooseInt,
        /// Do not lock tables.
        #[serde(default)]
        pub skip_lock_tables: LooseBool,
        /// Further options for the dump program.
        #[serde(default)]
        pub dump_extra_args: Option<String>,
        /// Accepted; imports never use a shell.
        #[serde(default)]
        pub use_shell: LooseBool,
        /// Accepted; the password is never part of a command.
        #[serde(default)]
        pub unsafe_login_password: LooseBool,
        /// Dump with `config_file` alone.
        #[serde(default)]
        pub restrict_config_file: LooseBool,
        /// Not supported: first try root without a password.
        #[serde(default)]
        pub check_implicit_admin: Refused,
        /// Host and port of `config_file` count more than the defaults.
        #[serde(default)]
        pub config_overrides_defaults: LooseBool,
        /// Directory that `target` starts at.
        #[serde(default)]
        pub chdir: Option<String>,
        /// Accepted; a dump fails if any part of it does.
        #[serde(default = "LooseBool::yes")]
        pub pipefail: LooseBool,
        /// Write making and removing databases to the binary log.
        #[serde(default = "LooseBool::yes")]
        pub sql_log_bin: LooseBool,
    }
}

default_args!(name);

/// What is wanted of databases.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// They are there.
    #[default]
    Present,
    /// They are not there.
    Absent,
    /// They are written to `target`.
    Dump,
    /// `target` is run in it.
    Import,
}

/// Result.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// Names of the databases, with blanks between.
    db: String,
    /// Names of the databases.
    db_list: Vec<String>,
    /// Statements or commands that made the change.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    executed_commands: Vec<String>,
}

/// What has to be done.
#[derive(Debug, Serialize, Deserialize)]
pub struct Change {
    /// Databases to make.
    create: Vec<String>,
    /// Databases to remove.
    drop: Vec<String>,
    /// The script.
    target: Option<PathBuf>,
}

const KIND: &str = "mysql_db";

impl Module for MysqlDb {
    const NAME: &'static str = "community.mysql.mysql_db";
    const ALIASES: &'static [&'static str] = &["community.general.mysql_db"];
    const SECRETS: &'static [&'static str] = &["login_password"];
    type Args = Args;
    type Output = Output;
    type Change = Change;

    fn check(args: &Args, system: &dyn System) -> Result<Checked<Self>, ModuleError> {
        let target = validate(args, system)?;
        let names = names(args);
        let output = Output { db: names.join(" "), db_list: names.clone(), executed_commands: Vec::new() };
        if names.is_empty() {
            return Ok(Checked::unchanged(output));
        }
        let (there, missing) = if names == ["all"] { (Vec::new(), Vec::new()) } else { existing(args, system, names)? };
        let mut change = Change { create: Vec::new(), drop: Vec::new(), target: None };
        match args.state {
            State::Present => change.create = missing,
            State::Absent => change.drop = there,
            State::Import => (change.create, change.target) = (missing, target),
            State::Dump if !missing.is_empty() => {
                return Err(ModuleError::new(format!("Cannot dump database(s) {:?} - not found", missing.join(", "))));
            }
            State::Dump => change.target = target,
        }
        let nothing = change.create.is_empty() && change.drop.is_empty() && change.target.is_none();
        Ok(if nothing { Checked::unchanged(output) } else { Checked::changed(output, change) })
    }

    fn apply(args: &Args, change: Change, system: &mut dyn System) -> Result<Output, ModuleError> {
        let login = login(args);
        let mut statements: Vec<String> = change.create.iter().map(|name| create(args, name)).collect();
        statements.extend(change.drop.iter().map(|name| format!("DROP DATABASE {}", text::quote_name(name))));
        let mut executed_commands = statements.clone();
        if !statements.is_empty() {
            if !args.sql_log_bin.0 && args.state != State::Import {
                statements.insert(0, "SET SQL_LOG_BIN=0".to_owned());
            }
            let what = if args.state == State::Absent { "deleting" } else { "creating" };
            let request = login.request(system, None, statements)?;
            system.sql_send(&request).map_err(|failure| match failure.at {
                Some(_) => ModuleError::new(format!("error {what} database: {}", failure.message)),
                None => login.explain(system, &request, failure),
            })?;
        }
        match (&change.target, args.state) {
            (Some(target), State::Import) => executed_commands.push(import(args, &login, target, system)?),
            (Some(target), _) => executed_commands.push(dump(args, &login, target, system)?),
            (None, _) => {}
        }
        let names = names(args);
        Ok(Output { db: names.join(" "), db_list: names, executed_commands })
    }

    fn simulate(args: &Args, change: Change, system: &mut dyn System) -> Result<Simulated<Output>, ModuleError> {
        let login = login(args);
        let mut statements: Vec<String> = change.create.iter().map(|name| create(args, name)).collect();
        statements.extend(change.drop.iter().map(|name| format!("DROP DATABASE {}", text::quote_name(name))));
        if !statements.is_empty() {
            let request = login.request(system, None, statements)?;
            let _answers = system.sql_send(&request);
        }
        if let (Some(target), State::Import) = (&change.target, args.state) {
            import(args, &login, target, system)?;
        }
        for name in &change.create {
            system.set_resource(KIND, &key(args, name), json!(true));
        }
        for name in &change.drop {
            system.set_resource(KIND, &key(args, name), json!(false));
        }
        let names = names(args);
        let output = Output { db: names.join(" "), db_list: names, executed_commands: Vec::new() };
        Ok(Simulated::with_unknown(output, &["executed_commands"]))
    }

    fn diff(change: &Change) -> Vec<Diff> {
        let made = change.create.iter().map(|name| (name.as_str(), "absent".to_owned(), "present".to_owned()));
        let removed = change.drop.iter().map(|name| (name.as_str(), "present".to_owned(), "absent".to_owned()));
        let mut diffs = Vec::new();
        if !change.create.is_empty() || !change.drop.is_empty() {
            diffs.push(Diff::properties("databases", made.chain(removed)));
        }
        if let Some(target) = &change.target {
            diffs.push(Diff::prepared(format!("script {}\n", target.display())));
        }
        diffs
    }
}

fn names(args: &Args) -> Vec<String> {
    args.name.iter().map(|name| name.trim().to_owned()).collect()
}

fn login(args: &Args) -> Login {
    Login { config_first: args.config_overrides_defaults.0, ..args.login() }
}

/// Servers have databases of the same names.
fn key(args: &Args, name: &str) -> String {
    let port = args.login_port.map_or(3306, |port| port.0);
    format!("{}:{port}/{name}", args.login_host.as_deref().unwrap_or("localhost"))
}

fn validate(args: &Args, system: &dyn System) -> Result<Option<PathBuf>, ModuleError> {
    let scripted = matches!(args.state, State::Import | State::Dump);
    if !scripted {
        if names(args) == ["all"] {
            return Err(ModuleError::new("name is not allowed to equal 'all' unless state equals import, or dump."));
        }
        return Ok(None);
    }
    let state = if args.state == State::Import { "import" } else { "dump" };
    if args.state == State::Import && args.name.len() > 1 {
        return Err(ModuleError::new("Multiple databases are not supported with state=import"));
    }
    let Some(target) = &args.target else {
        return Err(ModuleError::new(format!("with state={state} target is required")));
    };
    let base = args.chdir.as_ref().map_or_else(|| system.directory(), PathBuf::from);
    let path = match target.strip_prefix("~/") {
        Some(rest) => system.home().join(rest),
        None => base.join(target),
    };
    if args.state == State::Import && !system.exists(&path)? {
        return Err(ModuleError::new(format!("target {} does not exist on the host", path.display())));
    }
    Ok(Some(path))
}

/// The databases that are there, and those that are not.
fn existing(args: &Args, system: &dyn System, names: Vec<String>) -> Result<(Vec<String>, Vec<String>), ModuleError> {
    let known = |name: &String| system.resource(KIND, &key(args, name)).and_then(|state| state.as_bool());
    let all_known = names.iter().all(|name| known(name).is_some());
    let list = names.iter().map(|name| text::quote(name)).collect::<Vec<_>>().join(",");
    let query = format!("SELECT SCHEMA_NAME AS name FROM information_schema.SCHEMATA WHERE SCHEMA_NAME IN ({list})");
    let answers = match login(args).look(system, None, vec![query]) {
        // What a plan makes is known without the server, but not to those whom it would refuse.
        Err(error) if all_known && !is_denied(&error) => Vec::new(),
        answers => answers.map_err(unknown_in_plan)?,
    };
    let rows = answers.first().map(|answer| answer.rows.as_slice()).unwrap_or_default();
    let found = |name: &String| rows.iter().any(|row| row.get("name").is_some_and(|found| found == name.as_str()));
    Ok(names.into_iter().partition(|name| known(name).unwrap_or_else(|| found(name))))
}

fn create(args: &Args, name: &str) -> String {
    let mut statement = format!("CREATE DATABASE {}", text::quote_name(name));
    if !args.encoding.is_empty() {
        statement.push_str(&format!(" CHARACTER SET {}", text::quote(&args.encoding)));
    }
    if !args.collation.is_empty() {
        statement.push_str(&format!(" COLLATE {}", text::quote(&args.collation)));
    }
    statement
}

/// The program that packs what is called `path`.
fn packer(path: &Path) -> Option<&'static str> {
    match path.extension()?.to_str()? {
        "gz" => Some("gzip"),
        "bz2" => Some("bzip2"),
        "xz" => Some("xz"),
        "zst" => Some("zstd"),
        _ => None,
    }
}

fn import(args: &Args, login: &Login, target: &Path, system: &mut dyn System) -> Result<String, ModuleError> {
    let content = match packer(target) {
        None => system.read(target)?,
        Some(program) => {
            let unpacked = system.query(&Command::new([program, "-dc", &target.display().to_string()]))?;
            if !unpacked.success() {
                return Err(ModuleError::new(format!(
                    "failed to unpack {}: {}",
                    target.display(),
                    unpacked.stderr_text()
                )));
            }
            unpacked.stdout
        }
    };
    let mut statements = script::statements(&String::from_utf8_lossy(&content));
    let names = names(args);
    let database = names.first().filter(|name| *name != "all").map(String::as_str);
    if let Some(database) = database {
        statements = script::only_for(statements, database);
    }
    if !args.encoding.is_empty() {
        statements.insert(0, format!("SET NAMES {}", text::quote(&args.encoding)));
    }
    let mut request = login.request(system, database, statements)?;
    request.force = args.force.0;
    system.sql_send(&request).map_err(|failure| login.explain(system, &request, failure))?;
    Ok(format!("import of {}", target.display()))
}

fn dump(args: &Args, login: &Login, target: &Path, system: &mut dyn System) -> Result<String, ModuleError> {
    let word = text::shell_word;
    let request = login.request(system, None, Vec::new())?;
    let mut options = Vec::new();
    if let Some(file) = &args.config_file {
        let option = if args.restrict_config_file.0 { "defaults-file" } else { "defaults-extra-file" };
        options.push(format!("--{option}={}", word(file)));
    }
    options.extend(request.user.iter().map(|user| format!("--user={}", word(user))));
    match &request.socket {
        Some(socket) => options.push(format!("--socket={}", word(&socket.display().to_string()))),
        None => options.push(format!("--host={} --port={}", word(&request.host), request.port)),
    }
    let switches = [
        ("--force", args.force),
        ("--skip-lock-tables", args.skip_lock_tables),
        ("--single-transaction=true", args.single_transaction),
        ("--quick", args.quick),
        ("--hex-blob", args.hex_blob),
    ];
    options.extend(switches.iter().filter(|(_, on)| on.0).map(|(option, _)| (*option).to_owned()));
    if !args.encoding.is_empty() {
        options.push(format!("--default-character-set={}", word(&args.encoding)));
    }
    if args.master_data.0 != 0 {
        options.push(format!("--master-data={}", args.master_data.0));
    }
    options.extend(args.ignore_tables.iter().map(|table| format!("--ignore-table={}", word(table))));
    options.extend(args.dump_extra_args.clone());
    let names = names(args);
    match names.as_slice() {
        [one] if one == "all" => options.push("--all-databases".to_owned()),
        [one] => options.push(word(one)),
        many => {
            options.push(format!("--databases {}", many.iter().map(|name| word(name)).collect::<Vec<_>>().join(" ")))
        }
    }
    let options = options.join(" ");
    let file = word(&target.display().to_string());
    // The status of the dump itself is kept where it is packed, as not every sh has pipefail.
    let run = match packer(target) {
        None => format!("\"$program\" {options} > {file}"),
        Some(packer) => {
            format!(
                "{{ {{ \"$program\" {options} 3>&-; echo $? >&3; }} | {packer} > {file}; }} 3>&1 | {{ read status; exit \"$status\"; }}"
            )
        }
    };
    let line = format!(
        "program=$(command -v mysqldump || command -v mariadb-dump) || {{ echo 'no mysqldump or mariadb-dump' >&2; exit 127; }}; {run}"
    );
    let mut command = Command::shell(line);
    if let Some(password) = &request.password {
        command = command.env("MYSQL_PWD", password);
    }
    let done = system.run(&command)?;
    if !done.success() {
        return Err(ModuleError::new(format!("failed to dump: {}", done.stderr_text().trim())));
    }
    Ok(format!("mysqldump {options} > {file}"))
}
