//! A network between a store and its server, that fails where a test wants it to.

mod link;

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
};

use self::link::Link;

/// What the end of the rows of a COPY is called, which has no text.
pub const COPIED: &str = "(copied)";

/// What goes wrong at a message of the client's. An answer is everything from the server up to when it is ready for the next
/// question.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// The server gets so many bytes of the message, and the connection is cut.
    CutMessage(usize),
    /// The server gets the message only after [`Proxy::go_on`].
    HoldMessage,
    /// The server has answered, the client gets so many bytes of that, and the connection is cut.
    CutAnswer(usize),
    /// The same, but the client is told by a reset.
    ResetAnswer(usize),
    /// The server has answered, and the client gets an error of severity FATAL with this code instead, and is disconnected, as by
    /// a pooler.
    FatalAnswer(&'static str),
    /// The server has answered, and the client gets it only after [`Proxy::go_on`].
    HoldAnswer,
    /// The server has answered, and the client gets a byte of that at a time, each after a pause.
    SlowAnswer(Duration),
    /// Nothing comes through any more, on any connection, and nobody is told. Connections made after [`Proxy::go_on`] work.
    BlackHole,
}

/// A proxy to a Postgres server. It reads along in both directions, so that faults meet the messages they are meant for.
pub struct Proxy {
    shared: Arc<Shared>,
    address: String,
}

struct Shared {
    server: Mutex<String>,
    armed: Mutex<Option<Armed>>,
    accepted: AtomicUsize,
    /// How many answers clients have asked for, on all connections.
    asked: AtomicUsize,
    open: watch::Sender<usize>,
    /// How often a fault has happened.
    met: watch::Sender<usize>,
    /// How often it went on after one.
    gone_on: watch::Sender<usize>,
    is_dark: AtomicBool,
}

struct Armed {
    text: String,
    fault: Fault,
    lasts: bool,
}

impl Proxy {
    /// A proxy to the server at `host:port`.
    pub async fn to(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let shared = Arc::new(Shared {
            server: Mutex::new(server.to_owned()),
            armed: Mutex::new(None),
            accepted: AtomicUsize::new(0),
            asked: AtomicUsize::new(0),
            open: watch::Sender::new(0),
            met: watch::Sender::new(0),
            gone_on: watch::Sender::new(0),
            is_dark: AtomicBool::new(false),
        });
        tokio::spawn(accept(listener, shared.clone()));
        Self { shared, address }
    }

    /// The URL of a database, through this proxy.
    pub fn url(&self, direct: &str) -> String {
        let (credentials, place) = direct.rsplit_once('@').expect("a URL with a user");
        let (_, database) = place.split_once('/').expect("a URL with a database");
        format!("{credentials}@{}/{database}", self.address)
    }

    /// The server is at another address from now on.
    pub fn moves_to(&self, server: &str) {
        server.clone_into(&mut self.shared.server.lock().unwrap());
    }

    /// Lets the next statement fail whose text begins so: a simple one when it is sent, a prepared one when it is executed.
    pub fn at(&self, text: &str, fault: Fault) {
        *self.shared.armed.lock().unwrap() = Some(Armed { text: text.to_owned(), fault, lasts: false });
    }

    /// Lets every statement fail whose text begins so.
    pub fn at_each(&self, text: &str, fault: Fault) {
        *self.shared.armed.lock().unwrap() = Some(Armed { text: text.to_owned(), fault, lasts: true });
    }

    /// Nothing comes through from now on, as in a [`Fault::BlackHole`].
    pub fn goes_dark(&self) {
        self.shared.is_dark.store(true, Ordering::SeqCst);
    }

    /// Ends what a fault holds up.
    pub fn go_on(&self) {
        *self.shared.armed.lock().unwrap() = None;
        self.shared.is_dark.store(false, Ordering::SeqCst);
        self.shared.gone_on.send_modify(|times| *times += 1);
    }

    /// Waits until a fault has happened so often.
    pub async fn has_met(&self, times: usize) {
        let mut met = self.shared.met.subscribe();
        let met = met.wait_for(|met| *met >= times);
        drop(tokio::time::timeout(super::BOUND, met).await.expect("the fault did not happen").unwrap());
    }

    /// Waits until so many connections are open.
    pub async fn has_open(&self, connections: usize) {
        let mut open = self.shared.open.subscribe();
        let open = open.wait_for(|open| *open == connections);
        drop(tokio::time::timeout(super::BOUND, open).await.expect("connections stayed open, or were not made").unwrap());
    }

    /// How many answers clients have asked for until now, on all connections. Each is a round trip.
    pub fn asked(&self) -> usize {
        self.shared.asked.load(Ordering::SeqCst)
    }

    /// How many connections were made since the beginning.
    pub fn accepted(&self) -> usize {
        self.shared.accepted.load(Ordering::SeqCst)
    }
}

impl Shared {
    /// What happens to a statement, if anything does.
    fn fault_of(&self, text: &str) -> Option<Fault> {
        let mut armed = self.armed.lock().unwrap();
        let Armed { fault, lasts, .. } = *armed.as_ref().filter(|armed| text.starts_with(&armed.text))?;
        if !lasts {
            *armed = None;
        }
        Some(fault)
    }

    fn has_happened(&self) {
        self.met.send_modify(|times| *times += 1);
    }

    fn is_dark(&self) -> bool {
        self.is_dark.load(Ordering::SeqCst)
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((client, _)) = listener.accept().await {
        shared.accepted.fetch_add(1, Ordering::SeqCst);
        shared.open.send_modify(|open| *open += 1);
        let shared = shared.clone();
        tokio::spawn(async move {
            let place = shared.server.lock().unwrap().clone();
            if let Ok(server) = TcpStream::connect(place).await {
                // However it ends, both sides are closed.
                drop(Link::new(&shared, client, server).run().await);
            }
            shared.open.send_modify(|open| *open -= 1);
        });
    }
}
