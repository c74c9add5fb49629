//! SSH in this process: connects, checks the host's key, authenticates, runs commands over one connection.
//!
//! The libssh2 session is never in blocking mode: whoever waits does it by [`Shared::drive`] or [`Pipe::wait`], which
//! keep time limits and acknowledge at once while connecting (Nagle and delayed acknowledgements would cost 40 ms twice).

use super::auth;
use super::config::{Family, Settings};
use super::known_hosts::{Known, Verdict, host_name, key_type, remember};
use crate::connection::pipe::{Piece, Pipe, Stream};
use crate::connection::process::wait_for;
use crate::connection::transport::Transport;
use crate::connection::{ConnectionError, HostKeyChecking, Target};
use rustix::event::{PollFd, PollFlags};
use rustix::net::sockopt;
use ssh2::{BlockDirections, Channel, ErrorCode, MethodType, Session};
use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs};
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

/// A connection on which nothing is heard for three of these is lost.
const KEEPALIVE: Duration = Duration::from_secs(15);
const LOST_AFTER_MS: u32 = 45_000;
/// Limit for connecting, where none is given: Ansible's.
const CONNECT: Duration = Duration::from_secs(10);
/// Limit for opening one more channel.
const CHANNEL: Duration = Duration::from_secs(30);
/// A host that answers sooner is near: it lacks time to take its input, not input.
const NEAR: Duration = Duration::from_millis(2);
/// What a near host has not taken yet is held back beyond this many bytes: its sshd would only pile it up, and the piling
/// costs it more than all the rest of receiving.
const PILE: u32 = 256 << 10;
/// libssh2's "try again".
const EAGAIN: ErrorCode = ErrorCode::Session(-37);

/// What all users of a session need.
pub struct Shared {
    pub session: Session,
    socket: TcpStream,
    connecting: bool,
    near: bool,
}

impl Shared {
    /// Repeats `operation` while it has to wait.
    ///
    /// # Errors
    /// Its own, or that it took until `deadline`.
    pub fn drive<T>(
        &self,
        deadline: Instant,
        mut operation: impl FnMut() -> Result<T, ssh2::Error>,
    ) -> Result<T, ssh2::Error> {
        loop {
            match operation() {
                Err(error) if error.code() == EAGAIN => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return Err(ssh2::Error::new(ErrorCode::Session(-9), "timed out"));
                    }
                    let _a_poll_that_fails_shows_next_time = self.wait(left.min(Duration::from_millis(200)));
                }
                result => return result,
            }
        }
    }

    /// Waits until the session can go on, or `limit` has passed.
    fn wait(&self, limit: Duration) -> io::Result<()> {
        if self.connecting {
            // The kernel forgets it after a few segments.
            let _only_slower_without = sockopt::set_tcp_quickack(&self.socket, true);
        }
        let flags = match self.session.block_directions() {
            BlockDirections::Outbound => PollFlags::OUT,
            BlockDirections::Both => PollFlags::IN | PollFlags::OUT,
            BlockDirections::Inbound | BlockDirections::None => PollFlags::IN,
        };
        wait_for(&mut [PollFd::new(&self.socket, flags)], limit)
    }
}

/// An authenticated session.
pub struct Ssh {
    shared: Arc<Shared>,
    user: String,
}

impl Ssh {
    /// Connects, checks the host's key and authenticates within the time limit.
    ///
    /// # Errors
    /// In Ansible's words.
    pub fn connect(target: &Target, settings: &Settings) -> Result<Self, ConnectionError> {
        let deadline = Instant::now() + settings.timeout.or(target.timeout).unwrap_or(CONNECT);
        let (socket, near) = open_socket(settings, deadline)?;
        let prepared = prepare(&socket);
        prepared.map_err(|error| unreachable(&format!("failed to set up the connection: {error}")))?;
        let known = known(settings);
        let mut session = Session::new().map_err(|error| unreachable(&error.to_string()))?;
        session.set_tcp_stream(socket.try_clone().map_err(|error| unreachable(&error.to_string()))?);
        session.set_blocking(false);
        session.set_compress(settings.compression);
        prefer_known_keys(&session, &known);
        let mut shared = Shared { session: session.clone(), socket, connecting: true, near };
        shared.drive(deadline, || session.handshake()).map_err(|error| handshake_failed(settings, &error))?;
        check_host_key(&session, settings, &known)?;
        auth::authenticate(&shared, target, settings, deadline)?;
        session.set_keepalive(true, KEEPALIVE.as_secs() as u32);
        shared.connecting = false;
        Ok(Self { shared: Arc::new(shared), user: settings.user.clone() })
    }

    fn channel(&self) -> Result<Channel, ssh2::Error> {
        self.shared.drive(Instant::now() + CHANNEL, || self.shared.session.channel_session())
    }
}

