//! `ansible.builtin.git`: a checkout of a repository, by the host's `git`.
//!
//! A remote name is asked for with `git ls-remote` while looking, so that a second look finds nothing to do. Deviations: a commit
//! that is no branch or tag counts as right when it is checked out, without asking the remote; submodules are brought to what
//! the commit says whenever it is checked out, and are looked at by `git submodule status`; refused by name are
//! `track_submodules` without `recursive`, and archives other than git itself writes (zip, tar, tgz, tar.gz).

use super::support::tool;
use crate::module::types::{LooseBool, LooseInt, LooseString, PathArg, StringList};
use crate::module::{Checked, Diff, Made, Module, ModuleError, Simulated, default_args};
use crate::system::{Command, CommandOutput, Content, System, WriteFile};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// A checkout of a repository.
pub struct Git;

/// Parameters.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Args {
    /// URL or path of the repository.
    #[serde(alias = "name")]
    pub repo: LooseString,
    /// Directory to check out into. Needed unless `clone` is off.
    pub dest: Option<PathArg>,
    /// Branch, tag or commit; `HEAD` is what the repository has by itself.
    #[serde(default = "head")]
    pub version: LooseString,
    /// Name of the remote.
    #[serde(default = "origin")]
    pub remote: LooseString,
    /// What to fetch besides.
    pub refspec: Option<LooseString>,
    /// Repository on the host whose objects are used.
    pub reference: Option<LooseString>,
    /// Discard local changes.
    #[serde(default)]
    pub force: LooseBool,
    /// How many commits to fetch.
    pub depth: Option<LooseInt>,
    /// Clone if there is nothing yet.
    #[serde(default = "LooseBool::yes")]
    pub clone: LooseBool,
    /// Fetch if there is a checkout.
    #[serde(default = "LooseBool::yes")]
    pub update: LooseBool,
    /// The commit must have a valid signature.
    #[serde(default)]
    pub verify_commit: LooseBool,
    /// Fingerprints that the signature may have; any if not given.
    #[serde(default, alias = "gpg_whitelist")]
    pub gpg_allowlist: StringList,
    /// Accept any host key.
    #[serde(default)]
    pub accept_hostkey: LooseBool,
    /// Accept a new host key, but no changed one.
    #[serde(default)]
    pub accept_newhostkey: LooseBool,
    /// Private key on the host.
    pub key_file: Option<PathArg>,
    /// Options for `ssh`.
    pub ssh_opts: Option<LooseString>,
    /// The git to run.
    pub executable: Option<PathArg>,
    /// Make a repository without a checkout.
    #[serde(default)]
    pub bare: LooseBool,
    /// With submodules.
    #[serde(default = "LooseBool::yes")]
    pub recursive: LooseBool,
    /// Clone nothing but `version`.
    #[serde(default)]
    pub single_branch: LooseBool,
    /// Submodules follow their branches.
    #[serde(default)]
    pub track_submodules: LooseBool,
    /// File mode creation mask, as octal text.
    pub umask: Option<Value>,
    /// Archive of the checkout to write (zip, tar, tgz, tar.gz).
    pub archive: Option<PathArg>,
    /// What stands in front of every path in the archive; a directory's name ends with a slash.
    pub archive_prefix: Option<LooseString>,
    /// Directory of the repository, apart from the checkout. For new ones.
    pub separate_git_dir: Option<PathArg>,
}

default_args!(repo);

fn head() -> LooseString {
    "HEAD".into()
}

fn origin() -> LooseString {
    "origin".into()
}

/// Result.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct Output {
    /// Commit before.
    before: Option<String>,
    /// Commit after.
    after: Option<String>,
    /// Whether the remote got another URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    remote_url_changed: Option<bool>,
    /// Whether submodules were brought up to date.
    #[serde(skip_serializing_if = "Option::is_none")]
    submodules_changed: Option<bool>,
    /// About local changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    msg: Option<String>,
}

/// What will be done.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Change {
    dest: PathBuf,
    before: Option<String>,
    /// As far as the remote told.
    after: Option<String>,
    clone: bool,
    /// Directories that cloning makes on the way.
    missing: Vec<PathBuf>,
    fetch: bool,
    /// Local changes are discarded.
    reset: bool,
    remote_url: bool,
    submodules: bool,
    archive: Option<PathBuf>,
}

