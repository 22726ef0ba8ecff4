//! A file that has its name only once it is whole: whoever is interrupted leaves nothing that looks like one.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::error::Error;

pub struct Part {
    file: io::BufWriter<File>,
    /// None of what has no name to wait for: a pipe, a device.
    part: Option<PathBuf>,
    name: PathBuf,
    is_whole: bool,
}

impl Part {
    /// Keeps what lies at `name`, unless it is to be written over. What is no file, a pipe or a device, is written into.
    ///
    /// # Errors
    /// Where there is a file.
    pub fn keep(name: &Path, force: bool) -> Result<(), Error> {
        if force || name.as_os_str() == "-" || !name.is_file() {
            return Ok(());
        }
        let message = format!("{} is there already", name.display());
        Err(Error::Failed { message, hint: Some("--force writes over it".into()) })
    }

    /// Begins what will be `name`. What it holds is for nobody else.
    ///
    /// # Errors
    /// Where nothing can be written there.
    pub fn of(name: &Path) -> Result<Self, Error> {
        // Behind a symbolic link lies what is meant.
        let name = fs::canonicalize(name).unwrap_or_else(|_| name.to_path_buf());
        let is_special = fs::metadata(&name).is_ok_and(|found| !found.is_file());
        let part = (!is_special).then(|| {
            let mut part = name.clone().into_os_string();
            part.push(format!(".{}.part", std::process::id()));
            PathBuf::from(part)
        });
        let file = match &part {
            Some(part) => OpenOptions::new().write(true).create_new(true).mode(0o600).open(part),
            None => OpenOptions::new().write(true).open(&name),
        };
        let file = io::BufWriter::new(file.map_err(|error| failed(part.as_ref().unwrap_or(&name), &error))?);
        Ok(Part { file, part, name, is_whole: false })
    }

    /// Gives the file its name, once it is on the disk.
    ///
    /// # Errors
    /// Where it cannot be written out or named; then it is gone.
    pub fn finish(mut self) -> Result<(), Error> {
        self.file.flush().map_err(|error| failed(&self.name, &error))?;
        if let Some(part) = &self.part {
            self.file.get_ref().sync_all().map_err(|error| failed(part, &error))?;
            fs::rename(part, &self.name).map_err(|error| failed(&self.name, &error))?;
            self.is_whole = true;
            let directory = self.name.parent().filter(|parent| !parent.as_os_str().is_empty());
            let directory = directory.unwrap_or(Path::new("."));
            File::open(directory).and_then(|it| it.sync_all()).map_err(|error| failed(directory, &error))?;
        }
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
        if let Some(part) = self.part.as_ref().filter(|_| !self.is_whole) {
            // The first failure is the one that is told.
            let _ = fs::remove_file(part);
        }
    }
}

pub fn failed(path: &Path, error: &io::Error) -> Error {
    Error::failed(format!("{}: {error}", path.display()))
}
