//! A client program that runs as long as the test, and answers over a pipe.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

pub struct Pipe {
    program: String,
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

/// What a client writes when it has answered.
pub const DONE: &str = "-- done --";

impl Pipe {
    /// Starts the program. A test without it fails: what it has to say cannot be had otherwise.
    pub fn start(command: &mut Command) -> Self {
        let program = command.get_program().to_string_lossy().into_owned();
        let child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(if std::env::var("LARDER_DIFFERENTIAL_CASE").is_ok() { Stdio::inherit() } else { Stdio::null() })
            .spawn();
        let mut child = child.unwrap_or_else(|error| panic!("the differential test needs the program {program}: {error}"));
        let to = child.stdin.take().expect("a pipe");
        let from = BufReader::new(child.stdout.take().expect("a pipe"));
        Self { program, child, to, from }
    }

    /// Sends lines that end with one that makes the client write [`DONE`], and answers what it wrote before that.
    pub fn ask(&mut self, lines: &str) -> Vec<String> {
        let sent = self.to.write_all(lines.as_bytes()).and_then(|()| self.to.flush());
        sent.unwrap_or_else(|error| panic!("{} has ended: {error}", self.program));
        let mut answer = Vec::new();
        loop {
            let mut line = String::new();
            let read = self.from.read_line(&mut line).unwrap_or_else(|error| panic!("{}: {error}", self.program));
            assert!(read > 0, "{} has ended after {answer:?}", self.program);
            let line = line.trim_end_matches('\n');
            if line == DONE {
                return answer;
            }
            answer.push(line.to_owned());
        }
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        // The end of what it reads would do as well, but not at once.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
