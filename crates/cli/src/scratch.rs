//! A place for what is large while a command runs.

use std::cell::OnceCell;
use std::path::Path;

use tempfile::TempDir;
use ui::Failure;

/// A directory that is made when it is first needed, and removed with this.
#[derive(Debug, Default)]
pub struct Scratch(OnceCell<TempDir>);

impl Scratch {
    /// Returns the directory.
    ///
    /// # Errors
    ///
    /// Fails if it cannot be made.
    pub fn path(&self) -> Result<&Path, Failure> {
        if let Some(made) = self.0.get() {
            return Ok(made.path());
        }
        let made = tempfile::tempdir().map_err(|error| {
            let place = std::env::temp_dir();
            Failure::from(error)
                .context(format!("failed to make a directory in `{}`", place.display()))
                .hint("TMPDIR names another one")
        })?;
        Ok(self.0.get_or_init(|| made).path())
    }
}