/// Under this kind a simulation keeps commits that would be checked out.
const RESOURCE: &str = "git";

impl Args {
    fn validate(&self) -> Result<(), ModuleError> {
        let problem = if self.separate_git_dir.is_some() && *self.bare {
            "parameters are mutually exclusive: separate_git_dir|bare"
        } else if *self.accept_hostkey && *self.accept_newhostkey {
            "parameters are mutually exclusive: accept_hostkey|accept_newhostkey"
        } else if self.archive_prefix.is_some() && self.archive.is_none() {
            "missing parameter(s) required by 'archive_prefix': archive"
        } else if self.dest.is_none() && *self.clone {
            "the destination directory must be specified unless clone=no"
        } else if *self.track_submodules && !*self.recursive {
            "track_submodules needs recursive"
        } else {
            return self.mask().map(drop);
        };
        Err(ModuleError::new(problem))
    }

    fn mask(&self) -> Result<Option<u32>, ModuleError> {
        match &self.umask {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => u32::from_str_radix(text.trim_start_matches("0o"), 8)
                .map(Some)
                .map_err(|_| ModuleError::new("umask must be an octal integer")),
            Some(_) => Err(ModuleError::new("umask must be defined as a quoted octal integer")),
        }
    }

    fn repo(&self, system: &dyn System) -> Result<String, ModuleError> {
        let text =
            if self.repo.starts_with('~') { PathArg::from(&*self.repo).text(system)? } else { self.repo.0.clone() };
        Ok(if text.starts_with('/') { format!("file://{text}") } else { text })
    }

    /// Where git keeps its data.
    fn git_dir(&self, system: &dyn System, dest: &Path) -> Result<PathBuf, ModuleError> {
        if *self.bare {
            return Ok(dest.to_owned());
        }
        let path = dest.join(".git");
        let is_file = system.metadata(&path)?.is_some_and(|meta| meta.kind == crate::system::FileKind::File);
        if !is_file {
            return Ok(path);
        }
        let text = system.read_text(&path)?;
        match text.trim().strip_prefix("gitdir:") {
            Some(target) => Ok(dest.join(target.trim())),
            None => Err(ModuleError::new(
                "Current repo does not have a valid reference to a separate Git dir or it refers to the invalid path",
            )),
        }
    }

    fn command<S: Into<String>>(
        &self,
        system: &dyn System,
        cwd: Option<&Path>,
        words: impl IntoIterator<Item = S>,
    ) -> Result<Command, ModuleError> {
        let program = match &self.executable {
            Some(path) => path.path(system)?.to_string_lossy().into_owned(),
            None => "git".to_owned(),
        };
        let argv = std::iter::once(program).chain(words.into_iter().map(Into::into));
        let mut command = Command::new(argv).env("LC_ALL", "C").env("LANGUAGE", "C");
        command.cwd = cwd.map(Path::to_owned);
        command.umask = self.mask()?;
        let mut options = self.ssh_opts.as_ref().map(|options| options.0.clone()).unwrap_or_default();
        let mut add = |option: String| {
            if !options.contains(&option) {
                options.push_str(&format!(" {option}"));
            }
        };
        if *self.accept_hostkey {
            add("-o StrictHostKeyChecking=no".to_owned());
        }
        if *self.accept_newhostkey {
            add("-o StrictHostKeyChecking=accept-new".to_owned());
        }
        if let Some(key) = &self.key_file {
            add(format!("-i {} -o IdentitiesOnly=yes", quoted(&key.path(system)?.to_string_lossy())));
        }
        // It must not wait for an answer.
        add("-o BatchMode=yes".to_owned());
        Ok(command.env("GIT_SSH_COMMAND", format!("ssh {}", options.trim())))
    }

    fn look(&self, system: &dyn System, cwd: Option<&Path>, words: &[&str]) -> Result<CommandOutput, ModuleError> {
        tool::ask(system, &self.command(system, cwd, words.iter().copied())?)
    }

