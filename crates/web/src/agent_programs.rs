//! The agent's programs, which the operator has put into a folder: people fetch them from here to a host that is to join.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use actix_web::http::header::{self, EntityTag, Header as _, IfNoneMatch};
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::stream;

use crate::around::Settings;
use crate::path::part;
use keyward_problem::{Code, Problem};

/// What names of programs begin with; the architecture follows.
const NAME: &str = "keyward-agent-";

/// What the name of a checksum ends with.
const CHECKSUM: &str = ".sha256";

/// The longest architecture.
const MOST_ARCHITECTURE: usize = 32;

/// The most bytes of the file with a checksum.
const MOST_CHECKSUM: u64 = 512;

/// How much of a program is read at a time.
const CHUNK: usize = 64 * 1024;

/// Where the agent's programs are, if the operator has set that.
#[derive(Debug, Clone, Default)]
pub struct AgentPrograms(Option<Arc<PathBuf>>);

/// A program that can be fetched at `/agent/{file}`, and its checksum at `/agent/{file}.sha256`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct AgentProgram {
    /// The name of the file, such as `keyward-agent-x86_64`.
    pub file: String,
    /// The SHA-256 of the program in lower-case hexadecimal digits, as its maker has written it beside it.
    pub sha256: String,
}

impl AgentPrograms {
    /// Those in a folder.
    pub fn of(folder: PathBuf) -> Self {
        Self(Some(Arc::new(folder)))
    }

    /// The programs that there are, each with its checksum; one without is not told. Reads a few small files.
    ///
    /// # Errors
    /// If the folder can't be read.
    pub async fn list(&self) -> io::Result<Vec<AgentProgram>> {
        let Some(folder) = self.0.clone() else { return Ok(Vec::new()) };
        let listed = web::block(move || {
            let mut programs = Vec::new();
            for entry in std::fs::read_dir(&*folder)? {
                let Ok(file) = entry?.file_name().into_string() else { continue };
                let found = is_program(&file) && regular(&folder.join(&file)).is_ok();
                let sha256 = if found { checksum(&folder.join(format!("{file}{CHECKSUM}"))) } else { None };
                programs.extend(sha256.map(|sha256| AgentProgram { file, sha256 }));
            }
            programs.sort();
            Ok(programs)
        });
        listed.await.map_err(io::Error::other)?
    }

    /// Opens a program or checksum by its name; `None` for what is neither, or not there.
    async fn open(&self, file: &str) -> Option<Opened> {
        let folder = self.0.clone()?;
        if !is_program(file.strip_suffix(CHECKSUM).unwrap_or(file)) {
            return None;
        }
        let path = folder.join(file);
        web::block(move || regular(&path).and_then(|()| Opened::new(File::open(&path)?))).await.ok()?.ok()
    }
}

/// A file that is open, with what tells it from another of its name.
struct Opened {
    file: File,
    length: u64,
    tag: String,
}

impl Opened {
    fn new(file: File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        let changed = metadata.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        let length = metadata.len();
        Ok(Self { file, length, tag: format!("{length:x}-{changed:x}") })
    }

    /// What follows of the file, a piece at a time. A file that is cut meanwhile breaks the answer, and what is added to it is
    /// left out: the answer has the length that was announced, or is none.
    fn pieces(self) -> impl stream::Stream<Item = io::Result<Bytes>> {
        stream::try_unfold((self.file, self.length), async |(mut file, left)| {
            if left == 0 {
                return Ok(None);
            }
            let read = web::block(move || {
                let mut piece = vec![0; CHUNK.min(usize::try_from(left).unwrap_or(CHUNK))];
                let length = file.read(&mut piece)?;
                piece.truncate(length);
                if length == 0 {
                    Err(io::Error::from(io::ErrorKind::UnexpectedEof))
                } else {
                    Ok((file, piece))
                }
            });
            let (file, piece) = read.await.map_err(io::Error::other)??;
            let left = left - piece.len() as u64;
            Ok(Some((Bytes::from(piece), (file, left))))
        })
    }
}

/// `GET /agent/{file}`. A new program takes the name of the one before it, so clients ask whether theirs is still the one.
pub(crate) async fn program(
    request: HttpRequest,
    settings: web::Data<Settings>,
) -> Result<HttpResponse, Problem> {
    let file: String = part(&request, "file")?;
    let opened = settings.agent_programs.open(&file).await.ok_or_else(|| Problem::new(Code::NotFound))?;
    let tag = EntityTag::new_strong(opened.tag.clone());
    let known = match IfNoneMatch::parse(&request) {
        Ok(IfNoneMatch::Any) => request.headers().contains_key(header::IF_NONE_MATCH),
        Ok(IfNoneMatch::Items(tags)) => tags.iter().any(|known| known.weak_eq(&tag)),
        Err(_) => false,
    };
    let mut response = if known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    response.insert_header(header::ETag(tag)).insert_header((header::CACHE_CONTROL, "public, no-cache"));
    if known {
        return Ok(response.finish());
    }
    let kind =
        if file.ends_with(CHECKSUM) { "text/plain; charset=utf-8" } else { "application/octet-stream" };
    response.insert_header((header::CONTENT_TYPE, kind));
    let length = opened.length;
    Ok(response.no_chunking(length).streaming(opened.pieces()))
}