impl Transport for Ssh {
    fn user(&self) -> Option<&str> {
        Some(&self.user)
    }

    fn exec(&mut self, command: &str) -> Result<Box<dyn Pipe>, ConnectionError> {
        let started = self.channel().and_then(|mut channel| {
            self.shared.drive(Instant::now() + CHANNEL, || channel.exec(command))?;
            Ok(channel)
        });
        let channel = started.map_err(|error| unreachable(&format!("failed to start a command: {error}")))?;
        Ok(Box::new(ChannelPipe { channel, window: 0, shared: Arc::clone(&self.shared) }))
    }

    fn put(&mut self, directory: &str, name: &str, content: &[u8]) -> Result<(), ConnectionError> {
        let deadline = Instant::now() + Duration::from_secs(30 + content.len() as u64 / 20_000);
        let drive = |operation: &mut dyn FnMut() -> Result<(), ssh2::Error>| self.shared.drive(deadline, operation);
        let put = || -> Result<(), ssh2::Error> {
            let sftp = self.shared.drive(deadline, || self.shared.session.sftp())?;
            let directory = Path::new(directory);
            let mut missing: Vec<&Path> = Vec::new();
            for ancestor in directory.ancestors() {
                if self.shared.drive(deadline, || sftp.stat(ancestor)).is_ok() {
                    break;
                }
                missing.push(ancestor);
            }
            for ancestor in missing.into_iter().rev() {
                drive(&mut || sftp.mkdir(ancestor, 0o700))?;
            }
            let temporary = directory.join(format!("{name}.{}", std::process::id()));
            let flags = ssh2::OpenFlags::WRITE | ssh2::OpenFlags::CREATE | ssh2::OpenFlags::TRUNCATE;
            let open = || sftp.open_mode(&temporary, flags, 0o700, ssh2::OpenType::File);
            let mut file = self.shared.drive(deadline, open)?;
            let mut rest = content;
            while !rest.is_empty() {
                let count = self.shared.drive(deadline, || match file.write(rest) {
                    Ok(count) => Ok(count),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(ssh2::Error::from_errno(EAGAIN)),
                    Err(_) => Err(ssh2::Error::last_session_error(&self.shared.session)
                        .unwrap_or_else(|| ssh2::Error::new(ErrorCode::Session(-31), "SFTP write failed"))),
                })?;
                rest = &rest[count..];
            }
            // Not every server can.
            let _synced = drive(&mut || file.fsync());
            drive(&mut || file.close())?;
            let mode = ssh2::FileStat { perm: Some(0o700), size: None, uid: None, gid: None, atime: None, mtime: None };
            drive(&mut || sftp.setstat(&temporary, mode.clone()))?;
            let finished = directory.join(name);
            // SFTP's rename does not replace; nothing of this name is of use here.
            let _not_there = drive(&mut || sftp.unlink(&finished));
            drive(&mut || sftp.rename(&temporary, &finished, None))
        };
        put().map_err(|error| ConnectionError::Failed(format!("failed to write {directory}/{name}: {error}")))
    }

    fn means_lost(&self, _: Option<i32>, _: &str) -> bool {
        false
    }

    fn lost(&self, stream: &mut Stream, error: &io::Error) -> ConnectionError {
        let stderr = stream.stderr_text();
        unreachable(format!("connection lost: {error} {stderr}").trim_end())
    }
}

/// A command on its own channel.
struct ChannelPipe {
    channel: Channel,
    /// As many bytes as the host lets be on their way when it has taken all.
    window: u32,
    shared: Arc<Shared>,
}

impl Pipe for ChannelPipe {
    fn try_read(&mut self, buffer: &mut [u8]) -> io::Result<Piece> {
        let stdout = nothing_yet(self.channel.read(buffer))?;
        if stdout > 0 {
            return Ok(Piece::Stdout(stdout));
        }
        let stderr = nothing_yet(self.channel.stderr().read(buffer))?;
        if stderr > 0 {
            return Ok(Piece::Stderr(stderr));
        }
        Ok(if self.channel.eof() { Piece::End } else { Piece::Nothing })
    }

