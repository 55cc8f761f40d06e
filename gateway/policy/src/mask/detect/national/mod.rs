//! Numbers by which states know persons, companies and vehicles of their own: one module for each kind.

pub(super) mod au_abn;
pub(super) mod au_medicare;
pub(super) mod au_tfn;
pub(super) mod br_cnpj;
pub(super) mod br_cpf;
pub(super) mod ca_sin;
pub(super) mod de_tax;
pub(super) mod es_nif;
pub(super) mod fr_nir;
pub(super) mod in_aadhaar;
pub(super) mod in_pan;
pub(super) mod it_fiscal_code;
pub(super) mod nl_bsn;
pub(super) mod pl_pesel;
pub(super) mod sg_nric;
pub(super) mod uk_nhs;
pub(super) mod uk_nino;
pub(super) mod uk_utr;
pub(super) mod us_dea;
pub(super) mod us_driver_license;
pub(super) mod us_ein;
pub(super) mod us_itin;
pub(super) mod us_medicare;
pub(super) mod us_npi;
pub(super) mod us_passport;
pub(super) mod us_routing;

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use crate::config::DetectorType;
    use crate::mask::detect::test::found;
    use crate::mask::detect::{ALL, name};

    /// The name under which a number of a kind that needs one stands.
    fn label(kind: &str) -> &'static str {
        match kind {
            "UkNhsNumber" => "nhs_number",
            "UkUtr" => "utr",
            "CaSin" => "sin",
            "AuTfn" => "tfn",
            "AuAbn" => "abn",
            "InAadhaar" => "aadhaar",
            "BrCpf" => "cpf",
            "BrCnpj" => "cnpj",
            "DeTaxId" => "steuerId",
            "PlPesel" => "pesel",
            "NlBsn" => "bsn",
            "UsBankRouting" => "routing_number",
            _ => "",
        }
    }

    /// `verdicts.txt` has a number in each line, and what another implementation says of it.
    #[test]
    fn another_implementation_finds_the_same_numbers_valid() {
        let mut kinds = Vec::new();
        for line in include_str!("verdicts.txt").lines().filter(|line| !line.starts_with('#')) {
            let mut parts = line.split(' ');
            let (called, number, verdict) =
                (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
            let kind: DetectorType = ALL.into_iter().find(|kind| name(*kind) == called).unwrap();
            assert_eq!(found(kind, label(called), number).len(), usize::from(verdict == "yes"), "{line}");
            if !kinds.contains(&kind) {
                kinds.push(kind);
            }
        }
        assert_eq!(kinds.len(), 15);
    }
}
