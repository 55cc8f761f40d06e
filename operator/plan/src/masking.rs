//! MaskingRules as the gateway knows them, and what the gateway's own check says of them.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use lychgate_crds::Reason;
use lychgate_crds::approval::policy::Mode;
use lychgate_crds::connection::SecretKeyReference;
use lychgate_crds::masking::{
    self, ConfigMapKeyReference, FailurePolicy, MaskingProgram, MaskingRuleSpec, TermsFrom,
};
use lychgate_gateway_policy::compile::MESSAGE_BYTES;
use lychgate_gateway_policy::config;
use lychgate_gateway_policy::mask::{Cost, check_rule, cost};
use serde::Deserialize as _;
use serde_json::Value;

use crate::names::sha256;
use crate::problem::Finding;
use crate::terms::words;

/// What is wrong with a rule beyond its schema: paths and regular expressions, above all.
pub(crate) fn check(name: &str, spec: &MaskingRuleSpec) -> Vec<Finding> {
    let problems = check_rule(&to_config(name, &with_any_terms(spec))).into_iter();
    let problems = problems.filter(|problem| problem.path != "name");
    let open = (spec.failure_policy == FailurePolicy::Open).then(|| {
        let message = "what cannot be masked passes as it is and is only counted; write Closed where nothing may get \
                       through";
        Finding::warning("spec.failurePolicy", Reason::FailsOpen, message)
    });
    problems
        .map(|problem| Finding::new(format!("spec.{}", problem.path), Reason::InvalidValue, problem.message))
        .chain(open)
        .collect()
}

/// The rule with a word wherever words are elsewhere: those are looked into once every ConfigMap was read.
fn with_any_terms(spec: &MaskingRuleSpec) -> Cow<'_, MaskingRuleSpec> {
    let is_elsewhere = |custom: &masking::Custom| custom.terms_from.is_some() && custom.terms.is_empty();
    if !spec.custom.iter().any(is_elsewhere) {
        return Cow::Borrowed(spec);
    }
    let mut spec = spec.clone();
    for custom in spec.custom.iter_mut().filter(|custom| is_elsewhere(custom)) {
        custom.terms.push("word".to_owned());
    }
    Cow::Owned(spec)
}

/// What the rule in an object as the API server has it is compiled to; none if it has a mistake. `config_maps` are those
/// with words, as the API server has them.
pub(crate) fn program(object: &Value, config_maps: &BTreeMap<String, Arc<Value>>) -> Option<MaskingProgram> {
    let mut spec = MaskingRuleSpec::deserialize(object.get("spec")?).ok()?;
    let text = |name: &str, key: &str| config_maps.get(name)?.get("data")?.get(key)?.as_str();
    for custom in &mut spec.custom {
        if let Some(TermsFrom { config_map_key_ref: ConfigMapKeyReference { name, key } }) =
            &custom.terms_from
        {
            custom.terms = words(text(name, key)?).ok()?;
        }
    }
    let rule = to_config("rule", &spec);
    if !check_rule(&rule).is_empty() {
        return None;
    }
    let Cost { detectors, fields, streaming } = cost(&rule);
    Some(MaskingProgram {
        // Names are texts and numbers are integers in there: nothing that JSON cannot say.
        hash: sha256(&serde_json::to_vec(&rule).unwrap_or_default()),
        detectors: i64::try_from(detectors).unwrap_or(i64::MAX),
        fields: i64::try_from(fields).unwrap_or(i64::MAX),
        streaming,
    })
}

/// A rule as the gateway knows it.
pub(crate) fn to_config(name: &str, spec: &MaskingRuleSpec) -> config::MaskingRule {
    let MaskingRuleSpec {
        target_refs: _,
        connection_selector: _,
        namespace_selector: _,
        mode,
        directions,
        matching,
        detectors,
        custom,
        fields,
        exclude,
        decode,
        limits,
        failure_policy,
    } = spec;
    config::MaskingRule {
        name: name.to_owned(),
        audit: *mode == Mode::Audit,
        message_bytes: limits.as_ref().map(message_bytes),
        fail_open: *failure_policy == FailurePolicy::Open,
        directions: directions.iter().copied().map(direction).collect(),
        matching: matching.as_ref().map(self::matching).unwrap_or_default(),
        detectors: detectors.iter().map(detector).collect(),
        custom: custom.iter().map(self::custom).collect(),
        fields: fields.iter().map(field).collect(),
        exclude: exclude.as_ref().map(self::exclude).unwrap_or_default(),
        decode: decode.as_ref().map(self::decode).unwrap_or_default(),
    }
}

fn decode(decode: &masking::Decode) -> config::Decode {
    let masking::Decode { nested_json, base64, unicode, escapes } = decode;
    config::Decode {
        // What is out of range is found by the check.
        nested_json: u32::try_from(*nested_json).unwrap_or(u32::MAX),
        base64: *base64,
        unicode: match unicode {
            masking::Unicode::Fold => config::Unicode::Fold,
            masking::Unicode::Keep => config::Unicode::Keep,
        },
        escapes: *escapes,
    }
}

