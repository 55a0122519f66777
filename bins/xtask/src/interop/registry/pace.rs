//! How fast the gateway is, beside the registry behind it: a large pull, and questions for manifests.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, ensure};

use super::clients::skopeo;
use super::images::{Image, digest};
use super::upstream::Upstream;
use super::wire::Ask;
use super::{Depot, said};
use crate::interop::server::Server;

/// How large the pull is.
const BYTES: usize = 200 * 1024 * 1024;

/// How often each is measured, in turns.
const ROUNDS: usize = 7;

/// What clients accept.
const FORMS: &str = "application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.list.v2+json, \
     application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json";

/// For how long manifests are asked for, and over how many connections.
const HEADS: Duration = Duration::from_secs(5);
const CONNECTIONS: usize = 16;

/// Measures and prints; `false` if memory grows with what is pulled.
pub(crate) fn measure() -> Result<bool> {
    let server = Server::start_release()?;
    let mut upstream = Upstream::new()?;
    let depot = Depot::open(&server, &upstream.url())?;
    upstream.start(&depot.tenant, &depot.registry)?;
    depot.tenant.http.patch(&format!("/api/v1/registries/{}", depot.registry), r#"{"direct":true}"#)?;
    let layer: Vec<u8> =
        (0..BYTES as u64 / 8).flat_map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes()).collect();
    let image = Image::of(layer, b"{}".to_vec());
    image.push(depot.port, &depot.push, "acme/large", "1")?;
    let blob = format!("/v2/acme/large/blobs/{}", digest(&image.layer));
    let token = || -> Result<String> {
        let path = "/registry/token?service=127.0.0.1&scope=repository:acme/large:pull";
        let given = Ask::new("GET", path).key(&depot.pull).send(depot.port)?;
        given.json()["token"].as_str().map(str::to_owned).context("a token is given")
    };
    let places = [("upstream", upstream.url(), token()?), ("gateway", server.url(), depot.pull.clone())];
    let before = server.memory()?;
    let mut took: [Vec<Duration>; 2] = Default::default();
    let mut raw: [Vec<Duration>; 2] = Default::default();
    let mut most = 0;
    for _ in 0..ROUNDS {
        for (index, (_, url, bearer)) in places.iter().enumerate() {
            let folder = tempfile::tempdir()?;
            let (creds, to) =
                (format!("x:{}", depot.pull), format!("dir:{}", folder.path().join("image").display()));
            let from = format!("{}/acme/large:1", url.replace("http://", "docker://"));
            let started = Instant::now();
            let pulled = skopeo(&["copy", "--src-tls-verify=false", "--src-creds", &creds, &from, &to])?;
            took[index].push(started.elapsed());
            ensure!(pulled.status.success(), "skopeo: {}", said(&pulled));
            let started = Instant::now();
            let mut curl = Command::new("curl");
            curl.args([
                "-sf",
                "-o",
                "/dev/null",
                "-H",
                &format!("Authorization: Bearer {bearer}"),
                &format!("{url}{blob}"),
            ]);
            ensure!(curl.status()?.success(), "curl {url}{blob}");
            raw[index].push(started.elapsed());
            most = most.max(server.memory()?);
        }
    }
    let [direct, through] = took.map(median);
    let ratio = through / direct;
    println!("skopeo pulls 200 MB  upstream {direct:.3} s   gateway {through:.3} s   ratio {ratio:.2}");
    let [direct, through] = raw.map(median);
    println!(
        "curl to /dev/null    upstream {direct:.3} s   gateway {through:.3} s   ratio {:.2}",
        through / direct
    );
    println!("memory of the server {} MB before, {} MB at most", before >> 20, most >> 20);
    let heads = [0, 1].map(|index| -> Result<f64> {
        let (_, url, bearer) = &places[index];
        heads(url.rsplit(':').next().and_then(|port| port.parse().ok()).context("a port")?, bearer)
    });
    let [direct, through] = heads;
    let (direct, through) = (direct?, through?);
    println!(
        "HEAD of a manifest   upstream {direct:.0}/s   gateway {through:.0}/s   ratio {:.2}",
        through / direct
    );
    Ok(most < before + (64 << 20))
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64()
}

/// HEADs of a manifest a second, over some connections that are kept open.
fn heads(port: u16, bearer: &str) -> Result<f64> {
    let request = format!(
        "HEAD /v2/acme/large/manifests/1 HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept: {FORMS}\r\n\
         Authorization: Bearer {bearer}\r\n\r\n"
    );
    let one = || -> Result<u64> {
        let mut stream = BufReader::new(TcpStream::connect(("127.0.0.1", port))?);
        let (started, mut count, mut line) = (Instant::now(), 0, String::new());
        while started.elapsed() < HEADS {
            stream.get_mut().write_all(request.as_bytes())?;
            line.clear();
            stream.read_line(&mut line)?;
            ensure!(line.contains(" 200 "), "HEAD: {line}");
            while line != "\r\n" {
                line.clear();
                ensure!(stream.read_line(&mut line)? > 0, "the connection was closed");
            }
            count += 1;
        }
        Ok(count)
    };
    let counts = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..CONNECTIONS).map(|_| scope.spawn(one)).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().map_err(|_| anyhow!("a thread broke"))?)
            .sum::<Result<u64>>()
    })?;
    Ok(counts as f64 / HEADS.as_secs_f64())
}