    fn try_write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let window = self.channel.write_window().remaining;
        self.window = self.window.max(window);
        let untaken = if self.shared.near { self.window - window } else { 0 };
        // An empty write would say that the command has ended.
        let room = PILE.saturating_sub(untaken) as usize;
        if room == 0 {
            return Ok(0);
        }
        let piece = &bytes[..bytes.len().min(room)];
        match nothing_yet(self.channel.write(piece)) {
            // The command has ended; its output says why.
            Err(_) if self.channel.eof() => Err(io::ErrorKind::BrokenPipe.into()),
            result => result,
        }
    }

    fn wait(&mut self, _: bool, limit: Duration) -> io::Result<()> {
        // Looking for one output takes in what has come for the other: then the socket is silent, and data is there.
        if self.channel.read_window().available > 0 || self.channel.eof() {
            return Ok(());
        }
        match self.shared.session.keepalive_send() {
            Err(error) if error.code() != EAGAIN => Err(error.into()),
            _ => self.shared.wait(limit),
        }
    }

    fn close_input(&mut self) -> io::Result<()> {
        let deadline = Instant::now() + CHANNEL;
        let channel = &mut self.channel;
        match self.shared.drive(deadline, || channel.send_eof()) {
            Err(error) if !self.channel.eof() => Err(error.into()),
            _ => Ok(()),
        }
    }

    fn exit_code(&mut self, limit: Duration) -> io::Result<Option<i32>> {
        let deadline = Instant::now() + limit;
        // Its answer comes with the close of the other side.
        let closed = {
            let channel = &mut self.channel;
            let close = self.shared.drive(deadline, || channel.close());
            close.and_then(|()| self.shared.drive(deadline, || channel.wait_close()))
        };
        match closed {
            Err(error) if error.code() == ErrorCode::Session(-9) => return Ok(None),
            Err(error) => return Err(error.into()),
            Ok(()) => {}
        }
        if let Some(signal) = self.channel.exit_signal()?.exit_signal {
            return Ok(Some(-signal_number(&signal)));
        }
        Ok(Some(self.channel.exit_status()?))
    }

    fn kill(&mut self) {
        // The other side hangs up the command's pipes.
        let _already_lost = self.channel.close();
    }
}

impl Drop for ChannelPipe {
    fn drop(&mut self) {
        let channel = &mut self.channel;
        let _already_lost = self.shared.drive(Instant::now() + Duration::from_secs(1), || channel.close());
    }
}

/// Numbers of the signals that RFC 4254 names.
fn signal_number(name: &str) -> i32 {
    let known = [
        ("HUP", 1),
        ("INT", 2),
        ("QUIT", 3),
        ("ILL", 4),
        ("ABRT", 6),
        ("FPE", 8),
        ("KILL", 9),
        ("USR1", 10),
        ("SEGV", 11),
        ("USR2", 12),
        ("PIPE", 13),
        ("ALRM", 14),
        ("TERM", 15),
    ];
    known.iter().find(|(known, _)| *known == name).map_or(1, |(_, number)| *number)
}

fn nothing_yet(result: io::Result<usize>) -> io::Result<usize> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
        result => result,
    }
}

pub fn unreachable(reason: &str) -> ConnectionError {
    ConnectionError::Unreachable(format!("Failed to connect to the host via ssh: {reason}"))
}

fn prepare(socket: &TcpStream) -> io::Result<()> {
    socket.set_nodelay(true)?;
    sockopt::set_socket_keepalive(socket, true)?;
    sockopt::set_tcp_keepidle(socket, KEEPALIVE)?;
    sockopt::set_tcp_keepintvl(socket, KEEPALIVE)?;
    sockopt::set_tcp_keepcnt(socket, 3)?;
    // What is not acknowledged for so long will not arrive: without this a send hangs for a quarter of an hour.
    sockopt::set_tcp_user_timeout(socket, LOST_AFTER_MS)?;
    Ok(())
}

/// An open connection, and whether the host is near.
fn open_socket(settings: &Settings, deadline: Instant) -> Result<(TcpStream, bool), ConnectionError> {
    let Settings { hostname, port, .. } = settings;
    let failed = |reason: &str| unreachable(&format!("ssh: connect to host {hostname} port {port}: {reason}"));
    let addresses = resolve(hostname, *port, deadline)?;
    let wanted = |address: &&SocketAddr| match settings.family {
        Family::Any => true,
        Family::Inet => address.is_ipv4(),
        Family::Inet6 => address.is_ipv6(),
    };
    let addresses: Vec<_> = addresses.iter().filter(wanted).collect();
    let mut last = failed("no address of the wanted family");
    for (index, address) in addresses.iter().enumerate() {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(failed("Connection timed out"));
        }
        let others = (addresses.len() - index) as u32;
        let start = Instant::now();
        match TcpStream::connect_timeout(address, left / others) {
            Ok(socket) => return Ok((socket, start.elapsed() < NEAR)),
            Err(error) if error.kind() == io::ErrorKind::TimedOut => last = failed("Connection timed out"),
            Err(error) => last = failed(&plain(&error)),
        }
    }
    Err(last)
}

/// A system error without Rust's appendix.
fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_owned()
}