/// The size beyond which a message is blocked; the least there is where it is none, which its schema refuses.
fn message_bytes(limits: &masking::MaskingLimits) -> u64 {
    let masking::MaskingLimits { message_bytes, on_exceeded: masking::OnExceeded::Block } = limits;
    message_bytes.bytes().unwrap_or(*MESSAGE_BYTES.start())
}

fn matching(matching: &masking::MaskingMatch) -> config::MaskingMatch {
    let masking::MaskingMatch { tools, resources, when } = matching;
    config::MaskingMatch { tools: tools.clone(), resources: resources.clone(), when: when.clone() }
}

fn direction(direction: masking::Direction) -> config::Direction {
    match direction {
        masking::Direction::Request => config::Direction::Request,
        masking::Direction::Response => config::Direction::Response,
    }
}

fn detector(detector: &masking::Detector) -> config::Detector {
    let masking::Detector { kind, group, action } = detector;
    config::Detector {
        kind: kind.map(detector_type),
        group: group.map(|group| match group {
            masking::DetectorGroup::PersonalData => config::DetectorGroup::PersonalData,
            masking::DetectorGroup::Secrets => config::DetectorGroup::Secrets,
            masking::DetectorGroup::All => config::DetectorGroup::All,
        }),
        action: self::action(action),
    }
}

fn detector_type(kind: masking::DetectorType) -> config::DetectorType {
    match kind {
        masking::DetectorType::CreditCard => config::DetectorType::CreditCard,
        masking::DetectorType::Email => config::DetectorType::Email,
        masking::DetectorType::Iban => config::DetectorType::Iban,
        masking::DetectorType::UsSsn => config::DetectorType::UsSsn,
        masking::DetectorType::Phone => config::DetectorType::Phone,
        masking::DetectorType::AwsKey => config::DetectorType::AwsKey,
        masking::DetectorType::GithubToken => config::DetectorType::GithubToken,
        masking::DetectorType::SlackToken => config::DetectorType::SlackToken,
        masking::DetectorType::JsonWebToken => config::DetectorType::JsonWebToken,
        masking::DetectorType::PrivateKey => config::DetectorType::PrivateKey,
        masking::DetectorType::UsItin => config::DetectorType::UsItin,
        masking::DetectorType::UsEin => config::DetectorType::UsEin,
        masking::DetectorType::UsBankRouting => config::DetectorType::UsBankRouting,
        masking::DetectorType::UsNpi => config::DetectorType::UsNpi,
        masking::DetectorType::UsDea => config::DetectorType::UsDea,
        masking::DetectorType::UsMedicare => config::DetectorType::UsMedicare,
        masking::DetectorType::UsPassport => config::DetectorType::UsPassport,
        masking::DetectorType::UkNhsNumber => config::DetectorType::UkNhsNumber,
        masking::DetectorType::UkNino => config::DetectorType::UkNino,
        masking::DetectorType::UkUtr => config::DetectorType::UkUtr,
        masking::DetectorType::CaSin => config::DetectorType::CaSin,
        masking::DetectorType::AuTfn => config::DetectorType::AuTfn,
        masking::DetectorType::AuAbn => config::DetectorType::AuAbn,
        masking::DetectorType::AuMedicare => config::DetectorType::AuMedicare,
        masking::DetectorType::InAadhaar => config::DetectorType::InAadhaar,
        masking::DetectorType::InPan => config::DetectorType::InPan,
        masking::DetectorType::BrCpf => config::DetectorType::BrCpf,
        masking::DetectorType::BrCnpj => config::DetectorType::BrCnpj,
        masking::DetectorType::EsNif => config::DetectorType::EsNif,
        masking::DetectorType::FrNir => config::DetectorType::FrNir,
        masking::DetectorType::DeTaxId => config::DetectorType::DeTaxId,
        masking::DetectorType::ItFiscalCode => config::DetectorType::ItFiscalCode,
        masking::DetectorType::PlPesel => config::DetectorType::PlPesel,
        masking::DetectorType::NlBsn => config::DetectorType::NlBsn,
        masking::DetectorType::SgNric => config::DetectorType::SgNric,
        masking::DetectorType::Vin => config::DetectorType::Vin,
        masking::DetectorType::IpAddress => config::DetectorType::IpAddress,
        masking::DetectorType::MacAddress => config::DetectorType::MacAddress,
        masking::DetectorType::CryptoWallet => config::DetectorType::CryptoWallet,
        masking::DetectorType::DateOfBirth => config::DetectorType::DateOfBirth,
        masking::DetectorType::GoogleKey => config::DetectorType::GoogleKey,
        masking::DetectorType::AzureKey => config::DetectorType::AzureKey,
        masking::DetectorType::GitlabToken => config::DetectorType::GitlabToken,
        masking::DetectorType::StripeKey => config::DetectorType::StripeKey,
        masking::DetectorType::OpenAiKey => config::DetectorType::OpenAiKey,
        masking::DetectorType::AnthropicKey => config::DetectorType::AnthropicKey,
        masking::DetectorType::NpmToken => config::DetectorType::NpmToken,
        masking::DetectorType::PypiToken => config::DetectorType::PypiToken,
        masking::DetectorType::UrlCredentials => config::DetectorType::UrlCredentials,
        masking::DetectorType::Password => config::DetectorType::Password,
        masking::DetectorType::UsDriverLicense => config::DetectorType::UsDriverLicense,
        masking::DetectorType::HighEntropySecret => config::DetectorType::HighEntropySecret,
    }
}