fn is_program(file: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    let architecture = file.strip_prefix(NAME).unwrap_or_default();
    (1..=MOST_ARCHITECTURE).contains(&architecture.len()) && architecture.bytes().all(word)
}

/// Links, pipes and folders are none: nothing outside of the folder is read, and nothing is waited for.
fn regular(path: &std::path::Path) -> io::Result<()> {
    let regular = std::fs::symlink_metadata(path)?.is_file();
    if regular { Ok(()) } else { Err(io::ErrorKind::NotFound.into()) }
}

/// What `sha256sum` writes begins with the digits.
fn checksum(path: &std::path::Path) -> Option<String> {
    regular(path).ok()?;
    let mut text = String::new();
    File::open(path).ok()?.take(MOST_CHECKSUM).read_to_string(&mut text).ok()?;
    let digits = text.split_whitespace().next()?.to_ascii_lowercase();
    let fits = digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    fits.then_some(digits)
}

#[cfg(test)]
mod tests {
    use actix_web::test::{TestRequest, call_service, init_service, read_body};
    use actix_web::{App, dev};
    use proptest::prelude::*;

    use super::*;

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("keyward-{name}-{}", std::process::id()));
            std::fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn write(&self, file: &str, text: impl AsRef<[u8]>) {
            std::fs::write(self.0.join(file), text).unwrap();
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    async fn ask(folder: &Folder, path: &str, known: Option<&str>) -> dev::ServiceResponse {
        let agent_programs = AgentPrograms::of(folder.0.clone());
        let settings = Settings { agent_programs, ..Settings::default() };
        let app = App::new().app_data(web::Data::new(settings)).configure(crate::configure);
        let app = init_service(app).await;
        let mut request = TestRequest::get().uri(path);
        if let Some(known) = known {
            request = request.insert_header((header::IF_NONE_MATCH, known));
        }
        call_service(&app, request.to_request()).await
    }

    #[actix_web::test]
    async fn programs_are_fetched_with_their_checksums() {
        let folder = Folder::new("programs");
        let program: Vec<u8> = (0..200_000_u32).map(|number| u8::try_from(number % 251).unwrap()).collect();
        folder.write("keyward-agent-x86_64", &program);
        let sum = "a".repeat(64);
        folder.write("keyward-agent-x86_64.sha256", format!("{sum}  keyward-agent-x86_64\n"));
        folder.write("keyward-agent-aarch64", "unsummed");
        let listed = AgentPrograms::of(folder.0.clone()).list().await.unwrap();
        assert_eq!(listed, [AgentProgram { file: "keyward-agent-x86_64".into(), sha256: sum.clone() }]);
        assert_eq!(AgentPrograms::default().list().await.unwrap(), []);

        let answer = ask(&folder, "/agent/keyward-agent-x86_64", None).await;
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers().get("content-length").unwrap(), "200000");
        assert_eq!(answer.headers().get("cache-control").unwrap(), "public, no-cache");
        let tag = answer.headers().get("etag").unwrap().to_str().unwrap().to_owned();
        assert_eq!(read_body(answer).await, program);
        let known = ask(&folder, "/agent/keyward-agent-x86_64", Some(&tag)).await;
        assert_eq!(known.status(), 304);
        folder.write("keyward-agent-x86_64", "a newer one");
        assert_eq!(ask(&folder, "/agent/keyward-agent-x86_64", Some(&tag)).await.status(), 200);
        let summed = ask(&folder, "/agent/keyward-agent-x86_64.sha256", None).await;
        assert_eq!(read_body(summed).await, format!("{sum}  keyward-agent-x86_64\n"));
    }

    #[cfg(unix)]
    #[actix_web::test]
    async fn nothing_else_is_served() {
        let folder = Folder::new("nothing-else");
        folder.write("keyward-agent-x86_64", "program");
        folder.write("secret", "secret");
        folder.write("keyward-agent-", "secret");
        std::os::unix::fs::symlink("/etc/hostname", folder.0.join("keyward-agent-link")).unwrap();
        std::fs::create_dir_all(folder.0.join("keyward-agent-folder")).unwrap();
        for path in [
            "secret",
            "keyward-agent-",
            "keyward-agent-link",
            "keyward-agent-folder",
            "keyward-agent-arm",
            "keyward-agent-x86_64.sha256",
            "keyward-agent-x86_64.sha256.sha256",
            "keyward-agent-x86_64%00",
            "..%2fsecret",
            "%2e%2e/secret",
            "keyward-agent-x86_64%2f..%2fsecret",
            "keyward-agent-x86_64/",
            "",
        ] {
            let answer = ask(&folder, &format!("/agent/{path}"), None).await;
            assert_eq!(answer.status(), 404, "{path}");
        }
    }

    proptest! {
        #[test]
        fn no_name_leaves_the_folder(name in ".{0,60}") {
            prop_assert!(!is_program(&name) || !name.contains(['/', '.', '\\', '\0']));
        }
    }
}
