//! Images of this machine's binaries: what is in them, and that it runs with nothing else beside it.
#![allow(
    missing_docs,
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests fail by panicking"
)]

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use lychgate_tests_image::{Content, Image, Layout, USER, bill};
use serde_json::Value;

/// A blob of a layout, checked against its descriptor.
fn blob(layout: &Path, descriptor: &Value) -> Vec<u8> {
    let digest = descriptor["digest"].as_str().unwrap();
    let bytes = fs::read(layout.join("blobs").join(digest.replace(':', "/"))).unwrap();
    let actual = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &bytes);
    assert_eq!(digest, format!("sha256:{}", hex::encode(actual)), "a blob is named by its digest");
    assert_eq!(descriptor["size"], bytes.len());
    bytes
}

fn json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

/// Manifest, configuration and layer.
fn parts(layout: &Path) -> (Value, Value, Vec<u8>) {
    let version = json(&fs::read(layout.join("oci-layout")).unwrap());
    assert_eq!(version["imageLayoutVersion"], "1.0.0");
    let index = json(&fs::read(layout.join("index.json")).unwrap());
    let manifest = json(&blob(layout, &index["manifests"][0]));
    let configuration = json(&blob(layout, &manifest["config"]));
    let layer = blob(layout, &manifest["layers"][0]);
    assert_eq!(
        configuration["rootfs"]["diff_ids"][0], manifest["layers"][0]["digest"],
        "nothing is compressed"
    );
    (manifest, configuration, layer)
}

/// What cargo has built beside this test.
fn built(name: &str) -> PathBuf {
    let here = std::env::current_exe().unwrap();
    let found = here.ancestors().map(|folder| folder.join(name)).find(|path| path.is_file());
    found.unwrap_or_else(|| panic!("{name} is missing; cargo build -p {name}"))
}

fn written(image: &Image, folder: &Path) -> Layout {
    image.write(folder, "lychgate.test/image:dev").unwrap()
}

fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap()
}

/// What people build and what is tested do not drift apart.
#[test]
fn the_containerfile_makes_an_image_of_each_binary_with_our_rust_and_as_nobody() {
    let text = fs::read_to_string(workspace().join("Containerfile")).unwrap();
    let rust = concat!("docker.io/library/rust:", env!("CARGO_PKG_RUST_VERSION"), "-slim-bookworm\n");
    assert!(text.contains(rust), "{rust}");
    let stages: Vec<&str> = text.split("\nFROM ").skip(2).collect();
    assert_eq!(stages.len(), 2);
    for (stage, name) in stages.into_iter().zip(["operator", "gateway"]) {
        let binary = format!("lychgate-{name}");
        let expected = format!(
            "${{BASE_IMAGE}} AS {name}\nCOPY --from=build /binaries/{binary} /binaries/{binary}.cdx.json /\n\
             USER {USER}:{USER}\nENTRYPOINT [\"/{binary}\"]"
        );
        assert_eq!(stage.trim_end(), expected);
    }
}

#[test]
fn an_image_of_the_same_files_has_the_same_digest_and_another_file_another() {
    let folder = tempfile::tempdir().unwrap();
    let binary = folder.path().join("binary");
    fs::copy(env!("CARGO_BIN_EXE_lychgate-test-pause"), &binary).unwrap();
    let first = written(&Image::of(&binary).unwrap(), &folder.path().join("first"));
    File::options()
        .write(true)
        .open(&binary)
        .unwrap()
        .set_modified(std::time::SystemTime::UNIX_EPOCH)
        .unwrap();
    let second = written(&Image::of(&binary).unwrap(), &folder.path().join("second"));
    assert_eq!(first.digest, second.digest);
    File::options().append(true).open(&binary).unwrap().write_all(b"more").unwrap();
    let third = written(&Image::of(&binary).unwrap(), &folder.path().join("third"));
    assert_ne!(first.digest, third.digest);
}

#[test]
fn an_image_holds_the_binary_its_libraries_and_a_user_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let image = Image::of(Path::new(env!("CARGO_BIN_EXE_lychgate-test-pause"))).unwrap();
    let layout = written(&image, folder.path());
    let (_, configuration, layer) = parts(&layout.directory);
    assert_eq!(configuration["config"]["User"], "65532:65532");
    assert_eq!(configuration["config"]["Entrypoint"][0], "/lychgate-test-pause");
    let mut archive = tar::Archive::new(&*layer);
    for entry in archive.entries().unwrap() {
        let entry = entry.unwrap();
        let path = entry.path().unwrap().display().to_string();
        let expected = ["lychgate-test-pause", "etc/", "lib", "usr/"];
        assert!(expected.iter().any(|start| path.starts_with(start)), "{path}");
        assert!(!path.contains("bin/") && !path.ends_with("/sh"), "no shell: {path}");
        let header = entry.header();
        assert_eq!(
            (header.mtime().unwrap(), header.uid().unwrap(), header.gid().unwrap()),
            (0, 0, 0),
            "{path}"
        );
        assert_eq!(header.mode().unwrap() & 0o022, 0, "only root may write {path}");
    }
}

