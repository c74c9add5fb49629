//! `plan`, `apply` and `exec`.

use super::{Place, is_gone};
use serde_json::Value;

const SITE: &str = "- name: files
  hosts: h1
  gather_facts: false
  tasks:
    - name: motd
      copy: {content: \"{{ greeting | default('hello') }}\\n\", dest: DIR/motd}
      tags: [motd]
    - name: say
      debug: {msg: \"{{ greeting | default('none') }}\"}
";

#[test]
fn plan_then_apply_then_nothing_to_do() {
    let place = Place::new();
    place.write("site.yml", SITE);
    let plan = place.run(&["plan", "site.yml"]).expect(2);
    plan.says("+ motd");
    plan.says("+hello");
    assert!(is_gone(&place.path("motd")));
    let apply = place.run(&["apply", "site.yml", "--diff"]).expect(0);
    apply.says("PLAY [files] ***");
    apply.says("+++ after");
    apply.says("changed: [h1]");
    apply.says("h1                         : ok=2    changed=1    unreachable=0    failed=0");
    assert_eq!(place.read("motd"), "hello\n");
    place.run(&["apply", "site.yml"]).expect(0).says("ok=2    changed=0");
    place.run(&["plan", "site.yml"]).expect(0).says("nothing to do");
    place.run(&["apply", "--check", "site.yml", "-e", "greeting=bye"]).expect(0).says("changed: [h1]");
    assert_eq!(place.read("motd"), "hello\n");
}

#[test]
fn options_reach_the_run() {
    let place = Place::new();
    place.write("site.yml", SITE);
    place.write("vars.yml", "greeting: from file\n");
    let ended = place.run(&["apply", "site.yml", "-e", "greeting=lost", "-e", "@vars.yml", "--tags", "motd"]).expect(0);
    assert!(!ended.stdout.contains("TASK [say]"), "{}", ended.stdout);
    assert_eq!(place.read("motd"), "from file\n");
    place.run(&["apply", "site.yml", "--limit", "nobody"]).expect(1).says("matches the limit");
    place.run(&["apply", "site.yml", "--list-tasks"]).expect(0).says("      motd\tTAGS: [motd]");
    place.run(&["apply", "site.yml", "--list-hosts"]).expect(0).says("    hosts (1):\n      h1\n");
    place.run(&["apply", "site.yml", "--syntax-check"]).expect(0).says("playbook: site.yml");
}

#[test]
fn failures_say_where_and_what() {
    let place = Place::new();
    let text =
        "- hosts: web\n  gather_facts: false\n  tasks:\n    - name: bad\n      shell: echo one; echo two; exit 3\n";
    place.write("site.yml", text);
    let ended = place.run(&["apply", "site.yml"]).expect(2);
    ended.says("fatal: [h1]: FAILED! => {");
    ended.says("    stdout:\n      one\n      two\n");
    ended.says("at site.yml:4:7");
    let events = place.run(&["apply", "site.yml", "--output", "json"]).expect(2);
    let lines: Vec<Value> = events.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0]["event"], "start");
    assert_eq!(lines.last().unwrap()["hosts"]["h2"]["failed"], 1);
    let failed = lines.iter().find(|line| line["event"] == "host" && line["status"] == "failed").unwrap();
    assert_eq!(failed["result"]["rc"], 3);
    assert_eq!(failed["place"], format!("{}:4", place.path("site.yml").display()));
}

#[test]
fn wrong_input_is_told_before_anything_is_done() {
    let place = Place::new();
    place.write("site.yml", &format!("{SITE}    - name: typo\n      copy: {{content: x, dst: /x}}\n"));
    let ended = place.run(&["apply", "site.yml"]).expect(1);
    ended.says("site.yml:10");
    ended.says("dst");
    assert!(is_gone(&place.path("motd")));
    place.write("site.yml", "- hosts: web\n  taks: []\n");
    let ended = place.run(&["plan", "site.yml"]).expect(1);
    ended.says("  taks: []");
    ended.says("did you mean `tasks`?");
    place.run(&["apply", "nowhere.yml"]).expect(1).says("nowhere.yml");
    place.run(&["apply"]).expect(5);
    place.run(&["appyl", "site.yml"]).expect(5).says("apply");
}

