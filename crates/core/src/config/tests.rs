//! A file on disk and an environment, as a user has them.

use super::*;
use crate::diagnostic::Diagnostic;
use crate::vars::combine::HashBehaviour;
use std::path::{Path, PathBuf};

/// A directory that is gone at the end.
struct Dir(PathBuf);

impl Dir {
    fn new(name: &str, text: &str) -> Self {
        let path = std::env::temp_dir().join(format!("hostler-config-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        std::fs::write(path.join("ansible.cfg"), text).unwrap();
        Self(std::fs::canonicalize(path).unwrap())
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn load(dir: &Dir, env: &[(&str, &str)]) -> Result<Config, Diagnostic> {
    let places = Places { cwd: Some(&dir.0), home: Some(Path::new("/home/me")), ..Places::default() };
    Config::load(&places, env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
}

#[test]
fn reads_the_file_and_lets_the_environment_win() {
    let text = "# comment\n[defaults]\ninventory = hosts.yml, ../other ; main one\nroles_path=roles:~/roles:$EXTRA/r\n\
                FORKS: 20\ngathering = smart\nhash_behaviour=merge\nhost_key_checking = False\nremote_user = 'deploy'\n\
                callback_whitelist = timer,\n    profile_tasks\nvault_identity_list = dev@dev.txt, prod@prompt\nnocows=1\n\
                [ssh_connection]\nssh_args = -o A=b;c -C\ntimeout = 7\n[diff]\nalways=yes\n";
    let dir = Dir::new("values", text);
    let config =
        load(&dir, &[("ANSIBLE_FORKS", "5"), ("EXTRA", "/x"), ("ANSIBLE_TIMEOUT", ""), ("NO_COLOR", "please")])
            .unwrap();
    let here = |name: &str| dir.0.join(name);
    assert_eq!(config.inventory.get().unwrap()[0], here("hosts.yml").display().to_string());
    assert!(
        config.inventory.get().unwrap()[1].ends_with("/other") && !config.inventory.get().unwrap()[1].contains("..")
    );
    assert_eq!(config.roles_path.get().unwrap(), &[here("roles"), "/home/me/roles".into(), "/x/r".into()]);
    assert_eq!((config.forks.or(1), config.timeout.or(10)), (5, 7));
    assert_eq!(config.forks.origin().unwrap().to_string(), "ANSIBLE_FORKS in the environment");
    assert!(config.gathering.origin().unwrap().to_string().ends_with("ansible.cfg:6:1"));
    assert_eq!(config.gathering.get(), Some(&Gathering::Smart));
    assert_eq!(config.hash_behaviour.get(), Some(&HashBehaviour::Merge));
    assert_eq!(config.host_key_checking.get(), Some(&false));
    assert_eq!(config.remote_user.get().unwrap(), "deploy");
    assert_eq!(config.callbacks_enabled.get().unwrap(), &["timer", "profile_tasks"]);
    assert_eq!(
        config.vault_identity_list.get().unwrap(),
        &[format!("dev@{}", here("dev.txt").display()), "prod@prompt".into()]
    );
    assert_eq!(config.ssh_args.get().unwrap(), "-o A=b;c -C");
    assert_eq!((config.diff_always.or(false), config.nocolor.or(false)), (true, true));
    assert_eq!((config.log_path.get(), config.warnings), (None, vec![]));
}

#[test]
fn says_what_has_no_effect_in_one_warning() {
    let dir = Dir::new(
        "unknown",
        "[defaults]\nforkss = 5\nplugin_filters_cfg = ./lib\nmodule_utils = ./lib\npipelining = True\n[colors]\nok = red\n",
    );
    let config = load(&dir, &[]).unwrap();
    let [warning] = &config.warnings[..] else { panic!("{:?}", config.warnings) };
    assert_eq!(
        warning.message,
        "settings without effect: `defaults.forkss` is unknown, did you mean `defaults.forks`?"
    );
    assert_eq!(warning.related.len(), 1);
    assert_eq!(warning.related[0].1, "`defaults.plugin_filters_cfg` is not supported");
}

#[test]
fn points_at_mistakes() {
    for (text, place, message) in [
        ("[defaults]\nforks = many\n", "2:1", "`defaults.forks`, `many`, is not a number"),
        ("[defaults]\ngathering = never\n", "2:1", "is none of implicit, explicit, smart"),
        ("[defaults]\nbecome\n", "2:1", "neither `key = value`"),
        ("forks = 5\n", "1:1", "must stand in a section"),
        ("[defaults]\nforks=1\n\nforks=2\n", "4:1", "given twice"),
    ] {
        let dir = Dir::new("mistakes", text);
        let error = load(&dir, &[]).unwrap_err();
        assert!(error.message.contains(message), "{text}: {}", error.message);
        assert!(error.span.unwrap().to_string().ends_with(&format!("ansible.cfg:{place}")), "{text}");
    }
    let dir = Dir::new("mistakes", "");
    let error = load(&dir, &[("ANSIBLE_FORKS", "x")]).unwrap_err();
    assert!(error.message.contains("ANSIBLE_FORKS in the environment, `x`, is not a number"), "{error}");
}

#[test]
fn a_directory_that_everybody_may_write_to_is_not_trusted() {
    use std::os::unix::fs::PermissionsExt;
    let dir = Dir::new("writable", "[defaults]\nforks = 7\n");
    std::fs::set_permissions(&dir.0, std::fs::Permissions::from_mode(0o777)).unwrap();
    let config = load(&dir, &[]).unwrap();
    assert_eq!((config.forks.get(), config.warnings.len()), (None, 1));
    let path = dir.0.join("ansible.cfg");
    let config = load(&dir, &[("ANSIBLE_CONFIG", path.to_str().unwrap())]).unwrap();
    assert_eq!((config.forks.get(), config.warnings.len()), (Some(&7), 0));
    assert_eq!(config.file, Some(path));
    let places = Places { explicit: Some(Path::new("/nowhere/ansible.cfg")), ..Places::default() };
    assert!(Config::load(&places, []).unwrap_err().message.contains("/nowhere/ansible.cfg"));
}
