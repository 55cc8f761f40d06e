//! Finding sensitive values in a text: one module for each kind.
//!
//! A detector takes a text and gives the byte ranges at which a value of its kind stands. It knows nothing
//! of rules, actions or JSON, so that another layer (one that undoes disguises, say) can stand before it.
//! A detector says what it waits for; `engine` reads the text, once for all of them, and asks. Every byte is looked
//! at a bounded number of times, whatever the text: a candidate is followed only as far as its kind is long, and
//! where it may be of any length, the search goes on behind it.

mod anthropic;
mod aws;
mod azure;
mod bytes;
mod card;
mod checksum;
mod context;
mod crypto_wallet;
mod date_of_birth;
mod email;
mod engine;
mod entropy;
mod github;
mod gitlab;
mod google;
mod iban;
mod ip_address;
mod json_web_token;
mod mac_address;
mod national;
mod npm;
mod number;
mod openai;
mod password;
mod phone;
mod private_key;
mod pypi;
mod slack;
mod ssn;
mod stripe;
mod token;
mod trigger;
mod url_credentials;
mod vin;

use crate::config::{DetectorGroup, DetectorType};
pub(super) use bytes::condensed;
pub(super) use checksum::passes;
pub(super) use context::is_near;
pub(super) use engine::{Earlier, Finder, Hit, is_token};
pub(super) use entropy::bits;
use trigger::Trigger;
pub(super) use trigger::{MINIMUM_RUN, Wanted};

/// A text, and the name it stands under.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample<'a> {
    text: &'a str,
    label: &'a str,
}

/// A longer name says nothing more about its value, in bytes. It is read once for each candidate.
const MAXIMUM_NAME: usize = 128;
/// A label is a name, or two with a space between.
const MAXIMUM_LABEL: usize = 2 * MAXIMUM_NAME + 1;

/// As much of a name as says something about its value.
pub(super) fn name_in_label(name: &str) -> &str {
    start_of(name, MAXIMUM_NAME)
}