#[test]
fn exec_prints_a_result_a_host() {
    let place = Place::new();
    let ended = place.run(&["exec", "web", "-m", "ping"]).expect(0);
    ended.says("h1 | SUCCESS => {\n    \"changed\": false,\n    \"ping\": \"pong\"\n}\n");
    ended.says("h2 | SUCCESS");
    place.run(&["exec", "h1", "-a", "echo hi"]).expect(0).says("h1 | CHANGED | rc=0 >>\nhi\n");
    place.run(&["exec", "h1", "-m", "ping", "-a", "{\"data\": \"x y\"}"]).expect(0).says("\"ping\": \"x y\"");
    place.run(&["exec", "h1", "-m", "shell", "-a", "exit 4"]).expect(2).says("h1 | FAILED | rc=4 >>");
    place.run(&["exec", "h1", "-m", "pingg"]).expect(1).says("ping");
    place.run(&["exec", "nobody", "-m", "ping"]).expect(1).says("no host matches `nobody`");
    place.run(&["exec", "web", "--list-hosts"]).expect(0).says("  hosts (2):\n    h1\n    h2\n");
}

#[test]
fn events_are_added_to_a_file() {
    let place = Place::new();
    let file = place.path("events");
    for _ in 0..2 {
        place.run_with(&["exec", "h1", "-m", "ping"], &[("HOSTLER_EVENTS", file.to_str().unwrap())]).expect(0);
    }
    let text = place.read("events");
    assert_eq!(text.lines().filter(|line| line.contains("\"event\":\"stats\"")).count(), 2, "{text}");
}

#[test]
fn vaults_are_opened_and_their_texts_kept() {
    let place = Place::new();
    place.write("password", "secret of the vault\n");
    let mut vaults = hostler_core::vars::VaultSecrets::default();
    vaults.add(None, hostler_core::secret::Secret::new("secret of the vault"));
    let sealed = vaults.encrypt(b"greeting: hush-hush\n", None).unwrap();
    place.write("sealed.yml", &sealed);
    place.write("site.yml", SITE);
    let line = ["apply", "site.yml", "-e", "@sealed.yml", "--vault-password-file", "password"];
    let ended = place.run(&line).expect(0);
    assert_eq!(place.read("motd"), "hush-hush\n");
    assert!(!ended.stdout.contains("hush-hush"), "{}", ended.stdout);
    place.run(&line[..4]).expect(1).says("sealed.yml");
}

#[test]
fn settings_hide_and_log() {
    let place = Place::new();
    place.write("site.yml", "- hosts: h1\n  gather_facts: false\n  tasks:\n    - {name: say, command: echo word}\n    - {name: show, no_log: false, command: echo loud}\n");
    let env = [("ANSIBLE_NO_LOG", "true"), ("ANSIBLE_LOG_PATH", "run.log")];
    let ended = place.run_with(&["apply", "-v", "site.yml"], &env).expect(0);
    assert!(!ended.stdout.contains("word"), "{}", ended.stdout);
    ended.says("loud");
    let log = place.read("run.log");
    let line = log.lines().find(|line| line.contains("TASK [say] ***")).unwrap();
    let (time, rest) = line.split_once(" p=").unwrap();
    assert_eq!((time.len(), rest.contains(" n=hostler INFO| TASK [say]")), (23, true), "{line}");
    assert!(log.contains("INFO| PLAY RECAP") && !log.contains("word"), "{log}");
}

