//! A server whose answer is lost on the way.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// Stands between a store and its server and, once armed, loses the answer to the next prepared statement that is executed:
/// it passes the statement on, waits until the server has answered, and cuts the connection without passing the answer back.
pub struct Proxy {
    pub address: String,
    armed: Arc<AtomicBool>,
}

impl Proxy {
    /// A proxy to the server at `host:port`.
    pub async fn to(server: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let armed = Arc::new(AtomicBool::new(false));
        let lose = armed.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(&server).await.unwrap();
                tokio::spawn(pass(client, server, lose.clone()));
            }
        });
        Self { address, armed }
    }

    pub fn lose_the_next_answer(&self) {
        self.armed.store(true, Ordering::SeqCst);
    }

    pub fn has_lost_an_answer(&self) -> bool {
        !self.armed.load(Ordering::SeqCst)
    }
}

async fn pass(mut client: TcpStream, mut server: TcpStream, armed: Arc<AtomicBool>) {
    let (mut question, mut answer) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    loop {
        tokio::select! {
            read = client.read(&mut question) => {
                let Ok(length @ 1..) = read else { return };
                server.write_all(&question[..length]).await.unwrap();
                // A prepared statement is executed by a Bind message; the pool's own questions are simple ones.
                if question[0] == b'B' && armed.swap(false, Ordering::SeqCst) {
                    server.readable().await.unwrap();
                    return;
                }
            }
            read = server.read(&mut answer) => {
                let Ok(length @ 1..) = read else { return };
                client.write_all(&answer[..length]).await.unwrap();
            }
        }
    }
}
