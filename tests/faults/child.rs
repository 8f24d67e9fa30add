//! The test binary run again, as a process that can be killed and that the kernel can fail.

#![allow(dead_code)] // Each feature uses a part of it.

use std::{
    env, fs,
    io::{BufRead, BufReader, Write},
    os::unix::process::CommandExt,
    path::Path,
    process::{self, Command, ExitStatus, Stdio},
    sync::{
        OnceLock,
        mpsc::{self, Receiver, RecvTimeoutError},
    },
    thread,
    time::Duration,
};

/// How long a child may be silent before its test fails.
const SILENCE: Duration = Duration::from_secs(60);

/// What begins a line that is meant for the parent.
const MARK: &str = "> ";

/// The file in which the calls of a child with a fault are listed.
const CALLS: &str = "calls.strace";

/// How many calls of a child with files in this folder were made to fail.
pub(crate) fn failed_calls(folder: &Path) -> usize {
    fs::read_to_string(folder.join(CALLS)).unwrap().matches("(INJECTED)").count()
}

/// What the parent told this process, if it is a child.
pub(crate) fn told(what: &str) -> Option<String> {
    env::var(format!("LARDER_FAULTS_{what}")).ok()
}

/// Tells the parent something: when this returns, it is told.
pub(crate) fn say(words: &str) {
    let mut out = std::io::stdout().lock();
    out.write_all(format!("\n{MARK}{words}\n").as_bytes()).unwrap();
    out.flush().unwrap();
}

/// A runtime whose calls that block all run on one thread: the n-th system call of a thread is then the same each time.
pub(crate) fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(1).build().unwrap().block_on(work)
}

/// What is done to a child at its system calls on some files.
#[derive(Clone, Debug)]
pub(crate) struct Fault<'a> {
    /// System calls, separated by commas. Each is counted by itself, on each thread.
    pub calls: &'a str,
    /// `signal=KILL`, or `error=ENOSPC` and the like.
    pub what: &'a str,
    /// `3`, or `3+` for the third and all that follow.
    pub when: String,
}

/// A child to be.
pub(crate) struct Again(Command);

impl Again {
    /// Will run one test, by the path that `module_path!` and its name make.
    pub(crate) fn running(test: &str) -> Self {
        Self::under(&[], test)
    }

    /// The same by way of another program.
    pub(crate) fn under(program: &[&str], test: &str) -> Self {
        let this = env::current_exe().unwrap();
        let mut command = match program {
            [] => Command::new(this),
            [name, arguments @ ..] => {
                let mut command = Command::new(name);
                command.args(arguments).arg(this);
                command
            }
        };
        let (_, test) = test.split_once("::").unwrap();
        command.args(["--exact", test, "--nocapture"]).stdout(Stdio::piped()).process_group(0);
        Self(command)
    }

    /// The same with a fault of what it does to files in a folder.
    pub(crate) fn with_fault(fault: &Fault<'_>, folder: &Path, names: &[&str], test: &str) -> Self {
        has_strace();
        // By their real names, by which the kernel knows them.
        let folder = folder.canonicalize().unwrap();
        let files = names.iter().flat_map(|name| ["-P".to_owned(), folder.join(name).display().to_string()]);
        let (trace, inject) =
            (format!("trace={}", fault.calls), format!("inject={}:{}:when={}", fault.calls, fault.what, fault.when));
        let calls = folder.join(CALLS).display().to_string();
        let mut arguments: Vec<_> = ["strace", "-f", "-qq", "-o", &calls].map(str::to_owned).into();
        arguments.extend(files.chain(["-e".to_owned(), trace, "-e".to_owned(), inject]));
        Self::under(&arguments.iter().map(String::as_str).collect::<Vec<_>>(), test)
    }

    pub(crate) fn tell(mut self, what: &str, value: impl AsRef<std::ffi::OsStr>) -> Self {
        self.0.env(format!("LARDER_FAULTS_{what}"), value);
        self
    }

    pub(crate) fn start(mut self) -> Child {
        let mut process = self.0.spawn().unwrap_or_else(|error| panic!("{:?} does not start: {error}", self.0.get_program()));
        let out = BufReader::new(process.stdout.take().unwrap());
        let (sender, words) = mpsc::channel();
        thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                if let Some(words) = line.strip_prefix(MARK)
                    && sender.send(words.to_owned()).is_err()
                {
                    break;
                }
            }
        });
        Child { process, words }
    }
}

/// A process, killed with all that it started when this is dropped.
pub(crate) struct Child {
    process: process::Child,
    words: Receiver<String>,
}

impl Child {
    /// What it says next; nothing if it has ended.
    pub(crate) fn next(&self) -> Option<String> {
        match self.words.recv_timeout(SILENCE) {
            Ok(words) => Some(words),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("the child says nothing"),
        }
    }

    /// All that it still says, until it ends.
    pub(crate) fn rest(&self) -> Vec<String> {
        std::iter::from_fn(|| self.next()).collect()
    }

    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Waits for its end.
    pub(crate) fn end(mut self) -> (Vec<String>, ExitStatus) {
        let said = self.rest();
        (said, self.process.wait().unwrap())
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if matches!(self.process.try_wait(), Ok(None)) {
            let group = format!("-{}", self.process.id());
            drop(Command::new("kill").args(["-KILL", "--", &group]).status());
            drop(self.process.wait());
        }
    }
}

/// Fails where strace cannot be used.
fn has_strace() {
    static WORKS: OnceLock<Result<(), String>> = OnceLock::new();
    let works = WORKS.get_or_init(|| match Command::new("strace").args(["-f", "-o", "/dev/null", "true"]).output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        Err(error) => Err(error.to_string()),
    });
    if let Err(reason) = works {
        panic!(
            "these tests make system calls fail by strace, which does not run here ({}): install it (apt-get install strace), \
                and let processes be traced (in a container: --cap-add SYS_PTRACE)",
            reason.trim()
        );
    }
}

/// The files of a folder, in another. None of them may be open in this process: closing a copied file would release its locks.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

/// How often something is done: a number of the environment's, or what there is time for everywhere.
pub(crate) fn number(variable: &str, otherwise: usize) -> usize {
    env::var(variable).map_or(otherwise, |number| number.parse().unwrap_or_else(|_| panic!("{variable} is no number")))
}