#[test]
fn a_tree_keeps_its_links_and_who_may_run_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let tree = folder.path().join("tree");
    fs::create_dir_all(tree.join("inner")).unwrap();
    fs::write(tree.join("inner/text"), "text").unwrap();
    std::os::unix::fs::symlink("inner/text", tree.join("link")).unwrap();
    let image = Image::of(Path::new(env!("CARGO_BIN_EXE_lychgate-test-pause"))).unwrap();
    let image = image.tree("app", &tree).unwrap().file("app/more", 0o600, Content::Bytes(b"more".to_vec()));
    let root = folder.path().join("root");
    unpack(&written(&image, &folder.path().join("layout")), &root);
    assert_eq!(fs::read_link(root.join("app/link")).unwrap(), Path::new("inner/text"));
    assert_eq!(fs::metadata(root.join("app/inner/text")).unwrap().mode() & 0o777, 0o644);
    assert_eq!(fs::read(root.join("app/more")).unwrap(), b"more");
    assert_eq!(fs::metadata(root.join("lychgate-test-pause")).unwrap().mode() & 0o777, 0o755);
}

#[test]
fn what_is_no_binary_of_this_machine_is_named_and_makes_no_image() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("script");
    fs::write(&script, "#!/bin/sh\n").unwrap();
    let foreign = folder.path().join("foreign");
    let mut bytes = fs::read(env!("CARGO_BIN_EXE_lychgate-test-pause")).unwrap();
    bytes[18] ^= 0xff;
    fs::write(&foreign, bytes).unwrap();
    for binary in [folder.path().join("nothing"), script, foreign] {
        let error = Image::of(&binary).unwrap_err().to_string();
        assert!(error.contains(binary.to_str().unwrap()), "{error}");
    }
}

fn unpack(layout: &Layout, root: &Path) {
    let (_, _, layer) = parts(&layout.directory);
    tar::Archive::new(&*layer).unpack(root).unwrap();
}

/// The operator and the gateway from their images, as their pods run them: as nobody, and nothing can be written.
#[test]
fn the_binaries_run_from_their_images_as_nobody_on_a_root_that_nobody_can_write() {
    let is_root = fs::metadata("/proc/self").unwrap().uid() == 0;
    for name in ["lychgate-operator", "lychgate-gateway"] {
        let folder = tempfile::tempdir().unwrap();
        let image = Image::stripped(&built(name), folder.path()).unwrap();
        let image = image.with_bill(workspace()).unwrap();
        let layout = written(&image, &folder.path().join("layout"));
        println!("{name}: {} MB", layout.size / 1_000_000);
        let root = folder.path().join("root");
        unpack(&layout, &root);
        assert_eq!(
            fs::read_to_string(root.join(format!("{name}.cdx.json"))).unwrap(),
            bill(workspace(), name).unwrap()
        );
        if !is_root {
            println!("SKIPPED: only root can change its root; {name} was not run");
            continue;
        }
        let script = format!(
            "mount --bind \"$1\" \"$1\" && mount -o remount,bind,ro \"$1\" &&
             ! touch \"$1/etc/passwd\" 2>/dev/null && exec chroot --userspec={USER}:{USER} \"$1\" \"$2\" --version"
        );
        let output = Command::new("unshare")
            .args(["--mount", "sh", "-c", &script, "sh"])
            .arg(&root)
            .arg(format!("/{name}"))
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(text.split_whitespace().next(), Some(name));
    }
}

/// Whoever scans images finds every crate with its version, its licence and its digest, and nothing that only tests
/// are built with.
#[test]
fn a_bill_of_materials_is_as_its_schema_says_and_names_what_is_linked_and_nothing_else() {
    for (package, linked, not) in [
        (
            "lychgate-gateway",
            ["hyper", "rustls", "aws-lc-sys", "lychgate-gateway-policy"],
            "lychgate-operator",
        ),
        ("lychgate-operator", ["kube", "rustls", "aws-lc-sys", "lychgate-operator-plan"], "lychgate-gateway"),
    ] {
        let text = bill(workspace(), package).unwrap();
        assert_eq!(schema_says(&text), r#"{"ok":true}"#);
        let bill = json(text.as_bytes());
        assert_eq!(bill["metadata"]["component"]["name"], package);
        let components = bill["components"].as_array().unwrap();
        let names: Vec<&str> = components.iter().map(|one| one["name"].as_str().unwrap()).collect();
        for name in linked {
            assert!(names.contains(&name), "{package} is built with {name}: {names:?}");
        }
        for name in [not, "tempfile", "rmcp", "serde_derive", "cc"] {
            assert!(!names.contains(&name), "{package} is not linked with {name}");
        }
        let lock = fs::read_to_string(workspace().join("Cargo.lock")).unwrap();
        for one in components {
            assert!(one["licenses"][0]["expression"].is_string(), "{one}");
            let digest = one["hashes"][0]["content"].as_str();
            let is_ours = one["name"].as_str().unwrap().starts_with("lychgate-");
            assert_eq!(digest.is_none(), is_ours, "{one}");
            assert!(digest.is_none_or(|digest| lock.contains(digest)), "{one}");
        }
    }
    let wrong = schema_says(r#"{"bomFormat": "CycloneDX", "specVersion": "1.6", "crates": []}"#);
    assert!(wrong.contains("crates"), "{wrong}");
    let error = bill(workspace(), "lychgate-nothing").unwrap_err().to_string();
    assert!(error.contains("lychgate-nothing"), "{error}");
}

/// What the library of CycloneDX says of a bill.
fn schema_says(bill: &str) -> String {
    let node = workspace().join("target/counterparts/bin/node");
    assert!(node.exists(), "{} is missing; run tests/counterparts/install", node.display());
    let mut verifier = Command::new(node)
        .arg(workspace().join("tests/counterparts/clients/verify_bill.mjs"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    verifier.stdin.take().unwrap().write_all(bill.as_bytes()).unwrap();
    let output = verifier.wait_with_output().unwrap();
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
