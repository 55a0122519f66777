//! A socket in front of an engine's, which notes what is asked of it, and can be told to cut.

use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use anyhow::Result;

/// Notes the method and path of each request. It ends with its process.
#[derive(Clone)]
pub struct Recorder {
    socket: PathBuf,
    requests: Arc<Mutex<Vec<String>>>,
    cut: Arc<AtomicBool>,
}

impl Recorder {
    /// Listens at `socket` for an engine at `engine`.
    ///
    /// # Errors
    /// If it can't.
    pub fn start(socket: PathBuf, engine: &Path) -> Result<Self> {
        let listener = UnixListener::bind(&socket)?;
        let recorder = Self { socket, requests: Arc::default(), cut: Arc::default() };
        let (held, engine) = (recorder.clone(), engine.to_owned());
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if held.cut.load(Ordering::SeqCst) {
                    continue;
                }
                let (held, engine) = (held.clone(), engine.clone());
                std::thread::spawn(move || held.pass(client, &engine));
            }
        });
        Ok(recorder)
    }

    /// Where it listens.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Each request since the start or the last call, such as `GET /version`.
    pub fn take(&self) -> Vec<String> {
        self.requests.lock().map(|mut requests| std::mem::take(&mut *requests)).unwrap_or_default()
    }

    /// Whether the engine is away from now on.
    pub fn set_cut(&self, cut: bool) {
        self.cut.store(cut, Ordering::SeqCst);
    }

    fn pass(&self, client: UnixStream, engine: &Path) {
        let Ok(engine) = UnixStream::connect(engine) else { return };
        let (Ok(from_engine), Ok(to_client)) = (engine.try_clone(), client.try_clone()) else { return };
        let back = std::thread::spawn(move || copy(from_engine, to_client, |_| {}));
        let mut begun = Vec::new();
        copy(client, engine, |bytes| self.note(&mut begun, bytes));
        let _ = back.join();
    }

    /// Looks for request lines: they begin a connection, or follow what was sent before.
    fn note(&self, begun: &mut Vec<u8>, bytes: &[u8]) {
        begun.extend_from_slice(bytes);
        while let Some(end) = begun.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = begun.drain(..=end).collect();
            let Ok(line) = std::str::from_utf8(&line) else { continue };
            if let Some(request) = line.trim_end().strip_suffix(" HTTP/1.1")
                && let Ok(mut requests) = self.requests.lock()
            {
                requests.push(request.to_owned());
            }
        }
        // What has no line end is a body.
        if begun.len() > 64 * 1024 {
            begun.clear();
        }
    }
}

fn copy(mut from: UnixStream, mut to: UnixStream, mut look: impl FnMut(&[u8])) {
    let mut bytes = [0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        look(&bytes[..count]);
        if to.write_all(&bytes[..count]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}
