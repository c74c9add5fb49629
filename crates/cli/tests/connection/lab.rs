//! Becoming other users, on a host of the lab. Skipped where none is up (`just lab up`).

use super::{connector, ping};
use hostler_core::connection::{
    Become, Call, Connection, ConnectionError, ConnectionKind, Connector, HostKeyChecking, NoBlobs, RawOutput, Target,
};
use hostler_core::secret::Secret;
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::time::Duration;

struct Lab {
    folder: PathBuf,
    address: String,
}

impl Lab {
    /// The leader of the lab that the environment or this checkout names.
    fn find() -> Option<Self> {
        let own = concat!(env!("CARGO_MANIFEST_DIR"), "/../../.lab");
        let folder = PathBuf::from(std::env::var_os("HOSTLER_LAB_DIR").unwrap_or_else(|| own.into()));
        let subnet = std::env::var("HOSTLER_LAB_SUBNET").unwrap_or_else(|_| "10.77.0".into());
        let address = format!("{subnet}.10");
        let socket: SocketAddr = format!("{address}:22").parse().unwrap();
        let up =
            folder.join("id_ed25519").exists() && TcpStream::connect_timeout(&socket, Duration::from_secs(1)).is_ok();
        if !up {
            // A skipped test must be seen.
            #[allow(clippy::print_stderr, reason = "tests have no other voice")]
            {
                eprintln!("skipped: no lab host at {address} (keys in {})", folder.display());
            }
            return None;
        }
        Some(Self { folder, address })
    }

    fn connect(&self, user: &str, kind: ConnectionKind) -> Box<dyn Connection> {
        connector().connect(&self.target(user, kind)).unwrap()
    }

    fn target(&self, user: &str, kind: ConnectionKind) -> Target {
        let known = self.folder.join("known_hosts");
        let arguments = format!("-F none -o IdentityAgent=none -o UserKnownHostsFile={}", known.display());
        Target {
            name: "leader".into(),
            kind,
            address: self.address.clone(),
            user: Some(user.into()),
            private_key: Some(self.folder.join("id_ed25519")),
            ssh_args: arguments.split(' ').map(str::to_owned).collect(),
            ..Target::default()
        }
    }

    fn password(&self) -> String {
        std::fs::read_to_string(self.folder.join("operator_password")).unwrap().trim().to_owned()
    }
}

fn to(method: &str, user: &str, password: Option<&str>) -> Become {
    let password = password.map(Secret::new);
    // So that the programs are run.
    Become { method: method.into(), user: user.into(), password, even_same_user: true, ..Become::default() }
}

fn whoami(connection: &mut dyn Connection, become_: &Become) -> Result<RawOutput, ConnectionError> {
    let call =
        Call { become_: Some(become_), blobs: &NoBlobs, progress: &mut |_| {}, cancelled: &|| false, journal: None };
    connection.raw("id -un; cat", b"fed", Some(Duration::from_secs(20)), call)
}

fn call(connection: &mut dyn Connection, become_: &Become) -> Result<serde_json::Value, ConnectionError> {
    let call =
        Call { become_: Some(become_), blobs: &NoBlobs, progress: &mut |_| {}, cancelled: &|| false, journal: None };
    Ok(connection.call(&ping("pong?"), call)?.output["ping"].clone())
}

#[test]
fn every_user_gets_a_helper_of_its_own() {
    let Some(lab) = Lab::find() else { return };
    let password = lab.password();
    for kind in [ConnectionKind::Libssh2, ConnectionKind::OpenSsh] {
        for (login, become_) in [
            ("deploy", to("sudo", "root", None)),
            ("deploy", to("sudo", "operator", None)),
            ("operator", to("sudo", "root", Some(&password))),
            ("operator", to("su", "operator", Some(&password))),
            ("root", to("sudo", "deploy", None)),
            ("root", to("su", "deploy", None)),
            // A password that is not asked for is not sent.
            ("deploy", to("sudo", "root", Some("not needed"))),
        ] {
            let mut connection = lab.connect(login, kind);
            let output = whoami(&mut *connection, &become_).unwrap();
            assert_eq!(
                String::from_utf8_lossy(&output.stdout),
                format!("{}\nfed", become_.user),
                "{login} {become_:?}"
            );
            assert_eq!(call(&mut *connection, &become_).unwrap(), "pong?", "{login} {become_:?}");
            assert_eq!(call(&mut *connection, &become_).unwrap(), "pong?", "{login} {become_:?}");
        }
    }
}

