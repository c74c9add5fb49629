//! What only a real machine shows: atomic writes, ownership, processes that are given up.

use super::*;
use std::io::BufRead;

/// A context with a limit and a memory of what it was told.
#[derive(Default)]
struct TestContext {
    given_up_at: Option<Instant>,
    lines: std::sync::Mutex<Vec<(Instant, String)>>,
}

impl Context for TestContext {
    fn blob(&self, sha256: &str) -> io::Result<Box<dyn Read + Send>> {
        NoContext.blob(sha256)
    }

    fn progress(&self, crate::wire::Progress::Output(line): crate::wire::Progress) {
        self.lines.lock().unwrap().push((Instant::now(), line));
    }

    fn given_up(&self) -> bool {
        self.given_up_at.is_some_and(|end| Instant::now() >= end)
    }
}

fn os_in(directory: &Path) -> Os {
    let mut os = Os::new();
    os.set_environment(BTreeMap::from([("HOME".to_owned(), directory.display().to_string())]));
    os
}

#[test]
fn a_write_keeps_mode_and_leaves_no_temporary_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a");
    let mut os = Os::new();
    os.write(&path, &WriteFile::new("one")).unwrap();
    os.set_mode(&path, 0o640).unwrap();
    os.write(&path, &WriteFile::new("two")).unwrap();
    assert_eq!((&os as &dyn System).read_text(&path).unwrap(), "two");
    assert_eq!(os.metadata(&path).unwrap().unwrap().mode, 0o640);
    os.write(&path, &WriteFile { mode: Some(0o4755), ..WriteFile::of(Content::CopyOf(path.clone())) }).unwrap();
    assert_eq!(os.metadata(&path).unwrap().unwrap().mode, 0o4755);
    assert_eq!(os.read_dir(directory.path()).unwrap(), ["a"]);
    assert!(os.write(&directory.path().join("no/b"), &WriteFile::new("")).unwrap_err().is_not_found());
}

#[test]
fn links_replace_what_is_there() {
    let directory = tempfile::tempdir().unwrap();
    let (file, link) = (directory.path().join("file"), directory.path().join("link"));
    let mut os = Os::new();
    os.write(&file, &WriteFile::new("x")).unwrap();
    os.symlink(Path::new("old"), &link).unwrap();
    os.symlink(Path::new("file"), &link).unwrap();
    assert_eq!(os.read_link(&link).unwrap(), Path::new("file"));
    os.hard_link(&file, &link).unwrap();
    os.hard_link(&file, &link).unwrap();
    assert_eq!(os.symlink_metadata(&link).unwrap().unwrap().links, 2);
    os.set_times(&file, None, Some(1_000_000.5)).unwrap();
    assert_eq!(os.metadata(&link).unwrap().unwrap().modified, 1_000_000.5);
}

#[test]
fn commands_get_input_directory_mask_and_environment() {
    let directory = tempfile::tempdir().unwrap();
    let mut os = os_in(directory.path());
    let mut command = Command::shell("cat; pwd; umask; echo $A >&2; exit 3").stdin("in ").env("A", "b");
    command.umask = Some(0o077);
    let output = os.run(&command).unwrap();
    let here = std::env::current_dir().unwrap();
    assert_eq!(output.stdout_text(), format!("in {}\n0077\n", here.display()));
    assert_eq!((output.stderr_text().as_str(), output.rc), ("b\n", 3));
    assert_eq!(os.run(&Command::shell("kill -9 $$")).unwrap().rc, -9);
    assert!(os.run(&Command::new(["no-such-program"])).unwrap_err().is_not_found());
    // More than a pipe holds, both ways.
    let big = vec![b'x'; 1 << 20];
    assert_eq!(os.run(&Command::new(["cat"]).stdin(big.clone())).unwrap().stdout, big);
}

#[test]
fn a_daemon_left_behind_does_not_hold_up_the_command() {
    let started = Instant::now();
    let output = Os::new().run(&Command::shell("sleep 20 & echo done; echo $!")).unwrap();
    assert!(output.stdout_text().starts_with("done\n"), "{output:?}");
    assert!(started.elapsed() < Duration::from_secs(5));
    let pid = output.stdout_text().lines().last().unwrap().to_owned();
    Os::new().run(&Command::new(["/bin/sh", "-c", &format!("kill {pid}")])).unwrap();
}

#[test]
fn a_timeout_ends_the_whole_group() {
    let directory = tempfile::tempdir().unwrap();
    let mut os = os_in(directory.path());
    let mut command = Command::shell("(sleep 2; touch late) & sleep 30");
    command.timeout = Some(Duration::from_millis(200));
    let error = os.run(&command).unwrap_err();
    assert!(matches!(error, SystemError::Timeout { .. }), "{error}");
    std::thread::sleep(Duration::from_millis(2200));
    assert!(os.read_dir(directory.path()).unwrap().is_empty());
}

#[test]
fn output_is_told_line_by_line_while_it_runs() {
    let context = Arc::new(TestContext::default());
    let mut os = Os::with_context(Arc::clone(&context) as Arc<dyn Context>);
    os.run(&Command::shell("echo a; sleep 0.5; echo b; sleep 0.3; echo c")).unwrap();
    let (end, lines) = (Instant::now(), context.lines.lock().unwrap());
    assert_eq!((lines[0].1.as_str(), lines[1].1.as_str()), ("a", "b"));
    assert!(end.duration_since(lines[0].0) > Duration::from_millis(200));
}