fn custom(custom: &masking::Custom) -> config::Custom {
    let masking::Custom {
        name,
        regex,
        entropy,
        terms,
        terms_from: _,
        ignore_case,
        keywords,
        window,
        checksum,
        action,
    } = custom;
    config::Custom {
        name: name.clone(),
        regex: regex.clone(),
        entropy_tenths: entropy.as_deref().map(tenths),
        terms: terms.clone(),
        ignore_case: *ignore_case,
        keywords: keywords.clone(),
        // What is out of range is found by the check.
        window: u32::try_from(*window).unwrap_or_default(),
        checksum: match checksum {
            masking::Checksum::None => config::Checksum::None,
            masking::Checksum::Luhn => config::Checksum::Luhn,
            masking::Checksum::Mod97 => config::Checksum::Mod97,
            masking::Checksum::Verhoeff => config::Checksum::Verhoeff,
        },
        action: self::action(action),
    }
}

/// Bits for each character in tenths. What is none is found by the check.
fn tenths(entropy: &str) -> u32 {
    let (whole, part) = entropy.split_once('.').unwrap_or((entropy, "0"));
    let tenths = whole.parse::<u32>().ok().zip(part.parse::<u32>().ok().filter(|part| *part < 10));
    tenths.map_or(0, |(whole, part)| whole.saturating_mul(10).saturating_add(part))
}

fn field(field: &masking::Field) -> config::Field {
    let masking::Field { json_path, keys, columns, action } = field;
    config::Field {
        json_path: json_path.clone(),
        keys: keys.clone(),
        columns: columns.clone(),
        action: self::action(action),
    }
}

/// An action. Where it is not exactly one, which is found by the schema's rules, it is redacted.
fn action(action: &masking::Action) -> config::Action {
    let masking::Action { block, drop, redact, replace, hash, tokenize, fpe, generalize, partial } = action;
    let written = [
        block.map(|masking::Nothing {}| config::Action::Block {}),
        drop.map(|masking::Nothing {}| config::Action::Drop {}),
        redact.map(|masking::Nothing {}| config::Action::Redact {}),
        replace.as_ref().map(|masking::Replacement { string, number }| {
            config::Action::Replace(config::Replacement { string: string.clone(), number: *number })
        }),
        hash.as_ref().map(|masking::Hash { key_ref, length }| {
            config::Action::Hash(config::Hash {
                key: secret_key(key_ref),
                length: u32::try_from(*length).unwrap_or_default(),
            })
        }),
        tokenize.map(|masking::Nothing {}| config::Action::Tokenize {}),
        fpe.as_ref()
            .map(|masking::Fpe { key_ref }| config::Action::Fpe(config::Fpe { key: secret_key(key_ref) })),
        generalize.as_ref().map(self::generalize),
        partial.as_ref().map(|masking::Partial { keep_last }| {
            config::Action::Partial(config::Partial {
                keep_last: u32::try_from(*keep_last).unwrap_or_default(),
            })
        }),
    ];
    let mut written = written.into_iter().flatten();
    match (written.next(), written.next()) {
        (Some(action), None) => action,
        (Some(_), Some(_)) | (None, _) => config::Action::Redact {},
    }
}

fn secret_key(SecretKeyReference { name, key }: &SecretKeyReference) -> config::SecretKey {
    config::SecretKey { secret: name.clone(), key: key.clone() }
}

fn generalize(generalize: &masking::Generalize) -> config::Action {
    let masking::Generalize { bucket, date, ip_address, keep_first } = generalize;
    config::Action::Generalize(config::Generalize {
        bucket: bucket.map(|bucket| u64::try_from(bucket).unwrap_or_default()),
        date: date.map(|part| match part {
            masking::DatePart::Year => config::DatePart::Year,
            masking::DatePart::Month => config::DatePart::Month,
        }),
        ip_address: ip_address.map(|part| match part {
            masking::AddressPart::Network => config::AddressPart::Network,
        }),
        keep_first: keep_first.map(|keep_first| u32::try_from(keep_first).unwrap_or_default()),
    })
}

fn exclude(exclude: &masking::Exclude) -> config::Exclude {
    let masking::Exclude { fields, values, callers } = exclude;
    config::Exclude {
        fields: fields.clone(),
        values: values
            .as_ref()
            .map(|values| config::ExcludedValues { exact: values.exact.clone(), regex: values.regex.clone() })
            .unwrap_or_default(),
        callers: callers
            .as_ref()
            .map(|callers| config::ExcludedCallers { groups: callers.groups.clone() })
            .unwrap_or_default(),
    }
}
