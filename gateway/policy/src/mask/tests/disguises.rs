//! Values in disguise: whatever kind of value, in whatever disguise that is undone, it is masked, and look-alikes stay.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Setup, parse, result};
use crate::mask::base64;

/// A value of each kind, with the words that it needs. What stands between `«` and `»` must not be shown.
pub(super) const SAMPLES: [(&str, &str); 52] = [
    ("CreditCard", "«4111 1111 1111 1111»"),
    ("Email", "«ada.lovelace@example.com»"),
    ("Iban", "«DE89 3704 0044 0532 0130 00»"),
    ("UsSsn", "«123-45-6789»"),
    ("Phone", "«+44 20 7946 0958»"),
    ("AwsKey", "«AKIAIOSFODNN7EXAMPLE»"),
    ("GithubToken", "«ghp_16C7e42F292c6912E7710c838347Ae178B4a»"),
    ("SlackToken", "«xoxb-1234567890-abcdefghij»"),
    ("JsonWebToken", "«eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.c2ln»"),
    (
        "PrivateKey",
        "-----BEGIN PRIVATE KEY-----\n«MIIBVgIBADANBgkqhkiG9w0BAQEFAASC»\n-----END PRIVATE KEY-----",
    ),
    ("UsItin", "«912-70-1234»"),
    ("UsEin", "ein «12-3456789»"),
    ("UsBankRouting", "routing «021000021»"),
    ("UsNpi", "npi «1234567893»"),
    ("UsDea", "dea «AB1234563»"),
    ("UsMedicare", "«1EG4-TE5-MK73»"),
    ("UsPassport", "passport «A12345678»"),
    ("UkNhsNumber", "«943 476 5919»"),
    ("UkNino", "«AB 12 34 56 C»"),
    ("UkUtr", "utr «1955839661»"),
    ("CaSin", "sin «176 123 198»"),
    ("AuTfn", "tfn «123 456 782»"),
    ("AuAbn", "abn «51 824 753 556»"),
    ("AuMedicare", "medicare «2123 45670 1»"),
    ("InAadhaar", "«2341 2341 2346»"),
    ("InPan", "pan «ABCPE1234F»"),
    ("BrCpf", "«123.456.789-09»"),
    ("BrCnpj", "«12.345.678/0001-95»"),
    ("EsNif", "dni «12345678Z»"),
    ("FrNir", "«2 95 10 99 126 111 93»"),
    ("DeTaxId", "steuer-id «36 574 261 809»"),
    ("ItFiscalCode", "«RCCMNL83S18D969H»"),
    ("PlPesel", "pesel «44051401359»"),
    ("NlBsn", "bsn «111222333»"),
    ("SgNric", "nric «S1234567D»"),
    ("Vin", "«1M8GDM9AXKP042788»"),
    ("IpAddress", "«203.0.113.77»"),
    ("MacAddress", "«00:1A:2B:3C:4D:5E»"),
    ("CryptoWallet", "«bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4»"),
    ("DateOfBirth", "born «1980-02-29»"),
    ("GoogleKey", "«AIzaSyA1234567890abcdefghijklmnopqrstuv»"),
    ("AzureKey", "«abc8Q~defghijklmnopqrstuvwxyz0123456789»"),
    ("GitlabToken", "«glpat-abcdefghij1234567890»"),
    ("StripeKey", "«sk_live_abcdefghij1234567890»"),
    ("OpenAiKey", "«sk-Abcdefghij1234567890Abcdefghij1234567890»"),
    ("AnthropicKey", "«sk-ant-api03-abcdefghij1234567890»"),
    ("NpmToken", "«npm_abcdefghijklmnopqrstuvwxyz0123456789»"),
    ("PypiToken", "«pypi-AgEIcHlwaS5vcmcCJDEyMzQ1Njc4OTAxMjM0NTY3ODkw»"),
    ("UrlCredentials", "postgres://«ada:hunter2»@db.example.com/x"),
    ("Password", "password=«hunter2hunter2»"),
    ("UsDriverLicense", "driver license «D1234567»"),
    ("HighEntropySecret", "token: «q8Zr2LmX9vTt4KpB7wHs»"),
];