#[test]
fn settings_shape_what_is_shown() {
    let place = Place::new();
    place.write("site.yml", "- hosts: h1\n  gather_facts: false\n  tasks:\n    - {name: say, debug: {msg: \"one\\ntwo\"}}\n    - {name: left out, debug: {}, when: false}\n    - {name: keep, set_stats: {data: {size: 3}}}\n    - {name: lines, copy: {dest: DIR/lines, content: \"1\\n2\\n3\\nx\\n\"}}\n    - {name: bad, command: sh -c 'echo why; exit 3'}\n");
    place.write("lines", "1\n2\n3\n4\n");
    let ended = place.run(&["apply", "site.yml", "--diff", "--check"]).expect(0);
    assert!(ended.stdout.contains(" 2\n 3\n-4\n+x\n") && !ended.stdout.contains("size"), "{}", ended.stdout);
    let settings = "[defaults]\ninventory = hosts\nstdout_callback = yaml\nshow_custom_stats = true\ndisplay_args_to_stdout = true\ndisplay_skipped_hosts = false\n[diff]\ncontext = 1\n";
    place.write("ansible.cfg", settings);
    let ended = place.run(&["apply", "site.yml", "--diff"]).expect(2);
    assert_eq!(ended.stderr, "");
    ended.says("TASK [say msg=one\ntwo] ***");
    ended.says("ok: [h1] => \n    msg: |-\n        one\n        two\n\n");
    ended.says("fatal: [h1]: FAILED! => \n    changed: true\n    cmd:\n    - sh\n");
    ended.says("    stdout: why\n");
    ended.says("CUSTOM STATS: ");
    ended.says("\tRUN: { \"size\": 3}\n");
    assert!(ended.stdout.contains("@@ -3,2 +3,2 @@\n 3\n-4\n+x\n"), "{}", ended.stdout);
    assert!(!ended.stdout.contains("left out"), "{}", ended.stdout);
    place.run(&["plan", "site.yml"]).expect(2).says("    msg: |-\n        one\n        two\n");
    place.run(&["exec", "h1", "-m", "debug", "-a", "msg=x"]).expect(0).says("h1 | SUCCESS => \n    msg: x\n");
    let events = place.run(&["apply", "site.yml", "--output", "json"]).expect(2);
    assert!(events.stdout.contains("\"custom\":{\"_run\":{\"size\":3}}"), "{}", events.stdout);
    let env = [("ANSIBLE_STDOUT_CALLBACK", "json")];
    let document = place.run_with(&["apply", "site.yml"], &env).expect(2).stdout;
    assert_eq!(serde_json::from_str::<Value>(&document).unwrap()["global_custom_stats"]["size"], 3);
    let env = [("ANSIBLE_STDOUT_CALLBACK", "nope")];
    place.run_with(&["apply", "site.yml"], &env).expect(2).says("the setting `stdout_callback` has no effect here");
}

#[test]
fn settings_are_done_or_refused_by_name() {
    let place = Place::new();
    let learn = "- hosts: h1\n  gather_facts: false\n  tasks:\n    - {set_fact: {kept: {mode: '0644', switch: 'yes'}, cacheable: true}}\n";
    place.write("learn.yml", learn);
    let show = "- hosts: h1\n  gather_facts: false\n  tasks:\n    - {debug: {msg: \"{{ ansible_facts.kept.mode }} {{ kept.switch }}\"}}\n";
    place.write("show.yml", show);
    let cache = "fact_caching = community.general.yaml\nfact_caching_connection = facts\n";
    place.write(
        "ansible.cfg",
        &format!("[defaults]\ninventory = hosts\njinja2_extensions = jinja2.ext.do,jinja2.ext.i18n\n{cache}"),
    );
    let ended = place.run(&["apply", "learn.yml"]).expect(0);
    assert_eq!(ended.stderr, "");
    assert_eq!(place.read("facts/h1"), "kept:\n  mode: '0644'\n  switch: 'yes'\n");
    place.run(&["apply", "show.yml"]).expect(0).says("\"msg\": \"0644 yes\"");

    let ended = place.run_with(&["apply", "learn.yml"], &[("ANSIBLE_CACHE_PLUGIN", "redis")]).expect(0);
    ended.says("Unable to load the cache plugin 'redis'.");
    let env = [("ANSIBLE_ERROR_ON_UNDEFINED_VARS", "false")];
    place.run_with(&["apply", "learn.yml"], &env).expect(0).says("`error_on_undefined_vars` has no effect any more");
    place.write("ansible.cfg", "[defaults]\ninventory = hosts\njinja2_extensions = jinja2.ext.do, my.extension\n");
    let ended = place.run(&["apply", "learn.yml"]).expect(1);
    ended.says("the Jinja extension `my.extension` (`jinja2_extensions`) is not built");
    ended.says("ansible.cfg:3");
    let env = [("ANSIBLE_JINJA2_EXTENSIONS", ""), ("ANSIBLE_MODULE_ARGS", "echo configured")];
    place.write("ansible.cfg", "[defaults]\ninventory = hosts\n");
    place.run_with(&["exec", "h1"], &env).expect(0).says("h1 | CHANGED | rc=0 >>\nconfigured\n");
}