/// Resolves within the time limit: the system's resolver has none.
fn resolve(hostname: &str, port: u16, deadline: Instant) -> Result<Vec<SocketAddr>, ConnectionError> {
    if let Ok(address) = hostname.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let failed = |reason: &str| unreachable(&format!("ssh: Could not resolve hostname {hostname}: {reason}"));
    let (sender, receiver) = mpsc::channel();
    let name = hostname.to_owned();
    std::thread::spawn(move || {
        let addresses = (name.as_str(), port).to_socket_addrs().map(Iterator::collect);
        let _nobody_waits_any_more = sender.send(addresses);
    });
    match receiver.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
        Ok(Ok(addresses)) => Ok(addresses),
        Ok(Err(error)) => {
            let text = error.to_string();
            Err(failed(text.strip_prefix("failed to lookup address information: ").unwrap_or(&text)))
        }
        Err(_) => Err(failed("the name server does not answer")),
    }
}

fn handshake_failed(settings: &Settings, error: &ssh2::Error) -> ConnectionError {
    let Settings { hostname, port, .. } = settings;
    match error.code() {
        ErrorCode::Session(-9) => {
            unreachable(&format!("Connection timed out during banner exchange with {hostname} port {port}"))
        }
        ErrorCode::Session(-43 | -13) => unreachable(&format!("Connection closed by {hostname} port {port}")),
        _ => unreachable(&format!("{hostname} port {port}: {error}")),
    }
}

fn known(settings: &Settings) -> Known {
    if settings.checking == HostKeyChecking::Off {
        return Known::default();
    }
    let (host, port) = match &settings.alias {
        Some(alias) => (alias.as_str(), 22),
        None => (settings.hostname.as_str(), settings.port),
    };
    Known::read(settings.user_known_hosts.iter().chain(&settings.global_known_hosts), host, port)
}

/// Asks for a key of a known type first: a host with several keys would show an unknown one else.
fn prefer_known_keys(session: &Session, known: &Known) {
    const DEFAULT: [&str; 7] = [
        "ssh-ed25519",
        "ecdsa-sha2-nistp256",
        "ecdsa-sha2-nistp384",
        "ecdsa-sha2-nistp521",
        "rsa-sha2-512",
        "rsa-sha2-256",
        "ssh-rsa",
    ];
    let is_known = |method: &&&str| {
        known.algorithms().any(|known| known == **method || (known == "ssh-rsa" && method.starts_with("rsa-sha2")))
    };
    let mut methods: Vec<&str> = DEFAULT.iter().filter(is_known).copied().collect();
    methods.extend(DEFAULT.iter().filter(|method| !is_known(method)));
    // What libssh2 was built without it leaves out by itself.
    let _defaults = session.method_pref(MethodType::HostKey, &methods.join(","));
}

fn check_host_key(session: &Session, settings: &Settings, known: &Known) -> Result<(), ConnectionError> {
    if settings.checking == HostKeyChecking::Off {
        return Ok(());
    }
    let Some((key, _)) = session.host_key() else { return Err(unreachable("the host shows no key")) };
    let algorithm = key_type(key).unwrap_or("unknown");
    let Settings { hostname, port, .. } = settings;
    let name = settings.alias.clone().unwrap_or_else(|| host_name(hostname, *port));
    let place = |(path, line): &(std::path::PathBuf, usize)| format!("{}:{line}", path.display());
    match known.check(key) {
        Verdict::Known => Ok(()),
        Verdict::Revoked(entry) => Err(unreachable(&format!(
            "Host key verification failed: the {algorithm} key of {name} is marked as revoked at {}",
            place(&entry.place)
        ))),
        Verdict::Changed(entry) => Err(unreachable(&format!(
            "Host key verification failed: {name} has another key ({algorithm}) than the one known from {} ({}). Someone \
             may be listening in, or the host was set up anew; if so, remove the old key with: ssh-keygen -f {} -R '{name}'",
            place(&entry.place),
            entry.algorithm,
            crate::connection::elevate::quote(&entry.place.0.display().to_string())
        ))),
        Verdict::Unknown if settings.checking == HostKeyChecking::AcceptNew => {
            let Some(file) = settings.user_known_hosts.first() else { return Ok(()) };
            remember(file, &name, algorithm, key, settings.hash_names).map_err(|error| {
                unreachable(&format!("failed to remember the host's key in {}: {error}", file.display()))
            })
        }
        Verdict::Unknown => {
            let file = settings.user_known_hosts.first().map_or_else(String::new, |file| file.display().to_string());
            Err(unreachable(&format!(
                "Host key verification failed: the {algorithm} key of {name} is not known. Accept it with: \
                 ssh-keyscan -p {port} {hostname} >> {file} (or run with --accept-new, or set host_key_checking = False)"
            )))
        }
    }
}