#[test]
fn a_call_that_is_given_up_ends_its_command() {
    let given_up_at = Instant::now() + Duration::from_millis(200);
    let context = TestContext { given_up_at: Some(given_up_at), ..TestContext::default() };
    let mut os = Os::with_context(Arc::new(context));
    assert_eq!(os.run(&Command::shell("sleep 30")).unwrap_err().to_string(), "run /bin/sh: the task was given up");
    assert!(given_up_at.elapsed() < Duration::from_secs(3));
}

/// Answers one request on `stream` with what it was sent.
fn echo(stream: impl Read + Write) {
    let mut stream = io::BufReader::new(stream);
    let (mut head, mut length, mut chunked) = (String::new(), 0, false);
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).unwrap();
        if line.trim().is_empty() {
            break;
        }
        let line = line.to_lowercase();
        length = line.strip_prefix("content-length:").map_or(length, |value| value.trim().parse().unwrap());
        chunked |= line.starts_with("transfer-encoding: chunked");
        head += &line;
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    while chunked {
        let mut line = String::new();
        stream.read_line(&mut line).unwrap();
        let size = usize::from_str_radix(line.trim(), 16).unwrap();
        let mut chunk = vec![0; size + 2];
        stream.read_exact(&mut chunk).unwrap();
        body.extend_from_slice(&chunk[..size]);
        chunked = size > 0;
    }
    let answer = format!("{}|{}", head.lines().next().unwrap(), String::from_utf8(body).unwrap());
    let head = format!("HTTP/1.1 418 No\r\nX-A: 1\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", answer.len());
    stream.get_mut().write_all((head + &answer).as_bytes()).unwrap();
}

#[test]
fn http_over_tcp_and_unix_sockets() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = std::thread::spawn(move || (0..2).for_each(|_| echo(listener.accept().unwrap().0)));
    let mut os = Os::new();
    let mut request = HttpRequest::new("POST", format!("http://localhost:{port}/p?q=1"));
    request.use_proxy = false;
    request.body = super::super::HttpBody::Stream(Box::new(io::Cursor::new(b"abc")));
    let mut response = os.http_send(request).unwrap();
    assert_eq!((response.status, response.header("x-a")), (418, Some("1")));
    assert_eq!(response.read().unwrap(), b"post /p?q=1 http/1.1|abc");
    let request = HttpRequest { use_proxy: false, ..HttpRequest::new("GET", format!("http://127.0.0.1:{port}/")) };
    assert_eq!(os.http(request).unwrap().read().unwrap(), b"get / http/1.1|");
    server.join().unwrap();

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s");
    let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let server = std::thread::spawn(move || echo(listener.accept().unwrap().0));
    let mut request = HttpRequest::new("PUT", "http://docker/v1/x").header("Content-Type", "text/plain");
    request.unix_socket = Some(path);
    request.body = super::super::HttpBody::Bytes(b"hi".to_vec());
    assert_eq!(os.http_send(request).unwrap().read().unwrap(), b"put /v1/x http/1.1|hi");
    server.join().unwrap();
}

#[test]
fn contents_are_told_as_the_program_file_tells_them() {
    let directory = tempfile::tempdir().unwrap();
    let os = os_in(directory.path());
    let path = |name: &str| directory.path().join(name);
    let contents: [(&str, &[u8]); 4] =
        [("text", b"plain\n"), ("utf", "gr\u{fc}n\n".as_bytes()), ("script", b"#!/bin/sh\ntrue\n"), ("empty", b"")];
    for (name, content) in contents {
        fs::write(path(name), content).unwrap();
    }
    std::os::unix::fs::symlink("text", path("link")).unwrap();
    for name in ["text", "utf", "script", "empty", "link", ".", "text"] {
        let command = Command::new(["file", "--brief", "--mime-type", "--mime-encoding", path(name).to_str().unwrap()]);
        let expected = os.query(&command).ok().and_then(|answer| Mime::parse(&answer.stdout_text()));
        assert_eq!(os.mime(&path(name)).unwrap(), expected, "{name}");
    }
    assert_eq!(os.mime(&path("two\nlines")).unwrap(), None);
    assert_eq!(os.mime(&path("nothing")).unwrap(), None);
}

#[test]
fn flags_are_told_as_lsattr_tells_them() {
    let directory = tempfile::tempdir().unwrap();
    let os = os_in(directory.path());
    let file = directory.path().join("file");
    fs::write(&file, "x").unwrap();
    let _where_that_is_possible = os.query(&Command::new(["chattr", "+dA", file.to_str().unwrap()]));
    for path in [&file, directory.path()] {
        let told = os.query(&Command::new(["lsattr", "-vd", path.to_str().unwrap()]));
        let Some(told) = told.ok().filter(CommandOutput::success).map(|told| told.stdout_text()) else { continue };
        let mut words = told.split_whitespace();
        let (version, letters) = (words.next().unwrap(), words.next().unwrap().replace('-', ""));
        let flags = os.file_flags(path).unwrap().unwrap();
        assert_eq!((flags.version.unwrap().to_string(), flags.letters), (version.to_owned(), letters));
    }
    assert_eq!(os.file_flags(Path::new("/dev/null")).unwrap(), None);
}