#[test]
fn settings_of_variables_tasks_and_plug_ins_are_told_where_they_are_odd() {
    let place = Place::new();
    place.write("site.yml", SITE);
    place.write("lenient.yml", "- hosts: h1\n  gather_facts: false\n  tasks:\n    - {debug: {msg: x}, listen: y}\n");
    place.run(&["apply", "lenient.yml"]).expect(1).says("'listen' is not a valid attribute for a Task");
    let env = [("ANSIBLE_INVALID_TASK_ATTRIBUTE_FAILED", "no"), ("ANSIBLE_PRECEDENCE", "all_inventory,groups")];
    let ended = place.run_with(&["apply", "lenient.yml"], &env).expect(0);
    ended.says("Ignoring invalid attribute: listen");
    ended.says("lenient.yml:4:25");
    ended.says("Ignoring unknown variable precedence entry: groups");
    let env = [("ANSIBLE_VARS_ENABLED", "host_group_vars,community.sops.sops")];
    place.run_with(&["inventory", "--list"], &env).expect(1).says("the vars plug-in `community.sops.sops`");
    std::fs::create_dir(place.path("plugins")).unwrap();
    place.write("plugins/README", "nothing in Python\n");
    place.write("ansible.cfg", "[defaults]\ninventory = hosts\nstrategy_plugins = plugins\n");
    assert_eq!(place.run(&["apply", "site.yml"]).expect(0).stderr, "");
    place.write("plugins/own.py", "\n");
    let ended = place.run(&["apply", "site.yml"]).expect(0);
    ended.says("plugins/own.py is a plug-in in Python, which is not run");
    ended.says("ansible.cfg:3");
}

#[test]
fn plug_ins_in_python_are_used_or_refused_by_name() {
    let place = Place::new();
    for folder in ["filters", "action_plugins"] {
        std::fs::create_dir(place.path(folder)).unwrap();
    }
    place.write("ansible.cfg", "[defaults]\ninventory = hosts\nfilter_plugins = filters\n");
    place.write(
        "filters/own.py",
        "class FilterModule:\n    def filters(self):\n        return {'shout': lambda x: x + '!'}\n",
    );
    let play = "- hosts: h1\n  gather_facts: false\n  tasks:\n";
    place.write("filter.yml", &format!("{play}    - debug: {{msg: \"{{{{ 'hey' | shout }}}}\"}}\n"));
    place.run(&["apply", "filter.yml"]).expect(0).says("\"msg\": \"hey!\"");
    place.write("missing.yml", &format!("{play}    - debug: {{msg: \"{{{{ 'hey' | shuot }}}}\"}}\n"));
    place.run(&["apply", "missing.yml"]).expect(1).says("No filter named 'shuot'");
    // Actions need Ansible's library.
    place.write("action_plugins/act.py", "from ansible.plugins.action import ActionBase\n");
    place.write("action.yml", &format!("{play}    - act:\n"));
    let ended = place.run_with(&["apply", "action.yml"], &[("PATH", "/bin")]).expect(1);
    ended.says("action plug-in `act` (");
    ended.says("action.yml:4:7");
}