/// Each character under a disguise that is one character.
fn each(text: &str, disguise: impl Fn(char) -> String) -> String {
    text.chars().map(disguise).collect()
}

fn in_utf8(character: char, write: impl Fn(u8) -> String) -> String {
    character.to_string().bytes().map(write).collect()
}

fn full_width(character: char) -> String {
    let wide =
        if character.is_ascii_graphic() { char::from_u32(u32::from(character) + 0xFEE0) } else { None };
    wide.unwrap_or(character).to_string()
}

/// Every disguise that is undone, by name, over a whole text.
pub(super) fn disguises(text: &str) -> Vec<(&'static str, String)> {
    let quoted = |text: &str| Value::from(text).to_string();
    let standard = base64::encode(text.as_bytes());
    let padding = "=".repeat((4 - standard.len() % 4) % 4);
    let padded = format!("{standard}{padding}");
    let is_digit_or_sign = |character: char| !character.is_ascii_alphabetic();
    let bold = |character: char| match character {
        '0'..='9' => char::from_u32(u32::from(character) - 48 + 0x1D7CE).unwrap().to_string(),
        plain => plain.to_string(),
    };
    let arabic = |character: char| match character {
        '0'..='9' => char::from_u32(u32::from(character) - 48 + 0x660).unwrap().to_string(),
        plain => plain.to_string(),
    };
    let wide_sign = |character: char| match character {
        ' ' => "\u{a0}".to_owned(),
        '-' => "\u{2011}".to_owned(),
        plain => plain.to_string(),
    };
    vec![
        ("as it is", text.to_owned()),
        ("zero-width space", each(text, |character| format!("{character}\u{200b}"))),
        ("zero-width joiner", each(text, |character| format!("\u{200d}{character}"))),
        ("word joiner", each(text, |character| format!("{character}\u{2060}"))),
        ("soft hyphen", each(text, |character| format!("{character}\u{ad}"))),
        ("byte order mark", each(text, |character| format!("\u{feff}{character}"))),
        (
            "bidi override",
            format!("\u{202d}{}\u{202c}", each(text, |character| format!("{character}\u{200e}"))),
        ),
        ("bidi isolate", each(text, |character| format!("\u{2066}{character}\u{2069}"))),
        ("variation selector", each(text, |character| format!("{character}\u{fe0f}"))),
        ("tag", each(text, |character| format!("{character}\u{e0020}"))),
        ("full width", each(text, full_width)),
        ("mathematical digits", each(text, bold)),
        ("Arabic digits", each(text, arabic)),
        ("other blanks and dashes", each(text, wide_sign)),
        ("percent", each(text, |character| in_utf8(character, |byte| format!("%{byte:02X}")))),
        (
            "percent, signs alone",
            each(text, |character| {
                if is_digit_or_sign(character) {
                    in_utf8(character, |byte| format!("%{byte:02x}"))
                } else {
                    character.to_string()
                }
            }),
        ),
        ("percent twice", each(text, |character| in_utf8(character, |byte| format!("%25{byte:02X}")))),
        ("decimal references", each(text, |character| format!("&#{};", u32::from(character)))),
        ("hexadecimal references", each(text, |character| format!("&#x{:X};", u32::from(character)))),
        ("escapes of JSON", each(text, |character| format!("\\u{:04x}", u32::from(character)))),
        ("behind an escaped line break", format!("\\n{text}\\n")),
        ("full width and zero width", each(text, |character| format!("{}\u{200b}", full_width(character)))),
        ("base64", padded.clone()),
        ("base64 without padding", standard.clone()),
        ("base64 for URLs", base64::for_urls(&standard)),
        ("base64 in a URL of data", format!("data:text/plain;base64,{padded}")),
        ("base64 twice", base64::encode(padded.as_bytes())),
        ("JSON in a text", format!("{{\"a\":{}}}", quoted(text))),
        ("JSON in JSON", json!({"a": json!({"b": json!([text]).to_string()}).to_string()}).to_string()),
        ("JSON in base64", base64::encode(json!({"a": text}).to_string().as_bytes())),
        ("JSON that was cut", format!("{{\"a\":{},\"b", quoted(text))),
        ("JSON in JSON that was cut", format!("{{\"a\":{},\"b", quoted(&quoted(text)))),
    ]
}

