//! A network between a store and its server, that fails where a test wants it to.

use std::{
    collections::HashMap,
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// The code of a client that asks for encryption before it starts up.
const ENCRYPTION: [u8; 4] = 80_877_103_u32.to_be_bytes();

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

/// One connection of a client's.
struct Link<'a> {
    shared: &'a Shared,
    client: TcpStream,
    server: TcpStream,
    /// The texts of prepared statements, and of those bound to portals, by name.
    statements: HashMap<String, String>,
    portals: HashMap<String, String>,
    /// How many answers were asked for, and how many have come.
    asked: usize,
    answered: usize,
    /// Which answer is to fail, and how.
    failing: Option<(usize, Fault)>,
    /// What has come of it.
    kept: Vec<u8>,
}

impl<'a> Link<'a> {
    fn new(shared: &'a Shared, client: TcpStream, server: TcpStream) -> Self {
        let (statements, portals) = (HashMap::new(), HashMap::new());
        Self { shared, client, server, statements, portals, asked: 0, answered: 0, failing: None, kept: Vec::new() }
    }

    async fn run(mut self) -> io::Result<()> {
        self.client.set_nodelay(true)?;
        self.server.set_nodelay(true)?;
        self.start_up().await?;
        let (mut questions, mut answers) = (Vec::new(), Vec::new());
        loop {
            let read = tokio::select! {
                read = self.client.read_buf(&mut questions) => read?,
                read = self.server.read_buf(&mut answers) => read?,
            };
            if self.shared.is_dark() {
                return self.lose_everything().await;
            }
            if read == 0 {
                return Ok(());
            }
            while let Some(message) = first_message(&mut questions) {
                self.ask(&message).await?;
            }
            while let Some(message) = first_message(&mut answers) {
                self.answer(message).await?;
            }
        }
    }

    /// Passes the client's first message on, which has no type. The wish for encryption is declined: nobody could read along.
    async fn start_up(&mut self) -> io::Result<()> {
        loop {
            let length = self.client.read_u32().await?;
            let mut rest = vec![0; (length as usize).saturating_sub(4)];
            self.client.read_exact(&mut rest).await?;
            if self.shared.is_dark() {
                return self.lose_everything().await;
            }
            if rest != ENCRYPTION {
                self.server.write_all(&length.to_be_bytes()).await?;
                self.asked += 1;
                return self.server.write_all(&rest).await;
            }
            self.client.write_all(b"N").await?;
        }
    }

    async fn ask(&mut self, message: &[u8]) -> io::Result<()> {
        let mut strings = message[5..].split(|byte| *byte == 0).map(|text| String::from_utf8_lossy(text).into_owned());
        let mut next = || strings.next().unwrap_or_default();
        let text = match message[0] {
            b'Q' => Some(next()),
            b'P' => {
                self.statements.insert(next(), next());
                None
            }
            b'B' => {
                let (portal, statement) = (next(), next());
                self.portals.insert(portal, self.statements.get(&statement).cloned().unwrap_or_default());
                None
            }
            b'E' => self.portals.get(&next()).cloned(),
            b'c' => Some(COPIED.to_owned()),
            _ => None,
        };
        match text.and_then(|text| self.shared.fault_of(&text)) {
            Some(Fault::CutMessage(bytes)) => {
                self.server.write_all(&message[..bytes.min(message.len())]).await?;
                self.shared.has_happened();
                return cut();
            }
            Some(Fault::HoldMessage) => self.hold().await,
            Some(Fault::BlackHole) => {
                self.shared.is_dark.store(true, Ordering::SeqCst);
                self.shared.has_happened();
                return self.lose_everything().await;
            }
            // The end of a copy has its answer in common with its beginning.
            Some(fault) => self.failing = Some((self.asked + usize::from(message[0] != b'c'), fault)),
            None => {}
        }
        // A simple statement is answered by itself, prepared ones together at a Sync.
        self.asked += usize::from(matches!(message[0], b'Q' | b'S'));
        self.server.write_all(message).await
    }

    async fn answer(&mut self, message: Vec<u8>) -> io::Result<()> {
        let which = self.answered + 1;
        let is_last = message[0] == b'Z';
        self.answered += usize::from(is_last);
        let Some((_, fault)) = self.failing.filter(|(failing, _)| *failing == which) else {
            return self.client.write_all(&message).await;
        };
        self.kept.extend(message);
        if !is_last {
            return Ok(());
        }
        self.failing = None;
        let answer = std::mem::take(&mut self.kept);
        match fault {
            Fault::CutAnswer(bytes) | Fault::ResetAnswer(bytes) => {
                self.client.write_all(&answer[..bytes.min(answer.len())]).await?;
                if matches!(fault, Fault::ResetAnswer(_)) {
                    self.client.set_zero_linger()?;
                }
                self.shared.has_happened();
                cut()
            }
            Fault::FatalAnswer(code) => {
                self.client.write_all(&fatal(code)).await?;
                self.shared.has_happened();
                cut()
            }
            Fault::SlowAnswer(pause) => {
                self.shared.has_happened();
                for byte in answer {
                    tokio::time::sleep(pause).await;
                    self.client.write_all(&[byte]).await?;
                }
                Ok(())
            }
            _ => {
                self.hold().await;
                self.client.write_all(&answer).await
            }
        }
    }

    async fn hold(&self) {
        let mut gone_on = self.shared.gone_on.subscribe();
        self.shared.has_happened();
        drop(gone_on.changed().await);
    }

    /// Reads what comes, until the client gives up.
    async fn lose_everything(&mut self) -> io::Result<()> {
        tokio::io::copy(&mut self.client, &mut tokio::io::sink()).await?;
        cut()
    }
}

/// An `ErrorResponse`: fields of a letter and text each.
fn fatal(code: &str) -> Vec<u8> {
    let fields = format!("SFATAL\0VFATAL\0C{code}\0Mserver conn crashed?\0\0");
    let length = u32::try_from(fields.len() + 4).unwrap().to_be_bytes();
    [b"E".as_slice(), &length, fields.as_bytes()].concat()
}

fn cut() -> io::Result<()> {
    Err(io::ErrorKind::ConnectionAborted.into())
}

/// Takes the first message: its type, its length, which counts itself, and the rest.
fn first_message(buffer: &mut Vec<u8>) -> Option<Vec<u8>> {
    let length = 1 + u32::from_be_bytes(buffer.get(1..5)?.try_into().ok()?) as usize;
    (buffer.len() >= length).then(|| buffer.drain(..length).collect())
}