/// The first bytes of a text, up to the end of a character.
fn start_of(text: &str, maximum: usize) -> &str {
    let end = (0..=maximum.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    text.get(..end.unwrap_or(0)).unwrap_or(text)
}

impl<'a> Sample<'a> {
    /// `label` is the name of the member whose value the text is; empty where there is none. Some values are
    /// known by the words around them, and a name is such a word.
    pub(super) fn new(text: &'a str, label: &'a str) -> Self {
        Self { text, label: start_of(label, MAXIMUM_LABEL) }
    }
}

/// Every kind, in the order of the type.
pub(super) const ALL: [DetectorType; 52] = [
    DetectorType::CreditCard,
    DetectorType::Email,
    DetectorType::Iban,
    DetectorType::UsSsn,
    DetectorType::Phone,
    DetectorType::AwsKey,
    DetectorType::GithubToken,
    DetectorType::SlackToken,
    DetectorType::JsonWebToken,
    DetectorType::PrivateKey,
    DetectorType::UsItin,
    DetectorType::UsEin,
    DetectorType::UsBankRouting,
    DetectorType::UsNpi,
    DetectorType::UsDea,
    DetectorType::UsMedicare,
    DetectorType::UsPassport,
    DetectorType::UkNhsNumber,
    DetectorType::UkNino,
    DetectorType::UkUtr,
    DetectorType::CaSin,
    DetectorType::AuTfn,
    DetectorType::AuAbn,
    DetectorType::AuMedicare,
    DetectorType::InAadhaar,
    DetectorType::InPan,
    DetectorType::BrCpf,
    DetectorType::BrCnpj,
    DetectorType::EsNif,
    DetectorType::FrNir,
    DetectorType::DeTaxId,
    DetectorType::ItFiscalCode,
    DetectorType::PlPesel,
    DetectorType::NlBsn,
    DetectorType::SgNric,
    DetectorType::Vin,
    DetectorType::IpAddress,
    DetectorType::MacAddress,
    DetectorType::CryptoWallet,
    DetectorType::DateOfBirth,
    DetectorType::GoogleKey,
    DetectorType::AzureKey,
    DetectorType::GitlabToken,
    DetectorType::StripeKey,
    DetectorType::OpenAiKey,
    DetectorType::AnthropicKey,
    DetectorType::NpmToken,
    DetectorType::PypiToken,
    DetectorType::UrlCredentials,
    DetectorType::Password,
    DetectorType::UsDriverLicense,
    DetectorType::HighEntropySecret,
];

/// What is to be known of a kind.
struct Traits {
    /// As masks and counts show it, and rules call it.
    name: &'static str,
    group: DetectorGroup,
    /// What it waits for.
    triggers: &'static [Trigger],
}

fn traits(kind: DetectorType) -> Traits {
    use DetectorGroup::{PersonalData, Secrets};
    let of = |name, group, triggers| Traits { name, group, triggers };
    match kind {
        DetectorType::CreditCard => of("CreditCard", PersonalData, card::TRIGGERS),
        DetectorType::Email => of("Email", PersonalData, email::TRIGGERS),
        DetectorType::Iban => of("Iban", PersonalData, iban::TRIGGERS),
        DetectorType::UsSsn => of("UsSsn", PersonalData, ssn::TRIGGERS),
        DetectorType::Phone => of("Phone", PersonalData, phone::TRIGGERS),
        DetectorType::AwsKey => of("AwsKey", Secrets, aws::TRIGGERS),
        DetectorType::GithubToken => of("GithubToken", Secrets, github::TRIGGERS),
        DetectorType::SlackToken => of("SlackToken", Secrets, slack::TRIGGERS),
        DetectorType::JsonWebToken => of("JsonWebToken", Secrets, json_web_token::TRIGGERS),
        DetectorType::PrivateKey => of("PrivateKey", Secrets, private_key::TRIGGERS),
        DetectorType::UsItin => of("UsItin", PersonalData, national::us_itin::TRIGGERS),
        DetectorType::UsEin => of("UsEin", PersonalData, national::us_ein::TRIGGERS),
        DetectorType::UsBankRouting => of("UsBankRouting", PersonalData, national::us_routing::TRIGGERS),
        DetectorType::UsNpi => of("UsNpi", PersonalData, national::us_npi::TRIGGERS),
        DetectorType::UsDea => of("UsDea", PersonalData, national::us_dea::TRIGGERS),
        DetectorType::UsMedicare => of("UsMedicare", PersonalData, national::us_medicare::TRIGGERS),
        DetectorType::UsPassport => of("UsPassport", PersonalData, national::us_passport::TRIGGERS),
        DetectorType::UkNhsNumber => of("UkNhsNumber", PersonalData, national::uk_nhs::TRIGGERS),
        DetectorType::UkNino => of("UkNino", PersonalData, national::uk_nino::TRIGGERS),
        DetectorType::UkUtr => of("UkUtr", PersonalData, national::uk_utr::TRIGGERS),
        DetectorType::CaSin => of("CaSin", PersonalData, national::ca_sin::TRIGGERS),
        DetectorType::AuTfn => of("AuTfn", PersonalData, national::au_tfn::TRIGGERS),
        DetectorType::AuAbn => of("AuAbn", PersonalData, national::au_abn::TRIGGERS),
        DetectorType::AuMedicare => of("AuMedicare", PersonalData, national::au_medicare::TRIGGERS),
        DetectorType::InAadhaar => of("InAadhaar", PersonalData, national::in_aadhaar::TRIGGERS),
        DetectorType::InPan => of("InPan", PersonalData, national::in_pan::TRIGGERS),
        DetectorType::BrCpf => of("BrCpf", PersonalData, national::br_cpf::TRIGGERS),
        DetectorType::BrCnpj => of("BrCnpj", PersonalData, national::br_cnpj::TRIGGERS),
        DetectorType::EsNif => of("EsNif", PersonalData, national::es_nif::TRIGGERS),
        DetectorType::FrNir => of("FrNir", PersonalData, national::fr_nir::TRIGGERS),
        DetectorType::DeTaxId => of("DeTaxId", PersonalData, national::de_tax::TRIGGERS),
        DetectorType::ItFiscalCode => of("ItFiscalCode", PersonalData, national::it_fiscal_code::TRIGGERS),
        DetectorType::PlPesel => of("PlPesel", PersonalData, national::pl_pesel::TRIGGERS),
        DetectorType::NlBsn => of("NlBsn", PersonalData, national::nl_bsn::TRIGGERS),
        DetectorType::SgNric => of("SgNric", PersonalData, national::sg_nric::TRIGGERS),
        DetectorType::Vin => of("Vin", PersonalData, vin::TRIGGERS),
        DetectorType::IpAddress => of("IpAddress", PersonalData, ip_address::TRIGGERS),
        DetectorType::MacAddress => of("MacAddress", PersonalData, mac_address::TRIGGERS),
        DetectorType::CryptoWallet => of("CryptoWallet", PersonalData, crypto_wallet::TRIGGERS),
        DetectorType::DateOfBirth => of("DateOfBirth", PersonalData, date_of_birth::TRIGGERS),
        DetectorType::GoogleKey => of("GoogleKey", Secrets, google::TRIGGERS),
        DetectorType::AzureKey => of("AzureKey", Secrets, azure::TRIGGERS),
        DetectorType::GitlabToken => of("GitlabToken", Secrets, gitlab::TRIGGERS),
        DetectorType::StripeKey => of("StripeKey", Secrets, stripe::TRIGGERS),
        DetectorType::OpenAiKey => of("OpenAiKey", Secrets, openai::TRIGGERS),
        DetectorType::AnthropicKey => of("AnthropicKey", Secrets, anthropic::TRIGGERS),
        DetectorType::NpmToken => of("NpmToken", Secrets, npm::TRIGGERS),
        DetectorType::PypiToken => of("PypiToken", Secrets, pypi::TRIGGERS),
        DetectorType::UrlCredentials => of("UrlCredentials", Secrets, url_credentials::TRIGGERS),
        DetectorType::Password => of("Password", Secrets, password::TRIGGERS),
        DetectorType::UsDriverLicense => {
            of("UsDriverLicense", PersonalData, national::us_driver_license::TRIGGERS)
        }
        DetectorType::HighEntropySecret => of("HighEntropySecret", Secrets, entropy::TRIGGERS),
    }
}

fn triggers(kind: DetectorType) -> &'static [Trigger] {
    traits(kind).triggers
}