fn plain_and_value(row: &str) -> (String, String) {
    let value = row.split(['«', '»']).nth(1).unwrap();
    (row.replace(['«', '»'], ""), value.to_owned())
}

/// What a reader gets out of a text who undoes every disguise.
fn read_by_all(text: &str) -> String {
    let undo = crate::mask::decode::Undo { folds: true, escapes: true };
    let seen = |text: &str| {
        crate::mask::decode::View::of(text, undo)
            .map_or_else(|| text.to_owned(), |view| view.text().to_owned())
    };
    let mut read = seen(text);
    for _ in 0..3 {
        let all = crate::mask::decode::encoded::all(&read, std::slice::from_ref(&(0..read.len())));
        let inner: Vec<String> = all.into_iter().map(|encoded| seen(&encoded.text)).collect();
        read.push_str(&inner.join("\n"));
    }
    read
}

fn setup(kind: &str) -> Setup {
    Setup::with_rule(json!({"detectors": [{"type": kind, "action": {"redact": {}}}]}))
}

#[test]
fn no_planted_value_survives_in_any_disguise() {
    let mut survivors = Vec::new();
    for (kind, row) in SAMPLES {
        let (plain, value) = plain_and_value(row);
        let setup = setup(kind);
        for (disguise, text) in disguises(&plain) {
            let masked = setup.content(&text);
            if masked == text || read_by_all(&masked).contains(&value) {
                survivors.push(format!("{kind}, {disguise}: {masked}"));
            } else {
                assert_eq!(setup.content(&masked), masked, "{kind}, {disguise}, twice");
            }
        }
    }
    assert_eq!(survivors, Vec::<String>::new(), "{} survive", survivors.len());
}

#[test]
fn there_is_a_sample_of_every_kind() {
    let kinds: Vec<&str> = crate::mask::detect::ALL.into_iter().map(crate::mask::detect::name).collect();
    assert_eq!(SAMPLES.map(|(kind, _)| kind).to_vec(), kinds);
}

#[test]
fn a_disguised_value_is_masked_and_its_neighbours_stay() {
    let setup = Setup::redacting();
    for (text, expected) in [
        ("/u?mail=ada%40example.com&n=1%202", "/u?mail=[REDACTED:Email]&n=1%202"),
        ("pay ４１１１ １１１１ １１１１ １１１１ now – ok", "pay [REDACTED:CreditCard] now – ok"),
        ("mail ada&#64;example.com &amp; go", "mail [REDACTED:Email] &amp; go"),
        ("größe 4111\u{200b}1111\u{200b}1111\u{200b}1111é", "größe [REDACTED:CreditCard]é"),
    ] {
        assert_eq!(setup.content(text), expected);
    }
    let shown = Setup::with_rule(
        json!({"detectors": [{"type": "CreditCard", "action": {"partial": {"keepLast": 4}}}]}),
    );
    assert_eq!(shown.content("a 4111%201111%201111%201111 b"), "a **** **** **** 1111 b");
}

#[test]
fn a_text_in_base64_is_masked_inside_and_encoded_again() {
    let setup = Setup::redacting();
    let encode = |text: &str| base64::encode(text.as_bytes());
    let (plain, masked) = ("to ada@example.com, for good", "to [REDACTED:Email], for good");
    assert_eq!(setup.content(&format!("x {} y", encode(plain))), format!("x {} y", encode(masked)));
    let blob = |text: &str| {
        result(json!({"contents": [{"uri": "file:///a", "mimeType": "text/plain", "blob": encode(text)}]}))
    };
    assert_eq!(setup.json(&blob(plain)), blob(masked));
    let picture = result(json!({"content": [{"type": "image", "mimeType": "image/png",
        "data": base64::encode(b"\x89PNG\r\n\x1a\nada@example.com, somewhere in a comment")}]}));
    assert_eq!(setup.json(&picture), picture);
    let masked = setup.masked(&parse(&blob(plain).to_string()));
    assert_eq!(
        masked.counts().iter().map(|(kind, count)| (kind.as_str(), *count)).collect::<Vec<_>>(),
        [("Email", 1)]
    );
}

