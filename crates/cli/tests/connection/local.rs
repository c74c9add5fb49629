//! The machine itself: helper cache, calls, raw commands.

use super::{Scratch, call, connector, ping, raw};
use hostler_core::connection::{Call, Connection, ConnectionError, ConnectionKind, Connector, NoBlobs, Target};
use hostler_core::wire::Request;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::time::Duration;

fn target(directory: &Scratch) -> Target {
    Target {
        name: "here".into(),
        kind: ConnectionKind::Local,
        helper_dir: Some(directory.path().join("cache").display().to_string()),
        ..Target::default()
    }
}

fn connect(target: &Target) -> Box<dyn Connection> {
    connector().connect(target).unwrap()
}

fn helpers(directory: &Scratch) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory.path().join("cache")).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn the_helper_is_sent_once_and_leaves_one_file() {
    let scratch = Scratch::new("cache");
    let mut first = connect(&target(&scratch));
    assert_eq!(call(&mut *first, &ping("hallo")).unwrap().output["ping"], "hallo");
    assert_eq!(call(&mut *first, &ping("again")).unwrap().output["ping"], "again");
    let files = helpers(&scratch);
    assert_eq!(files.len(), 1, "{files:?}");
    let written = files[0].metadata().unwrap().modified().unwrap();
    assert_eq!(files[0].metadata().unwrap().permissions().mode() & 0o777, 0o700);

    let mut second = connect(&target(&scratch));
    assert!(!call(&mut *second, &ping("x")).unwrap().failed);
    assert_eq!(files[0].metadata().unwrap().modified().unwrap(), written);
}

#[test]
fn programs_run_where_they_are_told_to() {
    let scratch = Scratch::new("where");
    let target = Target { directory: Some(scratch.path().to_owned()), ..target(&scratch) };
    let pwd = Request { module: "command".into(), args: serde_json::json!({ "_raw_params": "pwd" }), ..ping("") };
    let here = scratch.path().canonicalize().unwrap().display().to_string();
    assert_eq!(call(&mut *connect(&target), &pwd).unwrap().output["stdout"], here);
}

#[test]
fn a_helper_that_ends_fails_its_task_only() {
    let scratch = Scratch::new("ends");
    let mut connection = connect(&target(&scratch));
    let deadly = serde_json::json!({ "_raw_params": "echo oh no >&2; kill -9 $PPID" });
    let deadly = Request { module: "shell".into(), args: deadly, ..ping("") };
    let Err(ConnectionError::Failed(message)) = call(&mut *connection, &deadly) else { panic!("no failure") };
    assert!(message.starts_with("the helper ended unexpectedly"), "{message}");
    assert_eq!(call(&mut *connection, &ping("next")).unwrap().output["ping"], "next");
}

#[test]
fn a_spoilt_or_foreign_helper_is_replaced() {
    let scratch = Scratch::new("spoilt");
    call(&mut *connect(&target(&scratch)), &ping("x")).unwrap();
    let file = helpers(&scratch).remove(0);
    std::fs::write(&file, "#!/bin/sh\necho owned\n").unwrap();
    let older = file.with_file_name("helper-0000");
    std::fs::write(&older, "old").unwrap();
    assert_eq!(call(&mut *connect(&target(&scratch)), &ping("new")).unwrap().output["ping"], "new");
    assert!(!older.exists());

    // Behind a link there may be anybody's directory: another place is taken.
    let real = scratch.path().join("elsewhere");
    std::fs::rename(scratch.path().join("cache"), &real).unwrap();
    symlink(&real, scratch.path().join("cache")).unwrap();
    std::fs::remove_file(real.join(file.file_name().unwrap())).unwrap();
    let shell = scratch.path().join("sh");
    let home = scratch.path().join("home");
    std::fs::create_dir(&home).unwrap();
    std::fs::write(&shell, format!("#!/bin/sh\nHOME={} exec /bin/sh \"$@\"\n", home.display())).unwrap();
    std::fs::set_permissions(&shell, std::fs::Permissions::from_mode(0o755)).unwrap();
    let target = Target { shell: Some(shell.display().to_string()), ..target(&scratch) };
    assert_eq!(call(&mut *connect(&target), &ping("safe")).unwrap().output["ping"], "safe");
    assert_eq!(std::fs::read_dir(&real).unwrap().count(), 0);
    assert_eq!(std::fs::read_dir(home.join(".cache/hostler")).unwrap().count(), 1);
}

#[test]
fn every_shell_starts_it() {
    for (name, words) in [("dash", "dash"), ("bash", "bash --posix"), ("busybox", "busybox sh")] {
        let Some(program) = words.split(' ').next().filter(|program| PathBuf::from("/bin").join(program).exists())
        else {
            continue;
        };
        let scratch = Scratch::new(name);
        let shell = scratch.path().join("sh");
        let script = format!("#!/bin/sh\nshift\nexec /bin/{words} -c \"$(echo \"$1\" | sed 's|/bin/sh|{words}|')\"\n");
        std::fs::write(&shell, script).unwrap();
        std::fs::set_permissions(&shell, std::fs::Permissions::from_mode(0o755)).unwrap();
        let target = Target { shell: Some(shell.display().to_string()), ..target(&scratch) };
        assert_eq!(call(&mut *connect(&target), &ping(program)).unwrap().output["ping"], program);
        assert_eq!(call(&mut *connect(&target), &ping(program)).unwrap().output["ping"], program);
    }
}

#[test]
fn noise_of_the_login_shell_is_skipped_and_refusals_are_told() {
    let scratch = Scratch::new("noise");
    let shell = scratch.path().join("sh");
    let noisy = |body: &str| {
        std::fs::write(&shell, format!("#!/bin/sh\n{body}\nexec /bin/sh \"$@\"\n")).unwrap();
        std::fs::set_permissions(&shell, std::fs::Permissions::from_mode(0o755)).unwrap();
        Target { shell: Some(shell.display().to_string()), ..target(&scratch) }
    };
    let welcome = noisy("echo Welcome; printf 'no newline: '; echo warning >&2");
    assert_eq!(call(&mut *connect(&welcome), &ping("x")).unwrap().output["ping"], "x");
    let closed = noisy("echo 'This account is not available.' >&2; exit 1");
    let error = call(&mut *connect(&closed), &ping("x")).unwrap_err();
    let ConnectionError::Failed(text) = &error else { panic!("{error:?}") };
    assert!(text.contains("exit code 1") && text.contains("account is not available"), "{text}");
}

#[test]
fn raw_commands_need_no_helper() {
    let scratch = Scratch::new("raw");
    let mut connection = connect(&target(&scratch));
    let big = vec![b'y'; 3 << 20];
    let output = raw(&mut *connection, "cat; echo err >&2; exit 3", &big).unwrap();
    assert_eq!((output.rc, output.stdout == big, output.stderr.as_slice()), (3, true, b"err\n".as_slice()));
    assert_eq!(raw(&mut *connection, "kill -9 $$", b"ignored").unwrap().rc, -9);
    assert!(!scratch.path().join("cache").exists());

    let mut progress = |_| {};
    let limited = Call { become_: None, blobs: &NoBlobs, progress: &mut progress, cancelled: &|| false, journal: None };
    let error = connection.raw("sleep 60", b"", Some(Duration::from_millis(300)), limited).unwrap_err();
    assert_eq!(error.to_string(), "Timed out after 0.3 second(s).");
}
