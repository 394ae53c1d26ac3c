//! A home: the folder that holds `throng.toml`, the mappings and (by default) the lake.

use std::fs::{self, File, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use throng_event::PersonalData;
use url::Url;

use crate::config::Config;
use crate::error::EngineError;
use crate::store::Store;

/// The configuration's name, by which a home is recognised.
pub const CONFIG_FILE: &str = "throng.toml";
const LOCK_FILE: &str = ".lock";
/// A step of a server takes some tens of milliseconds; a command takes longer than anybody wants to wait.
const LOCK_TRIES: u32 = 40;
const LOCK_PAUSE: Duration = Duration::from_millis(50);
const KEY_FILE: &str = "identity.key";
/// The key that those who sign in are known by.
const SESSION_KEY_FILE: &str = "session.key";
const MAPPINGS: &str = "mappings";

/// A home on disk with its configuration read and checked.
#[derive(Debug, Clone)]
pub struct Home {
    root: PathBuf,
    config: Config,
}

/// Held while a process writes to a home; released when dropped or killed.
#[derive(Debug)]
pub(crate) struct WriteLock(#[expect(dead_code, reason = "the lock lives as long as the open file")] File);

impl Home {
    /// Creates a home in a folder that may exist but holds none yet.
    ///
    /// # Errors
    /// [`EngineError::HomeExists`] when there is one, [`EngineError::Configuration`] when
    /// the text is no valid configuration, [`EngineError::Io`] when the folder cannot be written.
    pub fn create(root: &Path, config_text: &str) -> Result<Self, EngineError> {
        let path = root.join(CONFIG_FILE);
        if path.exists() {
            return Err(EngineError::HomeExists(root.to_owned()));
        }
        let config = Config::parse(config_text, &path)?;
        fs::create_dir_all(root).map_err(|source| EngineError::io("create", root, source))?;
        write_whole(&path, config_text)?;
        Ok(Self { root: root.to_owned(), config })
    }

    /// Opens a home.
    ///
    /// # Errors
    /// [`EngineError::NoHome`], [`EngineError::NewerHome`] or [`EngineError::Configuration`].
    pub fn open(root: &Path) -> Result<Self, EngineError> {
        let path = root.join(CONFIG_FILE);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(EngineError::NoHome(root.to_owned()));
            }
            Err(source) => return Err(EngineError::io("read", path, source)),
        };
        Ok(Self { root: root.to_owned(), config: Config::parse(&text, &path)? })
    }

    /// Returns the folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the configuration.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Returns the text of `throng.toml` as it is on disk.
    ///
    /// # Errors
    /// [`EngineError::Io`] when it cannot be read.
    pub fn config_text(&self) -> Result<String, EngineError> {
        let path = self.root.join(CONFIG_FILE);
        fs::read_to_string(&path).map_err(|source| EngineError::io("read", path, source))
    }

    /// Replaces `throng.toml`; the old text stays if the new one is invalid or cannot be written whole.
    ///
    /// # Errors
    /// [`EngineError::Configuration`] or [`EngineError::Io`].
    pub fn set_config(&mut self, text: &str) -> Result<(), EngineError> {
        let path = self.root.join(CONFIG_FILE);
        let config = Config::parse(text, &path)?;
        write_whole(&path, text)?;
        self.config = config;
        Ok(())
    }

    /// Returns where the mapping of a table is kept.
    #[must_use]
    pub fn mapping_path(&self, table: &str) -> PathBuf {
        self.root.join(MAPPINGS).join(format!("{table}.toml"))
    }

    /// Writes a mapping and returns its path.
    ///
    /// # Errors
    /// [`EngineError::Io`] when it cannot be written.
    pub fn write_mapping(&self, table: &str, text: &str) -> Result<PathBuf, EngineError> {
        let path = self.mapping_path(table);
        let folder = self.root.join(MAPPINGS);
        fs::create_dir_all(&folder).map_err(|source| EngineError::io("create", folder, source))?;
        write_whole(&path, text)?;
        Ok(path)
    }

    /// Returns how personal ids are kept. Where they are hashed, the key is made at the
    /// first import and kept in the home, readable by its owner only: without it no
    /// hash can be made again, with it any guess can be tried.
    ///
    /// # Errors
    /// [`EngineError::Io`] or [`EngineError::Configuration`] when the key cannot be read or made.
    pub fn personal_data(&self) -> Result<PersonalData, EngineError> {
        let identity = &self.config.identity;
        let key = if identity.hash_personal_data { Some(self.key(KEY_FILE)?) } else { None };
        Ok(PersonalData { calling_code: identity.calling_code, key })
    }

    /// Returns what the cookies of those who sign in are signed with, made when it is first needed. To
    /// delete its file signs everybody out.
    ///
    /// # Errors
    /// As [`Self::personal_data`].
    pub fn session_key(&self) -> Result<[u8; 32], EngineError> {
        self.key(SESSION_KEY_FILE)
    }

    fn key(&self, file: &str) -> Result<[u8; 32], EngineError> {
        let path = self.root.join(file);
        match fs::read_to_string(&path) {
            Ok(text) => blake3::Hash::from_hex(text.trim()).map(|key| *key.as_bytes()).map_err(|error| {
                EngineError::Configuration { path, reason: format!("it is no key of 64 hexadecimal digits: {error}") }
            }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let mut key = [0; 32];
                let failed = |error| EngineError::io("make a key for", &path, std::io::Error::other(error));
                getrandom::fill(&mut key).map_err(failed)?;
                let mut options = File::options();
                options.create_new(true).write(true);
                #[cfg(unix)]
                std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
                let write = || -> std::io::Result<()> {
                    let mut file = options.open(&path)?;
                    writeln!(file, "{}", blake3::Hash::from_bytes(key).to_hex())?;
                    file.sync_all()
                };
                write().map_err(|source| EngineError::io("write", &path, source))?;
                Ok(key)
            }
            Err(source) => Err(EngineError::io("read", path, source)),
        }
    }

    /// Returns the store of the tables.
    pub(crate) fn store(&self) -> Result<Store, EngineError> {
        let lake = &self.config.lake;
        let root = if lake.contains("://") {
            Url::parse(lake).map_err(|error| self.invalid(&format!("lake = {lake:?} is no URL: {error}")))?
        } else {
            let folder = self.root.join(lake);
            fs::create_dir_all(&folder).map_err(|source| EngineError::io("create", &folder, source))?;
            let absolute = folder.canonicalize().map_err(|source| EngineError::io("read", &folder, source))?;
            Url::from_directory_path(&absolute).map_err(|()| self.invalid(&format!("lake = {lake:?} is no folder")))?
        };
        Ok(Store::new(root, self.config.storage.clone()))
    }

    fn invalid(&self, reason: &str) -> EngineError {
        EngineError::Configuration { path: self.root.join(CONFIG_FILE), reason: reason.to_owned() }
    }

    /// Waits for a step of a server to end, and not for a whole command: a second writer is told so.
    pub(crate) fn lock(&self) -> Result<WriteLock, EngineError> {
        let path = self.root.join(LOCK_FILE);
        let file = File::options().create(true).truncate(false).write(true).open(&path);
        let file = file.map_err(|source| EngineError::io("write", &path, source))?;
        let mut locked = file.try_lock();
        for _ in 0..LOCK_TRIES {
            if !matches!(locked, Err(TryLockError::WouldBlock)) {
                break;
            }
            std::thread::sleep(LOCK_PAUSE);
            locked = file.try_lock();
        }
        match locked {
            Ok(()) => Ok(WriteLock(file)),
            Err(TryLockError::WouldBlock) => Err(EngineError::Busy(self.root.clone())),
            Err(TryLockError::Error(source)) => Err(EngineError::io("lock", path, source)),
        }
    }
}

/// Writes a file beside its place and renames it, so that a full disk or a crash
/// leaves either the old text or the new one.
fn write_whole(path: &Path, text: &str) -> Result<(), EngineError> {
    let beside = path.with_extension("toml.new");
    let write = || -> std::io::Result<()> {
        let mut file = File::create(&beside)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&beside, path)
    };
    write().map_err(|source| EngineError::io("write", path, source))
}