#[test]
fn an_excluded_value_stays_in_disguise_too() {
    let setup = Setup::with_rule(json!({
        "detectors": [{"type": "Email", "action": {"redact": {}}}],
        "exclude": {"values": {"exact": ["support@example.com"]}},
    }));
    for text in
        ["support%40example.com", "support＠example.com", &base64::encode(b"write to support@example.com")]
    {
        assert_eq!(setup.content(text), text);
    }
}

#[test]
fn what_a_rule_does_not_decode_stays_as_it_is() {
    let with = |decode: Value| {
        Setup::with_rule(json!({
            "detectors": [{"type": "Email", "action": {"redact": {}}}],
            "fields": [{"keys": ["pin"], "action": {"redact": {}}}],
            "decode": decode,
        }))
    };
    let encoded = base64::encode(b"write to ada@example.com");
    for (decode, text) in [
        (json!({"escapes": false}), "ada%40example.com"),
        (json!({"unicode": "Keep"}), "ada＠example.com"),
        (json!({"base64": false}), encoded.as_str()),
        (json!({"nestedJson": 0}), r#"{"pin":"1234"}"#),
    ] {
        assert_eq!(with(decode.clone()).content(text), text, "{decode}");
        assert_ne!(with(json!({})).content(text), text, "{decode}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_value_is_masked_in_any_disguise_wherever_in_a_message_it_stands(
        sample in prop::sample::select(&SAMPLES[..]),
        disguise in any::<prop::sample::Index>(),
        before in "[a-z ]{0,12} ",
        place in 0..5_usize,
    ) {
        let (plain, value) = plain_and_value(sample.1);
        let all = disguises(&plain);
        let (called, hidden) = all.get(disguise.index(all.len())).unwrap();
        // JSON is opened only where it is a whole text.
        let text = if called.contains("JSON") { hidden.clone() } else { format!("{before}{hidden} z") };
        let message = match place {
            0 => result(json!({"content": [{"type": "text", "text": text}]})),
            1 => result(json!({"structuredContent": {"rows": [[text]]}})),
            2 => result(json!({"structuredContent": {text: 1}})),
            3 => json!({"jsonrpc": "2.0", "id": 1, "error": {"code": 1, "message": text}}),
            _ => result(json!({"contents": [{"uri": "file:///a", "text": text}]})),
        };
        let masked = setup(sample.0).json(&message).to_string();
        let shown = read_by_all(&masked);
        prop_assert!(!shown.contains(&value), "{} as {}: {}", sample.0, called, masked);
    }
}

/// Every way to cut a text in two, and one into pieces of four.
fn cuts(text: &str) -> Vec<Vec<&str>> {
    let ends: Vec<usize> = text.char_indices().map(|(start, _)| start).collect();
    let mut cuts: Vec<Vec<&str>> =
        ends.iter().skip(1).map(|&end| vec![text.get(..end).unwrap(), text.get(end..).unwrap()]).collect();
    let pieces = ends.chunks(4).map(|chunk| chunk[0]).collect::<Vec<_>>();
    let piece = |(index, &start): (usize, &usize)| {
        text.get(start..pieces.get(index + 1).copied().unwrap_or(text.len()))
    };
    cuts.push(pieces.iter().enumerate().filter_map(piece).collect());
    cuts
}

#[test]
fn a_value_that_is_split_over_neighbours_is_masked_in_each() {
    // Others are values of their kind in part too, or only by the words around them.
    let kinds = ["CreditCard", "Email", "Iban", "UsSsn", "GithubToken", "BrCpf", "MacAddress", "StripeKey"];
    for (kind, row) in SAMPLES.iter().filter(|(kind, _)| kinds.contains(kind)) {
        let (plain, value) = plain_and_value(row);
        let setup = setup(kind);
        for parts in cuts(&plain) {
            let shown = |answer: &Value| {
                let mut texts = Vec::new();
                for block in answer["result"]["content"].as_array().into_iter().flatten() {
                    texts.push(block["text"].as_str().unwrap().to_owned());
                }
                for item in answer["result"]["structuredContent"]["a"].as_array().into_iter().flatten() {
                    texts.push(item.as_str().unwrap().to_owned());
                }
                texts.concat()
            };
            let blocks: Vec<_> = parts.iter().map(|part| json!({"type": "text", "text": part})).collect();
            for message in
                [result(json!({"content": blocks})), result(json!({"structuredContent": {"a": parts}}))]
            {
                let masked = setup.json(&message);
                assert!(!shown(&masked).contains(&value), "{kind}: {masked}");
                assert_eq!(setup.json(&masked), masked, "{kind} twice");
            }
        }
    }
}

#[test]
fn no_value_but_a_key_goes_over_a_line_break() {
    // So nothing is looked for where two texts meet in one.
    for (kind, row) in SAMPLES.iter().filter(|(kind, _)| *kind != "PrivateKey") {
        let (plain, value) = plain_and_value(row);
        let start = plain.find(&value).unwrap();
        for place in plain.char_indices().map(|(place, _)| place).skip(1) {
            let (head, tail) = plain.split_at(place);
            for broken in [format!("{head}\n{tail}"), format!("{head}\r\n{tail}"), format!("{head} \n{tail}")]
            {
                let masked = setup(kind).content(&broken);
                let kept = masked.matches('\n').count();
                assert_eq!(kept, 1, "{kind}: {broken:?} became {masked:?}, with a value from {start} on");
            }
        }
    }
}

#[test]
fn a_key_that_is_split_at_its_line_breaks_is_masked_in_each_part() {
    let (setup, second) = (setup("PrivateKey"), "MIIBVgIBADANBgkqhkiG9w0BAQEFAASC");
    let [first, third] = ["BEGIN", "END"].map(|what| format!("-----{what} PRIVATE KEY-----"));
    for parts in [
        [first.clone(), second.to_owned(), third.clone()],
        [format!("{first}\n"), format!("{second}\n"), third.clone()],
        [first, format!("\n{second}"), format!("\r\n{third}")],
    ] {
        let masked = setup.structured(json!(parts));
        assert!(!masked.to_string().contains(second), "{masked}");
        assert_eq!(setup.structured(masked.clone()), masked);
    }
}

#[test]
fn a_part_of_a_split_value_shows_what_the_action_leaves() {
    let with =
        |action: Value| Setup::with_rule(json!({"detectors": [{"type": "CreditCard", "action": action}]}));
    let parts = json!(["card 4111 1111", " 1111 1111, thanks"]);
    for (action, expected) in [
        (json!({"redact": {}}), json!(["card [REDACTED:CreditCard]", "[REDACTED:CreditCard], thanks"])),
        (json!({"replace": {"string": "x"}}), json!(["card x", "x, thanks"])),
        (json!({"partial": {"keepLast": 4}}), json!(["card **** ****", " **** 1111, thanks"])),
    ] {
        assert_eq!(with(action).structured(parts.clone()), expected);
    }
    let masked =
        with(json!({"redact": {}})).masked(&parse(&result(json!({"structuredContent": parts})).to_string()));
    assert_eq!(masked.counts().values().sum::<u32>(), 1);
}

#[test]
fn neighbours_that_only_look_like_a_split_value_stay() {
    let setup = Setup::redacting();
    for items in [
        json!(["500123", "500124", "500125", "500126"]),
        json!(["2024-05-06", "2024-05-07"]),
        json!(["1.2.3", "4.5.6"]),
        json!(["20.3", "7.65.1-rc.2", "8.1"]),
        json!(["10", "20", "30"]),
        json!(["v1", "@scope/name", "v2"]),
        json!(["52.520008", "13.404954"]),
        json!(["550e8400-e29b-41d4-a716-446655440000", "550e8400-e29b-41d4-a716-446655440001"]),
    ] {
        assert_eq!(setup.structured(items.clone()), items);
    }
}