    fn run<S: Into<String>>(
        &self,
        system: &mut dyn System,
        cwd: Option<&Path>,
        words: impl IntoIterator<Item = S>,
    ) -> Result<CommandOutput, ModuleError> {
        let command = self.command(system, cwd, words)?;
        tool::run(system, &command)
    }

    fn head(&self, system: &dyn System, dest: &Path) -> Result<Option<String>, ModuleError> {
        let answer = self.look(system, Some(dest), &["rev-parse", "HEAD"])?;
        Ok(Some(answer.stdout_text().trim().to_owned()).filter(|_| answer.success()))
    }

    /// The commit that the remote has under `version`; `None` if it is none of its names.
    fn remote_head(&self, system: &dyn System, repo: &str) -> Result<Option<String>, ModuleError> {
        let version = &*self.version;
        let answer = self.look(system, None, &["ls-remote", repo])?;
        if !answer.success() {
            return Err(ModuleError::new(format!(
                "Could not determine remote revision for {version}: {}",
                answer.stderr_text().trim()
            ))
            .field("rc", answer.rc)
            .field("stdout", answer.stdout_text())
            .field("stderr", answer.stderr_text()));
        }
        let text = answer.stdout_text();
        let names = [
            // A tag with a message points to a commit by way of itself.
            format!("refs/tags/{version}^{{}}"),
            format!("refs/heads/{version}"),
            format!("refs/tags/{version}"),
            version.to_owned(),
        ];
        let found = |name: &String| {
            text.lines()
                .filter_map(|line| line.split_once('\t'))
                .find(|(_, found)| found.trim() == name)
                .map(|(hash, _)| hash.to_owned())
        };
        let branch = found(&names[1]);
        Ok(branch.or_else(|| names.iter().find_map(found)))
    }