/// The kinds of a group.
pub(super) fn members(group: DetectorGroup) -> impl Iterator<Item = DetectorType> {
    ALL.into_iter().filter(move |kind| match group {
        DetectorGroup::All => true,
        DetectorGroup::PersonalData | DetectorGroup::Secrets => traits(*kind).group == group,
    })
}

/// The kind's name, as masks and counts show it: the name that rules use.
pub(super) fn name(kind: DetectorType) -> &'static str {
    traits(kind).name
}

/// Whether a kind is looked for in JSON numbers too: where all digits of a value may stand together.
pub(super) fn can_be_number(kind: DetectorType) -> bool {
    triggers(kind).iter().any(Trigger::takes_long_numbers)
}

#[cfg(test)]
pub(super) mod test {
    //! What the tables of the detectors' tests share.

    use super::{DetectorType, Finder, Sample, Wanted};

    /// The values of `kind` in `text`.
    pub(in crate::mask) fn found(kind: DetectorType, label: &str, text: &str) -> Vec<String> {
        let mut finder = Finder::default();
        finder.find(Sample::new(text, label), Wanted::of([kind].into_iter()));
        let mut ranges: Vec<_> = finder.hits().iter().map(|hit| hit.range.clone()).collect();
        ranges.sort_by_key(|range| range.start);
        assert!(ranges.is_sorted_by(|one, other| one.end <= other.start), "{ranges:?} in {text:?}");
        ranges.into_iter().map(|range| text.get(range).unwrap_or("not at a character").to_owned()).collect()
    }

    /// Asserts that of each text exactly what stands between `«` and `»` is found, and the same inside
    /// JSON that was cut and so is read as text.
    pub(in crate::mask) fn assert_marked(kind: DetectorType, rows: &[&str]) {
        for row in rows {
            let text = row.replace(['«', '»'], "");
            let expected: Vec<_> = row
                .split('«')
                .skip(1)
                .map(|rest| rest.split_once('»').map_or("no end", |(value, _)| value).to_owned())
                .collect();
            assert!(!expected.is_empty(), "a row without a mark belongs to the other table: {row}");
            assert_eq!(found(kind, "", &text), expected, "{row}");
            if !text.contains('\n') {
                let escaped = format!("{{\"a\":\"x\\n{text}\\ny");
                assert_eq!(found(kind, "", &escaped), expected, "{escaped}");
            }
        }
    }

    /// Asserts that nothing is found in any of the texts.
    pub(in crate::mask) fn assert_kept(kind: DetectorType, rows: &[&str]) {
        for row in rows {
            assert_eq!(found(kind, "", row), Vec::<String>::new(), "{row}");
        }
    }
    /// What every detector leaves alone, without a word that says otherwise: identifiers, times, hashes, numbers of orders,
    /// versions, coordinates.
    const LOOKALIKES: [&str; 34] = [
        "550e8400-e29b-41d4-a716-446655440000",
        "12345678-1234-4234-8234-123456789012",
        "41111111-1111-4111-8111-111111111111",
        "urn:uuid:00000000-0000-4000-8000-000000000000",
        "01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "507f1f77bcf86cd799439011",
        "2024-05-06T12:30:45.123456789Z",
        "2024-05-06T12:30:45+02:00",
        "2024-05-06 12:30:45.000123",
        "2024-05-06",
        "20240506T123045Z",
        "06.05.2024 12:30",
        "1715000000",
        "1715000000000",
        "1715000000000000",
        "5eb63bbbe01eeed093cb22bb8f5acdc3",
        "a94a8fe5ccb19ba61c4c0873d391e987982fbbd3",
        "commit 9c7cde2f4e8a1b0c3d5e6f708192a3b4c5d6e7f8",
        "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "sha512-z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg==",
        "order 1234567890",
        "ORD-2024-000123456",
        "invoice no. 20240506-17",
        "1.2.3-20240506",
        "v1.2.3.4",
        "node/20.11.1 npm/10.2.4",
        "52.520008, 13.404954",
        "-33.868820,151.209290",
        "127.0.0.1:8080",
        "0.1234567890123456",
        "1,234,567,890.12",
        "0x1f4b3c2d",
        "rgb(255, 255, 255) #ff00aa",
        "978-3-16-148410-0",
    ];

    #[test]
    fn every_detector_leaves_alone_what_only_looks_like_a_value() {
        for kind in super::ALL {
            assert_kept(kind, &LOOKALIKES);
        }
    }
}
