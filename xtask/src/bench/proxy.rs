//! A way to hosts that counts what passes, and can take its time: bytes, round trips, and delays as of a far network.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

/// What passed.
#[derive(Debug, Clone, Copy, Default)]
pub struct Traffic {
    /// Bytes, both ways.
    pub bytes: u64,
    /// How often the controller spoke after the host had.
    pub trips: u64,
}

#[derive(Default)]
struct Counters {
    bytes: AtomicU64,
    trips: AtomicU64,
}

/// One listening port for each host.
pub struct Proxy {
    /// They, in the hosts' order.
    pub ports: Vec<u16>,
    counters: Arc<Counters>,
    closed: Arc<AtomicBool>,
}

impl Proxy {
    /// Leads to these ports. A byte takes half of `round_trip` each way, opening a connection a whole one.
    ///
    /// # Errors
    /// When it cannot listen.
    pub fn start(targets: &[u16], round_trip: Duration) -> Result<Self> {
        let (counters, closed) = (Arc::new(Counters::default()), Arc::new(AtomicBool::new(false)));
        let mut ports = Vec::new();
        for target in targets.iter().copied() {
            let listener = TcpListener::bind("127.0.0.1:0")?;
            ports.push(listener.local_addr()?.port());
            let (counters, closed) = (Arc::clone(&counters), Arc::clone(&closed));
            thread::spawn(move || {
                for client in listener.incoming().flatten() {
                    if closed.load(Ordering::Relaxed) {
                        return;
                    }
                    let counters = Arc::clone(&counters);
                    // A side that is gone shows at the other one.
                    thread::spawn(move || drop(carry(client, target, round_trip, &counters)));
                }
            });
        }
        Ok(Self { ports, counters, closed })
    }

    /// What passed so far.
    pub fn traffic(&self) -> Traffic {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Traffic { bytes: load(&self.counters.bytes), trips: load(&self.counters.trips) }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.closed.store(true, Ordering::Relaxed);
        for port in &self.ports {
            // Wakes the listener up.
            let _gone_already = TcpStream::connect(("127.0.0.1", *port));
        }
    }
}

fn carry(client: TcpStream, target: u16, round_trip: Duration, counters: &Arc<Counters>) -> Result<()> {
    let open = Instant::now() + round_trip;
    let host = TcpStream::connect(("127.0.0.1", target))?;
    client.set_nodelay(true)?;
    host.set_nodelay(true)?;
    let host_spoke = Arc::new(AtomicBool::new(true));
    let up = Way { delay: round_trip / 2, open, host_spoke: Arc::clone(&host_spoke), from_host: false };
    let down = Way { delay: round_trip / 2, open, host_spoke, from_host: true };
    let (client_out, host_in) = (client.try_clone()?, host.try_clone()?);
    let back = Arc::clone(counters);
    thread::spawn(move || down.pass(host, client_out, &back));
    up.pass(client, host_in, counters);
    Ok(())
}

/// One direction of a connection.
struct Way {
    delay: Duration,
    /// Nothing arrives earlier.
    open: Instant,
    /// Whether the last bytes came from the host.
    host_spoke: Arc<AtomicBool>,
    from_host: bool,
}

impl Way {
    fn pass(&self, mut from: TcpStream, mut to: TcpStream, counters: &Counters) {
        let (queue, arrived) = mpsc::channel::<(Instant, Vec<u8>)>();
        let writer = thread::spawn(move || {
            for (at, bytes) in arrived {
                thread::sleep(at.saturating_duration_since(Instant::now()));
                if to.write_all(&bytes).is_err() {
                    break;
                }
            }
            let _gone_already = to.shutdown(Shutdown::Write);
        });
        let mut buffer = vec![0; 64 << 10];
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            counters.bytes.fetch_add(count as u64, Ordering::Relaxed);
            if self.host_spoke.swap(self.from_host, Ordering::Relaxed) && !self.from_host {
                counters.trips.fetch_add(1, Ordering::Relaxed);
            }
            let at = Instant::now().max(self.open) + self.delay;
            if queue.send((at, buffer[..count].to_vec())).is_err() {
                break;
            }
        }
        drop(queue);
        let _passed = writer.join();
    }
}