#[test]
fn callbacks_tell_more_of_a_run() {
    let place = Place::new();
    place.write("site.yml", SITE);
    let settings = "[defaults]\ninventory = hosts\nlog_path = run.log\ncallbacks_enabled = profile_tasks, ansible.posix.timer, junit, nope\n";
    place.write("ansible.cfg", &format!("{settings}[callback_profile_tasks]\nsort_order = none\n"));
    let env = [("JUNIT_OUTPUT_DIR", "reports")];
    let ended = place.run_with(&["plan", "site.yml"], &env).expect(2);
    ended.says("Skipping callback plugin 'nope', unable to load");
    ended.says("Playbook run took 0 days, 0 hours, 0 minutes, ");
    let ended = place.run_with(&["apply", "site.yml"], &env).expect(0);
    let (_, list) = ended.stdout.split_once("\nTASKS RECAP ***").unwrap();
    let names: Vec<_> = list.lines().filter(|line| line.contains(" ---")).map(|line| &line[..10]).collect();
    assert_eq!(names, ["motd -----", "say ------"], "{list}");
    let log = place.read("run.log");
    assert!(log.contains("INFO| motd -----") || log.contains("\nmotd -----"), "{log}");
    let reports = std::fs::read_dir(place.path("reports")).unwrap();
    assert_eq!(
        reports.filter(|file| file.as_ref().unwrap().file_name().to_str().unwrap().starts_with("site-")).count(),
        2
    );
    // What programs read stays what it is.
    let ended = place.run_with(&["apply", "site.yml", "--output", "json"], &env).expect(0);
    ended.stdout.lines().for_each(|line| drop(serde_json::from_str::<Value>(line).unwrap()));
    assert!(ended.stderr.contains("TASKS RECAP"), "{}", ended.stderr);
    place.write("ansible.cfg", &format!("{settings}[callback_profile_tasks]\ntask_output_limit = few\n"));
    place.run(&["apply", "site.yml"]).expect(1).says("task_output_limit");
}

#[test]
fn an_inventory_script_runs_once() {
    let place = Place::new();
    place.write("list.sh", "#!/bin/sh\necho >> DIR/times\necho '{\"all\": {\"hosts\": [\"h1\"]}, \"_meta\": {\"hostvars\": {\"h1\": {\"ansible_connection\": \"local\"}}}}'\n");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(place.path("list.sh"), mode).unwrap();
    place.write("site.yml", SITE);
    place.run(&["apply", "-i", "list.sh", "site.yml"]).expect(0);
    assert_eq!(place.read("times"), "\n");
}

#[test]
fn the_debugger_shows_and_changes_what_a_task_has() {
    let place = Place::new();
    place.write("site.yml", "- hosts: web\n  gather_facts: false\n  vars: {package: {name: bash}}\n  tasks:\n    - name: fails\n      command: sh -c 'echo {{ package.name }}; exit {{ code }}'\n      vars: {code: 3}\n      debugger: on_failed\n      register: ended\n    - debug: {msg: \"{{ ended.stdout }}\"}\n");
    let session = "p result._result.rc\np nothing\np\ntask.args['nope'][0] = 1\ntask_vars['package']['name'] = 'sh'\ntask_vars['code'] = 0\nu\np task.args\nr\n\nq\n";
    let ended = place.typed(&["apply", "-f", "1", "site.yml"], session).expect(99);
    ended.says("[h1] TASK: fails (debug)> 3\n");
    ended.says("(debug)> ***'nothing' is undefined\n");
    ended.says("(debug)> {'_raw_params': \"sh -c 'echo sh; exit 0'\"}\n");
    ended.says("[h2] TASK: fails (debug)> User interrupted execution\n");
    ended.says("h1                         : ok=1    changed=1    unreachable=0    failed=0");
    let session = "task_vars['code'] = 0\nr\n".repeat(2);
    let ended = place.typed(&["apply", "-f", "1", "site.yml"], &session).expect(0);
    ended.says("ok: [h2] => {\n    \"msg\": \"bash\"\n}");
    // Nobody is there: as for Ansible, the end of what is typed ends the run.
    place.run(&["apply", "site.yml"]).expect(99).says("User interrupted execution");
    place.run(&["plan", "site.yml"]).expect(2);
    place.write("site.yml", "- hosts: web\n  debugger: sometimes\n  tasks: []\n");
    place.run(&["apply", "site.yml"]).expect(1).says("'sometimes' is not a valid value for debugger");
}
