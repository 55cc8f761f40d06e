//! The gateway's binary from its start to its end: without policy, with a bad one, over TLS, killed, drained.

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1;
use hyper::{Request, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::process::Command;

use crate::support::counterparts::{Server, fixture, logged};
use crate::support::dev::journal;
use crate::support::eventually;
use crate::support::gateway::{Gateway, document, folders, write_document};
use crate::support::http::{Ask, tool_call};
use crate::support::process::{binary, finish, lychgate};

fn echo() -> String {
    tool_call("echo", &json!({"message": "hi"}))
}

async fn stage() -> (TempDir, Server) {
    let folder = folders();
    let server = fixture("both", "upstream-token-one", &folder.path().join("requests.jsonl")).await;
    (folder, server)
}

#[tokio::test]
async fn without_a_readable_policy_every_call_is_refused_and_the_log_says_why() {
    let (folder, server) = stage().await;
    let gateway = Gateway::start(folder, &[]).await;
    let refused = async |what: &str| {
        let answer = Ask::post(&gateway.url(), echo()).send().await;
        assert_eq!((answer.status, answer.code()), (StatusCode::SERVICE_UNAVAILABLE, -31_503), "{what}");
        let ready = Ask::get(&format!("{}/readyz", gateway.admin)).send().await;
        assert_eq!(ready.status, StatusCode::SERVICE_UNAVAILABLE, "{what}");
        assert_eq!(Ask::get(&format!("{}/healthz", gateway.admin)).send().await.status, StatusCode::OK);
    };
    refused("no document").await;
    let mut wrong = document(&server.url, 1);
    wrong["upstream"]["url"] = json!("http://169.254.169.254/mcp");
    for (text, said) in [
        ("{ this is no JSON".to_owned(), "key must be a string"),
        (json!({"apiVersion": "x"}).to_string(), "missing field"),
        (wrong.to_string(), "upstream.url: 169.254.169.254"),
    ] {
        write_document(&gateway.folder, &text);
        eventually(said, async || gateway.process.output().contains(said).then_some(())).await;
        refused(said).await;
    }
    write_document(&gateway.folder, &document(&server.url, 1).to_string());
    gateway.ready().await;
    assert_eq!(Ask::post(&gateway.url(), echo()).send().await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_bad_document_never_replaces_a_good_one_and_an_old_one_never_a_new_one() {
    let (folder, server) = stage().await;
    write_document(&folder, &document(&server.url, 10).to_string());
    let gateway = Gateway::start(folder, &[]).await;
    let status = async || Ask::post(&gateway.url(), echo()).send().await.status;
    assert_eq!(status().await, StatusCode::OK);

    let mut older = document(&server.url, 9);
    older["access"] = json!([]);
    for (text, said) in
        [("{".to_owned(), "EOF while parsing"), (older.to_string(), "sequence 9 is older than 10")]
    {
        write_document(&gateway.folder, &text);
        eventually(said, async || gateway.process.output().contains(said).then_some(())).await;
        assert_eq!(status().await, StatusCode::OK, "{said}");
    }
    let mut newer = document(&server.url, 11);
    newer["access"] = json!([{"users": ["anonymous"], "tools": ["other"]}]);
    write_document(&gateway.folder, &newer.to_string());
    eventually("the new policy", async || {
        let answer = Ask::post(&gateway.url(), echo()).send().await;
        answer.text.contains("Unknown tool: echo").then_some(())
    })
    .await;
    let metrics = Ask::get(&format!("{}/metrics", gateway.admin)).send().await.text;
    assert!(metrics.contains(r#"lychgate_policy_sequence{connection="test/server"} 11"#), "{metrics}");
}

#[tokio::test]
async fn the_operator_is_told_what_is_served_and_which_credentials_could_be_sent() {
    let (folder, server) = stage().await;
    let good = document(&server.url, 7).to_string();
    write_document(&folder, &good);
    std::fs::write(folder.path().join("config/broken.json"), r#"{"sequence": 3}"#).unwrap();
    let gateway = Gateway::start(folder, &[]).await;
    let told =
        async || Ask::get(&format!("{}/config", gateway.admin)).send().await.message()["connections"].take();
    let hash = async |text: &str| {
        let printed = finish(Command::new("sha256sum"), text).await.output;
        printed.split(' ').next().unwrap().to_owned()
    };
    let one = told().await;
    let never_good = json!({"connection": "broken", "refused": {
        "sequence": 3, "hash": hash(r#"{"sequence": 3}"#).await, "problem": one[0]["refused"]["problem"]}});
    assert_eq!(one[0], never_good);
    assert!(one[0]["refused"]["problem"].as_str().unwrap().contains("missing field"), "{one}");
    let version = one[1]["credentials"][0]["version"].clone();
    assert_eq!(
        one[1],
        json!({"connection": "test/server", "sequence": 7, "hash": hash(&good).await,
        "credentials": [{"name": "default", "version": version}], "toolPinning": {"mode": "Off"}})
    );

    assert_eq!(Ask::post(&gateway.url(), echo()).send().await.status, StatusCode::OK);
    let written = journal(&gateway.journal_folder());
    assert!(written.contains(&format!(r#""version":{version}"#)), "the record has the same version");

    let secret = |key: &str| gateway.folder.path().join("secrets/upstream").join(key);
    for (key, value, reason, problem) in [
        (
            "lychgate-allowed-hosts",
            Some("other.example"),
            "HostNotAllowed",
            "Secret upstream does not list 127.0.0.1",
        ),
        ("lychgate-allowed-hosts", Some("127.0.0.1"), "", ""),
        ("token", Some("two\nlines"), "Unusable", "key token of Secret upstream cannot stand in a header"),
        ("token", Some(""), "Unusable", "key token of Secret upstream is empty"),
        ("token", None, "Missing", "Secret upstream has no key token, or is not mounted"),
        ("token", Some("upstream-token-two"), "", ""),
    ] {
        match value {
            Some(value) => std::fs::write(secret(key), value).unwrap(),
            None => std::fs::remove_file(secret(key)).unwrap(),
        }
        let credential = told().await[1]["credentials"][0].take();
        if reason.is_empty() {
            assert!(credential["version"].is_string(), "{credential}");
        } else {
            assert_eq!((&credential["reason"], &credential["version"]), (&json!(reason), &Value::Null));
            assert!(credential["problem"].as_str().unwrap().starts_with(problem), "{credential}");
        }
    }
    assert_ne!(told().await[1]["credentials"][0]["version"], version, "another value, another version");

    let refused = json!({"apiVersion": "x", "sequence": 8}).to_string();
    write_document(&gateway.folder, &refused);
    let connection = eventually("the refusal", async || {
        let connection = told().await[1].take();
        connection["refused"].is_object().then_some(connection)
    })
    .await;
    assert_eq!((&connection["sequence"], &connection["hash"]), (&json!(7), &json!(hash(&good).await)));
    assert_eq!(connection["refused"]["sequence"], 8);
    assert_eq!(connection["refused"]["hash"], hash(&refused).await);
}

#[tokio::test]
async fn two_documents_of_one_connection_are_told_once_and_the_first_counts() {
    let (folder, server) = stage().await;
    let mut second = document(&server.url, 1);
    second["access"] = json!([]);
    std::fs::write(folder.path().join("config/also.json"), second.to_string()).unwrap();
    write_document(&folder, &document(&server.url, 1).to_string());
    let gateway = Gateway::start(folder, &[]).await;
    let answer = Ask::post(&gateway.url(), echo()).send().await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN, "also.json comes before server.json: {}", answer.text);
    // Each of these is taken up by a later look at the folder.
    for sequence in 2..5 {
        second["sequence"] = json!(sequence);
        std::fs::write(gateway.folder.path().join("next.json"), second.to_string()).unwrap();
        std::fs::rename(
            gateway.folder.path().join("next.json"),
            gateway.folder.path().join("config/also.json"),
        )
        .unwrap();
        eventually("the next document", async || {
            let metrics = Ask::get(&format!("{}/metrics", gateway.admin)).send().await.text;
            metrics.contains(&format!(r#"{{connection="test/server"}} {sequence}"#)).then_some(())
        })
        .await;
    }
    let output = gateway.process.output();
    assert_eq!(output.matches("two documents of one connection").count(), 1, "{output}");
    assert_eq!(output.matches("policy in use").count(), 5, "two at the start, and three changes: {output}");
}

struct Certificate {
    pem: String,
    key: String,
}

fn certificate() -> Certificate {
    let key = KeyPair::generate().unwrap();
    let pem = CertificateParams::new(vec!["localhost".to_owned()]).unwrap().self_signed(&key).unwrap().pem();
    Certificate { pem, key: key.serialize_pem() }
}

/// A POST over TLS by a client that trusts only `trusted`; the HTTP version that was negotiated with it.
async fn post_over_tls(address: &str, trusted: &str) -> Result<(StatusCode, hyper::Version), String> {
    lychgate_gateway::outbound::install_crypto_provider();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(trusted.as_bytes()).unwrap()).unwrap();
    let tls = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let connector = hyper_rustls::HttpsConnectorBuilder::new()
        .with_tls_config(tls)
        .https_only()
        .enable_all_versions()
        .build();
    let client = Client::builder(TokioExecutor::new()).build::<_, Full<Bytes>>(connector);
    let port = address.rsplit(':').next().unwrap();
    let request = Request::post(format!("https://localhost:{port}/server/mcp"))
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(echo())))
        .unwrap();
    let response = client.request(request).await.map_err(|error| format!("{error:?}"))?;
    let (status, version) = (response.status(), response.version());
    response.into_body().collect().await.unwrap();
    Ok((status, version))
}

/// The protocol that is agreed on with a client that offers these (ALPN, RFC 7301).
async fn negotiated(address: &str, trusted: &str, offered: &[&str]) -> Result<Option<String>, String> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(trusted.as_bytes()).unwrap()).unwrap();
    let mut tls = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    tls.alpn_protocols = offered.iter().map(|name| name.as_bytes().to_vec()).collect();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(tls));
    let stream = TcpStream::connect(address).await.unwrap();
    let connected = connector.connect("localhost".try_into().unwrap(), stream).await;
    let stream = connected.map_err(|error| error.to_string())?;
    Ok(stream.get_ref().1.alpn_protocol().map(|name| String::from_utf8(name.to_vec()).unwrap()))
}

/// Ends TLS in front of a plain server, as many servers have it.
async fn tls_in_front_of(server: &str, certificate: &Certificate) -> String {
    lychgate_gateway::outbound::install_crypto_provider();
    let chain = vec![CertificateDer::from_pem_slice(certificate.pem.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(certificate.key.as_bytes()).unwrap();
    let config = rustls::ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key).unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let target = server.strip_prefix("http://").unwrap().split('/').next().unwrap().to_owned();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, target) = (acceptor.clone(), target.clone());
            tokio::spawn(async move {
                let Ok(mut outer) = acceptor.accept(stream).await else { return };
                let mut inner = TcpStream::connect(target).await.unwrap();
                // Either side may close first.
                let _closed = tokio::io::copy_bidirectional(&mut outer, &mut inner).await;
            });
        }
    });
    format!("https://localhost:{port}/mcp")
}

#[tokio::test]
async fn tls_is_spoken_both_ways_and_a_new_certificate_needs_no_restart() {
    let (folder, server) = stage().await;
    let (own, upstream) = (certificate(), certificate());
    let tls = folder.path().join("tls");
    std::fs::create_dir(&tls).unwrap();
    let install = |certificate: &Certificate| {
        std::fs::write(tls.join("tls.key"), &certificate.key).unwrap();
        std::fs::write(tls.join("tls.crt"), &certificate.pem).unwrap();
    };
    install(&own);
    let url = tls_in_front_of(&server.url, &upstream).await;
    let mut trusting = document(&url, 1);
    trusting["upstream"]["ca"] = json!({"configMap": "ca", "key": "ca.crt"});
    trusting["upstream"]["insecurePlaintext"] = json!(false);
    write_document(&folder, &trusting.to_string());
    let gateway = Gateway::start(folder, &["--tls-dir", tls.to_str().unwrap()]).await;

    let refused = post_over_tls(&gateway.address, &own.pem).await.unwrap();
    assert_eq!(refused.0, StatusCode::SERVICE_UNAVAILABLE, "the bundle of authorities is not there yet");
    std::fs::write(gateway.folder.path().join("config-maps/ca/ca.crt"), &upstream.pem).unwrap();
    gateway.ready().await;
    let answered = post_over_tls(&gateway.address, &own.pem).await.unwrap();
    assert_eq!(answered, (StatusCode::OK, hyper::Version::HTTP_2));
    assert!(
        post_over_tls(&gateway.address, &upstream.pem).await.is_err(),
        "the client checks the certificate"
    );

    let mut distrusting = document(&url, 2);
    distrusting["upstream"]["insecurePlaintext"] = json!(false);
    write_document(&gateway.folder, &distrusting.to_string());
    eventually("the server's certificate to be distrusted", async || {
        let answer = post_over_tls(&gateway.address, &own.pem).await.unwrap();
        (answer.0 == StatusCode::BAD_GATEWAY).then_some(())
    })
    .await;

    let renewed = certificate();
    install(&renewed);
    eventually("the new certificate", async || post_over_tls(&gateway.address, &renewed.pem).await.ok())
        .await;

    // A pair that cannot be used leaves the last good one: a broken chain, and one of another key.
    for broken in ["no certificate", &certificate().pem] {
        let seen = || gateway.process.output().matches("the old one stays").count();
        let before = seen();
        std::fs::write(tls.join("tls.crt"), broken).unwrap();
        eventually("the broken pair to be seen", async || (seen() > before).then_some(())).await;
        let answered = post_over_tls(&gateway.address, &renewed.pem).await;
        assert!(answered.is_ok(), "the last good one is served: {answered:?}");
    }
    let last = certificate();
    install(&last);
    eventually("the pair that is good again", async || post_over_tls(&gateway.address, &last.pem).await.ok())
        .await;
    for (offered, taken) in
        [(&["h2", "http/1.1"][..], Some("h2")), (&["http/1.1"], Some("http/1.1")), (&[], None)]
    {
        assert_eq!(
            negotiated(&gateway.address, &last.pem, offered).await,
            Ok(taken.map(str::to_owned)),
            "{offered:?}"
        );
    }
    let other = negotiated(&gateway.address, &last.pem, &["spdy/3"]).await;
    assert!(other.is_err(), "a client that speaks neither is refused (RFC 7301, section 3.2): {other:?}");
}

#[tokio::test]
async fn a_killed_gateway_has_recorded_what_it_did_and_the_next_goes_on_after_it() {
    let (folder, server) = stage().await;
    write_document(&folder, &document(&server.url, 1).to_string());
    let gateway = Gateway::start(folder, &[]).await;
    for _ in 0..5 {
        assert_eq!(Ask::post(&gateway.url(), echo()).send().await.status, StatusCode::OK);
    }
    let slow = tool_call("slow", &json!({"milliseconds": 3000}));
    let url = gateway.url();
    let pending = tokio::spawn(async move { Ask::post(&url, slow).send().await });
    let written = || journal(&gateway.journal_folder());
    eventually("the slow call to be recorded", async || {
        written().contains(r#""target":"slow""#).then_some(())
    })
    .await;
    let (journal_folder, records) = (gateway.journal_folder(), gateway.folder.path().join("journal"));
    let Gateway { folder, process, .. } = gateway;
    process.kill().await;
    assert!(pending.await.is_err(), "the client's connection broke");

    // A line that was half written when the process died.
    let segment = std::fs::read_dir(&journal_folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|extension| extension == "jsonl"))
        .unwrap();
    let mut torn = std::fs::read(&segment).unwrap();
    torn.extend_from_slice(br#"{"v":1,"sequ"#);
    std::fs::write(&segment, torn).unwrap();

    let gateway = Gateway::start(folder, &[]).await;
    assert_eq!(Ask::post(&gateway.url(), echo()).send().await.status, StatusCode::OK);
    let (code, output) = gateway.process.terminate().await;
    assert_eq!(code, Some(0), "{output}");
    let verified = lychgate(&["verify", "--records", records.to_str().unwrap()], "").await;
    assert_eq!(verified.code, 0, "{}", verified.output);
    assert!(verified.output.contains(", 0 entries after the last head"), "{}", verified.output);
    let segments: Vec<_> = std::fs::read_dir(&journal_folder).unwrap().collect();
    assert_eq!(segments.len(), 3, "two segments and the lock");
    let echoes = lychgate(&["sessions", "list", "--records", records.to_str().unwrap()], "").await.output;
    assert!(echoes.contains("test/server"), "{echoes}");
}

#[tokio::test]
async fn what_cannot_be_recorded_is_not_sent() {
    let (folder, server) = stage().await;
    let log = folder.path().join("requests.jsonl");
    write_document(&folder, &document(&server.url, 1).to_string());
    let gateway = Gateway::start(folder, &["--journal-limit-mebibytes", "1"]).await;
    let large = tool_call("echo", &json!({"message": "x".repeat(60_000)}));
    let refused = eventually("the journal to be full", async || {
        let before = logged(&log).len();
        let answer = Ask::post(&gateway.url(), large.clone()).send().await;
        let sent = logged(&log).len() - before;
        (answer.status == StatusCode::SERVICE_UNAVAILABLE).then_some((answer, sent))
    })
    .await;
    assert_eq!((refused.0.code(), refused.1), (-31_503, 0), "{}", refused.0.text);
    let ready = Ask::get(&format!("{}/readyz", gateway.admin)).send().await;
    assert!(ready.text.contains("the record cannot be written"), "{}", ready.text);
    let records = gateway.folder.path().join("journal");
    let size: u64 = std::fs::read_dir(gateway.journal_folder())
        .unwrap()
        .map(|entry| entry.unwrap().metadata().unwrap().len())
        .sum();
    assert!(size <= 1024 * 1024 + 4096, "{size}: the limit, and the heads that sign it");
    gateway.process.terminate().await;
    let verified = lychgate(&["verify", "--records", records.to_str().unwrap()], "").await;
    assert_eq!(verified.code, 0, "{}", verified.output);
}

#[tokio::test]
async fn a_gateway_that_is_told_to_end_lets_calls_end_first() {
    let (folder, server) = stage().await;
    write_document(&folder, &document(&server.url, 1).to_string());
    let gateway = Gateway::start(folder, &[]).await;
    let url = gateway.url();
    let slow = tool_call("slow", &json!({"milliseconds": 1500}));
    let pending = tokio::spawn(async move { Ask::post(&url, slow).send().await });
    let journal_folder = gateway.journal_folder();
    eventually("the call to be under way", async || {
        journal(&journal_folder).contains(r#""kind":"Injected""#).then_some(())
    })
    .await;
    let Gateway { folder, process, .. } = gateway;
    let (code, output) = process.terminate().await;
    let answer = pending.await.unwrap();
    assert!(answer.text.contains("done after 1500 ms"), "{}", answer.text);
    assert_eq!(code, Some(0), "{output}");
    let last: Value = serde_json::from_str(journal(&journal_folder).lines().last().unwrap()).unwrap();
    assert_eq!(last["kind"], "Head", "the journal is closed with a signed head");
    drop(folder);
}

/// A client cannot know whether what it sends into a connection that closes has been taken.
#[tokio::test]
async fn a_connection_is_told_that_an_answer_is_its_last_before_it_closes() {
    let (folder, server) = stage().await;
    write_document(&folder, &document(&server.url, 1).to_string());
    let gateway = Gateway::start(folder, &[]).await;
    let address = gateway.url().strip_prefix("http://").unwrap().split('/').next().unwrap().to_owned();
    let stream = TcpStream::connect(&address).await.unwrap();
    let (mut client, driver) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    let _driver = tokio::spawn(driver);
    let Gateway { folder, process, .. } = gateway;
    let ending = tokio::spawn(process.terminate());
    // Until it drains, each answer leaves the connection open.
    let mut last = false;
    while !last {
        client.ready().await.unwrap();
        let request = Request::get("/").header("host", &address).body(Full::<Bytes>::default()).unwrap();
        let response = client.send_request(request).await.expect("an answer, until one is the last");
        last = response.headers().get("connection").is_some_and(|value| value == "close");
        response.into_body().collect().await.unwrap();
    }
    assert!(client.ready().await.is_err(), "the connection is closed after its last answer");
    assert_eq!(ending.await.unwrap().0, Some(0));
    drop(folder);
}

#[tokio::test]
async fn a_start_that_cannot_be_says_what_to_do() {
    let folder = folders();
    let path = |name: &str| folder.path().join(name);
    let start = |change: &str| {
        let mut command = Command::new(binary("lychgate-gateway"));
        for (flag, value) in [
            ("--config-dir", path("config")),
            ("--secrets-dir", path("secrets")),
            ("--config-maps-dir", path("config-maps")),
            ("--keys-dir", path("keys")),
            ("--journal-dir", path("journal")),
        ] {
            command.arg(flag).arg(if change == flag { "/dev/null".into() } else { value });
        }
        command.args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]);
        command.args(["--replica", if change == "--replica" { "../x" } else { "replica-0" }]);
        match change {
            "--tls-dir" => command.args(["--tls-dir", "/nowhere"]),
            "neither" => &mut command,
            "--kubernetes-dir" => command.args(["--plaintext", "--watch-config-map", "gateway"]),
            "--watch-config-map" | "--kubernetes-url" => {
                let name = if change == "--watch-config-map" { "a,b" } else { "gateway" };
                command.args(["--plaintext", "--watch-config-map", name, "--kubernetes-dir", "/nowhere"]);
                command.env_remove("KUBERNETES_SERVICE_HOST")
            }
            _ => command.arg("--plaintext"),
        };
        command
    };
    for (change, said) in [
        ("--keys-dir", "it must hold 32 random bytes"),
        ("--journal-dir", "the journal's folder must be writable"),
        ("--replica", "must be letters, digits"),
        ("--tls-dir", "it must hold tls.crt"),
        ("neither", "--tls-dir"),
        ("--kubernetes-dir", "--kubernetes-dir"),
        ("--watch-config-map", "is no name of a ConfigMap"),
        ("--kubernetes-url", "name it with --kubernetes-url"),
    ] {
        let finished = finish(start(change), "").await;
        assert_ne!(finished.code, 0, "{change}");
        let output = finished.output + &finished.errors;
        assert!(output.contains(said), "{change}: {output}");
    }
}
