//! One connection that goes through the proxy, and what it reads in Postgres' protocol.

use std::{collections::HashMap, io, sync::atomic::Ordering};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{COPIED, Fault, Shared};

/// The code of a client that asks for encryption before it starts up.
const ENCRYPTION: [u8; 4] = 80_877_103_u32.to_be_bytes();

/// One connection of a client's.
pub(super) struct Link<'a> {
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
    pub(super) fn new(shared: &'a Shared, client: TcpStream, server: TcpStream) -> Self {
        let (statements, portals) = (HashMap::new(), HashMap::new());
        Self { shared, client, server, statements, portals, asked: 0, answered: 0, failing: None, kept: Vec::new() }
    }

    pub(super) async fn run(mut self) -> io::Result<()> {
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
        let asks = usize::from(matches!(message[0], b'Q' | b'S'));
        self.asked += asks;
        self.shared.asked.fetch_add(asks, Ordering::SeqCst);
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
        self.fail(fault).await
    }

    /// Does to the answer that has been kept what a fault says.
    async fn fail(&mut self, fault: Fault) -> io::Result<()> {
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