#[test]
fn refused_passwords_fail_the_task_and_not_the_host() {
    let Some(lab) = Lab::find() else { return };
    let password = lab.password();
    let mut connection = lab.connect("operator", ConnectionKind::Libssh2);
    for (become_, expected) in [
        (to("sudo", "root", Some("wrong")), "Incorrect sudo password"),
        (to("sudo", "root", None), "Missing sudo password"),
        (to("su", "root", Some("wrong")), "Incorrect su password"),
        (to("su", "root", None), "Missing su password"),
        (to("doas", "root", None), "become method `doas` is not supported"),
        (to("sudo", "nobody-there", Some(&password)), "unknown user"),
    ] {
        for error in [call(&mut *connection, &become_).unwrap_err(), whoami(&mut *connection, &become_).unwrap_err()] {
            let ConnectionError::Failed(text) = &error else { panic!("{error:?}") };
            assert!(text.contains(expected), "{text}");
            assert!(!text.contains(&password), "{text}");
        }
    }
    assert_eq!(call(&mut *connection, &to("sudo", "root", Some(&password))).unwrap(), "pong?");
}

#[test]
fn passwords_open_connections() {
    let Some(lab) = Lab::find() else { return };
    for kind in [ConnectionKind::Libssh2, ConnectionKind::OpenSsh] {
        passwords_count(&lab, lab.target("operator", kind));
    }
}

/// An sshd that asks questions instead, as where PAM wants more than a password.
#[test]
fn questions_are_answered_by_the_password() {
    let Some(lab) = Lab::find() else { return };
    let mut root = lab.connect("root", ConnectionKind::Libssh2);
    let sshd = "/usr/sbin/sshd -p 2223 -o PidFile=/run/questions.pid -o UsePAM=yes -o KbdInteractiveAuthentication=yes \
                -o PasswordAuthentication=no";
    let output = raw(&mut *root, sshd).unwrap();
    assert_eq!(output.rc, 0, "{}", String::from_utf8_lossy(&output.stderr));
    for kind in [ConnectionKind::Libssh2, ConnectionKind::OpenSsh] {
        let target = lab.target("operator", kind);
        passwords_count(&lab, Target { port: Some(2223), host_key_checking: HostKeyChecking::Off, ..target });
    }
    raw(&mut *root, "kill $(cat /run/questions.pid)").unwrap();
}

fn raw(host: &mut dyn Connection, command: &str) -> Result<RawOutput, ConnectionError> {
    let call = Call { become_: None, blobs: &NoBlobs, progress: &mut |_| {}, cancelled: &|| false, journal: None };
    host.raw(command, b"", None, call)
}

/// The right one gets in, another one does not.
fn passwords_count(lab: &Lab, target: Target) {
    let by_password = |password: &str| {
        let mut target = Target { private_key: None, password: Some(Secret::new(password)), ..target.clone() };
        target.ssh_args.extend(["-o".into(), "PubkeyAuthentication=no".into()]);
        connector().connect(&target).and_then(|mut host| raw(&mut *host, "id -un"))
    };
    assert_eq!(by_password(&lab.password()).unwrap().stdout, b"operator\n");
    let error = by_password("wrong").unwrap_err();
    let ConnectionError::Unreachable(text) = &error else { panic!("{error:?}") };
    assert!(text.starts_with("Invalid/incorrect password: ") && text.contains("Permission denied"), "{text}");
}
