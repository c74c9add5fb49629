//! An sshd of the test's own: on a free port of the loopback interface, with its own keys, as the current user.

use super::Scratch;
use hostler_core::connection::{ConnectionKind, Target};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const SSHD: &str = "/usr/sbin/sshd";

pub struct Sshd {
    pub scratch: Scratch,
    pub port: u16,
    child: Child,
}

impl Sshd {
    /// `None` where no sshd is installed: the test has nothing to talk to.
    pub fn start(name: &str, settings: &str) -> Option<Self> {
        if !Path::new(SSHD).exists() {
            assert!(std::env::var_os("HOSTLER_TEST_SSHD").is_none(), "there is no {SSHD}");
            // A skipped test must be seen.
            #[allow(clippy::print_stderr, reason = "tests have no other voice")]
            {
                eprintln!("skipped: there is no {SSHD}");
            }
            return None;
        }
        let scratch = Scratch::new(name);
        let path = |name: &str| scratch.path().join(name).display().to_string();
        for (key, passphrase) in [("host", ""), ("user", ""), ("locked", "open sesame"), ("other", "")] {
            let arguments = ["-q", "-t", "ed25519", "-N", passphrase, "-f", &path(key)];
            assert!(Command::new("ssh-keygen").args(arguments).status().unwrap().success());
        }
        let public = |key: &str| std::fs::read_to_string(path(&format!("{key}.pub"))).unwrap();
        std::fs::write(path("authorized"), public("user") + &public("locked")).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let config = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {}\nPidFile none\nAuthorizedKeysFile {}\nStrictModes no\n\
             UsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin yes\n\
             MaxStartups 100\nSubsystem sftp internal-sftp\n{settings}\n",
            path("host"),
            path("authorized"),
        );
        std::fs::write(path("config"), config).unwrap();
        // As root it wants a place to lock its unprivileged half in.
        let _not_root = std::fs::create_dir_all("/run/sshd");
        let child = Command::new(SSHD)
            .args(["-D", "-e", "-f", &path("config")])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(path("log")).unwrap())
            .spawn()
            .unwrap();
        let sshd = Self { scratch, port, child };
        for _ in 0..100 {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Some(sshd);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("sshd does not start: {}", std::fs::read_to_string(sshd.path("log")).unwrap());
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    /// A target whose host key is known, with the user's key.
    pub fn target(&self, kind: ConnectionKind) -> Target {
        let key = std::fs::read_to_string(self.path("host.pub")).unwrap();
        std::fs::write(self.path("known_hosts"), format!("[127.0.0.1]:{} {key}", self.port)).unwrap();
        Target {
            name: "test".into(),
            kind,
            address: "127.0.0.1".into(),
            port: Some(self.port),
            private_key: Some(self.path("user")),
            ssh_args: self.arguments(&format!(
                "-o IdentityAgent=none -o UserKnownHostsFile={}",
                self.path("known_hosts").display()
            )),
            helper_dir: Some(self.path("cache").display().to_string()),
            timeout: Some(Duration::from_secs(10)),
            ..Target::default()
        }
    }

    /// Arguments that keep the configuration of whoever runs the tests out.
    pub fn arguments(&self, more: &str) -> Vec<String> {
        format!("-F none -o IdentitiesOnly=yes -o GlobalKnownHostsFile=none {more}")
            .split(' ')
            .map(str::to_owned)
            .collect()
    }

    /// Ends the sessions, leaving the listener.
    pub fn drop_sessions(&self) {
        let output = Command::new("ps").args(["-o", "pid=", "--ppid", &self.child.id().to_string()]).output().unwrap();
        for pid in String::from_utf8(output.stdout).unwrap().split_whitespace() {
            // Its privileged half ends with it.
            Command::new("kill").args(["-9", pid]).status().unwrap();
        }
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        self.drop_sessions();
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}
