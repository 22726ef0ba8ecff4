//! A file that has its name only once it is whole: whoever is interrupted leaves nothing that looks like one.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::error::Error;

pub struct Part {
    file: io::BufWriter<File>,
    part: PathBuf,
    name: PathBuf,
    is_whole: bool,
}

impl Part {
    /// Begins what will be `name`. What it holds is for nobody else.
    ///
    /// # Errors
    /// Where nothing can be written there.
    pub fn of(name: &Path) -> Result<Self, Error> {
        let mut part = name.to_path_buf().into_os_string();
        part.push(".part");
        let part = PathBuf::from(part);
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part);
        let file = io::BufWriter::new(file.map_err(|error| failed(&part, &error))?);
        Ok(Part { file, part, name: name.to_path_buf(), is_whole: false })
    }

    /// Gives the file its name, once it is on the disk.
    ///
    /// # Errors
    /// Where it cannot be written out or named; then it is gone.
    pub fn finish(mut self) -> Result<(), Error> {
        let synced = self.file.flush().and_then(|()| self.file.get_ref().sync_all());
        synced.map_err(|error| failed(&self.part, &error))?;
        fs::rename(&self.part, &self.name).map_err(|error| failed(&self.name, &error))?;
        self.is_whole = true;
        Ok(())
    }
}

impl Write for Part {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.is_whole {
            // The first failure is the one that is told.
            let _ = fs::remove_file(&self.part);
        }
    }
}

pub fn failed(path: &Path, error: &io::Error) -> Error {
    Error::failed(format!("{}: {error}", path.display()))
}
