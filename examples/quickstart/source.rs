//! The log file.

use std::{
    fs::File,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
};

/// A text file.
pub struct LogFile {
    path: PathBuf,
    name: String,
    bytes: u64,
}

/// Some lines of it, and how much of the file they are.
pub struct Lines {
    pub text: Vec<String>,
    pub bytes: u64,
}

impl LogFile {
    /// Makes sure that the file can be read and is text.
    pub fn open(path: &Path) -> Result<Self, String> {
        let name = path.display().to_string();
        let failed = |error: std::io::Error| format!("cannot read {name}: {error}");
        let mut reader = BufReader::with_capacity(1 << 16, File::open(path).map_err(failed)?);
        let mut bytes = 0;
        loop {
            let chunk = reader.fill_buf().map_err(failed)?;
            if chunk.contains(&0) {
                return Err(format!("{name} is not a text file"));
            }
            let length = chunk.len();
            if length == 0 {
                break;
            }
            bytes += length as u64;
            reader.consume(length);
        }
        Ok(Self { path: path.to_owned(), name, bytes })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The lines, in groups of `size`.
    pub fn batches(&self, size: usize) -> Result<impl Iterator<Item = Result<Lines, String>>, String> {
        let name = self.name.clone();
        let failed = move |error: std::io::Error| format!("cannot read {name}: {error}");
        let mut reader = BufReader::new(File::open(&self.path).map_err(&failed)?.take(self.bytes));
        Ok(std::iter::from_fn(move || {
            let mut lines = Lines { text: Vec::new(), bytes: 0 };
            while lines.text.len() < size {
                let mut line = Vec::new();
                match reader.read_until(b'\n', &mut line) {
                    Ok(0) => break,
                    Ok(length) => lines.bytes += length as u64,
                    Err(error) => return Some(Err(failed(error))),
                }
                let line = String::from_utf8_lossy(&line);
                lines.text.push(line.trim_end_matches(['\r', '\n']).to_owned());
            }
            (!lines.text.is_empty()).then_some(Ok(lines))
        }))
    }
}