    /// Whether submodules are as the commit says.
    fn submodules_differ(&self, system: &dyn System, dest: &Path) -> Result<bool, ModuleError> {
        if !*self.recursive || *self.bare || !system.exists(&dest.join(".gitmodules"))? {
            return Ok(false);
        }
        let answer = self.look(system, Some(dest), &["submodule", "status", "--recursive"])?;
        Ok(answer.stdout_text().lines().any(|line| line.starts_with(['-', '+', 'U'])))
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

fn is_commit(version: &str) -> bool {
    version.len() == 40 && version.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// How an archive is written, by the end of its name.
fn archive_format(path: &Path) -> Result<&'static str, ModuleError> {
    let name = path.to_string_lossy();
    let formats = [(".zip", "zip"), (".tar.gz", "tar.gz"), (".tgz", "tgz"), (".tar", "tar")];
    formats.into_iter().find(|(end, _)| name.ends_with(end)).map(|(_, format)| format).ok_or_else(|| {
        ModuleError::new("Unable to get file extension from archive file name : use .zip, .tar, .tar.gz or .tgz")
    })
}

impl Module for Git {
    const NAME: &'static str = "ansible.builtin.git";
    const ALIASES: &'static [&'static str] = &["ansible.legacy.git"];
    type Args = Args;
    type Output = Output;
    type Change = Change;

    fn check(args: &Args, system: &dyn System) -> Result<Checked<Self>, ModuleError> {
        args.validate()?;
        let repo = args.repo(system)?;
        let Some(dest) = args.dest.as_ref().map(|dest| dest.path(system)).transpose()? else {
            let after = args.remote_head(system, &repo)?;
            return Ok(Checked::unchanged(Output { after, ..Output::default() }));
        };
        let key = dest.to_string_lossy().into_owned();
        if let Some(planned) = system.resource(RESOURCE, &key) {
            let commit = planned["commit"].as_str().map(str::to_owned);
            if planned["repo"] == json!(repo) && planned["version"] == json!(args.version.0) {
                return Ok(Checked::unchanged(Output { before: commit.clone(), after: commit, ..Output::default() }));
            }
        }
        let archive = args.archive.as_ref().map(|path| path.path(system)).transpose()?;
        let archive = archive.map(|path| archive_format(&path).map(|_| path)).transpose()?;
        let mut change = Change { dest: dest.clone(), ..Change::default() };
        if let Some(path) = archive {
            change.archive = (!system.exists(&path)?).then_some(path);
        }
        if !system.exists(&args.git_dir(system, &dest)?.join("config"))? {
            change.after = args.remote_head(system, &repo)?;
            if !*args.clone {
                return Ok(Checked::unchanged(Output { after: change.after, ..Output::default() }));
            }
            let output = Output { after: change.after.clone(), ..Output::default() };
            let missing = system.missing_above(&dest);
            return Ok(Checked::changed(output, Change { clone: true, missing, ..change }));
        }
        change.before = args.head(system, &dest)?;
        change.after.clone_from(&change.before);
        if *args.update {
            look_closer(args, system, &repo, &mut change)?;
        }
        let output = output(&change);
        let nothing =
            !(change.fetch || change.reset || change.remote_url || change.submodules || change.archive.is_some());
        Ok(if nothing { Checked::unchanged(output) } else { Checked::changed(output, change) })
    }

    fn apply(args: &Args, mut change: Change, system: &mut dyn System) -> Result<Output, ModuleError> {
        let repo = args.repo(system)?;
        let dest = change.dest.clone();
        if change.clone {
            clone(args, &repo, &dest, system)?;
        } else {
            if change.reset {
                args.run(system, Some(&dest), ["reset", "--hard", "HEAD"])?;
            }
            if change.remote_url {
                set_url(args, &repo, &dest, system)?;
            }
            if change.fetch || change.remote_url {
                fetch(args, &dest, system)?;
            }
        }
        if !*args.bare && (change.clone || change.fetch) {
            switch(args, &dest, system)?;
        }
        if *args.recursive && !*args.bare && system.exists(&dest.join(".gitmodules"))? {
            args.run(system, Some(&dest), ["submodule", "sync", "--recursive"])?;
            let mut words = vec!["submodule", "update", "--init", "--recursive"];
            words.extend(args.track_submodules.then_some("--remote"));
            words.extend(args.force.then_some("--force"));
            args.run(system, Some(&dest), words)?;
        }
        if let Some(path) = &change.archive {
            let mut words = vec!["archive".to_owned(), format!("--format={}", archive_format(path)?)];
            words.push(format!("--output={}", path.display()));
            words.extend(args.archive_prefix.as_ref().map(|prefix| format!("--prefix={}", prefix.0)));
            words.push(if *args.bare { args.version.0.clone() } else { "HEAD".to_owned() });
            args.run(system, Some(&dest), words)?;
        }
        change.after = args.head(system, &dest)?;
        Ok(output(&change))
    }

    fn simulate(args: &Args, change: Change, system: &mut dyn System) -> Result<Simulated<Output>, ModuleError> {
        let repo = args.repo(system)?;
        if !system.exists(&change.dest)? {
            let missing: Vec<PathBuf> = change.dest.ancestors().map(Path::to_owned).collect();
            for directory in missing.iter().rev() {
                if !system.exists(directory)? {
                    system.create_dir(directory, 0o777)?;
                }
            }
        }
        let state = json!({"repo": repo, "version": args.version.0, "commit": change.after});
        system.set_resource(RESOURCE, &change.dest.to_string_lossy(), state);
        if let Some(path) = &change.archive {
            system.write(path, &WriteFile::of(Content::NotKnownYet))?;
        }
        let unknown: &[&str] = if change.after.is_none() { &["after"] } else { &[] };
        Ok(Simulated::with_unknown(output(&change), unknown))
    }

    fn made(change: &Change) -> Vec<Made> {
        let parents = change.missing.iter().map(|path| Made::Directory(path.clone()));
        if change.clone { parents.chain([Made::Itself]).collect() } else { Vec::new() }
    }

    fn diff(change: &Change) -> Vec<Diff> {
        let text = |commit: &Option<String>| commit.clone().unwrap_or_else(|| "absent".to_owned());
        let mut properties = vec![("commit", text(&change.before), text(&change.after))];
        if change.reset {
            properties.push(("local changes", "there".to_owned(), "discarded".to_owned()));
        }
        vec![Diff::properties(change.dest.display().to_string(), properties)]
    }
}

fn output(change: &Change) -> Output {
    Output {
        before: change.before.clone(),
        after: change.after.clone(),
        remote_url_changed: (!change.clone).then_some(change.remote_url),
        submodules_changed: change.submodules.then_some(true),
        msg: change.reset.then(|| format!("Local modifications exist in the destination: {}", change.dest.display())),
    }
}

/// What has to be done about a checkout that is there.
fn look_closer(args: &Args, system: &dyn System, repo: &str, change: &mut Change) -> Result<(), ModuleError> {
    let dest = change.dest.clone();
    if !*args.bare {
        let status = args.look(system, Some(&dest), &["status", "--porcelain"])?;
        let modified = status.stdout_text().lines().any(|line| !line.starts_with("??"));
        if modified && !*args.force {
            let msg = format!("Local modifications exist in the destination: {} (force=no).", dest.display());
            return Err(ModuleError::new(msg).field("before", change.before.clone()));
        }
        change.reset = modified;
    }
    let url = args.look(system, Some(&dest), &["ls-remote", "--get-url", &args.remote])?.stdout_text();
    let plain = |url: &str| url.trim().trim_start_matches("file://").to_owned();
    change.remote_url = plain(&url) != plain(repo);
    if is_commit(&args.version) && change.before.as_deref() == Some(&args.version.0) && !change.remote_url {
        change.submodules = args.submodules_differ(system, &dest)?;
        return Ok(());
    }
    change.after = match args.remote_head(system, repo)? {
        Some(commit) => Some(commit),
        None if is_commit(&args.version) => Some(args.version.0.clone()),
        // A short hash, or a name that only the checkout has.
        None => {
            let answer = args.look(
                system,
                Some(&dest),
                &["rev-parse", "--verify", "--quiet", &format!("{}^{{commit}}", args.version.0)],
            )?;
            Some(answer.stdout_text().trim().to_owned()).filter(|_| answer.success())
        }
    };
    change.fetch = change.after.is_none() || change.after != change.before;
    change.submodules = args.submodules_differ(system, &dest)?;
    Ok(())
}

fn clone(args: &Args, repo: &str, dest: &Path, system: &mut dyn System) -> Result<(), ModuleError> {
    if let Some(parent) = dest.parent() {
        let missing: Vec<PathBuf> = parent.ancestors().map(Path::to_owned).collect();
        for directory in missing.iter().rev() {
            if !system.exists(directory)? {
                system.create_dir(directory, 0o777)?;
            }
        }
    }
    let mut words = vec!["clone".to_owned()];
    words.extend(if *args.bare {
        vec!["--bare".to_owned()]
    } else {
        vec!["--origin".to_owned(), args.remote.0.clone()]
    });
    let is_name = args.version.0 != "HEAD" && !is_commit(&args.version) && args.remote_head(system, repo)?.is_some();
    if let Some(depth) = args.depth {
        // Without a name of the remote's the commit may be too deep.
        if args.version.0 == "HEAD" || args.refspec.is_some() || is_name {
            words.extend(["--depth".to_owned(), depth.0.to_string()]);
        }
    }
    if is_name && (args.depth.is_some() || *args.single_branch) {
        words.extend(["--branch".to_owned(), args.version.0.clone()]);
    }
    if let Some(reference) = &args.reference {
        words.extend(["--reference".to_owned(), reference.0.clone()]);
    }
    words.extend(args.single_branch.then(|| "--single-branch".to_owned()));
    if let Some(path) = &args.separate_git_dir {
        words.push(format!("--separate-git-dir={}", path.path(system)?.display()));
    }
    words.extend([repo.to_owned(), dest.to_string_lossy().into_owned()]);
    args.run(system, None, words)?;
    if *args.bare && args.remote.0 != "origin" {
        args.run(system, Some(dest), ["remote", "add", &args.remote, repo])?;
    }
    if args.refspec.is_some() {
        fetch(args, dest, system)?;
    }
    Ok(())
}

fn set_url(args: &Args, repo: &str, dest: &Path, system: &mut dyn System) -> Result<(), ModuleError> {
    let known = args.look(system, Some(dest), &["remote"])?.stdout_text();
    let verb = if known.lines().any(|name| name == args.remote.0) { "set-url" } else { "add" };
    args.run(system, Some(dest), ["remote", verb, &args.remote, repo]).map(drop)
}

fn fetch(args: &Args, dest: &Path, system: &mut dyn System) -> Result<(), ModuleError> {
    let failed = |error: ModuleError| ModuleError {
        msg: format!("Failed to download remote objects and refs: {}", error.msg),
        fields: error.fields,
    };
    let mut words = vec!["fetch".to_owned()];
    if let Some(depth) = args.depth {
        words.extend(["--depth".to_owned(), depth.0.to_string()]);
    }
    words.extend(args.force.then(|| "--force".to_owned()));
    words.push("--tags".to_owned());
    words.push(args.remote.0.clone());
    if *args.bare {
        words.extend(["+refs/heads/*:refs/heads/*".to_owned(), "+refs/tags/*:refs/tags/*".to_owned()]);
    } else {
        words.push(format!("+refs/heads/*:refs/remotes/{}/*", args.remote.0));
    }
    words.extend(args.refspec.as_ref().map(|refspec| refspec.0.clone()));
    args.run(system, Some(dest), words).map(drop).map_err(failed)
}

/// Checks `version` out: a branch of the remote becomes a local one at the same commit.
fn switch(args: &Args, dest: &Path, system: &mut dyn System) -> Result<(), ModuleError> {
    let version = &args.version.0;
    let failed = |error: ModuleError| ModuleError {
        msg: format!("Failed to checkout {version}: {}", error.msg),
        fields: error.fields,
    };
    let branch = if version == "HEAD" {
        let name = format!("refs/remotes/{}/HEAD", args.remote.0);
        let answer = args.look(system, Some(dest), &["symbolic-ref", "--short", &name])?;
        let prefix = format!("{}/", args.remote.0);
        answer.stdout_text().trim().strip_prefix(&prefix).map(str::to_owned).filter(|_| answer.success())
    } else {
        let name = format!("refs/remotes/{}/{version}", args.remote.0);
        let is_branch = args.look(system, Some(dest), &["show-ref", "--verify", "--quiet", &name])?.success();
        is_branch.then(|| version.clone())
    };
    match (branch, version.as_str()) {
        (Some(branch), _) => {
            let remote = format!("{}/{branch}", args.remote.0);
            args.run(system, Some(dest), ["checkout", "--force", "-B", &branch, &remote]).map_err(failed)?;
            args.run(system, Some(dest), ["reset", "--hard", &remote, "--"]).map_err(failed)?;
        }
        // Nothing but what the clone has checked out.
        (None, "HEAD") => {}
        (None, version) => {
            args.run(system, Some(dest), ["checkout", "--force", version]).map_err(failed)?;
        }
    }
    if *args.verify_commit { verify(args, dest, system) } else { Ok(()) }
}

fn verify(args: &Args, dest: &Path, system: &dyn System) -> Result<(), ModuleError> {
    let version = &args.version.0;
    let kind = args.look(system, Some(dest), &["cat-file", "-t", &format!("refs/tags/{version}")])?;
    let verb = if kind.stdout_text().trim() == "tag" { "verify-tag" } else { "verify-commit" };
    let answer = args.look(system, Some(dest), &[verb, "--raw", version])?;
    if !answer.success() {
        return Err(ModuleError::new(format!("Failed to verify GPG signature of commit/tag \"{version}\""))
            .field("rc", answer.rc)
            .field("stderr", answer.stderr_text()));
    }
    let said = format!("{}{}", answer.stdout_text(), answer.stderr_text());
    let fingerprint = said.lines().find_map(|line| {
        let rest = line.strip_prefix("[GNUPG:] VALIDSIG ")?;
        rest.split_whitespace().next_back()
    });
    if !args.gpg_allowlist.is_empty() && !args.gpg_allowlist.iter().any(|known| Some(known.as_str()) == fingerprint) {
        let msg = format!(
            "The gpg_allowlist does not include the public key \"{}\" for this commit",
            fingerprint.unwrap_or("(none)")
        );
        return Err(ModuleError::new(msg));
    }
    Ok(())
}
